// SPDX-License-Identifier: BSD-3-Clause
// What the cases of `inlet-bench forward` share: contenders that have the same ports in turn, and
// their result.
#ifndef BENCH_FORWARD_H
#define BENCH_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/bench.h"
#include "bench/forward_dut.h"
#include "bench/forward_frame.h"
#include "bench/forward_gen.h"
#include "bench/forward_testpmd.h"
#include "bench/gateway.h"
#include "bench/lane.h"

#define FORWARD_MAX_LANES 5
#define FORWARD_NAME_LEN  64
#define FORWARD_TEXT_LEN  512

struct forward_case {
	const char *vdev; // "pcap", "ring", "memif", "af_xdp", "port"
	struct frame_shape shape;
	unsigned int workers;
	double zipf; // exponent of the channels' popularity; 0: all alike
};

struct forward_result {
	struct forward_case c;
	unsigned int n_lanes, reps;
	struct lane lanes[FORWARD_MAX_LANES]; // the product first; cycles of its core a packet
	bool median;   // what two cores do together is bimodal here: minima would say little
	double tsc_hz; // of the cycles
	// Of the product's frames. dropped: for a reason that it names, see `why`. wrong: not what
	// they should be, or out of order.
	uint64_t packets, lost, dropped, wrong;
	char why[FORWARD_NAME_LEN];
	bool external; // somebody else feeds the ports: a loss may be the load's
	// With a generator of ours, by contender: what it sent; and how busy the socket gateway
	// was.
	double offered_mpps[FORWARD_MAX_LANES], gateway_busy;
	bool huge;			// pages
	char skipped[FORWARD_TEXT_LEN]; // not empty: the case cannot run here, and why
};

// One that has the ports in a turn. Where several have the same testpmd, it changes its mode.
struct contender {
	const char *name;
	const struct dut_cfg *dut_cfg; // or
	struct dut *dut;
	const struct testpmd_cfg *pmd_cfg;
	struct testpmd *pmd;
	const char *mode;		       // testpmd's
	const struct gateway_cfg *gateway_cfg; // or
	struct gateway *gateway;
};

struct turns {
	struct contender *c;
	unsigned int n;
	unsigned int reps, settle_ms, window_ms;
	bool exclusive;	  // a device that only one process can have: each turn opens and closes it
	const char *what; // for the progress line
	// What sends while a contender runs, and counts what comes back; NULL: the contenders' own
	// counts are taken.
	struct gen *gen;
	struct gen_pace pace;
	bool flood; // more is sent than can come back: what is missing is not lost by the product
};

// Runs the turns into r: reps windows of each contender. 0, or -errno with a line in err.
int turns_run(struct turns *t, struct forward_result *r, char err[FORWARD_TEXT_LEN]);

// The cases: 0, or -errno with a line in err. A case that cannot run here says so in r->skipped.
int forward_pcap(const struct bench_options *o, struct forward_result *r, char *err);
int forward_ring(const struct bench_options *o, struct forward_result *r, char *err);
int forward_memif(const struct bench_options *o, struct forward_result *r, char *err);
int forward_xdp(const struct bench_options *o, struct forward_result *r, char *err);
int forward_port(const struct bench_options *o, struct forward_result *r, char *err);

void forward_sleep(unsigned int ms);
// CPU of the first worker, and that of the threads that sleep.
unsigned int forward_cpu_worker(void);
unsigned int forward_cpu_control(void);
// The lines of the log, a table or JSON.
void forward_report_begin(const struct bench_options *o);
void forward_report(const struct forward_result *r, bool json);
int forward_plot(const char *dir, const struct forward_result *r, unsigned int n);

#endif
