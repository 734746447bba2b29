// SPDX-License-Identifier: BSD-3-Clause
// The control thread's rooms as inletd wires them, and what is around them (joins_outside.h), on
// simulated time. What the control thread works takes its time there as well: it is measured, and
// the clock is moved on by it.
#ifndef BENCH_JOINS_WORLD_H
#define BENCH_JOINS_WORLD_H

#include "bench/joins.h"
#include "bench/joins_outside.h"

#define JW_IFS	  3	// downstream interfaces, a router on each
#define JW_RTT_US 20000 // to a relay and back
#define JW_DNS_US 20000 // to the resolver and back

struct jw;

struct jw_cfg {
	struct jo_plan plan;
	uint32_t queries_per_100ms; // of DNS
	bool members;		    // relays keep who joined; else they take no memory
};

// Everything up, the routers' Hellos heard. NULL when memory is short.
struct jw *jw_create(const struct jw_cfg *cfg);
void jw_destroy(struct jw *w);

// What the router on interface i sends: Joins or Prunes of channels first..first + n - 1, `packed`
// a message, which arrive at at_us, or one after the other in spread_us from then on; for one
// interface in the order of the calls. 0 or -1.
struct jw_say {
	unsigned int i;
	uint32_t first, n, packed;
	bool prune;
	uint64_t at_us, spread_us;
};
int jw_say(struct jw *w, const struct jw_say *s);

uint64_t jw_now(const struct jw *w);
// Turns of the control loop, the clock being moved on to the next event in between, until then.
void jw_run(struct jw *w, uint64_t until_us);
// The same until n channels are in the forwarding table; false when they are not by until_us.
bool jw_run_table(struct jw *w, uint32_t n, uint64_t until_us);
uint32_t jw_table(const struct jw *w); // channels that are in it

// CPU time of the control thread, and of its longest turn, since the last reset.
struct jw_cpu {
	uint64_t ns, longest_ns, turns;
	uint64_t pim_ns, timers_ns, net_ns; // what routers said; timers; what relays and DNS said
};
void jw_cpu_reset(struct jw *w);
const struct jw_cpu *jw_cpu(const struct jw *w);
// A message of what s says straight into PIM, now: its CPU time.
uint64_t jw_message_ns(struct jw *w, const struct jw_say *s);

struct jw_counts {
	uint32_t channels, sources, tunnels;
	struct jo_heard heard;
	uint64_t bad; // drops of any room, refusals, messages that a relay did not like
};
void jw_counts(const struct jw *w, struct jw_counts *out);
// Octets that all rooms have allocated or mapped, without the world's own; of them, the worker's
// table.
struct jw_bytes {
	size_t all, table;
	// Parts of all, as the rooms say; what malloc() adds, and the rest, is in none.
	size_t slots;		 // of the table: whose each is
	size_t records;		 // of the table's channels
	size_t pim, channels;	 // (S,G) of an interface; of all
	size_t sources, tunnels; // both with their candidates, requests, timers
	size_t sets;		 // what tunnels report
	size_t timers;		 // the heap of them
};
struct jw_bytes jw_bytes(const struct jw *w);

#endif
