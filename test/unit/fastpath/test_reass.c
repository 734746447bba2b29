// SPDX-License-Identifier: BSD-3-Clause
// The rules of reassembly one by one, those first that DPDK's own breaks: an exact duplicate loses
// the datagram there, protocols mix, 72,000 octets come out, more than 8 fragments never do.
#include "unit/unit.h"

#include <string.h>

#include <rte_ip.h>
#include <rte_mbuf.h>

#include "fastpath/reass_internal.h"
#include "fragments.h"
#include "rig.h"

#define SLOTS 64
#define ROOM  9100

static struct fragments t;
static struct datagram d;
static struct rng rng;

static int setup(void **state)
{
	(void)state;
	rng = rng_seeded(1);
	fragments_setup(&t, SLOTS, ROOM);
	datagram_make(&d, &rng, 14, 20, 100);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fragments_teardown(&t);
	return 0;
}

// Nothing may come of it yet.
static void waits(const struct fragment_spec *f)
{
	assert_null(fragment_input(&t, &d, f));
}

static void completes(const struct fragment_spec *f)
{
	struct rte_mbuf *m = fragment_input(&t, &d, f);

	assert_non_null(m);
	assert_true(datagram_same(&d, m));
}

static void expect_drops(enum drop_reason reason, uint64_t n)
{
	if (t.drops[reason] != n || fragments_dropped(&t) != n)
		fail_msg("%s %u instead of %u, of %u in all", drop_names[reason],
			(unsigned int)t.drops[reason], (unsigned int)n,
			(unsigned int)fragments_dropped(&t));
	memset(t.drops, 0, sizeof(t.drops));
}

// All that waits is over.
static void time_passes(void)
{
	t.now += t.timeout + 1;
	for (unsigned int i = 0; i < SLOTS; i++)
		reass_expire(t.r, t.now, t.drops);
	assert_int_equal(fragments_mbufs(&t), 0);
}

// Four fragments of 100 octets: 32, 32, 32 and 4.
static const struct fragment_spec four[] = {{.begin = 0, .end = 32}, {.begin = 32, .end = 64},
	{.begin = 64, .end = 96}, {.begin = 96, .end = 100, .last = true}};

static void any_order(void **state)
{
	(void)state;
	for (unsigned int p = 0; p < 256; p++) {
		unsigned int a = p & 3, b = p >> 2 & 3, c = p >> 4 & 3, e = p >> 6;

		if ((1u << a | 1u << b | 1u << c | 1u << e) != 15)
			continue;
		waits(&four[a]);
		waits(&four[b]);
		waits(&four[c]);
		completes(&four[e]);
		assert_int_equal(fragments_mbufs(&t), 0);
	}
	expect_drops(DROP_FRAG_TABLE, 0);
}

static void exact_duplicates_are_ignored(void **state)
{
	(void)state;
	for (unsigned int again = 1; again < 15; again++) {
		unsigned int first = (unsigned int)__builtin_ctz(~again & 15);

		// All but one, some of them twice; then that one.
		for (unsigned int i = 0; i < 8; i++)
			if (i % 4 != first && (i < 4 || (again >> (i - 4) & 1)))
				waits(&four[i % 4]);
		completes(&four[first]);
	}
	expect_drops(DROP_FRAG_OVERLAP, 0);
	// One that comes too late is the first of a datagram that never becomes whole.
	waits(&four[1]);
	waits(&four[1]);
	time_passes();
	expect_drops(DROP_FRAG_TIMEOUT, 2);
}

static void duplicate_with_other_octets_ends_it(void **state)
{
	const struct fragment_spec other = {.begin = 32, .end = 64, .damaged = 32};

	(void)state;
	waits(&four[1]);
	waits(&four[2]);
	waits(&other);
	expect_drops(DROP_FRAG_OVERLAP, 3);
	assert_int_equal(fragments_mbufs(&t), 0);
}

static void overlap_ends_it(void **state)
{
	static const struct fragment_spec bad[] = {
		{.begin = 24, .end = 40},
		{.begin = 32, .end = 56},
		{.begin = 40, .end = 64},
		{.begin = 40, .end = 56},
		{.begin = 24, .end = 64},
		{.begin = 32, .end = 72},
		{.begin = 32, .end = 96},
		{.begin = 40, .end = 96},
		{.begin = 64, .end = 104},
		{.begin = 0, .end = 96},
		{.begin = 88, .end = 100, .last = true},
	};

	(void)state;
	// All the same octets, those of the mbuf before too: the ranges alone tell.
	datagram_make(&d, &rng, 14, 20, 200);
	memset(d.frame + 34, 0, d.payload);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		waits(&four[1]);
		waits(&four[2]);
		waits(&bad[i]);
		expect_drops(DROP_FRAG_OVERLAP, 3);
		// What belongs to it and comes later has no other end.
		waits(&four[0]);
		waits(&four[3]);
		waits(&four[1]);
		expect_drops(DROP_FRAG_OVERLAP, 3);
		time_passes();
		expect_drops(DROP_FRAG_TIMEOUT, 0);
	}
	// The identification is free again afterwards.
	datagram_make(&d, &rng, 14, 20, 100);
	for (unsigned int i = 0; i < 3; i++)
		waits(&four[i]);
	completes(&four[3]);
}

// Over the borders of what is kept in one word: 64 units are 512 octets.
static void overlap_far_out(void **state)
{
	struct fragment_spec f = {.begin = 504, .end = 1032}, before = {.begin = 0, .end = 512},
			     after = {.begin = 1024, .end = 1040};

	(void)state;
	datagram_make(&d, &rng, 14, 20, 9000);
	waits(&f);
	waits(&f);
	waits(&before);
	expect_drops(DROP_FRAG_OVERLAP, 3);
	time_passes();
	waits(&f);
	waits(&after);
	expect_drops(DROP_FRAG_OVERLAP, 2);
	time_passes();
	f = (struct fragment_spec){.begin = 512, .end = 1024};
	waits(&before);
	waits(&after);
	waits(&f);
	waits(&f);
	f = (struct fragment_spec){.begin = 1040, .end = 9000, .last = true};
	completes(&f);
	expect_drops(DROP_FRAG_OVERLAP, 0);
}

static void protocols_stay_apart(void **state)
{
	struct fragment_spec tcp = four[1];

	(void)state;
	tcp.proto = 6;
	waits(&four[0]);
	waits(&tcp);
	waits(&four[2]);
	waits(&four[3]);
	completes(&four[1]);
	expect_drops(DROP_FRAG_INVALID, 1);
}

static void identifications_stay_apart(void **state)
{
	struct fragment_spec other = four[1];

	(void)state;
	other.id = 7;
	waits(&four[0]);
	waits(&other);
	waits(&four[2]);
	waits(&four[3]);
	completes(&four[1]);
	time_passes();
	expect_drops(DROP_FRAG_TIMEOUT, 1);
}

static void beyond_65535_is_invalid(void **state)
{
	// 65535 is 20 of header and 65515 of payload: as far as it goes, and one octet farther.
	const struct fragment_spec most = {.begin = 65504, .end = 65515, .last = true},
				   more = {.begin = 65504, .end = 65516, .last = true},
				   far = {.begin = 65528, .end = 72000};

	(void)state;
	waits(&more);
	waits(&far);
	expect_drops(DROP_FRAG_INVALID, 2);
	waits(&four[0]);
	waits(&far);
	expect_drops(DROP_FRAG_INVALID, 2);
	time_passes();
	waits(&most);
	expect_drops(DROP_FRAG_SIZE, 1);
}

static void room_is_the_limit(void **state)
{
	struct fragment_spec f = {0};

	(void)state;
	// The frame fills the mbuf to the last octet.
	datagram_make(&d, &rng, 14, 20, ROOM - 34);
	for (f.begin = 0, f.end = 1480; f.end < d.payload; f.begin = f.end, f.end += 1480)
		waits(&f);
	f.end = d.payload;
	f.last = true;
	completes(&f);
	expect_drops(DROP_FRAG_SIZE, 0);
	// One octet more, whichever comes first.
	datagram_make(&d, &rng, 14, 20, ROOM - 33);
	f.end = d.payload;
	waits(&four[0]);
	waits(&f);
	waits(&four[1]);
	expect_drops(DROP_FRAG_SIZE, 3);
	time_passes();
	waits(&f);
	waits(&four[0]);
	waits(&four[1]);
	expect_drops(DROP_FRAG_SIZE, 3);
}

static void impossible_lengths_are_invalid(void **state)
{
	static const struct fragment_spec bad[] = {
		{.begin = 32, .end = 32},
		{.begin = 32, .end = 32, .last = true},
		{.begin = 32, .end = 60},
		{.begin = 32, .end = 33},
		{.begin = 32, .end = 64, .total_more = 8},
		{.begin = 32, .end = 64, .total_more = -33},
		{.begin = 32, .end = 64, .total_more = -52},
		{.begin = 32, .end = 60, .padding = 3, .total_more = 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		waits(&bad[i]); // takes no place in the table
		expect_drops(DROP_FRAG_INVALID, 1);
		time_passes();
		expect_drops(DROP_FRAG_TIMEOUT, 0);
		waits(&four[0]);
		waits(&bad[i]);
		expect_drops(DROP_FRAG_INVALID, 2);
		time_passes();
	}
}

static void one_end_only(void **state)
{
	static const struct fragment_spec pairs[][2] = {
		// data beyond the last
		{{.begin = 64, .end = 96}, {.begin = 32, .end = 64, .last = true}},
		{{.begin = 64, .end = 96}, {.begin = 96, .end = 104, .last = true}},
		// two lasts
		{{.begin = 64, .end = 70, .last = true}, {.begin = 64, .end = 72, .last = true}},
		{{.begin = 64, .end = 72, .last = true}, {.begin = 72, .end = 76, .last = true}},
		// the same, once last and once not
		{{.begin = 64, .end = 72}, {.begin = 64, .end = 72, .last = true}},
		// the last comes before what it is too short for
		{{.begin = 64, .end = 66, .last = true}, {.begin = 64, .end = 72}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		for (unsigned int first = 0; first < 2; first++) {
			waits(&pairs[i][first]);
			waits(&pairs[i][!first]);
			if (i == 1) { // this is how a datagram goes on
				assert_int_equal(fragments_dropped(&t), 0);
				time_passes();
				expect_drops(DROP_FRAG_TIMEOUT, 2);
				continue;
			}
			expect_drops(DROP_FRAG_INVALID, 2);
			time_passes();
		}
	}
}

static void sixty_tiny_fragments(void **state)
{
	unsigned int order[60];

	(void)state;
	datagram_make(&d, &rng, 14, 20, 475);
	for (unsigned int i = 0; i < 60; i++)
		order[i] = i;
	for (unsigned int i = 59; i > 0; i--) {
		unsigned int j = (unsigned int)rng_below(&rng, i + 1), k = order[i];

		order[i] = order[j];
		order[j] = k;
	}
	for (unsigned int i = 0; i < 60; i++) {
		struct fragment_spec f = {.begin = order[i] * 8, .end = order[i] * 8 + 8};

		if (order[i] == 59) {
			f.end = 475;
			f.last = true;
			f.padding = 15; // of Ethernet, to 60 octets
		}
		if (i < 59)
			waits(&f);
		else
			completes(&f);
	}
	expect_drops(DROP_FRAG_SIZE, 0);
}

static void ecn_is_combined(void **state)
{
	// By fields of two fragments; 9: dropped. Not-ECT, ECT(1), ECT(0), CE.
	static const uint8_t want[4][4] = {{0, 9, 9, 9}, {9, 1, 1, 3}, {9, 1, 2, 3}, {9, 3, 3, 3}};

	(void)state;
	for (uint8_t a = 0; a < 4; a++) {
		for (uint8_t b = 0; b < 4; b++) {
			struct fragment_spec f = {.end = 32, .ecn = a},
					     g = {.begin = 32, .end = 100, .last = true, .ecn = b};
			struct rte_mbuf *m;
			uint8_t *ip;

			waits(&f);
			m = fragment_input(&t, &d, &g);
			if (want[a][b] == 9) {
				assert_null(m);
				expect_drops(DROP_FRAG_ECN, 2);
				time_passes();
				continue;
			}
			assert_non_null(m);
			ip = rte_pktmbuf_mtod_offset(m, uint8_t *, 14);
			assert_int_equal(ip[1], want[a][b]);
			assert_int_equal(rte_raw_cksum(ip, 20), 0xffff);
			rte_pktmbuf_free(m);
			expect_drops(DROP_FRAG_ECN, 0);
		}
	}
}

static void first_headers_are_kept(void **state)
{
	static const struct {
		unsigned int l3, ip_len, other_l3, other_ip_len;
	} cases[] = {{14, 24, 14, 20}, {14, 60, 14, 20}, {14, 20, 14, 60}, {18, 60, 14, 24},
		{14, 20, 18, 20}, {18, 20, 14, 20}, {18, 20, 18, 20}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fragment_spec f = {.begin = 48,
			.end = 100,
			.last = true,
			.l3 = cases[i].other_l3,
			.ip_len = cases[i].other_ip_len};

		datagram_make(&d, &rng, cases[i].l3, cases[i].ip_len, 100);
		for (unsigned int k = 0; k < 2; k++) {
			const struct fragment_spec first = {.begin = 0, .end = 48};

			waits(k ? &f : &first);
			completes(k ? &first : &f);
		}
	}
	expect_drops(DROP_FRAG_INVALID, 0);
}

static void time_is_over(void **state)
{
	(void)state;
	waits(&four[1]);
	waits(&four[2]);
	t.now += t.timeout;
	reass_expire(t.r, t.now, t.drops);
	assert_int_equal(fragments_mbufs(&t), 1);
	expect_drops(DROP_FRAG_TIMEOUT, 0);
	t.now++;
	reass_expire(t.r, t.now, t.drops);
	assert_int_equal(fragments_mbufs(&t), 0);
	expect_drops(DROP_FRAG_TIMEOUT, 2);
	reass_expire(t.r, t.now, t.drops); // of an empty table
	// Nor does a fragment find the others after their time, though nobody looked.
	waits(&four[1]);
	waits(&four[2]);
	waits(&four[3]);
	t.now += t.timeout + 1;
	waits(&four[0]);
	expect_drops(DROP_FRAG_TIMEOUT, 3);
	time_passes();
	expect_drops(DROP_FRAG_TIMEOUT, 1);
}

// First fragments only, each of a datagram of its own.
static void flood(unsigned int n)
{
	static uint16_t id = 10000;

	for (unsigned int i = 0; i < n; i++) {
		struct fragment_spec f = {.end = 32, .id = ++id == 0x1234 ? ++id : id};

		waits(&f);
	}
}

static void oldest_gives_way(void **state)
{
	(void)state;
	flood(10000);
	expect_drops(DROP_FRAG_TABLE, 10000 - SLOTS);
	assert_int_equal(fragments_mbufs(&t), SLOTS);
	// A datagram that is older than none of the others is safe for as long.
	for (unsigned int k = 0; k < 100; k++) {
		waits(&four[0]);
		waits(&four[1]);
		flood(SLOTS - 1);
		waits(&four[2]);
		completes(&four[3]);
	}
	memset(t.drops, 0, sizeof(t.drops));
	time_passes();
	expect_drops(DROP_FRAG_TIMEOUT, SLOTS - 1);
	waits(&four[0]);
	waits(&four[1]);
	waits(&four[1]);
	flood(SLOTS);
	expect_drops(DROP_FRAG_TABLE, 3);
	t.now += t.timeout + 1;
	flood(1); // one that gives way after its time is over
	expect_drops(DROP_FRAG_TIMEOUT, 1);
}

// However the senders choose their identifications and addresses.
static void buckets_stay_short(void **state)
{
	(void)state;
	for (unsigned int step = 1; step <= 1024; step *= 2) {
		unsigned int longest = 0;

		for (unsigned int i = 0; i < SLOTS; i++) {
			struct fragment_spec f = {.end = 32, .id = (uint16_t)(1 + i * step)};

			waits(&f);
		}
		for (unsigned int b = 0; b <= t.r->bucket_mask; b++) {
			unsigned int n = 0;

			for (uint16_t i = t.r->buckets[b]; i != REASS_NONE; i = t.r->slots[i].next)
				n++;
			if (n > longest)
				longest = n;
		}
		assert_in_range(longest, 1, 8); // 64 balls in 128 bins: 9 once in 10^9
		time_passes();
	}
}

static void without_mbufs(void **state)
{
	struct rte_mbuf *all[1023];
	unsigned int n = 0;

	(void)state;
	while (n < 1022 && (all[n] = rte_pktmbuf_alloc(t.pool)))
		n++;
	waits(&four[0]);
	expect_drops(DROP_NO_MBUF, 1);
	waits(&four[1]);
	expect_drops(DROP_NO_MBUF, 1);
	rte_pktmbuf_free_bulk(all, n);
	time_passes();
	for (unsigned int i = 0; i < 3; i++)
		waits(&four[i]);
	completes(&four[3]);
	expect_drops(DROP_NO_MBUF, 0);
}

static void incomplete_at_the_end(void **state)
{
	(void)state;
	flood(SLOTS / 2); // teardown looks for the mbufs
	waits(&four[0]);
	waits(&four[3]);
}

static void creation_is_checked(void **state)
{
	struct reass_cfg cfg = {.datagrams = 0, .timeout_ms = 1, .socket = SOCKET_ID_ANY};

	(void)state;
	assert_null(reass_create(&cfg));
	cfg.datagrams = REASS_MAX_DATAGRAMS + 1;
	assert_null(reass_create(&cfg));
	cfg.datagrams = 1;
	reass_destroy(t.r);
	t.r = reass_create(&cfg);
	assert_non_null(t.r);
	waits(&four[0]);
	flood(2);
	expect_drops(DROP_FRAG_TABLE, 2);
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		RULE(any_order),
		RULE(exact_duplicates_are_ignored),
		RULE(duplicate_with_other_octets_ends_it),
		RULE(overlap_ends_it),
		RULE(overlap_far_out),
		RULE(protocols_stay_apart),
		RULE(identifications_stay_apart),
		RULE(beyond_65535_is_invalid),
		RULE(room_is_the_limit),
		RULE(impossible_lengths_are_invalid),
		RULE(one_end_only),
		RULE(sixty_tiny_fragments),
		RULE(ecn_is_combined),
		RULE(first_headers_are_kept),
		RULE(time_is_over),
		RULE(oldest_gives_way),
		RULE(buckets_stay_short),
		RULE(without_mbufs),
		RULE(incomplete_at_the_end),
		RULE(creation_is_checked),
	};

	rig_eal_init("t_reass");
	return RUN_TESTS(tests);
}
