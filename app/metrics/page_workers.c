// SPDX-License-Identifier: BSD-3-Clause
#include "crossing/crossing.h"
#include "metrics/page_internal.h"

#define WORKER_LIST(X)                                                                           \
	X(BUSY, "inlet_worker_busy_ratio", OM_GAUGE, "ratio",                                    \
		"Share of the last second in which the worker had packets.")                     \
	X(CYCLES, "inlet_worker_cycles_per_packet", OM_GAUGE, NULL,                              \
		"TSC cycles a packet over the last second; none came: not there.")               \
	X(BURST, "inlet_worker_packets_per_burst", OM_GAUGE, NULL,                               \
		"Packets a burst over the last second; none came: not there.")                   \
	X(WORKER_TUNNELS, "inlet_worker_tunnels", OM_GAUGE, NULL, "Tunnels led to the worker.")  \
	X(POLLS, "inlet_worker_polls", OM_COUNTER, NULL, "Rounds over all ports.")               \
	X(BUSY_POLLS, "inlet_worker_busy_polls", OM_COUNTER, NULL, "Rounds that found packets.") \
	X(BURSTS, "inlet_worker_bursts", OM_COUNTER, NULL, "Bursts taken.")                      \
	X(PACKETS, "inlet_worker_packets", OM_COUNTER, NULL,                                     \
		"Packets taken from ports and from other workers.")                              \
	X(BUSY_CYCLES, "inlet_worker_busy_cycles", OM_COUNTER, NULL,                             \
		"TSC cycles of timed rounds (one in 16) that found packets.")                    \
	X(IDLE_CYCLES, "inlet_worker_idle_cycles", OM_COUNTER, NULL,                             \
		"TSC cycles of timed rounds that found none.")                                   \
	X(TIMED, "inlet_worker_timed_packets", OM_COUNTER, NULL,                                 \
		"Packets of timed rounds: busy cycles a packet are cycles a packet.")            \
	X(SPREAD, "inlet_worker_spread_packets", OM_COUNTER, NULL,                               \
		"Packets that the spreader gave to other workers.")                              \
	X(HANDED, "inlet_worker_handed_packets", OM_COUNTER, NULL,                               \
		"Packets given to other workers to transmit.")

enum { WORKER_LIST(PAGE_ID) N_WORKER };
static const struct om_family families[] = {WORKER_LIST(PAGE_FAMILY)};

bool page_collect_workers(struct page *p)
{
	const struct observe *o = p->o;

	set_init(&p->sets[SET_WORKERS], families, N_WORKER);
	for (unsigned int i = 0; o->crossing && i < o->n_workers; i++) {
		const struct observe_worker *w = &o->workers[i];
		struct set_row *row = set_add(&p->sets[SET_WORKERS]);
		struct crossing_load load;

		if (!row)
			return false;
		crossing_load(o->crossing, i, &load);
		om_label_u64(row->labels, sizeof(row->labels), "worker", i);
		om_label_u64(row->labels, sizeof(row->labels), "cpu", (uint64_t)w->cpu);
		row->values[BUSY] = w->load_percent / 100.0;
		if (w->cycles)
			row->values[CYCLES] = w->cycles;
		if (w->burst_tenths)
			row->values[BURST] = w->burst_tenths / 10.0;
		row->values[WORKER_TUNNELS] = w->tunnels;
		row->values[POLLS] = (double)load.polls;
		row->values[BUSY_POLLS] = (double)load.busy_polls;
		row->values[BURSTS] = (double)load.bursts;
		row->values[PACKETS] = (double)load.packets;
		row->values[BUSY_CYCLES] = (double)load.busy_cycles;
		row->values[IDLE_CYCLES] = (double)load.idle_cycles;
		row->values[TIMED] = (double)load.timed_packets;
		row->values[SPREAD] = (double)load.spread;
		row->values[HANDED] = (double)load.handed;
	}
	return false;
}
