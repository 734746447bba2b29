// SPDX-License-Identifier: BSD-3-Clause
// The product's datapath in a child: what inletd has on its control thread and worker cores between
// two ports, with channels that are joined from the start.
#ifndef BENCH_FORWARD_DUT_H
#define BENCH_FORWARD_DUT_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/forward_child.h"
#include "bench/forward_frame.h"
#include "crossing/drops.h"
#include "port/port.h"

#define DUT_ERR_LEN 320

struct dut_cfg {
	const char *in, *out; // devargs; frames come in on one and native ones leave by the other
	struct frame_shape shape;
	unsigned int n_workers;	  // each with a queue of both ports
	unsigned int extra_mbufs; // that the ports hold beside their queues
	bool out_polled;	  // frames are received on the other port too
	const char *eal[4];	  // further arguments of the EAL, up to a NULL
	unsigned int cpu_control;
	unsigned int cpu_worker; // of the first worker; the next one on the CPU below
	bool no_huge;
	// In the child, before the EAL: 0 or -errno. May be NULL.
	int (*before_cb)(void *arg);
	void *arg;
};

// Counters since the start, but for tsc, which is the time when they were read.
struct dut_counters {
	uint64_t tsc, tsc_hz;
	uint64_t received,
		sent;	    // frames of all ports, by the drivers' counts on the port that counts
	uint64_t forwarded; // native frames handed to the driver, by the workers' count
	uint64_t punted;
	uint64_t drops[DROP_COUNT];
	bool huge; // pages
};

struct dut {
	struct child child;
};

// Starts it, stopped. 0, or -errno with a line in err.
int dut_open(struct dut *d, const struct dut_cfg *cfg, char err[DUT_ERR_LEN]);
// Stops it where it runs, closes the ports and waits for its end.
void dut_close(struct dut *d);
int dut_start(struct dut *d); // launches worker_run() on every worker's core
int dut_stop(struct dut *d);
int dut_counters(struct dut *d, struct dut_counters *out);
// Sum of all drops; names one of the reasons, or NULL.
uint64_t dut_drops(const struct dut_counters *c, const char **name);

// What runs inside the child instead of worker_run(), for cases that time single rounds: on the
// first worker's core, results in out.
struct dut_inside;
typedef void (*dut_timed_cb)(struct dut_inside *in, void *out, size_t len);
int dut_timed(struct dut *d, dut_timed_cb cb, void *out, size_t len);

#endif
