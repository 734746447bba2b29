// SPDX-License-Identifier: BSD-3-Clause
#include "kif/kif_netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

// Of this netdev only, under /proc/sys/net.
static const struct setting {
	const char *family, *key, *value;
} settings[] = {
	// Multicast sources and relays are reached over other interfaces than the one they are
	// heard on: strict reverse-path filtering (RFC 3704 2.2) would drop them.
	{"ipv4", "rp_filter", "2"},
	{"ipv6", "accept_ra", "0"},
	{"ipv6", "autoconf", "0"},
	// Configured IPv6 addresses survive "ip link set down".
	{"ipv6", "keep_addr_on_down", "1"},
};
// Without IPv6: no addresses that nobody configured, and no traffic to make them.
static const struct setting without_ipv6[] = {
	{"ipv6", "addr_gen_mode", "1"},
};
// With it: link-local addresses are what neighbours and routers know each other by (RFC 4291
// section 2.1).
static const struct setting with_ipv6[] = {
	{"ipv6", "disable_ipv6", "0"},
	{"ipv6", "addr_gen_mode", "0"},
};

bool kif_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	// As the kernel's dev_valid_name(); '%' would make it choose a number.
	return strpbrk(name, "/:% \t\r\n\v\f") == NULL;
}

// A container may have no /proc/sys or a read-only one, and a kernel no IPv6: not an error.
static void write_setting(const char *name, const char *family, const char *key, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, name, key);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0) {
		if (errno != ENOENT)
			log_warn("kif", "setting not made path=%s value=%s error=\"%s\"", path,
				value, strerror(errno));
		else
			log_debug("kif", "no such setting path=%s", path);
	}
	if (fd >= 0)
		close(fd);
}

static void write_settings(const char *name, const struct setting *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		write_setting(name, s[i].family, s[i].key, s[i].value);
}

void kif_netdev_ipv6(const char *name)
{
	write_settings(name, with_ipv6, sizeof(with_ipv6) / sizeof(with_ipv6[0]));
}

static int request(int fd, unsigned long req, struct ifreq *ifr, const struct kif_cfg *cfg,
	const char *what, char err[KIF_ERR_LEN])
{
	int rc;

	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", cfg->name);
	if (ioctl(fd, req, ifr) == 0)
		return 0;
	rc = -errno;
	snprintf(err, KIF_ERR_LEN, "%s: cannot %s: %s", cfg->name, what, strerror(errno));
	return rc;
}

int kif_netdev_setup(const struct kif_cfg *cfg, int *ifindex, char err[KIF_ERR_LEN])
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr;
	int rc;

	if (fd < 0) {
		rc = -errno;
		snprintf(err, KIF_ERR_LEN, "%s: no socket: %s", cfg->name, strerror(errno));
		return rc;
	}
	memset(&ifr, 0, sizeof(ifr));
	if ((rc = request(fd, SIOCGIFINDEX, &ifr, cfg, "find the interface", err)) != 0)
		goto out;
	*ifindex = ifr.ifr_ifindex;
	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, cfg->mac, sizeof(cfg->mac));
	if ((rc = request(fd, SIOCSIFHWADDR, &ifr, cfg, "set the MAC address", err)) != 0)
		goto out;
	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_mtu = cfg->mtu;
	if ((rc = request(fd, SIOCSIFMTU, &ifr, cfg, "set the MTU", err)) != 0)
		goto out;
	write_settings(cfg->name, settings, sizeof(settings) / sizeof(settings[0]));
	if (cfg->ipv6)
		kif_netdev_ipv6(cfg->name);
	else
		write_settings(
			cfg->name, without_ipv6, sizeof(without_ipv6) / sizeof(without_ipv6[0]));
	memset(&ifr, 0, sizeof(ifr));
	if ((rc = request(fd, SIOCGIFFLAGS, &ifr, cfg, "read the flags", err)) != 0)
		goto out;
	ifr.ifr_flags |= IFF_UP;
	rc = request(fd, SIOCSIFFLAGS, &ifr, cfg, "bring the interface up", err);
out:
	close(fd);
	return rc;
}
