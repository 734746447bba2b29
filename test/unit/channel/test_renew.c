// SPDX-License-Identifier: BSD-3-Clause
// What DNS names changes while a relay is in use (RFC 8777 section 3.3.4.3; standards N-03, ST-01,
// ST-03, ST-04, TH-05).
#include "unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "world.h"

#define S1    "192.0.2.1"
#define G1    "232.1.1.1"
#define R1    "203.0.113.1"
#define R2    "203.0.113.2"
#define R3    "203.0.113.3"
#define MS    USEC_PER_MSEC
#define S     USEC_PER_SEC
#define TTL_S 10

static void configure(enum config_discovery method, uint32_t traffic_timeout_ms)
{
	struct channel_cfg cfg = w.cfg;

	cfg.traffic_timeout_ms = traffic_timeout_ms;
	cfg.traffic_timeout_max_s = 120;
	cfg.race_delay_ms = 250;
	cfg.race_next_ms = 1000;
	cfg.renew_per_s = 25;
	cfg.methods[0] = method;
	cfg.domains[0] = "example.net.";
	cfg.n_domains = 1;
	world_configure(&cfg);
	world_journal();
}

static int setup(void **state)
{
	(void)state;
	world_begin();
	configure(DISCOVERY_DRIAD, 4000);
	return 0;
}

// DNS names these, of one precedence each.
static void names(unsigned int n, const char *a, uint8_t pa, const char *b, uint8_t pb)
{
	world_dns(n, a, b);
	w.answer.relays[0].precedence = pa;
	w.answer.relays[1].precedence = pb;
	w.answer.ttl_s = TTL_S;
}

static int relay_now(void)
{
	struct channel_view v = world_view(S1, G1);

	for (int i = 0; i < WORLD_RELAYS; i++)
		if (addr_eq(&v.relay, &w.relays[i].addr))
			return i;
	return -1;
}

static void begin(void)
{
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	world_stream(S1, G1, 2 * S);
	assert_int_equal(relay_now(), 0);
	assert_int_equal(w.lookups, 1);
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

// One lookup a TTL, and none for the Requests between; the same set in another order moves nothing.
static void unchanged(void **state)
{
	unsigned int teardowns;

	(void)state;
	names(2, R1, 10, R2, 10);
	begin();
	teardowns = w.relays[0].teardowns;
	for (int i = 1; i <= 4; i++) {
		if (i & 1)
			names(2, R2, 10, R1, 10);
		else
			names(2, R1, 10, R2, 10);
		world_stream(S1, G1, 11 * S);
		assert_int_equal(relay_now(), 0);
		assert_in_range(w.lookups, i, i + 1);
	}
	assert_int_equal(w.relays[1].requests + w.relays[1].discoveries, 0);
	assert_int_equal(w.relays[0].teardowns, teardowns);
	nothing_lost();
}

// An equal one more: which of the equals serves was decided.
static void equal_comes(void **state)
{
	(void)state;
	names(1, R1, 10, NULL, 0);
	begin();
	names(2, R2, 10, R1, 10);
	world_stream(S1, G1, 30 * S);
	assert_int_equal(relay_now(), 0);
	assert_int_equal(w.relays[1].requests, 0);
	nothing_lost();
}

static void better_comes(void **state)
{
	(void)state;
	names(1, R1, 10, NULL, 0);
	begin();
	names(2, R2, 5, R1, 10);
	world_stream(S1, G1, 9 * S);
	assert_int_equal(relay_now(), 0); // not before the TTL has run out
	world_stream(S1, G1, 15 * S);
	assert_int_equal(relay_now(), 1);
	nothing_lost();
}

static void worse_becomes(void **state)
{
	(void)state;
	names(2, R1, 10, R2, 20);
	begin();
	names(2, R1, 30, R2, 20);
	world_stream(S1, G1, 25 * S);
	assert_int_equal(relay_now(), 1);
	nothing_lost();
}

static void other_is_named(void **state)
{
	(void)state;
	names(1, R1, 10, NULL, 0);
	begin();
	names(1, R2, 99, NULL, 0);
	world_stream(S1, G1, 25 * S);
	assert_int_equal(relay_now(), 1);
	nothing_lost();
}

// Nobody answers there: the old one serves on, and the move is tried again later.
static void other_is_dead(void **state)
{
	(void)state;
	names(1, R1, 10, NULL, 0);
	begin();
	w.relays[1].silent = true;
	names(1, R2, 10, NULL, 0);
	world_stream(S1, G1, 40 * S);
	assert_int_equal(relay_now(), 0);
	nothing_lost();
	w.relays[1].silent = false;
	for (int i = 0; i < 300 && relay_now() != 1; i++) {
		world_packets(S1, G1, 1);
		world_run(1 * S);
	}
	assert_int_equal(relay_now(), 1);
}

// No record any more, and no other relay: what serves goes on serving.
static void record_goes(void **state)
{
	(void)state;
	names(1, R1, 10, NULL, 0);
	begin();
	w.answer = (struct driad_result){.status = DRIAD_NO_RECORD, .ttl_s = 30};
	world_stream(S1, G1, 50 * S);
	assert_int_equal(relay_now(), 0);
	assert_in_range(w.lookups, 2, 4);
	nothing_lost();
}

// No answer, or a forged one: all stays, DNS is asked again with a back-off, and what it then says
// is done.
static void no_answer(void **state)
{
	static const enum driad_status none[] = {DRIAD_FAILED, DRIAD_BOGUS, DRIAD_INSECURE};

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		world_end();
		setup(NULL);
		names(1, R1, 10, NULL, 0);
		begin();
		w.answer = (struct driad_result){.status = none[i], .n_relays = 0};
		world_stream(S1, G1, 35 * S);
		assert_int_equal(relay_now(), 0);
		assert_in_range(w.lookups, 3, 7);
		names(1, R2, 10, NULL, 0);
		world_stream(S1, G1, 25 * S);
		assert_int_equal(relay_now(), 1);
		nothing_lost();
	}
}

static void services_change(void **state)
{
	(void)state;
	configure(DISCOVERY_DNS_SD, 4000);
	w.services = (struct driad_result){.status = DRIAD_OK, .n_relays = 1, .ttl_s = 30};
	addr_parse(R1, &w.services.relays[0].addr);
	world_want(S1, G1, 1, true);
	world_run(20 * MS);
	world_stream(S1, G1, 2 * S);
	assert_int_equal(relay_now(), 0);
	w.services = (struct driad_result){.status = DRIAD_BOGUS};
	world_stream(S1, G1, 33 * S);
	assert_int_equal(relay_now(), 0);
	assert_int_equal(w.service_lookups, 2);
	nothing_lost();
	w.services = (struct driad_result){.status = DRIAD_OK, .n_relays = 1, .ttl_s = 30};
	addr_parse(R2, &w.services.relays[0].addr);
	for (int i = 0; i < 60 && relay_now() != 1; i++) {
		world_packets(S1, G1, 1);
		world_run(1 * S);
	}
	assert_int_equal(relay_now(), 1);
	assert_int_equal(w.service_lookups, 3);
}

// An operator's move that begins while DNS is asked again waits for it, and goes on.
static void move_meanwhile(void **state)
{
	struct addr source;

	(void)state;
	addr_parse(S1, &source);
	names(2, R1, 10, R2, 20);
	begin();
	w.hold_answers = true;
	world_stream(S1, G1, 10 * S);
	assert_int_equal(w.lookups, 2);
	assert_int_equal(
		channels_move(w.cs, &source, NULL, "operator", CHANNEL_MOVE_FORCE, w.now), 0);
	world_stream(S1, G1, 1 * S);
	w.hold_answers = false;
	world_stream(S1, G1, 8 * S);
	assert_int_equal(relay_now(), 1);
}

// Many sources at once take their turns.
static void paced(void **state)
{
	char s[ADDR_STRLEN];

	(void)state;
	configure(DISCOVERY_DRIAD, 0); // for want of traffic DNS would be asked as well
	names(1, R1, 10, NULL, 0);
	for (unsigned int i = 1; i <= 60; i++) {
		snprintf(s, sizeof(s), "192.0.2.%u", i);
		world_want(s, G1, 1, true);
	}
	world_run(11 * S); // 25 a second from there on
	w.lookups = 0;
	world_run(1 * S);
	assert_in_range(w.lookups, 20, 26);
	world_run(2 * S);
	assert_in_range(w.lookups, 55, 62);
}

// Over several Query cycles of a relay with a long TTL: no Discovery and no DNS (ST-01).
static void cycle_is_no_discovery(void **state)
{
	unsigned int discoveries, requests;

	(void)state;
	names(1, R1, 10, NULL, 0);
	w.answer.ttl_s = 3600;
	begin();
	discoveries = w.relays[0].discoveries;
	requests = w.relays[0].requests;
	for (int i = 0; i < 700; i++) {
		world_packets(S1, G1, 1);
		world_run(1 * S);
	}
	assert_in_range(w.relays[0].requests - requests, 4, 7); // every 125 s
	assert_int_equal(w.relays[0].discoveries, discoveries);
	assert_int_equal(w.lookups, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(unchanged),
		T(cycle_is_no_discovery),
		T(equal_comes),
		T(better_comes),
		T(worse_becomes),
		T(other_is_named),
		T(other_is_dead),
		T(record_goes),
		T(no_answer),
		T(services_change),
		T(move_meanwhile),
		T(paced),
	};

	return RUN_TESTS(tests);
}
