// SPDX-License-Identifier: BSD-3-Clause
// Results, as a table for people or one JSON object a line for programs.
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>

#include "bench/check.h"
#include "bench/lane.h"

struct decap_case {
	struct feed_shape shape;
	uint32_t tunnels; // asked for; the shape has one a channel at most
	unsigned int fanout;
	uint32_t updates; // channels a second, added and removed meanwhile; 0: none
};

struct decap_result {
	struct decap_case c;
	unsigned int n_lanes, reps;
	struct lane lanes[LANES_MAX]; // the product first
	double update_rate;	      // channels a second really added
	struct check check;
	uint64_t lost;
};

void report_begin(bool json);
void report_decap(const struct decap_result *r, bool json);
// decap.svg in folder dir: cycles a packet by channels, for the cases that differ in that only. 0
// or -errno.
int report_plot(const char *dir, const struct decap_result *r, unsigned int n);

#endif
