// SPDX-License-Identifier: BSD-3-Clause
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench/forward.h"
#include "bench/svg.h"

static double cycles_of(const struct forward_result *r, unsigned int lane)
{
	return r->median ? lane_median(&r->lanes[lane], r->reps)
			 : lane_min(&r->lanes[lane], r->reps);
}

static double mpps(const struct forward_result *r, unsigned int lane)
{
	return r->tsc_hz * r->c.workers / cycles_of(r, lane) / 1e6;
}

// What is compared: the fastest turns, or the medians of the turns side by side.
static double ratio(const struct forward_result *r, unsigned int lane)
{
	return r->median ? lane_ratio_median(&r->lanes[0], &r->lanes[lane], r->reps)
			 : lane_ratio(&r->lanes[0], &r->lanes[lane], r->reps);
}

void forward_report_begin(const struct bench_options *o)
{
	if (o->json)
		return;
	printf("%s. The product's datapath between two ports. Cycles are TSC ticks of\n"
	       "all forwarding cores a packet, in the fastest turn (memif, af_xdp: the median "
	       "turn). "
	       "Ratios are\n"
	       "the speed relative to what had the same ports in the turns between.\n\n",
		bench_cpu());
	printf("%-7s %8s %7s %-7s %7s %7s %8s  %s\n", "ports", "channels", "payload", "udp sum",
		"workers", "cycles", "Mpps", "ratio to (Mpps of)");
}

static void table(const struct forward_result *r)
{
	const struct forward_case *c = &r->c;

	printf("%-7s %8u %7u %-7s %7u", c->vdev, c->shape.channels, c->shape.payload,
		c->shape.udp_cksum ? "present" : "zero", c->workers);
	if (r->skipped[0]) {
		printf("  skipped: %s\n", r->skipped);
		return;
	}
	printf(" %7.1f %8.3f ", cycles_of(r, 0), mpps(r, 0));
	for (unsigned int i = 1; i < r->n_lanes; i++)
		printf(" %s %.3f (%.3f)", r->lanes[i].name, ratio(r, i), mpps(r, i));
	for (unsigned int i = 0; r->offered_mpps[0] > 0 && i < r->n_lanes; i++)
		printf("%s%.3f", i ? ", " : " offered ", r->offered_mpps[i]);
	if (r->gateway_busy > 0)
		printf(", gateway busy %.0f %%, ratio to a full core %.3f", r->gateway_busy * 100,
			ratio(r, 1) * fmin(r->gateway_busy, 1));
	if (r->lost)
		printf(" LOST %llu", (unsigned long long)r->lost);
	if (r->wrong)
		printf(" WRONG %llu", (unsigned long long)r->wrong);
	if (r->dropped)
		printf(" DROPPED %llu %s", (unsigned long long)r->dropped, r->why);
	printf("\n");
}

static void object(const struct forward_result *r, const char *name,
	double (*value_cb)(const struct forward_result *, unsigned int))
{
	printf(",\"%s\":{", name);
	for (unsigned int i = 1; i < r->n_lanes; i++)
		printf("%s\"%s\":%.4f", i > 1 ? "," : "", r->lanes[i].name, value_cb(r, i));
	printf("}");
}

// And to what the socket gateway would do if it had had enough to do.
static void ratios(const struct forward_result *r)
{
	for (unsigned int i = 1; i < r->n_lanes; i++)
		printf("%s\"%s\":%.4f", i > 1 ? "," : "", r->lanes[i].name, ratio(r, i));
	if (r->gateway_busy > 0)
		printf(",\"socket_gateway_full_core\":%.4f",
			ratio(r, 1) * fmin(r->gateway_busy, 1));
}

static double ratio_median_cb(const struct forward_result *r, unsigned int lane)
{
	return lane_ratio_median(&r->lanes[0], &r->lanes[lane], r->reps);
}

static void json_line(const struct forward_result *r)
{
	const struct forward_case *c = &r->c;
	time_t now = time(NULL);
	char date[32];

	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	printf("{\"bench\":\"forward\",\"case\":{\"vdev\":\"%s\",\"channels\":%u,\"tunnels\":%u,"
	       "\"payload\":%u,\"udp_cksum\":\"%s\",\"workers\":%u,\"zipf\":%.2f}",
		c->vdev, c->shape.channels, c->shape.tunnels, c->shape.payload,
		c->shape.udp_cksum ? "present" : "zero", c->workers, c->zipf);
	if (r->skipped[0]) {
		printf(",\"skipped\":\"%s\",\"cpu\":\"%s\",\"date\":\"%s\"}\n", r->skipped,
			bench_cpu(), date);
		return;
	}
	printf(",\"statistic\":\"%s\",\"cycles\":%.2f,\"cycles_median\":%.2f,\"mpps\":%.4f",
		r->median ? "median" : "minimum", cycles_of(r, 0),
		lane_median(&r->lanes[0], r->reps), mpps(r, 0));
	printf(",\"ratio\":{");
	ratios(r);
	printf("}");
	object(r, "ratio_median", ratio_median_cb);
	object(r, "reference_cycles", cycles_of);
	for (unsigned int i = 0; r->offered_mpps[0] > 0 && i < r->n_lanes; i++)
		printf("%s\"%s\":%.4f%s", i ? "," : ",\"offered_mpps\":{", r->lanes[i].name,
			r->offered_mpps[i], i + 1 == r->n_lanes ? "}" : "");
	if (r->gateway_busy > 0)
		printf(",\"gateway_busy\":%.3f", r->gateway_busy);
	printf(",\"packets\":%llu,\"lost\":%llu,\"dropped\":%llu,\"wrong\":%llu,\"reps\":%u,\"tsc_"
	       "hz\":%.0f,"
	       "\"cpu\":\"%s\",\"memory\":\"%s\",\"date\":\"%s\"}\n",
		(unsigned long long)r->packets, (unsigned long long)r->lost,
		(unsigned long long)r->dropped, (unsigned long long)r->wrong, r->reps, r->tsc_hz,
		bench_cpu(), r->huge ? "huge" : "4k", date);
}

void forward_report(const struct forward_result *r, bool json)
{
	if (json)
		json_line(r);
	else
		table(r);
	fflush(stdout);
}

// Rows: the rate of each contender, case by case.
int forward_plot(const char *dir, const struct forward_result *r, unsigned int n)
{
	struct svg_axis x = {.from = 0.1, .to = 1, .log = true, .label = "Mpps"};
	const struct svg_axis y = {.from = 0, .to = 1};
	unsigned int rows = 0, at = 0;
	char text[160];
	struct svg s;

	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int l = 0; !r[i].skipped[0] && l < r[i].n_lanes; l++, rows++) {
			while (x.to < mpps(&r[i], l))
				x.to *= 10;
		}
	}
	if (rows == 0)
		return 0;
	snprintf(text, sizeof(text), "Packets a second through ports (%s)", bench_cpu());
	if (svg_open(&s, dir, "forward.svg", text, &x, &y) != 0)
		return -1;
	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int l = 0; !r[i].skipped[0] && l < r[i].n_lanes; l++) {
			snprintf(text, sizeof(text), "%s %u%s %s", r[i].c.vdev,
				r[i].c.shape.payload, r[i].c.shape.udp_cksum ? " sum" : "",
				r[i].lanes[l].name);
			svg_row(&s, at++, rows, mpps(&r[i], l), l, text);
		}
	}
	return svg_close(&s);
}
