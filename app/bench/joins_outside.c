// SPDX-License-Identifier: BSD-3-Clause
#include "bench/joins_outside.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/amt.h"
#include "wire/amtrelay.h"
#include "wire/igmp.h"
#include "wire/pim.h"

#define SOURCE_BASE  0xc6120001u // 198.18.0.1
#define GROUP_BASE   0xe8010000u // 232.1.0.0
#define RELAY_BASE   0x64400001u // 100.64.0.1
#define NAME_MAX_LEN 64

static struct addr v4(uint32_t host)
{
	return addr_from_v4(htonl(host));
}

struct sg jo_sg(const struct jo_plan *p, uint32_t c)
{
	return (struct sg){.s = v4(SOURCE_BASE + c % p->sources), .g = v4(GROUP_BASE + c)};
}

struct addr jo_relay_addr(uint32_t r)
{
	return v4(RELAY_BASE + r);
}

struct addr jo_router_addr(unsigned int i)
{
	return v4(0x0a090002u + (i << 8)); // 10.9.i.2
}

struct addr jo_our_addr(unsigned int i)
{
	return v4(0x0a090001u + (i << 8));
}

struct addr jo_upstream_addr(void)
{
	return v4(0xc0000202u); // 192.0.2.2
}

int jo_hello(unsigned int i, uint8_t buf[JO_MSG_LEN])
{
	const struct pim_hello hello = {.holdtime_s = PIM_HOLDTIME_FOREVER,
		.has_genid = true,
		.has_dr_priority = true,
		.has_lan_prune_delay = true,
		.genid = 1 + i,
		.propagation_delay_ms = 500,
		.override_interval_ms = 2500};

	return pim_hello_encode(&hello, buf, JO_MSG_LEN);
}

int jo_join(const struct jo_plan *p, unsigned int i, uint32_t first, uint32_t n, bool join,
	uint8_t buf[JO_MSG_LEN])
{
	struct addr upstream = jo_our_addr(i);
	struct pim_jp_item items[JO_PACKED];

	for (uint32_t k = 0; k < n && k < JO_PACKED; k++)
		items[k] = (struct pim_jp_item){.sg = jo_sg(p, first + k), .join = join};
	return pim_jp_encode(&upstream, JO_HOLDTIME_S, items, n, buf, JO_MSG_LEN);
}

// One label after the other, up to the empty one; the octets.
static size_t put_name(uint8_t *to, const char *name)
{
	uint8_t *p = to;

	while (*name) {
		size_t label = strcspn(name, ".");

		*p++ = (uint8_t)label;
		memcpy(p, name, label);
		p += label;
		name += label + (name[label] == '.');
	}
	*p++ = 0;
	return (size_t)(p - to);
}

int jo_dns(const struct jo_plan *p, const char *name, uint8_t buf[JO_MSG_LEN])
{
	// An answer to a question, with a record.
	static const uint8_t head[] = {0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0};
	// Of the question type and class; the name again, type, class, an hour's TTL, the length;
	// precedence 10, no Discovery wanted, an IPv4 address.
	static const uint8_t rest[] = {AMTRELAY_RRTYPE >> 8, AMTRELAY_RRTYPE & 255, 0, 1, 0xc0, 12,
		AMTRELAY_RRTYPE >> 8, AMTRELAY_RRTYPE & 255, 0, 1, 0, 0, 0xe, 0x10, 0, 6, 10, 0x81};
	unsigned int a, b, c, d;
	struct addr relay;
	uint32_t source;
	size_t len;

	if (strlen(name) > NAME_MAX_LEN ||
		sscanf(name, "%u.%u.%u.%u.in-addr.arpa", &d, &c, &b, &a) != 4)
		return -1;
	source = (a << 24 | b << 16 | c << 8 | d) - SOURCE_BASE;
	if (source >= p->sources)
		return -1;
	relay = jo_relay_addr(source % p->relays);
	memcpy(buf, head, sizeof(head));
	len = sizeof(head) + put_name(buf + sizeof(head), name);
	memcpy(buf + len, rest, sizeof(rest));
	len += sizeof(rest);
	memcpy(buf + len, relay.bytes, 4);
	return (int)len + 4;
}

struct jo_relays {
	struct relay **relays;
	uint32_t n;
	struct relay_options opt;
	struct relay_ops ops;
	struct timers timers; // never run: a secret for all the time
	struct rng rng;
	jo_relays_send_cb send;
	void *ctx;
	struct jo_heard heard;
};

static void send_cb(void *ctx, const struct addr *local, const struct addr *dst, uint16_t port,
	const uint8_t *buf, size_t len)
{
	struct jo_relays *rs = ctx;

	rs->send(rs->ctx, local, dst, port, buf, len);
}

static void data_cb(void *ctx, const struct addr *dst, uint16_t port, uint8_t ecn,
	const uint8_t *buf, size_t len)
{
	(void)ctx;
	(void)ecn;
	(void)dst;
	(void)port;
	(void)buf;
	(void)len;
}

static void want_cb(void *ctx, const struct sg *sg, bool wanted)
{
	struct jo_relays *rs = ctx;

	(void)sg;
	rs->heard.channels += wanted ? 1 : UINT64_MAX;
}

struct jo_relays *jo_relays_create(
	uint32_t n, bool members, jo_relays_send_cb send, void *ctx, uint64_t now_us)
{
	struct jo_relays *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return NULL;
	rs->relays = calloc(n, sizeof(struct relay *));
	rs->opt = relay_options_default();
	rs->opt.secret_s = 0;
	rs->opt.drop_updates = !members;
	rs->opt.max_joins = UINT32_MAX;
	rs->ops = (struct relay_ops){.send = send_cb, .data = data_cb, .want = want_cb};
	rs->rng = rng_seeded(1);
	rs->send = send;
	rs->ctx = ctx;
	timers_init(&rs->timers);
	for (; rs->relays && rs->n < n; rs->n++) {
		struct addr a = jo_relay_addr(rs->n);

		rs->relays[rs->n] =
			relay_create(&a, &rs->opt, &rs->ops, rs, &rs->timers, &rs->rng, now_us);
		if (!rs->relays[rs->n])
			break;
	}
	if (rs->n == n)
		return rs;
	jo_relays_destroy(rs);
	return NULL;
}

void jo_relays_destroy(struct jo_relays *rs)
{
	if (!rs)
		return;
	for (uint32_t i = 0; rs->relays && i < rs->n; i++)
		relay_destroy(rs->relays[i]);
	timers_fini(&rs->timers);
	free(rs->relays);
	free(rs);
}

static void record_cb(void *arg, uint8_t type, const struct addr *g, const struct addr *s)
{
	struct jo_heard *h = arg;

	(void)g;
	(void)s;
	if (type == IGMP_ALLOW || type == IGMP_IS_IN)
		h->joins++;
	else if (type == IGMP_BLOCK)
		h->leaves++;
	else
		h->bad++;
}

static void hear(struct jo_relays *rs, const uint8_t *buf, size_t len)
{
	struct amt_msg msg;

	if (amt_decode(buf, len, &msg) != AMT_OK) {
		rs->heard.bad++;
		return;
	}
	rs->heard.requests += msg.type == AMT_REQUEST;
	if (msg.type != AMT_MEMBERSHIP_UPDATE)
		return;
	rs->heard.updates++;
	if (igmp_report_decode(msg.inner, msg.inner_len, record_cb, &rs->heard) != IGMP_OK)
		rs->heard.bad++;
}

void jo_relays_input(struct jo_relays *rs, const struct addr *relay, const struct addr *src,
	uint16_t port, const uint8_t *buf, size_t len, uint64_t now_us)
{
	uint32_t i = ntohl(addr_to_v4(relay)) - RELAY_BASE;

	if (i >= rs->n) {
		rs->heard.bad++;
		return;
	}
	hear(rs, buf, len);
	relay_input(rs->relays[i], relay, src, port, buf, len, now_us);
}

void jo_relays_heard(const struct jo_relays *rs, struct jo_heard *out)
{
	*out = rs->heard;
	for (uint32_t i = 0; i < rs->n; i++) {
		const struct relay_stats *s = relay_stats(rs->relays[i]);

		for (int d = 0; d < RELAY_DROP_COUNT; d++)
			if (d != RELAY_DROP_SWITCHED_OFF)
				out->bad += s->drops[d];
	}
}
