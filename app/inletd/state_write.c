// SPDX-License-Identifier: BSD-3-Clause
// Writing of the state file. The lines are put together a few at a time, between which the control
// loop turns; what comes or goes meanwhile is in the next one. A thread of its own writes them, for
// a disk may take its time, and is waited for with a timer.
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"
#include "base/timer.h"
#include "inlet.h"
#include "inletd/state.h"

#define LINE_LEN 256
// A change is on file a moment later; expiries move with each refresh and are written now and then.
#define CHANGED_US (200 * USEC_PER_MSEC)
#define REFRESH_US (20 * USEC_PER_SEC)
// Writing takes a hundredth of the control thread at most.
#define COST_FACTOR 100
// Lines of a turn, and the time until the next.
#define SLICE	 128
#define SLICE_US (1 * USEC_PER_MSEC)
#define WAIT_US	 (5 * USEC_PER_MSEC) // for the thread
// Interfaces, and on each of them both families of PIM and of membership.
#define PARTS (2 * IFACE_FAMILIES)

struct state_write {
	char path[sizeof(((struct config *)0)->state_file)];
	uint64_t mono_us, real_us; // when it began
	uint64_t took_us;	   // by the control thread
	unsigned int part;	   // PARTS of each interface
	uint32_t cursor;
	const struct iface *ifc;
	char *text;
	size_t len, room;
	uint32_t lines;
	bool short_of_memory;
	bool changed; // something, since it began
	bool has_thread;
	pthread_t thread;
	int ret;	   // the thread's, once it is done
	_Atomic bool done; // the thread sets it, the control thread reads it
};

uint64_t state_realtime_us(void)
{
	return clock_real_us();
}

static void text_add(struct state_write *sw, const char *line, size_t len)
{
	if (sw->len + len > sw->room) {
		size_t room = sw->room ? 2 * sw->room : 4096;
		char *text = realloc(sw->text, room);

		if (!text) {
			sw->short_of_memory = true;
			return;
		}
		sw->text = text;
		sw->room = room;
	}
	memcpy(sw->text + sw->len, line, len);
	sw->len += len;
}

static void entry_add(struct state_write *sw, const char *kind, const struct sg *sg,
	const struct addr *who, uint64_t expires_us)
{
	char line[LINE_LEN], s[ADDR_STRLEN], g[ADDR_STRLEN], from[ADDR_STRLEN];
	uint64_t left = expires_us > sw->mono_us ? expires_us - sw->mono_us : 0;
	int n;

	if (left > STATE_MAX_US)
		left = STATE_MAX_US;
	n = snprintf(line, sizeof(line), "%s %s %s %s %s %" PRIu64 "\n", kind, sw->ifc->cfg->name,
		addr_format(&sg->s, s), addr_format(&sg->g, g), addr_format(who, from),
		sw->real_us + left);
	text_add(sw, line, (size_t)n);
	sw->lines++;
}

static void join_cb(void *arg, const struct pim_channel_view *v)
{
	if (v->joined) // else there is an Assert alone
		entry_add(arg, "join", &v->sg, &v->last_neighbor, v->expires_us);
}

static void member_cb(void *arg, const struct membership_channel_view *v)
{
	entry_add(arg, "member", &v->sg, &v->reporter, v->expires_us);
}

// Up to n lines of a part. False when there is no more of it.
static bool part_some(struct inlet *in, struct state_write *sw, uint32_t n)
{
	unsigned int f = sw->part % IFACE_FAMILIES;

	sw->ifc = &in->ifs[sw->part / PARTS];
	if (sw->part % PARTS < IFACE_FAMILIES)
		return sw->ifc->pim[f].pim &&
		       pim_if_channels_some(sw->ifc->pim[f].pim, &sw->cursor, n, join_cb, sw);
	return sw->ifc->membership[f].m &&
	       membership_channels_some(sw->ifc->membership[f].m, &sw->cursor, n, member_cb, sw);
}

// Puts up to n lines together. False when all are.
static bool lines_some(struct inlet *in, struct state_write *sw, uint32_t n)
{
	uint32_t until = n < UINT32_MAX - sw->lines ? sw->lines + n : UINT32_MAX;

	while (sw->part < PARTS * in->n_ifs && sw->lines < until) {
		if (part_some(in, sw, until - sw->lines))
			return true;
		sw->part++;
		sw->cursor = 0;
	}
	return sw->part < PARTS * in->n_ifs;
}

static int file_write(const struct state_write *sw, bool sync)
{
	char tmp[sizeof(sw->path) + 8];
	int ret = 0;
	FILE *f;

	if (sw->short_of_memory)
		return -ENOMEM;
	snprintf(tmp, sizeof(tmp), "%s.tmp", sw->path);
	f = fopen(tmp, "we");
	if (!f)
		return -errno;
	errno = EIO;
	if (fwrite(sw->text, 1, sw->len, f) != sw->len || fflush(f) != 0)
		ret = -errno;
	if (ret == 0 && sync && fsync(fileno(f)) < 0)
		ret = -errno;
	if (fclose(f) != 0 && ret == 0)
		ret = -errno;
	if (ret == 0 && rename(tmp, sw->path) < 0)
		ret = -errno;
	if (ret < 0)
		unlink(tmp);
	return ret;
}

static void *thread_main(void *arg)
{
	struct state_write *sw = arg;

	sw->ret = file_write(sw, true);
	atomic_store_explicit(&sw->done, true, memory_order_release);
	return NULL;
}

// Where there can be no thread it is written right here.
static void begin(struct state_write *sw)
{
	sw->has_thread = thread_start(&sw->thread, thread_main, sw) == 0;
	if (!sw->has_thread)
		thread_main(sw);
}

static struct state_write *write_begin(const struct inlet *in, uint64_t now_us)
{
	struct state_write *sw = calloc(1, sizeof(*sw));

	if (!sw)
		return NULL;
	memcpy(sw->path, in->cfg.state_file, sizeof(sw->path));
	sw->mono_us = now_us;
	sw->real_us = state_realtime_us();
	text_add(sw, STATE_VERSION_LINE "\n", strlen(STATE_VERSION_LINE) + 1);
	return sw;
}

static void write_seal(struct state_write *sw)
{
	char line[LINE_LEN];
	int n = snprintf(line, sizeof(line), "end %u\n", sw->lines);

	text_add(sw, line, (size_t)n);
}

static void write_free(struct state_write *sw)
{
	if (sw->has_thread)
		pthread_join(sw->thread, NULL);
	free(sw->text);
	free(sw);
}

static void said(const struct inlet *in, int ret)
{
	if (ret < 0)
		log_warn_limited("inletd", "state file not written file=%s error=\"%s\"",
			in->cfg.state_file, strerror(-ret));
}

static void write_end(struct inlet *in, uint64_t now_us)
{
	struct state_write *sw = in->state_write;
	uint64_t due = now_us + (sw->changed ? CHANGED_US : REFRESH_US);

	said(in, sw->ret);
	in->state_earliest_us = now_us + COST_FACTOR * sw->took_us;
	write_free(sw);
	in->state_write = NULL;
	timer_arm(
		&in->timers, &in->state, due < in->state_earliest_us ? in->state_earliest_us : due);
}

static void state_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct inlet *in = arg;
	uint64_t began_us = clock_mono_us();
	struct state_write *sw;

	if (!in->state_write)
		in->state_write = write_begin(in, now_us);
	sw = in->state_write;
	if (!sw) {
		said(in, -ENOMEM);
		timer_arm(&in->timers, t, now_us + REFRESH_US);
		return;
	}
	if (sw->has_thread || sw->done) {
		if (atomic_load_explicit(&sw->done, memory_order_acquire))
			write_end(in, now_us);
		else
			timer_arm(&in->timers, t, now_us + WAIT_US);
		return;
	}
	if (lines_some(in, sw, SLICE)) {
		timer_arm(&in->timers, t, now_us + SLICE_US);
	} else {
		write_seal(sw);
		begin(sw);
		timer_arm(&in->timers, t, now_us + SLICE_US);
	}
	sw->took_us += clock_mono_us() - began_us;
}

void state_changed(struct inlet *in, uint64_t now_us)
{
	uint64_t due = now_us + CHANGED_US;

	if (in->state_write)
		in->state_write->changed = true;
	if (in->state_write || !in->cfg.state_file[0] || !timer_armed(&in->state))
		return;
	if (due < in->state_earliest_us)
		due = in->state_earliest_us;
	if (due < in->state.due_us)
		timer_arm(&in->timers, &in->state, due);
}

void state_begin(struct inlet *in, uint64_t now_us)
{
	timer_init(&in->state, state_cb, in);
	timer_arm(&in->timers, &in->state, now_us + CHANGED_US);
}

void state_reload(struct inlet *in, uint64_t now_us)
{
	if (in->cfg.state_file[0]) {
		if (!timer_armed(&in->state))
			state_begin(in, now_us);
		else
			state_changed(in, now_us);
		return;
	}
	timer_cancel(&in->timers, &in->state);
	if (in->state_write)
		write_free(in->state_write);
	in->state_write = NULL;
}

void state_close(struct inlet *in)
{
	bool kept = timer_armed(&in->state);
	struct state_write *sw;

	timer_cancel(&in->timers, &in->state);
	if (in->state_write)
		write_free(in->state_write);
	in->state_write = NULL;
	sw = kept ? write_begin(in, clock_mono_us()) : NULL;
	if (!sw)
		return;
	lines_some(in, sw, UINT32_MAX);
	write_seal(sw);
	said(in, file_write(sw, false));
	write_free(sw);
}
