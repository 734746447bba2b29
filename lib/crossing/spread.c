// SPDX-License-Identifier: BSD-3-Clause
#include "crossing/spread.h"

#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_malloc.h>

#include "base/addr.h"
#include "crossing/crossing_internal.h"

static int table_create(struct crossing *c)
{
	if (c->spread)
		return 0;
	c->spread = rte_zmalloc("crossing_spread", sizeof(*c->spread), RTE_CACHE_LINE_SIZE);
	if (!c->spread)
		return -ENOMEM;
	for (unsigned int i = 0; i < SPREAD_ENTRIES; i++) {
		c->spread->tunnel[i] = (uint8_t)(i % c->n_workers);
		c->spread->channel[i] = (uint8_t)(i % c->n_workers);
	}
	for (unsigned int i = 0; i < c->n_workers; i++)
		c->workers[i]->spread = c->spread;
	return 0;
}

int crossing_spread_open(struct crossing *c, unsigned int from, unsigned int ring)
{
	struct crossing_worker *x;

	if (from >= c->n_workers)
		return -EINVAL;
	x = c->workers[from];
	if (x->spread_counts)
		return 0;
	if (table_create(c) < 0)
		return -ENOMEM;
	x->spread_counts = rte_zmalloc(
		"crossing_spread_counts", sizeof(*x->spread_counts), RTE_CACHE_LINE_SIZE);
	if (!x->spread_counts)
		return -ENOMEM;
	for (unsigned int i = 0; i < c->n_workers; i++) {
		struct crossing_worker *y = c->workers[i];

		if (i == from)
			continue;
		x->spread_to[i] = crossing_ring_create(ring, SOCKET_ID_ANY);
		if (!x->spread_to[i])
			return -ENOMEM;
		y->spread_from[y->n_spread_from++] = x->spread_to[i];
	}
	return 0;
}

// As the workers read it from a frame.
static uint64_t word_of(const struct addr *a)
{
	uint64_t upper, lower;
	uint32_t v4;

	if (a->family == ADDR_V4) {
		memcpy(&v4, a->bytes, sizeof(v4));
		return v4;
	}
	memcpy(&upper, a->bytes, sizeof(upper));
	memcpy(&lower, a->bytes + 8, sizeof(lower));
	return spread_fold6(upper, lower);
}

unsigned int crossing_spread_tunnel(const struct addr *relay, uint16_t local_port)
{
	return spread_tunnel_hash(word_of(relay), rte_cpu_to_be_16(local_port));
}

unsigned int crossing_spread_channel(const struct sg *sg)
{
	return spread_channel_hash(word_of(&sg->s), word_of(&sg->g));
}

static int get(const struct crossing *c, const uint8_t *table, unsigned int entry)
{
	if (!c->spread)
		return -ENODEV;
	return entry < SPREAD_ENTRIES ? __atomic_load_n(&table[entry], __ATOMIC_RELAXED) : -EINVAL;
}

static int set(const struct crossing *c, uint8_t *table, unsigned int entry, unsigned int worker)
{
	if (!c->spread)
		return -ENODEV;
	if (entry >= SPREAD_ENTRIES)
		return -EINVAL;
	__atomic_store_n(&table[entry], (uint8_t)worker, __ATOMIC_RELAXED);
	return 0;
}

int crossing_spread_get_tunnel(const struct crossing *c, unsigned int entry)
{
	return get(c, c->spread ? c->spread->tunnel : NULL, entry);
}

int crossing_spread_get_channel(const struct crossing *c, unsigned int entry)
{
	return get(c, c->spread ? c->spread->channel : NULL, entry);
}

int crossing_spread_set_tunnel(struct crossing *c, unsigned int entry, unsigned int worker)
{
	if (worker >= c->n_workers && worker != SPREAD_BY_CHANNEL)
		return -EINVAL;
	return set(c, c->spread ? c->spread->tunnel : NULL, entry, worker);
}

int crossing_spread_set_channel(struct crossing *c, unsigned int entry, unsigned int worker)
{
	if (worker >= c->n_workers)
		return -EINVAL;
	return set(c, c->spread ? c->spread->channel : NULL, entry, worker);
}

uint64_t crossing_spread_count_tunnel(const struct crossing *c, unsigned int entry)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < c->n_workers && entry < SPREAD_ENTRIES; i++)
		if (c->workers[i]->spread_counts)
			n += __atomic_load_n(
				&c->workers[i]->spread_counts->tunnel[entry], __ATOMIC_RELAXED);
	return n;
}

uint64_t crossing_spread_count_channel(const struct crossing *c, unsigned int entry)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < c->n_workers && entry < SPREAD_ENTRIES; i++)
		if (c->workers[i]->spread_counts)
			n += __atomic_load_n(
				&c->workers[i]->spread_counts->channel[entry], __ATOMIC_RELAXED);
	return n;
}
