// SPDX-License-Identifier: BSD-3-Clause
// One session: the line editor of librte_cmdline, and the command that runs. Its output goes to an
// evbuffer, so that nobody who does not read can block the control thread: a command with much to
// show goes on when the buffer has been taken, and a watch leaves out what nobody takes. Knows
// neither socket nor terminal.
#ifndef CONSOLE_SESSION_H
#define CONSOLE_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "console/turns.h"
#include "observe/observe.h"

struct evbuffer;
struct event_base;
struct grammar;
struct session;

#define SESSION_HISTORY 32

// What became of those who connected to it; the server's (server.h), zero without one.
struct session_clients {
	uint64_t accepted;
	uint64_t refused;      // too many at one time
	uint64_t stalled;      // closed because they did not read
	uint64_t silent;       // closed because they said nothing
	uint64_t bad_greeting; // said something else than the protocol's first line
};

// What the sessions of one place have in common.
struct session_host {
	const struct observe *o;
	struct event_base *base;
	struct grammar *grammar;
	struct turns turns;
	size_t pending_max;		// octets not taken past which no more are made
	char *history[SESSION_HISTORY]; // the last lines, for who attaches later
	unsigned int n_history;		// ever; the next is at n_history % SESSION_HISTORY
	unsigned int sessions;		// now
	uint64_t began;
	uint64_t frames_dropped; // of watches whose client had not taken the one before
	struct session_clients clients;
};
// 0 or -ENOMEM; o and base outlive the host.
int session_host_init(struct session_host *h, struct event_base *base, const struct observe *o,
	size_t pending_max);
void session_host_fini(struct session_host *h);

enum session_event {
	SESSION_READY, // a command is over: input is taken again
	SESSION_OVER,  // quit; or all input was taken and there is no more
	SESSION_RAN,   // session_run()'s is over: session_status()
};
// From the event loop, never from within a call. The session may be freed there.
typedef void (*session_cb)(void *arg, enum session_event ev);

// interactive: with prompt (written at once), echo, completion and history, for session_input();
// else for session_run(). out and h outlive the session. NULL with errno.
struct session *session_create(
	struct session_host *h, struct evbuffer *out, bool interactive, session_cb cb, void *arg);
void session_free(struct session *s);
// Takes octets from `in`, as a terminal sends them, as far as it can: while a command runs the rest
// stays there until SESSION_READY, but ^C ends the command, and any key a watch. eof: no more come.
// False when the session is over: quit, or ^D on an empty line, or eof and nothing left to do.
bool session_input(struct session *s, struct evbuffer *in, bool eof);
// One command without its newline; its output or error text goes to out, by and by.
void session_run(struct session *s, const char *line);
// Of the last command: CONSOLE_STATUS_OK or CONSOLE_STATUS_ERROR.
int session_status(const struct session *s);
struct session_stats {
	unsigned int sessions; // now, at the same place
	uint64_t began, frames_dropped;
	uint64_t longest_us; // as struct turns has it
	struct session_clients clients;
};
void session_stats(const struct session *s, struct session_stats *out);
// The client has taken output: half of what may wait, or all.
void session_drained(struct session *s);

// Something that a verb leaves in the foreground of its session (verb_ctx.session), and which says
// more as time goes on: until it ends itself (session_done()), or the session ends it because ^C
// came or a line that says "stop", or because the client has gone. Then stop_cb is called, once,
// and the job is not touched any more.
struct session_job {
	void (*stop_cb)(struct session_job *job);
};
void session_begin(struct session *s, struct session_job *job);
// Text of the job. False when it is lost: the client does not take what it was sent before.
bool session_say(struct session *s, const char *text, size_t len);
// The job is over: stop_cb comes from in here, the prompt, or SESSION_RAN, later.
void session_done(struct session *s, int status);
// Whether a job is in the foreground.
bool session_busy(const struct session *s);

#endif
