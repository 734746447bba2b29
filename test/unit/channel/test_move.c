// SPDX-License-Identifier: BSD-3-Clause
// Make before break: a source moves to another relay, and no packet is lost or doubled.
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

#define S1 "192.0.2.1"
#define S2 "192.0.2.2"
#define G1 "232.1.1.1"
#define G2 "232.1.1.2"
#define R1 "203.0.113.1"
#define R2 "203.0.113.2"
#define R3 "203.0.113.3"
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
	cfg.race_delay_ms = 250;
	cfg.race_next_ms = 250;
	world_configure(&cfg);
	world_dns(2, R1, R2);
	world_journal();
	return 0;
}

static int move_to(const char *relay, unsigned int flags)
{
	struct addr s, r;

	addr_parse(S1, &s);
	if (relay)
		addr_parse(relay, &r);
	return channels_move(w.cs, &s, relay ? &r : NULL, "operator", flags, w.now);
}

static int relay_of(const char *s, const char *g)
{
	struct channel_view v = world_view(s, g);

	for (int i = 0; i < WORLD_RELAYS; i++)
		if (addr_eq(&v.relay, &w.relays[i].addr))
			return i;
	return -1;
}

// A stream that comes by the first relay.
static void begin(void)
{
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	world_stream(S1, G1, 2 * S);
	assert_int_equal(relay_of(S1, G1), 0);
	assert_int_equal(world_joined(S1, G1), 1);
}

static void nothing_lost_or_doubled(void)
{
	struct world_stream s = world_stream_end();

	assert_true(s.sent > 2000);
	assert_int_equal(s.lost, 0);
	assert_int_equal(s.doubled, 0);
}

static void moved(int relay)
{
	assert_int_equal(relay_of(S1, G1), relay);
	assert_int_equal(world_joined(S1, G1), 1);
	assert_int_equal(w.mfib_channels, 1);
	assert_int_equal(w.windows, 0);
	assert_string_equal(world_view(S1, G1).reason, "");
	assert_int_equal(world_view(S1, G1).state, CHANNEL_FLOWING);
	assert_int_equal(world_oifs(S1, G1), 1u << 1);
}

// There and back, with each order of the two relays' delays.
static void there_and_back(void **state)
{
	static const unsigned int delays[][2] = {
		{0, 0}, {0, 300}, {300, 0}, {700, 100}, {100, 700}, {0, 900}, {900, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		world_end();
		setup(NULL);
		w.relays[0].data_delay_ms = delays[i][0];
		w.relays[1].data_delay_ms = delays[i][1];
		begin();
		assert_int_equal(move_to(NULL, 0), 0);
		assert_int_equal(move_to(NULL, 0), -EALREADY);
		world_stream(S1, G1, 8 * S);
		moved(1);
		assert_int_equal(move_to(R1, 0), 0);
		world_stream(S1, G1, 8 * S);
		moved(0);
		nothing_lost_or_doubled();
	}
}

// The journal of a move: the new relay is joined before the old one is left.
static void joins_before_it_leaves(void **state)
{
	(void)state;
	begin();
	world_journal();
	assert_int_equal(move_to(R2, 0), 0);
	world_stream(S1, G1, 1 * S);
	assert_non_null(strstr(world_view(S1, G1).reason, "moves to 203.0.113.2 (operator)"));
	assert_int_equal(relay_of(S1, G1), 0);
	world_stream(S1, G1, 300 * MS);
	assert_int_equal(w.mfib_channels, 2);
	assert_int_equal(world_joined(S1, G1), 2);
	world_stream(S1, G1, 200 * MS);
	assert_int_equal(relay_of(S1, G1), 1);
	assert_non_null(strstr(world_view(S1, G1).reason, "moved from 203.0.113.1"));
	assert_int_equal(world_joined(S1, G1), 1);
	world_stream(S1, G1, 6 * S);
	moved(1);
	assert_true(w.relays[1].updates > 0);
	assert_int_equal(world_view(S1, G1).packets, world_stream_end().sent);
	nothing_lost_or_doubled();
}

// The old relay does not hear that it is left; what it sends on does no harm.
static void block_is_lost(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		world_end();
		setup(NULL);
		w.relays[0].block_lost = true;
		w.relays[i].data_delay_ms = 400;
		begin();
		assert_int_equal(move_to(NULL, 0), 0);
		world_stream(S1, G1, 15 * S);
		assert_int_equal(relay_of(S1, G1), 1);
		assert_int_equal(w.mfib_channels, 1);
		assert_int_equal(w.windows, 0);
		nothing_lost_or_doubled();
	}
}

// A relay that takes the join and sends nothing: the old one is kept, and it is not tried again for
// a while.
static void new_one_brings_nothing(void **state)
{
	(void)state;
	w.relays[1].data_silent = true;
	begin();
	assert_int_equal(move_to(NULL, 0), 0);
	world_stream(S1, G1, 13 * S);
	moved(0);
	assert_int_equal(move_to(NULL, 0), -EAGAIN);
	world_stream(S1, G1, 30 * S);
	assert_int_equal(move_to(NULL, 0), -ENXIO); // it is held for this source
	assert_int_equal(move_to(R2, CHANNEL_MOVE_FORCE), 0);
	w.relays[1].data_silent = false;
	world_stream(S1, G1, 8 * S);
	moved(1);
	nothing_lost_or_doubled();
}

// One that does not answer at all; and none.
static void no_other_relay(void **state)
{
	struct addr other;

	(void)state;
	addr_parse(S2, &other);
	assert_int_equal(channels_move(w.cs, &other, NULL, "x", 0, w.now), -ENOENT);
	w.relays[1].silent = true;
	begin();
	assert_int_equal(move_to(NULL, 0), 0);
	world_stream(S1, G1, 40 * S);
	moved(0);
	assert_int_equal(move_to(R1, 0), -EALREADY); // it is there
	assert_int_equal(move_to(R3, CHANNEL_MOVE_FORCE), -ENXIO);
	nothing_lost_or_doubled();
}

// DNS names another relay when it is asked again.
static void asks_dns_again(void **state)
{
	(void)state;
	world_dns(1, R1);
	w.answer.ttl_s = 2;
	begin();
	world_dns(2, R3, R1);
	world_stream(S1, G1, 1 * S);
	assert_int_equal(move_to(NULL, 0), 0);
	world_stream(S1, G1, 8 * S);
	moved(2);
	nothing_lost_or_doubled();
}

// The old relay goes while both are joined, and the new one goes.
static void either_dies_in_between(void **state)
{
	struct addr gone;

	(void)state;
	begin();
	assert_int_equal(move_to(R2, 0), 0);
	w.relays[1].data_silent = true;
	world_stream(S1, G1, 2 * S);
	assert_int_equal(w.mfib_channels, 2);
	assert_int_equal(relay_of(S1, G1), 0);
	w.relays[1].data_silent = false;
	channels_tunnel_event(w.cs, world_tunnel(), AMT_EV_DOWN, w.now); // the new one's
	assert_int_equal(w.mfib_channels, 1);
	assert_int_equal(relay_of(S1, G1), 0);
	world_stream(S1, G1, 2 * S);
	moved(0);
	nothing_lost_or_doubled();
	// Both tunnels go with their address: none is left, and all is found again.
	assert_int_equal(move_to(R2, CHANNEL_MOVE_FORCE), 0);
	world_stream(S1, G1, 1300 * MS);
	assert_int_equal(w.mfib_channels, 2);
	addr_parse("198.51.100.10", &gone);
	channels_addr_gone(w.cs, &gone, w.now);
	world_run(2 * S);
	assert_int_equal(w.mfib_channels, 1);
	assert_int_equal(w.windows, 0);
}

// Channels that come and go in the middle of it, in each of its states.
static void wants_change_meanwhile(void **state)
{
	(void)state;
	for (uint64_t at = 50 * MS; at < 4 * S; at += 150 * MS) {
		world_end();
		setup(NULL);
		begin();
		assert_int_equal(move_to(R2, 0), 0);
		world_stream(S1, G1, at);
		world_want(S1, G2, 2, true);
		world_want(S1, G1, 3, true);
		world_stream(S1, G1, 10 * S - at);
		nothing_lost_or_doubled();
		assert_int_equal(relay_of(S1, G1), 1);
		assert_int_equal(relay_of(S1, G2), 1);
		assert_int_equal(world_joined(S1, G2), 1);
		assert_int_equal(world_oifs(S1, G1), 1u << 1 | 1u << 3);
		assert_int_equal(move_to(R1, 0), 0);
		world_stream(S1, G1, at);
		world_want(S1, G2, 2, false);
		assert_int_equal(world_joined(S1, G2), 0);
		world_stream(S1, G1, 10 * S - at);
		nothing_lost_or_doubled();
		world_want(S1, G1, 3, false);
		moved(0);
		// All of them, and so the source with its move.
		assert_int_equal(move_to(R2, 0), 0);
		world_run(at);
		world_want(S1, G1, 1, false);
		assert_int_equal(world_joined(S1, G1), 0);
		assert_int_equal(w.mfib_channels, 0);
		assert_int_equal(w.windows, 0);
		world_run(5 * S);
		assert_int_equal(w.mfib_tunnels, 0);
	}
}

// A channel without packets does not hold up the others, nor does a source without any.
static void silent_channels(void **state)
{
	(void)state;
	world_want(S1, G2, 1, true);
	begin();
	assert_int_equal(move_to(NULL, 0), 0);
	world_stream(S1, G1, 9 * S);
	assert_int_equal(relay_of(S1, G1), 1);
	assert_int_equal(relay_of(S1, G2), 1);
	nothing_lost_or_doubled();
	assert_int_equal(w.mfib_channels, 2);
	world_want(S1, G1, 1, false);
	assert_int_equal(move_to(R1, 0), 0);
	world_run(3500 * MS);
	assert_int_equal(relay_of(S1, G2), 0);
}

// Memory for a window is not to be had: it stays where it is.
static void no_memory(void **state)
{
	(void)state;
	w.no_window = true;
	begin();
	assert_int_equal(move_to(NULL, 0), 0);
	world_stream(S1, G1, 2 * S);
	moved(0);
	nothing_lost_or_doubled();
}

// L in a Query while channels are joined (RFC 7450 section 5.1.4.4): the source moves to another
// relay, where there is one; without one nothing happens.
static void limit_flag(void **state)
{
	(void)state;
	begin();
	w.relays[0].full = true;
	amt_tunnel_refresh(world_tunnel(), w.now);
	world_stream(S1, G1, 8 * S);
	moved(1);
	nothing_lost_or_doubled();
	w.relays[1].full = true;
	world_stream(S1, G1, 8 * S);
	moved(1);
}

// Many sources: sixteen at a time, all in the end.
static void many_wait_in_line(void **state)
{
	struct channel_cfg cfg;

	(void)state;
	cfg = w.cfg;
	cfg.traffic_timeout_ms = 0;
	cfg.max_tunnels = 100;
	world_configure(&cfg);
	for (int i = 0; i < 40; i++) {
		char s[32];

		snprintf(s, sizeof(s), "192.0.2.%d", i + 1);
		world_want(s, G1, 1, true);
	}
	world_run(100 * MS);
	assert_int_equal(relay_of("192.0.2.40", G1), 0);
	w.relays[0].full = true;
	amt_tunnel_refresh(world_tunnel(), w.now);
	world_run(2 * S);
	assert_in_range(w.windows, 1, 16);
	world_run(40 * S);
	assert_int_equal(w.windows, 0);
	for (int i = 0; i < 40; i++) {
		char s[32];

		snprintf(s, sizeof(s), "192.0.2.%d", i + 1);
		assert_int_equal(relay_of(s, G1), 1);
	}
	assert_int_equal(w.mfib_channels, 40);
	assert_int_equal(w.mfib_tunnels, 1);
}

// With several endpoints a relay, the channel is at the one that it belongs to afterwards.
static void further_endpoints(void **state)
{
	struct channel_cfg cfg;
	int endpoint;

	(void)state;
	cfg = w.cfg;
	cfg.endpoints = 4;
	cfg.max_tunnels = 100;
	w.further_addresses = 3;
	world_configure(&cfg);
	for (int i = 1; i < 9; i++) {
		char g[32];

		snprintf(g, sizeof(g), "232.1.2.%d", i);
		world_want(S1, g, 1, true);
	}
	begin();
	endpoint = world_endpoint(S1, G1);
	assert_int_equal(move_to(R2, 0), 0);
	world_stream(S1, G1, 9 * S);
	assert_int_equal(relay_of(S1, G1), 1);
	assert_int_equal(world_endpoint(S1, G1), endpoint);
	nothing_lost_or_doubled();
	assert_int_equal(w.mfib_channels, 9);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(there_and_back),
		T(joins_before_it_leaves),
		T(block_is_lost),
		T(new_one_brings_nothing),
		T(no_other_relay),
		T(asks_dns_again),
		T(either_dies_in_between),
		T(wants_change_meanwhile),
		T(silent_channels),
		T(no_memory),
		T(limit_flag),
		T(many_wait_in_line),
		T(further_endpoints),
	};

	return RUN_TESTS(tests);
}
