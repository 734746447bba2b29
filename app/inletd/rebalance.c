// SPDX-License-Identifier: BSD-3-Clause
// The console's `rebalance`: what can be moved on which port, the plan of lib/steer, and its moves.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "inletd/steering_internal.h"
#include "port/port.h"
#include "port/port_flow.h"
#include "port/port_rss.h"

#define MAX_PORTS 72
#define MAX_MOVES 256

enum what {
	MOVE_TUNNEL,  // by its flow rule
	MOVE_RETA,    // an entry of a port's table, with all its tunnels
	MOVE_ENTRY,   // the same of the spreader's table
	MOVE_CHANNELS // an entry of the spreader's table of channels
};

struct piece {
	enum what what;
	struct steering_tunnel *tunnel;
	unsigned int port, entry;
};

struct plan {
	struct steering *s;
	bool dry_run;
	void (*cb)(void *arg, const struct observe_move *row);
	void *arg;
	struct steering_port *ports[MAX_PORTS]; // those with tunnels
	unsigned int n_ports;
	struct new_table { // of a port where an entry moves
		bool changed, refused;
		uint16_t reta[STEER_MAX_RETA];
	} * tables; // one a port
	struct steer_item *items;
	struct piece *pieces;
	unsigned int n, room;
	uint64_t load[STEER_MAX_QUEUES];
	unsigned int moved, failed;
};

static void add(struct plan *p, const struct piece *piece, uint64_t load, uint64_t allowed,
	unsigned int worker)
{
	if (p->n == p->room || worker >= p->s->n_workers)
		return;
	p->items[p->n] = (struct steer_item){load, allowed, (uint16_t)worker};
	p->pieces[p->n] = *piece;
	p->load[worker] += load;
	p->n++;
}

static unsigned int port_index(struct plan *p, struct steering_port *port)
{
	unsigned int i = 0;

	while (i < p->n_ports && p->ports[i] != port)
		i++;
	if (i == p->n_ports && i < MAX_PORTS)
		p->ports[p->n_ports++] = port;
	return i;
}

// Workers that poll a queue of the port.
static uint64_t workers_of(const struct steering *s, const struct steering_port *port)
{
	uint64_t mask = 0;

	for (uint16_t q = 0; q < port->port->n_queues; q++)
		mask |= 1ull << steering_queue_worker(s, port, q);
	return mask;
}

static uint64_t load_of(const struct steering_tunnel *t, uint64_t mean)
{
	return STEER_TUNNEL_PPS + (t->known ? t->pps : mean);
}

static uint64_t mean_pps(const struct steering *s)
{
	uint64_t pps = 0, known = 0;

	for (unsigned int w = 0; w < s->n_workers; w++) {
		pps += s->loads[w].pps;
		known += s->loads[w].tunnels - s->loads[w].fresh;
	}
	return known ? pps / known : 0;
}

// Tunnels one by one, those behind a hash by their entry of its table.
static void collect_tunnels(struct plan *p, uint64_t *buckets[MAX_PORTS], uint64_t *entries)
{
	struct steering *s = p->s;
	uint64_t mean = mean_pps(s);
	struct steering_tunnel *t;

	TAILQ_FOREACH (t, &s->tunnels, link) {
		unsigned int i = port_index(p, t->port);
		const struct steer_rss *rss = &t->port->port->steer;
		struct piece piece = {.what = MOVE_TUNNEL, .tunnel = t, .port = i};

		if (i == MAX_PORTS)
			continue;
		if (t->how == STEERED_FLOW) {
			add(p, &piece, load_of(t, mean), workers_of(s, t->port),
				(unsigned int)t->worker);
		} else if (t->how == STEERED_RSS && t->port->port->reta_settable) {
			if (!buckets[i])
				buckets[i] = calloc(STEER_MAX_RETA, sizeof(**buckets));
			if (buckets[i])
				buckets[i][steer_bucket(rss, steer_hash(rss, &t->tuple))] +=
					load_of(t, mean);
		} else if (t->how == STEERED_SOFTWARE && t->worker >= 0) {
			entries[steering_entry_of(t)] += STEER_TUNNEL_PPS;
		} else if (t->worker >= 0) {
			p->load[t->worker] += load_of(t, mean);
		}
	}
}

static void collect_tables(struct plan *p, uint64_t *buckets[MAX_PORTS], const uint64_t *entries)
{
	struct steering *s = p->s;
	const uint64_t all = UINT64_MAX >> (64 - s->n_workers);

	for (unsigned int i = 0; i < p->n_ports; i++) {
		const struct steer_rss *rss = &p->ports[i]->port->steer;

		for (unsigned int e = 0; buckets[i] && e < rss->reta_size; e++) {
			struct piece piece = {.what = MOVE_RETA, .port = i, .entry = e};

			if (buckets[i][e])
				add(p, &piece, buckets[i][e], workers_of(s, p->ports[i]),
					steering_queue_worker(s, p->ports[i], rss->reta[e]));
		}
	}
	for (unsigned int e = 0; s->x->spread && e < SPREAD_ENTRIES; e++) {
		struct piece piece = {.what = MOVE_ENTRY, .entry = e};
		struct piece channels = {.what = MOVE_CHANNELS, .entry = e};
		int to = crossing_spread_get_tunnel(s->x, e);

		// What is spread by channel is counted there.
		if (to != SPREAD_BY_CHANNEL && entries[e] + s->by_tunnel[e].pps > 0)
			add(p, &piece, entries[e] + s->by_tunnel[e].pps, all, (unsigned int)to);
		if (s->by_channel[e].pps > 0)
			add(p, &channels, s->by_channel[e].pps, all,
				(unsigned int)crossing_spread_get_channel(s->x, e));
	}
}

static void describe(const struct plan *p, const struct piece *piece, char *text, size_t size)
{
	char relay[ADDR_STRLEN], local[ADDR_STRLEN];
	const struct steering_tunnel *t = piece->tunnel;

	switch (piece->what) {
	case MOVE_TUNNEL:
		snprintf(text, size, "tunnel %s to %s:%u", addr_format(&t->tuple.relay, relay),
			addr_format(&t->tuple.local, local), t->tuple.local_port);
		break;
	case MOVE_RETA:
		snprintf(text, size, "port %u, RSS table entry %u",
			p->ports[piece->port]->port->port_id, piece->entry);
		break;
	case MOVE_ENTRY:
		snprintf(text, size, "software, tunnels of entry %u", piece->entry);
		break;
	case MOVE_CHANNELS:
		snprintf(text, size, "software, channels of entry %u", piece->entry);
		break;
	}
}

static int move_tunnel(struct plan *p, struct steering_tunnel *t, unsigned int to)
{
	struct steering *s = p->s;
	struct port *port = t->port->port;
	uint16_t before = steering_worker_queue(s, t->port, (unsigned int)t->worker);
	int ret;

	// Drivers do not take two rules for one tuple. In between the hash decides: each worker
	// knows every tunnel.
	port_flow_unsteer(port, t->rule);
	ret = port_flow_steer(
		port, &t->tuple, t->vlan, steering_worker_queue(s, t->port, to), &t->rule);
	if (ret == 0) {
		steering_set_worker(t, (int)to);
		return 0;
	}
	if (port_flow_steer(port, &t->tuple, t->vlan, before, &t->rule) < 0) {
		t->how = STEERED_CHANCE;
		if (!steer_problem(&port->steer, t->tuple.relay.family))
			t->how = STEERED_RSS;
		steering_set_worker(t, -1);
	}
	return ret;
}

// In the table that the port will get, once all moves are in it.
static int move_reta(struct plan *p, const struct piece *piece, unsigned int to)
{
	const struct steering_port *port = p->ports[piece->port];
	struct new_table *t = &p->tables[piece->port];

	if (!t->changed)
		memcpy(t->reta, port->port->steer.reta, sizeof(t->reta));
	t->changed = true;
	t->reta[piece->entry] = steering_worker_queue(p->s, port, to);
	return 0;
}

static int move(struct plan *p, const struct piece *piece, unsigned int to)
{
	struct steering *s = p->s;

	switch (piece->what) {
	case MOVE_TUNNEL:
		return move_tunnel(p, piece->tunnel, to);
	case MOVE_RETA:
		return move_reta(p, piece, to);
	case MOVE_ENTRY:
		return crossing_spread_set_tunnel(s->x, piece->entry, to);
	default:
		return crossing_spread_set_channel(s->x, piece->entry, to);
	}
}

static void program_tables(struct plan *p)
{
	for (unsigned int i = 0; i < p->n_ports; i++) {
		struct new_table *t = &p->tables[i];
		int ret = t->changed ? port_reta_set(p->ports[i]->port, t->reta) : 0;

		t->refused = ret < 0;
		if (ret < 0)
			log_warn("steer", "the RSS table is not changed port=%u error=\"%s\"",
				p->ports[i]->port->port_id, strerror(-ret));
	}
}

static void row(
	struct plan *p, const char *what, int from, int to, uint64_t pps, const uint64_t *load)
{
	struct observe_move r = {.from = from,
		.to = to,
		.packets_per_s = pps,
		.balance = steer_balance(load, p->s->n_workers)};

	snprintf(r.what, sizeof(r.what), "%s", what);
	p->cb(p->arg, &r);
}

// An entry that is more than a worker's even share cannot be moved anywhere: its channels can.
static void split_entries(struct plan *p, uint64_t *load)
{
	struct steering *s = p->s;
	uint64_t sum = 0;
	char text[OBSERVE_MOVE_LEN];

	for (unsigned int w = 0; w < s->n_workers; w++)
		sum += load[w];
	for (unsigned int i = 0; i < p->n; i++) {
		struct steer_item *it = &p->items[i];

		if (p->pieces[i].what != MOVE_ENTRY || it->load <= sum / s->n_workers)
			continue;
		load[it->worker] -= it->load;
		for (unsigned int w = 0; w < s->n_workers; w++)
			load[w] += it->load / s->n_workers;
		if (!p->dry_run)
			steering_split(s, p->pieces[i].entry);
		describe(p, &p->pieces[i], text, sizeof(text));
		row(p, text, it->worker, -1, it->load, load);
		it->load = 0;
		p->moved++;
	}
}

static void make_moves(struct plan *p, const struct steer_move *moves, unsigned int n, bool *done)
{
	for (unsigned int i = 0; i < n; i++)
		done[i] = move(p, &p->pieces[moves[i].item], moves[i].to) == 0;
	program_tables(p);
	for (unsigned int i = 0; i < n; i++) {
		const struct piece *piece = &p->pieces[moves[i].item];

		if (piece->what == MOVE_RETA && p->tables[piece->port].refused)
			done[i] = false;
	}
	steering_refresh(p->s);
}

static void carry_out(struct plan *p, uint64_t *load)
{
	static struct steer_move moves[MAX_MOVES];
	uint64_t planned[STEER_MAX_QUEUES];
	char text[OBSERVE_MOVE_LEN];
	bool done[MAX_MOVES];
	unsigned int n;

	row(p, "now", -1, -1, 0, load);
	split_entries(p, load);
	memcpy(planned, load, sizeof(planned));
	n = steer_plan(p->items, p->n, planned, p->s->n_workers, moves, MAX_MOVES);
	memset(done, true, sizeof(done));
	if (!p->dry_run)
		make_moves(p, moves, n, done);
	for (unsigned int i = 0; i < n; i++) {
		uint64_t pps = p->items[moves[i].item].load;

		p->moved += done[i];
		p->failed += !done[i];
		if (!done[i])
			continue;
		load[moves[i].from] -= pps;
		load[moves[i].to] += pps;
		describe(p, &p->pieces[moves[i].item], text, sizeof(text));
		row(p, text, moves[i].from, moves[i].to, pps, load);
	}
}

static const char *why_not(const struct plan *p)
{
	const struct steering *s = p->s;

	if (s->n_workers == 1)
		return "nothing to move: there is one worker";
	if (TAILQ_EMPTY(&s->tunnels))
		return "nothing to move: there is no tunnel";
	if (p->failed)
		return "nothing moved: the driver refused (see the log)";
	if (p->n == 0)
		return "nothing can be moved: no port here has flow rules, an RSS table or "
		       "spreading";
	if (steer_balance(p->load, s->n_workers) <= 1.02)
		return "nothing to move: the load is even";
	return "nothing to move: no single move makes it more even";
}

void steering_rebalance(struct steering *s, bool dry_run,
	void (*cb)(void *arg, const struct observe_move *row), void *arg)
{
	struct plan p = {.s = s, .dry_run = dry_run, .cb = cb, .arg = arg};
	uint64_t *buckets[MAX_PORTS] = {0}, *entries = calloc(SPREAD_ENTRIES, sizeof(*entries));
	struct steering_tunnel *t;

	p.room = 2 * SPREAD_ENTRIES + MAX_PORTS * 8;
	TAILQ_FOREACH (t, &s->tunnels, link)
		p.room += 1;
	p.items = calloc(p.room, sizeof(*p.items));
	p.pieces = calloc(p.room, sizeof(*p.pieces));
	p.tables = calloc(MAX_PORTS, sizeof(*p.tables));
	if (entries && p.items && p.pieces && p.tables && s->n_workers > 1) {
		for (unsigned int w = 0; w < s->n_workers; w++)
			p.load[w] = s->workers[w].work_pps;
		collect_tunnels(&p, buckets, entries);
		collect_tables(&p, buckets, entries);
		carry_out(&p, p.load);
	}
	if (p.moved == 0)
		row(&p, why_not(&p), -1, -1, 0, p.load);
	for (unsigned int i = 0; i < MAX_PORTS; i++)
		free(buckets[i]);
	free(p.tables);
	free(p.pieces);
	free(p.items);
	free(entries);
}
