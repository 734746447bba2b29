// SPDX-License-Identifier: BSD-3-Clause
#include "../wire/vectors.h"
#include "lab.h"
#include "wire/ip.h"

#define S USEC_PER_SEC

static const struct lab_query plain = {.qrv = 2, .qqic = 125};

static struct amt_tunnel_view view(const struct lab *lab)
{
	struct amt_tunnel_view v;

	amt_tunnel_view(lab->t, &v);
	return v;
}

// A golden Query with the nonce of our Request, from where the vector says.
static void deliver(struct lab *lab, const char *id, bool right_nonce, size_t cut)
{
	uint32_t nonce = lab_nonce(lab);
	struct vector v;

	vector_get(id, &v);
	for (size_t i = 0; right_nonce && i < 4 && 8 + i < v.len; i++)
		v.amt[8 + i] = (uint8_t)(nonce >> (24 - 8 * i));
	amt_tunnel_input(lab->t, &v.src, v.src_port, v.amt, v.len - cut, lab->now);
}

static void test_up(void **state)
{
	struct addr relay = lab_addr("203.0.113.15");
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_tunnel(&lab);
	assert_int_equal(lab.n_sent, 1);
	assert_true(addr_eq(&lab.sent[0].dst, &relay));
	assert_int_equal(lab.sent[0].len, 8);
	// P, E and the reserved bits are 0 (A03).
	assert_memory_equal(lab.sent[0].buf, "\x03\0\0\0", 4);
	assert_int_equal(view(&lab).state, AMT_REQUESTING);
	assert_int_equal(view(&lab).unanswered, 1);
	lab.now += 30000;
	deliver(&lab, "A04", true, 0);
	assert_int_equal(lab.n_events, 1);
	assert_int_equal(lab.events[0], AMT_EV_UP);
	assert_int_equal(view(&lab).state, AMT_UP);
	assert_int_equal(view(&lab).qrv, 2);
	assert_int_equal(view(&lab).query_interval_s, 125);
	assert_int_equal(view(&lab).unanswered, 0);
	assert_true(view(&lab).gateway_flag);
	struct addr gateway = view(&lab).gateway_addr;
	assert_true(addr_eq(&gateway, &lab.local));
	assert_int_equal(view(&lab).gateway_port, 32768);
	assert_int_equal(view(&lab).next_request_us, lab.now + 125 * S);
	// nothing joined, no Update. Q-05: the same Query again is not used.
	assert_int_equal(lab.n_sent, 1);
	deliver(&lab, "A04", true, 0);
	assert_int_equal(amt_gateway_stats(lab.gw)->drops[AMT_DROP_UNEXPECTED], 1);
	assert_int_equal(lab.n_events, 1);
	assert_int_equal(lab_drops(&lab), 1);
	lab_close(&lab);
	assert_string_equal(amt_tunnel_state_name(AMT_UP), "up");
}

// one nonce while a Request is repeated, a new one each cycle; 1 s, then up to 2, 4, 8.
static void test_backoff(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 50; seed++) {
		struct lab lab;

		lab_open_with(&lab, 1280, seed);
		lab_tunnel(&lab);
		lab_run(&lab, 100 * S);
		assert_int_equal(lab_count(&lab, AMT_REQUEST), 4);
		for (size_t i = 1; i < 4; i++) {
			assert_in_range(lab.sent[i].at_us - lab.sent[i - 1].at_us, S, S << (i - 1));
			assert_int_equal(lab.sent[i].msg.nonce, lab.sent[0].msg.nonce);
		}
		assert_int_equal(lab.n_events, 1);
		assert_int_equal(lab.events[0], AMT_EV_DOWN);
		assert_int_equal(view(&lab).state, AMT_FAILED);
		assert_int_equal(view(&lab).unanswered, 4);
		assert_in_range(view(&lab).since_us - lab.sent[3].at_us, S, 8 * S);
		// Nothing more happens, and a late answer is not used.
		deliver(&lab, "A04", true, 0);
		assert_int_equal(amt_gateway_stats(lab.gw)->drops[AMT_DROP_UNEXPECTED], 1);
		amt_tunnel_refresh(lab.t, lab.now);
		assert_int_equal(lab.n_sent, 4);
		lab_close(&lab);
	}
}

static void test_cycle(void **state)
{
	uint32_t nonces[8];
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_tunnel(&lab);
	for (size_t i = 0; i < 8; i++) {
		nonces[i] = lab_nonce(&lab);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(nonces[i], nonces[j]);
		assert_int_not_equal(nonces[i], 0);
		lab_answer(&lab, &plain);
		lab_run(&lab, lab.now + 125 * S - 1);
		assert_int_equal(lab_count(&lab, AMT_REQUEST), i + 1);
		lab_run(&lab, lab.now + 1);
		assert_int_equal(lab_count(&lab, AMT_REQUEST), i + 2);
	}
	assert_int_equal(lab.n_events, 1);
	// Answered at the third try: the back-off starts over in the next cycle.
	lab_run(&lab, lab.now + 2500000);
	assert_int_equal(view(&lab).state, AMT_UP);
	assert_true(view(&lab).unanswered > 1);
	lab_answer(&lab, &plain);
	lab_forget(&lab);
	lab_run(&lab, lab.now + 125 * S);
	lab_run(&lab, lab.now + S);
	assert_int_equal(lab_count(&lab, AMT_REQUEST), 2);
	assert_int_equal(lab.sent[0].msg.nonce, lab.sent[1].msg.nonce);
	// A tunnel that was up fails as well when the relay falls silent.
	lab_run(&lab, lab.now + 100 * S);
	assert_int_equal(lab.n_events, 2);
	assert_int_equal(lab.events[1], AMT_EV_DOWN);
	assert_int_equal(view(&lab).state, AMT_FAILED);
	lab_close(&lab);
}

// While data comes, Requests that are not answered are no reason to give the relay up.
static void test_unanswered_but_heard(void **state)
{
	size_t asked;
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_tunnel(&lab);
	lab_answer(&lab, &plain);
	lab_run(&lab, lab.now + 125 * S);
	lab_forget(&lab);
	for (int i = 0; i < 100; i++) {
		lab_run(&lab, lab.now + S);
		amt_tunnel_heard(lab.t, ADDR_V4);
	}
	assert_int_equal(lab.n_events, 1);
	assert_int_equal(view(&lab).state, AMT_UP);
	// Beyond its tries it asks each five seconds.
	asked = lab_count(&lab, AMT_REQUEST);
	assert_true(asked >= 14 && asked <= 24);
	lab_run(&lab, lab.now + 11 * S);
	assert_int_equal(lab.n_events, 2);
	assert_int_equal(lab.events[1], AMT_EV_DOWN);
	lab_close(&lab);
	// An answer at last, and all is as ever.
	lab_open(&lab);
	lab_tunnel(&lab);
	lab_answer(&lab, &plain);
	lab_run(&lab, lab.now + 125 * S);
	for (int i = 0; i < 60; i++) {
		lab_run(&lab, lab.now + S);
		amt_tunnel_heard(lab.t, ADDR_V4);
	}
	assert_true(view(&lab).unanswered > 4);
	lab_answer(&lab, &plain);
	assert_int_equal(view(&lab).unanswered, 0);
	lab_forget(&lab);
	lab_run(&lab, lab.now + 124 * S);
	assert_int_equal(lab_count(&lab, AMT_REQUEST), 0);
	lab_close(&lab);
}

// the interval as the relay says it, 0 meaning the default; QRV likewise.
static void test_intervals(void **state)
{
	static const struct {
		uint8_t qqic, qrv;
		uint32_t cycle_s;
		uint8_t want_qrv;
	} cases[] = {{0, 0, 125, 2}, {1, 1, 1, 1}, {5, 7, 5, 7}, {20, 2, 20, 2}, {0x80, 2, 128, 2},
		{0xff, 2, 31744, 2}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lab_query q = {.qqic = cases[i].qqic, .qrv = cases[i].qrv};
		struct lab lab;

		lab_open(&lab);
		lab_tunnel(&lab);
		lab_answer(&lab, &q);
		assert_int_equal(view(&lab).query_interval_s, cases[i].cycle_s);
		assert_int_equal(view(&lab).qrv, cases[i].want_qrv);
		assert_int_equal(view(&lab).next_request_us, lab.now + cases[i].cycle_s * S);
		lab_close(&lab);
	}
}

// another address than ours in the Query is a NAT, whose mapping must not run out.
static void test_nat(void **state)
{
	struct lab_query q = {
		.g = true, .gateway = "203.0.113.200", .port = 1, .qrv = 2, .qqic = 125};
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_tunnel(&lab);
	lab_answer(&lab, &q);
	assert_int_equal(view(&lab).next_request_us, lab.now + 60 * S);
	lab_run(&lab, lab.now + 60 * S);
	q.qqic = 20;
	lab_answer(&lab, &q);
	assert_int_equal(view(&lab).next_request_us, lab.now + 20 * S);
	lab_close(&lab);
}

// N14's datagram, 36 octets, becomes a query for no group and one source; the 18 gateway octets
// move.
static void general_with_source(struct vector *v)
{
	uint8_t *ip = v->amt + 12, *igmp = ip + 24;
	uint16_t sum;

	memmove(igmp + 16, igmp + 12, 18);
	v->len += 4;
	ip[3] += 4;
	ip[10] = ip[11] = 0;
	sum = ip_cksum(ip, 24);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	memset(igmp + 2, 0, 6);
	igmp[11] = 1;
	igmp[12] = 192;
	igmp[13] = 0;
	igmp[14] = 2;
	igmp[15] = 12;
	sum = ip_cksum(igmp, 16);
	igmp[2] = (uint8_t)(sum >> 8);
	igmp[3] = (uint8_t)sum;
}

static void test_negative(void **state)
{
	static const struct {
		const char *id;
		bool right_nonce;
		enum amt_drop drop;
	} cases[] = {
		{"N01", false, AMT_DROP_VERSION},
		{"N02", false, AMT_DROP_TYPE},
		{"N03", false, AMT_DROP_TYPE},
		{"N04", false, AMT_DROP_SHORT},
		{"N05", false, AMT_DROP_SHORT},
		{"N06", false, AMT_DROP_ADV_LENGTH},
		{"N07", false, AMT_DROP_UNEXPECTED},
		{"N08", false, AMT_DROP_UNEXPECTED},
		{"N09", false, AMT_DROP_UNEXPECTED},
		{"N10", false, AMT_DROP_UNEXPECTED},
		{"N11", false, AMT_DROP_NONCE},
		{"N12", true, AMT_DROP_SOURCE},
		{"N13", true, AMT_DROP_QUERY_PROTOCOL},
		{"N14", true, AMT_DROP_QUERY_NOT_GENERAL},
		{"N15", true, AMT_DROP_QUERY_LENGTH},
		{"N16", true, AMT_DROP_QUERY_CHECKSUM},
		{"N17", true, AMT_DROP_QUERY_IP},
		{"N18", true, AMT_DROP_QUERY_GATEWAY},
		{"N19", false, AMT_DROP_DATA},
		{"N20", false, AMT_DROP_DATA},
		{"N22", false, AMT_DROP_DATA},
		{"N30", false, AMT_DROP_TYPE},
		{"A01", false, AMT_DROP_TYPE},
		{"A08", false, AMT_DROP_TYPE},
		{"A11", false, AMT_DROP_DATA},
		{"A13", false, AMT_DROP_TYPE},
		{"A15", true, AMT_DROP_QUERY_PROTOCOL},
	};
	struct amt_tunnel_view was, is;
	struct amt_stats before, after;
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_tunnel(&lab);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		before = *amt_gateway_stats(lab.gw);
		was = view(&lab);
		deliver(&lab, cases[i].id, cases[i].right_nonce, 0);
		after = *amt_gateway_stats(lab.gw);
		is = view(&lab);
		assert_int_equal(is.state, was.state);
		assert_int_equal(is.unanswered, was.unanswered);
		assert_int_equal(is.next_request_us, was.next_request_us);
		assert_int_equal(is.last_query_us, was.last_query_us);
		assert_int_equal(is.since_us, was.since_us);
		// Exactly that counter, by one.
		before.drops[cases[i].drop]++;
		assert_memory_equal(&before, &after, sizeof(after));
		assert_int_equal(lab.n_events, 0);
		assert_int_equal(lab.n_sent, 1);
	}
	// From the relay's port, but another address.
	struct addr other = lab_addr("203.0.113.16");
	struct vector v;
	vector_get("A05", &v);
	memcpy(v.amt + 8, lab.sent[0].buf + 4, 4);
	amt_tunnel_input(lab.t, &other, AMT_PORT, v.amt, v.len, lab.now);
	assert_int_equal(amt_gateway_stats(lab.gw)->drops[AMT_DROP_SOURCE],
		before.drops[AMT_DROP_SOURCE] + 1);
	assert_int_equal(lab.n_events, 0);
	// No group, but a source: not a General Query either.
	vector_get("N14", &v);
	memcpy(v.amt + 8, lab.sent[0].buf + 4, 4);
	general_with_source(&v);
	before = *amt_gateway_stats(lab.gw);
	amt_tunnel_input(lab.t, &v.src, v.src_port, v.amt, v.len, lab.now);
	assert_int_equal(amt_gateway_stats(lab.gw)->drops[AMT_DROP_QUERY_NOT_GENERAL],
		before.drops[AMT_DROP_QUERY_NOT_GENERAL] + 1);
	assert_int_equal(lab.n_events, 0);
	deliver(&lab, "A20", true, 0);
	assert_int_equal(lab.events[0], AMT_EV_UP);
	lab_close(&lab);
}

static void test_truncations(void **state)
{
	static const char *const ids[] = {"A04", "A05", "A06", "A20"};
	struct lab lab;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct vector v;

		lab_open(&lab);
		lab_tunnel(&lab);
		vector_get(ids[i], &v);
		// A20 has four stray octets, and its last 18 are what they are when one to four of
		// the message are cut; only then can the fields not be told to be wrong.
		for (size_t cut = v.len; cut > (i == 3 ? 4 : 0); cut--) {
			deliver(&lab, ids[i], true, cut);
			assert_int_equal(lab_drops(&lab), v.len - cut + 1);
		}
		assert_int_equal(lab.n_events, 0);
		assert_int_equal(view(&lab).state, AMT_REQUESTING);
		lab_close(&lab);
	}
}

static void test_limit(void **state)
{
	struct lab_query q = {.l = true, .qrv = 2, .qqic = 125};
	struct sg c = lab_sg("192.0.2.12", "232.252.0.2");
	struct lab lab;

	(void)state;
	// The first Query refuses us, though a channel waits to be reported.
	lab_open(&lab);
	lab_tunnel(&lab);
	amt_tunnel_join(lab.t, &c, lab.now);
	deliver(&lab, "A06", true, 0);
	assert_int_equal(lab.n_events, 1);
	assert_int_equal(lab.events[0], AMT_EV_FULL);
	assert_int_equal(view(&lab).state, AMT_FAILED);
	assert_true(view(&lab).limit_flag);
	lab_run(&lab, lab.now + 300 * S);
	assert_int_equal(lab.n_sent, 1);
	lab_close(&lab);
	// The owner closes it from the callback.
	lab_open(&lab);
	lab.close_on_event = true;
	lab_tunnel(&lab);
	deliver(&lab, "A06", true, 0);
	assert_null(lab.t);
	lab_close(&lab);
	// With a channel flowing the cycle goes on.
	lab_open(&lab);
	lab_up(&lab);
	amt_tunnel_join(lab.t, &c, lab.now);
	lab_run(&lab, lab.now + 125 * S);
	lab_answer(&lab, &q);
	assert_int_equal(lab.n_events, 1); // the owner may move them
	assert_int_equal(lab.events[0], AMT_EV_LIMIT);
	assert_int_equal(view(&lab).state, AMT_UP);
	assert_int_equal(view(&lab).next_request_us, lab.now + 125 * S);
	// When it is gone and the BLOCKs are said, L counts again.
	amt_tunnel_leave(lab.t, &c, lab.now);
	lab_run(&lab, lab.now + 125 * S);
	lab_answer(&lab, &q);
	assert_int_equal(lab.events[1], AMT_EV_FULL);
	lab_close(&lab);
}

static void test_refresh(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_tunnel(&lab);
	// Waiting: the back-off goes on (I-03).
	amt_tunnel_refresh(lab.t, lab.now);
	assert_int_equal(lab.n_sent, 1);
	lab_answer(&lab, &plain);
	// At most a Request a second.
	amt_tunnel_refresh(lab.t, lab.now);
	assert_int_equal(lab.n_sent, 1);
	lab_run(&lab, lab.now + S);
	assert_int_equal(lab.n_sent, 2);
	assert_int_not_equal(lab.sent[0].msg.nonce, lab.sent[1].msg.nonce);
	lab_answer(&lab, &plain);
	lab_run(&lab, lab.now + 10 * S);
	amt_tunnel_refresh(lab.t, lab.now);
	assert_int_equal(lab.n_sent, 3);
	lab_close(&lab);
}

// T-02..T-04, T-07: the relay sees us at another port.
static void test_endpoint_change(void **state)
{
	struct lab_query q = {
		.g = true, .gateway = "198.51.100.10", .port = 32768, .qrv = 3, .qqic = 125};
	struct sg c = lab_sg("192.0.2.12", "232.252.0.2"), d = lab_sg("192.0.2.13", "232.252.0.2");
	const struct lab_sent *s;
	uint8_t mac[AMT_MAC_LEN];
	struct amt_msg first;
	struct lab lab;
	size_t n;

	(void)state;
	lab_open(&lab);
	lab_tunnel(&lab);
	lab_answer(&lab, &q);
	amt_tunnel_join(lab.t, &c, lab.now);
	amt_tunnel_join(lab.t, &d, lab.now);
	first = lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 0)->msg;
	memcpy(mac, first.mac, sizeof(mac));
	lab_run(&lab, lab.now + 124 * S + 900000);
	// Left just before: the relay forgets it with the rest, and it is not spoken of again.
	amt_tunnel_leave(lab.t, &d, lab.now);
	lab_forget(&lab);
	lab_run(&lab, lab.now + 100000);
	lab.n_events = 0;
	q.port = 32769;
	lab_answer(&lab, &q);
	assert_int_equal(lab.n_events, 1);
	assert_int_equal(lab.events[0], AMT_EV_ENDPOINT);
	// The Teardown first, with what the old Query said; then the whole state under the new one.
	s = lab_nth(&lab, AMT_TEARDOWN, 0);
	assert_int_equal(s->len, 30);
	assert_int_equal(s->msg.nonce, first.nonce);
	assert_memory_equal(s->msg.mac, mac, AMT_MAC_LEN);
	assert_int_equal(s->msg.gateway_port, 32768);
	assert_true(addr_eq(&s->msg.gateway_addr, &lab.local));
	s = lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, lab_count(&lab, AMT_MEMBERSHIP_UPDATE) - 1);
	assert_ptr_equal(s, &lab.sent[lab.n_sent - 1]);
	lab_expect_record(s, IGMP_IS_IN, &c);
	assert_int_equal(s->msg.nonce, lab_nonce(&lab));
	// QRV Teardowns in all, a second apart.
	lab_run(&lab, lab.now + 20 * S);
	// To the relay the endpoint is new: what is joined is said QRV times, what was left never.
	n = lab_count(&lab, AMT_MEMBERSHIP_UPDATE);
	assert_true(n >= 3);
	for (size_t i = 1; i < 3; i++)
		lab_expect_record(lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, n - i), IGMP_ALLOW, &c);
	lab_expect_record(lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, n - 3), IGMP_IS_IN, &c);
	assert_int_equal(lab_count(&lab, AMT_TEARDOWN), 3);
	for (size_t i = 1; i < 3; i++) {
		assert_int_equal(lab_nth(&lab, AMT_TEARDOWN, i)->at_us -
					 lab_nth(&lab, AMT_TEARDOWN, i - 1)->at_us,
			S);
		assert_memory_equal(lab_nth(&lab, AMT_TEARDOWN, i)->buf,
			lab_nth(&lab, AMT_TEARDOWN, 0)->buf, 30);
	}
	// The same address again is no change.
	lab_run(&lab, lab.now + 105 * S);
	lab_answer(&lab, &q);
	assert_int_equal(lab.n_events, 1);
	lab_close(&lab);
}

// Without a membership at the relay there is nothing to tear down.
static void test_endpoint_change_idle(void **state)
{
	struct lab_query q = {
		.g = true, .gateway = "198.51.100.10", .port = 32768, .qrv = 2, .qqic = 125};
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_tunnel(&lab);
	lab_answer(&lab, &q);
	lab_run(&lab, lab.now + 125 * S);
	q.port++;
	lab_answer(&lab, &q);
	assert_int_equal(lab.n_events, 1);
	assert_int_equal(lab_count(&lab, AMT_TEARDOWN), 0);
	lab_close(&lab);
}

static void test_close_in_callback(void **state)
{
	struct lab_query q = {
		.g = true, .gateway = "198.51.100.10", .port = 32768, .qrv = 2, .qqic = 125};
	struct sg c = lab_sg("192.0.2.12", "232.252.0.2");
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab.close_on_event = true;
	lab_tunnel(&lab);
	amt_tunnel_join(lab.t, &c, lab.now);
	lab_answer(&lab, &q);
	assert_null(lab.t);
	lab_close(&lab);

	lab_open(&lab);
	lab_tunnel(&lab);
	lab_answer(&lab, &q);
	amt_tunnel_join(lab.t, &c, lab.now);
	lab_run(&lab, lab.now + 125 * S);
	q.port++;
	lab.close_on_event = true;
	lab_answer(&lab, &q);
	assert_null(lab.t);
	assert_int_equal(lab.events[1], AMT_EV_ENDPOINT);
	lab_close(&lab);

	lab_open(&lab);
	lab.close_on_event = true;
	lab_tunnel(&lab);
	lab_run(&lab, lab.now + 100 * S);
	assert_null(lab.t);
	assert_int_equal(lab.events[0], AMT_EV_DOWN);
	lab_close(&lab);
}

static void test_bad_config(void **state)
{
	struct amt_cfg cfg = {.update_mtu = 151};
	struct timers timers;
	struct amt_gateway *gw;

	(void)state;
	timers_init(&timers);
	assert_null(amt_gateway_create(&cfg, &(struct amt_ops){0}, NULL, &timers, NULL));
	cfg.update_mtu = 152;
	gw = amt_gateway_create(&cfg, &(struct amt_ops){0}, NULL, &timers, NULL);
	assert_non_null(gw);
	amt_gateway_destroy(gw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_cycle),
		cmocka_unit_test(test_intervals),
		cmocka_unit_test(test_nat),
		cmocka_unit_test(test_negative),
		cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_endpoint_change),
		cmocka_unit_test(test_endpoint_change_idle),
		cmocka_unit_test(test_close_in_callback),
		cmocka_unit_test(test_bad_config),
		cmocka_unit_test(test_unanswered_but_heard),
	};

	return RUN_TESTS(tests);
}
