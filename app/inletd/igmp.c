// SPDX-License-Identifier: BSD-3-Clause
// IGMP on one interface: the querier for receivers attached directly, between its netdev and the
// channels.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "inlet.h"

#define REOPEN_US (1 * USEC_PER_SEC)
#define QUERY_MTU 1500 // at most: no host needs a longer query, and a short link gets what fits

static void send_cb(void *ctx, const uint8_t *ip, size_t len)
{
	struct iface *ifc = ctx;
	int ret;

	if (!ifc->igmp_io)
		return;
	ret = membership_io_send(ifc->igmp_io, ip, len);
	if (ret < 0)
		log_warn_limited("membership", "send failed if=%s error=\"%s\"", ifc->cfg->name,
			strerror(-ret));
}

static void want_cb(void *ctx, const struct sg *sg, bool wanted, uint64_t now_us)
{
	struct iface *ifc = ctx;

	channels_want(ifc->in->channels, sg, ifc->index, CHANNEL_BY_MEMBERSHIP, wanted, now_us);
	state_changed(ifc->in, now_us);
}

static void rx_cb(void *ctx, const uint8_t *ip, size_t len)
{
	struct iface *ifc = ctx;
	uint64_t now = clock_mono_us();

	channels_batch_begin(ifc->in->channels);
	membership_input(ifc->igmp, ip, len, now);
	channels_batch_end(ifc->in->channels, now);
}

static void io_shut(struct iface *ifc)
{
	if (ifc->igmp_event)
		event_free(ifc->igmp_event);
	ifc->igmp_event = NULL;
	if (ifc->igmp_io)
		membership_io_close(ifc->igmp_io);
	ifc->igmp_io = NULL;
}

static void on_igmp(evutil_socket_t fd, short what, void *arg)
{
	struct iface *ifc = arg;
	int ret = membership_io_input(ifc->igmp_io);

	(void)fd;
	(void)what;
	if (ret >= 0)
		return;
	// The netdev is gone; it may come back, under another name too.
	log_warn("membership", "capture lost if=%s error=\"%s\"", ifc->cfg->name, strerror(-ret));
	io_shut(ifc);
	timer_arm(&ifc->in->timers, &ifc->igmp_reopen, clock_mono_us() + REOPEN_US);
}

static int io_start(struct iface *ifc, char err[BOOT_ERR_LEN])
{
	char why[MEMBERSHIP_IO_ERR_LEN];

	ifc->igmp_io = membership_io_open(kif_name(ifc->kif), ADDR_V4, rx_cb, ifc, why);
	if (!ifc->igmp_io) {
		snprintf(err, BOOT_ERR_LEN, "interface %s: %s", ifc->cfg->name, why);
		return -EIO;
	}
	ifc->igmp_event = event_new(
		ifc->in->base, membership_io_fd(ifc->igmp_io), EV_READ | EV_PERSIST, on_igmp, ifc);
	if (!ifc->igmp_event || event_add(ifc->igmp_event, NULL) < 0) {
		io_shut(ifc);
		snprintf(err, BOOT_ERR_LEN, "out of memory");
		return -ENOMEM;
	}
	return 0;
}

static void reopen_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct iface *ifc = arg;
	char err[BOOT_ERR_LEN];

	if (io_start(ifc, err) < 0)
		timer_arm(&ifc->in->timers, t, now_us + REOPEN_US);
	else
		log_info("membership", "capture is back if=%s", ifc->cfg->name);
}

int iface_open_igmp(struct iface *ifc, char err[BOOT_ERR_LEN])
{
	static const struct membership_ops ops = {.send = send_cb, .want_cb = want_cb};
	const struct config_igmp *ic = &ifc->cfg->igmp;
	struct membership_cfg cfg = {
		.family = ADDR_V4,
		.query_interval_s = ic->query_interval_s,
		.query_response_ms = ic->query_response_ms,
		.robustness = (uint8_t)ic->robustness,
		.last_member_interval_ms = ic->last_member_interval_ms,
		.last_member_count = (uint8_t)ic->last_member_count,
		.fast_leave = ic->fast_leave,
		.ssm_ranges = ifc->in->cfg.ssm_ranges,
		.n_ssm_ranges = ifc->in->cfg.n_ssm_ranges,
		.max_channels = ic->max_channels,
		.total = &ifc->in->memberships,
		.mtu = ifc->mtu && ifc->mtu < QUERY_MTU ? ifc->mtu : QUERY_MTU,
	};
	int ret;

	if (!(ifc->cfg->role & IF_DOWNSTREAM) || !ic->enabled)
		return 0;
	ifc->in->memberships.max = ifc->in->cfg.max_memberships;
	snprintf(cfg.name, sizeof(cfg.name), "%s", ifc->cfg->name);
	timer_init(&ifc->igmp_reopen, reopen_cb, ifc);
	ifc->igmp = membership_create(&cfg, &ops, ifc, &ifc->in->timers);
	if (!ifc->igmp) {
		snprintf(err, BOOT_ERR_LEN, "out of memory");
		return -ENOMEM;
	}
	ret = io_start(ifc, err);
	if (ret < 0) {
		membership_destroy(ifc->igmp, clock_mono_us());
		ifc->igmp = NULL;
	}
	return ret;
}

void iface_igmp_address(struct iface *ifc, uint64_t now_us)
{
	struct membership_addr addrs[IFACE_MAX_ADDRS];
	unsigned int n = 0;

	if (!ifc->igmp)
		return;
	for (unsigned int i = 0; i < ifc->n_addrs; i++) {
		if (ifc->addrs[i].addr.family == ADDR_V4)
			addrs[n++] = (struct membership_addr){
				.addr = ifc->addrs[i].addr, .prefix_len = ifc->addrs[i].len};
	}
	membership_address(ifc->igmp, addrs, n, now_us);
}

void iface_close_igmp(struct iface *ifc)
{
	if (!ifc->igmp)
		return;
	membership_destroy(ifc->igmp, clock_mono_us());
	ifc->igmp = NULL;
	timer_cancel(&ifc->in->timers, &ifc->igmp_reopen);
	io_shut(ifc);
}
