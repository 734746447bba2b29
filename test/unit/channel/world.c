// SPDX-License-Identifier: BSD-3-Clause
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/amt.h"
#include "wire/gm.h"
#include "wire/igmp.h"
#include "world.h"

struct world w;

__attribute__((format(printf, 1, 2))) static void journal(const char *fmt, ...)
{
	size_t len = strlen(w.journal);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w.journal + len, sizeof(w.journal) - len, fmt, ap);
	va_end(ap);
}

const char *world_journal(void)
{
	static char copy[sizeof(w.journal)];

	memcpy(copy, w.journal, sizeof(copy));
	w.journal[0] = '\0';
	return copy;
}

// The forwarding table

struct mfib_window {
	unsigned int users;
	bool seen[2][WORLD_STREAM_MAX];
};
struct mfib_tunnel {
	struct addr relay, local;
	void *owner;
};
struct mfib_channel {
	struct sg sg;
	struct mfib_tunnel *tunnel;
	uint64_t oifs;
	struct mfib_stats stats;
	struct mfib_window *window;
	unsigned int side;
	struct mfib_guard_stats guard;
	struct mfib_channel *next;
};
static struct mfib_channel *entries;

struct mfib_tunnel *mfib_tunnel_add(
	struct mfib *m, const struct addr *relay, const struct addr *local, uint16_t local_port)
{
	struct mfib_tunnel *t;

	(void)m;
	if (w.no_entry) {
		errno = ENOMEM;
		return NULL;
	}
	t = calloc(1, sizeof(*t));
	assert_int_equal(local->family, relay->family);
	assert_int_not_equal(local_port, 0);
	assert_non_null(t);
	t->relay = *relay;
	t->local = *local;
	w.mfib_tunnels++;
	return t;
}

void mfib_tunnel_own(struct mfib_tunnel *t, void *owner)
{
	t->owner = owner;
}

void *mfib_channel_owner(const struct mfib_channel *c)
{
	return c->tunnel->owner;
}

void mfib_tunnel_del(struct mfib *m, struct mfib_tunnel *t)
{
	(void)m;
	for (struct mfib_channel *c = entries; c; c = c->next)
		assert_ptr_not_equal(c->tunnel, t); // its channels must be gone
	free(t);
	w.mfib_tunnels--;
}

void mfib_tunnel_stats(const struct mfib_tunnel *t, struct mfib_stats *out)
{
	(void)t;
	*out = (struct mfib_stats){0};
}

void mfib_tunnel_folded(const struct mfib_tunnel *t, struct mfib_stats *out)
{
	(void)t;
	*out = (struct mfib_stats){.packets = 7};
}

struct mfib_channel *mfib_channel_add(
	struct mfib *m, struct mfib_tunnel *t, const struct sg *sg, uint64_t oifs)
{
	struct mfib_channel *c;

	(void)m;
	if (w.no_entry) {
		errno = ENOMEM;
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	assert_non_null(c);
	*c = (struct mfib_channel){.sg = *sg, .tunnel = t, .oifs = oifs, .next = entries};
	entries = c;
	w.mfib_channels++;
	journal("entry+ ");
	return c;
}

void mfib_channel_oifs(struct mfib *m, struct mfib_channel *c, uint64_t oifs)
{
	(void)m;
	c->oifs = oifs;
}

void mfib_channel_del(struct mfib *m, struct mfib_channel *c)
{
	struct mfib_channel **at = &entries;

	(void)m;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (c->window)
		c->window->users--;
	free(c);
	w.mfib_channels--;
	journal("entry- ");
}

void mfib_channel_stats(const struct mfib_channel *c, struct mfib_stats *out)
{
	*out = c->stats;
}

struct mfib_window *mfib_window_create(struct mfib *m, uint32_t packets)
{
	(void)m;
	(void)packets;
	w.windows += !w.no_window;
	return w.no_window ? NULL : calloc(1, sizeof(struct mfib_window));
}

void mfib_window_destroy(struct mfib *m, struct mfib_window *window)
{
	(void)m;
	assert_int_equal(window->users, 0);
	w.windows--;
	free(window);
}

int mfib_channel_guard(
	struct mfib *m, struct mfib_channel *c, struct mfib_window *window, unsigned int side)
{
	(void)m;
	assert_null(c->window);
	if (w.no_entry)
		return -ENOMEM;
	c->window = window;
	c->side = side;
	c->guard = (struct mfib_guard_stats){0};
	window->users++;
	return 0;
}

void mfib_channel_unguard(struct mfib *m, struct mfib_channel *c)
{
	(void)m;
	assert_non_null(c->window);
	c->window->users--;
	c->window = NULL;
}

bool mfib_channel_guarded(const struct mfib_channel *c)
{
	return c->window;
}

void mfib_channel_guard_stats(const struct mfib_channel *c, struct mfib_guard_stats *out)
{
	assert_non_null(c->window);
	*out = c->guard;
}

// DNS

struct driad_lookup {
	driad_cb cb;
	void *arg;
	bool open, services;
};
static struct driad_lookup lookups[64];
static unsigned int n_open; // of them

void driad_asker(struct driad *d, uint64_t who)
{
	(void)d;
	(void)who;
}

struct driad_lookup *driad_lookup_start(
	struct driad *d, const struct addr *source, driad_cb cb, void *arg, uint64_t now_us)
{
	(void)d;
	(void)source;
	(void)now_us;
	for (size_t i = 0; !w.no_lookup && i < sizeof(lookups) / sizeof(lookups[0]); i++) {
		if (lookups[i].open)
			continue;
		lookups[i] = (struct driad_lookup){.cb = cb, .arg = arg, .open = true};
		n_open++;
		w.lookups++;
		journal("dns ");
		return &lookups[i];
	}
	return NULL;
}

struct driad_lookup *driad_lookup_services(struct driad *d, const char *const *domains,
	unsigned int n_domains, driad_cb cb, void *arg, uint64_t now_us)
{
	struct driad_lookup *l = driad_lookup_start(d, NULL, cb, arg, now_us);

	assert_int_equal(n_domains, 1);
	assert_string_equal(domains[0], "example.net.");
	if (!l)
		return NULL;
	l->services = true;
	w.lookups--;
	w.service_lookups++;
	return l;
}

void driad_lookup_cancel(struct driad *d, struct driad_lookup *l)
{
	(void)d;
	assert_true(l->open);
	l->open = false;
	n_open--;
}

static void dns_answer(void)
{
	for (size_t i = 0; n_open > 0 && i < sizeof(lookups) / sizeof(lookups[0]); i++) {
		if (!lookups[i].open || w.hold_answers)
			continue;
		lookups[i].open = false;
		n_open--;
		lookups[i].cb(lookups[i].arg, lookups[i].services ? &w.services : &w.answer, w.now);
	}
}

void world_dns(unsigned int n, ...)
{
	va_list ap;

	w.answer = (struct driad_result){.status = DRIAD_OK, .n_relays = n, .ttl_s = 3600};
	va_start(ap, n);
	for (unsigned int i = 0; i < n; i++) {
		addr_parse(va_arg(ap, const char *), &w.answer.relays[i].addr);
		w.answer.relays[i].precedence = (uint8_t)(10 + i);
	}
	va_end(ap);
}

// Relays: what the engine sends is answered a millisecond later.

struct packet {
	struct amt_tunnel *tunnel; // NULL: discovery endpoint
	const void *endpoint;	   // of the tunnel
	struct world_relay *from;
	uint8_t buf[160];
	size_t len;
	uint64_t due;
};
static struct packet packets[64];
static unsigned int n_packets; // on their way

static struct world_relay *relay_at(const struct addr *a)
{
	for (int i = 0; i < WORLD_RELAYS; i++)
		if (addr_eq(&w.relays[i].addr, a))
			return &w.relays[i];
	return NULL;
}

static void answer(struct amt_tunnel *t, struct world_relay *r, const struct amt_msg *msg)
{
	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		struct packet *p = &packets[i];
		int len;

		if (p->from)
			continue;
		len = amt_encode(msg, p->buf, sizeof(p->buf));
		assert_true(len > 0);
		p->len = (size_t)len;
		p->tunnel = t;
		p->endpoint = t ? amt_tunnel_endpoint(t) : NULL;
		p->from = r;
		n_packets++;
		p->due = w.now + (r->delay_us ? r->delay_us : USEC_PER_MSEC);
		return;
	}
	fail();
}

// Of the endpoint that a tunnel sends from.
static unsigned int world_index(const struct amt_tunnel *t)
{
	return *(const unsigned int *)amt_tunnel_endpoint(t);
}

// What a relay has joined, by tunnel.
struct membership {
	const struct world_relay *relay;
	const void *endpoint;
	struct sg sg;
};
static struct membership memberships[64];

// endpoint: NULL for any.
static struct membership *membership_of(
	const struct world_relay *r, const void *endpoint, const struct sg *sg)
{
	for (size_t i = 0; i < sizeof(memberships) / sizeof(memberships[0]); i++) {
		struct membership *m = &memberships[i];

		if (m->relay == r && (!endpoint || m->endpoint == endpoint) &&
			(!sg || sg_eq(&m->sg, sg)))
			return m;
	}
	return NULL;
}

static void membership_change(
	const struct amt_tunnel *t, const struct world_relay *r, uint8_t type, const struct sg *sg)
{
	struct membership *m = membership_of(r, amt_tunnel_endpoint(t), sg);

	if (type == IGMP_BLOCK && m && !r->block_lost) {
		m->relay = NULL;
	} else if ((type == IGMP_ALLOW || type == IGMP_IS_IN) && !m) {
		m = membership_of(NULL, NULL, NULL);
		if (m)
			*m = (struct membership){r, amt_tunnel_endpoint(t), *sg};
	}
}

static void report_input(
	const struct amt_tunnel *t, const struct world_relay *r, const struct amt_msg *msg)
{
	struct gm_record record;
	struct gm_msg gm;
	struct sg sg;

	if (gm_decode(msg->inner, msg->inner_len, &gm) != GM_OK || gm.type != GM_REPORT)
		return;
	while (gm_record_next(&gm.records, &record)) {
		sg.g = record.group;
		while (gm_source_next(&record.sources, &sg.s))
			membership_change(t, r, record.type, &sg);
	}
}

static size_t query_make(bool mld, uint8_t *buf, size_t size)
{
	struct gm_query q = {.max_resp_ms = 100, .qrv = 2, .qqi_s = 125};
	int len;

	addr_parse(mld ? "fe80::1" : "203.0.113.1", &q.src);
	len = gm_query_encode(&q, buf, size);
	assert_true(len > 0);
	return (size_t)len;
}

static int relay_input(struct amt_tunnel *t, const struct addr *dst, const uint8_t *buf, size_t len)
{
	struct world_relay *r = relay_at(dst);
	struct amt_msg msg, reply = {0};
	uint8_t query[128];

	assert_int_equal(amt_decode(buf, len, &msg), AMT_OK);
	journal("tx%d ", msg.type);
	if (!r)
		return 0;
	r->discoveries += msg.type == AMT_RELAY_DISCOVERY;
	r->requests += msg.type == AMT_REQUEST;
	r->updates += msg.type == AMT_MEMBERSHIP_UPDATE;
	r->teardowns += msg.type == AMT_TEARDOWN;
	if (r->silent || (r->refuses_further && t && world_index(t) > 0))
		return 0;
	if (msg.type == AMT_MEMBERSHIP_UPDATE)
		report_input(t, r, &msg);
	reply.nonce = msg.nonce;
	if (msg.type == AMT_RELAY_DISCOVERY) {
		reply.type = AMT_RELAY_ADVERTISEMENT;
		reply.relay = addr_is_none(&r->advertises) ? r->addr : r->advertises;
		answer(NULL, r, &reply);
	} else if (msg.type == AMT_REQUEST) {
		reply.type = AMT_MEMBERSHIP_QUERY;
		reply.l = r->full || (r->full_further && world_index(t) > 0);
		reply.inner = query;
		reply.inner_len = query_make(msg.p, query, sizeof(query));
		if (!(msg.p ? r->no_ipv6 : r->no_ipv4))
			answer(t, r, &reply);
	}
	return 0;
}

static struct amt_tunnel *last_tunnel;
static const void *last_endpoint;

struct amt_tunnel *world_tunnel(void)
{
	return last_tunnel;
}

static int send_cb(
	void *ctx, struct amt_tunnel *t, const struct addr *dst, const uint8_t *buf, size_t len)
{
	(void)ctx;
	last_tunnel = t;
	last_endpoint = amt_tunnel_endpoint(t);
	return relay_input(t, dst, buf, len);
}

static int send_discovery_cb(void *ctx, const struct addr *dst, const uint8_t *buf, size_t len)
{
	(void)ctx;
	return relay_input(NULL, dst, buf, len);
}

static void event_cb(void *ctx, struct amt_tunnel *t, enum amt_event ev, uint64_t now_us)
{
	(void)ctx;
	channels_tunnel_event(w.cs, t, ev, now_us);
}

static void deliver(void)
{
	for (size_t i = 0; n_packets > 0 && i < sizeof(packets) / sizeof(packets[0]); i++) {
		struct packet p;

		if (!packets[i].from || packets[i].due > w.now)
			continue;
		p = packets[i];
		packets[i].from = NULL;
		n_packets--;
		if (p.tunnel)
			amt_tunnel_input(p.tunnel, &p.from->addr, AMT_PORT, p.buf, p.len, w.now);
		else
			amt_discovery_input(w.amt, &p.from->addr, AMT_PORT, p.buf, p.len, w.now);
	}
}

// The outside

static void *endpoint_open(
	void *ctx, const struct addr *relay, unsigned int index, struct addr *local, uint16_t *port)
{
	unsigned int *endpoint;

	(void)ctx;
	if (w.no_address || index > w.further_addresses) {
		errno = EADDRNOTAVAIL;
		return NULL;
	}
	if (relay->family == ADDR_V4 ? w.no_ipv4 : !w.ipv6) {
		errno = EADDRNOTAVAIL;
		return NULL;
	}
	addr_parse(relay->family == ADDR_V4 ? "198.51.100.10" : "2001:db8::10", local);
	local->bytes[addr_size(local) - 1] = (uint8_t)(10 + index);
	*port = (uint16_t)(30000 + w.endpoints);
	w.endpoints++;
	endpoint = malloc(sizeof(*endpoint));
	assert_non_null(endpoint);
	*endpoint = index;
	return endpoint;
}

static void endpoint_close(void *ctx, void *endpoint)
{
	(void)ctx;
	if (last_endpoint == endpoint)
		last_tunnel = NULL;
	// Answers to a socket that is closed are lost.
	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++)
		if (packets[i].from && packets[i].tunnel && packets[i].endpoint == endpoint) {
			packets[i].from = NULL;
			n_packets--;
		}
	for (size_t i = 0; i < sizeof(memberships) / sizeof(memberships[0]); i++)
		if (memberships[i].endpoint == endpoint)
			memberships[i] = (struct membership){0};
	free(endpoint);
	w.endpoints--;
}

static bool is_local(void *ctx, const struct addr *a)
{
	struct addr ours;

	(void)ctx;
	addr_parse("198.51.100.10", &ours);
	return addr_eq(a, &ours);
}

static struct stream {
	unsigned int sent;
	bool joined[WORLD_RELAYS][WORLD_STREAM_MAX]; // when it was sent
	uint8_t out[WORLD_STREAM_MAX];
} stream;

static bool is_downstream(void *ctx, const struct addr *a)
{
	(void)ctx;
	return a->family == ADDR_V4 && a->bytes[0] == 10;
}

static bool is_behind(void *ctx, const struct addr *a, bool relay)
{
	(void)ctx;
	return a->family == ADDR_V4 && a->bytes[0] == 11 && (relay || a->bytes[1] == 16);
}

static void unwanted_cb(void *ctx, const struct sg *sg, unsigned int ifindex, uint64_t now_us)
{
	(void)ctx;
	(void)now_us;
	assert_true(addr_is_multicast(&sg->g) && ifindex < MFIB_MAX_OIFS);
	w.unwanted++;
}

static bool has_family(void *ctx, uint8_t family)
{
	(void)ctx;
	return family == ADDR_V4 ? !w.no_ipv4 : w.ipv6;
}

void world_configure(const struct channel_cfg *cfg)
{
	static const struct channel_env env = {.endpoint_open = endpoint_open,
		.endpoint_close = endpoint_close,
		.is_local = is_local,
		.unwanted_cb = unwanted_cb,
		.is_downstream = is_downstream,
		.is_behind = is_behind,
		.has_family = has_family};
	const struct channel_rooms rooms = {
		.amt = w.amt, .held = &w.held, .timers = &w.timers, .rng = &w.rng};

	channels_destroy(w.cs, w.now);
	w.cs = channels_create(cfg, &env, &rooms);
	assert_non_null(w.cs);
}

void world_begin(void)
{
	static const struct amt_ops ops = {
		.send = send_cb, .send_discovery = send_discovery_cb, .event_cb = event_cb};
	static const struct amt_cfg ac = {.retry_initial_ms = 1000,
		.retry_max_s = 120,
		.request_tries = 4,
		.update_mtu = 1280};

	memset(&w, 0, sizeof(w));
	last_tunnel = NULL;
	memset(lookups, 0, sizeof(lookups));
	memset(packets, 0, sizeof(packets));
	n_open = n_packets = 0;
	memset(memberships, 0, sizeof(memberships));
	for (int i = 0; i < WORLD_RELAYS; i++)
		memset(stream.joined[i], 0, stream.sent * sizeof(stream.joined[i][0]));
	memset(stream.out, 0, stream.sent * sizeof(stream.out[0]));
	stream.sent = 0;
	timers_init(&w.timers);
	w.rng = rng_seeded(42);
	w.now = 1000 * USEC_PER_SEC;
	holddown_init(&w.held, &w.timers);
	for (int i = 0; i < WORLD_RELAYS; i++) {
		char text[ADDR_STRLEN];

		snprintf(text, sizeof(text), "203.0.113.%d", i + 1);
		addr_parse(text, &w.relays[i].addr);
	}
	w.cfg = (struct channel_cfg){
		.max_channels = 100,
		.max_tunnels = 10,
		.retry_initial_ms = 1000,
		.retry_max_s = 120,
		.hold_down_s = 180,
		.full_hold_down_s = 600,
		.linger_s = 2,
		.methods = {DISCOVERY_DRIAD},
		.n_methods = 1,
	};
	w.amt = amt_gateway_create(&ac, &ops, NULL, &w.timers, &w.rng);
	assert_non_null(w.amt);
	world_configure(&w.cfg);
}

void world_end(void)
{
	channels_destroy(w.cs, w.now);
	assert_int_equal(w.mfib_channels, 0);
	assert_int_equal(w.mfib_tunnels, 0);
	assert_int_equal(w.windows, 0);
	assert_int_equal(w.endpoints, 0);
	for (size_t i = 0; i < sizeof(lookups) / sizeof(lookups[0]); i++)
		assert_false(lookups[i].open);
	amt_gateway_destroy(w.amt);
	holddown_fini(&w.held);
	assert_true(timers_next(&w.timers) == NEVER_US);
	timers_fini(&w.timers);
}

int world_setup(void **state)
{
	(void)state;
	world_begin();
	return 0;
}

int world_teardown(void **state)
{
	(void)state;
	world_end();
	return 0;
}

void world_run(uint64_t for_us)
{
	uint64_t end = w.now + for_us;

	while (w.now < end) {
		w.now += USEC_PER_MSEC;
		deliver();
		dns_answer();
		timers_run(&w.timers, w.now);
	}
}

void world_skip(uint64_t for_us)
{
	uint64_t end = w.now + for_us;

	while (w.now < end) {
		uint64_t next = timers_next(&w.timers);

		for (size_t i = 0; n_packets > 0 && i < sizeof(packets) / sizeof(packets[0]); i++)
			if (packets[i].from && packets[i].due < next)
				next = packets[i].due;
		if (next <= w.now)
			next = w.now + 1;
		w.now = next < end ? next : end;
		deliver();
		dns_answer();
		timers_run(&w.timers, w.now);
	}
}

static struct sg sg_of(const char *s, const char *g)
{
	struct sg sg;

	assert_int_equal(addr_parse(s, &sg.s), 0);
	assert_int_equal(addr_parse(g, &sg.g), 0);
	return sg;
}

void world_want_by(
	const char *s, const char *g, unsigned int ifindex, enum channel_origin origin, bool wanted)
{
	struct sg sg = sg_of(s, g);

	channels_want(w.cs, &sg, ifindex, origin, wanted, w.now);
}

void world_want(const char *s, const char *g, unsigned int ifindex, bool wanted)
{
	world_want_by(s, g, ifindex, CHANNEL_BY_PIM, wanted);
}

static struct mfib_channel *entry_of(const char *s, const char *g)
{
	struct sg sg = sg_of(s, g);
	struct mfib_channel *c = entries;

	while (c && !sg_eq(&c->sg, &sg))
		c = c->next;
	return c;
}

bool world_entry(const char *s, const char *g)
{
	return entry_of(s, g) != NULL;
}

void world_packets(const char *s, const char *g, unsigned int n)
{
	struct mfib_channel *c = entry_of(s, g);

	assert_non_null(c);
	c->stats.packets += n;
	c->stats.bytes += n * 100ull;
}

// Packet n by way of relay r.
static void stream_deliver(const struct sg *sg, const struct world_relay *r, unsigned int n)
{
	struct mfib_channel *c = entries;

	while (c && !(sg_eq(&c->sg, sg) && addr_eq(&c->tunnel->relay, &r->addr)))
		c = c->next;
	if (!c)
		return;
	if (c->window) {
		bool *seen = c->window->seen[c->side], *other = c->window->seen[!c->side];

		seen[n] = true;
		*(other[n] ? &c->guard.duplicates : &c->guard.first) += 1;
		if (other[n])
			return;
	}
	c->stats.packets++;
	stream.out[n]++;
}

void world_stream(const char *s, const char *g, uint64_t for_us)
{
	struct sg sg = sg_of(s, g);

	for (uint64_t t = 0; t < for_us; t += USEC_PER_MSEC) {
		assert_true(stream.sent < WORLD_STREAM_MAX);
		for (int i = 0; i < WORLD_RELAYS; i++) {
			const struct world_relay *r = &w.relays[i];
			unsigned int d = r->data_delay_ms;

			stream.joined[i][stream.sent] =
				!r->data_silent && membership_of(r, NULL, &sg) != NULL;
			if (stream.sent >= d && stream.joined[i][stream.sent - d])
				stream_deliver(&sg, r, stream.sent - d);
		}
		stream.sent++;
		world_run(USEC_PER_MSEC);
	}
}

struct world_stream world_stream_end(void)
{
	struct world_stream s = {.sent = stream.sent};
	unsigned int delay = 0;

	for (int i = 0; i < WORLD_RELAYS; i++)
		if (w.relays[i].data_delay_ms > delay)
			delay = w.relays[i].data_delay_ms;
	for (unsigned int n = 0; n + delay < stream.sent; n++) {
		s.lost += stream.out[n] == 0;
		s.doubled += stream.out[n] > 1;
	}
	return s;
}

unsigned int world_joined(const char *s, const char *g)
{
	struct sg sg = sg_of(s, g);
	unsigned int n = 0;

	for (int i = 0; i < WORLD_RELAYS; i++)
		n += membership_of(&w.relays[i], NULL, &sg) != NULL;
	return n;
}

int world_endpoint(const char *s, const char *g)
{
	const struct mfib_channel *c = entry_of(s, g);

	return c ? c->tunnel->local.bytes[3] - 10 : -1;
}

uint64_t world_oifs(const char *s, const char *g)
{
	struct mfib_channel *c = entry_of(s, g);

	return c ? c->oifs : 0;
}

struct finding {
	struct sg sg;
	struct channel_view view;
	bool found;
};

static void find_cb(void *arg, const struct channel_view *v)
{
	struct finding *f = arg;

	if (sg_eq(&v->sg, &f->sg)) {
		f->view = *v;
		f->found = true;
	}
}

static struct finding find(const char *s, const char *g)
{
	struct finding f = {.sg = sg_of(s, g)};
	uint32_t cursor = 0;

	while (channels_some(w.cs, &cursor, UINT32_MAX, find_cb, &f))
		;
	return f;
}

struct channel_view world_view(const char *s, const char *g)
{
	struct finding f = find(s, g);

	assert_true(f.found);
	return f.view;
}

bool world_has(const char *s, const char *g)
{
	return find(s, g).found;
}
