// SPDX-License-Identifier: BSD-3-Clause
// IGMPv3 and MLDv2 on a link: the golden frames G01 to G06, and by hand what no golden frame has.
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gm_build.h"
#include "unit/unit.h"
#include "wire/gm.h"
#include "wire/igmp.h"
#include "wire/mld.h"

#define FIRST_FRAME 21 // of pim-igmp-dns-vectors.pcap: G01

static uint8_t buf[DATAGRAM_MAX];

// The datagram of frame G0n.
static size_t golden(unsigned int n, uint8_t out[256])
{
	char path[512], err[PCAP_ERRBUF_SIZE];
	const char *dir = getenv("GOLDEN_DIR");
	struct pcap_pkthdr *hdr = NULL;
	const uint8_t *data = NULL;
	size_t len = 0;
	pcap_t *pcap;

	assert_non_null(dir);
	snprintf(path, sizeof(path), "%s/pim-igmp-dns-vectors.pcap", dir);
	pcap = pcap_open_offline(path, err);
	assert_non_null(pcap);
	for (unsigned int i = 0; i < FIRST_FRAME + n - 1; i++)
		assert_int_equal(pcap_next_ex(pcap, &hdr, &data), 1);
	assert_non_null(hdr);
	if (hdr && data) {
		len = hdr->caplen - 14;
		assert_in_range(len, 20, 256);
		memcpy(out, data + 14, len);
	}
	pcap_close(pcap);
	return len;
}

static void same(const struct addr *a, const char *text)
{
	struct addr want = ip(text);

	assert_true(addr_eq(a, &want));
}

static void written(const struct gm_query *q, const uint8_t *want, size_t len)
{
	assert_int_equal(gm_query_encode(q, buf, sizeof(buf)), len);
	assert_memory_equal(buf, want, len);
	assert_int_equal(gm_query_encode(q, buf, len), len);
	assert_int_equal(gm_query_encode(q, buf, len - 1), -ENOSPC);
}

static void golden_queries_igmp(void **state)
{
	struct addr s;
	struct gm_query q = {.src = ip("10.1.1.1"), .max_resp_ms = 10000, .qrv = 2, .qqi_s = 125};
	uint8_t frame[256];
	size_t len = golden(1, frame);
	struct gm_msg m;

	(void)state;
	assert_int_equal(gm_decode(frame, len, &m), GM_OK);
	assert_int_equal(m.type, GM_QUERY);
	same(&m.src, "10.1.1.1");
	same(&m.dst, "224.0.0.1");
	assert_int_equal(m.ttl, 1);
	assert_true(m.router_alert);
	assert_true(addr_is_none(&m.group));
	assert_int_equal(m.max_resp_ms, 10000);
	assert_int_equal(m.qrv, 2);
	assert_int_equal(m.qqi_s, 125);
	assert_false(m.suppress);
	assert_false(gm_source_next(&m.sources, &s));
	written(&q, frame, len);

	len = golden(2, frame);
	assert_int_equal(gm_decode(frame, len, &m), GM_OK);
	assert_int_equal(m.type, GM_QUERY);
	same(&m.group, "232.252.0.2");
	same(&m.dst, "232.252.0.2");
	assert_int_equal(m.max_resp_ms, 1000);
	assert_int_equal(m.sources.left, 1);
	assert_true(gm_source_next(&m.sources, &s));
	same(&s, "192.0.2.12");
	assert_false(gm_source_next(&m.sources, &s));
	q.group = m.group;
	q.max_resp_ms = 1000;
	q.sources = &s;
	q.n_sources = 1;
	written(&q, frame, len);
}

static void golden_queries_mld(void **state)
{
	struct addr s;
	struct gm_query q = {.src = ip("fe80::1"), .max_resp_ms = 10000, .qrv = 2, .qqi_s = 125};
	uint8_t frame[256];
	size_t len = golden(4, frame);
	struct gm_msg m;

	(void)state;
	assert_int_equal(gm_decode(frame, len, &m), GM_OK);
	assert_int_equal(m.type, GM_QUERY);
	same(&m.src, "fe80::1");
	same(&m.dst, "ff02::1");
	assert_int_equal(m.ttl, 1);
	assert_true(m.router_alert);
	assert_true(addr_is_none(&m.group));
	assert_int_equal(m.max_resp_ms, 10000);
	assert_int_equal(m.qqi_s, 125);
	written(&q, frame, len);

	len = golden(5, frame);
	assert_int_equal(gm_decode(frame, len, &m), GM_OK);
	same(&m.group, "ff3e::8000:d");
	assert_int_equal(m.max_resp_ms, 1000);
	assert_true(gm_source_next(&m.sources, &s));
	same(&s, "2001:db8:a::a");
	q.group = m.group;
	q.max_resp_ms = 1000;
	q.sources = &s;
	q.n_sources = 1;
	written(&q, frame, len);
}

static void golden_reports(void **state)
{
	static const struct {
		unsigned int n;
		const char *src, *dst, *group, *source;
	} cases[] = {
		{3, "10.1.1.50", "224.0.0.22", "232.252.0.2", "192.0.2.12"},
		{6, "fe80::50", "ff02::16", "ff3e::8000:d", "2001:db8:a::a"},
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t frame[256];
		size_t len = golden(cases[i].n, frame);
		struct gm_record r;
		struct gm_msg m;
		struct addr s;

		assert_int_equal(gm_decode(frame, len, &m), GM_OK);
		assert_int_equal(m.type, GM_REPORT);
		same(&m.src, cases[i].src);
		same(&m.dst, cases[i].dst);
		assert_true(m.router_alert);
		assert_true(gm_record_next(&m.records, &r));
		assert_int_equal(r.type, IGMP_ALLOW);
		same(&r.group, cases[i].group);
		assert_true(gm_source_next(&r.sources, &s));
		same(&s, cases[i].source);
		assert_false(gm_source_next(&r.sources, &s));
		assert_false(gm_record_next(&m.records, &r));
	}
}

// Section 4.4 of standards.md, and every value in between.
static void codes(void **state)
{
	(void)state;
	assert_int_equal(mld_code_decode(0x2710), 10000);
	assert_int_equal(mld_code_decode(0x7fff), 32767);
	assert_int_equal(mld_code_decode(0x8000), 32768);
	assert_int_equal(mld_code_decode(0xffff), 8387584);
	for (uint32_t v = 0; v < 8400000; v += 37) {
		uint16_t code = mld_code_encode(v);

		assert_true(mld_code_decode(code) <= v);
		assert_true(code == 0xffff || mld_code_decode((uint16_t)(code + 1)) > v);
	}
	assert_int_equal(gm_max_resp_ms(ADDR_V4, 10000), 10000);
	assert_int_equal(gm_max_resp_ms(ADDR_V4, 12950), 12800);
	assert_int_equal(gm_max_resp_ms(ADDR_V4, 99), 0);
	assert_int_equal(gm_max_resp_ms(ADDR_V6, 12950), 12950);
	assert_int_equal(gm_max_resp_ms(ADDR_V6, 40001), 40000);
	assert_int_equal(gm_qqi_s(125), 125);
	assert_int_equal(gm_qqi_s(1000), 992);
}

static void s_flag_and_capacity(void **state)
{
	static struct addr sources[400];
	struct gm_query q = {.src = ip("10.1.1.1"),
		.group = ip("232.1.1.1"),
		.suppress = true,
		.qrv = 7,
		.qqi_s = 200,
		.max_resp_ms = 100,
		.sources = sources};
	struct gm_msg m;
	struct addr s;
	int len;

	(void)state;
	assert_int_equal(gm_query_capacity(ADDR_V4, 1500), 366);
	assert_int_equal(gm_query_capacity(ADDR_V6, 1500), 89);
	assert_int_equal(gm_query_capacity(ADDR_V4, 36), 0);
	for (size_t i = 0; i < 400; i++) {
		sources[i] = ip("192.0.2.1");
		sources[i].bytes[2] = (uint8_t)i;
	}
	q.n_sources = 366;
	len = gm_query_encode(&q, buf, 1500);
	assert_int_equal(len, 1500);
	assert_int_equal(gm_decode(buf, (size_t)len, &m), GM_OK);
	assert_true(m.suppress);
	assert_int_equal(m.qrv, 7);
	assert_int_equal(m.qqi_s, 200);
	for (size_t i = 0; i < 366; i++) {
		assert_true(gm_source_next(&m.sources, &s));
		assert_true(addr_eq(&s, &sources[i]));
	}
	q.n_sources = 367;
	assert_int_equal(gm_query_encode(&q, buf, 1500), -ENOSPC);
	sources[3] = ip("2001:db8::1");
	assert_int_equal(gm_query_encode(&q, buf, sizeof(buf)), -EINVAL);
	q = (struct gm_query){.src = ip("fe80::1"), .group = ip("232.1.1.1")};
	assert_int_equal(gm_query_encode(&q, buf, sizeof(buf)), -EINVAL);
	q = (struct gm_query){0};
	assert_int_equal(gm_query_encode(&q, buf, sizeof(buf)), -EINVAL);
}

static const struct datagram host4 = {
	.src = {ADDR_V4, {10, 1, 1, 50}}, .dst = {ADDR_V4, {224, 0, 0, 22}}, .ttl = 1};
static const struct datagram host6 = {.src = {ADDR_V6, {0xfe, 0x80, [15] = 0x50}},
	.dst = {ADDR_V6, {0xff, 0x02, [15] = 0x16}},
	.ttl = 1};

static enum gm_err decode(
	const struct datagram *d, const uint8_t *msg, size_t len, struct gm_msg *m)
{
	size_t n = datagram_build(d, msg, len, buf);

	return gm_decode(buf, n, m);
}

// RQ-13: unknown record types are handed on for the receiver to ignore, aux data is skipped, and
// octets after the last record count in the checksum alone.
static void odd_records(void **state)
{
	for (int v = 0; v < 2; v++) {
		const struct datagram *d = v ? &host6 : &host4;
		struct addr g = v ? ip("ff3e::8000:1") : ip("232.1.1.1");
		struct addr s[2] = {v ? ip("2001:db8::1") : ip("192.0.2.1"),
			v ? ip("2001:db8::2") : ip("192.0.2.2")};
		struct message msg;
		struct gm_msg m;
		struct gm_record r;
		struct addr got;

		(void)state;
		message_report(&msg, d->src.family);
		message_record(&msg, 77, &g, s, 2, 0);
		message_record(&msg, IGMP_IS_IN, &g, s, 2, 12);
		message_record(&msg, IGMP_TO_IN, &g, s, 0, 0);
		msg.len += 5; // trailing
		assert_int_equal(decode(d, msg.buf, msg.len, &m), GM_OK);
		assert_int_equal(m.records.left, 3);
		assert_true(gm_record_next(&m.records, &r));
		assert_int_equal(r.type, 77);
		assert_true(gm_record_next(&m.records, &r));
		assert_int_equal(r.type, IGMP_IS_IN);
		assert_true(gm_source_next(&r.sources, &got) && addr_eq(&got, &s[0]));
		assert_true(gm_source_next(&r.sources, &got) && addr_eq(&got, &s[1]));
		assert_false(gm_source_next(&r.sources, &got));
		assert_true(gm_record_next(&m.records, &r));
		assert_int_equal(r.type, IGMP_TO_IN);
		assert_false(gm_source_next(&r.sources, &got));
		assert_false(gm_record_next(&m.records, &r));
		// Every cut through the records is one.
		for (size_t cut = 8; cut < msg.len - 5; cut++)
			assert_int_equal(decode(d, msg.buf, cut, &m), GM_ERR_LENGTH);
		msg.buf[7]++; // a record more than there are
		assert_int_equal(decode(d, msg.buf, msg.len - 5, &m), GM_ERR_LENGTH);
	}
}

static void old_versions(void **state)
{
	static const struct {
		int v6;
		uint8_t wire;
		enum gm_type type;
	} cases[] = {{0, 0x11, GM_OLD_QUERY}, {0, 0x12, GM_OLD_REPORT}, {0, 0x16, GM_OLD_REPORT},
		{0, 0x17, GM_OLD_LEAVE}, {1, 130, GM_OLD_QUERY}, {1, 131, GM_OLD_REPORT},
		{1, 132, GM_OLD_LEAVE}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct datagram *d = cases[i].v6 ? &host6 : &host4;
		struct addr g = cases[i].v6 ? ip("ff3e::8000:1") : ip("232.1.1.1");
		struct message msg;
		struct gm_msg m;

		message_old(&msg, d->src.family, cases[i].wire, &g);
		assert_int_equal(decode(d, msg.buf, msg.len, &m), GM_OK);
		assert_int_equal(m.type, cases[i].type);
		assert_true(addr_eq(&m.group, &g));
		for (size_t cut = 4; cut < msg.len; cut++)
			assert_int_equal(decode(d, msg.buf, cut, &m), GM_ERR_LENGTH);
	}
}

// RQ-14: a query's length is that of its version or it is none.
static void query_lengths(void **state)
{
	struct gm_msg m;
	uint8_t msg[64] = {0x11};

	(void)state;
	for (size_t len = 1; len < sizeof(msg); len++) {
		enum gm_err want = len == 8 || len >= 12 ? GM_OK : GM_ERR_LENGTH;

		if (len >= 4)
			assert_int_equal(decode(&host4, msg, len, &m), want);
	}
	msg[0] = 130;
	for (size_t len = 4; len < sizeof(msg); len++) {
		enum gm_err want = len == 24 || len >= 28 ? GM_OK : GM_ERR_LENGTH;

		assert_int_equal(decode(&host6, msg, len, &m), want);
	}
	msg[0] = 0x11;
	msg[11] = 2; // two sources, and one is there
	assert_int_equal(decode(&host4, msg, 16, &m), GM_ERR_LENGTH);
	assert_int_equal(decode(&host4, msg, 20, &m), GM_OK);
}

static void refused(void **state)
{
	struct datagram d = host4;
	struct addr g = ip("232.1.1.1");
	struct message msg;
	struct gm_msg m;
	size_t len;

	(void)state;
	message_report(&msg, ADDR_V4);
	message_record(&msg, IGMP_ALLOW, &g, NULL, 0, 0);
	d.bad_checksum = true;
	assert_int_equal(decode(&d, msg.buf, msg.len, &m), GM_ERR_CHECKSUM);
	same(&m.src, "10.1.1.50");
	d = host4;
	d.no_alert = true;
	d.ttl = 9;
	assert_int_equal(decode(&d, msg.buf, msg.len, &m), GM_OK);
	assert_false(m.router_alert);
	assert_int_equal(m.ttl, 9);
	msg.buf[0] = 0x13; // DVMRP
	assert_int_equal(decode(&host4, msg.buf, msg.len, &m), GM_ERR_TYPE);
	msg.buf[0] = 135; // a Neighbor Solicitation
	assert_int_equal(decode(&host6, msg.buf, msg.len, &m), GM_ERR_TYPE);
	assert_int_equal(decode(&host4, msg.buf, 0, &m), GM_ERR_LENGTH);

	msg.buf[0] = 143;
	d = host6;
	d.bad_checksum = true;
	assert_int_equal(decode(&d, msg.buf, 8, &m), GM_ERR_CHECKSUM);
	len = datagram_build(&host6, msg.buf, 8, buf);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(gm_decode(buf, cut, &m), GM_ERR_IP);
	buf[40] = 6; // TCP behind the hop-by-hop header
	assert_int_equal(gm_decode(buf, len, &m), GM_ERR_PROTOCOL);
	buf[40] = 58;
	buf[41] = 5; // a header longer than the datagram
	assert_int_equal(gm_decode(buf, len, &m), GM_ERR_IP);
	buf[41] = 0;
	buf[43] = 200; // an option longer than the header
	assert_int_equal(gm_decode(buf, len, &m), GM_ERR_IP);

	len = datagram_build(&host4, msg.buf, 8, buf);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(gm_decode(buf, cut, &m), GM_ERR_IP);
}

// The Router Alert of RFC 2113 among other options.
static void alert_options(void **state)
{
	static const struct {
		uint8_t option[4];
		bool alert;
	} cases[] = {
		{{0x94, 4, 0, 0}, true},
		{{0x94, 4, 0, 1}, false}, // another value
		{{0x94, 3, 0, 0}, false},
		{{0x94, 8, 0, 0}, false}, // past the end
		{{1, 1, 1, 0x94}, false},
		{{0, 0x94, 4, 0}, false}, // behind the end of the list
		{{7, 0, 0, 0}, false},
	};
	struct message msg;
	struct gm_msg m;

	(void)state;
	message_report(&msg, ADDR_V4);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = datagram_build(&host4, msg.buf, msg.len, buf);
		unsigned int sum = 0;

		memcpy(buf + 20, cases[i].option, 4);
		buf[10] = buf[11] = 0;
		for (size_t k = 0; k < 24; k += 2)
			sum += (unsigned int)(buf[k] << 8 | buf[k + 1]);
		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		buf[10] = (uint8_t)(~sum >> 8);
		buf[11] = (uint8_t)~sum;
		assert_int_equal(gm_decode(buf, len, &m), GM_OK);
		assert_int_equal(m.router_alert, cases[i].alert);
		if (i > 0)
			continue;
		buf[6] = 0x20; // a fragment
		buf[10] = (uint8_t)((~sum >> 8) - 0x20);
		assert_int_equal(gm_decode(buf, len, &m), GM_ERR_IP);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_queries_igmp),
		cmocka_unit_test(golden_queries_mld),
		cmocka_unit_test(golden_reports),
		cmocka_unit_test(codes),
		cmocka_unit_test(s_flag_and_capacity),
		cmocka_unit_test(odd_records),
		cmocka_unit_test(old_versions),
		cmocka_unit_test(query_lengths),
		cmocka_unit_test(refused),
		cmocka_unit_test(alert_options),
	};

	return RUN_TESTS(tests);
}
