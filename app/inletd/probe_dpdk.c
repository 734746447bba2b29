// SPDX-License-Identifier: BSD-3-Clause
// What DPDK's drivers tell of devices that are bound for them. Not seen at work: the project's
// machines have no such device.
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>

#include "inlet.h"
#include "inletd/probe.h"

static bool is_ours(const struct probe_port *p)
{
	return p->pci[0] &&
	       (strcmp(p->bound, "vfio-pci") == 0 || strcmp(p->bound, "uio_pci_generic") == 0 ||
		       strcmp(p->bound, "igb_uio") == 0);
}

static void describe(uint16_t id, struct probe_port *p)
{
	const uint64_t csum = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	uint16_t mtu;

	if (rte_eth_dev_info_get(id, &info) != 0)
		return;
	snprintf(p->dpdk, sizeof(p->dpdk), "%s", info.driver_name);
	p->max_queues = RTE_MIN(info.max_rx_queues, info.max_tx_queues);
	p->max_rx_ring = info.rx_desc_lim.nb_max;
	p->max_mtu = info.max_mtu;
	p->reta = info.reta_size;
	p->udp4 = (info.flow_type_rss_offloads & RTE_ETH_RSS_NONFRAG_IPV4_UDP) != 0;
	p->udp6 = (info.flow_type_rss_offloads & RTE_ETH_RSS_NONFRAG_IPV6_UDP) != 0;
	p->rx_csum = (info.rx_offload_capa & csum) == csum;
	p->numa = rte_eth_dev_socket_id(id);
	if (rte_eth_dev_get_mtu(id, &mtu) == 0)
		p->mtu = mtu;
	if (rte_eth_macaddr_get(id, &mac) == 0)
		snprintf(
			p->mac, sizeof(p->mac), RTE_ETHER_ADDR_PRT_FMT, RTE_ETHER_ADDR_BYTES(&mac));
}

void probe_dpdk(struct probe *p)
{
	char allow[PROBE_MAX_PORTS][32], prefix[32];
	char *argv[PROBE_MAX_PORTS + 16] = {"inletd", "--no-huge", "--no-shconf", "--no-telemetry",
		"-m", "64", "--log-level=*:error", "--file-prefix", prefix};
	unsigned int n = 0;
	int argc = 9;

	snprintf(prefix, sizeof(prefix), "inletprobe%d", (int)getpid());
	for (unsigned int i = 0; i < p->n_ports; i++) {
		if (!is_ours(&p->ports[i]))
			continue;
		snprintf(allow[n], sizeof(allow[n]), "--allow=%.15s", p->ports[i].pci);
		argv[argc++] = allow[n++];
	}
	if (n == 0 || rte_eal_init(argc, argv) < 0)
		return;
	for (unsigned int i = 0; i < p->n_ports; i++) {
		uint16_t id;

		if (is_ours(&p->ports[i]) &&
			rte_eth_dev_get_port_by_name(p->ports[i].pci, &id) == 0)
			describe(id, &p->ports[i]);
	}
	eal_stop();
}
