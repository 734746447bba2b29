// SPDX-License-Identifier: BSD-3-Clause
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

static void assert_state(const char *s, const char *g, enum channel_state expected)
{
	assert_string_equal(
		channel_state_name(world_view(s, g).state), channel_state_name(expected));
}

static void assert_relay(const char *s, const char *g, int relay)
{
	struct channel_view v = world_view(s, g);

	assert_true(addr_eq(&v.relay, &w.relays[relay].addr));
}

// DNS, Discovery, Request, and the entry before the Update that asks for the data.
static void join_to_flowing(void **state)
{
	struct channel_view v;

	(void)state;
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	assert_state(S1, G1, CHANNEL_RESOLVING);
	world_run(1 * MS);
	assert_state(S1, G1, CHANNEL_DISCOVERING);
	world_run(1 * MS);
	assert_state(S1, G1, CHANNEL_CONNECTING);
	world_run(1 * MS);
	assert_state(S1, G1, CHANNEL_JOINED);
	assert_string_equal(world_journal(), "dns tx1 tx3 entry+ tx5 ");
	assert_int_equal(world_oifs(S1, G1), 2);
	v = world_view(S1, G1);
	assert_non_null(strstr(v.reason, "no packet of this channel yet"));
	world_run(100 * MS);
	world_packets(S1, G1, 1);
	world_run(10 * MS);
	assert_state(S1, G1, CHANNEL_FLOWING);
	v = world_view(S1, G1);
	assert_string_equal(v.reason, "");
	assert_int_equal(v.packets, 1);
	assert_in_range(v.first_packet_us - v.wanted_us, 100 * MS, 120 * MS);
	world_run(10 * S);
	assert_state(S1, G1, CHANNEL_STALLED);
}

// Leave first, then the entry; the tunnel lingers and closes.
static void prune_empties_everything(void **state)
{
	struct channel_totals t;

	(void)state;
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	world_run(10 * MS);
	world_journal();
	world_want(S1, G1, 1, false);
	assert_string_equal(world_journal(), "tx5 entry- ");
	channels_totals(w.cs, &t);
	assert_int_equal(t.channels, 0);
	assert_int_equal(t.sources, 0);
	assert_int_equal(t.tunnels, 1);
	world_run(2100 * MS);
	channels_totals(w.cs, &t);
	assert_int_equal(t.tunnels, 0);
	assert_int_equal(w.endpoints, 0);
}

static void two_interfaces_share_a_channel(void **state)
{
	(void)state;
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	world_run(10 * MS);
	world_want(S1, G1, 3, true);
	assert_int_equal(world_oifs(S1, G1), 2 | 8);
	world_journal();
	world_want(S1, G1, 1, false);
	assert_int_equal(world_oifs(S1, G1), 8);
	assert_string_equal(world_journal(), ""); // no leave while one still wants it
	world_want(S1, G1, 1, false);		  // a second prune changes nothing
	assert_true(world_has(S1, G1));
	world_want(S1, G1, 3, false);
	assert_false(world_has(S1, G1));
	world_want(S1, G1, 3, false); // unknown now
}

// An interface is an oif while any origin wants it there, and each origin speaks for itself alone.
static void origins_share_a_channel(void **state)
{
	struct channel_view v;
	struct sg sg = {0};

	(void)state;
	world_dns(1, R1);
	world_want_by(S1, G1, 1, CHANNEL_BY_STATIC, true);
	world_run(10 * MS);
	world_journal();
	world_want_by(S1, G1, 1, CHANNEL_BY_PIM, true);
	world_want_by(S1, G1, 1, CHANNEL_BY_PIM, true); // a refresh
	world_want_by(S1, G1, 3, CHANNEL_BY_JOINFILE, true);
	world_want_by(S1, G1, 3, CHANNEL_BY_MEMBERSHIP, true);
	v = world_view(S1, G1);
	sg = v.sg;
	assert_int_equal(v.oifs, 2 | 8);
	assert_int_equal(world_oifs(S1, G1), 2 | 8);
	assert_int_equal(v.wanted_by[CHANNEL_BY_STATIC], 2);
	assert_int_equal(v.wanted_by[CHANNEL_BY_PIM], 2);
	assert_int_equal(v.wanted_by[CHANNEL_BY_JOINFILE], 8);
	assert_int_equal(v.wanted_by[CHANNEL_BY_MEMBERSHIP], 8);
	assert_int_equal(channels_wanted_by(w.cs, &sg, CHANNEL_BY_JOINFILE), 8);
	world_want_by(S1, G1, 1, CHANNEL_BY_PIM, false);
	world_want_by(S1, G1, 1, CHANNEL_BY_PIM, false);
	world_want_by(S1, G1, 1, CHANNEL_BY_JOINFILE, false); // it is not there for this one
	world_want_by(S1, G1, 3, CHANNEL_BY_JOINFILE, false);
	assert_int_equal(world_oifs(S1, G1), 2 | 8);
	assert_int_equal(channels_wanted_by(w.cs, &sg, CHANNEL_BY_PIM), 0);
	world_want_by(S1, G1, 3, CHANNEL_BY_MEMBERSHIP, false);
	assert_int_equal(world_oifs(S1, G1), 2);
	assert_string_equal(world_journal(), ""); // nothing of all this concerns the relay
	world_want_by(S1, G1, 1, CHANNEL_BY_STATIC, false);
	assert_false(world_has(S1, G1));
	assert_int_equal(channels_wanted_by(w.cs, &sg, CHANNEL_BY_STATIC), 0);
}

static void origin_names(void **state)
{
	(void)state;
	assert_string_equal(channel_origin_name(CHANNEL_BY_PIM), "pim");
	assert_string_equal(channel_origin_name(CHANNEL_BY_MEMBERSHIP), "igmp");
	assert_string_equal(channel_origin_name(CHANNEL_BY_STATIC), "static");
	assert_string_equal(channel_origin_name(CHANNEL_BY_JOINFILE), "joinfile");
}

// Sources that name the same relay share Discovery and tunnel.
static void sources_share_a_tunnel(void **state)
{
	struct channel_totals t;

	(void)state;
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	world_want(S2, G1, 1, true);
	world_run(20 * MS);
	channels_totals(w.cs, &t);
	assert_int_equal(t.tunnels, 1);
	assert_int_equal(w.relays[0].discoveries, 1);
	assert_int_equal(w.relays[0].requests, 1);
	world_want(S2, G2, 1, true); // joined through it at once
	assert_state(S2, G2, CHANNEL_JOINED);
	world_want("192.0.2.3", G2, 1, true); // a later source reuses it, without Discovery
	world_run(2 * MS);
	assert_state("192.0.2.3", G2, CHANNEL_JOINED);
	assert_int_equal(w.relays[0].discoveries, 1);
}

static void batch_packs_updates(void **state)
{
	char s[ADDR_STRLEN];
	unsigned int updates;

	(void)state;
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	updates = w.relays[0].updates;
	channels_batch_begin(w.cs);
	for (int i = 0; i < 50; i++) {
		snprintf(s, sizeof(s), "232.9.9.%d", i);
		world_want(S1, s, 1, true);
	}
	channels_batch_end(w.cs, w.now);
	assert_int_equal(w.relays[0].updates, updates + 1);
}

// A prune of all and the end of the tunnel inside one batch.
static void batch_with_leave(void **state)
{
	(void)state;
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	channels_batch_begin(w.cs);
	world_want(S1, G1, 1, false);
	world_want(S1, G1, 1, true);
	world_want(S1, G1, 1, false);
	channels_batch_end(w.cs, w.now);
	assert_false(world_has(S1, G1));
	world_run(5 * S);
	assert_int_equal(w.endpoints, 0);
}

static void next_relay_when_the_first_is_silent(void **state)
{
	(void)state;
	w.relays[0].silent = true;
	world_dns(2, R1, R2);
	world_want(S1, G1, 1, true);
	world_run(5 * MS);
	assert_state(S1, G1, CHANNEL_DISCOVERING);
	world_run(20 * S);
	assert_state(S1, G1, CHANNEL_JOINED);
	assert_relay(S1, G1, 1);
	assert_true(holddown_held(&w.held, &w.relays[0].addr, w.now, NULL, NULL));
	// A new source does not try the one that is held down.
	w.relays[0].discoveries = 0;
	world_want(S2, G1, 1, true);
	world_run(10 * MS);
	assert_int_equal(w.relays[0].discoveries, 0);
	assert_state(S2, G1, CHANNEL_JOINED);
}

static void next_relay_when_the_first_is_full(void **state)
{
	(void)state;
	w.relays[0].full = true;
	world_dns(2, R1, R2);
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	assert_state(S1, G1, CHANNEL_JOINED);
	assert_relay(S1, G1, 1);
	assert_true(holddown_held(&w.held, &w.relays[0].addr, w.now + 599 * S, NULL, NULL));
}

// The only relay does not answer: the reason says so, tries go on with back-off, and when it is
// there again the channel comes up by itself.
static void lone_relay_comes_back(void **state)
{
	struct channel_view v;
	bool waited = false;

	(void)state;
	w.relays[0].silent = true;
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	for (int i = 0; i < 60 && !waited; i++) {
		world_run(1 * S);
		v = world_view(S1, G1);
		waited = v.state == CHANNEL_WAITING;
	}
	assert_true(waited);
	assert_string_equal(v.reason, "relay 203.0.113.1: no answer");
	assert_true(v.retry_us != NEVER_US);
	w.relays[0].silent = false;
	world_run(60 * S);
	assert_state(S1, G1, CHANNEL_JOINED);
}

// A tunnel that was up and whose relay dies: found out by the query cycle.
static void relay_dies_later(void **state)
{
	(void)state;
	world_dns(2, R1, R2);
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	world_packets(S1, G1, 7);
	world_run(1 * S);
	w.relays[0].silent = true;
	world_run(150 * S);
	assert_state(S1, G1, CHANNEL_JOINED);
	assert_relay(S1, G1, 1);
	assert_int_equal(world_view(S1, G1).packets, 7); // what the old tunnel brought still counts
	assert_int_equal(w.endpoints, 1);
}

// A full relay is not asked again before its hold-down ends, even if it is the only one.
static void lone_full_relay_waits(void **state)
{
	(void)state;
	w.relays[0].full = true;
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	world_run(10 * S);
	assert_state(S1, G1, CHANNEL_WAITING);
	assert_non_null(strstr(world_view(S1, G1).reason, "full"));
	assert_int_equal(w.relays[0].requests, 1);
	world_run(500 * S);
	assert_int_equal(w.relays[0].requests, 1);
	w.relays[0].full = false;
	world_run(300 * S);
	assert_state(S1, G1, CHANNEL_JOINED);
}

static void dns_failures_retry(void **state)
{
	struct channel_view v;

	(void)state;
	w.answer = (struct driad_result){.status = DRIAD_FAILED, .detail = "SERVFAIL"};
	world_want(S1, G1, 1, true);
	world_run(10 * S);
	v = world_view(S1, G1);
	assert_int_equal(v.state, CHANNEL_WAITING);
	assert_non_null(strstr(v.reason, "DNS: failed: SERVFAIL"));
	assert_in_range(w.lookups, 3, 9);
	world_dns(1, R1);
	world_run(20 * S);
	assert_state(S1, G1, CHANNEL_JOINED);
}

// A forged answer is said to be one, and asked for again with a back-off.
static void dns_bogus_retries(void **state)
{
	struct channel_view v;

	(void)state;
	w.answer = (struct driad_result){.status = DRIAD_BOGUS, .detail = "signature expired"};
	world_want(S1, G1, 1, true);
	world_run(10 * S);
	v = world_view(S1, G1);
	assert_int_equal(v.state, CHANNEL_WAITING);
	assert_string_equal(v.reason, "DNSSEC bogus: signature expired");
	assert_in_range(w.lookups, 3, 9);
	world_run(600 * S);
	assert_in_range(w.lookups, 8, 40);
	world_dns(1, R1);
	world_run(121 * S);
	assert_state(S1, G1, CHANNEL_JOINED);
}

// The negative answer's own TTL is kept to.
static void no_record_waits_for_its_ttl(void **state)
{
	(void)state;
	w.answer = (struct driad_result){.status = DRIAD_NO_RECORD, .ttl_s = 60};
	world_want(S1, G1, 1, true);
	world_run(59 * S);
	assert_int_equal(w.lookups, 1);
	world_run(10 * S);
	assert_int_equal(w.lookups, 2);
}

static void static_relays(void **state)
{
	static struct config_static_relay statics[2];
	struct channel_cfg cfg;

	(void)state;
	prefix_parse("192.0.2.0/24", &statics[0].sources);
	addr_parse(R2, &statics[0].relay);
	statics[0].precedence = 20;
	prefix_parse(S1 "/32", &statics[1].sources);
	addr_parse(R1, &statics[1].relay);
	statics[1].precedence = 10;
	cfg = w.cfg;
	cfg.static_relays = statics;
	cfg.n_static_relays = 2;
	world_configure(&cfg);
	world_want(S1, G1, 1, true); // both prefixes match, the lower precedence wins
	world_want(S2, G1, 1, true);
	assert_string_equal(world_journal(), "tx3 tx3 ");
	world_run(5 * MS);
	assert_int_equal(w.lookups, 0);
	assert_relay(S1, G1, 0);
	assert_relay(S2, G1, 1);
	// Static ones that fail leave the way to DNS.
	w.relays[0].silent = w.relays[1].silent = true;
	world_dns(1, "203.0.113.3");
	world_run(200 * S);
	assert_relay(S1, G1, 2);
}

static void own_address_is_no_relay(void **state)
{
	(void)state;
	world_dns(1, "198.51.100.10");
	world_want(S1, G1, 1, true);
	world_run(1 * S);
	assert_state(S1, G1, CHANNEL_WAITING);
	assert_non_null(strstr(world_view(S1, G1).reason, "address of this box"));
	assert_int_equal(w.endpoints, 0);
}

static void address_comes_and_goes(void **state)
{
	struct addr local;

	(void)state;
	w.no_address = true;
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	world_run(500 * MS);
	assert_state(S1, G1, CHANNEL_WAITING);
	w.no_address = false;
	channels_addr_added(w.cs, w.now);
	world_run(10 * MS);
	assert_state(S1, G1, CHANNEL_JOINED);
	addr_parse("198.51.100.10", &local);
	channels_addr_gone(w.cs, &local, w.now); // the fake gives the same address again
	world_run(10 * MS);
	assert_state(S1, G1, CHANNEL_JOINED);
	assert_false(holddown_held(&w.held, &w.relays[0].addr, w.now, NULL, NULL));
}

static void limit_of_channels(void **state)
{
	struct channel_totals t;
	char g[ADDR_STRLEN];

	(void)state;
	world_dns(1, R1);
	for (int i = 0; i < 101; i++) {
		snprintf(g, sizeof(g), "232.2.2.%d", i);
		world_want(S1, g, 1, true);
	}
	channels_totals(w.cs, &t);
	assert_int_equal(t.channels, 100);
	assert_int_equal(t.refused, 1);
}

// Pruned in each state on the way up: nothing is left, nothing comes later.
static void prune_in_every_state(void **state)
{
	(void)state;
	for (uint64_t after = 0; after < 5; after++) {
		world_dns(1, R1);
		world_want(S1, G1, 1, true);
		world_run(after * MS);
		world_want(S1, G1, 1, false);
		assert_false(world_has(S1, G1));
		world_run(5 * S);
		assert_int_equal(w.mfib_channels, 0);
		assert_int_equal(w.endpoints, 0);
	}
}

static void icmp_error_is_shown(void **state)
{
	(void)state;
	w.relays[0].silent = true;
	world_dns(1, R1);
	w.answer.relays[0].discovery_optional = true;
	world_want(S1, G1, 1, true);
	world_run(5 * MS);
	assert_state(S1, G1, CHANNEL_CONNECTING);
	channels_tunnel_error(w.cs, world_tunnel(), 111 /* ECONNREFUSED */, w.now);
	assert_non_null(strstr(world_view(S1, G1).reason, "Connection refused"));
}

static void shutdown_tells_the_relay(void **state)
{
	(void)state;
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	world_run(10 * MS);
	world_journal();
	world_configure(&w.cfg); // destroys and begins again
	assert_string_equal(world_journal(), "entry- tx5 ");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(join_to_flowing),
		T(prune_empties_everything),
		T(two_interfaces_share_a_channel),
		T(origins_share_a_channel),
		T(origin_names),
		T(sources_share_a_tunnel),
		T(batch_packs_updates),
		T(batch_with_leave),
		T(next_relay_when_the_first_is_silent),
		T(next_relay_when_the_first_is_full),
		T(lone_relay_comes_back),
		T(relay_dies_later),
		T(lone_full_relay_waits),
		T(dns_failures_retry),
		T(dns_bogus_retries),
		T(no_record_waits_for_its_ttl),
		T(static_relays),
		T(own_address_is_no_relay),
		T(address_comes_and_goes),
		T(limit_of_channels),
		T(prune_in_every_state),
		T(icmp_error_is_shown),
		T(shutdown_tells_the_relay),
	};

	return RUN_TESTS(tests);
}
