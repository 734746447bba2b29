// SPDX-License-Identifier: BSD-3-Clause
// The downstream (S,G) machine (RFC 7761 section 4.5.2) as lists of (event, time) -> actions.
#include "harness.h"
#include "unit/unit.h"

enum event { NOTHING, HELLO, BARE, JOIN, PRUNE };

struct step {
	unsigned int ms; // timers run to this time, then the event
	enum event event;
	unsigned int n; // neighbour
	unsigned int x; // Join and Prune: channel; Hello: GenID
	unsigned int holdtime_s;
	const char *actions; // of the timers and the event
};

static void play(const struct step *steps, size_t n)
{
	struct bench b;

	bench_begin(&b);
	for (size_t i = 0; i < n; i++) {
		const struct step *s = &steps[i];
		uint16_t holdtime = (uint16_t)s->holdtime_s;

		bench_until(&b, s->ms);
		if (s->event == HELLO)
			bench_hello(&b, s->n, holdtime, s->x);
		else if (s->event == BARE)
			bench_bare_hello(&b, s->n, holdtime);
		else if (s->event == JOIN)
			bench_join(&b, s->n, s->x, holdtime);
		else if (s->event == PRUNE)
			bench_prune(&b, s->n, s->x);
		bench_expect(&b, s->actions);
	}
	bench_end(&b);
}

#define PLAY(...)                                                 \
	do {                                                      \
		static const struct step steps[] = {__VA_ARGS__}; \
		play(steps, sizeof(steps) / sizeof(steps[0]));    \
	} while (0)

// JP-04.
static void join_then_expiry(void **state)
{
	(void)state;
	PLAY({0, HELLO, 2, 1, 0xffff, ""}, {1000, JOIN, 2, 7, 210, "+7/2"},
		{210999, NOTHING, 0, 0, 0, ""}, {211000, NOTHING, 0, 0, 0, "-7/0"});
}

// JP-04.
static void refresh_takes_the_later_expiry(void **state)
{
	(void)state;
	// The second Join would end earlier and must not shorten; the third prolongs.
	PLAY({0, HELLO, 2, 1, 0xffff, ""}, {0, JOIN, 2, 7, 210, "+7/2"}, {1000, JOIN, 2, 7, 10, ""},
		{60000, JOIN, 2, 7, 210, ""}, {269999, NOTHING, 0, 0, 0, ""},
		{270000, NOTHING, 0, 0, 0, "-7/0"});
}

// JP-07.
static void forever_never_expires(void **state)
{
	(void)state;
	PLAY({0, HELLO, 2, 1, 0xffff, ""}, {0, JOIN, 2, 7, 0xffff, "+7/2"},
		{1000, JOIN, 2, 7, 210, ""}, {100000000, NOTHING, 0, 0, 0, ""},
		{100000000, PRUNE, 2, 7, 0, "-7/2"});
}

// JP-07.
static void holdtime_zero_creates_nothing(void **state)
{
	struct bench b;

	(void)state;
	PLAY({0, HELLO, 2, 1, 0xffff, ""}, {0, JOIN, 2, 7, 0, ""}, {0, JOIN, 2, 7, 210, "+7/2"},
		{10, JOIN, 2, 7, 0, ""}, {209999, NOTHING, 0, 0, 0, ""},
		{210000, NOTHING, 0, 0, 0, "-7/0"});
	bench_begin(&b);
	bench_hello(&b, 2, 105, 1);
	bench_join(&b, 2, 7, 0);
	assert_int_equal(bench_drop(&b, PIM_DROP_HOLDTIME_ZERO), 1);
	assert_int_equal(bench_drops(&b), 1);
	bench_end(&b);
}

// JP-05.
static void prune_with_one_neighbor_is_at_once(void **state)
{
	(void)state;
	PLAY({0, HELLO, 2, 1, 0xffff, ""}, {0, JOIN, 2, 7, 210, "+7/2"},
		{500, PRUNE, 2, 7, 0, "-7/2"}, {500, PRUNE, 2, 7, 0, ""},
		{300000, NOTHING, 0, 0, 0, ""});
}

// JP-08.
static void prune_in_noinfo_is_nothing(void **state)
{
	(void)state;
	PLAY({0, HELLO, 2, 1, 0xffff, ""}, {0, HELLO, 3, 1, 0xffff, ""}, {1, PRUNE, 2, 7, 0, ""},
		{10000, NOTHING, 0, 0, 0, ""});
}

// JP-05, JP-06.
static void prune_with_two_neighbors_waits_and_echoes(void **state)
{
	(void)state;
	// A second Prune while pending does not start over.
	PLAY({0, HELLO, 2, 1, 0xffff, ""}, {0, HELLO, 3, 1, 0xffff, ""},
		{1000, JOIN, 2, 7, 210, "+7/2"}, {2000, PRUNE, 2, 7, 0, ""},
		{4000, PRUNE, 2, 7, 0, ""}, {4999, NOTHING, 0, 0, 0, ""},
		{5000, NOTHING, 0, 0, 0, "echo-7 -7/0"});
}

// JP-04.
static void join_overrides_a_pending_prune(void **state)
{
	(void)state;
	PLAY({0, HELLO, 2, 1, 0xffff, ""}, {0, HELLO, 3, 1, 0xffff, ""},
		{0, JOIN, 2, 7, 210, "+7/2"}, {1000, PRUNE, 2, 7, 0, ""},
		{3999, JOIN, 3, 7, 210, ""}, {213998, NOTHING, 0, 0, 0, ""},
		{213999, NOTHING, 0, 0, 0, "-7/0"});
}

// JP-04.
static void expiry_while_a_prune_is_pending(void **state)
{
	(void)state;
	// ET runs out first: no echo.
	PLAY({0, HELLO, 2, 1, 0xffff, ""}, {0, HELLO, 3, 1, 0xffff, ""},
		{0, JOIN, 2, 7, 10, "+7/2"}, {8000, PRUNE, 2, 7, 0, ""},
		{9999, NOTHING, 0, 0, 0, ""}, {10000, NOTHING, 0, 0, 0, "-7/0"},
		{20000, NOTHING, 0, 0, 0, ""});
}

// JP-04.
static void second_router_keeps_the_channel(void **state)
{
	(void)state;
	PLAY({0, HELLO, 2, 1, 0xffff, ""}, {0, HELLO, 3, 1, 0xffff, ""},
		{0, JOIN, 2, 7, 210, "+7/2"}, {10, JOIN, 3, 7, 210, ""}, {1000, PRUNE, 2, 7, 0, ""},
		{1300, JOIN, 3, 7, 210, ""}, {60000, NOTHING, 0, 0, 0, ""});
}

// PH-05, PH-07.
static void killed_router_ends_by_holdtime(void **state)
{
	(void)state;
	// The neighbour is gone after 105 s, by Goodbye or not: its Join stays for its own time.
	PLAY({0, HELLO, 2, 1, 105, ""}, {0, JOIN, 2, 7, 210, "+7/2"}, {0, JOIN, 2, 8, 60, "+8/2"},
		{59999, NOTHING, 0, 0, 0, ""}, {60000, NOTHING, 0, 0, 0, "-8/0"},
		{209999, NOTHING, 0, 0, 0, ""}, {210000, NOTHING, 0, 0, 0, "-7/0"});
	PLAY({0, HELLO, 2, 1, 105, ""}, {0, JOIN, 2, 7, 210, "+7/2"}, {1, HELLO, 2, 1, 0, ""},
		{209999, NOTHING, 0, 0, 0, ""}, {210000, NOTHING, 0, 0, 0, "-7/0"});
}

// PH-05.
static void genid_change_keeps_joins(void **state)
{
	(void)state;
	PLAY({0, HELLO, 2, 1, 105, ""}, {0, JOIN, 2, 7, 210, "+7/2"}, {1000, HELLO, 2, 99, 105, ""},
		{209999, NOTHING, 0, 0, 0, ""}, {210000, NOTHING, 0, 0, 0, "-7/0"});
}

// Seen once, it is known: its next Joins count when they have stood for 20 ms.
static void flap_of_frr(void **state)
{
	(void)state;
	PLAY({0, HELLO, 2, 1, 0xffff, ""}, {1, JOIN, 2, 7, 210, "+7/2"},
		{1, PRUNE, 2, 7, 210, "-7/2"}, {2, JOIN, 2, 7, 210, ""}, {2, PRUNE, 2, 7, 210, ""},
		{3, JOIN, 2, 8, 210, ""}, {22, NOTHING, 0, 0, 0, ""},
		{23, NOTHING, 0, 0, 0, "+8/2"}, {100, PRUNE, 2, 8, 0, "-8/2"},
		// A refresh of a held Join does not make it count sooner, another router's does.
		{200, JOIN, 2, 9, 210, ""}, {210, JOIN, 2, 9, 210, ""},
		{211, HELLO, 3, 1, 0xffff, ""}, {215, JOIN, 3, 9, 210, "+9/3"},
		{216, NOTHING, 0, 0, 0, ""}, {220, NOTHING, 0, 0, 0, ""},
		// Five minutes later it is forgotten.
		{300003, JOIN, 2, 10, 210, "-9/0 +10/2"});
}

static void flap_on_a_lan_waits_and_never_counts(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b);
	bench_hello(&b, 2, 0xffff, 1);
	bench_hello(&b, 3, 0xffff, 1);
	bench_join(&b, 2, 7, 210);
	bench_prune(&b, 2, 7);
	bench_expect(&b, "+7/2");
	bench_until(&b, 3000);
	bench_expect(&b, "echo-7 -7/0");
	bench_join(&b, 2, 7, 210);
	bench_until(&b, 3001);
	bench_prune(&b, 2, 7);
	bench_until(&b, 6001);
	bench_expect(&b, "echo-7"); // it waits all the same: another router may override
	assert_int_equal(pim_if_stats(b.pif)->held_flaps, 1);
	// The other one does: it counts from then on, and the channel is the other's.
	bench_join(&b, 2, 7, 210);
	bench_prune(&b, 2, 7);
	bench_expect(&b, "");
	bench_join(&b, 3, 7, 210);
	bench_expect(&b, "+7/3");
	bench_end(&b);
}

// PH-09.
static void neighbor_without_lan_delay_means_defaults(void **state)
{
	(void)state;
	PLAY({0, BARE, 2, 0, 0xffff, ""}, {0, HELLO, 3, 1, 0xffff, ""},
		{0, JOIN, 2, 7, 210, "+7/2"}, {1000, PRUNE, 2, 7, 0, ""},
		{3999, NOTHING, 0, 0, 0, ""}, {4000, NOTHING, 0, 0, 0, "echo-7 -7/0"});
}

// The effective delays are the largest of ours and the neighbours', each by itself (4.3.3).
// PH-09.
static void effective_override_interval(void **state)
{
	static const struct {
		uint16_t ours[2], second[2], third[2];
		bool bare; // and one that sent no LAN Prune Delay
		unsigned int ms;
	} rows[] = {
		{{100, 200}, {100, 200}, {100, 200}, false, 300},
		{{100, 200}, {300, 100}, {50, 900}, false, 1200},
		{{1000, 4000}, {300, 100}, {50, 900}, false, 5000},
		{{100, 200}, {100, 200}, {0x7fff, 0xffff}, false, 0x7fff + 0xffff},
		{{100, 200}, {300, 100}, {50, 900}, true, 3000},
		{{1000, 4000}, {300, 100}, {50, 900}, true, 3000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint16_t *delays[] = {rows[i].second, rows[i].third};
		uint8_t buf[PIM_HELLO_LEN];
		struct bench b = {0};
		struct pim_cfg cfg = bench_cfg(&b);

		cfg.propagation_delay_ms = rows[i].ours[0];
		cfg.override_interval_ms = rows[i].ours[1];
		bench_begin_cfg(&b, &cfg);
		for (unsigned int n = 0; n < 2; n++) {
			struct pim_hello hello = {.holdtime_s = 0xffff,
				.propagation_delay_ms = delays[n][0],
				.override_interval_ms = delays[n][1]};

			assert_int_equal(pim_hello_encode(&hello, buf, sizeof(buf)), PIM_HELLO_LEN);
			bench_input(&b, 2 + n, buf, sizeof(buf));
		}
		if (rows[i].bare)
			bench_bare_hello(&b, 9, 0xffff);
		bench_join(&b, 2, 7, 210);
		bench_expect(&b, "+7/2");
		bench_prune(&b, 2, 7);
		bench_until(&b, rows[i].ms - 1);
		bench_expect(&b, "");
		bench_until(&b, rows[i].ms);
		bench_expect(&b, "echo-7 -7/0");
		bench_end(&b);
	}
}

static void view_cb(void *arg, const struct pim_channel_view *c)
{
	*(struct pim_channel_view *)arg = *c;
}

static void views_tell_the_state(void **state)
{
	struct pim_channel_view view = {0};
	struct sg want = channel_sg(7);
	struct addr second = neighbor_addr(2);
	struct bench b;

	(void)state;
	bench_begin(&b);
	bench_hello(&b, 2, 105, 1);
	bench_hello(&b, 3, 105, 1);
	bench_join(&b, 2, 7, 210);
	pim_if_channels(b.pif, view_cb, &view);
	assert_string_equal(view.state, "join");
	assert_int_equal(view.expires_us, b.now_us + 210 * US_PER_S);
	assert_true(sg_eq(&view.sg, &want));
	assert_true(addr_eq(&view.last_neighbor, &second));
	bench_prune(&b, 2, 7);
	pim_if_channels(b.pif, view_cb, &view);
	assert_string_equal(view.state, "prune-pending");
	assert_int_equal(view.expires_us, b.now_us + 3 * US_PER_S);
	bench_end(&b);
}

static void ten_thousand_joins(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b);
	bench_hello(&b, 2, 0xffff, 1);
	for (unsigned int c = 1; c <= 10000; c++)
		bench_join(&b, 2, c, 210);
	assert_int_equal(b.wanted, 10000);
	assert_int_equal(pim_if_stats(b.pif)->joins_rx, 10000);
	for (unsigned int c = 1; c <= 5000; c++)
		bench_prune(&b, 2, c);
	assert_int_equal(b.wanted, 5000);
	bench_until(&b, 210000);
	assert_int_equal(b.wanted, 0);
	assert_int_equal(pim_if_stats(b.pif)->expired, 5000);
	assert_int_equal(bench_drops(&b), 0);
	bench_end(&b);
}

// JP-12.
static void limit_refuses_and_counts(void **state)
{
	struct bench b = {0};
	struct pim_cfg cfg = bench_cfg(&b);

	(void)state;
	cfg.max_joins = 2;
	bench_begin_cfg(&b, &cfg);
	bench_hello(&b, 2, 0xffff, 1);
	for (unsigned int c = 1; c <= 4; c++)
		bench_join(&b, 2, c, 210);
	bench_expect(&b, "+1/2 +2/2");
	assert_int_equal(bench_drop(&b, PIM_DROP_LIMIT), 2);
	bench_until(&b, 100);
	bench_prune(&b, 2, 1);
	bench_join(&b, 2, 4, 210);
	bench_expect(&b, "-1/2 +4/2");
	bench_end(&b);
}

static void count_joins_cb(void *arg, const struct pim_neighbor_view *n)
{
	uint32_t *joins = arg;

	joins[neighbor_number(&n->addr)] = n->joins;
}

// JP-12: by neighbour; coming and going gives no new allowance.
static void limit_of_a_neighbor(void **state)
{
	uint32_t joins[8] = {0};
	struct bench b = {0};
	struct pim_cfg cfg = bench_cfg(&b);

	(void)state;
	cfg.max_joins_neighbor = 2;
	bench_begin_cfg(&b, &cfg);
	bench_hello(&b, 2, 105, 1);
	bench_hello(&b, 3, 0xffff, 1);
	for (unsigned int c = 1; c <= 3; c++)
		bench_join(&b, 2, c, 210);
	bench_join(&b, 3, 3, 210);
	bench_join(&b, 3, 1, 210); // a channel that is there is no new one
	bench_expect(&b, "+1/2 +2/2 +3/3");
	assert_int_equal(bench_drop(&b, PIM_DROP_JOINS_NEIGHBOR_LIMIT), 1);
	bench_hello(&b, 2, 0, 1);
	bench_hello(&b, 2, 105, 2);
	bench_join(&b, 2, 4, 210);
	bench_expect(&b, "");
	assert_int_equal(bench_drop(&b, PIM_DROP_JOINS_NEIGHBOR_LIMIT), 2);
	pim_if_neighbors(b.pif, count_joins_cb, joins);
	assert_int_equal(joins[2], 2);
	assert_int_equal(joins[3], 1);
	// What one router's Prune leaves and another's Join keeps is the other's.
	bench_until(&b, 100);
	bench_prune(&b, 2, 1);
	bench_join(&b, 3, 1, 210);
	bench_join(&b, 2, 4, 210);
	bench_expect(&b, "+4/2");
	bench_hello(&b, 2, 0, 2);
	bench_until(&b, 211000);
	bench_expect(&b, "-3/0 -2/0 -1/0 -4/0");
	bench_end(&b);
}

// A channel of before the restart is nobody's until its router joins it again.
static void restored_is_charged_later(void **state)
{
	struct addr second = neighbor_addr(2);
	struct sg sg = channel_sg(7);
	uint32_t joins[8] = {0};
	struct bench b;

	(void)state;
	bench_begin(&b);
	assert_true(pim_if_restore(b.pif, &sg, &second, b.now_us + 100 * US_PER_S, b.now_us));
	assert_false(pim_if_restore(b.pif, &sg, &second, b.now_us + 100 * US_PER_S, b.now_us));
	bench_expect(&b, "+7/2");
	bench_hello(&b, 2, 105, 1);
	bench_join(&b, 2, 7, 210);
	pim_if_neighbors(b.pif, count_joins_cb, joins);
	assert_int_equal(joins[2], 1);
	bench_until(&b, 209999);
	bench_expect(&b, "");
	bench_until(&b, 210000);
	bench_expect(&b, "-7/0");
	bench_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(join_then_expiry),
		cmocka_unit_test(refresh_takes_the_later_expiry),
		cmocka_unit_test(forever_never_expires),
		cmocka_unit_test(holdtime_zero_creates_nothing),
		cmocka_unit_test(prune_with_one_neighbor_is_at_once),
		cmocka_unit_test(prune_in_noinfo_is_nothing),
		cmocka_unit_test(prune_with_two_neighbors_waits_and_echoes),
		cmocka_unit_test(join_overrides_a_pending_prune),
		cmocka_unit_test(expiry_while_a_prune_is_pending),
		cmocka_unit_test(second_router_keeps_the_channel),
		cmocka_unit_test(killed_router_ends_by_holdtime),
		cmocka_unit_test(genid_change_keeps_joins),
		cmocka_unit_test(flap_of_frr),
		cmocka_unit_test(flap_on_a_lan_waits_and_never_counts),
		cmocka_unit_test(neighbor_without_lan_delay_means_defaults),
		cmocka_unit_test(effective_override_interval),
		cmocka_unit_test(views_tell_the_state),
		cmocka_unit_test(ten_thousand_joins),
		cmocka_unit_test(limit_refuses_and_counts),
		cmocka_unit_test(limit_of_a_neighbor),
		cmocka_unit_test(restored_is_charged_later),
	};

	return RUN_TESTS(tests);
}
