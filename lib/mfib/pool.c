// SPDX-License-Identifier: BSD-3-Clause
#include "mfib/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int pool_more(struct pool *p)
{
	struct arena *slabs;

	if (p->n_slabs == UINT32_MAX / POOL_SLAB)
		return -ENOMEM;
	slabs = realloc(p->slabs, (p->n_slabs + 1) * sizeof(*slabs));
	if (!slabs)
		return -ENOMEM;
	p->slabs = slabs;
	if (arena_reserve(&slabs[p->n_slabs], POOL_SLAB * sizeof(struct mfib_channel), -1) != 0)
		return -ENOMEM;
	if (arena_populate(&slabs[p->n_slabs]) != 0) {
		arena_free(&slabs[p->n_slabs]);
		return -ENOMEM;
	}
	p->n_slabs++;
	return 0;
}

struct mfib_channel *pool_get(struct pool *p)
{
	struct mfib_channel *c = p->free;
	uint32_t id;

	if (c) {
		id = c->id;
		p->free = c->next;
	} else {
		if (p->used == p->n_slabs * POOL_SLAB && pool_more(p) != 0)
			return NULL;
		id = ++p->used;
		c = pool_at(p, id);
	}
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
		arena_free(&p->slabs[i]);
	free(p->slabs);
	*p = (struct pool){0};
}

size_t pool_mapped(const struct pool *p)
{
	size_t sum = 0;

	for (uint32_t i = 0; i < p->n_slabs; i++)
		sum += p->slabs[i].size;
	return sum;
}
