// SPDX-License-Identifier: BSD-3-Clause
// What the parts of lab-flood share.
#ifndef LAB_FLOOD_H
#define LAB_FLOOD_H

#include "base/rng.h"
#include "floodnet.h"

#define FLOOD_SECONDS_MAX 120 // whatever happens to who started it, a flood ends by itself

struct flood {
	const char *kind;
	const char *at;	  // NAMESPACE:INTERFACE, or NAMESPACE for connections
	const char *path; // of the console's socket
	uint64_t rate, seconds, count;
	uint8_t mac[6];	      // of the appliance
	struct addr target;   // its address
	struct addr from;     // whom it is sent for, where that matters: a neighbor, a relay
	uint16_t port;	      // of a tunnel, or of the metrics
	unsigned int entries; // (S,G)s in a Join
	unsigned int held;    // connections kept open
	struct rng rng;
	uint64_t end_ns;
	// Results.
	uint64_t sent, refused, bytes;
};

// Makes the i-th frame of the flood; its length. NULL where no kind has that name.
typedef size_t (*flood_make_cb)(struct flood *f, uint64_t i, uint8_t buf[FRAME_MAX]);
flood_make_cb flood_frames(const char *kind);
// What takes a flood back, n frames of it, or NULL.
flood_make_cb flood_goodbyes(const char *kind, uint64_t *n);
void flood_list(void);
// Connections to the console or to the metrics until the flood's end.
bool flood_is_clients(const char *kind);
void flood_clients(struct flood *f);

#endif
