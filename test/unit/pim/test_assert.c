// SPDX-License-Identifier: BSD-3-Clause
// The (S,G) Assert machine (RFC 7761 section 4.6.1) as lists of (event, time) -> actions. Ours says
// {110, 10}; the neighbours' addresses are higher than ours, so that they win what is equal.
#include "harness.h"

#include <string.h>

#include "unit/unit.h"

#define LOST   112, 10
#define EQUAL  110, 10
#define BETTER 110, 9
#define CANCEL PIM_PREFERENCE_INFINITE, PIM_METRIC_INFINITE

static void begin(struct bench *b)
{
	bench_begin(b);
	bench_until(b, 6000); // our first Hello is out
	bench_hello(b, 2, 0xffff, 1);
	bench_hello(b, 3, 0xffff, 1);
	bench_join(b, 2, 7, 0xffff);
	bench_until(b, 12000);
	bench_expect(b, "+7/2");
}

static void view_cb(void *arg, const struct pim_channel_view *c)
{
	*(struct pim_channel_view *)arg = *c;
}

static const char *state_of(const struct bench *b)
{
	static struct pim_channel_view view;

	view.assert_state = "none";
	pim_if_channels(b->pif, view_cb, &view);
	return view.assert_state;
}

// AS-01, JP-10: data on an interface that we forward on.
static void data_makes_us_assert(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	bench_data(&b, 8); // not ours
	bench_expect(&b, "");
	assert_string_equal(state_of(&b), "no-info");
	bench_data(&b, 7);
	bench_expect(&b, "assert-7");
	assert_string_equal(state_of(&b), "winner");
	bench_data(&b, 7);
	bench_expect(&b, "");
	bench_end(&b);
}

// What we say is P13 but for the addresses' values; a cancel is P14's.
static void on_the_wire_as_the_vectors(void **state)
{
	struct frame vectors[FRAMES_MAX];
	struct pim_cfg cfg;
	struct bench b = {0};

	(void)state;
	if (bench_is_v6())
		return; // the vectors are IPv4; test_codec6.c has those of IPv6
	assert_int_equal(frames_load("pim-igmp-dns-vectors.pcap", vectors), 20);
	cfg = bench_cfg(&b);
	bench_begin_cfg(&b, &cfg);
	bench_hello(&b, 2, 0xffff, 1);
	bench_join(&b, 2, 2, 210);
	bench_data(&b, 2);
	assert_int_equal(b.last_len, vectors[12].len);
	b.last[4 + 8 + 2 + 3] = 12; // the vector's source is 192.0.2.12
	pim_seal(b.last, b.last_len);
	assert_memory_equal(b.last, vectors[12].pim, vectors[12].len);
	bench_until(&b, 100);
	bench_prune(&b, 2, 2);
	b.last[4 + 8 + 2 + 3] = 12;
	pim_seal(b.last, b.last_len);
	assert_memory_equal(b.last, vectors[13].pim, vectors[13].len);
	bench_end(&b);
}

// PH-02: a neighbour drops the Assert of a router that it has not heard.
static void hello_comes_first(void **state)
{
	struct bench b = {0};
	struct pim_cfg cfg = bench_cfg(&b);

	(void)state;
	cfg.triggered_hello_delay_ms = 100000;
	bench_begin_cfg(&b, &cfg);
	b.log_hellos = true;
	bench_hello(&b, 2, 0xffff, 1);
	bench_join(&b, 2, 7, 210);
	bench_data(&b, 7);
	bench_expect(&b, "+7/2 hello-105 assert-7");
	bench_end(&b);
}

// AS-02.
static void unknown_neighbor(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	bench_assert(&b, 9, 7, BETTER);
	bench_expect(&b, "");
	assert_int_equal(bench_drop(&b, PIM_DROP_NOT_NEIGHBOR), 1);
	bench_end(&b);
}

// AS-03: lower preference, lower metric, higher address.
static void order_of_metrics(void **state)
{
	static const struct {
		uint32_t preference, metric;
		bool lose;
	} rows[] = {
		{110, 10, true}, // by the address
		{110, 9, true},
		{110, 11, false},
		{109, 0xffffffff, true},
		{111, 0, false},
		{0, 0, true},
		{0x7fffffff, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pim_assert_msg m = {.sg = channel_sg(7),
			.preference = rows[i].preference,
			.metric = rows[i].metric};
		uint8_t buf[PIM_ASSERT_MAX_LEN];
		struct bench b;
		int len = pim_assert_encode(&m, buf, sizeof(buf));

		begin(&b);
		bench_input(&b, 2, buf, (size_t)len);
		bench_expect(&b, rows[i].lose ? "mute-7" : "assert-7");
		// With the R bit nothing is as good as ours.
		m.rpt = true;
		bench_until(&b, 13000);
		len = pim_assert_encode(&m, buf, sizeof(buf));
		bench_input(&b, 2, buf, (size_t)len);
		bench_expect(&b, rows[i].lose ? "unmute-7" : "assert-7");
		bench_end(&b);
	}
}

// A lower address loses what is equal.
// AS-03.
static void order_of_addresses(void **state)
{
	struct addr high = neighbor_addr(200);
	struct bench b;

	(void)state;
	begin(&b);
	pim_if_address(b.pif, &high, b.now_us);
	bench_assert(&b, 2, 7, EQUAL);
	bench_expect(&b, "assert-7");
	bench_end(&b);
}

// AS-04: the winner says it again before the others' 180 s are over, and to who is inferior.
static void winner_says_it_again(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	bench_data(&b, 7);
	bench_expect(&b, "assert-7");
	bench_until(&b, 12000 + 176999);
	bench_expect(&b, "");
	bench_until(&b, 12000 + 177000);
	bench_expect(&b, "assert-7");
	bench_assert(&b, 2, 7, LOST); // just said: our Assert crossed it
	bench_expect(&b, "");
	bench_until(&b, 12000 + 177020);
	bench_assert(&b, 2, 7, LOST);
	bench_expect(&b, "assert-7");
	bench_until(&b, 12000 + 177020 + 176999);
	bench_expect(&b, "");
	bench_until(&b, 12000 + 177020 + 177000);
	bench_expect(&b, "assert-7");
	bench_end(&b);
}

// Beyond the RFC: an Assert may be lost on the way.
static void winner_that_sees_data_repeats(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	bench_data(&b, 7);
	bench_until(&b, 12999);
	bench_data(&b, 7);
	bench_expect(&b, "assert-7");
	bench_until(&b, 13000);
	bench_data(&b, 7);
	bench_data(&b, 7);
	bench_expect(&b, "assert-7");
	bench_end(&b);
}

static void winner_loses_to_a_better_one(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	bench_data(&b, 7);
	bench_assert(&b, 2, 7, BETTER);
	bench_expect(&b, "assert-7 mute-7");
	assert_string_equal(state_of(&b), "loser");
	bench_data(&b, 7);
	bench_expect(&b, "");
	bench_end(&b);
}

// AS-04: CouldAssert becomes false.
static void winner_cancels(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	bench_data(&b, 7);
	bench_prune(&b, 2, 7);
	bench_until(&b, 14999);
	bench_expect(&b, "assert-7");
	bench_until(&b, 15000);
	bench_expect(&b, "echo-7 -7/0 cancel-7");
	bench_join(&b, 2, 7, 210);
	bench_data(&b, 7);
	bench_expect(&b, "+7/2 assert-7");
	b.dry = true; // its relay died: the others go on at once
	bench_until(&b, 17000);
	bench_expect(&b, "cancel-7");
	assert_string_equal(state_of(&b), "no-info");
	bench_end(&b);
}

// A router without packets takes part in no Assert, and lets the other forward.
static void dry_router_does_not_assert(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	b.dry = true;
	bench_data(&b, 7);
	bench_expect(&b, "");
	bench_assert(&b, 2, 7, LOST);
	bench_expect(&b, "mute-7");
	// Once it has them, and the better metric, it forwards.
	b.dry = false;
	bench_until(&b, 13999);
	bench_expect(&b, "");
	bench_until(&b, 14000);
	bench_expect(&b, "assert-7 unmute-7");
	assert_string_equal(state_of(&b), "winner");
	bench_end(&b);
}

// AS-05, each way back to NoInfo.
static void loser_waits_180_s(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	bench_assert(&b, 2, 7, EQUAL);
	bench_until(&b, 112000);
	bench_assert(&b, 2, 7, EQUAL); // and from then on anew
	bench_expect(&b, "mute-7");
	bench_until(&b, 112000 + 179999);
	bench_expect(&b, "");
	bench_until(&b, 112000 + 180000);
	bench_expect(&b, "unmute-7");
	bench_end(&b);
}

// AS-05.
static void loser_hears_of_the_winner(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	// Its GenID.
	bench_assert(&b, 3, 7, EQUAL);
	bench_hello(&b, 3, 0xffff, 2);
	bench_expect(&b, "mute-7 unmute-7");
	// Another router's GenID, or Goodbye, is nothing.
	bench_assert(&b, 3, 7, EQUAL);
	bench_hello(&b, 2, 0xffff, 5);
	bench_hello(&b, 2, 0, 5);
	bench_expect(&b, "mute-7");
	// Its Goodbye.
	bench_hello(&b, 3, 0, 2);
	bench_expect(&b, "unmute-7");
	// Its silence.
	bench_hello(&b, 3, 10, 2);
	bench_assert(&b, 3, 7, EQUAL);
	bench_until(&b, 12000 + 9999);
	bench_expect(&b, "mute-7");
	bench_until(&b, 12000 + 10000);
	bench_expect(&b, "unmute-7");
	bench_end(&b);
}

// AS-05.
static void loser_hears_the_winner(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	bench_assert(&b, 3, 7, BETTER);
	bench_expect(&b, "mute-7");
	// Others' Asserts: an inferior one and a cancel are not the winner's.
	bench_assert(&b, 2, 7, LOST);
	bench_assert(&b, 2, 7, EQUAL);
	bench_assert(&b, 2, 7, CANCEL);
	bench_expect(&b, "");
	// A better one takes over without a packet from us.
	bench_assert(&b, 2, 7, 1, 1);
	bench_expect(&b, "");
	bench_assert(&b, 3, 7, CANCEL);
	bench_expect(&b, "");
	bench_assert(&b, 2, 7, CANCEL);
	bench_expect(&b, "unmute-7");
	// The winner's metric becomes worse than ours.
	bench_assert(&b, 2, 7, EQUAL);
	bench_assert(&b, 2, 7, LOST);
	bench_expect(&b, "mute-7 unmute-7");
	bench_end(&b);
}

// AS-05.
static void loser_is_joined(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	bench_assert(&b, 2, 7, EQUAL);
	bench_join(&b, 3, 7, 210);
	bench_expect(&b, "mute-7 unmute-7");
	// If the winner is alive after all, it is lost again.
	bench_data(&b, 7);
	bench_assert(&b, 2, 7, EQUAL);
	bench_expect(&b, "assert-7 mute-7");
	bench_end(&b);
}

// AS-05.
static void loser_is_not_wanted_any_more(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	bench_hello(&b, 3, 0, 1);
	bench_assert(&b, 2, 7, EQUAL);
	bench_prune(&b, 2, 7);
	bench_expect(&b, "mute-7 -7/2 unmute-7");
	assert_string_equal(state_of(&b), "none");
	// Nor does an Assert matter then, whatever it says.
	bench_assert(&b, 2, 7, EQUAL);
	bench_assert(&b, 2, 7, LOST);
	bench_assert(&b, 2, 7, CANCEL);
	bench_expect(&b, "");
	assert_string_equal(state_of(&b), "none");
	bench_end(&b);
}

// Other receivers than PIM's: static channels, IGMP.
// AS-01.
static void local_receivers_count(void **state)
{
	struct sg sg = channel_sg(5);
	struct bench b;

	(void)state;
	begin(&b);
	bench_prune(&b, 2, 7);
	bench_until(&b, 15000);
	bench_expect(&b, "echo-7 -7/0");
	b.local = 5;
	bench_data(&b, 5);
	bench_expect(&b, "assert-5");
	assert_string_equal(state_of(&b), "winner");
	bench_assert(&b, 2, 5, BETTER);
	bench_expect(&b, "mute-5");
	// A Join and its Prune come and go; the Assert stays, as long as it is wanted.
	bench_join(&b, 2, 5, 210);
	bench_expect(&b, "+5/2 unmute-5");
	bench_assert(&b, 2, 5, BETTER);
	bench_until(&b, 16000);
	bench_prune(&b, 2, 5);
	bench_until(&b, 19000);
	bench_expect(&b, "mute-5 echo-5 -5/0");
	b.local = 0;
	pim_if_local_changed(b.pif, &sg, b.now_us);
	bench_expect(&b, "unmute-5");
	assert_string_equal(state_of(&b), "none");
	b.local = 5;
	bench_data(&b, 5);
	b.local = 0;
	pim_if_local_changed(b.pif, &sg, b.now_us);
	bench_expect(&b, "assert-5 cancel-5");
	bench_end(&b);
}

static void address_changes(void **state)
{
	struct addr high = neighbor_addr(200);
	struct bench b;

	(void)state;
	begin(&b);
	bench_join(&b, 2, 8, 0xffff);
	bench_data(&b, 7);
	bench_assert(&b, 2, 8, EQUAL);
	bench_expect(&b, "+8/2 assert-7 mute-8");
	// Our Goodbye told the others that the winner of 7 has gone; that of 8 is another.
	pim_if_address(b.pif, &high, b.now_us);
	bench_expect(&b, "");
	bench_data(&b, 7);
	bench_expect(&b, "assert-7");
	pim_if_address(b.pif, NULL, b.now_us);
	assert_int_equal(b.muted, 0);
	assert_int_equal(b.wanted, 0);
	bench_data(&b, 7);
	bench_end(&b);
}

static void counts(void **state)
{
	struct pim_if_view v;
	struct bench b;

	(void)state;
	begin(&b);
	bench_join(&b, 2, 8, 0xffff);
	bench_data(&b, 7);
	bench_assert(&b, 2, 8, EQUAL);
	pim_if_view(b.pif, &v);
	assert_int_equal(v.asserts_won, 1);
	assert_int_equal(v.asserts_lost, 1);
	assert_int_equal(v.joins, 2);
	bench_data(&b, 8);
	bench_until(&b, 13000);
	bench_assert(&b, 2, 7, EQUAL);
	bench_assert(&b, 2, 8, CANCEL);
	pim_if_view(b.pif, &v);
	assert_int_equal(v.asserts_won, 0);
	assert_int_equal(v.asserts_lost, 1);
	assert_int_equal(pim_if_stats(b.pif)->assert_rx, 3);
	assert_int_equal(pim_if_stats(b.pif)->assert_tx, 1);
	assert_int_equal(pim_if_stats(b.pif)->native_rx, 2);
	bench_end(&b);
}

// AS-06 (section 4.1.5): receivers attached directly are the DR's, or the winner's of the Assert.
static void who_serves_receivers(void **state)
{
	struct sg sg = channel_sg(7), other = channel_sg(8);
	struct bench b = {0};

	(void)state;
	b.log_includes = true;
	{
		struct pim_cfg cfg = bench_cfg(&b);

		bench_begin_cfg(&b, &cfg);
	}
	bench_expect(&b, "dr"); // alone
	assert_true(pim_if_include(b.pif, &sg));
	bench_hello_priority(&b, 3, 0xffff, 7);
	bench_expect(&b, "not-dr");
	assert_false(pim_if_include(b.pif, &sg));
	// Of what is asked for by a Join the packets go to all that are there.
	bench_hello_priority(&b, 2, 0xffff, 0);
	bench_join(&b, 2, 7, 0xffff);
	assert_false(pim_if_include(b.pif, &sg));
	bench_data(&b, 7);
	bench_expect(&b, "+7/2 assert-7 serve-7");
	assert_true(pim_if_include(b.pif, &sg));
	assert_false(pim_if_include(b.pif, &other));
	bench_assert(&b, 3, 7, BETTER);
	bench_expect(&b, "mute-7 leave-7");
	assert_false(pim_if_include(b.pif, &sg));
	bench_assert(&b, 3, 7, PIM_PREFERENCE_INFINITE, PIM_METRIC_INFINITE);
	bench_expect(&b, "unmute-7");
	bench_until(&b, 1000);
	bench_data(&b, 7);
	bench_expect(&b, "assert-7 serve-7");
	// While we are the DR the Assert makes no difference.
	bench_hello_priority(&b, 3, 0xffff, 0);
	bench_expect(&b, "dr");
	bench_assert(&b, 3, 7, BETTER);
	bench_expect(&b, "mute-7");
	assert_true(pim_if_include(b.pif, &sg)); // muted, and kept
	bench_hello_priority(&b, 3, 0xffff, 7);
	bench_expect(&b, "not-dr");
	bench_hello_priority(&b, 3, 0, 7);
	bench_expect(&b, "dr unmute-7");
	pim_if_address(b.pif, NULL, b.now_us);
	bench_expect(&b, "-7/0 not-dr");
	assert_false(pim_if_include(b.pif, &sg));
	bench_end(&b);
}

// Drained: the metric is another one, and what was won is said again with it.
static void another_metric_is_said(void **state)
{
	struct pim_cfg cfg;
	struct bench b;

	(void)state;
	begin(&b);
	bench_data(&b, 7);
	bench_expect(&b, "assert-7");
	cfg = bench_cfg(&b);
	pim_if_configure(b.pif, &cfg, b.now_us);
	bench_until(&b, 13000);
	bench_expect(&b, ""); // the same one
	cfg.assert_preference = 0x7ffffffe;
	cfg.assert_metric = 0xfffffffe;
	pim_if_configure(b.pif, &cfg, b.now_us);
	bench_until(&b, 13100);
	bench_expect(&b, "assert-7");
	assert_int_equal(b.last[b.last_len - 5], 0xfe); // the end of the preference
	// Whoever forwards as well now says what is better, and has it.
	bench_assert(&b, 2, 7, LOST);
	bench_expect(&b, "mute-7");
	bench_end(&b);
}

// After a Goodbye what is joined is forwarded on, until another router's packets are seen.
static void goodbye_and_forward_on(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	bench_join(&b, 3, 8, 0xffff);
	bench_until(&b, 12500);
	bench_expect(&b, "+8/3");
	b.log_hellos = true;
	pim_if_goodbye(b.pif, b.now_us);
	bench_expect(&b, "hello-0");
	assert_false(pim_if_replaced(b.pif));
	assert_false(pim_if_is_dr(b.pif) && pim_if_include(b.pif, &(struct sg){0}));
	bench_until(&b, 60000); // no Hello follows
	bench_hello(&b, 2, 0xffff, 77);
	bench_prune(&b, 2, 7); // nobody means us any more
	bench_until(&b, 70000);
	bench_expect(&b, "");
	bench_data(&b, 7);
	bench_expect(&b, "mute-7");
	assert_false(pim_if_replaced(b.pif));
	bench_data(&b, 7);
	bench_expect(&b, "");
	bench_data(&b, 8);
	bench_expect(&b, "mute-8");
	assert_true(pim_if_replaced(b.pif));
	// What is muted is not so any more when it is over, and no second Goodbye is said.
	pim_if_address(b.pif, NULL, b.now_us);
	assert_non_null(strstr(b.done, "-7/0 unmute-7"));
	assert_non_null(strstr(b.done, "-8/0 unmute-8"));
	assert_null(strstr(b.done, "hello"));
	b.done[0] = '\0';
	bench_end(&b);
}

// A DR that is to hand over its receivers keeps them as the winner of an Assert, until the next one
// brings packets.
static void handed_over(void **state)
{
	struct pim_cfg cfg;
	struct bench b;
	struct sg sg = channel_sg(9);

	(void)state;
	bench_begin(&b);
	bench_until(&b, 6000);
	bench_hello_priority(&b, 2, 0xffff, 0);
	b.log_includes = true;
	assert_true(pim_if_is_dr(b.pif));
	pim_if_claim(b.pif, &sg, b.now_us);
	bench_expect(&b, ""); // nobody wants it here
	b.local = 9;
	pim_if_claim(b.pif, &sg, b.now_us);
	bench_expect(&b, "assert-9");
	pim_if_claim(b.pif, &sg, b.now_us);
	bench_expect(&b, "");
	cfg = bench_cfg(&b);
	cfg.dr_priority = 0;
	cfg.assert_preference = 0x7ffffffe;
	pim_if_configure(b.pif, &cfg, b.now_us);
	bench_until(&b, 6100);
	bench_expect(&b, "not-dr assert-9");
	assert_true(pim_if_include(b.pif, &sg)); // still ours
	bench_data(&b, 9);
	bench_assert(&b, 2, 9, LOST);
	bench_expect(&b, "mute-9 leave-9");
	assert_false(pim_if_include(b.pif, &sg));
	bench_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_makes_us_assert),
		cmocka_unit_test(who_serves_receivers),
		cmocka_unit_test(another_metric_is_said),
		cmocka_unit_test(goodbye_and_forward_on),
		cmocka_unit_test(handed_over),
		cmocka_unit_test(on_the_wire_as_the_vectors),
		cmocka_unit_test(hello_comes_first),
		cmocka_unit_test(unknown_neighbor),
		cmocka_unit_test(order_of_metrics),
		cmocka_unit_test(order_of_addresses),
		cmocka_unit_test(winner_says_it_again),
		cmocka_unit_test(winner_that_sees_data_repeats),
		cmocka_unit_test(winner_loses_to_a_better_one),
		cmocka_unit_test(winner_cancels),
		cmocka_unit_test(dry_router_does_not_assert),
		cmocka_unit_test(loser_waits_180_s),
		cmocka_unit_test(loser_hears_of_the_winner),
		cmocka_unit_test(loser_hears_the_winner),
		cmocka_unit_test(loser_is_joined),
		cmocka_unit_test(loser_is_not_wanted_any_more),
		cmocka_unit_test(local_receivers_count),
		cmocka_unit_test(address_changes),
		cmocka_unit_test(counts),
	};

	return RUN_TESTS(tests);
}
