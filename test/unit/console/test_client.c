// SPDX-License-Identifier: BSD-3-Clause
// The client program itself, started against a server in this process. Its path is in $INLET.
#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/timer.h"
#include "console/server.h"
#include "fakes.h"

#define LIMIT_US (10 * USEC_PER_SEC)

static struct event_base *base;
static struct console_server *server;
static struct observe o;
static char path[64];
static const char *program;

struct result {
	int status;
	char out[65536], err[4096];
};

static void turn(void)
{
	struct timeval tick = {.tv_usec = 5000};

	event_base_loopexit(base, &tick);
	event_base_loop(base, EVLOOP_ONCE);
}

static void slurp(FILE *f, char *text, size_t room)
{
	rewind(f);
	text[fread(text, 1, room - 1, f)] = '\0';
	fclose(f);
}

static int wait_for(pid_t pid)
{
	uint64_t until = clock_mono_us() + LIMIT_US;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_mono_us() > until) {
			kill(pid, SIGKILL);
			fail_msg("inlet does not end");
		}
		turn();
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// Runs inlet with words, `input` on its stdin.
static void inlet(struct result *r, const char *input, const char *const *words)
{
	FILE *in = tmpfile(), *out = tmpfile(), *err = tmpfile();
	const char *argv[16] = {"inlet"};
	pid_t pid;

	for (int i = 0; words[i]; i++)
		argv[i + 1] = words[i];
	fputs(input, in);
	fflush(in);
	rewind(in);
	pid = fork();
	if (pid == 0) {
		dup2(fileno(in), 0);
		dup2(fileno(out), 1);
		dup2(fileno(err), 2);
		execv(program, (char *const *)(uintptr_t)argv);
		_exit(99);
	}
	r->status = wait_for(pid);
	slurp(out, r->out, sizeof(r->out));
	slurp(err, r->err, sizeof(r->err));
	fclose(in);
}
#define INLET(r, input, ...) inlet(r, input, (const char *const[]){__VA_ARGS__, NULL})

static void options(void **state)
{
	struct result r;

	(void)state;
	INLET(&r, "", "--version");
	assert_int_equal(r.status, 0);
	assert_string_equal(r.out, "inlet " INLET_VERSION "\n");
	INLET(&r, "", "--help");
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(r.out, "--socket PATH"));
	INLET(&r, "", "--bogus");
	assert_int_equal(r.status, 1);
	assert_string_equal(r.out, "");
}

static void one_shot(void **state)
{
	struct result r;
	char big[512];

	(void)state;
	INLET(&r, "", "--socket", path, "show", "tunnels", "--json");
	assert_int_equal(r.status, 0);
	assert_int_equal(r.out[0], '[');
	assert_string_equal(r.err, "");
	INLET(&r, "", "-s", path, "show tunnels", "--json");
	assert_int_equal(r.status, 0);
	INLET(&r, "", "--socket", path, "show", "nothing");
	assert_int_equal(r.status, 1);
	assert_string_equal(r.out, "");
	assert_non_null(
		strstr(r.err, "error: show nothing: unknown word nothing; here may stand: ports,"));
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	INLET(&r, "", "--socket", path, big);
	assert_int_equal(r.status, 1);
	assert_non_null(strstr(r.err, "longer than 255"));
	INLET(&r, "", "--socket", path, "show\nversion");
	assert_int_equal(r.status, 1);
}

static void no_server(void **state)
{
	struct result r;

	(void)state;
	INLET(&r, "", "--socket", "/nonexistent/sock", "show", "tunnels");
	assert_int_equal(r.status, 2);
	assert_string_equal(r.err, "inlet: cannot connect to /nonexistent/sock: No such file or "
				   "directory (is inletd running?)\n");
	INLET(&r, "", "--socket", "/nonexistent/sock");
	assert_int_equal(r.status, 2);
}

static void attached_script(void **state)
{
	struct result r;

	(void)state;
	INLET(&r, "show version\nshow neighbors\n", "--socket", path);
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(r.out, "1.2.3"));
	assert_non_null(strstr(r.out, "0xdeadbeef"));
}

static void script_with_errors(void **state)
{
	struct result r;

	(void)state;
	INLET(&r, "# first\n\nshow nothing\n  show version\nquit\nshow neighbors\n", "--socket",
		path);
	assert_int_equal(r.status, 1);
	assert_non_null(strstr(r.out, "1.2.3"));
	assert_null(strstr(r.out, "0xdeadbeef"));
	assert_null(strstr(r.out, "error"));
	assert_ptr_equal(strstr(r.err, "error: show nothing: "), r.err);
	INLET(&r, "show version --json\n", "--socket", path);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.out[0], '[');
}

// A watch by itself ends with its client.
static void one_shot_watch(void **state)
{
	const char *const argv[] = {"inlet", "-s", path, "show", "version", "watch", "0.1", NULL};
	uint64_t until = clock_mono_us() + LIMIT_US;
	struct console_stats stats;
	int out[2], frames = 0;
	char buf[4096];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(out, O_NONBLOCK), 0);
	pid = fork();
	if (pid == 0) {
		dup2(out[1], 1);
		execv(program, (char *const *)(uintptr_t)argv);
		_exit(99);
	}
	while (frames < 3) {
		ssize_t n = read(out[0], buf, sizeof(buf) - 1);

		assert_true(clock_mono_us() < until);
		buf[n > 0 ? n : 0] = '\0';
		for (const char *p = buf; (p = strstr(p, "1.2.3")); p++)
			frames++;
		turn();
	}
	kill(pid, SIGINT);
	assert_int_equal(wait_for(pid), -SIGINT);
	do {
		assert_true(clock_mono_us() < until);
		turn();
		console_server_stats(server, &stats);
	} while (stats.clients > 0);
	close(out[0]);
	close(out[1]);
}

static void read_until(int fd, const char *text)
{
	uint64_t until = clock_mono_us() + LIMIT_US;
	static char seen[65536];
	size_t len = 0;
	ssize_t n;

	while (!memmem(seen, len, text, strlen(text))) {
		assert_true(clock_mono_us() < until);
		turn();
		n = read(fd, seen + len, sizeof(seen) - len);
		if (n > 0)
			len += (size_t)n;
	}
}

// In a terminal: raw while attached, given back after quit and after a signal.
static void terminal_is_restored(void **state)
{
	(void)state;
	for (int by_signal = 0; by_signal < 2; by_signal++) {
		struct termios before, during, after;
		int master, slave, status;
		pid_t pid;

		assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
		fcntl(master, F_SETFL, O_NONBLOCK);
		tcgetattr(slave, &before);
		pid = fork();
		if (pid == 0) {
			dup2(slave, 0);
			dup2(slave, 1);
			execl(program, "inlet", "--socket", path, NULL);
			_exit(99);
		}
		read_until(master, "inlet> ");
		tcgetattr(slave, &during);
		assert_false(during.c_lflag & (ICANON | ECHO));
		if (by_signal)
			kill(pid, SIGTERM);
		else
			assert_int_equal(write(master, "quit\n", 5), 5);
		status = wait_for(pid);
		assert_int_equal(status, by_signal ? 128 + SIGTERM : 0);
		tcgetattr(slave, &after);
		assert_int_equal(after.c_lflag, before.c_lflag);
		assert_int_equal(after.c_iflag, before.c_iflag);
		close(slave);
		close(master);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options),
		cmocka_unit_test(one_shot),
		cmocka_unit_test(no_server),
		cmocka_unit_test(attached_script),
		cmocka_unit_test(script_with_errors),
		cmocka_unit_test(one_shot_watch),
		cmocka_unit_test(terminal_is_restored),
	};
	char dir[] = "/tmp/console-client-XXXXXX", err[CONSOLE_ERR_LEN];
	int ret;

	signal(SIGPIPE, SIG_IGN);
	program = getenv("INLET");
	if (!program || !mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/console.sock", dir);
	fake_observe(&o);
	base = event_base_new();
	server = console_server_open(base, path, &o, err);
	if (!server) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	ret = RUN_TESTS(tests);
	console_server_close(server);
	event_base_free(base);
	rmdir(dir);
	return ret;
}
