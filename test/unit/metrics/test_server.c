// SPDX-License-Identifier: BSD-3-Clause
// The page of an appliance of fakes, through the server: whole, in slices, to clients that do not
// read, are too many, or go away.
#include "unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "../console/fakes.h"
#include "base/timer.h"
#include "metrics/server.h"

static struct observe o;
static struct observe_scrapes scrapes;
static struct event_base *base;
static struct metrics_server *server;
static struct config_listen at;
static char got[8 << 20];

static void begin_with(const struct metrics_limits *limits, uint32_t channels)
{
	const struct page_cfg cfg = {.channels = channels, .tunnels = 5};
	char err[METRICS_ERR_LEN];

	fake_observe(&o);
	memset(&scrapes, 0, sizeof(scrapes));
	o.scrapes = &scrapes;
	addr_parse("127.0.0.1", &at.addr);
	base = event_base_new();
	assert_non_null(base);
	for (at.port = 29568; at.port < 29700; at.port++) { // one that nobody has
		server = metrics_server_open_limited(base, &at, &cfg, &o, &scrapes, limits, err);
		if (server)
			return;
	}
	fail_msg("%s", err);
}

static int end(void **state)
{
	(void)state;
	metrics_server_close(server);
	assert_int_equal(scrapes.clients, 0);
	event_base_free(base);
	return 0;
}

static int begin(void **state)
{
	(void)state;
	begin_with(&metrics_limits_default, 7);
	return 0;
}

static int client(const char *request)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(at.port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int small = 4096;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_true(connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 || errno == EINPROGRESS);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	return fd;
}

// Runs the loop until the server has ended the connection, or for so long; octets in got.
static size_t answer(int fd, uint64_t for_us)
{
	uint64_t until = clock_mono_us() + for_us;
	size_t len = 0;

	got[0] = '\0';
	while (clock_mono_us() < until) {
		ssize_t n;

		event_base_loop(base, EVLOOP_NONBLOCK);
		n = recv(fd, got + len, sizeof(got) - 1 - len, MSG_DONTWAIT);
		if (n == 0)
			break;
		if (n > 0)
			len += (size_t)n;
	}
	got[len] = '\0';
	close(fd);
	event_base_loop(base, EVLOOP_NONBLOCK);
	return len;
}

#define LONG (10 * USEC_PER_SEC)
#define GET  "GET /metrics HTTP/1.0\r\n\r\n"

static void the_page(void **state)
{
	(void)state;
	answer(client(GET), LONG);
	assert_ptr_equal(strstr(got, "HTTP/1.1 200 OK\r\n"), got);
	assert_non_null(
		strstr(got, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	assert_string_equal(got + strlen(got) - 6, "# EOF\n");
	assert_non_null(strstr(got, "\ninlet_port_up{interface=\"wan\",role=\"upstream\"} "));
	assert_non_null(strstr(got, "\ninlet_drops_total{room=\"pim\",interface=\"lan\",reason="
				    "\"CHECKSUM\"} 3\n"));
	assert_non_null(strstr(got, "\ninlet_drops_total{room=\"amt\",reason=\"NONCE\"} 4\n"));
	assert_non_null(strstr(got, "\ninlet_drops_total{room=\"driad\",reason=\"BOGUS\"} 2\n"));
	if (o.held) {
		assert_non_null(
			strstr(got, "\ninlet_relay_held{relay_address=\"203.0.113.99\",reason="
				    "\"no \\\"traffic\\\"\"} 2\n"));
		assert_non_null(strstr(got, ",reason=\"full\"} 1\n"));
		assert_null(strstr(got, ",reason=\"over\"}"));
	}
	assert_non_null(strstr(got, "\ninlet_join_latency_seconds_bucket{le=\"0.005\"} 0\n"));
	assert_non_null(strstr(got, "\ninlet_join_latency_seconds_bucket{le=\"0.01\"} 2\n"));
	assert_non_null(strstr(got, "\ninlet_join_latency_seconds_sum 0.015\n"));
	assert_non_null(strstr(got, "\ninlet_channels_wanted_total 9\n"));
	assert_non_null(strstr(got, "\ninlet_worker_polls_total{worker=\"1\",cpu="));
	assert_int_equal(scrapes.pages, 1);
	assert_int_equal(scrapes.bad, 0);
	// Each family has its TYPE once.
	for (const char *p = strstr(got, "# TYPE "); p; p = strstr(p + 1, "# TYPE ")) {
		char type[200];

		snprintf(type, sizeof(type), "%.*s", (int)strcspn(p, "\n"), p);
		assert_null(strstr(p + 1, type));
	}
}

static void openmetrics_in_chunks(void **state)
{
	size_t sum = 0;
	char *p;

	(void)state;
	answer(client("GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text\r\n\r\n"),
		LONG);
	assert_non_null(strstr(got, "\r\nTransfer-Encoding: chunked\r\n"));
	p = strstr(got, "\r\n\r\n");
	assert_non_null(p);
	for (p += 4;;) {
		size_t len = strtoul(p, &p, 16);

		assert_true(strncmp(p, "\r\n", 2) == 0);
		if (len == 0)
			break;
		sum += len;
		p += 2 + len;
		assert_true(strncmp(p, "\r\n", 2) == 0);
		p += 2;
	}
	assert_string_equal(p, "\r\n\r\n");
	assert_true(sum > 5000);
	assert_non_null(strstr(got, "# TYPE inlet_drops counter\n"));
}

static void others_are_told(void **state)
{
	(void)state;
	answer(client("GET /x HTTP/1.1\r\n\r\n"), LONG);
	assert_ptr_equal(strstr(got, "HTTP/1.1 404 "), got);
	answer(client("PUT /metrics HTTP/1.1\r\n\r\n"), LONG);
	assert_ptr_equal(strstr(got, "HTTP/1.1 405 "), got);
	assert_non_null(strstr(got, "\r\nAllow: GET, HEAD\r\n"));
	answer(client("\x16\x03\x01 TLS\r\n\r\n"), LONG);
	assert_ptr_equal(strstr(got, "HTTP/1.1 400 "), got);
	assert_int_equal(scrapes.bad, 3);
	answer(client("HEAD /metrics HTTP/1.1\r\n\r\n"), LONG);
	assert_ptr_equal(strstr(got, "HTTP/1.1 200 "), got);
	assert_string_equal(got + strlen(got) - 4, "\r\n\r\n");
	answer(client("GET / HTTP/1.1\r\n\r\n"), LONG);
	assert_non_null(strstr(got, "/metrics\n"));
	assert_int_equal(scrapes.bad, 3);
}

// Many clients at once are served in turns, and no turn is longer than a slice and a bit.
static void slices(void **state)
{
	struct metrics_limits limits = metrics_limits_default;
	int fds[8];

	(void)state;
	limits.slice_us = 1; // as little as can be
	begin_with(&limits, 7);
	for (int i = 0; i < 8; i++)
		fds[i] = client(GET);
	for (int i = 0; i < 8; i++) {
		answer(fds[i], LONG);
		assert_string_equal(got + strlen(got) - 6, "# EOF\n");
	}
	assert_int_equal(scrapes.pages, 8);
	assert_true(scrapes.slices > 8 * 10);
}

static void too_many(void **state)
{
	struct metrics_limits limits = metrics_limits_default;
	int fds[3];

	(void)state;
	limits.clients = 2;
	limits.request_ms = 50;
	begin_with(&limits, 7);
	fds[0] = client("GET");
	fds[1] = client("");
	fds[2] = client("");
	answer(fds[2], LONG);
	assert_ptr_equal(strstr(got, "HTTP/1.1 503 "), got);
	assert_int_equal(scrapes.refused, 1);
	// Those that do not ask are closed, without a word.
	assert_int_equal(answer(fds[0], LONG), 0);
	assert_int_equal(answer(fds[1], LONG), 0);
	assert_int_equal(scrapes.stalled, 2);
	answer(client(GET), LONG);
	assert_string_equal(got + strlen(got) - 6, "# EOF\n");
}

// Who does not read holds no more than the limit, and goes when its time is over.
static void who_does_not_read(void **state)
{
	struct metrics_limits limits = metrics_limits_default;
	uint64_t until;
	int fd;

	(void)state;
	limits.pending = 2048;
	limits.answer_ms = 300;
	fake_channels = 5000;
	begin_with(&limits, 1000);
	fake_channels = 5000;
	fd = client(GET);
	until = clock_mono_us() + LONG;
	while (scrapes.stalled == 0 && scrapes.pages == 0 && clock_mono_us() < until)
		event_base_loop(base, EVLOOP_NONBLOCK);
	// What sockets hold is not ours to say: the page may have gone into them as a whole.
	assert_int_equal(scrapes.stalled + scrapes.pages, 1);
	close(fd);
	fd = client(GET);
	close(fd); // gone before it is answered
	answer(client(GET), LONG);
	assert_string_equal(got + strlen(got) - 6, "# EOF\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_page, begin, end),
		cmocka_unit_test_setup_teardown(openmetrics_in_chunks, begin, end),
		cmocka_unit_test_setup_teardown(others_are_told, begin, end),
		cmocka_unit_test_teardown(slices, end),
		cmocka_unit_test_teardown(too_many, end),
		cmocka_unit_test_teardown(who_does_not_read, end),
	};

	signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
