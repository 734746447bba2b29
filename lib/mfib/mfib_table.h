// SPDX-License-Identifier: BSD-3-Clause
// The frozen half of the forwarding table: what a worker reads, laid out so that a hit touches one
// cache line. The control thread is the only writer of keys and oif sets, the worker that owns the
// replica the only writer of its counters.
//
// Two tables. The narrow one holds IPv4 channels behind IPv4 relays: 32 octets an entry, two a
// cache line. The wide one holds every other mix of inner and outer family: a cache line an entry,
// IPv4 addresses in it in their mapped form.
//
// How a concurrent reader is kept from a half-written match: an entry without a channel has a local
// index of 0, which no packet has, and its S is 0. The writer stores the oif set, the key's other
// words, and last the word with the local index, with release order; a delete makes that word
// impossible first and leaves the rest alone until every worker has passed a quiescent state. The
// reader looks at that word first. So whatever a torn read mixes, it matches only the entry's own
// key, or S = 0, which the caller has to refuse before a lookup.
//
// The narrow lookup does not look at that word first: with SSE4.1 it compares both words of the key
// by one aligned load of 16 octets, and counts on it being single-copy atomic. x86 processors with
// AVX promise that (Intel SDM volume 3, "Guaranteed Atomic Operations"; AMD the same). On one
// without, it may be two loads of 8 octets in any order; what they can mix is S = 0 with the new
// word, since an entry's old S is gone (generation_release()) only when every worker was quiescent
// after its word became impossible, and no load goes on over that.
#ifndef MFIB_MFIB_TABLE_H
#define MFIB_MFIB_TABLE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_prefetch.h>
#include <rte_rcu_qsbr.h>
#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

#include "mfib/mfib.h"

// Buckets that a lookup may visit. With 1M channels the longest probe is some 25; there is room for
// tables that are fuller for want of memory or of a quiescent worker.
#define MFIB_MAX_PROBE 128

#define MFIB_NARROW_WORDS 2 // of a key
#define MFIB_WIDE_WORDS	  6
#define MFIB_NARROW_SLOTS 2 // entries a bucket, which is a cache line
#define MFIB_WIDE_SLOTS	  1

// Narrow key. w[0]: S, G as they follow each other in the inner header. w[1]: relay as on the wire,
// an octet with the index of the local address + 1, an octet of flags, the local port as on the
// wire. Wide key. w[0..1]: S. w[2..3]: G with octets 2 and 3 (0 in every group that can be here,
// RFC 4607) replaced by the local port as on the wire, and octet 0 (0xff in every group) by the
// index of the local address + 1 and the flag. w[4..5]: relay.
#define MFIB_NARROW_PASSED (1ull << 47) // in w[1]
#define MFIB_WIDE_PASSED   (1ull << 7)	// in w[2]
#define MFIB_NARROW_LOCAL  (0xffull << 32)
#define MFIB_WIDE_LOCAL	   0x7full
static_assert(MFIB_MAX_LOCALS < 0x7f, "a local index + 1 fits seven bits");

// PASSED in the first entry of a bucket: an entry whose home is this bucket, or one before it, lies
// in a later one. Without it a probe ends here.

// The counter of an entry: packets above, octets below, so that one store counts both. Each wraps;
// mfib_reclaim() has to read every entry before 2^28 packets or 2^36 octets have passed through it.
#define MFIB_COUNT_SHIFT 36
#define MFIB_COUNT_BYTES ((1ull << MFIB_COUNT_SHIFT) - 1)

struct mfib_narrow {
	uint64_t key[MFIB_NARROW_WORDS]; // control writes, worker reads
	uint64_t oifs;			 // control writes, worker reads; bit i: interface index i
	uint64_t count;			 // worker writes, control reads; never cleared
};
static_assert(sizeof(struct mfib_narrow) * MFIB_NARROW_SLOTS == 64, "a bucket is a cache line");

struct mfib_wide {
	uint64_t key[MFIB_WIDE_WORDS];
	uint64_t oifs;
	uint64_t count;
};
static_assert(sizeof(struct mfib_wide) * MFIB_WIDE_SLOTS == 64, "a bucket is a cache line");

// One generation of a replica of one of the two tables. Only bucket contents change after it is
// published.
struct mfib_buckets {
	union {
		struct mfib_narrow *narrow; // entries in the order of the buckets
		struct mfib_wide *wide;
	};
	uint64_t n;	  // buckets, below 2^32; a probe goes on at the first after the last
	uint64_t seed[6]; // random, so that nobody who chooses (S,G) can fill a bucket
};

// Shared by the replicas: which local addresses and ports are tunnel endpoints. A hit does not
// touch the relays; they tell the reason for a miss.
struct mfib_local {
	uint8_t ip[16]; // control writes; IPv6, network order; all 0: free, or see local4[]
	// By local port (host order), of the family of the address: the relay in network order, or
	// 0.
	union {
		uint32_t *relay4;
		uint8_t (*relay6)[16];
	};
};

struct mfib_endpoints {
	uint32_t n_local;		  // control writes: entries of local[] ever used
	uint32_t gone;			  // control writes: see mfib_local_gone()
	uint32_t local4[MFIB_MAX_LOCALS]; // control writes: the IPv4 ones, network order, or 0
	struct mfib_local local[MFIB_MAX_LOCALS];
	uint16_t relay_users[UINT16_MAX + 1]; // tunnels by mfib_relay_slot(relay)
};

struct mfib_moves;
struct mfib_table {
	struct mfib_buckets *narrow, *wide; // control writes (release), worker reads once a burst
	const struct mfib_endpoints *ep;
	const struct mfib_moves *moves; // mfib_move.h; shared by the replicas
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
static inline struct mfib_buckets *mfib_table_narrow(struct mfib_table *t)
{
	return __atomic_load_n(&t->narrow, __ATOMIC_ACQUIRE);
}

static inline struct mfib_buckets *mfib_table_wide(struct mfib_table *t)
{
	return __atomic_load_n(&t->wide, __ATOMIC_ACQUIRE);
}

// Index + 1 of a local address of tunnels, 0 for another. ip in network order, not 0.
static inline unsigned int mfib_local_find4(const struct mfib_endpoints *ep, uint32_t ip)
{
	unsigned int n = __atomic_load_n(&ep->n_local, __ATOMIC_ACQUIRE);

	for (unsigned int i = 0; i < n; i++) {
		if (__atomic_load_n(&ep->local4[i], __ATOMIC_ACQUIRE) == ip)
			return i + 1;
	}
	return 0;
}

// The same of an IPv6 address, 16 octets. Nothing within ::/64 is found, which the free entries and
// the mapped IPv4 addresses are in.
static inline unsigned int mfib_local_find6(const struct mfib_endpoints *ep, const uint8_t *ip)
{
	unsigned int n = __atomic_load_n(&ep->n_local, __ATOMIC_ACQUIRE);
	uint64_t upper;

	memcpy(&upper, ip, sizeof(upper));
	for (unsigned int i = 0; upper && i < n; i++) {
		if (memcmp(ep->local[i].ip, ip, 16) == 0)
			return i + 1;
	}
	return 0;
}

// A number that becomes another one when a local address has gone; never 0. While it is the same, a
// worker may go by what it found; it has to look at it again after it was quiescent.
static inline uint32_t mfib_local_gone(const struct mfib_endpoints *ep)
{
	return __atomic_load_n(&ep->gone, __ATOMIC_ACQUIRE);
}

// The relay (network order) of the tunnel at (local address `local`, as mfib_local_find4() gave it,
// port in host order); 0 when there is none.
static inline uint32_t mfib_tunnel_relay4(
	const struct mfib_endpoints *ep, unsigned int local, uint16_t port)
{
	return __atomic_load_n(&ep->local[local - 1].relay4[port], __ATOMIC_RELAXED);
}

// The same where mfib_local_find6() gave the index: 16 octets, all 0 when there is none.
static inline const uint8_t *mfib_tunnel_relay6(
	const struct mfib_endpoints *ep, unsigned int local, uint16_t port)
{
	return ep->local[local - 1].relay6[port];
}

static inline uint16_t mfib_relay_slot(uint32_t relay)
{
	return (uint16_t)((relay * 0x9e3779b1u) >> 16);
}

// An IPv6 relay as one word, for the two functions around this one.
static inline uint32_t mfib_relay_fold6(const uint8_t *ip)
{
	uint32_t w[4];

	memcpy(w, ip, sizeof(w));
	return w[0] ^ w[1] ^ w[2] ^ w[3];
}

// Whether ip can be the relay of a tunnel; wrongly true once in 65536 / relays.
static inline bool mfib_relay_possible(const struct mfib_endpoints *ep, uint32_t ip)
{
	return __atomic_load_n(&ep->relay_users[mfib_relay_slot(ip)], __ATOMIC_RELAXED) != 0;
}

struct mfib_narrow_key {
	_Alignas(16) uint64_t w[MFIB_NARROW_WORDS];
};

struct mfib_wide_key {
	_Alignas(16) uint64_t w[MFIB_WIDE_WORDS];
};

// sg: the 8 octets S, G; relay and port in network order.
static inline struct mfib_narrow_key mfib_narrow_key_make(
	const void *sg, uint32_t relay, uint16_t port, unsigned int local)
{
	struct mfib_narrow_key k;

	memcpy(&k.w[0], sg, sizeof(k.w[0]));
	k.w[1] = relay | (uint64_t)local << 32 | (uint64_t)port << 48;
	return k;
}

// The same, read where each lies in a packet's headers. outer: 16 octets from the relay's address
// on, the local port in the last two of the first twelve, as in IPv4 and UDP headers without
// options. local: a key of 0 but for the local index, 16-octet aligned.
static inline struct mfib_narrow_key mfib_narrow_key_read(
	const void *sg, const void *outer, const uint64_t local[MFIB_NARROW_WORDS])
{
	struct mfib_narrow_key k;
#ifdef __SSE4_1__
	const __m128i to = _mm_set_epi64x(0x0b0affff03020100, -1);
	__m128i v = _mm_shuffle_epi8(_mm_loadu_si128(outer), to);

	v = _mm_castpd_si128(_mm_loadl_pd(_mm_castsi128_pd(v), sg));
	v = _mm_or_si128(v, _mm_load_si128((const __m128i *)(const void *)local));
	_mm_store_si128((__m128i *)(void *)k.w, v);
#else
	uint32_t relay;
	uint16_t port;

	memcpy(&relay, outer, sizeof(relay));
	memcpy(&port, (const uint8_t *)outer + 10, sizeof(port));
	memcpy(&k.w[0], sg, sizeof(k.w[0]));
	k.w[1] = relay | (uint64_t)port << 48 | local[1];
#endif
	return k;
}

// The second word of the mapped form of an IPv4 address in network order; the first is 0.
static inline uint64_t mfib_mapped4(uint32_t ip)
{
	return (uint64_t)ip << 32 | 0xffff0000u;
}

// Octets 0, 2 and 3 of G give way to the tunnel's local end. port as on the wire.
static inline uint64_t mfib_wide_mix(uint64_t g, uint16_t port, unsigned int local)
{
	return (g & ~0xffff00ffull) | (uint64_t)port << 16 | local;
}

// Two words of a key. In one vector: stored as two and loaded as one, it would wait for the stores.
static inline void mfib_wide_key_put(
	struct mfib_wide_key *k, unsigned int i, uint64_t first, uint64_t second)
{
#ifdef __SSE4_1__
	_mm_store_si128(
		(__m128i *)(void *)&k->w[i], _mm_set_epi64x((long long)second, (long long)first));
#else
	k->w[i] = first;
	k->w[i + 1] = second;
#endif
}

// The words of G, 16 octets.
static inline void mfib_wide_key_g(
	struct mfib_wide_key *k, const void *g, uint16_t port, unsigned int local)
{
#ifdef __SSE4_1__
	const __m128i keep = _mm_set_epi64x(-1, (long long)0xffffffff0000ff00);
	__m128i v = _mm_and_si128(_mm_loadu_si128(g), keep);

	v = _mm_or_si128(v, _mm_cvtsi32_si128((int)((uint32_t)port << 16 | local)));
	_mm_store_si128((__m128i *)(void *)&k->w[2], v);
#else
	memcpy(&k->w[2], g, 16);
	k->w[2] = mfib_wide_mix(k->w[2], port, local);
#endif
}

// IPv6 in IPv6. s, g, relay: 16 octets each; port as on the wire, in all three.
static inline struct mfib_wide_key mfib_wide_key_make(
	const void *s, const void *g, const void *relay, uint16_t port, unsigned int local)
{
	struct mfib_wide_key k;

	memcpy(&k.w[0], s, 16);
	memcpy(&k.w[4], relay, 16);
	mfib_wide_key_g(&k, g, port, local);
	return k;
}

// IPv6 in IPv4. relay in network order.
static inline struct mfib_wide_key mfib_wide_key_make6in4(
	const void *s, const void *g, uint32_t relay, uint16_t port, unsigned int local)
{
	struct mfib_wide_key k;

	memcpy(&k.w[0], s, 16);
	mfib_wide_key_g(&k, g, port, local);
	mfib_wide_key_put(&k, 4, 0, mfib_mapped4(relay));
	return k;
}

// IPv4 in IPv6. s, g in network order. No IPv6 packet has this key: its G has no octet 1 of 0 when
// its scope is one that is forwarded, and its S is not a mapped address.
static inline struct mfib_wide_key mfib_wide_key_make4in6(
	uint32_t s, uint32_t g, const void *relay, uint16_t port, unsigned int local)
{
	struct mfib_wide_key k;

	mfib_wide_key_put(&k, 0, 0, mfib_mapped4(s));
	mfib_wide_key_put(&k, 2, mfib_wide_mix(0, port, local), (uint64_t)g << 32);
	memcpy(&k.w[4], relay, 16);
	return k;
}

static inline uint64_t mfib_fold(uint64_t a, uint64_t b)
{
#ifdef __x86_64__
	uint64_t low, high;

	// The compiler puts a product of two words to memory and takes it back in loops.
	__asm__("mulq %[b]" : "=a"(low), "=d"(high) : "a"(a), [b] "r"(b) : "cc");
	return low ^ high;
#else
	unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
#endif
}

// The tunnel's part of a hash: the last four octets of the local address, the AMT port and the
// local port, as they follow each other in the outer headers. The relay is not in it: there is one
// a local port. ip4 and port as on the wire.
static inline uint64_t mfib_hash_end(uint32_t ip4, uint16_t port)
{
	return ip4 | (uint64_t)RTE_BE16(2268) << 32 | (uint64_t)port << 48;
}

// Multiply and fold, then once more by a constant. Without the second one, one seed in ten leaves
// most of a structured (S,G) set off its home bucket (87 % at worst; 4 % with it, over 4000 seeds).
// sg: S and G of an IPv4 channel as in w[0] of a narrow key.
static inline uint64_t mfib_hash4(const struct mfib_buckets *t, uint64_t sg, uint64_t end)
{
	return mfib_fold(sg ^ t->seed[0], end ^ t->seed[1]) * 0x9e3779b97f4a7c15ull;
}

// s, g: 16 octets each of an IPv6 channel, as two words.
static inline uint64_t mfib_hash6(
	const struct mfib_buckets *t, const uint64_t s[2], const uint64_t g[2], uint64_t end)
{
	return (mfib_fold(s[0] ^ t->seed[2], s[1] ^ t->seed[3]) ^
		       mfib_fold(g[0] ^ t->seed[4], g[1] ^ t->seed[5]) ^
		       (end ^ t->seed[0]) * (t->seed[1] | 1)) *
	       0x9e3779b97f4a7c15ull;
}

// The bucket that a probe begins at.
static inline uint64_t mfib_home(const struct mfib_buckets *t, uint64_t hash)
{
	return (uint64_t)((unsigned __int128)hash * t->n >> 64);
}

// 1 or 0; a bool would be made one again where it is reckoned with.
static inline unsigned int mfib_narrow_eq(
	const struct mfib_narrow *e, const struct mfib_narrow_key *k)
{
#ifdef __SSE4_1__
	__m128i a = _mm_load_si128((const __m128i *)(const void *)e->key);
	__m128i b = _mm_load_si128((const __m128i *)(const void *)k->w);
	__m128i mask = _mm_set_epi64x((long long)~MFIB_NARROW_PASSED, -1);

	return (unsigned int)_mm_testz_si128(_mm_xor_si128(a, b), mask);
#else
	return (__atomic_load_n(&e->key[1], __ATOMIC_ACQUIRE) & ~MFIB_NARROW_PASSED) == k->w[1] &&
	       __atomic_load_n(&e->key[0], __ATOMIC_RELAXED) == k->w[0];
#endif
}

static inline bool mfib_wide_eq(const struct mfib_wide *e, const struct mfib_wide_key *k)
{
#ifdef __SSE4_1__
	const __m128i *a = (const __m128i *)(const void *)e->key;
	const __m128i *b = (const __m128i *)(const void *)k->w;
	__m128i mask = _mm_set_epi64x(-1, (long long)~MFIB_WIDE_PASSED);
	__m128i g =
		_mm_and_si128(_mm_xor_si128(_mm_load_si128(a + 1), _mm_load_si128(b + 1)), mask);
	__m128i rest;

	// The processor keeps loads in order, the compiler has to be told.
	rte_compiler_barrier();
	rest = _mm_or_si128(_mm_xor_si128(_mm_load_si128(a), _mm_load_si128(b)),
		_mm_xor_si128(_mm_load_si128(a + 2), _mm_load_si128(b + 2)));
	rest = _mm_or_si128(rest, g);
	return _mm_testz_si128(rest, rest);
#else
	if ((__atomic_load_n(&e->key[2], __ATOMIC_ACQUIRE) ^ k->w[2]) & ~MFIB_WIDE_PASSED)
		return false;
	for (unsigned int i = 0; i < MFIB_WIDE_WORDS; i++) {
		if (i != 2 && __atomic_load_n(&e->key[i], __ATOMIC_RELAXED) != k->w[i])
			return false;
	}
	return true;
#endif
}

// Where a probe begins, to be prefetched.
static inline struct mfib_narrow *mfib_narrow_bucket(const struct mfib_buckets *t, uint64_t hash)
{
	return &t->narrow[mfib_home(t, hash) * MFIB_NARROW_SLOTS];
}

// The bucket that an entry is in.
static inline struct mfib_narrow *mfib_narrow_bucket_of(struct mfib_narrow *e)
{
	return e - ((uintptr_t)e / sizeof(*e)) % MFIB_NARROW_SLOTS;
}

static inline struct mfib_wide *mfib_wide_bucket(const struct mfib_buckets *t, uint64_t hash)
{
	return &t->wide[mfib_home(t, hash) * MFIB_WIDE_SLOTS];
}

// The entry of a key in one bucket, or NULL. The key's S must not be 0.
static inline struct mfib_narrow *mfib_narrow_at(
	struct mfib_narrow *bucket, const struct mfib_narrow_key *k)
{
	size_t second = mfib_narrow_eq(&bucket[1], k);

	// No branch on which of the two it is: nobody could predict it.
	if (unlikely(!(second | mfib_narrow_eq(&bucket[0], k))))
		return NULL;
	__asm__("" : "+r"(second));
	return bucket + second;
}

static inline struct mfib_wide *mfib_wide_at(
	struct mfib_wide *bucket, const struct mfib_wide_key *k)
{
	return likely(mfib_wide_eq(bucket, k)) ? bucket : NULL;
}

// Where a probe goes on after a bucket; NULL where it ends.
static inline struct mfib_narrow *mfib_narrow_next(
	const struct mfib_buckets *t, struct mfib_narrow *bucket)
{
	if (likely(!(__atomic_load_n(&bucket->key[1], __ATOMIC_RELAXED) & MFIB_NARROW_PASSED)))
		return NULL;
	bucket += MFIB_NARROW_SLOTS;
	return bucket == &t->narrow[t->n * MFIB_NARROW_SLOTS] ? t->narrow : bucket;
}

static inline struct mfib_wide *mfib_wide_next(
	const struct mfib_buckets *t, struct mfib_wide *bucket)
{
	if (likely(!(__atomic_load_n(&bucket->key[2], __ATOMIC_RELAXED) & MFIB_WIDE_PASSED)))
		return NULL;
	bucket += MFIB_WIDE_SLOTS;
	return bucket == &t->wide[t->n * MFIB_WIDE_SLOTS] ? t->wide : bucket;
}

// The whole probe. NULL when (S,G) is not in the table for that tunnel.
static inline struct mfib_narrow *mfib_narrow_lookup(
	const struct mfib_buckets *t, const struct mfib_narrow_key *k, struct mfib_narrow *bucket)
{
	for (unsigned int i = 0; bucket && i < MFIB_MAX_PROBE; i++) {
		struct mfib_narrow *e = mfib_narrow_at(bucket, k);

		if (e)
			return e;
		bucket = mfib_narrow_next(t, bucket);
	}
	return NULL;
}

static inline struct mfib_wide *mfib_wide_lookup(
	const struct mfib_buckets *t, const struct mfib_wide_key *k, struct mfib_wide *bucket)
{
	for (unsigned int i = 0; bucket && i < MFIB_MAX_PROBE; i++) {
		struct mfib_wide *e = mfib_wide_at(bucket, k);

		if (e)
			return e;
		bucket = mfib_wide_next(t, bucket);
	}
	return NULL;
}

static inline uint64_t mfib_oifs(const uint64_t *oifs)
{
	return __atomic_load_n(oifs, __ATOMIC_RELAXED);
}

// One forwarded datagram. A store, not a read-modify-write: there is one writer.
static inline void mfib_count(uint64_t *count, uint64_t bytes)
{
	__atomic_store_n(count, *count + (1ull << MFIB_COUNT_SHIFT) + bytes, __ATOMIC_RELAXED);
}

// The same for the first or the second entry of a bucket, where the processor does not know yet
// which of them it is: both counters are stored, because a store to an address that is not known
// holds up the loads behind it.
static inline void mfib_narrow_count(struct mfib_narrow *bucket, size_t second, uint64_t bytes)
{
	uint64_t both = (1ull << MFIB_COUNT_SHIFT) + bytes, of_second = both & -(uint64_t)second;

	__atomic_store_n(&bucket[0].count, bucket[0].count + (both - of_second), __ATOMIC_RELAXED);
	__atomic_store_n(&bucket[1].count, bucket[1].count + of_second, __ATOMIC_RELAXED);
}

#endif
