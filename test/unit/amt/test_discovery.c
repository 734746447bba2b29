// SPDX-License-Identifier: BSD-3-Clause
#include "../wire/vectors.h"
#include "lab.h"

#define ANYCAST "192.52.193.1"

struct answer {
	int n;
	struct addr relay;
	uint64_t at_us;
};

static void answer_cb(void *arg, const struct addr *relay, uint64_t now_us)
{
	struct answer *a = arg;

	a->n++;
	a->relay = *relay;
	a->at_us = now_us;
}

static struct amt_discovery *start(struct lab *lab, struct answer *a)
{
	struct addr to = lab_addr(ANYCAST);
	struct amt_discovery *d = amt_discovery_start(lab->gw, &to, answer_cb, a, lab->now);

	assert_non_null(d);
	return d;
}

// The vector with the nonce that is waited for; from where the vector says.
static void deliver(struct lab *lab, const char *id, bool right_nonce)
{
	uint32_t nonce = lab_nonce(lab);
	struct vector v;

	vector_get(id, &v);
	for (size_t i = 0; right_nonce && i < 4 && 4 + i < v.len; i++)
		v.amt[4 + i] = (uint8_t)(nonce >> (24 - 8 * i));
	amt_discovery_input(lab->gw, &v.src, v.src_port, v.amt, v.len, lab->now);
}

static void test_answered(void **state)
{
	struct addr relay = lab_addr("203.0.113.15"), to = lab_addr(ANYCAST);
	struct answer a = {0};
	struct lab lab;

	(void)state;
	lab_open(&lab);
	start(&lab, &a);
	assert_int_equal(lab.n_sent, 1);
	assert_true(lab.sent[0].discovery && addr_eq(&lab.sent[0].dst, &to));
	assert_int_equal(lab.sent[0].msg.type, AMT_RELAY_DISCOVERY);
	assert_int_equal(lab.sent[0].len, 8);
	deliver(&lab, "A02", true);
	assert_int_equal(a.n, 1);
	assert_true(addr_eq(&a.relay, &relay));
	assert_int_equal(lab_drops(&lab), 0);
	assert_int_equal(amt_gateway_stats(lab.gw)->advertisement_rx, 1);
	// D-08: later answers are not used.
	deliver(&lab, "A02", true);
	assert_int_equal(a.n, 1);
	assert_int_equal(amt_gateway_stats(lab.gw)->drops[AMT_DROP_UNEXPECTED], 1);
	lab_close(&lab);
}

// D-03 with four tries: 1 s exactly, then up to 2, 4 and 8 s; one nonce.
static void test_backoff(void **state)
{
	bool spread = false;

	(void)state;
	for (uint64_t seed = 1; seed < 50; seed++) {
		struct answer a = {0};
		struct lab lab;
		uint64_t gap;

		lab_open_with(&lab, 1280, seed);
		start(&lab, &a);
		lab_run(&lab, 60 * USEC_PER_SEC);
		assert_int_equal(lab.n_sent, 4);
		for (size_t i = 0; i < 4; i++) {
			uint64_t next = i < 3 ? lab.sent[i + 1].at_us : a.at_us;

			gap = next - lab.sent[i].at_us;
			assert_in_range(gap, 1000000, 1000000ull << i);
			assert_int_equal(lab.sent[i].msg.nonce, lab.sent[0].msg.nonce);
			spread |= i == 3 && gap > 5000000;
		}
		assert_int_equal(a.n, 1);
		assert_true(addr_is_none(&a.relay));
		lab_close(&lab);
	}
	assert_true(spread);
}

// D-02: a generator that yields 0 first, and a new nonce each time.
static void test_nonce(void **state)
{
	const uint64_t seed = 0x1cd6a9d3661edde1ull;
	struct rng probe = rng_seeded(seed);
	struct answer a = {0};
	struct lab lab;

	(void)state;
	assert_int_equal(rng_u32(&probe), 0);
	lab_open_with(&lab, 1280, seed);
	start(&lab, &a);
	assert_int_not_equal(lab.sent[0].msg.nonce, 0);
	amt_discovery_cancel(lab.gw, start(&lab, &a));
	assert_int_not_equal(lab.sent[0].msg.nonce, lab.sent[1].msg.nonce);
	lab_run(&lab, 60 * USEC_PER_SEC);
	// The cancelled one says nothing.
	assert_int_equal(a.n, 1);
	lab_close(&lab);
}

static void test_negative(void **state)
{
	static const struct {
		const char *id;
		bool right_nonce;
		enum amt_drop drop;
	} cases[] = {
		{"N01", false, AMT_DROP_VERSION},
		{"N02", false, AMT_DROP_TYPE},
		{"N03", false, AMT_DROP_TYPE},
		{"N04", false, AMT_DROP_SHORT},
		{"N05", false, AMT_DROP_SHORT},
		{"N06", true, AMT_DROP_ADV_LENGTH},
		{"N07", false, AMT_DROP_NONCE},
		{"N08", true, AMT_DROP_SOURCE},
		{"N09", true, AMT_DROP_ADV_ADDRESS},
		{"N10", true, AMT_DROP_ADV_FAMILY},
		{"N30", false, AMT_DROP_TYPE},
		{"A04", false, AMT_DROP_UNEXPECTED},
		{"A11", false, AMT_DROP_DATA},
		{"A08", false, AMT_DROP_TYPE},
		{"A13", false, AMT_DROP_TYPE},
		{"A01", false, AMT_DROP_TYPE},
	};
	struct answer a = {0};
	struct lab lab;

	(void)state;
	lab_open(&lab);
	start(&lab, &a);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t was = amt_gateway_stats(lab.gw)->drops[cases[i].drop];

		deliver(&lab, cases[i].id, cases[i].right_nonce);
		assert_int_equal(amt_gateway_stats(lab.gw)->drops[cases[i].drop], was + 1);
		assert_int_equal(lab_drops(&lab), i + 1);
		assert_int_equal(a.n, 0);
		assert_int_equal(lab.n_sent, 1);
	}
	deliver(&lab, "A02", true);
	assert_int_equal(a.n, 1);
	lab_close(&lab);
}

// D-07: what cannot be a relay.
static void test_addresses(void **state)
{
	static const char *const bad[] = {"127.0.0.1", "0.0.0.0", "169.254.1.1", "239.1.1.1",
		"255.255.255.255", "198.51.100.10"};
	struct answer a = {0};
	struct addr to = lab_addr(ANYCAST);
	struct lab lab;

	(void)state;
	lab_open(&lab);
	start(&lab, &a);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct amt_msg m = {.type = AMT_RELAY_ADVERTISEMENT,
			.nonce = lab_nonce(&lab),
			.relay = lab_addr(bad[i])};
		uint8_t buf[32];
		int len = amt_encode(&m, buf, sizeof(buf));

		amt_discovery_input(lab.gw, &to, AMT_PORT, buf, (size_t)len, lab.now);
		assert_int_equal(amt_gateway_stats(lab.gw)->drops[AMT_DROP_ADV_ADDRESS], i + 1);
		// The right one from another port is no answer either.
		m.relay = lab_addr("203.0.113.15");
		len = amt_encode(&m, buf, sizeof(buf));
		amt_discovery_input(lab.gw, &to, AMT_PORT + 1, buf, (size_t)len, lab.now);
		assert_int_equal(amt_gateway_stats(lab.gw)->drops[AMT_DROP_SOURCE], i + 1);
	}
	assert_int_equal(a.n, 0);
	lab_run(&lab, 60 * USEC_PER_SEC);
	lab_close(&lab);
}

static void test_several(void **state)
{
	struct addr to1 = lab_addr("192.0.2.1"), to2 = lab_addr("192.0.2.2"),
		    relay = lab_addr("203.0.113.2");
	struct answer a1 = {0}, a2 = {0};
	uint8_t buf[32];
	struct lab lab;
	int len;

	(void)state;
	lab_open(&lab);
	assert_non_null(amt_discovery_start(lab.gw, &to1, answer_cb, &a1, lab.now));
	assert_non_null(amt_discovery_start(lab.gw, &to2, answer_cb, &a2, lab.now));
	struct amt_msg m = {
		.type = AMT_RELAY_ADVERTISEMENT, .nonce = lab.sent[0].msg.nonce, .relay = relay};
	len = amt_encode(&m, buf, sizeof(buf));
	// The first one's nonce from the second one's address.
	amt_discovery_input(lab.gw, &to2, AMT_PORT, buf, (size_t)len, lab.now);
	assert_int_equal(amt_gateway_stats(lab.gw)->drops[AMT_DROP_SOURCE], 1);
	m.nonce = lab.sent[1].msg.nonce;
	len = amt_encode(&m, buf, sizeof(buf));
	amt_discovery_input(lab.gw, &to2, AMT_PORT, buf, (size_t)len, lab.now);
	assert_int_equal(a2.n, 1);
	assert_true(addr_eq(&a2.relay, &relay));
	assert_int_equal(a1.n, 0);
	lab_run(&lab, 60 * USEC_PER_SEC);
	assert_int_equal(a1.n, 1);
	lab_close(&lab);
}

// Every truncation of an Advertisement: dropped, counted once.
static void test_truncations(void **state)
{
	struct answer a = {0};
	struct vector v;
	struct lab lab;
	uint32_t nonce;

	(void)state;
	lab_open(&lab);
	start(&lab, &a);
	nonce = lab_nonce(&lab);
	vector_get("A02", &v);
	for (size_t i = 0; i < 4; i++)
		v.amt[4 + i] = (uint8_t)(nonce >> (24 - 8 * i));
	for (size_t len = 0; len < v.len; len++) {
		amt_discovery_input(lab.gw, &v.src, v.src_port, v.amt, len, lab.now);
		assert_int_equal(lab_drops(&lab), len + 1);
	}
	assert_int_equal(a.n, 0);
	lab.send_result = -101;
	lab_run(&lab, 60 * USEC_PER_SEC);
	assert_int_equal(amt_gateway_stats(lab.gw)->send_errors, 3);
	assert_int_equal(amt_gateway_stats(lab.gw)->discovery_tx, 1);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answered),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_nonce),
		cmocka_unit_test(test_negative),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_truncations),
	};

	return RUN_TESTS(tests);
}
