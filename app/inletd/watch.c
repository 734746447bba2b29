// SPDX-License-Identifier: BSD-3-Clause
// PIM in watch mode: the network device on which another daemon is heard, and its addresses, which
// are that daemon's.
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#include "base/log.h"
#include "inlet.h"

bool watch_on(const struct iface *ifc)
{
	return ifc->cfg->pim.mode == CONFIG_PIM_WATCH;
}

bool watch_elsewhere(const struct iface *ifc)
{
	return watch_on(ifc) && ifc->cfg->pim.watch.netdev[0];
}

const char *watch_netdev(const struct iface *ifc)
{
	return watch_elsewhere(ifc) ? ifc->cfg->pim.watch.netdev : kif_name(ifc->kif);
}

void watch_addresses(struct iface *ifc)
{
	struct addr list[PIM_WATCHED_MAX];
	struct ifaddrs *all, *a;
	unsigned int n = 0;
	uint16_t port;

	if (getifaddrs(&all) < 0) {
		log_warn_limited(
			"pim", "addresses of the device watched are unknown if=%s", ifc->cfg->name);
		return;
	}
	for (a = all; a && n < PIM_WATCHED_MAX; a = a->ifa_next) {
		if (a->ifa_addr && strcmp(a->ifa_name, watch_netdev(ifc)) == 0 &&
			addr_from_sockaddr(a->ifa_addr, &list[n], &port) == 0)
			n++;
	}
	freeifaddrs(all);
	for (int f = 0; f < IFACE_FAMILIES; f++)
		if (ifc->pim[f].pim)
			pim_if_watched(ifc->pim[f].pim, list, n, clock_mono_us());
}

void watch_netlink(struct inlet *in, const struct netlink_event *ev)
{
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		struct iface *ifc = &in->ifs[i];

		// A device that is gone is not found; its capture ends too.
		if (ifc->cfg->pim.enabled && watch_on(ifc) &&
			(int)if_nametoindex(watch_netdev(ifc)) == ev->ifindex)
			watch_addresses(ifc);
	}
}
