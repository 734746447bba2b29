// SPDX-License-Identifier: BSD-3-Clause
// One size of one of the two tables: the same slots in a replica for every worker, and who owns
// each. Internal to mfib.
//
// The code is one for both kinds of entry: an entry is a row of words, key, oif set, counter.
#ifndef MFIB_GENERATION_H
#define MFIB_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "mfib/arena.h"
#include "mfib/mfib_table.h"

// What all generations of a table have in common. With one seed for all, entries are in the same
// order in each, so that filling one from another walks both from their beginning to their end.
struct shape {
	enum mfib_kind kind;
	unsigned int n_replicas; // workers
	const int *sockets;	 // of each worker
	uint64_t seed[6];
};

struct generation {
	struct generation *newer; // in a list of those that were replaced
	const struct shape *shape;
	uint64_t token; // QSBR token of its replacement
	uint32_t n_slots, n_buckets;
	uint32_t used;	  // slots with an owner
	uint32_t walked;  // slots that the one walk over it has done: filling another, or sweeping
	uint32_t *owner;  // by slot: channel id, 0: free
	uint8_t *passed;  // by bucket: owned slots whose probe passes over it
	struct arena own; // of owner and passed
	struct replica {
		struct arena arena;
		struct mfib_buckets *b; // at its beginning
		uint64_t *entries;	// then these
	} replica[];
};

#define SLOT_NONE UINT32_MAX

// A key of either kind; the narrow one is the first two words.
struct key {
	uint64_t w[MFIB_WIDE_WORDS];
};

size_t shape_entry_size(const struct shape *s);
uint32_t shape_bucket_slots(const struct shape *s);
// end: mfib_hash_end() of the tunnel.
uint64_t shape_hash(const struct shape *s, const struct sg *sg, uint64_t end);

// Only address space yet. n_slots: whole buckets. NULL when out of memory.
struct generation *generation_reserve(const struct shape *s, uint32_t n_slots);
// Makes a piece of its memory: its octets; 0 when there was no more to make and it may be used; or
// -ENOMEM.
int32_t generation_populate(struct generation *g);
// Gives a piece of its memory back, which no worker may see any more: its octets, 0 when nothing
// was left.
uint32_t generation_shrink(struct generation *g);
// All that is left.
void generation_free(struct generation *g);
// Of the entries of one replica, and of the memory mapped for all.
size_t generation_bytes(const struct generation *g);
size_t generation_mapped(const struct generation *g);
size_t generation_mapped_own(const struct generation *g); // for the control side

// Brings the lines of a hash's home bucket near.
void generation_prefetch(const struct generation *g, uint64_t hash);
void generation_prefetch_entry(const struct generation *g, uint32_t slot);
// A slot for id on the probe path of hash, not matching anything yet; SLOT_NONE: none is free near
// enough. The mark for probes to go on is set in the buckets before it.
uint32_t generation_place(struct generation *g, uint64_t hash, uint32_t id);
// Makes the slot's entry match from now on.
void generation_publish(struct generation *g, uint32_t slot, const struct key *key, uint64_t oifs);
void generation_set_oifs(struct generation *g, uint32_t slot, uint64_t oifs);
// Makes it match no more; the slot stays owned, its counter is left.
void generation_unpublish(struct generation *g, uint32_t slot);
// No worker uses the slot any more: it may be placed again. hash: as it was placed. Its counters
// stay as they are.
void generation_release(struct generation *g, uint32_t slot, uint64_t hash);

// The key and oif set of the slot's entry; false when it is not published.
bool generation_entry(const struct generation *g, uint32_t slot, struct key *key, uint64_t *oifs);
// The sum of the workers' counters, as words.
uint64_t generation_count(const struct generation *g, uint32_t slot);
// Whether an entry with this key is published.
bool generation_has(const struct generation *g, const struct key *key, uint64_t hash);
// The slot that id owns, or SLOT_NONE.
uint32_t generation_slot(const struct generation *g, uint64_t hash, uint32_t id);

#endif
