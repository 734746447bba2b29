// SPDX-License-Identifier: BSD-3-Clause
#include "base/timer.h"
#include "channel/channel.h"
#include "console/filter.h"
#include "console/verb.h"

// quirks: of the relay behind a broker, while it is in use; pinned by the configuration, or
// learned.
static const struct render_column columns[] = {
	{"source_address", RENDER_LEFT},
	{"discovery_address", RENDER_LEFT},
	{"discovery_method", RENDER_LEFT},
	{"precedence", RENDER_RIGHT},
	{"d_bit", RENDER_LEFT_DETAIL},
	{"in_use", RENDER_LEFT},
	{"expiration", RENDER_RIGHT},
	{"held_for", RENDER_RIGHT},
	{"held_reason", RENDER_LEFT},
	{"quirks", RENDER_LEFT},
	{"quirks_pinned", RENDER_LEFT_DETAIL},
};

#define PIECE 32 // sources

struct work {
	struct filter filter;
	bool held;
	uint32_t cursor;
};

static void show_one(void *arg, const struct relay_view *c)
{
	struct verb_ctx *v = arg;
	const struct work *w = v->work;
	struct render *r = v->r;
	char quirks[AMT_QUIRKS_STRLEN];

	if (!filter_source(&w->filter, &c->source) || !filter_relay(&w->filter, &c->addr) ||
		(w->held && !c->held_reason))
		return;
	render_addr(r, &c->source);
	render_addr(r, &c->addr);
	render_text(r, c->origin);
	render_u64(r, c->precedence);
	render_bool(r, c->discovery_optional);
	render_bool(r, c->in_use);
	if (c->expires_us != NEVER_US && c->expires_us != 0)
		render_span_us(r, verb_left_us(v, c->expires_us));
	else
		render_none(r);
	if (c->held_reason && c->held_until_us != NEVER_US)
		render_span_us(r, verb_left_us(v, c->held_until_us));
	else
		render_none(r);
	render_text(r, c->held_reason);
	render_text(r, c->quirks ? amt_quirks_format(c->quirks, quirks) : NULL);
	render_bool(r, c->pinned);
}

static enum verb_turn more(struct verb_ctx *v)
{
	struct work *w = v->work;

	if (v->o->channels && channels_relays_some(v->o->channels, &w->cursor, PIECE, show_one, v))
		return VERB_MORE;
	render_table_end(v->r);
	return VERB_DONE;
}

void verb_show_relays(struct verb_ctx *v)
{
	struct work *w = verb_work(v, sizeof(*w));

	if (!w || !filter_parse(v, &w->filter))
		return;
	w->held = verb_option(v, "held") != NULL;
	v->more = more;
	render_table_begin(v->r, "relays", columns, RTE_DIM(columns));
}
