// SPDX-License-Identifier: BSD-3-Clause
#include "pim/pim_io.h"

#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/capture.h"
#include "wire/ip.h"

// No `dst host`: a message to a wrong destination is to be counted.
#define CAPTURE_FILTER4 "ip proto 103"
#define CAPTURE_FILTER6 "ip6 proto 103" // its fragments too
#define CAPTURE_LEN	(65535 + 14)
// One ring slot holds a packet of any size, so this is a burst of 256 packets.
#define CAPTURE_BUFFER (16 << 20)

#define IP_HEADER_LEN 20
#define IP_FRAGMENT   0x3fff // MF or an offset
#define TOS_CONTROL   0xc0   // internetwork control
#define SEND_LEN_MAX  (65535 - IP_HEADER_LEN)
#define SEND6_LEN_MAX 2048 // longer than anything that we say

struct pim_io {
	struct capture *capture;
	uint8_t family;
	bool watch;
	int send_fd; // of IPv4, unless only watching
	unsigned int ifindex;
	char netdev[IF_NAMESIZE];
	pim_io_rx_cb cb;
	void *ctx;
};

static const struct addr all_pim_routers6 = {.family = ADDR_V6, .bytes = {0xff, 0x02, [15] = 0x0d}};
static const uint8_t all_pim_routers6_mac[6] = {0x33, 0x33, 0, 0, 0, 0x0d};
static const struct addr all_pim_routers = {.family = ADDR_V4, .bytes = {224, 0, 0, 13}};

// The kernel also queues what arrives to a raw socket; nobody reads it there.
static int drop_all(int fd)
{
	struct sock_filter code = {.code = BPF_RET | BPF_K, .k = 0};
	struct sock_fprog prog = {.len = 1, .filter = &code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

static int send_open(struct pim_io *io, char err[PIM_IO_ERR_LEN])
{
	struct ip_mreqn group = {
		.imr_multiaddr.s_addr = addr_to_v4(&all_pim_routers),
		.imr_ifindex = (int)io->ifindex,
	};
	const char *what = "raw socket";
	int on = 1, off = 0, fd, rc;

	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IP_PROTO_PIM);
	if (fd < 0)
		goto fail;
	io->send_fd = fd;
	what = "socket options";
	if (drop_all(fd) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, io->netdev,
			(socklen_t)strlen(io->netdev)) < 0 ||
		setsockopt(fd, IPPROTO_IP, IP_HDRINCL, &on, sizeof(on)) < 0 ||
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof(group)) < 0 ||
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof(off)) < 0)
		goto fail;
	what = "join 224.0.0.13";
	if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		goto fail;
	return 0;

fail:
	rc = -errno;
	snprintf(err, PIM_IO_ERR_LEN, "%s: %s: %s", io->netdev, what, strerror(-rc));
	return rc;
}

static void packet6_cb(void *ctx, const uint8_t *packet, size_t len)
{
	static const struct addr none;
	struct pim_io *io = ctx;
	struct ipv6_hdr ip;

	if (ipv6_decode(packet, len, &ip) < 0)
		io->cb(io->ctx, &none, &none, packet, 0);
	else if (ip.next != IP_PROTO_PIM) // a fragment
		io->cb(io->ctx, &ip.src, &ip.dst, NULL, 0);
	else
		io->cb(io->ctx, &ip.src, &ip.dst, packet + IPV6_HDR_LEN, ip.payload_len);
}

static void packet_cb(void *ctx, const uint8_t *packet, size_t len)
{
	static const struct addr none;
	struct pim_io *io = ctx;
	struct ipv4_hdr ip;

	if (ipv4_decode(packet, len, &ip) < 0)
		io->cb(io->ctx, &none, &none, packet, 0);
	else if (ip.frag & IP_FRAGMENT)
		io->cb(io->ctx, &ip.src, &ip.dst, NULL, 0);
	else
		io->cb(io->ctx, &ip.src, &ip.dst, packet + ip.hdr_len, ip.total_len - ip.hdr_len);
}

static struct pim_io *io_open(const char *netdev, uint8_t family, bool watch, pim_io_rx_cb cb,
	void *ctx, char err[PIM_IO_ERR_LEN])
{
	const bool v6 = family == ADDR_V6;
	const struct capture_cfg cfg = {.netdev = netdev,
		.filter = v6 ? CAPTURE_FILTER6 : CAPTURE_FILTER4,
		.room = "pim",
		.snaplen = CAPTURE_LEN,
		.buffer = CAPTURE_BUFFER,
		.all_multicast = watch,
		.outgoing = watch,
		.ipv6 = v6,
		.group_mac = v6 && !watch ? all_pim_routers6_mac : NULL};
	struct pim_io *io = calloc(1, sizeof(*io));

	if (!io) {
		snprintf(err, PIM_IO_ERR_LEN, "%s: out of memory", netdev);
		return NULL;
	}
	io->send_fd = -1;
	io->family = family;
	io->watch = watch;
	io->cb = cb;
	io->ctx = ctx;
	io->ifindex = if_nametoindex(netdev);
	if (io->ifindex == 0) {
		snprintf(err, PIM_IO_ERR_LEN, "%s: no such device", netdev);
		goto fail;
	}
	snprintf(io->netdev, sizeof(io->netdev), "%s", netdev);
	io->capture = capture_open(&cfg, v6 ? packet6_cb : packet_cb, io, err);
	if (io->capture && (watch || v6 || send_open(io, err) == 0))
		return io;

fail:
	pim_io_close(io);
	return NULL;
}

struct pim_io *pim_io_open(
	const char *netdev, uint8_t family, pim_io_rx_cb cb, void *ctx, char err[PIM_IO_ERR_LEN])
{
	return io_open(netdev, family, false, cb, ctx, err);
}

struct pim_io *pim_io_watch(
	const char *netdev, uint8_t family, pim_io_rx_cb cb, void *ctx, char err[PIM_IO_ERR_LEN])
{
	return io_open(netdev, family, true, cb, ctx, err);
}

void pim_io_close(struct pim_io *io)
{
	if (!io)
		return;
	if (io->send_fd >= 0)
		close(io->send_fd);
	capture_close(io->capture);
	free(io);
}

int pim_io_fd(const struct pim_io *io)
{
	return capture_fd(io->capture);
}

int pim_io_input(struct pim_io *io)
{
	return capture_input(io->capture);
}

uint32_t pim_io_lost(struct pim_io *io)
{
	return capture_lost(io->capture);
}

static int send6(struct pim_io *io, const struct addr *src, const uint8_t *pim, size_t len)
{
	uint8_t packet[IPV6_HDR_LEN + SEND6_LEN_MAX] = {
		0x60 | TOS_CONTROL >> 4, (uint8_t)(TOS_CONTROL << 4), [6] = IP_PROTO_PIM, [7] = 1};

	if (len > SEND6_LEN_MAX)
		return -EMSGSIZE;
	packet[4] = (uint8_t)(len >> 8);
	packet[5] = (uint8_t)len;
	memcpy(packet + 8, src->bytes, 16);
	memcpy(packet + 24, all_pim_routers6.bytes, 16);
	memcpy(packet + IPV6_HDR_LEN, pim, len);
	return capture_send6(io->capture, packet, IPV6_HDR_LEN + len);
}

int pim_io_send(struct pim_io *io, const struct addr *src, const uint8_t *pim, size_t len)
{
	uint8_t header[IP_HEADER_LEN] = {0x45, TOS_CONTROL, [8] = 1, [9] = IP_PROTO_PIM};
	struct iovec iov[2] = {{.iov_base = header, .iov_len = sizeof(header)},
		{.iov_base = (void *)(uintptr_t)pim, .iov_len = len}};
	struct sockaddr_storage to;
	struct msghdr msg = {.msg_name = &to, .msg_iov = iov, .msg_iovlen = 2};

	if (io->watch)
		return -EBADF;
	if (src->family != io->family)
		return -EAFNOSUPPORT;
	if (io->family == ADDR_V6)
		return send6(io, src, pim, len);
	if (len > SEND_LEN_MAX)
		return -EMSGSIZE;
	// The kernel fills in total length, identification and checksum (raw(7), IP_HDRINCL).
	memcpy(header + 12, src->bytes, 4);
	memcpy(header + 16, all_pim_routers.bytes, 4);
	msg.msg_namelen = addr_to_sockaddr(&all_pim_routers, 0, &to);
	return sendmsg(io->send_fd, &msg, MSG_DONTWAIT) < 0 ? -errno : 0;
}
