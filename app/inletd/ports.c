// SPDX-License-Identifier: BSD-3-Clause
// Ports and the interfaces on them: which interfaces share a port, in which order they are counted,
// and what a port is opened with.
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <rte_malloc.h>

#include "base/log.h"
#include "inlet.h"

#define VLANS 4096

// Native multicast leaves by the first 64 interfaces only: those with a downstream role come first,
// where the order of the file would not do.
static void order_interfaces(struct inlet *in)
{
	const bool as_written = in->cfg.n_ifs <= CONFIG_MAX_DOWN;

	for (int down = 1; down >= 0; down--) {
		for (unsigned int i = 0; i < in->cfg.n_ifs; i++) {
			const struct config_if *cfg = &in->cfg.ifs[i];
			bool is_down = cfg->role & IF_DOWNSTREAM;

			if (as_written ? !down : is_down != (bool)down)
				continue;
			in->ifs[in->n_ifs] =
				(struct iface){.in = in, .cfg = cfg, .index = in->n_ifs};
			in->n_ifs++;
		}
	}
}

static struct inlet_port *port_of(struct inlet *in, const struct config_if *cfg)
{
	struct inlet_port *p;

	for (unsigned int i = 0; i < in->n_ports; i++)
		if (config_same_device(in->ports[i].cfg->device, cfg->device))
			return &in->ports[i];
	p = &in->ports[in->n_ports++];
	*p = (struct inlet_port){.cfg = cfg, .untagged = WORKER_NO_IF};
	return p;
}

// config_check() has seen to it that the interfaces of a port do not contradict each other.
static void join_port(struct inlet_port *p, const struct config_if *cfg)
{
	static const uint8_t none[6];

	if (cfg->n_members > 0)
		p->bond = cfg;
	p->upstream |= (cfg->role & IF_UPSTREAM) != 0;
	if (cfg->rx_desc > p->rx_desc)
		p->rx_desc = cfg->rx_desc;
	if (cfg->tx_desc > p->tx_desc)
		p->tx_desc = cfg->tx_desc;
	if (cfg->mbufs > p->mbufs)
		p->mbufs = cfg->mbufs;
	if (cfg->spread != CONFIG_SPREAD_AUTO)
		p->spread = cfg->spread;
	if (memcmp(cfg->mac, none, sizeof(none)) != 0)
		memcpy(p->mac, cfg->mac, sizeof(p->mac));
}

// The untagged interface's word counts; without one, the largest, where all of them have one.
static void set_port_mtu(struct inlet *in, struct inlet_port *p)
{
	bool all = true;

	for (unsigned int i = 0; i < in->n_ifs; i++) {
		const struct config_if *cfg = in->ifs[i].cfg;

		if (in->ifs[i].port != p)
			continue;
		if (cfg->vlan == 0) {
			p->mtu = cfg->mtu;
			return;
		}
		all &= cfg->mtu != 0;
		if (cfg->mtu > p->mtu)
			p->mtu = cfg->mtu;
	}
	if (!all)
		p->mtu = 0;
}

static int plan(struct inlet *in, char err[BOOT_ERR_LEN])
{
	order_interfaces(in);
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		struct iface *ifc = &in->ifs[i];
		struct inlet_port *p = port_of(in, ifc->cfg);

		ifc->port = p;
		join_port(p, ifc->cfg);
		if (ifc->cfg->vlan == 0) {
			p->untagged = (uint8_t)i;
			continue;
		}
		if (!p->by_vlan) {
			p->by_vlan = rte_malloc("by_vlan", VLANS, RTE_CACHE_LINE_SIZE);
			if (!p->by_vlan) {
				snprintf(err, BOOT_ERR_LEN, "out of memory");
				return -ENOMEM;
			}
			memset(p->by_vlan, WORKER_NO_IF, VLANS);
		}
		p->by_vlan[ifc->cfg->vlan] = (uint8_t)i;
	}
	for (unsigned int i = 0; i < in->n_ports; i++)
		set_port_mtu(in, &in->ports[i]);
	return 0;
}

// What may hold a port's mbufs beside the port: the punt rings, the transmit rings of all ports,
// for what is received on one is sent on others, the rings between workers, and what waits for the
// rest of its fragments.
static unsigned int mbufs_elsewhere(const struct inlet *in)
{
	unsigned int n = in->n_workers * CROSSING_PUNT_FRAMES(INLET_PUNT_RING);

	for (unsigned int i = 0; i < in->n_ports; i++)
		n += in->n_workers * in->ports[i].tx_desc;
	n += in->n_workers * in->n_ifs * WORKER_TX_QUEUE;
	if (in->cfg.amt.reassemble)
		n += in->n_workers * in->cfg.amt.fragment_datagrams;
	return n + (in->n_workers - 1) * (INLET_TX_RING + INLET_SPREAD_RING);
}

static int open_port(struct inlet *in, struct inlet_port *p, char err[BOOT_ERR_LEN])
{
	struct port_cfg cfg = {
		.device = p->cfg->device,
		.n_queues = (uint16_t)in->n_workers,
		.mtu = p->mtu,
		.rx_desc = p->rx_desc,
		.tx_desc = p->tx_desc,
		.mbufs = p->mbufs,
		.rx_wait = idle_wanted(in),
	};
	char why[PORT_ERR_LEN];
	int ret;

	memcpy(cfg.mac, p->mac, sizeof(cfg.mac));
	for (; p->bond && cfg.n_members < p->bond->n_members; cfg.n_members++)
		cfg.members[cfg.n_members] = p->bond->members[cfg.n_members];
	ret = port_open(&cfg, mbufs_elsewhere(in), &p->port, why);
	if (ret < 0) {
		snprintf(err, BOOT_ERR_LEN, "interface %s: %s", p->cfg->name, why);
		return ret;
	}
	p->is_open = true;
	p->link_up = true; // as the TAPs begin; housekeeping corrects it
	if (p->port.netdev[0])
		p->netdev_index = (int)if_nametoindex(p->port.netdev);
	log_info("inletd", "port up if=%s driver=%s mtu=%u rx_queues=%u tx_queues=%u rss=%d",
		p->cfg->name, p->port.driver, p->port.mtu, p->port.n_queues, p->port.n_tx_queues,
		p->port.rss);
	return 0;
}

static int set_if_mtus(struct inlet *in, char err[BOOT_ERR_LEN])
{
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		struct iface *ifc = &in->ifs[i];

		ifc->netdev_up = true; // as kif_create() leaves it
		ifc->mtu = ifc->cfg->mtu ? ifc->cfg->mtu : ifc->port->port.mtu;
		if (ifc->mtu <= ifc->port->port.mtu)
			continue;
		snprintf(err, BOOT_ERR_LEN, "interface %s: mtu %u is more than its port's %u",
			ifc->cfg->name, ifc->mtu, ifc->port->port.mtu);
		return -EINVAL;
	}
	return 0;
}

int ports_open(struct inlet *in, char err[BOOT_ERR_LEN])
{
	unsigned int most = 1;
	int ret = plan(in, err);

	for (unsigned int i = 0; i < in->n_ports && ret == 0; i++) {
		ret = open_port(in, &in->ports[i], err);
		if (ret == 0 && in->ports[i].port.n_queues > most)
			most = in->ports[i].port.n_queues;
	}
	if (ret == 0)
		ret = set_if_mtus(in, err);
	for (unsigned int i = 0; ret == 0 && in->cfg.memory == MEMORY_SHARED && i < in->n_ports;
		i++)
		port_share(&in->ports[i].port);
	// With workers = "auto" there are no more than can have a receive queue of some port:
	// spreading in software is for the operator to ask for.
	if (ret == 0 && !in->cfg.n_workers && in->n_workers > most)
		in->n_workers = most;
	return ret;
}

static void netdev_changed(struct inlet_port *p, const struct netlink_event *ev)
{
	static const uint8_t none[6];
	const char *name = p->cfg->name;

	if (strcmp(p->port.netdev, ev->name) != 0) {
		log_info("inletd", "renamed if=%s netdev=%s to=%s", name, p->port.netdev, ev->name);
		snprintf(p->port.netdev, sizeof(p->port.netdev), "%s", ev->name);
	}
	if (ev->mtu && ev->mtu != p->netdev_mtu && p->netdev_mtu)
		log_warn("inletd",
			"the MTU was changed under the port if=%s netdev=%s mtu=%u port_mtu=%u%s",
			name, ev->name, ev->mtu, p->port.mtu,
			ev->mtu < p->port.mtu ? ": longer packets are lost" : "");
	p->netdev_mtu = ev->mtu;
	if (memcmp(ev->mac, none, sizeof(none)) != 0 &&
		memcmp(ev->mac, p->netdev_mac, sizeof(p->netdev_mac)) != 0) {
		if (memcmp(p->netdev_mac, none, sizeof(none)) != 0)
			log_warn("inletd",
				"the MAC address was changed under the port, which keeps its own "
				"if=%s "
				"netdev=%s",
				name, ev->name);
		memcpy(p->netdev_mac, ev->mac, sizeof(p->netdev_mac));
	}
}

static void netdev_lost(struct inlet_port *p)
{
	if (p->lost)
		return;
	p->lost = true;
	p->seen.losses++;
	log_error("inletd",
		"port lost if=%s netdev=%s: it was deleted or moved to another network namespace, "
		"and the "
		"driver %s cannot have it back: restart inletd when it is there again",
		p->cfg->name, p->port.netdev, p->port.driver);
}

void ports_netlink(struct inlet *in, const struct netlink_event *ev)
{
	for (unsigned int i = 0; i < in->n_ports; i++) {
		struct inlet_port *p = &in->ports[i];

		if (p->netdev_index == 0 || p->netdev_index != ev->ifindex)
			continue;
		if (ev->type == NETLINK_LINK && !p->lost)
			netdev_changed(p, ev);
		else if (ev->type == NETLINK_LINK_GONE)
			netdev_lost(p);
		observe_fill(in);
	}
}

void ports_close(struct inlet *in)
{
	for (unsigned int i = 0; i < in->n_ports; i++) {
		struct inlet_port *p = &in->ports[i];

		if (p->is_open)
			port_close(&p->port);
		p->is_open = false;
		rte_free(p->by_vlan);
		p->by_vlan = NULL;
	}
}
