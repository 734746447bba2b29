// SPDX-License-Identifier: BSD-3-Clause
// A network namespace of the test process's own, and small things to do in it.
#ifndef TEST_UNIT_KIF_NETNS_H
#define TEST_UNIT_KIF_NETNS_H

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

// Enters a fresh network namespace; it goes with the process. False, with the reason printed,
// where that is not allowed.
static inline bool netns_enter(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) {
		printf("# skipped: a network namespace of our own needs root (%s)\n",
			strerror(errno));
		return false;
	}
	if (access("/dev/net/tun", R_OK | W_OK) != 0) {
		printf("# skipped: no /dev/net/tun\n");
		return false;
	}
	return true;
}

static bool have_netns; // what netns_enter() said, for tests that need it

#define NEED_NETNS()             \
	do {                     \
		if (!have_netns) \
			skip();  \
	} while (0)

// Runs a command, which has to succeed.
#define SH(cmd) assert_int_equal(system(cmd), 0)

// Waits up to a second for fd to be readable.
static inline bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 1000) == 1;
}

#endif
