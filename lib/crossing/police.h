// SPDX-License-Identifier: BSD-3-Clause
// How much of what is not data the workers hand to the control thread: a rate a class and
// interface, and a part of it a sender, so that a flood of one class starves no other, and a sender
// that shouts not those beside it. The control thread sets the rates and says which senders it
// knows (neighbors, gateways, relays that it asks, resolvers): what these send has rates of its
// own, which no number of strangers can use up. The buckets are each worker's own (fastpath).
//
// A bucket is a time (base/bucket.h): that at which all that it has let through would have come at
// its rate. It lies at most `ahead` in the future.
#ifndef CROSSING_POLICE_H
#define CROSSING_POLICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "crossing/crossing.h"

#define POLICE_WAYS 4
#define POLICE_SETS 1024 // of so many places for senders that are known

// Of strangers, or of known senders; then of one sender. Ticks of the TSC. gap 0: no limit.
struct police_rate {
	uint64_t gap;	// a frame
	uint64_t ahead; // a bucket may be
};

// Rates: the control thread writes, workers read, relaxed; a worker may see an old one with a new
// one for a moment. known[]: the same; hashes, 0 where there is none.
struct crossing_police {
	struct police_rate rates[PUNT_CLASSES][2]; // [known]
	struct police_rate sender[PUNT_CLASSES][2];
	uint64_t seed; // set before the workers start
	_Atomic uint64_t known[POLICE_SETS][POLICE_WAYS];
	uint64_t until_us[POLICE_SETS][POLICE_WAYS]; // the control thread's own
	uint32_t n_known;
};

static inline uint64_t police_mix(uint64_t x, uint64_t y)
{
	x = (x ^ y) * 0xff51afd7ed558ccdu;
	x = (x ^ x >> 32) * 0xc4ceb9fe1a85ec53u;
	return x ^ x >> 29;
}

// An address as it lies on the wire: of IPv4 its word and 0, of IPv6 its two halves. Never 0.
static inline uint64_t police_hash(
	const struct crossing_police *p, unsigned int ifindex, uint64_t upper, uint64_t lower)
{
	return police_mix(police_mix(p->seed ^ ifindex, upper), lower) | 1;
}

static inline bool police_known(const struct crossing_police *p, uint64_t hash)
{
	const _Atomic uint64_t *set = p->known[hash >> 32 & (POLICE_SETS - 1)];

	for (int i = 0; i < POLICE_WAYS; i++)
		if (atomic_load_explicit(&set[i], memory_order_relaxed) == hash)
			return true;
	return false;
}

// Frames a second, by class; 0: no limit. A burst is what comes in a second. Where there are known
// senders (neighbor, pim, amt, dns), strangers have a tenth for themselves. One sender has half of
// it at most, one stranger an eighth of what strangers have.
struct crossing_police_cfg {
	uint32_t rate[PUNT_CLASSES];
};
// Before the workers start, and again with other rates while they run. 0 or -ENOMEM.
int crossing_police_set(
	struct crossing *c, const struct crossing_police_cfg *cfg, uint64_t tsc_hz, uint64_t seed);
// Control thread: frames that come in on the interface with this IP source (of ARP: the sender's
// protocol address) are of a known sender until then. More than there is room for are strangers.
void crossing_police_know(
	struct crossing *c, unsigned int ifindex, const struct addr *a, uint64_t until_us);
// Takes those out whose time is over. How many are left.
unsigned int crossing_police_expire(struct crossing *c, uint64_t now_us);

#endif
