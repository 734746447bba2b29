// SPDX-License-Identifier: BSD-3-Clause
// What has to become of a frame, read slowly and plainly from the RFCs, one octet at a time. Shares
// no code with the product.
#ifndef BENCH_ORACLE_H
#define BENCH_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/feed.h"
#include "crossing/drops.h"

enum oracle_verdict { ORACLE_FORWARD, ORACLE_DROP, ORACLE_PUNT };

struct oracle {
	enum oracle_verdict verdict;
	enum drop_reason reason;	    // ORACLE_DROP
	bool ip_cksum_good, udp_cksum_good; // what a driver would say of the outer headers
	size_t len;
	uint8_t frame[FEED_MAX_FRAME]; // ORACLE_FORWARD: as it leaves, source MAC all zero
};

// A frame that comes from the Internet; joined: the channels of the table.
void oracle_read(
	const uint8_t *frame, size_t len, const struct feed_shape *joined, struct oracle *out);

// The Internet checksum of octets (RFC 1071), as a number; start: a sum to go on from.
uint16_t oracle_cksum(const uint8_t *p, size_t len, uint32_t start);
// The checksum a UDP datagram needs in an IPv4 header at ip.
uint16_t oracle_udp_cksum(const uint8_t *ip, const uint8_t *udp, size_t len);

#endif
