// SPDX-License-Identifier: BSD-3-Clause
// A histogram of times: 64 buckets an octave, so that a bucket is within 1.6 % of what is in it. An
// entry costs a count of leading zeros and a store; no division.
#ifndef BENCH_LATENCY_HIST_H
#define BENCH_LATENCY_HIST_H

#include <stdint.h>

#define HIST_SUB     64
#define HIST_SUB_LOG 6
#define HIST_OCTAVES (32 - HIST_SUB_LOG)
#define HIST_BUCKETS (HIST_SUB * (HIST_OCTAVES + 1))

struct hist {
	uint64_t n, max;
	uint32_t bucket[HIST_BUCKETS];
};

static inline unsigned int hist_bucket(uint32_t v)
{
	unsigned int e;

	if (v < HIST_SUB)
		return v;
	e = 31u - (unsigned int)__builtin_clz(v);
	return (e - HIST_SUB_LOG + 1) * HIST_SUB + ((v >> (e - HIST_SUB_LOG)) & (HIST_SUB - 1));
}

static inline void hist_add(struct hist *h, uint32_t v)
{
	h->bucket[hist_bucket(v)]++;
	h->n++;
	h->max = v > h->max ? v : h->max;
}

// The largest value that falls into a bucket.
static inline double hist_upper(unsigned int b)
{
	unsigned int e = b / HIST_SUB, sub = b % HIST_SUB;

	if (e == 0)
		return sub;
	return (double)((uint64_t)(HIST_SUB + sub + 1) << (e - 1)) - 1;
}

// The value that a part q of all, 0 to 1, does not exceed; 0 when there are none.
static inline double hist_quantile(const struct hist *h, double q)
{
	double want = q * (double)h->n, sum = 0;

	for (unsigned int b = 0; h->n && b < HIST_BUCKETS; b++) {
		sum += h->bucket[b];
		if (sum >= want && sum > 0)
			return hist_upper(b) < (double)h->max ? hist_upper(b) : (double)h->max;
	}
	return 0;
}

#endif
