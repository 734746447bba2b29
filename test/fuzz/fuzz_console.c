// SPDX-License-Identifier: BSD-3-Clause
// What somebody types: first octet even: commands, one a line, as a script sends them; odd: the
// octets of a terminal, with its editing, history and completion. Behind the verbs are fakes.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "console/proto.h"
#include "console/session.h"
#include "unit/console/fakes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES 16  // of an input; what comes behind them is not run
#define TURNS 100 // of the loop, that a command is given: a watch does not end

static struct event_base *base;
static bool over;

static void session_event_cb(void *arg, enum session_event ev)
{
	(void)arg;
	over = over || ev != SESSION_READY;
}

static size_t turns(struct session *s, struct evbuffer *out)
{
	size_t octets = 0;

	for (int i = 0; i < TURNS && !over; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		octets += evbuffer_get_length(out);
		evbuffer_drain(out, evbuffer_get_length(out));
		if (!over)
			session_drained(s);
	}
	octets += evbuffer_get_length(out);
	evbuffer_drain(out, evbuffer_get_length(out));
	return octets;
}

static void run(struct session_host *h, struct evbuffer *out, const uint8_t *data, size_t len)
{
	struct session *s = session_create(h, out, false, session_event_cb, NULL);
	char *line = malloc(len + 1);
	size_t octets;

	if (!s || !line)
		abort();
	memcpy(line, data, len);
	line[len] = '\0';
	over = false;
	session_run(s, line);
	free(line);
	octets = turns(s, out);
	// Whoever is refused is told why.
	if (over && session_status(s) != CONSOLE_STATUS_OK && octets == 0)
		abort();
	session_free(s);
}

static void lines(struct session_host *h, struct evbuffer *out, const uint8_t *data, size_t size)
{
	size_t at = 0;

	for (int n = 0; n < LINES && at < size; n++) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		size_t len = end ? (size_t)(end - data) - at : size - at;

		run(h, out, data + at, len);
		at += len + 1;
	}
}

static void typed(struct session_host *h, struct evbuffer *out, const uint8_t *data, size_t size)
{
	struct session *s = session_create(h, out, true, session_event_cb, NULL);
	struct evbuffer *in = evbuffer_new();

	if (!s || !in || evbuffer_add(in, data, size) != 0)
		abort();
	over = false;
	for (int i = 0; i < TURNS && !over && session_input(s, in, false); i++) {
		turns(s, out);
		if (evbuffer_get_length(in) == 0)
			break;
	}
	session_free(s);
	evbuffer_free(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct observe o;
	struct evbuffer *out = evbuffer_new();
	struct session_host h;

	if (!base) {
		fake_observe(&o);
		base = event_base_new();
	}
	if (!base || !out || session_host_init(&h, base, &o, 65536) != 0)
		abort();
	if (size > 1 && data[0] & 1)
		typed(&h, out, data + 1, size - 1);
	else if (size > 1)
		lines(&h, out, data + 1, size - 1);
	session_host_fini(&h);
	evbuffer_free(out);
	return 0;
}
