// SPDX-License-Identifier: BSD-3-Clause
// Whether frames that are numbered come out of each port once, and in order within their channel.
#ifndef BENCH_SEQUENCE_H
#define BENCH_SEQUENCE_H

#include <stdint.h>

#include "bench/lane.h"
#include "bench/product.h"

struct sequence_count {
	uint64_t sent;			      // frames in
	uint64_t lost, duplicated, reordered; // frames out, of all ports
	uint64_t strange;		      // out of a wrong port, or of no known number
};

struct sequence;

// l: a lane of p, whose frames are hits with a payload of FEED_NUMBERED octets at least. NULL when
// memory is short.
struct sequence *sequence_create(const struct lane *l, const struct product *p);
void sequence_destroy(struct sequence *s);
// Sends each of the feed's mbufs once; adds to out.
void sequence_run(struct sequence *s, struct feed *f, struct sequence_count *out);

#endif
