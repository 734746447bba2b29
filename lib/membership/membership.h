// SPDX-License-Identifier: BSD-3-Clause
// Querier of one link for receivers attached to it directly: IGMPv3 (RFC 9776) or MLDv2 (RFC 9777),
// one machine for both, the SSM part of it (RFC 4604): only INCLUDE mode exists. Pure: datagrams
// and the time come in, queries and wanted channels go out through membership_ops. membership_io.h
// does the IO.
#ifndef MEMBERSHIP_MEMBERSHIP_H
#define MEMBERSHIP_MEMBERSHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/timer.h"

struct membership;

// Channels of all links together, for a limit that no link can take for itself.
struct membership_total {
	uint32_t count, max;
};

// Values that the code of a Query cannot say become the next lower ones that it can.
struct membership_cfg {
	char name[16]; // of the interface, for the log
	uint8_t family;
	uint32_t query_interval_s;	  // QI, RFC 9776 section 8.2
	uint32_t query_response_ms;	  // QRI, section 8.3
	uint8_t robustness;		  // 1..7
	uint32_t last_member_interval_ms; // LMQI, section 8.8
	uint8_t last_member_count;	  // LMQC, section 8.9
	// A BLOCK ends the channel at once, unasked: for links with one receiver.
	bool fast_leave;
	const struct prefix *ssm_ranges; // the caller's, for the life of the membership
	unsigned int n_ssm_ranges;
	uint32_t max_channels;		// of this link; reports past it are refused and counted
	struct membership_total *total; // the caller's
	uint16_t mtu;			// octets of a Query's datagram at most
};

struct membership_ops {
	// A whole IP datagram to the link: TTL 1, Router Alert, from the primary address.
	void (*send)(void *ctx, const uint8_t *ip, size_t len);
	// Receivers on the link begin (true) or end (false) to want a channel. Only on changes.
	void (*want_cb)(void *ctx, const struct sg *sg, bool wanted, uint64_t now_us);
};

// X(name, text): why a message, a record or a source was not used. One counter each.
#define MEMBERSHIP_DROP_LIST(X)                                               \
	X(NO_ADDRESS, "the interface has no address")                         \
	X(IP, "IP header invalid, or a fragment")                             \
	X(PROTOCOL, "not a message of the link's protocol")                   \
	X(TYPE, "message type not used here")                                 \
	X(LENGTH, "length is not that of such a message, or a record is cut") \
	X(CHECKSUM, "checksum wrong")                                         \
	X(OWN, "our own message")                                             \
	X(TTL, "TTL is not 1")                                                \
	X(ROUTER_ALERT, "no Router Alert option")                             \
	X(SOURCE_ADDRESS, "IP source is not on the link")                     \
	X(DESTINATION, "IP destination is not one of such a message")         \
	X(OLD_QUERY, "query of an older version: hosts may fall back to it")  \
	X(OLD_REPORT, "report of an older version for an SSM group")          \
	X(OLD_LEAVE, "leave of an older version for an SSM group")            \
	X(LOST_ELECTION, "query of a router that is not the querier")         \
	X(RECORD_TYPE, "record type unknown")                                 \
	X(NOT_SSM, "group is outside the SSM ranges")                         \
	X(EXCLUDE, "EXCLUDE mode record for an SSM group")                    \
	X(CHANNEL_SOURCE, "source is not a unicast address")                  \
	X(LIMIT, "channel limit of the interface reached")                    \
	X(TOTAL_LIMIT, "channel limit of all interfaces reached")             \
	X(NOT_READ, "the kernel had no room to keep it until it was read")

enum membership_drop {
#define X(name, text) MEMBERSHIP_DROP_##name,
	MEMBERSHIP_DROP_LIST(X)
#undef X
		MEMBERSHIP_DROP_COUNT
};
extern const char *const membership_drop_names[MEMBERSHIP_DROP_COUNT]; // "OLD_QUERY" ...
extern const char *const membership_drop_texts[MEMBERSHIP_DROP_COUNT];

struct membership_stats {
	uint64_t general_tx, specific_tx, queries_rx, reports_rx, records_rx;
	uint64_t joins, leaves, expired; // channels begun; ended by a leave, without one
	uint64_t elections;		 // changes of the querier
	uint64_t drops[MEMBERSHIP_DROP_COUNT];
};

// NULL when out of memory. Nothing is sent before membership_address().
struct membership *membership_create(const struct membership_cfg *cfg,
	const struct membership_ops *ops, void *ctx, struct timers *timers);
// The same configuration with other values, but for name, family and mtu, from now on. As querier
// it asks at once, so that what hosts are given time for is what the queries say; channels past a
// lower limit stay.
void membership_configure(struct membership *m, const struct membership_cfg *cfg, uint64_t now_us);
// Ends all wants through want_cb, frees.
void membership_destroy(struct membership *m, uint64_t now_us);
// The addresses of the interface, the primary one (link-local for MLD) first, each with the prefix
// of its link: set, changed or gone (n 0). With a first or another primary one we are querier until
// a lower one is heard; what is joined stays. Without any, all wants end.
#define MEMBERSHIP_MAX_ADDRS 16
struct membership_addr {
	struct addr addr;
	uint8_t prefix_len;
};
void membership_address(
	struct membership *m, const struct membership_addr *addrs, unsigned int n, uint64_t now_us);
// A datagram as it arrived, from its IP header on.
void membership_input(struct membership *m, const uint8_t *ip, size_t len, uint64_t now_us);

// A channel that was wanted before a restart: as if `reporter` had reported it and it ran out at
// expires_us. Also before the first address. False when such a report would not be taken, or the
// channel is there. Otherwise receivers say it themselves, but not before the first query.
bool membership_restore(struct membership *m, const struct sg *sg, const struct addr *reporter,
	uint64_t expires_us, uint64_t now_us);

// Whether receivers want the channel, as want_cb told it.
bool membership_wants(const struct membership *m, const struct sg *sg);

// Snapshots for the console.
struct membership_view {
	uint8_t family;
	struct addr primary; // none while down
	bool querier;	     // we are
	struct addr querier_addr;
	// The next General Query, or when the other querier counts as gone; NEVER_US while down.
	uint64_t next_us;
	// As in effect: those of the elected querier.
	uint8_t robustness;
	uint32_t query_interval_s, query_response_ms;
	uint64_t membership_interval_us; // GMI, MALI
	uint32_t groups, channels;
};
struct membership_channel_view {
	struct sg sg;
	struct addr reporter; // the last one
	uint64_t since_us, expires_us;
	bool leaving; // nobody has answered the query for it yet
};
void membership_view(const struct membership *m, struct membership_view *out);
// One channel; false when nobody has reported it.
bool membership_channel(
	const struct membership *m, const struct sg *sg, struct membership_channel_view *out);
void membership_channels(const struct membership *m,
	void (*cb)(void *arg, const struct membership_channel_view *c), void *arg);
// The same in pieces, between which channels come and go: at least n of them where there are so
// many, *cursor is 0 at first and what the call before left. False when those were the last.
bool membership_channels_some(const struct membership *m, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct membership_channel_view *c), void *arg);
const struct membership_stats *membership_stats(const struct membership *m);
// So many messages were lost before membership_input().
void membership_lost(struct membership *m, uint32_t n);

#endif
