// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "wire/igmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Every source handed over lies in the message: there cannot be more than it has room for.
static void record_cb(void *arg, uint8_t type, const struct addr *g, const struct addr *s)
{
	size_t *left = arg;

	(void)type;
	if (g->family != ADDR_V4 || (s->family != ADDR_V4 && !addr_is_none(s)) || *left < 4)
		abort();
	*left -= 4;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct igmp_query q;
	size_t left = size;

	if (igmp_query_decode(data, size, &q) == IGMP_OK && (size_t)q.n_sources * 4 > size)
		abort();
	igmp_report_decode(data, size, record_cb, &left);
	return 0;
}
