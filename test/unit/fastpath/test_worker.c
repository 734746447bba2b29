// SPDX-License-Identifier: BSD-3-Clause
// The worker's loop on ring ports: frames in at one, native frames out at others, up and down the
// crossing, driver queues that are full, and the stop flag.
#include "unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "frames.h"
#include "rig.h"

#define SMALL 4 // the transmit ring of interface 2: 3 frames

static struct rig rig;
static struct rte_ring *rx[RIG_IFS], *tx[RIG_IFS];
static uint16_t ports[RIG_IFS];

static void ports_open(void)
{
	static struct rte_eth_conf conf;

	for (unsigned int i = 0; i < RIG_IFS; i++) {
		char name[32];
		int port;

		snprintf(name, sizeof(name), "rx%u", i);
		rx[i] = rte_ring_create(name, 256, SOCKET_ID_ANY, 0);
		snprintf(name, sizeof(name), "tx%u", i);
		tx[i] = rte_ring_create(name, i == 2 ? SMALL : 256, SOCKET_ID_ANY, 0);
		snprintf(name, sizeof(name), "if%u", i);
		port = rte_eth_from_rings(name, &rx[i], 1, &tx[i], 1, 0);
		assert_true(port >= 0);
		ports[i] = (uint16_t)port;
		assert_int_equal(rte_eth_dev_configure(ports[i], 1, 1, &conf), 0);
		assert_int_equal(rte_eth_rx_queue_setup(ports[i], 0, 64, 0, NULL, rig.pool), 0);
		assert_int_equal(rte_eth_tx_queue_setup(ports[i], 0, 64, 0, NULL), 0);
		assert_int_equal(rte_eth_dev_start(ports[i]), 0);
		rig.worker.ports[i].port_id = ports[i];
	}
}

static void arrive(unsigned int ifindex, const char *id)
{
	struct rte_mbuf *m;
	struct frame f;

	frame_golden(id, &f);
	m = rig_mbuf(&rig, f.p, f.len);
	assert_int_equal(rte_ring_enqueue(rx[ifindex], m), 0);
}

static void expect_native(unsigned int ifindex, const char *id)
{
	uint8_t want[RIG_FRAME];
	struct rte_mbuf *m;
	struct frame f;
	size_t len;
	void *p = NULL;

	frame_golden(id, &f);
	len = frame_expect(&f, rig.worker.ifs[ifindex].mac, want);
	if (rte_ring_dequeue(tx[ifindex], &p) != 0 || !p)
		fail_msg("no frame out of interface %u", ifindex);
	m = p;
	if (!m)
		return; // for the analyser, which does not know that fail_msg() leaves
	assert_int_equal(rte_pktmbuf_data_len(m), len);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), want, len);
	rte_pktmbuf_free(m);
}

static void a_lone_frame_leaves_in_its_round(void **state)
{
	struct crossing_if_stats s;

	(void)state;
	mfib_channel_oifs(rig.mfib, rig.channel, 1u << 1 | 1u << 2);
	assert_int_equal(worker_round(&rig.worker), 0);
	assert_int_equal(rig.x->load.polls, 1);
	assert_int_equal(rig.x->load.busy_polls, 0);
	arrive(0, "A12");
	assert_int_equal(worker_round(&rig.worker), 1);
	assert_int_equal(rig.x->load.busy_polls, 1);
	expect_native(1, "A12");
	expect_native(2, "A12");
	crossing_if_stats(rig.crossing, 1, &s);
	assert_int_equal(s.tx_packets, 1);
	assert_int_equal(s.tx_bytes, 14 + 44);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

static void what_the_driver_does_not_take_is_counted(void **state)
{
	struct crossing_if_stats s;

	(void)state;
	mfib_channel_oifs(rig.mfib, rig.channel, 1u << 2);
	for (int i = 0; i < 10; i++)
		arrive(0, "A11");
	assert_int_equal(worker_round(&rig.worker), 10);
	crossing_if_stats(rig.crossing, 2, &s);
	assert_int_equal(s.tx_full, 7);
	assert_int_equal(s.tx_packets, 1 + 3);
	assert_int_equal(s.tx_bytes, 4 * (14 + 44));
	assert_int_equal(crossing_drop(rig.crossing, DROP_TX_FULL), 7);
	assert_int_equal(rig_mbufs_in_use(&rig), 3);
	for (int i = 0; i < 3; i++)
		expect_native(2, "A11");
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

static void more_than_a_burst_in_several_rounds(void **state)
{
	(void)state;
	mfib_channel_oifs(rig.mfib, rig.channel, 1u << 1);
	for (int i = 0; i < 200; i++)
		arrive(0, i % 2 ? "A11" : "A12");
	for (unsigned int left = 200, n; left > 0; left -= n) {
		n = left < WORKER_BURST ? left : WORKER_BURST;
		assert_int_equal(worker_round(&rig.worker), n);
	}
	assert_int_equal(worker_round(&rig.worker), 0);
	for (int i = 0; i < 200; i++)
		expect_native(1, i % 2 ? "A11" : "A12");
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

static void injected_frames_leave(void **state)
{
	unsigned int free_mbufs = rte_mempool_avail_count(rig.crossing->inject_pool);
	struct crossing_if_stats s;
	uint8_t frame[1519] = {1, 2, 3};
	void *p;

	(void)state;
	assert_int_equal(crossing_inject(rig.crossing, 1, frame, 0), -EMSGSIZE);
	assert_int_equal(crossing_inject(rig.crossing, 1, frame, 1519), -EMSGSIZE);
	assert_int_equal(crossing_inject(rig.crossing, RIG_IFS, frame, 60), -ENODEV);
	assert_int_equal(crossing_inject(rig.crossing, 1000, frame, 60), -ENODEV);
	for (int i = 0; i < 127; i++)
		assert_int_equal(crossing_inject(rig.crossing, 1, frame, 1518), 0);
	assert_int_equal(crossing_inject(rig.crossing, 1, frame, 60), -EAGAIN);
	assert_int_equal(worker_round(&rig.worker), WORKER_BURST); // a burst a round
	assert_int_equal(rte_ring_count(tx[1]), WORKER_BURST);
	while (worker_round(&rig.worker) > 0)
		;
	assert_int_equal(rte_ring_count(tx[1]), 127);
	while (rte_ring_dequeue(tx[1], &p) == 0) {
		assert_int_equal(rte_pktmbuf_data_len((struct rte_mbuf *)p), 1518);
		assert_memory_equal(rte_pktmbuf_mtod((struct rte_mbuf *)p, void *), frame, 1518);
		rte_pktmbuf_free(p);
	}
	for (int i = 0; i < 5; i++) // the driver takes 3
		assert_int_equal(crossing_inject(rig.crossing, 2, frame, 60), 0);
	worker_round(&rig.worker);
	while (rte_ring_dequeue(tx[2], &p) == 0)
		rte_pktmbuf_free(p);
	crossing_if_stats(rig.crossing, 1, &s);
	assert_int_equal(s.injected, 127);
	crossing_if_stats(rig.crossing, 2, &s);
	assert_int_equal(s.injected, 3);
	assert_int_equal(crossing_drop(rig.crossing, DROP_TX_FULL), 7 + 2);
	assert_int_equal(rte_mempool_avail_count(rig.crossing->inject_pool), free_mbufs);
}

static void *run(void *arg)
{
	worker_run(arg);
	return NULL;
}

static void wait_count(const struct rte_ring *r, unsigned int n)
{
	struct timespec t = {.tv_nsec = 1000000};

	for (int i = 0; i < 20000 && rte_ring_count(r) < n; i++)
		nanosleep(&t, NULL);
	assert_int_equal(rte_ring_count(r), n);
}

// The loop itself on a thread of its own, with the table changing under it; at stop, what the
// control thread injected before is sent.
static void runs_until_stop(void **state)
{
	uint8_t goodbye[60] = {9};
	struct rte_mbuf *punted[4];
	struct mfib_usage u;
	pthread_t thread;
	unsigned int n = 0;
	void *p;

	(void)state;
	mfib_channel_oifs(rig.mfib, rig.channel, 1u << 1);
	assert_int_equal(pthread_create(&thread, NULL, run, &rig.worker), 0);
	arrive(0, "A12");
	wait_count(tx[1], 1);
	expect_native(1, "A12");
	arrive(1, "A12"); // not an upstream interface
	arrive(0, "A04");
	for (int i = 0; i < 20000 && n < 2; i++) {
		struct timespec t = {.tv_nsec = 1000000};

		n += crossing_punt_dequeue(rig.crossing, PUNT_ALL, punted + n, 4 - n);
		nanosleep(&t, NULL);
	}
	assert_int_equal(n, 2);
	rte_pktmbuf_free_bulk(punted, n);
	// A worker that runs lets go of what is retired, by itself.
	for (uint32_t i = 0; i < 500; i++) {
		struct sg sg = {
			addr_from_v4(0x0a000001), addr_from_v4(rte_cpu_to_be_32(0xe9000001 + i))};
		struct mfib_channel *c = mfib_channel_add(rig.mfib, rig.tunnel, &sg, 2);

		assert_non_null(c);
		mfib_channel_del(rig.mfib, c);
	}
	for (int i = 0; i < 20000; i++) {
		struct timespec t = {.tv_nsec = 1000000};

		mfib_reclaim(rig.mfib);
		mfib_usage(rig.mfib, &u);
		if (u.retired == 0)
			break;
		nanosleep(&t, NULL);
	}
	assert_int_equal(u.retired, 0);
	arrive(0, "A22");
	wait_count(tx[1], 1);
	expect_native(1, "A22");
	for (int i = 0; i < 40; i++)
		assert_int_equal(crossing_inject(rig.crossing, 1, goodbye, sizeof(goodbye)), 0);
	atomic_store_explicit(&rig.x->stop, true, memory_order_release);
	pthread_join(thread, NULL);
	assert_int_equal(rte_ring_count(tx[1]), 40);
	while (rte_ring_dequeue(tx[1], &p) == 0)
		rte_pktmbuf_free(p);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

#define IDLE_ROUNDS 8
static unsigned int idle_seen[2 * IDLE_ROUNDS], n_idle;

// Stops the worker in the end; before, a frame arrives.
static void idle_cb(void *arg, unsigned int rounds)
{
	assert_ptr_equal(arg, &n_idle);
	idle_seen[n_idle++] = rounds;
	if (n_idle == IDLE_ROUNDS)
		arrive(0, "A12");
	if (n_idle == RTE_DIM(idle_seen))
		atomic_store_explicit(&rig.x->stop, true, memory_order_release);
}

// It is told of the rounds since the last frame, while nothing of the table is held; and of the
// frame.
static void an_idle_worker_may_rest(void **state)
{
	(void)state;
	mfib_channel_oifs(rig.mfib, rig.channel, 1u << 1);
	atomic_store_explicit(&rig.x->stop, false, memory_order_release);
	rig.worker.idle_cb = idle_cb;
	rig.worker.idle_arg = &n_idle;
	worker_run(&rig.worker);
	rig.worker.idle_cb = NULL;
	for (unsigned int i = 0; i < RTE_DIM(idle_seen); i++)
		assert_int_equal(idle_seen[i], i < IDLE_ROUNDS ? i + 1 : i - IDLE_ROUNDS);
	expect_native(1, "A12");
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lone_frame_leaves_in_its_round),
		cmocka_unit_test(what_the_driver_does_not_take_is_counted),
		cmocka_unit_test(more_than_a_burst_in_several_rounds),
		cmocka_unit_test(injected_frames_leave),
		cmocka_unit_test(runs_until_stop),
		cmocka_unit_test(an_idle_worker_may_rest),
	};
	int failed;

	rig_eal_init("t_worker");
	rig_setup(&rig, 1u << 1);
	ports_open();
	failed = RUN_TESTS(tests);
	for (unsigned int i = 0; i < RIG_IFS; i++) {
		rte_eth_dev_stop(ports[i]);
		rte_eth_dev_close(ports[i]);
	}
	rig_teardown(&rig);
	return failed;
}
