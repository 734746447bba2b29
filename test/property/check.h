// SPDX-License-Identifier: BSD-3-Clause
// Whether the product's output is right: frames of all kinds through a lane, each octet of the
// outcome against the oracle.
#ifndef TEST_PROPERTY_CHECK_H
#define TEST_PROPERTY_CHECK_H

#include <stdint.h>

#include "bench/lane.h"
#include "bench/product.h"

struct check {
	uint64_t checked; // frames in
	uint64_t wrong;	  // outcomes that are not the oracle's, frames too many or too few included
};

struct checker;

// payload: of the largest frames. NULL when memory is short.
struct checker *checker_create(struct product *p, unsigned int payload, uint64_t seed);
void checker_destroy(struct checker *c);
// So many bursts through a lane of the product, between its begin and end; adds to out. The sinks
// are the checker's then.
void checker_run(struct checker *c, const struct lane *l, unsigned int bursts, struct check *out);
// Whether the channels' counters are what was forwarded; for a product that nothing but the checker
// sends through.
void checker_counters(struct checker *c, struct check *out);

#endif
