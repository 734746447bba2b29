// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "console/baseline.h"
#include "console/filter.h"
#include "console/verb.h"

static const struct render_column columns[] = {
	{"worker", RENDER_RIGHT},
	{"lcore", RENDER_RIGHT_DETAIL},
	{"cpu", RENDER_RIGHT},
	{"socket", RENDER_RIGHT},
	{"idle", RENDER_LEFT},
	{"tunnels", RENDER_RIGHT},
	{"load_percent", RENDER_RIGHT},
	{"packets_per_s", RENDER_RIGHT},
	{"octets_per_s", RENDER_RIGHT},
	{"packets_per_burst", RENDER_RIGHT},
	{"cycles_per_packet", RENDER_RIGHT},
	{"polls", RENDER_RIGHT_DETAIL},
	{"busy_polls", RENDER_RIGHT_DETAIL},
	{"bursts", RENDER_RIGHT_DETAIL},
	{"packets", RENDER_RIGHT_DETAIL},
	{"spread", RENDER_RIGHT_DETAIL},
	{"handed", RENDER_RIGHT_DETAIL},
	{"rx_packets", RENDER_RIGHT},
	{"rx_octets", RENDER_RIGHT_DETAIL},
	{"native_packets", RENDER_RIGHT},
	{"native_octets", RENDER_RIGHT_DETAIL},
	{"punted", RENDER_RIGHT},
	{"injected", RENDER_RIGHT_DETAIL},
	{"drops", RENDER_RIGHT},
};

// The worker writes while we read: each counter is one aligned load, their sum a moment's blur.
static uint64_t load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void verb_worker_counts(
	const struct observe *o, unsigned int worker, uint64_t counts[VERB_WORKER_COUNTS])
{
	const struct crossing_worker *x = o->crossing->workers[worker];

	counts[0] = load(&x->load.polls);
	counts[1] = load(&x->load.busy_polls);
	counts[2] = load(&x->load.bursts);
	counts[3] = load(&x->load.packets);
	counts[4] = load(&x->load.spread);
	counts[5] = load(&x->load.handed);
	memset(&counts[6], 0, 7 * sizeof(counts[0]));
	for (unsigned int i = 0; i < o->n_ifs; i++) {
		const struct crossing_if_stats *s = &x->ifs[i];

		counts[6] += load(&s->rx_packets);
		counts[7] += load(&s->rx_bytes);
		counts[8] += load(&s->tx_packets);
		counts[9] += load(&s->tx_bytes);
		counts[10] += crossing_punted(s, true) + crossing_punted(s, false);
		counts[11] += load(&s->injected);
	}
	for (unsigned int i = 0; i < DROP_COUNT; i++)
		counts[12] += load(&x->drops[i]);
}

static void show_counters(struct verb_ctx *v, unsigned int worker)
{
	uint64_t counts[VERB_WORKER_COUNTS];

	verb_worker_counts(v->o, worker, counts);
	baseline_since(v, BASELINE_WORKER, worker, counts, counts, sizeof(counts));
	for (unsigned int i = 0; i < VERB_WORKER_COUNTS; i++)
		render_u64(v->r, counts[i]);
}

// Where it runs, and the last second.
static void show_place(struct render *r, const struct observe_worker *w)
{
	render_u64(r, w->lcore);
	render_u64(r, (uint64_t)w->cpu);
	render_u64(r, (uint64_t)w->socket);
	if (w->idle)
		render_text(r, w->idle);
	else
		render_none(r);
	render_u64(r, w->tunnels);
	render_u64(r, w->load_percent);
	render_u64(r, w->packets_per_s);
	render_u64(r, w->bytes_per_s);
	if (w->burst_tenths)
		render_tenths(r, w->burst_tenths);
	else
		render_none(r);
	if (w->cycles)
		render_u64(r, w->cycles);
	else
		render_none(r);
}

void verb_show_workers(struct verb_ctx *v)
{
	unsigned int n = v->o->crossing ? v->o->crossing->n_workers : 0;

	struct filter filter;

	if (!filter_parse(v, &filter))
		return;
	render_table_begin(v->r, "workers", columns, RTE_DIM(columns));
	for (unsigned int i = 0; i < n; i++) {
		if (!filter_worker(&filter, (int)i))
			continue;
		render_u64(v->r, i);
		if (i < v->o->n_workers) {
			show_place(v->r, &v->o->workers[i]);
		} else {
			for (int k = 0; k < 10; k++)
				render_none(v->r);
		}
		show_counters(v, i);
	}
	render_table_end(v->r);
}
