// SPDX-License-Identifier: BSD-3-Clause
// Waiting for packets of a port instead of polling it; bonds; the limits of drivers that tell none.
#include "unit/unit.h"

#include "unit/kif/af_xdp_leak.h"
#include "unit/kif/netns.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_epoll.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "port/port.h"
#include "port/port_wait.h"
#include "unit/eal.h"

static int open_port(const struct port_cfg *cfg, struct port *p, char err[PORT_ERR_LEN])
{
	struct port_cfg c = *cfg;

	c.rx_desc = c.tx_desc = 256;
	if (c.n_queues == 0)
		c.n_queues = 1;
	return port_open(&c, 512, p, err);
}

static void must_open(const struct port_cfg *cfg, struct port *p)
{
	char err[PORT_ERR_LEN];

	if (open_port(cfg, p, err) != 0)
		fail_msg("%s", err);
}

static void send_frame(const char *ifname)
{
	static const uint8_t frame[60] = {
		0x01, 0x00, 0x5e, 0x01, 0x01, 0x01, 0x02, 0, 0, 0, 0, 0x01, 0x88, 0xb5};
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
		.sll_protocol = htons(0x88b5),
		.sll_ifindex = (int)if_nametoindex(ifname)};
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&ll, sizeof(ll)), 0);
	assert_int_equal(send(fd, frame, sizeof(frame), 0), sizeof(frame));
	close(fd);
}

// How many frames of send_frame() there were.
static unsigned int drain(const struct port *p)
{
	struct rte_mbuf *m;
	unsigned int ours = 0;

	while (rte_eth_rx_burst(p->port_id, 0, &m, 1) == 1) {
		const uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);

		ours += data[12] == 0x88 && data[13] == 0xb5;
		rte_pktmbuf_free(m);
	}
	return ours;
}

// It says nothing while nothing comes, and at once when a frame does, as often as one does.
static void waits(const struct port *p, const char *peer)
{
	struct rte_epoll_event ev, got[4];
	int epfd = epoll_create1(EPOLL_CLOEXEC), quiet = 0;

	assert_true(epfd >= 0);
	assert_int_equal(port_wait_add(p, 0, epfd, &ev), 0);
	// The kernel has things of its own to say when a netdev comes up.
	while (quiet < 3) {
		drain(p);
		port_wait_arm(p, 0);
		quiet = rte_epoll_wait(epfd, got, 4, 200) > 0 ? 0 : quiet + 1;
	}
	for (int i = 0; i < 3; i++) {
		unsigned int ours = 0;

		send_frame(peer);
		for (int tries = 0; tries < 10 && ours == 0; tries++) {
			assert_true(rte_epoll_wait(epfd, got, 4, 5000) > 0);
			ours = drain(p);
			port_wait_arm(p, 0);
		}
		assert_int_equal(ours, 1);
	}
	close(epfd);
}

static void make_veth(void)
{
	SH("ip link add kifw0 numrxqueues 1 numtxqueues 1 type veth peer name kifw1 numrxqueues 1 "
	   "numtxqueues 1 && ip link set kifw0 up && ip link set kifw1 up");
}

static void netdev_waits(const char *device)
{
	const struct port_cfg cfg = {.device = device, .rx_wait = true};
	struct port p;

	NEED_NETNS();
	make_veth();
	must_open(&cfg, &p);
	assert_int_equal(p.n_wait, 1);
	waits(&p, "kifw1");
	port_close(&p);
	SH("ip link del kifw0");
}

static void test_af_packet(void **state)
{
	(void)state;
	netdev_waits("net_af_packet0,iface=kifw0");
}

static void test_af_xdp(void **state)
{
	(void)state;
	netdev_waits("net_af_xdp0,iface=kifw0");
}

// By the driver's receive interrupts.
static void test_tap(void **state)
{
	const struct port_cfg cfg = {.device = "net_tap0,iface=kiftap0", .rx_wait = true};
	struct port p;

	(void)state;
	NEED_NETNS();
	must_open(&cfg, &p);
	assert_true(p.rx_interrupts);
	SH("ip link set kiftap0 up");
	waits(&p, "kiftap0");
	port_close(&p);
}

// Nothing to wait for: not asked for, and not there.
static void test_without(void **state)
{
	const struct port_cfg null = {.device = "net_null0", .rx_wait = true};
	const struct port_cfg polled = {.device = "net_af_packet0,iface=kifw0"};
	struct rte_epoll_event ev;
	struct port p;

	(void)state;
	must_open(&null, &p);
	assert_int_equal(port_wait_add(&p, 0, 0, &ev), -ENOTSUP);
	port_wait_arm(&p, 0);
	port_close(&p);
	NEED_NETNS();
	make_veth();
	must_open(&polled, &p);
	assert_int_equal(port_wait_add(&p, 0, 0, &ev), -ENOTSUP);
	port_close(&p);
	SH("ip link del kifw0");
}

// Two TAPs as one port; when the one that is used goes down, the other is.
static void test_bond(void **state)
{
	const struct port_cfg cfg = {.device = "net_bonding0,mode=1,slave=net_tap0,slave=net_tap1",
		.members = {"net_tap0,iface=kifb0,mac=02:00:00:00:00:0a", "net_tap1,iface=kifb1"},
		.n_members = 2};
	static const uint8_t first[6] = {2, 0, 0, 0, 0, 0x0a};
	struct port p;
	unsigned int ours = 0;

	(void)state;
	NEED_NETNS();
	for (int again = 0; again < 2; again++) {
		must_open(&cfg, &p);
		assert_string_equal(p.driver, "net_bonding");
		assert_memory_equal(p.mac, first, 6);
		assert_int_equal(p.mtu, 1500);
		for (int i = 0; i < 5000 && !port_link_up(&p); i++)
			poll(NULL, 0, 1);
		assert_true(port_link_up(&p));
		send_frame("kifb0");
		for (int i = 0; i < 5000 && ours == 0; i++, poll(NULL, 0, 1))
			ours = drain(&p);
		assert_int_equal(ours, 1);
		SH("ip link set kifb0 down");
		for (int i = 0; i < 500 && ours < 2; i++, poll(NULL, 0, 10)) {
			port_watch(&p);
			send_frame("kifb1");
			ours += drain(&p);
		}
		assert_true(ours >= 2);
		assert_true(port_link_up(&p));
		port_close(&p);
		assert_int_equal(rte_eth_dev_count_total(), 0);
		ours = 0;
	}
}

static void must_fail(const struct port_cfg *cfg, const char *part)
{
	char err[PORT_ERR_LEN];
	struct port p;

	assert_true(open_port(cfg, &p, err) < 0);
	if (strstr(err, part) == NULL)
		fail_msg("%s: no '%s'", err, part);
	assert_int_equal(rte_eth_dev_count_total(), 0);
}

static void test_bond_errors(void **state)
{
	const struct port_cfg no_slaves = {.device = "net_bonding0,mode=1,slave=net_null7"};
	const struct port_cfg no_member = {.device = "net_bonding0,mode=1,slave=net_null7",
		.members = {"net_null7", "net_no_such_driver0"},
		.n_members = 2};

	(void)state;
	must_fail(&no_slaves, "does not take its slaves");
	must_fail(&no_member, "member net_no_such_driver0: no such device or driver");
}

// net_memif tells neither its limit nor cuts politely.
static void test_memif_mtu(void **state)
{
	const struct port_cfg large = {
		.device = "net_memif0,role=server,socket=kifwait,bsize=16384", .mtu = 9000};
	const struct port_cfg small = {
		.device = "net_memif0,role=server,socket=kifwait2", .mtu = 9000};
	struct port p;

	(void)state;
	must_open(&large, &p);
	assert_int_equal(p.mtu, 9000);
	assert_true(rte_pktmbuf_data_room_size(p.pool) >= RTE_PKTMBUF_HEADROOM + 9022);
	assert_false(port_link_up(&p));
	port_close(&p);
	must_fail(
		&small, "mtu 9000 is out of range, 68 to 2026 (a frame fits one slot: set bsize=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_af_packet),
		cmocka_unit_test(test_af_xdp),
		cmocka_unit_test(test_tap),
		cmocka_unit_test(test_without),
		cmocka_unit_test(test_bond),
		cmocka_unit_test(test_bond_errors),
		cmocka_unit_test(test_memif_mtu),
	};

	have_netns = netns_enter();
	return eal_begin("test_port_wait", "256") ? RUN_TESTS(tests) : 1;
}
