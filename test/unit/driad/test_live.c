// SPDX-License-Identifier: BSD-3-Clause
// The resolver and the engine against a real NSD.
#include "unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "live.h"

static const char conf[] =
	LIVE_NSD_CONF "zone:\n name: 100.51.198.in-addr.arpa\n zonefile: v4.zone\n"
		      "zone:\n name: 2.0.192.in-addr.arpa\n zonefile: alias.zone\n"
		      "zone:\n name: 8.b.d.0.1.0.0.2.ip6.arpa\n zonefile: v6.zone\n"
		      "zone:\n name: relays.test\n zonefile: names.zone\n";

#define SOA(ttl)                                                                \
	"$TTL 30\n@ " ttl " SOA ns.relays.test. x.relays.test. 1 60 60 60 " ttl \
	"\n@ NS ns.relays.test.\n"

static const char v4_zone[] = SOA(
	"7") "10 IN TYPE260 \\# 6 0a01cb00710f\n"			   // 10 0 1 203.0.113.15
	     "11 IN TYPE260 \\# 18 0a8220010db8000000000000000000000015\n" // 10 1 2 2001:db8::15
	     "13 IN TYPE260 \\# 2 0a00\n"
	     "14 IN TYPE260 \\# 1 0a\n"
	     "15 IN TYPE260 \\# 3 0a0401\n"
	     "16 IN TYPE260 \\# 4 0a03c00c\n"
	     "17 IN TYPE260 \\# 5 0a01cb0071\n"
	     "18 IN TYPE260 \\# 19 808303616d740672656c617973047465737400\n" // amt.relays.test.
	     "19 IN TYPE260 \\# 18 800303616d740672656c6179730474657374\n"   // no root
	     "20 IN TYPE260 \\# 6 0a01cb00710f\n20 IN TYPE260 \\# 6 0501cb007110\n"
	     "20 IN TYPE260 \\# 2 0000\n20 IN TYPE260 \\# 1 0a\n"
	     "21 IN TYPE260 \\# 20 0a0304656b7a6f0672656c617973047465737400\n"
	     "22 3 IN TYPE260 \\# 6 0a01cb00710f\n"
	     "23 IN TYPE260 \\# 6 0a017f000001\n"
	     "24 IN TXT nothing\n"
	     "$INCLUDE many.zone\n";
static const char alias_zone[] = SOA("9") "12 CNAME 10.100.51.198.in-addr.arpa.\n"
					  "13 CNAME nowhere.relays.test.\n"
					  "14 CNAME 15\n15 CNAME 14\n"
					  "sub DNAME relays.test.\n16 CNAME rec.sub\n";
static const char names_zone[] =
	SOA("5") "ns A 127.0.0.1\namt 20 A 203.0.113.21\namt 20 A 203.0.113.22\n"
		 "amt 25 AAAA 2001:db8::21\nrec TYPE260 \\# 6 0181cb00710f\n";
static const char v6_zone[] =
	SOA("7") "a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.a.0.0.0 TYPE260 \\# 6 0a01cb00710f\n";

static int setup(void **state)
{
	static char many[100 * 48];

	(void)state;
	live_begin(conf);
	if (live.skip)
		return 0;
	live_file("v4.zone", v4_zone);
	for (int i = 0; i < 100; i++)
		sprintf(many + strlen(many), "25 IN TYPE260 \\# 6 %02x01cb0071%02x\n", i, i + 1);
	live_file("many.zone", many);
	live_file("alias.zone", alias_zone);
	live_file("names.zone", names_zone);
	live_file("v6.zone", v6_zone);
	live_nsd_start();
	live_resolver(&(struct resolver_cfg){0}, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return live_end();
}

static void record_types(void **state)
{
	static const struct {
		const char *source;
		enum driad_status status;
		unsigned int n_relays;
		uint32_t ttl_s, ignored;
		const char *first; // NULL: not looked at
	} rows[] = {
		{"198.51.100.10", DRIAD_OK, 1, 30, 0, "203.0.113.15"},
		{"198.51.100.11", DRIAD_OK, 1, 30, 0, "2001:db8::15"},
		{"198.51.100.13", DRIAD_NO_RELAY, 0, 30, 0, NULL},
		{"198.51.100.14", DRIAD_UNUSABLE, 0, 30, 1, NULL},
		{"198.51.100.15", DRIAD_UNUSABLE, 0, 30, 1, NULL},
		{"198.51.100.16", DRIAD_UNUSABLE, 0, 30, 1, NULL},
		{"198.51.100.17", DRIAD_UNUSABLE, 0, 30, 1, NULL},
		{"198.51.100.18", DRIAD_OK, 3, 20, 0, NULL},
		{"198.51.100.19", DRIAD_OK, 3, 20, 0, NULL},
		{"198.51.100.20", DRIAD_OK, 2, 30, 1, "203.0.113.16"},
		{"198.51.100.21", DRIAD_UNUSABLE, 0, 5, 0, NULL},
		{"198.51.100.22", DRIAD_OK, 1, 3, 0, "203.0.113.15"},
		{"198.51.100.23", DRIAD_UNUSABLE, 0, 30, 1, NULL},
		// More than a datagram holds: by TCP (N-05).
		{"198.51.100.25", DRIAD_OK, 64, 30, 36, NULL},
		{"198.51.100.24", DRIAD_NO_RECORD, 0, 7, 0, NULL}, // NODATA
		{"198.51.100.99", DRIAD_NO_RECORD, 0, 7, 0, NULL}, // NXDOMAIN
		{"2001:db8:a::a", DRIAD_OK, 1, 30, 0, "203.0.113.15"},
	};

	(void)state;
	if (live.skip)
		skip();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct driad_result *r = live_look_up(rows[i].source);
		char text[ADDR_STRLEN];

		assert_int_equal(r->status, rows[i].status);
		assert_int_equal(r->n_relays, rows[i].n_relays);
		// The cache may have aged it by a second.
		assert_in_range(r->ttl_s, rows[i].ttl_s - 2, rows[i].ttl_s);
		assert_int_equal(r->ignored, rows[i].ignored);
		if (rows[i].first)
			assert_string_equal(addr_format(&r->relays[0].addr, text), rows[i].first);
	}
}

static void aliases(void **state)
{
	(void)state;
	if (live.skip)
		skip();
	assert_int_equal(live_look_up("192.0.2.12")->status, DRIAD_OK);
	assert_int_equal(live_look_up("192.0.2.13")->status, DRIAD_NO_RECORD);
	assert_int_not_equal(live_look_up("192.0.2.14")->status, DRIAD_OK); // a loop
	assert_int_equal(live_look_up("192.0.2.16")->status, DRIAD_OK);	    // CNAME, then DNAME
	assert_int_equal(live.result.relays[0].precedence, 1);
	assert_true(live.result.relays[0].discovery_optional);
}

static void refused(void **state)
{
	(void)state;
	if (live.skip)
		skip();
	assert_int_equal(live_look_up("203.0.113.1")->status, DRIAD_FAILED);
	assert_int_equal(live.result.ttl_s, 0);
}

static void resolver_dies_and_returns(void **state)
{
	uint64_t start;

	(void)state;
	if (live.skip)
		skip();
	live_nsd_stop();
	start = clock_mono_us();
	assert_int_equal(live_look_up("198.51.100.50")->status, DRIAD_FAILED);
	assert_true(clock_mono_us() - start < 11 * US_PER_S);
	// What is cached goes on working.
	assert_int_equal(live_look_up("198.51.100.10")->status, DRIAD_OK);
	live_nsd_start();
	start = clock_mono_us();
	// Another name of the zone at once; the one that failed within seconds.
	while (live_look_up("198.51.100.51")->status != DRIAD_NO_RECORD)
		assert_true(clock_mono_us() - start < 10 * US_PER_S);
	while (live_look_up("198.51.100.50")->status != DRIAD_NO_RECORD) {
		assert_true(clock_mono_us() - start < 15 * US_PER_S);
		live_ticks(300);
	}
	print_message(
		"# back after %llu ms\n", (unsigned long long)(clock_mono_us() - start) / 1000);
}

static void cancelled(void **state)
{
	struct driad_lookup *l;
	struct addr source;

	(void)state;
	if (live.skip)
		skip();
	addr_parse("198.51.100.60", &source);
	live.done = false;
	l = driad_lookup_start(live.driad, &source, live_result, NULL, clock_mono_us());
	assert_non_null(l);
	driad_lookup_cancel(live.driad, l);
	live_ticks(50);
	assert_false(live.done);
	// And one that is still in flight when everything is taken down.
	assert_non_null(
		driad_lookup_start(live.driad, &source, live_result, NULL, clock_mono_us()));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_types),
		cmocka_unit_test(aliases),
		cmocka_unit_test(refused),
		cmocka_unit_test(resolver_dies_and_returns),
		cmocka_unit_test(cancelled),
	};

	return cmocka_run_group_tests_name("driad-live", tests, setup, teardown);
}
