// SPDX-License-Identifier: BSD-3-Clause
// One named interface: its kernel-interface port, and what the kernel says of it.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>

#include "base/log.h"
#include "inlet.h"

// After the netdev was made, addresses are said again.
#define SAID_US	 (2 * USEC_PER_SEC)
#define SAID_MAX 2
// A netdev that was deleted is made again after so long, and then until it is there.
#define AGAIN_FIRST_US (100 * USEC_PER_MSEC)
#define AGAIN_US       (1 * USEC_PER_SEC)

static void netdev_lost(struct iface *ifc);
static void netdev_again_cb(struct timer *t, void *arg, uint64_t now_us);

bool iface_is_local(const struct inlet *in, const struct addr *a)
{
	for (unsigned int i = 0; i < in->n_ifs; i++)
		for (unsigned int k = 0; k < in->ifs[i].n_addrs; k++)
			if (addr_eq(&in->ifs[i].addrs[k].addr, a))
				return true;
	return false;
}

// A frame that the kernel sends: out of the port.
static void kif_frame_cb(void *arg, const uint8_t *frame, size_t len)
{
	struct iface *ifc = arg;

	if (crossing_inject(ifc->in->crossing, ifc->index, frame, len) < 0)
		ifc->inject_drops++;
	idle_kick(ifc->in->idle, ifc->in->crossing->inject_worker[ifc->index]);
	// An answer is on its way: look for it closely.
	ifc->in->busy_until_us = clock_mono_us() + 20 * USEC_PER_MSEC;
}

static void on_kif(evutil_socket_t fd, short what, void *arg)
{
	struct iface *ifc = arg;
	int ret = kif_read(ifc->kif);

	(void)fd;
	(void)what;
	if (ret == -ENODEV) {
		event_del(ifc->kif_event);
		netdev_lost(ifc);
	} else if (ret < 0 && ret != -EAGAIN) {
		log_error("inletd", "kernel-interface port lost if=%s error=\"%s\"", ifc->cfg->name,
			strerror(-ret));
		event_del(ifc->kif_event);
	}
}

static int set_addresses(struct iface *ifc, char err[BOOT_ERR_LEN])
{
	const struct config_if *cfg = ifc->cfg;
	struct netlink *nl = ifc->in->netlink;
	char text[ADDR_STRLEN];
	int ret;

	for (unsigned int i = 0; i < cfg->n_addrs; i++) {
		ret = netlink_addr_add(
			nl, kif_ifindex(ifc->kif), &cfg->addrs[i].addr, cfg->addrs[i].len);
		if (ret < 0) {
			snprintf(err, BOOT_ERR_LEN, "interface %s: address %s: %s", cfg->name,
				addr_format(&cfg->addrs[i].addr, text), strerror(-ret));
			return ret;
		}
	}
	for (unsigned int i = 0; i < cfg->n_routes; i++) {
		ret = netlink_route_add(
			nl, kif_ifindex(ifc->kif), &cfg->routes[i].to, &cfg->routes[i].via);
		if (ret < 0) {
			snprintf(err, BOOT_ERR_LEN, "interface %s: route via %s: %s", cfg->name,
				addr_format(&cfg->routes[i].via, text), strerror(-ret));
			return ret;
		}
	}
	return 0;
}

// Whether IPv6 is asked for on the interface: by an address, a route, or a protocol that needs no
// more than a link-local address.
static bool speaks_ipv6(const struct config_if *cfg)
{
	const struct config_pim *pim = &cfg->pim;

	if ((cfg->role & IF_DOWNSTREAM) &&
		(cfg->mld.enabled || (pim->enabled && pim->families == CONFIG_IPV6)))
		return true;
	for (unsigned int i = 0; i < cfg->n_routes; i++)
		if (cfg->routes[i].to.addr.family == ADDR_V6)
			return true;
	for (unsigned int i = 0; i < cfg->n_addrs; i++)
		if (cfg->addrs[i].addr.family == ADDR_V6)
			return true;
	return false;
}

static bool has_addr(const struct config_if *cfg, const struct config_addr *a)
{
	for (unsigned int i = 0; i < cfg->n_addrs; i++)
		if (cfg->addrs[i].len == a->len && addr_eq(&cfg->addrs[i].addr, &a->addr))
			return true;
	return false;
}

static bool has_route(const struct config_if *cfg, const struct config_route *r)
{
	for (unsigned int i = 0; i < cfg->n_routes; i++)
		if (cfg->routes[i].to.len == r->to.len &&
			addr_eq(&cfg->routes[i].to.addr, &r->to.addr) &&
			addr_eq(&cfg->routes[i].via, &r->via))
			return true;
	return false;
}

static int addresses_set(struct iface *ifc, const struct config_if *is, const struct config_if *was,
	bool add, char err[BOOT_ERR_LEN])
{
	struct netlink *nl = ifc->in->netlink;
	int at = kif_ifindex(ifc->kif);
	char text[ADDR_STRLEN];

	for (unsigned int i = 0; i < is->n_addrs; i++) {
		const struct config_addr *a = &is->addrs[i];
		int ret = has_addr(was, a) ? 0
			  : add		   ? netlink_addr_add(nl, at, &a->addr, a->len)
					   : netlink_addr_del(nl, at, &a->addr, a->len);

		if (ret < 0) {
			snprintf(err, BOOT_ERR_LEN, "interface %s: address %s: %s", is->name,
				addr_format(&a->addr, text), strerror(-ret));
			return ret;
		}
	}
	return 0;
}

static int routes_set(struct iface *ifc, const struct config_if *is, const struct config_if *was,
	bool add, char err[BOOT_ERR_LEN])
{
	struct netlink *nl = ifc->in->netlink;
	int at = kif_ifindex(ifc->kif);
	char text[ADDR_STRLEN];

	for (unsigned int i = 0; i < is->n_routes; i++) {
		const struct config_route *r = &is->routes[i];
		int ret = has_route(was, r) ? 0
			  : add		    ? netlink_route_add(nl, at, &r->to, &r->via)
					    : netlink_route_del(nl, at, &r->to, &r->via);

		if (ret < 0) {
			snprintf(err, BOOT_ERR_LEN, "interface %s: route via %s: %s", is->name,
				addr_format(&r->via, text), strerror(-ret));
			return ret;
		}
	}
	return 0;
}

int iface_reload_addresses(struct iface *ifc, const struct config_if *is,
	const struct config_if *was, bool add, char err[BOOT_ERR_LEN])
{
	int ret;

	if (!add) {
		ret = routes_set(ifc, was, is, false, err);
		return ret < 0 ? ret : addresses_set(ifc, was, is, false, err);
	}
	if (speaks_ipv6(is) && !speaks_ipv6(was))
		kif_speak_ipv6(ifc->kif);
	ret = addresses_set(ifc, is, was, true, err);
	return ret < 0 ? ret : routes_set(ifc, is, was, true, err);
}

// Daemons beside us may meet an address before its netdev, for they hear of the two on sockets of
// their own, and then never know it (FRR 8.4: no BGP session comes up there any more). The kernel
// tells of one that is set again.
static void again_cb(struct timer *t, void *arg, uint64_t now_us)
{
	const struct config_addr *a;
	struct iface *ifc = arg;

	for (unsigned int i = 0; ifc->kif && i < ifc->cfg->n_addrs; i++) {
		a = &ifc->cfg->addrs[i];
		// What the operator has taken away meanwhile stays away.
		for (unsigned int k = 0; k < ifc->n_addrs; k++)
			if (addr_eq(&ifc->addrs[k].addr, &a->addr) && !ifc->deprecated[k])
				netlink_addr_again(
					ifc->in->netlink, kif_ifindex(ifc->kif), &a->addr, a->len);
	}
	if (++ifc->n_again < SAID_MAX)
		timer_arm(&ifc->in->timers, t, now_us + SAID_MAX * SAID_US);
}

static struct kif_cfg kif_cfg_of(const struct iface *ifc)
{
	struct kif_cfg cfg = {
		.name = ifc->cfg->name, .mtu = ifc->mtu, .ipv6 = speaks_ipv6(ifc->cfg)};

	memcpy(cfg.mac, ifc->port->port.mac, sizeof(cfg.mac));
	return cfg;
}

static int kif_listen(struct iface *ifc, char err[BOOT_ERR_LEN])
{
	if (ifc->kif_event)
		event_free(ifc->kif_event);
	ifc->kif_event =
		event_new(ifc->in->base, kif_fd(ifc->kif), EV_READ | EV_PERSIST, on_kif, ifc);
	if (ifc->kif_event && event_add(ifc->kif_event, NULL) == 0)
		return 0;
	snprintf(err, BOOT_ERR_LEN, "out of memory");
	return -ENOMEM;
}

int iface_open_kernel(struct iface *ifc, char err[BOOT_ERR_LEN])
{
	const struct kif_cfg cfg = kif_cfg_of(ifc);
	char why[KIF_ERR_LEN];
	int ret;

	timer_init(&ifc->netdev_again, netdev_again_cb, ifc);
	ifc->kif = kif_create(&cfg, kif_frame_cb, ifc, why);
	if (!ifc->kif) {
		snprintf(err, BOOT_ERR_LEN, "interface %s: %s", ifc->cfg->name, why);
		return -EIO;
	}
	timer_init(&ifc->again, again_cb, ifc);
	ret = kif_listen(ifc, err);
	if (ret == 0)
		ret = timer_arm(&ifc->in->timers, &ifc->again, clock_mono_us() + SAID_US);
	return ret < 0 ? ret : set_addresses(ifc, err);
}

// The netdev was deleted: there is another one, with what the configuration says. Addresses and
// routes of the operator's are gone, as the operator wished.
static void netdev_again_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct iface *ifc = arg;
	const struct kif_cfg cfg = kif_cfg_of(ifc);
	char why[KIF_ERR_LEN], err[BOOT_ERR_LEN];

	if (ifc->kif_event)
		event_free(ifc->kif_event);
	ifc->kif_event = NULL;
	if (kif_recreate(ifc->kif, &cfg, why) < 0) {
		log_warn_limited("inletd", "kernel-interface port cannot be made again: %s", why);
		timer_arm(&ifc->in->timers, t, now_us + AGAIN_US);
		return;
	}
	ifc->netdev_gone = false;
	ifc->netdev_up = true;
	if (kif_listen(ifc, err) < 0 || set_addresses(ifc, err) < 0)
		log_error("inletd", "%s", err);
	kif_carrier(ifc->kif, ifc->port->link_up);
	log_info("inletd", "kernel-interface port made again if=%s", ifc->cfg->name);
	observe_fill(ifc->in);
}

void iface_close(struct iface *ifc)
{
	timer_cancel(&ifc->in->timers, &ifc->again);
	if (ifc->kif)
		timer_cancel(&ifc->in->timers, &ifc->netdev_again);
	upstream_close(ifc);
	if (ifc->kif_event)
		event_free(ifc->kif_event);
	ifc->kif_event = NULL;
	if (ifc->kif)
		kif_destroy(ifc->kif);
	ifc->kif = NULL;
}

// What the kernel says of our netdevs.

static void addr_added(struct iface *ifc, const struct netlink_event *ev, uint64_t now_us)
{
	unsigned int at = ifc->n_addrs;

	for (unsigned int i = 0; i < ifc->n_addrs; i++) {
		if (addr_eq(&ifc->addrs[i].addr, &ev->addr)) {
			ifc->deprecated[i] = ev->deprecated;
			return;
		}
	}
	if (ifc->n_addrs == IFACE_MAX_ADDRS) {
		log_warn_limited("inletd", "too many addresses if=%s", ifc->cfg->name);
		return;
	}
	ifc->addrs[at] = (struct config_addr){.addr = ev->addr, .len = ev->prefix_len};
	ifc->deprecated[at] = ev->deprecated;
	ifc->n_addrs++;
	iface_pim_address(ifc, now_us);
	iface_membership_address(ifc, now_us);
	upstream_changed(ifc->in);
	if ((ifc->cfg->role & IF_UPSTREAM) && ifc->in->channels && addr_is_unicast(&ev->addr))
		channels_addr_added(ifc->in->channels, now_us);
}

static void addr_removed(struct iface *ifc, struct addr addr, uint64_t now_us)
{
	for (unsigned int i = 0; i < ifc->n_addrs; i++) {
		if (!addr_eq(&ifc->addrs[i].addr, &addr))
			continue;
		ifc->n_addrs--;
		memmove(&ifc->addrs[i], &ifc->addrs[i + 1],
			(ifc->n_addrs - i) * sizeof(ifc->addrs[0]));
		memmove(&ifc->deprecated[i], &ifc->deprecated[i + 1],
			(ifc->n_addrs - i) * sizeof(ifc->deprecated[0]));
		upstream_changed(ifc->in);
		iface_pim_address(ifc, now_us);
		iface_membership_address(ifc, now_us);
		if ((ifc->cfg->role & IF_UPSTREAM) && ifc->in->channels)
			channels_addr_gone(ifc->in->channels, &addr, now_us);
		return;
	}
}

// Deleted, as its fd or the kernel says, whichever is first; or moved away, which only the kernel
// says.
static void netdev_lost(struct iface *ifc)
{
	bool deleted = kif_deleted(ifc->kif);
	uint64_t now = clock_mono_us();

	if (ifc->netdev_gone)
		return;
	ifc->netdev_gone = true;
	ifc->netdev_up = false;
	ifc->netdev_losses++;
	log_error("inletd", "kernel-interface port %s if=%s",
		deleted ? "deleted, made again"
			: "moved to another network namespace, what needs it waits until it is "
			  "back",
		ifc->cfg->name);
	while (ifc->n_addrs)
		addr_removed(ifc, ifc->addrs[0].addr, now);
	upstream_close(ifc); // its sockets are bound to what is gone
	if (deleted)
		timer_arm(&ifc->in->timers, &ifc->netdev_again, now + AGAIN_FIRST_US);
}

// One that is back from another network namespace may have another number.
static bool is_ours(struct iface *ifc, const struct netlink_event *ev)
{
	if (!ifc->kif)
		return false;
	if (ifc->netdev_gone && ev->type == NETLINK_LINK && !kif_deleted(ifc->kif) &&
		strcmp(kif_name(ifc->kif), ev->name) == 0) {
		kif_follow(ifc->kif, ev->ifindex);
		ifc->netdev_gone = false;
		log_info("inletd", "kernel-interface port is back if=%s name=%s", ifc->cfg->name,
			ev->name);
	}
	return kif_ifindex(ifc->kif) == ev->ifindex;
}

static void link_changed(struct iface *ifc, const struct netlink_event *ev)
{
	struct inlet *in = ifc->in;
	char err[BOOT_ERR_LEN];

	// Larger than the port can send is of no use; smaller is the operator's wish.
	if (ev->mtu >= 576 && ev->mtu <= ifc->port->port.mtu && ev->mtu != ifc->mtu) {
		ifc->mtu = (uint16_t)ev->mtu;
		for (unsigned int w = 0; w < in->n_workers; w++)
			worker_set_mtu(in->workers[w], ifc->index, ifc->mtu);
		log_info("inletd", "mtu changed if=%s mtu=%u", ifc->cfg->name, ifc->mtu);
	}
	if (ev->up != ifc->netdev_up) {
		log_info("inletd", "kernel-interface port if=%s name=%s state=%s", ifc->cfg->name,
			ev->name, ev->up ? "up" : "down");
		// The kernel forgets the routes of a netdev that goes down.
		if (ev->up && set_addresses(ifc, err) < 0)
			log_error("inletd", "%s", err);
	}
	ifc->netdev_up = ev->up;
}

void iface_netlink_cb(void *arg, const struct netlink_event *ev)
{
	struct inlet *in = arg;
	uint64_t now = clock_mono_us();

	watch_netlink(in, ev);
	ports_netlink(in, ev);
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		struct iface *ifc = &in->ifs[i];

		if (!is_ours(ifc, ev))
			continue;
		switch (ev->type) {
		case NETLINK_LINK:
			link_changed(ifc, ev);
			break;
		case NETLINK_LINK_GONE:
			netdev_lost(ifc);
			break;
		case NETLINK_ADDR_ADD:
			addr_added(ifc, ev, now);
			break;
		case NETLINK_ADDR_DEL:
			addr_removed(ifc, ev->addr, now);
			break;
		}
		observe_fill(in);
		return;
	}
}
