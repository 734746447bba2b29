// SPDX-License-Identifier: BSD-3-Clause
// Ports on vdevs, without hugepages; those on a kernel netdev in a network namespace of this
// process.
#include "unit/unit.h"

#include "unit/kif/af_xdp_leak.h"
#include "unit/kif/netns.h"

#include <arpa/inet.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <sys/socket.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "port/port.h"
#include "port/port_netdev.h"
#include "port/port_pool.h"
#include "unit/eal.h"

static int open_port(
	const char *device, uint16_t n_queues, uint16_t mtu, struct port *p, char err[PORT_ERR_LEN])
{
	const struct port_cfg cfg = {
		.device = device, .n_queues = n_queues, .mtu = mtu, .rx_desc = 256, .tx_desc = 256};

	return port_open(&cfg, 512, p, err);
}

static void must_open(const char *device, uint16_t n_queues, uint16_t mtu, struct port *p)
{
	char err[PORT_ERR_LEN];

	if (open_port(device, n_queues, mtu, p, err) != 0)
		fail_msg("%s", err);
	assert_string_equal(err, "");
}

static unsigned int pools;

static void count_pool_cb(struct rte_mempool *mp, void *arg)
{
	(void)mp;
	(void)arg;
	pools++;
}

// Nothing of any port is left.
static void assert_clean(void)
{
	pools = 0;
	rte_mempool_walk(count_pool_cb, NULL);
	assert_int_equal(pools, 0);
	assert_int_equal(rte_eth_dev_count_total(), 0);
}

static void must_fail(const char *device, uint16_t n_queues, uint16_t mtu, const char *part)
{
	char err[PORT_ERR_LEN] = "";
	struct port p;

	assert_true(open_port(device, n_queues, mtu, &p, err) < 0);
	if (strstr(err, part) == NULL)
		fail_msg("'%s' is not in '%s'", part, err);
	assert_memory_equal(err, device, strlen(device));
	assert_null(p.pool);
}

static void test_devarg(void **state)
{
	static const char device[] = "net_af_packet0,iface=up0,framesz=4096,empty=,last=x";
	char out[16];

	(void)state;
	assert_true(port_devarg(device, "iface", out, sizeof(out)));
	assert_string_equal(out, "up0");
	assert_true(port_devarg(device, "framesz", out, sizeof(out)));
	assert_string_equal(out, "4096");
	assert_true(port_devarg(device, "last", out, sizeof(out)));
	assert_false(port_devarg(device, "frame", out, sizeof(out)));
	assert_false(port_devarg(device, "empty", out, sizeof(out)));
	assert_false(port_devarg(device, "net_af_packet0", out, sizeof(out)));
	assert_false(port_devarg(device, "framesz", out, 4));
	assert_false(port_devarg("", "a", out, sizeof(out)));
}

static void test_null(void **state)
{
	static const uint8_t zero[6];
	struct port_counters c;
	struct rte_mbuf *m[32];
	unsigned int in_use, size;
	struct port p;
	uint16_t n;

	(void)state;
	must_open("net_null0,size=64", 2, 0, &p);
	assert_string_equal(p.driver, "net_null");
	assert_int_equal(p.n_queues, 2);
	assert_int_equal(p.mtu, 1500);
	assert_memory_not_equal(p.mac, zero, 6);
	assert_true(port_link_up(&p));
	port_mbufs(&p, &in_use, &size);
	assert_int_equal(in_use, 0);
	assert_true(size >= 2 * 512 + 512);
	assert_true(rte_pktmbuf_data_room_size(p.pool) >= 128 + 1500 + 22);
	n = rte_eth_rx_burst(p.port_id, 1, m, 32);
	assert_int_equal(n, 32);
	port_mbufs(&p, &in_use, &size);
	assert_int_equal(in_use, 32);
	assert_int_equal(rte_eth_tx_burst(p.port_id, 1, m, n), 32); // into the void
	port_mbufs(&p, &in_use, &size);
	assert_int_equal(in_use, 0);
	port_counters(&p, &c);
	assert_int_equal(c.rx_packets, 32);
	assert_int_equal(c.tx_packets, 32);
	port_close(&p);
	port_close(&p); // a closed one is left alone
	assert_clean();
}

// A frame once round a ring; then the same device again.
static void test_ring_again(void **state)
{
	struct port p;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct rte_mbuf *m, *back[4];
		unsigned int in_use, size;

		must_open("net_ring0", 1, 9000, &p);
		assert_int_equal(p.mtu, 9000);
		assert_true(rte_pktmbuf_data_room_size(p.pool) >= 128 + 9000 + 22);
		m = rte_pktmbuf_alloc(p.pool);
		assert_non_null(m);
		assert_non_null(rte_pktmbuf_append(m, 9014));
		assert_int_equal(rte_eth_tx_burst(p.port_id, 0, &m, 1), 1);
		assert_int_equal(rte_eth_rx_burst(p.port_id, 0, back, 4), 1);
		assert_ptr_equal(back[0], m);
		rte_pktmbuf_free(m);
		port_mbufs(&p, &in_use, &size);
		assert_int_equal(in_use, 0);
		port_close(&p);
		assert_clean();
	}
}

static void test_two_ports(void **state)
{
	char err[PORT_ERR_LEN];
	struct port a, b, c;

	(void)state;
	must_open("net_null0", 1, 0, &a);
	must_open("net_null1", 1, 0, &b);
	assert_int_not_equal(a.port_id, b.port_id);
	assert_ptr_not_equal(a.pool, b.pool);
	// The same device twice: refused, and the first one goes on.
	assert_int_equal(open_port("net_null0", 1, 0, &c, err), -EBUSY);
	assert_string_equal(err, "net_null0: the device is in use by another interface");
	assert_true(rte_eth_dev_is_valid_port(a.port_id));
	assert_true(port_link_up(&a));
	port_close(&a);
	must_open("net_null0", 1, 0, &a);
	port_close(&b);
	port_close(&a);
	assert_clean();
}

// What the EAL probed at its start (--vdev, or a PCI device) is taken over.
static void test_probed_before(void **state)
{
	struct port p;

	(void)state;
	assert_int_equal(rte_dev_probe("net_null5,size=100"), 0);
	must_open("net_null5,size=100", 1, 0, &p);
	port_close(&p);
	assert_clean();
}

static void test_mac(void **state)
{
	static const uint8_t wanted[6] = {2, 1, 2, 3, 4, 5};
	struct port_cfg cfg = {.device = "net_null0", .n_queues = 1};
	struct rte_ether_addr now;
	char err[PORT_ERR_LEN];
	struct port p;

	(void)state;
	memcpy(cfg.mac, wanted, sizeof(wanted));
	if (port_open(&cfg, 0, &p, err) != 0)
		fail_msg("%s", err);
	assert_memory_equal(p.mac, wanted, 6);
	assert_int_equal(rte_eth_macaddr_get(p.port_id, &now), 0);
	assert_memory_equal(now.addr_bytes, wanted, 6);
	port_close(&p);
	cfg.device = "net_pcap0,tx_pcap=/dev/null";
	assert_int_equal(port_open(&cfg, 0, &p, err), -ENOTSUP);
	assert_string_equal(err, "net_pcap0,tx_pcap=/dev/null: the driver net_pcap cannot set a "
				 "MAC address");
	assert_clean();
}

static void test_queues(void **state)
{
	struct port p;

	(void)state;
	must_open("net_pcap0,tx_pcap=/dev/null", 3, 0, &p);
	assert_int_equal(p.n_queues, 1);
	assert_int_equal(p.n_tx_queues, 1);
	assert_false(p.rss);
	port_close(&p);
	must_open("net_null0", 3, 0, &p);
	assert_int_equal(p.n_queues, 3);
	assert_int_equal(p.n_tx_queues, 3);
	port_close(&p);
	assert_clean();
}

static void test_errors(void **state)
{
	(void)state;
	must_fail("net_nosuch0", 1, 0, "no such device or driver");
	must_fail("0000:ff:1f.7", 1, 0, "no such device or driver");
	must_fail("", 1, 0, ": ");
	must_fail("net_null0,size=64,nosuchkey=1", 1, 0, "probing failed");
	must_fail("net_null0", 0, 0, "at least one queue");
	must_fail("net_null0", 1, 60, "mtu 60 is out of range, 68 to ");
	must_fail("net_pcap0,rx_pcap=no-such-file.pcap", 1, 0, "probing failed");
	must_fail("net_af_packet0", 1, 0, "iface=NAME is missing");
	must_fail("net_af_xdp0,iface=sixteencharslong", 1, 0, "iface=NAME is missing or longer");
	must_fail("net_af_xdp0,iface=kifnone", 1, 0,
		"no network interface 'kifnone' in this network namespace");
	assert_clean();
}

// The driver of AF_XDP registers the pool from the page of its start, n objects long: no mbuf may
// be outside, or the kernel refuses it and the port goes dry.
static void test_umem_pool(void **state)
{
	enum { N = 5000 };
	struct rte_mempool *mp = port_pool_umem("umem", N, 0, SOCKET_ID_ANY);
	uintptr_t start, end;
	void *m;
	unsigned int n;

	(void)state;
	assert_non_null(mp);
	start = (uintptr_t)STAILQ_FIRST(&mp->mem_list)->addr & ~(uintptr_t)4095;
	end = start + ((uintptr_t)STAILQ_FIRST(&mp->mem_list)->addr - start) +
	      (uintptr_t)N * rte_mempool_calc_obj_size(mp->elt_size, mp->flags, NULL);
	for (n = 0; rte_mempool_get(mp, &m) == 0; n++) {
		assert_true((uintptr_t)m >= start && (uintptr_t)m + mp->elt_size <= end);
		assert_int_equal(rte_pktmbuf_data_room_size(mp), PORT_UMEM_ROOM);
		assert_int_equal(((struct rte_mbuf *)m)->buf_len, PORT_UMEM_ROOM);
	}
	assert_in_range(n, N - 1, N);
	rte_mempool_free(mp);
	assert_clean();
}

static void test_no_memory(void **state)
{
	const struct port_cfg cfg = {.device = "net_null0", .n_queues = 1};
	char err[PORT_ERR_LEN];
	struct port p;

	(void)state;
	assert_int_equal(port_open(&cfg, 4000000, &p, err), -ENOMEM);
	assert_non_null(strstr(err, "net_null0: no memory for 40"));
	assert_clean();
}

static int raw_socket(const char *ifname)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
		.sll_protocol = htons(0x88b5),
		.sll_ifindex = (int)if_nametoindex(ifname)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&ll, sizeof(ll)), 0);
	return fd;
}

// One frame of the size in each direction over a port on kifp0; its peer is kifp1. Frames of other
// ethertypes (the kernel's IPv6) are passed over.
static void both_ways(struct port *p, size_t len)
{
	static uint8_t frame[10000], got[10000];
	const int fd = raw_socket("kifp1");
	struct rte_mbuf *m = NULL;
	uint8_t *data;
	static const uint8_t ether[14] = {
		0x01, 0x00, 0x5e, 0x01, 0x01, 0x01, 0x02, 0, 0, 0, 0, 0x01, 0x88, 0xb5};

	memset(frame, 0x5a, sizeof(frame));
	memcpy(frame, ether, sizeof(ether));
	assert_int_equal(send(fd, frame, len, 0), len);
	for (int i = 0; i < 1000 && m == NULL; i++) {
		if (rte_eth_rx_burst(p->port_id, 0, &m, 1) == 0) {
			poll(NULL, 0, 1);
			continue;
		}
		data = rte_pktmbuf_mtod(m, uint8_t *);
		if (data[12] != 0x88 || data[13] != 0xb5) {
			rte_pktmbuf_free(m);
			m = NULL;
		}
	}
	assert_non_null(m);
	assert_int_equal(m->pkt_len, len);
	assert_int_equal(m->nb_segs, 1);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), frame, len);
	assert_int_equal(rte_eth_tx_burst(p->port_id, 0, &m, 1), 1);
	// AF_PACKET sees what its own host sent, too: skip that.
	for (;;) {
		struct sockaddr_ll from = {0};
		socklen_t size = sizeof(from);
		ssize_t n;

		assert_true(readable(fd));
		n = recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &size);
		if (n > 0 && from.sll_pkttype == PACKET_OUTGOING)
			continue;
		assert_int_equal(n, len);
		break;
	}
	assert_memory_equal(got, frame, len);
	close(fd);
}

static void make_veth(const char *extra)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd),
		"ip link add kifp0 %s numrxqueues 1 numtxqueues 1 type veth peer name kifp1 %s"
		" numrxqueues 1 numtxqueues 1 && ip link set kifp0 up && ip link set kifp1 up",
		extra, extra);
	SH(cmd);
}

// The kernel moves the running flag of a netdev from a work queue.
static void wait_link(const struct port *p, bool up)
{
	for (int i = 0; i < 2000 && port_link_up(p) != up; i++)
		poll(NULL, 0, 1);
	assert_int_equal(port_link_up(p), up);
}

static void netdev_port(const char *device, bool umem)
{
	unsigned int in_use, size, idle;
	struct port_counters c;
	struct port p;

	make_veth("");
	// The driver of AF_XDP leaves its socket open until the process ends, and with it the
	// netdev's queue taken: no second time there.
	for (int i = 0; i < (umem ? 1 : 2); i++) {
		must_open(device, 1, 0, &p);
		assert_int_equal(p.mtu, 1500);
		assert_string_equal(p.netdev, "kifp0");
		assert_false(p.ip_cksum_hw);
		assert_false(p.l4_cksum_hw);
		assert_true(p.promiscuous);
		port_mbufs(&p, &idle, &size);
		assert_true(umem ? idle > 0 : idle == 0); // the fill ring
		assert_true(size - idle >= 512);
		both_ways(&p, 60);
		both_ways(&p, 1514);
		port_counters(&p, &c);
		assert_true(c.rx_packets >= 2);
		assert_int_equal(c.tx_packets, 2);
		if (!umem) {
			port_mbufs(&p, &in_use, &size);
			assert_int_equal(in_use, 0);
		}
		wait_link(&p, true);
		SH("ip link set kifp1 down");
		wait_link(&p, false);
		SH("ip link set kifp1 up");
		wait_link(&p, true);
		port_close(&p);
		assert_clean();
		// No mode and no program is left on the netdev.
		SH("! ip -d -o link show kifp0 | grep -Eq 'promiscuity [1-9]'");
		SH("! ip -o link show kifp0 | grep -q PROMISC");
		SH("! ip -o link show kifp0 | grep -q xdp");
	}
	SH("ip link del kifp0");
}

static void test_af_packet(void **state)
{
	(void)state;
	NEED_NETNS();
	netdev_port("net_af_packet0,iface=kifp0", false);
}

static void test_af_xdp(void **state)
{
	(void)state;
	NEED_NETNS();
	netdev_port("net_af_xdp0,iface=kifp0", true);
	netdev_port("net_af_xdp0,iface=kifp0,force_copy=1,busy_budget=0", true);
}

static void test_af_packet_mtu(void **state)
{
	struct port p;

	(void)state;
	NEED_NETNS();
	make_veth("mtu 9000");
	// The netdev's own MTU, the operator's: neither fits a slot of 2048.
	must_fail("net_af_packet0,iface=kifp0", 1, 0, "mtu 9000 is out of range, 68 to 1960");
	must_fail("net_af_packet0,iface=kifp0", 1, 1961, "(longer frames would be cut in silence");
	must_open("net_af_packet0,iface=kifp0", 1, 1960, &p);
	both_ways(&p, 1974);
	port_close(&p);
	SH("ip link set kifp0 mtu 9000");
	must_open("net_af_packet0,iface=kifp0,framesz=16384,blocksz=65536,framecnt=64", 1, 0, &p);
	assert_int_equal(p.mtu, 9000);
	both_ways(&p, 9014);
	port_close(&p);
	must_fail("net_af_packet0,iface=kifp0,framesz=abc", 1, 0, "probing failed");
	// Fewer queues than workers: the port has what the driver has.
	must_open("net_af_packet0,iface=kifp0", 2, 1500, &p);
	assert_int_equal(p.n_queues, 1);
	assert_int_equal(p.n_tx_queues, 1);
	both_ways(&p, 1514);
	port_close(&p);
	must_fail("net_af_packet0,iface=kifp0,qpairs=2", 1, 1500,
		"2 queues in the device string, but 1 workers poll");
	must_open("net_af_packet0,iface=kifp0,qpairs=2", 2, 1500, &p);
	port_close(&p);
	SH("ip link del kifp0");
	assert_clean();
}

static void test_af_xdp_mtu(void **state)
{
	struct port p;

	(void)state;
	NEED_NETNS();
	make_veth("mtu 9000");
	must_fail("net_af_xdp0,iface=kifp0", 1, 0, "(an AF_XDP frame fits one page)");
	must_fail("net_af_xdp0,iface=kifp0", 1, 9000, "mtu 9000 is out of range, 68 to 34");
	SH("ip link set kifp1 mtu 3400"); // veth looks at the peer's
	must_open("net_af_xdp0,iface=kifp0", 1, 3400, &p);
	assert_int_equal(p.mtu, 3400);
	both_ways(&p, 3414);
	port_close(&p);
	SH("ip link del kifp0");
	assert_clean();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_devarg),
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_ring_again),
		cmocka_unit_test(test_two_ports),
		cmocka_unit_test(test_probed_before),
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_umem_pool),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_af_packet),
		cmocka_unit_test(test_af_xdp),
		cmocka_unit_test(test_af_packet_mtu),
		cmocka_unit_test(test_af_xdp_mtu),
	};

	have_netns = netns_enter();
	return eal_begin("test_port", "256") ? RUN_TESTS(tests) : 1;
}
