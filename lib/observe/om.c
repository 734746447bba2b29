// SPDX-License-Identifier: BSD-3-Clause
#include "observe/om.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 4096
#define EXACT	   9007199254740992.0 // 2^53: below, a double tells integers apart

const char *const om_content_types[] = {
	[OM_TEXT] = "text/plain; version=0.0.4; charset=utf-8",
	[OM_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

static const char *const type_names[] = {
	[OM_COUNTER] = "counter",
	[OM_GAUGE] = "gauge",
	[OM_INFO] = "info",
	[OM_HISTOGRAM] = "histogram",
};

void om_init(struct om *o, enum om_format format)
{
	*o = (struct om){.format = format};
}

void om_fini(struct om *o)
{
	free(o->data);
	*o = (struct om){.format = o->format};
}

void om_taken(struct om *o)
{
	o->data = NULL;
	o->len = o->room = 0;
}

static void put(struct om *o, const char *text, size_t len)
{
	if (o->error)
		return;
	if (o->len + len + 1 > o->room) {
		size_t room = o->room ? o->room : FIRST_ROOM;
		char *data;

		while (room < o->len + len + 1)
			room *= 2;
		data = realloc(o->data, room);
		if (!data) {
			o->error = -ENOMEM;
			return;
		}
		o->data = data;
		o->room = room;
	}
	memcpy(o->data + o->len, text, len);
	o->len += len;
	o->data[o->len] = '\0';
}

static void puts_(struct om *o, const char *text)
{
	put(o, text, strlen(text));
}

// The same escapes stand in HELP and in values of labels; the older format leaves a quote in HELP
// as it is.
static const char *escape(char c, bool quote)
{
	switch (c) {
	case '\\':
		return "\\\\";
	case '\n':
		return "\\n";
	case '"':
		return quote ? "\\\"" : NULL;
	default:
		return (unsigned char)c < ' ' || (unsigned char)c >= 0x7f ? "?" : NULL;
	}
}

// What a family is called in its TYPE line, and the suffix of its samples.
static const char *suffix(const struct om *o, const struct om_family *f, bool sample)
{
	bool whole = sample || o->format == OM_TEXT;

	if (f->type == OM_COUNTER && whole)
		return "_total";
	return f->type == OM_INFO && whole ? "_info" : "";
}

static void meta(struct om *o, const char *what, const struct om_family *f)
{
	puts_(o, "# ");
	puts_(o, what);
	puts_(o, " ");
	puts_(o, f->name);
	puts_(o, suffix(o, f, false));
	puts_(o, " ");
}

void om_family(struct om *o, const struct om_family *f)
{
	bool info = f->type == OM_INFO && o->format == OM_TEXT;

	meta(o, "TYPE", f);
	puts_(o, type_names[info ? OM_GAUGE : f->type]);
	puts_(o, "\n");
	if (f->unit && o->format == OM_OPENMETRICS) {
		meta(o, "UNIT", f);
		puts_(o, f->unit);
		puts_(o, "\n");
	}
	meta(o, "HELP", f);
	for (const char *p = f->help; *p; p++) {
		const char *escaped = escape(*p, o->format == OM_OPENMETRICS);

		if (escaped)
			puts_(o, escaped);
		else
			put(o, p, 1);
	}
	puts_(o, "\n");
}

static void put_value(struct om *o, double value)
{
	char text[40];

	if (isnan(value))
		snprintf(text, sizeof(text), "NaN\n");
	else if (isinf(value))
		snprintf(text, sizeof(text), "%cInf\n", value > 0 ? '+' : '-');
	else if (value == floor(value) && fabs(value) < EXACT)
		snprintf(text, sizeof(text), "%" PRId64 "\n", (int64_t)value);
	else
		snprintf(text, sizeof(text), "%.12g\n", value);
	puts_(o, text);
}

static void put_labels(struct om *o, const char *labels, const char *more)
{
	if (!labels[0] && !more[0])
		return;
	puts_(o, "{");
	puts_(o, labels);
	if (labels[0] && more[0])
		puts_(o, ",");
	puts_(o, more);
	puts_(o, "}");
}

static void sample(struct om *o, const struct om_family *f, const char *ending, const char *labels,
	const char *more, double value)
{
	puts_(o, f->name);
	puts_(o, ending);
	put_labels(o, labels, more);
	puts_(o, " ");
	put_value(o, value);
}

void om_sample(struct om *o, const struct om_family *f, const char *labels, double value)
{
	sample(o, f, suffix(o, f, true), labels, "", value);
}

void om_histogram(
	struct om *o, const struct om_family *f, const char *labels, const struct histogram *h)
{
	uint64_t sum = 0;
	char le[40];

	for (unsigned int i = 0; i < HISTOGRAM_N_BOUNDS; i++) {
		double bound = (double)histogram_bounds_us[i] / 1e6;

		sum += h->counts[i];
		// OpenMetrics wants a point in it.
		snprintf(
			le, sizeof(le), bound == floor(bound) ? "le=\"%.1f\"" : "le=\"%g\"", bound);
		sample(o, f, "_bucket", labels, le, (double)sum);
	}
	sample(o, f, "_bucket", labels, "le=\"+Inf\"", (double)h->count);
	sample(o, f, "_sum", labels, "", (double)h->sum_us / 1e6);
	sample(o, f, "_count", labels, "", (double)h->count);
}

void om_eof(struct om *o)
{
	puts_(o, "# EOF\n");
}

bool om_label(char *labels, size_t room, const char *name, const char *value)
{
	size_t before = strlen(labels), len = before;
	int n;

	if (!value)
		return true;
	n = snprintf(labels + len, room - len, "%s%s=\"", before ? "," : "", name);
	len += (size_t)n;
	for (; *value && len + 4 <= room; value++) { // an escape, the quote, the end
		const char *escaped = escape(*value, true);

		if (escaped) {
			memcpy(labels + len, escaped, strlen(escaped));
			len += strlen(escaped);
		} else {
			labels[len++] = *value;
		}
	}
	if (*value || len + 2 > room) {
		labels[before] = '\0';
		return false;
	}
	labels[len++] = '"';
	labels[len] = '\0';
	return true;
}

bool om_label_u64(char *labels, size_t room, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return om_label(labels, room, name, text);
}
