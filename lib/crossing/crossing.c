// SPDX-License-Identifier: BSD-3-Clause
#include "crossing/crossing.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_memcpy.h>
#include <rte_ring.h>

#include "crossing/crossing_internal.h"

// What a driver may keep of the pool until it looks at its transmit ring again.
#define TX_HELD_PER_IF 1024

static struct rte_ring *ring_create_elem(unsigned int esize, unsigned int size, int socket)
{
	ssize_t bytes = rte_ring_get_memsize_elem(esize, size);
	struct rte_ring *r;

	if (bytes < 0)
		return NULL;
	r = rte_zmalloc_socket("crossing_ring", (size_t)bytes, RTE_CACHE_LINE_SIZE, socket);
	// One thread at each end.
	if (r && rte_ring_init(r, "crossing", size, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) {
		rte_free(r);
		return NULL;
	}
	return r;
}

struct rte_ring *crossing_ring_create(unsigned int size, int socket)
{
	return ring_create_elem(sizeof(void *), size, socket);
}

static void ring_destroy(struct rte_ring *r)
{
	void *m;

	if (!r)
		return;
	while (rte_ring_sc_dequeue(r, &m) == 0)
		rte_pktmbuf_free(m);
	rte_free(r);
}

static void tx_ring_destroy(struct rte_ring *r)
{
	struct crossing_tx t = {0};

	if (!r)
		return;
	while (rte_ring_sc_dequeue_elem(r, &t, sizeof(t)) == 0)
		rte_pktmbuf_free(t.m);
	rte_free(r);
}

static void worker_destroy(struct crossing_worker *x)
{
	if (!x)
		return;
	for (int i = 0; i < PUNT_CLASSES; i++)
		ring_destroy(x->punt[i]);
	for (int i = 0; i < CROSSING_MAX_IFS; i++)
		ring_destroy(x->inject[i]);
	for (int i = 0; i < CROSSING_MAX_WORKERS; i++) {
		ring_destroy(x->spread_to[i]);
		tx_ring_destroy(x->tx_to[i]);
	}
	rte_free(x->spread_counts);
	rte_free(x);
}

static struct crossing_worker *worker_create(unsigned int index, unsigned int punt_ring, int socket)
{
	struct crossing_worker *x =
		rte_zmalloc_socket("crossing_worker", sizeof(*x), RTE_CACHE_LINE_SIZE, socket);

	if (!x)
		return NULL;
	x->index = index;
	for (int k = 0; k < PUNT_CLASSES; k++) {
		bool whole = k == PUNT_PIM || k == PUNT_OTHER;

		x->punt[k] = crossing_ring_create(whole ? punt_ring : punt_ring / 2, socket);
		if (!x->punt[k]) {
			worker_destroy(x);
			return NULL;
		}
	}
	return x;
}

// One worker transmits what the kernel sends on an interface, so that it stays in order.
static int inject_rings(
	struct crossing *c, unsigned int n_ifs, unsigned int size, const int *sockets)
{
	for (unsigned int i = 0; i < n_ifs; i++) {
		unsigned int w = i % c->n_workers;
		struct crossing_worker *x = c->workers[w];

		x->inject[i] = crossing_ring_create(size, sockets ? sockets[w] : SOCKET_ID_ANY);
		if (!x->inject[i])
			return -ENOMEM;
		x->inject_ifs[x->n_inject++] = (uint8_t)i;
		c->inject_worker[i] = (uint8_t)w;
	}
	return 0;
}

struct crossing *crossing_create(unsigned int n_workers, const int *sockets, unsigned int n_ifs,
	unsigned int punt_ring, unsigned int inject_ring, uint16_t max_frame)
{
	struct crossing *c;

	if (n_workers == 0 || n_workers > CROSSING_MAX_WORKERS || n_ifs > CROSSING_MAX_IFS ||
		max_frame > UINT16_MAX - RTE_PKTMBUF_HEADROOM)
		return NULL;
	c = rte_zmalloc("crossing", sizeof(*c), RTE_CACHE_LINE_SIZE);
	if (!c)
		return NULL;
	c->inject_pool = rte_pktmbuf_pool_create("inject", n_ifs * (inject_ring + TX_HELD_PER_IF),
		0, 0, (uint16_t)(RTE_PKTMBUF_HEADROOM + max_frame), SOCKET_ID_ANY);
	if (!c->inject_pool)
		goto fail;
	for (unsigned int i = 0; i < n_workers; i++) {
		struct crossing_worker *x =
			worker_create(i, punt_ring, sockets ? sockets[i] : SOCKET_ID_ANY);

		if (!x)
			goto fail;
		c->workers[c->n_workers++] = x;
	}
	if (inject_rings(c, n_ifs, inject_ring, sockets) < 0)
		goto fail;
	return c;
fail:
	crossing_destroy(c);
	return NULL;
}

void crossing_destroy(struct crossing *c)
{
	if (!c)
		return;
	for (unsigned int i = 0; i < c->n_workers; i++)
		worker_destroy(c->workers[i]);
	rte_mempool_free(c->inject_pool);
	rte_free(c->spread);
	rte_free(c->police);
	rte_free(c);
}

int crossing_inject_owner(struct crossing *c, unsigned int ifindex, unsigned int worker)
{
	struct crossing_worker *from, *to;
	unsigned int k = 0;

	if (ifindex >= CROSSING_MAX_IFS || worker >= c->n_workers)
		return -EINVAL;
	from = c->workers[c->inject_worker[ifindex]];
	to = c->workers[worker];
	if (!from->inject[ifindex])
		return -EINVAL;
	if (from == to)
		return 0;
	to->inject[ifindex] = from->inject[ifindex];
	to->inject_ifs[to->n_inject++] = (uint8_t)ifindex;
	from->inject[ifindex] = NULL;
	for (unsigned int i = 0; i < from->n_inject; i++)
		if (from->inject_ifs[i] != ifindex)
			from->inject_ifs[k++] = from->inject_ifs[i];
	from->n_inject = k;
	c->inject_worker[ifindex] = (uint8_t)worker;
	return 0;
}

int crossing_tx_open(struct crossing *c, unsigned int from, unsigned int to, unsigned int ring)
{
	struct crossing_worker *x, *y;

	if (from >= c->n_workers || to >= c->n_workers || from == to)
		return -EINVAL;
	x = c->workers[from];
	y = c->workers[to];
	if (x->tx_to[to])
		return 0;
	x->tx_to[to] = ring_create_elem(sizeof(struct crossing_tx), ring, SOCKET_ID_ANY);
	if (!x->tx_to[to])
		return -ENOMEM;
	y->tx_from[y->n_tx_from++] = x->tx_to[to];
	return 0;
}

// Of one class. Each call begins with another worker, so that none starves the rest.
static unsigned int dequeue_class(
	struct crossing *c, unsigned int k, struct rte_mbuf **mbufs, unsigned int n)
{
	unsigned int got = 0;

	for (unsigned int i = 0; i < c->n_workers && got < n; i++) {
		struct crossing_worker *x = c->workers[(c->punt_next + i) % c->n_workers];

		got += rte_ring_sc_dequeue_burst(x->punt[k], (void **)(mbufs + got), n - got, NULL);
	}
	return got;
}

unsigned int crossing_punt_dequeue(
	struct crossing *c, unsigned int classes, struct rte_mbuf **mbufs, unsigned int n)
{
	unsigned int share = n / PUNT_CLASSES, got = 0;

	for (unsigned int k = 0; k < PUNT_CLASSES && share > 0; k++)
		if (classes & 1u << k)
			got += dequeue_class(c, k, mbufs + got, share);
	for (unsigned int k = 0; k < PUNT_CLASSES && got < n; k++)
		if (classes & 1u << k)
			got += dequeue_class(c, k, mbufs + got, n - got);
	if (++c->punt_next >= c->n_workers)
		c->punt_next = 0;
	return got;
}

int crossing_inject(struct crossing *c, unsigned int ifindex, const void *frame, size_t len)
{
	struct crossing_worker *x;
	struct rte_mbuf *m;

	if (ifindex >= CROSSING_MAX_IFS || c->n_workers == 0)
		return -ENODEV;
	x = c->workers[c->inject_worker[ifindex]];
	if (!x->inject[ifindex])
		return -ENODEV;
	m = rte_pktmbuf_alloc(c->inject_pool);
	if (!m)
		return -ENOBUFS;
	if (len == 0 || len > rte_pktmbuf_tailroom(m)) {
		rte_pktmbuf_free(m);
		return -EMSGSIZE;
	}
	rte_memcpy(rte_pktmbuf_append(m, (uint16_t)len), frame, len);
	if (rte_ring_sp_enqueue(x->inject[ifindex], m) != 0) {
		rte_pktmbuf_free(m);
		return -EAGAIN;
	}
	return 0;
}

static void sum(uint64_t *to, const uint64_t *from)
{
	*to += __atomic_load_n(from, __ATOMIC_RELAXED);
}

void crossing_if_stats(
	const struct crossing *c, unsigned int ifindex, struct crossing_if_stats *out)
{
	memset(out, 0, sizeof(*out));
	if (ifindex >= CROSSING_MAX_IFS)
		return;
	for (unsigned int i = 0; i < c->n_workers; i++) {
		const struct crossing_if_stats *s = &c->workers[i]->ifs[ifindex];

		sum(&out->rx_packets, &s->rx_packets);
		sum(&out->rx_bytes, &s->rx_bytes);
		sum(&out->tx_packets, &s->tx_packets);
		sum(&out->tx_bytes, &s->tx_bytes);
		sum(&out->tx_full, &s->tx_full);
		sum(&out->injected, &s->injected);
		for (int k = 0; k < PUNT_CLASSES; k++) {
			sum(&out->punted[k], &s->punted[k]);
			sum(&out->over[k], &s->over[k]);
			sum(&out->shouted[k], &s->shouted[k]);
			sum(&out->full[k], &s->full[k]);
		}
	}
}

uint64_t crossing_drop(const struct crossing *c, enum drop_reason reason)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < c->n_workers; i++)
		sum(&n, &c->workers[i]->drops[reason]);
	return n;
}

uint64_t crossing_ecn_odd(const struct crossing *c)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < c->n_workers; i++)
		sum(&n, &c->workers[i]->ecn_odd);
	return n;
}

void crossing_load(const struct crossing *c, unsigned int worker, struct crossing_load *out)
{
	const uint64_t *from = (const uint64_t *)&c->workers[worker]->load;
	uint64_t *to = (uint64_t *)out;

	static_assert(sizeof(*out) % sizeof(*to) == 0, "nothing but counters");
	for (size_t i = 0; i < sizeof(*out) / sizeof(*to); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}
