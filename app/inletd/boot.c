// SPDX-License-Identifier: BSD-3-Clause
// Boot: the one file that names every room. Up in the order of the layers, down in the reverse.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "base/log.h"
#include "inlet.h"

#define INJECT_RING	512
#define HOUSEKEEPING_US (100 * USEC_PER_MSEC)
#define GOODBYE_US	(50 * USEC_PER_MSEC) // for Goodbye and Teardown to get through TAP and port
#define DNS_MAX_WAITING 65536

static int out_of_memory(char err[BOOT_ERR_LEN])
{
	snprintf(err, BOOT_ERR_LEN, "out of memory");
	return -ENOMEM;
}

static int boot_base(struct inlet *in, char err[BOOT_ERR_LEN])
{
	struct event_config *ec = event_config_new();

	timers_init(&in->timers);
	in->rng = RNG_SYSTEM;
	holddown_init(&in->held, &in->timers);
	// Sub-millisecond waits need more than epoll_wait()'s own time-out.
	if (ec && event_config_set_flag(ec, EVENT_BASE_FLAG_PRECISE_TIMER) == 0)
		in->base = event_base_new_with_config(ec);
	if (ec)
		event_config_free(ec);
	return in->base ? 0 : out_of_memory(err);
}

static int open_all_ports(struct inlet *in, unsigned int n_workers, char err[BOOT_ERR_LEN])
{
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		int ret = iface_open_port(&in->ifs[i], (uint16_t)n_workers, err);

		if (ret == 0)
			continue;
		while (i > 0)
			iface_close(&in->ifs[--i]);
		return ret;
	}
	return 0;
}

static int boot_ports(struct inlet *in, char err[BOOT_ERR_LEN])
{
	int ret;

	in->n_ifs = in->cfg.n_ifs;
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		in->ifs[i].in = in;
		in->ifs[i].cfg = &in->cfg.ifs[i];
		in->ifs[i].index = i;
	}
	// With workers = "auto" the port with the fewest queues decides how many there are.
	for (;;) {
		ret = open_all_ports(in, in->n_workers, err);
		if (ret != -ERANGE || in->cfg.n_workers || in->n_workers == 1)
			return ret;
		in->n_workers--;
	}
}

static int boot_workers(struct inlet *in, char err[BOOT_ERR_LEN])
{
	int sockets[INLET_MAX_LCORES];
	uint16_t frame = 0;

	for (unsigned int w = 0; w < in->n_workers; w++)
		sockets[w] = (int)rte_lcore_to_socket_id(w + 1);
	for (unsigned int i = 0; i < in->n_ifs; i++)
		if (in->ifs[i].port.mtu > frame)
			frame = in->ifs[i].port.mtu;
	in->crossing = crossing_create(in->n_workers, sockets, in->n_ifs, INLET_PUNT_RING,
		INJECT_RING, (uint16_t)(frame + 18));
	in->mfib = mfib_create(in->n_workers, sockets);
	in->workers =
		rte_zmalloc("workers", in->n_workers * sizeof(struct worker), RTE_CACHE_LINE_SIZE);
	if (!in->crossing || !in->mfib || !in->workers) {
		snprintf(err, BOOT_ERR_LEN, "DPDK memory is short (memory_mb, or more huge pages)");
		return -ENOMEM;
	}
	for (unsigned int w = 0; w < in->n_workers; w++) {
		struct worker *wk = &in->workers[w];

		wk->n_ifs = in->n_ifs;
		wk->table = mfib_worker_table(in->mfib, w);
		wk->x = in->crossing->workers[w];
		for (unsigned int i = 0; i < in->n_ifs; i++) {
			const struct iface *ifc = &in->ifs[i];

			wk->ifs[i] = (struct worker_if){
				.port_id = ifc->port.port_id,
				.queue = (uint16_t)w,
				.mtu = ifc->port.mtu,
				.upstream = ifc->cfg->role & IF_UPSTREAM,
				.ip_cksum_hw = ifc->port.ip_cksum_hw,
				.l4_cksum_hw = ifc->port.l4_cksum_hw,
			};
			memcpy(wk->ifs[i].mac, ifc->port.mac, sizeof(wk->ifs[i].mac));
		}
	}
	return 0;
}

static void on_netlink(evutil_socket_t fd, short what, void *arg)
{
	struct inlet *in = arg;

	(void)fd;
	(void)what;
	netlink_input(in->netlink);
}

static int boot_kernel(struct inlet *in, char err[BOOT_ERR_LEN])
{
	char why[NETLINK_ERR_LEN];
	int ret;

	in->netlink = netlink_open(iface_netlink_cb, in, why);
	if (!in->netlink) {
		snprintf(err, BOOT_ERR_LEN, "%s", why);
		return -EIO;
	}
	in->netlink_event =
		event_new(in->base, netlink_fd(in->netlink), EV_READ | EV_PERSIST, on_netlink, in);
	if (!in->netlink_event || event_add(in->netlink_event, NULL) < 0)
		return out_of_memory(err);
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		ret = iface_open_kernel(&in->ifs[i], err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static void answer_cb(void *arg, uint64_t token, const struct driad_answer *a)
{
	struct inlet *in = arg;

	driad_answer_input(in->driad, token, a, clock_mono_us());
}

static int boot_discovery(struct inlet *in, char err[BOOT_ERR_LEN])
{
	const struct config_dns *dns = &in->cfg.dns;
	const struct resolver_cfg rc = {
		.servers = dns->resolvers,
		.ports = dns->ports,
		.n_servers = dns->n_resolvers,
		.negative_ttl_max_s = dns->negative_ttl_max_s,
	};
	const struct driad_cfg dc = {
		.queries_per_100ms = dns->queries_per_100ms,
		.negative_ttl_max_s = dns->negative_ttl_max_s,
		.max_waiting = DNS_MAX_WAITING,
		.use_ipv4 = true,
	};
	char why[RESOLVER_ERR_LEN];

	in->resolver = resolver_create(&rc, in->base, answer_cb, in, why);
	if (!in->resolver) {
		snprintf(err, BOOT_ERR_LEN, "dns: %s", why);
		return -EIO;
	}
	in->driad = driad_create(&dc, &resolver_ops, in->resolver, &in->timers, &in->rng);
	return in->driad ? 0 : out_of_memory(err);
}

static int boot_channels(struct inlet *in, char err[BOOT_ERR_LEN])
{
	const struct config_amt *amt = &in->cfg.amt;
	const struct amt_cfg ac = {
		.retry_initial_ms = amt->retry_initial_ms,
		.retry_max_s = amt->retry_max_s,
		.request_tries = amt->request_tries,
		.update_mtu = amt->update_mtu,
	};
	const struct channel_cfg cc = {
		.static_relays = in->cfg.relays,
		.n_static_relays = in->cfg.n_relays,
		.max_channels = in->cfg.max_channels,
		.max_tunnels = in->cfg.max_tunnels,
		.retry_initial_ms = in->cfg.dns.retry_initial_ms,
		.retry_max_s = in->cfg.dns.retry_max_s,
		.hold_down_s = amt->hold_down_s,
		.full_hold_down_s = amt->full_hold_down_s,
		.linger_s = amt->linger_s,
	};
	struct channel_env env = upstream_env;
	struct channel_rooms rooms;

	in->amt = amt_gateway_create(&ac, &upstream_amt_ops, in, &in->timers, &in->rng);
	if (!in->amt)
		return out_of_memory(err);
	env.ctx = in;
	rooms = (struct channel_rooms){
		.amt = in->amt,
		.driad = in->driad,
		.held = &in->held,
		.mfib = in->mfib,
		.timers = &in->timers,
		.rng = &in->rng,
	};
	in->channels = channels_create(&cc, &env, &rooms);
	return in->channels ? 0 : out_of_memory(err);
}

static int boot_pim(struct inlet *in, char err[BOOT_ERR_LEN])
{
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		int ret = iface_open_pim(&in->ifs[i], err);

		if (ret < 0)
			return ret;
	}
	// The addresses come as events, the configured ones and those that the operator had set.
	if (netlink_dump(in->netlink) < 0) {
		snprintf(err, BOOT_ERR_LEN, "netlink: cannot read the addresses");
		return -EIO;
	}
	return 0;
}

static void housekeeping_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct inlet *in = arg;

	mfib_reclaim(in->mfib);
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		struct iface *ifc = &in->ifs[i];
		bool up = port_link_up(&ifc->port);

		if (up == ifc->link_up)
			continue;
		ifc->link_up = up;
		kif_carrier(ifc->kif, up);
		log_info("inletd", "link if=%s state=%s", ifc->cfg->name, up ? "up" : "down");
	}
	timer_arm(&in->timers, t, now_us + HOUSEKEEPING_US);
}

static int boot_launch(struct inlet *in, char err[BOOT_ERR_LEN])
{
	for (unsigned int w = 0; w < in->n_workers; w++) {
		int ret = rte_eal_remote_launch(worker_run, &in->workers[w], w + 1);

		if (ret < 0) {
			snprintf(err, BOOT_ERR_LEN, "worker %u does not start: %s", w,
				rte_strerror(-ret));
			return ret;
		}
		in->workers_run = true;
	}
	for (unsigned int i = 0; i < in->n_ifs; i++)
		in->ifs[i].link_up = true; // as the TAP begins; housekeeping corrects it
	timer_init(&in->housekeeping, housekeeping_cb, in);
	return timer_arm(&in->timers, &in->housekeeping, clock_mono_us());
}

static void quit_cb(void *arg)
{
	struct inlet *in = arg;

	in->stop = true;
}

static int boot_console(struct inlet *in, bool interactive, char err[BOOT_ERR_LEN])
{
	char why[CONSOLE_ERR_LEN];

	in->observe.start_us = clock_mono_us();
	observe_fill(in);
	in->console = console_server_open(in->base, in->cfg.console_socket, &in->observe, why);
	if (!in->console) {
		snprintf(err, BOOT_ERR_LEN, "console: %s", why);
		return -EIO;
	}
	if (interactive) {
		in->local = console_local_open(in->base, &in->observe, quit_cb, in);
		if (!in->local) {
			snprintf(err, BOOT_ERR_LEN, "console: this terminal cannot be used");
			return -EIO;
		}
	}
	return 0;
}

int boot_up(struct inlet *in, bool interactive, char err[BOOT_ERR_LEN])
{
	int ret;

	ret = boot_base(in, err);
	if (ret == 0)
		ret = eal_start(in, err);
	if (ret == 0) {
		in->eal_runs = true;
		ret = boot_ports(in, err);
	}
	if (ret == 0)
		ret = boot_workers(in, err);
	if (ret == 0)
		ret = boot_kernel(in, err);
	if (ret == 0)
		ret = boot_discovery(in, err);
	if (ret == 0)
		ret = boot_channels(in, err);
	if (ret == 0)
		ret = boot_launch(in, err);
	if (ret == 0)
		ret = boot_pim(in, err);
	if (ret == 0)
		ret = boot_console(in, interactive, err);
	if (ret == 0)
		state_restore(in);
	if (ret < 0)
		boot_down(in);
	else
		log_info("inletd", "ready version=%s interfaces=%u workers=%u", INLET_VERSION,
			in->n_ifs, in->n_workers);
	return ret;
}

static void stop_workers(struct inlet *in)
{
	for (unsigned int w = 0; w < in->n_workers && in->crossing; w++)
		if (in->crossing->workers[w])
			atomic_store_explicit(
				&in->crossing->workers[w]->stop, true, memory_order_release);
	for (unsigned int w = 0; w < in->n_workers; w++)
		rte_eal_wait_lcore(w + 1);
	in->workers_run = false;
}

void boot_down(struct inlet *in)
{
	uint64_t now = clock_mono_us();

	if (in->local)
		console_local_close(in->local);
	if (in->console)
		console_server_close(in->console);
	state_close(in);
	for (unsigned int i = 0; i < in->n_ifs; i++)
		iface_close_pim(&in->ifs[i]);
	channels_destroy(in->channels, now);
	in->channels = NULL;
	if (in->workers_run) {
		loop_drain(in, GOODBYE_US);
		stop_workers(in);
	}
	if (in->driad)
		driad_destroy(in->driad);
	if (in->resolver)
		resolver_destroy(in->resolver);
	if (in->amt)
		amt_gateway_destroy(in->amt);
	timer_cancel(&in->timers, &in->housekeeping);
	holddown_fini(&in->held);
	if (in->crossing)
		crossing_destroy(in->crossing);
	if (in->mfib)
		mfib_destroy(in->mfib);
	rte_free(in->workers);
	for (unsigned int i = 0; i < in->n_ifs; i++)
		iface_close(&in->ifs[i]);
	if (in->netlink_event)
		event_free(in->netlink_event);
	if (in->netlink)
		netlink_close(in->netlink);
	// Handled until here: a second Ctrl-C must not leave TAPs or frames half sent behind.
	for (size_t i = 0; i < sizeof(in->signals) / sizeof(in->signals[0]); i++)
		if (in->signals[i])
			event_free(in->signals[i]);
	if (in->tick)
		event_free(in->tick);
	if (in->base)
		event_base_free(in->base);
	timers_fini(&in->timers);
	if (in->eal_runs)
		eal_stop();
	log_info("inletd", "stopped");
}
