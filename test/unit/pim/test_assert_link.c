// SPDX-License-Identifier: BSD-3-Clause
// Asserts beyond one channel and one message: two appliances on a link, thousands of channels, and
// what is no Assert.
#include "harness.h"

#include <string.h>

#include "unit/unit.h"

#define EQUAL	  110, 10
#define SECOND_MS 1000ull

static void begin(struct bench *b)
{
	bench_begin(b);
	bench_until(b, 6000); // our first Hello is out
	bench_hello(b, 2, 0xffff, 1);
	bench_hello(b, 3, 0xffff, 1);
	bench_join(b, 2, 7, 0xffff);
	bench_until(b, 12000);
	bench_expect(b, "+7/2");
}

// Everything that a winner had goes back when it goes, some at a time; it may come back meanwhile.
static void many_lost_to_one(void **state)
{
	struct pim_if_view v;
	struct bench b;

	(void)state;
	begin(&b);
	for (unsigned int c = 1; c <= 5000; c++) {
		bench_join(&b, 2, c, 0xffff);
		bench_assert(&b, 3, c, EQUAL);
	}
	assert_int_equal(b.muted, 5000);
	bench_hello(&b, 3, 0, 1);
	assert_in_range(b.muted, 1, 4999);
	bench_hello(&b, 3, 0xffff, 2);
	bench_until(&b, 12001);
	assert_int_equal(b.muted, 0);
	pim_if_view(b.pif, &v);
	assert_int_equal(v.neighbors, 2);
	for (unsigned int c = 1; c <= 5000; c++)
		bench_assert(&b, 3, c, EQUAL);
	assert_int_equal(b.muted, 5000);
	bench_hello(&b, 3, 0, 2);
	bench_until(&b, 12002);
	assert_int_equal(b.muted, 0);
	bench_end(&b);
}

// One counter for each bad message, and nothing else happens.
static void malformed(void **state)
{
	static const struct {
		unsigned int at, value;
		enum pim_drop drop;
	} rows[] = {
		{4, 3, PIM_DROP_FAMILY},    // group's family
		{5, 1, PIM_DROP_ENCODING},  // and encoding
		{7, 31, PIM_DROP_MASK},	    // and mask
		{8, 224, PIM_DROP_NOT_SSM}, // and value
		{12, 9, PIM_DROP_FAMILY},   // source's family
		{13, 1, PIM_DROP_ENCODING},
		{14, 232, PIM_DROP_SOURCE},
	};
	struct pim_assert_msg m = {.sg = channel_sg(7), .preference = 1, .metric = 1};
	uint8_t good[PIM_ASSERT_MAX_LEN], bad[PIM_ASSERT_MAX_LEN];
	int len = pim_assert_encode(&m, good, sizeof(good));
	struct bench b;

	(void)state;
	if (bench_is_v6())
		return; // the offsets are those of IPv4; test_input6.c
	assert_int_equal(len, 26);
	begin(&b);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(bad, good, 26);
		bad[rows[i].at] = (uint8_t)rows[i].value;
		pim_seal(bad, 26);
		bench_input(&b, 2, bad, 26);
		assert_int_equal(bench_drops(&b), i + 1);
		assert_true(bench_drop(&b, rows[i].drop) > 0);
	}
	memcpy(bad, good, 26);
	memset(bad + 14, 0, 4); // (*,G)
	pim_seal(bad, 26);
	bench_input(&b, 2, bad, 26);
	assert_int_equal(bench_drop(&b, PIM_DROP_WILDCARD), 1);
	for (size_t n = 4; n < 26; n++) {
		memcpy(bad, good, n);
		pim_seal(bad, n);
		bench_input(&b, 2, bad, n);
	}
	assert_int_equal(bench_drop(&b, PIM_DROP_ASSERT_MALFORMED), 22);
	assert_int_equal(pim_if_stats(b.pif)->assert_rx, 0);
	bench_expect(&b, "");
	bench_end(&b);
}

// Two appliances on one link, by their own machines: exactly one forwards in the end, whoever
// begins, and the other when the first is gone.
static struct bench pair[2];

static void exchange(unsigned int from)
{
	struct bench *b = &pair[from], *to = &pair[!from];
	struct addr all = bench_addr("224.0.0.13", "ff02::d");
	struct addr src = pim_if_primary(b->pif);
	uint8_t copy[sizeof(b->last)];
	size_t len = b->last_len;

	b->last_len = 0;
	if (len == 0)
		return;
	memcpy(copy, b->last, len);
	pim_if_input(to->pif, &src, &all, copy, len, to->now_us);
}

static void settle(void)
{
	for (int round = 0; round < 8; round++)
		for (unsigned int i = 0; i < 2; i++)
			exchange(i);
}

static void two_begin(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct pim_jp_item item = {.sg = channel_sg(7), .join = true};
		struct addr own = neighbor_addr(10 + i);
		uint8_t buf[128];
		int len = pim_jp_encode(&own, 0xffff, &item, 1, buf, sizeof(buf));

		bench_begin(&pair[i]);
		pair[i].rng = rng_seeded(7 + i);
		pim_if_address(pair[i].pif, &own, pair[i].now_us);
		bench_hello(&pair[i], 2, 0xffff, 1);
		bench_input(&pair[i], 2, buf, (size_t)len); // to each of them
		bench_until(&pair[i], 20000);
	}
	settle(); // their Hellos
}

// AS-01, AS-04.
static void two_on_one_link(void **state)
{
	uint64_t ms;

	(void)state;
	for (unsigned int first = 0; first < 2; first++) {
		two_begin();
		bench_data(&pair[first], 7); // one sees the other's packets sooner
		settle();
		bench_data(&pair[!first], 7);
		settle();
		assert_int_equal(pair[0].muted, 1); // 10.1.1.11 is the higher address
		assert_int_equal(pair[1].muted, 0);
		// It stays so, with the winner's Asserts.
		for (ms = 21 * SECOND_MS; ms < 1000 * SECOND_MS; ms += SECOND_MS) {
			bench_until(&pair[0], ms);
			bench_until(&pair[1], ms);
			settle();
			assert_int_equal(pair[0].muted, 1);
			assert_int_equal(pair[1].muted, 0);
		}
		// The winner is killed.
		bench_until(&pair[0], ms + 74 * SECOND_MS);
		assert_int_equal(pair[0].muted, 1);
		bench_until(&pair[0], ms + 105 * SECOND_MS);
		assert_int_equal(pair[0].muted, 0);
		bench_end(&pair[0]);
		bench_end(&pair[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_lost_to_one),
		cmocka_unit_test(malformed),
		cmocka_unit_test(two_on_one_link),
	};

	return RUN_TESTS(tests);
}
