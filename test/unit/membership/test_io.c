// SPDX-License-Identifier: BSD-3-Clause
// The IO on a real veth pair in a network namespace of its own, with the kernel as a host at the
// other end: what the capture hears, what leaves.
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "membership/membership_io.h"
#include "unit/unit.h"
#include "unit/vethpair.h"
#include "unit/wire/gm_build.h"
#include "wire/gm.h"
#include "wire/igmp.h"

#define OURS	"gm-a"
#define THEIRS	"gm-b"
#define WAIT_MS 2000

static const char *skip_reason;
static int peer = -1; // AF_PACKET on THEIRS

struct heard {
	unsigned int n;
	uint8_t ip[2048];
	size_t len;
};

static void rx_cb(void *ctx, const uint8_t *datagram, size_t len)
{
	struct heard *h = ctx;

	h->n++;
	h->len = len;
	assert_true(len <= sizeof(h->ip));
	memcpy(h->ip, datagram, len);
}

static int setup(void **state)
{
	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		skip_reason = "no network namespace of our own";
		return 0;
	}
	// The namespace goes with this process.
	if (run("ip link add " OURS " type veth peer name " THEIRS " && sysctl -qw "
		"net.ipv6.conf." OURS ".disable_ipv6=1 net.ipv6.conf." THEIRS ".disable_ipv6=1 && "
		"ip addr add 10.1.1.100/24 dev " OURS " && ip link set " OURS
		" up && ip link set " THEIRS " up") < 0) {
		skip_reason = "no veth here";
		return 0;
	}
	if (both_ways() < 0)
		return -1;
	peer = packet_socket(THEIRS);
	return peer < 0 ? -1 : 0;
}

#define NEED_NETNS()                                                   \
	do {                                                           \
		if (skip_reason) {                                     \
			print_message("# skipped: %s\n", skip_reason); \
			skip();                                        \
		}                                                      \
	} while (0)

static struct membership_io *open_io(struct heard *h)
{
	char err[MEMBERSHIP_IO_ERR_LEN] = "";
	struct membership_io *io;

	memset(h, 0, sizeof(*h));
	io = membership_io_open(OURS, ADDR_V4, rx_cb, h, err);
	if (!io)
		fail_msg("%s", err);
	return io;
}

static void inject(const uint8_t *datagram, size_t len)
{
	static const uint8_t ether[14] = {
		0x01, 0x00, 0x5e, 0x00, 0x00, 0x16, 0x02, 0, 0, 0, 0, 0x02, 0x08, 0x00};
	uint8_t frame[2048];

	memcpy(frame, ether, sizeof(ether));
	memcpy(frame + 14, datagram, len);
	assert_int_equal(send(peer, frame, len + 14, 0), len + 14);
}

// Reads until n datagrams in all were heard, or nothing comes any more.
static void hear(struct membership_io *io, struct heard *h, unsigned int n)
{
	struct pollfd p = {.fd = membership_io_fd(io), .events = POLLIN};

	while (h->n < n && poll(&p, 1, WAIT_MS) == 1)
		assert_true(membership_io_input(io) >= 0);
}

static size_t report(uint8_t *buf, const char *dst)
{
	struct datagram d = {.src = ip("10.1.1.1"), .dst = ip(dst), .ttl = 1};
	struct addr g = ip("232.1.1.1"), s = ip("192.0.2.1");
	struct message msg;

	message_report(&msg, ADDR_V4);
	message_record(&msg, IGMP_ALLOW, &g, &s, 1, 0);
	return datagram_build(&d, msg.buf, msg.len, buf);
}

// RQ-12: reports to 224.0.0.22, and to any group.
static void reports_are_heard(void **state)
{
	static const char *const to[] = {"224.0.0.22", "232.1.1.1", "239.9.9.9"};
	uint8_t buf[DATAGRAM_MAX];
	struct membership_io *io;
	struct heard h;

	(void)state;
	NEED_NETNS();
	io = open_io(&h);
	for (unsigned int i = 0; i < 3; i++) {
		size_t len = report(buf, to[i]);

		inject(buf, len);
		hear(io, &h, i + 1);
		assert_int_equal(h.n, i + 1);
		assert_int_equal(h.len, len);
		assert_memory_equal(h.ip, buf, len);
	}
	membership_io_close(io);
}

static void broken_datagrams_come_too(void **state)
{
	uint8_t buf[DATAGRAM_MAX];
	struct membership_io *io;
	struct gm_msg m;
	struct heard h;
	size_t len;

	(void)state;
	NEED_NETNS();
	io = open_io(&h);
	len = report(buf, "224.0.0.22");
	buf[11] ^= 1; // the IP checksum
	inject(buf, len);
	hear(io, &h, 1);
	assert_int_equal(h.n, 1);
	assert_int_equal(gm_decode(h.ip, h.len, &m), GM_ERR_IP);
	buf[11] ^= 1;
	buf[9] = 17; // no IGMP
	inject(buf, len);
	buf[9] = 2;
	inject(buf, len);
	hear(io, &h, 2);
	assert_int_equal(h.n, 2);
	membership_io_close(io);
}

// The next IGMP datagram that leaves to the peer.
static size_t leaves(uint8_t *buf, size_t size)
{
	struct pollfd p = {.fd = peer, .events = POLLIN};

	while (poll(&p, 1, WAIT_MS) == 1) {
		ssize_t n = recv(peer, buf, size, 0);

		if (n > 38 && buf[12] == 8 && buf[13] == 0 && buf[14 + 9] == 2)
			return (size_t)n;
	}
	return 0;
}

static void queries_leave_as_they_are(void **state)
{
	struct gm_query q = {.src = ip("10.1.1.100"), .max_resp_ms = 10000, .qrv = 2, .qqi_s = 125};
	struct addr s = ip("192.0.2.1");
	struct membership_io *io;
	uint8_t buf[1500], frame[2048] = {0};
	struct heard h;

	(void)state;
	NEED_NETNS();
	io = open_io(&h);
	for (int i = 0; i < 2; i++) {
		int len = gm_query_encode(&q, buf, sizeof(buf));
		size_t got;
		struct gm_msg m;

		assert_int_equal(membership_io_send(io, buf, (size_t)len), 0);
		got = leaves(frame, sizeof(frame));
		assert_true(got >= (size_t)len + 14);
		// 01:00:5e and 23 bits of the group.
		assert_int_equal(frame[2], 0x5e);
		assert_int_equal(frame[5], i ? 7 : 1);
		assert_int_equal(gm_decode(frame + 14, got - 14, &m), GM_OK);
		assert_int_equal(m.type, GM_QUERY);
		assert_true(m.router_alert);
		assert_int_equal(m.ttl, 1);
		assert_int_equal(frame[15], 0xc0);
		assert_memory_equal(frame + 14 + 24, buf + 24, (size_t)len - 24);
		q.group = ip("232.1.1.7");
		q.sources = &s;
		q.n_sources = 1;
	}
	// It does not hear itself, and the kernel has not joined anything for it.
	hear(io, &h, 1);
	assert_int_equal(h.n, 0);
	assert_int_equal(run("! grep -qi 160000E0 /proc/net/igmp"), 0);
	assert_int_equal(membership_io_send(io, buf, 10), -EINVAL);
	membership_io_close(io);
}

static struct membership_io *open_io6(struct heard *h)
{
	char err[MEMBERSHIP_IO_ERR_LEN] = "";
	struct membership_io *io;

	memset(h, 0, sizeof(*h));
	io = membership_io_open(OURS, ADDR_V6, rx_cb, h, err);
	if (!io)
		fail_msg("%s", err);
	return io;
}

static void inject6(const uint8_t *datagram, size_t len)
{
	uint8_t frame[2048] = {0x33, 0x33, 0, 0, 0, 0x16, 2, 0, 0, 0, 0, 2, 0x86, 0xdd};

	memcpy(frame + 14, datagram, len);
	assert_int_equal(send(peer, frame, len + 14, 0), len + 14);
}

// RQ-12: MLD is heard whatever group it is for, and without its Hop-by-Hop header too, to be
// counted; neighbour discovery is not.
static void mld_is_heard(void **state)
{
	static const char *const to[] = {"ff02::16", "ff3e::8000:1", "ff02::1"};
	struct addr g = ip("ff3e::8000:1"), s = ip("2001:db8::1");
	struct membership_io *io;
	uint8_t buf[DATAGRAM_MAX];
	struct message msg;
	struct gm_msg m;
	struct heard h;

	(void)state;
	NEED_NETNS();
	io = open_io6(&h);
	message_report(&msg, ADDR_V6);
	message_record(&msg, IGMP_ALLOW, &g, &s, 1, 0);
	for (unsigned int i = 0; i < 3; i++) {
		struct datagram d = {.src = ip("fe80::1"), .dst = ip(to[i]), .ttl = 1};
		size_t len = datagram_build(&d, msg.buf, msg.len, buf);

		inject6(buf, len);
		hear(io, &h, i + 1);
		assert_int_equal(h.n, i + 1);
		assert_int_equal(h.len, len);
		assert_memory_equal(h.ip, buf, len);
		assert_int_equal(gm_decode(h.ip, h.len, &m), GM_OK);
	}
	for (unsigned int i = 0; i < 2; i++) {
		struct datagram d = {
			.src = ip("fe80::1"), .dst = ip("ff02::16"), .ttl = 1, .no_alert = true};
		size_t len;

		msg.buf[0] = i ? 135 : 143;
		len = datagram_build(&d, msg.buf, msg.len, buf);
		inject6(buf, len);
		hear(io, &h, 4);
		assert_int_equal(h.n, 4);
	}
	membership_io_close(io);
}

static void mld_queries_leave_as_they_are(void **state)
{
	struct gm_query q = {.src = ip("fe80::100"), .max_resp_ms = 10000, .qrv = 2, .qqi_s = 125};
	struct pollfd p = {.fd = peer, .events = POLLIN};
	uint8_t buf[1500], frame[2048] = {0};
	struct membership_io *io;
	struct gm_msg m;
	struct heard h;

	(void)state;
	NEED_NETNS();
	io = open_io6(&h);
	for (int i = 0; i < 2; i++) {
		int len = gm_query_encode(&q, buf, sizeof(buf));
		ssize_t n;

		assert_int_equal(membership_io_send(io, buf, (size_t)len), 0);
		do {
			assert_int_equal(poll(&p, 1, WAIT_MS), 1);
			n = recv(peer, frame, sizeof(frame), 0);
		} while (n < 54 || frame[12] != 0x86);
		assert_int_equal(n, len + 14);
		assert_memory_equal(frame, i ? "\x33\x33\x80\0\0\7" : "\x33\x33\0\0\0\1", 6);
		assert_memory_equal(frame + 14, buf, (size_t)len);
		assert_int_equal(gm_decode(frame + 14, (size_t)len, &m), GM_OK);
		assert_true(m.router_alert);
		assert_int_equal(m.ttl, 1);
		q.group = ip("ff3e::8000:7");
	}
	assert_int_equal(membership_io_send(io, buf, 10), -EINVAL);
	hear(io, &h, 1);
	assert_int_equal(h.n, 0);
	membership_io_close(io);
}

static void netdev_goes(void **state)
{
	char err[MEMBERSHIP_IO_ERR_LEN] = "";
	struct membership_io *io;
	struct heard h;
	int rc = 0;

	(void)state;
	NEED_NETNS();
	assert_null(membership_io_open("nothing", ADDR_V4, rx_cb, &h, err));
	assert_string_equal(err, "nothing: no such device");
	io = open_io(&h);
	assert_int_equal(run("ip link del " OURS), 0);
	for (int i = 0; i < 100 && rc >= 0; i++) {
		struct pollfd p = {.fd = membership_io_fd(io), .events = POLLIN};

		poll(&p, 1, 20);
		rc = membership_io_input(io);
	}
	assert_int_equal(rc, -ENODEV);
	membership_io_close(io);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_are_heard),
		cmocka_unit_test(broken_datagrams_come_too),
		cmocka_unit_test(queries_leave_as_they_are),
		cmocka_unit_test(mld_is_heard),
		cmocka_unit_test(mld_queries_leave_as_they_are),
		cmocka_unit_test(netdev_goes),
	};

	return cmocka_run_group_tests_name(__FILE__, tests, setup, NULL);
}
