// SPDX-License-Identifier: BSD-3-Clause
// One session: a command line of librte_cmdline whose output goes to an evbuffer, so that nobody
// who does not read can block the control thread. Knows neither socket nor terminal.
#ifndef CONSOLE_SESSION_H
#define CONSOLE_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "observe/observe.h"

struct evbuffer;
struct session;

// interactive: with prompt (written at once), echo, completion and history, for session_input();
// else for session_run(). out and o outlive the session. NULL with errno.
struct session *session_create(const struct observe *o, struct evbuffer *out, bool interactive);
void session_free(struct session *s);
// Octets as a terminal sends them. False when the session is over (quit, or ^D on an empty line).
bool session_input(struct session *s, const char *buf, size_t len);
// One command without its newline; its output or error text goes to out. CONSOLE_STATUS_OK or
// CONSOLE_STATUS_ERROR.
int session_run(struct session *s, const char *line);
// What session_run() returns of a verb that goes on (session_begin()): the status comes by done_cb.
#define SESSION_GOES_ON (-1)

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
// The job is over: stop_cb comes from in here, then the prompt, or done_cb.
void session_done(struct session *s, int status);
// done_cb: that the job of session_run() is over. It may not free the session.
void session_on_done(struct session *s, void (*done_cb)(void *arg, int status), void *arg);
// Whether a job is in the foreground.
bool session_busy(const struct session *s);

#endif
