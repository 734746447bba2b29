// SPDX-License-Identifier: BSD-3-Clause
// Channels whose source moves from one relay to another: for some seconds both deliver, and each
// packet is to leave once, whichever copy comes first. The frozen half, which a worker reads.
//
// Such a channel has an entry in the table for each of the two tunnels, with an empty oif set,
// which takes its packets off the fast line as it does for a channel that is sent nowhere; a record
// by the entry's key has the set. So a channel that does not move pays nothing. The records of both
// entries lead to one window: the digests of the last packets, each with a balance: how many more
// came from one side than from the other. What comes from the side that is ahead, or level, is
// forwarded; what comes from the other is a copy of one that was. So a source may send the same
// packet twice, and it leaves twice.
//
// The two tunnels may be two workers'. A window is the one thing that several workers write, with
// compare-and-swap: it is so only for channels that move, nobody waits for anybody, and a worker
// that stands still in the middle holds nobody up.
#ifndef MFIB_MFIB_MOVE_H
#define MFIB_MFIB_MOVE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "mfib/mfib_table.h"

// A slot of a window: the digest's upper bits, the round of its bucket's cursor that it was filled
// in, 1..MASK (0: never), and the balance, above 0 for side 0, plus BIAS.
#define MFIB_WINDOW_TAG	  20
#define MFIB_WINDOW_ROUND 14
#define MFIB_ROUND_MASK	  0x3fu
#define MFIB_BALANCE_MASK 0x3fffu
#define MFIB_BALANCE_BIAS 0x2000u
#define MFIB_WINDOW_SLOTS 7
// Buckets, as a power of two; the tag does not hold the bits that choose one.
#define MFIB_WINDOW_MIN_LOG 10
#define MFIB_WINDOW_MAX_LOG 17
static_assert(MFIB_WINDOW_MAX_LOG <= MFIB_WINDOW_TAG, "bits of the digest that are in neither");

// A cache line. The slots are filled in a circle, so the oldest gives way.
struct mfib_window_bucket {
	_Alignas(64) uint64_t cursor;	  // round << 3 | slot that is filled next; workers write
	uint64_t slot[MFIB_WINDOW_SLOTS]; // workers write
};
static_assert(sizeof(struct mfib_window_bucket) == 64, "a cache line");

#define MFIB_WINDOW_SEEDS 4
struct mfib_window {
	struct mfib_window_bucket *buckets;
	uint64_t mask;			  // of a digest: its bucket
	uint64_t seed[MFIB_WINDOW_SEEDS]; // of digests: random
};

struct mfib_move {
	struct mfib_move *next;	       // of its chain; control writes, workers read
	uint64_t key[MFIB_WIDE_WORDS]; // of the entry; a narrow one ends in zeroes
	struct mfib_window *window;
	uint64_t oifs; // control writes, workers read
	uint64_t side; // 0 or 1
	// Workers count, by atomic additions; control reads.
	uint64_t forwarded, duplicates;
};

#define MFIB_MOVES_LOG	 12
#define MFIB_MOVES_SEEDS MFIB_WIDE_WORDS
struct mfib_moves {
	uint64_t seed[MFIB_MOVES_SEEDS];
	uint32_t n; // control writes, workers read: 0 spares them the look
	struct mfib_move *chains[1 << MFIB_MOVES_LOG]; // control writes, workers read
};

static inline unsigned int mfib_moves_chain(
	const struct mfib_moves *m, const uint64_t key[MFIB_WIDE_WORDS])
{
	uint64_t h = 0;

	for (unsigned int i = 0; i < MFIB_WIDE_WORDS; i += 2)
		h ^= mfib_fold(key[i] ^ m->seed[i], key[i + 1] ^ m->seed[i + 1]);
	return (unsigned int)(h >> (64 - MFIB_MOVES_LOG));
}

// Valid until the worker is quiescent; NULL when the entry's channel is in no move.
static inline struct mfib_move *mfib_moves_find(
	const struct mfib_moves *m, const uint64_t key[MFIB_WIDE_WORDS])
{
	struct mfib_move *v;

	if (__atomic_load_n(&m->n, __ATOMIC_ACQUIRE) == 0)
		return NULL;
	v = __atomic_load_n(&m->chains[mfib_moves_chain(m, key)], __ATOMIC_ACQUIRE);
	while (v && memcmp(v->key, key, sizeof(v->key)) != 0)
		v = __atomic_load_n(&v->next, __ATOMIC_ACQUIRE);
	return v;
}

// The oif set of the entry whose counter this is; it lies before it in either kind.
static inline uint64_t mfib_entry_oifs(const uint64_t *count)
{
	return __atomic_load_n(count - 1, __ATOMIC_ACQUIRE);
}

// The record of the entry whose counter this is, and which is in the narrow table or in the wide
// one.
static inline struct mfib_move *mfib_move_of(
	const struct mfib_moves *m, const uint64_t *count, bool wide)
{
	uint64_t key[MFIB_WIDE_WORDS] = {0};

	if (wide) {
		memcpy(key, count - 1 - MFIB_WIDE_WORDS, MFIB_WIDE_WORDS * sizeof(key[0]));
		key[2] &= ~MFIB_WIDE_PASSED;
	} else {
		memcpy(key, count - 1 - MFIB_NARROW_WORDS, MFIB_NARROW_WORDS * sizeof(key[0]));
		key[1] &= ~MFIB_NARROW_PASSED;
	}
	return mfib_moves_find(m, key);
}

static inline uint64_t mfib_window_word(uint64_t digest, uint64_t round, uint64_t balance)
{
	return digest >> MFIB_WINDOW_TAG << MFIB_WINDOW_TAG | round << MFIB_WINDOW_ROUND | balance;
}

// The cursor's next place. Rounds go from 1 to MASK and begin again at 1.
static inline uint64_t mfib_window_step(uint64_t cursor)
{
	uint64_t round = cursor >> 3;

	if ((cursor & 7) + 1 < MFIB_WINDOW_SLOTS)
		return cursor + 1;
	return (round == MFIB_ROUND_MASK ? 1 : round + 1) << 3;
}

static inline bool mfib_window_swap(uint64_t *at, uint64_t was, uint64_t now)
{
	return __atomic_compare_exchange_n(
		at, &was, now, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

// What becomes of a slot's balance with another packet from this side; *first: that one is ahead.
// A balance at its end stays there.
static inline uint64_t mfib_window_count(uint64_t word, unsigned int side, bool *first)
{
	uint64_t b = word & MFIB_BALANCE_MASK;

	*first = side == 0 ? b >= MFIB_BALANCE_BIAS : b <= MFIB_BALANCE_BIAS;
	if (b == (side == 0 ? MFIB_BALANCE_MASK : 1u))
		return word;
	return side == 0 ? word + 1 : word - 1;
}

// A packet of this digest came from this side: is it to be forwarded? False: it is the copy of one
// from the other side that was.
//
// No digest is in two slots, whoever fills them at one time: a slot is filled only where the cursor
// stands, and only if it is still what it was when the cursor was read and all slots were looked
// through. Who fills it has yet to move the cursor on; who finds that not done, by the slot's
// round, does it for them.
static inline bool mfib_window_first(struct mfib_window *w, uint64_t digest, unsigned int side)
{
	struct mfib_window_bucket *b = &w->buckets[digest & w->mask];

	for (;;) {
		uint64_t cursor = __atomic_load_n(&b->cursor, __ATOMIC_ACQUIRE),
			 round = cursor >> 3;
		uint64_t seen[MFIB_WINDOW_SLOTS], word;
		unsigned int at = cursor & 7, i;
		bool first;

		for (i = 0; i < MFIB_WINDOW_SLOTS; i++) {
			seen[i] = __atomic_load_n(&b->slot[i], __ATOMIC_ACQUIRE);
			if (seen[i] && (seen[i] ^ digest) >> MFIB_WINDOW_TAG == 0)
				break;
		}
		if (i < MFIB_WINDOW_SLOTS) {
			word = mfib_window_count(seen[i], side, &first);
			if (mfib_window_swap(&b->slot[i], seen[i], word))
				return first;
			continue;
		}
		if ((seen[at] >> MFIB_WINDOW_ROUND & MFIB_ROUND_MASK) != round) {
			word = mfib_window_word(digest, round,
				side == 0 ? MFIB_BALANCE_BIAS + 1 : MFIB_BALANCE_BIAS - 1);
			if (!mfib_window_swap(&b->slot[at], seen[at], word))
				continue;
			mfib_window_swap(&b->cursor, cursor, mfib_window_step(cursor));
			return true;
		}
		mfib_window_swap(&b->cursor, cursor, mfib_window_step(cursor));
	}
}

#endif
