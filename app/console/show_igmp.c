// SPDX-License-Identifier: BSD-3-Clause
#include "base/timer.h"
#include "console/verb.h"
#include "membership/membership.h"
#include "pim/pim.h"

static const struct render_column if_columns[] = {
	{"interface", RENDER_LEFT}, {"address", RENDER_LEFT},
	{"state", RENDER_LEFT}, // "querier", "other-querier", "down"
	{"querier", RENDER_LEFT},
	// Of our next General Query, or until the other querier counts as gone.
	{"next_in", RENDER_RIGHT}, {"robustness", RENDER_RIGHT}, {"query_interval", RENDER_RIGHT},
	{"query_response_ms", RENDER_RIGHT}, {"membership_interval", RENDER_RIGHT},
	{"groups", RENDER_RIGHT}, {"channels", RENDER_RIGHT}, {"queries_sent", RENDER_RIGHT},
	{"specific_queries_sent", RENDER_RIGHT}, {"queries_heard", RENDER_RIGHT},
	{"reports_heard", RENDER_RIGHT}, {"joins", RENDER_RIGHT}, {"leaves", RENDER_RIGHT},
	{"expired", RENDER_RIGHT}, {"elections", RENDER_RIGHT}, {"dropped", RENDER_RIGHT},
	{"protocol", RENDER_LEFT}, // "igmp", "mld"
};

static void show_if(struct verb_ctx *v, const struct observe_if *f, const struct membership *gm)
{
	const struct membership_stats *s = membership_stats(gm);
	struct render *r = v->r;
	struct membership_view m;
	uint64_t dropped = 0;

	membership_view(gm, &m);
	for (unsigned int i = 0; i < MEMBERSHIP_DROP_COUNT; i++)
		dropped += s->drops[i];
	render_text(r, f->name);
	render_addr(r, &m.primary);
	render_text(r, addr_is_none(&m.primary) ? "down" : m.querier ? "querier" : "other-querier");
	render_addr(r, &m.querier_addr);
	if (m.next_us == NEVER_US)
		render_none(r);
	else
		render_span_us(r, verb_left_us(v, m.next_us));
	render_u64(r, m.robustness);
	render_u64(r, m.query_interval_s);
	render_u64(r, m.query_response_ms);
	render_span_us(r, m.membership_interval_us);
	render_u64(r, m.groups);
	render_u64(r, m.channels);
	render_u64(r, s->general_tx);
	render_u64(r, s->specific_tx);
	render_u64(r, s->queries_rx);
	render_u64(r, s->reports_rx);
	render_u64(r, s->joins);
	render_u64(r, s->leaves);
	render_u64(r, s->expired);
	render_u64(r, s->elections);
	render_u64(r, dropped);
	render_text(r, m.family == ADDR_V6 ? "mld" : "igmp");
}

// From family `first` on.
static void show_ifs(struct verb_ctx *v, const char *title, int first)
{
	render_table_begin(v->r, title, if_columns, RTE_DIM(if_columns));
	for (unsigned int i = 0; i < v->o->n_ifs; i++) {
		for (int f = first; f < OBSERVE_FAMILIES; f++)
			if (v->o->ifs[i].membership[f])
				show_if(v, &v->o->ifs[i], v->o->ifs[i].membership[f]);
	}
	render_table_end(v->r);
}

void verb_show_igmp(struct verb_ctx *v)
{
	show_ifs(v, "interfaces with IGMP and MLD", 0);
}

void verb_show_mld(struct verb_ctx *v)
{
	show_ifs(v, "interfaces with MLD", 1);
}

static const struct render_column columns[] = {
	{"interface", RENDER_LEFT}, {"source", RENDER_LEFT}, {"group", RENDER_LEFT},
	{"reporter", RENDER_LEFT}, // the host that was heard last
	{"age", RENDER_RIGHT}, {"expires_in", RENDER_RIGHT}, {"leaving", RENDER_LEFT},
	{"served", RENDER_LEFT}, // false: by another router of the link, as PIM has it
};

struct walk {
	struct verb_ctx *v;
	const char *ifname;
	const struct pim_if *pim; // of the family; NULL: none
};

static void show_one(void *arg, const struct membership_channel_view *c)
{
	const struct walk *w = arg;
	struct render *r = w->v->r;

	render_text(r, w->ifname);
	render_addr(r, &c->sg.s);
	render_addr(r, &c->sg.g);
	render_addr(r, &c->reporter);
	render_span_us(r, verb_age_us(w->v, c->since_us));
	render_span_us(r, verb_left_us(w->v, c->expires_us));
	render_bool(r, c->leaving);
	render_bool(r, !w->pim || pim_if_include(w->pim, &c->sg));
}

static void show_memberships(struct verb_ctx *v, int first)
{
	render_table_begin(v->r, "memberships", columns, RTE_DIM(columns));
	for (unsigned int i = 0; i < v->o->n_ifs; i++) {
		const struct observe_if *o = &v->o->ifs[i];

		for (int f = first; f < OBSERVE_FAMILIES; f++) {
			struct walk w = {.v = v, .ifname = o->name, .pim = o->pim[f]};

			if (o->membership[f])
				membership_channels(o->membership[f], show_one, &w);
		}
	}
	render_table_end(v->r);
}

void verb_show_igmp_memberships(struct verb_ctx *v)
{
	show_memberships(v, 0);
}

void verb_show_mld_memberships(struct verb_ctx *v)
{
	show_memberships(v, 1);
}
