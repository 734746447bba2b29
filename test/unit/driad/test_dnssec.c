// SPDX-License-Identifier: BSD-3-Clause
// DNSSEC against zones that are signed, tampered with, and not signed (standards N-02).
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "live.h"

static const char conf[] =
	LIVE_NSD_CONF "zone:\n name: 100.51.198.in-addr.arpa\n zonefile: signed.zone.signed\n"
		      "zone:\n name: 2.0.192.in-addr.arpa\n zonefile: tampered.zone.signed\n"
		      "zone:\n name: 113.0.203.in-addr.arpa\n zonefile: unsigned.zone\n"
		      "zone:\n name: good.test\n zonefile: good.zone.signed\n"
		      "zone:\n name: bad.test\n zonefile: bad.zone.signed\n"
		      "zone:\n name: plain.test\n zonefile: plain.zone\n";

#define SOA "$TTL 30\n@ SOA ns.good.test. x.good.test. 1 60 60 60 7\n@ NS ns.good.test.\n"

// 10: an address; 11: a name that is signed; 12: one that is tampered with; 13: not signed;
// 14: an address and the tampered name; 15: nothing; 16: an alias into the tampered zone
#define RECORDS                           \
	"10 TYPE260 \\# 6 0a01cb00710f\n" \
	"11 TYPE260 \\# 15 0a8301720467"  \
	"6f6f640474657374"                \
	"00\n"                            \
	"12 TYPE260 \\# 14 0a83017203"    \
	"6261640474657374"                \
	"00\n"                            \
	"13 TYPE260 \\# 16 0a83017205"    \
	"706c61696e0474657374"            \
	"00\n"                            \
	"14 TYPE260 \\# 6 0a01cb00710f\n" \
	"14 TYPE260 \\# 14 0a83017203"    \
	"6261640474657374"                \
	"00\n"                            \
	"15 TXT nothing\n"                \
	"16 CNAME 10.2.0.192.in-addr.arpa.\n"

#define KEY "ldns-keygen -a ECDSAP256SHA256 "
#define SIGN                                                                                  \
	"cd '%1$s' && for z in signed:100.51.198.in-addr.arpa tampered:2.0.192.in-addr.arpa " \
	"good:good.test bad:bad.test; do f=${z%%%%:*}.zone; z=${z#*:}; "                      \
	"ksk=$(" KEY "-k $z) && ldns-signzone -e 20361231 -o $z $f $ksk || exit 1; "          \
	"cat $ksk.ds; done >anchors"

static int setup(void **state)
{
	char cmd[1024];

	(void)state;
	live_begin(conf);
	if (!live.skip && system("command -v ldns-signzone >/dev/null 2>&1") != 0) {
		live_end();
		live.skip = "ldns-signzone is not installed";
	}
	if (live.skip)
		return 0;
	live_file("signed.zone", SOA RECORDS);
	live_file("tampered.zone", SOA RECORDS);
	live_file("unsigned.zone", SOA RECORDS);
	live_file("good.zone", SOA "ns A 127.0.0.1\nr A 203.0.113.21\n");
	live_file("bad.zone", SOA "r A 203.0.113.22\n");
	live_file("plain.zone", SOA "r A 203.0.113.23\n");
	snprintf(cmd, sizeof(cmd), SIGN, live.dir);
	assert_int_equal(system(cmd), 0);
	// One octet of the addresses, after they were signed.
	snprintf(cmd, sizeof(cmd),
		"cd '%s' && sed -i 's/cb00710f/cb00710e/' tampered.zone.signed && "
		"sed -i 's/203.0.113.22/203.0.113.32/' bad.zone.signed",
		live.dir);
	assert_int_equal(system(cmd), 0);
	live_nsd_start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return live_end();
}

static void resolver(bool require)
{
	char path[128];
	struct resolver_cfg cfg = {.anchor_file = path, .may_be_stripped = !require};

	snprintf(path, sizeof(path), "%s/anchors", live.dir);
	live_resolver(&cfg, require);
}

enum { SIGNED, TAMPERED, UNSIGNED };
static const char *const nets[] = {"198.51.100", "192.0.2", "203.0.113"};

static const struct driad_result *host(int net, int number)
{
	char text[ADDR_STRLEN];

	snprintf(text, sizeof(text), "%s.%d", nets[net], number);
	return live_look_up(text);
}

static void policies(void **state)
{
	// Of hosts 10 to 17: the address; the names good, bad, plain; address and bad; nothing; the
	// alias into the tampered zone; no such name.
	static const enum driad_status want[2][3][8] = {
		{
			{DRIAD_OK, DRIAD_OK, DRIAD_BOGUS, DRIAD_OK, DRIAD_OK, DRIAD_NO_RECORD,
				DRIAD_BOGUS, DRIAD_NO_RECORD},
			{DRIAD_BOGUS, DRIAD_OK, DRIAD_BOGUS, DRIAD_OK, DRIAD_BOGUS, DRIAD_NO_RECORD,
				DRIAD_BOGUS, DRIAD_NO_RECORD},
			{DRIAD_OK, DRIAD_OK, DRIAD_BOGUS, DRIAD_OK, DRIAD_OK, DRIAD_NO_RECORD,
				DRIAD_BOGUS, DRIAD_NO_RECORD},
		},
		{
			{DRIAD_OK, DRIAD_OK, DRIAD_BOGUS, DRIAD_INSECURE, DRIAD_OK, DRIAD_NO_RECORD,
				DRIAD_BOGUS, DRIAD_NO_RECORD},
			{DRIAD_BOGUS, DRIAD_OK, DRIAD_BOGUS, DRIAD_INSECURE, DRIAD_BOGUS,
				DRIAD_NO_RECORD, DRIAD_BOGUS, DRIAD_NO_RECORD},
			{DRIAD_INSECURE, DRIAD_INSECURE, DRIAD_INSECURE, DRIAD_INSECURE,
				DRIAD_INSECURE, DRIAD_INSECURE, DRIAD_BOGUS, DRIAD_INSECURE},
		},
	};

	(void)state;
	if (live.skip)
		skip();
	for (int require = 0; require < 2; require++) {
		resolver(require);
		for (int net = SIGNED; net <= UNSIGNED; net++) {
			for (int i = 0; i < 8; i++) {
				enum driad_status expect = want[require][net][i];
				const struct driad_result *r = host(net, 10 + i);

				assert_int_equal(r->status, expect);
				if (expect == DRIAD_BOGUS || expect == DRIAD_INSECURE) {
					assert_int_equal(r->n_relays, 0);
					assert_int_equal(r->ttl_s, 0);
				}
				if (expect == DRIAD_BOGUS)
					assert_non_null(
						strstr(r->detail, "signature verification failed"));
				// Of address and tampered name the address is there, alone.
				if (i == 4 && expect == DRIAD_OK)
					assert_int_equal(r->n_relays, 1);
			}
		}
		assert_true(driad_stats(live.driad)->drops[DRIAD_DROP_BOGUS] >= 8);
		assert_int_equal(
			driad_stats(live.driad)->drops[DRIAD_DROP_INSECURE], require ? 11 : 0);
	}
}

// Without anchors nothing is validated, which is what "off" is.
static void off(void **state)
{
	(void)state;
	if (live.skip)
		skip();
	live_resolver(&(struct resolver_cfg){0}, false);
	assert_int_equal(host(TAMPERED, 10)->status, DRIAD_OK);
	assert_int_equal(host(SIGNED, 12)->status, DRIAD_OK);
	assert_int_equal(driad_stats(live.driad)->drops[DRIAD_DROP_BOGUS], 0);
}

// A resolver that has no DNSSEC of the anchor's zone: permissive goes on without, require does not.
static void stripped(void **state)
{
	static const char *const anchors[] = {
		". DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"};
	struct resolver_cfg cfg = {.anchors = anchors, .n_anchors = 1, .may_be_stripped = true};

	(void)state;
	if (live.skip)
		skip();
	live_resolver(&cfg, false);
	assert_int_equal(host(SIGNED, 11)->status, DRIAD_OK);
	cfg.may_be_stripped = false;
	live_resolver(&cfg, true);
	assert_int_equal(host(UNSIGNED, 11)->status, DRIAD_INSECURE);
	live_resolver(&cfg, false);
	assert_int_equal(host(UNSIGNED, 11)->status, DRIAD_BOGUS);
	// Zones of one's own are taken out of it.
	cfg.insecure = (const char *const[]){"test."};
	cfg.n_insecure = 1;
	live_resolver(&cfg, false);
	assert_int_equal(host(UNSIGNED, 11)->status, DRIAD_OK);
}

static void anchors_refused(void **state)
{
	static const char *const garbage[] = {"example.net. DS nonsense"};
	struct resolver_cfg cfg = {.anchors = garbage, .n_anchors = 1};
	char err[RESOLVER_ERR_LEN];

	(void)state;
	if (live.skip)
		skip();
	assert_null(resolver_create(&cfg, live.base, NULL, NULL, err));
	assert_string_equal(err, "trust anchors: initialization failure");
	cfg = (struct resolver_cfg){.anchor_file = "/nowhere/root.key"};
	assert_null(resolver_create(&cfg, live.base, NULL, NULL, err));
	assert_string_equal(err, "trust anchors /nowhere/root.key: No such file or directory");
}

static void repaired(void **state)
{
	uint64_t start;
	char cmd[256];

	(void)state;
	if (live.skip)
		skip();
	resolver(false);
	assert_int_equal(host(TAMPERED, 10)->status, DRIAD_BOGUS);
	snprintf(cmd, sizeof(cmd), "sed -i 's/cb00710e/cb00710f/' '%s/tampered.zone.signed'",
		live.dir);
	assert_int_equal(system(cmd), 0);
	live_nsd_stop();
	live_nsd_start();
	start = clock_mono_us();
	while (host(TAMPERED, 10)->status != DRIAD_OK) {
		assert_true(clock_mono_us() - start < 10 * US_PER_S);
		live_ticks(300);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies),
		cmocka_unit_test(off),
		cmocka_unit_test(stripped),
		cmocka_unit_test(anchors_refused),
		cmocka_unit_test(repaired),
	};

	return cmocka_run_group_tests_name("driad-dnssec", tests, setup, teardown);
}
