// SPDX-License-Identifier: BSD-3-Clause
#include "fastpath/emit.h"

#include <assert.h>

#include <rte_ethdev.h>
#include <rte_memcpy.h>

#include "crossing/crossing.h"
#include "mfib/mfib.h"

static_assert(CROSSING_MAX_IFS <= MFIB_MAX_OIFS, "an oif set holds every interface");

static void drop(struct worker *w, enum drop_reason reason)
{
	crossing_count(&w->x->drops[reason], 1);
}

static void queue(struct worker *w, unsigned int ifindex, struct rte_mbuf *m)
{
	struct worker_tx *tx = &w->tx[ifindex];

	rte_memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, 6), w->ifs[ifindex].mac, 6);
	tx->bytes += rte_pktmbuf_data_len(m);
	tx->mbufs[tx->n++] = m;
}

// A copy has its own Ethernet header, because each interface sends from its own MAC.
static struct rte_mbuf *copy(const struct rte_mbuf *m)
{
	uint16_t len = rte_pktmbuf_data_len(m);
	struct rte_mbuf *c = rte_pktmbuf_alloc(m->pool);

	if (!c)
		return NULL;
	if (rte_pktmbuf_tailroom(c) < len) {
		rte_pktmbuf_free(c);
		return NULL;
	}
	rte_memcpy(rte_pktmbuf_mtod(c, void *), rte_pktmbuf_mtod(m, const void *), len);
	c->data_len = len;
	c->pkt_len = len;
	return c;
}

void emit(struct worker *w, struct rte_mbuf *m, uint32_t oifs)
{
	uint16_t ip_len = (uint16_t)(rte_pktmbuf_data_len(m) - ETH_LEN);
	uint32_t fit = 0;

	// Native multicast is not fragmented here.
	for (uint32_t rest = oifs; rest; rest &= rest - 1) {
		unsigned int i = (unsigned int)__builtin_ctz(rest);

		if (i >= w->n_ifs)
			break;
		if (ip_len > __atomic_load_n(&w->ifs[i].mtu, __ATOMIC_RELAXED))
			drop(w, DROP_MTU);
		else
			fit |= 1u << i;
	}
	if (!fit) {
		rte_pktmbuf_free(m);
		return;
	}
	// The last interface gets m itself.
	for (; fit & (fit - 1); fit &= fit - 1) {
		struct rte_mbuf *c = copy(m);

		if (c)
			queue(w, (unsigned int)__builtin_ctz(fit), c);
		else
			drop(w, DROP_NO_MBUF);
	}
	queue(w, (unsigned int)__builtin_ctz(fit), m);
}

void emit_flush(struct worker *w, unsigned int ifindex)
{
	struct crossing_if_stats *s = &w->x->ifs[ifindex];
	struct worker_tx *tx = &w->tx[ifindex];
	unsigned int sent;

	if (tx->n == 0)
		return;
	sent = rte_eth_tx_burst(
		w->ifs[ifindex].port_id, w->ifs[ifindex].queue, tx->mbufs, (uint16_t)tx->n);
	if (sent < tx->n) {
		unsigned int left = tx->n - sent;

		for (unsigned int i = sent; i < tx->n; i++)
			tx->bytes -= rte_pktmbuf_pkt_len(tx->mbufs[i]);
		rte_pktmbuf_free_bulk(tx->mbufs + sent, left);
		crossing_count(&s->tx_full, left);
		crossing_count(&w->x->drops[DROP_TX_FULL], left);
	}
	crossing_count(&s->tx_packets, sent);
	crossing_count(&s->tx_bytes, tx->bytes);
	tx->n = 0;
	tx->bytes = 0;
}
