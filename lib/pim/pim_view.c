// SPDX-License-Identifier: BSD-3-Clause
// What the console and the state file see.
#include "pim/pim_internal.h"

void pim_if_neighbors(const struct pim_if *pif,
	void (*cb)(void *arg, const struct pim_neighbor_view *n), void *arg)
{
	for (struct hnode *n = hmap_first(&pif->neighbors); n; n = hmap_next(&pif->neighbors, n)) {
		const struct pim_neighbor *nbr = container_of_node(n, struct pim_neighbor, node);

		if (nbr->alive)
			cb(arg, &nbr->view);
	}
}

static void view_assert(const struct pim_assert *a, struct pim_channel_view *view)
{
	view->assert_state = a->won ? "winner" : "loser";
	view->winner = a->winner.addr;
	view->winner_preference = a->winner.preference;
	view->winner_metric = a->winner.metric;
	view->assert_expires_us = a->expiry_us;
}

struct walk {
	void (*cb)(void *arg, const struct pim_channel_view *c);
	void *arg;
	uint32_t left;
};

static void view_fill(const struct pim_channel *ch, struct pim_channel_view *view)
{
	static const char *const states[] = {
		[PIM_NOINFO] = "no-info",
		[PIM_JOIN] = "join",
		[PIM_PRUNE_PENDING] = "prune-pending",
	};
	*view = (struct pim_channel_view){
		.sg = pim_channel_sg(ch),
		.state = states[ch->join],
		.joined = ch->join != PIM_NOINFO,
		.wanted = ch->wanted,
		.expires_us =
			pim_channel_ppt(ch) < ch->expiry_us ? pim_channel_ppt(ch) : ch->expiry_us,
		.last_neighbor = pim_channel_last_addr(ch),
		.assert_state = "no-info",
		.assert_expires_us = NEVER_US,
	};

	if (ch->assert)
		view_assert(ch->assert, view);
}

static void view_cb(void *arg, void *object)
{
	struct pim_channel_view view;
	struct walk *w = arg;

	view_fill(object, &view);
	w->cb(w->arg, &view);
	w->left -= w->left > 0;
}

bool pim_if_channel(const struct pim_if *pif, const struct sg *sg, struct pim_channel_view *out)
{
	const struct pim_channel *ch = pim_channel_find(pif, sg);

	if (ch)
		view_fill(ch, out);
	return ch;
}

void pim_if_channels(const struct pim_if *pif,
	void (*cb)(void *arg, const struct pim_channel_view *c), void *arg)
{
	uint32_t cursor = 0;

	while (pim_if_channels_some(pif, &cursor, UINT32_MAX, cb, arg))
		;
}

bool pim_if_channels_some(const struct pim_if *pif, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct pim_channel_view *c), void *arg)
{
	struct walk w = {.cb = cb, .arg = arg, .left = n};

	while (w.left > 0)
		if (!imap_scan(&pif->channels, cursor, view_cb, &w))
			return false;
	return true;
}

void pim_if_view(const struct pim_if *pif, struct pim_if_view *out)
{
	*out = (struct pim_if_view){
		.family = pif->cfg.family,
		.primary = pif->cfg.watch ? pif->watched[0] : pif->primary,
		.watch = pif->cfg.watch,
		.dr = pif->dr,
		.is_dr = pim_if_is_dr(pif),
		.genid = pif->genid,
		.dr_priority = pif->cfg.dr_priority,
		.neighbors = pif->n_alive,
		.joins = pif->n_joins,
		.asserts_won = pif->n_won,
		.asserts_lost = pif->n_lost,
		.propagation_delay_ms = pif->propagation_ms,
		.override_interval_ms = pif->override_ms,
	};
}

bool pim_if_is_dr(const struct pim_if *pif)
{
	if (pif->cfg.watch)
		return addr_is_none(&pif->dr) || pim_watch_is_daemon(pif, &pif->dr);
	return !addr_is_none(&pif->primary) && addr_eq(&pif->dr, &pif->primary);
}

bool pim_if_include(const struct pim_if *pif, const struct sg *sg)
{
	const struct pim_channel *ch;

	if (pif->leaving)
		return false;
	if (pim_if_is_dr(pif))
		return true;
	ch = pim_channel_find(pif, sg);
	return ch && ch->assert && ch->assert->won;
}

size_t pim_if_octets(const struct pim_if *pif)
{
	return slab_octets(&pif->channel_slab) + imap_octets(&pif->channels) +
	       (pif->n_won + (size_t)pif->n_lost) * sizeof(struct pim_assert);
}
