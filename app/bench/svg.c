// SPDX-License-Identifier: BSD-3-Clause
#include "bench/svg.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#define WIDTH  760
#define HEIGHT 460
#define LEFT   60
#define TOP    40
#define RIGHT  170 // the names
#define BOTTOM 60
#define STEPS  5

static const char *const colours[SVG_COLOURS] = {"#c00000", "#999999", "#4477aa", "#66ccee",
	"#ccaa33", "#228833", "#aa3377", "#000000", "#882255", "#117733", "#332288", "#dd7788"};

// Where on an axis, 0 to 1.
static double part(const struct svg_axis *a, double v)
{
	double p;

	if (a->log)
		p = (log10(fmax(v, a->from)) - log10(a->from)) / (log10(a->to) - log10(a->from));
	else
		p = (v - a->from) / (a->to - a->from);
	return fmin(fmax(p, 0), 1);
}

static double x_of(const struct svg *s, double v)
{
	return LEFT + part(&s->x, v) * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct svg *s, double v)
{
	return HEIGHT - BOTTOM - part(&s->y, v) * (HEIGHT - TOP - BOTTOM);
}

static void number(char *text, size_t size, double v)
{
	if (v >= 1e6)
		snprintf(text, size, "%gM", v / 1e6);
	else if (v >= 1e3)
		snprintf(text, size, "%gk", v / 1e3);
	else
		snprintf(text, size, "%.3g", v);
}

static void tick(const struct svg *s, bool is_x, double v)
{
	char text[32];

	number(text, sizeof(text), v);
	if (is_x)
		fprintf(s->f,
			"<line x1='%.1f' y1='%d' x2='%.1f' y2='%d' stroke='#ddd'/>\n"
			"<text x='%.1f' y='%d' text-anchor='middle'>%s</text>\n",
			x_of(s, v), TOP, x_of(s, v), HEIGHT - BOTTOM, x_of(s, v),
			HEIGHT - BOTTOM + 18, text);
	else
		fprintf(s->f,
			"<line x1='%d' y1='%.1f' x2='%d' y2='%.1f' stroke='#ddd'/>\n"
			"<text x='%d' y='%.1f' text-anchor='end'>%s</text>\n",
			LEFT, y_of(s, v), WIDTH - RIGHT, y_of(s, v), LEFT - 6, y_of(s, v) + 4,
			text);
}

static void axis(const struct svg *s, bool is_x)
{
	const struct svg_axis *a = is_x ? &s->x : &s->y;

	if (a->log) {
		double v = a->from;

		while (v <= a->to * 1.001) {
			tick(s, is_x, v);
			v *= 10;
		}
	} else if (a->label) {
		for (int i = 0; i <= STEPS; i++)
			tick(s, is_x, a->from + i * (a->to - a->from) / STEPS);
	}
}

int svg_open(struct svg *s, const char *dir, const char *name, const char *title,
	const struct svg_axis *x, const struct svg_axis *y)
{
	*s = (struct svg){.x = *x, .y = *y};
	if ((size_t)snprintf(s->path, sizeof(s->path), "%s/%s", dir, name) >= sizeof(s->path))
		return -ENAMETOOLONG;
	if ((mkdir(dir, 0777) != 0 && errno != EEXIST) || !(s->f = fopen(s->path, "w"))) {
		int rc = -errno;

		fprintf(stderr, "inlet-bench: %s: %s\n", s->path, strerror(-rc));
		return rc;
	}
	fprintf(s->f,
		"<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
		"font-family='sans-serif' font-size='12'>\n"
		"<rect width='100%%' height='100%%' fill='white'/>\n"
		"<text x='%d' y='24'>%s</text>\n",
		WIDTH, HEIGHT, LEFT, title);
	axis(s, true);
	axis(s, false);
	if (x->label)
		fprintf(s->f, "<text x='%d' y='%d' text-anchor='middle'>%s</text>\n",
			(LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, x->label);
	return 0;
}

int svg_close(struct svg *s)
{
	fprintf(s->f, "</svg>\n");
	if (fclose(s->f) == 0)
		return 0;
	fprintf(stderr, "inlet-bench: %s: %s\n", s->path, strerror(errno));
	return -EIO;
}

void svg_series(struct svg *s, const char *name, const double *x, const double *y, unsigned int n)
{
	const char *colour = colours[s->n % SVG_COLOURS];

	if (n == 0)
		return;
	fprintf(s->f, "<polyline fill='none' stroke='%s' stroke-width='%d' points='", colour,
		s->n == 0 ? 3 : 1);
	for (unsigned int i = 0; i < n; i++)
		fprintf(s->f, "%.1f,%.1f ", x_of(s, x[i]), y_of(s, y[i]));
	fprintf(s->f, "'/>\n<text x='%d' y='%u' fill='%s'>%s</text>\n", WIDTH - RIGHT + 12,
		TOP + 12 + 18 * s->n, colour, name);
	s->n++;
}

void svg_bar(struct svg *s, unsigned int i, unsigned int n, double value, const char *name)
{
	double slot = (double)(WIDTH - LEFT - RIGHT) / n, x = LEFT + i * slot + slot * 0.1;
	double y = y_of(s, value), base = y_of(s, 0);

	fprintf(s->f,
		"<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' fill='%s'/>\n"
		"<text x='%.1f' y='%.1f' text-anchor='middle'>%.3g</text>\n"
		"<text x='%.1f' y='%.1f' text-anchor='middle' font-size='10'>%s</text>\n",
		x, y, slot * 0.8, base - y, colours[s->n % SVG_COLOURS], x + slot * 0.4, y - 4,
		value, x + slot * 0.4, base + 14.0 + (i % 3) * 12, name);
}

void svg_row(struct svg *s, unsigned int i, unsigned int n, double value, unsigned int colour,
	const char *name)
{
	double slot = (double)(HEIGHT - TOP - BOTTOM) / n, y = TOP + i * slot;
	double base = y + slot / 2 + 3, x = x_of(s, value);

	fprintf(s->f,
		"<rect x='%d' y='%.1f' width='%.1f' height='%.1f' fill='%s'/>\n"
		"<text x='%.1f' y='%.1f' font-size='9'>%.3g</text>\n"
		"<text x='%d' y='%.1f' font-size='9'>%s</text>\n",
		LEFT, y + slot * 0.1, x - LEFT, slot * 0.8, colours[colour % SVG_COLOURS], x + 3,
		base, value, WIDTH - RIGHT + 12, base, name);
}
