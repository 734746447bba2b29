// SPDX-License-Identifier: BSD-3-Clause
#include "base/timer.h"
#include "channel/channel.h"
#include "console/verb.h"

static const struct render_column columns[] = {
	{"source", RENDER_LEFT},
	{"group", RENDER_LEFT},
	{"state", RENDER_LEFT},
	{"relay", RENDER_LEFT},
	{"downstream", RENDER_LEFT},
	{"wanted_by", RENDER_LEFT}, // on any of them
	{"packets", RENDER_RIGHT},
	{"bytes", RENDER_RIGHT},
	{"age", RENDER_RIGHT},
	{"first_packet_ms", RENDER_RIGHT}, // from the first want to the first packet
	{"retry_in", RENDER_RIGHT},
	{"reason", RENDER_LEFT},
};

static void show_one(void *arg, const struct channel_view *c)
{
	struct verb_ctx *v = arg;
	struct render *r = v->r;

	render_addr(r, &c->sg.s);
	render_addr(r, &c->sg.g);
	render_text(r, channel_state_name(c->state));
	render_addr(r, &c->relay);
	render_list_begin(r);
	for (unsigned int i = 0; i < v->o->n_ifs; i++) {
		if (c->oifs >> i & 1)
			render_list_item(r, v->o->ifs[i].name);
	}
	render_list_end(r);
	render_list_begin(r);
	for (int i = 0; i < CHANNEL_ORIGINS; i++) {
		if (c->wanted_by[i])
			render_list_item(r, channel_origin_name(i));
	}
	render_list_end(r);
	render_u64(r, c->packets);
	render_u64(r, c->bytes);
	render_span_us(r, verb_age_us(v, c->wanted_us));
	if (c->first_packet_us)
		render_ms(r,
			c->first_packet_us > c->wanted_us ? c->first_packet_us - c->wanted_us : 0);
	else
		render_none(r);
	if (c->retry_us != NEVER_US)
		render_span_us(r, verb_left_us(v, c->retry_us));
	else
		render_none(r);
	render_text(r, c->reason);
}

void verb_show_channels(struct verb_ctx *v)
{
	render_table_begin(v->r, "channels", columns, RTE_DIM(columns));
	if (v->o->channels)
		channels_each(v->o->channels, show_one, v);
	render_table_end(v->r);
}
