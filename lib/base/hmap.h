// SPDX-License-Identifier: BSD-3-Clause
// An intrusive chained hash map for the control thread. Keys that a peer chooses are hashed with
// hmap_hash(), which is seeded at random at start-up, so that nobody can fill one chain.
#ifndef BASE_HMAP_H
#define BASE_HMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct hnode {
	struct hnode *next;
	uint64_t hash;
};

// A map of very many nodes grows a few buckets with each insert, never all at once: no event of the
// control thread waits for a hundred thousand nodes to be dealt out anew.
struct hmap {
	struct hnode **buckets; // NULL until the first insert
	uint32_t mask;
	uint32_t count;
	struct hnode **old; // while it grows: those before, from `moved` on still in use
	uint32_t old_mask, moved;
};

#define container_of_node(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

// SipHash-1-3 of len octets under the process's random key.
uint64_t hmap_hash(const void *key, size_t len);
// The same of the octets of S and of G, which are of one family: of IPv4 a third of the work of the
// whole struct.
uint64_t hmap_hash_sg(const struct sg *sg);

void hmap_init(struct hmap *m);
// Frees the bucket array; the elements are the owner's.
void hmap_fini(struct hmap *m);
// The caller has checked that no equal key is in. 0, or -ENOMEM with nothing inserted.
int hmap_insert(struct hmap *m, struct hnode *n, uint64_t hash);
// n must be in m.
void hmap_remove(struct hmap *m, struct hnode *n);
// First node with this hash, or the next one after n; the caller compares keys. NULL at the end.
struct hnode *hmap_find(const struct hmap *m, uint64_t hash);
struct hnode *hmap_find_next(const struct hnode *n);
// Where a hash is at home; buckets must not be NULL.
static inline struct hnode **hmap_bucket(const struct hmap *m, uint64_t hash)
{
	if (m->old && (hash & m->old_mask) >= m->moved)
		return &m->old[hash & m->old_mask];
	return &m->buckets[hash & m->mask];
}
// All nodes, in no order. The node given may be removed while walking if its successor was
// fetched first (HMAP_FOREACH does).
struct hnode *hmap_first(const struct hmap *m);
struct hnode *hmap_next(const struct hmap *m, const struct hnode *n);

// A walk in pieces, between which nodes come and go and the map grows: hands over the nodes of one
// place and moves *cursor, 0 at first, to the next. False when that was the last; then *cursor is
// 0. A node that is in all the time is met once.
bool hmap_scan(
	const struct hmap *m, uint32_t *cursor, void (*cb)(void *arg, struct hnode *n), void *arg);

// The bucket of a walk in pieces after `at`, of the smaller mask while a map grows.
uint32_t hmap_cursor_next(uint32_t at, uint32_t mask);

// The body may remove and free n, nothing else.
#define HMAP_FOREACH(n, tmp, m) \
	for ((n) = hmap_first(m); (n) && ((tmp) = hmap_next((m), (n)), 1); (n) = (tmp))

#endif
