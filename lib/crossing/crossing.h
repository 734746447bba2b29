// SPDX-License-Identifier: BSD-3-Clause
// The only bridge between the control thread and the workers: rings of mbufs up (punt) and down
// (inject), and the workers' statistics; and between workers, the rings of the software spreader
// (spread.h) and those towards a worker that has a transmit queue. Each field that crosses says who
// writes and who reads it.
#ifndef CROSSING_CROSSING_H
#define CROSSING_CROSSING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_common.h>

#include "crossing/drops.h"

struct crossing_police;
struct crossing_spread;
struct crossing_spread_counts;
struct crossing_tap;
struct rte_mbuf;
struct rte_mempool;
struct rte_ring;

#define CROSSING_MAX_IFS     72 // 64 that native multicast can leave by (the first), and 8 others
#define CROSSING_MAX_WORKERS 64

// What goes up to the control thread, by class. Each has a rate (police.h) and rings of its own, so
// that a flood of one cannot starve another. X(name, key, text): key names it in the configuration.
#define PUNT_LIST(X)                                                  \
	X(NEIGHBOR, "neighbor", "ARP and IPv6 neighbor discovery")    \
	X(PIM, "pim", "PIM; multicast of others that is shown to it") \
	X(MEMBERSHIP, "membership", "IGMP and MLD")                   \
	X(AMT, "amt", "AMT, data apart")                              \
	X(DNS, "dns", "what comes from port 53")                      \
	X(STRAY, "stray", "AMT data that no tunnel waits for")        \
	X(OTHER, "other", "everything else that is for the kernel")
enum punt_class {
#define X(name, key, text) PUNT_##name,
	PUNT_LIST(X)
#undef X
		PUNT_CLASSES
};
extern const char *const punt_class_names[PUNT_CLASSES]; // "neighbor" ...
#define PUNT_ALL ((1u << PUNT_CLASSES) - 1)

// Those that the product's own protocols are; the others are the kernel's.
static inline bool punt_is_control(unsigned int k)
{
	return k <= PUNT_AMT;
}

// PIM's rings and those of the last class hold as many frames as crossing_create() is told, the
// others half of it. In all, a worker:
#define CROSSING_PUNT_FRAMES(ring) ((ring) / 2 * (PUNT_CLASSES + 2))

// Counters of one worker on one interface. Written by that worker alone (plain stores), read by the
// control thread; they only ever grow.
struct crossing_if_stats {
	uint64_t rx_packets, rx_bytes;
	uint64_t tx_packets, tx_bytes; // native multicast sent
	uint64_t tx_full;	       // native copies the driver did not take
	uint64_t punted[PUNT_CLASSES];
	uint64_t over[PUNT_CLASSES];	// not punted: past the class's rate
	uint64_t shouted[PUNT_CLASSES]; // the same: past the part of one sender
	uint64_t full[PUNT_CLASSES];	// the same: the ring was full
	uint64_t injected;
};

// Punted by class, all classes of the product's own protocols (control) or of the kernel's.
static inline uint64_t crossing_punted(const struct crossing_if_stats *s, bool control)
{
	uint64_t n = 0;

	for (unsigned int k = 0; k < PUNT_CLASSES; k++)
		if (punt_is_control(k) == control)
			n += __atomic_load_n(&s->punted[k], __ATOMIC_RELAXED);
	return n;
}

// A worker's increment of a counter that the control thread reads. A store, not an atomic
// read-modify-write: there is one writer.
static inline void crossing_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

// What a worker has to do, in its own measure. Written by that worker alone, read by the control
// thread; they only ever grow. Every CROSSING_SAMPLE-th round is timed, so that the clock costs
// nothing: the shares of busy and idle are right over many rounds.
#define CROSSING_SAMPLE 16
struct crossing_load {
	uint64_t polls, busy_polls; // rounds over all ports; those that found a packet
	uint64_t bursts, packets;   // taken from receive queues and from other workers
	uint64_t busy_cycles;	    // TSC ticks of timed rounds that found packets
	uint64_t idle_cycles;	    // of those that found none
	uint64_t timed_packets;	    // of the timed rounds
	uint64_t spread;	    // frames that the spreader gave to other workers
	uint64_t handed;	    // frames given to other workers to transmit
};

// A frame on its way to the worker that has a transmit queue of its interface's port.
struct crossing_tx {
	struct rte_mbuf *m;
	uint64_t ifindex;
};

struct crossing_worker {
	// Written by the worker, read by the control thread.
	_Alignas(RTE_CACHE_LINE_SIZE) uint64_t drops[DROP_COUNT];
	uint64_t ecn_odd; // data forwarded with ECN fields that RFC 6040 section 4.2 calls unused
	struct crossing_if_stats ifs[CROSSING_MAX_IFS];
	struct crossing_load load;
	struct crossing_spread_counts *spread_counts; // NULL: spreads nothing
	// Of the last frame of a class past a rate: the interface in the uppermost octet, and the
	// Ethernet source in the lower six as on the wire; 0: there was none.
	uint64_t policed_from[PUNT_CLASSES];
	// Set up before the workers start. Rings: the worker enqueues to punt, spread_to and tx_to,
	// and dequeues from the others.
	unsigned int index;		      // of this worker
	const struct crossing_police *police; // shared by all workers; NULL: no rates
	struct rte_ring *punt[PUNT_CLASSES];
	struct rte_ring *inject[CROSSING_MAX_IFS]; // NULL where another worker serves the interface
	unsigned int n_inject;
	uint8_t inject_ifs[CROSSING_MAX_IFS]; // those where it is not NULL
	const struct crossing_spread *spread; // shared by all workers
	// By worker; NULL where nothing goes.
	struct rte_ring *spread_to[CROSSING_MAX_WORKERS];
	struct rte_ring *tx_to[CROSSING_MAX_WORKERS]; // of struct crossing_tx
	// Those of the others that end here.
	unsigned int n_spread_from, n_tx_from;
	struct rte_ring *spread_from[CROSSING_MAX_WORKERS];
	struct rte_ring *tx_from[CROSSING_MAX_WORKERS];
	// Set by the control thread, read by the worker once a round.
	_Atomic bool stop;
	// The same, once a burst; NULL: nothing is copied. One that was taken away is no longer
	// used once load.polls has grown by two.
	_Atomic(struct crossing_tap *) tap;
};

struct crossing {
	struct crossing_worker *workers[CROSSING_MAX_WORKERS];
	unsigned int n_workers;
	unsigned int
		punt_next; // control thread: the worker that crossing_punt_dequeue() begins with
	uint8_t inject_worker[CROSSING_MAX_IFS]; // control thread: who has an interface's ring
	struct crossing_spread *spread;		 // once a worker spreads
	struct crossing_police *police;		 // once there are rates
	struct rte_mempool *inject_pool; // the control thread allocates, workers and drivers free
};

// sockets[i]: NUMA socket of worker i, or NULL. punt_ring (CROSSING_PUNT_FRAMES()) and inject_ring:
// mbufs a ring, powers of two. max_frame: octets. NULL when memory is short.
struct crossing *crossing_create(unsigned int n_workers, const int *sockets, unsigned int n_ifs,
	unsigned int punt_ring, unsigned int inject_ring, uint16_t max_frame);
// Workers must have stopped; frees the mbufs still on the rings.
void crossing_destroy(struct crossing *c);

// Before the workers start. The worker that transmits what the kernel sends on an interface; it is
// worker ifindex % n_workers otherwise. 0 or -EINVAL.
int crossing_inject_owner(struct crossing *c, unsigned int ifindex, unsigned int worker);
// Before the workers start: a ring of `ring` frames (a power of two) by which worker `from` hands
// frames to worker `to` for transmission. Once is enough. 0, -EINVAL or -ENOMEM.
int crossing_tx_open(struct crossing *c, unsigned int from, unsigned int to, unsigned int ring);

// Control thread: packets of these classes (1u << PUNT_PIM ...) punted by any worker. Each class
// has its share of n, and what a class leaves goes to the others, in their order. The mbuf's port
// field is our interface index, its VLAN tag is gone. It may have several segments. Fills up to n,
// returns how many; the caller frees them.
unsigned int crossing_punt_dequeue(
	struct crossing *c, unsigned int classes, struct rte_mbuf **mbufs, unsigned int n);
// Control thread: hands a frame to the worker that transmits for interface `ifindex` (our index).
// Copies the octets. 0, -ENOBUFS (pool empty), -EAGAIN (ring full), -EMSGSIZE
// (empty, or above max_frame), -ENODEV.
int crossing_inject(struct crossing *c, unsigned int ifindex, const void *frame, size_t len);

// Sums over workers.
void crossing_if_stats(
	const struct crossing *c, unsigned int ifindex, struct crossing_if_stats *out);
uint64_t crossing_drop(const struct crossing *c, enum drop_reason reason);
// The same of data that were forwarded though their ECN fields are odd together.
uint64_t crossing_ecn_odd(const struct crossing *c);
// Of one worker, each counter one aligned load.
void crossing_load(const struct crossing *c, unsigned int worker, struct crossing_load *out);

#endif
