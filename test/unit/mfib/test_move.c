// SPDX-License-Identifier: BSD-3-Clause
// Make before break: a channel through two tunnels, each packet once.
#include "unit/unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "mfib/mfib_move.h"
#include "mixes.h"

// The n-th digest: upper and lower bits differ, as those of a hash do.
static uint64_t digest(uint64_t n)
{
	return mfib_fold(n + 0x1234567, 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull;
}

static void each_order_once(void **state)
{
	struct mfib *m = mfib_create(1, NULL);
	struct mfib_window *w = mfib_window_create(m, 1000);

	(void)state;
	assert_non_null(w);
	// Side 0 is ahead by 1000 packets, then side 1 is.
	for (uint64_t i = 0; i < 20000; i++) {
		assert_true(mfib_window_first(w, digest(i), i < 10000 ? 0 : 1));
		if (i >= 1000)
			assert_false(mfib_window_first(w, digest(i - 1000), i < 11000 ? 1 : 0));
	}
	mfib_window_destroy(m, w);
	mfib_destroy(m);
}

// What the source repeats is forwarded as often as it was sent, in whatever order the copies come.
static void repeats(void **state)
{
	static const char *const orders[] = {
		"00011 1", "0101 01", "1 1 1000", "011 001", "0 0 0 1 1 1"};
	struct mfib *m = mfib_create(1, NULL);
	struct mfib_window *w = mfib_window_create(m, 1000);

	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		unsigned int forwarded = 0;

		for (const char *c = orders[i]; *c; c++)
			if (*c != ' ')
				forwarded += mfib_window_first(w, digest(i), *c == '1');
		assert_int_equal(forwarded, 3);
		// Level: the next one is new from either side.
		assert_true(mfib_window_first(w, digest(i), i % 2));
	}
	// From one side alone: all.
	for (unsigned int i = 0; i < 100; i++)
		assert_true(mfib_window_first(w, digest(99), 1));
	for (unsigned int i = 0; i < 100; i++)
		assert_false(mfib_window_first(w, digest(99), 0));
	assert_true(mfib_window_first(w, digest(99), 0));
	mfib_window_destroy(m, w);
	mfib_destroy(m);
}

// More than a balance can hold: it stays at its end, and nothing is lost to that.
static void balance_has_ends(void **state)
{
	struct mfib *m = mfib_create(1, NULL);
	struct mfib_window *w = mfib_window_create(m, 1);
	unsigned int duplicates = 0;

	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		for (unsigned int i = 0; i < 20000; i++)
			assert_true(mfib_window_first(w, digest(side), side));
		for (unsigned int i = 0; i < 20000; i++)
			duplicates += !mfib_window_first(w, digest(side), !side);
		assert_in_range(duplicates, 8190, 8192);
		duplicates = 0;
	}
	mfib_window_destroy(m, w);
	mfib_destroy(m);
}

// The oldest of a bucket gives way, through all rounds of its cursor.
static void oldest_gives_way(void **state)
{
	struct mfib *m = mfib_create(1, NULL);
	struct mfib_window *w = mfib_window_create(m, 1);

	(void)state;
	for (uint64_t i = 1; i < 5000; i++) { // all in bucket 5
		assert_true(mfib_window_first(w, i << 40 | 5, 0));
		if (i <= 7)
			continue;
		// The last seven are there.
		assert_false(mfib_window_first(w, (i - 6) << 40 | 5, 1));
		assert_int_equal(w->buckets[5].cursor & 7, i % 7);
	}
	assert_true(mfib_window_first(w, 4000ull << 40 | 5, 1)); // long gone: it is new
	mfib_window_destroy(m, w);
	mfib_destroy(m);
}

static void sizes(void **state)
{
	struct mfib *m = mfib_create(1, NULL);
	struct mfib_window *w = mfib_window_create(m, 0);

	(void)state;
	assert_int_equal(w->mask + 1, 1u << MFIB_WINDOW_MIN_LOG);
	mfib_window_destroy(m, w);
	w = mfib_window_create(m, 5000);
	assert_int_equal(w->mask + 1, 65536);
	mfib_window_destroy(m, w);
	w = mfib_window_create(m, UINT32_MAX);
	assert_int_equal(w->mask + 1, 1u << MFIB_WINDOW_MAX_LOG);
	mfib_window_destroy(m, w);
	mfib_reclaim(m);
	mfib_destroy(m);
}

// Against a list that is searched from end to end: few digests, many repeats, both sides at random.
static void random_against_a_model(void **state)
{
	struct mfib *m = mfib_create(1, NULL);
	struct rng rng = rng_seeded(7);

	(void)state;
	for (unsigned int round = 0; round < 50; round++) {
		struct mfib_window *w = mfib_window_create(m, 1);
		struct model {
			uint64_t digest;
			int balance;
		} model[500] = {0};
		unsigned int n = 2 + rng_below(&rng, 498), bits = rng_below(&rng, 20);

		for (unsigned int i = 0; i < n; i++)
			model[i].digest = digest(round * 1000 + i);
		for (unsigned int i = 0; i < 5000; i++) {
			struct model *e = &model[rng_below(&rng, n)];
			unsigned int side = rng_below(&rng, 20) < bits;
			bool first = side == 0 ? e->balance >= 0 : e->balance <= 0;

			assert_int_equal(mfib_window_first(w, e->digest, side), first);
			e->balance += side == 0 ? 1 : -1;
		}
		mfib_window_destroy(m, w);
		mfib_reclaim(m);
	}
	mfib_destroy(m);
}

// Two workers, one a side, at the same packets at the same time: each is forwarded by one of them.
#define THREAD_PACKETS 300000u
struct side {
	pthread_t thread;
	struct mfib_window *w;
	const uint32_t *other; // how far the other is
	uint32_t at;
	unsigned int side;
	uint8_t forwarded[THREAD_PACKETS];
};

static void *side_run(void *arg)
{
	struct side *s = arg;

	for (uint32_t i = 0; i < THREAD_PACKETS; i++) {
		// Never further ahead than the window reaches.
		while (i > __atomic_load_n(s->other, __ATOMIC_ACQUIRE) + 64)
			sched_yield();
		// Every tenth packet is the one before it again.
		s->forwarded[i] =
			mfib_window_first(s->w, i % 10 == 9 ? digest(i - 1) : digest(i), s->side);
		__atomic_store_n(&s->at, i + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void two_workers(void **state)
{
	struct mfib *m = mfib_create(1, NULL);
	struct mfib_window *w = mfib_window_create(m, 1);
	struct side *s = calloc(2, sizeof(*s));

	(void)state;
	assert_non_null(s);
	for (unsigned int i = 0; i < 2; i++) {
		s[i].w = w;
		s[i].side = i;
		s[i].other = &s[!i].at;
	}
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&s[i].thread, NULL, side_run, &s[i]), 0);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(s[i].thread, NULL);
	for (uint32_t i = 0; i < THREAD_PACKETS; i++) {
		unsigned int both = s[0].forwarded[i] + s[1].forwarded[i];

		if (i % 10 == 8) // the repeated one and its repeat
			both += s[0].forwarded[i + 1] + s[1].forwarded[i + 1];
		if (i % 10 != 9)
			assert_int_equal(both, i % 10 == 8 ? 2 : 1);
	}
	free(s);
	mfib_window_destroy(m, w);
	mfib_destroy(m);
}

// The same, with a window that is too small for them: however often they run into each other, no
// digest is in two slots.
static void *small_run(void *arg)
{
	struct side *s = arg;

	for (uint32_t i = 0; i < THREAD_PACKETS; i++)
		mfib_window_first(s->w, (uint64_t)(i % 9 + 1) << 40 | 5, s->side);
	return NULL;
}

static void two_workers_in_one_bucket(void **state)
{
	struct mfib *m = mfib_create(1, NULL);
	struct mfib_window *w = mfib_window_create(m, 1);
	struct side *s = calloc(2, sizeof(*s));

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		s[i].w = w;
		s[i].side = i;
		assert_int_equal(pthread_create(&s[i].thread, NULL, small_run, &s[i]), 0);
	}
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(s[i].thread, NULL);
	for (unsigned int i = 0; i < MFIB_WINDOW_SLOTS; i++)
		for (unsigned int k = 0; k < i; k++)
			assert_true(
				(w->buckets[5].slot[i] ^ w->buckets[5].slot[k]) >> MFIB_WINDOW_TAG);
	free(s);
	mfib_window_destroy(m, w);
	mfib_destroy(m);
}

// Entries

static void guarded_entries(void **state)
{
	struct mfib *m = mfib_create(1, NULL);
	struct mfib_window *w = mfib_window_create(m, 1);
	struct mfib_table *t = mfib_worker_table(m, 0);
	struct mfib_usage u;

	(void)state;
	mfib_worker_online(t);
	for (enum mix mix = 0; mix < MIXES; mix++) {
		struct mfib_tunnel *tunnel = mix_tunnel(m, mix, (uint16_t)(40000 + mix));
		struct sg sg = mix_sg(mix, 3);
		struct mfib_channel *c = mfib_channel_add(m, tunnel, &sg, 1u << 3);
		struct mfib_guard_stats stats;
		struct mfib_move *move;
		const uint64_t *count;
		bool wide = mix_kind(mix) == MFIB_WIDE;

		count = mix_look(t, mix, 3, (uint16_t)(40000 + mix)).count;
		assert_non_null(count);
		assert_int_equal(mfib_entry_oifs(count), 1u << 3);
		assert_null(mfib_move_of(t->moves, count, wide));
		assert_int_equal(mfib_channel_guard(m, c, w, 1), 0);
		assert_true(mfib_channel_guarded(c));
		assert_int_equal(mfib_entry_oifs(count), 0);
		move = mfib_move_of(t->moves, count, wide);
		assert_non_null(move);
		assert_int_equal(move->oifs, 1u << 3);
		assert_int_equal(move->side, 1);
		assert_ptr_equal(move->window, w);
		mfib_channel_oifs(m, c, 1u << 4);
		assert_int_equal(move->oifs, 1u << 4);
		assert_int_equal(mfib_entry_oifs(count), 0);
		move->forwarded = 3;
		move->duplicates = 4;
		mfib_channel_guard_stats(c, &stats);
		assert_int_equal(stats.first, 3);
		assert_int_equal(stats.duplicates, 4);
		// In another generation too.
		for (unsigned int i = 0; i < 3000; i++) {
			struct sg other = mix_sg(mix, 100 + i);

			assert_non_null(mfib_channel_add(m, tunnel, &other, 1));
			mfib_worker_quiescent(t);
			mfib_reclaim(m);
		}
		count = mix_look(t, mix, 3, (uint16_t)(40000 + mix)).count;
		assert_ptr_equal(mfib_move_of(t->moves, count, wide), move);
		mfib_channel_oifs(m, c, 1u << 5);
		assert_int_equal(move->oifs, 1u << 5);
		mfib_channel_unguard(m, c);
		assert_false(mfib_channel_guarded(c));
		assert_int_equal(mfib_entry_oifs(count), 1u << 5);
		assert_null(mfib_move_of(t->moves, count, wide));
		// The worker may still hold the record.
		mfib_reclaim(m);
		mfib_usage(m, &u);
		assert_true(u.retired >= 1);
		assert_int_equal(move->oifs, 1u << 5);
		mfib_worker_quiescent(t);
		// Deleted while guarded.
		assert_int_equal(mfib_channel_guard(m, c, w, 0), 0);
		mfib_channel_del(m, c);
		assert_int_equal(t->moves->n, 0);
	}
	mfib_window_destroy(m, w);
	mfib_worker_quiescent(t);
	for (unsigned int i = 0; i < 10; i++) {
		mfib_worker_quiescent(t);
		mfib_reclaim(m);
	}
	mfib_usage(m, &u);
	assert_int_equal(u.retired, 0);
	mfib_worker_offline(t);
	mfib_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_order_once),
		cmocka_unit_test(repeats),
		cmocka_unit_test(balance_has_ends),
		cmocka_unit_test(oldest_gives_way),
		cmocka_unit_test(sizes),
		cmocka_unit_test(random_against_a_model),
		cmocka_unit_test(two_workers),
		cmocka_unit_test(two_workers_in_one_bucket),
		cmocka_unit_test(guarded_entries),
	};

	return mix_eal_init("t_mfib_move") ? RUN_TESTS(tests) : 1;
}
