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
	uint32_t n;
	struct entry *entries;
};

struct ref_touch *ref_touch_create(const struct feed_shape *shape)
{
	struct ref_touch *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->n = shape->channels;
	t->entries = rte_calloc("ref_touch", t->n, sizeof(struct entry), 64);
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

static inline struct entry *entry_of(const struct ref_touch *t, const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t s, g;

	memcpy(&s, p + REF_INNER + 12, 4);
	memcpy(&g, p + REF_INNER + 16, 4);
	s = __builtin_bswap32(s) - FEED_SOURCES;
	g = __builtin_bswap32(g) - FEED_GROUPS;
	return &t->entries[s * FEED_PER_SOURCE + g];
}

void ref_touch_burst(void *state, struct rte_mbuf **m, unsigned int n)
{
	struct entry *e[BENCH_BURST];
	struct ref_touch *t = state;

	for (unsigned int i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (unsigned int i = 0; i < n && i < AHEAD; i++) {
		e[i] = entry_of(t, m[i]);
		rte_prefetch0(e[i]);
	}
	for (unsigned int i = 0; i < n; i++) {
		uint8_t *p = rte_pktmbuf_mtod(m[i], uint8_t *);

		if (i + AHEAD < n) {
			e[i + AHEAD] = entry_of(t, m[i + AHEAD]);
			rte_prefetch0(e[i + AHEAD]);
		}
		e[i]->packets++;
		e[i]->bytes += ref_be16(p + REF_INNER + 2);
		ref_frame_rewrite(m[i], p);
	}
	rte_eth_tx_burst(REF_PORT, 0, m, (uint16_t)n);
}
