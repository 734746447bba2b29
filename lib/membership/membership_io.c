// SPDX-License-Identifier: BSD-3-Clause
#include "membership/membership_io.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/log.h"
#include "wire/ip.h"

#define CAPTURE_FILTER "ip proto 2"
#define CAPTURE_LEN    16384 // longer than what any of our links carries
// One ring slot holds a packet of any size, so this is a burst of 512 reports.
#define CAPTURE_BUFFER (8 << 20)
#define BATCH	       64

#define ETHER_HEADER_LEN 14
#define ETHERTYPE_IPV4	 0x0800

struct membership_io {
	pcap_t *pcap;
	int pcap_fd;
	int send_fd;
	unsigned int ifindex;
	char netdev[IF_NAMESIZE];
	membership_io_rx_cb cb;
	void *ctx;
	int received; // in the current batch
};

static int capture_activate(struct membership_io *io, char err[MEMBERSHIP_IO_ERR_LEN])
{
	int rc;

	pcap_set_snaplen(io->pcap, CAPTURE_LEN);
	pcap_set_promisc(io->pcap, 0);
	pcap_set_immediate_mode(io->pcap, 1);
	pcap_set_buffer_size(io->pcap, CAPTURE_BUFFER);
	rc = pcap_activate(io->pcap);
	if (rc < 0) {
		snprintf(err, MEMBERSHIP_IO_ERR_LEN, "%s: capture: %s", io->netdev,
			*pcap_geterr(io->pcap) ? pcap_geterr(io->pcap) : pcap_statustostr(rc));
		return -EIO;
	}
	if (pcap_datalink(io->pcap) != DLT_EN10MB) {
		snprintf(err, MEMBERSHIP_IO_ERR_LEN, "%s: not an Ethernet device", io->netdev);
		return -EPROTOTYPE;
	}
	return 0;
}

// On the capture's packet socket and not by IP_ADD_MEMBERSHIP: the kernel would report each of our
// groups to the link as a receiver does.
static int all_multicast(const struct membership_io *io, char err[MEMBERSHIP_IO_ERR_LEN])
{
	struct packet_mreq mreq = {.mr_ifindex = (int)io->ifindex, .mr_type = PACKET_MR_ALLMULTI};

	if (setsockopt(io->pcap_fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq, sizeof(mreq)) == 0)
		return 0;
	snprintf(err, MEMBERSHIP_IO_ERR_LEN, "%s: all multicast: %s", io->netdev, strerror(errno));
	return -EIO;
}

static int capture_open(struct membership_io *io, char err[MEMBERSHIP_IO_ERR_LEN])
{
	char text[PCAP_ERRBUF_SIZE] = "";
	struct bpf_program filter;
	int rc;

	io->pcap = pcap_create(io->netdev, text);
	if (!io->pcap) {
		snprintf(err, MEMBERSHIP_IO_ERR_LEN, "%s: capture: %.200s", io->netdev, text);
		return -EIO;
	}
	rc = capture_activate(io, err);
	if (rc < 0)
		return rc;
	if (pcap_compile(io->pcap, &filter, CAPTURE_FILTER, 1, PCAP_NETMASK_UNKNOWN) < 0)
		goto fail;
	rc = pcap_setfilter(io->pcap, &filter);
	pcap_freecode(&filter);
	if (rc < 0 || pcap_setdirection(io->pcap, PCAP_D_IN) < 0)
		goto fail;
	if (pcap_setnonblock(io->pcap, 1, text) < 0) {
		snprintf(err, MEMBERSHIP_IO_ERR_LEN, "%s: capture: %.200s", io->netdev, text);
		return -EIO;
	}
	io->pcap_fd = pcap_get_selectable_fd(io->pcap);
	return all_multicast(io, err);

fail:
	snprintf(err, MEMBERSHIP_IO_ERR_LEN, "%s: capture: %s", io->netdev, pcap_geterr(io->pcap));
	return -EIO;
}

// A socket of IPPROTO_RAW sends what it is given, header included, and receives nothing.
static int send_open(struct membership_io *io, char err[MEMBERSHIP_IO_ERR_LEN])
{
	struct ip_mreqn dev = {.imr_ifindex = (int)io->ifindex};
	const char *what = "raw socket";
	int off = 0, rc;

	io->send_fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	if (io->send_fd < 0)
		goto fail;
	what = "socket options";
	if (setsockopt(io->send_fd, SOL_SOCKET, SO_BINDTODEVICE, io->netdev,
		    (socklen_t)strlen(io->netdev)) == 0 &&
		setsockopt(io->send_fd, IPPROTO_IP, IP_MULTICAST_IF, &dev, sizeof(dev)) == 0 &&
		setsockopt(io->send_fd, IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof(off)) == 0)
		return 0;

fail:
	rc = -errno;
	snprintf(err, MEMBERSHIP_IO_ERR_LEN, "%s: %s: %s", io->netdev, what, strerror(-rc));
	return rc;
}

struct membership_io *membership_io_open(
	const char *netdev, membership_io_rx_cb cb, void *ctx, char err[MEMBERSHIP_IO_ERR_LEN])
{
	struct membership_io *io = calloc(1, sizeof(*io));

	if (!io) {
		snprintf(err, MEMBERSHIP_IO_ERR_LEN, "%s: out of memory", netdev);
		return NULL;
	}
	io->send_fd = -1;
	io->cb = cb;
	io->ctx = ctx;
	io->ifindex = if_nametoindex(netdev);
	if (io->ifindex == 0) {
		snprintf(err, MEMBERSHIP_IO_ERR_LEN, "%s: no such device", netdev);
		goto fail;
	}
	snprintf(io->netdev, sizeof(io->netdev), "%s", netdev);
	if (capture_open(io, err) < 0 || send_open(io, err) < 0)
		goto fail;
	return io;

fail:
	membership_io_close(io);
	return NULL;
}

void membership_io_close(struct membership_io *io)
{
	if (!io)
		return;
	if (io->send_fd >= 0)
		close(io->send_fd);
	if (io->pcap)
		pcap_close(io->pcap);
	free(io);
}

int membership_io_fd(const struct membership_io *io)
{
	return io->pcap_fd;
}

static void packet_cb(u_char *arg, const struct pcap_pkthdr *pkt, const u_char *frame)
{
	struct membership_io *io = (void *)arg;
	struct rd r = rd_init(frame, pkt->caplen);

	io->received++;
	rd_bytes(&r, ETHER_HEADER_LEN - 2);
	// A frame with a VLAN tag passes the kernel's filter, which sees it without; it is not
	// ours.
	if (rd_be16(&r) == ETHERTYPE_IPV4)
		io->cb(io->ctx, r.p, rd_left(&r));
}

int membership_io_input(struct membership_io *io)
{
	char name[IF_NAMESIZE];
	int rc;

	io->received = 0;
	rc = pcap_dispatch(io->pcap, BATCH, packet_cb, (void *)io);
	if (rc >= 0)
		return io->received;
	if (!if_indextoname(io->ifindex, name))
		return -ENODEV;
	log_warn_limited("membership", "capture if=%s error=%s", io->netdev, pcap_geterr(io->pcap));
	return 0;
}

int membership_io_send(struct membership_io *io, const uint8_t *ip, size_t len)
{
	struct sockaddr_storage to;
	struct ipv4_hdr hdr;
	socklen_t to_len;

	if (ipv4_decode(ip, len, &hdr) < 0)
		return -EINVAL;
	to_len = addr_to_sockaddr(&hdr.dst, 0, &to);
	if (sendto(io->send_fd, ip, len, MSG_DONTWAIT, (struct sockaddr *)&to, to_len) < 0)
		return -errno;
	return 0;
}
