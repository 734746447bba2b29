// SPDX-License-Identifier: BSD-3-Clause
#include "fastpath/fanout.h"

#include <rte_mbuf.h>
#include <rte_memcpy.h>

#include "crossing/crossing.h"
#include "fastpath/emit.h"

// From this length on a datagram that needs several Ethernet headers is not copied, where the
// driver takes chains: each frame is a header mbuf before the one datagram.
#define CHAIN_MIN 512

// Where the datagram of a copy begins in its buffer, if there is room: a short frame lies in two
// cache lines, whatever its header.
#define COPY_AT 160

// Spares whose memory is being fetched before they are needed.
#define NEAR 4

// What the frames of a datagram are made of, apart from it.
struct native {
	uint64_t mac; // group_mac()
	uint16_t len; // octets of the datagram
	bool v6;
};

static void drop(struct worker *w, enum drop_reason reason, unsigned int n)
{
	crossing_count(&w->x->drops[reason], n);
}

// Writes an interface's Ethernet header in front of a datagram.
static void l2_write(const struct worker_if *f, uint8_t *ip, const struct native *n)
{
	uint8_t *eth = ip - f->l2_len;

	put_raw64(eth, get_raw64(f->l2) | n->mac);
	put_raw32(eth + 8, get_raw32(f->l2 + 8));
	if (f->l2_len != ETH_LEN)
		put_raw32(eth + 12, get_raw32(f->l2 + 12));
	put_raw16(ip - 2, n->v6 ? RTE_BE16(ETHERTYPE_IPV6) : RTE_BE16(ETHERTYPE_IPV4));
}

void fanout_end(struct worker *w)
{
	struct worker_spares *s = &w->spares;

	rte_mempool_put_bulk(s->pool, (void **)s->mbufs, s->n);
	s->n = 0;
}

// NULL when the pool is empty.
static __rte_noinline struct rte_mbuf *spare_more(struct worker *w, struct rte_mempool *pool)
{
	struct worker_spares *s = &w->spares;
	void *m = NULL;

	if (s->n)
		fanout_end(w);
	if (rte_mempool_get_bulk(pool, (void **)s->mbufs, WORKER_SPARES) != 0)
		return rte_mempool_get(pool, &m) == 0 ? m : NULL;
	for (unsigned int i = 0; i < WORKER_SPARES; i++)
		rte_prefetch0(s->mbufs[i]);
	s->pool = pool;
	s->n = WORKER_SPARES - 1;
	return s->mbufs[s->n];
}

// As rte_mbuf_raw_alloc(): of one segment, one user, and nothing else in it yet.
static inline struct rte_mbuf *spare_get(struct worker *w, struct rte_mempool *pool)
{
	struct worker_spares *s = &w->spares;

	if (unlikely(s->n == 0) || unlikely(s->pool != pool))
		return spare_more(w, pool);
	s->n--;
	if (likely(s->n >= NEAR)) {
		const uint8_t *to = (uint8_t *)s->mbufs[s->n - NEAR]->buf_addr + COPY_AT;

		rte_prefetch0(to);
		rte_prefetch0(to + RTE_CACHE_LINE_SIZE);
	}
	return s->mbufs[s->n];
}

// Makes a spare mbuf a frame of len octets at an offset of its buffer.
static inline void spare_make(struct rte_mbuf *c, uint16_t at, unsigned int len)
{
	c->data_off = at;
	c->ol_flags = 0;
	c->pkt_len = len;
	c->data_len = (uint16_t)len;
}

// A copy of the datagram at ip behind an interface's Ethernet header, in an mbuf of this pool.
static inline struct rte_mbuf *copy(struct worker *w, const struct worker_if *f,
	struct rte_mempool *pool, const uint8_t *ip, const struct native *n)
{
	struct rte_mbuf *c = spare_get(w, pool);
	unsigned int at = COPY_AT;
	uint8_t *to;

	if (unlikely(!c))
		return NULL;
	if (unlikely(at + n->len > c->buf_len)) {
		if (n->len + ETH_LEN + VLAN_LEN > c->buf_len) { // m has a larger one
			rte_mbuf_raw_free(c);
			return NULL;
		}
		at = c->buf_len - n->len;
	}
	to = (uint8_t *)c->buf_addr + at;
	rte_memcpy(to, ip, n->len);
	l2_write(f, to, n);
	spare_make(c, (uint16_t)(at - f->l2_len), (unsigned int)n->len + f->l2_len);
	return c;
}

// An mbuf with the Ethernet header alone, before m, which begins with the datagram.
// users: interfaces that send it; each frees both mbufs once.
static struct rte_mbuf *chain(struct worker *w, const struct worker_if *f, struct rte_mbuf *m,
	const struct native *n, int users)
{
	struct rte_mbuf *h = spare_get(w, m->pool);

	if (!h)
		return NULL;
	l2_write(f, (uint8_t *)h->buf_addr + COPY_AT, n);
	spare_make(h, (uint16_t)(COPY_AT - f->l2_len), f->l2_len);
	h->pkt_len = (uint32_t)n->len + f->l2_len;
	h->nb_segs = 2;
	h->next = m;
	rte_mbuf_refcnt_update(m, (int16_t)users);
	return h;
}

// Queues one frame on all the interfaces of a set, which have the same Ethernet header.
static inline void share(struct worker *w, struct rte_mbuf *m, uint64_t twins)
{
	unsigned int len = rte_pktmbuf_pkt_len(m);

	if (twins & (twins - 1))
		rte_mbuf_refcnt_update(m, (int16_t)(__builtin_popcountll(twins) - 1));
	for (; twins; twins &= twins - 1)
		tx_put(&w->tx[__builtin_ctzll(twins)], m, len);
}

// Interfaces that the datagram fits; native multicast is not fragmented here.
static uint64_t fitting(struct worker *w, uint16_t len, uint64_t oifs)
{
	uint64_t fit = 0;

	for (; oifs; oifs &= oifs - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(oifs);

		if (i >= w->n_ifs)
			break;
		if (len > __atomic_load_n(&w->ifs[i].mtu, __ATOMIC_RELAXED))
			drop(w, DROP_MTU, 1);
		else
			fit |= 1ull << i;
	}
	return fit;
}

// A header mbuf for each group of twins.
static void chains(
	struct worker *w, struct rte_mbuf *m, uint8_t *ip, const struct native *n, uint64_t oifs)
{
	frame_move(m, (int)(ip - rte_pktmbuf_mtod(m, const uint8_t *)), 0, n->len);
	while (oifs) {
		const struct worker_if *f = &w->ifs[__builtin_ctzll(oifs)];
		uint64_t twins = oifs & f->twins;
		struct rte_mbuf *h = chain(w, f, m, n, __builtin_popcountll(twins));

		oifs &= ~twins;
		if (h)
			share(w, h, twins);
		else
			drop(w, DROP_NO_MBUF, (unsigned int)__builtin_popcountll(twins));
	}
	rte_pktmbuf_free(m); // the chains hold it
}

void fanout(struct worker *w, struct rte_mbuf *m, uint8_t *ip, uint16_t len, bool v6, uint64_t oifs)
{
	const struct native n = {.mac = group_mac(ip, v6), .len = len, .v6 = v6};
	const struct worker_if *f;
	uint64_t twins;

	if (unlikely(len > __atomic_load_n(&w->mtu_min, __ATOMIC_RELAXED)) ||
		unlikely(oifs & ~w->known_oifs))
		oifs = fitting(w, len, oifs);
	if (unlikely(!oifs)) {
		rte_pktmbuf_free(m);
		return;
	}
	f = &w->ifs[__builtin_ctzll(oifs)];
	twins = oifs & f->twins;
	if (len >= CHAIN_MIN && oifs != twins && (oifs & ~w->chain_oifs) == 0) {
		chains(w, m, ip, &n, oifs);
		return;
	}
	// m itself goes to the last group.
	while (oifs != twins) {
		struct rte_mbuf *c = copy(w, f, m->pool, ip, &n);

		if (likely(c != NULL))
			share(w, c, twins);
		else
			drop(w, DROP_NO_MBUF, (unsigned int)__builtin_popcountll(twins));
		oifs &= ~twins;
		f = &w->ifs[__builtin_ctzll(oifs)];
		twins = oifs & f->twins;
	}
	l2_write(f, ip, &n);
	frame_move(m, (int)(ip - f->l2_len - rte_pktmbuf_mtod(m, const uint8_t *)), 0,
		(uint32_t)len + f->l2_len);
	share(w, m, twins);
}
