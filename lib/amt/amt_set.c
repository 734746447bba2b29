// SPDX-License-Identifier: BSD-3-Clause
#include "amt/amt_set.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/hmap.h"

#define MIN_ROOM  8
#define MIN_INDEX 16

static_assert(offsetof(struct amt_channel, key) == 2, "an IPv4 channel has ten octets");

static uint32_t addr_len(const struct amt_set *set)
{
	return set->family == ADDR_V6 ? 16 : 4;
}

static void key_of(const struct amt_set *set, const struct sg *sg, uint8_t key[32])
{
	memcpy(key, sg->s.bytes, addr_len(set));
	memcpy(key + addr_len(set), sg->g.bytes, addr_len(set));
}

static uint32_t hash_of(const struct amt_set *set, const uint8_t *key)
{
	return (uint32_t)hmap_hash(key, 2 * addr_len(set));
}

void amt_set_init(struct amt_set *set, uint8_t family)
{
	*set = (struct amt_set){.family = family, .free = AMT_SET_NONE};
	set->entry = (uint8_t)(offsetof(struct amt_channel, key) + 2 * addr_len(set));
}

void amt_set_fini(struct amt_set *set)
{
	free(set->entries);
	free(set->index);
	amt_set_init(set, set->family);
}

size_t amt_set_octets(const struct amt_set *set)
{
	return (size_t)set->room * set->entry +
	       (set->index ? (set->mask + (size_t)1) * sizeof(*set->index) : 0);
}

struct sg amt_set_sg(const struct amt_set *set, uint32_t i)
{
	const uint8_t *key = amt_set_at(set, i)->key;
	struct sg sg = {.s.family = set->family, .g.family = set->family};

	memcpy(sg.s.bytes, key, addr_len(set));
	memcpy(sg.g.bytes, key + addr_len(set), addr_len(set));
	return sg;
}

// Where the number of this key is in the index, or would be.
static uint32_t index_at(const struct amt_set *set, const uint8_t *key)
{
	uint32_t at = hash_of(set, key) & set->mask;

	while (set->index[at] &&
		memcmp(amt_set_at(set, set->index[at] - 1)->key, key, 2 * addr_len(set)) != 0)
		at = (at + 1) & set->mask;
	return at;
}

uint32_t amt_set_find(const struct amt_set *set, const struct sg *sg)
{
	uint8_t key[32];

	if (!set->index)
		return AMT_SET_NONE;
	key_of(set, sg, key);
	return set->index[index_at(set, key)] - 1; // 0 is none
}

// Three quarters of it are in use at most.
static bool index_grow(struct amt_set *set)
{
	uint32_t n = set->index ? 2 * (set->mask + 1) : MIN_INDEX;
	uint32_t *before = set->index;

	if (set->index && set->count < set->mask - set->mask / 4)
		return true;
	set->index = calloc(n, sizeof(*set->index));
	if (!set->index) {
		set->index = before;
		return false;
	}
	set->mask = n - 1;
	free(before);
	for (uint32_t i = 0; i < set->n; i++)
		if (amt_set_at(set, i)->used)
			set->index[index_at(set, amt_set_at(set, i)->key)] = i + 1;
	return true;
}

static bool entries_grow(struct amt_set *set)
{
	uint32_t room = set->room ? set->room + set->room / 2 : MIN_ROOM;
	uint8_t *entries;

	if (set->free != AMT_SET_NONE || set->n < set->room)
		return true;
	entries = realloc(set->entries, (uint64_t)room * set->entry);
	if (!entries)
		return false;
	set->entries = entries;
	set->room = room;
	return true;
}

uint32_t amt_set_add(struct amt_set *set, const struct sg *sg)
{
	struct amt_channel *c;
	uint8_t key[32];
	uint32_t i;

	if (!entries_grow(set) || !index_grow(set))
		return AMT_SET_NONE;
	i = set->free;
	if (i == AMT_SET_NONE)
		i = set->n++;
	else
		memcpy(&set->free, amt_set_at(set, i)->key, sizeof(set->free));
	c = amt_set_at(set, i);
	memset(c, 0, sizeof(*c));
	c->used = true;
	key_of(set, sg, key);
	set->index[index_at(set, key)] = i + 1;
	memcpy(c->key, key, 2 * addr_len(set));
	set->count++;
	return i;
}

// Linear probing without gaps: what is behind a place that becomes free moves up, unless it would
// come to be before its home.
static void index_take_out(struct amt_set *set, uint32_t at)
{
	uint32_t next = at;

	for (;;) {
		uint32_t home;

		next = (next + 1) & set->mask;
		if (!set->index[next])
			break;
		home = hash_of(set, amt_set_at(set, set->index[next] - 1)->key) & set->mask;
		if (((next - home) & set->mask) < ((next - at) & set->mask))
			continue;
		set->index[at] = set->index[next];
		at = next;
	}
	set->index[at] = 0;
}

void amt_set_remove(struct amt_set *set, uint32_t i)
{
	struct amt_channel *c = amt_set_at(set, i);

	index_take_out(set, index_at(set, c->key));
	memset(c, 0, sizeof(*c));
	memcpy(c->key, &set->free, sizeof(set->free));
	set->free = i;
	set->count--;
	if (set->count == 0)
		amt_set_fini(set);
}

static int by_group(const void *a, const void *b, void *arg)
{
	const struct amt_set *set = arg;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b, len = addr_len(set);
	int c = memcmp(amt_set_at(set, x)->key + len, amt_set_at(set, y)->key + len, len);

	if (c != 0)
		return c;
	return x < y ? -1 : x > y;
}

uint32_t *amt_set_by_group(const struct amt_set *set)
{
	uint32_t *v = set->count ? malloc(set->count * sizeof(*v)) : NULL, n = 0;

	if (!v)
		return NULL;
	for (uint32_t i = 0; i < set->n; i++)
		if (amt_set_at(set, i)->used)
			v[n++] = i;
	qsort_r(v, n, sizeof(*v), by_group, (void *)(uintptr_t)set);
	return v;
}

void amt_list_push(struct amt_list *l, uint32_t i)
{
	if (l->n == l->room) {
		uint32_t room = l->room ? 2 * l->room : MIN_ROOM;
		uint32_t *v = realloc(l->v, room * sizeof(*v));

		if (!v) {
			l->all = true;
			return;
		}
		l->v = v;
		l->room = room;
	}
	l->v[l->n++] = i;
}

uint32_t amt_list_next(const struct amt_list *l, const struct amt_set *set, uint32_t *at)
{
	for (; *at < (l->all ? set->n : l->n); (*at)++) {
		uint32_t i = l->all ? *at : l->v[*at];

		if (i < set->n && amt_set_at(set, i)->used) {
			(*at)++;
			return i;
		}
	}
	return AMT_SET_NONE;
}

void amt_list_clear(struct amt_list *l)
{
	if (l->room > MIN_ROOM)
		amt_list_fini(l);
	l->n = 0;
	l->all = false;
}

void amt_list_fini(struct amt_list *l)
{
	free(l->v);
	*l = (struct amt_list){0};
}
