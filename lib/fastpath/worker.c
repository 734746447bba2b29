// SPDX-License-Identifier: BSD-3-Clause
#include "fastpath/worker.h"

#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_ring.h>

#include "crossing/spread.h"
#include "fastpath/emit.h"
#include "fastpath/headers.h"
#include "fastpath/reass.h"
#include "fastpath/spread.h"
#include "fastpath/tap.h"
#include "mfib/mfib_table.h"

#define INJECT_IFS 4 // interfaces whose inject rings are looked into, a round

// Over a ring to the worker that has a transmit queue of the port. How many it took.
static unsigned int hand_over(
	struct worker *w, unsigned int ifindex, struct rte_mbuf **mbufs, unsigned int n)
{
	struct rte_ring *r = w->x->tx_to[w->ports[w->ifs[ifindex].port].tx_worker];
	struct crossing_tx t[WORKER_TX_QUEUE];
	unsigned int sent;

	if (!r)
		return 0;
	for (unsigned int i = 0; i < n; i++)
		t[i] = (struct crossing_tx){.m = mbufs[i], .ifindex = ifindex};
	sent = rte_ring_sp_enqueue_burst_elem(r, t, sizeof(t[0]), n, NULL);
	crossing_count(&w->x->load.handed, sent);
	return sent;
}

void worker_process_burst(
	struct worker *w, unsigned int port, struct rte_mbuf **mbufs, unsigned int n)
{
	w->process_cb(w, port, mbufs, n);
}

static struct crossing_tap *tap_of(const struct worker *w)
{
	// Acquire: what the control thread has put into it.
	return atomic_load_explicit(&w->x->tap, memory_order_acquire);
}

// What the driver takes is copied; afterwards it is the driver's.
static unsigned int transmit_tapped(struct worker *w, struct crossing_tap *tap, unsigned int port,
	struct rte_mbuf **mbufs, unsigned int n)
{
	const struct worker_port *p = &w->ports[port];
	uint64_t ends[WORKER_TX_QUEUE], begin = tap->ahead;
	unsigned int total = 0, sent, some;

	do {
		some = RTE_MIN(n - total, (unsigned int)WORKER_TX_QUEUE);
		tap_sends(tap, port, mbufs + total, some, ends);
		sent = rte_eth_tx_burst(p->port_id, p->tx_queue, mbufs + total, (uint16_t)some);
		begin = sent > 0 ? ends[sent - 1] : begin;
		tap_sent(tap, begin);
		total += sent;
	} while (sent == some && total < n);
	return total;
}

unsigned int worker_transmit(
	struct worker *w, unsigned int ifindex, struct rte_mbuf **mbufs, unsigned int n)
{
	const struct worker_port *p = &w->ports[w->ifs[ifindex].port];
	struct crossing_tap *tap;

	if (unlikely(p->tx_queue == WORKER_NO_QUEUE))
		return hand_over(w, ifindex, mbufs, n);
	tap = tap_of(w);
	if (unlikely(tap != NULL))
		return transmit_tapped(w, tap, w->ifs[ifindex].port, mbufs, n);
	return rte_eth_tx_burst(p->port_id, p->tx_queue, mbufs, (uint16_t)n);
}

void worker_flush(struct worker *w)
{
	uint64_t pending = w->tx_pending;

	w->tx_pending = 0;
	for (; pending; pending &= pending - 1)
		emit_flush(w, (unsigned int)__builtin_ctzll(pending));
}

// Frames that are not native multicast of our own making: to the driver, or dropped and counted.
static unsigned int transmit(
	struct worker *w, unsigned int ifindex, struct rte_mbuf **mbufs, unsigned int n)
{
	unsigned int sent = worker_transmit(w, ifindex, mbufs, n);

	if (sent < n) {
		crossing_count(&w->x->drops[DROP_TX_FULL], n - sent);
		rte_pktmbuf_free_bulk(mbufs + sent, n - sent);
	}
	return sent;
}

// What other workers have for our transmit queues: at most a burst of each a round. How many.
static unsigned int take_handed(struct worker *w)
{
	struct rte_mbuf *mbufs[WORKER_BURST];
	struct crossing_tx t[WORKER_BURST];
	unsigned int total = 0, n, run, sent;

	for (unsigned int k = 0; k < w->x->n_tx_from; k++) {
		n = rte_ring_sc_dequeue_burst_elem(
			w->x->tx_from[k], t, sizeof(t[0]), WORKER_BURST, NULL);
		for (unsigned int i = 0; i < n; i += run) {
			for (run = 0; i + run < n && t[i + run].ifindex == t[i].ifindex; run++)
				mbufs[run] = t[i + run].m;
			sent = transmit(w, (unsigned int)t[i].ifindex, mbufs, run);
			crossing_count(&w->x->ifs[t[i].ifindex].tx_full, run - sent);
		}
		total += n;
	}
	return total;
}

// The kernel knows its interface untagged: the tag goes behind the addresses. False: no frame, or
// no room in front of it.
static bool tag(struct rte_mbuf *m, uint16_t vlan)
{
	uint8_t *p;

	if (rte_pktmbuf_data_len(m) < ETH_LEN)
		return false;
	p = (uint8_t *)rte_pktmbuf_prepend(m, VLAN_LEN);
	if (!p)
		return false;
	memmove(p, p + VLAN_LEN, 12);
	p[12] = ETHERTYPE_VLAN >> 8;
	p[13] = ETHERTYPE_VLAN & 0xff;
	p[14] = (uint8_t)(vlan >> 8);
	p[15] = (uint8_t)vlan;
	return true;
}

// How many are left; the others were dropped.
static unsigned int tag_all(
	struct worker *w, uint16_t vlan, struct rte_mbuf **mbufs, unsigned int n)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < n; i++) {
		// NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): n of them are set
		if (tag(mbufs[i], vlan)) {
			mbufs[kept++] = mbufs[i];
		} else {
			crossing_count(&w->x->drops[DROP_NO_MBUF], 1);
			rte_pktmbuf_free_bulk(&mbufs[i], 1);
		}
	}
	return kept;
}

// What the kernel sends on an interface: at most a burst a round. How many frames.
static unsigned int inject(struct worker *w, unsigned int ifindex)
{
	const struct worker_if *f = &w->ifs[ifindex];
	struct rte_mbuf *mbufs[WORKER_BURST];
	unsigned int n = rte_ring_sc_dequeue_burst(
		w->x->inject[ifindex], (void **)mbufs, WORKER_BURST, NULL);
	unsigned int left;

	if (n == 0)
		return 0;
	left = f->vlan ? tag_all(w, f->vlan, mbufs, n) : n;
	crossing_count(&w->x->ifs[ifindex].injected, transmit(w, ifindex, mbufs, left));
	return n;
}

// A few interfaces a round, so that many of them do not slow the packets down. How many frames.
static unsigned int inject_some(struct worker *w)
{
	unsigned int n = w->x->n_inject < INJECT_IFS ? w->x->n_inject : INJECT_IFS, total = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (w->inject_next >= w->x->n_inject)
			w->inject_next = 0;
		total += inject(w, w->x->inject_ifs[w->inject_next++]);
	}
	return total;
}

static unsigned int poll_port(struct worker *w, unsigned int port)
{
	const struct worker_port *p = &w->ports[port];
	struct rte_mbuf *mbufs[WORKER_BURST];
	uint16_t rx_queue = __atomic_load_n(&p->rx_queue, __ATOMIC_RELAXED);
	struct crossing_tap *tap;
	unsigned int n, ours;

	if (rx_queue == WORKER_NO_QUEUE)
		return 0;
	n = rte_eth_rx_burst(p->port_id, rx_queue, mbufs, WORKER_BURST);
	if (n == 0)
		return 0;
	tap = tap_of(w);
	if (unlikely(tap != NULL))
		tap_received(tap, port, mbufs, n);
	ours = unlikely(p->spread != SPREAD_OFF) ? spread_burst(w, port, mbufs, n) : n;
	if (ours > 0) {
		worker_process_burst(w, port, mbufs, ours);
		worker_flush(w);
	}
	crossing_count(&w->x->load.bursts, 1);
	crossing_count(&w->x->load.packets, n);
	return n;
}

// How many frames came in by a port or from another worker's; *others: those that were only handed
// over to be transmitted.
static unsigned int work(struct worker *w, unsigned int *others)
{
	unsigned int total = 0;

	*others = inject_some(w);
	if (unlikely(w->x->n_tx_from))
		*others += take_handed(w);
	for (unsigned int i = 0; i < w->n_ports; i++)
		total += poll_port(w, i);
	if (unlikely(w->x->n_spread_from))
		total += spread_take(w);
	crossing_count(&w->x->load.polls, 1);
	crossing_count(&w->x->load.busy_polls, total > 0);
	return total;
}

unsigned int worker_round(struct worker *w)
{
	struct crossing_load *load = &w->x->load;
	unsigned int total, others;
	uint64_t begin, took;

	if (likely(load->polls % CROSSING_SAMPLE)) {
		total = work(w, &others);
		return total + others;
	}
	begin = rte_rdtsc();
	if (w->reass)
		reass_expire(w->reass, begin, w->x->drops);
	total = work(w, &others);
	took = rte_rdtsc() - begin;
	crossing_count(total > 0 ? &load->busy_cycles : &load->idle_cycles, took);
	crossing_count(&load->timed_packets, total);
	return total + others;
}

// After so many rounds in a row without a frame.
static void rest(struct worker *w, unsigned int rounds)
{
	uint64_t begin;

	if (!w->idle_cb) {
		rte_pause();
		return;
	}
	begin = rte_rdtsc();
	w->idle_cb(w->idle_arg, rounds);
	// As if it had been one of those rounds of which one in so many is timed.
	crossing_count(&w->x->load.idle_cycles, (rte_rdtsc() - begin) / CROSSING_SAMPLE);
}

int worker_run(void *arg)
{
	struct worker *w = arg;
	unsigned int idle = 0; // rounds in a row

	mfib_worker_online(w->table);
	// Acquire: what the control thread injected before it said stop is on the rings.
	while (!atomic_load_explicit(&w->x->stop, memory_order_acquire)) {
		bool came = worker_round(w) > 0;

		mfib_worker_quiescent(w->table);
		if (!came)
			rest(w, ++idle);
		else if (unlikely(idle > 0 && w->idle_cb))
			w->idle_cb(w->idle_arg, 0);
		if (came)
			idle = 0;
	}
	mfib_worker_offline(w->table);
	for (unsigned int i = 0; i < w->x->n_inject; i++) {
		while (inject(w, w->x->inject_ifs[i]) > 0)
			;
	}
	return 0;
}

void worker_set_rx_queue(struct worker *w, unsigned int port, uint16_t rx_queue)
{
	__atomic_store_n(&w->ports[port].rx_queue, rx_queue, __ATOMIC_RELAXED);
}

void worker_mtus_set(struct worker *w)
{
	uint32_t min = UINT16_MAX;

	for (unsigned int i = 0; i < w->n_ifs; i++)
		min = RTE_MIN(min, (uint32_t)w->ifs[i].mtu);
	__atomic_store_n(&w->mtu_min, min, __ATOMIC_RELAXED);
}

void worker_set_mtu(struct worker *w, unsigned int ifindex, uint16_t mtu)
{
	__atomic_store_n(&w->ifs[ifindex].mtu, mtu, __ATOMIC_RELAXED);
	worker_mtus_set(w);
	if (!w->ifs[ifindex].vlan)
		__atomic_store_n(&w->tx[ifindex].plain_mtu, (uint32_t)mtu, __ATOMIC_RELAXED);
}
