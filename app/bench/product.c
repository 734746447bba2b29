// SPDX-License-Identifier: BSD-3-Clause
#include "bench/product.h"

#include <stdlib.h>

#include <rte_byteorder.h>
#include <rte_malloc.h>

#include "fastpath/emit.h"
#include "mfib/mfib_table.h"

static struct worker *worker_create(struct product *p, unsigned int fanout)
{
	struct worker *w = rte_zmalloc("bench_worker", sizeof(*w), RTE_CACHE_LINE_SIZE);

	if (!w)
		return NULL;
	w->n_ifs = fanout + 1;
	w->table = mfib_worker_table(p->mfib, 0);
	w->x = p->crossing->workers[0];
	for (unsigned int i = 0; i < w->n_ifs; i++)
		w->ifs[i] = (struct worker_if){.port_id = (uint16_t)i,
			.mtu = 1500,
			.upstream = i == 0,
			.ip_cksum_hw = true,
			.l4_cksum_hw = true,
			.mac = {2, 0, 0, 1, 0, (uint8_t)i}};
	return w;
}

static int join_all(struct product *p, const struct feed_shape *shape)
{
	struct addr local = addr_from_v4(rte_cpu_to_be_32(FEED_LOCAL));

	for (; p->n_tunnels < shape->tunnels; p->n_tunnels++) {
		struct addr relay = addr_from_v4(rte_cpu_to_be_32(FEED_RELAYS + p->n_tunnels));

		p->tunnels[p->n_tunnels] = mfib_tunnel_add(
			p->mfib, &relay, &local, (uint16_t)(FEED_PORTS + p->n_tunnels));
		if (!p->tunnels[p->n_tunnels])
			return -1;
	}
	for (; p->n_channels < shape->channels; p->n_channels++) {
		uint32_t i = p->n_channels;
		struct sg sg = feed_sg(i, FEED_GROUPS);

		p->channels[i] =
			mfib_channel_add(p->mfib, p->tunnels[feed_tunnel(shape, i)], &sg, p->oifs);
		if (!p->channels[i])
			return -1;
	}
	return 0;
}

struct product *product_create(
	const struct feed_shape *shape, unsigned int fanout, struct crossing *crossing)
{
	struct product *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->crossing = crossing;
	p->oifs = ((1u << fanout) - 1) << 1;
	p->tunnels = calloc(shape->tunnels, sizeof(struct mfib_tunnel *));
	p->channels = calloc(shape->channels, sizeof(struct mfib_channel *));
	p->mfib = mfib_create(1, NULL);
	if (!p->tunnels || !p->channels || !p->mfib)
		goto fail;
	p->worker = worker_create(p, fanout);
	if (!p->worker || join_all(p, shape) != 0)
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
	for (uint32_t i = 0; i < p->n_channels; i++)
		mfib_channel_del(p->mfib, p->channels[i]);
	for (uint32_t i = 0; i < p->n_tunnels; i++)
		mfib_tunnel_del(p->mfib, p->tunnels[i]);
	mfib_destroy(p->mfib);
	rte_free(p->worker);
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
	for (unsigned int i = 0; i < w->n_ifs; i++)
		emit_flush(w, i);
	mfib_worker_quiescent(w->table);
}

void product_end(void *state)
{
	struct product *p = state;

	mfib_worker_offline(p->worker->table);
}

uint64_t product_drops(const struct product *p)
{
	uint64_t sum = 0;

	for (int i = 0; i < DROP_COUNT; i++)
		sum += crossing_drop(p->crossing, (enum drop_reason)i);
	return sum;
}
