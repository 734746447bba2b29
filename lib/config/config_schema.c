// SPDX-License-Identifier: BSD-3-Clause
// Every key of the file, its type, range and place; and the defaults.
#include <string.h>

#include "config/config_internal.h"

#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define ELEMENTS(type, member) \
	.offset = offsetof(type, member), .size = sizeof(((type *)0)->member[0])
#define COUNT(type, member) .count_offset = offsetof(type, member)
#define RANGE(lo, hi)	    .min = (lo), .max = (hi)
#define RESTART		    .restart = true
#define DAY_S		    86400
#define PUNT_MAX	    10000000 // frames a second

static const struct schema schema_route[] = {
	{"to", SCHEMA_TEXT, .required = true, FIELD(struct config_route, to), .value = value_prefix,
		.text = text_prefix},
	{"via", SCHEMA_TEXT, .required = true, FIELD(struct config_route, via),
		.value = value_gateway, .text = text_addr},
	{0},
};

static const struct schema schema_watch[] = {
	{"netdev", SCHEMA_TEXT, FIELD(struct config_watch, netdev), .value = value_ifname,
		.text = text_string},
	{"upstream", SCHEMA_TEXTS, ELEMENTS(struct config_watch, upstream),
		COUNT(struct config_watch, n_upstream), RANGE(1, CONFIG_MAX_NEIGHBORS),
		.value = value_prefix, .text = text_prefix},
	{0},
};

// The upper bounds are those of the fields on the wire (RFC 7761 section 4.9.2).
static const struct schema schema_pim[] = {
	{"mode", SCHEMA_TEXT, FIELD(struct config_pim, mode), .value = value_pim_mode,
		.text = text_pim_mode},
	{"enabled", SCHEMA_BOOL, FIELD(struct config_pim, enabled)},
	{"families", SCHEMA_TEXT, FIELD(struct config_pim, families), .value = value_families,
		.text = text_families},
	{"watch", SCHEMA_GROUP, FIELD(struct config_pim, watch), .sub = schema_watch},
	{"hello_interval", SCHEMA_INT, FIELD(struct config_pim, hello_interval_s), RANGE(1, 18724)},
	{"hello_holdtime", SCHEMA_INT, FIELD(struct config_pim, hello_holdtime_s), RANGE(1, 65535)},
	{"triggered_hello_delay_ms", SCHEMA_INT, FIELD(struct config_pim, triggered_hello_delay_ms),
		RANGE(0, 60000)},
	{"dr_priority", SCHEMA_INT, FIELD(struct config_pim, dr_priority), RANGE(0, UINT32_MAX)},
	{"propagation_delay_ms", SCHEMA_INT, FIELD(struct config_pim, propagation_delay_ms),
		RANGE(0, 32767)},
	{"override_interval_ms", SCHEMA_INT, FIELD(struct config_pim, override_interval_ms),
		RANGE(0, 65535)},
	// The largest values of the fields mean infinity (section 4.6.3).
	{"assert_metric_preference", SCHEMA_INT, FIELD(struct config_pim, assert_preference),
		RANGE(0, 0x7ffffffe)},
	{"assert_metric", SCHEMA_INT, FIELD(struct config_pim, assert_metric),
		RANGE(0, 0xfffffffe)},
	{"neighbors", SCHEMA_TEXTS, ELEMENTS(struct config_pim, neighbors),
		COUNT(struct config_pim, n_neighbors), RANGE(1, CONFIG_MAX_NEIGHBORS),
		.value = value_prefix, .text = text_prefix},
	{"max_neighbors", SCHEMA_INT, FIELD(struct config_pim, max_neighbors), RANGE(1, 65536)},
	{"max_joins", SCHEMA_INT, .auto_ok = true, FIELD(struct config_pim, max_joins),
		RANGE(1, 4194304)},
	{"max_joins_neighbor", SCHEMA_INT, .auto_ok = true,
		FIELD(struct config_pim, max_joins_neighbor), RANGE(1, 4194304)},
	{"neighbor_rate", SCHEMA_INT, FIELD(struct config_pim, neighbor_rate), RANGE(0, PUNT_MAX)},
	{0},
};

// The bounds are those of the codes on the wire of IGMP, in tenths of a second and seconds.
static const struct schema schema_membership[] = {
	{"enabled", SCHEMA_BOOL, FIELD(struct config_membership, enabled)},
	{"query_interval", SCHEMA_INT, FIELD(struct config_membership, query_interval_s),
		RANGE(1, 31744)},
	{"query_response_ms", SCHEMA_INT, FIELD(struct config_membership, query_response_ms),
		RANGE(100, 3174400)},
	{"robustness", SCHEMA_INT, FIELD(struct config_membership, robustness), RANGE(1, 7)},
	{"last_member_interval_ms", SCHEMA_INT,
		FIELD(struct config_membership, last_member_interval_ms), RANGE(100, 25500)},
	{"last_member_count", SCHEMA_INT, FIELD(struct config_membership, last_member_count),
		RANGE(1, 7)},
	{"fast_leave", SCHEMA_BOOL, FIELD(struct config_membership, fast_leave)},
	{"max_channels", SCHEMA_INT, FIELD(struct config_membership, max_channels),
		RANGE(1, 4194304)},
	{0},
};

static const struct schema schema_if[] = {
	{"name", SCHEMA_TEXT, .required = true, FIELD(struct config_if, name),
		.value = value_ifname, .text = text_string},
	{"device", SCHEMA_TEXT, .required = true, FIELD(struct config_if, device),
		.value = value_device, .text = text_string, RESTART},
	{"members", SCHEMA_TEXTS, ELEMENTS(struct config_if, members),
		COUNT(struct config_if, n_members), RANGE(1, CONFIG_MAX_MEMBERS),
		.value = value_member, .text = text_string, RESTART},
	{"vlan", SCHEMA_INT, FIELD(struct config_if, vlan), RANGE(1, 4094), RESTART},
	{"role", SCHEMA_TEXT, .required = true, FIELD(struct config_if, role), .value = value_role,
		.text = text_role, RESTART},
	{"mtu", SCHEMA_INT, FIELD(struct config_if, mtu), RANGE(576, 16000), RESTART},
	{"addresses", SCHEMA_TEXTS, ELEMENTS(struct config_if, addrs),
		COUNT(struct config_if, n_addrs), RANGE(0, CONFIG_MAX_ADDRS),
		.value = value_if_addr, .text = text_if_addr},
	{"routes", SCHEMA_GROUPS, ELEMENTS(struct config_if, routes),
		COUNT(struct config_if, n_routes), RANGE(0, CONFIG_MAX_ROUTES),
		.sub = schema_route},
	{"pim", SCHEMA_GROUP, FIELD(struct config_if, pim), .sub = schema_pim, .short_key = "mode"},
	{"igmp", SCHEMA_GROUP, FIELD(struct config_if, igmp), .sub = schema_membership},
	{"mld", SCHEMA_GROUP, FIELD(struct config_if, mld), .sub = schema_membership},
	{"mac", SCHEMA_TEXT, FIELD(struct config_if, mac), .value = value_mac, .text = text_mac,
		RESTART},
	{"rx_desc", SCHEMA_INT, FIELD(struct config_if, rx_desc), RANGE(32, 32768), RESTART},
	{"tx_desc", SCHEMA_INT, FIELD(struct config_if, tx_desc), RANGE(32, 32768), RESTART},
	{"mbufs", SCHEMA_INT, FIELD(struct config_if, mbufs), RANGE(512, 16777216), RESTART},
	{"spread", SCHEMA_TEXT, FIELD(struct config_if, spread), .value = value_spread,
		.text = text_spread, RESTART},
	{0},
};

static const struct schema schema_relay[] = {
	{"sources", SCHEMA_TEXT, .required = true, FIELD(struct config_static_relay, sources),
		.value = value_sources, .text = text_prefix},
	{"relay", SCHEMA_TEXT, .required = true, FIELD(struct config_static_relay, relay),
		.value = value_host, .text = text_addr},
	{"discovery", SCHEMA_BOOL, FIELD(struct config_static_relay, discovery)},
	{"precedence", SCHEMA_INT, FIELD(struct config_static_relay, precedence), RANGE(0, 255)},
	{0},
};

static const struct schema schema_relay_quirks[] = {
	{"relay", SCHEMA_TEXT, .required = true, FIELD(struct config_relay_quirks, relay),
		.value = value_host, .text = text_addr},
	{"quirks", SCHEMA_TEXTS, .required = true, ELEMENTS(struct config_relay_quirks, quirks),
		COUNT(struct config_relay_quirks, n_quirks), RANGE(0, CONFIG_MAX_QUIRKS),
		.value = value_quirk, .text = text_string},
	{0},
};

static const struct schema schema_channel[] = {
	{"source", SCHEMA_TEXT, .required = true, FIELD(struct config_channel_draft, sg.s),
		.value = value_source, .text = text_addr},
	{"group", SCHEMA_TEXT, .required = true, FIELD(struct config_channel_draft, sg.g),
		.value = value_group, .text = text_addr},
	{"interfaces", SCHEMA_TEXTS, ELEMENTS(struct config_channel_draft, interfaces.name),
		COUNT(struct config_channel_draft, interfaces.n), RANGE(1, CONFIG_MAX_DOWN),
		.value = value_ifname, .text = text_string},
	{0},
};

static const struct schema schema_joinfile[] = {
	{"path", SCHEMA_TEXT, FIELD(struct config_draft, c.joinfile.path), .value = value_path,
		.text = text_string},
	{"interfaces", SCHEMA_TEXTS, ELEMENTS(struct config_draft, joinfile_interfaces.name),
		COUNT(struct config_draft, joinfile_interfaces.n), RANGE(1, CONFIG_MAX_DOWN),
		.value = value_ifname, .text = text_string},
	{"export", SCHEMA_TEXT, FIELD(struct config_draft, c.joinfile.export), .value = value_path,
		.text = text_string},
	{0},
};

static const struct schema schema_dns[] = {
	{"resolvers", SCHEMA_TEXTS, ELEMENTS(struct config_draft, resolvers),
		COUNT(struct config_draft, c.dns.n_resolvers), RANGE(1, CONFIG_MAX_RESOLVERS),
		.value = value_resolver, .text = text_resolver},
	{"search_domains", SCHEMA_TEXTS, ELEMENTS(struct config_draft, c.dns.domains),
		COUNT(struct config_draft, c.dns.n_domains), RANGE(0, CONFIG_MAX_DOMAINS),
		.value = value_domain, .text = text_string},
	{"queries_per_100ms", SCHEMA_INT, FIELD(struct config_draft, c.dns.queries_per_100ms),
		RANGE(1, 1000)},
	{"retry_initial_ms", SCHEMA_INT, FIELD(struct config_draft, c.dns.retry_initial_ms),
		RANGE(100, 60000)},
	{"retry_max", SCHEMA_INT, FIELD(struct config_draft, c.dns.retry_max_s), RANGE(1, DAY_S)},
	{"negative_ttl_max", SCHEMA_INT, FIELD(struct config_draft, c.dns.negative_ttl_max_s),
		RANGE(0, DAY_S)},
	{"private_sources", SCHEMA_BOOL, FIELD(struct config_draft, c.dns.private_sources)},
	{"dnssec", SCHEMA_TEXT, FIELD(struct config_draft, c.dns.dnssec), .value = value_dnssec,
		.text = text_dnssec},
	{"trust_anchors", SCHEMA_TEXTS, ELEMENTS(struct config_draft, c.dns.trust_anchors),
		COUNT(struct config_draft, c.dns.n_trust_anchors), RANGE(1, CONFIG_MAX_ANCHORS),
		.value = value_anchor, .text = text_string},
	{"trust_anchor_file", SCHEMA_TEXT, FIELD(struct config_draft, c.dns.trust_anchor_file),
		.value = value_path, .text = text_string},
	{"insecure_domains", SCHEMA_TEXTS, ELEMENTS(struct config_draft, c.dns.insecure_domains),
		COUNT(struct config_draft, c.dns.n_insecure_domains), RANGE(0, CONFIG_MAX_INSECURE),
		.value = value_domain, .text = text_string},
	{0},
};

static const struct schema schema_amt[] = {
	{"retry_initial_ms", SCHEMA_INT, FIELD(struct config_amt, retry_initial_ms),
		RANGE(100, 60000)},
	{"retry_max", SCHEMA_INT, FIELD(struct config_amt, retry_max_s), RANGE(1, DAY_S)},
	{"request_tries", SCHEMA_INT, FIELD(struct config_amt, request_tries), RANGE(1, 100)},
	{"hold_down", SCHEMA_INT, FIELD(struct config_amt, hold_down_s), RANGE(0, DAY_S)},
	{"full_hold_down", SCHEMA_INT, FIELD(struct config_amt, full_hold_down_s), RANGE(0, DAY_S)},
	{"traffic_timeout_ms", SCHEMA_INT, FIELD(struct config_amt, traffic_timeout_ms),
		RANGE(0, 3600000)},
	{"traffic_timeout_max", SCHEMA_INT, FIELD(struct config_amt, traffic_timeout_max_s),
		RANGE(1, DAY_S)},
	{"race_delay_ms", SCHEMA_INT, FIELD(struct config_amt, race_delay_ms), RANGE(0, 2000)},
	{"race_next_ms", SCHEMA_INT, FIELD(struct config_amt, race_next_ms), RANGE(0, 60000)},
	{"update_mtu", SCHEMA_INT, FIELD(struct config_amt, update_mtu), RANGE(576, 9000)},
	{"ecn", SCHEMA_BOOL, FIELD(struct config_amt, ecn)},
	{"relay_rate", SCHEMA_INT, FIELD(struct config_amt, relay_rate), RANGE(0, PUNT_MAX)},
	{"linger", SCHEMA_INT, FIELD(struct config_amt, linger_s), RANGE(0, DAY_S)},
	{"endpoints", SCHEMA_INT, FIELD(struct config_amt, endpoints), RANGE(1, 16)},
	{"outer_fragments", SCHEMA_TEXT, FIELD(struct config_amt, reassemble),
		.value = value_fragments, .text = text_fragments, RESTART},
	{"fragment_datagrams", SCHEMA_INT, FIELD(struct config_amt, fragment_datagrams),
		RANGE(1, 32768), RESTART},
	{"fragment_timeout_ms", SCHEMA_INT, FIELD(struct config_amt, fragment_timeout_ms),
		RANGE(1, 30000), RESTART},
	{0},
};

static const struct schema schema_console[] = {
	{"socket", SCHEMA_TEXT, FIELD(struct config_draft, c.console_socket), .value = value_socket,
		.text = text_string, RESTART},
	{0},
};

static const struct schema schema_acl_list[] = {
	{"permit", SCHEMA_TEXTS, ELEMENTS(struct config_acl, permit),
		COUNT(struct config_acl, n_permit), RANGE(0, CONFIG_MAX_ACL), .value = value_prefix,
		.text = text_prefix},
	{"deny", SCHEMA_TEXTS, ELEMENTS(struct config_acl, deny), COUNT(struct config_acl, n_deny),
		RANGE(0, CONFIG_MAX_ACL), .value = value_prefix, .text = text_prefix},
	{0},
};

static const struct schema schema_acl[] = {
	{"sources", SCHEMA_GROUP, FIELD(struct config_acls, sources), .sub = schema_acl_list},
	{"groups", SCHEMA_GROUP, FIELD(struct config_acls, groups), .sub = schema_acl_list},
	{"relays", SCHEMA_GROUP, FIELD(struct config_acls, relays), .sub = schema_acl_list},
	{0},
};

static const struct schema schema_limits[] = {
	{"channels", SCHEMA_INT, FIELD(struct config_draft, c.max_channels), RANGE(1, 4194304)},
	{"tunnels", SCHEMA_INT, FIELD(struct config_draft, c.max_tunnels), RANGE(1, 65536)},
	{"memberships", SCHEMA_INT, FIELD(struct config_draft, c.max_memberships),
		RANGE(1, 4194304)},
	{"lookups", SCHEMA_INT, FIELD(struct config_draft, c.max_lookups), RANGE(1, 4194304)},
	{"channels_per_source", SCHEMA_INT, .auto_ok = true,
		FIELD(struct config_draft, c.max_per_source), RANGE(1, 4194304)},
	{0},
};

static const struct schema schema_punt[] = {
	{"neighbor", SCHEMA_INT, FIELD(struct config_punt, neighbor), RANGE(0, PUNT_MAX)},
	{"pim", SCHEMA_INT, FIELD(struct config_punt, pim), RANGE(0, PUNT_MAX)},
	{"membership", SCHEMA_INT, FIELD(struct config_punt, membership), RANGE(0, PUNT_MAX)},
	{"amt", SCHEMA_INT, FIELD(struct config_punt, amt), RANGE(0, PUNT_MAX)},
	{"dns", SCHEMA_INT, FIELD(struct config_punt, dns), RANGE(0, PUNT_MAX)},
	{"stray", SCHEMA_INT, FIELD(struct config_punt, stray), RANGE(0, PUNT_MAX)},
	{"other", SCHEMA_INT, FIELD(struct config_punt, other), RANGE(0, PUNT_MAX)},
	{0},
};

static const struct schema schema_log[] = {
	{"format", SCHEMA_TEXT, FIELD(struct config_draft, c.log_format), .value = value_log_format,
		.text = text_log_format},
	{"rate", SCHEMA_INT, FIELD(struct config_draft, c.log_rate), RANGE(0, 1000000)},
	{0},
};

static const struct schema schema_metrics[] = {
	{"listen", SCHEMA_TEXT, FIELD(struct config_metrics, listen), .value = value_listen,
		.text = text_listen},
	{"channels", SCHEMA_INT, FIELD(struct config_metrics, channels), RANGE(0, 1000)},
	{"tunnels", SCHEMA_INT, FIELD(struct config_metrics, tunnels), RANGE(0, 4096)},
	{0},
};

static const struct schema schema_health[] = {
	{"up_after", SCHEMA_INT, FIELD(struct config_health, up_after_s), RANGE(0, DAY_S)},
	{"worker_timeout_ms", SCHEMA_INT, FIELD(struct config_health, worker_timeout_ms),
		RANGE(200, 60000)},
	{"relay_timeout_ms", SCHEMA_INT, FIELD(struct config_health, relay_timeout_ms),
		RANGE(500, 600000)},
	{"probe", SCHEMA_TEXTS, ELEMENTS(struct config_health, probe),
		COUNT(struct config_health, n_probe), RANGE(0, CONFIG_MAX_PROBES),
		.value = value_host, .text = text_addr},
	{"drain_timeout", SCHEMA_INT, FIELD(struct config_health, drain_timeout_s),
		RANGE(0, DAY_S)},
	{"linger_ms", SCHEMA_INT, FIELD(struct config_health, linger_ms), RANGE(0, 10000)},
	{0},
};

static void if_defaults(void *elem)
{
	struct config_if *i = elem;

	i->pim = (struct config_pim){
		.enabled = true,
		.families = CONFIG_BOTH,
		.hello_interval_s = 30,
		.hello_holdtime_s = 105,
		.triggered_hello_delay_ms = 5000,
		.dr_priority = 1,
		.propagation_delay_ms = 500,
		.override_interval_ms = 2500,
		.assert_preference = 250,
		.assert_metric = 10,
		.max_neighbors = 256,
		.neighbor_rate = 20000,
	};
	i->igmp = (struct config_membership){
		.query_interval_s = 125,
		.query_response_ms = 10000,
		.robustness = 2,
		.last_member_interval_ms = 1000,
		.last_member_count = 2,
		.max_channels = 10000,
	};
	i->mld = i->igmp;
	i->rx_desc = 1024;
	i->tx_desc = 1024;
}

static void relay_defaults(void *elem)
{
	struct config_static_relay *r = elem;

	r->discovery = true;
	r->precedence = 10;
}

const struct schema config_schema[] = {
	{"log_level", SCHEMA_TEXT, FIELD(struct config_draft, c.log_level),
		.value = value_log_level, .text = text_log_level},
	{"log", SCHEMA_GROUP, .sub = schema_log},
	{"metrics", SCHEMA_GROUP, FIELD(struct config_draft, c.metrics), .sub = schema_metrics},
	{"health", SCHEMA_GROUP, FIELD(struct config_draft, c.health), .sub = schema_health},
	{"workers", SCHEMA_INTS, .auto_ok = true, ELEMENTS(struct config_draft, c.workers),
		COUNT(struct config_draft, c.n_workers), RANGE(0, CONFIG_MAX_CPUS), RESTART},
	{"control_cpu", SCHEMA_INT, .auto_ok = true, FIELD(struct config_draft, c.control_cpu),
		RANGE(0, 1023), RESTART},
	{"share_cpu", SCHEMA_BOOL, FIELD(struct config_draft, c.share_cpu), RESTART},
	{"idle", SCHEMA_TEXT, FIELD(struct config_draft, c.idle), .value = value_idle,
		.text = text_idle, RESTART},
	{"memory", SCHEMA_TEXT, FIELD(struct config_draft, c.memory), .value = value_memory,
		.text = text_memory, RESTART},
	{"memory_mb", SCHEMA_INT, FIELD(struct config_draft, c.memory_mb), RANGE(32, 1048576),
		RESTART},
	{"eal", SCHEMA_TEXTS, ELEMENTS(struct config_draft, c.eal),
		COUNT(struct config_draft, c.n_eal), RANGE(0, CONFIG_MAX_EAL), .value = value_eal,
		.text = text_string, RESTART},
	{"interfaces", SCHEMA_GROUPS, .required = true, ELEMENTS(struct config_draft, c.ifs),
		COUNT(struct config_draft, c.n_ifs), RANGE(1, CONFIG_MAX_IFS), .sub = schema_if,
		.defaults = if_defaults},
	{"ssm_ranges", SCHEMA_TEXTS, ELEMENTS(struct config_draft, c.ssm_ranges),
		COUNT(struct config_draft, c.n_ssm_ranges), RANGE(1, CONFIG_MAX_RANGES),
		.value = value_ssm_range, .text = text_prefix, RESTART},
	{"channels", SCHEMA_GROUPS, ELEMENTS(struct config_draft, channels),
		COUNT(struct config_draft, c.n_channels), RANGE(0, CONFIG_MAX_CHANNELS),
		.sub = schema_channel},
	{"joinfile", SCHEMA_GROUP, .sub = schema_joinfile},
	{"dns", SCHEMA_GROUP, .sub = schema_dns},
	{"amt", SCHEMA_GROUP, FIELD(struct config_draft, c.amt), .sub = schema_amt},
	{"discovery", SCHEMA_TEXTS, ELEMENTS(struct config_draft, c.discovery),
		COUNT(struct config_draft, c.n_discovery), RANGE(0, CONFIG_MAX_METHODS),
		.value = value_discovery, .text = text_discovery},
	{"relays", SCHEMA_GROUPS, ELEMENTS(struct config_draft, c.relays),
		COUNT(struct config_draft, c.n_relays), RANGE(0, CONFIG_MAX_STATIC),
		.sub = schema_relay, .defaults = relay_defaults},
	{"relay_quirks", SCHEMA_GROUPS, ELEMENTS(struct config_draft, c.relay_quirks),
		COUNT(struct config_draft, c.n_relay_quirks), RANGE(0, CONFIG_MAX_STATIC),
		.sub = schema_relay_quirks},
	{"console", SCHEMA_GROUP, .sub = schema_console},
	{"state_file", SCHEMA_TEXT, FIELD(struct config_draft, c.state_file),
		.value = value_state_file, .text = text_state_file},
	{"limits", SCHEMA_GROUP, .sub = schema_limits},
	{"acl", SCHEMA_GROUP, FIELD(struct config_draft, c.acl), .sub = schema_acl},
	{"punt", SCHEMA_GROUP, FIELD(struct config_draft, c.punt), .sub = schema_punt},
	{0},
};

void config_defaults(struct config *c)
{
	memset(c, 0, sizeof(*c));
	c->log_level = LOG_LEVEL_INFO;
	c->log_rate = LOG_RATE_DEFAULT;
	c->metrics = (struct config_metrics){
		.listen.port = CONFIG_METRICS_PORT, .channels = 20, .tunnels = 256};
	addr_parse("127.0.0.1", &c->metrics.listen.addr);
	c->health = (struct config_health){
		.up_after_s = 10,
		.worker_timeout_ms = 1000,
		.relay_timeout_ms = 3000,
		.drain_timeout_s = 60,
		.linger_ms = 1000,
	};
	c->memory = MEMORY_AUTO;
	c->control_cpu = -1;
	prefix_parse("232.0.0.0/8", &c->ssm_ranges[0]);
	prefix_parse("ff30::/32", &c->ssm_ranges[1]);
	c->n_ssm_ranges = 2;
	for (c->n_discovery = 0; c->n_discovery < CONFIG_MAX_METHODS; c->n_discovery++)
		c->discovery[c->n_discovery] = (enum config_discovery)c->n_discovery;
	c->dns = (struct config_dns){
		.queries_per_100ms = 10,
		.retry_initial_ms = 1000,
		.retry_max_s = 120,
		.negative_ttl_max_s = 300,
		.dnssec = DNSSEC_PERMISSIVE,
	};
	c->amt = (struct config_amt){
		.retry_initial_ms = 1000,
		.retry_max_s = 120,
		.request_tries = 4,
		.hold_down_s = 180,
		.full_hold_down_s = 600,
		.traffic_timeout_ms = 4000,
		.traffic_timeout_max_s = 120,
		.race_delay_ms = 250,
		.race_next_ms = 1000,
		.update_mtu = 1280,
		.ecn = true,
		.relay_rate = 1000,
		.linger_s = 2,
		.endpoints = 1,
		.reassemble = true,
		.fragment_datagrams = 256,
		.fragment_timeout_ms = 200,
	};
	strcpy(c->console_socket, "/run/inlet/console.sock");
	strcpy(c->state_file, "auto");
	c->punt = (struct config_punt){
		.neighbor = 4000,
		.pim = 40000,
		.membership = 20000,
		.amt = 10000,
		.dns = 10000,
		.stray = 100,
		.other = 20000,
	};
	c->max_channels = 65536;
	c->max_lookups = 65536;
	c->max_tunnels = 4096;
	c->max_memberships = 65536;
}
