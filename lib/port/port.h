// SPDX-License-Identifier: BSD-3-Clause
// ethdev bring-up: probe by devargs, queues, offloads, mempool, link.
#ifndef PORT_PORT_H
#define PORT_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rte_mempool;

struct port_cfg {
	const char *device; // devargs: "0000:01:00.0", "net_af_xdp0,iface=veth0", ...
	uint16_t n_queues;  // rx and tx each
	uint16_t mtu;       // 0: the driver's
	uint16_t rx_desc, tx_desc;
};

struct port {
	uint16_t port_id; // ethdev
	uint16_t n_queues;
	uint16_t mtu;
	uint8_t mac[6];
	int socket;
	bool ip_cksum_hw, l4_cksum_hw, multi_segs;
	char driver[32];
	struct rte_mempool *pool;
};

#define PORT_ERR_LEN 256
// Probes, configures and starts a port, all-multicast on. extra_mbufs: what rings beside the
// port may hold. 0, or a negative errno with one line in err and nothing left behind.
int port_open(const struct port_cfg *cfg, unsigned int extra_mbufs, struct port *out,
		char err[PORT_ERR_LEN]);
void port_close(struct port *p);
bool port_link_up(const struct port *p);
struct port_counters {
	uint64_t rx_packets, rx_bytes, rx_missed, rx_errors, rx_nombuf;
	uint64_t tx_packets, tx_bytes, tx_errors;
};
void port_counters(const struct port *p, struct port_counters *out);
// mbufs of the pool in use right now, and its size.
void port_mbufs(const struct port *p, unsigned int *in_use, unsigned int *size);

#endif
