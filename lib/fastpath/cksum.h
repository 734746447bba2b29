// SPDX-License-Identifier: BSD-3-Clause
// The outer checksums: by the driver where it speaks for them, else by a sum. Internal to fastpath.
#ifndef FASTPATH_CKSUM_H
#define FASTPATH_CKSUM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "fastpath/headers.h"

// The header of hdr_len octets at ip. hw: the driver sets RTE_MBUF_F_RX_IP_CKSUM_*.
static inline bool outer_cksum_ok(
	const struct rte_mbuf *m, const uint8_t *ip, size_t hdr_len, bool hw)
{
	uint64_t flags = m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;

	if (hw && flags == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
		return true;
	if (hw && flags == RTE_MBUF_F_RX_IP_CKSUM_BAD)
		return false;
	return hdr_len == IPV4_LEN ? ipv4_cksum_ok(ip) : rte_raw_cksum(ip, hdr_len) == 0xffff;
}

// The 32-bit words of the first n octets, n a multiple of 16, each in a 64-bit sum.
static inline uint64_t words_sum(const uint8_t *p, size_t n)
{
#ifdef __SSE4_1__
	__m128i even = _mm_setzero_si128(), odd = even, zero = even;

	for (const uint8_t *end = p + n; p < end; p += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);

		even = _mm_add_epi64(even, _mm_unpacklo_epi32(x, zero));
		odd = _mm_add_epi64(odd, _mm_unpackhi_epi32(x, zero));
	}
	even = _mm_add_epi64(even, odd);
	return (uint64_t)_mm_cvtsi128_si64(even) + (uint64_t)_mm_extract_epi64(even, 1);
#else
	uint64_t even = 0, odd = 0;

	for (const uint8_t *end = p + n; p < end; p += 8) {
		even += get_raw64(p) & UINT32_MAX;
		odd += get_raw64(p) >> 32;
	}
	return even + odd;
#endif
}

// A sum over n octets that fold16() makes RFC 1071's. rte_raw_cksum() takes four times as long.
static inline uint64_t octets_sum(const uint8_t *p, size_t n)
{
	uint64_t sum = words_sum(p, n & ~(size_t)15), last[2] = {0};

	memcpy(last, p + (n & ~(size_t)15), n & 15);
	sum += (last[0] & UINT32_MAX) + (last[0] >> 32);
	return sum + (last[1] & UINT32_MAX) + (last[1] >> 32);
}

// The datagram of udp_len octets at udp, behind an IPv4 header at ip or an IPv6 one (v6). 0 means
// that there is no checksum (RFC 768; RFC 6935 for tunnel data), which is asked before the driver's
// opinion: drivers and rte_ipv4_udptcp_cksum_verify() may call 0 wrong.
static inline bool udp_cksum_ok(const struct rte_mbuf *m, const uint8_t *ip, const uint8_t *udp,
	uint16_t udp_len, bool v6, bool hw)
{
	uint64_t flags = m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK, sum;

	if (get_raw16(udp + 6) == 0)
		return true;
	if (hw && flags == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
		return true;
	if (hw && flags == RTE_MBUF_F_RX_L4_CKSUM_BAD)
		return false;
	if (v6) {
		sum = 0;
		for (int i = 8; i < IPV6_LEN; i += 4)
			sum += get_raw32(ip + i);
	} else {
		sum = (uint64_t)get_raw32(ip + 12) + get_raw32(ip + 16);
	}
	sum += rte_cpu_to_be_16(PROTO_UDP) + rte_cpu_to_be_16(udp_len);
	sum += octets_sum(udp, udp_len);
	return fold16(sum) == 0xffff;
}

#endif
