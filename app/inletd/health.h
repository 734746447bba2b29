// SPDX-License-Identifier: BSD-3-Clause
// Health: whether routers are to be led to this box. What is looked at is put together here; quick
// to go down, slow to come up. Pure: counts and the time come in. health_run.c reads the rooms, and
// deploy/frr/inlet-frr-health tells routing.
#ifndef INLETD_HEALTH_H
#define INLETD_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "observe/observe.h"

#define HEALTH_MAX_WORKERS 64
#define HEALTH_RELAYS	   4 // that are asked

void health_init(struct observe_health *h, uint64_t now_us);
// What a check has come to; reason may be NULL.
void health_see(struct observe_health *h, enum observe_health_check c, enum observe_health_is is,
	const char *reason, uint64_t now_us);
// The state that follows: down with the first check that is bad, up when none has been for
// up_after_us. Not from draining, drained and stopping. True when it is another one.
bool health_settle(struct observe_health *h, uint64_t up_after_us, uint64_t now_us);
// Another state by somebody's word: draining, drained, stopping; or DOWN to leave one of these.
void health_set(struct observe_health *h, enum observe_health_state state, const char *reason,
	uint64_t now_us);

// ---- Workers
struct health_workers { // zeroed at the start
	uint64_t polls[HEALTH_MAX_WORKERS], moved_us[HEALTH_MAX_WORKERS];
};
// polls: of each of n, which only grow. A worker that has not polled for timeout_us, or -1.
int health_workers_stuck(struct health_workers *hw, const uint64_t *polls, unsigned int n,
	uint64_t timeout_us, uint64_t now_us);

// ---- Relays
struct health_relays { // zeroed at the start
	uint64_t packets, answers;
	uint64_t heard_us, asked_us, bad_us;
	uint64_t due_us;    // of the next question
	unsigned int asked; // since anything was heard
	bool bad;
	bool silent;			   // what was heard last was an answer
	struct addr served[HEALTH_RELAYS]; // the last ones that did
	unsigned int n_served, next;
};
struct health_relays_seen {
	uint64_t packets; // that came through tunnels; any count that moves when they do
	uint64_t answers; // Advertisements and Queries
	uint32_t wanted;  // channels
	bool always;	  // the configuration names relays: they are asked all the time
};
// *ask: the relays are to be asked now. UNKNOWN: none is known.
//
// Without `always` nothing is bad before somebody wants a channel: a relay that served us once may
// have gone for good meanwhile. For the same reason what is bad is unknown again after two minutes
// in which nobody wants anything: the next channel will show.
enum observe_health_is health_relays_look(struct health_relays *hr,
	const struct health_relays_seen *seen, uint64_t timeout_us, uint64_t now_us, bool *ask);
// One that has answered.
void health_relays_served(struct health_relays *hr, const struct addr *relay);

#endif
