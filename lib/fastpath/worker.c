// SPDX-License-Identifier: BSD-3-Clause
#include "fastpath/worker.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_ring.h>

#include "fastpath/emit.h"
#include "mfib/mfib_table.h"

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
	sent = rte_eth_tx_burst(w->ifs[ifindex].port_id, w->ifs[ifindex].queue, mbufs, (uint16_t)n);
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

	for (unsigned int i = 0; i < w->n_ifs; i++) {
		uint16_t n;

		inject(w, i);
		n = rte_eth_rx_burst(w->ifs[i].port_id, w->ifs[i].queue, mbufs, WORKER_BURST);
		if (n == 0)
			continue;
		total += n;
		worker_process_burst(w, i, mbufs, n);
		// Room for the next burst, which may all go to one interface.
		for (unsigned int o = 0; o < w->n_ifs; o++) {
			if (w->tx[o].n > WORKER_TX_QUEUE - WORKER_BURST)
				emit_flush(w, o);
		}
	}
	for (unsigned int i = 0; i < w->n_ifs; i++)
		emit_flush(w, i);
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
}
