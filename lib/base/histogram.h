// SPDX-License-Identifier: BSD-3-Clause
// Times, counted by how long they are: what a histogram of OpenMetrics is made of. They only ever
// grow; one writer, who is the reader too.
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdint.h>

// Upper bounds in microseconds, inclusive; what is longer than the last is in the bucket behind it.
#define HISTOGRAM_BOUNDS                                                                         \
	{                                                                                        \
		1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, \
			5000000, 10000000, 30000000, 60000000                                    \
	}
#define HISTOGRAM_N_BOUNDS 15
extern const uint64_t histogram_bounds_us[HISTOGRAM_N_BOUNDS];

struct histogram {
	uint64_t counts[HISTOGRAM_N_BOUNDS + 1]; // each bucket by itself
	uint64_t count, sum_us;			 // of all
};

void histogram_add(struct histogram *h, uint64_t us);

#endif
