// SPDX-License-Identifier: BSD-3-Clause
// What the files of the membership room share. Not for other rooms.
#ifndef MEMBERSHIP_MEMBERSHIP_INTERNAL_H
#define MEMBERSHIP_MEMBERSHIP_INTERNAL_H

#include <sys/queue.h>

#include "base/hmap.h"
#include "base/share.h"
#include "membership/membership.h"
#include "wire/gm.h"

// A timer that is armed once its owner is set up can be moved without memory: a deadline of
// NEVER_US is armed too.

// A channel that somebody on the link wants: a source record of RFC 9776 section 6.2.
struct member {
	struct hnode node; // in membership.members, by (S,G)
	struct membership *m;
	struct member_group *group;
	LIST_ENTRY(member) link;  // in its group
	LIST_ENTRY(member) asked; // in the group's list of those that are still to be queried for
	struct sg sg;
	struct timer timer;  // the source timer
	uint8_t retransmits; // queries still to be sent; 0: not in the list
	bool leaving;	     // asked for, and nobody has answered
	uint8_t asker;	     // who reported it first: its place in membership.share
	uint32_t mark;	     // of the last TO_IN record that named it
	struct addr reporter;
	uint64_t since_us;
};
LIST_HEAD(member_list, member);

struct member_group {
	struct hnode node; // in membership.groups, by address
	struct membership *m;
	struct addr addr;
	struct member_list members; // not empty
	struct member_list asked;
	struct timer timer; // the next retransmission
};

// What timers are made of: our own values, or the elected querier's.
struct querier_vars {
	uint8_t robustness;
	uint32_t query_interval_s, query_response_ms;
};

struct membership {
	struct membership_cfg cfg; // with values as they are on the wire
	const struct membership_ops *ops;
	void *ctx;
	struct timers *timers;
	struct membership_addr addrs[MEMBERSHIP_MAX_ADDRS];
	unsigned int n_addrs; // 0 while down
	struct addr querier;  // our primary address, or the other's; none while down
	struct querier_vars vars;
	uint8_t startup_left; // General Queries still to be sent at the startup interval
	struct timer timer;   // General Query as querier, else Other Querier Present
	struct hmap members, groups;
	struct share share; // of the members, by reporter
	uint32_t mark;
	uint8_t *buf;	      // cfg.mtu octets, for a query
	struct addr *sources; // as many as fit into one
	size_t capacity;
	struct membership_stats stats;
};

// membership.c
void membership_drop(struct membership *m, enum membership_drop why, const struct addr *src);
bool membership_group_is_ssm(const struct membership *m, const struct addr *g);
static inline const struct addr *membership_primary(const struct membership *m)
{
	return &m->addrs[0].addr;
}
static inline bool membership_is_querier(const struct membership *m)
{
	return m->n_addrs > 0 && addr_eq(&m->querier, membership_primary(m));
}

// membership_query.c: General Queries and the election
void querier_setup(struct membership *m);
void querier_start(struct membership *m, uint64_t now_us);
void querier_stop(struct membership *m);
void querier_configured(struct membership *m, uint64_t now_us);
void querier_query_input(struct membership *m, const struct gm_msg *msg, uint64_t now_us);
uint64_t querier_membership_interval_us(const struct membership *m); // GMI, MALI
uint64_t querier_last_member_us(const struct membership *m);	     // LMQT

// membership_ask.c: queries for the sources of a group. Sources are given one by one, and go out
// when a query is full and at ask_end().
struct ask {
	struct membership *m;
	const struct member_group *group;
	bool suppress;
	uint16_t n;
};
void ask_begin(struct ask *a, const struct member_group *group, bool suppress);
void ask_add(struct ask *a, const struct addr *source);
void ask_end(struct ask *a);
// "Send Q(G,A)" of section 6.6.3.2 for a source of A: lowers its timer, plans the retransmissions,
// and puts it into the query that is sent now. A source whose timer is that low already is left.
void ask_member(struct ask *a, struct member *member, uint64_t now_us);
void ask_forget(struct member *member); // a member that goes
void ask_setup(struct member_group *group);

// membership_report.c: reports, and the members that they make
void report_input(struct membership *m, const struct gm_msg *msg, uint64_t now_us);
struct member *member_find(const struct membership *m, const struct sg *sg);
void members_end(struct membership *m, uint64_t now_us);

#endif
