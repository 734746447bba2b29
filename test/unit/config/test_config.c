// SPDX-License-Identifier: BSD-3-Clause
#include "unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"

// libconfig 1.5 loses the string before a syntax error: not ours, and a few octets a broken file.
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

static char dir[] = "/tmp/config-test-XXXXXX";

static void write_file(const char *name, const char *text, size_t len)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
}

static int load(const char *text, struct config *c, char err[CONFIG_ERR_LEN])
{
	char path[64];

	write_file("x.conf", text, strlen(text));
	snprintf(path, sizeof(path), "%s/x.conf", dir);
	return config_load(path, c, err);
}

// err must be "DIR/FILE_LINE: message", with FILE_LINE such as "x.conf:5".
static void expect_error(const char *text, const char *want)
{
	static struct config c, before;
	char err[CONFIG_ERR_LEN] = "", full[CONFIG_ERR_LEN];

	memset(&c, 0xa5, sizeof(c));
	before = c;
	if (load(text, &c, err) != -EINVAL)
		fail_msg("accepted:\n%s", text);
	snprintf(full, sizeof(full), "%s/%s", dir, want);
	if (strcmp(err, full) != 0)
		fail_msg("error is\n  %s\nnot\n  %s\nfor:\n%s", err, full, text);
	// Not assert_memory_equal(): it looks at each octet of a megabyte by itself.
	// NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): not an octet was written
	assert_true(memcmp(&c, &before, sizeof(c)) == 0);
}

#define WAN "name = \"wan\"; device = \"0000:01:00.0\"; role = \"upstream\";"
#define LAN "name = \"lan\"; device = \"0000:01:00.1\"; role = \"downstream\";"
// Interfaces as given; TOP begins at line 5.
#define FILE_OF(wan, lan, top) "interfaces = (\n{ " wan " },\n{ " lan " }\n);\n" top "\n"
#define TOP(text)	       FILE_OF(WAN, LAN, text)
#define WAN_WITH(text)	       FILE_OF(WAN text, LAN, "")
#define LAN_WITH(text)	       FILE_OF(WAN, LAN text, "")

static void defaults(void **state)
{
	static struct config c;
	char err[CONFIG_ERR_LEN];
	struct prefix ssm;

	(void)state;
	assert_int_equal(load(TOP(""), &c, err), 0);
	assert_int_equal(c.log_level, LOG_LEVEL_INFO);
	assert_int_equal(c.memory, MEMORY_AUTO);
	assert_int_equal(c.memory_mb, 0);
	assert_int_equal(c.control_cpu, -1);
	assert_int_equal(c.n_workers, 0);
	assert_false(c.share_cpu);
	assert_int_equal(c.idle, CONFIG_IDLE_AUTO);
	assert_int_equal(c.n_eal, 0);
	assert_int_equal(c.n_ifs, 2);
	assert_string_equal(c.ifs[0].name, "wan");
	assert_string_equal(c.ifs[1].device, "0000:01:00.1");
	assert_int_equal(c.ifs[0].role, IF_UPSTREAM);
	assert_int_equal(c.ifs[1].role, IF_DOWNSTREAM);
	assert_false(c.ifs[0].pim.enabled);
	assert_true(c.ifs[1].pim.enabled);
	assert_int_equal(c.ifs[1].pim.families, CONFIG_BOTH);
	assert_int_equal(c.ifs[1].pim.hello_interval_s, 30);
	assert_int_equal(c.ifs[1].pim.hello_holdtime_s, 105);
	assert_int_equal(c.ifs[1].pim.triggered_hello_delay_ms, 5000);
	assert_int_equal(c.ifs[1].pim.dr_priority, 1);
	assert_int_equal(c.ifs[1].pim.propagation_delay_ms, 500);
	assert_int_equal(c.ifs[1].pim.override_interval_ms, 2500);
	assert_false(c.ifs[1].igmp.enabled);
	assert_int_equal(c.ifs[1].igmp.query_interval_s, 125);
	assert_int_equal(c.ifs[1].igmp.query_response_ms, 10000);
	assert_int_equal(c.ifs[1].igmp.robustness, 2);
	assert_int_equal(c.ifs[1].igmp.last_member_interval_ms, 1000);
	assert_int_equal(c.ifs[1].igmp.last_member_count, 2);
	assert_false(c.ifs[1].igmp.fast_leave);
	assert_int_equal(c.ifs[1].igmp.max_channels, 10000);
	assert_memory_equal(&c.ifs[1].mld, &c.ifs[1].igmp, sizeof(c.ifs[1].mld));
	assert_int_equal(c.max_memberships, 65536);
	assert_int_equal(c.ifs[1].pim.assert_preference, 250);
	assert_int_equal(c.ifs[1].pim.assert_metric, 10);
	assert_int_equal(c.ifs[1].pim.n_neighbors, 0);
	assert_int_equal(c.ifs[1].pim.max_neighbors, 256);
	assert_int_equal(c.ifs[1].pim.max_joins, 0);
	assert_int_equal(c.ifs[1].pim.max_joins_neighbor, 0);
	assert_int_equal(c.ifs[0].mtu, 0);
	assert_int_equal(c.ifs[0].vlan, 0);
	assert_int_equal(c.ifs[0].spread, CONFIG_SPREAD_AUTO);
	assert_memory_equal(c.ifs[0].mac, "\0\0\0\0\0\0", 6);
	assert_int_equal(c.ifs[0].rx_desc, 1024);
	assert_int_equal(c.ifs[0].mbufs, 0);
	assert_int_equal(c.ifs[0].tx_desc, 1024);
	prefix_parse("232.0.0.0/8", &ssm);
	assert_int_equal(c.n_ssm_ranges, 2);
	assert_true(addr_eq(&c.ssm_ranges[0].addr, &ssm.addr));
	assert_int_equal(c.ssm_ranges[0].len, 8);
	prefix_parse("ff30::/32", &ssm);
	assert_true(addr_eq(&c.ssm_ranges[1].addr, &ssm.addr));
	assert_int_equal(c.ssm_ranges[1].len, 32);
	assert_int_equal(c.log_format, LOG_FORMAT_TEXT);
	assert_int_equal(c.log_rate, 1000);
	assert_int_equal(c.metrics.listen.addr.family, ADDR_V4);
	assert_memory_equal(c.metrics.listen.addr.bytes, "\x7f\0\0\1", 4);
	assert_int_equal(c.metrics.listen.port, 9568);
	assert_false(c.metrics.listen.named);
	assert_int_equal(c.metrics.channels, 20);
	assert_int_equal(c.metrics.tunnels, 256);
	assert_int_equal(c.health.up_after_s, 10);
	assert_int_equal(c.health.worker_timeout_ms, 1000);
	assert_int_equal(c.health.relay_timeout_ms, 3000);
	assert_int_equal(c.health.n_probe, 0);
	assert_int_equal(c.health.drain_timeout_s, 60);
	assert_int_equal(c.health.linger_ms, 1000);
	assert_int_equal(c.n_channels, 0);
	assert_string_equal(c.joinfile.path, "");
	assert_string_equal(c.joinfile.export, "");
	assert_int_equal(c.dns.n_resolvers, 0);
	assert_int_equal(c.dns.queries_per_100ms, 10);
	assert_int_equal(c.dns.retry_initial_ms, 1000);
	assert_int_equal(c.dns.retry_max_s, 120);
	assert_int_equal(c.dns.negative_ttl_max_s, 300);
	assert_false(c.dns.private_sources);
	assert_int_equal(c.dns.dnssec, DNSSEC_PERMISSIVE);
	assert_int_equal(c.dns.n_trust_anchors, 0);
	assert_string_equal(c.dns.trust_anchor_file, "");
	assert_int_equal(c.dns.n_insecure_domains, 0);
	assert_int_equal(c.amt.retry_initial_ms, 1000);
	assert_int_equal(c.amt.retry_max_s, 120);
	assert_int_equal(c.amt.request_tries, 4);
	assert_int_equal(c.amt.hold_down_s, 180);
	assert_int_equal(c.amt.full_hold_down_s, 600);
	assert_int_equal(c.amt.update_mtu, 1280);
	assert_int_equal(c.amt.linger_s, 2);
	assert_int_equal(c.amt.traffic_timeout_ms, 4000);
	assert_int_equal(c.amt.traffic_timeout_max_s, 120);
	assert_int_equal(c.n_discovery, 3);
	assert_int_equal(c.discovery[0], DISCOVERY_DNS_SD);
	assert_int_equal(c.discovery[2], DISCOVERY_DRIAD);
	assert_int_equal(c.dns.n_domains, 0);
	assert_int_equal(c.amt.race_delay_ms, 250);
	assert_int_equal(c.amt.race_next_ms, 1000);
	assert_true(c.amt.reassemble);
	assert_int_equal(c.amt.fragment_datagrams, 256);
	assert_int_equal(c.amt.fragment_timeout_ms, 200);
	assert_string_equal(c.console_socket, "/run/inlet/console.sock");
	assert_string_equal(c.state_file, "/run/inlet/console.sock.state");
	assert_int_equal(c.max_channels, 65536);
	assert_int_equal(c.max_tunnels, 4096);
}

static const char everything[] =
	"log_level = \"debug\"; workers = [ 2, 3 ]; control_cpu = 1; share_cpu = true;\n"
	"idle = \"sleep\";\n"
	"memory = \"no-huge\";\n"
	"memory_mb = 512; eal = [ \"--iova-mode=va\", \"-v\" ];\n"
	"interfaces = ({ name = \"eth.0_x-1\"; device = \"net_null0\"; role = \"both\"; mtu = "
	"9000;\n"
	" addresses = [ \"192.0.2.2/24\", \"198.51.100.1/31\" ]; rx_desc = 256; tx_desc = 512;"
	" mbufs = 4096;\n"
	" vlan = 4094; mac = \"02:aB:00:00:00:fF\"; spread = \"channel\";\n"
	" routes = ( { to = \"0.0.0.0/0\"; via = \"192.0.2.1\"; } );\n"
	" pim = { enabled = false; families = \"ipv6\"; hello_interval = 1; hello_holdtime = 3; "
	"dr_priority = "
	"4294967295L;\n"
	"  triggered_hello_delay_ms = 0; propagation_delay_ms = 0; override_interval_ms = 65535;\n"
	"  assert_metric_preference = 2147483646; assert_metric = 4294967294L;\n"
	"  neighbors = [ \"192.0.2.0/24\", \"198.51.100.0\" ]; max_neighbors = 65536;\n"
	"  max_joins = 4194304; max_joins_neighbor = 1; };\n"
	" igmp = { enabled = true; query_interval = 31744; query_response_ms = 3174400; robustness "
	"= 7;\n"
	"  last_member_interval_ms = 100; last_member_count = 1; fast_leave = true; max_channels = "
	"1; "
	"};\n"
	" mld = { enabled = true; robustness = 3; max_channels = 7; };\n"
	"});\n"
	"ssm_ranges = [ \"232.0.0.0/8\", \"233.0.0.0/8\" ];\n"
	"dns = { resolvers = [ \"127.0.0.1@5353\", \"2001:db8::53\" ]; queries_per_100ms = 0x20;\n"
	" retry_initial_ms = 200; retry_max = 1; negative_ttl_max = 0; private_sources = true;\n"
	" search_domains = [ \"example.net\", \"a_b.example.org.\" ];\n"
	" dnssec = \"require\"; trust_anchors = [ \"example.net. 60 IN DS 1 13 2 ab\" ];\n"
	" trust_anchor_file = \"/tmp/k\"; insecure_domains = [ \"corp.example\" ]; };\n"
	"discovery = [ \"driad\", \"anycast\" ];\n"
	"amt = { retry_initial_ms = 100; retry_max = 2; request_tries = 1; hold_down = 0;\n"
	" full_hold_down = 5; update_mtu = 1500; linger = 0; ecn = false;\n"
	" traffic_timeout_ms = 0; traffic_timeout_max = 60;\n"
	" race_delay_ms = 100; race_next_ms = 0;\n"
	" outer_fragments = \"drop\"; fragment_datagrams = 32768; fragment_timeout_ms = 30000; };\n"
	"relays = ( { sources = \"198.51.100.0/24\"; relay = \"203.0.113.15\"; },\n"
	" { sources = \"0.0.0.0/0\"; relay = \"203.0.113.16\"; discovery = false; precedence = "
	"255; } );\n"
	"relay_quirks = ( { relay = \"203.0.113.11\"; quirks = [ \"p-0x80\", \"no-e\" ]; },\n"
	" { relay = \"2001:db8::15\"; quirks = [ ]; } );\n"
	"channels = ( { source = \"198.51.100.10\"; group = \"233.1.1.1\"; interfaces = [ "
	"\"eth.0_x-1\" ]; } );\n"
	"joinfile = { path = \"/tmp/j\"; interfaces = [ \"eth.0_x-1\" ]; export = \"/tmp/e\"; "
	"};\n"
	"log = { format = \"json\"; rate = 7; };\n"
	"metrics = { listen = \"[2001:db8::1]:65535\"; channels = 0; tunnels = 4096; };\n"
	"health = { up_after = 0; worker_timeout_ms = 200; relay_timeout_ms = 600000;\n"
	" probe = [ \"203.0.113.11\", \"2001:db8::15\" ]; drain_timeout = 86400; linger_ms = 0; "
	"};\n"
	"console = { socket = \"/tmp/c\"; }; limits = { channels = 1; tunnels = 2;\n"
	" memberships = 3; lookups = 4; channels_per_source = 5; };\n"
	"acl = { sources = { permit = [ \"198.51.100.0/24\" ]; deny = [ \"198.51.100.66\" ]; };\n"
	" groups = { deny = [ \"232.9.0.0/16\", \"ff3e::/16\" ]; }; relays = { permit = [ "
	"\"203.0.113.0/24\" ]; }; };\n"
	"punt = { neighbor = 1; pim = 2; membership = 3; amt = 4; dns = 5; stray = 0; other = "
	"10000000; };\n";

static void every_key(void **state)
{
	static struct config c;
	char err[CONFIG_ERR_LEN], text[PREFIX_STRLEN];

	(void)state;
	if (load(everything, &c, err) != 0)
		fail_msg("%s", err);
	assert_int_equal(c.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(c.log_format, LOG_FORMAT_JSON);
	assert_int_equal(c.log_rate, 7);
	assert_string_equal(addr_format(&c.metrics.listen.addr, text), "2001:db8::1");
	assert_int_equal(c.metrics.listen.port, 65535);
	assert_true(c.metrics.listen.named);
	assert_int_equal(c.metrics.channels, 0);
	assert_int_equal(c.metrics.tunnels, 4096);
	assert_int_equal(c.health.up_after_s, 0);
	assert_int_equal(c.health.worker_timeout_ms, 200);
	assert_int_equal(c.health.relay_timeout_ms, 600000);
	assert_int_equal(c.health.n_probe, 2);
	assert_string_equal(addr_format(&c.health.probe[1], text), "2001:db8::15");
	assert_int_equal(c.health.drain_timeout_s, 86400);
	assert_int_equal(c.health.linger_ms, 0);
	assert_int_equal(c.n_workers, 2);
	assert_int_equal(c.workers[1], 3);
	assert_int_equal(c.control_cpu, 1);
	assert_true(c.share_cpu);
	assert_int_equal(c.idle, CONFIG_IDLE_SLEEP);
	assert_int_equal(c.memory, MEMORY_NO_HUGE);
	assert_int_equal(c.memory_mb, 512);
	assert_int_equal(c.n_eal, 2);
	assert_string_equal(c.eal[1], "-v");
	assert_string_equal(c.ifs[0].name, "eth.0_x-1");
	assert_int_equal(c.ifs[0].role, IF_BOTH);
	assert_int_equal(c.ifs[0].mtu, 9000);
	assert_int_equal(c.ifs[0].n_addrs, 2);
	assert_int_equal(c.ifs[0].addrs[1].len, 31);
	assert_string_equal(addr_format(&c.ifs[0].addrs[0].addr, text), "192.0.2.2");
	assert_int_equal(c.ifs[0].n_routes, 1);
	assert_string_equal(addr_format(&c.ifs[0].routes[0].via, text), "192.0.2.1");
	assert_int_equal(c.ifs[0].rx_desc, 256);
	assert_int_equal(c.ifs[0].mbufs, 4096);
	assert_int_equal(c.ifs[0].tx_desc, 512);
	assert_int_equal(c.ifs[0].vlan, 4094);
	assert_int_equal(c.ifs[0].spread, CONFIG_SPREAD_CHANNEL);
	assert_memory_equal(c.ifs[0].mac, "\x02\xab\0\0\0\xff", 6);
	assert_false(c.ifs[0].pim.enabled);
	assert_int_equal(c.ifs[0].pim.dr_priority, UINT32_MAX);
	assert_int_equal(c.ifs[0].pim.override_interval_ms, 65535);
	assert_true(c.ifs[0].igmp.enabled);
	assert_int_equal(c.ifs[0].igmp.query_interval_s, 31744);
	assert_int_equal(c.ifs[0].igmp.query_response_ms, 3174400);
	assert_int_equal(c.ifs[0].igmp.robustness, 7);
	assert_int_equal(c.ifs[0].igmp.last_member_interval_ms, 100);
	assert_int_equal(c.ifs[0].igmp.last_member_count, 1);
	assert_true(c.ifs[0].igmp.fast_leave);
	assert_int_equal(c.ifs[0].igmp.max_channels, 1);
	assert_int_equal(c.ifs[0].pim.families, CONFIG_IPV6);
	assert_true(c.ifs[0].mld.enabled);
	assert_int_equal(c.ifs[0].mld.robustness, 3);
	assert_int_equal(c.ifs[0].mld.max_channels, 7);
	assert_int_equal(c.ifs[0].mld.query_interval_s, 125);
	assert_int_equal(c.max_memberships, 3);
	assert_int_equal(c.max_lookups, 4);
	assert_int_equal(c.max_per_source, 5);
	assert_int_equal(c.acl.sources.n_permit, 1);
	assert_string_equal(prefix_format(&c.acl.sources.deny[0], text), "198.51.100.66/32");
	assert_int_equal(c.acl.groups.n_deny, 2);
	assert_int_equal(c.acl.groups.n_permit, 0);
	assert_string_equal(prefix_format(&c.acl.relays.permit[0], text), "203.0.113.0/24");
	assert_int_equal(c.punt.neighbor, 1);
	assert_int_equal(c.punt.pim, 2);
	assert_int_equal(c.punt.membership, 3);
	assert_int_equal(c.punt.amt, 4);
	assert_int_equal(c.punt.dns, 5);
	assert_int_equal(c.punt.stray, 0);
	assert_int_equal(c.punt.other, 10000000);
	assert_int_equal(c.ifs[0].pim.assert_preference, 2147483646);
	assert_int_equal(c.ifs[0].pim.assert_metric, 4294967294);
	assert_int_equal(c.ifs[0].pim.n_neighbors, 2);
	assert_string_equal(prefix_format(&c.ifs[0].pim.neighbors[0], text), "192.0.2.0/24");
	assert_string_equal(prefix_format(&c.ifs[0].pim.neighbors[1], text), "198.51.100.0/32");
	assert_int_equal(c.ifs[0].pim.max_neighbors, 65536);
	assert_int_equal(c.ifs[0].pim.max_joins, 4194304);
	assert_int_equal(c.ifs[0].pim.max_joins_neighbor, 1);
	assert_int_equal(c.n_ssm_ranges, 2);
	assert_string_equal(prefix_format(&c.ssm_ranges[1], text), "233.0.0.0/8");
	assert_int_equal(c.dns.n_resolvers, 2);
	assert_int_equal(c.dns.ports[0], 5353);
	assert_int_equal(c.dns.ports[1], 53);
	assert_string_equal(addr_format(&c.dns.resolvers[1], text), "2001:db8::53");
	assert_int_equal(c.dns.queries_per_100ms, 32);
	assert_int_equal(c.amt.linger_s, 0);
	assert_int_equal(c.amt.traffic_timeout_ms, 0);
	assert_int_equal(c.amt.traffic_timeout_max_s, 60);
	assert_int_equal(c.n_discovery, 2);
	assert_int_equal(c.discovery[0], DISCOVERY_DRIAD);
	assert_int_equal(c.discovery[1], DISCOVERY_ANYCAST);
	assert_int_equal(c.dns.n_domains, 2);
	assert_true(c.dns.private_sources);
	assert_int_equal(c.dns.dnssec, DNSSEC_REQUIRE);
	assert_int_equal(c.dns.n_trust_anchors, 1);
	assert_string_equal(c.dns.trust_anchors[0], "example.net. 60 IN DS 1 13 2 ab");
	assert_string_equal(c.dns.trust_anchor_file, "/tmp/k");
	assert_int_equal(c.dns.n_insecure_domains, 1);
	assert_string_equal(c.dns.insecure_domains[0], "corp.example.");
	assert_string_equal(c.dns.domains[0], "example.net.");
	assert_string_equal(c.dns.domains[1], "a_b.example.org.");
	assert_int_equal(c.amt.race_delay_ms, 100);
	assert_int_equal(c.amt.race_next_ms, 0);
	assert_false(c.amt.reassemble);
	assert_int_equal(c.amt.fragment_datagrams, 32768);
	assert_int_equal(c.amt.fragment_timeout_ms, 30000);
	assert_int_equal(c.amt.update_mtu, 1500);
	assert_false(c.amt.ecn);
	assert_int_equal(c.n_relay_quirks, 2);
	assert_int_equal(c.relay_quirks[0].n_quirks, 2);
	assert_string_equal(c.relay_quirks[0].quirks[0], "p-0x80");
	assert_string_equal(c.relay_quirks[0].quirks[1], "no-e");
	assert_string_equal(addr_format(&c.relay_quirks[1].relay, text), "2001:db8::15");
	assert_int_equal(c.relay_quirks[1].n_quirks, 0);
	assert_int_equal(c.n_relays, 2);
	assert_true(c.relays[0].discovery);
	assert_int_equal(c.relays[0].precedence, 10);
	assert_false(c.relays[1].discovery);
	assert_int_equal(c.relays[1].precedence, 255);
	assert_string_equal(prefix_format(&c.relays[1].sources, text), "0.0.0.0/0");
	assert_int_equal(c.n_channels, 1);
	assert_string_equal(addr_format(&c.channels[0].sg.s, text), "198.51.100.10");
	assert_string_equal(addr_format(&c.channels[0].sg.g, text), "233.1.1.1");
	assert_int_equal(c.channels[0].down, 1);
	assert_string_equal(c.joinfile.path, "/tmp/j");
	assert_int_equal(c.joinfile.down, 1);
	assert_string_equal(c.joinfile.export, "/tmp/e");
	assert_string_equal(c.console_socket, "/tmp/c");
	assert_int_equal(c.max_channels, 1);
	assert_int_equal(c.max_tunnels, 2);
}

// "auto" says the default in words.
static void auto_forms(void **state)
{
	static struct config c;
	char err[CONFIG_ERR_LEN];

	(void)state;
	assert_int_equal(load(TOP("workers = \"auto\"; control_cpu = \"auto\"; memory = \"auto\";"),
				 &c, err),
		0);
	assert_int_equal(c.n_workers, 0);
	assert_int_equal(c.control_cpu, -1);
	assert_int_equal(c.memory, MEMORY_AUTO);
	assert_int_equal(load(TOP("state_file = \"none\";"), &c, err), 0);
	assert_string_equal(c.state_file, "");
	assert_int_equal(load(TOP("state_file = \"/tmp/s\";"), &c, err), 0);
	assert_string_equal(c.state_file, "/tmp/s");
}

// A string or a group.
static void pim_modes(void **state)
{
	static struct config c;
	const struct config_pim *p = &c.ifs[1].pim;
	char err[CONFIG_ERR_LEN], text[PREFIX_STRLEN];

	(void)state;
	assert_int_equal(load(LAN_WITH("pim = \"speak\";"), &c, err), 0);
	assert_int_equal(p->mode, CONFIG_PIM_SPEAK);
	assert_true(p->enabled);
	assert_int_equal(p->hello_interval_s, 30);
	assert_int_equal(load(LAN_WITH("pim = \"off\";"), &c, err), 0);
	assert_false(p->enabled);
	assert_int_equal(load(LAN_WITH("pim = { mode = \"off\"; enabled = true; };"), &c, err), 0);
	assert_false(p->enabled);
	assert_int_equal(load(LAN_WITH("pim = { };"), &c, err), 0);
	assert_int_equal(p->mode, CONFIG_PIM_SPEAK);
	assert_int_equal(load(LAN_WITH("pim = \"watch\";"), &c, err), 0);
	assert_int_equal(p->mode, CONFIG_PIM_WATCH);
	assert_true(p->enabled);
	assert_string_equal(p->watch.netdev, "");
	assert_int_equal(p->watch.n_upstream, 0);
	assert_int_equal(
		load(LAN_WITH("pim = { mode = \"watch\"; max_joins = 7; watch = { netdev = "
			      "\"br-1.5\"; upstream = [ \"10.0.0.1\", \"10.1.0.0/16\" "
			      "]; }; };"),
			&c, err),
		0);
	assert_int_equal(p->mode, CONFIG_PIM_WATCH);
	assert_int_equal(p->max_joins, 7);
	assert_string_equal(p->watch.netdev, "br-1.5");
	assert_int_equal(p->watch.n_upstream, 2);
	assert_string_equal(prefix_format(&p->watch.upstream[0], text), "10.0.0.1/32");
	assert_string_equal(prefix_format(&p->watch.upstream[1], text), "10.1.0.0/16");
}

struct broken {
	const char *text, *error;
};

static void broken(const struct broken *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_error(cases[i].text, cases[i].error);
}
#define BROKEN(cases) broken(cases, sizeof(cases) / sizeof((cases)[0]))

static void broken_syntax_and_types(void **state)
{
	static const struct broken cases[] = {
		{"", "x.conf:1: interfaces is missing"},
		{"# nothing\n\n", "x.conf:1: interfaces is missing"},
		{"interfaces = ();\n", "x.conf:1: interfaces needs at least 1 element"},
		{TOP("workers = ;"), "x.conf:5: syntax error"},
		{"interfaces = (\n", "x.conf:2: syntax error"},
		{TOP("memory =\n\"no-huge;\n\n"), "x.conf:6: string without a closing quote"},
		{TOP("\nbogus = 1;"), "x.conf:6: unknown key \"bogus\""},
		{TOP("log-level = \"info\";"), "x.conf:5: unknown key \"log-level\""},
		{TOP("dns = {\n retry = 1; };"), "x.conf:6: unknown key \"retry\" in dns"},
		{WAN_WITH("adresses = [];"), "x.conf:2: unknown key \"adresses\""},
		{LAN_WITH("pim = { hello = 1; };"), "x.conf:3: unknown key \"hello\" in pim"},
		{LAN_WITH("igmp = { query = 1; };"), "x.conf:3: unknown key \"query\" in igmp"},
		{TOP("memory = \"auto\";\nmemory = \"auto\";"), "x.conf:6: duplicate setting name"},
		{TOP("interfaces = ( );"), "x.conf:5: duplicate setting name"},
		{TOP("log_level = 1;"), "x.conf:5: log_level must be a string, not an integer"},
		{TOP("dns = [ 1 ];"),
			"x.conf:5: dns must be a group { ... }, not an array [ ... ]"},
		{TOP("amt = { linger = \"2\"; };"),
			"x.conf:5: linger must be an integer, not a string"},
		{TOP("amt = { linger = 2.5; };"),
			"x.conf:5: linger must be an integer, not a real number"},
		{TOP("amt = { linger = 3000000000.0; };"),
			"x.conf:5: linger must be an integer, not a real number"},
		{TOP("amt = { linger = true; };"),
			"x.conf:5: linger must be an integer, not true or false"},
		{LAN_WITH("pim = { enabled = 1; };"),
			"x.conf:3: enabled must be true or false, not an integer"},
		{LAN_WITH("pim = true;"),
			"x.conf:3: pim must be a group { ... } or a string, not true or false"},
		{LAN_WITH("igmp = \"on\";"),
			"x.conf:3: igmp must be a group { ... }, not a string"},
		{LAN_WITH("pim = { watch = \"eth0\"; };"),
			"x.conf:3: watch must be a group { ... }, not a string"},
		{TOP("workers = 2;"),
			"x.conf:5: workers must be an array [ ... ] or \"auto\", not an integer"},
		{TOP("workers = \"all\";"),
			"x.conf:5: workers must be an array [ ... ] or \"auto\", not a string"},
		{TOP("workers = [ \"2\" ];"),
			"x.conf:5: workers must be an integer or \"auto\", not a string"},
		{TOP("control_cpu = \"first\";"),
			"x.conf:5: control_cpu must be an integer or \"auto\", not a string"},
		{TOP("relays = { };"),
			"x.conf:5: relays must be a list ( ... ), not a group { ... }"},
		{TOP("relays = ( \"x\" );"),
			"x.conf:5: relays must be a list of groups { ... }, not a string"},
		{TOP("relay_quirks = ( { relay = \"203.0.113.1\"; } );"),
			"x.conf:5: quirks is missing"},
		{TOP("relay_quirks = ( { relay = \"203.0.113.1\"; quirks = [ \"odd\" ]; } );"),
			"x.conf:5: quirks \"odd\": not one of p-0x80, no-e, one-nonce, "
			"one-endpoint, short-updates"},
		{TOP("relay_quirks = ( { relay = \"203.0.113.1\"; quirks = [ ]; },\n"
		     "{ relay = \"203.0.113.1\"; quirks = [ \"no-e\" ]; } );"),
			"x.conf:6: relay_quirks: 203.0.113.1 appears twice"},
		{TOP("eal = [ 1 ];"), "x.conf:5: eal must be a string, not an integer"},
		{TOP("console = { socket = \"/a\tb\"; };"),
			"x.conf:5: socket has a control character"},
		{TOP("console = { socket = \"/a\\x00b\"; };"), "x.conf:5: NUL in a string"},
		{"interfaces = ( { device = \"a\"; role = \"both\"; } );",
			"x.conf:1: name is missing"},
		{TOP("relays = (\n{ relay = \"203.0.113.1\"; } );"),
			"x.conf:6: sources is missing"},
	};

	(void)state;
	BROKEN(cases);
}

static void broken_integers(void **state)
{
#define NO_FIT "integer does not fit 32 bits (one that is meant to ends in L): "
	static const struct broken cases[] = {
		{TOP("limits = { channels = 100000000000; };"), "x.conf:5: " NO_FIT "100000000000"},
		{TOP("limits = { channels = 4294967295; };"), "x.conf:5: " NO_FIT "4294967295"},
		{TOP("limits = { channels = 2147483648; };"), "x.conf:5: " NO_FIT "2147483648"},
		{TOP("limits = { channels = -2147483649; };"), "x.conf:5: " NO_FIT "-2147483649"},
		{TOP("limits = { channels = 4294967297; };"), "x.conf:5: " NO_FIT "4294967297"},
		{TOP("limits = { channels = 0xffffffff; };"), "x.conf:5: " NO_FIT "0xffffffff"},
		{TOP("limits = { channels = 0x100000001; };"), "x.conf:5: " NO_FIT "0x100000001"},
		{TOP("/* a\n b */ limits = { channels\n=\n4294967297; };"),
			"x.conf:8: " NO_FIT "4294967297"},
		{TOP("workers = [1,4294967298];"), "x.conf:5: " NO_FIT "4294967298"},
		{TOP("limits = { channels = 99999999999999999999L; };"),
			"x.conf:5: integer out of range: 99999999999999999999"},
		{TOP("limits = { channels = 18446744073709551617; };"),
			"x.conf:5: integer out of range: 18446744073709551617"},
		{TOP("limits = { channels = "
		     "1111111111111111111111111111111111111111111111111111111111111111; };"),
			"x.conf:5: integer out of range: more than 63 digits"},
		{TOP("limits = { channels = 4294967297L; };"),
			"x.conf:5: channels is 4294967297, not in 1..4194304"},
		{TOP("limits = { channels = 0; };"), "x.conf:5: channels is 0, not in 1..4194304"},
		{TOP("limits = { channels = -1; };"),
			"x.conf:5: channels is -1, not in 1..4194304"},
		{TOP("limits = { tunnels = 65537; };"),
			"x.conf:5: tunnels is 65537, not in 1..65536"},
		{TOP("control_cpu = -1;"), "x.conf:5: control_cpu is -1, not in 0..1023"},
		{WAN_WITH("mtu = 65536;"), "x.conf:2: mtu is 65536, not in 576..16000"},
		{WAN_WITH("mtu = 0;"), "x.conf:2: mtu is 0, not in 576..16000"},
		{LAN_WITH("pim = { dr_priority = 4294967296L; };"),
			"x.conf:3: dr_priority is 4294967296, not in 0..4294967295"},
		{LAN_WITH("mld = { robustness = 0; };"), "x.conf:3: robustness is 0, not in 1..7"},
		{LAN_WITH("pim = { families = \"ipx\"; };"),
			"x.conf:3: families \"ipx\": not one of ipv4, ipv6, both"},
		{LAN_WITH("igmp = { robustness = 8; };"), "x.conf:3: robustness is 8, not in 1..7"},
		{LAN_WITH("igmp = { query_interval = 31745; };"),
			"x.conf:3: query_interval is 31745, not in 1..31744"},
		{LAN_WITH("igmp = { last_member_interval_ms = 99; };"),
			"x.conf:3: last_member_interval_ms is 99, not in 100..25500"},
		{LAN_WITH("pim = { hello_holdtime = 65536; };"),
			"x.conf:3: hello_holdtime is 65536, not in 1..65535"},
		{LAN_WITH("pim = { propagation_delay_ms = 32768; };"),
			"x.conf:3: propagation_delay_ms is 32768, not in 0..32767"},
		{LAN_WITH("pim = { assert_metric_preference = 2147483647; };"),
			"x.conf:3: assert_metric_preference is 2147483647, not in 0..2147483646"},
		{LAN_WITH("pim = { assert_metric = 4294967295L; };"),
			"x.conf:3: assert_metric is 4294967295, not in 0..4294967294"},
		{LAN_WITH("pim = { max_neighbors = 0; };"),
			"x.conf:3: max_neighbors is 0, not in 1..65536"},
		{LAN_WITH("pim = { max_joins = 0; };"),
			"x.conf:3: max_joins is 0, not in 1..4194304"},
		{LAN_WITH("pim = { max_joins_neighbor = 4194305; };"),
			"x.conf:3: max_joins_neighbor is 4194305, not in 1..4194304"},
		{TOP("relays = ( { sources = \"1.0.0.0/8\"; relay = \"2.0.0.1\"; precedence = 256; "
		     "} );"),
			"x.conf:5: precedence is 256, not in 0..255"},
		{TOP("amt = { traffic_timeout_ms = 5000; traffic_timeout_max = 4; };"),
			"x.conf:5: traffic_timeout_max 4 s is less than traffic_timeout_ms 5000"},
		{TOP("discovery = [ \"dns\" ];"),
			"x.conf:5: discovery \"dns\": not one of dns-sd, anycast, driad"},
		{TOP("discovery = [ \"driad\", \"driad\" ];"),
			"x.conf:5: discovery: a method appears twice"},
		{TOP("dns = { search_domains = [ \"a..b\" ]; };"),
			"x.conf:5: search_domains \"a..b\": not a domain name"},
		{TOP("amt = { race_delay_ms = 9; };"), "x.conf:5: race_delay_ms 9 is less than 10"},
		{TOP("amt = { update_mtu = 100; };"),
			"x.conf:5: update_mtu is 100, not in 576..9000"},
	};

	(void)state;
	BROKEN(cases);
}

// Digits that are no integer literal do not count as one.
static void digits_elsewhere(void **state)
{
	static struct config c;
	char err[CONFIG_ERR_LEN];

	(void)state;
	if (load(TOP("# 4294967297\n// 4294967297\n/* 4294967297 */\n"
		     "console = { socket = \"/tmp/4294967297\\\"4294967297\"; };"),
		    &c, err) != 0)
		fail_msg("%s", err);
	expect_error(TOP("a4294967297 = 1;"), "x.conf:5: unknown key \"a4294967297\"");
}

static void broken_values(void **state)
{
	static const struct broken cases[] = {
		{TOP("log_level = \"loud\";"),
			"x.conf:5: log_level \"loud\": not one of error, warn, info, debug"},
		{TOP("memory = \"lots\";"),
			"x.conf:5: memory \"lots\": not one of auto, hugepages, no-huge, shared"},
		{TOP("memory = \"\";"),
			"x.conf:5: memory \"\": not one of auto, hugepages, no-huge, shared"},
		{TOP("amt = { outer_fragments = \"yes\"; };"),
			"x.conf:5: outer_fragments \"yes\": not one of reassemble, drop"},
		{TOP("amt = { fragment_datagrams = 0; };"),
			"x.conf:5: fragment_datagrams is 0, not in 1..32768"},
		{TOP("amt = { fragment_timeout_ms = 30001; };"),
			"x.conf:5: fragment_timeout_ms is 30001, not in 1..30000"},
		{TOP("workers = [ ];"), "x.conf:5: workers needs at least 1 element"},
		{TOP("workers = [ 2, 2 ];"),
			"x.conf:5: workers: CPU 2 appears twice (share_cpu = true allows it)"},
		{TOP("workers = [ 1024 ];"), "x.conf:5: workers: 1024 is not in 0..1023"},
		{TOP("workers = [ -1 ];"), "x.conf:5: workers is -1, not in 0..2147483647"},
		{TOP("workers = [ 2, 3 ];\ncontrol_cpu = 3;"),
			"x.conf:6: control_cpu 3 is among the workers (share_cpu = true allows "
			"it)"},
		{TOP("ssm_ranges = [ ];"), "x.conf:5: ssm_ranges needs at least 1 element"},
		{TOP("ssm_ranges = [ \"192.0.2.0/24\" ];"),
			"x.conf:5: ssm_ranges \"192.0.2.0/24\": not inside 224.0.0.0/4"},
		{TOP("ssm_ranges = [ \"224.0.0.0/3\" ];"),
			"x.conf:5: ssm_ranges \"224.0.0.0/3\": not inside 224.0.0.0/4"},
		{TOP("ssm_ranges = [ \"ff3x:30::/32\" ];"),
			"x.conf:5: ssm_ranges \"ff3x:30::/32\": not inside ff3x::/32, the groups "
			"of IPv6 channels"},
		{TOP("ssm_ranges = [ \"ff3e::/31\" ];"),
			"x.conf:5: ssm_ranges \"ff3e::/31\": not inside ff3x::/32, the groups of "
			"IPv6 channels"},
		{TOP("ssm_ranges = [ \"ff2e::/32\" ];"),
			"x.conf:5: ssm_ranges \"ff2e::/32\": not inside ff3x::/32, the groups of "
			"IPv6 channels"},
		{TOP("ssm_ranges = [ \"ff3y::/32\" ];"), "x.conf:5: ssm_ranges \"ff3y::/32\": not "
							 "a prefix a.b.c.d/len or a:b::/len"},
		{TOP("ssm_ranges = [\n\"ff3x::/32\",\n\"ff3e::8000:0/97\" ];"),
			"x.conf:7: ssm_ranges: ff3e::8000:0/97 overlaps ff30::/32"},
		{TOP("ssm_ranges = [ \"232.1.0.0/8\" ];"),
			"x.conf:5: ssm_ranges \"232.1.0.0/8\": host bits are set; 232.0.0.0/8 has "
			"none"},
		{TOP("ssm_ranges = [\n\"232.0.0.0/8\",\n\"232.1.0.0/16\" ];"),
			"x.conf:7: ssm_ranges: 232.1.0.0/16 overlaps 232.0.0.0/8"},
		{TOP("dns = { dnssec = \"on\"; };"),
			"x.conf:5: dnssec \"on\": not one of off, permissive, require"},
		{TOP("dns = { trust_anchors = [ \"example.net. A 192.0.2.1\" ]; };"),
			"x.conf:5: trust_anchors \"example.net. A 192.0.2.1\": not a DS or DNSKEY "
			"record: NAME DS ... or NAME DNSKEY ..."},
		{TOP("dns = { trust_anchors = []; };"),
			"x.conf:5: trust_anchors needs at least 1 element"},
		{TOP("dns = { trust_anchor_file = \"root.key\"; };"),
			"x.conf:5: trust_anchor_file \"root.key\": not the absolute path of a "
			"file"},
		{TOP("dns = { resolvers = [ \"192.0.2.53@0\" ]; };"),
			"x.conf:5: resolvers \"192.0.2.53@0\": the port is not in 1..65535"},
		{TOP("dns = { resolvers = [ \"192.0.2.53@65536\" ]; };"),
			"x.conf:5: resolvers \"192.0.2.53@65536\": the port is not in 1..65535"},
		{TOP("dns = { resolvers = [ \"192.0.2.53@\" ]; };"),
			"x.conf:5: resolvers \"192.0.2.53@\": the port is not in 1..65535"},
		{TOP("dns = { resolvers = [ \"dns.example\" ]; };"),
			"x.conf:5: resolvers \"dns.example\": not an address, or address@port"},
		{TOP("dns = { resolvers = [ \"192.0.2.53\", \"192.0.2.53@53\" ]; };"),
			"x.conf:5: resolvers: 192.0.2.53@53 appears twice"},
		{TOP("dns = { retry_initial_ms = 2000; retry_max = 1; };"),
			"x.conf:5: dns: retry_max 1 s is less than retry_initial_ms 2000"},
		{TOP("amt = { retry_initial_ms = 2000;\nretry_max = 1; };"),
			"x.conf:6: amt: retry_max 1 s is less than retry_initial_ms 2000"},
		{TOP("log = { format = \"xml\"; };"),
			"x.conf:5: format \"xml\": not one of text, json"},
		{TOP("health = { probe = [ \"224.0.0.1\" ]; };"),
			"x.conf:5: probe \"224.0.0.1\": not the address of a host"},
		{TOP("health = { linger_ms = 10001; };"),
			"x.conf:5: linger_ms is 10001, not in 0..10000"},
		{TOP("metrics = { listen = \"127.0.0.1\"; };"),
			"x.conf:5: listen \"127.0.0.1\": not address:port, [address]:port or off"},
		{TOP("metrics = { listen = \"2001:db8::1:80\"; };"),
			"x.conf:5: listen \"2001:db8::1:80\": not address:port, [address]:port or "
			"off"},
		{TOP("metrics = { listen = \"[127.0.0.1]:80\"; };"),
			"x.conf:5: listen \"[127.0.0.1]:80\": not address:port, [address]:port or "
			"off"},
		{TOP("metrics = { listen = \":80\"; };"),
			"x.conf:5: listen \":80\": not address:port, [address]:port or off"},
		{TOP("metrics = { listen = \"127.0.0.1:0\"; };"),
			"x.conf:5: listen \"127.0.0.1:0\": the port is not in 1..65535"},
		{TOP("metrics = { listen = \"127.0.0.1:80x\"; };"),
			"x.conf:5: listen \"127.0.0.1:80x\": the port is not in 1..65535"},
		{TOP("metrics = { listen = \"224.0.0.1:80\"; };"),
			"x.conf:5: listen \"224.0.0.1:80\": not the address of a host"},
		{TOP("console = { socket = \"run/x\"; };"),
			"x.conf:5: socket \"run/x\": not an absolute path"},
		{TOP("console = { socket = \"\"; };"),
			"x.conf:5: socket \"\": not an absolute path"},
		{TOP("console = { socket = \"/run/\"; };"),
			"x.conf:5: socket \"/run/\": names a directory"},
		{TOP("relays = ( { sources = \"232.0.0.0/8\"; relay = \"203.0.113.1\"; } );"),
			"x.conf:5: sources \"232.0.0.0/8\": multicast: sources are unicast "
			"addresses"},
		{TOP("relays = ( { sources = \"198.51.100.0/24\"; relay = \"0.0.0.0\"; } );"),
			"x.conf:5: relay \"0.0.0.0\": not the address of a host"},
		{TOP("relays = ( { sources = \"198.51.100.0/24\"; relay = \"fe80::1\"; } );"),
			"x.conf:5: relay \"fe80::1\": not the address of a host"},
		{TOP("relays = ( { sources = \"ff3e::/32\"; relay = \"2001:db8::1\"; } );"),
			"x.conf:5: sources \"ff3e::/32\": multicast: sources are unicast "
			"addresses"},
		{TOP("relays = ( { sources = \"1.0.0.0/8\"; relay = \"2.0.0.1\"; },\n"
		     "{ sources = \"1.0.0.0/8\"; relay = \"2.0.0.1\"; precedence = 2; } );"),
			"x.conf:6: relays: 1.0.0.0/8 through 2.0.0.1 appears twice"},
	};
	char text[1024];

	(void)state;
	BROKEN(cases);
	snprintf(text, sizeof(text), TOP("console = { socket = \"/%0200d\"; };"), 0);
	{
		static struct config c;
		char err[CONFIG_ERR_LEN];

		assert_int_equal(load(text, &c, err), -EINVAL);
		assert_non_null(strstr(err, "longer than 107 characters"));
	}
}

// Every place that takes an address takes either family.
static void both_families(void **state)
{
	static struct config c;
	char err[CONFIG_ERR_LEN], text[PREFIX_STRLEN];
	struct addr g;

	(void)state;
	if (load("interfaces = (\n"
		 "{ name = \"wan\"; device = \"0000:01:00.0\"; role = \"upstream\";\n"
		 "  addresses = [ \"192.0.2.2/24\", \"2001:db8:0:1::2/64\", \"2001:db8::/127\" ];\n"
		 "  routes = ( { to = \"::/0\"; via = \"fe80::1\"; },\n"
		 "    { to = \"2001:db8:7::/48\"; via = \"2001:db8:0:1::9\"; } ); },\n"
		 "{ name = \"lan\"; device = \"0000:01:00.1\"; role = \"downstream\"; } );\n"
		 "ssm_ranges = [ \"232.0.0.0/8\", \"FF3x::8000:0/97\", \"ff35::4000:0/98\" ];\n"
		 "relays = ( { sources = \"2001:db8:a::/48\"; relay = \"2001:db8::15\"; },\n"
		 "  { sources = \"198.51.100.0/24\"; relay = \"2001:db8::16\"; },\n"
		 "  { sources = \"::/0\"; relay = \"203.0.113.15\"; } );\n"
		 "channels = ( { source = \"2001:db8:a::1\"; group = \"ff3e::8000:1\"; } );\n",
		    &c, err) != 0)
		fail_msg("%s", err);
	assert_string_equal(addr_format(&c.ifs[0].addrs[1].addr, text), "2001:db8:0:1::2");
	assert_int_equal(c.ifs[0].addrs[1].len, 64);
	assert_int_equal(c.ifs[0].addrs[2].len, 127);
	assert_string_equal(addr_format(&c.ifs[0].routes[0].via, text), "fe80::1");
	assert_string_equal(prefix_format(&c.ifs[0].routes[1].to, text), "2001:db8:7::/48");
	assert_string_equal(prefix_format(&c.ssm_ranges[1], text), "ff30::8000:0/97");
	assert_string_equal(prefix_format(&c.relays[0].sources, text), "2001:db8:a::/48");
	assert_string_equal(addr_format(&c.relays[1].relay, text), "2001:db8::16");
	assert_string_equal(addr_format(&c.channels[0].sg.g, text), "ff3e::8000:1");
	addr_parse("ff3e::7fff:ffff", &g);
	assert_false(group_is_ssm(c.ssm_ranges, c.n_ssm_ranges, &g));
	addr_parse("ff35::7fff:ffff", &g);
	assert_true(group_is_ssm(c.ssm_ranges, c.n_ssm_ranges, &g));
}

#define SG(group)      "source = \"198.51.100.10\"; group = \"" group "\";"
#define CHANNELS(text) TOP("channels = (\n{ " text " } );")
#define JOINFILE(text) TOP("joinfile = {\n" text " };")

static void broken_channels(void **state)
{
	static const struct broken cases[] = {
		{TOP("channels = 1;"), "x.conf:5: channels must be a list ( ... ), not an integer"},
		{TOP("channels = ( 1 );"),
			"x.conf:5: channels must be a list of groups { ... }, not an integer"},
		{CHANNELS("source = \"198.51.100.10\";"), "x.conf:6: group is missing"},
		{CHANNELS("group = \"232.1.1.1\";"), "x.conf:6: source is missing"},
		{CHANNELS(SG("232.1.1.1") "bogus = 1;"), "x.conf:6: unknown key \"bogus\""},
		{CHANNELS("source = \"here\"; group = \"232.1.1.1\";"),
			"x.conf:6: source \"here\": not an address"},
		{CHANNELS("source = \"2001:db8::1\"; group = \"232.1.1.1\";"),
			"x.conf:6: group 232.1.1.1 is of another family than the source"},
		{CHANNELS("source = \"fe80::1\"; group = \"ff3e::8000:1\";"),
			"x.conf:6: source \"fe80::1\": not the address of a host"},
		{CHANNELS("source = \"2001:db8::1\"; group = \"ff3e:30::8000:1\";"),
			"x.conf:6: group ff3e:30::8000:1 is outside ssm_ranges"},
		{CHANNELS(SG("232.0.0.0")),
			"x.conf:6: group \"232.0.0.0\": never the group of a channel (RFC 4607 "
			"section 4.3)"},
		{CHANNELS(SG("ff3e::4000:0")),
			"x.conf:6: group \"ff3e::4000:0\": never the group of a channel (RFC 4607 "
			"section 4.3)"},
		{CHANNELS("source = \"232.1.1.1\"; group = \"232.1.1.1\";"),
			"x.conf:6: source \"232.1.1.1\": not the address of a host"},
		{CHANNELS("source = \"0.0.0.0\"; group = \"232.1.1.1\";"),
			"x.conf:6: source \"0.0.0.0\": not the address of a host"},
		{CHANNELS(SG("10.1.1.1")), "x.conf:6: group \"10.1.1.1\": not a multicast address"},
		{CHANNELS(SG("233.1.1.1")), "x.conf:6: group 233.1.1.1 is outside ssm_ranges"},
		{CHANNELS(SG("232.1.1.1") "\ninterfaces = [ ];"),
			"x.conf:7: interfaces needs at least 1 element"},
		{CHANNELS(SG("232.1.1.1") "\ninterfaces = [ \"lan\",\n\"lam\" ];"),
			"x.conf:8: interfaces: there is no interface \"lam\""},
		{CHANNELS(SG("232.1.1.1") "\ninterfaces = [ \"wan\" ];"),
			"x.conf:7: interfaces: the role of interface \"wan\" is not downstream"},
		{CHANNELS(SG("232.1.1.1") "interfaces = [ \"lan\",\n\"lan\" ];"),
			"x.conf:7: interfaces: \"lan\" appears twice"},
		{CHANNELS(SG("232.1.1.1") "interfaces = [ \"l n\" ];"),
			"x.conf:6: interfaces \"l n\": a netdev name has letters, digits, '.', "
			"'_', "
			"'-' only"},
		{CHANNELS(SG("232.1.1.1") "},\n{" SG("232.1.1.1")),
			"x.conf:7: channels: (198.51.100.10,232.1.1.1) appears twice"},
		{CHANNELS(SG("232.1.1.1") "},\n{" SG("232.1.1.2") "});\nlimits = ({ channels = 1;"),
			"x.conf:8: limits must be a group { ... }, not a list ( ... )"},
		{TOP("limits = { channels = 1; };\nchannels = (\n{" SG("232.1.1.1") "},\n{" SG(
			 "232.1.1.2") "});"),
			"x.conf:6: channels has 2 elements, limits.channels allows 1"},
		{JOINFILE(""), "x.conf:5: joinfile has neither path nor export"},
		{JOINFILE("path = \"joins\";"),
			"x.conf:6: path \"joins\": not the absolute path of a file"},
		{JOINFILE("path = \"/run/inlet/\";"),
			"x.conf:6: path \"/run/inlet/\": not the absolute path of a file"},
		{JOINFILE("export = \"\";"),
			"x.conf:6: export \"\": not the absolute path of a file"},
		{JOINFILE("path = \"/j\";\nexport = \"/j\";"),
			"x.conf:7: joinfile: export is path"},
		{JOINFILE("export = \"/j\";\ninterfaces = [ \"lan\" ];"),
			"x.conf:7: joinfile has interfaces, but no path"},
		{JOINFILE("path = \"/j\"; interfaces = [ \"wan\" ];"),
			"x.conf:6: interfaces: the role of interface \"wan\" is not downstream"},
		{JOINFILE("path = \"/j\"; interfaces = [ \"x\" ];"),
			"x.conf:6: interfaces: there is no interface \"x\""},
		{JOINFILE("path = \"/j\"; file = 1;"),
			"x.conf:6: unknown key \"file\" in joinfile"},
	};

	(void)state;
	BROKEN(cases);
}

// Without interfaces, all with a downstream role; bits count those alone.
static void channel_interfaces(void **state)
{
#define IF(name, role) "{ name = \"" name "\"; device = \"d" name "\"; role = \"" role "\"; },\n"
	static const char text[] = "channels = ( { " SG(
		"232.1.1.1") " },\n"
			     "{ " SG("232.1.1.2") " interfaces = [ \"d\", \"b\" ]; } );\n"
						  "joinfile = { path = \"/j\"; };\n"
						  "interfaces = (\n" IF("a", "upstream") IF(
							  "b", "both") IF("c",
							  "downstream") "{ name = \"d\"; device = "
									"\"dd\"; role = "
									"\"downstream\"; } );\n";
	static struct config c;
	char err[CONFIG_ERR_LEN];

	(void)state;
	if (load(text, &c, err) != 0)
		fail_msg("%s", err);
	assert_int_equal(c.n_channels, 2);
	assert_int_equal(c.channels[0].down, 7);
	assert_int_equal(c.channels[1].down, 1 | 4);
	assert_int_equal(c.joinfile.down, 7);
	assert_int_equal(config_down_index(&c, &c.ifs[0]), -1);
	assert_int_equal(config_down_index(&c, &c.ifs[1]), 0);
	assert_int_equal(config_down_index(&c, &c.ifs[3]), 2);
}

#define ON(name, device, more) \
	"name = \"" name "\"; device = \"" device "\"; role = \"both\"; " more

// Interfaces of one port: VLANs beside at most one untagged.
static void shared_ports(void **state)
{
	static const struct broken cases[] = {
		{FILE_OF(ON("a", "d", "vlan = 7;"), ON("b", "d", "vlan = 7;"), ""),
			"x.conf:3: vlan 7 of device \"d\" is that of interface \"a\""},
		{FILE_OF(ON("a", "d,x=1", ""), ON("b", "d,x=2", "vlan = 7;"), ""),
			"x.conf:3: device \"d\" has other arguments at interface \"a\""},
		{FILE_OF(ON("a", "d,x=1", ""), ON("b", "d", "vlan = 7;"), ""),
			"x.conf:3: device \"d\" has other arguments at interface \"a\""},
		{FILE_OF(ON("a", "d", "mac = \"02:00:00:00:00:01\";"),
			 ON("b", "d", "vlan = 7; mac = \"02:00:00:00:00:02\";"), ""),
			"x.conf:3: mac differs from that of interface \"a\", which is on the same "
			"port"},
		{FILE_OF(ON("a", "d", "spread = \"tunnel\";"),
			 ON("b", "d", "vlan = 7; spread = \"off\";"), ""),
			"x.conf:3: spread differs from that of interface \"a\", which is on the "
			"same port"},
		{FILE_OF(ON("a", "d", "mtu = 1500;"), ON("b", "d", "vlan = 7; mtu = 1501;"), ""),
			"x.conf:3: mtu 1501 is more than that of interface \"a\", 1500, whose port "
			"it is on"},
		{FILE_OF(ON("a", "d", "vlan = 7; mtu = 1501;"), ON("b", "d", "mtu = 1500;"), ""),
			"x.conf:2: mtu 1501 is more than that of interface \"b\", 1500, whose port "
			"it is on"},
		{WAN_WITH("vlan = 0;"), "x.conf:2: vlan is 0, not in 1..4094"},
		{WAN_WITH("vlan = 4095;"), "x.conf:2: vlan is 4095, not in 1..4094"},
		{WAN_WITH("spread = \"on\";"),
			"x.conf:2: spread \"on\": not one of auto, off, tunnel, channel"},
		{WAN_WITH("mac = \"02:00:00:00:00\";"),
			"x.conf:2: mac \"02:00:00:00:00\": not a MAC address 02:00:00:00:00:01"},
		{WAN_WITH("mac = \"02:00:00:00:00:0\";"),
			"x.conf:2: mac \"02:00:00:00:00:0\": not a MAC address 02:00:00:00:00:01"},
		{WAN_WITH("mac = \"02:00:00:00:00:011\";"),
			"x.conf:2: mac \"02:00:00:00:00:011\": not a MAC address "
			"02:00:00:00:00:01"},
		{WAN_WITH("mac = \"03:00:00:00:00:01\";"),
			"x.conf:2: mac \"03:00:00:00:00:01\": not the address of one station"},
		{WAN_WITH("mac = \"00:00:00:00:00:00\";"),
			"x.conf:2: mac \"00:00:00:00:00:00\": not the address of one station"},
		{TOP("share_cpu = 1;"),
			"x.conf:5: share_cpu must be true or false, not an integer"},
		{TOP("idle = \"nap\";"), "x.conf:5: idle \"nap\": not one of auto, poll, sleep"},
	};
	static struct config c;
	char err[CONFIG_ERR_LEN];

	(void)state;
	BROKEN(cases);
	if (load(FILE_OF(ON("a", "01:00.0,x=1", "mtu = 1500; mac = \"02:00:00:00:00:01\";"),
			 ON("b", "0000:01:00.0,x=1", "vlan = 1; mtu = 1500;"), ""),
		    &c, err) != 0)
		fail_msg("%s", err);
	assert_true(config_same_device(c.ifs[0].device, c.ifs[1].device));
	assert_false(config_same_device("0000:01:00.0", "0000:01:00.1"));
}

// 64 interfaces can be downstream, 8 more upstream.
static void how_many_interfaces(void **state)
{
	static char text[16384];
	static struct config c;
	char err[CONFIG_ERR_LEN];

	(void)state;
	for (int down = 64; down <= 65; down++) {
		int n = snprintf(text, sizeof(text), "interfaces = (\n");

		for (int i = 1; i <= 72; i++)
			n += snprintf(text + n, sizeof(text) - (size_t)n,
				"{ name = \"i%d\"; device = \"d\"; vlan = %d; role = \"%s\"; }%s\n",
				i, i, i <= 72 - down ? "upstream" : "downstream",
				i < 72 ? "," : "");
		snprintf(text + n, sizeof(text) - (size_t)n, ");\n");
		if (down == 64)
			assert_int_equal(load(text, &c, err), 0);
		else
			expect_error(text,
				"x.conf:73: more than 64 interfaces with role downstream "
				"or both");
	}
	assert_int_equal(c.n_ifs, 72);
}

static void broken_interfaces(void **state)
{
#define LAN2(name, device, role) \
	"name = \"" name "\"; device = \"" device "\"; role = \"" role "\";"
#define BAD_NAME "a netdev name has letters, digits, '.', '_', '-' only"
	static const struct broken cases[] = {
		{FILE_OF(WAN, LAN2("wan", "d", "downstream"), ""),
			"x.conf:3: name \"wan\" is taken by another interface"},
		{FILE_OF(WAN, LAN2("lan", "0000:01:00.0", "downstream"), ""),
			"x.conf:3: device \"0000:01:00.0\" is that of interface \"wan\"; one port "
			"with both roles has role = \"both\", its VLANs each have a vlan"},
		{FILE_OF(WAN, LAN2("lan", "01:00.0", "downstream"), ""),
			"x.conf:3: device \"0000:01:00.0\" is that of interface \"wan\"; one port "
			"with both roles has role = \"both\", its VLANs each have a vlan"},
		{FILE_OF(LAN2("wan", "net_null0,size=64", "upstream"),
			 LAN2("lan", "net_null0,size=128", "downstream"), ""),
			"x.conf:3: device \"net_null0\" is that of interface \"wan\"; one port "
			"with both roles has role = \"both\", its VLANs each have a vlan"},
		{FILE_OF(LAN2("", "d", "both"), LAN, ""), "x.conf:2: name \"\": empty"},
		{FILE_OF(LAN2("abcdefghijklmnop", "d", "both"), LAN, ""),
			"x.conf:2: name \"abcdefghijklmnop\": longer than 15 characters"},
		{FILE_OF(LAN2("a/b", "d", "both"), LAN, ""), "x.conf:2: name \"a/b\": " BAD_NAME},
		{FILE_OF(LAN2("a b", "d", "both"), LAN, ""), "x.conf:2: name \"a b\": " BAD_NAME},
		{FILE_OF(LAN2("a%d", "d", "both"), LAN, ""), "x.conf:2: name \"a%d\": " BAD_NAME},
		{FILE_OF(LAN2("..", "d", "both"), LAN, ""),
			"x.conf:2: name \"..\": not a name that the netdev can take"},
		{FILE_OF(LAN2("lo", "d", "both"), LAN, ""),
			"x.conf:2: name \"lo\": not a name that the netdev can take"},
		{FILE_OF(LAN2("x", "", "both"), LAN, ""), "x.conf:2: device \"\": empty"},
		{FILE_OF(LAN2("x", "a b", "both"), LAN, ""),
			"x.conf:2: device \"a b\": neither a PCI address nor a vdev such as "
			"net_af_xdp0,iface=eth1"},
		{FILE_OF(LAN2("x", "d", "sideways"), LAN, ""),
			"x.conf:2: role \"sideways\": not one of upstream, downstream, both"},
		{FILE_OF(WAN, LAN2("lan", "d", "upstream"), ""),
			"x.conf:1: no interface has role downstream or both"},
		{FILE_OF(LAN2("a", "d", "downstream"), LAN, ""),
			"x.conf:1: no interface has role upstream or both"},
		{WAN_WITH("pim = { };"),
			"x.conf:2: pim on interface \"wan\", whose role is not downstream"},
		{WAN_WITH("igmp = { };"),
			"x.conf:2: igmp on interface \"wan\", whose role is not downstream"},
		{WAN_WITH("mld = { };"),
			"x.conf:2: mld on interface \"wan\", whose role is not downstream"},
		{LAN_WITH("mld = { query_interval = 10; };"),
			"x.conf:3: query_response_ms 10000 is not below query_interval 10 s"},
		{LAN_WITH("igmp = { query_interval = 10; };"),
			"x.conf:3: query_response_ms 10000 is not below query_interval 10 s"},
		{LAN_WITH("pim = { hello_interval = 105; };"),
			"x.conf:3: hello_holdtime 105 is not above hello_interval 105"},
		{LAN_WITH("pim = \"listen\";"),
			"x.conf:3: pim \"listen\": not one of speak, watch, off"},
		{LAN_WITH("pim = { mode = \"listen\"; };"),
			"x.conf:3: mode \"listen\": not one of speak, watch, off"},
		{WAN_WITH("pim = \"watch\";"),
			"x.conf:2: pim on interface \"wan\", whose role is not downstream"},
		{LAN_WITH("pim = { watch = { netdev = \"x\"; }; };"),
			"x.conf:3: watch, but the mode of pim is not \"watch\""},
		{LAN_WITH("pim = { mode = \"watch\"; enabled = false; };"),
			"x.conf:3: enabled is false, but the mode of pim is \"watch\""},
		{LAN_WITH("pim = { mode = \"watch\"; watch = { upstream = [ \"224.0.0.13\" ]; }; "
			  "};"),
			"x.conf:3: upstream: 224.0.0.13/32 is multicast"},
		{LAN_WITH("pim = { mode = \"watch\"; watch = { upstream = [ ]; }; };"),
			"x.conf:3: upstream needs at least 1 element"},
		{LAN_WITH("pim = { mode = \"watch\"; watch = { netdev = \"a b\"; }; };"),
			"x.conf:3: netdev \"a b\": a netdev name has letters, digits, '.', '_', "
			"'-' "
			"only"},
		{LAN_WITH("pim = { max_joins = 5; max_joins_neighbor = 6; };"),
			"x.conf:3: max_joins_neighbor 6 is above max_joins 5"},
		{LAN_WITH("pim = { neighbors = [ \"10.0.0.0/8\", \"224.0.0.0/8\" ]; };"),
			"x.conf:3: neighbors: 224.0.0.0/8 is multicast"},
		{LAN_WITH("pim = { neighbors = [ \"10.0.0.0/33\" ]; };"),
			"x.conf:3: neighbors \"10.0.0.0/33\": not a prefix a.b.c.d/len or "
			"a:b::/len"},
		{WAN_WITH("addresses = [ \"192.0.2.1\" ];"),
			"x.conf:2: addresses \"192.0.2.1\": not an address with its prefix length, "
			"a.b.c.d/len or a:b::c/len"},
		{WAN_WITH("addresses = [ \"192.0.2.1/33\" ];"),
			"x.conf:2: addresses \"192.0.2.1/33\": not an address with its prefix "
			"length, a.b.c.d/len or a:b::c/len"},
		{WAN_WITH("addresses = [ \"192.0.2.300/24\" ];"),
			"x.conf:2: addresses \"192.0.2.300/24\": not an address with its prefix "
			"length, a.b.c.d/len or a:b::c/len"},
		{WAN_WITH("addresses = [ \"2001:db8::/64\" ];"),
			"x.conf:2: addresses \"2001:db8::/64\": the anycast address of the "
			"subnet's routers"},
		{WAN_WITH("addresses = [ \"fe80::1/64\" ];"),
			"x.conf:2: addresses \"fe80::1/64\": link-local: the kernel makes that "
			"one"},
		{WAN_WITH("addresses = [ \"ff02::1/64\" ];"),
			"x.conf:2: addresses \"ff02::1/64\": not the address of an interface"},
		{WAN_WITH("addresses = [ \"2001:db8::1/64\" ];\n"
			  "routes = ( { to = \"::/0\"; via = \"192.0.2.1\"; } );"),
			"x.conf:3: route to ::/0 via an address of the other family"},
		{WAN_WITH("addresses = [ \"2001:db8::1/64\" ];\n"
			  "routes = ( { to = \"::/0\"; via = \"2001:db8:1::1\"; } );"),
			"x.conf:3: via 2001:db8:1::1 is in no network of interface \"wan\""},
		{WAN_WITH("addresses = [ \"2001:db8::1/64\" ];\n"
			  "routes = ( { to = \"::/0\"; via = \"ff02::2\"; } );"),
			"x.conf:3: via \"ff02::2\": not the address of a host"},
		{WAN_WITH("addresses = [ \"232.0.0.1/24\" ];"),
			"x.conf:2: addresses \"232.0.0.1/24\": not the address of an interface"},
		{WAN_WITH("addresses = [ \"192.0.2.0/24\" ];"),
			"x.conf:2: addresses \"192.0.2.0/24\": the network's own or its broadcast "
			"address"},
		{WAN_WITH("addresses = [ \"192.0.2.255/24\" ];"),
			"x.conf:2: addresses \"192.0.2.255/24\": the network's own or its "
			"broadcast address"},
		{FILE_OF(WAN "addresses = [ \"192.0.2.1/24\" ];",
			 LAN "addresses = [ \"192.0.2.1/25\" ];", ""),
			"x.conf:3: address 192.0.2.1 appears twice"},
		{WAN_WITH("addresses = [ \"10.0.0.1/24\", \"10.0.0.1/24\" ];"),
			"x.conf:2: address 10.0.0.1 appears twice"},
		{WAN_WITH("addresses = [ \"10.0.0.1/24\", \"10.0.0.2/24\", \"10.0.0.3/24\", "
			  "\"10.0.0.4/24\", \"10.0.0.5/24\", \"10.0.0.6/24\", \"10.0.0.7/24\", "
			  "\"10.0.0.8/24\", \"10.0.0.9/24\" ];"),
			"x.conf:2: addresses has 9 elements, at most 8 are allowed"},
		{WAN_WITH("routes = ( { to = \"0.0.0.0/0\"; } );"), "x.conf:2: via is missing"},
		{WAN_WITH("routes = ( { to = \"10.0.0.1/8\"; via = \"192.0.2.1\"; } );"),
			"x.conf:2: to \"10.0.0.1/8\": host bits are set; 10.0.0.0/8 has none"},
		{WAN_WITH("addresses = [ \"192.0.2.2/24\" ];\n"
			  "routes = ( { to = \"0.0.0.0/0\"; via = \"198.51.100.1\"; } );"),
			"x.conf:3: via 198.51.100.1 is in no network of interface \"wan\""},
		{WAN_WITH("routes = ( { to = \"0.0.0.0/0\"; via = \"192.0.2.1\"; },\n"
			  "{ to = \"0.0.0.0/0\"; via = \"192.0.2.2\"; } );"),
			"x.conf:3: route to 0.0.0.0/0 appears twice"},
		{FILE_OF(WAN "addresses = [ \"203.0.113.1/24\" ];", LAN,
			 "relays = ( { sources = \"1.0.0.0/8\"; relay = \"203.0.113.1\"; } );"),
			"x.conf:5: relay 203.0.113.1 is our own address"},
	};

	(void)state;
	BROKEN(cases);
}

static void includes(void **state)
{
	static struct config c;
	char err[CONFIG_ERR_LEN];
	static const char limits[] = "limits = { channels = 7; };\n",
			  wrapped[] = "\nlimits = { channels = 4294967303; };\n",
			  unknown[] = "\n\nbogus = 7;\n", self[] = "@include \"self.conf\"\n",
			  syntax[] = "\nlimits = {\n";

	(void)state;
	write_file("limits.conf", limits, strlen(limits));
	if (load(TOP("@include \"limits.conf\""), &c, err) != 0)
		fail_msg("%s", err);
	assert_int_equal(c.max_channels, 7);
	write_file("limits.conf", wrapped, strlen(wrapped));
	expect_error(TOP("@include \"limits.conf\""), "limits.conf:2: " NO_FIT "4294967303");
	write_file("limits.conf", unknown, strlen(unknown));
	expect_error(TOP("@include \"limits.conf\""), "limits.conf:3: unknown key \"bogus\"");
	write_file("limits.conf", syntax, strlen(syntax));
	assert_int_equal(load(TOP("@include \"limits.conf\""), &c, err), -EINVAL);
	assert_non_null(strstr(err, "syntax error"));
	write_file("self.conf", self, strlen(self));
	expect_error(TOP("@include \"self.conf\""),
		"self.conf:1: too many files included, the last one is self.conf");
	assert_int_equal(load(TOP("@include \"absent.conf\""), &c, err), -EINVAL);
	assert_non_null(strstr(err, "x.conf:5: cannot read "));
	assert_non_null(strstr(err, "absent.conf: No such file or directory"));
	// libconfig's scanner would exit the process.
	assert_int_equal(load(TOP("@include \".\""), &c, err), -EINVAL);
	assert_non_null(strstr(err, "Is a directory"));
	expect_error(TOP("@include limits"), "x.conf:5: @include without a file name in quotes");
	expect_error(TOP("@include \"limits"), "x.conf:5: @include without a closing quote");
}

static void not_readable(void **state)
{
	static struct config c;
	char err[CONFIG_ERR_LEN];

	(void)state;
	assert_int_equal(config_load("/nonexistent.conf", &c, err), -ENOENT);
	assert_string_equal(err, "/nonexistent.conf: No such file or directory");
	assert_int_equal(config_load("/tmp", &c, err), -EISDIR);
	assert_string_equal(err, "/tmp: Is a directory");
	assert_int_equal(config_load("/dev/zero", &c, err), -EINVAL);
	assert_string_equal(err, "/dev/zero: not a regular file");
}

#define BOND "name = \"wan\"; role = \"upstream\"; device = \"net_bonding0,mode=1,"

static void bonds(void **state)
{
	static struct config c;
	char err[CONFIG_ERR_LEN];

	(void)state;
	assert_int_equal(load(FILE_OF(BOND "slave=01:00.2,slave=net_tap0\";\n"
					   "members = [ \"0000:01:00.2\", \"net_tap0,iface=x\" ];",
				      LAN, ""),
				 &c, err),
		0);
	assert_int_equal(c.ifs[0].n_members, 2);
	assert_string_equal(c.ifs[0].members[1], "net_tap0,iface=x");
	assert_int_equal(c.ifs[1].n_members, 0);
	// A VLAN of the bond may name them, or not.
	assert_int_equal(
		load(FILE_OF(BOND "slave=net_tap0\"; vlan = 5; members = [ \"net_tap0\" ];",
			     "name = \"l\"; role = \"downstream\"; vlan = 6; device = "
			     "\"net_bonding0,mode=1,slave=net_tap0\"; members = [ \"net_tap0\" ];",
			     ""),
			&c, err),
		0);
	expect_error(FILE_OF(BOND "x=1\";", LAN, ""),
		"x.conf:2: device \"net_bonding0,mode=1,x=1\" is a bond without a slave=");
	expect_error(WAN_WITH("members = [ \"net_tap0\" ];"),
		"x.conf:2: members, but device \"0000:01:00.0\" is no bond (net_bonding0,...)");
	expect_error(FILE_OF(BOND "slave=net_tap0\";\nmembers = [ \"net_tap1\" ];", LAN, ""),
		"x.conf:3: members: \"net_tap1\" is no slave= of device "
		"\"net_bonding0,mode=1,slave=net_tap0\"");
	expect_error(FILE_OF(BOND "slave=net_af_xdp0\";\nmembers = [ \"net_af_xdp0,iface=a\" ];",
			     LAN, ""),
		"x.conf:3: members: \"net_af_xdp0,iface=a\" cannot be in a bond (net_af_packet and "
		"NICs can)");
	expect_error(FILE_OF(BOND "slave=0000:01:00.1\";\nmembers = [ \"01:00.1\" ];", LAN, ""),
		"x.conf:3: members: \"01:00.1\" is the device of interface \"lan\"");
	expect_error(
		FILE_OF(BOND "slave=net_tap0\";\nmembers = [ \"net_tap0\", \"net_tap0,a=b\" ];",
			LAN, ""),
		"x.conf:3: members: \"net_tap0,a=b\" appears twice");
	expect_error(FILE_OF(BOND "slave=net_tap0\";\nmembers = [ \"-x\" ];", LAN, ""),
		"x.conf:3: members \"-x\": neither a PCI address nor a vdev such as "
		"net_af_xdp0,iface=eth1");
}

// All that there are in a folder load. How many.
static unsigned int load_folder(const char *from)
{
	static struct config c;
	char err[CONFIG_ERR_LEN], path[512];
	struct dirent *e;
	unsigned int n = 0;
	DIR *d = opendir(from ? from : "");

	if (!d) {
		fail_msg("no examples in $EXAMPLES_DIR");
		return 0; // for tools that do not know that fail_msg() ends the test
	}
	while ((e = readdir(d))) {
		const char *dot = strrchr(e->d_name, '.');

		if (!dot || strcmp(dot, ".conf") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", from, e->d_name);
		if (config_load(path, &c, err) != 0)
			fail_msg("%s", err);
		n++;
	}
	closedir(d);
	return n;
}

// The examples, and those of the drivers' pages.
static void examples(void **state)
{
	const char *from = getenv("EXAMPLES_DIR");
	char above[512];

	(void)state;
	assert_true(load_folder(from) >= 4);
	snprintf(above, sizeof(above), "%s/..", from ? from : "");
	assert_true(load_folder(above) >= 15);
}

// Every truncation and every octet replaced: no crash, an error of one line or a sound result.
static void mutilated(void **state)
{
	static struct config c;
	char err[CONFIG_ERR_LEN], path[64];
	size_t len = strlen(everything);
	char *copy = malloc(len + 1);
	static const char with[] = {'\0', '"', '{', '9', '\n', '@', '\\', (char)0xff};

	(void)state;
	snprintf(path, sizeof(path), "%s/x.conf", dir);
	for (size_t i = 0; i <= len; i++) {
		write_file("x.conf", everything, i);
		if (config_load(path, &c, err) != 0) {
			assert_non_null(strchr(err, ':'));
			assert_null(strchr(err, '\n'));
		}
	}
	for (size_t i = 0; i < len; i++) {
		memcpy(copy, everything, len + 1);
		copy[i] = with[i % sizeof(with)];
		write_file("x.conf", copy, len);
		if (config_load(path, &c, err) != 0) {
			assert_non_null(strchr(err, ':'));
			assert_null(strchr(err, '\n'));
		}
	}
	free(copy);
}

static int remove_dir(void **state)
{
	static const char *const names[] = {"x.conf", "limits.conf", "self.conf"};
	char path[64];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(every_key),
		cmocka_unit_test(pim_modes),
		cmocka_unit_test(auto_forms),
		cmocka_unit_test(broken_syntax_and_types),
		cmocka_unit_test(broken_integers),
		cmocka_unit_test(digits_elsewhere),
		cmocka_unit_test(broken_values),
		cmocka_unit_test(broken_interfaces),
		cmocka_unit_test(both_families),
		cmocka_unit_test(broken_channels),
		cmocka_unit_test(channel_interfaces),
		cmocka_unit_test(shared_ports),
		cmocka_unit_test(how_many_interfaces),
		cmocka_unit_test(includes),
		cmocka_unit_test(not_readable),
		cmocka_unit_test(bonds),
		cmocka_unit_test(examples),
		cmocka_unit_test(mutilated),
	};

	if (!mkdtemp(dir))
		return 1;
	return cmocka_run_group_tests_name(__FILE__, tests, NULL, remove_dir);
}
