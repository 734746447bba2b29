// SPDX-License-Identifier: BSD-3-Clause
#include "mfib/generation.h"

#include <errno.h>
#include <stdlib.h>

// Counts of 8 bits of the owned slots that pass a bucket: those of the buckets after it.
static_assert((MFIB_MAX_PROBE - 1) * MFIB_NARROW_SLOTS <= UINT8_MAX, "passed[] does not overflow");

struct layout {
	uint8_t entry;	// words of an entry
	uint8_t key;	// of them key, from the first; then the oif set and the counter
	uint8_t local;	// the word with the local index
	uint8_t bucket; // entries
	uint64_t passed;
};

static const struct layout layouts[MFIB_KINDS] = {
	[MFIB_NARROW] = {sizeof(struct mfib_narrow) / 8, MFIB_NARROW_WORDS, 1, MFIB_NARROW_SLOTS,
		MFIB_NARROW_PASSED},
	[MFIB_WIDE] = {sizeof(struct mfib_wide) / 8, MFIB_WIDE_WORDS, 2, MFIB_WIDE_SLOTS,
		MFIB_WIDE_PASSED},
};
static_assert(offsetof(struct mfib_narrow, oifs) == MFIB_NARROW_WORDS * 8, "oif set after key");
static_assert(offsetof(struct mfib_narrow, count) == MFIB_NARROW_WORDS * 8 + 8, "then counter");
static_assert(offsetof(struct mfib_wide, oifs) == MFIB_WIDE_WORDS * 8, "oif set after key");
static_assert(offsetof(struct mfib_wide, count) == MFIB_WIDE_WORDS * 8 + 8, "then counter");
static_assert(sizeof(struct mfib_buckets) == 64, "entries after it are aligned");

static const struct layout *layout_of(const struct generation *g)
{
	return &layouts[g->shape->kind];
}

static uint64_t *entry_at(const struct generation *g, unsigned int replica, uint32_t slot)
{
	return &g->replica[replica].entries[(uint64_t)slot * layout_of(g)->entry];
}

size_t shape_entry_size(const struct shape *s)
{
	return layouts[s->kind].entry * sizeof(uint64_t);
}

uint32_t shape_bucket_slots(const struct shape *s)
{
	return layouts[s->kind].bucket;
}

uint64_t shape_hash(const struct shape *s, const struct sg *sg, uint64_t end)
{
	struct mfib_buckets seeded;
	uint64_t src[2], group[2];

	memcpy(seeded.seed, s->seed, sizeof(seeded.seed));
	if (sg->s.family == ADDR_V4) {
		uint32_t ip[2] = {addr_to_v4(&sg->s), addr_to_v4(&sg->g)};

		memcpy(src, ip, sizeof(ip));
		return mfib_hash4(&seeded, src[0], end);
	}
	memcpy(src, sg->s.bytes, sizeof(src));
	memcpy(group, sg->g.bytes, sizeof(group));
	return mfib_hash6(&seeded, src, group, end);
}

static uint32_t home_of(const struct generation *g, uint64_t hash)
{
	return (uint32_t)mfib_home(g->replica[0].b, hash);
}

static uint32_t bucket_after(const struct generation *g, uint32_t bucket)
{
	return bucket + 1 < g->n_buckets ? bucket + 1 : 0;
}

struct generation *generation_reserve(const struct shape *s, uint32_t n_slots)
{
	struct generation *g = calloc(1, sizeof(*g) + s->n_replicas * sizeof(g->replica[0]));

	if (!g)
		return NULL;
	g->shape = s;
	g->n_slots = n_slots;
	g->n_buckets = n_slots / layout_of(g)->bucket;
	for (unsigned int i = 0; i < s->n_replicas; i++) {
		struct replica *r = &g->replica[i];

		if (arena_reserve(&r->arena, sizeof(*r->b) + generation_bytes(g), s->sockets[i]))
			goto fail;
		r->b = (void *)r->arena.base;
		r->entries = (void *)(r->arena.base + sizeof(*r->b));
	}
	// After the replicas: they need the huge pages more.
	if (arena_reserve(&g->own, n_slots * sizeof(*g->owner) + g->n_buckets, -1) != 0)
		goto fail;
	g->owner = (void *)g->own.base;
	g->passed = g->own.base + n_slots * sizeof(*g->owner);
	return g;
fail:
	generation_free(g);
	return NULL;
}

// The arenas, that of the control side last; NULL after it.
static struct arena *arena_at(struct generation *g, unsigned int i)
{
	if (i < g->shape->n_replicas)
		return &g->replica[i].arena;
	return i == g->shape->n_replicas ? &g->own : NULL;
}

int32_t generation_populate(struct generation *g)
{
	struct arena *a;

	for (unsigned int i = 0; (a = arena_at(g, i)); i++) {
		if (a->ready < a->size)
			return arena_populate(a) == 0 ? (int32_t)a->piece : -ENOMEM;
	}
	for (unsigned int i = 0; i < g->shape->n_replicas; i++) {
		struct mfib_buckets *b = g->replica[i].b;

		b->narrow = (void *)g->replica[i].entries;
		b->n = g->n_buckets;
		memcpy(b->seed, g->shape->seed, sizeof(b->seed));
	}
	return 0;
}

uint32_t generation_shrink(struct generation *g)
{
	struct arena *a;

	for (unsigned int i = 0; (a = arena_at(g, i)); i++) {
		if (a->size > 0) {
			arena_shrink(a);
			return (uint32_t)a->piece;
		}
	}
	return 0;
}

void generation_free(struct generation *g)
{
	if (!g)
		return;
	for (unsigned int i = 0; i < g->shape->n_replicas; i++)
		arena_free(&g->replica[i].arena);
	arena_free(&g->own);
	free(g);
}

size_t generation_bytes(const struct generation *g)
{
	return g->n_slots * shape_entry_size(g->shape);
}

size_t generation_mapped(const struct generation *g)
{
	size_t sum = 0;

	for (unsigned int i = 0; i < g->shape->n_replicas; i++)
		sum += g->replica[i].arena.size;
	return sum;
}

size_t generation_mapped_own(const struct generation *g)
{
	return g->own.size;
}

void generation_prefetch(const struct generation *g, uint64_t hash)
{
	uint32_t bucket = home_of(g, hash), slot = bucket * layout_of(g)->bucket;

	rte_prefetch0(&g->owner[slot]);
	rte_prefetch0(&g->passed[bucket]);
	for (unsigned int i = 0; i < g->shape->n_replicas; i++)
		rte_prefetch0(entry_at(g, i, slot));
}

void generation_prefetch_entry(const struct generation *g, uint32_t slot)
{
	for (unsigned int i = 0; i < g->shape->n_replicas; i++)
		rte_prefetch0(entry_at(g, i, slot));
}

// Stores the mark with what else its word holds.
static void bucket_mark(struct generation *g, uint32_t bucket, bool passed)
{
	const struct layout *l = layout_of(g);

	for (unsigned int i = 0; i < g->shape->n_replicas; i++) {
		uint64_t *w = &entry_at(g, i, bucket * l->bucket)[l->local];

		__atomic_store_n(w, passed ? *w | l->passed : *w & ~l->passed, __ATOMIC_RELEASE);
	}
}

uint32_t generation_place(struct generation *g, uint64_t hash, uint32_t id)
{
	uint32_t home = home_of(g, hash), per = layout_of(g)->bucket, bucket = home;

	for (unsigned int i = 0; i < MFIB_MAX_PROBE; i++, bucket = bucket_after(g, bucket)) {
		for (uint32_t slot = bucket * per; slot < (bucket + 1) * per; slot++) {
			if (g->owner[slot])
				continue;
			for (uint32_t b = home; b != bucket; b = bucket_after(g, b)) {
				if (g->passed[b]++ == 0)
					bucket_mark(g, b, true);
			}
			g->owner[slot] = id;
			g->used++;
			return slot;
		}
	}
	return SLOT_NONE;
}

void generation_publish(struct generation *g, uint32_t slot, const struct key *key, uint64_t oifs)
{
	const struct layout *l = layout_of(g);

	for (unsigned int i = 0; i < g->shape->n_replicas; i++) {
		uint64_t *e = entry_at(g, i, slot);

		__atomic_store_n(&e[l->key], oifs, __ATOMIC_RELAXED);
		for (unsigned int k = 0; k < l->key; k++) {
			if (k != l->local)
				__atomic_store_n(&e[k], key->w[k], __ATOMIC_RELAXED);
		}
		__atomic_store_n(&e[l->local], key->w[l->local] | (e[l->local] & l->passed),
			__ATOMIC_RELEASE);
	}
}

void generation_set_oifs(struct generation *g, uint32_t slot, uint64_t oifs)
{
	for (unsigned int i = 0; i < g->shape->n_replicas; i++)
		__atomic_store_n(&entry_at(g, i, slot)[layout_of(g)->key], oifs, __ATOMIC_RELAXED);
}

void generation_unpublish(struct generation *g, uint32_t slot)
{
	const struct layout *l = layout_of(g);

	for (unsigned int i = 0; i < g->shape->n_replicas; i++) {
		uint64_t *w = &entry_at(g, i, slot)[l->local];

		__atomic_store_n(w, *w & l->passed, __ATOMIC_RELEASE);
	}
}

void generation_release(struct generation *g, uint32_t slot, uint64_t hash)
{
	const struct layout *l = layout_of(g);
	uint32_t bucket = slot / l->bucket;

	for (uint32_t b = home_of(g, hash); b != bucket; b = bucket_after(g, b)) {
		if (--g->passed[b] == 0)
			bucket_mark(g, b, false);
	}
	for (unsigned int i = 0; i < g->shape->n_replicas; i++) {
		uint64_t *e = entry_at(g, i, slot);

		// S is 0 from now on, which nobody looks up. The counter stays: the worker stores
		// it with that of the other entry of the bucket (mfib_narrow_count()).
		for (unsigned int k = 0; k <= l->key; k++) {
			if (k != l->local)
				__atomic_store_n(&e[k], 0, __ATOMIC_RELAXED);
		}
	}
	g->owner[slot] = 0;
	g->used--;
}

bool generation_entry(const struct generation *g, uint32_t slot, struct key *key, uint64_t *oifs)
{
	const struct layout *l = layout_of(g);
	const uint64_t *e = entry_at(g, 0, slot);

	if ((e[l->local] & ~l->passed) == 0)
		return false;
	memcpy(key->w, e, l->key * sizeof(key->w[0]));
	key->w[l->local] &= ~l->passed;
	*oifs = e[l->key];
	return true;
}

uint64_t generation_count(const struct generation *g, uint32_t slot)
{
	unsigned int at = layout_of(g)->key + 1u;
	uint64_t sum = 0;

	for (unsigned int i = 0; i < g->shape->n_replicas; i++)
		sum += __atomic_load_n(&entry_at(g, i, slot)[at], __ATOMIC_RELAXED);
	return sum;
}

bool generation_has(const struct generation *g, const struct key *key, uint64_t hash)
{
	const struct layout *l = layout_of(g);
	uint32_t bucket = home_of(g, hash);

	for (unsigned int i = 0; i < MFIB_MAX_PROBE; i++, bucket = bucket_after(g, bucket)) {
		for (uint32_t j = 0; j < l->bucket; j++) {
			struct key k;
			uint64_t oifs;

			if (generation_entry(g, bucket * l->bucket + j, &k, &oifs) &&
				memcmp(k.w, key->w, l->key * sizeof(k.w[0])) == 0)
				return true;
		}
		if (g->passed[bucket] == 0)
			return false;
	}
	return false;
}

uint32_t generation_slot(const struct generation *g, uint64_t hash, uint32_t id)
{
	uint32_t bucket = home_of(g, hash), per = layout_of(g)->bucket;

	for (unsigned int i = 0; i < MFIB_MAX_PROBE; i++, bucket = bucket_after(g, bucket)) {
		for (uint32_t slot = bucket * per; slot < (bucket + 1) * per; slot++) {
			if (g->owner[slot] == id)
				return slot;
		}
		if (g->passed[bucket] == 0)
			return SLOT_NONE;
	}
	return SLOT_NONE;
}
