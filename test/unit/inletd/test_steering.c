// SPDX-License-Identifier: BSD-3-Clause
// Tunnels on workers: by the NIC's hash, by flow rules, in software; rates; rebalancing.
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>

#include "unit/eal.h"
#include "unit/inletd/world.h"

static struct world w;

static struct steer_tuple tuple_of(const struct tunnel *t)
{
	return (struct steer_tuple){
		.relay = t->relay, .local = t->local, .relay_port = 2268, .local_port = t->port};
}

static void assert_even(unsigned int workers, unsigned int each)
{
	for (unsigned int i = 0; i < workers; i++)
		assert_int_equal(steering_worker_tunnels(w.s, i), each);
}

static void one_worker(void **state)
{
	struct tunnel *t;

	(void)state;
	world_flow.have = true;
	world_up(&w, 1, 1, SPREAD_OFF);
	t = world_open(&w);
	assert_string_equal(world_how(t), "single");
	assert_int_equal(world_worker(t), 0);
	assert_int_equal(world_flow.rules, 0);
	assert_int_equal(t->port, 50001); // the kernel's choice
	world_rebalance(&w, false);
	assert_int_equal(w.rows, 1);
	assert_string_equal(w.last.what, "nothing to move: there is one worker");
	world_down(&w);
}

static void by_hash(void **state)
{
	(void)state;
	world_flow.have = false;
	world_up(&w, 4, 4, SPREAD_OFF);
	for (int i = 0; i < 400; i++) {
		struct tunnel *t = world_open(&w);
		struct steer_tuple tuple = tuple_of(t);

		assert_string_equal(world_how(t), "rss");
		assert_int_equal(steer_queue(&w.port.steer, &tuple), world_worker(t));
	}
	assert_int_equal(world_binds, 400);
	assert_even(4, 100);
	assert_string_equal(steering_port_way(w.s, &w.sp, ADDR_V4), "rss");
	world_down(&w);
	// Two queues only, of which the second is worker 0's.
	world_up(&w, 4, 2, SPREAD_OFF);
	w.sp.first_worker = 3;
	for (int i = 0; i < 10; i++)
		world_open(&w);
	assert_int_equal(steering_worker_tunnels(w.s, 3), 5);
	assert_int_equal(steering_worker_tunnels(w.s, 0), 5);
	world_down(&w);
}

static void new_tunnels_go_where_there_is_least_traffic(void **state)
{
	struct tunnel *t;

	(void)state;
	world_flow.have = false;
	world_up(&w, 4, 4, SPREAD_OFF);
	for (int i = 0; i < 4; i++)
		world_open(&w);
	assert_even(4, 1);
	for (int i = 0; i < 4; i++)
		w.tunnels[i].pps = world_worker(&w.tunnels[i]) == 2 ? 1000 : 100000;
	world_run(&w, 3);
	for (int i = 0; i < 4; i++) {
		struct observe_steering v;

		steering_view(w.tunnels[i].st, &v);
		assert_int_equal(v.packets_per_s, w.tunnels[i].pps);
		assert_int_equal(v.bytes_per_s, w.tunnels[i].pps * 1000);
	}
	t = world_open(&w);
	assert_int_equal(world_worker(t), 2);
	// Not known yet, it counts as much as the mean: one more makes worker 2 no longer the
	// least.
	t = world_open(&w);
	assert_int_equal(world_worker(t), 2); // 1000 + 75250 is still less than 100000
	t = world_open(&w);
	assert_int_not_equal(world_worker(t), 2);
	world_down(&w);
}

static void ports_that_others_have(void **state)
{
	struct tunnel *t;

	(void)state;
	world_flow.have = false;
	world_up(&w, 4, 4, SPREAD_OFF);
	world_taken = 5;
	t = world_open(&w);
	assert_int_equal(world_binds, 6);
	assert_string_equal(world_how(t), "rss");
	world_taken = 1000;
	t = world_open(&w); // in the end the kernel's
	assert_true(t->port > 50000);
	assert_string_equal(world_how(t), "rss");
	world_taken = 0;
	world_bind_errno = EADDRNOTAVAIL;
	assert_null(world_open(&w));
	assert_int_equal(errno, EADDRNOTAVAIL);
	assert_int_equal(w.n, 2);
	world_down(&w);
}

static void a_relay_meets_us_again(void **state)
{
	struct tunnel *t, *other;
	struct addr relay;
	uint16_t port;

	(void)state;
	world_flow.have = false;
	world_up(&w, 4, 4, SPREAD_OFF);
	t = world_open(&w);
	relay = t->relay;
	port = t->port;
	world_close(&w, t);
	w.now_us += 100 * USEC_PER_SEC;
	// Its queue is no longer the least loaded, but the relay has state for the port.
	do
		other = world_open(&w);
	while (steering_worker_tunnels(w.s, 0) < 2);
	assert_non_null(other);
	t = world_open_to(&w, &relay);
	assert_int_equal(t->port, port);
	world_close(&w, t);
	// Much later the load decides.
	w.now_us += 3600 * USEC_PER_SEC;
	for (unsigned int i = 0; i < w.n; i++)
		if (w.tunnels[i].st)
			w.tunnels[i].pps = world_worker(&w.tunnels[i]) == 0 ? 0 : 5000;
	world_run(&w, 12);
	t = world_open_to(&w, &relay);
	assert_int_equal(world_worker(t), 0);
	// Another one has taken it meanwhile.
	port = t->port;
	world_close(&w, t);
	world_taken = 1;
	t = world_open_to(&w, &relay);
	assert_int_not_equal(t->port, port);
	world_down(&w);
}

static void by_rules(void **state)
{
	struct tunnel *t;

	(void)state;
	world_flow.have = true;
	world_up(&w, 4, 4, SPREAD_OFF);
	for (int i = 0; i < 40; i++) {
		t = world_open(&w);
		assert_string_equal(world_how(t), "flow");
		assert_int_equal(world_flow.last_queue, world_worker(t));
		assert_int_equal(world_flow.last_dport, t->port);
	}
	assert_int_equal(world_flow.rules, 40);
	assert_even(4, 10);
	world_close(&w, &w.tunnels[7]);
	assert_int_equal(world_flow.rules, 39);
	// The driver's table is full: the hash was minded too.
	world_flow.fail = ENOSPC;
	t = world_open(&w);
	assert_string_equal(world_how(t), "rss");
	assert_even(4, 10);
	world_flow.fail = 0;
	world_down(&w);
}

static void in_software(void **state)
{
	(void)state;
	world_flow.have = true;
	world_up(&w, 4, 1, SPREAD_TUNNEL);
	for (int i = 0; i < 40; i++) {
		struct tunnel *t = world_open(&w);

		assert_string_equal(world_how(t), "software");
		assert_int_equal(
			crossing_spread_get_tunnel(w.x, crossing_spread_tunnel(&t->relay, t->port)),
			world_worker(t));
	}
	assert_even(4, 10);
	assert_int_equal(world_flow.rules, 0);
	assert_string_equal(steering_port_way(w.s, &w.sp, ADDR_V4), "software");
	world_down(&w);
	world_up(&w, 4, 1, SPREAD_CHANNEL);
	assert_int_equal(world_worker(world_open(&w)), -1);
	world_down(&w);
}

// Traffic on tunnels of one worker; the others are idle.
static void load_worker(int worker, uint64_t pps)
{
	for (unsigned int i = 0; i < w.n; i++)
		w.tunnels[i].pps = world_worker(&w.tunnels[i]) == worker ? pps : 0;
	world_run(&w, 12);
}

static void rebalance_rss_table(void **state)
{
	uint16_t before[128];

	(void)state;
	world_flow.have = false;
	world_up(&w, 4, 4, SPREAD_OFF);
	world_rebalance(&w, false);
	assert_string_equal(w.last.what, "nothing to move: there is no tunnel");
	for (int i = 0; i < 80; i++)
		world_open(&w);
	world_run(&w, 12);
	world_rebalance(&w, false);
	assert_string_equal(w.last.what, "nothing to move: the load is even");
	load_worker(1, 10000);
	memcpy(before, w.port.steer.reta, sizeof(before));
	world_rebalance(&w, true);
	assert_true(w.rows > 2);
	assert_string_equal(w.first.what, "now");
	assert_true(w.first.balance > 3.9);
	assert_true(w.last.balance < 1.5);
	assert_int_equal(w.last.from, 1);
	assert_non_null(strstr(w.last.what, "RSS table entry"));
	assert_memory_equal(before, w.port.steer.reta, sizeof(before)); // dry
	world_rebalance(&w, false);
	assert_memory_not_equal(before, w.port.steer.reta, sizeof(before));
	for (unsigned int i = 0; i < w.n; i++) {
		struct steer_tuple t = tuple_of(&w.tunnels[i]);

		assert_int_equal(steer_queue(&w.port.steer, &t), world_worker(&w.tunnels[i]));
	}
	world_run(&w, 3);
	world_rebalance(&w, true);
	assert_true(w.first.balance < 1.5);
	world_down(&w);
}

static void rebalance_rules(void **state)
{
	unsigned int moved = 0;
	double last;

	(void)state;
	world_flow.have = true;
	world_up(&w, 4, 4, SPREAD_OFF);
	for (int i = 0; i < 80; i++)
		world_open(&w);
	load_worker(3, 10000);
	world_rebalance(&w, false);
	assert_true(w.first.balance > 3.9);
	assert_true(w.last.balance < 1.1);
	last = w.last.balance;
	assert_non_null(strstr(w.last.what, "tunnel 203.0.113."));
	assert_int_equal(world_flow.rules, 80);
	for (unsigned int i = 0; i < w.n; i++)
		moved += w.tunnels[i].pps > 0 && world_worker(&w.tunnels[i]) != 3;
	assert_int_equal(moved, 15);
	assert_int_equal(moved, w.rows - 1);
	world_run(&w, 3);
	world_rebalance(&w, true);
	assert_true(w.first.balance < last + 0.01);
	// A driver that refuses keeps the old rule.
	load_worker(2, 10000);
	world_flow.fail = EIO;
	world_rebalance(&w, false);
	world_flow.fail = 0;
	assert_string_equal(w.last.what, "nothing moved: the driver refused (see the log)");
	world_down(&w);
}

static void rebalance_software(void **state)
{
	(void)state;
	world_flow.have = false;
	world_up(&w, 4, 1, SPREAD_TUNNEL);
	for (int i = 0; i < 40; i++)
		world_open(&w);
	load_worker(2, 10000);
	world_rebalance(&w, false);
	assert_true(w.first.balance > 3.9);
	assert_true(w.last.balance < 1.3);
	assert_non_null(strstr(w.last.what, "software, tunnels of entry"));
	for (unsigned int i = 0; i < w.n; i++) {
		const struct tunnel *t = &w.tunnels[i];

		assert_int_equal(
			crossing_spread_get_tunnel(w.x, crossing_spread_tunnel(&t->relay, t->port)),
			world_worker(t));
	}
	world_down(&w);
}

// More than its worker can carry: spread by channel, at once when the worker is busy all the time.
static void elephant(void **state)
{
	struct tunnel *t;
	unsigned int entry, row;

	(void)state;
	world_flow.have = false;
	world_up(&w, 4, 1, SPREAD_TUNNEL);
	for (int i = 0; i < 8; i++)
		world_open(&w);
	t = &w.tunnels[3];
	t->pps = 4000000;
	w.tunnels[4].pps = 1000;
	entry = crossing_spread_tunnel(&t->relay, t->port);
	world_run(&w, 10);
	assert_int_equal(crossing_spread_get_tunnel(w.x, entry), world_worker(t));
	for (int i = 0; i < 5; i++) {
		struct crossing_load *l =
			&w.x->workers[world_worker(t) < 0 ? 0 : world_worker(t)]->load;

		l->busy_cycles += 99;
		l->idle_cycles += 1;
		world_run(&w, 1);
	}
	assert_int_equal(crossing_spread_get_tunnel(w.x, entry), SPREAD_BY_CHANNEL);
	assert_int_equal(world_worker(t), -1);
	// Its channels stand in entries 0, 16, ..., all of worker 0: they are moved apart.
	world_run(&w, 3);
	world_rebalance(&w, false);
	assert_true(w.first.balance > 3.9);
	assert_true(w.last.balance < 1.1);
	assert_non_null(strstr(w.last.what, "software, channels of entry"));
	row = w.rows;
	assert_true(row > 40);
	world_down(&w);
}

static void rebalance_splits_an_elephant(void **state)
{
	struct tunnel *t;
	unsigned int entry;

	(void)state;
	world_flow.have = false;
	world_up(&w, 4, 1, SPREAD_TUNNEL);
	for (int i = 0; i < 8; i++)
		world_open(&w);
	t = &w.tunnels[3];
	t->pps = 4000000;
	entry = crossing_spread_tunnel(&t->relay, t->port);
	world_run(&w, 3);
	world_rebalance(&w, true);
	assert_int_not_equal(crossing_spread_get_tunnel(w.x, entry), SPREAD_BY_CHANNEL);
	assert_int_equal(w.last.to, -1);
	assert_true(w.last.balance < 1.1);
	world_rebalance(&w, false);
	assert_int_equal(crossing_spread_get_tunnel(w.x, entry), SPREAD_BY_CHANNEL);
	world_down(&w);
}

static void what_nothing_can_move(void **state)
{
	(void)state;
	world_flow.have = false;
	world_up(&w, 4, 1, SPREAD_OFF);
	world_open(&w);
	assert_string_equal(world_how(&w.tunnels[0]), "single");
	w.tunnels[0].pps = 1000;
	world_run(&w, 2);
	world_rebalance(&w, false);
	assert_string_equal(w.last.what,
		"nothing can be moved: no port here has flow rules, an RSS table or spreading");
	assert_true(w.last.balance == 4);
	world_down(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_worker),
		cmocka_unit_test(by_hash),
		cmocka_unit_test(new_tunnels_go_where_there_is_least_traffic),
		cmocka_unit_test(ports_that_others_have),
		cmocka_unit_test(a_relay_meets_us_again),
		cmocka_unit_test(by_rules),
		cmocka_unit_test(in_software),
		cmocka_unit_test(rebalance_rss_table),
		cmocka_unit_test(rebalance_rules),
		cmocka_unit_test(rebalance_software),
		cmocka_unit_test(elephant),
		cmocka_unit_test(rebalance_splits_an_elephant),
		cmocka_unit_test(what_nothing_can_move),
	};

	return eal_begin("test_steering", "128") ? RUN_TESTS(tests) : 1;
}
