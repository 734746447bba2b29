// SPDX-License-Identifier: BSD-3-Clause
#include "bench/product.h"

#include <stdlib.h>

#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "bench/sink.h"
#include "mfib/mfib_table.h"

#define VLANS 4096

const char *const product_l2_names[PRODUCT_L2S] = {
	[PRODUCT_SAME] = "same", [PRODUCT_OWN] = "own", [PRODUCT_CHAIN] = "chain"};

uint64_t product_oifs_cb(const void *arg, uint32_t channel)
{
	// Of 16 channels: one is to none, one to all, the others to 1, 2 or 3 that lie anywhere.
	uint64_t r = (channel + 1) * 0x9e3779b97f4a7c15ull, oifs = 0;
	const struct product *p = arg;

	if (channel < p->n_channels && !p->channels[channel])
		return ORACLE_NOT_JOINED; // it could not be
	if (!p->cfg.mixed)
		return ((1ull << p->cfg.fanout) - 1) << 1;
	if (channel % 16 == 0)
		return 0;
	if (channel % 16 == 1)
		return ~1ull;
	for (uint32_t i = 0; i <= channel % 3; i++, r >>= 16)
		oifs |= 2ull << (r >> 8) % PRODUCT_MIXED_OIFS;
	return oifs;
}

// The k-th interface of a mixed product: eight a port; the first of them without a tag, the others
// two by two of one VLAN on two ports, so that they are twins.
static void if_mixed(struct worker_if *f, unsigned int k)
{
	static const uint16_t mtus[] = {1500, 1500, 9000, 1280, 576, 1500, 120, 68};
	unsigned int port = k % 8 + 1, of_port = k / 8;

	*f = (struct worker_if){.port = (uint16_t)port,
		.vlan = of_port == 0 ? 0 : (uint16_t)(100 + of_port * 8 + port / 2),
		.mtu = mtus[(k * 5 + of_port) % RTE_DIM(mtus)],
		.mac = {2, 0, 0, 1, 0, (uint8_t)(of_port % 2 ? 1 : port / 3)}};
}

static void ifs_make(struct product *p, struct worker *w)
{
	unsigned int n = p->cfg.mixed ? PRODUCT_MIXED_OIFS : p->cfg.fanout;

	w->n_ifs = n + 3;
	w->ifs[0] = (struct worker_if){.mtu = 1500, .upstream = true, .mac = {2, 0, 0, 1, 0, 99}};
	for (unsigned int i = 1; i <= n; i++) {
		struct worker_if *f = &w->ifs[i];

		if (p->cfg.mixed)
			if_mixed(f, i - 1);
		else
			*f = (struct worker_if){.port = (uint16_t)i,
				.mtu = 1500,
				.mac = {2, 0, 0, 1, 0,
					(uint8_t)(p->cfg.l2 == PRODUCT_SAME ? 1 : i)}};
	}
	w->ifs[n + 1] = w->ifs[0];
	w->ifs[n + 1].vlan = ORACLE_VLAN_UPSTREAM;
	w->ifs[n + 2] = w->ifs[0];
	w->ifs[n + 2].vlan = ORACLE_VLAN_OTHER;
	w->ifs[n + 2].upstream = false;
}

static void ports_make(struct product *p, struct worker *w)
{
	w->n_ports = p->cfg.mixed ? SINK_PORTS : p->cfg.fanout + 1;
	for (unsigned int i = 0; i < w->n_ports; i++)
		w->ports[i] = (struct worker_port){.port_id = (uint16_t)i,
			.ip_cksum_hw = true,
			.l4_cksum_hw = true,
			.multi_segs = p->cfg.mixed ? i != 5 : p->cfg.l2 == PRODUCT_CHAIN,
			.untagged = WORKER_NO_IF,
			.by_vlan = p->by_vlan + (size_t)i * VLANS};
	memset(p->by_vlan, WORKER_NO_IF, (size_t)SINK_PORTS * VLANS);
	for (unsigned int i = 0; i < w->n_ifs; i++) {
		const struct worker_if *f = &w->ifs[i];

		if (f->vlan)
			p->by_vlan[(size_t)f->port * VLANS + f->vlan] = (uint8_t)i;
		else
			w->ports[f->port].untagged = (uint8_t)i;
	}
}

static struct worker *worker_create(struct product *p)
{
	struct worker *w = rte_zmalloc("bench_worker", sizeof(*w), RTE_CACHE_LINE_SIZE);

	if (!w)
		return NULL;
	w->table = mfib_worker_table(p->mfib, 0);
	w->x = p->crossing->workers[0];
	ifs_make(p, w);
	ports_make(p, w);
	worker_prepare(w);
	return w;
}

// One call of the control thread's loop for so many changes, as at 100,000 a second.
static void turn(struct product *p, uint32_t done)
{
	if (done % 8192 == 0)
		mfib_reclaim(p->mfib);
}

static int join_all(struct product *p)
{
	const struct feed_shape *s = &p->joined;

	for (; p->n_tunnels < s->tunnels; p->n_tunnels++) {
		struct addr relay = feed_relay(s, p->n_tunnels),
			    local = feed_local(s, p->n_tunnels);
		struct mfib_tunnel *t =
			mfib_tunnel_add(p->mfib, &relay, &local, feed_port(s, p->n_tunnels));

		if (!t && !s->replay)
			return -1;
		p->tunnels[p->n_tunnels] = t;
	}
	for (; p->n_channels < s->channels; p->n_channels++) {
		struct mfib_tunnel *t = p->tunnels[feed_tunnel(s, p->n_channels)];
		struct sg sg = feed_sg(s, p->n_channels);

		if (t)
			p->channels[p->n_channels] = mfib_channel_add(
				p->mfib, t, &sg, product_oifs_cb(p, p->n_channels));
		if (!p->channels[p->n_channels] && !s->replay)
			return -1;
		turn(p, p->n_channels);
	}
	return 0;
}

struct product *product_create(
	const struct feed_shape *shape, const struct product_cfg *cfg, struct crossing *crossing)
{
	struct product *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->cfg = *cfg;
	p->joined = *shape;
	p->joined.traffic = FEED_HITS;
	p->world =
		(struct oracle_world){.joined = &p->joined, .oifs_cb = product_oifs_cb, .arg = p};
	p->crossing = crossing;
	p->tunnels = calloc(shape->tunnels, sizeof(struct mfib_tunnel *));
	p->channels = calloc(shape->channels, sizeof(struct mfib_channel *));
	p->by_vlan = malloc((size_t)SINK_PORTS * VLANS);
	p->mfib = mfib_create(1, NULL);
	if (!p->tunnels || !p->channels || !p->by_vlan || !p->mfib)
		goto fail;
	p->worker = worker_create(p);
	if (!p->worker || join_all(p) != 0)
		goto fail;
	mfib_reclaim(p->mfib);
	return p;
fail:
	product_destroy(p);
	return NULL;
}

void product_destroy(struct product *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; p->channels && i < p->n_channels; i++) {
		if (p->channels[i])
			mfib_channel_del(p->mfib, p->channels[i]);
		turn(p, i);
	}
	for (uint32_t i = 0; i < p->n_tunnels; i++) {
		if (p->tunnels[i])
			mfib_tunnel_del(p->mfib, p->tunnels[i]);
	}
	mfib_destroy(p->mfib);
	rte_free(p->worker);
	free(p->by_vlan);
	free(p->channels);
	free(p->tunnels);
	free(p);
}

void product_begin(void *state)
{
	struct product *p = state;

	mfib_worker_online(p->worker->table);
}

void product_burst(void *state, struct rte_mbuf **m, unsigned int n)
{
	struct product *p = state;
	struct worker *w = p->worker;

	worker_process_burst(w, 0, m, n);
	worker_flush(w);
	mfib_worker_quiescent(w->table);
}

void product_end(void *state)
{
	struct product *p = state;

	mfib_worker_offline(p->worker->table);
}

void product_drain(void *state)
{
	struct product *p = state;
	struct rte_mbuf *m[BENCH_BURST];
	unsigned int n;

	while ((n = crossing_punt_dequeue(p->crossing, PUNT_ALL, m, BENCH_BURST)) > 0)
		rte_pktmbuf_free_bulk(m, n);
}
