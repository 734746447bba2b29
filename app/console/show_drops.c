// SPDX-License-Identifier: BSD-3-Clause
#include "amt/amt.h"
#include "channel/channel.h"
#include "console/baseline.h"
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
	const struct verb_ctx *v;
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

static void show_pim(const struct walk *w, unsigned int ifindex, unsigned int family)
{
	const struct observe_if *f = &w->o->ifs[ifindex];
	struct pim_stats counts, *s = &counts;

	baseline_since(w->v, BASELINE_PIM, OBSERVE_FAMILIES * ifindex + family,
		pim_if_stats(f->pim[family]), s, sizeof(*s));

	for (unsigned int i = 0; i < PIM_DROP_COUNT; i++)
		show_one(w, &(struct reason){family ? "pim6" : "pim", f->name, pim_drop_names[i],
				    pim_drop_texts[i], s->drops[i]});
}

static void show_membership(const struct walk *w, unsigned int ifindex, unsigned int family)
{
	const struct observe_if *f = &w->o->ifs[ifindex];
	struct membership_stats counts, *s = &counts;

	baseline_since(w->v, BASELINE_MEMBERSHIP, OBSERVE_FAMILIES * ifindex + family,
		membership_stats(f->membership[family]), s, sizeof(*s));

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
		for (unsigned int f = 0; f < OBSERVE_FAMILIES; f++) {
			if (o->ifs[i].pim[f])
				show_pim(w, i, f);
			if (o->ifs[i].membership[f])
				show_membership(w, i, f);
		}
	}
}

static void show_room(const struct walk *w, const char *room, const char *const *names,
	const char *const *texts, const uint64_t *counts, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		show_one(w, &(struct reason){room, NULL, names[i], texts[i], counts[i]});
}

static void show_fastpath(const struct walk *w)
{
	uint64_t counts[DROP_COUNT];

	for (unsigned int i = 0; i < DROP_COUNT; i++)
		counts[i] = crossing_drop(w->o->crossing, (enum drop_reason)i);
	baseline_since(w->v, BASELINE_FASTPATH, 0, counts, counts, sizeof(counts));
	show_room(w, "fastpath", drop_names, drop_texts, counts, DROP_COUNT);
}

static void show_channels(const struct walk *w)
{
	uint64_t counts[CHANNEL_DROP_COUNT];

	baseline_since(
		w->v, BASELINE_CHANNELS, 0, channels_drops(w->o->channels), counts, sizeof(counts));
	show_room(w, "channel", channel_drop_names, channel_drop_texts, counts, CHANNEL_DROP_COUNT);
}

static void show_rooms(const struct walk *w)
{
	const struct observe *o = w->o;
	struct joinfile_stats joinfile;
	struct driad_stats driad;
	struct amt_stats amt;

	if (o->amt) {
		baseline_since(w->v, BASELINE_AMT, 0, amt_gateway_stats(o->amt), &amt, sizeof(amt));
		show_room(w, "amt", amt_drop_names, amt_drop_texts, amt.drops, AMT_DROP_COUNT);
	}
	if (o->driad) {
		baseline_since(
			w->v, BASELINE_DRIAD, 0, driad_stats(o->driad), &driad, sizeof(driad));
		show_room(w, "driad", driad_drop_names, driad_drop_texts, driad.drops,
			DRIAD_DROP_COUNT);
	}
	if (o->channels)
		show_channels(w);
	if (o->joinfile_stats) {
		baseline_since(
			w->v, BASELINE_JOINFILE, 0, o->joinfile_stats, &joinfile, sizeof(joinfile));
		show_room(w, "joinfile", joinfile_drop_names, joinfile_drop_texts, joinfile.drops,
			JOINFILE_DROP_COUNT);
	}
}

static void show(struct verb_ctx *v, bool all)
{
	struct walk w = {.r = v->r, .o = v->o, .v = v, .room = verb_option(v, "room"), .all = all};

	if (!filter_parse(v, &w.filter))
		return;
	render_table_begin(v->r, "drops", columns, RTE_DIM(columns));
	if (v->o->crossing)
		show_fastpath(&w);
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
