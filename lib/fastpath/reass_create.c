// SPDX-License-Identifier: BSD-3-Clause
// What of reassembly runs before and after the worker, on the control thread: its memory.
#include <rte_cycles.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "base/rng.h"
#include "fastpath/reass_internal.h"

struct reass *reass_create(const struct reass_cfg *cfg)
{
	const uint32_t n = cfg->datagrams, n_buckets = rte_align32pow2(2 * n);
	struct rng rng = RNG_SYSTEM;
	struct reass *r;

	if (n == 0 || n > REASS_MAX_DATAGRAMS)
		return NULL;
	r = rte_zmalloc_socket("reass", sizeof(*r), RTE_CACHE_LINE_SIZE, cfg->socket);
	if (!r)
		return NULL;
	r->slots = rte_zmalloc_socket(
		"reass", n * sizeof(r->slots[0]), RTE_CACHE_LINE_SIZE, cfg->socket);
	r->buckets = rte_zmalloc_socket(
		"reass", n_buckets * sizeof(r->buckets[0]), RTE_CACHE_LINE_SIZE, cfg->socket);
	if (!r->slots || !r->buckets) {
		reass_destroy(r);
		return NULL;
	}
	rng_bytes(&rng, r->seed, sizeof(r->seed));
	r->timeout = rte_get_tsc_hz() / 1000 * cfg->timeout_ms;
	r->n_slots = n;
	r->bucket_mask = n_buckets - 1;
	for (uint32_t i = 0; i < n_buckets; i++)
		r->buckets[i] = REASS_NONE;
	for (uint32_t i = 0; i < n; i++)
		r->slots[i].next = i + 1 < n ? (uint16_t)(i + 1) : REASS_NONE;
	r->oldest = r->newest = REASS_NONE;
	return r;
}

void reass_destroy(struct reass *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; r->slots && i < r->n_slots; i++)
		rte_pktmbuf_free(r->slots[i].m);
	rte_free(r->slots);
	rte_free(r->buckets);
	rte_free(r);
}
