// SPDX-License-Identifier: BSD-3-Clause
// dpdk-testpmd as a reference: a child that is started, stopped and read through its prompt.
#ifndef BENCH_FORWARD_TESTPMD_H
#define BENCH_FORWARD_TESTPMD_H

#include "bench/forward_child.h"

#define TESTPMD_MAX_DEVICES 2
#define TESTPMD_TEXT	    16384
#define TESTPMD_ERR_LEN	    512

struct testpmd_cfg {
	const char *devices[TESTPMD_MAX_DEVICES]; // port 0 receives, port 1 (or 0) transmits
	unsigned int n_devices;
	unsigned int n_workers;
	unsigned int mbufs;	  // in its one pool
	const char *eal[4];	  // further arguments of the EAL, up to a NULL
	unsigned int cpu_control; // its main lcore, which sleeps
	unsigned int cpu_worker;  // of the first forwarding lcore; the next one on the CPU below
	bool no_huge;
};

#define TESTPMD_BURST 32 // its default

struct testpmd {
	struct child child;
	unsigned int out; // port whose packets are counted
	char mode[16];
	char text[TESTPMD_TEXT]; // its output since the last command
	size_t len;
};

// Starts it, stopped. 0, or -errno with a line in err: -ENOENT when there is no dpdk-testpmd.
int testpmd_open(const struct testpmd_cfg *cfg, struct testpmd *t, char err[TESTPMD_ERR_LEN]);
void testpmd_close(struct testpmd *t);
// mode: "io", "macswap", ... tx_first: bursts that it sends itself at the start. 0 or -errno.
int testpmd_start(struct testpmd *t, const char *mode, unsigned int tx_first);
int testpmd_stop(struct testpmd *t);
// Packets a second that left by the port since the last call, by its own clock.
int testpmd_rate(struct testpmd *t, double *pps);

#endif
