// SPDX-License-Identifier: BSD-3-Clause
// A list of the objects of a slab by their numbers: half the size of one by pointers.
#ifndef BASE_ILIST_H
#define BASE_ILIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slab.h"

struct ilist { // all zero: empty
	uint32_t first, last;
};
struct ilink { // in an object; at what offset is said with each call
	uint32_t prev, next;
};

static inline struct ilink *ilink_of(const void *object, size_t link)
{
	return (struct ilink *)(void *)((uintptr_t)object + link);
}
static inline bool ilist_empty(const struct ilist *l)
{
	return l->first == SLAB_NONE;
}
// NULL where there is none.
static inline void *ilist_first(const struct ilist *l, const struct slab *s)
{
	return l->first != SLAB_NONE ? slab_at(s, l->first) : NULL;
}
static inline void *ilist_next(const struct slab *s, const void *object, size_t link)
{
	uint32_t next = ilink_of(object, link)->next;

	return next != SLAB_NONE ? slab_at(s, next) : NULL;
}
// At the end.
static inline void ilist_append(struct ilist *l, const struct slab *s, void *object, size_t link)
{
	uint32_t number = slab_number(object);

	*ilink_of(object, link) = (struct ilink){.prev = l->last};
	if (l->last != SLAB_NONE)
		ilink_of(slab_at(s, l->last), link)->next = number;
	else
		l->first = number;
	l->last = number;
}
static inline void ilist_remove(struct ilist *l, const struct slab *s, void *object, size_t link)
{
	const struct ilink *k = ilink_of(object, link);

	if (k->prev != SLAB_NONE)
		ilink_of(slab_at(s, k->prev), link)->next = k->next;
	else
		l->first = k->next;
	if (k->next != SLAB_NONE)
		ilink_of(slab_at(s, k->next), link)->prev = k->prev;
	else
		l->last = k->prev;
}

#endif
