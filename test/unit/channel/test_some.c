// SPDX-License-Identifier: BSD-3-Clause
// What is told of channels in pieces, and the figures that only metrics want.
#include "unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "world.h"

#define R1 "203.0.113.1"
#define MS USEC_PER_MSEC
#define S  USEC_PER_SEC
#define N  90 // channels

static const char *group(unsigned int i)
{
	static char text[ADDR_STRLEN];

	snprintf(text, sizeof(text), "232.1.1.%u", 1 + i);
	return text;
}

struct seen {
	unsigned int n, states[CHANNEL_WAITING + 1];
	uint64_t packets_per_s;
};

static void brief_cb(void *arg, const struct channel_brief *b)
{
	struct seen *seen = arg;

	seen->n++;
	seen->states[b->state]++;
	seen->packets_per_s += b->packets_per_s;
}

static void view_cb(void *arg, const struct channel_view *v)
{
	struct seen *seen = arg;

	seen->n++;
	seen->states[v->state]++;
}

static struct seen briefs(uint32_t n)
{
	struct seen seen = {0};
	uint32_t cursor = 0;
	unsigned int pieces = 1;

	while (channels_briefs_some(w.cs, &cursor, n, brief_cb, &seen))
		pieces++;
	assert_true(pieces >= seen.n / (n + 20)); // a piece is as long as was asked, about
	return seen;
}

static void pieces_meet_all_once(void **state)
{
	struct seen seen = {0}, b;
	uint32_t cursor = 0;

	(void)state;
	assert_int_equal(briefs(10).n, 0);
	world_dns(1, R1);
	for (unsigned int i = 0; i < N; i++)
		world_want("192.0.2.1", group(i), 1, true);
	assert_int_equal(briefs(10).states[CHANNEL_RESOLVING], N);
	world_run(1 * MS);
	assert_int_equal(briefs(10).states[CHANNEL_DISCOVERING], N);
	world_run(1 * MS);
	assert_int_equal(briefs(10).states[CHANNEL_CONNECTING], N);
	world_run(10 * MS);
	for (unsigned int i = 0; i < 3; i++)
		world_packets("192.0.2.1", group(i), 1);
	world_run(10 * MS);
	b = briefs(10);
	assert_int_equal(b.n, N);
	assert_int_equal(b.states[CHANNEL_FLOWING], 3);
	assert_int_equal(b.states[CHANNEL_JOINED], N - 3);
	while (channels_some(w.cs, &cursor, 7, view_cb, &seen))
		;
	assert_int_equal(seen.n, N);
	assert_memory_equal(seen.states, b.states, sizeof(b.states));
	for (unsigned int i = 0; i < N; i++)
		world_want("192.0.2.1", group(i), 1, false);
	assert_int_equal(briefs(10).n, 0);
}

static void rates(void **state)
{
	(void)state;
	world_dns(1, R1);
	world_want("192.0.2.1", group(0), 1, true);
	world_run(10 * MS);
	for (int i = 0; i < 10; i++) {
		world_packets("192.0.2.1", group(0), 500);
		world_run(1 * S);
	}
	assert_in_range(briefs(1).packets_per_s, 300, 700);
	world_run(10 * S);
	assert_int_equal(briefs(1).packets_per_s, 0); // it has stalled
}

static void latency(void **state)
{
	const struct histogram *h = channels_latency(w.cs);
	uint64_t sum = 0;

	(void)state;
	assert_int_equal(h->count, 0);
	world_dns(1, R1);
	world_want("192.0.2.1", group(0), 1, true);
	world_run(200 * MS);
	assert_int_equal(h->count, 0);
	world_packets("192.0.2.1", group(0), 1);
	world_run(10 * MS);
	assert_int_equal(h->count, 1);
	assert_in_range(h->sum_us, 200 * MS, 220 * MS);
	for (unsigned int i = 0; i <= HISTOGRAM_N_BOUNDS; i++) {
		sum += h->counts[i];
		assert_int_equal(
			h->counts[i], i < HISTOGRAM_N_BOUNDS && histogram_bounds_us[i] == 250 * MS);
	}
	assert_int_equal(sum, 1);
}

static void tunnel_cb(void *arg, const struct tunnel_view *v)
{
	unsigned int *n = arg;

	++*n;
	assert_int_equal(v->packets, 7); // what is folded
}

static void relay_cb(void *arg, const struct relay_view *v)
{
	unsigned int *n = arg;

	++*n;
	assert_true(v->in_use);
}

static void tunnels_and_relays(void **state)
{
	unsigned int tunnels = 0, relays = 0;
	uint32_t cursor = 0;

	(void)state;
	world_dns(1, R1);
	world_want("192.0.2.1", group(0), 1, true);
	world_want("192.0.2.2", group(1), 1, true);
	world_run(100 * MS);
	while (channels_tunnels_some(w.cs, &cursor, 1, tunnel_cb, &tunnels))
		;
	assert_int_equal(tunnels, 1);
	while (channels_relays_some(w.cs, &cursor, 1, relay_cb, &relays))
		;
	assert_int_equal(relays, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pieces_meet_all_once, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(rates, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(latency, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(tunnels_and_relays, world_setup, world_teardown),
	};

	return RUN_TESTS(tests);
}
