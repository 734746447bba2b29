// SPDX-License-Identifier: BSD-3-Clause
// A listening UNIX socket in the file system.
#ifndef CONSOLE_LISTEN_H
#define CONSOLE_LISTEN_H

#include <sys/types.h>

#include "console/server.h"

// What was bound, so that only that is removed.
struct listen_path {
	char path[108];
	dev_t dev;
	ino_t ino;
};

// Binds a non-blocking socket at path. The file descriptor, or a negative errno with one line in
// err.
int listen_path_open(struct listen_path *at, const char *path, char err[CONSOLE_ERR_LEN]);
// Removes the socket if it is still ours; the descriptor is the caller's.
void listen_path_close(const struct listen_path *at);

#endif
