// SPDX-License-Identifier: BSD-3-Clause
// The datagram inside, and what it becomes.
#include <string.h>

#include "property/oracle.h"

#define get16 oracle_get16
#define get32 oracle_get32

static void drop(struct oracle *o, enum drop_reason reason)
{
	o->verdict = ORACLE_DROP;
	o->reason = reason;
}

// The joined channel with this (S,G) through this tunnel; joined->channels when there is none.
static uint32_t channel_of(const struct feed_shape *joined, const struct sg *sg, uint32_t tunnel)
{
	size_t low = sg->s.family == ADDR_V6 ? 12 : 0;
	uint32_t s = get32(sg->s.bytes + low) - FEED_SOURCES;
	uint32_t g = get32(sg->g.bytes + low) - FEED_GROUPS;
	uint64_t from = (uint64_t)s * FEED_PER_SOURCE + g, to = from + 1;

	if (joined->replay) {
		from = 0;
		to = joined->channels;
	}
	for (uint64_t c = from; c < to && c < joined->channels; c++) {
		struct sg is = feed_sg(joined, (uint32_t)c);

		if (memcmp(&is, sg, sizeof(is)) == 0 && feed_tunnel(joined, (uint32_t)c) == tunnel)
			return (uint32_t)c;
	}
	return joined->channels;
}

// A datagram of len octets. False: it is dropped.
static bool joined_here(struct oracle *o, const struct oracle_world *w, const struct sg *sg,
	uint32_t tunnel, size_t len)
{
	o->channel = channel_of(w->joined, sg, tunnel);
	o->oifs = o->channel == w->joined->channels ? ORACLE_NOT_JOINED
						    : w->oifs_cb(w->arg, o->channel);
	if (o->oifs != 0 && o->oifs != ORACLE_NOT_JOINED)
		return true;
	drop(o, o->oifs == 0 ? DROP_MUTED : DROP_NOT_JOINED);
	o->oifs = 0;
	o->len = len;
	return false;
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

static void forward4(
	struct oracle *o, const uint8_t *ip, size_t ihl, size_t len, unsigned int field)
{
	uint8_t *out = o->datagram;
	unsigned int sum;

	o->verdict = ORACLE_FORWARD;
	o->inner6 = false;
	o->len = len;
	memcpy(out, ip, len);
	out[1] = (uint8_t)(out[1] / 4 * 4 + field);
	out[8]--;
	out[10] = 0;
	out[11] = 0;
	sum = oracle_cksum(out, ihl, 0);
	out[10] = (uint8_t)(sum / 256);
	out[11] = (uint8_t)(sum % 256);
	o->mac[0] = 0x01; // RFC 1112 section 6.4
	o->mac[1] = 0x00;
	o->mac[2] = 0x5e;
	o->mac[3] = out[17] % 128;
	o->mac[4] = out[18];
	o->mac[5] = out[19];
}

// Loose or strict source routing (RFC 791 section 3.1).
static bool routed_by_source(const uint8_t *ip, size_t ihl)
{
	for (size_t i = 20; i < ihl;) {
		unsigned int kind = ip[i], size = i + 1 < ihl ? ip[i + 1] : 0;

		if (kind == 131 || kind == 137)
			return true;
		if (kind == 0 || (kind != 1 && size < 2))
			break;
		i += kind == 1 ? 1 : size;
	}
	return false;
}

static void inner4(struct oracle *o, const struct oracle_world *w, const uint8_t *ip, size_t avail,
	uint32_t tunnel, unsigned int outer_ecn)
{
	size_t ihl = (size_t)(ip[0] % 16) * 4, len = get16(ip + 2);
	struct sg sg = {.s = {.family = ADDR_V4}, .g = {.family = ADDR_V4}};
	unsigned int field;

	memcpy(sg.s.bytes, ip + 12, 4);
	memcpy(sg.g.bytes, ip + 16, 4);
	if (ihl < 20 || ihl > avail)
		drop(o, DROP_INNER_HEADER);
	else if (len < ihl || len > avail)
		drop(o, DROP_INNER_LENGTH);
	else if (oracle_cksum(ip, ihl, 0) != 0)
		drop(o, DROP_INNER_CKSUM);
	else if (routed_by_source(ip, ihl))
		drop(o, DROP_INNER_SOURCE_ROUTE);
	else if (ip[16] < 224 || ip[16] > 239)
		drop(o, DROP_INNER_NOT_MULTICAST);
	else if (ip[16] == 224 && ip[17] == 0 && ip[18] == 0)
		drop(o, DROP_INNER_LINK_LOCAL);
	else if (ip[12] == 0 || ip[12] == 127 || ip[12] >= 224 || (ip[12] == 169 && ip[13] == 254))
		drop(o, DROP_INNER_SOURCE);
	else if (!joined_here(o, w, &sg, tunnel, len))
		return;
	else if (ip[8] <= 1)
		drop(o, DROP_TTL);
	else if (!ecn(outer_ecn, ip[1] % 4, &field))
		drop(o, DROP_ECN);
	else
		forward4(o, ip, ihl, len, field);
}

// RFC 4291 sections 2.4 to 2.7: what cannot be a source beyond its link.
static bool source6_ok(const uint8_t *s)
{
	static const uint8_t zero[16];

	if (s[0] == 0xff || (s[0] == 0xfe && s[1] >= 0x80 && s[1] <= 0xbf))
		return false;
	if (memcmp(s, zero, 15) == 0 && s[15] <= 1)
		return false;
	return !(memcmp(s, zero, 10) == 0 && s[10] == 0xff && s[11] == 0xff);
}

static void forward6(struct oracle *o, const uint8_t *ip, size_t len, unsigned int field)
{
	uint8_t *out = o->datagram;

	o->verdict = ORACLE_FORWARD;
	o->inner6 = true;
	o->len = len;
	memcpy(out, ip, len);
	out[1] = (uint8_t)(out[1] / 64 * 64 + field * 16 + out[1] % 16);
	out[7]--;
	o->mac[0] = 0x33; // RFC 2464 section 7
	o->mac[1] = 0x33;
	memcpy(o->mac + 2, out + 36, 4);
}

static void inner6(struct oracle *o, const struct oracle_world *w, const uint8_t *ip, size_t avail,
	uint32_t tunnel, unsigned int outer_ecn)
{
	struct sg sg = {.s = {.family = ADDR_V6}, .g = {.family = ADDR_V6}};
	size_t len = 40 + (size_t)get16(ip + 4);
	unsigned int field;

	memcpy(sg.s.bytes, ip + 8, 16);
	memcpy(sg.g.bytes, ip + 24, 16);
	if (len > avail)
		drop(o, DROP_INNER_LENGTH);
	else if (ip[24] != 0xff)
		drop(o, DROP_INNER_NOT_MULTICAST);
	else if (ip[25] % 16 <= 2)
		drop(o, DROP_INNER_LINK_LOCAL);
	else if (!source6_ok(ip + 8))
		drop(o, DROP_INNER_SOURCE);
	else if (!joined_here(o, w, &sg, tunnel, len))
		return;
	else if (ip[7] <= 1)
		drop(o, DROP_TTL);
	else if (!ecn(outer_ecn, ip[1] / 16 % 4, &field))
		drop(o, DROP_ECN);
	else
		forward6(o, ip, len, field);
}

void oracle_inner(struct oracle *o, const struct oracle_world *w, const uint8_t *ip, size_t avail,
	uint32_t tunnel, unsigned int outer_ecn)
{
	if (ip[0] / 16 == 4)
		inner4(o, w, ip, avail, tunnel, outer_ecn);
	else if (ip[0] / 16 == 6)
		inner6(o, w, ip, avail, tunnel, outer_ecn);
	else
		drop(o, DROP_INNER_VERSION);
}
