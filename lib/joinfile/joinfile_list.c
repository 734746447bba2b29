// SPDX-License-Identifier: BSD-3-Clause
// Lists of entries: in order, without what cannot be served, and from one to the next.
#include <stdlib.h>

#include "joinfile/joinfile.h"

#define X(name, text) #name,
const char *const joinfile_drop_names[JOINFILE_DROP_COUNT] = {JOINFILE_DROP_LIST(X)};
#undef X
#define X(name, text) text,
const char *const joinfile_drop_texts[JOINFILE_DROP_COUNT] = {JOINFILE_DROP_LIST(X)};
#undef X

static int by_channel(const void *a, const void *b)
{
	const struct joinfile_entry *x = a, *y = b;
	int c = sg_cmp(&x->sg, &y->sg);

	if (c != 0)
		return c;
	return x->line < y->line ? -1 : x->line > y->line;
}

// As a file is that was written in order, such as one that another inlet exports.
static bool in_order(const struct joinfile_list *l)
{
	for (uint32_t i = 1; i < l->n; i++)
		if (by_channel(&l->e[i - 1], &l->e[i]) > 0)
			return false;
	return true;
}

void joinfile_sort(struct joinfile_list *l)
{
	uint32_t n = 0;

	if (l->n == 0)
		return;
	if (!in_order(l))
		qsort(l->e, l->n, sizeof(*l->e), by_channel);
	for (uint32_t i = 1; i < l->n; i++) {
		struct joinfile_entry *kept = &l->e[n];
		const struct joinfile_entry *e = &l->e[i];

		if (!sg_eq(&kept->sg, &e->sg)) {
			l->e[++n] = *e;
		} else if (e->has_population && e->population >= kept->population) {
			kept->has_population = true;
			kept->population = e->population;
		}
	}
	l->n = n + 1;
}

void joinfile_pass(struct joinfile_list *l, const struct prefix *ssm_ranges,
	unsigned int n_ssm_ranges, struct joinfile_passed *out)
{
	uint32_t n = 0;

	*out = (struct joinfile_passed){0};
	for (uint32_t i = 0; i < l->n; i++) {
		const struct joinfile_entry *e = &l->e[i];

		if (!group_is_ssm(ssm_ranges, n_ssm_ranges, &e->sg.g)) {
			if (out->n_not_ssm++ == 0 || e->line < out->not_ssm_line)
				out->not_ssm_line = e->line;
		} else {
			l->e[n++] = *e;
		}
	}
	l->n = n;
}

struct joinfile_entry *joinfile_change_gone(struct joinfile_change *c)
{
	while (c->at_from < c->from->n) {
		struct joinfile_entry *e = &c->from->e[c->at_from++], *same;

		while (c->at_to < c->to->n && sg_cmp(&c->to->e[c->at_to].sg, &e->sg) < 0)
			c->at_to++;
		same = c->at_to < c->to->n ? &c->to->e[c->at_to] : NULL;
		if (same && sg_eq(&same->sg, &e->sg))
			same->wanted = e->wanted;
		else if (e->wanted)
			return e;
	}
	return NULL;
}

struct joinfile_entry *joinfile_change_due(struct joinfile_change *c)
{
	while (c->at_due < c->to->n) {
		struct joinfile_entry *e = &c->to->e[c->at_due++];

		if (!e->wanted)
			return e;
	}
	return NULL;
}
