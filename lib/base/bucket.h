// SPDX-License-Identifier: BSD-3-Clause
// A rate: a time that lies ahead by what was let through and is not due yet (GCRA). All zero: full.
#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	uint64_t until_ns;
};

// Takes `cost` of what comes at per_s a second, a second's worth of it at once; 0 a second: no
// limit.
static inline bool bucket_take(struct bucket *b, uint32_t per_s, uint32_t cost, uint64_t now_us)
{
	uint64_t now = now_us * 1000, until = b->until_ns > now ? b->until_ns : now;

	if (per_s == 0)
		return true;
	if (until - now >= 1000000000)
		return false;
	b->until_ns = until + 1000000000ull * cost / per_s;
	return true;
}

#endif
