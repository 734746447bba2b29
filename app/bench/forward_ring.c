// SPDX-License-Identifier: BSD-3-Clause
// From a ring of mbufs to a ring of mbufs, without a copy: what is left is the worker and ethdev.
// The product's frames are put on the ring before the clock runs, since what comes out of it cannot
// go in again; io and macswap_lite of ours are measured the same way. testpmd sends its own frames
// round and round through one ring, which costs it as many ring operations a packet.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "base/rng.h"
#include "bench/forward.h"
#include "bench/forward_eal.h"
#include "bench/forward_inside.h"
#include "mfib/mfib_table.h"

#define FRAMES	   256 // at a time; testpmd's too
#define CHUNKS	   256 // a repetition
#define TEMPLATES  4096
#define REPS	   21
#define REPS_QUICK 5
#define WINDOW_MS  100
#define SEED	   20261125

enum inside_lane { RING_PRODUCT, RING_IO, RING_MACSWAP, RING_LANES };

struct times {
	double cycles[RING_LANES];
	uint64_t lost, wrong; // of the product
};

static struct {
	struct rng rng;
	bool made;
	size_t len;
	uint64_t number; // of the next frame, over all channels
	uint64_t *next;	 // by channel: the least number that can follow
	uint8_t frames[TEMPLATES][FRAME_MAX];
} templates;

static void templates_make(const struct frame_shape *s)
{
	if (templates.made)
		return;
	templates.rng = rng_seeded(SEED);
	templates.next = calloc(s->channels, sizeof(*templates.next));
	if (!templates.next)
		abort(); // with memory that short no figure would be right
	for (unsigned int i = 0; i < TEMPLATES; i++)
		templates.len = frame_build(
			templates.frames[i], s, (uint32_t)rng_below(&templates.rng, s->channels));
	templates.made = true;
}

// Puts FRAMES numbered frames on the ring of the port that receives.
static unsigned int fill(const struct dut_inside *in)
{
	struct rte_mbuf *m[FRAMES];

	if (rte_pktmbuf_alloc_bulk(in->in.pool, m, FRAMES) != 0)
		return 0;
	for (unsigned int i = 0; i < FRAMES; i++) {
		char *p = rte_pktmbuf_append(m[i], (uint16_t)templates.len);
		uint64_t which = rng_below(&templates.rng, TEMPLATES);

		memcpy(p, templates.frames[which], templates.len);
		frame_number((uint8_t *)p, templates.len, templates.number++);
	}
	return rte_eth_tx_burst(in->in.port_id, 0, m, FRAMES);
}

// Frames of a channel keep their order; those of several need not.
static bool native_good(const struct dut_inside *in, const struct rte_mbuf *m)
{
	uint32_t channel;
	uint64_t seq;

	if (!frame_read(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, &in->cfg->shape, true,
		    &channel, &seq) ||
		seq < templates.next[channel])
		return false;
	templates.next[channel] = seq + 1;
	return true;
}

// Takes what came out; the product's are looked at.
static unsigned int drain(const struct dut_inside *in, bool native, uint64_t *wrong)
{
	struct rte_mbuf *m[BENCH_BURST];
	unsigned int total = 0;
	uint16_t n;

	while ((n = rte_eth_rx_burst(in->out.port_id, 0, m, BENCH_BURST)) > 0) {
		for (uint16_t i = 0; native && i < n; i++) {
			*wrong += !native_good(in, m[i]);
		}
		rte_pktmbuf_free_bulk(m, n);
		total += n;
	}
	return total;
}

static inline void swap(const struct dut_inside *in, bool macs)
{
	struct rte_mbuf *m[BENCH_BURST];
	uint16_t n = rte_eth_rx_burst(in->in.port_id, 0, m, BENCH_BURST);

	for (uint16_t i = 0; macs && i < n; i++) {
		struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m[i], struct rte_ether_hdr *);
		struct rte_ether_addr was = eth->dst_addr;

		eth->dst_addr = eth->src_addr;
		eth->src_addr = was;
	}
	(void)rte_eth_tx_burst(in->out.port_id, 0, m, n);
}

static uint64_t chunk(struct dut_inside *in, enum inside_lane lane, struct times *t)
{
	struct worker *w = &in->workers[0];
	unsigned int given = fill(in), got;
	uint64_t start = rte_rdtsc_precise(), ticks;

	for (unsigned int i = 0; i < FRAMES / BENCH_BURST; i++) {
		if (lane == RING_PRODUCT) {
			worker_round(w);
			mfib_worker_quiescent(w->table);
		} else {
			swap(in, lane == RING_MACSWAP);
		}
	}
	ticks = rte_rdtsc_precise() - start;
	got = drain(in, lane == RING_PRODUCT, &t->wrong);
	t->lost += given - got + (given == 0);
	return ticks;
}

static void timed_cb(struct dut_inside *in, void *out, size_t len)
{
	struct times t = {0};

	templates_make(&in->cfg->shape);
	mfib_worker_online(in->workers[0].table);
	for (int lane = 0; lane < RING_LANES; lane++) {
		uint64_t ticks = 0;

		(void)chunk(in, (enum inside_lane)lane, &t);
		for (unsigned int i = 0; i < CHUNKS; i++)
			ticks += chunk(in, (enum inside_lane)lane, &t);
		t.cycles[lane] = (double)ticks / (FRAMES * CHUNKS);
	}
	mfib_worker_offline(in->workers[0].table);
	memcpy(out, &t, len);
}

static int pmd_once(struct testpmd *p, const char *mode, double tsc_hz, double *cycles)
{
	double pps = 0;
	int rc = testpmd_start(p, mode, FRAMES / TESTPMD_BURST);

	if (rc == 0)
		rc = testpmd_rate(p, &pps);
	forward_sleep(WINDOW_MS);
	if (rc == 0)
		rc = testpmd_rate(p, &pps);
	if (rc == 0)
		rc = testpmd_stop(p);
	*cycles = pps > 0 ? tsc_hz / pps : 0;
	return rc == 0 && pps < 1 ? -ENODATA : rc;
}

static int repetition(struct dut *d, struct testpmd *p, struct forward_result *r, unsigned int rep)
{
	struct times t;
	int rc = dut_timed(d, timed_cb, &t, sizeof(t));

	for (unsigned int lane = 0; rc == 0 && lane < RING_LANES; lane++)
		r->lanes[lane].cycles[rep] = t.cycles[lane];
	if (rc != 0)
		return rc;
	r->lost += t.lost;
	r->wrong += t.wrong;
	r->packets += (uint64_t)FRAMES * (CHUNKS + 1);
	rc = pmd_once(p, "macswap", r->tsc_hz, &r->lanes[RING_LANES].cycles[rep]);
	if (rc == 0)
		rc = pmd_once(p, "io", r->tsc_hz, &r->lanes[RING_LANES + 1].cycles[rep]);
	return rc;
}

static int run(struct dut *d, struct testpmd *p, struct forward_result *r)
{
	static const char *const names[] = {
		"product", "io", "macswap_lite", "testpmd_macswap", "testpmd_io"};
	struct dut_counters c;
	int rc = dut_counters(d, &c);

	r->tsc_hz = (double)c.tsc_hz;
	r->huge = c.huge;
	r->n_lanes = RTE_DIM(names);
	for (unsigned int i = 0; i < r->n_lanes; i++)
		r->lanes[i].name = names[i];
	for (unsigned int rep = 0; rep < r->reps && rc == 0; rep++) {
		bench_progress("forward, ring to ring, turn", rep + 1, r->reps);
		rc = repetition(d, p, r, rep);
	}
	bench_progress(NULL, 0, 0);
	return rc;
}

int forward_ring(const struct bench_options *o, struct forward_result *r, char *err)
{
	const struct dut_cfg dc = {.in = "net_ring0",
		.out = "net_ring1",
		.shape = r->c.shape,
		.n_workers = 1,
		.extra_mbufs = 2 * FRAMES,
		.cpu_control = forward_cpu_control(),
		.cpu_worker = forward_cpu_worker(),
		.no_huge = o->no_huge || !forward_eal_huge()};
	const struct testpmd_cfg tc = {.devices = {"net_ring0"},
		.n_devices = 1,
		.n_workers = 1,
		.mbufs = 16384,
		.cpu_control = forward_cpu_control(),
		.cpu_worker = forward_cpu_worker(),
		.no_huge = dc.no_huge};
	struct dut dut = {0};
	struct testpmd pmd = {0};
	int rc;

	r->c.workers = 1;
	r->reps = o->reps ? o->reps : o->quick ? REPS_QUICK : REPS;
	rc = dut_open(&dut, &dc, err);
	if (rc == 0)
		rc = testpmd_open(&tc, &pmd, err);
	if (rc == 0)
		rc = run(&dut, &pmd, r);
	testpmd_close(&pmd);
	dut_close(&dut);
	return rc;
}
