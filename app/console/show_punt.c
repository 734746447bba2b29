// SPDX-License-Identifier: BSD-3-Clause
// What workers hand to the control thread, by interface and class, and what they hold back.
#include "console/baseline.h"
#include "console/filter.h"
#include "console/verb.h"
#include "crossing/crossing.h"

static const struct render_column columns[] = {
	{"interface", RENDER_LEFT},
	{"class", RENDER_LEFT},
	{"limit", RENDER_RIGHT}, // frames a second, of known senders; none: no limit
	{"punted", RENDER_RIGHT},
	{"over", RENDER_RIGHT},	   // past the class's rate
	{"shouted", RENDER_RIGHT}, // past the part of one sender
	{"full", RENDER_RIGHT},	   // the ring was
	{"text", RENDER_LEFT_DETAIL},
};

static const struct {
	const char *name, *text;
} classes[PUNT_CLASSES] = {
#define X(name, key, text) {key, text},
	PUNT_LIST(X)
#undef X
};

static void row(
	struct verb_ctx *v, const char *ifname, unsigned int k, const struct crossing_if_stats *x)
{
	uint32_t limit = v->o->punt_limits ? v->o->punt_limits[k] : 0;

	render_text(v->r, ifname);
	render_text(v->r, classes[k].name);
	if (limit)
		render_u64(v->r, limit);
	else
		render_none(v->r);
	render_u64(v->r, x->punted[k]);
	render_u64(v->r, x->over[k]);
	render_u64(v->r, x->shouted[k]);
	render_u64(v->r, x->full[k]);
	render_text(v->r, classes[k].text);
}

void verb_show_punt(struct verb_ctx *v)
{
	struct crossing_if_stats x;
	struct filter filter;

	if (!filter_parse(v, &filter))
		return;
	render_table_begin(v->r, "punt", columns, RTE_DIM(columns));
	for (unsigned int i = 0; v->o->crossing && i < v->o->n_ifs; i++) {
		if (!filter_if(&filter, i))
			continue;
		crossing_if_stats(v->o->crossing, i, &x);
		baseline_since(v, BASELINE_IF, i, &x, &x, sizeof(x));
		for (unsigned int k = 0; k < PUNT_CLASSES; k++)
			row(v, v->o->ifs[i].name, k, &x);
	}
	render_table_end(v->r);
}
