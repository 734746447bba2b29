// SPDX-License-Identifier: BSD-3-Clause
// The gateway engine under messages of a peer's making. The input is a sequence of messages, each
// behind an octet that says where it arrives and a 16-bit length, or instead of that 0xff and what
// else happens (act()). Among that are the answers that a relay would give: a Query or an
// Advertisement without a fault but those that the octet names.
#include <stdlib.h>
#include <string.h>

#include "amt/amt.h"
#include "base/cursor.h"
#include "base/log.h"
#include "memory.h"
#include "wire/amt.h"
#include "wire/gm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct ctx {
	struct amt_gateway *gw;
	struct amt_tunnel *t, *second; // to one relay
	uint32_t nonce;		       // of the last Request for IGMP, or Discovery
	uint32_t nonce6;	       // of the last Request for MLD
	uint32_t discovery;	       // of the last Discovery
	uint32_t stray;		       // of the second tunnel's
	struct timers *timers;
	bool sends_fail, moves, hurried;
};

static int send_cb(
	void *arg, struct amt_tunnel *t, const struct addr *dst, const uint8_t *buf, size_t len)
{
	struct ctx *c = arg;
	struct amt_msg msg;

	(void)dst;
	if (amt_decode(buf, len, &msg) != AMT_OK)
		abort();
	if (msg.type == AMT_REQUEST && t && t == c->second)
		c->stray = msg.nonce;
	else if (msg.type == AMT_REQUEST && buf[1] & 0x81)
		c->nonce6 = msg.nonce;
	else if (msg.type == AMT_REQUEST || msg.type == AMT_RELAY_DISCOVERY)
		c->nonce = msg.nonce;
	if (msg.type == AMT_RELAY_DISCOVERY)
		c->discovery = msg.nonce;
	return c->sends_fail ? -1 : 0;
}

static int send_discovery_cb(void *arg, const struct addr *dst, const uint8_t *buf, size_t len)
{
	return send_cb(arg, NULL, dst, buf, len);
}

static void event_cb(void *arg, struct amt_tunnel *t, enum amt_event ev, uint64_t now_us)
{
	struct ctx *c = arg;

	if (ev == AMT_EV_DOWN || ev == AMT_EV_FULL || (ev == AMT_EV_ENDPOINT && c->moves)) {
		amt_tunnel_close(t, now_us);
		*(t == c->t ? &c->t : &c->second) = NULL;
	}
}

static void discovered_cb(void *arg, const struct addr *relay, uint64_t now_us)
{
	(void)arg;
	(void)relay;
	(void)now_us;
}

static void deliver(struct ctx *c, uint8_t where, uint8_t *buf, size_t len, uint64_t now_us)
{
	struct addr relay;

	addr_parse(where & 8 ? "203.0.113.16" : "203.0.113.15", &relay);
	// A fuzzer cannot guess nonces: put the right one where the message would have it.
	if (where & 2 && len >= 12)
		memcpy(buf + (where & 1 ? 4 : 8), where & 4 ? &c->nonce6 : &c->nonce, 4);
	if (where & 1)
		amt_discovery_input(c->gw, &relay, AMT_PORT, buf, len, now_us);
	else if (c->t)
		amt_tunnel_input(c->t, &relay, AMT_PORT, buf, len, now_us);
}

static struct sg channel(unsigned int n)
{
	struct sg sg;

	addr_parse(n & 0x80 ? "2001:db8:a::a" : "192.0.2.12", &sg.s);
	addr_parse(n & 0x80 ? "ff3e::8000:0" : "232.252.0.0", &sg.g);
	sg.g.bytes[n & 0x80 ? 15 : 3] = n & 63;
	sg.g.bytes[n & 0x80 ? 14 : 2] = (uint8_t)(n >> 8);
	return sg;
}

// Fifteen: more than what an Update has room for.
static void joins(struct ctx *c, uint8_t what, uint8_t how, uint64_t now_us)
{
	unsigned int n = what >> 4 == 15 ? 160 : 1 + (what >> 4);

	amt_tunnel_batch_begin(c->t);
	for (unsigned int i = 0; i < n; i++) {
		struct sg sg = channel((how & 0x80u) | ((how + i) & 63u) | i >> 6 << 8);

		if (how & 0x40)
			amt_tunnel_leave(c->t, &sg, now_us);
		else
			amt_tunnel_join(c->t, &sg, now_us);
	}
	amt_tunnel_batch_end(c->t, now_us);
}

static const char *const seen_at[] = {
	"198.51.100.10", "198.51.100.11", "203.0.113.77", "2001:db8::10"};

// The Query that a relay would send. how: IPv6 (1), L (2), G (4), as whose address it sees us (8,
// 16), flags as Linux has them (32), a fault (64, 128).
static void query(struct ctx *c, uint8_t what, uint8_t how, uint64_t now_us)
{
	bool mld = how & 1;
	struct gm_query q = {.max_resp_ms = 100,
		.qrv = (uint8_t)(1 + (what >> 4 & 3)),
		.qqi_s = (uint32_t)(what & 0x80 ? 10 : 125)};
	struct amt_msg msg = {.type = AMT_MEMBERSHIP_QUERY,
		.nonce = what & 0x40 ? c->stray
			 : mld	     ? c->nonce6
				     : c->nonce,
		.l = how & 2,
		.g = how & 4,
		.mirrored = how & 32,
		.gateway_port = (uint16_t)(1000 + (how & 16))};
	uint8_t inner[128], buf[256];
	int len;

	addr_parse(seen_at[how >> 3 & 3], &msg.gateway_addr);
	addr_parse(mld ? "fe80::1" : "203.0.113.15", &q.src);
	if ((how & 192) == 64)
		addr_parse(mld ? "ff3e::8000:1" : "232.1.1.1", &q.group);
	len = gm_query_encode(&q, inner, sizeof(inner));
	if (len < 0)
		abort();
	if ((how & 192) == 128)
		inner[len - 1] ^= 1; // its checksum is wrong
	msg.inner = inner;
	msg.inner_len = (size_t)len - (how >= 192);
	len = amt_encode(&msg, buf, sizeof(buf));
	if (len < 0)
		abort();
	amt_tunnel_input(c->t, &(struct addr){ADDR_V4, {203, 0, 113, 15}},
		(uint16_t)(AMT_PORT + (what == 0xfa)), buf, (size_t)len, now_us);
}

static void advertise(struct ctx *c, uint8_t how, uint64_t now_us)
{
	static const char *const relays[] = {"203.0.113.15", "203.0.113.16", "198.51.100.10",
		"224.0.0.1", "2001:db8:9::1", "127.0.0.1", "0.0.0.0", "ff02::1"};
	struct amt_msg msg = {.type = AMT_RELAY_ADVERTISEMENT, .nonce = c->discovery};
	uint8_t buf[64];
	int len;

	addr_parse(relays[how & 7], &msg.relay);
	len = amt_encode(&msg, buf, sizeof(buf));
	if (len < 0)
		abort();
	amt_discovery_input(c->gw, &(struct addr){ADDR_V4, {203, 0, 113, how & 8 ? 16 : 15}},
		(uint16_t)(AMT_PORT + (how >> 4)), buf, (size_t)len, now_us);
}

static void second(struct ctx *c, uint8_t how, uint64_t now_us)
{
	struct sg sg = channel(how);

	if (!c->second)
		c->second = amt_tunnel_open_for(c->gw, &(struct addr){ADDR_V4, {203, 0, 113, 15}},
			how & 0x80 ? ADDR_V6 : ADDR_V4, NULL, NULL, now_us);
	else if (how & 0x40)
		amt_tunnel_close(c->second, now_us), c->second = NULL;
	if (c->second)
		amt_tunnel_join(c->second, &sg, now_us);
}

// How it goes on from here.
static void mode(struct ctx *c, uint8_t how, uint64_t now_us)
{
	c->sends_fail = how & 1;
	c->moves = how & 2;
	c->hurried = how & 4;
	if (how & 8)
		amt_discovery_start(c->gw, &(struct addr){ADDR_V4, {203, 0, 113, 15}},
			discovered_cb, NULL, now_us);
}

// What but messages happens to a tunnel and to its relay.
static void act(
	struct ctx *c, const struct amt_cfg *was, uint8_t what, uint8_t how, uint64_t now_us)
{
	uint8_t family = how & 1 ? ADDR_V6 : ADDR_V4;
	struct amt_cfg cfg = *was;
	struct addr relay;

	addr_parse("203.0.113.15", &relay);
	switch (what & 15) {
	case 0:
		joins(c, what, how, now_us);
		break;
	case 1:
		amt_tunnel_refresh(c->t, now_us);
		break;
	case 2:
		amt_tunnel_silent(c->t, family, now_us);
		break;
	case 3:
		amt_tunnel_heard(c->t, family);
		break;
	case 4:
		if (amt_tunnel_ask(c->t, family, now_us) && how & 2)
			amt_tunnel_answered(c->t);
		break;
	case 5:
		if (how & 128)
			amt_relay_unpin(c->gw, &relay);
		else
			amt_relay_pin(c->gw, &relay, how & ((1u << AMT_QUIRK_COUNT) - 1));
		break;
	case 6:
		cfg.update_mtu = (uint16_t)(how & 1 ? 152 : how & 2 ? 100 : 1500);
		cfg.ecn = how & 4;
		cfg.request_tries = how & 8 ? 1 : 3;
		amt_gateway_configure(c->gw, &cfg);
		break;
	case 7:
		amt_tunnel_want(c->t, family, now_us);
		break;
	case 8:
		amt_tunnel_close(c->t, now_us);
		c->t = amt_tunnel_open_for(c->gw, &relay, family, NULL, NULL, now_us);
		break;
	case 9:
		memory_fail(how & 15);
		break;
	case 10:
		query(c, what, how, now_us);
		break;
	case 11:
		advertise(c, how, now_us);
		break;
	case 12:
		second(c, how, now_us);
		break;
	case 13:
		mode(c, how, now_us);
		break;
	case 14:
		memory_tight(c->timers, how);
		break;
	default:
		break;
	}
}

static struct addr local_addr(void *ctx, const struct amt_tunnel *t)
{
	struct addr a;

	(void)ctx;
	(void)t;
	addr_parse("198.51.100.10", &a);
	return a;
}

static bool is_ours(void *ctx, const struct addr *a)
{
	struct addr ours = local_addr(ctx, NULL);

	return addr_eq(a, &ours);
}

static void look(const struct ctx *c)
{
	char names[AMT_QUIRKS_STRLEN];
	struct amt_tunnel_view v;
	struct amt_octets octets;
	bool pinned;

	amt_gateway_octets(c->gw, &octets);
	if (!c->t)
		return;
	amt_tunnel_view(c->t, &v);
	if (amt_quirks_format(v.quirks, names) != names ||
		(amt_relay_quirks(c->gw, &v.relay, &pinned) & ~v.quirks) || !octets.tunnels ||
		!amt_tunnel_state_name(v.ipv6.state)[0] || v.channels > 512)
		abort();
	for (const char *at = names; *at; at += strcspn(at, " ") + (at[strcspn(at, " ")] == ' ')) {
		char one[AMT_QUIRKS_STRLEN];

		memcpy(one, at, strcspn(at, " "));
		one[strcspn(at, " ")] = '\0';
		if (!(amt_quirk_parse(one) & v.quirks))
			abort();
	}
	if (amt_tunnel_side(c->t, ADDR_V4) != v.ipv4.state || amt_tunnel_owner(c->t) ||
		amt_tunnel_endpoint(c->t) || !amt_tunnel_state_name((enum amt_tunnel_state)99)[0] ||
		!amt_gateway_stats(c->gw) || amt_quirk_parse("nothing"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct amt_cfg cfg = {.retry_initial_ms = 1000,
		.retry_max_s = 120,
		.request_tries = 3,
		.update_mtu = 1280,
		.ecn = true};
	struct amt_ops ops = {.send = send_cb,
		.send_discovery = send_discovery_cb,
		.event_cb = event_cb,
		.local_addr = local_addr,
		.is_ours = is_ours};
	struct timers timers;
	struct rng rng = rng_seeded(7);
	struct ctx c = {0};
	struct rd r = rd_init(data, size);
	uint64_t now = 1;
	struct sg sg, sg6;
	struct addr relay;
	uint8_t buf[2048];

	log_threshold = LOG_LEVEL_ERROR;
	addr_parse("203.0.113.15", &relay);
	addr_parse("192.0.2.12", &sg.s);
	addr_parse("232.252.0.2", &sg.g);
	addr_parse("2001:db8:a::a", &sg6.s);
	addr_parse("ff3e::8000:d", &sg6.g);
	timers_init(&timers);
	c.timers = &timers;
	c.gw = amt_gateway_create(&cfg, &ops, &c, &timers, &rng);
	if (!c.gw)
		abort();
	amt_discovery_start(c.gw, &relay, discovered_cb, NULL, now);
	c.t = amt_tunnel_open(c.gw, &relay, NULL, NULL, now);
	amt_tunnel_join(c.t, &sg, now);
	amt_tunnel_join(c.t, &sg6, now);
	while (rd_left(&r) >= 3) {
		uint8_t where = rd_u8(&r);
		size_t len = rd_be16(&r);

		if (len >= 0xff00 && c.t)
			act(&c, &cfg, (uint8_t)len, where, now);
		look(&c);
		if (len >= 0xff00) {
			now += c.hurried ? (where + 1) * 10000u : 20000000;
			timers_run(&timers, now);
			continue;
		}
		len %= sizeof(buf);
		if (len > rd_left(&r))
			len = rd_left(&r);
		rd_copy(&r, buf, len);
		deliver(&c, where, buf, len, now);
		now += 300000;
		timers_run(&timers, now);
	}
	memory_fail(0);
	memory_tight(&timers, 0);
	if (c.t)
		amt_tunnel_close(c.t, now);
	if (c.second)
		amt_tunnel_close(c.second, now);
	// The discovery ends by itself, answered or not.
	while (timers_next(&timers) != NEVER_US)
		timers_run(&timers, timers_next(&timers));
	amt_gateway_destroy(c.gw);
	timers_fini(&timers);
	return 0;
}
