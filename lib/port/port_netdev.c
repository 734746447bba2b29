// SPDX-License-Identifier: BSD-3-Clause
#include "port/port_netdev.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

bool port_devarg(const char *device, const char *key, char *out, size_t size)
{
	const size_t key_len = strlen(key);
	const char *at = strchr(device, ',');

	while (at != NULL) {
		const char *end;

		at++;
		end = strchr(at, ',');
		if (strncmp(at, key, key_len) == 0 && at[key_len] == '=') {
			const char *value = at + key_len + 1;
			size_t len = end != NULL ? (size_t)(end - value) : strlen(value);

			if (len == 0 || len >= size)
				return false;
			memcpy(out, value, len);
			out[len] = '\0';
			return true;
		}
		at = end;
	}
	return false;
}

static bool driver_is(const char *device, const char *driver)
{
	return strncmp(device, driver, strlen(driver)) == 0;
}

bool port_netdev_backed(const char *device)
{
	return driver_is(device, "net_af_packet") || driver_is(device, "net_af_xdp") ||
	       driver_is(device, "eth_af_packet");
}

void port_netdev_name(const char *device, char name[16])
{
	name[0] = '\0';
	if (port_netdev_backed(device))
		port_devarg(device, "iface", name, IFNAMSIZ);
}

// Kept open: a link is looked at ten times a second, and one must not read as down because the
// process has no descriptor left. Of the control thread.
static int netdev_ioctl(const char *name, unsigned long request, struct ifreq *ifr)
{
	static int fd = -1;

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	return ioctl(fd, request, ifr) < 0 ? -errno : 0;
}

int port_netdev_mtu(const char *name)
{
	struct ifreq ifr = {0};
	int rc = netdev_ioctl(name, SIOCGIFMTU, &ifr);

	return rc < 0 ? rc : ifr.ifr_mtu;
}

int port_netdev_set_mtu(const char *name, int mtu)
{
	struct ifreq ifr = {.ifr_mtu = mtu};

	return netdev_ioctl(name, SIOCSIFMTU, &ifr);
}

int port_netdev_set_up(const char *name, bool up)
{
	struct ifreq ifr = {0};
	int rc = netdev_ioctl(name, SIOCGIFFLAGS, &ifr);

	if (rc < 0)
		return rc;
	ifr.ifr_flags = (short)(up ? ifr.ifr_flags | IFF_UP : ifr.ifr_flags & ~IFF_UP);
	return netdev_ioctl(name, SIOCSIFFLAGS, &ifr);
}

int port_netdev_running(const char *name)
{
	struct ifreq ifr = {0};
	int rc = netdev_ioctl(name, SIOCGIFFLAGS, &ifr);

	return rc < 0 ? rc : (ifr.ifr_flags & IFF_RUNNING) != 0;
}
