// SPDX-License-Identifier: BSD-3-Clause
#include "port/port.h"

#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "base/log.h"
#include "port/port_bond.h"
#include "port/port_flow.h"
#include "port/port_netdev.h"
#include "port/port_pool.h"
#include "port/port_probe.h"
#include "port/port_rss.h"
#include "port/port_wait.h"

#define PORT_BURST	  64
#define PORT_CACHE	  256
#define PORT_DESC_DEFAULT 1024
#define VLAN_TAGS_LEN	  8 // two tags
#define FRAME_OVERHEAD	  (RTE_ETHER_HDR_LEN + VLAN_TAGS_LEN + RTE_ETHER_CRC_LEN)

// net_af_packet keeps a frame behind this much of a ring slot: TPACKET2_HDRLEN and the alignment of
// the IP header (measured: a slot of 2048 carries 1982 octets and cuts the rest off in silence).
#define AF_PACKET_SLOT_OVERHEAD 66
#define RING_SLOT_DEFAULT	2048 // and of net_memif's

// net_af_xdp uses the mempool as its umem (port_pool.h): an object with its header and the mbuf is
// one page; the kernel keeps 256 octets of headroom of its own in front of the frame. Its fill ring
// holds 2048 mbufs a queue whatever rx_desc is, and its completion ring as many.
#define AF_XDP_HEADROOM 256
#define AF_XDP_RINGS	4096

// What port_open() knows on its way, beside the result.
struct opening {
	const struct port_cfg *cfg;
	struct port *p;
	struct rte_eth_dev_info info;
	uint16_t rx_desc, tx_desc;
	uint16_t mtu; // wanted
	bool af_packet, af_xdp, memif;
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

static void unprobe(struct port *p)
{
	// A bond lets go of its members when it closes.
	port_unprobe(p->port_id);
	while (p->n_members > 0)
		port_unprobe(p->members[--p->n_members]);
}

static int probe(struct opening *o)
{
	char why[PORT_ERR_LEN];
	struct port *p = o->p;
	int rc = 0;

	for (unsigned int i = 0; i < o->cfg->n_members && rc == 0; i++) {
		rc = port_probe(o->cfg->members[i], &p->members[i], why);
		if (rc != 0) {
			fail(o, rc, "member %s: %s", o->cfg->members[i], why);
			continue;
		}
		port_bond_member(p, i, o->cfg->members[i]);
		port_disown(p->members[p->n_members++]);
	}
	if (rc == 0 && (rc = port_probe(o->cfg->device, &p->port_id, why)) != 0)
		fail(o, rc, "%s", why);
	while (rc != 0 && p->n_members > 0)
		port_unprobe(p->members[--p->n_members]);
	return rc;
}

// A bond takes its slaves when it is configured for the first time, and only then knows what they
// can.
static int take_slaves(struct opening *o)
{
	const struct rte_eth_conf conf = {0};
	int rc = rte_eth_dev_configure(o->p->port_id, 1, 1, &conf);

	if (rc != 0)
		return fail(o, rc,
			"the bond does not take its slaves (are they probed? members = [ ... ]): "
			"%s",
			strerror(-rc));
	rc = rte_eth_dev_info_get(o->p->port_id, &o->info);
	if (rc != 0)
		return fail(o, rc, "no information from the driver: %s", strerror(-rc));
	return 0;
}

// As many queues as are wanted, or as the driver has.
static int choose_queues(struct opening *o)
{
	const unsigned int n = o->cfg->n_queues;

	if (o->info.max_rx_queues == 0 || o->info.max_tx_queues == 0)
		return fail(o, -ERANGE, "the driver has %u rx and %u tx queues",
			o->info.max_rx_queues, o->info.max_tx_queues);
	// These spread over all queues of the device string: what nobody polls would be lost.
	if ((o->af_packet || o->af_xdp) && n < o->info.max_rx_queues)
		return fail(o, -ERANGE, "%u queues in the device string, but %u workers poll",
			o->info.max_rx_queues, n);
	o->p->n_queues = (uint16_t)RTE_MIN(n, o->info.max_rx_queues);
	o->p->n_tx_queues = (uint16_t)RTE_MIN(n, o->info.max_tx_queues);
	return 0;
}

// Octets of a slot of net_af_packet's ring, or of net_memif's.
static unsigned int ring_slot(const char *device)
{
	char text[16];

	if (!port_devarg(device, "framesz", text, sizeof(text)) &&
		!port_devarg(device, "bsize", text, sizeof(text)))
		return RING_SLOT_DEFAULT;
	return (unsigned int)RTE_MIN(strtoul(text, NULL, 10), 65536ul);
}

static unsigned int max_mtu(const struct opening *o, const char **hint)
{
	unsigned int max = o->info.max_mtu;
	unsigned int room, overhead;

	*hint = "";
	if (o->af_xdp) {
		room = PORT_UMEM_ROOM;
		overhead = RTE_PKTMBUF_HEADROOM + AF_XDP_HEADROOM + FRAME_OVERHEAD;
		*hint = " (an AF_XDP frame fits one page)";
	} else if (o->af_packet) {
		room = ring_slot(o->cfg->device);
		overhead = AF_PACKET_SLOT_OVERHEAD + RTE_ETHER_HDR_LEN + VLAN_TAGS_LEN;
		*hint = " (longer frames would be cut in silence: set framesz= and blocksz= in the"
			" device string)";
	} else if (o->memif) {
		room = ring_slot(o->cfg->device);
		overhead = RTE_ETHER_HDR_LEN + VLAN_TAGS_LEN;
		*hint = " (a frame fits one slot: set bsize= in the device string)";
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
		return PORT_UMEM_ROOM;
	// The driver wants mbufs that take a whole slot of its ring.
	if (o->af_packet)
		frame = RTE_MAX(frame, ring_slot(o->cfg->device));
	for (unsigned int i = 0; i < o->cfg->n_members; i++)
		frame = RTE_MAX(frame, ring_slot(o->cfg->members[i]));
	// NICs count receive buffers in KiB: a room of 1.9 KiB would be used as 1.
	return RTE_PKTMBUF_HEADROOM + RTE_ALIGN_CEIL(RTE_MAX(frame, 2048u), 1024u);
}

// What a port takes out of its pool when it starts, and a burst for each queue.
static unsigned int fewest_mbufs(const struct opening *o)
{
	unsigned int at_start = o->af_xdp ? AF_XDP_RINGS / 2 : o->af_packet ? 0 : o->rx_desc;

	return o->p->n_queues * (at_start + PORT_BURST);
}

static int make_pool(struct opening *o, unsigned int extra_mbufs)
{
	const unsigned int room = data_room(o);
	const unsigned int rx = o->p->n_queues, tx = o->p->n_tx_queues;
	char name[RTE_MEMPOOL_NAMESIZE];
	unsigned int n, cache = PORT_CACHE;
	int socket = rte_eal_has_hugepages() ? o->p->socket : SOCKET_ID_ANY;

	if (room > UINT16_MAX)
		return fail(o, -EINVAL, "mbufs of %u octets are too large", room);
	n = rx * (o->rx_desc + PORT_BURST + (o->af_xdp ? AF_XDP_RINGS : 0)) +
	    tx * (o->tx_desc + PORT_BURST);
	// A cache may hold one and a half times its size. Every worker has one, if it frees what
	// others received, and the control thread too.
	n += (o->cfg->n_queues + 1u) * PORT_CACHE * 3 / 2 + extra_mbufs;
	if (o->cfg->mbufs) {
		n = o->cfg->mbufs;
		// What the cores keep for themselves is no use to the others.
		cache = RTE_MIN(cache, n / 64);
		if (n < fewest_mbufs(o))
			return fail(o, -EINVAL, "mbufs is %u, and the port takes %u at its start",
				n, fewest_mbufs(o));
	}
	snprintf(name, sizeof(name), "inlet_port%u", o->p->port_id);
	o->p->pool = o->af_xdp ? port_pool_umem(name, n, cache, socket)
			       : rte_pktmbuf_pool_create(name, n, cache, 0, (uint16_t)room, socket);
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
	conf.intr_conf.rxq = p->rx_interrupts;
	// These say 1518 octets at most, though their slots carry what framesz and bsize give.
	conf.rxmode.mtu = o->af_packet || o->memif ? RTE_MIN(o->mtu, RTE_ETHER_MTU) : o->mtu;
	conf.rxmode.offloads =
		rx_capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
	conf.txmode.offloads = o->info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	p->rss = p->n_queues > 1 && rss != 0;
	if (p->rss) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = rss;
	}
	p->ip_cksum_hw = (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0;
	p->l4_cksum_hw = (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_UDP_CKSUM) != 0;
	p->multi_segs = (conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
	rc = rte_eth_dev_configure(p->port_id, p->n_queues, p->n_tx_queues, &conf);
	if (rc != 0)
		return fail(o, rc, "the driver refuses %u rx and %u tx queues and mtu %u: %s",
			p->n_queues, p->n_tx_queues, o->mtu, strerror(-rc));
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
	for (uint16_t q = 0; q < o->p->n_queues; q++) {
		rc = rte_eth_rx_queue_setup(o->p->port_id, q, o->rx_desc, socket, &rx, o->p->pool);
		if (rc != 0)
			return fail(o, rc, "rx queue %u with %u descriptors: %s", q, o->rx_desc,
				strerror(-rc));
	}
	for (uint16_t q = 0; q < o->p->n_tx_queues; q++) {
		rc = rte_eth_tx_queue_setup(o->p->port_id, q, o->tx_desc, socket, &tx);
		if (rc != 0)
			return fail(o, rc, "tx queue %u with %u descriptors: %s", q, o->tx_desc,
				strerror(-rc));
	}
	return 0;
}

static int start(struct opening *o)
{
	struct port *p = o->p;
	int rc = rte_eth_dev_start(p->port_id);

	// Interrupts may be too many for the device, or for the kernel: then without them.
	if (rc != 0 && p->rx_interrupts) {
		p->rx_interrupts = false;
		log_info("port", "no receive interrupts device=%s: %s", o->cfg->device,
			strerror(-rc));
		if ((rc = configure(o)) != 0 || (rc = setup_queues(o)) != 0)
			return rc;
		rc = rte_eth_dev_start(p->port_id);
	}
	return rc != 0 ? fail(o, rc, "the port does not start: %s", strerror(-rc)) : 0;
}

static int set_mac(struct opening *o)
{
	static const uint8_t none[6];
	struct port *p = o->p;
	struct rte_ether_addr mac;
	int rc;

	if (memcmp(o->cfg->mac, none, sizeof(none)) == 0 ||
		memcmp(o->cfg->mac, p->mac, sizeof(p->mac)) == 0)
		return 0;
	memcpy(mac.addr_bytes, o->cfg->mac, sizeof(mac.addr_bytes));
	rc = rte_eth_dev_default_mac_addr_set(p->port_id, &mac);
	if (rc == -ENOTSUP)
		return fail(o, rc, "the driver %s cannot set a MAC address%s", p->driver,
			p->netdev[0] ? ": set it on the network interface" : "");
	if (rc != 0)
		return fail(o, rc, "the MAC address is refused: %s", strerror(-rc));
	memcpy(p->mac, o->cfg->mac, sizeof(p->mac));
	return 0;
}

// On a netdev it would outlive us.
static void restore_mac(const struct port *p)
{
	struct rte_ether_addr mac;

	if (p->netdev[0] == '\0' || memcmp(p->mac, p->mac_before, sizeof(p->mac)) == 0)
		return;
	memcpy(mac.addr_bytes, p->mac_before, sizeof(mac.addr_bytes));
	rte_eth_dev_default_mac_addr_set(p->port_id, &mac);
}

static int set_mtu(struct opening *o)
{
	struct port *p = o->p;
	int rc = 0;

	// Before the queues: AF_XDP's program does not attach to a netdev with a larger MTU.
	// A netdev's MTU is taken as it is where the configuration gives none.
	if (p->netdev[0] == '\0')
		rc = o->memif ? 0 : rte_eth_dev_set_mtu(p->port_id, o->mtu);
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
	o->memif = strcmp(p->driver, "net_memif") == 0;
	p->rx_interrupts = o->cfg->rx_wait && port_wait_has_interrupts(p->driver);
	if (strcmp(p->driver, "net_bonding") == 0 && (rc = take_slaves(o)) != 0)
		return rc;
	rc = rte_eth_macaddr_get(p->port_id, &mac);
	if (rc != 0)
		return fail(o, rc, "no MAC address: %s", strerror(-rc));
	memcpy(p->mac, mac.addr_bytes, sizeof(p->mac));
	p->socket = rte_eth_dev_socket_id(p->port_id);
	memcpy(p->mac_before, p->mac, sizeof(p->mac_before));
	return 0;
}

int port_open(const struct port_cfg *cfg, unsigned int extra_mbufs, struct port *out,
	char err[PORT_ERR_LEN])
{
	struct opening o = {.cfg = cfg, .p = out, .err = err};
	struct port_sockets before;
	int rc;

	memset(out, 0, sizeof(*out));
	err[0] = '\0';
	port_netdev_name(cfg->device, out->netdev);
	port_sockets_list(&before);
	if ((rc = check_device(&o)) != 0 || (rc = probe(&o)) != 0)
		return rc;
	if ((rc = describe(&o)) != 0 || (rc = choose_queues(&o)) != 0 ||
		(rc = check_mtu(&o)) != 0 || (rc = configure(&o)) != 0)
		goto fail_port;
	if ((rc = make_pool(&o, extra_mbufs)) != 0)
		goto fail_port;
	if ((rc = set_mtu(&o)) != 0 || (rc = setup_queues(&o)) != 0 || (rc = set_mac(&o)) != 0)
		goto fail_pool;
	if ((rc = start(&o)) != 0)
		goto fail_pool;
	if ((rc = receive_multicast(&o)) != 0)
		goto fail_started;
	port_rss_read(out);
	port_flow_probe(out);
	if (cfg->rx_wait)
		port_wait_find(out, &before);
	return 0;
fail_started:
	rte_eth_dev_stop(out->port_id);
fail_pool:
	restore_mac(out);
	// The driver gives its mbufs back to the pool when it closes.
	unprobe(out);
	rte_mempool_free(out->pool);
	memset(out, 0, sizeof(*out));
	return rc;
fail_port:
	unprobe(out);
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
	restore_mac(p);
	port_flow_close(p);
	rte_eth_dev_stop(p->port_id);
	unprobe(p);
	rte_mempool_free(p->pool);
	memset(p, 0, sizeof(*p));
}
