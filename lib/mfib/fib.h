// SPDX-License-Identifier: BSD-3-Clause
// One of the two tables over its life: the generation that workers read, the larger or smaller one
// that is being made, and those that were replaced. Internal to mfib.
//
// A table changes its size in steps of bounded work: address space, pages piece by piece, then the
// entries in the order of their slots, then the pointers that workers read; then, when no worker
// can see the old generation any more, its counters slot by slot, and its pages piece by piece. The
// memory of channels and of generations that wait is all that grows when a worker never is
// quiescent.
#ifndef MFIB_FIB_H
#define MFIB_FIB_H

#include "mfib/generation.h"
#include "mfib/record.h"

// Slots of an empty table.
#define FIB_MIN_SLOTS 512
// Work, in slots walked: with each channel added or deleted, and with each call of
// mfib_reclaim(). A change of size is over before another 5 % of channels are added, or where that
// is few, some hundred.
#define FIB_STEP    128
#define FIB_RECLAIM (128 << 10)

struct fib {
	struct shape shape;
	struct mfib_table *tables; // by worker; its pointers to the current generation
	struct rte_rcu_qsbr *qsbr;
	struct slab *records, *tunnels; // of struct mfib_channel and mfib_tunnel
	uint32_t n_channels;
	struct generation *cur;
	struct generation *next;     // no worker sees it yet
	bool next_ready;	     // it has its memory
	bool next_failed;	     // try again after some time
	struct generation *replaced; // oldest first; workers may still count there
	struct generation *swept;    // only to be given back
	int64_t credit;		     // work paid for, not done
	uint32_t fold_at;	     // next slot of cur that is folded
};

// The fields above cur are set by the caller. 0 or -ENOMEM.
int fib_init(struct fib *f);
// Workers must have stopped.
void fib_fini(struct fib *f);

// Gives c, whose hash is set, an entry. 0, -EEXIST or -ENOMEM.
int fib_add(struct fib *f, struct mfib_channel *c, const struct key *key, uint64_t oifs);
// Of its entry.
void fib_entry(const struct fib *f, const struct mfib_channel *c, struct key *key, uint64_t *oifs);
void fib_oifs(struct fib *f, const struct mfib_channel *c, uint64_t oifs);
// Its entries match no more. They stay its own until fib_release(), after a grace period.
void fib_del(struct fib *f, struct mfib_channel *c);
void fib_release(struct fib *f, struct mfib_channel *c);

// What workers have counted since the last fold, to add.
void fib_read(const struct fib *f, const struct mfib_channel *c, struct mfib_stats *add_to);
// The same, remembered as folded in c.
void fib_fold(const struct fib *f, struct mfib_channel *c);
// Folds the channels of the next n slots.
void fib_fold_slots(struct fib *f, uint32_t n);

// Goes on with a change of size, or begins one where one is due: work for about `slots` slots.
void fib_step(struct fib *f, uint32_t slots);

// No change of size is under way, and nothing of one is left.
bool fib_settled(const struct fib *f);
uint32_t fib_replaced(const struct fib *f);
// Octets mapped for all replicas of all generations.
size_t fib_mapped(const struct fib *f);
// And for the control side's part of them.
size_t fib_mapped_own(const struct fib *f);

#endif
