// SPDX-License-Identifier: BSD-3-Clause
// What tells the objects of a slab by their numbers: the map, the list and the wheel.
#include "unit/unit.h"

#include <stdlib.h>

#include "base/bucket.h"
#include "base/hmap.h"
#include "base/ilist.h"
#include "base/imap.h"
#include "base/rng.h"
#include "base/share.h"
#include "base/slab.h"
#include "base/timer.h"
#include "base/wheel.h"

struct item {
	uint32_t chain;
	uint32_t key;
	struct ilink link;
	uint64_t due_us;
};

static uint64_t hash_of(uint32_t key)
{
	return hmap_hash(&key, sizeof(key));
}

static uint64_t item_hash(const void *object)
{
	return hash_of(((const struct item *)object)->key);
}

static struct item *item_get(struct slab *s, uint32_t key)
{
	struct item *it = slab_get(s);

	assert_non_null(it);
	it->key = key;
	return it;
}

static struct item *item_find(const struct imap *m, uint32_t key)
{
	struct item *it = imap_find(m, hash_of(key));

	while (it && it->key != key)
		it = imap_find_next(m, it);
	return it;
}

static void insert(struct imap *m, struct item *it)
{
	assert_int_equal(imap_insert(m, it, hash_of(it->key)), 0);
}

static void numbers_are_of_their_objects(void **state)
{
	enum { N = 5000 };
	static const size_t sizes[] = {16, 20, 64, 88, 104, 1000};
	struct slab s;

	(void)state;
	for (unsigned int k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		void **v = calloc(N, sizeof(*v));

		slab_init(&s, sizes[k]);
		for (unsigned int i = 0; i < N; i++) {
			v[i] = slab_get(&s);
			assert_non_null(v[i]);
			assert_int_not_equal(slab_number(v[i]), SLAB_NONE);
		}
		for (unsigned int i = 0; i < N; i++) {
			assert_ptr_equal(slab_at(&s, slab_number(v[i])), v[i]);
			assert_ptr_equal(slab_of(v[i]), &s);
		}
		assert_true(slab_octets(&s) >= N * sizes[k]);
#ifndef __SANITIZE_ADDRESS__
		assert_true(slab_octets(&s) <= N * sizes[k] * 11 / 10 + 20000);
#endif
		for (unsigned int i = 0; i < N; i++)
			slab_put(&s, v[i]);
		slab_fini(&s);
		free(v);
	}
}

// Growth is spread over the inserts that follow: at each moment every object is found, and a walk
// meets each of them once, also one that takes objects out.
static void imap_grows_by_and_by(void **state)
{
	enum { N = 3000 };
	// NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
	struct item **items = calloc(N, sizeof(*items));
	bool growing = false, done = false;
	struct item *it, *tmp;
	struct slab slab;
	uint32_t i = 0;
	struct imap m;

	(void)state;
	slab_init(&slab, sizeof(struct item));
	imap_init(&m, &slab, offsetof(struct item, chain), item_hash);
	assert_null(imap_first(&m));
	assert_null(item_find(&m, 1));
	// Until it is in the middle of growing to 1024 buckets.
	while (!(m.mask >= 1023 && m.old && m.moved >= 100) && i < N) {
		uint32_t seen = 0, before = m.moved;

		items[i] = item_get(&slab, i);
		insert(&m, items[i]);
		if (m.old) {
			growing = true;
			assert_true(m.moved <= 4 || m.moved - before <= 4);
		} else {
			done |= growing;
		}
		for (uint32_t k = 0; k <= i; k += 1 + i / 50)
			assert_ptr_equal(item_find(&m, k), items[k]);
		i++;
		if (i % 37 && m.mask < 1023)
			continue;
		IMAP_FOREACH (it, tmp, &m)
			seen++;
		assert_int_equal(seen, i);
	}
	assert_true(growing && done && m.old);
	assert_true(imap_octets(&m) >= i * sizeof(uint32_t));
	IMAP_FOREACH (it, tmp, &m)
		if (it->key % 3)
			imap_remove(&m, it);
	for (uint32_t k = 0; k < i; k++)
		assert_ptr_equal(item_find(&m, k), k % 3 ? NULL : items[k]);
	IMAP_FOREACH (it, tmp, &m)
		imap_remove(&m, it);
	assert_int_equal(m.count, 0);
	assert_null(imap_first(&m));
	imap_fini(&m);
	slab_fini(&slab);
	free(items);
}

static void met_cb(void *arg, void *object)
{
	uint32_t *met = arg;

	met[((struct item *)object)->key]++;
}

// A walk in pieces meets what is in all the time once, and nothing twice, while the map grows from
// 256 to 4096 buckets meanwhile and loses objects.
static void imap_is_walked_in_pieces(void **state)
{
	enum { N = 4000, FIRST_N = 250 };
	// NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
	struct item **items = calloc(N, sizeof(*items));
	uint32_t *met = calloc(N, sizeof(*met)), n = 0, cursor = 0, steps = 0;
	struct slab slab;
	struct imap m;

	(void)state;
	slab_init(&slab, sizeof(struct item));
	imap_init(&m, &slab, offsetof(struct item, chain), item_hash);
	assert_false(imap_scan(&m, &cursor, met_cb, met));
	for (; n < FIRST_N; n++)
		insert(&m, items[n] = item_get(&slab, n));
	while (imap_scan(&m, &cursor, met_cb, met)) {
		steps++;
		for (unsigned int k = 0; k < 10 && n < N; k++, n++)
			insert(&m, items[n] = item_get(&slab, n));
		if (steps < 50)
			imap_remove(&m, items[FIRST_N - steps]);
	}
	assert_int_equal(n, N);
	for (uint32_t i = 0; i < N; i++)
		assert_in_range(met[i], i < FIRST_N - 50 ? 1 : 0, 1);
	imap_fini(&m);
	slab_fini(&slab);
	free(met);
	free(items);
}

static void check_list(
	const struct ilist *l, const struct slab *s, const uint32_t *keys, unsigned int n)
{
	const struct item *it = ilist_first(l, s);

	for (unsigned int i = 0; i < n; i++) {
		assert_non_null(it);
		assert_int_equal(it->key, keys[i]);
		it = ilist_next(s, it, offsetof(struct item, link));
	}
	assert_null(it);
	assert_int_equal(ilist_empty(l), n == 0);
}

static void ilist_keeps_the_order(void **state)
{
	const size_t link = offsetof(struct item, link);
	struct ilist l = {0};
	struct item *it[4];
	struct slab s;

	(void)state;
	slab_init(&s, sizeof(struct item));
	for (uint32_t i = 0; i < 4; i++) {
		it[i] = item_get(&s, i);
		ilist_append(&l, &s, it[i], link);
	}
	check_list(&l, &s, (const uint32_t[]){0, 1, 2, 3}, 4);
	ilist_remove(&l, &s, it[1], link);
	check_list(&l, &s, (const uint32_t[]){0, 2, 3}, 3);
	ilist_remove(&l, &s, it[3], link);
	ilist_append(&l, &s, it[1], link);
	check_list(&l, &s, (const uint32_t[]){0, 2, 1}, 3);
	ilist_remove(&l, &s, it[0], link);
	check_list(&l, &s, (const uint32_t[]){2, 1}, 2);
	ilist_remove(&l, &s, it[2], link);
	ilist_remove(&l, &s, it[1], link);
	check_list(&l, &s, NULL, 0);
	for (uint32_t i = 0; i < 4; i++)
		slab_put(&s, it[i]);
	slab_fini(&s);
}

static uint64_t item_due(const void *object)
{
	return ((const struct item *)object)->due_us;
}

// Of any span, from microseconds to years.
static uint64_t some_time(struct rng *r, uint64_t now_us)
{
	if (rng_below(r, 50) == 0)
		return NEVER_US;
	return now_us + rng_below(r, 1ull << rng_below(r, 45));
}

// Each object comes when it is due and never before, in order, whatever was added, moved nearer or
// away, or taken out meanwhile; and the wheel asks to be turned no later than that.
static void wheel_is_exact(void **state)
{
	enum { N = 500, ROUNDS = 200000 };
	struct item *items[N] = {NULL};
	struct rng r = rng_seeded(11);
	uint64_t now = 123456789, turned;
	struct slab s;
	struct wheel w;

	(void)state;
	slab_init(&s, sizeof(struct item));
	wheel_init(&w, &s, offsetof(struct item, link), item_due);
	assert_true(wheel_next(&w) == NEVER_US);
	assert_null(wheel_turn(&w, now));
	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int i = (unsigned int)rng_below(&r, N);
		uint64_t first = NEVER_US, due;
		struct item *it = items[i];

		switch (rng_below(&r, 4)) {
		case 0:
			if (it) {
				wheel_remove(&w, it);
				slab_put(&s, it);
				items[i] = NULL;
				break;
			}
			items[i] = item_get(&s, i);
			items[i]->due_us = some_time(&r, now);
			wheel_add(&w, items[i]);
			break;
		case 1:
			if (!it)
				break;
			due = some_time(&r, now);
			// As an owner does: one that moves away is not said.
			if (it->due_us == NEVER_US || due < it->due_us || due == NEVER_US) {
				it->due_us = due;
				wheel_move(&w, it);
			} else {
				it->due_us = due;
			}
			break;
		default:
			if (round % 16 == 0)
				now += rng_below(&r, 1ull << rng_below(&r, 44));
			else
				now += rng_below(&r, 3);
			turned = 0;
			while (wheel_next(&w) <= now) {
				it = wheel_turn(&w, now);
				if (!it)
					continue;
				assert_true(it->due_us <= now);
				assert_true(it->due_us >= turned);
				turned = it->due_us;
				items[it->key] = NULL;
				slab_put(&s, it);
			}
			assert_null(wheel_turn(&w, now));
			break;
		}
		if (round % 64)
			continue;
		for (i = 0; i < N; i++)
			if (items[i] && items[i]->due_us < first)
				first = items[i]->due_us;
		assert_true(wheel_next(&w) <= first);
		assert_true(first > now || wheel_next(&w) <= now);
	}
	for (unsigned int i = 0; i < N; i++) {
		if (!items[i])
			continue;
		wheel_remove(&w, items[i]);
		slab_put(&s, items[i]);
	}
	assert_true(wheel_next(&w) == NEVER_US);
	assert_int_equal(s.count, 0);
	slab_fini(&s);
}

// Very many that are due at one time are not dealt out in one call.
static void wheel_turns_by_pieces(void **state)
{
	enum { N = 1000 };
	unsigned int turns = 0, got = 0;
	struct slab s;
	struct wheel w;
	uint64_t due = 210 * USEC_PER_SEC + 7;

	(void)state;
	slab_init(&s, sizeof(struct item));
	wheel_init(&w, &s, offsetof(struct item, link), item_due);
	for (uint32_t i = 0; i < N; i++) {
		struct item *it = item_get(&s, i);

		it->due_us = due;
		wheel_add(&w, it);
	}
	for (; wheel_next(&w) <= due && turns < 100 * N; turns++) {
		struct item *it = wheel_turn(&w, due);

		got += it != NULL;
		if (it)
			slab_put(&s, it);
	}
	assert_int_equal(got, N);
	assert_in_range(turns, N, WHEEL_LEVELS * N);
	slab_fini(&s);
}

static void bucket_lets_a_second_through(void **state)
{
	struct bucket b = {0};
	unsigned int n = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		n += bucket_take(&b, 100, 1, 5000000);
	assert_in_range(n, 100, 101);
	n = 0;
	for (int i = 0; i < 1000; i++)
		n += bucket_take(&b, 100, 1, 5500000);
	assert_in_range(n, 49, 51);
	n = 0;
	for (int i = 0; i < 1000; i++)
		n += bucket_take(&b, 100, 5, 60000000);
	assert_in_range(n, 20, 21);
	for (int i = 0; i < 1000; i++)
		assert_true(bucket_take(&b, 0, 5, 60000000));
}

// Of 160: one takes 160 and no more, another one ten more, and he who has a quarter none.
static void share_keeps_some(void **state)
{
	uint8_t a = share_place(1), b = share_place(2);
	struct share s = {0};
	unsigned int n = 0;

	(void)state;
	assert_int_equal(share_place(0), 0);
	assert_int_not_equal(a, b);
	for (int i = 0; i < 40; i++)
		share_take(&s, b);
	for (int i = 0; i < 1000 && share_ok(&s, a, 160); i++, n++)
		share_take(&s, a);
	assert_int_equal(n, 120);
	assert_false(share_ok(&s, b, 160));
	share_give(&s, b);
	share_take(&s, a);
	for (n = 0; n < 1000 && share_ok(&s, b, 160); n++)
		share_take(&s, b);
	assert_int_equal(n, 1); // he has a quarter then
	for (n = 0; n < 1000 && share_ok(&s, share_place(3), 160); n++)
		share_take(&s, share_place(3));
	assert_int_equal(n, 9);
	assert_int_equal(s.total, share_most(160));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_of_their_objects),
		cmocka_unit_test(imap_grows_by_and_by),
		cmocka_unit_test(imap_is_walked_in_pieces),
		cmocka_unit_test(ilist_keeps_the_order),
		cmocka_unit_test(wheel_is_exact),
		cmocka_unit_test(wheel_turns_by_pieces),
		cmocka_unit_test(bucket_lets_a_second_through),
		cmocka_unit_test(share_keeps_some),
	};

	return RUN_TESTS(tests);
}
