// SPDX-License-Identifier: BSD-3-Clause
// A worker: one lcore that polls its receive queue of every port, forwards the data of live tunnels
// and punts everything else. No syscall, lock, allocation, log or division of our own runs here.
#ifndef FASTPATH_WORKER_H
#define FASTPATH_WORKER_H

#include <stdint.h>

#include "base/addr.h"
#include "crossing/crossing.h"

struct mfib_table;
struct rte_mbuf;

#define WORKER_MAX_PORTS CROSSING_MAX_IFS
#define WORKER_BURST	 32
#define WORKER_TX_QUEUE	 128

struct worker_if {
	uint16_t port_id; // ethdev
	uint16_t queue;	  // rx and tx queue of this worker
	uint16_t mtu;	  // octets of an IP datagram
	bool upstream;	  // tunnels end here
	bool ip_cksum_hw; // the driver sets RTE_MBUF_F_RX_IP_CKSUM_* (else software)
	bool l4_cksum_hw;
	uint8_t mac[6]; // source of what we send here
};

// Native frames of this round for one interface; the worker's own.
struct worker_tx {
	unsigned int n;
	uint64_t bytes;
	struct rte_mbuf *mbufs[WORKER_TX_QUEUE];
};

// Written by boot before the worker starts, then read by the worker; mtu alone may be changed later
// by the control thread (worker_set_mtu).
struct worker {
	struct worker_if ifs[WORKER_MAX_PORTS]; // our interface index is the position
	unsigned int n_ifs;
	struct mfib_table *table;
	struct crossing_worker *x;
	struct worker_tx tx[WORKER_MAX_PORTS]; // zeroed by boot
};

// The lcore function: runs until x->stop. arg: struct worker.
int worker_run(void *arg);
// One turn over all ports, as worker_run() does it; how many frames came in. Between rounds no
// frame is held. The caller reports its quiescent states to the table.
unsigned int worker_round(struct worker *w);
// The part of a round behind the driver: takes n <= WORKER_BURST frames that came in on an
// interface; native frames are on w->tx afterwards, where each interface must have WORKER_BURST
// free before.
void worker_process_burst(
	struct worker *w, unsigned int ifindex, struct rte_mbuf **mbufs, unsigned int n);
void worker_set_mtu(struct worker *w, unsigned int ifindex, uint16_t mtu);

#endif
