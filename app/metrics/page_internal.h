// SPDX-License-Identifier: BSD-3-Clause
#ifndef METRICS_PAGE_INTERNAL_H
#define METRICS_PAGE_INTERNAL_H

#include "channel/channel.h"
#include "metrics/page.h"
#include "metrics/set.h"
#include "observe/top.h"

// In the order of the page.
enum page_set {
	SET_BUILD,
	SET_APPLIANCE,
	SET_LOG,
	SET_STATES,
	SET_PORTS,
	SET_PIM,
	SET_MEMBERSHIP,
	SET_WORKERS,
	SET_DROPS,
	SET_RELAYS,
	SET_HELD,
	SET_TUNNELS,
	SET_CHANNELS,
	SETS
};

// A list X(ID, name, type, unit, help) makes the enum of a set's values and its families.
#define PAGE_ID(id, name, type, unit, help)	id,
#define PAGE_FAMILY(id, name, type, unit, help) {name, type, unit, help},

// What is kept of a channel that may be among the first ones.
struct page_channel {
	struct sg sg;
	uint32_t packets_per_s;
};

struct page {
	const struct observe *o;
	struct page_cfg cfg;
	uint64_t now_us;
	struct om om;
	struct set sets[SETS];
	unsigned int look;     // the collector that is at work
	uint32_t cursor;       // its own, 0 at first
	unsigned int write;    // the set that is being written
	bool histograms, done; // written
	struct top channels, tunnels;
	uint32_t by_state[CHANNEL_WAITING + 1];
	const struct tunnel_view **by_relay; // the tunnels of the top, in the order of their relays
};

// Each looks at some of what it collects; false when it has seen all of it.
// p->cursor is 0 at first; then it sets up its sets.
typedef bool (*page_collect_fn)(struct page *p);
bool page_collect_appliance(struct page *p); // BUILD, APPLIANCE, LOG
bool page_collect_ifs(struct page *p);	     // PORTS, PIM, MEMBERSHIP, and the drops of these
bool page_collect_workers(struct page *p);
bool page_collect_drops(struct page *p); // those that are not an interface's
bool page_collect_tunnels(struct page *p);
bool page_collect_tunnel_rows(struct page *p);
bool page_collect_relays(struct page *p);
bool page_collect_held(struct page *p);
bool page_collect_channels(struct page *p);
bool page_collect_channel_rows(struct page *p); // CHANNELS, STATES

static inline bool page_label(struct set_row *row, const char *name, const char *value)
{
	return om_label(row->labels, sizeof(row->labels), name, value);
}

static inline bool page_label_addr(struct set_row *row, const char *name, const struct addr *a)
{
	char text[ADDR_STRLEN];

	return om_label(row->labels, sizeof(row->labels), name,
		addr_is_none(a) ? NULL : addr_format(a, text));
}

#endif
