// SPDX-License-Identifier: BSD-3-Clause
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

static void require(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "rig: %s\n", what);
		abort();
	}
}
#define REQUIRE(x) require((x), #x)

void rig_eal_init(const char *prefix)
{
	char file_prefix[64];
	char *argv[] = {"test", "-l", "0", "--no-huge", "--no-shconf", "-m", "128", "--no-pci",
		"--no-telemetry", "--log-level=error", file_prefix};

	snprintf(file_prefix, sizeof(file_prefix), "--file-prefix=%s", prefix);
	REQUIRE(rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])), argv) >= 0);
}

struct addr rig_ip(const char *text)
{
	struct addr a;

	REQUIRE(addr_parse(text, &a) == 0);
	return a;
}

// Tags that are taken for the port's own interface; the others are of no interface.
static uint8_t vlans[4096];

static void vlans_setup(void)
{
	memset(vlans, WORKER_NO_IF, sizeof(vlans));
	vlans[RIG_VLAN] = 0;
}

void rig_setup(struct rig *r, uint64_t oifs)
{
	struct addr relay = rig_ip("203.0.113.15"), local = rig_ip("198.51.100.10");
	struct sg sg = {rig_ip("192.0.2.12"), rig_ip("232.252.0.2")};

	memset(r, 0, sizeof(*r));
	r->pool = rte_pktmbuf_pool_create(
		"rig", RIG_MBUFS, 0, 0, RTE_PKTMBUF_HEADROOM + RIG_FRAME, SOCKET_ID_ANY);
	REQUIRE(r->pool);
	r->crossing = crossing_create(1, NULL, RIG_IFS, 64, 128, 1518);
	REQUIRE(r->crossing);
	r->x = r->crossing->workers[0];
	r->mfib = mfib_create(1, NULL);
	REQUIRE(r->mfib);
	r->tunnel = mfib_tunnel_add(r->mfib, &relay, &local, RIG_PORT);
	REQUIRE(r->tunnel);
	r->channel = mfib_channel_add(r->mfib, r->tunnel, &sg, oifs);
	REQUIRE(r->channel);
	r->worker.n_ifs = RIG_IFS;
	r->worker.n_ports = RIG_IFS;
	r->worker.table = mfib_worker_table(r->mfib, 0);
	r->worker.x = r->x;
	vlans_setup();
	for (unsigned int i = 0; i < RIG_IFS; i++) {
		r->worker.ports[i] = (struct worker_port){
			.port_id = (uint16_t)(10 + i), .untagged = (uint8_t)i, .by_vlan = vlans};
		r->worker.ifs[i] = (struct worker_if){.port = (uint16_t)i,
			.mtu = 1500,
			.upstream = i == 0,
			.mac = {2, 0, 0, 0, 0, (uint8_t)i}};
	}
	worker_prepare(&r->worker);
}

unsigned int rig_mbufs_in_use(const struct rig *r)
{
	return rte_mempool_in_use_count(r->pool);
}

void rig_teardown(struct rig *r)
{
	mfib_channel_del(r->mfib, r->channel);
	mfib_tunnel_del(r->mfib, r->tunnel);
	mfib_destroy(r->mfib);
	crossing_destroy(r->crossing);
	REQUIRE(rig_mbufs_in_use(r) == 0);
	rte_mempool_free(r->pool);
}

struct exact {
	struct rte_mbuf_ext_shared_info shared;
	uint8_t *buf;
};

static void exact_free_cb(void *addr, void *arg)
{
	(void)addr;
	free(((struct exact *)arg)->buf);
	free(arg);
}

struct rte_mbuf *rig_mbuf(struct rig *r, const uint8_t *frame, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);
	struct exact *e = calloc(1, sizeof(*e));

	REQUIRE(m && e);
	e->buf = malloc(len ? len : 1);
	REQUIRE(e->buf);
	if (len)
		memcpy(e->buf, frame, len);
	e->shared.free_cb = exact_free_cb;
	e->shared.fcb_opaque = e;
	rte_mbuf_ext_refcnt_set(&e->shared, 1);
	rte_pktmbuf_attach_extbuf(m, e->buf, 0, (uint16_t)len, &e->shared);
	m->data_off = 0;
	m->data_len = (uint16_t)len;
	m->pkt_len = (uint32_t)len;
	return m;
}

static void take_tx(struct rig *r, struct outcome *out)
{
	for (unsigned int i = 0; i < RIG_IFS; i++) {
		struct worker_tx *tx = &r->worker.tx[i];

		for (unsigned int j = 0; j < tx->n; j++) {
			struct rte_mbuf *m = tx->mbufs[j];

			REQUIRE(m->nb_segs == 1 && m->pkt_len == m->data_len && m->refcnt == 1);
			if (out->forwarded++ == 0) {
				out->len = m->data_len;
				memcpy(out->frame, rte_pktmbuf_mtod(m, void *), out->len);
			}
			out->oifs |= 1u << i;
			rte_pktmbuf_free(m);
		}
		tx->n = 0;
		tx->bytes = 0;
	}
}

static uint64_t drops_sum(const struct rig *r)
{
	uint64_t sum = 0;

	for (int i = 0; i < DROP_COUNT; i++)
		sum += crossing_drop(r->crossing, (enum drop_reason)i);
	return sum;
}

void rig_run_mbuf(struct rig *r, struct rte_mbuf *m, struct outcome *out)
{
	uint64_t before[DROP_COUNT], sum = drops_sum(r);
	void *p;

	memset(out, 0, sizeof(*out));
	for (int i = 0; i < DROP_COUNT; i++)
		before[i] = r->x->drops[i];
	worker_process_burst(&r->worker, 0, &m, 1);
	take_tx(r, out);
	for (int k = 0; k < PUNT_CLASSES; k++) {
		while (rte_ring_dequeue(r->x->punt[k], &p) == 0) {
			out->punted[punt_is_control((unsigned int)k) ? RIG_CONTROL : RIG_OTHER]++;
			out->punt = (uint8_t)k;
			rte_pktmbuf_free(p);
		}
	}
	out->drops = drops_sum(r) - sum;
	for (int i = 0; i < DROP_COUNT; i++) {
		if (r->x->drops[i] != before[i])
			out->reason = (enum drop_reason)i;
	}
}

void rig_run(struct rig *r, const uint8_t *frame, size_t len, struct outcome *out)
{
	rig_run_mbuf(r, rig_mbuf(r, frame, len), out);
}
