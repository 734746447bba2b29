// SPDX-License-Identifier: BSD-3-Clause
// Joins that name another upstream neighbor than us, by channel: what an operator asks for who
// waits for a channel that a router takes from elsewhere. A table of fixed size, a place a hash:
// the Join heard last has it.
#include "pim/pim_internal.h"

#include <stdlib.h>

#define PLACES 512 // a power of two

struct pim_elsewhere {
	uint64_t expires_us;
	struct sg sg;
	struct addr upstream;
	uint32_t joins;
};

struct elsewhere_rx {
	struct pim_if *pif;
	const struct pim_jp *jp;
	uint64_t now_us;
};

static struct pim_elsewhere *place_of(const struct pim_if *pif, const struct sg *sg)
{
	return &pif->elsewhere[hmap_hash_sg(sg) & (PLACES - 1)];
}

static void entry_cb(void *arg, const struct pim_jp_entry *e)
{
	const struct elsewhere_rx *rx = arg;
	struct sg sg = {.s = e->s, .g = e->g};
	struct pim_elsewhere *p;
	bool same;

	if (e->wildcard || e->rpt || !pim_group_is_ssm(rx->pif, &e->g))
		return;
	p = place_of(rx->pif, &sg);
	same = sg_eq(&p->sg, &sg) && addr_eq(&p->upstream, &rx->jp->upstream);
	if (e->join)
		*p = (struct pim_elsewhere){
			.expires_us = pim_after_s(rx->now_us, rx->jp->holdtime_s),
			.sg = sg,
			.upstream = rx->jp->upstream,
			.joins = same ? p->joins + 1 : 1};
	else if (same)
		*p = (struct pim_elsewhere){0};
}

void pim_elsewhere_input(struct pim_if *pif, const struct pim_jp *jp, uint64_t now_us)
{
	struct elsewhere_rx rx = {.pif = pif, .jp = jp, .now_us = now_us};

	if (!pif->elsewhere)
		pif->elsewhere = calloc(PLACES, sizeof(*pif->elsewhere));
	if (pif->elsewhere)
		pim_jp_walk(jp, entry_cb, &rx);
}

uint32_t pim_if_elsewhere(
	const struct pim_if *pif, const struct sg *sg, struct addr *upstream, uint64_t now_us)
{
	const struct pim_elsewhere *p = pif->elsewhere ? place_of(pif, sg) : NULL;

	if (!p || !sg_eq(&p->sg, sg) || p->expires_us <= now_us)
		return 0;
	*upstream = p->upstream;
	return p->joins;
}
