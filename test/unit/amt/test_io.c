// SPDX-License-Identifier: BSD-3-Clause
// The sockets, over the loopback of a network namespace of this process's own.
#include <errno.h>
#include <event2/event.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amt/amt_io.h"
#include "unit/unit.h"
#include "wire/amt.h"

struct peer {
	struct event_base *base;
	struct amt_endpoint *ep;
	int relay; // a socket at 127.0.0.9:2268
	int n_rx, n_err, err;
	struct addr src, dst;
	uint16_t port;
	uint8_t buf[64];
	size_t len;
	bool close_on_rx;
};

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void rx_cb(
	void *arg, const struct addr *src, uint16_t src_port, const uint8_t *buf, size_t len)
{
	struct peer *p = arg;

	p->n_rx++;
	p->src = *src;
	p->port = src_port;
	p->len = len;
	memcpy(p->buf, buf, len < sizeof(p->buf) ? len : sizeof(p->buf));
	if (p->close_on_rx) {
		amt_endpoint_close(p->ep);
		p->ep = NULL;
	}
}

static void err_cb(void *arg, const struct addr *dst, int err)
{
	struct peer *p = arg;

	p->n_err++;
	p->dst = *dst;
	p->err = err;
}

static int relay_socket(const char *at)
{
	struct addr a = addr(at);
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&a, AMT_PORT, &sa);
	struct timeval patience = {.tv_sec = 2};
	int fd = socket(sa.ss_family, SOCK_DGRAM, 0), on = 1;

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	if (a.family == ADDR_V4) {
		assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on)), 0);
		assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)), 0);
	} else {
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on)), 0);
		assert_int_equal(
			setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof(on)), 0);
	}
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	return fd;
}

static int namespace_enter(void **state)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	*state = NULL;
	if (unshare(CLONE_NEWNET) < 0)
		return 0; // not root: the tests say so and are skipped
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		return -1;
	close(fd);
	*state = "lo";
	return 0;
}

static void peer_open_at(struct peer *p, void **state, const char *at, const char *relay)
{
	struct addr local = addr(at);

	if (!*state) {
		print_message("needs the right to make a network namespace\n");
		skip();
	}
	*p = (struct peer){.relay = relay_socket(relay), .base = event_base_new()};
	assert_non_null(p->base);
	p->ep = amt_endpoint_open(p->base, "lo", &local, 0, rx_cb, err_cb, p);
	assert_non_null(p->ep);
}

static void peer_open(struct peer *p, void **state)
{
	peer_open_at(p, state, "127.0.0.1", "127.0.0.9");
}

static void peer_close(struct peer *p)
{
	if (p->ep)
		amt_endpoint_close(p->ep);
	event_base_free(p->base);
	close(p->relay);
}

// What has arrived by now: loopback delivers before sendto() returns.
static void turn(struct peer *p)
{
	assert_true(event_base_loop(p->base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
}

static void to_endpoint(struct peer *p, const void *buf, size_t len)
{
	struct addr local = amt_endpoint_local(p->ep);
	struct sockaddr_storage sa;
	socklen_t sa_len = addr_to_sockaddr(&local, amt_endpoint_port(p->ep), &sa);

	assert_int_equal(sendto(p->relay, buf, len, 0, (struct sockaddr *)&sa, sa_len), len);
}

static void test_both_ways(void **state)
{
	struct addr local = addr("127.0.0.1"), relay = addr("127.0.0.9"), src;
	char control[256], buf[64];
	struct sockaddr_storage from;
	struct iovec iov = {.iov_base = buf, .iov_len = sizeof(buf)};
	struct msghdr msg = {.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	int tos = -1, ttl = -1;
	uint16_t port;
	struct peer p;

	peer_open(&p, state);
	assert_int_not_equal(amt_endpoint_port(p.ep), 0);
	struct addr bound = amt_endpoint_local(p.ep);
	assert_true(addr_eq(&bound, &local));
	assert_int_equal(amt_endpoint_send(p.ep, &relay, (const uint8_t *)"\x03question", 9), 0);
	assert_int_equal(recvmsg(p.relay, &msg, 0), 9);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&from, &src, &port), 0);
	assert_true(addr_eq(&src, &local));
	assert_int_equal(port, amt_endpoint_port(p.ep));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_type == IP_TOS)
			tos = *CMSG_DATA(c);
		else if (c->cmsg_type == IP_TTL)
			memcpy(&ttl, CMSG_DATA(c), sizeof(ttl));
	}
	assert_int_equal(tos, 0xc0);
	assert_int_equal(ttl, 64);
	to_endpoint(&p, "answer", 6);
	turn(&p);
	assert_int_equal(p.n_rx, 1);
	assert_true(addr_eq(&p.src, &relay));
	assert_int_equal(p.port, AMT_PORT);
	assert_int_equal(p.len, 6);
	assert_memory_equal(p.buf, "answer", 6);
	// An empty datagram is one too.
	to_endpoint(&p, "", 0);
	turn(&p);
	assert_int_equal(p.n_rx, 2);
	assert_int_equal(p.len, 0);
	peer_close(&p);
}

// ICMP port unreachable comes back by the error queue, and costs no datagram after it.
static void test_icmp(void **state)
{
	struct addr dead = addr("127.0.0.8"), relay = addr("127.0.0.9");
	char buf[64];
	struct peer p;

	peer_open(&p, state);
	assert_int_equal(amt_endpoint_send(p.ep, &dead, (const uint8_t *)"\x03\0\0\0abcd", 8), 0);
	assert_int_equal(amt_endpoint_send(p.ep, &relay, (const uint8_t *)"\x03\0\0\0abcd", 8), 0);
	assert_int_equal(recv(p.relay, buf, sizeof(buf), 0), 8);
	to_endpoint(&p, "answer", 6);
	turn(&p);
	assert_int_equal(p.n_err, 1);
	assert_int_equal(p.err, ECONNREFUSED);
	assert_true(addr_eq(&p.dst, &dead));
	assert_int_equal(p.n_rx, 1);
	// A quotation of what no gateway sends is not believed.
	assert_int_equal(amt_endpoint_send(p.ep, &dead, (const uint8_t *)"\x04\0\0\0abcd", 8), 0);
	turn(&p);
	assert_int_equal(p.n_err, 1);
	peer_close(&p);
}

// G-05, G-08, I-08 over IPv6: traffic class and hop limit, ICMPv6, and no datagram without a
// checksum.
static void test_ipv6(void **state)
{
	struct addr local = addr("::1"), src;
	char control[256], buf[64];
	struct sockaddr_storage from;
	struct iovec iov = {.iov_base = buf, .iov_len = sizeof(buf)};
	struct msghdr msg = {.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	int tclass = -1, hops = -1, on = 1;
	struct peer p;

	peer_open_at(&p, state, "::1", "::1");
	assert_int_equal(amt_endpoint_send(p.ep, &local, (const uint8_t *)"\x03question", 9), 0);
	assert_int_equal(recvmsg(p.relay, &msg, 0), 9);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&from, &src, NULL), 0);
	assert_true(addr_eq(&src, &local));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_type == IPV6_TCLASS)
			memcpy(&tclass, CMSG_DATA(c), sizeof(tclass));
		else if (c->cmsg_type == IPV6_HOPLIMIT)
			memcpy(&hops, CMSG_DATA(c), sizeof(hops));
	}
	assert_int_equal(tclass, 0xc0);
	assert_int_equal(hops, 64);
	to_endpoint(&p, "answer", 6);
	turn(&p);
	assert_int_equal(p.n_rx, 1);
	assert_true(addr_eq(&p.src, &local));
	assert_int_equal(p.port, AMT_PORT);
	assert_int_equal(setsockopt(p.relay, IPPROTO_UDP, UDP_NO_CHECK6_TX, &on, sizeof(on)), 0);
	to_endpoint(&p, "zero", 4);
	turn(&p);
	assert_int_equal(p.n_rx, 1);
	close(p.relay);
	assert_int_equal(amt_endpoint_send(p.ep, &local, (const uint8_t *)"\x03\0\0\0abcd", 8), 0);
	turn(&p);
	assert_int_equal(p.n_err, 1);
	assert_int_equal(p.err, ECONNREFUSED);
	assert_true(addr_eq(&p.dst, &local));
	p.relay = relay_socket("::1");
	peer_close(&p);
}

static void test_batch(void **state)
{
	struct peer p;

	peer_open(&p, state);
	for (int i = 0; i < 150; i++)
		to_endpoint(&p, "x", 1);
	turn(&p);
	assert_int_equal(p.n_rx, 64);
	turn(&p);
	turn(&p);
	assert_int_equal(p.n_rx, 150);
	peer_close(&p);
}

static void test_close_in_callback(void **state)
{
	struct peer p;

	peer_open(&p, state);
	p.close_on_rx = true;
	to_endpoint(&p, "x", 1);
	to_endpoint(&p, "y", 1);
	turn(&p);
	assert_int_equal(p.n_rx, 1);
	assert_null(p.ep);
	peer_close(&p);
}

static void test_open_errors(void **state)
{
	struct addr elsewhere = addr("192.0.2.1"), local = addr("127.0.0.1");
	struct peer p;

	peer_open(&p, state);
	assert_null(amt_endpoint_open(p.base, "", &elsewhere, 0, rx_cb, err_cb, &p));
	assert_int_equal(errno, EADDRNOTAVAIL);
	assert_null(amt_endpoint_open(p.base, "nonesuch", &local, 0, rx_cb, err_cb, &p));
	assert_int_equal(errno, ENODEV);
	amt_endpoint_close(p.ep);
	p.ep = amt_endpoint_open(p.base, NULL, &local, 0, rx_cb, err_cb, &p);
	assert_non_null(p.ep);
	assert_int_equal(
		amt_endpoint_send(p.ep, &elsewhere, (const uint8_t *)"\x03", 1), -ENETUNREACH);
	peer_close(&p);
}

static void test_wanted_port(void **state)
{
	struct addr local = addr("127.0.0.1"), other = addr("127.0.0.2");
	struct amt_endpoint *a, *b;
	struct peer p;

	peer_open(&p, state);
	a = amt_endpoint_open(p.base, "lo", &local, 40001, rx_cb, err_cb, &p);
	assert_non_null(a);
	assert_int_equal(amt_endpoint_port(a), 40001);
	assert_null(amt_endpoint_open(p.base, "lo", &local, 40001, rx_cb, err_cb, &p));
	assert_int_equal(errno, EADDRINUSE);
	b = amt_endpoint_open(p.base, "lo", &other, 40001, rx_cb, err_cb, &p);
	assert_non_null(b);
	amt_endpoint_close(a);
	a = amt_endpoint_open(p.base, "lo", &local, 40001, rx_cb, err_cb, &p);
	assert_non_null(a);
	amt_endpoint_close(a);
	amt_endpoint_close(b);
	peer_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_close_in_callback),
		cmocka_unit_test(test_open_errors),
		cmocka_unit_test(test_wanted_port),
	};

	return cmocka_run_group_tests_name(__FILE__, tests, namespace_enter, NULL);
}
