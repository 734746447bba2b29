// SPDX-License-Identifier: BSD-3-Clause
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_byteorder.h>
#include <rte_ethdev.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "bench/ref.h"
#include "bench/ref_frame.h"

// For IPv4 in IPv4.
struct key4 {
	uint64_t sg;	// as in the inner header
	uint32_t relay; // network order
	uint16_t port;	// network order
	uint16_t local; // of our addresses, which one
};
static_assert(sizeof(struct key4) == 16, "rte_hash has a compare function for it");

// Of any mix; an IPv4 address is in its mapped form.
struct key6 {
	uint8_t s[16], g[16], relay[16];
	uint16_t port, local;
};
static_assert(sizeof(struct key6) == 52, "no gaps");

union key {
	struct key4 v4;
	struct key6 v6;
};

struct entry {
	uint64_t packets, bytes;
	uint32_t oifs;
} __rte_aligned(32);

struct ref_hash {
	struct rte_hash *table;
	enum feed_family family;
	struct entry *entries;
	struct rte_rcu_qsbr *qsbr;
	uint64_t drops;
};

static inline void put_address(uint8_t to[16], const uint8_t *p, bool v6)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (v6) {
		memcpy(to, p, 16);
		return;
	}
	memcpy(to, mapped, 12);
	memcpy(to + 12, p, 4);
}

static inline void key_make(union key *k, const uint8_t *p, bool outer6, bool inner6)
{
	if (!outer6 && !inner6) {
		k->v4.sg = ref_64(p + REF_S(0, 0));
		memcpy(&k->v4.relay, p + REF_IP + 12, 4);
		memcpy(&k->v4.port, p + REF_UDP(0) + 2, 2);
		k->v4.local = 1;
		return;
	}
	put_address(k->v6.s, p + REF_S(outer6, inner6), inner6);
	put_address(k->v6.g, p + REF_G(outer6, inner6), inner6);
	put_address(k->v6.relay, p + REF_IP + (outer6 ? 8 : 12), outer6);
	memcpy(&k->v6.port, p + REF_UDP(outer6) + 2, 2);
	k->v6.local = 1;
}

static int fill(struct ref_hash *h, const struct feed_shape *shape)
{
	bool outer6 = feed_outer6(shape, 0), inner6 = feed_inner6(shape, 0);
	struct feed_shape joined = *shape;
	uint8_t p[FEED_MAX_HEADERS];

	joined.traffic = FEED_HITS;
	joined.tagged = false;
	for (uint32_t i = 0; i < shape->channels; i++) {
		union key k;

		feed_headers(p, &joined, i, 0);
		key_make(&k, p, outer6, inner6);
		h->entries[i].oifs = 2;
		if (rte_hash_add_key_data(h->table, &k, &h->entries[i]) != 0)
			return -1;
	}
	return 0;
}

struct ref_hash *ref_hash_create(const struct feed_shape *shape, unsigned int times)
{
	struct rte_hash_parameters params = {.entries = RTE_MAX(times * shape->channels, 64u),
		.key_len = shape->family == FEED_4IN4 ? sizeof(struct key4) : sizeof(struct key6),
		.hash_func = rte_hash_crc,
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF};
	struct ref_hash *h = calloc(1, sizeof(*h));
	char name[16];

	if (!h)
		return NULL;
	if (times == 1)
		params.extra_flag |= RTE_HASH_EXTRA_FLAGS_EXT_TABLE;
	snprintf(name, sizeof(name), "ref_hash_%u", times);
	params.name = name;
	h->family = shape->family;
	h->table = rte_hash_create(&params);
	h->entries = rte_calloc("ref_hash", shape->channels, sizeof(struct entry), 64);
	h->qsbr = rte_zmalloc("ref_hash", rte_rcu_qsbr_get_memsize(1), RTE_CACHE_LINE_SIZE);
	if (h->table && h->entries && h->qsbr && rte_rcu_qsbr_init(h->qsbr, 1) == 0 &&
		fill(h, shape) == 0)
		return h;
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

// Checks a burst and makes its keys; the valid frames are moved to valid[]. How many those are.
static inline __rte_always_inline unsigned int parse(struct ref_hash *h, struct rte_mbuf **m,
	unsigned int n, struct rte_mbuf **valid, union key *keys, const void **key_ptrs,
	bool outer6, bool inner6)
{
	unsigned int n_valid = 0;

	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *p = rte_pktmbuf_mtod(m[i], const uint8_t *);

		if (unlikely(!ref_frame_ok(m[i], p, outer6, inner6))) {
			h->drops++;
			rte_pktmbuf_free(m[i]);
			continue;
		}
		key_make(&keys[n_valid], p, outer6, inner6);
		key_ptrs[n_valid] = &keys[n_valid];
		valid[n_valid++] = m[i];
	}
	return n_valid;
}

static inline __rte_always_inline void burst(
	struct ref_hash *h, struct rte_mbuf **m, unsigned int n, bool outer6, bool inner6)
{
	struct rte_mbuf *out[BENCH_BURST], *valid[BENCH_BURST];
	union key keys[BENCH_BURST];
	const void *key_ptrs[BENCH_BURST];
	void *data[BENCH_BURST];
	unsigned int n_valid, n_out = 0;
	uint64_t hits = 0;

	for (unsigned int i = 0; i < n; i++)
		ref_prefetch(m[i], outer6, inner6);
	n_valid = parse(h, m, n, valid, keys, key_ptrs, outer6, inner6);
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
		e->bytes += ref_inner_len(p, outer6, inner6);
		ref_frame_rewrite(valid[i], p, outer6, inner6);
		out[n_out++] = valid[i];
	}
	if (n_out)
		rte_eth_tx_burst(REF_PORT, 0, out, (uint16_t)n_out);
	rte_rcu_qsbr_quiescent(h->qsbr, 0);
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

ref_burst_cb ref_hash_burst(const struct ref_hash *h)
{
	static const ref_burst_cb by_family[] = {[FEED_4IN4] = burst_4in4_cb,
		[FEED_6IN4] = burst_6in4_cb,
		[FEED_4IN6] = burst_4in6_cb,
		[FEED_6IN6] = burst_6in6_cb};

	return by_family[h->family];
}
