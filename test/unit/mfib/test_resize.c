// SPDX-License-Identifier: BSD-3-Clause
// A table changes its size: within its limits of memory, in small steps, under the eyes of a
// worker, and when there is no memory. The kernel's part is counted, and refused on demand.
#include "unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_malloc.h>

#include "base/rng.h"
#include "mfib/fib.h"
#include "mixes.h"

#define HUGE ((size_t)2 << 20)

static struct {
	size_t mapped;	    // now
	size_t made, given; // octets given pages, unmapped
	long pieces_left;   // until pages are refused; below 0: never
	bool refuse_huge;
	bool no_records; // the heap has nothing for them
} kernel = {.pieces_left = -1};

void *__real_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off);
int __real_munmap(void *addr, size_t len);
int __real_madvise(void *addr, size_t len, int advice);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off);
int __wrap_munmap(void *addr, size_t len);
int __wrap_madvise(void *addr, size_t len, int advice);

void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	void *p = MAP_FAILED;

	if (kernel.refuse_huge && (flags & MAP_HUGETLB))
		errno = ENOMEM;
	else
		p = __real_mmap64(addr, len, prot, flags, fd, off);
	if (p != MAP_FAILED)
		kernel.mapped += len;
	return p;
}

int __wrap_munmap(void *addr, size_t len)
{
	kernel.mapped -= len;
	kernel.given += len;
	return __real_munmap(addr, len);
}

int __wrap_madvise(void *addr, size_t len, int advice)
{
	if (advice == MADV_POPULATE_WRITE) {
		if (kernel.pieces_left == 0) {
			errno = ENOMEM;
			return -1;
		}
		if (kernel.pieces_left > 0)
			kernel.pieces_left--;
		kernel.made += len;
	}
	return __real_madvise(addr, len, advice);
}

void *__real_slab_get(struct slab *s);
void *__wrap_slab_get(struct slab *s);

void *__wrap_slab_get(struct slab *s)
{
	if (kernel.no_records && s->size == sizeof(struct mfib_channel))
		return NULL;
	return __real_slab_get(s);
}

static int setup_cb(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	kernel.pieces_left = -1;
	return 0;
}

// Nothing stays mapped, whatever the test left to mfib_destroy().
static int teardown_cb(void **state)
{
	(void)state;
	return kernel.mapped == 0 ? 0 : -1;
}

static struct mfib_channel *add(struct mfib *m, struct mfib_tunnel *t, enum mix mix, uint32_t i)
{
	struct sg sg = mix_sg(mix, i);

	return mfib_channel_add(m, t, &sg, i + 1);
}

static struct mfib_usage_table usage_of(struct mfib *m, enum mix mix)
{
	struct mfib_usage u;

	mfib_usage(m, &u);
	return u.table[mix_kind(mix)];
}

#define MANY 120000

// What a replica may take for n channels: 160 octets each in IPv4 and 320 in another mix, as was
// asked for, which comes with its growth.
static size_t most_bytes(enum mix mix, uint32_t n)
{
	size_t entry = mix == MIX_4IN4 ? 32 : 64, least = 512 * entry, most = n * 5 * entry;

	return most > least ? most : least;
}

// At every number of channels: no more memory than that, and enough slots, which is growth that
// came in time; no call that makes or gives back more than a few pieces of memory.
static void limits(enum mix mix, bool refuse_huge)
{
	const double enough = 3.2;
	const size_t entry = mix == MIX_4IN4 ? 32 : 64;
	struct mfib *m = mfib_create(1, NULL);
	struct mfib_tunnel *t = mix_tunnel(m, mix, 40000);
	struct mfib_usage_table u;
	struct mfib_usage all;
	unsigned int sizes = 0;
	uint32_t slots = 0;

	kernel.refuse_huge = refuse_huge;
	for (uint32_t n = 1; n <= MANY; n++) {
		kernel.made = kernel.given = 0;
		assert_non_null(add(m, t, mix, n - 1));
		assert_in_range(kernel.made, 0, 3 * HUGE);
		assert_in_range(kernel.given, 0, 6 * HUGE); // for alignment as well
		u = usage_of(m, mix);
		assert_int_equal(u.channels, n);
		assert_in_range(u.bytes, 0, most_bytes(mix, n));
		assert_true(u.slots >= enough * n);
		assert_int_equal(u.bytes, u.slots * entry);
		sizes += u.slots != slots;
		slots = u.slots;
	}
	assert_in_range(sizes, 20, 45); // by a quarter each time
	for (int i = 0; i < 20; i++)
		mfib_reclaim(m);
	mfib_usage(m, &all);
	assert_int_equal(all.table[mix_kind(mix)].growing, 0);
	assert_int_equal(all.retired, 0);
	// What is mapped is that, in whole huge pages, and the other, least table.
	assert_in_range(all.bytes, u.bytes, u.bytes + HUGE + 65536);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(mix_oifs(mfib_worker_table(m, 0), mix, i, 40000), i + 1);
	mfib_destroy(m);
}

static void narrow_limits(void **state)
{
	(void)state;
	limits(MIX_4IN4, false);
}

static void wide_limits(void **state)
{
	(void)state;
	limits(MIX_6IN6, true);
}

// Up, half down, up, down: the table follows, and is the least one again in the end. Updates at a
// constant number leave it alone wherever it stands.
static void shrinks_but_not_by_updates(void **state)
{
	static struct mfib_channel *c[MANY];
	static const uint32_t stops[] = {40000, 20000, 60000, 60001, 500, 3000, 100, 0};
	struct mfib *m = mfib_create(2, NULL);
	struct mfib_tunnel *t = mix_tunnel(m, MIX_4IN4, 40000);
	struct rng rng = rng_seeded(7);
	struct mfib_usage all;
	uint32_t n = 0, before;

	(void)state;
	for (size_t k = 0; k < sizeof(stops) / sizeof(stops[0]); k++) {
		while (n < stops[k]) {
			c[n] = add(m, t, MIX_4IN4, n);
			assert_non_null(c[n++]);
		}
		while (n > stops[k])
			mfib_channel_del(m, c[--n]);
		for (int i = 0; i < 10; i++)
			mfib_reclaim(m);
		before = usage_of(m, MIX_4IN4).slots;
		assert_in_range(before, n * 2, n * 10 > 512 ? n * 10 : 512);
		for (uint32_t i = 0; n && i < 30000; i++) {
			uint32_t at = (uint32_t)rng_below(&rng, n);

			mfib_channel_del(m, c[at]);
			c[at] = add(m, t, MIX_4IN4, at);
			assert_non_null(c[at]);
			assert_int_equal(usage_of(m, MIX_4IN4).growing, 0);
		}
		assert_int_equal(usage_of(m, MIX_4IN4).slots, before);
	}
	mfib_usage(m, &all);
	assert_int_equal(all.table[MFIB_NARROW].slots, 512);
	assert_int_equal(all.retired, 0);
	mfib_destroy(m);
}

// What one step walks is bounded, in every state of a change of size.
static void a_step_is_small(void **state)
{
	static const int any[] = {-1};
	struct mfib_table table = {0};
	struct slab records;
	struct fib f = {.shape = {.kind = MFIB_NARROW, .n_replicas = 1, .sockets = any},
		.tables = &table,
		.records = &records};
	unsigned int filling = 0, sweeping = 0;

	(void)state;
	slab_init(&records, sizeof(struct mfib_channel));
	f.qsbr = rte_zmalloc(NULL, rte_rcu_qsbr_get_memsize(1), RTE_CACHE_LINE_SIZE);
	assert_int_equal(rte_rcu_qsbr_init(f.qsbr, 1), 0);
	assert_int_equal(fib_init(&f), 0);
	for (uint32_t n = 0; n < 200000; n++) {
		const struct generation *cur = f.cur, *next = f.next, *replaced = f.replaced;
		uint32_t filled = cur->walked, swept = replaced ? replaced->walked : 0;
		struct mfib_channel *c = slab_get(&records);
		struct key key = {{0x100000000 + n, 0x0001000100000001}};

		kernel.made = 0;
		fib_step(&f, FIB_STEP);
		assert_in_range(kernel.made, 0, HUGE);
		if (next && f.cur == cur && cur->walked > filled) {
			assert_in_range(cur->walked - filled, 1, 2 * FIB_STEP);
			filling++;
		}
		if (replaced && f.replaced == replaced && replaced->walked > swept) {
			assert_in_range(replaced->walked - swept, 1, 2 * FIB_STEP);
			sweeping++;
		}
		assert_true(f.credit <= 0);
		c->hash = n * 0x9e3779b97f4a7c15ull;
		assert_int_equal(fib_add(&f, c, &key, 1), 0);
	}
	assert_true(filling > 1000 && sweeping > 1000);
	fib_fini(&f);
	slab_fini(&records);
	rte_free(f.qsbr);
}

// No memory for a larger table, at each piece of it: the old one goes on, then an add fails with
// nothing lost, and all goes on when there is memory again.
static void goes_on_without_memory(void **state)
{
	(void)state;
	for (long pieces = 0; pieces < 6; pieces++) {
		enum mix mix = pieces % 2 ? MIX_6IN6 : MIX_4IN4;
		struct mfib *m = mfib_create(2, NULL);
		struct mfib_tunnel *t = mix_tunnel(m, mix, 40000);
		struct mfib_table *w = mfib_worker_table(m, 1);
		size_t mapped;
		uint32_t n = 0;

		mfib_channel_del(m, add(m, t, mix, 0));
		mapped = kernel.mapped;
		kernel.pieces_left = pieces / 2;
		errno = 0;
		while (add(m, t, mix, n)) {
			// One attempt at most in each call.
			kernel.pieces_left = pieces / 2;
			if (++n % 16 == 0)
				mfib_reclaim(m);
			kernel.pieces_left = 0;
			assert_in_range(n, 1, 512);
		}
		assert_int_equal(errno, ENOMEM);
		assert_int_equal(usage_of(m, mix).slots, 512);
		assert_in_range(n, 256, 512);
		assert_null(add(m, t, mix, n));
		mfib_reclaim(m);
		for (int i = 0; i < 8 && kernel.mapped != mapped; i++) {
			kernel.pieces_left = 0;
			mfib_reclaim(m);
		}
		assert_int_equal(kernel.mapped, mapped); // nothing stays of the attempts
		for (uint32_t i = 0; i < n + 10; i++)
			assert_int_equal(mix_oifs(w, mix, i, 40000), i < n ? i + 1 : 0);
		kernel.pieces_left = -1;
		mfib_reclaim(m);
		assert_in_range(usage_of(m, mix).slots, n * 2, n * 5);
		for (; n < 5000; n++)
			assert_non_null(add(m, t, mix, n));
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(mix_oifs(w, mix, i, 40000), i + 1);
		mfib_destroy(m);
	}
}

// No memory for records either.
static void an_add_fails_cleanly(void **state)
{
	struct mfib *m = mfib_create(1, NULL);
	struct mfib_tunnel *t = mix_tunnel(m, MIX_4IN4, 40000);

	(void)state;
	kernel.no_records = true;
	errno = 0;
	assert_null(add(m, t, MIX_4IN4, 0));
	assert_int_equal(errno, ENOMEM);
	kernel.no_records = false;
	assert_non_null(add(m, t, MIX_4IN4, 0));
	mfib_destroy(m);
	kernel.pieces_left = 1;
	assert_null(mfib_create(1, NULL));
}

// A worker that is never quiescent holds up what it may see, not the others' changes.
static void a_stuck_worker_costs_memory_only(void **state)
{
	static struct mfib_channel *c[3000];
	struct mfib *m = mfib_create(2, NULL);
	struct mfib_tunnel *t = mix_tunnel(m, MIX_6IN4, 40000);
	struct mfib_table *w = mfib_worker_table(m, 0);
	struct rng rng = rng_seeded(9);
	struct mfib_usage u, before;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		c[i] = add(m, t, MIX_6IN4, i);
	mfib_usage(m, &before);
	mfib_worker_online(w);
	for (uint32_t n = 0; n < 60000; n++) {
		uint32_t i = (uint32_t)rng_below(&rng, n < 30000 ? 100 : 3000);

		if (c[i])
			mfib_channel_del(m, c[i]);
		c[i] = add(m, t, MIX_6IN4, i);
		assert_non_null(c[i]);
		if (n % 1000 == 0)
			mfib_reclaim(m);
	}
	mfib_usage(m, &u);
	assert_in_range(u.retired, 50000, 60100);
	for (uint32_t i = 100; i < 3000; i++) {
		if (c[i])
			mfib_channel_del(m, c[i]);
	}
	for (int i = 0; i < 10; i++) {
		mfib_worker_quiescent(w);
		mfib_reclaim(m);
	}
	mfib_usage(m, &u);
	assert_int_equal(u.retired, 0);
	assert_int_equal(u.bytes, before.bytes);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(mix_oifs(w, MIX_6IN4, i, 40000), i + 1);
	mfib_worker_offline(w);
	mfib_destroy(m);
}

// What lets the control thread call less often: nothing to free, nothing that grows, few slots.
static void reclaim_is_light_or_not(void **state)
{
	static struct mfib_channel *c[20000];
	struct mfib *m = mfib_create(1, NULL);
	struct mfib_tunnel *t = mix_tunnel(m, MIX_4IN4, 40000);
	struct mfib_table *w = mfib_worker_table(m, 0);
	struct mfib_channel *one = add(m, t, MIX_6IN4, 0); // in the other table
	bool grew = false;

	(void)state;
	mfib_worker_online(w);
	assert_true(mfib_reclaim_light(m));
	mfib_channel_del(m, one);
	assert_false(mfib_reclaim_light(m));
	mfib_reclaim(m);
	assert_false(mfib_reclaim_light(m)); // the worker may see it
	mfib_worker_quiescent(w);
	mfib_reclaim(m);
	assert_true(mfib_reclaim_light(m));
	for (uint32_t i = 0; i < 2000; i++) {
		c[i] = add(m, t, MIX_4IN4, i);
		if (usage_of(m, MIX_4IN4).growing) {
			assert_false(mfib_reclaim_light(m));
			grew = true;
		}
	}
	assert_true(grew);
	assert_false(mfib_reclaim_light(m)); // tables that were replaced
	for (int i = 0; i < 10; i++) {
		mfib_worker_quiescent(w);
		mfib_reclaim(m);
	}
	assert_true(mfib_reclaim_light(m));
	for (uint32_t i = 2000; i < 20000; i++)
		c[i] = add(m, t, MIX_4IN4, i);
	for (int i = 0; i < 10; i++) {
		mfib_worker_quiescent(w);
		mfib_reclaim(m);
	}
	assert_int_equal(usage_of(m, MIX_4IN4).growing, 0);
	assert_false(mfib_reclaim_light(m)); // many to fold
	for (uint32_t i = 0; i < 20000; i++)
		mfib_channel_del(m, c[i]);
	for (int i = 0; i < 10; i++) {
		mfib_worker_quiescent(w);
		mfib_reclaim(m);
	}
	assert_true(mfib_reclaim_light(m));
	mfib_worker_offline(w);
	mfib_destroy(m);
}

// A worker in the middle of a burst reads the generation that it began with: channels stop, and
// change their set, there too.
static void a_replaced_table_follows(void **state)
{
	(void)state;
	for (int mix = 0; mix < MIXES; mix += 3) {
		struct mfib *m = mfib_create(1, NULL);
		struct mfib_tunnel *t = mix_tunnel(m, mix, 40000);
		struct mfib_table *w = mfib_worker_table(m, 0), began;
		struct mfib_channel *c[3];
		struct mfib_usage u;
		uint32_t n;

		mfib_worker_online(w);
		for (n = 0; n < 3; n++)
			c[n] = add(m, t, mix, n);
		began = *w;
		while (began.narrow == w->narrow && began.wide == w->wide)
			assert_non_null(add(m, t, mix, n++));
		mfib_channel_del(m, c[0]);
		mfib_channel_oifs(m, c[1], 77);
		mfib_reclaim(m);
		assert_int_equal(mix_oifs(&began, mix, 0, 40000), 0);
		assert_int_equal(mix_oifs(&began, mix, 1, 40000), 77);
		assert_int_equal(mix_oifs(&began, mix, 2, 40000), 3);
		assert_int_equal(mix_oifs(w, mix, 0, 40000), 0);
		assert_int_equal(mix_oifs(w, mix, 1, 40000), 77);
		mfib_worker_quiescent(w);
		mfib_reclaim(m);
		mfib_usage(m, &u);
		assert_int_equal(u.retired, 0);
		mfib_worker_offline(w);
		mfib_destroy(m);
	}
}

#define STEADY 200
#define CHURN  30000
#define NEVER  1000000 // channels from here on are never added

struct reader {
	struct mfib_table *w;
	_Atomic bool stop;
	_Atomic uint64_t lookups;
	uint64_t hits[MIXES], missed, wrong;
};

// The channels 0..STEADY of each mix are always there, NEVER.. never, those between come and go. An
// entry's oifs say which channel it is for, so that a match with another's value is seen.
static void *read_table(void *arg)
{
	struct reader *r = arg;
	uint32_t x = 12345;

	mfib_worker_online(r->w);
	while (!atomic_load(&r->stop)) {
		for (int n = 0; n < 32; n++) {
			enum mix mix = (enum mix)(n % MIXES);
			uint32_t kind, i;
			struct found f;

			x = x * 1664525 + 1013904223;
			kind = x >> 30;
			i = x >> 8;
			i = kind < 2	? i % STEADY
			    : kind == 2 ? NEVER + i % CHURN
					: STEADY + i % CHURN;
			f = mix_look(r->w, mix, i, (uint16_t)(40000 + mix));
			if (!f.oifs) {
				r->missed += kind < 2;
				continue;
			}
			r->wrong += kind == 2 || mfib_oifs(f.oifs) != i + 1;
			mfib_count(f.count, 3);
			r->hits[mix]++;
		}
		mfib_worker_quiescent(r->w);
		atomic_fetch_add(&r->lookups, 32);
	}
	mfib_worker_offline(r->w);
	return NULL;
}

static void a_worker_looks_up_while_the_table_changes(void **state)
{
	static struct mfib_channel *c[MIXES][STEADY + CHURN];
	static const uint32_t spans[] = {CHURN, CHURN, 1000, 0, 9000, 0, CHURN};
	struct mfib *m = mfib_create(1, NULL);
	struct reader r = {.w = mfib_worker_table(m, 0)};
	struct mfib_tunnel *t[MIXES];
	struct rng rng = rng_seeded(3);
	struct mfib_stats stats;
	struct mfib_usage u;
	unsigned int sizes = 0;
	uint32_t slots = 0;
	pthread_t thread;

	(void)state;
	for (int mix = 0; mix < MIXES; mix++) {
		t[mix] = mix_tunnel(m, mix, (uint16_t)(40000 + mix));
		for (uint32_t i = 0; i < STEADY; i++)
			c[mix][i] = add(m, t[mix], mix, i);
	}
	assert_int_equal(pthread_create(&thread, NULL, read_table, &r), 0);
	while (atomic_load(&r.lookups) == 0)
		sched_yield();
	for (size_t phase = 0; phase < sizeof(spans) / sizeof(spans[0]); phase++) {
		for (uint32_t n = 0; n < 80000; n++) {
			enum mix mix = (enum mix)rng_below(&rng, MIXES);
			uint32_t i = STEADY + (uint32_t)rng_below(&rng, CHURN);

			if (c[mix][i] && (i >= spans[phase] || n % 5 == 0)) {
				mfib_channel_del(m, c[mix][i]);
				c[mix][i] = NULL;
			} else if (!c[mix][i] && i < spans[phase]) {
				c[mix][i] = add(m, t[mix], mix, i);
				assert_non_null(c[mix][i]);
			}
			if (n % 512 == 0)
				mfib_reclaim(m);
			sizes += usage_of(m, mix).slots != slots;
			slots = usage_of(m, mix).slots;
		}
	}
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	assert_true(sizes > 20);
	assert_true(atomic_load(&r.lookups) > 1000);
	assert_int_equal(r.missed, 0);
	assert_int_equal(r.wrong, 0);
	for (int mix = 0; mix < MIXES; mix++) {
		for (uint32_t i = 0; i < STEADY + CHURN; i++) {
			if (c[mix][i])
				mfib_channel_del(m, c[mix][i]);
		}
		mfib_reclaim(m);
		mfib_tunnel_stats(t[mix], &stats);
		assert_true(r.hits[mix] > 0);
		assert_true(stats.packets == r.hits[mix]); // none lost by growth or reuse
		assert_true(stats.bytes == r.hits[mix] * 3);
		mfib_tunnel_del(m, t[mix]);
	}
	for (int i = 0; i < 10; i++)
		mfib_reclaim(m);
	mfib_usage(m, &u);
	assert_int_equal(u.retired, 0);
	assert_int_equal(u.table[MFIB_NARROW].slots + u.table[MFIB_WIDE].slots, 1024);
	mfib_destroy(m);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_cb, teardown_cb)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(narrow_limits),
		TEST(wide_limits),
		TEST(shrinks_but_not_by_updates),
		TEST(a_step_is_small),
		TEST(goes_on_without_memory),
		TEST(an_add_fails_cleanly),
		TEST(a_stuck_worker_costs_memory_only),
		TEST(reclaim_is_light_or_not),
		TEST(a_replaced_table_follows),
		TEST(a_worker_looks_up_while_the_table_changes),
	};

	return mix_eal_init("t_mfib_resize") ? RUN_TESTS(tests) : 1;
}
