// SPDX-License-Identifier: BSD-3-Clause
#include "base/slab.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK	  16384	       // the alignment of a chunk
#define CHUNK_LEN (CHUNK - 16) // with malloc()'s own word they lie side by side

static_assert(sizeof(struct slab_chunk) <= SLAB_HEAD, "objects come after it");

void slab_init(struct slab *s, size_t size)
{
	*s = (struct slab){.size = size};
}

#ifdef __SANITIZE_ADDRESS__

static struct slab_chunk *chunk_of(const void *object)
{
	return (void *)((uintptr_t)object - SLAB_HEAD);
}

static uint32_t per_chunk(const struct slab *s)
{
	(void)s;
	return 1;
}

static void *chunk_alloc(const struct slab *s)
{
	return calloc(1, SLAB_HEAD + s->size);
}

// Its number is not given again until the slab was empty.
static void object_put(struct slab *s, void *object)
{
	struct slab_chunk *c = chunk_of(object);

	s->chunks[c->first - 1] = NULL;
	free(c);
}

#else

static struct slab_chunk *chunk_of(const void *object)
{
	return (void *)((uintptr_t)object & ~(uintptr_t)(CHUNK - 1));
}

static uint32_t per_chunk(const struct slab *s)
{
	size_t n = (CHUNK_LEN - SLAB_HEAD) / s->size;

	return n < 1u << SLAB_BITS ? (uint32_t)n : 1u << SLAB_BITS;
}

static void *chunk_alloc(const struct slab *s)
{
	void *p;

	(void)s;
	return posix_memalign(&p, CHUNK, CHUNK_LEN) == 0 ? p : NULL;
}

static void object_put(struct slab *s, void *object)
{
	uint32_t number = slab_number(object);

	memcpy(object, &s->free, sizeof(s->free));
	s->free = number;
}

#endif

static uint8_t *objects_of(struct slab_chunk *c)
{
	return (uint8_t *)c + SLAB_HEAD;
}

static int slab_grow(struct slab *s)
{
	struct slab_chunk *c;

	if (s->n_chunks == s->room) {
		uint32_t room = s->room ? s->room + s->room / 2 : 4;
		struct slab_chunk **chunks = s->chunks;

		if (room > UINT32_MAX >> SLAB_BITS)
			return -1;
		// NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
		chunks = realloc(chunks, room * sizeof(*chunks));
		if (!chunks)
			return -1;
		s->chunks = chunks;
		s->room = room;
	}
	c = chunk_alloc(s);
	if (!c)
		return -1;
	c->slab = s;
	c->first = (s->n_chunks << SLAB_BITS) + 1;
	// A product and a shift instead of a division; right for offsets within a chunk.
	c->inverse = (uint32_t)((UINT32_MAX + s->size) / s->size);
	s->chunks[s->n_chunks++] = c;
	s->used = 0;
	return 0;
}

void *slab_get(struct slab *s)
{
	void *p;

	if (s->free) {
		p = slab_at(s, s->free);
		memcpy(&s->free, p, sizeof(s->free));
	} else {
		if ((s->n_chunks == 0 || s->used == per_chunk(s)) && slab_grow(s) != 0)
			return NULL;
		p = objects_of(s->chunks[s->n_chunks - 1]) + s->used++ * s->size;
	}
	s->count++;
	return memset(p, 0, s->size);
}

// The first chunk stays, where there are more objects than one in each: one may come and go all the
// time.
static void slab_empty(struct slab *s)
{
	uint32_t kept = SLAB_BITS > 0;

	while (s->n_chunks > kept)
		free(s->chunks[--s->n_chunks]);
	s->free = SLAB_NONE;
	s->used = 0;
}

void slab_put(struct slab *s, void *object)
{
	object_put(s, object);
	if (--s->count == 0)
		slab_empty(s);
}

uint32_t slab_number(const void *object)
{
	struct slab_chunk *c = chunk_of(object);
	uint64_t offset = (uint64_t)((const uint8_t *)object - objects_of(c));

	return c->first + (uint32_t)(offset * c->inverse >> 32);
}

struct slab *slab_of(const void *object)
{
	return chunk_of(object)->slab;
}

void *slab_next(const struct slab *s, const void *object)
{
	struct slab_chunk *c = chunk_of(object);
	uint32_t next;

	if (SLAB_BITS == 0) // the object may be gone, and nothing lies behind it
		return NULL;
	next = slab_number(object) - c->first + 1;
	if (next >= (c == s->chunks[s->n_chunks - 1] ? s->used : per_chunk(s)))
		return NULL;
	return objects_of(c) + next * s->size;
}

size_t slab_octets(const struct slab *s)
{
	size_t sum = s->room * sizeof(struct slab_chunk *);

	return sum + (SLAB_BITS ? (size_t)s->n_chunks * CHUNK : s->count * (SLAB_HEAD + s->size));
}

void slab_fini(struct slab *s)
{
	while (s->n_chunks > 0)
		free(s->chunks[--s->n_chunks]);
	free(s->chunks);
	slab_init(s, s->size);
}
