// SPDX-License-Identifier: BSD-3-Clause
// A burst: parse, lookup, decap, emit; and up to the control thread what is not ours. The common
// shapes of AMT data are accepted here with few branches; everything else is classify()'s.
//
// Two passes, half a burst apart: the first finds the key and prefetches the bucket, checking no
// more than it needs for that; the second checks, looks up and rewrites. Prefetching a whole burst
// at once stalls on miss buffers.
#include <rte_cycles.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

#include "crossing/crossing.h"
#include "fastpath/cksum.h"
#include "fastpath/classify.h"
#include "fastpath/emit.h"
#include "fastpath/headers.h"
#include "fastpath/reass.h"
#include "fastpath/worker.h"
#include "mfib/mfib_table.h"

#define AHEAD 16

// The shapes that the first pass tells apart. All lengths of outer headers are known in them: no
// options, no extension headers.
enum shape {
	SHAPE_OTHER, // left to classify()
	SHAPE_4IN4,
	SHAPE_6IN4,
	SHAPE_4IN6,
	SHAPE_6IN6,
	SHAPE_4IN4_VLAN,
	SHAPE_6IN4_VLAN,
	SHAPE_4IN6_VLAN,
	SHAPE_6IN6_VLAN,
};

struct candidate {
	union {
		struct mfib_narrow_key narrow;
		struct mfib_wide_key wide;
	};
	uint64_t home;
	enum shape shape;
	uint8_t local; // index + 1 of the outer destination
};

struct burst {
	struct worker *w;
	const struct worker_port *port;
	struct tables t;
	uint64_t cksum_mask, cksum_good; // what a driver's flags have to be to ask no further
	uint32_t local4;		 // the first local address, or 0: most frames are for it
	bool upstream;			 // where an untagged frame comes in
	unsigned int n_drop;
	struct rte_mbuf *drop[WORKER_BURST];
	unsigned int n_punt[PUNT_CLASSES];
	struct rte_mbuf *punt[PUNT_CLASSES][WORKER_BURST];
	uint8_t punt_if[PUNT_CLASSES][WORKER_BURST];
	unsigned int n_tagged; // counted at their own interfaces
	uint64_t tagged_bytes;
};

static inline unsigned int find_local4(const struct burst *b, uint32_t dst)
{
	if (likely(dst == b->local4))
		return dst != 0;
	return dst ? mfib_local_find4(b->t.ep, dst) : 0;
}

// First pass. p, l3: the frame and its outer IP header. False: not this shape.
static inline bool find_in4(
	const struct burst *b, const uint8_t *p, unsigned int l3, struct candidate *c)
{
	const uint8_t *ip = p + l3, *inner = ip + IPV4_LEN + UDP_LEN + AMT_LEN;
	unsigned int local = find_local4(b, get_raw32(ip + 16));
	uint16_t port = get_raw16(ip + IPV4_LEN + 2);
	uint32_t relay = get_raw32(ip + 12);

	if (unlikely(!local))
		return false;
	c->local = (uint8_t)local;
	if (likely(inner[0] >> 4 == 4)) {
		c->narrow = mfib_narrow_key_make(inner + 12, relay, port, local);
		c->home = mfib_home(b->t.narrow, mfib_narrow_hash(b->t.narrow, &c->narrow));
		rte_prefetch0(&b->t.narrow->narrow[c->home * MFIB_NARROW_SLOTS]);
		c->shape = l3 == ETH_LEN ? SHAPE_4IN4 : SHAPE_4IN4_VLAN;
		return true;
	}
	c->wide = mfib_wide_key_make6in4(inner + 8, inner + 24, relay, port, local);
	c->home = mfib_home(b->t.wide, mfib_wide_hash(b->t.wide, &c->wide));
	rte_prefetch0(&b->t.wide->wide[c->home]);
	c->shape = l3 == ETH_LEN ? SHAPE_6IN4 : SHAPE_6IN4_VLAN;
	return true;
}

static inline bool find_in6(
	const struct burst *b, const uint8_t *p, unsigned int l3, struct candidate *c)
{
	const uint8_t *ip = p + l3, *inner = ip + IPV6_LEN + UDP_LEN + AMT_LEN;
	unsigned int local = mfib_local_find6(b->t.ep, ip + 24);
	uint16_t port = get_raw16(ip + IPV6_LEN + 2);

	if (unlikely(!local))
		return false;
	c->local = (uint8_t)local;
	if (inner[0] >> 4 == 6) {
		c->wide = mfib_wide_key_make(inner + 8, inner + 24, ip + 8, port, local);
		c->shape = l3 == ETH_LEN ? SHAPE_6IN6 : SHAPE_6IN6_VLAN;
	} else {
		c->wide = mfib_wide_key_make4in6(
			get_raw32(inner + 12), get_raw32(inner + 16), ip + 8, port, local);
		c->shape = l3 == ETH_LEN ? SHAPE_4IN6 : SHAPE_4IN6_VLAN;
	}
	c->home = mfib_home(b->t.wide, mfib_wide_hash(b->t.wide, &c->wide));
	rte_prefetch0(&b->t.wide->wide[c->home]);
	return true;
}

static bool find_tagged(
	struct burst *b, const struct rte_mbuf *m, const uint8_t *p, struct candidate *c)
{
	uint8_t ifindex = port_interface(b->port, get_be16(p + 14));
	uint16_t type = get_raw16(p + 16);

	b->n_tagged++;
	b->tagged_bytes += rte_pktmbuf_pkt_len(m);
	if (ifindex == WORKER_NO_IF)
		return false;
	crossing_count(&b->w->x->ifs[ifindex].rx_packets, 1);
	crossing_count(&b->w->x->ifs[ifindex].rx_bytes, rte_pktmbuf_pkt_len(m));
	if (!b->w->ifs[ifindex].upstream)
		return false;
	if (type == RTE_BE16(ETHERTYPE_IPV4) && p[ETH_LEN + VLAN_LEN] == 0x45)
		return find_in4(b, p, ETH_LEN + VLAN_LEN, c);
	return type == RTE_BE16(ETHERTYPE_IPV6) && find_in6(b, p, ETH_LEN + VLAN_LEN, c);
}

// A short frame is read beyond its end, but not beyond its mbuf: the second pass finds it out.
static inline void find(struct burst *b, const struct rte_mbuf *m, struct candidate *c)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t type = get_raw32(p + 12) & RTE_BE32(0xffffff00);

	if (likely(type == RTE_BE32(0x08004500) && b->upstream)) {
		if (find_in4(b, p, ETH_LEN, c))
			return;
	} else if ((type & RTE_BE32(0xffff0000)) == RTE_BE32(0x86dd0000) && b->upstream) {
		if (find_in6(b, p, ETH_LEN, c))
			return;
	} else if ((type & RTE_BE32(0xffff0000)) == RTE_BE32(0x81000000)) {
		if (find_tagged(b, m, p, c))
			return;
	}
	c->shape = SHAPE_OTHER;
}

// What the outer headers and the first octets of the inner one have to be, apart from addresses,
// lengths and what does not matter; at the ethertype before the outer IP header, and at the UDP
// header. The masks say which bits count.
#define OUTER4_WANT                             \
	{                                       \
		0x08, 0, 0x45, [11] = PROTO_UDP \
	}
#define OUTER4_MASK                                                   \
	{                                                             \
		0xff, 0xff, 0xff, [8] = 0x3f, [9] = 0xff, [11] = 0xff \
	}
#define OUTER6_WANT                               \
	{                                         \
		0x86, 0xdd, 0x60, [8] = PROTO_UDP \
	}
#define OUTER6_MASK                          \
	{                                    \
		0xff, 0xff, 0xf0, [8] = 0xff \
	}
#define UDP_WANT(inner)                                                                     \
	{                                                                                   \
		AMT_UDP_PORT >> 8, AMT_UDP_PORT & 0xff, [8] = AMT_TYPE_DATA, [10] = (inner) \
	}
#define UDP_MASK(inner)                                \
	{                                              \
		0xff, 0xff, [8] = 0xff, [10] = (inner) \
	}

static inline bool masked_equal(const uint8_t *p, const uint8_t want[16], const uint8_t mask[16],
	const uint8_t *q, const uint8_t want2[16], const uint8_t mask2[16])
{
#ifdef __SSE4_1__
	__m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i b = _mm_loadu_si128((const __m128i *)(const void *)q);

	a = _mm_xor_si128(a, _mm_loadu_si128((const __m128i *)(const void *)want));
	b = _mm_xor_si128(b, _mm_loadu_si128((const __m128i *)(const void *)want2));
	a = _mm_and_si128(a, _mm_loadu_si128((const __m128i *)(const void *)mask));
	b = _mm_and_si128(b, _mm_loadu_si128((const __m128i *)(const void *)mask2));
	a = _mm_or_si128(a, b);
	return _mm_testz_si128(a, a);
#else
	uint8_t differs = 0;

	for (int i = 0; i < 16; i++)
		differs |= ((p[i] ^ want[i]) & mask[i]) | ((q[i] ^ want2[i]) & mask2[i]);
	return differs == 0;
#endif
}

static inline bool template_ok(const uint8_t *ip, const uint8_t *udp, bool outer6, bool inner6)
{
	static const uint8_t outer4_want[16] = OUTER4_WANT, outer4_mask[16] = OUTER4_MASK;
	static const uint8_t outer6_want[16] = OUTER6_WANT, outer6_mask[16] = OUTER6_MASK;
	static const uint8_t udp4_want[16] = UDP_WANT(0x45), udp4_mask[16] = UDP_MASK(0xff);
	static const uint8_t udp6_want[16] = UDP_WANT(0x60), udp6_mask[16] = UDP_MASK(0xf0);

	return masked_equal(ip - 2, outer6 ? outer6_want : outer4_want,
		outer6 ? outer6_mask : outer4_mask, udp, inner6 ? udp6_want : udp4_want,
		inner6 ? udp6_mask : udp4_mask);
}

// The outer checksums where the driver's flags do not settle them at once.
static __rte_noinline bool cksums_ok(const struct burst *b, const struct rte_mbuf *m,
	const uint8_t *ip, const uint8_t *udp, uint16_t udp_len, bool outer6)
{
	if (!outer6 && !outer_cksum_ok(m, ip, IPV4_LEN, b->port->ip_cksum_hw))
		return false;
	return udp_cksum_ok(m, ip, udp, udp_len, outer6, b->port->l4_cksum_hw);
}

// A frame that ends here.
static inline void drop(struct burst *b, struct rte_mbuf *m, enum drop_reason reason)
{
	crossing_count(&b->w->x->drops[reason], 1);
	b->drop[b->n_drop++] = m;
}

// Well-formed data whose channel is not in the table. False: there is no such tunnel at all.
static __rte_noinline bool miss(struct burst *b, struct rte_mbuf *m, const struct candidate *c,
	const uint8_t *ip, const uint8_t *inner, bool outer6, bool inner6)
{
	uint16_t port = get_be16(ip + (outer6 ? IPV6_LEN : IPV4_LEN) + 2);
	const uint8_t *relay6;
	uint32_t relay;
	bool from_relay;

	if (outer6) {
		relay6 = mfib_tunnel_relay6(b->t.ep, c->local, port);
		if ((get_raw64(relay6) | get_raw64(relay6 + 8)) == 0)
			return false;
		from_relay = memcmp(relay6, ip + 8, 16) == 0;
	} else {
		relay = mfib_tunnel_relay4(b->t.ep, c->local, port);
		if (relay == 0)
			return false;
		from_relay = relay == get_raw32(ip + 12);
	}
	if (!from_relay)
		drop(b, m, DROP_NOT_RELAY);
	else
		drop(b, m, inner6 ? classify_miss6(inner) : classify_miss4(inner));
	return true;
}

// Second pass. True when m is done with; false leaves it, unchanged, to classify(). l3, outer6 and
// inner6 are constants where this is called.
static inline bool finish(struct burst *b, struct rte_mbuf *m, const struct candidate *c,
	unsigned int l3, bool outer6, bool inner6)
{
	const unsigned int outer_len = outer6 ? IPV6_LEN : IPV4_LEN;
	uint8_t *ip = rte_pktmbuf_mtod(m, uint8_t *) + l3, *udp = ip + outer_len;
	uint8_t *inner = udp + UDP_LEN + AMT_LEN;
	unsigned int ip_len, udp_len, inner_len;
	uint8_t outer_ecn, inner_ecn, ecn;
	struct mfib_narrow *n;
	struct mfib_wide *e;
	uint64_t oifs, *count;

	if (unlikely(!template_ok(ip, udp, outer6, inner6)) || unlikely(m->nb_segs != 1))
		return false;
	ip_len = outer6 ? get_be16(ip + 4) + (unsigned int)IPV6_LEN : get_be16(ip + 2);
	udp_len = get_be16(udp + 4);
	inner_len = inner6 ? get_be16(inner + 4) + (unsigned int)IPV6_LEN : get_be16(inner + 2);
	if (unlikely(ip_len + l3 > rte_pktmbuf_data_len(m)) ||
		unlikely(udp_len + outer_len > ip_len) ||
		unlikely(inner_len + UDP_LEN + AMT_LEN > udp_len) ||
		unlikely(!inner6 && inner_len < IPV4_LEN))
		return false;
	if (unlikely((m->ol_flags & b->cksum_mask) != b->cksum_good) &&
		!cksums_ok(b, m, ip, udp, (uint16_t)udp_len, outer6))
		return false;
	if (!inner6 && unlikely(!ipv4_cksum_ok(inner)))
		return false;
	// The octets of G that the key has no room for.
	if (inner6 && unlikely(inner[24] != 0xff || get_raw16(inner + 26) != 0))
		return false;
	if (!outer6 && !inner6) {
		n = mfib_narrow_lookup(b->t.narrow, &c->narrow, c->home);
		oifs = n ? mfib_oifs(&n->oifs) : 0;
		count = n ? &n->count : NULL;
	} else {
		e = mfib_wide_lookup(b->t.wide, &c->wide, c->home);
		oifs = e ? mfib_oifs(&e->oifs) : 0;
		count = e ? &e->count : NULL;
	}
	if (unlikely(oifs == 0))
		return miss(b, m, c, ip, inner, outer6, inner6);
	if (unlikely(inner[inner6 ? 7 : 8] <= 1))
		return false;
	outer_ecn = outer6 ? ipv6_ecn(ip) : ip[1] & ECN_MASK;
	inner_ecn = inner6 ? ipv6_ecn(inner) : inner[1] & ECN_MASK;
	ecn = inner_ecn;
	if (unlikely(outer_ecn)) {
		ecn = ecn_decap[outer_ecn][inner_ecn];
		if (ecn == ECN_DROP)
			return false;
	}
	mfib_count(count, inner_len);
	if (inner6)
		ipv6_forward(inner, ecn);
	else
		ipv4_forward(inner, ecn);
	emit(b->w, m, inner, (uint16_t)inner_len, inner6, oifs);
	return true;
}

static inline bool finish_shape(struct burst *b, struct rte_mbuf *m, const struct candidate *c)
{
	const unsigned int tagged = ETH_LEN + VLAN_LEN;

	if (likely(c->shape == SHAPE_4IN4))
		return finish(b, m, c, ETH_LEN, false, false);
	switch (c->shape) {
	case SHAPE_6IN4:
		return finish(b, m, c, ETH_LEN, false, true);
	case SHAPE_4IN6:
		return finish(b, m, c, ETH_LEN, true, false);
	case SHAPE_6IN6:
		return finish(b, m, c, ETH_LEN, true, true);
	case SHAPE_4IN4_VLAN:
		return finish(b, m, c, tagged, false, false);
	case SHAPE_6IN4_VLAN:
		return finish(b, m, c, tagged, false, true);
	case SHAPE_4IN6_VLAN:
		return finish(b, m, c, tagged, true, false);
	case SHAPE_6IN6_VLAN:
		return finish(b, m, c, tagged, true, true);
	default:
		return false;
	}
}

// The control thread gets frames without a tag, of an interface.
static void punt(struct burst *b, struct rte_mbuf *m, enum punt_class k, uint8_t ifindex)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

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

	mfib_count(c->count, c->inner_len);
	if (c->v6)
		ipv6_forward(ip, c->ecn);
	else
		ipv4_forward(ip, c->ecn);
	emit(b->w, m, ip, c->inner_len, c->v6, c->oifs);
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
		drop(b, m, c.reason);
		return;
	case VERDICT_PUNT_CONTROL:
		punt(b, m, PUNT_CONTROL, c.ifindex);
		return;
	case VERDICT_PUNT_OTHER:
		punt(b, m, PUNT_OTHER, c.ifindex);
		return;
	}
}

static void punt_flush(struct burst *b, enum punt_class k, enum drop_reason full)
{
	struct crossing_worker *x = b->w->x;
	unsigned int n = b->n_punt[k], sent;

	if (n == 0)
		return;
	sent = rte_ring_sp_enqueue_burst(x->punt[k], (void *const *)b->punt[k], n, NULL);
	for (unsigned int i = 0; i < sent; i++)
		crossing_count(&x->ifs[b->punt_if[k][i]].punted[k], 1);
	if (sent == n)
		return;
	crossing_count(&x->drops[full], n - sent);
	rte_pktmbuf_free_bulk(b->punt[k] + sent, n - sent);
}

static void burst_begin(struct burst *b, struct worker *w, unsigned int port)
{
	const struct worker_port *p = &w->ports[port];

	b->w = w;
	b->port = p;
	b->t = (struct tables){.narrow = mfib_table_narrow(w->table),
		.wide = mfib_table_wide(w->table),
		.ep = w->table->ep};
	b->cksum_mask = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK;
	// A flag that the driver does not set is never what is asked for.
	b->cksum_good = p->ip_cksum_hw && p->l4_cksum_hw
				? RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD
				: UINT64_MAX;
	b->local4 = __atomic_load_n(&b->t.ep->local4[0], __ATOMIC_ACQUIRE);
	b->upstream = p->untagged != WORKER_NO_IF && w->ifs[p->untagged].upstream;
	b->n_drop = 0;
	b->n_tagged = 0;
	b->tagged_bytes = 0;
	b->n_punt[PUNT_CONTROL] = 0;
	b->n_punt[PUNT_OTHER] = 0;
}

void worker_process_burst(
	struct worker *w, unsigned int port, struct rte_mbuf **mbufs, unsigned int n)
{
	struct candidate c[WORKER_BURST];
	uint64_t bytes = 0;
	struct burst b;

	burst_begin(&b, w, port);
	for (unsigned int i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
	for (unsigned int i = 0; i < n && i < AHEAD; i++)
		find(&b, mbufs[i], &c[i]);
	for (unsigned int i = 0; i < n; i++) {
		if (i + AHEAD < n)
			find(&b, mbufs[i + AHEAD], &c[i + AHEAD]);
		bytes += rte_pktmbuf_pkt_len(mbufs[i]);
		if (unlikely(!finish_shape(&b, mbufs[i], &c[i])))
			process_rest(&b, mbufs[i]);
	}
	if (b.n_drop)
		rte_pktmbuf_free_bulk(b.drop, b.n_drop);
	punt_flush(&b, PUNT_CONTROL, DROP_PUNT_FULL_CONTROL);
	punt_flush(&b, PUNT_OTHER, DROP_PUNT_FULL_OTHER);
	if (b.port->untagged != WORKER_NO_IF) {
		struct crossing_if_stats *s = &w->x->ifs[b.port->untagged];

		crossing_count(&s->rx_packets, n - b.n_tagged);
		crossing_count(&s->rx_bytes, bytes - b.tagged_bytes);
	}
}
