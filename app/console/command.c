// SPDX-License-Identifier: BSD-3-Clause
#include "console/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "base/timer.h"

#define SLICE_US (1 * USEC_PER_MSEC) // pieces of one command before the next one has its turn
#define WAIT_MS	 10		     // until a verb that waits is asked again
#define CLEAR	 "\33[H\33[J"

static void free_output(const void *data, size_t len, void *arg)
{
	(void)data;
	(void)len;
	free(arg);
}

// Hands the rendered text over without a copy; r goes on with an empty one.
static void give(struct command *c)
{
	struct render_buf *b = &c->r.out;

	if (b->len == 0)
		return;
	if (evbuffer_add_reference(c->out, b->data, b->len, free_output, b->data) == 0)
		memset(b, 0, sizeof(*b));
}

static void frame_close(struct command *c)
{
	if (!c->framed)
		return;
	if (c->v.work_free)
		c->v.work_free(c->v.work);
	render_fini(&c->r);
	c->framed = false;
}

static void timer_set(struct command *c, uint64_t us)
{
	struct timeval tv = {(time_t)(us / USEC_PER_SEC), (suseconds_t)(us % USEC_PER_SEC)};

	evtimer_add(c->timer, &tv);
}

static void end(struct command *c)
{
	command_abort(c);
	c->ended_cb(c->arg);
}

static void watch_heading(struct command *c)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;

	if (!c->match.every_ms || c->match.json)
		return;
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	evbuffer_add_printf(c->out, "%s%s  %s",
		c->terminal ? CLEAR
		: c->frames ? "\n"
			    : "",
		stamp, c->shown);
	if (c->dropped)
		evbuffer_add_printf(c->out, "  (%u left out)", c->dropped);
	evbuffer_add_printf(c->out, "\n\n");
}

static void frame_open(struct command *c)
{
	c->frame_us = clock_mono_us();
	watch_heading(c);
	c->v = (struct verb_ctx){
		.o = c->host->o,
		.r = &c->r,
		.now_us = c->frame_us,
		.options = c->match.options,
		.session = c->session,
	};
	memcpy(c->v.args, c->match.args, sizeof(c->v.args));
	render_init(&c->r, c->match.json);
	c->r.detail = verb_option(&c->v, "detail") != NULL;
	c->framed = true;
	c->frames++;
	c->match.verb->run(&c->v);
}

static void frame_end(struct command *c)
{
	if (c->v.refused[0]) {
		evbuffer_add_printf(c->out, "error: %s\n", c->v.refused);
		c->status = CONSOLE_STATUS_ERROR;
	} else if (render_status(&c->r) < 0) {
		evbuffer_add_printf(
			c->out, "error: %s: %s\n", c->shown, strerror(-render_status(&c->r)));
		c->status = CONSOLE_STATUS_ERROR;
	}
	c->quit = c->v.quit;
	frame_close(c);
	if (c->job) // says when it is over
		return;
	if (c->match.every_ms && c->status == CONSOLE_STATUS_OK) {
		uint64_t next = c->frame_us + c->match.every_ms * USEC_PER_MSEC;
		uint64_t now = clock_mono_us();

		timer_set(c, next > now ? next - now : 0);
		return;
	}
	end(c);
}

// Pieces until the time is up. What the verb has come to.
static enum verb_turn pieces(struct command *c, uint64_t until_us)
{
	enum verb_turn turn = c->v.more ? VERB_MORE : VERB_DONE;

	while (turn == VERB_MORE && !c->v.refused[0] && render_status(&c->r) == 0) {
		uint64_t now_us = clock_mono_us();

		if (now_us >= until_us)
			return VERB_MORE;
		c->v.now_us = now_us;
		turn = c->v.more(&c->v);
	}
	return turn == VERB_WAIT ? VERB_WAIT : VERB_DONE;
}

static void on_turn(void *arg)
{
	struct command *c = arg;
	uint64_t until_us = clock_mono_us() + SLICE_US;
	enum verb_turn turn;

	if (c->over) {
		end(c);
		return;
	}
	if (!c->framed)
		frame_open(c);
	turn = pieces(c, until_us);
	if (!c->v.refused[0] && (render_status(&c->r) == 0 || c->match.json))
		give(c);
	if (turn == VERB_DONE)
		frame_end(c);
	else if (turn == VERB_WAIT)
		timer_set(c, WAIT_MS * USEC_PER_MSEC);
	else if (evbuffer_get_length(c->out) > c->host->pending_max)
		c->blocked = true;
	else
		turns_add(&c->host->turns, &c->turn);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct command *c = arg;

	(void)fd;
	(void)what;
	// The client has not taken the last frame: this one is left out.
	if (!c->framed && evbuffer_get_length(c->out) > 0) {
		c->dropped++;
		c->host->frames_dropped++;
		timer_set(c, c->match.every_ms * USEC_PER_MSEC);
		return;
	}
	if (c->framed && evbuffer_get_length(c->out) > c->host->pending_max)
		c->blocked = true;
	else
		turns_add(&c->host->turns, &c->turn);
}

int command_init(struct command *c, struct session_host *host, struct evbuffer *out, bool terminal,
	void (*ended_cb)(void *arg), void *arg)
{
	*c = (struct command){.host = host,
		.out = out,
		.terminal = terminal,
		.turn = {.cb = on_turn, .arg = c},
		.ended_cb = ended_cb,
		.arg = arg,
		.timer = evtimer_new(host->base, on_timer, c)};
	return c->timer ? 0 : -ENOMEM;
}

void command_fini(struct command *c)
{
	if (!c->timer)
		return;
	command_abort(c);
	event_free(c->timer);
	c->timer = NULL;
}

static bool is_plain(const char *line)
{
	for (; *line; line++)
		if ((unsigned char)*line < ' ' || (unsigned char)*line >= 0x7f)
			return false;
	return true;
}

int command_begin(struct command *c, const char *line)
{
	char why[GRAMMAR_WHY_LEN];
	int ret;

	c->status = CONSOLE_STATUS_OK;
	c->quit = false;
	if (strlen(line) > CONSOLE_LINE_MAX) {
		evbuffer_add_printf(
			c->out, "error: line longer than %d characters\n", CONSOLE_LINE_MAX);
		c->status = CONSOLE_STATUS_ERROR;
		return -EINVAL;
	}
	if (!is_plain(line)) {
		evbuffer_add_printf(c->out, "error: character not allowed in a command\n");
		c->status = CONSOLE_STATUS_ERROR;
		return -EINVAL;
	}
	snprintf(c->line, sizeof(c->line), "%s", line);
	snprintf(c->shown, sizeof(c->shown), "%s", line);
	c->match = (struct grammar_match){0};
	ret = grammar_parse(c->host->grammar, c->line, &c->match, why);
	if (ret == -EINVAL) {
		evbuffer_add_printf(c->out, "error: %s: %s\n", line, why);
		c->status = CONSOLE_STATUS_ERROR;
	}
	if (ret < 0)
		return ret;
	c->runs = true;
	c->blocked = false;
	c->frames = c->dropped = 0;
	turns_add(&c->host->turns, &c->turn);
	return 0;
}

void command_over(struct command *c)
{
	c->runs = c->over = true;
	turns_add(&c->host->turns, &c->turn);
}

void command_abort(struct command *c)
{
	struct session_job *job = c->job;

	c->job = NULL;
	if (job)
		job->stop_cb(job);
	frame_close(c);
	turns_remove(&c->host->turns, &c->turn);
	event_del(c->timer);
	c->runs = c->blocked = c->over = false;
}

void command_drained(struct command *c)
{
	if (!c->blocked)
		return;
	c->blocked = false;
	turns_add(&c->host->turns, &c->turn);
}
