// SPDX-License-Identifier: BSD-3-Clause
// What workers may hand up: the rates of the configuration, the senders that are known, and a line
// in the log where something was held back.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>

#include "base/log.h"
#include "crossing/police.h"
#include "inlet.h"

// Gateways and resolvers are said anew each second, for as long as the configuration has them.
#define KNOWN_US     (5 * USEC_PER_SEC)
#define RELAY_US     (60 * USEC_PER_SEC)
#define NEIGHBOR_US  (600 * USEC_PER_SEC) // at most: Hellos are more often than that
#define SAY_AGAIN_US (60 * USEC_PER_SEC)

static struct crossing_police_cfg cfg_of(const struct config_punt *p)
{
	return (struct crossing_police_cfg){.rate = {
						    [PUNT_NEIGHBOR] = p->neighbor,
						    [PUNT_PIM] = p->pim,
						    [PUNT_MEMBERSHIP] = p->membership,
						    [PUNT_AMT] = p->amt,
						    [PUNT_DNS] = p->dns,
						    [PUNT_STRAY] = p->stray,
						    [PUNT_OTHER] = p->other,
					    }};
}

// Without servers in the configuration, the system's.
static void read_resolv_conf(struct inlet *in)
{
	FILE *f = fopen("/etc/resolv.conf", "re");
	char line[256], word[128];

	in->police.n_resolvers = 0;
	while (f && fgets(line, sizeof(line), f) && in->police.n_resolvers < CONFIG_MAX_RESOLVERS)
		if (sscanf(line, " nameserver %127s", word) == 1 &&
			addr_parse(word, &in->police.resolvers[in->police.n_resolvers]) == 0)
			in->police.n_resolvers++;
	if (f)
		fclose(f);
}

int police_set(struct inlet *in)
{
	const struct crossing_police_cfg cfg = cfg_of(&in->cfg.punt);

	in->police.n_resolvers = in->cfg.dns.n_resolvers;
	memcpy(in->police.resolvers, in->cfg.dns.resolvers, sizeof(in->police.resolvers));
	if (in->police.n_resolvers == 0)
		read_resolv_conf(in);
	memcpy(in->police.limits, cfg.rate, sizeof(in->police.limits));
	return crossing_police_set(in->crossing, &cfg, rte_get_tsc_hz(),
		(uint64_t)rng_u32(&in->rng) << 32 | rng_u32(&in->rng));
}

void police_relay(struct iface *ifc, const struct addr *relay, uint64_t now_us)
{
	crossing_police_know(ifc->in->crossing, ifc->index, relay, now_us + RELAY_US);
}

void police_neighbor(
	struct iface *ifc, const struct addr *neighbor, uint64_t until_us, uint64_t now_us)
{
	if (until_us > now_us + NEIGHBOR_US)
		until_us = now_us + NEIGHBOR_US;
	crossing_police_know(ifc->in->crossing, ifc->index, neighbor, until_us);
}

static void know(struct inlet *in, uint64_t now_us)
{
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		const struct config_if *f = in->ifs[i].cfg;

		for (unsigned int n = 0; n < f->n_routes; n++)
			crossing_police_know(in->crossing, i, &f->routes[n].via, now_us + KNOWN_US);
		for (unsigned int n = 0; n < in->police.n_resolvers; n++)
			crossing_police_know(
				in->crossing, i, &in->police.resolvers[n], now_us + KNOWN_US);
	}
	crossing_police_expire(in->crossing, now_us);
}

// Who sent the last frame of a class that was held back: its interface and its Ethernet source.
static uint64_t last_from(const struct inlet *in, unsigned int k)
{
	uint64_t from = 0;

	for (unsigned int w = 0; w < in->n_workers; w++) {
		uint64_t f = __atomic_load_n(
			&in->crossing->workers[w]->policed_from[k], __ATOMIC_RELAXED);

		from = f ? f : from;
	}
	return from;
}

static void say(struct inlet *in, unsigned int k, uint64_t n)
{
	uint64_t from = last_from(in, k);
	unsigned int i = (unsigned int)(from >> 56);
	uint8_t mac[8];

	memcpy(mac, &from, sizeof(mac));
	log_warn("inletd",
		"more than punt.%s lets through class=%s held_back=%" PRIu64
		" if=%s last_from=%02x:%02x:%02x:%02x:%02x:%02x",
		punt_class_names[k], punt_class_names[k], n,
		i < in->n_ifs ? in->ifs[i].cfg->name : "?", mac[0], mac[1], mac[2], mac[3], mac[4],
		mac[5]);
}

// What was let through and then found no room on its way to us.
static void count_lost(struct iface *ifc)
{
	for (int f = 0; f < IFACE_FAMILIES; f++) {
		const struct iface_membership *gm = &ifc->membership[f];
		const struct iface_pim *p = &ifc->pim[f];

		if (p->io && p->pim)
			pim_if_lost(p->pim, pim_io_lost(p->io));
		if (gm->io && gm->m)
			membership_lost(gm->m, membership_io_lost(gm->io));
	}
}

// When a class begins to be held back, and once a minute while it goes on.
void police_look(struct inlet *in, uint64_t now_us)
{
	know(in, now_us);
	for (unsigned int i = 0; i < in->n_ifs; i++)
		count_lost(&in->ifs[i]);
	for (unsigned int k = 0; k < PUNT_CLASSES; k++) {
		uint64_t n =
			crossing_drop(in->crossing, (enum drop_reason)(DROP_POLICED_NEIGHBOR + k));

		if (n == in->police.said[k] || now_us < in->police.due_us[k])
			continue;
		say(in, k, n - in->police.said[k]);
		in->police.said[k] = n;
		in->police.due_us[k] = now_us + SAY_AGAIN_US;
	}
}
