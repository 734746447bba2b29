// SPDX-License-Identifier: BSD-3-Clause
// The control side's records of a tunnel and of a channel, each of a slab: the number of a channel
// is what the slots of a table have. Internal to mfib.
#ifndef MFIB_RECORD_H
#define MFIB_RECORD_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rte_prefetch.h>

#include "base/ilist.h"
#include "base/slab.h"
#include "mfib/mfib.h"

struct mfib_tunnel {
	void *owner;
	LIST_ENTRY(mfib_tunnel) link; // while not deleted
	struct ilist channels;
	struct mfib_stats gone; // of channels deleted
	// Of all its channels, those deleted too, as far as they are folded.
	struct mfib_stats folded;
	uint32_t n_deleted; // channels deleted that workers may still count in
	struct addr relay;
	uint16_t port;	// host order
	uint16_t local; // index + 1
	bool deleted;
};

struct mfib_channel {
	struct ilink link;	 // in its tunnel; of a deleted one `next` is the next of those
	uint32_t tunnel;	 // number of its tunnel
	uint8_t kind;		 // enum mfib_kind
	bool guarded;		 // its oif set is in its record (move.h), the table's is empty
	uint64_t packets, bytes; // folded
	uint64_t seen;		 // the sum of its counters, in all generations, when last folded
	uint64_t hash;
};
static_assert(sizeof(struct mfib_channel) == 48, "there are very many");

static inline struct mfib_channel *record_at(const struct slab *records, uint32_t id)
{
	return slab_at(records, id);
}
static inline void record_prefetch(const struct slab *records, uint32_t id)
{
	const struct mfib_channel *c = record_at(records, id);

	rte_prefetch0(c);
	rte_prefetch0(&c->hash); // it may be in two lines
}

#endif
