// SPDX-License-Identifier: BSD-3-Clause
// decap-FAMILY.svg: cycles a packet by channels, the product and its references.
// decap-FAMILY-ports.svg, decap-FAMILY-traffic.svg: of the product, in the other cases.
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "bench/plan.h"
#include "bench/report.h"
#include "bench/svg.h"

// The plain cases of a family, whatever their channels: one tunnel a channel up to 1000.
static bool in_sweep(const struct decap_result *r)
{
	const struct feed_shape *s = &r->c.shape;

	return s->payload == 64 && r->c.fanout == 1 && s->traffic == FEED_HITS && !r->c.updates &&
	       s->zipf == 0 && !s->locals && !s->tagged && !s->software &&
	       s->tunnels == RTE_MIN(s->channels, 1000u);
}

enum kind { KIND_SWEEP, KIND_PORTS, KIND_TRAFFIC, KINDS };

static enum kind kind_of(const struct decap_result *r)
{
	return in_sweep(r) ? KIND_SWEEP : r->c.fanout > 1 ? KIND_PORTS : KIND_TRAFFIC;
}

// The results of a family and kind; how many.
static unsigned int choose(const struct decap_result *r, unsigned int n, enum feed_family family,
	enum kind kind, const struct decap_result **out)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (!r[i].c.shape.replay && r[i].c.shape.family == family && kind_of(&r[i]) == kind)
			out[found++] = &r[i];
	}
	return found;
}

static void title(char *text, size_t size, enum feed_family family, const char *what)
{
	snprintf(text, size, "%s, %s: TSC cycles a packet, fastest repetition (%s, %s pages)",
		feed_family_names[family], what, bench_cpu(), bench_memory());
}

static int plot_sweep(const char *dir, const struct decap_result *const *r, unsigned int n)
{
	struct svg_axis x = {.from = 1, .to = 1e6, .log = true, .label = "channels in the table"};
	struct svg_axis y = {.from = 0, .to = 50, .label = ""};
	enum feed_family family = r[0]->c.shape.family;
	double xs[PLAN_MAX_CASES], ys[PLAN_MAX_CASES];
	char name[64], text[256];
	struct svg s;

	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int l = 0; l < r[i]->n_lanes; l++)
			y.to = fmax(y.to, lane_min(&r[i]->lanes[l], r[i]->reps));
	}
	y.to = ceil(y.to / 50) * 50;
	snprintf(name, sizeof(name), "decap-%s.svg", feed_family_names[family]);
	title(text, sizeof(text), family, "64 octets");
	if (svg_open(&s, dir, name, text, &x, &y) != 0)
		return -EIO;
	for (unsigned int l = 0; l < r[0]->n_lanes; l++) {
		for (unsigned int i = 0; i < n; i++) {
			xs[i] = r[i]->c.shape.channels;
			ys[i] = lane_min(&r[i]->lanes[l], r[i]->reps);
		}
		svg_series(&s, r[0]->lanes[l].name, xs, ys, n);
	}
	return svg_close(&s);
}

static const char *case_name(const struct decap_case *c, char *text, size_t size)
{
	const struct feed_shape *s = &c->shape;
	char ports[16] = "", tunnels[24] = "";

	if (c->fanout > 1)
		snprintf(ports, sizeof(ports), " %u %s", c->fanout, product_l2_names[c->l2]);
	if (s->tunnels != RTE_MIN(s->channels, 1000u))
		snprintf(tunnels, sizeof(tunnels), " %u tunnels", s->tunnels);
	snprintf(text, size, "%s%s%s%s%s%s%s%s", s->payload == 64 ? "" : "large ",
		c->updates		  ? "updating"
		: s->traffic != FEED_HITS ? feed_traffic_names[s->traffic]
					  : "",
		ports, tunnels, s->zipf > 0 ? " zipf" : "", s->tagged ? " tagged" : "",
		s->software ? " sw-cksum" : "", s->channels == 1000000 ? " 1M" : "");
	return text;
}

static int plot_cases(
	const char *dir, const struct decap_result *const *r, unsigned int n, const char *what)
{
	struct svg_axis x = {.from = 0, .to = 1}, y = {.from = 0, .to = 50, .label = ""};
	enum feed_family family = r[0]->c.shape.family;
	char name[64], text[256];
	struct svg s;

	for (unsigned int i = 0; i < n; i++)
		y.to = fmax(y.to, lane_min(&r[i]->lanes[0], r[i]->reps));
	y.to = ceil(y.to / 50) * 50;
	snprintf(name, sizeof(name), "decap-%s-%s.svg", feed_family_names[family], what);
	title(text, sizeof(text), family, what);
	if (svg_open(&s, dir, name, text, &x, &y) != 0)
		return -EIO;
	for (unsigned int i = 0; i < n; i++)
		svg_bar(&s, i, n, lane_min(&r[i]->lanes[0], r[i]->reps),
			case_name(&r[i]->c, text, sizeof(text)));
	return svg_close(&s);
}

int report_plot(const char *dir, const struct decap_result *r, unsigned int n)
{
	const struct decap_result *of[PLAN_MAX_CASES];
	int rc = 0;

	for (int i = 0; rc == 0 && i < FEED_FAMILIES * KINDS; i++) {
		enum kind kind = (enum kind)(i % KINDS);
		unsigned int found = choose(r, n, (enum feed_family)(i / KINDS), kind, of);

		if (found && kind == KIND_SWEEP)
			rc = plot_sweep(dir, of, found);
		else if (found)
			rc = plot_cases(dir, of, found, kind == KIND_PORTS ? "ports" : "traffic");
	}
	return rc;
}
