// SPDX-License-Identifier: BSD-3-Clause
#include "base/wheel.h"

#include "base/timer.h"

// A link whose `prev` has this bit is the first of the slot that the rest of the bits name; one
// that is all zero is not in.
#define FIRST 0x80000000u
#define OPEN  (WHEEL_LEVELS * WHEEL_SLOTS)

void wheel_init(
	struct wheel *w, const struct slab *slab, size_t link, uint64_t (*due)(const void *object))
{
	*w = (struct wheel){.slab = slab, .link = link, .due = due};
}

static struct ilink *link_of(const struct wheel *w, const void *object)
{
	return ilink_of(object, w->link);
}

static unsigned int digit_of(uint64_t us, unsigned int level)
{
	return (unsigned int)(us >> (level * WHEEL_BITS)) & (WHEEL_SLOTS - 1);
}

// The slot of a deadline is on the level of the first digit in which it differs from now: all in it
// are later than those of finer levels.
static void put(struct wheel *w, void *object, uint64_t due_us)
{
	uint64_t us = due_us > w->at_us ? due_us : w->at_us, differ = us ^ w->at_us;
	unsigned int level = differ ? (63 - (unsigned int)__builtin_clzll(differ)) / WHEEL_BITS : 0;
	unsigned int digit = digit_of(us, level), slot = level * WHEEL_SLOTS + digit;
	uint32_t number = slab_number(object), next = w->slots[slot];

	*link_of(w, object) = (struct ilink){.prev = FIRST | slot, .next = next};
	if (next != SLAB_NONE)
		link_of(w, slab_at(w->slab, next))->prev = number;
	w->slots[slot] = number;
	w->used[level] |= 1ull << digit;
}

void wheel_add(struct wheel *w, void *object)
{
	uint64_t due_us = w->due(object);

	if (due_us != NEVER_US)
		put(w, object, due_us);
}

void wheel_remove(struct wheel *w, void *object)
{
	struct ilink *k = link_of(w, object);

	if (k->prev == 0)
		return;
	if (k->next != SLAB_NONE)
		link_of(w, slab_at(w->slab, k->next))->prev = k->prev;
	if (k->prev & FIRST) {
		uint32_t slot = k->prev & ~FIRST;

		w->slots[slot] = k->next;
		if (k->next == SLAB_NONE && slot != OPEN)
			w->used[slot / WHEEL_SLOTS] &= ~(1ull << slot % WHEEL_SLOTS);
	} else {
		link_of(w, slab_at(w->slab, k->prev))->next = k->next;
	}
	*k = (struct ilink){0};
}

void wheel_move(struct wheel *w, void *object)
{
	wheel_remove(w, object);
	wheel_add(w, object);
}

// The first slot that is used, and when it begins; NEVER_US with none.
static uint64_t first_slot(const struct wheel *w, unsigned int *slot)
{
	for (unsigned int level = 0; level < WHEEL_LEVELS; level++) {
		unsigned int digit, shift = level * WHEEL_BITS;
		uint64_t below;

		if (!w->used[level])
			continue;
		digit = (unsigned int)__builtin_ctzll(w->used[level]);
		below = ((uint64_t)WHEEL_SLOTS << shift) -
			1; // wraps to all of them on the last level
		if (level == WHEEL_LEVELS - 1)
			below = UINT64_MAX;
		*slot = level * WHEEL_SLOTS + digit;
		return (w->at_us & ~below) | (uint64_t)digit << shift;
	}
	return NEVER_US;
}

uint64_t wheel_next(const struct wheel *w)
{
	unsigned int slot;

	return w->slots[OPEN] != SLAB_NONE ? w->at_us : first_slot(w, &slot);
}

// What is in a slot is dealt out from now on.
static void open_slot(struct wheel *w, unsigned int slot)
{
	w->slots[OPEN] = w->slots[slot];
	w->slots[slot] = SLAB_NONE;
	w->used[slot / WHEEL_SLOTS] &= ~(1ull << slot % WHEEL_SLOTS);
	link_of(w, slab_at(w->slab, w->slots[OPEN]))->prev = FIRST | OPEN;
}

void *wheel_turn(struct wheel *w, uint64_t now_us)
{
	unsigned int slot = 0;
	uint64_t at_us, due_us;
	void *object;

	if (w->slots[OPEN] == SLAB_NONE) {
		at_us = first_slot(w, &slot);
		if (at_us > now_us) {
			// Nothing is between, so that every slot stays where it is.
			w->at_us = now_us > w->at_us ? now_us : w->at_us;
			return NULL;
		}
		w->at_us = at_us;
		open_slot(w, slot);
	}
	object = slab_at(w->slab, w->slots[OPEN]);
	wheel_remove(w, object);
	due_us = w->due(object);
	if (due_us <= w->at_us)
		return object;
	if (due_us != NEVER_US)
		put(w, object, due_us);
	return NULL;
}
