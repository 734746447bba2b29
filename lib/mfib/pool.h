// SPDX-License-Identifier: BSD-3-Clause
// The control side's records of a tunnel and of a channel, and where the latter come from: slabs,
// by a number that is half the size of a pointer. Internal to mfib.
#ifndef MFIB_POOL_H
#define MFIB_POOL_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "mfib/arena.h"
#include "mfib/mfib.h"

struct mfib_tunnel {
	const struct mfib *m;
	LIST_ENTRY(mfib_tunnel) link; // while not deleted
	LIST_HEAD(mfib_channel_list, mfib_channel) channels;
	struct mfib_stats gone; // of channels deleted
	// Of all its channels, those deleted too, as far as they are folded.
	struct mfib_stats folded;
	uint32_t n_deleted; // channels deleted that workers may still count in
	struct addr relay;
	uint16_t port;	// host order
	uint16_t local; // index + 1
	bool deleted;
};

// A cache line, and aligned to it.
struct mfib_channel {
	union {
		LIST_ENTRY(mfib_channel) link; // in its tunnel
		struct mfib_channel *next;     // deleted, or free
	};
	struct mfib_tunnel *t;
	uint64_t packets, bytes; // folded
	uint64_t seen;		 // the sum of its counters, in all generations, when last folded
	uint64_t hash;
	uint32_t id;
	uint8_t kind; // enum mfib_kind
	bool guarded; // its oif set is in its record (move.h), the table's is empty
} __attribute__((aligned(64)));
static_assert(sizeof(struct mfib_channel) == 64, "folding touches one cache line of it");

#define POOL_SLAB 32768 // records, a huge page of them

struct pool {
	struct arena *slabs;
	uint32_t n_slabs;
	uint32_t used;		   // records of all slabs that have ever been in use
	struct mfib_channel *free; // of them, those that are not
};

// Zeroes but for its id, which is not 0; NULL when out of memory.
struct mfib_channel *pool_get(struct pool *p);
void pool_put(struct pool *p, struct mfib_channel *c);
// All records, those in use included.
void pool_free(struct pool *p);
size_t pool_mapped(const struct pool *p); // octets

static inline struct mfib_channel *pool_at(const struct pool *p, uint32_t id)
{
	struct mfib_channel *slab = (void *)p->slabs[(id - 1) / POOL_SLAB].base;

	return &slab[(id - 1) % POOL_SLAB];
}

#endif
