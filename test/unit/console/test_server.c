// SPDX-License-Identifier: BSD-3-Clause
// Server, sessions and the terminal, over real sockets and a pseudo-terminal. The event loop of the
// server is turned by the test, until what it waits for has come or five seconds have gone.
#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/timer.h"
#include "console/local.h"
#include "console/proto.h"
#include "console/server.h"
#include "fakes.h"

#define LIMIT_US (5 * USEC_PER_SEC)

struct bench {
	struct event_base *base;
	struct console_server *server;
	struct observe o;
	char dir[32];
	char path[64];
};

// What a client has received.
struct peer {
	int fd;
	char data[4 << 20];
	size_t len;
	bool closed;
};

static int bench_open(void **state, const struct console_limits *limits)
{
	struct bench *b = calloc(1, sizeof(*b));
	char err[CONSOLE_ERR_LEN] = "";

	signal(SIGPIPE, SIG_IGN);
	snprintf(b->dir, sizeof(b->dir), "/tmp/console-test-XXXXXX");
	if (!mkdtemp(b->dir)) {
		free(b);
		return -1;
	}
	snprintf(b->path, sizeof(b->path), "%s/run/console.sock", b->dir);
	fake_observe(&b->o);
	b->base = event_base_new();
	b->server = console_server_open_limited(b->base, b->path, &b->o, limits, err);
	if (!b->server)
		print_error("%s\n", err);
	*state = b;
	return b->server ? 0 : -1;
}

static int setup(void **state)
{
	return bench_open(state, &console_limits_default);
}

static int setup_tight(void **state)
{
	static const struct console_limits limits = {
		.max_clients = 2, .pending_max = 65536, .stall_ms = 200, .greeting_ms = 100};

	return bench_open(state, &limits);
}

static int teardown(void **state)
{
	struct bench *b = *state;
	struct stat st;
	char run[48];

	console_server_close(b->server);
	assert_int_equal(lstat(b->path, &st), -1); // removed at exit
	event_base_free(b->base);
	snprintf(run, sizeof(run), "%s/run", b->dir);
	rmdir(run);
	rmdir(b->dir);
	free(b);
	return 0;
}

static struct peer *peer_new(int fd)
{
	struct peer *p = calloc(1, sizeof(*p));

	p->fd = fd;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return p;
}

static struct peer *dial(struct bench *b)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", b->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return peer_new(fd);
}

static void hang_up(struct peer *p)
{
	close(p->fd);
	free(p);
}

static void turn(struct bench *b, struct peer *p)
{
	struct timeval tick = {.tv_usec = 10000};
	ssize_t n;

	event_base_loopexit(b->base, &tick);
	event_base_loop(b->base, EVLOOP_ONCE);
	if (!p)
		return;
	while ((n = read(p->fd, p->data + p->len, sizeof(p->data) - 1 - p->len)) > 0)
		p->len += (size_t)n;
	p->data[p->len] = '\0';
	if (n == 0 || (n < 0 && errno != EAGAIN))
		p->closed = true;
}

static void say(struct peer *p, const char *text)
{
	assert_int_equal(write(p->fd, text, strlen(text)), strlen(text));
}

static void await(struct bench *b, struct peer *p, const char *text)
{
	uint64_t until = clock_mono_us() + LIMIT_US;

	while (!memmem(p->data, p->len, text, strlen(text))) {
		if (clock_mono_us() > until || p->closed)
			fail_msg("\"%s\" did not come; this did:\n%s", text, p->data);
		turn(b, p);
	}
}

static void await_close(struct bench *b, struct peer *p)
{
	uint64_t until = clock_mono_us() + LIMIT_US;

	while (!p->closed) {
		if (clock_mono_us() > until)
			fail_msg("not closed; received:\n%s", p->data);
		turn(b, p);
	}
}

static struct console_stats stats(const struct bench *b)
{
	struct console_stats s;

	console_server_stats(b->server, &s);
	return s;
}

static void await_clients(struct bench *b, unsigned int n)
{
	uint64_t until = clock_mono_us() + LIMIT_US;

	while (stats(b).clients != n) {
		if (clock_mono_us() > until)
			fail_msg("%u clients, not %u", stats(b).clients, n);
		turn(b, NULL);
	}
}

// The reply of a one-shot command: text up to the NUL, then the status.
static int one_shot(struct bench *b, const char *line, char *text, size_t room)
{
	struct peer *p = dial(b);
	int status;

	say(p, line);
	await_close(b, p);
	assert_true(p->len >= 3);
	assert_int_equal(p->data[p->len - 3], '\0');
	assert_int_equal(p->data[p->len - 1], '\n');
	status = p->data[p->len - 2] - '0';
	assert_true(strlen(p->data) < room);
	memcpy(text, p->data, strlen(p->data) + 1);
	hang_up(p);
	return status;
}

static void one_shot_ok(void **state)
{
	char text[32768];

	assert_int_equal(one_shot(*state, "run show tunnels --json\n", text, sizeof(text)), 0);
	assert_non_null(strstr(text, "\"local_port\": 40001"));
	assert_int_equal(one_shot(*state, "run show version\r\n", text, sizeof(text)), 0);
	assert_non_null(strstr(text, "1.2.3"));
	assert_int_equal(one_shot(*state, "run   show   drops   all \n", text, sizeof(text)), 0);
	assert_int_equal(one_shot(*state, "run quit\n", text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(stats(*state).clients, 0);
}

static void one_shot_errors(void **state)
{
	static const struct {
		const char *line, *text;
	} cases[] = {
		{"run bogus\n", "error: bogus: unknown command; try help\n"},
		{"run quit now\n", "error: quit now: nothing may follow here: now\n"},
		{"run rela move\n", "error: rela move: incomplete; next: SOURCE\n"},
		{"run show drops all all\n",
			"error: show drops all all: unknown word all; here may "
			"stand: room, port, watch, --json\n"},
		{"run show tunnels --xml\n", "error: show tunnels --xml: unknown word --xml; here "
					     "may stand: relay, worker, detail, watch, --json\n"},
		{"run show tu worker 9\n",
			"error: worker 9 is not the number of a worker (show workers)\n"},
		{"run show ch port eth9\n",
			"error: port eth9 is not the name of an interface (show ports)\n"},
		{"run show ch source 1.2.3\n",
			"error: source 1.2.3 is not an address or a prefix\n"},
		{"run show ch state odd\n", "error: state: there is no odd\n"},
		{"run port stop eth9\n", "error: there is no interface eth9\n"},
		{"run resolve here\n", "error: source here is not an address\n"},
		{"run resolve record 232.1.1.1 relay 203.0.113.1\n",
			"error: source 232.1.1.1 is not a unicast address\n"},
		{"run resolve record 198.51.100.10 relay 1.2.3\n",
			"error: relay 1.2.3 is neither a unicast address nor a host name, nor "
			"\".\" for "
			"none\n"},
		{"run resolve record 198.51.100.10 relay 203.0.113.1 precedence 256\n",
			"error: precedence 256 is not a number from 0 to 255\n"},
		{"run resolve record 198.51.100.10 relay 203.0.113.1 ttl -1\n",
			"error: ttl -1 is not a number from 0 to 2147483647\n"},
		{"run show p\n", "error: show p: p is ambiguous: ports, pim, punt\n"},
		{"run show ch source 192.0.2.1 source 192.0.2.2\n",
			"error: show ch source 192.0.2.1 source 192.0.2.2: unknown word source; "
			"here "
			"may stand: group, relay, port, state, by, detail, watch, --json\n"},
		{"run watch\n", "error: watch: incomplete; next: SECONDS\n"},
		{"run watch 0 show channels\n",
			"error: watch 0 show channels: watch: seconds are 0.1 to 3600, not 0\n"},
		{"run show channels watch x\n",
			"error: show channels watch x: watch: seconds are 0.1 to 3600, not x\n"},
		{"run \n", "error: : no command\n"},
		{"run # show version\n", "error: # show version: no command\n"},
		{"run show\x01version\n", "error: character not allowed in a command\n"},
		{"GET / HTTP/1.0\n", "error: the first line must be \"tty\" or \"run COMMAND\"\n"},
		{"\n", "error: the first line must be \"tty\" or \"run COMMAND\"\n"},
	};
	char text[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int status = one_shot(*state, cases[i].line, text, sizeof(text));

		if (status != 1)
			fail_msg("%s: %d %s", cases[i].line, status, text);
		assert_string_equal(text, cases[i].text);
	}
}

// Words that stand for any word, and verbs that say no.
static void one_shot_arguments(void **state)
{
#define ADD "run add channel 198.51.100.10 232.1.1.1"
	static const struct {
		const char *line;
		int status;
		const char *text; // in the answer
	} cases[] = {
		{ADD "\n", 0, "wan,lan"},
		{ADD " interface lan --json\n", 0, "\"outgoing_interface\": [\"lan\"]"},
		{"run add channel 198.51.100.10 232.1.1.2 --json\n", 0, "\"unchanged\""},
		{"run del channel 2001:db8::1 ff3e::8000:1\n", 0, "ff3e::8000:1"},
		{ADD " interface eth7\n", 1,
			"error: there is no interface eth7 for (198.51.100.10,232.1.1.1)\n"},
		{"run add channel here 232.1.1.1\n", 1, "error: source here is not an address\n"},
		{"run add channel 198.51.100.10 --json\n", 1,
			"error: group --json is not an address\n"},
		{"run add channel 198.51.100.10\n", 1, "incomplete; next: GROUP"},
		{"run relay move 198.51.100.10 --json\n", 0, "\"moving\""},
		{"run relay move 198.51.100.10 to 203.0.113.1\n", 0, "203.0.113.1"},
		{"run relay move 198.51.100.99\n", 1, "error: no channel of it is wanted\n"},
		{"run relay move here\n", 1, "error: source here is not an address\n"},
		{"run relay hold there\n", 1, "error: relay there is not an address\n"},
		{"run relay release 203.0.113.1\n", 0, "released"},
		{ADD " interface\n", 1, "incomplete; next: NAME"},
		{ADD " on lan\n", 1, "unknown word on"},
		{ADD " interface lan --xml\n", 1, "unknown word --xml"},
		{ADD " port lan\n", 0, "lan"},
		{"run check health\n", 0, "up\n"},
		{"run show health --json\n", 0,
			"{\"what\": \"appliance\", \"state\": \"up\", \"since\": "},
		{"run show health\n", 0, "relays      unknown"},
		{"run undrain\n", 1, "error: it is not drained\n"},
		{"run drain\n", 0, "draining\n"},
		{"run check health\n", 1, "error: draining: by the operator\n"},
		{"run show health\n", 0, "appliance   draining"},
		{"run drain\n", 1, "error: it is drained already\n"},
		{"run undrain --json\n", 0, "\"in service\""},
	};
	char text[4096], line[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
			one_shot(*state, cases[i].line, text, sizeof(text)), cases[i].status);
		if (!strstr(text, cases[i].text))
			fail_msg("%s: \"%s\" is not in: %s", cases[i].line, cases[i].text, text);
	}
	// A word as long as a line can have it.
	snprintf(line, sizeof(line), "run add channel %0200d 232.1.1.1\n", 0);
	assert_int_equal(one_shot(*state, line, text, sizeof(text)), 1);
	snprintf(line, sizeof(line), "run add channel %0120d 232.1.1.1\n", 0);
	assert_int_equal(one_shot(*state, line, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "is not an address"));
}

// The same in a session, which goes on after a refusal.
static void session_arguments(void **state)
{
	struct bench *b = *state;
	struct peer *p = dial(b);

	say(p, "tty\nadd channel x 232.1.1.1\n");
	await(b, p, "error: source x is not an address\n");
	say(p, "del chan\t 198.51.100.10 232.1.1.1 int\tlan\n");
	await(b, p, "deleted");
	say(p, "quit\n");
	await_close(b, p);
	hang_up(p);
}

static void one_shot_half_closed(void **state)
{
	struct bench *b = *state;
	struct peer *p = dial(b);

	say(p, "run show version\n");
	shutdown(p->fd, SHUT_WR);
	await_close(b, p);
	assert_non_null(strstr(p->data, "1.2.3"));
	hang_up(p);
}

// A reply larger than any socket buffer comes whole.
static void one_shot_large(void **state)
{
	struct bench *b = *state;
	struct peer *p = dial(b);

	fake_channels = 4000;
	say(p, "run show channels --json\n");
	await_close(b, p);
	assert_true(p->len > 500000);
	assert_memory_equal(p->data + p->len - 6, "\n]\n\0000\n", 6);
	hang_up(p);
}

static void line_of_3000(void **state)
{
	struct bench *b = *state;
	char line[3012], text[512];
	struct peer *p;

	snprintf(line, sizeof(line), "run %02996d\n", 0);
	assert_int_equal(one_shot(b, line, text, sizeof(text)), 1);
	assert_string_equal(text, "error: line too long\n");

	p = dial(b);
	say(p, "tty\n");
	await(b, p, "inlet> ");
	say(p, line);
	await(b, p, "error: line longer than 255 characters");
	p->len = 0;
	say(p, "show version\n");
	await(b, p, "1.2.3");
	assert_null(strstr(p->data, "error"));
	hang_up(p);
}

static void interactive(void **state)
{
	struct bench *b = *state;
	struct peer *p = dial(b);

	say(p, "tty\n");
	await(b, p, "inlet> ");
	say(p, "sh\t");
	await(b, p, "show ");
	say(p, "tun\t\r");
	await(b, p, "203.0.113.15");
	await(b, p, "inlet> ");
	p->len = 0;
	say(p, "nonsense\n");
	await(b, p, "error: nonsense: unknown command; try help\n");
	say(p, "show\n");
	await(b, p, "error: show: incomplete; next: ports, neighbors");
	p->len = 0;
	say(p, "\33[A\33[A\33[A"); // history: nonsense, show, then show tunnels again
	await(b, p, "show tunnels");
	say(p, "\3show ?");
	await(b, p, "AMT tunnels");
	say(p, "\3quit\n");
	await_close(b, p);
	hang_up(p);
	await_clients(b, 0);
}

// What is erased behind the cursor tells nothing.
static void await_plain(struct bench *b, struct peer *p, const char *text)
{
	uint64_t until = clock_mono_us() + LIMIT_US;
	char *erase;

	while (!strstr(p->data, text)) {
		if (clock_mono_us() > until)
			fail_msg("\"%s\" did not come; this did:\n%s", text, p->data);
		turn(b, p);
		while ((erase = memmem(p->data, p->len, "\33[0K", 4)) != NULL) {
			memmove(erase, erase + 4, p->len - (size_t)(erase - p->data) - 3);
			p->len -= 4;
		}
	}
}

// What Tab puts there, and what ? says may stand there; words cut short.
static void completion(void **state)
{
	struct bench *b = *state;
	struct peer *p = dial(b);
	static const struct {
		const char *typed, *comes;
	} cases[] = {
		{"sh\tcha\tsou\t\t", "source 198.51.100.10"},
		{"show channels gr\t232\t", "group 232.1.1."},
		{"show channels group 232.1.1.\t", " 232.1.1.2"},
		{"show channels rel\t\t", "203.0.113.1"},
		{"show channels state fl\t", "flowing "},
		{"show channels by st\t", "static "},
		{"add channel 198.51.100.10 232.1.1.1 por\tl\t", "port lan "},
		{"show tunnels wor\t?", "1"},
		{"show tunnels w?", "only this worker"},
		{"watch 2 show por\t", "ports "},
		{"watch ?", "0.1 to 3600"},
		{"?", "look at the appliance"},
		{"show channels ?", "<enter>"},
		{"show igmp m\t", "memberships "},
		{"help rela\t", "relay"},
		{"sho chan st flow by pim\n", "203.0.113.15"},
	};

	say(p, "tty\n");
	await(b, p, "inlet> ");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		p->len = 0;
		p->data[0] = '\0';
		say(p, cases[i].typed);
		await_plain(b, p, cases[i].comes);
		say(p, "\3");
	}
	hang_up(p);
}

// A screen after the other until a key is pressed; then the line is there again.
static void watch_in_session(void **state)
{
	struct bench *b = *state;
	struct peer *p = dial(b);

	say(p, "tty\nwatch 0.1 show version\n");
	for (int i = 0; i < 3; i++) {
		await(b, p, "\33[H\33[J");
		await(b, p, "1.2.3");
		p->len = 0;
	}
	say(p, "x");
	await(b, p, "inlet> ");
	p->len = 0;
	say(p, "show version --json watch 0.1\n");
	await(b, p, "]\n[");
	assert_null(strstr(p->data, "\33["));
	say(p, "\3");
	await(b, p, "inlet> ");
	p->len = 0;
	say(p, "show neighbors\n");
	await(b, p, "0xdeadbeef");
	// With the input's end a watch ends too.
	say(p, "watch 0.1 show version\n");
	shutdown(p->fd, SHUT_WR);
	await_close(b, p);
	hang_up(p);
}

// Frames that nobody takes are left out, whoever else is served meanwhile.
static void watch_nobody_reads(void **state)
{
	struct bench *b = *state;
	uint64_t until = clock_mono_us() + LIMIT_US;
	struct peer *p = dial(b);
	char text[512];

	fake_channels = 2000; // more than the socket takes
	say(p, "tty\nwatch 0.1 show channels\n");
	while (stats(b).frames_dropped < 3) {
		assert_true(clock_mono_us() < until);
		assert_int_equal(one_shot(b, "run show version\n", text, sizeof(text)), 0);
	}
	await(b, p, "left out)"); // said as soon as somebody reads
	say(p, "q");
	await(b, p, "inlet> ");
	hang_up(p);
}

// Much output comes in pieces, each of them short; and ^C ends it.
static void pieces(void **state)
{
	struct bench *b = *state;
	struct peer *p = dial(b);

	fake_channels = 3000;
	say(p, "run show channels --json\n");
	await_close(b, p);
	assert_true(stats(b).longest_us > 0);
	hang_up(p);
	p = dial(b);
	fake_channels = 20000;
	say(p, "tty\nshow channels\n");
	await(b, p, "198.51.100.10");
	say(p, "\3show version\n");
	await(b, p, "1.2.3");
	assert_true(p->len < 1500000); // of some two megabytes
	hang_up(p);
}

// Lines typed in a session that is over are there in the next one.
static void history_outlives_session(void **state)
{
	struct bench *b = *state;
	struct peer *p = dial(b);

	say(p, "tty\nshow neighbors\nquit\n");
	await_close(b, p);
	hang_up(p);
	p = dial(b);
	say(p, "tty\n\33[A\33[A\n");
	await(b, p, "0xdeadbeef");
	hang_up(p);
}

// The client goes while DNS is asked: nobody is told, and the lookup ends.
static void gone_while_waiting(void **state)
{
	struct bench *b = *state;
	unsigned int before = fake_cancelled;
	struct peer *p = dial(b);

	say(p, "run resolve 198.51.100.10\n");
	await_clients(b, 1);
	for (int i = 0; i < 5; i++)
		turn(b, p);
	assert_int_equal(p->len, 0);
	hang_up(p);
	await_clients(b, 0);
	assert_int_equal(fake_cancelled, before + 1);
	p = dial(b);
	say(p, "tty\nresolve 198.51.100.10\n");
	for (int i = 0; i < 5; i++)
		turn(b, p);
	say(p, "\3show version\n");
	await(b, p, "1.2.3");
	assert_int_equal(fake_cancelled, before + 2);
	say(p, "resolve 198.51.100.10\n");
	for (int i = 0; i < 5; i++)
		turn(b, p);
	fake_tick();
	await(b, p, "at random among equals");
	hang_up(p);
}

// A command is over before the next line is taken; that of a pasted text is not lost.
static void pasted(void **state)
{
	struct bench *b = *state;
	struct peer *p = dial(b);

	fake_channels = 1500;
	say(p, "tty\nshow channels\nshow version\n\nshow neighbors\nquit\n");
	await_close(b, p);
	assert_non_null(strstr(p->data, "1.2.3"));
	assert_true(strstr(p->data, "0xdeadbeef") > strstr(p->data, "1.2.3"));
	hang_up(p);
}

static void ctrl_d_ends(void **state)
{
	struct bench *b = *state;
	struct peer *p = dial(b);

	say(p, "tty\nshow version\n\4");
	await_close(b, p);
	assert_non_null(strstr(p->data, "1.2.3"));
	hang_up(p);
}

// Keys that only move in the line are not characters of it.
static void escapes_do_not_count(void **state)
{
	struct bench *b = *state;
	struct peer *p = dial(b);

	say(p, "tty\n");
	for (int i = 0; i < 300; i++) {
		say(p, "\33[D\33[Cx\x7f");
		if (i % 32 == 0)
			turn(b, p);
	}
	say(p, "show version\n");
	await(b, p, "1.2.3");
	assert_null(strstr(p->data, "error"));
	hang_up(p);
}

static void several_clients(void **state)
{
	struct bench *b = *state;
	struct peer *p[8];

	for (int i = 0; i < 8; i++) {
		p[i] = dial(b);
		say(p[i], i % 2 ? "tty\n" : "run show workers\n");
	}
	for (int i = 0; i < 8; i++) {
		if (i % 2)
			await(b, p[i], "inlet> ");
		else
			await_close(b, p[i]);
	}
	await_clients(b, 4);
	for (int i = 1; i < 8; i += 2)
		say(p[i], "show neighbors\n");
	for (int i = 1; i < 8; i += 2)
		await(b, p[i], "0xdeadbeef");
	for (int i = 0; i < 8; i++)
		hang_up(p[i]);
	await_clients(b, 0);
}

static void vanished_client(void **state)
{
	struct bench *b = *state;

	fake_channels = 4000;
	for (int i = 0; i < 20; i++) {
		struct peer *p = dial(b);

		say(p, i % 2 ? "tty\nshow channels\nshow ch" : "run show channels\n");
		if (i % 3)
			turn(b, NULL);
		hang_up(p);
	}
	await_clients(b, 0);
	assert_int_equal(stats(b).sum.accepted, 20);
}

// One that never reads: closed and counted, while another is served all the time.
static void client_that_never_reads(void **state)
{
	struct bench *b = *state;
	struct peer *deaf = dial(b), *p;
	uint64_t until = clock_mono_us() + LIMIT_US, slowest = 0;

	fake_channels = 2000;
	say(deaf, "tty\n");
	while (stats(b).sum.stalled == 0) {
		char text[512];
		uint64_t begin = clock_mono_us(), took;

		assert_true(begin < until);
		if (write(deaf->fd, "show channels\n", 14) < 0)
			assert_true(errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
		assert_int_equal(one_shot(b, "run show version\n", text, sizeof(text)), 0);
		took = clock_mono_us() - begin;
		slowest = took > slowest ? took : slowest;
	}
	assert_true(slowest < USEC_PER_SEC);
	await_clients(b, 0);
	assert_int_equal(stats(b).sum.stalled, 1);
	hang_up(deaf);

	// One that reads late has lost nothing.
	p = dial(b);
	say(p, "tty\nshow version\nquit\n");
	await_close(b, p);
	hang_up(p);
}

static void silent_client(void **state)
{
	struct bench *b = *state;
	struct peer *p = dial(b);

	say(p, "ru");
	await_close(b, p);
	assert_int_equal(stats(b).sum.silent, 1);
	hang_up(p);
}

static void too_many_clients(void **state)
{
	struct bench *b = *state;
	struct peer *p[3];
	char text[512];

	for (int i = 0; i < 3; i++) {
		p[i] = dial(b);
		say(p[i], "tty\n");
		if (i < 2)
			await(b, p[i], "inlet> ");
	}
	await_close(b, p[2]);
	assert_non_null(strstr(p[2]->data, "error: too many sessions\n"));
	assert_int_equal(stats(b).sum.refused, 1);
	for (int i = 0; i < 3; i++)
		hang_up(p[i]);
	await_clients(b, 0);
	assert_int_equal(
		one_shot(b, "run show console --json\n", text, sizeof(text)), CONSOLE_STATUS_OK);
	assert_non_null(strstr(text, "\"accepted\": 3, \"refused\": 1"));
}

// The socket's mode, and what stands in its place.
static void socket_file(void **state)
{
	struct bench *b = *state;
	struct console_server *second;
	char err[CONSOLE_ERR_LEN], path[80], want[CONSOLE_ERR_LEN];
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct stat st;
	int fd;

	assert_int_equal(stat(b->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	second = console_server_open(b->base, b->path, &b->o, err);
	assert_null(second);
	snprintf(want, sizeof(want), "%s: another process listens there", b->path);
	assert_string_equal(err, want);

	// Left by a process that was killed: replaced.
	snprintf(path, sizeof(path), "%s/run/stale", b->dir);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	close(fd);
	second = console_server_open(b->base, path, &b->o, err);
	assert_non_null(second);
	// Replaced behind our back: what is not ours stays.
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	console_server_close(second);
	assert_int_equal(stat(path, &st), 0);
	assert_null(console_server_open(b->base, path, &b->o, err));
	assert_non_null(strstr(err, "exists and is no socket"));
	unlink(path);
	assert_null(console_server_open(b->base, "/nonexistent/a/b", &b->o, err));
	assert_non_null(strstr(err, "cannot make the directory"));
}

static void quit_cb(void *arg)
{
	(*(int *)arg)++;
}

static void await_quit(struct bench *b, struct peer *p, const int *quits)
{
	uint64_t until = clock_mono_us() + LIMIT_US;

	while (*quits == 0) {
		assert_true(clock_mono_us() < until);
		turn(b, p);
	}
}

static void local_terminal(void **state)
{
	struct bench *b = *state;
	struct termios before, during, after;
	struct console_local *l;
	struct peer *p;
	int master, slave, quits = 0, flags;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	p = peer_new(master);
	tcgetattr(slave, &before);
	flags = fcntl(slave, F_GETFL);
	l = console_local_open_fds(b->base, &b->o, slave, slave, quit_cb, &quits);
	assert_non_null(l);
	tcgetattr(slave, &during);
	assert_false(during.c_lflag & (ICANON | ECHO));
	assert_int_equal(fcntl(slave, F_GETFL), flags); // the log's stderr still blocks
	await(b, p, "inlet> ");
	say(p, "sh\tver\t\n");
	await(b, p, "1.2.3");
	assert_int_equal(quits, 0);
	say(p, "quit\n");
	await_quit(b, p, &quits);
	console_local_close(l);
	assert_int_equal(quits, 1);
	tcgetattr(slave, &after);
	assert_int_equal(after.c_lflag, before.c_lflag);
	assert_int_equal(after.c_iflag, before.c_iflag);
	assert_memory_equal(after.c_cc, before.c_cc, sizeof(before.c_cc));
	close(slave);
	hang_up(p);
}

static void local_pipe(void **state)
{
	struct bench *b = *state;
	struct console_local *l;
	struct peer *p;
	int in[2], out[2], quits = 0;

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	p = peer_new(out[0]);
	l = console_local_open_fds(b->base, &b->o, in[0], out[1], quit_cb, &quits);
	assert_non_null(l);
	assert_int_equal(write(in[1], "show version\n", 13), 13);
	close(in[1]); // end of file
	await_quit(b, p, &quits);
	await(b, p, "1.2.3");
	console_local_close(l);
	assert_int_equal(quits, 1);
	close(in[0]);
	close(out[1]);
	hang_up(p);
}

// A socket pair cannot be opened anew: its flags are set, and set back.
static void local_socket(void **state)
{
	struct bench *b = *state;
	struct console_local *l;
	struct peer *p;
	int fds[2], quits = 0, flags;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	p = peer_new(fds[0]);
	flags = fcntl(fds[1], F_GETFL);
	l = console_local_open_fds(b->base, &b->o, fds[1], fds[1], quit_cb, &quits);
	assert_non_null(l);
	await(b, p, "inlet> ");
	hang_up(p);
	await_quit(b, NULL, &quits);
	console_local_close(l);
	assert_int_equal(fcntl(fds[1], F_GETFL), flags);
	close(fds[1]);
}

static void local_refuses_files(void **state)
{
	struct bench *b = *state;
	int fd = open("/dev/null", O_RDWR), quits = 0;

	assert_null(console_local_open_fds(b->base, &b->o, fd, fd, quit_cb, &quits));
	assert_int_equal(errno, ENOTTY);
	assert_int_equal(quits, 0);
	close(fd);
}

int main(void)
{
#define TEST(f)	      cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TEST_TIGHT(f) cmocka_unit_test_setup_teardown(f, setup_tight, teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_shot_ok),
		TEST(one_shot_errors),
		TEST(one_shot_arguments),
		TEST(session_arguments),
		TEST(one_shot_half_closed),
		TEST(one_shot_large),
		TEST(line_of_3000),
		TEST(interactive),
		TEST(completion),
		TEST(watch_in_session),
		TEST(watch_nobody_reads),
		TEST(pieces),
		TEST(history_outlives_session),
		TEST(pasted),
		TEST(gone_while_waiting),
		TEST(ctrl_d_ends),
		TEST(escapes_do_not_count),
		TEST(several_clients),
		TEST(vanished_client),
		TEST_TIGHT(client_that_never_reads),
		TEST_TIGHT(silent_client),
		TEST_TIGHT(too_many_clients),
		TEST(socket_file),
		TEST(local_terminal),
		TEST(local_pipe),
		TEST(local_socket),
		TEST(local_refuses_files),
	};

	return RUN_TESTS(tests);
}
