// SPDX-License-Identifier: BSD-3-Clause
#include "crossing/tap.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(
	sizeof(struct crossing_tap_record) == 24, "records are 8-aligned one after the other");

struct crossing_tap *crossing_tap_create(const struct crossing_tap_filter *filter, uint64_t room)
{
	struct crossing_tap *t = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*t));

	if (!t)
		return NULL;
	memset(t, 0, sizeof(*t));
	t->filter = *filter;
	t->mask = room - 1;
	t->ring = malloc(room);
	if (!t->ring) {
		free(t);
		return NULL;
	}
	memset(t->ring, 0, room); // no worker is to wait for a page
	return t;
}

void crossing_tap_free(struct crossing_tap *t)
{
	if (!t)
		return;
	free(t->ring);
	free(t);
}

const struct crossing_tap_record *crossing_tap_peek(struct crossing_tap *t)
{
	uint64_t tail = atomic_load_explicit(&t->tail, memory_order_relaxed);

	// Acquire: the octets of what is shown are there.
	while (tail != atomic_load_explicit(&t->head, memory_order_acquire)) {
		uint64_t at = tail & t->mask, left = t->mask + 1 - at;
		const struct crossing_tap_record *r = (const void *)(t->ring + at);

		if (left >= sizeof(*r) && r->caplen != TAP_SKIP)
			return r;
		tail += left;
		atomic_store_explicit(&t->tail, tail, memory_order_release);
	}
	return NULL;
}

void crossing_tap_next(struct crossing_tap *t, const struct crossing_tap_record *r)
{
	uint64_t tail = atomic_load_explicit(&t->tail, memory_order_relaxed);

	// Release: the worker may write over it from now on.
	atomic_store_explicit(&t->tail, tail + r->size, memory_order_release);
}
