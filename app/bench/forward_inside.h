// SPDX-License-Identifier: BSD-3-Clause
// The inside of the child that forward_dut.h describes.
#ifndef BENCH_FORWARD_INSIDE_H
#define BENCH_FORWARD_INSIDE_H

#include "bench/forward_dut.h"
#include "crossing/crossing.h"
#include "fastpath/worker.h"
#include "mfib/mfib.h"

#define DUT_MAX_WORKERS 16

struct dut_inside {
	const struct dut_cfg *cfg;
	struct port in, out;
	bool in_open, out_open;
	struct crossing *crossing;
	struct mfib *mfib;
	struct worker *workers; // lcore i + 1 runs workers[i]
	bool running;
	uint64_t punted; // read from the rings and freed
};

// Both run in the child. 0, or -errno with a line in err; close takes what open left, all or a
// part.
int inside_open(struct dut_inside *in, const struct dut_cfg *cfg, char err[DUT_ERR_LEN]);
void inside_close(struct dut_inside *in);
int inside_start(struct dut_inside *in);
void inside_stop(struct dut_inside *in);
// What a control thread does now and then.
void inside_housekeeping(struct dut_inside *in);
void inside_counters(struct dut_inside *in, struct dut_counters *out);

#endif
