// SPDX-License-Identifier: BSD-3-Clause
// What the service manager is told (sd_notify(3)): that inletd is ready, that it stops, and while
// the control loop turns and every worker polls, that it lives. Without NOTIFY_SOCKET nothing is
// said.
#ifndef INLETD_NOTIFY_H
#define INLETD_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NOTIFY_MAX_WORKERS 64

struct notify {
	int fd; // -1: nobody is told
	struct sockaddr_un to;
	socklen_t to_len;
	uint64_t interval_us; // between two signs of life; 0: none are asked for
	// What each worker had polled when it was last seen to, and whether it stands still.
	uint64_t polls[NOTIFY_MAX_WORKERS];
	bool stalled[NOTIFY_MAX_WORKERS];
};

// From the environment: the values of NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, NULL for those
// that are not set, and our process. A third of WATCHDOG_USEC is the interval. 0, or a negative
// errno: -EINVAL for a socket's name that cannot be one.
int notify_open(struct notify *n, const char *socket_name, const char *watchdog_usec,
	const char *watchdog_pid, int pid);
void notify_close(struct notify *n);
// One datagram, such as "READY=1"; never waits.
void notify_say(const struct notify *n, const char *what);
// That a reload begins at now_us, CLOCK_MONOTONIC; "READY=1" is to follow.
void notify_reloading(const struct notify *n, uint64_t now_us);
// polls: of each worker, which only grow. Says "WATCHDOG=1" when all of them have polled since the
// last call; else which has not, once, in the log. False then.
bool notify_alive(struct notify *n, const uint64_t *polls, unsigned int n_workers);

#endif
