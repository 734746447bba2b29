// SPDX-License-Identifier: BSD-3-Clause
// Channels of both families through tunnels of either (RFC 7450 section 4.2.1.2; standards S-08).
#include "unit/unit.h"

#include <string.h>

#include "world.h"

#define S4  "192.0.2.1"
#define G4  "232.1.1.1"
#define S6  "2001:db8:a::1"
#define G6  "ff3e::8000:1"
#define R1  "203.0.113.1"
#define R2  "203.0.113.2"
#define R6  "2001:db8:9::1"
#define MS  USEC_PER_MSEC
#define SEC USEC_PER_SEC

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
	w.ipv6 = true;
	return 0;
}

static void dns_says(const char *first, const char *second)
{
	world_dns(second ? 2 : 1, first, second);
	for (unsigned int i = 0; i < w.answer.n_relays; i++) {
		w.answer.relays[i].precedence = 10;
		w.answer.relays[i].discovery_optional = true;
	}
}

static bool joined_at(const char *s, const char *g, const char *relay)
{
	struct channel_view v = world_view(s, g);
	struct addr a;

	addr_parse(relay, &a);
	return v.state == CHANNEL_JOINED && v.joined_us > 0 && addr_eq(&v.relay, &a);
}

static unsigned int tunnels(void)
{
	struct channel_totals t;

	channels_totals(w.cs, &t);
	return t.tunnels;
}

// Two channels, two relays: all four mixes of outer and inner family, a tunnel a relay.
static void four_mixes(void **state)
{
	static const char *const relays[] = {R1, R6};

	(void)state;
	addr_parse(R6, &w.relays[1].addr);
	for (int i = 0; i < 2; i++) {
		for (int first = 0; first < 2; first++) {
			dns_says(relays[i], NULL);
			world_want(first ? S6 : S4, first ? G6 : G4, 1, true);
			world_run(10 * MS);
			assert_true(joined_at(first ? S6 : S4, first ? G6 : G4, relays[i]));
			world_want(first ? S4 : S6, first ? G4 : G6, 1, true);
			world_run(10 * MS);
			assert_true(joined_at(S4, G4, relays[i]));
			assert_true(joined_at(S6, G6, relays[i]));
			assert_int_equal(tunnels(), 1);
			assert_int_equal(w.mfib_channels, 2);
			world_want(S4, G4, 1, false);
			world_run(5 * SEC);
			assert_true(joined_at(S6, G6, relays[i]));
			assert_int_equal(tunnels(), 1);
			world_want(S6, G6, 1, false);
			world_run(5 * SEC);
			assert_int_equal(tunnels(), 0);
		}
	}
}

// A relay that knows IGMP alone keeps the IPv4 channels; the IPv6 ones find another.
static void relay_without_mld(void **state)
{
	(void)state;
	w.relays[0].no_ipv6 = true;
	dns_says(R1, R2);
	world_want(S4, G4, 1, true);
	world_run(10 * MS);
	assert_true(joined_at(S4, G4, R1));
	world_want(S6, G6, 1, true);
	world_run(10 * MS);
	assert_int_equal(world_view(S6, G6).state, CHANNEL_CONNECTING);
	world_run(260 * MS); // as with any relay that does not answer
	assert_true(joined_at(S6, G6, R2));
	assert_true(joined_at(S4, G4, R1));
	world_run(60 * SEC);
	assert_true(joined_at(S6, G6, R2));
	assert_true(joined_at(S4, G4, R1));
	assert_int_equal(tunnels(), 2);
	// It is no bad relay for IPv4.
	assert_false(holddown_held(&w.held, &w.relays[0].addr, w.now, NULL, NULL));
}

// With no other relay it is asked again, after a back-off, and taken when it has learned MLD.
static void relay_learns_mld(void **state)
{
	(void)state;
	w.relays[0].no_ipv6 = true;
	dns_says(R1, NULL);
	world_want(S4, G4, 1, true);
	world_want(S6, G6, 1, true);
	world_run(60 * SEC);
	assert_true(joined_at(S4, G4, R1));
	assert_false(joined_at(S6, G6, R1));
	assert_int_equal(tunnels(), 1);
	w.relays[0].no_ipv6 = false;
	world_run(300 * SEC);
	assert_true(joined_at(S6, G6, R1));
	assert_true(joined_at(S4, G4, R1));
}

// IPv6 channels first, of a relay that has no IPv4 ones.
static void relay_without_igmp(void **state)
{
	(void)state;
	w.relays[0].no_ipv4 = true;
	dns_says(R1, R2);
	world_want(S6, G6, 1, true);
	world_run(10 * MS);
	assert_true(joined_at(S6, G6, R1));
	world_want(S4, G4, 1, true);
	world_run(270 * MS);
	assert_true(joined_at(S4, G4, R2));
	assert_true(joined_at(S6, G6, R1));
}

// The IPv6 address of the upstream interface goes: its tunnels find IPv4 relays, and the other way.
static void address_of_a_family_goes(void **state)
{
	struct addr local;

	(void)state;
	addr_parse(R6, &w.relays[1].addr);
	dns_says(R6, R1);
	world_want(S4, G4, 1, true);
	world_want(S6, G6, 1, true);
	world_run(20 * MS);
	assert_true(joined_at(S4, G4, R6));
	assert_true(joined_at(S6, G6, R6));
	w.ipv6 = false;
	addr_parse("2001:db8::10", &local);
	local.bytes[15] = 10;
	channels_addr_gone(w.cs, &local, w.now);
	world_run(20 * MS);
	assert_true(joined_at(S4, G4, R1));
	assert_true(joined_at(S6, G6, R1));
	assert_int_equal(tunnels(), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(four_mixes),
		T(relay_without_mld),
		T(relay_learns_mld),
		T(relay_without_igmp),
		T(address_of_a_family_goes),
	};

	return RUN_TESTS(tests);
}
