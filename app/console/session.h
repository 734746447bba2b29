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

#endif
