// SPDX-License-Identifier: BSD-3-Clause
// Objects of one size, of which there are very many: without malloc()'s octets around each, and
// aligned to what they are aligned to in their chunk. The memory is given back when the last one
// is.
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

struct slab {
	size_t size;
	struct slab_chunk *chunks;
	void *free;	// a list of objects that were in use
	uint32_t used;	// objects of the newest chunk that ever were
	uint32_t count; // in use
};

// size: a multiple of 8. Objects of 64, 128, ... octets begin at a cache line.
void slab_init(struct slab *s, size_t size);
// All zero; NULL when out of memory.
void *slab_get(struct slab *s);
void slab_put(struct slab *s, void *object);
// What lies behind an object in memory, whether in use or not: a guess at what was made after it.
// NULL where that was never one. The owner must be able to tell: what slab_put() leaves of an
// object is all but its first 8 octets.
void *slab_next(const struct slab *s, const void *object);
// Objects still in use go too.
void slab_fini(struct slab *s);

#endif
