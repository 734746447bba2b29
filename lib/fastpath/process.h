// SPDX-License-Identifier: BSD-3-Clause
// process.c is built once for every x86-64 processor that DPDK takes, and once for those of the
// x86-64-v3 level, which need fewer instructions for it (movbe, bmi, three operands).
// worker_prepare() chooses. Internal to fastpath.
#ifndef FASTPATH_PROCESS_H
#define FASTPATH_PROCESS_H

struct rte_mbuf;
struct worker;

#ifndef PROCESS_BURST
#define PROCESS_BURST process_burst
#endif

// worker_process_burst().
void process_burst(struct worker *w, unsigned int port, struct rte_mbuf **mbufs, unsigned int n);
void process_burst_v3(struct worker *w, unsigned int port, struct rte_mbuf **mbufs, unsigned int n);

#endif
