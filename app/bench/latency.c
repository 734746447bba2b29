// SPDX-License-Identifier: BSD-3-Clause
// How long a packet is in the worker: from when it is due at the port to when it is handed to a
// driver, at random (Poisson) arrivals from memory, against a loop that does nothing in between.
#include "bench/latency.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>

#include "base/rng.h"
#include "bench/product.h"
#include "mfib/mfib_table.h"

#define REPS	   21
#define REPS_QUICK 5
#define PORTS	   2
#define TX_RING	   256
#define SEED	   20261125

static const struct latency_load loads[LATENCY_LOADS] = {
	{.name = "10%", .part = 0.10, .chunks = 4, .packets = FEED_MBUFS},
	{.name = "50%", .part = 0.50, .chunks = 4, .packets = FEED_MBUFS},
	{.name = "90%", .part = 0.90, .chunks = 4, .packets = FEED_MBUFS},
	{.name = "100000pps", .pps = 100000, .chunks = 1, .packets = 4000},
	{.name = "1000pps", .pps = 1000, .chunks = 1, .packets = 100},
};

// The traffic of one chunk. Ticks are since its start.
struct rig {
	struct feed *feed;
	struct product *product;
	struct rng rng;
	uint64_t start;
	unsigned int n, in, out;
	uint32_t round;
	uint64_t held;
	struct hist *hist; // of this chunk
	struct {
		uint32_t due;
		uint32_t round; // in which it was received
	} packets[FEED_MBUFS];
	struct {
		uint64_t addr, len;
	} desc[TX_RING];
};

static uint16_t rx_cb(void *queue, struct rte_mbuf **m, uint16_t room)
{
	struct rig *g = queue;
	uint32_t now = (uint32_t)(rte_rdtsc() - g->start);
	uint16_t n = 0;

	for (; n < room && g->in < g->n && g->packets[g->in].due <= now; n++, g->in++) {
		struct rte_mbuf *p = g->feed->mbufs[g->in];

		memcpy(&p->rearm_data, g->feed->image, sizeof(g->feed->image));
		p->hash.fdir.hi = g->in;
		g->packets[g->in].round = g->round;
		m[n] = p;
	}
	return n;
}

static uint16_t rx_none_cb(void *queue, struct rte_mbuf **m, uint16_t room)
{
	(void)queue;
	(void)m;
	(void)room;
	return 0;
}

static uint16_t tx_cb(void *queue, struct rte_mbuf **m, uint16_t n)
{
	struct rig *g = queue;
	uint32_t now = (uint32_t)(rte_rdtsc() - g->start);

	for (uint16_t i = 0; i < n; i++) {
		unsigned int at = m[i]->hash.fdir.hi, d = (g->out + i) % TX_RING;

		g->desc[d].addr = rte_mbuf_data_iova(m[i]);
		g->desc[d].len = m[i]->data_len;
		hist_add(g->hist, now - g->packets[at].due);
		g->held += g->packets[at].round != g->round;
	}
	g->out += n;
	return n;
}

static void ports_make(struct rig *g)
{
	static void *queue[1], *no_callback[1];

	queue[0] = g;
	for (unsigned int i = 0; i < PORTS; i++) {
		struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[i];

		ops->rxq.data = ops->txq.data = queue;
		ops->rxq.clbk = ops->txq.clbk = no_callback;
		ops->rx_pkt_burst = i == 0 ? rx_cb : rx_none_cb;
		ops->tx_pkt_burst = tx_cb;
	}
}

// As worker_run() does it.
static unsigned int turn_product(struct rig *g)
{
	struct worker *w = g->product->worker;
	unsigned int n = worker_round(w);

	if (n == 0)
		rte_pause();
	mfib_worker_quiescent(w->table);
	return n;
}

static unsigned int turn_empty(struct rig *g)
{
	struct rte_mbuf *m[BENCH_BURST];
	unsigned int total = 0;

	(void)g;
	for (uint16_t i = 0; i < PORTS; i++) {
		uint16_t n = rte_eth_rx_burst(i, 0, m, BENCH_BURST);

		total += n;
		if (n > 0)
			(void)rte_eth_tx_burst((uint16_t)(PORTS - 1 - i), 0, m, n);
	}
	if (total == 0)
		rte_pause();
	return total;
}

// One chunk; gap: mean ticks between two packets, 0: all are due at once. Ticks it took.
static uint64_t chunk(struct rig *g, enum latency_lane lane, const struct feed_shape *s,
	unsigned int n, double gap, struct hist *h)
{
	double due = 0;
	unsigned int got;

	feed_prepare(g->feed, s);
	g->n = n;
	g->in = g->out = 0;
	g->hist = h;
	for (unsigned int i = 0; i < n; i++) {
		double u = ((double)rng_below(&g->rng, 1u << 30) + 1) / (1u << 30);

		due -= gap * log(u);
		g->packets[i].due = (uint32_t)due;
	}
	g->start = rte_rdtsc_precise();
	do {
		g->round++;
		got = lane == LATENCY_PRODUCT ? turn_product(g) : turn_empty(g);
	} while (g->in < n || got > 0); // a round without frames after the last one
	return rte_rdtsc_precise() - g->start;
}

static void hist_merge(struct hist *to, const struct hist *from)
{
	for (unsigned int b = 0; b < HIST_BUCKETS; b++)
		to->bucket[b] += from->bucket[b];
	to->n += from->n;
	to->max = RTE_MAX(to->max, from->max);
}

static void lane_once(struct rig *g, struct latency_result *r, enum latency_lane lane,
	unsigned int rep, const struct feed_shape *s)
{
	static const double parts[LATENCY_QUANTILES] = {0.50, 0.99, 0.999};
	static struct hist h; // large

	memset(&h, 0, sizeof(h));
	for (unsigned int i = 0; i < r->load.chunks; i++) {
		(void)chunk(g, lane, s, RTE_MIN(r->load.packets, g->feed->n), r->offered[rep], &h);
		r->lost += g->n - g->out;
	}
	for (unsigned int q = 0; q < LATENCY_QUANTILES; q++)
		r->q[lane][q][rep] = hist_quantile(&h, parts[q]);
	hist_merge(&r->hist[lane], &h);
}

// The load is relative to what the machine can do right now: its speed changes by the second.
static void once(
	struct rig *g, struct latency_result *r, unsigned int rep, const struct feed_shape *s)
{
	static struct hist unused;
	unsigned int n = g->feed->n;
	uint64_t held;

	(void)chunk(g, LATENCY_PRODUCT, s, n, 0, &unused); // fills the caches
	r->capacity[rep] = (double)chunk(g, LATENCY_PRODUCT, s, n, 0, &unused) / n;
	r->offered[rep] = r->load.part > 0 ? r->capacity[rep] / r->load.part
					   : (double)rte_get_tsc_hz() / r->load.pps;
	held = g->held;
	lane_once(g, r, LATENCY_PRODUCT, rep, s);
	r->held += g->held - held;
	lane_once(g, r, LATENCY_EMPTY, rep, s);
}

static void run(struct rig *g, struct latency_result *r, const struct feed_shape *s)
{
	mfib_worker_online(g->product->worker->table);
	for (unsigned int rep = 0; rep < r[0].reps; rep++) {
		bench_progress("latency, repetition", rep + 1, r[0].reps);
		for (unsigned int i = 0; i < LATENCY_LOADS; i++)
			once(g, &r[i], rep, s);
	}
	bench_progress(NULL, 0, 0);
	mfib_worker_offline(g->product->worker->table);
}

static void results_init(
	struct latency_result *r, const struct feed_shape *s, const struct bench_options *o)
{
	unsigned int reps = o->reps ? o->reps : o->quick ? REPS_QUICK : REPS;

	for (unsigned int i = 0; i < LATENCY_LOADS; i++) {
		r[i].load = loads[i];
		r[i].channels = s->channels;
		r[i].payload = s->payload;
		r[i].reps = RTE_MIN(reps, (unsigned int)LATENCY_MAX_REPS);
	}
}

static int results_show(const struct latency_result *r, const struct bench_options *o)
{
	int rc = 0;

	latency_report_begin(o->json);
	for (unsigned int i = 0; i < LATENCY_LOADS; i++) {
		latency_report(&r[i], o->json);
		if (r[i].lost || r[i].held)
			rc = 1;
	}
	if (rc == 0 && o->plot_dir && latency_plot(o->plot_dir, r, LATENCY_LOADS) != 0)
		rc = 1;
	return rc;
}

int latency_main(const struct bench_options *o)
{
	uint32_t channels = o->channels.n ? o->channels.v[0] : 1000;
	const struct feed_shape s = {.channels = channels,
		.tunnels = RTE_MIN(channels, 1000u),
		.payload = (uint16_t)(o->payloads.n ? o->payloads.v[0] : 64)};
	const struct product_cfg cfg = {.fanout = 1};
	struct latency_result *r = calloc(LATENCY_LOADS, sizeof(*r));
	struct rig *g = calloc(1, sizeof(*g));
	struct crossing *crossing = NULL;
	int rc = 1;

	if (!r || !g || bench_eal_init(o, channels > 100000 ? 768 : 256) != 0)
		goto out;
	results_init(r, &s, o);
	crossing = crossing_create(1, NULL, PRODUCT_IFS, 1024, 64, 1518);
	g->product = crossing ? product_create(&s, &cfg, crossing) : NULL;
	g->feed = feed_create(s.payload);
	g->rng = rng_seeded(SEED);
	if (g->product && g->feed) {
		ports_make(g);
		run(g, r, &s);
		rc = results_show(r, o);
	} else {
		fprintf(stderr, "inlet-bench: short of memory for %u channels\n", channels);
	}
	product_destroy(g->product);
	feed_destroy(g->feed);
	if (crossing)
		crossing_destroy(crossing);
out:
	free(g);
	free(r);
	return rc;
}
