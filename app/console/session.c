// SPDX-License-Identifier: BSD-3-Clause
#include "console/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmdline_rdline.h>
#include <event2/buffer.h>

#include "console/command.h"
#include "console/grammar.h"

#define PROMPT	"inlet> "
#define CTRL_C	'\3'
#define ESCAPE	'\33'
#define CHOICES 128 // shown at most
// Output that a client may owe us before a job's text is lost.
#define JOB_PENDING_MAX (256u << 10)

// Where in an escape sequence of the terminal the input is: its octets are no characters of the
// line.
enum escape { ESCAPE_NONE, ESCAPE_BEGUN, ESCAPE_CSI };

struct choice {
	char *word;
	const char *help; // a literal; NULL: none
	bool hint;
};

struct session {
	struct session_host *host;
	struct evbuffer *out;
	session_cb cb;
	void *arg;
	struct command command;
	struct rdline *rdl; // NULL: not interactive
	// What completion has to offer, while it is listed.
	struct choice choices[CHOICES];
	unsigned int n_choices;
	bool more_choices;
	unsigned int line_len; // characters typed since the line began
	bool overlong;	       // the rest of the line is thrown away
	enum escape escape;
};

int session_host_init(struct session_host *h, struct event_base *base, const struct observe *o,
	size_t pending_max)
{
	*h = (struct session_host){.o = o, .base = base, .pending_max = pending_max};
	h->grammar = grammar_create(verbs);
	if (!h->grammar || turns_init(&h->turns, base) < 0) {
		grammar_free(h->grammar);
		h->grammar = NULL;
		return -ENOMEM;
	}
	return 0;
}

void session_host_fini(struct session_host *h)
{
	for (unsigned int i = 0; i < SESSION_HISTORY; i++)
		free(h->history[i]);
	turns_fini(&h->turns);
	grammar_free(h->grammar);
}

static void host_remember(struct session_host *h, const char *line)
{
	char **at = &h->history[h->n_history++ % SESSION_HISTORY];

	free(*at);
	*at = strdup(line);
}

// ---- Completion

static void choices_free(struct session *s)
{
	for (unsigned int i = 0; i < s->n_choices; i++)
		free(s->choices[i].word);
	s->n_choices = 0;
	s->more_choices = false;
}

static void choose_cb(void *arg, const char *word, const char *help, bool hint)
{
	struct session *s = arg;

	for (unsigned int i = 0; i < s->n_choices; i++)
		if (strcmp(s->choices[i].word, word) == 0)
			return;
	if (s->n_choices == CHOICES) {
		s->more_choices = true;
		return;
	}
	s->choices[s->n_choices] = (struct choice){strdup(word), help, hint};
	if (s->choices[s->n_choices].word)
		s->n_choices++;
}

static int choice_compare(const void *a, const void *b)
{
	const struct choice *x = a, *y = b;

	if (x->hint != y->hint)
		return x->hint - y->hint;
	return strcmp(x->word, y->word);
}

// What all words have in common behind what is typed. True when it is something.
static bool common_rest(const struct session *s, const char *line, char *dst, size_t room)
{
	const char *begin = line + strlen(line);
	size_t typed, len;
	unsigned int words = 0;

	while (begin > line && begin[-1] != ' ')
		begin--;
	typed = strlen(begin);
	len = 0;
	for (unsigned int i = 0; i < s->n_choices && !s->choices[i].hint; i++, words++) {
		size_t same = 0;

		if (i == 0)
			len = strlen(s->choices[0].word);
		while (same < len && s->choices[i].word[same] == s->choices[0].word[same])
			same++;
		len = same;
	}
	if (words == 0 || s->more_choices || len < typed || (words > 1 && len == typed))
		return false;
	snprintf(dst, room, "%.*s%s", (int)(len - typed), s->choices[0].word + typed,
		words == 1 ? " " : "");
	return true;
}

// As struct rdline wants it: 0 nothing (more), 1 a line to show, 2 text to insert. *state: 0 at a
// Tab, -1 at a ?, then which choice is next, plus one.
static int complete_cb(
	struct rdline *rdl, const char *line, char *dst, unsigned int room, int *state)
{
	struct session *s = rdline_get_opaque(rdl);
	const struct choice *c;
	unsigned int i;

	if (*state <= 0) {
		bool tab = *state == 0;

		choices_free(s);
		grammar_choices(s->host->grammar, s->host->o, line, choose_cb, s);
		qsort(s->choices, s->n_choices, sizeof(s->choices[0]), choice_compare);
		if (tab && common_rest(s, line, dst, room))
			return RDLINE_RES_COMPLETE;
		*state = 1;
	}
	i = (unsigned int)*state - 1;
	if (i >= s->n_choices) {
		bool more = s->more_choices;

		choices_free(s);
		snprintf(dst, room, "...");
		*state = CHOICES + 2;
		return more;
	}
	c = &s->choices[i];
	if (c->help)
		snprintf(dst, room, "%-20s %s", c->word, c->help);
	else
		snprintf(dst, room, "%s", c->word);
	++*state;
	return 1;
}

// ---- The line

static int write_cb(struct rdline *rdl, char c)
{
	struct session *s = rdline_get_opaque(rdl);

	return evbuffer_add(s->out, &c, 1);
}

static void validate_cb(struct rdline *rdl, const char *buf, unsigned int size)
{
	(void)rdl; // the line is taken when rdline_char_in() has returned
	(void)buf;
	(void)size;
}

static void ended_cb(void *arg)
{
	struct session *s = arg;

	if (!s->rdl) {
		s->cb(s->arg, SESSION_RAN);
		return;
	}
	if (!s->command.quit)
		rdline_newline(s->rdl, PROMPT);
	s->cb(s->arg, s->command.quit ? SESSION_OVER : SESSION_READY);
}

struct session *session_create(
	struct session_host *h, struct evbuffer *out, bool interactive, session_cb cb, void *arg)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->host = h;
	h->sessions++;
	h->began++;
	s->out = out;
	s->cb = cb;
	s->arg = arg;
	if (command_init(&s->command, h, out, interactive, ended_cb, s) < 0)
		goto fail;
	s->command.session = s;
	if (!interactive)
		return s;
	s->rdl = rdline_new(write_cb, validate_cb, complete_cb, s);
	if (!s->rdl)
		goto fail;
	for (unsigned int i = 0; i < SESSION_HISTORY; i++) {
		const char *line = h->history[(h->n_history + i) % SESSION_HISTORY];

		if (line)
			rdline_add_history(s->rdl, line);
	}
	rdline_newline(s->rdl, PROMPT);
	return s;
fail:
	session_free(s);
	errno = ENOMEM;
	return NULL;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	s->host->sessions--;
	command_fini(&s->command);
	choices_free(s);
	rdline_free(s->rdl);
	free(s);
}

// Counts the characters of the line: the line editor would run the first 512 of a longer one.
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

static void line_done(struct session *s)
{
	char line[CONSOLE_LINE_MAX + 258];
	size_t len;

	snprintf(line, sizeof(line), "%s", rdline_get_buffer(s->rdl));
	len = strcspn(line, "\r\n");
	line[len] = '\0';
	if (len > 0 && len <= CONSOLE_LINE_MAX) {
		rdline_add_history(s->rdl, line);
		host_remember(s->host, line);
	}
	if (command_begin(&s->command, line) < 0)
		rdline_newline(s->rdl, PROMPT);
}

static bool input_octet(struct session *s, char c)
{
	int ret;

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
	ret = rdline_char_in(s->rdl, c);
	if (ret == RDLINE_RES_VALIDATED)
		line_done(s);
	return ret != RDLINE_RES_EOF && ret != RDLINE_RES_EXITED;
}

// What is typed while a job runs: a line that ends in "stop" ends it. True when one came.
static bool job_stops(struct evbuffer *in)
{
	bool stop = false;
	char *line;

	while (!stop && (line = evbuffer_readln(in, NULL, EVBUFFER_EOL_ANY)) != NULL) {
		size_t len = strlen(line);

		stop = len >= 4 && len <= CONSOLE_LINE_MAX && strcmp(line + len - 4, "stop") == 0;
		free(line);
	}
	return stop;
}

// While a command runs: whether the input ends it. Then it has been ended.
static bool input_ends(struct session *s, struct evbuffer *in, bool eof)
{
	struct evbuffer_ptr at = evbuffer_search(in, "\3", 1, NULL);
	bool ends = false;

	if (at.pos >= 0) {
		evbuffer_drain(in, (size_t)at.pos + 1);
		ends = true;
	} else if (s->command.job) {
		ends = job_stops(in) || eof;
	} else if (command_watches(&s->command)) {
		ends = eof || evbuffer_get_length(in) > 0;
		evbuffer_drain(in, evbuffer_get_length(in));
	}
	if (!ends)
		return false;
	command_abort(&s->command);
	evbuffer_add_printf(s->out, "\n");
	rdline_newline(s->rdl, PROMPT);
	return true;
}

bool session_input(struct session *s, struct evbuffer *in, bool eof)
{
	char c;

	for (;;) {
		if (s->command.runs) {
			if (!input_ends(s, in, eof))
				return true;
		} else if (evbuffer_get_length(s->out) > s->host->pending_max) {
			return true;
		} else if (evbuffer_remove(in, &c, 1) <= 0) {
			return !eof;
		} else if (!input_octet(s, c)) {
			return false;
		}
	}
}

void session_run(struct session *s, const char *line)
{
	int ret = command_begin(&s->command, line);

	if (ret == -ENODATA) {
		evbuffer_add_printf(s->out, "error: %s: no command\n", line);
		s->command.status = CONSOLE_STATUS_ERROR;
	}
	// Told from the event loop, as the others.
	if (ret < 0)
		command_over(&s->command);
}

int session_status(const struct session *s)
{
	return s->command.status;
}

void session_stats(const struct session *s, struct session_stats *out)
{
	*out = (struct session_stats){
		.sessions = s->host->sessions,
		.began = s->host->began,
		.frames_dropped = s->host->frames_dropped,
		.longest_us = s->host->turns.longest_us,
		.clients = s->host->clients,
	};
}

void session_drained(struct session *s)
{
	command_drained(&s->command);
}

void session_begin(struct session *s, struct session_job *job)
{
	struct session_job *before = s->command.job;

	s->command.job = job;
	if (before)
		before->stop_cb(before);
}

bool session_say(struct session *s, const char *text, size_t len)
{
	return evbuffer_get_length(s->out) + len <= JOB_PENDING_MAX &&
	       evbuffer_add(s->out, text, len) == 0;
}

void session_done(struct session *s, int status)
{
	struct session_job *job = s->command.job;

	if (!job)
		return;
	s->command.job = NULL;
	s->command.status = status;
	job->stop_cb(job);
	command_over(&s->command);
}

bool session_busy(const struct session *s)
{
	return s->command.job;
}
