// SPDX-License-Identifier: BSD-3-Clause
// The gateway engine against the relay engine, over a network that delays, loses and renumbers:
// whatever happens in between, both must come to agree on what is joined.
#include <stdlib.h>
#include <string.h>

#include "amt/amt.h"
#include "amt/relay.h"
#include "base/log.h"
#include "unit/unit.h"
#include "wire/amt.h"

#define S	USEC_PER_SEC
#define LATENCY (10 * USEC_PER_MSEC)
#define N	200 // channels that are joined and left
#define FLIGHT	256

struct packet {
	uint64_t due_us;
	bool to_relay;
	uint16_t port; // of the gateway, as the relay sees it
	uint8_t buf[1500];
	size_t len;
};

struct net {
	struct timers timers;
	struct rng rng, dice;
	struct amt_gateway *gw;
	struct amt_tunnel *t;
	struct relay *relay;
	struct relay_options opt;
	struct addr gateway_addr, relay_addr;
	uint16_t port;
	uint32_t loss; // of a hundred packets
	bool both;     // every other channel is IPv6
	uint64_t now;
	struct packet flight[FLIGHT];
	size_t head, tail;
	bool joined[N];
	int ups, downs, moves, wanted;
};

static void post(struct net *n, bool to_relay, uint16_t port, const uint8_t *buf, size_t len)
{
	struct packet *p = &n->flight[n->tail % FLIGHT];

	if (rng_below(&n->dice, 100) < n->loss)
		return;
	assert_true(n->tail - n->head < FLIGHT);
	assert_true(len <= sizeof(p->buf));
	n->tail++;
	*p = (struct packet){
		.due_us = n->now + LATENCY, .to_relay = to_relay, .port = port, .len = len};
	memcpy(p->buf, buf, len);
}

static int gw_send(
	void *ctx, struct amt_tunnel *t, const struct addr *dst, const uint8_t *buf, size_t len)
{
	struct net *n = ctx;

	(void)t;
	assert_true(addr_eq(dst, &n->relay_addr));
	post(n, true, n->port, buf, len);
	return 0;
}

static int gw_send_discovery(void *ctx, const struct addr *dst, const uint8_t *buf, size_t len)
{
	return gw_send(ctx, NULL, dst, buf, len);
}

static void gw_event(void *ctx, struct amt_tunnel *t, enum amt_event ev, uint64_t now_us)
{
	struct net *n = ctx;

	(void)t;
	(void)now_us;
	n->ups += ev == AMT_EV_UP;
	n->downs += ev == AMT_EV_DOWN || ev == AMT_EV_FULL;
	n->moves += ev == AMT_EV_ENDPOINT;
}

static void relay_send(void *ctx, const struct addr *local, const struct addr *dst, uint16_t port,
	const uint8_t *buf, size_t len)
{
	struct net *n = ctx;

	(void)local;
	assert_true(addr_eq(dst, &n->gateway_addr));
	post(n, false, port, buf, len);
}

static void relay_copy(void *ctx, const struct addr *dst, uint16_t port, uint8_t ecn,
	const uint8_t *buf, size_t len)
{
	(void)ecn;
	(void)ctx;
	(void)dst;
	(void)port;
	(void)buf;
	(void)len;
}

static void relay_want(void *ctx, const struct sg *sg, bool wanted)
{
	struct net *n = ctx;

	(void)sg;
	n->wanted += wanted ? 1 : -1;
}

static void deliver(struct net *n)
{
	struct packet *p = &n->flight[n->head++ % FLIGHT];

	if (p->to_relay)
		relay_input(n->relay, &n->relay_addr, &n->gateway_addr, p->port, p->buf, p->len,
			n->now);
	else if (p->port == n->port && n->t) // a NAT's former mapping leads nowhere
		amt_tunnel_input(n->t, &n->relay_addr, AMT_PORT, p->buf, p->len, n->now);
}

static void run(struct net *n, uint64_t us)
{
	uint64_t until = n->now + us;

	for (;;) {
		uint64_t packet = n->head < n->tail ? n->flight[n->head % FLIGHT].due_us : NEVER_US;
		uint64_t timer = timers_next(&n->timers);

		if (packet > until && timer > until)
			break;
		if (packet <= timer) {
			n->now = packet;
			deliver(n);
		} else {
			n->now = timer;
			timers_run(&n->timers, n->now);
		}
	}
	n->now = until;
}

static struct sg channel(const struct net *n, uint32_t i)
{
	struct sg sg = {.s = {.family = ADDR_V6, .bytes = {0x20, 1, 0xd, 0xb8}},
		.g = {.family = ADDR_V6, .bytes = {0xff, 0x3e, [12] = 0x80}}};

	if (n->both && i & 1) {
		sg.s.bytes[15] = (uint8_t)(1 + i % 8);
		sg.g.bytes[15] = (uint8_t)(i / 8);
		return sg;
	}
	// Several sources a group, so that records hold more than one.
	return (struct sg){.s = {.family = ADDR_V4, .bytes = {192, 0, 2, (uint8_t)(1 + i % 8)}},
		.g = {.family = ADDR_V4, .bytes = {232, 1, 1, (uint8_t)(i / 8)}}};
}

static void toggle(struct net *n, uint32_t i)
{
	struct sg sg = channel(n, i);

	if (n->joined[i])
		assert_int_equal(amt_tunnel_leave(n->t, &sg, n->now), 0);
	else
		assert_int_equal(amt_tunnel_join(n->t, &sg, n->now), 0);
	n->joined[i] = !n->joined[i];
}

static void storm(struct net *n, uint32_t changes)
{
	for (uint32_t i = 0; i < changes; i++) {
		toggle(n, (uint32_t)rng_below(&n->dice, N));
		run(n, rng_below(&n->dice, 200 * USEC_PER_MSEC));
	}
}

struct tally {
	const struct net *n;
	int right, wrong;
};

static void tally_cb(void *arg, const struct relay_membership *m)
{
	struct tally *t = arg;
	size_t last = addr_size(&m->sg.g) - 1;
	uint32_t i = m->sg.g.bytes[last] * 8u + m->sg.s.bytes[last] - 1u;

	if (i < N && t->n->joined[i] && m->port == t->n->port)
		t->right++;
	else
		t->wrong++;
}

static void expect_agreement(const struct net *n)
{
	struct tally t = {.n = n};
	int joined = 0;

	for (uint32_t i = 0; i < N; i++)
		joined += n->joined[i];
	relay_membership_walk(n->relay, tally_cb, &t);
	assert_int_equal(t.wrong, 0);
	assert_int_equal(t.right, joined);
	assert_int_equal(n->wanted, joined);
}

static void net_open_at(
	struct net *n, uint64_t seed, bool gateway_flag, const char *gateway, const char *relay)
{
	const struct amt_cfg cfg = {.retry_initial_ms = 1000,
		.retry_max_s = 4,
		.request_tries = 12,
		.update_mtu = 576,
		.ecn = true};
	const struct amt_ops gw_ops = {
		.send = gw_send, .send_discovery = gw_send_discovery, .event_cb = gw_event};
	static const struct relay_ops relay_ops = {
		.send = relay_send, .data = relay_copy, .want = relay_want};

	memset(n, 0, sizeof(*n));
	n->rng = rng_seeded(seed);
	n->dice = rng_seeded(seed + 1000);
	n->port = 40000;
	n->now = S;
	assert_int_equal(addr_parse(gateway, &n->gateway_addr), 0);
	assert_int_equal(addr_parse(relay, &n->relay_addr), 0);
	timers_init(&n->timers);
	n->opt = relay_options_default();
	n->opt.query_interval_s = 20;
	n->opt.gateway = gateway_flag;
	n->gw = amt_gateway_create(&cfg, &gw_ops, n, &n->timers, &n->rng);
	n->relay =
		relay_create(&n->relay_addr, &n->opt, &relay_ops, n, &n->timers, &n->rng, n->now);
	assert_non_null(n->gw);
	assert_non_null(n->relay);
	n->t = amt_tunnel_open(n->gw, &n->relay_addr, NULL, NULL, n->now);
	assert_non_null(n->t);
}

static void net_open(struct net *n, uint64_t seed, bool gateway_flag)
{
	net_open_at(n, seed, gateway_flag, "198.51.100.10", "203.0.113.15");
}

static void net_close(struct net *n)
{
	amt_tunnel_close(n->t, n->now);
	n->t = NULL;
	memset(n->joined, 0, sizeof(n->joined));
	run(n, 2 * LATENCY);
	// One message each way, and the relay has forgotten all.
	expect_agreement(n);
	amt_gateway_destroy(n->gw);
	relay_destroy(n->relay);
	timers_fini(&n->timers);
}

static void test_no_loss(void **state)
{
	static struct net n;

	(void)state;
	for (int g = 0; g < 2; g++) {
		net_open(&n, 1, g);
		storm(&n, 300);
		run(&n, 2 * LATENCY);
		expect_agreement(&n);
		// State survives many memberships' lives.
		run(&n, 1000 * S);
		expect_agreement(&n);
		assert_int_equal(n.ups, 1);
		assert_int_equal(n.downs + n.moves, 0);
		for (int i = 0; i < RELAY_DROP_COUNT; i++)
			assert_int_equal(relay_stats(n.relay)->drops[i], 0);
		for (int i = 0; i < AMT_DROP_COUNT; i++)
			assert_int_equal(amt_gateway_stats(n.gw)->drops[i], 0);
		net_close(&n);
	}
}

static void test_loss(void **state)
{
	static struct net n;

	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		net_open(&n, seed, seed % 2);
		n.loss = 20;
		storm(&n, 300);
		n.loss = 0;
		// What was lost both times is mended by the next Query or runs out.
		run(&n, (relay_membership_s(&n.opt) + 2 * n.opt.query_interval_s) * S);
		assert_int_equal(n.downs, 0);
		expect_agreement(&n);
		net_close(&n);
	}
}

// A new secret is honoured under the old MAC for a while; a restart is mended by the next cycle.
static void test_secrets(void **state)
{
	static struct net n;

	(void)state;
	net_open(&n, 3, true);
	for (int i = 0; i < 20; i++) {
		storm(&n, 20);
		run(&n, n.opt.query_interval_s * S);
		storm(&n, 20);
		relay_secret_new(n.relay, false, n.now);
	}
	run(&n, 2 * LATENCY);
	assert_int_equal(relay_stats(n.relay)->drops[RELAY_DROP_MAC], 0);
	expect_agreement(&n);
	relay_secret_new(n.relay, true, n.now);
	storm(&n, 20);
	assert_true(relay_stats(n.relay)->drops[RELAY_DROP_MAC] > 0);
	run(&n, (relay_membership_s(&n.opt) + n.opt.query_interval_s) * S);
	expect_agreement(&n);
	net_close(&n);
}

// The NAT in between maps us anew: the relay's old state goes with a Teardown.
static void test_renumbered(void **state)
{
	static struct net n;

	(void)state;
	net_open(&n, 4, true);
	for (int i = 1; i <= 5; i++) {
		storm(&n, 50);
		n.port++;
		// The mapping changed between Query and Update: it shows with the next Query.
		run(&n, (n.opt.query_interval_s + 2) * S);
		assert_int_equal(n.moves, i);
		expect_agreement(&n);
	}
	assert_true(relay_stats(n.relay)->teardown_rx >= 5);
	net_close(&n);
}

// Q-13, M-06: channels of both families through one tunnel, over IPv4 and over IPv6, while packets
// are lost and the mapping of a NAT changes.
static void test_families(void **state)
{
	static struct net n;

	(void)state;
	for (uint64_t seed = 1; seed <= 8; seed++) {
		if (seed % 2)
			net_open(&n, seed, seed & 2);
		else
			net_open_at(&n, seed, seed & 2, "2001:db8:1::10", "2001:db8:2::15");
		n.both = true;
		storm(&n, 100);
		n.loss = 20;
		storm(&n, 200);
		n.loss = 0;
		if (seed & 2) {
			n.port++;
			run(&n, (n.opt.query_interval_s + 2) * S);
			assert_int_equal(n.moves, 1);
		}
		run(&n, (relay_membership_s(&n.opt) + 2 * n.opt.query_interval_s) * S);
		assert_int_equal(n.downs, 0);
		expect_agreement(&n);
		net_close(&n);
	}
}

// A relay like Linux's: learned but for the one nonce, which only missing packets tell of.
static void test_like_linux(void **state)
{
	static struct net n;
	const unsigned int linux_quirks =
		AMT_QUIRK_P80 | AMT_QUIRK_ONE_NONCE | AMT_QUIRK_ONE_ENDPOINT;

	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		net_open(&n, seed, false);
		n.both = true;
		n.opt.quirks = linux_quirks;
		storm(&n, 100);
		run(&n, 60 * S);
		assert_int_equal(amt_relay_quirks(n.gw, &n.relay_addr, NULL), AMT_QUIRK_P80);
		// One nonce: with two, each Request voids what the other family has.
		amt_tunnel_answered(n.t);
		run(&n, 2 * n.opt.query_interval_s * S);
		uint64_t refused = relay_stats(n.relay)->drops[RELAY_DROP_QUIRK_NONCE];
		storm(&n, 200);
		run(&n, (relay_membership_s(&n.opt) + 2 * n.opt.query_interval_s) * S);
		assert_int_equal(relay_stats(n.relay)->drops[RELAY_DROP_QUIRK_NONCE], refused);
		assert_int_equal(n.downs, 0);
		expect_agreement(&n);
		net_close(&n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_loss),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_renumbered),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_like_linux),
	};

	log_threshold = LOG_LEVEL_ERROR;
	return RUN_TESTS(tests);
}
