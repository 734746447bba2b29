// SPDX-License-Identifier: BSD-3-Clause
// Addresses that cannot serve (standards S-10, D-07): what is named as a relay and is ours or on a
// downstream link, and sources that are.
#include "unit/unit.h"

#include <string.h>

#include "world.h"

#define S1   "192.0.2.1"
#define G1   "232.1.1.1"
#define R1   "203.0.113.1"
#define OURS "198.51.100.10"
#define DOWN "10.9.1.7" // on the link of a downstream interface
#define S    USEC_PER_SEC

static bool is_at(int relay)
{
	struct channel_view v = world_view(S1, G1);

	return v.state == CHANNEL_JOINED && addr_eq(&v.relay, &w.relays[relay].addr);
}

static uint64_t drops(enum channel_drop why)
{
	return channels_drops(w.cs)[why];
}

struct shown {
	const char *relay;
	const char *reason;
	bool forever;
};

static void shown_cb(void *arg, const struct relay_view *v)
{
	struct shown *shown = arg;
	char text[ADDR_STRLEN];

	if (strcmp(addr_format(&v->addr, text), shown->relay) == 0) {
		shown->reason = v->held_reason;
		shown->forever = v->held_until_us == NEVER_US;
	}
}

// The one that is named with them serves.
static void relays(void **state)
{
	static const struct {
		const char *relay;
		enum channel_drop why;
	} rows[] = {
		{OURS, CHANNEL_DROP_RELAY_OURS},
		{DOWN, CHANNEL_DROP_RELAY_DOWNSTREAM},
		{"127.0.0.1", CHANNEL_DROP_RELAY_BOGON},
		{"0.0.0.0", CHANNEL_DROP_RELAY_BOGON},
		{"224.0.0.1", CHANNEL_DROP_RELAY_BOGON},
		{"169.254.1.1", CHANNEL_DROP_RELAY_BOGON},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t before = drops(rows[i].why);
		struct shown shown = {.relay = rows[i].relay};
		uint32_t cursor = 0;

		world_dns(2, rows[i].relay, R1);
		world_want(S1, G1, 1, true);
		world_run(1 * S);
		assert_true(is_at(0));
		assert_int_equal(drops(rows[i].why), before + 1);
		while (channels_relays_some(w.cs, &cursor, UINT32_MAX, shown_cb, &shown))
			;
		assert_string_equal(shown.reason, channel_drop_texts[rows[i].why]);
		assert_true(shown.forever);
		world_want(S1, G1, 1, false);
		world_run(5 * S);
	}
}

// Alone, it is the reason that the channel waits; and a better record is found by itself.
static void alone(void **state)
{
	(void)state;
	world_dns(1, DOWN);
	w.answer.ttl_s = 5;
	world_want(S1, G1, 1, true);
	world_run(1 * S);
	assert_int_equal(world_view(S1, G1).state, CHANNEL_WAITING);
	assert_non_null(strstr(world_view(S1, G1).reason, DOWN));
	assert_non_null(strstr(world_view(S1, G1).reason, "downstream link"));
	world_dns(1, R1);
	world_run(130 * S);
	assert_int_equal(world_view(S1, G1).state, CHANNEL_JOINED);
}

// A broker that names one of them is of no use.
static void advertised(void **state)
{
	(void)state;
	addr_parse(DOWN, &w.relays[0].advertises);
	world_dns(2, R1, "203.0.113.2");
	world_want(S1, G1, 1, true);
	world_run(5 * S);
	assert_true(is_at(1));
	assert_int_equal(drops(CHANNEL_DROP_RELAY_DOWNSTREAM), 1);
}

// No DNS query either.
static void sources(void **state)
{
	(void)state;
	world_dns(1, R1);
	world_want(DOWN, G1, 1, true);
	world_want(OURS, G1, 1, true);
	world_run(10 * S);
	assert_int_equal(world_view(DOWN, G1).state, CHANNEL_WAITING);
	assert_string_equal(
		world_view(DOWN, G1).reason, channel_drop_texts[CHANNEL_DROP_SOURCE_DOWNSTREAM]);
	assert_string_equal(
		world_view(OURS, G1).reason, channel_drop_texts[CHANNEL_DROP_SOURCE_OURS]);
	assert_int_equal(w.lookups, 0);
	assert_in_range(drops(CHANNEL_DROP_SOURCE_DOWNSTREAM), 1, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(relays, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(alone, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(advertised, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(sources, world_setup, world_teardown),
	};

	return RUN_TESTS(tests);
}
