// SPDX-License-Identifier: BSD-3-Clause
#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "live.h"

struct live live;

static void on_answer(void *arg, uint64_t token, const struct driad_answer *a)
{
	(void)arg;
	driad_answer_input(live.driad, token, a, clock_mono_us());
}

void live_result(void *arg, const struct driad_result *result, uint64_t now_us)
{
	(void)arg;
	(void)now_us;
	live.result = *result;
	live.done = true;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	timers_run(&live.timers, clock_mono_us());
}

const struct driad_result *live_look_up(const char *text)
{
	uint64_t start = clock_mono_us();
	struct addr source;

	assert_int_equal(addr_parse(text, &source), 0);
	live.done = false;
	assert_non_null(driad_lookup_start(live.driad, &source, live_result, NULL, start));
	assert_false(live.done);
	while (!live.done)
		assert_int_not_equal(event_base_loop(live.base, EVLOOP_ONCE), -1);
	print_message("# %s: %s, %u relays, ttl %u, ignored %u, %llu us, %s\n", text,
		driad_status_name(live.result.status), live.result.n_relays, live.result.ttl_s,
		live.result.ignored, (unsigned long long)(clock_mono_us() - start),
		live.result.detail);
	return &live.result;
}

void live_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", live.dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, text, live.dir);
	assert_int_equal(fclose(f), 0);
}

void live_nsd_start(void)
{
	char path[128];
	struct sockaddr_storage sa;
	struct addr addr;
	socklen_t len;

	snprintf(path, sizeof(path), "%s/nsd.conf", live.dir);
	live.nsd = fork();
	assert_int_not_equal(live.nsd, -1);
	if (live.nsd == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		execlp("nsd", "nsd", "-d", "-c", path, (char *)NULL);
		_exit(127);
	}
	// Up when it answers, with REFUSED, a question for the root.
	assert_int_equal(addr_parse("127.0.0.1", &addr), 0);
	len = addr_to_sockaddr(&addr, LIVE_PORT, &sa);
	for (int tries = 0;; tries++) {
		static const uint8_t query[17] = {[5] = 1, [14] = 1, [16] = 1};
		struct timeval wait = {.tv_usec = 20000};
		int fd = socket(AF_INET, SOCK_DGRAM, 0);
		uint8_t reply[64];
		bool up;

		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
		up = connect(fd, (struct sockaddr *)&sa, len) == 0 &&
		     send(fd, query, sizeof(query), 0) > 0 && recv(fd, reply, sizeof(reply), 0) > 0;
		close(fd);
		if (up)
			return;
		assert_true(tries < 500);
		usleep(10000);
	}
}

void live_nsd_stop(void)
{
	if (live.nsd <= 0)
		return;
	kill(live.nsd, SIGTERM);
	waitpid(live.nsd, NULL, 0);
	live.nsd = 0;
}

static const char *namespace_enter(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd, rc;

	if (system("command -v nsd >/dev/null 2>&1") != 0)
		return "nsd is not installed";
	if (unshare(CLONE_NEWNET) != 0)
		return "no permission for a network namespace";
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	rc = ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
	return rc == 0 ? NULL : "lo does not come up";
}

void live_begin(const char *conf)
{
	static const struct timeval every = {.tv_usec = 1000};

	memset(&live, 0, sizeof(live));
	live.skip = namespace_enter();
	if (live.skip) {
		print_message("# SKIP %s\n", live.skip);
		return;
	}
	snprintf(live.dir, sizeof(live.dir), "/tmp/inlet-driad-XXXXXX");
	assert_non_null(mkdtemp(live.dir));
	live_file("nsd.conf", conf);
	timers_init(&live.timers);
	live.rng = RNG_SYSTEM;
	live.base = event_base_new();
	live.tick = event_new(live.base, -1, EV_PERSIST, on_tick, NULL);
	event_add(live.tick, &every);
}

void live_resolver(const struct resolver_cfg *cfg, bool require_secure)
{
	struct driad_cfg dc = {.queries_per_100ms = 10,
		.negative_ttl_max_s = 300,
		.max_waiting = 100,
		.use_ipv4 = true,
		.use_ipv6 = true,
		.require_secure = require_secure};
	struct resolver_cfg rc = *cfg;
	char err[RESOLVER_ERR_LEN] = "";
	struct addr server;
	uint64_t start;

	live_resolver_end();
	addr_parse("127.0.0.1", &server);
	rc.servers = &server;
	rc.ports = (uint16_t[]){LIVE_PORT};
	rc.n_servers = 1;
	start = clock_mono_us();
	live.resolver = resolver_create(&rc, live.base, on_answer, NULL, err);
	if (!live.resolver)
		fail_msg("%s", err);
	live.driad = driad_create(&dc, &resolver_ops, live.resolver, &live.timers, &live.rng);
	print_message(
		"# resolver created in %llu us\n", (unsigned long long)(clock_mono_us() - start));
}

void live_resolver_end(void)
{
	driad_destroy(live.driad);
	resolver_destroy(live.resolver);
	live.driad = NULL;
	live.resolver = NULL;
}

void live_ticks(unsigned int n)
{
	while (n-- > 0)
		event_base_loop(live.base, EVLOOP_ONCE);
}

int live_end(void)
{
	char cmd[128];

	if (live.skip)
		return 0;
	live_resolver_end();
	event_free(live.tick);
	event_base_free(live.base);
	timers_fini(&live.timers);
	live_nsd_stop();
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", live.dir);
	return system(cmd);
}
