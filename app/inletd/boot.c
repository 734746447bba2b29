// SPDX-License-Identifier: BSD-3-Clause
// Boot: the one file that names every room. Up in the order of the layers, down in the reverse.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_errno.h>

#include "base/log.h"
#include "caps.h"
#include "console/baseline.h"
#include "inlet.h"
#include "metrics/telemetry.h"

#define HOUSEKEEPING_US (100 * USEC_PER_MSEC)
// The forwarding table's share is in small pieces: a table that changes its size, or of which many
// channels went at one time, is much work.
#define RECLAIM_US    (5 * USEC_PER_MSEC)
#define RECLAIM_PARTS 40 // five times them is a second, a fifth of what a counter may take
// As much in a second where it is little work: an idle appliance is woken less often.
#define LIGHT_US    (100 * USEC_PER_MSEC)
#define LIGHT_PARTS 2
#define LOAD_US	    (1 * USEC_PER_SEC)
#define ECN_US	    (60 * USEC_PER_SEC) // between two lines about ECN
#define ALIVE_US    (5 * USEC_PER_SEC)	// a worker that has not polled since is said to stand still
#define GOODBYE_US  (50 * USEC_PER_MSEC) // for Goodbye and Teardown to get through TAP and port

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

static int boot_downstream(struct inlet *in, char err[BOOT_ERR_LEN])
{
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		int ret = iface_open_pim(&in->ifs[i], err);

		if (ret == 0)
			ret = iface_open_membership(&in->ifs[i], err);
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

static void link_look(struct inlet *in, struct inlet_port *p)
{
	bool up;

	port_watch(&p->port);
	up = !p->lost && port_link_up(&p->port);
	if (up == p->link_up)
		return;
	p->link_up = up;
	p->seen.link_downs += !up;
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		if (in->ifs[i].port != p)
			continue;
		kif_carrier(in->ifs[i].kif, up);
		log_info("inletd", "link if=%s state=%s", in->ifs[i].cfg->name, up ? "up" : "down");
	}
}

// RFC 6040 section 4.2: what is odd about ECN is said, whether it was dropped or not.
static void ecn_look(struct inlet *in, uint64_t now_us)
{
	uint64_t forwarded = crossing_ecn_odd(in->crossing);
	uint64_t dropped = crossing_drop(in->crossing, DROP_ECN);

	if (forwarded + dropped == in->ecn_said || now_us < in->ecn_due_us)
		return;
	log_warn("inletd",
		"ECN changed on the way by somebody who should not forwarded=%llu dropped=%llu",
		(unsigned long long)forwarded, (unsigned long long)dropped);
	in->ecn_said = forwarded + dropped;
	in->ecn_due_us = now_us + ECN_US;
}

static void reclaim_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct inlet *in = arg;

	mfib_reclaim_part(in->mfib, mfib_reclaim_light(in->mfib) ? LIGHT_PARTS : RECLAIM_PARTS);
	timer_arm(&in->timers, t, now_us + (mfib_reclaim_light(in->mfib) ? LIGHT_US : RECLAIM_US));
}

static void housekeeping_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct inlet *in = arg;

	for (unsigned int i = 0; i < in->n_ports; i++)
		link_look(in, &in->ports[i]);
	health_tick(in, now_us);
	steering_tick(in->steering, now_us);
	if (now_us >= in->load_due_us) {
		observe_load(in);
		ecn_look(in, now_us);
		police_look(in, now_us);
		again_look(in, now_us);
		in->load_due_us = now_us + LOAD_US;
	}
	timer_arm(&in->timers, t, now_us + HOUSEKEEPING_US);
}

static uint64_t alive_interval_us(const struct inlet *in)
{
	return in->notify.interval_us ? in->notify.interval_us : ALIVE_US;
}

// A worker that stands still is said to everybody, and the service manager hears nothing of us
// then.
static void alive_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct inlet *in = arg;
	uint64_t polls[INLET_MAX_LCORES];
	struct crossing_load load;

	for (unsigned int w = 0; w < in->n_workers; w++) {
		crossing_load(in->crossing, w, &load);
		polls[w] = load.polls;
	}
	notify_alive(&in->notify, polls, in->n_workers);
	timer_arm(&in->timers, t, now_us + alive_interval_us(in));
}

static int boot_notify(struct inlet *in, char err[BOOT_ERR_LEN])
{
	const char *name = getenv("NOTIFY_SOCKET");
	int ret = notify_open(
		&in->notify, name, getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"), (int)getpid());

	if (ret < 0)
		snprintf(err, BOOT_ERR_LEN, "NOTIFY_SOCKET %s: %s", name, strerror(-ret));
	return ret;
}

static int boot_launch(struct inlet *in, char err[BOOT_ERR_LEN])
{
	int ret = workers_launch(in, err);

	if (ret < 0)
		return ret;
	timer_init(&in->reclaim, reclaim_cb, in);
	timer_init(&in->housekeeping, housekeeping_cb, in);
	timer_init(&in->alive, alive_cb, in);
	health_start(in);
	again_init(in);
	if (timer_arm(&in->timers, &in->reclaim, clock_mono_us()) < 0 ||
		timer_arm(&in->timers, &in->housekeeping, clock_mono_us()) < 0 ||
		timer_arm(&in->timers, &in->alive, clock_mono_us() + alive_interval_us(in)) < 0)
		return out_of_memory(err);
	return 0;
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
	if (telemetry_open(in->base, &in->observe) < 0)
		log_warn("metrics", "no telemetry");
	if (interactive) {
		in->local = console_local_open(in->base, &in->observe, quit_cb, in);
		if (!in->local) {
			snprintf(err, BOOT_ERR_LEN, "console: this terminal cannot be used");
			return -EIO;
		}
	}
	return 0;
}

static bool has_xdp(const struct inlet *in)
{
	for (unsigned int i = 0; i < in->n_ports; i++)
		if (strstr(in->ports[i].port.driver, "af_xdp"))
			return true;
	return false;
}

// What is open stays open; nothing that comes in from outside meets more than it takes to go on.
static void boot_capabilities(const struct inlet *in)
{
	int ret = caps_control(has_xdp(in));

	if (ret < 0)
		log_warn("inletd", "capabilities are kept error=\"%s\"", strerror(-ret));
}

int boot_up(struct inlet *in, bool interactive, char err[BOOT_ERR_LEN])
{
	int ret;

	(void)caps_start(); // boot_capabilities() says what stands in the way
	ret = boot_notify(in, err);
	if (ret == 0)
		ret = boot_base(in, err);
	if (ret == 0)
		ret = eal_start(in, err);
	if (ret == 0) {
		in->eal_runs = true;
		ret = ports_open(in, err);
		if (ret == 0)
			service_init(in);
	}
	if (ret == 0)
		ret = workers_create(in, err);
	if (ret == 0)
		ret = boot_kernel(in, err);
	if (ret == 0)
		ret = rooms_discovery(in, err);
	if (ret == 0)
		ret = rooms_channels(in, err);
	if (ret == 0)
		ret = boot_launch(in, err);
	if (ret == 0)
		ret = boot_downstream(in, err);
	if (ret == 0)
		ret = boot_console(in, interactive, err);
	if (ret == 0)
		ret = rooms_metrics(in, err);
	if (ret == 0) {
		state_restore(in);
		ret = wants_start(in, err);
	}
	if (ret == 0)
		observe_fill(in);
	if (ret < 0) {
		boot_down(in);
		return ret;
	}
	boot_capabilities(in);
	log_info("inletd", "ready version=%s interfaces=%u workers=%u", INLET_VERSION, in->n_ifs,
		in->n_workers);
	notify_say(&in->notify, "READY=1");
	return ret;
}

void boot_down(struct inlet *in)
{
	uint64_t now;

	notify_say(&in->notify, "STOPPING=1");
	drain_before_end(in);
	now = clock_mono_us();
	metrics_server_close(in->metrics);
	telemetry_close();
	if (in->local)
		console_local_close(in->local);
	if (in->console)
		console_server_close(in->console);
	reload_stop(in);
	baseline_free(in->observe.baseline);
	in->observe.baseline = NULL;
	state_close(in);
	wants_stop(in);
	again_stop(in);
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		iface_close_membership(&in->ifs[i]);
		iface_close_pim(&in->ifs[i]);
	}
	timer_cancel(&in->timers, &in->housekeeping); // it looks at channels
	channels_destroy(in->channels, now);
	in->channels = NULL;
	if (in->workers_run) {
		loop_drain(in, GOODBYE_US);
		workers_stop(in);
	}
	capture_end(in);
	if (in->driad)
		driad_destroy(in->driad);
	if (in->resolver)
		resolver_destroy(in->resolver);
	health_stop(in);
	if (in->amt)
		amt_gateway_destroy(in->amt);
	timer_cancel(&in->timers, &in->alive);
	notify_close(&in->notify);
	timer_cancel(&in->timers, &in->reclaim);
	holddown_fini(&in->held);
	if (in->idle_event)
		event_free(in->idle_event);
	workers_destroy(in);
	for (unsigned int i = 0; i < in->n_ifs; i++)
		iface_close(&in->ifs[i]);
	service_close(in);
	ports_close(in);
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
