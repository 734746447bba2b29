// SPDX-License-Identifier: BSD-3-Clause
// The software spreader's table: which worker works on what a port with too few receive queues
// brings in. The worker that polls the queue looks a frame of AMT data up by a hash of its tunnel
// (relay, local port), or of its channel (S,G), and hands it over a ring to the worker found;
// everything else it keeps. Wrong guesses are harmless: the other worker makes all checks.
//
// A channel stays in order: all its packets take one entry, so one ring. Moving an entry can swap
// packets of its channels that are on the old worker's ring with those that follow to the new one:
// for as long as that ring takes to drain, once a move.
#ifndef CROSSING_SPREAD_H
#define CROSSING_SPREAD_H

#include <stdint.h>

#include "base/addr.h"
#include "crossing/crossing.h"

#define SPREAD_ENTRIES_LOG 10
#define SPREAD_ENTRIES	   (1u << SPREAD_ENTRIES_LOG)
#define SPREAD_BY_CHANNEL  UINT8_MAX // of a tunnel's entry: the channel's entry decides

// What a port does with what it receives.
enum spread_mode {
	SPREAD_OFF,	// all stays with the worker that polls
	SPREAD_TUNNEL,	// by tunnel, but for the entries that are SPREAD_BY_CHANNEL
	SPREAD_CHANNEL, // by channel
};

// Worker numbers. Control writes, the workers that receive read; relaxed, each octet by itself.
struct crossing_spread {
	uint8_t tunnel[SPREAD_ENTRIES];
	uint8_t channel[SPREAD_ENTRIES];
};

// Frames by entry, of one receiving worker: written by that worker, read by the control thread.
struct crossing_spread_counts {
	uint64_t tunnel[SPREAD_ENTRIES];
	uint64_t channel[SPREAD_ENTRIES];
};

static inline unsigned int spread_fold(uint64_t a, uint64_t b)
{
	uint64_t x = (a ^ 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;

	x = (x ^ x >> 32 ^ b) * 0xc4ceb9fe1a85ec53u;
	return (unsigned int)((x ^ x >> 29) * 0x9e3779b97f4a7c15u >> (64 - SPREAD_ENTRIES_LOG));
}

// Entries. Addresses and ports are words as they lie on the wire; an IPv6 address as two of 64
// bits, folded by the caller with spread_fold6().
static inline unsigned int spread_tunnel_hash(uint64_t relay, uint16_t local_port)
{
	return spread_fold(relay, local_port);
}

static inline unsigned int spread_channel_hash(uint64_t s, uint64_t g)
{
	return spread_fold(s, g);
}

static inline uint64_t spread_fold6(uint64_t upper, uint64_t lower)
{
	return upper * 0xc4ceb9fe1a85ec53u ^ lower;
}

// Before the workers start: worker `from`, which polls a queue of a port with a spread mode, gets a
// ring of `ring` frames (a power of two) to every other worker. The entries are dealt out evenly
// over all workers. 0, -EINVAL or -ENOMEM.
int crossing_spread_open(struct crossing *c, unsigned int from, unsigned int ring);

// Control thread. The entries that a tunnel and a channel take; local_port in host order.
unsigned int crossing_spread_tunnel(const struct addr *relay, uint16_t local_port);
unsigned int crossing_spread_channel(const struct sg *sg);
// What stands in an entry, and a change of it while the workers run. worker: below n_workers, or,
// for a tunnel's entry, SPREAD_BY_CHANNEL. -EINVAL for another, -ENODEV where nothing spreads.
int crossing_spread_get_tunnel(const struct crossing *c, unsigned int entry);
int crossing_spread_get_channel(const struct crossing *c, unsigned int entry);
int crossing_spread_set_tunnel(struct crossing *c, unsigned int entry, unsigned int worker);
int crossing_spread_set_channel(struct crossing *c, unsigned int entry, unsigned int worker);
// Frames that came by an entry so far, over all receiving workers. A channel's entry counts where
// it decided; a tunnel's entry in SPREAD_TUNNEL mode always.
uint64_t crossing_spread_count_tunnel(const struct crossing *c, unsigned int entry);
uint64_t crossing_spread_count_channel(const struct crossing *c, unsigned int entry);

#endif
