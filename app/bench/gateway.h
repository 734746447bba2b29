// SPDX-License-Identifier: BSD-3-Clause
// What one would write without DPDK: an AMT gateway's data path on plain sockets, one thread. A UDP
// socket on the tunnel's port is read with recvmmsg(2); what passes the product's checks is sent,
// natively, with sendmmsg(2) on a packet socket that passes by the queueing discipline.
#ifndef BENCH_GATEWAY_H
#define BENCH_GATEWAY_H

#include <stdint.h>

#include "bench/forward_child.h"
#include "bench/forward_frame.h"

#define GATEWAY_ERR_LEN 128

struct gateway_cfg {
	const char *out;	  // netdev that native frames leave by
	struct frame_shape shape; // one tunnel
	unsigned int cpu_control, cpu;
	int (*before_cb)(void *arg); // in the child: 0 or -errno; may be NULL
	void *arg;
};

struct gateway {
	struct child child;
};

struct gateway_counters {
	uint64_t received, sent, dropped; // dropped: by a check
	uint64_t unsent;		  // that the kernel did not take
	uint64_t cpu_ns, ns;		  // CPU time of its thread, and how long it ran
};

// Starts it in a child, stopped: what comes meanwhile is read and thrown away at the start. 0, or
// -errno with a line in err.
int gateway_open(struct gateway *g, const struct gateway_cfg *cfg, char err[GATEWAY_ERR_LEN]);
void gateway_close(struct gateway *g);
int gateway_start(struct gateway *g);
int gateway_stop(struct gateway *g);
int gateway_counters(struct gateway *g, struct gateway_counters *out);

#endif
