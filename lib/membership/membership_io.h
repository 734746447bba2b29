// SPDX-License-Identifier: BSD-3-Clause
// The IO of the membership room: libpcap in (immediate mode, capture filter), a raw socket out
// (MLD: a packet socket), on one kernel netdev and for one family; driven by the control loop
// through a file descriptor. The kernel's own IGMP and MLD are not touched: it stays a host on the
// link, and nothing is routed by it.
#ifndef MEMBERSHIP_MEMBERSHIP_IO_H
#define MEMBERSHIP_MEMBERSHIP_IO_H

#include <stddef.h>
#include <stdint.h>

struct membership_io;

// An IP datagram, as it was received; what is broken too, so that it is counted.
typedef void (*membership_io_rx_cb)(void *ctx, const uint8_t *ip, size_t len);

#define MEMBERSHIP_IO_ERR_LEN 256
// Opens capture and raw socket on netdev, which must exist and be up. NULL with one line in err on
// failure. Asks the netdev for all multicast: reports of the older versions go to the groups that
// they name, those of IGMPv3 to 224.0.0.22, of MLDv2 to ff02::16.
struct membership_io *membership_io_open(const char *netdev, uint8_t family, membership_io_rx_cb cb,
	void *ctx, char err[MEMBERSHIP_IO_ERR_LEN]);
void membership_io_close(struct membership_io *io);
// Poll for readability, then call membership_io_input(): it hands every datagram waiting to the
// callback (a bounded batch a call) and returns how many, or a negative errno (-ENODEV when the
// netdev went). A netdev that is down gives 0: the capture goes on by itself when it is up again.
// Our own do not come.
int membership_io_fd(const struct membership_io *io);
int membership_io_input(struct membership_io *io);
// Those that the kernel had no room to keep until then, since the last call.
uint32_t membership_io_lost(struct membership_io *io);
// A datagram of the family as it is, to the group that is the destination in its header. 0 or a
// negative errno.
int membership_io_send(struct membership_io *io, const uint8_t *ip, size_t len);

#endif
