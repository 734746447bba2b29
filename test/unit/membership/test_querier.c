// SPDX-License-Identifier: BSD-3-Clause
// General Queries and the election, in both protocols. RQ-.. are rows of standards.md, section 4.2.
#include "link.h"
#include "unit/unit.h"

static const uint8_t families[] = {ADDR_V4, ADDR_V6};
#define EACH_FAMILY(f) for (const uint8_t *f = families; f < families + 2; f++)

static struct membership_view view(const struct link *l)
{
	struct membership_view v;

	membership_view(l->m, &v);
	return v;
}

static bool querier_is(const struct link *l, unsigned int n)
{
	struct membership_view v = view(l);
	struct addr a = link_host(l, n);

	return addr_eq(&v.querier_addr, &a) && v.querier == (n == OURS);
}

// RQ-01: Startup Query Count queries, a quarter of the interval apart, then one every interval.
static void rq01_startup_then_every_interval(void **state)
{
	struct link l;

	(void)state;
	EACH_FAMILY(f)
	{
		struct gm_msg m;

		link_begin(&l, *f);
		link_expect(&l, "Q");
		assert_int_equal(gm_decode(l.last, l.last_len, &m), GM_OK);
		assert_int_equal(m.max_resp_ms, 10000);
		assert_int_equal(m.qrv, 2);
		assert_int_equal(m.qqi_s, 125);
		link_until(&l, 31249);
		link_expect(&l, "");
		link_until(&l, 31250);
		link_expect(&l, "Q");
		link_until(&l, 31250 + 124999);
		link_expect(&l, "");
		link_until(&l, 31250 + 125000);
		link_expect(&l, "Q");
		link_until(&l, 31250 + 4 * 125000);
		link_expect(&l, "Q Q Q");
		link_end(&l);
	}
}

static void rq01_startup_count_is_robustness(void **state)
{
	struct membership_cfg cfg;
	struct link l;

	(void)state;
	cfg = link_cfg(ADDR_V4);
	cfg.robustness = 4;
	cfg.query_interval_s = 40;
	link_begin_cfg(&l, &cfg);
	link_until(&l, 30000);
	link_expect(&l, "Q Q Q Q");
	link_until(&l, 69999);
	link_expect(&l, "");
	link_until(&l, 70000);
	link_expect(&l, "Q");
	link_end(&l);
}

// What the wire cannot say is not done either: others compute from our queries.
static void values_are_those_of_the_wire(void **state)
{
	struct membership_cfg cfg;
	struct link l;

	(void)state;
	cfg = link_cfg(ADDR_V4);
	cfg.query_interval_s = 1001;
	link_begin_cfg(&l, &cfg);
	link_until(&l, 992000 / 4);
	link_expect(&l, "Q Q");
	link_until(&l, 992000 / 4 + 991999);
	link_expect(&l, "");
	link_until(&l, 992000 / 4 + 992000);
	link_expect(&l, "Q");
	link_end(&l);
}

// RQ-03: RV*QI + 2*QRI.
static void rq03_membership_interval_is_270_s(void **state)
{
	struct link l;

	(void)state;
	EACH_FAMILY(f)
	{
		link_settled(&l, *f);
		assert_int_equal(view(&l).membership_interval_us, 270 * USEC_PER_SEC);
		link_join(&l, 1, 11);
		link_expect(&l, "+11");
		link_until(&l, 31250 + 269999);
		link_expect(&l, "Q Q");
		link_until(&l, 31250 + 270000);
		link_expect(&l, "-11");
		assert_int_equal(membership_stats(l.m)->expired, 1);
		link_end(&l);
	}
}

// RQ-06: the lower address is the querier; it is missed for RV*QI + QRI/2.
static void rq06_lower_address_wins(void **state)
{
	struct gm_query q;
	struct link l;

	(void)state;
	EACH_FAMILY(f)
	{
		link_settled(&l, *f);
		link_join(&l, 1, 11);
		link_expect(&l, "+11");
		// A higher one is none.
		q = link_query(&l, 200);
		link_query_rx(&l, &q);
		link_dropped(&l, MEMBERSHIP_DROP_LOST_ELECTION);
		assert_true(view(&l).querier);
		q = link_query(&l, 7);
		link_query_rx(&l, &q);
		assert_true(querier_is(&l, 7));
		link_until(&l, 31250 + 254999);
		link_expect(&l, ""); // silent, and the membership stays
		assert_int_equal(view(&l).channels, 1);
		link_until(&l, 31250 + 255000);
		link_expect(&l, "Q");
		assert_true(querier_is(&l, OURS));
		link_until(&l, 31250 + 255000 + 124999);
		link_expect(&l, "-11");
		link_until(&l, 31250 + 255000 + 125000);
		link_expect(&l, "Q");
		link_end(&l);
	}
}

static void rq06_each_query_of_the_querier_keeps_us_silent(void **state)
{
	struct gm_query q;
	struct link l;

	(void)state;
	link_settled(&l, ADDR_V4);
	q = link_query(&l, 7);
	for (uint64_t ms = 40000; ms < 2000000; ms += 125000) {
		link_until(&l, ms);
		link_query_rx(&l, &q);
	}
	link_expect(&l, "");
	assert_int_equal(membership_stats(l.m)->elections, 2);
	// A still lower one takes it over, and that one goes.
	q = link_query(&l, 3);
	link_query_rx(&l, &q);
	assert_true(querier_is(&l, 3));
	link_until(&l, (l.now_us - LINK_START_US) / 1000 + 255000);
	link_expect(&l, "Q");
	link_end(&l);
}

// RQ-06: QRV and QQI of the elected querier are in effect, until it is gone. 0 is our own.
static void rq06_adopts_qrv_and_qqi(void **state)
{
	struct gm_query q;
	struct link l;

	(void)state;
	EACH_FAMILY(f)
	{
		link_settled(&l, *f);
		q = link_query(&l, 7);
		q.qrv = 3;
		q.qqi_s = 20;
		q.max_resp_ms = 12000;
		link_query_rx(&l, &q);
		assert_int_equal(view(&l).robustness, 3);
		assert_int_equal(view(&l).query_interval_s, 20);
		assert_int_equal(view(&l).membership_interval_us, 84 * USEC_PER_SEC);
		link_join(&l, 1, 11);
		link_expect(&l, "+11");
		link_until(&l, 31250 + 65999);
		link_expect(&l, "");
		link_until(&l, 31250 + 66000); // 3*20 + 12/2
		link_expect(&l, "Q");
		assert_int_equal(view(&l).robustness, 2);
		assert_int_equal(view(&l).query_interval_s, 125);
		link_until(&l, 31250 + 84000);
		link_expect(&l, "-11");
		q.qrv = 0;
		q.qqi_s = 0;
		link_query_rx(&l, &q);
		assert_int_equal(view(&l).robustness, 2);
		assert_int_equal(view(&l).query_interval_s, 125);
		link_end(&l);
	}
}

// RQ-06: only General Queries decide (RFC 9776).
static void rq06_specific_query_does_not_elect(void **state)
{
	struct link l;

	(void)state;
	EACH_FAMILY(f)
	{
		struct sg sg;
		struct gm_query q;

		link_settled(&l, *f);
		sg = link_channel(&l, 11);
		q = link_query(&l, 7);
		q.group = sg.g;
		q.sources = &sg.s;
		q.n_sources = 1;
		link_join(&l, 1, 11);
		link_query_rx(&l, &q);
		link_dropped(&l, MEMBERSHIP_DROP_LOST_ELECTION);
		assert_true(view(&l).querier);
		link_until(&l, 60000);
		link_expect(&l, "+11");
		link_end(&l);
	}
}

// RQ-06: a non-querier lowers its timers as the querier's query says, unless S is set.
static void rq06_queries_of_the_querier_lower_timers(void **state)
{
	struct link l;

	(void)state;
	EACH_FAMILY(f)
	{
		struct sg sg;
		struct gm_query q;

		link_settled(&l, *f);
		sg = link_channel(&l, 11);
		q = link_query(&l, 7);
		link_query_rx(&l, &q);
		link_join(&l, 1, 11);
		link_join(&l, 1, 12);
		link_expect(&l, "+11 +12");
		link_leave(&l, 1, 11); // nothing to ask: that is the querier's
		q.group = sg.g;
		q.sources = &sg.s;
		q.n_sources = 1;
		q.max_resp_ms = 1000;
		q.suppress = true;
		link_query_rx(&l, &q);
		link_until(&l, 40000);
		link_expect(&l, "");
		q.suppress = false;
		link_query_rx(&l, &q);
		link_until(&l, 41999);
		link_expect(&l, "");
		link_until(&l, 42000);
		link_expect(&l, "-11");
		// An answer in time keeps it.
		link_join(&l, 1, 11);
		link_query_rx(&l, &q);
		link_until(&l, 43000);
		link_join(&l, 2, 11);
		link_until(&l, 50000);
		link_expect(&l, "+11");
		// Answers within no time cannot be asked for.
		q.max_resp_ms = 0;
		link_query_rx(&l, &q);
		link_until(&l, 51999);
		link_expect(&l, "");
		link_until(&l, 52000);
		link_expect(&l, "-11");
		link_end(&l);
	}
}

// The pending questions of a querier that is none any more are not its to ask.
static void election_ends_retransmissions(void **state)
{
	struct gm_query q;
	struct link l;

	(void)state;
	link_settled(&l, ADDR_V4);
	link_join(&l, 1, 11);
	link_leave(&l, 1, 11);
	link_expect(&l, "+11 q/11");
	q = link_query(&l, 7);
	link_query_rx(&l, &q);
	link_until(&l, 33249);
	link_expect(&l, "");
	link_until(&l, 33250);
	link_expect(&l, "-11");
	link_end(&l);
}

static void addresses_come_change_and_go(void **state)
{
	struct membership_addr a[2] = {{.addr = ip("10.1.1.100"), .prefix_len = 24},
		{.addr = ip("10.2.2.100"), .prefix_len = 24}};
	struct datagram d;
	struct message msg;
	struct sg sg;
	struct link l;

	(void)state;
	link_settled(&l, ADDR_V4);
	sg = link_channel(&l, 11);
	d = link_from(&l, 1);
	d.src = ip("10.2.2.1");
	message_report(&msg, ADDR_V4);
	message_record(&msg, IGMP_ALLOW, &sg.g, &sg.s, 1, 0);
	link_message(&l, &d, msg.buf, msg.len);
	link_dropped(&l, MEMBERSHIP_DROP_SOURCE_ADDRESS);
	// A second network on the link: no reason to start over.
	membership_address(l.m, a, 2, l.now_us);
	link_message(&l, &d, msg.buf, msg.len);
	link_expect(&l, "+11");
	membership_address(l.m, NULL, 0, l.now_us);
	link_expect(&l, "-11");
	assert_false(view(&l).querier);
	link_message(&l, &d, msg.buf, msg.len);
	link_dropped(&l, MEMBERSHIP_DROP_NO_ADDRESS);
	link_until(&l, 1000000);
	link_expect(&l, "");
	membership_address(l.m, a, 1, l.now_us);
	link_until(&l, 1000000 + 31250);
	link_expect(&l, "Q Q");
	link_end(&l);
}

// Another configuration: asked at once by the new values, and what is there stays.
static void configured_anew(void **state)
{
	struct membership_cfg cfg;
	struct link l;
	struct gm_msg m;

	(void)state;
	EACH_FAMILY(f)
	{
		link_settled(&l, *f);
		link_join(&l, 1, 11);
		link_expect(&l, "+11");
		cfg = link_cfg(*f);
		cfg.ssm_ranges = l.ranges;
		cfg.n_ssm_ranges = 2;
		cfg.total = &l.total;
		membership_configure(l.m, &cfg, l.now_us);
		link_expect(&l, ""); // the same as before
		cfg.query_interval_s = 20;
		cfg.query_response_ms = 2000;
		cfg.robustness = 3;
		membership_configure(l.m, &cfg, l.now_us);
		link_expect(&l, "Q");
		assert_int_equal(gm_decode(l.last, l.last_len, &m), GM_OK);
		assert_int_equal(m.qqi_s, 20);
		assert_int_equal(m.qrv, 3);
		assert_true(view(&l).channels == 1);
		link_until(&l, (l.now_us - LINK_START_US) / USEC_PER_MSEC + 20001);
		link_expect(&l, "Q");
		link_end(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configured_anew),
		cmocka_unit_test(rq01_startup_then_every_interval),
		cmocka_unit_test(rq01_startup_count_is_robustness),
		cmocka_unit_test(values_are_those_of_the_wire),
		cmocka_unit_test(rq03_membership_interval_is_270_s),
		cmocka_unit_test(rq06_lower_address_wins),
		cmocka_unit_test(rq06_each_query_of_the_querier_keeps_us_silent),
		cmocka_unit_test(rq06_adopts_qrv_and_qqi),
		cmocka_unit_test(rq06_specific_query_does_not_elect),
		cmocka_unit_test(rq06_queries_of_the_querier_lower_timers),
		cmocka_unit_test(election_ends_retransmissions),
		cmocka_unit_test(addresses_come_change_and_go),
	};

	return RUN_TESTS(tests);
}
