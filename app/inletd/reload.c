// SPDX-License-Identifier: BSD-3-Clause
// The configuration file, read again while packets flow. A thread of its own reads it and finds out
// what is different, for a large file takes its time; then what is different in it is told to the
// rooms that it concerns, and nothing else is touched. What needs another start is named, and stays
// as it is. On any error what was before goes on.
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/thread.h"
#include "inlet.h"

#define LINES_MAX 40 // of changes in the log
#define WAIT_US	  (1 * USEC_PER_MSEC)

struct reload_job {
	struct inlet *in;
	bool check;
	bool forgotten; // nobody asks for it
	bool over;
	int ret;
	char why[OBSERVE_WHY_LEN];
	struct config_change *rows;
	unsigned int n, room, restart;
	struct timer timer;
	uint64_t began_us;
	// The thread's until done; then the control thread's.
	pthread_t thread;
	bool has_thread;
	atomic_bool done;
	uint32_t cfg_changes; // of runs, when it was copied
	struct config *runs;  // a copy of what ran when the thread began
	struct config *file;  // what the file says
	char *text;
	size_t text_len;
};

// The file as it is; NULL when it cannot be read, which config_load() says better.
static char *text_of(const char *path, size_t *len)
{
	char *text = NULL;

	*len = 0;
	return config_file_read(path, &text, len) == 0 ? text : NULL;
}

void reload_begin(struct inlet *in, const char *path)
{
	in->path = path;
	in->text = text_of(path, &in->text_len);
	in->file = malloc(sizeof(*in->file));
	if (in->file)
		*in->file = in->cfg;
	snprintf(in->reload.path, sizeof(in->reload.path), "%s", path);
}

void reload_end(struct inlet *in)
{
	free(in->text);
	free(in->file);
	in->text = NULL;
	in->file = NULL;
}

static void row_cb(void *arg, const struct config_change *c)
{
	struct reload_job *job = arg;

	if (job->n == job->room) {
		unsigned int room = job->room ? 2 * job->room : 64;
		struct config_change *more = realloc(job->rows, room * sizeof(*more));

		if (!more) {
			job->ret = -ENOMEM;
			return;
		}
		job->rows = more;
		job->room = room;
	}
	job->rows[job->n++] = *c;
	job->restart += c->restart;
}

// What is different from `runs`; the thread's, or the control thread's when that has changed.
static void compare(struct reload_job *job, const struct config *runs)
{
	job->n = 0;
	job->restart = 0;
	job->ret = 0;
	if (config_diff(runs, job->file, row_cb, job) < 0)
		job->ret = -ENOMEM;
	if (job->ret < 0)
		snprintf(job->why, sizeof(job->why), "out of memory");
}

static void *thread_main(void *arg)
{
	struct reload_job *job = arg;

	// First the text: should the file change in between, save() finds that it is another one.
	job->text = text_of(job->in->path, &job->text_len);
	job->ret = config_load(job->in->path, job->file, job->why);
	if (job->ret == 0)
		compare(job, job->runs);
	atomic_store_explicit(&job->done, true, memory_order_release);
	return NULL;
}

static void job_free(struct reload_job *job)
{
	free(job->rows);
	free(job->runs);
	free(job->file);
	free(job->text);
	free(job);
}

// The keys that wait for another start, as many as fit.
static const char *restarts(const struct reload_job *job, char out[CONFIG_VALUE_LEN])
{
	size_t n = 0;

	out[0] = '\0';
	for (unsigned int i = 0; i < job->n && n < CONFIG_VALUE_LEN; i++)
		if (job->rows[i].restart)
			n += (size_t)snprintf(out + n, CONFIG_VALUE_LEN - n, "%s%s", n ? ", " : "",
				job->rows[i].key);
	return out;
}

static void say(const struct reload_job *job)
{
	unsigned int changes = job->n - job->restart, said = 0;
	char keys[CONFIG_VALUE_LEN];

	for (unsigned int i = 0; i < job->n && said < LINES_MAX; i++) {
		const struct config_change *c = &job->rows[i];

		if (c->restart)
			continue;
		log_info("inletd", "configuration key=\"%s\" was=\"%s\" is=\"%s\"", c->key, c->was,
			c->is);
		said++;
	}
	if (changes > said)
		log_info("inletd", "configuration further_changes=%u", changes - said);
	if (job->restart > 0)
		log_warn("inletd", "reload: restart inletd for keys=%u: %s", job->restart,
			restarts(job, keys));
	log_info("inletd", "configuration reloaded file=%s changes=%u restart=%u", job->in->path,
		changes, job->restart);
}

static int apply(struct reload_job *job)
{
	struct inlet *in = job->in;
	struct config *to = malloc(sizeof(*to));
	int ret = 0;

	if (!to) {
		snprintf(job->why, sizeof(job->why), "out of memory");
		return -ENOMEM;
	}
	if (job->n > 0) {
		config_target(&in->cfg, job->file, to);
		ret = reload_apply(in, to, job->why);
	}
	free(to);
	if (ret < 0)
		return ret;
	free(in->text);
	free(in->file);
	in->text = job->text;
	in->text_len = job->text_len;
	in->file = job->file;
	job->text = NULL;
	job->file = NULL;
	return 0;
}

static void count(struct reload_job *job, uint64_t began_us)
{
	struct observe_reload *r = &job->in->reload;

	r->last_us = job->began_us;
	r->took_us = clock_mono_us() - began_us;
	if (r->took_us > r->longest_us)
		r->longest_us = r->took_us;
	if (job->ret < 0) {
		r->failures++;
		snprintf(r->error, sizeof(r->error), "%s", job->why);
		log_error("inletd", "reload refused, what was before goes on: %s", job->why);
		return;
	}
	r->loads++;
	r->good_us = job->began_us;
	r->error[0] = '\0';
	r->changes = job->n - job->restart;
	r->restart = job->restart;
	say(job);
}

static void finish(struct reload_job *job)
{
	struct inlet *in = job->in;
	uint64_t began_us = clock_mono_us();

	if (job->has_thread)
		pthread_join(job->thread, NULL);
	job->has_thread = false;
	if (job->ret == 0 && job->cfg_changes != in->cfg_changes)
		compare(job, &in->cfg);
	if (!job->check) {
		if (job->ret == 0)
			job->ret = apply(job);
		count(job, began_us);
		notify_say(&in->notify, "READY=1");
	}
	job->over = true;
	in->reload_job = NULL;
	if (job->forgotten)
		job_free(job);
	if (in->reload_again) {
		in->reload_again = false;
		reload_hangup(in);
	}
}

static void job_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct reload_job *job = arg;

	if (atomic_load_explicit(&job->done, memory_order_acquire) && !wants_busy(job->in))
		finish(job);
	else
		timer_arm(&job->in->timers, t, now_us + WAIT_US);
}

static void begin(struct reload_job *job)
{
	job->has_thread = thread_start(&job->thread, thread_main, job) == 0;
	if (!job->has_thread)
		thread_main(job);
}

struct reload_job *reload_start(struct inlet *in, bool check, char why[OBSERVE_WHY_LEN])
{
	struct reload_job *job;

	if (in->reload_job) {
		snprintf(why, OBSERVE_WHY_LEN, "another reload is under way");
		return NULL;
	}
	job = calloc(1, sizeof(*job));
	if (job) {
		job->runs = malloc(sizeof(*job->runs));
		job->file = calloc(1, sizeof(*job->file));
	}
	if (!job || !job->runs || !job->file) {
		if (job)
			job_free(job);
		snprintf(why, OBSERVE_WHY_LEN, "out of memory");
		return NULL;
	}
	job->in = in;
	job->check = check;
	job->began_us = clock_mono_us();
	*job->runs = in->cfg;
	job->cfg_changes = in->cfg_changes;
	timer_init(&job->timer, job_cb, job);
	if (!check)
		notify_reloading(&in->notify, job->began_us);
	in->reload_job = job;
	begin(job);
	timer_arm(&in->timers, &job->timer, job->began_us + WAIT_US);
	return job;
}

int reload_result(const struct reload_job *job, const struct config_change **rows, unsigned int *n,
	char why[OBSERVE_WHY_LEN])
{
	if (!job->over)
		return -EAGAIN;
	*rows = job->rows;
	*n = job->n;
	if (job->ret < 0)
		snprintf(why, OBSERVE_WHY_LEN, "%s", job->why);
	return job->ret;
}

void reload_forget(struct reload_job *job)
{
	job->forgotten = true;
	if (job->over)
		job_free(job);
}

void reload_hangup(struct inlet *in)
{
	char why[OBSERVE_WHY_LEN];
	struct reload_job *job;

	if (in->reload_job) {
		in->reload_again = true;
		return;
	}
	job = reload_start(in, false, why);
	if (job)
		reload_forget(job); // the log says what becomes of it
	else
		log_error("inletd", "reload refused, what was before goes on: %s", why);
}

void reload_stop(struct inlet *in)
{
	struct reload_job *job = in->reload_job;

	if (!job)
		return;
	timer_cancel(&in->timers, &job->timer);
	if (job->has_thread)
		pthread_join(job->thread, NULL);
	in->reload_job = NULL;
	job_free(job);
}
