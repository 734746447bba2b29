// SPDX-License-Identifier: BSD-3-Clause
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <rte_cycles.h>

#include "bench/latency.h"
#include "bench/svg.h"

static int by_value_cb(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *v, unsigned int n)
{
	double sorted[LATENCY_MAX_REPS] = {0};

	for (unsigned int i = 0; i < n; i++)
		sorted[i] = v[i];
	qsort(sorted, n, sizeof(*sorted), by_value_cb);
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static double ns(double ticks)
{
	return ticks * 1e9 / (double)rte_get_tsc_hz();
}

static double quantile_ns(const struct latency_result *r, enum latency_lane lane, unsigned int q)
{
	return ns(median(r->q[lane][q], r->reps));
}

static double offered_mpps(const struct latency_result *r)
{
	return (double)rte_get_tsc_hz() / median(r->offered, r->reps) / 1e6;
}

void latency_report_begin(bool json)
{
	if (json)
		return;
	printf("%s, TSC %.3f GHz, memory in %s pages. Nanoseconds from when a packet is due at "
	       "the\n"
	       "port to when it is handed to a driver; arrivals are random (Poisson). In "
	       "brackets:\n"
	       "a loop of receive and transmit alone at the same rate. Each is the median of the\n"
	       "repetitions' quantiles. 'late': packets that left in a later round than they "
	       "came.\n\n",
		bench_cpu(), (double)rte_get_tsc_hz() / 1e9, bench_memory());
	printf("%9s %7s %-10s %9s %17s %17s %19s %10s %5s\n", "channels", "payload", "load", "Mpps",
		"p50", "p99", "p99.9", "max", "late");
}

static void table(const struct latency_result *r)
{
	printf("%9u %7u %-10s %9.4f", r->channels, r->payload, r->load.name, offered_mpps(r));
	for (unsigned int q = 0; q < LATENCY_QUANTILES; q++)
		printf(" %8.0f (%*.0f)", quantile_ns(r, LATENCY_PRODUCT, q),
			q == LATENCY_P999 ? 8 : 6, quantile_ns(r, LATENCY_EMPTY, q));
	printf(" %10.0f %5llu", ns((double)r->hist[LATENCY_PRODUCT].max),
		(unsigned long long)r->held);
	if (r->lost)
		printf(" LOST %llu", (unsigned long long)r->lost);
	printf("\n");
}

static void quantiles(const struct latency_result *r, enum latency_lane lane)
{
	printf("\"p50_ns\":%.0f,\"p99_ns\":%.0f,\"p999_ns\":%.0f,\"max_ns\":%.0f",
		quantile_ns(r, lane, LATENCY_P50), quantile_ns(r, lane, LATENCY_P99),
		quantile_ns(r, lane, LATENCY_P999), ns((double)r->hist[lane].max));
}

// How many times shorter than the product's: 1 would be a worker that takes no time.
static double ratio(const struct latency_result *r, unsigned int q)
{
	return quantile_ns(r, LATENCY_EMPTY, q) / fmax(quantile_ns(r, LATENCY_PRODUCT, q), 1);
}

static void json_line(const struct latency_result *r)
{
	time_t now = time(NULL);
	char date[32];

	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	printf("{\"bench\":\"latency\",\"case\":{\"channels\":%u,\"payload\":%u,\"load\":\"%s\"},"
	       "\"cycles\":%.2f,\"mpps\":%.4f,",
		r->channels, r->payload, r->load.name, median(r->capacity, r->reps),
		offered_mpps(r));
	quantiles(r, LATENCY_PRODUCT);
	printf(",\"empty_loop\":{");
	quantiles(r, LATENCY_EMPTY);
	printf("},\"added_p50_ns\":%.0f,\"added_p99_ns\":%.0f,\"added_p999_ns\":%.0f",
		quantile_ns(r, LATENCY_PRODUCT, LATENCY_P50) -
			quantile_ns(r, LATENCY_EMPTY, LATENCY_P50),
		quantile_ns(r, LATENCY_PRODUCT, LATENCY_P99) -
			quantile_ns(r, LATENCY_EMPTY, LATENCY_P99),
		quantile_ns(r, LATENCY_PRODUCT, LATENCY_P999) -
			quantile_ns(r, LATENCY_EMPTY, LATENCY_P999));
	printf(",\"ratio\":{\"empty_loop_p50\":%.4f,\"empty_loop_p99\":%.4f}",
		ratio(r, LATENCY_P50), ratio(r, LATENCY_P99));
	printf(",\"packets\":%llu,\"lost\":%llu,\"left_in_a_later_round\":%llu,\"reps\":%u,"
	       "\"tsc_hz\":%llu,\"cpu\":\"%s\",\"memory\":\"%s\",\"date\":\"%s\"}\n",
		(unsigned long long)r->hist[LATENCY_PRODUCT].n, (unsigned long long)r->lost,
		(unsigned long long)r->held, r->reps, (unsigned long long)rte_get_tsc_hz(),
		bench_cpu(), bench_memory(), date);
}

void latency_report(const struct latency_result *r, bool json)
{
	if (json)
		json_line(r);
	else
		table(r);
	fflush(stdout);
}

// The part of the packets that took longer, by time.
static void series(struct svg *s, const struct latency_result *r, enum latency_lane lane)
{
	double x[HIST_BUCKETS], y[HIST_BUCKETS], left = (double)r->hist[lane].n;
	unsigned int n = 0;
	char name[64];

	for (unsigned int b = 0; b < HIST_BUCKETS && left > 0; b++) {
		if (r->hist[lane].bucket[b] == 0)
			continue;
		left -= r->hist[lane].bucket[b];
		x[n] = ns(hist_upper(b));
		y[n++] = left / (double)r->hist[lane].n;
	}
	snprintf(name, sizeof(name), "%s, %s", r->load.name,
		lane == LATENCY_PRODUCT ? "product" : "empty loop");
	svg_series(s, name, x, y, n);
}

int latency_plot(const char *dir, const struct latency_result *r, unsigned int n)
{
	const struct svg_axis x = {.from = 10, .to = 1e6, .log = true, .label = "nanoseconds"};
	const struct svg_axis y = {.from = 1e-4, .to = 1, .log = true};
	char title[160];
	struct svg s;

	snprintf(title, sizeof(title), "Part of the packets that are longer in the worker (%s)",
		bench_cpu());
	if (svg_open(&s, dir, "latency.svg", title, &x, &y) != 0)
		return -1;
	for (unsigned int i = 0; i < n; i++)
		series(&s, &r[i], LATENCY_PRODUCT);
	for (unsigned int i = 0; i < n; i++)
		series(&s, &r[i], LATENCY_EMPTY);
	return svg_close(&s);
}
