// SPDX-License-Identifier: BSD-3-Clause
// A command on its way: a verb run in pieces, once or (watch) again and again.
#ifndef CONSOLE_COMMAND_H
#define CONSOLE_COMMAND_H

#include "console/grammar.h"
#include "console/proto.h"
#include "console/render.h"
#include "console/session.h"

struct event;
struct session_job;

struct command {
	struct session_host *host;
	struct evbuffer *out;
	bool terminal;		 // watch clears the screen
	struct session *session; // given to verbs
	struct turn turn;
	struct event *timer; // of a watch, and of a verb that waits
	void (*ended_cb)(void *arg);
	void *arg;
	// Of the one that runs.
	bool runs;
	bool framed;  // between the verb's beginning and end
	bool blocked; // goes on when the output has been taken
	bool quit;
	bool over;		 // there is nothing (more) to run, but its end is to be told
	struct session_job *job; // goes on after the verb has run; NULL: none
	int status;
	struct grammar_match match;
	struct verb_ctx v;
	struct render r;
	uint64_t frame_us;   // when the last frame began
	unsigned int frames; // shown
	unsigned int dropped;
	char line[CONSOLE_LINE_MAX + 2];  // cut into words
	char shown[CONSOLE_LINE_MAX + 2]; // as it was given
};

// 0 or -ENOMEM. ended_cb: from the event loop, when a command is over; may free everything.
int command_init(struct command *c, struct session_host *host, struct evbuffer *out, bool terminal,
	void (*ended_cb)(void *arg), void *arg);
void command_fini(struct command *c);
// Begins a line of at most CONSOLE_LINE_MAX characters. 0: it runs, ended_cb will be called;
// -ENODATA: there is no command on it; -EINVAL: it is none, and out says why.
int command_begin(struct command *c, const char *line);
// For a line that command_begin() has refused, and for a job that is over: ended_cb is called from
// the event loop.
void command_over(struct command *c);
// Ends it now, without ended_cb.
void command_abort(struct command *c);
// The client has taken output.
void command_drained(struct command *c);
static inline bool command_watches(const struct command *c)
{
	return c->runs && c->match.every_ms > 0;
}

#endif
