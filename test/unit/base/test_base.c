// SPDX-License-Identifier: BSD-3-Clause
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/cursor.h"
#include "base/hmap.h"
#include "base/rng.h"
#include "base/slab.h"
#include "base/timer.h"

static void addr_text_round_trip(void **state)
{
	static const char *const texts[] = {
		"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "2001:db8::1", "ff3e::8000:d"};
	char buf[ADDR_STRLEN];
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(addr_parse(texts[i], &a), 0);
		assert_string_equal(addr_format(&a, buf), texts[i]);
	}
	assert_int_equal(addr_parse("192.0.2", &a), -EINVAL);
	assert_int_equal(addr_parse("", &a), -EINVAL);
	memset(&a, 0, sizeof(a));
	assert_string_equal(addr_format(&a, buf), "-");
	for (int i = 0; i < 256; i++) {
		char want[ADDR_STRLEN];

		a = (struct addr){.family = ADDR_V4,
			.bytes = {(uint8_t)i, (uint8_t)(255 - i), (uint8_t)(i * 7), (uint8_t)i}};
		snprintf(want, sizeof(want), "%u.%u.%u.%u", a.bytes[0], a.bytes[1], a.bytes[2],
			a.bytes[3]);
		assert_string_equal(addr_format(&a, buf), want);
	}
}

static void private_addresses(void **state)
{
	static const struct {
		const char *text;
		bool is;
	} rows[] = {{"10.0.0.0", true}, {"10.255.255.255", true}, {"11.0.0.0", false},
		{"172.15.255.255", false}, {"172.16.0.0", true}, {"172.31.255.255", true},
		{"172.32.0.0", false}, {"192.168.0.0", true}, {"192.169.0.0", false},
		{"192.167.255.255", false}, {"100.63.255.255", false}, {"100.64.0.0", true},
		{"100.127.255.255", true}, {"100.128.0.0", false}, {"198.51.100.1", false},
		{"fbff::1", false}, {"fc00::1", true}, {"fdff::1", true}, {"fe00::1", false},
		{"2001:db8::1", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a;

		assert_int_equal(addr_parse(rows[i].text, &a), 0);
		if (addr_is_private(&a) != rows[i].is)
			fail_msg("%s", rows[i].text);
	}
}

static void addr_kinds(void **state)
{
	static const struct {
		const char *text;
		bool multicast, unicast;
	} rows[] = {{"224.0.0.1", true, false}, {"239.255.255.255", true, false},
		{"192.0.2.1", false, true}, {"0.1.2.3", false, false}, {"127.0.0.1", false, false},
		{"169.254.1.1", false, false}, {"240.0.0.1", false, false},
		{"255.255.255.255", false, false}, {"ff3e::1", true, false}, {"::1", false, false},
		{"fe80::1", false, false}, {"2001:db8::1", false, true}, {"::", false, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a;

		assert_int_equal(addr_parse(rows[i].text, &a), 0);
		assert_int_equal(addr_is_multicast(&a), rows[i].multicast);
		assert_int_equal(addr_is_unicast(&a), rows[i].unicast);
	}
}

static void prefix_matching(void **state)
{
	static const struct {
		const char *prefix, *addr;
		bool match;
	} rows[] = {{"232.0.0.0/8", "232.255.1.1", true}, {"232.0.0.0/8", "233.0.0.0", false},
		{"192.0.2.128/25", "192.0.2.129", true}, {"192.0.2.128/25", "192.0.2.127", false},
		{"0.0.0.0/0", "1.2.3.4", true}, {"0.0.0.0/0", "::1", false},
		{"192.0.2.1", "192.0.2.1", true}, {"192.0.2.1/32", "192.0.2.2", false},
		{"ff30::/12", "ff3e::1", true}, {"232.1.2.3/7", "233.0.0.0", true}};
	static const char *const bad[] = {"1.2.3.4/33", "1.2.3.4/", "1.2.3.4/-1", "::/129", "x/8",
		"1.2.3.4/8x", "1.2.3.4/ 8"};
	char text[PREFIX_STRLEN];
	struct prefix p;
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(prefix_parse(rows[i].prefix, &p), 0);
		assert_int_equal(addr_parse(rows[i].addr, &a), 0);
		assert_int_equal(prefix_match(&p, &a), rows[i].match);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(prefix_parse(bad[i], &p), -EINVAL);
	assert_int_equal(prefix_parse("232.1.2.3/7", &p), 0);
	assert_string_equal(prefix_format(&p, text), "232.0.0.0/7");
}

// RFC 4607 sections 1 and 4.3 (standards SS-01, SS-02).
static void ssm_groups(void **state)
{
	static const struct {
		const char *g;
		bool ssm;
	} rows[] = {{"232.0.0.0", false}, {"232.0.0.1", true}, {"232.255.255.255", true},
		{"231.255.255.255", false}, {"233.0.0.0", false}, {"224.0.0.1", false},
		{"10.0.0.1", false}, {"ff33::8000:1", true}, {"ff3e::8000:1", true},
		{"ff3e::ffff:ffff", true}, {"ff3f::8000:1", true}, {"ff3e::4000:1", true},
		{"ff3e::4000:0", false}, {"ff35::4000:0", false}, {"ff3e::3fff:ffff", false},
		{"ff3e::", false}, {"ff3e::1", false}, {"ff3e:0:1::1", true},
		{"ff3e:0:0:1::", true}, {"ff3e:30::8000:1", false}, {"ff3e:1::8000:1", false},
		{"ff2e::8000:1", false}, {"ff7e::8000:1", false}, {"ff0e::8000:1", false},
		{"ff32::8000:1", false}, {"ff31::8000:1", false}, {"fe3e::8000:1", false}};
	static const char *const ranges[] = {"232.0.0.0/8", "ff30::/32"};
	struct prefix r[2], scoped;
	struct addr g;

	(void)state;
	for (int i = 0; i < 2; i++)
		prefix_parse(ranges[i], &r[i]);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(addr_parse(rows[i].g, &g), 0);
		if (group_is_ssm(r, 2, &g) != rows[i].ssm)
			fail_msg("%s", rows[i].g);
	}
	// A range with a scope holds for that one.
	prefix_parse("ff35::8000:0/97", &scoped);
	addr_parse("ff35::8000:1", &g);
	assert_true(group_is_ssm(&scoped, 1, &g));
	addr_parse("ff3e::8000:1", &g);
	assert_false(group_is_ssm(&scoped, 1, &g));
}

static void cursor_bounds(void **state)
{
	const uint8_t in[3] = {1, 2, 3};
	uint8_t out[3];
	struct rd r = rd_init(in, sizeof(in));
	struct wr w = wr_init(out, sizeof(out));

	(void)state;
	assert_int_equal(rd_be16(&r), 0x0102);
	assert_false(r.bad);
	assert_int_equal(rd_be16(&r), 0);
	assert_true(r.bad);
	assert_int_equal(rd_u8(&r), 0); // stays bad
	wr_be16(&w, 0x0102);
	assert_false(w.bad);
	wr_be32(&w, 7);
	assert_true(w.bad);
	assert_int_equal(wr_len(&w), 2);
}

#define N_TIMERS 1000
static uint64_t last_due;
static unsigned int fired;

static void on_timer(struct timer *t, void *arg, uint64_t now_us)
{
	(void)arg;
	assert_true(t->due_us <= now_us);
	assert_true(t->due_us >= last_due);
	last_due = t->due_us;
	fired++;
}

static void timers_fire_in_order(void **state)
{
	struct timer *t = calloc(N_TIMERS, sizeof(*t));
	struct rng r = rng_seeded(7);
	struct timers ts;
	unsigned int cancelled = 0;

	(void)state;
	timers_init(&ts);
	assert_true(timers_next(&ts) == NEVER_US);
	for (unsigned int i = 0; i < N_TIMERS; i++) {
		timer_init(&t[i], on_timer, NULL);
		assert_int_equal(timer_arm(&ts, &t[i], rng_below(&r, 5000)), 0);
	}
	for (unsigned int i = 0; i < N_TIMERS; i += 3) // move some, cancel some
		timer_arm(&ts, &t[i], rng_below(&r, 5000));
	for (unsigned int i = 0; i < N_TIMERS; i += 7) {
		timer_cancel(&ts, &t[i]);
		assert_false(timer_armed(&t[i]));
		cancelled++;
	}
	for (uint64_t now = 0; now <= 5000; now += 100)
		timers_run(&ts, now);
	assert_int_equal(fired, N_TIMERS - cancelled);
	assert_true(timers_next(&ts) == NEVER_US);
	timers_fini(&ts);
	free(t);
}

struct item {
	struct hnode node;
	uint32_t key;
};

static struct item *item_find(const struct hmap *m, uint32_t key)
{
	struct hnode *n = hmap_find(m, hmap_hash(&key, sizeof(key)));

	for (; n; n = hmap_find_next(n)) {
		struct item *it = container_of_node(n, struct item, node);

		if (it->key == key)
			return it;
	}
	return NULL;
}

static void hmap_insert_find_remove(void **state)
{
	struct item *items = calloc(5000, sizeof(*items));
	struct hnode *n, *tmp;
	struct hmap m;
	uint32_t seen = 0;

	(void)state;
	hmap_init(&m);
	assert_null(hmap_first(&m));
	assert_null(item_find(&m, 1));
	for (uint32_t i = 0; i < 5000; i++) {
		items[i].key = i;
		assert_int_equal(hmap_insert(&m, &items[i].node, hmap_hash(&i, sizeof(i))), 0);
	}
	for (uint32_t i = 0; i < 5000; i += 2)
		hmap_remove(&m, &items[i].node);
	for (uint32_t i = 0; i < 5000; i++)
		assert_ptr_equal(item_find(&m, i), i % 2 ? &items[i] : NULL);
	HMAP_FOREACH (n, tmp, &m) {
		seen++;
		hmap_remove(&m, n);
	}
	assert_int_equal(seen, 2500);
	assert_int_equal(m.count, 0);
	hmap_fini(&m);
	free(items);
}

// Growth is spread over the inserts that follow: at each moment every node is found, and a walk
// meets each of them once, also one that takes nodes out.
static void hmap_grows_by_and_by(void **state)
{
	enum { N = 3000 };
	struct item *items = calloc(N, sizeof(*items));
	bool growing = false, done = false;
	struct hnode *n, *tmp;
	uint32_t i = 0;
	struct hmap m;

	(void)state;
	hmap_init(&m);
	// Until it is in the middle of growing to 1024 buckets.
	while (!(m.mask >= 1023 && m.old && m.moved >= 100) && i < N) {
		uint32_t seen = 0, before = m.moved;

		items[i].key = i;
		assert_int_equal(hmap_insert(&m, &items[i].node, hmap_hash(&i, sizeof(i))), 0);
		if (m.old) {
			growing = true;
			assert_true(m.moved <= 4 || m.moved - before <= 4);
		} else {
			done |= growing;
		}
		for (uint32_t k = 0; k <= i; k += 1 + i / 50)
			assert_ptr_equal(item_find(&m, k), &items[k]);
		i++;
		if (i % 37 && m.mask < 1023)
			continue;
		HMAP_FOREACH (n, tmp, &m)
			seen++;
		assert_int_equal(seen, i);
	}
	assert_true(growing && done && m.old);
	HMAP_FOREACH (n, tmp, &m)
		if (container_of_node(n, struct item, node)->key % 3)
			hmap_remove(&m, n);
	for (uint32_t k = 0; k < i; k++)
		assert_ptr_equal(item_find(&m, k), k % 3 ? NULL : &items[k]);
	HMAP_FOREACH (n, tmp, &m)
		hmap_remove(&m, n);
	assert_int_equal(m.count, 0);
	assert_null(hmap_first(&m));
	hmap_fini(&m);
	free(items);
}

struct met {
	uint32_t times[4000];
};

static void met_cb(void *arg, struct hnode *n)
{
	struct met *met = arg;

	met->times[container_of_node(n, struct item, node)->key]++;
}

// A walk in pieces meets what is in all the time once, and nothing twice, while the map grows from
// 256 to 4096 buckets meanwhile and loses nodes.
static void hmap_is_walked_in_pieces(void **state)
{
	enum { N = 4000, FIRST = 250 };
	struct item *items = calloc(N, sizeof(*items));
	struct met *met = calloc(1, sizeof(*met));
	uint32_t n = 0, cursor = 0, steps = 0;
	struct hmap m;

	(void)state;
	hmap_init(&m);
	assert_false(hmap_scan(&m, &cursor, met_cb, met));
	for (; n < FIRST; n++) {
		items[n].key = n;
		assert_int_equal(hmap_insert(&m, &items[n].node, hmap_hash(&n, sizeof(n))), 0);
	}
	while (hmap_scan(&m, &cursor, met_cb, met)) {
		steps++;
		for (unsigned int k = 0; k < 10 && n < N; k++, n++) {
			items[n].key = n;
			assert_int_equal(
				hmap_insert(&m, &items[n].node, hmap_hash(&n, sizeof(n))), 0);
		}
		if (steps < 50)
			hmap_remove(&m, &items[FIRST - steps].node);
	}
	assert_int_equal(n, N);
	for (uint32_t i = 0; i < N; i++)
		assert_in_range(met->times[i], i < FIRST - 50 ? 1 : 0, 1);
	hmap_fini(&m);
	free(met);
	free(items);
}

static void slab_gives_and_takes(void **state)
{
	enum { N = 2000, SIZE = 128 };
	struct rng rng = rng_seeded(7);
	uint8_t *held[N] = {NULL};
	uint32_t count = 0;
	struct slab s;

	(void)state;
	slab_init(&s, SIZE);
	for (unsigned int round = 0; round < 20000; round++) {
		unsigned int i = (unsigned int)rng_below(&rng, N);

		if (held[i]) {
			for (unsigned int k = 0; k < SIZE; k++) // nobody else wrote there
				assert_int_equal(held[i][k], (uint8_t)i);
			slab_put(&s, held[i]);
			held[i] = NULL;
			count--;
			continue;
		}
		held[i] = slab_get(&s);
		assert_non_null(held[i]);
		assert_int_equal((uintptr_t)held[i] % 64, 0);
		for (unsigned int k = 0; k < SIZE; k++)
			assert_int_equal(held[i][k], 0);
		memset(held[i], (uint8_t)i, SIZE);
		assert_int_equal(s.count, ++count);
	}
	for (unsigned int i = 0; i < N; i++)
		if (held[i])
			slab_put(&s, held[i]);
	assert_int_equal(s.count, 0);
	// Those made one after the other lie so, but for the ends of chunks.
	for (unsigned int i = 0; i < N; i++)
		held[i] = slab_get(&s);
	count = 0;
	for (unsigned int i = 0; i + 1 < N; i++) {
		uint8_t *next = slab_next(&s, held[i]);

		count += next == held[i + 1];
		assert_true(!next || next == held[i + 1]);
	}
#ifndef __SANITIZE_ADDRESS__
	assert_in_range(count, N * 9 / 10, N - 1);
#endif
	for (unsigned int i = 0; i < N; i++)
		slab_put(&s, held[i]);
#ifndef __SANITIZE_ADDRESS__
	assert_null(slab_next(&s, held[0]));
#endif
	slab_fini(&s);
}

static void backoff_stays_in_its_window(void **state)
{
	struct rng r = rng_seeded(1);

	(void)state;
	for (unsigned int retry = 0; retry < 80; retry++) {
		uint64_t top = retry < 7 ? 1ull << retry : 120;

		for (int i = 0; i < 200; i++) {
			uint64_t x = rng_backoff(&r, 1, 120, retry);

			assert_in_range(x, 1, top < 120 ? top : 120);
		}
	}
	assert_int_equal(rng_below(&r, 0), 0);
	assert_int_equal(rng_between(&r, 5, 5), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addr_text_round_trip),
		cmocka_unit_test(addr_kinds),
		cmocka_unit_test(private_addresses),
		cmocka_unit_test(prefix_matching),
		cmocka_unit_test(ssm_groups),
		cmocka_unit_test(cursor_bounds),
		cmocka_unit_test(timers_fire_in_order),
		cmocka_unit_test(hmap_insert_find_remove),
		cmocka_unit_test(hmap_grows_by_and_by),
		cmocka_unit_test(hmap_is_walked_in_pieces),
		cmocka_unit_test(slab_gives_and_takes),
		cmocka_unit_test(backoff_stays_in_its_window),
	};

	return RUN_TESTS(tests);
}
