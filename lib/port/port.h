// SPDX-License-Identifier: BSD-3-Clause
// ethdev bring-up: probe by devargs, queues, offloads, mempool, link.
#ifndef PORT_PORT_H
#define PORT_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "steer/steer.h"

struct rte_mempool;

#define PORT_MAX_MEMBERS 8
#define PORT_MAX_WAIT	 64 // queues that can be waited on

struct port_cfg {
	const char *device;	   // devargs: "0000:01:00.0", "net_af_xdp0,iface=veth0", ...
	uint16_t n_queues;	   // rx and tx each; fewer where the driver has no more
	uint16_t mtu;		   // 0: the driver's, or that of the netdev under the port
	uint16_t rx_desc, tx_desc; // 0: 1024
	uint32_t mbufs;		   // of the pool; 0: as many as can be in use at one time
	uint8_t mac[6];		   // to be set; all 0: the port's own
	// Of a bond (net_bonding): devargs of ports that are probed before it and found by it as
	// its slaves.
	const char *members[PORT_MAX_MEMBERS];
	unsigned int n_members;
	bool rx_wait; // port_wait_add() is wanted, where the driver has what it takes
};

struct port {
	uint16_t port_id;  // ethdev
	uint16_t n_queues; // receive queues
	uint16_t n_tx_queues;
	uint16_t mtu; // octets of an IP datagram; frames may have two VLAN tags more
	uint8_t mac[6];
	uint8_t mac_before[6];			   // what it had when opened
	uint16_t members[PORT_MAX_MEMBERS];	   // ethdev ports of a bond, probed for it
	char member_netdevs[PORT_MAX_MEMBERS][16]; // the kernel's under them, or empty
	unsigned int n_members;
	int socket;
	bool rss;		       // several receive queues, spread over by the driver
	bool ip_cksum_hw, l4_cksum_hw; // the driver checks received IPv4 and UDP checksums
	bool multi_segs;	       // mbuf chains may be transmitted
	bool promiscuous;	       // because the driver has no all-multicast mode
	char driver[32];
	char netdev[16]; // the kernel's netdev under the port (af_packet, af_xdp), or empty
	struct rte_mempool *pool;
	// Which queue gets what (port_rss.h, port_flow.h); all zero where the driver does not tell.
	struct steer_rss steer;
	bool reta_settable;
	bool rx_interrupts; // of the driver, for port_wait_add()
	uint16_t n_wait;    // or its sockets, one a queue
	int wait_fds[PORT_MAX_WAIT];
	bool flow_steer; // rte_flow rules can lead a tunnel to a queue
};

#define PORT_ERR_LEN 256
// Probes, configures and starts a port, all-multicast on, tags left in the frames. extra_mbufs:
// what may hold mbufs of this port beside its own queues: punt rings, the transmit descriptors of
// the other ports. 0, or a negative errno with one line in err and nothing left behind. Never asks
// for FAST_FREE, so mbufs of any pool and any reference count may be transmitted.
int port_open(const struct port_cfg *cfg, unsigned int extra_mbufs, struct port *out,
	char err[PORT_ERR_LEN]);
// Stops the port, frees the pool (no mbuf of it may be in use elsewhere) and removes the device.
void port_close(struct port *p);
// Of another process that looks for ports which nobody owns (dpdk-dumpcap): it finds this one.
void port_share(const struct port *p);
// Never blocks.
bool port_link_up(const struct port *p);
// The port's own end of the link. 0, or a negative errno: the driver cannot, say.
int port_set_link(const struct port *p, bool up);
// Of a bond: where the member in use is down and does not tell, another one is used from now on. To
// be called from time to time, by the thread that opened it. Never blocks.
void port_watch(const struct port *p);
struct port_counters {
	uint64_t rx_packets, rx_bytes, rx_missed, rx_errors, rx_nombuf;
	uint64_t tx_packets, tx_bytes, tx_errors;
};
void port_counters(const struct port *p, struct port_counters *out);
// mbufs of the pool in use right now, and its size.
void port_mbufs(const struct port *p, unsigned int *in_use, unsigned int *size);
// None are left but for what each core keeps for itself: the port can receive little or nothing.
bool port_mbufs_spent(const struct port *p);

#endif
