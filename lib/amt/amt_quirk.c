// SPDX-License-Identifier: BSD-3-Clause
// What relays do against the RFC: pinned by the configuration, or learned from what they answer and
// from what comes of our Updates. Kept a relay address, beyond the life of tunnels.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amt/amt_internal.h"
#include "base/log.h"

static struct amt_relay *relay_find(const struct amt_gateway *gw, const struct addr *a)
{
	struct hnode *n = hmap_find(&gw->relays, hmap_hash(a, sizeof(*a)));

	for (; n; n = hmap_find_next(n)) {
		struct amt_relay *r = container_of_node(n, struct amt_relay, node);

		if (addr_eq(&r->addr, a))
			return r;
	}
	return NULL;
}

// NULL when there are too many, or no memory: it is then not remembered.
static struct amt_relay *relay_get(struct amt_gateway *gw, const struct addr *a)
{
	struct amt_relay *r = relay_find(gw, a);

	if (r || gw->relays.count >= AMT_RELAYS_KEPT)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->addr = *a;
	if (hmap_insert(&gw->relays, &r->node, hmap_hash(a, sizeof(*a))) < 0) {
		free(r);
		return NULL;
	}
	return r;
}

void amt_relays_fini(struct amt_gateway *gw)
{
	struct hnode *n, *tmp;

	HMAP_FOREACH (n, tmp, &gw->relays) {
		struct amt_relay *r = container_of_node(n, struct amt_relay, node);

		hmap_remove(&gw->relays, n);
		free(r);
	}
	hmap_fini(&gw->relays);
}

void amt_relay_pin(struct amt_gateway *gw, const struct addr *relay, unsigned int quirks)
{
	struct amt_relay *r = relay_get(gw, relay);

	if (!r)
		return;
	r->is_pinned = true;
	r->pinned = quirks;
}

void amt_relay_unpin(struct amt_gateway *gw, const struct addr *relay)
{
	struct amt_relay *r = relay_find(gw, relay);

	if (!r)
		return;
	r->is_pinned = false;
	r->pinned = 0;
}

unsigned int amt_relay_quirks(const struct amt_gateway *gw, const struct addr *relay, bool *pinned)
{
	const struct amt_relay *r = relay_find(gw, relay);

	if (pinned)
		*pinned = r && r->is_pinned;
	if (!r)
		return 0;
	return r->is_pinned ? r->pinned : r->learned;
}

unsigned int amt_quirks(const struct amt_tunnel *t)
{
	bool pinned;
	unsigned int quirks = amt_relay_quirks(t->gw, &t->relay, &pinned);

	return pinned ? quirks : quirks | t->trying;
}

bool amt_quirks_open(const struct amt_tunnel *t)
{
	bool pinned;

	amt_relay_quirks(t->gw, &t->relay, &pinned);
	return !pinned;
}

void amt_quirk_learn(struct amt_gateway *gw, const struct addr *relay, enum amt_quirk quirk)
{
	char text[ADDR_STRLEN], names[AMT_QUIRKS_STRLEN];
	struct amt_relay *r = relay_get(gw, relay);

	if (!r || r->is_pinned || r->learned & quirk)
		return;
	r->learned |= quirk;
	log_info("amt", "relay quirk learned relay=%s quirk=%s", addr_format(relay, text),
		amt_quirks_format(quirk, names));
}

void amt_quirk_unlearn(struct amt_gateway *gw, const struct addr *relay, enum amt_quirk quirk)
{
	char text[ADDR_STRLEN], names[AMT_QUIRKS_STRLEN];
	struct amt_relay *r = relay_find(gw, relay);

	if (!r || !(r->learned & quirk))
		return;
	r->learned &= ~(unsigned int)quirk;
	log_info("amt", "relay quirk gone relay=%s quirk=%s", addr_format(relay, text),
		amt_quirks_format(quirk, names));
}

void amt_quirk_e(struct amt_side *s, bool answered, uint64_t now_us)
{
	struct amt_tunnel *t = s->t;
	struct amt_relay *r = answered ? relay_find(t->gw, &t->relay) : relay_get(t->gw, &t->relay);

	if (!r)
		return;
	if (answered) {
		r->e_misses = 0;
		return;
	}
	// A packet may be lost; two in a row that had the flag are not believed to be. But one
	// outage is one: it says nothing when Requests without the flag were lost in it as well,
	// and those of both families and of several tunnels are in it together. So the second one's
	// Request with the flag has to be from after the first one's answer.
	if (s->unanswered > 2 || (r->e_misses > 0 && s->forms[0].first_us <= r->e_missed_us))
		return;
	r->e_misses++;
	r->e_missed_us = now_us;
	if (r->e_misses >= AMT_NO_E_MISSES)
		amt_quirk_learn(t->gw, &t->relay, AMT_QUIRK_NO_E);
}

void amt_relay_owe(struct amt_gateway *gw, const struct addr *relay, const struct amt_query *q)
{
	struct amt_relay *r = relay_get(gw, relay);

	if (r)
		r->owed = *q;
}

bool amt_relay_owed(struct amt_gateway *gw, const struct addr *relay, struct amt_query *out)
{
	struct amt_relay *r = relay_find(gw, relay);

	if (!r || !r->owed.valid)
		return false;
	*out = r->owed;
	r->owed.valid = false;
	return true;
}

static void remedy(struct amt_side *s, uint64_t now_us)
{
	struct amt_tunnel *t = s->t;
	unsigned int quirks = amt_quirks(t);

	if (!amt_quirks_open(t))
		return;
	if (!(quirks & AMT_QUIRK_ONE_NONCE) && amt_side_active(amt_side_other(s)))
		t->trying |= AMT_QUIRK_ONE_NONCE;
	else if (!(quirks & AMT_QUIRK_SHORT_UPDATES) && s->longest > AMT_UPDATE_SHORT)
		t->trying |= AMT_QUIRK_SHORT_UPDATES;
	else
		return;
	amt_request_again(s, now_us);
	amt_arm(t->gw, &s->remedy_timer, now_us + AMT_REMEDY_US);
}

static void remedy_timer(struct timer *timer, void *arg, uint64_t now_us)
{
	struct amt_side *s = arg;

	(void)timer;
	if (s->silent && s->state == AMT_UP)
		remedy(s, now_us);
}

void amt_silence_init(struct amt_side *s)
{
	timer_init(&s->remedy_timer, remedy_timer, s);
}

// Did the other side send the latest Request, so that a relay with one nonce has forgotten ours?
// When the answers came does not matter; two Requests of one moment may have left in either order.
static bool interleaved(struct amt_side *s)
{
	const struct amt_side *other = amt_side_other(s);

	return s->state == AMT_UP && amt_side_active(other) && !other->silent &&
	       other->last_request_us >= s->last_request_us &&
	       !(amt_quirks(s->t) & AMT_QUIRK_ONE_NONCE);
}

bool amt_tunnel_ask(struct amt_tunnel *t, uint8_t family, uint64_t now_us)
{
	struct amt_side *s = amt_side(t, family);

	if (!amt_quirks_open(t) || !interleaved(s))
		return false;
	amt_request_again(s, now_us);
	return true;
}

void amt_tunnel_answered(struct amt_tunnel *t)
{
	amt_quirk_learn(t->gw, &t->relay, AMT_QUIRK_ONE_NONCE);
}

void amt_tunnel_silent(struct amt_tunnel *t, uint8_t family, uint64_t now_us)
{
	struct amt_side *s = amt_side(t, family);

	if (t->confirm == s)
		t->confirm = NULL;
	if (!s->silent) {
		s->interleaved = interleaved(s);
		amt_arm(t->gw, &s->remedy_timer, now_us + AMT_REMEDY_US);
	}
	s->silent = true;
	amt_request_again(s, now_us);
}

void amt_tunnel_heard(struct amt_tunnel *t, uint8_t family)
{
	struct amt_side *s = amt_side(t, family);

	s->heard = true;
	if (t->confirm == s) {
		amt_quirk_learn(t->gw, &t->relay, AMT_QUIRK_ONE_NONCE);
		t->confirm = NULL;
	}
	if (!s->silent)
		return;
	s->silent = false;
	timer_cancel(t->gw->timers, &s->remedy_timer);
	for (unsigned int i = 0; i < AMT_QUIRK_COUNT; i++) {
		if (t->trying & 1u << i)
			amt_quirk_learn(t->gw, &t->relay, (enum amt_quirk)(1u << i));
	}
	t->trying = 0;
	if (s->interleaved && !(amt_quirks(t) & AMT_QUIRK_ONE_NONCE))
		t->confirm = amt_side_other(s);
}

void amt_stray_query(struct amt_tunnel *t, uint32_t nonce, uint64_t now_us)
{
	struct amt_tunnel *u;

	for (u = TAILQ_FIRST(&t->gw->tunnels); u; u = TAILQ_NEXT(u, link)) {
		if (u != t && u->nonce == nonce && addr_eq(&u->relay, &t->relay))
			break;
	}
	if (!u || !amt_quirks_open(t))
		return;
	// The relay takes the other one for this one: it may have changed what it knows of us.
	amt_quirk_learn(t->gw, &t->relay, AMT_QUIRK_ONE_ENDPOINT);
	amt_tunnel_refresh(t, now_us);
	if (u->state == AMT_REQUESTING)
		amt_side_fail(u->sides[AMT_SIDE_V4].waiting ? &u->sides[AMT_SIDE_V4]
							    : &u->sides[AMT_SIDE_V6],
			now_us);
}
