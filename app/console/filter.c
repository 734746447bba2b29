// SPDX-License-Identifier: BSD-3-Clause
#include "console/filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool refuse(struct verb_ctx *v, const char *what, const char *text, const char *is_not)
{
	snprintf(v->refused, sizeof(v->refused), "%s %.100s is not %s", what, text, is_not);
	return false;
}

static bool prefix_option(struct verb_ctx *v, const char *name, bool *has, struct prefix *out)
{
	const char *text = verb_option(v, name);

	*has = text != NULL;
	if (text && prefix_parse(text, out) < 0)
		return refuse(v, name, text, "an address or a prefix");
	return true;
}

static bool port_option(struct verb_ctx *v, int *out)
{
	const char *text = verb_option(v, "port");

	*out = -1;
	if (!text)
		return true;
	for (unsigned int i = 0; i < v->o->n_ifs; i++)
		if (strcmp(v->o->ifs[i].name, text) == 0)
			*out = (int)i;
	return *out >= 0 || refuse(v, "port", text, "the name of an interface (show ports)");
}

static bool worker_option(struct verb_ctx *v, int *out)
{
	const char *text = verb_option(v, "worker");
	unsigned int n = v->o->crossing ? v->o->crossing->n_workers : 0;
	char *end;
	long i;

	*out = -1;
	if (!text)
		return true;
	i = strtol(text, &end, 10);
	if (end == text || *end || i < 0 || i >= (long)n)
		return refuse(v, "worker", text, "the number of a worker (show workers)");
	*out = (int)i;
	return true;
}

bool filter_parse(struct verb_ctx *v, struct filter *f)
{
	*f = (struct filter){.ifindex = -1, .worker = -1};
	return prefix_option(v, "source", &f->has_source, &f->source) &&
	       prefix_option(v, "group", &f->has_group, &f->group) &&
	       prefix_option(v, "relay", &f->has_relay, &f->relay) && port_option(v, &f->ifindex) &&
	       worker_option(v, &f->worker);
}

bool filter_source(const struct filter *f, const struct addr *a)
{
	return !f->has_source || prefix_match(&f->source, a);
}

bool filter_sg(const struct filter *f, const struct sg *sg)
{
	return filter_source(f, &sg->s) && (!f->has_group || prefix_match(&f->group, &sg->g));
}

bool filter_relay(const struct filter *f, const struct addr *a)
{
	return !f->has_relay || (!addr_is_none(a) && prefix_match(&f->relay, a));
}
