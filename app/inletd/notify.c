// SPDX-License-Identifier: BSD-3-Clause
#include "inletd/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

// Signs of life in the time after which the manager misses them.
#define SIGNS 3

static uint64_t number(const char *text)
{
	char *end;
	unsigned long long v;

	if (!text || !*text)
		return 0;
	errno = 0;
	v = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' ? v : 0;
}

int notify_open(struct notify *n, const char *socket_name, const char *watchdog_usec,
	const char *watchdog_pid, int pid)
{
	size_t len = socket_name ? strlen(socket_name) : 0;

	memset(n, 0, sizeof(*n));
	n->fd = -1;
	if (len == 0)
		return 0;
	// A path, or an abstract name whose first octet, 0, is written as @.
	if (len < 2 || len >= sizeof(n->to.sun_path) ||
		(socket_name[0] != '/' && socket_name[0] != '@'))
		return -EINVAL;
	n->to.sun_family = AF_UNIX;
	memcpy(n->to.sun_path, socket_name, len);
	if (socket_name[0] == '@')
		n->to.sun_path[0] = '\0';
	n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (n->fd < 0)
		return -errno;
	// For another process than us: of whoever started us.
	if (!watchdog_pid || number(watchdog_pid) == (uint64_t)pid)
		n->interval_us = number(watchdog_usec) / SIGNS;
	return 0;
}

void notify_close(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
	n->interval_us = 0;
}

void notify_say(const struct notify *n, const char *what)
{
	if (n->fd < 0)
		return;
	if (sendto(n->fd, what, strlen(what), MSG_DONTWAIT | MSG_NOSIGNAL,
		    (const struct sockaddr *)&n->to, n->to_len) < 0)
		log_warn_limited("inletd",
			"the service manager is not told what=\"%s\" error=\"%s\"", what,
			strerror(errno));
}

void notify_reloading(const struct notify *n, uint64_t now_us)
{
	char text[64];

	snprintf(
		text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)now_us);
	notify_say(n, text);
}

bool notify_alive(struct notify *n, const uint64_t *polls, unsigned int n_workers)
{
	bool all = true;

	for (unsigned int w = 0; w < n_workers && w < NOTIFY_MAX_WORKERS; w++) {
		bool stalled = polls[w] == n->polls[w];

		if (stalled != n->stalled[w])
			log_warn("inletd", "worker %s worker=%u polls=%llu",
				stalled ? "stands still" : "polls again", w,
				(unsigned long long)polls[w]);
		n->stalled[w] = stalled;
		n->polls[w] = polls[w];
		all &= !stalled;
	}
	if (all)
		notify_say(n, "WATCHDOG=1");
	return all;
}
