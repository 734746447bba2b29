// SPDX-License-Identifier: BSD-3-Clause
// Watch mode: neighbour 1 (10.1.1.1) is the daemon that is watched, as in test_fsm.c we are. Every
// test also proves that nothing is ever sent.
#include <string.h>

#include "harness.h"
#include "unit/unit.h"

static void watch_begin(struct bench *b, const struct prefix *upstream, unsigned int n)
{
	struct pim_cfg cfg;

	memset(b, 0, sizeof(*b));
	cfg = bench_cfg(b);
	cfg.watch = true;
	cfg.upstream = upstream;
	cfg.n_upstream = n;
	bench_begin_cfg(b, &cfg);
}

// Of neighbour n's address all but the last bits.
static struct prefix network(unsigned int n, uint8_t bits)
{
	struct addr a = neighbor_addr(n);

	return (struct prefix){
		.addr = a, .len = (uint8_t)((a.family == ADDR_V6 ? 128 : 32) - bits)};
}

static void watch_end(struct bench *b)
{
	bench_end(b);
	assert_int_equal(b->last_len, 0);
}

// JP-04: what downstream routers ask the daemon for, with its holdtime.
static void joins_to_the_daemon_count(void **state)
{
	struct bench b;

	(void)state;
	watch_begin(&b, NULL, 0);
	bench_hello(&b, 2, 0xffff, 1);
	bench_join(&b, 2, 7, 210);
	bench_expect(&b, "+7/2");
	bench_until(&b, 100000);
	bench_join(&b, 2, 7, 210);
	bench_until(&b, 309999);
	bench_expect(&b, "");
	bench_until(&b, 310000);
	bench_expect(&b, "-7/0");
	watch_end(&b);
}

// What the daemon asks its own upstream neighbour for.
static void joins_of_the_daemon_count(void **state)
{
	struct bench b;

	(void)state;
	watch_begin(&b, NULL, 0);
	bench_hello(&b, 1, 105, 1);
	bench_hello(&b, 9, 105, 1);
	bench_jp(&b, 1, 9, 7, true, 210);
	bench_expect(&b, "+7/1");
	// The neighbour that it is addressed to does not override: the Prune is at once.
	bench_jp(&b, 1, 9, 7, false, 210);
	bench_expect(&b, "-7/1");
	watch_end(&b);
}

// JP-02: between other routers.
static void joins_to_others_do_not_count(void **state)
{
	struct bench b;

	(void)state;
	watch_begin(&b, NULL, 0);
	bench_hello(&b, 2, 105, 1);
	bench_jp(&b, 2, 9, 7, true, 210);
	bench_expect(&b, "");
	assert_int_equal(bench_drop(&b, PIM_DROP_NOT_UPSTREAM), 1);
	watch_end(&b);
}

static void configured_upstream_addresses_count(void **state)
{
	struct prefix upstream[2] = {network(8, 1), network(30, 0)};
	struct bench b;

	(void)state;
	watch_begin(&b, upstream, 2);
	bench_jp(&b, 2, 9, 7, true, 210);
	bench_expect(&b, "+7/2");
	bench_jp(&b, 3, 30, 8, true, 210);
	bench_expect(&b, "+8/3");
	// Then they alone do, not who the daemon is.
	bench_jp(&b, 2, 1, 9, true, 210);
	bench_jp(&b, 1, 2, 9, true, 210);
	bench_expect(&b, "");
	assert_int_equal(bench_drop(&b, PIM_DROP_NOT_UPSTREAM), 2);
	bench_until(&b, 210000);
	bench_expect(&b, "-8/0 -7/0");
	watch_end(&b);
}

// JP-05: the daemon is no other router that could override, a third one is.
static void a_prune_waits_while_another_router_is_there(void **state)
{
	struct bench b;

	(void)state;
	watch_begin(&b, NULL, 0);
	bench_hello(&b, 1, 105, 1);
	bench_hello(&b, 2, 105, 1);
	bench_join(&b, 2, 7, 210);
	bench_until(&b, 100);
	bench_prune(&b, 2, 7);
	bench_expect(&b, "+7/2 -7/2");
	bench_hello(&b, 3, 105, 1);
	bench_join(&b, 2, 7, 210);
	bench_join(&b, 3, 7, 210);
	bench_until(&b, 200);
	bench_prune(&b, 2, 7);
	bench_until(&b, 2000);
	bench_join(&b, 3, 7, 210);
	bench_until(&b, 10000);
	bench_expect(&b, "+7/2");
	// Nobody overrides; and the daemon echoes, not we (JP-06).
	bench_prune(&b, 3, 7);
	bench_until(&b, 12999);
	bench_expect(&b, "");
	bench_until(&b, 13000);
	bench_expect(&b, "-7/0");
	watch_end(&b);
}

// Its echo names itself.
static void the_daemons_prune_echo_is_harmless(void **state)
{
	struct bench b;

	(void)state;
	watch_begin(&b, NULL, 0);
	bench_hello(&b, 1, 105, 1);
	bench_hello(&b, 2, 105, 1);
	bench_hello(&b, 3, 105, 1);
	bench_join(&b, 2, 7, 210);
	bench_prune(&b, 2, 7);
	bench_until(&b, 2990);
	bench_jp(&b, 1, 1, 7, false, 210);
	bench_join(&b, 3, 7, 210); // who missed the Prune
	bench_until(&b, 9000);
	bench_expect(&b, "+7/2");
	bench_prune(&b, 3, 7);
	bench_until(&b, 12000);
	bench_jp(&b, 1, 1, 7, false, 210);
	bench_expect(&b, "-7/0");
	watch_end(&b);
}

// JP-01 is the daemon's to hold to; who begins to watch waits for no Hello.
static void a_join_before_a_hello_counts(void **state)
{
	struct prefix allowed = network(3, 0);
	struct pim_cfg cfg;
	struct bench b;

	(void)state;
	watch_begin(&b, NULL, 0);
	bench_join(&b, 2, 7, 210);
	bench_expect(&b, "+7/2");
	bench_hello(&b, 2, 105, 5);
	bench_prune(&b, 2, 7);
	bench_expect(&b, "-7/2");
	watch_end(&b);

	// Whom the list leaves out is refused, but the daemon is not.
	memset(&b, 0, sizeof(b));
	cfg = bench_cfg(&b);
	cfg.watch = true;
	cfg.neighbors = &allowed;
	cfg.n_neighbors = 1;
	bench_begin_cfg(&b, &cfg);
	bench_join(&b, 2, 7, 210);
	bench_expect(&b, "");
	assert_int_equal(bench_drop(&b, PIM_DROP_NEIGHBOR_REFUSED), 1);
	bench_join(&b, 3, 7, 210);
	bench_jp(&b, 1, 9, 8, true, 210);
	bench_expect(&b, "+7/3 +8/1");
	watch_end(&b);
}

// FRR takes each Join back at once for lack of resolve-via-default: later ones are held back.
static void flaps_are_held_back(void **state)
{
	struct bench b;

	(void)state;
	watch_begin(&b, NULL, 0);
	bench_hello(&b, 1, 105, 1);
	bench_hello(&b, 9, 105, 1);
	bench_jp(&b, 1, 9, 7, true, 210);
	bench_jp(&b, 1, 9, 7, false, 210);
	bench_expect(&b, "+7/1 -7/1");
	bench_jp(&b, 1, 9, 8, true, 210);
	bench_jp(&b, 1, 9, 8, false, 210);
	bench_until(&b, 1000);
	bench_expect(&b, "");
	assert_int_equal(pim_if_stats(b.pif)->held_flaps, 1);
	bench_jp(&b, 1, 9, 8, true, 210);
	bench_until(&b, 1019);
	bench_expect(&b, "");
	bench_until(&b, 1020);
	bench_expect(&b, "+8/1");
	watch_end(&b);
}

// Hellos, GenIDs, DR and Asserts are between the daemon and its neighbours.
static void nothing_is_ever_sent(void **state)
{
	struct addr second = neighbor_addr(2);
	struct pim_if_view v;
	struct bench b;

	(void)state;
	watch_begin(&b, NULL, 0);
	pim_if_view(b.pif, &v);
	assert_true(v.watch);
	assert_true(v.is_dr);
	bench_hello(&b, 1, 105, 1);
	bench_hello(&b, 2, 105, 1);
	pim_if_view(b.pif, &v);
	assert_false(v.is_dr);
	assert_true(addr_eq(&v.dr, &second));
	bench_hello(&b, 2, 105, 2);
	bench_join(&b, 2, 7, 210);
	bench_data(&b, 7);
	bench_assert(&b, 2, 7, 1, 1);
	bench_expect(&b, "+7/2");
	assert_int_equal(pim_if_stats(b.pif)->assert_rx, 1);
	bench_until(&b, 209000);
	bench_hello(&b, 1, 0, 1); // Goodbye
	bench_expect(&b, "");
	// A daemon that was killed: what it had joined runs out.
	bench_until(&b, 1000000);
	bench_expect(&b, "-7/0");
	watch_end(&b);
}

// An interface that vanishes has no daemon on it; what was joined stays for its holdtime.
static void the_daemons_addresses_follow(void **state)
{
	struct addr moved = neighbor_addr(5);
	struct bench b;

	(void)state;
	watch_begin(&b, NULL, 0);
	bench_join(&b, 2, 7, 210);
	pim_if_watched(b.pif, NULL, 0, b.now_us);
	bench_join(&b, 2, 8, 210);
	bench_expect(&b, "+7/2");
	pim_if_watched(b.pif, &moved, 1, b.now_us);
	bench_jp(&b, 2, 5, 8, true, 210);
	bench_jp(&b, 2, 1, 9, true, 210);
	bench_expect(&b, "+8/2");
	watch_end(&b);
}

static void a_restart_restores(void **state)
{
	struct addr n2 = neighbor_addr(2);
	struct sg sg = channel_sg(7);
	struct bench b;

	(void)state;
	watch_begin(&b, NULL, 0);
	assert_true(pim_if_restore(b.pif, &sg, &n2, b.now_us + 60 * US_PER_S, b.now_us));
	bench_expect(&b, "+7/2");
	bench_until(&b, 59999);
	bench_expect(&b, "");
	bench_until(&b, 60000);
	bench_expect(&b, "-7/0");
	watch_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_to_the_daemon_count),
		cmocka_unit_test(joins_of_the_daemon_count),
		cmocka_unit_test(joins_to_others_do_not_count),
		cmocka_unit_test(configured_upstream_addresses_count),
		cmocka_unit_test(a_prune_waits_while_another_router_is_there),
		cmocka_unit_test(the_daemons_prune_echo_is_harmless),
		cmocka_unit_test(a_join_before_a_hello_counts),
		cmocka_unit_test(flaps_are_held_back),
		cmocka_unit_test(nothing_is_ever_sent),
		cmocka_unit_test(the_daemons_addresses_follow),
		cmocka_unit_test(a_restart_restores),
	};

	return RUN_TESTS(tests);
}
