// SPDX-License-Identifier: BSD-3-Clause
// The brain, with the AMT engine and the hold-down under it, by a string of actions: who wants
// what, what DNS and the relays answer or do not, what traffic comes, what there is no memory for,
// and time that passes. The first octets choose a configuration; then each action is an octet and
// its arguments. Whatever happens, the world adds up at every step, and nothing is left at the end
// (world_end()).
#include <errno.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "base/log.h"
#include "memory.h"
#include "unit/channel/world.h"
#include "wire/amt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MS	   USEC_PER_MSEC
#define MAX_STREAM 4000 // ms an input
#define MAX_TIME   (600 * USEC_PER_SEC)

static const char *const sources[] = {"192.0.2.1", "192.0.2.2", "198.51.100.10", "10.1.2.3",
	"2001:db8:a::1", "172.16.0.1", "192.0.2.3", "192.0.2.4"};
static const char *const groups[] = {"232.1.1.1", "232.1.1.2", "232.1.1.3", "ff3e::8000:1"};
static const char *const relays[] = {"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4",
	"127.0.0.1", "198.51.100.10", "10.9.9.9", "2001:db8:9::1", CHANNEL_ANYCAST, "203.0.113.9"};
#define PICK(list, n) ((list)[(n) % (sizeof(list) / sizeof((list)[0]))])

static unsigned int streamed;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static struct addr address(const char *text)
{
	struct addr a;

	require(addr_parse(text, &a) == 0);
	return a;
}

// The group goes with the family of the source.
static struct sg channel(uint8_t which)
{
	struct sg sg = {.s = address(PICK(sources, which & 7u))};

	sg.g = address(sg.s.family == ADDR_V6 ? groups[3] : groups[(which >> 4) % 3]);
	return sg;
}

static const char *group_of(uint8_t which)
{
	return (which & 7) == 4 ? groups[3] : groups[(which >> 4) % 3];
}

static void want(struct rd *r)
{
	uint8_t which = rd_u8(r), how = rd_u8(r);
	struct sg sg = channel(which);

	if (which & 8 && how & 0x40) // of two families
		sg.g = address(PICK(groups, (sg.s.family == ADDR_V4) * 3u));
	channels_want(w.cs, &sg, how & 3, (enum channel_origin)(how >> 2 & 3), how & 0x80, w.now);
}

static void many(struct rd *r)
{
	unsigned int n = rd_u8(r) % 24;

	channels_batch_begin(w.cs);
	while (n--)
		want(r);
	channels_batch_end(w.cs, w.now);
}

// More sources than are let go from a relay at once, one channel each.
static bool crowded; // that many are looked at all the time: not for long

static void crowd(uint8_t how)
{
	struct sg sg = {.g = address(groups[0])};

	crowded = true;
	channels_batch_begin(w.cs);
	for (unsigned int i = 0; i < 40; i++) {
		sg.s = address("192.0.2.100");
		sg.s.bytes[3] = (uint8_t)(100 + i);
		channels_want(w.cs, &sg, how & 3, CHANNEL_BY_PIM, how & 0x80, w.now);
	}
	channels_batch_end(w.cs, w.now);
}

static void lack(uint8_t how)
{
	w.no_entry = how & 1;
	w.no_lookup = how & 2;
	w.no_window = how & 4;
}

static void answer(struct rd *r, struct driad_result *to)
{
	uint8_t how = rd_u8(r);

	*to = (struct driad_result){.status = (enum driad_status)(how % (DRIAD_LIMIT + 1))};
	to->ttl_s = to->status < DRIAD_FAILED ? (uint32_t)(how >> 4) * 60 : 0;
	if (to->status != DRIAD_OK)
		return;
	to->n_relays = 1 + (how >> 3 & 1) + (how >> 6);
	for (unsigned int i = 0; i < to->n_relays; i++) {
		uint8_t one = rd_u8(r);

		to->relays[i] = (struct driad_relay){.addr = address(PICK(relays, one & 15u)),
			.precedence = i ? to->relays[i - 1].precedence + (one >> 4 & 1) : 10,
			.discovery_optional = one >> 5 & 1};
	}
}

static void relay(struct rd *r)
{
	struct world_relay *to = &w.relays[rd_u8(r) % WORLD_RELAYS];
	uint8_t a = rd_u8(r), b = rd_u8(r);

	to->silent = (a & 3) == 1;
	to->full = (a & 3) == 2;
	to->no_ipv4 = a & 4;
	to->no_ipv6 = a & 8;
	to->refuses_further = a & 16;
	to->full_further = a & 32;
	to->data_silent = a & 64;
	to->block_lost = a & 128;
	to->delay_us = (b & 15) * 100 * MS;
	to->data_delay_ms = b >> 4;
	to->advertises = (a & 3) == 3 ? address(PICK(relays, b & 15u)) : (struct addr){0};
}

static void outside(uint8_t how)
{
	struct addr local = address("198.51.100.10");

	w.no_address = how & 1;
	w.no_ipv4 = how & 2;
	w.ipv6 = how & 4;
	w.further_addresses = how >> 4 & 3;
	w.no_window = how & 8;
	w.hold_answers = how & 0x40;
	local.bytes[3] = (uint8_t)(10 + (how >> 4 & 1));
	if (how & 0x80)
		channels_addr_gone(w.cs, &local, w.now);
	else
		channels_addr_added(w.cs, w.now);
}

static void traffic(struct rd *r)
{
	uint8_t which = rd_u8(r), how = rd_u8(r);
	const char *s = PICK(sources, which & 7u), *g = group_of(which);

	if (how & 1) {
		unsigned int ms = 1 + how / 4u * 4u;

		if (streamed + ms > MAX_STREAM)
			return;
		streamed += ms;
		world_stream(s, g, ms * MS);
	} else if (world_entry(s, g)) {
		world_packets(s, g, how);
	}
}

static void move(struct rd *r)
{
	uint8_t which = rd_u8(r), how = rd_u8(r);
	struct addr s = address(PICK(sources, which & 7u)), to = address(PICK(relays, how & 15u));

	channels_move(w.cs, &s, how & 0x80 ? &to : NULL, "fuzz",
		how & 0x40 ? CHANNEL_MOVE_FORCE : 0, w.now);
}

static void hold(uint8_t how)
{
	struct addr a = address(PICK(relays, how & 15u)), s = address(sources[how >> 6]);

	if (how & 16)
		holddown_release(&w.held, &a);
	else if (how & 32)
		holddown_add_for(&w.held, &a, &s, "fuzz", w.now + 300 * USEC_PER_SEC);
	else
		holddown_add(&w.held, &a, "fuzz", w.now + (1 + how) * USEC_PER_SEC);
}

// A message that no relay sent so: with the nonce of none, cut, or from elsewhere.
static void forged(struct rd *r)
{
	struct amt_tunnel *t = world_tunnel();
	struct addr from = address(PICK(relays, rd_u8(r) & 15u));
	size_t len = rd_u8(r);
	const uint8_t *p;

	len = len < rd_left(r) ? len : rd_left(r);
	p = rd_bytes(r, len);
	if (t)
		amt_tunnel_input(t, &from, AMT_PORT, p, len, w.now);
	amt_discovery_input(w.amt, &from, AMT_PORT, p, len, w.now);
}

static void tunnel(uint8_t how)
{
	static const int errors[] = {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EMSGSIZE};
	struct addr a = address(PICK(relays, how >> 4));

	if (how & 8)
		amt_relay_pin(w.amt, &a, how & 7u);
	else if (how & 4)
		amt_relay_unpin(w.amt, &a);
	else if (world_tunnel())
		channels_tunnel_error(w.cs, world_tunnel(), errors[how & 3], w.now);
}

// Views, and that they say the same.

struct seen {
	uint32_t channels, tunnels;
	char quirks[AMT_QUIRKS_STRLEN];
};

static void channel_cb(void *arg, const struct channel_view *v)
{
	struct seen *s = arg;
	struct channel_view one;

	s->channels++;
	require(channels_find(w.cs, &v->sg, &one) && one.state == v->state);
	require(v->oifs || v->wanted_by[CHANNEL_BY_PIM] == 0);
	require((v->muted & ~v->oifs) == 0 && channel_state_name(v->state)[0]);
	for (int i = 0; i < CHANNEL_ORIGINS; i++)
		require(channels_wanted_by(w.cs, &v->sg, (enum channel_origin)i) ==
				v->wanted_by[i] &&
			channel_origin_name((enum channel_origin)i)[0]);
	channels_flows(w.cs, &v->sg, w.now);
}

static void brief_cb(void *arg, const struct channel_brief *b)
{
	(void)arg;
	require(b->state <= CHANNEL_WAITING);
}

static void tunnel_cb(void *arg, const struct tunnel_view *v)
{
	struct seen *s = arg;
	struct mfib_stats stats;

	s->tunnels++;
	if (world_tunnel())
		require(!channels_tunnel_stats(world_tunnel(), &stats) || stats.packets == 0);
	require(amt_quirks_format(v->amt.quirks, s->quirks) == s->quirks);
	require(amt_tunnel_state_name(v->amt.state)[0]);
}

static void relay_cb(void *arg, const struct relay_view *v)
{
	(void)arg;
	require(v->origin && !addr_is_none(&v->addr));
}

static void held_cb(void *arg, const struct addr *a, const char *reason, uint64_t until_us)
{
	(void)arg;
	require(a && reason && until_us);
}

static void sg_cb(void *arg, const struct sg *sg)
{
	struct seen *s = arg;

	s->channels--;
	require(addr_is_multicast(&sg->g));
}

static void one_relay_cb(void *arg, const struct relay_view *v)
{
	require(addr_eq(arg, &v->source));
}

static void look(void)
{
	struct channel_totals t;
	struct seen s = {0}, some = {0};
	struct channel_octets octets;
	uint32_t cursor = 0;

	channels_totals(w.cs, &t);
	channels_octets(w.cs, &octets);
	require((t.tunnels == 0 || octets.tunnels > 0) && (!t.channels || octets.channels > 0));
	while (channels_some(w.cs, &cursor, UINT32_MAX, channel_cb, &s))
		;
	channels_each_tunnel(w.cs, tunnel_cb, &s);
	require(s.channels == t.channels && s.tunnels == t.tunnels);
	channels_each_sg(w.cs, sg_cb, &s);
	require(s.channels == 0);
	cursor = 0;
	while (channels_some(w.cs, &cursor, 2, channel_cb, &some))
		;
	cursor = 0;
	while (channels_tunnels_some(w.cs, &cursor, 1, tunnel_cb, &some))
		;
	require(some.channels == t.channels && some.tunnels == t.tunnels);
	cursor = 0;
	while (channels_briefs_some(w.cs, &cursor, 2, brief_cb, NULL))
		;
	cursor = 0;
	while (channels_relays_some(w.cs, &cursor, 2, relay_cb, NULL))
		;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct addr a = address(sources[i]);

		channels_source_relays(w.cs, &a, one_relay_cb, &a);
	}
	for (size_t i = 0; i < sizeof(relays) / sizeof(relays[0]); i++) {
		struct addr a = address(relays[i]);

		require(!channels_relay_refused(w.cs, &a) == (i < 4 || i > 6));
	}
	holddown_each(&w.held, held_cb, NULL);
	require(channels_latency(w.cs) && channels_drops(w.cs) && amt_gateway_stats(w.amt));
}

static unsigned int turn; // whose static relays a configuration has

static struct channel_cfg configuration(struct rd *r)
{
	// The one before is in force.
	static struct config_static_relay both[2][2];
	struct config_static_relay *fixed = both[turn];
	uint8_t a = rd_u8(r), b = rd_u8(r), c = rd_u8(r);
	struct channel_cfg cfg = w.cfg;

	fixed[0] = (struct config_static_relay){
		.relay = address(PICK(relays, c & 15u)), .discovery = c & 16, .precedence = 10};
	fixed[1] = (struct config_static_relay){
		.relay = address(PICK(relays, c >> 4)), .precedence = (uint8_t)(10 + (b & 1))};
	require(prefix_parse("192.0.2.0/31", &fixed[0].sources) == 0 &&
		prefix_parse("192.0.2.2/32", &fixed[1].sources) == 0);
	cfg.static_relays = fixed;
	cfg.n_static_relays = a & 3u ? (a & 3u) - 1 : 0;
	cfg.max_channels = a & 4 ? 100 : 5;
	cfg.max_tunnels = a & 8 ? 6 : 2;
	cfg.traffic_timeout_ms = a & 16 ? 4000 : 0;
	cfg.traffic_timeout_max_s = 120;
	cfg.race_delay_ms = a & 32 ? 250 : 0;
	cfg.race_next_ms = a & 64 ? 250 : 0;
	cfg.renew_per_s = a & 128 ? 2 : 0;
	cfg.endpoints = (b >> 1 & 3) == 3 ? 20 : b >> 1 & 3;
	cfg.private_sources = b & 8;
	cfg.domains[0] = "example.net.";
	cfg.n_domains = 1;
	cfg.n_methods = 0;
	if (b & 16)
		cfg.methods[cfg.n_methods++] = DISCOVERY_DNS_SD;
	if (b & 32)
		cfg.methods[cfg.n_methods++] = DISCOVERY_ANYCAST;
	if (!(b & 64))
		cfg.methods[cfg.n_methods++] = DISCOVERY_DRIAD;
	cfg.linger_s = b & 128 ? 2 : 0;
	return cfg;
}

static void reconfigure(struct rd *r)
{
	struct channel_cfg cfg, *now = &w.cfg;

	turn ^= 1;
	cfg = configuration(r);

	// With an odd octet only numbers are others.
	if (rd_u8(r) & 1) {
		now->max_channels = cfg.max_channels;
		now->max_tunnels = cfg.max_tunnels;
		now->traffic_timeout_ms = cfg.traffic_timeout_ms;
		now->endpoints = cfg.endpoints;
		now->renew_per_s = cfg.renew_per_s;
		channels_configure(w.cs, now, 0, w.now);
		turn ^= 1;
		return;
	}
	*now = cfg;
	channels_configure(w.cs, now, CHANNELS_RELAYS | CHANNELS_DISCOVERY, w.now);
}

static void pass(uint8_t how, uint64_t begun)
{
	static const uint64_t times[] = {0, 1 * MS, 20 * MS, 150 * MS, 300 * MS, 1000 * MS,
		2500 * MS, 5000 * MS, 20000 * MS, 60000 * MS, 200000 * MS, 500000 * MS};

	if (w.now - begun < (crowded ? MAX_TIME / 10 : MAX_TIME))
		world_skip(PICK(times, how) + how / 16u * MS);
}

static void act(uint8_t what, struct rd *r, uint64_t begun)
{
	struct sg sg;

	switch (what & 15) {
	case 0:
	case 1:
		want(r);
		break;
	case 2:
		many(r);
		break;
	case 3:
		sg = channel(rd_u8(r));
		channels_mute(w.cs, &sg, what >> 4 & 3, what & 0x80, w.now);
		break;
	case 4:
		answer(r, &w.answer);
		break;
	case 5:
		answer(r, &w.services);
		break;
	case 6:
		relay(r);
		break;
	case 7:
		outside(rd_u8(r));
		break;
	case 8:
		traffic(r);
		break;
	case 9:
		move(r);
		break;
	case 10:
		hold(rd_u8(r));
		break;
	case 11:
		forged(r);
		break;
	case 12:
		tunnel(rd_u8(r));
		break;
	case 13:
		reconfigure(r);
		break;
	case 15:
		if (what & 0x80)
			memory_tight(&w.timers, 1 + (what >> 4 & 7));
		else
			memory_fail(1 + (what >> 4));
		break;
	default:
		if (what >> 4 == 12)
			crowd(rd_u8(r));
		else if (what >> 4 == 13)
			lack(rd_u8(r));
		else
			pass(what >> 4, begun);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);
	uint64_t begun;

	log_threshold = LOG_LEVEL_ERROR;
	world_begin();
	w.relays[3].addr = address("2001:db8:9::1");
	streamed = 0;
	crowded = false;
	begun = w.now;
	w.cfg = configuration(&r);
	world_configure(&w.cfg);
	for (unsigned int n = 0; n < 400 && rd_left(&r) > 0; n++) {
		act(rd_u8(&r), &r, begun);
		w.journal[0] = '\0';
		require(w.mfib_tunnels <= w.endpoints);
		look();
	}
	memory_fail(0);
	memory_tight(&w.timers, 0);
	world_end();
	return 0;
}
