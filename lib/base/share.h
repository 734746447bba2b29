// SPDX-License-Identifier: BSD-3-Clause
// Who has how much of something that is limited, by a hash of who asks: a place for each of so many
// hashes, so that who asks under many names needs no memory. Whoever has less than a quarter of the
// limit may have a sixteenth of it more when it is reached: who takes all that there is does not
// keep the others out. All zero: nobody has anything.
#ifndef BASE_SHARE_H
#define BASE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#define SHARE_PLACES  256
#define SHARE_RESERVE 16 // one part in so many
#define SHARE_SMALL   4

struct share {
	uint32_t n[SHARE_PLACES];
	uint32_t total;
};

// The place of who asks; 0 is nobody's in particular.
static inline uint8_t share_place(uint64_t who)
{
	return who ? (uint8_t)(1 + (who * 0x9e3779b97f4a7c15u >> 32) % (SHARE_PLACES - 1)) : 0;
}

static inline uint32_t share_most(uint32_t max)
{
	return max + max / SHARE_RESERVE;
}

// Whether one more is within the limit, for this place.
static inline bool share_ok(const struct share *s, uint8_t place, uint32_t max)
{
	return s->total < max || (s->total < share_most(max) && s->n[place] < max / SHARE_SMALL);
}

static inline void share_take(struct share *s, uint8_t place)
{
	s->n[place]++;
	s->total++;
}

static inline void share_give(struct share *s, uint8_t place)
{
	s->n[place]--;
	s->total--;
}

#endif
