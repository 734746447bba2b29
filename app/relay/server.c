// SPDX-License-Identifier: BSD-3-Clause
// The tunnel side: UDP port 2268 of one relay.
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "base/log.h"
#include "wire/amt.h"

#define CONTROL_TOS 0xc0 // as every control message around here; data has no more than an ECN field

// The TOS or traffic class of a datagram to dst.
static void set_tos(struct msghdr *msg, union tos_control *control, const struct addr *dst, int tos)
{
	struct cmsghdr *cm;

	memset(control, 0, sizeof(*control));
	msg->msg_control = control->buf;
	msg->msg_controllen = sizeof(control->buf);
	cm = CMSG_FIRSTHDR(msg);
	cm->cmsg_level = dst->family == ADDR_V6 ? IPPROTO_IPV6 : IPPROTO_IP;
	cm->cmsg_type = dst->family == ADDR_V6 ? IPV6_TCLASS : IP_TOS;
	cm->cmsg_len = CMSG_LEN(sizeof(tos));
	memcpy(CMSG_DATA(cm), &tos, sizeof(tos));
}

static void send_control(void *ctx, const struct addr *local, const struct addr *dst, uint16_t port,
	const uint8_t *buf, size_t len)
{
	struct server *s = ctx;
	struct sockaddr_storage to;
	struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = len};
	union tos_control control;
	struct msghdr msg = {.msg_name = &to,
		.msg_namelen = addr_to_sockaddr(dst, port, &to),
		.msg_iov = &iov,
		.msg_iovlen = 1};

	set_tos(&msg, &control, dst, CONTROL_TOS);
	if (sendmsg(addr_eq(local, &s->address) ? s->fd : s->anycast_fd, &msg, 0) < 0)
		s->send_errors++;
}

void server_queue(struct server *s, const struct addr *dst, uint16_t port, uint8_t ecn,
	const uint8_t *buf, size_t len)
{
	unsigned int i;

	if (s->n_out == APP_BATCH)
		server_flush(s);
	i = s->n_out++;
	s->out_iov[i] = (struct iovec){.iov_base = (void *)(uintptr_t)buf, .iov_len = len};
	s->out[i].msg_hdr = (struct msghdr){.msg_name = &s->out_to[i],
		.msg_namelen = addr_to_sockaddr(dst, port, &s->out_to[i]),
		.msg_iov = &s->out_iov[i],
		.msg_iovlen = 1};
	if (ecn)
		set_tos(&s->out[i].msg_hdr, &s->out_tos[i], dst, ecn);
}

static void queue_data(void *ctx, const struct addr *dst, uint16_t port, uint8_t ecn,
	const uint8_t *buf, size_t len)
{
	struct server *s = ctx;

	if (s->app->delay_ms)
		delay_data(s, dst, port, ecn, buf, len);
	else
		server_queue(s, dst, port, ecn, buf, len);
}

static void want(void *ctx, const struct sg *sg, bool wanted)
{
	struct server *s = ctx;
	char text[SG_STRLEN], address[ADDR_STRLEN];

	log_info("relay", "%s channel=%s relay=%s", wanted ? "joined" : "left", sg_format(sg, text),
		addr_format(&s->address, address));
	if (s->app->source)
		source_want(s->app->source, sg, wanted);
}

const struct relay_ops server_ops = {.send = send_control, .data = queue_data, .want = want};

static void set_checksum(struct server *s, bool on)
{
	const int off = !on;

	if (s->address.family == ADDR_V6)
		setsockopt(s->fd, IPPROTO_UDP, UDP_NO_CHECK6_TX, &off, sizeof(off));
	else
		setsockopt(s->fd, SOL_SOCKET, SO_NO_CHECK, &off, sizeof(off));
}

void server_flush(struct server *s)
{
	unsigned int at = 0;

	if (s->n_out == 0)
		return;
	// Data may go without a checksum, control from the same socket may not (RFC 7450 section
	// 5.1.6; 5.1.2, 5.1.4).
	if (!s->app->udp_checksum)
		set_checksum(s, false);
	while (at < s->n_out) {
		int n = sendmmsg(s->fd, s->out + at, s->n_out - at, 0);

		if (n > 0) {
			at += (unsigned int)n;
		} else if (errno != EINTR) {
			s->send_errors++; // the one that failed is lost, as on a full link
			at++;
		}
	}
	if (!s->app->udp_checksum)
		set_checksum(s, true);
	s->n_out = 0;
}

static void readable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;
	const struct addr *local = fd == s->fd ? &s->address : &s->anycast;
	static uint8_t buf[65536];

	(void)what;
	for (int i = 0; i < APP_BATCH; i++) {
		struct sockaddr_storage from;
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(
			fd, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
		struct addr src;
		uint16_t port;

		if (n < 0 || addr_from_sockaddr((struct sockaddr *)&from, &src, &port) < 0)
			break;
		relay_input(s->relay, local, &src, port, buf, (size_t)n, clock_mono_us());
	}
	app_run_timers(s->app);
}

// No path MTU is learnt from ICMP: --mtu says it (RFC 7450 sections 5.3.3.6.1 and 5.3.3.6.3.1).
// Over IPv6 there is no fragment header ever (5.3.3.6.3.2).
static int set_mtu(int fd, uint8_t family, bool df)
{
	const int v4 = df ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT;
	const int v6 = IPV6_PMTUDISC_PROBE, one = 1;

	if (family == ADDR_V4)
		return setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof(v4));
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_DONTFRAG, &one, sizeof(one)) < 0)
		return -1;
	return setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof(v6));
}

static int open_socket(struct server *s, const struct addr *local, int *fd, struct event **ev)
{
	struct sockaddr_storage sa;
	const socklen_t sa_len = addr_to_sockaddr(local, AMT_PORT, &sa);
	const int size = 8 << 20;
	char text[ADDR_STRLEN];
	int ret;

	*fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0 || set_mtu(*fd, local->family, s->app->df) < 0 ||
		bind(*fd, (const struct sockaddr *)&sa, sa_len) < 0) {
		ret = -errno;
		fprintf(stderr, "inlet-relay: UDP %s port %d: %s\n", addr_format(local, text),
			AMT_PORT, strerror(-ret));
		return ret;
	}
	// Beyond the system's limit with CAP_NET_ADMIN, up to it without.
	if (setsockopt(*fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(*fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	*ev = event_new(s->app->base, *fd, EV_READ | EV_PERSIST, readable_cb, s);
	if (!*ev || event_add(*ev, NULL) < 0)
		return -ENOMEM;
	return 0;
}

int server_open(struct server *s)
{
	int ret = open_socket(s, &s->address, &s->fd, &s->ev);

	delay_init(s);
	if (ret == 0 && !addr_is_none(&s->anycast))
		ret = open_socket(s, &s->anycast, &s->anycast_fd, &s->anycast_ev);
	return ret;
}

void server_close(struct server *s)
{
	delay_fini(s);
	if (s->ev)
		event_free(s->ev);
	if (s->anycast_ev)
		event_free(s->anycast_ev);
	if (s->fd >= 0)
		close(s->fd);
	if (s->anycast_fd >= 0)
		close(s->anycast_fd);
}
