// SPDX-License-Identifier: BSD-3-Clause
#include "crossing/crossing.h"

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_memcpy.h>
#include <rte_ring.h>

// What a driver may keep of the pool until it looks at its transmit ring again.
#define TX_HELD_PER_IF 1024

static struct rte_ring *ring_create(unsigned int size, int socket)
{
	ssize_t bytes = rte_ring_get_memsize(size);
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

static void ring_destroy(struct rte_ring *r)
{
	void *m;

	if (!r)
		return;
	while (rte_ring_sc_dequeue(r, &m) == 0)
		rte_pktmbuf_free(m);
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
	rte_free(x);
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
		int socket = sockets ? sockets[i] : SOCKET_ID_ANY;
		struct crossing_worker *x = rte_zmalloc_socket(
			"crossing_worker", sizeof(*x), RTE_CACHE_LINE_SIZE, socket);

		if (!x)
			goto fail;
		c->workers[c->n_workers++] = x;
		for (int k = 0; k < PUNT_CLASSES; k++) {
			x->punt[k] = ring_create(punt_ring, socket);
			if (!x->punt[k])
				goto fail;
		}
		// One worker transmits what the kernel sends on an interface, so that it stays in
		// order.
		for (unsigned int f = i; f < n_ifs; f += n_workers) {
			x->inject[f] = ring_create(inject_ring, socket);
			if (!x->inject[f])
				goto fail;
		}
	}
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
	rte_free(c);
}

unsigned int crossing_punt_dequeue(struct crossing *c, struct rte_mbuf **mbufs, unsigned int n)
{
	unsigned int got = 0;

	for (int k = 0; k < PUNT_CLASSES && got < n; k++) {
		// Each call begins with another worker, so that none starves the rest.
		for (unsigned int i = 0; i < c->n_workers && got < n; i++) {
			struct crossing_worker *x = c->workers[(c->punt_next + i) % c->n_workers];

			got += rte_ring_sc_dequeue_burst(
				x->punt[k], (void **)(mbufs + got), n - got, NULL);
		}
	}
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
	x = c->workers[ifindex % c->n_workers];
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
		for (int k = 0; k < PUNT_CLASSES; k++)
			sum(&out->punted[k], &s->punted[k]);
	}
}

uint64_t crossing_drop(const struct crossing *c, enum drop_reason reason)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < c->n_workers; i++)
		sum(&n, &c->workers[i]->drops[reason]);
	return n;
}
