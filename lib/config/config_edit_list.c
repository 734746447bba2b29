// SPDX-License-Identifier: BSD-3-Clause
// Finding one's way in the text of a file. The tokens are those of libconfig's scanner, which has
// read it without an error.
#include "config/config_edit.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void edit_add(struct edit_buf *b, const char *from, const char *to)
{
	size_t len = (size_t)(to - from);

	if (b->len + len + 1 > b->room) {
		size_t room = 2 * (b->len + len + 1);
		char *more = realloc(b->data, room);

		if (!more) {
			b->failed = true;
			return;
		}
		b->data = more;
		b->room = room;
	}
	memcpy(b->data + b->len, from, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void edit_addf(struct edit_buf *b, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	// NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 does not see va_start
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		b->failed = true;
	else
		edit_add(b, text, text + n);
}

static const char *comment_end(const char *p)
{
	const char *end;

	if (p[0] == '#' || (p[0] == '/' && p[1] == '/'))
		return p + strcspn(p, "\n");
	if (p[0] != '/' || p[1] != '*')
		return p;
	end = strstr(p + 2, "*/");
	return end ? end + 2 : p + strlen(p);
}

const char *edit_blank(const char *p)
{
	for (;;) {
		const char *q = comment_end(p + strspn(p, " \t\r\n\f\v"));

		if (q == p)
			return p;
		p = q;
	}
}

// p is at the quote; NULL without a closing one.
static const char *string_end(const char *p)
{
	for (p++; *p && *p != '"'; p++)
		if (*p == '\\' && p[1])
			p++;
	return *p ? p + 1 : NULL;
}

static const char *bracket_end(const char *p)
{
	unsigned int depth = 0;

	while (*p) {
		const char *q = comment_end(p);

		if (q != p) {
			p = q;
		} else if (*p == '"') {
			p = string_end(p);
			if (!p)
				return NULL;
		} else if (strchr("({[", *p)) {
			depth++;
			p++;
		} else if (strchr(")}]", *p)) {
			p++;
			if (--depth == 0)
				return p;
		} else {
			p++;
		}
	}
	return NULL;
}

const char *edit_value(const char *p)
{
	const char *end;

	if (*p && strchr("({[", *p))
		return bracket_end(p);
	if (*p != '"')
		return p + strcspn(p, " \t\r\n\f\v;,)}]#/");
	// Strings side by side are one.
	for (end = string_end(p); end && *edit_blank(end) == '"';)
		end = string_end(edit_blank(end));
	return end;
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '*';
}

bool edit_setting(const char *p, struct edit_setting *s)
{
	// An @include takes its line.
	for (p = edit_blank(p); *p == '@'; p = edit_blank(p))
		p += strcspn(p, "\n");
	s->name = p;
	while (is_name(*p))
		p++;
	s->name_end = p;
	p = edit_blank(p);
	if (p == s->name || (*p != '=' && *p != ':'))
		return false;
	s->value = edit_blank(p + 1);
	s->value_end = edit_value(s->value);
	if (!s->value_end)
		return false;
	p = edit_blank(s->value_end);
	s->end = *p == ';' || *p == ',' ? p + 1 : s->value_end;
	return true;
}

bool edit_find(const char *p, const char *name, struct edit_setting *s)
{
	size_t len = strlen(name);

	for (; edit_setting(p, s); p = s->end)
		if ((size_t)(s->name_end - s->name) == len && memcmp(s->name, name, len) == 0)
			return true;
	return false;
}

// Past blanks and a comment in what is left of the line, with its newline; p where there is more.
static const char *line_rest(const char *p)
{
	const char *q = p + strspn(p, " \t");

	if (*q == '#' || (q[0] == '/' && q[1] == '/'))
		q += strcspn(q, "\n");
	return *q == '\n' ? q + 1 : p;
}

bool edit_element(const char *p, struct edit_element *e)
{
	e->lead = p;
	e->from = edit_blank(p);
	if (*e->from == '\0' || strchr(")]}", *e->from))
		return false;
	e->to = edit_value(e->from);
	if (!e->to || e->to == e->from)
		return false;
	e->comma = edit_blank(e->to);
	e->tail_end = *e->comma == ',' ? line_rest(e->comma + 1) : e->comma;
	return true;
}
