// SPDX-License-Identifier: BSD-3-Clause
// rtnetlink: the parser on recorded-by-hand messages and all their truncations, and the socket
// against the real kernel in a network namespace of this process.
#include "unit/unit.h"

#include "unit/kif/netns.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "base/log.h"
#include "kif/netlink_msg.h"

#define MAX_EVENTS 4096

struct events {
	size_t n;
	struct netlink_event ev[MAX_EVENTS];
};

static struct events events;
static void event_cb(void *arg, const struct netlink_event *ev)
{
	struct events *e = arg;

	if (e->n < MAX_EVENTS)
		e->ev[e->n++] = *ev;
}

static struct netlink *open_it(void)
{
	char err[NETLINK_ERR_LEN];
	struct netlink *nl = netlink_open(event_cb, &events, err);

	if (nl == NULL)
		fail_msg("%s", err);
	events.n = 0;
	return nl;
}

// Takes everything that waits.
static void drain(struct netlink *nl)
{
	struct pollfd p = {.fd = netlink_fd(nl), .events = POLLIN};

	while (poll(&p, 1, 0) == 1)
		assert_int_equal(netlink_input(nl), 0);
}

static const struct netlink_event *find(
	enum netlink_event_type type, const char *name, const char *addr)
{
	struct addr want = {0};

	if (addr != NULL)
		assert_int_equal(addr_parse(addr, &want), 0);
	// The newest one.
	for (size_t i = events.n; i > 0; i--) {
		const struct netlink_event *ev = &events.ev[i - 1];

		if (ev->type == type && (name == NULL || strcmp(ev->name, name) == 0) &&
			(addr == NULL || addr_eq(&ev->addr, &want)))
			return ev;
	}
	return NULL;
}

static void link_msg(
	struct netlink_request *r, uint16_t type, uint8_t family, uint32_t mtu, const uint8_t *mac)
{
	const struct ifinfomsg ifi = {
		.ifi_family = family, .ifi_index = 7, .ifi_flags = IFF_UP | IFF_BROADCAST};

	netlink_request_init(r, type, 0, 1);
	netlink_request_put(r, &ifi, sizeof(ifi));
	netlink_request_attr(r, IFLA_IFNAME, "wan", 4);
	netlink_request_attr(r, IFLA_MTU, &mtu, sizeof(mtu));
	netlink_request_attr(r, IFLA_ADDRESS, mac, 6);
	netlink_request_end(r);
}

static void addr_msg(struct netlink_request *r, uint8_t family, uint8_t prefix_len,
	const void *local, const void *address, size_t size, uint32_t flags)
{
	const struct ifaddrmsg ifa = {
		.ifa_family = family, .ifa_prefixlen = prefix_len, .ifa_index = 7};

	netlink_request_init(r, RTM_NEWADDR, 0, 1);
	netlink_request_put(r, &ifa, sizeof(ifa));
	if (address != NULL)
		netlink_request_attr(r, IFA_ADDRESS, address, size);
	if (local != NULL)
		netlink_request_attr(r, IFA_LOCAL, local, size);
	netlink_request_attr(r, IFA_FLAGS, &flags, sizeof(flags));
	netlink_request_end(r);
}

static void test_parse_link(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9}, group[6] = {3, 0, 0, 0, 0, 9}, zero[6];
	struct netlink_request r;
	struct netlink_event ev;

	(void)state;
	link_msg(&r, RTM_NEWLINK, AF_UNSPEC, 1500, mac);
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), 0);
	assert_int_equal(ev.type, NETLINK_LINK);
	assert_int_equal(ev.ifindex, 7);
	assert_string_equal(ev.name, "wan");
	assert_true(ev.up);
	assert_int_equal(ev.mtu, 1500);
	assert_memory_equal(ev.mac, mac, 6);
	link_msg(&r, RTM_DELLINK, AF_UNSPEC, 1500, mac);
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), 0);
	assert_int_equal(ev.type, NETLINK_LINK_GONE);
	// A bridge about its port: not the link's end.
	link_msg(&r, RTM_DELLINK, AF_BRIDGE, 1500, mac);
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), -ENOMSG);
	// Nothing insane is told.
	link_msg(&r, RTM_NEWLINK, AF_UNSPEC, 67, group);
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), 0);
	assert_int_equal(ev.mtu, 0);
	assert_memory_equal(ev.mac, zero, 6);
	link_msg(&r, RTM_NEWLINK, AF_UNSPEC, 65536, zero);
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), 0);
	assert_int_equal(ev.mtu, 0);
	link_msg(&r, RTM_NEWROUTE, AF_UNSPEC, 1500, mac);
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), -ENOMSG);
}

static void test_parse_addr(void **state)
{
	static const uint8_t a[4] = {192, 0, 2, 1}, peer[4] = {192, 0, 2, 9};
	static const uint8_t a6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
	struct addr want;
	struct netlink_request r;
	struct netlink_event ev;

	(void)state;
	addr_msg(&r, AF_INET, 24, a, peer, 4, 0);
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), 0);
	assert_int_equal(ev.type, NETLINK_ADDR_ADD);
	addr_parse("192.0.2.1", &want);
	assert_true(addr_eq(&ev.addr, &want));
	assert_int_equal(ev.prefix_len, 24);
	assert_false(ev.secondary);
	addr_msg(&r, AF_INET, 24, a, a, 4, IFA_F_SECONDARY | IFA_F_PERMANENT);
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), 0);
	assert_true(ev.secondary);
	addr_msg(&r, AF_INET6, 64, NULL, a6, 16, 0);
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), 0);
	addr_parse("2001:db8::1", &want);
	assert_true(addr_eq(&ev.addr, &want));
	assert_false(ev.deprecated);
	addr_msg(&r, AF_INET6, 64, NULL, a6, 16, IFA_F_DEPRECATED);
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), 0);
	assert_int_equal(ev.type, NETLINK_ADDR_ADD);
	assert_true(ev.deprecated);
	// Until duplicate address detection is done it is not there, nor when that failed.
	addr_msg(&r, AF_INET6, 64, NULL, a6, 16, IFA_F_TENTATIVE);
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), 0);
	assert_int_equal(ev.type, NETLINK_ADDR_DEL);
	assert_true(addr_eq(&ev.addr, &want));
	addr_msg(&r, AF_INET6, 64, NULL, a6, 16, IFA_F_TENTATIVE | IFA_F_OPTIMISTIC);
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), 0);
	assert_int_equal(ev.type, NETLINK_ADDR_ADD);
	addr_msg(&r, AF_INET6, 64, NULL, a6, 16, IFA_F_TENTATIVE | IFA_F_DADFAILED);
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), 0);
	assert_int_equal(ev.type, NETLINK_ADDR_DEL);
	addr_msg(&r, AF_INET, 33, a, a, 4, 0);
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), -EBADMSG);
	addr_msg(&r, AF_INET, 24, a6, a6, 16, 0); // size and family disagree
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), -EBADMSG);
	addr_msg(&r, AF_INET, 24, NULL, NULL, 0, 0);
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), -EBADMSG);
	addr_msg(&r, AF_BRIDGE, 24, a, a, 4, 0);
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), -ENOMSG);
}

// Each cut of a valid message, once with the header's length as it was, once made to fit: read
// from a heap copy of that very size, so that a sanitizer sees every octet too many.
static void cut(const struct netlink_request *r)
{
	for (size_t len = 0; len < r->len; len++) {
		uint8_t *copy = malloc(len + (len == 0));
		uint32_t fit = (uint32_t)len;
		struct netlink_event ev;

		assert_non_null(copy);
		memcpy(copy, r->buf, len);
		assert_int_equal(netlink_msg_parse(copy, len, &ev), -EBADMSG);
		if (len >= sizeof(fit)) {
			memcpy(copy, &fit, sizeof(fit));
			int rc = netlink_msg_parse(copy, len, &ev);

			assert_true(rc == 0 || rc == -EBADMSG);
			if (len < NLMSG_HDRLEN + 8)
				assert_int_equal(rc, -EBADMSG);
		}
		free(copy);
	}
}

static void test_parse_truncated(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9}, a[4] = {192, 0, 2, 1};
	struct netlink_request r;
	struct netlink_event ev;
	uint16_t bad = 3;

	(void)state;
	link_msg(&r, RTM_NEWLINK, AF_UNSPEC, 1500, mac);
	cut(&r);
	// An attribute shorter than its header, and one longer than the message.
	memcpy(r.buf + NLMSG_HDRLEN + sizeof(struct ifinfomsg), &bad, sizeof(bad));
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), -EBADMSG);
	bad = 0xffff;
	memcpy(r.buf + NLMSG_HDRLEN + sizeof(struct ifinfomsg), &bad, sizeof(bad));
	assert_int_equal(netlink_msg_parse(r.buf, r.len, &ev), -EBADMSG);
	addr_msg(&r, AF_INET, 24, a, a, 4, 0);
	cut(&r);
}

static void test_parse_error(void **state)
{
	uint8_t msg[NLMSG_HDRLEN + 4] = {0};
	int32_t error = -EEXIST;

	(void)state;
	assert_int_equal(netlink_msg_error(msg, sizeof(msg)), 0);
	memcpy(msg + NLMSG_HDRLEN, &error, sizeof(error));
	assert_int_equal(netlink_msg_error(msg, sizeof(msg)), -EEXIST);
	assert_int_equal(netlink_msg_error(msg, sizeof(msg) - 1), -EBADMSG);
	error = 17;
	memcpy(msg + NLMSG_HDRLEN, &error, sizeof(error));
	assert_int_equal(netlink_msg_error(msg, sizeof(msg)), -EBADMSG);
	error = INT32_MIN;
	memcpy(msg + NLMSG_HDRLEN, &error, sizeof(error));
	assert_int_equal(netlink_msg_error(msg, sizeof(msg)), -EBADMSG);
}

static void test_link_events(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 0x55};
	const struct netlink_event *ev;
	struct netlink *nl;
	int ifindex;

	(void)state;
	NEED_NETNS();
	nl = open_it();
	SH("ip tuntap add dev nlt0 mode tap");
	ifindex = (int)if_nametoindex("nlt0");
	drain(nl);
	ev = find(NETLINK_LINK, "nlt0", NULL);
	assert_non_null(ev);
	assert_int_equal(ev->ifindex, ifindex);
	assert_false(ev->up);
	SH("ip link set nlt0 up mtu 1400 address 02:00:00:00:00:55");
	drain(nl);
	ev = find(NETLINK_LINK, "nlt0", NULL);
	assert_true(ev->up);
	assert_int_equal(ev->mtu, 1400);
	assert_memory_equal(ev->mac, mac, 6);
	SH("ip link set nlt0 down");
	drain(nl);
	assert_false(find(NETLINK_LINK, "nlt0", NULL)->up);
	SH("ip link set nlt0 name nlt1");
	drain(nl);
	ev = find(NETLINK_LINK, "nlt1", NULL);
	assert_non_null(ev);
	assert_int_equal(ev->ifindex, ifindex);
	SH("ip link del nlt1");
	drain(nl);
	ev = find(NETLINK_LINK_GONE, NULL, NULL);
	assert_non_null(ev);
	assert_int_equal(ev->ifindex, ifindex);
	netlink_close(nl);
	netlink_close(NULL);
}

static void test_addresses(void **state)
{
	const struct netlink_event *ev;
	struct netlink *nl;
	struct addr a, b, six;
	int ifindex;

	(void)state;
	NEED_NETNS();
	// The kernel speaks of an IPv6 address without DAD when there is a carrier, not before.
	SH("ip link add nlt0 type veth peer name nlt9");
	SH("ip link set nlt9 up && ip link set nlt0 addrgenmode none up");
	nl = open_it();
	ifindex = (int)if_nametoindex("nlt0");
	addr_parse("10.9.1.2", &a);
	addr_parse("10.9.1.3", &b);
	addr_parse("2001:db8::2", &six);
	assert_int_equal(netlink_addr_add(nl, ifindex, &a, 24), 0);
	assert_int_equal(netlink_addr_add(nl, ifindex, &b, 24), 0);
	assert_int_equal(netlink_addr_add(nl, ifindex, &a, 24), 0); // there already
	assert_int_equal(netlink_addr_add(nl, ifindex, &six, 64), 0);
	drain(nl);
	ev = find(NETLINK_ADDR_ADD, NULL, "10.9.1.2");
	assert_non_null(ev);
	assert_int_equal(ev->ifindex, ifindex);
	assert_int_equal(ev->prefix_len, 24);
	assert_false(ev->secondary);
	assert_true(find(NETLINK_ADDR_ADD, NULL, "10.9.1.3")->secondary);
	// Told from a work queue of the kernel's.
	while (find(NETLINK_ADDR_ADD, NULL, "2001:db8::2") == NULL) {
		assert_true(readable(netlink_fd(nl)));
		drain(nl);
	}
	SH("! ip -6 -o addr show dev nlt0 | grep -q tentative");
	SH("ip addr del 10.9.1.3/24 dev nlt0");
	drain(nl);
	ev = find(NETLINK_ADDR_DEL, NULL, "10.9.1.3");
	assert_non_null(ev);
	assert_true(ev->secondary);
	assert_null(find(NETLINK_ADDR_DEL, NULL, "10.9.1.2"));
	// Errors of the kernel and of the caller.
	assert_int_equal(netlink_addr_add(nl, 99999, &a, 24), -ENODEV);
	assert_int_equal(netlink_addr_add(nl, ifindex, &a, 33), -EINVAL);
	assert_int_equal(netlink_addr_add(nl, 0, &a, 24), -EINVAL);
	assert_int_equal(netlink_addr_add(nl, ifindex, &(struct addr){0}, 0), -EINVAL);
	SH("ip link del nlt0");
	drain(nl);
	assert_non_null(find(NETLINK_ADDR_DEL, NULL, "10.9.1.2"));
	netlink_close(nl);
}

// An address that the operator sets is there when duplicate address detection is done, not before.
static void test_tentative(void **state)
{
	const struct netlink_event *ev;
	struct netlink *nl;

	(void)state;
	NEED_NETNS();
	SH("ip link add nlt0 type veth peer name nlt9");
	SH("ip link set nlt9 up && ip link set nlt0 addrgenmode none up");
	nl = open_it();
	SH("ip -6 addr add 2001:db8::5/64 dev nlt0");
	// A random part of a second until it begins, and a second.
	for (int i = 0; i < 10 && find(NETLINK_ADDR_ADD, NULL, "2001:db8::5") == NULL; i++) {
		readable(netlink_fd(nl));
		drain(nl);
	}
	assert_non_null(find(NETLINK_ADDR_ADD, NULL, "2001:db8::5"));
	SH("! ip -6 -o addr show dev nlt0 | grep -q tentative");
	SH("ip -6 addr change 2001:db8::5/64 dev nlt0 preferred_lft 0");
	do {
		drain(nl);
		ev = find(NETLINK_ADDR_ADD, NULL, "2001:db8::5");
	} while (!ev->deprecated && readable(netlink_fd(nl)));
	assert_true(ev->deprecated);
	SH("ip link del nlt0");
	netlink_close(nl);
}

static void test_routes(void **state)
{
	struct prefix any, net, any6, net6;
	struct addr a, via, six, far, via6;
	struct netlink *nl;
	int ifindex;

	(void)state;
	NEED_NETNS();
	SH("ip tuntap add dev nlt0 mode tap");
	SH("ip tuntap add dev nlt1 mode tap");
	SH("ip link set nlt0 up");
	SH("ip link set nlt1 up");
	SH("ip addr add 10.9.2.2/24 dev nlt1");
	SH("ip route add default via 10.9.2.1");
	nl = open_it();
	ifindex = (int)if_nametoindex("nlt0");
	prefix_parse("0.0.0.0/0", &any);
	prefix_parse("198.51.100.0/24", &net);
	addr_parse("10.9.1.2", &a);
	addr_parse("10.9.1.1", &via);
	addr_parse("203.0.113.1", &far);
	addr_parse("2001:db8::1", &six);
	assert_int_equal(netlink_addr_add(nl, ifindex, &a, 24), 0);
	assert_int_equal(netlink_route_add(nl, ifindex, &any, &via), 0);
	assert_int_equal(netlink_route_add(nl, ifindex, &any, &via), 0);
	assert_int_equal(netlink_route_add(nl, ifindex, &net, NULL), 0);
	SH("test $(ip route show default | wc -l) = 2");
	SH("ip route get 192.0.2.9 | grep -q 'via 10.9.1.1 dev nlt0'");
	SH("ip route get 198.51.100.9 | grep -q '^198.51.100.9 dev nlt0'");
	// IPv6: in front of somebody else's, and via a router's link-local address.
	SH("ip -6 addr add 2001:db8:2::2/64 dev nlt1 nodad");
	SH("ip -6 route add default via 2001:db8:2::1");
	addr_parse("2001:db8::2", &a);
	assert_int_equal(netlink_addr_add(nl, ifindex, &a, 64), 0);
	prefix_parse("::/0", &any6);
	addr_parse("2001:db8::1", &via6);
	assert_int_equal(netlink_route_add(nl, ifindex, &any6, &via6), 0);
	assert_int_equal(netlink_route_add(nl, ifindex, &any6, &via6), 0);
	SH("test $(ip -6 route show default | grep -c via) = 2");
	SH("ip -6 route get 2001:db8:9::9 | grep -q 'via 2001:db8::1 dev nlt0'");
	prefix_parse("2001:db8:7::/48", &net6);
	addr_parse("fe80::1", &via6);
	assert_int_equal(netlink_route_add(nl, ifindex, &net6, &via6), 0);
	SH("ip -6 route get 2001:db8:7::9 | grep -q 'via fe80::1 dev nlt0'");
	assert_int_equal(netlink_route_add(nl, ifindex, &net, &far), -ENETUNREACH);
	assert_int_equal(netlink_route_add(nl, ifindex, &net, &six), -EINVAL);
	assert_int_equal(netlink_route_add(nl, 99999, &net, NULL), -ENODEV);
	// Our netdev goes, the other default is in force again.
	SH("ip link del nlt0");
	SH("ip route get 192.0.2.9 | grep -q 'via 10.9.2.1 dev nlt1'");
	SH("ip link del nlt1");
	netlink_close(nl);
}

static struct netlink_route route_to(struct netlink *nl, const char *text)
{
	struct netlink_route r;
	struct addr a;

	addr_parse(text, &a);
	assert_int_equal(netlink_route_get(nl, &a, &r), 0);
	return r;
}

// Which prefix it is, who set it, and where it leads.
static void test_route_get(void **state)
{
	struct netlink_route r;
	struct netlink *nl;
	struct addr none;
	int one, two;

	(void)state;
	NEED_NETNS();
	SH("ip tuntap add dev nlt0 mode tap");
	SH("ip tuntap add dev nlt1 mode tap");
	SH("ip link set nlt0 up");
	SH("ip link set nlt1 up");
	one = (int)if_nametoindex("nlt0");
	two = (int)if_nametoindex("nlt1");
	SH("ip addr add 10.9.1.2/24 dev nlt0");
	SH("ip addr add 10.9.2.2/24 dev nlt1");
	SH("ip -6 addr add 2001:db8:1::2/64 dev nlt0 nodad");
	nl = open_it();
	addr_parse("192.0.2.9", &none);
	assert_int_equal(netlink_route_get(nl, &none, &r), -ENETUNREACH);
	SH("ip route add default via 10.9.2.1");
	SH("ip route add 198.51.100.0/24 via 10.9.1.1");
	SH("ip route add 203.0.113.0/25 via 10.9.1.1 proto 186");
	SH("ip route add 203.0.113.128/25 nexthop via 10.9.1.1 nexthop via 10.9.2.1");
	SH("ip -6 route add 2001:db8:7::/48 via fe80::1 dev nlt0");
	r = route_to(nl, "192.0.2.9");
	assert_true(r.dst_len == 0 && r.n_hops == 1 && r.ifindex[0] == two && !r.dynamic);
	r = route_to(nl, "10.9.1.7");
	assert_true(r.dst_len == 24 && r.n_hops == 1 && r.ifindex[0] == one && !r.dynamic);
	r = route_to(nl, "198.51.100.7");
	assert_true(r.dst_len == 24 && r.n_hops == 1 && r.ifindex[0] == one && !r.dynamic);
	r = route_to(nl, "203.0.113.7");
	assert_true(r.dst_len == 25 && r.n_hops == 1 && r.ifindex[0] == one && r.dynamic);
	r = route_to(nl, "203.0.113.207");
	assert_true(r.dst_len == 25 && r.n_hops == 2 && r.ifindex[0] == one && r.ifindex[1] == two);
	r = route_to(nl, "2001:db8:7::9");
	assert_true(r.dst_len == 48 && r.n_hops == 1 && r.ifindex[0] == one && !r.dynamic);
	SH("ip link del nlt0");
	SH("ip link del nlt1");
	netlink_close(nl);
}

static void test_dump(void **state)
{
	struct netlink *nl;

	(void)state;
	NEED_NETNS();
	SH("ip tuntap add dev nlt0 mode tap");
	SH("ip addr add 10.9.1.2/24 dev nlt0");
	nl = open_it();
	drain(nl);
	assert_int_equal(events.n, 0);
	assert_int_equal(netlink_dump(nl), 0);
	assert_int_equal(netlink_dump(nl), 0); // while one runs: another after it
	drain(nl);
	assert_non_null(find(NETLINK_LINK, "lo", NULL));
	assert_non_null(find(NETLINK_LINK, "nlt0", NULL));
	assert_non_null(find(NETLINK_ADDR_ADD, NULL, "10.9.1.2"));
	assert_null(find(NETLINK_LINK_GONE, NULL, NULL));
	SH("ip link del nlt0");
	netlink_close(nl);
}

// More than the socket holds, with nobody reading: what is gone by then is told after all.
static void test_overrun(void **state)
{
	const struct netlink_event *ev;
	struct netlink *nl;
	int small = 4096, ifindex;
	FILE *batch;

	(void)state;
	NEED_NETNS();
	log_threshold = LOG_LEVEL_ERROR;
	SH("ip tuntap add dev nlt0 mode tap");
	SH("ip tuntap add dev nlt1 mode tap");
	SH("ip addr add 10.9.1.2/24 dev nlt0");
	ifindex = (int)if_nametoindex("nlt1");
	nl = open_it();
	assert_int_equal(netlink_dump(nl), 0);
	drain(nl);
	assert_non_null(find(NETLINK_ADDR_ADD, NULL, "10.9.1.2"));
	assert_int_equal(
		setsockopt(netlink_fd(nl), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	events.n = 0;
	batch = popen("ip -batch -", "w");
	assert_non_null(batch);
	for (int i = 0; i < 200; i++)
		fprintf(batch, "link set nlt0 mtu %d\n", 1000 + i);
	fprintf(batch, "addr del 10.9.1.2/24 dev nlt0\nlink del nlt1\n"
		       "addr add 10.9.1.5/24 dev nlt0\n");
	assert_int_equal(pclose(batch), 0);
	drain(nl);
	assert_true(events.n < 200); // it was an overrun
	assert_int_equal(find(NETLINK_LINK, "nlt0", NULL)->mtu, 1199);
	assert_non_null(find(NETLINK_ADDR_DEL, NULL, "10.9.1.2"));
	assert_non_null(find(NETLINK_ADDR_ADD, NULL, "10.9.1.5"));
	ev = find(NETLINK_LINK_GONE, NULL, NULL);
	assert_non_null(ev);
	assert_int_equal(ev->ifindex, ifindex);
	SH("ip link del nlt0");
	netlink_close(nl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_link),
		cmocka_unit_test(test_parse_addr),
		cmocka_unit_test(test_parse_truncated),
		cmocka_unit_test(test_parse_error),
		cmocka_unit_test(test_link_events),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_tentative),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_route_get),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_overrun),
	};

	have_netns = netns_enter();
	return RUN_TESTS(tests);
}
