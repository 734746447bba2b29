// SPDX-License-Identifier: BSD-3-Clause
// The world around the brain, on virtual time: a forwarding table, a DNS and relays that are fakes,
// and a journal of what the brain did to them, in order.
#ifndef TEST_CHANNEL_WORLD_H
#define TEST_CHANNEL_WORLD_H

#include "channel/channel.h"

#define WORLD_RELAYS 4

struct world_relay {
	struct addr addr;
	struct addr advertises;
	bool silent;			    // answers nothing
	bool full;			    // L flag
	bool no_ipv4, no_ipv6;		    // answers no Requests for these channels
	uint64_t delay_us;		    // until it answers; 0: 1 ms
	bool refuses_further, full_further; // the same for endpoints after the first
	// Of the stream (world_stream()).
	unsigned int data_delay_ms;
	bool data_silent; // takes joins, and sends nothing
	bool block_lost;  // it does not hear of leaves
	unsigned int discoveries, requests, updates, teardowns;
};

struct world {
	struct timers timers;
	struct rng rng;
	struct holddown held;
	struct amt_gateway *amt;
	struct channels *cs;
	struct channel_cfg cfg;
	uint64_t now;
	struct world_relay relays[WORLD_RELAYS];
	bool no_address;       // endpoint_open fails
	bool no_ipv4, ipv6;    // upstream addresses of a family
	unsigned int unwanted; // calls of unwanted_cb
	unsigned int endpoints;
	unsigned int further_addresses; // beside the first
	// Fakes of the rooms below
	unsigned int lookups;
	struct driad_result answer; // what the next lookups get
	bool hold_answers;
	bool no_lookup; // there is no memory for one
	unsigned int service_lookups;
	struct driad_result services; // what DNS-SD gets
	unsigned int mfib_tunnels, mfib_channels, windows;
	bool no_window; // there is no memory for one
	bool no_entry;	// nor for anything else of the forwarding table
	char journal[8192];
};

extern struct world w;

void world_begin(void);
void world_end(void); // checks that nothing is left
// These two as fixtures of cmocka.
int world_setup(void **state);
int world_teardown(void **state);
// Moves time on, running timers and delivering what relays and DNS answer.
void world_run(uint64_t for_us);
// The same from event to event, for long times.
void world_skip(uint64_t for_us);
// By PIM, or by who it is.
void world_want(const char *s, const char *g, unsigned int ifindex, bool wanted);
void world_want_by(const char *s, const char *g, unsigned int ifindex, enum channel_origin origin,
	bool wanted);
bool world_entry(const char *s, const char *g); // whether there is a forwarding entry
// Packets through the forwarding entry of (s,g).
void world_packets(const char *s, const char *g, unsigned int n);
struct channel_view world_view(const char *s, const char *g);
bool world_has(const char *s, const char *g);
uint64_t world_oifs(const char *s, const char *g); // of the forwarding entry, 0 without one
int world_endpoint(const char *s, const char *g);  // index of the entry's, -1 without one
void world_dns(unsigned int n, ...); // relays that DNS answers: n const char *, precedence 10, 11..
// A packet a millisecond of (s,g), from its source over every relay that has it joined, through the
// entries to what leaves; goes on from call to call.
#define WORLD_STREAM_MAX 65536
void world_stream(const char *s, const char *g, uint64_t for_us);
struct world_stream {
	unsigned int sent, lost, doubled; // without those that may still be on their way
};
struct world_stream world_stream_end(void);
// How many relays have a channel joined.
unsigned int world_joined(const char *s, const char *g);
// Destroys the brain and begins another with this configuration.
void world_configure(const struct channel_cfg *cfg);
// The tunnel that sent last; NULL when it is closed.
struct amt_tunnel *world_tunnel(void);
// The journal since the last call.
const char *world_journal(void);

#endif
