// SPDX-License-Identifier: BSD-3-Clause
// Floods of connections: some say nothing, some say their request octet by octet, some say garbage
// and go, some ask for everything and read nothing. All but those that go are kept until their
// place is wanted.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "flood.h"
#include "labutil.h"

#define GARBAGE	 512
#define PAUSE_NS 200000

enum habit { SILENT, SLOW, GARBLED, DEAF, HABITS };

struct client {
	int fd; // -1: none
	enum habit habit;
	size_t said;
};

static const char console_request[] = "run show channels detail\n";
static const char metrics_request[] = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";

struct clients {
	struct flood *f;
	struct client *held;
	unsigned int next;
	const char *request;
	struct sockaddr_storage to;
	socklen_t to_len;
};

// Reset, so that no port of ours waits for its end.
static void end(struct client *c)
{
	const struct linger now = {.l_onoff = 1};

	if (c->fd < 0)
		return;
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(c->fd);
	c->fd = -1;
}

static int begin(struct clients *cs)
{
	int fd = socket(cs->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		lab_fail("no socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&cs->to, cs->to_len) < 0 && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

// What does not arrive is the server's word: nobody looks.
static void say(int fd, const void *text, size_t len)
{
	(void)send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void act(struct clients *cs, struct client *c)
{
	uint8_t garbage[GARBAGE];

	switch (c->habit) {
	case SLOW:
		if (c->said < strlen(cs->request))
			say(c->fd, cs->request + c->said++, 1);
		break;
	case GARBLED:
		for (size_t i = 0; i < sizeof(garbage); i++)
			garbage[i] = (uint8_t)rng_u32(&cs->f->rng);
		say(c->fd, garbage, sizeof(garbage));
		end(c);
		break;
	case DEAF:
		if (c->said == 0)
			say(c->fd, cs->request, strlen(cs->request));
		c->said = 1;
		break;
	case SILENT:
	case HABITS:
		break;
	}
}

static void one(struct clients *cs, uint64_t i)
{
	struct client *c = &cs->held[cs->next], *other;

	end(c);
	*c = (struct client){.fd = begin(cs), .habit = (enum habit)(i % HABITS)};
	if (c->fd < 0) {
		cs->f->refused++;
		return;
	}
	cs->f->sent++;
	cs->next = (cs->next + 1) % cs->f->held;
	act(cs, c);
	other = &cs->held[rng_below(&cs->f->rng, cs->f->held)];
	if (other->fd >= 0)
		act(cs, other);
}

static void run(struct clients *cs)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	struct flood *f = cs->f;
	uint64_t start = lab_mono_ns(), now = start;

	fprintf(stderr, "lab-flood: flooding\n");
	for (uint64_t i = 0; !lab_stopped && now < f->end_ns && (f->count == 0 || i < f->count);) {
		double due = (double)(now - start) * (double)f->rate / NS_PER_S;

		if (f->rate == 0 || (double)i < due)
			one(cs, i++);
		else
			nanosleep(&pause, NULL);
		now = lab_mono_ns();
	}
}

bool flood_is_clients(const char *kind)
{
	return strcmp(kind, "console") == 0 || strcmp(kind, "metrics") == 0;
}

void flood_clients(struct flood *f)
{
	struct clients cs = {.f = f, .request = metrics_request};
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	net_enter(f->at);
	if (strcmp(f->kind, "console") == 0) {
		if (!f->path || strlen(f->path) >= sizeof(un.sun_path))
			lab_usage("--path is needed, of a socket");
		memcpy(un.sun_path, f->path, strlen(f->path) + 1);
		memcpy(&cs.to, &un, sizeof(un));
		cs.to_len = sizeof(un);
		cs.request = console_request;
	} else {
		cs.to_len = addr_to_sockaddr(&f->target, f->port, &cs.to);
	}
	lab_raise_files();
	cs.held = calloc(f->held, sizeof(*cs.held));
	if (!cs.held)
		lab_fail("out of memory");
	for (unsigned int i = 0; i < f->held; i++)
		cs.held[i].fd = -1;
	run(&cs);
	for (unsigned int i = 0; i < f->held; i++)
		end(&cs.held[i]);
	free(cs.held);
}
