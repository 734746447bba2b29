// SPDX-License-Identifier: BSD-3-Clause
#include "bench/forward_netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_MS 5000
#define CMD_LEN	 256
#define MAX_ARGS 32

int netns_enter(const struct child *holder)
{
	char path[64];
	int fd, rc = 0;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)holder->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (setns(fd, CLONE_NEWNET) != 0)
		rc = -errno;
	close(fd);
	return rc;
}

static int holder_main(int fd, void *arg)
{
	int rc = unshare(CLONE_NEWNET) == 0 ? 0 : -errno;
	char c;

	(void)arg;
	if (child_write(fd, &rc, sizeof(rc)) != 0 || rc != 0)
		return 1;
	(void)child_read(fd, &c, 1, -1); // until the end
	return 0;
}

static int holder_open(struct child *c)
{
	int answer = 0, rc = child_fork(c, holder_main, NULL);

	if (rc == 0)
		rc = child_read(c->fd, &answer, sizeof(answer), READY_MS);
	return rc != 0 ? rc : answer;
}

// Runs ip(8) with words split at blanks.
static int run_ip(char *words)
{
	char *argv[MAX_ARGS] = {"ip"}, *rest = NULL;
	int argc = 1, status;
	pid_t pid;

	for (char *w = strtok_r(words, " ", &rest); w && argc < MAX_ARGS - 1;
		w = strtok_r(NULL, " ", &rest))
		argv[argc++] = w;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return -ENOENT;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

__attribute__((format(printf, 1, 2))) static int ip(const char *fmt, ...)
{
	char words[CMD_LEN];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	return run_ip(words);
}

static int set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

// Nothing of the kernel's own is to run on these links.
static int quiet(void)
{
	int rc = set("/proc/sys/net/ipv4/conf/all/rp_filter", "0");

	if (rc == 0)
		rc = set("/proc/sys/net/ipv4/conf/default/rp_filter", "0");
	(void)set("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1"); // where there is IPv6
	(void)set("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	return rc;
}

struct setup {
	const struct netns *n;
	const uint8_t *mac;
	uint32_t local;
};

static int pair(const char *here, const char *there, const char *mac, pid_t pid)
{
	return ip("link add %s numrxqueues 1 numtxqueues 1 type veth peer name %s address %s "
		  "numrxqueues 1 numtxqueues 1 netns %d",
		here, there, mac, (int)pid);
}

static int setup(const struct setup *s)
{
	const uint8_t *m = s->mac;
	char mac[18];
	int rc;

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
		m[5]);
	if ((rc = netns_enter(&s->n->b)) != 0 || (rc = quiet()) != 0 ||
		(rc = netns_enter(&s->n->a)) != 0 || (rc = quiet()) != 0)
		return rc;
	if ((rc = pair("gen0", "up0", mac, s->n->b.pid)) != 0 ||
		(rc = pair("sink0", "down0", "02:00:00:00:00:03", s->n->b.pid)) != 0 ||
		(rc = ip("link set gen0 up")) != 0 || (rc = ip("link set sink0 up")) != 0)
		return rc;
	if ((rc = netns_enter(&s->n->b)) != 0 || (rc = ip("link set up0 up")) != 0 ||
		(rc = ip("link set down0 up")) != 0)
		return rc;
	return ip("addr add %u.%u.%u.%u/24 dev up0", s->local >> 24, (s->local >> 16) & 255,
		(s->local >> 8) & 255, s->local & 255);
}

static int setup_main(int fd, void *arg)
{
	int rc = setup(arg);

	return child_write(fd, &rc, sizeof(rc)) != 0;
}

int netns_open(struct netns *n, const uint8_t up_mac[6], uint32_t local, char err[NETNS_ERR_LEN])
{
	const struct setup s = {.n = n, .mac = up_mac, .local = local};
	struct child worker = {0};
	int answer = 0, rc;

	memset(n, 0, sizeof(*n));
	rc = holder_open(&n->a);
	if (rc == 0)
		rc = holder_open(&n->b);
	if (rc == 0)
		rc = child_fork(&worker, setup_main, (void *)(uintptr_t)&s);
	if (rc == 0)
		rc = child_read(worker.fd, &answer, sizeof(answer), READY_MS);
	child_end(&worker);
	if (rc == 0)
		rc = answer;
	if (rc == 0)
		return 0;
	snprintf(err, NETNS_ERR_LEN, "network namespaces: %s", strerror(-rc));
	netns_close(n);
	return rc;
}

void netns_close(struct netns *n)
{
	child_end(&n->a);
	child_end(&n->b);
}
