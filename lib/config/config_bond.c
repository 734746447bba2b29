// SPDX-License-Identifier: BSD-3-Clause
// Checks of bonds of ports (net_bonding): their members.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/config_internal.h"

#define KEY "slave="

static bool is_driver(const char *device, const char *driver)
{
	return strncmp(device, driver, strlen(driver)) == 0;
}

// Whether the device string names the member, in one of its slave=.
static bool names(const char *device, const char *member)
{
	char slave[CONFIG_MEMBER_LEN];

	for (const char *at = strchr(device, ','); at; at = strchr(at, ',')) {
		size_t len;

		at++;
		if (strncmp(at, KEY, strlen(KEY)) != 0)
			continue;
		at += strlen(KEY);
		len = strcspn(at, ",");
		if (len >= sizeof(slave))
			continue;
		memcpy(slave, at, len);
		slave[len] = '\0';
		if (config_same_device(slave, member))
			return true;
	}
	return false;
}

static int check_member(const struct config *c, const config_t *config, unsigned int i,
	unsigned int n, const char *path, char err[CONFIG_ERR_LEN])
{
	const struct config_if *f = &c->ifs[i];
	const char *member = f->members[n];
	const config_setting_t *at = config_at(config, "interfaces.[%u].members.[%u]", i, n);

	// Its mbufs have to lie in memory of their own, which a bond has none of.
	if (is_driver(member, "net_af_xdp") || is_driver(member, "net_bonding"))
		return config_fail(err, path, at,
			"members: \"%s\" cannot be in a bond (net_af_packet and NICs can)", member);
	if (!names(f->device, member))
		return config_fail(err, path, at,
			"members: \"%s\" is no slave= of device \"%.100s\"", member, f->device);
	for (unsigned int j = 0; j < c->n_ifs; j++) {
		const struct config_if *g = &c->ifs[j];

		if (config_same_device(g->device, member))
			return config_fail(err, path, at,
				"members: \"%s\" is the device of interface \"%s\"", member,
				g->name);
		// Those that share the port may name its members again.
		if (j > i || (j < i && config_same_device(f->device, g->device)))
			continue;
		for (unsigned int m = 0; m < (j == i ? n : g->n_members); m++) {
			if (config_same_device(g->members[m], member))
				return config_fail(
					err, path, at, "members: \"%s\" appears twice", member);
		}
	}
	return 0;
}

int config_check_bonds(
	const struct config *c, const config_t *config, const char *path, char err[CONFIG_ERR_LEN])
{
	for (unsigned int i = 0; i < c->n_ifs; i++) {
		const struct config_if *f = &c->ifs[i];
		bool bond = is_driver(f->device, "net_bonding");

		if (bond && !strstr(f->device, "," KEY))
			return config_fail(err, path,
				config_at(config, "interfaces.[%u].device", i),
				"device \"%.100s\" is a bond without a slave=", f->device);
		if (f->n_members > 0 && !bond)
			return config_fail(err, path,
				config_at(config, "interfaces.[%u].members", i),
				"members, but device \"%.100s\" is no bond (net_bonding0,...)",
				f->device);
		for (unsigned int n = 0; n < f->n_members; n++) {
			int ret = check_member(c, config, i, n, path, err);

			if (ret < 0)
				return ret;
		}
	}
	return 0;
}
