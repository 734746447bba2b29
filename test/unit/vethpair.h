// SPDX-License-Identifier: BSD-3-Clause
// For tests of a room's IO on a veth pair in a network namespace of the test's own.
#ifndef TEST_UNIT_VETHPAIR_H
#define TEST_UNIT_VETHPAIR_H

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

// A shell command of fixed text. 0 or -1.
static inline int run(const char *command)
{
	return system(command) == 0 ? 0 : -1; // NOLINT(cert-env33-c): a test, fixed text
}

// Up is not at work yet: until the kernel has seen the carrier and given each end of the pair a
// queue, what is sent is dropped. 0, or -1 after five seconds.
static inline int both_ways(void)
{
	return run("for i in $(seq 500); do"
		   " [ $(ip -o link | grep -c 'qdisc noqueue.* state UP ') = 2 ] && exit 0;"
		   " sleep 0.01; done; exit 1");
}

// What comes to a netdev, and a way to send on it. A descriptor or -1.
static inline int packet_socket(const char *netdev)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(netdev)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)), yes = 1;

	if (fd < 0)
		return -1;
	// What it sends itself would fill its buffer, which is read in some tests alone.
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)) == 0 &&
		bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	close(fd);
	return -1;
}

#endif
