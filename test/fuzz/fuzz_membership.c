// SPDX-License-Identifier: BSD-3-Clause
// A link in time: first octet the family (even: IPv4) and options, then again and again two octets
// of time to pass (10 ms each), two of length, and a datagram, or with bit 2 of the first octet:
// the host, and a message whose headers and checksums are made right.
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/log.h"
#include "membership/membership.h"
#include "unit/wire/gm_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
	m = membership_create(&cfg, &ops, &wanted, &timers);
	if (!m)
		abort();
	membership_address(m, &us, 1, now);
	while (rd_left(&r) > 4) {
		uint64_t end = now + rd_be16(&r) * 10 * USEC_PER_MSEC;
		size_t len = rd_be16(&r);

		if (len > rd_left(&r))
			len = rd_left(&r);
		run(&timers, end);
		now = end;
		if (first & 4)
			message(m, first & 1, rd_bytes(&r, len), len, now);
		else
			membership_input(m, rd_bytes(&r, len), len, now);
		membership_view(m, &v);
		if (v.channels != wanted || total.count != wanted || wanted > 48)
			abort();
	}
	run(&timers, now + 10000 * USEC_PER_SEC);
	membership_destroy(m, now);
	if (wanted != 0 || total.count != 0 || timers.count != 0)
		abort();
	timers_fini(&timers);
	return 0;
}
