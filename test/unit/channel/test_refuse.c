// SPDX-License-Identifier: BSD-3-Clause
// Addresses that cannot serve (standards S-10, D-07): what is named as a relay and is ours or on a
// downstream link, and sources that are.
#include "unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "world.h"

#define S1	"192.0.2.1"
#define G1	"232.1.1.1"
#define R1	"203.0.113.1"
#define OURS	"198.51.100.10"
#define DOWN	"10.9.1.7"  // on the link of a downstream interface
#define BEHIND	"11.16.1.7" // a route leads downstream, set by hand
#define LEARNED "11.17.1.7" // the same by a routing daemon
#define S	USEC_PER_SEC

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
		{BEHIND, CHANNEL_DROP_RELAY_BEHIND},
		{LEARNED, CHANNEL_DROP_RELAY_BEHIND},
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
	world_want(BEHIND, G1, 1, true);
	world_run(10 * S);
	assert_string_equal(
		world_view(BEHIND, G1).reason, channel_drop_texts[CHANNEL_DROP_SOURCE_BEHIND]);
	assert_in_range(drops(CHANNEL_DROP_SOURCE_BEHIND), 1, 10);
	assert_int_equal(world_view(DOWN, G1).state, CHANNEL_WAITING);
	assert_string_equal(
		world_view(DOWN, G1).reason, channel_drop_texts[CHANNEL_DROP_SOURCE_DOWNSTREAM]);
	assert_string_equal(
		world_view(OURS, G1).reason, channel_drop_texts[CHANNEL_DROP_SOURCE_OURS]);
	assert_int_equal(w.lookups, 0);
	assert_in_range(drops(CHANNEL_DROP_SOURCE_DOWNSTREAM), 1, 10);
	// Another appliance may be the way of a route that was learned: that is no reason.
	world_want(LEARNED, G1, 1, true);
	world_run(1 * S);
	assert_int_equal(world_view(LEARNED, G1).state, CHANNEL_JOINED);
}

static struct config_acls acl;

static void prefix(struct prefix *to, const char *text)
{
	assert_int_equal(prefix_parse(text, to), 0);
}

static void acl_set(void)
{
	w.cfg.acl = &acl;
	channels_configure(w.cs, &w.cfg, CHANNELS_ACL, w.now);
}

static int acl_setup(void **state)
{
	memset(&acl, 0, sizeof(acl));
	return world_setup(state);
}

static bool is_there(const char *s, const char *g)
{
	struct channel_view v;
	struct sg sg;

	assert_int_equal(addr_parse(s, &sg.s), 0);
	assert_int_equal(addr_parse(g, &sg.g), 0);
	return channels_find(w.cs, &sg, &v);
}

// Refused at once, without a query; and what is there is left when the lists say so.
static void acl_of_sources_and_groups(void **state)
{
	struct sg sg;

	(void)state;
	prefix(&acl.sources.deny[acl.sources.n_deny++], "192.0.2.64/26");
	prefix(&acl.groups.permit[acl.groups.n_permit++], "232.1.0.0/16");
	acl_set();
	world_dns(1, R1);
	world_want("192.0.2.66", G1, 1, true);
	world_want(S1, "232.2.1.1", 1, true);
	assert_false(is_there("192.0.2.66", G1));
	assert_false(is_there(S1, "232.2.1.1"));
	assert_int_equal(w.lookups, 0);
	assert_int_equal(drops(CHANNEL_DROP_SOURCE_ACL), 1);
	assert_int_equal(drops(CHANNEL_DROP_GROUP_ACL), 1);
	addr_parse("192.0.2.66", &sg.s);
	addr_parse(G1, &sg.g);
	assert_string_equal(
		channels_sg_refused(w.cs, &sg), channel_drop_texts[CHANNEL_DROP_SOURCE_ACL]);
	addr_parse(S1, &sg.s);
	assert_null(channels_sg_refused(w.cs, &sg));
	world_want(S1, G1, 1, true);
	world_run(1 * S);
	assert_true(is_at(0));
	// deny goes before permit.
	prefix(&acl.groups.deny[acl.groups.n_deny++], G1);
	acl_set();
	assert_false(is_there(S1, G1));
	assert_int_equal(drops(CHANNEL_DROP_GROUP_ACL), 2);
	memset(&acl, 0, sizeof(acl));
	acl_set();
	world_want(S1, G1, 1, true);
	world_want("192.0.2.66", G1, 1, true);
	world_run(1 * S);
	assert_true(is_at(0));
	assert_true(is_there("192.0.2.66", G1));
}

static void acl_of_relays(void **state)
{
	(void)state;
	world_dns(2, R1, "203.0.113.2");
	world_want(S1, G1, 1, true);
	world_run(1 * S);
	assert_true(is_at(0));
	// The one in use is left for the other, at once.
	prefix(&acl.relays.deny[acl.relays.n_deny++], R1);
	acl_set();
	world_run(1 * S);
	assert_true(is_at(1));
	assert_true(drops(CHANNEL_DROP_RELAY_ACL) > 0);
	prefix(&acl.relays.deny[acl.relays.n_deny++], "203.0.113.0/24");
	acl_set();
	world_run(5 * S);
	assert_int_equal(world_view(S1, G1).state, CHANNEL_WAITING);
	assert_non_null(strstr(world_view(S1, G1).reason, "acl.relays"));
	memset(&acl, 0, sizeof(acl));
	acl_set();
	world_run(1 * S);
	assert_true(is_at(0));
}

// Who takes all that there is leaves some for others, and a source has so many channels at most.
static void limits(void **state)
{
	struct channel_totals t;
	char g[ADDR_STRLEN];

	(void)state;
	w.cfg.max_channels = 64;
	w.cfg.max_per_source = 70;
	channels_configure(w.cs, &w.cfg, 0, w.now);
	channels_asker(w.cs, 1001);
	for (int i = 0; i < 90; i++) {
		snprintf(g, sizeof(g), "232.3.0.%d", i + 1);
		world_want(S1, g, 1, true);
	}
	channels_totals(w.cs, &t);
	assert_int_equal(t.channels, 64);
	assert_int_equal(t.refused, 26);
	assert_int_equal(drops(CHANNEL_DROP_CHANNELS_LIMIT), 26);
	channels_asker(w.cs, 1002);
	for (int i = 0; i < 6; i++) {
		snprintf(g, sizeof(g), "232.4.0.%d", i + 1);
		world_want("192.0.2.8", g, 1, true);
	}
	channels_totals(w.cs, &t);
	assert_int_equal(t.channels, 68); // a sixteenth more
	assert_int_equal(drops(CHANNEL_DROP_CHANNELS_LIMIT), 28);
	// One that goes makes room for another, of whoever.
	channels_asker(w.cs, 0);
	for (int i = 0; i < 10; i++) {
		snprintf(g, sizeof(g), "232.3.0.%d", i + 1);
		world_want(S1, g, 1, false);
	}
	w.cfg.max_per_source = 54;
	channels_configure(w.cs, &w.cfg, 0, w.now);
	world_want(S1, G1, 1, true);
	assert_int_equal(drops(CHANNEL_DROP_PER_SOURCE_LIMIT), 1);
	world_want("192.0.2.9", G1, 1, true);
	assert_true(is_there("192.0.2.9", G1));
	// Families do not mix.
	world_want("2001:db8::9", G1, 1, true);
	assert_int_equal(drops(CHANNEL_DROP_FAMILY), 1);
}

static void tunnels(void **state)
{
	(void)state;
	w.cfg.max_tunnels = 1;
	channels_configure(w.cs, &w.cfg, 0, w.now);
	world_dns(1, R1);
	world_want(S1, G1, 1, true);
	world_run(1 * S);
	assert_true(is_at(0));
	world_dns(1, "203.0.113.2");
	world_want("192.0.2.9", G1, 1, true);
	world_run(1 * S);
	assert_int_not_equal(world_view("192.0.2.9", G1).state, CHANNEL_JOINED);
	assert_true(drops(CHANNEL_DROP_TUNNELS_LIMIT) > 0);
	assert_true(is_at(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(relays, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(alone, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(advertised, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(sources, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			acl_of_sources_and_groups, acl_setup, world_teardown),
		cmocka_unit_test_setup_teardown(acl_of_relays, acl_setup, world_teardown),
		cmocka_unit_test_setup_teardown(limits, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(tunnels, world_setup, world_teardown),
	};

	return RUN_TESTS(tests);
}
