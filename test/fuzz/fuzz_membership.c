// SPDX-License-Identifier: BSD-3-Clause
// A link in time: first octet the family (even: IPv4) and options, then again and again two octets
// of time to pass (10 ms each), two of length, and a datagram, or with bit 2 of the first octet:
// the host, and a message whose headers and checksums are made right.
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/log.h"
#include "membership/membership.h"
#include "memory.h"
#include "unit/wire/gm_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct timers *clock_of;

static void send_cb(void *ctx, const uint8_t *datagram, size_t len)
{
	(void)ctx;
	if (len < 36 || len > 1500 || (datagram[0] >> 4 != 4 && datagram[0] >> 4 != 6))
		abort();
}

static void want_cb(void *ctx, const struct sg *sg, bool wanted, uint64_t now_us)
{
	uint32_t *n = ctx;

	(void)now_us;
	if (!addr_is_unicast(&sg->s) || !addr_is_multicast(&sg->g) || (!wanted && *n == 0))
		abort();
	*n += wanted ? 1 : -1u;
}

static void run(struct timers *timers, uint64_t until)
{
	uint64_t due;

	while ((due = timers_next(timers)) <= until)
		timers_run(timers, due);
}

static void message(struct membership *m, bool v6, const uint8_t *data, size_t len, uint64_t now_us)
{
	static uint8_t buf[DATAGRAM_MAX];
	struct datagram d = {.src = ip(v6 ? "fe80::" : "10.1.1.0"),
		.dst = ip(v6 ? "ff02::16" : "224.0.0.22"),
		.ttl = 1};

	if (len < 5 || len > DATAGRAM_MAX - 64)
		return;
	d.src.bytes[v6 ? 15 : 3] = data[0];
	if (data[1] == (v6 ? 130 : 0x11))
		d.dst = ip(v6 ? "ff02::1" : "224.0.0.1");
	membership_input(m, buf, datagram_build(&d, data + 1, len - 1, buf), now_us);
}

static void channel_cb(void *arg, const struct membership_channel_view *c)
{
	uint32_t *left = arg;

	if (*left == 0 || !addr_is_multicast(&c->sg.g))
		abort();
	--*left;
}

static void look(const struct membership *m)
{
	struct membership_view v;
	uint32_t left, again, cursor = 0;

	membership_view(m, &v);
	left = again = v.channels;
	membership_channels(m, channel_cb, &left);
	while (membership_channels_some(m, &cursor, 1, channel_cb, &again))
		;
	if (left || again || !membership_stats(m))
		abort();
}

// What but messages happens: a length of 0xff00 and above says what.
static void act(struct membership *m, const struct membership_cfg *was, uint8_t what, uint8_t how,
	uint64_t now)
{
	bool v6 = was->family == ADDR_V6;
	struct membership_cfg cfg = *was;
	struct membership_addr us[2] = {{.prefix_len = 24}, {.prefix_len = 64}};
	struct addr from = ip(v6 ? "fe80::7" : "10.1.1.7");
	struct sg sg = {
		ip(v6 ? "2001:db8::1" : "192.0.2.1"), ip(v6 ? "ff3e::8000:1" : "232.1.1.1")};

	us[0].addr = ip(v6 ? "fe80::65" : "10.1.1.101");
	us[1].addr = ip(how & 4 ? "2001:db8::65" : "10.2.1.101");
	sg.g.bytes[v6 ? 15 : 3] = how & 3;
	switch (what & 7) {
	case 0:
		membership_address(m, us, how & 3u ? (how & 3u) - 1 : 0, now);
		break;
	case 1:
		membership_restore(m, &sg, &from, now + how * USEC_PER_SEC, now);
		break;
	case 2:
		cfg.query_interval_s = how & 128 ? 10 : 125;
		cfg.robustness = how & 64 ? 3 : 2;
		cfg.max_channels = how & 32 ? 2 : 48;
		membership_configure(m, &cfg, now);
		break;
	case 4:
		memory_fail(how & 15);
		break;
	case 5:
		memory_tight(clock_of, how & 15);
		break;
	default:
		membership_wants(m, &sg);
		break;
	}
	look(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct membership_ops ops = {.send = send_cb, .want_cb = want_cb};
	struct prefix ranges[2];
	struct membership_total total = {.max = 64};
	struct membership_cfg cfg = {
		.name = "fuzz",
		.query_interval_s = 125,
		.query_response_ms = 10000,
		.robustness = 2,
		.last_member_interval_ms = 1000,
		.last_member_count = 2,
		.ssm_ranges = ranges,
		.n_ssm_ranges = 2,
		.max_channels = 48,
		.total = &total,
		.mtu = 1500,
	};
	struct membership_addr us = {.prefix_len = 24};
	struct rd r = rd_init(data, size);
	uint8_t first = rd_u8(&r);
	struct membership_view v;
	struct timers timers;
	struct membership *m;
	uint64_t now = 1000 * USEC_PER_SEC;
	uint32_t wanted = 0;

	log_threshold = LOG_LEVEL_ERROR;
	prefix_parse("232.0.0.0/8", &ranges[0]);
	prefix_parse("ff3e::/32", &ranges[1]);
	cfg.family = first & 1 ? ADDR_V6 : ADDR_V4;
	cfg.fast_leave = first & 2;
	addr_parse(first & 1 ? "fe80::64" : "10.1.1.100", &us.addr);
	timers_init(&timers);
	clock_of = &timers;
	m = membership_create(&cfg, &ops, &wanted, &timers);
	if (!m)
		abort();
	membership_address(m, &us, 1, now);
	while (rd_left(&r) > 4) {
		uint64_t end = now + rd_be16(&r) * 10 * USEC_PER_MSEC;
		size_t len = rd_be16(&r);

		run(&timers, end);
		now = end;
		if (len >= 0xff00) {
			act(m, &cfg, (uint8_t)len, rd_u8(&r), now);
			continue;
		}
		if (len > rd_left(&r))
			len = rd_left(&r);
		if (first & 4)
			message(m, first & 1, rd_bytes(&r, len), len, now);
		else
			membership_input(m, rd_bytes(&r, len), len, now);
		membership_view(m, &v);
		if (v.channels != wanted || total.count != wanted || wanted > 48)
			abort();
	}
	memory_fail(0);
	memory_tight(&timers, 0);
	run(&timers, now + 10000 * USEC_PER_SEC);
	membership_destroy(m, now);
	if (wanted != 0 || total.count != 0 || timers.count != 0)
		abort();
	timers_fini(&timers);
	return 0;
}
