// SPDX-License-Identifier: BSD-3-Clause
// Which lines of the log a trace shows, and a session that has one.
#include "unit/unit.h"

#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "base/log.h"
#include "console/session.h"
#include "console/trace.h"
#include "fakes.h"

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void lines_of_a_channel(void **state)
{
	const struct sg sg = {address("198.51.100.10"), address("232.1.1.1")};
	struct trace *t = trace_create(&sg);
	struct {
		const char *text;
		bool shown;
	} lines[] = {
		{"join heard if=lan s=198.51.100.10 g=232.1.1.1 neighbor=10.9.1.4", true},
		{"join heard if=lan s=198.51.100.10 g=232.1.1.2 neighbor=10.9.1.4", false},
		{"join heard if=lan s=198.51.100.1 g=232.1.1.1 neighbor=10.9.1.4", false},
		{"join heard if=lan s=198.51.100.100 g=232.1.1.1", false},
		{"neighbor up if=lan addr=198.51.100.10", false},
		{"request sent relay=203.0.113.11 family=ipv4", false}, // nobody has named it yet
		{"relay found source=198.51.100.10 relays=2 first=203.0.113.11 ttl=60", true},
		{"request sent relay=203.0.113.11 family=ipv4", true},
		{"request sent relay=203.0.113.1 family=ipv4", false},
		{"request sent relay=203.0.113.110 family=ipv4", false},
		{"discovery sent to=203.0.113.11 try=1", true},
		// Behind a broker.
		{"relay advertised relay=203.0.113.50 by=203.0.113.11", true},
		{"query received relay=203.0.113.50 family=ipv4", true},
		{"update s=198.51.100.10 g=232.1.1.2 relay=203.0.113.50 record=allow", false},
		{"update s=198.51.100.10 g=232.1.1.1 relay=203.0.113.50 record=allow", true},
		{"moved source=198.51.100.10 why=\"x\" from=203.0.113.50 to=203.0.113.60", true},
		{"tunnel closed relay=203.0.113.60 channels=1", true},
		{"relay found source=198.51.100.11 relays=1 first=203.0.113.70", false},
		{"tunnel up relay=203.0.113.70", false},
		{"no key at all", false},
		{"", false},
		{"source=", false},
		{"s=198.51.100.10", true},
		{"forwarding entry refused (198.51.100.10,232.1.1.1)", false},
	};

	(void)state;
	assert_non_null(t);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (trace_matches(t, lines[i].text) != lines[i].shown)
			fail_msg("%s: %s", lines[i].shown ? "not shown" : "shown", lines[i].text);
	trace_free(t);
}

static void ipv6_and_many_relays(void **state)
{
	const struct sg sg = {address("2001:db8::10"), address("ff3e::8000:1")};
	struct trace *t = trace_create(&sg);
	char line[128];

	(void)state;
	assert_true(trace_matches(t, "join heard s=2001:db8::10 g=ff3e::8000:1 neighbor=fe80::1"));
	assert_false(trace_matches(t, "join heard s=2001:db8::1 g=ff3e::8000:1"));
	for (int i = 1; i <= 40; i++) {
		snprintf(line, sizeof(line), "relay tried source=2001:db8::10 relay=2001:db8:1::%d",
			i);
		assert_true(trace_matches(t, line));
	}
	// The last ones are known, the first ones are forgotten.
	assert_true(trace_knows(t, "2001:db8:1::40"));
	assert_true(trace_knows(t, "2001:db8:1::25"));
	assert_false(trace_knows(t, "2001:db8:1::24"));
	trace_free(t);
}

struct bench {
	struct observe o;
	struct event_base *base;
	struct session_host host;
	struct evbuffer *out;
	struct session *s;
	bool ran;
};

static void on_session(void *arg, enum session_event ev)
{
	struct bench *b = arg;

	b->ran |= ev == SESSION_RAN;
}

static void turn(struct bench *b)
{
	for (int i = 0; i < 4; i++)
		event_base_loop(b->base, EVLOOP_NONBLOCK);
}

static void bench_open(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	fake_observe(&b->o);
	b->base = event_base_new();
	assert_int_equal(session_host_init(&b->host, b->base, &b->o, 1u << 20), 0);
	b->out = evbuffer_new();
	b->s = session_create(&b->host, b->out, false, on_session, b);
	assert_non_null(b->s);
}

static void bench_close(struct bench *b)
{
	session_free(b->s);
	session_host_fini(&b->host);
	evbuffer_free(b->out);
	event_base_free(b->base);
}

static bool said(struct bench *b, const char *text)
{
	return evbuffer_search(b->out, text, strlen(text), NULL).pos >= 0;
}

static void a_session_traces(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b);
	assert_false(log_tapped);
	session_run(b.s, "trace 198.51.100.77 232.1.1.77");
	turn(&b);
	assert_false(b.ran);
	assert_true(log_tapped);
	assert_true(said(&b, "trace: begins s=198.51.100.77 g=232.1.1.77, nobody wants it yet\n"));
	log_debug("pim", "join heard s=198.51.100.77 g=232.1.1.77 text=%s", "\33[2J");
	log_debug("pim", "join heard s=198.51.100.77 g=232.1.1.78");
	assert_true(said(&b, "Z pim: join heard s=198.51.100.77 g=232.1.1.77 text=?[2J\n"));
	assert_false(said(&b, "232.1.1.78"));
	session_done(b.s, 0);
	turn(&b);
	assert_true(b.ran);
	assert_false(log_tapped); // costs nothing any more
	// The client goes while it runs.
	session_run(b.s, "trace 198.51.100.77 232.1.1.77");
	turn(&b);
	assert_true(log_tapped);
	bench_close(&b);
	assert_false(log_tapped);
}

// Nobody reads: lines are lost and counted, and no memory is taken for them.
static void a_session_that_stands(void **state)
{
	struct bench b, other;

	(void)state;
	bench_open(&b);
	bench_open(&other);
	session_run(b.s, "trace 198.51.100.77 232.1.1.77");
	turn(&b);
	for (int i = 0; i < 20000; i++)
		log_debug("pim", "join heard s=198.51.100.77 g=232.1.1.77 number=%d", i);
	assert_in_range(evbuffer_get_length(b.out), 200 << 10, 300 << 10);
	evbuffer_drain(b.out, evbuffer_get_length(b.out));
	log_debug("pim", "join heard s=198.51.100.77 g=232.1.1.77 number=last");
	assert_true(said(&b, "lines lost)\n20"));
	assert_true(said(&b, "number=last"));
	session_run(other.s, "trace stop");
	turn(&other);
	turn(&b);
	assert_true(said(&other, "1 traces stopped"));
	assert_true(b.ran);
	assert_false(log_tapped);
	bench_close(&b);
	bench_close(&other);
}

static void so_many_and_no_more(void **state)
{
	struct bench b[9];

	(void)state;
	for (int i = 0; i < 9; i++) {
		bench_open(&b[i]);
		session_run(b[i].s, i ? "trace 198.51.100.77 232.1.1.77" : "trace here there");
		turn(&b[i]);
	}
	assert_true(said(&b[0], "error: source here is not an address"));
	assert_false(log_tapped && b[8].ran);
	session_run(b[0].s, "trace 198.51.100.77 232.1.1.77");
	turn(&b[0]);
	assert_true(said(&b[0], "error: 8 traces run already"));
	for (int i = 0; i < 9; i++)
		bench_close(&b[i]);
	assert_false(log_tapped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_a_channel),
		cmocka_unit_test(ipv6_and_many_relays),
		cmocka_unit_test(a_session_traces),
		cmocka_unit_test(a_session_that_stands),
		cmocka_unit_test(so_many_and_no_more),
	};

	return RUN_TESTS(tests);
}
