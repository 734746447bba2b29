// SPDX-License-Identifier: BSD-3-Clause
// rtnetlink for the kernel-interface ports: set addresses and routes, follow what the operator and
// the kernel change.
#ifndef KIF_NETLINK_H
#define KIF_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

struct netlink;

enum netlink_event_type {
	NETLINK_LINK, // name, up, mtu, mac as they are now
	NETLINK_LINK_GONE,
	// addr, prefix_len. An IPv6 address is there once duplicate address detection is done; as
	// long as it runs, and when it finds a duplicate, the address counts as deleted.
	NETLINK_ADDR_ADD,
	NETLINK_ADDR_DEL,
};
struct netlink_event {
	enum netlink_event_type type;
	int ifindex;
	char name[16];
	bool up;	// IFF_UP
	uint32_t mtu;	// 0: not 68..65535, ignore
	uint8_t mac[6]; // zero: no unicast MAC address, ignore
	struct addr addr;
	uint8_t prefix_len;
	bool secondary;	 // the kernel takes another address of the subnet as source (IPv6:
			 // temporary)
	bool deprecated; // IPv6: not for new communication (RFC 4862 section 5.5.4)
};
typedef void (*netlink_cb)(void *arg, const struct netlink_event *ev);

#define NETLINK_ERR_LEN 256
struct netlink *netlink_open(netlink_cb cb, void *arg, char err[NETLINK_ERR_LEN]);
void netlink_close(struct netlink *nl);
int netlink_fd(const struct netlink *nl);
// Reads what waits, bounded; 0 or a negative errno. An overrun of the socket asks for a full dump
// again by itself; what is gone by then comes as LINK_GONE and ADDR_DEL after it. The callback may
// make requests, but not call netlink_input() or netlink_close().
int netlink_input(struct netlink *nl);
// Asks for all links and addresses; they come as events.
int netlink_dump(struct netlink *nl);
// Synchronous requests to the kernel; 0 or a negative errno. EEXIST counts as success. An IPv6
// address skips duplicate address detection.
int netlink_addr_add(struct netlink *nl, int ifindex, const struct addr *addr, uint8_t prefix_len);
// One that is there, so that the kernel tells everybody of it once more. 0 or a negative errno.
int netlink_addr_again(
	struct netlink *nl, int ifindex, const struct addr *addr, uint8_t prefix_len);
// One that is not there counts as success.
int netlink_addr_del(struct netlink *nl, int ifindex, const struct addr *addr, uint8_t prefix_len);
// via may be NULL or none: on-link. A route of somebody else to the same prefix is kept, behind
// this one. The kernel drops the routes of an interface that goes down: add them again when it is
// up.
int netlink_route_add(
	struct netlink *nl, int ifindex, const struct prefix *to, const struct addr *via);
// One that is not there counts as success.
int netlink_route_del(
	struct netlink *nl, int ifindex, const struct prefix *to, const struct addr *via);

// The route that the kernel's tables have for an address, as it stands there.
#define NETLINK_MAX_HOPS 8
struct netlink_route {
	uint8_t dst_len; // of its prefix; 0: a default route
	bool dynamic;	 // set by a routing daemon, DHCP or the like; not by hand, not a link's own
	unsigned int n_hops; // more are left out
	int ifindex[NETLINK_MAX_HOPS];
};
// A synchronous request. 0 or a negative errno: -ENETUNREACH and the like without a route,
// -ETIMEDOUT.
int netlink_route_get(struct netlink *nl, const struct addr *dst, struct netlink_route *out);

#endif
