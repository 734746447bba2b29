// SPDX-License-Identifier: BSD-3-Clause
#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "unit/unit.h"

static struct addr last_octet(const char *v4, const char *v6, uint8_t family, unsigned int n)
{
	struct addr a = ip(family == ADDR_V4 ? v4 : v6);

	a.bytes[family == ADDR_V4 ? 3 : 15] = (uint8_t)n;
	return a;
}

struct addr link_host(const struct link *l, unsigned int n)
{
	return last_octet("10.1.1.0", "fe80::", l->family, n);
}

struct sg link_channel(const struct link *l, unsigned int gs)
{
	return (struct sg){
		.s = last_octet("192.0.2.0", "2001:db8::", l->family, gs % 10),
		.g = last_octet("232.252.0.0", "ff3e::8000:0", l->family, gs / 10),
	};
}

static unsigned int number(const struct addr *s, const struct addr *g)
{
	size_t at = s->family == ADDR_V4 ? 3 : 15;

	return g->bytes[at] * 10u + s->bytes[at];
}

static void did(struct link *l, const char *text)
{
	size_t at = strlen(l->done), room = sizeof(l->done) - at;

	assert_true((size_t)snprintf(l->done + at, room, "%s", text) < room);
}

static void send_cb(void *ctx, const uint8_t *datagram, size_t len)
{
	struct link *l = ctx;
	struct addr s, us = link_host(l, OURS);
	struct gm_msg m;
	char text[16];

	memcpy(l->last, datagram, len);
	l->last_len = len;
	assert_int_equal(gm_decode(datagram, len, &m), GM_OK);
	assert_int_equal(m.type, GM_QUERY);
	assert_true(addr_eq(&m.src, &us));
	assert_int_equal(m.ttl, 1);
	assert_true(m.router_alert);
	did(l, addr_is_none(&m.group) ? "Q" : m.suppress ? "s" : "q");
	while (gm_source_next(&m.sources, &s)) {
		snprintf(text, sizeof(text), "/%02u", number(&s, &m.group));
		did(l, text);
	}
	did(l, " ");
}

static void want_cb(void *ctx, const struct sg *sg, bool wanted, uint64_t now_us)
{
	struct link *l = ctx;
	char text[16];

	assert_int_equal(now_us, l->now_us);
	snprintf(text, sizeof(text), "%c%02u ", wanted ? '+' : '-', number(&sg->s, &sg->g));
	did(l, text);
	l->wanted += wanted ? 1 : -1u;
}

struct membership_cfg link_cfg(uint8_t family)
{
	struct membership_cfg cfg = {
		.name = "lan",
		.family = family,
		.query_interval_s = 125,
		.query_response_ms = 10000,
		.robustness = 2,
		.last_member_interval_ms = 1000,
		.last_member_count = 2,
		.max_channels = 10000,
		.mtu = 1500,
	};

	return cfg;
}

void link_begin(struct link *l, uint8_t family)
{
	struct membership_cfg cfg = link_cfg(family);

	link_begin_cfg(l, &cfg);
}

void link_begin_cfg(struct link *l, const struct membership_cfg *cfg)
{
	static const struct membership_ops ops = {.send = send_cb, .want_cb = want_cb};
	struct membership_cfg mine = *cfg;
	struct membership_addr a;

	log_threshold = LOG_LEVEL_ERROR;
	memset(l, 0, sizeof(*l));
	l->family = cfg->family;
	l->total.max = 1000000;
	l->now_us = LINK_START_US;
	assert_int_equal(prefix_parse("232.0.0.0/8", &l->ranges[0]), 0);
	assert_int_equal(prefix_parse("ff3e::/32", &l->ranges[1]), 0);
	timers_init(&l->timers);
	mine.ssm_ranges = l->ranges;
	mine.n_ssm_ranges = 2;
	mine.total = &l->total;
	l->m = membership_create(&mine, &ops, l, &l->timers);
	assert_non_null(l->m);
	a = (struct membership_addr){
		.addr = link_host(l, OURS), .prefix_len = cfg->family == ADDR_V4 ? 24 : 64};
	membership_address(l->m, &a, 1, l->now_us);
}

void link_settled(struct link *l, uint8_t family)
{
	struct membership_cfg cfg = link_cfg(family);

	link_settled_cfg(l, &cfg);
}

void link_settled_cfg(struct link *l, const struct membership_cfg *cfg)
{
	link_begin_cfg(l, cfg);
	l->done[0] = '\0';
	link_until(l, cfg->query_interval_s * 1000ull / 4);
	link_expect(l, "Q");
	// The next General Query is a query interval away, and of no interest.
	l->done[0] = '\0';
}

void link_end(struct link *l)
{
	membership_destroy(l->m, l->now_us);
	assert_int_equal(l->wanted, 0);
	assert_int_equal(l->total.count, 0);
	assert_int_equal(l->timers.count, 0);
	timers_fini(&l->timers);
}

void link_until(struct link *l, uint64_t ms)
{
	uint64_t end = LINK_START_US + ms * USEC_PER_MSEC, due;

	while ((due = timers_next(&l->timers)) <= end) {
		l->now_us = due;
		timers_run(&l->timers, due);
	}
	l->now_us = end;
}

void link_expect_at(struct link *l, const char *text, const char *file, int line)
{
	size_t len = strlen(l->done);

	if (len > 0)
		l->done[len - 1] = '\0';
	if (strcmp(l->done, text) != 0) {
		print_error("at %.3f s: did \"%s\", not \"%s\"\n",
			(double)(l->now_us - LINK_START_US) / 1e6, l->done, text);
		_fail(file, line);
	}
	l->done[0] = '\0';
}

struct datagram link_from(const struct link *l, unsigned int n)
{
	return (struct datagram){
		.src = link_host(l, n),
		.dst = ip(l->family == ADDR_V4 ? "224.0.0.22" : "ff02::16"),
		.ttl = 1,
	};
}

void link_message(struct link *l, const struct datagram *d, const uint8_t *msg, size_t len)
{
	static uint8_t buf[DATAGRAM_MAX];
	size_t n = datagram_build(d, msg, len, buf);

	membership_input(l->m, buf, n, l->now_us);
}

void link_report(struct link *l, unsigned int n, uint8_t type, const unsigned int *channels,
	unsigned int group)
{
	struct datagram d = link_from(l, n);
	struct sg sg = link_channel(l, group * 10);
	struct addr sources[16];
	struct message msg;
	uint16_t k = 0;

	for (; channels && channels[k]; k++) {
		sg = link_channel(l, channels[k]);
		sources[k] = sg.s;
	}
	message_report(&msg, l->family);
	message_record(&msg, type, &sg.g, sources, k, 0);
	link_message(l, &d, msg.buf, msg.len);
}

void link_join(struct link *l, unsigned int n, unsigned int gs)
{
	link_report(l, n, IGMP_ALLOW, (unsigned int[]){gs, 0}, 0);
}

void link_leave(struct link *l, unsigned int n, unsigned int gs)
{
	link_report(l, n, IGMP_BLOCK, (unsigned int[]){gs, 0}, 0);
}

struct gm_query link_query(const struct link *l, unsigned int n)
{
	return (struct gm_query){
		.src = link_host(l, n), .max_resp_ms = 10000, .qrv = 2, .qqi_s = 125};
}

void link_query_rx(struct link *l, const struct gm_query *q)
{
	static uint8_t buf[DATAGRAM_MAX];
	int len = gm_query_encode(q, buf, sizeof(buf));

	assert_true(len > 0);
	membership_input(l->m, buf, (size_t)len, l->now_us);
}

uint64_t link_drops(const struct link *l)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < MEMBERSHIP_DROP_COUNT; i++)
		sum += membership_stats(l->m)->drops[i];
	return sum;
}

uint64_t link_drop(const struct link *l, enum membership_drop why)
{
	return membership_stats(l->m)->drops[why];
}

void link_dropped_at(struct link *l, enum membership_drop why, const char *file, int line)
{
	const struct membership_stats *s = membership_stats(l->m);

	for (unsigned int i = 0; i < MEMBERSHIP_DROP_COUNT; i++) {
		uint64_t want = l->drops_seen[i] + (i == (unsigned int)why);

		if (s->drops[i] != want) {
			print_error("drop %s is %llu, not %llu\n", membership_drop_names[i],
				(unsigned long long)s->drops[i], (unsigned long long)want);
			_fail(file, line);
		}
	}
	memcpy(l->drops_seen, s->drops, sizeof(l->drops_seen));
}
