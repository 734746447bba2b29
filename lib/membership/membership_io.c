// SPDX-License-Identifier: BSD-3-Clause
#include "membership/membership_io.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/capture.h"
#include "wire/ip.h"

#define CAPTURE_FILTER4 "ip proto 2"
// Behind a Hop-by-Hop header, as it has to be, and without one, to be counted.
#define CAPTURE_FILTER6                          \
	"(ip6[6] = 0 and ip6[40] = 58) or "      \
	"(ip6[6] = 58 and ((ip6[40] >= 130 and " \
	"ip6[40] <= 132) or ip6[40] = 143))"
#define CAPTURE_LEN 16384 // longer than what any of our links carries
// One ring slot holds a packet of any size, so this is a burst of 512 reports.
#define CAPTURE_BUFFER (8 << 20)

struct membership_io {
	struct capture *capture;
	uint8_t family;
	int send_fd; // of IPv4
	unsigned int ifindex;
	char netdev[IF_NAMESIZE];
};

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

struct membership_io *membership_io_open(const char *netdev, uint8_t family, membership_io_rx_cb cb,
	void *ctx, char err[MEMBERSHIP_IO_ERR_LEN])
{
	const bool v6 = family == ADDR_V6;
	// All multicast and not IP_ADD_MEMBERSHIP: the kernel would report each of our groups to
	// the link as a receiver does.
	const struct capture_cfg cfg = {.netdev = netdev,
		.filter = v6 ? CAPTURE_FILTER6 : CAPTURE_FILTER4,
		.room = "membership",
		.snaplen = CAPTURE_LEN,
		.buffer = CAPTURE_BUFFER,
		.all_multicast = true,
		.ipv6 = v6};
	struct membership_io *io = calloc(1, sizeof(*io));

	if (!io) {
		snprintf(err, MEMBERSHIP_IO_ERR_LEN, "%s: out of memory", netdev);
		return NULL;
	}
	io->send_fd = -1;
	io->family = family;
	io->ifindex = if_nametoindex(netdev);
	if (io->ifindex == 0) {
		snprintf(err, MEMBERSHIP_IO_ERR_LEN, "%s: no such device", netdev);
		goto fail;
	}
	snprintf(io->netdev, sizeof(io->netdev), "%s", netdev);
	io->capture = capture_open(&cfg, cb, ctx, err);
	if (io->capture && (v6 || send_open(io, err) == 0))
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
	capture_close(io->capture);
	free(io);
}

int membership_io_fd(const struct membership_io *io)
{
	return capture_fd(io->capture);
}

int membership_io_input(struct membership_io *io)
{
	return capture_input(io->capture);
}

uint32_t membership_io_lost(struct membership_io *io)
{
	return capture_lost(io->capture);
}

int membership_io_send(struct membership_io *io, const uint8_t *ip, size_t len)
{
	struct sockaddr_storage to;
	struct ipv4_hdr hdr;
	socklen_t to_len;

	if (io->family == ADDR_V6)
		return capture_send6(io->capture, ip, len);
	if (ipv4_decode(ip, len, &hdr) < 0)
		return -EINVAL;
	to_len = addr_to_sockaddr(&hdr.dst, 0, &to);
	if (sendto(io->send_fd, ip, len, MSG_DONTWAIT, (struct sockaddr *)&to, to_len) < 0)
		return -errno;
	return 0;
}
