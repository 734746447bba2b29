// SPDX-License-Identifier: BSD-3-Clause
// What is known about one channel, put together from the rooms' views (explain.c), and the one
// sentence that follows from it (explain_verdict.c, pure).
#ifndef CONSOLE_EXPLAIN_H
#define CONSOLE_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/channel.h"
#include "crossing/drops.h"
#include "observe/observe.h"

#define EXPLAIN_TEXT 512

struct explain {
	struct sg sg;
	bool group_ok;	     // in the ssm_ranges
	const char *refused; // why the ACLs refuse it; NULL: they do not
	// Downstream interfaces: all, those where somebody may ask (PIM, IGMP, MLD), and one whose
	// link is down ("": none is).
	unsigned int n_down, n_asked;
	unsigned int n_pim; // those with PIM
	char link_down[16];
	unsigned int neighbors; // PIM routers heard on them
	// Joins of the channel that were for another router than us, an interface with such, that
	// router, and our address there.
	uint32_t not_upstream;
	char not_upstream_if[16];
	struct addr other_router;
	struct addr our_address;

	bool wanted; // else what follows is not filled in
	struct channel_view channel;
	uint64_t waited_us; // since it was wanted first
	char oif_down[16];  // an interface that wants it whose link is down; "": none
	unsigned int n_relays;
	struct relay_view relay;       // the one in use, or the first
	unsigned int n_silent;	       // relays that nothing comes from, not even an ICMP error
	struct observe_evidence heard; // of the one that is used, asked or first
	bool heard_known;
	bool other_answers; // another relay does, just now
	bool private_local; // we send from an address that is nobody's in the Internet
	bool has_tunnel;
	struct tunnel_view tunnel;
	// Reasons that have counted within the last seconds; of whatever channel.
	bool dropping[DROP_COUNT];
	bool no_mbufs; // a port's pool is empty
	char no_mbufs_if[16];
	unsigned int mbufs_used, mbufs;
};

// One sentence that says what is wrong, and what to do about it; or that nothing is. Returns "ok",
// "wait" (it goes on by itself) or "bad".
const char *explain_verdict(const struct explain *e, char out[EXPLAIN_TEXT]);

#endif
