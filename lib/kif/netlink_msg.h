// SPDX-License-Identifier: BSD-3-Clause
// One rtnetlink message to an event, and requests into a buffer. No socket here. Private to the
// room and its tests.
#ifndef KIF_NETLINK_MSG_H
#define KIF_NETLINK_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "kif/netlink.h"

// The outer header of a message; len counts it.
struct netlink_header {
	uint32_t len;
	uint16_t type, flags;
	uint32_t seq;
};
// Reads the header at buf and checks its length against what is there. -EBADMSG.
int netlink_header_parse(const uint8_t *buf, size_t len, struct netlink_header *out);

// msg: a whole message with its header, of exactly the header's length. 0 with *ev filled,
// -ENOMSG for a message that is no business of ours, -EBADMSG for one that breaks off.
int netlink_msg_parse(const uint8_t *msg, size_t len, struct netlink_event *ev);
// The error of an NLMSG_ERROR message: 0 for an acknowledgement, a negative errno; -EBADMSG.
int netlink_msg_error(const uint8_t *msg, size_t len);
// The same of an answer to RTM_GETROUTE.
int netlink_route_parse(const uint8_t *msg, size_t len, struct netlink_route *out);

// A request under construction; 8-octet alignment is not needed, the kernel copies.
struct netlink_request {
	uint8_t buf[256];
	size_t len;
};
void netlink_request_init(struct netlink_request *r, uint16_t type, uint16_t flags, uint32_t seq);
void netlink_request_put(struct netlink_request *r, const void *data, size_t len);
void netlink_request_attr(struct netlink_request *r, uint16_t type, const void *data, size_t len);
// Writes the final length into the header.
void netlink_request_end(struct netlink_request *r);

#endif
