// SPDX-License-Identifier: BSD-3-Clause
// What the files of the PIM room share. Not for other rooms.
#ifndef PIM_PIM_INTERNAL_H
#define PIM_PIM_INTERNAL_H

#include "base/hmap.h"
#include "pim/pim.h"

// RFC 7761 section 4.11.
#define PROPAGATION_DELAY_DEFAULT_MS 500
#define OVERRIDE_INTERVAL_DEFAULT_MS 2500
#define JP_HOLDTIME_DEFAULT_S	     210

// Hellos are not authenticated: what a forger can make us remember has an end.
#define NEIGHBORS_MAX 1024

// A timer that is always armed once its owner is set up can be moved without memory: a deadline of
// NEVER_US is armed too.
struct pim_neighbor {
	struct hnode node; // in pim_if.neighbors, by address
	struct pim_if *pif;
	struct pim_neighbor_view view;
	struct timer nlt; // Neighbor Liveness Timer
};

// A channel in Join or PrunePending; one in NoInfo does not exist (section 4.5.2).
struct pim_channel {
	struct hnode node; // in pim_if.channels, by (S,G)
	struct pim_if *pif;
	struct sg sg;
	bool prune_pending;
	uint64_t expiry_us;	   // ET
	uint64_t prune_pending_us; // PPT; NEVER_US in Join
	struct timer timer;	   // the earlier of the two
	struct addr last_neighbor;
};

struct pim_if {
	struct pim_cfg cfg;
	const struct pim_ops *ops;
	void *ctx;
	struct timers *timers;
	struct rng *rng;
	struct addr primary; // none while down
	uint32_t genid;
	bool hello_sent; // since the primary address was set
	struct timer hello_timer;
	struct timer triggered_timer;
	struct hmap neighbors;
	struct hmap channels;
	struct pim_stats stats;
};

// pim.c
void pim_drop(struct pim_if *pif, enum pim_drop why, const struct addr *src);
uint64_t pim_after_s(uint64_t now_us, uint16_t holdtime_s); // NEVER_US for 0xffff

// pim_hello.c: neighbours and our own Hellos
void pim_hello_setup(struct pim_if *pif);
void pim_hello_start(struct pim_if *pif, uint64_t now_us);
void pim_hello_stop(struct pim_if *pif); // says Goodbye
// Before a PruneEcho: a neighbour that has not heard a Hello from us would drop it (section 4.3.1).
void pim_hello_ensure(struct pim_if *pif);
void pim_hello_input(struct pim_if *pif, const struct addr *src, const uint8_t *buf, size_t len,
	uint64_t now_us);
struct pim_neighbor *pim_neighbor_find(const struct pim_if *pif, const struct addr *addr);
void pim_neighbors_forget(struct pim_if *pif);
// J/P_Override_Interval(I) of section 4.3.3.
uint64_t pim_override_interval_us(const struct pim_if *pif);

// pim_jp.c: the downstream (S,G) machine
void pim_jp_input(struct pim_if *pif, const struct addr *src, const uint8_t *buf, size_t len,
	uint64_t now_us);
void pim_channels_end(struct pim_if *pif, uint64_t now_us);

#endif
