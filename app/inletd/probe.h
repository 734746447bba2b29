// SPDX-License-Identifier: BSD-3-Clause
// inletd --probe: what this machine's ports can do, and the configuration that it suggests for
// them. Only looks: nothing is bound, configured or left behind.
#ifndef INLETD_PROBE_H
#define INLETD_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PROBE_MAX_PORTS 64
#define PROBE_MAX_ADDRS 8
#define PROBE_TEXT	64

// What is not known is -1, or empty. A port is a PCI network device, a netdev, or both.
struct probe_port {
	char pci[16];	 // "0000:01:00.0"
	char bound[32];	 // its driver in the kernel: "ice", "vfio-pci"
	char pci_id[16]; // "8086:1592"
	char name[16];	 // netdev
	char kind[32];	 // the netdev's driver as the kernel tells it: "veth"
	char mac[18];
	int mtu, speed, numa, rx_queues, tx_queues, max_queues, max_rx_ring;
	int carrier;				 // 1 up, 0 down
	int udp4, udp6, rx_csum;		 // hashed by UDP ports; received checksums verified
	char addrs[PROBE_MAX_ADDRS][PROBE_TEXT]; // "192.0.2.2/24", no link-local ones
	unsigned int n_addrs;
	char gateway[2][PROBE_TEXT]; // of the default route, IPv4 and IPv6
	// Of a port that DPDK has (probe_dpdk()): its driver, and its own answers in the above.
	char dpdk[32];
	int max_mtu, reta;
};

struct probe {
	struct probe_port ports[PROBE_MAX_PORTS];
	unsigned int n_ports;
	char online[256], isolated[256]; // CPUs, as the kernel writes them
	int n_cpus, nodes;
	uint64_t huge_mb, huge_free_mb;
	bool vfio; // the kernel has vfio-pci
};

// probe.c: from a sysfs; NULL is /sys. Fills in all but addresses, ethtool's answers and DPDK's.
void probe_sysfs(const char *sysfs, struct probe *out);
// probe_netdev.c: what the kernel tells of the netdevs of this network namespace.
void probe_netdevs(struct probe *p);
// probe_dpdk.c: what DPDK's drivers tell of the devices bound for it. Starts the EAL, and ends it.
void probe_dpdk(struct probe *p);

// probe_text.c: the report, each line a comment of inlet.conf; and a configuration below it, which
// parses. False: there is no port to suggest one for.
void probe_report(const struct probe *p, FILE *to);
bool probe_suggest(const struct probe *p, FILE *to);

// All of it, to stdout. The exit status: 0, or 1 where there is no port.
int probe_main(void);

#endif
