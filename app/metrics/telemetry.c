// SPDX-License-Identifier: BSD-3-Clause
// A client's thread puts a job on a stack, wakes the control thread by an eventfd and waits for at
// most ANSWER_MS. The control thread takes all jobs, runs their commands one after the other, and
// posts a semaphore: it waits for nobody. Who gave up leaves the job to the control thread.
#include "metrics/telemetry.h"

#include <ctype.h>
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <rte_telemetry.h>

#include "base/log.h"
#include "console/command.h"
#include "console/session.h"
#include "metrics/telemetry_rows.h"

#define ANSWER_MS   3000
#define PENDING_MAX (64u << 10) // octets of output before a command waits
#define KEEP_MAX    (2 * TELEMETRY_ROWS_OCTETS)

// Who has a job: its client waits, the control thread is done with it, the client has gone.
enum job_state { JOB_WAITS, JOB_DONE, JOB_LEFT };

struct job {
	struct job *next; // on the stack
	STAILQ_ENTRY(job) link;
	_Atomic int state;
	sem_t done;
	char line[CONSOLE_LINE_MAX + 1];
	uint64_t from; // rows that are passed over
	// What comes back.
	uint64_t seen; // rows that there were, as far as it was looked
	bool more;
	char *rows; // kept, a line each
	size_t len;
	char error[OBSERVE_WHY_LEN];
};

// Of the process: a command of rte_telemetry cannot be taken back.
static struct {
	_Atomic(struct job *) stack; // clients put, the control thread takes all
	_Atomic bool open;
	int wake; // eventfd, for the life of the process
	bool registered;
	// From here on the control thread's.
	struct event_base *base;
	const struct observe *o;
	struct observe without; // o without the console's baseline
	struct event *event;
	struct session_host host;
	struct evbuffer *out;
	struct command command;
	struct turn finish; // when enough rows are there
	STAILQ_HEAD(jobs, job) jobs;
	struct job *job; // the command's
} tm = {.wake = -1};

static void job_free(struct job *j)
{
	sem_destroy(&j->done);
	free(j->rows);
	free(j);
}

// The control thread's part of it is over.
static void job_done(struct job *j)
{
	if (atomic_exchange_explicit(&j->state, JOB_DONE, memory_order_acq_rel) == JOB_LEFT)
		job_free(j);
	else
		sem_post(&j->done);
}

static void keep(struct job *j, const char *row, size_t len)
{
	char *rows;

	if (j->seen++ < j->from)
		return;
	if (j->len + len + 2 > KEEP_MAX || j->more) {
		j->more = true;
		return;
	}
	rows = realloc(j->rows, j->len + len + 2);
	if (!rows) {
		j->more = true;
		return;
	}
	memcpy(rows + j->len, row, len);
	j->len += len;
	rows[j->len++] = '\n';
	rows[j->len] = '\0';
	j->rows = rows;
}

// The rows that have come as whole lines, and what a command has said instead of them.
static void take_lines(struct job *j)
{
	static const char error[] = "error: ";
	size_t len;
	char *line;

	while ((line = evbuffer_readln(tm.out, &len, EVBUFFER_EOL_LF))) {
		if (strncmp(line, " {", 2) == 0)
			keep(j, line + 1, len - 1);
		else if (strncmp(line, error, sizeof(error) - 1) == 0)
			snprintf(j->error, sizeof(j->error), "%s", line + sizeof(error) - 1);
		free(line);
	}
}

static void next_job(void);

static void on_ended(void *arg)
{
	struct job *j = tm.job;

	(void)arg;
	turns_remove(&tm.host.turns, &tm.finish);
	if (!j)
		return;
	take_lines(j);
	evbuffer_drain(tm.out, evbuffer_get_length(tm.out));
	tm.job = NULL;
	job_done(j);
	next_job();
}

static void on_finish(void *arg)
{
	command_abort(&tm.command);
	on_ended(arg);
}

static void on_output(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg)
{
	(void)arg;
	if (!tm.job || info->n_added == 0)
		return;
	if (evbuffer_get_length(out) > PENDING_MAX / 2) {
		take_lines(tm.job);
		// Not from in here: the command is at work.
		if (tm.job->more)
			turns_add(&tm.host.turns, &tm.finish);
	}
}

static void next_job(void)
{
	struct job *j;

	while (!tm.job && (j = STAILQ_FIRST(&tm.jobs))) {
		STAILQ_REMOVE_HEAD(&tm.jobs, link);
		tm.without = *tm.o;
		tm.without.baseline = NULL;
		tm.job = j;
		if (command_begin(&tm.command, j->line) == 0)
			return;
		take_lines(j);
		tm.job = NULL;
		job_done(j);
	}
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct job *j, *next;
	uint64_t n;

	(void)what;
	(void)arg;
	if (read(fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		return;
	for (j = atomic_exchange_explicit(&tm.stack, NULL, memory_order_acquire); j; j = next) {
		next = j->next;
		STAILQ_INSERT_TAIL(&tm.jobs, j, link);
	}
	next_job();
}

// ---- from here on a client's thread

static void put(struct job *j)
{
	struct job *top = atomic_load_explicit(&tm.stack, memory_order_relaxed);
	uint64_t one = 1;

	do
		j->next = top;
	while (!atomic_compare_exchange_weak_explicit(
		&tm.stack, &top, j, memory_order_release, memory_order_relaxed));
	if (write(tm.wake, &one, sizeof(one)) < 0)
		return; // it is awake then: the counter is full
}

// Waits for the job; false when the control thread has not answered, and has the job then.
static bool wait_for(struct job *j)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ANSWER_MS / 1000;
	while (sem_clockwait(&j->done, CLOCK_MONOTONIC, &until) < 0) {
		if (errno == EINTR)
			continue;
		if (atomic_exchange_explicit(&j->state, JOB_LEFT, memory_order_acq_rel) ==
			JOB_WAITS)
			return false;
		// It was done at the last moment.
		until.tv_sec += ANSWER_MS / 1000;
	}
	return true;
}

static int answer_error(struct rte_tel_data *d, const char *why)
{
	char text[RTE_TEL_MAX_STRING_LEN];

	snprintf(text, sizeof(text), "%.120s", why);
	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "error", text);
	return 0;
}

// The path of a verb's command: "show pim joins [port NAME]" is /inlet/pim/joins. False for one
// that has none: it shows nothing, or needs an argument and is not explain.
static bool path_of(const struct verb *v, char *path, size_t room)
{
	static const char show[] = "show ";
	const char *words = v->words;
	size_t len = strcspn(words, "[");

	if (strncmp(words, "explain ", 8) == 0) {
		snprintf(path, room, "/inlet/explain");
		return v->json;
	}
	if (!v->json || strncmp(words, show, sizeof(show) - 1) != 0)
		return false;
	words += sizeof(show) - 1;
	len -= sizeof(show) - 1;
	while (len > 0 && words[len - 1] == ' ')
		len--;
	for (size_t i = 0; i < len; i++)
		if (isupper((unsigned char)words[i]))
			return false;
	snprintf(path, room, "/inlet/%.*s", (int)len, words);
	for (char *p = path; *p; p++)
		if (*p == ' ')
			*p = '/';
	return true;
}

static const struct verb *verb_of(const char *path)
{
	char own[TELEMETRY_PATH_LEN];

	for (const struct verb *v = verbs; v->words; v++)
		if (path_of(v, own, sizeof(own)) && strcmp(own, path) == 0)
			return v;
	return NULL;
}

static int command_cb(const char *cmd, const char *params, struct rte_tel_data *d)
{
	const struct verb *v = verb_of(cmd);
	struct job *j;
	int ret;

	if (!v || !atomic_load_explicit(&tm.open, memory_order_acquire))
		return answer_error(d, "inletd is not ready");
	j = calloc(1, sizeof(*j));
	if (!j || sem_init(&j->done, 0, 0) < 0) {
		free(j);
		return -ENOMEM;
	}
	if (!telemetry_line(v->words, params, j->line, sizeof(j->line), &j->from)) {
		job_free(j);
		return answer_error(d, "parameters are too many, or not understood");
	}
	put(j);
	if (!wait_for(j))
		return answer_error(d, "the control thread has not answered in time");
	if (j->error[0])
		ret = answer_error(d, j->error);
	else
		ret = telemetry_rows(d, j->rows ? j->rows : "", j->from, j->more);
	job_free(j);
	return ret;
}

static void register_all(void)
{
	char path[TELEMETRY_PATH_LEN], help[128]; // longer ones are refused

	for (const struct verb *v = verbs; v->words; v++) {
		if (!path_of(v, path, sizeof(path)))
			continue;
		snprintf(help, sizeof(help), "%.75s. Parameters: %s", v->help,
			strncmp(v->words, "explain", 7) == 0 ? "SOURCE,GROUP"
							     : "[FILTER=VALUE,...][FROM]");
		if (rte_telemetry_register_cmd(path, command_cb, help) < 0)
			log_warn("metrics", "no telemetry command path=%s", path);
	}
	tm.registered = true;
}

int telemetry_open(struct event_base *base, const struct observe *o)
{
	tm.base = base;
	tm.o = o;
	STAILQ_INIT(&tm.jobs);
	if (tm.wake < 0)
		tm.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (tm.wake < 0)
		return -errno;
	if (session_host_init(&tm.host, base, &tm.without, PENDING_MAX) < 0)
		return -ENOMEM;
	tm.finish = (struct turn){.cb = on_finish};
	tm.out = evbuffer_new();
	tm.event = event_new(base, tm.wake, EV_READ | EV_PERSIST, on_wake, NULL);
	if (!tm.out || !tm.event || !evbuffer_add_cb(tm.out, on_output, NULL) ||
		command_init(&tm.command, &tm.host, tm.out, false, on_ended, NULL) < 0 ||
		event_add(tm.event, NULL) < 0) {
		atomic_store(&tm.open, true); // so that all of it goes
		telemetry_close();
		return -ENOMEM;
	}
	atomic_store_explicit(&tm.open, true, memory_order_release);
	if (!tm.registered)
		register_all();
	return 0;
}

void telemetry_close(void)
{
	struct job *j;

	if (!atomic_exchange(&tm.open, false))
		return;
	command_fini(&tm.command);
	turns_remove(&tm.host.turns, &tm.finish);
	for (j = atomic_exchange(&tm.stack, NULL); j; j = atomic_exchange(&tm.stack, NULL)) {
		while (j) {
			struct job *next = j->next;

			STAILQ_INSERT_TAIL(&tm.jobs, j, link);
			j = next;
		}
	}
	if (tm.job)
		STAILQ_INSERT_TAIL(&tm.jobs, tm.job, link);
	tm.job = NULL;
	while ((j = STAILQ_FIRST(&tm.jobs))) {
		STAILQ_REMOVE_HEAD(&tm.jobs, link);
		snprintf(j->error, sizeof(j->error), "inletd stops");
		job_done(j);
	}
	if (tm.event)
		event_free(tm.event);
	if (tm.out)
		evbuffer_free(tm.out);
	tm.event = NULL;
	tm.out = NULL;
	session_host_fini(&tm.host);
}
