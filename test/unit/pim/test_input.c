// SPDX-License-Identifier: BSD-3-Clause
// What arrives: the golden vectors, captures of real routers, and bad input of every kind.
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

static const struct addr all_pim_routers = {.family = ADDR_V4, .bytes = {224, 0, 0, 13}};

static struct frame vectors[FRAMES_MAX]; // P01 is vectors[0]

static int load(void **state)
{
	(void)state;
	return frames_load("pim-igmp-dns-vectors.pcap", vectors) == 20 ? 0 : -1;
}

static void feed(struct bench *b, const struct frame *f)
{
	pim_if_input(b->pif, &f->src, &f->dst, f->pim, f->len, b->now_us);
}

static const struct frame *P(unsigned int n)
{
	return &vectors[n - 1];
}

// Each vector alone, after a Hello of its neighbours: one counter moves, and these are the wants.
// PF-04, PF-08, JP-02, JP-03, JP-09, by vector.
static void vectors_do_what_they_say(void **state)
{
	static const struct {
		unsigned int p;
		int drop; // -1: none
		const char *actions;
	} rows[] = {
		{1, PIM_DROP_OWN, ""},
		{2, PIM_DROP_OWN, ""},
		{3, -1, ""},
		{4, -1, ""},
		{5, -1, "+2/2"},
		{6, -1, ""},
		{8, PIM_DROP_NOT_UPSTREAM, ""},
		{9, -1, "+2/2"},
		{10, PIM_DROP_WILDCARD, ""},
		{11, PIM_DROP_WILDCARD, ""},
		{12, PIM_DROP_OWN, ""},
		{13, -1, ""}, // of a channel that is not ours
		{14, -1, ""},
		{15, PIM_DROP_CHECKSUM, ""}, // IPv6: its pseudo-header is in the sum
		{16, PIM_DROP_CHECKSUM, ""},
		{17, PIM_DROP_CHECKSUM, ""},
		{18, PIM_DROP_MASK, ""},
		{19, PIM_DROP_JP_MALFORMED, ""},
		{20, PIM_DROP_ENCODING, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bench b;

		bench_begin(&b);
		bench_hello(&b, 2, 105, 1);
		bench_hello(&b, 3, 105, 1);
		feed(&b, P(rows[i].p));
		bench_expect(&b, rows[i].actions);
		assert_int_equal(bench_drops(&b), rows[i].drop >= 0);
		if (rows[i].drop >= 0)
			assert_int_equal(bench_drop(&b, rows[i].drop), 1);
		bench_end(&b);
	}
}

static void vector_p07_applies_every_entry(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b);
	feed(&b, P(3));
	feed(&b, P(7));
	assert_int_equal(pim_if_stats(b.pif)->joins_rx, 3);
	assert_int_equal(pim_if_stats(b.pif)->prunes_rx, 1);
	assert_int_equal(b.wanted, 3);
	assert_int_equal(bench_drops(&b), 0);
	bench_end(&b);
}

// JP-01.
static void join_before_hello_is_not_heard(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b);
	feed(&b, P(5));
	assert_int_equal(bench_drop(&b, PIM_DROP_NOT_NEIGHBOR), 1);
	feed(&b, P(3));
	feed(&b, P(5));
	feed(&b, P(6));
	bench_expect(&b, "+2/2 -2/2");
	bench_end(&b);
}

// JP-07.
static void forever_of_the_vector(void **state)
{
	struct bench b;

	(void)state;
	bench_begin(&b);
	feed(&b, P(3));
	feed(&b, P(9));
	bench_until(&b, 1000000000);
	bench_expect(&b, "+2/2");
	bench_end(&b);
}

// As 10.9.1.2, next to the real router of the capture.
static struct bench *beside(struct bench *b, const char *file, unsigned int *wants)
{
	static struct frame frames[FRAMES_MAX];
	size_t n = frames_load(file, frames);
	struct addr primary = addr_of("10.9.1.2");

	bench_begin(b);
	pim_if_address(b->pif, &primary, b->now_us);
	// The router was there before the capture began.
	for (size_t i = 0; i < n; i++) {
		if (frames[i].pim[0] == 0x20 && !addr_eq(&frames[i].src, &primary)) {
			feed(b, &frames[i]);
			break;
		}
	}
	*wants = 0;
	for (size_t i = 0; i < n; i++) {
		bench_until(b, frames[i].at_us / US_PER_MS);
		feed(b, &frames[i]);
		*wants = b->wanted > *wants ? b->wanted : *wants;
	}
	assert_int_equal(bench_drops(b), bench_drop(b, PIM_DROP_OWN));
	return b;
}

static void captures_of_real_routers(void **state)
{
	static const struct {
		const char *file;
		unsigned int most, end, joins, prunes;
	} rows[] = {
		{"frr-pim-join.pcap", 1, 0, 2, 2},
		{"frr-pim-joinprune-flap.pcap", 1, 0, 14, 14}, // the first alone counts
		{"frr-pim-genid-and-refresh.pcap", 12, 0, 72, 12},
		{"troglobit-pimd-join.pcap", 1, 1, 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bench b;
		unsigned int most;

		beside(&b, rows[i].file, &most);
		if (most != rows[i].most)
			fail_msg("%s: %u channels", rows[i].file, most);
		assert_int_equal(b.wanted, rows[i].end);
		assert_int_equal(pim_if_stats(b.pif)->joins_rx, rows[i].joins);
		assert_int_equal(pim_if_stats(b.pif)->prunes_rx, rows[i].prunes);
		bench_end(&b);
	}
}

// A message that is cut anywhere, its checksum made right again: one counter, no want.
// PF-07.
static void truncations_of_join_prune(void **state)
{
	static const unsigned int ps[] = {5, 7, 9, 20};

	(void)state;
	for (size_t i = 0; i < sizeof(ps) / sizeof(ps[0]); i++) {
		for (size_t len = 0; len < P(ps[i])->len; len++) {
			struct bench b;
			uint8_t buf[1024];

			bench_begin(&b);
			bench_hello(&b, 2, 105, 1);
			memcpy(buf, P(ps[i])->pim, len);
			// The checksum is wrong, unless what was cut is zero.
			bench_input(&b, 2, buf, len);
			assert_int_equal(bench_drops(&b), 1);
			pim_seal(buf, len);
			bench_input(&b, 2, buf, len);
			assert_int_equal(bench_drops(&b), 2);
			if (len >= 4)
				assert_in_range(bench_drop(&b, PIM_DROP_JP_MALFORMED), 1, 2);
			bench_expect(&b, "");
			bench_end(&b);
		}
	}
}

// PF-04.
static void truncations_of_hello(void **state)
{
	(void)state;
	for (size_t len = 4; len < P(4)->len; len++) {
		uint64_t malformed;
		struct bench b;
		uint8_t buf[1024];
		// Between two options the message is whole.
		bool whole = len == 4 || len == 10 || len == 18 || len == 26 || len == 34;

		bench_begin(&b);
		memcpy(buf, P(4)->pim, len);
		pim_seal(buf, len);
		bench_input(&b, 2, buf, len);
		malformed = bench_drop(&b, PIM_DROP_HELLO_MALFORMED);
		assert_int_equal(malformed, !whole);
		assert_int_equal(bench_drops(&b), malformed);
		assert_int_equal(pim_if_stats(b.pif)->hello_rx, whole);
		bench_end(&b);
	}
}

// Every octet at every value, raw and with the checksum made right. The message does something or
// exactly one counter moves for each thing that it does not do.
static void corruptions(void **state)
{
	static const unsigned int ps[] = {3, 4, 5, 7, 20};

	(void)state;
	for (size_t i = 0; i < sizeof(ps) / sizeof(ps[0]); i++) {
		const struct frame *f = P(ps[i]);
		struct bench b;

		bench_begin(&b);
		for (size_t at = 0; at < f->len; at++) {
			for (unsigned int v = 0; v < 256; v++) {
				const struct pim_stats *s = pim_if_stats(b.pif);
				uint64_t before, after;
				uint8_t buf[1024];

				if (f->pim[at] == v)
					continue;
				bench_hello(&b, 2, 0xffff, 1);
				memcpy(buf, f->pim, f->len);
				buf[at] = (uint8_t)v;
				before = bench_drops(&b);
				bench_input(&b, 2, buf, f->len);
				assert_int_equal(bench_drops(&b), before + 1);
				pim_seal(buf, f->len);
				before = bench_drops(&b) + s->joins_rx + s->prunes_rx + s->hello_rx;
				after = s->jp_rx;
				bench_input(&b, 2, buf, f->len);
				// A Join/Prune of no group sets is good and does nothing.
				after = bench_drops(&b) + s->joins_rx + s->prunes_rx + s->hello_rx +
					(s->jp_rx - after);
				assert_true(after > before);
			}
		}
		bench_end(&b);
	}
}

// PF-03, JP-09, SS-02.
static void entries_refused_cost_no_other(void **state)
{
	// A message of one bad entry and a good one after it: 232.252.0.9 from 192.0.2.9.
	static const struct {
		const char *what;
		uint8_t group[8];
		uint8_t source[8];
		enum pim_drop drop;
	} rows[] = {
		{"(*,G)", {1, 0, 0, 32, 232, 1, 1, 1}, {1, 0, 7, 32, 10, 9, 9, 9},
			PIM_DROP_WILDCARD},
		{"(S,G,rpt)", {1, 0, 0, 32, 232, 1, 1, 1}, {1, 0, 5, 32, 10, 9, 9, 9},
			PIM_DROP_WILDCARD},
		{"ASM (*,G)", {1, 0, 0, 32, 239, 1, 1, 1}, {1, 0, 7, 32, 10, 9, 9, 9},
			PIM_DROP_NOT_SSM},
		{"ASM (S,G)", {1, 0, 0, 32, 239, 1, 1, 1}, {1, 0, 4, 32, 10, 9, 9, 9},
			PIM_DROP_NOT_SSM},
		{"unicast group", {1, 0, 0, 32, 10, 1, 1, 1}, {1, 0, 4, 32, 10, 9, 9, 9},
			PIM_DROP_NOT_SSM},
		{"232.0.0.0", {1, 0, 0, 32, 232, 0, 0, 0}, {1, 0, 4, 32, 10, 9, 9, 9},
			PIM_DROP_NOT_SSM},
		{"group mask", {1, 0, 0, 8, 232, 0, 0, 0}, {1, 0, 4, 32, 10, 9, 9, 9},
			PIM_DROP_MASK},
		{"group mask 0", {1, 0, 0, 0, 232, 1, 1, 1}, {1, 0, 4, 32, 10, 9, 9, 9},
			PIM_DROP_MASK},
		{"source mask 0", {1, 0, 0, 32, 232, 1, 1, 1}, {1, 0, 4, 0, 10, 9, 9, 9},
			PIM_DROP_MASK},
		{"source mask 33", {1, 0, 0, 32, 232, 1, 1, 1}, {1, 0, 4, 33, 10, 9, 9, 9},
			PIM_DROP_MASK},
		{"source 0.0.0.0", {1, 0, 0, 32, 232, 1, 1, 1}, {1, 0, 4, 32, 0, 0, 0, 0},
			PIM_DROP_SOURCE},
		{"source multicast", {1, 0, 0, 32, 232, 1, 1, 1}, {1, 0, 4, 32, 232, 1, 1, 1},
			PIM_DROP_SOURCE},
		{"source broadcast", {1, 0, 0, 32, 232, 1, 1, 1}, {1, 0, 4, 32, 255, 255, 255, 255},
			PIM_DROP_SOURCE},
		{"source loopback", {1, 0, 0, 32, 232, 1, 1, 1}, {1, 0, 4, 32, 127, 0, 0, 1},
			PIM_DROP_SOURCE},
	};
	static const uint8_t head[] = {0x23, 0, 0, 0, 1, 0, 10, 1, 1, 1, 0, 2, 0, 210};
	static const uint8_t one_join[] = {0, 1, 0, 0};
	static const uint8_t good[] = {
		1, 0, 0, 32, 232, 252, 0, 9, 0, 1, 0, 0, 1, 0, 4, 32, 192, 0, 2, 9};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t buf[14 + 20 + 20];
		struct bench b;

		memcpy(buf, head, 14);
		memcpy(buf + 14, rows[i].group, 8);
		memcpy(buf + 22, one_join, 4);
		memcpy(buf + 26, rows[i].source, 8);
		memcpy(buf + 34, good, 20);
		pim_seal(buf, sizeof(buf));
		bench_begin(&b);
		bench_hello(&b, 2, 105, 1);
		bench_input(&b, 2, buf, sizeof(buf));
		bench_expect(&b, "+9/2");
		assert_int_equal(bench_drops(&b), 1);
		if (bench_drop(&b, rows[i].drop) != 1)
			fail_msg("%s: another counter moved", rows[i].what);
		bench_end(&b);
	}
}

// RFC 7761 4.9.5: only entries of the upstream neighbour's family count.
// PF-06.
static void entries_of_the_other_family(void **state)
{
	static const uint8_t group6[] = {
		2, 0, 0, 128, 0xff, 0x3e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 1, 0, 1, 0, 0};
	static const uint8_t source6[] = {
		2, 0, 4, 128, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
	static const uint8_t head[] = {0x23, 0, 0, 0, 1, 0, 10, 1, 1, 1, 0, 2, 0, 210};
	static const uint8_t good[] = {
		1, 0, 0, 32, 232, 252, 0, 9, 0, 1, 0, 0, 1, 0, 4, 32, 192, 0, 2, 9};
	static const uint8_t upstream6[] = {0x23, 0, 0, 0, 2, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 1, 0, 0, 0, 210};
	uint8_t buf[14 + 44 + 20];
	uint8_t other[sizeof(upstream6)];
	struct bench b;

	(void)state;
	memcpy(buf, head, 14);
	memcpy(buf + 14, group6, 24);
	memcpy(buf + 38, source6, 20);
	memcpy(buf + 58, good, 20);
	pim_seal(buf, sizeof(buf));
	bench_begin(&b);
	bench_hello(&b, 2, 105, 1);
	bench_input(&b, 2, buf, sizeof(buf));
	bench_expect(&b, "+9/2");
	assert_int_equal(bench_drop(&b, PIM_DROP_FAMILY), 1);
	memcpy(other, upstream6, sizeof(other));
	pim_seal(other, sizeof(other));
	bench_input(&b, 2, other, sizeof(other));
	assert_int_equal(bench_drop(&b, PIM_DROP_FAMILY), 2);
	assert_int_equal(bench_drops(&b), 2);
	bench_end(&b);
}

// JP-02.
static void only_our_primary_address_counts(void **state)
{
	static const uint8_t zeros[4];
	uint8_t buf[1024];
	struct bench b;

	(void)state;
	bench_begin(&b);
	bench_hello(&b, 2, 105, 1);
	memcpy(buf, P(5)->pim, P(5)->len);
	memcpy(buf + 6, zeros, 4);
	pim_seal(buf, P(5)->len);
	bench_input(&b, 2, buf, P(5)->len);
	assert_int_equal(bench_drop(&b, PIM_DROP_NOT_UPSTREAM), 1);
	bench_expect(&b, "");
	bench_end(&b);
}

// What is told of a channel whose Joins go to another router is of that channel alone, and ends.
static void joined_elsewhere(void **state)
{
	struct sg sg = channel_sg(4), other = channel_sg(5);
	struct addr upstream;
	struct bench b;

	(void)state;
	bench_begin(&b);
	bench_hello(&b, 2, 3600, 1);
	assert_int_equal(pim_if_elsewhere(b.pif, &sg, &upstream, b.now_us), 0);
	bench_jp(&b, 2, 3, 4, true, 210);
	bench_jp(&b, 2, 3, 4, true, 210);
	assert_int_equal(bench_drop(&b, PIM_DROP_NOT_UPSTREAM), 2);
	assert_int_equal(pim_if_elsewhere(b.pif, &sg, &upstream, b.now_us), 2);
	assert_true(addr_eq(&upstream, &(struct addr[]){neighbor_addr(3)}[0]));
	assert_int_equal(pim_if_elsewhere(b.pif, &other, &upstream, b.now_us), 0);
	bench_jp(&b, 2, 3, 4, false, 210);
	assert_int_equal(pim_if_elsewhere(b.pif, &sg, &upstream, b.now_us), 0);
	bench_jp(&b, 2, 3, 4, true, 210);
	assert_int_equal(pim_if_elsewhere(b.pif, &sg, &upstream, b.now_us + 209000000), 1);
	assert_int_equal(pim_if_elsewhere(b.pif, &sg, &upstream, b.now_us + 210000000), 0);
	bench_expect(&b, "");
	bench_end(&b);
}

// PF-01.
static void headers_refused(void **state)
{
	struct addr unicast = neighbor_addr(1), neighbor = neighbor_addr(2);
	struct addr multicast = addr_of("232.1.1.1"), any = addr_of("0.0.0.0");
	const struct frame *hello = P(3);
	struct frame f;
	struct bench b;

	(void)state;
	bench_begin(&b);
	pim_if_input(b.pif, &neighbor, &unicast, hello->pim, hello->len, b.now_us);
	assert_int_equal(bench_drop(&b, PIM_DROP_DESTINATION), 1);
	pim_if_input(b.pif, &multicast, &all_pim_routers, hello->pim, hello->len, b.now_us);
	pim_if_input(b.pif, &any, &all_pim_routers, hello->pim, hello->len, b.now_us);
	assert_int_equal(bench_drop(&b, PIM_DROP_SOURCE), 2);
	f = *hello;
	f.pim[0] = 0x10;
	feed(&b, &f);
	assert_int_equal(bench_drop(&b, PIM_DROP_VERSION), 1);
	pim_if_input(b.pif, &neighbor, &all_pim_routers, hello->pim, 0, b.now_us);
	assert_int_equal(bench_drop(&b, PIM_DROP_SHORT), 1);
	for (uint8_t type = 1; type < 16; type++) {
		f = *hello;
		f.pim[0] = type;
		pim_seal(f.pim, f.len);
		if (type != PIM_JOIN_PRUNE && type != PIM_ASSERT)
			feed(&b, &f);
	}
	assert_int_equal(bench_drop(&b, PIM_DROP_TYPE), 13);
	assert_int_equal(pim_if_stats(b.pif)->hello_rx, 0);
	bench_end(&b);
}

// SS-01.
static void other_ssm_range(void **state)
{
	struct pim_jp_item item = {
		.sg = {.s = addr_of("23.1.2.3"), .g = addr_of("233.5.0.7")}, .join = true};
	struct addr upstream = neighbor_addr(1);
	struct bench b = {0};
	struct pim_cfg cfg = bench_cfg(&b);
	uint8_t buf[64];
	int len = pim_jp_encode(&upstream, 210, &item, 1, buf, sizeof(buf));

	(void)state;
	bench_begin_cfg(&b, &cfg);
	bench_hello(&b, 2, 105, 1);
	bench_input(&b, 2, buf, (size_t)len);
	bench_expect(&b, "+7/2");
	bench_end(&b);
	cfg.n_ssm_ranges = 1;
	bench_begin_cfg(&b, &cfg);
	bench_hello(&b, 2, 105, 1);
	bench_input(&b, 2, buf, (size_t)len);
	bench_expect(&b, "");
	assert_int_equal(bench_drop(&b, PIM_DROP_NOT_SSM), 1);
	bench_end(&b);
}

// The largest message: 255 group sets, then sets that the count does not cover; and a set of more
// than 255 sources; and a group set said twice.
// PF-07, PF-09.
static void boundaries_of_counts(void **state)
{
	static struct pim_jp_item items[7000];
	struct addr upstream = neighbor_addr(1);
	static uint8_t buf[65000];
	struct bench b;
	int len;

	(void)state;
	for (unsigned int i = 0; i < 255; i++)
		items[i] = (struct pim_jp_item){.sg = channel_sg(i + 1), .join = true};
	len = pim_jp_encode(&upstream, 210, items, 255, buf, sizeof(buf));
	assert_int_equal(len, 14 + 255 * 20);
	memcpy(buf + len, buf + 14, 20); // a 256th set trails
	buf[len + 7] = 0xff;
	pim_seal(buf, (size_t)len + 20);
	bench_begin(&b);
	bench_hello(&b, 2, 105, 1);
	bench_input(&b, 2, buf, (size_t)len + 20);
	assert_int_equal(b.wanted, 255);
	assert_int_equal(bench_drops(&b), 0);
	for (unsigned int i = 0; i < 7000; i++) {
		items[i] = (struct pim_jp_item){.sg = channel_sg(i + 1), .join = true};
		items[i].sg.g = addr_of("232.9.9.9");
	}
	len = pim_jp_encode(&upstream, 210, items, 7000, buf, sizeof(buf));
	assert_int_equal(len, 14 + 12 + 7000 * 8);
	bench_input(&b, 2, buf, (size_t)len);
	assert_int_equal(b.wanted, 255 + 7000);
	// Join, another group, the first group again with a Prune.
	items[0] = (struct pim_jp_item){.sg = channel_sg(300), .join = true};
	items[1] = (struct pim_jp_item){.sg = channel_sg(301), .join = true};
	items[2] = (struct pim_jp_item){.sg = channel_sg(300), .join = false};
	len = pim_jp_encode(&upstream, 210, items, 3, buf, sizeof(buf));
	assert_int_equal(buf[11], 3);
	bench_input(&b, 2, buf, (size_t)len);
	assert_int_equal(b.wanted, 255 + 7000 + 1);
	bench_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_do_what_they_say),
		cmocka_unit_test(vector_p07_applies_every_entry),
		cmocka_unit_test(join_before_hello_is_not_heard),
		cmocka_unit_test(forever_of_the_vector),
		cmocka_unit_test(captures_of_real_routers),
		cmocka_unit_test(truncations_of_join_prune),
		cmocka_unit_test(truncations_of_hello),
		cmocka_unit_test(corruptions),
		cmocka_unit_test(entries_refused_cost_no_other),
		cmocka_unit_test(entries_of_the_other_family),
		cmocka_unit_test(only_our_primary_address_counts),
		cmocka_unit_test(joined_elsewhere),
		cmocka_unit_test(headers_refused),
		cmocka_unit_test(other_ssm_range),
		cmocka_unit_test(boundaries_of_counts),
	};

	return cmocka_run_group_tests_name(__FILE__, tests, load, NULL);
}
