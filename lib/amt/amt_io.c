// SPDX-License-Identifier: BSD-3-Clause
// UDP sockets on the kernel-interface port. They are not connected, because an Advertisement may
// come for several discoveries at once; the engine checks where a message comes from.
#include "amt/amt_io.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/amt.h"

#define RX_BATCH   64 // datagrams a wakeup, so that a flood does not starve the loop
#define RX_SIZE	   65536
#define PEERS	   16
#define IP_CONTROL 0xc0 // CS6 (standards I-08)

struct amt_endpoint {
	int fd;
	struct event *ev;
	struct addr local;
	uint16_t port;
	amt_endpoint_rx_cb rx;
	amt_endpoint_err_cb err;
	void *arg;
	bool busy, closed;	  // callbacks running; closed by one of them
	struct addr peers[PEERS]; // the last ones sent to: an ICMP error must quote one
	uint32_t next_peer;
};

static bool peer_known(const struct amt_endpoint *ep, const struct addr *a)
{
	for (uint32_t i = 0; i < PEERS; i++) {
		if (addr_eq(&ep->peers[i], a))
			return true;
	}
	return false;
}

static void peer_add(struct amt_endpoint *ep, const struct addr *a)
{
	if (!peer_known(ep, a))
		ep->peers[ep->next_peer++ % PEERS] = *a;
}

// The kernel has matched the quoted packet to this socket by our address and port only, and those
// can be seen or guessed. What is quoted must look like what we send: to AMT's port, to a peer of
// ours, and, when the quotation is long enough to show it, a message that gateways send.
static bool quote_ours(const struct amt_endpoint *ep, const struct addr *dst, uint16_t port,
	const uint8_t *payload, size_t len)
{
	if (port != AMT_PORT || !peer_known(ep, dst))
		return false;
	return len == 0 || payload[0] == AMT_RELAY_DISCOVERY || payload[0] == AMT_REQUEST ||
	       payload[0] == AMT_MEMBERSHIP_UPDATE || payload[0] == AMT_TEARDOWN;
}

static const struct sock_extended_err *extended_err(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
			(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			return (const struct sock_extended_err *)(const void *)CMSG_DATA(c);
	}
	return NULL;
}

// A port unreachable that another host than dst sends, or "administratively prohibited": that is a
// firewall's. EACCES then, as the kernel has it for IPv6.
static int error_of(const struct sock_extended_err *ee, const struct addr *dst)
{
	// SO_EE_OFFENDER() casts away the const.
	const struct sockaddr *sa = (const struct sockaddr *)(const void *)(ee + 1);
	struct addr offender;

	if (ee->ee_origin == SO_EE_ORIGIN_ICMP && ee->ee_type == ICMP_DEST_UNREACH &&
		(ee->ee_code == ICMP_NET_ANO || ee->ee_code == ICMP_HOST_ANO ||
			ee->ee_code == ICMP_PKT_FILTERED))
		return EACCES;
	if (ee->ee_errno == ECONNREFUSED && addr_from_sockaddr(sa, &offender, NULL) == 0 &&
		!addr_eq(&offender, dst))
		return EACCES;
	return (int)ee->ee_errno;
}

// One entry of the error queue. False when there is none.
static bool error_read(struct amt_endpoint *ep)
{
	_Alignas(struct cmsghdr) char control[512];
	uint8_t payload[64];
	struct sockaddr_storage to;
	struct iovec iov = {.iov_base = payload, .iov_len = sizeof(payload)};
	struct msghdr msg = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	const struct sock_extended_err *ee;
	struct addr dst;
	uint16_t port;
	ssize_t n = recvmsg(ep->fd, &msg, MSG_ERRQUEUE);

	if (n < 0)
		return false;
	ee = extended_err(&msg);
	if (ee && (ee->ee_origin == SO_EE_ORIGIN_ICMP || ee->ee_origin == SO_EE_ORIGIN_ICMP6) &&
		addr_from_sockaddr((struct sockaddr *)&to, &dst, &port) == 0 &&
		quote_ours(ep, &dst, port, payload, (size_t)n))
		ep->err(ep->arg, &dst, error_of(ee, &dst));
	return true;
}

// One datagram. False when there is none.
static bool datagram_read(struct amt_endpoint *ep, uint8_t *buf)
{
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	struct addr src;
	uint16_t port;
	ssize_t n = recvfrom(ep->fd, buf, RX_SIZE, 0, (struct sockaddr *)&from, &from_len);

	// Another error than "none left" is the echo of an ICMP error, already read from the queue.
	if (n < 0)
		return errno != EAGAIN && errno != EWOULDBLOCK;
	if (addr_from_sockaddr((struct sockaddr *)&from, &src, &port) == 0)
		ep->rx(ep->arg, &src, port, buf, (size_t)n);
	return true;
}

static void endpoint_free(struct amt_endpoint *ep)
{
	event_free(ep->ev);
	close(ep->fd);
	free(ep);
}

static void endpoint_readable(evutil_socket_t fd, short what, void *arg)
{
	struct amt_endpoint *ep = arg;
	uint8_t buf[RX_SIZE];

	(void)fd;
	(void)what;
	ep->busy = true;
	for (int i = 0; i < RX_BATCH && !ep->closed && error_read(ep); i++)
		;
	for (int i = 0; i < RX_BATCH && !ep->closed && datagram_read(ep, buf); i++)
		;
	ep->busy = false;
	if (ep->closed)
		endpoint_free(ep);
}

static int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

static int options_ipv4(int fd)
{
	// DF stays 0 (standards I-08): an Update that a small link must fragment still arrives.
	if (set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT) < 0 ||
		set_option(fd, IPPROTO_IP, IP_TTL, 64) < 0 ||
		set_option(fd, IPPROTO_IP, IP_TOS, IP_CONTROL) < 0)
		return -1;
	return set_option(fd, IPPROTO_IP, IP_RECVERR, 1);
}

// A checksum of zero is neither sent nor taken: that is how the kernel has it unless asked (RFC
// 6935 section 5; standards G-05, G-08).
static int options_ipv6(int fd)
{
	if (set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0 ||
		set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT) < 0 ||
		set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64) < 0 ||
		set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, IP_CONTROL) < 0)
		return -1;
	return set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
}

static int socket_open(const char *netdev, const struct addr *local, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(local, port, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -1;
	if (netdev && netdev[0] &&
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, netdev, (socklen_t)strlen(netdev) + 1) <
			0)
		goto fail;
	if ((local->family == ADDR_V6 ? options_ipv6(fd) : options_ipv4(fd)) < 0)
		goto fail;
	if (bind(fd, (struct sockaddr *)&sa, len) < 0)
		goto fail;
	return fd;
fail:
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

struct amt_endpoint *amt_endpoint_open(struct event_base *base, const char *netdev,
	const struct addr *local, uint16_t port, amt_endpoint_rx_cb rx, amt_endpoint_err_cb err,
	void *arg)
{
	struct amt_endpoint *ep = calloc(1, sizeof(*ep));
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int saved;

	if (!ep)
		return NULL;
	*ep = (struct amt_endpoint){.rx = rx, .err = err, .arg = arg};
	ep->fd = socket_open(netdev, local, port);
	if (ep->fd < 0)
		goto fail_socket;
	if (getsockname(ep->fd, (struct sockaddr *)&sa, &len) < 0)
		goto fail_event;
	addr_from_sockaddr((struct sockaddr *)&sa, &ep->local, &ep->port);
	errno = ENOMEM;
	ep->ev = event_new(base, ep->fd, EV_READ | EV_PERSIST, endpoint_readable, ep);
	if (!ep->ev || event_add(ep->ev, NULL) < 0)
		goto fail_event;
	return ep;
fail_event:
	saved = errno;
	if (ep->ev)
		event_free(ep->ev);
	close(ep->fd);
	errno = saved;
fail_socket:
	saved = errno;
	free(ep);
	errno = saved;
	return NULL;
}

void amt_endpoint_close(struct amt_endpoint *ep)
{
	ep->closed = true;
	if (!ep->busy)
		endpoint_free(ep);
}

uint16_t amt_endpoint_port(const struct amt_endpoint *ep)
{
	return ep->port;
}

struct addr amt_endpoint_local(const struct amt_endpoint *ep)
{
	return ep->local;
}

int amt_endpoint_send(
	struct amt_endpoint *ep, const struct addr *dst, const uint8_t *buf, size_t len)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = addr_to_sockaddr(dst, AMT_PORT, &sa);
	ssize_t n = -1;

	peer_add(ep, dst);
	// The first call after an ICMP error returns that error instead of sending.
	for (int i = 0; i < 2 && n < 0; i++)
		n = sendto(ep->fd, buf, len, 0, (struct sockaddr *)&sa, sa_len);
	return n < 0 ? -errno : 0;
}
