// SPDX-License-Identifier: BSD-3-Clause
#include "base/timer.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

void timers_init(struct timers *ts)
{
	*ts = (struct timers){0};
}

void timers_fini(struct timers *ts)
{
	for (uint32_t i = 0; i < ts->count; i++)
		ts->heap[i]->slot = 0;
	free(ts->heap);
	timers_init(ts);
}

void timer_init(struct timer *t, timer_cb cb, void *arg)
{
	*t = (struct timer){.cb = cb, .arg = arg};
}

static void heap_put(struct timers *ts, uint32_t i, struct timer *t)
{
	ts->heap[i] = t;
	t->slot = i + 1;
}

static void heap_up(struct timers *ts, uint32_t i, struct timer *t)
{
	while (i > 0 && ts->heap[(i - 1) / 2]->due_us > t->due_us) {
		heap_put(ts, i, ts->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_put(ts, i, t);
}

static void heap_down(struct timers *ts, uint32_t i, struct timer *t)
{
	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child >= ts->count)
			break;
		if (child + 1 < ts->count && ts->heap[child + 1]->due_us < ts->heap[child]->due_us)
			child++;
		if (ts->heap[child]->due_us >= t->due_us)
			break;
		heap_put(ts, i, ts->heap[child]);
		i = child;
	}
	heap_put(ts, i, t);
}

int timer_arm(struct timers *ts, struct timer *t, uint64_t due_us)
{
	if (t->slot) {
		uint64_t old = t->due_us;

		t->due_us = due_us;
		if (due_us < old)
			heap_up(ts, t->slot - 1, t);
		else
			heap_down(ts, t->slot - 1, t);
		return 0;
	}
	if (ts->count == ts->room) {
		uint32_t room = ts->room ? 2 * ts->room : 64;
		struct timer **heap = realloc(ts->heap, room * sizeof(struct timer *));

		if (!heap)
			return -ENOMEM;
		ts->heap = heap;
		ts->room = room;
	}
	t->due_us = due_us;
	heap_up(ts, ts->count++, t);
	return 0;
}

void timer_cancel(struct timers *ts, struct timer *t)
{
	uint32_t i = t->slot - 1;
	struct timer *last;

	if (!t->slot)
		return;
	t->slot = 0;
	last = ts->heap[--ts->count];
	if (last == t)
		return;
	if (i > 0 && ts->heap[(i - 1) / 2]->due_us > last->due_us)
		heap_up(ts, i, last);
	else
		heap_down(ts, i, last);
}

uint64_t timers_next(const struct timers *ts)
{
	return ts->count ? ts->heap[0]->due_us : NEVER_US;
}

static void run_first(struct timers *ts, uint64_t now_us)
{
	struct timer *t = ts->heap[0];

	timer_cancel(ts, t);
	t->cb(t, t->arg, now_us);
}

void timers_run(struct timers *ts, uint64_t now_us)
{
	while (timers_next(ts) <= now_us && ts->count)
		run_first(ts, now_us);
}

void timers_run_some(struct timers *ts, uint64_t now_us, unsigned int max)
{
	while (max-- > 0 && timers_next(ts) <= now_us && ts->count)
		run_first(ts, now_us);
}

static uint64_t clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_mono_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

uint64_t clock_real_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

uint64_t clock_thread_cpu_us(void)
{
	return clock_us(CLOCK_THREAD_CPUTIME_ID);
}
