// SPDX-License-Identifier: BSD-3-Clause
// IGMP and MLD on one interface: the querier for receivers attached directly, between its netdev
// and the channels.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "inlet.h"

#define REOPEN_US (1 * USEC_PER_SEC)
#define QUERY_MTU 1500 // at most: no host needs a longer query, and a short link gets what fits

static void send_cb(void *ctx, const uint8_t *ip, size_t len)
{
	struct iface_membership *gm = ctx;
	int ret;

	if (!gm->io)
		return;
	ret = membership_io_send(gm->io, ip, len);
	if (ret < 0)
		log_warn_limited("membership", "send failed if=%s error=\"%s\"", gm->ifc->cfg->name,
			strerror(-ret));
}

// Where PIM is spoken too, receivers are for one router of the link (RFC 7761 section 4.1.5).
static void want(struct iface *ifc, const struct sg *sg, bool wanted, uint64_t now_us)
{
	again_want(
		ifc, sg, CHANNEL_BY_MEMBERSHIP, wanted && iface_pim_include(ifc, sg), NULL, now_us);
}

static void want_cb(void *ctx, const struct sg *sg, bool wanted, uint64_t now_us)
{
	struct iface *ifc = ((struct iface_membership *)ctx)->ifc;

	want(ifc, sg, wanted, now_us);
	state_changed(ifc->in, now_us);
}

struct review {
	struct iface *ifc;
	uint64_t now_us;
};

static void review_cb(void *arg, const struct membership_channel_view *v)
{
	const struct review *r = arg;

	want(r->ifc, &v->sg, true, r->now_us);
}

void iface_membership_review(
	struct iface *ifc, uint8_t family, const struct sg *sg, uint64_t now_us)
{
	const struct membership *m = ifc->membership[iface_family(family)].m;
	struct review r = {.ifc = ifc, .now_us = now_us};

	if (m && !sg)
		membership_channels(m, review_cb, &r);
	else if (m && membership_wants(m, sg))
		want(ifc, sg, true, now_us);
}

static void rx_cb(void *ctx, const uint8_t *ip, size_t len)
{
	struct iface_membership *gm = ctx;
	uint64_t now = clock_mono_us();

	channels_batch_begin(gm->ifc->in->channels);
	membership_input(gm->m, ip, len, now);
	channels_batch_end(gm->ifc->in->channels, now);
}

static void io_shut(struct iface_membership *gm)
{
	if (gm->event)
		event_free(gm->event);
	gm->event = NULL;
	if (gm->io)
		membership_io_close(gm->io);
	gm->io = NULL;
}

static void on_membership(evutil_socket_t fd, short what, void *arg)
{
	struct iface_membership *gm = arg;
	int ret = membership_io_input(gm->io);

	(void)fd;
	(void)what;
	if (ret >= 0)
		return;
	// The netdev is gone; it may come back, under another name too.
	log_warn("membership", "capture lost if=%s error=\"%s\"", gm->ifc->cfg->name,
		strerror(-ret));
	io_shut(gm);
	timer_arm(&gm->ifc->in->timers, &gm->reopen, clock_mono_us() + REOPEN_US);
}

static int io_start(struct iface_membership *gm, char err[BOOT_ERR_LEN])
{
	struct iface *ifc = gm->ifc;
	char why[MEMBERSHIP_IO_ERR_LEN];

	gm->io = membership_io_open(kif_name(ifc->kif), gm->family, rx_cb, gm, why);
	if (!gm->io) {
		snprintf(err, BOOT_ERR_LEN, "interface %s: %s", ifc->cfg->name, why);
		return -EIO;
	}
	gm->event = event_new(
		ifc->in->base, membership_io_fd(gm->io), EV_READ | EV_PERSIST, on_membership, gm);
	if (!gm->event || event_add(gm->event, NULL) < 0) {
		io_shut(gm);
		snprintf(err, BOOT_ERR_LEN, "out of memory");
		return -ENOMEM;
	}
	return 0;
}

static void reopen_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct iface_membership *gm = arg;
	char err[BOOT_ERR_LEN];

	if (io_start(gm, err) < 0)
		timer_arm(&gm->ifc->in->timers, t, now_us + REOPEN_US);
	else
		log_info("membership", "capture is back if=%s", gm->ifc->cfg->name);
}

static struct membership_cfg cfg_of(
	const struct iface *ifc, uint8_t family, const struct config_membership *mc)
{
	struct membership_cfg cfg = {
		.family = family,
		.query_interval_s = mc->query_interval_s,
		.query_response_ms = mc->query_response_ms,
		.robustness = (uint8_t)mc->robustness,
		.last_member_interval_ms = mc->last_member_interval_ms,
		.last_member_count = (uint8_t)mc->last_member_count,
		.fast_leave = mc->fast_leave,
		.ssm_ranges = ifc->in->cfg.ssm_ranges,
		.n_ssm_ranges = ifc->in->cfg.n_ssm_ranges,
		.max_channels = mc->max_channels,
		.total = &ifc->in->memberships,
		.mtu = ifc->mtu && ifc->mtu < QUERY_MTU ? ifc->mtu : QUERY_MTU,
	};

	ifc->in->memberships.max = ifc->in->cfg.max_memberships;
	snprintf(cfg.name, sizeof(cfg.name), "%s", ifc->cfg->name);
	return cfg;
}

static int open_family(struct iface *ifc, uint8_t family, const struct config_membership *mc,
	char err[BOOT_ERR_LEN])
{
	static const struct membership_ops ops = {.send = send_cb, .want_cb = want_cb};
	const struct membership_cfg cfg = cfg_of(ifc, family, mc);
	struct iface_membership *gm = &ifc->membership[iface_family(family)];

	gm->ifc = ifc;
	gm->family = family;
	timer_init(&gm->reopen, reopen_cb, gm);
	gm->m = membership_create(&cfg, &ops, gm, &ifc->in->timers);
	if (gm->m)
		return 0;
	snprintf(err, BOOT_ERR_LEN, "out of memory");
	return -ENOMEM;
}

int iface_open_membership(struct iface *ifc, char err[BOOT_ERR_LEN])
{
	int ret = 0;

	if (!(ifc->cfg->role & IF_DOWNSTREAM))
		return 0;
	if (ifc->in->drain.off)
		return 0;
	if (ifc->cfg->igmp.enabled)
		ret = open_family(ifc, ADDR_V4, &ifc->cfg->igmp, err);
	if (ret == 0 && ifc->cfg->mld.enabled)
		ret = open_family(ifc, ADDR_V6, &ifc->cfg->mld, err);
	for (int f = 0; f < IFACE_FAMILIES && ret == 0; f++)
		if (ifc->membership[f].m)
			ret = io_start(&ifc->membership[f], err);
	if (ret < 0)
		iface_close_membership(ifc);
	return ret;
}

static void family_address(struct iface_membership *gm, uint64_t now_us)
{
	const struct iface *ifc = gm->ifc;
	struct membership_addr addrs[IFACE_MAX_ADDRS];
	unsigned int n = 0;

	// MLD is spoken by link-local addresses alone (RFC 9777 section 5.1.14).
	for (unsigned int i = 0; i < ifc->n_addrs; i++) {
		const struct config_addr *a = &ifc->addrs[i];

		if (a->addr.family == gm->family &&
			(gm->family == ADDR_V4 || addr_is_linklocal(&a->addr)))
			addrs[n++] =
				(struct membership_addr){.addr = a->addr, .prefix_len = a->len};
	}
	membership_address(gm->m, addrs, n, now_us);
}

void iface_membership_address(struct iface *ifc, uint64_t now_us)
{
	for (int f = 0; f < IFACE_FAMILIES; f++)
		if (ifc->membership[f].m)
			family_address(&ifc->membership[f], now_us);
}

static void close_family(struct iface_membership *gm)
{
	if (!gm->m)
		return;
	membership_destroy(gm->m, clock_mono_us());
	gm->m = NULL;
	timer_cancel(&gm->ifc->in->timers, &gm->reopen);
	io_shut(gm);
}

void iface_close_membership(struct iface *ifc)
{
	for (int f = 0; f < IFACE_FAMILIES; f++)
		close_family(&ifc->membership[f]);
}

static int reload_family(struct iface *ifc, uint8_t family, const struct config_membership *mc,
	char err[BOOT_ERR_LEN])
{
	struct iface_membership *gm = &ifc->membership[iface_family(family)];
	bool on = (ifc->cfg->role & IF_DOWNSTREAM) && mc->enabled && !ifc->port->stopped &&
		  !ifc->in->drain.off;
	struct membership_cfg cfg;
	int ret;

	if (gm->m && on) {
		cfg = cfg_of(ifc, family, mc);
		membership_configure(gm->m, &cfg, clock_mono_us());
		return 0;
	}
	close_family(gm);
	if (!on)
		return 0;
	ret = open_family(ifc, family, mc, err);
	if (ret == 0)
		ret = io_start(gm, err);
	if (ret < 0)
		close_family(gm);
	else
		family_address(gm, clock_mono_us());
	return ret;
}

int iface_reload_membership(struct iface *ifc, char err[BOOT_ERR_LEN])
{
	uint64_t now = clock_mono_us();
	int ret;

	channels_batch_begin(ifc->in->channels);
	ret = reload_family(ifc, ADDR_V4, &ifc->cfg->igmp, err);
	if (ret == 0)
		ret = reload_family(ifc, ADDR_V6, &ifc->cfg->mld, err);
	channels_batch_end(ifc->in->channels, now);
	return ret;
}
