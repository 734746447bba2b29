// SPDX-License-Identifier: BSD-3-Clause
// capture start, capture stop, show capture: frames to a file, while everything goes on.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/verb.h"

#define SNAPLEN_MIN 64
#define SNAPLEN_MAX 65535

// A number of 1 to max; false with `refused` filled in when the text is none.
static bool number(struct verb_ctx *v, const char *what, const char *text, uint64_t min,
	uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (errno == 0 && text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out >= min &&
		*out <= max)
		return true;
	snprintf(v->refused, sizeof(v->refused), "%s %.40s is no number from %llu to %llu", what,
		text, (unsigned long long)min, (unsigned long long)max);
	return false;
}

static bool read_limit(struct verb_ctx *v, struct observe_capture_want *want)
{
	const char *text = verb_option(v, "limit");
	bool packets = verb_option(v, "packets"), octets = verb_option(v, "octets");
	bool seconds = verb_option(v, "seconds");
	uint64_t n;

	if (!text && !packets && !octets && !seconds)
		return true;
	if (!text || packets + octets + seconds != 1) {
		snprintf(v->refused, sizeof(v->refused),
			"a limit is a number and one of packets, octets, seconds: limit 1000 "
			"packets");
		return false;
	}
	if (!number(v, "limit", text, 1, seconds ? 30000000 : 1ull << 60, &n))
		return false;
	want->packets = packets ? n : 0;
	want->octets = octets ? n : 0;
	want->seconds = seconds ? n : 0;
	return true;
}

static void start(struct verb_ctx *v, struct observe_capture_want *want)
{
	const char *snaplen = verb_option(v, "snaplen");

	want->file = v->args[0];
	want->force = verb_option(v, "force");
	if (!read_limit(v, want))
		return;
	if (snaplen && !number(v, "snaplen", snaplen, SNAPLEN_MIN, SNAPLEN_MAX, &want->snaplen))
		return;
	if (!v->o->capture_start_cb) {
		snprintf(v->refused, sizeof(v->refused), "no capture is to be had here");
		return;
	}
	if (v->o->capture_start_cb(v->o->ctx, want, v->refused) == 0)
		verb_show_capture(v);
}

void verb_capture_start(struct verb_ctx *v)
{
	struct observe_capture_want want = {.port = verb_option(v, "port")};

	start(v, &want);
}

void verb_capture_start_tunnel(struct verb_ctx *v)
{
	const char *port = verb_option(v, "port");
	struct observe_capture_want want = {0};
	uint64_t n = 0;

	if (!verb_address(v, "relay", v->args[1], &want.relay) ||
		(port && !number(v, "port", port, 1, 65535, &n)))
		return;
	want.our_port = (uint16_t)n;
	start(v, &want);
}

void verb_capture_start_channel(struct verb_ctx *v)
{
	struct observe_capture_want want = {0};

	if (!verb_address(v, "source", v->args[1], &want.sg.s) ||
		!verb_address(v, "group", v->args[2], &want.sg.g))
		return;
	if (want.sg.s.family != want.sg.g.family) {
		snprintf(v->refused, sizeof(v->refused), "source and group are of two families");
		return;
	}
	start(v, &want);
}

void verb_capture_stop(struct verb_ctx *v)
{
	if (!v->o->capture_stop_cb)
		snprintf(v->refused, sizeof(v->refused), "no capture runs");
	else if (v->o->capture_stop_cb(v->o->ctx, v->refused) == 0)
		verb_show_capture(v);
}

void verb_show_capture(struct verb_ctx *v)
{
	static const struct render_column columns[] = {
		{"file", RENDER_LEFT},
		{"filter", RENDER_LEFT},
		{"state", RENDER_LEFT},
		{"reason", RENDER_LEFT},
		{"packets", RENDER_RIGHT},
		{"octets", RENDER_RIGHT},
		{"dropped", RENDER_RIGHT},
		{"took", RENDER_RIGHT},
	};
	struct observe_capture c;

	render_table_begin(v->r, "captures", columns, RTE_DIM(columns));
	if (v->o->capture_view_cb && v->o->capture_view_cb(v->o->ctx, &c)) {
		render_text(v->r, c.file);
		render_text(v->r, c.filter);
		render_text(v->r, c.state);
		render_text(v->r, c.reason[0] ? c.reason : NULL);
		render_u64(v->r, c.packets);
		render_u64(v->r, c.octets);
		render_u64(v->r, c.dropped);
		render_span_us(
			v->r, c.ended_us ? c.ended_us - c.begun_us : verb_age_us(v, c.begun_us));
	}
	render_table_end(v->r);
}
