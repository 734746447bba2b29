// SPDX-License-Identifier: BSD-3-Clause
// A rate (GCRA): a time that lies ahead by what was let through and is not due yet. So there is one
// word a bucket, and no division. All zero: full.
#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

// In whatever unit of time, which may wrap: takes what makes `until` later by `gap`, unless it lies
// more than `ahead` in the future already.
static inline bool bucket_pass(uint64_t *until, uint64_t gap, uint64_t ahead, uint64_t now)
{
	uint64_t from = (int64_t)(*until - now) < 0 ? now : *until;

	if (from - now > ahead)
		return false;
	*until = from + gap;
	return true;
}

struct bucket {
	uint64_t until_ns;
};

// Takes `cost` of what comes at per_s a second, a second's worth of it at once; 0 a second: no
// limit.
static inline bool bucket_take(struct bucket *b, uint32_t per_s, uint32_t cost, uint64_t now_us)
{
	return per_s == 0 ||
	       bucket_pass(&b->until_ns, 1000000000ull * cost / per_s, 999999999, now_us * 1000);
}

#endif
