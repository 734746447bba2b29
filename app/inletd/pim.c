// SPDX-License-Identifier: BSD-3-Clause
// PIM on one interface, of IPv4 and of IPv6: between its netdev and the channels.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/share.h"
#include "inlet.h"
#include "wire/ip.h"

#define ETHER_HDR_LEN 14
#define REOPEN_US     (1 * USEC_PER_SEC)
// One better than infinity (RFC 7761 section 4.6.3).
#define ASSERT_PREFERENCE_WORST 0x7ffffffe
#define ASSERT_METRIC_WORST	0xfffffffe

static void send_cb(void *ctx, const uint8_t *pim, size_t len)
{
	struct iface_pim *p = ctx;
	struct addr src = pim_if_primary(p->pim);
	int ret;

	if (!p->io)
		return;
	ret = pim_io_send(p->io, &src, pim, len);
	if (ret < 0)
		log_warn_limited(
			"pim", "send failed if=%s error=\"%s\"", p->ifc->cfg->name, strerror(-ret));
}

static void want_cb(
	void *ctx, const struct sg *sg, bool wanted, const struct addr *neighbor, uint64_t now_us)
{
	struct iface *ifc = ((struct iface_pim *)ctx)->ifc;

	again_want(ifc, sg, CHANNEL_BY_PIM, wanted, neighbor, now_us);
	state_changed(ifc->in, now_us);
}

static void mute_cb(void *ctx, const struct sg *sg, bool muted, uint64_t now_us)
{
	struct iface *ifc = ((struct iface_pim *)ctx)->ifc;

	channels_mute(ifc->in->channels, sg, ifc->index, muted, now_us);
}

static bool flows(void *ctx, const struct sg *sg)
{
	struct iface *ifc = ((struct iface_pim *)ctx)->ifc;

	return channels_flows(ifc->in->channels, sg, clock_mono_us());
}

static bool local(void *ctx, const struct sg *sg)
{
	struct iface *ifc = ((struct iface_pim *)ctx)->ifc;

	for (int o = 0; o < CHANNEL_ORIGINS; o++)
		if (o != CHANNEL_BY_PIM &&
			channels_wanted_by(ifc->in->channels, sg, o) >> ifc->index & 1)
			return true;
	return false;
}

static void hello_cb(void *ctx, const struct addr *neighbor, uint64_t until_us, uint64_t now_us)
{
	police_neighbor(((struct iface_pim *)ctx)->ifc, neighbor, until_us, now_us);
}

static void include_cb(void *ctx, const struct sg *sg, uint64_t now_us)
{
	struct iface_pim *p = ctx;

	iface_membership_review(p->ifc, p->family, sg, now_us);
}

bool iface_pim_include(const struct iface *ifc, const struct sg *sg)
{
	const struct pim_if *pim = ifc->pim[iface_family(sg->g.family)].pim;

	// Who is the designated router of another link says nothing of this one.
	return !pim || watch_elsewhere(ifc) || pim_if_include(pim, sg);
}

void iface_unwanted_cb(void *ctx, const struct sg *sg, unsigned int ifindex, uint64_t now_us)
{
	const struct inlet *in = ctx;
	struct pim_if *pim = in->ifs[ifindex].pim[iface_family(sg->g.family)].pim;

	if (pim)
		pim_if_local_changed(pim, sg, now_us);
}

// False for what is no multicast data of a channel.
static bool native_channel(const struct inlet *in, const uint8_t *frame, size_t len, struct sg *sg)
{
	unsigned int type = (unsigned int)(frame[12] << 8 | frame[13]);
	struct ipv4_hdr ip;
	struct ipv6_hdr ip6;

	if (type == 0x0800 && ipv4_decode(frame + ETHER_HDR_LEN, len - ETHER_HDR_LEN, &ip) == 0) {
		if (ip.proto == IP_PROTO_IGMP || ip.proto == IP_PROTO_PIM)
			return false;
		*sg = (struct sg){.s = ip.src, .g = ip.dst};
	} else if (type == 0x86dd &&
		   ipv6_decode(frame + ETHER_HDR_LEN, len - ETHER_HDR_LEN, &ip6) == 0) {
		// MLD comes behind a Hop-by-Hop header.
		if (ip6.next == IP_PROTO_HOPOPTS || ip6.next == IP_PROTO_ICMPV6 ||
			ip6.next == IP_PROTO_PIM)
			return false;
		*sg = (struct sg){.s = ip6.src, .g = ip6.dst};
	} else {
		return false;
	}
	return group_is_ssm(in->cfg.ssm_ranges, in->cfg.n_ssm_ranges, &sg->g);
}

bool iface_native(struct iface *ifc, const uint8_t *frame, size_t len, uint64_t now_us)
{
	struct pim_if *pim;
	struct sg sg;

	// In watch mode the daemon may assert: what it needs for that the kernel must see.
	if (!ifc->cfg->pim.enabled || watch_on(ifc) || len < ETHER_HDR_LEN + 20 ||
		!(frame[0] & 1) || !native_channel(ifc->in, frame, len, &sg))
		return false;
	pim = ifc->pim[iface_family(sg.g.family)].pim;
	// What comes back to us from a loop is nobody else's.
	if (pim && memcmp(frame + 6, ifc->port->port.mac, 6) != 0)
		pim_if_data(pim, &sg, now_us);
	return true;
}

static void rx_cb(
	void *ctx, const struct addr *src, const struct addr *dst, const uint8_t *pim, size_t len)
{
	struct iface_pim *p = ctx;
	uint64_t now = clock_mono_us();

	channels_batch_begin(p->ifc->in->channels);
	pim_if_input(p->pim, src, dst, pim, len, now);
	channels_batch_end(p->ifc->in->channels, now);
}

static void io_shut(struct iface_pim *p)
{
	if (p->event)
		event_free(p->event);
	p->event = NULL;
	if (p->io)
		pim_io_close(p->io);
	p->io = NULL;
}

static void on_pim(evutil_socket_t fd, short what, void *arg)
{
	struct iface_pim *p = arg;
	int ret = pim_io_input(p->io);

	(void)fd;
	(void)what;
	if (ret >= 0)
		return;
	// The netdev is down or gone; it may come back, under another name too.
	log_warn("pim", "capture lost if=%s error=\"%s\"", p->ifc->cfg->name, strerror(-ret));
	io_shut(p);
	if (watch_on(p->ifc))
		watch_addresses(p->ifc);
	timer_arm(&p->ifc->in->timers, &p->reopen, clock_mono_us() + REOPEN_US);
}

static int io_start(struct iface_pim *p, char err[BOOT_ERR_LEN])
{
	struct iface *ifc = p->ifc;
	char why[PIM_IO_ERR_LEN];

	p->io = watch_on(ifc) ? pim_io_watch(watch_netdev(ifc), p->family, rx_cb, p, why)
			      : pim_io_open(kif_name(ifc->kif), p->family, rx_cb, p, why);
	if (!p->io) {
		snprintf(err, BOOT_ERR_LEN, "interface %s: %s", ifc->cfg->name, why);
		return -EIO;
	}
	p->event = event_new(ifc->in->base, pim_io_fd(p->io), EV_READ | EV_PERSIST, on_pim, p);
	if (!p->event || event_add(p->event, NULL) < 0) {
		io_shut(p);
		snprintf(err, BOOT_ERR_LEN, "out of memory");
		return -ENOMEM;
	}
	if (watch_on(ifc))
		watch_addresses(ifc);
	return 0;
}

static void reopen_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct iface_pim *p = arg;
	char err[BOOT_ERR_LEN];

	if (io_start(p, err) < 0)
		timer_arm(&p->ifc->in->timers, t, now_us + REOPEN_US);
	else
		log_info("pim", "capture is back if=%s", p->ifc->cfg->name);
}

static struct pim_cfg cfg_of(const struct iface *ifc, uint8_t family)
{
	const struct config_pim *pc = &ifc->cfg->pim;
	struct pim_cfg cfg = {
		.family = family,
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
		.max_joins = pc->max_joins ? pc->max_joins : share_most(ifc->in->cfg.max_channels),
		.neighbor_rate = pc->neighbor_rate,
		.max_joins_neighbor =
			pc->max_joins_neighbor ? pc->max_joins_neighbor : ifc->in->cfg.max_channels,
		.watch = watch_on(ifc),
		.upstream = pc->watch.upstream,
		.n_upstream = pc->watch.n_upstream,
	};

	snprintf(cfg.name, sizeof(cfg.name), "%s", ifc->cfg->name);
	if (drain_yields(ifc->in)) { // whoever else is there is better
		cfg.dr_priority = 0;
		cfg.assert_preference = ASSERT_PREFERENCE_WORST;
		cfg.assert_metric = ASSERT_METRIC_WORST;
	}
	return cfg;
}

static int open_family(struct iface *ifc, uint8_t family, char err[BOOT_ERR_LEN])
{
	static const struct pim_ops ops = {.send = send_cb,
		.want_cb = want_cb,
		.mute_cb = mute_cb,
		.flows = flows,
		.local = local,
		.hello_cb = hello_cb,
		.include_cb = include_cb};
	const struct pim_cfg cfg = cfg_of(ifc, family);
	struct iface_pim *p = &ifc->pim[iface_family(family)];

	p->ifc = ifc;
	p->family = family;
	timer_init(&p->reopen, reopen_cb, p);
	p->pim = pim_if_create(&cfg, &ops, p, &ifc->in->timers, &ifc->in->rng);
	if (p->pim)
		return 0;
	snprintf(err, BOOT_ERR_LEN, "out of memory");
	return -ENOMEM;
}

// Where PIM is spoken over IPv6 it is listened to with the first address: there may never be one.
static int listen_first(struct iface_pim *p, char err[BOOT_ERR_LEN])
{
	struct iface *ifc = p->ifc;
	int ret;

	if (!p->pim || (p->family == ADDR_V6 && !watch_on(ifc)))
		return 0;
	ret = io_start(p, err);
	if (ret == 0 || !watch_elsewhere(ifc))
		return ret;
	log_warn("pim", "not there yet: %s", err);
	timer_arm(&ifc->in->timers, &p->reopen, clock_mono_us() + REOPEN_US);
	return 0;
}

int iface_open_pim(struct iface *ifc, char err[BOOT_ERR_LEN])
{
	const struct config_pim *pc = &ifc->cfg->pim;
	int ret = 0;

	if (!(ifc->cfg->role & IF_DOWNSTREAM) || !pc->enabled || ifc->in->drain.off)
		return 0;
	if (pc->families & CONFIG_IPV4)
		ret = open_family(ifc, ADDR_V4, err);
	if (ret == 0 && (pc->families & CONFIG_IPV6))
		ret = open_family(ifc, ADDR_V6, err);
	if (watch_on(ifc))
		log_info("pim", "watching if=%s netdev=%s", ifc->cfg->name, watch_netdev(ifc));
	for (int f = 0; f < IFACE_FAMILIES && ret == 0; f++)
		ret = listen_first(&ifc->pim[f], err);
	if (ret < 0)
		iface_close_pim(ifc);
	return ret;
}

// The primary address: the first of IPv4, the first link-local one of IPv6 (RFC 7761
// section 4.3.1).
static struct addr primary_of(const struct iface *ifc, uint8_t family)
{
	for (unsigned int i = 0; i < ifc->n_addrs; i++) {
		const struct addr *a = &ifc->addrs[i].addr;

		if (a->family == family && (family == ADDR_V4 || addr_is_linklocal(a)))
			return *a;
	}
	return (struct addr){0};
}

static void family_address(struct iface_pim *p, uint64_t now_us)
{
	const struct iface *ifc = p->ifc;
	struct addr before = pim_if_primary(p->pim), after = primary_of(ifc, p->family);
	struct addr list[IFACE_MAX_ADDRS];
	struct prefix links[IFACE_MAX_ADDRS];
	char err[BOOT_ERR_LEN];

	// All of them; PIM leaves its primary out, and those of the other family.
	for (unsigned int i = 0; i < ifc->n_addrs; i++) {
		list[i] = ifc->addrs[i].addr;
		links[i] = (struct prefix){.addr = list[i], .len = ifc->addrs[i].len};
	}
	pim_if_links(p->pim, links, ifc->n_addrs);
	if (!addr_is_none(&after) && !p->io && !timer_armed(&p->reopen) && io_start(p, err) < 0) {
		log_error("pim", "%s", err);
		timer_arm(&ifc->in->timers, &p->reopen, now_us + REOPEN_US);
	}
	if (!addr_eq(&before, &after))
		pim_if_address(p->pim, addr_is_none(&after) ? NULL : &after, now_us);
	pim_if_secondaries(p->pim, list, ifc->n_addrs);
}

void iface_pim_address(struct iface *ifc, uint64_t now_us)
{
	for (int f = 0; f < IFACE_FAMILIES; f++)
		if (ifc->pim[f].pim && !watch_on(ifc))
			family_address(&ifc->pim[f], now_us);
}

static void close_family(struct iface_pim *p)
{
	if (!p->pim)
		return;
	pim_if_destroy(p->pim, clock_mono_us());
	p->pim = NULL;
	timer_cancel(&p->ifc->in->timers, &p->reopen);
	io_shut(p);
}

void iface_close_pim(struct iface *ifc)
{
	for (int f = 0; f < IFACE_FAMILIES; f++)
		close_family(&ifc->pim[f]);
}

void iface_pim_configure(struct iface *ifc)
{
	struct pim_cfg cfg;

	for (int f = 0; f < IFACE_FAMILIES; f++) {
		if (!ifc->pim[f].pim)
			continue;
		cfg = cfg_of(ifc, ifc->pim[f].family);
		pim_if_configure(ifc->pim[f].pim, &cfg, clock_mono_us());
	}
}

// Whether PIM of a family is to be there now: on a port that is stopped it comes with port start.
static bool speaks(const struct iface *ifc, unsigned int f)
{
	const struct config_pim *pc = &ifc->cfg->pim;

	return (ifc->cfg->role & IF_DOWNSTREAM) && pc->enabled && !ifc->port->stopped &&
	       !ifc->in->drain.off && (pc->families & (f == IFACE_V6 ? CONFIG_IPV6 : CONFIG_IPV4));
}

static int reload_family(struct iface *ifc, unsigned int f, bool anew, char err[BOOT_ERR_LEN])
{
	uint8_t family = f == IFACE_V6 ? ADDR_V6 : ADDR_V4;
	struct iface_pim *p = &ifc->pim[f];
	uint64_t now = clock_mono_us();
	struct pim_cfg cfg;
	int ret;

	if (p->pim && speaks(ifc, f) && !anew) {
		cfg = cfg_of(ifc, family);
		pim_if_configure(p->pim, &cfg, now);
		return 0;
	}
	close_family(p);
	if (!speaks(ifc, f))
		return 0;
	ret = open_family(ifc, family, err);
	if (ret == 0)
		ret = listen_first(p, err);
	if (ret < 0)
		close_family(p);
	else if (!watch_on(ifc))
		family_address(p, now);
	return ret;
}

int iface_reload_pim(struct iface *ifc, const struct config_pim *was, char err[BOOT_ERR_LEN])
{
	const struct config_pim *is = &ifc->cfg->pim;
	bool anew = was->mode != is->mode || strcmp(was->watch.netdev, is->watch.netdev) != 0;
	uint64_t now = clock_mono_us();
	int ret = 0;

	channels_batch_begin(ifc->in->channels);
	for (unsigned int f = 0; f < IFACE_FAMILIES; f++) {
		bool before = ifc->pim[f].pim;

		if (ret == 0)
			ret = reload_family(ifc, f, anew, err);
		// Who serves receivers attached directly may be another router now.
		if (anew || before != (ifc->pim[f].pim != NULL))
			iface_membership_review(ifc, f == IFACE_V6 ? ADDR_V6 : ADDR_V4, NULL, now);
	}
	channels_batch_end(ifc->in->channels, now);
	return ret;
}
