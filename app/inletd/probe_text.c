// SPDX-License-Identifier: BSD-3-Clause
// The report of --probe, and the configuration that it suggests.
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "inletd/probe.h"

#define HUGE_ENOUGH_MB 256
#define XDP_MTU	       3494 // drivers-config/af_xdp.md
#define MAX_LANS       8
#define MAX_WORKERS    4

// The page of drivers-config, by the kernel's driver. mlx5 is not bound: both drivers have the
// card.
static const struct {
	const char *kernel, *page;
	bool bind;
} drivers[] = {
	{"ice", "ice", true},
	{"i40e", "i40e", true},
	{"ixgbe", "ixgbe", true},
	{"ixgbevf", "ixgbe", true},
	{"igb", "igb", true},
	{"iavf", "iavf", true},
	{"mlx5_core", "mlx5", false},
	{"ena", "ena", true},
	{"gve", "gve", true},
	{"virtio-pci", "virtio", true},
	{"vmxnet3", "vmxnet3", true},
};

enum way { WAY_NONE, WAY_DPDK, WAY_BIND, WAY_BOTH, WAY_XDP, WAY_PACKET };

static int driver_row(const struct probe_port *p)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (strcmp(p->bound, drivers[i].kernel) == 0)
			return (int)i;
	return -1;
}

// How inlet can have the port.
static enum way way_of(const struct probe *all, const struct probe_port *p)
{
	int row = driver_row(p);

	if (p->dpdk[0] || strcmp(p->bound, "vfio-pci") == 0)
		return WAY_DPDK;
	if (row >= 0 && !drivers[row].bind)
		return WAY_BOTH;
	if (row >= 0 && all->vfio)
		return WAY_BIND;
	// Other virtual netdevs (bridges, TAPs, ifb) are somebody's.
	if (!p->name[0] || (!p->pci[0] && strcmp(p->kind, "veth") != 0))
		return WAY_NONE;
	return p->mtu <= XDP_MTU && p->rx_queues == 1 ? WAY_XDP : WAY_PACKET;
}

static void number(FILE *to, const char *what, int n, const char *unit)
{
	if (n >= 0)
		fprintf(to, " %s=%d%s", what, n, unit);
	else
		fprintf(to, " %s=?", what);
}

static void yes_no(FILE *to, const char *what, int n)
{
	fprintf(to, " %s=%s", what, n < 0 ? "?" : n ? "yes" : "no");
}

static void report_port(const struct probe *all, const struct probe_port *p, FILE *to)
{
	static const char *const ways[] = {
		[WAY_NONE] = "no port for inlet",
		[WAY_DPDK] = "DPDK has it",
		[WAY_BIND] = "after bind, by DPDK's driver",
		[WAY_BOTH] = "by DPDK's driver, beside the kernel's: no bind",
		[WAY_XDP] = "as it is, by net_af_xdp",
		[WAY_PACKET] = "as it is, by net_af_packet",
	};
	int row = driver_row(p);

	fprintf(to, "#   %s%s%s", p->pci, p->pci[0] && p->name[0] ? " " : "", p->name);
	if (p->pci_id[0])
		fprintf(to, " id=%s", p->pci_id);
	fprintf(to, " bound_to=%s", p->bound[0] ? p->bound : p->kind[0] ? p->kind : "-");
	if (p->dpdk[0])
		fprintf(to, " dpdk=%s", p->dpdk);
	fprintf(to, " link=%s", p->carrier < 0 ? "?" : p->carrier ? "up" : "down");
	number(to, "speed", p->speed > 0 ? p->speed : -1, "M");
	number(to, "mtu", p->mtu, "");
	if (p->max_mtu > 0)
		number(to, "max_mtu", p->max_mtu, "");
	number(to, "numa", p->numa, "");
	fprintf(to, "\n#     ");
	number(to, "rx_queues", p->rx_queues, "");
	number(to, "tx_queues", p->tx_queues, "");
	number(to, "max_queues", p->max_queues, "");
	number(to, "rx_ring", p->max_rx_ring, "");
	yes_no(to, "rss_udp4", p->udp4);
	yes_no(to, "rss_udp6", p->udp6);
	if (p->reta >= 0)
		number(to, "reta", p->reta, "");
	yes_no(to, "rx_checksums", p->rx_csum);
	fprintf(to, "\n#      %s", ways[way_of(all, p)]);
	if (row >= 0)
		fprintf(to, " (drivers-config/%s.md)", drivers[row].page);
	for (unsigned int i = 0; i < p->n_addrs; i++)
		fprintf(to, "%s %s", i ? "" : "; addresses", p->addrs[i]);
	fprintf(to, "\n");
}

void probe_report(const struct probe *p, FILE *to)
{
	fprintf(to, "# inletd --probe. Ports:\n");
	for (unsigned int i = 0; i < p->n_ports; i++)
		report_port(p, &p->ports[i], to);
	if (p->n_ports == 0)
		fprintf(to, "#   none\n");
	fprintf(to, "# CPUs: %s, isolated: %s, NUMA nodes: %d\n", p->online[0] ? p->online : "?",
		p->isolated[0] ? p->isolated : "none", p->nodes);
	fprintf(to, "# Huge pages: %llu MB, %llu MB of them free\n", (unsigned long long)p->huge_mb,
		(unsigned long long)p->huge_free_mb);
	fprintf(to, "# vfio-pci: %s\n", p->vfio ? "there" : "not in this kernel, or not loaded");
}

static bool has_gateway(const struct probe_port *p)
{
	return p->gateway[0][0] || p->gateway[1][0];
}

// The one with the default route first, then those with a link.
static int rank(const struct probe_port *p)
{
	return has_gateway(p) ? 0 : p->carrier == 0 ? 2 : 1;
}

static void write_device(
	const struct probe *all, const struct probe_port *p, unsigned int number, FILE *to)
{
	enum way way = way_of(all, p);

	switch (way) {
	case WAY_BIND:
		fprintf(to,
			"        # before: drivers-config/bind %s, which takes %s from the "
			"kernel\n",
			p->pci, p->name[0] ? p->name : "it");
		fprintf(to, "        device = \"%s\";\n", p->pci);
		break;
	case WAY_XDP:
		fprintf(to, "        device = \"net_af_xdp%u,iface=%s\";\n", number, p->name);
		break;
	case WAY_PACKET:
		fprintf(to, "        device = \"net_af_packet%u,iface=%s", number, p->name);
		if (p->mtu > 1960)
			fprintf(to, ",framesz=16384,blocksz=65536,framecnt=256");
		fprintf(to, "\";\n");
		break;
	default:
		fprintf(to, "        device = \"%s\";\n", p->pci);
	}
}

// Of the networks of its addresses; the parser takes no other gateway.
static bool on_link(const struct probe_port *p, const char *gateway)
{
	struct addr via;
	struct prefix net;

	if (addr_parse(gateway, &via) < 0)
		return false;
	if (via.family == ADDR_V6 && addr_is_linklocal(&via))
		return true;
	for (unsigned int i = 0; i < p->n_addrs; i++)
		if (prefix_parse(p->addrs[i], &net) == 0 && prefix_match(&net, &via))
			return true;
	return false;
}

static void write_routes(const struct probe_port *p, FILE *to)
{
	static const char *const all[] = {"0.0.0.0/0", "::/0"};
	const char *comma = "";

	for (int f = 0; f < 2; f++) {
		if (!p->gateway[f][0] || !on_link(p, p->gateway[f]))
			continue;
		fprintf(to, "%s{ to = \"%s\"; via = \"%s\"; }",
			comma[0] ? comma : "        routes = ( ", all[f], p->gateway[f]);
		comma = ", ";
	}
	if (comma[0])
		fprintf(to, " );\n");
}

static void write_addresses(const struct probe_port *p, bool upstream, FILE *to)
{
	if (p->n_addrs == 0) {
		fprintf(to, "        # addresses = [ \"%s\" ];\n",
			upstream ? "192.0.2.2/24" : "10.9.1.2/24");
		return;
	}
	fprintf(to, "        addresses = [ ");
	for (unsigned int i = 0; i < p->n_addrs; i++)
		fprintf(to, "%s\"%s\"", i ? ", " : "", p->addrs[i]);
	fprintf(to, " ];\n");
	if (upstream)
		write_routes(p, to);
}

static void write_interface(const struct probe *all, const struct probe_port *p,
	unsigned int number, unsigned int n, FILE *to)
{
	const char *role = n == 1 ? "both" : number == 0 ? "upstream" : "downstream";

	fprintf(to, "    {\n");
	if (number == 0 || n == 1)
		fprintf(to, "        name = \"wan\";\n");
	else if (number == 1)
		fprintf(to, "        name = \"lan\";\n");
	else
		fprintf(to, "        name = \"lan%u\";\n", number);
	write_device(all, p, number, to);
	fprintf(to, "        role = \"%s\";\n", role);
	if (has_gateway(p))
		fprintf(to,
			"        # %s has the default route: if you are logged in over it, this "
			"cuts"
			" you off\n",
			p->name);
	if (p->mtu >= 576 && p->mtu <= 16000 && p->mtu != 1500)
		fprintf(to, "        mtu = %d;\n", p->mtu);
	write_addresses(p, number == 0, to);
	fprintf(to, "    }%s\n", number + 1 < n ? "," : "");
}

// The isolated CPUs are the workers'.
static void write_cpus(const struct probe *p, FILE *to)
{
	const char *at = p->isolated;
	unsigned int n = 0;

	while (*at && n < MAX_WORKERS) {
		char *end;
		long from = strtol(at, &end, 10), last = from;

		if (end == at)
			break;
		if (*end == '-')
			last = strtol(end + 1, &end, 10);
		for (long cpu = from; cpu <= last && cpu <= 1023 && n < MAX_WORKERS; cpu++)
			fprintf(to, "%s%ld", n++ ? ", " : "workers = [ ", cpu);
		at = *end == ',' ? end + 1 : end;
	}
	if (n > 0)
		fprintf(to, " ];        # the CPUs that are isolated\n");
	else
		fprintf(to, "workers = \"auto\";\n");
	// With one CPU the worker and the control thread have it together.
	if (n == 0 && p->n_cpus == 1)
		fprintf(to, "share_cpu = true;\n");
}

bool probe_suggest(const struct probe *p, FILE *to)
{
	const struct probe_port *use[1 + MAX_LANS];
	unsigned int n = 0;

	for (int r = 0; r <= 2; r++)
		for (unsigned int i = 0; i < p->n_ports && n <= MAX_LANS; i++)
			if (rank(&p->ports[i]) == r && way_of(p, &p->ports[i]) != WAY_NONE)
				use[n++] = &p->ports[i];
	if (n == 0) {
		fprintf(to, "# No port to suggest a configuration for.\n");
		return false;
	}
	fprintf(to,
		"\n# A configuration for them, to begin with. All keys: examples/two-port.conf.\n");
	write_cpus(p, to);
	if (p->huge_free_mb >= HUGE_ENOUGH_MB)
		fprintf(to, "memory = \"hugepages\";\n");
	else
		fprintf(to, "memory = \"auto\";         # faster with huge pages: "
			    "drivers-config/hugepages"
			    " 1024\n");
	fprintf(to, "\ninterfaces = (\n");
	for (unsigned int i = 0; i < n; i++)
		write_interface(p, use[i], i, n, to);
	fprintf(to, ");\n\nssm_ranges = [ \"232.0.0.0/8\", \"ff3x::/32\" ];\n");
	return true;
}
