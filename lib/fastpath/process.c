// SPDX-License-Identifier: BSD-3-Clause
// A burst: parse, lookup, decap, emit; and up to the control thread what is not ours. The common
// shapes of AMT data (data.h) are forwarded here; everything else is classify()'s.
//
// Two passes, half a burst apart: the first prefetches the bucket, the second does the rest. When a
// burst is all of one shape, the next one is expected to be, and runs in a loop made for it. When a
// burst is all for the same interfaces, the next one is expected to be, too: what is written does
// not have to wait for the entry.
#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "fastpath/data.h"
#include "fastpath/fanout.h"
#include "fastpath/native.h"
#include "fastpath/police.h"
#include "fastpath/process.h"
#include "fastpath/reass.h"

// Frames whose entries are on their way while one is worked on, and how many are asked for at once.
#define AHEAD (WORKER_BURST / 2)
#define BLOCK 8u

// enum worker_shape without SHAPE_MIXED, by index.
static const struct shape shapes[] = {
	[SHAPE_4IN4] = {ETH_LEN, false, false},
	[SHAPE_6IN4] = {ETH_LEN, false, true},
	[SHAPE_4IN6] = {ETH_LEN, true, false},
	[SHAPE_6IN6] = {ETH_LEN, true, true},
	[SHAPE_4IN4_VLAN] = {ETH_LEN + VLAN_LEN, false, false},
	[SHAPE_6IN4_VLAN] = {ETH_LEN + VLAN_LEN, false, true},
	[SHAPE_4IN6_VLAN] = {ETH_LEN + VLAN_LEN, true, false},
	[SHAPE_6IN6_VLAN] = {ETH_LEN + VLAN_LEN, true, true},
};

// X(shape) for each of them: switches over all, with the shape a constant in each case.
#define EACH_SHAPE(X)      \
	X(SHAPE_4IN4)      \
	X(SHAPE_6IN4)      \
	X(SHAPE_4IN6)      \
	X(SHAPE_6IN6)      \
	X(SHAPE_4IN4_VLAN) \
	X(SHAPE_6IN4_VLAN) \
	X(SHAPE_4IN6_VLAN) \
	X(SHAPE_6IN6_VLAN)

// Whether frames with this tag may be tunnel data. Counts the frame at its interface.
static bool tag_upstream(struct burst *b, const struct rte_mbuf *m, const uint8_t *p)
{
	uint8_t ifindex = port_interface(b->port, get_be16(p + ETH_LEN));

	b->n_tagged++;
	b->tagged_bytes += rte_pktmbuf_pkt_len(m);
	if (ifindex == WORKER_NO_IF)
		return false;
	crossing_count(&b->w->x->ifs[ifindex].rx_packets, 1);
	crossing_count(&b->w->x->ifs[ifindex].rx_bytes, rte_pktmbuf_pkt_len(m));
	return b->w->ifs[ifindex].upstream;
}

// Whether frames without a tag may be.
static bool untagged_upstream(const struct burst *b)
{
	return b->port->untagged != WORKER_NO_IF && b->w->ifs[b->port->untagged].upstream;
}

// The shape that a frame may have, by its first octets; SHAPE_MIXED where its outer header is not
// of the common kind. Where frames differ the families are reckoned with, not branched on.
static enum worker_shape shape_of(struct burst *b, const struct rte_mbuf *m)
{
	// By outer family: version and length of its header, no fragment; version, then UDP.
	static const uint64_t masks[2] = {
		RTE_BE64(0xff00000000003fff), RTE_BE64(0xf00000000000ff00)};
	static const uint64_t wants[2] = {
		RTE_BE64(0x4500000000000000), RTE_BE64(0x6000000000001100)};
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *), *ip = p + ETH_LEN, *inner;
	unsigned int outer6, inner6, tagged;
	uint16_t type;

	if (rte_pktmbuf_data_len(m) < ETH_LEN + VLAN_LEN)
		return SHAPE_MIXED;
	type = get_raw16(p + 12);
	tagged = type == RTE_BE16(ETHERTYPE_VLAN);
	if (tagged) {
		if (!tag_upstream(b, m, p))
			return SHAPE_MIXED;
		type = get_raw16(p + ETH_LEN + 2);
		ip += VLAN_LEN;
	} else if (!untagged_upstream(b)) {
		return SHAPE_MIXED;
	}
	outer6 = type == RTE_BE16(ETHERTYPE_IPV6);
	inner = ip + data_outer_len(outer6);
	if ((type != RTE_BE16(ETHERTYPE_IPV4) && !outer6) || inner >= p + rte_pktmbuf_data_len(m) ||
		(get_raw64(ip) & masks[outer6]) != wants[outer6])
		return SHAPE_MIXED;
	inner6 = inner[0] >> 4 == 6;
	return (enum worker_shape)(SHAPE_4IN4 + inner6 * (SHAPE_6IN4 - SHAPE_4IN4) +
				   outer6 * (SHAPE_4IN6 - SHAPE_4IN4) +
				   tagged * (SHAPE_4IN4_VLAN - SHAPE_4IN4));
}

static void *find_any(const struct burst *b, const struct rte_mbuf *m, enum worker_shape shape)
{
	switch (shape) {
#define X(s)    \
	case s: \
		return data_find(b, m, rte_pktmbuf_mtod(m, uint8_t *), &shapes[s]);
		EACH_SHAPE(X)
#undef X
	default:
		return NULL;
	}
}

static __rte_noinline bool finish_any(
	struct burst *b, struct rte_mbuf *m, enum worker_shape shape, void *bucket)
{
	switch (shape) {
#define X(s)                                                                                       \
	case s:                                                                                    \
		return data_finish(b, m, rte_pktmbuf_mtod(m, uint8_t *), &shapes[s], bucket, NULL, \
			true, NULL);
		EACH_SHAPE(X)
#undef X
	default:
		return false;
	}
}

// The control thread gets frames without a tag, of an interface.
static void punt(struct burst *b, struct rte_mbuf *m, unsigned int k, uint8_t ifindex)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

	if (!(b->punted & 1u << k))
		b->n_punt[k] = 0;
	b->punted |= 1u << k;
	if (rte_pktmbuf_data_len(m) >= ETH_LEN + VLAN_LEN && get_be16(p + 12) == ETHERTYPE_VLAN) {
		memmove(p + VLAN_LEN, p, 12);
		rte_pktmbuf_adj(m, VLAN_LEN);
	}
	m->port = ifindex;
	b->punt_if[k][b->n_punt[k]] = ifindex;
	b->punt[k][b->n_punt[k]++] = m;
}

static void forward(struct burst *b, struct rte_mbuf *m, const struct class *c)
{
	uint8_t *ip = rte_pktmbuf_mtod(m, uint8_t *) + c->inner;

	if (c->move && !move_first(c->move, ip, c->inner_len, c->v6)) {
		data_drop(b, m, DROP_MOVE_DUPLICATE);
		return;
	}
	if (c->oifs == 0) {
		data_muted(b, m, c->count, c->inner_len);
		return;
	}
	mfib_count(c->count, c->inner_len);
	crossing_count(&b->w->x->ecn_odd, c->ecn_odd);
	if (c->v6)
		ipv6_forward(ip, c->ecn);
	else
		ipv4_forward(ip, c->ecn);
	emit(b->w, m, ip, c->inner, c->inner_len, c->v6, c->oifs, emit_tx(b->w, c->oifs));
	b->w->tx_pending |= c->oifs;
}

static __rte_noinline void process_rest(struct burst *b, struct rte_mbuf *m)
{
	struct class c = classify(b->w, b->port, &b->t, m);

	if (c.verdict == VERDICT_FRAGMENT) {
		m = reass_input(b->w->reass, m, c.l3, rte_rdtsc(), b->w->x->drops);
		if (!m)
			return;
		c = classify(b->w, b->port, &b->t, m);
	}
	switch (c.verdict) {
	case VERDICT_FORWARD:
		forward(b, m, &c);
		return;
	case VERDICT_FRAGMENT: // a reassembled datagram is none
	case VERDICT_DROP:
		data_drop(b, m, c.reason);
		return;
	case VERDICT_PUNT:
		if (likely(police_pass(b->w, m, &c)))
			punt(b, m, c.punt, c.ifindex);
		else
			data_drop(b, m, police_reason(c.punt));
		return;
	case VERDICT_NATIVE: // few enough not to be in the way of PIM's own
		if (native_sample(&b->w->native, c.flow, rte_rdtsc()))
			punt(b, m, PUNT_PIM, c.ifindex);
		else
			data_drop(b, m, DROP_NATIVE);
		return;
	}
}

// A frame that is not as simple as its shape's loop wants it, or not of that shape where it was
// only expected to be.
static __rte_noinline void process_one(struct burst *b, struct rte_mbuf *m, enum worker_shape shape)
{
	if (!b->sorted)
		shape = shape_of(b, m);
	if (shape == SHAPE_MIXED || !finish_any(b, m, shape, find_any(b, m, shape)))
		process_rest(b, m);
}

// Frames of any shape, in their order.
static void mixed_loop(
	struct burst *b, struct rte_mbuf **mbufs, const uint8_t *shape, unsigned int n)
{
	void *bucket[WORKER_BURST];

	for (unsigned int i = 0; i < n + AHEAD; i++) {
		unsigned int done = i - AHEAD;

		if (i < n)
			bucket[i] = find_any(b, mbufs[i], (enum worker_shape)shape[i]);
		if (i >= AHEAD &&
			!finish_any(b, mbufs[done], (enum worker_shape)shape[done], bucket[done]))
			process_rest(b, mbufs[done]);
	}
}

// Frames whose channel is not in its home bucket, with the one to look at next.
struct late {
	unsigned int n;
	struct rte_mbuf *mbufs[WORKER_BURST];
	void *bucket[WORKER_BURST];
};

// A frame that takes the longer way, in a loop.
static __rte_always_inline void loop_other(
	struct burst *b, struct rte_mbuf *m, enum worker_shape shape, struct oifs_seen *seen)
{
	if (!seen->expected) {
		process_one(b, m, shape);
		return;
	}
	data_queue_give(b, seen);
	data_share(b);
	process_one(b, m, shape);
	data_shared(b);
	data_queue_take(b, seen);
}

static __rte_always_inline void late_finish(struct burst *b, struct late *l,
	enum worker_shape shape, const struct shape *s, struct oifs_seen *seen)
{
	for (unsigned int i = 0; i < l->n; i++) {
		if (unlikely(!data_late(b, l->mbufs[i], s, l->bucket[i], seen)))
			loop_other(b, l->mbufs[i], shape, seen);
	}
	l->n = 0;
}

// Where the entries of the next frames would be. One right after the other, so that the processor
// looks for the pages of several at once: until it has found one it does not get far.
static __rte_always_inline void find_block(const struct burst *b, struct rte_mbuf **mbufs,
	void **bucket, unsigned int first, unsigned int n, const struct shape *s)
{
	if (likely(first + BLOCK <= n)) {
#pragma GCC unroll 8
		for (unsigned int i = 0; i < BLOCK; i++)
			bucket[first + i] = data_find(b, mbufs[first + i], b->begin[first + i], s);
		return;
	}
	for (unsigned int i = first; i < n; i++)
		bucket[i] = data_find(b, mbufs[i], b->begin[i], s);
}

// The loop for frames of one shape, or of which that is expected. The frames of a channel stay in
// order: all of them are late, or none is; and what takes the longer way does not overtake those.
static __rte_always_inline void shape_loop(struct burst *b, struct rte_mbuf **mbufs, unsigned int n,
	enum worker_shape shape, bool expected)
{
	const struct shape *s = &shapes[shape];
	struct oifs_seen seen = {.expected = expected, .all = UINT64_MAX};
	void *bucket[WORKER_BURST];
	unsigned int others = 0;
	struct late late;

	if (expected) {
		seen.oifs = b->expected;
		seen.more = b->expected_more;
		seen.mtu = b->expected_mtu;
		seen.tail = b->expected_tx->l2_tail[s->inner6];
		data_queue_take(b, &seen);
	}
	late.n = 0;
	for (unsigned int i = 0; i < AHEAD; i += BLOCK)
		find_block(b, mbufs, bucket, i, n, s);
	for (unsigned int i = 0; i < n; i++) {
		void *next = NULL;

		if (i % BLOCK == 0)
			find_block(b, mbufs, bucket, i + AHEAD, n, s);
		if (likely(data_finish(
			    b, mbufs[i], b->begin[i], s, bucket[i], &next, false, &seen)))
			continue;
		if (next) {
			late.mbufs[late.n] = mbufs[i];
			late.bucket[late.n++] = next;
			continue;
		}
		late_finish(b, &late, shape, s, &seen);
		loop_other(b, mbufs[i], shape, &seen);
		others++;
	}
	late_finish(b, &late, shape, s, &seen);
	if (expected) {
		data_queue_give(b, &seen);
		data_share(b);
	}
	b->w->tx_pending |= seen.any;
	if (expected ? seen.n_others > n / 4 : seen.all == seen.any)
		b->w->expected_oifs[shape] = expected ? 0 : seen.any;
	if (others > n / 4)
		b->w->shape = SHAPE_MIXED;
}

#define X(s)                                                              \
	static __rte_noinline void loop_##s(                              \
		struct burst *b, struct rte_mbuf **mbufs, unsigned int n) \
	{                                                                 \
		shape_loop(b, mbufs, n, s, false);                        \
	}                                                                 \
	static __rte_noinline void loop_expected_##s(                     \
		struct burst *b, struct rte_mbuf **mbufs, unsigned int n) \
	{                                                                 \
		shape_loop(b, mbufs, n, s, true);                         \
	}
EACH_SHAPE(X)
#undef X

static void punt_flush(struct burst *b, unsigned int k)
{
	struct crossing_worker *x = b->w->x;
	unsigned int n = b->n_punt[k], sent;

	sent = rte_ring_sp_enqueue_burst(x->punt[k], (void *const *)b->punt[k], n, NULL);
	for (unsigned int i = 0; i < sent; i++)
		crossing_count(&x->ifs[b->punt_if[k][i]].punted[k], 1);
	if (sent == n)
		return;
	for (unsigned int i = sent; i < n; i++)
		crossing_count(&x->ifs[b->punt_if[k][i]].full[k], 1);
	crossing_count(
		&x->drops[punt_is_control(k) ? DROP_PUNT_FULL_CONTROL : DROP_PUNT_FULL_OTHER],
		n - sent);
	rte_pktmbuf_free_bulk(b->punt[k] + sent, n - sent);
}

// Frames for all of oifs, if one frame will do for them.
static void burst_expect(struct burst *b, uint64_t oifs)
{
	struct worker_tx *tx;

	b->expected = 0;
	b->expected_more = 0;
	if (oifs == 0)
		return;
	tx = emit_tx(b->w, oifs);
	if (oifs & ~tx->twins)
		return;
	b->expected_mtu = __atomic_load_n(&tx->plain_mtu, __ATOMIC_RELAXED);
	b->expected_tx = tx;
	b->expected = oifs;
	data_shared(b);
	for (oifs &= oifs - 1; oifs; oifs &= oifs - 1) {
		tx = emit_tx(b->w, oifs);
		b->expected_mtu =
			RTE_MIN(b->expected_mtu, __atomic_load_n(&tx->plain_mtu, __ATOMIC_RELAXED));
		b->expected_more++;
	}
}

static void one_shape(
	struct burst *b, struct rte_mbuf **mbufs, unsigned int n, enum worker_shape shape)
{
	burst_expect(b, b->w->expected_oifs[shape]);
	switch (shape) {
#define X(s)                                            \
	case s:                                         \
		if (b->expected)                        \
			loop_expected_##s(b, mbufs, n); \
		else                                    \
			loop_##s(b, mbufs, n);          \
		break;
		EACH_SHAPE(X)
#undef X
	default:
		break;
	}
}

// Frames whose shapes are not known: each shape's in a loop of its own. A channel's are of one
// shape, so they stay in order; not so where some have a tag and some have none, or where there are
// others between them, which may be of any channel.
static __rte_noinline void sort_shapes(struct burst *b, struct rte_mbuf **mbufs, unsigned int n)
{
	unsigned int n_of[WORKER_SHAPES] = {0}, at[WORKER_SHAPES], sum = 0;
	struct rte_mbuf *sorted[WORKER_BURST];
	uint8_t *begin[WORKER_BURST], shape[WORKER_BURST];

	shape[0] = SHAPE_MIXED;
	for (unsigned int i = 0; i < n; i++) {
		shape[i] = (uint8_t)shape_of(b, mbufs[i]);
		n_of[shape[i]]++;
	}
	b->w->shape = n_of[shape[0]] == n ? shape[0] : SHAPE_MIXED;
	if (n_of[SHAPE_MIXED] || (b->n_tagged && b->n_tagged < n)) {
		mixed_loop(b, mbufs, shape, n);
		return;
	}
	for (unsigned int k = 0; k < WORKER_SHAPES; k++) {
		at[k] = sum;
		sum += n_of[k];
	}
	for (unsigned int i = 0; i < n; i++) {
		sorted[at[shape[i]]] = mbufs[i];
		begin[at[shape[i]]++] = b->begin[i];
	}
	b->sorted = true;
	for (unsigned int k = 0; k < WORKER_SHAPES; k++) {
		unsigned int first = at[k] - n_of[k];

		if (!n_of[k])
			continue;
		memcpy(b->begin, begin + first, n_of[k] * sizeof(begin[0]));
		one_shape(b, sorted + first, n_of[k], (enum worker_shape)k);
	}
}

static void burst_begin(struct burst *b, struct worker *w, unsigned int port)
{
	const struct worker_port *p = &w->ports[port];

	b->w = w;
	b->port = p;
	b->t = (struct tables){.narrow = mfib_table_narrow(w->table),
		.wide = mfib_table_wide(w->table),
		.ep = w->table->ep};
	b->flags_mask = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK;
	b->software = !p->ip_cksum_hw && !p->l4_cksum_hw;
	// What the driver does not check it must not be believed to have: then nothing fits.
	b->flags_want = p->ip_cksum_hw && p->l4_cksum_hw
				? RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD
				: UINT64_MAX;
	locals_one(&w->locals, b->t.ep, &b->one4, &b->one6);
	b->expected = 0;
	b->sorted = false;
	b->n_drop = 0;
	b->punted = 0;
	b->n_tagged = 0;
	b->tagged_bytes = 0;
}

static void burst_end(struct burst *b, unsigned int n, uint64_t bytes)
{
	struct crossing_if_stats *s;

	if (b->port->untagged != WORKER_NO_IF) {
		s = &b->w->x->ifs[b->port->untagged];
		crossing_count(&s->rx_packets, n - b->n_tagged);
		crossing_count(&s->rx_bytes, bytes - b->tagged_bytes);
	}
	if (b->n_drop)
		rte_pktmbuf_free_bulk(b->drop, b->n_drop);
	if (unlikely(b->w->spares.n))
		fanout_end(b->w);
	for (unsigned int k = b->punted; k; k &= k - 1)
		punt_flush(b, (unsigned int)__builtin_ctz(k));
}

void PROCESS_BURST(struct worker *w, unsigned int port, struct rte_mbuf **mbufs, unsigned int n)
{
	uint64_t bytes = 0;
	struct burst b;

	burst_begin(&b, w, port);
#pragma GCC unroll 4
	for (unsigned int i = 0; i < n; i++) {
		b.begin[i] = rte_pktmbuf_mtod(mbufs[i], uint8_t *);
		rte_prefetch0(b.begin[i]);
		bytes += rte_pktmbuf_pkt_len(mbufs[i]);
	}
	// The headers of all other shapes end in another cache line.
	for (unsigned int i = 0; w->shape != SHAPE_4IN4 && i < n; i++)
		rte_prefetch0(b.begin[i] + RTE_CACHE_LINE_SIZE);
	if (w->shape == SHAPE_MIXED || w->shape >= SHAPE_4IN4_VLAN || !untagged_upstream(&b))
		sort_shapes(&b, mbufs, n);
	else
		one_shape(&b, mbufs, n, (enum worker_shape)w->shape);
	burst_end(&b, n, bytes);
}
