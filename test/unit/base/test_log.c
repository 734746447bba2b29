// SPDX-License-Identifier: BSD-3-Clause
// The log: the two forms of a line, levels by room, the rate, and a reader that does not read.
#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/log_text.h"

static char line[LOG_LINE_MAX + 1];

static const char *json(const char *message)
{
	size_t len = log_text_json(line, "T", "info", "pim", message);

	assert_in_range(len, 1, LOG_LINE_MAX);
	line[len] = '\0';
	assert_int_equal(line[len - 1], '\n');
	assert_ptr_equal(strchr(line, '\n'), line + len - 1);
	return line;
}
#define HEAD "{\"time\":\"T\",\"level\":\"info\",\"room\":\"pim\",\"event\":"

static void plain_lines(void **state)
{
	size_t len = log_text_plain(line, "T", "warn", "amt", "no\nanswer\tr=1");

	(void)state;
	line[len] = '\0';
	assert_string_equal(line, "T warn  amt: no?answer?r=1\n");
}

static void json_lines(void **state)
{
	(void)state;
	assert_string_equal(json("ready"), HEAD "\"ready\"}\n");
	assert_string_equal(json(""), HEAD "\"\"}\n");
	assert_string_equal(json("join heard s=192.0.2.1 g=232.1.1.1 n=5 took_ms=-1.25"),
		HEAD "\"join heard\",\"s\":\"192.0.2.1\",\"g\":\"232.1.1.1\",\"n\":5,"
		     "\"took_ms\":-1.25}\n");
	// A value has blanks in it, one is empty, one is no number that JSON has.
	assert_string_equal(json("bad file=a b.conf why= id=007 v=1. w=0.5 x=0"),
		HEAD "\"bad\",\"file\":\"a b.conf\",\"why\":\"\",\"id\":\"007\",\"v\":\"1.\","
		     "\"w\":0.5,\"x\":0}\n");
	assert_string_equal(json("k=1"), HEAD "\"\",\"k\":1}\n");
	// Keys that the line has already.
	assert_string_equal(
		json("x level=3 event=y"), HEAD "\"x\",\"level_\":3,\"event_\":\"y\"}\n");
	assert_string_equal(json("say \"a\\b\"\x01\xff why=\"\n"),
		HEAD "\"say \\\"a\\\\b\\\"??\",\"why\":\"\\\"?\"}\n");
	// Not keys: capitals, nothing before '=', a blank.
	assert_string_equal(json("A=1 =2 b =3"), HEAD "\"A=1 =2 b =3\"}\n");
}

// However long and however many quotes: one line, closed.
static void json_is_cut_off(void **state)
{
	static char big[20000];

	(void)state;
	memset(big, '"', sizeof(big) - 1);
	json(big);
	assert_string_equal(line + strlen(line) - 3, "\"}\n");
	for (size_t i = 0; i + 4 < sizeof(big); i += 4)
		// NOLINTNEXTLINE(bugprone-not-null-terminated-result): by intent
		memcpy(big + i, " k=1", 4);
	json(big);
	assert_string_equal(line + strlen(line) - 2, "}\n");
	memset(big, 'k', sizeof(big) - 1);
	big[sizeof(big) - 2] = '=';
	json(big);
	assert_string_equal(line + strlen(line) - 3, "\"}\n");
}

static void levels_by_room(void **state)
{
	(void)state;
	assert_int_equal(log_level_set(NULL, LOG_LEVEL_WARN), 0);
	assert_int_equal(log_level_of("pim"), LOG_LEVEL_WARN);
	assert_int_equal(log_level_set("pim", LOG_LEVEL_DEBUG), 0);
	assert_int_equal(log_level_of("pim"), LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_of("amt"), LOG_LEVEL_WARN);
	assert_int_equal(log_raised, LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_set("amt", LOG_LEVEL_ERROR), 0);
	assert_int_equal(log_level_of("amt"), LOG_LEVEL_ERROR);
	assert_int_equal(log_level_set("nowhere", LOG_LEVEL_DEBUG), -ENOENT);
	assert_int_equal(log_level_set(NULL, LOG_LEVEL_INFO), 0);
	assert_int_equal(log_level_of("pim"), LOG_LEVEL_INFO);
	assert_int_equal(log_raised, -1);
}

// stderr is replaced while fn runs; what is left in the pipe is read into got.
static char got[1 << 20];
static void with_stderr(int out, int in, void (*fn)(void))
{
	int saved = dup(STDERR_FILENO);
	size_t have = 0;
	ssize_t n;

	assert_int_equal(dup2(out, STDERR_FILENO), STDERR_FILENO);
	fn();
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	close(saved);
	assert_int_equal(fcntl(in, F_SETFL, O_NONBLOCK), 0);
	while (have < sizeof(got) - 1 && (n = read(in, got + have, sizeof(got) - 1 - have)) > 0)
		have += (size_t)n;
	got[have] = '\0';
}

static void write_some(void)
{
	log_level_set("pim", LOG_LEVEL_DEBUG);
	log_debug("pim", "seen n=%d", 1);
	log_debug("amt", "not seen");
	log_level_set(NULL, LOG_LEVEL_INFO);
	log_rate_set(10);
	for (int i = 0; i < 1000; i++)
		log_info("amt", "flood i=%d", i);
	log_warn("amt", "a warning is written in spite of it");
	log_rate_set(0);
	log_info("amt", "after the flood");
}

static void the_rate(void **state)
{
	uint64_t before = log_stats()->suppressed, held;
	int fds[2];
	const char *said;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	with_stderr(fds[1], fds[0], write_some);
	assert_non_null(strstr(got, "debug pim: seen n=1\n"));
	assert_null(strstr(got, "not seen"));
	assert_non_null(strstr(got, "flood i=49\n")); // five seconds at 10 a second
	assert_null(strstr(got, "flood i=500\n"));
	held = log_stats()->suppressed - before;
	assert_in_range(held, 900, 950);
	said = strstr(got, "log: lines suppressed suppressed=");
	assert_non_null(said);
	assert_int_equal(
		strtoull(strrchr(said, '=') ? strstr(said, "suppressed=") + 11 : "", NULL, 10),
		held);
	assert_non_null(strstr(said, "a warning is written"));
	close(fds[0]);
	close(fds[1]);
}

static void flood(void)
{
	log_open();
	log_rate_set(0);
	for (int i = 0; i < 20000; i++)
		log_info("amt", "flood i=%d", i);
}

static void one_more(void)
{
	log_open();
	log_info("amt", "one more");
}

// Nobody reads: every call returns, what did not fit is counted and then said.
static void nobody_reads(int fds[2])
{
	uint64_t lost = log_stats()->lost, written = log_stats()->lines[LOG_LEVEL_INFO];
	char want[64];

	with_stderr(fds[1], fds[0], flood);
	lost = log_stats()->lost - lost;
	written = log_stats()->lines[LOG_LEVEL_INFO] - written;
	assert_in_range(lost, 1000, 19990);
	assert_int_equal(written + lost, 20000);
	assert_non_null(strstr(got, "flood i=0\n"));
	assert_int_equal(got[strlen(got) - 1], '\n');
	with_stderr(fds[1], fds[0], one_more);
	snprintf(want, sizeof(want), "log: lines lost lost=%llu\n", (unsigned long long)lost);
	assert_non_null(strstr(got, want));
	assert_non_null(strstr(got, "one more\n"));
	close(fds[0]);
	close(fds[1]);
}

static void a_pipe_that_nobody_reads(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	nobody_reads(fds);
}

static void a_socket_that_nobody_reads(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	nobody_reads(fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_lines),
		cmocka_unit_test(json_lines),
		cmocka_unit_test(json_is_cut_off),
		cmocka_unit_test(levels_by_room),
		cmocka_unit_test(the_rate),
		cmocka_unit_test(a_pipe_that_nobody_reads),
		cmocka_unit_test(a_socket_that_nobody_reads),
	};

	return RUN_TESTS(tests);
}
