// SPDX-License-Identifier: BSD-3-Clause
// Frames of all kinds for the check: most are good, the others have one thing wrong or unusual, and
// a few have two. Internal to the check.
#ifndef TEST_PROPERTY_CHECK_FRAME_H
#define TEST_PROPERTY_CHECK_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "property/oracle.h"

struct check_frame {
	uint8_t p[FEED_MAX_FRAME]; // what is past len is 0
	size_t len;
	size_t split; // over two mbufs, the first this long; 0: one
	struct oracle want;
};

// A frame to a channel of w->joined, whose payload is up to so many octets, and what has to become
// of it. odd: of 64 frames, how many have something wrong or unusual; a third of those two things.
void check_frame_make(struct check_frame *c, const struct oracle_world *w, unsigned int max_payload,
	unsigned int odd, struct rng *rng);

#endif
