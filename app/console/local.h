// SPDX-License-Identifier: BSD-3-Clause
// The console in the terminal that inletd was started in (inletd -i): the same sessions on stdin
// and stdout.
#ifndef CONSOLE_LOCAL_H
#define CONSOLE_LOCAL_H

#include "observe/observe.h"

struct event_base;
struct console_local;

// The session ended: quit, ^D, end of file or the terminal is gone. Called once, from the event
// loop; console_local_close() must not be called from it.
typedef void (*console_quit_cb)(void *arg);

// A terminal is put in raw mode until console_local_close(). stdin and stdout must be terminals,
// pipes or sockets; SIGPIPE must be ignored. NULL with errno and a line in the log.
struct console_local *console_local_open(
	struct event_base *base, const struct observe *o, console_quit_cb cb, void *arg);
// The same on other descriptors, which stay the caller's.
struct console_local *console_local_open_fds(struct event_base *base, const struct observe *o,
	int in, int out, console_quit_cb cb, void *arg);
// Gives the terminal back as it was.
void console_local_close(struct console_local *l);

#endif
