// SPDX-License-Identifier: BSD-3-Clause
// The frozen half of the forwarding table: what a worker reads, laid out so that a hit touches one
// cache line. The control thread is the only writer of keys and oif sets, the worker that owns the
// replica the only writer of its counters.
//
// How a concurrent reader is kept from a half-written match: a free entry has key[0] == 0 and a
// key[1] that no packet can have (its local index is 0). The writer stores the value, then key[0],
// then key[1] with release order; a delete makes key[1] impossible first and leaves the rest alone
// until every worker has passed a quiescent state. So whatever halves a torn read mixes, it matches
// only the entry's own key, or S = G = 0, which the caller has to refuse before a lookup.
#ifndef MFIB_MFIB_TABLE_H
#define MFIB_MFIB_TABLE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_common.h>
#include <rte_prefetch.h>
#include <rte_rcu_qsbr.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "mfib/mfib.h"

#define MFIB_BUCKET_ENTRIES 2
// Buckets that a lookup may visit; the writer grows the table rather than place an entry further.
#define MFIB_MAX_PROBE 8

// key[1] of an entry without a channel. A probe stops at a bucket with an EMPTY one and passes
// GONE.
#define MFIB_KEY_EMPTY 0ull
#define MFIB_KEY_GONE  1ull

// key[0]: S, G as they follow each other in the inner header.
// key[1]: relay, local port, both as on the wire, then the index of the local address + 1.
struct mfib_key {
	uint64_t w[2];
};

struct mfib_entry {
	uint64_t key[2];  // control writes, worker reads
	uint32_t oifs;	  // control writes, worker reads; bit i: interface index i
	uint32_t packets; // worker writes, control reads; wraps, see mfib_reclaim()
	uint64_t bytes;	  // worker writes, control reads
};
static_assert(sizeof(struct mfib_entry) == 32, "two entries a cache line");

struct mfib_bucket {
	_Alignas(64) struct mfib_entry e[MFIB_BUCKET_ENTRIES];
};
static_assert(sizeof(struct mfib_bucket) == 64, "a hit touches one cache line");

// One generation of a replica. Only bucket contents change after it is published.
struct mfib_buckets {
	uint64_t mask;	  // buckets - 1
	uint64_t seed[2]; // random, so that nobody who chooses (S,G) can fill a bucket
	struct mfib_bucket b[];
};

// Shared by the replicas: which local addresses and ports are tunnel endpoints. A hit does not
// touch `relay`; it tells the reason for a miss.
struct mfib_endpoints {
	uint32_t n_local;		 // control writes: entries of local[] ever used
	uint32_t local[MFIB_MAX_LOCALS]; // control writes; network order, 0: free
	uint32_t
		*relay[MFIB_MAX_LOCALS]; // by local port (host order): relay in network order, or 0
	uint16_t relay_users[UINT16_MAX + 1]; // tunnels by mfib_relay_slot(relay)
};

struct mfib_table {
	struct mfib_buckets *buckets; // control writes (release), worker reads once a burst
	const struct mfib_endpoints *ep;
	struct rte_rcu_qsbr *qsbr;
	unsigned int worker; // its thread id in qsbr
};

// A worker that is not between online and offline holds nobody up.
static inline void mfib_worker_online(struct mfib_table *t)
{
	rte_rcu_qsbr_thread_register(t->qsbr, t->worker);
	rte_rcu_qsbr_thread_online(t->qsbr, t->worker);
}

static inline void mfib_worker_offline(struct mfib_table *t)
{
	rte_rcu_qsbr_thread_offline(t->qsbr, t->worker);
	rte_rcu_qsbr_thread_unregister(t->qsbr, t->worker);
}

// The worker holds no pointer into the table.
static inline void mfib_worker_quiescent(struct mfib_table *t)
{
	rte_rcu_qsbr_quiescent(t->qsbr, t->worker);
}

// Valid until the worker is quiescent.
static inline struct mfib_buckets *mfib_table_buckets(struct mfib_table *t)
{
	return __atomic_load_n(&t->buckets, __ATOMIC_ACQUIRE);
}

// Index + 1 of a local address of tunnels, 0 for another. ip in network order, not 0.
static inline unsigned int mfib_local_find(const struct mfib_endpoints *ep, uint32_t ip)
{
	unsigned int n = __atomic_load_n(&ep->n_local, __ATOMIC_ACQUIRE);

	for (unsigned int i = 0; i < n; i++) {
		if (__atomic_load_n(&ep->local[i], __ATOMIC_ACQUIRE) == ip)
			return i + 1;
	}
	return 0;
}

// The relay (network order) of the tunnel at (local address `local`, as mfib_local_find() gave it,
// port in host order); 0 when there is none.
static inline uint32_t mfib_tunnel_relay(
	const struct mfib_endpoints *ep, unsigned int local, uint16_t port)
{
	return __atomic_load_n(&ep->relay[local - 1][port], __ATOMIC_RELAXED);
}

static inline uint16_t mfib_relay_slot(uint32_t relay)
{
	return (uint16_t)((relay * 0x9e3779b1u) >> 16);
}

// Whether ip can be the relay of a tunnel; wrongly true once in 65536 / relays.
static inline bool mfib_relay_possible(const struct mfib_endpoints *ep, uint32_t ip)
{
	return __atomic_load_n(&ep->relay_users[mfib_relay_slot(ip)], __ATOMIC_RELAXED) != 0;
}

// sg: the 8 octets S, G; relay and port in network order.
static inline struct mfib_key mfib_key_make(
	const void *sg, uint32_t relay, uint16_t port, unsigned int local)
{
	struct mfib_key k;

	memcpy(&k.w[0], sg, sizeof(k.w[0]));
	k.w[1] = relay | (uint64_t)port << 32 | (uint64_t)local << 48;
	return k;
}

// Multiply and fold, then once more by a constant. Without the second one, one seed in ten leaves
// most of a structured (S,G) set off its home bucket (87 % at worst; 4 % with it, over 4000 seeds).
static inline uint64_t mfib_hash(const struct mfib_buckets *t, const struct mfib_key *k)
{
	unsigned __int128 p = (unsigned __int128)(k->w[0] ^ t->seed[0]) * (k->w[1] ^ t->seed[1]);

	return (((uint64_t)p ^ (uint64_t)(p >> 64)) * 0x9e3779b97f4a7c15ull) >> 32;
}

static inline void mfib_prefetch(const struct mfib_buckets *t, uint64_t hash)
{
	rte_prefetch0(&t->b[hash & t->mask]);
}

static inline bool mfib_key_eq(const struct mfib_entry *e, const struct mfib_key *k)
{
#ifdef __SSE2__
	__m128i a = _mm_load_si128((const __m128i *)(const void *)e->key);
	__m128i b = _mm_set_epi64x((long long)k->w[1], (long long)k->w[0]);

	return _mm_movemask_epi8(_mm_cmpeq_epi8(a, b)) == 0xffff;
#else
	return __atomic_load_n(&e->key[0], __ATOMIC_RELAXED) == k->w[0] &&
	       __atomic_load_n(&e->key[1], __ATOMIC_RELAXED) == k->w[1];
#endif
}

// NULL when (S,G) is not in the table for that tunnel. k->w[0] must not be 0.
static inline struct mfib_entry *mfib_lookup(
	struct mfib_buckets *t, const struct mfib_key *k, uint64_t hash)
{
	for (unsigned int i = 0; i < MFIB_MAX_PROBE; i++) {
		struct mfib_bucket *b = &t->b[(hash + i) & t->mask];

		for (unsigned int j = 0; j < MFIB_BUCKET_ENTRIES; j++) {
			if (mfib_key_eq(&b->e[j], k)) {
				// The value was written before the key.
				__atomic_thread_fence(__ATOMIC_ACQUIRE);
				return &b->e[j];
			}
		}
		for (unsigned int j = 0; j < MFIB_BUCKET_ENTRIES; j++) {
			if (__atomic_load_n(&b->e[j].key[1], __ATOMIC_RELAXED) == MFIB_KEY_EMPTY)
				return NULL;
		}
	}
	return NULL;
}

static inline uint32_t mfib_entry_oifs(const struct mfib_entry *e)
{
	return __atomic_load_n(&e->oifs, __ATOMIC_RELAXED);
}

// One forwarded datagram. Stores, not read-modify-write: there is one writer.
static inline void mfib_entry_count(struct mfib_entry *e, uint32_t bytes)
{
	__atomic_store_n(&e->packets, e->packets + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&e->bytes, e->bytes + bytes, __ATOMIC_RELAXED);
}

#endif
