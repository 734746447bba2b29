// SPDX-License-Identifier: BSD-3-Clause
// The only bridge between the control thread and the workers: rings of mbufs up (punt) and down
// (inject), and the workers' statistics. Each field that crosses says who writes and who reads it.
#ifndef CROSSING_CROSSING_H
#define CROSSING_CROSSING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_common.h>

#include "crossing/drops.h"

struct rte_mbuf;
struct rte_mempool;
struct rte_ring;

#define CROSSING_MAX_IFS     72 // 64 that native multicast can leave by (the first), and 8 others
#define CROSSING_MAX_WORKERS 64

// Punt classes: the first is PIM, IGMP, ARP, neighbour discovery and AMT control; the second is
// everything else. Each has rings of its own, so that a flood of the second cannot starve the
// first.
enum punt_class { PUNT_CONTROL, PUNT_OTHER, PUNT_CLASSES };

// Counters of one worker on one interface. Written by that worker alone (plain stores), read by the
// control thread; they only ever grow.
struct crossing_if_stats {
	uint64_t rx_packets, rx_bytes;
	uint64_t tx_packets, tx_bytes; // native multicast sent
	uint64_t tx_full;	       // native copies the driver did not take
	uint64_t punted[PUNT_CLASSES];
	uint64_t injected;
};

// A worker's increment of a counter that the control thread reads. A store, not an atomic
// read-modify-write: there is one writer.
static inline void crossing_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

struct crossing_worker {
	// Written by the worker, read by the control thread.
	_Alignas(RTE_CACHE_LINE_SIZE) uint64_t drops[DROP_COUNT];
	struct crossing_if_stats ifs[CROSSING_MAX_IFS];
	uint64_t polls, busy_polls; // rounds over all ports; those that found a packet
	// Rings: the worker enqueues to punt and dequeues from inject.
	struct rte_ring *punt[PUNT_CLASSES];
	struct rte_ring *inject[CROSSING_MAX_IFS]; // NULL where another worker serves the interface
	// Set by the control thread, read by the worker once a round.
	_Atomic bool stop;
};

struct crossing {
	struct crossing_worker *workers[CROSSING_MAX_WORKERS];
	unsigned int n_workers;
	unsigned int
		punt_next; // control thread: the worker that crossing_punt_dequeue() begins with
	struct rte_mempool *inject_pool; // the control thread allocates, workers and drivers free
};

// punt_ring and inject_ring: mbufs a ring, powers of two. NULL when memory is short.
struct crossing *crossing_create(unsigned int n_workers, const int *sockets, unsigned int n_ifs,
	unsigned int punt_ring, unsigned int inject_ring, uint16_t max_frame);
// Workers must have stopped; frees the mbufs still on the rings.
void crossing_destroy(struct crossing *c);

// Control thread: packets punted by any worker, control class first. The mbuf's port field is
// our interface index, its VLAN tag is gone. It may have several segments. Fills up to n, returns
// how many; the caller frees them.
unsigned int crossing_punt_dequeue(struct crossing *c, struct rte_mbuf **mbufs, unsigned int n);
// Control thread: hands a frame to the worker that transmits for interface `ifindex` (our index).
// Copies the octets. 0, -ENOBUFS (pool empty), -EAGAIN (ring full), -EMSGSIZE
// (empty, or above max_frame), -ENODEV.
int crossing_inject(struct crossing *c, unsigned int ifindex, const void *frame, size_t len);

// Sums over workers.
void crossing_if_stats(
	const struct crossing *c, unsigned int ifindex, struct crossing_if_stats *out);
uint64_t crossing_drop(const struct crossing *c, enum drop_reason reason);

#endif
