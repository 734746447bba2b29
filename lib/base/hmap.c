// SPDX-License-Identifier: BSD-3-Clause
#include "base/hmap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define MIN_BUCKETS 16
// Buckets moved with each insert: growth is over after a quarter of the inserts to the next one.
#define MOVE_STEP 4

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

uint64_t hmap_hash_sg(const struct sg *sg)
{
	size_t len = addr_size(&sg->g);
	uint8_t key[32];

	memcpy(key, sg->s.bytes, len);
	memcpy(key + len, sg->g.bytes, len);
	return hmap_hash(key, 2 * len);
}

void hmap_init(struct hmap *m)
{
	*m = (struct hmap){0};
}

void hmap_fini(struct hmap *m)
{
	free(m->old);
	free(m->buckets);
	hmap_init(m);
}

// Moves up to n of the buckets before the map grew.
static void hmap_move(struct hmap *m, uint32_t n)
{
	for (; m->old && n > 0; n--) {
		struct hnode *node = m->old[m->moved], *next;

		for (; node; node = next) {
			struct hnode **to = &m->buckets[node->hash & m->mask];

			next = node->next;
			// NOLINTNEXTLINE(clang-analyzer-core.NullDereference): not while old is set
			node->next = *to;
			*to = node;
		}
		if (m->moved++ == m->old_mask) {
			free(m->old);
			m->old = NULL;
		}
	}
}

static int hmap_grow(struct hmap *m)
{
	uint32_t n = m->buckets ? 2 * (m->mask + 1) : MIN_BUCKETS;
	struct hnode **buckets = calloc(n, sizeof(struct hnode *));

	if (!buckets)
		return -ENOMEM;
	hmap_move(m, UINT32_MAX); // done long ago
	m->old = m->buckets;
	m->old_mask = m->mask;
	m->moved = 0;
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
	hmap_move(m, MOVE_STEP);
	n->hash = hash;
	to = hmap_bucket(m, hash);
	n->next = *to;
	*to = n;
	m->count++;
	return 0;
}

// Moves nothing: a walk over the map may remove what it is at.
void hmap_remove(struct hmap *m, struct hnode *n)
{
	struct hnode **at = hmap_bucket(m, n->hash);

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	n->next = NULL;
	m->count--;
}

struct hnode *hmap_find(const struct hmap *m, uint64_t hash)
{
	struct hnode *n = m->buckets ? *hmap_bucket(m, hash) : NULL;

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

static struct hnode *first_of(struct hnode *const *buckets, uint64_t from, uint32_t mask)
{
	for (; buckets && from <= mask; from++)
		if (buckets[from])
			return buckets[from];
	return NULL;
}

struct hnode *hmap_first(const struct hmap *m)
{
	struct hnode *n = first_of(m->old, m->moved, m->old_mask);

	return n ? n : first_of(m->buckets, 0, m->mask);
}

// First the old buckets that are in use, then the others.
struct hnode *hmap_next(const struct hmap *m, const struct hnode *n)
{
	uint64_t at = n->hash & m->old_mask;
	struct hnode *next = n->next;

	if (next)
		return next;
	if (!m->old || at < m->moved)
		return first_of(m->buckets, (n->hash & m->mask) + 1, m->mask);
	next = first_of(m->old, at + 1, m->old_mask);
	return next ? next : first_of(m->buckets, 0, m->mask);
}

static uint32_t reversed(uint32_t v)
{
	v = (v >> 1 & 0x55555555) | (v & 0x55555555) << 1;
	v = (v >> 2 & 0x33333333) | (v & 0x33333333) << 2;
	v = (v >> 4 & 0x0f0f0f0f) | (v & 0x0f0f0f0f) << 4;
	return __builtin_bswap32(v);
}

static void scan_bucket(struct hnode *n, void (*cb)(void *arg, struct hnode *n), void *arg)
{
	struct hnode *next;

	for (; n; n = next) {
		next = n->next;
		cb(arg, n);
	}
}

// Counts with the highest bit of the smaller mask first: what a bucket is dealt out to when the map
// doubles is then behind the cursor, or before it, as the bucket was.
uint32_t hmap_cursor_next(uint32_t at, uint32_t mask)
{
	return reversed(reversed(at | ~mask) + 1);
}

bool hmap_scan(
	const struct hmap *m, uint32_t *cursor, void (*cb)(void *arg, struct hnode *n), void *arg)
{
	uint32_t mask = m->old ? m->old_mask : m->mask, at = *cursor & mask;

	if (!m->buckets)
		return false;
	if (m->old && at >= m->moved) {
		scan_bucket(m->old[at], cb, arg);
	} else {
		scan_bucket(m->buckets[at], cb, arg);
		if (m->old)
			scan_bucket(m->buckets[at | (mask + 1)], cb, arg);
	}
	*cursor = hmap_cursor_next(at, mask);
	return *cursor != 0;
}
