// SPDX-License-Identifier: BSD-3-Clause
#include "amt/amt.h"
#include "channel/channel.h"
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

static void show_one(struct render *r, const struct reason *d, bool all)
{
	if (d->count == 0 && !all)
		return;
	render_text(r, d->room);
	render_text(r, d->ifname);
	render_text(r, d->name);
	render_u64(r, d->count);
	render_text(r, d->text);
}

static void show_pim(struct render *r, const struct observe_if *f, int family, bool all)
{
	const struct pim_stats *s = pim_if_stats(f->pim[family]);

	for (unsigned int i = 0; i < PIM_DROP_COUNT; i++)
		show_one(r,
			&(struct reason){family ? "pim6" : "pim", f->name, pim_drop_names[i],
				pim_drop_texts[i], s->drops[i]},
			all);
}

static void show_membership(struct render *r, const struct observe_if *f, int family, bool all)
{
	const struct membership_stats *s = membership_stats(f->membership[family]);

	for (unsigned int i = 0; i < MEMBERSHIP_DROP_COUNT; i++)
		show_one(r,
			&(struct reason){family ? "mld" : "igmp", f->name, membership_drop_names[i],
				membership_drop_texts[i], s->drops[i]},
			all);
}

static void show(struct verb_ctx *v, bool all)
{
	const struct observe *o = v->o;
	struct render *r = v->r;

	render_table_begin(r, "drops", columns, RTE_DIM(columns));
	for (unsigned int i = 0; o->crossing && i < DROP_COUNT; i++)
		show_one(r,
			&(struct reason){"fastpath", NULL, drop_names[i], drop_texts[i],
				crossing_drop(o->crossing, (enum drop_reason)i)},
			all);
	for (unsigned int i = 0; i < o->n_ifs; i++) {
		for (int f = 0; f < OBSERVE_FAMILIES; f++) {
			if (o->ifs[i].pim[f])
				show_pim(r, &o->ifs[i], f, all);
			if (o->ifs[i].membership[f])
				show_membership(r, &o->ifs[i], f, all);
		}
	}
	for (unsigned int i = 0; o->amt && i < AMT_DROP_COUNT; i++)
		show_one(r,
			&(struct reason){"amt", NULL, amt_drop_names[i], amt_drop_texts[i],
				amt_gateway_stats(o->amt)->drops[i]},
			all);
	for (unsigned int i = 0; o->driad && i < DRIAD_DROP_COUNT; i++)
		show_one(r,
			&(struct reason){"driad", NULL, driad_drop_names[i], driad_drop_texts[i],
				driad_stats(o->driad)->drops[i]},
			all);
	for (unsigned int i = 0; o->channels && i < CHANNEL_DROP_COUNT; i++)
		show_one(r,
			&(struct reason){"channel", NULL, channel_drop_names[i],
				channel_drop_texts[i], channels_drops(o->channels)[i]},
			all);
	for (unsigned int i = 0; o->joinfile_stats && i < JOINFILE_DROP_COUNT; i++)
		show_one(r,
			&(struct reason){"joinfile", NULL, joinfile_drop_names[i],
				joinfile_drop_texts[i], o->joinfile_stats->drops[i]},
			all);
	render_table_end(r);
}

void verb_show_drops(struct verb_ctx *v)
{
	show(v, false);
}

void verb_show_drops_all(struct verb_ctx *v)
{
	show(v, true);
}
