// SPDX-License-Identifier: BSD-3-Clause
// Offsets, and reads of unaligned network-order fields. Internal to fastpath.
#ifndef FASTPATH_HEADERS_H
#define FASTPATH_HEADERS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ETH_LEN	 14
#define VLAN_LEN 4
#define IPV4_LEN 20
#define IPV6_LEN 40
#define UDP_LEN	 8
#define ARP_LEN	 28
#define AMT_LEN	 2 // header of Multicast Data (RFC 7450 section 5.1.6)

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP  0x0806
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV6 0x86dd

#define PROTO_HOPOPTS  0
#define PROTO_IGMP     2
#define PROTO_TCP      6
#define PROTO_UDP      17
#define PROTO_FRAGMENT 44 // IPv6 extension header
#define PROTO_ICMPV6   58
#define PROTO_PIM      103

#define DNS_PORT      53
#define AMT_UDP_PORT  2268
#define AMT_TYPE_DATA 6

#define VLAN_ID_MASK 0xfff // of a tag: 0 is a priority and no VLAN (IEEE 802.1Q)

#define IPV4_FRAG_MASK 0x3fff // more-fragments flag and offset
#define IPV4_OFFSET    0x1fff

#define IPV4_OPTION_END	 0
#define IPV4_OPTION_NOP	 1
#define IPV4_OPTION_LSRR 131
#define IPV4_OPTION_SSRR 137

// ECN codepoints (RFC 3168 section 5).
#define ECN_MASK 3
#define ECN_CE	 3

// RFC 6040 section 4.2: the outgoing field by [outer][inner].
#define ECN_DROP 0xff
static const uint8_t ecn_decap[4][4] = {
	// inner:  Not-ECT, ECT(1), ECT(0), CE
	{0, 1, 2, 3},	     // outer Not-ECT
	{0, 1, 1, 3},	     // outer ECT(1)
	{0, 1, 2, 3},	     // outer ECT(0)
	{ECN_DROP, 3, 3, 3}, // outer CE
};

// The combinations that the same section marks, apart from the one that is dropped: somebody on the
// way has changed what it should not have.
static const uint8_t ecn_is_odd[4][4] = {
	{0, 0, 0, 0},
	{1, 0, 0, 1}, // outer ECT(1)
	{1, 1, 0, 0}, // outer ECT(0)
	{0, 0, 0, 0},
};

static inline uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

// As it lies on the wire.
static inline uint16_t get_raw16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t get_raw32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t get_raw64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void put_raw16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void put_raw32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void put_raw64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline uint16_t fold16(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

// Whether the checksum of an IPv4 header without options is right (RFC 1071): the one's complement
// sum of its words is all ones, that is, the sum is a multiple of 65535 (and not 0, which a header
// with a version cannot add up to). 2^64 is 1 modulo 65535, so a carry goes round. A multiple of an
// odd number, times its inverse modulo 2^64, is the quotient; nothing else gives one so small.
static inline int ipv4_cksum_ok(const uint8_t *p)
{
	const uint64_t inverse = 0xfffefffefffeffff; // of 65535
	uint64_t sum, carry;

	sum = get_raw64(p);
	carry = __builtin_add_overflow(sum, get_raw64(p + 8), &sum);
	carry = __builtin_add_overflow(sum, get_raw32(p + 16) + carry, &sum);
	sum += carry;
	return sum * inverse <= UINT64_MAX / 65535;
}

// The ECN field of an IPv6 header: it lies in the second octet, below the upper half of the traffic
// class.
#define IPV6_ECN_SHIFT 4

static inline uint8_t ipv6_ecn(const uint8_t *ip)
{
	return ip[1] >> IPV6_ECN_SHIFT & ECN_MASK;
}

#endif
