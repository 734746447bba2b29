// SPDX-License-Identifier: BSD-3-Clause
// A hundred thousand channels joined on one interface: what a full refresh costs, in messages
// packed as FRR does it, and for how long a new Join waits behind one. The times are printed; only
// their order of magnitude is checked, since a build with sanitizers and a busy machine are slower.
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

#define CHANNELS    100000u
#define PER_MESSAGE 70u // group sets in 1428 octets
#define MESSAGES    ((CHANNELS + PER_MESSAGE - 1) / PER_MESSAGE)
#define BATCH	    64u // messages that the IO hands over before the loop turns

struct message {
	int len;
	uint8_t pim[1500];
};

static struct message *messages;

static struct sg sg_of(unsigned int i)
{
	uint8_t c = (uint8_t)(i >> 16), d = (uint8_t)(i >> 8), e = (uint8_t)i;

	return (struct sg){.s = {.family = ADDR_V4, .bytes = {192, 1, 0, (uint8_t)(1 + i % 100)}},
		.g = {.family = ADDR_V4, .bytes = {232, (uint8_t)(1 + c), d, e}}};
}

static int prepare(void **state)
{
	struct pim_jp_item items[PER_MESSAGE];
	struct addr us = neighbor_addr(1);

	(void)state;
	messages = calloc(MESSAGES, sizeof(*messages));
	if (!messages)
		return -1;
	for (unsigned int m = 0; m < MESSAGES; m++) {
		unsigned int n = 0;

		for (unsigned int i = m * PER_MESSAGE; n < PER_MESSAGE && i < CHANNELS; i++)
			items[n++] = (struct pim_jp_item){.sg = sg_of(i), .join = true};
		messages[m].len =
			pim_jp_encode(&us, 210, items, n, messages[m].pim, sizeof(messages[m].pim));
		if (messages[m].len < 0)
			return -1;
	}
	return 0;
}

static int finish(void **state)
{
	(void)state;
	free(messages);
	return 0;
}

struct figures {
	uint64_t all_us, worst_us; // of a batch
};

// All messages, as fast as they go; the loop turns after each batch.
static struct figures refresh(struct bench *b)
{
	static const struct addr all = {.family = ADDR_V4, .bytes = {224, 0, 0, 13}};
	struct addr src = neighbor_addr(2);
	uint64_t began = clock_mono_us(), last = began, now;
	struct figures f = {0};

	for (unsigned int m = 0; m < MESSAGES; m++) {
		pim_if_input(
			b->pif, &src, &all, messages[m].pim, (size_t)messages[m].len, b->now_us);
		if (m % BATCH != BATCH - 1 && m != MESSAGES - 1)
			continue;
		timers_run_some(&b->timers, b->now_us, 256);
		now = clock_mono_us();
		f.worst_us = now - last > f.worst_us ? now - last : f.worst_us;
		last = now;
	}
	f.all_us = clock_mono_us() - began;
	return f;
}

static void begin(struct bench *b)
{
	struct pim_cfg cfg;

	memset(b, 0, sizeof(*b));
	cfg = bench_cfg(b);
	cfg.max_joins = cfg.max_joins_neighbor = CHANNELS + 1;
	bench_begin_cfg(b, &cfg);
	bench_hello(b, 2, 0xffff, 1);
}

static void say(const char *what, struct figures f)
{
	print_message("# %s of %u channels: %.1f ms, %.0f ns a channel, worst batch of %u "
		      "messages %.2f ms\n",
		what, CHANNELS, (double)f.all_us / 1000, (double)f.all_us * 1000 / CHANNELS, BATCH,
		(double)f.worst_us / 1000);
}

static void full_refresh(void **state)
{
	struct figures first, best = {UINT64_MAX, UINT64_MAX};
	struct bench b;

	(void)state;
	begin(&b);
	first = refresh(&b);
	say("first Joins", first);
	assert_int_equal(b.wanted, CHANNELS);
	for (unsigned int i = 1; i <= 5; i++) {
		struct figures f;

		bench_until(&b, 60000ull * i);
		f = refresh(&b);
		say("refresh", f);
		best = f.all_us < best.all_us ? f : best;
	}
	assert_int_equal(b.wanted, CHANNELS);
	assert_int_equal(bench_drops(&b), 0);
	// A new Join that arrives with the last message of a refresh waits for all of it.
	print_message("# a new Join behind a full refresh waits for %.1f ms at most\n",
		(double)best.all_us / 1000);
	assert_in_range(best.all_us, 0, 500000);
	bench_end(&b);
}

// The timers of a hundred thousand channels that are due at one time: the loop runs them in turns.
static void timers_of_a_refresh(void **state)
{
	uint64_t worst = 0, began, took;
	unsigned int turns = 0;
	struct bench b;

	(void)state;
	begin(&b);
	refresh(&b);
	b.now_us = BENCH_START_US + 100 * US_PER_S;
	refresh(&b);
	b.now_us = BENCH_START_US + 210 * US_PER_S; // the first deadlines, which have moved
	while (timers_next(&b.timers) <= b.now_us) {
		began = clock_mono_us();
		timers_run_some(&b.timers, b.now_us, 256);
		took = clock_mono_us() - began;
		worst = took > worst ? took : worst;
		turns++;
	}
	print_message("# timers of %u channels at once: %u turns, the longest %.2f ms\n", CHANNELS,
		turns, (double)worst / 1000);
	assert_int_equal(b.wanted, CHANNELS);
	b.now_us = BENCH_START_US + 310 * US_PER_S;
	timers_run(&b.timers, b.now_us);
	assert_int_equal(b.wanted, 0);
	bench_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_refresh),
		cmocka_unit_test(timers_of_a_refresh),
	};

	return cmocka_run_group_tests_name(__FILE__, tests, prepare, finish);
}
