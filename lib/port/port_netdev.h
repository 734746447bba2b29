// SPDX-License-Identifier: BSD-3-Clause
// Ports that ride on a kernel netdev (net_af_packet, net_af_xdp): what their drivers do not tell or
// check, read from the device string and from the kernel. Private to the room.
#ifndef PORT_PORT_NETDEV_H
#define PORT_PORT_NETDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The value of a key of "name,key=value,..." into out. False when absent, empty or too long.
bool port_devarg(const char *device, const char *key, char *out, size_t size);
// True for a device of one of the two drivers above.
bool port_netdev_backed(const char *device);
// The netdev under the device, 1..15 octets; empty when the device has none.
void port_netdev_name(const char *device, char name[16]);
// Its MTU, or a negative errno.
int port_netdev_mtu(const char *name);
// Sets it. 0, or a negative errno.
int port_netdev_set_mtu(const char *name, int mtu);
// Brings it up or down. 0, or a negative errno.
int port_netdev_set_up(const char *name, bool up);
// 1 running, 0 not, or a negative errno.
int port_netdev_running(const char *name);

#endif
