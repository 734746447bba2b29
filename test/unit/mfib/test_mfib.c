// SPDX-License-Identifier: BSD-3-Clause
// Tunnels, channels, their errors and their counters, in all mixes of families.
#include "unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "mixes.h"

static struct addr ip(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct mfib_tunnel *tunnel_of(
	struct mfib *m, const char *relay, const char *local, uint16_t port)
{
	struct addr r = ip(relay), l = ip(local);

	errno = 0;
	return mfib_tunnel_add(m, &r, &l, port);
}

static void tunnels_and_their_errors(void **state)
{
	struct mfib *m = mfib_create(2, NULL);
	struct mfib_tunnel *t;
	struct mfib_table *w;
	struct mfib_usage u;
	uint32_t local = inet_addr("198.51.100.10"), relay = inet_addr("203.0.113.15");

	(void)state;
	assert_non_null(m);
	assert_null(mfib_worker_table(m, 2));
	w = mfib_worker_table(m, 1);
	assert_int_equal(mfib_local_find4(w->ep, local), 0);
	t = tunnel_of(m, "203.0.113.15", "198.51.100.10", 40000);
	assert_non_null(t);
	assert_int_equal(mfib_local_find4(w->ep, local), 1);
	assert_int_equal(mfib_tunnel_relay4(w->ep, 1, 40000), relay);
	assert_int_equal(mfib_tunnel_relay4(w->ep, 1, 40001), 0);
	assert_true(mfib_relay_possible(w->ep, relay));
	// An IPv6 packet to the mapped form is not one to it: its relays are not of that size.
	assert_int_equal(mfib_local_find6(w->ep, ip("::ffff:198.51.100.10").bytes), 0);
	assert_null(tunnel_of(m, "203.0.113.16", "198.51.100.10", 40000)); // the same socket
	assert_int_equal(errno, EEXIST);
	assert_null(tunnel_of(m, "203.0.113.15", "198.51.100.10", 0));
	assert_int_equal(errno, EINVAL);
	assert_null(tunnel_of(m, "232.0.0.1", "198.51.100.10", 1));
	assert_int_equal(errno, EINVAL);
	assert_null(tunnel_of(m, "203.0.113.15", "0.0.0.0", 1));
	assert_int_equal(errno, EINVAL);
	assert_null(tunnel_of(m, "2001:db8::1", "198.51.100.10", 1));
	assert_int_equal(errno, EINVAL);
	assert_null(tunnel_of(m, "2001:db8::1", "::ffff:198.51.100.10", 1));
	assert_int_equal(errno, EINVAL);
	assert_null(tunnel_of(m, "2001:db8::1", "ff3e::1", 1));
	assert_int_equal(errno, EINVAL);
	mfib_usage(m, &u);
	assert_int_equal(u.tunnels, 1);
	mfib_tunnel_del(m, t);
	assert_false(mfib_relay_possible(w->ep, relay));
	assert_int_equal(mfib_local_find4(w->ep, local), 0);
	mfib_usage(m, &u);
	assert_int_equal(u.tunnels, 0);
	mfib_destroy(m);
}

static void ipv6_tunnels(void **state)
{
	static const uint8_t none[16];
	struct mfib *m = mfib_create(1, NULL);
	struct mfib_table *w = mfib_worker_table(m, 0);
	struct mfib_tunnel *t4, *t6, *t6b;
	struct addr local = ip("2001:db8::a"), relay = ip("2001:db8::f");

	(void)state;
	t4 = tunnel_of(m, "203.0.113.15", "198.51.100.10", 40000);
	t6 = tunnel_of(m, "2001:db8::f", "2001:db8::a", 65535);
	t6b = tunnel_of(m, "2001:db8::e", "2001:db8::a", 1);
	assert_true(t4 && t6 && t6b);
	assert_int_equal(mfib_local_find6(w->ep, local.bytes), 2);
	assert_memory_equal(mfib_tunnel_relay6(w->ep, 2, 65535), relay.bytes, 16);
	assert_memory_equal(mfib_tunnel_relay6(w->ep, 2, 2), none, 16);
	assert_null(tunnel_of(m, "2001:db8::d", "2001:db8::a", 1));
	assert_int_equal(errno, EEXIST);
	mfib_tunnel_del(m, t6b);
	assert_memory_equal(mfib_tunnel_relay6(w->ep, 2, 1), none, 16);
	assert_int_equal(mfib_local_find6(w->ep, local.bytes), 2);
	mfib_tunnel_del(m, t6);
	assert_int_equal(mfib_local_find6(w->ep, local.bytes), 0);
	mfib_tunnel_del(m, t4);
	mfib_destroy(m);
}

// The places of local addresses are all used, given to others, of the other family too, but not
// while a worker may hold one.
static void local_addresses_come_and_go(void **state)
{
	struct mfib *m = mfib_create(1, NULL);
	struct mfib_table *w = mfib_worker_table(m, 0);
	struct addr relay4 = mix_relay(MIX_4IN4), relay6 = mix_relay(MIX_6IN6), a;
	struct mfib_tunnel *t[MFIB_MAX_LOCALS];

	(void)state;
	mfib_worker_online(w);
	for (unsigned int i = 0; i < MFIB_MAX_LOCALS; i++) {
		a = mix_local(i % 2 ? MIX_6IN6 : MIX_4IN4, i);
		t[i] = mfib_tunnel_add(m, i % 2 ? &relay6 : &relay4, &a, 40000);
		assert_non_null(t[i]);
	}
	a = mix_local(MIX_6IN6, 200);
	assert_null(mfib_tunnel_add(m, &relay6, &a, 40000));
	assert_int_equal(errno, ENOSPC);
	mfib_tunnel_del(m, t[4]); // was IPv4
	assert_null(mfib_tunnel_add(m, &relay6, &a, 40000));
	assert_int_equal(errno, ENOSPC); // the worker may hold index 4
	a = mix_local(MIX_4IN4, 4);
	t[4] = mfib_tunnel_add(m, &relay4, &a, 40001); // as the same address
	assert_non_null(t[4]);
	assert_int_equal(mfib_local_find4(w->ep, addr_to_v4(&a)), 5);
	mfib_tunnel_del(m, t[4]);
	mfib_worker_quiescent(w);
	a = mix_local(MIX_6IN6, 200);
	t[4] = mfib_tunnel_add(m, &relay6, &a, 40000);
	assert_non_null(t[4]);
	assert_int_equal(mfib_local_find6(w->ep, a.bytes), 5);
	assert_memory_equal(mfib_tunnel_relay6(w->ep, 5, 40000), relay6.bytes, 16);
	assert_int_equal(w->ep->local4[4], 0);
	mfib_worker_offline(w);
	for (unsigned int i = 0; i < MFIB_MAX_LOCALS; i++)
		mfib_tunnel_del(m, t[i]);
	assert_int_equal(mfib_local_find6(w->ep, a.bytes), 0);
	mfib_destroy(m);
}

static void channels_of_each_mix(void **state)
{
	struct mfib *m = mfib_create(2, NULL);
	struct mfib_tunnel *t[MIXES], *other[MIXES];
	struct mfib_channel *c[MIXES], *c2[MIXES];
	struct mfib_usage u;

	(void)state;
	for (int mix = 0; mix < MIXES; mix++) {
		struct sg sg = mix_sg(mix, 1);

		t[mix] = mix_tunnel(m, mix, (uint16_t)(40000 + mix));
		other[mix] = mix_tunnel(m, mix, (uint16_t)(50000 + mix));
		c[mix] = mfib_channel_add(m, t[mix], &sg, 1ull << 63 | (uint64_t)mix);
		assert_non_null(c[mix]);
		errno = 0;
		assert_null(mfib_channel_add(m, t[mix], &sg, 4));
		assert_int_equal(errno, EEXIST);
		c2[mix] = mfib_channel_add(m, other[mix], &sg, 7); // through another tunnel
		assert_non_null(c2[mix]);
	}
	for (int mix = 0; mix < MIXES; mix++) {
		for (unsigned int i = 0; i < 2; i++) {
			struct mfib_table *w = mfib_worker_table(m, i);
			uint16_t port = (uint16_t)(40000 + mix);

			assert_true(mix_oifs(w, mix, 1, port) == (1ull << 63 | (uint64_t)mix));
			assert_int_equal(mix_oifs(w, mix, 1, (uint16_t)(port + 10000)), 7);
			assert_null(mix_look(w, mix, 2, port).oifs);
			assert_null(mix_look(w, mix, 1, (uint16_t)(port + 4)).oifs);
		}
		mfib_channel_oifs(m, c[mix], 8);
		assert_int_equal(
			mix_oifs(mfib_worker_table(m, 0), mix, 1, (uint16_t)(40000 + mix)), 8);
		assert_int_equal(
			mix_oifs(mfib_worker_table(m, 1), mix, 1, (uint16_t)(40000 + mix)), 8);
	}
	mfib_usage(m, &u);
	assert_int_equal(u.table[MFIB_NARROW].channels, 2);
	assert_int_equal(u.table[MFIB_WIDE].channels, 6);
	for (int mix = 0; mix < MIXES; mix++) {
		struct mfib_table *w = mfib_worker_table(m, 0);
		uint16_t port = (uint16_t)(40000 + mix);
		struct sg sg = mix_sg(mix, 1);

		mfib_channel_del(m, c[mix]);
		assert_null(mix_look(w, mix, 1, port).oifs);
		assert_non_null(mix_look(w, mix, 1, (uint16_t)(port + 10000)).oifs);
		c[mix] = mfib_channel_add(m, t[mix], &sg, 3); // at once again
		assert_int_equal(mix_oifs(w, mix, 1, port), 3);
		mfib_channel_del(m, c[mix]);
		mfib_channel_del(m, c2[mix]);
		mfib_tunnel_del(m, t[mix]);
		mfib_tunnel_del(m, other[mix]);
	}
	mfib_reclaim(m);
	mfib_usage(m, &u);
	assert_int_equal(u.table[MFIB_NARROW].channels + u.table[MFIB_WIDE].channels, 0);
	assert_int_equal(u.retired + u.tunnels, 0);
	mfib_destroy(m);
}

static void channels_that_cannot_be(void **state)
{
	static const struct {
		const char *s, *g;
		bool ok;
	} cases[] = {
		{"192.0.2.1", "232.0.0.1", true},
		{"192.0.2.1", "224.0.1.1", true},
		{"192.0.2.1", "224.0.0.5", false}, // never forwarded
		{"192.0.2.1", "10.0.0.1", false},
		{"0.0.0.0", "232.0.0.1", false},
		{"232.0.0.2", "232.0.0.1", false},
		{"192.0.2.1", "ff3e::8000:1", false},
		{"2001:db8::1", "232.0.0.1", false},
		{"2001:db8::1", "ff3e::8000:1", true},
		{"2001:db8::1", "ff33::1", true},
		{"2001:db8::1", "ff0e::1", true},
		{"2001:db8::1", "ff32::1", false}, // link-local
		{"2001:db8::1", "ff31::1", false},
		{"2001:db8::1", "ff30::1", false},
		{"2001:db8::1", "ff3e:1::1", false}, // not in ffxx:0::/32
		{"2001:db8::1", "ff3e:30::1", false},
		{"2001:db8::1", "2001:db8::2", false},
		{"::", "ff3e::1", false},
		{"::ffff:192.0.2.1", "ff3e::1", false},
		{"ff3e::2", "ff3e::1", false},
		{"fe80::1", "ff3e::1", false},
	};
	struct mfib *m = mfib_create(1, NULL);
	struct mfib_tunnel *t[2] = {mix_tunnel(m, MIX_4IN4, 1), mix_tunnel(m, MIX_6IN6, 1)};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sg sg = {ip(cases[i].s), ip(cases[i].g)};

		for (int k = 0; k < 2; k++) {
			struct mfib_channel *c;

			errno = 0;
			c = mfib_channel_add(m, t[k], &sg, 1);
			assert_int_equal(c != NULL, cases[i].ok);
			if (c)
				mfib_channel_del(m, c);
			else
				assert_int_equal(errno, EINVAL);
		}
	}
	mfib_tunnel_del(m, t[0]);
	mfib_tunnel_del(m, t[1]);
	mfib_destroy(m);
}

// The packed counters wrap again and again; the sums do not, whatever worker counted.
static void counters_are_folded(void **state)
{
	struct mfib *m = mfib_create(3, NULL);

	(void)state;
	for (int mix = 0; mix < MIXES; mix++) {
		struct mfib_tunnel *t = mix_tunnel(m, mix, (uint16_t)(40000 + mix));
		struct sg sg = mix_sg(mix, 0);
		struct mfib_channel *c = mfib_channel_add(m, t, &sg, 1);
		const uint64_t packets = 40000001, bytes = 22000000007; // not folded three times
		struct mfib_stats stats, of_tunnel;

		for (unsigned int round = 1; round <= 40; round++) {
			for (unsigned int w = 0; w < 3; w++) {
				struct found f = mix_look(
					mfib_worker_table(m, w), mix, 0, (uint16_t)(40000 + mix));

				*f.count += packets << MFIB_COUNT_SHIFT;
				*f.count += bytes;
			}
			mfib_channel_stats(c, &stats); // exact before a fold and after it
			assert_true(stats.packets == 3 * packets * round);
			assert_true(stats.bytes == 3 * bytes * round);
			for (int k = 0; k < 5; k++)
				mfib_reclaim(m);
			mfib_channel_stats(c, &stats);
			assert_true(stats.packets == 3 * packets * round);
			assert_true(stats.bytes == 3 * bytes * round);
		}
		mfib_tunnel_stats(t, &of_tunnel);
		assert_memory_equal(&of_tunnel, &stats, sizeof(stats));
		mfib_tunnel_folded(t, &of_tunnel);
		assert_memory_equal(&of_tunnel, &stats, sizeof(stats));
		mfib_channel_del(m, c);
		mfib_tunnel_stats(t, &of_tunnel); // those deleted included
		assert_memory_equal(&of_tunnel, &stats, sizeof(stats));
		mfib_tunnel_folded(t, &of_tunnel);
		assert_memory_equal(&of_tunnel, &stats, sizeof(stats));
		mfib_tunnel_del(m, t); // with its channel on its way out
	}
	mfib_destroy(m);
}

static void one_store_counts_packets_and_octets(void **state)
{
	uint64_t count = 0;

	(void)state;
	mfib_count(&count, 1400);
	mfib_count(&count, 65535);
	assert_true(count >> MFIB_COUNT_SHIFT == 2);
	assert_true((count & MFIB_COUNT_BYTES) == 66935);
	count = UINT64_MAX;
	mfib_count(&count, 1);
	assert_true(count == 1ull << MFIB_COUNT_SHIFT);
}

// Of a bucket's two counters the one that is meant, however often.
static void both_counters_are_stored(void **state)
{
	struct mfib_narrow bucket[MFIB_NARROW_SLOTS] = {{.count = UINT64_MAX}, {.count = 5}};

	(void)state;
	mfib_narrow_count(bucket, 0, 1);
	assert_true(bucket[0].count == 1ull << MFIB_COUNT_SHIFT);
	assert_true(bucket[1].count == 5);
	mfib_narrow_count(bucket, 1, 65535);
	assert_true(bucket[0].count == 1ull << MFIB_COUNT_SHIFT);
	assert_true(bucket[1].count == (1ull << MFIB_COUNT_SHIFT) + 65540);
}

// Who gets a slot does not get what was counted there.
static void a_slot_begins_where_it_was_left(void **state)
{
	struct mfib *m = mfib_create(2, NULL);

	(void)state;
	for (int mix = 0; mix < MIXES; mix++) {
		struct mfib_tunnel *t = mix_tunnel(m, mix, (uint16_t)(40000 + mix));
		struct sg sg = mix_sg(mix, 0);
		uint64_t *last = NULL;

		for (unsigned int round = 1; round <= 3; round++) {
			struct mfib_channel *c = mfib_channel_add(m, t, &sg, 1);
			struct mfib_stats stats;
			struct found f;

			mfib_channel_stats(c, &stats);
			assert_int_equal(stats.packets + stats.bytes, 0);
			for (unsigned int w = 0; w < 2; w++) {
				f = mix_look(
					mfib_worker_table(m, w), mix, 0, (uint16_t)(40000 + mix));
				mfib_count(f.count, 1000 * round);
			}
			assert_true(!last || f.count == last); // the slot is the same
			last = f.count;
			mfib_channel_stats(c, &stats);
			assert_int_equal(stats.packets, 2);
			assert_int_equal(stats.bytes, 2000 * round);
			mfib_channel_del(m, c);
			mfib_reclaim(m);
			mfib_tunnel_stats(t, &stats);
			assert_int_equal(stats.packets, 2 * round);
			assert_int_equal(stats.bytes, 1000 * round * (round + 1));
		}
		mfib_tunnel_del(m, t);
	}
	mfib_destroy(m);
}

// A slot is not another channel's while a worker may count in it, nor is what it counts lost.
static void reuse_waits_for_the_worker(void **state)
{
	(void)state;
	for (int mix = 0; mix < MIXES; mix++) {
		struct mfib *m = mfib_create(1, NULL);
		struct mfib_table *w = mfib_worker_table(m, 0);
		struct mfib_tunnel *t = mix_tunnel(m, mix, 40000);
		struct mfib_channel *all[600];
		struct sg sg = mix_sg(mix, 0);
		struct mfib_channel *c = mfib_channel_add(m, t, &sg, 1);
		struct mfib_stats stats;
		struct mfib_usage u;
		struct found f;

		mfib_worker_online(w);
		f = mix_look(w, mix, 0, 40000);
		mfib_channel_del(m, c);
		for (int i = 0; i < 16; i++)
			mfib_reclaim(m);
		mfib_usage(m, &u);
		assert_int_equal(u.retired, 1);
		// Growth in the meantime: the old tables stay too.
		for (uint32_t i = 0; i < 600; i++) {
			sg = mix_sg(mix, i);
			all[i] = mfib_channel_add(m, t, &sg, 1);
			assert_non_null(all[i]);
		}
		mfib_usage(m, &u);
		assert_true(u.retired > 4);
		mfib_count(f.count, 77);      // the packet that was under way
		for (int i = 0; i < 3; i++) { // a growth under way ends, and its old table
			mfib_worker_quiescent(w);
			mfib_reclaim(m);
		}
		mfib_usage(m, &u);
		assert_int_equal(u.retired, 0);
		mfib_tunnel_stats(t, &stats);
		assert_int_equal(stats.packets, 1);
		assert_int_equal(stats.bytes, 77);
		mfib_worker_offline(w);
		for (uint32_t i = 0; i < 600; i++)
			mfib_channel_del(m, all[i]);
		mfib_reclaim(m); // nobody online: nobody to wait for
		mfib_usage(m, &u);
		assert_int_equal(u.retired, 0);
		mfib_tunnel_del(m, t);
		mfib_destroy(m);
	}
}

// Structured channels: few off their home bucket, and another table puts them elsewhere.
static void hash_spreads_and_is_seeded(void **state)
{
	(void)state;
	for (int mix = 0; mix < MIXES; mix++) {
		struct mfib *m[2] = {mfib_create(1, NULL), mfib_create(1, NULL)};
		unsigned int off = 0, same = 0;

		for (int k = 0; k < 2; k++) {
			struct mfib_tunnel *t = mix_tunnel(m[k], mix, 40000);

			for (uint32_t i = 0; i < 4096; i++) {
				struct sg sg = mix_sg(mix, i);

				assert_non_null(mfib_channel_add(m[k], t, &sg, 1));
			}
		}
		for (uint32_t i = 0; i < 4096; i++) {
			struct mfib_table *w[2] = {
				mfib_worker_table(m[0], 0), mfib_worker_table(m[1], 0)};

			off += mix_look(w[0], mix, i, 40000).off != 0;
			same += mix_home(w[0], mix, i, 40000) == mix_home(w[1], mix, i, 40000);
		}
		assert_in_range(off, 0, 4096 / 4); // by chance it is 12 %
		assert_in_range(same, 0, 200);
		mfib_destroy(m[0]);
		mfib_destroy(m[1]);
	}
}

// No seed is a bad one: 4096 structured channels at a load of 1/4 overflow few buckets.
static void hash_spreads_with_every_seed(void **state)
{
	static uint8_t used[16384];
	struct rng rng = rng_seeded(5);
	struct mfib_buckets b = {0};

	(void)state;
	for (int round = 0; round < 400; round++) {
		enum mix mix = round % MIXES;
		unsigned int slots = mix == MIX_4IN4 ? MFIB_NARROW_SLOTS : MFIB_WIDE_SLOTS, off = 0;
		struct mfib_endpoints *ep = calloc(1, sizeof(*ep));
		struct mfib_table w = {.narrow = &b, .wide = &b, .ep = ep};

		b.n = sizeof(used) / slots;
		for (int i = 0; i < 6; i++)
			b.seed[i] = rng_u64(&rng);
		memset(used, 0, sizeof(used));
		for (uint32_t i = 0; i < 4096; i++) {
			uint8_t *bucket = &used[mix_home(&w, mix, i, 40000)];

			if (*bucket < slots)
				(*bucket)++;
			else
				off++;
		}
		// By chance it is 3 % with two slots a bucket, 12 % with one.
		assert_in_range(off, 0, slots == 2 ? 4096 / 16 : 4096 / 6);
		free(ep);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tunnels_and_their_errors),
		cmocka_unit_test(ipv6_tunnels),
		cmocka_unit_test(local_addresses_come_and_go),
		cmocka_unit_test(channels_of_each_mix),
		cmocka_unit_test(channels_that_cannot_be),
		cmocka_unit_test(counters_are_folded),
		cmocka_unit_test(one_store_counts_packets_and_octets),
		cmocka_unit_test(both_counters_are_stored),
		cmocka_unit_test(a_slot_begins_where_it_was_left),
		cmocka_unit_test(reuse_waits_for_the_worker),
		cmocka_unit_test(hash_spreads_and_is_seeded),
		cmocka_unit_test(hash_spreads_with_every_seed),
	};

	return mix_eal_init("t_mfib") ? RUN_TESTS(tests) : 1;
}
