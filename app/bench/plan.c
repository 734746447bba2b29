// SPDX-License-Identifier: BSD-3-Clause
#include "bench/plan.h"

#include "bench/replay.h"

#define REPS	   21
#define REPS_QUICK 15
#define TUNNELS	   1000
#define UPDATES	   100000

// The case that the others differ from.
static const struct decap_case plain = {
	.shape = {.channels = 1000, .tunnels = TUNNELS, .payload = 64}, .fanout = 1};

static void plan_add(struct plan *p, const struct decap_case *c)
{
	if (p->n == PLAN_MAX_CASES)
		return;
	p->cases[p->n] = *c;
	p->cases[p->n].shape.tunnels = RTE_MIN(c->shape.tunnels, c->shape.channels);
	p->cases[p->n].shape.whole = c->fanout > 1 && c->l2 != PRODUCT_SAME; // it is copied
	p->n++;
}

static struct decap_case channels(uint32_t n)
{
	struct decap_case c = plain;

	c.shape.channels = n;
	return c;
}

static uint32_t item(const struct bench_list *l, unsigned int i, uint32_t otherwise)
{
	return l->n ? l->v[i] : otherwise;
}

static unsigned int items(const struct bench_list *l)
{
	return l->n ? l->n : 1;
}

// The i-th of all combinations of the lists given.
static struct decap_case combination(const struct bench_options *o, unsigned int i)
{
	struct decap_case c = {.updates = o->updates,
		.shape = {.zipf = o->zipf,
			.locals = o->locals,
			.tagged = o->tagged,
			.software = o->software}};

	c.shape.channels = item(&o->channels, i % items(&o->channels), 1000);
	i /= items(&o->channels);
	c.shape.tunnels = item(&o->tunnels, i % items(&o->tunnels), TUNNELS);
	i /= items(&o->tunnels);
	c.shape.payload = (uint16_t)item(&o->payloads, i % items(&o->payloads), 64);
	i /= items(&o->payloads);
	c.shape.family = (enum feed_family)item(&o->families, i % items(&o->families), FEED_4IN4);
	i /= items(&o->families);
	c.shape.traffic = (enum feed_traffic)item(&o->traffics, i % items(&o->traffics), FEED_HITS);
	i /= items(&o->traffics);
	c.l2 = (enum product_l2)item(&o->l2s, i % items(&o->l2s), PRODUCT_SAME);
	i /= items(&o->l2s);
	c.fanout = item(&o->fanouts, i % items(&o->fanouts), 1);
	return c;
}

static void plan_lists(struct plan *p, const struct bench_options *o)
{
	unsigned int n = items(&o->channels) * items(&o->tunnels) * items(&o->payloads) *
			 items(&o->families) * items(&o->traffics) * items(&o->l2s) *
			 items(&o->fanouts);

	for (unsigned int i = 0; i < n; i++) {
		struct decap_case c = combination(o, i);

		plan_add(p, &c);
	}
}

static void plan_replay(struct plan *p, const struct bench_options *o, const struct replay *replay)
{
	struct decap_case c = combination(o, 0);

	c.shape.replay = replay;
	c.shape.channels = replay->n_channels;
	c.shape.tunnels = replay->n_tunnels;
	c.shape.payload = FEED_PAYLOAD_SMALL + 1; // large mbufs
	c.shape.traffic = FEED_HITS;
	p->cases[p->n++] = c;
}

static void plan_sizes(struct plan *p, enum feed_family family)
{
	static const uint32_t sizes[] = {1, 1000, 10000, 100000, 1000000};

	for (unsigned int i = 0; i < RTE_DIM(sizes); i++) {
		struct decap_case c = channels(sizes[i]);

		c.shape.family = family;
		plan_add(p, &c);
	}
	for (unsigned int i = 1; i < RTE_DIM(sizes); i += 3) {
		struct decap_case c = channels(sizes[i]);

		c.shape.family = family;
		c.shape.payload = 1316;
		plan_add(p, &c);
	}
}

static void plan_tunnels(struct plan *p, enum feed_family family)
{
	static const uint32_t of[][2] = {
		{100000, 1}, {100000, 60000}, {1000000, 1}, {1000000, 60000}};

	for (unsigned int i = 0; i < RTE_DIM(of); i++) {
		struct decap_case c = channels(of[i][0]);

		c.shape.family = family;
		c.shape.tunnels = of[i][1];
		plan_add(p, &c);
	}
}

static void plan_fanout(struct plan *p, enum feed_family family)
{
	for (unsigned int i = 0; i < 2 * 2 * PRODUCT_L2S; i++) {
		struct decap_case c = plain;

		c.shape.family = family;
		c.shape.payload = i % 2 ? 1316 : 64;
		c.fanout = i / 2 % 2 ? 8 : 2;
		c.l2 = (enum product_l2)(i / 4);
		plan_add(p, &c);
	}
}

// Each with few channels and many.
static void plan_storms(struct plan *p, enum feed_family family)
{
	for (unsigned int i = 0; i < 2 * FEED_TRAFFICS; i++) {
		struct decap_case c = channels(i % 2 ? 1000000 : 1000);

		c.shape.family = family;
		c.shape.traffic = (enum feed_traffic)(i / 2);
		if (c.shape.traffic == FEED_HITS)
			c.updates = UPDATES;
		plan_add(p, &c);
	}
}

// What a network does to the plain case.
static void plan_variants(struct plan *p, enum feed_family family)
{
	struct decap_case c = plain;

	c.shape.family = family;
	c.shape.tagged = true;
	plan_add(p, &c);
	c.shape.tagged = false;
	c.shape.software = true;
	plan_add(p, &c);
	c.shape.payload = 1316;
	plan_add(p, &c);
	c = channels(100000);
	c.shape.family = family;
	c.shape.zipf = 1;
	plan_add(p, &c);
	c.shape.channels = 1000000;
	plan_add(p, &c);
}

static void plan_all(struct plan *p)
{
	static const enum feed_family full[] = {FEED_4IN4, FEED_6IN6};
	static const enum feed_family rest[] = {FEED_6IN4, FEED_4IN6, FEED_MIXED};

	for (unsigned int i = 0; i < RTE_DIM(full); i++) {
		plan_sizes(p, full[i]);
		plan_tunnels(p, full[i]);
		plan_fanout(p, full[i]);
		plan_storms(p, full[i]);
		plan_variants(p, full[i]);
	}
	for (unsigned int i = 0; i < RTE_DIM(rest); i++)
		plan_sizes(p, rest[i]);
}

// What the gate asks about.
static void plan_quick(struct plan *p)
{
	struct decap_case c = plain;

	plan_add(p, &c);
	c.fanout = 2;
	plan_add(p, &c);
	for (uint32_t n = 1000; n <= 1000000; n *= 1000) {
		c = channels(n);
		if (n > 1000)
			plan_add(p, &c);
		c.updates = UPDATES;
		plan_add(p, &c);
		c.updates = 0;
		c.shape.traffic = FEED_MISSES;
		plan_add(p, &c);
	}
	c = plain;
	for (int family = FEED_6IN4; family <= FEED_6IN6; family++) {
		c.shape.family = (enum feed_family)family;
		plan_add(p, &c);
	}
	// Several special things at once: that nothing is lost, and that the harness knows it.
	c = channels(10000);
	c.fanout = 2;
	c.shape.tagged = c.shape.software = true;
	c.shape.zipf = 1;
	plan_add(p, &c);
}

void plan_make(struct plan *p, const struct bench_options *o, const struct replay *replay)
{
	p->n = 0;
	p->reps = o->reps ? o->reps : o->quick ? REPS_QUICK : REPS;
	if (replay)
		plan_replay(p, o, replay);
	else if (o->channels.n || o->tunnels.n || o->payloads.n || o->fanouts.n || o->families.n ||
		 o->l2s.n || o->traffics.n || o->updates || o->zipf > 0 || o->locals || o->tagged ||
		 o->software)
		plan_lists(p, o);
	else if (o->quick)
		plan_quick(p);
	else
		plan_all(p);
}
