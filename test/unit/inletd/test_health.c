// SPDX-License-Identifier: BSD-3-Clause
// Health by virtual time: quick to go down, slow to come up, and what is asked of relays meanwhile.
#include "unit/unit.h"

#include <string.h>

#include "base/timer.h"
#include "inletd/health.h"

#define MS(n) ((n)*USEC_PER_MSEC)
#define S(n)  ((n)*USEC_PER_SEC)

static void all_good(struct observe_health *h, uint64_t now)
{
	for (enum observe_health_check c = 0; c < OBSERVE_HEALTH_CHECKS; c++)
		health_see(h, c, OBSERVE_GOOD, NULL, now);
}

static void down_at_once_and_up_later(void **state)
{
	struct observe_health h;

	(void)state;
	health_init(&h, S(1));
	assert_int_equal(h.state, OBSERVE_STARTING);
	all_good(&h, S(1));
	assert_false(health_settle(&h, S(10), S(1)));
	assert_false(health_settle(&h, S(10), S(10)));
	assert_string_equal(h.reason, "good, but not for long enough");
	assert_true(health_settle(&h, S(10), S(11)));
	assert_int_equal(h.state, OBSERVE_UP);
	assert_string_equal(h.reason, "");

	health_see(&h, OBSERVE_HEALTH_UPSTREAM, OBSERVE_BAD, "wan: no link", S(12));
	assert_true(health_settle(&h, S(10), S(12)));
	assert_int_equal(h.state, OBSERVE_DOWN);
	assert_string_equal(h.reason, "upstream: wan: no link");
	// What flaps does not come up in between.
	for (uint64_t t = 13; t < 60; t += 6) {
		health_see(&h, OBSERVE_HEALTH_UPSTREAM, OBSERVE_GOOD, NULL, S(t));
		assert_false(health_settle(&h, S(10), S(t)));
		assert_false(health_settle(&h, S(10), S(t + 5)));
		health_see(&h, OBSERVE_HEALTH_UPSTREAM, OBSERVE_BAD, "wan: no link", S(t + 6));
		assert_false(health_settle(&h, S(10), S(t + 6)));
	}
	health_see(&h, OBSERVE_HEALTH_UPSTREAM, OBSERVE_UNKNOWN, NULL, S(70));
	assert_false(health_settle(&h, S(10), S(70)));
	assert_true(health_settle(&h, S(10), S(80)));
	assert_int_equal(h.state, OBSERVE_UP);
	assert_int_equal(h.changes, 3);
}

static void never_up_while_something_is_bad(void **state)
{
	struct observe_health h;

	(void)state;
	health_init(&h, S(1));
	all_good(&h, S(1));
	health_see(&h, OBSERVE_HEALTH_WORKERS, OBSERVE_BAD, "worker 1", S(1));
	for (uint64_t t = 1; t < 100; t++)
		assert_false(health_settle(&h, S(10), S(t)));
	assert_int_equal(h.state, OBSERVE_STARTING);
	assert_string_equal(h.reason, "workers: worker 1");
}

static void drained_stays_whatever_is_seen(void **state)
{
	struct observe_health h;

	(void)state;
	health_init(&h, S(1));
	all_good(&h, S(1));
	health_settle(&h, 0, S(1));
	assert_int_equal(h.state, OBSERVE_UP);
	health_set(&h, OBSERVE_DRAINING, "by the operator", S(2));
	assert_false(health_settle(&h, 0, S(30)));
	health_see(&h, OBSERVE_HEALTH_RELAYS, OBSERVE_BAD, "x", S(31));
	assert_false(health_settle(&h, 0, S(31)));
	assert_int_equal(h.state, OBSERVE_DRAINING);
	assert_string_equal(h.reason, "by the operator");
	health_set(&h, OBSERVE_DOWN, "drained until now", S(32));
	all_good(&h, S(32));
	assert_true(health_settle(&h, 0, S(32)));
	assert_int_equal(h.state, OBSERVE_UP);
}

static void a_worker_that_does_not_poll(void **state)
{
	struct health_workers hw = {0};
	uint64_t polls[2] = {7, 7};

	(void)state;
	assert_int_equal(health_workers_stuck(&hw, polls, 2, S(1), S(100)), -1);
	polls[0]++;
	assert_int_equal(health_workers_stuck(&hw, polls, 2, S(1), S(100) + MS(999)), -1);
	assert_int_equal(health_workers_stuck(&hw, polls, 2, S(1), S(101)), 1);
	polls[1]++;
	assert_int_equal(health_workers_stuck(&hw, polls, 2, S(1), S(102)), 0);
}

// ---- Relays: 3 s, as by default, looked at every 100 ms

struct world {
	struct health_relays hr;
	struct health_relays_seen seen;
	uint64_t now;
	unsigned int asks;
	enum observe_health_is is;
};

static void step(struct world *w, uint64_t ms)
{
	bool ask;

	for (uint64_t end = w->now + MS(ms); w->now < end;) {
		w->now += MS(100);
		w->is = health_relays_look(&w->hr, &w->seen, S(3), w->now, &ask);
		w->asks += ask;
	}
}

static void flows(struct world *w, uint64_t ms)
{
	for (uint64_t i = 0; i < ms; i += 100) {
		w->seen.packets++;
		step(w, 100);
	}
}

static void begin(struct world *w)
{
	struct addr relay = {.family = ADDR_V4, .bytes = {203, 0, 113, 11}};

	*w = (struct world){.now = S(100), .seen.wanted = 1};
	health_relays_served(&w->hr, &relay);
	flows(w, 5000);
	assert_int_equal(w->is, OBSERVE_GOOD);
	assert_int_equal(w->asks, 0);
}

static void nobody_is_asked_while_packets_come(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	flows(&w, 60000);
	assert_int_equal(w.asks, 0);
}

static void relays_that_are_away(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	step(&w, 2900);
	assert_int_equal(w.is, OBSERVE_GOOD);
	step(&w, 200);
	assert_int_equal(w.is, OBSERVE_BAD);
	assert_int_equal(w.asks, 3);
	// Asked on, and good with the first answer.
	step(&w, 10000);
	assert_int_equal(w.is, OBSERVE_BAD);
	assert_in_range(w.asks, 12, 14);
	w.seen.answers++;
	step(&w, 100);
	assert_int_equal(w.is, OBSERVE_GOOD);
}

static void a_silent_sender_is_no_failure(void **state)
{
	struct world w;
	unsigned int before;

	(void)state;
	begin(&w);
	for (int i = 0; i < 600; i++) {
		before = w.asks;
		step(&w, 100);
		w.seen.answers += w.asks != before;
		assert_int_equal(w.is, OBSERVE_GOOD);
	}
	// Not every second: it has answered.
	assert_in_range(w.asks, 5, 8);
}

static void while_nobody_wants_anything(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	w.seen.wanted = 0;
	step(&w, 60000);
	assert_int_equal(w.is, OBSERVE_UNKNOWN);
	assert_int_equal(w.asks, 0);
	// What is bad stays so for two minutes after the last one has left, and is asked.
	begin(&w);
	step(&w, 3100);
	assert_int_equal(w.is, OBSERVE_BAD);
	w.seen.wanted = 0;
	step(&w, 100000);
	assert_int_equal(w.is, OBSERVE_BAD);
	assert_in_range(w.asks, 95, 110);
	step(&w, 30000);
	assert_int_equal(w.is, OBSERVE_UNKNOWN);
}

static void relays_that_the_configuration_names(void **state)
{
	struct world w = {.now = S(100), .seen.always = true};

	(void)state;
	step(&w, 2000);
	assert_int_equal(w.is, OBSERVE_GOOD);
	assert_in_range(w.asks, 1, 2);
	step(&w, 1200);
	assert_int_equal(w.is, OBSERVE_BAD);
	step(&w, 200000);
	assert_int_equal(w.is, OBSERVE_BAD);
	w.seen.answers++;
	step(&w, 100);
	assert_int_equal(w.is, OBSERVE_GOOD);
}

static void only_the_last_relays_are_remembered(void **state)
{
	struct health_relays hr = {0};
	struct addr relay = {.family = ADDR_V4, .bytes = {203, 0, 113, 0}};

	(void)state;
	for (uint8_t i = 0; i < 6; i++) {
		relay.bytes[3] = i;
		health_relays_served(&hr, &relay);
		health_relays_served(&hr, &relay);
	}
	assert_int_equal(hr.n_served, HEALTH_RELAYS);
	assert_int_equal(hr.served[0].bytes[3], 4);
	assert_int_equal(hr.served[1].bytes[3], 5);
	assert_int_equal(hr.served[2].bytes[3], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(down_at_once_and_up_later),
		cmocka_unit_test(never_up_while_something_is_bad),
		cmocka_unit_test(drained_stays_whatever_is_seen),
		cmocka_unit_test(a_worker_that_does_not_poll),
		cmocka_unit_test(nobody_is_asked_while_packets_come),
		cmocka_unit_test(relays_that_are_away),
		cmocka_unit_test(a_silent_sender_is_no_failure),
		cmocka_unit_test(while_nobody_wants_anything),
		cmocka_unit_test(relays_that_the_configuration_names),
		cmocka_unit_test(only_the_last_relays_are_remembered),
	};

	return RUN_TESTS(tests);
}
