// SPDX-License-Identifier: BSD-3-Clause
// Reassembly of outer IPv4 fragments behind a strict filter (RFC 7450 leaves DF=0 to relays, and
// routers on the way may fragment then). One instance a worker; it allocates at creation only,
// mbufs apart. Internal to fastpath, but for creation.
//
// A datagram is copied together into one mbuf, so that what comes out is as if it had come whole.
// Strict: UDP; each fragment but the last a multiple of 8 octets, none empty; one end; no overlap;
// nothing beyond 65,535 octets or the mbuf's room; ECN combined by RFC 9601 section 5 (RFC 3168
// section 5.3). What breaks a rule ends its datagram, what comes of it later included (RFC 5722
// section 4), until its time is over. An exact duplicate, that is the same range with the same
// octets, is ignored; the same range with other octets is an overlap: it is how two datagrams meet
// whose 16-bit identification came round within the timeout (RFC 4963).
#ifndef FASTPATH_REASS_H
#define FASTPATH_REASS_H

#include <stdint.h>

#include "crossing/drops.h"

struct rte_mbuf;
struct reass;

#define REASS_MAX_DATAGRAMS 32768

struct reass_cfg {
	// That can be incomplete at one time, 1..REASS_MAX_DATAGRAMS, at 2,112 octets each; the
	// oldest gives way.
	unsigned int datagrams;
	unsigned int timeout_ms;
	int socket;
};

// NULL when out of memory, or for a number of datagrams out of its range.
struct reass *reass_create(const struct reass_cfg *cfg);
// Frees the mbufs of incomplete datagrams; the worker has stopped. NULL is nothing.
void reass_destroy(struct reass *r);

// Takes over a fragment, of one segment, whose outer IPv4 header is at offset l3 (14 or 18) and has
// been checked: header length within the frame, checksum right, source possibly a relay,
// destination a local address of tunnels. now: TSC. Returns the whole datagram as an mbuf of one
// segment (port and link header as the first fragment's, IP header without fragment bits and with a
// right checksum, RTE_MBUF_F_RX_IP_CKSUM_GOOD set and nothing said of the UDP checksum), or NULL.
// drops: the worker's counters; each fragment of a datagram that ends without coming out is counted
// once, duplicates too, by reason: FRAG_*, or NO_MBUF where the fragment's pool had none.
struct rte_mbuf *reass_input(struct reass *r, struct rte_mbuf *m, unsigned int l3, uint64_t now,
	uint64_t drops[DROP_COUNT]);
// Ends what has waited too long: looks at one datagram a call; to be called once a round.
void reass_expire(struct reass *r, uint64_t now, uint64_t drops[DROP_COUNT]);

#endif
