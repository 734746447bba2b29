// SPDX-License-Identifier: BSD-3-Clause
// The renderer and each verb against fake views.
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "amt/amt.h"
#include "channel/channel.h"
#include "console/baseline.h"
#include "console/grammar.h"
#include "console/verb.h"
#include "crossing/drops.h"
#include "driad/driad.h"
#include "fakes.h"
#include "joinfile/joinfile.h"
#include "membership/membership.h"
#include "pim/pim.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const struct render_column columns[] = {
	{"name", RENDER_LEFT},
	{"count", RENDER_RIGHT},
	{"on", RENDER_LEFT},
	{"text", RENDER_LEFT},
};

static void table(struct render *r)
{
	render_table_begin(r, "things", columns, N(columns));
	render_text(r, "a");
	render_u64(r, UINT64_MAX);
	render_bool(r, true);
	render_text(r, "x\"\\\n\xc3\x1b");
	render_text(r, "longer name");
	render_u64(r, 0);
	render_bool(r, false);
	render_none(r);
	render_table_end(r);
}

static void text_is_aligned(void **state)
{
	struct render r;

	(void)state;
	render_init(&r, false);
	table(&r);
	assert_int_equal(render_status(&r), 0);
	assert_string_equal(r.out.data, "name                        count  on   text\n"
					"a            18446744073709551615  yes  x\"\\???\n"
					"longer name                     0  no   -\n");
	render_fini(&r);
}

static void json_is_escaped(void **state)
{
	struct render r;

	(void)state;
	render_init(&r, true);
	table(&r);
	assert_string_equal(r.out.data,
		"[\n"
		" {\"name\": \"a\", \"count\": 18446744073709551615, \"on\": true, "
		"\"text\": \"x\\\"\\\\\\u000a\\u00c3\\u001b\"},\n"
		" {\"name\": \"longer name\", \"count\": 0, \"on\": false, \"text\": null}\n"
		"]\n");
	render_fini(&r);
}

static void empty_tables(void **state)
{
	struct render r;

	(void)state;
	render_init(&r, false);
	render_table_begin(&r, "things", columns, N(columns));
	render_table_end(&r);
	assert_string_equal(r.out.data, "(no things)\n");
	render_fini(&r);
	render_init(&r, true);
	render_table_begin(&r, "things", columns, N(columns));
	render_table_end(&r);
	assert_string_equal(r.out.data, "[]\n");
	render_fini(&r);
}

static void cells_of_each_kind(void **state)
{
	static const struct render_column one[] = {{"v", RENDER_LEFT}};
	struct addr v4, none = {0};
	struct render r;
	static const char text[] = "v\n0.000s\n59.999s\n1m00s\n1h00m01s\n2d01h00m\n12.345\n"
				   "192.0.2.1\n-\n-\na\na,b\n-\n";
	static const char json[] =
		"[\n {\"v\": 0.000},\n {\"v\": 59.999},\n {\"v\": 60.000},\n {\"v\": 3601.000},\n"
		" {\"v\": 176400.000},\n {\"v\": 12.345},\n {\"v\": \"192.0.2.1\"},\n"
		" {\"v\": null},\n {\"v\": []},\n {\"v\": [\"a\"]},\n {\"v\": [\"a\", \"b\"]},\n"
		" {\"v\": null}\n]\n";

	(void)state;
	addr_parse("192.0.2.1", &v4);
	for (int as_json = 0; as_json < 2; as_json++) {
		render_init(&r, as_json);
		render_table_begin(&r, "values", one, 1);
		render_span_us(&r, 0);
		render_span_us(&r, 59999999);
		render_span_us(&r, 60000000);
		render_span_us(&r, 3601000000);
		render_span_us(&r, 176400000000);
		render_ms(&r, 12345);
		render_addr(&r, &v4);
		render_addr(&r, &none);
		for (int n = 0; n < 3; n++) {
			render_list_begin(&r);
			for (int i = 0; i < n; i++)
				render_list_item(&r, i ? "b" : "a");
			render_list_end(&r);
		}
		render_text(&r, NULL);
		render_table_end(&r);
		assert_string_equal(r.out.data, as_json ? json : text);
		render_fini(&r);
	}
}

static void too_much_is_an_error(void **state)
{
	static const struct render_column one[] = {{"v", RENDER_LEFT}};
	char *big = malloc(1 << 20);
	struct render r;

	(void)state;
	memset(big, 'x', (1 << 20) - 1);
	big[(1 << 20) - 1] = '\0';
	render_init(&r, false);
	render_table_begin(&r, "values", one, 1);
	// A text table holds cells and output: either of them ends it.
	for (int i = 0; i < 3 && render_status(&r) == 0; i++)
		render_text(&r, big);
	assert_int_equal(render_status(&r), 0);
	render_table_end(&r);
	assert_int_equal(render_status(&r), 0);
	for (unsigned int i = 0; i <= RENDER_MAX_OCTETS >> 20 && render_status(&r) == 0; i++)
		render_text(&r, big);
	assert_int_equal(render_status(&r), -EMSGSIZE);
	render_fini(&r);
	free(big);
}

// Runs a line as a session does, all of it at once.
static char *run(const char *text, bool json)
{
	static struct observe o;
	struct grammar *g = grammar_create(verbs);
	struct grammar_match m = {0};
	char why[GRAMMAR_WHY_LEN] = "", line[256];
	struct render r;
	struct verb_ctx v = {.o = &o, .r = &r, .now_us = FAKE_NOW_US};
	enum verb_turn turn;
	char *out;

	fake_observe(&o);
	snprintf(line, sizeof(line), "%s%s", text, json ? " --json" : "");
	if (grammar_parse(g, line, &m, why) < 0)
		fail_msg("%s: %s", text, why);
	memcpy(v.args, m.args, sizeof(v.args));
	v.options = m.options;
	render_init(&r, m.json);
	r.detail = verb_option(&v, "detail") != NULL;
	m.verb->run(&v);
	while (v.more && (turn = v.more(&v)) != VERB_DONE)
		if (turn == VERB_WAIT)
			fake_tick();
	v.more = NULL;
	verb_finish(&v);
	assert_int_equal(render_status(&r), 0);
	// What has no fake is refused, and what ends something that has not begun.
	if (!strstr(v.refused, "to be had") && !strstr(v.refused, "no capture") &&
		!strstr(v.refused, "not drained"))
		assert_string_equal(v.refused, "");
	out = strdup(v.refused[0] ? "[]" : r.out.data ? r.out.data : "");
	render_fini(&r);
	grammar_free(g);
	return out;
}

// A line for a verb: its words without options, and something for those in capitals.
static const char *line_of(const struct verb *verb, char line[256])
{
	static const char *const values[][2] = {{"SOURCE", "198.51.100.10"}, {"GROUP", "232.1.1.1"},
		{"RELAY", "203.0.113.15"}, {"TOPIC", "show"}, {"NOUN", "channels"}, {"NAME", "lan"},
		{"LEVEL", "info"}, {"ROOM", "pim"}};
	char words[256], *save = NULL;
	size_t n = 0;

	snprintf(words, sizeof(words), "%s", verb->words);
	for (char *w = strtok_r(words, " ", &save); w && *w != '[';
		w = strtok_r(NULL, " ", &save)) {
		const char *value = w;

		for (size_t i = 0; i < N(values); i++)
			if (strcmp(values[i][0], w) == 0)
				value = values[i][1];
		n += (size_t)snprintf(line + n, 256 - n, "%s ", value);
		assert_true(n < 256);
	}
	return line;
}

static void expect(const char *words, bool json, const char *const *want, size_t n)
{
	char *out = run(words, json);

	for (size_t i = 0; i < n; i++) {
		if (!strstr(out, want[i]))
			fail_msg("%s: \"%s\" is not in:\n%s", words, want[i], out);
	}
	free(out);
}
#define EXPECT(words, json, ...)                                \
	expect(words, json, (const char *const[]){__VA_ARGS__}, \
		N(((const char *const[]){__VA_ARGS__})))

static void ports_verb(void **state)
{
	(void)state;
	EXPECT("show ports", true,
		"\"name\": \"wan\", \"role\": \"upstream\", \"oper_status\": \"up\"",
		"\"oper_status\": \"up\", \"admin_status\": \"up\"",
		"\"phys_address\": \"02:00:00:00:00:01\", \"vlan\": null",
		"\"vlan\": 100, \"mtu\": 9000", "\"oper_status\": \"down\"",
		"\"addresses\": [\"192.0.2.2/24\"]", "\"addresses\": []", "\"in_pkts\": 1001",
		"\"punted_control\": 2", "\"punted_other\": 4", "\"native_packets\": 12",
		"\"mbufs_in_use\": 17, \"mbufs\": 8191", "\"to_kernel\": 10",
		"\"kernel_errors\": 3", "\"driver\": \"net_fake\"", "\"device\": \"net_fake1\"");
	EXPECT("show ports", false,
		"name  role        oper_status  admin_status  phys_address       vlan   mtu");
	EXPECT("show ports detail", false,
		"wan\n  role              upstream\n  oper_status       up\n",
		"  addresses         192.0.2.2/24\n", "  spread            tunnel\n",
		"  device            net_fake0\nlan\n");
}

static void neighbors_verb(void **state)
{
	(void)state;
	EXPECT("show neighbors", true, "\"interface\": \"lan\", \"address\": \"10.9.1.1\"",
		"\"up_time\": 5.000, \"expiration\": 100.000, \"holdtime\": 105, \"dr_priority\": "
		"1, "
		"\"gen_id\": 3735928559",
		"\"expiration\": null, \"holdtime\": 65535, \"dr_priority\": null, \"gen_id\": "
		"null",
		"\"is_dr\": false, \"joins\": 0, \"flaps\": false, \"secondaries\": []",
		"\"is_dr\": true, \"joins\": 7, \"flaps\": true, \"secondaries\": [\"10.9.2.3\"]");
}

static void pim_verbs(void **state)
{
	(void)state;
	EXPECT("show pim", true, "\"interface\": \"lan\", \"mode\": \"speak\", \"netdev\": \"lan\"",
		"\"address\": \"10.9.1.2\", \"dr_address\": \"10.9.1.3\"",
		"\"is_dr\": false, \"dr_priority\": 1, \"gen_id\": 51966",
		"\"neighbors\": 2, \"joins\": 3, \"asserts_won\": 4, \"asserts_lost\": 5",
		"\"address_family\": \"ipv4\"", "\"address\": \"fe80::2\"",
		"\"address_family\": \"ipv6\"");
	EXPECT("show pim joins", true,
		"\"jp_state\": \"join\", \"expiration\": 100.000, \"neighbor\": \"10.9.1.1\", "
		"\"assert_state\": \"no-info\", \"winner\": null, \"preference\": null",
		"\"assert_state\": \"loser\", \"winner\": \"10.9.1.3\", \"preference\": 110, "
		"\"metric\": 5, \"assert_expiration\": 180.000");
}

static void igmp_verbs(void **state)
{
	(void)state;
	EXPECT("show igmp", true,
		"\"interface\": \"lan\", \"address\": \"10.9.1.2\", \"state\": \"other-querier\", "
		"\"querier\": \"10.9.1.1\", \"next_in\": 200.000, \"robustness_variable\": 2, "
		"\"query_interval\": 125, \"query_max_response_time\": 10.000, "
		"\"membership_interval\": 270.000, \"groups\": 1, \"channels\": 2, "
		"\"sent_query\": 5",
		"\"joins\": 7", "\"dropped\": 6, \"protocol\": \"igmp\"",
		"\"address\": \"fe80::2\"", "\"protocol\": \"mld\"");
	EXPECT("show mld", true, "\"address\": \"fe80::2\"");
	EXPECT("show mld memberships", true,
		"{\"interface\": \"lan\", \"source_address\": \"2001:db8::10\", \"group_address\": "
		"\"ff3e::8000:1\"",
		"\"served\": false");
	EXPECT("show igmp memberships", true,
		"\"interface\": \"lan\", \"source_address\": \"198.51.100.10\", \"group_address\": "
		"\"232.1.1.1\", "
		"\"last_reporter\": \"10.9.1.50\", \"up_time\": 5.000, \"expire\": 250.000, "
		"\"leaving\": false, \"served\": true",
		"\"source_address\": \"2001:db8::10\"", "\"source_address\": \"198.51.100.11\"",
		"\"leaving\": true");
	EXPECT("show igmp memberships", false, "10.9.1.50");
}

static void channels_verb(void **state)
{
	(void)state;
	EXPECT("show channels", true,
		"\"source_address\": \"198.51.100.10\", \"group_address\": \"232.1.1.1\", "
		"\"state\": "
		"\"flowing\", \"relay_address\": \"203.0.113.15\", \"outgoing_interface\": "
		"[\"lan\"], "
		"\"muted\": [], \"wanted_by\": [\"pim\"], \"packets\": 1000, \"octets\": 1328000, "
		"\"up_time\": 5.000, "
		"\"first_packet_ms\": 12.345, "
		"\"retry_in\": null, \"reason\": \"\"",
		"\"state\": \"waiting\", \"relay_address\": null, \"outgoing_interface\": "
		"[\"wan\", \"lan\"], "
		"\"muted\": [], \"wanted_by\": [\"pim\", \"static\"]",
		"\"first_packet_ms\": null, \"retry_in\": 1.500, "
		"\"reason\": \"DNS says \\\"NXDOMAIN\\\"\\u000a\\u001b[2J\\\\\"");
	EXPECT("show channels", false, "wan,lan", "DNS says \"NXDOMAIN\"??[2J\\");
}

static void tunnels_verb(void **state)
{
	(void)state;
	EXPECT("show tunnels", true,
		"\"relay_address\": \"203.0.113.15\", \"local_address\": \"192.0.2.2\", "
		"\"local_port\": 40001, "
		"\"tunnel_state\": \"up\", \"channels\": 2",
		"\"age\": 3700.000", "\"limit\": false, \"seen_as\": \"192.0.2.2:40001\"",
		"\"nat\": true, \"ecn\": false, \"ipv4\": \"up:2\", \"ipv6\": null, "
		"\"quirks\": \"no-e\"",
		"\"worker\": 1, \"steered\": \"rss\", \"packets_per_s\": 123, "
		"\"octets_per_s\": 456");
	EXPECT("show tunnels", false, "1h01m40s");
	EXPECT("show tunnels detail", false, "\n  seen_as              192.0.2.2:40001\n");
}

static void amt_verb(void **state)
{
	(void)state;
	EXPECT("show amt", true,
		"\"received_relay_advertisement\": 1, \"received_membership_query\": 2, "
		"\"sent_relay_discovery\": 3, \"sent_request\": 4, \"sent_membership_update\": 5, "
		"\"sent_teardown\": 6, \"send_errors\": 7, \"dropped\": 4, "
		"\"discontinuity_time\": \"2");
}

static void relays_verb(void **state)
{
	(void)state;
	EXPECT("show relays", true, "\"discovery_method\": \"driad\", \"precedence\": 10",
		"\"in_use\": true, \"expiration\": 60.000, \"held_for\": null, \"held_reason\": "
		"null, \"quirks\": null, \"quirks_pinned\": false",
		"\"expiration\": null, \"held_for\": 100.000, \"held_reason\": \"full\", "
		"\"quirks\": \"no-e\", \"quirks_pinned\": true");
}

static void workers_verb(void **state)
{
	(void)state;
	EXPECT("show punt port wan", true, "\"interface\": \"wan\", \"class\": \"neighbor\", ",
		"\"class\": \"pim\", \"limit\": null, \"punted\": 2, \"over\": 0, ");
	EXPECT("show workers", true,
		"\"worker\": 1, \"lcore\": 2, \"cpu\": 3, \"socket\": 0, \"idle\": "
		"\"wait\", \"tunnels\": 0, \"load_percent\": 42, ",
		"\"packets_per_burst\": 7.3, \"cycles_per_packet\": null, \"polls\": 101, "
		"\"busy_polls\": 10, ",
		"\"rx_packets\": 5", "\"native_packets\": 6", "\"punted\": 3", "\"drops\": 7");
}

static void rebalance_verb(void **state)
{
	(void)state;
	EXPECT("rebalance", true,
		"{\"moved\": \"now\", \"from\": null, \"to\": null, \"packets_per_s\": null, "
		"\"balance\": 1.80}",
		"{\"moved\": \"an entry\", \"from\": 0, \"to\": 1, \"packets_per_s\": 5000, "
		"\"balance\": 1.05}");
	EXPECT("rebalance dry-run", false, "nothing (dry)", "1.80");
}

static void relay_verbs(void **state)
{
	(void)state;
	EXPECT("relay move 198.51.100.10 to 203.0.113.1", true,
		"{\"result\": \"moving\", \"source_address\": \"198.51.100.10\", "
		"\"relay_address\": ");
	EXPECT("relay hold 198.51.100.10", true,
		"{\"result\": \"held\", \"source_address\": null, \"relay_address\": "
		"\"198.51.100.10\"}");
	EXPECT("relay release 198.51.100.10", false, "released", "198.51.100.10");
}

static void drops_verb(void **state)
{
	char *out = run("show drops", true);
	unsigned int rows = 0;

	(void)state;
	for (const char *p = out; (p = strstr(p, "\"room\"")); p++)
		rows++;
	assert_int_equal(rows, 8);
	free(out);
	EXPECT("show drops", true,
		"\"room\": \"fastpath\", \"interface\": null, \"name\": \"TTL\", \"count\": 14",
		"\"room\": \"pim\", \"interface\": \"lan\", \"name\": \"CHECKSUM\", \"count\": 3",
		"\"room\": \"igmp\", \"interface\": \"lan\", \"name\": \"OLD_REPORT\"",
		"\"room\": \"pim6\"", "\"room\": \"mld\"",
		"\"room\": \"amt\", \"interface\": null, \"name\": \"NONCE\", \"count\": 4",
		"\"room\": \"driad\", \"interface\": null, \"name\": \"BOGUS\", \"count\": 2");
	out = run("show drops all", true);
	rows = 0;
	for (const char *p = out; (p = strstr(p, "\"room\"")); p++)
		rows++;
	assert_int_equal(rows, DROP_COUNT + 2 * PIM_DROP_COUNT + 2 * MEMBERSHIP_DROP_COUNT +
				       AMT_DROP_COUNT + DRIAD_DROP_COUNT + CHANNEL_DROP_COUNT +
				       JOINFILE_DROP_COUNT);
	free(out);
}

static void static_verbs(void **state)
{
	(void)state;
	EXPECT("add channel 198.51.100.10 232.1.1.1", true,
		"{\"result\": \"added\", \"source_address\": \"198.51.100.10\", \"group_address\": "
		"\"232.1.1.1\", "
		"\"outgoing_interface\": [\"wan\", \"lan\"]}");
	EXPECT("add channel 198.51.100.10 232.1.1.1 interface lan", true,
		"\"outgoing_interface\": [\"lan\"]");
	EXPECT("del channel 198.51.100.10 232.1.1.1", true, "\"deleted\"",
		"\"outgoing_interface\": []");
	EXPECT("del channel 198.51.100.10 232.1.1.1 interface lan", false, "deleted");
}

static void joinfile_verb(void **state)
{
	(void)state;
	EXPECT("show joinfile", true,
		"{\"file\": \"/run/joins\", \"use\": \"read\", \"state\": \"not used\", "
		"\"channels\": 7, \"passed_over\": 1, \"refused\": 0, \"age\": 3.000, "
		"\"error\": \"/run/joins:9: group is not an address\"}",
		"{\"file\": \"/run/exported\", \"use\": \"written\", \"state\": \"absent\"");
	EXPECT("show drops", true,
		"\"room\": \"joinfile\", \"interface\": null, \"name\": \"MALFORMED\", \"count\": "
		"5");
}

static void resolve_verb(void **state)
{
	(void)state;
	EXPECT("resolve 198.51.100.10", true,
		"{\"order\": 1, \"discovery_address\": \"203.0.113.15\", \"precedence\": 10, "
		"\"d_bit\": true, \"domain_name\": null, \"dnssec\": \"secure\", \"ttl\": "
		"300, "
		"\"quirks\": null, \"held_for\": null, \"why\": \"first\"}",
		"\"order\": 2, \"discovery_address\": \"203.0.113.16\"",
		"\"quirks\": \"no-e\", \"held_for\": null, \"why\": \"at random among equals\"",
		"\"order\": null, \"discovery_address\": \"2001:db8::1\"",
		"\"why\": \"refused: a loop; the families take turns (RFC 8305 section 4)\"",
		"\"order\": null, \"discovery_address\": \"203.0.113.17\", \"precedence\": 20",
		"\"domain_name\": \"amt.example.com.\", \"dnssec\": \"insecure\"",
		"\"held_for\": 30.000, \"why\": \"held down: no answer; its precedence is 20, not "
		"10\"",
		"\"order\": null, \"discovery_address\": \"127.0.0.1\"");
}

static void record_verb(void **state)
{
	(void)state;
	EXPECT("resolve record 198.51.100.10 relay 203.0.113.15", false,
		"10.100.51.198.in-addr.arpa. 3600 IN AMTRELAY 10 0 1 203.0.113.15\n"
		"10.100.51.198.in-addr.arpa. 3600 IN TYPE260 \\# 6 0a01cb00710f\n");
	EXPECT("resolve record 198.51.100.10 relay 2001:db8::15 precedence 128 ttl 60 disc", false,
		" 60 IN AMTRELAY 128 1 2 2001:db8::15\n",
		"TYPE260 \\# 18 808220010db8000000000000000000000015\n");
	EXPECT("resolve record 2001:db8::1 relay amt.example.com prec 0", true,
		"\"name\": \"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6."
		"arpa.\"",
		"\"rdata\": \"0 0 3 amt.example.com.\"",
		"\\\\# 19 000303616d74076578616d706c6503636f6d00\"");
	EXPECT("resolve record 198.51.100.10 relay .", false, "AMTRELAY 10 0 0 .\n",
		"TYPE260 \\# 2 0a00\n");
}

// Counters are shown from where they were cleared; those of channels that have come since are
// not touched.
static void clear_verb(void **state)
{
	struct observe o;
	char *out;

	(void)state;
	fake_observe(&o);
	fake_baseline = baseline_create();
	out = run("clear counters", true);
	assert_non_null(strstr(out, "{\"result\": \"cleared\", \"channels\": 2, \"tunnels\": 1}"));
	free(out);
	EXPECT("show channels", true, "\"packets\": 0, \"octets\": 0");
	EXPECT("show tunnels", true, "\"packets\": 0, \"octets\": 0");
	EXPECT("show ports", true, "\"in_pkts\": 0", "\"punted_control\": 0", "\"to_kernel\": 0",
		"\"mbufs_in_use\": 17");
	EXPECT("show workers", true, "\"polls\": 0, \"busy_polls\": 0", "\"drops\": 0");
	EXPECT("show igmp", true, "\"sent_query\": 0", "\"joins\": 0", "\"dropped\": 0");
	EXPECT("show amt", true, "\"sent_request\": 0,");
	EXPECT("show drops", true, "[]\n");
	EXPECT("show drops", false, "(no drops)\n");
	EXPECT("show version", true, "\"counters_cleared\": 0.000");
	// Again: what was before goes.
	out = run("clear counters", true);
	free(out);
	EXPECT("show channels", true, "\"packets\": 0");
	baseline_free(fake_baseline);
	fake_baseline = NULL;
	EXPECT("show channels", true, "\"packets\": 1000");
}

static void port_verbs(void **state)
{
	(void)state;
	EXPECT("port stop lan", true, "{\"result\": \"stopping\", \"interfaces\": [\"lan\"]}");
	EXPECT("port start lan", false, "started");
}

// The figures of the process itself are whatever they are, but they are there and change as it
// does.
static uint64_t memory_of(const char *what)
{
	char *out = run("show memory", true), start[64];
	const char *row, *end = NULL;
	uint64_t used;

	snprintf(start, sizeof(start), "{\"what\": \"%s\", \"used\": ", what);
	row = strstr(out, start);
	assert_non_null(row);
	used = strtoull(row + strlen(start), (char **)&end, 10);
	assert_int_equal(*end, ',');
	free(out);
	return used;
}

static void memory_verb(void **state)
{
	uint64_t before = memory_of("malloc"), files = memory_of("descriptors");
	char *block = malloc(1 << 20);
	int fd = dup(0);

	(void)state;
	assert_non_null(block);
	memset(block, 1, 1 << 20);
#ifndef __SANITIZE_ADDRESS__ // whose malloc() has no mallinfo2()
	assert_in_range(memory_of("malloc") - before, 1 << 20, (1 << 20) + 65536);
#else
	(void)before;
#endif
	assert_int_equal(memory_of("descriptors"), files + 1);
	close(fd);
	assert_int_equal(memory_of("descriptors"), files);
	free(block);
	assert_true(memory_of("resident") > 100000);
	assert_int_equal(memory_of("threads"), 1);
	EXPECT("show memory", true,
		"{\"what\": \"tables\", \"used\": 4711, \"of\": null, \"unit\": \"octets\"}",
		"{\"what\": \"table records\", \"used\": 815,",
		"{\"what\": \"timers\", \"used\": 7, ",
		"{\"what\": \"dns questions\", \"used\": 3, ");
}

static void other_verbs(void **state)
{
	(void)state;
	EXPECT("show version", true, "\"version\": \"1.2.3\"", "\"up_time\": 61.000");
	EXPECT("help", false, "show drops all [room PART] [port NAME] [watch SECONDS] [--json]",
		"quit ");
}

// Nothing attached yet: every verb still answers.
static void empty_observe(void **state)
{
	struct observe o = {.version = "1", .n_ifs = 1, .ifs = {{.name = "wan"}}};

	(void)state;
	for (const struct verb *verb = verbs; verb->words; verb++) {
		struct render r;
		struct verb_ctx v = {
			.o = &o, .r = &r, .now_us = FAKE_NOW_US, .args = {"x", "x", "x"}};

		if (!verb->run)
			continue;
		render_init(&r, verb->json);
		verb->run(&v);
		verb_finish(&v);
		assert_int_equal(render_status(&r), 0);
		render_fini(&r);
	}
}

// jq is the independent reader, where there is one.
static void json_is_valid(void **state)
{
	(void)state;
	if (system("command -v jq >/dev/null 2>&1") != 0)
		skip();
	fake_baseline = baseline_create();
	for (const struct verb *verb = verbs; verb->words; verb++) {
		FILE *jq;
		char *out, line[256];

		if (!verb->json)
			continue;
		out = run(line_of(verb, line), true);
		jq = popen("jq -e 'type == \"array\" and all(type == \"object\")' >/dev/null", "w");
		assert_non_null(jq);
		fputs(out, jq);
		free(out);
		if (pclose(jq) != 0)
			fail_msg("jq refuses the output of %s", verb->words);
	}
	baseline_free(fake_baseline);
	fake_baseline = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_aligned),
		cmocka_unit_test(json_is_escaped),
		cmocka_unit_test(empty_tables),
		cmocka_unit_test(cells_of_each_kind),
		cmocka_unit_test(too_much_is_an_error),
		cmocka_unit_test(ports_verb),
		cmocka_unit_test(neighbors_verb),
		cmocka_unit_test(igmp_verbs),
		cmocka_unit_test(pim_verbs),
		cmocka_unit_test(channels_verb),
		cmocka_unit_test(tunnels_verb),
		cmocka_unit_test(amt_verb),
		cmocka_unit_test(relays_verb),
		cmocka_unit_test(workers_verb),
		cmocka_unit_test(rebalance_verb),
		cmocka_unit_test(relay_verbs),
		cmocka_unit_test(drops_verb),
		cmocka_unit_test(static_verbs),
		cmocka_unit_test(joinfile_verb),
		cmocka_unit_test(clear_verb),
		cmocka_unit_test(port_verbs),
		cmocka_unit_test(resolve_verb),
		cmocka_unit_test(record_verb),
		cmocka_unit_test(memory_verb),
		cmocka_unit_test(other_verbs),
		cmocka_unit_test(empty_observe),
		cmocka_unit_test(json_is_valid),
	};

	return RUN_TESTS(tests);
}
