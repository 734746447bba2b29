// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "unit/unit.h"
#include "vectors.h"
#include "wire/amt.h"
#include "wire/igmp.h"
#include "wire/ip.h"

#define HDR 24 // of every IGMP datagram in the vectors

static struct sg sg(const char *s, const char *g)
{
	struct sg out;

	assert_int_equal(addr_parse(s, &out.s), 0);
	assert_int_equal(addr_parse(g, &out.g), 0);
	return out;
}

// The encapsulated datagram of a golden AMT message.
static size_t inner(const char *id, uint8_t *buf)
{
	struct vector v;
	struct amt_msg m;

	vector_get(id, &v);
	assert_int_equal(amt_decode(v.amt, v.len, &m), AMT_OK);
	memcpy(buf, m.inner, m.inner_len);
	return m.inner_len;
}

static void sum(uint8_t *ip, size_t len)
{
	uint16_t c;

	ip[2] = (uint8_t)(len >> 8);
	ip[3] = (uint8_t)len;
	ip[10] = ip[11] = ip[HDR + 2] = ip[HDR + 3] = 0;
	c = ip_cksum(ip, HDR);
	ip[10] = (uint8_t)(c >> 8);
	ip[11] = (uint8_t)c;
	c = ip_cksum(ip + HDR, len - HDR);
	ip[HDR + 2] = (uint8_t)(c >> 8);
	ip[HDR + 3] = (uint8_t)c;
}

static void test_codes(void **state)
{
	(void)state;
	assert_int_equal(igmp_code_decode(0), 0);
	assert_int_equal(igmp_code_decode(0x7d), 125);
	assert_int_equal(igmp_code_decode(0x80), 128);
	assert_int_equal(igmp_code_decode(0x8a), 208);
	assert_int_equal(igmp_code_decode(0x9f), 496);
	assert_int_equal(igmp_code_decode(0xff), 31744);
	for (uint32_t v = 0; v < 32000; v++) {
		uint8_t code = igmp_code_encode(v);

		assert_true(igmp_code_decode(code) <= v);
		assert_true(code == 0xff || igmp_code_decode((uint8_t)(code + 1)) > v);
	}
}

static void test_query(void **state)
{
	struct igmp_query q;
	struct sg relay = sg("203.0.113.15", "232.0.0.1");
	uint8_t want[512], buf[512];
	size_t len = inner("A04", want);

	(void)state;
	assert_int_equal(igmp_query_encode(&relay.s, 1, 2, 125, buf, sizeof(buf)), len);
	assert_memory_equal(buf, want, len);
	assert_int_equal(igmp_query_encode(&relay.s, 1, 2, 125, buf, len - 1), -ENOSPC);
	assert_int_equal(igmp_query_decode(want, len, &q), IGMP_OK);
	assert_int_equal(q.max_resp_ds, 1);
	assert_int_equal(q.qrv, 2);
	assert_int_equal(q.qqi_s, 125);
	assert_true(addr_is_none(&q.group));
	assert_int_equal(q.n_sources, 0);
	// Octets behind the datagram are not its own.
	len = inner("A20", want);
	assert_int_equal(igmp_query_decode(want, len, &q), IGMP_OK);
	assert_int_equal(igmp_query_encode(&relay.s, 1, 0, 0, buf, sizeof(buf)), 36);
	assert_int_equal(igmp_query_decode(buf, 36, &q), IGMP_OK);
	assert_int_equal(q.qrv, 0);
	assert_int_equal(q.qqi_s, 0);
}

// A relay in the field sends IHL 5 without Router Alert and TOS 0 (standards Q-08b), from anywhere.
static void test_query_plain_header(void **state)
{
	uint8_t buf[32] = {0x45, 0, 0, 32, 0, 0, 0x40, 0, 1, 2};
	struct igmp_query q;
	uint16_t c;

	(void)state;
	buf[16] = 224;
	buf[19] = 1;
	c = ip_cksum(buf, 20);
	buf[10] = (uint8_t)(c >> 8);
	buf[11] = (uint8_t)c;
	memcpy(buf + 20, (const uint8_t[]){0x11, 16, 0, 0, 0, 0, 0, 0, 0xf2, 20, 0, 0}, 12);
	c = ip_cksum(buf + 20, 12);
	buf[22] = (uint8_t)(c >> 8);
	buf[23] = (uint8_t)c;
	assert_int_equal(igmp_query_decode(buf, sizeof(buf), &q), IGMP_OK);
	assert_int_equal(q.qqi_s, 20);
	// The flag bits beside QRV are ignored (RFC 9279).
	assert_int_equal(q.qrv, 2);
}

static void test_query_errors(void **state)
{
	static const struct {
		const char *id;
		enum igmp_err err;
	} cases[] = {{"N13", IGMP_ERR_PROTOCOL}, {"N15", IGMP_ERR_LENGTH},
		{"N16", IGMP_ERR_CHECKSUM}, {"N17", IGMP_ERR_IP}, {"A08", IGMP_ERR_PROTOCOL},
		{"A15", IGMP_ERR_PROTOCOL}};
	struct igmp_query q;
	uint8_t buf[512];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = inner(cases[i].id, buf);
		assert_int_equal(igmp_query_decode(buf, len, &q), cases[i].err);
	}
	len = inner("N14", buf);
	assert_int_equal(igmp_query_decode(buf, len, &q), IGMP_OK);
	assert_false(addr_is_none(&q.group));
	len = inner("A05", buf);
	buf[9] = 17;
	sum(buf, len);
	assert_int_equal(igmp_query_decode(buf, len, &q), IGMP_ERR_PROTOCOL);
	// A fragment is not a whole message.
	len = inner("A05", buf);
	buf[6] = 0x20;
	sum(buf, len);
	assert_int_equal(igmp_query_decode(buf, len, &q), IGMP_ERR_IP);
	// More sources than octets.
	len = inner("A05", buf);
	buf[HDR + 11] = 1;
	sum(buf, len);
	assert_int_equal(igmp_query_decode(buf, len, &q), IGMP_ERR_LENGTH);
	// With room for it, and an extension behind it that the checksum covers.
	memset(buf + len, 1, 12);
	sum(buf, len + 12);
	assert_int_equal(igmp_query_decode(buf, len + 12, &q), IGMP_OK);
	assert_int_equal(q.n_sources, 1);
	buf[len + 8] ^= 1;
	assert_int_equal(igmp_query_decode(buf, len + 12, &q), IGMP_ERR_CHECKSUM);
	for (size_t n = 9; n < 12; n++) {
		inner("A05", buf);
		sum(buf, HDR + n);
		assert_int_equal(igmp_query_decode(buf, HDR + n, &q), IGMP_ERR_LENGTH);
	}
	sum(buf, HDR);
	assert_int_equal(igmp_query_decode(buf, HDR, &q), IGMP_ERR_LENGTH);
}

static void test_report_vectors(void **state)
{
	struct sg c = sg("192.0.2.12", "232.252.0.2"), d = sg("192.0.2.13", "232.252.0.2"),
		  e = sg("192.0.2.12", "232.252.0.3");
	struct gm_report r;
	uint8_t want[512], buf[512];
	size_t len = inner("A07", want);

	(void)state;
	gm_report_begin(&r, ADDR_V4, buf, sizeof(buf));
	assert_int_equal(gm_report_end(&r), len);
	assert_memory_equal(buf, want, len);
	len = inner("A08", want);
	gm_report_begin(&r, ADDR_V4, buf, sizeof(buf));
	assert_int_equal(gm_report_add(&r, IGMP_ALLOW, &c), 0);
	assert_int_equal(gm_report_end(&r), len);
	assert_memory_equal(buf, want, len);
	len = inner("A10", want);
	gm_report_begin(&r, ADDR_V4, buf, sizeof(buf));
	assert_int_equal(gm_report_add(&r, IGMP_BLOCK, &c), 0);
	assert_int_equal(gm_report_end(&r), len);
	assert_memory_equal(buf, want, len);
	len = inner("A09", want);
	gm_report_begin(&r, ADDR_V4, buf, sizeof(buf));
	assert_int_equal(gm_report_add(&r, IGMP_IS_IN, &c), 0);
	assert_int_equal(gm_report_add(&r, IGMP_IS_IN, &d), 0);
	assert_int_equal(gm_report_add(&r, IGMP_IS_IN, &e), 0);
	assert_int_equal(gm_report_end(&r), len);
	assert_memory_equal(buf, want, len);
}

// The capacities of standards 4.1: what fits behind 20+8+12 octets of outer headers.
static void test_report_capacity(void **state)
{
	static const struct {
		size_t mtu;
		int sources, channels;
	} cases[] = {{1500, 355, 119}, {1280, 300, 100}};
	struct gm_report r;
	uint8_t buf[1500];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct sg c = sg("10.0.0.1", "232.1.1.1");
		int n;

		gm_report_begin(&r, ADDR_V4, buf, cases[i].mtu - 40);
		for (n = 0; gm_report_add(&r, IGMP_ALLOW, &c) == 0; n++)
			c.s.bytes[3]++;
		assert_int_equal(n, cases[i].sources);
		assert_true(r.len <= cases[i].mtu - 40);
		gm_report_begin(&r, ADDR_V4, buf, cases[i].mtu - 40);
		for (n = 0; gm_report_add(&r, IGMP_ALLOW, &c) == 0; n++)
			c.g.bytes[3]++;
		assert_int_equal(n, cases[i].channels);
		assert_int_equal(gm_report_end(&r), 32 + 12 * n);
	}
	for (size_t size = 0; size < 44; size++) {
		struct sg c = sg("10.0.0.1", "232.1.1.1");

		gm_report_begin(&r, ADDR_V4, buf, size);
		assert_int_equal(gm_report_add(&r, IGMP_ALLOW, &c), -ENOSPC);
		assert_int_equal(gm_report_end(&r), size < 32 ? -ENOSPC : 32);
	}
	struct sg six = sg("2001:db8::1", "ff3e::8000:d");
	gm_report_begin(&r, ADDR_V4, buf, sizeof(buf));
	assert_int_equal(gm_report_add(&r, IGMP_ALLOW, &six), -EINVAL);
}

struct seen {
	int n, empty;
	uint8_t type[8];
	struct sg sg[8];
};

static void record_cb(void *arg, uint8_t type, const struct addr *g, const struct addr *s)
{
	struct seen *seen = arg;

	assert_true(seen->n < 8);
	seen->type[seen->n] = type;
	seen->sg[seen->n++] = (struct sg){.s = *s, .g = *g};
	seen->empty += addr_is_none(s);
}

static void test_report_decode(void **state)
{
	struct sg want[] = {sg("192.0.2.12", "232.252.0.2"), sg("192.0.2.13", "232.252.0.2"),
		sg("192.0.2.12", "232.252.0.3")};
	struct seen seen = {0};
	uint8_t buf[512];
	size_t len = inner("A09", buf);

	(void)state;
	assert_int_equal(igmp_report_decode(buf, len, record_cb, &seen), IGMP_OK);
	assert_int_equal(seen.n, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(seen.type[i], IGMP_IS_IN);
		assert_true(sg_eq(&seen.sg[i], &want[i]));
	}
	// Checked whole before the first callback: one source less than the second record says.
	buf[HDR + 8 + 16 + 3] = 2;
	sum(buf, len);
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(igmp_report_decode(buf, len, record_cb, &seen), IGMP_ERR_LENGTH);
	assert_int_equal(seen.n, 0);
	// A record of another type with aux data and no source, then one that is known.
	len = inner("A08", buf);
	memmove(buf + HDR + 8 + 12, buf + HDR + 8, 12);
	memcpy(buf + HDR + 8, (const uint8_t[]){9, 1, 0, 0, 232, 1, 1, 1, 0xaa, 0xbb, 0xcc, 0xdd},
		12);
	buf[HDR + 7] = 2;
	sum(buf, len + 12);
	assert_int_equal(igmp_report_decode(buf, len + 12, record_cb, &seen), IGMP_OK);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.empty, 1);
	assert_int_equal(seen.type[0], 9);
	assert_int_equal(seen.type[1], IGMP_ALLOW);
	buf[HDR + 9] = 200;
	sum(buf, len + 12);
	assert_int_equal(igmp_report_decode(buf, len + 12, record_cb, &seen), IGMP_ERR_LENGTH);
	// Aux data past the end behind the last record.
	len = inner("A08", buf);
	buf[HDR + 9] = 1;
	sum(buf, len);
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(igmp_report_decode(buf, len, record_cb, &seen), IGMP_ERR_LENGTH);
	assert_int_equal(seen.n, 0);
	len = inner("A04", buf);
	assert_int_equal(igmp_report_decode(buf, len, record_cb, &seen), IGMP_ERR_PROTOCOL);
}

static void test_truncations(void **state)
{
	static const char *const ids[] = {"A04", "A05", "A07", "A08", "A09", "A10"};
	struct igmp_query q;
	uint8_t buf[512];

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		size_t whole = inner(ids[i], buf);

		for (size_t len = 0; len < whole; len++) {
			uint8_t *copy = malloc(len ? len : 1);
			struct seen seen = {0};

			assert_non_null(copy);
			memcpy(copy, buf, len);
			// As it is, the IP header says more than there is.
			assert_int_equal(igmp_query_decode(copy, len, &q), IGMP_ERR_IP);
			assert_int_equal(
				igmp_report_decode(copy, len, record_cb, &seen), IGMP_ERR_IP);
			// With every length and checksum made right, the IGMP message is too short.
			if (len >= HDR + 4) {
				sum(copy, len);
				assert_int_not_equal(igmp_query_decode(copy, len, &q), IGMP_OK);
				assert_int_not_equal(
					igmp_report_decode(copy, len, record_cb, &seen), IGMP_OK);
			}
			assert_int_equal(seen.n, 0);
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_query_plain_header),
		cmocka_unit_test(test_query_errors),
		cmocka_unit_test(test_report_vectors),
		cmocka_unit_test(test_report_capacity),
		cmocka_unit_test(test_report_decode),
		cmocka_unit_test(test_truncations),
	};

	return RUN_TESTS(tests);
}
