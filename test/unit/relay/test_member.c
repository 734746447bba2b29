// SPDX-License-Identifier: BSD-3-Clause
// Memberships: records, merging, limits, expiry (RFC 7450 sections 5.3.3.4, 5.3.3.7, 5.3.3.8).
#include "harness.h"

#include <string.h>

#include "wire/ip.h"

#define S1 "192.0.2.1"
#define S2 "192.0.2.2"
#define G1 "232.1.1.1"
#define G2 "232.1.1.2"
#define GW "198.51.100.10"

static void update_all(
	struct harness *h, const struct gateway *gw, const struct rec *recs, size_t n)
{
	uint8_t buf[512];
	size_t len = update_make(gw, recs, n, buf);

	input(h, &gw->addr, gw->port, buf, len);
}

static void records_follow_the_table(void **state)
{
	struct harness *h = *state;
	struct gateway gw = gateway_request(h, GW, 1000, 1);
	static const struct rec to_in[] = {{IGMP_TO_IN, S2, G1}, {IGMP_ALLOW, S1, G2}};

	update(h, &gw, IGMP_ALLOW, S1, G1);
	assert_true(gets(h, &gw, S1, G1));
	assert_false(gets(h, &gw, S2, G1));
	update(h, &gw, IGMP_IS_IN, S2, G1); // adds
	assert_true(gets(h, &gw, S1, G1) && gets(h, &gw, S2, G1));
	update(h, &gw, IGMP_BLOCK, S1, G1);
	assert_false(gets(h, &gw, S1, G1));
	assert_true(gets(h, &gw, S2, G1));
	update(h, &gw, IGMP_BLOCK, S1, G1); // repeated
	update(h, &gw, IGMP_ALLOW, S1, G1);
	update_all(h, &gw, to_in, 2); // S2 alone is left of G1
	assert_false(gets(h, &gw, S1, G1));
	assert_true(gets(h, &gw, S2, G1) && gets(h, &gw, S1, G2));
	update(h, &gw, IGMP_TO_IN, NULL, G1); // nothing of G1
	assert_false(gets(h, &gw, S2, G1));
	assert_true(gets(h, &gw, S1, G2));
	update(h, &gw, IGMP_IS_IN, NULL, G2); // adds nothing
	assert_true(gets(h, &gw, S1, G2));
	assert_int_equal(all_drops(h), 0);
	update(h, &gw, IGMP_BLOCK, S1, G2);
	assert_int_equal(relay_endpoint_count(h->r), 0);
	assert_int_equal(h->timers.count, 1);
}

static void odd_records_cost_no_others(void **state)
{
	struct harness *h = *state;
	struct gateway gw = gateway_request(h, GW, 1000, 1);
	static const struct rec recs[] = {{IGMP_IS_EX, NULL, G1}, {IGMP_TO_EX, S1, G1}, {0, S1, G1},
		{7, S1, G1}, {IGMP_ALLOW, S1, "224.0.0.5"}, {IGMP_ALLOW, "127.0.0.1", G1},
		{IGMP_ALLOW, "232.1.1.1", G1}, {IGMP_ALLOW, S1, "198.51.100.1"},
		{IGMP_ALLOW, S2, G2}};
	const struct relay_stats *st = relay_stats(h->r);

	update_all(h, &gw, recs, sizeof(recs) / sizeof(recs[0]));
	assert_true(gets(h, &gw, S2, G2));
	assert_int_equal(relay_channel_count(h->r), 1);
	assert_int_equal(st->drops[RELAY_DROP_RECORD_EXCLUDE], 2);
	assert_int_equal(st->drops[RELAY_DROP_RECORD_TYPE], 2);
	assert_int_equal(st->drops[RELAY_DROP_RECORD_ADDRESS], 4);
	assert_int_equal(all_drops(h), 8);
}

static void channels_are_merged(void **state)
{
	struct harness *h = *state;
	struct gateway a = gateway_request(h, GW, 1000, 1), b = gateway_request(h, GW, 1001, 2);
	const struct sg sg = sg4(S1, G1);

	assert_false(relay_has_channel(h->r, &sg));
	update(h, &a, IGMP_ALLOW, S1, G1);
	update(h, &b, IGMP_ALLOW, S1, G1);
	update(h, &b, IGMP_ALLOW, S1, G1);
	assert_true(relay_has_channel(h->r, &sg));
	assert_int_equal(h->n_wants, 1);
	assert_true(h->wants[0].wanted && sg_eq(&h->wants[0].sg, &sg));
	assert_true(gets(h, &a, S1, G1) && gets(h, &b, S1, G1));
	update(h, &a, IGMP_BLOCK, S1, G1);
	assert_int_equal(h->n_wants, 1);
	assert_true(gets(h, &b, S1, G1) && !gets(h, &a, S1, G1));
	update(h, &b, IGMP_BLOCK, S1, G1);
	assert_int_equal(h->n_wants, 2);
	assert_false(h->wants[1].wanted);
	assert_false(relay_has_channel(h->r, &sg));
}

static void memberships_expire_one_by_one(void **state)
{
	struct harness *h = *state;
	struct gateway gw = gateway_request(h, GW, 1000, 1);

	assert_int_equal(relay_membership_s(&h->opt), 260);
	update(h, &gw, IGMP_ALLOW, S1, G1);
	update(h, &gw, IGMP_ALLOW, S2, G1);
	advance(h, 200);
	update(h, &gw, IGMP_IS_IN, S2, G1);
	advance(h, 59);
	assert_true(gets(h, &gw, S1, G1));
	advance(h, 1);
	assert_false(gets(h, &gw, S1, G1));
	assert_true(gets(h, &gw, S2, G1));
	advance(h, 200);
	assert_false(gets(h, &gw, S2, G1));
	assert_int_equal(relay_endpoint_count(h->r), 0);
	assert_int_equal(relay_stats(h->r)->expired, 2);
	assert_int_equal(h->n_wants, 4);
	h->opt.membership_s = 5;
	update(h, &gw, IGMP_ALLOW, S1, G1);
	advance(h, 5);
	assert_int_equal(relay_endpoint_count(h->r), 0);
	h->opt.membership_s = 0;
	h->opt.qrv = 0;
	h->opt.query_interval_s = 0;
	assert_int_equal(relay_membership_s(&h->opt), 260);
	h->opt.qrv = 3;
	h->opt.query_interval_s = 20;
	assert_int_equal(relay_membership_s(&h->opt), 70);
}

// RFC 9601 section 4.
static void ecn_is_copied_for_who_asked(void **state)
{
	struct harness *h = *state;
	struct gateway plain = gateway_request(h, GW, 1000, 1);
	struct gateway able = gateway_request_e(h, GW, 1001, 2);
	uint8_t buf[RELAY_HEADROOM + 40];
	const struct sg sg = sg4(S1, G1);

	update(h, &plain, IGMP_ALLOW, S1, G1);
	update(h, &able, IGMP_ALLOW, S1, G1);
	for (int v6 = 0; v6 < 2; v6++) {
		for (uint8_t ecn = 0; ecn < 4; ecn++) {
			memset(buf, 0, sizeof(buf));
			buf[RELAY_HEADROOM] = v6 ? 0x6b : 0x45; // DSCP is not copied
			buf[RELAY_HEADROOM + 1] = (uint8_t)(v6 ? 0x80 | ecn << 4 | 7 : 0xb8 | ecn);
			h->n_data = 0;
			assert_int_equal(relay_forward(h->r, &sg, buf, sizeof(buf)), 2);
			for (int i = 0; i < 2; i++)
				assert_int_equal(h->data[i].ecn, h->data[i].port == 1001 ? ecn : 0);
		}
	}
	// The last Request counts, under the secret before as well.
	able = gateway_request(h, GW, 1001, 3);
	plain = gateway_request_e(h, GW, 1000, 4);
	relay_secret_new(h->r, false, h->now_us);
	update(h, &able, IGMP_ALLOW, S1, G1);
	update(h, &plain, IGMP_ALLOW, S1, G1);
	h->n_data = 0;
	assert_int_equal(relay_forward(h->r, &sg, buf, sizeof(buf)), 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(h->data[i].ecn, h->data[i].port == 1000 ? 3 : 0);
}

static void limits_ignore_in_silence(void **state)
{
	struct harness *h = *state;
	struct gateway a = gateway_request(h, GW, 1000, 1), b = gateway_request(h, GW, 1001, 2);
	struct gateway c = gateway_request(h, GW, 1002, 3);
	struct gateway d = gateway_request(h, "198.51.100.11", 1000, 4);
	struct gateway e = gateway_request(h, "198.51.100.12", 1000, 5);
	struct amt_msg query;

	h->opt.max_joins = 2;
	h->opt.max_per_addr = 2;
	h->opt.max_endpoints = 3;
	update(h, &a, IGMP_ALLOW, S1, G1);
	update(h, &a, IGMP_ALLOW, S1, G2);
	update(h, &a, IGMP_ALLOW, S2, G2);
	assert_int_equal(only_drops(h, RELAY_DROP_LIMIT_JOINS), 1);
	assert_true(gets(h, &a, S1, G1) && !gets(h, &a, S2, G2));
	update(h, &a, IGMP_ALLOW, S1, G1); // not a new one
	assert_int_equal(all_drops(h), 1);
	update(h, &b, IGMP_ALLOW, S1, G1);
	update(h, &c, IGMP_ALLOW, S1, G1);
	assert_int_equal(relay_stats(h->r)->drops[RELAY_DROP_LIMIT_ADDR], 1);
	update(h, &d, IGMP_ALLOW, S1, G1);
	update(h, &e, IGMP_ALLOW, S1, G1);
	assert_int_equal(relay_stats(h->r)->drops[RELAY_DROP_LIMIT_ENDPOINTS], 1);
	assert_int_equal(relay_endpoint_count(h->r), 3);
	gateway_request(h, GW, 9, 9);
	assert_int_equal(amt_decode(h->sent[0].buf, h->sent[0].len, &query), AMT_OK);
	assert_true(query.l); // full
	update(h, &b, IGMP_BLOCK, S1, G1);
	update(h, &c, IGMP_ALLOW, S1, G1);
	assert_true(gets(h, &c, S1, G1));
	h->opt.max_joins = 0; // an endpoint that can join nothing is not kept
	update(h, &c, IGMP_BLOCK, S1, G1);
	update(h, &c, IGMP_ALLOW, S1, G1);
	assert_int_equal(relay_endpoint_count(h->r), 2);
}

struct walked {
	unsigned int n;
	uint64_t copies;
};

static void walk_cb(void *arg, const struct relay_membership *m)
{
	struct walked *w = arg;

	assert_int_equal(m->port, 1000);
	assert_true(m->expires_us == (1000 + 260) * US_PER_S);
	w->n++;
	w->copies += m->copies;
}

static void walk_shows_all(void **state)
{
	struct harness *h = *state;
	struct gateway gw = gateway_request(h, GW, 1000, 1);
	struct walked w = {0};

	update(h, &gw, IGMP_ALLOW, S1, G1);
	update(h, &gw, IGMP_ALLOW, S1, G2);
	gets(h, &gw, S1, G1);
	gets(h, &gw, S1, G1);
	relay_membership_walk(h->r, walk_cb, &w);
	assert_int_equal(w.n, 2);
	assert_int_equal(w.copies, 2);
	assert_int_equal(relay_stats(h->r)->data_octets, 80);
}

static void checksum_ip(uint8_t *ip)
{
	uint16_t sum;

	ip[10] = ip[11] = 0;
	sum = ip_cksum(ip, 24);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

// Each row changes one octet of a good Update's inner IP header and mends the header checksum.
static void report_headers_are_checked(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		enum relay_drop why;
	} rows[] = {{8, 2, RELAY_DROP_REPORT_HEADER}, {19, 1, RELAY_DROP_REPORT_HEADER},
		{20, 0x44, RELAY_DROP_REPORT_HEADER}, {20, 0, RELAY_DROP_REPORT_HEADER},
		{9, 17, RELAY_DROP_REPORT_PROTOCOL}, {0, 0x56, RELAY_DROP_REPORT_IP},
		{0, 0x44, RELAY_DROP_REPORT_IP}, {3, 0xff, RELAY_DROP_REPORT_IP},
		{24, 0x11, RELAY_DROP_REPORT_CHECKSUM}, {26, 0x55, RELAY_DROP_REPORT_CHECKSUM}};
	struct harness *h = *state;
	struct gateway gw = gateway_request(h, GW, 1000, 1);
	const struct rec rec = {IGMP_ALLOW, S1, G1};
	uint8_t buf[512], bad[512];
	size_t len = update_make(&gw, &rec, 1, buf);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t before = relay_stats(h->r)->drops[rows[i].why];

		memcpy(bad, buf, len);
		bad[12 + rows[i].at] = rows[i].value;
		checksum_ip(bad + 12);
		input(h, &gw.addr, gw.port, bad, len);
		assert_int_equal(relay_stats(h->r)->drops[rows[i].why], before + 1);
		assert_int_equal(all_drops(h), i + 1);
	}
	assert_int_equal(relay_endpoint_count(h->r), 0);
	memcpy(bad, buf, len); // any source, any TOS, octets after the end
	bad[12 + 1] = 0;
	bad[12 + 12] = 10;
	checksum_ip(bad + 12);
	memset(bad + len, 0xaa, 5);
	input(h, &gw.addr, gw.port, bad, len + 5);
	assert_true(gets(h, &gw, S1, G1));
	assert_int_equal(all_drops(h), sizeof(rows) / sizeof(rows[0]));
}

#define RELAY_TEST(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RELAY_TEST(records_follow_the_table),
		RELAY_TEST(odd_records_cost_no_others),
		RELAY_TEST(channels_are_merged),
		RELAY_TEST(memberships_expire_one_by_one),
		RELAY_TEST(ecn_is_copied_for_who_asked),
		RELAY_TEST(limits_ignore_in_silence),
		RELAY_TEST(walk_shows_all),
		RELAY_TEST(report_headers_are_checked),
	};

	return RUN_TESTS(tests);
}
