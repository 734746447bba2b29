// SPDX-License-Identifier: BSD-3-Clause
// The control side's record of a channel, of a slab: its number is what the slots of a table have.
// Internal to mfib.
#ifndef MFIB_RECORD_H
#define MFIB_RECORD_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_prefetch.h>

#include "base/ilist.h"
#include "base/slab.h"
#include "mfib/mfib.h"

struct mfib_channel {
	struct ilink link; // in its tunnel; of a deleted one `next` is the next of those
	uint32_t tunnel;   // number of its tunnel
	uint8_t kind;	   // enum mfib_kind
	bool guarded;	   // its oif set is in its record (move.h), the table's is empty
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
