// SPDX-License-Identifier: BSD-3-Clause
// Every reason for which a worker drops a packet, declared once: the enum, the counter, the console
// and the documentation come from here.
#ifndef CROSSING_DROPS_H
#define CROSSING_DROPS_H

// X(name, text). The order is that of the checks.
#define DROP_LIST(X)                                                                        \
	X(VLAN, "tagged for a VLAN that no interface has")                                  \
	X(OUTER_CKSUM, "outer IPv4 header checksum wrong")                                  \
	X(OUTER_FRAGMENT, "outer fragment of a datagram to a tunnel address")               \
	X(FRAG_INVALID, "outer fragment with an impossible offset or length")               \
	X(FRAG_OVERLAP, "outer fragments overlap")                                          \
	X(FRAG_SIZE, "outer fragments of a datagram larger than an mbuf")                   \
	X(FRAG_ECN, "outer fragments with and without ECN in one datagram (RFC 9601)")      \
	X(FRAG_TIMEOUT, "outer fragments of a datagram that never became whole")            \
	X(FRAG_TABLE, "outer fragments of a datagram that gave way to a newer one")         \
	X(OUTER_LENGTH, "lengths of IP, UDP and frame disagree")                            \
	X(UDP_CKSUM, "outer UDP checksum present and wrong")                                \
	X(AMT_SHORT, "too short for AMT data with an inner header")                         \
	X(AMT_VERSION, "AMT version is not 0")                                              \
	X(NOT_RELAY, "source is not the relay, port 2268, of the tunnel")                   \
	X(INNER_VERSION, "inner IP version not supported or invalid")                       \
	X(INNER_HEADER, "inner header length invalid")                                      \
	X(INNER_LENGTH, "inner datagram longer than the outer")                             \
	X(INNER_CKSUM, "inner IPv4 header checksum wrong")                                  \
	X(INNER_SOURCE_ROUTE, "inner datagram says its own route (RFC 4607 section 7.4)")   \
	X(INNER_NOT_MULTICAST, "inner destination is not multicast")                        \
	X(INNER_LINK_LOCAL, "inner destination is link-local (224.0.0.0/24, ffx0 to ffx2)") \
	X(INNER_SOURCE, "inner source is not a unicast address")                            \
	X(NOT_JOINED, "(S,G) is not joined through this tunnel")                            \
	X(MUTED, "another router forwards (S,G) on every interface that wants it")          \
	X(MOVE_DUPLICATE, "copy of a packet that came from the other relay of a move")      \
	X(TTL, "inner TTL or hop limit is 1 or 0")                                          \
	X(ECN, "outer CE on a packet that is not ECN-capable (RFC 6040)")                   \
	X(MTU, "larger than the MTU of a downstream interface")                             \
	X(TX_FULL, "driver's transmit queue full")                                          \
	X(NO_MBUF, "no mbuf for a further copy or a datagram in fragments")                 \
	X(NATIVE, "multicast that came in downstream, beyond what is shown to PIM")         \
	X(SPREAD_FULL, "ring to another worker full")                                       \
	X(POLICED_NEIGHBOR, "ARP or neighbor discovery past punt.neighbor")                 \
	X(POLICED_PIM, "PIM past punt.pim")                                                 \
	X(POLICED_MEMBERSHIP, "IGMP or MLD past punt.membership")                           \
	X(POLICED_AMT, "AMT control past punt.amt")                                         \
	X(POLICED_DNS, "DNS past punt.dns")                                                 \
	X(POLICED_STRAY, "AMT data that no tunnel waits for past punt.stray")               \
	X(POLICED_OTHER, "frames for the kernel past punt.other")                           \
	X(PUNT_FULL_CONTROL, "punt ring of ARP, ND, PIM, IGMP, MLD or AMT full")            \
	X(PUNT_FULL_OTHER, "punt ring of another class full")

enum drop_reason {
#define X(name, text) DROP_##name,
	DROP_LIST(X)
#undef X
		DROP_COUNT
};

extern const char *const drop_names[DROP_COUNT]; // "NOT_JOINED" ...
extern const char *const drop_texts[DROP_COUNT];

#endif
