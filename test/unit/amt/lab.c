// SPDX-License-Identifier: BSD-3-Clause
#include "lab.h"

#include <stdio.h>
#include <stdlib.h>

#define RELAY "203.0.113.15"

struct addr lab_addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

struct sg lab_sg(const char *s, const char *g)
{
	return (struct sg){.s = lab_addr(s), .g = lab_addr(g)};
}

struct sg lab_sg_nth(uint32_t i, uint32_t sources)
{
	uint32_t g = 0xe8010000u + i / sources, s = 0x0a000001u + i % sources;

	return (struct sg){
		.s = addr_from_v4(__builtin_bswap32(s)), .g = addr_from_v4(__builtin_bswap32(g))};
}

static int record(
	struct lab *lab, const struct addr *dst, const uint8_t *buf, size_t len, bool discovery)
{
	struct lab_sent *s;

	if (lab->send_result < 0)
		return lab->send_result;
	if (lab->n_sent == lab->room) {
		struct lab_sent *old = lab->sent;

		lab->room = lab->room ? 2 * lab->room : 64;
		lab->sent = calloc(lab->room, sizeof(*s));
		assert_non_null(lab->sent);
		for (size_t i = 0; i < lab->n_sent; i++) {
			lab->sent[i] = old[i];
			assert_int_equal(
				amt_decode(lab->sent[i].buf, old[i].len, &lab->sent[i].msg),
				AMT_OK);
		}
		free(old);
	}
	s = &lab->sent[lab->n_sent++];
	s->at_us = lab->now;
	s->dst = *dst;
	s->discovery = discovery;
	assert_true(len <= sizeof(s->buf));
	memcpy(s->buf, buf, len);
	s->len = len;
	assert_int_equal(amt_decode(s->buf, len, &s->msg), AMT_OK);
	return 0;
}

static int send_cb(
	void *ctx, struct amt_tunnel *t, const struct addr *dst, const uint8_t *buf, size_t len)
{
	struct lab *lab = ctx;

	assert_ptr_equal(amt_tunnel_endpoint(t), &lab->local);
	return record(lab, dst, buf, len, false);
}

static int send_discovery_cb(void *ctx, const struct addr *dst, const uint8_t *buf, size_t len)
{
	return record(ctx, dst, buf, len, true);
}

static void event_cb(void *ctx, struct amt_tunnel *t, enum amt_event ev, uint64_t now_us)
{
	struct lab *lab = ctx;

	assert_ptr_equal(amt_tunnel_owner(t), lab);
	assert_int_equal(now_us, lab->now);
	assert_true(lab->n_events < 32);
	lab->events[lab->n_events++] = ev;
	if (ev == AMT_EV_UP && !addr_is_none(&lab->join_on_up.s))
		assert_int_equal(amt_tunnel_join(t, &lab->join_on_up, now_us), 0);
	if (lab->close_on_event) {
		amt_tunnel_close(t, now_us);
		lab->t = NULL;
	}
}

static struct addr local_addr(void *ctx, const struct amt_tunnel *t)
{
	struct lab *lab = ctx;

	(void)t;
	return lab->local;
}

static bool is_ours(void *ctx, const struct addr *a)
{
	struct lab *lab = ctx;

	return addr_eq(a, &lab->local);
}

static void open_with(struct lab *lab, uint16_t update_mtu, uint64_t seed, bool ecn)
{
	const struct amt_cfg cfg = {.ecn = ecn,
		.retry_initial_ms = 1000,
		.retry_max_s = 120,
		.request_tries = 4,
		.update_mtu = update_mtu};
	const struct amt_ops ops = {.send = send_cb,
		.send_discovery = send_discovery_cb,
		.event_cb = event_cb,
		.local_addr = local_addr,
		.is_ours = is_ours};

	*lab = (struct lab){.rng = rng_seeded(seed), .now = 1000000};
	lab->local = lab_addr("198.51.100.10");
	lab->relay = lab_addr(RELAY);
	timers_init(&lab->timers);
	lab->gw = amt_gateway_create(&cfg, &ops, lab, &lab->timers, &lab->rng);
	assert_non_null(lab->gw);
}

void lab_open_with(struct lab *lab, uint16_t update_mtu, uint64_t seed)
{
	open_with(lab, update_mtu, seed, false);
}

void lab_open_ecn(struct lab *lab, uint16_t update_mtu)
{
	open_with(lab, update_mtu, 42, true);
}

void lab_open(struct lab *lab)
{
	lab_open_with(lab, 1280, 42);
}

void lab_close(struct lab *lab)
{
	if (lab->t)
		amt_tunnel_close(lab->t, lab->now);
	lab->t = NULL;
	assert_int_equal(lab->timers.count, 0);
	amt_gateway_destroy(lab->gw);
	timers_fini(&lab->timers);
	free(lab->sent);
}

void lab_run(struct lab *lab, uint64_t until_us)
{
	while (timers_next(&lab->timers) <= until_us) {
		lab->now = timers_next(&lab->timers);
		timers_run(&lab->timers, lab->now);
	}
	lab->now = until_us;
}

void lab_forget(struct lab *lab)
{
	lab->n_sent = 0;
}

size_t lab_count(const struct lab *lab, enum amt_type type)
{
	size_t n = 0;

	for (size_t i = 0; i < lab->n_sent; i++)
		n += lab->sent[i].msg.type == type;
	return n;
}

const struct lab_sent *lab_nth(const struct lab *lab, enum amt_type type, size_t n)
{
	for (size_t i = 0; i < lab->n_sent; i++) {
		if (lab->sent[i].msg.type == type && n-- == 0)
			return &lab->sent[i];
	}
	fail_msg("not sent");
	return NULL;
}

uint32_t lab_nonce(const struct lab *lab)
{
	for (size_t i = lab->n_sent; i > 0; i--) {
		const struct amt_msg *m = &lab->sent[i - 1].msg;

		if (m->type == AMT_REQUEST || m->type == AMT_RELAY_DISCOVERY)
			return m->nonce;
	}
	fail_msg("no Request sent");
	return 0;
}

const struct lab_sent *lab_request(const struct lab *lab, bool mld)
{
	for (size_t i = lab->n_sent; i > 0; i--) {
		const struct lab_sent *s = &lab->sent[i - 1];

		if (s->msg.type == AMT_REQUEST && (s->buf[1] & 0x81 ? true : false) == mld)
			return s;
	}
	fail_msg("no Request sent");
	return NULL;
}

void lab_tunnel(struct lab *lab)
{
	lab->t = amt_tunnel_open(lab->gw, &lab->relay, lab, &lab->local, lab->now);
	assert_non_null(lab->t);
}

void lab_input(struct lab *lab, const uint8_t *buf, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, buf, len);
	amt_tunnel_input(lab->t, &lab->relay, AMT_PORT, copy, len, lab->now);
	free(copy);
}

void lab_answer(struct lab *lab, const struct lab_query *q)
{
	uint8_t inner[128], buf[256];
	struct amt_msg msg = {.type = AMT_MEMBERSHIP_QUERY,
		.nonce = q->nonce ? q->nonce
			 : q->mld ? lab_request(lab, true)->msg.nonce
				  : lab_nonce(lab),
		.l = q->l,
		.g = q->g,
		.mirrored = q->mirrored,
		.gateway_port = q->port,
		.inner = inner};
	const struct addr v4 = lab_addr("203.0.113.15"), v6 = lab_addr("fe80::15");
	const struct gm_query mld = {
		.src = v6, .max_resp_ms = 1, .qrv = q->qrv, .qqi_s = igmp_code_decode(q->qqic)};
	int len = q->mld ? gm_query_encode(&mld, inner, sizeof(inner))
			 : igmp_query_encode(&v4, 1, q->qrv, q->qqic, inner, sizeof(inner));

	assert_true(len > 0);
	msg.inner_len = (size_t)len;
	memcpy(msg.mac, &msg.nonce, 4);
	msg.mac[4] = 0xaa;
	if (q->g)
		msg.gateway_addr = lab_addr(q->gateway);
	len = amt_encode(&msg, buf, sizeof(buf));
	assert_true(len > 0);
	lab_input(lab, buf, (size_t)len);
}

void lab_up(struct lab *lab)
{
	lab_tunnel(lab);
	lab_answer(lab, &(struct lab_query){.qrv = 2, .qqic = 125});
	assert_int_equal(lab->events[lab->n_events - 1], AMT_EV_UP);
	lab->n_events = 0;
}

uint64_t lab_drops(const struct lab *lab)
{
	uint64_t n = 0;

	for (int i = 0; i < AMT_DROP_COUNT; i++)
		n += amt_gateway_stats(lab->gw)->drops[i];
	return n;
}

size_t lab_records(const struct lab_sent *s, struct lab_record *out, size_t max)
{
	struct gm_record record;
	struct gm_msg gm;
	struct addr from;
	size_t n = 0;

	assert_int_equal(s->msg.type, AMT_MEMBERSHIP_UPDATE);
	assert_int_equal(gm_decode(s->msg.inner, s->msg.inner_len, &gm), GM_OK);
	assert_int_equal(gm.type, GM_REPORT);
	assert_int_equal(gm.ttl, 1);
	assert_true(gm.router_alert);
	while (gm_record_next(&gm.records, &record)) {
		assert_true(record.type == IGMP_IS_IN || record.type == IGMP_ALLOW ||
			    record.type == IGMP_BLOCK);
		assert_true(record.sources.left > 0);
		while (gm_source_next(&record.sources, &from)) {
			assert_true(n < max);
			out[n++] = (struct lab_record){
				.type = record.type, .sg = {.s = from, .g = record.group}};
		}
	}
	return n;
}

void lab_expect_record(const struct lab_sent *s, uint8_t type, const struct sg *sg)
{
	struct lab_record r[4] = {0};

	assert_int_equal(lab_records(s, r, 4), 1);
	assert_int_equal(r[0].type, type);
	assert_true(sg_eq(&r[0].sg, sg));
}
