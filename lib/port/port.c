// SPDX-License-Identifier: BSD-3-Clause
#include "port/port.h"

#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "base/log.h"
#include "port/port_flow.h"
#include "port/port_netdev.h"
#include "port/port_rss.h"

#define PORT_BURST	  64
#define PORT_CACHE	  256
#define PORT_DESC_DEFAULT 1024
#define VLAN_TAGS_LEN	  8 // two tags
#define FRAME_OVERHEAD	  (RTE_ETHER_HDR_LEN + VLAN_TAGS_LEN + RTE_ETHER_CRC_LEN)

// net_af_packet keeps a frame behind this much of a ring slot: TPACKET2_HDRLEN and the alignment of
// the IP header (measured: a slot of 2048 carries 1982 octets and cuts the rest off in silence).
#define AF_PACKET_SLOT_OVERHEAD 66
#define AF_PACKET_SLOT_DEFAULT	2048

// net_af_xdp uses the mempool as its umem: an object (with its header and the mbuf) has to fit one
// page, and the pool pads objects to an odd number of cache lines; the kernel keeps 256 octets of
// headroom of its own in front of the frame. Its fill ring holds 2048 mbufs a queue whatever
// rx_desc is, and its completion ring as many.
#define AF_XDP_HEADROOM 256
#define AF_XDP_ROOM_MAX (4096 - 64 - 64 - 128)
#define AF_XDP_RINGS	4096

static const char owner_name[] = "inlet";

// What port_open() knows on its way, beside the result.
struct opening {
	const struct port_cfg *cfg;
	struct port *p;
	struct rte_eth_dev_info info;
	uint16_t rx_desc, tx_desc;
	uint16_t mtu; // wanted
	bool af_packet, af_xdp;
	char *err;
};

__attribute__((format(printf, 3, 4))) static int fail(
	const struct opening *o, int rc, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(o->err, PORT_ERR_LEN, "%s: ", o->cfg->device);

	if (n < 0 || n >= PORT_ERR_LEN)
		return rc;
	va_start(ap, fmt);
	vsnprintf(o->err + n, PORT_ERR_LEN - (size_t)n, fmt, ap);
	va_end(ap);
	return rc;
}

// What the drivers themselves refuse with a line in a log at best.
static int check_device(struct opening *o)
{
	char iface[IFNAMSIZ];

	if (o->cfg->n_queues == 0)
		return fail(o, -EINVAL, "a port needs at least one queue");
	if (!port_netdev_backed(o->cfg->device))
		return 0;
	if (!port_devarg(o->cfg->device, "iface", iface, sizeof(iface)))
		return fail(o, -EINVAL, "iface=NAME is missing or longer than 15 characters");
	if (if_nametoindex(iface) == 0)
		return fail(
			o, -ENODEV, "no network interface '%s' in this network namespace", iface);
	return 0;
}

// The first port of the device that nobody owns. *owned: there is one that somebody does.
static int find_port(const char *device, uint16_t *port_id, bool *owned)
{
	struct rte_dev_iterator iter;
	uint16_t id;
	int rc = -ENODEV;

	*owned = false;
	RTE_ETH_FOREACH_MATCHING_DEV(id, device, &iter)
	{
		struct rte_eth_dev_owner owner;

		if (rte_eth_dev_owner_get(id, &owner) != 0)
			continue;
		if (owner.id != RTE_ETH_DEV_NO_OWNER) {
			*owned = true;
			continue;
		}
		*port_id = id;
		rc = 0;
		rte_eth_iterator_cleanup(&iter);
		break;
	}
	return rc;
}

static uint64_t our_owner_id(void)
{
	uint16_t id;

	// One owner for all our ports: found on a port of ours, or new.
	RTE_ETH_FOREACH_DEV (id) {
		struct rte_eth_dev_owner owner;

		if (rte_eth_dev_owner_get(id, &owner) == 0 && owner.id != RTE_ETH_DEV_NO_OWNER &&
			strcmp(owner.name, owner_name) == 0)
			return owner.id;
	}
	return RTE_ETH_DEV_NO_OWNER;
}

static int take_port(struct opening *o, uint16_t id)
{
	struct rte_eth_dev_owner owner = {.id = our_owner_id()};
	int rc;

	snprintf(owner.name, sizeof(owner.name), "%s", owner_name);
	if (owner.id == RTE_ETH_DEV_NO_OWNER && (rc = rte_eth_dev_owner_new(&owner.id)) != 0)
		return fail(o, rc, "cannot make an owner of ports: %s", strerror(-rc));
	rc = rte_eth_dev_owner_set(id, &owner);
	if (rc != 0)
		return fail(o, rc, "port %u cannot be taken: %s", id, strerror(-rc));
	o->p->port_id = id;
	return 0;
}

static int probe(struct opening *o)
{
	const char *device = o->cfg->device;
	uint16_t id;
	bool owned;
	int rc;

	// The EAL may have probed it at its start (a PCI device, or --vdev).
	if (find_port(device, &id, &owned) == 0)
		return take_port(o, id);
	if (owned)
		return fail(o, -EBUSY, "the device is in use by another interface");
	rc = rte_dev_probe(device);
	if (rc < 0) {
		const char *why = "probing failed (DPDK's log has more)";

		// The EAL's word for a name that no bus knows is EFAULT.
		if (rc == -ENODEV || rc == -ENOENT || rc == -EFAULT)
			why = "no such device or driver";
		else if (rc == -EEXIST)
			why = "a device of that name exists";
		return fail(o, rc, "%s: %s", why, strerror(-rc));
	}
	if (find_port(device, &id, &owned) != 0) {
		// A PCI device bound to the kernel's driver is skipped by the bus without an error.
		return fail(o, -ENODEV, "the device has no ethdev port (is it bound to vfio-pci?)");
	}
	return take_port(o, id);
}

// True when another port of the same device is still there.
static bool has_sibling(uint16_t port_id, const struct rte_device *dev)
{
	uint16_t id;

	RTE_ETH_FOREACH_DEV (id) {
		struct rte_eth_dev_info info;

		if (id != port_id && rte_eth_dev_info_get(id, &info) == 0 && info.device == dev)
			return true;
	}
	return false;
}

static void unprobe(uint16_t port_id)
{
	struct rte_eth_dev_info info;
	struct rte_eth_dev_owner owner;
	bool sibling;

	if (rte_eth_dev_info_get(port_id, &info) != 0)
		info.device = NULL;
	sibling = info.device != NULL && has_sibling(port_id, info.device);
	if (rte_eth_dev_owner_get(port_id, &owner) == 0 && owner.id != RTE_ETH_DEV_NO_OWNER)
		rte_eth_dev_owner_unset(port_id, owner.id);
	rte_eth_dev_close(port_id);
	if (info.device != NULL && !sibling)
		rte_dev_remove(info.device);
}

static int check_queues(struct opening *o)
{
	const unsigned int n = o->cfg->n_queues;

	if (n > o->info.max_rx_queues || n > o->info.max_tx_queues)
		return fail(o, -ERANGE,
			"%u queues wanted (one a worker), the driver has %u rx and %u tx%s", n,
			o->info.max_rx_queues, o->info.max_tx_queues,
			o->af_packet ? ": add qpairs=N"
			: o->af_xdp  ? ": add queue_count=N"
				     : "");
	// These spread over all queues of the device string: what nobody polls would be lost.
	if ((o->af_packet || o->af_xdp) && n < o->info.max_rx_queues)
		return fail(o, -ERANGE, "%u queues in the device string, but %u workers poll",
			o->info.max_rx_queues, n);
	return 0;
}

// Octets of a slot of net_af_packet's ring.
static unsigned int af_packet_slot(const struct opening *o)
{
	char text[16];

	if (!port_devarg(o->cfg->device, "framesz", text, sizeof(text)))
		return AF_PACKET_SLOT_DEFAULT;
	return (unsigned int)RTE_MIN(strtoul(text, NULL, 10), 65536ul);
}

static unsigned int max_mtu(const struct opening *o, const char **hint)
{
	unsigned int max = o->info.max_mtu;
	unsigned int room, overhead;

	*hint = "";
	if (o->af_xdp) {
		room = AF_XDP_ROOM_MAX;
		overhead = RTE_PKTMBUF_HEADROOM + AF_XDP_HEADROOM + FRAME_OVERHEAD;
		*hint = " (an AF_XDP frame fits one page)";
	} else if (o->af_packet) {
		room = af_packet_slot(o);
		overhead = AF_PACKET_SLOT_OVERHEAD + RTE_ETHER_HDR_LEN + VLAN_TAGS_LEN;
		*hint = " (longer frames would be cut in silence: set framesz= and blocksz= in the"
			" device string)";
	} else {
		return max;
	}
	return room > overhead ? RTE_MIN(max, room - overhead) : 0;
}

// The MTU that the port has to carry, and whether it can.
static int check_mtu(struct opening *o)
{
	const unsigned int min = RTE_MAX(o->info.min_mtu, RTE_ETHER_MIN_MTU);
	const char *hint;
	const unsigned int max = max_mtu(o, &hint);
	int rc;

	o->mtu = o->cfg->mtu;
	if (o->mtu == 0 && o->p->netdev[0] != '\0') {
		rc = port_netdev_mtu(o->p->netdev);
		if (rc < 0)
			return fail(o, rc, "the MTU of '%s': %s", o->p->netdev, strerror(-rc));
		o->mtu = (uint16_t)RTE_MIN(rc, UINT16_MAX);
	}
	if (o->mtu == 0 && rte_eth_dev_get_mtu(o->p->port_id, &o->mtu) != 0)
		o->mtu = RTE_ETHER_MTU;
	if (o->mtu < min || o->mtu > max)
		return fail(
			o, -EINVAL, "mtu %u is out of range, %u to %u%s", o->mtu, min, max, hint);
	return 0;
}

// Octets of an mbuf's data room that a frame of the MTU needs.
static unsigned int data_room(const struct opening *o)
{
	unsigned int frame = o->mtu + (unsigned int)FRAME_OVERHEAD;

	if (o->af_xdp)
		return RTE_MAX((unsigned int)RTE_MBUF_DEFAULT_BUF_SIZE,
			RTE_ALIGN_CEIL(RTE_PKTMBUF_HEADROOM + AF_XDP_HEADROOM + frame, 64u));
	// The driver wants mbufs that take a whole slot of its ring.
	if (o->af_packet)
		frame = RTE_MAX(frame, af_packet_slot(o));
	// NICs count receive buffers in KiB: a room of 1.9 KiB would be used as 1.
	return RTE_PKTMBUF_HEADROOM + RTE_ALIGN_CEIL(RTE_MAX(frame, 2048u), 1024u);
}

static int make_pool(struct opening *o, unsigned int extra_mbufs)
{
	const unsigned int room = data_room(o);
	const unsigned int queues = o->cfg->n_queues;
	char name[RTE_MEMPOOL_NAMESIZE];
	unsigned int n;
	int socket = rte_eal_has_hugepages() ? o->p->socket : SOCKET_ID_ANY;

	if (room > UINT16_MAX)
		return fail(o, -EINVAL, "mbufs of %u octets are too large", room);
	n = queues * (o->rx_desc + o->tx_desc + 2 * PORT_BURST + (o->af_xdp ? AF_XDP_RINGS : 0));
	// A cache may hold one and a half times its size; the control thread has one too.
	n += (queues + 1) * PORT_CACHE * 3 / 2 + extra_mbufs;
	snprintf(name, sizeof(name), "inlet_port%u", o->p->port_id);
	o->p->pool = rte_pktmbuf_pool_create(name, n, PORT_CACHE, 0, (uint16_t)room, socket);
	if (o->p->pool == NULL)
		return fail(o, -ENOMEM, "no memory for %u mbufs of %u octets (%u MiB): %s", n, room,
			(unsigned int)(((uint64_t)n * (room + 192)) >> 20),
			rte_strerror(rte_errno));
	return 0;
}

static int configure(struct opening *o)
{
	struct rte_eth_conf conf;
	const uint64_t rx_capa = o->info.rx_offload_capa;
	const uint64_t rss = port_rss_types(o->info.flow_type_rss_offloads);
	struct port *p = o->p;
	int rc;

	memset(&conf, 0, sizeof(conf));
	// net_af_packet says 1518 octets at most, though its slots carry what framesz gives.
	conf.rxmode.mtu = o->af_packet ? RTE_MIN(o->mtu, RTE_ETHER_MTU) : o->mtu;
	conf.rxmode.offloads =
		rx_capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
	conf.txmode.offloads = o->info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (o->cfg->n_queues > 1 && rss != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = rss;
	}
	p->ip_cksum_hw = (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0;
	p->l4_cksum_hw = (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_UDP_CKSUM) != 0;
	p->multi_segs = (conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
	rc = rte_eth_dev_configure(p->port_id, o->cfg->n_queues, o->cfg->n_queues, &conf);
	if (rc != 0)
		return fail(o, rc, "the driver refuses %u queues and mtu %u: %s", o->cfg->n_queues,
			o->mtu, strerror(-rc));
	o->rx_desc = o->cfg->rx_desc != 0 ? o->cfg->rx_desc : PORT_DESC_DEFAULT;
	o->tx_desc = o->cfg->tx_desc != 0 ? o->cfg->tx_desc : PORT_DESC_DEFAULT;
	if (o->af_xdp) {
		// The kernel takes powers of two only, and the driver does not say so.
		o->rx_desc = (uint16_t)RTE_MIN(rte_align32pow2(o->rx_desc), 32768u);
		o->tx_desc = (uint16_t)RTE_MIN(rte_align32pow2(o->tx_desc), 32768u);
	}
	rc = rte_eth_dev_adjust_nb_rx_tx_desc(p->port_id, &o->rx_desc, &o->tx_desc);
	if (rc != 0)
		return fail(o, rc, "the driver refuses the descriptor counts: %s", strerror(-rc));
	return 0;
}

static int setup_queues(struct opening *o)
{
	struct rte_eth_rxconf rx = o->info.default_rxconf;
	struct rte_eth_txconf tx = o->info.default_txconf;
	const unsigned int socket = (unsigned int)o->p->socket;
	int rc;

	// The port's offloads are the queues' too; a driver's default may carry FAST_FREE.
	rx.offloads = 0;
	tx.offloads = 0;
	for (uint16_t q = 0; q < o->cfg->n_queues; q++) {
		rc = rte_eth_rx_queue_setup(o->p->port_id, q, o->rx_desc, socket, &rx, o->p->pool);
		if (rc != 0)
			return fail(o, rc, "rx queue %u with %u descriptors: %s", q, o->rx_desc,
				strerror(-rc));
		rc = rte_eth_tx_queue_setup(o->p->port_id, q, o->tx_desc, socket, &tx);
		if (rc != 0)
			return fail(o, rc, "tx queue %u with %u descriptors: %s", q, o->tx_desc,
				strerror(-rc));
	}
	return 0;
}

static int set_mtu(struct opening *o)
{
	struct port *p = o->p;
	int rc = 0;

	// Before the queues: AF_XDP's program does not attach to a netdev with a larger MTU.
	// A netdev's MTU is taken as it is where the configuration gives none.
	if (p->netdev[0] == '\0')
		rc = rte_eth_dev_set_mtu(p->port_id, o->mtu);
	else if (o->cfg->mtu != 0)
		rc = port_netdev_set_mtu(p->netdev, o->mtu);
	// A driver without the operation carries what dev_info says; that was checked.
	if (rc != 0 && rc != -ENOTSUP)
		return fail(o, rc, "mtu %u: %s", o->mtu, strerror(-rc));
	p->mtu = o->mtu;
	return 0;
}

static int receive_multicast(struct opening *o)
{
	struct port *p = o->p;
	int rc = rte_eth_allmulticast_enable(p->port_id);

	if (rc == 0)
		return 0;
	if (rc != -ENOTSUP)
		return fail(o, rc, "all-multicast mode: %s", strerror(-rc));
	rc = rte_eth_promiscuous_enable(p->port_id);
	if (rc == 0)
		p->promiscuous = true;
	else if (rc == -ENOTSUP)
		log_warn("port", "neither all-multicast nor promiscuous mode device=%s",
			o->cfg->device);
	else
		return fail(o, rc, "promiscuous mode: %s", strerror(-rc));
	return 0;
}

static int describe(struct opening *o)
{
	struct port *p = o->p;
	struct rte_ether_addr mac;
	int rc = rte_eth_dev_info_get(p->port_id, &o->info);

	if (rc != 0)
		return fail(o, rc, "no information from the driver: %s", strerror(-rc));
	snprintf(p->driver, sizeof(p->driver), "%s", o->info.driver_name);
	o->af_packet = strcmp(p->driver, "net_af_packet") == 0;
	o->af_xdp = strcmp(p->driver, "net_af_xdp") == 0;
	rc = rte_eth_macaddr_get(p->port_id, &mac);
	if (rc != 0)
		return fail(o, rc, "no MAC address: %s", strerror(-rc));
	memcpy(p->mac, mac.addr_bytes, sizeof(p->mac));
	p->socket = rte_eth_dev_socket_id(p->port_id);
	p->n_queues = o->cfg->n_queues;
	return 0;
}

int port_open(const struct port_cfg *cfg, unsigned int extra_mbufs, struct port *out,
	char err[PORT_ERR_LEN])
{
	struct opening o = {.cfg = cfg, .p = out, .err = err};
	int rc;

	memset(out, 0, sizeof(*out));
	err[0] = '\0';
	port_netdev_name(cfg->device, out->netdev);
	if ((rc = check_device(&o)) != 0 || (rc = probe(&o)) != 0)
		return rc;
	if ((rc = describe(&o)) != 0 || (rc = check_queues(&o)) != 0 || (rc = check_mtu(&o)) != 0 ||
		(rc = configure(&o)) != 0)
		goto fail_port;
	if ((rc = make_pool(&o, extra_mbufs)) != 0)
		goto fail_port;
	if ((rc = set_mtu(&o)) != 0 || (rc = setup_queues(&o)) != 0)
		goto fail_pool;
	rc = rte_eth_dev_start(out->port_id);
	if (rc != 0) {
		fail(&o, rc, "the port does not start: %s", strerror(-rc));
		goto fail_pool;
	}
	if ((rc = receive_multicast(&o)) != 0)
		goto fail_started;
	port_rss_read(out);
	port_flow_probe(out);
	return 0;
fail_started:
	rte_eth_dev_stop(out->port_id);
fail_pool:
	// The driver gives its mbufs back to the pool when it closes.
	unprobe(out->port_id);
	rte_mempool_free(out->pool);
	memset(out, 0, sizeof(*out));
	return rc;
fail_port:
	unprobe(out->port_id);
	memset(out, 0, sizeof(*out));
	return rc;
}

void port_close(struct port *p)
{
	if (p->pool == NULL)
		return;
	// On a netdev the mode would outlive us.
	if (p->promiscuous)
		rte_eth_promiscuous_disable(p->port_id);
	port_flow_close(p);
	rte_eth_dev_stop(p->port_id);
	unprobe(p->port_id);
	rte_mempool_free(p->pool);
	memset(p, 0, sizeof(*p));
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
