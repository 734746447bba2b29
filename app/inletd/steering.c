// SPDX-License-Identifier: BSD-3-Clause
// Where a new tunnel goes.
#include "inletd/steering.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/timer.h"
#include "inletd/steering_internal.h"
#include "port/port.h"
#include "port/port_flow.h"

#define AMT_PORT   2268
#define BIND_TRIES 16	// ports that others hold, before the kernel may choose
#define KNOWN_MAX  4096 // relays whose port is remembered
// A relay forgets an endpoint that it does not hear from after the membership interval (RFC 3376
// section 8.4 by its defaults): until then the port is worth more than an even load.
#define KNOWN_US (260 * USEC_PER_SEC)

struct steering *steering_create(
	struct crossing *x, unsigned int n_workers, struct rng *rng, steering_stats_cb stats_cb)
{
	struct steering *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->x = x;
	s->n_workers = n_workers < STEER_MAX_QUEUES ? n_workers : STEER_MAX_QUEUES;
	s->rng = rng;
	s->stats_cb = stats_cb;
	TAILQ_INIT(&s->tunnels);
	TAILQ_INIT(&s->known);
	LIST_INIT(&s->locals);
	hmap_init(&s->by_relay);
	return s;
}

void steering_destroy(struct steering *s)
{
	struct steering_known *k;

	if (!s)
		return;
	while ((k = TAILQ_FIRST(&s->known))) {
		TAILQ_REMOVE(&s->known, k, link);
		hmap_remove(&s->by_relay, &k->node);
		free(k);
	}
	hmap_fini(&s->by_relay);
	free(s);
}

unsigned int steering_queue_worker(
	const struct steering *s, const struct steering_port *p, uint16_t queue)
{
	return (p->first_worker + queue) % s->n_workers;
}

uint16_t steering_worker_queue(
	const struct steering *s, const struct steering_port *p, unsigned int worker)
{
	unsigned int q = (worker + s->n_workers - p->first_worker) % s->n_workers;

	return q < p->port->n_queues ? (uint16_t)q : STEER_NO_QUEUE;
}

// What a relay knew us by.

static struct steering_known *known_find(
	const struct steering *s, const struct addr *relay, const struct addr *local)
{
	const struct addr key[2] = {*relay, *local};
	struct hnode *n = hmap_find(&s->by_relay, hmap_hash(key, sizeof(key)));

	for (; n; n = hmap_find_next(n)) {
		struct steering_known *k = container_of_node(n, struct steering_known, node);

		if (addr_eq(&k->key.relay, relay) && addr_eq(&k->key.local, local))
			return k;
	}
	return NULL;
}

static void known_add(struct steering *s, const struct steering_tunnel *t, uint64_t now_us)
{
	const struct addr key[2] = {t->tuple.relay, t->tuple.local};
	struct steering_known *k = known_find(s, &key[0], &key[1]);

	if (k) {
		TAILQ_REMOVE(&s->known, k, link);
	} else if (s->by_relay.count >= KNOWN_MAX) {
		k = TAILQ_FIRST(&s->known);
		TAILQ_REMOVE(&s->known, k, link);
		hmap_remove(&s->by_relay, &k->node);
		k->key.relay = (struct addr){0};
	} else {
		k = calloc(1, sizeof(*k));
	}
	if (!k)
		return;
	if (!addr_eq(&k->key.relay, &key[0])) {
		k->key.relay = key[0];
		k->key.local = key[1];
		if (hmap_insert(&s->by_relay, &k->node, hmap_hash(key, sizeof(key))) < 0) {
			free(k);
			return;
		}
	}
	k->port = t->tuple.local_port;
	k->closed_us = now_us;
	TAILQ_INSERT_TAIL(&s->known, k, link);
}

// Ports of a local address.

static struct steering_local *local_get(struct steering *s, const struct addr *addr)
{
	struct steering_local *l;

	LIST_FOREACH (l, &s->locals, link)
		if (addr_eq(&l->addr, addr))
			break;
	if (!l) {
		l = calloc(1, sizeof(*l));
		if (!l)
			return NULL;
		l->addr = *addr;
		LIST_INSERT_HEAD(&s->locals, l, link);
	}
	l->n_tunnels++;
	return l;
}

static void local_put(struct steering_local *l)
{
	if (--l->n_tunnels > 0)
		return;
	LIST_REMOVE(l, link);
	free(l);
}

// Loads.

void steering_account(struct steering_tunnel *t, int sign)
{
	struct steer_load *l;

	if (t->worker < 0)
		return;
	l = &t->s->loads[t->worker];
	l->tunnels += (uint32_t)sign;
	if (t->known)
		l->pps += (uint64_t)sign * t->pps;
	else
		l->fresh += (uint32_t)sign;
}

void steering_set_worker(struct steering_tunnel *t, int worker)
{
	steering_account(t, -1);
	t->worker = worker;
	steering_account(t, 1);
}

void steering_weights(const struct steering *s, uint64_t out[STEER_MAX_QUEUES])
{
	steer_weights(s->loads, s->n_workers, out);
	for (unsigned int w = 0; w < s->n_workers; w++)
		out[w] += s->workers[w].work_pps + s->workers[w].channel_pps;
}

// By queue of a port instead of by worker.
static void queue_weights(const struct steering *s, const struct steering_port *p,
	const uint64_t *workers, uint64_t out[STEER_MAX_QUEUES])
{
	for (uint16_t q = 0; q < STEER_MAX_QUEUES; q++)
		out[q] = q < p->port->n_queues ? workers[steering_queue_worker(s, p, q)]
					       : STEER_NO_LOAD;
}

static uint16_t least_of(const uint64_t *load, unsigned int n)
{
	unsigned int least = 0;

	for (unsigned int i = 1; i < n; i++)
		if (load[i] < load[least])
			least = i;
	return (uint16_t)least;
}

// The choice.

static bool rss_steers(const struct steering_tunnel *t)
{
	return !steer_problem(&t->port->port->steer, t->tuple.relay.family);
}

static enum steered way_of(const struct steering *s, const struct steering_port *p)
{
	if (s->n_workers == 1)
		return STEERED_SINGLE;
	if (p->mode != SPREAD_OFF)
		return STEERED_SOFTWARE;
	return p->port->n_queues == 1 ? STEERED_SINGLE : STEERED_CHANCE;
}

unsigned int steering_entry_of(const struct steering_tunnel *t)
{
	return crossing_spread_tunnel(&t->tuple.relay, t->tuple.local_port);
}

static uint16_t software_worker(void *arg, uint16_t port)
{
	struct steering_tunnel *t = arg;
	unsigned int entry = crossing_spread_tunnel(&t->tuple.relay, port);
	int to = crossing_spread_get_tunnel(t->s->x, entry);

	return to >= 0 && to != SPREAD_BY_CHANNEL ? (uint16_t)to : STEER_NO_QUEUE;
}

static int bind_kernel(struct steering_tunnel *t, steering_bind_cb bind_cb, uint16_t port)
{
	int ret = bind_cb(t->owner, &port);

	if (ret == -EADDRINUSE && port != 0) {
		port = 0;
		ret = bind_cb(t->owner, &port);
	}
	if (ret == 0)
		t->tuple.local_port = port;
	return ret;
}

static int bind_searched(struct steering_tunnel *t, steering_bind_cb bind_cb,
	struct steer_search *search, uint16_t preferred)
{
	struct steer_choice c;
	int ret;

	for (int i = 0; i < BIND_TRIES && steer_search_next(search, &c); i++) {
		ret = bind_cb(t->owner, &c.port);
		if (ret == 0)
			t->tuple.local_port = c.port;
		if (ret != -EADDRINUSE)
			return ret;
	}
	return bind_kernel(t, bind_cb, preferred);
}

// Finds and binds the local port. loads: by queue of the port, or by worker in software.
static int bind_port(
	struct steering_tunnel *t, steering_bind_cb bind_cb, const uint64_t *loads, uint64_t now_us)
{
	struct steering *s = t->s;
	struct steering_known *k = known_find(s, &t->tuple.relay, &t->tuple.local);
	bool keep = k && now_us - k->closed_us < KNOWN_US;
	uint16_t start = (uint16_t)rng_u32(s->rng);
	struct steer_search search;

	if (t->how == STEERED_SOFTWARE && t->port->mode == SPREAD_TUNNEL)
		steer_search_init_by(
			&search, software_worker, t, loads, s->n_workers, &t->local->ports, start);
	else if (t->how == STEERED_CHANCE && rss_steers(t))
		steer_search_init(
			&search, &t->port->port->steer, &t->tuple, loads, &t->local->ports, start);
	else
		return bind_kernel(t, bind_cb, k ? k->port : 0);
	// A rule leads any port to any queue.
	if (k)
		steer_search_prefer(&search, k->port, keep || t->port->port->flow_steer,
			loads[least_of(loads, search.n_queues)] / 8);
	return bind_searched(t, bind_cb, &search, 0);
}

// Several queues: a rule where there are rules, else what the hash does.
static void settle_queue(struct steering_tunnel *t, const uint64_t *loads)
{
	struct steering *s = t->s;
	struct port *p = t->port->port;
	uint16_t hashed = STEER_NO_QUEUE, least = least_of(loads, p->n_queues);
	int ret;

	if (rss_steers(t))
		hashed = steer_queue(&p->steer, &t->tuple);
	if (hashed < p->n_queues && loads[hashed] == loads[least])
		least = hashed;
	ret = port_flow_steer(p, &t->tuple, t->vlan, least, &t->rule);
	if (ret == 0) {
		t->how = STEERED_FLOW;
		t->worker = (int)steering_queue_worker(s, t->port, least);
		return;
	}
	if (ret != -ENOTSUP)
		log_warn_limited(
			"steer", "no flow rule port=%u error=\"%s\"", p->port_id, strerror(-ret));
	if (hashed < p->n_queues) {
		t->how = STEERED_RSS;
		t->worker = (int)steering_queue_worker(s, t->port, hashed);
	}
}

static void settle(struct steering_tunnel *t, const uint64_t *loads)
{
	uint16_t to;

	t->worker = -1;
	switch (t->how) {
	case STEERED_SINGLE:
		t->worker = (int)steering_queue_worker(t->s, t->port, 0);
		break;
	case STEERED_SOFTWARE:
		to = t->port->mode == SPREAD_TUNNEL ? software_worker(t, t->tuple.local_port)
						    : STEER_NO_QUEUE;
		t->worker = to == STEER_NO_QUEUE ? -1 : to;
		break;
	default:
		settle_queue(t, loads);
		break;
	}
}

struct steering_tunnel *steering_open(struct steering *s, struct steering_port *port, uint16_t vlan,
	const struct addr *relay, const struct addr *local, steering_bind_cb bind_cb, void *owner,
	uint64_t now_us)
{
	struct steering_tunnel *t = calloc(1, sizeof(*t));
	uint64_t workers[STEER_MAX_QUEUES], loads[STEER_MAX_QUEUES];
	int ret = -ENOMEM;

	if (!t)
		goto fail;
	*t = (struct steering_tunnel){.s = s,
		.port = port,
		.tuple = {.relay = *relay, .local = *local, .relay_port = AMT_PORT},
		.vlan = vlan,
		.how = way_of(s, port),
		.worker = -1,
		.owner = owner,
		.opened_us = now_us,
		.sampled_us = now_us};
	t->local = local_get(s, local);
	if (!t->local)
		goto fail;
	steering_weights(s, workers);
	queue_weights(s, port, workers, loads);
	ret = bind_port(t, bind_cb, t->how == STEERED_SOFTWARE ? workers : loads, now_us);
	if (ret < 0)
		goto fail;
	steer_port_take(&t->local->ports, t->tuple.local_port);
	settle(t, loads);
	steering_account(t, 1);
	TAILQ_INSERT_TAIL(&s->tunnels, t, link);
	return t;
fail:
	if (t && t->local)
		local_put(t->local);
	free(t);
	errno = -ret;
	return NULL;
}

void steering_close(struct steering_tunnel *t, uint64_t now_us)
{
	struct steering *s = t->s;

	steering_account(t, -1);
	TAILQ_REMOVE(&s->tunnels, t, link);
	port_flow_unsteer(t->port->port, t->rule);
	steer_port_free(&t->local->ports, t->tuple.local_port);
	local_put(t->local);
	known_add(s, t, now_us);
	free(t);
}

void steering_view(const struct steering_tunnel *t, struct observe_steering *out)
{
	static const char *const names[] = {
		[STEERED_SINGLE] = "single",
		[STEERED_FLOW] = "flow",
		[STEERED_RSS] = "rss",
		[STEERED_SOFTWARE] = "software",
		[STEERED_CHANCE] = "chance",
	};

	*out = (struct observe_steering){
		.how = names[t->how],
		.worker = t->worker,
		.packets_per_s = t->pps,
		.bytes_per_s = t->bytes_per_s,
	};
}

uint32_t steering_worker_tunnels(const struct steering *s, unsigned int worker)
{
	return worker < s->n_workers ? s->loads[worker].tunnels : 0;
}

const char *steering_port_way(
	const struct steering *s, const struct steering_port *p, enum addr_family family)
{
	switch (way_of(s, p)) {
	case STEERED_SINGLE:
		return "single";
	case STEERED_SOFTWARE:
		return "software";
	default:
		if (p->port->flow_steer)
			return "flow";
		return steer_problem(&p->port->steer, family) ? "chance" : "rss";
	}
}
