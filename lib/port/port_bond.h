// SPDX-License-Identifier: BSD-3-Clause
// Bonds whose members do not tell when their link goes: net_tap notes it and tells nobody,
// net_af_packet reports up always (DPDK 22.11). Internal to port.
#ifndef PORT_PORT_BOND_H
#define PORT_PORT_BOND_H

#include "port/port.h"

// What is to be known of a member before it is asked: the netdev under it.
void port_bond_member(struct port *p, unsigned int i, const char *device);
// Of a bond that uses one member (modes 1, 5, 6): where that one's link is down and another's is
// up, the other is used from now on. To be called from time to time; never blocks.
void port_bond_watch(const struct port *p);

#endif
