// SPDX-License-Identifier: BSD-3-Clause
// A worker: one lcore that polls its receive queues, forwards the data of live tunnels and punts
// everything else. No syscall, lock, allocation, log or division of our own runs here.
//
// A port is an ethdev port, an interface what the operator named: a port, or a VLAN of one.
#ifndef FASTPATH_WORKER_H
#define FASTPATH_WORKER_H

#include <stdint.h>

#include "base/addr.h"
#include "crossing/crossing.h"

struct mfib_table;
struct reass;
struct rte_mbuf;
struct rte_mempool;

#define WORKER_MAX_IFS	 CROSSING_MAX_IFS
#define WORKER_MAX_PORTS CROSSING_MAX_IFS
#define WORKER_BURST	 32
#define WORKER_TX_QUEUE	 128
#define WORKER_NO_QUEUE	 UINT16_MAX
#define WORKER_NO_IF	 UINT8_MAX

struct worker_port {
	uint16_t port_id;  // ethdev
	uint16_t rx_queue; // WORKER_NO_QUEUE: other workers poll this port
	uint16_t tx_queue; // WORKER_NO_QUEUE: frames go to tx_worker, which has one
	uint8_t tx_worker; // crossing_tx_open() has been called for the two of us
	bool ip_cksum_hw;  // the driver sets RTE_MBUF_F_RX_IP_CKSUM_* (else software)
	bool l4_cksum_hw;
	bool multi_segs;	// the driver transmits mbuf chains
	uint8_t spread;		// enum spread_mode, of what comes in by rx_queue
	uint8_t untagged;	// interface index of frames without a VLAN tag, or WORKER_NO_IF
	const uint8_t *by_vlan; // 4096 interface indices, WORKER_NO_IF for none; NULL: no VLANs
};

struct worker_if {
	uint16_t port;	 // index of ports[]
	uint16_t vlan;	 // its tag, 1..4094; 0: untagged
	uint16_t mtu;	 // octets of an IP datagram
	bool upstream;	 // tunnels end here
	bool downstream; // native multicast that comes in here is for PIM
	uint8_t mac[6];	 // source of what we send here
	// worker_prepare() derives these from the above.
	// The Ethernet header of native multicast, its tag included: the group's address is to be
	// filled in, and the ethertype, which is IPv4's.
	uint8_t l2_len; // 14 or 18
	_Alignas(8) uint8_t l2[24];
	uint64_t twins; // the interfaces with the same header, this one included: they can share
			// a frame
};

// Native frames of this round for one interface; the worker's own. What the common case of a frame
// needs is in the first cache line.
struct worker_tx {
	// worker_prepare(): the last eight octets of an untagged interface's Ethernet header,
	// source and ethertype, as they lie in memory; of IPv4, of IPv6.
	_Alignas(64) uint64_t l2_tail[2];
	uint64_t twins;	    // as the interface's
	uint32_t plain_mtu; // as the interface's; 0 for a tagged one
	uint32_t n;
	uint64_t bytes; // of those n frames
	_Alignas(64) struct rte_mbuf *mbufs[WORKER_TX_QUEUE];
};

// Mbufs of one pool that are at hand for copies; between bursts there is none.
#define WORKER_SPARES 32
struct worker_spares {
	struct rte_mempool *pool;
	unsigned int n;
	struct rte_mbuf *mbufs[WORKER_SPARES];
};

// What of native multicast that came in downstream was shown to the control thread in the window
// that began at `since`; the worker's own (native.h).
#define WORKER_NATIVE_BITS  9
#define WORKER_NATIVE_FLOWS 256 // of them a window at most
struct worker_native {
	uint64_t window; // TSC ticks; worker_prepare(): a tenth of a second
	uint64_t since;
	uint32_t left;
	uint64_t seen[1 << WORKER_NATIVE_BITS];
};

// Buckets of what goes up to the control thread (police.h); the worker's own. Those of senders are
// apart by class, and known ones from strangers: a flood in which every frame has another sender
// fills all that it reaches.
#define WORKER_SENDERS 2048
struct worker_police {
	uint64_t ifs[WORKER_MAX_IFS][PUNT_CLASSES][2]; // [known]
	uint64_t senders[PUNT_CLASSES][2][WORKER_SENDERS];
};

// What a burst is made of, by outer and inner family and VLAN tag: see process.c.
enum worker_shape {
	SHAPE_MIXED, // several, or something else
	SHAPE_4IN4,
	SHAPE_6IN4,
	SHAPE_4IN6,
	SHAPE_6IN6,
	SHAPE_4IN4_VLAN,
	SHAPE_6IN4_VLAN,
	SHAPE_4IN6_VLAN,
	SHAPE_6IN6_VLAN,
	WORKER_SHAPES,
};

// Local addresses of tunnels: see local.h.
#define WORKER_LOCALS 256 // by the last octet
struct worker_local4 {
	_Alignas(16) uint64_t key[2]; // a narrow one, of 0 but for the index
	uint64_t dst;		      // of 32 bits, network order, or LOCAL4_NONE
	unsigned int index;	      // + 1
};
struct worker_local6 {
	_Alignas(16) uint8_t ip[16];
	unsigned int index; // + 1; 0: none
};
struct worker_locals {
	uint32_t gone;		// mfib_local_gone() when they were found; 0: not yet
	unsigned int n4, n6;	// found since
	uint8_t first4, first6; // where the first of them is
	struct worker_local4 v4[WORKER_LOCALS];
	struct worker_local6 v6[WORKER_LOCALS];
};

// Written by boot before the worker starts, then read by the worker; mtu and rx_queue alone may be
// changed later by the control thread (worker_set_mtu, worker_set_rx_queue).
struct worker {
	struct worker_port ports[WORKER_MAX_PORTS];
	unsigned int n_ports;
	struct worker_if ifs[WORKER_MAX_IFS]; // our interface index is the position
	unsigned int n_ifs;
	// worker_prepare(): the build of process.c that this processor runs best.
	void (*process_cb)(
		struct worker *w, unsigned int port, struct rte_mbuf **mbufs, unsigned int n);
	struct mfib_table *table;
	struct crossing_worker *x;
	// Called with the number of rounds in a row in which nothing came in, and with 0 after the
	// round in which something did again; NULL: polls on. The worker is quiescent meanwhile.
	void (*idle_cb)(void *arg, unsigned int rounds);
	void *idle_arg;
	struct reass *reass;	     // of outer fragments; NULL: they are dropped
	struct worker_native native; // zeroed by boot
	struct worker_police police; // zeroed by boot
	unsigned int inject_next;    // of x->inject_ifs[]: where the next round begins
	uint8_t shape;		     // enum worker_shape: of the last burst
	struct worker_locals locals; // zeroed by boot
	// By shape: of the last burst's frames, where it was one set; else 0.
	uint64_t expected_oifs[WORKER_SHAPES];
	// worker_prepare(): the interfaces that native frames may leave by, and those of ports with
	// multi_segs, as oif sets; the least MTU of all.
	uint64_t known_oifs, chain_oifs;
	uint32_t mtu_min;
	struct worker_spares spares;
	uint64_t tx_pending; // bit i: tx[i] holds frames; native frames leave by interfaces 0..63
	struct worker_tx tx[WORKER_MAX_IFS]; // zeroed by boot
};

// To be called when ports[] and ifs[] are filled in, before anything else.
void worker_prepare(struct worker *w);
// The lcore function: runs until x->stop. arg: struct worker.
int worker_run(void *arg);
// One turn over all ports, as worker_run() does it; how many frames came in, from whatever side.
// Between rounds no frame is held. The caller reports its quiescent states to the table.
unsigned int worker_round(struct worker *w);
// The part of a round behind the driver: takes n <= WORKER_BURST frames that came in on a port;
// native frames are on w->tx afterwards, where each interface must have WORKER_BURST free before.
// A punted frame has its interface's index in the mbuf's port field, and no VLAN tag.
void worker_process_burst(
	struct worker *w, unsigned int port, struct rte_mbuf **mbufs, unsigned int n);
// Hands what is on w->tx to the drivers; what they do not take is dropped and counted.
void worker_flush(struct worker *w);
// Gives frames to the driver of an interface's port, or to the worker that has a transmit queue of
// it. How many were taken; the rest is still the caller's.
unsigned int worker_transmit(
	struct worker *w, unsigned int ifindex, struct rte_mbuf **mbufs, unsigned int n);
// From another thread: the queue that the worker polls of a port (position in ports[]) from its
// next round on; WORKER_NO_QUEUE: none.
void worker_set_rx_queue(struct worker *w, unsigned int port, uint16_t rx_queue);
void worker_set_mtu(struct worker *w, unsigned int ifindex, uint16_t mtu);
// After ifs[].mtu were set in another way.
void worker_mtus_set(struct worker *w);

#endif
