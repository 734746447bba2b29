// SPDX-License-Identifier: BSD-3-Clause
// Random numbers: the kernel's CSPRNG for nonces and back-off in production, a seeded sequence for
// tests that replay.
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t state; // 0: getrandom(2); else the state of a splitmix64 sequence
};

#define RNG_SYSTEM ((struct rng){0})

// A repeatable sequence for tests; never for nonces.
struct rng rng_seeded(uint64_t seed);
uint32_t rng_u32(struct rng *r);
uint64_t rng_u64(struct rng *r);
void rng_bytes(struct rng *r, void *out, size_t len);
// Uniform in [0, bound); 0 when bound is 0.
uint64_t rng_below(struct rng *r, uint64_t bound);
// Uniform in [lo, hi].
uint64_t rng_between(struct rng *r, uint64_t lo, uint64_t hi);
// The retransmission interval of RFC 7450 5.2.3.4.3 and RFC 8777 3.5: uniform in
// [initial, min(initial * 2^retry, max)], any one unit of time.
uint64_t rng_backoff(struct rng *r, uint64_t initial, uint64_t max, unsigned int retry);

#endif
