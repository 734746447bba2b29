// SPDX-License-Identifier: BSD-3-Clause
#include "bench/json.h"

#include <string.h>

static const char *blanks(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

// From the opening quote to past the closing one; NULL when there is none.
static const char *string_end(const char *p)
{
	for (p++; *p != '"'; p++) {
		if (*p == '\\')
			p++;
		if (*p == '\0')
			return NULL;
	}
	return p + 1;
}

// Past a value: a string, an object or array with all that is in it, or a number or name.
static const char *value_end(const char *p)
{
	unsigned int depth = 0;

	do {
		if (*p == '"') {
			p = string_end(p);
			if (!p)
				return NULL;
			continue;
		}
		if (*p == '{' || *p == '[') {
			depth++;
		} else if (*p == '}' || *p == ']') {
			if (depth == 0)
				return NULL;
			depth--;
		} else if (*p == '\0') {
			return NULL;
		} else if (depth == 0) {
			size_t n = strcspn(p, ",}] \t\r\n");

			return n ? p + n : NULL;
		}
		p++;
	} while (depth > 0);
	return p;
}

const char *json_next(const char *at, struct json_member *m)
{
	const char *end;

	at = blanks(at);
	if (*at != '{' && *at != ',')
		return NULL;
	at = blanks(at + 1);
	end = *at == '"' ? string_end(at) : NULL;
	if (!end)
		return NULL;
	m->key = at + 1;
	m->key_len = (size_t)(end - at) - 2;
	at = blanks(end);
	if (*at != ':')
		return NULL;
	at = blanks(at + 1);
	end = value_end(at);
	if (!end)
		return NULL;
	m->value = *at == '"' ? at + 1 : at;
	m->value_len = (size_t)(end - at) - (*at == '"' ? 2 : 0);
	return end;
}

bool json_get(const char *object, const char *key, struct json_member *m)
{
	for (const char *at = json_next(object, m); at; at = json_next(at, m)) {
		if (m->key_len == strlen(key) && memcmp(m->key, key, m->key_len) == 0)
			return true;
	}
	return false;
}
