// SPDX-License-Identifier: BSD-3-Clause
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "wire/ip.h"

static void send_msg(void *ctx, const struct addr *local, const struct addr *dst, uint16_t port,
	const uint8_t *buf, size_t len)
{
	struct harness *h = ctx;

	assert_true(h->n_sent < KEPT && len <= sizeof(h->sent[0].buf));
	h->sent[h->n_sent].local = *local;
	h->sent[h->n_sent].dst = *dst;
	h->sent[h->n_sent].port = port;
	memcpy(h->sent[h->n_sent].buf, buf, len);
	h->sent[h->n_sent++].len = len;
}

static void send_data(void *ctx, const struct addr *dst, uint16_t port, uint8_t ecn,
	const uint8_t *buf, size_t len)
{
	struct harness *h = ctx;

	assert_true(h->n_data < KEPT && len <= sizeof(h->data[0].buf));
	h->data[h->n_data].dst = *dst;
	h->data[h->n_data].port = port;
	h->data[h->n_data].ecn = ecn;
	memcpy(h->data[h->n_data].buf, buf, len);
	h->data[h->n_data++].len = len;
}

static void want(void *ctx, const struct sg *sg, bool wanted)
{
	struct harness *h = ctx;

	assert_true(h->n_wants < KEPT);
	h->wants[h->n_wants].sg = *sg;
	h->wants[h->n_wants++].wanted = wanted;
}

static const struct relay_ops ops = {.send = send_msg, .data = send_data, .want = want};

int harness_setup(void **state)
{
	struct harness *h = calloc(1, sizeof(*h));
	struct addr address = ip4("203.0.113.15");

	h->opt = relay_options_default();
	h->rng = rng_seeded(42);
	h->now_us = 1000 * US_PER_S;
	timers_init(&h->timers);
	h->r = relay_create(&address, &h->opt, &ops, h, &h->timers, &h->rng, h->now_us);
	*state = h;
	return h->r ? 0 : -1;
}

int harness_teardown(void **state)
{
	struct harness *h = *state;

	relay_destroy(h->r);
	assert_int_equal(h->timers.count, 0);
	timers_fini(&h->timers);
	free(h);
	return 0;
}

struct addr ip4(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

struct sg sg4(const char *s, const char *g)
{
	return (struct sg){.s = ip4(s), .g = ip4(g)};
}

void advance(struct harness *h, uint64_t seconds)
{
	h->now_us += seconds * US_PER_S;
	timers_run(&h->timers, h->now_us);
}

void input_vector(struct harness *h, const struct vector *v)
{
	relay_input(h->r, &v->dst, &v->src, v->src_port, v->amt, v->len, h->now_us);
}

void input(struct harness *h, const struct addr *src, uint16_t port, const uint8_t *buf, size_t len)
{
	relay_input(h->r, relay_address(h->r), src, port, buf, len, h->now_us);
}

uint64_t all_drops(const struct harness *h)
{
	uint64_t sum = 0;

	for (int i = 0; i < RELAY_DROP_COUNT; i++)
		sum += relay_stats(h->r)->drops[i];
	return sum;
}

uint64_t only_drops(const struct harness *h, enum relay_drop why)
{
	assert_int_equal(all_drops(h), relay_stats(h->r)->drops[why]);
	return relay_stats(h->r)->drops[why];
}

static struct gateway request(
	struct harness *h, const char *addr, uint16_t port, uint32_t nonce, bool e)
{
	struct gateway gw = {.addr = ip4(addr), .port = port, .nonce = nonce};
	const struct amt_msg req = {.type = AMT_REQUEST, .nonce = nonce, .e = e};
	struct amt_msg query;
	uint8_t buf[16];
	int n = amt_encode(&req, buf, sizeof(buf));

	h->n_sent = 0;
	input(h, &gw.addr, port, buf, (size_t)n);
	assert_int_equal(h->n_sent, 1);
	assert_int_equal(amt_decode(h->sent[0].buf, h->sent[0].len, &query), AMT_OK);
	assert_int_equal(query.type, AMT_MEMBERSHIP_QUERY);
	assert_int_equal(query.nonce, nonce);
	memcpy(gw.mac, query.mac, sizeof(gw.mac));
	return gw;
}

struct gateway gateway_request(struct harness *h, const char *addr, uint16_t port, uint32_t nonce)
{
	return request(h, addr, port, nonce, false);
}

struct gateway gateway_request_e(struct harness *h, const char *addr, uint16_t port, uint32_t nonce)
{
	return request(h, addr, port, nonce, true);
}

// By hand, because gm_report_add() makes neither records without sources nor odd types.
static size_t report_make(const struct rec *recs, size_t n, uint8_t *ip)
{
	static const uint8_t head[24] = {
		0x46, 0xc0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 224, 0, 0, 22, 0x94, 4, 0, 0};
	size_t len = 32;
	uint16_t sum;

	memcpy(ip, head, sizeof(head));
	memset(ip + 24, 0, 8);
	ip[24] = 0x22;
	ip[31] = (uint8_t)n;
	for (size_t i = 0; i < n; i++) {
		struct addr g = ip4(recs[i].g);

		ip[len] = recs[i].type;
		ip[len + 1] = ip[len + 2] = 0;
		ip[len + 3] = recs[i].s != NULL;
		memcpy(ip + len + 4, g.bytes, 4);
		len += 8;
		if (recs[i].s) {
			struct addr s = ip4(recs[i].s);

			memcpy(ip + len, s.bytes, 4);
			len += 4;
		}
	}
	sum = ip_cksum(ip + 24, len - 24);
	ip[26] = (uint8_t)(sum >> 8);
	ip[27] = (uint8_t)sum;
	ip[3] = (uint8_t)len;
	sum = ip_cksum(ip, 24);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	return len;
}

size_t update_make(const struct gateway *gw, const struct rec *recs, size_t n, uint8_t buf[512])
{
	struct amt_msg msg = {.type = AMT_MEMBERSHIP_UPDATE, .nonce = gw->nonce};
	uint8_t ip[256];
	int len;

	memcpy(msg.mac, gw->mac, sizeof(msg.mac));
	msg.inner = ip;
	msg.inner_len = report_make(recs, n, ip);
	len = amt_encode(&msg, buf, 512);
	assert_true(len > 0);
	return (size_t)len;
}

void update(struct harness *h, const struct gateway *gw, uint8_t type, const char *s, const char *g)
{
	const struct rec rec = {type, s, g};
	uint8_t buf[512];
	size_t len = update_make(gw, &rec, 1, buf);

	input(h, &gw->addr, gw->port, buf, len);
}

void teardown(struct harness *h, const struct gateway *gw, uint16_t from_port)
{
	struct amt_msg msg = {.type = AMT_TEARDOWN,
		.nonce = gw->nonce,
		.gateway_addr = gw->addr,
		.gateway_port = gw->port};
	uint8_t buf[64];
	int len;

	memcpy(msg.mac, gw->mac, sizeof(msg.mac));
	len = amt_encode(&msg, buf, sizeof(buf));
	assert_true(len > 0);
	input(h, &gw->addr, from_port, buf, (size_t)len);
}

bool gets(struct harness *h, const struct gateway *gw, const char *s, const char *g)
{
	uint8_t buf[RELAY_HEADROOM + 40] = {0};
	const struct sg sg = sg4(s, g);
	unsigned int hits = 0;
	uint32_t copies;

	h->n_data = 0;
	copies = relay_forward(h->r, &sg, buf, sizeof(buf));
	assert_int_equal(copies, h->n_data);
	for (unsigned int i = 0; i < h->n_data; i++) {
		assert_int_equal(h->data[i].len, sizeof(buf));
		assert_int_equal(h->data[i].buf[0], AMT_MULTICAST_DATA);
		assert_int_equal(h->data[i].buf[1], 0);
		hits += h->data[i].port == gw->port && addr_eq(&h->data[i].dst, &gw->addr);
	}
	assert_true(hits <= 1);
	return hits == 1;
}
