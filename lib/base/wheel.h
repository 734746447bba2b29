// SPDX-License-Identifier: BSD-3-Clause
// When something is due for very many objects of a slab: a timing wheel of wheels (Varghese and
// Lauck 1987), exact to the microsecond, in which an object pays eight octets and no place in a
// heap.
//
// An object keeps its deadline itself, and is asked for it when its turn comes near. One whose
// deadline has moved away meanwhile is only put where it belongs then: a refresh does not touch the
// wheel.
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/ilist.h"
#include "base/slab.h"

#define WHEEL_BITS   6 // of the time that a level tells apart
#define WHEEL_SLOTS  (1u << WHEEL_BITS)
#define WHEEL_LEVELS 11 // for 64 bits

struct wheel {
	const struct slab *slab;
	size_t link;			     // offset of an object's struct ilink
	uint64_t (*due)(const void *object); // NEVER_US: not at all
	uint64_t at_us;			     // how far it has been turned
	// The first of each slot, and of the one that is being dealt out to finer levels.
	uint32_t slots[WHEEL_LEVELS * WHEEL_SLOTS + 1];
	uint64_t used[WHEEL_LEVELS]; // a bit a slot
};

void wheel_init(
	struct wheel *w, const struct slab *slab, size_t link, uint64_t (*due)(const void *object));
// An object that is not in, whose link is all zero: it is looked at when it is due. One that is
// never due is not put in.
void wheel_add(struct wheel *w, void *object);
// The deadline has come nearer, or to NEVER_US. (Where it moves away nothing needs be said.)
void wheel_move(struct wheel *w, void *object);
void wheel_remove(struct wheel *w, void *object); // in or not
// When wheel_turn() is to be called next, which may be earlier than the first deadline; NEVER_US
// when nothing is in.
uint64_t wheel_next(const struct wheel *w);
// A piece of work: an object that is due, taken out; or NULL, when wheel_next() says whether there
// is more to do by now_us, which is not to go back.
void *wheel_turn(struct wheel *w, uint64_t now_us);

#endif
