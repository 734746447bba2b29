// SPDX-License-Identifier: BSD-3-Clause
#include "bench/oracle.h"

#include <string.h>

static unsigned int get16(const uint8_t *p)
{
	return (unsigned int)p[0] * 256 + p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) * 65536u + get16(p + 2);
}

uint16_t oracle_cksum(const uint8_t *p, size_t len, uint32_t start)
{
	uint32_t sum = start;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? p[i] * 256u : p[i];
	while (sum > 0xffff)
		sum = sum % 65536 + sum / 65536;
	return (uint16_t)(0xffff - sum);
}

uint16_t oracle_udp_cksum(const uint8_t *ip, const uint8_t *udp, size_t len)
{
	uint32_t pseudo = get16(ip + 12) + get16(ip + 14) + get16(ip + 16) + get16(ip + 18) + 17 +
			  (uint32_t)len;
	uint8_t header[8];
	uint16_t sum;

	memcpy(header, udp, 8);
	header[6] = 0;
	header[7] = 0;
	sum = (uint16_t)(0xffff - oracle_cksum(header, 8, pseudo));
	sum = oracle_cksum(udp + 8, len - 8, sum);
	return sum == 0 ? 0xffff : sum;
}

// The channel of (S,G) when it is one of the joined, else joined->channels.
static uint32_t channel_of(uint32_t s, uint32_t g, const struct feed_shape *joined)
{
	uint64_t channel;

	if (s < FEED_SOURCES || g < FEED_GROUPS || g >= FEED_GROUPS + FEED_PER_SOURCE)
		return joined->channels;
	channel = (uint64_t)(s - FEED_SOURCES) * FEED_PER_SOURCE + (g - FEED_GROUPS);
	return channel < joined->channels ? (uint32_t)channel : joined->channels;
}

static void drop(struct oracle *o, enum drop_reason reason)
{
	o->verdict = ORACLE_DROP;
	o->reason = reason;
}

// RFC 6040 section 4.2. False: drop.
static bool ecn(unsigned int outer, unsigned int inner, unsigned int *out)
{
	*out = inner;
	if (outer == 3 && inner == 0)
		return false;
	if (outer == 3)
		*out = 3;
	if (outer == 1 && inner == 2)
		*out = 1;
	return true;
}

static void forward(struct oracle *o, const uint8_t *ip, size_t ihl, size_t len, unsigned int field)
{
	uint8_t *out = o->frame + 14;
	unsigned int sum;

	o->verdict = ORACLE_FORWARD;
	o->len = 14 + len;
	memset(o->frame, 0, 14);
	memcpy(out, ip, len);
	out[1] = (uint8_t)(out[1] / 4 * 4 + field);
	out[8]--;
	out[10] = 0;
	out[11] = 0;
	sum = oracle_cksum(out, ihl, 0);
	out[10] = (uint8_t)(sum / 256);
	out[11] = (uint8_t)(sum % 256);
	o->frame[0] = 0x01; // RFC 1112 section 6.4
	o->frame[2] = 0x5e;
	o->frame[3] = out[17] % 128;
	o->frame[4] = out[18];
	o->frame[5] = out[19];
	o->frame[12] = 0x08;
}

static void read_inner(struct oracle *o, const uint8_t *outer, const uint8_t *ip, size_t avail,
	uint32_t tunnel, const struct feed_shape *joined)
{
	size_t ihl = (size_t)(ip[0] % 16) * 4, len = get16(ip + 2);
	uint32_t channel;
	unsigned int field;

	if (ip[0] / 16 != 4)
		drop(o, DROP_INNER_VERSION);
	else if (ihl < 20 || ihl > avail)
		drop(o, DROP_INNER_HEADER);
	else if (len < ihl || len > avail)
		drop(o, DROP_INNER_LENGTH);
	else if (oracle_cksum(ip, ihl, 0) != 0)
		drop(o, DROP_INNER_CKSUM);
	else if (ip[16] < 224 || ip[16] > 239)
		drop(o, DROP_INNER_NOT_MULTICAST);
	else if (ip[16] == 224 && ip[17] == 0 && ip[18] == 0)
		drop(o, DROP_INNER_LINK_LOCAL);
	else if (ip[12] == 0 || ip[12] == 127 || ip[12] >= 224 || (ip[12] == 169 && ip[13] == 254))
		drop(o, DROP_INNER_SOURCE);
	else if ((channel = channel_of(get32(ip + 12), get32(ip + 16), joined)) ==
			 joined->channels ||
		 feed_tunnel(joined, channel) != tunnel)
		drop(o, DROP_NOT_JOINED);
	else if (ip[8] <= 1)
		drop(o, DROP_TTL);
	else if (!ecn(outer[1] % 4, ip[1] % 4, &field))
		drop(o, DROP_ECN);
	else
		forward(o, ip, ihl, len, field);
}

void oracle_read(
	const uint8_t *frame, size_t len, const struct feed_shape *joined, struct oracle *out)
{
	size_t l3 = get16(frame + 12) == 0x8100 ? 18 : 14;
	const uint8_t *ip = frame + l3, *udp, *amt;
	size_t ihl = (size_t)(ip[0] % 16) * 4, ip_len = get16(ip + 2), udp_len;
	uint32_t tunnel;

	out->verdict = ORACLE_PUNT;
	out->ip_cksum_good = false;
	out->udp_cksum_good = false;
	if (ip[0] / 16 != 4 || ihl < 20 || len < l3 + ihl + 8 + 1)
		return;
	udp = ip + ihl;
	amt = udp + 8;
	udp_len = get16(udp + 4);
	out->ip_cksum_good = oracle_cksum(ip, ihl, 0) == 0;
	tunnel = get16(udp + 2) - FEED_PORTS;
	if (get16(frame + l3 - 2) != 0x0800 || ip[9] != 17 || get32(ip + 16) != FEED_LOCAL ||
		tunnel >= joined->tunnels || amt[0] % 16 != 6 || udp_len <= 8)
		return;
	if (!out->ip_cksum_good) {
		drop(out, DROP_OUTER_CKSUM);
		return;
	}
	if (get16(ip + 6) % 0x4000 != 0) {
		drop(out, DROP_OUTER_FRAGMENT);
		return;
	}
	if (ip_len > len - l3 || udp_len + ihl > ip_len) {
		drop(out, DROP_OUTER_LENGTH);
		return;
	}
	out->udp_cksum_good =
		get16(udp + 6) == 0 || get16(udp + 6) == oracle_udp_cksum(ip, udp, udp_len);
	if (!out->udp_cksum_good)
		drop(out, DROP_UDP_CKSUM);
	else if (udp_len < 8 + 2 + 20)
		drop(out, DROP_AMT_SHORT);
	else if (amt[0] / 16 != 0)
		drop(out, DROP_AMT_VERSION);
	else if (get32(ip + 12) != FEED_RELAYS + tunnel || get16(udp) != 2268)
		drop(out, DROP_NOT_RELAY);
	else
		read_inner(out, ip, amt + 2, udp_len - 10, tunnel, joined);
}
