// SPDX-License-Identifier: BSD-3-Clause
#include "crossing/police.h"

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>

// Strangers have one part in so many; a bucket of one sender, and of one stranger, of what its kind
// has. A sender has two buckets: together they are half, and leave the other half to the rest.
#define STRANGERS 10
#define SENDER	  4
#define STRANGER  8

static bool has_known(enum punt_class k)
{
	return k == PUNT_NEIGHBOR || k == PUNT_PIM || k == PUNT_AMT || k == PUNT_DNS;
}

static void rate_set(struct police_rate *to, uint64_t per_s, uint64_t part, uint64_t tsc_hz)
{
	uint64_t rate = per_s / part, gap = 0;

	if (per_s > 0)
		gap = tsc_hz / (rate > 0 ? rate : 1);
	__atomic_store_n(&to->ahead, tsc_hz, __ATOMIC_RELAXED);
	__atomic_store_n(&to->gap, gap, __ATOMIC_RELAXED);
}

int crossing_police_set(
	struct crossing *c, const struct crossing_police_cfg *cfg, uint64_t tsc_hz, uint64_t seed)
{
	struct crossing_police *p = c->police;

	if (!p) {
		p = rte_zmalloc("police", sizeof(*p), RTE_CACHE_LINE_SIZE);
		if (!p)
			return -ENOMEM;
		p->seed = seed;
		c->police = p;
		for (unsigned int i = 0; i < c->n_workers; i++)
			c->workers[i]->police = p;
	}
	for (int k = 0; k < PUNT_CLASSES; k++) {
		uint64_t strangers = has_known((enum punt_class)k) ? STRANGERS : 1;
		uint64_t stranger = has_known((enum punt_class)k) ? STRANGER : SENDER;

		rate_set(&p->rates[k][true], cfg->rate[k], 1, tsc_hz);
		rate_set(&p->sender[k][true], cfg->rate[k], SENDER, tsc_hz);
		rate_set(&p->rates[k][false], cfg->rate[k], strangers, tsc_hz);
		rate_set(&p->sender[k][false], cfg->rate[k], strangers * stranger, tsc_hz);
	}
	return 0;
}

static uint64_t hash_of(const struct crossing_police *p, unsigned int ifindex, const struct addr *a)
{
	uint64_t half[2] = {0};

	if (a->family == ADDR_V4)
		memcpy(&half[0], a->bytes, 4);
	else
		memcpy(half, a->bytes, sizeof(half));
	return police_hash(p, ifindex, half[0], half[1]);
}

void crossing_police_know(
	struct crossing *c, unsigned int ifindex, const struct addr *a, uint64_t until_us)
{
	struct crossing_police *p = c->police;
	uint64_t hash;
	unsigned int set;
	int free = -1;

	if (!p)
		return;
	hash = hash_of(p, ifindex, a);
	set = hash >> 32 & (POLICE_SETS - 1);
	for (int i = 0; i < POLICE_WAYS; i++) {
		uint64_t is = atomic_load_explicit(&p->known[set][i], memory_order_relaxed);

		if (is == hash) {
			if (until_us > p->until_us[set][i])
				p->until_us[set][i] = until_us;
			return;
		}
		if (is == 0)
			free = i;
	}
	if (free < 0)
		return;
	p->until_us[set][free] = until_us;
	p->n_known++;
	atomic_store_explicit(&p->known[set][free], hash, memory_order_relaxed);
}

unsigned int crossing_police_expire(struct crossing *c, uint64_t now_us)
{
	struct crossing_police *p = c->police;

	if (!p)
		return 0;
	for (int set = 0; set < POLICE_SETS && p->n_known > 0; set++) {
		for (int i = 0; i < POLICE_WAYS; i++) {
			if (atomic_load_explicit(&p->known[set][i], memory_order_relaxed) == 0 ||
				p->until_us[set][i] > now_us)
				continue;
			atomic_store_explicit(&p->known[set][i], 0, memory_order_relaxed);
			p->n_known--;
		}
	}
	return p->n_known;
}
