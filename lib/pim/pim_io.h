// SPDX-License-Identifier: BSD-3-Clause
// The IO of the PIM room: libpcap in (immediate mode, capture filter), a raw socket out (IPv6: a
// packet socket), on one kernel netdev and for one family; driven by the control loop through a
// file descriptor.
#ifndef PIM_PIM_IO_H
#define PIM_PIM_IO_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct pim_io;

// A PIM message, NULL for an IP fragment of one. Without a usable IP header src and dst are none,
// and len is 0.
typedef void (*pim_io_rx_cb)(
	void *ctx, const struct addr *src, const struct addr *dst, const uint8_t *pim, size_t len);

#define PIM_IO_ERR_LEN 256
// Opens capture and raw socket on netdev. The netdev must exist and be up. NULL with one line in
// err on failure. Joins 224.0.0.13 or ff02::d on the netdev so that real ports pass it.
struct pim_io *pim_io_open(
	const char *netdev, uint8_t family, pim_io_rx_cb cb, void *ctx, char err[PIM_IO_ERR_LEN]);
// Only listens: hears what others on this host send through the netdev as well, joins nothing, and
// pim_io_send() fails.
struct pim_io *pim_io_watch(
	const char *netdev, uint8_t family, pim_io_rx_cb cb, void *ctx, char err[PIM_IO_ERR_LEN]);
void pim_io_close(struct pim_io *io);
// Poll for readability, then call pim_io_input(): it hands every packet waiting to the callback
// (a bounded batch a call) and returns how many, or a negative errno (-ENODEV when the netdev
// went). A netdev that is down gives 0: the capture goes on by itself when it is up again. Every
// PIM packet received comes, whatever its IP destination; our own do not. A fragment, or a packet
// with a broken IP header, comes as 0 octets (in the second case from and to none), so that it is
// counted.
int pim_io_fd(const struct pim_io *io);
int pim_io_input(struct pim_io *io);
// Those that the kernel had no room to keep until then, since the last call.
uint32_t pim_io_lost(struct pim_io *io);
// 0 or a negative errno. Source address src, which the netdev need not have (a Goodbye may come
// after its address went), TTL 1, TOS 0xc0, to 224.0.0.13 or ff02::d.
int pim_io_send(struct pim_io *io, const struct addr *src, const uint8_t *pim, size_t len);

#endif
