// SPDX-License-Identifier: BSD-3-Clause
// The cases that a run of decap goes through.
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include "bench/bench.h"
#include "bench/report.h"

#define PLAN_MAX_CASES 160

struct plan {
	unsigned int n, reps;
	struct decap_case cases[PLAN_MAX_CASES];
};

// replay: NULL, or the frames of o->pcap.
void plan_make(struct plan *p, const struct bench_options *o, const struct replay *replay);

#endif
