// SPDX-License-Identifier: BSD-3-Clause
// The console on a UNIX socket (protocol: proto.h), on the event base of the control loop. No
// client can block it: one that does not read is no longer read from either, and is closed in the
// end.
#ifndef CONSOLE_SERVER_H
#define CONSOLE_SERVER_H

#include <stdint.h>

#include "console/session.h"
#include "observe/observe.h"

struct event_base;
struct console_server;

#define CONSOLE_ERR_LEN 256
// Listens at path, mode 0660; its directory is made (0755) when absent, a socket that nobody
// listens on is replaced. o outlives the server. SIGPIPE must be ignored. NULL with one line in
// err.
struct console_server *console_server_open(struct event_base *base, const char *path,
	const struct observe *o, char err[CONSOLE_ERR_LEN]);
// Closes all sessions, removes the socket.
void console_server_close(struct console_server *s);

struct console_limits {
	unsigned int max_clients;
	size_t pending_max;	  // output not yet taken by a client past which its input waits
	unsigned int stall_ms;	  // a client that takes no output for so long is closed
	unsigned int greeting_ms; // so long a client may take to say its first line
};
extern const struct console_limits console_limits_default;
struct console_server *console_server_open_limited(struct event_base *base, const char *path,
	const struct observe *o, const struct console_limits *limits, char err[CONSOLE_ERR_LEN]);

struct console_stats {
	struct session_clients sum;
	uint64_t frames_dropped; // of watches, whose client had not taken the one before
	uint64_t longest_us;	 // of the control thread's time at once, for all sessions
	unsigned int clients;	 // now
};
void console_server_stats(const struct console_server *s, struct console_stats *out);

#endif
