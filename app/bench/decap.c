// SPDX-License-Identifier: BSD-3-Clause
// The worker's code on packets from memory.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/audit.h"
#include "bench/plan.h"
#include "bench/ref.h"
#include "bench/replay.h"
#include "bench/report.h"
#include "bench/updater.h"

// What a case needs; all of it is freed when it is done, so that the next one finds the memory.
struct stage {
	struct product *product;
	struct product *plain; // to one port, for a case with several; or of 4in4, for another mix
	struct updater *updater;
	struct ref_hash *hash, *hash_2x;
	struct ref_touch *touch, *touch_dense;
	struct feed *feed;
};

// What all lanes but the product's get.
static struct feed_shape shape_of_references(const struct decap_case *c)
{
	struct feed_shape s = c->shape;

	s.traffic = FEED_HITS;
	s.tagged = false;
	s.software = false;
	return s;
}

// References that look at the frames are of one mix of families each.
static bool has_references(const struct decap_case *c)
{
	return c->shape.family != FEED_MIXED && !c->shape.replay;
}

static bool has_v4(const struct decap_case *c)
{
	return has_references(c) && c->shape.family != FEED_4IN4 && c->fanout == 1;
}

static void stage_free(struct stage *s)
{
	updater_destroy(s->updater);
	product_destroy(s->product);
	product_destroy(s->plain);
	ref_hash_destroy(s->hash);
	ref_hash_destroy(s->hash_2x);
	ref_touch_destroy(s->touch);
	ref_touch_destroy(s->touch_dense);
	feed_destroy(s->feed);
}

static int stage_products(struct stage *s, const struct decap_case *c, struct crossing *crossing)
{
	struct product_cfg cfg = {.fanout = c->fanout, .l2 = c->l2}, one = {.fanout = 1};
	struct updater_cfg updates = {.rate = c->updates};
	struct feed_shape v4 = c->shape;

	s->product = product_create(&c->shape, &cfg, crossing);
	if (!s->product)
		return -1;
	if (c->fanout > 1) {
		s->plain = product_create(&c->shape, &one, crossing);
	} else if (has_v4(c)) {
		v4.family = FEED_4IN4;
		s->plain = product_create(&v4, &one, crossing);
	}
	if (c->updates)
		s->updater = updater_create(s->product, &updates);
	if (((c->fanout > 1 || has_v4(c)) && !s->plain) || (c->updates && !s->updater))
		return -1;
	return 0;
}

static int stage_make(struct stage *s, const struct decap_case *c, struct crossing *crossing)
{
	struct feed_shape shape = shape_of_references(c);

	memset(s, 0, sizeof(*s));
	if (stage_products(s, c, crossing) != 0)
		goto fail;
	if (has_references(c)) {
		s->hash = ref_hash_create(&shape, 1);
		s->hash_2x = ref_hash_create(&shape, 2);
		s->touch = ref_touch_create(&shape, 4);
		s->touch_dense = ref_touch_create(&shape, 1);
		if (!s->hash || !s->hash_2x || !s->touch || !s->touch_dense)
			goto fail;
	}
	s->feed = feed_create(c->shape.payload);
	if (s->feed)
		return 0;
fail:
	stage_free(s);
	return -1;
}

static struct lane *lane_add(struct decap_result *r, const char *name)
{
	struct lane *l = &r->lanes[r->n_lanes++];

	*l = (struct lane){.name = name, .shape = shape_of_references(&r->c), .emits = 1};
	if (r->c.shape.replay) {
		l->frees = true;
		l->forwards_all = true;
	}
	return l;
}

static struct lane *lane_product(struct decap_result *r, const char *name, struct product *p)
{
	struct lane *l = lane_add(r, name);

	l->forwards_all = false;
	l->emits = p->cfg.fanout;
	l->frees |= p->cfg.fanout > 1;
	l->chains = p->cfg.fanout > 1 && p->cfg.l2 == PRODUCT_CHAIN;
	l->state = p;
	l->begin_cb = product_begin;
	l->burst_cb = product_burst;
	l->drain_cb = product_drain;
	l->end_cb = product_end;
	return l;
}

static void lane_subject(struct decap_result *r, struct stage *s)
{
	bool hits = r->c.shape.traffic == FEED_HITS;
	struct lane *l = lane_product(r, "product", s->product);

	if (s->updater) {
		l->state = s->updater;
		l->begin_cb = updater_begin;
		l->burst_cb = updater_burst;
		l->drain_cb = updater_drain;
		l->end_cb = updater_end;
	}
	l->shape = r->c.shape;
	l->frees |= !hits;
	if (!hits)
		l->emits = 0;
}

static void lane_hash(struct decap_result *r, const char *name, struct ref_hash *h)
{
	struct lane *l = lane_add(r, name);

	l->state = h;
	l->begin_cb = ref_hash_begin;
	l->burst_cb = ref_hash_burst(h);
	l->end_cb = ref_hash_end;
	l->shape.traffic = r->c.shape.traffic;
	if (l->shape.traffic != FEED_HITS) {
		l->frees = true;
		l->emits = 0;
	}
}

static void lane_touch(struct decap_result *r, const char *name, struct ref_touch *t)
{
	struct lane *l = lane_add(r, name);

	l->state = t;
	l->burst_cb = ref_touch_burst(t);
}

static void lanes_references(struct decap_result *r, struct stage *s)
{
	lane_add(r, "io")->burst_cb = ref_io_burst;
	lane_add(r, "macswap_lite")->burst_cb = ref_macswap_lite_burst;
	lane_add(r, "macswap")->burst_cb = ref_macswap_burst;
	if (!has_references(&r->c))
		return;
	lane_hash(r, "rte_hash_lf", s->hash);
	lane_hash(r, "rte_hash_lf_2x", s->hash_2x);
	lane_touch(r, "memory_touch", s->touch);
	lane_touch(r, "memory_touch_dense", s->touch_dense);
}

static struct lane *lane_io_ports(struct decap_result *r, const char *name)
{
	struct lane *l = lane_add(r, name);

	l->burst_cb = ref_io_ports_burst;
	l->state = &r->c.fanout;
	l->frees = true;
	l->emits = r->c.fanout;
	return l;
}

// What the drivers of one port and of all of them take, where these share an mbuf; and of that,
// what the count of its users takes.
static void lanes_io_ports(struct decap_result *r)
{
	struct lane *l = lane_add(r, "io_one_port");

	l->burst_cb = ref_io_burst;
	l->frees = true;
	lane_io_ports(r, "io_ports");
	lane_io_ports(r, "io_ports_unlocked")->unlocked = true;
}

// The product itself without what makes the case special.
static void lanes_plain(struct decap_result *r, struct stage *s)
{
	const struct decap_case *c = &r->c;
	struct lane *l;

	if (c->shape.traffic != FEED_HITS)
		lane_product(r, "hits", s->product)->frees = true;
	if (s->plain && c->fanout > 1) {
		l = lane_product(r, "one_port", s->plain);
		l->frees = true;
		l->chains = c->l2 == PRODUCT_CHAIN;
	}
	if (c->fanout > 1 && c->l2 == PRODUCT_SAME)
		lanes_io_ports(r);
	if (c->updates)
		lane_product(r, "still", s->product);
	if (c->shape.tagged)
		lane_product(r, "untagged", s->product);
	if (c->shape.software)
		lane_product(r, "driver_cksum", s->product);
	if (c->shape.zipf > 0)
		lane_product(r, "uniform", s->product)->shape.zipf = 0;
	if (s->plain && c->fanout == 1) // has_v4()
		lane_product(r, "v4", s->plain)->shape.family = FEED_4IN4;
}

static int run_case(struct decap_result *r, struct crossing *crossing, struct audit *audit)
{
	struct stage s;
	char what[64];
	int rc = 0;

	if (stage_make(&s, &r->c, crossing) != 0) {
		fprintf(stderr, "inlet-bench: short of memory for %u channels\n",
			r->c.shape.channels);
		return -1;
	}
	lane_subject(r, &s);
	lanes_references(r, &s);
	lanes_plain(r, &s);
	snprintf(what, sizeof(what), "decap, %s, %u channels, repetition",
		feed_family_names[r->c.shape.family], r->c.shape.channels);
	if (audit_case_begin(audit, r, s.product, s.feed) == 0)
		lanes_run(r->lanes, r->n_lanes, r->reps, s.feed, what, audit_round_cb, audit);
	else
		rc = -1;
	for (unsigned int i = 0; i < r->n_lanes; i++)
		r->lost += r->lanes[i].lost;
	if (s.updater) {
		r->update_rate = updater_rate(s.updater);
		r->lost += updater_failed(s.updater);
	}
	audit_case_end(audit);
	stage_free(&s);
	return rc;
}

static unsigned int megabytes(const struct plan *p)
{
	unsigned int mb = 256;

	for (unsigned int i = 0; i < p->n; i++) {
		const struct feed_shape *s = &p->cases[i].shape;

		if (s->channels > 100000)
			mb = RTE_MAX(mb, s->family == FEED_4IN4 ? 1152u : 1792u);
	}
	return mb;
}

static int run_all(struct plan *p, struct crossing *crossing, struct audit *audit,
	const struct bench_options *o)
{
	struct decap_result *results = calloc(p->n, sizeof(*results));
	int rc = 0;

	if (!results)
		return 1;
	report_begin(o->json);
	for (unsigned int i = 0; i < p->n; i++) {
		results[i].c = p->cases[i];
		results[i].reps = p->reps;
		if (run_case(&results[i], crossing, audit) != 0) {
			free(results);
			return 1;
		}
		report_decap(&results[i], o->json);
		if (report_wrong(&results[i]))
			rc = 1;
	}
	if (o->plot_dir && report_plot(o->plot_dir, results, p->n) != 0)
		rc = 1;
	free(results);
	return rc;
}

int decap_main(const struct bench_options *o)
{
	struct crossing *crossing;
	struct replay *replay = NULL;
	struct audit *audit;
	static struct plan p;
	int rc = 1;

	if (o->pcap) {
		replay = replay_read(o->pcap);
		if (!replay)
			return 1;
	}
	plan_make(&p, o, replay);
	if (bench_eal_init(o, megabytes(&p)) != 0) {
		replay_free(replay);
		return 1;
	}
	crossing = crossing_create(1, NULL, PRODUCT_IFS, 1024, 64, 1518);
	audit = crossing ? audit_create(crossing) : NULL;
	if (audit)
		rc = run_all(&p, crossing, audit, o);
	else
		fprintf(stderr, "inlet-bench: short of memory\n");
	audit_destroy(audit);
	crossing_destroy(crossing);
	replay_free(replay);
	return rc;
}
