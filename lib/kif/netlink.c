// SPDX-License-Identifier: BSD-3-Clause
#include "kif/netlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/log.h"
#include "kif/netlink_msg.h"

#define NETLINK_BATCH  64
#define NETLINK_RCVBUF (1 << 20)
#define NETLINK_WAIT_S 2

// What was told to the callback and not taken back: after an overrun the dump shows what is there,
// and this what is gone without a message.
struct known {
	struct netlink_event ev; // NETLINK_LINK or NETLINK_ADDR_ADD
	bool seen;		 // in the dump that runs
};

struct netlink {
	int fd;	    // events and dumps
	int req_fd; // synchronous requests
	netlink_cb cb;
	void *arg;
	uint32_t seq, dump_seq;
	uint16_t dump_type; // RTM_GETLINK, RTM_GETADDR, 0: none runs
	bool dump_again;
	struct known *known;
	size_t n_known, max_known;
	uint8_t buf[64 * 1024]; // a dump comes in pieces of 32 KiB at most
};

static bool known_is(const struct known *k, const struct netlink_event *ev)
{
	if (k->ev.ifindex != ev->ifindex)
		return false;
	if (ev->type == NETLINK_LINK || ev->type == NETLINK_LINK_GONE)
		return k->ev.type == NETLINK_LINK;
	return k->ev.type == NETLINK_ADDR_ADD && k->ev.prefix_len == ev->prefix_len &&
	       addr_eq(&k->ev.addr, &ev->addr);
}

static void known_add(struct netlink *nl, const struct netlink_event *ev)
{
	for (size_t i = 0; i < nl->n_known; i++) {
		if (known_is(&nl->known[i], ev)) {
			nl->known[i] = (struct known){.ev = *ev, .seen = true};
			return;
		}
	}
	if (nl->n_known == nl->max_known) {
		size_t max = nl->max_known != 0 ? 2 * nl->max_known : 64;
		struct known *grown = realloc(nl->known, max * sizeof(*grown));

		if (grown == NULL) {
			log_error("kif", "out of memory for an address");
			return;
		}
		nl->known = grown;
		nl->max_known = max;
	}
	nl->known[nl->n_known++] = (struct known){.ev = *ev, .seen = true};
}

static void known_remove(struct netlink *nl, const struct netlink_event *ev)
{
	for (size_t i = 0; i < nl->n_known; i++) {
		if (known_is(&nl->known[i], ev)) {
			nl->known[i] = nl->known[--nl->n_known];
			return;
		}
	}
}

static void tell(struct netlink *nl, const struct netlink_event *ev)
{
	if (ev->type == NETLINK_LINK || ev->type == NETLINK_ADDR_ADD)
		known_add(nl, ev);
	else
		known_remove(nl, ev);
	nl->cb(nl->arg, ev);
}

// After a dump of this kind: what was known and did not come is gone.
static void sweep(struct netlink *nl, enum netlink_event_type kind)
{
	size_t i = 0;

	while (i < nl->n_known) {
		struct netlink_event ev = nl->known[i].ev;

		if (ev.type != kind || nl->known[i].seen) {
			i++;
			continue;
		}
		ev.type = kind == NETLINK_LINK ? NETLINK_LINK_GONE : NETLINK_ADDR_DEL;
		tell(nl, &ev); // takes it out of the list
	}
}

static int dump_start(struct netlink *nl, uint16_t type)
{
	struct netlink_request r;
	const enum netlink_event_type kind = type == RTM_GETLINK ? NETLINK_LINK : NETLINK_ADDR_ADD;

	nl->dump_seq = ++nl->seq;
	netlink_request_init(&r, type, NLM_F_REQUEST | NLM_F_DUMP, nl->dump_seq);
	if (type == RTM_GETLINK) {
		const struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};

		netlink_request_put(&r, &ifi, sizeof(ifi));
	} else {
		const struct ifaddrmsg ifa = {.ifa_family = AF_UNSPEC};

		netlink_request_put(&r, &ifa, sizeof(ifa));
	}
	netlink_request_end(&r);
	for (size_t i = 0; i < nl->n_known; i++)
		if (nl->known[i].ev.type == kind)
			nl->known[i].seen = false;
	if (send(nl->fd, r.buf, r.len, 0) < 0) {
		nl->dump_type = 0;
		return -errno;
	}
	nl->dump_type = type;
	return 0;
}

static int dump_done(struct netlink *nl)
{
	if (nl->dump_again) {
		nl->dump_again = false;
		return dump_start(nl, RTM_GETLINK);
	}
	if (nl->dump_type == RTM_GETLINK) {
		sweep(nl, NETLINK_LINK);
		return dump_start(nl, RTM_GETADDR);
	}
	nl->dump_type = 0;
	sweep(nl, NETLINK_ADDR_ADD);
	return 0;
}

int netlink_dump(struct netlink *nl)
{
	// The kernel runs one dump a socket: a second one has to wait for its end.
	if (nl->dump_type != 0) {
		nl->dump_again = true;
		return 0;
	}
	return dump_start(nl, RTM_GETLINK);
}

static int take_message(struct netlink *nl, const uint8_t *msg, const struct netlink_header *h)
{
	const bool of_dump = nl->dump_type != 0 && h->seq == nl->dump_seq;
	struct netlink_event ev;
	int rc;

	if (of_dump && (h->flags & NLM_F_DUMP_INTR) != 0)
		nl->dump_again = true;
	if (h->type == NLMSG_DONE)
		return of_dump ? dump_done(nl) : 0;
	if (h->type == NLMSG_ERROR) {
		rc = netlink_msg_error(msg, h->len);
		if (rc != 0 && of_dump)
			nl->dump_type = 0;
		return of_dump ? rc : 0;
	}
	rc = netlink_msg_parse(msg, h->len, &ev);
	if (rc == 0)
		tell(nl, &ev);
	else if (rc != -ENOMSG)
		log_warn_limited(
			"kif", "a netlink message that breaks off type=%u len=%u", h->type, h->len);
	return 0;
}

static int take_datagram(struct netlink *nl, size_t len)
{
	size_t at = 0;
	int rc = 0;

	while (at < len && rc == 0) {
		struct netlink_header h;

		if (netlink_header_parse(nl->buf + at, len - at, &h) != 0) {
			log_warn_limited("kif", "a netlink datagram that breaks off len=%zu", len);
			break;
		}
		rc = take_message(nl, nl->buf + at, &h);
		at += NLMSG_ALIGN((size_t)h.len);
	}
	return rc;
}

// One datagram of the kernel into nl->buf: its length, 0 for one to skip, or a negative errno.
static ssize_t receive(struct netlink *nl, int fd, int flags)
{
	struct sockaddr_nl from = {0};
	struct iovec iov = {.iov_base = nl->buf, .iov_len = sizeof(nl->buf)};
	struct msghdr mh = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do
		n = recvmsg(fd, &mh, flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((mh.msg_flags & MSG_TRUNC) != 0)
		return -ENOBUFS;
	// Any process may send to a netlink socket; port id 0 is the kernel.
	return from.nl_pid == 0 ? n : 0;
}

int netlink_input(struct netlink *nl)
{
	int rc = 0;

	for (int i = 0; i < NETLINK_BATCH && rc == 0; i++) {
		ssize_t n = receive(nl, nl->fd, MSG_DONTWAIT);

		if (n == -EAGAIN)
			break;
		if (n == -ENOBUFS) {
			log_warn_limited("kif", "netlink overrun, asking for everything again");
			rc = netlink_dump(nl);
		} else if (n < 0) {
			rc = (int)n;
		} else {
			rc = take_datagram(nl, (size_t)n);
		}
	}
	return rc;
}

// Sends the request and waits for its acknowledgement, or with route for the route in its place.
// The kernel has either ready at once.
static int transact_route(
	struct netlink *nl, struct netlink_request *r, uint32_t seq, struct netlink_route *route)
{
	// nl->buf may hold the datagram whose event led here.
	uint8_t reply[1024];

	netlink_request_end(r);
	if (send(nl->req_fd, r->buf, r->len, 0) < 0)
		return -errno;
	for (;;) {
		struct netlink_header h;
		ssize_t n = recv(nl->req_fd, reply, sizeof(reply), 0);
		int rc;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (netlink_header_parse(reply, (size_t)n, &h) != 0)
			return -EBADMSG;
		// A late answer to a request that was given up.
		if (h.seq != seq)
			continue;
		if (route && h.type == RTM_NEWROUTE)
			return netlink_route_parse(reply, h.len, route);
		if (h.type != NLMSG_ERROR)
			continue;
		rc = netlink_msg_error(reply, h.len);
		return rc == -EEXIST ? 0 : rc;
	}
}

static int transact(struct netlink *nl, struct netlink_request *r, uint32_t seq)
{
	return transact_route(nl, r, seq, NULL);
}

static uint8_t kernel_family(const struct addr *a)
{
	return a->family == ADDR_V4 ? AF_INET : a->family == ADDR_V6 ? AF_INET6 : AF_UNSPEC;
}

static int addr_request(struct netlink *nl, uint16_t type, uint16_t flags, int ifindex,
	const struct addr *addr, uint8_t prefix_len)
{
	const size_t size = addr_size(addr);
	const struct ifaddrmsg ifa = {
		.ifa_family = kernel_family(addr),
		.ifa_prefixlen = prefix_len,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		// The operator's word, at once: no seconds of IPv6 duplicate address detection.
		.ifa_flags = addr->family == ADDR_V6 ? IFA_F_NODAD : 0,
		.ifa_index = (uint32_t)ifindex,
	};
	const uint32_t seq = ++nl->seq;
	struct netlink_request r;

	if (size == 0 || prefix_len > 8 * size || ifindex <= 0)
		return -EINVAL;
	netlink_request_init(&r, type, flags, seq);
	netlink_request_put(&r, &ifa, sizeof(ifa));
	netlink_request_attr(&r, IFA_LOCAL, addr->bytes, size);
	netlink_request_attr(&r, IFA_ADDRESS, addr->bytes, size);
	return transact(nl, &r, seq);
}

int netlink_addr_again(struct netlink *nl, int ifindex, const struct addr *addr, uint8_t prefix_len)
{
	return addr_request(nl, RTM_NEWADDR,
		NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, ifindex, addr,
		prefix_len);
}

int netlink_addr_add(struct netlink *nl, int ifindex, const struct addr *addr, uint8_t prefix_len)
{
	return addr_request(nl, RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
		ifindex, addr, prefix_len);
}

int netlink_addr_del(struct netlink *nl, int ifindex, const struct addr *addr, uint8_t prefix_len)
{
	int ret =
		addr_request(nl, RTM_DELADDR, NLM_F_REQUEST | NLM_F_ACK, ifindex, addr, prefix_len);

	return ret == -EADDRNOTAVAIL ? 0 : ret;
}

static int route_request(struct netlink *nl, uint16_t type, uint16_t flags, int ifindex,
	const struct prefix *to, const struct addr *via)
{
	const size_t size = addr_size(&to->addr);
	const bool gateway = via != NULL && !addr_is_none(via);
	const struct rtmsg rtm = {
		.rtm_family = kernel_family(&to->addr),
		.rtm_dst_len = to->len,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
		.rtm_type = RTN_UNICAST,
	};
	const uint32_t oif = (uint32_t)ifindex, first = 1;
	const uint32_t seq = ++nl->seq;
	struct netlink_request r;

	if (size == 0 || to->len > 8 * size || ifindex <= 0 ||
		(gateway && via->family != to->addr.family))
		return -EINVAL;
	netlink_request_init(&r, type, flags, seq);
	netlink_request_put(&r, &rtm, sizeof(rtm));
	if (to->len > 0)
		netlink_request_attr(&r, RTA_DST, to->addr.bytes, size);
	if (gateway)
		netlink_request_attr(&r, RTA_GATEWAY, via->bytes, size);
	netlink_request_attr(&r, RTA_OIF, &oif, sizeof(oif));
	// Of IPv6 a route of the same metric would share its traffic with ours.
	if (to->addr.family == ADDR_V6)
		netlink_request_attr(&r, RTA_PRIORITY, &first, sizeof(first));
	return transact(nl, &r, seq);
}

int netlink_route_add(
	struct netlink *nl, int ifindex, const struct prefix *to, const struct addr *via)
{
	// Without EXCL and REPLACE: a route of somebody else to the same prefix stays, behind ours,
	// and is in force again when our netdev is gone. The very same route is -EEXIST.
	return route_request(
		nl, RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, ifindex, to, via);
}

int netlink_route_del(
	struct netlink *nl, int ifindex, const struct prefix *to, const struct addr *via)
{
	int ret = route_request(nl, RTM_DELROUTE, NLM_F_REQUEST | NLM_F_ACK, ifindex, to, via);

	return ret == -ESRCH ? 0 : ret;
}

int netlink_route_get(struct netlink *nl, const struct addr *dst, struct netlink_route *out)
{
	const size_t size = addr_size(dst);
	const struct rtmsg rtm = {
		.rtm_family = kernel_family(dst),
		.rtm_dst_len = (uint8_t)(8 * size),
		.rtm_flags = RTM_F_FIB_MATCH, // its prefix, not the address alone
	};
	const uint32_t seq = ++nl->seq;
	struct netlink_request r;

	memset(out, 0, sizeof(*out));
	if (size == 0)
		return -EINVAL;
	netlink_request_init(&r, RTM_GETROUTE, NLM_F_REQUEST, seq);
	netlink_request_put(&r, &rtm, sizeof(rtm));
	netlink_request_attr(&r, RTA_DST, dst->bytes, size);
	return transact_route(nl, &r, seq, out);
}

static int open_sockets(struct netlink *nl)
{
	const struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
	const struct sockaddr_nl none = {.nl_family = AF_NETLINK};
	const struct timeval wait = {.tv_sec = NETLINK_WAIT_S};
	const int rcvbuf = NETLINK_RCVBUF;

	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	nl->req_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (nl->fd < 0 || nl->req_fd < 0)
		return -errno;
	// A wish: an overrun is survived.
	if (setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)) < 0)
		setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	if (bind(nl->fd, (const struct sockaddr *)&groups, sizeof(groups)) < 0 ||
		bind(nl->req_fd, (const struct sockaddr *)&none, sizeof(none)) < 0 ||
		setsockopt(nl->req_fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
		return -errno;
	return 0;
}

struct netlink *netlink_open(netlink_cb cb, void *arg, char err[NETLINK_ERR_LEN])
{
	struct netlink *nl = calloc(1, sizeof(*nl));
	int rc;

	err[0] = '\0';
	if (nl == NULL) {
		snprintf(err, NETLINK_ERR_LEN, "netlink: out of memory");
		return NULL;
	}
	nl->fd = -1;
	nl->req_fd = -1;
	nl->cb = cb;
	nl->arg = arg;
	rc = open_sockets(nl);
	if (rc != 0) {
		snprintf(err, NETLINK_ERR_LEN, "netlink: %s", strerror(-rc));
		netlink_close(nl);
		return NULL;
	}
	return nl;
}

void netlink_close(struct netlink *nl)
{
	if (nl == NULL)
		return;
	if (nl->fd >= 0)
		close(nl->fd);
	if (nl->req_fd >= 0)
		close(nl->req_fd);
	free(nl->known);
	free(nl);
}

int netlink_fd(const struct netlink *nl)
{
	return nl->fd;
}
