// SPDX-License-Identifier: BSD-3-Clause
#include "mfib/mfib.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <rte_malloc.h>

#include "base/rng.h"
#include "mfib/endpoints.h"
#include "mfib/fib.h"
#include "mfib/move.h"

// Deleted channels released with each one added or deleted, and with each mfib_reclaim().
#define RELEASE_STEP	8
#define RELEASE_RECLAIM 16384
// Calls of mfib_reclaim() that fold a whole table.
#define FOLD_CALLS 5
// Of all tables together: a tenth of them is folded in some 50 us.
#define LIGHT_SLOTS 16384

struct mfib {
	unsigned int n_workers;
	int *sockets;
	struct rte_rcu_qsbr *qsbr;
	struct mfib_table *tables;
	struct endpoints ep;
	LIST_HEAD(mfib_tunnel_list, mfib_tunnel) tunnels;
	uint32_t n_tunnels;
	struct slab records; // of channels
	struct slab tunnel_slab;
	struct fib fib[MFIB_KINDS];
	struct moves moves;
	// Deleted channels. Those whose grace period runs, or with token 0 is over; and those
	// deleted since it began.
	uint32_t waiting, deleted; // numbers of the first ones
	uint64_t token;
	uint32_t n_deleted; // in both
};

static int fibs_init(struct mfib *m)
{
	struct rng rng = RNG_SYSTEM;
	int ret = 0;

	for (int kind = 0; ret == 0 && kind < MFIB_KINDS; kind++) {
		struct fib *f = &m->fib[kind];

		f->shape = (struct shape){.kind = (enum mfib_kind)kind,
			.n_replicas = m->n_workers,
			.sockets = m->sockets};
		rng_bytes(&rng, f->shape.seed, sizeof(f->shape.seed));
		f->tables = m->tables;
		f->qsbr = m->qsbr;
		f->records = &m->records;
		f->tunnels = &m->tunnel_slab;
		ret = fib_init(f);
	}
	return ret;
}

struct mfib *mfib_create(unsigned int n_workers, const int *sockets)
{
	struct mfib *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	if (n_workers == 0)
		goto fail;
	m->n_workers = n_workers;
	slab_init(&m->records, sizeof(struct mfib_channel));
	slab_init(&m->tunnel_slab, sizeof(struct mfib_tunnel));
	m->sockets = calloc(n_workers, sizeof(*m->sockets));
	if (!m->sockets)
		goto fail;
	for (unsigned int i = 0; i < n_workers; i++)
		m->sockets[i] = sockets ? sockets[i] : SOCKET_ID_ANY;
	m->qsbr =
		rte_zmalloc("mfib_qsbr", rte_rcu_qsbr_get_memsize(n_workers), RTE_CACHE_LINE_SIZE);
	m->tables = rte_calloc("mfib_tables", n_workers, sizeof(*m->tables), RTE_CACHE_LINE_SIZE);
	if (!m->qsbr || !m->tables || rte_rcu_qsbr_init(m->qsbr, n_workers) != 0)
		goto fail;
	if (endpoints_init(&m->ep, m->qsbr) != 0 || moves_init(&m->moves, m->qsbr) != 0)
		goto fail;
	for (unsigned int i = 0; i < n_workers; i++)
		m->tables[i] = (struct mfib_table){
			.ep = m->ep.shared, .moves = m->moves.shared, .qsbr = m->qsbr, .worker = i};
	if (fibs_init(m) != 0)
		goto fail;
	return m;
fail:
	mfib_destroy(m);
	return NULL;
}

static struct mfib *table_of(const struct mfib_channel *c)
{
	return (void *)((char *)slab_of(c) - offsetof(struct mfib, records));
}

static struct mfib_tunnel *tunnel_of(const struct mfib_channel *c)
{
	return slab_at(&table_of(c)->tunnel_slab, c->tunnel);
}

// No worker counts in c's entries any more.
static void channel_release(struct mfib *m, struct mfib_channel *c)
{
	struct mfib_tunnel *t = tunnel_of(c);

	fib_fold(&m->fib[c->kind], c);
	fib_release(&m->fib[c->kind], c);
	t->gone.packets += c->packets;
	t->gone.bytes += c->bytes;
	slab_put(&m->records, c);
	m->n_deleted--;
	if (--t->n_deleted == 0 && t->deleted)
		slab_put(&m->tunnel_slab, t);
}

// Releases up to n of the deleted channels that no worker sees any more.
static void deleted_release(struct mfib *m, uint32_t n)
{
	while (n > 0) {
		struct mfib_channel *c;

		if (m->waiting == SLAB_NONE) {
			if (m->deleted == SLAB_NONE)
				return;
			m->waiting = m->deleted;
			m->deleted = SLAB_NONE;
			m->token = rte_rcu_qsbr_start(m->qsbr);
			continue;
		}
		if (m->token != 0 && rte_rcu_qsbr_check(m->qsbr, m->token, false) != 1)
			return;
		m->token = 0;
		c = record_at(&m->records, m->waiting);
		m->waiting = c->link.next;
		channel_release(m, c);
		n--;
	}
}

void mfib_destroy(struct mfib *m)
{
	struct mfib_tunnel *t;

	if (!m)
		return;
	if (m->qsbr)
		deleted_release(m, UINT32_MAX);
	while ((t = LIST_FIRST(&m->tunnels))) {
		LIST_REMOVE(t, link);
		slab_put(&m->tunnel_slab, t);
	}
	for (int kind = 0; kind < MFIB_KINDS; kind++)
		fib_fini(&m->fib[kind]);
	slab_fini(&m->records);
	slab_fini(&m->tunnel_slab);
	moves_fini(&m->moves);
	endpoints_fini(&m->ep);
	rte_free(m->tables);
	rte_free(m->qsbr);
	free(m->sockets);
	free(m);
}

struct mfib_table *mfib_worker_table(struct mfib *m, unsigned int worker)
{
	return worker < m->n_workers ? &m->tables[worker] : NULL;
}

static bool is_mapped(const struct addr *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return a->family == ADDR_V6 && memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

static bool endpoint_ok(const struct addr *a)
{
	return !addr_is_none(a) && !addr_is_unspecified(a) && !addr_is_multicast(a) &&
	       !is_mapped(a);
}

struct mfib_tunnel *mfib_tunnel_add(
	struct mfib *m, const struct addr *relay, const struct addr *local, uint16_t local_port)
{
	struct mfib_tunnel *t;
	int ret;

	if (relay->family != local->family || local_port == 0 || !endpoint_ok(relay) ||
		!endpoint_ok(local)) {
		errno = EINVAL;
		return NULL;
	}
	t = slab_get(&m->tunnel_slab);
	if (!t) {
		errno = ENOMEM;
		return NULL;
	}
	ret = endpoints_add(&m->ep, local, local_port, relay);
	if (ret < 0) {
		slab_put(&m->tunnel_slab, t);
		errno = -ret;
		return NULL;
	}
	t->relay = *relay;
	t->port = local_port;
	t->local = (uint16_t)ret;
	LIST_INSERT_HEAD(&m->tunnels, t, link);
	m->n_tunnels++;
	return t;
}

void mfib_tunnel_own(struct mfib_tunnel *t, void *owner)
{
	t->owner = owner;
}

void *mfib_channel_owner(const struct mfib_channel *c)
{
	return tunnel_of(c)->owner;
}

void mfib_tunnel_del(struct mfib *m, struct mfib_tunnel *t)
{
	endpoints_del(&m->ep, t->local, t->port, &t->relay);
	LIST_REMOVE(t, link);
	m->n_tunnels--;
	t->deleted = true;
	if (t->n_deleted == 0)
		slab_put(&m->tunnel_slab, t);
}

static int channel_check(const struct sg *sg)
{
	const uint8_t *g = sg->g.bytes;

	if (sg->s.family != sg->g.family || !addr_is_unicast(&sg->s) || is_mapped(&sg->s) ||
		!addr_is_multicast(&sg->g))
		return -EINVAL;
	if (sg->g.family == ADDR_V4)
		return g[0] == 224 && g[1] == 0 && g[2] == 0 ? -EINVAL : 0; // never forwarded
	// The key has no room for octets 2 and 3; the scope is the lower half of octet 1.
	return g[2] != 0 || g[3] != 0 || (g[1] & 0xf) <= 2 ? -EINVAL : 0;
}

// The key of (S,G) through t, and which table it is for.
static enum mfib_kind key_make(const struct mfib_tunnel *t, const struct sg *sg, struct key *out)
{
	uint32_t relay4 = addr_to_v4(&t->relay);
	uint16_t port = htons(t->port);
	struct mfib_wide_key wide;

	if (sg->s.family == ADDR_V4 && t->relay.family == ADDR_V4) {
		uint32_t ip[2] = {addr_to_v4(&sg->s), addr_to_v4(&sg->g)};
		struct mfib_narrow_key narrow = mfib_narrow_key_make(ip, relay4, port, t->local);

		*out = (struct key){{narrow.w[0], narrow.w[1]}};
		return MFIB_NARROW;
	}
	if (sg->s.family == ADDR_V4)
		wide = mfib_wide_key_make4in6(
			addr_to_v4(&sg->s), addr_to_v4(&sg->g), t->relay.bytes, port, t->local);
	else if (t->relay.family == ADDR_V4)
		wide = mfib_wide_key_make6in4(sg->s.bytes, sg->g.bytes, relay4, port, t->local);
	else
		wide = mfib_wide_key_make(sg->s.bytes, sg->g.bytes, t->relay.bytes, port, t->local);
	memcpy(out->w, wide.w, sizeof(out->w));
	return MFIB_WIDE;
}

// The local address of either family ends where the header does.
static uint64_t hash_end(const struct mfib *m, const struct mfib_tunnel *t)
{
	const struct addr *local = &m->ep.local[t->local - 1].addr;
	uint32_t last4;

	memcpy(&last4, local->bytes + addr_size(local) - 4, sizeof(last4));
	return mfib_hash_end(last4, htons(t->port));
}

struct mfib_channel *mfib_channel_add(
	struct mfib *m, struct mfib_tunnel *t, const struct sg *sg, uint64_t oifs)
{
	int ret = channel_check(sg);
	struct mfib_channel *c;
	struct key key;

	if (ret < 0)
		goto fail;
	deleted_release(m, RELEASE_STEP);
	c = slab_get(&m->records);
	ret = c ? 0 : -ENOMEM;
	if (ret < 0)
		goto fail;
	c->tunnel = slab_number(t);
	c->kind = (uint8_t)key_make(t, sg, &key);
	c->hash = shape_hash(&m->fib[c->kind].shape, sg, hash_end(m, t));
	fib_step(&m->fib[c->kind], FIB_STEP);
	ret = fib_add(&m->fib[c->kind], c, &key, oifs);
	if (ret < 0) {
		slab_put(&m->records, c);
		goto fail;
	}
	ilist_append(&t->channels, &m->records, c, offsetof(struct mfib_channel, link));
	return c;
fail:
	errno = -ret;
	return NULL;
}

// Of a guarded channel.
static struct mfib_move *record_of(const struct mfib *m, const struct mfib_channel *c)
{
	struct key key;
	uint64_t oifs;

	fib_entry(&m->fib[c->kind], c, &key, &oifs);
	return mfib_moves_find(m->moves.shared, key.w);
}

void mfib_channel_oifs(struct mfib *m, struct mfib_channel *c, uint64_t oifs)
{
	if (c->guarded)
		__atomic_store_n(&record_of(m, c)->oifs, oifs, __ATOMIC_RELAXED);
	else
		fib_oifs(&m->fib[c->kind], c, oifs);
}

int mfib_channel_guard(
	struct mfib *m, struct mfib_channel *c, struct mfib_window *w, unsigned int side)
{
	struct key key;
	uint64_t oifs = 0;

	fib_entry(&m->fib[c->kind], c, &key, &oifs);
	// The record first: a worker that finds the set empty looks for it.
	if (!moves_add(&m->moves, &key, oifs, w, side))
		return -ENOMEM;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	fib_oifs(&m->fib[c->kind], c, 0);
	c->guarded = true;
	return 0;
}

void mfib_channel_unguard(struct mfib *m, struct mfib_channel *c)
{
	struct mfib_move *record = record_of(m, c);

	// The set first: a worker that finds no record looks at it again.
	fib_oifs(&m->fib[c->kind], c, record->oifs);
	moves_del(&m->moves, record);
	c->guarded = false;
}

bool mfib_channel_guarded(const struct mfib_channel *c)
{
	return c->guarded;
}

void mfib_channel_guard_stats(const struct mfib_channel *c, struct mfib_guard_stats *out)
{
	const struct mfib_move *record = record_of(table_of(c), c);

	out->first = __atomic_load_n(&record->forwarded, __ATOMIC_RELAXED);
	out->duplicates = __atomic_load_n(&record->duplicates, __ATOMIC_RELAXED);
}

struct mfib_window *mfib_window_create(struct mfib *m, uint32_t packets)
{
	(void)m;
	return moves_window(packets);
}

void mfib_window_destroy(struct mfib *m, struct mfib_window *w)
{
	moves_window_del(&m->moves, w);
}

void mfib_channel_del(struct mfib *m, struct mfib_channel *c)
{
	struct mfib_tunnel *t = tunnel_of(c);
	struct fib *f = &m->fib[c->kind];
	struct mfib_move *record = c->guarded ? record_of(m, c) : NULL;

	fib_del(f, c);
	if (record)
		moves_del(&m->moves, record);
	ilist_remove(&t->channels, &m->records, c, offsetof(struct mfib_channel, link));
	fib_fold(f, c);
	t->gone.packets += c->packets;
	t->gone.bytes += c->bytes;
	c->packets = c->bytes = 0;
	t->n_deleted++;
	m->n_deleted++;
	c->link.next = m->deleted;
	m->deleted = slab_number(c);
	deleted_release(m, RELEASE_STEP);
	fib_step(f, FIB_STEP);
}

void mfib_channel_stats(const struct mfib_channel *c, struct mfib_stats *out)
{
	*out = (struct mfib_stats){.packets = c->packets, .bytes = c->bytes};
	fib_read(&table_of(c)->fib[c->kind], c, out);
}

void mfib_tunnel_stats(const struct mfib_tunnel *t, struct mfib_stats *out)
{
	const struct mfib *m = (void *)((char *)slab_of(t) - offsetof(struct mfib, tunnel_slab));
	const struct mfib_channel *c = ilist_first(&t->channels, &m->records);

	*out = t->gone;
	for (; c; c = ilist_next(&m->records, c, offsetof(struct mfib_channel, link))) {
		struct mfib_stats s;

		mfib_channel_stats(c, &s);
		out->packets += s.packets;
		out->bytes += s.bytes;
	}
}

void mfib_tunnel_folded(const struct mfib_tunnel *t, struct mfib_stats *out)
{
	*out = t->folded;
}

void mfib_reclaim_part(struct mfib *m, unsigned int parts)
{
	deleted_release(m, RELEASE_RECLAIM / parts);
	moves_reclaim(&m->moves);
	for (int kind = 0; kind < MFIB_KINDS; kind++) {
		struct fib *f = &m->fib[kind];

		f->next_failed = false;
		fib_step(f, FIB_RECLAIM / parts);
		fib_fold_slots(f, f->cur->n_slots / FOLD_CALLS / parts + 1);
	}
}

void mfib_reclaim(struct mfib *m)
{
	mfib_reclaim_part(m, 1);
}

bool mfib_reclaim_light(const struct mfib *m)
{
	uint64_t slots = 0;

	if (m->n_deleted > 0 || m->moves.first)
		return false;
	for (int kind = 0; kind < MFIB_KINDS; kind++) {
		if (!fib_settled(&m->fib[kind]))
			return false;
		slots += m->fib[kind].cur->n_slots;
	}
	return slots <= LIGHT_SLOTS;
}

void mfib_usage(const struct mfib *m, struct mfib_usage *out)
{
	*out = (struct mfib_usage){
		.tunnels = m->n_tunnels, .retired = m->n_deleted + moves_retired(&m->moves)};
	for (int kind = 0; kind < MFIB_KINDS; kind++) {
		const struct fib *f = &m->fib[kind];

		out->table[kind] = (struct mfib_usage_table){.channels = f->n_channels,
			.slots = f->cur->n_slots,
			.bytes = generation_bytes(f->cur),
			.growing = f->next ? generation_bytes(f->next) : 0};
		out->retired += fib_replaced(f);
		out->bytes += fib_mapped(f);
		out->control += fib_mapped_own(f);
	}
	out->records = slab_octets(&m->records);
}
