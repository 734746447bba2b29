// SPDX-License-Identifier: BSD-3-Clause
// Hellos and neighbours in virtual time (RFC 7761 section 4.3).
#include "harness.h"

#include <string.h>

#include "unit/unit.h"

#define DELAY_MS 5000

static void begin(struct bench *b)
{
	bench_begin(b);
	b->log_hellos = true;
}

// When our next Hello leaves, in ms after the start, rounded up.
static uint64_t next_hello(struct bench *b)
{
	uint64_t tx = pim_if_stats(b->pif)->hello_tx;

	while (pim_if_stats(b->pif)->hello_tx == tx) {
		b->now_us = timers_next(&b->timers);
		timers_run(&b->timers, b->now_us);
	}
	return (b->now_us - BENCH_START_US + US_PER_MS - 1) / US_PER_MS;
}

// PH-01.
static void first_within_the_delay_then_periodic(void **state)
{
	struct bench b;
	uint64_t first;

	(void)state;
	begin(&b);
	bench_expect(&b, "");
	first = next_hello(&b);
	assert_in_range(first, 0, DELAY_MS);
	bench_expect(&b, "hello-105");
	assert_int_equal(next_hello(&b), first + 30000);
	assert_int_equal(next_hello(&b), first + 60000);
	bench_expect(&b, "hello-105 hello-105");
	bench_end(&b);
}

// PH-01.
static void first_is_spread_and_configurable(void **state)
{
	uint64_t seen[8];
	unsigned int distinct = 0;

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		struct bench b = {0};
		struct pim_cfg cfg = bench_cfg(&b);
		struct addr primary = neighbor_addr(1);

		cfg.triggered_hello_delay_ms = 200;
		bench_begin_cfg(&b, &cfg);
		b.rng = rng_seeded(i + 1);
		pim_if_address(b.pif, NULL, b.now_us);
		pim_if_address(b.pif, &primary, b.now_us);
		seen[i] = next_hello(&b);
		assert_in_range(seen[i], 0, 200);
		for (unsigned int j = 0; j < i; j++)
			distinct += seen[j] != seen[i];
		bench_end(&b);
	}
	assert_true(distinct > 0);
}

// PF-05.
static void what_we_say_is_the_golden_hello(void **state)
{
	struct frame frames[FRAMES_MAX];
	struct pim_hello hello;
	struct bench b;

	(void)state;
	assert_in_range(frames_load("pim-igmp-dns-vectors.pcap", frames), 20, FRAMES_MAX);
	begin(&b);
	next_hello(&b);
	// P01 but for the GenID and the checksum.
	assert_int_equal(b.last_len, frames[0].len);
	assert_int_equal(pim_hello_decode(b.last, b.last_len, &hello), PIM_OK);
	assert_int_equal(hello.genid, pim_if_genid(b.pif));
	memcpy(b.last + b.last_len - 4, frames[0].pim + frames[0].len - 4, 4);
	pim_seal(b.last, b.last_len);
	assert_memory_equal(b.last, frames[0].pim, frames[0].len);
	bench_end(&b);
}

// PH-01, PH-03.
static void new_neighbor_is_told_and_the_period_kept(void **state)
{
	struct bench b;
	uint64_t first;

	(void)state;
	begin(&b);
	first = next_hello(&b);
	bench_until(&b, 10000);
	bench_hello(&b, 2, 105, 1);
	assert_in_range(next_hello(&b), 10000, 10000 + DELAY_MS);
	// A known one is not news.
	bench_hello(&b, 2, 105, 1);
	assert_int_equal(next_hello(&b), first + 30000);
	bench_expect(&b, "hello-105 hello-105 hello-105");
	bench_end(&b);
}

// PH-03.
static void restarted_neighbor_is_told(void **state)
{
	struct bench b;
	uint64_t first;

	(void)state;
	begin(&b);
	first = next_hello(&b);
	bench_hello(&b, 2, 105, 1);
	assert_in_range(next_hello(&b), first, first + DELAY_MS);
	bench_until(&b, 15000);
	bench_hello(&b, 2, 105, 2);
	assert_in_range(next_hello(&b), 15000, 15000 + DELAY_MS);
	bench_until(&b, 20000);
	bench_hello(&b, 2, 105, 2);
	assert_int_equal(next_hello(&b), first + 30000);
	bench_end(&b);
}

static void a_hello_answers_all_who_wait(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	// Two new neighbours before our first Hello: one or two Hellos within the delay, not more.
	bench_hello(&b, 2, 105, 1);
	bench_hello(&b, 3, 105, 1);
	bench_until(&b, DELAY_MS);
	assert_in_range(pim_if_stats(b.pif)->hello_tx, 1, 2);
	bench_end(&b);
}

static void count_cb(void *arg, const struct pim_neighbor_view *n)
{
	struct pim_neighbor_view *views = arg;

	for (unsigned int i = 0; i < 4; i++) {
		if (addr_is_none(&views[i].addr)) {
			views[i] = *n;
			return;
		}
	}
}

static unsigned int neighbors(const struct bench *b, struct pim_neighbor_view *first)
{
	struct pim_neighbor_view views[5] = {0};
	unsigned int n = 0;

	pim_if_neighbors(b->pif, count_cb, views);
	while (!addr_is_none(&views[n].addr))
		n++;
	if (first)
		*first = views[0];
	return n;
}

// PH-07.
static void liveness(void **state)
{
	struct pim_neighbor_view v;
	struct bench b;

	(void)state;
	begin(&b);
	bench_hello(&b, 2, 10, 1);
	bench_hello(&b, 3, 0xffff, 1);
	bench_until(&b, 5000);
	bench_hello(&b, 2, 10, 1);
	bench_until(&b, 14999);
	assert_int_equal(neighbors(&b, NULL), 2);
	bench_until(&b, 15000);
	assert_int_equal(neighbors(&b, &v), 1);
	assert_int_equal(v.expires_us, NEVER_US);
	bench_until(&b, 100000000);
	assert_int_equal(neighbors(&b, NULL), 1);
	// From never to soon, and the other way.
	bench_hello(&b, 3, 3, 1);
	bench_until(&b, 100003000);
	assert_int_equal(neighbors(&b, NULL), 0);
	bench_end(&b);
}

// PH-07, JP-01.
static void goodbye(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	bench_hello(&b, 2, 0, 1); // of nobody we know
	assert_int_equal(neighbors(&b, NULL), 0);
	bench_hello(&b, 2, 105, 1);
	assert_int_equal(neighbors(&b, NULL), 1);
	bench_hello(&b, 2, 0, 1);
	assert_int_equal(neighbors(&b, NULL), 0);
	assert_int_equal(bench_drops(&b), 0);
	bench_join(&b, 2, 7, 210);
	assert_int_equal(bench_drop(&b, PIM_DROP_NOT_NEIGHBOR), 1);
	bench_end(&b);
}

// PH-05, PH-07.
static void default_holdtime_and_forgotten_options(void **state)
{
	uint8_t empty[4] = {0x20};
	struct pim_neighbor_view v;
	struct bench b;

	(void)state;
	begin(&b);
	bench_hello(&b, 2, 300, 7);
	assert_int_equal(neighbors(&b, &v), 1);
	assert_true(v.has_genid && v.genid == 7);
	assert_int_equal(v.holdtime_s, 300);
	pim_seal(empty, sizeof(empty));
	bench_input(&b, 2, empty, sizeof(empty));
	assert_int_equal(neighbors(&b, &v), 1);
	assert_int_equal(v.holdtime_s, 105);
	assert_false(v.has_genid || v.has_dr_priority || v.has_lan_prune_delay);
	bench_until(&b, 105000);
	assert_int_equal(neighbors(&b, NULL), 0);
	bench_end(&b);
}

// PH-02.
static void hello_comes_before_a_prune_echo(void **state)
{
	struct bench b = {0};
	struct pim_cfg cfg = bench_cfg(&b);

	(void)state;
	cfg.triggered_hello_delay_ms = 100000;
	cfg.propagation_delay_ms = 0;
	cfg.override_interval_ms = 0;
	bench_begin_cfg(&b, &cfg);
	b.log_hellos = true;
	bench_hello(&b, 2, 105, 1);
	bench_hello(&b, 3, 105, 1);
	bench_join(&b, 2, 7, 210);
	bench_until(&b, 20);
	bench_prune(&b, 2, 7);
	bench_until(&b, 3020);
	bench_expect(&b, "+7/2 hello-105 echo-7 -7/0");
	// Heard by all now; a neighbour that is new since then has not.
	bench_join(&b, 2, 8, 210);
	bench_until(&b, 3100);
	bench_prune(&b, 2, 8);
	bench_until(&b, 6100);
	bench_expect(&b, "+8/2 echo-8 -8/0");
	bench_hello(&b, 4, 105, 1);
	bench_join(&b, 2, 9, 210);
	bench_until(&b, 6200);
	bench_prune(&b, 2, 9);
	bench_until(&b, 9200);
	bench_expect(&b, "+9/2 hello-105 echo-9 -9/0");
	bench_end(&b);
}

// PH-06.
static void address_change(void **state)
{
	struct addr second = neighbor_addr(200);
	struct bench b;
	uint32_t genid;

	(void)state;
	begin(&b);
	bench_until(&b, 6000);
	genid = pim_if_genid(b.pif);
	bench_hello(&b, 2, 105, 1);
	bench_until(&b, 12000);
	bench_join(&b, 2, 7, 210);
	bench_expect(&b, "hello-105 hello-105 +7/2");
	pim_if_address(b.pif, &second, b.now_us);
	bench_expect(&b, "hello-0"); // send_op saw the old primary
	assert_int_not_equal(pim_if_genid(b.pif), genid);
	bench_join(&b, 2, 8, 210); // names the old address
	assert_int_equal(bench_drop(&b, PIM_DROP_NOT_UPSTREAM), 1);
	pim_if_address(b.pif, &second, b.now_us); // no news
	bench_until(&b, 17000);
	bench_expect(&b, "hello-105");
	pim_if_address(b.pif, NULL, b.now_us);
	bench_expect(&b, "hello-0 -7/0");
	assert_int_equal(neighbors(&b, NULL), 0);
	pim_if_address(b.pif, NULL, b.now_us);
	bench_hello(&b, 2, 105, 1);
	assert_int_equal(bench_drop(&b, PIM_DROP_NO_ADDRESS), 1);
	bench_until(&b, 200000);
	bench_expect(&b, "");
	bench_end(&b);
}

// PH-04.
static void fresh_genid_each_start(void **state)
{
	struct addr primary = neighbor_addr(1);
	struct bench b;
	uint32_t genid;

	(void)state;
	begin(&b);
	genid = pim_if_genid(b.pif);
	pim_if_address(b.pif, NULL, b.now_us);
	pim_if_address(b.pif, &primary, b.now_us);
	assert_int_not_equal(pim_if_genid(b.pif), genid);
	bench_end(&b);
}

// PH-12.
static void neighbor_flood_has_an_end(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	for (unsigned int n = 2; n < 2 + 3000; n++)
		bench_hello(&b, n, 0xffff, 1);
	assert_int_equal(pim_if_stats(b.pif)->hello_rx, 1024);
	assert_int_equal(bench_drop(&b, PIM_DROP_NEIGHBOR_LIMIT), 3000 - 1024);
	bench_hello(&b, 2, 0, 1);
	bench_hello(&b, 2999, 105, 1);
	assert_int_equal(pim_if_stats(b.pif)->hello_rx, 1026);
	bench_end(&b);
}

// Those that said Hello once, for good, and want nothing do not keep the place of a router for
// ever; one that wants something, or is heard, does.
static void a_router_gets_in_after_a_flood(void **state)
{
	struct pim_cfg cfg;
	struct bench b;

	(void)state;
	cfg = bench_cfg(&b);
	cfg.max_neighbors = 4;
	bench_begin_cfg(&b, &cfg);
	b.log_hellos = false;
	for (unsigned int n = 2; n < 6; n++)
		bench_hello(&b, n, 0xffff, 1);
	bench_join(&b, 2, 1, 0xffff);
	bench_hello(&b, 6, 105, 1);
	assert_int_equal(bench_drop(&b, PIM_DROP_NEIGHBOR_LIMIT), 1);
	bench_until(&b, 100000);
	bench_hello(&b, 3, 0xffff, 1);
	bench_hello(&b, 6, 105, 1);
	assert_int_equal(bench_drop(&b, PIM_DROP_NEIGHBOR_LIMIT), 2);
	bench_until(&b, 106000);
	bench_hello(&b, 6, 105, 1);
	bench_hello(&b, 7, 105, 1);
	assert_int_equal(bench_drop(&b, PIM_DROP_NEIGHBOR_LIMIT), 2);
	bench_hello(&b, 8, 105, 1);
	assert_int_equal(bench_drop(&b, PIM_DROP_NEIGHBOR_LIMIT), 3);
	bench_join(&b, 2, 2, 0xffff);
	bench_join(&b, 6, 3, 0xffff);
	assert_int_equal(bench_drop(&b, PIM_DROP_NOT_NEIGHBOR), 0);
	assert_int_equal(b.wanted, 3);
	bench_expect(&b, "+1/2 +2/2 +3/6");
	bench_end(&b);
}

// One that shouts is not read, those beside it are.
static void rate_of_a_neighbor(void **state)
{
	struct pim_cfg cfg;
	struct bench b;

	(void)state;
	cfg = bench_cfg(&b);
	cfg.neighbor_rate = 80;
	bench_begin_cfg(&b, &cfg);
	b.log_hellos = false;
	bench_hello(&b, 2, 105, 1);
	for (unsigned int i = 0; i < 200; i++)
		bench_join(&b, 2, 1, 210);
	assert_in_range(pim_if_stats(b.pif)->jp_rx, 80, 81);
	assert_in_range(bench_drop(&b, PIM_DROP_NEIGHBOR_RATE), 119, 120);
	bench_hello(&b, 3, 105, 1);
	bench_join(&b, 3, 2, 210);
	bench_expect(&b, "+1/2 +2/3");
	// Who is no neighbor has an eighth, all of them together.
	for (unsigned int n = 10; n < 110; n++)
		bench_join(&b, n, 3, 210);
	assert_in_range(bench_drop(&b, PIM_DROP_STRANGER_RATE), 90, 92);
	bench_join(&b, 3, 3, 210);
	bench_expect(&b, "+3/3");
	bench_until(&b, 10000);
	bench_join(&b, 2, 4, 210);
	bench_expect(&b, "+4/2");
	bench_end(&b);
}

// PH-08: by priority when all have one, else by address; of equal priorities the higher address.
static void designated_router(void **state)
{
	struct addr second = neighbor_addr(2), third = neighbor_addr(3), us = neighbor_addr(1);
	struct pim_if_view v;
	struct bench b;

	(void)state;
	begin(&b);
	assert_true(pim_if_is_dr(b.pif));
	bench_hello_priority(&b, 2, 105, 1);
	pim_if_view(b.pif, &v);
	assert_true(addr_eq(&v.dr, &second)); // our priority is 1 too
	assert_false(pim_if_is_dr(b.pif));
	bench_hello_priority(&b, 3, 105, 0);
	pim_if_view(b.pif, &v);
	assert_true(addr_eq(&v.dr, &second));
	bench_hello_priority(&b, 2, 105, 0);
	pim_if_view(b.pif, &v);
	assert_true(addr_eq(&v.dr, &us) && v.is_dr);
	// One that has no priority: the highest address, whatever the others say.
	bench_bare_hello(&b, 2, 105);
	pim_if_view(b.pif, &v);
	assert_true(addr_eq(&v.dr, &third));
	bench_hello_priority(&b, 2, 105, 4294967295u);
	pim_if_view(b.pif, &v);
	assert_true(addr_eq(&v.dr, &second));
	// It goes; a new address of ours is the highest.
	bench_hello_priority(&b, 2, 0, 1);
	bench_hello_priority(&b, 3, 105, 1);
	pim_if_view(b.pif, &v);
	assert_true(addr_eq(&v.dr, &third));
	us = neighbor_addr(200);
	pim_if_address(b.pif, &us, b.now_us);
	assert_true(pim_if_is_dr(b.pif));
	pim_if_address(b.pif, NULL, b.now_us);
	assert_false(pim_if_is_dr(b.pif));
	bench_end(&b);
}

static void our_own_priority_counts(void **state)
{
	struct bench b = {0};
	struct pim_cfg cfg = bench_cfg(&b);

	(void)state;
	cfg.dr_priority = 5;
	bench_begin_cfg(&b, &cfg);
	bench_hello_priority(&b, 9, 105, 4);
	assert_true(pim_if_is_dr(b.pif));
	bench_hello_priority(&b, 9, 105, 6);
	assert_false(pim_if_is_dr(b.pif));
	assert_int_equal(pim_if_stats(b.pif)->dr_changes, 2);
	bench_until(&b, 105000);
	assert_true(pim_if_is_dr(b.pif));
	bench_end(&b);
}

// PH-12.
static void only_neighbors_of_the_list(void **state)
{
	struct prefix list[2];
	struct bench b = {0};
	struct pim_cfg cfg = bench_cfg(&b);

	(void)state;
	assert_int_equal(prefix_parse(bench_is_v6() ? "fe80::2" : "10.1.1.2", &list[0]), 0);
	assert_int_equal(
		prefix_parse(bench_is_v6() ? "fe80::10/124" : "10.1.1.16/28", &list[1]), 0);
	cfg.neighbors = list;
	cfg.n_neighbors = 2;
	bench_begin_cfg(&b, &cfg);
	bench_hello(&b, 2, 105, 1);
	bench_hello(&b, 3, 105, 1);
	bench_hello(&b, 17, 105, 1);
	bench_hello(&b, 32, 105, 1);
	assert_int_equal(neighbors(&b, NULL), 2);
	assert_int_equal(bench_drop(&b, PIM_DROP_NEIGHBOR_REFUSED), 2);
	bench_join(&b, 3, 7, 210);
	bench_join(&b, 17, 8, 210);
	bench_expect(&b, "+8/17");
	assert_int_equal(bench_drop(&b, PIM_DROP_NOT_NEIGHBOR), 1);
	bench_end(&b);
}

// JP-12: a router of another network is no neighbor, and so has no Joins.
static void only_sources_of_the_link(void **state)
{
	struct prefix links[2];
	struct addr far = bench_addr("10.2.1.2", "2001:db8::2"),
		    mcast = bench_addr("232.1.1.1", "ff02::1");
	struct addr all = bench_addr("224.0.0.13", "ff02::d");
	uint8_t hello[PIM_HELLO_LEN];
	struct bench b;

	(void)state;
	begin(&b);
	bench_hello(&b, 2, 105, 1);
	// The same Hello from elsewhere.
	assert_int_equal(
		pim_hello_encode(&(struct pim_hello){.holdtime_s = 105}, hello, sizeof(hello)),
		sizeof(hello));
	if (bench_is_v6())
		pim_cksum6(hello, sizeof(hello), &far, &all);
	assert_int_equal(prefix_parse("10.1.0.0/16", &links[0]), 0);
	assert_int_equal(prefix_parse("2001:db8::/32", &links[1]), 0);
	pim_if_links(b.pif, links, 2);
	pim_if_input(b.pif, &far, &all, hello, sizeof(hello), b.now_us);
	assert_int_equal(bench_drop(&b, PIM_DROP_OFF_LINK), 1);
	if (bench_is_v6())
		pim_cksum6(hello, sizeof(hello), &mcast, &all);
	pim_if_input(b.pif, &mcast, &all, hello, sizeof(hello), b.now_us);
	assert_int_equal(bench_drops(&b), 2);
	bench_hello(&b, 3, 105, 1);
	assert_int_equal(neighbors(&b, NULL), 2);
	assert_int_equal(bench_drops(&b), 2);
	if (bench_is_v6()) { // whatever the prefixes
		bench_end(&b);
		return;
	}
	pim_if_links(b.pif, links, 0); // any may be
	pim_if_input(b.pif, &far, &all, hello, sizeof(hello), b.now_us);
	assert_int_equal(neighbors(&b, NULL), 3);
	bench_end(&b);
}

static void hello_with_list(
	struct bench *b, unsigned int n, const struct addr *list, unsigned int count)
{
	struct pim_hello hello = {.holdtime_s = 0xffff, .genid = 1, .n_secondaries = count};
	uint8_t buf[PIM_HELLO_MAX_LEN];
	int len;

	memcpy(hello.secondaries, list, count * sizeof(*list));
	len = pim_hello_encode(&hello, buf, sizeof(buf));
	assert_true(len > 0);
	bench_input(b, n, buf, (size_t)len);
}

static void by_number_cb(void *arg, const struct pim_neighbor_view *n)
{
	((struct pim_neighbor_view *)arg)[neighbor_number(&n->addr)] = *n;
}

// PH-10: the list replaces the one before; of an address claimed twice the later claim counts; the
// neighbour's own primary and other families are no secondaries.
static void address_list_of_neighbors(void **state)
{
	struct addr list[4] = {bench_addr("192.168.0.1", "2001:db8::1"), neighbor_addr(2),
		bench_addr("2001:db8::9", "192.168.0.9"), bench_addr("192.168.0.2", "2001:db8::2")};
	struct pim_neighbor_view v[8];
	struct bench b;

	(void)state;
	begin(&b);
	hello_with_list(&b, 2, list, 4);
	pim_if_neighbors(b.pif, by_number_cb, v);
	assert_int_equal(v[2].n_secondaries, 2);
	assert_true(addr_eq(&v[2].secondaries[0], &list[0]));
	assert_true(addr_eq(&v[2].secondaries[1], &list[3]));
	hello_with_list(&b, 3, list, 1);
	pim_if_neighbors(b.pif, by_number_cb, v);
	assert_int_equal(v[3].n_secondaries, 1);
	assert_int_equal(v[2].n_secondaries, 1);
	assert_true(addr_eq(&v[2].secondaries[0], &list[3]));
	hello_with_list(&b, 3, list, 0);
	pim_if_neighbors(b.pif, by_number_cb, v);
	assert_int_equal(v[3].n_secondaries, 0);
	bench_end(&b);
}

// PH-06, PH-11: ours are said, without the primary; a change is said at once.
static void our_address_list(void **state)
{
	struct addr list[3] = {neighbor_addr(1), bench_addr("10.7.0.1", "2001:db8::1"),
		bench_addr("2001:db8::9", "10.7.0.9")};
	struct addr second = list[1];
	struct pim_hello h;
	struct bench b;

	(void)state;
	begin(&b);
	pim_if_secondaries(b.pif, list, 3);
	bench_expect(&b, ""); // nobody knows us yet
	next_hello(&b);
	assert_int_equal(pim_hello_decode(b.last, b.last_len, &h), PIM_OK);
	assert_int_equal(h.n_secondaries, 1);
	assert_true(addr_eq(&h.secondaries[0], &second));
	bench_expect(&b, "hello-105");
	pim_if_secondaries(b.pif, list, 3);
	bench_expect(&b, "");
	pim_if_secondaries(b.pif, list, 1);
	bench_expect(&b, "hello-105");
	assert_int_equal(b.last_len, PIM_HELLO_LEN);
	// The secondary becomes the primary, and the other way.
	pim_if_secondaries(b.pif, list, 3);
	bench_expect(&b, "hello-105");
	pim_if_address(b.pif, &second, b.now_us);
	bench_expect(&b, "hello-0");
	next_hello(&b);
	assert_int_equal(pim_hello_decode(b.last, b.last_len, &h), PIM_OK);
	assert_int_equal(h.n_secondaries, 1);
	assert_true(addr_eq(&h.secondaries[0], &list[0]));
	bench_end(&b);
}

// Another configuration: said at once, and by the new interval from then on; what is joined stays.
static void configured_anew(void **state)
{
	struct bench b;
	struct pim_cfg cfg;
	struct pim_if_view v;
	struct prefix allowed;
	uint64_t at;

	(void)state;
	begin(&b);
	next_hello(&b);
	bench_hello(&b, 2, 105, 1);
	bench_join(&b, 2, 1, 210);
	at = next_hello(&b);
	bench_expect(&b, "hello-105 +1/2 hello-105");
	cfg = bench_cfg(&b);
	pim_if_configure(b.pif, &cfg, b.now_us);
	bench_expect(&b, ""); // the same as before
	cfg.hello_interval_s = 7;
	cfg.hello_holdtime_s = 24;
	cfg.dr_priority = 99;
	pim_if_configure(b.pif, &cfg, b.now_us);
	bench_expect(&b, "hello-24");
	pim_if_view(b.pif, &v);
	assert_true(v.is_dr);
	assert_int_equal(v.joins, 1);
	assert_int_equal(next_hello(&b), at + 7000);
	bench_expect(&b, "hello-24");
	// A neighbor that may be none any more is forgotten; another router may want the channel.
	allowed = (struct prefix){.addr = neighbor_addr(3), .len = bench_is_v6() ? 128 : 32};
	cfg.neighbors = &allowed;
	cfg.n_neighbors = 1;
	pim_if_configure(b.pif, &cfg, b.now_us);
	pim_if_view(b.pif, &v);
	assert_int_equal(v.neighbors, 0);
	assert_int_equal(v.joins, 1);
	bench_expect(&b, "");
	bench_hello(&b, 2, 105, 1);
	pim_if_view(b.pif, &v);
	assert_int_equal(v.neighbors, 0);
	bench_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configured_anew),
		cmocka_unit_test(first_within_the_delay_then_periodic),
		cmocka_unit_test(first_is_spread_and_configurable),
		cmocka_unit_test(what_we_say_is_the_golden_hello),
		cmocka_unit_test(new_neighbor_is_told_and_the_period_kept),
		cmocka_unit_test(restarted_neighbor_is_told),
		cmocka_unit_test(a_hello_answers_all_who_wait),
		cmocka_unit_test(liveness),
		cmocka_unit_test(goodbye),
		cmocka_unit_test(default_holdtime_and_forgotten_options),
		cmocka_unit_test(hello_comes_before_a_prune_echo),
		cmocka_unit_test(address_change),
		cmocka_unit_test(fresh_genid_each_start),
		cmocka_unit_test(neighbor_flood_has_an_end),
		cmocka_unit_test(a_router_gets_in_after_a_flood),
		cmocka_unit_test(rate_of_a_neighbor),
		cmocka_unit_test(designated_router),
		cmocka_unit_test(our_own_priority_counts),
		cmocka_unit_test(only_neighbors_of_the_list),
		cmocka_unit_test(only_sources_of_the_link),
		cmocka_unit_test(address_list_of_neighbors),
		cmocka_unit_test(our_address_list),
	};

	return RUN_TESTS(tests);
}
