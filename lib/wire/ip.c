// SPDX-License-Identifier: BSD-3-Clause
#include "wire/ip.h"

#include <errno.h>
#include <string.h>

uint32_t ip_cksum_add(uint32_t sum, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	uint64_t s = sum;

	for (; len >= 2; len -= 2, p += 2)
		s += (uint32_t)(p[0] << 8 | p[1]);
	if (len)
		s += (uint32_t)(p[0] << 8);
	while (s >> 32)
		s = (s & 0xffffffff) + (s >> 32);
	return (uint32_t)s;
}

uint16_t ip_cksum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint16_t ip_cksum(const void *buf, size_t len)
{
	return ip_cksum_fold(ip_cksum_add(0, buf, len));
}

int ipv4_decode(const uint8_t *buf, size_t len, struct ipv4_hdr *out)
{
	uint32_t src, dst;
	size_t hdr_len, total;

	if (len < 20 || buf[0] >> 4 != 4)
		return -EINVAL;
	hdr_len = (size_t)(buf[0] & 0xf) * 4;
	total = (size_t)(buf[2] << 8 | buf[3]);
	if (hdr_len < 20 || hdr_len > total || total > len || ip_cksum(buf, hdr_len) != 0)
		return -EINVAL;
	memcpy(&src, buf + 12, 4);
	memcpy(&dst, buf + 16, 4);
	*out = (struct ipv4_hdr){
		.tos = buf[1],
		.ttl = buf[8],
		.proto = buf[9],
		.hdr_len = (uint8_t)hdr_len,
		.total_len = (uint16_t)total,
		.frag = (uint16_t)(buf[6] << 8 | buf[7]),
		.src = addr_from_v4(src),
		.dst = addr_from_v4(dst),
	};
	return 0;
}

int ipv6_decode(const uint8_t *buf, size_t len, struct ipv6_hdr *out)
{
	size_t payload;

	if (len < IPV6_HDR_LEN || buf[0] >> 4 != 6)
		return -EINVAL;
	payload = (size_t)(buf[4] << 8 | buf[5]);
	if (payload > len - IPV6_HDR_LEN)
		return -EINVAL;
	*out = (struct ipv6_hdr){
		.tclass = (uint8_t)(buf[0] << 4 | buf[1] >> 4),
		.hop_limit = buf[7],
		.next = buf[6],
		.payload_len = (uint16_t)payload,
		.src = addr_from_v6(buf + 8),
		.dst = addr_from_v6(buf + 24),
	};
	return 0;
}
