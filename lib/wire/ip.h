// SPDX-License-Identifier: BSD-3-Clause
// IPv4, IPv6 and UDP headers as octets: checksums, and the datagrams that AMT carries (RFC 791,
// 768).
#ifndef WIRE_IP_H
#define WIRE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define IP_PROTO_HOPOPTS 0
#define IP_PROTO_IGMP	 2
#define IP_PROTO_UDP	 17
#define IP_PROTO_ICMPV6	 58
#define IP_PROTO_PIM	 103

// Ones' complement sum of RFC 1071 over len octets, an odd last octet padded with zero, added to
// `sum` (0 to start). Not folded to the final form: pass it on, or end with ip_cksum_fold().
uint32_t ip_cksum_add(uint32_t sum, const void *buf, size_t len);
// The 16-bit checksum to store, host order (write it big endian). A valid block sums to 0.
uint16_t ip_cksum_fold(uint32_t sum);
// Both in one: 0 when the checksum that the block holds is right.
uint16_t ip_cksum(const void *buf, size_t len);

// What an IPv4 header says, in host order.
struct ipv4_hdr {
	uint8_t tos;
	uint8_t ttl;
	uint8_t proto;
	uint8_t hdr_len;    // octets, 20..60
	uint16_t total_len; // octets, hdr_len..len given
	uint16_t frag;	    // flags and offset as on the wire
	struct addr src;
	struct addr dst;
};

// Reads the IPv4 header at buf. 0, or -EINVAL: short, not version 4, IHL below 5 or past the end,
// total length below the header or above len, checksum wrong.
int ipv4_decode(const uint8_t *buf, size_t len, struct ipv4_hdr *out);

// What an IPv6 header says (RFC 8200 section 3), in host order.
#define IPV6_HDR_LEN 40
struct ipv6_hdr {
	uint8_t tclass;
	uint8_t hop_limit;
	uint8_t next; // header
	uint16_t payload_len;
	struct addr src;
	struct addr dst;
};

// Reads the IPv6 header at buf. 0, or -EINVAL: short, not version 6, payload past the end.
int ipv6_decode(const uint8_t *buf, size_t len, struct ipv6_hdr *out);

#endif
