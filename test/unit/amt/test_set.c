// SPDX-License-Identifier: BSD-3-Clause
// The set of a side's channels against a plain array, in both families.
#include <stdlib.h>
#include <string.h>

#include "amt/amt_set.h"
#include "base/rng.h"
#include "unit/unit.h"

#define N 700

static struct sg sg_of(uint8_t family, unsigned int i)
{
	struct sg sg = {.s.family = family, .g.family = family};

	sg.s.bytes[0] = 10;
	sg.s.bytes[3] = (uint8_t)(i / 50);
	sg.g.bytes[0] = 232;
	sg.g.bytes[family == ADDR_V6 ? 15 : 3] = (uint8_t)(i % 50);
	return sg;
}

static void check(const struct amt_set *set, uint8_t family, const uint32_t *at)
{
	uint32_t n = 0, *order = amt_set_by_group(set);
	bool seen[50] = {0};

	for (unsigned int i = 0; i < N; i++) {
		struct sg sg = sg_of(family, i), is;

		assert_int_equal(amt_set_find(set, &sg), at[i]);
		if (at[i] == AMT_SET_NONE)
			continue;
		n++;
		is = amt_set_sg(set, at[i]);
		assert_true(sg_eq(&is, &sg));
		assert_true(amt_set_at(set, at[i])->used);
	}
	assert_int_equal(set->count, n);
	// All of a group side by side.
	for (uint32_t k = 0; k < n; k++) {
		struct sg sg = amt_set_sg(set, order[k]);
		uint8_t g = sg.g.bytes[family == ADDR_V6 ? 15 : 3];
		struct sg before = k ? amt_set_sg(set, order[k - 1]) : sg;

		if (k == 0 || !addr_eq(&before.g, &sg.g)) {
			assert_false(seen[g]);
			seen[g] = true;
		}
	}
	free(order);
}

static void comes_and_goes(uint8_t family)
{
	struct rng rng = rng_seeded(family);
	struct amt_set set;
	uint32_t at[N];

	memset(at, 0xff, sizeof(at));
	amt_set_init(&set, family);
	check(&set, family, at);
	for (unsigned int round = 0; round < 20000; round++) {
		// Now more of them, now fewer.
		unsigned int i = (unsigned int)rng_below(&rng, N);
		bool more = rng_below(&rng, 100) < (round / 2000 % 2 ? 20 : 80);
		struct sg sg = sg_of(family, i);

		if (more && at[i] == AMT_SET_NONE) {
			at[i] = amt_set_add(&set, &sg);
			assert_int_not_equal(at[i], AMT_SET_NONE);
			assert_false(amt_set_at(&set, at[i])->joined);
		} else if (!more && at[i] != AMT_SET_NONE) {
			amt_set_at(&set, at[i])->joined = true;
			amt_set_remove(&set, at[i]);
			at[i] = AMT_SET_NONE;
		}
		if (round % 500 == 0)
			check(&set, family, at);
	}
	for (unsigned int i = 0; i < N; i++)
		if (at[i] != AMT_SET_NONE)
			amt_set_remove(&set, at[i]);
	assert_null(set.entries); // gives all of its memory back
	amt_set_fini(&set);
}

static void set_of_ipv4(void **state)
{
	(void)state;
	comes_and_goes(ADDR_V4);
}

static void set_of_ipv6(void **state)
{
	(void)state;
	comes_and_goes(ADDR_V6);
}

static void list_passes_over_what_has_gone(void **state)
{
	struct sg a = sg_of(ADDR_V4, 1), b = sg_of(ADDR_V4, 2);
	struct amt_list l = {0};
	struct amt_set set;
	uint32_t i, k, from = 0;

	(void)state;
	amt_set_init(&set, ADDR_V4);
	i = amt_set_add(&set, &a);
	k = amt_set_add(&set, &b);
	assert_true(amt_list_empty(&l));
	amt_list_push(&l, i);
	amt_list_push(&l, k);
	amt_set_remove(&set, i);
	assert_int_equal(amt_list_next(&l, &set, &from), k);
	assert_int_equal(amt_list_next(&l, &set, &from), AMT_SET_NONE);
	amt_list_clear(&l);
	assert_true(amt_list_empty(&l));
	l.all = true; // as after a push that found no memory
	from = 0;
	assert_int_equal(amt_list_next(&l, &set, &from), k);
	assert_int_equal(amt_list_next(&l, &set, &from), AMT_SET_NONE);
	amt_list_fini(&l);
	amt_set_fini(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_of_ipv4),
		cmocka_unit_test(set_of_ipv6),
		cmocka_unit_test(list_passes_over_what_has_gone),
	};

	return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
