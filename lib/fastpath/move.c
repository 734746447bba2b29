// SPDX-License-Identifier: BSD-3-Clause
#include "fastpath/move.h"

#include "fastpath/headers.h"

enum rare move_look(
	const struct worker *w, const uint64_t *count, bool wide, struct mfib_move **move)
{
	// The control thread has stored the record before it emptied the set, and fills the set
	// before it takes the record away.
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	*move = mfib_move_of(w->table->moves, count, wide);
	if (*move)
		return RARE_MOVE;
	return mfib_entry_oifs(count) ? RARE_AGAIN : RARE_MUTED;
}

// Sixteen octets more. seed: nobody outside knows it, so nobody can make a factor 0.
static uint64_t mix(uint64_t h, uint64_t a, uint64_t b, const uint64_t *seed)
{
	return mfib_fold(a ^ h ^ seed[0], b ^ seed[1]) + h;
}

uint64_t move_digest(
	const uint64_t seed[MFIB_WINDOW_SEEDS], const uint8_t *ip, unsigned int len, bool v6)
{
	uint64_t h = seed[2] ^ len, last[2] = {0};
	unsigned int at = v6 ? 8 : 12;

	if (v6) // length and next header; version, flow label; the hop limit is out
		h = mix(h, get_raw32(ip + 4) & RTE_BE32(0xffffff00),
			get_raw32(ip) & RTE_BE32(0xf00fffff), seed);
	else // version, length, identification, flags; protocol
		h = mix(h, get_raw64(ip) & RTE_BE64(0xff00ffffffffffff), ip[9], seed);
	for (; at + 16 <= len; at += 16)
		h = mix(h, get_raw64(ip + at), get_raw64(ip + at + 8), seed);
	memcpy(last, ip + at, len - at);
	h = mix(h, last[0], last[1], seed);
	return mfib_fold(h ^ seed[3], 0x9e3779b97f4a7c15ull);
}

bool move_first(struct mfib_move *move, const uint8_t *ip, unsigned int len, bool v6)
{
	uint64_t digest = move_digest(move->window->seed, ip, len, v6);
	bool first = mfib_window_first(move->window, digest, (unsigned int)move->side);

	__atomic_fetch_add(first ? &move->forwarded : &move->duplicates, 1, __ATOMIC_RELAXED);
	return first;
}
