// SPDX-License-Identifier: BSD-3-Clause
#include "unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>

#include "base/rng.h"
#include "mfib/mfib.h"
#include "mfib/mfib_table.h"

static struct addr v4(uint32_t host)
{
	return addr_from_v4(htonl(host));
}

#define RELAY 0xcb00710f
#define LOCAL 0xc633640a
#define S0    0xc0000200
#define G0    0xe8000000

static struct sg sg_of(uint32_t i)
{
	return (struct sg){.s = v4(S0 + i / 16), .g = v4(G0 + 0x100 + i % 16)};
}

static struct mfib_tunnel *tunnel(struct mfib *m, uint16_t port)
{
	struct addr relay = v4(RELAY), local = v4(LOCAL);

	return mfib_tunnel_add(m, &relay, &local, port);
}

// What a worker does for a packet of channel i.
static struct mfib_entry *look(struct mfib_table *t, uint32_t i, uint16_t port)
{
	uint32_t wire[2] = {htonl(S0 + i / 16), htonl(G0 + 0x100 + i % 16)};
	struct mfib_buckets *b = mfib_table_buckets(t);
	struct mfib_key k = mfib_key_make(
		wire, htonl(RELAY), htons(port), mfib_local_find(t->ep, htonl(LOCAL)));

	return mfib_lookup(b, &k, mfib_hash(b, &k));
}

static void tunnels_and_their_limits(void **state)
{
	struct addr relay = v4(RELAY), local = v4(LOCAL), other = v4(LOCAL + 1), group = v4(G0), v6;
	struct mfib_tunnel *t, *more[MFIB_MAX_LOCALS];
	struct mfib *m = mfib_create(2, NULL);
	struct mfib_table *w;
	struct mfib_usage u;

	(void)state;
	assert_non_null(m);
	assert_null(mfib_worker_table(m, 2));
	w = mfib_worker_table(m, 1);
	assert_int_equal(mfib_local_find(w->ep, htonl(LOCAL)), 0);
	t = mfib_tunnel_add(m, &relay, &local, 40000);
	assert_non_null(t);
	assert_int_equal(mfib_local_find(w->ep, htonl(LOCAL)), 1);
	assert_int_equal(mfib_tunnel_relay(w->ep, 1, 40000), htonl(RELAY));
	assert_int_equal(mfib_tunnel_relay(w->ep, 1, 40001), 0);
	assert_true(mfib_relay_possible(w->ep, htonl(RELAY)));
	assert_null(mfib_tunnel_add(m, &other, &local, 40000)); // another relay, same socket
	assert_int_equal(errno, EEXIST);
	assert_null(mfib_tunnel_add(m, &relay, &local, 0));
	assert_int_equal(errno, EINVAL);
	assert_null(mfib_tunnel_add(m, &group, &local, 1));
	assert_int_equal(errno, EINVAL);
	assert_int_equal(addr_parse("2001:db8::1", &v6), 0);
	assert_null(mfib_tunnel_add(m, &v6, &v6, 1));
	assert_int_equal(errno, EAFNOSUPPORT);
	for (uint32_t i = 1; i < MFIB_MAX_LOCALS; i++) {
		struct addr a = v4(LOCAL + i);

		more[i] = mfib_tunnel_add(m, &relay, &a, 40000);
		assert_non_null(more[i]);
	}
	other = v4(LOCAL + MFIB_MAX_LOCALS);
	assert_null(mfib_tunnel_add(m, &relay, &other, 40000));
	assert_int_equal(errno, ENOSPC);
	mfib_usage(m, &u);
	assert_int_equal(u.tunnels, MFIB_MAX_LOCALS);
	mfib_tunnel_del(m, more[3]); // its place is free again
	more[3] = mfib_tunnel_add(m, &relay, &other, 40000);
	assert_non_null(more[3]);
	assert_int_equal(mfib_local_find(w->ep, htonl(LOCAL + MFIB_MAX_LOCALS)), 4);
	for (uint32_t i = 1; i < MFIB_MAX_LOCALS; i++)
		mfib_tunnel_del(m, more[i]);
	assert_true(mfib_relay_possible(w->ep, htonl(RELAY)));
	mfib_tunnel_del(m, t);
	assert_false(mfib_relay_possible(w->ep, htonl(RELAY)));
	mfib_usage(m, &u);
	assert_int_equal(u.tunnels, 0);
	mfib_destroy(m);
}

static void channels_and_their_errors(void **state)
{
	struct mfib *m = mfib_create(2, NULL);
	struct mfib_tunnel *t = tunnel(m, 40000), *t2 = tunnel(m, 40001);
	struct sg sg = sg_of(1), bad;
	struct mfib_channel *c, *c2;
	struct mfib_usage u;

	(void)state;
	c = mfib_channel_add(m, t, &sg, 2);
	assert_non_null(c);
	assert_null(mfib_channel_add(m, t, &sg, 4));
	assert_int_equal(errno, EEXIST);
	for (unsigned int i = 0; i < 2; i++) {
		struct mfib_table *w = mfib_worker_table(m, i);

		assert_int_equal(mfib_entry_oifs(look(w, 1, 40000)), 2);
		assert_null(look(w, 1, 40001)); // another tunnel
		assert_null(look(w, 2, 40000));
	}
	c2 = mfib_channel_add(m, t2, &sg, 4); // the same (S,G) through another tunnel
	assert_non_null(c2);
	assert_int_equal(mfib_entry_oifs(look(mfib_worker_table(m, 1), 1, 40001)), 4);
	mfib_channel_oifs(m, c, 8);
	assert_int_equal(mfib_entry_oifs(look(mfib_worker_table(m, 0), 1, 40000)), 8);
	assert_int_equal(mfib_entry_oifs(look(mfib_worker_table(m, 1), 1, 40000)), 8);
	bad = sg;
	bad.g = v4(0xe0000005); // 224.0.0.5
	assert_null(mfib_channel_add(m, t, &bad, 2));
	assert_int_equal(errno, EINVAL);
	bad.g = v4(0x0a000001);
	assert_null(mfib_channel_add(m, t, &bad, 2));
	assert_int_equal(errno, EINVAL);
	bad = sg;
	bad.s = v4(0);
	assert_null(mfib_channel_add(m, t, &bad, 2));
	assert_int_equal(errno, EINVAL);
	assert_null(mfib_channel_add(m, t, &(struct sg){.s = v4(S0), .g = v4(G0)}, 1ull << 32));
	assert_int_equal(errno, EINVAL);
	mfib_usage(m, &u);
	assert_int_equal(u.channels, 2);
	mfib_channel_del(m, c);
	assert_null(look(mfib_worker_table(m, 0), 1, 40000));
	assert_non_null(look(mfib_worker_table(m, 0), 1, 40001));
	c = mfib_channel_add(m, t, &sg, 2); // at once again
	assert_non_null(c);
	mfib_channel_del(m, c);
	mfib_channel_del(m, c2);
	mfib_reclaim(m);
	mfib_usage(m, &u);
	assert_int_equal(u.channels, 0);
	assert_int_equal(u.retired, 0);
	mfib_tunnel_del(m, t);
	mfib_tunnel_del(m, t2);
	mfib_destroy(m);
}

#define MANY 20000

// Growth from 128 channels to many and back, all of them found at every size, none that is not
// there.
static void grows_and_keeps_every_channel(void **state)
{
	struct mfib_channel **c = calloc(MANY, sizeof(struct mfib_channel *));
	struct mfib *m = mfib_create(2, NULL);
	struct mfib_table *w = mfib_worker_table(m, 1);
	struct mfib_tunnel *t = tunnel(m, 40000);
	struct mfib_stats stats;
	struct mfib_usage u;
	uint64_t packets = 0;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		struct sg sg = sg_of(i);

		c[i] = mfib_channel_add(m, t, &sg, 1 + i % 7);
		assert_non_null(c[i]);
		if ((i & (i + 1)) != 0)
			continue;
		for (uint32_t k = 0; k <= i; k++) {
			struct mfib_entry *e = look(w, k, 40000);

			assert_non_null(e);
			assert_int_equal(mfib_entry_oifs(e), 1 + k % 7);
			mfib_entry_count(e, 100);
			packets++;
		}
		assert_null(look(w, i + 1, 40000));
	}
	mfib_usage(m, &u);
	assert_true(u.slots >= 4 * MANY);
	assert_int_equal(u.channels, MANY);
	// Counted in every size of the table: channel 0 at each power of two.
	mfib_channel_stats(c[0], &stats);
	assert_int_equal(stats.packets, 15);
	assert_int_equal(stats.bytes, 1500);
	mfib_tunnel_stats(t, &stats);
	assert_int_equal(stats.packets, packets);
	for (uint32_t i = 0; i < MANY; i += 2)
		mfib_channel_del(m, c[i]);
	mfib_reclaim(m);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(look(w, i, 40000) != NULL, i % 2);
	for (uint32_t i = 1; i < MANY; i += 2)
		mfib_channel_del(m, c[i]);
	mfib_reclaim(m);
	mfib_tunnel_stats(t, &stats); // those deleted included
	assert_int_equal(stats.packets, packets);
	assert_int_equal(stats.bytes, packets * 100);
	mfib_usage(m, &u);
	assert_int_equal(u.channels, 0);
	assert_int_equal(u.retired, 0);
	// Every bucket is fit to stop a probe again.
	for (uint64_t b = 0; b <= mfib_table_buckets(w)->mask; b++) {
		for (int j = 0; j < MFIB_BUCKET_ENTRIES; j++)
			assert_int_equal(mfib_table_buckets(w)->b[b].e[j].key[1], MFIB_KEY_EMPTY);
	}
	mfib_tunnel_del(m, t);
	mfib_destroy(m);
	free(c);
}

// 32-bit packet counters of the entries wrap; the sums do not.
static void narrow_counters_are_folded(void **state)
{
	struct mfib *m = mfib_create(2, NULL);
	struct mfib_tunnel *t = tunnel(m, 40000);
	struct sg sg = sg_of(0);
	struct mfib_channel *c = mfib_channel_add(m, t, &sg, 1);
	struct mfib_stats stats;

	(void)state;
	for (int i = 0; i < 5; i++) {
		for (unsigned int w = 0; w < 2; w++) {
			struct mfib_entry *e = look(mfib_worker_table(m, w), 0, 40000);

			e->packets += 3000000000u;
			e->bytes += 3000000000ull * 1400;
		}
		for (int k = 0; k < 16; k++)
			mfib_reclaim(m);
	}
	mfib_channel_stats(c, &stats);
	assert_true(stats.packets == 10 * 3000000000ull);
	assert_true(stats.bytes == 10 * 3000000000ull * 1400);
	mfib_channel_del(m, c);
	mfib_tunnel_del(m, t); // its channel still waits for nobody: freed by destroy
	mfib_destroy(m);
}

// Structured channels over tables of different seeds: few off their home bucket, never a long
// probe, and another seed puts them elsewhere.
static void hash_spreads_and_is_seeded(void **state)
{
	struct mfib *m[2] = {mfib_create(1, NULL), mfib_create(1, NULL)};
	unsigned int same = 0;

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct mfib_table *w = mfib_worker_table(m[k], 0);
		struct mfib_tunnel *t = tunnel(m[k], 40000);
		unsigned int off = 0;

		for (uint32_t i = 0; i < 4096; i++) {
			struct sg sg = sg_of(i);

			assert_non_null(mfib_channel_add(m[k], t, &sg, 1));
		}
		for (uint32_t i = 0; i < 4096; i++) {
			uint32_t wire[2] = {htonl(S0 + i / 16), htonl(G0 + 0x100 + i % 16)};
			struct mfib_buckets *b = mfib_table_buckets(w);
			struct mfib_key key = mfib_key_make(wire, htonl(RELAY), htons(40000), 1);
			uint64_t home = mfib_hash(b, &key) & b->mask;
			ptrdiff_t at = (struct mfib_bucket *)look(w, i, 40000) - b->b;

			off += (uint64_t)at != home;
			same += k == 1 &&
				(mfib_hash(mfib_table_buckets(mfib_worker_table(m[0], 0)), &key) &
					b->mask) == home;
		}
		assert_in_range(off, 0, 4096 / 10);
	}
	assert_in_range(same, 0, 200);
	mfib_destroy(m[0]);
	mfib_destroy(m[1]);
}

// No seed is a bad one: 4096 structured channels at a load of 1/4 overflow few buckets.
static void hash_spreads_with_every_seed(void **state)
{
	static uint8_t used[8192];
	struct mfib_buckets b = {.mask = 8191};
	struct rng rng = rng_seeded(5);

	(void)state;
	for (int round = 0; round < 300; round++) {
		unsigned int off = 0;

		b.seed[0] = rng_u64(&rng);
		b.seed[1] = rng_u64(&rng);
		memset(used, 0, sizeof(used));
		for (uint32_t i = 0; i < 4096; i++) {
			uint32_t wire[2] = {htonl(S0 + i / 16), htonl(G0 + 0x100 + i % 16)};
			struct mfib_key key = mfib_key_make(wire, htonl(RELAY), htons(40000), 1);
			uint8_t *bucket = &used[mfib_hash(&b, &key) & b.mask];

			if (*bucket < MFIB_BUCKET_ENTRIES)
				(*bucket)++;
			else
				off++;
		}
		assert_in_range(off, 0, 4096 / 16);
	}
}

// A slot is not given to another channel while a worker may count in it.
static void reuse_waits_for_the_worker(void **state)
{
	struct mfib *m = mfib_create(1, NULL);
	struct mfib_table *w = mfib_worker_table(m, 0);
	struct mfib_tunnel *t = tunnel(m, 40000);
	struct mfib_channel *all[600];
	struct sg sg = sg_of(0);
	struct mfib_channel *c = mfib_channel_add(m, t, &sg, 1);
	struct mfib_stats stats;
	struct mfib_usage u;
	struct mfib_entry *e;

	(void)state;
	mfib_worker_online(w);
	e = look(w, 0, 40000);
	mfib_channel_del(m, c);
	for (int i = 0; i < 16; i++)
		mfib_reclaim(m);
	mfib_usage(m, &u);
	assert_int_equal(u.retired, 1);
	// Growth in the meantime: the old table stays too.
	for (uint32_t i = 0; i < 600; i++) {
		sg = sg_of(i);
		all[i] = mfib_channel_add(m, t, &sg, 1);
		assert_non_null(all[i]);
	}
	mfib_entry_count(e, 77); // the packet that was under way
	mfib_worker_quiescent(w);
	mfib_reclaim(m);
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

#define STEADY 200
#define CHURN  6000
#define NEVER  30000 // channels from here on are never added

struct reader {
	struct mfib_table *w;
	_Atomic bool stop;
	uint64_t lookups, hits, missed, wrong;
};

// The channels 0..STEADY are always there, NEVER.. never, those between come and go. An entry's
// oifs say which channel it is for, so that a match with another's value is seen.
static void *read_table(void *arg)
{
	struct reader *r = arg;
	uint32_t x = 12345;

	mfib_worker_online(r->w);
	while (!atomic_load(&r->stop)) {
		for (int n = 0; n < 32; n++) {
			uint32_t kind, i;
			struct mfib_entry *e;

			x = x * 1664525 + 1013904223;
			kind = x >> 30;
			i = x >> 8;
			i = kind == 0	? i % STEADY
			    : kind == 1 ? NEVER + i % CHURN
					: STEADY + i % CHURN;
			e = look(r->w, i, 40000);
			r->lookups++;
			if (!e) {
				r->missed += kind == 0;
				continue;
			}
			r->wrong += kind == 1 || mfib_entry_oifs(e) != i + 1;
			mfib_entry_count(e, 1);
			r->hits++;
		}
		mfib_worker_quiescent(r->w);
	}
	mfib_worker_offline(r->w);
	return NULL;
}

static void a_worker_looks_up_while_the_table_changes(void **state)
{
	struct mfib_channel **c = calloc(STEADY + CHURN, sizeof(struct mfib_channel *));
	struct mfib *m = mfib_create(1, NULL);
	struct reader r = {.w = mfib_worker_table(m, 0)};
	struct mfib_tunnel *t = tunnel(m, 40000);
	struct rng rng = rng_seeded(3);
	struct mfib_stats stats;
	struct mfib_usage u;
	pthread_t thread;

	(void)state;
	for (uint32_t i = 0; i < STEADY; i++) {
		struct sg sg = sg_of(i);

		c[i] = mfib_channel_add(m, t, &sg, i + 1);
		assert_non_null(c[i]);
	}
	assert_int_equal(pthread_create(&thread, NULL, read_table, &r), 0);
	for (uint32_t n = 0; n < 100000; n++) {
		uint32_t span = n < 50000 ? 100 + n / 10 : CHURN; // grows now and then
		uint32_t i = STEADY + (uint32_t)rng_below(&rng, span < CHURN ? span : CHURN);
		struct sg sg = sg_of(i);

		if (c[i]) {
			mfib_channel_del(m, c[i]);
			c[i] = NULL;
		} else {
			c[i] = mfib_channel_add(m, t, &sg, i + 1);
			assert_non_null(c[i]);
		}
		if (n % 64 == 0)
			mfib_reclaim(m);
	}
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	for (uint32_t i = 0; i < STEADY + CHURN; i++) {
		if (c[i])
			mfib_channel_del(m, c[i]);
	}
	mfib_reclaim(m);
	assert_true(r.lookups > 1000);
	assert_true(r.hits > 0);
	assert_int_equal(r.missed, 0);
	assert_int_equal(r.wrong, 0);
	mfib_tunnel_stats(t, &stats);
	assert_int_equal(stats.packets, r.hits); // none lost by growth or reuse
	assert_int_equal(stats.bytes, r.hits);
	mfib_usage(m, &u);
	assert_int_equal(u.channels + u.retired, 0);
	mfib_tunnel_del(m, t);
	mfib_destroy(m);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tunnels_and_their_limits),
		cmocka_unit_test(channels_and_their_errors),
		cmocka_unit_test(grows_and_keeps_every_channel),
		cmocka_unit_test(narrow_counters_are_folded),
		cmocka_unit_test(hash_spreads_and_is_seeded),
		cmocka_unit_test(hash_spreads_with_every_seed),
		cmocka_unit_test(reuse_waits_for_the_worker),
		cmocka_unit_test(a_worker_looks_up_while_the_table_changes),
	};
	char *argv[] = {"test", "-l", "0", "--no-huge", "--no-shconf", "-m", "128", "--no-pci",
		"--no-telemetry", "--log-level=error", "--file-prefix=t_mfib"};

	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])), argv) < 0)
		return 1;
	return RUN_TESTS(tests);
}
