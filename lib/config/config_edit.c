// SPDX-License-Identifier: BSD-3-Clause
// What was changed while inletd runs, written into the text of its file.
#include "config/config_edit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_internal.h"

struct edit {
	const struct config *target, *runs;
	const char *names[CONFIG_MAX_DOWN];
	uint64_t all; // interfaces
	// By place in target.channels and runs.channels, sorted.
	const struct config_channel **was, **is;
	bool *written; // those of `is` that the text has
	struct edit_buf out;
	int n; // changes
	char *why;
};

// The place among n sorted ones; -1: it is not there.
static int find(const struct config_channel **list, unsigned int n, const struct sg *sg)
{
	const struct config_channel key = {.sg = *sg}, *at = &key;
	const struct config_channel **hit =
		bsearch(&at, list, n, sizeof(void *), config_channel_cmp);

	return hit ? (int)(hit - list) : -1;
}

static void channel_write(struct edit *e, const struct config_channel *c)
{
	char s[ADDR_STRLEN], g[ADDR_STRLEN];
	const char *sep = " ";

	edit_addf(&e->out, "{ source = \"%s\"; group = \"%s\";", addr_format(&c->sg.s, s),
		addr_format(&c->sg.g, g));
	if (c->down != e->all) {
		edit_addf(&e->out, " interfaces = [");
		for (uint64_t d = c->down; d; d &= d - 1) {
			edit_addf(&e->out, "%s\"%s\"", sep, e->names[__builtin_ctzll(d)]);
			sep = ", ";
		}
		edit_addf(&e->out, " ];");
	}
	edit_addf(&e->out, " }");
}

// The address that a setting of an element has; one string without escapes.
static bool address_of(const char *group, const char *name, struct addr *out)
{
	char text[ADDR_STRLEN];
	struct edit_setting s;
	size_t len;

	if (!edit_find(group + 1, name, &s) || *s.value != '"')
		return false;
	len = strcspn(s.value + 1, "\"\\");
	if (len >= sizeof(text) || s.value + 1 + len + 1 != s.value_end)
		return false;
	memcpy(text, s.value + 1, len);
	text[len] = '\0';
	return addr_parse(text, out) == 0;
}

// What becomes of an element: kept (false), or written anew or left out.
static int element(struct edit *e, const struct edit_element *el, const struct config_channel **now)
{
	struct sg sg;
	int was, is;

	memset(&sg, 0, sizeof(sg));
	if (*el->from != '{' || !address_of(el->from, "source", &sg.s) ||
		!address_of(el->from, "group", &sg.g)) {
		snprintf(e->why, CONFIG_VALUE_LEN, "a channel is not written in a usual form");
		return -EINVAL;
	}
	was = find(e->was, e->target->n_channels, &sg);
	is = find(e->is, e->runs->n_channels, &sg);
	*now = is < 0 ? NULL : e->is[is];
	if (is >= 0)
		e->written[is] = true;
	return was < 0 || is < 0 || e->was[was]->down != e->is[is]->down;
}

// The channels that the text does not have, each on a line of its own; first: nothing is before.
static void channels_append(struct edit *e, bool first)
{
	for (unsigned int i = 0; i < e->runs->n_channels; i++) {
		if (e->written[i] || e->is[i]->down == 0)
			continue;
		edit_addf(&e->out, "%s\n    ", first ? "" : ",");
		channel_write(e, e->is[i]);
		first = false;
		e->n++;
	}
}

static bool any_to_append(const struct edit *e)
{
	for (unsigned int i = 0; i < e->runs->n_channels; i++)
		if (!e->written[i] && e->is[i]->down != 0)
			return true;
	return false;
}

static const char *trimmed(const char *from, const char *to)
{
	while (to > from && strchr(" \t\r\n", to[-1]))
		to--;
	return to;
}

// A kept element is written when it is known whether another one follows, for the comma.
static void element_write(
	struct edit *e, const struct edit_element *el, const struct config_channel *now, bool more)
{
	bool last = *el->comma != ',';
	const char *end = last && more ? trimmed(el->to, el->comma) : el->comma;

	edit_add(&e->out, el->lead, el->from);
	if (now)
		channel_write(e, now);
	else
		edit_add(&e->out, el->from, el->to);
	if (more)
		edit_addf(&e->out, ",");
	edit_add(&e->out, el->to, end);
	if (!last)
		edit_add(&e->out, el->comma + 1, el->tail_end);
}

// From the bracket that opens the list to the one that closes it.
static int list_edit(struct edit *e, const char *open, const char *close)
{
	struct edit_element el, held;
	const struct config_channel *now, *held_now = NULL;
	const char *p = open + 1, *rest;
	bool has_held = false;
	int ret;

	edit_add(&e->out, open, p);
	for (; edit_element(p, &el); p = el.tail_end) {
		ret = element(e, &el, &now);
		if (ret < 0)
			return ret;
		e->n += ret > 0;
		if (!now)
			continue; // it goes
		if (has_held)
			element_write(e, &held, held_now, true);
		held = el;
		held_now = ret ? now : NULL;
		has_held = true;
	}
	if (has_held)
		element_write(e, &held, held_now, any_to_append(e));
	rest = trimmed(p, close);
	edit_add(&e->out, p, rest);
	if (any_to_append(e)) {
		// The comma stands already.
		while (e->out.len > 0 && strchr(" \t\r\n", e->out.data[e->out.len - 1]))
			e->out.data[--e->out.len] = '\0';
		channels_append(e, true);
		edit_addf(&e->out, "\n");
	} else {
		edit_add(&e->out, rest, close);
	}
	return 0;
}

static int channels_edit(struct edit *e, const char *text)
{
	struct edit_setting s;
	int ret;

	if (!edit_find(text, "channels", &s)) {
		if (e->target->n_channels > 0) {
			snprintf(e->why, CONFIG_VALUE_LEN, "channels are in an included file");
			return -EINVAL;
		}
		edit_add(&e->out, text, text + strlen(text));
		if (e->out.len > 0 && e->out.data[e->out.len - 1] != '\n')
			edit_addf(&e->out, "\n");
		edit_addf(&e->out, "channels = (");
		channels_append(e, true);
		edit_addf(&e->out, "\n);\n");
		return 0;
	}
	edit_add(&e->out, text, s.value);
	ret = list_edit(e, s.value, s.value_end - 1);
	edit_add(&e->out, s.value_end - 1, text + strlen(text));
	return ret;
}

static bool channels_differ(const struct edit *e)
{
	bool differ = e->target->n_channels != e->runs->n_channels;

	for (unsigned int i = 0; !differ && i < e->runs->n_channels; i++)
		differ = !sg_eq(&e->was[i]->sg, &e->is[i]->sg) || e->was[i]->down != e->is[i]->down;
	return differ;
}

int config_edit(const char *text, const struct config *target, const struct config *runs,
	char **out, char why[CONFIG_VALUE_LEN])
{
	struct edit e = {.target = target, .runs = runs, .why = why};
	int ret = -ENOMEM;

	*out = NULL;
	config_down_names(runs, e.names);
	for (int i = 0; i < CONFIG_MAX_DOWN; i++)
		e.all |= e.names[i] ? 1ull << i : 0;
	e.was = config_channels_sorted(target);
	e.is = config_channels_sorted(runs);
	e.written = calloc(runs->n_channels + 1, sizeof(*e.written));
	snprintf(why, CONFIG_VALUE_LEN, "out of memory");
	if (e.was && e.is && e.written) {
		ret = 0;
		if (channels_differ(&e))
			ret = channels_edit(&e, text);
		else
			edit_add(&e.out, text, text + strlen(text));
	}
	if (ret == 0 && e.out.failed)
		ret = -ENOMEM;
	free(e.was);
	free(e.is);
	free(e.written);
	if (ret < 0) {
		free(e.out.data);
		return ret;
	}
	*out = e.out.data;
	return e.n;
}
