// SPDX-License-Identifier: BSD-3-Clause
// Two files of --json lines, case by case.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/json.h"

#define MAX_LINES 512
// What the same code differs by from run to run on a busy machine.
#define TOLERANCE 0.90

struct lines {
	unsigned int n;
	char *v[MAX_LINES]; // each an object with bench, case and ratio
};

// What a key of a case is when a line does not have it: it was written before the key was invented.
static const struct {
	const char *key, *value;
} defaults[] = {{"family", "4in4"}, {"l2", "same"}, {"popularity", "uniform"}, {"vlan", "0"},
	{"cksum", "driver"}, {"traffic", "hits"}, {"updates", "0"}, {"fanout", "1"}};

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
		struct json_member m;

		if (json_get(text, "bench", &m) && json_get(text, "case", &m) &&
			json_get(text, "ratio", &m))
			out->v[out->n++] = strdup(text);
	}
	free(text);
	fclose(f);
	return 0;
}

static void lines_free(struct lines *l)
{
	for (unsigned int i = 0; i < l->n; i++)
		free(l->v[i]);
}

static bool is(const struct json_member *m, const char *value, size_t len)
{
	return m->value_len == len && memcmp(m->value, value, len) == 0;
}

// Whether member m of one case is the same in another.
static bool has(const char *other, const struct json_member *m)
{
	struct json_member is_there;
	char key[64];

	snprintf(key, sizeof(key), "%.*s", (int)m->key_len, m->key);
	if (json_get(other, key, &is_there))
		return is(m, is_there.value, is_there.value_len);
	for (unsigned int i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		if (strcmp(key, defaults[i].key) == 0)
			return is(m, defaults[i].value, strlen(defaults[i].value));
	}
	return false;
}

static bool case_within(const char *a, const char *b)
{
	struct json_member m;

	for (const char *at = json_next(a, &m); at; at = json_next(at, &m)) {
		if (!has(b, &m))
			return false;
	}
	return true;
}

// Whether two lines are of one case, in whatever order its keys are.
static bool line_like(const char *a, const char *b)
{
	struct json_member bench_a, bench_b, case_a, case_b;

	return json_get(a, "bench", &bench_a) && json_get(b, "bench", &bench_b) &&
	       is(&bench_a, bench_b.value, bench_b.value_len) && json_get(a, "case", &case_a) &&
	       json_get(b, "case", &case_b) && case_within(case_a.value, case_b.value) &&
	       case_within(case_b.value, case_a.value);
}

static const char *line_find(const struct lines *l, const char *like)
{
	for (unsigned int i = 0; i < l->n; i++) {
		if (line_like(l->v[i], like))
			return l->v[i];
	}
	return NULL;
}

// Frames that a line says went wrong or were lost.
static double bad_frames(const char *line)
{
	static const char *const keys[] = {"wrong", "lost"};
	struct json_member m;
	double sum = 0;

	for (int i = 0; i < 2; i++)
		sum += json_get(line, keys[i], &m) ? strtod(m.value, NULL) : 0;
	return sum;
}

// False: a reference by which b is worse.
static bool line_compare(const char *a, const char *b)
{
	struct json_member bench, test, ratio_a, ratio_b, m, other;
	bool ok = true;

	if (!json_get(a, "bench", &bench) || !json_get(a, "case", &test) ||
		!json_get(a, "ratio", &ratio_a) || !json_get(b, "ratio", &ratio_b))
		return true;
	printf("%.*s %.*s\n", (int)bench.value_len, bench.value, (int)test.value_len, test.value);
	for (const char *at = json_next(ratio_a.value, &m); at; at = json_next(at, &m)) {
		double was = strtod(m.value, NULL), now;
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)m.key_len, m.key);
		if (!json_get(ratio_b.value, name, &other) || was <= 0)
			continue;
		now = strtod(other.value, NULL);
		printf("  %-15s %8.3f %8.3f  %+6.1f %%%s\n", name, was, now, (now / was - 1) * 100,
			now < was * TOLERANCE ? "  worse" : "");
		ok = ok && now >= was * TOLERANCE;
	}
	if (bad_frames(b) > 0) {
		printf("  %-15s %8.0f %8.0f  worse\n", "wrong, lost", bad_frames(a), bad_frames(b));
		ok = false;
	}
	return ok;
}

int compare_main(const char *a, const char *b)
{
	static struct lines la, lb;
	unsigned int both = 0, worse = 0;

	if (lines_read(a, &la) != 0)
		return 2;
	if (lines_read(b, &lb) != 0) {
		lines_free(&la);
		return 2;
	}
	for (unsigned int i = 0; i < la.n; i++) {
		const char *l = line_find(&lb, la.v[i]);

		if (!l)
			continue;
		both++;
		if (!line_compare(la.v[i], l))
			worse++;
	}
	printf("%u cases in both, %u worse\n", both, worse);
	lines_free(&la);
	lines_free(&lb);
	if (both == 0)
		return 2;
	return worse ? 1 : 0;
}
