// SPDX-License-Identifier: BSD-3-Clause
// The worker's side of a tap (crossing/tap.h): frames that match are copied into its ring, or
// counted where it is full. Internal to fastpath, and seldom there: kept out of line.
#ifndef FASTPATH_TAP_H
#define FASTPATH_TAP_H

#include <stdint.h>

#include "crossing/tap.h"

struct rte_mbuf;

// A burst that came in on a port of struct worker's ports[].
void tap_received(
	struct crossing_tap *t, unsigned int port, struct rte_mbuf *const *mbufs, unsigned int n);
// One that is about to be given to the driver: copied, but not shown to the reader before
// tap_sent(). ends[i]: what tap_sent() takes when the first i+1 frames were taken.
void tap_sends(struct crossing_tap *t, unsigned int port, struct rte_mbuf *const *mbufs,
	unsigned int n, uint64_t *ends);
// Shows what is before `end`; takes back the rest, of n frames that were not taken.
void tap_sent(struct crossing_tap *t, uint64_t end);
// Whether a frame is meant. For the test.
bool tap_matches(const struct crossing_tap_filter *f, const uint8_t *frame, uint32_t len);

#endif
