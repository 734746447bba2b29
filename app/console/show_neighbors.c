// SPDX-License-Identifier: BSD-3-Clause
#include "base/timer.h"
#include "console/filter.h"
#include "console/verb.h"
#include "pim/pim.h"

static const struct render_column columns[] = {
	{"interface", RENDER_LEFT},
	{"address", RENDER_LEFT},
	{"up_time", RENDER_RIGHT},
	{"expiration", RENDER_RIGHT},
	{"holdtime", RENDER_RIGHT},
	{"dr_priority", RENDER_RIGHT},
	{"gen_id", RENDER_LEFT},
	{"propagation_delay", RENDER_RIGHT_DETAIL},
	{"override_interval", RENDER_RIGHT_DETAIL},
	{"is_dr", RENDER_LEFT},
	{"joins", RENDER_RIGHT}, // channels that it joined
	{"flaps", RENDER_LEFT},	 // takes its Joins back at once
	{"secondaries", RENDER_LEFT_DETAIL},
};

struct walk {
	struct verb_ctx *v;
	const char *ifname;
};

static void show_one(void *arg, const struct pim_neighbor_view *n)
{
	const struct walk *w = arg;
	struct render *r = w->v->r;
	char text[ADDR_STRLEN];

	render_text(r, w->ifname);
	render_addr(r, &n->addr);
	render_span_us(r, verb_age_us(w->v, n->since_us));
	if (n->expires_us == NEVER_US)
		render_none(r);
	else
		render_span_us(r, verb_left_us(w->v, n->expires_us));
	render_u64(r, n->holdtime_s);
	if (n->has_dr_priority)
		render_u64(r, n->dr_priority);
	else
		render_none(r);
	if (n->has_genid)
		render_hex32(r, n->genid);
	else
		render_none(r);
	if (n->has_lan_prune_delay) {
		render_u64(r, n->propagation_delay_ms);
		render_u64(r, n->override_interval_ms);
	} else {
		render_none(r);
		render_none(r);
	}
	render_bool(r, n->is_dr);
	render_u64(r, n->joins);
	render_bool(r, n->flapped);
	render_list_begin(r);
	for (unsigned int i = 0; i < n->n_secondaries; i++)
		render_list_item(r, addr_format(&n->secondaries[i], text));
	render_list_end(r);
}

void verb_show_neighbors(struct verb_ctx *v)
{
	struct filter filter;

	if (!filter_parse(v, &filter))
		return;
	render_table_begin(v->r, "neighbors", columns, RTE_DIM(columns));
	for (unsigned int i = 0; i < v->o->n_ifs; i++) {
		struct walk w = {.v = v, .ifname = v->o->ifs[i].name};

		for (int f = 0; f < OBSERVE_FAMILIES; f++)
			if (v->o->ifs[i].pim[f] && filter_if(&filter, i))
				pim_if_neighbors(v->o->ifs[i].pim[f], show_one, &w);
	}
	render_table_end(v->r);
}
