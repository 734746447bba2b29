// SPDX-License-Identifier: BSD-3-Clause
// A hash map for the objects of a slab, of which there are very many: a chain is of their numbers,
// so that an object pays four octets for its link and four or eight for its bucket. The hash is not
// kept; it is asked for again where an object is moved or taken out.
#ifndef BASE_IMAP_H
#define BASE_IMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slab.h"

// Like hmap, it grows a few buckets with each insert, never all at once.
struct imap {
	const struct slab *slab;
	size_t link;			      // offset of an object's uint32_t for the chain
	uint64_t (*hash)(const void *object); // hmap_hash() of its key
	uint32_t *buckets;		      // NULL until the first insert
	uint32_t mask, count;
	uint32_t *old; // while it grows: those before, from `moved` on still in use
	uint32_t old_mask, moved;
};

void imap_init(
	struct imap *m, const struct slab *slab, size_t link, uint64_t (*hash)(const void *object));
// Frees the buckets; the objects are the owner's.
void imap_fini(struct imap *m);
// The caller has checked that no equal key is in. hash: the object's. 0, or -ENOMEM with nothing
// inserted.
int imap_insert(struct imap *m, void *object, uint64_t hash);
void imap_remove(struct imap *m, void *object); // which must be in m
size_t imap_octets(const struct imap *m);	// of memory

// Where a hash is at home; buckets must not be NULL.
static inline uint32_t *imap_bucket(const struct imap *m, uint64_t hash)
{
	if (m->old && (hash & m->old_mask) >= m->moved)
		return &m->old[hash & m->old_mask];
	return &m->buckets[hash & m->mask];
}
static inline uint32_t *imap_link(const struct imap *m, const void *object)
{
	return (uint32_t *)(void *)((uintptr_t)object + m->link);
}
// The first object that may have this hash, and the next one after it: one of any hash, so that
// the caller compares keys. NULL at the end.
static inline void *imap_find(const struct imap *m, uint64_t hash)
{
	uint32_t number = m->buckets ? *imap_bucket(m, hash) : SLAB_NONE;

	return number != SLAB_NONE ? slab_at(m->slab, number) : NULL;
}
static inline void *imap_find_next(const struct imap *m, const void *object)
{
	uint32_t number = *imap_link(m, object);

	return number != SLAB_NONE ? slab_at(m->slab, number) : NULL;
}
// For who looks up many keys: fetches the bucket of a hash into the cache; once that is there, its
// first object; once that is there, the one behind it.
static inline void imap_fetch_bucket(const struct imap *m, uint64_t hash)
{
	if (m->buckets)
		__builtin_prefetch(imap_bucket(m, hash));
}
static inline void imap_fetch_first(const struct imap *m, uint64_t hash)
{
	const void *object = imap_find(m, hash);

	if (object)
		__builtin_prefetch(object);
}
static inline void imap_fetch_second(const struct imap *m, uint64_t hash)
{
	const void *object = imap_find(m, hash);

	object = object ? imap_find_next(m, object) : NULL;
	if (object)
		__builtin_prefetch(object);
}

// All objects, in no order. The one given may be removed while walking if its successor was fetched
// first (IMAP_FOREACH does).
void *imap_first(const struct imap *m);
void *imap_next(const struct imap *m, const void *object);

// A walk in pieces, between which objects come and go and the map grows: hands over the objects of
// one place and moves *cursor, 0 at first, to the next. False when that was the last; then *cursor
// is 0. An object that is in all the time is met once.
bool imap_scan(
	const struct imap *m, uint32_t *cursor, void (*cb)(void *arg, void *object), void *arg);

// Fetches into the cache what the next n calls of imap_scan() from cursor on come to: the first
// object of each place. For who walks over very many.
void imap_scan_fetch(const struct imap *m, uint32_t cursor, uint32_t n);

// The body may remove and free o, nothing else.
#define IMAP_FOREACH(o, tmp, m) \
	for ((o) = imap_first(m); (o) && ((tmp) = imap_next((m), (o)), 1); (o) = (tmp))

#endif
