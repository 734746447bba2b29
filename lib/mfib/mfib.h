// SPDX-License-Identifier: BSD-3-Clause
// The multicast forwarding table, control side: the one writer. Every worker reads a replica of its
// own (mfib_table.h is the frozen half that fastpath includes), with its counters inline, so that
// no cache line is written by two threads.
//
// Nothing here waits on a worker. What a worker may still be reading is retired under QSBR and
// freed by mfib_reclaim().
#ifndef MFIB_MFIB_H
#define MFIB_MFIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct mfib;
struct mfib_tunnel;
struct mfib_channel;
struct mfib_window;
struct mfib_table; // a worker's replica

#define MFIB_MAX_OIFS	64 // the oif set is a word of the entry
#define MFIB_MAX_LOCALS 64 // local addresses that tunnels can have at one time

struct mfib_stats {
	uint64_t packets;
	uint64_t bytes; // octets of native IP datagrams forwarded, a packet counted once
};

// sockets[i]: NUMA socket of worker i. NULL when out of memory.
struct mfib *mfib_create(unsigned int n_workers, const int *sockets);
// Workers must have stopped. Tunnels and channels that are left go with it.
void mfib_destroy(struct mfib *m);
// The replica that worker i is started with; it follows growth by itself.
struct mfib_table *mfib_worker_table(struct mfib *m, unsigned int worker);

// A tunnel endpoint: from now on UDP from (relay, 2268) to (local, local_port) is data of a live
// tunnel and consumed by workers when its AMT type is Multicast Data; everything else to that port
// is punted. relay and local are of one family, IPv4 or IPv6. local_port in host order. NULL with
// errno: EEXIST (local, local_port is taken), ENOMEM, ENOSPC (more than MFIB_MAX_LOCALS local
// addresses), EINVAL (port 0, not unicast, two families).
struct mfib_tunnel *mfib_tunnel_add(
	struct mfib *m, const struct addr *relay, const struct addr *local, uint16_t local_port);
// Says whose it is, to be asked of its channels.
void mfib_tunnel_own(struct mfib_tunnel *t, void *owner);
void *mfib_channel_owner(const struct mfib_channel *c); // of its tunnel
// Its channels must be gone.
void mfib_tunnel_del(struct mfib *m, struct mfib_tunnel *t);
// Sum over its channels, those deleted since included.
void mfib_tunnel_stats(const struct mfib_tunnel *t, struct mfib_stats *out);
// The same without a walk over the channels, and up to a second behind; it never goes back.
void mfib_tunnel_folded(const struct mfib_tunnel *t, struct mfib_stats *out);

// Makes (S,G) through tunnel t forward to oifs (bit i: interface index i) from the moment this
// returns. The families of (S,G) and of the tunnel are independent. NULL with errno: EEXIST,
// ENOMEM, EINVAL (S not unicast, G not multicast, in 224.0.0/24, of an IPv6 scope up to link-local,
// or an IPv6 one outside ffxx:0::/32, which includes all of SSM, RFC 4607 section 1).
struct mfib_channel *mfib_channel_add(
	struct mfib *m, struct mfib_tunnel *t, const struct sg *sg, uint64_t oifs);
// Replaces the set; with none, data of the channel is dropped as not joined.
void mfib_channel_oifs(struct mfib *m, struct mfib_channel *c, uint64_t oifs);
// Stops forwarding; c is invalid after the call.
void mfib_channel_del(struct mfib *m, struct mfib_channel *c);
// Packets forwarded, or that would be if the set were not empty.
void mfib_channel_stats(const struct mfib_channel *c, struct mfib_stats *out);

// Make before break. A (S,G) that comes through two tunnels has an entry for each; guarded by one
// window, as side 0 and side 1, each packet is forwarded once, whichever copy comes first, and the
// other is dropped as MOVE_DUPLICATE. A copy is one of the last `packets` or more, of all channels
// that the window guards, that came from the other side and has not met its copy yet, alike but
// for TTL, DSCP, ECN and header checksum. It may take a millisecond. NULL when out of memory.
struct mfib_window *mfib_window_create(struct mfib *m, uint32_t packets);
// It must guard no channel any more.
void mfib_window_destroy(struct mfib *m, struct mfib_window *w);
// side: 0 or 1. 0, or -ENOMEM: the channel is as it was. It must not be guarded.
int mfib_channel_guard(
	struct mfib *m, struct mfib_channel *c, struct mfib_window *w, unsigned int side);
// No packet is lost to the change. It must be guarded.
void mfib_channel_unguard(struct mfib *m, struct mfib_channel *c);
bool mfib_channel_guarded(const struct mfib_channel *c);
// Since it is guarded: packets that came first on this side, and those that were copies.
struct mfib_guard_stats {
	uint64_t first, duplicates;
};
void mfib_channel_guard_stats(const struct mfib_channel *c, struct mfib_guard_stats *out);

// Frees what no worker can see any more, folds narrow counters into wide ones, goes on with growth.
// Call it at least ten times a second: an entry has to be read before its counter wraps (2^36
// octets, 5 s of 100 Gbit/s).
void mfib_reclaim(struct mfib *m);
// One of `parts` parts of it, for who calls it so much more often and is away for less each time.
void mfib_reclaim_part(struct mfib *m, unsigned int parts);
// Whether half of mfib_reclaim() is done in a fraction of a millisecond now: nothing is to be
// freed, no table changes its size, and those that there are are small.
bool mfib_reclaim_light(const struct mfib *m);

// The two tables of a replica: IPv4 channels behind IPv4 relays, and all others.
enum mfib_kind { MFIB_NARROW, MFIB_WIDE, MFIB_KINDS };

struct mfib_usage {
	uint32_t tunnels;
	uint32_t retired; // slots and tables that a worker may still see
	struct mfib_usage_table {
		uint32_t channels;
		uint32_t slots; // of one replica
		size_t bytes;	// of one replica: its entries, spare room included
		size_t growing; // octets a replica of the larger or smaller table being made, or 0
	} table[MFIB_KINDS];
	size_t bytes; // of all replicas, those being made or waiting for their end included
	// Of the control thread's own part: mapped, for the owners of slots; and of the heap, for
	// the records of channels.
	size_t control, records;
};
void mfib_usage(const struct mfib *m, struct mfib_usage *out);

#endif
