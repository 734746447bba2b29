// SPDX-License-Identifier: BSD-3-Clause
// The relay engine under what gateways and the native side may send. The input is a sequence of
// messages, each behind an octet that says where it arrives and a 16-bit length, or instead of that
// 0xff and what else happens (act()). Updates and Teardowns are given a right MAC when bit 7 of
// that octet is set: no input could guess one.
#include <stdlib.h>
#include <string.h>

#include "amt/relay_internal.h"
#include "base/cursor.h"
#include "memory.h"
#include "wire/amt.h"
#include "wire/gm.h"
#include "wire/igmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void send_cb(void *ctx, const struct addr *local, const struct addr *dst, uint16_t port,
	const uint8_t *buf, size_t len)
{
	(void)ctx;
	(void)local;
	(void)dst;
	(void)port;
	if (len < 12 || len > 128 || buf[0] >> 4 != 0)
		abort();
}

static void data_cb(void *ctx, const struct addr *dst, uint16_t port, uint8_t ecn,
	const uint8_t *buf, size_t len)
{
	(void)ctx;
	(void)ecn;
	(void)dst;
	(void)port;
	if (len < RELAY_HEADROOM + 20 || buf[0] != 6)
		abort();
}

static void want_cb(void *ctx, const struct sg *sg, bool wanted)
{
	int *channels = ctx;

	*channels += wanted ? 1 : -1;
	if (*channels < 0 || !relay_channel_valid(sg))
		abort();
}

static void native(struct relay *r, uint8_t *buf, size_t len)
{
	uint8_t *ip = buf + RELAY_HEADROOM, piece[RELAY_HEADROOM + 256];
	size_t total, at = 0;
	struct sg sg;

	if (relay_data_check(ip, len, &sg, &total) != RELAY_DATA_OK)
		return;
	relay_data_ttl(ip);
	relay_forward(r, &sg, buf, total + RELAY_HEADROOM);
	if (sg.s.family == ADDR_V6) {
		relay_icmp6_too_big(ip, total, 200, piece, sizeof(piece));
		return;
	}
	relay_icmp_too_big(ip, total, 200, piece, sizeof(piece));
	while (relay_fragment(ip, total, 200, &at, piece, sizeof(piece)) > 0)
		;
}

static void control(struct relay *r, uint8_t where, uint8_t *buf, size_t len, uint64_t now_us)
{
	struct addr src = addr_from_v4(htonl(0xc6336400u + (where & 3)));
	uint16_t port = (uint16_t)(1000 + (where >> 2 & 1));

	if (where & 0x80 && len >= 30 && (buf[0] == 5 || buf[0] == 7)) {
		struct rd nonce = rd_init(buf + 8, 4);

		if (buf[0] == 7) {
			memset(buf + 14, 0, 12);
			memcpy(buf + 26, src.bytes, 4);
			buf[12] = (uint8_t)(port >> 8);
			buf[13] = (uint8_t)port;
		}
		relay_mac(r->secret, &src, port, rd_be32(&nonce), where & 0x20, buf + 2);
	}
	relay_input(r, relay_address(r), &src, port, buf, len, now_us);
}

static void membership_cb(void *arg, const struct relay_membership *m)
{
	unsigned int *n = arg;

	if (!addr_is_multicast(&m->sg.g))
		abort();
	++*n;
}

// An Update as a gateway sends it, of three channels in records of one type; IPv6 (4).
static void update(struct relay *r, uint8_t what, uint8_t how, uint64_t now_us)
{
	static const uint8_t types[] = {
		IGMP_IS_IN, IGMP_TO_IN, IGMP_BLOCK, IGMP_ALLOW, IGMP_IS_EX, IGMP_TO_EX, 0, 200};
	struct amt_msg msg = {.type = AMT_MEMBERSHIP_UPDATE};
	uint8_t inner[512], buf[600];
	struct gm_report report;
	bool v6 = how & 4;
	int len;

	gm_report_begin(&report, v6 ? ADDR_V6 : ADDR_V4, inner, sizeof(inner));
	for (uint8_t i = 0; i < 3; i++) {
		uint8_t n = (uint8_t)(i + (how >> 3 & 7));
		struct sg sg = {.s = {ADDR_V4, {192, 0, 2, n}},
			.g = {ADDR_V4, {232, 252, 0, how >> 6 ? n : 1}}};

		if (v6)
			sg = (struct sg){.s = {ADDR_V6, {0x20, 0x01, 0x0d, 0xb8, [15] = n}},
				.g = {ADDR_V6, {0xff, 0x3e, [12] = 0x80, [15] = how >> 6 ? n : 1}}};
		gm_report_add(&report, types[what >> 4 & 7], &sg);
	}
	msg.inner_len = (size_t)gm_report_end(&report);
	msg.inner = inner;
	len = amt_encode(&msg, buf, sizeof(buf));
	if (len < 0)
		abort();
	control(r, (uint8_t)(0x80 | (how & 3)), buf, (size_t)len, now_us);
}

// What but messages happens: a length of 0xff00 and above says what.
static void act(struct relay *r, struct relay_options *opt, struct timers *timers, uint8_t what,
	uint8_t how, uint64_t *now_us)
{
	struct sg sg = {.s = {.family = ADDR_V4, .bytes = {192, 0, 2, 12}},
		.g = {.family = ADDR_V4, .bytes = {232, 252, 0, how}}};
	unsigned int n = 0;

	switch (what & 7) {
	case 4:
		update(r, what, how, *now_us);
		break;
	case 5:
		memory_tight(timers, how & 7);
		break;
	case 6:
		opt->discovery = !(how & 1);
		opt->secret_s = how & 2 ? 60 : 0;
		opt->max_per_addr = how & 4 ? 2 : 1;
		break;
	case 7:
		*now_us += how * US_PER_S;
		timers_run(timers, *now_us);
		break;
	case 0:
		opt->silent = how & 1;
		opt->refuse = how & 2;
		opt->gateway = how & 4;
		opt->igmp = !(how & 8);
		opt->mld = !(how & 16);
		opt->mute = how & 32;
		opt->max_endpoints = how & 64 ? 1 : 100;
		opt->max_joins = how & 128 ? 1 : 8;
		break;
	case 1:
		relay_secret_new(r, how & 1, *now_us);
		break;
	case 2:
		memory_fail(how & 15);
		break;
	default:
		relay_membership_walk(r, membership_cb, &n);
		if ((n > 0) != (relay_endpoint_count(r) > 0) || relay_channel_count(r) > n ||
			!relay_stats(r) || (relay_has_channel(r, &sg) && n == 0))
			abort();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct relay_ops ops = {.send = send_cb, .data = data_cb, .want = want_cb};
	struct relay_options opt = relay_options_default();
	struct addr address = addr_from_v4(htonl(0xcb00710f));
	struct rng rng = rng_seeded(1);
	struct rd in = rd_init(data, size);
	uint64_t now_us = 1;
	struct timers timers;
	struct relay *r;
	int channels = 0;

	timers_init(&timers);
	opt.max_joins = 8;
	opt.max_per_addr = 1;
	if (size % 3 == 0)
		opt.quirks = size / 3 % (1u << AMT_QUIRK_COUNT);
	r = relay_create(&address, &opt, &ops, &channels, &timers, &rng, now_us);
	while (r && rd_left(&in) >= 3) {
		uint8_t where = rd_u8(&in), *buf;
		size_t len = rd_be16(&in);

		if (len >= 0xff00) {
			act(r, &opt, &timers, (uint8_t)len, where, &now_us);
			continue;
		}
		if (len > rd_left(&in))
			len = rd_left(&in);
		// A copy of its own, so that a read past the end is seen.
		buf = malloc(RELAY_HEADROOM + len);
		if (!buf)
			break;
		rd_copy(&in, buf + RELAY_HEADROOM, len);
		if (where & 0x40)
			native(r, buf, len);
		else
			control(r, where, buf + RELAY_HEADROOM, len, now_us);
		free(buf);
		now_us += (where & 0x38) * US_PER_S;
		timers_run(&timers, now_us);
	}
	memory_fail(0);
	memory_tight(&timers, 0);
	if (r)
		relay_destroy(r);
	timers_fini(&timers);
	if (channels != 0)
		abort();
	return 0;
}
