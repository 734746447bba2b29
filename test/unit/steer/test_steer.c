// SPDX-License-Identifier: BSD-3-Clause
// The hash against Microsoft's published vectors and DPDK's software hash; the choice of ports.
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_thash.h>

#include "base/rng.h"
#include "steer/steer.h"

// "Verifying the RSS hash calculation", Windows driver documentation.
static const uint8_t microsoft_key[STEER_KEY_LEN] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2,
	0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30,
	0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac,
	0x01, 0xfa};

static const struct {
	const char *src, *dst;
	uint16_t sport, dport;
	uint32_t addresses, ports;
} vectors[] = {
	{"66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178},
	{"199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea},
	{"24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a},
	{"38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f},
	{"153.39.163.191", "202.188.127.2", 44251, 1303, 0x5d1809c5, 0x10e828a2},
	{"3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x2cc18cd5, 0x40207d3d},
	{"3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0x0f0c461c, 0xdde51bbf},
	{"3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf", 44251, 38024,
		0x4b61e985, 0x02d1feef},
};

static struct rng rng;

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct addr random_address(enum addr_family family)
{
	uint8_t bytes[16];

	rng_bytes(&rng, bytes, sizeof(bytes));
	return family == ADDR_V6 ? addr_from_v6(bytes) : addr_from_v4(rng_u32(&rng));
}

static struct steer_tuple random_tuple(enum addr_family family)
{
	return (struct steer_tuple){.relay = random_address(family),
		.local = random_address(family),
		.relay_port = 2268,
		.local_port = (uint16_t)rng_u32(&rng)};
}

static struct steer_rss rss_of(
	const uint8_t *key, unsigned int key_len, unsigned int reta, unsigned int queues)
{
	struct steer_rss rss = {.key_len = (uint16_t)key_len,
		.n_queues = (uint16_t)queues,
		.reta_size = (uint16_t)reta,
		.ipv4_udp = true,
		.ipv6_udp = true};

	memcpy(rss.key, key, key_len);
	for (unsigned int i = 0; i < reta; i++)
		rss.reta[i] = (uint16_t)(i % queues);
	return rss;
}

static void published_vectors(void **state)
{
	struct steer_rss rss = rss_of(microsoft_key, sizeof(microsoft_key), 128, 8);

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct steer_tuple t = {.relay = address(vectors[i].src),
			.local = address(vectors[i].dst),
			.relay_port = vectors[i].sport,
			.local_port = vectors[i].dport};

		rss.ipv4_udp = rss.ipv6_udp = true;
		assert_int_equal(steer_hash(&rss, &t), vectors[i].ports);
		assert_int_equal(steer_queue(&rss, &t), (vectors[i].ports & 127) % 8);
		rss.ipv4_udp = rss.ipv6_udp = false;
		assert_int_equal(steer_hash(&rss, &t), vectors[i].addresses);
	}
}

static uint32_t softrss(const struct steer_rss *rss, const struct steer_tuple *t)
{
	union rte_thash_tuple u = {0};
	uint32_t words;

	if (t->relay.family == ADDR_V4) {
		u.v4.src_addr = rte_be_to_cpu_32(addr_to_v4(&t->relay));
		u.v4.dst_addr = rte_be_to_cpu_32(addr_to_v4(&t->local));
		u.v4.sport = t->relay_port;
		u.v4.dport = t->local_port;
		words = RTE_THASH_V4_L4_LEN;
	} else {
		for (unsigned int i = 0; i < 16; i += 4) {
			uint32_t s, d;

			memcpy(&s, t->relay.bytes + i, 4);
			memcpy(&d, t->local.bytes + i, 4);
			s = rte_be_to_cpu_32(s);
			d = rte_be_to_cpu_32(d);
			memcpy(u.v6.src_addr + i, &s, 4);
			memcpy(u.v6.dst_addr + i, &d, 4);
		}
		u.v6.sport = t->relay_port;
		u.v6.dport = t->local_port;
		words = RTE_THASH_V6_L4_LEN;
	}
	return rte_softrss((uint32_t *)(void *)&u, words, rss->key);
}

static void equals_dpdk(void **state)
{
	uint8_t key[52];

	(void)state;
	for (int i = 0; i < 4000; i++) {
		struct steer_tuple t = random_tuple(i & 1 ? ADDR_V6 : ADDR_V4);
		struct steer_rss rss;

		rng_bytes(&rng, key, sizeof(key));
		rss = rss_of(key, i & 2 ? 52 : 40, 512, 16);
		t.relay_port = (uint16_t)rng_u32(&rng);
		assert_int_equal(steer_hash(&rss, &t), softrss(&rss, &t));
	}
}

static void odd_tables(void **state)
{
	struct steer_rss rss = rss_of(microsoft_key, sizeof(microsoft_key), 7, 3);

	(void)state;
	assert_int_equal(steer_bucket(&rss, 20), 6);
	assert_int_equal(steer_bucket(&rss, UINT32_MAX), UINT32_MAX % 7);
	rss.reta_size = 2048;
	assert_int_equal(steer_bucket(&rss, 0xffff), 2047);
	rss.reta_size = 1;
	assert_int_equal(steer_bucket(&rss, 0xffff), 0);
}

static struct steer_choice choose(
	const struct steer_rss *rss, const struct steer_tuple *t, const uint64_t *load)
{
	struct steer_search s;
	struct steer_choice c;

	steer_search_init(&s, rss, t, load, NULL, (uint16_t)rng_u32(&rng));
	assert_true(steer_search_next(&s, &c));
	return c;
}

// The port of the answer does land on the queue of the answer, and that has the least load.
static void check_least(const struct steer_rss *rss, unsigned int n, unsigned int *worst)
{
	uint64_t load[STEER_MAX_QUEUES];

	for (unsigned int i = 0; i < n; i++) {
		struct steer_tuple t = random_tuple(i & 1 ? ADDR_V6 : ADDR_V4);
		uint16_t least = (uint16_t)rng_below(&rng, rss->n_queues);
		struct steer_search s;
		struct steer_choice c;

		for (unsigned int q = 0; q < rss->n_queues; q++)
			load[q] = q == least ? 5 : 6 + rng_below(&rng, 100);
		steer_search_init(&s, rss, &t, load, NULL, (uint16_t)rng_u32(&rng));
		assert_true(steer_search_next(&s, &c));
		assert_int_equal(c.queue, least);
		assert_true(c.port >= STEER_PORT_MIN && c.port != 2268);
		t.local_port = c.port;
		assert_int_equal(steer_queue(rss, &t), least);
		if (s.tries > *worst)
			*worst = s.tries;
	}
}

static void least_load_is_found(void **state)
{
	static const unsigned int shapes[][2] = {
		{2, 2}, {128, 2}, {128, 8}, {512, 16}, {512, 64}, {100, 5}, {33, 32}, {2048, 64}};
	uint8_t key[52];
	unsigned int worst = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct steer_rss rss;

		rss = rss_of(microsoft_key, sizeof(microsoft_key), shapes[i][0], shapes[i][1]);
		check_least(&rss, 300, &worst);
		memset(key, 0, sizeof(key));
		for (unsigned int k = 0; k < 40; k += 2) { // symmetric
			key[k] = 0x6d;
			key[k + 1] = 0x5a;
		}
		rss = rss_of(key, 40, shapes[i][0], shapes[i][1]);
		check_least(&rss, 300, &worst);
	}
	assert_true(worst < STEER_WALK);
	// 2^n queues in their usual order: each is met within as many ports, but for ports below
	// 1024.
	worst = 0;
	struct steer_rss rss = rss_of(microsoft_key, sizeof(microsoft_key), 512, 16);

	check_least(&rss, 5000, &worst);
	assert_in_range(worst, 1, 32);
}

// All 65536 starts: each port that can be chosen is, and no one more often than another.
static void ports_cannot_be_guessed(void **state)
{
	static unsigned int chosen[65536];
	struct steer_rss rss = rss_of(microsoft_key, sizeof(microsoft_key), 128, 8);
	struct steer_tuple t = random_tuple(ADDR_V4);
	uint64_t load[8] = {9, 9, 9, 1, 9, 9, 9, 9};
	unsigned int ports = 0, most = 0, right = 0;

	(void)state;
	memset(chosen, 0, sizeof(chosen));
	for (unsigned int start = 0; start < 65536; start++) {
		struct steer_search s;
		struct steer_choice c;

		steer_search_init(&s, &rss, &t, load, NULL, (uint16_t)start);
		assert_true(steer_search_next(&s, &c));
		chosen[c.port]++;
	}
	for (unsigned int p = STEER_PORT_MIN; p < 65536; p++) {
		t.local_port = (uint16_t)p;
		if (p != 2268)
			right += steer_queue(&rss, &t) == 3;
		ports += chosen[p] != 0;
		if (chosen[p] > most)
			most = chosen[p];
	}
	assert_int_equal(ports, right);
	assert_in_range(right, 64512 / 8 - 64, 64512 / 8 + 64);
	// 8 starts a port, and some more where the walk leaves the ports below 1024.
	assert_in_range(most, 8, 24);
}

static void taken_ports_are_passed_over(void **state)
{
	struct steer_rss rss = rss_of(microsoft_key, sizeof(microsoft_key), 128, 8);
	struct steer_tuple t = random_tuple(ADDR_V4);
	struct steer_ports *taken = calloc(1, sizeof(*taken));
	uint64_t load[8] = {0};
	unsigned int n = 0;
	struct steer_search s;
	struct steer_choice c;

	(void)state;
	assert_non_null(taken);
	// 60,000 tunnels of one local address, each on the queue with the fewest.
	for (; n < 60000; n++) {
		uint64_t least = UINT64_MAX;

		for (unsigned int q = 0; q < 8; q++)
			if (load[q] < least)
				least = load[q];
		steer_search_init(&s, &rss, &t, load, taken, (uint16_t)rng_u32(&rng));
		assert_true(steer_search_next(&s, &c));
		assert_false(steer_port_taken(taken, c.port));
		assert_true(load[c.queue] <= least + 2);
		steer_port_take(taken, c.port);
		load[c.queue]++;
	}
	// The rest, until there is none.
	for (;; n++) {
		steer_search_init(&s, &rss, &t, load, taken, (uint16_t)rng_u32(&rng));
		if (!steer_search_next(&s, &c))
			break;
		steer_port_take(taken, c.port);
	}
	assert_int_equal(n, 65536 - STEER_PORT_MIN - 1);
	steer_port_free(taken, 40000);
	steer_search_init(&s, &rss, &t, load, taken, 7);
	assert_true(steer_search_next(&s, &c));
	assert_int_equal(c.port, 40000);
	free(taken);
}

static void each_port_is_offered_once(void **state)
{
	static bool seen[65536];
	struct steer_rss rss = rss_of(microsoft_key, sizeof(microsoft_key), 128, 8);
	struct steer_tuple t = random_tuple(ADDR_V6);
	uint64_t load[8] = {3, 1, 2, 5, 5, 5, 5, 5};
	struct steer_search s;
	struct steer_choice c;
	unsigned int n = 0;

	(void)state;
	memset(seen, 0, sizeof(seen));
	steer_search_init(&s, &rss, &t, load, NULL, 12345);
	steer_search_prefer(&s, 5000, true, 0);
	for (; steer_search_next(&s, &c); n++) {
		assert_true(n > 0 || c.port == 5000);
		assert_false(seen[c.port]);
		seen[c.port] = true;
	}
	assert_true(n > 64512 / 8 - 64);
}

static void preferred_port(void **state)
{
	struct steer_rss rss = rss_of(microsoft_key, sizeof(microsoft_key), 128, 4);
	struct steer_tuple t = random_tuple(ADDR_V4);
	uint64_t load[4] = {10, 10, 10, 10};
	struct steer_search s;
	struct steer_choice c;

	(void)state;
	c = choose(&rss, &t, load);
	t.local_port = c.port;
	// Good enough: the same again.
	load[c.queue] = 14;
	steer_search_init(&s, &rss, &t, load, NULL, 999);
	steer_search_prefer(&s, t.local_port, false, 4);
	assert_true(steer_search_next(&s, &c));
	assert_int_equal(c.port, t.local_port);
	// Its queue is too busy by now ...
	steer_search_init(&s, &rss, &t, load, NULL, 999);
	steer_search_prefer(&s, t.local_port, false, 3);
	assert_true(steer_search_next(&s, &c));
	assert_int_not_equal(c.port, t.local_port);
	assert_int_equal(load[c.queue], 10);
	// ... but the relay knows us by it.
	steer_search_init(&s, &rss, &t, load, NULL, 999);
	steer_search_prefer(&s, t.local_port, true, 0);
	assert_true(steer_search_next(&s, &c));
	assert_int_equal(c.port, t.local_port);
	// Never where nobody polls.
	load[c.queue] = STEER_NO_LOAD;
	steer_search_init(&s, &rss, &t, load, NULL, 999);
	steer_search_prefer(&s, t.local_port, true, 0);
	assert_true(steer_search_next(&s, &c));
	assert_int_not_equal(c.port, t.local_port);
}

static uint16_t third_of(void *arg, uint16_t port)
{
	(*(unsigned int *)arg)++;
	return port % 3;
}

// Something else than a NIC decides.
static void by_callback(void **state)
{
	uint64_t load[3] = {4, 9, 2};
	struct steer_search s;
	struct steer_choice c;
	unsigned int calls = 0;

	(void)state;
	steer_search_init_by(&s, third_of, &calls, load, 3, NULL, 30001);
	assert_true(steer_search_next(&s, &c));
	assert_int_equal(c.queue, 2);
	assert_int_equal(c.port % 3, 2);
	assert_int_equal(s.tries, calls);
	steer_search_prefer(&s, 30000, false, 2);
	assert_true(steer_search_next(&s, &c));
	assert_int_equal(c.port, 30000);
	assert_int_equal(c.queue, 0);
}

// A RETA that uses some queues only, or names queues that do not exist.
static void partial_tables(void **state)
{
	struct steer_rss rss = rss_of(microsoft_key, sizeof(microsoft_key), 128, 8);
	uint64_t load[8] = {0, 0, 0, 7, 0, 6, 0, 0};
	struct steer_tuple t = random_tuple(ADDR_V4);

	(void)state;
	for (unsigned int i = 0; i < 128; i++)
		rss.reta[i] = i % 3 == 0 ? 3 : i % 3 == 1 ? 5 : 77;
	assert_null(steer_problem(&rss, ADDR_V4));
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(choose(&rss, &t, load).queue, 5);
}

static void what_cannot_be_steered(void **state)
{
	struct steer_rss rss = rss_of(microsoft_key, sizeof(microsoft_key), 128, 8);
	struct steer_tuple t = random_tuple(ADDR_V4);

	(void)state;
	assert_null(steer_problem(&rss, ADDR_V4));
	assert_null(steer_problem(&rss, ADDR_V6));
	rss.ipv6_udp = false;
	assert_string_equal(steer_problem(&rss, ADDR_V6), "the port's hash leaves out UDP ports");
	rss.n_queues = 1;
	assert_string_equal(steer_problem(&rss, ADDR_V4), "one queue");
	rss.n_queues = 8;
	memset(rss.key, 0, sizeof(rss.key));
	assert_string_equal(
		steer_problem(&rss, ADDR_V4), "the port's RSS key gives local ports no weight");
	assert_int_equal(steer_queue(&rss, &t), 0);
	memcpy(rss.key, microsoft_key, sizeof(microsoft_key));
	for (unsigned int i = 0; i < 128; i++)
		rss.reta[i] = 4;
	assert_string_equal(
		steer_problem(&rss, ADDR_V4), "the port's RSS table names one queue only");
	assert_int_equal(steer_queue(&rss, &t), 4);
	rss.reta_size = 0;
	assert_string_equal(steer_problem(&rss, ADDR_V4), "the port tells no RSS key or table");
	assert_int_equal(steer_queue(&rss, &t), STEER_NO_QUEUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors),
		cmocka_unit_test(equals_dpdk),
		cmocka_unit_test(odd_tables),
		cmocka_unit_test(least_load_is_found),
		cmocka_unit_test(ports_cannot_be_guessed),
		cmocka_unit_test(taken_ports_are_passed_over),
		cmocka_unit_test(each_port_is_offered_once),
		cmocka_unit_test(preferred_port),
		cmocka_unit_test(by_callback),
		cmocka_unit_test(partial_tables),
		cmocka_unit_test(what_cannot_be_steered),
	};

	rng = rng_seeded(3);
	return RUN_TESTS(tests);
}
