// SPDX-License-Identifier: BSD-3-Clause
// resolve SOURCE: the relays that DNS offers for a source, in the order in which they would be
// tried, and why in that order.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amt/amt.h"
#include "channel/channel.h"
#include "console/verb.h"
#include "driad/driad.h"
#include "driad/holddown.h"

#define NOTES_MAX 128

static const struct render_column columns[] = {
	{"order", RENDER_RIGHT}, // in which they are tried; none: not at all
	{"discovery_address", RENDER_LEFT},
	{"precedence", RENDER_RIGHT},
	{"d_bit", RENDER_LEFT},
	{"domain_name", RENDER_LEFT}, // that the record has; none: it has the address
	{"dnssec", RENDER_LEFT},      // "secure"; "insecure": not signed, or not validated
	{"ttl", RENDER_RIGHT},	      // seconds for which the whole answer holds
	{"quirks", RENDER_LEFT},
	{"held_for", RENDER_RIGHT},
	{"why", RENDER_LEFT},
};

struct note {
	struct driad_note n;
	char name[64]; // cut off
};

struct work {
	const struct observe *o;
	struct driad_lookup *lookup;
	struct addr source;
	bool done;
	struct driad_result result;
	struct note notes[NOTES_MAX];
	unsigned int n_notes;
};

static void note_cb(void *arg, const struct driad_note *n)
{
	struct work *w = arg;
	struct note *at = &w->notes[w->n_notes];

	if (w->n_notes == NOTES_MAX)
		return;
	at->n = *n;
	snprintf(at->name, sizeof(at->name), "%s", n->name ? n->name : "");
	w->n_notes++;
}

static void done_cb(void *arg, const struct driad_result *result, uint64_t now_us)
{
	struct work *w = arg;

	(void)now_us;
	w->lookup = NULL;
	w->result = *result;
	w->done = true;
}

static void work_free(void *arg)
{
	struct work *w = arg;

	if (w && w->lookup)
		w->o->resolve_cancel_cb(w->o->ctx, w->lookup);
	free(w);
}

static const struct note *note_of(const struct work *w, const struct driad_relay *r)
{
	for (unsigned int i = 0; i < w->n_notes; i++)
		if (addr_eq(&w->notes[i].n.relay.addr, &r->addr) &&
			w->notes[i].n.relay.precedence == r->precedence)
			return &w->notes[i];
	return NULL;
}

// Why it comes behind the one before it.
static const char *place_of(const struct work *w, unsigned int i, char text[80])
{
	const struct driad_relay *r = &w->result.relays[i], *before = r - 1;
	const struct note *n = note_of(w, r), *b = i ? note_of(w, before) : NULL;

	if (i == 0)
		return "first";
	if (r->precedence != before->precedence) {
		snprintf(text, 80, "its precedence is %u, not %u", r->precedence,
			before->precedence);
		return text;
	}
	if (n && n->n.rank == UINT32_MAX)
		return "there is no path to it (RFC 6724 rule 1)";
	if (r->addr.family != before->addr.family)
		return "the families take turns (RFC 8305 section 4)";
	if (!n || !b)
		return "";
	snprintf(text, 80, "%s%s",
		n->n.rank == b->n.rank ? "" : "before it: ", driad_rank_why(b->n.rank, n->n.rank));
	return text;
}

static void show_name(struct render *r, const struct note *n)
{
	render_text(r, n && n->name[0] ? n->name : NULL);
	render_text(r, !n ? NULL : n->n.secure ? "secure" : "insecure");
}

static void show_relay(struct verb_ctx *v, unsigned int i, unsigned int *order)
{
	const struct work *w = v->work;
	const struct driad_relay *c = &w->result.relays[i];
	const char *held = NULL, *refused = NULL;
	char text[80], why[200], quirks[AMT_QUIRKS_STRLEN];
	unsigned int q = v->o->amt ? amt_relay_quirks(v->o->amt, &c->addr, NULL) : 0;
	uint64_t until_us = 0;

	if (v->o->channels)
		refused = channels_relay_refused(v->o->channels, &c->addr);
	if (v->o->held)
		holddown_held_for(v->o->held, &c->addr, &w->source, v->now_us, &until_us, &held);
	if (refused || held)
		render_none(v->r);
	else
		render_u64(v->r, ++*order);
	render_addr(v->r, &c->addr);
	render_u64(v->r, c->precedence);
	render_bool(v->r, c->discovery_optional);
	show_name(v->r, note_of(w, c));
	render_u64(v->r, w->result.ttl_s);
	render_text(v->r, q ? amt_quirks_format(q, quirks) : NULL);
	if (held)
		render_span_us(v->r, verb_left_us(v, until_us));
	else
		render_none(v->r);
	snprintf(why, sizeof(why), "%s%s%s",
		refused ? "refused: "
		: held	? "held down: "
			: "",
		refused ? refused
		: held	? held
			: "",
		refused || held ? "; " : "");
	snprintf(why + strlen(why), sizeof(why) - strlen(why), "%s", place_of(w, i, text));
	render_text(v->r, why);
}

// What was not taken, each with its reason.
static void show_dropped(struct verb_ctx *v, const struct note *n)
{
	render_none(v->r);
	render_addr(v->r, &n->n.relay.addr);
	render_u64(v->r, n->n.relay.precedence);
	render_bool(v->r, n->n.relay.discovery_optional);
	show_name(v->r, n);
	render_none(v->r);
	render_none(v->r);
	render_none(v->r);
	render_text(v->r, driad_drop_texts[n->n.dropped]);
}

static enum verb_turn more(struct verb_ctx *v)
{
	struct work *w = v->work;
	char s[ADDR_STRLEN];
	unsigned int order = 0;

	if (!w->done)
		return VERB_WAIT;
	if (w->result.status != DRIAD_OK) {
		snprintf(v->refused, sizeof(v->refused), "no relay for %s: %s%s%s",
			addr_format(&w->source, s), driad_status_name(w->result.status),
			w->result.detail[0] ? ": " : "", w->result.detail);
		return VERB_DONE;
	}
	render_table_begin(v->r, "relays", columns, RTE_DIM(columns));
	for (unsigned int i = 0; i < w->result.n_relays; i++)
		show_relay(v, i, &order);
	for (unsigned int i = 0; i < w->n_notes; i++)
		if (w->notes[i].n.dropped != DRIAD_DROP_COUNT)
			show_dropped(v, &w->notes[i]);
	render_table_end(v->r);
	return VERB_DONE;
}

void verb_resolve(struct verb_ctx *v)
{
	struct work *w;
	struct addr source;

	if (!verb_address(v, "source", v->args[0], &source))
		return;
	if (!v->o->resolve_cb) {
		snprintf(v->refused, sizeof(v->refused), "DNS is not to be had");
		return;
	}
	w = verb_work(v, sizeof(*w));
	if (!w)
		return;
	w->o = v->o;
	w->source = source;
	v->work_free = work_free;
	w->lookup = v->o->resolve_cb(v->o->ctx, &source, done_cb, note_cb, w);
	if (!w->lookup)
		snprintf(v->refused, sizeof(v->refused), "out of memory");
	else
		v->more = more;
}
