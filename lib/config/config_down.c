// SPDX-License-Identifier: BSD-3-Clause
// Sets of downstream interfaces, whose bits count them in the order of either file. Pure.
#include <string.h>

#include "config/config_internal.h"

void config_down_names(const struct config *c, const char *names[CONFIG_MAX_DOWN])
{
	for (unsigned int i = 0; i < CONFIG_MAX_DOWN; i++)
		names[i] = NULL;
	for (unsigned int i = 0; i < c->n_ifs; i++) {
		int bit = config_down_index(c, &c->ifs[i]);

		if (bit >= 0 && bit < CONFIG_MAX_DOWN)
			names[bit] = c->ifs[i].name;
	}
}

void config_down_map_make(
	struct config_down_map *m, const struct config *was, const struct config *is)
{
	config_down_names(was, m->was);
	config_down_names(is, m->is);
	m->known = 0;
	m->same = true;
	for (int i = 0; i < CONFIG_MAX_DOWN; i++) {
		m->to[i] = -1;
		for (int j = 0; m->was[i] && j < CONFIG_MAX_DOWN && m->is[j]; j++) {
			if (strcmp(m->was[i], m->is[j]) != 0)
				continue;
			m->to[i] = j;
			m->known |= 1ull << j;
		}
		m->same &= m->to[i] == (m->was[i] ? i : -1) && !m->was[i] == !m->is[i];
	}
}

uint64_t config_down_map(const struct config_down_map *m, uint64_t was)
{
	uint64_t is = 0;

	if (m->same)
		return was;
	for (; was; was &= was - 1) {
		int bit = m->to[__builtin_ctzll(was)];

		if (bit >= 0)
			is |= 1ull << bit;
	}
	return is;
}

int config_down_differ(const struct config_down_map *m, uint64_t was, uint64_t is)
{
	uint64_t before = config_down_map(m, was);

	if (m->same)
		return was != is;
	if (before != (is & m->known) || __builtin_popcountll(before) != __builtin_popcountll(was))
		return 1;
	return is & ~m->known ? 2 : 0;
}
