// SPDX-License-Identifier: BSD-3-Clause
#include "amt/amt.h"
#include "channel/channel.h"
#include "console/filter.h"
#include "console/verb.h"
#include "crossing/drops.h"
#include "driad/driad.h"
#include "joinfile/joinfile.h"
#include "membership/membership.h"
#include "pim/pim.h"

static const struct render_column columns[] = {
	{"room", RENDER_LEFT},
	{"interface", RENDER_LEFT},
	{"name", RENDER_LEFT},
	{"count", RENDER_RIGHT},
	{"text", RENDER_LEFT},
};

struct reason {
	const char *room;
	const char *ifname; // NULL where the room does not tell interfaces apart
	const char *name;
	const char *text;
	uint64_t count;
};

struct walk {
	struct render *r;
	const struct observe *o;
	const char *room; // NULL: all
	struct filter filter;
	bool all;
};

static void show_one(const struct walk *w, const struct reason *d)
{
	struct render *r = w->r;

	if ((d->count == 0 && !w->all) || (w->room && strcmp(w->room, d->room) != 0) ||
		(!d->ifname && w->filter.ifindex >= 0))
		return;
	render_text(r, d->room);
	render_text(r, d->ifname);
	render_text(r, d->name);
	render_u64(r, d->count);
	render_text(r, d->text);
}

static void show_pim(const struct walk *w, const struct observe_if *f, int family)
{
	const struct pim_stats *s = pim_if_stats(f->pim[family]);

	for (unsigned int i = 0; i < PIM_DROP_COUNT; i++)
		show_one(w, &(struct reason){family ? "pim6" : "pim", f->name, pim_drop_names[i],
				    pim_drop_texts[i], s->drops[i]});
}

static void show_membership(const struct walk *w, const struct observe_if *f, int family)
{
	const struct membership_stats *s = membership_stats(f->membership[family]);

	for (unsigned int i = 0; i < MEMBERSHIP_DROP_COUNT; i++)
		show_one(w,
			&(struct reason){family ? "mld" : "igmp", f->name, membership_drop_names[i],
				membership_drop_texts[i], s->drops[i]});
}

static void show_interfaces(const struct walk *w)
{
	const struct observe *o = w->o;

	for (unsigned int i = 0; i < o->n_ifs; i++) {
		if (!filter_if(&w->filter, i))
			continue;
		for (int f = 0; f < OBSERVE_FAMILIES; f++) {
			if (o->ifs[i].pim[f])
				show_pim(w, &o->ifs[i], f);
			if (o->ifs[i].membership[f])
				show_membership(w, &o->ifs[i], f);
		}
	}
}

static void show_rooms(const struct walk *w)
{
	const struct observe *o = w->o;

	for (unsigned int i = 0; o->crossing && i < DROP_COUNT; i++)
		show_one(w, &(struct reason){"fastpath", NULL, drop_names[i], drop_texts[i],
				    crossing_drop(o->crossing, (enum drop_reason)i)});
	for (unsigned int i = 0; o->amt && i < AMT_DROP_COUNT; i++)
		show_one(w, &(struct reason){"amt", NULL, amt_drop_names[i], amt_drop_texts[i],
				    amt_gateway_stats(o->amt)->drops[i]});
	for (unsigned int i = 0; o->driad && i < DRIAD_DROP_COUNT; i++)
		show_one(w, &(struct reason){"driad", NULL, driad_drop_names[i],
				    driad_drop_texts[i], driad_stats(o->driad)->drops[i]});
	for (unsigned int i = 0; o->channels && i < CHANNEL_DROP_COUNT; i++)
		show_one(w, &(struct reason){"channel", NULL, channel_drop_names[i],
				    channel_drop_texts[i], channels_drops(o->channels)[i]});
	for (unsigned int i = 0; o->joinfile_stats && i < JOINFILE_DROP_COUNT; i++)
		show_one(w, &(struct reason){"joinfile", NULL, joinfile_drop_names[i],
				    joinfile_drop_texts[i], o->joinfile_stats->drops[i]});
}

static void show(struct verb_ctx *v, bool all)
{
	struct walk w = {.r = v->r, .o = v->o, .room = verb_option(v, "room"), .all = all};

	if (!filter_parse(v, &w.filter))
		return;
	render_table_begin(v->r, "drops", columns, RTE_DIM(columns));
	show_interfaces(&w);
	show_rooms(&w);
	render_table_end(v->r);
}

void verb_show_drops(struct verb_ctx *v)
{
	show(v, false);
}

void verb_show_drops_all(struct verb_ctx *v)
{
	show(v, true);
}
