// SPDX-License-Identifier: BSD-3-Clause
// Outer fragments of AMT data through the function that a worker runs on a burst.
#include "unit/unit.h"

#include <string.h>

#include <rte_mbuf.h>

#include "fragments.h"
#include "frames.h"
#include "rig.h"

#define OUTER_IP 14
#define UDP	 34
#define INNER	 44

static struct rig rig;
static struct frame whole;
static struct datagram d;

// Frames of the golden vector in fragments.
static void cut_golden(const char *id)
{
	frame_golden(id, &whole);
	d.l3 = OUTER_IP;
	d.ip_len = UDP - OUTER_IP;
	d.payload = (unsigned int)whole.len - UDP;
	memcpy(d.frame, whole.p, whole.len);
}

static int setup(void **state)
{
	const struct reass_cfg cfg = {.datagrams = 4, .timeout_ms = 10000, .socket = SOCKET_ID_ANY};

	(void)state;
	rig_setup(&rig, 1u << 1 | 1u << 2);
	rig.worker.reass = reass_create(&cfg);
	assert_non_null(rig.worker.reass);
	cut_golden("A12");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	reass_destroy(rig.worker.reass);
	rig_teardown(&rig);
	return 0;
}

static void input(const struct fragment_spec *f, struct outcome *o)
{
	uint8_t frame[DATAGRAM_MAX];
	size_t len = fragment_frame(&d, f, frame);

	rig_run(&rig, frame, len, o);
}

static void waits(const struct fragment_spec *f)
{
	struct outcome o;

	input(f, &o);
	assert_int_equal(o.forwarded + o.drops + o.punted[RIG_CONTROL] + o.punted[RIG_OTHER], 0);
}

static struct fragment_spec first(void)
{
	return (struct fragment_spec){.begin = 0, .end = 24};
}

static struct fragment_spec rest(void)
{
	return (struct fragment_spec){.begin = 24, .end = d.payload, .last = true};
}

static void comes_out_as_if_whole(void **state)
{
	static const char *const ids[] = {"A11", "A12", "A21", "A22"};
	struct mfib_stats stats;

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		struct fragment_spec a, b;
		struct outcome o, want;

		cut_golden(ids[i / 2]);
		rig_run(&rig, whole.p, whole.len, &want);
		assert_int_equal(want.forwarded, 2);
		a = first();
		b = rest();
		a.ecn = b.ecn = whole.p[OUTER_IP + 1] & 3;
		waits(i % 2 ? &a : &b);
		input(i % 2 ? &b : &a, &o);
		assert_int_equal(o.forwarded, 2);
		assert_int_equal(o.drops, 0);
		assert_int_equal(o.oifs, want.oifs);
		assert_int_equal(o.len, want.len);
		assert_memory_equal(o.frame, want.frame, want.len);
		assert_int_equal(rig_mbufs_in_use(&rig), 0);
	}
	mfib_channel_stats(rig.channel, &stats);
	assert_int_equal(stats.packets, 16);
}

// What a whole datagram would be dropped for, one in fragments is too.
static void is_checked_as_if_whole(void **state)
{
	struct fragment_spec a = first(), b = rest();
	struct outcome o;

	(void)state;
	b.damaged = 30;
	waits(&a);
	input(&b, &o);
	assert_int_equal(o.drops, 1);
	assert_int_equal(o.reason, DROP_UDP_CKSUM);
	// A datagram that ends before its UDP length.
	b = rest();
	b.end -= 20;
	waits(&a);
	input(&b, &o);
	assert_int_equal(o.drops, 1);
	assert_int_equal(o.reason, DROP_OUTER_LENGTH);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

static void only_what_a_relay_may_have_sent(void **state)
{
	struct fragment_spec b = rest();
	uint8_t frame[DATAGRAM_MAX];
	size_t len = fragment_frame(&d, &b, frame);
	struct outcome o;

	(void)state;
	frame[OUTER_IP + 10] ^= 1;
	rig_run(&rig, frame, len, &o);
	assert_int_equal(o.drops, 1);
	assert_int_equal(o.reason, DROP_OUTER_CKSUM);
	frame[OUTER_IP + 15] ^= 1; // no relay has this address
	rig_run(&rig, frame, len, &o);
	assert_int_equal(o.drops, 0);
	assert_int_equal(o.punted[RIG_OTHER], 1);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

// A first fragment says whose it is by its port: that of another sender waits for nothing.
static void a_first_one_of_another_does_not_wait(void **state)
{
	struct fragment_spec a = first();
	uint8_t frame[DATAGRAM_MAX];
	size_t len = fragment_frame(&d, &a, frame);
	struct outcome o;

	(void)state;
	frame[OUTER_IP + 15]--;
	if (++frame[OUTER_IP + 11] == 0)
		frame[OUTER_IP + 10]++;
	rig_run(&rig, frame, len, &o);
	assert_int_equal(o.drops, 1);
	assert_int_equal(o.reason, DROP_NOT_RELAY);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

static void a_drop_is_counted_for_each_fragment(void **state)
{
	struct fragment_spec a = first(), over = {.begin = 16, .end = 32};
	struct outcome o;

	(void)state;
	waits(&a);
	waits(&a);
	input(&over, &o);
	assert_int_equal(o.drops, 3);
	assert_int_equal(rig.x->drops[DROP_FRAG_OVERLAP], 3);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

static void dropped_when_so_configured(void **state)
{
	struct fragment_spec a = first(), b = rest();
	struct reass *r = rig.worker.reass;
	struct outcome o;

	(void)state;
	rig.worker.reass = NULL;
	input(&a, &o);
	assert_int_equal(o.reason, DROP_OUTER_FRAGMENT);
	input(&b, &o);
	assert_int_equal(o.drops, 1);
	assert_int_equal(rig.x->drops[DROP_OUTER_FRAGMENT], 2);
	rig.worker.reass = r;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(comes_out_as_if_whole),
		T(is_checked_as_if_whole),
		T(only_what_a_relay_may_have_sent),
		T(a_first_one_of_another_does_not_wait),
		T(a_drop_is_counted_for_each_fragment),
		T(dropped_when_so_configured),
	};

	rig_eal_init("t_fragments");
	return RUN_TESTS(tests);
}
