// SPDX-License-Identifier: BSD-3-Clause
// Which worker gets which tunnel: a local port, a flow rule or an entry of the software spreader is
// chosen when a tunnel opens, loads are measured while it lives, and moved when the operator asks.
// Control thread only. Knows ports and the crossing, nothing of the rest of inletd.
#ifndef INLETD_STEERING_H
#define INLETD_STEERING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/rng.h"
#include "crossing/spread.h"
#include "mfib/mfib.h"
#include "observe/observe.h"

struct port;
struct steering;
struct steering_tunnel;

// A port on which tunnels may come in.
struct steering_port {
	struct port *port;
	enum spread_mode mode;
	unsigned int first_worker; // polls queue 0; the q-th after it polls queue q
};

// The packets of a tunnel so far; returns how many channels were added up. owner: the tunnel's, as
// given to steering_open().
typedef uint32_t (*steering_stats_cb)(void *owner, struct mfib_stats *out);

// crossing and rng live as long. NULL when out of memory.
struct steering *steering_create(
	struct crossing *x, unsigned int n_workers, struct rng *rng, steering_stats_cb stats_cb);
// All tunnels must be closed.
void steering_destroy(struct steering *s);

// Binds the tunnel's socket to a local port: 0, -EADDRINUSE (the next one is tried) or another
// negative errno. *port is 0 for one of the kernel's choice, which is then filled in. Host order.
typedef int (*steering_bind_cb)(void *owner, uint16_t *port);

// Chooses worker and local port of a tunnel from relay to local, whose packets come in on the port
// behind a VLAN tag (0: none), and binds it. NULL with errno: ENOMEM, or that of bind_cb. The port
// lives as long as the tunnel.
struct steering_tunnel *steering_open(struct steering *s, struct steering_port *port, uint16_t vlan,
	const struct addr *relay, const struct addr *local, steering_bind_cb bind_cb, void *owner,
	uint64_t now_us);
// Before the socket closes. The relay may know us by the port for a while, so that the next tunnel
// to it is offered the same.
void steering_close(struct steering_tunnel *t, uint64_t now_us);

// To be called ten times a second: measures, a part of the tunnels at a time, each about once a
// second; and spreads a tunnel by channel in software that keeps its worker busy all alone.
void steering_tick(struct steering *s, uint64_t now_us);

void steering_view(const struct steering_tunnel *t, struct observe_steering *out);
uint32_t steering_worker_tunnels(const struct steering *s, unsigned int worker);
// How tunnels to relays of this family are led to workers on the port, in words for people.
const char *steering_port_way(
	const struct steering *s, const struct steering_port *p, enum addr_family family);

// Moves tunnels from the most to the least loaded workers, or says what would be moved. cb gets one
// row for the state before, one a move, and one that says why when there is no move.
void steering_rebalance(struct steering *s, bool dry_run,
	void (*cb)(void *arg, const struct observe_move *row), void *arg);

#endif
