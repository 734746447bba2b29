// SPDX-License-Identifier: BSD-3-Clause
#include "bench/lane.h"

#include <stdlib.h>

#include <rte_cycles.h>

#include "bench/sink.h"

#define LANE_CHUNKS (LANE_PACKETS / (FEED_MBUFS / 4))

// One chunk: the headers are written, then the clock runs. Returns the ticks.
static uint64_t chunk(struct lane *l, struct feed *f)
{
	uint64_t start, ticks;

	feed_prepare(f, &l->shape);
	sink_take_count();
	start = rte_rdtsc_precise();
	for (unsigned int i = 0; i < f->n; i += BENCH_BURST) {
		feed_receive(f, i);
		l->burst_cb(l->state, &f->mbufs[i], BENCH_BURST);
	}
	ticks = rte_rdtsc_precise() - start;
	f->filled = !l->frees;
	l->lost += (uint64_t)l->emits * (l->forwards_all ? f->n : f->forwarded) - sink_take_count();
	if (l->drain_cb)
		l->drain_cb(l->state);
	return ticks;
}

static int by_value_cb(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *v, unsigned int n)
{
	double sorted[LANES_MAX_REPS] = {0}; // chunks are fewer

	for (unsigned int i = 0; i < n; i++)
		sorted[i] = v[i];
	qsort(sorted, n, sizeof(*sorted), by_value_cb);
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

// The median of the chunks, each so short that another process seldom gets the CPU within it: a
// repetition is spoilt only when half of them are.
static double lane_once(struct lane *l, struct feed *f)
{
	double ticks[LANE_CHUNKS];
	unsigned int n = LANE_PACKETS / f->n;

	if (l->chains)
		sink_free_chains();
	else if (l->unlocked)
		sink_free_unlocked();
	else if (l->frees)
		sink_free();
	else
		sink_keep();
	if (l->begin_cb)
		l->begin_cb(l->state);
	(void)chunk(l, f); // fills the caches with what this lane works on
	for (unsigned int i = 0; i < n; i++)
		ticks[i] = (double)chunk(l, f);
	if (l->end_cb)
		l->end_cb(l->state);
	return median(ticks, n) / f->n;
}

void lanes_run(struct lane *lanes, unsigned int n, unsigned int reps, struct feed *f,
	const char *what, void (*between_cb)(void *arg), void *arg)
{
	for (unsigned int r = 0; r < reps; r++) {
		bench_progress(what, r + 1, reps);
		for (unsigned int i = 0; i < n; i++)
			lanes[i].cycles[r] = lane_once(&lanes[i], f);
		if (between_cb)
			between_cb(arg);
	}
	bench_progress(NULL, 0, 0);
}

double lane_min(const struct lane *l, unsigned int reps)
{
	double min = l->cycles[0];

	for (unsigned int i = 1; i < reps; i++)
		min = l->cycles[i] < min ? l->cycles[i] : min;
	return min;
}

double lane_median(const struct lane *l, unsigned int reps)
{
	return median(l->cycles, reps);
}

double lane_ratio(const struct lane *l, const struct lane *ref, unsigned int reps)
{
	return lane_min(ref, reps) / lane_min(l, reps);
}

double lane_ratio_median(const struct lane *l, const struct lane *ref, unsigned int reps)
{
	double ratios[LANES_MAX_REPS];

	for (unsigned int i = 0; i < reps; i++)
		ratios[i] = ref->cycles[i] / l->cycles[i];
	return median(ratios, reps);
}
