// SPDX-License-Identifier: BSD-3-Clause
// The resolver and the engine against a real NSD, in a network namespace of this process alone.
#include "unit/unit.h"

#include <errno.h>
#include <event2/event.h>
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

#include "driad/resolver.h"

#define PORT 25353

static const char conf[] =
	"server:\n"
	" ip-address: 127.0.0.1@25353\n username: \"\"\n chroot: \"\"\n"
	" zonesdir: \"%1$s\"\n database: \"\"\n pidfile: \"%1$s/pid\"\n"
	" xfrdfile: \"%1$s/xfrd\"\n zonelistfile: \"%1$s/list\"\n xfrdir: \"%1$s\"\n"
	" server-count: 1\n"
	"remote-control:\n control-enable: no\n"
	"zone:\n name: 100.51.198.in-addr.arpa\n zonefile: v4.zone\n"
	"zone:\n name: 2.0.192.in-addr.arpa\n zonefile: alias.zone\n"
	"zone:\n name: 8.b.d.0.1.0.0.2.ip6.arpa\n zonefile: v6.zone\n"
	"zone:\n name: relays.test\n zonefile: names.zone\n";

#define SOA(ttl)                                                                \
	"$TTL 30\n@ " ttl " SOA ns.relays.test. x.relays.test. 1 60 60 60 " ttl \
	"\n@ NS ns.relays.test.\n"

static const char v4_zone[] = SOA(
	"7") "10 IN TYPE260 \\# 6 0a01cb00710f\n"			   // 10 0 1 203.0.113.15
	     "11 IN TYPE260 \\# 18 0a8220010db8000000000000000000000015\n" // 10 1 2 2001:db8::15
	     "13 IN TYPE260 \\# 2 0a00\n"
	     "14 IN TYPE260 \\# 1 0a\n"
	     "15 IN TYPE260 \\# 3 0a0401\n"
	     "16 IN TYPE260 \\# 4 0a03c00c\n"
	     "17 IN TYPE260 \\# 5 0a01cb0071\n"
	     "18 IN TYPE260 \\# 19 808303616d740672656c617973047465737400\n" // amt.relays.test.
	     "19 IN TYPE260 \\# 18 800303616d740672656c6179730474657374\n"   // no root
	     "20 IN TYPE260 \\# 6 0a01cb00710f\n20 IN TYPE260 \\# 6 0501cb007110\n"
	     "20 IN TYPE260 \\# 2 0000\n20 IN TYPE260 \\# 1 0a\n"
	     "21 IN TYPE260 \\# 20 0a0304656b7a6f0672656c617973047465737400\n"
	     "22 3 IN TYPE260 \\# 6 0a01cb00710f\n"
	     "23 IN TYPE260 \\# 6 0a017f000001\n"
	     "24 IN TXT nothing\n";
static const char alias_zone[] = SOA("9") "12 CNAME 10.100.51.198.in-addr.arpa.\n"
					  "13 CNAME nowhere.relays.test.\n"
					  "14 CNAME 15\n15 CNAME 14\n"
					  "sub DNAME relays.test.\n16 CNAME rec.sub\n";
static const char names_zone[] =
	SOA("5") "ns A 127.0.0.1\namt 20 A 203.0.113.21\namt 20 A 203.0.113.22\n"
		 "amt 25 AAAA 2001:db8::21\nrec TYPE260 \\# 6 0181cb00710f\n";
static const char v6_zone[] =
	SOA("7") "a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.a.0.0.0 TYPE260 \\# 6 0a01cb00710f\n";

static struct {
	char dir[64];
	pid_t nsd;
	struct event_base *base;
	struct event *tick;
	struct timers timers;
	struct rng rng;
	struct resolver *resolver;
	struct driad *driad;
	struct driad_result result;
	bool done;
	const char *skip;
} live;

static void on_answer(void *arg, uint64_t token, const struct driad_answer *a)
{
	(void)arg;
	driad_answer_input(live.driad, token, a, clock_mono_us());
}

static void on_result(void *arg, const struct driad_result *result, uint64_t now_us)
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

static const struct driad_result *look_up(const char *text)
{
	uint64_t start = clock_mono_us();
	struct addr source;

	assert_int_equal(addr_parse(text, &source), 0);
	live.done = false;
	assert_non_null(driad_lookup_start(live.driad, &source, on_result, NULL, start));
	assert_false(live.done);
	while (!live.done)
		assert_int_not_equal(event_base_loop(live.base, EVLOOP_ONCE), -1);
	print_message("# %s: %s, %u relays, ttl %u, ignored %u, %llu us, %s\n", text,
		driad_status_name(live.result.status), live.result.n_relays, live.result.ttl_s,
		live.result.ignored, (unsigned long long)(clock_mono_us() - start),
		live.result.detail);
	return &live.result;
}

static void file_write(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", live.dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, text, live.dir);
	assert_int_equal(fclose(f), 0);
}

static void nsd_start(void)
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
	len = addr_to_sockaddr(&addr, PORT, &sa);
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

static void nsd_stop(void)
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

static int setup(void **state)
{
	static const struct timeval every = {.tv_usec = 1000};
	struct resolver_cfg rcfg = {.ports = (uint16_t[]){PORT}, .n_servers = 1};
	struct driad_cfg cfg = {.queries_per_100ms = 10,
		.negative_ttl_max_s = 300,
		.max_waiting = 100,
		.use_ipv4 = true,
		.use_ipv6 = true};
	char err[RESOLVER_ERR_LEN];
	struct addr server;
	uint64_t start;

	(void)state;
	live.skip = namespace_enter();
	if (live.skip) {
		print_message("# SKIP %s\n", live.skip);
		return 0;
	}
	snprintf(live.dir, sizeof(live.dir), "/tmp/inlet-driad-XXXXXX");
	assert_non_null(mkdtemp(live.dir));
	file_write("nsd.conf", conf);
	file_write("v4.zone", v4_zone);
	file_write("alias.zone", alias_zone);
	file_write("names.zone", names_zone);
	file_write("v6.zone", v6_zone);
	nsd_start();

	addr_parse("127.0.0.1", &server);
	rcfg.servers = &server;
	timers_init(&live.timers);
	live.rng = RNG_SYSTEM;
	live.base = event_base_new();
	live.tick = event_new(live.base, -1, EV_PERSIST, on_tick, NULL);
	event_add(live.tick, &every);
	start = clock_mono_us();
	live.resolver = resolver_create(&rcfg, live.base, on_answer, NULL, err);
	assert_non_null(live.resolver);
	live.driad = driad_create(&cfg, &resolver_ops, live.resolver, &live.timers, &live.rng);
	print_message(
		"# resolver created in %llu us\n", (unsigned long long)(clock_mono_us() - start));
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	if (live.skip)
		return 0;
	driad_destroy(live.driad);
	resolver_destroy(live.resolver);
	event_free(live.tick);
	event_base_free(live.base);
	timers_fini(&live.timers);
	nsd_stop();
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", live.dir);
	return system(cmd);
}

static void record_types(void **state)
{
	static const struct {
		const char *source;
		enum driad_status status;
		unsigned int n_relays;
		uint32_t ttl_s, ignored;
		const char *first; // NULL: not looked at
	} rows[] = {
		{"198.51.100.10", DRIAD_OK, 1, 30, 0, "203.0.113.15"},
		{"198.51.100.11", DRIAD_OK, 1, 30, 0, "2001:db8::15"},
		{"198.51.100.13", DRIAD_NO_RELAY, 0, 30, 0, NULL},
		{"198.51.100.14", DRIAD_UNUSABLE, 0, 30, 1, NULL},
		{"198.51.100.15", DRIAD_UNUSABLE, 0, 30, 1, NULL},
		{"198.51.100.16", DRIAD_UNUSABLE, 0, 30, 1, NULL},
		{"198.51.100.17", DRIAD_UNUSABLE, 0, 30, 1, NULL},
		{"198.51.100.18", DRIAD_OK, 3, 20, 0, NULL},
		{"198.51.100.19", DRIAD_OK, 3, 20, 0, NULL},
		{"198.51.100.20", DRIAD_OK, 2, 30, 1, "203.0.113.16"},
		{"198.51.100.21", DRIAD_UNUSABLE, 0, 5, 0, NULL},
		{"198.51.100.22", DRIAD_OK, 1, 3, 0, "203.0.113.15"},
		{"198.51.100.23", DRIAD_UNUSABLE, 0, 30, 1, NULL},
		{"198.51.100.24", DRIAD_NO_RECORD, 0, 7, 0, NULL}, // NODATA
		{"198.51.100.99", DRIAD_NO_RECORD, 0, 7, 0, NULL}, // NXDOMAIN
		{"2001:db8:a::a", DRIAD_OK, 1, 30, 0, "203.0.113.15"},
	};

	(void)state;
	if (live.skip)
		skip();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct driad_result *r = look_up(rows[i].source);
		char text[ADDR_STRLEN];

		assert_int_equal(r->status, rows[i].status);
		assert_int_equal(r->n_relays, rows[i].n_relays);
		// The cache may have aged it by a second.
		assert_in_range(r->ttl_s, rows[i].ttl_s - 2, rows[i].ttl_s);
		assert_int_equal(r->ignored, rows[i].ignored);
		if (rows[i].first)
			assert_string_equal(addr_format(&r->relays[0].addr, text), rows[i].first);
	}
}

static void aliases(void **state)
{
	(void)state;
	if (live.skip)
		skip();
	assert_int_equal(look_up("192.0.2.12")->status, DRIAD_OK);
	assert_int_equal(look_up("192.0.2.13")->status, DRIAD_NO_RECORD);
	assert_int_not_equal(look_up("192.0.2.14")->status, DRIAD_OK); // a loop
	assert_int_equal(look_up("192.0.2.16")->status, DRIAD_OK);     // CNAME, then DNAME
	assert_int_equal(live.result.relays[0].precedence, 1);
	assert_true(live.result.relays[0].discovery_optional);
}

static void refused(void **state)
{
	(void)state;
	if (live.skip)
		skip();
	assert_int_equal(look_up("203.0.113.1")->status, DRIAD_FAILED);
	assert_int_equal(live.result.ttl_s, 0);
}

static void resolver_dies_and_returns(void **state)
{
	uint64_t start;

	(void)state;
	if (live.skip)
		skip();
	nsd_stop();
	start = clock_mono_us();
	assert_int_equal(look_up("198.51.100.50")->status, DRIAD_FAILED);
	assert_true(clock_mono_us() - start < 11 * US_PER_S);
	// What is cached goes on working.
	assert_int_equal(look_up("198.51.100.10")->status, DRIAD_OK);
	nsd_start();
	start = clock_mono_us();
	// Another name of the zone at once; the one that failed within seconds.
	while (look_up("198.51.100.51")->status != DRIAD_NO_RECORD)
		assert_true(clock_mono_us() - start < 10 * US_PER_S);
	while (look_up("198.51.100.50")->status != DRIAD_NO_RECORD) {
		assert_true(clock_mono_us() - start < 15 * US_PER_S);
		for (int tick = 0; tick < 300; tick++)
			event_base_loop(live.base, EVLOOP_ONCE);
	}
	print_message(
		"# back after %llu ms\n", (unsigned long long)(clock_mono_us() - start) / 1000);
}

static void cancelled(void **state)
{
	struct driad_lookup *l;
	struct addr source;

	(void)state;
	if (live.skip)
		skip();
	addr_parse("198.51.100.60", &source);
	live.done = false;
	l = driad_lookup_start(live.driad, &source, on_result, NULL, clock_mono_us());
	assert_non_null(l);
	driad_lookup_cancel(live.driad, l);
	for (int i = 0; i < 50; i++)
		event_base_loop(live.base, EVLOOP_ONCE);
	assert_false(live.done);
	// And one that is still in flight when everything is taken down.
	assert_non_null(driad_lookup_start(live.driad, &source, on_result, NULL, clock_mono_us()));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_types),
		cmocka_unit_test(aliases),
		cmocka_unit_test(refused),
		cmocka_unit_test(resolver_dies_and_returns),
		cmocka_unit_test(cancelled),
	};

	return cmocka_run_group_tests_name("driad-live", tests, setup, teardown);
}
