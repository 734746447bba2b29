// SPDX-License-Identifier: BSD-3-Clause
#include "joinfile/import.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/thread.h"
#include "joinfile/joinfile_io.h"

// A file written in place is read when it was left alone for so long, or was first touched
// SETTLE_MAX ago; a replaced one at once, but not more often than each SETTLE.
#define SETTLE_US     (100 * USEC_PER_MSEC)
#define SETTLE_MAX_US (1 * USEC_PER_SEC)
// Channels told in one go: a Join that comes meanwhile waits for some milliseconds at most.
#define SLICE	  256
#define SLICE_US  (1 * USEC_PER_MSEC)
#define AGAIN_US  (1 * USEC_PER_SEC) // a folder that was not there
#define RETRY_US  (5 * USEC_PER_SEC) // channels that were refused
#define ERROR_LEN 512
// A file of more octets is read by a thread of its own, which is looked after so often: a hundred
// thousand lines are some 60 ms of work.
#define LARGE	  (64u << 10)
#define LOADED_US (2 * USEC_PER_MSEC)

// A file that is read, and what it holds.
struct load {
	const struct joinfile_import_cfg *cfg;
	int ret; // of joinfile_read()
	int parsed;
	struct joinfile_id id;
	struct joinfile_list list;
	struct joinfile_passed passed;
	struct joinfile_error err;
	pthread_t thread;
	_Atomic bool done; // the thread sets it, the control thread reads it
};

struct joinfile_import {
	struct joinfile_import_cfg cfg;
	const struct joinfile_import_ops *ops;
	void *ctx;
	struct timers *timers;
	struct joinfile_watch *watch;
	struct joinfile_id id;
	struct joinfile_list list, old; // old: what it was, until the change to list is told
	struct joinfile_change change;
	bool changing, removing;
	uint32_t added, removed;
	struct timer read, slice, again, retry, loaded;
	struct load *load;   // by a thread
	uint64_t touched_us; // when the file was first touched since it was read; 0: it was not
	uint64_t looked_us;  // when it was last read, good or bad
	struct joinfile_passed passed;
	uint32_t refused;
	bool present;
	uint64_t read_us, changes;
	char error[ERROR_LEN];
};

static void list_free(struct joinfile_list *l)
{
	free(l->e);
	*l = (struct joinfile_list){0};
}

static void change_done(struct joinfile_import *im, uint64_t now_us)
{
	im->changing = false;
	list_free(&im->old);
	if (im->added || im->removed)
		log_info("joinfile", "applied file=%s channels=%u added=%u removed=%u",
			im->cfg.path, im->list.n, im->added, im->removed);
	if (im->refused == 0)
		return;
	im->cfg.stats->drops[JOINFILE_DROP_LIMIT] += im->refused;
	log_warn_limited("joinfile", "channels refused for now file=%s channels=%u", im->cfg.path,
		im->refused);
	timer_arm(im->timers, &im->retry, now_us + RETRY_US);
}

// Tells up to `most` channels. True when there is no more to tell.
static bool change_step(struct joinfile_import *im, uint32_t most, uint64_t now_us)
{
	struct joinfile_entry *e = NULL;

	for (; im->removing && most > 0; most--) {
		e = joinfile_change_gone(&im->change);
		if (!e) {
			im->removing = false;
			break;
		}
		im->ops->want_cb(im->ctx, &e->sg, false, now_us);
		im->removed++;
	}
	for (; !im->removing && most > 0; most--) {
		e = joinfile_change_due(&im->change);
		if (!e)
			return true;
		e->wanted = im->ops->want_cb(im->ctx, &e->sg, true, now_us);
		if (e->wanted)
			im->added++;
		else
			im->refused++;
	}
	return false;
}

static void change_go(struct joinfile_import *im, uint32_t most, uint64_t now_us)
{
	bool done;

	im->ops->begin_cb(im->ctx);
	done = change_step(im, most, now_us);
	im->ops->end_cb(im->ctx, now_us);
	if (done) {
		timer_cancel(im->timers, &im->slice);
		change_done(im, now_us);
	} else {
		timer_arm(im->timers, &im->slice, now_us + SLICE_US);
	}
}

static void slice_cb(struct timer *t, void *arg, uint64_t now_us)
{
	(void)t;
	change_go(arg, SLICE, now_us);
}

// Room may have come for what was refused.
static void retry_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct joinfile_import *im = arg;
	struct joinfile_change c = {.to = &im->list};
	struct joinfile_entry *e;

	if (im->changing) // it asks for them anyway
		return;
	im->ops->begin_cb(im->ctx);
	for (uint32_t most = SLICE; most > 0 && (e = joinfile_change_due(&c)); most--) {
		e->wanted = im->ops->want_cb(im->ctx, &e->sg, true, now_us);
		if (!e->wanted)
			break;
		im->refused--;
	}
	im->ops->end_cb(im->ctx, now_us);
	if (im->refused > 0)
		timer_arm(im->timers, t, now_us + RETRY_US);
}

// From now on the file says this; the list becomes ours.
static void change_begin(struct joinfile_import *im, struct joinfile_list list, uint64_t now_us)
{
	if (im->changing)
		change_go(im, UINT32_MAX, now_us);
	im->old = im->list;
	im->list = list;
	im->change = (struct joinfile_change){.from = &im->old, .to = &im->list};
	im->changing = im->removing = true;
	im->added = im->removed = im->refused = 0;
	im->changes++;
	change_go(im, SLICE, now_us);
}

// The file is not used as it is: what was before holds.
static void keep(struct joinfile_import *im, enum joinfile_drop why)
{
	im->cfg.stats->drops[why]++;
	log_warn_limited("joinfile", "not used %s; what was before holds channels=%u", im->error,
		im->list.n);
}

static void gone(struct joinfile_import *im, uint64_t now_us)
{
	if (im->present || im->looked_us == 0)
		log_info("joinfile", "%s file=%s channels=%u",
			im->present ? "the file is gone, its channels go" : "no file yet",
			im->cfg.path, im->list.n);
	im->present = false;
	im->id = (struct joinfile_id){0};
	im->passed = (struct joinfile_passed){0};
	im->error[0] = '\0';
	if (im->list.n > 0)
		change_begin(im, (struct joinfile_list){0}, now_us);
}

static void log_passed(const struct joinfile_import *im)
{
	const struct joinfile_passed *p = &im->passed;

	if (p->n_not_ssm)
		log_warn_limited("joinfile",
			"groups outside ssm_ranges: lines passed over first=%s:%u lines=%u",
			im->cfg.path, p->not_ssm_line, p->n_not_ssm);
}

// What is said of the file as a whole is in ret and parsed; on the thread of whoever.
static void load_run(struct load *l)
{
	uint32_t room;
	char *text;
	size_t len;

	l->ret = joinfile_read(l->cfg->path, JOINFILE_MAX_OCTETS, &text, &len, &l->id);
	if (l->ret < 0)
		return;
	room = joinfile_lines(text, len);
	if (room > l->cfg->max_channels)
		room = l->cfg->max_channels;
	l->list.e = calloc(room, sizeof(*l->list.e));
	l->parsed = l->list.e ? joinfile_parse(text, len, l->list.e, room, &l->list.n, &l->err)
			      : -ENOMEM;
	free(text);
	if (l->parsed < 0) {
		list_free(&l->list);
		return;
	}
	joinfile_sort(&l->list);
	joinfile_pass(&l->list, l->cfg->ssm_ranges, l->cfg->n_ssm_ranges, &l->passed);
}

static void use(struct joinfile_import *im, struct load *l, uint64_t now_us)
{
	if (l->parsed == -ENOMEM) {
		snprintf(im->error, sizeof(im->error), "%s: out of memory", im->cfg.path);
		keep(im, JOINFILE_DROP_UNREADABLE);
		return;
	}
	if (l->parsed < 0) {
		snprintf(im->error, sizeof(im->error), "%s:%u: %s", im->cfg.path, l->err.line,
			l->err.what);
		keep(im, l->parsed == -E2BIG ? JOINFILE_DROP_TOO_LARGE : JOINFILE_DROP_MALFORMED);
		return;
	}
	im->passed = l->passed;
	log_passed(im);
	im->cfg.stats->drops[JOINFILE_DROP_NOT_SSM] += im->passed.n_not_ssm;
	im->cfg.stats->read++;
	im->error[0] = '\0';
	im->read_us = now_us;
	change_begin(im, l->list, now_us);
}

static void load_use(struct joinfile_import *im, struct load *l, uint64_t now_us)
{
	im->id = l->id;
	switch (l->ret) {
	case 0:
		im->present = true;
		use(im, l, now_us);
		break;
	case -ENOENT:
	case -ENOTDIR:
		gone(im, now_us);
		break;
	case -EAGAIN: // somebody writes it right now
		timer_arm(im->timers, &im->read, now_us + SETTLE_US);
		break;
	default:
		im->present = true;
		snprintf(im->error, sizeof(im->error), "%s: %s", im->cfg.path,
			l->ret == -EINVAL ? "not a regular file" : strerror(-l->ret));
		keep(im, l->ret == -EFBIG ? JOINFILE_DROP_TOO_LARGE : JOINFILE_DROP_UNREADABLE);
		break;
	}
	im->looked_us = now_us;
}

static void *load_main(void *arg)
{
	struct load *l = arg;

	load_run(l);
	atomic_store_explicit(&l->done, true, memory_order_release);
	return NULL;
}

// False: there can be no thread.
static bool load_start(struct joinfile_import *im, uint64_t now_us)
{
	struct load *l = calloc(1, sizeof(*l));

	if (!l)
		return false;
	l->cfg = &im->cfg;
	l->id = im->id;
	if (thread_start(&l->thread, load_main, l) != 0) {
		free(l);
		return false;
	}
	im->load = l;
	timer_arm(im->timers, &im->loaded, now_us + LOADED_US);
	return true;
}

static void loaded_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct joinfile_import *im = arg;
	struct load *l = im->load;

	if (!atomic_load_explicit(&l->done, memory_order_acquire)) {
		timer_arm(im->timers, t, now_us + LOADED_US);
		return;
	}
	pthread_join(l->thread, NULL);
	im->load = NULL;
	load_use(im, l, now_us);
	free(l);
}

static void read_file(struct joinfile_import *im, uint64_t now_us)
{
	struct load l = {.cfg = &im->cfg, .id = im->id};

	timer_cancel(im->timers, &im->read);
	if (im->load) { // of what it was before
		timer_arm(im->timers, &im->read, now_us + LOADED_US);
		return;
	}
	im->touched_us = 0;
	if (joinfile_size(im->cfg.path) > LARGE && load_start(im, now_us))
		return;
	load_run(&l);
	load_use(im, &l, now_us);
}

static void read_cb(struct timer *t, void *arg, uint64_t now_us)
{
	(void)t;
	read_file(arg, now_us);
}

static void touched(struct joinfile_import *im, enum joinfile_event what, uint64_t now_us)
{
	uint64_t due = now_us + SETTLE_US;

	if (what == JOINFILE_REPLACED) {
		due = im->looked_us + SETTLE_US;
		if (due <= now_us) {
			read_file(im, now_us);
			return;
		}
	} else if (im->touched_us == 0) {
		im->touched_us = now_us;
	} else if (due > im->touched_us + SETTLE_MAX_US) {
		due = im->touched_us + SETTLE_MAX_US;
	}
	timer_arm(im->timers, &im->read, due);
}

static void again_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct joinfile_import *im = arg;

	if (joinfile_watch_again(im->watch))
		touched(im, JOINFILE_CHANGED, now_us);
	else
		timer_arm(im->timers, t, now_us + AGAIN_US);
}

struct joinfile_import *joinfile_import_create(const struct joinfile_import_cfg *cfg,
	const struct joinfile_import_ops *ops, void *ctx, struct timers *timers, uint64_t now_us)
{
	struct joinfile_import *im = calloc(1, sizeof(*im));

	if (!im)
		return NULL;
	im->cfg = *cfg;
	im->ops = ops;
	im->ctx = ctx;
	im->timers = timers;
	timer_init(&im->read, read_cb, im);
	timer_init(&im->slice, slice_cb, im);
	timer_init(&im->again, again_cb, im);
	timer_init(&im->retry, retry_cb, im);
	timer_init(&im->loaded, loaded_cb, im);
	// Watched before it is read: no change falls in between.
	im->watch = joinfile_watch_open(cfg->path);
	if (!im->watch) {
		int err = errno;

		free(im);
		errno = err;
		return NULL;
	}
	if (joinfile_watch_lost(im->watch)) {
		log_warn("joinfile", "its folder is not there, tried again each second file=%s",
			cfg->path);
		timer_arm(timers, &im->again, now_us + AGAIN_US);
	}
	read_file(im, now_us);
	return im;
}

void joinfile_import_destroy(struct joinfile_import *im)
{
	if (!im)
		return;
	timer_cancel(im->timers, &im->read);
	timer_cancel(im->timers, &im->slice);
	timer_cancel(im->timers, &im->again);
	timer_cancel(im->timers, &im->retry);
	timer_cancel(im->timers, &im->loaded);
	if (im->load) {
		pthread_join(im->load->thread, NULL);
		list_free(&im->load->list);
		free(im->load);
	}
	joinfile_watch_close(im->watch);
	list_free(&im->old);
	list_free(&im->list);
	free(im);
}

int joinfile_import_fd(const struct joinfile_import *im)
{
	return joinfile_watch_fd(im->watch);
}

void joinfile_import_input(struct joinfile_import *im, uint64_t now_us)
{
	enum joinfile_event what = joinfile_watch_input(im->watch, &im->id);

	if (joinfile_watch_lost(im->watch) && !timer_armed(&im->again)) {
		log_warn("joinfile", "its folder is gone, looked for each second file=%s",
			im->cfg.path);
		timer_arm(im->timers, &im->again, now_us + AGAIN_US);
	}
	if (what != JOINFILE_NOTHING)
		touched(im, what, now_us);
}

const struct joinfile_list *joinfile_import_list(const struct joinfile_import *im)
{
	return &im->list;
}

uint64_t joinfile_import_changes(const struct joinfile_import *im)
{
	return im->changes;
}

void joinfile_import_view(const struct joinfile_import *im, struct joinfile_import_view *out)
{
	*out = (struct joinfile_import_view){
		.path = im->cfg.path,
		.present = im->present,
		.channels = im->list.n,
		.refused = im->refused,
		.passed = im->passed.n_not_ssm,
		.read_us = im->read_us,
		.error = im->error,
	};
}
