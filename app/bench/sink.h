// SPDX-License-Identifier: BSD-3-Clause
// Where frames end: transmit functions of our own behind rte_eth_tx_burst(), so that the product's
// code and the references pay the same for it and neither has a branch for the bench.
#ifndef BENCH_SINK_H
#define BENCH_SINK_H

#include <stdint.h>

struct rte_mbuf;

// Ports 0 to SINK_PORTS - 1 are sinks; there must be no ethdev.
#define SINK_PORTS (BENCH_MAX_FANOUT + 1)

// Sees each burst that comes out of a port; owns the mbufs.
typedef void (*sink_cb)(void *arg, unsigned int port, struct rte_mbuf **m, unsigned int n);

// KEEP: as a driver fills descriptors; the mbufs stay the feed's. FREE: and frees them, as a driver
// does when they are sent.
void sink_keep(void);
void sink_free(void);
// FREE, but without the locked instruction of an mbuf with several users, which no driver can do
// without: to see what it takes.
void sink_free_unlocked(void);
// FREE, of mbuf chains too.
void sink_free_chains(void);
void sink_call(sink_cb cb, void *arg);
// Frames that came out of all ports since the last call.
uint64_t sink_take_count(void);

#endif
