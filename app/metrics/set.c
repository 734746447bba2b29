// SPDX-License-Identifier: BSD-3-Clause
#include "metrics/set.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 16

void set_init(struct set *s, const struct om_family *families, unsigned int n_families)
{
	*s = (struct set){.families = families, .n_families = n_families};
}

void set_fini(struct set *s)
{
	free(s->rows);
	s->rows = NULL;
	s->n = s->room = 0;
}

static size_t row_size(const struct set *s)
{
	return sizeof(struct set_row) + s->n_families * sizeof(double);
}

struct set_row *set_at(const struct set *s, unsigned int i)
{
	return (struct set_row *)(void *)(s->rows + i * row_size(s));
}

struct set_row *set_add(struct set *s)
{
	struct set_row *row;

	if (s->n == s->room) {
		unsigned int room = s->room ? 2 * s->room : FIRST_ROOM;
		char *rows = realloc(s->rows, room * row_size(s));

		if (!rows) {
			s->error = -ENOMEM;
			return NULL;
		}
		s->rows = rows;
		s->room = room;
	}
	row = set_at(s, s->n++);
	row->labels[0] = '\0';
	for (unsigned int f = 0; f < s->n_families; f++)
		row->values[f] = NAN;
	return row;
}

// Whether any row has a value of the family: if not, the family is not named either.
static bool has_any(const struct set *s, unsigned int family)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (!isnan(set_at(s, i)->values[family]))
			return true;
	return false;
}

bool set_write(struct set *s, struct om *o)
{
	const struct om_family *f = &s->families[s->family];
	const struct set_row *row;

	if (s->family == s->n_families)
		return false;
	if (s->row == 0) {
		if (!has_any(s, s->family)) {
			s->family++;
			return true;
		}
		om_family(o, f);
	}
	row = set_at(s, s->row);
	if (!isnan(row->values[s->family]))
		om_sample(o, f, row->labels, row->values[s->family]);
	if (++s->row == s->n) {
		s->row = 0;
		s->family++;
	}
	return true;
}
