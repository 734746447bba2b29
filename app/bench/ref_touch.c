// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include <rte_byteorder.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include "bench/ref.h"
#include "bench/ref_frame.h"

#define AHEAD 16

struct entry {
	uint64_t packets, bytes;
} __rte_aligned(64);

struct ref_touch {
	uint32_t n, spread;
	enum feed_family family;
	struct entry *entries;
};

struct ref_touch *ref_touch_create(const struct feed_shape *shape, unsigned int spread)
{
	struct ref_touch *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->n = shape->channels;
	t->spread = spread;
	t->family = shape->family;
	t->entries = rte_calloc("ref_touch", (size_t)t->n * spread, sizeof(struct entry), 64);
	if (!t->entries) {
		ref_touch_destroy(t);
		return NULL;
	}
	return t;
}

void ref_touch_destroy(struct ref_touch *t)
{
	if (!t)
		return;
	rte_free(t->entries);
	free(t);
}

// Of IPv6 addresses the last four octets are what differs.
static inline struct entry *entry_of(
	const struct ref_touch *t, const struct rte_mbuf *m, bool outer6, bool inner6)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t s = ref_be32(p + REF_S(outer6, inner6) + (inner6 ? 12 : 0)) - FEED_SOURCES;
	uint32_t g = ref_be32(p + REF_G(outer6, inner6) + (inner6 ? 12 : 0)) - FEED_GROUPS;

	uint32_t i = s * FEED_PER_SOURCE + g;

	// Which of its places an entry has looks random, or it would be every spread-th set of the
	// caches.
	return &t->entries[i * t->spread + (((i * 0x9e3779b1u) >> 24) & (t->spread - 1))];
}

static inline __rte_always_inline void burst(
	struct ref_touch *t, struct rte_mbuf **m, unsigned int n, bool outer6, bool inner6)
{
	struct entry *e[BENCH_BURST];

	for (unsigned int i = 0; i < n; i++)
		ref_prefetch(m[i], outer6, inner6);
	for (unsigned int i = 0; i < n && i < AHEAD; i++) {
		e[i] = entry_of(t, m[i], outer6, inner6);
		rte_prefetch0(e[i]);
	}
	for (unsigned int i = 0; i < n; i++) {
		uint8_t *p = rte_pktmbuf_mtod(m[i], uint8_t *);

		if (i + AHEAD < n) {
			e[i + AHEAD] = entry_of(t, m[i + AHEAD], outer6, inner6);
			rte_prefetch0(e[i + AHEAD]);
		}
		e[i]->packets++;
		e[i]->bytes += ref_inner_len(p, outer6, inner6);
		ref_frame_rewrite(m[i], p, outer6, inner6);
	}
	rte_eth_tx_burst(REF_PORT, 0, m, (uint16_t)n);
}

static void burst_4in4_cb(void *state, struct rte_mbuf **m, unsigned int n)
{
	burst(state, m, n, false, false);
}

static void burst_6in4_cb(void *state, struct rte_mbuf **m, unsigned int n)
{
	burst(state, m, n, false, true);
}

static void burst_4in6_cb(void *state, struct rte_mbuf **m, unsigned int n)
{
	burst(state, m, n, true, false);
}

static void burst_6in6_cb(void *state, struct rte_mbuf **m, unsigned int n)
{
	burst(state, m, n, true, true);
}

ref_burst_cb ref_touch_burst(const struct ref_touch *t)
{
	static const ref_burst_cb by_family[] = {[FEED_4IN4] = burst_4in4_cb,
		[FEED_6IN4] = burst_6in4_cb,
		[FEED_4IN6] = burst_4in6_cb,
		[FEED_6IN6] = burst_6in6_cb};

	return by_family[t->family];
}
