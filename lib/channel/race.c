// SPDX-License-Identifier: BSD-3-Clause
// Happy Eyeballs (RFC 8777 section 3.2, RFC 8305): a source's candidates are tried in their order,
// the next one beginning while those before it have not answered. The first valid Query without the
// L flag decides; memberships go to that relay only, and the others are not talked to any more.
#include "channel/channel_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define REASON_LEN 128

static void attempt_list(struct attempt *a, struct attempt_list *list)
{
	if (a->in)
		TAILQ_REMOVE(a->in, a, link);
	a->in = list;
	if (list)
		TAILQ_INSERT_TAIL(list, a, link);
}

static void attempt_end(struct attempt *a, uint64_t now_us)
{
	struct tunnel *t = a->tunnel;

	attempt_list(a, NULL);
	// The analyzer does not follow the queue macros: what is in a list has a source.
	// NOLINTNEXTLINE(clang-analyzer-core.NullDereference)
	a->src->n_attempts--;
	a->src = NULL;
	a->tunnel = NULL;
	// A Discovery goes on without us: whether that address answers is worth knowing, and is
	// kept as a hold-down.
	a->discovery = NULL;
	if (t)
		tunnel_unused(t, now_us);
}

void race_rest(struct source *src)
{
	if (!src->race || src->n_attempts > 0)
		return;
	timer_cancel(src->cs->rooms.timers, &src->race->timer);
	free(src->race);
	src->race = NULL;
}

void race_end(struct source *src, uint64_t now_us)
{
	for (unsigned int i = 0; src->race && i < RACE_MAX; i++)
		if (src->race->attempts[i].src)
			attempt_end(&src->race->attempts[i], now_us);
	race_rest(src);
}

// A loser that had time enough for two Requests would cost the next source the same time.
static void loser_hold(
	struct channels *cs, const struct tunnel *t, uint64_t since_us, uint64_t now_us)
{
	char r[ADDR_STRLEN];

	if (now_us - since_us < cs->cfg.retry_initial_ms * USEC_PER_MSEC)
		return;
	log_warn_limited("channel", "relay held down relay=%s reason=\"%s\" seconds=%u",
		addr_format(&t->relay, r), hold_no_answer, cs->cfg.hold_down_s);
	holddown_add(cs->rooms.held, &t->relay, hold_no_answer,
		now_us + cs->cfg.hold_down_s * USEC_PER_SEC);
}

static void race_won(struct source *src, struct tunnel *t, uint64_t now_us)
{
	for (unsigned int i = 0; src->race && i < RACE_MAX; i++) {
		const struct attempt *a = &src->race->attempts[i];

		if (a->src && a->tunnel && a->tunnel != t && !tunnel_is_up(a->tunnel))
			loser_hold(src->cs, a->tunnel, a->since_us, now_us);
	}
	t->pins++;
	race_end(src, now_us);
	if (move_seeks(src))
		move_found(src->move, t, now_us);
	else
		tunnel_attach(t, src, now_us);
	t->pins--;
}

// A move cannot be to where the source is.
static bool is_here(const struct source *src, const struct tunnel *t)
{
	return move_seeks(src) && t == src->tunnel;
}

static bool served(const struct attempt *a, const void *arg)
{
	(void)arg;
	return tunnel_serves(a->tunnel, a->src->addr.family);
}

static bool of_family(const struct attempt *a, const void *arg)
{
	// NOLINTNEXTLINE(clang-analyzer-core.NullDereference): as in attempt_end()
	return a->src->addr.family == *(const uint8_t *)arg;
}

// The first attempt at a tunnel that is meant.
static struct attempt *attempt_of(const struct tunnel *t,
	bool (*is_meant)(const struct attempt *a, const void *arg), const void *arg)
{
	struct attempt *a;

	TAILQ_FOREACH (a, &t->attempts, link)
		if (is_meant(a, arg))
			return a;
	return NULL;
}

static void attempt_fail(struct attempt *a, uint64_t now_us)
{
	struct source *src = a->src;

	attempt_end(a, now_us);
	race_next(src, now_us);
}

// Waits for a tunnel, which may be up for the other family.
static void attempt_wait(struct attempt *a, struct tunnel *t, uint64_t now_us)
{
	timer_cancel(t->cs->rooms.timers, &t->linger);
	a->discovery = NULL;
	a->tunnel = t;
	attempt_list(a, &t->attempts);
	amt_tunnel_want(t->amt, a->src->addr.family, now_us);
}

void race_tunnel_up(struct tunnel *t, uint64_t now_us)
{
	struct attempt *a;

	t->pins++;
	while ((a = attempt_of(t, served, NULL)))
		race_won(a->src, t, now_us);
	t->pins--;
}

void race_side_failed(struct tunnel *t, uint8_t family, uint64_t now_us)
{
	struct channels *cs = t->cs;
	struct attempt *a;

	while ((a = attempt_of(t, of_family, &family))) {
		holddown_add_for(cs->rooms.held, &t->relay, &a->src->addr, hold_no_answer,
			now_us + cs->cfg.hold_down_s * USEC_PER_SEC);
		attempt_fail(a, now_us);
	}
}

void race_tunnel_failed(struct tunnel *t, struct attempt_list *lost)
{
	struct attempt *a;

	TAILQ_INIT(lost);
	while ((a = TAILQ_FIRST(&t->attempts))) {
		a->tunnel = NULL;
		attempt_list(a, lost);
	}
}

void race_lost(struct attempt_list *lost, uint64_t now_us)
{
	struct attempt *a;

	while ((a = TAILQ_FIRST(lost)))
		attempt_fail(a, now_us);
}

void race_hurry(struct tunnel *t, uint64_t now_us)
{
	struct attempt *a;

	TAILQ_FOREACH (a, &t->attempts, link)
		timer_arm(t->cs->rooms.timers, &a->src->race->timer, now_us);
}

// Is it held down for want of this source's traffic?
static bool tunnel_is_quiet_for(const struct tunnel *t, const struct source *src, uint64_t now_us)
{
	return !src->settle && !move_forced(src) &&
	       holddown_held_for(src->cs->rooms.held, &t->relay, &src->addr, now_us, NULL, NULL);
}

// The tunnel that an Advertisement leads to; NULL with a hold on the address asked, or a reason.
static struct tunnel *advertised(
	struct discovery *d, const struct addr *relay, char *reason, size_t size, uint64_t now_us)
{
	struct channels *cs = d->cs;
	struct tunnel *t;
	char to[ADDR_STRLEN];

	if (channel_drop(cs, relay_refused(cs, relay), relay) ||
		holddown_held(cs->rooms.held, relay, now_us, NULL, NULL)) {
		// A broker that names a held relay is itself of no use for as long.
		holddown_add(cs->rooms.held, &d->addr, "advertises a relay that is held down",
			now_us + cs->cfg.hold_down_s * USEC_PER_SEC);
		return NULL;
	}
	if (TAILQ_EMPTY(&d->attempts)) // who asked has another relay
		return NULL;
	t = tunnel_find(cs, relay);
	if (!t)
		t = tunnel_open(cs, relay, TAILQ_FIRST(&d->attempts)->src->addr.family, now_us);
	if (t)
		t->discovered_from = d->addr;
	else
		snprintf(reason, size, "tunnel to %s cannot be opened: %s", addr_format(relay, to),
			strerror(errno));
	return t;
}

static void attempt_advertised(
	struct attempt *a, struct tunnel *t, const struct addr *from, uint64_t now_us)
{
	struct source *src = a->src;
	// NOLINTNEXTLINE(clang-analyzer-core.NullDereference): as in attempt_end()
	struct channels *cs = src->cs;

	if (is_here(src, t)) {
		attempt_fail(a, now_us);
	} else if (tunnel_is_quiet_for(t, src, now_us)) {
		// Asked again, the broker names the relay that was just left.
		holddown_add_for(cs->rooms.held, from, &src->addr, hold_no_traffic,
			now_us + cs->cfg.hold_down_s * USEC_PER_SEC);
		attempt_fail(a, now_us);
	} else if (tunnel_serves(t, src->addr.family)) {
		race_won(src, t, now_us);
	} else {
		attempt_wait(a, t, now_us);
	}
}

static void discovery_cb(void *arg, const struct addr *relay, uint64_t now_us)
{
	struct discovery *d = arg;
	struct channels *cs = d->cs;
	struct attempt *a;
	struct tunnel *t = NULL;
	const char *why;
	char from[ADDR_STRLEN], reason[REASON_LEN] = "";

	cs->now_us = now_us;
	hmap_remove(&cs->by_discovery, &d->node);
	if (addr_is_none(relay)) {
		log_warn_limited("channel", "relay held down relay=%s reason=\"%s\" seconds=%u",
			addr_format(&d->addr, from), hold_no_answer, cs->cfg.hold_down_s);
		holddown_add(cs->rooms.held, &d->addr, hold_no_answer,
			now_us + cs->cfg.hold_down_s * USEC_PER_SEC);
	} else {
		// It answers again: what it was held for is over.
		if (holddown_held(cs->rooms.held, &d->addr, now_us, NULL, &why) &&
			why == hold_no_answer)
			holddown_release(cs->rooms.held, &d->addr);
		t = advertised(d, relay, reason, sizeof(reason), now_us);
	}
	if (t)
		t->pins++;
	while ((a = TAILQ_FIRST(&d->attempts))) {
		if (t) {
			attempt_advertised(a, t, &d->addr, now_us);
			continue;
		}
		if (reason[0])
			// NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): as above
			source_say(&a->src->reason, "%s", reason);
		attempt_fail(a, now_us);
	}
	if (t) {
		t->pins--;
		tunnel_unused(t, now_us);
	}
	free(d);
}

static int discovery_join(struct attempt *a, const struct addr *addr, uint64_t now_us)
{
	struct channels *cs = a->src->cs;
	uint64_t hash = hmap_hash(addr, sizeof(*addr));
	struct hnode *n = hmap_find(&cs->by_discovery, hash);
	struct discovery *d = NULL;

	for (; n; n = hmap_find_next(n)) {
		d = container_of_node(n, struct discovery, node);
		if (addr_eq(&d->addr, addr))
			goto join;
	}
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->addr = *addr;
	d->cs = cs;
	d->since_us = now_us;
	TAILQ_INIT(&d->attempts);
	if (hmap_insert(&cs->by_discovery, &d->node, hash) < 0)
		goto fail;
	d->amt = amt_discovery_start(cs->rooms.amt, addr, discovery_cb, d, now_us);
	if (!d->amt) {
		hmap_remove(&cs->by_discovery, &d->node);
		goto fail;
	}
join:
	a->discovery = d;
	attempt_list(a, &d->attempts);
	return 0;

fail:
	free(d);
	return -ENOMEM;
}

void race_fini(struct channels *cs)
{
	struct hnode *n;

	while ((n = hmap_first(&cs->by_discovery))) {
		struct discovery *d = container_of_node(n, struct discovery, node);

		amt_discovery_cancel(cs->rooms.amt, d->amt);
		hmap_remove(&cs->by_discovery, &d->node);
		free(d);
	}
}

// Goes for candidate i. 0 when it is under way, 1 when that tunnel is up and the race is over, or a
// negative errno; then reason says why.
static int attempt_begin(struct source *src, unsigned int i, uint64_t now_us)
{
	struct channels *cs = src->cs;
	const struct driad_relay *relay = &src->candidates[i].relay;
	struct tunnel *t = tunnel_find(cs, &relay->addr);
	struct attempt *a;
	char text[ADDR_STRLEN], source[ADDR_STRLEN];
	int ret = 0;

	log_debug("channel", "relay tried source=%s relay=%s precedence=%u by=%s",
		addr_format(&src->addr, source), addr_format(&relay->addr, text), relay->precedence,
		src->candidates[i].origin);
	if (!src->race) {
		src->race = calloc(1, sizeof(*src->race));
		if (!src->race)
			return -ENOMEM;
		timer_init(&src->race->timer, race_cb, src);
	}
	a = src->race->attempts;
	while (a->src)
		a++;
	*a = (struct attempt){.src = src, .since_us = now_us};
	src->n_attempts++;
	if (!t && !relay->discovery_optional)
		t = tunnel_find_discovered(cs, &relay->addr);
	if (t && !addr_eq(&t->relay, &relay->addr) && tunnel_is_quiet_for(t, src, now_us))
		t = NULL; // the broker may name another relay now
	if (t && is_here(src, t)) {
		attempt_end(a, now_us);
		return -EALREADY;
	}
	if (t && tunnel_serves(t, src->addr.family)) {
		race_won(src, t, now_us);
		return 1;
	}
	if (!t && !relay->discovery_optional) {
		ret = discovery_join(a, &relay->addr, now_us);
	} else if (!t) {
		t = tunnel_open(cs, &relay->addr, src->addr.family, now_us);
		ret = t ? 0 : -errno;
	}
	if (ret < 0) {
		source_say(&src->reason, "tunnel to %s cannot be opened: %s",
			addr_format(&relay->addr, text), strerror(-ret));
		attempt_end(a, now_us);
	} else if (t) {
		attempt_wait(a, t, now_us);
	}
	return ret;
}

// When the one after candidate i begins, if i has not answered by then.
static void race_arm(struct source *src, unsigned int i, uint64_t now_us)
{
	const struct channel_cfg *cfg = &src->cs->cfg;
	int next = source_untried(src, now_us);
	uint32_t ms = cfg->race_delay_ms;

	// Precedence is the sender's word; the order of the methods is only ours.
	if (next >= 0 && src->candidates[next].rank == src->candidates[i].rank &&
		src->candidates[next].relay.precedence != src->candidates[i].relay.precedence)
		ms = cfg->race_next_ms;
	if (ms > 0 && (next >= 0 || source_has_more(src)))
		timer_arm(src->cs->rooms.timers, &src->race->timer, now_us + ms * USEC_PER_MSEC);
	else
		timer_cancel(src->cs->rooms.timers, &src->race->timer);
}

void race_next(struct source *src, uint64_t now_us)
{
	int i;

	while (src->n_attempts < RACE_MAX) {
		int ret;

		i = source_untried(src, now_us);
		if (i < 0) {
			source_exhausted(src, now_us);
			return;
		}
		src->candidates[i].tried = true;
		ret = attempt_begin(src, (unsigned int)i, now_us);
		if (ret == 1)
			return;
		if (ret == 0) {
			if (!move_seeks(src))
				src->state = SOURCE_RACING;
			race_arm(src, (unsigned int)i, now_us);
			return;
		}
	}
}

void race_cb(struct timer *timer, void *arg, uint64_t now_us)
{
	struct source *src = arg;

	(void)timer;
	src->cs->now_us = now_us;
	if (src->state == SOURCE_RACING || move_seeks(src))
		race_next(src, now_us);
}
