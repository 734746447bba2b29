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
	struct addr src = {.family = ADDR_V4, .bytes = {203, 0, 113, 1}};
	uint8_t buf[64];
	int n;

	// Any codes of a General Query.
	if (size >= 3) {
		n = igmp_query_encode(&src, data[0], data[1], data[2], buf, sizeof(buf));
		if (n <= 0 || igmp_query_decode(buf, (size_t)n, &q) != IGMP_OK ||
			q.max_resp_ds != igmp_code_decode(data[0]) ||
			igmp_query_encode(&src, 0, 0, 0, buf, (size_t)n - 1) > 0)
			abort();
		if (igmp_code_decode(igmp_code_encode(data[0] << 8 | data[1])) >
			(uint32_t)(data[0] << 8 | data[1]))
			abort();
	}
	if (igmp_query_decode(data, size, &q) == IGMP_OK && (size_t)q.n_sources * 4 > size)
		abort();
	igmp_report_decode(data, size, record_cb, &left);
	return 0;
}
