// SPDX-License-Identifier: BSD-3-Clause
// What the kernel tells of its netdevs: ethtool's answers, addresses and default routes.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "inletd/probe.h"

static bool ask(int fd, const char *name, void *cmd)
{
	struct ifreq ifr = {.ifr_data = cmd};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	return ioctl(fd, SIOCETHTOOL, &ifr) == 0;
}

// Whether UDP packets of a family are hashed by their ports.
static int udp_hash(int fd, const char *name, uint32_t flow)
{
	struct ethtool_rxnfc c = {.cmd = ETHTOOL_GRXFH, .flow_type = flow};
	const uint64_t ports = RXH_L4_B_0_1 | RXH_L4_B_2_3;

	if (!ask(fd, name, &c))
		return -1;
	return (c.data & ports) == ports;
}

static void ethtool(int fd, struct probe_port *p)
{
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ethtool_ringparam ring = {.cmd = ETHTOOL_GRINGPARAM};
	struct ethtool_value csum = {.cmd = ETHTOOL_GRXCSUM};

	if (ask(fd, p->name, &driver))
		snprintf(p->kind, sizeof(p->kind), "%.31s", driver.driver);
	if (ask(fd, p->name, &channels))
		p->max_queues =
			(int)(channels.max_combined ? channels.max_combined : channels.max_rx);
	if (ask(fd, p->name, &ring) && ring.rx_max_pending)
		p->max_rx_ring = (int)ring.rx_max_pending;
	if (ask(fd, p->name, &csum))
		p->rx_csum = csum.data != 0;
	p->udp4 = udp_hash(fd, p->name, UDP_V4_FLOW);
	p->udp6 = udp_hash(fd, p->name, UDP_V6_FLOW);
}

static struct probe_port *named(struct probe *p, const char *name)
{
	for (unsigned int i = 0; i < p->n_ports; i++)
		if (p->ports[i].name[0] && strcmp(p->ports[i].name, name) == 0)
			return &p->ports[i];
	return NULL;
}

static int mask_len(const struct sockaddr *mask, size_t offset, int octets)
{
	const uint8_t *m = (const uint8_t *)mask + offset;
	int n = 0;

	for (int i = 0; i < octets; i++)
		n += __builtin_popcount(m[i]);
	return n;
}

static void addresses(struct probe *p)
{
	struct ifaddrs *list;

	if (getifaddrs(&list) != 0)
		return;
	for (struct ifaddrs *a = list; a; a = a->ifa_next) {
		struct probe_port *port = a->ifa_addr ? named(p, a->ifa_name) : NULL;
		char text[INET6_ADDRSTRLEN];
		const void *addr;
		int len;

		if (!port || !a->ifa_netmask || port->n_addrs == PROBE_MAX_ADDRS)
			continue;
		if (a->ifa_addr->sa_family == AF_INET) {
			addr = &((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr;
			len = mask_len(a->ifa_netmask, offsetof(struct sockaddr_in, sin_addr), 4);
		} else if (a->ifa_addr->sa_family == AF_INET6) {
			const struct in6_addr *in6 =
				&((const struct sockaddr_in6 *)(const void *)a->ifa_addr)
					 ->sin6_addr;

			if (IN6_IS_ADDR_LINKLOCAL(in6))
				continue;
			addr = in6;
			len = mask_len(
				a->ifa_netmask, offsetof(struct sockaddr_in6, sin6_addr), 16);
		} else {
			continue;
		}
		if (inet_ntop(a->ifa_addr->sa_family, addr, text, sizeof(text)))
			snprintf(port->addrs[port->n_addrs++], PROBE_TEXT, "%s/%d", text, len);
	}
	freeifaddrs(list);
}

static void routes4(struct probe *p)
{
	FILE *f = fopen("/proc/net/route", "re");
	char line[256], name[32];
	unsigned int to, via, flags, mask;

	while (f && fgets(line, sizeof(line), f)) {
		struct in_addr addr;
		struct probe_port *port;

		if (sscanf(line, "%31s %x %x %x %*d %*d %*d %x", name, &to, &via, &flags, &mask) !=
				5 ||
			to != 0 || mask != 0 || via == 0 || !(port = named(p, name)))
			continue;
		addr.s_addr = via;
		inet_ntop(AF_INET, &addr, port->gateway[0], sizeof(port->gateway[0]));
	}
	if (f)
		fclose(f);
}

static void routes6(struct probe *p)
{
	FILE *f = fopen("/proc/net/ipv6_route", "re");
	char line[256], to[33], via[33], name[32];
	unsigned int to_len;

	while (f && fgets(line, sizeof(line), f)) {
		struct in6_addr addr;
		struct probe_port *port;

		if (sscanf(line, "%32s %x %*s %*s %32s %*s %*s %*s %*s %31s", to, &to_len, via,
			    name) != 4 ||
			to_len != 0 || strspn(via, "0") == 32 || strlen(via) != 32 ||
			!(port = named(p, name)))
			continue;
		for (int i = 0; i < 16; i++) {
			char octet[3] = {via[2 * i], via[2 * i + 1], '\0'};

			addr.s6_addr[i] = (uint8_t)strtoul(octet, NULL, 16);
		}
		inet_ntop(AF_INET6, &addr, port->gateway[1], sizeof(port->gateway[1]));
	}
	if (f)
		fclose(f);
}

void probe_netdevs(struct probe *p)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (unsigned int i = 0; fd >= 0 && i < p->n_ports; i++)
		if (p->ports[i].name[0])
			ethtool(fd, &p->ports[i]);
	if (fd >= 0)
		close(fd);
	addresses(p);
	routes4(p);
	routes6(p);
}
