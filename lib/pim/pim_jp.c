// SPDX-License-Identifier: BSD-3-Clause
// Join/Prune reception: the downstream per-interface (S,G) machine (RFC 7761 section 4.5.2).
#include "pim/pim_internal.h"

#include <string.h>

// A router that takes a Join back so soon did not mean it. FRR does that with every Join when its
// way to the source is the default route and it is not told to use it (0.3 ms each, 3 ms for 12).
#define FLAP_US (20 * US_PER_MS)
// From such a router a Join counts when it has stood for that time, until so long after the last
// time: nothing is looked up, and no tunnel opened, for what is taken back at once.
#define FLAP_MEMORY_US (300 * US_PER_S)

// Entries are applied in their order, a few later than they are read: what they need comes into the
// cache meanwhile. A refresh of very many channels is little but waiting for memory otherwise.
#define AHEAD 64
// The same for those that lie side by side.
#define GUESS_AHEAD 8
struct entry {
	struct sg sg;
	bool join;
	uint64_t hash;
};

// One received message, while its entries are applied.
struct jp_rx {
	struct pim_if *pif;
	struct pim_neighbor *nbr;
	const struct addr *src;
	struct addr upstream;
	uint16_t holdtime_s;
	uint64_t now_us;
	unsigned int n; // entries read and not applied
	struct entry entries[AHEAD];
};

static bool flaps(const struct jp_rx *rx)
{
	return rx->nbr->view.flapped && rx->now_us < rx->nbr->flapped_us + FLAP_MEMORY_US;
}

static void flap_seen(struct pim_neighbor *nbr, uint64_t after_us, uint64_t now_us)
{
	char text[ADDR_STRLEN];

	if (!nbr->view.flapped)
		log_warn("pim",
			"neighbor takes its Joins back at once if=%s addr=%s after_us=%u: if it is "
			"FRR, its way to the source is a default route that it does not use; set "
			"'ip nht resolve-via-default' there. Its Joins count after %u ms from now "
			"on",
			nbr->pif->cfg.name, addr_format(&nbr->view.addr, text),
			(unsigned int)after_us, (unsigned int)(FLAP_US / US_PER_MS));
	nbr->view.flapped = true;
	nbr->flapped_us = now_us;
}

// PIM_DROP_COUNT for an entry whose (S,G) may be a channel: one that is joined is known to be.
static enum pim_drop sg_refuse(const struct pim_if *pif, const struct sg *sg)
{
	if (!pim_group_is_ssm(pif, &sg->g))
		return PIM_DROP_NOT_SSM;
	return addr_is_unicast(&sg->s) ? PIM_DROP_COUNT : PIM_DROP_SOURCE;
}

// What is wrong with an entry of another form than entry_cb() takes. The message's family is the
// interface's by now (section 4.9.5).
static enum pim_drop form_refuse(const struct pim_if *pif, const struct pim_jp_entry *e)
{
	if (e->g.family != pif->cfg.family || e->s.family != pif->cfg.family)
		return PIM_DROP_FAMILY;
	if (e->g_mask_len != pif->host_len)
		return PIM_DROP_MASK;
	if (!pim_group_is_ssm(pif, &e->g))
		return PIM_DROP_NOT_SSM;
	if (e->wildcard || e->rpt)
		return PIM_DROP_WILDCARD;
	if (e->attributes) // we never offered option 26 (RFC 5384 section 3.2)
		return PIM_DROP_ENCODING;
	return PIM_DROP_MASK;
}

// PIM_DROP_COUNT for a new Join to take. ch is there when the channel has an Assert.
static enum pim_drop join_refuse(
	const struct jp_rx *rx, const struct pim_channel *ch, const struct sg *sg)
{
	struct pim_if *pif = rx->pif;
	enum pim_drop why = ch ? PIM_DROP_COUNT : sg_refuse(pif, sg);

	if (why != PIM_DROP_COUNT)
		return why;
	pif->stats.joins_rx++;
	if (rx->holdtime_s == 0) // the RFC leaves it open; what expires as it begins is nothing
		return PIM_DROP_HOLDTIME_ZERO;
	if (pif->n_joins >= pif->cfg.max_joins)
		return PIM_DROP_LIMIT;
	if (rx->nbr->view.joins >= pif->cfg.max_joins_neighbor)
		return PIM_DROP_JOINS_NEIGHBOR_LIMIT;
	return PIM_DROP_COUNT;
}

// NoInfo -> Join.
static void join_new(const struct jp_rx *rx, struct pim_channel *ch, const struct sg *sg)
{
	char s[ADDR_STRLEN], g[ADDR_STRLEN], from[ADDR_STRLEN];
	struct pim_if *pif = rx->pif;
	enum pim_drop why = join_refuse(rx, ch, sg);

	if (why == PIM_DROP_COUNT && !ch) {
		ch = pim_channel_create(pif, sg);
		why = ch ? PIM_DROP_COUNT : PIM_DROP_LIMIT;
	}
	if (why != PIM_DROP_COUNT) {
		pim_drop(pif, why, rx->src);
		return;
	}
	log_info("pim", "join heard if=%s s=%s g=%s neighbor=%s holdtime=%us", pif->cfg.name,
		addr_format(&sg->s, s), addr_format(&sg->g, g), addr_format(rx->src, from),
		rx->holdtime_s);
	ch->expiry_us = pim_after_s(rx->now_us, rx->holdtime_s);
	pim_channel_join(ch, rx->nbr, rx->src, flaps(rx) ? rx->now_us + FLAP_US : 0, rx->now_us);
	pim_assert_join(ch, rx->now_us);
}

static void join_rx(const struct jp_rx *rx, struct pim_channel *ch, const struct sg *sg)
{
	uint64_t expiry = pim_after_s(rx->now_us, rx->holdtime_s);

	if (!ch || ch->join == PIM_NOINFO) {
		join_new(rx, ch, sg);
		return;
	}
	rx->pif->stats.joins_rx++;
	if (expiry > ch->expiry_us)
		ch->expiry_us = expiry;
	// A refresh as almost all of them are; it looks no further.
	if (ch->join == PIM_JOIN && ch->wanted && ch->charged && !ch->assert &&
		ch->last_neighbor == rx->nbr->id)
		return;
	// It is the channel of who keeps it.
	if (!ch->charged || (ch->join == PIM_PRUNE_PENDING && ch->charged != rx->nbr))
		pim_channel_charge(ch, rx->nbr);
	pim_channel_heard(ch, rx->nbr, rx->src);
	if (!ch->wanted && !flaps(rx))
		pim_channel_release(ch, rx->now_us);
	if (ch->join == PIM_PRUNE_PENDING)
		ch->moment_us = ch->wanted ? 0 : rx->now_us + FLAP_US;
	ch->join = PIM_JOIN;
	pim_channel_rearm(ch);
	pim_assert_join(ch, rx->now_us);
}

// Whether a router other than the one that prunes may still want the channel of the one that it is
// addressed to. That is us or, in watch mode, a router on the link.
static bool others_may_override(const struct jp_rx *rx)
{
	uint32_t others = rx->pif->n_alive - 1;

	return others > (pim_neighbor_find(rx->pif, &rx->upstream) ? 1 : 0);
}

static void prune_rx(const struct jp_rx *rx, struct pim_channel *ch, const struct sg *sg)
{
	char s[ADDR_STRLEN], g[ADDR_STRLEN], from[ADDR_STRLEN];
	struct pim_if *pif = rx->pif;
	uint64_t since_us;

	enum pim_drop why = ch ? PIM_DROP_COUNT : sg_refuse(pif, sg);

	if (why != PIM_DROP_COUNT) {
		pim_drop(pif, why, rx->src);
		return;
	}
	pif->stats.prunes_rx++;
	if (!ch || ch->join != PIM_JOIN)
		return;
	log_info("pim", "prune heard if=%s s=%s g=%s neighbor=%s", pif->cfg.name,
		addr_format(&sg->s, s), addr_format(&sg->g, g), addr_format(rx->src, from));
	since_us = ch->wanted ? ch->moment_us : ch->moment_us - FLAP_US;
	if (rx->now_us < since_us + FLAP_US && ch->last_neighbor == rx->nbr->id)
		flap_seen(rx->nbr, rx->now_us - since_us, rx->now_us);
	if (!others_may_override(rx)) {
		pim_channel_end(ch, rx->src, rx->now_us);
		return;
	}
	ch->join = PIM_PRUNE_PENDING;
	// What does not count yet does not begin to now.
	ch->moment_us = rx->now_us + pim_override_interval_us(pif);
	pim_channel_heard(ch, rx->nbr, rx->src);
	pim_channel_rearm(ch);
}

bool pim_if_restore(struct pim_if *pif, const struct sg *sg, const struct addr *neighbor,
	uint64_t expires_us, uint64_t now_us)
{
	char s[ADDR_STRLEN], g[ADDR_STRLEN];
	struct pim_channel *ch;

	if (expires_us <= now_us || sg->s.family != pif->cfg.family ||
		!pim_group_is_ssm(pif, &sg->g) || !addr_is_unicast(&sg->s) ||
		pim_channel_find(pif, sg) || pif->n_joins >= pif->cfg.max_joins)
		return false;
	ch = pim_channel_create(pif, sg);
	if (!ch)
		return false;
	ch->expiry_us = expires_us;
	log_info("pim", "join restored if=%s s=%s g=%s", pif->cfg.name, addr_format(&sg->s, s),
		addr_format(&sg->g, g));
	// Charged to its router once that has said Hello and joined again.
	pim_channel_join(ch, NULL, neighbor, 0, now_us);
	return true;
}

static void entries_apply(struct jp_rx *rx)
{
	for (unsigned int i = 0; i < rx->n; i++)
		imap_fetch_first(&rx->pif->channels, rx->entries[i].hash);
	for (unsigned int i = 0; i < rx->n; i++)
		imap_fetch_second(&rx->pif->channels, rx->entries[i].hash);
	for (unsigned int i = 0; i < rx->n; i++) {
		const struct entry *e = &rx->entries[i];
		struct pim_channel *ch = pim_channel_find_hashed(rx->pif, &e->sg, e->hash);

		if (ch)
			rx->pif->guess = ch;
		if (e->join)
			join_rx(rx, ch, &e->sg);
		else
			prune_rx(rx, ch, &e->sg);
	}
	rx->n = 0;
}

// A Join of the channel that is expected next, and of no other: neither hash nor table is needed.
static bool guess_apply(struct jp_rx *rx, const struct pim_jp_entry *e)
{
	struct pim_if *pif = rx->pif;
	struct pim_channel *ch;

	if (rx->n > 0 || !e->join || !pif->guess)
		return false;
	ch = slab_next(&pif->channel_slab, pif->guess);
	if (!ch || !ch->used || !pim_channel_is(ch, pif->host_len / 8u, &e->s, &e->g))
		return false;
	pif->guess = ch;
	__builtin_prefetch((const uint8_t *)ch + GUESS_AHEAD * pif->channel_slab.size);
	join_rx(rx, ch, &(struct sg){.s = e->s, .g = e->g});
	return true;
}

static void entry_cb(void *arg, const struct pim_jp_entry *e)
{
	struct jp_rx *rx = arg;
	const uint8_t family = rx->pif->cfg.family, host_len = rx->pif->host_len;
	struct entry *to;

	if (e->g.family != family || e->s.family != family || e->g_mask_len != host_len ||
		e->s_mask_len != host_len || e->wildcard || e->rpt || e->attributes) {
		pim_drop(rx->pif, form_refuse(rx->pif, e), rx->src);
		return;
	}
	if (guess_apply(rx, e))
		return;
	to = &rx->entries[rx->n++];
	to->sg = (struct sg){.s = e->s, .g = e->g};
	to->join = e->join;
	to->hash = hmap_hash_sg(&to->sg);
	imap_fetch_bucket(&rx->pif->channels, to->hash);
	if (rx->n == AHEAD)
		entries_apply(rx);
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

static bool for_us(const struct pim_if *pif, const struct addr *src, const struct addr *upstream)
{
	return pif->cfg.watch ? pim_watch_counts(pif, src, upstream)
			      : addr_eq(upstream, &pif->primary);
}

void pim_jp_input(
	struct pim_if *pif, const struct addr *src, const uint8_t *buf, size_t len, uint64_t now_us)
{
	enum pim_drop why;
	struct jp_rx rx;
	struct pim_jp jp;

	rx.pif = pif;
	rx.src = src;
	rx.now_us = now_us;
	rx.n = 0;
	rx.nbr = pim_neighbor_find(pif, src);
	if (!rx.nbr && !pif->cfg.watch) {
		pim_drop(pif, PIM_DROP_NOT_NEIGHBOR, src);
		return;
	}
	why = decode_refuse(pim_jp_decode(buf, len, &jp));
	if (why == PIM_DROP_COUNT && jp.upstream.family != pif->cfg.family)
		why = PIM_DROP_FAMILY;
	// The unspecified address would be good for a point-to-point link only; ours are LANs.
	if (why == PIM_DROP_COUNT && !for_us(pif, src, &jp.upstream))
		why = PIM_DROP_NOT_UPSTREAM;
	if (why == PIM_DROP_NOT_UPSTREAM)
		pim_elsewhere_input(pif, &jp, now_us);
	if (why != PIM_DROP_COUNT) {
		pim_drop(pif, why, src);
		return;
	}
	if (!rx.nbr)
		rx.nbr = pim_watch_neighbor(pif, src, now_us);
	if (!rx.nbr)
		return;
	rx.upstream = jp.upstream;
	pif->stats.jp_rx++;
	rx.holdtime_s = jp.holdtime_s;
	pim_jp_walk(&jp, entry_cb, &rx);
	entries_apply(&rx);
}
