// SPDX-License-Identifier: BSD-3-Clause
// trace SOURCE GROUP: what happens to a channel, as it happens. Every room says in the log what it
// does (base/log.h); a trace picks what is of its channel, of its source, or of a relay that was
// named for it, by the keys of the line: of all levels, whatever the log itself is set to. While
// nobody traces, nothing of this runs.
#include "console/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "channel/channel.h"
#include "console/session.h"
#include "console/verb.h"

#include "base/log.h"
#include "base/log_text.h"

#define TRACES	     8	// at one time, in all sessions
#define TRACE_RELAYS 16 // known of one; the oldest is forgotten
#define LINE_LEN     1200

struct trace {
	struct session_job job;
	struct session *session;
	LIST_ENTRY(trace) link;
	char s[ADDR_STRLEN], g[ADDR_STRLEN];
	char relays[TRACE_RELAYS][ADDR_STRLEN];
	unsigned int n_relays;
	uint64_t lines, lost, lost_told;
};

// The log has one tap, so there is one list behind it.
static LIST_HEAD(trace_list, trace) traces = LIST_HEAD_INITIALIZER(traces);
static unsigned int n_traces;

// ---- Which lines

// The value of key= in a line of the log, up to a blank, comma or ")". NULL when it has no such
// key.
static const char *field(const char *text, const char *key, char *out, size_t room)
{
	size_t len = strlen(key), n;

	for (const char *p = text; (p = strstr(p, key)) != NULL; p += len) {
		if (p > text && p[-1] != ' ')
			continue;
		if (p[len] != '=')
			continue;
		p += len + 1;
		n = strcspn(p, " ,)");
		snprintf(out, room, "%.*s", (int)(n < room ? n : room - 1), p);
		return out;
	}
	return NULL;
}

bool trace_knows(const struct trace *t, const char *relay)
{
	unsigned int n = t->n_relays < TRACE_RELAYS ? t->n_relays : TRACE_RELAYS;

	for (unsigned int i = 0; i < n; i++)
		if (strcmp(t->relays[i], relay) == 0)
			return true;
	return false;
}

static void learn(struct trace *t, const char *relay)
{
	struct addr a;

	if (addr_parse(relay, &a) < 0 || strcmp(relay, t->s) == 0 || trace_knows(t, relay))
		return;
	snprintf(t->relays[t->n_relays++ % TRACE_RELAYS], ADDR_STRLEN, "%s", relay);
}

static void learn_all(struct trace *t, const char *text)
{
	static const char *const keys[] = {"relay", "first", "to", "from"};
	char value[ADDR_STRLEN];

	for (size_t i = 0; i < RTE_DIM(keys); i++)
		if (field(text, keys[i], value, sizeof(value)))
			learn(t, value);
}

bool trace_matches(struct trace *t, const char *text)
{
	static const char *const keys[] = {"relay", "to", "by"};
	char value[ADDR_STRLEN];
	bool ours = false;

	if (field(text, "s", value, sizeof(value)) || field(text, "source", value, sizeof(value))) {
		if (strcmp(value, t->s) != 0 ||
			(field(text, "g", value, sizeof(value)) && strcmp(value, t->g) != 0))
			return false;
		learn_all(t, text);
		return true;
	}
	// Of no channel: what is said of a relay of ours.
	for (size_t i = 0; i < RTE_DIM(keys) && !ours; i++)
		ours = field(text, keys[i], value, sizeof(value)) && trace_knows(t, value);
	// A broker names the relay behind it.
	if (ours && field(text, "relay", value, sizeof(value)))
		learn(t, value);
	return ours;
}

struct trace *trace_create(const struct sg *sg)
{
	struct trace *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	addr_format(&sg->s, t->s);
	addr_format(&sg->g, t->g);
	return t;
}

void trace_free(struct trace *t)
{
	free(t);
}

// ---- To the session

static void say(struct trace *t, const char *room, const char *text)
{
	char line[LINE_LEN], stamp[LOG_STAMP_LEN], lost[48] = "";
	struct timespec now;
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	log_text_stamp(&now, stamp);
	if (t->lost != t->lost_told)
		snprintf(lost, sizeof(lost), "(%llu lines lost)\n",
			(unsigned long long)(t->lost - t->lost_told));
	n = snprintf(line, sizeof(line), "%s%s %s: %s", lost, stamp, room, text);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	// The log replaces them too; what peers say is in here.
	for (char *p = line + strlen(lost); *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	line[n] = '\n';
	if (!session_say(t->session, line, (size_t)n + 1)) {
		t->lost++;
		return;
	}
	t->lost_told = t->lost;
	t->lines++;
}

static void on_line(void *arg, const char *room, const char *text)
{
	struct trace *t;

	(void)arg;
	LIST_FOREACH (t, &traces, link)
		if (trace_matches(t, text))
			say(t, room, text);
}

static void stop_cb(struct session_job *job)
{
	struct trace *t = (struct trace *)(void *)job;

	LIST_REMOVE(t, link);
	if (--n_traces == 0)
		log_tap(NULL, NULL);
	trace_free(t);
}

static void seed_relay(void *arg, const struct relay_view *r)
{
	char text[ADDR_STRLEN];

	learn(arg, addr_format(&r->addr, text));
}

// What is there already: the relays, and a line that says how far the channel has come.
static void begin(struct trace *t, const struct observe *o, const struct sg *sg)
{
	struct channel_view v;
	char text[512], relay[ADDR_STRLEN];

	if (o->channels)
		channels_source_relays(o->channels, &sg->s, seed_relay, t);
	if (o->channels && channels_find(o->channels, sg, &v)) {
		learn(t, addr_format(&v.relay, relay));
		snprintf(text, sizeof(text), "begins s=%s g=%s state=%s relay=%s%s%s", t->s, t->g,
			channel_state_name(v.state), relay, v.reason[0] ? " " : "", v.reason);
	} else {
		snprintf(text, sizeof(text), "begins s=%s g=%s, nobody wants it yet", t->s, t->g);
	}
	say(t, "trace", text);
}

void verb_trace(struct verb_ctx *v)
{
	struct trace *t;
	struct sg sg;

	if (!verb_address(v, "source", v->args[0], &sg.s) ||
		!verb_address(v, "group", v->args[1], &sg.g))
		return;
	if (!v->session || n_traces == TRACES) {
		snprintf(v->refused, sizeof(v->refused),
			v->session ? "%u traces run already (show traces, trace stop)"
				   : "not from here, %u traces run",
			n_traces);
		return;
	}
	t = trace_create(&sg);
	if (!t) {
		snprintf(v->refused, sizeof(v->refused), "out of memory");
		return;
	}
	t->job.stop_cb = stop_cb;
	t->session = v->session;
	begin(t, v->o, &sg);
	LIST_INSERT_HEAD(&traces, t, link);
	n_traces++;
	log_tap(on_line, NULL);
	session_begin(v->session, &t->job);
}

void verb_trace_stop(struct verb_ctx *v)
{
	unsigned int n = n_traces;
	struct trace *t;

	while ((t = LIST_FIRST(&traces)) != NULL) {
		say(t, "trace", "stopped by another session");
		session_done(t->session, 0);
	}
	render_line(v->r, "%u traces stopped\n", n);
}

void verb_show_traces(struct verb_ctx *v)
{
	static const struct render_column columns[] = {
		{"source_address", RENDER_LEFT},
		{"group_address", RENDER_LEFT},
		{"relays", RENDER_LEFT},
		{"lines", RENDER_RIGHT},
		{"lost", RENDER_RIGHT},
	};
	struct trace *t;

	render_table_begin(v->r, "traces", columns, RTE_DIM(columns));
	LIST_FOREACH (t, &traces, link) {
		render_text(v->r, t->s);
		render_text(v->r, t->g);
		render_list_begin(v->r);
		for (unsigned int i = 0; i < t->n_relays && i < TRACE_RELAYS; i++)
			render_list_item(v->r, t->relays[i]);
		render_list_end(v->r);
		render_u64(v->r, t->lines);
		render_u64(v->r, t->lost);
	}
	render_table_end(v->r);
}
