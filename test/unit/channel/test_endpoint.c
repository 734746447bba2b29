// SPDX-License-Identifier: BSD-3-Clause
// Further endpoints of a relay: channels spread over several local addresses.
#include "unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "world.h"

#define S1 "192.0.2.1"
#define N  48 // channels
#define R1 "203.0.113.1"
#define MS USEC_PER_MSEC
#define S  USEC_PER_SEC

static int setup(void **state)
{
	struct channel_cfg cfg;

	(void)state;
	world_begin();
	cfg = w.cfg;
	cfg.endpoints = 4;
	world_configure(&cfg);
	w.further_addresses = 3;
	world_dns(1, R1);
	return 0;
}

static const char *group(unsigned int i)
{
	static char text[16];

	snprintf(text, sizeof(text), "232.1.1.%u", i + 1);
	return text;
}

static void want_all(bool wanted)
{
	channels_batch_begin(w.cs);
	for (unsigned int i = 0; i < N; i++)
		world_want(S1, group(i), 1, wanted);
	channels_batch_end(w.cs, w.now);
}

static uint32_t tunnels(void)
{
	struct channel_totals t;

	channels_totals(w.cs, &t);
	assert_int_equal(t.tunnels, w.endpoints);
	assert_int_equal(t.tunnels, w.mfib_tunnels);
	return t.tunnels;
}

// How many channels each endpoint has; every one of them is joined and has one entry.
static void spread(unsigned int by[4])
{
	memset(by, 0, 4 * sizeof(by[0]));
	assert_int_equal(w.mfib_channels, N);
	for (unsigned int i = 0; i < N; i++) {
		int e = world_endpoint(S1, group(i));

		assert_in_range(e, 0, 3);
		by[e]++;
		assert_int_equal(world_view(S1, group(i)).state, CHANNEL_JOINED);
	}
}

static void assert_all_on_the_first(void)
{
	unsigned int by[4];

	spread(by);
	assert_int_equal(by[0], N);
}

static void channels_are_spread(void **state)
{
	unsigned int by[4];
	int was[N];

	(void)state;
	want_all(true);
	world_run(20 * MS);
	assert_int_equal(tunnels(), 4);
	spread(by);
	for (int e = 0; e < 4; e++)
		assert_true(by[e] > 0); // fails once in 100,000 seeds of the hash
	// A channel has one endpoint for good.
	for (unsigned int i = 0; i < N; i++)
		was[i] = world_endpoint(S1, group(i));
	for (unsigned int i = 0; i < N; i += 2)
		world_want(S1, group(i), 1, false);
	world_run(100 * MS);
	for (unsigned int i = 0; i < N; i += 2)
		world_want(S1, group(i), 1, true);
	world_run(100 * MS);
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(world_endpoint(S1, group(i)), was[i]);
	// Nobody wants any: all tunnels go.
	want_all(false);
	world_run(2100 * MS);
	assert_int_equal(tunnels(), 0);
}

// No entry of a channel is ever beside another one of it: nothing comes twice.
static void moves_do_not_double(void **state)
{
	(void)state;
	want_all(true);
	for (int ms = 0; ms < 20; ms++) {
		world_run(1 * MS);
		assert_true(w.mfib_channels <= N);
	}
	assert_int_equal(w.mfib_channels, N);
}

static void an_idle_endpoint_closes(void **state)
{
	(void)state;
	want_all(true);
	world_run(20 * MS);
	for (unsigned int i = 0; i < N; i++)
		if (world_endpoint(S1, group(i)) == 2)
			world_want(S1, group(i), 1, false);
	assert_int_equal(tunnels(), 4);
	world_run(2100 * MS);
	assert_int_equal(tunnels(), 3);
	want_all(true);
	world_run(20 * MS);
	assert_int_equal(tunnels(), 4);
}

static void relay_does_not_answer_further_ones(void **state)
{
	unsigned int requests;

	(void)state;
	w.relays[0].refuses_further = true;
	want_all(true);
	world_run(20 * MS);
	assert_all_on_the_first(); // they do not wait for the others
	world_run(60 * S);
	assert_int_equal(tunnels(), 1);
	assert_all_on_the_first();
	// Not tried again before the hold-down is over.
	requests = w.relays[0].requests;
	world_want(S1, group(100), 1, true);
	world_want(S1, group(101), 1, true);
	world_want(S1, group(102), 1, true);
	world_run(1 * S);
	assert_int_equal(w.relays[0].requests, requests);
	assert_int_equal(tunnels(), 1);
	w.relays[0].refuses_further = false;
	world_run(200 * S);
	for (unsigned int i = 103; i < 140; i++)
		world_want(S1, group(i), 1, true);
	world_run(1 * S);
	assert_int_equal(tunnels(), 4);
}

static void relay_is_full_for_further_ones(void **state)
{
	(void)state;
	w.relays[0].full_further = true;
	want_all(true);
	world_run(20 * MS);
	assert_int_equal(tunnels(), 1);
	assert_all_on_the_first();
	// The relay itself is not held down.
	assert_false(holddown_held(&w.held, &w.relays[0].addr, w.now, NULL, NULL));
}

static void too_few_addresses(void **state)
{
	unsigned int by[4];

	(void)state;
	w.further_addresses = 1;
	want_all(true);
	world_run(20 * MS);
	assert_int_equal(tunnels(), 2);
	spread(by);
	assert_int_equal(by[0] + by[1], N);
	assert_true(by[1] > 0);
}

static void an_address_goes(void **state)
{
	struct addr gone;
	unsigned int by[4];

	(void)state;
	want_all(true);
	world_run(20 * MS);
	addr_parse("198.51.100.12", &gone);
	channels_addr_gone(w.cs, &gone, w.now);
	assert_int_equal(tunnels(), 3);
	world_run(20 * MS);
	spread(by);
	assert_int_equal(by[2], 0);
	// That of the first one: the relay is begun anew.
	addr_parse("198.51.100.10", &gone);
	channels_addr_gone(w.cs, &gone, w.now);
	world_run(100 * MS);
	assert_int_equal(tunnels(), 4);
	spread(by);
	assert_true(by[2] > 0);
}

static void relay_dies(void **state)
{
	(void)state;
	want_all(true);
	world_run(20 * MS);
	w.relays[0].silent = true;
	world_run(300 * S);
	assert_true(w.mfib_channels == 0 || w.mfib_channels == N);
	w.relays[0].silent = false;
	world_run(400 * S);
	assert_int_equal(w.mfib_channels, N);
	assert_int_equal(world_view(S1, group(0)).state, CHANNEL_JOINED);
}

static void limit_of_tunnels(void **state)
{
	struct channel_cfg cfg = w.cfg;

	(void)state;
	cfg.endpoints = 4;
	cfg.max_tunnels = 2;
	world_configure(&cfg);
	want_all(true);
	world_run(20 * MS);
	assert_int_equal(tunnels(), 2);
	assert_int_equal(w.mfib_channels, N);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(channels_are_spread),
		T(moves_do_not_double),
		T(an_idle_endpoint_closes),
		T(relay_does_not_answer_further_ones),
		T(relay_is_full_for_further_ones),
		T(too_few_addresses),
		T(an_address_goes),
		T(relay_dies),
		T(limit_of_tunnels),
	};

	return RUN_TESTS(tests);
}
