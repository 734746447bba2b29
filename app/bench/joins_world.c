// SPDX-License-Identifier: BSD-3-Clause
// The rooms, wired and driven as app/inletd does it.
#include <rte_cycles.h> // before base/timer.h, which leaves its US_PER_S alone

#include "bench/joins_world.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "amt/amt.h"
#include "bench/bench.h"
#include "capture/capture.h"
#include "channel/channel.h"
#include "driad/driad.h"
#include "mfib/mfib.h"
#include "mfib/mfib_table.h"
#include "pim/pim.h"
#include "wire/amt.h"

#define START_US      (1000 * USEC_PER_SEC)
#define RECLAIM_US    (5 * USEC_PER_MSEC)
#define RECLAIM_PARTS 40
#define TRAFFIC_US    (1 * USEC_PER_SEC)
#define TRAFFIC_LEN   1000
#define MAX_CHANNELS  4000000
#define FIRST_PORT    1024
// As app/inletd/loop.c and lib/amt/amt_io.c have it.
#define TIMERS_AT_ONCE 256
#define NET_AT_ONCE    64

// Something on its way. All that goes one way takes as long, so that a list is in its order.
struct flight {
	STAILQ_ENTRY(flight) link;
	uint64_t due_us;
	uint64_t token;	   // of a DNS query
	struct addr relay; // that it is to or from
	uint16_t port;	   // ours
	int len;
	uint8_t buf[JO_MSG_LEN];
};
STAILQ_HEAD(flights, flight);

struct endpoint {
	uint16_t port;
	bool used;
	struct amt_tunnel *tunnel; // once it has sent
};

struct jw {
	struct jw_cfg cfg;
	uint64_t now_us, now_ns; // ns: what is not a microsecond yet
	struct jw_cpu cpu;
	uint64_t clock_ns; // reading the CPU clock
	size_t heap, own;  // before the rooms were made; ours since

	struct jo_relays *relays;
	struct flights free, to_relays, to_us, dns, pim[JW_IFS];
	struct endpoint endpoints[UINT16_MAX + 1 - FIRST_PORT];
	uint32_t next_endpoint;
	uint64_t traffic_us;

	struct timers timers;
	struct rng rng;
	struct holddown held;
	struct driad *driad;
	struct amt_gateway *amt;
	struct mfib *mfib;
	struct channels *channels;
	struct jw_if {
		struct jw *w;
		unsigned int index;
		struct pim_if *pim;
	} ifs[JW_IFS];
	struct timer reclaim;
	struct prefix ssm;
};

uint64_t jw_now(const struct jw *w)
{
	return w->now_us;
}

// Flights

static struct flight *flight_get(struct jw *w)
{
	struct flight *f = STAILQ_FIRST(&w->free);

	if (f) {
		STAILQ_REMOVE_HEAD(&w->free, link);
		return f;
	}
	f = malloc(sizeof(*f));
	if (!f)
		abort(); // in the middle of a room's callback; a bench may
	w->own += malloc_usable_size(f) + sizeof(size_t);
	return f;
}

static void flight_put(struct jw *w, struct flight *f)
{
	STAILQ_INSERT_HEAD(&w->free, f, link);
}

static struct flight *flight_due(struct flights *list, uint64_t now_us)
{
	struct flight *f = STAILQ_FIRST(list);

	if (!f || f->due_us > now_us)
		return NULL;
	STAILQ_REMOVE_HEAD(list, link);
	return f;
}

static void flights_free(struct flights *list)
{
	struct flight *f;

	while ((f = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, link);
		free(f);
	}
}

// What the rooms ask of the outside

static int dns_query(void *ctx, const char *name, uint16_t rrtype, uint64_t token)
{
	struct jw *w = ctx;
	struct flight *f = flight_get(w);

	(void)rrtype;
	f->len = jo_dns(&w->cfg.plan, name, f->buf);
	f->token = token;
	f->due_us = w->now_us + JW_DNS_US;
	STAILQ_INSERT_TAIL(&w->dns, f, link);
	return 1;
}

static void dns_cancel(void *ctx, int handle)
{
	(void)ctx;
	(void)handle; // the answer comes, and its token is not known
}

static int tunnel_send(
	void *ctx, struct amt_tunnel *t, const struct addr *dst, const uint8_t *buf, size_t len)
{
	struct jw *w = ctx;
	struct endpoint *ep = amt_tunnel_endpoint(t);
	struct flight *f;

	if (len > JO_MSG_LEN)
		return -EMSGSIZE;
	ep->tunnel = t;
	f = flight_get(w);
	memcpy(f->buf, buf, len);
	f->len = (int)len;
	f->relay = *dst;
	f->port = ep->port;
	f->due_us = w->now_us + JW_RTT_US / 2;
	STAILQ_INSERT_TAIL(&w->to_relays, f, link);
	return 0;
}

static int discovery_send(void *ctx, const struct addr *dst, const uint8_t *buf, size_t len)
{
	(void)ctx;
	(void)dst;
	(void)buf;
	(void)len;
	return -ENETUNREACH; // the records say that none is wanted
}

static void relay_send_cb(void *ctx, const struct addr *relay, const struct addr *dst,
	uint16_t port, const uint8_t *buf, size_t len)
{
	struct jw *w = ctx;
	struct flight *f = flight_get(w);

	(void)dst;
	memcpy(f->buf, buf, len);
	f->len = (int)len;
	f->relay = *relay;
	f->port = port;
	f->due_us = w->now_us + JW_RTT_US / 2;
	STAILQ_INSERT_TAIL(&w->to_us, f, link);
}

static void event_cb(void *ctx, struct amt_tunnel *t, enum amt_event ev, uint64_t now_us)
{
	const struct jw *w = ctx;

	channels_tunnel_event(w->channels, t, ev, now_us);
}

static void *endpoint_open(void *ctx, const struct addr *relay, unsigned int index,
	struct addr *local, uint16_t *local_port)
{
	struct jw *w = ctx;
	const uint32_t n = sizeof(w->endpoints) / sizeof(w->endpoints[0]);

	(void)relay;
	for (uint32_t i = 0; index == 0 && i < n; i++) {
		struct endpoint *ep = &w->endpoints[w->next_endpoint++ % n];

		if (ep->used)
			continue;
		ep->used = true;
		ep->port = (uint16_t)(FIRST_PORT + (ep - w->endpoints));
		*local = jo_upstream_addr();
		*local_port = ep->port;
		return ep;
	}
	errno = EADDRNOTAVAIL;
	return NULL;
}

static void endpoint_close(void *ctx, void *endpoint)
{
	struct endpoint *ep = endpoint;

	(void)ctx;
	*ep = (struct endpoint){0};
}

static bool is_local(void *ctx, const struct addr *a)
{
	struct addr ours = jo_upstream_addr();

	(void)ctx;
	return addr_eq(a, &ours);
}

static void pim_send(void *ctx, const uint8_t *pim, size_t len)
{
	(void)ctx;
	(void)pim;
	(void)len;
}

static void pim_want_cb(
	void *ctx, const struct sg *sg, bool wanted, const struct addr *neighbor, uint64_t now_us)
{
	const struct jw_if *ifc = ctx;

	(void)neighbor;
	channels_want(ifc->w->channels, sg, ifc->index, CHANNEL_BY_PIM, wanted, now_us);
}

static void pim_mute_cb(void *ctx, const struct sg *sg, bool muted, uint64_t now_us)
{
	const struct jw_if *ifc = ctx;

	channels_mute(ifc->w->channels, sg, ifc->index, muted, now_us);
}

static bool pim_flows(void *ctx, const struct sg *sg)
{
	const struct jw_if *ifc = ctx;

	return channels_flows(ifc->w->channels, sg, ifc->w->now_us);
}

static void reclaim_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct jw *w = arg;

	mfib_reclaim_part(w->mfib, RECLAIM_PARTS);
	timer_arm(&w->timers, t, now_us + RECLAIM_US);
}

// Life. The values of the configuration are its defaults (lib/config/config_schema.c).

static int rooms_below(struct jw *w)
{
	static const struct driad_resolver_ops dns_ops = {.query = dns_query, .cancel = dns_cancel};
	static const struct amt_ops amt_ops = {
		.send = tunnel_send, .send_discovery = discovery_send, .event_cb = event_cb};
	const struct driad_cfg dc = {.queries_per_100ms = w->cfg.queries_per_100ms,
		.negative_ttl_max_s = 300,
		.max_waiting = 65536,
		.use_ipv4 = true};
	const struct amt_cfg ac = {.retry_initial_ms = 1000,
		.retry_max_s = 120,
		.request_tries = 4,
		.update_mtu = 1280};

	w->mfib = mfib_create(1, NULL);
	w->driad = driad_create(&dc, &dns_ops, w, &w->timers, &w->rng);
	w->amt = amt_gateway_create(&ac, &amt_ops, w, &w->timers, &w->rng);
	return w->mfib && w->driad && w->amt ? 0 : -1;
}

static int channels_up(struct jw *w)
{
	const struct channel_cfg cfg = {.max_channels = MAX_CHANNELS,
		.max_tunnels = UINT16_MAX,
		.retry_initial_ms = 1000,
		.retry_max_s = 120,
		.hold_down_s = 180,
		.full_hold_down_s = 600,
		.linger_s = 2,
		.traffic_timeout_ms = 4000,
		.traffic_timeout_max_s = 120,
		.race_delay_ms = 250,
		.race_next_ms = 1000,
		.methods = {DISCOVERY_DRIAD},
		.n_methods = 1};
	const struct channel_env env = {.endpoint_open = endpoint_open,
		.endpoint_close = endpoint_close,
		.is_local = is_local,
		.ctx = w};
	const struct channel_rooms rooms = {.amt = w->amt,
		.driad = w->driad,
		.held = &w->held,
		.mfib = w->mfib,
		.timers = &w->timers,
		.rng = &w->rng};

	w->channels = channels_create(&cfg, &env, &rooms);
	return w->channels ? 0 : -1;
}

static int pim_up(struct jw *w, unsigned int i)
{
	static const struct pim_ops ops = {.send = pim_send,
		.want_cb = pim_want_cb,
		.mute_cb = pim_mute_cb,
		.flows = pim_flows};
	const struct pim_cfg cfg = {.name = "lan",
		.family = ADDR_V4,
		.hello_interval_s = 30,
		.hello_holdtime_s = 105,
		.triggered_hello_delay_ms = 5000,
		.dr_priority = 1,
		.propagation_delay_ms = 500,
		.override_interval_ms = 2500,
		.ssm_ranges = &w->ssm,
		.n_ssm_ranges = 1,
		.max_neighbors = 64,
		.max_joins = MAX_CHANNELS,
		.max_joins_neighbor = MAX_CHANNELS};
	struct jw_if *ifc = &w->ifs[i];
	struct addr ours = jo_our_addr(i);

	ifc->w = w;
	ifc->index = i;
	ifc->pim = pim_if_create(&cfg, &ops, ifc, &w->timers, &w->rng);
	if (!ifc->pim)
		return -1;
	pim_if_address(ifc->pim, &ours, w->now_us);
	return 0;
}

static void pim_input(struct jw *w, unsigned int i, const uint8_t *pim, size_t len)
{
	static const struct addr all = {.family = ADDR_V4, .bytes = {224, 0, 0, 13}};
	struct addr src = jo_router_addr(i);

	channels_batch_begin(w->channels);
	pim_if_input(w->ifs[i].pim, &src, &all, pim, len, w->now_us);
	channels_batch_end(w->channels, w->now_us);
}

static void clock_calibrate(struct jw *w)
{
	w->clock_ns = UINT64_MAX;
	for (int i = 0; i < 1000; i++) {
		uint64_t t = joins_cpu_ns(), ns = joins_cpu_ns() - t;

		w->clock_ns = ns < w->clock_ns ? ns : w->clock_ns;
	}
}

struct jw *jw_create(const struct jw_cfg *cfg)
{
	struct jw *w = calloc(1, sizeof(*w));
	uint8_t hello[JO_MSG_LEN];

	if (!w)
		return NULL;
	w->cfg = *cfg;
	w->now_us = START_US;
	w->rng = rng_seeded(1);
	prefix_parse("232.0.0.0/8", &w->ssm);
	STAILQ_INIT(&w->free);
	STAILQ_INIT(&w->to_relays);
	STAILQ_INIT(&w->to_us);
	STAILQ_INIT(&w->dns);
	for (unsigned int i = 0; i < JW_IFS; i++)
		STAILQ_INIT(&w->pim[i]);
	clock_calibrate(w);
	w->relays = jo_relays_create(cfg->plan.relays, cfg->members, relay_send_cb, w, w->now_us);
	w->heap = bench_heap();
	timers_init(&w->timers);
	holddown_init(&w->held, &w->timers);
	if (!w->relays || rooms_below(w) != 0 || channels_up(w) != 0)
		goto fail;
	for (unsigned int i = 0; i < JW_IFS; i++) {
		if (pim_up(w, i) != 0)
			goto fail;
		pim_input(w, i, hello, (size_t)jo_hello(i, hello));
	}
	timer_init(&w->reclaim, reclaim_cb, w);
	timer_arm(&w->timers, &w->reclaim, w->now_us);
	return w;

fail:
	jw_destroy(w);
	return NULL;
}

void jw_destroy(struct jw *w)
{
	if (!w)
		return;
	for (unsigned int i = 0; i < JW_IFS; i++)
		if (w->ifs[i].pim)
			pim_if_destroy(w->ifs[i].pim, w->now_us);
	channels_destroy(w->channels, w->now_us);
	if (w->driad)
		driad_destroy(w->driad);
	if (w->amt)
		amt_gateway_destroy(w->amt);
	timer_cancel(&w->timers, &w->reclaim);
	holddown_fini(&w->held);
	mfib_destroy(w->mfib);
	timers_fini(&w->timers);
	jo_relays_destroy(w->relays);
	flights_free(&w->free);
	flights_free(&w->to_relays);
	flights_free(&w->to_us);
	flights_free(&w->dns);
	for (unsigned int i = 0; i < JW_IFS; i++)
		flights_free(&w->pim[i]);
	free(w);
}

// Time

int jw_say(struct jw *w, const struct jw_say *s)
{
	uint32_t messages = (s->n + s->packed - 1) / s->packed;

	for (uint32_t m = 0; m < messages; m++) {
		uint32_t first = m * s->packed,
			 n = s->n - first < s->packed ? s->n - first : s->packed;
		struct flight *f = flight_get(w);

		f->len = jo_join(&w->cfg.plan, s->i, s->first + first, n, !s->prune, f->buf);
		if (f->len < 0) {
			flight_put(w, f);
			return -1;
		}
		f->due_us = s->at_us + s->spread_us * m / messages;
		STAILQ_INSERT_TAIL(&w->pim[s->i], f, link);
	}
	return 0;
}

uint64_t jw_message_ns(struct jw *w, const struct jw_say *s)
{
	uint8_t buf[JO_MSG_LEN];
	int len = jo_join(&w->cfg.plan, s->i, s->first, s->n, !s->prune, buf);
	uint64_t began = joins_cpu_ns(), ns;

	pim_input(w, s->i, buf, (size_t)len);
	ns = joins_cpu_ns() - began;
	return ns > w->clock_ns ? ns - w->clock_ns : 0;
}

// Each channel of the forwarding table had a packet, for the worker counts them there.
static void traffic(struct jw *w)
{
	struct mfib_buckets *b = mfib_table_narrow(mfib_worker_table(w->mfib, 0));

	for (uint64_t i = 0; i < b->n * MFIB_NARROW_SLOTS; i++)
		if (b->narrow[i].oifs && b->narrow[i].key[0])
			mfib_count(&b->narrow[i].count, TRAFFIC_LEN);
}

// What is not the control thread's work.
static void outside(struct jw *w)
{
	struct addr us = jo_upstream_addr();
	struct flight *f;

	while ((f = flight_due(&w->to_relays, w->now_us))) {
		jo_relays_input(
			w->relays, &f->relay, &us, f->port, f->buf, (size_t)f->len, w->now_us);
		flight_put(w, f);
	}
	if (w->now_us >= w->traffic_us) {
		w->traffic_us = w->now_us + TRAFFIC_US;
		traffic(w);
	}
}

static unsigned int turn_pim(struct jw *w)
{
	unsigned int done = 0;

	for (unsigned int i = 0; i < JW_IFS; i++) {
		size_t octets = 0;
		struct flight *f;

		while (octets < CAPTURE_BATCH_OCTETS && (f = flight_due(&w->pim[i], w->now_us))) {
			octets += (size_t)f->len;
			pim_input(w, i, f->buf, (size_t)f->len);
			flight_put(w, f);
			done++;
		}
	}
	return done;
}

static unsigned int turn_net(struct jw *w)
{
	unsigned int done = 0;
	struct flight *f;

	for (; done < NET_AT_ONCE && (f = flight_due(&w->to_us, w->now_us)); done++) {
		const struct endpoint *ep = &w->endpoints[f->port - FIRST_PORT];

		if (ep->tunnel)
			amt_tunnel_input(
				ep->tunnel, &f->relay, AMT_PORT, f->buf, (size_t)f->len, w->now_us);
		flight_put(w, f);
	}
	for (; done < NET_AT_ONCE && (f = flight_due(&w->dns, w->now_us)); done++) {
		struct driad_answer a = {
			.rcode = f->len < 0 ? 3 : 0, .packet = f->buf, .len = (size_t)f->len};

		driad_answer_input(w->driad, f->token, &a, w->now_us);
		flight_put(w, f);
	}
	return done;
}

static uint64_t lap(uint64_t *last)
{
	uint64_t now = joins_cpu_ns(), ns = now - *last;

	*last = now;
	return ns;
}

// False: there was nothing to do.
static bool turn(struct jw *w)
{
	uint64_t last, pim, timers, net, all;
	unsigned int done;

	outside(w);
	done = timers_next(&w->timers) <= w->now_us;
	last = joins_cpu_ns();
	timers_run_some(&w->timers, w->now_us, TIMERS_AT_ONCE);
	timers = lap(&last);
	done += turn_pim(w);
	pim = lap(&last);
	done += turn_net(w);
	net = lap(&last);
	if (done == 0)
		return false;
	all = timers + pim + net;
	w->cpu.timers_ns += timers;
	w->cpu.pim_ns += pim;
	w->cpu.net_ns += net;
	w->cpu.ns += all;
	w->cpu.turns++;
	w->cpu.longest_ns = all > w->cpu.longest_ns ? all : w->cpu.longest_ns;
	w->now_ns += all;
	w->now_us += w->now_ns / 1000;
	w->now_ns %= 1000;
	return true;
}

static void sooner(uint64_t *next, const struct flights *list)
{
	const struct flight *f = STAILQ_FIRST(list);

	if (f && f->due_us < *next)
		*next = f->due_us;
}

// To the next event.
static void sleep_until(struct jw *w, uint64_t until_us)
{
	uint64_t next = timers_next(&w->timers);

	sooner(&next, &w->to_relays);
	sooner(&next, &w->to_us);
	sooner(&next, &w->dns);
	for (unsigned int i = 0; i < JW_IFS; i++)
		sooner(&next, &w->pim[i]);
	if (next > until_us)
		next = until_us;
	if (next > w->now_us)
		w->now_us = next;
}

void jw_run(struct jw *w, uint64_t until_us)
{
	while (w->now_us < until_us)
		if (!turn(w))
			sleep_until(w, until_us);
}

bool jw_run_table(struct jw *w, uint32_t n, uint64_t until_us)
{
	while (jw_table(w) != n && w->now_us < until_us)
		if (!turn(w))
			sleep_until(w, until_us);
	return jw_table(w) == n;
}

// Figures

uint32_t jw_table(const struct jw *w)
{
	struct mfib_usage u;

	mfib_usage(w->mfib, &u);
	return u.table[MFIB_NARROW].channels;
}

void jw_cpu_reset(struct jw *w)
{
	w->cpu = (struct jw_cpu){0};
}

const struct jw_cpu *jw_cpu(const struct jw *w)
{
	return &w->cpu;
}

void jw_counts(const struct jw *w, struct jw_counts *out)
{
	const struct amt_stats *amt = amt_gateway_stats(w->amt);
	struct channel_totals t;

	channels_totals(w->channels, &t);
	*out = (struct jw_counts){.channels = t.channels,
		.sources = t.sources,
		.tunnels = t.tunnels,
		.bad = t.refused};
	jo_relays_heard(w->relays, &out->heard);
	out->bad += out->heard.bad + amt->send_errors;
	for (int i = 0; i < AMT_DROP_COUNT; i++)
		out->bad += amt->drops[i];
	for (unsigned int i = 0; i < JW_IFS; i++)
		for (int k = 0; k < PIM_DROP_COUNT; k++)
			out->bad += pim_if_stats(w->ifs[i].pim)->drops[k];
}

struct jw_bytes jw_bytes(const struct jw *w)
{
	struct jw_bytes b = {0};
	struct channel_octets c;
	struct amt_octets a;
	struct mfib_usage u;

	mfib_usage(w->mfib, &u);
	b.table = u.bytes;
	b.all = bench_heap() - w->heap - w->own + u.bytes + u.control;
	b.slots = u.control;
	b.records = u.records;
	for (unsigned int i = 0; i < JW_IFS; i++)
		b.pim += pim_if_octets(w->ifs[i].pim);
	channels_octets(w->channels, &c);
	amt_gateway_octets(w->amt, &a);
	b.channels = c.channels;
	b.sources = c.sources;
	b.tunnels = c.tunnels + a.tunnels;
	b.sets = a.sets;
	// NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
	b.timers = w->timers.room * sizeof(*w->timers.heap);
	return b;
}
