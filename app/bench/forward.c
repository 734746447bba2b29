// SPDX-License-Identifier: BSD-3-Clause
// The product's datapath through ports, against testpmd and others on the same ports.
#include "bench/forward.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#define MAX_CASES 32
#define TUNNELS	  1000u

static const struct {
	const char *name;
	int (*run_cb)(const struct bench_options *o, struct forward_result *r, char *err);
	bool both_cksums; // also with a UDP checksum, which is checked in software
} kinds[] = {{"pcap", forward_pcap, true}, {"ring", forward_ring, false},
	{"memif", forward_memif, false}, {"af_xdp", forward_xdp, false},
	{"port", forward_port, false}};

#define KIND_PORT (RTE_DIM(kinds) - 1)

struct plan {
	unsigned int n;
	unsigned int kinds[MAX_CASES];
	struct forward_case cases[MAX_CASES];
};

static void plan_add(struct plan *p, unsigned int kind, const struct bench_options *o,
	uint32_t channels, uint32_t payload, bool cksum)
{
	if (p->n == MAX_CASES)
		return;
	p->kinds[p->n] = kind;
	p->cases[p->n++] = (struct forward_case){.vdev = kinds[kind].name,
		.workers = o->workers ? o->workers : 1,
		.zipf = o->zipf,
		.shape = {.channels = channels,
			.tunnels = RTE_MIN(channels, o->tunnels.n ? o->tunnels.v[0] : TUNNELS),
			.payload = (uint16_t)payload,
			.udp_cksum = cksum}};
}

static void plan_kind(struct plan *p, unsigned int kind, const struct bench_options *o)
{
	static const uint32_t all[] = {64, 1316};
	unsigned int payloads = o->payloads.n ? o->payloads.n : o->quick ? 1 : RTE_DIM(all);
	unsigned int channels = o->channels.n ? o->channels.n : 1;

	for (unsigned int l = 0; l < payloads; l++) {
		for (unsigned int c = 0; c < channels; c++) {
			uint32_t n = o->channels.n ? o->channels.v[c] : 1000;
			uint32_t payload = o->payloads.n ? o->payloads.v[l] : all[l];

			plan_add(p, kind, o, n, payload, false);
			if (kinds[kind].both_cksums && !o->quick)
				plan_add(p, kind, o, n, payload, true);
		}
	}
}

// What the payload is, the one who sends decides.
static void plan_port(struct plan *p, const struct bench_options *o)
{
	plan_add(p, KIND_PORT, o, o->channels.n ? o->channels.v[0] : 1000,
		o->payloads.n ? o->payloads.v[0] : 64, false);
}

// A frame has its number in it.
static bool payloads_fit(const struct bench_options *o)
{
	for (unsigned int i = 0; i < o->payloads.n; i++)
		if (o->payloads.v[i] < FRAME_MIN_PAYLOAD || o->payloads.v[i] > FRAME_MAX_PAYLOAD)
			return false;
	return true;
}

static int plan_make(struct plan *p, const struct bench_options *o)
{
	const char *want = o->vdev ? o->vdev : o->quick ? "pcap" : "all";
	bool all = strcmp(want, "all") == 0;

	p->n = 0;
	if (o->port || o->out) {
		if (o->port && o->out && !o->vdev)
			plan_port(p, o);
		return p->n ? 0 : -EINVAL;
	}
	for (unsigned int k = 0; k < KIND_PORT; k++)
		if (all || strcmp(want, kinds[k].name) == 0)
			plan_kind(p, k, o);
	return p->n ? 0 : -EINVAL;
}

static int run_case(const struct plan *p, unsigned int i, const struct bench_options *o,
	struct forward_result *r)
{
	char err[FORWARD_TEXT_LEN] = "";
	int rc;

	r->c = p->cases[i];
	rc = kinds[p->kinds[i]].run_cb(o, r, err);
	if (rc != 0) {
		fprintf(stderr, "inlet-bench: %s: %s\n", r->c.vdev, err[0] ? err : strerror(-rc));
		return rc;
	}
	forward_report(r, o->json);
	return r->skipped[0] || r->external || !(r->lost || r->dropped || r->wrong) ? 0 : -EIO;
}

int forward_main(const struct bench_options *o)
{
	struct forward_result *results;
	struct plan p;
	int rc = 0;

	if (!payloads_fit(o)) {
		fprintf(stderr, "inlet-bench: --payload is %d to %d octets here\n",
			FRAME_MIN_PAYLOAD, FRAME_MAX_PAYLOAD);
		return 2;
	}
	if (plan_make(&p, o) != 0) {
		fprintf(stderr,
			"inlet-bench: --vdev pcap, ring, memif, af_xdp or all; or both --port and "
			"--out\n");
		return 2;
	}
	results = calloc(p.n, sizeof(*results));
	if (!results) {
		fprintf(stderr, "inlet-bench: short of memory\n");
		return 1;
	}
	children_catch_signals();
	forward_report_begin(o);
	for (unsigned int i = 0; i < p.n; i++)
		if (run_case(&p, i, o, &results[i]) != 0)
			rc = 1;
	if (rc == 0 && o->plot_dir && forward_plot(o->plot_dir, results, p.n) != 0)
		rc = 1;
	free(results);
	return rc;
}
