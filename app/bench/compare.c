// SPDX-License-Identifier: BSD-3-Clause
// Two files of --json lines, case by case. Reads what report.c writes, no JSON beyond that.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

#define MAX_LINES 256
// What the same code differs by from run to run on a busy machine.
#define TOLERANCE 0.90

struct line {
	char *bench; // "decap"
	char *test;  // {"channels":1,...}
	char *ratio; // "io":0.2,...
};

struct lines {
	unsigned int n;
	struct line v[MAX_LINES];
};

// The text between `before` and `after`, the first time they occur; NULL when they do not.
static char *between(const char *text, const char *before, char after)
{
	const char *from = strstr(text, before), *to;

	if (!from)
		return NULL;
	from += strlen(before);
	to = strchr(from, after);
	return to ? strndup(from, (size_t)(to - from)) : NULL;
}

static int lines_read(const char *path, struct lines *out)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	out->n = 0;
	if (!f) {
		fprintf(stderr, "inlet-bench: %s: %s\n", path, strerror(errno));
		return -errno;
	}
	while (out->n < MAX_LINES && getline(&text, &size, f) > 0) {
		struct line *l = &out->v[out->n];

		l->bench = between(text, "\"bench\":\"", '"');
		l->test = between(text, "\"case\":{", '}');
		l->ratio = between(text, "\"ratio\":{", '}');
		if (l->bench && l->test && l->ratio) {
			out->n++;
			continue;
		}
		free(l->bench);
		free(l->test);
		free(l->ratio);
	}
	free(text);
	fclose(f);
	return 0;
}

static void lines_free(struct lines *l)
{
	for (unsigned int i = 0; i < l->n; i++) {
		free(l->v[i].bench);
		free(l->v[i].test);
		free(l->v[i].ratio);
	}
}

static const struct line *line_find(const struct lines *l, const struct line *like)
{
	for (unsigned int i = 0; i < l->n; i++) {
		if (strcmp(l->v[i].bench, like->bench) == 0 &&
			strcmp(l->v[i].test, like->test) == 0)
			return &l->v[i];
	}
	return NULL;
}

// False: a reference by which b is worse.
static bool line_compare(const struct line *a, const struct line *b)
{
	bool ok = true;
	char name[64];
	int used;
	double was;

	printf("%s %s\n", a->bench, a->test);
	for (const char *p = a->ratio; sscanf(p, "\"%63[^\"]\":%lf%n", name, &was, &used) == 2;) {
		char quoted[72];
		const char *at;
		double is;

		snprintf(quoted, sizeof(quoted), "\"%s\":", name);
		at = strstr(b->ratio, quoted);
		if (at && was > 0) {
			is = strtod(at + strlen(quoted), NULL);
			printf("  %-14s %8.3f %8.3f  %+6.1f %%%s\n", name, was, is,
				(is / was - 1) * 100, is < was * TOLERANCE ? "  worse" : "");
			ok = ok && is >= was * TOLERANCE;
		}
		p += used;
		if (*p == ',')
			p++;
	}
	return ok;
}

int compare_main(const char *a, const char *b)
{
	struct lines la, lb;
	unsigned int both = 0, worse = 0;

	if (lines_read(a, &la) != 0)
		return 2;
	if (lines_read(b, &lb) != 0) {
		lines_free(&la);
		return 2;
	}
	for (unsigned int i = 0; i < la.n; i++) {
		const struct line *l = line_find(&lb, &la.v[i]);

		if (!l)
			continue;
		both++;
		if (!line_compare(&la.v[i], l))
			worse++;
	}
	printf("%u cases in both, %u worse\n", both, worse);
	lines_free(&la);
	lines_free(&lb);
	if (both == 0)
		return 2;
	return worse ? 1 : 0;
}
