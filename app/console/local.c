// SPDX-License-Identifier: BSD-3-Clause
#include "console/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/log.h"
#include "console/session.h"

#define PENDING_MAX (1u << 20) // output that the terminal has not taken past which its input waits

// A descriptor of our own for in or out. O_NONBLOCK belongs to the open file, which the terminal's
// other users share: so it is opened anew where that can be, and set back at the end where not.
struct channel_fd {
	int fd;	    // -1: none
	int shared; // the caller's descriptor whose flags were changed, -1: opened anew
	int flags;
};

struct console_local {
	console_quit_cb cb;
	void *arg;
	struct channel_fd in, out;
	struct bufferevent *read, *write;
	struct session_host host;
	struct session *session;
	bool eof;     // no more input comes
	int terminal; // whose termios was changed, -1: none
	struct termios saved;
	bool over, told;
};

static void fd_close(struct channel_fd *c)
{
	if (c->shared >= 0)
		fcntl(c->shared, F_SETFL, c->flags);
	if (c->fd >= 0)
		close(c->fd);
}

static int fd_open(struct channel_fd *c, int fd, int mode)
{
	char path[32];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	// The event loop cannot wait for a file or /dev/null.
	if (!isatty(fd) && !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode))
		return -ENOTTY;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	c->fd = open(path, mode | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (c->fd >= 0)
		return 0;
	c->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	c->flags = fcntl(fd, F_GETFL);
	if (c->fd < 0 || c->flags < 0 || fcntl(fd, F_SETFL, c->flags | O_NONBLOCK) < 0)
		return -errno;
	c->shared = fd;
	return 0;
}

static void tell(struct console_local *l)
{
	if (!l->told) {
		l->told = true;
		l->cb(l->arg);
	}
}

// No more input; the callback comes when the last output is out.
static void finish(struct console_local *l)
{
	l->over = true;
	bufferevent_disable(l->read, EV_READ);
	if (evbuffer_get_length(bufferevent_get_output(l->write)) == 0)
		tell(l);
}

static void feed(struct console_local *l)
{
	if (!l->over && !session_input(l->session, bufferevent_get_input(l->read), l->eof))
		finish(l);
}

static void on_session(void *arg, enum session_event ev)
{
	if (ev == SESSION_READY)
		feed(arg);
	else
		finish(arg);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	feed(arg);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct console_local *l = arg;

	if (l->over) {
		if (evbuffer_get_length(bufferevent_get_output(bev)) == 0)
			tell(l);
		return;
	}
	session_drained(l->session);
	feed(l);
}

static void on_read_event(struct bufferevent *bev, short what, void *arg)
{
	struct console_local *l = arg;

	(void)bev;
	(void)what; // end of file, or EIO of a terminal that hung up
	l->eof = true;
	feed(l);
}

static void on_write_event(struct bufferevent *bev, short what, void *arg)
{
	struct console_local *l = arg;

	(void)what;
	l->over = true;
	bufferevent_disable(l->read, EV_READ);
	bufferevent_disable(bev, EV_WRITE);
	tell(l);
}

// As librte_cmdline wants it: each key at once, no echo, ^C as an octet. Output stays cooked.
static void raw_mode(struct console_local *l, int in)
{
	struct termios raw;

	if (tcgetattr(in, &l->saved) < 0)
		return;
	raw = l->saved;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_iflag &= ~(tcflag_t)IXON;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(in, TCSANOW, &raw) == 0)
		l->terminal = in;
}

struct console_local *console_local_open_fds(struct event_base *base, const struct observe *o,
	int in, int out, console_quit_cb cb, void *arg)
{
	struct console_local *l = calloc(1, sizeof(*l));
	int ret = -ENOMEM;

	if (!l)
		goto fail;
	*l = (struct console_local){.cb = cb, .arg = arg, .terminal = -1};
	l->in = l->out = (struct channel_fd){.fd = -1, .shared = -1};
	ret = fd_open(&l->in, in, O_RDONLY);
	if (ret == 0)
		ret = fd_open(&l->out, out, O_WRONLY);
	if (ret < 0)
		goto fail;
	ret = session_host_init(&l->host, base, o, PENDING_MAX);
	if (ret < 0)
		goto fail;
	ret = -ENOMEM;
	l->read = bufferevent_socket_new(base, l->in.fd, 0);
	l->write = bufferevent_socket_new(base, l->out.fd, 0);
	if (!l->read || !l->write)
		goto fail;
	bufferevent_setcb(l->read, on_read, NULL, on_read_event, l);
	bufferevent_setcb(l->write, NULL, on_written, on_write_event, l);
	bufferevent_setwatermark(l->read, EV_READ, 0, 8192);
	bufferevent_setwatermark(l->write, EV_WRITE, PENDING_MAX / 2, 0);
	bufferevent_disable(l->write, EV_READ);
	l->session =
		session_create(&l->host, bufferevent_get_output(l->write), true, on_session, l);
	if (!l->session || bufferevent_enable(l->write, EV_WRITE) < 0 ||
		bufferevent_enable(l->read, EV_READ) < 0)
		goto fail;
	raw_mode(l, in);
	return l;
fail:
	log_error("console", "no console on this terminal: %s", strerror(-ret));
	console_local_close(l);
	errno = -ret;
	return NULL;
}

struct console_local *console_local_open(
	struct event_base *base, const struct observe *o, console_quit_cb cb, void *arg)
{
	return console_local_open_fds(base, o, STDIN_FILENO, STDOUT_FILENO, cb, arg);
}

void console_local_close(struct console_local *l)
{
	if (!l)
		return;
	session_free(l->session);
	if (l->host.grammar)
		session_host_fini(&l->host);
	if (l->read)
		bufferevent_free(l->read);
	if (l->write)
		bufferevent_free(l->write);
	if (l->terminal >= 0)
		tcsetattr(l->terminal, TCSANOW, &l->saved);
	// In reverse: both may have changed the flags of one open file.
	fd_close(&l->out);
	fd_close(&l->in);
	free(l);
}
