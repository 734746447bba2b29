// SPDX-License-Identifier: BSD-3-Clause
// What workers and the control thread do while nothing comes: they sleep, and wake each other. The
// only system calls that a worker makes, and none while packets come.
//
// A worker without packets polls on for some 50 us, sleeps for some short times, and then rests: it
// waits for its queues' descriptors where its ports have them (port_wait.h), else it sleeps by
// time. Who rests says so in a flag, looks once more for what has come, and only then waits; who
// hands a rester something looks at the flag afterwards, and wakes it by its eventfd. Either the
// one sees the frame, or the other the flag.
#ifndef INLETD_IDLE_H
#define INLETD_IDLE_H

#include <stdbool.h>
#include <stdint.h>

struct idle;
struct inlet;

// For the workers of in, whose ports are open and queues dealt out; sets their idle_cb. NULL: out
// of memory or descriptors.
struct idle *idle_create(struct inlet *in);
// When the workers have stopped. NULL is nothing.
void idle_destroy(struct idle *idle);
// Whether workers are to sleep, by the configuration and the machine.
bool idle_wanted(const struct inlet *in);

// The control thread's side; idle may be NULL, for workers that poll.
// It has put something on the worker's rings.
void idle_kick(struct idle *idle, unsigned int worker);
// Readable when a worker has come back from its rest; -1 without.
int idle_fd(const struct idle *idle);
// Around a wait: begin, look for what workers have left, ask for how long, wait, end.
void idle_control_begin(struct idle *idle);
bool idle_all_rest(const struct idle *idle);
void idle_control_end(struct idle *idle);
// How worker w waits, for the console: "poll", "sleep", "wait".
const char *idle_text(const struct idle *idle, unsigned int w);

#endif
