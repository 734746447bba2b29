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

// What was decoded, written again by our own encoders, is the same once more.
static void query_again(const struct gm_msg *m)
{
	struct gm_query q = {.src = m->src,
		.max_resp_ms = m->max_resp_ms,
		.suppress = m->suppress,
		.qrv = m->qrv,
		.qqi_s = m->qqi_s,
		.group = m->group};
	struct gm_sources it = m->sources;
	struct addr list[64];
	struct gm_msg again;
	uint8_t buf[1500];
	int n;

	while (q.n_sources < 64 && gm_source_next(&it, &list[q.n_sources]))
		q.n_sources++;
	q.sources = list;
	n = gm_query_encode(&q, buf, sizeof(buf));
	if (n <= 0 || gm_decode(buf, (size_t)n, &again) != GM_OK || again.type != GM_QUERY)
		abort();
	if (again.max_resp_ms != gm_max_resp_ms(m->src.family, m->max_resp_ms) ||
		again.qqi_s != gm_qqi_s(m->qqi_s) || again.suppress != m->suppress ||
		!addr_eq(&again.group, &m->group) ||
		sources(&again.sources, m->src.family) != q.n_sources ||
		gm_query_capacity(m->src.family, (size_t)n) < q.n_sources)
		abort();
	if (gm_query_encode(&q, buf, (size_t)n - 1) > 0)
		abort();
}

static void report_again(const struct gm_msg *m, size_t room)
{
	struct gm_records records = m->records;
	struct gm_report out;
	struct gm_record r;
	struct gm_msg again;
	uint8_t buf[600];
	size_t written = 0;
	int n;

	gm_report_begin(&out, m->src.family, buf, room < sizeof(buf) ? room : sizeof(buf));
	while (gm_record_next(&records, &r)) {
		struct sg sg = {.g = r.group};

		while (gm_source_next(&r.sources, &sg.s)) {
			if (gm_report_add(&out, r.type, &sg) != 0)
				break;
			written++;
		}
	}
	n = written ? gm_report_end(&out) : 0;
	if (n == 0)
		return;
	if (gm_decode(buf, (size_t)n, &again) != GM_OK || again.type != GM_REPORT)
		abort();
	while (gm_record_next(&again.records, &r))
		written -= sources(&r.sources, m->src.family);
	if (written != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gm_record r;
	struct gm_msg m;
	size_t n = 0;

	if (gm_decode(data, size, &m) != GM_OK)
		return 0;
	if (m.type == GM_QUERY)
		query_again(&m);
	if (m.type == GM_REPORT)
		report_again(&m, size);
	n += sources(&m.sources, m.src.family);
	while (gm_record_next(&m.records, &r))
		n += 1 + sources(&r.sources, m.src.family);
	// Each lies in the message with 4 octets at least.
	if (m.records.rd.bad || m.records.left || n * 4 > size)
		abort();
	return 0;
}
