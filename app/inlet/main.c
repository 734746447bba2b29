// SPDX-License-Identifier: BSD-3-Clause
// inlet: the console client. Without a command it attaches this terminal to inletd; with one it
// runs it and exits with its status.
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "console/proto.h"
#include "inlet/attach.h"

#define EXIT_COMMAND 1
#define EXIT_CONNECT 2

static const char usage[] =
	"usage: inlet [--socket PATH]                 attach to inletd's console\n"
	"       inlet [--socket PATH] COMMAND ...     run one command, such as: show tunnels "
	"--json\n"
	"       inlet --help | --version\n"
	"\n"
	"  --socket PATH   inletd's console socket (" CONSOLE_DEFAULT_SOCKET ")\n"
	"\n"
	"\"inlet help\" lists the commands. Exit status: 0, 1 the command failed, 2 no "
	"connection.\n";

static int connect_to(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd, error;

	if (strlen(path) >= sizeof(un.sun_path)) {
		fprintf(stderr, "inlet: %s: path too long for a socket\n", path);
		return -1;
	}
	memcpy(un.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	error = errno;
	if (fd >= 0)
		close(fd);
	fprintf(stderr, "inlet: cannot connect to %s: %s%s\n", path, strerror(error),
		error == ENOENT || error == ECONNREFUSED ? " (is inletd running?)" : "");
	return -1;
}

static bool send_all(int fd, const char *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, buf, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		buf += n;
		len -= (size_t)n;
	}
	return true;
}

// The words as one line. False when they make none.
static bool join(char *line, size_t room, char **words, int n)
{
	size_t len = (size_t)snprintf(line, room, CONSOLE_MODE_RUN);

	for (int i = 0; i < n; i++) {
		int add = snprintf(line + len, room - len, "%s%s", i ? " " : "", words[i]);

		if (strpbrk(words[i], "\r\n") || add < 0 || (size_t)add >= room - len - 1)
			return false;
		len += (size_t)add;
	}
	memcpy(line + len, "\n", 2);
	return true;
}

// Prints what has come of an output that is none of a failed command, so that one that goes on is
// seen as it comes. How many octets are still kept.
static size_t print_early(char *reply, size_t len)
{
	static const char error[] = "error: ";
	size_t n = sizeof(error) - 1;

	if (len < n || strncmp(reply, error, n) == 0 || memchr(reply, '\0', len))
		return len;
	return fwrite(reply, 1, len, stdout) == len && fflush(stdout) == 0 ? 0 : len;
}

// Copies the output to where it belongs: a failed command's text is an error.
static int print_reply(char *reply, size_t len)
{
	char *end = memchr(reply, '\0', len);
	FILE *to;
	int status;

	if (!end || end + 1 >= reply + len) {
		fwrite(reply, 1, end ? (size_t)(end - reply) : len, stdout);
		fprintf(stderr, "inlet: connection lost\n");
		return EXIT_COMMAND;
	}
	status = atoi(end + 1);
	to = status == CONSOLE_STATUS_OK ? stdout : stderr;
	fwrite(reply, 1, (size_t)(end - reply), to);
	if (fflush(to) != 0 || ferror(to)) {
		fprintf(stderr, "inlet: cannot write the output: %s\n", strerror(errno));
		return EXIT_COMMAND;
	}
	return status == CONSOLE_STATUS_OK ? 0 : EXIT_COMMAND;
}

static int read_reply(int fd)
{
	size_t len = 0, room = 1u << 16;
	char *reply = malloc(room + 1);
	ssize_t n = 0;
	int ret = EXIT_COMMAND;

	while (reply &&
		((n = read(fd, reply + len, room - len)) > 0 || (n < 0 && errno == EINTR))) {
		char *more;

		len += n > 0 ? (size_t)n : 0;
		if (n > 0)
			len = print_early(reply, len);
		if (len < room)
			continue;
		room *= 2;
		more = realloc(reply, room + 1);
		if (!more)
			free(reply);
		reply = more;
	}
	if (!reply) {
		fprintf(stderr, "inlet: out of memory\n");
		return ret;
	}
	reply[len] = '\0'; // the status ends somewhere even when the connection was cut
	ret = print_reply(reply, len);
	free(reply);
	return ret;
}

static int run_command(const char *path, char **words, int n)
{
	char line[sizeof(CONSOLE_MODE_RUN) + CONSOLE_LINE_MAX + 2];
	int fd, ret;

	if (!join(line, sizeof(line), words, n)) {
		fprintf(stderr, "inlet: command longer than %d characters or of several lines\n",
			CONSOLE_LINE_MAX);
		return EXIT_COMMAND;
	}
	fd = connect_to(path);
	if (fd < 0)
		return EXIT_CONNECT;
	// A server that refuses closes early: what it said is still there to read.
	if (!send_all(fd, line, strlen(line)) && errno != EPIPE && errno != ECONNRESET)
		fprintf(stderr, "inlet: cannot send: %s\n", strerror(errno));
	ret = read_reply(fd);
	close(fd);
	return ret;
}

static int run_attached(const char *path)
{
	static const char mode[] = CONSOLE_MODE_TTY "\n";
	int fd = connect_to(path), ret;

	if (fd < 0)
		return EXIT_CONNECT;
	ret = send_all(fd, mode, strlen(mode)) ? attach(fd) : EXIT_CONNECT;
	close(fd);
	return ret;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	const char *path = CONSOLE_DEFAULT_SOCKET;
	int opt;

	// '+': what follows the first word belongs to the command, --json for one.
	while ((opt = getopt_long(argc, argv, "+s:hV", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			path = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'V':
			puts("inlet " INLET_VERSION);
			return 0;
		default:
			fputs(usage, stderr);
			return EXIT_COMMAND;
		}
	}
	if (optind < argc)
		return run_command(path, argv + optind, argc - optind);
	return run_attached(path);
}
