// SPDX-License-Identifier: BSD-3-Clause
// Packets of channels whose source moves from one relay to another (mfib_move.h): each is forwarded
// once. Internal to fastpath.
#ifndef FASTPATH_MOVE_H
#define FASTPATH_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "fastpath/worker.h"
#include "mfib/mfib_move.h"

// What to do with a packet whose entry has an empty oif set.
enum rare {
	RARE_MUTED, // its channel is sent nowhere at the moment
	RARE_MOVE,  // its channel is in a move: *move
	RARE_AGAIN, // the set is no longer empty
};

// count: the entry's. Valid until the worker is quiescent.
enum rare move_look(
	const struct worker *w, const uint64_t *count, bool wide, struct mfib_move **move);

// Whether the inner datagram at ip, of len octets in one piece, is the first of its copies. The
// channel's window and the record's counters know it from now on.
bool move_first(struct mfib_move *move, const uint8_t *ip, unsigned int len, bool v6);

// What two copies have in common, as a number: all but TTL, DSCP, ECN and header checksum, which
// routers change. len: at least the header's.
uint64_t move_digest(
	const uint64_t seed[MFIB_WINDOW_SEEDS], const uint8_t *ip, unsigned int len, bool v6);

#endif
