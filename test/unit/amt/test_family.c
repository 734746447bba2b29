// SPDX-License-Identifier: BSD-3-Clause
// A tunnel that carries both families: each has a side with its own Requests, MAC and reports.
#include <errno.h>

#include "lab.h"

#define S USEC_PER_SEC

static const struct lab_query v4 = {.qrv = 2, .qqic = 125};
static const struct lab_query v6 = {.mld = true, .qrv = 2, .qqic = 125};

static struct sg c4(void)
{
	return lab_sg("192.0.2.12", "232.252.0.2");
}

static struct sg c6(void)
{
	return lab_sg("2001:db8:a::a", "ff3e::8000:d");
}

static enum amt_event last_event(const struct lab *lab)
{
	assert_true(lab->n_events > 0);
	return lab->events[lab->n_events - 1];
}

static void open_mld(struct lab *lab)
{
	lab->t = amt_tunnel_open_for(lab->gw, &lab->relay, ADDR_V6, lab, &lab->local, lab->now);
	assert_non_null(lab->t);
}

// HR-02, U-03: an MLD tunnel: P set, the Update's report is MLDv2 to ff02::16.
static void test_mld_only(void **state)
{
	static const uint8_t head[] = {0x60, 0, 0, 0, 0, 52, 0, 1, 0xfe, 0x80, [23] = 2, 0xff,
		2, [39] = 0x16, 58, 0, 5, 2, 0, 0, 1, 0, 143, 0};
	struct sg c = c6();
	struct lab lab;
	const struct lab_sent *u;

	(void)state;
	lab_open(&lab);
	open_mld(&lab);
	assert_int_equal(lab.n_sent, 1);
	assert_true(lab.sent[0].msg.p);
	assert_int_equal(lab.sent[0].buf[1], 0x01);
	assert_int_equal(amt_tunnel_side(lab.t, ADDR_V4), AMT_IDLE);
	assert_int_equal(amt_tunnel_side(lab.t, ADDR_V6), AMT_REQUESTING);
	assert_int_equal(amt_tunnel_join(lab.t, &c, lab.now), 0);
	assert_int_equal(amt_tunnel_join(lab.t, &c, lab.now), -EEXIST);
	lab_answer(&lab, &v6);
	assert_int_equal(last_event(&lab), AMT_EV_UP);
	assert_int_equal(amt_tunnel_side(lab.t, ADDR_V6), AMT_UP);
	u = lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 0);
	lab_expect_record(u, IGMP_IS_IN, &c);
	assert_int_equal(u->msg.nonce, lab.sent[0].msg.nonce);
	assert_memory_equal(u->msg.inner, head, sizeof(head));
	lab_forget(&lab);
	assert_int_equal(amt_tunnel_leave(lab.t, &c, lab.now), 0);
	lab_expect_record(lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 0), IGMP_BLOCK, &c);
	// The IPv4 side was never wanted.
	lab_run(&lab, lab.now + 300 * S);
	for (size_t i = 0; i < lab.n_sent; i++)
		assert_true(lab.sent[i].msg.type != AMT_REQUEST || lab.sent[i].buf[1] != 0);
	lab_close(&lab);
}

// HR-10, Q-04: each side takes the protocol that it asked for only.
static void test_wrong_protocol(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab);
	open_mld(&lab);
	lab_answer(&lab, &v4);
	assert_int_equal(amt_gateway_stats(lab.gw)->drops[AMT_DROP_QUERY_PROTOCOL], 1);
	assert_int_equal(lab.n_events, 0);
	amt_tunnel_close(lab.t, lab.now);
	lab_tunnel(&lab);
	lab_answer(&lab, &(struct lab_query){.mld = true, .nonce = lab_nonce(&lab), .qrv = 2});
	assert_int_equal(amt_gateway_stats(lab.gw)->drops[AMT_DROP_QUERY_PROTOCOL], 2);
	assert_int_equal(lab.n_events, 0);
	lab_close(&lab);
}

// the second family begins with its first channel, with a nonce and a MAC of its own.
static void test_both(void **state)
{
	struct sg a = c4(), b = c6();
	struct amt_tunnel_view v;
	struct lab lab;
	uint32_t n4, n6;

	(void)state;
	lab_open(&lab);
	lab_up(&lab);
	n4 = lab_nonce(&lab);
	lab_forget(&lab);
	amt_tunnel_join(lab.t, &a, lab.now);
	lab_expect_record(lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 0), IGMP_ALLOW, &a);
	amt_tunnel_join(lab.t, &b, lab.now);
	assert_int_equal(lab_count(&lab, AMT_MEMBERSHIP_UPDATE), 1);
	n6 = lab_request(&lab, true)->msg.nonce;
	assert_int_not_equal(n4, n6);
	// U-01: meanwhile Updates of the other family go on.
	lab_forget(&lab);
	lab_run(&lab, lab.now + S / 2);
	amt_tunnel_leave(lab.t, &a, lab.now);
	assert_int_equal(lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 0)->msg.nonce, n4);
	amt_tunnel_join(lab.t, &a, lab.now);
	lab_forget(&lab);
	lab_answer(&lab, &(struct lab_query){.mld = true, .nonce = n6, .qrv = 3, .qqic = 60});
	assert_int_equal(last_event(&lab), AMT_EV_SIDE_UP);
	assert_int_equal(lab_count(&lab, AMT_MEMBERSHIP_UPDATE), 1);
	lab_expect_record(lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 0), IGMP_IS_IN, &b);
	assert_int_equal(lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 0)->msg.nonce, n6);
	amt_tunnel_view(lab.t, &v);
	assert_int_equal(v.channels, 2);
	assert_int_equal(v.ipv4.channels, 1);
	assert_int_equal(v.ipv6.channels, 1);
	assert_int_equal(v.ipv4.query_interval_s, 125);
	assert_int_equal(v.ipv6.query_interval_s, 60);
	assert_int_equal(v.ipv6.qrv, 3);
	assert_int_equal(v.ipv6.state, AMT_UP);
	// Each in its own cycle, and closing BLOCKs both.
	lab_run(&lab, lab.now + 59 * S);
	lab_forget(&lab);
	lab_run(&lab, lab.now + 2 * S);
	assert_true(lab_count(&lab, AMT_REQUEST) >= 1);
	assert_true(lab.sent[0].msg.p);
	lab_forget(&lab);
	amt_tunnel_close(lab.t, lab.now);
	lab.t = NULL;
	assert_int_equal(lab_count(&lab, AMT_MEMBERSHIP_UPDATE), 2);
	lab_close(&lab);
}

// A relay that answers one protocol only: the owner is told, the other family goes on, and the
// silent side is tried again; its answer brings what is joined.
static void test_one_side_down(void **state)
{
	struct sg a = c4(), b = c6();
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_up(&lab);
	amt_tunnel_join(lab.t, &a, lab.now);
	amt_tunnel_join(lab.t, &b, lab.now);
	lab_run(&lab, lab.now + 40 * S);
	assert_int_equal(lab.n_events, 1);
	assert_int_equal(last_event(&lab), AMT_EV_SIDE_DOWN);
	assert_int_equal(amt_tunnel_side(lab.t, ADDR_V6), AMT_FAILED);
	assert_int_equal(amt_tunnel_side(lab.t, ADDR_V4), AMT_UP);
	lab_forget(&lab);
	amt_tunnel_leave(lab.t, &a, lab.now);
	lab_expect_record(lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 0), IGMP_BLOCK, &a);
	for (int i = 0; i < 40 && lab_count(&lab, AMT_REQUEST) == 0; i++)
		lab_run(&lab, lab.now + 4 * S);
	// The IPv4 cycle is due first; answered, then the other's.
	lab_answer(&lab, &v4);
	lab_forget(&lab);
	for (int i = 0; i < 60 && lab_count(&lab, AMT_REQUEST) == 0; i++)
		lab_run(&lab, lab.now + 4 * S);
	assert_true(lab.sent[0].msg.p);
	lab_answer(&lab, &v6);
	assert_int_equal(last_event(&lab), AMT_EV_SIDE_UP);
	lab_expect_record(lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 0), IGMP_IS_IN, &b);
	lab_close(&lab);
}

// A failed side that nobody has a channel of is not tried again; both silent: the tunnel is down.
static void test_down(void **state)
{
	struct sg a = c4(), b = c6();
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_up(&lab);
	amt_tunnel_join(lab.t, &b, lab.now);
	lab_run(&lab, lab.now + 40 * S);
	assert_int_equal(last_event(&lab), AMT_EV_SIDE_DOWN);
	amt_tunnel_leave(lab.t, &b, lab.now);
	lab_forget(&lab);
	lab_run(&lab, lab.now + 80 * S);
	assert_int_equal(lab_count(&lab, AMT_REQUEST), 0);
	amt_tunnel_join(lab.t, &a, lab.now);
	// The cycle of IPv4, unanswered.
	lab_run(&lab, lab.now + 40 * S);
	assert_int_equal(last_event(&lab), AMT_EV_DOWN);
	assert_int_equal(amt_tunnel_side(lab.t, ADDR_V4), AMT_FAILED);
	lab_forget(&lab);
	lab_run(&lab, lab.now + 1000 * S);
	assert_int_equal(lab_count(&lab, AMT_REQUEST), 0);
	lab_close(&lab);

	// Neither ever answered.
	lab_open(&lab);
	lab_tunnel(&lab);
	amt_tunnel_want(lab.t, ADDR_V6, lab.now);
	lab_run(&lab, lab.now + 60 * S);
	assert_int_equal(lab.n_events, 2);
	assert_int_equal(lab.events[0], AMT_EV_SIDE_DOWN);
	assert_int_equal(lab.events[1], AMT_EV_DOWN);
	lab_close(&lab);
}

// When a side that was up is not answered any more, the other one asks at once.
static void test_dead_relay(void **state)
{
	struct sg a = c4(), b = c6();
	struct lab lab;
	uint64_t down_us;

	(void)state;
	lab_open(&lab);
	lab_up(&lab);
	amt_tunnel_join(lab.t, &a, lab.now);
	lab_run(&lab, lab.now + 60 * S);
	amt_tunnel_join(lab.t, &b, lab.now);
	lab_answer(&lab, &v6);
	lab.n_events = 0;
	for (int i = 0; i < 100 && lab.n_events == 0; i++)
		lab_run(&lab, lab.now + S);
	assert_int_equal(last_event(&lab), AMT_EV_SIDE_DOWN);
	down_us = lab.now;
	for (int i = 0; i < 100 && lab.n_events == 1; i++)
		lab_run(&lab, lab.now + S);
	assert_int_equal(last_event(&lab), AMT_EV_DOWN);
	assert_true(lab.now - down_us < 20 * S);
	lab_close(&lab);
}

// T-02, T-06: the endpoint changed: Teardown ends the memberships of both families, and both are
// told again from the new one, each with a Query's MAC for it.
static void test_endpoint(void **state)
{
	const struct lab_query was4 = {
		.g = true, .gateway = "198.51.100.1", .port = 1000, .qrv = 1, .qqic = 125};
	struct lab_query q = was4;
	struct sg a = c4(), b = c6();
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_tunnel(&lab);
	lab_answer(&lab, &was4);
	q.mld = true;
	amt_tunnel_join(lab.t, &a, lab.now);
	amt_tunnel_join(lab.t, &b, lab.now);
	lab_answer(&lab, &q);
	// Behind a NAT: a cycle of a minute.
	lab_run(&lab, lab.now + 2 * S);
	lab_forget(&lab);
	lab_run(&lab, lab.now + 58 * S + S / 2);
	assert_int_equal(lab_count(&lab, AMT_REQUEST), 2);
	q.port = 2000;
	lab_answer(&lab, &q);
	assert_int_equal(last_event(&lab), AMT_EV_ENDPOINT);
	assert_int_equal(lab_count(&lab, AMT_TEARDOWN), 1);
	assert_int_equal(lab_nth(&lab, AMT_TEARDOWN, 0)->msg.gateway_port, 1000);
	lab_expect_record(lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 0), IGMP_IS_IN, &b);
	lab_forget(&lab);
	lab.n_events = 0;
	lab_run(&lab, lab.now + 3 * S);
	q.mld = false;
	q.nonce = lab_request(&lab, false)->msg.nonce;
	lab_answer(&lab, &q);
	assert_int_equal(lab.n_events, 0);
	assert_int_equal(lab_count(&lab, AMT_TEARDOWN), 0);
	lab_expect_record(lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 0), IGMP_IS_IN, &a);
	lab_close(&lab);
}

// HR-07: 10,000 IPv6 channels by the table of standards 4.1.
static void split6(const char *relay, uint16_t mtu, size_t outer, bool one_group, size_t want)
{
	static struct lab_record r[400];
	struct lab lab;
	size_t n = 0;

	lab_open_with(&lab, mtu, 3);
	lab.relay = lab_addr(relay);
	open_mld(&lab);
	for (uint32_t i = 0; i < 2000; i++) {
		struct sg c = c6();
		uint8_t *at = one_group ? c.s.bytes : c.g.bytes;

		at[14] = (uint8_t)(i >> 8);
		at[15] = (uint8_t)i;
		assert_int_equal(amt_tunnel_join(lab.t, &c, lab.now), 0);
	}
	lab_answer(&lab, &(struct lab_query){.mld = true, .qrv = 1, .qqic = 125});
	assert_int_equal(lab_count(&lab, AMT_MEMBERSHIP_UPDATE), want);
	for (size_t i = 0; i < want; i++) {
		const struct lab_sent *s = lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, i);

		assert_true(outer + s->len <= mtu);
		n += lab_records(s, r, 400);
	}
	assert_int_equal(n, 2000);
	lab_close(&lab);
}

static void test_split(void **state)
{
	(void)state;
	split6("203.0.113.15", 1500, 28, false, 52);   // 39 channels each
	split6("2001:db8:2::15", 1500, 48, false, 53); // 38
	split6("203.0.113.15", 1280, 28, false, 63);   // 32
	split6("2001:db8:2::15", 1280, 48, false, 63); // 32
	split6("203.0.113.15", 1500, 28, true, 24);    // 86 sources
	split6("2001:db8:2::15", 1500, 48, true, 24);  // 85
	split6("203.0.113.15", 1280, 28, true, 28);    // 72
	split6("2001:db8:2::15", 1280, 48, true, 29);  // 71
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mld_only),
		cmocka_unit_test(test_wrong_protocol),
		cmocka_unit_test(test_both),
		cmocka_unit_test(test_one_side_down),
		cmocka_unit_test(test_down),
		cmocka_unit_test(test_dead_relay),
		cmocka_unit_test(test_endpoint),
		cmocka_unit_test(test_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
