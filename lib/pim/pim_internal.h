// SPDX-License-Identifier: BSD-3-Clause
// What the files of the PIM room share. Not for other rooms.
#ifndef PIM_PIM_INTERNAL_H
#define PIM_PIM_INTERNAL_H

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <sys/queue.h>

#include "base/bucket.h"
#include "base/hmap.h"
#include "base/imap.h"
#include "base/log.h"
#include "base/slab.h"
#include "base/wheel.h"
#include "pim/pim.h"
#include "wire/pim.h"

// RFC 7761 section 4.11.
#define PROPAGATION_DELAY_DEFAULT_MS 500
#define OVERRIDE_INTERVAL_DEFAULT_MS 2500
#define JP_HOLDTIME_DEFAULT_S	     210

// A timer that is always armed once its owner is set up can be moved without memory: a deadline of
// NEVER_US is armed too.

LIST_HEAD(pim_assert_list, pim_assert);

// A router that said Hello. One that has gone stays known, not alive, while something is charged to
// it: a router that comes and goes has one allowance all the time.
struct pim_neighbor {
	struct hnode node; // in pim_if.neighbors, by address
	struct pim_if *pif;
	struct pim_neighbor_view view;
	struct bucket bucket;
	uint32_t id; // from 1; another one each time that it comes
	bool alive;
	struct timer nlt;   // Neighbor Liveness Timer
	struct timer drain; // armed while the Asserts that it won are taken back
	struct pim_assert_list won;
	bool draining;	     // being emptied: not to be freed
	uint64_t flapped_us; // when it last took a Join back at once
};

enum pim_join_state { PIM_NOINFO, PIM_JOIN, PIM_PRUNE_PENDING };

// A channel that is joined (section 4.5.2) or has an Assert; one with neither does not exist. There
// are very many, so that it is as small as it can be, and of IPv4 a cache line.
//
// A refresh only moves a deadline away, and does not touch the wheel.
struct pim_channel {
	uint32_t chain;		// in pim_if.channels, by (S,G)
	struct ilink turn;	// in pim_if.wheel
	uint32_t last_neighbor; // id of who sent the last message about it
	uint64_t expiry_us;	// ET
	// PrunePending: PPT. A Join that may be taken back at once: from when on it counts. One
	// that counts: since when it is there, or 0 when that is long ago.
	uint64_t moment_us;
	struct pim_neighbor *charged; // whose Join it is; NULL: nobody's
	struct pim_assert *assert;    // NULL in NoInfo of section 4.6.1
	uint8_t join;		      // enum pim_join_state
	bool used : 1;		      // for who finds it by slab_next()
	bool wanted : 1;	      // as told by want_cb
	bool replaced : 1;	      // while leaving: another router forwards it
	// Source and group; then of the last neighbour an IPv4 address, or the end of an IPv6 one,
	// which is link-local. As long as the interface's family has them.
	uint8_t octets[];
};
#define PIM_CHANNEL_LEN4  (offsetof(struct pim_channel, octets) + 4 + 4 + 4)
#define PIM_CHANNEL_LEN6  (offsetof(struct pim_channel, octets) + 16 + 16 + 8)
#define PIM_CHANNEL_ROOM4 64
#define PIM_CHANNEL_ROOM6 96
static_assert(PIM_CHANNEL_LEN4 <= PIM_CHANNEL_ROOM4, "what a refresh touches is a cache line");
static_assert(PIM_CHANNEL_LEN6 <= PIM_CHANNEL_ROOM6, "an IPv6 channel is a cache line and a half");

// Prune-Pending Timer, and when a Join that is held counts; NEVER_US: not running.
static inline uint64_t pim_channel_ppt(const struct pim_channel *ch)
{
	return ch->join == PIM_PRUNE_PENDING ? ch->moment_us : NEVER_US;
}
static inline uint64_t pim_channel_held(const struct pim_channel *ch)
{
	return ch->join == PIM_JOIN && !ch->wanted ? ch->moment_us : NEVER_US;
}

struct pim_metric {
	bool rpt;
	uint32_t preference, metric;
	struct addr addr;
};

// An Assert that is won or lost.
struct pim_assert {
	struct pim_channel *ch;
	bool won; // by us
	struct pim_metric winner;
	uint64_t expiry_us; // AT
	uint64_t sent_us;
	struct timer timer;		 // the earlier of AT and the next look at CouldAssert
	LIST_ENTRY(pim_assert) in_if;	 // pim_if.asserts
	LIST_ENTRY(pim_assert) in_nbr;	 // a lost one: pim_neighbor.won of the winner
	struct pim_neighbor *winner_nbr; // of a lost one
};

struct pim_if {
	struct pim_cfg cfg;
	const struct pim_ops *ops;
	void *ctx;
	struct timers *timers;
	struct rng *rng;
	struct addr primary; // none while down
	struct addr secondaries[PIM_SECONDARIES_MAX];
	unsigned int n_secondaries;
	struct prefix links[PIM_LINKS_MAX];
	unsigned int n_links;
	uint8_t host_len; // bits of an address
	bool was_dr;	  // as told by include_cb
	uint32_t genid;
	bool hello_sent; // since the primary address was set
	bool leaving;	 // Goodbye was said
	struct timer hello_timer;
	struct timer triggered_timer;
	struct addr watched[PIM_WATCHED_MAX]; // the daemon's in watch mode
	unsigned int n_watched;
	struct hmap neighbors;
	uint32_t n_alive;	 // of them
	struct bucket strangers; // of messages of who is none of them
	uint64_t room_us;	 // when one may next be looked for that gives way
	uint32_t last_id;
	// Of all that are alive and us; kept by pim_neighbors_changed().
	struct addr dr;
	uint32_t propagation_ms, override_ms;
	struct slab channel_slab;
	struct imap channels;
	struct wheel wheel; // of their deadlines
	struct timer turn;  // of it; always armed
	// That a router named last. It names them in the order of the last time, and that is often
	// the order in which they were made: the next one is near.
	const struct pim_channel *guess;
	uint32_t n_joins; // channels that are not in NoInfo
	struct pim_assert_list asserts;
	uint32_t n_won, n_lost;
	uint32_t n_replaced; // channels that are muted because another router has taken them over
	struct pim_elsewhere *elsewhere; // NULL until there is one
	struct log_limit drop_logs[PIM_DROP_COUNT];
	struct pim_stats stats;
};

// pim.c
void pim_drop(struct pim_if *pif, enum pim_drop why, const struct addr *src);
uint64_t pim_after_s(uint64_t now_us, uint16_t holdtime_s); // NEVER_US for 0xffff
bool pim_group_is_ssm(const struct pim_if *pif, const struct addr *g);
// A message with the sum that IPv4 has: out it goes, with that of the family.
void pim_send(struct pim_if *pif, uint8_t *buf, size_t len);

// pim_elsewhere.c: a Join/Prune that names another upstream neighbor
struct pim_jp;
void pim_elsewhere_input(struct pim_if *pif, const struct pim_jp *jp, uint64_t now_us);

// pim_hello.c: our Hellos, and those that arrive
void pim_hello_setup(struct pim_if *pif);
void pim_hello_start(struct pim_if *pif, uint64_t now_us);
void pim_hello_stop(struct pim_if *pif); // says Goodbye
void pim_hello_trigger(struct pim_if *pif, uint64_t now_us);
// One now: what it says has changed.
void pim_hello_now(struct pim_if *pif);
// The same, and the next one an interval later.
void pim_hello_anew(struct pim_if *pif, uint64_t now_us);
// Before a PruneEcho or an Assert: a neighbour that has not heard a Hello from us would drop it
// (section 4.3.1).
void pim_hello_ensure(struct pim_if *pif);
void pim_hello_input(struct pim_if *pif, const struct addr *src, const uint8_t *buf, size_t len,
	uint64_t now_us);

// Whether the configuration allows this neighbor.
bool pim_neighbor_allowed(const struct pim_if *pif, const struct addr *src);
// PIM_DROP_COUNT for a new neighbor to take.
enum pim_drop pim_neighbor_refuse(
	struct pim_if *pif, const struct addr *src, const struct pim_hello *hello, uint64_t now_us);

// pim_watch.c: watch mode
bool pim_watch_is_daemon(const struct pim_if *pif, const struct addr *a);
// Whether a Join/Prune is one that the daemon receives or sends.
bool pim_watch_counts(
	const struct pim_if *pif, const struct addr *src, const struct addr *upstream);
// Who sent a Join/Prune, as a neighbor; NULL, with the drop counted, when it may not be one.
struct pim_neighbor *pim_watch_neighbor(
	struct pim_if *pif, const struct addr *src, uint64_t now_us);

// pim_neighbor.c: who is on the link, and what follows from all of them together
struct pim_neighbor *pim_neighbor_find(const struct pim_if *pif, const struct addr *addr); // alive
// What a Hello of a new or known neighbour says. `nbr` is what pim_neighbor_find() said.
void pim_neighbor_hello(struct pim_if *pif, struct pim_neighbor *nbr, const struct addr *src,
	const struct pim_hello *hello, uint64_t now_us);
void pim_neighbor_down(struct pim_neighbor *nbr, const char *reason, uint64_t now_us);
void pim_neighbors_forget(struct pim_if *pif, uint64_t now_us);
// Those that the configuration does not allow are down.
void pim_neighbors_review(struct pim_if *pif, uint64_t now_us);
// DR and delays anew: a neighbour, or what we say ourselves, has changed.
void pim_neighbors_changed(struct pim_if *pif, uint64_t now_us);
// All places are taken: one gives way that has joined nothing, won nothing and was not heard for
// the time that a Hello usually holds. False: there is none.
bool pim_neighbor_make_room(struct pim_if *pif, uint64_t now_us);
// The caller took something back that was charged to it or won by it; it may be free after this.
void pim_neighbor_put(struct pim_neighbor *nbr);
// J/P_Override_Interval(I) of section 4.3.3.
uint64_t pim_override_interval_us(const struct pim_if *pif);

// pim_channel.c: the objects of the downstream (S,G) machine and their timers
int pim_channels_setup(struct pim_if *pif); // 0 or -ENOMEM
void pim_channels_fini(struct pim_if *pif);
static inline struct pim_if *pim_channel_if(const struct pim_channel *ch)
{
	return (void *)((char *)slab_of(ch) - offsetof(struct pim_if, channel_slab));
}
struct sg pim_channel_sg(const struct pim_channel *ch);
struct addr pim_channel_last_addr(const struct pim_channel *ch);
// Whether it is that of (s,g), which are of the interface's family.
static inline bool pim_channel_is(
	const struct pim_channel *ch, size_t len, const struct addr *s, const struct addr *g)
{
	return memcmp(ch->octets, s->bytes, len) == 0 &&
	       memcmp(ch->octets + len, g->bytes, len) == 0;
}
struct pim_channel *pim_channel_find(const struct pim_if *pif, const struct sg *sg);
struct pim_channel *pim_channel_find_hashed(
	const struct pim_if *pif, const struct sg *sg, uint64_t hash);
// In NoInfo, to be joined or asserted at once. NULL without memory.
struct pim_channel *pim_channel_create(struct pim_if *pif, const struct sg *sg);
// A deadline may be nearer than before.
void pim_channel_rearm(struct pim_channel *ch);
// NoInfo -> Join. `held`: want_cb waits until held_us.
void pim_channel_join(struct pim_channel *ch, struct pim_neighbor *nbr, const struct addr *neighbor,
	uint64_t held_us, uint64_t now_us);
// The last message about it is of this neighbour, which is NULL for one of before a restart.
void pim_channel_heard(
	struct pim_channel *ch, const struct pim_neighbor *nbr, const struct addr *neighbor);
// Charged to nbr from now on.
void pim_channel_charge(struct pim_channel *ch, struct pim_neighbor *nbr);
// A held Join counts now.
void pim_channel_release(struct pim_channel *ch, uint64_t now_us);
// -> NoInfo; frees it unless it has an Assert.
void pim_channel_end(struct pim_channel *ch, const struct addr *neighbor, uint64_t now_us);
// Frees it if it has neither Join nor Assert.
void pim_channel_put(struct pim_channel *ch);
void pim_channels_end(struct pim_if *pif, uint64_t now_us);

// pim_jp.c: Join/Prune reception
void pim_jp_input(struct pim_if *pif, const struct addr *src, const uint8_t *buf, size_t len,
	uint64_t now_us);

// pim_assert.c: the (S,G) Assert machine
void pim_assert_input(struct pim_if *pif, const struct addr *src, const uint8_t *buf, size_t len,
	uint64_t now_us);
// A Join(S,G) to us: who sent it may know that the winner has gone.
void pim_assert_join(struct pim_channel *ch, uint64_t now_us);
// The channel's Join ended, or pim_ops.local changed.
void pim_assert_review(struct pim_channel *ch, uint64_t now_us);
// Everything that this neighbour won goes back to NoInfo, a bounded number at a time.
void pim_assert_winner_gone(struct pim_neighbor *nbr, uint64_t now_us);
// Our metric is another one: what we have won is said again, soon.
void pim_asserts_anew(struct pim_if *pif, uint64_t now_us);
// Our address changed: nobody knows us as a winner any more.
void pim_asserts_forget_won(struct pim_if *pif, uint64_t now_us);
// All of them, without a word to anybody.
void pim_asserts_end(struct pim_if *pif, uint64_t now_us);

#endif
