// SPDX-License-Identifier: BSD-3-Clause
#include "mfib/pool.h"

#include <stdlib.h>
#include <string.h>

static int pool_more(struct pool *p)
{
	struct mfib_channel **grown, *slab;

	if (p->n_slabs == UINT32_MAX / POOL_SLAB)
		return -1;
	grown = realloc(p->slab, (p->n_slabs + 1) * sizeof(struct mfib_channel *));
	if (!grown)
		return -1;
	p->slab = grown;
	slab = aligned_alloc(64, POOL_SLAB * sizeof(*slab));
	if (!slab)
		return -1;
	p->slab[p->n_slabs++] = slab;
	for (uint32_t i = POOL_SLAB; i-- > 0;) {
		slab[i].id = (p->n_slabs - 1) * POOL_SLAB + i + 1;
		pool_put(p, &slab[i]);
	}
	return 0;
}

struct mfib_channel *pool_get(struct pool *p)
{
	struct mfib_channel *c;
	uint32_t id;

	if (!p->free && pool_more(p) != 0)
		return NULL;
	c = p->free;
	id = c->id;
	p->free = c->next;
	memset(c, 0, sizeof(*c));
	c->id = id;
	return c;
}

void pool_put(struct pool *p, struct mfib_channel *c)
{
	c->next = p->free;
	p->free = c;
}

void pool_free(struct pool *p)
{
	for (uint32_t i = 0; i < p->n_slabs; i++)
		free(p->slab[i]);
	free(p->slab);
	*p = (struct pool){0};
}
