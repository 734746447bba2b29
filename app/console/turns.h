// SPDX-License-Identifier: BSD-3-Clause
// Who has work takes turns at the control thread: of all of them together only so much is done at a
// time, then the control loop goes round once.
#ifndef CONSOLE_TURNS_H
#define CONSOLE_TURNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

// The control thread's time for the console, in one round of its loop.
#define TURNS_US 2000

struct event;
struct event_base;

struct turn {
	TAILQ_ENTRY(turn) link;
	bool queued;
	// One piece, of some hundred microseconds. May add itself again, and remove or free any.
	void (*cb)(void *arg);
	void *arg;
};

struct turns {
	struct event *event;
	TAILQ_HEAD(turn_list, turn) queue;
	uint64_t longest_us; // CPU time of a round
};

// 0 or -ENOMEM.
int turns_init(struct turns *t, struct event_base *base);
void turns_fini(struct turns *t);
// Once, behind the others, from the event loop. One that is queued stays where it is.
void turns_add(struct turns *t, struct turn *turn);
void turns_remove(struct turns *t, struct turn *turn);

#endif
