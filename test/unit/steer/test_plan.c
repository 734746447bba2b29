// SPDX-License-Identifier: BSD-3-Clause
// Loads and rebalancing plans.
#include "unit/unit.h"

#include <string.h>

#include "base/rng.h"
#include "steer/steer.h"

#define ALL 0xff

static void weights(void **state)
{
	const struct steer_load loads[3] = {{.tunnels = 2, .fresh = 1, .pps = 3000},
		{.tunnels = 1, .fresh = 0, .pps = 1000}, {0}};
	uint64_t w[3];

	(void)state;
	steer_weights(loads, 3, w);
	assert_int_equal(w[0], 3000 + 2000 + 20); // the mean of the two that are known
	assert_int_equal(w[1], 1010);
	assert_int_equal(w[2], 0);
	// With nothing known, tunnels count.
	steer_weights(&(const struct steer_load){.tunnels = 5, .fresh = 5}, 1, w);
	assert_int_equal(w[0], 50);
}

static void balance(void **state)
{
	const uint64_t even[4] = {5, 5, 5, 5}, one[4] = {20, 0, 0, 0}, none[4] = {0};

	(void)state;
	assert_true(steer_balance(even, 4) == 1.0);
	assert_true(steer_balance(one, 4) == 4.0);
	assert_true(steer_balance(none, 4) == 1.0);
}

static void one_move_is_enough(void **state)
{
	struct steer_item items[] = {
		{100, ALL, 0}, {300, ALL, 0}, {200, ALL, 0}, {10, ALL, 1}, {50, ALL, 0}};
	uint64_t load[2] = {650, 10};
	struct steer_move m[8];

	(void)state;
	assert_int_equal(steer_plan(items, 5, load, 2, m, 8), 1);
	assert_int_equal(m[0].item, 1); // the one nearest to half of the gap
	assert_int_equal(m[0].from, 0);
	assert_int_equal(m[0].to, 1);
	assert_int_equal(load[0], 350);
	assert_int_equal(load[1], 310);
	assert_int_equal(items[1].worker, 1);
}

static void nothing_to_move(void **state)
{
	struct steer_item items[] = {{100, ALL, 0}, {100, ALL, 1}};
	struct steer_item elephant[] = {{1000, ALL, 0}};
	struct steer_item pinned[] = {{100, 1, 0}, {100, 1, 0}};
	uint64_t even[2] = {100, 100}, big[2] = {1000, 0}, held[2] = {200, 0}, alone[1] = {7};
	struct steer_move m[4];

	(void)state;
	assert_int_equal(steer_plan(items, 2, even, 2, m, 4), 0);
	assert_int_equal(steer_plan(elephant, 1, big, 2, m, 4), 0); // would only change places
	assert_int_equal(steer_plan(pinned, 2, held, 2, m, 4), 0);
	assert_int_equal(steer_plan(items, 1, alone, 1, m, 4), 0);
	assert_int_equal(steer_plan(NULL, 0, even, 2, m, 4), 0);
	assert_int_equal(even[0], 100);
}

// What cannot move stands in load only, and is worked around.
static void immovable_load(void **state)
{
	struct steer_item items[] = {{40, ALL, 1}, {40, ALL, 1}, {40, ALL, 2}};
	uint64_t load[3] = {500, 80, 40};
	struct steer_move m[4];

	(void)state;
	assert_int_equal(steer_plan(items, 3, load, 3, m, 4), 0); // would only change places
	items[2].load = 0;
	load[2] = 0;
	assert_int_equal(steer_plan(items, 3, load, 3, m, 4), 1);
	assert_int_equal(m[0].from, 1);
	assert_int_equal(m[0].to, 2);
}

static void no_more_than_asked(void **state)
{
	struct steer_item items[10];
	uint64_t load[2] = {100, 0};
	struct steer_move m[2];

	(void)state;
	for (unsigned int i = 0; i < 10; i++)
		items[i] = (struct steer_item){10, ALL, 0};
	assert_int_equal(steer_plan(items, 10, load, 2, m, 2), 2);
	assert_int_equal(load[0], 80);
}

// Zipf loads on random workers: the plan keeps the sum, never raises the highest load, and ends
// within a few percent of even where the largest item allows it.
static void random_loads(void **state)
{
	struct rng rng = rng_seeded(11);

	(void)state;
	for (int round = 0; round < 50; round++) {
		unsigned int n_workers = 2 + (unsigned int)rng_below(&rng, 15);
		struct steer_item items[512];
		struct steer_move m[512];
		uint64_t load[16] = {0}, sum = 0, most = 0, after = 0, check[16] = {0};
		unsigned int n;

		for (unsigned int i = 0; i < 512; i++) {
			items[i] = (struct steer_item){1000000 / (100 + i), UINT64_MAX,
				(uint16_t)rng_below(&rng, n_workers)};
			load[items[i].worker] += items[i].load;
			sum += items[i].load;
		}
		for (unsigned int w = 0; w < n_workers; w++)
			most = load[w] > most ? load[w] : most;
		n = steer_plan(items, 512, load, n_workers, m, 512);
		assert_true(n < 512);
		for (unsigned int i = 0; i < 512; i++)
			check[items[i].worker] += items[i].load;
		assert_memory_equal(check, load, sizeof(check));
		for (unsigned int w = 0; w < n_workers; w++) {
			after = load[w] > after ? load[w] : after;
			sum -= load[w];
		}
		assert_int_equal(sum, 0);
		assert_true(after <= most);
		assert_true(steer_balance(load, n_workers) < 1.05);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights),
		cmocka_unit_test(balance),
		cmocka_unit_test(one_move_is_enough),
		cmocka_unit_test(nothing_to_move),
		cmocka_unit_test(immovable_load),
		cmocka_unit_test(no_more_than_asked),
		cmocka_unit_test(random_loads),
	};

	return RUN_TESTS(tests);
}
