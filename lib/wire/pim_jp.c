// SPDX-License-Identifier: BSD-3-Clause
// Join/Prune (RFC 7761 section 4.9.5).
#include <errno.h>
#include <string.h>

#include "wire/pim_encoded.h"

#define ATTR_END      0x40
#define PLAIN_SET_LEN 20 // group, two counts, a source

static enum pim_err skip_attributes(struct rd *r)
{
	uint8_t type;

	do {
		type = rd_u8(r);
		rd_bytes(r, rd_u8(r));
		if (r->bad)
			return PIM_ERR_MALFORMED;
	} while (!(type & ATTR_END));
	return PIM_OK;
}

// The form that almost all sources have: IPv4, native, S bit, full mask. False: not that, and
// nothing was read.
static bool read_plain_source(struct rd *r, struct pim_jp_entry *e)
{
	static const uint8_t plain[4] = {
		PIM_FAMILY_IPV4, PIM_ENCODING_NATIVE, PIM_SOURCE_SPARSE, 32};

	if (rd_left(r) < 8 || memcmp(r->p, plain, sizeof(plain)) != 0)
		return false;
	e->s = (struct addr){.family = ADDR_V4};
	memcpy(e->s.bytes, r->p + 4, 4);
	e->s_mask_len = 32;
	e->wildcard = e->rpt = e->attributes = false;
	r->p += 8;
	return true;
}

static enum pim_err read_source(struct rd *r, struct pim_jp_entry *e)
{
	uint8_t family = rd_u8(r);
	uint8_t encoding = rd_u8(r);
	uint8_t flags = rd_u8(r);
	enum pim_err err;

	e->s_mask_len = rd_u8(r);
	if (r->bad)
		return PIM_ERR_MALFORMED;
	if (encoding != PIM_ENCODING_NATIVE && encoding != PIM_ENCODING_ATTR)
		return PIM_ERR_ENCODING;
	e->wildcard = flags & PIM_SOURCE_WILDCARD;
	e->rpt = flags & PIM_SOURCE_RPT;
	e->attributes = encoding == PIM_ENCODING_ATTR;
	err = pim_read_addr(r, family, &e->s);
	if (err == PIM_OK && e->attributes)
		err = skip_attributes(r);
	return err;
}

// Walks one group set; cb NULL only checks. Counts are the sender's word: each entry is read
// against what is left.
static enum pim_err walk_group(struct rd *r, pim_jp_cb cb, void *arg)
{
	struct pim_jp_entry e = {0};
	enum pim_err err = pim_read_group(r, &e.g, &e.g_mask_len);
	uint32_t n_joins = rd_be16(r);
	uint32_t n_prunes = rd_be16(r);

	if (err != PIM_OK)
		return err;
	if (r->bad)
		return PIM_ERR_MALFORMED;
	for (uint32_t i = 0; i < n_joins + n_prunes; i++) {
		err = read_plain_source(r, &e) ? PIM_OK : read_source(r, &e);
		if (err != PIM_OK)
			return err;
		e.join = i < n_joins;
		if (cb)
			cb(arg, &e);
	}
	return PIM_OK;
}

// The group set that a refresh of an SSM router is full of: one Join, IPv4, native, full masks.
// False: not that, and nothing was read.
static bool walk_plain_set(struct rd *r, pim_jp_cb cb, void *arg)
{
	static const uint8_t rest[8] = {
		0, 1, 0, 0, PIM_FAMILY_IPV4, PIM_ENCODING_NATIVE, PIM_SOURCE_SPARSE, 32};
	const uint8_t *p = r->p;
	struct pim_jp_entry e = {.join = true, .g_mask_len = 32, .s_mask_len = 32};

	if (rd_left(r) < PLAIN_SET_LEN || p[0] != PIM_FAMILY_IPV4 || p[1] != PIM_ENCODING_NATIVE ||
		p[3] != 32 || memcmp(p + 8, rest, sizeof(rest)) != 0)
		return false;
	r->p += PLAIN_SET_LEN;
	if (!cb)
		return true;
	e.g.family = e.s.family = ADDR_V4;
	memcpy(e.g.bytes, p + 4, 4);
	memcpy(e.s.bytes, p + 16, 4);
	cb(arg, &e);
	return true;
}

static enum pim_err walk_groups(const struct pim_jp *jp, pim_jp_cb cb, void *arg)
{
	struct rd r = rd_init(jp->groups, jp->groups_len);

	for (unsigned int i = 0; i < jp->n_groups; i++) {
		enum pim_err err = walk_plain_set(&r, cb, arg) ? PIM_OK : walk_group(&r, cb, arg);

		if (err != PIM_OK)
			return err;
	}
	return PIM_OK;
}

enum pim_err pim_jp_decode(const uint8_t *buf, size_t len, struct pim_jp *out)
{
	struct rd r = rd_init(buf, len);
	enum pim_err err;

	*out = (struct pim_jp){0};
	rd_bytes(&r, PIM_HEADER_LEN);
	err = pim_read_unicast(&r, &out->upstream);
	if (err != PIM_OK)
		return err;
	rd_u8(&r);
	out->n_groups = rd_u8(&r);
	out->holdtime_s = rd_be16(&r);
	if (r.bad)
		return PIM_ERR_MALFORMED;
	out->groups_len = rd_left(&r);
	out->groups = rd_bytes(&r, out->groups_len);
	return walk_groups(out, NULL, NULL);
}

void pim_jp_walk(const struct pim_jp *jp, pim_jp_cb cb, void *arg)
{
	walk_groups(jp, cb, arg);
}

// The items of one group set from items[0] on: the same group, joins before prunes. The counts are
// 16 bits each.
static size_t set_size(const struct pim_jp_item *items, size_t n, uint16_t *n_joins)
{
	size_t i = 0, joins;

	while (i < n && i < UINT16_MAX && items[i].join && addr_eq(&items[i].sg.g, &items[0].sg.g))
		i++;
	joins = i;
	while (i < n && i - joins < UINT16_MAX && !items[i].join &&
		addr_eq(&items[i].sg.g, &items[0].sg.g))
		i++;
	*n_joins = (uint16_t)joins;
	return i;
}

static void write_set(struct wr *w, const struct pim_jp_item *items, size_t n, uint16_t n_joins)
{
	pim_write_group(w, &items[0].sg.g);
	wr_be16(w, n_joins);
	wr_be16(w, (uint16_t)(n - n_joins));
	for (size_t i = 0; i < n; i++)
		pim_write_source(w, &items[i].sg.s, PIM_SOURCE_SPARSE);
}

int pim_jp_encode(const struct addr *upstream, uint16_t holdtime_s, const struct pim_jp_item *items,
	size_t n, uint8_t *buf, size_t size)
{
	struct wr w = wr_init(buf, size);
	unsigned int n_groups = 0;
	uint8_t *count;

	if (addr_size(upstream) == 0)
		return -EINVAL;
	pim_begin(&w, PIM_JOIN_PRUNE);
	pim_write_unicast(&w, upstream);
	wr_u8(&w, 0);
	count = wr_take(&w, 1);
	wr_be16(&w, holdtime_s);
	for (size_t i = 0; i < n; n_groups++) {
		uint16_t n_joins;
		size_t in_set = set_size(items + i, n - i, &n_joins);

		for (size_t j = i; j < i + in_set; j++) {
			if (items[j].sg.s.family != upstream->family ||
				items[j].sg.g.family != upstream->family)
				return -EINVAL;
		}
		if (n_groups == PIM_GROUPS_MAX)
			return -ENOSPC;
		write_set(&w, items + i, in_set, n_joins);
		i += in_set;
	}
	if (count)
		*count = (uint8_t)n_groups;
	return pim_end(&w);
}
