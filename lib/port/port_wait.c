// SPDX-License-Identifier: BSD-3-Clause
#include "port/port_wait.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <rte_common.h>
#include <rte_epoll.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void port_sockets_list(struct port_sockets *s)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *de;

	s->n = 0;
	s->overflow = dir == NULL;
	while (dir != NULL && (de = readdir(dir)) != NULL) {
		int fd, domain;
		socklen_t len = sizeof(domain);

		if (!isdigit((unsigned char)de->d_name[0]))
			continue;
		fd = atoi(de->d_name);
		if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 ||
			(domain != AF_PACKET && domain != AF_XDP))
			continue;
		if (s->n == RTE_DIM(s->fds))
			s->overflow = true;
		else
			s->fds[s->n++] = fd;
	}
	if (dir != NULL)
		closedir(dir);
	qsort(s->fds, s->n, sizeof(s->fds[0]), by_number);
}

// The drivers open one socket a queue, in the order of the queues. Any other picture than that is
// taken for none.
void port_wait_find(struct port *p, const struct port_sockets *before)
{
	struct port_sockets now;
	unsigned int n = 0, old = 0;

	p->n_wait = 0;
	port_sockets_list(&now);
	if (before->overflow || now.overflow || p->netdev[0] == '\0')
		return;
	for (unsigned int i = 0; i < now.n; i++) {
		while (old < before->n && before->fds[old] < now.fds[i])
			old++;
		if (old < before->n && before->fds[old] == now.fds[i])
			continue;
		if (n == RTE_DIM(p->wait_fds))
			return;
		p->wait_fds[n++] = now.fds[i];
	}
	if (n == p->n_queues)
		p->n_wait = (uint16_t)n;
}

// The row "Rx interrupt" of the drivers' feature table (DPDK 22.11, Overview of Networking
// Drivers), by the names that the drivers give themselves.
bool port_wait_has_interrupts(const char *driver)
{
	static const char *const names[] = {"net_ena", "net_i40e", "net_iavf", "net_ice",
		"net_e1000_igb", "net_igc", "net_ixgbe", "net_ixgbe_vf", "mlx5_pci", "mlx5_eth",
		"net_tap", "net_virtio"};

	for (size_t i = 0; i < RTE_DIM(names); i++)
		if (strcmp(driver, names[i]) == 0)
			return true;
	return false;
}

int port_wait_add(const struct port *p, uint16_t queue, int epfd, struct rte_epoll_event *ev)
{
	int rc;

	memset(ev, 0, sizeof(*ev));
	if (queue < p->n_wait) {
		ev->epdata.event = EPOLLIN;
		return rte_epoll_ctl(epfd, EPOLL_CTL_ADD, p->wait_fds[queue], ev) == 0 ? 0 : -EIO;
	}
	if (!p->rx_interrupts)
		return -ENOTSUP;
	// With an event of the driver's own.
	rc = rte_eth_dev_rx_intr_ctl_q(p->port_id, queue, epfd, RTE_INTR_EVENT_ADD, NULL);
	return rc < 0 ? -ENOTSUP : 0;
}

void port_wait_arm(const struct port *p, uint16_t queue)
{
	if (queue < p->n_wait || !p->rx_interrupts)
		return;
	// net_tap has a descriptor and nothing to enable: what it says is of no interest.
	rte_eth_dev_rx_intr_disable(p->port_id, queue);
	rte_eth_dev_rx_intr_enable(p->port_id, queue);
}
