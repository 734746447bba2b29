// SPDX-License-Identifier: BSD-3-Clause
// Tunnels: one a relay, shared by all sources that the relay serves, and its further endpoints.
#include "channel/channel_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

const char hold_no_answer[] = "no answer";
static const char hold_full[] = "relay is full (L flag)";
static const char hold_addr_gone[] = "local address gone";

struct tunnel *tunnel_find(const struct channels *cs, const struct addr *relay)
{
	struct hnode *n = hmap_find(&cs->by_relay, hmap_hash(relay, sizeof(*relay)));

	for (; n; n = hmap_find_next(n)) {
		struct tunnel *t = container_of_node(n, struct tunnel, node);

		if (addr_eq(&t->relay, relay))
			return t;
	}
	return NULL;
}

struct tunnel *tunnel_find_discovered(const struct channels *cs, const struct addr *from)
{
	struct hnode *n, *tmp;

	HMAP_FOREACH (n, tmp, &cs->by_relay) {
		struct tunnel *t = container_of_node(n, struct tunnel, node);

		if (addr_eq(&t->discovered_from, from))
			return t;
	}
	return NULL;
}

static void linger_cb(struct timer *timer, void *arg, uint64_t now_us)
{
	(void)timer;
	tunnel_close(arg, now_us);
}

// first: NULL for the first endpoint, else index is that of the further one.
static struct tunnel *open_endpoint(struct channels *cs, const struct addr *relay, uint8_t family,
	struct tunnel *first, unsigned int index, uint64_t now_us)
{
	struct tunnel *t;
	int err;

	if (cs->by_relay.count + cs->n_further >= cs->cfg.max_tunnels) {
		channel_drop(cs, CHANNEL_DROP_TUNNELS_LIMIT, relay);
		errno = ENOSPC;
		return NULL;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->cs = cs;
	t->relay = *relay;
	t->first = first;
	t->index = index;
	TAILQ_INIT(&t->sources);
	TAILQ_INIT(&t->attempts);
	timer_init(&t->linger, linger_cb, t);
	t->endpoint = cs->env.endpoint_open(cs->env.ctx, relay, index, &t->local, &t->local_port);
	if (!t->endpoint)
		goto fail;
	t->mfib = mfib_tunnel_add(cs->rooms.mfib, relay, &t->local, t->local_port);
	if (!t->mfib)
		goto close_endpoint;
	mfib_tunnel_own(t->mfib, t);
	if (!first && hmap_insert(&cs->by_relay, &t->node, hmap_hash(relay, sizeof(*relay))) < 0) {
		errno = ENOMEM;
		goto drop_mfib;
	}
	t->amt = amt_tunnel_open_for(cs->rooms.amt, relay, family, t, t->endpoint, now_us);
	if (!t->amt) {
		errno = ENOMEM;
		goto unmap;
	}
	return t;

unmap:
	if (!first)
		hmap_remove(&cs->by_relay, &t->node);
drop_mfib:
	err = errno;
	mfib_tunnel_del(cs->rooms.mfib, t->mfib);
	errno = err;
close_endpoint:
	err = errno;
	cs->env.endpoint_close(cs->env.ctx, t->endpoint);
	errno = err;
fail:
	err = errno;
	free(t);
	errno = err;
	return NULL;
}

struct tunnel *tunnel_open(
	struct channels *cs, const struct addr *relay, uint8_t family, uint64_t now_us)
{
	return open_endpoint(cs, relay, family, NULL, 0, now_us);
}

struct tunnel *tunnel_open_further(
	struct tunnel *first, unsigned int index, uint8_t family, uint64_t now_us)
{
	struct tunnel *t = open_endpoint(first->cs, &first->relay, family, first, index, now_us);

	if (!t)
		return NULL;
	first->further->at[index] = t;
	first->cs->n_further++;
	return t;
}

void tunnel_unused(struct tunnel *t, uint64_t now_us)
{
	if (t->pins > 0 || !TAILQ_EMPTY(&t->sources) || !TAILQ_EMPTY(&t->attempts))
		return;
	if (!tunnel_is_up(t))
		tunnel_close(t, now_us);
	else if (!timer_armed(&t->linger))
		timer_arm(t->cs->rooms.timers, &t->linger,
			now_us + t->cs->cfg.linger_s * USEC_PER_SEC);
}

void tunnel_close(struct tunnel *t, uint64_t now_us)
{
	struct channels *cs = t->cs;

	for (unsigned int i = 1; t->further && i < CHANNEL_MAX_ENDPOINTS; i++)
		if (t->further->at[i])
			tunnel_close(t->further->at[i], now_us);
	timer_cancel(cs->rooms.timers, &t->linger);
	if (t->in_batch) {
		TAILQ_REMOVE(&cs->batch, t, in_batch_list);
		amt_tunnel_batch_end(t->amt, now_us);
	}
	amt_tunnel_close(t->amt, now_us);
	if (t->first) {
		t->first->further->at[t->index] = NULL;
		cs->n_further--;
	} else {
		hmap_remove(&cs->by_relay, &t->node);
	}
	mfib_tunnel_del(cs->rooms.mfib, t->mfib);
	cs->env.endpoint_close(cs->env.ctx, t->endpoint);
	free(t->further);
	free(t);
}

void tunnel_batch(struct tunnel *t)
{
	struct channels *cs = t->cs;

	if (!cs->batching || t->in_batch)
		return;
	t->in_batch = true;
	TAILQ_INSERT_TAIL(&cs->batch, t, in_batch_list);
	amt_tunnel_batch_begin(t->amt);
}

bool tunnel_is_up(const struct tunnel *t)
{
	struct amt_tunnel_view v;

	amt_tunnel_view(t->amt, &v);
	return v.state == AMT_UP;
}

bool tunnel_serves(const struct tunnel *t, uint8_t family)
{
	return amt_tunnel_side(t->amt, family) == AMT_UP;
}

void tunnel_join(struct tunnel *t, struct channel *ch, uint64_t now_us)
{
	struct channels *cs = t->cs;
	struct sg sg = channel_sg(ch);
	char text[SG_STRLEN];

	// The entry first: the packet that the Update asks for may be back before send() returns.
	ch->mfib = mfib_channel_add(cs->rooms.mfib, t->mfib, &sg, channel_sent_to(ch));
	if (!ch->mfib) {
		log_warn_limited("channel", "forwarding entry refused %s errno=%d",
			sg_format(&sg, text), errno);
		return;
	}
	t->n_channels++;
	timer_cancel(cs->rooms.timers, &t->linger);
	tunnel_batch(t);
	if (amt_tunnel_join(t->amt, &sg, now_us) < 0) {
		channel_unforward(cs, ch);
		log_warn_limited("channel", "join refused %s", sg_format(&sg, text));
		return;
	}
	if (tunnel_serves(t, channel_family(ch)))
		ch->joined_us = now_us;
}

void tunnel_leave(struct channel *ch, uint64_t now_us)
{
	struct tunnel *t = channel_tunnel(ch);
	struct sg sg = channel_sg(ch);

	tunnel_batch(t);
	amt_tunnel_leave(t->amt, &sg, now_us);
	channel_unforward(t->cs, ch);
	if (t->first && t->n_channels == 0)
		timer_arm(t->cs->rooms.timers, &t->linger,
			now_us + t->cs->cfg.linger_s * USEC_PER_SEC);
}

void tunnel_attach(struct tunnel *t, struct source *src, uint64_t now_us)
{
	bool outer = t->cs->batching;
	struct channel *ch;
	char s[ADDR_STRLEN], r[ADDR_STRLEN];

	log_debug("channel", "relay chosen source=%s relay=%s", addr_format(&src->addr, s),
		addr_format(&t->relay, r));
	timer_cancel(t->cs->rooms.timers, &t->linger);
	src->tunnel = t;
	src->state = SOURCE_ATTACHED;
	source_say_nothing(&src->reason);
	TAILQ_INSERT_TAIL(&t->sources, src, in_tunnel);
	src->last_resort = false;
	src->settle = false;
	// In an outer batch the outer end sends the reports.
	if (!outer)
		channels_batch_begin(t->cs);
	CHANNEL_FOREACH (ch, src)
		tunnel_join(endpoint_for(t, ch, now_us), ch, now_us);
	if (!outer)
		channels_batch_end(t->cs, now_us);
	if (tunnel_serves(t, src->addr.family))
		health_begin(src, now_us);
	renew_begin(src, now_us);
}

void tunnel_detach(struct tunnel *t, struct source *src, uint64_t now_us)
{
	struct channel *ch;

	health_end(src);
	CHANNEL_FOREACH (ch, src)
		if (ch->mfib)
			tunnel_leave(ch, now_us);
	TAILQ_REMOVE(&t->sources, src, in_tunnel);
	src->tunnel = NULL;
	if (TAILQ_EMPTY(&t->sources) && t->pins == 0)
		timer_arm(t->cs->rooms.timers, &t->linger,
			now_us + t->cs->cfg.linger_s * USEC_PER_SEC);
}

// Moves the sources off a tunnel that is about to close, without a word to the relay.
static void tunnel_abandon(struct tunnel *t, struct source_list *moved)
{
	struct source *src;
	struct channel *ch;

	TAILQ_INIT(moved);
	while ((src = TAILQ_FIRST(&t->sources))) {
		TAILQ_REMOVE(&t->sources, src, in_tunnel);
		CHANNEL_FOREACH (ch, src)
			channel_restart(t->cs, ch);
		health_end(src);
		src->tunnel = NULL;
		src->state = SOURCE_WAITING;
		TAILQ_INSERT_TAIL(moved, src, in_tunnel);
	}
}

void tunnel_fail(struct tunnel *t, const char *reason, uint32_t hold_s, uint64_t now_us)
{
	struct channels *cs = t->cs;
	uint64_t until = now_us + hold_s * USEC_PER_SEC;
	struct attempt_list lost;
	struct source_list moved;
	struct source *src;
	char r[ADDR_STRLEN];

	if (hold_s) {
		log_warn("channel", "relay held down relay=%s reason=\"%s\" seconds=%u",
			addr_format(&t->relay, r), reason, hold_s);
		// The relay alone: behind a broker another Discovery may lead to another one.
		holddown_add(cs->rooms.held, &t->relay, reason, until);
	}
	t->pins++;
	moves_tunnel_gone(t, reason, now_us);
	t->pins--;
	tunnel_abandon(t, &moved);
	race_tunnel_failed(t, &lost);
	tunnel_close(t, now_us);
	while ((src = TAILQ_FIRST(&moved))) {
		TAILQ_REMOVE(&moved, src, in_tunnel);
		source_search(src, now_us);
	}
	race_lost(&lost, now_us);
}

// The first Query of a family.
static void tunnel_came_up(struct tunnel *t, uint64_t now_us)
{
	struct source *src;
	struct channel *ch;

	TAILQ_FOREACH (src, &t->sources, in_tunnel) {
		if (!tunnel_serves(t, src->addr.family) || timer_armed(&src->health))
			continue;
		CHANNEL_FOREACH (ch, src)
			if (channel_tunnel(ch) == t && !ch->joined_us)
				ch->joined_us = now_us;
		health_begin(src, now_us);
	}
	t->icmp_error = 0;
	holddown_release(t->cs->rooms.held, &t->relay); // a last resort that works
	race_tunnel_up(t, now_us);
}

// The relay asks for no more, and may be about to go: what it serves moves, where it can.
static void tunnel_limit(struct tunnel *t, uint64_t now_us)
{
	struct source *src;

	TAILQ_FOREACH (src, &t->sources, in_tunnel)
		(void)move_begin(src, NULL, "L flag", 0, now_us);
}

// The relay does not answer for the channels of a family. Sources of it go elsewhere where they
// can; the others stay, for the engine asks again now and then.
static void side_failed(struct tunnel *t, uint8_t family, uint64_t now_us)
{
	struct channels *cs = t->cs;
	uint64_t until = now_us + cs->cfg.hold_down_s * USEC_PER_SEC;
	struct source *src, *next;
	char r[ADDR_STRLEN];

	log_warn("channel", "relay does not serve IPv%u channels relay=%s", family,
		addr_format(&t->relay, r));
	t->pins++;
	race_side_failed(t, family, now_us);
	for (src = TAILQ_FIRST(&t->sources); src; src = next) {
		next = TAILQ_NEXT(src, in_tunnel);
		if (src->addr.family != family || !source_has_other(src, now_us))
			continue;
		holddown_add_for(cs->rooms.held, &t->relay, &src->addr, hold_no_answer, until);
		source_leave(src, now_us);
		source_search(src, now_us);
	}
	t->pins--;
	tunnel_unused(t, now_us);
}

static void sides_failed(struct tunnel *t, uint64_t now_us)
{
	static const uint8_t families[] = {ADDR_V4, ADDR_V6};
	bool failed[2];

	for (int i = 0; i < 2; i++)
		failed[i] = amt_tunnel_side(t->amt, families[i]) == AMT_FAILED;
	// One at most: the tunnel would have failed with both.
	if (failed[0] || failed[1])
		side_failed(t, families[!failed[0]], now_us);
}

void channels_tunnel_event(
	struct channels *cs, struct amt_tunnel *at, enum amt_event ev, uint64_t now_us)
{
	struct tunnel *t = amt_tunnel_owner(at);

	cs->now_us = now_us;
	switch (ev) {
	case AMT_EV_UP:
		if (t->first)
			endpoint_up(t, now_us);
		else
			tunnel_came_up(t, now_us);
		break;
	case AMT_EV_DOWN:
		if (t->first)
			endpoint_fail(t, hold_no_answer, now_us);
		else
			tunnel_fail(t, hold_no_answer, cs->cfg.hold_down_s, now_us);
		break;
	case AMT_EV_FULL:
		if (t->first)
			endpoint_fail(t, hold_full, now_us);
		else
			tunnel_fail(t, hold_full, cs->cfg.full_hold_down_s, now_us);
		break;
	case AMT_EV_LIMIT:
		tunnel_limit(t->first ? t->first : t, now_us);
		break;
	case AMT_EV_ENDPOINT: // the engine has told the relay; nothing here depends on it
		break;
	case AMT_EV_SIDE_UP:
		if (t->first)
			endpoint_up(t, now_us);
		else
			tunnel_came_up(t, now_us);
		break;
	case AMT_EV_SIDE_DOWN:
		if (t->first)
			endpoint_fail(t, hold_no_answer, now_us);
		else
			sides_failed(t, now_us);
		break;
	}
}

void channels_tunnel_error(struct channels *cs, struct amt_tunnel *at, int err, uint64_t now_us)
{
	struct tunnel *t = amt_tunnel_owner(at);

	(void)cs;
	// RFC 7450 section 5.2.3.9: while a Query is waited for, the back-off goes on; a tunnel
	// that was up asks again at once. Either way the error is kept, to be shown.
	if (tunnel_is_up(t)) {
		if (t->icmp_error != err)
			amt_tunnel_refresh(t->amt, now_us);
	} else {
		race_hurry(t, now_us);
	}
	t->icmp_error = err;
}

void channels_addr_gone(struct channels *cs, const struct addr *local, uint64_t now_us)
{
	struct tunnel_list gone = TAILQ_HEAD_INITIALIZER(gone);
	struct hnode *n, *tmp;
	struct tunnel *t;

	// Collected first: a source that moves may open a tunnel while the map is walked. The batch
	// link is free to use, for no batch is open here. A further endpoint's channels only move
	// to the first one.
	HMAP_FOREACH (n, tmp, &cs->by_relay) {
		t = container_of_node(n, struct tunnel, node);
		if (addr_eq(&t->local, local)) {
			TAILQ_INSERT_TAIL(&gone, t, in_batch_list);
			t->pins++;
			continue;
		}
		for (unsigned int i = 1; t->further && i < CHANNEL_MAX_ENDPOINTS; i++)
			if (t->further->at[i] && addr_eq(&t->further->at[i]->local, local))
				endpoint_fail(t->further->at[i], hold_addr_gone, now_us);
	}
	while ((t = TAILQ_FIRST(&gone))) {
		TAILQ_REMOVE(&gone, t, in_batch_list);
		t->pins--;
		tunnel_fail(t, hold_addr_gone, 0, now_us);
	}
}
