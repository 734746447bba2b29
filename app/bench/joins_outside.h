// SPDX-License-Identifier: BSD-3-Clause
// Who is around the control thread: routers that send PIM, a DNS that knows AMTRELAY records, and
// relays. Octets in, octets out; who carries them is the caller's matter.
#ifndef BENCH_JOINS_OUTSIDE_H
#define BENCH_JOINS_OUTSIDE_H

#include "amt/relay.h"
#include "base/addr.h"
#include "base/rng.h"
#include "base/timer.h"

#define JO_PACKED     70  // Joins of a message as FRR packs them: group sets in 1428 octets
#define JO_HOLDTIME_S 210 // of a Join
#define JO_MSG_LEN    1500

// Channel c is of source c % sources, source s behind relay s % relays.
struct jo_plan {
	uint32_t sources, relays;
};
struct sg jo_sg(const struct jo_plan *p, uint32_t c);
struct addr jo_relay_addr(uint32_t r);
struct addr jo_router_addr(unsigned int i); // on the link of interface i
struct addr jo_our_addr(unsigned int i);    // ours there
struct addr jo_upstream_addr(void);	    // ours towards the relays

// PIM messages of router i to us, checksum and all; their octets. JO_MSG_LEN is enough for
// JO_PACKED channels.
int jo_hello(unsigned int i, uint8_t buf[JO_MSG_LEN]);
int jo_join(const struct jo_plan *p, unsigned int i, uint32_t first, uint32_t n, bool join,
	uint8_t buf[JO_MSG_LEN]);

// What DNS answers to a query of this name for AMTRELAY; octets, -1 for a name of none of the
// sources.
int jo_dns(const struct jo_plan *p, const char *name, uint8_t buf[JO_MSG_LEN]);

// All relays.
struct jo_relays;
typedef void (*jo_relays_send_cb)(void *ctx, const struct addr *relay, const struct addr *dst,
	uint16_t port, const uint8_t *buf, size_t len);
// members: they keep who joined what, as relays do; else they count it only, which takes no memory.
struct jo_relays *jo_relays_create(
	uint32_t n, bool members, jo_relays_send_cb send, void *ctx, uint64_t now_us);
void jo_relays_destroy(struct jo_relays *rs);
// A datagram to the AMT port of one of them.
void jo_relays_input(struct jo_relays *rs, const struct addr *relay, const struct addr *src,
	uint16_t port, const uint8_t *buf, size_t len, uint64_t now_us);
struct jo_heard {
	uint64_t requests, updates, joins, leaves; // records; said twice, counted twice
	uint64_t bad;				   // of any kind
	uint64_t channels;			   // joined now; 0 without members
};
void jo_relays_heard(const struct jo_relays *rs, struct jo_heard *out);

#endif
