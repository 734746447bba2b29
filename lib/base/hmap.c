// SPDX-License-Identifier: BSD-3-Clause
#include "base/hmap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

// Inlined, so that the state stays in registers: every lookup of the control thread goes through
// it.
static inline __attribute__((always_inline)) void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = ROTL(v[1], 13) ^ v[0];
	v[0] = ROTL(v[0], 32);
	v[2] += v[3];
	v[3] = ROTL(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = ROTL(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = ROTL(v[1], 17) ^ v[2];
	v[2] = ROTL(v[2], 32);
}

uint64_t hmap_hash(const void *key, size_t len)
{
	static uint64_t seed[2];
	static bool seeded;
	const uint8_t *p = key;
	uint64_t v[4], m, tail = (uint64_t)len << 56;

	if (!seeded) {
		struct rng r = RNG_SYSTEM;

		rng_bytes(&r, seed, sizeof(seed));
		seeded = true;
	}
	v[0] = seed[0] ^ 0x736f6d6570736575ull;
	v[1] = seed[1] ^ 0x646f72616e646f6dull;
	v[2] = seed[0] ^ 0x6c7967656e657261ull;
	v[3] = seed[1] ^ 0x7465646279746573ull;
	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&m, p, 8);
		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
	}
	for (size_t i = 0; i < len; i++)
		tail |= (uint64_t)p[i] << (8 * i);
	v[3] ^= tail;
	sip_round(v);
	v[0] ^= tail;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void hmap_init(struct hmap *m)
{
	*m = (struct hmap){0};
}

void hmap_fini(struct hmap *m)
{
	free(m->buckets);
	hmap_init(m);
}

static int hmap_grow(struct hmap *m)
{
	uint32_t n = m->buckets ? 2 * (m->mask + 1) : 16;
	struct hnode **buckets = calloc(n, sizeof(struct hnode *));

	if (!buckets)
		return -ENOMEM;
	for (uint32_t i = 0; m->buckets && i <= m->mask; i++) {
		struct hnode *node, *next;

		for (node = m->buckets[i]; node; node = next) {
			struct hnode **to = &buckets[node->hash & (n - 1)];

			next = node->next;
			node->next = *to;
			*to = node;
		}
	}
	free(m->buckets);
	m->buckets = buckets;
	m->mask = n - 1;
	return 0;
}

int hmap_insert(struct hmap *m, struct hnode *n, uint64_t hash)
{
	struct hnode **to;

	// Growth that fails only makes the chains longer; the first array is indispensable.
	if ((!m->buckets || m->count > m->mask) && hmap_grow(m) < 0 && !m->buckets)
		return -ENOMEM;
	n->hash = hash;
	to = &m->buckets[hash & m->mask];
	n->next = *to;
	*to = n;
	m->count++;
	return 0;
}

void hmap_remove(struct hmap *m, struct hnode *n)
{
	struct hnode **at = &m->buckets[n->hash & m->mask];

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	n->next = NULL;
	m->count--;
}

struct hnode *hmap_find(const struct hmap *m, uint64_t hash)
{
	struct hnode *n = m->buckets ? m->buckets[hash & m->mask] : NULL;

	while (n && n->hash != hash)
		n = n->next;
	return n;
}

struct hnode *hmap_find_next(const struct hnode *n)
{
	uint64_t hash = n->hash;

	do {
		n = n->next;
	} while (n && n->hash != hash);
	return (struct hnode *)(uintptr_t)n;
}

static struct hnode *first_from(const struct hmap *m, uint64_t bucket)
{
	for (; m->buckets && bucket <= m->mask; bucket++)
		if (m->buckets[bucket])
			return m->buckets[bucket];
	return NULL;
}

struct hnode *hmap_first(const struct hmap *m)
{
	return first_from(m, 0);
}

struct hnode *hmap_next(const struct hmap *m, const struct hnode *n)
{
	return n->next ? n->next : first_from(m, (n->hash & m->mask) + 1);
}
