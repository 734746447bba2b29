// SPDX-License-Identifier: BSD-3-Clause
// One-shot timers in a binary heap, on a clock that the caller brings. The control loop drives one
// heap with CLOCK_MONOTONIC; tests drive theirs with virtual time.
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#define USEC_PER_MSEC 1000ull
#define USEC_PER_SEC  1000000ull
// Older names of the same; DPDK has the first of them too, narrower.
#ifndef US_PER_S
#define US_PER_S USEC_PER_SEC
#endif
#define US_PER_MS USEC_PER_MSEC
#define NEVER_US  UINT64_MAX

struct timer;
typedef void (*timer_cb)(struct timer *t, void *arg, uint64_t now_us);

// Embedded in the owner's struct; timer_init() before anything else, timer_cancel() before it goes.
struct timer {
	uint64_t due_us;
	uint32_t slot; // 1-based place in the heap, 0 when not armed
	timer_cb cb;
	void *arg;
};

struct timers {
	struct timer **heap;
	uint32_t count;
	uint32_t room;
};

void timers_init(struct timers *ts);
// Frees the heap. Timers still armed are forgotten.
void timers_fini(struct timers *ts);
void timer_init(struct timer *t, timer_cb cb, void *arg);
// Arms, or moves an armed timer. 0, or -ENOMEM (only when the heap must grow).
int timer_arm(struct timers *ts, struct timer *t, uint64_t due_us);
// Not armed: nothing happens.
void timer_cancel(struct timers *ts, struct timer *t);
static inline bool timer_armed(const struct timer *t)
{
	return t->slot != 0;
}
// When the next timer is due, NEVER_US with none.
uint64_t timers_next(const struct timers *ts);
// Runs all that is due at now_us, in order; a callback may arm and cancel any timer, its own
// included. A timer armed from a callback for now_us or before runs in the same call.
void timers_run(struct timers *ts, uint64_t now_us);

// The same, but not more than max of them, so that many that are due at one time do not keep the
// loop from everything else. What is left is due still, as timers_next() says.
void timers_run_some(struct timers *ts, uint64_t now_us, unsigned int max);

// CLOCK_MONOTONIC in microseconds.
uint64_t clock_mono_us(void);
// CLOCK_REALTIME in microseconds since 1970.
uint64_t clock_real_us(void);
// The CPU that the calling thread has used, in microseconds: how long something of its own took,
// whoever else wanted the CPU meanwhile.
uint64_t clock_thread_cpu_us(void);

#endif
