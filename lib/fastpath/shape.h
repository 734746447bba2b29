// SPDX-License-Identifier: BSD-3-Clause
// What the headers of AMT data of a common shape have to be, checked a vector at a time. A shape is
// a mix of outer and inner family, with or without a VLAN tag, with no option or extension header
// outside; what differs between shapes is a constant in these functions where they are called.
// Internal to data.h.
#ifndef FASTPATH_SHAPE_H
#define FASTPATH_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

#include "fastpath/headers.h"

struct shape {
	unsigned int l3; // offset of the outer IP header
	bool outer6, inner6;
};

// Octets from the outer IP header to the datagram in it.
static __rte_always_inline unsigned int data_outer_len(bool outer6)
{
	return (outer6 ? IPV6_LEN : IPV4_LEN) + UDP_LEN + AMT_LEN;
}

// Of the datagram in a frame.
static __rte_always_inline unsigned int data_offset(const struct shape *s)
{
	return s->l3 + data_outer_len(s->outer6);
}

// Where the inner addresses end.
static __rte_always_inline unsigned int data_headers_len(const struct shape *s)
{
	return data_offset(s) + (s->inner6 ? IPV6_LEN : IPV4_LEN);
}

// Whether its channels are in the wide table.
static __rte_always_inline bool shape_wide(const struct shape *s)
{
	return s->outer6 || s->inner6;
}

// What the outer headers and the first octets of the inner one have to be, apart from addresses,
// lengths and what does not matter; at the ethertype before the outer IP header, and at the UDP
// header. The masks say which bits count. An outer ECN field, where it is not 0, takes the longer
// way.
#define OUTER4_WANT                             \
	{                                       \
		0x08, 0, 0x45, [11] = PROTO_UDP \
	}
#define OUTER4_MASK                                                   \
	{                                                             \
		0xff, 0xff, 0xff, [8] = 0x3f, [9] = 0xff, [11] = 0xff \
	}
#define OUTER4_MASK_ECN                                                         \
	{                                                                       \
		0xff, 0xff, 0xff, ECN_MASK, [8] = 0x3f, [9] = 0xff, [11] = 0xff \
	}
#define OUTER6_WANT                               \
	{                                         \
		0x86, 0xdd, 0x60, [8] = PROTO_UDP \
	}
#define OUTER6_MASK                          \
	{                                    \
		0xff, 0xff, 0xf0, [8] = 0xff \
	}
#define OUTER6_MASK_ECN                                                  \
	{                                                                \
		0xff, 0xff, 0xf0, ECN_MASK << IPV6_ECN_SHIFT, [8] = 0xff \
	}
#define UDP_WANT(inner)                                                                     \
	{                                                                                   \
		AMT_UDP_PORT >> 8, AMT_UDP_PORT & 0xff, [8] = AMT_TYPE_DATA, [10] = (inner) \
	}
#define UDP_MASK(inner)                                \
	{                                              \
		0xff, 0xff, [8] = 0xff, [10] = (inner) \
	}

struct template
{
	_Alignas(16) uint8_t want[16];
	_Alignas(16) uint8_t mask[16];
};

static __rte_always_inline const struct template *outer_template(
	const struct shape *s, bool any_ecn)
{
	static const struct template outer4 = {OUTER4_WANT, OUTER4_MASK};
	static const struct template outer4_ecn = {OUTER4_WANT, OUTER4_MASK_ECN};
	static const struct template outer6 = {OUTER6_WANT, OUTER6_MASK};
	static const struct template outer6_ecn = {OUTER6_WANT, OUTER6_MASK_ECN};

	if (s->outer6)
		return any_ecn ? &outer6 : &outer6_ecn;
	return any_ecn ? &outer4 : &outer4_ecn;
}

static __rte_always_inline const struct template *udp_template(const struct shape *s)
{
	static const struct template udp4 = {UDP_WANT(0x45), UDP_MASK(0xff)};
	static const struct template udp6 = {UDP_WANT(0x60), UDP_MASK(0xf0)};

	return s->inner6 ? &udp6 : &udp4;
}

#ifdef __SSE4_1__
static __rte_always_inline __m128i template_differs(__m128i v, const struct template *t)
{
	return _mm_and_si128(_mm_xor_si128(v, *(const __m128i *)(const void *)t->want),
		*(const __m128i *)(const void *)t->mask);
}
#else
static inline bool template_equal(const uint8_t *p, const struct template *t)
{
	uint8_t differs = 0;

	for (int i = 0; i < 16; i++)
		differs |= (uint8_t)((p[i] ^ t->want[i]) & t->mask[i]);
	return differs == 0;
}
#endif

// Whether the headers are as the templates say, and the lengths fit into each other: the inner
// datagram, the UDP datagram, the outer datagram, the frame. *inner_len: octets of the first.
static __rte_always_inline bool headers_ok(const struct rte_mbuf *m, const uint8_t *ip,
	const uint8_t *udp, const struct shape *s, bool any_ecn, size_t *inner_len)
{
	const unsigned int outer_len = s->outer6 ? IPV6_LEN : IPV4_LEN;
#ifdef __SSE4_1__
	// In words: lengths of outer, UDP and inner datagram; the same one place up, behind the
	// frame's; and what has to lie between each and the next.
	const __m128i outer_at = s->outer6 ? _mm_set_epi64x(-1, (long long)0xffffffffffff0607)
					   : _mm_set_epi64x(-1, (long long)0xffffffffffff0405);
	const __m128i udp_at = s->inner6 ? _mm_set_epi64x(-1, (long long)0xffff0e0f0405ffff)
					 : _mm_set_epi64x(-1, (long long)0xffff0c0d0405ffff);
	const __m128i headers =
		_mm_set_epi16(0, 0, 0, 0, 0, s->inner6 ? IPV6_LEN : 0, 0, s->outer6 ? IPV6_LEN : 0);
	const __m128i between = _mm_set_epi16(
		0, 0, 0, 0, IPV4_LEN, UDP_LEN + AMT_LEN, (short)outer_len, (short)s->l3);
	__m128i a = _mm_loadu_si128((const __m128i *)(const void *)(ip - 2));
	__m128i b = _mm_loadu_si128((const __m128i *)(const void *)udp);
	__m128i len = _mm_or_si128(_mm_shuffle_epi8(a, outer_at), _mm_shuffle_epi8(b, udp_at));
	__m128i larger, bad;

	if (s->outer6 || s->inner6) // saturates above what a frame can have
		len = _mm_adds_epu16(len, headers);
	larger = _mm_insert_epi16(_mm_slli_si128(len, 2), rte_pktmbuf_data_len(m), 0);
	bad = _mm_subs_epu16(_mm_adds_epu16(len, between), larger);
	a = template_differs(a, outer_template(s, any_ecn));
	b = template_differs(b, udp_template(s));
	bad = _mm_or_si128(bad, _mm_or_si128(a, b));
	*inner_len = (size_t)(unsigned int)_mm_extract_epi16(len, 2);
	return _mm_testz_si128(bad, bad);
#else
	const uint8_t *inner = udp + UDP_LEN + AMT_LEN;
	unsigned int ip_len, udp_len = get_be16(udp + 4);

	ip_len = s->outer6 ? get_be16(ip + 4) + (unsigned int)IPV6_LEN : get_be16(ip + 2);
	*inner_len = s->inner6 ? get_be16(inner + 4) + (size_t)IPV6_LEN : get_be16(inner + 2);
	return template_equal(ip - 2, outer_template(s, any_ecn)) &&
	       template_equal(udp, udp_template(s)) && ip_len + s->l3 <= rte_pktmbuf_data_len(m) &&
	       udp_len + outer_len <= ip_len && *inner_len + UDP_LEN + AMT_LEN <= udp_len &&
	       *inner_len >= IPV4_LEN;
#endif
}

#endif
