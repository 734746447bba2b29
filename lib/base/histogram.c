// SPDX-License-Identifier: BSD-3-Clause
#include "base/histogram.h"

const uint64_t histogram_bounds_us[HISTOGRAM_N_BOUNDS] = HISTOGRAM_BOUNDS;

void histogram_add(struct histogram *h, uint64_t us)
{
	unsigned int i = 0;

	while (i < HISTOGRAM_N_BOUNDS && us > histogram_bounds_us[i])
		i++;
	h->counts[i]++;
	h->count++;
	h->sum_us += us;
}
