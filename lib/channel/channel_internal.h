// SPDX-License-Identifier: BSD-3-Clause
// The objects of the brain: a channel belongs to its source, a source to the tunnel that serves it.
//
//   channel (S,G) --> source S --> candidate relays --> discovery --> tunnel (relay) --> mfib, amt
#ifndef CHANNEL_CHANNEL_INTERNAL_H
#define CHANNEL_CHANNEL_INTERNAL_H

#include <assert.h>
#include <stddef.h>
#include <sys/queue.h>

#include "base/hmap.h"
#include "base/ilist.h"
#include "base/imap.h"
#include "base/log.h"
#include "base/share.h"
#include "base/slab.h"
#include "channel/channel.h"

// A channel. There are very many: what few of them have is out of line, and told by numbers.
struct channel {
	uint32_t chain;		// in channels.by_sg
	uint32_t packets : 28;	// of the entry at the last look, the lower bits
	uint32_t origin : 3;	// enum channel_origin: whose `wanted` is
	uint32_t awaiting : 1;	// on channels.awaiting, else on channels.seen
	struct ilink in_source; // source.channels
	struct ilink in_sweep;
	uint32_t packets_per_s;	   // between the last two looks at which packets had come
	uint32_t source;	   // number of it, in channels.source_slab
	struct mfib_channel *mfib; // set while attached to the source's tunnel
	uint32_t extra, past;	   // in channels.extra_slab and past_slab; SLAB_NONE: none
	uint64_t wanted;	   // interfaces
	uint64_t wanted_us : 56;   // until the year 4253
	uint64_t asker : 8;	   // its place in channels.share
	uint64_t joined_us, first_packet_us;
	uint64_t moved_us; // when the entry's count last grew
	uint8_t group[16];
};
#define CHANNEL_PACKETS ((1u << 28) - 1)
// A channel with its parts in the pim, amt and mfib rooms stays under 512 octets.
static_assert(sizeof(struct channel) <= 104, "a channel is too large");

// Of one that several origins want, that is muted somewhere, or that moves.
struct channel_extra {
	uint64_t wanted_by[CHANNEL_ORIGINS]; // the interfaces of the other origins
	uint64_t muted;			     // interfaces where another router forwards it
	struct moving *moving; // while it is joined at two relays, or was not long ago
};

// The other of two entries in a move: the new relay's, and once the old one is left, that one's.
struct moving {
	struct mfib_channel *mfib;
	struct tunnel *tunnel;
	struct mfib_guard_stats old, new; // at the last look
	bool ready;			  // the relay that is behind brings only copies
	bool old_flows, new_flows;	  // since both are joined
};

enum source_state {
	SOURCE_RESOLVING, // a lookup is all that goes on
	SOURCE_RACING,	  // for a relay; a lookup may go on as well
	SOURCE_ATTACHED,  // to source.tunnel
	SOURCE_WAITING,	  // the retry timer runs
};

struct candidate {
	struct driad_relay relay;
	const char *origin; // literal: "static", "driad"
	unsigned int rank;  // of how it was found: 0 static, then the methods in their order
	bool tried;	    // in the present search
};
#define MAX_CANDIDATES (DRIAD_MAX_RELAYS + 16)

// A candidate on its way: first a Discovery, where one is wanted, then a tunnel without a Query.
struct attempt {
	struct source *src;	     // NULL: this place is free
	struct discovery *discovery; // one of the two
	struct tunnel *tunnel;
	TAILQ_ENTRY(attempt) link;
	struct attempt_list *in; // the list that it is in, of the one or the other
	uint64_t since_us;
};
TAILQ_HEAD(attempt_list, attempt);
#define RACE_MAX 4 // at one time, of a source
struct race {
	struct attempt attempts[RACE_MAX];
	struct timer timer; // when the next candidate begins
};

TAILQ_HEAD(source_list, source);
struct source {
	struct hnode node; // channels.by_source
	struct addr addr;
	struct channels *cs;
	struct ilist channels;
	uint32_t n_channels;
	uint64_t asker; // who wanted the first of them
	enum source_state state;
	struct candidate *candidates; // MAX_CANDIDATES at most
	unsigned int n_candidates, candidates_room;
	unsigned int methods; // of discovery that have been asked
	struct race *race;    // while there are attempts, and NULL at the latest when it waits
	unsigned int n_attempts;
	uint64_t expires_us; // of what the methods found
	struct driad_lookup *lookup;
	struct source_list *services_list; // of those that wait for DNS-SD, with it; NULL: not
	TAILQ_ENTRY(source) in_services;
	char *dns_said;	 // why it brought nothing; source_say()
	uint32_t wait_s; // how long the "no" of DRIAD holds
	unsigned int retries;
	struct tunnel *tunnel;
	TAILQ_ENTRY(source) in_tunnel;
	struct timer retry;
	char *reason; // why it waits
	// health.c, while attached to a tunnel that is up
	struct timer health;
	uint64_t window_us;	      // without a packet for so long, something is done
	uint64_t moved_us;	      // when a channel of it last had a packet, or was joined
	uint64_t flow_since_us;	      // valid when flowing
	uint64_t asked_us;	      // amt_tunnel_ask() for it; 0: not
	unsigned int silences, moves; // windows without a packet; relays left for it
	bool flowing;		      // it had one since
	bool spread_out;	      // it waits its turn to be sent to another relay
	// Relays that are held for not answering may be tried: nothing else is left, a back-off
	// passed.
	bool last_resort;
	bool settle; // relays that bring no traffic may be tried: there is no other
	bool services_used;
	// renew.c
	bool renewing;		  // the lookup is for that
	bool renew_turn;	  // has its place in the line
	bool renew_unsettled;	  // it should be at another relay
	unsigned int renew_rank;  // of the method that named the relay in use
	unsigned int renew_tries; // without an answer
	struct timer renew;
	struct move *move; // while attached: to another relay; NULL when it stays
	uint64_t move_after_us;
	unsigned int moves_failed; // in a row
};

enum move_state {
	MOVE_QUEUED,
	MOVE_SEEKING,
	MOVE_MEASURING,
	MOVE_LEADING,
	MOVE_BOTH,
	MOVE_LEFT, // from here on the source is attached to the new relay
	MOVE_TAIL,
};

struct move {
	TAILQ_ENTRY(move) link; // channels.moves
	struct source *src;
	enum move_state state;
	struct tunnel *to;	    // found, until LEFT; pinned
	struct tunnel *from;	    // in LEFT; pinned
	struct addr wanted;	    // this relay; none: any
	const char *why;	    // literal
	unsigned int flags;	    // CHANNEL_MOVE_*
	struct mfib_window *window; // from LEADING on
	struct timer timer;
	uint64_t began_us, state_us;
	uint64_t packets; // of all channels, when MEASURING began
};
TAILQ_HEAD(move_list, move);

// The relays that the network offers by DNS-SD.
#define SERVICES_MAX 16
struct services {
	struct driad_lookup *lookup;
	struct driad_relay relays[SERVICES_MAX];
	unsigned int n;
	uint64_t expires_us;
	bool failed; // there was no answer
	struct source_list waiting;
};

// One Discovery exchange, shared by all sources that want the same discovery address; it is carried
// through to its end though none of them may want it any more.
struct discovery {
	struct hnode node; // channels.by_discovery
	struct addr addr;
	struct channels *cs;
	struct amt_discovery *amt;
	struct attempt_list attempts;
	uint64_t since_us;
};

// The other endpoints of a relay, by index.
struct further {
	struct tunnel *at[CHANNEL_MAX_ENDPOINTS];
	uint64_t retry_us[CHANNEL_MAX_ENDPOINTS]; // not before
};

// What comes through a tunnel, of one family of channels.
struct flow {
	uint64_t moved_us;   // when a packet of any channel last came
	uint64_t probe_us;   // no further probe before
	unsigned int probes; // since then, in vain
};

struct tunnel {
	struct hnode node; // channels.by_relay
	struct addr relay, local;
	uint16_t local_port;
	struct addr discovered_from; // none when the relay was addressed directly
	struct channels *cs;
	void *endpoint;
	struct amt_tunnel *amt;
	struct mfib_tunnel *mfib;
	struct source_list sources;
	struct attempt_list attempts; // sources that may come, once it is up
	unsigned int pins;	      // it is not to be closed for want of them
	struct timer linger;
	int icmp_error;
	struct flow flow[2]; // health.c: of its IPv4 channels, and of its IPv6 ones
	bool in_batch;
	TAILQ_ENTRY(tunnel) in_batch_list;
	// A tunnel to the same relay from another local address (endpoint.c) is a further endpoint:
	// it is not in by_relay, has no sources, and lives no longer than the first.
	struct tunnel *first;	 // NULL: this is the first
	unsigned int index;	 // of the endpoint, 0: the first
	uint32_t n_channels;	 // whose entries are through this endpoint
	struct further *further; // of a first one; NULL until one is wanted
};
TAILQ_HEAD(tunnel_list, tunnel);

// A channel that had packets and gets none for so long has stalled.
#define CHANNEL_STALL_US (5 * USEC_PER_SEC)

struct channels {
	struct channel_cfg cfg;
	struct channel_env env;
	struct channel_rooms rooms;
	struct slab channel_slab;
	struct slab source_slab;
	struct slab extra_slab;
	struct slab past_slab; // struct mfib_stats: counted by entries that are gone
	struct imap by_sg;
	struct hmap by_source, by_discovery, by_relay;
	struct ilist awaiting; // attached or not, no packet seen yet
	struct ilist seen;     // the others
	struct timer sweep;
	struct services services;
	uint32_t n_further; // endpoints beside those in by_relay
	struct move_list moves;
	unsigned int n_moves; // of them, those that are not QUEUED
	bool batching;
	struct tunnel_list batch;
	uint64_t wanted, refused;
	uint64_t asker;	    // of what is wanted now
	struct share share; // of the channels
	uint64_t drops[CHANNEL_DROP_COUNT];
	struct log_limit drop_logs[CHANNEL_DROP_COUNT];
	uint64_t renew_us; // renew.c: the next free place in the line
	// health.c: sources that were sent to another relay since then
	uint64_t restarts_us;
	unsigned int restarts;
	uint64_t now_us; // of the last event, for the views
	struct histogram latency;
};

// configure.c
void channel_cfg_set(struct channels *cs, const struct channel_cfg *cfg);

// channel.c
static inline struct channels *channels_of(const struct channel *ch)
{
	return (void *)((char *)slab_of(ch) - offsetof(struct channels, channel_slab));
}
static inline struct source *channel_source(const struct channel *ch)
{
	return slab_at(&channels_of(ch)->source_slab, ch->source);
}
struct sg channel_sg(const struct channel *ch);
static inline uint8_t channel_family(const struct channel *ch)
{
	return channel_source(ch)->addr.family;
}
// The channels of a source.
static inline struct channel *source_first(const struct source *src)
{
	return ilist_first(&src->channels, &src->cs->channel_slab);
}
static inline struct channel *source_next(const struct channel *ch)
{
	return ilist_next(&channels_of(ch)->channel_slab, ch, offsetof(struct channel, in_source));
}
#define CHANNEL_FOREACH(ch, src) for ((ch) = source_first(src); (ch); (ch) = source_next(ch))

// What it has out of line, NULL: nothing.
static inline struct channel_extra *channel_extra(const struct channel *ch)
{
	return ch->extra != SLAB_NONE ? slab_at(&channels_of(ch)->extra_slab, ch->extra) : NULL;
}
// The same, made where there is none; NULL without memory.
struct channel_extra *channel_extra_get(struct channel *ch);
static inline struct moving *channel_moving(const struct channel *ch)
{
	const struct channel_extra *x = channel_extra(ch);

	return x ? x->moving : NULL;
}
static inline uint64_t channel_muted(const struct channel *ch)
{
	const struct channel_extra *x = channel_extra(ch);

	return x ? x->muted : 0;
}
// The interfaces that an origin, and that anybody, wants it on.
static inline uint64_t channel_wanted_by(const struct channel *ch, enum channel_origin origin)
{
	const struct channel_extra *x = channel_extra(ch);

	if (origin == ch->origin)
		return ch->wanted;
	return x ? x->wanted_by[origin] : 0;
}
static inline uint64_t channel_oifs(const struct channel *ch)
{
	const struct channel_extra *x = channel_extra(ch);
	uint64_t oifs = ch->wanted;

	for (int o = 0; x && o < CHANNEL_ORIGINS; o++)
		oifs |= x->wanted_by[o];
	return oifs;
}
// Those that it is sent to.
static inline uint64_t channel_sent_to(const struct channel *ch)
{
	return channel_oifs(ch) & ~channel_muted(ch);
}
// The tunnel that it is joined through: the source's, or a further endpoint of it. NULL: none.
static inline struct tunnel *channel_tunnel(const struct channel *ch)
{
	return ch->mfib ? mfib_channel_owner(ch->mfib) : NULL;
}
// Keeps the counts of an entry that goes.
void channel_keep(struct channel *ch, const struct mfib_stats *stats);
void channel_past(const struct channel *ch, struct mfib_stats *out);
// Those that the ACLs refuse are left.
void channels_acl_review(struct channels *cs, uint64_t now_us);
// The set of its entries is what it is sent to.
void channel_apply(struct channels *cs, struct channel *ch);
// Takes the forwarding entry out and keeps its counts.
void channel_unforward(struct channels *cs, struct channel *ch);
// Reads its counters.
void channel_look(struct channels *cs, struct channel *ch, uint64_t now_us);
// Its tunnel went: the next packet is a first packet again.
void channel_restart(struct channels *cs, struct channel *ch);

// source.c
// Can a relay of this family be reached at the moment?
bool source_has_family(const struct channels *cs, uint8_t family);
struct channel *channel_find(const struct channels *cs, const struct sg *sg, uint64_t hash);
struct source *source_find(const struct channels *cs, const struct addr *a);
struct source *source_create(struct channels *cs, const struct addr *a);
void source_destroy(struct source *src, uint64_t now_us);
// A text on the heap, for most sources have none: NULL is "", which also stands for want of memory.
void source_say(char **text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void source_say_nothing(char **text);
static inline const char *source_said(const char *text)
{
	return text ? text : "";
}
// Begins a search for a relay; ends attached, busy or waiting.
void source_search(struct source *src, uint64_t now_us);
// The next candidate that may be tried in the present search, -1 with none.
int source_untried(const struct source *src, uint64_t now_us);
// Adds a candidate, after those of no higher rank and precedence.
void source_candidate(
	struct source *src, const struct driad_relay *relay, const char *origin, unsigned int rank);
// Those of one rank are these from now on; false: they were. Candidates of others stay.
bool source_candidates_replace(struct source *src, unsigned int rank,
	const struct driad_relay *relays, unsigned int n, const char *origin);
// The static relays of a source; how many, at most max.
unsigned int source_static(const struct source *src, struct driad_relay *relays, unsigned int max);
// The candidate that the source is at; NULL when it is no longer named.
const struct candidate *source_in_use(const struct source *src);
// Only the static ones, and no method of discovery asked.
void source_candidates_begin(struct source *src);
// There is no further candidate: asks the next method, or waits.
void source_exhausted(struct source *src, uint64_t now_us);
// Is it attached to the relay with this address, or behind this broker?
bool source_is_at(const struct source *src, const struct addr *candidate);
// Leaves the tunnel that it is attached to.
void source_leave(struct source *src, uint64_t now_us);
// Is there another relay that it could be attached to?
bool source_has_other(const struct source *src, uint64_t now_us);
// The first such candidate, of this rank if it is not 0; -1 for none.
int source_other(const struct source *src, unsigned int rank, uint64_t now_us);

// Is there a relay that a move could be to, or a method that may name one?
bool source_may_seek(const struct source *src, uint64_t now_us);
// The race of a move begins: ends with move_found() or move_fail().
void source_seek(struct source *src, uint64_t now_us);

// refuse.c
// Why an address cannot be a relay of ours, or a source that needs one; CHANNEL_DROP_COUNT: it can.
enum channel_drop relay_refused(const struct channels *cs, const struct addr *a);
enum channel_drop source_refused(const struct channels *cs, const struct addr *a);
// What the ACLs say of a channel; CHANNEL_DROP_COUNT: nothing.
enum channel_drop sg_refused(const struct channels *cs, const struct sg *sg);
// Counts it, with a line in the log; false for CHANNEL_DROP_COUNT. a: what was refused.
bool channel_drop(struct channels *cs, enum channel_drop why, const struct addr *a);

// discover.c
enum ask {
	ASK_NOTHING, // the method brings nothing, or not now
	ASK_ADDED,   // candidates
	ASK_WAIT,    // for an answer; then the race goes on
};
// Is there a method of discovery that was not asked?
bool source_has_more(const struct source *src);
// Asks the next one, which there is.
enum ask discover_ask(struct source *src, uint64_t now_us);
// Is an answer waited for?
bool discover_waits(const struct source *src);
void discover_cancel(struct source *src);
// Attached: asks the methods that were not asked, or all of them when what they said has run out;
// moves only if that brings another relay.
void source_refresh(struct source *src, uint64_t now_us);
void discover_fini(struct channels *cs);
// Asks the method of this rank again, for a source that is attached; ends in renew_answered() or
// renew_failed().
void discover_renew(struct source *src, unsigned int rank, uint64_t now_us);

// renew.c
// It is attached, or there is an answer with a TTL while it is.
void renew_begin(struct source *src, uint64_t now_us);
void renew_cb(struct timer *timer, void *arg, uint64_t now_us);
// The method in use has answered with these relays, maybe none.
void renew_answered(struct source *src, const struct driad_relay *relays, unsigned int n,
	const char *origin, uint64_t now_us);
// It has not answered.
void renew_failed(struct source *src, uint64_t now_us);

// race.c
// Begins with the next candidate; when there is none, source_exhausted().
void race_next(struct source *src, uint64_t now_us);
void race_cb(struct timer *timer, void *arg, uint64_t now_us);
// Gives the memory back when there are no attempts.
void race_rest(struct source *src);
// Ends what is under way for a source.
void race_end(struct source *src, uint64_t now_us);
// The tunnel had its first Query of a family: who waits for that is attached.
void race_tunnel_up(struct tunnel *t, uint64_t now_us);
// The relay does not answer for channels of a family: who waits for that goes on.
void race_side_failed(struct tunnel *t, uint8_t family, uint64_t now_us);
// The tunnel failed: who waits for it is put on the list, and when it is closed they go on.
void race_tunnel_failed(struct tunnel *t, struct attempt_list *lost);
void race_lost(struct attempt_list *lost, uint64_t now_us);
// The tunnel is not likely to come up: the next candidates of who waits for it begin.
void race_hurry(struct tunnel *t, uint64_t now_us);
// Ends the Discoveries that nobody waits for.
void race_fini(struct channels *cs);

// health.c
// The source's channels are joined from now on.
void health_begin(struct source *src, uint64_t now_us);
void health_end(struct source *src);
// A channel's counters have grown.
void health_moved(struct channel *ch, uint64_t now_us);
void health_cb(struct timer *timer, void *arg, uint64_t now_us);

// move.c
static inline bool move_seeks(const struct source *src)
{
	return src->move && src->move->state == MOVE_SEEKING;
}
static inline bool move_forced(const struct source *src)
{
	return src->move && (src->move->flags & CHANNEL_MOVE_FORCE);
}
// As channels_move().
int move_begin(struct source *src, const struct addr *relay, const char *why, unsigned int flags,
	uint64_t now_us);
// The race was won by this tunnel, which is up.
void move_found(struct move *mv, struct tunnel *to, uint64_t now_us);
// Back to the old relay, for some time.
void move_fail(struct move *mv, const char *reason, uint64_t now_us);
// At once to where the source is attached: the old relay, or from LEFT on the new one.
void move_stop(struct move *mv, uint64_t now_us);
// A tunnel, or a further endpoint with channels, is about to close.
void moves_tunnel_gone(struct tunnel *t, const char *reason, uint64_t now_us);
// A channel is about to go.
void move_channel_gone(struct channel *ch, uint64_t now_us);
// Where a new channel of an attached source is to be joined.
struct tunnel *move_join_at(const struct source *src);
// Of its state.
const char *move_text(const struct move *mv);

// tunnel.c
// Within a batch the reports of this tunnel are held back until its end.
void tunnel_batch(struct tunnel *t);
struct tunnel *tunnel_find(const struct channels *cs, const struct addr *relay);
struct tunnel *tunnel_find_discovered(const struct channels *cs, const struct addr *from);
// For channels of a family first; the other one comes when it is wanted. NULL with errno.
struct tunnel *tunnel_open(
	struct channels *cs, const struct addr *relay, uint8_t family, uint64_t now_us);
// A further endpoint of one, 1 <= index < CHANNEL_MAX_ENDPOINTS. NULL with errno.
struct tunnel *tunnel_open_further(
	struct tunnel *first, unsigned int index, uint8_t family, uint64_t now_us);
bool tunnel_is_up(const struct tunnel *t);
// Has the relay answered for channels of this family? RFC 7450 section 4.2.1.2: each has Queries of
// its own.
bool tunnel_serves(const struct tunnel *t, uint8_t family);
void tunnel_attach(struct tunnel *t, struct source *src, uint64_t now_us);
// Leaves all channels of the source; starts to linger when it was the last source.
void tunnel_detach(struct tunnel *t, struct source *src, uint64_t now_us);
// Through this very endpoint; endpoint_for() has chosen it.
void tunnel_join(struct tunnel *t, struct channel *ch, uint64_t now_us);
// From the endpoint that the channel is joined through.
void tunnel_leave(struct channel *ch, uint64_t now_us);
// It may be that nobody needs it: a tunnel that is not up closes, another one lingers.
void tunnel_unused(struct tunnel *t, uint64_t now_us);
// With its further endpoints.
void tunnel_close(struct tunnel *t, uint64_t now_us);
// Puts a relay that failed on hold for all sources, closes the tunnel and sends its sources on.
void tunnel_fail(struct tunnel *t, const char *reason, uint32_t hold_s, uint64_t now_us);

// endpoint.c
// The endpoint of a tunnel to join a channel through: the one that its hash says, once it is up; it
// is opened where it is not there. Else the first.
struct tunnel *endpoint_for(struct tunnel *first, const struct channel *ch, uint64_t now_us);
// A further endpoint had its first Query: its channels move to it.
void endpoint_up(struct tunnel *t, uint64_t now_us);
// The relay does not take a further endpoint, or it failed: its channels move to the first one, and
// it is not tried again for hold_down_s.
void endpoint_fail(struct tunnel *t, const char *reason, uint64_t now_us);

// Hold-down reason that a source without another choice may ignore after a back-off (RFC 7450
// section 5.2.3.5.3 only asks to discover again; RFC 8777's strict hold-down is for relays that
// answered and then did not serve).
extern const char hold_no_answer[];
// Of one source only; the relay may be taken for it when there is no other.
extern const char hold_no_traffic[];

#endif
