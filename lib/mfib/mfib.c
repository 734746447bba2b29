// SPDX-License-Identifier: BSD-3-Clause
#include "mfib/mfib.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <rte_malloc.h>

#include "mfib/generation.h"

struct mfib_tunnel {
	const struct mfib *m;
	LIST_ENTRY(mfib_tunnel) link; // while not deleted
	LIST_HEAD(mfib_channel_list, mfib_channel)
	channels;		// those deleted, but not yet freed, included
	struct mfib_stats gone; // of channels freed
	uint32_t relay;		// network order
	uint16_t port;		// host order
	uint16_t local;		// index + 1
	bool deleted;
};

struct mfib_channel {
	LIST_ENTRY(mfib_channel) link; // in its tunnel
	struct mfib_tunnel *t;
	struct mfib_key key;
	uint32_t oifs;
	unsigned int n_refs;  // generations with a slot of it
	struct slot_ref *ref; // in the current generation; NULL when deleted
	struct mfib_stats folded;
};

struct mfib {
	unsigned int n_workers;
	int *sockets;
	struct rte_rcu_qsbr *qsbr;
	struct mfib_endpoints *ep;
	struct mfib_table *tables;
	LIST_HEAD(mfib_tunnel_list, mfib_tunnel) tunnels;
	struct generation *gen;
	uint32_t fold_at; // next slot whose counters are folded
	// Deleted slots of gen, oldest first, waiting for their grace period.
	struct slot_ref *retired, **retired_tail;
	uint32_t n_retired, n_channels, n_tunnels;
	// By local address: the address last, its tunnels, and since when it is free.
	uint32_t local_ip[MFIB_MAX_LOCALS];
	uint32_t local_users[MFIB_MAX_LOCALS];
	uint64_t local_token[MFIB_MAX_LOCALS];
};

struct mfib *mfib_create(unsigned int n_workers, const int *sockets)
{
	struct mfib *m = calloc(1, sizeof(*m));
	size_t size;

	if (!m || n_workers == 0)
		goto fail;
	m->n_workers = n_workers;
	m->retired_tail = &m->retired;
	m->sockets = calloc(n_workers, sizeof(*m->sockets));
	if (!m->sockets)
		goto fail;
	for (unsigned int i = 0; i < n_workers; i++)
		m->sockets[i] = sockets ? sockets[i] : SOCKET_ID_ANY;
	size = rte_rcu_qsbr_get_memsize(n_workers);
	m->qsbr = rte_zmalloc("mfib_qsbr", size, RTE_CACHE_LINE_SIZE);
	m->ep = rte_zmalloc("mfib_endpoints", sizeof(*m->ep), RTE_CACHE_LINE_SIZE);
	m->tables = rte_calloc("mfib_tables", n_workers, sizeof(*m->tables), RTE_CACHE_LINE_SIZE);
	m->gen = generation_create(n_workers, m->sockets, GENERATION_MIN_SLOTS);
	if (!m->qsbr || !m->ep || !m->tables || !m->gen)
		goto fail;
	if (rte_rcu_qsbr_init(m->qsbr, n_workers) != 0)
		goto fail;
	for (unsigned int i = 0; i < n_workers; i++)
		m->tables[i] = (struct mfib_table){
			.buckets = m->gen->replica[i], .ep = m->ep, .qsbr = m->qsbr, .worker = i};
	return m;
fail:
	mfib_destroy(m);
	return NULL;
}

static void channel_unref(struct mfib_channel *c)
{
	struct mfib_tunnel *t = c->t;

	if (--c->n_refs > 0)
		return;
	t->gone.packets += c->folded.packets;
	t->gone.bytes += c->folded.bytes;
	LIST_REMOVE(c, link);
	free(c);
	if (t->deleted && LIST_EMPTY(&t->channels))
		free(t);
}

// No worker counts in ref's slot any more.
static void ref_free(struct generation *g, struct slot_ref *ref)
{
	generation_fold(g, ref, &ref->c->folded);
	generation_release(g, ref);
	channel_unref(ref->c);
	free(ref);
}

static void generation_free(struct generation *g)
{
	for (uint32_t i = 0; i < g->n_slots; i++) {
		if (g->owner[i])
			ref_free(g, g->owner[i]);
	}
	generation_destroy(g);
}

void mfib_destroy(struct mfib *m)
{
	struct mfib_tunnel *t;

	if (!m)
		return;
	for (struct generation *g = m->gen, *older; g; g = older) {
		older = g->older;
		generation_free(g);
	}
	while ((t = LIST_FIRST(&m->tunnels))) {
		LIST_REMOVE(t, link);
		free(t);
	}
	for (unsigned int i = 0; m->ep && i < MFIB_MAX_LOCALS; i++)
		rte_free(m->ep->relay[i]);
	rte_free(m->tables);
	rte_free(m->ep);
	rte_free(m->qsbr);
	free(m->sockets);
	free(m);
}

struct mfib_table *mfib_worker_table(struct mfib *m, unsigned int worker)
{
	return worker < m->n_workers ? &m->tables[worker] : NULL;
}

// A free index of local[]. A worker may still hold it as that of the address it had before, so it
// is kept for that address until the grace period is over.
static unsigned int local_free(struct mfib *m, uint32_t ip)
{
	for (unsigned int i = 0; i < MFIB_MAX_LOCALS; i++) {
		if (m->local_users[i] == 0 && m->local_ip[i] == ip)
			return i;
	}
	for (unsigned int i = 0; i < MFIB_MAX_LOCALS; i++) {
		if (m->local_users[i] == 0 &&
			(m->local_ip[i] == 0 ||
				rte_rcu_qsbr_check(m->qsbr, m->local_token[i], false) == 1))
			return i;
	}
	return MFIB_MAX_LOCALS;
}

// Index + 1 of the local address, taken when new; 0 with errno.
static unsigned int local_get(struct mfib *m, uint32_t ip)
{
	unsigned int i = mfib_local_find(m->ep, ip);

	if (i)
		return i;
	i = local_free(m, ip);
	if (i == MFIB_MAX_LOCALS) {
		errno = ENOSPC;
		return 0;
	}
	if (!m->ep->relay[i]) {
		m->ep->relay[i] = rte_zmalloc(
			"mfib_ports", (UINT16_MAX + 1) * sizeof(uint32_t), RTE_CACHE_LINE_SIZE);
		if (!m->ep->relay[i]) {
			errno = ENOMEM;
			return 0;
		}
	}
	m->local_ip[i] = ip;
	__atomic_store_n(&m->ep->local[i], ip, __ATOMIC_RELEASE);
	if (i >= m->ep->n_local)
		__atomic_store_n(&m->ep->n_local, i + 1, __ATOMIC_RELEASE);
	return i + 1;
}

static void local_put(struct mfib *m, unsigned int local)
{
	if (m->local_users[local - 1] > 0)
		return;
	__atomic_store_n(&m->ep->local[local - 1], 0, __ATOMIC_RELEASE);
	m->local_token[local - 1] = rte_rcu_qsbr_start(m->qsbr);
}

struct mfib_tunnel *mfib_tunnel_add(
	struct mfib *m, const struct addr *relay, const struct addr *local, uint16_t local_port)
{
	uint32_t relay_ip = addr_to_v4(relay), local_ip = addr_to_v4(local);
	struct mfib_tunnel *t;
	uint16_t *users;
	unsigned int i;

	if (relay->family != ADDR_V4 || local->family != ADDR_V4) {
		errno = EAFNOSUPPORT;
		return NULL;
	}
	if (local_port == 0 || relay_ip == 0 || local_ip == 0 || addr_is_multicast(relay) ||
		addr_is_multicast(local)) {
		errno = EINVAL;
		return NULL;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	i = local_get(m, local_ip);
	if (i == 0)
		goto fail;
	if (mfib_tunnel_relay(m->ep, i, local_port) != 0) {
		errno = EEXIST;
		goto fail;
	}
	*t = (struct mfib_tunnel){
		.m = m, .relay = relay_ip, .port = local_port, .local = (uint16_t)i};
	m->local_users[i - 1]++;
	m->n_tunnels++;
	LIST_INSERT_HEAD(&m->tunnels, t, link);
	users = &m->ep->relay_users[mfib_relay_slot(relay_ip)];
	__atomic_store_n(users, (uint16_t)(*users + (*users < UINT16_MAX)), __ATOMIC_RELAXED);
	__atomic_store_n(&m->ep->relay[i - 1][local_port], relay_ip, __ATOMIC_RELEASE);
	return t;
fail:
	free(t);
	return NULL;
}

void mfib_tunnel_del(struct mfib *m, struct mfib_tunnel *t)
{
	uint16_t *users = &m->ep->relay_users[mfib_relay_slot(t->relay)];

	__atomic_store_n(&m->ep->relay[t->local - 1][t->port], 0, __ATOMIC_RELEASE);
	// A count that reached the top is no longer exact: it stays.
	if (*users < UINT16_MAX)
		__atomic_store_n(users, (uint16_t)(*users - 1), __ATOMIC_RELAXED);
	m->local_users[t->local - 1]--;
	m->n_tunnels--;
	LIST_REMOVE(t, link);
	local_put(m, t->local);
	t->deleted = true;
	if (LIST_EMPTY(&t->channels))
		free(t);
}

static struct slot_ref *ref_create(const struct mfib *m, struct mfib_channel *c)
{
	struct slot_ref *ref = calloc(1, sizeof(*ref) + m->n_workers * sizeof(ref->seen[0]));

	if (ref)
		ref->c = c;
	return ref;
}

// Frees the places of a generation that was never published.
static void generation_abandon(struct generation *g)
{
	for (uint32_t i = 0; i < g->n_slots; i++)
		free(g->owner[i]);
	generation_destroy(g);
}

// A generation of n_slots with every live channel of m in it; NULL when memory is short, or with
// *crowded set when a channel found no slot near enough.
static struct generation *generation_copy(struct mfib *m, uint32_t n_slots, bool *crowded)
{
	struct generation *g = generation_create(m->n_workers, m->sockets, n_slots);

	*crowded = false;
	for (uint32_t i = 0; g && i < m->gen->n_slots; i++) {
		struct slot_ref *old = m->gen->owner[i], *ref;

		if (!old || old->c->ref != old)
			continue; // deleted
		ref = ref_create(m, old->c);
		if (ref && generation_place(g, ref, &old->c->key)) {
			generation_publish(g, ref, &old->c->key, old->c->oifs);
			continue;
		}
		*crowded = ref != NULL;
		free(ref);
		generation_abandon(g);
		return NULL;
	}
	return g;
}

// Replaces the table by one with room. 0 or -ENOMEM with nothing changed.
static int table_grow(struct mfib *m)
{
	uint64_t n_slots = GENERATION_MIN_SLOTS;
	struct generation *g;
	bool crowded = true;

	while (n_slots < (m->n_channels + 1ull) * GENERATION_LOAD * 2)
		n_slots *= 2;
	for (g = NULL; !g && crowded && n_slots <= UINT32_MAX / 2; n_slots *= 2)
		g = generation_copy(m, (uint32_t)n_slots, &crowded);
	if (!g)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->n_slots; i++) {
		if (!g->owner[i])
			continue;
		g->owner[i]->c->ref = g->owner[i];
		g->owner[i]->c->n_refs++;
	}
	// What workers still count in the old generation is folded when it is freed; what they have
	// counted so far must not be missing meanwhile.
	for (uint32_t i = 0; i < m->gen->n_slots; i++) {
		if (m->gen->owner[i])
			generation_fold(m->gen, m->gen->owner[i], &m->gen->owner[i]->c->folded);
	}
	for (unsigned int i = 0; i < m->n_workers; i++)
		__atomic_store_n(&m->tables[i].buckets, g->replica[i], __ATOMIC_RELEASE);
	m->gen->token = rte_rcu_qsbr_start(m->qsbr);
	g->older = m->gen;
	m->gen = g;
	m->fold_at = 0;
	// The retired slots go with the generation that they are in.
	m->retired = NULL;
	m->retired_tail = &m->retired;
	m->n_retired = 0;
	return 0;
}

static int channel_check(const struct sg *sg, uint64_t oifs)
{
	if (sg->s.family != ADDR_V4 || sg->g.family != ADDR_V4)
		return EAFNOSUPPORT;
	if (!addr_is_unicast(&sg->s) || !addr_is_multicast(&sg->g))
		return EINVAL;
	if ((ntohl(addr_to_v4(&sg->g)) & 0xffffff00) == 0xe0000000)
		return EINVAL; // 224.0.0/24 is never forwarded
	return oifs >> MFIB_MAX_OIFS ? EINVAL : 0;
}

static void retired_free(struct mfib *m)
{
	struct slot_ref *ref;

	while ((ref = m->retired) && rte_rcu_qsbr_check(m->qsbr, ref->token, false) == 1) {
		m->retired = ref->next;
		if (!m->retired)
			m->retired_tail = &m->retired;
		m->n_retired--;
		ref_free(m->gen, ref);
	}
}

static void unseen_free(struct mfib *m)
{
	struct generation **gp = &m->gen->older, *g;

	// Newest first: what is older than one that no worker sees is not seen either.
	while (*gp && rte_rcu_qsbr_check(m->qsbr, (*gp)->token, false) != 1)
		gp = &(*gp)->older;
	g = *gp;
	*gp = NULL;
	for (struct generation *older; g; g = older) {
		older = g->older;
		generation_free(g);
	}
	retired_free(m);
}

struct mfib_channel *mfib_channel_add(
	struct mfib *m, struct mfib_tunnel *t, const struct sg *sg, uint64_t oifs)
{
	struct mfib_channel *c;
	uint8_t wire[8];

	errno = channel_check(sg, oifs);
	if (errno)
		return NULL;
	unseen_free(m);
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	memcpy(wire, sg->s.bytes, 4);
	memcpy(wire + 4, sg->g.bytes, 4);
	c->t = t;
	c->key = mfib_key_make(wire, t->relay, htons(t->port), t->local);
	c->oifs = (uint32_t)oifs;
	if (generation_find(m->gen, &c->key)) {
		errno = EEXIST;
		goto fail;
	}
	c->ref = ref_create(m, c);
	if (!c->ref)
		goto fail;
	// Short of memory the table gets fuller than is good for it, until no slot is near enough.
	if (m->gen->used >= m->gen->n_slots / GENERATION_LOAD)
		(void)table_grow(m);
	while (!generation_place(m->gen, c->ref, &c->key)) {
		if (table_grow(m) != 0) {
			errno = ENOMEM;
			goto fail;
		}
	}
	c->n_refs = 1;
	LIST_INSERT_HEAD(&t->channels, c, link);
	m->n_channels++;
	generation_publish(m->gen, c->ref, &c->key, c->oifs);
	return c;
fail:
	free(c->ref);
	free(c);
	return NULL;
}

void mfib_channel_oifs(struct mfib *m, struct mfib_channel *c, uint64_t oifs)
{
	c->oifs = (uint32_t)oifs;
	generation_set_oifs(m->gen, c->ref, c->oifs);
}

void mfib_channel_del(struct mfib *m, struct mfib_channel *c)
{
	struct slot_ref *ref = c->ref;

	generation_unpublish(m->gen, ref);
	c->ref = NULL;
	m->n_channels--;
	ref->token = rte_rcu_qsbr_start(m->qsbr);
	*m->retired_tail = ref;
	m->retired_tail = &ref->next;
	m->n_retired++;
}

void mfib_channel_stats(const struct mfib_channel *c, struct mfib_stats *out)
{
	*out = c->folded;
	generation_read(c->t->m->gen, c->ref, out);
}

void mfib_tunnel_stats(const struct mfib_tunnel *t, struct mfib_stats *out)
{
	const struct mfib_channel *c;

	*out = t->gone;
	for (c = LIST_FIRST(&t->channels); c; c = LIST_NEXT(c, link)) {
		struct mfib_stats s = c->folded;

		if (c->ref)
			generation_read(t->m->gen, c->ref, &s);
		out->packets += s.packets;
		out->bytes += s.bytes;
	}
}

// A 32-bit packet counter takes 16 s to wrap at 268 Mpps: a sixteenth of the table a call will do.
static void fold_some(struct mfib *m)
{
	for (uint32_t i = 0; i < m->gen->n_slots / 16; i++) {
		struct slot_ref *ref = m->gen->owner[m->fold_at];

		if (ref)
			generation_fold(m->gen, ref, &ref->c->folded);
		m->fold_at = (m->fold_at + 1) & (m->gen->n_slots - 1);
	}
}

void mfib_reclaim(struct mfib *m)
{
	unseen_free(m);
	fold_some(m);
}

void mfib_usage(const struct mfib *m, struct mfib_usage *out)
{
	*out = (struct mfib_usage){.channels = m->n_channels,
		.tunnels = m->n_tunnels,
		.slots = m->gen->n_slots,
		.retired = m->n_retired};
	for (const struct generation *g = m->gen; g; g = g->older) {
		out->bytes += generation_bytes(g);
		if (g != m->gen)
			out->retired++;
	}
}
