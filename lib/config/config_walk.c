// SPDX-License-Identifier: BSD-3-Clause
// The strict walk: every setting of the file must be a key of the schema, of its type and range.
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/config_internal.h"

struct walk {
	const char *path;
	char *err;
};

static int walk_group(const struct walk *w, const config_setting_t *group,
	const struct schema *schema, void *base);

int config_fail_line(char err[CONFIG_ERR_LEN], const char *path, const char *file,
	unsigned int line, const char *text)
{
	const char *slash = strrchr(path, '/');
	int dir = 0;

	// libconfig names an included file as @include does, relative to the including one's place.
	if (!file)
		file = path;
	else if (strcmp(file, path) != 0 && slash)
		dir = (int)(slash - path) + 1;
	snprintf(err, CONFIG_ERR_LEN, "%.*s%.200s:%u: %s", dir < 100 ? dir : 0, path, file,
		line ? line : 1, text);
	return -EINVAL;
}

int config_fail(char err[CONFIG_ERR_LEN], const char *path, const config_setting_t *at,
	const char *fmt, ...)
{
	char text[CONFIG_ERR_LEN];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return config_fail_line(err, path, at ? config_setting_source_file(at) : NULL,
		at ? config_setting_source_line(at) : 0, text);
}

const config_setting_t *config_at(const config_t *config, const char *fmt, ...)
{
	char where[128];
	const config_setting_t *s;
	char *dot;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(where, sizeof(where), fmt, ap);
	va_end(ap);
	while (!(s = config_lookup(config, where)) && (dot = strrchr(where, '.')))
		*dot = '\0';
	return s;
}

static const char *type_name(int type)
{
	switch (type) {
	case CONFIG_TYPE_GROUP:
		return "a group { ... }";
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "an integer";
	case CONFIG_TYPE_FLOAT:
		return "a real number";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_ARRAY:
		return "an array [ ... ]";
	case CONFIG_TYPE_LIST:
		return "a list ( ... )";
	default:
		return "nothing";
	}
}

static int fail_type(
	const struct walk *w, const config_setting_t *at, const char *key, const char *want)
{
	return config_fail(w->err, w->path, at, "%s must be %s, not %s", key, want,
		type_name(config_setting_type(at)));
}

static bool is_int(const config_setting_t *at)
{
	return config_setting_type(at) == CONFIG_TYPE_INT ||
	       config_setting_type(at) == CONFIG_TYPE_INT64;
}

static bool is_sequence(const config_setting_t *at)
{
	return config_setting_type(at) == CONFIG_TYPE_ARRAY ||
	       config_setting_type(at) == CONFIG_TYPE_LIST;
}

static int64_t max_of_size(size_t size)
{
	return size >= sizeof(int64_t) ? INT64_MAX : ((int64_t)1 << (8 * size)) - 1;
}

static int walk_int(const struct walk *w, const config_setting_t *at, const struct schema *k,
	void *field, int64_t max)
{
	int64_t v;

	if (!is_int(at))
		return fail_type(
			w, at, k->key, k->auto_ok ? "an integer or \"auto\"" : "an integer");
	v = config_setting_get_int64(at);
	if (v < k->min || v > max)
		return config_fail(w->err, w->path, at, "%s is %lld, not in %lld..%lld", k->key,
			(long long)v, (long long)k->min, (long long)max);
	if (k->size == sizeof(uint8_t))
		*(uint8_t *)field = (uint8_t)v;
	else if (k->size == sizeof(uint16_t))
		*(uint16_t *)field = (uint16_t)v;
	else
		*(uint32_t *)field = (uint32_t)v;
	return 0;
}

// `named`: what it is called where something is wrong.
static int walk_text(const struct walk *w, const config_setting_t *at, const char *named,
	const struct schema *k, void *field)
{
	char why[SCHEMA_WHY_LEN];
	const char *text;

	if (config_setting_type(at) != CONFIG_TYPE_STRING)
		return fail_type(w, at, named, "a string");
	text = config_setting_get_string(at);
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return config_fail(
				w->err, w->path, at, "%s has a control character", named);
	}
	if (k->value(text, field, why) < 0)
		return config_fail(w->err, w->path, at, "%s \"%.80s\": %s", named, text, why);
	return 0;
}

static int walk_element(
	const struct walk *w, const config_setting_t *elem, const struct schema *k, void *field)
{
	switch (k->type) {
	case SCHEMA_GROUPS:
		if (config_setting_type(elem) != CONFIG_TYPE_GROUP)
			return fail_type(w, elem, k->key, "a list of groups { ... }");
		if (k->defaults)
			k->defaults(field);
		return walk_group(w, elem, k->sub, field);
	case SCHEMA_INTS:
		return walk_int(w, elem, k, field, INT32_MAX);
	default:
		return walk_text(w, elem, k->key, k, field);
	}
}

static int walk_sequence(
	const struct walk *w, const config_setting_t *at, const struct schema *k, char *base)
{
	unsigned int n, at_least = k->type == SCHEMA_INTS ? 1 : (unsigned int)k->min;

	if (!is_sequence(at))
		return fail_type(w, at, k->key,
			k->type == SCHEMA_GROUPS ? "a list ( ... )"
			: k->auto_ok		 ? "an array [ ... ] or \"auto\""
						 : "an array [ ... ]");
	n = (unsigned int)config_setting_length(at);
	if (n < at_least)
		return config_fail(w->err, w->path, at, "%s needs at least %u element%s", k->key,
			at_least, at_least == 1 ? "" : "s");
	if (n > (unsigned int)k->max)
		return config_fail(w->err, w->path, at,
			"%s has %u elements, at most %u are allowed", k->key, n,
			(unsigned int)k->max);
	for (unsigned int i = 0; i < n; i++) {
		const config_setting_t *elem = config_setting_get_elem(at, i);
		int ret = walk_element(w, elem, k, base + k->offset + i * k->size);

		if (ret < 0)
			return ret;
	}
	memcpy(base + k->count_offset, &n, sizeof(n));
	return 0;
}

static const struct schema *schema_find(const struct schema *schema, const char *key)
{
	while (schema->key && strcmp(schema->key, key) != 0)
		schema++;
	return schema->key ? schema : NULL;
}

static int walk_subgroup(
	const struct walk *w, const config_setting_t *at, const struct schema *k, void *base)
{
	const struct schema *in = k->short_key ? schema_find(k->sub, k->short_key) : NULL;

	if (config_setting_type(at) == CONFIG_TYPE_GROUP)
		return walk_group(w, at, k->sub, base);
	if (in && config_setting_type(at) == CONFIG_TYPE_STRING)
		return walk_text(w, at, k->key, in, (char *)base + in->offset);
	return fail_type(w, at, k->key, in ? "a group { ... } or a string" : "a group { ... }");
}

static int walk_key(
	const struct walk *w, const config_setting_t *at, const struct schema *k, char *base)
{
	const char *text = config_setting_type(at) == CONFIG_TYPE_STRING
				   ? config_setting_get_string(at)
				   : NULL;

	if (k->auto_ok && text && strcmp(text, "auto") == 0)
		return 0;
	switch (k->type) {
	case SCHEMA_INT: {
		int64_t top = max_of_size(k->size);

		return walk_int(w, at, k, base + k->offset, k->max < top ? k->max : top);
	}
	case SCHEMA_BOOL:
		if (config_setting_type(at) != CONFIG_TYPE_BOOL)
			return fail_type(w, at, k->key, "true or false");
		*(bool *)(base + k->offset) = config_setting_get_bool(at) == CONFIG_TRUE;
		return 0;
	case SCHEMA_TEXT:
		return walk_text(w, at, k->key, k, base + k->offset);
	case SCHEMA_GROUP:
		return walk_subgroup(w, at, k, base + k->offset);
	default:
		return walk_sequence(w, at, k, base);
	}
}

static int walk_group(const struct walk *w, const config_setting_t *group,
	const struct schema *schema, void *base)
{
	int n = config_setting_length(group);
	const char *in = config_setting_name(group);
	int ret;

	for (int i = 0; i < n; i++) {
		const config_setting_t *at = config_setting_get_elem(group, (unsigned int)i);
		const struct schema *k = schema_find(schema, config_setting_name(at));

		if (!k)
			return config_fail(w->err, w->path, at, "unknown key \"%.80s\"%s%s",
				config_setting_name(at), in ? " in " : "", in ? in : "");
		ret = walk_key(w, at, k, base);
		if (ret < 0)
			return ret;
	}
	for (const struct schema *k = schema; k->key; k++) {
		if (k->required && !config_setting_get_member(group, k->key))
			return config_fail(w->err, w->path, group, "%s is missing", k->key);
	}
	return 0;
}

int config_walk(const config_setting_t *group, const struct schema *schema, void *base,
	const char *path, char err[CONFIG_ERR_LEN])
{
	struct walk w = {.path = path, .err = err};

	return walk_group(&w, group, schema, base);
}
