// SPDX-License-Identifier: BSD-3-Clause
// What the console may look at.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_lcore.h>

#include "console/baseline.h"
#include "inlet.h"

// PIM of IPv6 is there for an interface that has IPv6, by itself: it shows when it has an address.
static const struct pim_if *pim6_of(const struct iface *ifc)
{
	const struct pim_if *pim = ifc->pim[IFACE_V6].pim;
	struct pim_if_view v = {0};

	if (pim)
		pim_if_view(pim, &v);
	return addr_is_none(&v.primary) ? NULL : pim;
}

static void fill_if(struct observe_if *o, const struct inlet *in, const struct iface *ifc)
{
	static const char *const modes[] = {
		[SPREAD_OFF] = "off",
		[SPREAD_TUNNEL] = "tunnel",
		[SPREAD_CHANNEL] = "channel",
	};

	*o = (struct observe_if){
		.name = ifc->cfg->name,
		.device = ifc->cfg->device,
		.vlan = ifc->cfg->vlan,
		.role = ifc->cfg->role,
		.port = &ifc->port->port,
		.spread = modes[ifc->port->mode],
		.steering = ifc->cfg->role & IF_UPSTREAM
				    ? steering_port_way(in->steering, &ifc->port->steering, ADDR_V4)
				    : NULL,
		.steering6 = ifc->cfg->role & IF_UPSTREAM ? steering_port_way(in->steering,
								    &ifc->port->steering, ADDR_V6)
							  : NULL,
		.kif = ifc->kif,
		.netdev_losses = ifc->netdev_losses,
		.netdev_gone = ifc->netdev_gone,
		.seen = &ifc->port->seen,
		.lost = ifc->port->lost,
		.pim = {ifc->pim[IFACE_V4].pim, pim6_of(ifc)},
		.pim_netdev = ifc->cfg->pim.enabled ? watch_netdev(ifc) : NULL,
		.membership = {ifc->membership[IFACE_V4].m, ifc->membership[IFACE_V6].m},
		.mtu = ifc->mtu,
		.stopped = ifc->port->stopped,
		.first = true,
	};
	for (const struct iface *k = in->ifs; k < ifc; k++)
		o->first &= k->port != ifc->port;
	o->n_addrs = ifc->n_addrs < CONFIG_MAX_ADDRS ? ifc->n_addrs : CONFIG_MAX_ADDRS;
	memcpy(o->addrs, ifc->addrs, o->n_addrs * sizeof(o->addrs[0]));
}

static bool steering_of(const void *endpoint, struct observe_steering *out)
{
	const struct endpoint *ep = endpoint;

	if (!ep || !ep->steering)
		return false;
	steering_view(ep->steering, out);
	return true;
}

static void rebalance(void *ctx, bool dry_run,
	void (*row_cb)(void *arg, const struct observe_move *row), void *arg)
{
	struct inlet *in = ctx;

	steering_rebalance(in->steering, dry_run, row_cb, arg);
}

static int static_cb(void *ctx, bool add, const struct sg *sg, const char *ifname,
	struct observe_static *out, char why[OBSERVE_WHY_LEN])
{
	return wants_static(ctx, add, sg, ifname, out, why);
}

// How long an operator's hold lasts; people forget.
#define HOLD_US (24 * 3600 * USEC_PER_SEC)
static const char held_by_operator[] = "operator";

static int relay_move(struct inlet *in, const struct addr *source, const struct addr *relay,
	char why[OBSERVE_WHY_LEN])
{
	char s[ADDR_STRLEN], r[ADDR_STRLEN];
	int ret = channels_move(in->channels, source, addr_is_none(relay) ? NULL : relay,
		"operator", CHANNEL_MOVE_FORCE, clock_mono_us());

	addr_format(source, s);
	addr_format(relay, r);
	switch (ret) {
	case -ENOENT:
		snprintf(why, OBSERVE_WHY_LEN, "no channel of source %s is wanted", s);
		break;
	case -EALREADY:
		snprintf(why, OBSERVE_WHY_LEN, "source %s is there, or on its way (show channels)",
			s);
		break;
	case -EAGAIN:
		snprintf(why, OBSERVE_WHY_LEN, "source %s has no relay yet that it could leave", s);
		break;
	case -ENXIO:
		snprintf(why, OBSERVE_WHY_LEN, "source %s has no %s %s (show relays)", s,
			addr_is_none(relay) ? "other" : "such", addr_is_none(relay) ? "relay" : r);
		break;
	default:
		snprintf(why, OBSERVE_WHY_LEN, "%s", strerror(-ret));
	}
	return ret;
}

static struct driad_lookup *resolve_cb(
	void *ctx, const struct addr *source, driad_cb cb, driad_note_cb note_cb, void *arg)
{
	struct inlet *in = ctx;

	driad_asker(in->driad, 0);
	return driad_lookup_noted(in->driad, source, cb, note_cb, arg, clock_mono_us());
}

static void resolve_cancel_cb(void *ctx, struct driad_lookup *l)
{
	struct inlet *in = ctx;

	driad_lookup_cancel(in->driad, l);
}

static int port_cb(void *ctx, bool go, const char *ifname, char why[OBSERVE_WHY_LEN])
{
	return service_port(ctx, go, ifname, why);
}

static void health_followed_cb(void *ctx)
{
	struct inlet *in = ctx;

	in->health_followed_us = clock_mono_us();
}

static int drain_cb(void *ctx, bool on, char why[OBSERVE_WHY_LEN])
{
	return drain_set(ctx, on, why);
}

static int relay_cb(void *ctx, enum observe_relay_act act, const struct addr *source,
	const struct addr *relay, char why[OBSERVE_WHY_LEN])
{
	struct inlet *in = ctx;
	int ret = 0;

	switch (act) {
	case OBSERVE_RELAY_MOVE:
		return relay_move(in, source, relay, why);
	case OBSERVE_RELAY_HOLD:
		ret = holddown_add(&in->held, relay, held_by_operator, clock_mono_us() + HOLD_US);
		break;
	case OBSERVE_RELAY_RELEASE:
		holddown_release(&in->held, relay);
		break;
	}
	if (ret < 0)
		snprintf(why, OBSERVE_WHY_LEN, "%s", strerror(-ret));
	return ret;
}

static struct reload_job *reload_cb(void *ctx, bool check, char why[OBSERVE_WHY_LEN])
{
	return reload_start(ctx, check, why);
}

static int save_cb(
	void *ctx, const char *path, struct observe_saved *out, char why[OBSERVE_WHY_LEN])
{
	return save_run(ctx, path, out, why);
}

static int capture_start_cb(
	void *ctx, const struct observe_capture_want *want, char why[OBSERVE_WHY_LEN])
{
	return capture_start(ctx, want, why);
}

static int capture_stop_cb(void *ctx, char why[OBSERVE_WHY_LEN])
{
	return capture_stop(ctx, why);
}

static bool capture_view_cb(void *ctx, struct observe_capture *out)
{
	return capture_view(ctx, out);
}

static bool evidence_of(void *ctx, const struct addr *relay, struct observe_evidence *out)
{
	const struct inlet *in = ctx;

	return evidence_find(&in->evidence, relay, out);
}

void observe_fill(struct inlet *in)
{
	struct observe *o = &in->observe;

	o->version = INLET_VERSION;
	o->n_ifs = in->n_ifs;
	for (unsigned int i = 0; i < in->n_ifs; i++)
		fill_if(&o->ifs[i], in, &in->ifs[i]);
	o->n_workers = in->n_workers;
	for (unsigned int w = 0; w < in->n_workers; w++) {
		o->workers[w].lcore = w + 1;
		o->workers[w].cpu = in->worker_cpus[w];
		o->workers[w].socket = (int)rte_lcore_to_socket_id(w + 1);
		o->workers[w].idle = idle_text(in->idle, w);
	}
	o->ssm_ranges = in->cfg.ssm_ranges;
	o->n_ssm_ranges = in->cfg.n_ssm_ranges;
	o->crossing = in->crossing;
	o->mfib = in->mfib;
	o->channels = in->channels;
	o->amt = in->amt;
	o->driad = in->driad;
	o->timers = &in->timers;
	o->held = &in->held;
	o->steering_cb = steering_of;
	o->evidence_cb = evidence_of;
	o->capture_start_cb = capture_start_cb;
	o->capture_stop_cb = capture_stop_cb;
	o->capture_view_cb = capture_view_cb;
	o->static_cb = static_cb;
	o->relay_cb = relay_cb;
	o->port_cb = port_cb;
	o->health = &in->health;
	o->health_followed_cb = health_followed_cb;
	o->drain_cb = drain_cb;
	if (!o->baseline)
		o->baseline = baseline_create(); // without one, counters cannot be cleared
	o->resolve_cb = resolve_cb;
	o->resolve_cancel_cb = resolve_cancel_cb;
	o->rebalance_cb = rebalance;
	o->loop = &in->loop;
	o->max_channels = in->cfg.max_channels;
	o->max_tunnels = in->cfg.max_tunnels;
	o->punt_limits = in->police.limits;
	o->reload = &in->reload;
	o->reload_cb = reload_cb;
	o->reload_result_cb = reload_result;
	o->reload_forget_cb = reload_forget;
	o->save_cb = save_cb;
	o->joinfile_import = in->joinfile_import;
	o->joinfile_export = in->joinfile_export;
	o->joinfile_stats = in->joinfile_import || in->joinfile_export ? &in->joinfile_stats : NULL;
	o->ctx = in;
}

static uint64_t rx_bytes(const struct crossing_worker *x, unsigned int n_ifs)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < n_ifs; i++)
		sum += __atomic_load_n(&x->ifs[i].rx_bytes, __ATOMIC_RELAXED);
	return sum;
}

static void bytes_of(struct observe_worker *o, uint64_t now, uint64_t now_us)
{
	o->bytes_per_s =
		o->last_us ? (now - o->last_bytes) * USEC_PER_SEC / (now_us - o->last_us) : 0;
	o->last_bytes = now;
}

static void load_of(struct observe_worker *o, const struct crossing_load *now, uint64_t now_us)
{
	uint64_t busy = now->busy_cycles - o->last.busy_cycles;
	uint64_t all = busy + now->idle_cycles - o->last.idle_cycles;
	uint64_t bursts = now->bursts - o->last.bursts;
	uint64_t packets = now->packets - o->last.packets;
	uint64_t timed = now->timed_packets - o->last.timed_packets;

	o->load_percent = all ? (unsigned int)(busy * 100 / all) : 0;
	o->burst_tenths = bursts ? (unsigned int)(packets * 10 / bursts) : 0;
	o->cycles = timed ? (unsigned int)(busy / timed) : 0;
	o->packets_per_s = o->last_us ? packets * USEC_PER_SEC / (now_us - o->last_us) : 0;
	o->last = *now;
	o->last_us = now_us;
}

static void drops_of(struct observe *o, const struct crossing *crossing, uint64_t now_us)
{
	for (unsigned int i = 0; i < DROP_COUNT; i++) {
		uint64_t now = crossing_drop(crossing, (enum drop_reason)i);

		if (now != o->drops_then[i])
			o->drop_moved_us[i] = now_us;
		o->drops_then[i] = now;
	}
}

static void nombuf_of(struct observe *o, uint64_t now_us)
{
	struct port_counters c;

	for (unsigned int i = 0; i < o->n_ifs; i++) {
		if (!o->ifs[i].port || !o->ifs[i].first)
			continue;
		port_counters(o->ifs[i].port, &c);
		if (c.rx_nombuf != o->nombuf_then[i])
			o->nombuf_moved_us[i] = now_us;
		o->nombuf_then[i] = c.rx_nombuf;
	}
}

void observe_load(struct inlet *in)
{
	uint64_t now_us = clock_mono_us();
	struct crossing_load now;

	drops_of(&in->observe, in->crossing, now_us);
	nombuf_of(&in->observe, now_us);
	for (unsigned int w = 0; w < in->n_workers; w++) {
		if (now_us == in->observe.workers[w].last_us)
			continue;
		crossing_load(in->crossing, w, &now);
		bytes_of(&in->observe.workers[w], rx_bytes(in->crossing->workers[w], in->n_ifs),
			now_us);
		load_of(&in->observe.workers[w], &now, now_us);
		in->observe.workers[w].tunnels = steering_worker_tunnels(in->steering, w);
	}
}
