// SPDX-License-Identifier: BSD-3-Clause
#include "base/timer.h"
#include "console/baseline.h"
#include "console/filter.h"
#include "console/verb.h"
#include "pim/pim.h"

static const struct render_column if_columns[] = {
	{"interface", RENDER_LEFT},
	{"mode", RENDER_LEFT},	 // speak; watch: another daemon does, whose all of this is
	{"netdev", RENDER_LEFT}, // where it is heard
	{"address", RENDER_LEFT},
	{"dr_address", RENDER_LEFT}, // the Designated Router
	{"is_dr", RENDER_LEFT},
	{"dr_priority", RENDER_RIGHT_DETAIL},
	{"gen_id", RENDER_LEFT_DETAIL},
	{"neighbors", RENDER_RIGHT},
	{"joins", RENDER_RIGHT},
	{"asserts_won", RENDER_RIGHT},
	{"asserts_lost", RENDER_RIGHT},
	// In effect, over all neighbors.
	{"propagation_delay", RENDER_RIGHT_DETAIL},
	{"override_interval", RENDER_RIGHT_DETAIL},
	{"received_hello", RENDER_RIGHT_DETAIL},
	{"sent_hello", RENDER_RIGHT_DETAIL},
	{"received_join_prune", RENDER_RIGHT_DETAIL},
	{"received_joins", RENDER_RIGHT_DETAIL},
	{"received_prunes", RENDER_RIGHT_DETAIL},
	{"sent_prune_echo", RENDER_RIGHT_DETAIL},
	{"expired", RENDER_RIGHT_DETAIL},
	{"flaps_held", RENDER_RIGHT_DETAIL},
	{"received_assert", RENDER_RIGHT_DETAIL},
	{"sent_assert", RENDER_RIGHT_DETAIL},
	{"sent_assert_cancel", RENDER_RIGHT_DETAIL},
	{"native_seen", RENDER_RIGHT_DETAIL}, // packets of a sample of what others forward
	{"dropped", RENDER_RIGHT},
	{"address_family", RENDER_LEFT},
};

static void show_if(struct verb_ctx *vc, unsigned int ifindex, unsigned int family)
{
	const struct observe_if *f = &vc->o->ifs[ifindex];
	const struct pim_if *pim = f->pim[family];
	struct pim_stats counts, *s = &counts;
	struct render *r = vc->r;
	uint64_t dropped = 0;
	struct pim_if_view v;

	pim_if_view(pim, &v);
	baseline_since(vc, BASELINE_PIM, OBSERVE_FAMILIES * ifindex + family, pim_if_stats(pim), s,
		sizeof(*s));
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
		render_u64(r, v.dr_priority);
		render_hex32(r, v.genid);
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
	struct filter filter;

	if (!filter_parse(v, &filter))
		return;
	render_table_begin(v->r, "interfaces with PIM", if_columns, RTE_DIM(if_columns));
	for (unsigned int i = 0; i < v->o->n_ifs; i++)
		for (unsigned int f = 0; f < OBSERVE_FAMILIES; f++)
			if (v->o->ifs[i].pim[f] && filter_if(&filter, i))
				show_if(v, i, f);
	render_table_end(v->r);
}

static const struct render_column join_columns[] = {
	{"interface", RENDER_LEFT},
	{"source_address", RENDER_LEFT},
	{"group_address", RENDER_LEFT},
	{"jp_state", RENDER_LEFT},
	{"expiration", RENDER_RIGHT},
	{"neighbor", RENDER_LEFT}, // whose message was the last
	{"assert_state", RENDER_LEFT},
	{"winner", RENDER_LEFT},
	{"preference", RENDER_RIGHT},
	{"metric", RENDER_RIGHT},
	{"assert_expiration", RENDER_RIGHT},
};

#define PIECE 64

struct work {
	struct filter filter;
	unsigned int part; // OBSERVE_FAMILIES of each interface
	uint32_t cursor;
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
	struct verb_ctx *v = arg;
	const struct work *w = v->work;
	struct render *r = v->r;
	bool asserted = !addr_is_none(&c->winner);

	if (!filter_sg(&w->filter, &c->sg))
		return;
	render_text(r, v->o->ifs[w->part / OBSERVE_FAMILIES].name);
	render_addr(r, &c->sg.s);
	render_addr(r, &c->sg.g);
	render_text(r, c->state);
	render_until(v, c->expires_us);
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
	render_until(v, c->assert_expires_us);
}

static enum verb_turn more_joins(struct verb_ctx *v)
{
	struct work *w = v->work;
	unsigned int i = w->part / OBSERVE_FAMILIES;
	const struct pim_if *pim;

	if (i >= v->o->n_ifs) {
		render_table_end(v->r);
		return VERB_DONE;
	}
	pim = filter_if(&w->filter, i) ? v->o->ifs[i].pim[w->part % OBSERVE_FAMILIES] : NULL;
	if (!pim || !pim_if_channels_some(pim, &w->cursor, PIECE, show_join, v)) {
		w->part++;
		w->cursor = 0;
	}
	return VERB_MORE;
}

void verb_show_pim_joins(struct verb_ctx *v)
{
	struct work *w = verb_work(v, sizeof(*w));

	if (!w || !filter_parse(v, &w->filter))
		return;
	v->more = more_joins;
	render_table_begin(v->r, "joins", join_columns, RTE_DIM(join_columns));
}
