// SPDX-License-Identifier: BSD-3-Clause
// The brain: which channels are wanted where, which relay serves them, through which tunnel, and
// what the workers' table says. It owns the states and the reasons that the console shows.
// Everything it touches is behind channel_env, so that tests drive it with virtual time and fakes.
#ifndef CHANNEL_CHANNEL_H
#define CHANNEL_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amt/amt.h"
#include "base/addr.h"
#include "base/histogram.h"
#include "base/rng.h"
#include "base/timer.h"
#include "config/config.h"
#include "driad/driad.h"
#include "driad/holddown.h"
#include "mfib/mfib.h"

struct channels;

// State of a channel, as shown.
enum channel_state {
	CHANNEL_RESOLVING,   // waiting for DNS
	CHANNEL_DISCOVERING, // waiting for a Relay Advertisement
	CHANNEL_CONNECTING,  // waiting for the first Query of the tunnel
	CHANNEL_JOINED,	     // Update sent, no packet yet
	CHANNEL_FLOWING,     // packets within the last seconds
	CHANNEL_STALLED,     // joined, packets came and stopped
	CHANNEL_WAITING,     // nothing can be tried now; a retry is due
};
const char *channel_state_name(enum channel_state s); // "resolving" ...

// Who wants a channel. An interface stays among a channel's oifs while any of them wants it there.
enum channel_origin {
	CHANNEL_BY_PIM,	       // a Join of a router
	CHANNEL_BY_MEMBERSHIP, // a report of a receiver attached directly
	CHANNEL_BY_STATIC,     // the configuration, or the console
	CHANNEL_BY_JOINFILE,
	CHANNEL_ORIGINS
};
const char *channel_origin_name(enum channel_origin o); // "pim", "igmp", "static", "joinfile"

struct channel_view {
	struct sg sg;
	enum channel_state state;
	char reason[160];  // why it is in this state, for people; while flowing "", or of a move
	struct addr relay; // none before one is chosen
	uint64_t oifs;	   // downstream interfaces that want it, bit i: index i
	uint64_t wanted_by[CHANNEL_ORIGINS]; // the same by who wants it there; oifs is their union
	uint64_t muted;			     // of oifs, where another router forwards it
	uint64_t packets, bytes;	     // also while it is muted everywhere
	uint64_t wanted_us, joined_us, first_packet_us; // 0: not yet
	uint64_t retry_us; // when the next try is due, NEVER_US if none is planned
};
struct tunnel_view {
	struct addr relay, local;
	uint16_t local_port;
	struct amt_tunnel_view amt;
	const void *endpoint; // what channel_env.endpoint_open() gave
	uint64_t packets, bytes;
};
struct relay_view { // one a candidate of a source
	struct addr source;
	struct addr addr;
	const char *origin; // "static", "dns-sd", "anycast", "driad"
	uint8_t precedence;
	bool discovery_optional;
	bool in_use;
	unsigned int quirks;	 // enum amt_quirk
	bool pinned;		 // by the configuration; else learned
	const char *held_reason; // NULL when not held down
	uint64_t held_until_us;	 // NEVER_US: as long as it is named
	uint64_t expires_us;
};

struct channel_cfg {
	const struct config_static_relay *static_relays; // the caller's, for the life of channels
	unsigned int n_static_relays;
	uint32_t max_channels, max_tunnels;
	uint32_t retry_initial_ms, retry_max_s; // a source for which nothing can be tried
	uint32_t hold_down_s, full_hold_down_s, linger_s;
	// A source without a packet for so long, doubling up to the other, tries another relay (RFC
	// 8777 section 3.3.4.1); 0: never.
	uint32_t traffic_timeout_ms, traffic_timeout_max_s;
	// Happy Eyeballs: how long a candidate has the field to itself before one of the same
	// preference begins, and before one of less. 0: until it has failed.
	uint32_t race_delay_ms, race_next_ms;
	// Lookups a second at most for sources whose relay is in use and whose TTL has run out;
	// 0: none.
	uint32_t renew_per_s;
	// Methods of discovery in their order, after the static relays.
	enum config_discovery methods[CONFIG_MAX_METHODS];
	unsigned int n_methods;
	bool private_sources;			 // DRIAD for those as well
	const char *domains[CONFIG_MAX_DOMAINS]; // to look for services in; the caller's
	unsigned int n_domains;
	// Endpoints towards one relay, each at a local address of its own; channels are spread over
	// them by a hash. 0 is 1.
	uint32_t endpoints;
	uint32_t max_per_source;       // channels of one source; 0: as max_channels
	const struct config_acls *acl; // the caller's, or NULL
};
#define CHANNEL_MAX_ENDPOINTS 16
#define CHANNEL_ANYCAST	      "192.52.193.1" // RFC 7450 section 7.1
#define CHANNEL_ANYCAST6      "2001:3::1"

// What the brain needs of the outside, beside the rooms it is given.
struct channel_env {
	// A UDP endpoint of its own on the upstream side for a tunnel to relay. index: 0 for the
	// first one to this relay; another local address for each of 1, 2, ... NULL with errno:
	// EADDRNOTAVAIL when no upstream interface has an address, or not so many.
	void *(*endpoint_open)(void *ctx, const struct addr *relay, unsigned int index,
		struct addr *local, uint16_t *local_port);
	void (*endpoint_close)(void *ctx, void *endpoint);
	// Optional: somebody other than PIM no longer wants a channel on an interface. The channel
	// may be gone; for PIM's Asserts.
	void (*unwanted_cb)(void *ctx, const struct sg *sg, unsigned int ifindex, uint64_t now_us);
	// True for an address of this box: it is no relay.
	bool (*is_local)(void *ctx, const struct addr *a);
	// Optional: true for one on the link of an interface that is downstream only.
	bool (*is_downstream)(void *ctx, const struct addr *a);
	// Optional: true where the route to it leads out of such an interface: for a relay any
	// route but a default one, for a source only one that was set by hand, since a routing
	// daemon beside us may have those to sources from another appliance.
	bool (*is_behind)(void *ctx, const struct addr *a, bool relay);
	// Optional: whether there is an upstream address of a relay's family at the moment.
	bool (*has_family)(void *ctx, uint8_t family); // enum addr_family
	void *ctx;
};

// The rooms below, all of them alive as long as channels is.
struct channel_rooms {
	struct amt_gateway *amt;
	struct driad *driad;
	struct holddown *held;
	struct mfib *mfib;
	struct timers *timers;
	struct rng *rng;
};

struct channels *channels_create(const struct channel_cfg *cfg, const struct channel_env *env,
	const struct channel_rooms *rooms);
// Other values from now on. The bits of `what` say that the static relays, or the methods of
// discovery, their domains or private_sources, are others: a source whose static relays have
// changed moves to the best of them, or to another relay when the one that it has is no longer
// named, make before break; one without a relay looks for one anew; the rest keep what they have.
#define CHANNELS_RELAYS	   1
#define CHANNELS_DISCOVERY 2
// Or that the ACLs are: channels that they refuse are left, and are as if nobody wanted them; a
// source whose relay is refused looks for another.
#define CHANNELS_ACL 4
void channels_configure(
	struct channels *cs, const struct channel_cfg *cfg, unsigned int what, uint64_t now_us);
// Leaves every channel, closes every tunnel (Teardown or BLOCK goes out), frees.
void channels_destroy(struct channels *cs, uint64_t now_us);

// origin begins or ends to want a channel on interface ifindex (0..63). What it said before is not
// repeated: only a change of the union of all origins is one for the relay or the workers.
void channels_want(struct channels *cs, const struct sg *sg, unsigned int ifindex,
	enum channel_origin origin, bool wanted, uint64_t now_us);
// Who asks for what is wanted from now on, any number; 0: nobody in particular. It is for fairness:
// who asks for very much leaves some of limits.channels, and of DNS, to others (base/share.h).
void channels_asker(struct channels *cs, uint64_t who);
// Why the ACLs refuse a channel (a literal), or NULL.
const char *channels_sg_refused(const struct channels *cs, const struct sg *sg);
// The interfaces on which origin wants a channel; 0 for one that is not there, so that after
// channels_want() it says whether the channel was taken in.
uint64_t channels_wanted_by(
	const struct channels *cs, const struct sg *sg, enum channel_origin origin);
// Interface ifindex keeps wanting the channel, but nothing of it is sent there (true): another
// router forwards it on that link. For a channel that is not there nothing happens, and who is
// muted is forgotten with the channel.
void channels_mute(struct channels *cs, const struct sg *sg, unsigned int ifindex, bool muted,
	uint64_t now_us);
// Whether packets of the channel come in from its source, or did within the last seconds.
bool channels_flows(const struct channels *cs, const struct sg *sg, uint64_t now_us);
// Between begin and end the reports of joins and leaves are packed, many channels an Update. For
// what one PIM message brings. Not nested.
void channels_batch_begin(struct channels *cs);
void channels_batch_end(struct channels *cs, uint64_t now_us);

// To be called from amt_ops.event_cb.
void channels_tunnel_event(
	struct channels *cs, struct amt_tunnel *t, enum amt_event ev, uint64_t now_us);
// ICMP error on a tunnel's endpoint: an errno such as ECONNREFUSED.
void channels_tunnel_error(struct channels *cs, struct amt_tunnel *t, int err, uint64_t now_us);
// An upstream address appeared: what waits is tried now.
void channels_addr_added(struct channels *cs, uint64_t now_us);
// An address went: its tunnels are closed and their channels find new ones.
void channels_addr_gone(struct channels *cs, const struct addr *local, uint64_t now_us);

// Make before break: moves the channels of a source to another of its relays, and joins there
// before it leaves the old one, so that no packet is lost or doubled. To relay, one of its
// candidates or the relay of a tunnel; or (NULL) to the best that can be used and is not the one it
// has. why: a word or two for the log and the views, a literal. Goes on by timers; a relay that
// does not answer, or brings nothing, leaves all as it was, and the source is not moved again for
// some time. 0; or -ENOENT no channel of the source is wanted; -EALREADY it is being moved, or is
// there; -EAGAIN it has no relay yet (a search goes on), or a move has failed not long ago (not
// with CHANNEL_MOVE_FORCE); -ENXIO there is no other relay; -ENOMEM.
#define CHANNEL_MOVE_FORCE 1 // an operator's: neither hold-down nor back-off counts
int channels_move(struct channels *cs, const struct addr *source, const struct addr *relay,
	const char *why, unsigned int flags, uint64_t now_us);

// What is not used, each for a reason that is counted.
#define CHANNEL_DROP_LIST(X)                                                               \
	X(RELAY_BOGON, "named as a relay, but no host can have that address")              \
	X(RELAY_OURS, "named as a relay, but it is an address of this box")                \
	X(RELAY_DOWNSTREAM, "named as a relay, but it is on a downstream link: a loop")    \
	X(RELAY_BEHIND, "named as a relay, but its route leads downstream: a loop")        \
	X(SOURCE_OURS, "the source is an address of this box: no relay is looked for")     \
	X(SOURCE_DOWNSTREAM, "the source is on a downstream link: no relay is looked for") \
	X(SOURCE_BEHIND, "the source's route leads downstream: no relay is looked for")    \
	X(RELAY_ACL, "named as a relay, but the configuration refuses it (acl.relays)")    \
	X(SOURCE_ACL, "the configuration refuses the source (acl.sources)")                \
	X(GROUP_ACL, "the configuration refuses the group (acl.groups)")                   \
	X(FAMILY, "source and group are of different families")                            \
	X(CHANNELS_LIMIT, "limits.channels reached, by who asks or by all")                \
	X(PER_SOURCE_LIMIT, "limits.channels_per_source of a source reached")              \
	X(TUNNELS_LIMIT, "limits.tunnels reached")
enum channel_drop {
#define X(name, text) CHANNEL_DROP_##name,
	CHANNEL_DROP_LIST(X)
#undef X
		CHANNEL_DROP_COUNT
};
extern const char *const channel_drop_names[CHANNEL_DROP_COUNT]; // "RELAY_OURS" ...
extern const char *const channel_drop_texts[CHANNEL_DROP_COUNT];
// Counts, by enum channel_drop.
const uint64_t *channels_drops(const struct channels *cs);

struct channel_totals {
	uint32_t channels, sources, tunnels;
	uint64_t wanted, refused; // channels ever created; refused by max_channels
	uint64_t changes;	  // channels that came or went: another number, another set
};
void channels_totals(const struct channels *cs, struct channel_totals *out);

// Memory in octets, what malloc() adds left out: of channels, of sources with their candidates, and
// of tunnels, each with its part of the maps.
struct channel_octets {
	size_t channels, sources, tunnels;
};
void channels_octets(const struct channels *cs, struct channel_octets *out);

// One channel; false when nobody wants it.
bool channels_find(const struct channels *cs, const struct sg *sg, struct channel_view *out);
// Every channel, without a view of it, which costs more.
void channels_each_sg(
	const struct channels *cs, void (*cb)(void *arg, const struct sg *sg), void *arg);
// Packets and octets up to a second behind.
void channels_each_tunnel(
	const struct channels *cs, void (*cb)(void *arg, const struct tunnel_view *v), void *arg);
// Counts of one tunnel, by its AMT part; returns how many channels were added up for it. Of a
// tunnel with very many they are up to a second behind, and may be less than when it had fewer.
uint32_t channels_tunnel_stats(const struct amt_tunnel *t, struct mfib_stats *out);

// Channels, tunnels and relays in pieces, between which channels and tunnels come and go, for who
// must not keep the control thread: at least n of them where there are so many, *cursor is 0 at
// first and what the call before left. False when those were the last. What is there all the time
// is met once.
bool channels_some(const struct channels *cs, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct channel_view *v), void *arg);
// What costs little to tell of a channel: no text.
struct channel_brief {
	const struct sg *sg;
	enum channel_state state;
	// Over the last two seconds or so in which packets came; 0 where none comes.
	uint32_t packets_per_s;
};
bool channels_briefs_some(const struct channels *cs, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct channel_brief *b), void *arg);
// packets and bytes of these views are up to a second behind.
bool channels_tunnels_some(const struct channels *cs, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct tunnel_view *v), void *arg);
bool channels_relays_some(const struct channels *cs, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct relay_view *v), void *arg);
// From when a channel was first wanted to its first packet, of all channels that had one.
const struct histogram *channels_latency(const struct channels *cs);
// Why an address is no relay for us (a literal), or NULL.
const char *channels_relay_refused(const struct channels *cs, const struct addr *relay);
// The candidates of one source.
void channels_source_relays(const struct channels *cs, const struct addr *source,
	void (*cb)(void *arg, const struct relay_view *v), void *arg);

#endif
