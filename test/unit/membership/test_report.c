// SPDX-License-Identifier: BSD-3-Clause
// Reports: the INCLUDE rows of RFC 9776 section 6.4 and RFC 9777 section 7.4 as lists of (event,
// time)
// -> actions, in both protocols. RQ-.. are rows of standards.md, section 4.2.
#include "link.h"

#include <string.h>

#include "unit/unit.h"

static const uint8_t families[] = {ADDR_V4, ADDR_V6};
#define EACH_FAMILY(f) for (const uint8_t *f = families; f < families + 2; f++)

struct step {
	unsigned int ms; // from the start of the test; timers run to this time, then the event
	unsigned int host;
	unsigned int type; // 0: no event
	unsigned int channels[6];
	unsigned int group;  // of a record without sources
	const char *actions; // of the timers and the event
};

static void play(const struct step *steps, size_t n, bool fast_leave)
{
	EACH_FAMILY(f)
	{
		struct membership_cfg cfg;
		struct link l;

		cfg = link_cfg(*f);
		cfg.fast_leave = fast_leave;
		link_settled_cfg(&l, &cfg);
		for (size_t i = 0; i < n; i++) {
			const struct step *s = &steps[i];

			link_until(&l, 31250 + s->ms);
			if (s->type)
				link_report(&l, s->host, (uint8_t)s->type, s->channels, s->group);
			link_expect(&l, s->actions);
		}
		link_end(&l);
	}
}

#define PLAY(...)                                                     \
	do {                                                          \
		static const struct step steps[] = {__VA_ARGS__};     \
		play(steps, sizeof(steps) / sizeof(steps[0]), false); \
	} while (0)
#define PLAY_FAST(...)                                               \
	do {                                                         \
		static const struct step steps[] = {__VA_ARGS__};    \
		play(steps, sizeof(steps) / sizeof(steps[0]), true); \
	} while (0)

// RQ-02: IS_IN (B) and ALLOW (B): INCLUDE (A+B), (B)=GMI.
static void rq02_is_in_and_allow_add(void **state)
{
	(void)state;
	PLAY({0, 1, IGMP_ALLOW, {11, 12}, 0, "+11 +12"}, {1000, 2, IGMP_IS_IN, {12, 13}, 0, "+13"},
		{2000, 1, IGMP_IS_IN, {21}, 0, "+21"}, {3000, 1, IGMP_ALLOW, {0}, 3, ""},
		{270000, 0, 0, {0}, 0, "Q Q -11"}, {271000, 0, 0, {0}, 0, "-12 -13"});
}

// RQ-02, RQ-04, RQ-05: BLOCK asks twice a second apart, and LMQT later the source is gone.
static void rq04_block_asks_then_ends(void **state)
{
	(void)state;
	PLAY({0, 1, IGMP_ALLOW, {11, 12}, 0, "+11 +12"}, {5000, 1, IGMP_BLOCK, {11, 13}, 0, "q/11"},
		{5999, 0, 0, {0}, 0, ""}, {6000, 0, 0, {0}, 0, "q/11"}, {6999, 0, 0, {0}, 0, ""},
		{7000, 0, 0, {0}, 0, "-11"}, {60000, 0, 0, {0}, 0, ""});
}

// RQ-04: another host wants it still; the repeated query says so by its S flag.
static void rq04_answer_keeps_and_sets_s(void **state)
{
	(void)state;
	PLAY({0, 1, IGMP_ALLOW, {11, 12}, 0, "+11 +12"},
		{5000, 1, IGMP_BLOCK, {11, 12}, 0, "q/11/12"}, {5500, 2, IGMP_IS_IN, {11}, 0, ""},
		{6000, 0, 0, {0}, 0, "s/11 q/12"}, {7000, 0, 0, {0}, 0, "-12"},
		{60000, 0, 0, {0}, 0, ""});
}

// A source that is being asked for is not asked for anew; another of the group joins the round.
static void rq04_blocks_in_a_row(void **state)
{
	(void)state;
	PLAY({0, 1, IGMP_ALLOW, {11, 12}, 0, "+11 +12"}, {5000, 1, IGMP_BLOCK, {11}, 0, "q/11"},
		{5200, 1, IGMP_BLOCK, {11}, 0, ""}, {5600, 1, IGMP_BLOCK, {12}, 0, "q/12"},
		{6000, 0, 0, {0}, 0, "q/12/11"}, {7000, 0, 0, {0}, 0, "-11"},
		{7600, 0, 0, {0}, 0, "-12"});
}

static void rq04_count_and_interval(void **state)
{
	struct membership_cfg cfg;
	struct link l;

	(void)state;
	cfg = link_cfg(ADDR_V4);
	cfg.last_member_count = 4;
	cfg.last_member_interval_ms = 500;
	link_settled_cfg(&l, &cfg);
	link_join(&l, 1, 11);
	link_leave(&l, 1, 11);
	link_expect(&l, "+11 q/11");
	link_until(&l, 31250 + 1999);
	link_expect(&l, "q/11 q/11 q/11");
	link_until(&l, 31250 + 2000);
	link_expect(&l, "-11");
	link_end(&l);
	cfg.last_member_count = 1;
	link_settled_cfg(&l, &cfg);
	link_join(&l, 1, 11);
	link_leave(&l, 1, 11);
	link_until(&l, 31250 + 499);
	link_expect(&l, "+11 q/11");
	link_until(&l, 31250 + 500);
	link_expect(&l, "-11");
	link_end(&l);
}

// RQ-02: TO_IN (B): INCLUDE (A+B), (B)=GMI, Q(G,A-B).
static void rq02_to_in_asks_for_the_others(void **state)
{
	(void)state;
	PLAY({0, 1, IGMP_ALLOW, {11, 12, 13}, 0, "+11 +12 +13"}, {0, 1, IGMP_ALLOW, {21}, 0, "+21"},
		{5000, 1, IGMP_TO_IN, {12, 14}, 0, "+14 q/13/11"}, {6000, 0, 0, {0}, 0, "q/11/13"},
		{7000, 0, 0, {0}, 0, "-13 -11"}, {8000, 1, IGMP_TO_IN, {0}, 1, "q/14/12"},
		{9000, 0, 0, {0}, 0, "q/12/14"}, {10000, 0, 0, {0}, 0, "-14 -12"},
		{60000, 0, 0, {0}, 0, ""});
}

// The option of leaving at once, on BLOCK and on what TO_IN leaves out.
static void fast_leave(void **state)
{
	(void)state;
	PLAY_FAST({0, 1, IGMP_ALLOW, {11, 12, 13}, 0, "+11 +12 +13"},
		{100, 1, IGMP_BLOCK, {11}, 0, "-11"}, {200, 1, IGMP_TO_IN, {13}, 0, "-12"},
		{300, 1, IGMP_TO_IN, {0}, 1, "-13"}, {400, 1, IGMP_BLOCK, {13}, 0, ""},
		{500, 1, IGMP_ALLOW, {11, 12}, 0, "+11 +12"},
		{600, 1, IGMP_BLOCK, {11, 12, 13}, 0, "-11 -12"}, {60000, 0, 0, {0}, 0, ""});
}

// RQ-07, RQ-08: as if it were not there; the other records of the report count.
static void rq07_exclude_records_are_ignored(void **state)
{
	(void)state;
	EACH_FAMILY(f)
	{
		struct datagram d;
		struct message msg;
		struct sg a, b;
		struct link l;

		link_settled(&l, *f);
		d = link_from(&l, 1);
		a = link_channel(&l, 11);
		b = link_channel(&l, 21);
		message_report(&msg, *f);
		message_record(&msg, IGMP_TO_EX, &a.g, NULL, 0, 0);
		message_record(&msg, IGMP_ALLOW, &b.g, &b.s, 1, 0);
		message_record(&msg, IGMP_IS_EX, &a.g, &a.s, 1, 0);
		link_message(&l, &d, msg.buf, msg.len);
		link_expect(&l, "+21");
		assert_int_equal(link_drop(&l, MEMBERSHIP_DROP_EXCLUDE), 2);
		assert_int_equal(link_drops(&l), 2);
		link_end(&l);
	}
}

// RQ-07: reports and leaves of the older versions do nothing to an SSM group.
static void rq07_old_versions_are_ignored(void **state)
{
	static const struct {
		uint8_t type4, type6;
		enum membership_drop why;
	} cases[] = {{0x12, 131, MEMBERSHIP_DROP_OLD_REPORT},
		{0x16, 131, MEMBERSHIP_DROP_OLD_REPORT}, {0x17, 132, MEMBERSHIP_DROP_OLD_LEAVE},
		{0x11, 130, MEMBERSHIP_DROP_OLD_QUERY}};

	(void)state;
	EACH_FAMILY(f)
	{
		struct datagram d;
		struct message msg;
		struct addr asm_group;
		struct sg sg;
		struct link l;

		link_settled(&l, *f);
		d = link_from(&l, 1);
		sg = link_channel(&l, 11);
		link_join(&l, 1, 11);
		d.dst = sg.g;
		d.no_alert = true; // IGMPv1 has none
		for (size_t i = 0; i < 4; i++) {
			message_old(
				&msg, *f, *f == ADDR_V4 ? cases[i].type4 : cases[i].type6, &sg.g);
			link_message(&l, &d, msg.buf, msg.len);
			link_dropped(&l, cases[i].why);
		}
		asm_group = ip(*f == ADDR_V4 ? "239.1.1.1" : "ff05::1");
		message_old(&msg, *f, *f == ADDR_V4 ? 0x16 : 131, &asm_group);
		link_message(&l, &d, msg.buf, msg.len);
		link_dropped(&l, MEMBERSHIP_DROP_NOT_SSM);
		link_until(&l, 60000);
		link_expect(&l, "+11");
		// And the BLOCK is heard as ever: no compatibility mode (RQ-08).
		link_leave(&l, 1, 11);
		link_expect(&l, "q/11");
		link_end(&l);
	}
}

// RQ-13: what is unknown in a report does not spoil the rest of it.
static void rq13_odd_records(void **state)
{
	(void)state;
	EACH_FAMILY(f)
	{
		struct datagram d;
		struct message msg;
		struct addr asm_group, bad;
		struct sg sg;
		struct link l;

		link_settled(&l, *f);
		d = link_from(&l, 1);
		sg = link_channel(&l, 11);
		asm_group = ip(*f == ADDR_V4 ? "239.1.1.1" : "ff05::1");
		message_report(&msg, *f);
		message_record(&msg, 0, &sg.g, &sg.s, 1, 0);
		message_record(&msg, 7, &sg.g, &sg.s, 1, 8);
		message_record(&msg, IGMP_ALLOW, &asm_group, &sg.s, 1, 0);
		message_record(&msg, IGMP_ALLOW, &sg.g, &sg.s, 1, 16);
		link_message(&l, &d, msg.buf, msg.len);
		link_expect(&l, "+11");
		assert_int_equal(link_drop(&l, MEMBERSHIP_DROP_RECORD_TYPE), 2);
		assert_int_equal(link_drop(&l, MEMBERSHIP_DROP_NOT_SSM), 1);
		assert_int_equal(link_drops(&l), 3);
		memcpy(l.drops_seen, membership_stats(l.m)->drops, sizeof(l.drops_seen));
		bad = ip(*f == ADDR_V4 ? "224.0.0.5" : "ff02::5");
		message_report(&msg, *f);
		message_record(&msg, IGMP_ALLOW, &sg.g, &bad, 1, 0);
		link_message(&l, &d, msg.buf, msg.len);
		link_dropped(&l, MEMBERSHIP_DROP_CHANNEL_SOURCE);
		link_expect(&l, "");
		link_end(&l);
	}
}

// RQ-09, RQ-10, RQ-11: who may report, and how it must be addressed.
static void rq09_to_rq11_senders(void **state)
{
	static const struct {
		const char *src, *dst;
		enum membership_drop why; // COUNT: taken
		uint8_t family, ttl;
		bool no_alert;
	} cases[] = {
		{"10.1.1.1", "224.0.0.22", MEMBERSHIP_DROP_COUNT, ADDR_V4, 1, false},
		{"0.0.0.0", "224.0.0.22", MEMBERSHIP_DROP_COUNT, ADDR_V4, 1, false},
		{"10.1.2.1", "224.0.0.22", MEMBERSHIP_DROP_SOURCE_ADDRESS, ADDR_V4, 1, false},
		{"10.1.1.100", "224.0.0.22", MEMBERSHIP_DROP_OWN, ADDR_V4, 1, false},
		{"10.1.1.1", "224.0.0.1", MEMBERSHIP_DROP_DESTINATION, ADDR_V4, 1, false},
		{"10.1.1.1", "10.1.1.100", MEMBERSHIP_DROP_DESTINATION, ADDR_V4, 1, false},
		{"10.1.1.1", "224.0.0.22", MEMBERSHIP_DROP_TTL, ADDR_V4, 2, false},
		{"10.1.1.1", "224.0.0.22", MEMBERSHIP_DROP_ROUTER_ALERT, ADDR_V4, 1, true},
		{"fe80::1", "ff02::16", MEMBERSHIP_DROP_COUNT, ADDR_V6, 1, false},
		{"::", "ff02::16", MEMBERSHIP_DROP_SOURCE_ADDRESS, ADDR_V6, 1, false},
		{"2001:db8::1", "ff02::16", MEMBERSHIP_DROP_SOURCE_ADDRESS, ADDR_V6, 1, false},
		{"fe80::1", "ff02::1", MEMBERSHIP_DROP_DESTINATION, ADDR_V6, 1, false},
		{"fe80::1", "ff02::16", MEMBERSHIP_DROP_TTL, ADDR_V6, 64, false},
		{"fe80::1", "ff02::16", MEMBERSHIP_DROP_ROUTER_ALERT, ADDR_V6, 1, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct datagram d;
		struct message msg;
		struct sg sg;
		struct link l;

		link_settled(&l, cases[i].family);
		sg = link_channel(&l, 11);
		d = (struct datagram){.src = ip(cases[i].src),
			.dst = ip(cases[i].dst),
			.ttl = cases[i].ttl,
			.no_alert = cases[i].no_alert};
		message_report(&msg, cases[i].family);
		message_record(&msg, IGMP_ALLOW, &sg.g, &sg.s, 1, 0);
		link_message(&l, &d, msg.buf, msg.len);
		link_expect(&l, cases[i].why == MEMBERSHIP_DROP_COUNT ? "+11" : "");
		if (cases[i].why == MEMBERSHIP_DROP_COUNT)
			assert_int_equal(link_drops(&l), 0);
		else
			link_dropped(&l, cases[i].why);
		link_end(&l);
	}
}

// RQ-10, RQ-11, RQ-14: the same of queries, none of which makes a querier.
static void rq10_rq11_rq14_bad_queries(void **state)
{
	(void)state;
	EACH_FAMILY(f)
	{
		uint8_t msg4[16] = {0x11, 100}, msg6[32] = {130};
		uint8_t *msg = *f == ADDR_V4 ? msg4 : msg6;
		size_t len = *f == ADDR_V4 ? 12 : 28;
		struct membership_view v;
		struct datagram d;
		struct link l;

		link_settled(&l, *f);
		d = link_from(&l, 7);
		d.dst = ip(*f == ADDR_V4 ? "224.0.0.1" : "ff02::1");
		d.no_alert = true;
		link_message(&l, &d, msg, len);
		link_dropped(&l, MEMBERSHIP_DROP_ROUTER_ALERT);
		d.no_alert = false;
		d.ttl = 2;
		link_message(&l, &d, msg, len);
		link_dropped(&l, MEMBERSHIP_DROP_TTL);
		d.ttl = 1;
		link_message(&l, &d, msg, len - 2);
		link_dropped(&l, MEMBERSHIP_DROP_LENGTH);
		d.bad_checksum = true;
		link_message(&l, &d, msg, len);
		link_dropped(&l, MEMBERSHIP_DROP_CHECKSUM);
		d.bad_checksum = false;
		d.dst = ip(*f == ADDR_V4 ? "224.0.0.22" : "ff02::16");
		link_message(&l, &d, msg, len);
		link_dropped(&l, MEMBERSHIP_DROP_DESTINATION);
		d.dst = ip(*f == ADDR_V4 ? "224.0.0.1" : "ff02::1");
		d.src = ip(*f == ADDR_V4 ? "0.0.0.0" : "::");
		link_message(&l, &d, msg, len);
		link_dropped(&l, MEMBERSHIP_DROP_SOURCE_ADDRESS);
		d.src = ip(*f == ADDR_V4 ? "9.9.9.9" : "2001:db8::1");
		link_message(&l, &d, msg, len);
		link_dropped(&l, MEMBERSHIP_DROP_SOURCE_ADDRESS);
		membership_view(l.m, &v);
		assert_true(v.querier);
		link_end(&l);
	}
}

static void other_datagrams(void **state)
{
	uint8_t buf[DATAGRAM_MAX], msg[16] = {0x13};
	struct datagram d, d6;
	struct link l;
	size_t len;

	(void)state;
	link_settled(&l, ADDR_V4);
	d = link_from(&l, 1);
	link_message(&l, &d, msg, sizeof(msg));
	link_dropped(&l, MEMBERSHIP_DROP_TYPE);
	len = datagram_build(&d, msg, sizeof(msg), buf);
	membership_input(l.m, buf, len - 1, l.now_us);
	link_dropped(&l, MEMBERSHIP_DROP_IP);
	membership_input(l.m, buf, 0, l.now_us);
	link_dropped(&l, MEMBERSHIP_DROP_IP);
	// The other family's protocol on this link's socket.
	d6 = (struct datagram){.src = ip("fe80::1"), .dst = ip("ff02::16"), .ttl = 1};
	msg[0] = 143;
	link_message(&l, &d6, msg, 8);
	link_dropped(&l, MEMBERSHIP_DROP_PROTOCOL);
	link_end(&l);
}

static void limits(void **state)
{
	struct membership_cfg cfg;
	struct link l;

	(void)state;
	cfg = link_cfg(ADDR_V4);
	cfg.max_channels = 2;
	link_settled_cfg(&l, &cfg);
	link_report(&l, 1, IGMP_ALLOW, (unsigned int[]){11, 12, 13, 0}, 0);
	link_expect(&l, "+11 +12");
	link_dropped(&l, MEMBERSHIP_DROP_LIMIT);
	link_report(&l, 2, IGMP_IS_IN, (unsigned int[]){11, 12, 0}, 0);
	assert_int_equal(link_drops(&l), 1);
	// What other links have counts in the total.
	l.total.max = 5;
	l.total.count += 4;
	link_leave(&l, 1, 11);
	link_until(&l, 31250 + 2000);
	link_expect(&l, "q/11 q/11 -11");
	link_join(&l, 1, 13);
	link_dropped(&l, MEMBERSHIP_DROP_TOTAL_LIMIT);
	l.total.count--;
	link_join(&l, 1, 13);
	link_expect(&l, "+13");
	l.total.count -= 3;
	link_end(&l);
}

// A host that wants all that there is leaves some for others.
static void a_host_leaves_some(void **state)
{
	struct membership_cfg cfg = link_cfg(ADDR_V4);
	struct link l;

	(void)state;
	cfg.max_channels = 32;
	link_settled_cfg(&l, &cfg);
	for (unsigned int c = 11; c < 51; c++)
		link_join(&l, 1, c);
	assert_int_equal(membership_stats(l.m)->joins, 32);
	assert_int_equal(membership_stats(l.m)->drops[MEMBERSHIP_DROP_LIMIT], 8);
	// Two more than the limit; a host whose hash has the first one's place, one in 255, has
	// none.
	for (unsigned int host = 2; host < 6; host++)
		link_join(&l, host, 58 + host);
	assert_int_equal(membership_stats(l.m)->joins, 34);
	link_end(&l);
}

// More sources than one query has room for.
static void queries_are_split_by_mtu(void **state)
{
	static struct addr sources[1000];
	struct membership_cfg cfg;
	struct datagram d;
	struct message msg;
	struct sg sg;
	struct link l;

	(void)state;
	cfg = link_cfg(ADDR_V4);
	cfg.mtu = 576;
	link_settled_cfg(&l, &cfg);
	d = link_from(&l, 1);
	sg = link_channel(&l, 10);
	for (size_t i = 0; i < 1000; i++) {
		sources[i] = ip("192.0.0.0");
		sources[i].bytes[2] = (uint8_t)(3 + i / 250);
		sources[i].bytes[3] = (uint8_t)(1 + i % 250);
	}
	message_report(&msg, ADDR_V4);
	message_record(&msg, IGMP_ALLOW, &sg.g, sources, 1000, 0);
	link_message(&l, &d, msg.buf, msg.len);
	assert_int_equal(l.wanted, 1000);
	l.done[0] = '\0';
	message_report(&msg, ADDR_V4);
	message_record(&msg, IGMP_BLOCK, &sg.g, sources, 1000, 0);
	link_message(&l, &d, msg.buf, msg.len);
	assert_int_equal(membership_stats(l.m)->specific_tx, 8); // 135 fit
	l.done[0] = '\0';
	link_until(&l, 31250 + 1000);
	assert_int_equal(membership_stats(l.m)->specific_tx, 16);
	l.done[0] = '\0';
	link_until(&l, 31250 + 2000);
	assert_int_equal(l.wanted, 0);
	l.done[0] = '\0';
	link_end(&l);
}

// Before the first address, too; queries then find out whether it is wanted still.
static void restored(void **state)
{
	struct membership_addr a = {.addr = ip("10.1.1.100"), .prefix_len = 24};
	struct addr host;
	struct sg sg, other;
	struct link l;

	(void)state;
	link_settled(&l, ADDR_V4);
	host = link_host(&l, 4);
	sg = link_channel(&l, 11);
	other = (struct sg){.s = sg.s, .g = ip("239.1.1.1")};
	membership_address(l.m, NULL, 0, l.now_us);
	assert_false(membership_restore(l.m, &sg, &host, l.now_us, l.now_us));
	assert_false(membership_restore(l.m, &other, &host, l.now_us + 1, l.now_us));
	assert_true(membership_restore(l.m, &sg, &host, l.now_us + 100 * USEC_PER_SEC, l.now_us));
	assert_false(membership_restore(l.m, &sg, &host, l.now_us + 100 * USEC_PER_SEC, l.now_us));
	link_expect(&l, "+11");
	membership_address(l.m, &a, 1, l.now_us);
	link_until(&l, 31250 + 99999);
	link_expect(&l, "Q Q");
	link_until(&l, 31250 + 100000);
	link_expect(&l, "-11");
	assert_int_equal(link_drops(&l), 0);
	link_end(&l);
}

static void views_cb(void *arg, const struct membership_channel_view *c)
{
	struct membership_channel_view *out = arg;

	*out = *c;
}

static void views(void **state)
{
	struct membership_channel_view c = {0};
	struct membership_view v;
	struct addr host;
	struct link l;

	(void)state;
	link_settled(&l, ADDR_V4);
	host = link_host(&l, 4);
	link_join(&l, 3, 11);
	link_until(&l, 40000);
	link_join(&l, 4, 11);
	membership_view(l.m, &v);
	assert_int_equal(v.groups, 1);
	assert_int_equal(v.channels, 1);
	membership_channels(l.m, views_cb, &c);
	assert_true(addr_eq(&c.reporter, &host));
	assert_int_equal(c.since_us, LINK_START_US + 31250 * USEC_PER_MSEC);
	assert_int_equal(c.expires_us, LINK_START_US + 310 * USEC_PER_SEC);
	assert_false(c.leaving);
	link_leave(&l, 4, 11);
	membership_channels(l.m, views_cb, &c);
	assert_true(c.leaving);
	link_join(&l, 4, 11);
	membership_channels(l.m, views_cb, &c);
	assert_false(c.leaving);
	link_end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rq02_is_in_and_allow_add),
		cmocka_unit_test(rq04_block_asks_then_ends),
		cmocka_unit_test(rq04_answer_keeps_and_sets_s),
		cmocka_unit_test(rq04_blocks_in_a_row),
		cmocka_unit_test(rq04_count_and_interval),
		cmocka_unit_test(rq02_to_in_asks_for_the_others),
		cmocka_unit_test(fast_leave),
		cmocka_unit_test(rq07_exclude_records_are_ignored),
		cmocka_unit_test(rq07_old_versions_are_ignored),
		cmocka_unit_test(rq13_odd_records),
		cmocka_unit_test(rq09_to_rq11_senders),
		cmocka_unit_test(rq10_rq11_rq14_bad_queries),
		cmocka_unit_test(other_datagrams),
		cmocka_unit_test(limits),
		cmocka_unit_test(a_host_leaves_some),
		cmocka_unit_test(queries_are_split_by_mtu),
		cmocka_unit_test(restored),
		cmocka_unit_test(views),
	};

	return RUN_TESTS(tests);
}
