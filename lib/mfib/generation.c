// SPDX-License-Identifier: BSD-3-Clause
#include "mfib/generation.h"

#include <stdlib.h>

#include <rte_malloc.h>

#include "base/rng.h"

static struct mfib_entry *entry_at(const struct generation *g, unsigned int replica, uint32_t slot)
{
	return &g->replica[replica]->b[slot / MFIB_BUCKET_ENTRIES].e[slot % MFIB_BUCKET_ENTRIES];
}

static size_t replica_size(uint32_t n_slots)
{
	return sizeof(struct mfib_buckets) +
	       sizeof(struct mfib_bucket) * (n_slots / MFIB_BUCKET_ENTRIES);
}

struct generation *generation_create(unsigned int n_replicas, const int *sockets, uint32_t n_slots)
{
	struct generation *g = calloc(1, sizeof(*g) + n_replicas * sizeof(struct mfib_buckets *));
	struct rng rng = RNG_SYSTEM;
	uint64_t seed[2];

	if (!g)
		return NULL;
	g->n_replicas = n_replicas;
	g->n_slots = n_slots;
	g->owner = calloc(n_slots, sizeof(struct slot_ref *));
	g->passed = calloc(n_slots / MFIB_BUCKET_ENTRIES, sizeof(*g->passed));
	if (!g->owner || !g->passed)
		goto fail;
	// One seed for all replicas, so that a slot is the same place in each.
	rng_bytes(&rng, seed, sizeof(seed));
	for (unsigned int i = 0; i < n_replicas; i++) {
		struct mfib_buckets *b = rte_zmalloc_socket("mfib", replica_size(n_slots),
			RTE_CACHE_LINE_SIZE, sockets ? sockets[i] : SOCKET_ID_ANY);

		if (!b)
			goto fail;
		b->mask = n_slots / MFIB_BUCKET_ENTRIES - 1;
		b->seed[0] = seed[0];
		b->seed[1] = seed[1];
		g->replica[i] = b;
	}
	return g;
fail:
	generation_destroy(g);
	return NULL;
}

void generation_destroy(struct generation *g)
{
	if (!g)
		return;
	for (unsigned int i = 0; i < g->n_replicas; i++)
		rte_free(g->replica[i]);
	free(g->passed);
	free(g->owner);
	free(g);
}

size_t generation_bytes(const struct generation *g)
{
	return g->n_replicas * replica_size(g->n_slots);
}

bool generation_place(struct generation *g, struct slot_ref *ref, const struct mfib_key *key)
{
	uint64_t hash = mfib_hash(g->replica[0], key), mask = g->replica[0]->mask;

	for (unsigned int i = 0; i < MFIB_MAX_PROBE; i++) {
		uint32_t bucket = (uint32_t)((hash + i) & mask);

		for (unsigned int j = 0; j < MFIB_BUCKET_ENTRIES; j++) {
			uint32_t slot = bucket * MFIB_BUCKET_ENTRIES + j;

			if (g->owner[slot])
				continue;
			for (unsigned int k = 0; k < i; k++)
				g->passed[(hash + k) & mask]++;
			g->owner[slot] = ref;
			g->used++;
			ref->slot = slot;
			ref->home = (uint32_t)(hash & mask);
			return true;
		}
	}
	return false;
}

void generation_publish(
	struct generation *g, const struct slot_ref *ref, const struct mfib_key *key, uint32_t oifs)
{
	for (unsigned int i = 0; i < g->n_replicas; i++) {
		struct mfib_entry *e = entry_at(g, i, ref->slot);

		// No worker writes here: the key matched nothing for a grace period.
		e->packets = 0;
		e->bytes = 0;
		__atomic_store_n(&e->oifs, oifs, __ATOMIC_RELAXED);
		__atomic_store_n(&e->key[0], key->w[0], __ATOMIC_RELEASE);
		__atomic_store_n(&e->key[1], key->w[1], __ATOMIC_RELEASE);
	}
}

void generation_set_oifs(struct generation *g, const struct slot_ref *ref, uint32_t oifs)
{
	for (unsigned int i = 0; i < g->n_replicas; i++)
		__atomic_store_n(&entry_at(g, i, ref->slot)->oifs, oifs, __ATOMIC_RELAXED);
}

void generation_unpublish(struct generation *g, const struct slot_ref *ref)
{
	// GONE, not EMPTY: other entries may lie further on the probe path.
	for (unsigned int i = 0; i < g->n_replicas; i++)
		__atomic_store_n(
			&entry_at(g, i, ref->slot)->key[1], MFIB_KEY_GONE, __ATOMIC_RELEASE);
}

// A bucket that no probe passes over any more may stop probes again.
static void bucket_free_to_empty(struct generation *g, uint32_t bucket)
{
	for (unsigned int j = 0; j < MFIB_BUCKET_ENTRIES; j++) {
		uint32_t slot = bucket * MFIB_BUCKET_ENTRIES + j;

		if (g->owner[slot])
			continue;
		for (unsigned int i = 0; i < g->n_replicas; i++)
			__atomic_store_n(
				&entry_at(g, i, slot)->key[1], MFIB_KEY_EMPTY, __ATOMIC_RELEASE);
	}
}

void generation_release(struct generation *g, const struct slot_ref *ref)
{
	uint32_t mask = (uint32_t)g->replica[0]->mask, bucket = ref->slot / MFIB_BUCKET_ENTRIES;

	for (uint32_t b = ref->home; b != bucket; b = (b + 1) & mask) {
		if (--g->passed[b] == 0)
			bucket_free_to_empty(g, b);
	}
	for (unsigned int i = 0; i < g->n_replicas; i++)
		__atomic_store_n(&entry_at(g, i, ref->slot)->key[0], 0, __ATOMIC_RELAXED);
	g->owner[ref->slot] = NULL;
	g->used--;
	if (g->passed[bucket] == 0)
		bucket_free_to_empty(g, bucket);
}

void generation_read(
	const struct generation *g, const struct slot_ref *ref, struct mfib_stats *add_to)
{
	for (unsigned int i = 0; i < g->n_replicas; i++) {
		const struct mfib_entry *e = entry_at(g, i, ref->slot);
		uint32_t packets = __atomic_load_n(&e->packets, __ATOMIC_RELAXED);

		add_to->packets += (uint32_t)(packets - ref->seen[i].packets);
		add_to->bytes += __atomic_load_n(&e->bytes, __ATOMIC_RELAXED) - ref->seen[i].bytes;
	}
}

void generation_fold(const struct generation *g, struct slot_ref *ref, struct mfib_stats *add_to)
{
	for (unsigned int i = 0; i < g->n_replicas; i++) {
		const struct mfib_entry *e = entry_at(g, i, ref->slot);
		uint32_t packets = __atomic_load_n(&e->packets, __ATOMIC_RELAXED);
		uint64_t bytes = __atomic_load_n(&e->bytes, __ATOMIC_RELAXED);

		add_to->packets += (uint32_t)(packets - ref->seen[i].packets);
		add_to->bytes += bytes - ref->seen[i].bytes;
		ref->seen[i] = (struct slot_seen){.bytes = bytes, .packets = packets};
	}
}

struct slot_ref *generation_find(const struct generation *g, const struct mfib_key *key)
{
	struct mfib_buckets *b = g->replica[0];
	const struct mfib_entry *e = mfib_lookup(b, key, mfib_hash(b, key));

	return e ? g->owner[e - b->b[0].e] : NULL;
}
