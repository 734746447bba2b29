// SPDX-License-Identifier: BSD-3-Clause
// The channels of an interface: their life and their timers (RFC 7761 section 4.5.2).
#include <stdlib.h>
#include <string.h>

#include "pim/pim_internal.h"

#define PRUNE_ECHO_LEN 70 // of IPv6; of IPv4 34

static const struct addr nobody;

// Of the eight octets that tell IPv4 channels apart: a third of the work.
uint64_t pim_channel_hash(const struct sg *sg)
{
	uint8_t key[8];

	if (sg->s.family != ADDR_V4 || sg->g.family != ADDR_V4)
		return hmap_hash(sg, sizeof(*sg));
	memcpy(key, sg->s.bytes, 4);
	memcpy(key + 4, sg->g.bytes, 4);
	return hmap_hash(key, sizeof(key));
}

struct pim_channel *pim_channel_find_hashed(
	const struct pim_if *pif, const struct sg *sg, uint64_t hash)
{
	for (struct hnode *n = hmap_find(&pif->channels, hash); n; n = hmap_find_next(n)) {
		struct pim_channel *ch = container_of_node(n, struct pim_channel, node);

		if (sg_eq(&ch->sg, sg))
			return ch;
	}
	return NULL;
}

struct pim_channel *pim_channel_find(const struct pim_if *pif, const struct sg *sg)
{
	return pim_channel_find_hashed(pif, sg, pim_channel_hash(sg));
}

static uint64_t channel_due(const struct pim_channel *ch)
{
	uint64_t due = ch->expiry_us, ppt = pim_channel_ppt(ch), held = pim_channel_held(ch);

	if (ppt < due)
		due = ppt;
	return held < due ? held : due;
}

// Always armed since pim_channel_create(), so this cannot fail.
void pim_channel_rearm(struct pim_channel *ch)
{
	uint64_t due = channel_due(ch);

	if (due < ch->timer.due_us)
		timer_arm(pim_channel_if(ch)->timers, &ch->timer, due);
}

// Tells routers whose Join was lost that the channel ends for them: they join again.
static void prune_echo(struct pim_if *pif, const struct sg *sg)
{
	struct pim_jp_item item = {.sg = *sg, .join = false};
	uint8_t buf[PRUNE_ECHO_LEN];
	int len;

	if (pif->cfg.watch) // the daemon does
		return;
	len = pim_jp_encode(&pif->primary, JP_HOLDTIME_DEFAULT_S, &item, 1, buf, sizeof(buf));
	if (len < 0)
		return;
	pim_hello_ensure(pif);
	pif->stats.prune_echo_tx++;
	pim_send(pif, buf, (size_t)len);
}

static void channel_log(const struct pim_channel *ch, const char *what)
{
	char s[ADDR_STRLEN], g[ADDR_STRLEN];

	log_info("pim", "%s if=%s s=%s g=%s", what, pim_channel_if(ch)->cfg.name,
		addr_format(&ch->sg.s, s), addr_format(&ch->sg.g, g));
}

static void channel_timer_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct pim_channel *ch = (void *)((char *)t - offsetof(struct pim_channel, timer));
	struct pim_if *pif = arg;
	uint64_t ppt = pim_channel_ppt(ch);

	// The heap has room: this timer has just left it.
	timer_arm(pif->timers, t, NEVER_US);
	if (now_us >= ch->expiry_us && ch->expiry_us <= ppt) {
		channel_log(ch, "join expired");
		pif->stats.expired++;
		pim_channel_end(ch, &nobody, now_us);
	} else if (now_us >= ppt) {
		channel_log(ch, "prune took effect");
		if (pif->n_alive > 1)
			prune_echo(pif, &ch->sg);
		pim_channel_end(ch, &nobody, now_us);
	} else {
		if (now_us >= pim_channel_held(ch))
			pim_channel_release(ch, now_us);
		pim_channel_rearm(ch); // it was refreshed meanwhile
	}
}

struct pim_channel *pim_channel_create(struct pim_if *pif, const struct sg *sg)
{
	struct pim_channel *ch = slab_get(&pif->channel_slab);

	if (!ch)
		return NULL;
	ch->sg = *sg;
	ch->expiry_us = NEVER_US;
	ch->moment_us = NEVER_US;
	ch->uncharged = true;
	timer_init(&ch->timer, channel_timer_cb, pif);
	if (timer_arm(pif->timers, &ch->timer, NEVER_US) < 0)
		goto fail_timer;
	if (hmap_insert(&pif->channels, &ch->node, pim_channel_hash(sg)) < 0)
		goto fail_insert;
	return ch;

fail_insert:
	timer_cancel(pif->timers, &ch->timer);
fail_timer:
	slab_put(&pif->channel_slab, ch);
	return NULL;
}

void pim_channel_put(struct pim_channel *ch)
{
	struct pim_if *pif = pim_channel_if(ch);

	if (ch->join != PIM_NOINFO || ch->assert)
		return;
	timer_cancel(pif->timers, &ch->timer);
	hmap_remove(&pif->channels, &ch->node);
	ch->sg = (struct sg){0}; // for who finds it by slab_next()
	if (pif->channels.count == 0)
		pif->guess = NULL;
	slab_put(&pif->channel_slab, ch);
}

void pim_channel_charge(struct pim_channel *ch, struct pim_neighbor *nbr)
{
	struct pim_neighbor *before = ch->charged;

	ch->charged = nbr;
	ch->uncharged = !nbr;
	if (nbr)
		nbr->view.joins++;
	if (before) {
		before->view.joins--;
		pim_neighbor_put(before);
	}
}

void pim_channel_heard(
	struct pim_channel *ch, const struct pim_neighbor *nbr, const struct addr *neighbor)
{
	ch->last_neighbor = nbr ? nbr->id : 0;
	memset(ch->last_addr, 0, sizeof(ch->last_addr));
	if (neighbor->family == ADDR_V6)
		memcpy(ch->last_addr, neighbor->bytes + 8, 8);
	else
		memcpy(ch->last_addr, neighbor->bytes, 4);
}

struct addr pim_channel_last_addr(const struct pim_channel *ch)
{
	static const uint8_t none[sizeof(ch->last_addr)];
	struct addr a = {.family = ch->sg.g.family};

	if (memcmp(ch->last_addr, none, sizeof(none)) == 0)
		return nobody;
	if (a.family == ADDR_V6) {
		a.bytes[0] = 0xfe;
		a.bytes[1] = 0x80;
		memcpy(a.bytes + 8, ch->last_addr, 8);
	} else {
		memcpy(a.bytes, ch->last_addr, 4);
	}
	return a;
}

void pim_channel_release(struct pim_channel *ch, uint64_t now_us)
{
	struct addr last = pim_channel_last_addr(ch);
	struct pim_if *pif = pim_channel_if(ch);

	if (ch->wanted)
		return;
	if (ch->join == PIM_JOIN)
		ch->moment_us = 0;
	ch->wanted = true;
	pif->ops->want_cb(pif->ctx, &ch->sg, true, &last, now_us);
}

void pim_channel_join(struct pim_channel *ch, struct pim_neighbor *nbr, const struct addr *neighbor,
	uint64_t held_us, uint64_t now_us)
{
	ch->join = PIM_JOIN;
	ch->moment_us = held_us > now_us ? held_us : NEVER_US;
	pim_channel_heard(ch, nbr, neighbor);
	pim_channel_if(ch)->n_joins++;
	pim_channel_charge(ch, nbr);
	pim_channel_rearm(ch);
	if (held_us > now_us)
		return;
	pim_channel_release(ch, now_us);
	ch->moment_us = now_us;
}

void pim_channel_end(struct pim_channel *ch, const struct addr *neighbor, uint64_t now_us)
{
	struct pim_if *pif = pim_channel_if(ch);
	struct sg sg = ch->sg;
	bool wanted = ch->wanted;

	ch->join = PIM_NOINFO;
	ch->wanted = false;
	ch->expiry_us = ch->moment_us = NEVER_US;
	pif->n_joins--;
	if (!wanted)
		pif->stats.held_flaps++;
	pim_channel_charge(ch, NULL);
	// Before an Assert is over: nothing is sent again for the moment in between.
	if (wanted)
		pif->ops->want_cb(pif->ctx, &sg, false, neighbor, now_us);
	if (ch->assert)
		pim_assert_review(ch, now_us);
	else
		pim_channel_put(ch);
}

void pim_channels_end(struct pim_if *pif, uint64_t now_us)
{
	struct hnode *n, *tmp;

	HMAP_FOREACH (n, tmp, &pif->channels) {
		struct pim_channel *ch = container_of_node(n, struct pim_channel, node);

		if (ch->join != PIM_NOINFO)
			pim_channel_end(ch, &nobody, now_us);
	}
}
