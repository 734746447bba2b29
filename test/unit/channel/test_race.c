// SPDX-License-Identifier: BSD-3-Clause
// Happy Eyeballs (RFC 8777 section 3.2, RFC 8305; standards H-01 to H-04).
#include "unit/unit.h"

#include <string.h>

#include "world.h"

#define S1 "192.0.2.1"
#define S2 "192.0.2.2"
#define G1 "232.1.1.1"
#define R1 "203.0.113.1"
#define R2 "203.0.113.2"
#define R3 "203.0.113.3"
#define R4 "203.0.113.4"
#define MS USEC_PER_MSEC
#define S  USEC_PER_SEC

static int setup(void **state)
{
	struct channel_cfg cfg;

	(void)state;
	world_begin();
	cfg = w.cfg;
	cfg.race_delay_ms = 250;
	cfg.race_next_ms = 1000;
	world_configure(&cfg);
	world_journal();
	return 0;
}

static void equal_precedence(bool discovery_optional)
{
	for (unsigned int i = 0; i < w.answer.n_relays; i++) {
		w.answer.relays[i].precedence = 10;
		w.answer.relays[i].discovery_optional = discovery_optional;
	}
}

static bool joined_at(const char *s, int relay)
{
	struct channel_view v = world_view(s, G1);

	return v.state == CHANNEL_JOINED && addr_eq(&v.relay, &w.relays[relay].addr);
}

// The second begins 250 ms later and is there first; the first gets no Update, not even late.
static void second_wins(bool optional)
{
	world_dns(2, R1, R2);
	equal_precedence(optional);
	w.relays[0].delay_us = 400 * MS;
	world_want(S1, G1, 1, true);
	world_run(240 * MS);
	assert_int_equal(w.relays[1].discoveries + w.relays[1].requests, 0);
	world_run(20 * MS);
	assert_true(joined_at(S1, 1));
	world_run(2 * S);
	assert_true(joined_at(S1, 1));
	assert_int_equal(w.relays[0].updates, 0);
	assert_int_equal(w.endpoints, 1);
	// It was slow, not silent.
	assert_false(holddown_held(&w.held, &w.relays[0].addr, w.now, NULL, NULL));
}

static void second_wins_discovery(void **state)
{
	(void)state;
	second_wins(false);
	assert_int_equal(w.relays[0].requests, 0);
}

static void second_wins_request(void **state)
{
	(void)state;
	second_wins(true);
	assert_int_equal(w.relays[0].requests, 1);
}

// Who answers in time has no rival.
static void first_in_time(void **state)
{
	(void)state;
	world_dns(2, R1, R2);
	equal_precedence(true);
	w.relays[0].delay_us = 200 * MS;
	world_want(S1, G1, 1, true);
	world_run(5 * S);
	assert_true(joined_at(S1, 0));
	assert_int_equal(w.relays[1].requests, 0);
}

// An IPv6 relay that is silent, an IPv4 one that is not: 250 ms, and the other way round.
static void families_race(void **state)
{
	(void)state;
	w.ipv6 = true;
	addr_parse("2001:db8:9::1", &w.relays[0].addr);
	for (int silent = 0; silent < 2; silent++) {
		const char *s = silent == 0 ? S1 : S2;

		world_dns(
			2, silent == 0 ? "2001:db8:9::1" : R2, silent == 0 ? R2 : "2001:db8:9::1");
		equal_precedence(true);
		w.relays[silent].silent = true;
		w.relays[!silent].silent = false;
		world_want(s, G1, 1, true);
		world_run(240 * MS);
		assert_int_equal(world_view(s, G1).state, CHANNEL_CONNECTING);
		world_run(20 * MS);
		assert_true(joined_at(s, !silent));
		world_want(s, G1, 1, false);
		world_run(10 * S);
		assert_int_equal(w.endpoints, 0);
		for (int r = 0; r < WORLD_RELAYS; r++)
			holddown_release(&w.held, &w.relays[r].addr);
	}
}

// A relay whose family we have no address of is not tried, and comes in when there is one.
static void family_comes_later(void **state)
{
	(void)state;
	addr_parse("2001:db8:9::1", &w.relays[0].addr);
	world_dns(1, "2001:db8:9::1");
	equal_precedence(true);
	world_want(S1, G1, 1, true);
	world_run(10 * MS);
	assert_int_equal(world_view(S1, G1).state, CHANNEL_WAITING);
	assert_string_equal(world_view(S1, G1).reason,
		"relay 2001:db8:9::1: no upstream interface has an IPv6 address");
	assert_int_equal(w.relays[0].requests, 0);
	w.ipv6 = true;
	channels_addr_added(w.cs, w.now);
	world_run(10 * MS);
	assert_true(joined_at(S1, 0));
}

// A later Query of the first decides when the second has none yet.
static void first_wins_late(void **state)
{
	(void)state;
	world_dns(2, R1, R2);
	equal_precedence(true);
	w.relays[0].delay_us = 300 * MS;
	w.relays[1].delay_us = 300 * MS;
	world_want(S1, G1, 1, true);
	world_run(5 * S);
	assert_true(joined_at(S1, 0));
	assert_int_equal(w.relays[1].requests, 1);
	assert_int_equal(w.relays[1].updates, 0);
	assert_int_equal(w.endpoints, 1);
}

// L in the race: not eligible, and the next one begins at once.
static void full_is_no_winner(void **state)
{
	(void)state;
	world_dns(2, R1, R2);
	equal_precedence(true);
	w.relays[0].full = true;
	world_want(S1, G1, 1, true);
	world_run(10 * MS);
	assert_true(joined_at(S1, 1));
	assert_true(holddown_held(&w.held, &w.relays[0].addr, w.now, NULL, NULL));
}

// A lesser preference waits for longer; then the silent one is held, for the next source.
static void less_preferred_waits(void **state)
{
	(void)state;
	world_dns(2, R1, R2); // precedence 10 and 11
	w.answer.relays[0].discovery_optional = true;
	w.answer.relays[1].discovery_optional = true;
	w.relays[0].silent = true;
	world_want(S1, G1, 1, true);
	world_run(990 * MS);
	assert_int_equal(w.relays[1].requests, 0);
	world_run(30 * MS);
	assert_true(joined_at(S1, 1));
	assert_true(holddown_held(&w.held, &w.relays[0].addr, w.now, NULL, NULL));
	world_want(S2, G1, 1, true);
	world_run(5 * MS);
	assert_true(joined_at(S2, 1));
}

// A silent Discovery address is asked to the end though the race is over, and then known.
static void discovery_is_carried_through(void **state)
{
	(void)state;
	world_dns(2, R1, R2);
	w.relays[0].silent = true;
	world_want(S1, G1, 1, true);
	world_run(1010 * MS);
	assert_true(joined_at(S1, 1));
	world_run(20 * S);
	assert_true(holddown_held(&w.held, &w.relays[0].addr, w.now, NULL, NULL));
	assert_int_equal(w.relays[0].discoveries, 4);
	w.relays[0].silent = false;
	world_run(200 * S);
	assert_int_equal(w.relays[0].discoveries, 4);
}

static void icmp_hurries_the_next(void **state)
{
	(void)state;
	world_dns(2, R1, R2);
	w.answer.relays[0].discovery_optional = true;
	w.answer.relays[1].discovery_optional = true;
	w.relays[0].silent = true;
	world_want(S1, G1, 1, true);
	world_run(5 * MS);
	channels_tunnel_error(w.cs, world_tunnel(), 111 /* ECONNREFUSED */, w.now);
	world_run(5 * MS);
	assert_true(joined_at(S1, 1));
}

// All four silent, and each state on the way: nothing is left when it is pruned.
static void pruned_in_the_race(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		world_dns(4, R1, R2, R3, R4);
		equal_precedence(i % 2);
		for (int r = 0; r < WORLD_RELAYS; r++)
			w.relays[r].silent = true;
		world_want(S1, G1, 1, true);
		world_run(i * 130 * MS + MS);
		world_want(S1, G1, 1, false);
		assert_false(world_has(S1, G1));
		assert_int_equal(w.endpoints, 0);
		for (int r = 0; r < WORLD_RELAYS; r++)
			holddown_release(&w.held, &w.relays[r].addr);
	}
	world_run(20 * S);
}

// Two sources race the same relays: one tunnel each relay, and both come through.
static void shared_race(void **state)
{
	struct channel_totals t;

	(void)state;
	world_dns(3, R1, R2, R3);
	equal_precedence(true);
	w.relays[0].silent = true;
	w.relays[1].delay_us = 100 * MS;
	world_want(S1, G1, 1, true);
	world_run(100 * MS);
	world_want(S2, G1, 1, true);
	world_run(1 * S);
	assert_true(joined_at(S1, 1));
	assert_true(joined_at(S2, 1));
	channels_totals(w.cs, &t);
	assert_int_equal(t.tunnels, 1);
	assert_int_equal(w.relays[2].requests, 0);
	assert_int_equal(w.relays[0].requests, 1);
}

// The address goes while some race and others have a relay.
static void address_gone_in_the_race(void **state)
{
	struct addr local;

	(void)state;
	world_dns(3, R1, R2, R3);
	equal_precedence(true);
	w.relays[0].silent = true;
	w.relays[1].silent = true;
	w.relays[2].delay_us = 100 * MS;
	world_want(S1, G1, 1, true);
	world_run(300 * MS);
	addr_parse("198.51.100.10", &local);
	channels_addr_gone(w.cs, &local, w.now);
	world_run(2 * S);
	assert_true(joined_at(S1, 2));
	channels_addr_gone(w.cs, &local, w.now);
	world_run(2 * S);
	assert_true(joined_at(S1, 2));
	assert_int_equal(w.endpoints, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(second_wins_discovery),
		T(second_wins_request),
		T(first_in_time),
		T(families_race),
		T(family_comes_later),
		T(first_wins_late),
		T(full_is_no_winner),
		T(less_preferred_waits),
		T(discovery_is_carried_through),
		T(icmp_hurries_the_next),
		T(pruned_in_the_race),
		T(shared_race),
		T(address_gone_in_the_race),
	};

	return RUN_TESTS(tests);
}
