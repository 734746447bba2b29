// SPDX-License-Identifier: BSD-3-Clause
// The local addresses of tunnels as a worker has met them, by their last octet: with several of
// them the frames of a burst are for now this one, now that, and to search each time costs as much
// as half the rest. Internal to data.h; the memory is in struct worker.
//
// An entry is a copy. mfib_endpoints.gone says when one may be of an address that is none any more:
// it is looked at once a burst, and an address' index is another's only after a grace period.
#ifndef FASTPATH_LOCAL_H
#define FASTPATH_LOCAL_H

#include <stdint.h>
#include <string.h>

#include "fastpath/headers.h"
#include "fastpath/worker.h"
#include "mfib/mfib_table.h"

// No address of 32 bits: as far as a frame is concerned 0 is one.
#define LOCAL4_NONE UINT64_MAX

static __rte_noinline void locals_forget(struct worker_locals *l, uint32_t gone)
{
	for (unsigned int i = 0; i < WORKER_LOCALS; i++) {
		l->v4[i].dst = LOCAL4_NONE;
		l->v6[i].index = 0;
	}
	l->n4 = l->n6 = 0;
	l->gone = gone;
}

// To be called once a burst. *one4, *one6: a copy of the one address that the worker has met, which
// is found with less than one of several; of those it is none, so that what a frame is for need not
// be foreseen.
static inline void locals_one(struct worker_locals *l, const struct mfib_endpoints *ep,
	struct worker_local4 *one4, struct worker_local6 *one6)
{
	uint32_t gone = mfib_local_gone(ep);

	if (unlikely(l->gone != gone))
		locals_forget(l, gone);
	*one4 = l->v4[l->first4];
	if (l->n4 != 1)
		one4->dst = LOCAL4_NONE;
	*one6 = l->v6[l->first6];
	if (l->n6 != 1)
		one6->index = 0;
}

// One that is not in the place of its last octet. NULL: no address of tunnels.
static __rte_noinline const struct worker_local4 *local4_meet(
	struct worker_locals *l, const struct mfib_endpoints *ep, const uint8_t *dst)
{
	struct worker_local4 *e = &l->v4[dst[3]];
	uint32_t ip = get_raw32(dst);
	unsigned int index = ip ? mfib_local_find4(ep, ip) : 0;

	if (!index)
		return NULL;
	if (l->n4++ == 0)
		l->first4 = dst[3];
	*e = (struct worker_local4){.dst = ip, .index = index};
	e->key[1] = mfib_narrow_key_make(&(uint64_t){0}, 0, 0, index).w[1];
	return e;
}

static __rte_noinline const struct worker_local6 *local6_meet(
	struct worker_locals *l, const struct mfib_endpoints *ep, const uint8_t *dst)
{
	struct worker_local6 *e = &l->v6[dst[15]];
	unsigned int index = mfib_local_find6(ep, dst);

	if (!index)
		return NULL;
	if (l->n6++ == 0)
		l->first6 = dst[15];
	memcpy(e->ip, dst, sizeof(e->ip));
	e->index = index;
	return e;
}

static __rte_always_inline bool local6_is(const struct worker_local6 *e, const uint8_t *dst)
{
	return likely(((get_raw64(dst) ^ get_raw64(e->ip)) |
			      (get_raw64(dst + 8) ^ get_raw64(e->ip + 8))) == 0) &&
	       likely(e->index);
}

// dst: a destination as it lies in a frame. one: locals_one(). NULL: no address of tunnels.
static __rte_always_inline const struct worker_local4 *local4_of(struct worker_locals *l,
	const struct worker_local4 *one, const struct mfib_endpoints *ep, const uint8_t *dst)
{
	const struct worker_local4 *e;

	if (likely(get_raw32(dst) == one->dst))
		return one;
	e = &l->v4[dst[3]];
	// Else its address is computed again for each field.
	__asm__("" : "+r"(e));
	return likely(get_raw32(dst) == e->dst) ? e : local4_meet(l, ep, dst);
}

static __rte_always_inline const struct worker_local6 *local6_of(struct worker_locals *l,
	const struct worker_local6 *one, const struct mfib_endpoints *ep, const uint8_t *dst)
{
	const struct worker_local6 *e;

	if (local6_is(one, dst))
		return one;
	e = &l->v6[dst[15]];
	__asm__("" : "+r"(e));
	return local6_is(e, dst) ? e : local6_meet(l, ep, dst);
}

#endif
