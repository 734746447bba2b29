// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "wire/gm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t sources(struct gm_sources *it, uint8_t family)
{
	struct addr s;
	size_t n = 0;

	for (; gm_source_next(it, &s); n++) {
		if (s.family != family)
			abort();
	}
	if (it->rd.bad)
		abort();
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gm_record r;
	struct gm_msg m;
	size_t n = 0;

	if (gm_decode(data, size, &m) != GM_OK)
		return 0;
	n += sources(&m.sources, m.src.family);
	while (gm_record_next(&m.records, &r))
		n += 1 + sources(&r.sources, m.src.family);
	// Each lies in the message with 4 octets at least.
	if (m.records.rd.bad || m.records.left || n * 4 > size)
		abort();
	return 0;
}
