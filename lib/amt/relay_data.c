// SPDX-License-Identifier: BSD-3-Clause
// Native datagrams on their way into tunnels (RFC 7450 section 5.3.3.6): checks, TTL, size.
#include <errno.h>
#include <string.h>

#include "amt/relay_internal.h"
#include "wire/ip.h"

#define IP_DF	     0x4000
#define IP_MF	     0x2000
#define IPV6_LEN     40
#define IPV6_MIN_MTU 1280

static void put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void header_cksum(uint8_t *ip, size_t hdr_len)
{
	put_be16(ip + 10, 0);
	put_be16(ip + 10, ip_cksum(ip, hdr_len));
}

bool relay_channel_valid(const struct sg *sg)
{
	const uint8_t *g = sg->g.bytes;
	bool local =
		sg->g.family == ADDR_V4 ? g[0] == 224 && g[1] == 0 && g[2] == 0 : (g[1] & 0xf) <= 2;

	return addr_is_unicast(&sg->s) && addr_is_multicast(&sg->g) && !local;
}

// 0, or -EINVAL.
static int ipv6_header(const uint8_t *ip, size_t len, struct sg *sg, size_t *total)
{
	size_t n;

	if (len < IPV6_LEN)
		return -EINVAL;
	n = IPV6_LEN + (size_t)(ip[4] << 8 | ip[5]);
	if (n > len)
		return -EINVAL;
	sg->s = addr_from_v6(ip + 8);
	sg->g = addr_from_v6(ip + 24);
	*total = n;
	return 0;
}

static int ipv4_header(const uint8_t *ip, size_t len, struct sg *sg, size_t *total)
{
	struct ipv4_hdr hdr;

	if (ipv4_decode(ip, len, &hdr) < 0)
		return -EINVAL;
	sg->s = hdr.src;
	sg->g = hdr.dst;
	*total = hdr.total_len;
	return 0;
}

enum relay_data relay_data_check(const uint8_t *ip, size_t len, struct sg *sg, size_t *total)
{
	bool v6 = len > 0 && ip[0] >> 4 == 6;
	size_t n = 0;

	if ((v6 ? ipv6_header : ipv4_header)(ip, len, sg, &n) < 0)
		return RELAY_DATA_BAD;
	if (!relay_channel_valid(sg))
		return RELAY_DATA_ADDRESS;
	*total = n;
	return RELAY_DATA_OK;
}

bool relay_data_ttl(uint8_t *ip)
{
	if (ip[0] >> 4 == 6) {
		if (ip[7] <= 1)
			return false;
		ip[7]--; // no checksum over it
		return true;
	}
	if (ip[8] <= 1)
		return false;
	ip[8]--;
	header_cksum(ip, (size_t)(ip[0] & 0xf) * 4);
	return true;
}

// The header of a fragment that is not the first keeps the options whose copied flag is set
// (RFC 791 section 3.1). Octets of the header written.
static size_t fragment_header(const uint8_t *ip, size_t hdr_len, uint8_t out[60])
{
	size_t at = 20, n = 20;

	memcpy(out, ip, 20);
	while (at < hdr_len && ip[at] != 0) {
		size_t opt = ip[at] == 1 ? 1 : at + 1 < hdr_len ? ip[at + 1] : 0;

		if (opt == 0 || at + opt > hdr_len)
			break;
		if (ip[at] & 0x80) {
			memcpy(out + n, ip + at, opt);
			n += opt;
		}
		at += opt;
	}
	while (n % 4)
		out[n++] = 0;
	out[0] = (uint8_t)(0x40 | n / 4);
	return n;
}

int relay_fragment(const uint8_t *ip, size_t len, size_t mtu, size_t *at, uint8_t *out, size_t size)
{
	size_t hdr_len = (size_t)(ip[0] & 0xf) * 4, left = len - hdr_len - *at, hdr = hdr_len, n;
	uint16_t frag = (uint16_t)(ip[6] << 8 | ip[7]);
	uint8_t head[60];

	if (left == 0)
		return 0;
	if (*at == 0)
		memcpy(head, ip, hdr_len);
	else
		hdr = fragment_header(ip, hdr_len, head);
	if (mtu < hdr + 8)
		return -EINVAL;
	n = left;
	if (hdr + n > mtu)
		n = (mtu - hdr) / 8 * 8;
	if (hdr + n > size)
		return -ENOSPC;
	// The last piece of what was itself a fragment keeps that one's MF.
	if (n < left)
		frag |= IP_MF;
	frag = (uint16_t)(frag + *at / 8);
	memcpy(out, head, hdr);
	put_be16(out + 2, (uint16_t)(hdr + n));
	put_be16(out + 6, frag);
	header_cksum(out, hdr);
	memcpy(out + hdr, ip + hdr_len + *at, n);
	*at += n;
	return (int)(hdr + n);
}

int relay_icmp_too_big(const uint8_t *ip, size_t len, uint16_t mtu, uint8_t *out, size_t size)
{
	size_t quoted = (size_t)(ip[0] & 0xf) * 4 + 8; // RFC 792: the header and 64 bits

	if (quoted > len)
		quoted = len;
	if (8 + quoted > size)
		return -ENOSPC;
	memset(out, 0, 8);
	out[0] = 3; // destination unreachable
	out[1] = 4; // fragmentation needed and DF set
	put_be16(out + 6, mtu);
	memcpy(out + 8, ip, quoted);
	put_be16(out + 2, ip_cksum(out, 8 + quoted));
	return (int)(8 + quoted);
}

int relay_icmp6_too_big(const uint8_t *ip, size_t len, uint16_t mtu, uint8_t *out, size_t size)
{
	size_t quoted = IPV6_MIN_MTU - IPV6_LEN - 8; // as much as the minimum MTU leaves room for

	if (quoted > len)
		quoted = len;
	if (8 + quoted > size)
		return -ENOSPC;
	memset(out, 0, 8);
	out[0] = 2;
	put_be16(out + 6, mtu);
	memcpy(out + 8, ip, quoted);
	return (int)(8 + quoted);
}
