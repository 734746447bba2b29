// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>

#include "base/timer.h"
#include "console/verb.h"
#include "pim/pim.h"

static const struct render_column if_columns[] = {
	{"interface", RENDER_LEFT},
	{"mode", RENDER_LEFT},	 // speak; watch: another daemon does, whose all of this is
	{"netdev", RENDER_LEFT}, // where it is heard
	{"address", RENDER_LEFT},
	{"dr", RENDER_LEFT}, // the Designated Router
	{"is_dr", RENDER_LEFT},
	{"dr_priority", RENDER_RIGHT},
	{"genid", RENDER_LEFT},
	{"neighbors", RENDER_RIGHT},
	{"joins", RENDER_RIGHT},
	{"asserts_won", RENDER_RIGHT},
	{"asserts_lost", RENDER_RIGHT},
	// In effect, over all neighbors.
	{"propagation_delay_ms", RENDER_RIGHT},
	{"override_interval_ms", RENDER_RIGHT},
	{"hello_rx", RENDER_RIGHT},
	{"hello_tx", RENDER_RIGHT},
	{"jp_rx", RENDER_RIGHT},
	{"joins_rx", RENDER_RIGHT},
	{"prunes_rx", RENDER_RIGHT},
	{"prune_echo_tx", RENDER_RIGHT},
	{"expired", RENDER_RIGHT},
	{"flaps_held", RENDER_RIGHT},
	{"assert_rx", RENDER_RIGHT},
	{"assert_tx", RENDER_RIGHT},
	{"assert_cancel_tx", RENDER_RIGHT},
	{"native_seen", RENDER_RIGHT}, // packets of a sample of what others forward
	{"dropped", RENDER_RIGHT},
	{"family", RENDER_LEFT},
};

static void show_if(struct render *r, const struct observe_if *f, const struct pim_if *pim)
{
	const struct pim_stats *s = pim_if_stats(pim);
	uint64_t dropped = 0;
	struct pim_if_view v;
	char genid[11];

	pim_if_view(pim, &v);
	for (unsigned int i = 0; i < PIM_DROP_COUNT; i++)
		dropped += s->drops[i];
	render_text(r, f->name);
	render_text(r, v.watch ? "watch" : "speak");
	render_text(r, f->pim_netdev);
	render_addr(r, &v.primary);
	render_addr(r, &v.dr);
	render_bool(r, v.is_dr);
	if (v.watch) { // the daemon's are in its Hello
		render_none(r);
		render_none(r);
	} else {
		snprintf(genid, sizeof(genid), "0x%08x", v.genid);
		render_u64(r, v.dr_priority);
		render_text(r, genid);
	}
	render_u64(r, v.neighbors);
	render_u64(r, v.joins);
	render_u64(r, v.asserts_won);
	render_u64(r, v.asserts_lost);
	render_u64(r, v.propagation_delay_ms);
	render_u64(r, v.override_interval_ms);
	render_u64(r, s->hello_rx);
	render_u64(r, s->hello_tx);
	render_u64(r, s->jp_rx);
	render_u64(r, s->joins_rx);
	render_u64(r, s->prunes_rx);
	render_u64(r, s->prune_echo_tx);
	render_u64(r, s->expired);
	render_u64(r, s->held_flaps);
	render_u64(r, s->assert_rx);
	render_u64(r, s->assert_tx);
	render_u64(r, s->assert_cancel_tx);
	render_u64(r, s->native_rx);
	render_u64(r, dropped);
	render_text(r, v.family == ADDR_V6 ? "ipv6" : "ipv4");
}

void verb_show_pim(struct verb_ctx *v)
{
	render_table_begin(v->r, "interfaces with PIM", if_columns, RTE_DIM(if_columns));
	for (unsigned int i = 0; i < v->o->n_ifs; i++)
		for (int f = 0; f < OBSERVE_FAMILIES; f++)
			if (v->o->ifs[i].pim[f])
				show_if(v->r, &v->o->ifs[i], v->o->ifs[i].pim[f]);
	render_table_end(v->r);
}

static const struct render_column join_columns[] = {
	{"interface", RENDER_LEFT},
	{"source", RENDER_LEFT},
	{"group", RENDER_LEFT},
	{"state", RENDER_LEFT},
	{"expires_in", RENDER_RIGHT},
	{"neighbor", RENDER_LEFT}, // whose message was the last
	{"assert", RENDER_LEFT},
	{"winner", RENDER_LEFT},
	{"preference", RENDER_RIGHT},
	{"metric", RENDER_RIGHT},
	{"assert_expires_in", RENDER_RIGHT},
};

struct walk {
	struct verb_ctx *v;
	const char *ifname;
};

static void render_until(struct verb_ctx *v, uint64_t us)
{
	if (us == NEVER_US)
		render_none(v->r);
	else
		render_span_us(v->r, verb_left_us(v, us));
}

static void show_join(void *arg, const struct pim_channel_view *c)
{
	const struct walk *w = arg;
	struct render *r = w->v->r;
	bool asserted = !addr_is_none(&c->winner);

	render_text(r, w->ifname);
	render_addr(r, &c->sg.s);
	render_addr(r, &c->sg.g);
	render_text(r, c->state);
	render_until(w->v, c->expires_us);
	render_addr(r, &c->last_neighbor);
	render_text(r, c->assert_state);
	render_addr(r, &c->winner);
	if (asserted) {
		render_u64(r, c->winner_preference);
		render_u64(r, c->winner_metric);
	} else {
		render_none(r);
		render_none(r);
	}
	render_until(w->v, c->assert_expires_us);
}

void verb_show_pim_joins(struct verb_ctx *v)
{
	render_table_begin(v->r, "joins", join_columns, RTE_DIM(join_columns));
	for (unsigned int i = 0; i < v->o->n_ifs; i++) {
		struct walk w = {.v = v, .ifname = v->o->ifs[i].name};

		for (int f = 0; f < OBSERVE_FAMILIES; f++)
			if (v->o->ifs[i].pim[f])
				pim_if_channels(v->o->ifs[i].pim[f], show_join, &w);
	}
	render_table_end(v->r);
}
