// SPDX-License-Identifier: BSD-3-Clause
#include "capture/capture.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/log.h"

#define ETHER_HEADER_LEN 14
#define IPV6_HEADER_LEN	 40
#define IPV6_DST	 24

struct capture {
	pcap_t *pcap;
	int fd, send_fd;
	uint16_t ethertype;
	unsigned int ifindex;
	char netdev[IF_NAMESIZE];
	const char *room;
	capture_rx_cb cb;
	void *ctx;
	int received;	// in the current batch
	size_t octets;	// the same
	uint32_t drops; // what the kernel has counted, as of the last look
};

static int activate(struct capture *c, const struct capture_cfg *cfg, char err[CAPTURE_ERR_LEN])
{
	int rc;

	pcap_set_snaplen(c->pcap, cfg->snaplen);
	pcap_set_promisc(c->pcap, 0);
	pcap_set_immediate_mode(c->pcap, 1);
	pcap_set_buffer_size(c->pcap, cfg->buffer);
	rc = pcap_activate(c->pcap);
	if (rc < 0) {
		snprintf(err, CAPTURE_ERR_LEN, "%s: capture: %s", c->netdev,
			*pcap_geterr(c->pcap) ? pcap_geterr(c->pcap) : pcap_statustostr(rc));
		return -EIO;
	}
	if (pcap_datalink(c->pcap) != DLT_EN10MB) {
		snprintf(err, CAPTURE_ERR_LEN, "%s: not an Ethernet device", c->netdev);
		return -EPROTOTYPE;
	}
	return 0;
}

// On the capture's packet socket and not by IP_ADD_MEMBERSHIP: the kernel would report each of our
// groups to the link as a receiver does. mac: NULL for all groups.
static int want_multicast(const struct capture *c, const uint8_t *mac, char err[CAPTURE_ERR_LEN])
{
	struct packet_mreq mreq = {.mr_ifindex = (int)c->ifindex, .mr_type = PACKET_MR_ALLMULTI};

	if (mac) {
		mreq.mr_type = PACKET_MR_MULTICAST;
		mreq.mr_alen = ETH_ALEN;
		memcpy(mreq.mr_address, mac, ETH_ALEN);
	}
	if (setsockopt(c->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq, sizeof(mreq)) == 0)
		return 0;
	snprintf(err, CAPTURE_ERR_LEN, "%s: multicast: %s", c->netdev, strerror(errno));
	return -EIO;
}

// A packet socket without a protocol receives nothing.
static int send_open(struct capture *c, char err[CAPTURE_ERR_LEN])
{
	c->send_fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->send_fd >= 0)
		return 0;
	snprintf(err, CAPTURE_ERR_LEN, "%s: packet socket: %s", c->netdev, strerror(errno));
	return -EIO;
}

static int memberships(
	const struct capture *c, const struct capture_cfg *cfg, char err[CAPTURE_ERR_LEN])
{
	int rc = cfg->all_multicast ? want_multicast(c, NULL, err) : 0;

	if (rc == 0 && cfg->group_mac)
		rc = want_multicast(c, cfg->group_mac, err);
	return rc;
}

static int start(struct capture *c, const struct capture_cfg *cfg, char err[CAPTURE_ERR_LEN])
{
	char text[PCAP_ERRBUF_SIZE] = "";
	struct bpf_program filter;
	int rc;

	c->pcap = pcap_create(c->netdev, text);
	if (!c->pcap) {
		snprintf(err, CAPTURE_ERR_LEN, "%s: capture: %.200s", c->netdev, text);
		return -EIO;
	}
	rc = activate(c, cfg, err);
	if (rc < 0)
		return rc;
	if (pcap_compile(c->pcap, &filter, cfg->filter, 1, PCAP_NETMASK_UNKNOWN) < 0)
		goto fail;
	rc = pcap_setfilter(c->pcap, &filter);
	pcap_freecode(&filter);
	if (rc < 0 || pcap_setdirection(c->pcap, cfg->outgoing ? PCAP_D_INOUT : PCAP_D_IN) < 0)
		goto fail;
	if (pcap_setnonblock(c->pcap, 1, text) < 0) {
		snprintf(err, CAPTURE_ERR_LEN, "%s: capture: %.200s", c->netdev, text);
		return -EIO;
	}
	c->fd = pcap_get_selectable_fd(c->pcap);
	return memberships(c, cfg, err);

fail:
	snprintf(err, CAPTURE_ERR_LEN, "%s: capture: %s", c->netdev, pcap_geterr(c->pcap));
	return -EIO;
}

struct capture *capture_open(
	const struct capture_cfg *cfg, capture_rx_cb cb, void *ctx, char err[CAPTURE_ERR_LEN])
{
	struct capture *c = calloc(1, sizeof(*c));

	if (!c) {
		snprintf(err, CAPTURE_ERR_LEN, "%s: out of memory", cfg->netdev);
		return NULL;
	}
	c->send_fd = -1;
	c->ethertype = cfg->ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP;
	c->room = cfg->room;
	c->cb = cb;
	c->ctx = ctx;
	c->ifindex = if_nametoindex(cfg->netdev);
	if (c->ifindex == 0) {
		snprintf(err, CAPTURE_ERR_LEN, "%s: no such device", cfg->netdev);
		goto fail;
	}
	snprintf(c->netdev, sizeof(c->netdev), "%s", cfg->netdev);
	if (start(c, cfg, err) == 0 && (!cfg->ipv6 || send_open(c, err) == 0))
		return c;

fail:
	capture_close(c);
	return NULL;
}

void capture_close(struct capture *c)
{
	if (!c)
		return;
	if (c->pcap)
		pcap_close(c->pcap);
	if (c->send_fd >= 0)
		close(c->send_fd);
	free(c);
}

int capture_fd(const struct capture *c)
{
	return c->fd;
}

static void packet_cb(u_char *arg, const struct pcap_pkthdr *pkt, const u_char *frame)
{
	struct capture *c = (void *)arg;
	struct rd r = rd_init(frame, pkt->caplen);

	c->received++;
	c->octets += pkt->caplen;
	rd_bytes(&r, ETHER_HEADER_LEN - 2);
	// A frame with a VLAN tag passes the kernel's filter, which sees it without; it is not
	// ours.
	if (rd_be16(&r) == c->ethertype)
		c->cb(c->ctx, r.p, rd_left(&r));
}

int capture_input(struct capture *c)
{
	char name[IF_NAMESIZE];
	int rc;

	c->received = 0;
	c->octets = 0;
	do
		rc = pcap_dispatch(c->pcap, 1, packet_cb, (void *)c);
	while (rc > 0 && c->octets < CAPTURE_BATCH_OCTETS);
	if (rc >= 0)
		return c->received;
	if (!if_indextoname(c->ifindex, name))
		return -ENODEV;
	log_warn_limited(c->room, "capture if=%s error=%s", c->netdev, pcap_geterr(c->pcap));
	return 0;
}

uint32_t capture_lost(struct capture *c)
{
	struct pcap_stat now;
	uint32_t n;

	if (pcap_stats(c->pcap, &now) < 0)
		return 0;
	n = now.ps_drop - c->drops;
	c->drops = now.ps_drop;
	return n;
}

int capture_send6(struct capture *c, const uint8_t *ip, size_t len)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IPV6),
		.sll_ifindex = (int)c->ifindex,
		.sll_halen = ETH_ALEN,
		.sll_addr = {0x33, 0x33}}; // RFC 2464 section 7

	if (len < IPV6_HEADER_LEN || ip[IPV6_DST] != 0xff)
		return -EINVAL;
	memcpy(to.sll_addr + 2, ip + IPV6_DST + 12, 4);
	if (sendto(c->send_fd, ip, len, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return 0;
}
