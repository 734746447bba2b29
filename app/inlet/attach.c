// SPDX-License-Identifier: BSD-3-Clause
#include "inlet/attach.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
#define N_SIGNALS (sizeof(signals) / sizeof(signals[0]))

// Lets the signals come only while we wait in ppoll(2): none is missed between a check and a wait.
static void catch_signals(sigset_t *waiting)
{
	struct sigaction sa = {.sa_handler = on_signal};
	sigset_t block;

	sigemptyset(&sa.sa_mask);
	sigemptyset(&block);
	for (size_t i = 0; i < N_SIGNALS; i++) {
		sigaction(signals[i], &sa, NULL);
		sigaddset(&block, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &block, waiting);
	for (size_t i = 0; i < N_SIGNALS; i++)
		sigdelset(waiting, signals[i]);
	signal(SIGPIPE, SIG_IGN);
}

static bool raw_mode(struct termios *saved)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, saved) < 0)
		return false;
	raw = *saved;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_iflag &= ~(tcflag_t)IXON;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static bool write_all(int fd, const char *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR && !caught)
			continue;
		if (n < 0)
			return false;
		buf += n;
		len -= (size_t)n;
	}
	return true;
}

// Moves what waits on `from`. 1: go on, 0: end of file, -1: error.
static int move(int from, int to)
{
	char buf[4096];
	ssize_t n = read(from, buf, sizeof(buf));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 1 : -1;
	if (n == 0)
		return 0;
	return write_all(to, buf, (size_t)n) ? 1 : -1;
}

static int loop(int fd, const sigset_t *waiting)
{
	struct pollfd p[] = {
		{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = fd, .events = POLLIN},
	};

	while (!caught) {
		if (ppoll(p, 2, NULL, waiting) < 0) {
			if (errno == EINTR)
				continue;
			return 1;
		}
		// The server's last words come before our reaction to its closing.
		if (p[1].revents) {
			int ret = move(fd, STDOUT_FILENO);

			if (ret <= 0)
				return ret < 0;
		}
		if (p[0].revents && move(STDIN_FILENO, fd) <= 0) {
			p[0].fd = -1;
			shutdown(fd, SHUT_WR); // the server still answers what it was sent
		}
	}
	return 128 + caught;
}

int attach(int fd)
{
	struct termios saved;
	sigset_t waiting;
	bool raw;
	int ret;

	catch_signals(&waiting);
	raw = raw_mode(&saved);
	ret = loop(fd, &waiting);
	if (raw) {
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
		if (write(STDOUT_FILENO, "\n", 1) < 0)
			return ret;
	}
	return ret;
}
