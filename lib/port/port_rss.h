// SPDX-License-Identifier: BSD-3-Clause
// How a port spreads what it receives over its queues: RSS key, indirection table (RETA) and what
// is hashed, asked for at configuration and read back from the started port into port->steer.
#ifndef PORT_PORT_RSS_H
#define PORT_PORT_RSS_H

#include <stdint.h>

struct port;

// Of the RTE_ETH_RSS_* types that the driver has, those to ask for: addresses, and UDP ports.
uint64_t port_rss_types(uint64_t driver_types);
// Fills in p->steer and p->reta_settable from the started port; what the driver does not tell stays
// zero. A table that leaves all but one of several queues out is replaced by the usual one.
void port_rss_read(struct port *p);
// Programs the whole table: reta[i] is the queue of entry i, p->steer.reta_size entries. 0 (and
// p->steer follows), -ENOTSUP, -EINVAL for a queue that is not, or the driver's negative errno.
int port_reta_set(struct port *p, const uint16_t *reta);

#endif
