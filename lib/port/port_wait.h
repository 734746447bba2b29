// SPDX-License-Identifier: BSD-3-Clause
// Waiting for packets instead of asking for them: receive interrupts where the driver has them, and
// the sockets of drivers that keep theirs to themselves (net_af_packet, net_af_xdp).
#ifndef PORT_PORT_WAIT_H
#define PORT_PORT_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "port/port.h"

struct rte_epoll_event;

// The sockets of the process before a port is opened, so that those of its driver can be told.
struct port_sockets {
	int fds[512];
	unsigned int n;
	bool overflow;
};

// Internal to the room: port_open() calls these, before the device is probed and when it runs.
void port_sockets_list(struct port_sockets *s);
void port_wait_find(struct port *p, const struct port_sockets *before);
// Whether the driver is one that has receive interrupts.
bool port_wait_has_interrupts(const char *driver);

// Adds what tells of packets of a receive queue to an epoll descriptor, for rte_epoll_wait(). ev
// has to stay where it is as long as that is open. 0, -ENOTSUP where the port has nothing of the
// kind (or was not opened with rx_wait), or another negative errno.
int port_wait_add(const struct port *p, uint16_t queue, int epfd, struct rte_epoll_event *ev);
// To be called before each wait, and then the queue has to be asked once more: what came before is
// not told of. May be called from the worker that has the queue, alone.
void port_wait_arm(const struct port *p, uint16_t queue);

#endif
