// SPDX-License-Identifier: BSD-3-Clause
#include "bench/forward_gen.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_pause.h>

#include "base/rng.h"
#include "bench/forward_eal.h"
#include "port/port.h"

#define BURST	 32
#define MBUFS	 8191
#define STALL_US 200000 // so long without a frame back: what was under way is lost
#define SEED	 20261125
#define LCORE	 1

struct template
{
	uint32_t channel;
	uint8_t head[FRAME_OVERHEAD];
};

// The lcore writes the counters (and the control thread reads them); the control thread writes the
// pace before it counts up `turn`, which the lcore then follows.
struct gen_inside {
	const struct gen_cfg *cfg;
	struct port port, sink;
	bool port_open, sink_open;
	bool looks;		  // frames come back, by port:
	uint16_t sink_id;	  // ethdev; may be the one that sends
	struct rte_mempool *pool; // frames whose payload is there from the start
	size_t len;
	struct template *templates;
	uint64_t *next_tx, *next_rx; // the number of a channel's next frame
	struct gen_pace pace;
	_Atomic unsigned int turn;    // control writes: odd: send
	_Atomic unsigned int turn_is; // the lcore writes: what it has taken notice of
	_Atomic bool end;
	struct gen_counters c;
	// The lcore's own.
	unsigned int at;
	uint64_t start, back; // ticks: of this turn; when a frame last came back
	double per_tick;
	uint64_t lost; // frames of this turn that are given up
};

static void count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

// Payloads once for all: they survive sending, since drivers only read.
static void frame_init_cb(struct rte_mempool *mp, void *arg, void *obj, unsigned int i)
{
	struct gen_inside *g = arg;
	struct rte_mbuf *m = obj;
	uint8_t frame[FRAME_MAX];

	(void)mp;
	(void)i;
	frame_build(frame, &g->cfg->shape, 0);
	memcpy((uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM, frame, g->len);
}

static unsigned int transmit(struct gen_inside *g, unsigned int n)
{
	struct rte_mbuf *m[BURST];
	uint16_t sent;

	if (rte_pktmbuf_alloc_bulk(g->pool, m, n) != 0)
		return 0; // the driver has them all
	for (unsigned int i = 0; i < n; i++) {
		const struct template *t = &g->templates[(g->at + i) % GEN_TEMPLATES];
		uint8_t *p = rte_pktmbuf_mtod(m[i], uint8_t *);

		memcpy(p, t->head, FRAME_OVERHEAD);
		frame_number(p, g->len, g->next_tx[t->channel]++);
		m[i]->data_len = (uint16_t)g->len;
		m[i]->pkt_len = (uint32_t)g->len;
	}
	sent = rte_eth_tx_burst(g->port.port_id, 0, m, (uint16_t)n);
	if (sent < n) {
		for (unsigned int i = n; i-- > sent;)
			g->next_tx[g->templates[(g->at + i) % GEN_TEMPLATES].channel]--;
		rte_pktmbuf_free_bulk(m + sent, n - sent);
		count(&g->c.refused, n - sent);
	}
	g->at = (g->at + sent) % GEN_TEMPLATES;
	count(&g->c.sent, sent);
	return sent;
}

static void look_at(struct gen_inside *g, const struct rte_mbuf *m)
{
	size_t len = g->pace.native ? g->len - (FRAME_OVERHEAD - FRAME_NATIVE) : g->len;
	uint64_t seq, *next;
	uint32_t channel;

	if (m->data_len != len) {
		count(&g->c.other, 1);
		return;
	}
	if (!frame_read(rte_pktmbuf_mtod(m, const uint8_t *), len, &g->cfg->shape, g->pace.native,
		    &channel, &seq)) {
		count(&g->c.wrong, 1);
		return;
	}
	count(&g->c.received, 1);
	next = &g->next_rx[channel];
	if (seq < *next) {
		count(&g->c.reordered, 1);
		return;
	}
	count(&g->c.missing, seq - *next);
	*next = seq + 1;
}

static uint16_t receive(struct gen_inside *g)
{
	struct rte_mbuf *m[BURST];
	uint16_t n = rte_eth_rx_burst(g->sink_id, 0, m, BURST);

	for (uint16_t i = 0; i < n; i++)
		look_at(g, m[i]);
	rte_pktmbuf_free_bulk(m, n);
	return n;
}

// How many frames may be sent now.
static unsigned int allowed(struct gen_inside *g, uint64_t now)
{
	unsigned int n = BURST;

	if (g->pace.pps > 0) {
		double due = (double)(now - g->start) * g->per_tick - (double)g->c.sent;

		n = due < 0 ? 0 : due < BURST ? (unsigned int)due : BURST;
	}
	if (g->pace.window) {
		uint64_t under_way = g->c.sent - g->c.received - g->lost;

		if (under_way + n > g->pace.window) {
			if (now - g->back > rte_get_tsc_hz() / 1000000 * STALL_US) {
				g->lost += under_way;
				g->back = now;
			}
			return 0;
		}
	}
	return n;
}

static void turn_begin(struct gen_inside *g, unsigned int turn)
{
	if (turn % 2) {
		memset(&g->c, 0, sizeof(g->c));
		memset(g->next_tx, 0, g->cfg->shape.channels * sizeof(*g->next_tx));
		memset(g->next_rx, 0, g->cfg->shape.channels * sizeof(*g->next_rx));
		g->lost = 0;
		g->per_tick = g->pace.pps / (double)rte_get_tsc_hz();
		g->start = g->back = rte_rdtsc();
	}
	atomic_store_explicit(&g->turn_is, turn, memory_order_release);
}

static int lcore_cb(void *arg)
{
	struct gen_inside *g = arg;

	while (!atomic_load_explicit(&g->end, memory_order_acquire)) {
		unsigned int turn = atomic_load_explicit(&g->turn, memory_order_acquire);
		unsigned int n, got = 0;
		uint64_t now;

		if (turn != atomic_load_explicit(&g->turn_is, memory_order_relaxed))
			turn_begin(g, turn);
		if (g->looks)
			got = receive(g);
		now = rte_rdtsc();
		if (got)
			g->back = now;
		n = turn % 2 ? allowed(g, now) : 0;
		if (n > 0)
			transmit(g, n);
		else if (got == 0)
			rte_pause();
	}
	return 0;
}

// By Zipf's law channel k has 1 / (k + 1)^zipf of the traffic; drawn by the inverse of the sums.
static int templates_make(struct gen_inside *g)
{
	const struct frame_shape *s = &g->cfg->shape;
	double *sums = calloc(s->channels, sizeof(*sums)), sum = 0;
	struct rng rng = rng_seeded(SEED);
	uint8_t frame[FRAME_MAX];

	if (!sums)
		return -ENOMEM;
	for (uint32_t c = 0; c < s->channels; c++)
		sums[c] = sum += pow(c + 1.0, -g->cfg->zipf);
	for (unsigned int i = 0; i < GEN_TEMPLATES; i++) {
		double v = (double)rng_below(&rng, 1ull << 40) / (double)(1ull << 40) * sum;
		uint32_t lo = 0, hi = s->channels - 1;

		while (lo < hi) {
			uint32_t mid = (lo + hi) / 2;

			if (sums[mid] > v)
				hi = mid;
			else
				lo = mid + 1;
		}
		g->len = frame_build(frame, s, lo);
		g->templates[i].channel = lo;
		memcpy(g->templates[i].head, frame, FRAME_OVERHEAD);
	}
	free(sums);
	return 0;
}

static int make(struct gen_inside *g, char err[GEN_ERR_LEN])
{
	size_t channels = g->cfg->shape.channels;

	g->templates = calloc(GEN_TEMPLATES, sizeof(*g->templates));
	g->next_tx = calloc(channels, sizeof(uint64_t));
	g->next_rx = calloc(channels, sizeof(uint64_t));
	if (!g->templates || !g->next_tx || !g->next_rx || templates_make(g) != 0)
		goto short_of_memory;
	g->pool = rte_pktmbuf_pool_create(
		"gen", MBUFS, 256, 0, RTE_PKTMBUF_HEADROOM + 2048, SOCKET_ID_ANY);
	if (!g->pool)
		goto short_of_memory;
	rte_mempool_obj_iter(g->pool, frame_init_cb, g);
	return 0;
short_of_memory:
	snprintf(err, GEN_ERR_LEN, "generator: short of memory");
	return -ENOMEM;
}

static int open_port(const char *device, struct port *p, bool *is_open, char err[GEN_ERR_LEN])
{
	const struct port_cfg pc = {.device = device, .n_queues = 1};
	char why[PORT_ERR_LEN];
	int rc = port_open(&pc, 0, p, why);

	if (rc != 0)
		snprintf(err, GEN_ERR_LEN, "%s", why);
	*is_open = rc == 0;
	return rc;
}

static int open_ports(struct gen_inside *g, char err[GEN_ERR_LEN])
{
	int rc = open_port(g->cfg->port, &g->port, &g->port_open, err);

	g->looks = g->cfg->sink != NULL;
	g->sink_id = g->port.port_id;
	if (rc != 0 || !g->looks || strcmp(g->cfg->sink, g->cfg->port) == 0)
		return rc;
	rc = open_port(g->cfg->sink, &g->sink, &g->sink_open, err);
	g->sink_id = g->sink.port_id;
	return rc;
}

struct gen_inside *gen_inside_open(const struct gen_cfg *cfg, char err[GEN_ERR_LEN])
{
	const struct forward_eal eal = {.name = "inlet-bench-gen",
		.cpu_control = cfg->cpu_control,
		.cpu_worker = cfg->cpu,
		.n_workers = 1,
		.devices = {cfg->port, cfg->sink},
		.extra = {cfg->eal[0], cfg->eal[1], cfg->eal[2], cfg->eal[3]},
		.no_huge = cfg->no_huge};
	struct gen_inside *g = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*g), 64));
	int rc;

	if (!g)
		return NULL;
	memset(g, 0, sizeof(*g));
	g->cfg = cfg;
	if (cfg->before_cb && (rc = cfg->before_cb(cfg->arg)) != 0)
		snprintf(err, GEN_ERR_LEN, "preparing the namespace: %s", strerror(-rc));
	else if ((rc = forward_eal_start(&eal)) != 0)
		snprintf(err, GEN_ERR_LEN, "the EAL does not start: %s", strerror(-rc));
	else
		rc = open_ports(g, err);
	if (rc == 0 && make(g, err) == 0) {
		if (rte_eal_remote_launch(lcore_cb, g, LCORE) == 0)
			return g;
	}
	gen_inside_close(g);
	return NULL;
}

void gen_inside_close(struct gen_inside *g)
{
	atomic_store_explicit(&g->end, true, memory_order_release);
	rte_eal_mp_wait_lcore();
	if (g->port_open)
		port_close(&g->port);
	if (g->sink_open)
		port_close(&g->sink);
	rte_mempool_free(g->pool);
	free(g->templates);
	free(g->next_tx);
	free(g->next_rx);
	free(g);
	forward_eal_stop();
}

static void turn(struct gen_inside *g, bool on)
{
	unsigned int next = atomic_load_explicit(&g->turn, memory_order_relaxed) + 1;

	if ((next % 2 == 1) != on)
		return;
	atomic_store_explicit(&g->turn, next, memory_order_release);
	while (atomic_load_explicit(&g->turn_is, memory_order_acquire) != next)
		rte_pause();
}

void gen_inside_start(struct gen_inside *g, const struct gen_pace *pace)
{
	gen_inside_stop(g);
	g->pace = *pace;
	turn(g, true);
}

void gen_inside_stop(struct gen_inside *g)
{
	turn(g, false);
}

void gen_inside_counters(const struct gen_inside *g, struct gen_counters *out)
{
	*out = (struct gen_counters){
		.sent = __atomic_load_n(&g->c.sent, __ATOMIC_RELAXED),
		.refused = __atomic_load_n(&g->c.refused, __ATOMIC_RELAXED),
		.received = __atomic_load_n(&g->c.received, __ATOMIC_RELAXED),
		.missing = __atomic_load_n(&g->c.missing, __ATOMIC_RELAXED),
		.reordered = __atomic_load_n(&g->c.reordered, __ATOMIC_RELAXED),
		.wrong = __atomic_load_n(&g->c.wrong, __ATOMIC_RELAXED),
		.other = __atomic_load_n(&g->c.other, __ATOMIC_RELAXED),
		.tsc = rte_rdtsc(),
		.tsc_hz = rte_get_tsc_hz(),
	};
}
