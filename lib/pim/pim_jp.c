// SPDX-License-Identifier: BSD-3-Clause
// Join/Prune reception: the downstream per-interface (S,G) machine (RFC 7761 section 4.5.2).
#include <stdlib.h>

#include "base/log.h"
#include "pim/pim_internal.h"
#include "wire/pim.h"

#define MASK_LEN_HOST  32
#define PRUNE_ECHO_LEN 34

// One received message, while its entries are applied.
struct jp_rx {
	struct pim_if *pif;
	const struct addr *src;
	uint16_t holdtime_s;
	uint64_t now_us;
};

static const struct addr nobody;

static uint64_t channel_hash(const struct sg *sg)
{
	return hmap_hash(sg, sizeof(*sg));
}

static struct pim_channel *channel_find(const struct pim_if *pif, const struct sg *sg)
{
	for (struct hnode *n = hmap_find(&pif->channels, channel_hash(sg)); n;
		n = hmap_find_next(n)) {
		struct pim_channel *ch = container_of_node(n, struct pim_channel, node);

		if (sg_eq(&ch->sg, sg))
			return ch;
	}
	return NULL;
}

// Always armed since channel_create(), so this cannot fail.
static void channel_rearm(struct pim_channel *ch)
{
	timer_arm(ch->pif->timers, &ch->timer,
		ch->prune_pending_us < ch->expiry_us ? ch->prune_pending_us : ch->expiry_us);
}

// -> NoInfo.
static void channel_end(struct pim_channel *ch, const struct addr *neighbor, uint64_t now_us)
{
	struct pim_if *pif = ch->pif;
	struct sg sg = ch->sg;

	timer_cancel(pif->timers, &ch->timer);
	hmap_remove(&pif->channels, &ch->node);
	free(ch);
	pif->ops->want_cb(pif->ctx, &sg, false, neighbor, now_us);
}

void pim_channels_end(struct pim_if *pif, uint64_t now_us)
{
	struct hnode *n, *tmp;

	HMAP_FOREACH (n, tmp, &pif->channels)
		channel_end(container_of_node(n, struct pim_channel, node), &nobody, now_us);
}

static void channel_log(const struct pim_channel *ch, const char *what)
{
	char s[ADDR_STRLEN], g[ADDR_STRLEN];

	log_info("pim", "%s if=%s s=%s g=%s", what, ch->pif->cfg.name, addr_format(&ch->sg.s, s),
		addr_format(&ch->sg.g, g));
}

// Tells routers whose Join was lost that the channel ends for them: they join again.
static void prune_echo(struct pim_if *pif, const struct sg *sg)
{
	struct pim_jp_item item = {.sg = *sg, .join = false};
	uint8_t buf[PRUNE_ECHO_LEN];
	int len = pim_jp_encode(&pif->primary, JP_HOLDTIME_DEFAULT_S, &item, 1, buf, sizeof(buf));

	if (len < 0)
		return;
	pim_hello_ensure(pif);
	pif->stats.prune_echo_tx++;
	pif->ops->send(pif->ctx, buf, (size_t)len);
}

static void channel_timer_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct pim_channel *ch = arg;
	struct pim_if *pif = ch->pif;

	(void)t;
	if (ch->expiry_us <= ch->prune_pending_us) {
		channel_log(ch, "join expired");
		pif->stats.expired++;
	} else {
		channel_log(ch, "prune took effect");
		if (pif->neighbors.count > 1)
			prune_echo(pif, &ch->sg);
	}
	channel_end(ch, &nobody, now_us);
}

static struct pim_channel *channel_create(struct pim_if *pif, const struct sg *sg)
{
	struct pim_channel *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return NULL;
	ch->pif = pif;
	ch->sg = *sg;
	ch->prune_pending_us = NEVER_US;
	timer_init(&ch->timer, channel_timer_cb, ch);
	if (timer_arm(pif->timers, &ch->timer, NEVER_US) < 0)
		goto fail_timer;
	if (hmap_insert(&pif->channels, &ch->node, channel_hash(sg)) < 0)
		goto fail_insert;
	return ch;

fail_insert:
	timer_cancel(pif->timers, &ch->timer);
fail_timer:
	free(ch);
	return NULL;
}

// NoInfo -> Join.
static void join_new(const struct jp_rx *rx, const struct sg *sg)
{
	char s[ADDR_STRLEN], g[ADDR_STRLEN], from[ADDR_STRLEN];
	struct pim_if *pif = rx->pif;
	struct pim_channel *ch;

	// The RFC leaves this case open; a channel that expires as it begins is none.
	if (rx->holdtime_s == 0) {
		pim_drop(pif, PIM_DROP_HOLDTIME_ZERO, rx->src);
		return;
	}
	ch = pif->channels.count < pif->cfg.max_channels ? channel_create(pif, sg) : NULL;
	if (!ch) {
		pim_drop(pif, PIM_DROP_LIMIT, rx->src);
		return;
	}
	ch->expiry_us = pim_after_s(rx->now_us, rx->holdtime_s);
	ch->last_neighbor = *rx->src;
	channel_rearm(ch);
	log_info("pim", "join heard if=%s s=%s g=%s neighbor=%s holdtime=%us", pif->cfg.name,
		addr_format(&sg->s, s), addr_format(&sg->g, g), addr_format(rx->src, from),
		rx->holdtime_s);
	pif->ops->want_cb(pif->ctx, sg, true, rx->src, rx->now_us);
}

static void join_rx(const struct jp_rx *rx, const struct sg *sg)
{
	struct pim_channel *ch = channel_find(rx->pif, sg);
	uint64_t expiry = pim_after_s(rx->now_us, rx->holdtime_s);

	rx->pif->stats.joins_rx++;
	if (!ch) {
		join_new(rx, sg);
		return;
	}
	ch->prune_pending = false;
	ch->prune_pending_us = NEVER_US;
	if (expiry > ch->expiry_us)
		ch->expiry_us = expiry;
	ch->last_neighbor = *rx->src;
	channel_rearm(ch);
}

static void prune_rx(const struct jp_rx *rx, const struct sg *sg)
{
	char s[ADDR_STRLEN], g[ADDR_STRLEN], from[ADDR_STRLEN];
	struct pim_if *pif = rx->pif;
	struct pim_channel *ch = channel_find(pif, sg);

	pif->stats.prunes_rx++;
	if (!ch || ch->prune_pending)
		return;
	log_info("pim", "prune heard if=%s s=%s g=%s neighbor=%s", pif->cfg.name,
		addr_format(&sg->s, s), addr_format(&sg->g, g), addr_format(rx->src, from));
	if (pif->neighbors.count <= 1) { // nobody else could object
		channel_end(ch, rx->src, rx->now_us);
		return;
	}
	ch->prune_pending = true;
	ch->prune_pending_us = rx->now_us + pim_override_interval_us(pif);
	ch->last_neighbor = *rx->src;
	channel_rearm(ch);
}

// RFC 4607 section 4.3: 232.0.0.0 is never a destination.
static bool group_is_ssm(const struct pim_if *pif, const struct addr *g)
{
	static const struct addr never = {.family = ADDR_V4, .bytes = {232}};

	if (!addr_is_multicast(g) || addr_eq(g, &never))
		return false;
	for (unsigned int i = 0; i < pif->cfg.n_ssm_ranges; i++) {
		if (prefix_match(&pif->cfg.ssm_ranges[i], g))
			return true;
	}
	return false;
}

// PIM_DROP_COUNT for an entry to apply. The message's family is IPv4 by now (section 4.9.5).
static enum pim_drop entry_refuse(const struct pim_if *pif, const struct pim_jp_entry *e)
{
	if (e->g.family != ADDR_V4 || e->s.family != ADDR_V4)
		return PIM_DROP_FAMILY;
	if (e->g_mask_len != MASK_LEN_HOST)
		return PIM_DROP_MASK;
	if (!group_is_ssm(pif, &e->g))
		return PIM_DROP_NOT_SSM;
	if (e->wildcard || e->rpt)
		return PIM_DROP_WILDCARD;
	if (e->attributes) // we never offered option 26 (RFC 5384 section 3.2)
		return PIM_DROP_ENCODING;
	if (e->s_mask_len != MASK_LEN_HOST)
		return PIM_DROP_MASK;
	if (!addr_is_unicast(&e->s))
		return PIM_DROP_SOURCE;
	return PIM_DROP_COUNT;
}

bool pim_if_restore(struct pim_if *pif, const struct sg *sg, const struct addr *neighbor,
	uint64_t expires_us, uint64_t now_us)
{
	struct pim_channel *ch;

	if (expires_us <= now_us || sg->s.family != ADDR_V4 || !group_is_ssm(pif, &sg->g) ||
		!addr_is_unicast(&sg->s) || channel_find(pif, sg) ||
		pif->channels.count >= pif->cfg.max_channels)
		return false;
	ch = channel_create(pif, sg);
	if (!ch)
		return false;
	ch->expiry_us = expires_us;
	ch->last_neighbor = *neighbor;
	channel_rearm(ch);
	channel_log(ch, "join restored");
	pif->ops->want_cb(pif->ctx, sg, true, neighbor, now_us);
	return true;
}

static void entry_cb(void *arg, const struct pim_jp_entry *e)
{
	const struct jp_rx *rx = arg;
	enum pim_drop why = entry_refuse(rx->pif, e);
	struct sg sg = {.s = e->s, .g = e->g};

	if (why != PIM_DROP_COUNT)
		pim_drop(rx->pif, why, rx->src);
	else if (e->join)
		join_rx(rx, &sg);
	else
		prune_rx(rx, &sg);
}

static enum pim_drop decode_refuse(enum pim_err err)
{
	switch (err) {
	case PIM_OK:
		return PIM_DROP_COUNT;
	case PIM_ERR_FAMILY:
		return PIM_DROP_FAMILY;
	case PIM_ERR_ENCODING:
		return PIM_DROP_ENCODING;
	default:
		return PIM_DROP_JP_MALFORMED;
	}
}

void pim_jp_input(
	struct pim_if *pif, const struct addr *src, const uint8_t *buf, size_t len, uint64_t now_us)
{
	struct jp_rx rx = {.pif = pif, .src = src, .now_us = now_us};
	enum pim_drop why;
	struct pim_jp jp;

	if (!pim_neighbor_find(pif, src)) {
		pim_drop(pif, PIM_DROP_NOT_NEIGHBOR, src);
		return;
	}
	why = decode_refuse(pim_jp_decode(buf, len, &jp));
	if (why == PIM_DROP_COUNT && jp.upstream.family != ADDR_V4)
		why = PIM_DROP_FAMILY;
	// 0.0.0.0 would be good for a point-to-point link only; ours are LANs.
	if (why == PIM_DROP_COUNT && !addr_eq(&jp.upstream, &pif->primary))
		why = PIM_DROP_NOT_UPSTREAM;
	if (why != PIM_DROP_COUNT) {
		pim_drop(pif, why, src);
		return;
	}
	pif->stats.jp_rx++;
	rx.holdtime_s = jp.holdtime_s;
	pim_jp_walk(&jp, entry_cb, &rx);
}
