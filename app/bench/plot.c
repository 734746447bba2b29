// SPDX-License-Identifier: BSD-3-Clause
// decap.svg: cycles a packet by channels, the product and its references.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/report.h"

#define WIDTH  760
#define HEIGHT 460
#define LEFT   60
#define TOP    40
#define RIGHT  170 // the names
#define BOTTOM 60

static const char *const colours[LANES_MAX] = {
	"#c00000", "#999999", "#4477aa", "#66ccee", "#ccaa33", "#228833", "#aa3377", "#000000"};

// The cases of the main sweep: those like the first, whatever their channels.
static bool in_sweep(const struct decap_result *r, const struct decap_result *first)
{
	return r->c.shape.payload == first->c.shape.payload && r->c.fanout == first->c.fanout &&
	       r->c.shape.misses == first->c.shape.misses && r->c.updates == first->c.updates &&
	       r->c.tunnels == first->c.tunnels;
}

static double x_of(uint32_t channels)
{
	return LEFT + log10(channels) / 6 * (WIDTH - LEFT - RIGHT);
}

static double y_of(double cycles, double top)
{
	return HEIGHT - BOTTOM - cycles / top * (HEIGHT - TOP - BOTTOM);
}

static void axes(FILE *f, double top)
{
	static const char *const names[] = {"1", "10", "100", "1k", "10k", "100k", "1M"};

	for (int i = 0; i <= 6; i++) {
		double x = LEFT + i * (WIDTH - LEFT - RIGHT) / 6.0;

		fprintf(f, "<line x1='%.1f' y1='%d' x2='%.1f' y2='%d' stroke='#ddd'/>\n", x, TOP, x,
			HEIGHT - BOTTOM);
		fprintf(f, "<text x='%.1f' y='%d' text-anchor='middle'>%s</text>\n", x,
			HEIGHT - BOTTOM + 18, names[i]);
	}
	for (int i = 0; i <= 5; i++) {
		double v = i * top / 5;

		fprintf(f, "<line x1='%d' y1='%.1f' x2='%d' y2='%.1f' stroke='#ddd'/>\n", LEFT,
			y_of(v, top), WIDTH - RIGHT, y_of(v, top));
		fprintf(f, "<text x='%d' y='%.1f' text-anchor='end'>%.0f</text>\n", LEFT - 6,
			y_of(v, top) + 4, v);
	}
	fprintf(f, "<text x='%d' y='%d' text-anchor='middle'>channels in the table</text>\n",
		(LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16);
	fprintf(f,
		"<text x='%d' y='24'>TSC cycles a packet, fastest repetition (%s, %s pages)"
		"</text>\n",
		LEFT, bench_cpu(), bench_memory());
}

static void series(
	FILE *f, const struct decap_result *r, unsigned int n, unsigned int lane, double top)
{
	double x = 0, y = 0;

	fprintf(f, "<polyline fill='none' stroke='%s' stroke-width='%d' points='", colours[lane],
		lane == 0 ? 3 : 1);
	for (unsigned int i = 0; i < n; i++) {
		if (!in_sweep(&r[i], &r[0]))
			continue;
		x = x_of(r[i].c.shape.channels);
		y = y_of(lane_min(&r[i].lanes[lane], r[i].reps), top);
		fprintf(f, "%.1f,%.1f ", x, y);
	}
	fprintf(f, "'/>\n<text x='%.1f' y='%.1f' fill='%s'>%s</text>\n", x + 8, y + 4,
		colours[lane], r[0].lanes[lane].name);
}

int report_plot(const char *dir, const struct decap_result *r, unsigned int n)
{
	double most = 0, top;
	char path[4096];
	FILE *f;

	if (mkdir(dir, 0777) != 0 && errno != EEXIST)
		goto fail;
	if ((size_t)snprintf(path, sizeof(path), "%s/decap.svg", dir) >= sizeof(path))
		return -ENAMETOOLONG;
	f = fopen(path, "w");
	if (!f)
		goto fail;
	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int l = 0; in_sweep(&r[i], &r[0]) && l < r[i].n_lanes; l++)
			most = fmax(most, lane_min(&r[i].lanes[l], r[i].reps));
	}
	top = ceil(most / 50) * 50;
	fprintf(f,
		"<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
		"font-family='sans-serif' font-size='12'>\n"
		"<rect width='100%%' height='100%%' fill='white'/>\n",
		WIDTH, HEIGHT);
	axes(f, top);
	for (unsigned int l = r[0].n_lanes; l-- > 0;)
		series(f, r, n, l, top);
	fprintf(f, "</svg>\n");
	if (fclose(f) == 0)
		return 0;
fail:
	fprintf(stderr, "inlet-bench: %s: %s\n", dir, strerror(errno));
	return -EIO;
}
