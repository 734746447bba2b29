// SPDX-License-Identifier: BSD-3-Clause
// The control side of mfib_move.h: records come and go, windows are made and given back, what a
// worker may still see under QSBR. Internal to mfib.
#ifndef MFIB_MOVE_H
#define MFIB_MOVE_H

#include "mfib/arena.h"
#include "mfib/generation.h"
#include "mfib/mfib_move.h"

struct retired;

struct moves {
	struct mfib_moves *shared; // what workers read
	struct rte_rcu_qsbr *qsbr;
	struct retired *first, **last; // oldest first
};

// 0 or -ENOMEM.
int moves_init(struct moves *v, struct rte_rcu_qsbr *qsbr);
// Workers must have stopped. Records that are left go with it, windows do not.
void moves_fini(struct moves *v);
// NULL when out of memory.
struct mfib_move *moves_add(struct moves *v, const struct key *key, uint64_t oifs,
	struct mfib_window *w, unsigned int side);
void moves_del(struct moves *v, struct mfib_move *record);
struct mfib_window *moves_window(uint32_t packets);
void moves_window_del(struct moves *v, struct mfib_window *w);
// Frees what no worker sees any more.
void moves_reclaim(struct moves *v);
uint32_t moves_retired(const struct moves *v);

#endif
