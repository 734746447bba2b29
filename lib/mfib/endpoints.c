// SPDX-License-Identifier: BSD-3-Clause
#include "mfib/endpoints.h"

#include <errno.h>

#include <rte_malloc.h>

#define PORTS (UINT16_MAX + 1)

int endpoints_init(struct endpoints *ep, struct rte_rcu_qsbr *qsbr)
{
	ep->qsbr = qsbr;
	ep->shared = rte_zmalloc("mfib_endpoints", sizeof(*ep->shared), RTE_CACHE_LINE_SIZE);
	if (!ep->shared)
		return -ENOMEM;
	ep->shared->gone = 1;
	return 0;
}

void endpoints_fini(struct endpoints *ep)
{
	for (unsigned int i = 0; ep->shared && i < MFIB_MAX_LOCALS; i++)
		rte_free(ep->shared->local[i].relay4);
	rte_free(ep->shared);
}

// 16 octets that workers may read meanwhile: those of the prefix come last and go first, so that
// half an address is one of ::/64, where no host is.
static void store16(uint8_t *to, const uint8_t *from)
{
	uint64_t w[2] = {0}, *out = (void *)to;

	if (from)
		memcpy(w, from, sizeof(w));
	if (from)
		__atomic_store_n(&out[1], w[1], __ATOMIC_RELEASE);
	__atomic_store_n(&out[0], w[0], __ATOMIC_RELEASE);
	if (!from)
		__atomic_store_n(&out[1], 0, __ATOMIC_RELEASE);
}

// The index of an address that has tunnels, or had: a worker may still hold the index as that of
// the address it had last, so it is another's only after a grace period.
static unsigned int local_index(struct endpoints *ep, const struct addr *addr)
{
	for (unsigned int i = 0; i < MFIB_MAX_LOCALS; i++) {
		if (addr_eq(&ep->local[i].addr, addr))
			return i;
	}
	for (unsigned int i = 0; i < MFIB_MAX_LOCALS; i++) {
		const struct endpoint_local *l = &ep->local[i];

		if (l->n_tunnels == 0 && (addr_is_none(&l->addr) || rte_rcu_qsbr_check(ep->qsbr,
									    l->token, false) == 1))
			return i;
	}
	return MFIB_MAX_LOCALS;
}

// Gives a free index to addr, with no relays yet. 0 or -ENOMEM.
static int local_take(struct endpoints *ep, unsigned int i, const struct addr *addr)
{
	struct mfib_endpoints *shared = ep->shared;
	struct mfib_local *l = &shared->local[i];

	// The relays of the address it had are all 0 again, but of another size in another family.
	if (addr->family != ep->local[i].addr.family) {
		rte_free(l->relay4);
		ep->local[i].addr = (struct addr){0};
		l->relay4 =
			rte_zmalloc("mfib_relays", PORTS * addr_size(addr), RTE_CACHE_LINE_SIZE);
		if (!l->relay4)
			return -ENOMEM;
	}
	ep->local[i].addr = *addr;
	if (addr->family == ADDR_V4)
		__atomic_store_n(&shared->local4[i], addr_to_v4(addr), __ATOMIC_RELEASE);
	else
		store16(l->ip, addr->bytes);
	if (i >= shared->n_local)
		__atomic_store_n(&shared->n_local, i + 1, __ATOMIC_RELEASE);
	return 0;
}

static uint32_t relay_word(const struct addr *relay)
{
	return relay->family == ADDR_V4 ? addr_to_v4(relay) : mfib_relay_fold6(relay->bytes);
}

static uint16_t *users_of(struct endpoints *ep, const struct addr *relay)
{
	return &ep->shared->relay_users[mfib_relay_slot(relay_word(relay))];
}

int endpoints_add(
	struct endpoints *ep, const struct addr *local, uint16_t port, const struct addr *relay)
{
	static const uint8_t none[16];
	unsigned int i = local_index(ep, local);
	struct mfib_local *l;
	uint16_t *users;
	int ret;

	if (i == MFIB_MAX_LOCALS)
		return -ENOSPC;
	if (ep->local[i].n_tunnels == 0) {
		ret = local_take(ep, i, local);
		if (ret < 0)
			return ret;
	}
	l = &ep->shared->local[i];
	users = users_of(ep, relay);
	if (local->family == ADDR_V4) {
		if (l->relay4[port] != 0)
			return -EEXIST;
		__atomic_store_n(&l->relay4[port], addr_to_v4(relay), __ATOMIC_RELEASE);
	} else {
		if (memcmp(l->relay6[port], none, sizeof(none)) != 0)
			return -EEXIST;
		store16(l->relay6[port], relay->bytes);
	}
	__atomic_store_n(users, (uint16_t)(*users + (*users < UINT16_MAX)), __ATOMIC_RELAXED);
	ep->local[i].n_tunnels++;
	return (int)i + 1;
}

void endpoints_del(
	struct endpoints *ep, unsigned int local, uint16_t port, const struct addr *relay)
{
	struct endpoint_local *own = &ep->local[local - 1];
	struct mfib_local *l = &ep->shared->local[local - 1];
	uint16_t *users;

	if (relay->family == ADDR_V4)
		__atomic_store_n(&l->relay4[port], 0, __ATOMIC_RELEASE);
	else
		store16(l->relay6[port], NULL);
	users = users_of(ep, relay);
	// A count that reached the top is no longer exact: it stays.
	if (*users < UINT16_MAX)
		__atomic_store_n(users, (uint16_t)(*users - 1), __ATOMIC_RELAXED);
	if (--own->n_tunnels > 0)
		return;
	__atomic_store_n(&ep->shared->local4[local - 1], 0, __ATOMIC_RELEASE);
	store16(l->ip, NULL);
	// Odd, so that it is not 0 after 2^32 of them.
	__atomic_store_n(&ep->shared->gone, ep->shared->gone + 2, __ATOMIC_RELEASE);
	own->token = rte_rcu_qsbr_start(ep->qsbr);
}
