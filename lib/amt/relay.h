// SPDX-License-Identifier: BSD-3-Clause
// AMT relay engine (RFC 7450 section 5.3): tunnels over either family carrying SSM channels of
// both; for labs, tests and benches. Pure: octets and the time come in, messages and wishes go out
// through relay_ops. Requests create no state: the MAC of a Query proves later that the Update
// comes from where the Request came from. Exclude-mode (any-source) records are ignored: the relay
// is SSM only.
#ifndef AMT_RELAY_H
#define AMT_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amt/amt.h" // the quirks
#include "base/addr.h"
#include "base/rng.h"
#include "base/timer.h"

struct relay;

// Read at every message: the owner may change them at any time between two calls. Several relays
// may share one set.
struct relay_options {
	uint8_t qrv; // in Queries, 0..7; 0 breaks section 5.3.3.3, for tests of gateways
	uint32_t query_interval_s; // in Queries as QQIC, rounded down to what the code can say
	uint32_t query_response_s; // QRI of the membership timer only: Queries say "at once"
	uint32_t membership_s;	   // life of a membership not reported again; 0: RV * QI + QRI
	uint32_t secret_s;	   // a new secret this often; 0: never
	uint32_t max_endpoints;	   // of one relay; the L flag is set when it is reached
	uint32_t max_per_addr;	   // endpoints of one IP address
	uint32_t max_joins;	   // channels of one endpoint; further ones are ignored in silence
	bool silent;		   // answers nothing and forwards nothing
	bool refuse;		   // ignores Requests and Updates; serves the endpoints it has
	bool drop_updates;	   // ignores Updates
	bool mute;		   // control works, no data is sent
	bool limit;		   // L flag set in any case
	bool gateway;		   // G flag and gateway fields in Queries; Teardown is accepted
	bool discovery;		   // answers Discovery
	bool igmp, mld;		   // answers Requests for IGMPv3, for MLDv2
	unsigned int quirks;	   // enum amt_quirk
	struct addr advertise;	   // in Advertisements instead of the relay's own; none: its own
};
// Defaults of RFC 7450 section 5.3.3.7 and RFC 9776 section 8: QRV 2, 125 s, 10 s, secret 2 h.
struct relay_options relay_options_default(void);
// Life of a membership under these options, in seconds; QRV and QI of 0 count as 2 and 125 s.
uint32_t relay_membership_s(const struct relay_options *opt);

struct relay_ops {
	// A control message from local (the address that was written to), port 2268.
	void (*send)(void *ctx, const struct addr *local, const struct addr *dst, uint16_t port,
		const uint8_t *buf, size_t len);
	// A Multicast Data message. buf is the one given to relay_forward() and must not be
	// changed. ecn: the ECN field that the outer IP header is to have, that of the datagram
	// where the gateway said with the E flag that it decapsulates by RFC 6040, else 0
	// (RFC 9601 section 4).
	void (*data)(void *ctx, const struct addr *dst, uint16_t port, uint8_t ecn,
		const uint8_t *buf, size_t len);
	// The first endpoint joined this channel, or the last one left.
	void (*want)(void *ctx, const struct sg *sg, bool wanted);
};

// X(name, text): why a received message had no effect.
#define RELAY_DROP_LIST(X)                                                                \
	X(SHORT, "message truncated")                                                     \
	X(VERSION, "AMT version is not 0")                                                \
	X(TYPE, "type that a relay ignores")                                              \
	X(SWITCHED_OFF, "ignored on command")                                             \
	X(IGMP, "Request for IGMPv3 while that is off")                                   \
	X(MLD, "Request for MLDv2 while that is off")                                     \
	X(QUIRK_BITS, "Request with reserved bits set (p-0x80)")                          \
	X(QUIRK_E, "Request with E set (no-e)")                                           \
	X(QUIRK_NONCE, "Update with another nonce than the last Request's (one-nonce)")   \
	X(QUIRK_LENGTH, "Update of more than 1400 octets (short-updates)")                \
	X(MAC, "MAC is not of this source, port, nonce and secret")                       \
	X(TEARDOWN, "Teardown while G is off")                                            \
	X(REPORT_IP, "Update's inner IP header invalid or overrun")                       \
	X(REPORT_HEADER, "Update's inner IP header without what IGMPv3 or MLDv2 demands") \
	X(REPORT_PROTOCOL, "Update's inner protocol is not an IGMPv3 or MLDv2 report")    \
	X(REPORT_LENGTH, "Update's report is cut short")                                  \
	X(REPORT_CHECKSUM, "Update's IGMP or ICMPv6 checksum wrong")                      \
	X(RECORD_EXCLUDE, "exclude-mode record")                                          \
	X(RECORD_TYPE, "unknown record type")                                             \
	X(RECORD_ADDRESS, "source or group cannot make a channel")                        \
	X(LIMIT_ENDPOINTS, "no more endpoints")                                           \
	X(LIMIT_ADDR, "no more endpoints of this address")                                \
	X(LIMIT_JOINS, "no more channels of this endpoint")                               \
	X(MEMORY, "out of memory")

enum relay_drop {
#define X(name, text) RELAY_DROP_##name,
	RELAY_DROP_LIST(X)
#undef X
		RELAY_DROP_COUNT
};
extern const char *const relay_drop_names[RELAY_DROP_COUNT]; // "SHORT" ...
extern const char *const relay_drop_texts[RELAY_DROP_COUNT];

// X(member): the counters, which only grow.
#define RELAY_STAT_LIST(X)  \
	X(discovery_rx)     \
	X(advertisement_tx) \
	X(request_rx)       \
	X(query_tx)         \
	X(update_rx)        \
	X(teardown_rx)      \
	X(joins)            \
	X(leaves)           \
	X(expired)          \
	X(data_packets)     \
	X(data_copies)      \
	X(data_octets)

struct relay_stats {
#define X(name) uint64_t name;
	RELAY_STAT_LIST(X)
#undef X
	uint64_t drops[RELAY_DROP_COUNT];
};

// address: in Advertisements and as the source of inner Queries. opt, timers and rng stay the
// caller's and live longer. NULL: out of memory.
struct relay *relay_create(const struct addr *address, const struct relay_options *opt,
	const struct relay_ops *ops, void *ctx, struct timers *timers, struct rng *rng,
	uint64_t now_us);
// Forgets everything; want(false) comes for each channel still joined.
void relay_destroy(struct relay *r);
const struct addr *relay_address(const struct relay *r);
const struct relay_stats *relay_stats(const struct relay *r);

// One datagram received on local, port 2268; src_port in host order.
void relay_input(struct relay *r, const struct addr *local, const struct addr *src,
	uint16_t src_port, const uint8_t *buf, size_t len, uint64_t now_us);

// A new secret (section 5.3.6). Without forget the one before is accepted for two query intervals
// more; with it every MAC out there is void at once, as after a restart.
void relay_secret_new(struct relay *r, bool forget, uint64_t now_us);

// The native side. What arrives there is checked once for all relays of a process.
enum relay_data {
	RELAY_DATA_OK,
	RELAY_DATA_BAD,	   // IP header invalid, or longer than what came
	RELAY_DATA_ADDRESS // not from a host, or to no group that is routed (224.0.0.0/24 and
			   // IPv6 scopes up to the link's are not)
};
// On RELAY_DATA_OK, *total is the length by the IP header: what follows it is link padding.
enum relay_data relay_data_check(const uint8_t *ip, size_t len, struct sg *sg, size_t *total);
// A relay is a multicast router, which takes one off the TTL: false when that leaves nothing to
// forward, and the datagram is then unchanged. The header must have been checked.
bool relay_data_ttl(uint8_t *ip);
bool relay_has_channel(const struct relay *r, const struct sg *sg);
// Sends the datagram to every endpoint that joined sg, by ops->data. buf: RELAY_HEADROOM octets to
// fill in, then the datagram; len counts both. Returns the copies made.
#define RELAY_HEADROOM 2
uint32_t relay_forward(struct relay *r, const struct sg *sg, uint8_t *buf, size_t len);

// Outer IP, UDP and AMT headers: a tunnel's MTU is the path's less this.
#define RELAY_OVERHEAD	    30
#define RELAY_OVERHEAD_IPV6 50
// Section 5.3.3.6.2.1: an IPv4 datagram of len octets, DF not set, longer than mtu, is cut before
// it is encapsulated. Writes the fragment that starts at payload offset *at (0 at first) and moves
// *at. Returns its octets; 0 when there is no more; -EINVAL when mtu leaves no room for payload;
// -ENOSPC. The header must have been checked.
int relay_fragment(
	const uint8_t *ip, size_t len, size_t mtu, size_t *at, uint8_t *out, size_t size);
// ICMP "fragmentation needed and DF set" of RFC 1191 for the datagram: the ICMP message alone.
// Octets, or -ENOSPC.
int relay_icmp_too_big(const uint8_t *ip, size_t len, uint16_t mtu, uint8_t *out, size_t size);
// The same of an IPv6 datagram: ICMPv6 Packet Too Big (RFC 4443 section 3.2), its checksum 0.
int relay_icmp6_too_big(const uint8_t *ip, size_t len, uint16_t mtu, uint8_t *out, size_t size);

// What is joined, in no order.
struct relay_membership {
	struct addr endpoint;
	uint16_t port;
	struct sg sg;
	uint64_t expires_us;
	uint64_t copies; // data messages sent
};
typedef void (*relay_membership_cb)(void *arg, const struct relay_membership *m);
void relay_membership_walk(const struct relay *r, relay_membership_cb cb, void *arg);
uint32_t relay_endpoint_count(const struct relay *r);
uint32_t relay_channel_count(const struct relay *r);

#endif
