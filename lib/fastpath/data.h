// SPDX-License-Identifier: BSD-3-Clause
// AMT data of the common shapes (shape.h), accepted with few instructions: a burst is limited by
// their number, not by memory, until the table outgrows the caches. Internal to process.c.
//
// data_find() is the first pass: where the channel's entry would be, if the frame is of this shape.
// data_finish() is the second: all checks, then the lookup, then out with it.
#ifndef FASTPATH_DATA_H
#define FASTPATH_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "crossing/crossing.h"
#include "fastpath/cksum.h"
#include "fastpath/classify.h"
#include "fastpath/emit.h"
#include "fastpath/headers.h"
#include "fastpath/local.h"
#include "fastpath/move.h"
#include "fastpath/shape.h"
#include "fastpath/worker.h"
#include "mfib/mfib_table.h"

struct burst {
	struct worker *w;
	const struct worker_port *port;
	struct tables t;
	// What the driver's flags have to be to ask no further.
	uint64_t flags_mask, flags_want;
	struct worker_local4 one4; // locals_one()
	struct worker_local6 one6;
	bool software; // the driver has no word on either checksum
	bool sorted;   // the shapes of the frames at hand are known, not expected
	// Where the frames of the last burst all went; 0: here and there, or not all of that takes
	// the same frame. The first queue of it; interfaces besides that one; the longest datagram.
	uint64_t expected;
	struct worker_tx *expected_tx;
	uint32_t expected_more, expected_mtu;
	// Of the first queue, what the others have as well (data_share()).
	uint64_t shared_bytes;
	unsigned int shared;
	unsigned int n_drop;
	uint8_t *begin[WORKER_BURST]; // of each frame, where its headers are
	struct rte_mbuf *drop[WORKER_BURST];
	unsigned int punted; // bit k: n_punt[k] is set and not 0
	unsigned int n_punt[PUNT_CLASSES];
	struct rte_mbuf *punt[PUNT_CLASSES][WORKER_BURST];
	uint8_t punt_if[PUNT_CLASSES][WORKER_BURST];
	unsigned int n_tagged; // counted at their own interfaces
	uint64_t tagged_bytes;
};

// The bucket of a frame of this shape, which begins at `begin`, being fetched; NULL for one that is
// too short.
static __rte_always_inline void *data_find(const struct burst *b, const struct rte_mbuf *m,
	const uint8_t *begin, const struct shape *s)
{
	const uint8_t *ip = begin + s->l3;
	const uint8_t *inner = begin + data_offset(s);
	// end: the end of the destination and the two ports, which follow each other.
	uint64_t end, hash, src[2], g[2];
	void *bucket;

	if (unlikely(rte_pktmbuf_data_len(m) < data_headers_len(s)))
		return NULL;
	end = get_raw64(ip + (s->outer6 ? 36 : 16));
	if (s->inner6) {
		memcpy(src, inner + 8, sizeof(src));
		memcpy(g, inner + 24, sizeof(g));
		hash = mfib_hash6(b->t.wide, src, g, end);
	} else {
		hash = mfib_hash4(s->outer6 ? b->t.wide : b->t.narrow, get_raw64(inner + 12), end);
	}
	if (shape_wide(s))
		bucket = mfib_wide_bucket(b->t.wide, hash);
	else
		bucket = mfib_narrow_bucket(b->t.narrow, hash);
	rte_prefetch0(bucket);
	return bucket;
}

// The outer checksums where the driver's flags do not settle them at once.
static __rte_noinline bool cksums_ok(const struct burst *b, const struct rte_mbuf *m,
	const uint8_t *begin, const struct shape *s)
{
	const uint8_t *ip = begin + s->l3, *udp = begin + data_offset(s) - AMT_LEN - UDP_LEN;

	if (!s->outer6 && !outer_cksum_ok(m, ip, IPV4_LEN, b->port->ip_cksum_hw))
		return false;
	return udp_cksum_ok(m, ip, udp, get_be16(udp + 4), s->outer6, b->port->l4_cksum_hw);
}

// Where the driver checks nothing, the usual case: no UDP checksum to check, as relays send it.
static __rte_always_inline bool no_cksum(
	const struct burst *b, const uint8_t *ip, const uint8_t *udp, bool outer6)
{
	return !outer6 && b->software && get_raw16(udp + 6) == 0 && ipv4_cksum_ok(ip);
}

// The local address that a frame is for: its index + 1, and of an IPv4 one the narrow key.
struct data_local {
	const unsigned int *index;
	const uint64_t *key;
};

// False: none of ours.
static __rte_always_inline bool data_local_of(
	const struct burst *b, const uint8_t *ip, const struct shape *s, struct data_local *out)
{
	const struct worker_local4 *v4;
	const struct worker_local6 *v6;

	if (s->outer6) {
		v6 = local6_of(&b->w->locals, &b->one6, b->t.ep, ip + 24);
		if (unlikely(!v6))
			return false;
		*out = (struct data_local){&v6->index, (const void *)v6->ip}; // a key of none
	} else {
		v4 = local4_of(&b->w->locals, &b->one4, b->t.ep, ip + 16);
		if (unlikely(!v4))
			return false;
		*out = (struct data_local){&v4->index, v4->key};
	}
	return true;
}

// One segment that nobody else has: refcnt and nb_segs at once.
static __rte_always_inline bool frame_alone(const struct rte_mbuf *m)
{
	static_assert(offsetof(struct rte_mbuf, nb_segs) == offsetof(struct rte_mbuf, refcnt) + 2,
		"two fields that are loaded together");
	return get_raw32((const uint8_t *)&m->refcnt) == 0x00010001;
}

// The octets of G that the key has no room for are as in every group. And its second one is not 0:
// such a scope is not joined, and an IPv4 channel's key looks like it.
static __rte_always_inline bool group6_ok(const uint8_t *g)
{
	uint32_t first = get_raw32(g);

	return (first & RTE_BE32(0xff00ffff)) == RTE_BE32(0xff000000) &&
	       first != RTE_BE32(0xff000000);
}

// A frame that ends here.
static inline void data_drop(struct burst *b, struct rte_mbuf *m, enum drop_reason reason)
{
	crossing_count(&b->w->x->drops[reason], 1);
	b->drop[b->n_drop++] = m;
}

// Well-formed data whose channel is not in the table. False: there is no such tunnel at all.
static __rte_always_inline bool data_miss(struct burst *b, struct rte_mbuf *m, const uint8_t *begin,
	const struct shape *s, const struct data_local *local)
{
	const uint8_t *ip = begin + s->l3, *inner = begin + data_offset(s);
	uint16_t port = get_be16(ip + (s->outer6 ? IPV6_LEN : IPV4_LEN) + 2);
	const uint8_t *relay6;
	uint32_t relay;
	bool from_relay;

	if (s->outer6) {
		relay6 = mfib_tunnel_relay6(b->t.ep, *local->index, port);
		if ((get_raw64(relay6) | get_raw64(relay6 + 8)) == 0)
			return false;
		from_relay = memcmp(relay6, ip + 8, 16) == 0;
	} else {
		relay = mfib_tunnel_relay4(b->t.ep, *local->index, port);
		if (relay == 0)
			return false;
		from_relay = relay == get_raw32(ip + 12);
	}
	if (!from_relay)
		data_drop(b, m, DROP_NOT_RELAY);
	else
		data_drop(b, m, s->inner6 ? classify_miss6(inner) : classify_miss4(inner));
	return true;
}

// The oif sets of a loop's frames. expected: a constant, whether burst.expected is one.
struct oifs_seen {
	bool expected;
	// When not expected: interfaces that one of them has, and that each of them has.
	uint64_t any, all;
	// When expected: frames for others; what the burst has of the same names; and the end of
	// the first queue, which is in registers while nobody else is at it.
	unsigned int n_others;
	uint64_t oifs, tail, bytes;
	uint32_t more, mtu;
	struct rte_mbuf **next;
};

// The first queue's end, from memory and back.
static __rte_always_inline void data_queue_take(const struct burst *b, struct oifs_seen *seen)
{
	struct worker_tx *tx = b->expected_tx;

	seen->next = &tx->mbufs[tx->n];
	seen->bytes = tx->bytes;
}

static __rte_always_inline void data_queue_give(const struct burst *b, const struct oifs_seen *seen)
{
	struct worker_tx *tx = b->expected_tx;

	tx->n = (uint32_t)(seen->next - tx->mbufs);
	tx->bytes = seen->bytes;
}

// Frames to several interfaces, where that is expected, are put on the first one's queue alone,
// with a user more for each of the others, which get them here, all at once. Before anything else
// is put on one of these queues: frames stay in order.
static __rte_noinline void data_share(struct burst *b)
{
	const struct worker_tx *first = b->expected_tx;
	struct rte_mbuf *const *from = first->mbufs + b->shared;
	unsigned int n = first->n - b->shared;
	uint64_t bytes = first->bytes - b->shared_bytes, rest;

	if (n)
		b->w->tx_pending |= b->expected;
	for (rest = b->expected & (b->expected - 1); rest; rest &= rest - 1) {
		struct worker_tx *tx = &b->w->tx[__builtin_ctzll(rest)];

		memcpy(tx->mbufs + tx->n, from, n * sizeof(void *));
		tx->n += n;
		tx->bytes += bytes;
	}
}

// What is on the first queue now is not to be shared: it was put on each queue that it is for.
static __rte_always_inline void data_shared(struct burst *b)
{
	b->shared = b->expected_tx->n;
	b->shared_bytes = b->expected_tx->bytes;
}

// Data of a channel that is sent nowhere at the moment: it is counted all the same, since whether
// it comes in decides who forwards it.
static inline void data_muted(
	struct burst *b, struct rte_mbuf *m, uint64_t *count, unsigned int inner_len)
{
	mfib_count(count, (uint16_t)inner_len);
	data_drop(b, m, DROP_MUTED);
}

// Data of a channel in a move, which the common case has not checked further; ecn: of the outer
// header.
static inline void data_move(struct burst *b, struct rte_mbuf *m, uint8_t *inner, uint64_t *count,
	unsigned int inner_len, bool v6, uint8_t ecn, struct mfib_move *move)
{
	uint64_t oifs = __atomic_load_n(&move->oifs, __ATOMIC_RELAXED);

	ecn = ecn_decap[ecn][v6 ? ipv6_ecn(inner) : inner[1] & ECN_MASK];
	if (ttl_of(inner, v6) <= 1) {
		data_drop(b, m, DROP_TTL);
	} else if (ecn == ECN_DROP) {
		data_drop(b, m, DROP_ECN);
	} else if (!move_first(move, inner, inner_len, v6)) {
		data_drop(b, m, DROP_MOVE_DUPLICATE);
	} else if (oifs == 0) {
		data_muted(b, m, count, inner_len);
	} else {
		mfib_count(count, (uint16_t)inner_len);
		if (v6)
			ipv6_forward(inner, ecn);
		else
			ipv4_forward(inner, ecn);
		emit(b->w, m, inner, (unsigned int)(inner - rte_pktmbuf_mtod(m, uint8_t *)),
			inner_len, v6, oifs, emit_tx(b->w, oifs));
		b->w->tx_pending |= oifs;
	}
}

// The counter of the entry of a frame of this shape.
static __rte_always_inline uint64_t *data_count(void *entry, const struct shape *s)
{
	struct mfib_narrow *narrow = entry;
	struct mfib_wide *wide = entry;

	return shape_wide(s) ? &wide->count : &narrow->count;
}

// Data whose entry has an empty oif set: of a channel that is sent nowhere, or that is in a move.
// True when m is done with. sharing: in a loop whose queues are to be shared.
static __rte_noinline bool data_rare(struct burst *b, struct rte_mbuf *m, uint8_t *begin,
	uint64_t *count, unsigned int inner_len, const struct shape *s, bool sharing)
{
	const uint8_t *ip = begin + s->l3;
	uint8_t *inner = begin + data_offset(s);
	struct mfib_move *move;

	switch (move_look(b->w, count, shape_wide(s), &move)) {
	case RARE_MUTED:
		data_muted(b, m, count, inner_len);
		return true;
	case RARE_MOVE:
		if (sharing)
			data_share(b);
		data_move(b, m, inner, count, inner_len, s->inner6,
			s->outer6 ? ipv6_ecn(ip) : ip[1] & ECN_MASK, move);
		if (sharing)
			data_shared(b);
		return true;
	case RARE_AGAIN:
		break;
	}
	return false;
}

// Data of a channel in a loop where it was not expected: for other interfaces than the expected
// ones, too long for one of those, or with nothing left of its TTL. True when m is done with.
static __rte_noinline bool data_other(struct burst *b, struct rte_mbuf *m, uint8_t *begin,
	void *entry, unsigned int inner_len, const struct shape *s)
{
	uint64_t *count = data_count(entry, s), oifs = mfib_entry_oifs(count);
	uint8_t *inner = begin + data_offset(s);

	if (oifs == 0)
		return data_rare(b, m, begin, count, inner_len, s, true);
	if (ttl_of(inner, s->inner6) <= 1)
		return false;
	ttl_lower(inner, s->inner6);
	mfib_count(count, inner_len);
	b->w->tx_pending |= oifs;
	data_share(b);
	emit(b->w, m, inner, data_offset(s), inner_len, s->inner6, oifs, emit_tx(b->w, oifs));
	data_shared(b);
	return true;
}

// An entry, which is of either kind, its bucket and its oif set.
struct found {
	uint64_t oifs;
	void *entry, *bucket;
};

// One forwarded datagram.
static __rte_always_inline void data_counted(
	const struct found *e, const struct shape *s, uint64_t bytes)
{
	struct mfib_narrow *narrow = e->bucket;

	if (shape_wide(s))
		mfib_count(data_count(e->entry, s), bytes);
	else
		mfib_narrow_count(narrow, (size_t)((struct mfib_narrow *)e->entry - narrow), bytes);
}

// The entry of a frame of this shape. False: there is none, or it can only be in a bucket that has
// not been fetched: then *next is that one, being fetched. next == NULL: looks there at once.
static __rte_always_inline bool data_lookup(const struct burst *b, const uint8_t *ip,
	const uint8_t *inner, const struct shape *s, const struct data_local *local, void *bucket,
	void **next, struct found *out)
{
	const uint8_t *port = ip + (s->outer6 ? IPV6_LEN : IPV4_LEN) + 2;
	struct mfib_narrow_key narrow;
	struct mfib_wide_key wide;
	struct mfib_narrow *n;
	struct mfib_wide *e;

	if (!shape_wide(s)) {
		narrow = mfib_narrow_key_read(inner + 12, ip + 12, local->key);
		n = mfib_narrow_at(bucket, &narrow);
		if (unlikely(!n)) {
			n = mfib_narrow_next(b->t.narrow, bucket);
			if (n && next) {
				rte_prefetch0(n);
				*next = n;
				return false;
			}
			n = mfib_narrow_lookup(b->t.narrow, &narrow, n);
			if (!n)
				return false;
			bucket = mfib_narrow_bucket_of(n);
		}
		*out = (struct found){mfib_oifs(&n->oifs), n, bucket};
		return true;
	}
	if (!s->inner6)
		wide = mfib_wide_key_make4in6(get_raw32(inner + 12), get_raw32(inner + 16), ip + 8,
			get_raw16(port), *local->index);
	else if (!s->outer6)
		wide = mfib_wide_key_make6in4(
			inner + 8, inner + 24, get_raw32(ip + 12), get_raw16(port), *local->index);
	else
		wide = mfib_wide_key_make(
			inner + 8, inner + 24, ip + 8, get_raw16(port), *local->index);
	e = mfib_wide_at(bucket, &wide);
	if (unlikely(!e)) {
		e = mfib_wide_next(b->t.wide, bucket);
		if (e && next) {
			rte_prefetch0(e);
			*next = e;
			return false;
		}
		e = mfib_wide_lookup(b->t.wide, &wide, e);
		if (!e)
			return false;
	}
	*out = (struct found){mfib_oifs(&e->oifs), e, e};
	return true;
}

// The end of data_finish() where frames are expected to go to one set of interfaces: the processor
// goes on with what is expected before it has read the entry. The outer ECN field is 0.
static __rte_always_inline bool data_expected(struct burst *b, struct rte_mbuf *m, uint8_t *begin,
	const struct found *e, size_t inner_len, const struct shape *s, struct oifs_seen *seen)
{
	uint8_t *inner = begin + data_offset(s);
	bool done;

	if (likely(e->oifs == seen->oifs) && likely(inner_len <= seen->mtu) &&
		likely(ttl_of(inner, s->inner6) > 1)) {
		ttl_lower(inner, s->inner6);
		// Else the compiler has it in two registers.
		__asm__("" : "+r"(inner_len));
		data_counted(e, s, inner_len);
		emit_frame(m, inner, data_offset(s), inner_len, s->inner6, seen->more, seen->tail);
		*seen->next++ = m;
		seen->bytes += inner_len + ETH_LEN;
		return true;
	}
	seen->n_others += e->oifs != 0 && e->oifs != seen->oifs;
	data_queue_give(b, seen);
	done = data_other(b, m, begin, e->entry, (unsigned int)inner_len, s);
	data_queue_take(b, seen);
	return done;
}

// What data_finish() does with a frame whose entry is found.
static __rte_always_inline bool data_forward(struct burst *b, struct rte_mbuf *m, uint8_t *begin,
	size_t inner_len, const struct found *e, const struct shape *s, bool any_ecn,
	struct oifs_seen *seen)
{
	uint8_t *ip = begin + s->l3, *inner = begin + data_offset(s), outer_ecn, ecn;

	if (seen && seen->expected)
		return data_expected(b, m, begin, e, inner_len, s, seen);
	if (unlikely(e->oifs == 0))
		return data_rare(
			b, m, begin, data_count(e->entry, s), (unsigned int)inner_len, s, false);
	if (unlikely(ttl_of(inner, s->inner6) <= 1))
		return false;
	if (any_ecn) {
		outer_ecn = s->outer6 ? ipv6_ecn(ip) : ip[1] & ECN_MASK;
		ecn = s->inner6 ? ipv6_ecn(inner) : inner[1] & ECN_MASK;
		if (ecn_decap[outer_ecn][ecn] == ECN_DROP)
			return false;
		crossing_count(&b->w->x->ecn_odd, ecn_is_odd[outer_ecn][ecn]);
		ecn = ecn_decap[outer_ecn][ecn];
		if (s->inner6)
			ipv6_forward(inner, ecn);
		else
			ipv4_forward(inner, ecn);
	} else {
		ttl_lower(inner, s->inner6);
	}
	// Else the compiler has it in two registers.
	__asm__("" : "+r"(inner_len));
	data_counted(e, s, inner_len);
	if (seen) {
		seen->any |= e->oifs;
		seen->all &= e->oifs;
	} else {
		b->w->tx_pending |= e->oifs;
	}
	emit(b->w, m, inner, data_offset(s), (unsigned int)inner_len, s->inner6, e->oifs,
		emit_tx(b->w, e->oifs));
	return true;
}

// True when m is done with; false leaves it, unchanged, to the longer way, or when data_lookup()
// set *next, to data_late() with that bucket. any_ecn: whatever the outer ECN field is. seen: NULL
// outside the loops.
static __rte_always_inline bool data_finish(struct burst *b, struct rte_mbuf *m, uint8_t *begin,
	const struct shape *s, void *bucket, void **next, bool any_ecn, struct oifs_seen *seen)
{
	uint8_t *ip = begin + s->l3, *inner = begin + data_offset(s);
	const uint8_t *udp = inner - AMT_LEN - UDP_LEN;
	size_t inner_len;
	struct data_local local;
	struct found e;

	if (unlikely(!bucket) || unlikely(!headers_ok(m, ip, udp, s, any_ecn, &inner_len)) ||
		unlikely(!frame_alone(m)) || unlikely(!data_local_of(b, ip, s, &local)))
		return false;
	if (unlikely((m->ol_flags & b->flags_mask) != b->flags_want) &&
		!no_cksum(b, ip, udp, s->outer6) && !cksums_ok(b, m, begin, s))
		return false;
	if (!s->inner6 && unlikely(!ipv4_cksum_ok(inner)))
		return false;
	if (s->inner6 && unlikely(!group6_ok(inner + 24)))
		return false;
	if (unlikely(!data_lookup(b, ip, inner, s, &local, bucket, next, &e)))
		return !(next && *next) && data_miss(b, m, begin, s, &local);
	return data_forward(b, m, begin, inner_len, &e, s, any_ecn, seen);
}

// The rest of it for a frame that only was not in its home bucket. bucket: as *next was set.
static __rte_always_inline bool data_late(struct burst *b, struct rte_mbuf *m,
	const struct shape *s, void *bucket, struct oifs_seen *seen)
{
	uint8_t *begin = rte_pktmbuf_mtod(m, uint8_t *), *ip = begin + s->l3;
	const uint8_t *inner = begin + data_offset(s);
	size_t inner_len = s->inner6 ? get_be16(inner + 4) + (size_t)IPV6_LEN : get_be16(inner + 2);
	struct data_local local;
	struct found e;

	if (unlikely(!data_local_of(b, ip, s, &local)))
		return false;
	if (unlikely(!data_lookup(b, ip, inner, s, &local, bucket, NULL, &e)))
		return data_miss(b, m, begin, s, &local);
	return data_forward(b, m, begin, inner_len, &e, s, false, seen);
}

#endif
