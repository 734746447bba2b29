// SPDX-License-Identifier: BSD-3-Clause
// Which channel the next packet is of: all alike, or by Zipf's law.
#ifndef BENCH_POPULARITY_H
#define BENCH_POPULARITY_H

#include <stdint.h>

#include "base/rng.h"

// Ranks 1..n, rank k as popular as 1/k^s. Computed and not tabulated, so that drawing does not
// empty the caches that are measured. Rejection-inversion of W. Hoermann and G. Derflinger, ACM
// TOMACS 6 (1996).
struct popularity {
	uint32_t n;
	double s;	       // 0: uniform
	double low, high, cut; // of the integral of the density, and what is accepted at once
	uint32_t step;	       // rank r is channel r * step % n, so that ranks do not lie together
};

// s: 0, or 0.1 to 3.
void popularity_init(struct popularity *p, uint32_t n, double s);
// 0..n-1.
uint32_t popularity_draw(const struct popularity *p, struct rng *rng);

#endif
