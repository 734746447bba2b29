// SPDX-License-Identifier: BSD-3-Clause
// What the product is measured against. Frozen on purpose: none of the product's fast path code is
// used here, so that an improvement of the product cannot improve its references.
//
// They take frames without a VLAN tag and trust the driver's word on the outer checksums, whatever
// the case asks of the product; a mix of families only where they do not look at the frame.
#ifndef BENCH_REF_H
#define BENCH_REF_H

#include <stdint.h>

#include "bench/feed.h"

#define REF_PORT 1 // they send everything here

typedef void (*ref_burst_cb)(void *state, struct rte_mbuf **m, unsigned int n);

// Receive and transmit, no look at the frame.
void ref_io_burst(void *state, struct rte_mbuf **m, unsigned int n);
// The same to several ports, state an unsigned int: a reference to each mbuf for each of them,
// nothing else. What the drivers take for themselves.
void ref_io_ports_burst(void *state, struct rte_mbuf **m, unsigned int n);
// Swaps the Ethernet addresses: touches the header line, nothing else.
void ref_macswap_lite_burst(void *state, struct rte_mbuf **m, unsigned int n);
// As testpmd's: that, and offload flags and lengths in the second line of the mbuf.
void ref_macswap_burst(void *state, struct rte_mbuf **m, unsigned int n);

// The straightforward fast design out of DPDK's box: the product's checks, counters and rewrite on
// an rte_hash with a lock-free reader under QSBR. Its key is 16 octets for IPv4 in IPv4 and 52 for
// the other mixes, which is all that identifies a channel and its tunnel.
//
// How large it is made decides how many of its keys are off their first bucket, so both are
// measured. entries = 1 x channels is what the documentation of rte_hash_create() asks for ("total
// hash table entries"), and what its users do; it rounds up to a power of two, which leaves 1,000
// keys in 1,024 places and 1,000,000 in 1,048,576. The extendable bucket feature, which the
// documentation recommends where every key has to find a place, makes sure that they all do. 2 x is
// kind to it: half full, at twice the memory, nearly all keys are in their first bucket.
struct ref_hash;
struct ref_hash *ref_hash_create(const struct feed_shape *shape, unsigned int times);
void ref_hash_destroy(struct ref_hash *h);
void ref_hash_begin(void *state);
ref_burst_cb ref_hash_burst(const struct ref_hash *h);
void ref_hash_end(void *state);

// The bound set by memory ("T0" of performance.md): no checks, the entry of a channel, a cache
// line, at a place that follows from (S,G), counters and rewrite. The table has spread (a power of
// two) lines a channel, each used with a probability of one in spread: 4 is a table of a quarter's
// load, which a hash table without collisions has, and T0 had; 1 is the least memory that there can
// be.
struct ref_touch;
struct ref_touch *ref_touch_create(const struct feed_shape *shape, unsigned int spread);
void ref_touch_destroy(struct ref_touch *t);
ref_burst_cb ref_touch_burst(const struct ref_touch *t);

#endif
