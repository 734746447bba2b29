// SPDX-License-Identifier: BSD-3-Clause
// One link in virtual time, and what its querier did as text. Host or router n is 10.1.1.n or
// fe80::n; we are number 100. Channel GS (two digits) is source S of group G: (192.0.2.S,
// 232.252.0.G) or (2001:db8::S, ff3e::8000:G).
#ifndef TEST_UNIT_MEMBERSHIP_LINK_H
#define TEST_UNIT_MEMBERSHIP_LINK_H

#include "membership/membership.h"
#include "unit/wire/gm_build.h"
#include "wire/igmp.h"

#define LINK_START_US (1000 * USEC_PER_SEC)
#define OURS	      100

struct link {
	struct timers timers;
	struct membership *m;
	struct membership_total total;
	uint8_t family;
	uint64_t now_us;
	struct prefix ranges[2]; // 232/8, ff3e::/32
	// Actions since link_expect(), each followed by a blank:
	//   +GS  wanted     -GS  no longer
	//   Q    a General Query
	//   q/GS/GS/...  a query for these sources;  s/GS/...  with the S flag
	char done[8192];
	unsigned int wanted;
	uint64_t drops_seen[MEMBERSHIP_DROP_COUNT];
	uint8_t last[DATAGRAM_MAX]; // sent last
	size_t last_len;
};

// The defaults of the RFCs. What the link lends (ranges, total) is filled in by link_begin_cfg().
struct membership_cfg link_cfg(uint8_t family);
// Up, and the startup queries still to come.
void link_begin(struct link *l, uint8_t family);
void link_begin_cfg(struct link *l, const struct membership_cfg *cfg);
// After the startup queries; the first actions are forgotten. The time is the start again.
void link_settled(struct link *l, uint8_t family);
void link_settled_cfg(struct link *l, const struct membership_cfg *cfg);
void link_end(struct link *l); // also checks that every want was ended, and nothing is left
// Runs every timer until ms after the start, each at its own time.
void link_until(struct link *l, uint64_t ms);
#define link_expect(l, text) link_expect_at((l), (text), __FILE__, __LINE__)
void link_expect_at(struct link *l, const char *text, const char *file, int line);

struct addr link_host(const struct link *l, unsigned int n);
struct sg link_channel(const struct link *l, unsigned int gs);
struct datagram link_from(const struct link *l, unsigned int n); // of a report
// A report of host n with one record; channels of one group, 0 ends the list. group is that of the
// record when the list is empty.
void link_report(struct link *l, unsigned int n, uint8_t type, const unsigned int *channels,
	unsigned int group);
void link_join(struct link *l, unsigned int n, unsigned int gs);  // ALLOW
void link_leave(struct link *l, unsigned int n, unsigned int gs); // BLOCK
void link_message(struct link *l, const struct datagram *d, const uint8_t *msg, size_t len);
// Of router n. gs 0: General.
struct gm_query link_query(const struct link *l, unsigned int n);
void link_query_rx(struct link *l, const struct gm_query *q);

uint64_t link_drops(const struct link *l); // of all kinds
uint64_t link_drop(const struct link *l, enum membership_drop why);
// The drops since the last call are one of this kind.
#define link_dropped(l, why) link_dropped_at((l), (why), __FILE__, __LINE__)
void link_dropped_at(struct link *l, enum membership_drop why, const char *file, int line);

#endif
