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
#include "base/rng.h"
#include "base/timer.h"
#include "driad/driad.h"
#include "driad/holddown.h"
#include "mfib/mfib.h"

struct channels;

// State of a channel, as shown.
enum channel_state {
	CHANNEL_RESOLVING,   // waiting for DNS
	CHANNEL_DISCOVERING, // waiting for a Relay Advertisement
	CHANNEL_CONNECTING,  // waiting for the first Query of the tunnel
	CHANNEL_JOINED,      // Update sent, no packet yet
	CHANNEL_FLOWING,     // packets within the last seconds
	CHANNEL_STALLED,     // joined, packets came and stopped
	CHANNEL_WAITING,     // nothing can be tried now; a retry is due
};
const char *channel_state_name(enum channel_state s); // "resolving" ...

struct channel_view {
	struct sg sg;
	enum channel_state state;
	char reason[160];   // why it is in this state, for people; "" while flowing
	struct addr relay;  // none before one is chosen
	uint64_t oifs;      // downstream interfaces that want it, bit i: index i
	uint64_t packets, bytes;
	uint64_t wanted_us, joined_us, first_packet_us; // 0: not yet
	uint64_t retry_us;  // when the next try is due, NEVER_US if none is planned
};
struct tunnel_view {
	struct addr relay, local;
	uint16_t local_port;
	struct amt_tunnel_view amt;
	uint64_t packets, bytes;
};
struct relay_view { // one a candidate of a source
	struct addr source;
	struct addr addr;
	const char *origin; // "driad", "static"
	uint8_t precedence;
	bool discovery_optional;
	bool in_use;
	const char *held_reason; // NULL when not held down
	uint64_t held_until_us;
	uint64_t expires_us;
};

void channels_each(const struct channels *cs, void (*cb)(void *arg, const struct channel_view *v),
		void *arg);
void channels_each_tunnel(const struct channels *cs,
		void (*cb)(void *arg, const struct tunnel_view *v), void *arg);
void channels_each_relay(const struct channels *cs,
		void (*cb)(void *arg, const struct relay_view *v), void *arg);

#endif
