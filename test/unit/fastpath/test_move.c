// SPDX-License-Identifier: BSD-3-Clause
// A channel in a move: two tunnels bring it, each packet leaves once.
#include "unit/unit.h"

#include <string.h>

#include <rte_mbuf.h>

#include "base/rng.h"
#include "fastpath/move.h"
#include "frames.h"
#include "rig.h"

#define OUTER_IP 14
#define UDP	 34
#define INNER	 44
#define PORT2	 (RIG_PORT + 1)

static struct rig rig;
static struct mfib_tunnel *second;
static struct mfib_channel *channel2;
static struct mfib_window *window;

static int setup(void **state)
{
	struct addr relay, local;
	struct sg sg;

	(void)state;
	rig_setup(&rig, 1u << 1);
	addr_parse("203.0.113.16", &relay);
	addr_parse("198.51.100.10", &local);
	addr_parse("192.0.2.12", &sg.s);
	addr_parse("232.252.0.2", &sg.g);
	second = mfib_tunnel_add(rig.mfib, &relay, &local, PORT2);
	assert_non_null(second);
	channel2 = mfib_channel_add(rig.mfib, second, &sg, 1u << 1);
	window = mfib_window_create(rig.mfib, 1000);
	assert_non_null(window);
	assert_int_equal(mfib_channel_guard(rig.mfib, rig.channel, window, 0), 0);
	assert_int_equal(mfib_channel_guard(rig.mfib, channel2, window, 1), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mfib_channel_del(rig.mfib, channel2);
	mfib_tunnel_del(rig.mfib, second);
	mfib_window_destroy(rig.mfib, window);
	rig_teardown(&rig);
	return 0;
}

// Packet number n of the channel, as the relay of this side sends it.
static struct frame packet(uint16_t n, unsigned int side)
{
	struct frame f;

	frame_golden("A12", &f);
	f.p[INNER + 4] = (uint8_t)(n >> 8);
	f.p[INNER + 5] = (uint8_t)n;
	frame_fix_ip(&f, INNER);
	if (side == 1) {
		f.p[OUTER_IP + 15] = 16;
		f.p[UDP + 2] = PORT2 >> 8;
		f.p[UDP + 3] = PORT2 & 0xff;
		f.p[INNER + 8]--;	// other routers on the way
		f.p[INNER + 1] ^= 0xb8; // that mark it differently
		frame_fix_ip(&f, OUTER_IP);
		frame_fix_ip(&f, INNER);
	}
	frame_fix_udp(&f);
	return f;
}

static bool forwarded(const struct frame *f)
{
	struct outcome o;

	rig_run(&rig, f->p, f->len, &o);
	assert_int_equal(o.punted[RIG_CONTROL] + o.punted[RIG_OTHER], 0);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
	if (o.forwarded) {
		uint8_t want[RIG_FRAME];

		assert_int_equal(o.len, frame_expect(f, rig.worker.ifs[1].mac, want));
		assert_memory_equal(o.frame, want, o.len);
		assert_int_equal(o.oifs, 1u << 1);
		assert_int_equal(o.drops, 0);
		return true;
	}
	assert_int_equal(o.drops, 1);
	assert_int_equal(o.reason, DROP_MOVE_DUPLICATE);
	return false;
}

static bool from(unsigned int side, uint16_t n)
{
	struct frame f = packet(n, side);

	return forwarded(&f);
}

static void each_packet_once(void **state)
{
	struct mfib_guard_stats old, new;
	struct mfib_stats a, b;

	(void)state;
	for (uint16_t n = 0; n < 100; n++)
		assert_true(from(0, n)); // the old one is ahead
	for (uint16_t n = 0; n < 100; n++)
		assert_false(from(1, n));
	for (uint16_t n = 100; n < 150; n++)
		assert_true(from(1, n));
	for (uint16_t n = 100; n < 150; n++)
		assert_false(from(0, n));
	assert_true(from(0, 7)); // the source sends one again
	assert_true(from(0, 7));
	assert_false(from(1, 7));
	assert_false(from(1, 7));
	mfib_channel_guard_stats(rig.channel, &old);
	mfib_channel_guard_stats(channel2, &new);
	assert_int_equal(old.first, 102);
	assert_int_equal(old.duplicates, 50);
	assert_int_equal(new.first, 50);
	assert_int_equal(new.duplicates, 102);
	// What was forwarded is counted once, where it came.
	mfib_channel_stats(rig.channel, &a);
	mfib_channel_stats(channel2, &b);
	assert_int_equal(a.packets, 102);
	assert_int_equal(b.packets, 50);
}

// The longer way makes the same of it.
static void either_way(void **state)
{
	struct frame f;

	(void)state;
	f = packet(1, 0);
	f.p[OUTER_IP + 1] = 3; // an ECN field, and CE on a packet that is ECN-capable
	f.p[INNER + 1] = 1;
	frame_fix_ip(&f, OUTER_IP);
	frame_fix_ip(&f, INNER);
	frame_fix_udp(&f);
	assert_true(forwarded(&f));
	assert_false(from(1, 1));
	assert_true(from(1, 2));
	f = packet(2, 0);
	f.p[OUTER_IP + 1] = 1;
	frame_fix_ip(&f, OUTER_IP);
	assert_false(forwarded(&f));
}

// A packet that is not forwarded for another reason is not known afterwards.
static void bad_packets_are_not_remembered(void **state)
{
	struct outcome o;
	struct frame f = packet(1, 0);

	(void)state;
	f.p[INNER + 8] = 1;
	frame_fix_ip(&f, INNER);
	frame_fix_udp(&f);
	rig_run(&rig, f.p, f.len, &o);
	assert_int_equal(o.reason, DROP_TTL);
	assert_true(from(1, 1));
	f = packet(3, 0);
	f.p[OUTER_IP + 1] = 3; // CE on one that is not ECN-capable
	frame_fix_ip(&f, OUTER_IP);
	rig_run(&rig, f.p, f.len, &o);
	assert_int_equal(o.reason, DROP_ECN);
	assert_true(from(1, 3));
}

// Another router forwards it meanwhile: it is counted, and still each packet once.
static void muted_in_a_move(void **state)
{
	struct mfib_stats s;
	struct outcome o;
	struct frame f = packet(1, 0);

	(void)state;
	mfib_channel_oifs(rig.mfib, rig.channel, 0);
	mfib_channel_oifs(rig.mfib, channel2, 0);
	rig_run(&rig, f.p, f.len, &o);
	assert_int_equal(o.reason, DROP_MUTED);
	f = packet(2, 0);
	f.p[OUTER_IP + 1] = 1; // the longer way
	frame_fix_ip(&f, OUTER_IP);
	rig_run(&rig, f.p, f.len, &o);
	assert_int_equal(o.reason, DROP_MUTED);
	assert_false(from(1, 1));
	mfib_channel_stats(rig.channel, &s);
	assert_int_equal(s.packets, 2);
	mfib_channel_oifs(rig.mfib, rig.channel, 1u << 1);
	assert_true(from(0, 5));
	mfib_channel_oifs(rig.mfib, channel2, 1u << 1);
}

// Guards come and go between any two packets.
static void nothing_is_lost_to_the_change(void **state)
{
	(void)state;
	for (uint16_t n = 0; n < 50; n++) {
		mfib_channel_unguard(rig.mfib, rig.channel);
		assert_true(from(0, n));
		assert_int_equal(mfib_channel_guard(rig.mfib, rig.channel, window, 0), 0);
		assert_true(from(0, (uint16_t)(n + 1000)));
		mfib_reclaim(rig.mfib);
	}
}

// A burst of another channel's frames around them stays in its loop, and in order.
static void other_frames_of_the_burst(void **state)
{
	struct rte_mbuf *mbufs[WORKER_BURST];
	struct mfib_channel *other;
	struct sg sg;

	(void)state;
	addr_parse("192.0.2.13", &sg.s);
	addr_parse("232.252.0.2", &sg.g);
	other = mfib_channel_add(rig.mfib, rig.tunnel, &sg, 1u << 2);
	for (unsigned int round = 0; round < 4; round++) {
		for (unsigned int i = 0; i < WORKER_BURST; i++) {
			struct frame f = packet((uint16_t)(round * 100 + i), 0);

			if (i % 2)
				f = packet((uint16_t)(round * 100 + i - 1), 1); // a copy
			if (i % 4 == 2) {
				f.p[INNER + 15] = 13;
				frame_fix_ip(&f, INNER);
				frame_fix_udp(&f);
			}
			mbufs[i] = rig_mbuf(&rig, f.p, f.len);
		}
		worker_process_burst(&rig.worker, 0, mbufs, WORKER_BURST);
		if (round > 0)
			assert_int_equal(rig.worker.shape, SHAPE_4IN4);
		// As many pairs as those whose other one is of another channel.
		assert_int_equal(rig.worker.tx[1].n, WORKER_BURST / 2);
		assert_int_equal(rig.worker.tx[2].n, WORKER_BURST / 4);
		for (unsigned int i = 1; i < RIG_IFS; i++) {
			for (unsigned int k = 0; k < rig.worker.tx[i].n; k++)
				rte_pktmbuf_free(rig.worker.tx[i].mbufs[k]);
			rig.worker.tx[i].n = 0;
			rig.worker.tx[i].bytes = 0;
		}
		assert_true(rig.worker.tx_pending & 1u << 1);
	}
	mfib_channel_del(rig.mfib, other);
}

// Every octet counts but those that routers change.
static void digests(void **state)
{
	uint64_t seed[MFIB_WINDOW_SEEDS], other[MFIB_WINDOW_SEEDS];
	struct rng rng = rng_seeded(1);
	uint8_t p[100];

	(void)state;
	rng_bytes(&rng, seed, sizeof(seed));
	memcpy(other, seed, sizeof(seed));
	other[3]++;
	for (unsigned int v6 = 0; v6 < 2; v6++) {
		for (unsigned int len = v6 ? 40 : 20; len <= sizeof(p); len++) {
			uint64_t d;

			rng_bytes(&rng, p, sizeof(p));
			d = move_digest(seed, p, len, v6);
			assert_true(d != move_digest(other, p, len, v6));
			for (unsigned int bit = 0; bit < len * 8; bit++) {
				unsigned int at = bit / 8;
				bool out = at == 1 || at == 8 || at == 10 || at == 11;

				if (v6) // the traffic class lies across two octets
					out = at == 7 || (at == 0 && bit % 8 < 4) ||
					      (at == 1 && bit % 8 >= 4);
				p[at] ^= (uint8_t)(1u << bit % 8);
				assert_int_equal(d == move_digest(seed, p, len, v6), out);
				p[at] ^= (uint8_t)(1u << bit % 8);
			}
			assert_true(d == move_digest(seed, p, len, v6));
		}
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(each_packet_once),
		T(either_way),
		T(bad_packets_are_not_remembered),
		T(muted_in_a_move),
		T(nothing_is_lost_to_the_change),
		T(other_frames_of_the_burst),
		cmocka_unit_test(digests),
	};

	rig_eal_init("t_move");
	return RUN_TESTS(tests);
}
