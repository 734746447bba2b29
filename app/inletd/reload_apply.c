// SPDX-License-Identifier: BSD-3-Clause
// From the configuration that runs to another one: each room is told of what is different for it.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "inlet.h"

// New addresses and routes on all interfaces, those of `is` that `was` does not have. On an error
// those that were made are taken back.
static int addresses_add(
	struct inlet *in, const struct config *is, const struct config *was, char err[BOOT_ERR_LEN])
{
	char ignored[BOOT_ERR_LEN];
	int ret = 0;
	unsigned int i;

	for (i = 0; i < in->n_ifs && ret == 0; i++) {
		size_t k = (size_t)(in->ifs[i].cfg - in->cfg.ifs);

		ret = iface_reload_addresses(&in->ifs[i], &is->ifs[k], &was->ifs[k], true, err);
	}
	while (ret < 0 && i-- > 0) {
		size_t k = (size_t)(in->ifs[i].cfg - in->cfg.ifs);

		iface_reload_addresses(&in->ifs[i], &was->ifs[k], &is->ifs[k], false, ignored);
	}
	return ret;
}

static void addresses_del(struct inlet *in, const struct config *was)
{
	char err[BOOT_ERR_LEN];

	for (unsigned int i = 0; i < in->n_ifs; i++) {
		size_t k = (size_t)(in->ifs[i].cfg - in->cfg.ifs);

		if (iface_reload_addresses(&in->ifs[i], &in->cfg.ifs[k], &was->ifs[k], false, err) <
			0)
			log_warn("inletd", "not taken away: %s", err);
	}
	// One that changed its prefix length came as an event before it went.
	if (netlink_dump(in->netlink) < 0)
		log_warn("inletd", "netlink: cannot read the addresses");
}

// One interface; nothing comes of it where nothing is different.
static int iface_reload(struct iface *ifc, const struct config *was, char err[BOOT_ERR_LEN])
{
	const struct config_if *before = &was->ifs[ifc->cfg - ifc->in->cfg.ifs];
	int ret = iface_reload_pim(ifc, &before->pim, err);

	return ret < 0 ? ret : iface_reload_membership(ifc, err);
}

// in->cfg is what is to be, `was` what was. resolver as in rooms_reload().
static int rooms_apply(struct inlet *in, const struct config *was, struct resolver *resolver,
	char err[BOOT_ERR_LEN])
{
	uint64_t now = clock_mono_us();
	int ret = rooms_reload(in, was, resolver, err);

	if (was->log_level != in->cfg.log_level)
		log_level_set(NULL, in->cfg.log_level);
	log_format_set(in->cfg.log_format);
	if (was->log_rate != in->cfg.log_rate)
		log_rate_set(in->cfg.log_rate);
	for (unsigned int i = 0; i < in->n_ifs && ret == 0; i++)
		ret = iface_reload(&in->ifs[i], was, err);
	if (ret == 0)
		ret = rooms_reload_metrics(in, was, err);
	if (ret == 0)
		ret = wants_reload(in, was, err);
	if (strcmp(was->state_file, in->cfg.state_file) != 0)
		state_reload(in, now);
	police_set(in); // the memory is there
	return ret;
}

// Back to what was, after an error half way: each room makes the difference undone.
static void roll_back(struct inlet *in, const struct config *was, const struct config *to)
{
	char err[BOOT_ERR_LEN];
	struct resolver *resolver = NULL;

	wants_reload_stop(in);
	if (rooms_resolver_differs(&was->dns, &to->dns))
		resolver = rooms_resolver(in, &was->dns, err);
	in->cfg = *was;
	if (rooms_apply(in, to, resolver, err) < 0)
		log_error("inletd", "reload: what was before is not all back: %s", err);
}

// What may fail comes first; then in->cfg is `to`.
int reload_apply(struct inlet *in, const struct config *to, char err[BOOT_ERR_LEN])
{
	struct config *was = malloc(sizeof(*was));
	struct resolver *resolver = NULL;
	int ret = -ENOMEM;

	snprintf(err, BOOT_ERR_LEN, "out of memory");
	if (!was)
		return ret;
	*was = in->cfg;
	if (rooms_resolver_differs(&was->dns, &to->dns)) {
		resolver = rooms_resolver(in, &to->dns, err);
		ret = resolver ? 0 : -EIO;
	} else {
		ret = 0;
	}
	if (ret == 0)
		ret = wants_reload_prepare(in, to, err);
	if (ret == 0)
		ret = addresses_add(in, to, was, err);
	if (ret < 0) {
		wants_reload_stop(in);
		if (resolver)
			resolver_destroy(resolver);
		goto out;
	}
	in->cfg = *to;
	ret = rooms_apply(in, was, resolver, err);
	if (ret < 0)
		roll_back(in, was, to);
	addresses_del(in, ret < 0 ? to : was);
	observe_fill(in);
out:
	free(was);
	return ret;
}
