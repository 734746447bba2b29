// SPDX-License-Identifier: BSD-3-Clause
// PIM-SSM speaker for one interface and one family (RFC 7761, the SSM subset of section 4.8.2):
// Hellos and DR election, the downstream (S,G) machine, the (S,G) Assert machine. Pure: octets and
// the time come in, packets and wanted channels go out through pim_ops. pim_io.h does the IO.
//
// In watch mode another daemon speaks PIM on the link, and this one only listens: it says no Hello,
// asserts nothing and sends nothing at all, has no address of its own, and its downstream (S,G)
// machine follows the Joins and Prunes that the daemon receives or sends. Both directions of one
// link share the machine, as if the link had one upstream router: a Prune of one direction ends
// what the other joined, until the other's next Join. No router joins out of the interface that it
// is asked on.
#ifndef PIM_PIM_H
#define PIM_PIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/rng.h"
#include "base/timer.h"

struct pim_if;

struct pim_cfg {
	char name[16]; // for the log
	uint8_t family;
	uint32_t hello_interval_s;
	uint32_t hello_holdtime_s;
	uint32_t triggered_hello_delay_ms;
	uint32_t dr_priority;
	uint16_t propagation_delay_ms;
	uint16_t override_interval_ms;
	// What we say in Asserts; lower wins (section 4.6.3).
	uint32_t assert_preference; // 31 bits
	uint32_t assert_metric;
	// Both the caller's, for the life of the pim_if.
	const struct prefix *ssm_ranges;
	unsigned int n_ssm_ranges;
	const struct prefix *neighbors; // who may be a neighbor; none: everybody
	unsigned int n_neighbors;
	// What is past them is refused and counted.
	uint32_t max_neighbors;
	uint32_t max_joins;	     // channels joined on the interface
	uint32_t max_joins_neighbor; // of these, by one neighbor
	uint32_t neighbor_rate;	     // messages a second of one, by 256 octets; 0: no limit
	bool watch;
	// Watch mode, the caller's too: a Join/Prune counts when its upstream neighbor is in one of
	// these, whoever sent it. None: when the daemon is its upstream neighbor or its sender.
	const struct prefix *upstream;
	unsigned int n_upstream;
};

struct pim_ops {
	// A PIM message to 224.0.0.13 or ff02::d, TTL 1, from the primary address. The octets start
	// at the PIM header; its checksum is set.
	void (*send)(void *ctx, const uint8_t *pim, size_t len);
	// The interface begins (true) or ends (false) to want a channel: NoInfo <-> Join of the
	// downstream (S,G) machine (section 4.5.2; PrunePending still wants). `neighbor` sent the
	// message, or is none when a timer ran out. Called only on changes.
	void (*want_cb)(void *ctx, const struct sg *sg, bool wanted, const struct addr *neighbor,
		uint64_t now_us);
	// Another router forwards the channel on the interface (true: the Assert is lost, nothing
	// may be sent there) or no longer does (false). Called only on changes. Independent of
	// want_cb: a muted channel stays wanted, and other receivers than PIM's are muted as well.
	void (*mute_cb)(void *ctx, const struct sg *sg, bool muted, uint64_t now_us);
	// Whether the channel's packets come in from its source: SPTbit(S,G). A router that has
	// none to forward takes part in no Assert.
	bool (*flows)(void *ctx, const struct sg *sg);
	// Whether the interface wants the channel otherwise than by a Join (IGMP, configuration).
	// May be NULL: none is.
	bool (*local)(void *ctx, const struct sg *sg);
	// A neighbor said Hello, and counts as one until then (NEVER_US: for good). May be NULL.
	void (*hello_cb)(
		void *ctx, const struct addr *neighbor, uint64_t until_us, uint64_t now_us);
	// What pim_if_include() says of a channel has changed, or of all of them (sg NULL). May be
	// NULL.
	void (*include_cb)(void *ctx, const struct sg *sg, uint64_t now_us);
};

// X(name, text): why a received message, or an entry of one, was not used. One counter each.
#define PIM_DROP_LIST(X)                                                        \
	X(SHORT, "message truncated")                                           \
	X(FRAGMENT, "IP fragment of a message: those are not put together")     \
	X(VERSION, "PIM version is not 2")                                      \
	X(CHECKSUM, "checksum wrong")                                           \
	X(TYPE, "message type not used here")                                   \
	X(DESTINATION, "IP destination is not ALL-PIM-ROUTERS")                 \
	X(NO_ADDRESS, "the interface has no address")                           \
	X(OWN, "our own packet")                                                \
	X(HELLO_MALFORMED, "Hello option malformed")                            \
	X(NEIGHBOR_REFUSED, "source is not in pim.neighbors")                   \
	X(OFF_LINK, "Hello from a source that is not on the link")              \
	X(NOT_NEIGHBOR, "Join/Prune or Assert from a source without a Hello")   \
	X(NOT_UPSTREAM, "Join/Prune names another upstream neighbor")           \
	X(JP_MALFORMED, "Join/Prune malformed")                                 \
	X(ASSERT_MALFORMED, "Assert malformed")                                 \
	X(FAMILY, "address family is not the message's")                        \
	X(ENCODING, "address encoding type not supported")                      \
	X(MASK, "mask length is not full")                                      \
	X(NOT_SSM, "group is outside the SSM ranges")                           \
	X(WILDCARD, "(*,G) or (S,G,rpt) entry in an SSM range")                 \
	X(SOURCE, "source is not a unicast address")                            \
	X(HOLDTIME_ZERO, "Join with holdtime 0 creates nothing")                \
	X(LIMIT, "pim.max_joins of the interface reached")                      \
	X(JOINS_NEIGHBOR_LIMIT, "pim.max_joins_neighbor of a neighbor reached") \
	X(NEIGHBOR_LIMIT, "pim.max_neighbors of the interface reached")         \
	X(NEIGHBOR_RATE, "more than pim.neighbor_rate from a neighbor")         \
	X(STRANGER_RATE, "more than an eighth of it from who is no neighbor")   \
	X(NOT_READ, "the kernel had no room to keep it until it was read")

enum pim_drop {
#define X(name, text) PIM_DROP_##name,
	PIM_DROP_LIST(X)
#undef X
		PIM_DROP_COUNT
};
extern const char *const pim_drop_names[PIM_DROP_COUNT]; // "NOT_UPSTREAM" ...
extern const char *const pim_drop_texts[PIM_DROP_COUNT];

struct pim_stats {
	uint64_t hello_rx, hello_tx, jp_rx, joins_rx, prunes_rx, prune_echo_tx, expired;
	uint64_t assert_rx, assert_tx, assert_cancel_tx;
	uint64_t native_rx;  // given to pim_if_data()
	uint64_t held_flaps; // Joins that were held back and taken back before they counted
	uint64_t dr_changes;
	uint64_t drops[PIM_DROP_COUNT];
};

// NULL when out of memory. Nothing is sent before pim_if_address().
struct pim_if *pim_if_create(const struct pim_cfg *cfg, const struct pim_ops *ops, void *ctx,
	struct timers *timers, struct rng *rng);
// Says Goodbye (Hello with holdtime 0) when up, ends all wants through want_cb, frees.
void pim_if_destroy(struct pim_if *pif, uint64_t now_us);
// The same configuration with other values, but for name, family and watch, from now on: what its
// Hellos say goes out at once, Asserts that were won are said again when the metric is another one,
// neighbors that are no longer allowed are forgotten. What they have
// joined stays until it runs out, for another router may want it too; so do Joins past a lower
// limit.
void pim_if_configure(struct pim_if *pif, const struct pim_cfg *cfg, uint64_t now_us);
// The primary address (link-local for IPv6): set, changed, or gone (NULL). A first or changed one
// takes a fresh GenID and a Hello within the triggered delay; the old one says Goodbye first
// (section 4.3.1), during which pim_if_primary() still is the old one. A change keeps what was
// joined until it expires; with the address gone all wants end and the neighbors are forgotten.
void pim_if_address(struct pim_if *pif, const struct addr *primary, uint64_t now_us);
// The other addresses of the interface, for the Address List (section 4.3.4); the primary is left
// out. A change is told by a Hello at once.
void pim_if_secondaries(struct pim_if *pif, const struct addr *list, unsigned int n);
// Watch mode: the addresses of the daemon that is watched, which replace those before. At most
// PIM_WATCHED_MAX of them are kept; those of the other family do not count.
#define PIM_WATCHED_MAX 16
void pim_if_watched(struct pim_if *pif, const struct addr *list, unsigned int n, uint64_t now_us);
// Says Goodbye, while what is joined is still wanted: until pim_if_destroy() the caller goes on
// forwarding, so that routers that join elsewhere miss nothing. A channel of which another router's
// packets come in is muted, once and for all; nothing is sent any more.
void pim_if_goodbye(struct pim_if *pif, uint64_t now_us);
// Of the channels that were joined at the Goodbye, whether another router forwards all.
bool pim_if_replaced(const struct pim_if *pif);
// Before we cease to be the Designated Router of our own will: a channel that receivers attached
// directly want (pim_ops.local) stays ours as if an Assert had been won, until one is lost to the
// router that takes it over, which is at its first packet.
void pim_if_claim(struct pim_if *pif, const struct sg *sg, uint64_t now_us);
// The prefixes of the link: an IPv4 router of another network is no neighbor (RFC 4607 section
// 7.3). None: any may be. An IPv6 one has a link-local address, whatever they are.
#define PIM_LINKS_MAX 16
void pim_if_links(struct pim_if *pif, const struct prefix *list, unsigned int n);
// A PIM message as received: source and destination of the IP header, octets from the PIM header;
// NULL: an IP fragment of one.
void pim_if_input(struct pim_if *pif, const struct addr *src, const struct addr *dst,
	const uint8_t *pim, size_t len, uint64_t now_us);
// A native packet of a channel came in on the interface. When we forward the channel there, another
// router does too: an Assert decides (section 4.6.1).
void pim_if_data(struct pim_if *pif, const struct sg *sg, uint64_t now_us);
// What pim_ops.local says of a channel has changed.
void pim_if_local_changed(struct pim_if *pif, const struct sg *sg, uint64_t now_us);

// A channel that was joined before a restart: NoInfo -> Join as if `neighbor` had sent a Join that
// runs out at expires_us. False when the interface would not take such a Join, or has the channel.
// A router that was told by a fresh GenID may still wait for its own periodic Join (FRR does).
bool pim_if_restore(struct pim_if *pif, const struct sg *sg, const struct addr *neighbor,
	uint64_t expires_us, uint64_t now_us);

// Snapshots for the console.
#define PIM_VIEW_SECONDARIES 8
struct pim_neighbor_view {
	uint64_t expires_us; // NEVER_US: never
	uint64_t since_us;
	uint64_t heard_us;  // its last Hello
	uint64_t held_back; // messages past neighbor_rate
	struct addr addr;
	uint16_t holdtime_s; // 0xffff: never expires
	bool has_genid, has_dr_priority, has_lan_prune_delay;
	bool tracking; // the T bit of its LAN Prune Delay
	bool is_dr;
	bool flapped; // was seen to take Joins back at once
	uint32_t genid, dr_priority;
	uint16_t propagation_delay_ms, override_interval_ms;
	uint32_t joins; // channels that are charged to it
	unsigned int n_secondaries;
	struct addr secondaries[PIM_VIEW_SECONDARIES];
};
struct pim_channel_view {
	struct sg sg;
	// "join", "prune-pending"; "no-info" for one that only has an Assert (as RFC 9128 has
	// them).
	const char *state;
	bool joined;
	bool wanted; // as told by want_cb
	uint64_t expires_us;
	struct addr last_neighbor;
	const char *assert_state; // "no-info", "winner", "loser"
	struct addr winner;	  // of the Assert; none in NoInfo
	uint32_t winner_preference, winner_metric;
	uint64_t assert_expires_us; // NEVER_US in NoInfo
};
struct pim_if_view {
	uint8_t family;
	struct addr primary, dr; // none while down; watch mode: the daemon's first address
	bool is_dr;		 // we are
	bool watch;
	uint32_t genid, dr_priority;
	uint32_t neighbors, joins, asserts_won, asserts_lost;
	// In effect (section 4.3.3).
	uint32_t propagation_delay_ms, override_interval_ms;
};
void pim_if_neighbors(const struct pim_if *pif,
	void (*cb)(void *arg, const struct pim_neighbor_view *n), void *arg);
// One of them; false when there is none.
bool pim_if_channel(const struct pim_if *pif, const struct sg *sg, struct pim_channel_view *out);
void pim_if_channels(const struct pim_if *pif,
	void (*cb)(void *arg, const struct pim_channel_view *c), void *arg);
// The same in pieces, between which channels come and go: at least n of them where there are so
// many, *cursor is 0 at first and what the call before left. False when those were the last.
bool pim_if_channels_some(const struct pim_if *pif, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct pim_channel_view *c), void *arg);
void pim_if_view(const struct pim_if *pif, struct pim_if_view *out);
const struct pim_stats *pim_if_stats(const struct pim_if *pif);
// So many messages were lost before pim_if_input().
void pim_if_lost(struct pim_if *pif, uint32_t n);
// How many Joins of the channel have lately named another upstream neighbor, and which; 0: none
// that holds. One that came long ago may be forgotten for another channel's.
uint32_t pim_if_elsewhere(
	const struct pim_if *pif, const struct sg *sg, struct addr *upstream, uint64_t now_us);
// none while down.
// Memory that its channels have, in octets.
size_t pim_if_octets(const struct pim_if *pif);
struct addr pim_if_primary(const struct pim_if *pif);
uint32_t pim_if_genid(const struct pim_if *pif);
// Whether we are the Designated Router. False while down. Watch mode: whether the daemon is, as far
// as the Hellos heard tell.
bool pim_if_is_dr(const struct pim_if *pif);
// Whether it is us who serves receivers of the channel that are attached directly: the Designated
// Router, or the winner of its Assert (pim_include of section 4.1.5). A channel whose Assert is
// lost is muted besides.
bool pim_if_include(const struct pim_if *pif, const struct sg *sg);

#endif
