// SPDX-License-Identifier: BSD-3-Clause
// Traffic that does not come (RFC 8777 section 3.3.4; standards TH-01, TH-02, TH-05, TH-06).
#include "unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "world.h"

#define S1 "192.0.2.1"
#define S2 "192.0.2.2"
#define G1 "232.1.1.1"
#define G2 "232.1.1.2"
#define R1 "203.0.113.1"
#define R2 "203.0.113.2"
#define MS USEC_PER_MSEC
#define S  USEC_PER_SEC

static int setup(void **state)
{
	struct channel_cfg cfg;

	(void)state;
	world_begin();
	cfg = w.cfg;
	cfg.traffic_timeout_ms = 4000;
	cfg.traffic_timeout_max_s = 120;
	world_configure(&cfg);
	world_journal();
	return 0;
}

static int relay_of(const char *s, const char *g)
{
	struct channel_view v = world_view(s, g);

	for (int i = 0; i < WORLD_RELAYS; i++)
		if (addr_eq(&v.relay, &w.relays[i].addr))
			return i;
	return -1;
}

static bool held_for(int relay, const char *source)
{
	struct addr s;

	addr_parse(source, &s);
	return holddown_held_for(&w.held, &w.relays[relay].addr, &s, w.now, NULL, NULL);
}

// A packet every 100 ms.
static void flow(const char *s, const char *g, uint64_t for_us)
{
	for (uint64_t t = 0; t < for_us; t += 100 * MS) {
		world_packets(s, g, 1);
		world_run(100 * MS);
	}
}

// Data flowed and stops: the relay is asked again, and then another one serves.
static void relay_dies_under_data(void **state)
{
	unsigned int requests;

	(void)state;
	world_dns(2, R1, R2);
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	flow(S1, G1, 10 * S);
	assert_int_equal(relay_of(S1, G1), 0);
	w.relays[0].silent = true;
	requests = w.relays[0].requests;
	world_run(3500 * MS);
	assert_int_equal(relay_of(S1, G1), 0);
	assert_int_equal(w.relays[0].requests, requests + 2); // and one that repeats it
	world_run(600 * MS);
	assert_int_equal(relay_of(S1, G1), 1);
	assert_int_equal(world_view(S1, G1).state, CHANNEL_JOINED);
	assert_true(held_for(0, S1));
	assert_false(held_for(0, S2));
	flow(S1, G1, 30 * S);
	assert_int_equal(relay_of(S1, G1), 1);
}

// A relay that takes the Update and sends nothing: it is full, or it does not want to.
static void silent_refusal(void **state)
{
	(void)state;
	world_dns(2, R1, R2);
	world_want(S1, G1, 1, true);
	world_run(3900 * MS);
	assert_int_equal(relay_of(S1, G1), 0);
	world_run(200 * MS);
	assert_int_equal(relay_of(S1, G1), 1);
	// Another source through it is not concerned while it flows.
	assert_false(holddown_held(&w.held, &w.relays[0].addr, w.now, NULL, NULL));
}

// Data of one channel is enough for its source.
static void one_channel_flows(void **state)
{
	(void)state;
	world_dns(2, R1, R2);
	world_want(S1, G1, 1, true);
	world_want(S1, G2, 1, true);
	world_run(20 * MS);
	flow(S1, G2, 60 * S);
	assert_int_equal(relay_of(S1, G1), 0);
	assert_int_equal(world_view(S1, G1).state, CHANNEL_JOINED);
}

// With a single relay nothing is left, whatever the sender does; the relay is asked again ever more
// seldom, which would repair one that was restarted.
static void lone_relay_is_kept(void **state)
{
	unsigned int requests, updates;

	(void)state;
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	world_run(1 * S);
	updates = w.relays[0].updates;
	world_run(2 * S);
	assert_true(w.relays[0].requests >= 2); // after two seconds already
	assert_true(w.relays[0].updates > updates);
	world_run(597 * S);
	assert_int_equal(relay_of(S1, G1), 0);
	assert_int_equal(world_view(S1, G1).state, CHANNEL_JOINED);
	requests = w.relays[0].requests;
	assert_in_range(requests, 8, 40);
	world_run(600 * S); // at the cap: one in one or two minutes at most, and the query cycle
	assert_in_range(w.relays[0].requests - requests, 5, 30);
	assert_int_equal(w.endpoints, 1);
	world_packets(S1, G1, 1);
	world_run(100 * MS);
	assert_int_equal(world_view(S1, G1).state, CHANNEL_FLOWING);
}

// A sender that is silent everywhere: it goes from relay to relay ever more slowly.
static void silent_sender_does_not_flap(void **state)
{
	unsigned int early = 0, late = 0;
	int at;

	(void)state;
	world_dns(2, R1, R2);
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	at = relay_of(S1, G1);
	for (int s = 0; s < 7200; s++) {
		world_run(1 * S);
		// It is subscribed at one of them all the time, but for the moves.
		if (relay_of(S1, G1) != at) {
			*(s < 600 ? &early : &late) += 1;
			at = relay_of(S1, G1);
		}
	}
	assert_in_range(early, 2, 6);
	assert_in_range(late, 1, 6600 / 300); // never more often than the holds allow
	assert_int_equal(world_view(S1, G1).state, CHANNEL_JOINED);
}

// Packets every ten seconds: the patience grows until it suffices, and stays.
static void sparse_sender(void **state)
{
	unsigned int moves = 0;
	int at;

	(void)state;
	world_dns(2, R1, R2);
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	at = relay_of(S1, G1);
	for (int i = 0; i < 360; i++) {
		world_packets(S1, G1, 1);
		world_run(10 * S);
		if (relay_of(S1, G1) != at)
			moves++;
		at = relay_of(S1, G1);
	}
	assert_in_range(moves, 1, 8);
}

// The answer of DNS has run out when the relay falls silent: what DNS says now counts.
static void asks_dns_again(void **state)
{
	(void)state;
	world_dns(1, R1);
	w.answer.ttl_s = 10;
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	flow(S1, G1, 20 * S);
	world_dns(1, R2);
	assert_int_equal(w.lookups, 1);
	world_run(4200 * MS);
	assert_int_equal(w.lookups, 2);
	assert_int_equal(relay_of(S1, G1), 1);
}

// An answer that holds no longer when it comes (a TTL of 0), or none: the only relay is kept, and
// DNS is asked once a silence, not again because of what it said.
static void asks_dns_once_a_silence(void **state)
{
	(void)state;
	for (int failed = 0; failed < 2; failed++) {
		unsigned int before = w.lookups;

		world_dns(1, R1);
		w.answer.ttl_s = 0;
		world_want(S1, G1, 1, true);
		world_run(20 * MS);
		if (failed)
			w.answer = (struct driad_result){.status = DRIAD_FAILED};
		world_run(130 * S); // silences of 4, 8, ... 64 s
		assert_in_range(w.lookups - before, 4, 8);
		assert_int_equal(relay_of(S1, G1), 0);
		world_want(S1, G1, 1, false);
		world_run(10 * S);
	}
}

// Behind a broker the same: it is asked again, and when it names the same relay that one is kept.
static void broker_names_another(void **state)
{
	(void)state;
	world_dns(2, R1, "203.0.113.4");
	w.relays[0].advertises = w.relays[1].addr;
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	assert_int_equal(relay_of(S1, G1), 1);
	w.relays[0].advertises = w.relays[2].addr;
	world_run(4100 * MS);
	assert_int_equal(relay_of(S1, G1), 2);
}

static void pruned_while_silent(void **state)
{
	(void)state;
	world_dns(2, R1, R2);
	world_want(S1, G1, 1, true);
	world_run(2500 * MS);
	world_want(S1, G1, 1, false);
	world_run(20 * S);
	assert_int_equal(w.endpoints, 0);
}

// The one that was left is held for the source, and for no other, for 3 to 10 minutes (TH-02).
static void held_three_minutes(void **state)
{
	(void)state;
	world_dns(2, R1, R2);
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	w.relays[0].silent = true;
	world_run(4100 * MS);
	assert_int_equal(relay_of(S1, G1), 1);
	flow(S1, G1, 174 * S);
	assert_true(held_for(0, S1));
	assert_false(held_for(0, S2));
	flow(S1, G1, 430 * S);
	assert_false(held_for(0, S1));
	assert_int_equal(relay_of(S1, G1), 1); // and it serves on
}

static unsigned int sources_at(int relay, unsigned int n)
{
	unsigned int at = 0;

	for (unsigned int i = 0; i < n; i++) {
		char s[ADDR_STRLEN];

		snprintf(s, sizeof(s), "192.0.2.%u", i + 1);
		at += relay_of(s, G1) == relay;
	}
	return at;
}

// Many sources fall silent at once: some are sent on without delay, the others within ten seconds
// and more or less evenly (TH-04).
static void many_at_once(void **state)
{
	enum { N = 60, BURST = 32 };
	unsigned int at;

	(void)state;
	world_dns(2, R1, R2);
	for (unsigned int i = 0; i < N; i++) {
		char s[ADDR_STRLEN];

		snprintf(s, sizeof(s), "192.0.2.%u", i + 1);
		world_want(s, G1, 1, true);
	}
	world_run(1 * S);
	assert_int_equal(sources_at(0, N), N);
	world_run(3300 * MS);
	assert_int_equal(sources_at(1, N), BURST);
	world_run(5 * S);
	at = sources_at(1, N);
	assert_in_range(at, BURST + 6, N - 6);
	world_run(5500 * MS);
	for (unsigned int i = 0; i < N; i++) {
		char s[ADDR_STRLEN];

		snprintf(s, sizeof(s), "192.0.2.%u", i + 1);
		assert_true(held_for(0, s));
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(many_at_once),
		T(held_three_minutes),
		T(relay_dies_under_data),
		T(silent_refusal),
		T(one_channel_flows),
		T(lone_relay_is_kept),
		T(silent_sender_does_not_flap),
		T(sparse_sender),
		T(asks_dns_again),
		T(asks_dns_once_a_silence),
		T(broker_names_another),
		T(pruned_while_silent),
	};

	return RUN_TESTS(tests);
}
