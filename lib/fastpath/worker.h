// SPDX-License-Identifier: BSD-3-Clause
// A worker: one lcore that polls its receive queue of every port, forwards the data of live tunnels
// and punts everything else. No syscall, lock, allocation, log or division of our own runs here.
#ifndef FASTPATH_WORKER_H
#define FASTPATH_WORKER_H

#include <stdint.h>

#include "base/addr.h"
#include "crossing/crossing.h"

struct mfib_table;

#define WORKER_MAX_PORTS CROSSING_MAX_IFS

struct worker_if {
	uint16_t port_id; // ethdev
	uint16_t queue;   // rx and tx queue of this worker
	uint16_t mtu;     // octets of an IP datagram
	bool upstream;    // tunnels end here
	bool ip_cksum_hw; // the driver sets RTE_MBUF_F_RX_IP_CKSUM_* (else software)
	bool l4_cksum_hw;
	uint8_t mac[6]; // source of what we send here
};

// Written by boot before the worker starts, then read by the worker; mtu alone may be changed later by
// the control thread (worker_set_mtu).
struct worker {
	struct worker_if ifs[WORKER_MAX_PORTS]; // our interface index is the position
	unsigned int n_ifs;
	struct mfib_table *table;
	struct crossing_worker *x;
};

// The lcore function: runs until x->stop. arg: struct worker.
int worker_run(void *arg);
void worker_set_mtu(struct worker *w, unsigned int ifindex, uint16_t mtu);

#endif
