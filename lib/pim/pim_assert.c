// SPDX-License-Identifier: BSD-3-Clause
// The (S,G) Assert machine of RFC 7761 section 4.6.1 for downstream interfaces, which is where it
// matters to a router that has no PIM upstream: of several that forward a channel on a link, one
// goes on.
#include <stdlib.h>

#include "pim/pim_internal.h"

// Section 4.11.
#define ASSERT_TIME_US	   (180 * US_PER_S)
#define ASSERT_OVERRIDE_US (3 * US_PER_S)
// CouldAssert hangs on whether packets come in from the source, which nobody tells us: we look.
#define LOOK_US (2 * US_PER_S)
// What can be answered with an Assert can come at any rate.
#define ANSWER_GAP_US (20 * US_PER_MS)
// Not in the RFC: a winner that still sees the other's packets so long after its Assert says it
// again. The first one may have been lost, and the other's too.
#define REPEAT_GAP_US (1 * US_PER_S)
#define DRAIN_MAX     1024
// Of Asserts that are said again for another metric.
#define ANEW_A_MS 64

static const struct pim_metric infinite = {
	.rpt = true, .preference = PIM_PREFERENCE_INFINITE, .metric = PIM_METRIC_INFINITE};

static struct pim_metric own_metric(const struct pim_if *pif)
{
	return (struct pim_metric){.preference = pif->cfg.assert_preference,
		.metric = pif->cfg.assert_metric,
		.addr = pif->primary};
}

// Section 4.6.3: the lower wins, of equals the higher address.
static bool better(const struct pim_metric *a, const struct pim_metric *b)
{
	if (a->rpt != b->rpt)
		return !a->rpt;
	if (a->preference != b->preference)
		return a->preference < b->preference;
	if (a->metric != b->metric)
		return a->metric < b->metric;
	return addr_cmp(&a->addr, &b->addr) > 0;
}

// AssertTrackingDesired(S,G,I) and CouldAssert(S,G,I) of section 4.6.1. ch may be NULL.
static bool tracks(const struct pim_if *pif, const struct pim_channel *ch, const struct sg *sg)
{
	return (ch && ch->join != PIM_NOINFO) || (pif->ops->local && pif->ops->local(pif->ctx, sg));
}

static bool could_assert(
	const struct pim_if *pif, const struct pim_channel *ch, const struct sg *sg)
{
	return tracks(pif, ch, sg) && pif->ops->flows(pif->ctx, sg);
}

// Winner begins or ends: where another router is the DR, receivers attached directly come or go
// with it.
static void include_changed(struct pim_if *pif, const struct sg *sg, uint64_t now_us)
{
	if (pif->ops->include_cb && !pim_if_is_dr(pif))
		pif->ops->include_cb(pif->ctx, sg, now_us);
}

static void assert_log(const struct pim_assert *a, const char *what, const char *reason)
{
	char s[ADDR_STRLEN], g[ADDR_STRLEN], w[ADDR_STRLEN];
	struct sg sg = pim_channel_sg(a->ch);

	log_info("pim", "assert %s if=%s s=%s g=%s winner=%s preference=%u metric=%u%s%s", what,
		pim_channel_if(a->ch)->cfg.name, addr_format(&sg.s, s), addr_format(&sg.g, g),
		addr_format(&a->winner.addr, w), a->winner.preference, a->winner.metric,
		reason ? " reason=" : "", reason ? reason : "");
}

static void assert_send(struct pim_assert *a, const struct pim_metric *m, uint64_t now_us)
{
	struct pim_if *pif = pim_channel_if(a->ch);
	struct pim_assert_msg msg = {.sg = pim_channel_sg(a->ch),
		.rpt = m->rpt,
		.preference = m->preference,
		.metric = m->metric};
	uint8_t buf[PIM_ASSERT_MAX_LEN];
	int len = pim_assert_encode(&msg, buf, sizeof(buf));

	if (len < 0 || addr_is_none(&pif->primary) || pif->leaving)
		return;
	pim_hello_ensure(pif);
	if (m == &infinite)
		pif->stats.assert_cancel_tx++;
	else
		pif->stats.assert_tx++;
	a->sent_us = now_us;
	pim_send(pif, buf, (size_t)len);
}

static void assert_rearm(struct pim_assert *a, uint64_t now_us)
{
	uint64_t look = now_us + LOOK_US;

	timer_arm(pim_channel_if(a->ch)->timers, &a->timer,
		a->expiry_us < look ? a->expiry_us : look);
}

// Out of the lists and counts of its state, whichever it is.
static void state_leave(struct pim_assert *a)
{
	struct pim_if *pif = pim_channel_if(a->ch);

	if (a->won) {
		pif->n_won--;
		return;
	}
	pif->n_lost--;
	LIST_REMOVE(a, in_nbr);
	pim_neighbor_put(a->winner_nbr);
	a->winner_nbr = NULL;
}

// Actions A5: -> NoInfo.
static void to_noinfo(struct pim_assert *a, const char *reason, uint64_t now_us)
{
	struct pim_channel *ch = a->ch;
	struct pim_if *pif = pim_channel_if(ch);
	struct sg sg = pim_channel_sg(ch);
	bool lost = !a->won;

	assert_log(a, "over", reason);
	state_leave(a);
	timer_cancel(pif->timers, &a->timer);
	LIST_REMOVE(a, in_if);
	free(a);
	ch->assert = NULL;
	pim_channel_put(ch);
	if (lost)
		pif->ops->mute_cb(pif->ctx, &sg, false, now_us);
	else
		include_changed(pif, &sg, now_us);
}

// Actions A4: the same with an AssertCancel, so that the others go on at once.
static void cancel(struct pim_assert *a, const char *reason, uint64_t now_us)
{
	assert_send(a, &infinite, now_us);
	to_noinfo(a, reason, now_us);
}

// Actions A3: our Assert, again.
static void say_again(struct pim_assert *a, uint64_t now_us)
{
	a->expiry_us = now_us + ASSERT_TIME_US - ASSERT_OVERRIDE_US;
	a->winner = own_metric(pim_channel_if(a->ch));
	assert_send(a, &a->winner, now_us);
	assert_rearm(a, now_us);
}

// Actions A1 with the way into it from Loser: we forward.
static void to_winner(struct pim_assert *a, const char *reason, uint64_t now_us)
{
	struct pim_channel *ch = a->ch;
	struct pim_if *pif = pim_channel_if(ch);
	struct sg sg = pim_channel_sg(ch);

	state_leave(a);
	a->won = true;
	pif->n_won++;
	say_again(a, now_us);
	assert_log(a, "won", reason);
	pif->ops->mute_cb(pif->ctx, &sg, false, now_us);
	include_changed(pif, &sg, now_us);
}

// Actions A2 and A6: nbr forwards.
static void to_loser(
	struct pim_assert *a, struct pim_neighbor *nbr, const struct pim_metric *m, uint64_t now_us)
{
	struct pim_if *pif = pim_channel_if(a->ch);
	struct sg sg = pim_channel_sg(a->ch);
	bool was_won = a->won, news = was_won || a->winner_nbr != nbr;

	if (news) {
		state_leave(a);
		a->won = false;
		a->winner_nbr = nbr;
		pif->n_lost++;
		LIST_INSERT_HEAD(&nbr->won, a, in_nbr);
	}
	a->winner = *m;
	a->expiry_us = now_us + ASSERT_TIME_US;
	assert_rearm(a, now_us);
	if (news)
		assert_log(a, "lost", NULL);
	if (!was_won)
		return;
	pif->ops->mute_cb(pif->ctx, &sg, true, now_us);
	include_changed(pif, &sg, now_us);
}

static void assert_timer_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct pim_assert *a = arg;
	struct pim_channel *ch = a->ch;
	struct pim_if *pif = pim_channel_if(ch);
	struct pim_metric own = own_metric(pif);
	struct sg sg = pim_channel_sg(ch);
	bool could = could_assert(pif, ch, &sg);

	(void)t;
	if (a->won && !could)
		cancel(a, "no packets to forward", now_us);
	else if (a->won && now_us >= a->expiry_us)
		say_again(a, now_us);
	else if (!a->won && now_us >= a->expiry_us)
		to_noinfo(a, "expired", now_us);
	else if (!a->won && !tracks(pif, ch, &sg))
		to_noinfo(a, "not wanted", now_us);
	else if (!a->won && could && better(&own, &a->winner))
		to_winner(a, "our metric is better now", now_us);
	else
		assert_rearm(a, now_us);
}

// In Winner, with nothing said yet. The channel is made where there is none. NULL without memory.
static struct pim_assert *assert_create(
	struct pim_if *pif, struct pim_channel *ch, const struct sg *sg, uint64_t now_us)
{
	struct pim_assert *a;

	if (!ch)
		ch = pim_channel_create(pif, sg);
	if (!ch)
		return NULL;
	a = calloc(1, sizeof(*a));
	if (!a)
		goto fail;
	a->ch = ch;
	a->won = true;
	a->winner = own_metric(pif);
	timer_init(&a->timer, assert_timer_cb, a);
	if (timer_arm(pif->timers, &a->timer, now_us + LOOK_US) < 0)
		goto fail;
	LIST_INSERT_HEAD(&pif->asserts, a, in_if);
	pif->n_won++;
	ch->assert = a;
	return a;

fail:
	free(a);
	pim_channel_put(ch);
	log_warn_limited("pim", "no memory for an assert if=%s", pif->cfg.name);
	return NULL;
}

// NoInfo -> Winner.
static void win(struct pim_if *pif, struct pim_channel *ch, const struct sg *sg, const char *reason,
	uint64_t now_us)
{
	struct pim_assert *a = assert_create(pif, ch, sg, now_us);

	if (!a)
		return;
	say_again(a, now_us);
	assert_log(a, "won", reason);
	include_changed(pif, sg, now_us);
}

// After our Goodbye: whoever sends it has taken it over.
static void replaced(struct pim_if *pif, const struct sg *sg, uint64_t now_us)
{
	struct pim_channel *ch = pim_channel_find(pif, sg);

	if (ch && (ch->replaced || (ch->assert && !ch->assert->won)))
		return;
	if (!ch || ch->join == PIM_NOINFO) {
		// Only receivers attached directly want it, and they have another DR now.
		if (pif->ops->include_cb && pif->ops->local && pif->ops->local(pif->ctx, sg))
			pif->ops->include_cb(pif->ctx, sg, now_us);
		return;
	}
	ch->replaced = true;
	pif->n_replaced++;
	pif->ops->mute_cb(pif->ctx, sg, true, now_us);
}

void pim_if_claim(struct pim_if *pif, const struct sg *sg, uint64_t now_us)
{
	struct pim_channel *ch = pim_channel_find(pif, sg);

	if (addr_is_none(&pif->primary) || pif->leaving || pif->cfg.watch ||
		sg->g.family != pif->cfg.family || !pim_if_include(pif, sg) || (ch && ch->assert) ||
		!could_assert(pif, ch, sg))
		return;
	win(pif, ch, sg, "handed over", now_us);
}

void pim_asserts_anew(struct pim_if *pif, uint64_t now_us)
{
	struct pim_assert *a;
	unsigned int i = 0;

	// The timer says them, some at a time.
	LIST_FOREACH (a, &pif->asserts, in_if) {
		if (!a->won)
			continue;
		a->expiry_us = now_us + (i++ / ANEW_A_MS) * US_PER_MS;
		assert_rearm(a, now_us);
	}
}

void pim_if_data(struct pim_if *pif, const struct sg *sg, uint64_t now_us)
{
	struct pim_channel *ch;

	if (addr_is_none(&pif->primary) || sg->g.family != pif->cfg.family)
		return;
	pif->stats.native_rx++;
	if (pif->leaving) {
		replaced(pif, sg, now_us);
		return;
	}
	ch = pim_channel_find(pif, sg);
	if (!ch || !ch->assert) {
		if (could_assert(pif, ch, sg))
			win(pif, ch, sg, "another router forwards", now_us);
	} else if (ch->assert->won && now_us >= ch->assert->sent_us + REPEAT_GAP_US) {
		say_again(ch->assert, now_us);
	}
}

// In NoInfo.
static void heard_first(struct pim_if *pif, struct pim_channel *ch, struct pim_neighbor *nbr,
	const struct sg *sg, const struct pim_metric *m, uint64_t now_us)
{
	bool could = could_assert(pif, ch, sg);
	struct pim_metric mine = could ? own_metric(pif) : infinite;
	struct pim_assert *a;

	if (better(m, &mine)) {
		if (m->rpt || !tracks(pif, ch, sg))
			return;
		a = assert_create(pif, ch, sg, now_us);
		if (a)
			to_loser(a, nbr, m, now_us);
	} else if (could) {
		win(pif, ch, sg, "an inferior Assert", now_us);
	}
}

// In Loser.
static void heard_lost(
	struct pim_assert *a, struct pim_neighbor *nbr, const struct pim_metric *m, uint64_t now_us)
{
	struct pim_channel *ch = a->ch;
	struct pim_if *pif = pim_channel_if(ch);
	struct sg sg = pim_channel_sg(ch);
	struct pim_metric mine = could_assert(pif, ch, &sg) ? own_metric(pif) : infinite;

	if (nbr == a->winner_nbr) {
		if (better(m, &mine) && !m->rpt)
			to_loser(a, nbr, m, now_us);
		else
			to_noinfo(a, m->rpt ? "cancelled" : "the winner's metric is inferior now",
				now_us);
	} else if (better(m, &a->winner)) {
		to_loser(a, nbr, m, now_us);
	}
}

static void heard(struct pim_if *pif, struct pim_neighbor *nbr, const struct sg *sg,
	const struct pim_metric *m, uint64_t now_us)
{
	struct pim_channel *ch = pim_channel_find(pif, sg);
	struct pim_assert *a = ch ? ch->assert : NULL;
	struct pim_metric mine = own_metric(pif);

	if (!a)
		heard_first(pif, ch, nbr, sg, m, now_us);
	else if (!a->won)
		heard_lost(a, nbr, m, now_us);
	else if (better(m, &mine))
		to_loser(a, nbr, m, now_us);
	else if (now_us >= a->sent_us + ANSWER_GAP_US)
		say_again(a, now_us);
}

// PIM_DROP_COUNT for one to look into.
static enum pim_drop assert_refuse(
	const struct pim_if *pif, const uint8_t *buf, size_t len, struct pim_assert_msg *msg)
{
	switch (pim_assert_decode(buf, len, msg)) {
	case PIM_OK:
		break;
	case PIM_ERR_FAMILY:
		return PIM_DROP_FAMILY;
	case PIM_ERR_ENCODING:
		return PIM_DROP_ENCODING;
	default:
		return PIM_DROP_ASSERT_MALFORMED;
	}
	if (msg->sg.g.family != pif->cfg.family || msg->sg.s.family != pif->cfg.family)
		return PIM_DROP_FAMILY;
	if (msg->g_mask_len != pif->host_len)
		return PIM_DROP_MASK;
	if (!pim_group_is_ssm(pif, &msg->sg.g))
		return PIM_DROP_NOT_SSM;
	if (addr_is_unspecified(&msg->sg.s))
		return PIM_DROP_WILDCARD;
	if (!addr_is_unicast(&msg->sg.s))
		return PIM_DROP_SOURCE;
	return PIM_DROP_COUNT;
}

void pim_assert_input(
	struct pim_if *pif, const struct addr *src, const uint8_t *buf, size_t len, uint64_t now_us)
{
	struct pim_neighbor *nbr = pim_neighbor_find(pif, src);
	struct pim_assert_msg msg;
	struct pim_metric m;
	enum pim_drop why;

	if (!nbr) {
		pim_drop(pif, PIM_DROP_NOT_NEIGHBOR, src);
		return;
	}
	why = assert_refuse(pif, buf, len, &msg);
	if (why != PIM_DROP_COUNT) {
		pim_drop(pif, why, src);
		return;
	}
	pif->stats.assert_rx++;
	m = (struct pim_metric){
		.rpt = msg.rpt, .preference = msg.preference, .metric = msg.metric, .addr = *src};
	heard(pif, nbr, &msg.sg, &m, now_us);
}

void pim_assert_join(struct pim_channel *ch, uint64_t now_us)
{
	if (ch->assert && !ch->assert->won)
		to_noinfo(ch->assert, "a Join names us", now_us);
}

void pim_assert_review(struct pim_channel *ch, uint64_t now_us)
{
	const struct pim_if *pif = pim_channel_if(ch);
	struct sg sg = pim_channel_sg(ch);
	struct pim_assert *a = ch->assert;

	if (!a)
		return;
	if (a->won && !could_assert(pif, ch, &sg))
		cancel(a, "not wanted", now_us);
	else if (!a->won && !tracks(pif, ch, &sg))
		to_noinfo(a, "not wanted", now_us);
}

void pim_if_local_changed(struct pim_if *pif, const struct sg *sg, uint64_t now_us)
{
	struct pim_channel *ch = pim_channel_find(pif, sg);

	if (ch)
		pim_assert_review(ch, now_us);
}

void pim_assert_winner_gone(struct pim_neighbor *nbr, uint64_t now_us)
{
	const char *reason = nbr->alive ? "the winner restarted" : "the winner has gone";
	struct pim_assert *a = LIST_FIRST(&nbr->won), *next;

	nbr->draining = true;
	for (unsigned int i = 0; a; a = next, i++) {
		// The rest in turns, so that nothing else waits for long; if there is a timer for
		// it.
		if (i == DRAIN_MAX && timer_arm(nbr->pif->timers, &nbr->drain, now_us + 1) == 0)
			break;
		next = LIST_NEXT(a, in_nbr);
		to_noinfo(a, reason, now_us);
	}
	nbr->draining = false;
}

void pim_asserts_forget_won(struct pim_if *pif, uint64_t now_us)
{
	struct pim_assert *a = LIST_FIRST(&pif->asserts), *next;

	for (; a; a = next) {
		next = LIST_NEXT(a, in_if);
		if (a->won)
			to_noinfo(a, "our address changed", now_us);
	}
}

void pim_asserts_end(struct pim_if *pif, uint64_t now_us)
{
	struct pim_assert *a = LIST_FIRST(&pif->asserts), *next;

	for (; a; a = next) {
		next = LIST_NEXT(a, in_if);
		to_noinfo(a, "interface down", now_us);
	}
}
