// SPDX-License-Identifier: BSD-3-Clause
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct rng rng_seeded(uint64_t seed)
{
	return (struct rng){.state = seed ? seed : 1};
}

uint64_t rng_u64(struct rng *r)
{
	uint64_t x;

	if (r->state == 0) {
		// With no entropy there are no nonces, and going on would be a security hole.
		if (getrandom(&x, sizeof(x), 0) != sizeof(x))
			abort();
		return x;
	}
	r->state += 0x9e3779b97f4a7c15ull;
	if (r->state == 0)
		r->state = 1;
	x = r->state;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

uint32_t rng_u32(struct rng *r)
{
	return (uint32_t)(rng_u64(r) >> 32);
}

void rng_bytes(struct rng *r, void *out, size_t len)
{
	uint8_t *p = out;

	while (len > 0) {
		uint64_t x = rng_u64(r);
		size_t n = len < sizeof(x) ? len : sizeof(x);

		memcpy(p, &x, n);
		p += n;
		len -= n;
	}
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
	uint64_t limit, x;

	if (bound == 0)
		return 0;
	// Values past the last whole multiple of bound would make the small results likelier.
	limit = UINT64_MAX - UINT64_MAX % bound;
	do {
		x = rng_u64(r);
	} while (x >= limit);
	return x % bound;
}

uint64_t rng_between(struct rng *r, uint64_t lo, uint64_t hi)
{
	return hi <= lo ? lo : lo + rng_below(r, hi - lo + 1);
}

uint64_t rng_backoff(struct rng *r, uint64_t initial, uint64_t max, unsigned int retry)
{
	uint64_t top = initial;

	for (unsigned int i = 0; i < retry && top < max; i++)
		top *= 2;
	return rng_between(r, initial, top < max ? top : max);
}
