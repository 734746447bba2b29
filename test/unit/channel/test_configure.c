// SPDX-License-Identifier: BSD-3-Clause
// Another configuration while channels flow.
#include "unit/unit.h"

#include <string.h>

#include "world.h"

#define S1 "192.0.2.1"
#define G1 "232.1.1.1"
#define R1 "203.0.113.1"
#define R2 "203.0.113.2"
#define MS USEC_PER_MSEC
#define S  USEC_PER_SEC

static struct config_static_relay relays[2];

static int setup(void **state)
{
	struct channel_cfg cfg;

	(void)state;
	world_begin();
	cfg = w.cfg;
	cfg.methods[0] = DISCOVERY_DRIAD;
	cfg.n_methods = 1;
	cfg.static_relays = relays;
	cfg.n_static_relays = 0;
	world_configure(&cfg);
	world_journal();
	return 0;
}

static bool relay_is(const char *text)
{
	struct channel_view v = world_view(S1, G1);
	struct addr a;

	addr_parse(text, &a);
	return addr_eq(&v.relay, &a);
}

// These are the static relays from now on; NULL: none.
static void configure(const char *sources, const char *relay, unsigned int what)
{
	w.cfg.static_relays = relays;
	w.cfg.n_static_relays = relay ? 1 : 0;
	if (relay) {
		relays[0] = (struct config_static_relay){.discovery = true, .precedence = 10};
		prefix_parse(sources, &relays[0].sources);
		addr_parse(relay, &relays[0].relay);
	}
	channels_configure(w.cs, &w.cfg, what, w.now);
}

static void begin(void)
{
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	world_stream(S1, G1, 2 * S);
	assert_true(relay_is(R1));
}

static void nothing_lost(void)
{
	struct world_stream s = world_stream_end();

	assert_true(s.sent > 2000);
	assert_int_equal(s.lost, 0);
	assert_int_equal(s.doubled, 0);
	assert_int_equal(world_joined(S1, G1), 1);
	assert_int_equal(world_view(S1, G1).state, CHANNEL_FLOWING);
}

// A static relay comes and goes: there and back, and not a packet is lost.
static void static_relay(void **state)
{
	(void)state;
	begin();
	configure("192.0.2.0/24", R2, CHANNELS_RELAYS);
	world_stream(S1, G1, 20 * S);
	assert_true(relay_is(R2));
	configure(NULL, NULL, CHANNELS_RELAYS);
	world_stream(S1, G1, 20 * S);
	assert_true(relay_is(R1));
	nothing_lost();
}

// Nothing is sent, so that the source goes to and fro between a relay of DNS and a static one that
// has come since: the TTL that runs out is of the one that it is at, and the static one has none.
static void static_relay_has_no_ttl(void **state)
{
	(void)state;
	w.cfg.renew_per_s = 25;
	w.cfg.traffic_timeout_ms = 2000;
	w.cfg.traffic_timeout_max_s = 4;
	w.cfg.hold_down_s = 3;
	configure(NULL, NULL, 0);
	world_dns(1, R1);
	w.answer.ttl_s = 20;
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	assert_true(relay_is(R1));
	configure("192.0.2.0/24", R2, CHANNELS_RELAYS);
	for (int i = 0; i < 300; i++)
		world_run(1 * S);
	assert_true(w.relays[0].requests > 2);
	assert_true(w.relays[1].requests > 2);
	assert_int_equal(world_view(S1, G1).state, CHANNEL_JOINED);
}

// One of another source, and other values: the source does not move, and is not looked for again.
static void others(void **state)
{
	unsigned int lookups;

	(void)state;
	begin();
	lookups = w.lookups;
	w.cfg.linger_s = 9;
	w.cfg.hold_down_s = 7;
	configure("198.51.100.0/24", R2, CHANNELS_RELAYS);
	world_stream(S1, G1, 5 * S);
	assert_true(relay_is(R1));
	assert_int_equal(w.relays[1].discoveries + w.relays[1].requests, 0);
	assert_int_equal(w.lookups, lookups);
	nothing_lost();
}

// A relay that is configured and does not answer: the old one serves on.
static void silent_relay(void **state)
{
	(void)state;
	begin();
	w.relays[1].silent = true;
	configure("192.0.2.0/24", R2, CHANNELS_RELAYS);
	world_stream(S1, G1, 30 * S);
	assert_true(relay_is(R1));
	nothing_lost();
}

// The methods of discovery change: who has a relay keeps it, who has none finds one.
static void methods(void **state)
{
	(void)state;
	begin();
	w.cfg.n_methods = 0;
	channels_configure(w.cs, &w.cfg, CHANNELS_DISCOVERY, w.now);
	world_stream(S1, G1, 5 * S);
	assert_true(relay_is(R1));
	nothing_lost();
	world_want("192.0.2.9", G1, 1, true);
	world_run(50 * MS);
	assert_int_equal(world_view("192.0.2.9", G1).state, CHANNEL_WAITING);
	w.cfg.n_methods = 1;
	channels_configure(w.cs, &w.cfg, CHANNELS_DISCOVERY, w.now);
	world_run(50 * MS);
	assert_int_equal(world_view("192.0.2.9", G1).state, CHANNEL_JOINED);
}

static void limit(void **state)
{
	struct channel_totals t;

	(void)state;
	begin();
	world_want(S1, "232.1.1.2", 1, true);
	w.cfg.max_channels = 1;
	channels_configure(w.cs, &w.cfg, 0, w.now);
	world_want(S1, "232.1.1.3", 1, true);
	channels_totals(w.cs, &t);
	assert_int_equal(t.channels, 2); // what is there stays
	assert_int_equal(t.refused, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(static_relay, setup, world_teardown),
		cmocka_unit_test_setup_teardown(static_relay_has_no_ttl, setup, world_teardown),
		cmocka_unit_test_setup_teardown(others, setup, world_teardown),
		cmocka_unit_test_setup_teardown(silent_relay, setup, world_teardown),
		cmocka_unit_test_setup_teardown(methods, setup, world_teardown),
		cmocka_unit_test_setup_teardown(limit, setup, world_teardown),
	};

	return RUN_TESTS(tests);
}
