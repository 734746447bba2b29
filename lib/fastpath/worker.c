// SPDX-License-Identifier: BSD-3-Clause
#include "fastpath/worker.h"

#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_ring.h>

#include "fastpath/emit.h"
#include "fastpath/headers.h"
#include "mfib/mfib_table.h"

static void tail_prepare(struct worker_tx *tx, const struct worker_if *f)
{
	uint8_t tail[8] = {[6] = ETHERTYPE_IPV4 >> 8};

	memcpy(tail, f->mac, 6);
	memcpy(&tx->l2_tail[0], tail, sizeof(tail));
	tail[6] = ETHERTYPE_IPV6 >> 8;
	tail[7] = ETHERTYPE_IPV6 & 0xff;
	memcpy(&tx->l2_tail[1], tail, sizeof(tail));
	tx->plain_mtu = f->vlan ? 0 : f->mtu;
}

void worker_prepare(struct worker *w)
{
	for (unsigned int i = 0; i < w->n_ifs; i++) {
		struct worker_if *f = &w->ifs[i];

		memset(f->l2, 0, sizeof(f->l2));
		memcpy(f->l2 + 6, f->mac, 6);
		f->l2_len = f->vlan ? ETH_LEN + VLAN_LEN : ETH_LEN;
		f->l2[12] = ETHERTYPE_IPV4 >> 8;
		if (f->vlan) {
			f->l2[12] = ETHERTYPE_VLAN >> 8;
			f->l2[14] = (uint8_t)(f->vlan >> 8);
			f->l2[15] = (uint8_t)f->vlan;
			f->l2[16] = ETHERTYPE_IPV4 >> 8;
		}
		tail_prepare(&w->tx[i], f);
	}
	for (unsigned int i = 0; i < w->n_ifs && i < MFIB_MAX_OIFS; i++) {
		w->ifs[i].twins = 0;
		for (unsigned int j = 0; j < w->n_ifs && j < MFIB_MAX_OIFS; j++) {
			if (memcmp(w->ifs[i].l2, w->ifs[j].l2, sizeof(w->ifs[i].l2)) == 0)
				w->ifs[i].twins |= 1ull << j;
		}
	}
}

unsigned int worker_transmit(
	struct worker *w, unsigned int ifindex, struct rte_mbuf **mbufs, unsigned int n)
{
	const struct worker_port *p = &w->ports[w->ifs[ifindex].port];

	return rte_eth_tx_burst(p->port_id, p->tx_queue, mbufs, (uint16_t)n);
}

void worker_flush(struct worker *w)
{
	uint64_t pending = w->tx_pending;

	w->tx_pending = 0;
	for (; pending; pending &= pending - 1)
		emit_flush(w, (unsigned int)__builtin_ctzll(pending));
}

// What the kernel sends on an interface: at most a burst a round. How many frames.
static unsigned int inject(struct worker *w, unsigned int ifindex)
{
	struct rte_ring *r = w->x->inject[ifindex];
	struct rte_mbuf *mbufs[WORKER_BURST];
	unsigned int n;
	uint16_t sent;

	if (!r)
		return 0;
	n = rte_ring_sc_dequeue_burst(r, (void **)mbufs, WORKER_BURST, NULL);
	if (n == 0)
		return 0;
	sent = (uint16_t)worker_transmit(w, ifindex, mbufs, n);
	crossing_count(&w->x->ifs[ifindex].injected, sent);
	if (sent < n) {
		crossing_count(&w->x->drops[DROP_TX_FULL], n - sent);
		rte_pktmbuf_free_bulk(mbufs + sent, n - sent);
	}
	return n;
}

unsigned int worker_round(struct worker *w)
{
	struct rte_mbuf *mbufs[WORKER_BURST];
	unsigned int total = 0;

	for (unsigned int i = 0; i < w->n_ifs; i++)
		inject(w, i);
	for (unsigned int i = 0; i < w->n_ports; i++) {
		uint16_t n = rte_eth_rx_burst(
			w->ports[i].port_id, w->ports[i].rx_queue, mbufs, WORKER_BURST);

		if (n == 0)
			continue;
		total += n;
		worker_process_burst(w, i, mbufs, n);
		worker_flush(w);
	}
	crossing_count(&w->x->polls, 1);
	crossing_count(&w->x->busy_polls, total > 0);
	return total;
}

int worker_run(void *arg)
{
	struct worker *w = arg;

	mfib_worker_online(w->table);
	// Acquire: what the control thread injected before it said stop is on the rings.
	while (!atomic_load_explicit(&w->x->stop, memory_order_acquire)) {
		if (worker_round(w) == 0)
			rte_pause();
		mfib_worker_quiescent(w->table);
	}
	mfib_worker_offline(w->table);
	for (unsigned int i = 0; i < w->n_ifs; i++) {
		while (inject(w, i) > 0)
			;
	}
	return 0;
}

void worker_set_mtu(struct worker *w, unsigned int ifindex, uint16_t mtu)
{
	__atomic_store_n(&w->ifs[ifindex].mtu, mtu, __ATOMIC_RELAXED);
	if (!w->ifs[ifindex].vlan)
		__atomic_store_n(&w->tx[ifindex].plain_mtu, (uint32_t)mtu, __ATOMIC_RELAXED);
}
