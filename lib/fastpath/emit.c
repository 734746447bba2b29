// SPDX-License-Identifier: BSD-3-Clause
#include "fastpath/emit.h"

#include <assert.h>

#include <rte_ethdev.h>

#include "crossing/crossing.h"
#include "fastpath/fanout.h"
#include "mfib/mfib.h"

static_assert(MFIB_MAX_OIFS <= WORKER_MAX_IFS, "an oif is an interface");

void emit_many(
	struct worker *w, struct rte_mbuf *m, uint8_t *ip, unsigned int len, bool v6, uint64_t oifs)
{
	struct worker_tx *tx = &w->tx[__builtin_ctzll(oifs)];
	int by = (int)(ip - ETH_LEN - rte_pktmbuf_mtod(m, const uint8_t *));
	unsigned int more = 0;

	if ((oifs & ~tx->twins) || len > __atomic_load_n(&tx->plain_mtu, __ATOMIC_RELAXED)) {
		fanout(w, m, ip, (uint16_t)len, v6, oifs);
		return;
	}
	// One frame for all of them. Nobody sends it before it is complete.
	put_raw64(ip - ETH_LEN, group_mac(ip, v6));
	put_raw64(ip - ETH_LEN + 6, tx->l2_tail[v6]);
	tx_put(tx, m, len + ETH_LEN);
	for (oifs &= oifs - 1; oifs; oifs &= oifs - 1) {
		tx = &w->tx[__builtin_ctzll(oifs)];
		if (unlikely(len > __atomic_load_n(&tx->plain_mtu, __ATOMIC_RELAXED))) {
			crossing_count(&w->x->drops[DROP_MTU], 1);
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
		crossing_count(&w->x->drops[DROP_TX_FULL], left);
	}
	crossing_count(&s->tx_packets, sent);
	crossing_count(&s->tx_bytes, bytes);
	tx->n = 0;
	tx->bytes = 0;
}
