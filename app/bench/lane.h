// SPDX-License-Identifier: BSD-3-Clause
// Lanes that run the same traffic in turn: the product first, its references after it. Only what is
// measured in turn is compared, because the machine's speed changes from second to second.
#ifndef BENCH_LANE_H
#define BENCH_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/feed.h"

#define LANES_MAX      17 // of a case that has all there is (decap.c)
#define LANES_MAX_REPS 200
#define LANE_PACKETS   65536 // a repetition, in chunks of the feed's mbufs

struct lane {
	const char *name;
	struct feed_shape shape;
	void *state;
	// A burst, and what frames it, not timed; those may be NULL. drain_cb: after each chunk.
	void (*burst_cb)(void *state, struct rte_mbuf **m, unsigned int n);
	void (*begin_cb)(void *state);
	void (*drain_cb)(void *state);
	void (*end_cb)(void *state);
	bool frees;	    // all mbufs are freed by the lane, or by the sinks
	bool unlocked;	    // by the sinks, as sink_free_unlocked() says
	bool chains;	    // it sends mbuf chains
	bool forwards_all;  // frames that the product drops too
	unsigned int emits; // frames out for each in that is forwarded
	// Results: cycles a packet, of each repetition; the packets that did not come out.
	double cycles[LANES_MAX_REPS];
	uint64_t lost;
};

// Runs each lane once a repetition, and between_cb, if not NULL, after each of those. what: for the
// progress line.
void lanes_run(struct lane *lanes, unsigned int n, unsigned int reps, struct feed *f,
	const char *what, void (*between_cb)(void *arg), void *arg);

double lane_min(const struct lane *l, unsigned int reps);
double lane_median(const struct lane *l, unsigned int reps);
// Speed of l relative to ref, above 1 when l is faster: ratio of minima, and the median of the
// ratios of each repetition.
double lane_ratio(const struct lane *l, const struct lane *ref, unsigned int reps);
double lane_ratio_median(const struct lane *l, const struct lane *ref, unsigned int reps);

#endif
