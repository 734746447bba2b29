// SPDX-License-Identifier: BSD-3-Clause
// relay move, relay hold, relay release.
#include <stdio.h>

#include "console/verb.h"

static const struct render_column columns[] = {
	{"result", RENDER_LEFT},	 // "moving", "held", "released"
	{"source_address", RENDER_LEFT}, // of a move
	{"relay_address", RENDER_LEFT},	 // none: the best of the others
};

static void act(struct verb_ctx *v, enum observe_relay_act what, const struct addr *source,
	const struct addr *relay, const char *result)
{
	if (!v->o->relay_cb) {
		snprintf(v->refused, sizeof(v->refused), "relays are not to be had");
		return;
	}
	if (v->o->relay_cb(v->o->ctx, what, source, relay, v->refused) < 0)
		return;
	v->refused[0] = '\0';
	render_table_begin(v->r, "relays", columns, RTE_DIM(columns));
	render_text(v->r, result);
	render_addr(v->r, source);
	render_addr(v->r, relay);
	render_table_end(v->r);
}

void verb_relay_move(struct verb_ctx *v)
{
	struct addr source, relay = {0};
	const char *to = verb_option(v, "to");

	if (verb_address(v, "source", v->args[0], &source) &&
		(!to || verb_address(v, "relay", to, &relay)))
		act(v, OBSERVE_RELAY_MOVE, &source, &relay, "moving");
}

void verb_relay_hold(struct verb_ctx *v)
{
	struct addr none = {0}, relay;

	if (verb_address(v, "relay", v->args[0], &relay))
		act(v, OBSERVE_RELAY_HOLD, &none, &relay, "held");
}

void verb_relay_release(struct verb_ctx *v)
{
	struct addr none = {0}, relay;

	if (verb_address(v, "relay", v->args[0], &relay))
		act(v, OBSERVE_RELAY_RELEASE, &none, &relay, "released");
}
