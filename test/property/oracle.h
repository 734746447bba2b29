// SPDX-License-Identifier: BSD-3-Clause
// What has to become of a frame, read slowly and plainly from the RFCs, one octet at a time. Shares
// no code with the product.
#ifndef TEST_PROPERTY_ORACLE_H
#define TEST_PROPERTY_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/feed.h"
#include "crossing/drops.h"

#define ORACLE_VLAN_UPSTREAM FEED_VLAN // tag of an interface where tunnels end
#define ORACLE_VLAN_OTHER    9	       // tag of an interface where none do

// What the product was told.
struct oracle_world {
	const struct feed_shape *joined;
	// The interfaces of a channel; none: it is sent nowhere; ORACLE_NOT_JOINED.
	uint64_t (*oifs_cb)(const void *arg, uint32_t channel);
	const void *arg;
};

#define ORACLE_NOT_JOINED 1ull // no interface is downstream that has index 0

enum oracle_verdict { ORACLE_FORWARD, ORACLE_DROP, ORACLE_PUNT_CONTROL, ORACLE_PUNT_OTHER };
enum oracle_if { ORACLE_IF_UNTAGGED, ORACLE_IF_UPSTREAM, ORACLE_IF_OTHER };

struct oracle {
	enum oracle_verdict verdict;
	enum drop_reason reason; // ORACLE_DROP
	enum oracle_if in;	 // where it came in, unless the tag is unknown
	bool tagged;
	// What a driver would say of the outer headers; a UDP checksum of 0 is not good.
	bool ip_cksum_good, udp_cksum_good;
	// A fragment without a UDP header, from nobody we know: the product may take the address
	// for a relay's.
	bool unsettled;
	// ORACLE_FORWARD, and DROP_MUTED: the channel, and octets of the datagram, which are
	// counted. ORACLE_FORWARD: where the datagram goes, and the datagram as it leaves.
	uint32_t channel;
	uint64_t oifs;
	uint8_t mac[6];
	bool inner6;
	size_t len;
	uint8_t datagram[FEED_MAX_FRAME];
};

// A frame of 14 octets or more that comes from the Internet. chained: over several mbufs.
void oracle_read(const uint8_t *frame, size_t len, bool chained, const struct oracle_world *w,
	struct oracle *out);

// The Internet checksum of octets (RFC 1071), as a number; start: a sum to go on from.
uint16_t oracle_cksum(const uint8_t *p, size_t len, uint32_t start);
// The checksum a UDP datagram needs behind an IPv4 or IPv6 header at ip, len octets at udp; 0 when
// len cannot be.
uint16_t oracle_udp_cksum(const uint8_t *ip, const uint8_t *udp, size_t len);

static inline unsigned int oracle_get16(const uint8_t *p)
{
	return (unsigned int)p[0] * 256 + p[1];
}

static inline uint32_t oracle_get32(const uint8_t *p)
{
	return oracle_get16(p) * 65536u + oracle_get16(p + 2);
}

// The inner datagram of data that came from the relay of `tunnel`. avail: octets from ip on;
// outer_ecn: of the outer header. Internal to the oracle.
void oracle_inner(struct oracle *o, const struct oracle_world *w, const uint8_t *ip, size_t avail,
	uint32_t tunnel, unsigned int outer_ecn);

#endif
