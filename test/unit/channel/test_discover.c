// SPDX-License-Identifier: BSD-3-Clause
// The order of discovery (RFC 8777 section 3.1.2; standards S-01, S-02, S-09, D-01).
#include "unit/unit.h"

#include <string.h>

#include "world.h"

#define S1	"192.0.2.1"
#define S2	"192.0.2.2"
#define G1	"232.1.1.1"
#define R1	"203.0.113.1"
#define R2	"203.0.113.2"
#define MS	USEC_PER_MSEC
#define S	USEC_PER_SEC
#define ANYCAST 3 // the relay that answers at the anycast address

static void configure(
	enum config_discovery first, enum config_discovery second, enum config_discovery third)
{
	struct channel_cfg cfg = w.cfg;

	cfg.race_delay_ms = 250;
	cfg.race_next_ms = 1000;
	cfg.traffic_timeout_ms = 4000;
	cfg.traffic_timeout_max_s = 120;
	cfg.methods[0] = first;
	cfg.methods[1] = second;
	cfg.methods[2] = third;
	cfg.n_methods = 3;
	cfg.domains[0] = "example.net.";
	cfg.n_domains = 1;
	world_configure(&cfg);
	world_journal();
}

static int setup(void **state)
{
	(void)state;
	world_begin();
	addr_parse(CHANNEL_ANYCAST, &w.relays[ANYCAST].addr);
	addr_parse("203.0.113.3", &w.relays[ANYCAST].advertises);
	w.services = (struct driad_result){.status = DRIAD_NO_RECORD, .ttl_s = 300};
	configure(DISCOVERY_DNS_SD, DISCOVERY_ANYCAST, DISCOVERY_DRIAD);
	return 0;
}

static int relay_of(const char *s)
{
	struct channel_view v = world_view(s, G1);

	for (int i = 0; i < WORLD_RELAYS; i++)
		if (v.state == CHANNEL_JOINED && addr_eq(&v.relay, &w.relays[i].addr))
			return i;
	return -1;
}

static void services_are(const char *relay)
{
	w.services = (struct driad_result){.status = DRIAD_OK, .n_relays = 1, .ttl_s = 300};
	addr_parse(relay, &w.services.relays[0].addr);
}

// One lookup of services for all sources; DRIAD is not asked.
static void services_first(void **state)
{
	(void)state;
	services_are(R2);
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	world_want(S2, G1, 1, true);
	world_run(20 * MS);
	assert_int_equal(relay_of(S1), 1);
	assert_int_equal(relay_of(S2), 1);
	assert_int_equal(w.service_lookups, 1);
	assert_int_equal(w.lookups, 0);
	world_want("192.0.2.3", G1, 1, true);
	world_run(20 * MS);
	assert_int_equal(w.service_lookups, 1);
	assert_int_equal(w.relays[ANYCAST].discoveries, 0);
}

static void anycast_second(void **state)
{
	struct channel_view v;

	(void)state;
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	assert_int_equal(w.relays[ANYCAST].discoveries, 1);
	assert_int_equal(relay_of(S1), 2);
	v = world_view(S1, G1);
	assert_int_equal(v.state, CHANNEL_JOINED);
	assert_int_equal(w.lookups, 0);
}

// D-01: the anycast address of each family that there is an address of, IPv6 first.
static void anycast_of_both(void **state)
{
	(void)state;
	w.ipv6 = true;
	addr_parse(CHANNEL_ANYCAST6, &w.relays[1].addr);
	addr_parse("2001:db8:9::1", &w.relays[1].advertises);
	addr_parse("2001:db8:9::1", &w.relays[2].addr);
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	assert_int_equal(relay_of(S1), 2);
	assert_int_equal(w.relays[1].discoveries, 1);
	assert_int_equal(w.relays[ANYCAST].discoveries, 0);
	// IPv6 is silent: IPv4 begins 250 ms later.
	world_want(S1, G1, 1, false);
	world_run(10 * S);
	w.relays[1].silent = true;
	addr_parse("203.0.113.3", &w.relays[2].addr);
	world_want(S2, G1, 1, true);
	world_run(240 * MS);
	assert_int_equal(w.relays[ANYCAST].discoveries, 0);
	world_run(20 * MS);
	assert_int_equal(relay_of(S2), 2);
	// IPv6 alone.
	world_want(S2, G1, 1, false);
	world_run(200 * S);
	w.no_ipv4 = true;
	w.relays[1].silent = false;
	w.relays[ANYCAST].discoveries = 0;
	addr_parse("2001:db8:9::1", &w.relays[2].addr);
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	assert_int_equal(relay_of(S1), 2);
	assert_int_equal(w.relays[ANYCAST].discoveries, 0);
}

// Wanted before there is any address, as at start: IPv6 comes, and its anycast address is asked.
static void anycast_before_addresses(void **state)
{
	(void)state;
	w.no_ipv4 = true;
	configure(DISCOVERY_ANYCAST, DISCOVERY_ANYCAST, DISCOVERY_ANYCAST);
	addr_parse(CHANNEL_ANYCAST6, &w.relays[1].addr);
	addr_parse("2001:db8:9::1", &w.relays[1].advertises);
	addr_parse("2001:db8:9::1", &w.relays[2].addr);
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	assert_int_equal(world_view(S1, G1).state, CHANNEL_WAITING);
	w.ipv6 = true;
	channels_addr_added(w.cs, w.now);
	world_run(20 * MS);
	assert_int_equal(relay_of(S1), 2);
}

// Nobody at the anycast address: 250 ms, until that is known, and nothing after that.
static void driad_third(void **state)
{
	(void)state;
	w.relays[ANYCAST].silent = true;
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	world_run(240 * MS);
	assert_int_equal(w.lookups, 0);
	world_run(30 * MS);
	assert_int_equal(relay_of(S1), 0);
	world_run(30 * S);
	world_want(S2, G1, 1, true);
	world_run(10 * MS);
	assert_int_equal(relay_of(S2), 0);
}

static void driad_first(void **state)
{
	(void)state;
	configure(DISCOVERY_DRIAD, DISCOVERY_DNS_SD, DISCOVERY_ANYCAST);
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	assert_int_equal(relay_of(S1), 0);
	assert_int_equal(w.service_lookups, 0);
	assert_int_equal(w.relays[ANYCAST].discoveries, 0);
	// A source without a record finds the services.
	services_are(R2);
	w.answer = (struct driad_result){.status = DRIAD_NO_RECORD, .ttl_s = 60};
	world_want(S2, G1, 1, true);
	world_run(20 * MS);
	assert_int_equal(relay_of(S2), 1);
}

// The network's relay answers and does not have the source: its sender's one does (S-02).
static void next_method_for_want_of_traffic(void **state)
{
	(void)state;
	services_are(R2);
	w.relays[ANYCAST].silent = true;
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	assert_int_equal(relay_of(S1), 1);
	world_run(10 * S); // the anycast address is tried, then DRIAD
	assert_int_equal(relay_of(S1), 0);
}

// Nothing anywhere: the reason is that of DNS, and it waits for as long as "no" holds.
static void nothing_anywhere(void **state)
{
	struct channel_view v;

	(void)state;
	w.relays[ANYCAST].silent = true;
	w.answer = (struct driad_result){.status = DRIAD_NO_RECORD, .ttl_s = 60};
	world_want(S1, G1, 1, true);
	for (int i = 0; i < 60; i++) {
		world_run(1 * S);
		v = world_view(S1, G1);
		if (v.state == CHANNEL_WAITING)
			break;
	}
	assert_int_equal(v.state, CHANNEL_WAITING);
	assert_non_null(strstr(v.reason, CHANNEL_ANYCAST ": no answer"));
	assert_non_null(strstr(v.reason, "no-record"));
	world_run(300 * S);
	assert_in_range(w.lookups, 2, 12);
	world_dns(1, R1);
	world_run(150 * S);
	assert_int_equal(relay_of(S1), 0);
}

static void pruned_while_asking(void **state)
{
	(void)state;
	w.hold_answers = true;
	world_want(S1, G1, 1, true);
	world_want(S2, G1, 1, true);
	world_run(5 * MS);
	assert_int_equal(world_view(S1, G1).state, CHANNEL_RESOLVING);
	assert_non_null(strstr(world_view(S1, G1).reason, "_amt._udp"));
	world_want(S1, G1, 1, false);
	w.hold_answers = false;
	services_are(R2);
	world_run(20 * MS);
	assert_int_equal(relay_of(S2), 1);
	assert_false(world_has(S1, G1));
}

// A forged answer of DNS-SD names nobody, and is what the channel says where nothing else is asked.
static void services_forged(void **state)
{
	struct channel_cfg cfg = w.cfg;

	(void)state;
	cfg.methods[0] = DISCOVERY_DNS_SD;
	cfg.n_methods = 1;
	cfg.domains[0] = "example.net.";
	cfg.n_domains = 1;
	world_configure(&cfg);
	w.services = (struct driad_result){.status = DRIAD_BOGUS, .detail = "signature expired"};
	world_want(S1, G1, 1, true);
	world_run(1 * S);
	assert_int_equal(world_view(S1, G1).state, CHANNEL_WAITING);
	assert_string_equal(world_view(S1, G1).reason, "DNSSEC bogus: signature expired");
	services_are(R2);
	world_run(150 * S);
	assert_int_equal(relay_of(S1), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(services_first),
		T(services_forged),
		T(anycast_second),
		T(anycast_of_both),
		T(anycast_before_addresses),
		T(driad_third),
		T(driad_first),
		T(next_method_for_want_of_traffic),
		T(nothing_anywhere),
		T(pruned_while_asking),
	};

	return RUN_TESTS(tests);
}
