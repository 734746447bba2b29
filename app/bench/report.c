// SPDX-License-Identifier: BSD-3-Clause
#include "bench/report.h"

#include <stdio.h>
#include <time.h>

#include <rte_cycles.h>

void report_begin(bool json)
{
	if (json)
		return;
	printf("%s, TSC %.3f GHz, memory in %s pages. Cycles are TSC ticks a packet, the fastest\n"
	       "repetition. Ratios are the speed relative to a reference of the same run.\n\n",
		bench_cpu(), (double)rte_get_tsc_hz() / 1e9, bench_memory());
	printf("%9s %7s %7s %6s %-8s %7s %7s %6s  %s\n", "channels", "tunnels", "payload", "fanout",
		"traffic", "cycles", "median", "Mpps", "ratio to (cycles of)");
}

static const char *traffic(const struct decap_case *c)
{
	return c->shape.misses ? "misses" : c->updates ? "updating" : "hits";
}

static double mpps(double cycles)
{
	return (double)rte_get_tsc_hz() / cycles / 1e6;
}

static void table(const struct decap_result *r)
{
	const struct decap_case *c = &r->c;
	double cycles = lane_min(&r->lanes[0], r->reps);

	printf("%9u %7u %7u %6u %-8s %7.1f %7.1f %6.1f ", c->shape.channels, c->shape.tunnels,
		c->shape.payload, c->fanout, traffic(c), cycles, lane_median(&r->lanes[0], r->reps),
		mpps(cycles));
	for (unsigned int i = 1; i < r->n_lanes; i++)
		printf(" %s %.3f (%.1f)", r->lanes[i].name,
			lane_ratio(&r->lanes[0], &r->lanes[i], r->reps),
			lane_min(&r->lanes[i], r->reps));
	if (c->updates)
		printf(" at %.0f/s", r->update_rate);
	if (r->check.wrong || r->lost)
		printf(" WRONG %llu of %llu, LOST %llu", (unsigned long long)r->check.wrong,
			(unsigned long long)r->check.checked, (unsigned long long)r->lost);
	printf("\n");
}

// ,"name":{"lane":value,...}
static void object(const struct decap_result *r, const char *name,
	double (*value_cb)(const struct lane *, const struct lane *, unsigned int))
{
	printf(",\"%s\":{", name);
	for (unsigned int i = 1; i < r->n_lanes; i++)
		printf("%s\"%s\":%.4f", i > 1 ? "," : "", r->lanes[i].name,
			value_cb(&r->lanes[0], &r->lanes[i], r->reps));
	printf("}");
}

static double ref_cycles_cb(const struct lane *l, const struct lane *ref, unsigned int reps)
{
	(void)l;
	return lane_min(ref, reps);
}

static void json_line(const struct decap_result *r)
{
	const struct decap_case *c = &r->c;
	double cycles = lane_min(&r->lanes[0], r->reps);
	time_t now = time(NULL);
	char date[32];

	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	printf("{\"bench\":\"decap\",\"case\":{\"channels\":%u,\"tunnels\":%u,\"payload\":%u,"
	       "\"fanout\":%u,\"traffic\":\"%s\",\"updates\":%u}",
		c->shape.channels, c->shape.tunnels, c->shape.payload, c->fanout, traffic(c),
		c->updates);
	printf(",\"cycles\":%.2f,\"cycles_median\":%.2f,\"mpps\":%.2f", cycles,
		lane_median(&r->lanes[0], r->reps), mpps(cycles));
	object(r, "ratio", lane_ratio);
	object(r, "ratio_median", lane_ratio_median);
	object(r, "reference_cycles", ref_cycles_cb);
	if (c->updates)
		printf(",\"updates_per_s\":%.0f", r->update_rate);
	if (c->fanout > 1) // the reference with one port is the last lane
		printf(",\"cycles_per_further_port\":%.2f",
			(cycles - lane_min(&r->lanes[r->n_lanes - 1], r->reps)) / (c->fanout - 1));
	printf(",\"checked\":%llu,\"wrong\":%llu,\"lost\":%llu",
		(unsigned long long)r->check.checked, (unsigned long long)r->check.wrong,
		(unsigned long long)r->lost);
	printf(",\"reps\":%u,\"packets_per_rep\":%u,\"tsc_hz\":%llu,\"cpu\":\"%s\","
	       "\"memory\":\"%s\",\"date\":\"%s\"}\n",
		r->reps, (unsigned int)LANE_PACKETS, (unsigned long long)rte_get_tsc_hz(),
		bench_cpu(), bench_memory(), date);
}

void report_decap(const struct decap_result *r, bool json)
{
	if (json)
		json_line(r);
	else
		table(r);
	fflush(stdout);
}
