// SPDX-License-Identifier: BSD-3-Clause
// A burst: parse, lookup, decap, emit; and up to the control thread what is not ours. The common
// case is accepted here with few branches; everything else, drops included, is classify()'s.
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "crossing/crossing.h"
#include "fastpath/cksum.h"
#include "fastpath/classify.h"
#include "fastpath/emit.h"
#include "fastpath/headers.h"
#include "fastpath/worker.h"
#include "mfib/mfib_table.h"

// How far the bucket prefetch runs ahead: prefetching a whole burst at once stalls on miss buffers.
#define AHEAD 16

// With no VLAN tag and no options all headers fill exactly one cache line of the frame.
#define COMMON_L4    (ETH_LEN + IPV4_LEN)
#define COMMON_AMT   (COMMON_L4 + UDP_LEN)
#define COMMON_INNER (COMMON_AMT + AMT_LEN)
#define COMMON_LEN   (COMMON_INNER + IPV4_LEN)

struct candidate {
	struct mfib_key key;
	uint64_t hash;
	bool common; // looks like data; else all is left to classify()
};

struct burst {
	struct worker *w;
	unsigned int ifindex;
	struct mfib_buckets *buckets;
	unsigned int n_punt[PUNT_CLASSES];
	struct rte_mbuf *punt[PUNT_CLASSES][WORKER_BURST];
};

static inline void candidate_find(
	const struct burst *b, const struct rte_mbuf *m, struct candidate *c)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	unsigned int local;
	uint32_t dst;

	c->common = false;
	if (m->nb_segs != 1 || rte_pktmbuf_data_len(m) < COMMON_LEN)
		return;
	if (get_be16(p + 12) != ETHERTYPE_IPV4 || p[ETH_LEN] != 0x45 ||
		(get_be16(p + ETH_LEN + 6) & IPV4_FRAG_MASK) || p[ETH_LEN + 9] != PROTO_UDP ||
		get_be16(p + COMMON_L4) != AMT_UDP_PORT || p[COMMON_AMT] != AMT_TYPE_DATA ||
		p[COMMON_INNER] != 0x45 || p[COMMON_INNER + 16] >> 4 != 14)
		return;
	dst = get_raw32(p + ETH_LEN + 16);
	if (dst == 0 || !b->w->ifs[b->ifindex].upstream)
		return;
	local = mfib_local_find(b->w->table->ep, dst);
	if (!local)
		return;
	c->key = mfib_key_make(p + COMMON_INNER + 12, get_raw32(p + ETH_LEN + 12),
		get_raw16(p + COMMON_L4 + 2), local);
	c->hash = mfib_hash(b->buckets, &c->key);
	mfib_prefetch(b->buckets, c->hash);
	c->common = true;
}

static inline void forward(struct worker *w, struct rte_mbuf *m, struct mfib_entry *e,
	uint16_t inner, uint16_t inner_len, uint8_t ecn)
{
	uint32_t oifs = mfib_entry_oifs(e);

	mfib_entry_count(e, inner_len);
	decap(m, inner, inner_len, ecn);
	emit(w, m, oifs);
}

// True when m was forwarded.
static inline bool forward_common(struct burst *b, struct rte_mbuf *m, const struct candidate *c)
{
	const struct worker_if *wif = &b->w->ifs[b->ifindex];
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t ip_len, udp_len, inner_len;
	struct mfib_entry *e;
	uint8_t ecn;

	if (!c->common)
		return false;
	ip_len = get_be16(p + ETH_LEN + 2);
	udp_len = get_be16(p + COMMON_L4 + 4);
	inner_len = get_be16(p + COMMON_INNER + 2);
	if (ip_len + ETH_LEN > rte_pktmbuf_data_len(m) || udp_len + IPV4_LEN > ip_len ||
		inner_len + UDP_LEN + AMT_LEN > udp_len || inner_len < IPV4_LEN)
		return false;
	if (!outer_cksum_ok(m, p + ETH_LEN, IPV4_LEN, wif->ip_cksum_hw) ||
		!udp_cksum_ok(m, p + ETH_LEN, p + COMMON_L4, udp_len, wif->l4_cksum_hw) ||
		!ipv4_cksum_ok(p + COMMON_INNER))
		return false;
	if (p[COMMON_INNER + 8] <= 1)
		return false;
	ecn = ecn_decap[p[ETH_LEN + 1] & ECN_MASK][p[COMMON_INNER + 1] & ECN_MASK];
	if (ecn == ECN_DROP)
		return false;
	e = mfib_lookup(b->buckets, &c->key, c->hash);
	if (!e || mfib_entry_oifs(e) == 0)
		return false;
	forward(b->w, m, e, COMMON_INNER, inner_len, ecn);
	return true;
}

static void process_rest(struct burst *b, struct rte_mbuf *m)
{
	struct class c = classify(b->w, b->ifindex, b->buckets, m);
	enum punt_class k;

	switch (c.verdict) {
	case VERDICT_FORWARD:
		forward(b->w, m, c.entry, c.inner, c.inner_len, c.ecn);
		return;
	case VERDICT_DROP:
		crossing_count(&b->w->x->drops[c.reason], 1);
		rte_pktmbuf_free(m);
		return;
	case VERDICT_PUNT_CONTROL:
	case VERDICT_PUNT_OTHER:
		k = c.verdict == VERDICT_PUNT_CONTROL ? PUNT_CONTROL : PUNT_OTHER;
		m->port = b->w->ifs[b->ifindex].port_id;
		b->punt[k][b->n_punt[k]++] = m;
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
	crossing_count(&x->ifs[b->ifindex].punted[k], sent);
	if (sent < n) {
		crossing_count(&x->drops[full], n - sent);
		rte_pktmbuf_free_bulk(b->punt[k] + sent, n - sent);
	}
}

void worker_process_burst(
	struct worker *w, unsigned int ifindex, struct rte_mbuf **mbufs, unsigned int n)
{
	struct burst b = {.w = w, .ifindex = ifindex, .buckets = mfib_table_buckets(w->table)};
	struct crossing_if_stats *s = &w->x->ifs[ifindex];
	struct candidate c[WORKER_BURST];
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
	for (unsigned int i = 0; i < n && i < AHEAD; i++)
		candidate_find(&b, mbufs[i], &c[i]);
	for (unsigned int i = 0; i < n; i++) {
		if (i + AHEAD < n)
			candidate_find(&b, mbufs[i + AHEAD], &c[i + AHEAD]);
		bytes += rte_pktmbuf_pkt_len(mbufs[i]);
		if (!forward_common(&b, mbufs[i], &c[i]))
			process_rest(&b, mbufs[i]);
	}
	crossing_count(&s->rx_packets, n);
	crossing_count(&s->rx_bytes, bytes);
	punt_flush(&b, PUNT_CONTROL, DROP_PUNT_FULL_CONTROL);
	punt_flush(&b, PUNT_OTHER, DROP_PUNT_FULL_OTHER);
}
