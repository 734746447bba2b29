// SPDX-License-Identifier: BSD-3-Clause
// Sources: from an address to a relay that serves it. Candidates are the static relays of the
// configuration, then what the methods of discovery find, one method after the other (RFC 8777
// section 3.1.2); they are raced in that order (race.c).
#include "channel/channel_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void retry_cb(struct timer *timer, void *arg, uint64_t now_us);

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
	struct source *src = slab_get(&cs->source_slab);

	if (!src)
		return NULL;
	if (hmap_insert(&cs->by_source, &src->node, hmap_hash(a, sizeof(*a))) < 0) {
		slab_put(&cs->source_slab, src);
		return NULL;
	}
	src->addr = *a;
	src->cs = cs;
	src->asker = cs->asker;
	src->state = SOURCE_WAITING;
	src->expires_us = NEVER_US;
	timer_init(&src->retry, retry_cb, src);
	timer_init(&src->health, health_cb, src);
	timer_init(&src->renew, renew_cb, src);
	return src;
}

void source_destroy(struct source *src, uint64_t now_us)
{
	struct channels *cs = src->cs;

	if (src->move)
		move_stop(src->move, now_us);
	timer_cancel(cs->rooms.timers, &src->retry);
	timer_cancel(cs->rooms.timers, &src->renew);
	discover_cancel(src);
	race_end(src, now_us);
	if (src->tunnel)
		tunnel_detach(src->tunnel, src, now_us);
	hmap_remove(&cs->by_source, &src->node);
	source_say_nothing(&src->reason);
	source_say_nothing(&src->dns_said);
	free(src->candidates);
	slab_put(&cs->source_slab, src);
}

void source_say(char **text, const char *fmt, ...)
{
	char *before = *text; // which may be part of it
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(text, fmt, ap) < 0)
		*text = NULL;
	va_end(ap);
	free(before);
}

void source_say_nothing(char **text)
{
	free(*text);
	*text = NULL;
}

static void source_wait(struct source *src, uint64_t due_us)
{
	src->state = SOURCE_WAITING;
	race_rest(src);
	timer_arm(src->cs->rooms.timers, &src->retry, due_us);
}

static uint64_t backoff_us(struct source *src)
{
	const struct channel_cfg *cfg = &src->cs->cfg;

	return rng_backoff(src->cs->rooms.rng, cfg->retry_initial_ms * USEC_PER_MSEC,
		cfg->retry_max_s * USEC_PER_SEC, src->retries++);
}

// Room for one more: most sources have one or two, and there are very many sources.
static bool candidates_grow(struct source *src)
{
	unsigned int room = src->candidates_room ? 2 * src->candidates_room : 1;
	struct candidate *c;

	if (src->n_candidates < src->candidates_room)
		return true;
	if (room > MAX_CANDIDATES)
		room = MAX_CANDIDATES;
	c = src->n_candidates < room ? realloc(src->candidates, room * sizeof(*c)) : NULL;
	if (!c)
		return false;
	src->candidates = c;
	src->candidates_room = room;
	return true;
}

// After those of no higher rank and precedence; equal ones stay in the order that they came in.
void source_candidate(
	struct source *src, const struct driad_relay *relay, const char *origin, unsigned int rank)
{
	struct candidate *c;
	unsigned int at;

	for (unsigned int i = 0; i < src->n_candidates; i++)
		if (addr_eq(&src->candidates[i].relay.addr, &relay->addr))
			return;
	if (!candidates_grow(src))
		return;
	c = src->candidates;
	// It stays in the list, to be shown with its reason.
	channel_drop(src->cs, relay_refused(src->cs, &relay->addr), &relay->addr);
	for (at = src->n_candidates++; at > 0; at--) {
		if (c[at - 1].rank < rank ||
			(c[at - 1].rank == rank && c[at - 1].relay.precedence <= relay->precedence))
			break;
		c[at] = c[at - 1];
	}
	c[at] = (struct candidate){.relay = *relay, .origin = origin, .rank = rank};
}

static bool named_alike(
	const struct source *src, unsigned int rank, const struct driad_relay *relay)
{
	for (unsigned int i = 0; i < src->n_candidates; i++) {
		const struct candidate *c = &src->candidates[i];

		if (c->rank == rank && addr_eq(&c->relay.addr, &relay->addr))
			return c->relay.precedence == relay->precedence &&
			       c->relay.discovery_optional == relay->discovery_optional;
	}
	return false;
}

static bool has_changed(const struct source *src, unsigned int rank,
	const struct driad_relay *relays, unsigned int n)
{
	unsigned int before = 0;

	for (unsigned int i = 0; i < src->n_candidates; i++)
		before += src->candidates[i].rank == rank;
	for (unsigned int i = 0; i < n; i++)
		if (!named_alike(src, rank, &relays[i]))
			return true;
	return before != n;
}

bool source_candidates_replace(struct source *src, unsigned int rank,
	const struct driad_relay *relays, unsigned int n, const char *origin)
{
	unsigned int kept = 0;

	if (!has_changed(src, rank, relays, n))
		return false;
	for (unsigned int i = 0; i < src->n_candidates; i++)
		if (src->candidates[i].rank != rank)
			src->candidates[kept++] = src->candidates[i];
	src->n_candidates = kept;
	for (unsigned int i = 0; i < n; i++)
		source_candidate(src, &relays[i], origin, rank);
	return true;
}

const struct candidate *source_in_use(const struct source *src)
{
	for (unsigned int i = 0; i < src->n_candidates; i++)
		if (source_is_at(src, &src->candidates[i].relay.addr))
			return &src->candidates[i];
	return NULL;
}

unsigned int source_static(const struct source *src, struct driad_relay *relays, unsigned int max)
{
	const struct channel_cfg *cfg = &src->cs->cfg;
	unsigned int n = 0;

	for (unsigned int i = 0; i < cfg->n_static_relays && n < max; i++) {
		const struct config_static_relay *s = &cfg->static_relays[i];

		const struct driad_relay relay = {
			.addr = s->relay,
			.precedence = s->precedence,
			.discovery_optional = !s->discovery,
		};
		unsigned int at = 0;

		if (!prefix_match(&s->sources, &src->addr))
			continue;
		while (at < n && !addr_eq(&relays[at].addr, &relay.addr))
			at++;
		if (at == n) // of two prefixes that name it, the first
			relays[n++] = relay;
	}
	return n;
}

static void add_static(struct source *src)
{
	struct driad_relay relays[MAX_CANDIDATES];
	unsigned int n = source_static(src, relays, MAX_CANDIDATES);

	for (unsigned int i = 0; i < n; i++)
		source_candidate(src, &relays[i], "static", 0);
}

void source_candidates_begin(struct source *src)
{
	src->n_candidates = 0;
	src->methods = 0;
	src->services_used = false;
	src->wait_s = 0;
	source_say_nothing(&src->dns_said);
	src->expires_us = NEVER_US;
	add_static(src);
}

void source_leave(struct source *src, uint64_t now_us)
{
	struct channels *cs = src->cs;
	bool outer = cs->batching;
	struct channel *ch;

	if (!outer)
		channels_batch_begin(cs);
	if (src->move)
		move_stop(src->move, now_us);
	tunnel_detach(src->tunnel, src, now_us);
	if (!outer)
		channels_batch_end(cs, now_us);
	CHANNEL_FOREACH (ch, src)
		channel_restart(cs, ch);
	src->state = SOURCE_WAITING;
}

static void candidates_untried(struct source *src)
{
	for (unsigned int i = 0; i < src->n_candidates; i++)
		src->candidates[i].tried = false;
}

void source_search(struct source *src, uint64_t now_us)
{
	enum channel_drop refused = source_refused(src->cs, &src->addr);

	discover_cancel(src); // begun while it was attached
	if (channel_drop(src->cs, refused, &src->addr)) {
		source_say(&src->reason, "%s", channel_drop_texts[refused]);
		source_wait(src, now_us + backoff_us(src));
		return;
	}
	if (src->n_candidates == 0 || now_us >= src->expires_us)
		source_candidates_begin(src);
	candidates_untried(src);
	src->settle = false;
	race_next(src, now_us);
}

static bool move_may_be_to(const struct source *src, const struct addr *a)
{
	const struct addr *wanted = &src->move->wanted;

	return !source_is_at(src, a) && (addr_is_none(wanted) || addr_eq(wanted, a));
}

bool source_has_family(const struct channels *cs, uint8_t family)
{
	return !cs->env.has_family || cs->env.has_family(cs->env.ctx, family);
}

static bool candidate_usable(const struct source *src, unsigned int i, uint64_t now_us)
{
	struct channels *cs = src->cs;
	const struct addr *a = &src->candidates[i].relay.addr;
	const char *why;

	if (!source_has_family(cs, a->family) || relay_refused(cs, a) != CHANNEL_DROP_COUNT)
		return false;
	if (src->move && !move_may_be_to(src, a))
		return false;
	if (move_forced(src))
		return true;
	if (!holddown_held_for(cs->rooms.held, a, &src->addr, now_us, NULL, &why))
		return true;
	return (src->last_resort && why == hold_no_answer) ||
	       (src->settle && why == hold_no_traffic);
}

int source_untried(const struct source *src, uint64_t now_us)
{
	for (unsigned int i = 0; i < src->n_candidates; i++)
		if (!src->candidates[i].tried && candidate_usable(src, i, now_us))
			return (int)i;
	return -1;
}

bool source_is_at(const struct source *src, const struct addr *candidate)
{
	const struct tunnel *t = src->tunnel;

	return t && (addr_eq(candidate, &t->relay) || addr_eq(candidate, &t->discovered_from));
}

int source_other(const struct source *src, unsigned int rank, uint64_t now_us)
{
	for (unsigned int i = 0; i < src->n_candidates; i++)
		if ((rank == 0 || src->candidates[i].rank == rank) &&
			!source_is_at(src, &src->candidates[i].relay.addr) &&
			candidate_usable(src, i, now_us))
			return (int)i;
	return -1;
}

bool source_has_other(const struct source *src, uint64_t now_us)
{
	return source_other(src, 0, now_us) >= 0;
}

// One sentence for a source none of whose candidates can be used.
static void explain_none(struct source *src, uint64_t now_us)
{
	const struct addr *a = &src->candidates[0].relay.addr;
	char text[ADDR_STRLEN];
	enum channel_drop refused = relay_refused(src->cs, a);
	const char *why = refused != CHANNEL_DROP_COUNT ? channel_drop_texts[refused] : "";

	if (!source_has_family(src->cs, a->family))
		why = a->family == ADDR_V4 ? "no upstream interface has an IPv4 address"
					   : "no upstream interface has an IPv6 address";
	holddown_held_for(src->cs->rooms.held, a, &src->addr, now_us, NULL, &why);
	if (src->n_candidates == 1)
		source_say(&src->reason, "relay %s: %s", addr_format(a, text), why);
	else
		source_say(&src->reason, "none of %u relays can be used now; the first, %s: %s",
			src->n_candidates, addr_format(a, text), why);
}

static bool any_usable(const struct source *src, uint64_t now_us)
{
	for (unsigned int i = 0; i < src->n_candidates; i++)
		if (candidate_usable(src, i, now_us))
			return true;
	return false;
}

// Nothing is left to be tried: waits, for a back-off or as long as "no" holds.
static void source_rest(struct source *src, uint64_t now_us)
{
	uint64_t wait_us = backoff_us(src);
	char s[ADDR_STRLEN];

	if (src->n_candidates == 0) {
		source_say(&src->reason, "%s",
			src->dns_said ? src->dns_said : "no method of discovery names a relay");
		if (src->wait_s * USEC_PER_SEC > wait_us)
			wait_us = src->wait_s * USEC_PER_SEC;
	} else if (!any_usable(src, now_us)) {
		explain_none(src, now_us);
		if (src->dns_said)
			source_say(&src->reason, "%s; %s", source_said(src->reason), src->dns_said);
	}
	log_debug("channel", "no relay for now source=%s retry_ms=%llu reason=\"%s\"",
		addr_format(&src->addr, s), (unsigned long long)(wait_us / USEC_PER_MSEC),
		source_said(src->reason));
	source_wait(src, now_us + wait_us);
}

static void seek_exhausted(struct source *src, uint64_t now_us);

void source_exhausted(struct source *src, uint64_t now_us)
{
	if (move_seeks(src)) {
		seek_exhausted(src, now_us);
		return;
	}
	while (!discover_waits(src) && source_has_more(src)) {
		if (discover_ask(src, now_us) == ASK_ADDED) {
			race_next(src, now_us);
			return;
		}
	}
	if (src->n_attempts > 0)
		return;
	if (discover_waits(src)) {
		src->state = SOURCE_RESOLVING;
		return;
	}
	src->last_resort = false;
	if (src->n_candidates > 0 && !any_usable(src, now_us) && !src->settle) {
		// What brings no traffic is better than no subscription at all.
		src->settle = true;
		candidates_untried(src);
		race_next(src, now_us);
		return;
	}
	source_rest(src, now_us);
}

bool source_may_seek(const struct source *src, uint64_t now_us)
{
	const struct addr *wanted = &src->move->wanted;

	if (!addr_is_none(wanted) && tunnel_find(src->cs, wanted))
		return true;
	for (unsigned int i = 0; i < src->n_candidates; i++)
		if (candidate_usable(src, i, now_us))
			return true;
	return now_us >= src->expires_us || source_has_more(src);
}

void source_seek(struct source *src, uint64_t now_us)
{
	if (src->n_candidates == 0 || now_us >= src->expires_us) {
		discover_cancel(src);
		source_candidates_begin(src);
	}
	candidates_untried(src);
	race_next(src, now_us);
}

// The same in a move, where there is a relay to stay with.
static void seek_exhausted(struct source *src, uint64_t now_us)
{
	while (!discover_waits(src) && source_has_more(src)) {
		if (discover_ask(src, now_us) == ASK_ADDED && source_untried(src, now_us) >= 0) {
			race_next(src, now_us);
			return;
		}
	}
	if (src->n_attempts == 0 && !discover_waits(src))
		move_fail(src->move, "no other relay answers", now_us);
}

static void retry_cb(struct timer *timer, void *arg, uint64_t now_us)
{
	struct source *src = arg;

	(void)timer;
	src->cs->now_us = now_us;
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
			// Of a family that was not there before, more may be found.
			src->expires_us = now_us;
			source_search(src, now_us);
		}
	}
}
