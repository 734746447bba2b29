// SPDX-License-Identifier: BSD-3-Clause
// Who is told when a relay is left, and who is not asked for one (standards D-09, I-03, S-10).
#include "unit/unit.h"

#include <string.h>

#include "world.h"

#define S1 "192.0.2.1"
#define G1 "232.1.1.1"
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

static void flow(const char *s, const char *g, uint64_t for_us)
{
	for (uint64_t t = 0; t < for_us; t += 500 * MS) {
		world_packets(s, g, 1);
		world_run(500 * MS);
	}
}

// D-09: a broker names another relay; the one before has nothing of us any more.
static void the_old_relay_is_told(void **state)
{
	unsigned int said;

	(void)state;
	world_dns(1, R1);
	w.relays[0].advertises = w.relays[1].addr;
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	flow(S1, G1, 10 * S);
	assert_true(w.relays[1].updates > 0);
	w.relays[0].advertises = w.relays[2].addr;
	w.relays[1].silent = true; // no more data; it hears us all the same
	said = w.relays[1].updates + w.relays[1].teardowns;
	world_run(60 * S);
	assert_true(w.relays[2].updates > 0);
	assert_true(w.relays[1].updates + w.relays[1].teardowns > said);
	assert_int_equal(w.endpoints, 1);
}

// I-03: an ICMP error after an Update begins a new Request cycle; the relay is not given up for it.
static void icmp_after_an_update(void **state)
{
	unsigned int requests;

	(void)state;
	world_dns(2, R1, R2);
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	flow(S1, G1, 10 * S);
	requests = w.relays[0].requests;
	channels_tunnel_error(w.cs, world_tunnel(), 111 /* ECONNREFUSED */, w.now);
	world_run(1 * S);
	assert_int_equal(w.relays[0].requests, requests + 1);
	// A flood of them: at most one Request a second.
	for (int i = 0; i < 1000; i++) {
		channels_tunnel_error(w.cs, world_tunnel(), 111, w.now);
		world_run(10 * MS);
		if (i % 50 == 0)
			world_packets(S1, G1, 1);
	}
	assert_in_range(w.relays[0].requests, requests + 1, requests + 13);
	assert_int_equal(w.relays[1].requests, 0);
	assert_int_equal(world_view(S1, G1).state, CHANNEL_FLOWING);
}

// S-10: DNS is not asked for private addresses, those of nobody, unless it should; our own:
// test_refuse.c.
static void sources_without_a_name(void **state)
{
	static const char *const no[] = {"172.16.0.1", "172.31.255.1", "192.168.1.1", "100.64.0.1",
		"100.127.1.1", "127.0.0.1", "169.254.1.1"};
	static const char *const yes[] = {
		"9.255.255.255", "172.32.0.1", "192.167.1.1", "100.128.0.1", "11.0.0.1"};
	struct channel_cfg cfg = w.cfg;

	(void)state;
	world_dns(1, R1);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		world_want(no[i], G1, 1, true);
		world_run(10 * S);
		assert_int_equal(w.lookups, 0);
		assert_int_equal(world_view(no[i], G1).state, CHANNEL_WAITING);
		assert_non_null(strstr(world_view(no[i], G1).reason, "DNS: not asked"));
		world_want(no[i], G1, 1, false);
	}
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		world_want(yes[i], G1, 1, true);
		world_run(10 * MS);
		assert_int_equal(w.lookups, i + 1);
	}
	cfg.private_sources = true;
	world_configure(&cfg);
	w.lookups = 0;
	world_want("192.168.1.1", G1, 1, true);
	world_run(10 * MS);
	assert_int_equal(w.lookups, 1);
	world_want("127.0.0.1", G1, 1, true);
	world_run(10 * MS);
	assert_int_equal(w.lookups, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(the_old_relay_is_told),
		T(icmp_after_an_update),
		T(sources_without_a_name),
	};

	return RUN_TESTS(tests);
}
