// SPDX-License-Identifier: BSD-3-Clause
// One size of the table: the same buckets in a replica for every worker, and who owns each slot.
// Internal to mfib.
#ifndef MFIB_GENERATION_H
#define MFIB_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "mfib/mfib_table.h"

struct mfib_channel;

// A channel's place in one generation. It has one in the current generation, and one in each older
// generation that a worker may still be counting in.
struct slot_ref {
	struct mfib_channel *c;
	struct slot_ref *next; // in the queue of retired slots
	uint64_t token;	       // QSBR token of its delete
	uint32_t slot, home;   // home: the bucket its probe path begins at
	struct slot_seen {     // the counters of each worker as they were folded last
		uint64_t bytes;
		uint32_t packets;
	} seen[];
};

struct generation {
	struct generation *older;
	uint64_t token;		 // QSBR token of its replacement
	unsigned int n_replicas; // workers
	uint32_t n_slots;
	uint32_t used;		 // slots with an owner: live, or retired and waiting
	struct slot_ref **owner; // by slot
	uint32_t *passed;	 // by bucket: owned slots whose probe passes over it
	struct mfib_buckets *replica[];
};

// Slots of an empty table; a table is at most a quarter full.
#define GENERATION_MIN_SLOTS 512
#define GENERATION_LOAD	     4

// n_slots: a power of two. NULL when out of memory.
struct generation *generation_create(unsigned int n_replicas, const int *sockets, uint32_t n_slots);
// Slots must have been released; the replicas must be out of every worker's sight.
void generation_destroy(struct generation *g);
size_t generation_bytes(const struct generation *g);

// Gives ref a slot on the probe path of key, invisible to workers yet. False: no slot near enough.
bool generation_place(struct generation *g, struct slot_ref *ref, const struct mfib_key *key);
// Makes ref's entry match from now on.
void generation_publish(struct generation *g, const struct slot_ref *ref,
	const struct mfib_key *key, uint32_t oifs);
void generation_set_oifs(struct generation *g, const struct slot_ref *ref, uint32_t oifs);
// Makes it match no more; the slot stays owned.
void generation_unpublish(struct generation *g, const struct slot_ref *ref);
// No worker sees the slot any more: it may be placed again.
void generation_release(struct generation *g, const struct slot_ref *ref);
// What workers have counted since the last fold.
void generation_read(
	const struct generation *g, const struct slot_ref *ref, struct mfib_stats *add_to);
// The same, remembered as folded.
void generation_fold(const struct generation *g, struct slot_ref *ref, struct mfib_stats *add_to);
// The owner of the entry with this key, or NULL.
struct slot_ref *generation_find(const struct generation *g, const struct mfib_key *key);

#endif
