// SPDX-License-Identifier: BSD-3-Clause
#include "port/port_bond.h"

#include <net/if.h>

#include <rte_eth_bond.h>
#include <rte_ethdev.h>

#include "base/log.h"
#include "port/port_netdev.h"

void port_bond_member(struct port *p, unsigned int i, const char *device)
{
	port_netdev_name(device, p->member_netdevs[i]);
}

static bool member_up(const struct port *p, unsigned int i)
{
	struct rte_eth_link link;

	if (p->member_netdevs[i][0] != '\0')
		return port_netdev_running(p->member_netdevs[i]) == 1;
	return rte_eth_link_get_nowait(p->members[i], &link) == 0 &&
	       link.link_status == RTE_ETH_LINK_UP;
}

static bool uses_one(const struct port *p)
{
	int mode = rte_eth_bond_mode_get(p->port_id);

	return mode == BONDING_MODE_ACTIVE_BACKUP || mode == BONDING_MODE_TLB ||
	       mode == BONDING_MODE_ALB;
}

void port_bond_watch(const struct port *p)
{
	int used;

	if (p->n_members == 0 || !uses_one(p))
		return;
	used = rte_eth_bond_primary_get(p->port_id);
	for (unsigned int i = 0; i < p->n_members; i++)
		if (p->members[i] == used && member_up(p, i))
			return;
	for (unsigned int i = 0; i < p->n_members; i++) {
		if (p->members[i] == used || !member_up(p, i) ||
			rte_eth_bond_primary_set(p->port_id, p->members[i]) != 0 ||
			rte_eth_bond_primary_get(p->port_id) != p->members[i])
			continue;
		// The bond had set these on the other one only.
		rte_eth_allmulticast_enable(p->members[i]);
		rte_eth_promiscuous_enable(p->members[i]);
		log_warn("port", "bond: member %u is down, member %u is used port=%u",
			(unsigned int)used, p->members[i], p->port_id);
		return;
	}
}
