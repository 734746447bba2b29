// SPDX-License-Identifier: BSD-3-Clause
#include "base/timer.h"
#include "console/baseline.h"
#include "console/filter.h"
#include "console/verb.h"
#include "membership/membership.h"
#include "pim/pim.h"

static const struct render_column if_columns[] = {
	{"interface", RENDER_LEFT}, {"address", RENDER_LEFT},
	{"state", RENDER_LEFT}, // "querier", "other-querier", "down"
	{"querier", RENDER_LEFT},
	// Of our next General Query, or until the other querier counts as gone.
	{"next_in", RENDER_RIGHT}, {"robustness_variable", RENDER_RIGHT_DETAIL},
	{"query_interval", RENDER_RIGHT_DETAIL}, {"query_max_response_time", RENDER_RIGHT_DETAIL},
	{"membership_interval", RENDER_RIGHT_DETAIL}, {"groups", RENDER_RIGHT},
	{"channels", RENDER_RIGHT}, {"sent_query", RENDER_RIGHT},
	{"sent_specific_query", RENDER_RIGHT_DETAIL}, {"received_query", RENDER_RIGHT_DETAIL},
	{"received_report", RENDER_RIGHT_DETAIL}, {"joins", RENDER_RIGHT_DETAIL},
	{"leaves", RENDER_RIGHT_DETAIL}, {"expired", RENDER_RIGHT_DETAIL},
	{"elections", RENDER_RIGHT_DETAIL}, {"dropped", RENDER_RIGHT},
	{"protocol", RENDER_LEFT}, // "igmp", "mld"
};

static void show_if(struct verb_ctx *v, unsigned int ifindex, unsigned int family)
{
	const struct observe_if *f = &v->o->ifs[ifindex];
	const struct membership *gm = f->membership[family];
	struct membership_stats counts, *s = &counts;
	struct render *r = v->r;
	struct membership_view m;
	uint64_t dropped = 0;

	membership_view(gm, &m);
	baseline_since(v, BASELINE_MEMBERSHIP, OBSERVE_FAMILIES * ifindex + family,
		membership_stats(gm), s, sizeof(*s));
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
	render_span_us(r, 1000ULL * m.query_response_ms);
	render_span_us(r, m.membership_interval_us);
	render_u64(r, m.groups);
	render_u64(r, m.channels);
	render_u64(r, s->general_tx + s->specific_tx);
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
static void show_ifs(struct verb_ctx *v, const char *title, unsigned int first)
{
	struct filter filter;

	if (!filter_parse(v, &filter))
		return;
	render_table_begin(v->r, title, if_columns, RTE_DIM(if_columns));
	for (unsigned int i = 0; i < v->o->n_ifs; i++) {
		for (unsigned int f = first; f < OBSERVE_FAMILIES; f++)
			if (v->o->ifs[i].membership[f] && filter_if(&filter, i))
				show_if(v, i, f);
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
	{"interface", RENDER_LEFT}, {"source_address", RENDER_LEFT}, {"group_address", RENDER_LEFT},
	{"last_reporter", RENDER_LEFT}, // the host that was heard last
	{"up_time", RENDER_RIGHT}, {"expire", RENDER_RIGHT}, {"leaving", RENDER_LEFT},
	{"served", RENDER_LEFT}, // false: by another router of the link, as PIM has it
};

#define PIECE 64

struct work {
	struct filter filter;
	unsigned int part, first; // OBSERVE_FAMILIES of each interface, those from `first` on
	uint32_t cursor;
	const char *ifname;
	const struct pim_if *pim; // of the family; NULL: none
};

static void show_one(void *arg, const struct membership_channel_view *c)
{
	struct verb_ctx *v = arg;
	const struct work *w = v->work;
	struct render *r = v->r;

	if (!filter_sg(&w->filter, &c->sg))
		return;
	render_text(r, w->ifname);
	render_addr(r, &c->sg.s);
	render_addr(r, &c->sg.g);
	render_addr(r, &c->reporter);
	render_span_us(r, verb_age_us(v, c->since_us));
	render_span_us(r, verb_left_us(v, c->expires_us));
	render_bool(r, c->leaving);
	render_bool(r, !w->pim || pim_if_include(w->pim, &c->sg));
}

static enum verb_turn more(struct verb_ctx *v)
{
	struct work *w = v->work;
	unsigned int i = w->part / OBSERVE_FAMILIES, f = w->part % OBSERVE_FAMILIES;
	const struct membership *m = NULL;

	if (i >= v->o->n_ifs) {
		render_table_end(v->r);
		return VERB_DONE;
	}
	if (f >= w->first && filter_if(&w->filter, i))
		m = v->o->ifs[i].membership[f];
	w->ifname = v->o->ifs[i].name;
	w->pim = v->o->ifs[i].pim[f];
	if (!m || !membership_channels_some(m, &w->cursor, PIECE, show_one, v)) {
		w->part++;
		w->cursor = 0;
	}
	return VERB_MORE;
}

static void show_memberships(struct verb_ctx *v, unsigned int first)
{
	struct work *w = verb_work(v, sizeof(*w));

	if (!w || !filter_parse(v, &w->filter))
		return;
	w->first = first;
	v->more = more;
	render_table_begin(v->r, "memberships", columns, RTE_DIM(columns));
}

void verb_show_igmp_memberships(struct verb_ctx *v)
{
	show_memberships(v, 0);
}

void verb_show_mld_memberships(struct verb_ctx *v)
{
	show_memberships(v, 1);
}
