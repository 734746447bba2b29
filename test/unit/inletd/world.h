// SPDX-License-Identifier: BSD-3-Clause
// What steering stands on: workers that only count, a net_null port with RSS, a driver's side of
// rte_flow (its functions come before DPDK's), and tunnels whose traffic the test makes.
#ifndef TEST_INLETD_WORLD_H
#define TEST_INLETD_WORLD_H

#include <stdbool.h>

#include <rte_cycles.h> // its US_PER_S before ours

#include "inletd/steering.h"
#include "port/port.h"

#define MAX_TUNNELS 1024

struct tunnel {
	struct steering_tunnel *st;
	struct addr relay, local;
	uint16_t port;
	uint64_t pps, packets;
};

struct world {
	struct crossing *x;
	struct steering *s;
	struct port port;
	struct steering_port sp;
	struct rng rng;
	uint64_t now_us;
	struct tunnel tunnels[MAX_TUNNELS];
	unsigned int n;
	unsigned int rows; // of the last rebalancing
	struct observe_move first, last;
};

// The driver: whether it has rules, the errno that making one gives, how many there are.
extern struct world_flow {
	bool have;
	int fail;
	unsigned int rules;
	uint16_t last_queue, last_dport;
} world_flow;
// Binding: so many ports are taken, then it fails with an errno, if that is not 0.
extern unsigned int world_taken, world_binds;
extern int world_bind_errno;

void world_up(struct world *w, unsigned int workers, uint16_t queues, enum spread_mode mode);
void world_down(struct world *w);
// Opens a tunnel to a relay of its own.
struct tunnel *world_open(struct world *w);
struct tunnel *world_open_to(struct world *w, const struct addr *relay);
void world_close(struct world *w, struct tunnel *t);
// So many seconds pass, in ticks; tunnels carry their pps, and the spreader counts them.
void world_run(struct world *w, unsigned int seconds);
void world_rebalance(struct world *w, bool dry_run);
int world_worker(const struct tunnel *t);
const char *world_how(const struct tunnel *t);

#endif
