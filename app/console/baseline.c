// SPDX-License-Identifier: BSD-3-Clause
#include "console/baseline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amt/amt.h"
#include "base/hmap.h"
#include "base/slab.h"
#include "channel/channel.h"
#include "driad/driad.h"
#include "joinfile/joinfile.h"
#include "kif/kif.h"
#include "membership/membership.h"
#include "pim/pim.h"
#include "port/port.h"

#define INDEX_MAX 256
#define PIECE	  64

// A channel's or a tunnel's counters.
struct entry {
	struct hnode node;
	union {
		struct sg sg;
		struct {
			struct addr relay, local;
			uint16_t local_port;
		} tunnel;
	};
	uint64_t since_us; // of a channel: when it was first wanted; another one starts at 0
	uint64_t packets, bytes;
};

struct blob {
	uint64_t *words;
	size_t size;
};

struct baseline {
	uint64_t at_us;
	struct blob blobs[BASELINE_KINDS][INDEX_MAX];
	struct hmap channels, tunnels;
	struct slab *entries; // of both: very many go at once, in little time
};

struct baseline *baseline_create(void)
{
	struct baseline *b = calloc(1, sizeof(*b));

	if (b)
		b->entries = malloc(sizeof(*b->entries));
	if (!b || !b->entries) {
		free(b);
		return NULL;
	}
	slab_init(b->entries, sizeof(struct entry));
	hmap_init(&b->channels);
	hmap_init(&b->tunnels);
	return b;
}

void baseline_free(struct baseline *b)
{
	if (!b)
		return;
	hmap_fini(&b->channels);
	hmap_fini(&b->tunnels);
	slab_fini(b->entries);
	free(b->entries);
	for (int k = 0; k < BASELINE_KINDS; k++)
		for (int i = 0; i < INDEX_MAX; i++)
			free(b->blobs[k][i].words);
	free(b);
}

uint64_t baseline_at_us(const struct baseline *b)
{
	return b ? b->at_us : 0;
}

static uint64_t since(uint64_t now, uint64_t then)
{
	return now >= then ? now - then : now; // it began anew
}

void baseline_since(const struct verb_ctx *v, enum baseline_kind kind, unsigned int index,
	const void *now, void *out, size_t size)
{
	const struct baseline *b = v->o->baseline;
	const struct blob *then = b && index < INDEX_MAX ? &b->blobs[kind][index] : NULL;
	const uint64_t *from = now;
	uint64_t *to = out;

	for (size_t i = 0; i < size / sizeof(uint64_t); i++)
		to[i] = since(from[i], then && then->size == size ? then->words[i] : 0);
}

static const struct entry *channel_entry(const struct hmap *m, const struct sg *sg)
{
	struct hnode *n = hmap_find(m, hmap_hash(sg, sizeof(*sg)));

	for (; n; n = hmap_find_next(n)) {
		const struct entry *e = container_of_node(n, struct entry, node);

		if (sg_eq(&e->sg, sg))
			return e;
	}
	return NULL;
}

void baseline_channel(const struct verb_ctx *v, struct channel_view *c)
{
	const struct entry *e =
		v->o->baseline ? channel_entry(&v->o->baseline->channels, &c->sg) : NULL;

	if (!e || e->since_us != c->wanted_us)
		return;
	c->packets = since(c->packets, e->packets);
	c->bytes = since(c->bytes, e->bytes);
}

static uint64_t tunnel_hash(const struct tunnel_view *t)
{
	return hmap_hash(&t->relay, sizeof(t->relay)) ^ t->local_port;
}

void baseline_tunnel(const struct verb_ctx *v, struct tunnel_view *t)
{
	struct hnode *n =
		v->o->baseline ? hmap_find(&v->o->baseline->tunnels, tunnel_hash(t)) : NULL;

	for (; n; n = hmap_find_next(n)) {
		const struct entry *e = container_of_node(n, struct entry, node);

		if (!addr_eq(&e->tunnel.relay, &t->relay) ||
			!addr_eq(&e->tunnel.local, &t->local) ||
			e->tunnel.local_port != t->local_port)
			continue;
		t->packets = since(t->packets, e->packets);
		t->bytes = since(t->bytes, e->bytes);
		return;
	}
}

// ---- clear counters

struct work {
	struct baseline *fresh; // in the end, the one before
	uint32_t cursor;
	bool tunnels; // of which the channels are done
	bool failed;
};

static void take(
	struct work *w, enum baseline_kind kind, unsigned int index, const void *now, size_t size)
{
	struct blob *b = &w->fresh->blobs[kind][index];

	b->words = malloc(size);
	if (!b->words) {
		w->failed = true;
		return;
	}
	memcpy(b->words, now, size);
	b->size = size;
}

static void take_if(struct work *w, const struct observe *o, unsigned int i)
{
	const struct observe_if *f = &o->ifs[i];
	struct crossing_if_stats x = {0};
	struct port_counters c;

	if (f->port && f->first) {
		port_counters(f->port, &c);
		take(w, BASELINE_PORT, i, &c, sizeof(c));
	}
	if (o->crossing) {
		crossing_if_stats(o->crossing, i, &x);
		take(w, BASELINE_IF, i, &x, sizeof(x));
	}
	if (f->kif)
		take(w, BASELINE_KIF, i, kif_stats(f->kif), sizeof(struct kif_stats));
	for (unsigned int k = 0; k < OBSERVE_FAMILIES; k++) {
		if (f->pim[k])
			take(w, BASELINE_PIM, OBSERVE_FAMILIES * i + k, pim_if_stats(f->pim[k]),
				sizeof(struct pim_stats));
		if (f->membership[k])
			take(w, BASELINE_MEMBERSHIP, OBSERVE_FAMILIES * i + k,
				membership_stats(f->membership[k]),
				sizeof(struct membership_stats));
	}
}

// All but channels and tunnels, of which there may be very many.
static void take_rooms(struct work *w, const struct observe *o)
{
	uint64_t drops[DROP_COUNT], counts[VERB_WORKER_COUNTS];

	for (unsigned int i = 0; i < o->n_ifs && OBSERVE_FAMILIES * i < INDEX_MAX - 1; i++)
		take_if(w, o, i);
	for (unsigned int i = 0; o->crossing && i < o->crossing->n_workers; i++) {
		verb_worker_counts(o, i, counts);
		take(w, BASELINE_WORKER, i, counts, sizeof(counts));
	}
	for (unsigned int i = 0; o->crossing && i < DROP_COUNT; i++)
		drops[i] = crossing_drop(o->crossing, (enum drop_reason)i);
	if (o->crossing)
		take(w, BASELINE_FASTPATH, 0, drops, sizeof(drops));
	if (o->amt)
		take(w, BASELINE_AMT, 0, amt_gateway_stats(o->amt), sizeof(struct amt_stats));
	if (o->driad)
		take(w, BASELINE_DRIAD, 0, driad_stats(o->driad), sizeof(struct driad_stats));
	if (o->channels)
		take(w, BASELINE_CHANNELS, 0, channels_drops(o->channels),
			CHANNEL_DROP_COUNT * sizeof(uint64_t));
	if (o->joinfile_stats)
		take(w, BASELINE_JOINFILE, 0, o->joinfile_stats, sizeof(*o->joinfile_stats));
}

static void take_entry(struct work *w, struct hmap *map, const struct entry *from, uint64_t hash)
{
	struct entry *e = slab_get(w->fresh->entries);

	if (e)
		*e = *from;
	if (!e || hmap_insert(map, &e->node, hash) < 0)
		w->failed = true;
}

static void take_channel(void *arg, const struct channel_view *c)
{
	struct work *w = arg;
	struct entry e = {
		.sg = c->sg, .since_us = c->wanted_us, .packets = c->packets, .bytes = c->bytes};

	take_entry(w, &w->fresh->channels, &e, hmap_hash(&c->sg, sizeof(c->sg)));
}

static void take_tunnel(void *arg, const struct tunnel_view *t)
{
	struct work *w = arg;
	struct entry e = {.tunnel = {t->relay, t->local, t->local_port},
		.packets = t->packets,
		.bytes = t->bytes};

	take_entry(w, &w->fresh->tunnels, &e, tunnel_hash(t));
}

static void work_free(void *arg)
{
	struct work *w = arg;

	if (w)
		baseline_free(w->fresh);
	free(w);
}

static const struct render_column columns[] = {
	{"result", RENDER_LEFT},
	{"channels", RENDER_RIGHT},
	{"tunnels", RENDER_RIGHT},
};

// The fresh one takes the place of the one before.
static void change(struct verb_ctx *v, struct work *w)
{
	struct baseline *b = v->o->baseline, was = *b;

	w->fresh->at_us = v->now_us;
	*b = *w->fresh;
	*w->fresh = was;
	render_table_begin(v->r, "results", columns, RTE_DIM(columns));
	render_text(v->r, "cleared");
	render_u64(v->r, b->channels.count);
	render_u64(v->r, b->tunnels.count);
	render_table_end(v->r);
}

static enum verb_turn more(struct verb_ctx *v)
{
	struct work *w = v->work;
	bool goes_on = false;

	if (v->o->channels && !w->failed)
		goes_on = w->tunnels ? channels_tunnels_some(
					       v->o->channels, &w->cursor, PIECE, take_tunnel, w)
				     : channels_some(
					       v->o->channels, &w->cursor, PIECE, take_channel, w);
	if (w->failed) {
		snprintf(v->refused, sizeof(v->refused), "out of memory; nothing was cleared");
		return VERB_DONE;
	}
	if (!goes_on && w->tunnels) {
		change(v, w);
		return VERB_DONE;
	}
	w->tunnels |= !goes_on;
	return VERB_MORE;
}

void verb_clear_counters(struct verb_ctx *v)
{
	struct work *w;

	if (!v->o->baseline) {
		snprintf(v->refused, sizeof(v->refused), "counters cannot be cleared");
		return;
	}
	w = verb_work(v, sizeof(*w));
	if (!w)
		return;
	v->work_free = work_free;
	w->fresh = baseline_create();
	w->failed = !w->fresh;
	if (w->fresh)
		take_rooms(w, v->o);
	v->more = more;
}
