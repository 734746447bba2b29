// SPDX-License-Identifier: BSD-3-Clause
// A port out of service and back, by the console. What the configuration, the joinfile and the
// console want on its interfaces stays wanted; what routers and hosts asked for there ends, as they
// are told, and they ask again when it is back.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "inlet.h"

// So long a Goodbye, a leave and a Teardown have to get out.
#define GOODBYE_US (200 * USEC_PER_MSEC)

static unsigned int port_index(const struct inlet *in, const struct inlet_port *p)
{
	return (unsigned int)(p - in->ports);
}

static struct inlet_port *port_of(struct inlet *in, const char *ifname)
{
	for (unsigned int i = 0; i < in->n_ifs; i++)
		if (strcmp(in->ifs[i].cfg->name, ifname) == 0)
			return in->ifs[i].port;
	return NULL;
}

static void set_link(const struct inlet_port *p, bool up)
{
	int ret = port_set_link(&p->port, up);

	if (ret < 0)
		log_warn("inletd", "link cannot be set if=%s state=%s: %s", p->cfg->name,
			up ? "up" : "down", strerror(-ret));
}

static void down_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct inlet_port *p = arg;
	struct inlet *in = p->in;
	unsigned int i = port_index(in, p);

	(void)t;
	(void)now_us;
	for (unsigned int w = 0; w < in->n_workers; w++) {
		p->rx_queues[w] = in->workers[w]->ports[i].rx_queue;
		worker_set_rx_queue(in->workers[w], i, WORKER_NO_QUEUE);
	}
	set_link(p, false);
	log_info("inletd", "port stopped if=%s", p->cfg->name);
}

static void leave(struct iface *ifc, uint64_t now_us)
{
	struct inlet *in = ifc->in;

	iface_close_membership(ifc);
	iface_close_pim(ifc);
	for (unsigned int i = 0; (ifc->cfg->role & IF_UPSTREAM) && i < ifc->n_addrs; i++)
		channels_addr_gone(in->channels, &ifc->addrs[i].addr, now_us);
}

int iface_serve(struct iface *ifc, uint64_t now_us, char err[BOOT_ERR_LEN])
{
	int ret = iface_open_pim(ifc, err);

	if (ret == 0)
		ret = iface_open_membership(ifc, err);
	if (ret < 0)
		return ret;
	iface_pim_address(ifc, now_us);
	iface_membership_address(ifc, now_us);
	return 0;
}

static int come_back(struct iface *ifc, uint64_t now_us, char why[OBSERVE_WHY_LEN])
{
	char err[BOOT_ERR_LEN];
	int ret = iface_serve(ifc, now_us, err);

	if (ret < 0) {
		snprintf(why, OBSERVE_WHY_LEN, "%s", err);
		return ret;
	}
	if (ifc->cfg->role & IF_UPSTREAM)
		channels_addr_added(ifc->in->channels, now_us);
	return 0;
}

static void stop(struct inlet *in, struct inlet_port *p, uint64_t now_us)
{
	p->stopped = true;
	upstream_changed(in);
	for (unsigned int i = 0; i < in->n_ifs; i++)
		if (in->ifs[i].port == p)
			leave(&in->ifs[i], now_us);
	timer_arm(&in->timers, &p->down, now_us + GOODBYE_US);
}

static int start(struct inlet *in, struct inlet_port *p, uint64_t now_us, char why[OBSERVE_WHY_LEN])
{
	int ret = 0;

	if (timer_armed(&p->down)) {
		timer_cancel(&in->timers, &p->down);
	} else {
		set_link(p, true);
		for (unsigned int w = 0; w < in->n_workers; w++)
			worker_set_rx_queue(in->workers[w], port_index(in, p), p->rx_queues[w]);
	}
	p->stopped = false;
	upstream_changed(in);
	for (unsigned int i = 0; i < in->n_ifs && ret == 0; i++)
		if (in->ifs[i].port == p)
			ret = come_back(&in->ifs[i], now_us, why);
	log_info("inletd", "port started if=%s", p->cfg->name);
	return ret;
}

int service_port(struct inlet *in, bool go, const char *ifname, char why[OBSERVE_WHY_LEN])
{
	struct inlet_port *p = port_of(in, ifname);
	uint64_t now_us = clock_mono_us();
	int ret = 0;

	if (!p) {
		snprintf(why, OBSERVE_WHY_LEN, "there is no interface %.60s (show ports)", ifname);
		return -ENOENT;
	}
	if (p->stopped != go) {
		snprintf(why, OBSERVE_WHY_LEN, "the port of %.60s is %s", ifname,
			go ? "not stopped" : "stopped already");
		return -EALREADY;
	}
	if (go)
		ret = start(in, p, now_us, why);
	else
		stop(in, p, now_us);
	observe_fill(in);
	return ret;
}

void service_init(struct inlet *in)
{
	for (unsigned int i = 0; i < in->n_ports; i++) {
		in->ports[i].in = in;
		timer_init(&in->ports[i].down, down_cb, &in->ports[i]);
	}
}

void service_close(struct inlet *in)
{
	for (unsigned int i = 0; i < in->n_ports; i++) {
		struct inlet_port *p = &in->ports[i];

		timer_cancel(&in->timers, &p->down);
		if (p->stopped)
			set_link(p, true);
	}
}
