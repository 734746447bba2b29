// SPDX-License-Identifier: BSD-3-Clause
// The engine under virtual time, with a transport that the test plays.
#include "unit/unit.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "driad/driad.h"
#include "driad/driad_internal.h"
#include "unit/driad/dns.h"

#define AMTRELAY 260
#define A	 1
#define AAAA	 28
#define MAX	 256

#define R1   "0a01cb00710f" // 10 0 1 203.0.113.15
#define NAME "0a8303616d740672656c617973047465737400"

static struct lab {
	struct timers timers;
	struct rng rng;
	struct driad *d;
	uint64_t now;
	// What the engine asked, in order.
	struct {
		char name[300];
		uint16_t type;
		uint64_t token, at;
		bool cancelled;
	} asked[MAX];
	unsigned int n_asked, n_cancelled;
	int refuse;		// what query() returns instead, when negative
	const struct dns *sync; // answered from within query()
	struct driad_result result;
	unsigned int n_results;
	struct driad_lookup *cancel_in_cb;
	bool start_in_cb;
} lab;

static void answer(unsigned int i, const struct dns *m)
{
	// At its very size on the heap, for the sanitizer.
	uint8_t *exact = malloc(m->len ? m->len : 1);
	struct driad_answer a = {.packet = exact, .len = m->len};

	memcpy(exact, m->buf, m->len);
	a.rcode = m->buf[3] & 0xf;
	driad_answer_input(lab.d, lab.asked[i].token, &a, lab.now);
	free(exact);
}

static int mock_query(void *ctx, const char *name, uint16_t rrtype, uint64_t token)
{
	unsigned int i = lab.n_asked;

	assert_ptr_equal(ctx, &lab);
	if (lab.refuse < 0)
		return lab.refuse;
	assert_true(i < MAX);
	lab.n_asked++;
	snprintf(lab.asked[i].name, sizeof(lab.asked[i].name), "%s", name);
	lab.asked[i].type = rrtype;
	lab.asked[i].token = token;
	lab.asked[i].at = lab.now;
	lab.asked[i].cancelled = false;
	if (lab.sync)
		answer(i, lab.sync);
	return (int)i + 1;
}

static void mock_cancel(void *ctx, int handle)
{
	(void)ctx;
	assert_false(lab.asked[handle - 1].cancelled);
	lab.asked[handle - 1].cancelled = true;
	lab.n_cancelled++;
}

static const struct driad_resolver_ops mock = {.query = mock_query, .cancel = mock_cancel};

static void on_result(void *arg, const struct driad_result *r, uint64_t now_us);

static struct driad_lookup *start(const char *source)
{
	unsigned int before = lab.n_results;
	struct driad_lookup *l;
	struct addr a;

	assert_int_equal(addr_parse(source, &a), 0);
	l = driad_lookup_start(lab.d, &a, on_result, &lab, lab.now);
	assert_non_null(l);
	// Never from within the call.
	assert_int_equal(lab.n_results, before);
	return l;
}

static void on_result(void *arg, const struct driad_result *r, uint64_t now_us)
{
	assert_ptr_equal(arg, &lab);
	assert_int_equal(now_us, lab.now);
	lab.result = *r;
	lab.n_results++;
	if (lab.cancel_in_cb) {
		struct driad_lookup *l = lab.cancel_in_cb;

		lab.cancel_in_cb = NULL;
		driad_lookup_cancel(lab.d, l);
	}
	if (lab.start_in_cb) {
		lab.start_in_cb = false;
		start("192.0.2.200");
	}
}

static void run_to(uint64_t us)
{
	while (timers_next(&lab.timers) <= us) {
		if (timers_next(&lab.timers) > lab.now)
			lab.now = timers_next(&lab.timers);
		timers_run(&lab.timers, lab.now);
	}
	lab.now = us;
}

static int setup(void **state)
{
	struct driad_cfg cfg = {.queries_per_100ms = 10,
		.negative_ttl_max_s = 300,
		.max_waiting = 50,
		.use_ipv4 = true,
		.use_ipv6 = true};

	if (*state)
		cfg = *(const struct driad_cfg *)*state;
	memset(&lab, 0, sizeof(lab));
	timers_init(&lab.timers);
	lab.rng = rng_seeded(7);
	lab.now = 5 * US_PER_S;
	lab.d = driad_create(&cfg, &mock, &lab, &lab.timers, &lab.rng);
	return lab.d ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	driad_destroy(lab.d);
	assert_int_equal(timers_next(&lab.timers), NEVER_US);
	timers_fini(&lab.timers);
	return 0;
}

static const char *relay(unsigned int i)
{
	static char text[ADDR_STRLEN];

	return addr_format(&lab.result.relays[i].addr, text);
}

// One lookup with one answer to its first query.
static void ask(const struct dns *m)
{
	unsigned int i = lab.n_asked, before = lab.n_results;

	start("192.0.2.12");
	assert_int_equal(lab.n_asked, i + 1);
	answer(i, m);
	if (lab.n_asked == i + 1)
		assert_int_equal(lab.n_results, before + 1);
}

static void begin(struct dns *m, int rcode)
{
	dns_begin(m, "12.2.0.192.in-addr.arpa.", AMTRELAY, rcode);
}

// The DNS message of a frame of the golden capture.
static void golden(int frame, struct dns *m)
{
	char path[512], err[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *h;
	const u_char *data = NULL;
	size_t link;
	pcap_t *p;

	snprintf(path, sizeof(path), "%s/pim-igmp-dns-vectors.pcap", getenv("GOLDEN_DIR"));
	p = pcap_open_offline(path, err);
	assert_non_null(p);
	link = pcap_datalink(p) == DLT_EN10MB ? 14 : 0;
	for (int i = 0; i < frame; i++)
		assert_int_equal(pcap_next_ex(p, &h, &data), 1);
	assert_non_null(data);
	if (!data)
		return;
	m->len = (size_t)(data[link + 24] << 8 | data[link + 25]) - 8;
	memcpy(m->buf, data + link + 28, m->len);
	pcap_close(p);
}

static void golden_answers(void **state)
{
	struct dns m, query;

	(void)state;
	golden(27, &query); // D01: what we ask
	golden(28, &m);	    // D02: types 1, 2 and 3
	ask(&m);
	assert_string_equal(lab.asked[0].name, "12.2.0.192.in-addr.arpa.");
	assert_int_equal(lab.asked[0].type, AMTRELAY);
	assert_int_equal(lab.n_asked, 3);
	assert_string_equal(lab.asked[1].name, "amtrelays.example.com.");
	assert_int_equal(lab.asked[1].type, A);
	assert_int_equal(lab.asked[2].type, AAAA);
	dns_begin(&m, "amtrelays.example.com.", A, 0);
	dns_record_hex(&m, A, 60, "cb007199");
	answer(1, &m);
	assert_int_equal(lab.n_results, 0);
	dns_begin(&m, "amtrelays.example.com.", AAAA, 0);
	dns_record_hex(&m, AAAA, 50, "20010db8000000000000000000000099");
	answer(2, &m);
	assert_int_equal(lab.n_results, 1);
	assert_int_equal(lab.result.status, DRIAD_OK);
	assert_int_equal(lab.result.n_relays, 4);
	assert_int_equal(lab.result.ttl_s, 50);
	assert_int_equal(lab.result.relays[0].precedence, 10);
	assert_int_equal(lab.result.relays[1].precedence, 10);
	assert_int_equal(lab.result.relays[3].precedence, 128);
	assert_true(lab.result.relays[3].discovery_optional);

	golden(29, &m); // D03: a CNAME before it
	ask(&m);
	assert_int_equal(lab.result.status, DRIAD_OK);
	assert_string_equal(relay(0), "203.0.113.15");
	assert_int_equal(lab.result.ttl_s, 300);
	golden(31, &m); // D05: type 0
	ask(&m);
	assert_int_equal(lab.result.status, DRIAD_NO_RELAY);
	assert_int_equal(lab.result.ttl_s, 300);
	// A query is no answer.
	ask(&query);
	assert_int_equal(lab.result.status, DRIAD_FAILED);
	// The name of D04.
	start("2001:db8:a::a");
	golden(30, &query);
	assert_string_equal(lab.asked[lab.n_asked - 1].name,
		"a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.a.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.");
}

static void record_rows(void **state)
{
	static const struct {
		const char *rdata[3];
		enum driad_status status;
		unsigned int n, ignored;
	} rows[] = {
		{{R1}, DRIAD_OK, 1, 0},
		{{R1, R1}, DRIAD_OK, 1, 1},	// duplicate
		{{"0000", R1}, DRIAD_OK, 1, 0}, // type 0 beside a relay
		{{"0000"}, DRIAD_NO_RELAY, 0, 0},
		{{"0000", "0a0401"}, DRIAD_NO_RELAY, 0, 1},
		{{"0a0401"}, DRIAD_UNUSABLE, 0, 1}, // undefined type
		{{"0a0401", R1}, DRIAD_OK, 1, 1},
		{{"0a"}, DRIAD_UNUSABLE, 0, 1},
		{{""}, DRIAD_UNUSABLE, 0, 1},
		{{"0a01cb0071"}, DRIAD_UNUSABLE, 0, 1},
		{{"0a03c00c"}, DRIAD_UNUSABLE, 0, 1}, // pointer
		{{"0a0300"}, DRIAD_UNUSABLE, 0, 1},   // the root
		{{"0a017f000001", "0a01e0000001", "0a0100000000"}, DRIAD_UNUSABLE, 0, 3},
		{{"0a01ffffffff", "0a01a9fe0101", R1}, DRIAD_OK, 1, 2},
		{{"0a02fe800000000000000000000000000001", "0a0200000000000000000000000000000001",
			 "0a0200000000000000000000ffffcb00710f"},
			DRIAD_UNUSABLE, 0, 3},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dns m;

		begin(&m, 0);
		for (int k = 0; k < 3 && rows[i].rdata[k]; k++)
			dns_record_hex(&m, AMTRELAY, 90, rows[i].rdata[k]);
		lab.now += US_PER_S;
		ask(&m);
		assert_int_equal(lab.result.status, rows[i].status);
		assert_int_equal(lab.result.n_relays, rows[i].n);
		assert_int_equal(lab.result.ignored, rows[i].ignored);
		assert_int_equal(lab.result.ttl_s, 90);
	}
	// The better of two precedences for one address.
	struct dns m;

	begin(&m, 0);
	dns_record_hex(&m, AMTRELAY, 90, "0a81cb00710f");
	dns_record_hex(&m, AMTRELAY, 90, "0501cb00710f");
	ask(&m);
	assert_int_equal(lab.result.n_relays, 1);
	assert_int_equal(lab.result.relays[0].precedence, 5);
	assert_false(lab.result.relays[0].discovery_optional);
}

static void families(void **state)
{
	struct dns m;

	(void)state;
	begin(&m, 0);
	dns_record_hex(&m, AMTRELAY, 90, R1);
	dns_record_hex(&m, AMTRELAY, 90, "0a0220010db8000000000000000000000015");
	dns_record_hex(&m, AMTRELAY, 90, NAME);
	ask(&m);
	// No AAAA query.
	assert_int_equal(lab.n_asked, 2);
	assert_int_equal(lab.asked[1].type, A);
	dns_begin(&m, "amt.relays.test.", A, 0);
	answer(1, &m);
	assert_int_equal(lab.result.n_relays, 1);
	assert_int_equal(lab.result.ignored, 1);
}

// The source addresses of this test's host, by destination; "-": no path.
static const char *source4, *source6;
static bool deprecated6;

static bool test_path(void *ctx, const struct addr *relay, struct driad_path *out)
{
	const char *text = relay->family == ADDR_V4 ? source4 : source6;
	struct prefix p;

	assert_ptr_equal(ctx, &lab);
	if (!text)
		return false;
	assert_int_equal(prefix_parse(text, &p), 0);
	assert_int_equal(
		addr_parse(relay->family == ADDR_V4 ? "192.0.2.2" : "2001:db8:1::2", &out->src), 0);
	if (strncmp(text, "fd", 2) == 0)
		assert_int_equal(addr_parse("fd00:1::2", &out->src), 0);
	out->src_len = p.len;
	out->deprecated = relay->family == ADDR_V6 && deprecated6;
	return true;
}

static void type2(struct dns *m, const char *text, uint8_t precedence)
{
	uint8_t rdata[18] = {precedence, 0};
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	rdata[1] = a.family == ADDR_V4 ? 1 : 2;
	memcpy(rdata + 2, a.bytes, addr_size(&a));
	dns_record(m, AMTRELAY, 60, rdata, 2 + addr_size(&a));
}

// RFC 6724 section 6 and RFC 8305 section 4 within one precedence (standards S-03, S-04, S-06). The
// answer holds the relays in the order given; expect is the order to try them.
static void selection_rows(void **state)
{
	static const struct {
		const char *what, *s4, *s6;
		bool deprecated;
		struct {
			uint8_t precedence;
			const char *addr;
		} in[5];
		const char *expect[5];
	} rows[] = {
		{"precedence before family", "192.0.2.0/24", "2001:db8:1::/64", false,
			{{20, "2001:db8:9::1"}, {10, "203.0.113.1"}},
			{"203.0.113.1", "2001:db8:9::1"}},
		{"rule 6: IPv6 before IPv4", "192.0.2.0/24", "2001:db8:1::/64", false,
			{{10, "203.0.113.1"}, {10, "2001:db8:9::1"}},
			{"2001:db8:9::1", "203.0.113.1"}},
		{"rule 1: no way to IPv6", "192.0.2.0/24", NULL, false,
			{{10, "2001:db8:9::1"}, {10, "203.0.113.1"}},
			{"203.0.113.1", "2001:db8:9::1"}},
		{"rule 1: no way to IPv4, though its precedence is better", NULL, "2001:db8:1::/64",
			false, {{10, "203.0.113.1"}, {10, "2001:db8:9::1"}, {20, "2001:db8:9::2"}},
			{"2001:db8:9::1", "203.0.113.1", "2001:db8:9::2"}},
		{"rule 3: the IPv6 address is deprecated", "192.0.2.0/24", "2001:db8:1::/64", true,
			{{10, "2001:db8:9::1"}, {10, "203.0.113.1"}},
			{"203.0.113.1", "2001:db8:9::1"}},
		{"rule 5: a unique local source does not go with a global relay", "192.0.2.0/24",
			"fd00:1::/64", false, {{10, "2001:db8:9::1"}, {10, "203.0.113.1"}},
			{"203.0.113.1", "2001:db8:9::1"}},
		{"rule 6: 6to4 and Teredo after native", NULL, "2001:db8:1::/64", false,
			{{10, "2001::1"}, {10, "2002:cb00:7101::1"}, {10, "2001:db8:9::1"}},
			{"2001:db8:9::1", "2002:cb00:7101::1", "2001::1"}},
		{"rule 9: the longest prefix in common", NULL, "2001:db8:1::/64", false,
			{{10, "2400::1"}, {10, "2001:db8:2::1"}, {10, "2001:db8:1::1"}},
			{"2001:db8:1::1", "2001:db8:2::1", "2400::1"}},
		{"rule 9: IPv4 on our link", "192.0.2.0/24", NULL, false,
			{{10, "192.0.3.1"}, {10, "192.0.2.1"}}, {"192.0.2.1", "192.0.3.1"}},
		{"RFC 8305: the families take turns", "192.0.2.0/24", "2001:db8:1::/64", false,
			{{10, "192.0.2.1"}, {10, "2001:db8:9::1"}, {10, "2001:db8:1::1"},
				{10, "203.0.113.1"}, {20, "2001:db8:1::3"}},
			{"2001:db8:1::1", "192.0.2.1", "2001:db8:9::1", "203.0.113.1",
				"2001:db8:1::3"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		// The lots of equals must not matter here.
		for (int seed = 0; seed < 8; seed++) {
			struct dns m;

			source4 = rows[i].s4;
			source6 = rows[i].s6;
			deprecated6 = rows[i].deprecated;
			lab.rng = rng_seeded((uint64_t)seed);
			lab.now += US_PER_S;
			begin(&m, 0);
			for (int k = 0; k < 5 && rows[i].in[k].addr; k++)
				type2(&m, rows[i].in[k].addr, rows[i].in[k].precedence);
			ask(&m);
			for (unsigned int k = 0; k < lab.result.n_relays; k++)
				if (!rows[i].expect[k] || strcmp(relay(k), rows[i].expect[k]) != 0)
					fail_msg("%s: %u is %s", rows[i].what, k, relay(k));
		}
	}
}

// Rule 10: at random among equals, each first about as often (standards S-05).
static void equals_are_random(void **state)
{
	static const char *const equal[] = {"203.0.113.1", "198.18.0.1", "8.0.0.1", "100.0.0.1"};
	unsigned int first[4] = {0};

	(void)state;
	source4 = "192.0.2.0/24";
	source6 = NULL;
	for (int n = 0; n < 400; n++) {
		struct dns m;

		lab.now += US_PER_S;
		lab.n_asked = 0;
		begin(&m, 0);
		for (int k = 0; k < 4; k++)
			type2(&m, equal[k], 10);
		ask(&m);
		for (int k = 0; k < 4; k++)
			first[k] += strcmp(relay(0), equal[k]) == 0;
	}
	for (int k = 0; k < 4; k++)
		assert_in_range(first[k], 60, 140);
}

// RFC 8305 section 3: the other family of a name is waited for 50 ms (standards H-04), a name
// without any address longer.
static void other_family_is_slow(void **state)
{
	uint64_t from;
	struct dns m;

	(void)state;
	begin(&m, 0);
	dns_record_hex(&m, AMTRELAY, 90, NAME);
	ask(&m);
	assert_int_equal(lab.n_asked, 3);
	from = lab.now;
	run_to(from + US_PER_S);
	assert_int_equal(lab.n_results, 0);
	dns_begin(&m, "amt.relays.test.", A, 0);
	dns_record_hex(&m, A, 90, "cb00710f");
	answer(1, &m);
	run_to(lab.now + 49 * US_PER_MS);
	assert_int_equal(lab.n_results, 0);
	run_to(lab.now + 2 * US_PER_MS);
	assert_int_equal(lab.n_results, 1);
	assert_int_equal(lab.result.n_relays, 1);
	assert_string_equal(relay(0), "203.0.113.15");
	assert_in_range(lab.result.ttl_s, 1, 60); // asked again soon
	assert_int_equal(lab.n_cancelled, 1);
	// In time it is taken.
	lab.now += US_PER_S;
	begin(&m, 0);
	dns_record_hex(&m, AMTRELAY, 90, NAME);
	ask(&m);
	dns_begin(&m, "amt.relays.test.", AAAA, 0);
	dns_record_hex(&m, AAAA, 90, "20010db8000000000000000000000099");
	answer(5, &m);
	run_to(lab.now + 40 * US_PER_MS);
	dns_begin(&m, "amt.relays.test.", A, 0);
	dns_record_hex(&m, A, 90, "cb00710f");
	answer(4, &m);
	assert_int_equal(lab.n_results, 2);
	assert_int_equal(lab.result.n_relays, 2);
	assert_int_equal(lab.result.ttl_s, 90);
	// From now on no IPv6: no question for it either.
	driad_families(lab.d, true, false);
	lab.now += US_PER_S;
	begin(&m, 0);
	dns_record_hex(&m, AMTRELAY, 90, NAME);
	ask(&m);
	assert_int_equal(lab.n_asked, 8);
	assert_int_equal(lab.asked[7].type, A);
}

static void ttl_rows(void **state)
{
	static const struct {
		uint32_t ttl, alias, expect;
	} rows[] = {{300, 0, 300}, {300, 20, 20}, {0, 0, 1}, {0xffffffff, 0, 1}, {999999, 0, 86400},
		{0x7fffffff, 0, 86400}};
	static const struct {
		int rcode;
		bool soa;
		uint32_t ttl, minimum, expect;
	} negative[] = {{3, true, 100, 40, 40}, {3, true, 30, 40, 30}, {0, true, 90, 80, 80},
		{0, false, 0, 0, 60}, {3, false, 0, 0, 60}, {3, true, 9999, 9999, 300},
		{3, true, 0, 0, 1}};
	struct dns m;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&m, 0);
		if (rows[i].alias)
			dns_record_hex(&m, 5, rows[i].alias, "0161c00c");
		dns_record_hex(&m, AMTRELAY, rows[i].ttl, R1);
		lab.now += US_PER_S;
		ask(&m);
		assert_int_equal(lab.result.status, DRIAD_OK);
		assert_int_equal(lab.result.ttl_s, rows[i].expect);
	}
	for (size_t i = 0; i < sizeof(negative) / sizeof(negative[0]); i++) {
		begin(&m, negative[i].rcode);
		if (negative[i].soa)
			dns_soa(&m, negative[i].ttl, negative[i].minimum);
		lab.now += US_PER_S;
		ask(&m);
		assert_int_equal(lab.result.status, DRIAD_NO_RECORD);
		assert_int_equal(lab.result.ttl_s, negative[i].expect);
	}
}

static void alias_without_target(void **state)
{
	struct dns m;

	(void)state;
	begin(&m, 0);
	dns_record_hex(&m, 5, 30, "0161c00c");
	ask(&m);
	assert_int_equal(lab.result.status, DRIAD_NO_RECORD);
}

static void failures(void **state)
{
	static const int rcodes[] = {1, 2, 4, 5};
	struct driad_answer a = {.rcode = -1};
	struct dns m;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		begin(&m, rcodes[i]);
		ask(&m);
		assert_int_equal(lab.result.status, DRIAD_FAILED);
		assert_int_equal(lab.result.ttl_s, 0);
	}
	assert_string_equal(lab.result.detail, "REFUSED for 12.2.0.192.in-addr.arpa.");
	start("192.0.2.12");
	driad_answer_input(lab.d, lab.asked[4].token, &a, lab.now);
	assert_int_equal(lab.result.status, DRIAD_FAILED);
	// The same answer again, and one to nothing.
	driad_answer_input(lab.d, lab.asked[4].token, &a, lab.now);
	driad_answer_input(lab.d, 0, &a, lab.now);
	assert_int_equal(lab.n_results, 5);
	// Bogus data is never used.
	begin(&m, 0);
	dns_record_hex(&m, AMTRELAY, 90, R1);
	start("192.0.2.12");
	a = (struct driad_answer){
		.bogus = true, .why_bogus = "tampered", .packet = m.buf, .len = m.len};
	driad_answer_input(lab.d, lab.asked[5].token, &a, lab.now);
	assert_int_equal(lab.result.status, DRIAD_BOGUS);
	assert_int_equal(lab.result.n_relays, 0);
	assert_string_equal(lab.result.detail, "tampered for 12.2.0.192.in-addr.arpa.");
	assert_int_equal(lab.result.ttl_s, 0);
	assert_int_equal(driad_stats(lab.d)->drops[DRIAD_DROP_BOGUS], 1);
	assert_int_equal(driad_stats(lab.d)->drops[DRIAD_DROP_ERROR], 4);
	assert_int_equal(driad_stats(lab.d)->drops[DRIAD_DROP_SILENT], 1);
	assert_int_equal(driad_stats(lab.d)->drops[DRIAD_DROP_GARBLED], 0);
	// The transport says no: still not from within the call.
	lab.refuse = -EIO;
	start("192.0.2.12");
	run_to(lab.now);
	assert_int_equal(lab.n_results, 7);
	assert_int_equal(lab.result.status, DRIAD_FAILED);
}

static void answer_as(unsigned int i, const struct dns *m, bool secure, bool bogus)
{
	struct driad_answer a = {.packet = m->buf,
		.len = m->len,
		.secure = secure,
		.bogus = bogus,
		.why_bogus = "tampered"};

	driad_answer_input(lab.d, lab.asked[i].token, &a, lab.now);
}

static struct driad_note notes[8];
static char note_names[8][32];
static unsigned int n_notes;

static void on_note(void *arg, const struct driad_note *n)
{
	assert_ptr_equal(arg, &lab);
	assert_true(n_notes < 8);
	snprintf(note_names[n_notes], sizeof(note_names[0]), "%s", n->name ? n->name : "");
	notes[n_notes++] = *n;
}

// What is told of the candidates: by which name, whether all on the way was signed, and what of
// them was not taken.
static void noted(void **state)
{
	struct addr a;
	struct dns m;

	(void)state;
	n_notes = 0;
	addr_parse("192.0.2.12", &a);
	assert_non_null(driad_lookup_noted(lab.d, &a, on_result, on_note, &lab, lab.now));
	begin(&m, 0);
	dns_record_hex(&m, AMTRELAY, 900, R1);
	dns_record_hex(&m, AMTRELAY, 900, "0a017f000001");
	dns_record_hex(&m, AMTRELAY, 900, NAME);
	answer_as(0, &m, true, false);
	dns_begin(&m, "amt.relays.test.", A, 0);
	dns_record_hex(&m, A, 90, "cb007115");
	answer_as(1, &m, false, false);
	dns_begin(&m, "amt.relays.test.", AAAA, 0);
	dns_soa(&m, 60, 60);
	answer_as(2, &m, true, false);
	assert_int_equal(lab.n_results, 1);
	assert_int_equal(n_notes, 3);
	assert_true(notes[0].secure && notes[1].secure && !notes[2].secure);
	assert_int_equal(notes[0].dropped, DRIAD_DROP_COUNT);
	assert_int_equal(notes[1].dropped, DRIAD_DROP_BOGON);
	assert_int_equal(notes[2].dropped, DRIAD_DROP_COUNT);
	assert_string_equal(note_names[0], "");
	assert_string_equal(note_names[2], "amt.relays.test.");
	// The name's own record was not signed: its signed address does not help.
	n_notes = 0;
	lab.now += US_PER_S;
	assert_non_null(driad_lookup_noted(lab.d, &a, on_result, on_note, &lab, lab.now));
	begin(&m, 0);
	dns_record_hex(&m, AMTRELAY, 900, NAME);
	answer_as(3, &m, false, false);
	dns_begin(&m, "amt.relays.test.", A, 0);
	dns_record_hex(&m, A, 90, "cb007115");
	answer_as(4, &m, true, false);
	assert_int_equal(n_notes, 1);
	assert_false(notes[0].secure);
}

// Which rule of RFC 6724 it was, out of two ranks.
static void reasons(void **state)
{
	static const struct {
		const char *first, *second, *src1, *src2;
		const char *why;
	} rows[] = {
		{"203.0.113.1", "203.0.113.2", "192.0.2.1", "192.0.2.1", "random"},
		{"203.0.113.1", "203.0.113.2", "192.0.2.1", NULL, "rule 1"},
		{"2001:db8::1", "fe80::1", "2001:db8::9", "2001:db8::9", "rule 2"},
		{"2001:db8::1", "2002:db8::1", "2001:db8::9", "2001:db8::9", "rule 5"},
		{"2001:db8:1::1", "2001:db9::1", "2001:db8:1::9", "2001:db8:1::9", "rule 9"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct driad_path p1 = {.src_len = 64}, p2 = {.src_len = 64};
		struct addr a, b;

		addr_parse(rows[i].first, &a);
		addr_parse(rows[i].second, &b);
		addr_parse(rows[i].src1, &p1.src);
		if (rows[i].src2)
			addr_parse(rows[i].src2, &p2.src);
		if (p1.src.family == ADDR_V4)
			p1.src_len = p2.src_len = 24;
		assert_non_null(strstr(driad_rank_why(driad_rank(&a, &p1),
					       driad_rank(&b, rows[i].src2 ? &p2 : NULL)),
			rows[i].why));
	}
}

// Signed, forged and unsigned answers for the record and for the address of the name in it.
static void secure_answers(void **state)
{
	enum { PLAIN, SECURE, FORGED };
	static const struct {
		int record, name;
		enum driad_status status;
		const char *detail;
	} rows[] = {
		{SECURE, SECURE, DRIAD_OK, NULL},
		{SECURE, PLAIN, DRIAD_INSECURE, "no signed answer for amt.relays.test."},
		{SECURE, FORGED, DRIAD_BOGUS, "tampered for amt.relays.test."},
		{PLAIN, PLAIN, DRIAD_INSECURE, "no signed answer for 12.2.0.192.in-addr.arpa."},
		{FORGED, PLAIN, DRIAD_BOGUS, "tampered for 12.2.0.192.in-addr.arpa."},
	};
	struct dns m;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		lab.n_asked = 0;
		lab.now += US_PER_S;
		begin(&m, 0);
		dns_record_hex(&m, AMTRELAY, 900, NAME);
		start("192.0.2.12");
		answer_as(0, &m, rows[i].record == SECURE, rows[i].record == FORGED);
		assert_int_equal(lab.n_asked, rows[i].record == SECURE ? 3 : 1);
		if (lab.n_asked == 3) {
			dns_begin(&m, "amt.relays.test.", A, 0);
			dns_record_hex(&m, A, 90, "cb007115");
			answer_as(1, &m, rows[i].name == SECURE, rows[i].name == FORGED);
			dns_begin(&m, "amt.relays.test.", AAAA, 0);
			dns_soa(&m, 60, 60);
			answer_as(2, &m, true, false);
		}
		assert_int_equal(lab.n_results, i + 1);
		assert_int_equal(lab.result.status, rows[i].status);
		assert_int_equal(lab.result.n_relays, rows[i].status == DRIAD_OK);
		if (rows[i].detail)
			assert_string_equal(lab.result.detail, rows[i].detail);
	}
	// Of DNS-SD the PTR, the SRV and the address count alike.
	for (unsigned int forged = 0; forged < 3; forged++) {
		static const char *const domains[] = {"example.net."};
		uint8_t rdata[300] = {0, 5, 0, 0, 0x08, 0xdc};
		unsigned int before = lab.n_results;

		lab.n_asked = 0;
		lab.now += US_PER_S;
		driad_lookup_services(lab.d, domains, 1, on_result, &lab, lab.now);
		dns_begin(&m, "_amt._udp.example.net.", 33, 3);
		dns_soa(&m, 60, 60);
		answer_as(1, &m, true, false);
		dns_begin(&m, "_amt._udp.example.net.", 12, 0);
		dns_record(&m, 12, 600, rdata + 6, dns_name("x._amt._udp.example.net.", rdata + 6));
		answer_as(0, &m, forged != 0, forged == 0);
		if (forged > 0) {
			dns_begin(&m, "x._amt._udp.example.net.", 33, 0);
			dns_record(
				&m, 33, 500, rdata, 6 + dns_name("relay.example.net.", rdata + 6));
			answer_as(2, &m, forged != 1, forged == 1);
		}
		if (forged > 1) {
			dns_begin(&m, "relay.example.net.", A, 0);
			dns_record_hex(&m, A, 400, "cb007199");
			answer_as(3, &m, false, true);
			dns_begin(&m, "relay.example.net.", AAAA, 3);
			dns_soa(&m, 60, 60);
			answer_as(4, &m, true, false);
		}
		assert_int_equal(lab.n_results, before + 1);
		assert_int_equal(lab.result.status, DRIAD_BOGUS);
		assert_int_equal(lab.result.n_relays, 0);
	}
	// "No such record" counts only when it is signed.
	start("192.0.2.13");
	dns_begin(&m, "13.2.0.192.in-addr.arpa.", AMTRELAY, 3);
	dns_soa(&m, 60, 60);
	answer_as(lab.n_asked - 1, &m, false, false);
	assert_int_equal(lab.result.status, DRIAD_INSECURE);
	assert_int_equal(lab.result.ttl_s, 0);
	start("192.0.2.13");
	answer_as(lab.n_asked - 1, &m, true, false);
	assert_int_equal(lab.result.status, DRIAD_NO_RECORD);
	assert_int_equal(lab.result.ttl_s, 60);
	// A forged address among good ones is left out, and asked for again soon.
	begin(&m, 0);
	dns_record_hex(&m, AMTRELAY, 900, NAME);
	dns_record_hex(&m, AMTRELAY, 900, R1);
	start("192.0.2.12");
	answer_as(lab.n_asked - 1, &m, true, false);
	dns_begin(&m, "amt.relays.test.", A, 0);
	dns_record_hex(&m, A, 900, "cb007115");
	answer_as(lab.n_asked - 2, &m, false, true);
	dns_begin(&m, "amt.relays.test.", AAAA, 0);
	dns_soa(&m, 60, 60);
	answer_as(lab.n_asked - 1, &m, true, false);
	assert_int_equal(lab.result.status, DRIAD_OK);
	assert_int_equal(lab.result.n_relays, 1);
	assert_string_equal(relay(0), "203.0.113.15");
	assert_int_equal(lab.result.ttl_s, 60);
	assert_int_equal(driad_stats(lab.d)->drops[DRIAD_DROP_BOGUS], 6);
	assert_int_equal(driad_stats(lab.d)->drops[DRIAD_DROP_INSECURE], 3);
}

static void no_answer(void **state)
{
	uint64_t at = lab.now;

	(void)state;
	start("192.0.2.12");
	run_to(at + 10 * US_PER_S - 1);
	assert_int_equal(lab.n_results, 0);
	run_to(at + 10 * US_PER_S);
	assert_int_equal(lab.n_results, 1);
	assert_int_equal(lab.result.status, DRIAD_FAILED);
	assert_int_equal(lab.n_cancelled, 1);
}

static void slow_name(void **state)
{
	uint64_t at = lab.now;
	struct dns m;

	(void)state;
	begin(&m, 0);
	dns_record_hex(&m, AMTRELAY, 900, R1);
	dns_record_hex(&m, AMTRELAY, 900, NAME);
	ask(&m);
	assert_int_equal(lab.n_asked, 3);
	run_to(at + 2 * US_PER_S - 1);
	assert_int_equal(lab.n_results, 0);
	run_to(at + 2 * US_PER_S);
	assert_int_equal(lab.n_results, 1);
	assert_int_equal(lab.n_cancelled, 2);
	assert_int_equal(lab.result.n_relays, 1);
	// Soon again, for the sake of the name.
	assert_int_equal(lab.result.ttl_s, 60);
	// Without a relay at hand the names have the whole time.
	begin(&m, 0);
	dns_record_hex(&m, AMTRELAY, 900, NAME);
	at = lab.now;
	ask(&m);
	run_to(at + 10 * US_PER_S - 1);
	assert_int_equal(lab.n_results, 1);
	run_to(at + 10 * US_PER_S);
	assert_int_equal(lab.result.status, DRIAD_FAILED);
}

static void names(void **state)
{
	struct dns m;

	(void)state;
	// The same name twice, once in capitals: one pair of queries, the lower precedence.
	begin(&m, 0);
	dns_record_hex(&m, AMTRELAY, 900, NAME);
	dns_record_hex(&m, AMTRELAY, 900, "050303414d540652454c415953045445535400");
	ask(&m);
	assert_int_equal(lab.n_asked, 3);
	dns_begin(&m, lab.asked[1].name, A, 0);
	dns_record_hex(&m, A, 90, "cb007101");
	dns_record_hex(&m, A, 90, "7f000001");
	answer(1, &m);
	dns_begin(&m, lab.asked[2].name, AAAA, 3);
	answer(2, &m);
	assert_int_equal(lab.result.n_relays, 1);
	assert_int_equal(lab.result.relays[0].precedence, 5);
	assert_int_equal(lab.result.ignored, 2);
	// A name without any address.
	begin(&m, 0);
	dns_record_hex(&m, AMTRELAY, 900, NAME);
	ask(&m);
	dns_begin(&m, "amt.relays.test.", A, 3);
	dns_soa(&m, 20, 20);
	answer(4, &m);
	dns_begin(&m, "amt.relays.test.", AAAA, 3);
	answer(5, &m);
	assert_int_equal(lab.result.status, DRIAD_UNUSABLE);
	assert_int_equal(lab.result.ttl_s, 20);
	// Forty names: sixteen are asked for, and no faster than the limit.
	lab.now += US_PER_S;
	begin(&m, 0);
	for (int i = 0; i < 40; i++) {
		uint8_t rdata[32] = {(uint8_t)(50 - i), 3};
		char text[16];

		snprintf(text, sizeof(text), "r%d.test.", i);
		dns_record(&m, AMTRELAY, 90, rdata, 2 + dns_name(text, rdata + 2));
	}
	ask(&m);
	assert_int_equal(lab.n_asked, 6 + 10);
	assert_string_equal(lab.asked[7].name, "r39.test.");
	run_to(lab.now + 5 * US_PER_S);
	assert_int_equal(lab.n_asked, 6 + 1 + 32);
}

static void many_relays(void **state)
{
	struct dns m;

	(void)state;
	begin(&m, 0);
	for (int i = 0; i < 200; i++) {
		uint8_t rdata[6] = {(uint8_t)(200 - i), 1, 203, 0, 113, (uint8_t)(1 + i)};

		dns_record(&m, AMTRELAY, 90, rdata, sizeof(rdata));
	}
	ask(&m);
	assert_int_equal(lab.result.status, DRIAD_OK);
	assert_int_equal(lab.result.n_relays, DRIAD_MAX_RELAYS);
	assert_int_equal(lab.result.ignored, 200 - DRIAD_MAX_RELAYS);
	for (unsigned int i = 0; i < DRIAD_MAX_RELAYS; i++)
		assert_int_equal(lab.result.relays[i].precedence, i + 1);
}

static void order_is_fair(void **state)
{
	unsigned int first[5] = {0}, last[5] = {0};
	struct dns m;

	(void)state;
	begin(&m, 0);
	for (uint8_t i = 1; i <= 4; i++) {
		uint8_t rdata[6] = {20, 1, 203, 0, 113, i};

		dns_record(&m, AMTRELAY, 90, rdata, sizeof(rdata));
	}
	dns_record_hex(&m, AMTRELAY, 90, "0a0220010db8000000000000000000000015");
	for (int i = 0; i < 4000; i++) {
		lab.n_asked = 0;
		lab.now += US_PER_S;
		ask(&m);
		assert_int_equal(lab.result.n_relays, 5);
		assert_int_equal(lab.result.relays[0].addr.family, ADDR_V6);
		first[lab.result.relays[1].addr.bytes[3]]++;
		last[lab.result.relays[4].addr.bytes[3]]++;
	}
	// 1000 expected of each, standard deviation 27.
	for (int i = 1; i <= 4; i++) {
		assert_in_range(first[i], 880, 1120);
		assert_in_range(last[i], 880, 1120);
	}
}

static void rate_limit(void **state)
{
	char source[ADDR_STRLEN];
	uint64_t at = lab.now;

	(void)state;
	for (int i = 0; i < 45; i++) {
		snprintf(source, sizeof(source), "192.0.2.%d", i);
		start(source);
	}
	assert_int_equal(lab.n_asked, 10);
	assert_int_equal(driad_asking(lab.d), 10);
	run_to(at + 99999);
	assert_int_equal(lab.n_asked, 10);
	run_to(at + 100000);
	assert_int_equal(lab.n_asked, 20);
	run_to(at + 400000);
	assert_int_equal(lab.n_asked, 45);
	for (unsigned int i = 0; i + 10 < 45; i++)
		assert_true(lab.asked[i + 10].at - lab.asked[i].at >= 100000);
	// First come, first served.
	assert_string_equal(lab.asked[44].name, "44.2.0.192.in-addr.arpa.");
	assert_int_equal(driad_stats(lab.d)->rate_delayed, 35);
	assert_int_equal(driad_stats(lab.d)->queries, 45);
	// 45 of 50 are open.
	for (int i = 0; i < 6; i++)
		start("192.0.2.100");
	assert_int_equal(lab.n_results, 0);
	run_to(lab.now);
	assert_int_equal(lab.n_results, 1);
	assert_int_equal(lab.result.status, DRIAD_LIMIT);
	assert_int_equal(lab.result.ttl_s, 0);
}

// One who asks for very much waits for himself: who asks for little has the next turn.
static void askers_take_turns(void **state)
{
	char source[32];

	(void)state;
	driad_asker(lab.d, 7);
	for (int i = 0; i < 60; i++) {
		snprintf(source, sizeof(source), "192.0.2.%d", i);
		start(source);
	}
	assert_int_equal(lab.n_asked, 10);
	run_to(lab.now);
	// 50 are open, and ten were told to come again.
	assert_int_equal(lab.n_results, 10);
	assert_int_equal(driad_stats(lab.d)->drops[DRIAD_DROP_LIMIT], 10);
	driad_asker(lab.d, 8);
	start("198.51.100.1");
	start("198.51.100.2");
	run_to(lab.now + 100000);
	assert_int_equal(lab.n_results, 10); // there was room for them
	assert_int_equal(lab.n_asked, 20);
	assert_string_equal(lab.asked[10].name, "1.100.51.198.in-addr.arpa.");
	assert_string_equal(lab.asked[11].name, "10.2.0.192.in-addr.arpa.");
	assert_string_equal(lab.asked[12].name, "2.100.51.198.in-addr.arpa.");
	assert_string_equal(lab.asked[13].name, "11.2.0.192.in-addr.arpa.");
	driad_asker(lab.d, 0);
}

// Names that nobody answers for: the rest of one asker's wait for them, another's do not.
static void one_asker_leaves_sockets(void **state)
{
	char source[32];
	struct dns m;

	(void)state;
	driad_asker(lab.d, 7);
	for (int i = 0; i < 200; i++) {
		snprintf(source, sizeof(source), "192.0.2.%d", i);
		start(source);
	}
	run_to(lab.now + 1000000);
	assert_int_equal(lab.n_asked, DRIAD_ASKED);
	assert_int_equal(driad_asking(lab.d), DRIAD_ASKED);
	driad_asker(lab.d, 8);
	start("198.51.100.1");
	assert_int_equal(lab.n_asked, DRIAD_ASKED + 1);
	assert_string_equal(lab.asked[DRIAD_ASKED].name, "1.100.51.198.in-addr.arpa.");
	// An answer makes room, once what is past the limit has its answer too.
	begin(&m, 3);
	answer(0, &m);
	assert_int_equal(lab.n_asked, DRIAD_ASKED + 1);
	answer(1, &m);
	run_to(lab.now);
	assert_int_equal(lab.n_asked, DRIAD_ASKED + 2);
	assert_string_equal(lab.asked[DRIAD_ASKED + 1].name, "120.2.0.192.in-addr.arpa.");
	// Silence makes room as well.
	run_to(lab.now + 10 * US_PER_S);
	assert_true(lab.n_asked > DRIAD_ASKED + 70);
	driad_asker(lab.d, 0);
}

static void cancel_anywhere(void **state)
{
	struct driad_lookup *l[12];
	struct dns m;

	(void)state;
	// In flight, and waiting for its turn.
	for (int i = 0; i < 12; i++)
		l[i] = start("192.0.2.12");
	driad_lookup_cancel(lab.d, l[11]);
	assert_int_equal(lab.n_cancelled, 0);
	driad_lookup_cancel(lab.d, l[0]);
	assert_int_equal(lab.n_cancelled, 1);
	begin(&m, 0);
	dns_record_hex(&m, AMTRELAY, 90, NAME);
	answer(0, &m);
	assert_int_equal(lab.n_results, 0);
	// With its names in line.
	answer(1, &m);
	driad_lookup_cancel(lab.d, l[1]);
	// From the callback of another.
	begin(&m, 0);
	dns_record_hex(&m, AMTRELAY, 90, R1);
	lab.cancel_in_cb = l[3];
	lab.start_in_cb = true;
	answer(2, &m);
	assert_int_equal(lab.n_results, 1);
	answer(3, &m);
	assert_int_equal(lab.n_results, 1);
	// Finished, before its callback.
	lab.now += US_PER_S;
	run_to(lab.now);
	lab.sync = &m;
	l[0] = start("192.0.2.12");
	driad_lookup_cancel(lab.d, l[0]);
	run_to(lab.now);
	assert_int_equal(lab.n_results, 1);
	lab.sync = NULL;
}

static void answered_at_once(void **state)
{
	struct dns m;

	(void)state;
	begin(&m, 0);
	dns_record_hex(&m, AMTRELAY, 90, R1);
	lab.sync = &m;
	start("192.0.2.12");
	assert_int_equal(timers_next(&lab.timers), lab.now);
	run_to(lab.now);
	assert_int_equal(lab.n_results, 1);
	assert_int_equal(lab.result.status, DRIAD_OK);
	assert_int_equal(driad_stats(lab.d)->cache_hits, 1);
}

static void hostile_messages(void **state)
{
	struct dns good, m;

	(void)state;
	begin(&good, 0);
	dns_record_hex(&good, AMTRELAY, 90, R1);
	// QR = 0.
	m = good;
	m.buf[2] &= 0x7f;
	ask(&m);
	assert_int_equal(lab.result.status, DRIAD_FAILED);
	// Another question: name, type, class.
	dns_begin(&m, "13.2.0.192.in-addr.arpa.", AMTRELAY, 0);
	dns_record_hex(&m, AMTRELAY, 90, R1);
	ask(&m);
	assert_int_equal(lab.result.status, DRIAD_FAILED);
	dns_begin(&m, "12.2.0.192.in-addr.arpa.", A, 0);
	dns_record_hex(&m, AMTRELAY, 90, R1);
	ask(&m);
	assert_int_equal(lab.result.status, DRIAD_FAILED);
	m = good;
	m.buf[12 + 25 + 3] = 3; // CH
	ask(&m);
	assert_int_equal(lab.result.status, DRIAD_FAILED);
	// No question at all.
	m = good;
	m.buf[5] = 0;
	ask(&m);
	assert_int_equal(lab.result.status, DRIAD_FAILED);
	// More records announced than there are.
	m = good;
	m.buf[6] = 0xff;
	ask(&m);
	assert_int_equal(lab.result.status, DRIAD_FAILED);
	// The owner points forward, and at itself.
	m = good;
	m.buf[12 + 25 + 4 + 1] = (uint8_t)(good.len - 2);
	ask(&m);
	assert_int_not_equal(lab.result.n_relays, 2);
	m = good;
	m.buf[12 + 25 + 4 + 1] = 12 + 25 + 4;
	ask(&m);
	assert_int_equal(lab.result.status, DRIAD_FAILED);
	// A record of another class.
	m = good;
	m.buf[12 + 25 + 4 + 5] = 3;
	ask(&m);
	assert_int_equal(lab.result.status, DRIAD_NO_RECORD);
	// RDATA that claims more than is left.
	m = good;
	m.buf[good.len - 7] = 7;
	lab.now += US_PER_S;
	ask(&m);
	assert_int_equal(lab.result.status, DRIAD_FAILED);
}

static void every_truncation(void **state)
{
	struct dns full, m;

	(void)state;
	golden(28, &full);
	for (size_t n = 0; n < full.len; n++) {
		m = full;
		m.len = n;
		lab.n_asked = 0;
		lab.now += US_PER_S;
		ask(&m);
		assert_int_equal(lab.result.status, DRIAD_FAILED);
		assert_int_equal(lab.n_asked, 1);
	}
}

static void mutations(void **state)
{
	struct rng rng = rng_seeded(11);
	struct dns full, m;

	(void)state;
	golden(28, &full);
	for (int i = 0; i < 20000; i++) {
		m = full;
		for (int k = 0; k < 3; k++)
			m.buf[rng_below(&rng, m.len)] = (uint8_t)rng_u32(&rng);
		lab.n_asked = 0;
		lab.now += US_PER_S;
		start("192.0.2.12");
		answer(0, &m);
		// Names that it led to go unanswered.
		run_to(lab.now + 20 * US_PER_S);
		assert_int_equal(lab.n_results, i + 1);
	}
}

static void status_names(void **state)
{
	(void)state;
	assert_string_equal(driad_status_name(DRIAD_OK), "ok");
	assert_string_equal(driad_status_name(DRIAD_NO_RECORD), "no-record");
	assert_string_equal(driad_status_name(DRIAD_LIMIT), "limit");
	assert_string_equal(driad_status_name(DRIAD_BOGUS), "DNSSEC bogus");
	assert_string_equal(driad_drop_names[DRIAD_DROP_BOGUS], "BOGUS");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

// DNS-SD: PTR to the instance, SRV to the host, and its address (RFC 6763 section 4).
static void services(void **state)
{
	static const char *const domains[] = {"example.net."};
	uint8_t rdata[300] = {0, 5, 0, 0, 0x08, 0xdc};
	unsigned int v4;
	struct dns m;

	(void)state;
	assert_non_null(driad_lookup_services(lab.d, domains, 1, on_result, &lab, lab.now));
	assert_int_equal(lab.n_asked, 2);
	assert_string_equal(lab.asked[0].name, "_amt._udp.example.net.");
	assert_int_equal(lab.asked[0].type, 12);
	assert_int_equal(lab.asked[1].type, 33);
	dns_begin(&m, "_amt._udp.example.net.", 33, 3);
	dns_soa(&m, 60, 60);
	answer(1, &m);
	dns_begin(&m, "_amt._udp.example.net.", 12, 0);
	dns_record(&m, 12, 600, rdata + 6, dns_name("x._amt._udp.example.net.", rdata + 6));
	answer(0, &m);
	assert_int_equal(lab.n_asked, 3);
	assert_string_equal(lab.asked[2].name, "x._amt._udp.example.net.");
	dns_begin(&m, "x._amt._udp.example.net.", 33, 0);
	dns_record(&m, 33, 500, rdata, 6 + dns_name("relay.example.net.", rdata + 6));
	dns_record_hex(&m, 33, 500, "0005000008dc00"); // to the root: no such service
	answer(2, &m);
	assert_int_equal(lab.n_asked, 5);
	assert_string_equal(lab.asked[3].name, "relay.example.net.");
	dns_begin(&m, "relay.example.net.", A, 0);
	dns_record_hex(&m, A, 400, "cb007199");
	answer(3, &m);
	dns_begin(&m, "relay.example.net.", AAAA, 0);
	dns_record_hex(&m, AAAA, 450, "20010db8000000000000000000000099");
	answer(4, &m);
	assert_int_equal(lab.n_results, 1);
	assert_int_equal(lab.result.status, DRIAD_OK);
	assert_int_equal(lab.result.n_relays, 2);
	v4 = lab.result.relays[0].addr.family == ADDR_V4 ? 0 : 1;
	assert_string_equal(relay(v4), "203.0.113.153");
	assert_string_equal(relay(!v4), "2001:db8::99");
	assert_int_equal(lab.result.relays[0].precedence, 5);
	assert_int_equal(lab.result.relays[1].precedence, 5);
	assert_false(lab.result.relays[0].discovery_optional);
	assert_int_equal(lab.result.ttl_s, 400);
}

// No service, and every truncation of an answer on the way.
static void services_none(void **state)
{
	static const char *const domains[] = {"example.net."};
	uint8_t rdata[300] = {0, 5, 0, 0, 0x08, 0xdc};
	size_t len = 6 + dns_name("relay.example.net.", rdata + 6);
	struct dns m, cut;

	(void)state;
	dns_begin(&m, "_amt._udp.example.net.", 33, 0);
	dns_record(&m, 33, 500, rdata, len);
	for (size_t n = 0; n < m.len; n++) {
		lab.n_asked = 0;
		run_to(lab.now + US_PER_S);
		assert_non_null(driad_lookup_services(lab.d, domains, 1, on_result, &lab, lab.now));
		cut = m;
		cut.len = n;
		if (n < 4)
			memset(cut.buf + n, 0, 4 - n);
		answer(1, &cut);
		dns_begin(&cut, "_amt._udp.example.net.", 12, 3);
		dns_soa(&cut, 60, 60);
		answer(0, &cut);
		assert_int_equal(lab.n_asked, 2);
		assert_int_not_equal(lab.result.status, DRIAD_OK);
	}
}

int main(void)
{
	static struct driad_cfg many = {.queries_per_100ms = 100,
		.negative_ttl_max_s = 300,
		.max_waiting = 1000,
		.use_ipv4 = true,
		.use_ipv6 = true};
	static struct driad_cfg v4_only = {.queries_per_100ms = 10,
		.negative_ttl_max_s = 300,
		.max_waiting = 50,
		.use_ipv4 = true};
	static struct driad_cfg require = {.queries_per_100ms = 10,
		.negative_ttl_max_s = 300,
		.max_waiting = 50,
		.use_ipv4 = true,
		.use_ipv6 = true,
		.require_secure = true};
	static struct driad_cfg paths = {.queries_per_100ms = 1000,
		.negative_ttl_max_s = 300,
		.max_waiting = 50,
		.use_ipv4 = true,
		.use_ipv6 = true,
		.path = test_path,
		.path_ctx = &lab};
	const struct CMUnitTest tests[] = {
		T(golden_answers),
		T(record_rows),
		cmocka_unit_test_prestate_setup_teardown(families, setup, teardown, &v4_only),
		cmocka_unit_test_setup_teardown(noted, setup, teardown),
		cmocka_unit_test(reasons),
		cmocka_unit_test_prestate_setup_teardown(secure_answers, setup, teardown, &require),
		cmocka_unit_test_prestate_setup_teardown(selection_rows, setup, teardown, &paths),
		cmocka_unit_test_prestate_setup_teardown(
			equals_are_random, setup, teardown, &paths),
		T(other_family_is_slow),
		T(ttl_rows),
		T(alias_without_target),
		T(failures),
		T(no_answer),
		T(slow_name),
		T(names),
		T(many_relays),
		T(order_is_fair),
		T(rate_limit),
		T(cancel_anywhere),
		T(askers_take_turns),
		cmocka_unit_test_prestate_setup_teardown(
			one_asker_leaves_sockets, setup, teardown, &many),
		T(answered_at_once),
		T(hostile_messages),
		T(every_truncation),
		T(mutations),
		T(status_names),
		T(services),
		T(services_none),
	};

	// One line a lookup would be too many.
	log_threshold = LOG_LEVEL_ERROR;
	return RUN_TESTS(tests);
}
