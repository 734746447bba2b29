// SPDX-License-Identifier: BSD-3-Clause
// show health, check health, drain, undrain: for operators, and for what tells routing.
#include <stdio.h>
#include <string.h>

#include "console/verb.h"

static const struct render_column columns[] = {
	{"what", RENDER_LEFT}, // "appliance", then each check
	{"state", RENDER_LEFT},
	{"since", RENDER_RIGHT},
	{"reason", RENDER_LEFT},
	{"text", RENDER_LEFT_DETAIL},
};

static void row(struct verb_ctx *v, const char *what, const char *state, uint64_t since_us,
	const char *reason, const char *text)
{
	render_text(v->r, what);
	render_text(v->r, state);
	render_span_us(v->r, verb_age_us(v, since_us));
	render_text(v->r, reason[0] ? reason : NULL);
	render_text(v->r, text);
}

void verb_show_health(struct verb_ctx *v)
{
	const struct observe_health *h = v->o->health;

	if (v->o->health_followed_cb)
		v->o->health_followed_cb(v->o->ctx);
	render_table_begin(v->r, "health", columns, RTE_DIM(columns));
	if (h) {
		row(v, "appliance", observe_health_state_word(h->state), h->since_us, h->reason,
			"up: routers may be led here");
		for (enum observe_health_check c = 0; c < OBSERVE_HEALTH_CHECKS; c++)
			row(v, observe_health_check_word(c),
				observe_health_is_word(h->checks[c].is), h->checks[c].since_us,
				h->checks[c].reason, observe_health_check_text(c));
	}
	render_table_end(v->r);
}

void verb_check_health(struct verb_ctx *v)
{
	const struct observe_health *h = v->o->health;

	if (!h || h->state != OBSERVE_UP)
		snprintf(v->refused, sizeof(v->refused), "%s%s%s",
			h ? observe_health_state_word(h->state) : "not known",
			h && h->reason[0] ? ": " : "", h ? h->reason : "");
	else
		render_line(v->r, "up");
}

static void drain(struct verb_ctx *v, bool on)
{
	static const struct render_column result[] = {{"result", RENDER_LEFT}};
	const struct observe *o = v->o;

	if (!o->drain_cb) {
		snprintf(v->refused, sizeof(v->refused), "not to be had");
		return;
	}
	if (o->drain_cb(o->ctx, on, v->refused) < 0)
		return;
	v->refused[0] = '\0';
	render_table_begin(v->r, "results", result, RTE_DIM(result));
	render_text(v->r, on ? "draining" : "in service");
	render_table_end(v->r);
}

void verb_drain(struct verb_ctx *v)
{
	drain(v, true);
}

void verb_undrain(struct verb_ctx *v)
{
	drain(v, false);
}
