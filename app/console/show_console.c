// SPDX-License-Identifier: BSD-3-Clause
// show console: the sessions, and what they cost the control thread.
#include "console/session.h"
#include "console/verb.h"

static const struct render_column columns[] = {
	{"sessions", RENDER_RIGHT},
	{"began", RENDER_RIGHT},	  // ever
	{"frames_dropped", RENDER_RIGHT}, // of watches whose client had not taken the one before
	// The most CPU time that the control thread has spent on commands before it went back to
	// everything else.
	{"longest_turn_ms", RENDER_RIGHT},
	// Of the clients that connected: taken; refused because there were too many; closed because
	// they did not read, or said nothing; and those whose first line was none of the
	// protocol's.
	{"accepted", RENDER_RIGHT},
	{"refused", RENDER_RIGHT},
	{"stalled", RENDER_RIGHT},
	{"silent", RENDER_RIGHT},
	{"bad", RENDER_RIGHT},
};

void verb_show_console(struct verb_ctx *v)
{
	struct session_stats s = {0};

	if (v->session)
		session_stats(v->session, &s);
	render_table_begin(v->r, "sessions", columns, RTE_DIM(columns));
	render_u64(v->r, s.sessions);
	render_u64(v->r, s.began);
	render_u64(v->r, s.frames_dropped);
	render_ms(v->r, s.longest_us);
	render_u64(v->r, s.clients.accepted);
	render_u64(v->r, s.clients.refused);
	render_u64(v->r, s.clients.stalled);
	render_u64(v->r, s.clients.silent);
	render_u64(v->r, s.clients.bad_greeting);
	render_table_end(v->r);
}
