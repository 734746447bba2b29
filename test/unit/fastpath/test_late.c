// SPDX-License-Identifier: BSD-3-Clause
// Frames whose channel is not in its home bucket: they wait for the next bucket until the burst's
// others are done, and nobody notices. Many channels, so that there are such; two local addresses,
// frames that take the longer way and others that are dropped in between.
#include "unit/unit.h"

#include <string.h>

#include <rte_mbuf.h>

#include "base/rng.h"
#include "frames.h"
#include "mfib/mfib_table.h"
#include "rig.h"

#define ETH	 14
#define CHANNELS 400 // of each local address
#define LOCALS	 2
#define NEAR	 24 // channels of a burst, so that there are several frames of each
#define BURSTS	 1000

static struct rig rig;
static struct mfib_tunnel *tunnels[LOCALS];
static struct mfib_channel *channels[LOCALS][CHANNELS];
static unsigned int sent[LOCALS][CHANNELS];

struct mix {
	const char *golden, *relay, *locals[LOCALS];
	enum worker_shape shape;
	bool outer6, inner6;
};

static const struct mix mixes[] = {
	{"A12", "203.0.113.15", {"198.51.100.77", "198.51.100.78"}, SHAPE_4IN4, false, false},
	{"A40", "2001:db8:2::15", {"2001:db8:1::77", "2001:db8:1::78"}, SHAPE_6IN6, true, true},
};

static uint8_t *inner_of(struct frame *f, const struct mix *mix)
{
	return f->p + ETH + (mix->outer6 ? 40 : 20) + 10;
}

// Two of three go to interface 1 alone, which is expected.
static uint64_t oifs_of(unsigned int channel)
{
	return channel % 3 ? 1u << 1 : 1u << 2;
}

static void make(struct frame *f, const struct mix *mix, unsigned int local, unsigned int channel)
{
	struct addr dst = rig_ip(mix->locals[local]);
	uint8_t *inner;

	frame_golden(mix->golden, f);
	inner = inner_of(f, mix);
	memcpy(f->p + ETH + (mix->outer6 ? 24 : 16), dst.bytes, addr_size(&dst));
	inner[mix->inner6 ? 38 : 18] = (uint8_t)(channel >> 8);
	inner[mix->inner6 ? 39 : 19] = (uint8_t)channel;
}

static void fix(struct frame *f, const struct mix *mix)
{
	if (!mix->outer6)
		frame_fix_ip(f, ETH);
	if (!mix->inner6)
		frame_fix_ip(f, (size_t)(inner_of(f, mix) - f->p));
}

static void join(const struct mix *mix)
{
	struct addr relay = rig_ip(mix->relay);

	for (unsigned int l = 0; l < LOCALS; l++) {
		struct addr local = rig_ip(mix->locals[l]);

		tunnels[l] = mfib_tunnel_add(rig.mfib, &relay, &local, RIG_PORT);
		assert_non_null(tunnels[l]);
		for (unsigned int c = 0; c < CHANNELS; c++) {
			struct frame f;
			const uint8_t *inner;
			struct sg sg = {.s.family = mix->inner6 ? ADDR_V6 : ADDR_V4};

			make(&f, mix, l, c);
			inner = inner_of(&f, mix);
			sg.g.family = sg.s.family;
			memcpy(sg.s.bytes, inner + (mix->inner6 ? 8 : 12), addr_size(&sg.s));
			memcpy(sg.g.bytes, inner + (mix->inner6 ? 24 : 16), addr_size(&sg.g));
			channels[l][c] = mfib_channel_add(rig.mfib, tunnels[l], &sg, oifs_of(c));
			assert_non_null(channels[l][c]);
			sent[l][c] = 0;
		}
	}
}

static void leave(void)
{
	for (unsigned int l = 0; l < LOCALS; l++) {
		for (unsigned int c = 0; c < CHANNELS; c++)
			mfib_channel_del(rig.mfib, channels[l][c]);
		mfib_tunnel_del(rig.mfib, tunnels[l]);
	}
}

struct sent_frame {
	unsigned int local, channel;
	bool dropped;
};

// A frame, ready for the driver's word on it. One in eight takes the longer way, or ends here.
static struct rte_mbuf *random_frame(
	const struct mix *mix, struct rng *rng, unsigned int first, struct sent_frame *s)
{
	unsigned int kind = (unsigned int)rng_below(rng, 16);
	struct rte_mbuf *m;
	struct frame f;

	*s = (struct sent_frame){(unsigned int)rng_below(rng, LOCALS),
		(first + (unsigned int)rng_below(rng, NEAR)) % CHANNELS, kind == 1};
	make(&f, mix, s->local, s->channel);
	if (kind == 0) // ECT(0) outside: not in the loop
		f.p[ETH + 1] |= mix->outer6 ? 0x20 : 0x02;
	if (kind == 1) // nothing left of its TTL
		inner_of(&f, mix)[mix->inner6 ? 7 : 8] = 1;
	fix(&f, mix);
	m = rig_mbuf(&rig, f.p, f.len);
	m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	sent[s->local][s->channel] += !s->dropped;
	return m;
}

// Each frame is on the queue that it is for, and a channel's are in order.
static void check_queue(
	unsigned int ifindex, struct rte_mbuf *const *burst, const struct sent_frame *s)
{
	struct worker_tx *tx = &rig.worker.tx[ifindex];
	unsigned int expected = 0, at[WORKER_BURST] = {0};

	for (unsigned int i = 0; i < WORKER_BURST; i++) {
		if (s[i].dropped || oifs_of(s[i].channel) != 1u << ifindex)
			continue;
		for (at[i] = 0; at[i] < tx->n && tx->mbufs[at[i]] != burst[i]; at[i]++)
			;
		assert_true(at[i] < tx->n);
		expected++;
		for (unsigned int k = 0; k < i; k++) {
			if (!s[k].dropped && s[k].local == s[i].local &&
				s[k].channel == s[i].channel)
				assert_true(at[k] < at[i]);
		}
	}
	assert_int_equal(tx->n, expected);
	rte_pktmbuf_free_bulk(tx->mbufs, tx->n);
	tx->n = 0;
	tx->bytes = 0;
}

// expected: for which interface the bursts are expected to be.
static void run(const struct mix *mix, bool expected)
{
	struct rng rng = rng_seeded(20261128);
	struct rte_mbuf *burst[WORKER_BURST];
	struct sent_frame s[WORKER_BURST];
	uint64_t ttl = crossing_drop(rig.crossing, DROP_TTL), dropped = 0;

	join(mix);
	for (unsigned int k = 0; k < BURSTS; k++) {
		unsigned int first = (unsigned int)rng_below(&rng, CHANNELS);

		for (unsigned int i = 0; i < WORKER_BURST; i++) {
			burst[i] = random_frame(mix, &rng, first, &s[i]);
			dropped += s[i].dropped;
		}
		rig.worker.shape = mix->shape;
		rig.worker.expected_oifs[mix->shape] = expected ? 1u << 1 : 0;
		worker_process_burst(&rig.worker, 0, burst, WORKER_BURST);
		check_queue(1, burst, s);
		check_queue(2, burst, s);
	}
	assert_int_equal(crossing_drop(rig.crossing, DROP_TTL) - ttl, dropped);
	for (unsigned int l = 0; l < LOCALS; l++) {
		for (unsigned int c = 0; c < CHANNELS; c++) {
			struct mfib_stats stats;

			mfib_channel_stats(channels[l][c], &stats);
			assert_int_equal(stats.packets, sent[l][c]);
		}
	}
	leave();
	mfib_reclaim(rig.mfib);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

static void ipv4_in_ipv4(void **state)
{
	(void)state;
	run(&mixes[0], false);
}

static void ipv4_in_ipv4_expected(void **state)
{
	(void)state;
	run(&mixes[0], true);
}

static void ipv6_in_ipv6(void **state)
{
	(void)state;
	run(&mixes[1], false);
}

static void ipv6_in_ipv6_expected(void **state)
{
	(void)state;
	run(&mixes[1], true);
}

static int setup(void **state)
{
	(void)state;
	rig_setup(&rig, 1u << 1);
	rig.worker.ports[0].ip_cksum_hw = true;
	rig.worker.ports[0].l4_cksum_hw = true;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_teardown(&rig);
	return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ipv4_in_ipv4),
		T(ipv4_in_ipv4_expected),
		T(ipv6_in_ipv6),
		T(ipv6_in_ipv6_expected),
	};

	rig_eal_init("t_late");
	return RUN_TESTS(tests);
}
