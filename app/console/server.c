// SPDX-License-Identifier: BSD-3-Clause
#include "console/server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "base/log.h"
#include "console/listen.h"
#include "console/proto.h"
#include "console/session.h"

#define READ_MAX 8192 // octets of input held for a client

enum mode { MODE_GREETING, MODE_TTY, MODE_RUN, MODE_CLOSING };

struct client {
	LIST_ENTRY(client) link;
	struct console_server *server;
	struct bufferevent *bev;
	struct session *session;
	enum mode mode;
	bool eof; // it says no more
};

struct console_server {
	struct event_base *base;
	struct session_host host;
	struct console_limits limits;
	struct listen_path at;
	struct evconnlistener *listener;
	struct event *accept_again; // after a failure of accept(2)
	LIST_HEAD(client_list, client) clients;
	unsigned int n_clients;
};

const struct console_limits console_limits_default = {
	.max_clients = 32,
	.pending_max = 1u << 20,
	.stall_ms = 600000,
	.greeting_ms = 10000,
};

static struct timeval ms_to_timeval(unsigned int ms)
{
	return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

static void client_free(struct client *c)
{
	LIST_REMOVE(c, link);
	c->server->n_clients--;
	session_free(c->session);
	bufferevent_free(c->bev);
	free(c);
}

static size_t pending(const struct client *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->bev));
}

// Takes no more input; goes when the output has gone, at the earliest from the event loop: c is
// good until the callback that called this returns.
static void client_finish(struct client *c)
{
	c->mode = MODE_CLOSING;
	bufferevent_disable(c->bev, EV_READ);
	bufferevent_trigger(
		c->bev, EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

static void client_trailer(struct client *c, int status)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%c%d\n", '\0', status);

	evbuffer_add(bufferevent_get_output(c->bev), text, (size_t)n);
}

static void client_refuse(struct client *c, const char *why)
{
	c->server->host.clients.bad_greeting++;
	evbuffer_add_printf(bufferevent_get_output(c->bev), "error: %s\n", why);
	client_trailer(c, CONSOLE_STATUS_ERROR);
	client_finish(c);
}

static void client_tty(struct client *c);

static void on_session(void *arg, enum session_event ev)
{
	struct client *c = arg;

	if (ev == SESSION_RAN)
		client_trailer(c, session_status(c->session));
	if (ev == SESSION_READY)
		client_tty(c);
	else
		client_finish(c);
}

static void client_begin(struct client *c, const char *line)
{
	bool tty = strcmp(line, CONSOLE_MODE_TTY) == 0;
	size_t run = strlen(CONSOLE_MODE_RUN);
	struct timeval stall = ms_to_timeval(c->server->limits.stall_ms);

	if (!tty && strncmp(line, CONSOLE_MODE_RUN, run) != 0) {
		client_refuse(c, "the first line must be \"tty\" or \"run COMMAND\"");
		return;
	}
	bufferevent_set_timeouts(c->bev, NULL, &stall);
	c->session = session_create(
		&c->server->host, bufferevent_get_output(c->bev), tty, on_session, c);
	if (!c->session) {
		client_refuse(c, strerror(errno));
	} else if (tty) {
		c->mode = MODE_TTY;
	} else {
		c->mode = MODE_RUN;
		session_run(c->session, line + run);
	}
}

// The first line, as far as it is there.
static void client_greeting(struct client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t len, max = CONSOLE_LINE_MAX + strlen(CONSOLE_MODE_RUN);
	char *line = evbuffer_readln(in, &len, EVBUFFER_EOL_CRLF);

	if (!line && evbuffer_get_length(in) <= max)
		return;
	if (!line || len > max)
		client_refuse(c, "line too long");
	else if (strlen(line) != len)
		client_refuse(c, "NUL in a line");
	else
		client_begin(c, line);
	free(line);
}

// What the terminal sent, as far as the session takes it now.
static void client_tty(struct client *c)
{
	if (!session_input(c->session, bufferevent_get_input(c->bev), c->eof))
		client_finish(c);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct client *c = arg;

	(void)bev;
	if (c->mode == MODE_GREETING)
		client_greeting(c);
	if (c->mode == MODE_TTY)
		client_tty(c);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct client *c = arg;

	(void)bev;
	if (c->mode == MODE_CLOSING) {
		if (pending(c) == 0)
			client_free(c);
		return;
	}
	if (c->session)
		session_drained(c->session);
	if (c->mode == MODE_TTY)
		client_tty(c);
}

// Whether a client that says no more does not read any more either.
static bool is_gone(const struct client *c)
{
	struct pollfd p = {.fd = bufferevent_getfd(c->bev)};

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct client *c = arg;
	struct console_server *s = c->server;

	(void)bev;
	if (what & BEV_EVENT_TIMEOUT) {
		if (what & BEV_EVENT_WRITING) {
			s->host.clients.stalled++;
			log_warn_limited("console", "session closed: its client does not read");
		} else {
			s->host.clients.silent++;
		}
		client_free(c);
	} else if (what & BEV_EVENT_EOF) {
		// A client may close its sending side and still read.
		c->eof = true;
		if (c->mode == MODE_TTY)
			client_tty(c);
		else if (c->mode != MODE_RUN)
			client_finish(c);
		else if (session_busy(c->session))
			session_done(c->session, CONSOLE_STATUS_OK);
		else if (is_gone(c))
			client_free(c);
	} else {
		client_free(c);
	}
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa,
	int len, void *arg)
{
	struct console_server *s = arg;
	struct timeval greeting = ms_to_timeval(s->limits.greeting_ms);
	struct timeval stall = ms_to_timeval(s->limits.stall_ms);
	struct client *c = NULL;

	(void)listener;
	(void)sa;
	(void)len;
	if (s->n_clients < s->limits.max_clients)
		c = calloc(1, sizeof(*c));
	if (c)
		c->bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c || !c->bev) {
		static const char busy[] = "error: too many sessions\n\0001\n";

		s->host.clients.refused++;
		log_warn_limited("console", "session refused: %u at one time are the limit",
			s->limits.max_clients);
		// A new socket takes these few octets at once; if not, the client sees it close.
		if (send(fd, busy, sizeof(busy) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			log_debug("console", "refusal not sent");
		close(fd);
		free(c);
		return;
	}
	c->server = s;
	LIST_INSERT_HEAD(&s->clients, c, link);
	s->host.clients.accepted++;
	s->n_clients++;
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, READ_MAX);
	bufferevent_setwatermark(c->bev, EV_WRITE, s->limits.pending_max / 2, 0);
	bufferevent_set_timeouts(c->bev, &greeting, &stall);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
	struct console_server *s = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(s->listener);
}

// Out of file descriptors, say: the waiting client would wake us again and again.
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct console_server *s = arg;
	struct timeval pause = {.tv_sec = 1};

	log_warn_limited("console", "cannot accept: %s", strerror(errno));
	evconnlistener_disable(listener);
	event_add(s->accept_again, &pause);
}

struct console_server *console_server_open_limited(struct event_base *base, const char *path,
	const struct observe *o, const struct console_limits *limits, char err[CONSOLE_ERR_LEN])
{
	struct console_server *s = calloc(1, sizeof(*s));
	int fd;

	if (!s) {
		snprintf(err, CONSOLE_ERR_LEN, "console: out of memory");
		return NULL;
	}
	s->base = base;
	s->limits = *limits;
	LIST_INIT(&s->clients);
	if (session_host_init(&s->host, base, o, limits->pending_max) < 0) {
		snprintf(err, CONSOLE_ERR_LEN, "console: out of memory");
		free(s);
		return NULL;
	}
	fd = listen_path_open(&s->at, path, err);
	if (fd < 0)
		goto free_server;
	s->accept_again = event_new(base, -1, 0, on_accept_again, s);
	s->listener = evconnlistener_new(
		base, on_accept, s, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16, fd);
	if (!s->accept_again || !s->listener) {
		snprintf(err, CONSOLE_ERR_LEN, "%.200s: cannot listen", path);
		goto close_path;
	}
	evconnlistener_set_error_cb(s->listener, on_accept_error);
	return s;
close_path:
	if (s->accept_again)
		event_free(s->accept_again);
	if (s->listener)
		evconnlistener_free(s->listener);
	else
		close(fd);
	listen_path_close(&s->at);
free_server:
	session_host_fini(&s->host);
	free(s);
	return NULL;
}

struct console_server *console_server_open(struct event_base *base, const char *path,
	const struct observe *o, char err[CONSOLE_ERR_LEN])
{
	return console_server_open_limited(base, path, o, &console_limits_default, err);
}

void console_server_close(struct console_server *s)
{
	struct client *next;

	if (!s)
		return;
	for (struct client *c = LIST_FIRST(&s->clients); c; c = next) {
		next = LIST_NEXT(c, link);
		client_free(c);
	}
	evconnlistener_free(s->listener);
	event_free(s->accept_again);
	listen_path_close(&s->at);
	session_host_fini(&s->host);
	free(s);
}

void console_server_stats(const struct console_server *s, struct console_stats *out)
{
	*out = (struct console_stats){
		.sum = s->host.clients,
		.frames_dropped = s->host.frames_dropped,
		.longest_us = s->host.turns.longest_us,
		.clients = s->n_clients,
	};
}
