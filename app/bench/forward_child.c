// SPDX-License-Identifier: BSD-3-Clause
#include "bench/forward_child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_CHILDREN 16
#define END_MS	     5000 // a driver that closes on netdevs takes its time
#define STEP_MS	     10

static struct {
	pid_t pid;
	int fd;
} children[MAX_CHILDREN]; // pid 0: free

static void nap(unsigned int ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&ts, NULL);
}

static int slot_free(void)
{
	for (int i = 0; i < MAX_CHILDREN; i++)
		if (children[i].pid == 0)
			return i;
	return -1;
}

static void slot_forget(pid_t pid)
{
	for (int i = 0; i < MAX_CHILDREN; i++)
		if (children[i].pid == pid)
			children[i].pid = 0;
}

// Async-signal-safe, all of it.
static void on_signal(int sig)
{
	for (int i = 0; i < MAX_CHILDREN; i++)
		if (children[i].pid > 0)
			close(children[i].fd);
	for (int left = END_MS / STEP_MS; left > 0; left--) {
		pid_t pid;

		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			slot_forget(pid);
		if (pid < 0) // none left
			break;
		nap(STEP_MS);
	}
	for (int i = 0; i < MAX_CHILDREN; i++)
		if (children[i].pid > 0)
			kill(children[i].pid, SIGKILL);
	signal(sig, SIG_DFL);
	raise(sig);
}

void children_catch_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal};

	sigemptyset(&sa.sa_mask);
	sigaddset(&sa.sa_mask, SIGINT);
	sigaddset(&sa.sa_mask, SIGTERM);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

// In the child: no socket of another child may stay open here, or that one would not see its end.
static void child_only(int fd, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	for (int i = 0; i < MAX_CHILDREN; i++)
		if (children[i].pid > 0 && children[i].fd != fd)
			close(children[i].fd);
	// Ctrl-C reaches the whole group; it is the parent that ends us.
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
}

static pid_t child_start(struct child *c, int *fd)
{
	pid_t parent = getpid(), pid;
	int slot = slot_free(), pair[2];

	c->pid = 0;
	if (slot < 0)
		return -EMFILE;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		close(pair[0]);
		close(pair[1]);
		return -errno;
	}
	if (pid == 0) {
		close(pair[0]);
		child_only(pair[1], parent);
		*fd = pair[1];
		return 0;
	}
	close(pair[1]);
	children[slot].fd = pair[0];
	children[slot].pid = pid;
	c->pid = pid;
	c->fd = pair[0];
	return pid;
}

int child_fork(struct child *c, int (*main_cb)(int fd, void *arg), void *arg)
{
	int fd = -1;
	pid_t pid = child_start(c, &fd);

	if (pid == 0) {
		int rc = main_cb(fd, arg);

		fflush(NULL);
		_exit(rc);
	}
	return pid < 0 ? pid : 0;
}

int child_exec(struct child *c, char *const argv[])
{
	int fd = -1;
	pid_t pid = child_start(c, &fd);

	if (pid == 0) {
		dup2(fd, STDIN_FILENO);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid < 0 ? pid : 0;
}

bool child_end(struct child *c)
{
	int status = -1;
	pid_t pid = 0;

	if (c->pid <= 0)
		return true;
	close(c->fd);
	for (int left = END_MS / STEP_MS; left > 0 && pid == 0; left--) {
		pid = waitpid(c->pid, &status, WNOHANG);
		if (pid == 0)
			nap(STEP_MS);
	}
	if (pid == 0) {
		kill(c->pid, SIGKILL);
		waitpid(c->pid, NULL, 0);
		status = -1;
	}
	slot_forget(c->pid);
	c->pid = 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int child_read(int fd, void *buf, size_t len, int timeout_ms)
{
	uint8_t *p = buf;

	while (len > 0) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		int ready = poll(&pfd, 1, timeout_ms);
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return ready < 0 ? -errno : -ETIMEDOUT;
		n = read(fd, p, len);
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int child_write(int fd, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}
