// SPDX-License-Identifier: BSD-3-Clause
#include "fakes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timer.h"
#include "channel/channel.h"
#include "driad/driad.h"
#include "joinfile/export.h"
#include "joinfile/import.h"
#include "kif/kif.h"
#include "membership/membership.h"
#include "pim/pim.h"
#include "port/port.h"

unsigned int fake_channels;
struct baseline *fake_baseline;

static struct port ports[2] = {
	{.port_id = 0, .mac = {2, 0, 0, 0, 0, 1}, .driver = "net_fake"},
	{.port_id = 1, .mac = {2, 0, 0, 0, 0, 2}, .driver = "net_fake"},
};
static struct crossing crossing;
static struct crossing_worker workers[2];
static struct kif_stats kif_counts = {10, 20, 1, 2};
static struct pim_stats pim_counts = {.drops = {[PIM_DROP_CHECKSUM] = 3}};
static struct membership_stats igmp_counts = {
	.general_tx = 5, .joins = 7, .drops = {[MEMBERSHIP_DROP_OLD_REPORT] = 6}};
static struct amt_stats amt_counts = {.advertisement_rx = 1,
	.query_rx = 2,
	.discovery_tx = 3,
	.request_tx = 4,
	.update_tx = 5,
	.teardown_tx = 6,
	.send_errors = 7,
	.drops = {[AMT_DROP_NONCE] = 4}};
static const struct timers armed = {.count = 7};
static struct driad_stats driad_counts = {.drops = {[DRIAD_DROP_BOGUS] = 2}};
// Only their addresses are used.
static char kif, pim, pim6, igmp, mld, amt, driad, channels, import, export;
static struct joinfile_stats joinfile_counts = {.drops = {[JOINFILE_DROP_MALFORMED] = 5}};

#define X(name, text) #name,
const char *const drop_names[DROP_COUNT] = {DROP_LIST(X)};
const char *const pim_drop_names[PIM_DROP_COUNT] = {PIM_DROP_LIST(X)};
const char *const membership_drop_names[MEMBERSHIP_DROP_COUNT] = {MEMBERSHIP_DROP_LIST(X)};
const char *const amt_drop_names[AMT_DROP_COUNT] = {AMT_DROP_LIST(X)};
const char *const driad_drop_names[DRIAD_DROP_COUNT] = {DRIAD_DROP_LIST(X)};
const char *const channel_drop_names[CHANNEL_DROP_COUNT] = {CHANNEL_DROP_LIST(X)};
const char *const joinfile_drop_names[JOINFILE_DROP_COUNT] = {JOINFILE_DROP_LIST(X)};
#undef X
#define X(name, text) text,
const char *const drop_texts[DROP_COUNT] = {DROP_LIST(X)};
const char *const pim_drop_texts[PIM_DROP_COUNT] = {PIM_DROP_LIST(X)};
const char *const membership_drop_texts[MEMBERSHIP_DROP_COUNT] = {MEMBERSHIP_DROP_LIST(X)};
const char *const amt_drop_texts[AMT_DROP_COUNT] = {AMT_DROP_LIST(X)};
const char *const driad_drop_texts[DRIAD_DROP_COUNT] = {DRIAD_DROP_LIST(X)};
const char *const channel_drop_texts[CHANNEL_DROP_COUNT] = {CHANNEL_DROP_LIST(X)};
const char *const joinfile_drop_texts[JOINFILE_DROP_COUNT] = {JOINFILE_DROP_LIST(X)};
#undef X

static struct addr address(const char *text)
{
	struct addr a = {0};

	if (addr_parse(text, &a) < 0)
		abort();
	return a;
}

static bool steering(const void *endpoint, struct observe_steering *out)
{
	if (endpoint != &channels)
		return false;
	*out = (struct observe_steering){
		.how = "rss", .worker = 1, .packets_per_s = 123, .bytes_per_s = 456};
	return true;
}

static void rebalance(void *ctx, bool dry_run,
	void (*row_cb)(void *arg, const struct observe_move *row), void *arg)
{
	struct observe_move now = {.what = "now", .from = -1, .to = -1, .balance = 1.8};
	struct observe_move move = {
		.what = "an entry", .from = 0, .to = 1, .packets_per_s = 5000, .balance = 1.054};
	struct observe_move none = {.what = "nothing (dry)", .from = -1, .to = -1, .balance = 1};

	(void)ctx;
	row_cb(arg, &now);
	row_cb(arg, dry_run ? &none : &move);
}

static int static_channel(void *ctx, bool add, const struct sg *sg, const char *ifname,
	struct observe_static *out, char why[OBSERVE_WHY_LEN])
{
	char text[SG_STRLEN];

	(void)ctx;
	snprintf(why, OBSERVE_WHY_LEN, "left behind");
	if (ifname && strcmp(ifname, "lan") != 0) {
		snprintf(why, OBSERVE_WHY_LEN, "there is no interface %s for %s", ifname,
			sg_format(sg, text));
		return -2;
	}
	out->oifs = !add ? 0 : ifname ? 2 : 3;
	out->changed = sg->g.bytes[3] == 1;
	return 0;
}

static int relay_act(void *ctx, enum observe_relay_act act, const struct addr *source,
	const struct addr *relay, char why[OBSERVE_WHY_LEN])
{
	(void)ctx;
	(void)relay;
	if (act == OBSERVE_RELAY_MOVE && source->bytes[3] == 99) {
		snprintf(why, OBSERVE_WHY_LEN, "no channel of it is wanted");
		return -2;
	}
	snprintf(why, OBSERVE_WHY_LEN, "left behind");
	return 0;
}

// A lookup that is answered with fake_tick().
static struct {
	driad_cb cb;
	driad_note_cb note_cb;
	void *arg;
} lookup;

static struct driad_lookup *resolve(
	void *ctx, const struct addr *source, driad_cb cb, driad_note_cb note_cb, void *arg)
{
	(void)ctx;
	(void)source;
	lookup.cb = cb;
	lookup.note_cb = note_cb;
	lookup.arg = arg;
	return (struct driad_lookup *)(void *)&lookup;
}

unsigned int fake_cancelled;

static void resolve_cancel(void *ctx, struct driad_lookup *l)
{
	(void)ctx;
	(void)l;
	fake_cancelled++;
	lookup.cb = NULL;
}

void fake_tick(void)
{
	struct driad_result r = {.status = DRIAD_OK, .n_relays = 4, .ttl_s = 300};
	struct driad_note n = {.dropped = DRIAD_DROP_COUNT};
	driad_cb cb = lookup.cb;

	if (!cb)
		return;
	r.relays[0] = (struct driad_relay){address("203.0.113.15"), 10, true};
	r.relays[1] = (struct driad_relay){address("203.0.113.16"), 10, false};
	r.relays[2] = (struct driad_relay){address("2001:db8::1"), 10, false};
	r.relays[3] = (struct driad_relay){address("203.0.113.17"), 20, false};
	for (unsigned int i = 0; i < 4; i++) {
		n.relay = r.relays[i];
		n.name = i == 3 ? "amt.example.com." : NULL;
		n.secure = i < 3;
		n.rank = 7;
		lookup.note_cb(lookup.arg, &n);
	}
	n.relay.addr = address("127.0.0.1");
	n.dropped = DRIAD_DROP_BOGON;
	lookup.note_cb(lookup.arg, &n);
	lookup.cb = NULL;
	cb(lookup.arg, &r, FAKE_NOW_US);
}

const char *driad_rank_why(uint32_t first, uint32_t second)
{
	return first == second ? "at random among equals" : "by a rule";
}

const char *driad_status_name(enum driad_status status)
{
	return status == DRIAD_OK ? "ok" : "other";
}

const char *fake_refused; // by the ACLs

const char *channels_sg_refused(const struct channels *cs, const struct sg *sg)
{
	(void)cs;
	(void)sg;
	return fake_refused;
}

const char *channels_relay_refused(const struct channels *cs, const struct addr *relay)
{
	(void)cs;
	return relay->family == ADDR_V6 ? "a loop" : NULL;
}

unsigned int amt_relay_quirks(const struct amt_gateway *gw, const struct addr *relay, bool *pinned)
{
	(void)gw;
	(void)pinned;
	return relay->bytes[3] == 16 ? AMT_QUIRK_NO_E : 0;
}

bool holddown_held_for(const struct holddown *h, const struct addr *relay,
	const struct addr *source, uint64_t now_us, uint64_t *until_us, const char **reason)
{
	(void)h;
	(void)source;
	if (relay->bytes[3] != 17)
		return false;
	*until_us = now_us + 30 * USEC_PER_SEC;
	*reason = "no answer";
	return true;
}

static int port_act(void *ctx, bool start, const char *ifname, char why[OBSERVE_WHY_LEN])
{
	(void)ctx;
	(void)start;
	snprintf(why, OBSERVE_WHY_LEN, "there is no interface %s", ifname);
	return strcmp(ifname, "lan") == 0 ? 0 : -2;
}

static struct observe_health health;

static int drain_act(void *ctx, bool on, char why[OBSERVE_WHY_LEN])
{
	(void)ctx;
	if ((health.state == OBSERVE_DRAINING) == on) {
		snprintf(why, OBSERVE_WHY_LEN, on ? "it is drained already" : "it is not drained");
		return -114;
	}
	health.state = on ? OBSERVE_DRAINING : OBSERVE_UP;
	snprintf(health.reason, sizeof(health.reason), "%s", on ? "by the operator" : "");
	return 0;
}

static void fill_health(void)
{
	health = (struct observe_health){
		.state = OBSERVE_UP, .since_us = FAKE_NOW_US - 5000000, .changes = 1};
	for (unsigned int c = 0; c < OBSERVE_HEALTH_CHECKS; c++)
		health.checks[c].is = OBSERVE_GOOD;
	health.checks[OBSERVE_HEALTH_RELAYS].is = OBSERVE_UNKNOWN;
	strcpy(health.checks[OBSERVE_HEALTH_RELAYS].reason, "nobody is asked");
}

void joinfile_import_view(const struct joinfile_import *im, struct joinfile_import_view *out)
{
	(void)im;
	*out = (struct joinfile_import_view){.path = "/run/joins",
		.present = true,
		.channels = 7,
		.passed = 1,
		.read_us = FAKE_NOW_US - 3 * USEC_PER_SEC,
		.error = "/run/joins:9: group is not an address"};
}

void joinfile_export_view(const struct joinfile_export *ex, struct joinfile_export_view *out)
{
	(void)ex;
	*out = (struct joinfile_export_view){.path = "/run/exported"};
}

static const struct prefix ssm_range = {{.family = ADDR_V4, .bytes = {232}}, 8};

void fake_observe(struct observe *o)
{
	memset(o, 0, sizeof(*o));
	memset(workers, 0, sizeof(workers));
	fake_channels = 2;
	o->version = "1.2.3";
	o->start_us = FAKE_NOW_US - 61 * USEC_PER_SEC;
	o->ssm_ranges = &ssm_range;
	o->n_ssm_ranges = 1;
	o->n_ifs = 2;
	o->ifs[0] = (struct observe_if){.name = "wan",
		.first = true,
		.spread = "tunnel",
		.device = "net_fake0",
		.role = IF_UPSTREAM,
		.port = &ports[0],
		.kif = (struct kif *)(void *)&kif,
		.mtu = 1500,
		.n_addrs = 1,
		.addrs = {{.addr = address("192.0.2.2"), .len = 24}}};
	o->ifs[1] = (struct observe_if){.name = "lan",
		.first = true,
		.vlan = 100,
		.spread = "off",
		.device = "net_fake1",
		.role = IF_DOWNSTREAM,
		.port = &ports[1],
		.kif = (struct kif *)(void *)&kif,
		.pim = {(struct pim_if *)(void *)&pim, (struct pim_if *)(void *)&pim6},
		.pim_netdev = "lan",
		.membership = {(struct membership *)(void *)&igmp,
			(struct membership *)(void *)&mld},
		.mtu = 9000};
	o->n_workers = 2;
	for (unsigned int i = 0; i < 2; i++) {
		o->workers[i] = (struct observe_worker){.lcore = i + 1,
			.cpu = (int)i + 2,
			.idle = i ? "wait" : "poll",
			.load_percent = 42,
			.burst_tenths = 73 * i};
		crossing.workers[i] = &workers[i];
		workers[i].load.polls = 100 + i;
		workers[i].load.busy_polls = 10;
		workers[i].ifs[0].rx_packets = 5;
		workers[i].ifs[1].tx_packets = 6;
		workers[i].ifs[0].punted[PUNT_PIM] = 1;
		workers[i].ifs[0].punted[PUNT_OTHER] = 2;
		workers[i].drops[DROP_TTL] = 7;
	}
	crossing.n_workers = 2;
	o->crossing = &crossing;
	o->channels = (struct channels *)(void *)&channels;
	o->amt = (struct amt_gateway *)(void *)&amt;
	o->driad = (struct driad *)(void *)&driad;
	o->mfib = (struct mfib *)(void *)&channels;
	o->timers = &armed;
	o->steering_cb = steering;
	o->rebalance_cb = rebalance;
	o->static_cb = static_channel;
	o->relay_cb = relay_act;
	o->baseline = fake_baseline;
	o->port_cb = port_act;
	fill_health();
	o->health = &health;
	o->drain_cb = drain_act;
	o->resolve_cb = resolve;
	o->resolve_cancel_cb = resolve_cancel;
	o->held = (struct holddown *)(void *)&channels;
	o->joinfile_stats = &joinfile_counts;
	o->joinfile_import = (struct joinfile_import *)(void *)&import;
	o->joinfile_export = (struct joinfile_export *)(void *)&export;
}

const char *channel_state_name(enum channel_state s)
{
	return s == CHANNEL_FLOWING ? "flowing" : s == CHANNEL_WAITING ? "waiting" : "other";
}

const char *channel_origin_name(enum channel_origin o)
{
	return o == CHANNEL_BY_PIM ? "pim" : o == CHANNEL_BY_STATIC ? "static" : "other";
}

bool channels_some(const struct channels *cs, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct channel_view *v), void *arg)
{
	struct channel_view v = {.sg = {address("198.51.100.10"), address("232.1.1.1")},
		.state = CHANNEL_FLOWING,
		.relay = address("203.0.113.15"),
		.oifs = 2,
		.wanted_by = {[CHANNEL_BY_PIM] = 2},
		.packets = 1000,
		.bytes = 1328000,
		.wanted_us = FAKE_NOW_US - 5 * USEC_PER_SEC,
		.joined_us = FAKE_NOW_US - 4990000,
		.retry_us = NEVER_US};

	(void)cs;
	v.first_packet_us = v.wanted_us + 12345;
	for (unsigned int i = 0; i < fake_channels; i++) {
		if (i == 1) {
			v.state = CHANNEL_WAITING;
			v.relay = (struct addr){0};
			v.first_packet_us = 0;
			v.oifs = 3;
			v.wanted_by[CHANNEL_BY_STATIC] = 1;
			v.retry_us = FAKE_NOW_US + 1500000;
			strcpy(v.reason, "DNS says \"NXDOMAIN\"\n\x1b[2J\\");
		}
		if (i < *cursor)
			continue;
		if (n-- == 0) {
			*cursor = i;
			return true;
		}
		v.sg.g.bytes[2] = (uint8_t)(1 + (i >> 8));
		v.sg.g.bytes[3] = (uint8_t)(i + 1);
		cb(arg, &v);
	}
	*cursor = 0;
	return false;
}

struct sg_walk {
	void (*cb)(void *arg, const struct channel_brief *b);
	void *arg;
};

static void sg_of(void *arg, const struct channel_view *v)
{
	const struct sg_walk *w = arg;

	struct channel_brief b = {.sg = &v->sg, .state = v->state};

	w->cb(w->arg, &b);
}

bool channels_briefs_some(const struct channels *cs, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct channel_brief *b), void *arg)
{
	struct sg_walk w = {cb, arg};

	return channels_some(cs, cursor, n, sg_of, &w);
}

struct wanted {
	const struct sg *sg;
	struct channel_view *out;
	bool found;
};

static void find_one(void *arg, const struct channel_view *v)
{
	struct wanted *w = arg;

	if (!sg_eq(&v->sg, w->sg))
		return;
	*w->out = *v;
	w->found = true;
}

bool channels_find(const struct channels *cs, const struct sg *sg, struct channel_view *out)
{
	struct wanted w = {.sg = sg, .out = out};
	uint32_t cursor = 0;

	while (channels_some(cs, &cursor, UINT32_MAX, find_one, &w))
		;
	return w.found;
}

void channels_each_tunnel(
	const struct channels *cs, void (*cb)(void *arg, const struct tunnel_view *v), void *arg)
{
	struct tunnel_view v = {.relay = address("203.0.113.15"),
		.local = address("192.0.2.2"),
		.local_port = 40001,
		.endpoint = &channels,
		.packets = 1000,
		.bytes = 1328000};

	(void)cs;
	v.amt = (struct amt_tunnel_view){.relay = v.relay,
		.state = AMT_UP,
		.channels = 2,
		.qrv = 2,
		.query_interval_s = 125,
		.gateway_addr = address("192.0.2.2"),
		.gateway_port = 40001,
		.since_us = FAKE_NOW_US - 3700 * USEC_PER_SEC,
		.last_query_us = FAKE_NOW_US - 1000,
		.next_request_us = FAKE_NOW_US + 1000000,
		.ipv4 = {.state = AMT_UP, .channels = 2},
		.ipv6 = {.state = AMT_IDLE},
		.nat = true,
		.quirks = AMT_QUIRK_NO_E};
	cb(arg, &v);
}

bool channels_tunnels_some(const struct channels *cs, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct tunnel_view *v), void *arg)
{
	(void)cursor;
	(void)n;
	channels_each_tunnel(cs, cb, arg);
	return false;
}

static void relays(void (*cb)(void *arg, const struct relay_view *v), void *arg)
{
	struct relay_view v = {.source = address("198.51.100.10"),
		.addr = address("203.0.113.15"),
		.origin = "driad",
		.precedence = 10,
		.in_use = true,
		.expires_us = FAKE_NOW_US + 60 * USEC_PER_SEC};

	cb(arg, &v);
	v.addr = address("203.0.113.16");
	v.origin = "static";
	v.in_use = false;
	v.quirks = AMT_QUIRK_NO_E;
	v.pinned = true;
	v.held_reason = "full";
	v.held_until_us = FAKE_NOW_US + 100 * USEC_PER_SEC;
	v.expires_us = NEVER_US;
	cb(arg, &v);
}

bool channels_relays_some(const struct channels *cs, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct relay_view *v), void *arg)
{
	(void)cs;
	(void)cursor;
	(void)n;
	relays(cb, arg);
	return false;
}

const char *amt_quirks_format(unsigned int quirks, char buf[AMT_QUIRKS_STRLEN])
{
	snprintf(buf, AMT_QUIRKS_STRLEN, "%s", quirks == AMT_QUIRK_NO_E ? "no-e" : "?");
	return buf;
}

void channels_source_relays(const struct channels *cs, const struct addr *source,
	void (*cb)(void *arg, const struct relay_view *v), void *arg)
{
	(void)cs;
	(void)source;
	relays(cb, arg);
}

const char *amt_tunnel_state_name(enum amt_tunnel_state s)
{
	return s == AMT_UP ? "up" : "other";
}

const uint64_t *channels_drops(const struct channels *cs)
{
	static uint64_t counts[CHANNEL_DROP_COUNT];

	(void)cs;
	return counts;
}

unsigned int driad_asking(const struct driad *d)
{
	(void)d;
	return 3;
}

void mfib_usage(const struct mfib *m, struct mfib_usage *out)
{
	(void)m;
	*out = (struct mfib_usage){.bytes = 4711, .control = 815};
}

const struct driad_stats *driad_stats(const struct driad *d)
{
	(void)d;
	return &driad_counts;
}

const struct amt_stats *amt_gateway_stats(const struct amt_gateway *gw)
{
	(void)gw;
	return &amt_counts;
}

const struct pim_stats *pim_if_stats(const struct pim_if *pif)
{
	(void)pif;
	return &pim_counts;
}

void pim_if_neighbors(const struct pim_if *pif,
	void (*cb)(void *arg, const struct pim_neighbor_view *n), void *arg)
{
	struct pim_neighbor_view n = {.addr = address("10.9.1.1"),
		.holdtime_s = 105,
		.expires_us = FAKE_NOW_US + 100 * USEC_PER_SEC,
		.since_us = FAKE_NOW_US - 5 * USEC_PER_SEC,
		.has_genid = true,
		.genid = 0xdeadbeef,
		.has_dr_priority = true,
		.dr_priority = 1};

	(void)pif;
	cb(arg, &n);
	n.is_dr = n.flapped = true;
	n.joins = 7;
	n.n_secondaries = 1;
	n.secondaries[0] = address("10.9.2.3");
	n.addr = address("10.9.1.3");
	n.holdtime_s = 0xffff;
	n.expires_us = NEVER_US;
	n.has_genid = n.has_dr_priority = false;
	cb(arg, &n);
}

const struct membership_stats *membership_stats(const struct membership *m)
{
	(void)m;
	return &igmp_counts;
}

void membership_view(const struct membership *m, struct membership_view *out)
{
	bool v6 = (const void *)m == &mld;

	*out = (struct membership_view){.family = v6 ? ADDR_V6 : ADDR_V4,
		.primary = address(v6 ? "fe80::2" : "10.9.1.2"),
		.querier_addr = address("10.9.1.1"),
		.next_us = FAKE_NOW_US + 200 * USEC_PER_SEC,
		.robustness = 2,
		.query_interval_s = 125,
		.query_response_ms = 10000,
		.membership_interval_us = 270 * USEC_PER_SEC,
		.groups = 1,
		.channels = 2};
}

bool membership_channels_some(const struct membership *m, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct membership_channel_view *c), void *arg)
{
	struct membership_channel_view c = {.sg = {address("198.51.100.10"), address("232.1.1.1")},
		.reporter = address("10.9.1.50"),
		.since_us = FAKE_NOW_US - 5 * USEC_PER_SEC,
		.expires_us = FAKE_NOW_US + 250 * USEC_PER_SEC};

	if ((const void *)m == &mld) {
		c.sg = (struct sg){address("2001:db8::10"), address("ff3e::8000:1")};
		c.reporter = address("fe80::50");
		cb(arg, &c);
		return false;
	}
	(void)n;
	if (!*cursor) { // in two pieces
		cb(arg, &c);
		*cursor = 1;
		return true;
	}
	c.sg.s = address("198.51.100.11");
	c.leaving = true;
	cb(arg, &c);
	return false;
}

bool pim_if_channels_some(const struct pim_if *pif, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct pim_channel_view *c), void *arg)
{
	struct pim_channel_view c = {.sg = {address("198.51.100.10"), address("232.1.1.1")},
		.state = "join",
		.joined = true,
		.expires_us = FAKE_NOW_US + 100 * USEC_PER_SEC,
		.last_neighbor = address("10.9.1.1"),
		.assert_state = "no-info",
		.assert_expires_us = NEVER_US};

	(void)pif;
	cb(arg, &c);
	c.assert_state = "loser";
	c.winner = address("10.9.1.3");
	c.winner_preference = 110;
	c.winner_metric = 5;
	c.assert_expires_us = FAKE_NOW_US + 180 * USEC_PER_SEC;
	cb(arg, &c);
	(void)cursor;
	(void)n;
	return false;
}

bool pim_if_include(const struct pim_if *pif, const struct sg *sg)
{
	(void)sg;
	return (const void *)pif != &pim6;
}

void pim_if_view(const struct pim_if *pif, struct pim_if_view *out)
{
	bool v6 = (const void *)pif == &pim6;

	*out = (struct pim_if_view){.family = v6 ? ADDR_V6 : ADDR_V4,
		.primary = address(v6 ? "fe80::2" : "10.9.1.2"),
		.dr = address("10.9.1.3"),
		.genid = 0xcafe,
		.dr_priority = 1,
		.neighbors = 2,
		.joins = 3,
		.asserts_won = 4,
		.asserts_lost = 5,
		.propagation_delay_ms = 500,
		.override_interval_ms = 2500};
}

uint32_t pim_if_elsewhere(
	const struct pim_if *pif, const struct sg *sg, struct addr *upstream, uint64_t now_us)
{
	(void)pif;
	(void)sg;
	(void)upstream;
	(void)now_us;
	return 0;
}

const struct kif_stats *kif_stats(const struct kif *k)
{
	(void)k;
	return &kif_counts;
}

bool port_link_up(const struct port *p)
{
	return p->port_id == 0;
}

void port_counters(const struct port *p, struct port_counters *out)
{
	*out = (struct port_counters){.rx_packets = 1000u + p->port_id, .tx_packets = 2000};
}

bool fake_spent;

bool port_mbufs_spent(const struct port *p)
{
	(void)p;
	return fake_spent;
}

void port_mbufs(const struct port *p, unsigned int *in_use, unsigned int *size)
{
	(void)p;
	*in_use = 17;
	*size = 8191;
}

void crossing_if_stats(
	const struct crossing *c, unsigned int ifindex, struct crossing_if_stats *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned int i = 0; i < c->n_workers; i++) {
		out->tx_packets += c->workers[i]->ifs[ifindex].tx_packets;
		for (int k = 0; k < PUNT_CLASSES; k++)
			out->punted[k] += c->workers[i]->ifs[ifindex].punted[k];
	}
}

uint64_t crossing_drop(const struct crossing *c, enum drop_reason reason)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < c->n_workers; i++)
		sum += c->workers[i]->drops[reason];
	return sum;
}

struct find {
	const struct sg *sg;
	struct pim_channel_view *join;
	struct membership_channel_view *member;
	bool found;
};

static void find_join(void *arg, const struct pim_channel_view *c)
{
	struct find *f = arg;

	if (sg_eq(&c->sg, f->sg)) {
		*f->join = *c;
		f->found = true;
	}
}

static void find_member(void *arg, const struct membership_channel_view *c)
{
	struct find *f = arg;

	if (sg_eq(&c->sg, f->sg)) {
		*f->member = *c;
		f->found = true;
	}
}

bool pim_if_channel(const struct pim_if *pif, const struct sg *sg, struct pim_channel_view *out)
{
	struct find f = {.sg = sg, .join = out};
	uint32_t cursor = 0;

	while (pim_if_channels_some(pif, &cursor, UINT32_MAX, find_join, &f))
		;
	return f.found;
}

bool membership_channel(
	const struct membership *m, const struct sg *sg, struct membership_channel_view *out)
{
	struct find f = {.sg = sg, .member = out};
	uint32_t cursor = 0;

	while (membership_channels_some(m, &cursor, UINT32_MAX, find_member, &f))
		;
	return f.found;
}
