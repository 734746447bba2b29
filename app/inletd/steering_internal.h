// SPDX-License-Identifier: BSD-3-Clause
#ifndef INLETD_STEERING_INTERNAL_H
#define INLETD_STEERING_INTERNAL_H

#include <sys/queue.h>

#include "base/hmap.h"
#include "inletd/steering.h"
#include "steer/steer.h"

struct rte_flow;

enum steered {
	STEERED_SINGLE,	  // there is one worker, or one queue
	STEERED_FLOW,	  // a rule of rte_flow
	STEERED_RSS,	  // the port's hash, by our choice of the local port
	STEERED_SOFTWARE, // the software spreader's table
	STEERED_CHANCE,	  // several queues, and no way to tell which
};

// One local address, while tunnels use it.
struct steering_local {
	LIST_ENTRY(steering_local) link;
	struct addr addr;
	unsigned int n_tunnels;
	struct steer_ports ports;
};
LIST_HEAD(steering_local_list, steering_local);

struct steering_tunnel {
	struct steering *s;
	struct steering_port *port;
	struct steer_tuple tuple;
	uint16_t vlan;
	enum steered how;
	int worker; // -1: not known, or several
	struct rte_flow *rule;
	struct steering_local *local;
	void *owner;
	TAILQ_ENTRY(steering_tunnel) link;
	bool known; // pps has been measured
	uint64_t opened_us, sampled_us;
	uint64_t packets, bytes; // at sampled_us
	uint64_t pps, bytes_per_s;
};
TAILQ_HEAD(steering_list, steering_tunnel);

// The port that a relay knew us by.
struct steering_known {
	struct hnode node;
	TAILQ_ENTRY(steering_known) link;
	struct {
		struct addr relay, local;
	} key;
	uint16_t port;
	uint64_t closed_us;
};
TAILQ_HEAD(steering_known_list, steering_known);

struct steering {
	struct crossing *x;
	unsigned int n_workers;
	struct rng *rng;
	steering_stats_cb stats_cb;
	struct steering_list tunnels; // the one whose turn to be measured it is first
	struct steering_local_list locals;
	struct hmap by_relay;
	struct steering_known_list known; // the oldest first
	// By worker. Loads are those of tunnels that are on one worker.
	struct steer_load loads[STEER_MAX_QUEUES];
	struct steering_worker {
		uint64_t spread, busy, idle; // counters at the last look
		uint64_t work_pps;	     // what spreading itself costs, in packets
		uint64_t channel_pps;	     // of channels spread here one by one
		unsigned int hot;	     // looks in a row that found it busy
	} workers[STEER_MAX_QUEUES];
	uint64_t looked_us;
	// By entry of the spreader's tables: counts at the last look, and frames a second.
	struct steering_entry {
		uint64_t count, pps;
	} by_tunnel[SPREAD_ENTRIES], by_channel[SPREAD_ENTRIES];
};

// The worker that polls a queue, and the queue that a worker polls (STEER_NO_QUEUE: none).
unsigned int steering_queue_worker(
	const struct steering *s, const struct steering_port *p, uint16_t queue);
uint16_t steering_worker_queue(
	const struct steering *s, const struct steering_port *p, unsigned int worker);
// Accounts the tunnel to another worker (-1: none).
void steering_set_worker(struct steering_tunnel *t, int worker);
void steering_account(struct steering_tunnel *t, int sign);
// The tunnel's entry in the spreader's table, for one that is STEERED_SOFTWARE.
unsigned int steering_entry_of(const struct steering_tunnel *t);
// Spreads all tunnels of an entry by channel.
void steering_split(struct steering *s, unsigned int entry);
// Sets the tunnels' workers from the tables, after these changed.
void steering_refresh(struct steering *s);
// Loads of all workers as steer_weights() gives them, with what they do beside.
void steering_weights(const struct steering *s, uint64_t out[STEER_MAX_QUEUES]);

#endif
