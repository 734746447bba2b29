// SPDX-License-Identifier: BSD-3-Clause
#include "console/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmdline.h>
#include <event2/buffer.h>

#include "base/timer.h"
#include "console/grammar.h"
#include "console/proto.h"

#define PROMPT "inlet> "
#define CTRL_C '\3'
#define ESCAPE '\33'
// Output that a client may owe us before a job's text is lost. Less than the server's own limit,
// past which input is not read: ^C must get through.
#define JOB_PENDING_MAX (256u << 10)

// Where in an escape sequence of the terminal the input is: its octets are no characters of the
// line.
enum escape { ESCAPE_NONE, ESCAPE_BEGUN, ESCAPE_CSI };

struct session {
	const struct observe *o;
	struct evbuffer *out;
	struct grammar *grammar;
	struct cmdline *cl;
	// librte_cmdline writes octet by octet to a file descriptor. It is a pipe, which is emptied
	// after each octet of input: a pipe packs small writes into pages, where a socket would
	// account several hundred octets for each and lose what no longer fits.
	int pipe;
	unsigned int line_len; // characters typed since the line began
	bool overlong;	       // the rest of the line is thrown away
	enum escape escape;
	bool ran; // a verb has run
	int status;
	struct session_job *job; // in the foreground; NULL: none
	char said[16];		 // the line that is typed meanwhile, as far as it fits
	unsigned int said_len;
	void (*done_cb)(void *arg, int status);
	void *done_arg;
};

static void drain(struct session *s)
{
	char buf[4096];
	ssize_t n;

	if (s->pipe < 0)
		return;
	while ((n = read(s->pipe, buf, sizeof(buf))) > 0)
		evbuffer_add(s->out, buf, (size_t)n);
}

static void discard(struct session *s)
{
	char buf[256];

	while (s->pipe >= 0 && read(s->pipe, buf, sizeof(buf)) > 0)
		;
}

static void free_output(const void *data, size_t len, void *arg)
{
	(void)data;
	(void)len;
	free(arg);
}

// Hands the rendered text over without a copy; r is empty afterwards.
static void give(struct session *s, struct render *r)
{
	char *data = r->out.data;

	if (r->out.len == 0)
		return;
	if (evbuffer_add_reference(s->out, data, r->out.len, free_output, data) == 0)
		memset(&r->out, 0, sizeof(r->out));
}

static void job_end(struct session *s)
{
	struct session_job *job = s->job;

	s->job = NULL;
	if (job)
		job->stop_cb(job);
}

void session_begin(struct session *s, struct session_job *job)
{
	job_end(s);
	s->job = job;
	s->said_len = 0;
}

bool session_say(struct session *s, const char *text, size_t len)
{
	return evbuffer_get_length(s->out) + len <= JOB_PENDING_MAX &&
	       evbuffer_add(s->out, text, len) == 0;
}

void session_done(struct session *s, int status)
{
	char c = CTRL_C;

	if (!s->job)
		return;
	job_end(s);
	if (s->pipe < 0) {
		if (s->done_cb)
			s->done_cb(s->done_arg, status);
		return;
	}
	cmdline_in(s->cl, &c, 1); // prompts again
	drain(s);
}

void session_on_done(struct session *s, void (*done_cb)(void *arg, int status), void *arg)
{
	s->done_cb = done_cb;
	s->done_arg = arg;
}

bool session_busy(const struct session *s)
{
	return s->job;
}

// What is typed while a job runs: only its end is understood.
static void job_input(struct session *s, char c)
{
	if (c == CTRL_C) {
		session_done(s, CONSOLE_STATUS_OK);
	} else if (c != '\r' && c != '\n') {
		if (s->said_len < sizeof(s->said))
			s->said[s->said_len++] = c;
	} else {
		// "stop", "trace stop", "watch stop"
		bool stop = s->said_len >= 4 && s->said_len < sizeof(s->said) &&
			    memcmp(s->said + s->said_len - 4, "stop", 4) == 0;

		s->said_len = 0;
		if (stop)
			session_done(s, CONSOLE_STATUS_OK);
	}
}

static void run_verb(void *arg, struct cmdline *cl, const struct verb *verb, bool json,
	const char *const args[VERB_MAX_ARGS + 1])
{
	struct session *s = arg;
	struct render r;
	struct verb_ctx v = {.o = s->o, .r = &r, .now_us = clock_mono_us(), .session = s};

	drain(s); // what was echoed stands before the output
	render_init(&r, json);
	memcpy(v.args, args, sizeof(v.args));
	verb->run(&v);
	s->ran = true;
	if (v.refused[0]) {
		evbuffer_add_printf(s->out, "error: %s\n", v.refused);
		s->status = CONSOLE_STATUS_ERROR;
	} else if (render_status(&r) == 0) {
		give(s, &r);
	} else {
		evbuffer_add_printf(
			s->out, "error: %s: %s\n", verb->words, strerror(-render_status(&r)));
		s->status = CONSOLE_STATUS_ERROR;
	}
	render_fini(&r);
	if (v.quit)
		cmdline_quit(cl);
}

struct session *session_create(const struct observe *o, struct evbuffer *out, bool interactive)
{
	struct session *s = calloc(1, sizeof(*s));
	int fds[2] = {-1, -1};

	if (!s)
		return NULL;
	s->o = o;
	s->out = out;
	s->pipe = -1;
	s->grammar = grammar_create(verbs, run_verb, s);
	if (!s->grammar)
		goto fail;
	if (interactive && pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		goto fail;
	// Owns fds[1] from here on.
	s->cl = cmdline_new(grammar_instructions(s->grammar), PROMPT, -1, fds[1]);
	if (!s->cl) {
		if (interactive) {
			close(fds[0]);
			close(fds[1]);
		}
		errno = ENOMEM;
		goto fail;
	}
	s->pipe = fds[0];
	drain(s);
	return s;
fail:
	session_free(s);
	return NULL;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	job_end(s);
	if (s->cl)
		cmdline_free(s->cl);
	if (s->pipe >= 0)
		close(s->pipe);
	grammar_free(s->grammar);
	free(s);
}

// Counts the characters of the line: librte_cmdline would run the first 512 of a longer one.
static void count(struct session *s, char c)
{
	switch (s->escape) {
	case ESCAPE_BEGUN:
		s->escape = c == '[' || c == 'O' ? ESCAPE_CSI : ESCAPE_NONE;
		return;
	case ESCAPE_CSI:
		if (c >= '@' && c <= '~')
			s->escape = ESCAPE_NONE;
		return;
	default:
		break;
	}
	if (c == ESCAPE)
		s->escape = ESCAPE_BEGUN;
	else if (c == '\n' || c == '\r' || c == CTRL_C)
		s->line_len = 0;
	else if ((c == '\b' || c == 0x7f) && s->line_len > 0)
		s->line_len--;
	else if (c >= ' ' && ++s->line_len > CONSOLE_LINE_MAX)
		s->overlong = true;
}

static bool input_octet(struct session *s, char c)
{
	bool go_on;

	if (s->job) {
		job_input(s, c);
		return true;
	}
	count(s, c);
	if (s->overlong) {
		if (s->line_len > 0)
			return true;
		s->overlong = false;
		s->escape = ESCAPE_NONE;
		evbuffer_add_printf(
			s->out, "\r\nerror: line longer than %d characters", CONSOLE_LINE_MAX);
		c = CTRL_C; // forgets the line and prompts again
	}
	go_on = cmdline_in(s->cl, &c, 1) >= 0;
	if (s->job)
		discard(s); // the prompt: it comes when the job is over
	else
		drain(s);
	return go_on;
}

bool session_input(struct session *s, const char *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!input_octet(s, buf[i]))
			return false;
	}
	return true;
}

static void refuse(struct session *s, const char *line, const char *why)
{
	evbuffer_add_printf(s->out, "error: %s: %s\n", line, why);
	s->status = CONSOLE_STATUS_ERROR;
}

int session_run(struct session *s, const char *line)
{
	char copy[CONSOLE_LINE_MAX + 2];
	size_t len = strlen(line);

	s->status = CONSOLE_STATUS_OK;
	s->ran = false;
	if (len > CONSOLE_LINE_MAX) {
		evbuffer_add_printf(
			s->out, "error: line longer than %d characters\n", CONSOLE_LINE_MAX);
		return CONSOLE_STATUS_ERROR;
	}
	for (const char *p = line; *p; p++) {
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f) {
			evbuffer_add_printf(s->out, "error: character not allowed in a command\n");
			return CONSOLE_STATUS_ERROR;
		}
	}
	snprintf(copy, sizeof(copy), "%s\n", line); // librte_cmdline takes lines
	switch (cmdline_parse(s->cl, copy)) {
	case CMDLINE_PARSE_NOMATCH:
		refuse(s, line, "unknown command; try help");
		break;
	case CMDLINE_PARSE_AMBIGUOUS:
		refuse(s, line, "ambiguous command; try help");
		break;
	case CMDLINE_PARSE_BAD_ARGS:
		refuse(s, line, "unknown or incomplete command; try help");
		break;
	default:
		if (!s->ran)
			refuse(s, line, "no command");
		break;
	}
	return s->job ? SESSION_GOES_ON : s->status;
}
