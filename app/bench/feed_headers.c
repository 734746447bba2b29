// SPDX-License-Identifier: BSD-3-Clause
// Who is who in the synthetic traffic, and its headers.
#include <stdlib.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "bench/feed.h"
#include "bench/replay.h"

const char *const feed_traffic_names[FEED_TRAFFICS] = {[FEED_HITS] = "hits",
	[FEED_MISSES] = "misses",
	[FEED_UNKNOWN] = "unknown_port",
	[FEED_SPOOFED_RELAYS] = "spoofed"};
const char *const feed_family_names[FEED_FAMILIES] = {[FEED_4IN4] = "4in4",
	[FEED_6IN4] = "6in4",
	[FEED_4IN6] = "4in6",
	[FEED_6IN6] = "6in6",
	[FEED_MIXED] = "mixed"};

// The third group of octets of an IPv6 address, by what it is.
enum kind { KIND_LOCAL = 1, KIND_RELAY, KIND_SOURCE, KIND_SPOOFED };

bool feed_outer6(const struct feed_shape *s, uint32_t tunnel)
{
	if (s->replay)
		return s->replay->tunnels[tunnel].local.family == ADDR_V6;
	if (s->family == FEED_MIXED)
		return tunnel % 2 == 1;
	return s->family == FEED_4IN6 || s->family == FEED_6IN6;
}

bool feed_inner6(const struct feed_shape *s, uint32_t channel)
{
	if (s->replay)
		return s->replay->channels[channel].sg.s.family == ADDR_V6;
	if (s->family == FEED_MIXED)
		return channel / 2 % 2 == 1;
	return s->family == FEED_6IN4 || s->family == FEED_6IN6;
}

uint32_t feed_tunnel(const struct feed_shape *s, uint32_t channel)
{
	return s->replay ? s->replay->channels[channel].tunnel : channel % s->tunnels;
}

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

// 4 or 16 octets.
static void put_unicast(uint8_t *p, bool v6, enum kind kind, uint32_t number)
{
	if (v6) {
		memset(p, 0, 12);
		put32(p, 0x20010db8);
		put16(p + 4, kind);
		p += 12;
	}
	put32(p, number);
}

static void put_group(uint8_t *p, bool v6, uint32_t number)
{
	if (v6) {
		memset(p, 0, 12);
		put16(p, 0xff3e);
		p += 12;
	}
	put32(p, number);
}

static struct addr unicast(bool v6, enum kind kind, uint32_t number)
{
	struct addr a = {.family = v6 ? ADDR_V6 : ADDR_V4};

	put_unicast(a.bytes, v6, kind, number);
	return a;
}

static struct sg sg_of(bool v6, uint32_t channel, uint32_t groups)
{
	struct sg sg = {.s = unicast(v6, KIND_SOURCE, FEED_SOURCES + channel / FEED_PER_SOURCE),
		.g = {.family = v6 ? ADDR_V6 : ADDR_V4}};

	put_group(sg.g.bytes, v6, groups + channel % FEED_PER_SOURCE);
	return sg;
}

struct addr feed_relay(const struct feed_shape *s, uint32_t tunnel)
{
	if (s->replay)
		return s->replay->tunnels[tunnel].relay;
	return unicast(feed_outer6(s, tunnel), KIND_RELAY, FEED_RELAYS + tunnel);
}

static uint32_t local_number(const struct feed_shape *s, uint32_t tunnel)
{
	if (s->family == FEED_MIXED)
		return FEED_LOCAL + tunnel / 2 % FEED_LOCALS;
	return FEED_LOCAL + (s->locals ? tunnel % s->locals : 0);
}

struct addr feed_local(const struct feed_shape *s, uint32_t tunnel)
{
	if (s->replay)
		return s->replay->tunnels[tunnel].local;
	return unicast(feed_outer6(s, tunnel), KIND_LOCAL, local_number(s, tunnel));
}

uint16_t feed_port(const struct feed_shape *s, uint32_t tunnel)
{
	if (s->replay)
		return s->replay->tunnels[tunnel].port;
	if (s->family == FEED_MIXED)
		tunnel /= 2 * FEED_LOCALS;
	return (uint16_t)(FEED_PORTS + tunnel);
}

struct sg feed_sg(const struct feed_shape *s, uint32_t channel)
{
	if (s->replay)
		return s->replay->channels[channel].sg;
	return sg_of(feed_inner6(s, channel), channel, FEED_GROUPS);
}

struct sg feed_sg_more(const struct feed_shape *s, uint32_t channel)
{
	return sg_of(feed_inner6(s, channel % s->channels), channel, FEED_GROUPS_MORE);
}

// An IPv4 header without its addresses and checksum, or an IPv6 one. len: of what it carries.
static void put_ip(uint8_t *p, bool v6, uint16_t len, uint8_t ttl)
{
	if (v6) {
		put32(p, 0x60000000);
		put16(p + 4, len);
		p[6] = 17;
		p[7] = ttl;
		return;
	}
	memset(p, 0, 12);
	p[0] = 0x45;
	put16(p + 2, len + 20u);
	p[8] = ttl;
	p[9] = 17;
}

static void end_ip(uint8_t *p, bool v6)
{
	uint16_t sum;

	if (v6)
		return;
	sum = (uint16_t)~rte_raw_cksum(p, 20);
	memcpy(p + 10, &sum, 2);
}

size_t feed_headers(
	uint8_t p[FEED_MAX_HEADERS], const struct feed_shape *s, uint32_t channel, uint32_t random)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	uint32_t tunnel = feed_tunnel(s, channel);
	bool spoofed = s->traffic == FEED_SPOOFED_RELAYS;
	bool outer6 = feed_outer6(s, tunnel), inner6 = feed_inner6(s, channel);
	uint16_t udp_len = (uint16_t)(18 + feed_outer_len(inner6) + s->payload);
	unsigned int port = feed_port(s, tunnel);
	uint8_t *ip = p + 14, *udp, *inner;

	memcpy(p, macs, sizeof(macs));
	if (s->tagged) {
		put32(p + 12, 0x81000000 | FEED_VLAN);
		ip += 4;
	}
	put16(ip - 2, outer6 ? 0x86dd : 0x0800);
	put_ip(ip, outer6, udp_len, 60);
	put_unicast(ip + (outer6 ? 8 : 12), outer6, spoofed ? KIND_SPOOFED : KIND_RELAY,
		spoofed ? FEED_SPOOFED + random % (1u << 24) : FEED_RELAYS + tunnel);
	put_unicast(ip + (outer6 ? 24 : 16), outer6, KIND_LOCAL, local_number(s, tunnel));
	end_ip(ip, outer6);
	if (s->traffic == FEED_UNKNOWN)
		port = FEED_PORTS_NONE + random % (65536 - FEED_PORTS_NONE);
	udp = ip + feed_outer_len(outer6);
	put16(udp, 2268);
	put16(udp + 2, port);
	put16(udp + 4, udp_len);
	put16(udp + 6, 0x1234); // the driver has checked it
	udp[8] = 6;
	udp[9] = 0;
	inner = udp + 10;
	put_ip(inner, inner6, (uint16_t)(FEED_INNER_UDP + s->payload), 30);
	put_unicast(inner + (inner6 ? 8 : 12), inner6, KIND_SOURCE,
		FEED_SOURCES + channel / FEED_PER_SOURCE);
	put_group(inner + (inner6 ? 24 : 16), inner6,
		(s->traffic == FEED_MISSES ? FEED_GROUPS_MISS : FEED_GROUPS) +
			channel % FEED_PER_SOURCE);
	end_ip(inner, inner6);
	return (size_t)(inner - p) + feed_outer_len(inner6);
}
