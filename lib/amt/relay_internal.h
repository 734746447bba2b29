// SPDX-License-Identifier: BSD-3-Clause
// Inside the relay engine: its tables, and what its files call of one another.
#ifndef AMT_RELAY_INTERNAL_H
#define AMT_RELAY_INTERNAL_H

#include <sys/queue.h>

#include "amt/relay.h"
#include "base/hmap.h"

#define RELAY_SECRET_LEN 16

// One member of a channel. It is in the list of its endpoint and in that of its channel.
struct relay_member {
	LIST_ENTRY(relay_member) of_endpoint, of_channel;
	struct relay_endpoint *ep;
	struct relay_channel *ch;
	struct timer expiry;
	uint64_t copies;
	uint32_t seen_in; // number of the last Update that named it
};
LIST_HEAD(relay_members, relay_member);

// A gateway as the relay sees it: source address and port of its Updates. It lives as long as it
// has a member: each Update restarts the timers of the members it names, so an endpoint timer of
// its own (section 5.3.3.7), of the same length, could never run out before the last of them.
struct relay_endpoint {
	struct hnode node;    // by address and port
	struct hnode by_addr; // by address
	struct addr addr;
	uint16_t port;
	bool ecn; // its last Request had the E flag
	uint32_t joins;
	struct relay_members members;
};

struct relay_channel {
	struct hnode node;
	struct sg sg;
	struct relay_members members;
};

// What a relay with the quirks one-nonce or one-endpoint keeps of a Request, against section
// 5.3.3.3: a tunnel, known by its address, or with one-nonce alone by the port as well.
struct relay_known {
	struct hnode node;
	struct addr addr;
	uint16_t port;	// of the first Request
	uint32_t nonce; // of the last
	struct timer expiry;
	struct relay *r;
};

struct relay {
	struct addr address;
	const struct relay_options *opt;
	const struct relay_ops *ops;
	void *ctx;
	struct timers *timers;
	struct rng *rng;
	struct hmap endpoints, endpoints_by_addr, channels, known;
	uint8_t secret[RELAY_SECRET_LEN], old_secret[RELAY_SECRET_LEN];
	uint64_t old_until_us; // old_secret counts before this; 0: there is none
	struct timer rotation;
	uint32_t updates; // numbers Updates, for relay_member.seen_in
	struct relay_stats stats;
};

// SipHash-2-4 of the endpoint, nonce and E flag of a Request under the secret, cut to 48 bits
// (section 5.3.5). So it is known of an Update whether its Request had the flag, without a state.
void relay_mac(const uint8_t secret[RELAY_SECRET_LEN], const struct addr *addr, uint16_t port,
	uint32_t nonce, bool e, uint8_t mac[6]);
// The 64-bit SipHash-2-4.
uint64_t relay_siphash(const uint8_t key[RELAY_SECRET_LEN], const void *buf, size_t len);

struct relay_endpoint *relay_endpoint_find(
	const struct relay *r, const struct addr *addr, uint16_t port);
// Applies one source of a record from this endpoint; the report has been checked.
void relay_member_join(struct relay *r, const struct addr *addr, uint16_t port, const struct sg *sg,
	uint64_t now_us);
void relay_member_leave(
	struct relay *r, const struct addr *addr, uint16_t port, const struct sg *sg);
// Leaves the sources of the group that the current Update did not join.
void relay_member_keep_seen(
	struct relay *r, const struct addr *addr, uint16_t port, const struct addr *group);
void relay_endpoint_remove(struct relay *r, struct relay_endpoint *ep);

// relay_known.c. What is known of the sender; NULL: nothing, or without a quirk that needs it.
struct relay_known *relay_known_find(struct relay *r, const struct addr *addr, uint16_t port);
// A Request came.
struct relay_known *relay_known_request(
	struct relay *r, const struct addr *addr, uint16_t port, uint32_t nonce, uint64_t now_us);
void relay_known_fini(struct relay *r);

// True for what a host can send to a group that routers forward: not 224.0.0.0/24 (RFC 5771),
// nor ff02::/16 and below.
bool relay_channel_valid(const struct sg *sg);

#endif
