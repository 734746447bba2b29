// SPDX-License-Identifier: BSD-3-Clause
// The IO on a real veth pair in a network namespace of its own: what the capture hears, what
// leaves.
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/capture.h"
#include "pim/pim_io.h"
#include "unit/unit.h"
#include "unit/vethpair.h"
#include "wire/ip.h"

#define OURS	"pim-a"
#define THEIRS	"pim-b"
#define OUR_IP	"10.1.1.1"
#define WAIT_MS 10000 // a busy machine keeps a frame for seconds

static const char *skip_reason;
static struct frame vectors[FRAMES_MAX];
static int peer = -1; // AF_PACKET on THEIRS

struct heard {
	unsigned int n;
	struct addr src, dst;
	uint8_t pim[1024];
	size_t len;
};

static void rx_cb(
	void *ctx, const struct addr *src, const struct addr *dst, const uint8_t *pim, size_t len)
{
	struct heard *h = ctx;

	h->n++;
	h->src = *src;
	h->dst = *dst;
	h->len = len;
	assert_true(len <= sizeof(h->pim));
	if (len)
		memcpy(h->pim, pim, len);
}

static int setup(void **state)
{
	(void)state;
	if (frames_load("pim-igmp-dns-vectors.pcap", vectors) != 20)
		return -1;
	if (geteuid() != 0) {
		skip_reason = "not root";
		return 0;
	}
	if (unshare(CLONE_NEWNET) < 0) {
		skip_reason = "no network namespaces here";
		return 0;
	}
	// The namespace goes with this process.
	if (run("ip link add " OURS " type veth peer name " THEIRS " && ip addr add " OUR_IP
		"/24 dev " OURS " && ip link set " OURS " up && ip link set " THEIRS " up") < 0) {
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

static struct pim_io *open_io(struct heard *h)
{
	char err[PIM_IO_ERR_LEN] = "";
	struct pim_io *io;

	memset(h, 0, sizeof(*h));
	io = pim_io_open(OURS, ADDR_V4, rx_cb, h, err);
	if (!io)
		fail_msg("%s", err);
	return io;
}

static bool break_ip_checksum;

// An IPv4 datagram around the PIM octets, out of the peer.
static void inject(const char *src, const char *dst, uint16_t frag, const uint8_t *pim, size_t len)
{
	static uint8_t frame[70000];
	struct addr s = addr_of(src), d = addr_of(dst);
	uint8_t *ip = frame + 14;
	uint16_t sum;
	static const uint8_t ether[14] = {
		0x01, 0x00, 0x5e, 0x00, 0x00, 0x0d, 0x02, 0, 0, 0, 0, 0x02, 0x08, 0x00};

	memcpy(frame, ether, sizeof(ether));
	memset(ip, 0, 20);
	ip[0] = 0x45;
	ip[2] = (uint8_t)((len + 20) >> 8);
	ip[3] = (uint8_t)(len + 20);
	ip[6] = (uint8_t)(frag >> 8);
	ip[7] = (uint8_t)frag;
	ip[8] = 1;
	ip[9] = IP_PROTO_PIM;
	memcpy(ip + 12, s.bytes, 4);
	memcpy(ip + 16, d.bytes, 4);
	sum = (uint16_t)(ip_cksum(ip, 20) + break_ip_checksum);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	memcpy(ip + 20, pim, len);
	assert_int_equal(send(peer, frame, len + 34, 0), len + 34);
}

// Reads until n packets in all were heard, or nothing comes any more.
static void hear(struct pim_io *io, struct heard *h, unsigned int n)
{
	struct pollfd p = {.fd = pim_io_fd(io), .events = POLLIN};

	while (h->n < n && poll(&p, 1, WAIT_MS) == 1)
		assert_true(pim_io_input(io) >= 0);
	assert_int_equal(h->n, n);
}

static void hears_a_vector(void **state)
{
	struct addr src = addr_of("10.1.1.2"), dst = addr_of("224.0.0.13");
	struct heard h;
	struct pim_io *io;

	(void)state;
	NEED_NETNS();
	io = open_io(&h);
	inject("10.1.1.2", "224.0.0.13", 0, vectors[4].pim, vectors[4].len);
	hear(io, &h, 1);
	assert_true(addr_eq(&h.src, &src) && addr_eq(&h.dst, &dst));
	assert_int_equal(h.len, vectors[4].len);
	assert_memory_equal(h.pim, vectors[4].pim, h.len);
	assert_int_equal(pim_io_input(io), 0);
	pim_io_close(io);
}

static void hears_what_must_be_counted(void **state)
{
	struct addr unicast = addr_of(OUR_IP);
	struct heard h;
	struct pim_io *io;

	(void)state;
	NEED_NETNS();
	io = open_io(&h);
	inject("10.1.1.2", OUR_IP, 0, vectors[4].pim, vectors[4].len);
	hear(io, &h, 1);
	assert_true(addr_eq(&h.dst, &unicast));
	assert_int_equal(h.len, vectors[4].len);
	inject("10.1.1.2", "224.0.0.13", 0x2000, vectors[4].pim, vectors[4].len);
	hear(io, &h, 2);
	assert_int_equal(h.len, 0);
	inject("10.1.1.2", "224.0.0.13", 3, vectors[4].pim, vectors[4].len);
	hear(io, &h, 3);
	assert_int_equal(h.len, 0);
	break_ip_checksum = true;
	inject("10.1.1.2", "224.0.0.13", 0, vectors[4].pim, vectors[4].len);
	break_ip_checksum = false;
	hear(io, &h, 4);
	assert_int_equal(h.len, 0);
	assert_true(addr_is_none(&h.src));
	pim_io_close(io);
}

// A burst before the reader comes, in bounded batches.
static void keeps_a_burst(void **state)
{
	struct heard h;
	struct pim_io *io;
	int n;

	(void)state;
	NEED_NETNS();
	io = open_io(&h);
	for (unsigned int i = 0; i < 200; i++)
		inject("10.1.1.2", "224.0.0.13", 0, vectors[4].pim, vectors[4].len);
	hear(io, &h, 200);
	for (unsigned int i = 0; i < 200; i++)
		inject("10.1.1.2", "224.0.0.13", 0, vectors[4].pim, vectors[4].len);
	n = pim_io_input(io);
	assert_in_range(n, 1, CAPTURE_BATCH_OCTETS / (14 + 20 + vectors[4].len) + 1);
	assert_int_equal(pim_io_lost(io), 0);
	// More than there is room for is counted.
	for (unsigned int i = 0; i < 300; i++)
		inject("10.1.1.2", "224.0.0.13", 0, vectors[4].pim, vectors[4].len);
	assert_true(pim_io_lost(io) > 0);
	assert_int_equal(pim_io_lost(io), 0);
	pim_io_close(io);
}

static uint8_t big_first, big_last;
static size_t big_len;

static void big_cb(
	void *ctx, const struct addr *src, const struct addr *dst, const uint8_t *pim, size_t len)
{
	(void)src;
	(void)dst;
	++*(unsigned int *)ctx;
	big_len = len;
	big_first = pim[0];
	big_last = pim[len - 1];
}

static void hears_whole_large_packets(void **state)
{
	static uint8_t pim[65000];
	char err[PIM_IO_ERR_LEN];
	struct pollfd p = {.events = POLLIN};
	unsigned int n = 0;
	struct pim_io *io;

	(void)state;
	NEED_NETNS();
	assert_int_equal(
		run("ip link set " OURS " mtu 65535; ip link set " THEIRS " mtu 65535"), 0);
	io = pim_io_open(OURS, ADDR_V4, big_cb, &n, err);
	assert_non_null(io);
	pim[0] = 0x23;
	pim[sizeof(pim) - 1] = 0x77;
	inject("10.1.1.2", "224.0.0.13", 0, pim, sizeof(pim));
	p.fd = pim_io_fd(io);
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(pim_io_input(io), 1);
	assert_int_equal(n, 1);
	assert_int_equal(big_len, sizeof(pim));
	assert_int_equal(big_first, 0x23);
	assert_int_equal(big_last, 0x77);
	pim_io_close(io);
	assert_int_equal(run("ip link set " OURS " mtu 1500; ip link set " THEIRS " mtu 1500"), 0);
}

// The next PIM packet that reaches the peer; octets of its IP datagram.
static size_t peer_hears(uint8_t *ip, size_t size)
{
	struct pollfd p = {.fd = peer, .events = POLLIN};
	uint8_t frame[2048];

	while (poll(&p, 1, WAIT_MS) == 1) {
		struct sockaddr_ll from = {0};
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(
			peer, frame, sizeof(frame), 0, (struct sockaddr *)&from, &from_len);

		if (n < 34 || from.sll_pkttype == PACKET_OUTGOING || frame[12] != 8 || frame[13] ||
			frame[23] != IP_PROTO_PIM)
			continue;
		assert_memory_equal(frame, "\x01\x00\x5e\x00\x00\x0d", 6);
		assert_true((size_t)n - 14 <= size);
		memcpy(ip, frame + 14, (size_t)n - 14);
		return (size_t)n - 14;
	}
	return 0;
}

static void sends_as_it_should(void **state)
{
	// The second is not an address of the netdev: a Goodbye after its address went.
	static const char *const sources[] = {OUR_IP, "10.1.1.77"};
	struct heard h;
	struct pim_io *io;

	(void)state;
	NEED_NETNS();
	io = open_io(&h);
	for (size_t i = 0; i < 2; i++) {
		struct addr src = addr_of(sources[i]), dst = addr_of("224.0.0.13");
		struct ipv4_hdr ip;
		uint8_t buf[2048];
		size_t len;

		assert_int_equal(pim_io_send(io, &src, vectors[0].pim, vectors[0].len), 0);
		len = peer_hears(buf, sizeof(buf));
		assert_int_equal(len, 20 + vectors[0].len);
		assert_int_equal(ipv4_decode(buf, len, &ip), 0);
		assert_true(addr_eq(&ip.src, &src) && addr_eq(&ip.dst, &dst));
		assert_int_equal(ip.ttl, 1);
		assert_int_equal(ip.tos, 0xc0);
		assert_int_equal(ip.proto, IP_PROTO_PIM);
		assert_int_equal(ip.total_len, len);
		assert_memory_equal(buf + 20, vectors[0].pim, vectors[0].len);
	}
	// Our own are not heard.
	assert_int_equal(pim_io_input(io), 0);
	assert_int_equal(h.n, 0);
	pim_io_close(io);
}

// Watch mode: what others send through the netdev is heard as what comes in, and nothing can be
// sent.
static void watches_both_ways(void **state)
{
	struct addr src = addr_of(OUR_IP), theirs = addr_of("10.1.1.2");
	char err[PIM_IO_ERR_LEN] = "";
	struct pim_io *io, *daemon;
	struct heard h = {0}, other;

	(void)state;
	NEED_NETNS();
	io = pim_io_watch(OURS, ADDR_V4, rx_cb, &h, err);
	if (!io)
		fail_msg("%s", err);
	daemon = open_io(&other);
	assert_int_equal(pim_io_send(daemon, &src, vectors[0].pim, vectors[0].len), 0);
	hear(io, &h, 1);
	assert_true(addr_eq(&h.src, &src));
	assert_memory_equal(h.pim, vectors[0].pim, vectors[0].len);
	inject("10.1.1.2", "224.0.0.13", 0, vectors[4].pim, vectors[4].len);
	hear(io, &h, 2);
	assert_true(addr_eq(&h.src, &theirs));
	assert_int_equal(pim_io_send(io, &src, vectors[0].pim, vectors[0].len), -EBADF);
	pim_io_close(daemon);
	pim_io_close(io);
}

static void refuses_what_it_cannot_send(void **state)
{
	static uint8_t buf[65535];
	struct addr v6 = addr_of("2001:db8::1"), v4 = addr_of(OUR_IP);
	struct heard h;
	struct pim_io *io;

	(void)state;
	NEED_NETNS();
	io = open_io(&h);
	assert_int_equal(pim_io_send(io, &v6, buf, 34), -EAFNOSUPPORT);
	assert_int_equal(pim_io_send(io, &v4, buf, sizeof(buf)), -EMSGSIZE);
	pim_io_close(io);
}

// An IPv6 packet around the PIM octets, out of the peer; next: its Next Header.
static void inject6(const struct addr *src, const struct addr *dst, uint8_t next,
	const uint8_t *pim, size_t len)
{
	static const uint8_t head[22] = {
		0x33, 0x33, 0, 0, 0, 0x0d, 2, 0, 0, 0, 0, 2, 0x86, 0xdd, 0x6c, [21] = 1};
	uint8_t frame[2048];

	memcpy(frame, head, sizeof(head));
	frame[18] = (uint8_t)(len >> 8);
	frame[19] = (uint8_t)len;
	frame[20] = next;
	memcpy(frame + 22, src->bytes, 16);
	memcpy(frame + 38, dst->bytes, 16);
	memcpy(frame + 54, pim, len);
	assert_int_equal(send(peer, frame, len + 54, 0), len + 54);
}

// PF-02: PIMv6 is heard, whatever its destination, and fragments and broken headers are told; IPv4
// and other IPv6 is not heard.
static void hears_pim_over_ipv6(void **state)
{
	static const uint8_t fragment[64] = {103};
	const struct frame *f = &vectors[15];
	struct addr unicast = addr_of("fe80::1");
	char err[PIM_IO_ERR_LEN] = "";
	struct heard h = {0};
	struct pim_io *io;

	(void)state;
	NEED_NETNS();
	io = pim_io_open(OURS, ADDR_V6, rx_cb, &h, err);
	assert_non_null(io);
	inject("10.1.1.2", "224.0.0.13", 0, vectors[4].pim, vectors[4].len);
	inject6(&f->src, &f->dst, 58, f->pim, f->len);
	inject6(&f->src, &f->dst, 103, f->pim, f->len);
	hear(io, &h, 1);
	assert_true(addr_eq(&h.src, &f->src) && addr_eq(&h.dst, &f->dst));
	assert_int_equal(h.len, f->len);
	assert_memory_equal(h.pim, f->pim, f->len);
	inject6(&f->src, &unicast, 103, f->pim, f->len);
	hear(io, &h, 2);
	assert_true(addr_eq(&h.dst, &unicast));
	inject6(&f->src, &f->dst, 44, fragment, sizeof(fragment));
	hear(io, &h, 3);
	assert_int_equal(h.len, 0);
	assert_true(addr_eq(&h.src, &f->src));
	pim_io_close(io);
}

// From an address that the netdev does not have, too.
static void sends_pim_over_ipv6(void **state)
{
	const struct frame *f = &vectors[14];
	struct addr src = addr_of("fe80::77"), all = addr_of("ff02::d"), v4 = addr_of(OUR_IP);
	struct pollfd p = {.fd = peer, .events = POLLIN};
	static uint8_t big[4096];
	char err[PIM_IO_ERR_LEN] = "";
	struct heard h = {0};
	struct ipv6_hdr ip;
	struct pim_io *io;
	uint8_t frame[2048];
	ssize_t n = 0;

	(void)state;
	NEED_NETNS();
	io = pim_io_open(OURS, ADDR_V6, rx_cb, &h, err);
	assert_non_null(io);
	assert_int_equal(pim_io_send(io, &src, f->pim, f->len), 0);
	do {
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		n = recv(peer, frame, sizeof(frame), 0);
	} while (n < 54 || frame[12] != 0x86 || frame[20] != IP_PROTO_PIM);
	assert_memory_equal(frame, "\x33\x33\0\0\0\x0d", 6);
	assert_int_equal(ipv6_decode(frame + 14, (size_t)n - 14, &ip), 0);
	assert_true(addr_eq(&ip.src, &src) && addr_eq(&ip.dst, &all));
	assert_int_equal(ip.hop_limit, 1);
	assert_int_equal(ip.tclass, 0xc0);
	assert_int_equal(ip.payload_len, f->len);
	assert_memory_equal(frame + 54, f->pim, f->len);
	assert_int_equal(pim_io_send(io, &v4, f->pim, f->len), -EAFNOSUPPORT);
	assert_int_equal(pim_io_send(io, &src, big, sizeof(big)), -EMSGSIZE);
	assert_int_equal(pim_io_input(io), 0); // our own are not heard
	assert_int_equal(h.n, 0);
	pim_io_close(io);
}

static void open_fails_with_a_line(void **state)
{
	char err[PIM_IO_ERR_LEN] = "";
	struct heard h;

	(void)state;
	assert_null(pim_io_open("no-such-dev", ADDR_V4, rx_cb, &h, err));
	assert_string_equal(err, "no-such-dev: no such device");
	NEED_NETNS();
	assert_int_equal(run("ip link set " OURS " down"), 0);
	err[0] = '\0';
	assert_null(pim_io_open(OURS, ADDR_V4, rx_cb, &h, err));
	assert_true(strlen(err) > 0);
	assert_int_equal(run("ip link set " OURS " up"), 0);
	assert_int_equal(both_ways(), 0);
}

static void comes_back_after_down_and_tells_of_removal(void **state)
{
	struct pollfd p = {.events = POLLIN};
	struct heard h;
	struct pim_io *io;
	int rc = 0;

	(void)state;
	NEED_NETNS();
	io = open_io(&h);
	assert_int_equal(run("ip link set " OURS " down"), 0);
	p.fd = pim_io_fd(io);
	if (poll(&p, 1, WAIT_MS) == 1)
		assert_int_equal(pim_io_input(io), 0);
	assert_int_equal(run("ip link set " OURS " up"), 0);
	assert_int_equal(both_ways(), 0);
	inject("10.1.1.2", "224.0.0.13", 0, vectors[4].pim, vectors[4].len);
	hear(io, &h, 1);
	assert_int_equal(run("ip link del " OURS), 0);
	for (unsigned int i = 0; i < 10 && rc == 0 && poll(&p, 1, WAIT_MS) == 1; i++)
		rc = pim_io_input(io);
	assert_int_equal(rc, -ENODEV);
	pim_io_close(io);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hears_a_vector),
		cmocka_unit_test(hears_what_must_be_counted),
		cmocka_unit_test(keeps_a_burst),
		cmocka_unit_test(hears_whole_large_packets),
		cmocka_unit_test(sends_as_it_should),
		cmocka_unit_test(watches_both_ways),
		cmocka_unit_test(refuses_what_it_cannot_send),
		cmocka_unit_test(hears_pim_over_ipv6),
		cmocka_unit_test(sends_pim_over_ipv6),
		cmocka_unit_test(open_fails_with_a_line),
		cmocka_unit_test(comes_back_after_down_and_tells_of_removal),
	};

	return cmocka_run_group_tests_name(__FILE__, tests, setup, NULL);
}
