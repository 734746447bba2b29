// SPDX-License-Identifier: BSD-3-Clause
#include "fastpath/emit.h"

#include <assert.h>

#include <rte_ethdev.h>
#include <rte_memcpy.h>

#include "crossing/crossing.h"
#include "mfib/mfib.h"

static_assert(MFIB_MAX_OIFS <= WORKER_MAX_IFS, "an oif is an interface");

// From this length on a datagram that needs several Ethernet headers is not copied, where the
// driver takes chains: each frame is a header mbuf before the one datagram.
#define CHAIN_MIN 512

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
	put_raw16(ip - 2, native_type(n->v6));
}

// Makes m the frame to an interface with the datagram at ip, which is in m.
static void frame_make(
	struct rte_mbuf *m, const struct worker_if *f, uint8_t *ip, const struct native *n)
{
	l2_write(f, ip, n);
	frame_move(m, (int)(ip - f->l2_len - rte_pktmbuf_mtod(m, const uint8_t *)), 0,
		(uint32_t)n->len + f->l2_len);
}

// A copy of the datagram behind another interface's Ethernet header.
static struct rte_mbuf *copy(const struct worker_if *f, const struct rte_mbuf *m, const uint8_t *ip,
	const struct native *n)
{
	struct rte_mbuf *c = rte_pktmbuf_alloc(m->pool);
	uint8_t *to;

	if (!c)
		return NULL;
	if (n->len + ETH_LEN + VLAN_LEN > c->buf_len) {
		rte_pktmbuf_free(c);
		return NULL;
	}
	// With the headroom it has, or what a large datagram leaves of it.
	to = (uint8_t *)c->buf_addr +
	     RTE_MIN((size_t)RTE_PKTMBUF_HEADROOM, (size_t)(c->buf_len - n->len));
	rte_memcpy(to, ip, n->len);
	frame_make(c, f, to, n);
	return c;
}

// An mbuf with the Ethernet header alone, before m, which begins with the datagram.
// users: interfaces that send it; each frees both mbufs once.
static struct rte_mbuf *chain(
	const struct worker_if *f, struct rte_mbuf *m, const struct native *n, int users)
{
	struct rte_mbuf *h = rte_pktmbuf_alloc(m->pool);

	if (!h)
		return NULL;
	l2_write(f, rte_pktmbuf_mtod(h, uint8_t *) + f->l2_len, n);
	h->data_len = f->l2_len;
	h->pkt_len = (uint32_t)n->len + f->l2_len;
	h->nb_segs = 2;
	h->next = m;
	rte_mbuf_refcnt_update(m, (int16_t)users);
	return h;
}

// Queues one frame on all the interfaces of a set, which have the same Ethernet header.
static void share(struct worker *w, struct rte_mbuf *m, uint64_t twins)
{
	int more = __builtin_popcountll(twins) - 1;

	if (more > 0)
		rte_mbuf_refcnt_update(m, (int16_t)more);
	for (; twins; twins &= twins - 1)
		tx_put(&w->tx[__builtin_ctzll(twins)], m, rte_pktmbuf_pkt_len(m));
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

static bool takes_chains(const struct worker *w, uint64_t oifs)
{
	for (; oifs; oifs &= oifs - 1) {
		if (!w->ports[w->ifs[__builtin_ctzll(oifs)].port].multi_segs)
			return false;
	}
	return true;
}

// A frame a group of twins: chains where all drivers take them and that is cheaper, else copies; m
// itself goes to the last group.
static void emit_groups(
	struct worker *w, struct rte_mbuf *m, uint8_t *ip, const struct native *n, uint64_t oifs)
{
	bool chained = n->len >= CHAIN_MIN && takes_chains(w, oifs);
	struct rte_mbuf *c;

	if (chained)
		frame_move(m, (int)(ip - rte_pktmbuf_mtod(m, const uint8_t *)), 0, n->len);
	while (oifs) {
		unsigned int i = (unsigned int)__builtin_ctzll(oifs);
		uint64_t twins = oifs & w->ifs[i].twins;

		oifs &= ~twins;
		if (chained) {
			c = chain(&w->ifs[i], m, n, __builtin_popcountll(twins));
		} else if (oifs) {
			c = copy(&w->ifs[i], m, ip, n);
		} else {
			frame_make(m, &w->ifs[i], ip, n);
			share(w, m, twins);
			return;
		}
		if (c)
			share(w, c, twins);
		else
			drop(w, DROP_NO_MBUF, (unsigned int)__builtin_popcountll(twins));
	}
	rte_pktmbuf_free(m); // the chains hold it
}

// Several Ethernet headers, a tag, or a datagram too large for the first interface.
static void emit_any(
	struct worker *w, struct rte_mbuf *m, uint8_t *ip, uint16_t len, bool v6, uint64_t oifs)
{
	struct native n = {.mac = group_mac(ip, v6), .len = len, .v6 = v6};
	uint64_t fit = fitting(w, len, oifs);
	const struct worker_if *first;

	if (!fit) {
		rte_pktmbuf_free(m);
		return;
	}
	first = &w->ifs[__builtin_ctzll(fit)];
	if (fit & ~first->twins) {
		emit_groups(w, m, ip, &n, fit);
		return;
	}
	frame_make(m, first, ip, &n);
	share(w, m, fit);
}

void emit_many(
	struct worker *w, struct rte_mbuf *m, uint8_t *ip, unsigned int len, bool v6, uint64_t oifs)
{
	struct worker_tx *tx = &w->tx[__builtin_ctzll(oifs)];
	int by = (int)(ip - ETH_LEN - rte_pktmbuf_mtod(m, const uint8_t *));
	unsigned int more = 0;

	if ((oifs & ~tx->twins) || len > __atomic_load_n(&tx->plain_mtu, __ATOMIC_RELAXED)) {
		emit_any(w, m, ip, (uint16_t)len, v6, oifs);
		return;
	}
	// One frame for all of them. Nobody sends it before it is complete.
	put_raw64(ip - ETH_LEN, group_mac(ip, v6));
	put_raw64(ip - ETH_LEN + 6, tx->l2_tail[v6]);
	tx_put(tx, m, len + ETH_LEN);
	for (oifs &= oifs - 1; oifs; oifs &= oifs - 1) {
		tx = &w->tx[__builtin_ctzll(oifs)];
		if (unlikely(len > __atomic_load_n(&tx->plain_mtu, __ATOMIC_RELAXED))) {
			drop(w, DROP_MTU, 1);
			continue;
		}
		tx_put(tx, m, len + ETH_LEN);
		more++;
	}
	frame_move(m, by, more, len + ETH_LEN);
}

void emit_flush(struct worker *w, unsigned int ifindex)
{
	struct crossing_if_stats *s = &w->x->ifs[ifindex];
	struct worker_tx *tx = &w->tx[ifindex];
	uint64_t bytes = tx->bytes;
	unsigned int sent;

	if (tx->n == 0)
		return;
	sent = worker_transmit(w, ifindex, tx->mbufs, tx->n);
	if (sent < tx->n) {
		unsigned int left = tx->n - sent;

		for (unsigned int i = sent; i < tx->n; i++)
			bytes -= rte_pktmbuf_pkt_len(tx->mbufs[i]);
		rte_pktmbuf_free_bulk(tx->mbufs + sent, left);
		crossing_count(&s->tx_full, left);
		drop(w, DROP_TX_FULL, left);
	}
	crossing_count(&s->tx_packets, sent);
	crossing_count(&s->tx_bytes, bytes);
	tx->n = 0;
	tx->bytes = 0;
}
