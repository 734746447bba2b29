// SPDX-License-Identifier: BSD-3-Clause
#include "mfib/move.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include <rte_malloc.h>

#include "base/rng.h"

struct retired {
	struct retired *next;
	uint64_t token;
	void (*free_cb)(struct retired *r);
};

struct record {
	struct mfib_move shared; // what workers read
	struct retired retired;
};

struct window {
	struct mfib_window shared;
	struct retired retired;
	struct arena arena;
};

static struct record *record_of(struct mfib_move *v)
{
	return (void *)((uint8_t *)v - offsetof(struct record, shared));
}

static struct window *window_of(struct mfib_window *w)
{
	return (void *)((uint8_t *)w - offsetof(struct window, shared));
}

static void record_free(struct retired *r)
{
	rte_free((uint8_t *)r - offsetof(struct record, retired));
}

static void window_free(struct retired *r)
{
	struct window *w = (void *)((uint8_t *)r - offsetof(struct window, retired));

	arena_free(&w->arena);
	free(w);
}

int moves_init(struct moves *v, struct rte_rcu_qsbr *qsbr)
{
	struct rng rng = RNG_SYSTEM;

	v->qsbr = qsbr;
	v->last = &v->first;
	v->shared = rte_zmalloc("mfib_moves", sizeof(*v->shared), RTE_CACHE_LINE_SIZE);
	if (!v->shared)
		return -ENOMEM;
	rng_bytes(&rng, v->shared->seed, sizeof(v->shared->seed));
	return 0;
}

void moves_fini(struct moves *v)
{
	struct retired *r;

	while ((r = v->first)) {
		v->first = r->next;
		r->free_cb(r);
	}
	for (unsigned int i = 0; v->shared && i < RTE_DIM(v->shared->chains); i++) {
		for (struct mfib_move *m = v->shared->chains[i], *next; m; m = next) {
			next = m->next;
			rte_free(record_of(m));
		}
	}
	rte_free(v->shared);
	v->shared = NULL;
}

static void retire(struct moves *v, struct retired *r, void (*free_cb)(struct retired *r))
{
	r->next = NULL;
	r->free_cb = free_cb;
	r->token = rte_rcu_qsbr_start(v->qsbr);
	*v->last = r;
	v->last = &r->next;
}

struct mfib_move *moves_add(struct moves *v, const struct key *key, uint64_t oifs,
	struct mfib_window *w, unsigned int side)
{
	struct record *r = rte_zmalloc("mfib_move", sizeof(*r), RTE_CACHE_LINE_SIZE);
	struct mfib_moves *s = v->shared;
	struct mfib_move **chain;

	if (!r)
		return NULL;
	memcpy(r->shared.key, key->w, sizeof(r->shared.key));
	r->shared.oifs = oifs;
	r->shared.window = w;
	r->shared.side = side;
	chain = &s->chains[mfib_moves_chain(s, r->shared.key)];
	r->shared.next = *chain;
	__atomic_store_n(chain, &r->shared, __ATOMIC_RELEASE);
	__atomic_store_n(&s->n, s->n + 1, __ATOMIC_RELEASE);
	return &r->shared;
}

void moves_del(struct moves *v, struct mfib_move *record)
{
	struct mfib_moves *s = v->shared;
	struct mfib_move **at = &s->chains[mfib_moves_chain(s, record->key)];

	while (*at != record)
		at = &(*at)->next;
	// Who is at the record goes on to the rest of the chain from there.
	__atomic_store_n(at, record->next, __ATOMIC_RELEASE);
	__atomic_store_n(&s->n, s->n - 1, __ATOMIC_RELEASE);
	retire(v, &record_of(record)->retired, record_free);
}

struct mfib_window *moves_window(uint32_t packets)
{
	struct window *w = calloc(1, sizeof(*w));
	struct rng rng = RNG_SYSTEM;
	unsigned int log = MFIB_WINDOW_MIN_LOG;
	uint64_t n;

	// With eight buckets a packet, one that is remembered gives way to younger ones of its
	// bucket too early once in 10^10.
	while (log < MFIB_WINDOW_MAX_LOG && (1ull << log) < (uint64_t)packets * 8)
		log++;
	n = 1ull << log;
	if (!w || arena_reserve(&w->arena, n * sizeof(struct mfib_window_bucket), -1) != 0)
		goto fail;
	while (w->arena.ready < w->arena.size)
		if (arena_populate(&w->arena) != 0)
			goto fail;
	w->shared.buckets = (void *)w->arena.base;
	w->shared.mask = n - 1;
	for (uint64_t i = 0; i < n; i++)
		w->shared.buckets[i].cursor = 1u << 3;
	rng_bytes(&rng, w->shared.seed, sizeof(w->shared.seed));
	return &w->shared;
fail:
	if (w)
		arena_free(&w->arena);
	free(w);
	return NULL;
}

void moves_window_del(struct moves *v, struct mfib_window *w)
{
	retire(v, &window_of(w)->retired, window_free);
}

void moves_reclaim(struct moves *v)
{
	struct retired *r;

	while ((r = v->first) && rte_rcu_qsbr_check(v->qsbr, r->token, false) == 1) {
		v->first = r->next;
		if (!v->first)
			v->last = &v->first;
		r->free_cb(r);
	}
}

uint32_t moves_retired(const struct moves *v)
{
	uint32_t n = 0;

	for (const struct retired *r = v->first; r; r = r->next)
		n++;
	return n;
}
