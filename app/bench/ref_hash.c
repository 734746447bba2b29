// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include <rte_byteorder.h>
#include <rte_ethdev.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "bench/ref.h"
#include "bench/ref_frame.h"

struct key {
	uint64_t sg;	// as in the inner header
	uint32_t relay; // network order
	uint16_t port;	// network order
	uint16_t local; // of our addresses, which one
};

struct entry {
	uint64_t packets, bytes;
	uint32_t oifs;
} __rte_aligned(32);

struct ref_hash {
	struct rte_hash *table;
	struct entry *entries;
	struct rte_rcu_qsbr *qsbr;
	uint64_t drops;
};

static struct key key_of(const uint8_t *p)
{
	struct key k = {.sg = ref_64(p + REF_INNER + 12), .local = 1};

	memcpy(&k.relay, p + REF_IP + 12, 4);
	memcpy(&k.port, p + REF_UDP + 2, 2);
	return k;
}

struct ref_hash *ref_hash_create(const struct feed_shape *shape)
{
	struct rte_hash_parameters params = {.name = "ref_hash",
		// Half full, so that few keys are off their first bucket.
		.entries = RTE_MAX(2 * shape->channels, 64u),
		.key_len = sizeof(struct key),
		.hash_func = rte_hash_crc,
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF};
	struct ref_hash *h = calloc(1, sizeof(*h));
	struct feed_shape joined = *shape;
	uint8_t p[FEED_HEADERS];

	if (!h)
		return NULL;
	joined.misses = false;
	h->table = rte_hash_create(&params);
	h->entries = rte_calloc("ref_hash", shape->channels, sizeof(struct entry), 64);
	h->qsbr = rte_zmalloc("ref_hash", rte_rcu_qsbr_get_memsize(1), RTE_CACHE_LINE_SIZE);
	if (!h->table || !h->entries || !h->qsbr || rte_rcu_qsbr_init(h->qsbr, 1) != 0)
		goto fail;
	for (uint32_t i = 0; i < shape->channels; i++) {
		struct key k;

		feed_headers(p, &joined, i);
		k = key_of(p);
		h->entries[i].oifs = 2;
		if (rte_hash_add_key_data(h->table, &k, &h->entries[i]) != 0)
			goto fail;
	}
	return h;
fail:
	ref_hash_destroy(h);
	return NULL;
}

void ref_hash_destroy(struct ref_hash *h)
{
	if (!h)
		return;
	rte_hash_free(h->table);
	rte_free(h->entries);
	rte_free(h->qsbr);
	free(h);
}

void ref_hash_begin(void *state)
{
	struct ref_hash *h = state;

	rte_rcu_qsbr_thread_register(h->qsbr, 0);
	rte_rcu_qsbr_thread_online(h->qsbr, 0);
}

void ref_hash_end(void *state)
{
	struct ref_hash *h = state;

	rte_rcu_qsbr_thread_offline(h->qsbr, 0);
	rte_rcu_qsbr_thread_unregister(h->qsbr, 0);
}

void ref_hash_burst(void *state, struct rte_mbuf **m, unsigned int n)
{
	struct rte_mbuf *out[BENCH_BURST], *valid[BENCH_BURST];
	struct ref_hash *h = state;
	struct key keys[BENCH_BURST];
	const void *key_ptrs[BENCH_BURST];
	void *data[BENCH_BURST];
	unsigned int n_valid = 0, n_out = 0;
	uint64_t hits = 0;

	for (unsigned int i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *p = rte_pktmbuf_mtod(m[i], const uint8_t *);

		if (unlikely(!ref_frame_ok(m[i], p))) {
			h->drops++;
			rte_pktmbuf_free(m[i]);
			continue;
		}
		keys[n_valid] = key_of(p);
		key_ptrs[n_valid] = &keys[n_valid];
		valid[n_valid++] = m[i];
	}
	if (n_valid)
		rte_hash_lookup_bulk_data(h->table, key_ptrs, n_valid, &hits, data);
	for (unsigned int i = 0; i < n_valid; i++) {
		if (hits & 1ull << i)
			rte_prefetch0(data[i]);
	}
	for (unsigned int i = 0; i < n_valid; i++) {
		uint8_t *p = rte_pktmbuf_mtod(valid[i], uint8_t *);
		struct entry *e = data[i];

		if (!(hits & 1ull << i) || e->oifs == 0) {
			h->drops++;
			rte_pktmbuf_free(valid[i]);
			continue;
		}
		e->packets++;
		e->bytes += ref_be16(p + REF_INNER + 2);
		ref_frame_rewrite(valid[i], p);
		out[n_out++] = valid[i];
	}
	if (n_out)
		rte_eth_tx_burst(REF_PORT, 0, out, (uint16_t)n_out);
	rte_rcu_qsbr_quiescent(h->qsbr, 0);
}
