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
struct mfib_table; // a worker's replica

#define MFIB_MAX_OIFS	32 // the oif set sits in the 32-octet entry beside the counters
#define MFIB_MAX_LOCALS 16 // local addresses that tunnels can have at one time

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
// is punted. local_port in host order. NULL with errno: EEXIST (local, local_port is taken),
// ENOMEM, ENOSPC (more than MFIB_MAX_LOCALS local addresses), EINVAL (port 0, not unicast),
// EAFNOSUPPORT (IPv4 only).
struct mfib_tunnel *mfib_tunnel_add(
	struct mfib *m, const struct addr *relay, const struct addr *local, uint16_t local_port);
// Its channels must be gone.
void mfib_tunnel_del(struct mfib *m, struct mfib_tunnel *t);
// Sum over its channels, those deleted since included.
void mfib_tunnel_stats(const struct mfib_tunnel *t, struct mfib_stats *out);

// Makes (S,G) through tunnel t forward to oifs (bit i: interface index i) from the moment this
// returns. NULL with errno: EEXIST, ENOMEM, EINVAL (S not unicast, G not multicast or in
// 224.0.0/24, an oif above MFIB_MAX_OIFS), EAFNOSUPPORT (IPv4 only).
struct mfib_channel *mfib_channel_add(
	struct mfib *m, struct mfib_tunnel *t, const struct sg *sg, uint64_t oifs);
// Replaces the set; with none, data of the channel is dropped as not joined. Bits above
// MFIB_MAX_OIFS are ignored.
void mfib_channel_oifs(struct mfib *m, struct mfib_channel *c, uint64_t oifs);
// Stops forwarding; c is invalid after the call.
void mfib_channel_del(struct mfib *m, struct mfib_channel *c);
void mfib_channel_stats(const struct mfib_channel *c, struct mfib_stats *out);

// Frees what no worker can see any more, folds narrow counters into wide ones. Call it at least
// once a second.
void mfib_reclaim(struct mfib *m);

struct mfib_usage {
	uint32_t channels, tunnels;
	uint32_t slots;	  // of one replica; it grows, and keeps its size when channels go
	uint32_t retired; // slots and tables that a worker may still see
	size_t bytes;	  // of all replicas
};
void mfib_usage(const struct mfib *m, struct mfib_usage *out);

#endif
