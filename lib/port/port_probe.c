// SPDX-License-Identifier: BSD-3-Clause
#include "port/port_probe.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_ethdev.h>

static const char owner_name[] = "inlet";

__attribute__((format(printf, 3, 4))) static int fail(
	char why[PORT_ERR_LEN], int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, PORT_ERR_LEN, fmt, ap);
	va_end(ap);
	return rc;
}

// The first port of the device that nobody owns. *owned: there is one that somebody does.
static int find_port(const char *device, uint16_t *port_id, bool *owned)
{
	struct rte_dev_iterator iter;
	uint16_t id;
	int rc = -ENODEV;

	*owned = false;
	RTE_ETH_FOREACH_MATCHING_DEV(id, device, &iter)
	{
		struct rte_eth_dev_owner owner;

		if (rte_eth_dev_owner_get(id, &owner) != 0)
			continue;
		if (owner.id != RTE_ETH_DEV_NO_OWNER) {
			*owned = true;
			continue;
		}
		*port_id = id;
		rc = 0;
		rte_eth_iterator_cleanup(&iter);
		break;
	}
	return rc;
}

static uint64_t our_owner_id(void)
{
	uint16_t id;

	// One owner for all our ports: found on a port of ours, or new.
	RTE_ETH_FOREACH_DEV (id) {
		struct rte_eth_dev_owner owner;

		if (rte_eth_dev_owner_get(id, &owner) == 0 && owner.id != RTE_ETH_DEV_NO_OWNER &&
			strcmp(owner.name, owner_name) == 0)
			return owner.id;
	}
	return RTE_ETH_DEV_NO_OWNER;
}

static int take_port(uint16_t id, char why[PORT_ERR_LEN])
{
	struct rte_eth_dev_owner owner = {.id = our_owner_id()};
	int rc;

	snprintf(owner.name, sizeof(owner.name), "%s", owner_name);
	if (owner.id == RTE_ETH_DEV_NO_OWNER && (rc = rte_eth_dev_owner_new(&owner.id)) != 0)
		return fail(why, rc, "cannot make an owner of ports: %s", strerror(-rc));
	rc = rte_eth_dev_owner_set(id, &owner);
	if (rc != 0)
		return fail(why, rc, "port %u cannot be taken: %s", id, strerror(-rc));
	return 0;
}

int port_probe(const char *device, uint16_t *port_id, char why[PORT_ERR_LEN])
{
	bool owned;
	int rc;

	// The EAL may have probed it at its start (a PCI device, or --vdev).
	if (find_port(device, port_id, &owned) == 0)
		return take_port(*port_id, why);
	if (owned)
		return fail(why, -EBUSY, "the device is in use by another interface");
	rc = rte_dev_probe(device);
	if (rc < 0) {
		const char *text = "probing failed (DPDK's log has more)";

		// The EAL's word for a name that no bus knows is EFAULT.
		if (rc == -ENODEV || rc == -ENOENT || rc == -EFAULT)
			text = "no such device or driver";
		else if (rc == -EEXIST)
			text = "a device of that name exists";
		return fail(why, rc, "%s: %s", text, strerror(-rc));
	}
	// A PCI device bound to the kernel's driver is skipped by the bus without an error.
	if (find_port(device, port_id, &owned) != 0)
		return fail(
			why, -ENODEV, "the device has no ethdev port (is it bound to vfio-pci?)");
	return take_port(*port_id, why);
}

// True when another port of the same device is still there.
static bool has_sibling(uint16_t port_id, const struct rte_device *dev)
{
	uint16_t id;

	RTE_ETH_FOREACH_DEV (id) {
		struct rte_eth_dev_info info;

		if (id != port_id && rte_eth_dev_info_get(id, &info) == 0 && info.device == dev)
			return true;
	}
	return false;
}

void port_disown(uint16_t port_id)
{
	struct rte_eth_dev_owner owner;

	if (rte_eth_dev_owner_get(port_id, &owner) == 0 && owner.id != RTE_ETH_DEV_NO_OWNER)
		rte_eth_dev_owner_unset(port_id, owner.id);
}

void port_unprobe(uint16_t port_id)
{
	struct rte_eth_dev_info info;
	bool sibling;

	if (rte_eth_dev_info_get(port_id, &info) != 0)
		info.device = NULL;
	sibling = info.device != NULL && has_sibling(port_id, info.device);
	port_disown(port_id);
	rte_eth_dev_close(port_id);
	if (info.device != NULL && !sibling)
		rte_dev_remove(info.device);
}
