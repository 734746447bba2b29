// SPDX-License-Identifier: BSD-3-Clause
#include "bench/report.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>

void report_begin(bool json)
{
	if (json)
		return;
	printf("%s, TSC %.3f GHz, memory in %s pages. Cycles are TSC ticks a packet, the fastest\n"
	       "repetition. Ratios are the speed relative to a reference of the same run.\n\n",
		bench_cpu(), (double)rte_get_tsc_hz() / 1e9, bench_memory());
	printf("%-6s %8s %7s %7s %-8s %-22s %7s %7s %6s  %s\n", "family", "channels", "tunnels",
		"payload", "ports", "traffic", "cycles", "median", "Mpps", "ratio to (cycles of)");
}

const struct lane *report_lane(const struct decap_result *r, const char *name)
{
	for (unsigned int i = 0; i < r->n_lanes; i++) {
		if (strcmp(r->lanes[i].name, name) == 0)
			return &r->lanes[i];
	}
	return NULL;
}

bool report_wrong(const struct decap_result *r)
{
	const struct sequence_count *s = &r->sequence;

	return r->check.wrong || r->lost || s->lost || s->duplicated || s->reordered || s->strange;
}

static const char *family(const struct decap_case *c)
{
	return c->shape.replay ? "pcap" : feed_family_names[c->shape.family];
}

static const char *traffic(const struct decap_case *c)
{
	return c->updates ? "updating" : feed_traffic_names[c->shape.traffic];
}

static double mpps(double cycles)
{
	return (double)rte_get_tsc_hz() / cycles / 1e6;
}

// What is said of the traffic in the table.
static const char *traffic_text(const struct decap_case *c, char *text, size_t size)
{
	char zipf[16] = "", locals[24] = "";

	if (c->shape.zipf > 0)
		snprintf(zipf, sizeof(zipf), " zipf %.2g", c->shape.zipf);
	if (c->shape.locals > 0)
		snprintf(locals, sizeof(locals), " %u locals", c->shape.locals);
	snprintf(text, size, "%s%s%s%s%s", traffic(c), zipf, locals,
		c->shape.tagged ? " tagged" : "", c->shape.software ? " sw-cksum" : "");
	return text;
}

static void table_wrong(const struct decap_result *r)
{
	const struct sequence_count *s = &r->sequence;

	printf(" WRONG %llu of %llu, LOST %llu; of %llu numbered: lost %llu, twice %llu,"
	       " reordered %llu, strange %llu",
		(unsigned long long)r->check.wrong, (unsigned long long)r->check.checked,
		(unsigned long long)r->lost, (unsigned long long)s->sent,
		(unsigned long long)s->lost, (unsigned long long)s->duplicated,
		(unsigned long long)s->reordered, (unsigned long long)s->strange);
}

static void table(const struct decap_result *r)
{
	const struct decap_case *c = &r->c;
	double cycles = lane_min(&r->lanes[0], r->reps);
	char ports[16], what[48];

	snprintf(ports, sizeof(ports), c->fanout > 1 ? "%u %s" : "%u", c->fanout,
		product_l2_names[c->l2]);
	printf("%-6s %8u %7u %7u %-8s %-22s %7.1f %7.1f %6.1f ", family(c), c->shape.channels,
		c->shape.tunnels, c->shape.payload, ports, traffic_text(c, what, sizeof(what)),
		cycles, lane_median(&r->lanes[0], r->reps), mpps(cycles));
	for (unsigned int i = 1; i < r->n_lanes; i++)
		printf(" %s %.3f (%.1f)", r->lanes[i].name,
			lane_ratio(&r->lanes[0], &r->lanes[i], r->reps),
			lane_min(&r->lanes[i], r->reps));
	if (c->updates)
		printf(" at %.0f/s", r->update_rate);
	if (report_wrong(r))
		table_wrong(r);
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

static void json_case(const struct decap_case *c)
{
	char popularity[16] = "uniform", locals[24] = "";

	if (c->shape.zipf > 0)
		snprintf(popularity, sizeof(popularity), "zipf%.2f", c->shape.zipf);
	if (c->shape.locals > 0)
		snprintf(locals, sizeof(locals), ",\"locals\":%u", c->shape.locals);
	printf("{\"bench\":\"decap\",\"case\":{\"channels\":%u,\"tunnels\":%u,\"payload\":%u,"
	       "\"family\":\"%s\",\"fanout\":%u,\"l2\":\"%s\",\"traffic\":\"%s\","
	       "\"updates\":%u,\"popularity\":\"%s\",\"vlan\":%u,\"cksum\":\"%s\"%s}",
		c->shape.channels, c->shape.tunnels, c->shape.replay ? 0u : c->shape.payload,
		family(c), c->fanout, product_l2_names[c->l2], traffic(c), c->updates, popularity,
		c->shape.tagged ? FEED_VLAN : 0u, c->shape.software ? "software" : "driver",
		locals);
}

static void json_checks(const struct decap_result *r)
{
	const struct sequence_count *s = &r->sequence;

	printf(",\"checked\":%llu,\"wrong\":%llu,\"lost\":%llu",
		(unsigned long long)r->check.checked, (unsigned long long)r->check.wrong,
		(unsigned long long)r->lost);
	printf(",\"sequence\":{\"sent\":%llu,\"lost\":%llu,\"duplicated\":%llu,"
	       "\"reordered\":%llu,\"strange\":%llu}",
		(unsigned long long)s->sent, (unsigned long long)s->lost,
		(unsigned long long)s->duplicated, (unsigned long long)s->reordered,
		(unsigned long long)s->strange);
}

static double further_port(
	const struct decap_result *r, const struct lane *all, const struct lane *one)
{
	return (lane_min(all, r->reps) - lane_min(one, r->reps)) / (r->c.fanout - 1);
}

static void json_line(const struct decap_result *r)
{
	const struct lane *one = report_lane(r, "one_port"), *io = report_lane(r, "io_ports"),
			  *io_one = report_lane(r, "io_one_port"),
			  *unlocked = report_lane(r, "io_ports_unlocked");
	double cycles = lane_min(&r->lanes[0], r->reps);
	time_t now = time(NULL);
	char date[32];

	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	json_case(&r->c);
	printf(",\"cycles\":%.2f,\"cycles_median\":%.2f,\"mpps\":%.2f", cycles,
		lane_median(&r->lanes[0], r->reps), mpps(cycles));
	object(r, "ratio", lane_ratio);
	object(r, "ratio_median", lane_ratio_median);
	object(r, "reference_cycles", ref_cycles_cb);
	if (r->c.updates)
		printf(",\"updates_per_s\":%.0f", r->update_rate);
	if (one)
		printf(",\"cycles_per_further_port\":%.2f", further_port(r, &r->lanes[0], one));
	if (one && io)
		printf(",\"cycles_per_further_port_of_drivers\":%.2f,"
		       "\"cycles_per_further_port_of_lock\":%.2f,"
		       "\"cycles_per_further_port_without_drivers\":%.2f",
			further_port(r, io, io_one), further_port(r, io, unlocked),
			further_port(r, &r->lanes[0], one) - further_port(r, io, io_one));
	json_checks(r);
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
