// SPDX-License-Identifier: BSD-3-Clause
// What the console may look at.
#include <string.h>

#include "inlet.h"

static void fill_if(struct observe_if *o, const struct iface *ifc)
{
	*o = (struct observe_if){
		.name = ifc->cfg->name,
		.device = ifc->cfg->device,
		.role = ifc->cfg->role,
		.port = &ifc->port,
		.kif = ifc->kif,
		.pim = ifc->pim,
		.mtu = ifc->mtu,
	};
	o->n_addrs = ifc->n_addrs < CONFIG_MAX_ADDRS ? ifc->n_addrs : CONFIG_MAX_ADDRS;
	memcpy(o->addrs, ifc->addrs, o->n_addrs * sizeof(o->addrs[0]));
}

void observe_fill(struct inlet *in)
{
	struct observe *o = &in->observe;

	o->version = INLET_VERSION;
	o->n_ifs = in->n_ifs;
	for (unsigned int i = 0; i < in->n_ifs; i++)
		fill_if(&o->ifs[i], &in->ifs[i]);
	o->n_workers = in->n_workers;
	for (unsigned int w = 0; w < in->n_workers; w++)
		o->workers[w] = (struct observe_worker){.lcore = w + 1, .cpu = in->worker_cpus[w]};
	o->crossing = in->crossing;
	o->mfib = in->mfib;
	o->channels = in->channels;
	o->amt = in->amt;
	o->driad = in->driad;
	o->held = &in->held;
}
