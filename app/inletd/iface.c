// SPDX-License-Identifier: BSD-3-Clause
// One named interface: kernel-interface port, PIM.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>

#include "base/log.h"
#include "inlet.h"
#include "wire/ip.h"

#define ETHER_HDR_LEN 14
#define PIM_REOPEN_US (1 * USEC_PER_SEC)

struct addr iface_primary(const struct iface *ifc)
{
	for (unsigned int i = 0; i < ifc->n_addrs; i++)
		if (ifc->addrs[i].addr.family == ADDR_V4)
			return ifc->addrs[i].addr;
	return (struct addr){0};
}

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
	// An answer is on its way: look for it closely.
	ifc->in->busy_until_us = clock_mono_us() + 20 * USEC_PER_MSEC;
}

static void on_kif(evutil_socket_t fd, short what, void *arg)
{
	struct iface *ifc = arg;
	int ret = kif_read(ifc->kif);

	(void)fd;
	(void)what;
	if (ret < 0 && ret != -EAGAIN) {
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

int iface_open_kernel(struct iface *ifc, char err[BOOT_ERR_LEN])
{
	struct kif_cfg cfg = {.name = ifc->cfg->name, .mtu = ifc->mtu};
	char why[KIF_ERR_LEN];

	memcpy(cfg.mac, ifc->port->port.mac, sizeof(cfg.mac));
	ifc->kif = kif_create(&cfg, kif_frame_cb, ifc, why);
	if (!ifc->kif) {
		snprintf(err, BOOT_ERR_LEN, "interface %s: %s", ifc->cfg->name, why);
		return -EIO;
	}
	ifc->kif_event =
		event_new(ifc->in->base, kif_fd(ifc->kif), EV_READ | EV_PERSIST, on_kif, ifc);
	if (!ifc->kif_event || event_add(ifc->kif_event, NULL) < 0) {
		snprintf(err, BOOT_ERR_LEN, "out of memory");
		return -ENOMEM;
	}
	return set_addresses(ifc, err);
}

static void pim_send_cb(void *ctx, const uint8_t *pim, size_t len)
{
	struct iface *ifc = ctx;
	struct addr src = pim_if_primary(ifc->pim);
	int ret;

	if (!ifc->pim_io)
		return;
	ret = pim_io_send(ifc->pim_io, &src, pim, len);
	if (ret < 0)
		log_warn_limited(
			"pim", "send failed if=%s error=\"%s\"", ifc->cfg->name, strerror(-ret));
}

static void pim_want_cb(
	void *ctx, const struct sg *sg, bool wanted, const struct addr *neighbor, uint64_t now_us)
{
	struct iface *ifc = ctx;

	(void)neighbor;
	channels_want(ifc->in->channels, sg, ifc->index, CHANNEL_BY_PIM, wanted, now_us);
	state_changed(ifc->in, now_us);
}

static void pim_mute_cb(void *ctx, const struct sg *sg, bool muted, uint64_t now_us)
{
	struct iface *ifc = ctx;

	channels_mute(ifc->in->channels, sg, ifc->index, muted, now_us);
}

static bool pim_flows(void *ctx, const struct sg *sg)
{
	struct iface *ifc = ctx;

	return channels_flows(ifc->in->channels, sg, clock_mono_us());
}

static bool pim_local(void *ctx, const struct sg *sg)
{
	struct iface *ifc = ctx;

	for (int o = 0; o < CHANNEL_ORIGINS; o++)
		if (o != CHANNEL_BY_PIM &&
			channels_wanted_by(ifc->in->channels, sg, o) >> ifc->index & 1)
			return true;
	return false;
}

void iface_unwanted_cb(void *ctx, const struct sg *sg, unsigned int ifindex, uint64_t now_us)
{
	const struct inlet *in = ctx;

	if (in->ifs[ifindex].pim)
		pim_if_local_changed(in->ifs[ifindex].pim, sg, now_us);
}

bool iface_native(struct iface *ifc, const uint8_t *frame, size_t len, uint64_t now_us)
{
	struct ipv4_hdr ip;
	struct sg sg;

	if (!ifc->pim || len < ETHER_HDR_LEN + 20 || !(frame[0] & 1) || frame[12] != 0x08 ||
		frame[13] != 0x00 ||
		ipv4_decode(frame + ETHER_HDR_LEN, len - ETHER_HDR_LEN, &ip) < 0)
		return false;
	if (ip.proto == IP_PROTO_IGMP || ip.proto == IP_PROTO_PIM)
		return false;
	sg = (struct sg){.s = ip.src, .g = ip.dst};
	if (!group_is_ssm(ifc->in->cfg.ssm_ranges, ifc->in->cfg.n_ssm_ranges, &sg.g))
		return false;
	// What comes back to us from a loop is nobody else's.
	if (memcmp(frame + 6, ifc->port->port.mac, 6) != 0)
		pim_if_data(ifc->pim, &sg, now_us);
	return true;
}

static void pim_rx_cb(
	void *ctx, const struct addr *src, const struct addr *dst, const uint8_t *pim, size_t len)
{
	struct iface *ifc = ctx;
	uint64_t now = clock_mono_us();

	channels_batch_begin(ifc->in->channels);
	pim_if_input(ifc->pim, src, dst, pim, len, now);
	channels_batch_end(ifc->in->channels, now);
}

static void pim_io_shut(struct iface *ifc)
{
	if (ifc->pim_event)
		event_free(ifc->pim_event);
	ifc->pim_event = NULL;
	if (ifc->pim_io)
		pim_io_close(ifc->pim_io);
	ifc->pim_io = NULL;
}

static void on_pim(evutil_socket_t fd, short what, void *arg)
{
	struct iface *ifc = arg;
	int ret = pim_io_input(ifc->pim_io);

	(void)fd;
	(void)what;
	if (ret >= 0)
		return;
	// The netdev is down or gone; it may come back, under another name too.
	log_warn("pim", "capture lost if=%s error=\"%s\"", ifc->cfg->name, strerror(-ret));
	pim_io_shut(ifc);
	timer_arm(&ifc->in->timers, &ifc->pim_reopen, clock_mono_us() + PIM_REOPEN_US);
}

static int pim_io_start(struct iface *ifc, char err[BOOT_ERR_LEN])
{
	char why[PIM_IO_ERR_LEN];

	ifc->pim_io = pim_io_open(kif_name(ifc->kif), ADDR_V4, pim_rx_cb, ifc, why);
	if (!ifc->pim_io) {
		snprintf(err, BOOT_ERR_LEN, "interface %s: %s", ifc->cfg->name, why);
		return -EIO;
	}
	ifc->pim_event =
		event_new(ifc->in->base, pim_io_fd(ifc->pim_io), EV_READ | EV_PERSIST, on_pim, ifc);
	if (!ifc->pim_event || event_add(ifc->pim_event, NULL) < 0) {
		pim_io_shut(ifc);
		snprintf(err, BOOT_ERR_LEN, "out of memory");
		return -ENOMEM;
	}
	return 0;
}

static void pim_reopen_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct iface *ifc = arg;
	char err[BOOT_ERR_LEN];

	if (pim_io_start(ifc, err) < 0)
		timer_arm(&ifc->in->timers, t, now_us + PIM_REOPEN_US);
	else
		log_info("pim", "capture is back if=%s", ifc->cfg->name);
}

int iface_open_pim(struct iface *ifc, char err[BOOT_ERR_LEN])
{
	static const struct pim_ops ops = {.send = pim_send_cb,
		.want_cb = pim_want_cb,
		.mute_cb = pim_mute_cb,
		.flows = pim_flows,
		.local = pim_local};
	const struct config_pim *pc = &ifc->cfg->pim;
	struct pim_cfg cfg = {
		.family = ADDR_V4,
		.hello_interval_s = pc->hello_interval_s,
		.hello_holdtime_s = pc->hello_holdtime_s,
		.triggered_hello_delay_ms = pc->triggered_hello_delay_ms,
		.dr_priority = pc->dr_priority,
		.propagation_delay_ms = (uint16_t)pc->propagation_delay_ms,
		.override_interval_ms = (uint16_t)pc->override_interval_ms,
		.ssm_ranges = ifc->in->cfg.ssm_ranges,
		.n_ssm_ranges = ifc->in->cfg.n_ssm_ranges,
		.assert_preference = pc->assert_preference,
		.assert_metric = pc->assert_metric,
		.neighbors = pc->neighbors,
		.n_neighbors = pc->n_neighbors,
		.max_neighbors = pc->max_neighbors,
		.max_joins = pc->max_joins ? pc->max_joins : ifc->in->cfg.max_channels,
		.max_joins_neighbor =
			pc->max_joins_neighbor ? pc->max_joins_neighbor : ifc->in->cfg.max_channels,
	};
	int ret;

	if (!(ifc->cfg->role & IF_DOWNSTREAM) || !pc->enabled)
		return 0;
	snprintf(cfg.name, sizeof(cfg.name), "%s", ifc->cfg->name);
	timer_init(&ifc->pim_reopen, pim_reopen_cb, ifc);
	ifc->pim = pim_if_create(&cfg, &ops, ifc, &ifc->in->timers, &ifc->in->rng);
	if (!ifc->pim) {
		snprintf(err, BOOT_ERR_LEN, "out of memory");
		return -ENOMEM;
	}
	ret = pim_io_start(ifc, err);
	if (ret < 0) {
		pim_if_destroy(ifc->pim, clock_mono_us());
		ifc->pim = NULL;
	}
	return ret;
}

void iface_close_pim(struct iface *ifc)
{
	if (!ifc->pim)
		return;
	pim_if_destroy(ifc->pim, clock_mono_us());
	ifc->pim = NULL;
	timer_cancel(&ifc->in->timers, &ifc->pim_reopen);
	pim_io_shut(ifc);
}

void iface_close(struct iface *ifc)
{
	upstream_close(ifc);
	if (ifc->kif_event)
		event_free(ifc->kif_event);
	ifc->kif_event = NULL;
	if (ifc->kif)
		kif_destroy(ifc->kif);
	ifc->kif = NULL;
}

// What the kernel says of our netdevs.

static void addresses_changed(struct iface *ifc, const struct addr *before, uint64_t now_us)
{
	struct addr after = iface_primary(ifc), list[IFACE_MAX_ADDRS];

	if (!ifc->pim)
		return;
	// All of them; PIM leaves its primary out.
	for (unsigned int i = 0; i < ifc->n_addrs; i++)
		list[i] = ifc->addrs[i].addr;
	if (!addr_eq(before, &after))
		pim_if_address(ifc->pim, addr_is_none(&after) ? NULL : &after, now_us);
	pim_if_secondaries(ifc->pim, list, ifc->n_addrs);
}

static void addr_added(struct iface *ifc, const struct netlink_event *ev, uint64_t now_us)
{
	struct addr before = iface_primary(ifc);
	unsigned int at = ifc->n_addrs;

	for (unsigned int i = 0; i < ifc->n_addrs; i++)
		if (addr_eq(&ifc->addrs[i].addr, &ev->addr))
			return;
	if (ifc->n_addrs == IFACE_MAX_ADDRS) {
		log_warn_limited("inletd", "too many addresses if=%s", ifc->cfg->name);
		return;
	}
	ifc->addrs[at] = (struct config_addr){.addr = ev->addr, .len = ev->prefix_len};
	ifc->n_addrs++;
	addresses_changed(ifc, &before, now_us);
	iface_igmp_address(ifc, now_us);
	if ((ifc->cfg->role & IF_UPSTREAM) && ifc->in->channels)
		channels_addr_added(ifc->in->channels, now_us);
}

static void addr_removed(struct iface *ifc, struct addr addr, uint64_t now_us)
{
	struct addr before = iface_primary(ifc);

	for (unsigned int i = 0; i < ifc->n_addrs; i++) {
		if (!addr_eq(&ifc->addrs[i].addr, &addr))
			continue;
		ifc->n_addrs--;
		memmove(&ifc->addrs[i], &ifc->addrs[i + 1],
			(ifc->n_addrs - i) * sizeof(ifc->addrs[0]));
		addresses_changed(ifc, &before, now_us);
		iface_igmp_address(ifc, now_us);
		if ((ifc->cfg->role & IF_UPSTREAM) && ifc->in->channels)
			channels_addr_gone(ifc->in->channels, &addr, now_us);
		return;
	}
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

	for (unsigned int i = 0; i < in->n_ifs; i++) {
		struct iface *ifc = &in->ifs[i];

		if (!ifc->kif || kif_ifindex(ifc->kif) != ev->ifindex)
			continue;
		switch (ev->type) {
		case NETLINK_LINK:
			link_changed(ifc, ev);
			break;
		case NETLINK_LINK_GONE:
			log_error("inletd", "kernel-interface port deleted if=%s", ifc->cfg->name);
			while (ifc->n_addrs)
				addr_removed(ifc, ifc->addrs[0].addr, now);
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
