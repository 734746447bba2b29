// SPDX-License-Identifier: BSD-3-Clause
// The subject: a worker of the product with its replica of a table full of channels.
#ifndef BENCH_PRODUCT_H
#define BENCH_PRODUCT_H

#include <stdint.h>

#include "bench/feed.h"
#include "crossing/crossing.h"
#include "fastpath/worker.h"
#include "mfib/mfib.h"

struct product {
	struct crossing *crossing;
	struct mfib *mfib;
	struct mfib_tunnel **tunnels;
	struct mfib_channel **channels;
	uint32_t n_tunnels, n_channels;
	uint32_t oifs;
	struct worker *worker; // interface 0 is upstream, 1 to fan-out downstream
};

// Joins shape->channels, each to `fanout` interfaces. crossing: for BENCH_MAX_FANOUT + 1
// interfaces. NULL when memory is short.
struct product *product_create(
	const struct feed_shape *shape, unsigned int fanout, struct crossing *crossing);
void product_destroy(struct product *p);

// What worker_run() does once it runs and when it stops; a burst is a round of it behind the
// driver. state: struct product.
void product_begin(void *state);
void product_burst(void *state, struct rte_mbuf **m, unsigned int n);
void product_end(void *state);
// Sum of the drops of all reasons.
uint64_t product_drops(const struct product *p);

#endif
