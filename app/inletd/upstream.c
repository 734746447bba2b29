// SPDX-License-Identifier: BSD-3-Clause
// Sockets towards relays: which upstream interface leads to one, an endpoint of its own for each
// tunnel, one an interface and family for Discovery.
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "inlet.h"
#include "wire/amt.h"

static bool is_upstream(const struct iface *ifc)
{
	return (ifc->cfg->role & IF_UPSTREAM) && !ifc->port->stopped;
}

// The source address that the kernel's routes give for dst; none when it has no route.
static struct addr route_source(const struct addr *dst)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(dst, AMT_PORT, &ss);
	struct addr local = {0};
	int fd;

	fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return local;
	if (connect(fd, (struct sockaddr *)&ss, len) == 0) {
		len = sizeof(ss);
		if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0)
			addr_from_sockaddr((struct sockaddr *)&ss, &local, NULL);
	}
	close(fd);
	return local;
}

// The upstream interface that has the address at *k.
static struct iface *upstream_with(struct inlet *in, const struct addr *a, unsigned int *k)
{
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		struct iface *ifc = &in->ifs[i];

		for (*k = 0; is_upstream(ifc) && *k < ifc->n_addrs; (*k)++)
			if (addr_eq(&ifc->addrs[*k].addr, a))
				return ifc;
	}
	return NULL;
}

// The first one with an address of the family that a tunnel can have: at *k, none that is
// link-local, a deprecated one where there is no other.
static struct iface *upstream_first(struct inlet *in, uint8_t family, unsigned int *k)
{
	for (int deprecated = 0; deprecated < 2; deprecated++) {
		for (unsigned int i = 0; i < in->n_ifs; i++) {
			struct iface *ifc = &in->ifs[i];

			for (*k = 0; is_upstream(ifc) && *k < ifc->n_addrs; (*k)++)
				if (ifc->addrs[*k].addr.family == family &&
					addr_is_unicast(&ifc->addrs[*k].addr) &&
					ifc->deprecated[*k] <= deprecated)
					return ifc;
		}
	}
	return NULL;
}

// The upstream interface that the kernel would use for dst, or else the first with an address (the
// default route may belong to management). Its address is at *k.
static struct iface *upstream_at(
	struct inlet *in, const struct addr *dst, const struct addr *src, unsigned int *k)
{
	struct iface *ifc = upstream_with(in, src, k);

	return ifc && addr_is_unicast(src) ? ifc : upstream_first(in, dst->family, k);
}

static struct iface *upstream_for(struct inlet *in, const struct addr *dst, struct addr *local)
{
	struct addr src = route_source(dst);
	unsigned int k;
	struct iface *ifc = upstream_at(in, dst, &src, &k);

	if (ifc)
		*local = ifc->addrs[k].addr;
	else
		errno = EADDRNOTAVAIL;
	return ifc;
}

bool upstream_path(void *ctx, const struct addr *relay, struct driad_path *out)
{
	struct addr src = route_source(relay);
	unsigned int k;
	const struct iface *ifc;

	if (addr_is_none(&src)) // no route
		return false;
	ifc = upstream_at(ctx, relay, &src, &k);
	if (!ifc)
		return false;
	*out = (struct driad_path){
		.src = ifc->addrs[k].addr,
		.src_len = ifc->addrs[k].len,
		.deprecated = ifc->deprecated[k],
	};
	return true;
}

static bool has_family(void *ctx, uint8_t family)
{
	unsigned int k;

	return upstream_first(ctx, family, &k) != NULL;
}

void upstream_changed(struct inlet *in)
{
	bool v4 = has_family(in, ADDR_V4), v6 = has_family(in, ADDR_V6);

	if (in->driad) // before there is any address, both may come
		driad_families(in->driad, v4 || !v6, v6 || !v4);
}

static void tunnel_rx_cb(
	void *arg, const struct addr *src, uint16_t src_port, const uint8_t *buf, size_t len)
{
	struct endpoint *ep = arg;

	if (ep->tunnel)
		amt_tunnel_input(ep->tunnel, src, src_port, buf, len, clock_mono_us());
}

static void tunnel_err_cb(void *arg, const struct addr *dst, int err)
{
	struct endpoint *ep = arg;

	evidence_error(&ep->in->evidence, dst, err);
	if (ep->tunnel)
		channels_tunnel_error(ep->in->channels, ep->tunnel, err, clock_mono_us());
}

static int bind_cb(void *owner, uint16_t *port)
{
	struct endpoint *ep = owner;

	ep->io = amt_endpoint_open(ep->in->base, kif_name(ep->ifc->kif), &ep->local, *port,
		tunnel_rx_cb, tunnel_err_cb, ep);
	if (!ep->io)
		return -errno;
	*port = amt_endpoint_port(ep->io);
	return 0;
}

// The index-th other address of the interface, from 1.
static bool further_address(const struct iface *ifc, unsigned int index, struct addr *local)
{
	const struct addr first = *local;

	for (unsigned int k = 0; k < ifc->n_addrs; k++) {
		const struct addr *a = &ifc->addrs[k].addr;

		if (a->family != first.family || addr_eq(a, &first) || !addr_is_unicast(a))
			continue;
		if (--index == 0) {
			*local = *a;
			return true;
		}
	}
	errno = EADDRNOTAVAIL;
	return false;
}

static void *endpoint_open(void *ctx, const struct addr *relay, unsigned int index,
	struct addr *local, uint16_t *local_port)
{
	struct inlet *in = ctx;
	struct iface *ifc = upstream_for(in, relay, local);
	struct endpoint *ep;

	if (!ifc || (index > 0 && !further_address(ifc, index, local)))
		return NULL;
	ep = calloc(1, sizeof(*ep));
	if (!ep)
		return NULL;
	ep->in = in;
	ep->ifc = ifc;
	ep->local = *local;
	evidence_sent(&in->evidence, relay);
	ep->steering = steering_open(in->steering, &ifc->port->steering, ifc->cfg->vlan, relay,
		local, bind_cb, ep, clock_mono_us());
	if (!ep->steering) {
		free(ep);
		return NULL;
	}
	*local_port = amt_endpoint_port(ep->io);
	return ep;
}

static void endpoint_close(void *ctx, void *endpoint)
{
	struct endpoint *ep = endpoint;

	(void)ctx;
	steering_close(ep->steering, clock_mono_us());
	amt_endpoint_close(ep->io);
	free(ep);
}

uint32_t upstream_stats_cb(void *endpoint, struct mfib_stats *out)
{
	const struct endpoint *ep = endpoint;

	return ep->tunnel ? channels_tunnel_stats(ep->tunnel, out) : 0;
}

static bool is_ours(void *ctx, const struct addr *a)
{
	return iface_is_local(ctx, a);
}

static bool is_downstream(void *ctx, const struct addr *a)
{
	const struct inlet *in = ctx;

	for (unsigned int i = 0; i < in->n_ifs; i++) {
		const struct iface *ifc = &in->ifs[i];

		for (unsigned int k = 0; ifc->cfg->role == IF_DOWNSTREAM && k < ifc->n_addrs; k++) {
			const struct prefix link = {
				.addr = ifc->addrs[k].addr, .len = ifc->addrs[k].len};

			if (prefix_match(&link, a))
				return true;
		}
	}
	return false;
}

static bool is_behind(void *ctx, const struct addr *a, bool relay)
{
	const struct inlet *in = ctx;
	struct netlink_route r;

	// Of a default route that leads downstream nothing is known: the tunnels do not follow it.
	if (netlink_route_get(in->netlink, a, &r) < 0 || r.dst_len == 0 || (r.dynamic && !relay))
		return false;
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		const struct iface *ifc = &in->ifs[i];

		for (unsigned int k = 0;
			ifc->cfg->role == IF_DOWNSTREAM && ifc->kif && k < r.n_hops; k++)
			if (r.ifindex[k] == kif_ifindex(ifc->kif))
				return true;
	}
	return false;
}

const struct channel_env upstream_env = {
	.endpoint_open = endpoint_open,
	.endpoint_close = endpoint_close,
	.is_local = is_ours,
	.is_downstream = is_downstream,
	.is_behind = is_behind,
	.has_family = has_family,
};

static int tunnel_send(
	void *ctx, struct amt_tunnel *t, const struct addr *dst, const uint8_t *buf, size_t len)
{
	struct endpoint *ep = amt_tunnel_endpoint(t);

	(void)ctx;
	ep->tunnel = t; // the first send comes from within amt_tunnel_open()
	return amt_endpoint_send(ep->io, dst, buf, len);
}

static void discovery_rx_cb(
	void *arg, const struct addr *src, uint16_t src_port, const uint8_t *buf, size_t len)
{
	struct iface *ifc = arg;

	amt_discovery_input(ifc->in->amt, src, src_port, buf, len, clock_mono_us());
}

static void discovery_err_cb(void *arg, const struct addr *dst, int err)
{
	const struct iface *ifc = arg;

	// RFC 7450 section 5.2.3.9: while an Advertisement is waited for, the back-off goes on.
	evidence_error(&ifc->in->evidence, dst, err);
}

static int discovery_send(void *ctx, const struct addr *dst, const uint8_t *buf, size_t len)
{
	struct inlet *in = ctx;
	struct addr local;
	struct iface *ifc = upstream_for(in, dst, &local);
	struct amt_endpoint **ep;

	if (!ifc)
		return -errno;
	ep = &ifc->discovery[dst->family == ADDR_V6];
	if (*ep) {
		struct addr old = amt_endpoint_local(*ep);

		if (!addr_eq(&old, &local)) {
			amt_endpoint_close(*ep);
			*ep = NULL;
		}
	}
	if (!*ep)
		*ep = amt_endpoint_open(in->base, kif_name(ifc->kif), &local, 0, discovery_rx_cb,
			discovery_err_cb, ifc);
	if (!*ep)
		return -errno;
	evidence_sent(&in->evidence, dst);
	police_relay(ifc, dst, clock_mono_us());
	return amt_endpoint_send(*ep, dst, buf, len);
}

static void event_cb(void *ctx, struct amt_tunnel *t, enum amt_event ev, uint64_t now_us)
{
	struct inlet *in = ctx;
	struct amt_tunnel_view v;

	if (ev == AMT_EV_UP || ev == AMT_EV_SIDE_UP || ev == AMT_EV_ENDPOINT || ev == AMT_EV_FULL) {
		amt_tunnel_view(t, &v);
		evidence_answer(&in->evidence, &v.relay, v.nat);
		health_relays_served(&in->health_relays, &v.relay);
	}
	channels_tunnel_event(in->channels, t, ev, now_us);
}

static struct addr local_addr(void *ctx, const struct amt_tunnel *t)
{
	const struct endpoint *ep = amt_tunnel_endpoint(t);

	(void)ctx;
	return amt_endpoint_local(ep->io);
}

const struct amt_ops upstream_amt_ops = {
	.send = tunnel_send,
	.send_discovery = discovery_send,
	.event_cb = event_cb,
	.local_addr = local_addr,
	.is_ours = is_ours,
};

void upstream_close(struct iface *ifc)
{
	for (int i = 0; i < 2; i++) {
		if (ifc->discovery[i])
			amt_endpoint_close(ifc->discovery[i]);
		ifc->discovery[i] = NULL;
	}
}
