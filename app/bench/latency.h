// SPDX-License-Identifier: BSD-3-Clause
// What `inlet-bench latency` measures and how it says it.
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/bench.h"
#include "bench/latency_hist.h"

#define LATENCY_MAX_REPS 50
#define LATENCY_LOADS	 5

enum latency_lane { LATENCY_PRODUCT, LATENCY_EMPTY, LATENCY_LANES };
enum latency_quantile { LATENCY_P50, LATENCY_P99, LATENCY_P999, LATENCY_QUANTILES };

struct latency_load {
	const char *name;
	double part;	      // of the capacity, or 0:
	double pps;	      // a trickle
	unsigned int chunks;  // a repetition
	unsigned int packets; // a chunk
};

struct latency_result {
	struct latency_load load;
	uint32_t channels;
	uint16_t payload;
	unsigned int reps;
	double capacity[LATENCY_MAX_REPS]; // cycles a packet of the product when there is always
					   // one
	double offered[LATENCY_MAX_REPS];  // ticks between two packets
	// Ticks, of each repetition.
	double q[LATENCY_LANES][LATENCY_QUANTILES][LATENCY_MAX_REPS];
	struct hist hist[LATENCY_LANES]; // of all repetitions
	uint64_t lost;			 // frames that did not come out
	uint64_t held;			 // that came out in a later round than they came in
};

void latency_report_begin(bool json);
void latency_report(const struct latency_result *r, bool json);
int latency_plot(const char *dir, const struct latency_result *r, unsigned int n);

#endif
