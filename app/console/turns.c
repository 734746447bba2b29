// SPDX-License-Identifier: BSD-3-Clause
#include "console/turns.h"

#include <errno.h>

#include <event2/event.h>

#include "base/timer.h"

static void again(struct turns *t)
{
	static const struct timeval now = {0};

	if (!TAILQ_EMPTY(&t->queue))
		evtimer_add(t->event, &now);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct turns *t = arg;
	uint64_t begin = clock_mono_us(), took = 0, cpu = clock_thread_cpu_us();
	struct turn *turn;

	(void)fd;
	(void)what;
	while (took < TURNS_US && (turn = TAILQ_FIRST(&t->queue)) != NULL) {
		turns_remove(t, turn);
		turn->cb(turn->arg);
		took = clock_mono_us() - begin;
	}
	cpu = clock_thread_cpu_us() - cpu;
	if (cpu > t->longest_us)
		t->longest_us = cpu;
	again(t);
}

int turns_init(struct turns *t, struct event_base *base)
{
	TAILQ_INIT(&t->queue);
	t->longest_us = 0;
	t->event = evtimer_new(base, on_turn, t);
	return t->event ? 0 : -ENOMEM;
}

void turns_fini(struct turns *t)
{
	if (t->event)
		event_free(t->event);
	t->event = NULL;
}

void turns_add(struct turns *t, struct turn *turn)
{
	if (turn->queued)
		return;
	turn->queued = true;
	TAILQ_INSERT_TAIL(&t->queue, turn, link);
	again(t);
}

void turns_remove(struct turns *t, struct turn *turn)
{
	if (!turn->queued)
		return;
	turn->queued = false;
	TAILQ_REMOVE(&t->queue, turn, link);
}
