// SPDX-License-Identifier: BSD-3-Clause
// What the product is measured against. Frozen on purpose: none of the product's fast path code is
// used here, so that an improvement of the product cannot improve its references.
#ifndef BENCH_REF_H
#define BENCH_REF_H

#include <stdint.h>

#include "bench/feed.h"

#define REF_PORT 1 // they send everything here

// Receive and transmit, no look at the frame.
void ref_io_burst(void *state, struct rte_mbuf **m, unsigned int n);
// Swaps the Ethernet addresses: touches the header line, nothing else.
void ref_macswap_lite_burst(void *state, struct rte_mbuf **m, unsigned int n);
// As testpmd's: that, and offload flags and lengths in the second line of the mbuf.
void ref_macswap_burst(void *state, struct rte_mbuf **m, unsigned int n);

// The straightforward fast design out of DPDK's box: the product's checks, counters and rewrite on
// an rte_hash with a lock-free reader under QSBR.
struct ref_hash;
struct ref_hash *ref_hash_create(const struct feed_shape *shape);
void ref_hash_destroy(struct ref_hash *h);
void ref_hash_begin(void *state);
void ref_hash_burst(void *state, struct rte_mbuf **m, unsigned int n);
void ref_hash_end(void *state);

// The bound set by memory: no checks, the entry of a channel at a place that follows from (S,G),
// counters and rewrite.
struct ref_touch;
struct ref_touch *ref_touch_create(const struct feed_shape *shape);
void ref_touch_destroy(struct ref_touch *t);
void ref_touch_burst(void *state, struct rte_mbuf **m, unsigned int n);

#endif
