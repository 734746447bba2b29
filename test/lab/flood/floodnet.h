// SPDX-License-Identifier: BSD-3-Clause
// What the generators and the meters of the floods' lab share: packet sockets in named network
// namespaces, and frames of octets. None of them can send from anywhere but a namespace that has a
// name (ip netns).
#ifndef LAB_FLOODNET_H
#define LAB_FLOODNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/cursor.h"

#define FRAME_MAX   1514
#define FRAME_ETH   14
#define FRAME_BATCH 64

// Enters the network namespace NS, or lab_fail(). The process stays there.
void net_enter(const char *ns);
// A packet socket on "NS:INTERFACE", bound; sends at once, past the queueing discipline. Receives
// what comes in only, and only if `receive`. Leaves the process in that namespace.
int net_packet_socket(const char *at, bool receive);
void net_parse_mac(const char *option, const char *text, uint8_t mac[6]);
struct addr net_parse_addr(const char *option, const char *text);
// The priority that the appliance has too in this lab, before all that the machine does besides.
void net_foreground(void);
// Real-time priority for a process that sleeps most of the time: it runs when its time has come,
// not when the scheduler is done with a flood. Says so on stderr where that is not allowed.
void net_realtime(int priority);

// The frames of one sendmmsg(2).
struct batch {
	unsigned int n;
	size_t len[FRAME_BATCH];
	uint8_t frame[FRAME_BATCH][FRAME_MAX];
};
// Sends all of them. Returns how many the interface took; 0 where it has no room.
unsigned int batch_send(int fd, struct batch *b);

// Writers of headers. Lengths and checksums that depend on what follows are filled in by
// frame_end(), which knows them by their offsets.
struct frame {
	struct wr w;
	size_t l3, l4; // offsets of the IP header and of what it carries; 0: none
	uint8_t proto;
	struct addr src, dst;
};
struct frame frame_begin(uint8_t buf[FRAME_MAX], const uint8_t dst[6], const uint8_t src[6]);
void frame_type(struct frame *f, uint16_t type); // after which anything may follow
// fragment: flags and offset as on the wire.
void frame_ip(struct frame *f, const struct addr *src, const struct addr *dst, uint8_t proto,
	uint8_t ttl, uint16_t fragment);
// The same with the Router Alert option (RFC 2113, RFC 2711), which IGMP and MLD want.
void frame_ip_alert(struct frame *f, const struct addr *src, const struct addr *dst, uint8_t proto);
void frame_udp(struct frame *f, uint16_t from, uint16_t to);
// Length of the frame. The UDP checksum of IPv4 is left 0; those of IGMP, PIM and ICMPv6, whose
// place is after 2 octets, are written.
size_t frame_end(struct frame *f);
void frame_mcast_mac(const struct addr *group, uint8_t mac[6]);
// An encoded address of PIM (RFC 7761 section 4.9.1): unicast, and group or source with flags.
void frame_pim_unicast(struct frame *f, const struct addr *a);
void frame_pim_masked(struct frame *f, const struct addr *a, uint8_t flags);
// A Hello with holdtime, GenID and a priority of 1; a Join/Prune with n sources, one group each.
void frame_pim_hello(struct frame *f, uint16_t holdtime, uint32_t genid);
void frame_pim_join(struct frame *f, const struct addr *upstream, uint16_t holdtime, bool join,
	const struct sg *sg, unsigned int n);

#endif
