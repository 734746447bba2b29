// SPDX-License-Identifier: BSD-3-Clause
// Wants of routers and receivers on their way to the channels. PIM and membership say a want once;
// one that was refused, for want of room or by an ACL, is said again here when it may be taken:
// after a flood has ended, or the configuration was changed. A piece at a time.
#include "base/hmap.h"
#include "inlet.h"

#define PIECE	 256
#define PIECE_US (10 * USEC_PER_MSEC)

void again_want(struct iface *ifc, const struct sg *sg, enum channel_origin origin, bool wanted,
	const struct addr *neighbor, uint64_t now_us)
{
	struct channels *cs = ifc->in->channels;
	uint64_t who = neighbor && !addr_is_none(neighbor)
			       ? hmap_hash(neighbor, sizeof(*neighbor)) + ifc->index
			       : 1 + ifc->index;

	channels_asker(cs, who);
	channels_want(cs, sg, ifc->index, origin, wanted, now_us);
	channels_asker(cs, 0);
}

struct walk {
	struct iface *ifc;
	uint64_t now_us;
};

static void join_cb(void *arg, const struct pim_channel_view *c)
{
	const struct walk *w = arg;

	if (c->wanted)
		again_want(w->ifc, &c->sg, CHANNEL_BY_PIM, true, &c->last_neighbor, w->now_us);
}

static void member_cb(void *arg, const struct membership_channel_view *c)
{
	const struct walk *w = arg;

	again_want(w->ifc, &c->sg, CHANNEL_BY_MEMBERSHIP, iface_pim_include(w->ifc, &c->sg),
		&c->reporter, w->now_us);
}

// The static channels. False: those were the last.
static bool walk_static(struct inlet *in, uint64_t now_us)
{
	struct inlet_again *a = &in->again;

	for (unsigned int i = 0; i < PIECE && a->cursor < in->cfg.n_channels; i++, a->cursor++) {
		const struct config_channel *c = &in->cfg.channels[a->cursor];

		wants_on(in, &c->sg, wants_oifs(in, c->down), CHANNEL_BY_STATIC, true, now_us);
	}
	return a->cursor < in->cfg.n_channels;
}

// Of a part: an interface, a family, PIM or membership. False: that was its end.
static bool walk_part(struct inlet *in, uint64_t now_us)
{
	struct inlet_again *a = &in->again;
	unsigned int f = a->part / 2 % IFACE_FAMILIES;
	struct walk w = {.ifc = &in->ifs[a->part / 2 / IFACE_FAMILIES], .now_us = now_us};

	if (a->part % 2 == 0)
		return w.ifc->pim[f].pim &&
		       pim_if_channels_some(w.ifc->pim[f].pim, &a->cursor, PIECE, join_cb, &w);
	return w.ifc->membership[f].m &&
	       membership_channels_some(w.ifc->membership[f].m, &a->cursor, PIECE, member_cb, &w);
}

static void walk_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct inlet *in = arg;
	struct inlet_again *a = &in->again;
	unsigned int parts = in->n_ifs * IFACE_FAMILIES * 2;
	bool more;

	channels_batch_begin(in->channels);
	more = a->part < parts ? walk_part(in, now_us) : walk_static(in, now_us);
	channels_batch_end(in->channels, now_us);
	if (!more) {
		a->part++;
		a->cursor = 0;
	}
	if (a->part <= parts)
		timer_arm(&in->timers, t, now_us + PIECE_US);
}

void again_init(struct inlet *in)
{
	timer_init(&in->again.timer, walk_cb, in);
}

void again_stop(struct inlet *in)
{
	timer_cancel(&in->timers, &in->again.timer);
}

void again_begin(struct inlet *in)
{
	in->again.wanted = true;
}

void again_look(struct inlet *in, uint64_t now_us)
{
	struct inlet_again *a = &in->again;
	struct channel_totals t;

	channels_totals(in->channels, &t);
	a->wanted |= t.refused != a->refused;
	a->refused = t.refused;
	if (!a->wanted || timer_armed(&a->timer) || t.channels >= in->cfg.max_channels)
		return;
	a->wanted = false;
	a->part = 0;
	a->cursor = 0;
	timer_arm(&in->timers, &a->timer, now_us);
}
