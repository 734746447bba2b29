// SPDX-License-Identifier: BSD-3-Clause
// Which upstream interface and address lead to a relay, by family, with the kernel's routes in a
// network namespace of this process; sockets, steering and the brain are fakes.
#include "unit/unit.h"

#include "unit/kif/netns.h"

#include <errno.h>
#include <net/if.h>

#include "inletd/inlet.h"

struct amt_endpoint {
	struct addr local;
	char netdev[16];
	bool open;
	unsigned int sent;
};

static struct inlet *in;
static struct config_if cfgs[2];
static struct amt_endpoint endpoints[8];
static unsigned int n_endpoints;
static bool use_ipv4, use_ipv6;

struct amt_endpoint *amt_endpoint_open(struct event_base *base, const char *netdev,
	const struct addr *local, uint16_t port, amt_endpoint_rx_cb rx, amt_endpoint_err_cb err,
	void *arg)
{
	struct amt_endpoint *ep = &endpoints[n_endpoints++];

	(void)base;
	(void)port;
	(void)rx;
	(void)err;
	(void)arg;
	assert_in_range(n_endpoints, 1, 8);
	*ep = (struct amt_endpoint){.local = *local, .open = true};
	snprintf(ep->netdev, sizeof(ep->netdev), "%s", netdev ? netdev : "");
	return ep;
}

void amt_endpoint_close(struct amt_endpoint *ep)
{
	assert_true(ep->open);
	ep->open = false;
}

uint16_t amt_endpoint_port(const struct amt_endpoint *ep)
{
	return (uint16_t)(30000 + (ep - endpoints));
}

struct addr amt_endpoint_local(const struct amt_endpoint *ep)
{
	return ep->local;
}

void police_relay(struct iface *ifc, const struct addr *relay, uint64_t now_us)
{
	(void)ifc;
	(void)relay;
	(void)now_us;
}

int amt_endpoint_send(
	struct amt_endpoint *ep, const struct addr *dst, const uint8_t *buf, size_t len)
{
	(void)buf;
	(void)len;
	assert_int_equal(ep->local.family, dst->family);
	ep->sent++;
	return 0;
}

struct steering_tunnel *steering_open(struct steering *s, struct steering_port *port, uint16_t vlan,
	const struct addr *relay, const struct addr *local, steering_bind_cb bind_cb, void *owner,
	uint64_t now_us)
{
	uint16_t bound = 0;

	(void)s;
	(void)port;
	(void)vlan;
	(void)now_us;
	assert_int_equal(relay->family, local->family);
	assert_int_equal(bind_cb(owner, &bound), 0);
	return (struct steering_tunnel *)owner;
}

void steering_close(struct steering_tunnel *t, uint64_t now_us)
{
	(void)t;
	(void)now_us;
}

const char *kif_name(const struct kif *k)
{
	return (const char *)k; // the test's
}

int kif_ifindex(const struct kif *k)
{
	return (int)if_nametoindex(kif_name(k));
}

// What the kernel would say is told by test_netlink.
static struct netlink_route route;
static int route_error;

int netlink_route_get(struct netlink *nl, const struct addr *dst, struct netlink_route *out)
{
	(void)nl;
	(void)dst;
	*out = route;
	return route_error;
}

bool iface_is_local(const struct inlet *i, const struct addr *a)
{
	(void)i;
	(void)a;
	return false;
}

void driad_families(struct driad *d, bool v4, bool v6)
{
	assert_non_null(d);
	use_ipv4 = v4;
	use_ipv6 = v6;
}

// Not reached here.
void amt_tunnel_input(struct amt_tunnel *t, const struct addr *src, uint16_t src_port,
	const uint8_t *buf, size_t len, uint64_t now_us)
{
	(void)t, (void)src, (void)src_port, (void)buf, (void)len, (void)now_us;
	fail();
}
void amt_discovery_input(struct amt_gateway *gw, const struct addr *src, uint16_t src_port,
	const uint8_t *buf, size_t len, uint64_t now_us)
{
	(void)gw, (void)src, (void)src_port, (void)buf, (void)len, (void)now_us;
	fail();
}
void *amt_tunnel_endpoint(const struct amt_tunnel *t)
{
	(void)t;
	fail();
	return NULL;
}
void channels_tunnel_error(struct channels *cs, struct amt_tunnel *t, int err, uint64_t now_us)
{
	(void)cs, (void)t, (void)err, (void)now_us;
	fail();
}
void amt_tunnel_view(const struct amt_tunnel *t, struct amt_tunnel_view *out)
{
	(void)t;
	(void)out;
	fail();
}

void channels_tunnel_event(
	struct channels *cs, struct amt_tunnel *t, enum amt_event ev, uint64_t now_us)
{
	(void)cs, (void)t, (void)ev, (void)now_us;
	fail();
}
uint32_t channels_tunnel_stats(const struct amt_tunnel *t, struct mfib_stats *out)
{
	(void)t, (void)out;
	fail();
	return 0;
}

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void address(unsigned int i, const char *text, uint8_t len, bool deprecated)
{
	struct iface *ifc = &in->ifs[i];

	ifc->addrs[ifc->n_addrs] = (struct config_addr){.addr = addr(text), .len = len};
	ifc->deprecated[ifc->n_addrs++] = deprecated;
}

// "wan" upstream and "mgmt", which is not; the kernel has them and their addresses in SH().
static int setup(void **state)
{
	static char names[2][8] = {"wan", "mgmt"};
	static struct inlet_port port;

	(void)state;
	in = calloc(1, sizeof(*in));
	assert_non_null(in);
	in->driad = (struct driad *)in;
	in->n_ifs = 2;
	for (int i = 0; i < 2; i++) {
		cfgs[i] = (struct config_if){.role = i == 0 ? IF_UPSTREAM : IF_DOWNSTREAM};
		in->ifs[i] = (struct iface){.in = in,
			.cfg = &cfgs[i],
			.index = (unsigned int)i,
			.port = &port,
			.kif = (struct kif *)names[i]};
	}
	n_endpoints = 0;
	if (!have_netns)
		return 0;
	SH("ip link add wan type veth peer name wan9 && ip link add mgmt type veth peer name "
	   "mgmt9");
	SH("for i in wan wan9 mgmt mgmt9; do ip link set $i up; done");
	SH("ip addr add 192.0.2.2/24 dev wan && ip addr add 2001:db8:1::2/64 dev wan nodad");
	SH("ip addr add 10.0.0.2/24 dev mgmt && ip addr add 2001:db8:f::2/64 dev mgmt nodad");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	upstream_close(&in->ifs[0]);
	for (unsigned int i = 0; i < n_endpoints; i++)
		assert_false(endpoints[i].open);
	free(in);
	if (have_netns)
		SH("ip link del wan && ip link del mgmt");
	return 0;
}

static void expect_path(const char *relay, const char *src, uint8_t len)
{
	struct addr to = addr(relay), want = {0};
	struct driad_path path;

	if (!src) {
		assert_false(upstream_path(in, &to, &path));
		return;
	}
	want = addr(src);
	assert_true(upstream_path(in, &to, &path));
	assert_true(addr_eq(&path.src, &want));
	assert_int_equal(path.src_len, len);
}

static void paths(void **state)
{
	(void)state;
	NEED_NETNS();
	address(0, "192.0.2.2", 24, false);
	address(0, "fe80::2", 64, false);
	address(0, "2001:db8:1::2", 64, false);
	expect_path("203.0.113.1", NULL, 0); // no route
	expect_path("2001:db8:9::1", NULL, 0);
	expect_path("192.0.2.9", "192.0.2.2", 24);
	expect_path("2001:db8:1::9", "2001:db8:1::2", 64);
	SH("ip route add default via 192.0.2.1 && ip -6 route add default via 2001:db8:1::1");
	expect_path("203.0.113.1", "192.0.2.2", 24);
	expect_path("2001:db8:9::1", "2001:db8:1::2", 64);
	// The default route is management's: tunnels are from upstream all the same.
	SH("ip route del default && ip -6 route del default");
	SH("ip route add default via 10.0.0.1 && ip -6 route add default via 2001:db8:f::1");
	expect_path("203.0.113.1", "192.0.2.2", 24);
	expect_path("2001:db8:9::1", "2001:db8:1::2", 64);
	// No upstream address of the family, or link-local alone.
	in->ifs[0].n_addrs = 2;
	expect_path("2001:db8:9::1", NULL, 0);
	in->ifs[0].n_addrs = 0;
	expect_path("203.0.113.1", NULL, 0);
}

static bool opens(const char *relay, const char *local)
{
	struct addr to = addr(relay), from, want = addr(local);
	uint16_t port;
	void *ep = upstream_env.endpoint_open(in, &to, 0, &from, &port);

	if (!ep)
		return false;
	assert_true(addr_eq(&endpoints[n_endpoints - 1].local, &want));
	assert_string_equal(endpoints[n_endpoints - 1].netdev, "wan");
	assert_true(addr_eq(&from, &want));
	upstream_env.endpoint_close(in, ep);
	return true;
}

static void tunnels(void **state)
{
	(void)state;
	NEED_NETNS();
	address(0, "fe80::2", 64, false);
	address(0, "192.0.2.2", 24, false);
	assert_true(opens("203.0.113.1", "192.0.2.2"));
	assert_false(opens("2001:db8:9::1", "::1"));
	assert_int_equal(errno, EADDRNOTAVAIL);
	// Without a route the first one is taken; one that is deprecated only without another.
	address(0, "2001:db8:1::5", 64, true);
	assert_true(opens("2001:db8:9::1", "2001:db8:1::5"));
	address(0, "2001:db8:1::2", 64, false);
	assert_true(opens("2001:db8:9::1", "2001:db8:1::2"));
	assert_true(upstream_env.has_family(in, ADDR_V6));
	in->ifs[0].n_addrs = 2;
	assert_false(upstream_env.has_family(in, ADDR_V6));
	assert_true(upstream_env.has_family(in, ADDR_V4));
}

static void discover(const char *to)
{
	struct addr dst = addr(to);

	assert_int_equal(upstream_amt_ops.send_discovery(in, &dst, (const uint8_t *)"", 1), 0);
}

// A socket a family, each opened once, and anew when its address is another.
static void discoveries(void **state)
{
	struct addr dst = addr("2001:3::1");

	(void)state;
	NEED_NETNS();
	address(0, "192.0.2.2", 24, false);
	assert_int_equal(
		upstream_amt_ops.send_discovery(in, &dst, (const uint8_t *)"", 1), -EADDRNOTAVAIL);
	address(0, "2001:db8:1::2", 64, false);
	discover("192.52.193.1");
	discover("2001:3::1");
	discover("192.52.193.1");
	discover("2001:db8:9::1");
	assert_int_equal(n_endpoints, 2);
	assert_int_equal(endpoints[0].sent, 2);
	assert_int_equal(endpoints[1].sent, 2);
	in->ifs[0].addrs[1].addr = addr("2001:db8:1::3");
	discover("2001:3::1");
	assert_int_equal(n_endpoints, 3);
	assert_false(endpoints[1].open);
	assert_true(endpoints[0].open);
}

static void families(void **state)
{
	(void)state;
	upstream_changed(in);
	assert_true(use_ipv4 && use_ipv6); // none yet: both may come
	address(0, "192.0.2.2", 24, false);
	address(1, "2001:db8:f::2", 64, false); // not upstream
	upstream_changed(in);
	assert_true(use_ipv4 && !use_ipv6);
	address(0, "fe80::2", 64, false);
	upstream_changed(in);
	assert_true(use_ipv4 && !use_ipv6);
	address(0, "2001:db8:1::2", 64, false);
	upstream_changed(in);
	assert_true(use_ipv4 && use_ipv6);
	in->ifs[0].addrs[0] = in->ifs[0].addrs[2];
	upstream_changed(in);
	assert_true(!use_ipv4 && use_ipv6);
}

// A route that leads out of a downstream interface, by any of its hops, but a default one.
static void behind(void **state)
{
	const struct addr a = addr("198.51.100.7");
	int up, down;

	(void)state;
	NEED_NETNS();
	up = kif_ifindex(in->ifs[0].kif);
	down = kif_ifindex(in->ifs[1].kif);
	assert_true(up > 0 && down > 0);
	cfgs[1].role = IF_DOWNSTREAM;
	route_error = 0;
	route = (struct netlink_route){.dst_len = 24, .n_hops = 1, .ifindex = {down}};
	assert_true(upstream_env.is_behind(in, &a, true));
	assert_true(upstream_env.is_behind(in, &a, false));
	route.dynamic = true; // to a source it may be another appliance's
	assert_true(upstream_env.is_behind(in, &a, true));
	assert_false(upstream_env.is_behind(in, &a, false));
	route.dst_len = 0;
	assert_false(upstream_env.is_behind(in, &a, true));
	route = (struct netlink_route){.dst_len = 24, .n_hops = 1, .ifindex = {up}};
	assert_false(upstream_env.is_behind(in, &a, true));
	route = (struct netlink_route){.dst_len = 24, .n_hops = 2, .ifindex = {up, down}};
	assert_true(upstream_env.is_behind(in, &a, true));
	cfgs[1].role = IF_UPSTREAM | IF_DOWNSTREAM;
	assert_false(upstream_env.is_behind(in, &a, true));
	cfgs[1].role = IF_DOWNSTREAM;
	route_error = -ENETUNREACH;
	assert_false(upstream_env.is_behind(in, &a, true));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(paths),
		T(tunnels),
		T(discoveries),
		T(families),
		T(behind),
	};

	have_netns = netns_enter();
	return RUN_TESTS(tests);
}
