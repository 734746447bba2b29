// SPDX-License-Identifier: BSD-3-Clause
// Plots by hand: a frame with axes and a few series, or bars. A few lines of SVG, no library.
#ifndef BENCH_SVG_H
#define BENCH_SVG_H

#include <stdbool.h>
#include <stdio.h>

#define SVG_COLOURS 12

struct svg_axis {
	double from, to;
	bool log; // decades; from and to above 0
	const char *label;
};

struct svg {
	FILE *f;
	struct svg_axis x, y;
	unsigned int n; // series so far
	char path[4096];
};

// Opens DIR/name, which is made where it is not there, and draws the frame. 0, or -errno, said on
// stderr.
int svg_open(struct svg *s, const char *dir, const char *name, const char *title,
	const struct svg_axis *x, const struct svg_axis *y);
int svg_close(struct svg *s);
// n points, joined, with its name beside the frame; the first series is drawn boldly. A point
// outside of the frame is drawn at its edge.
void svg_series(struct svg *s, const char *name, const double *x, const double *y, unsigned int n);
// A bar from 0 to value beside slot i of n along x, with its value on it.
void svg_bar(struct svg *s, unsigned int i, unsigned int n, double value, const char *name);
// Row i of n: a bar from the x axis' begin to value, the value behind it, its name beside the
// frame. colour: of SVG_COLOURS.
void svg_row(struct svg *s, unsigned int i, unsigned int n, double value, unsigned int colour,
	const char *name);

#endif
