// SPDX-License-Identifier: BSD-3-Clause
// set log, show log: what is written to the log, by room, until inletd ends.
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "console/verb.h"

static const struct render_column columns[] = {
	{"room", RENDER_LEFT},
	{"level", RENDER_LEFT}, // and all that is worse: error, warn, info, debug
};

static void show(struct verb_ctx *v, const char *room)
{
	render_table_begin(v->r, "rooms", columns, RTE_DIM(columns));
	for (const char *const *r = log_rooms; *r; r++) {
		if (room && strcmp(*r, room) != 0)
			continue;
		render_text(v->r, *r);
		render_text(v->r, log_level_name(log_level_of(*r)));
	}
	render_table_end(v->r);
}

void verb_show_log(struct verb_ctx *v)
{
	show(v, NULL);
}

void verb_set_log(struct verb_ctx *v)
{
	const char *room = strcmp(v->args[0], "all") == 0 ? NULL : v->args[0];
	enum log_level level;

	if (log_level_parse(v->args[1], &level) < 0) {
		snprintf(v->refused, sizeof(v->refused),
			"level %.60s is none of error, warn, info, debug", v->args[1]);
		return;
	}
	if (log_level_set(room, level) < 0) {
		snprintf(v->refused, sizeof(v->refused),
			"there is no room %.60s in the log (show log)", room);
		return;
	}
	show(v, room);
}
