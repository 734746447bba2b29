// SPDX-License-Identifier: BSD-3-Clause
// What the service manager hears, on a socket of our own.
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "inletd/notify.h"

static int manager; // its socket

static void manager_open(const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t len = strlen(name);

	memcpy(at.sun_path, name, len);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(manager >= 0);
	assert_int_equal(bind(manager, (struct sockaddr *)&at,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
		0);
}

static void hears(const char *what)
{
	char buf[64] = "";
	ssize_t n = recv(manager, buf, sizeof(buf) - 1, 0);

	if (what) {
		assert_int_equal(n, strlen(what));
		assert_string_equal(buf, what);
	} else {
		assert_int_equal(n, -1);
	}
}

static void nobody_listens(void **state)
{
	const uint64_t polls = 1;
	struct notify n;

	(void)state;
	assert_int_equal(notify_open(&n, NULL, "1000000", NULL, 42), 0);
	assert_int_equal(n.interval_us, 0);
	notify_say(&n, "READY=1");
	assert_true(notify_alive(&n, &polls, 1)); // is said in the log all the same
	assert_false(notify_alive(&n, &polls, 1));
	notify_close(&n);
	assert_int_equal(notify_open(&n, "", NULL, NULL, 42), 0);
	assert_int_equal(n.fd, -1);
	// A manager that went away.
	assert_int_equal(notify_open(&n, "@inlet-test-nobody", NULL, NULL, 42), 0);
	notify_say(&n, "READY=1");
	notify_close(&n);
}

static void names(void **state)
{
	char path[64], longest[200];
	struct notify n;

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(notify_open(&n, "relative", NULL, NULL, 42), -EINVAL);
	assert_int_equal(notify_open(&n, "/", NULL, NULL, 42), -EINVAL);
	assert_int_equal(notify_open(&n, longest, NULL, NULL, 42), -EINVAL);
	snprintf(path, sizeof(path), "@inlet-test-%d", (int)getpid());
	manager_open(path);
	assert_int_equal(notify_open(&n, path, NULL, NULL, 42), 0);
	notify_say(&n, "READY=1");
	hears("READY=1");
	notify_close(&n);
	close(manager);
	snprintf(path, sizeof(path), "/tmp/inlet-test-%d", (int)getpid());
	manager_open(path);
	assert_int_equal(notify_open(&n, path, NULL, NULL, 42), 0);
	notify_say(&n, "STOPPING=1");
	hears("STOPPING=1");
	notify_close(&n);
	close(manager);
	unlink(path);
}

static void intervals(void **state)
{
	static const struct {
		const char *usec, *pid;
		uint64_t interval_us;
	} cases[] = {
		{"3000000", NULL, 1000000},
		{"3000000", "42", 1000000},
		{"3000000", "43", 0}, // meant for another process
		{NULL, "42", 0},
		{"", NULL, 0},
		{"3x", NULL, 0},
		{"99999999999999999999999", NULL, 0},
	};
	struct notify n;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
			notify_open(&n, "@inlet-test", cases[i].usec, cases[i].pid, 42), 0);
		assert_int_equal(n.interval_us, cases[i].interval_us);
		notify_close(&n);
	}
}

static void a_worker_that_stands_still(void **state)
{
	uint64_t polls[3] = {10, 20, 30};
	struct notify n;
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "@inlet-test-%d", (int)getpid());
	manager_open(name);
	assert_int_equal(notify_open(&n, name, "3000000", NULL, 42), 0);
	assert_true(notify_alive(&n, polls, 3));
	hears("WATCHDOG=1");
	polls[0]++, polls[2]++; // the second one does not
	assert_false(notify_alive(&n, polls, 3));
	hears(NULL);
	assert_true(n.stalled[1]);
	polls[0]++, polls[1]++, polls[2]++;
	assert_true(notify_alive(&n, polls, 3));
	hears("WATCHDOG=1");
	assert_false(n.stalled[1]);
	assert_false(notify_alive(&n, polls, 3)); // nobody polls
	hears(NULL);
	notify_close(&n);
	close(manager);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(names),
		cmocka_unit_test(intervals),
		cmocka_unit_test(a_worker_that_stands_still),
	};

	return RUN_TESTS(tests);
}
