// SPDX-License-Identifier: BSD-3-Clause
#include "base/imap.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hmap.h"

#define MIN_BUCKETS 16
// Buckets moved with each insert: growth is over after a quarter of the inserts to the next one.
#define MOVE_STEP 4

void imap_init(
	struct imap *m, const struct slab *slab, size_t link, uint64_t (*hash)(const void *object))
{
	*m = (struct imap){.slab = slab, .link = link, .hash = hash};
}

void imap_fini(struct imap *m)
{
	free(m->old);
	free(m->buckets);
	imap_init(m, m->slab, m->link, m->hash);
}

static void put_first(const struct imap *m, uint32_t *bucket, void *object, uint32_t number)
{
	*imap_link(m, object) = *bucket;
	*bucket = number;
}

// Moves up to n of the buckets before the map grew.
static void imap_move(struct imap *m, uint32_t n)
{
	for (; m->old && n > 0; n--) {
		uint32_t number = m->old[m->moved], next;

		for (; number != SLAB_NONE; number = next) {
			void *object = slab_at(m->slab, number);

			next = *imap_link(m, object);
			put_first(m, &m->buckets[m->hash(object) & m->mask], object, number);
		}
		if (m->moved++ == m->old_mask) {
			free(m->old);
			m->old = NULL;
		}
	}
}

static int imap_grow(struct imap *m)
{
	uint32_t n = m->buckets ? 2 * (m->mask + 1) : MIN_BUCKETS;
	uint32_t *buckets = calloc(n, sizeof(*buckets));

	if (!buckets)
		return -ENOMEM;
	if (m->buckets)
		imap_move(m, UINT32_MAX); // done long ago
	m->old = m->buckets;
	m->old_mask = m->mask;
	m->moved = 0;
	m->buckets = buckets;
	m->mask = n - 1;
	return 0;
}

int imap_insert(struct imap *m, void *object, uint64_t hash)
{
	// Growth that fails only makes the chains longer; the first array is indispensable.
	if ((!m->buckets || m->count > m->mask) && imap_grow(m) < 0 && !m->buckets)
		return -ENOMEM;
	imap_move(m, MOVE_STEP);
	put_first(m, imap_bucket(m, hash), object, slab_number(object));
	m->count++;
	return 0;
}

// Moves nothing: a walk over the map may remove what it is at.
void imap_remove(struct imap *m, void *object)
{
	uint32_t *at = imap_bucket(m, m->hash(object)), number = slab_number(object);

	while (*at != number)
		at = imap_link(m, slab_at(m->slab, *at));
	*at = *imap_link(m, object);
	*imap_link(m, object) = SLAB_NONE;
	m->count--;
}

size_t imap_octets(const struct imap *m)
{
	size_t buckets =
		(m->buckets ? m->mask + (size_t)1 : 0) + (m->old ? m->old_mask + (size_t)1 : 0);

	return buckets * sizeof(*m->buckets);
}

static void *first_of(const struct imap *m, const uint32_t *buckets, uint64_t from, uint32_t mask)
{
	for (; buckets && from <= mask; from++)
		if (buckets[from] != SLAB_NONE)
			return slab_at(m->slab, buckets[from]);
	return NULL;
}

void *imap_first(const struct imap *m)
{
	void *object = first_of(m, m->old, m->moved, m->old_mask);

	return object ? object : first_of(m, m->buckets, 0, m->mask);
}

// First the old buckets that are in use, then the others.
void *imap_next(const struct imap *m, const void *object)
{
	uint64_t hash, at;
	void *next = imap_find_next(m, object);

	if (next)
		return next;
	hash = m->hash(object);
	at = hash & m->old_mask;
	if (!m->old || at < m->moved)
		return first_of(m, m->buckets, (hash & m->mask) + 1, m->mask);
	next = first_of(m, m->old, at + 1, m->old_mask);
	return next ? next : first_of(m, m->buckets, 0, m->mask);
}

static void scan_bucket(
	const struct imap *m, uint32_t number, void (*cb)(void *arg, void *object), void *arg)
{
	while (number != SLAB_NONE) {
		void *object = slab_at(m->slab, number);

		number = *imap_link(m, object);
		cb(arg, object);
	}
}

static const uint32_t *scan_place(const struct imap *m, uint32_t at)
{
	return m->old && at >= m->moved ? &m->old[at] : &m->buckets[at];
}

#define CACHE_LINE 64
void imap_scan_fetch(const struct imap *m, uint32_t cursor, uint32_t n)
{
	uint32_t mask = m->old ? m->old_mask : m->mask, at = cursor & mask;

	if (!m->buckets)
		return;
	for (uint32_t i = 0; i < n; i++, at = hmap_cursor_next(at, mask) & mask)
		__builtin_prefetch(scan_place(m, at));
	at = cursor & mask;
	for (uint32_t i = 0; i < n; i++, at = hmap_cursor_next(at, mask) & mask) {
		uint32_t number = *scan_place(m, at);
		const char *object = number != SLAB_NONE ? slab_at(m->slab, number) : NULL;

		for (size_t line = 0; object && line < m->slab->size; line += CACHE_LINE)
			__builtin_prefetch(object + line);
	}
}

bool imap_scan(
	const struct imap *m, uint32_t *cursor, void (*cb)(void *arg, void *object), void *arg)
{
	uint32_t mask = m->old ? m->old_mask : m->mask, at = *cursor & mask;

	if (!m->buckets)
		return false;
	if (m->old && at >= m->moved) {
		scan_bucket(m, m->old[at], cb, arg);
	} else {
		scan_bucket(m, m->buckets[at], cb, arg);
		if (m->old)
			scan_bucket(m, m->buckets[at | (mask + 1)], cb, arg);
	}
	*cursor = hmap_cursor_next(at, mask);
	return *cursor != 0;
}
