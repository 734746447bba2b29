// SPDX-License-Identifier: BSD-3-Clause
// Sources: from an address to a relay that serves it. Candidates are the static relays of the
// configuration, then what DNS says (RFC 8777); the first that is not held down is tried, and when
// it fails the next one.
#include "channel/channel_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void retry_cb(struct timer *timer, void *arg, uint64_t now_us);
static void source_try(struct source *src, uint64_t now_us);

struct source *source_find(const struct channels *cs, const struct addr *a)
{
	struct hnode *n = hmap_find(&cs->by_source, hmap_hash(a, sizeof(*a)));

	for (; n; n = hmap_find_next(n)) {
		struct source *src = container_of_node(n, struct source, node);

		if (addr_eq(&src->addr, a))
			return src;
	}
	return NULL;
}

struct source *source_create(struct channels *cs, const struct addr *a)
{
	struct source *src = calloc(1, sizeof(*src));

	if (!src)
		return NULL;
	src->candidates = calloc(MAX_CANDIDATES, sizeof(*src->candidates));
	if (!src->candidates ||
		hmap_insert(&cs->by_source, &src->node, hmap_hash(a, sizeof(*a))) < 0) {
		free(src->candidates);
		free(src);
		return NULL;
	}
	src->addr = *a;
	src->cs = cs;
	src->state = SOURCE_WAITING;
	TAILQ_INIT(&src->channels);
	timer_init(&src->retry, retry_cb, src);
	timer_init(&src->health, health_cb, src);
	return src;
}

static void discovery_leave(struct source *src)
{
	struct discovery *d = src->discovery;
	struct channels *cs = src->cs;

	src->discovery = NULL;
	TAILQ_REMOVE(&d->sources, src, in_discovery);
	if (!TAILQ_EMPTY(&d->sources))
		return;
	amt_discovery_cancel(cs->rooms.amt, d->amt);
	hmap_remove(&cs->by_discovery, &d->node);
	free(d);
}

void source_destroy(struct source *src, uint64_t now_us)
{
	struct channels *cs = src->cs;

	timer_cancel(cs->rooms.timers, &src->retry);
	if (src->lookup)
		driad_lookup_cancel(cs->rooms.driad, src->lookup);
	if (src->discovery)
		discovery_leave(src);
	if (src->tunnel)
		tunnel_detach(src->tunnel, src, now_us);
	hmap_remove(&cs->by_source, &src->node);
	free(src->candidates);
	free(src);
}

static void source_wait(struct source *src, uint64_t due_us)
{
	src->state = SOURCE_WAITING;
	timer_arm(src->cs->rooms.timers, &src->retry, due_us);
}

static uint64_t backoff_us(struct source *src)
{
	const struct channel_cfg *cfg = &src->cs->cfg;

	return rng_backoff(src->cs->rooms.rng, cfg->retry_initial_ms * USEC_PER_MSEC,
		cfg->retry_max_s * USEC_PER_SEC, src->retries++);
}

static void add_candidate(struct source *src, const struct driad_relay *relay, const char *origin)
{
	for (unsigned int i = 0; i < src->n_candidates; i++)
		if (addr_eq(&src->candidates[i].relay.addr, &relay->addr))
			return;
	if (src->n_candidates == MAX_CANDIDATES)
		return;
	src->candidates[src->n_candidates++] =
		(struct candidate){.relay = *relay, .origin = origin};
}

static void add_static(struct source *src)
{
	const struct channel_cfg *cfg = &src->cs->cfg;
	unsigned int n = 0;

	for (unsigned int i = 0; i < cfg->n_static_relays; i++) {
		const struct config_static_relay *s = &cfg->static_relays[i];
		struct driad_relay relay = {
			.addr = s->relay,
			.precedence = s->precedence,
			.discovery_optional = !s->discovery,
		};
		struct candidate c;
		unsigned int at;

		if (!prefix_match(&s->sources, &src->addr))
			continue;
		add_candidate(src, &relay, "static");
		if (src->n_candidates == n)
			continue;
		// Kept by precedence; equal ones in the order of the file.
		c = src->candidates[n];
		for (at = n;
			at > 0 && src->candidates[at - 1].relay.precedence > c.relay.precedence;
			at--)
			src->candidates[at] = src->candidates[at - 1];
		src->candidates[at] = c;
		n = src->n_candidates;
	}
}

// An answer for a source that has a relay already.
static void lookup_attached(struct source *src, const struct driad_result *result, uint64_t now_us)
{
	if (result->status != DRIAD_OK)
		return;
	src->expires_us = now_us + result->ttl_s * USEC_PER_SEC;
	src->n_candidates = 0;
	add_static(src);
	for (unsigned int i = 0; i < result->n_relays; i++)
		add_candidate(src, &result->relays[i], "driad");
	// Packets may have come meanwhile.
	if (src->flowing || !source_has_other(src, now_us))
		return;
	source_leave(src, now_us);
	source_search(src, now_us);
}

static void lookup_cb(void *arg, const struct driad_result *result, uint64_t now_us)
{
	struct source *src = arg;
	uint64_t wait_us;

	src->lookup = NULL;
	if (src->state == SOURCE_ATTACHED) {
		lookup_attached(src, result, now_us);
		return;
	}
	if (result->status == DRIAD_OK) {
		src->expires_us = now_us + result->ttl_s * USEC_PER_SEC;
		for (unsigned int i = 0; i < result->n_relays; i++)
			add_candidate(src, &result->relays[i], "driad");
	} else if (src->n_candidates == 0) {
		snprintf(src->reason, sizeof(src->reason), "DNS: %s%s%s",
			driad_status_name(result->status), result->detail[0] ? ": " : "",
			result->detail);
		wait_us = backoff_us(src);
		if (result->ttl_s * USEC_PER_SEC > wait_us)
			wait_us = result->ttl_s * USEC_PER_SEC;
		source_wait(src, now_us + wait_us);
		return;
	}
	source_try(src, now_us);
}

static void source_ask(struct source *src, uint64_t now_us)
{
	src->asked_dns = true;
	src->expires_us = now_us; // until an answer brings a TTL
	src->state = SOURCE_RESOLVING;
	src->lookup = driad_lookup_start(src->cs->rooms.driad, &src->addr, lookup_cb, src, now_us);
	if (!src->lookup) {
		snprintf(src->reason, sizeof(src->reason), "out of memory");
		source_wait(src, now_us + backoff_us(src));
	}
}

void source_refresh(struct source *src, uint64_t now_us)
{
	if (src->lookup || (src->asked_dns && now_us < src->expires_us))
		return;
	src->asked_dns = true;
	src->lookup = driad_lookup_start(src->cs->rooms.driad, &src->addr, lookup_cb, src, now_us);
}

void source_leave(struct source *src, uint64_t now_us)
{
	struct channels *cs = src->cs;
	bool outer = cs->batching;
	struct channel *ch;

	if (!outer)
		channels_batch_begin(cs);
	tunnel_detach(src->tunnel, src, now_us);
	if (!outer)
		channels_batch_end(cs, now_us);
	TAILQ_FOREACH (ch, &src->channels, in_source)
		channel_restart(cs, ch);
	src->state = SOURCE_WAITING;
}

void source_search(struct source *src, uint64_t now_us)
{
	if (src->lookup) // begun while it was attached
		driad_lookup_cancel(src->cs->rooms.driad, src->lookup);
	src->lookup = NULL;
	if (src->asked_dns && now_us >= src->expires_us) {
		src->asked_dns = false;
		src->n_candidates = 0;
	}
	if (src->n_candidates == 0)
		add_static(src);
	if (src->n_candidates > 0)
		source_try(src, now_us);
	else
		source_ask(src, now_us);
}

// Is it held down for want of this source's traffic?
static bool tunnel_is_quiet_for(const struct tunnel *t, const struct source *src, uint64_t now_us)
{
	return !src->settle &&
	       holddown_held_for(src->cs->rooms.held, &t->relay, &src->addr, now_us, NULL, NULL);
}

static void discovery_cb(void *arg, const struct addr *relay, uint64_t now_us)
{
	struct discovery *d = arg;
	struct channels *cs = d->cs;
	struct source *src;
	struct tunnel *t = NULL;
	const char *why;
	char from[ADDR_STRLEN], to[ADDR_STRLEN];

	hmap_remove(&cs->by_discovery, &d->node);
	if (addr_is_none(relay)) {
		log_warn("channel", "relay held down relay=%s reason=\"%s\" seconds=%u",
			addr_format(&d->addr, from), hold_no_answer, cs->cfg.hold_down_s);
		holddown_add(cs->rooms.held, &d->addr, hold_no_answer,
			now_us + cs->cfg.hold_down_s * USEC_PER_SEC);
	} else {
		// It answers again: what it was held for is over.
		if (holddown_held(cs->rooms.held, &d->addr, now_us, NULL, &why) &&
			why == hold_no_answer)
			holddown_release(cs->rooms.held, &d->addr);
		if (!cs->env.is_local(cs->env.ctx, relay) &&
			!holddown_held(cs->rooms.held, relay, now_us, NULL, NULL)) {
			t = tunnel_find(cs, relay);
			if (!t)
				t = tunnel_open(cs, relay, now_us);
			if (t)
				t->discovered_from = d->addr;
		} else {
			// A broker that names a held relay is itself of no use for as long.
			holddown_add(cs->rooms.held, &d->addr,
				"advertises a relay that is held down",
				now_us + cs->cfg.hold_down_s * USEC_PER_SEC);
		}
	}
	while ((src = TAILQ_FIRST(&d->sources))) {
		TAILQ_REMOVE(&d->sources, src, in_discovery);
		src->discovery = NULL;
		if (t && tunnel_is_quiet_for(t, src, now_us)) {
			// Asked again, the broker names the relay that was just left.
			holddown_add_for(cs->rooms.held, &d->addr, &src->addr, hold_no_traffic,
				now_us + cs->cfg.hold_down_s * USEC_PER_SEC);
			source_try(src, now_us);
		} else if (t) {
			tunnel_attach(t, src, now_us);
		} else if (holddown_held(cs->rooms.held, &d->addr, now_us, NULL, NULL)) {
			source_try(src, now_us);
		} else {
			snprintf(src->reason, sizeof(src->reason),
				"tunnel to %s cannot be opened: %s", addr_format(relay, to),
				strerror(errno));
			source_wait(src, now_us + backoff_us(src));
		}
	}
	free(d);
}

static int discovery_join(struct source *src, const struct addr *addr, uint64_t now_us)
{
	struct channels *cs = src->cs;
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
	TAILQ_INIT(&d->sources);
	if (hmap_insert(&cs->by_discovery, &d->node, hash) < 0)
		goto fail;
	d->amt = amt_discovery_start(cs->rooms.amt, addr, discovery_cb, d, now_us);
	if (!d->amt) {
		hmap_remove(&cs->by_discovery, &d->node);
		goto fail;
	}
join:
	src->state = SOURCE_DISCOVERING;
	src->last_resort = false;
	src->discovery = d;
	TAILQ_INSERT_TAIL(&d->sources, src, in_discovery);
	return 0;

fail:
	free(d);
	return -ENOMEM;
}

// Goes for candidate i. False when it cannot even be begun; then reason says why.
static bool source_go(struct source *src, unsigned int i, uint64_t now_us)
{
	struct channels *cs = src->cs;
	const struct driad_relay *relay = &src->candidates[i].relay;
	struct tunnel *t;
	char text[ADDR_STRLEN];
	int err = 0;

	src->current = i;
	t = tunnel_find(cs, &relay->addr);
	if (!t && !relay->discovery_optional)
		t = tunnel_find_discovered(cs, &relay->addr);
	if (t && !addr_eq(&t->relay, &relay->addr) && tunnel_is_quiet_for(t, src, now_us))
		t = NULL; // the broker may name another relay now
	if (!t && !relay->discovery_optional) {
		err = discovery_join(src, &relay->addr, now_us);
		if (err == 0)
			return true;
	} else if (!t) {
		t = tunnel_open(cs, &relay->addr, now_us);
		err = t ? 0 : -errno;
	}
	if (t) {
		tunnel_attach(t, src, now_us);
		return true;
	}
	snprintf(src->reason, sizeof(src->reason), "tunnel to %s cannot be opened: %s",
		addr_format(&relay->addr, text), strerror(-err));
	return false;
}

static bool candidate_usable(struct source *src, unsigned int i, uint64_t now_us)
{
	struct channels *cs = src->cs;
	const struct addr *a = &src->candidates[i].relay.addr;
	const char *why;

	if (a->family != ADDR_V4 || cs->env.is_local(cs->env.ctx, a))
		return false;
	if (!holddown_held_for(cs->rooms.held, a, &src->addr, now_us, NULL, &why))
		return true;
	return (src->last_resort && why == hold_no_answer) ||
	       (src->settle && why == hold_no_traffic);
}

bool source_has_other(struct source *src, uint64_t now_us)
{
	const struct tunnel *t = src->tunnel;

	for (unsigned int i = 0; i < src->n_candidates; i++) {
		const struct addr *a = &src->candidates[i].relay.addr;

		if (!addr_eq(a, &t->relay) && !addr_eq(a, &t->discovered_from) &&
			candidate_usable(src, i, now_us))
			return true;
	}
	return false;
}

// One sentence for a source none of whose candidates can be used.
static void explain_none(struct source *src, uint64_t now_us)
{
	const struct addr *a = &src->candidates[0].relay.addr;
	char text[ADDR_STRLEN];
	const char *why = "cannot be a relay for this box (its own address, or not IPv4)";

	holddown_held_for(src->cs->rooms.held, a, &src->addr, now_us, NULL, &why);
	if (src->n_candidates == 1)
		snprintf(src->reason, sizeof(src->reason), "relay %s: %s", addr_format(a, text),
			why);
	else
		snprintf(src->reason, sizeof(src->reason),
			"none of %u relays can be used now; the first, %s: %s", src->n_candidates,
			addr_format(a, text), why);
}

// The number that could be used but not begun with; UINT_MAX when one is under way.
static unsigned int try_candidates(struct source *src, uint64_t now_us)
{
	unsigned int usable = 0;

	for (unsigned int i = 0; i < src->n_candidates; i++) {
		if (!candidate_usable(src, i, now_us))
			continue;
		usable++;
		if (source_go(src, i, now_us))
			return UINT_MAX;
	}
	return usable;
}

static void source_try(struct source *src, uint64_t now_us)
{
	unsigned int usable = try_candidates(src, now_us);

	if (usable == UINT_MAX)
		return;
	if (!src->asked_dns) { // only static ones so far
		source_ask(src, now_us);
		return;
	}
	if (usable == 0 && !src->settle) {
		src->settle = true;
		usable = try_candidates(src, now_us);
		if (usable == UINT_MAX)
			return;
	}
	if (usable == 0)
		explain_none(src, now_us);
	source_wait(src, now_us + backoff_us(src));
}

static void retry_cb(struct timer *timer, void *arg, uint64_t now_us)
{
	struct source *src = arg;

	(void)timer;
	src->last_resort = true;
	source_search(src, now_us);
}

void channels_addr_added(struct channels *cs, uint64_t now_us)
{
	struct hnode *n, *tmp;

	// A search does not touch the map of sources, so it may be walked meanwhile.
	HMAP_FOREACH (n, tmp, &cs->by_source) {
		struct source *src = container_of_node(n, struct source, node);

		if (src->state == SOURCE_WAITING) {
			timer_cancel(cs->rooms.timers, &src->retry);
			src->retries = 0;
			source_search(src, now_us);
		}
	}
}
