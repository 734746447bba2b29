// SPDX-License-Identifier: BSD-3-Clause
// What a frame is, decided with every check in the order of drops.h. The common cases are accepted
// by process.c without it; whatever that does not recognise comes here. Internal to fastpath.
#ifndef FASTPATH_CLASSIFY_H
#define FASTPATH_CLASSIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "crossing/drops.h"
#include "fastpath/headers.h"
#include "fastpath/worker.h"
#include "mfib/mfib_table.h"

struct rte_mbuf;

// What a burst is looked at with: read once.
struct tables {
	const struct mfib_buckets *narrow, *wide;
	const struct mfib_endpoints *ep;
};

enum verdict {
	VERDICT_FORWARD,
	VERDICT_DROP,
	VERDICT_PUNT,
	VERDICT_NATIVE,	  // native multicast from downstream: a sample is punted
	VERDICT_FRAGMENT, // an outer fragment that the worker reassembles
};

struct class
{
	enum verdict verdict;
	enum drop_reason reason; // VERDICT_DROP
	uint8_t ifindex;	 // that the frame came in on, where it is not dropped
	uint8_t l3;		 // offset of what is behind the Ethernet header and its tag
	uint8_t punt;		 // enum punt_class, VERDICT_PUNT
	bool known;		 // VERDICT_PUNT: its IP source is that of the tunnel's relay
	uint64_t flow;		 // VERDICT_NATIVE: what tells (S,G)s and interfaces apart
	// VERDICT_FORWARD: the channel's entry, where the inner header begins, its family, its
	// datagram's length, and the ECN field that it leaves with.
	uint64_t oifs;
	uint64_t *count;
	struct mfib_move *move; // that the channel is in, or NULL; then oifs may be empty
	uint16_t inner;
	uint16_t inner_len;
	bool v6;
	uint8_t ecn;
	bool ecn_odd; // to be counted
};

// Reads nothing past the first segment.
struct class classify(const struct worker *w, const struct worker_port *port,
	const struct tables *t, const struct rte_mbuf *m);

// RFC 1812 section 5.3.7: not 0/8, 127/8, 169.254/16, 224/4, 240/4.
static inline bool source4_ok(const uint8_t *s)
{
	return s[0] != 0 && s[0] != 127 && s[0] < 224 && !(s[0] == 169 && s[1] == 254);
}

// Why a well-formed datagram of a channel that is not in the table is dropped. ip: inner header.
static inline enum drop_reason classify_miss4(const uint8_t *ip)
{
	if (ip[16] >> 4 != 14)
		return DROP_INNER_NOT_MULTICAST;
	if (ip[16] == 224 && ip[17] == 0 && ip[18] == 0)
		return DROP_INNER_LINK_LOCAL;
	return source4_ok(ip + 12) ? DROP_NOT_JOINED : DROP_INNER_SOURCE;
}

enum drop_reason classify_miss6(const uint8_t *ip);

// The interface of a frame on this port, by its VLAN tag in host order (0: none, or no VLAN in it);
// WORKER_NO_IF: there is none.
static inline uint8_t port_interface(const struct worker_port *port, uint16_t tag)
{
	uint16_t id = tag & VLAN_ID_MASK;

	if (id == 0)
		return port->untagged;
	return port->by_vlan ? port->by_vlan[id] : WORKER_NO_IF;
}

#endif
