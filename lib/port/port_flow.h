// SPDX-License-Identifier: BSD-3-Clause
// Rules of rte_flow that lead a tunnel's packets to one queue, where the driver has them.
#ifndef PORT_PORT_FLOW_H
#define PORT_PORT_FLOW_H

#include <stdint.h>

#include "steer/steer.h"

struct port;
struct rte_flow;

// Finds out whether the started port takes such rules (p->flow_steer), by making one for addresses
// of documentation and removing it: drivers validate what they then refuse to make.
void port_flow_probe(struct port *p);
// A rule: UDP of this tuple behind this VLAN tag (0: none) to the queue. 0, -ENOTSUP without
// p->flow_steer, -EINVAL for a queue that is not or a tuple of two families, or the driver's
// negative errno, which may be -ENOSPC or -ENOMEM when its table is full.
int port_flow_steer(struct port *p, const struct steer_tuple *t, uint16_t vlan, uint16_t queue,
	struct rte_flow **rule);
// Removes a rule; NULL is none.
void port_flow_unsteer(struct port *p, struct rte_flow *rule);
// Removes those that are left; before the port stops.
void port_flow_close(struct port *p);

#endif
