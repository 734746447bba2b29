// SPDX-License-Identifier: BSD-3-Clause
#include "metrics/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "base/log.h"
#include "base/timer.h"
#include "metrics/http.h"

#define BACKLOG	 16
#define DRAIN_MS 1000 // for a client to close after the answer

enum mode {
	MODE_REQUEST, // its head is read
	MODE_PAGE,    // the page is made
	MODE_LAST,    // what is written goes out
	MODE_DRAIN,   // our side is closed, what still comes is thrown away
};

struct client {
	TAILQ_ENTRY(client) link;
	TAILQ_ENTRY(client) turn;
	struct metrics_server *server;
	struct bufferevent *bev;
	struct event *deadline;
	enum mode mode;
	bool queued;  // on server.turns
	bool chunked; // else the end of the connection is the end
	struct page *page;
	uint64_t since_us, cpu_us;
};
TAILQ_HEAD(clients, client);

struct metrics_server {
	struct event_base *base;
	const struct observe *o;
	struct page_cfg cfg;
	struct metrics_limits limits;
	struct observe_scrapes *stats;
	struct evconnlistener *listener;
	struct event *accept_again, *slice;
	struct clients clients;
	struct clients turns; // those whose page can go on
};

const struct metrics_limits metrics_limits_default = {
	.clients = 16,
	.request_ms = 5000,
	.answer_ms = 20000,
	.slice_us = 1000,
	.pending = 1u << 20,
};

static struct timeval from_ms(unsigned int ms)
{
	return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

static struct evbuffer *output(const struct client *c)
{
	return bufferevent_get_output(c->bev);
}

static void turn_end(struct client *c)
{
	if (c->queued)
		TAILQ_REMOVE(&c->server->turns, c, turn);
	c->queued = false;
}

static void turn_wait(struct client *c)
{
	struct timeval now = {0};

	if (!c->queued)
		TAILQ_INSERT_TAIL(&c->server->turns, c, turn);
	c->queued = true;
	if (!evtimer_pending(c->server->slice, NULL))
		evtimer_add(c->server->slice, &now);
}

static void client_free(struct client *c)
{
	turn_end(c);
	TAILQ_REMOVE(&c->server->clients, c, link);
	c->server->stats->clients--;
	page_free(c->page);
	if (c->deadline)
		event_free(c->deadline);
	if (c->bev)
		bufferevent_free(c->bev);
	free(c);
}

static void client_deadline(struct client *c, unsigned int ms)
{
	struct timeval tv = from_ms(ms);

	evtimer_add(c->deadline, &tv);
}

// What is written goes out, and then the connection ends.
static void client_last(struct client *c)
{
	turn_end(c);
	c->mode = MODE_LAST;
	bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
	bufferevent_trigger(
		c->bev, EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

static void client_status(struct client *c, int status, const char *type, const char *more)
{
	evbuffer_add_printf(output(c),
		"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nConnection: close\r\n%s", status,
		http_reason(status), type, more);
}

// A whole answer of plain text.
static void client_say(struct client *c, int status, const char *text, bool head)
{
	client_status(c, status, "text/plain; charset=utf-8",
		status == 405 ? "Allow: GET, HEAD\r\n" : "");
	evbuffer_add_printf(
		output(c), "Content-Length: %zu\r\n\r\n%s", strlen(text), head ? "" : text);
	client_deadline(c, c->server->limits.answer_ms);
	client_last(c);
}

static void client_page(struct client *c, const struct http_request *r)
{
	enum om_format format = r->openmetrics ? OM_OPENMETRICS : OM_TEXT;

	c->since_us = clock_mono_us();
	client_deadline(c, c->server->limits.answer_ms);
	if (!r->head)
		c->page = page_create(c->server->o, &c->server->cfg, format, c->since_us);
	if (!r->head && !c->page) {
		client_say(c, 503, "out of memory\n", false);
		return;
	}
	c->chunked = r->http11;
	client_status(c, 200, om_content_types[format],
		r->http11 && !r->head ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
	if (r->head) {
		client_last(c);
		return;
	}
	c->mode = MODE_PAGE;
	turn_wait(c);
}

static void client_request(struct client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t len = evbuffer_get_length(in);
	struct http_request r;
	int n;

	n = http_request_parse((const char *)evbuffer_pullup(in, (ev_ssize_t)len), len, &r);
	if (n == 0)
		return;
	bufferevent_disable(c->bev, EV_READ);
	if (n > 0 && strcmp(r.path, "/metrics") == 0) {
		client_page(c, &r);
		return;
	}
	if (n > 0 && strcmp(r.path, "/") == 0) {
		client_say(c, 200, "inlet: metrics are at /metrics\n", r.head);
		return;
	}
	c->server->stats->bad++;
	n = n > 0 ? -404 : n;
	client_say(c, -n,
		n == -404 ? "metrics are at /metrics\n" : "this is no request for metrics\n",
		n == -404 && r.head);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct client *c = arg;

	if (c->mode == MODE_REQUEST)
		client_request(c);
	else
		evbuffer_drain(in, evbuffer_get_length(in));
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct client *c = arg;

	if (c->mode == MODE_PAGE)
		turn_wait(c);
	if (c->mode != MODE_LAST || evbuffer_get_length(output(c)) > 0)
		return;
	// A socket closed with something unread in it would take back what the client has not read.
	c->mode = MODE_DRAIN;
	shutdown(bufferevent_getfd(bev), SHUT_WR);
	evbuffer_drain(in, evbuffer_get_length(in));
	client_deadline(c, DRAIN_MS);
	bufferevent_enable(bev, EV_READ);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct client *c = arg;

	(void)bev;
	(void)what;
	client_free(c); // gone, or done
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;

	(void)fd;
	(void)what;
	if (c->mode != MODE_DRAIN)
		c->server->stats->stalled++;
	client_free(c);
}

static void free_text(const void *data, size_t len, void *arg)
{
	(void)data;
	(void)len;
	free(arg);
}

// Hands what the page has written to the client.
static void give(struct client *c)
{
	struct om *om = page_text(c->page);

	if (om->len == 0)
		return;
	if (c->chunked)
		evbuffer_add_printf(output(c), "%zx\r\n", om->len);
	if (evbuffer_add_reference(output(c), om->data, om->len, free_text, om->data) == 0)
		om_taken(om);
	if (c->chunked)
		evbuffer_add(output(c), "\r\n", 2);
}

static void page_end(struct client *c)
{
	struct observe_scrapes *stats = c->server->stats;

	if (page_failed(c->page)) {
		client_free(c); // without an end, so that nobody takes it for whole
		return;
	}
	if (c->chunked)
		evbuffer_add(output(c), "0\r\n\r\n", 5);
	stats->pages++;
	stats->last_us = clock_mono_us() - c->since_us;
	stats->last_cpu_us = c->cpu_us;
	page_free(c->page);
	c->page = NULL;
	client_last(c);
}

// One slice for one client; the next one is for the next client, in the next turn of the loop.
static void on_slice(evutil_socket_t fd, short what, void *arg)
{
	struct metrics_server *s = arg;
	struct client *c = TAILQ_FIRST(&s->turns);
	uint64_t from = clock_thread_cpu_us(), took;
	bool more;

	(void)fd;
	(void)what;
	if (!c)
		return;
	turn_end(c);
	more = page_step(c->page, clock_mono_us() + s->limits.slice_us);
	give(c);
	took = clock_thread_cpu_us() - from;
	c->cpu_us += took;
	s->stats->slices++;
	if (took > s->stats->longest_us)
		s->stats->longest_us = took;
	if (!more)
		page_end(c);
	else if (evbuffer_get_length(output(c)) < s->limits.pending)
		turn_wait(c); // else on_written() goes on
	if ((c = TAILQ_FIRST(&s->turns)))
		// NOLINTNEXTLINE(clang-analyzer-unix.Malloc): client_free() takes it off the list
		turn_wait(c);
}

static void refuse(struct metrics_server *s, evutil_socket_t fd)
{
	static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
				   "Content-Length: 0\r\n\r\n";

	s->stats->refused++;
	log_warn_limited(
		"metrics", "connection refused: %u at one time are the limit", s->limits.clients);
	// A new socket takes these few octets at once.
	if (send(fd, busy, sizeof(busy) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug("metrics", "refusal not sent");
	close(fd);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa,
	int len, void *arg)
{
	struct metrics_server *s = arg;
	struct client *c = NULL;

	(void)listener;
	(void)sa;
	(void)len;
	if (s->stats->clients < s->limits.clients)
		c = calloc(1, sizeof(*c));
	if (!c) {
		refuse(s, fd);
		return;
	}
	c->server = s;
	TAILQ_INSERT_HEAD(&s->clients, c, link);
	s->stats->clients++;
	c->deadline = evtimer_new(s->base, on_deadline, c);
	c->bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c->deadline || !c->bev) {
		if (!c->bev)
			close(fd);
		client_free(c);
		return;
	}
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, HTTP_HEAD_MAX);
	bufferevent_setwatermark(c->bev, EV_WRITE, s->limits.pending / 2, 0);
	client_deadline(c, s->limits.request_ms);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
	struct metrics_server *s = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(s->listener);
}

// Out of file descriptors, say: the waiting client would wake us again and again.
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct metrics_server *s = arg;
	struct timeval pause = {.tv_sec = 1};

	s->stats->refused++;
	log_warn_limited("metrics", "cannot accept: %s", strerror(errno));
	evconnlistener_disable(listener);
	evtimer_add(s->accept_again, &pause);
}

static socklen_t socket_address(const struct config_listen *at, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *in4 = (struct sockaddr_in *)out;

	memset(out, 0, sizeof(*out));
	if (at->addr.family == ADDR_V6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(at->port);
		memcpy(&in6->sin6_addr, at->addr.bytes, sizeof(in6->sin6_addr));
		return sizeof(*in6);
	}
	in4->sin_family = AF_INET;
	in4->sin_port = htons(at->port);
	memcpy(&in4->sin_addr, at->addr.bytes, sizeof(in4->sin_addr));
	return sizeof(*in4);
}

struct metrics_server *metrics_server_open_limited(struct event_base *base,
	const struct config_listen *at, const struct page_cfg *cfg, const struct observe *o,
	struct observe_scrapes *stats, const struct metrics_limits *limits,
	char err[METRICS_ERR_LEN])
{
	struct metrics_server *s = calloc(1, sizeof(*s));
	struct sockaddr_storage ss;
	socklen_t len = socket_address(at, &ss);
	char text[ADDR_STRLEN];

	if (!s) {
		snprintf(err, METRICS_ERR_LEN, "out of memory");
		return NULL;
	}
	s->base = base;
	s->o = o;
	s->cfg = *cfg;
	s->limits = *limits;
	s->stats = stats;
	TAILQ_INIT(&s->clients);
	TAILQ_INIT(&s->turns);
	s->accept_again = evtimer_new(base, on_accept_again, s);
	s->slice = evtimer_new(base, on_slice, s);
	s->listener = evconnlistener_new_bind(base, on_accept, s,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, BACKLOG,
		(struct sockaddr *)&ss, (int)len);
	if (s->accept_again && s->slice && s->listener) {
		evconnlistener_set_error_cb(s->listener, on_accept_error);
		return s;
	}
	snprintf(err, METRICS_ERR_LEN, "cannot listen at %s port %u: %s",
		addr_format(&at->addr, text), at->port, strerror(errno));
	metrics_server_close(s);
	return NULL;
}

struct metrics_server *metrics_server_open(struct event_base *base, const struct config_listen *at,
	const struct page_cfg *cfg, const struct observe *o, struct observe_scrapes *stats,
	char err[METRICS_ERR_LEN])
{
	return metrics_server_open_limited(base, at, cfg, o, stats, &metrics_limits_default, err);
}

void metrics_server_close(struct metrics_server *s)
{
	struct client *c;

	if (!s)
		return;
	while ((c = TAILQ_FIRST(&s->clients)))
		// NOLINTNEXTLINE(clang-analyzer-unix.Malloc): client_free() takes it off the list
		client_free(c);
	if (s->listener)
		evconnlistener_free(s->listener);
	if (s->accept_again)
		event_free(s->accept_again);
	if (s->slice)
		event_free(s->slice);
	free(s);
}
