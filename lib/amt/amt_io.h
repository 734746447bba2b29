// SPDX-License-Identifier: BSD-3-Clause
// The IO of the AMT room: UDP sockets on the kernel-interface port, one a tunnel and one for
// discovery, read by the control loop.
#ifndef AMT_AMT_IO_H
#define AMT_AMT_IO_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct event_base;
struct amt_endpoint;

// One datagram received; port in host order.
typedef void (*amt_endpoint_rx_cb)(
	void *arg, const struct addr *src, uint16_t src_port, const uint8_t *buf, size_t len);
// ICMP error that the kernel matched to this socket (MSG_ERRQUEUE): err is an errno such as
// ECONNREFUSED or EHOSTUNREACH, dst the peer we had sent to.
typedef void (*amt_endpoint_err_cb)(void *arg, const struct addr *dst, int err);

// Binds a UDP socket to local and port (host order; 0: of the kernel's choice, random) and to
// netdev (SO_BINDTODEVICE; NULL or "" binds to none), TTL or hop limit 64, TOS or traffic class
// 0xc0, checksum always on. On failure NULL with errno set: EADDRINUSE when the port is taken.
struct amt_endpoint *amt_endpoint_open(struct event_base *base, const char *netdev,
	const struct addr *local, uint16_t port, amt_endpoint_rx_cb rx, amt_endpoint_err_cb err,
	void *arg);
void amt_endpoint_close(struct amt_endpoint *ep);
// Host order.
uint16_t amt_endpoint_port(const struct amt_endpoint *ep);
struct addr amt_endpoint_local(const struct amt_endpoint *ep);
// To dst, port 2268. 0 or a negative errno.
int amt_endpoint_send(
	struct amt_endpoint *ep, const struct addr *dst, const uint8_t *buf, size_t len);

#endif
