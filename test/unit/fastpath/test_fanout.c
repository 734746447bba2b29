// SPDX-License-Identifier: BSD-3-Clause
// Copies for interfaces with Ethernet headers of their own: the mbufs that are got ahead for them.
#include <string.h>

#include <rte_mbuf.h>

#include "frames.h"
#include "rig.h"
#include "unit/unit.h"

static struct rig rig;

static int setup(void **state)
{
	(void)state;
	rig_setup(&rig, 1u << 1 | 1u << 2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_teardown(&rig);
	return 0;
}

// Frees what is queued for an interface: how many frames, all as they should be.
static unsigned int take(unsigned int ifindex, const struct frame *f)
{
	struct worker_tx *tx = &rig.worker.tx[ifindex];
	unsigned int n = tx->n;
	uint8_t want[RIG_FRAME];
	size_t len = frame_expect(f, rig.worker.ifs[ifindex].mac, want);

	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(rte_pktmbuf_data_len(tx->mbufs[i]), len);
		assert_memory_equal(rte_pktmbuf_mtod(tx->mbufs[i], void *), want, len);
		assert_int_equal(rte_mbuf_refcnt_read(tx->mbufs[i]), 1);
		rte_pktmbuf_free(tx->mbufs[i]);
	}
	tx->n = 0;
	tx->bytes = 0;
	return n;
}

static void burst(const struct frame *f, struct rte_mempool *second)
{
	struct rte_mbuf *mbufs[WORKER_BURST];
	struct rig other = {.pool = second};

	for (unsigned int i = 0; i < WORKER_BURST; i++)
		mbufs[i] = rig_mbuf(second && i % 2 ? &other : &rig, f->p, f->len);
	worker_process_burst(&rig.worker, 0, mbufs, WORKER_BURST);
}

static void none_is_held_after_a_burst(void **state)
{
	struct frame f;

	(void)state;
	frame_golden("A12", &f);
	for (int round = 0; round < 3; round++) {
		burst(&f, NULL);
		assert_int_equal(rig_mbufs_in_use(&rig), 2 * WORKER_BURST);
		assert_int_equal(take(1, &f), WORKER_BURST);
		assert_int_equal(take(2, &f), WORKER_BURST);
		assert_int_equal(rig_mbufs_in_use(&rig), 0);
	}
}

// Fewer than are got at a time: each of them is used, the rest are missing on one interface.
static void the_last_ones_are_used(void **state)
{
	static const unsigned int left[] = {0, 1, WORKER_SPARES - 1};
	struct rte_mbuf *all[RIG_MBUFS];
	struct frame f;

	(void)state;
	frame_golden("A12", &f);
	for (unsigned int k = 0; k < RTE_DIM(left); k++) {
		uint64_t before = rig.x->drops[DROP_NO_MBUF];
		unsigned int n = RIG_MBUFS - WORKER_BURST - left[k];

		assert_int_equal(rte_pktmbuf_alloc_bulk(rig.pool, all, n), 0);
		burst(&f, NULL);
		assert_int_equal(take(1, &f), left[k]);
		assert_int_equal(take(2, &f), WORKER_BURST);
		assert_int_equal(rig.x->drops[DROP_NO_MBUF] - before, WORKER_BURST - left[k]);
		assert_int_equal(rig_mbufs_in_use(&rig), n);
		rte_pktmbuf_free_bulk(all, n);
	}
}

// A copy is of its frame's pool.
static void frames_of_two_pools(void **state)
{
	struct rte_mempool *second = rte_pktmbuf_pool_create(
		"second", 255, 0, 0, RTE_PKTMBUF_HEADROOM + RIG_FRAME, SOCKET_ID_ANY);
	struct frame f;

	(void)state;
	assert_non_null(second);
	frame_golden("A12", &f);
	burst(&f, second);
	assert_int_equal(rig_mbufs_in_use(&rig), WORKER_BURST);
	assert_int_equal(rte_mempool_in_use_count(second), WORKER_BURST);
	assert_int_equal(take(1, &f), WORKER_BURST);
	assert_int_equal(take(2, &f), WORKER_BURST);
	assert_int_equal(rte_mempool_in_use_count(second), 0);
	rte_mempool_free(second);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(none_is_held_after_a_burst),
		T(the_last_ones_are_used),
		T(frames_of_two_pools),
	};

	rig_eal_init("t_fanout");
	return RUN_TESTS(tests);
}
