// SPDX-License-Identifier: BSD-3-Clause
// The worker's code on packets from memory.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/check.h"
#include "bench/ref.h"
#include "bench/report.h"
#include "bench/sink.h"
#include "bench/updater.h"

#define MAX_CASES 64
#define REPS	  21

struct plan {
	unsigned int n, reps;
	struct decap_case cases[MAX_CASES];
};

// What a case needs; all of it is freed when it is done, so that the next one finds the memory.
struct stage {
	struct product *product, *product_one; // product_one: to one port, for a case with several
	struct updater *updater;
	struct ref_hash *hash;
	struct ref_touch *touch;
	struct feed *feed;
};

static void plan_add(struct plan *p, uint32_t channels, uint32_t tunnels, uint32_t payload,
	unsigned int fanout, bool misses, uint32_t updates)
{
	if (p->n == MAX_CASES)
		return;
	p->cases[p->n++] = (struct decap_case){.shape = {.channels = channels,
						       .tunnels = RTE_MIN(channels, tunnels),
						       .payload = (uint16_t)payload,
						       .misses = misses},
		.tunnels = tunnels,
		.fanout = fanout,
		.updates = updates};
}

static uint32_t item(const struct bench_list *l, unsigned int i, uint32_t otherwise)
{
	return l->n ? l->v[i] : otherwise;
}

static unsigned int items(const struct bench_list *l)
{
	return l->n ? l->n : 1;
}

// The product of the lists given.
static void plan_lists(struct plan *p, const struct bench_options *o)
{
	for (unsigned int f = 0; f < items(&o->fanouts); f++)
		for (unsigned int l = 0; l < items(&o->payloads); l++)
			for (unsigned int t = 0; t < items(&o->tunnels); t++)
				for (unsigned int c = 0; c < items(&o->channels); c++)
					plan_add(p, item(&o->channels, c, 1000),
						item(&o->tunnels, t, 1000),
						item(&o->payloads, l, 64), item(&o->fanouts, f, 1),
						o->only_misses, o->updates);
}

static void plan_all(struct plan *p)
{
	static const uint32_t channels[] = {1, 1000, 10000, 100000, 1000000};

	for (unsigned int i = 0; i < RTE_DIM(channels); i++)
		plan_add(p, channels[i], 1000, 64, 1, false, 0);
	for (unsigned int i = 1; i < RTE_DIM(channels); i += 3)
		plan_add(p, channels[i], 1000, 1316, 1, false, 0);
	plan_add(p, 100000, 1, 64, 1, false, 0);
	plan_add(p, 100000, 60000, 64, 1, false, 0);
	plan_add(p, 1000000, 60000, 64, 1, false, 0);
	for (unsigned int fanout = 2; fanout <= 8; fanout *= 4) {
		plan_add(p, 1000, 1000, 64, fanout, false, 0);
		plan_add(p, 1000, 1000, 1316, fanout, false, 0);
	}
	plan_add(p, 1000, 1000, 64, 1, true, 0);
	plan_add(p, 1000000, 1000, 64, 1, true, 0);
	plan_add(p, 1000, 1000, 64, 1, false, 100000);
	plan_add(p, 1000000, 1000, 64, 1, false, 100000);
}

static void plan_quick(struct plan *p)
{
	plan_add(p, 1000, 1000, 64, 1, false, 0);
	plan_add(p, 1000000, 1000, 64, 1, false, 0);
	plan_add(p, 1000, 1000, 64, 2, false, 0);
	plan_add(p, 1000, 1000, 64, 1, true, 0);
	plan_add(p, 1000, 1000, 64, 1, false, 100000);
}

static void plan_make(struct plan *p, const struct bench_options *o)
{
	p->n = 0;
	p->reps = o->reps ? o->reps : REPS;
	if (o->channels.n || o->tunnels.n || o->payloads.n || o->fanouts.n || o->only_misses ||
		o->updates)
		plan_lists(p, o);
	else if (o->quick)
		plan_quick(p);
	else
		plan_all(p);
}

static void stage_free(struct stage *s)
{
	updater_destroy(s->updater);
	product_destroy(s->product);
	product_destroy(s->product_one);
	ref_hash_destroy(s->hash);
	ref_touch_destroy(s->touch);
	feed_destroy(s->feed);
}

static int stage_make(struct stage *s, const struct decap_case *c, struct crossing *crossing)
{
	memset(s, 0, sizeof(*s));
	s->product = product_create(&c->shape, c->fanout, crossing);
	if (c->fanout > 1)
		s->product_one = product_create(&c->shape, 1, crossing);
	if (c->updates && s->product)
		s->updater = updater_create(s->product, c->updates);
	s->hash = ref_hash_create(&c->shape);
	s->touch = ref_touch_create(&c->shape);
	s->feed = feed_create(c->shape.payload);
	if (s->feed && s->product && s->hash && s->touch && (c->fanout == 1 || s->product_one) &&
		(!c->updates || s->updater))
		return 0;
	stage_free(s);
	return -1;
}

static struct lane *lane_add(struct decap_result *r, const char *name)
{
	struct lane *l = &r->lanes[r->n_lanes++];

	*l = (struct lane){.name = name, .shape = r->c.shape, .emits = 1};
	l->shape.misses = false;
	return l;
}

static struct lane *lane_product(struct decap_result *r, const char *name, struct product *p)
{
	struct lane *l = lane_add(r, name);

	l->state = p;
	l->begin_cb = product_begin;
	l->burst_cb = product_burst;
	l->end_cb = product_end;
	return l;
}

static void lanes_subject(struct decap_result *r, struct stage *s)
{
	struct lane *l = lane_product(r, "product", s->product);

	if (s->updater) {
		l->state = s->updater;
		l->begin_cb = updater_begin;
		l->burst_cb = updater_burst;
		l->end_cb = updater_end;
	}
	l->shape.misses = r->c.shape.misses;
	l->frees = r->c.shape.misses || r->c.fanout > 1;
	l->emits = r->c.shape.misses ? 0 : r->c.fanout;
}

static void lanes_references(struct decap_result *r, struct stage *s)
{
	struct lane *l;

	lane_add(r, "io")->burst_cb = ref_io_burst;
	lane_add(r, "macswap_lite")->burst_cb = ref_macswap_lite_burst;
	lane_add(r, "macswap")->burst_cb = ref_macswap_burst;
	l = lane_add(r, "rte_hash_lf");
	l->state = s->hash;
	l->begin_cb = ref_hash_begin;
	l->burst_cb = ref_hash_burst;
	l->end_cb = ref_hash_end;
	if (r->c.shape.misses) {
		l->shape.misses = true;
		l->frees = true;
		l->emits = 0;
	}
	l = lane_add(r, "memory_touch");
	l->state = s->touch;
	l->burst_cb = ref_touch_burst;
}

// The product itself without what makes the case special.
static void lanes_plain(struct decap_result *r, struct stage *s)
{
	if (r->c.shape.misses)
		lane_product(r, "hits", s->product)->frees = true;
	else if (r->c.fanout > 1)
		lane_product(r, "one_port", s->product_one)->frees = true;
	else if (r->c.updates)
		lane_product(r, "still", s->product);
}

static int run_case(struct decap_result *r, struct crossing *crossing)
{
	struct feed_shape joined = r->c.shape;
	struct feed *f;
	struct stage s;
	char what[64];

	if (stage_make(&s, &r->c, crossing) != 0) {
		fprintf(stderr, "inlet-bench: short of memory for %u channels\n",
			r->c.shape.channels);
		return -1;
	}
	f = s.feed;
	lanes_subject(r, &s);
	lanes_references(r, &s);
	lanes_plain(r, &s);
	snprintf(what, sizeof(what), "decap, %u channels, repetition", r->c.shape.channels);
	lanes_run(r->lanes, r->n_lanes, r->reps, f, what);
	for (unsigned int i = 0; i < r->n_lanes; i++)
		r->lost += r->lanes[i].lost;
	if (s.updater) {
		r->update_rate = updater_rate(s.updater);
		r->lost += updater_failed(s.updater);
	}
	joined.misses = false;
	feed_empty(f); // the check takes mbufs of its own
	check_run(&r->lanes[0], s.product, &joined, r->c.fanout, f, &r->check);
	stage_free(&s);
	return 0;
}

static unsigned int megabytes(const struct plan *p)
{
	uint32_t most = 0;

	for (unsigned int i = 0; i < p->n; i++)
		most = RTE_MAX(most, p->cases[i].shape.channels);
	return most > 100000 ? 768 : 256;
}

int decap_main(const struct bench_options *o)
{
	struct decap_result *results;
	struct crossing *crossing;
	struct plan p;
	int rc = 0;

	plan_make(&p, o);
	if (bench_eal_init(o, megabytes(&p)) != 0)
		return 1;
	crossing = crossing_create(1, NULL, BENCH_MAX_FANOUT + 1, 1024, 64, 1518);
	results = calloc(p.n, sizeof(*results));
	if (!crossing || !results) {
		fprintf(stderr, "inlet-bench: short of memory\n");
		free(results);
		return 1;
	}
	report_begin(o->json);
	for (unsigned int i = 0; i < p.n; i++) {
		results[i].c = p.cases[i];
		results[i].reps = p.reps;
		if (run_case(&results[i], crossing) != 0) {
			rc = 1;
			break;
		}
		report_decap(&results[i], o->json);
		if (results[i].check.wrong || results[i].lost)
			rc = 1;
	}
	if (rc == 0 && o->plot_dir && report_plot(o->plot_dir, results, p.n) != 0)
		rc = 1;
	free(results);
	crossing_destroy(crossing);
	return rc;
}
