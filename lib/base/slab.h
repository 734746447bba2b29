// SPDX-License-Identifier: BSD-3-Clause
// Objects of one size, of which there are very many: without malloc()'s octets around each, and
// told by a number that is half the size of a pointer. The memory is given back when the last one
// is.
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

struct slab_chunk;

struct slab {
	size_t size;
	struct slab_chunk **chunks; // by the upper bits of number - 1
	uint32_t n_chunks, room;    // chunks; places for them
	uint32_t free;		    // number of the first of those that were in use
	uint32_t used;		    // objects of the newest chunk that ever were
	uint32_t count;		    // in use
};

#define SLAB_NONE 0 // no object's number

// What begins a chunk; its objects come a cache line after that, so that those of 64, 128, ...
// octets begin at a cache line.
struct slab_chunk {
	struct slab *slab;
	uint32_t first; // number of the first object
	uint32_t inverse;
};
#define SLAB_HEAD 64
#ifdef __SANITIZE_ADDRESS__
#define SLAB_BITS 0 // an object a chunk, for the sanitizer to see who uses what was given back
#else
#define SLAB_BITS 10
#endif

// size: a multiple of 4, 16 at least. A slab stays where it is: its objects know it.
void slab_init(struct slab *s, size_t size);
// All zero; NULL when out of memory.
void *slab_get(struct slab *s);
void slab_put(struct slab *s, void *object);
// The object of a number that slab_number() has said, which is in use.
static inline void *slab_at(const struct slab *s, uint32_t number)
{
	uint8_t *chunk = (uint8_t *)s->chunks[(number - 1) >> SLAB_BITS];

	return chunk + SLAB_HEAD + ((number - 1) & ((1u << SLAB_BITS) - 1)) * s->size;
}
uint32_t slab_number(const void *object);
// Where an object is from.
struct slab *slab_of(const void *object);
// What lies behind an object in memory, whether in use or not: a guess at what was made after it.
// NULL where that was never one. The owner must be able to tell: what slab_put() leaves of an
// object is all but its first 4 octets.
void *slab_next(const struct slab *s, const void *object);
// Memory that it has, in octets.
size_t slab_octets(const struct slab *s);
// Objects still in use go too.
void slab_fini(struct slab *s);

#endif
