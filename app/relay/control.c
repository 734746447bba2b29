// SPDX-License-Identifier: BSD-3-Clause
// The control socket: one line in, one answer out ("ok", "error: ..." or JSON), then closed.
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "app.h"

#define CONTROL_LINE 512
#define CONTROL_ARGS 4

struct control {
	struct app *app;
	struct evconnlistener *listener;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

void control_help(FILE *out)
{
	fprintf(out, "  %-25s  %s\n", "secret new [forget-old]",
		"new MAC secret; the old one counts for two query intervals more, or not");
	fprintf(out, "  %-25s  %s\n", "rotate", "the same as secret new");
	fprintf(out, "  %-25s  %s\n", "status", "everything, as one line of JSON");
}

struct walk {
	FILE *out;
	uint64_t now_us;
	bool more;
};

static void membership_cb(void *arg, const struct relay_membership *m)
{
	struct walk *w = arg;
	char ep[ADDR_STRLEN], s[ADDR_STRLEN], g[ADDR_STRLEN];

	fprintf(w->out, "%s{\"endpoint\":\"%s\",\"port\":%u,\"source\":\"%s\",\"group\":\"%s\"",
		w->more ? "," : "", addr_format(&m->endpoint, ep), m->port,
		addr_format(&m->sg.s, s), addr_format(&m->sg.g, g));
	fprintf(w->out, ",\"packets\":%" PRIu64 ",\"expires_s\":%.1f}", m->copies,
		m->expires_us > w->now_us ? (double)(m->expires_us - w->now_us) / US_PER_S : 0);
	w->more = true;
}

static void server_status(const struct server *s, FILE *out)
{
	const struct relay_stats *st = relay_stats(s->relay);
	struct walk w = {.out = out, .now_us = clock_mono_us()};
	char text[ADDR_STRLEN];

	fprintf(out,
		"{\"address\":\"%s\",\"endpoints\":%" PRIu32 ",\"channels\":%" PRIu32
		",\"send_errors\":%" PRIu64,
		addr_format(&s->address, text), relay_endpoint_count(s->relay),
		relay_channel_count(s->relay), s->send_errors);
#define X(name) fprintf(out, ",\"" #name "\":%" PRIu64, st->name);
	RELAY_STAT_LIST(X)
#undef X
	fputs(",\"drops\":{", out);
	for (int i = 0; i < RELAY_DROP_COUNT; i++)
		fprintf(out, "%s\"%s\":%" PRIu64, i ? "," : "", relay_drop_names[i], st->drops[i]);
	fputs("},\"memberships\":[", out);
	relay_membership_walk(s->relay, membership_cb, &w);
	fputs("]}", out);
}

static void status(struct app *app, FILE *out)
{
	fputs("{\"options\":", out);
	settings_status(&app->relay, out);
	fputs(",\"source\":", out);
	if (app->source)
		source_status(app->source, out);
	else
		fputs("null", out);
	fputs(",\"relays\":[", out);
	for (unsigned int i = 0; i < app->n_servers; i++) {
		fputs(i ? "," : "", out);
		server_status(app->servers[i], out);
	}
	fputs("]}\n", out);
}

static int secret_command(struct app *app, char **argv, int argc)
{
	bool forget = argc == 3 && strcmp(argv[2], "forget-old") == 0;
	bool rotate = strcmp(argv[0], "rotate") == 0 && argc == 1;

	if (!rotate && (argc < 2 || strcmp(argv[1], "new") != 0 || (argc > 2 && !forget)))
		return -EINVAL;
	for (unsigned int i = 0; i < app->n_servers; i++)
		relay_secret_new(app->servers[i]->relay, forget, clock_mono_us());
	app_run_timers(app);
	return 0;
}

static void command(struct app *app, char *line, FILE *out)
{
	char *argv[CONTROL_ARGS], *save = NULL, err[128] = "";
	int argc = 0, ret;

	for (char *word = strtok_r(line, " \t\r\n", &save); word && argc < CONTROL_ARGS;
		word = strtok_r(NULL, " \t\r\n", &save))
		argv[argc++] = word;
	if (argc == 0) {
		fputs("error: no command\n", out);
	} else if (strcmp(argv[0], "status") == 0 && argc == 1) {
		status(app, out);
	} else if (strcmp(argv[0], "help") == 0) {
		settings_help(out);
		control_help(out);
	} else if (strcmp(argv[0], "secret") == 0 || strcmp(argv[0], "rotate") == 0) {
		ret = secret_command(app, argv, argc);
		fputs(ret == 0 ? "ok\n" : "error: secret new [forget-old]\n", out);
	} else {
		ret = argc > 2 ? -EINVAL
			       : setting_apply(&app->relay, argv[0], argc == 2 ? argv[1] : NULL,
					 err, sizeof(err));
		if (ret == 0)
			fputs("ok\n", out);
		else if (ret == -ENOENT)
			fprintf(out, "error: no command %s\n", argv[0]);
		else
			fprintf(out, "error: %s\n", *err ? err : "too many words");
	}
}

static void written_cb(struct bufferevent *bev, void *arg)
{
	(void)arg;
	bufferevent_free(bev);
}

static void gone_cb(struct bufferevent *bev, short what, void *arg)
{
	(void)what;
	(void)arg;
	bufferevent_free(bev);
}

static void line_cb(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct control *c = arg;
	char *line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF), *answer = NULL;
	size_t size = 0;
	FILE *out;

	if (!line) {
		if (evbuffer_get_length(in) >= CONTROL_LINE)
			bufferevent_free(bev);
		return;
	}
	out = open_memstream(&answer, &size);
	if (out) {
		command(c->app, line, out);
		fclose(out);
	}
	free(line);
	bufferevent_disable(bev, EV_READ);
	bufferevent_setcb(bev, NULL, written_cb, gone_cb, c);
	if (!answer || bufferevent_write(bev, answer, size) < 0)
		bufferevent_free(bev);
	free(answer);
}

static void accept_cb(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa,
	int len, void *arg)
{
	const struct timeval patience = {.tv_sec = 5}; // with a client that never reads or writes
	struct control *c = arg;
	struct bufferevent *bev = bufferevent_socket_new(c->app->base, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)listener;
	(void)sa;
	(void)len;
	if (!bev) {
		close(fd);
		return;
	}
	bufferevent_setcb(bev, line_cb, NULL, gone_cb, c);
	bufferevent_set_timeouts(bev, &patience, &patience);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static int unix_address(const char *path, struct sockaddr_un *sa)
{
	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(sa->sun_path))
		return -ENAMETOOLONG;
	memcpy(sa->sun_path, path, strlen(path));
	return 0;
}

static int connect_to(const char *path)
{
	struct sockaddr_un sa;
	int fd, ret = unix_address(path, &sa);

	if (ret < 0)
		return ret;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

// What a killed relay left behind is removed; what is no socket, or is answered, is not.
static int remove_stale(const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = connect_to(path);
	if (fd >= 0) {
		close(fd);
		return -EADDRINUSE;
	}
	return unlink(path) < 0 ? -errno : 0;
}

struct control *control_open(struct app *app)
{
	struct control *c = calloc(1, sizeof(*c));
	struct sockaddr_un sa;
	int ret = -ENOMEM;

	if (!c)
		return NULL;
	c->app = app;
	ret = unix_address(app->control_path, &sa);
	if (ret == 0)
		ret = remove_stale(app->control_path);
	if (ret < 0)
		goto fail;
	c->listener = evconnlistener_new_bind(app->base, accept_cb, c,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16, (struct sockaddr *)&sa,
		sizeof(sa));
	if (!c->listener) {
		ret = -errno;
		goto fail;
	}
	memcpy(c->path, sa.sun_path, sizeof(c->path));
	return c;

fail:
	fprintf(stderr, "inlet-relay: control socket %s: %s\n", app->control_path, strerror(-ret));
	free(c);
	return NULL;
}

void control_close(struct control *c)
{
	evconnlistener_free(c->listener);
	unlink(c->path);
	free(c);
}

int control_client(int argc, char **argv)
{
	char line[CONTROL_LINE], answer[4096];
	size_t len = 0;
	bool first = true, failed = true;
	ssize_t n;
	int fd;

	if (argc < 2) {
		fprintf(stderr, "inlet-relay: ctl PATH COMMAND [VALUE...]\n");
		return 2;
	}
	for (int i = 1; i < argc && len < sizeof(line); i++)
		len += (size_t)snprintf(
			line + len, sizeof(line) - len, "%s%s", argv[i], i + 1 < argc ? " " : "\n");
	if (len >= sizeof(line)) {
		fprintf(stderr, "inlet-relay: command too long\n");
		return 2;
	}
	fd = connect_to(argv[0]);
	if (fd < 0 || write(fd, line, len) != (ssize_t)len) {
		fprintf(stderr, "inlet-relay: control socket %s: %s\n", argv[0],
			strerror(fd < 0 ? -fd : errno));
		if (fd >= 0)
			close(fd);
		return 1;
	}
	while ((n = read(fd, answer, sizeof(answer))) > 0) {
		if (first)
			failed = n >= 6 && memcmp(answer, "error:", 6) == 0;
		first = false;
		fwrite(answer, 1, (size_t)n, stdout);
	}
	close(fd);
	return failed ? 1 : 0;
}
