// SPDX-License-Identifier: BSD-3-Clause
// decap-FAMILY.svg: cycles a packet by channels, the product and its references.
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

static const char *const colours[LANES_MAX] = {"#c00000", "#999999", "#4477aa", "#66ccee",
	"#ccaa33", "#ddcc77", "#228833", "#aa3377", "#000000", "#882255", "#117733", "#332288"};

// The plain cases of a family, whatever their channels: one tunnel a channel up to 1000.
static bool in_sweep(const struct decap_result *r, enum feed_family family)
{
	const struct feed_shape *s = &r->c.shape;

	return !s->replay && s->family == family && s->payload == 64 && r->c.fanout == 1 &&
	       s->traffic == FEED_HITS && !r->c.updates && s->zipf == 0 && !s->tagged &&
	       !s->software && s->tunnels == RTE_MIN(s->channels, 1000u);
}

static double x_of(uint32_t channels)
{
	return LEFT + log10(channels) / 6 * (WIDTH - LEFT - RIGHT);
}

static double y_of(double cycles, double top)
{
	return HEIGHT - BOTTOM - cycles / top * (HEIGHT - TOP - BOTTOM);
}

static void axes(FILE *f, double top, const char *family)
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
		"<text x='%d' y='24'>%s, 64 octets: TSC cycles a packet, fastest repetition (%s, "
		"%s pages)</text>\n",
		LEFT, family, bench_cpu(), bench_memory());
}

static void series(FILE *f, const struct decap_result *r, unsigned int n, enum feed_family family,
	unsigned int lane, double top)
{
	const char *name = NULL;
	double x = 0, y = 0;

	fprintf(f, "<polyline fill='none' stroke='%s' stroke-width='%d' points='", colours[lane],
		lane == 0 ? 3 : 1);
	for (unsigned int i = 0; i < n; i++) {
		if (!in_sweep(&r[i], family) || lane >= r[i].n_lanes)
			continue;
		x = x_of(r[i].c.shape.channels);
		y = y_of(lane_min(&r[i].lanes[lane], r[i].reps), top);
		name = r[i].lanes[lane].name;
		fprintf(f, "%.1f,%.1f ", x, y);
	}
	fprintf(f, "'/>\n");
	if (name)
		fprintf(f, "<text x='%.1f' y='%.1f' fill='%s'>%s</text>\n", x + 8, y + 4,
			colours[lane], name);
}

static void draw(FILE *f, const struct decap_result *r, unsigned int n, enum feed_family family)
{
	double most = 0, top;

	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int l = 0; in_sweep(&r[i], family) && l < r[i].n_lanes; l++)
			most = fmax(most, lane_min(&r[i].lanes[l], r[i].reps));
	}
	top = ceil(most / 50) * 50;
	fprintf(f,
		"<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
		"font-family='sans-serif' font-size='12'>\n"
		"<rect width='100%%' height='100%%' fill='white'/>\n",
		WIDTH, HEIGHT);
	axes(f, top, feed_family_names[family]);
	for (unsigned int l = LANES_MAX; l-- > 0;)
		series(f, r, n, family, l, top);
	fprintf(f, "</svg>\n");
}

static int plot_family(
	const char *dir, const struct decap_result *r, unsigned int n, enum feed_family family)
{
	char path[4096];
	FILE *f;

	if ((size_t)snprintf(path, sizeof(path), "%s/decap-%s.svg", dir,
		    feed_family_names[family]) >= sizeof(path))
		return -ENAMETOOLONG;
	f = fopen(path, "w");
	if (!f)
		return -errno;
	draw(f, r, n, family);
	return fclose(f) == 0 ? 0 : -EIO;
}

int report_plot(const char *dir, const struct decap_result *r, unsigned int n)
{
	int rc = mkdir(dir, 0777) == 0 || errno == EEXIST ? 0 : -errno;

	for (int family = 0; rc == 0 && family < FEED_FAMILIES; family++) {
		bool any = false;

		for (unsigned int i = 0; i < n; i++)
			any |= in_sweep(&r[i], (enum feed_family)family);
		if (any)
			rc = plot_family(dir, r, n, (enum feed_family)family);
	}
	if (rc != 0)
		fprintf(stderr, "inlet-bench: %s: %s\n", dir, strerror(-rc));
	return rc;
}
