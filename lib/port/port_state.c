// SPDX-License-Identifier: BSD-3-Clause
// A port that is open: its link, its counters, its mbufs.
#include <string.h>

#include <rte_ethdev.h>
#include <rte_mempool.h>

#include "port/port.h"
#include "port/port_bond.h"
#include "port/port_netdev.h"
#include "port/port_probe.h"

// Fewer in the pool than this, and a core that wants a burst of them may not get it.
#define PORT_SPENT 64

void port_watch(const struct port *p)
{
	port_bond_watch(p);
}

void port_share(const struct port *p)
{
	port_disown(p->port_id);
}

bool port_link_up(const struct port *p)
{
	struct rte_eth_link link;

	// The drivers on a netdev report what was at start.
	if (p->netdev[0] != '\0')
		return port_netdev_running(p->netdev) == 1;
	return rte_eth_link_get_nowait(p->port_id, &link) == 0 &&
	       link.link_status == RTE_ETH_LINK_UP;
}

int port_set_link(const struct port *p, bool up)
{
	if (p->netdev[0] != '\0')
		return port_netdev_set_up(p->netdev, up);
	return up ? rte_eth_dev_set_link_up(p->port_id) : rte_eth_dev_set_link_down(p->port_id);
}

void port_counters(const struct port *p, struct port_counters *out)
{
	struct rte_eth_stats s;

	memset(out, 0, sizeof(*out));
	if (rte_eth_stats_get(p->port_id, &s) != 0)
		return;
	out->rx_packets = s.ipackets;
	out->rx_bytes = s.ibytes;
	out->rx_missed = s.imissed;
	out->rx_errors = s.ierrors;
	out->rx_nombuf = s.rx_nombuf;
	out->tx_packets = s.opackets;
	out->tx_bytes = s.obytes;
	out->tx_errors = s.oerrors;
}

void port_mbufs(const struct port *p, unsigned int *in_use, unsigned int *size)
{
	*in_use = rte_mempool_in_use_count(p->pool);
	*size = p->pool->size;
}

bool port_mbufs_spent(const struct port *p)
{
	unsigned int free_ones, kept = 0;

	if (!p->pool)
		return false;
	free_ones = rte_mempool_avail_count(p->pool);
	for (unsigned int i = 0; p->pool->cache_size && i < RTE_MAX_LCORE; i++)
		kept += p->pool->local_cache[i].len;
	return free_ones < kept + PORT_SPENT;
}
