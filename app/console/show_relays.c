// SPDX-License-Identifier: BSD-3-Clause
#include "base/timer.h"
#include "channel/channel.h"
#include "console/verb.h"

// quirks: of the relay behind a broker, while it is in use; pinned by the configuration, or
// learned.
static const struct render_column columns[] = {
	{"source", RENDER_LEFT},
	{"relay", RENDER_LEFT},
	{"origin", RENDER_LEFT},
	{"precedence", RENDER_RIGHT},
	{"discovery_optional", RENDER_LEFT},
	{"in_use", RENDER_LEFT},
	{"expires_in", RENDER_RIGHT},
	{"held_for", RENDER_RIGHT},
	{"held_reason", RENDER_LEFT},
	{"quirks", RENDER_LEFT},
	{"quirks_pinned", RENDER_LEFT},
};

static void show_one(void *arg, const struct relay_view *c)
{
	struct verb_ctx *v = arg;
	struct render *r = v->r;
	char quirks[AMT_QUIRKS_STRLEN];

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

void verb_show_relays(struct verb_ctx *v)
{
	render_table_begin(v->r, "relays", columns, RTE_DIM(columns));
	if (v->o->channels)
		channels_each_relay(v->o->channels, show_one, v);
	render_table_end(v->r);
}
