// SPDX-License-Identifier: BSD-3-Clause
// Channels that nobody has to join: the static ones, and where those of the joinfile are wanted.
// The walk leaves them in the draft, since the interfaces that they name may come later in the
// file.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_internal.h"

struct finish {
	struct config_draft *d;
	const config_t *config;
	const char *path;
	char *err;
};

#define at(k, ...)	    config_at((k)->config, __VA_ARGS__)
#define FAIL(k, where, ...) config_fail((k)->err, (k)->path, (where), __VA_ARGS__)

int config_down_index(const struct config *c, const struct config_if *f)
{
	int n = 0;

	if (!(f->role & IF_DOWNSTREAM))
		return -1;
	for (const struct config_if *g = c->ifs; g < f; g++)
		n += (g->role & IF_DOWNSTREAM) != 0;
	return n;
}

static uint64_t all_down(const struct config *c)
{
	uint64_t down = 0;

	for (unsigned int i = 0; i < c->n_ifs; i++) {
		int bit = config_down_index(c, &c->ifs[i]);

		if (bit >= 0)
			down |= 1ull << bit;
	}
	return down;
}

static const struct config_if *if_named(const struct config *c, const char *name)
{
	for (unsigned int i = 0; i < c->n_ifs; i++)
		if (strcmp(c->ifs[i].name, name) == 0)
			return &c->ifs[i];
	return NULL;
}

// The interfaces named, in *down. where: the libconfig path of the array.
static int find_interfaces(
	const struct finish *k, const struct config_names *names, const char *where, uint64_t *down)
{
	const struct config *c = &k->d->c;

	*down = names->n == 0 ? all_down(c) : 0;
	for (unsigned int i = 0; i < names->n; i++) {
		const struct config_if *f = if_named(c, names->name[i]);
		uint64_t bit;

		if (!f)
			return FAIL(k, at(k, "%s.[%u]", where, i),
				"interfaces: there is no interface \"%s\"", names->name[i]);
		if (!(f->role & IF_DOWNSTREAM))
			return FAIL(k, at(k, "%s.[%u]", where, i),
				"interfaces: the role of interface \"%s\" is not downstream",
				f->name);
		bit = 1ull << config_down_index(c, f);
		if (*down & bit)
			return FAIL(k, at(k, "%s.[%u]", where, i),
				"interfaces: \"%s\" appears twice", f->name);
		*down |= bit;
	}
	return 0;
}

static int finish_channel(const struct finish *k, unsigned int i)
{
	const struct config_channel_draft *from = &k->d->channels[i];
	struct config *c = &k->d->c;
	char where[64], text[SG_STRLEN];

	if (from->sg.s.family != from->sg.g.family)
		return FAIL(k, at(k, "channels.[%u].group", i),
			"group %s is of another family than the source",
			addr_format(&from->sg.g, text));
	if (!group_is_ssm(c->ssm_ranges, c->n_ssm_ranges, &from->sg.g))
		return FAIL(k, at(k, "channels.[%u].group", i), "group %s is outside ssm_ranges",
			addr_format(&from->sg.g, text));
	snprintf(where, sizeof(where), "channels.[%u].interfaces", i);
	c->channels[i].sg = from->sg;
	return find_interfaces(k, &from->interfaces, where, &c->channels[i].down);
}

// By channel, those that are the same in the order of the file.
static int draft_cmp(const void *a, const void *b)
{
	const struct config_channel_draft *x = *(const struct config_channel_draft *const *)a;
	const struct config_channel_draft *y = *(const struct config_channel_draft *const *)b;
	int ret = sg_cmp(&x->sg, &y->sg);

	return ret ? ret : (x > y) - (x < y);
}

static int check_twice(const struct finish *k)
{
	const struct config_channel_draft *first = k->d->channels, **list, *twice = NULL;
	unsigned int n = k->d->c.n_channels;
	char text[SG_STRLEN];

	// NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
	list = malloc((n + 1) * sizeof(*list));
	if (!list)
		return FAIL(k, at(k, "channels"), "out of memory");
	for (unsigned int i = 0; i < n; i++)
		list[i] = &first[i];
	// NOLINTNEXTLINE(bugprone-sizeof-expression)
	qsort(list, n, sizeof(*list), draft_cmp);
	for (unsigned int i = 1; i < n; i++) // the first of the file that was there before
		if (sg_eq(&list[i - 1]->sg, &list[i]->sg) && (!twice || list[i] < twice))
			twice = list[i];
	free(list);
	if (!twice)
		return 0;
	return FAIL(k, at(k, "channels.[%u]", (unsigned int)(twice - first)),
		"channels: %s appears twice", sg_format(&twice->sg, text));
}

static int finish_joinfile(const struct finish *k)
{
	struct config_joinfile *j = &k->d->c.joinfile;

	if (!config_lookup(k->config, "joinfile"))
		return 0;
	if (!j->path[0] && !j->export[0])
		return FAIL(k, at(k, "joinfile"), "joinfile has neither path nor export");
	if (!j->path[0] && k->d->joinfile_interfaces.n > 0)
		return FAIL(
			k, at(k, "joinfile.interfaces"), "joinfile has interfaces, but no path");
	// What is exported would be wanted because it is exported.
	if (strcmp(j->path, j->export) == 0)
		return FAIL(k, at(k, "joinfile.export"), "joinfile: export is path");
	if (!j->path[0])
		return 0;
	return find_interfaces(k, &k->d->joinfile_interfaces, "joinfile.interfaces", &j->down);
}

int config_channels(
	struct config_draft *d, const config_t *config, const char *path, char err[CONFIG_ERR_LEN])
{
	struct finish k = {.d = d, .config = config, .path = path, .err = err};

	if (d->c.n_channels > d->c.max_channels)
		return FAIL(&k, at(&k, "channels"),
			"channels has %u elements, limits.channels allows %u", d->c.n_channels,
			d->c.max_channels);
	for (unsigned int i = 0; i < d->c.n_channels; i++) {
		int ret = finish_channel(&k, i);

		if (ret < 0)
			return ret;
	}
	if (check_twice(&k) < 0)
		return -EINVAL;
	return finish_joinfile(&k);
}
