// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>

#include "base/timer.h"
#include "channel/channel.h"
#include "console/baseline.h"
#include "console/filter.h"
#include "console/verb.h"

static const struct render_column columns[] = {
	{"relay_address", RENDER_LEFT},
	{"local_address", RENDER_LEFT_DETAIL},
	{"local_port", RENDER_RIGHT_DETAIL},
	{"tunnel_state", RENDER_LEFT},
	{"channels", RENDER_RIGHT},
	{"packets", RENDER_RIGHT},
	{"octets", RENDER_RIGHT_DETAIL},
	{"age", RENDER_RIGHT},
	{"query_age", RENDER_RIGHT_DETAIL},
	{"next_request_in", RENDER_RIGHT},
	{"unanswered", RENDER_RIGHT_DETAIL},
	{"query_interval", RENDER_RIGHT_DETAIL},
	{"robustness_variable", RENDER_RIGHT_DETAIL},
	{"limit", RENDER_LEFT},		 // the relay's L flag
	{"seen_as", RENDER_LEFT_DETAIL}, // our endpoint as the relay reports it
	{"nat", RENDER_LEFT_DETAIL},	 // another address than we have
	{"ecn", RENDER_LEFT_DETAIL},	 // the relay answers Requests with the E flag
	{"ipv4", RENDER_LEFT},		 // the side of each family of channels, and how many it has
	{"ipv6", RENDER_LEFT},
	{"quirks", RENDER_LEFT},
	{"worker", RENDER_RIGHT},
	{"steered", RENDER_LEFT_DETAIL},
	{"packets_per_s", RENDER_RIGHT},
	{"octets_per_s", RENDER_RIGHT_DETAIL},
};

#define PIECE 32

struct work {
	struct filter filter;
	uint32_t cursor;
};

static void show_steering(struct render *r, const struct observe_steering *s)
{
	if (!s) {
		for (int i = 0; i < 4; i++)
			render_none(r);
		return;
	}
	if (s->worker >= 0)
		render_u64(r, (uint64_t)s->worker);
	else
		render_none(r);
	render_text(r, s->how);
	render_u64(r, s->packets_per_s);
	render_u64(r, s->bytes_per_s);
}

static void show_side(struct render *r, const struct amt_side_view *s)
{
	char text[32];

	snprintf(text, sizeof(text), "%s:%u", amt_tunnel_state_name(s->state), s->channels);
	render_text(r, s->state == AMT_IDLE ? NULL : text);
}

static void show_one(void *arg, const struct tunnel_view *view)
{
	struct tunnel_view counted = *view, *t = &counted;
	struct verb_ctx *v = arg;
	struct render *r = v->r;
	const struct work *w = v->work;
	char addr[ADDR_STRLEN], seen[ADDR_STRLEN + 8], quirks[AMT_QUIRKS_STRLEN];
	struct observe_steering steering;
	bool steered = v->o->steering_cb && v->o->steering_cb(t->endpoint, &steering);

	if (!filter_relay(&w->filter, &t->relay) ||
		!filter_worker(&w->filter, steered ? steering.worker : -1))
		return;
	baseline_tunnel(v, t);
	render_addr(r, &t->relay);
	render_addr(r, &t->local);
	render_u64(r, t->local_port);
	render_text(r, amt_tunnel_state_name(t->amt.state));
	render_u64(r, t->amt.channels);
	render_u64(r, t->packets);
	render_u64(r, t->bytes);
	render_span_us(r, verb_age_us(v, t->amt.since_us));
	if (t->amt.last_query_us)
		render_span_us(r, verb_age_us(v, t->amt.last_query_us));
	else
		render_none(r);
	if (t->amt.next_request_us != NEVER_US && t->amt.next_request_us != 0)
		render_span_us(r, verb_left_us(v, t->amt.next_request_us));
	else
		render_none(r);
	render_u64(r, t->amt.unanswered);
	render_u64(r, t->amt.query_interval_s);
	render_u64(r, t->amt.qrv);
	render_bool(r, t->amt.limit_flag);
	snprintf(seen, sizeof(seen), "%s:%u", addr_format(&t->amt.gateway_addr, addr),
		t->amt.gateway_port);
	render_text(r, addr_is_none(&t->amt.gateway_addr) ? NULL : seen);
	render_bool(r, t->amt.nat);
	render_bool(r, t->amt.ecn);
	show_side(r, &t->amt.ipv4);
	show_side(r, &t->amt.ipv6);
	render_text(r, t->amt.quirks ? amt_quirks_format(t->amt.quirks, quirks) : NULL);
	show_steering(r, steered ? &steering : NULL);
}

static enum verb_turn more(struct verb_ctx *v)
{
	struct work *w = v->work;

	if (v->o->channels && channels_tunnels_some(v->o->channels, &w->cursor, PIECE, show_one, v))
		return VERB_MORE;
	render_table_end(v->r);
	return VERB_DONE;
}

void verb_show_tunnels(struct verb_ctx *v)
{
	struct work *w = verb_work(v, sizeof(*w));

	if (!w || !filter_parse(v, &w->filter))
		return;
	v->more = more;
	render_table_begin(v->r, "tunnels", columns, RTE_DIM(columns));
}
