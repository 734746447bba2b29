// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>

#include "base/timer.h"
#include "channel/channel.h"
#include "console/baseline.h"
#include "console/filter.h"
#include "console/verb.h"

static const struct render_column columns[] = {
	{"source_address", RENDER_LEFT},
	{"group_address", RENDER_LEFT},
	{"state", RENDER_LEFT},
	{"relay_address", RENDER_LEFT},
	{"outgoing_interface", RENDER_LEFT},
	{"muted", RENDER_LEFT_DETAIL}, // of them, where another router forwards
	{"wanted_by", RENDER_LEFT},    // on any of them
	{"packets", RENDER_RIGHT},
	{"octets", RENDER_RIGHT_DETAIL},
	{"up_time", RENDER_RIGHT},
	{"first_packet_ms", RENDER_RIGHT_DETAIL}, // from the first want to the first packet
	{"retry_in", RENDER_RIGHT},
	{"reason", RENDER_LEFT},
};

// So many of the table are looked at at once.
#define PIECE 64

struct work {
	struct filter filter;
	int state, origin; // -1: all
	uint32_t cursor;
};

static bool is_asked_for(const struct work *w, const struct channel_view *c)
{
	return filter_sg(&w->filter, &c->sg) && filter_relay(&w->filter, &c->relay) &&
	       filter_ifs(&w->filter, c->oifs) && (w->state < 0 || w->state == (int)c->state) &&
	       (w->origin < 0 || c->wanted_by[w->origin]);
}

static void show_one(void *arg, const struct channel_view *view)
{
	struct channel_view counted = *view, *c = &counted;
	struct verb_ctx *v = arg;
	struct render *r = v->r;

	if (!is_asked_for(v->work, c))
		return;
	baseline_channel(v, c);
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
	for (unsigned int i = 0; i < v->o->n_ifs; i++) {
		if (c->muted >> i & 1)
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

static enum verb_turn more(struct verb_ctx *v)
{
	struct work *w = v->work;

	if (v->o->channels && channels_some(v->o->channels, &w->cursor, PIECE, show_one, v))
		return VERB_MORE;
	render_table_end(v->r);
	return VERB_DONE;
}

// The number that a name has, or -1: it was not given. False when there is none such.
static bool name_option(
	struct verb_ctx *v, const char *option, int n, const char *(*name)(int i), int *out)
{
	const char *text = verb_option(v, option);

	*out = -1;
	for (int i = 0; text && i < n; i++)
		if (strcmp(name(i), text) == 0)
			*out = i;
	// Cut short, as words are.
	for (int i = 0; text && *out < 0 && i < n; i++)
		if (strncmp(name(i), text, strlen(text)) == 0)
			*out = i;
	if (!text || *out >= 0)
		return true;
	snprintf(v->refused, sizeof(v->refused), "%s: there is no %.100s", option, text);
	return false;
}

static const char *state_name(int i)
{
	return channel_state_name((enum channel_state)i);
}

static const char *origin_name(int i)
{
	return channel_origin_name((enum channel_origin)i);
}

void verb_show_channels(struct verb_ctx *v)
{
	struct work *w = verb_work(v, sizeof(*w));

	if (!w || !filter_parse(v, &w->filter) ||
		!name_option(v, "state", CHANNEL_WAITING + 1, state_name, &w->state) ||
		!name_option(v, "by", CHANNEL_ORIGINS, origin_name, &w->origin))
		return;
	v->more = more;
	render_table_begin(v->r, "channels", columns, RTE_DIM(columns));
}
