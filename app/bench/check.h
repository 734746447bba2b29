// SPDX-License-Identifier: BSD-3-Clause
// Whether the product's output is right: frames of all kinds through the lane that is measured,
// each octet of the outcome against the oracle.
#ifndef BENCH_CHECK_H
#define BENCH_CHECK_H

#include <stdint.h>

#include "bench/lane.h"
#include "bench/product.h"

#define CHECK_BURSTS 1024

struct check {
	uint64_t checked; // frames in
	uint64_t wrong;	  // outcomes that are not the oracle's, frames too many or too few included
};

// l: a lane of p, whose callbacks are used; joined: what p's table holds.
void check_run(const struct lane *l, struct product *p, const struct feed_shape *joined,
	unsigned int fanout, struct feed *f, struct check *out);

#endif
