// SPDX-License-Identifier: BSD-3-Clause
// From octets to entries, and from an entry to its line.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "joinfile/joinfile.h"

#define BOM "\xef\xbb\xbf" // some editors put it in front of UTF-8

struct span {
	const char *p;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span trim(struct span s)
{
	while (s.len > 0 && is_blank(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

// Takes what stands before the first `end`, and the end itself, from s. False when there is none:
// then all of s is taken.
static bool take(struct span *s, char end, struct span *out)
{
	const char *at = s->len ? memchr(s->p, end, s->len) : NULL;

	*out = *s;
	if (!at) {
		s->p += s->len;
		s->len = 0;
		return false;
	}
	out->len = (size_t)(at - s->p);
	s->p += out->len + 1;
	s->len -= out->len + 1;
	return true;
}

static bool parse_addr(struct span s, struct addr *out)
{
	char text[ADDR_STRLEN];

	// A NUL would end the text for addr_parse(), with anything behind it.
	if (s.len == 0 || s.len >= sizeof(text) || memchr(s.p, '\0', s.len))
		return false;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	return addr_parse(text, out) == 0;
}

static bool parse_u32(struct span s, uint32_t *out)
{
	uint64_t v = 0;

	if (s.len == 0 || s.len > 10)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	*out = (uint32_t)v;
	return v <= UINT32_MAX;
}

// NULL for a good line, else what is wrong with it.
static const char *parse_entry(struct span line, struct joinfile_entry *e)
{
	struct span source, group, population;
	bool more = take(&line, ',', &source);

	if (!more)
		return "not source,group[,population]";
	e->has_population = take(&line, ',', &group);
	if (!parse_addr(trim(source), &e->sg.s))
		return "source is not an address";
	if (!parse_addr(trim(group), &e->sg.g))
		return "group is not an address";
	if (!addr_is_unicast(&e->sg.s))
		return "source is not the address of a host";
	if (!addr_is_multicast(&e->sg.g))
		return "group is not a multicast address";
	if (e->sg.s.family != e->sg.g.family)
		return "source and group are of two families";
	if (!e->has_population)
		return NULL;
	if (take(&line, ',', &population))
		return "more than three columns";
	return parse_u32(trim(population), &e->population) ? NULL : "population is not a number";
}

uint32_t joinfile_lines(const char *text, size_t len)
{
	struct span rest = {text, len}, line;
	uint32_t n = 1;

	while (take(&rest, '\n', &line) && n < UINT32_MAX)
		n++;
	return n;
}

int joinfile_parse(const char *text, size_t len, struct joinfile_entry *entries, uint32_t room,
	uint32_t *n, struct joinfile_error *err)
{
	struct span rest = {text, len}, line, comment;

	*n = 0;
	*err = (struct joinfile_error){0};
	if (len >= strlen(BOM) && memcmp(text, BOM, strlen(BOM)) == 0)
		rest = (struct span){text + strlen(BOM), len - strlen(BOM)};
	while (rest.len > 0) {
		struct joinfile_entry e = {.line = ++err->line};

		take(&rest, '\n', &line);
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		comment = line;
		take(&comment, '#', &line);
		line = trim(line);
		if (line.len == 0)
			continue;
		err->what = parse_entry(line, &e);
		if (err->what)
			return -EINVAL;
		if (*n == room) {
			err->what = "one channel more than the limit";
			return -E2BIG;
		}
		entries[(*n)++] = e;
	}
	err->line = 0;
	return 0;
}

size_t joinfile_format(const struct joinfile_entry *e, char buf[JOINFILE_LINE_LEN])
{
	char s[ADDR_STRLEN], g[ADDR_STRLEN], population[12] = "";

	if (e->has_population)
		snprintf(population, sizeof(population), ",%u", e->population);
	return (size_t)snprintf(buf, JOINFILE_LINE_LEN, "%s,%s%s\n", addr_format(&e->sg.s, s),
		addr_format(&e->sg.g, g), population);
}
