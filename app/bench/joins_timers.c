// SPDX-License-Identifier: BSD-3-Clause
// The heap of timers by itself: what arming, moving and running one costs among many.
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/timer.h"
#include "bench/joins.h"

#define SPREAD_US (210 * USEC_PER_SEC)
#define OPS	  200000u

static void timer_cb_none(struct timer *t, void *arg, uint64_t now_us)
{
	(void)t;
	(void)arg;
	(void)now_us;
}

static void say(struct joins_report *r, uint32_t n, const char *what, uint64_t ns, uint32_t ops)
{
	char figure[64], key[64];

	snprintf(figure, sizeof(figure), "%s one of %u", what, n);
	snprintf(key, sizeof(key), "%s_of_%u", what, n);
	joins_say(r, "timers", key, figure, (double)ns / ops, "ns", 0);
}

static int timers_of(struct joins_report *r, uint32_t n)
{
	struct timer *t = calloc(n, sizeof(*t));
	struct rng rng = rng_seeded(n);
	struct timers ts;
	uint64_t began, arm, move, now = 0;

	if (!t)
		return -1;
	timers_init(&ts);
	began = joins_cpu_ns();
	for (uint32_t i = 0; i < n; i++) {
		timer_init(&t[i], timer_cb_none, NULL);
		if (timer_arm(&ts, &t[i], rng_below(&rng, SPREAD_US)) < 0) {
			free(t);
			return -1;
		}
	}
	arm = joins_cpu_ns() - began;
	began = joins_cpu_ns();
	for (uint32_t i = 0; i < OPS; i++)
		timer_arm(&ts, &t[rng_below(&rng, n)], now++ + rng_below(&rng, SPREAD_US));
	move = joins_cpu_ns() - began;
	began = joins_cpu_ns();
	timers_run(&ts, NEVER_US - 1);
	say(r, n, "arm", arm, n);
	say(r, n, "move", move, OPS);
	say(r, n, "run", joins_cpu_ns() - began, n);
	timers_fini(&ts);
	free(t);
	return 0;
}

int joins_timers(struct joins_report *r)
{
	static const uint32_t sizes[] = {1000, 100000, 1000000};

	for (unsigned int i = 0; i < (r->o->quick ? 2 : 3); i++)
		if (timers_of(r, sizes[i]) != 0)
			return -1;
	return 0;
}
