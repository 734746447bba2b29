// SPDX-License-Identifier: BSD-3-Clause
#include "base/slab.h"

#include <stdlib.h>
#include <string.h>

#define LINE  64
#define CHUNK 32768 // octets, and its alignment

struct slab_chunk {
	struct slab_chunk *next;
	_Alignas(LINE) uint8_t objects[];
};

void slab_init(struct slab *s, size_t size)
{
	*s = (struct slab){.size = size};
}

#ifdef __SANITIZE_ADDRESS__
// For the sanitizer to see who uses what was given back.

void *slab_get(struct slab *s)
{
	void *p = aligned_alloc(LINE, (s->size + LINE - 1) / LINE * LINE);

	if (!p)
		return NULL;
	s->count++;
	return memset(p, 0, s->size);
}

void slab_put(struct slab *s, void *object)
{
	s->count--;
	free(object);
}

void *slab_next(const struct slab *s, const void *object)
{
	(void)s;
	(void)object;
	return NULL;
}

void slab_fini(struct slab *s)
{
	slab_init(s, s->size);
}

#else

static uint32_t per_chunk(const struct slab *s)
{
	return (uint32_t)((CHUNK - sizeof(struct slab_chunk)) / s->size);
}

void *slab_get(struct slab *s)
{
	void *p = s->free;

	if (p) {
		memcpy(&s->free, p, sizeof(s->free));
	} else {
		if (!s->chunks || s->used == per_chunk(s)) {
			struct slab_chunk *c = aligned_alloc(CHUNK, CHUNK);

			if (!c)
				return NULL;
			c->next = s->chunks;
			s->chunks = c;
			s->used = 0;
		}
		p = s->chunks->objects + s->used++ * s->size;
	}
	s->count++;
	return memset(p, 0, s->size);
}

// The first chunk stays: one object may come and go all the time.
static void slab_empty(struct slab *s)
{
	struct slab_chunk *c;

	while ((c = s->chunks->next)) {
		s->chunks->next = c->next;
		free(c);
	}
	s->free = NULL;
	s->used = 0;
}

void slab_put(struct slab *s, void *object)
{
	memcpy(object, &s->free, sizeof(s->free));
	s->free = object;
	if (--s->count == 0)
		slab_empty(s);
}

void *slab_next(const struct slab *s, const void *object)
{
	struct slab_chunk *c = (void *)((uintptr_t)object & ~(uintptr_t)(CHUNK - 1));
	size_t next = ((size_t)((const uint8_t *)object - c->objects) + s->size) / s->size;

	if (next >= (c == s->chunks ? s->used : per_chunk(s)))
		return NULL;
	return c->objects + next * s->size;
}

void slab_fini(struct slab *s)
{
	struct slab_chunk *c;

	while ((c = s->chunks)) {
		s->chunks = c->next;
		free(c);
	}
	slab_init(s, s->size);
}

#endif
