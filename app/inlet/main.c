// SPDX-License-Identifier: BSD-3-Clause
// inlet: the console client. Without a command it attaches this terminal to inletd, or runs the
// commands that come on standard input where that is none; with one it runs it and exits with its
// status.
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
	"       inlet [--socket PATH] <FILE           run each line of it\n"
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

// The answer as it comes. A line that says what failed is an error's only when it is the last one
// and the status is bad: it waits until that is known.
struct answer {
	char held[1024];
	size_t n_held;
	bool at_line; // the next octet begins a line
	bool holds;
	bool ended; // by NUL: the status follows
	char status[16];
	size_t n_status;
};
static const char error_line[] = "error: ";

static void held_out(struct answer *a, FILE *to)
{
	fwrite(a->held, 1, a->n_held, to);
	a->n_held = 0;
	a->holds = false;
}

static void take(struct answer *a, char c)
{
	if (a->ended) {
		if (a->n_status < sizeof(a->status) - 1)
			a->status[a->n_status++] = c;
		return;
	}
	if (c == '\0') {
		a->ended = true;
		return;
	}
	if (a->at_line && a->holds) // there is more behind it
		held_out(a, stdout);
	a->holds |= a->at_line;
	a->at_line = c == '\n';
	if (a->holds && a->n_held < sizeof(a->held)) {
		a->held[a->n_held++] = c;
		if (a->n_held <= sizeof(error_line) - 1 && c != error_line[a->n_held - 1])
			held_out(a, stdout);
		return;
	}
	if (a->holds)
		held_out(a, stdout);
	putchar(c);
}

static int answer_end(struct answer *a)
{
	bool good = atoi(a->status) == CONSOLE_STATUS_OK;

	held_out(a, a->ended && a->n_status && !good ? stderr : stdout);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "inlet: cannot write the output: %s\n", strerror(errno));
		return EXIT_COMMAND;
	}
	if (!a->ended || !a->n_status) {
		fprintf(stderr, "inlet: connection lost\n");
		return EXIT_COMMAND;
	}
	return good ? 0 : EXIT_COMMAND;
}

static int read_reply(int fd)
{
	struct answer a = {.at_line = true};
	static char buf[1u << 16];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR)) {
		for (ssize_t i = 0; i < n; i++)
			take(&a, buf[i]);
		// What watches wants it now; who does not want it ends us.
		if (fflush(stdout) != 0)
			break;
	}
	return answer_end(&a);
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

// Each line of standard input as a command; blank lines and comments (#) are passed over. The
// status of the last one that failed.
static int run_lines(const char *path)
{
	char *line = NULL;
	size_t room = 0;
	int status = 0, fd = connect_to(path);

	if (fd < 0) // said once, whatever there is to run
		return EXIT_CONNECT;
	close(fd);
	while (getline(&line, &room, stdin) >= 0) {
		char *text = line + strspn(line, " \t\r\n");
		int ret;

		text[strcspn(text, "\r\n")] = '\0';
		if (!*text || *text == '#')
			continue;
		if (strcmp(text, "quit") == 0 || strcmp(text, "exit") == 0)
			break;
		ret = run_command(path, &text, 1);
		status = ret ? ret : status;
		if (ret == EXIT_CONNECT)
			break;
	}
	free(line);
	return status;
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
	return isatty(STDIN_FILENO) ? run_attached(path) : run_lines(path);
}
