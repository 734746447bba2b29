// SPDX-License-Identifier: BSD-3-Clause
// What came out of a case: a line of the table for people, or a line for programs.
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>

#include "bench/lane.h"
#include "bench/product.h"
#include "bench/sequence.h"
#include "property/check.h"

struct decap_case {
	struct feed_shape shape;
	unsigned int fanout;
	enum product_l2 l2;
	uint32_t updates; // channels a second, added and removed meanwhile; 0: none
};

struct decap_result {
	struct decap_case c;
	unsigned int n_lanes, reps;
	struct lane lanes[LANES_MAX]; // the product first
	double update_rate;	      // channels a second really added
	struct check check;
	struct sequence_count sequence;
	uint64_t lost; // packets of the timed runs, and channels that could not be added
};

// The lane of a name, NULL when the case has none.
const struct lane *report_lane(const struct decap_result *r, const char *name);
// Whether anything was lost, out of order, or not as the oracle says.
bool report_wrong(const struct decap_result *r);

void report_begin(bool json);
void report_decap(const struct decap_result *r, bool json);
// Plots of n <= PLAN_MAX_CASES results in folder dir: by channels, for the cases that differ in
// that and their family only, and bars of the others. 0 or -errno, said on stderr.
int report_plot(const char *dir, const struct decap_result *r, unsigned int n);

#endif
