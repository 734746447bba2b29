// SPDX-License-Identifier: BSD-3-Clause
#include "metrics/json_row.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *blanks(const char *p)
{
	while (*p == ' ' || *p == '\n')
		p++;
	return p;
}

static int hex4(const char *p)
{
	char digits[5] = {0};

	for (int i = 0; i < 4; i++) {
		if (!isxdigit((unsigned char)p[i]))
			return -1;
		digits[i] = p[i];
	}
	return (int)strtol(digits, NULL, 16);
}

// From the quote on; what is behind the text, or NULL. Characters beyond ASCII become '?'.
static const char *parse_text(const char *p, char *out, size_t room)
{
	size_t n = 0;

	if (*p++ != '"')
		return NULL;
	while (*p != '"') {
		char c = *p++;

		if ((unsigned char)c < ' ')
			return NULL;
		if (c == '\\') {
			c = *p++;
			if (c == 'u') {
				int code = hex4(p);

				if (code < 0)
					return NULL;
				p += 4;
				c = code >= ' ' && code < 0x7f ? (char)code : '?';
			} else if (c != '"' && c != '\\') {
				return NULL;
			}
		}
		if (n + 1 < room)
			out[n++] = c;
	}
	out[n] = '\0';
	return p + 1;
}

static const char *parse_number(const char *p, char *out, size_t room)
{
	size_t n = strspn(p, "-+.0123456789eE");

	if (n == 0 || n >= room)
		return NULL;
	memcpy(out, p, n);
	out[n] = '\0';
	return p + n;
}

static const char *parse_list(const char *p, struct json_cell *out)
{
	char text[JSON_TEXT_LEN];

	p = blanks(p + 1);
	out->list = p;
	while (*p != ']') {
		p = parse_text(p, text, sizeof(text));
		if (!p)
			return NULL;
		p = blanks(p);
		if (*p == ',')
			p = blanks(p + 1);
		else if (*p != ']')
			return NULL;
	}
	return p + 1;
}

static const char *parse_word(const char *p, struct json_cell *out)
{
	static const struct {
		const char *word;
		enum json_kind kind;
	} words[] = {{"true", JSON_TRUE}, {"false", JSON_FALSE}, {"null", JSON_NULL}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i].word);

		if (strncmp(p, words[i].word, n) == 0) {
			out->kind = words[i].kind;
			return p + n;
		}
	}
	return NULL;
}

static const char *parse_value(const char *p, struct json_cell *out)
{
	out->text[0] = '\0';
	out->list = NULL;
	switch (*p) {
	case '"':
		out->kind = JSON_TEXT;
		return parse_text(p, out->text, sizeof(out->text));
	case '[':
		out->kind = JSON_LIST;
		return parse_list(p, out);
	case 't':
	case 'f':
	case 'n':
		return parse_word(p, out);
	default:
		out->kind = JSON_NUMBER;
		return parse_number(p, out->text, sizeof(out->text));
	}
}

bool json_row_next(const char **at, struct json_cell *out)
{
	const char *p = blanks(*at);
	bool first = *p == '{';

	if (*p == '}')
		return false;
	if (!first && *p != ',') {
		*at = NULL;
		return false;
	}
	p = blanks(p + 1);
	if (first && *p == '}') {
		*at = p;
		return false;
	}
	p = parse_text(p, out->key, sizeof(out->key));
	if (p)
		p = blanks(p);
	if (p && *p == ':')
		p = parse_value(blanks(p + 1), out);
	else
		p = NULL;
	*at = p;
	return p != NULL;
}

bool json_list_next(const char **list, char text[JSON_TEXT_LEN])
{
	const char *p = *list;

	if (!p || *p != '"')
		return false;
	p = parse_text(p, text, JSON_TEXT_LEN);
	if (!p)
		return false;
	p = blanks(p);
	*list = *p == ',' ? blanks(p + 1) : p;
	return true;
}
