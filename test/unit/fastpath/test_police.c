// SPDX-License-Identifier: BSD-3-Clause
// What goes up to the control thread, by class, interface and sender.
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "crossing/police.h"
#include "rig.h"
#include "unit/unit.h"

#define FOREVER UINT64_MAX

static struct rig rig;
static uint64_t up[PUNT_CLASSES]; // of the last run

// A second of TSC ticks that is an hour: no token comes back while a test runs.
static void rates(uint32_t neighbor, uint32_t pim, uint32_t amt, uint32_t other)
{
	const struct crossing_police_cfg cfg = {.rate = {[PUNT_NEIGHBOR] = neighbor,
							[PUNT_PIM] = pim,
							[PUNT_MEMBERSHIP] = pim,
							[PUNT_AMT] = amt,
							[PUNT_DNS] = other,
							[PUNT_STRAY] = other,
							[PUNT_OTHER] = other}};

	assert_int_equal(
		crossing_police_set(rig.crossing, &cfg, 3600 * rte_get_tsc_hz(), 20261127), 0);
}

static int setup(void **state)
{
	(void)state;
	rig_setup(&rig, 1 << 1);
	rig.worker.ifs[1].downstream = true;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_teardown(&rig);
	return 0;
}

// The n-th host of a link.
static void mac(uint8_t *frame, unsigned int n)
{
	const uint8_t m[6] = {2, 0, 0, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	memset(frame, 0xff, 6);
	memcpy(frame + 6, m, 6);
}

static size_t arp(uint8_t *frame, unsigned int host, uint32_t ip)
{
	memset(frame, 0, 60);
	mac(frame, host);
	frame[12] = 0x08;
	frame[13] = 0x06;
	frame[28] = (uint8_t)(ip >> 24);
	frame[29] = (uint8_t)(ip >> 16);
	frame[30] = (uint8_t)(ip >> 8);
	frame[31] = (uint8_t)ip;
	return 60;
}

static size_t ipv4(uint8_t *frame, unsigned int host, uint32_t src, uint8_t proto, size_t len)
{
	memset(frame, 0, len);
	mac(frame, host);
	frame[12] = 0x08;
	frame[14] = 0x45;
	frame[16] = (uint8_t)((len - 14) >> 8);
	frame[17] = (uint8_t)(len - 14);
	frame[22] = 1;
	frame[23] = proto;
	frame[26] = (uint8_t)(src >> 24);
	frame[27] = (uint8_t)(src >> 16);
	frame[28] = (uint8_t)(src >> 8);
	frame[29] = (uint8_t)src;
	memcpy(frame + 30, (const uint8_t[]){224, 0, 0, 13}, 4);
	return len;
}

static size_t udp(uint8_t *frame, uint32_t src, uint16_t sport, uint16_t dport, uint8_t first)
{
	size_t len = ipv4(frame, 1, src, 17, 60);

	memcpy(frame + 30, (const uint8_t[]){198, 51, 100, 10}, 4); // the tunnel's address
	frame[34] = (uint8_t)(sport >> 8);
	frame[35] = (uint8_t)sport;
	frame[36] = (uint8_t)(dport >> 8);
	frame[37] = (uint8_t)dport;
	frame[39] = 26;
	frame[42] = first;
	return len;
}

// Whether it went up.
static bool run_on(unsigned int ifindex, const uint8_t *frame, size_t len)
{
	struct rte_mbuf *m = rig_mbuf(&rig, frame, len);
	unsigned int n = 0;
	void *p;

	worker_process_burst(&rig.worker, ifindex, &m, 1);
	for (int k = 0; k < PUNT_CLASSES; k++) {
		while (rte_ring_dequeue(rig.x->punt[k], &p) == 0) {
			up[k]++;
			n++;
			rte_pktmbuf_free(p);
		}
	}
	return n == 1;
}

static unsigned int arps(unsigned int ifindex, unsigned int host, uint32_t ip, unsigned int n)
{
	uint8_t frame[60];
	unsigned int passed = 0;

	for (unsigned int i = 0; i < n; i++)
		passed += run_on(ifindex, frame, arp(frame, host, ip));
	return passed;
}

static void without_rates_all_goes_up(void **state)
{
	(void)state;
	assert_int_equal(arps(1, 1, 1, 5000), 5000);
	rates(0, 0, 0, 0);
	assert_int_equal(arps(1, 1, 1, 5000), 5000);
	assert_int_equal(rig.x->drops[DROP_POLICED_NEIGHBOR], 0);
}

// Of 8000: strangers have 800, one of them 100, in each of two buckets.
static void one_that_shouts_leaves_the_rest(void **state)
{
	struct crossing_if_stats s;
	unsigned int shouter;

	(void)state;
	rates(8000, 8000, 8000, 8000);
	shouter = arps(1, 1, 0x0a000001, 5000);
	assert_in_range(shouter, 100, 202);
	crossing_if_stats(rig.crossing, 1, &s);
	assert_int_equal(s.shouted[PUNT_NEIGHBOR], 5000 - shouter);
	assert_int_equal(s.over[PUNT_NEIGHBOR], 0);
	assert_int_equal(rig.x->drops[DROP_POLICED_NEIGHBOR], 5000 - shouter);
	// Who sent the last one that was held back: on interface 1.
	assert_int_equal(rig.x->policed_from[PUNT_NEIGHBOR] >> 56, 1);
	assert_memory_equal(&rig.x->policed_from[PUNT_NEIGHBOR], "\x02\0\0\0\0\x01", 6);
	// With other IP addresses of its own it gets no more.
	for (uint32_t ip = 2; ip < 200; ip++)
		assert_int_equal(arps(1, 1, ip, 1), 0);
	assert_int_equal(arps(1, 2, 0x0a000002, 10), 10);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

// A flood of very many senders: strangers of the interface have nothing left, whoever is known, the
// other classes and the other interfaces have all of it.
static void strangers_do_not_take_what_is_known(void **state)
{
	uint8_t frame[60];
	unsigned int passed = 0;
	struct addr gateway;
	struct crossing_if_stats s;

	(void)state;
	assert_int_equal(addr_parse("10.0.0.254", &gateway), 0);
	rates(8000, 8000, 8000, 8000);
	crossing_police_know(rig.crossing, 1, &gateway, FOREVER);
	for (unsigned int i = 0; i < 20000; i++)
		passed += arps(1, i, 0x0b000000 + i, 1);
	assert_in_range(passed, 800, 801);
	crossing_if_stats(rig.crossing, 1, &s);
	assert_true(s.over[PUNT_NEIGHBOR] > 10000);
	assert_int_equal(arps(1, 30000, 0x0a000001, 1), 0);
	assert_int_equal(arps(1, 7, 0x0a0000fe, 1000), 1000);
	assert_int_equal(arps(2, 30000, 0x0a000001, 10), 10);
	assert_true(run_on(1, frame, ipv4(frame, 9, 0x0a000009, 103, 60)));
	assert_true(run_on(1, frame, ipv4(frame, 9, 0x0a000009, 2, 60)));
	// Known on one interface, on another it is a stranger.
	assert_in_range(arps(2, 7, 0x0a0000fe, 1000), 100, 202);
}

// A flood in which every frame has another sender fills the bucket of every stranger of its class:
// not those of the known, and not those of another class.
static void a_new_sender_each_time(void **state)
{
	uint8_t frame[60];
	struct addr gateway;

	(void)state;
	assert_int_equal(addr_parse("10.0.0.254", &gateway), 0);
	rates(80, 8000, 8000, 8000);
	crossing_police_know(rig.crossing, 1, &gateway, FOREVER);
	for (unsigned int i = 0; i < 40000; i++)
		arps(1, i, 0x0b000000 + i, 1);
	for (unsigned int i = 50000; i < 50100; i++)
		assert_int_equal(arps(2, i, 0x0b000000 + i, 1), 0);
	assert_int_equal(arps(1, 7, 0x0a0000fe, 10), 10);
	for (unsigned int i = 0; i < 50; i++) {
		assert_true(run_on(1, frame, ipv4(frame, i, 0x0a000009 + i, 103, 60)));
		assert_true(run_on(1, frame, ipv4(frame, i, 0x0a000009 + i, 2, 60)));
		assert_true(run_on(1, frame, ipv4(frame, 7, 0x0a0000fe, 103, 60)));
	}
}

// A known sender has half of the rate by its two buckets at most, and no more.
static void a_known_one_that_shouts(void **state)
{
	struct addr a, b;
	unsigned int n;

	(void)state;
	assert_int_equal(addr_parse("10.0.0.1", &a), 0);
	assert_int_equal(addr_parse("10.0.0.2", &b), 0);
	rates(100, 0, 0, 0);
	crossing_police_know(rig.crossing, 1, &a, 1000);
	crossing_police_know(rig.crossing, 1, &b, 3000);
	crossing_police_know(rig.crossing, 1, &a, 2000);
	n = arps(1, 1, 0x0a000001, 500);
	assert_in_range(n, 25, 52);
	// Its time is over: a stranger now.
	assert_int_equal(crossing_police_expire(rig.crossing, 1999), 2);
	assert_int_equal(crossing_police_expire(rig.crossing, 2000), 1);
	assert_in_range(arps(1, 1, 0x0a000001, 500), 1, 4);
	assert_int_equal(crossing_police_expire(rig.crossing, FOREVER), 0);
}

// What has entries to be read costs more the longer it is.
static void long_messages_cost_more(void **state)
{
	uint8_t frame[1500];
	struct addr a;
	unsigned int n = 0;

	(void)state;
	assert_int_equal(addr_parse("10.0.0.1", &a), 0);
	rates(0, 1200, 0, 0);
	crossing_police_know(rig.crossing, 1, &a, FOREVER);
	for (int i = 0; i < 1000; i++)
		n += run_on(1, frame, ipv4(frame, 1, 0x0a000001, 103, 1300));
	assert_in_range(n, 50, 102); // six units each
}

// A relay that floods one tunnel's port leaves what comes to another, and what strangers send is
// not in its way.
static void relays(void **state)
{
	const uint32_t relay = 0xcb00710f; // 203.0.113.15
	uint8_t frame[60];
	unsigned int n = 0;
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse("203.0.113.15", &a), 0);
	rates(0, 0, 1000, 1000);
	for (int i = 0; i < 3000; i++)
		run_on(0, frame, udp(frame, 0xc0000200 + (uint32_t)i, 2268, RIG_PORT, 4));
	for (int i = 0; i < 3000; i++)
		n += run_on(0, frame, udp(frame, relay, 2268, RIG_PORT, 4));
	assert_in_range(n, 250, 502);
	rates(0, 0, 100000, 1000);
	crossing_police_know(rig.crossing, 0, &a, FOREVER);
	assert_true(run_on(0, frame, udp(frame, relay, 2268, RIG_PORT + 1, 2)));
}

static void classes(void **state)
{
	static const struct {
		uint16_t sport, dport;
		uint8_t first;
		enum punt_class class;
	} c[] = {{53, 4000, 0, PUNT_DNS}, {4000, 53, 0, PUNT_OTHER}, {2268, 5000, 2, PUNT_AMT},
		{2268, 5000, 6, PUNT_STRAY}, {5000, 2268, 3, PUNT_AMT}, {5000, 22, 6, PUNT_OTHER}};
	uint8_t frame[60];

	(void)state;
	rates(8000, 8000, 8000, 8000);
	for (size_t i = 0; i < RTE_DIM(c); i++) {
		memset(up, 0, sizeof(up));
		assert_true(run_on(
			0, frame, udp(frame, 0xc0000201, c[i].sport, c[i].dport, c[i].first)));
		assert_int_equal(up[c[i].class], 1);
	}
	// Tokens of DNS are not spent by others.
	for (int i = 0; i < 20000; i++)
		run_on(0, frame, udp(frame, (uint32_t)i * 77777, 4000, 4001, 0));
	assert_true(rig.x->drops[DROP_POLICED_OTHER] > 0);
	assert_true(run_on(0, frame, udp(frame, 0xc0000235, 53, 4000, 0)));
}

// Each class has its share of what the control thread takes at once.
static void no_ring_starves_another(void **state)
{
	struct rte_mbuf *got[64], *m;
	uint8_t frame[60];
	unsigned int n, seen = 0;

	(void)state;
	for (int i = 0; i < 60; i++) {
		m = rig_mbuf(&rig, frame, ipv4(frame, 1, 0x0a000001, 103, 60));
		worker_process_burst(&rig.worker, 1, &m, 1);
	}
	m = rig_mbuf(&rig, frame, arp(frame, 1, 5));
	worker_process_burst(&rig.worker, 1, &m, 1);
	m = rig_mbuf(&rig, frame, udp(frame, 0xc0000235, 53, 4000, 0));
	worker_process_burst(&rig.worker, 0, &m, 1);
	n = crossing_punt_dequeue(rig.crossing, PUNT_ALL, got, 16);
	assert_int_equal(n, 16);
	for (unsigned int i = 0; i < n; i++)
		seen += rte_pktmbuf_mtod(got[i], uint8_t *)[23] != 103;
	assert_int_equal(seen, 2);
	rte_pktmbuf_free_bulk(got, n);
	while ((n = crossing_punt_dequeue(rig.crossing, PUNT_ALL, got, 64)) > 0)
		rte_pktmbuf_free_bulk(got, n);
}

// A burst that its rate allows is more than the ring holds: once it is half full, who sent the
// burst waits, and a neighbor beside it has room.
static void a_burst_leaves_room_in_the_ring(void **state)
{
	unsigned int half = rte_ring_get_capacity(rig.x->punt[PUNT_PIM]) / 2, n = 0;
	struct rte_mbuf *got[64], *m;
	uint8_t frame[60];
	struct addr a, b;

	(void)state;
	assert_int_equal(addr_parse("10.0.0.1", &a), 0);
	assert_int_equal(addr_parse("10.0.0.2", &b), 0);
	rates(0, 100000, 0, 0);
	crossing_police_know(rig.crossing, 1, &a, FOREVER);
	crossing_police_know(rig.crossing, 1, &b, FOREVER);
	// One bucket is used up, and of the other more than a 64th.
	for (unsigned int i = 0; i < 26000; i++)
		run_on(1, frame, ipv4(frame, 1, 0x0a000001, 103, 60));
	for (unsigned int i = 0; i < 2 * half; i++) {
		m = rig_mbuf(&rig, frame, ipv4(frame, 1, 0x0a000001, 103, 60));
		worker_process_burst(&rig.worker, 1, &m, 1);
	}
	n = rte_ring_count(rig.x->punt[PUNT_PIM]);
	assert_in_range(n, half, half + 1);
	assert_int_equal(rig.x->drops[DROP_PUNT_FULL_CONTROL], 0);
	m = rig_mbuf(&rig, frame, ipv4(frame, 2, 0x0a000002, 103, 60));
	worker_process_burst(&rig.worker, 1, &m, 1);
	assert_int_equal(rte_ring_count(rig.x->punt[PUNT_PIM]), n + 1);
	while ((n = crossing_punt_dequeue(rig.crossing, PUNT_ALL, got, 64)) > 0)
		rte_pktmbuf_free_bulk(got, n);
}

// A neighbor's part of a second is more than the ring holds, and nothing takes frames out: once it
// is full by three quarters, what he sends costs him so much that the rest stays free.
static void a_rate_leaves_room_in_the_ring(void **state)
{
	unsigned int capacity = rte_ring_get_capacity(rig.x->punt[PUNT_PIM]), n;
	struct rte_mbuf *got[64], *m;
	uint8_t frame[60];
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse("10.0.0.1", &a), 0);
	rates(0, 10000, 0, 0);
	crossing_police_know(rig.crossing, 1, &a, FOREVER);
	for (int i = 0; i < 1000; i++) {
		m = rig_mbuf(&rig, frame, ipv4(frame, 1, 0x0a000001, 103, 60));
		worker_process_burst(&rig.worker, 1, &m, 1);
	}
	assert_int_equal(rig.x->drops[DROP_PUNT_FULL_CONTROL], 0);
	assert_in_range(rte_ring_count(rig.x->punt[PUNT_PIM]), capacity / 4 * 3 + 1, capacity - 1);
	while ((n = crossing_punt_dequeue(rig.crossing, PUNT_ALL, got, 64)) > 0)
		rte_pktmbuf_free_bulk(got, n);
}

// Strangers who come one after the other have a burst between them that is more than the ring
// holds: once it is full by half they wait.
static void strangers_leave_room_in_the_ring(void **state)
{
	unsigned int capacity = rte_ring_get_capacity(rig.x->punt[PUNT_PIM]), n;
	struct rte_mbuf *got[64], *m;
	uint8_t frame[60];

	(void)state;
	rates(0, 10000, 0, 0);
	for (uint32_t i = 1; i < 1000; i++) {
		m = rig_mbuf(&rig, frame, ipv4(frame, i, 0x0b000000 + i, 103, 60));
		worker_process_burst(&rig.worker, 1, &m, 1);
	}
	assert_int_equal(rig.x->drops[DROP_PUNT_FULL_CONTROL], 0);
	assert_in_range(rte_ring_count(rig.x->punt[PUNT_PIM]), capacity / 2, capacity - 1);
	while ((n = crossing_punt_dequeue(rig.crossing, PUNT_ALL, got, 64)) > 0)
		rte_pktmbuf_free_bulk(got, n);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(without_rates_all_goes_up),
		T(one_that_shouts_leaves_the_rest),
		T(strangers_do_not_take_what_is_known),
		T(a_new_sender_each_time),
		T(a_known_one_that_shouts),
		T(long_messages_cost_more),
		T(relays),
		T(classes),
		T(no_ring_starves_another),
		T(a_burst_leaves_room_in_the_ring),
		T(a_rate_leaves_room_in_the_ring),
		T(strangers_leave_room_in_the_ring),
	};

	rig_eal_init("t_police");
	return RUN_TESTS(tests);
}
