// SPDX-License-Identifier: BSD-3-Clause
#include "fastpath/spread.h"

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include <rte_ring.h>

#include "crossing/spread.h"
#include "fastpath/headers.h"

// What is needed of a frame. Words as they lie on the wire.
struct glance {
	uint64_t relay;
	uint16_t local_port;
	const uint8_t *inner;
};

// AMT data in UDP from the relays' port, complete up to the inner addresses. Fragments, options and
// extension headers are not looked into: such frames stay where they are.
static bool look(const struct rte_mbuf *m, struct glance *g)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *), *udp;
	unsigned int len = rte_pktmbuf_data_len(m), l3 = ETH_LEN, l4;
	uint16_t type;

	if (len < ETH_LEN + VLAN_LEN)
		return false;
	type = get_be16(p + 12);
	if (type == ETHERTYPE_VLAN) {
		type = get_be16(p + 16);
		l3 += VLAN_LEN;
	}
	if (type == ETHERTYPE_IPV4)
		l4 = l3 + IPV4_LEN;
	else if (type == ETHERTYPE_IPV6)
		l4 = l3 + IPV6_LEN;
	else
		return false;
	if (len < l4 + UDP_LEN + AMT_LEN + IPV4_LEN)
		return false;
	p += l3;
	if (type == ETHERTYPE_IPV4) {
		if (p[0] != 0x45 || p[9] != PROTO_UDP || (get_be16(p + 6) & IPV4_FRAG_MASK))
			return false;
		g->relay = get_raw32(p + 12);
	} else {
		if (p[6] != PROTO_UDP)
			return false;
		g->relay = spread_fold6(get_raw64(p + 8), get_raw64(p + 16));
	}
	udp = p + (l4 - l3);
	g->local_port = get_raw16(udp + 2);
	g->inner = udp + UDP_LEN + AMT_LEN;
	if (get_be16(udp) != AMT_UDP_PORT || udp[UDP_LEN] != AMT_TYPE_DATA)
		return false;
	return g->inner[0] >> 4 == 4 || len >= l4 + UDP_LEN + AMT_LEN + IPV6_LEN;
}

static unsigned int channel_entry(const uint8_t *ip)
{
	if (ip[0] >> 4 == 4)
		return spread_channel_hash(get_raw32(ip + 12), get_raw32(ip + 16));
	return spread_channel_hash(spread_fold6(get_raw64(ip + 8), get_raw64(ip + 16)),
		spread_fold6(get_raw64(ip + 24), get_raw64(ip + 32)));
}

// The worker for a frame; our own number for what stays.
static unsigned int target(const struct worker *w, unsigned int mode, const struct rte_mbuf *m)
{
	const struct crossing_spread *s = w->x->spread;
	struct crossing_spread_counts *counts = w->x->spread_counts;
	unsigned int entry, to = SPREAD_BY_CHANNEL;
	struct glance g;

	if (!look(m, &g))
		return w->x->index;
	if (mode == SPREAD_TUNNEL) {
		entry = spread_tunnel_hash(g.relay, g.local_port);
		crossing_count(&counts->tunnel[entry], 1);
		to = __atomic_load_n(&s->tunnel[entry], __ATOMIC_RELAXED);
	}
	if (to == SPREAD_BY_CHANNEL) {
		entry = channel_entry(g.inner);
		crossing_count(&counts->channel[entry], 1);
		to = __atomic_load_n(&s->channel[entry], __ATOMIC_RELAXED);
	}
	return to;
}

static void hand_out(struct worker *w, unsigned int to, struct rte_mbuf **mbufs, unsigned int n)
{
	unsigned int sent = rte_ring_sp_enqueue_burst(w->x->spread_to[to], (void **)mbufs, n, NULL);

	crossing_count(&w->x->load.spread, sent);
	if (sent == n)
		return;
	crossing_count(&w->x->drops[DROP_SPREAD_FULL], n - sent);
	rte_pktmbuf_free_bulk(mbufs + sent, n - sent);
}

unsigned int spread_burst(
	struct worker *w, unsigned int port, struct rte_mbuf **mbufs, unsigned int n)
{
	struct rte_mbuf *batch[WORKER_BURST] = {NULL};
	uint8_t to[WORKER_BURST];
	uint64_t others = 0;
	unsigned int kept = 0;

	for (unsigned int i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
	for (unsigned int i = 0; i < n; i++) {
		to[i] = (uint8_t)target(w, w->ports[port].spread, mbufs[i]);
		if (to[i] != w->x->index) {
			mbufs[i]->port = (uint16_t)port; // ours, for spread_take()
			others |= 1ull << to[i];
		}
	}
	for (; others; others &= others - 1) {
		unsigned int t = (unsigned int)__builtin_ctzll(others), k = 0;

		for (unsigned int i = 0; i < n; i++)
			if (to[i] == t)
				batch[k++] = mbufs[i];
		hand_out(w, t, batch, k);
	}
	for (unsigned int i = 0; i < n; i++)
		if (to[i] == w->x->index)
			mbufs[kept++] = mbufs[i];
	return kept;
}

unsigned int spread_take(struct worker *w)
{
	struct rte_mbuf *mbufs[WORKER_BURST];
	unsigned int total = 0, n, run;

	for (unsigned int k = 0; k < w->x->n_spread_from; k++) {
		n = rte_ring_sc_dequeue_burst(
			w->x->spread_from[k], (void **)mbufs, WORKER_BURST, NULL);
		if (n == 0)
			continue;
		for (unsigned int i = 0; i < n; i++) {
			// NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): n of them are set
			rte_prefetch0(mbufs[i]);
		}
		for (unsigned int i = 0; i < n; i += run) {
			uint16_t port = mbufs[i]->port;

			for (run = 1; i + run < n && mbufs[i + run]->port == port; run++)
				;
			worker_process_burst(w, port, mbufs + i, run);
			worker_flush(w);
		}
		crossing_count(&w->x->load.bursts, 1);
		crossing_count(&w->x->load.packets, n);
		total += n;
	}
	return total;
}
