// SPDX-License-Identifier: BSD-3-Clause
#include "wire/pim.h"

#include <errno.h>

#include "base/cursor.h"
#include "wire/ip.h"

#define PIM_VERSION    2
#define PIM_HEADER_LEN 4

// Address families and encodings (sections 4.9.1; RFC 5384 section 3.1 for type 1).
#define FAMILY_IPV4	  1
#define FAMILY_IPV6	  2
#define ENCODING_NATIVE	  0
#define ENCODING_ATTR	  1
#define SOURCE_SPARSE	  0x04
#define SOURCE_WILDCARD	  0x02
#define SOURCE_RPT	  0x01
#define ATTR_END	  0x40
#define MASK_LEN_V4	  32
#define HOLDTIME_DEFAULT  105
#define OPT_HOLDTIME	  1
#define OPT_LAN_DELAY	  2
#define OPT_DR_PRIORITY	  19
#define OPT_GENID	  20
#define LAN_DELAY_T	  0x8000
#define LAN_DELAY_T_CLEAR 0x7fff

enum pim_err pim_header_decode(const uint8_t *buf, size_t len, uint8_t *type)
{
	if (len < PIM_HEADER_LEN)
		return PIM_ERR_SHORT;
	if (buf[0] >> 4 != PIM_VERSION)
		return PIM_ERR_VERSION;
	if (ip_cksum(buf, len) != 0)
		return PIM_ERR_CHECKSUM;
	*type = buf[0] & 0xf;
	return PIM_OK;
}

static void header_begin(struct wr *w, enum pim_type type)
{
	wr_u8(w, (uint8_t)(PIM_VERSION << 4 | type));
	wr_u8(w, 0);
	wr_be16(w, 0);
}

// Octets of the message with its checksum filled in, or -ENOSPC.
static int message_end(struct wr *w)
{
	uint16_t cksum;

	if (w->bad)
		return -ENOSPC;
	cksum = ip_cksum(w->base, wr_len(w));
	w->base[2] = (uint8_t)(cksum >> 8);
	w->base[3] = (uint8_t)cksum;
	return (int)wr_len(w);
}

static void hello_option(struct rd value, uint16_t type, struct pim_hello *out)
{
	uint16_t delay;

	switch (type) {
	case OPT_HOLDTIME:
		out->holdtime_s = rd_be16(&value);
		break;
	case OPT_LAN_DELAY:
		delay = rd_be16(&value);
		out->has_lan_prune_delay = true;
		out->tracking = delay & LAN_DELAY_T;
		out->propagation_delay_ms = delay & LAN_DELAY_T_CLEAR;
		out->override_interval_ms = rd_be16(&value);
		break;
	case OPT_DR_PRIORITY:
		out->has_dr_priority = true;
		out->dr_priority = rd_be32(&value);
		break;
	case OPT_GENID:
		out->has_genid = true;
		out->genid = rd_be32(&value);
		break;
	default:
		break;
	}
}

// The length that an option must have, or -1 when any will do (it is not looked into).
static int hello_option_len(uint16_t type)
{
	switch (type) {
	case OPT_HOLDTIME:
		return 2;
	case OPT_LAN_DELAY:
	case OPT_DR_PRIORITY:
	case OPT_GENID:
		return 4;
	default:
		return -1;
	}
}

enum pim_err pim_hello_decode(const uint8_t *buf, size_t len, struct pim_hello *out)
{
	struct rd r = rd_init(buf, len);

	*out = (struct pim_hello){.holdtime_s = HOLDTIME_DEFAULT};
	rd_bytes(&r, PIM_HEADER_LEN);
	while (!r.bad && rd_left(&r) > 0) {
		uint16_t type = rd_be16(&r);
		uint16_t size = rd_be16(&r);
		const uint8_t *value = rd_bytes(&r, size);
		int want = hello_option_len(type);

		if (!value || (want >= 0 && size != want))
			return PIM_ERR_MALFORMED;
		hello_option(rd_init(value, size), type, out);
	}
	return r.bad ? PIM_ERR_MALFORMED : PIM_OK;
}

int pim_hello_encode(const struct pim_hello *hello, uint8_t *buf, size_t size)
{
	struct wr w = wr_init(buf, size);

	header_begin(&w, PIM_HELLO);
	wr_be16(&w, OPT_HOLDTIME);
	wr_be16(&w, 2);
	wr_be16(&w, hello->holdtime_s);
	wr_be16(&w, OPT_LAN_DELAY);
	wr_be16(&w, 4);
	wr_be16(&w, (uint16_t)((hello->tracking ? LAN_DELAY_T : 0) |
			       (hello->propagation_delay_ms & LAN_DELAY_T_CLEAR)));
	wr_be16(&w, hello->override_interval_ms);
	wr_be16(&w, OPT_DR_PRIORITY);
	wr_be16(&w, 4);
	wr_be32(&w, hello->dr_priority);
	wr_be16(&w, OPT_GENID);
	wr_be16(&w, 4);
	wr_be32(&w, hello->genid);
	return message_end(&w);
}

// The address of an encoded form, after its family octet.
static enum pim_err read_addr(struct rd *r, uint8_t family, struct addr *out)
{
	uint8_t bytes[16] = {0};

	*out = (struct addr){0};
	switch (family) {
	case FAMILY_IPV4:
		rd_copy(r, out->bytes, 4);
		out->family = ADDR_V4;
		break;
	case FAMILY_IPV6:
		rd_copy(r, bytes, sizeof(bytes));
		*out = addr_from_v6(bytes);
		break;
	default:
		return PIM_ERR_FAMILY;
	}
	return r->bad ? PIM_ERR_MALFORMED : PIM_OK;
}

static enum pim_err read_unicast(struct rd *r, struct addr *out)
{
	uint8_t family = rd_u8(r);
	uint8_t encoding = rd_u8(r);

	if (r->bad)
		return PIM_ERR_MALFORMED;
	if (encoding != ENCODING_NATIVE)
		return PIM_ERR_ENCODING;
	return read_addr(r, family, out);
}

static enum pim_err read_group(struct rd *r, struct pim_jp_entry *e)
{
	uint8_t family = rd_u8(r);
	uint8_t encoding = rd_u8(r);

	rd_u8(r); // B, reserved, Z: of no meaning for an SSM entry
	e->g_mask_len = rd_u8(r);
	if (r->bad)
		return PIM_ERR_MALFORMED;
	if (encoding != ENCODING_NATIVE)
		return PIM_ERR_ENCODING;
	return read_addr(r, family, &e->g);
}

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

static enum pim_err read_source(struct rd *r, struct pim_jp_entry *e)
{
	uint8_t family = rd_u8(r);
	uint8_t encoding = rd_u8(r);
	uint8_t flags = rd_u8(r);
	enum pim_err err;

	e->s_mask_len = rd_u8(r);
	if (r->bad)
		return PIM_ERR_MALFORMED;
	if (encoding != ENCODING_NATIVE && encoding != ENCODING_ATTR)
		return PIM_ERR_ENCODING;
	e->wildcard = flags & SOURCE_WILDCARD;
	e->rpt = flags & SOURCE_RPT;
	e->attributes = encoding == ENCODING_ATTR;
	err = read_addr(r, family, &e->s);
	if (err == PIM_OK && e->attributes)
		err = skip_attributes(r);
	return err;
}

// Walks one group set; cb NULL only checks. Counts are the sender's word: each entry is read
// against what is left.
static enum pim_err walk_group(struct rd *r, pim_jp_cb cb, void *arg)
{
	struct pim_jp_entry e = {0};
	enum pim_err err = read_group(r, &e);
	uint32_t n_joins = rd_be16(r);
	uint32_t n_prunes = rd_be16(r);

	if (err != PIM_OK)
		return err;
	if (r->bad)
		return PIM_ERR_MALFORMED;
	for (uint32_t i = 0; i < n_joins + n_prunes; i++) {
		err = read_source(r, &e);
		if (err != PIM_OK)
			return err;
		e.join = i < n_joins;
		if (cb)
			cb(arg, &e);
	}
	return PIM_OK;
}

static enum pim_err walk_groups(const struct pim_jp *jp, pim_jp_cb cb, void *arg)
{
	struct rd r = rd_init(jp->groups, jp->groups_len);

	for (unsigned int i = 0; i < jp->n_groups; i++) {
		enum pim_err err = walk_group(&r, cb, arg);

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
	err = read_unicast(&r, &out->upstream);
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

static void write_v4(struct wr *w, const struct addr *a)
{
	wr_copy(w, a->bytes, 4);
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
	wr_u8(w, FAMILY_IPV4);
	wr_u8(w, ENCODING_NATIVE);
	wr_u8(w, 0);
	wr_u8(w, MASK_LEN_V4);
	write_v4(w, &items[0].sg.g);
	wr_be16(w, n_joins);
	wr_be16(w, (uint16_t)(n - n_joins));
	for (size_t i = 0; i < n; i++) {
		wr_u8(w, FAMILY_IPV4);
		wr_u8(w, ENCODING_NATIVE);
		wr_u8(w, SOURCE_SPARSE);
		wr_u8(w, MASK_LEN_V4);
		write_v4(w, &items[i].sg.s);
	}
}

int pim_jp_encode(const struct addr *upstream, uint16_t holdtime_s, const struct pim_jp_item *items,
	size_t n, uint8_t *buf, size_t size)
{
	struct wr w = wr_init(buf, size);
	unsigned int n_groups = 0;
	uint8_t *count;

	if (upstream->family != ADDR_V4)
		return -EINVAL;
	header_begin(&w, PIM_JOIN_PRUNE);
	wr_u8(&w, FAMILY_IPV4);
	wr_u8(&w, ENCODING_NATIVE);
	write_v4(&w, upstream);
	wr_u8(&w, 0);
	count = wr_take(&w, 1);
	wr_be16(&w, holdtime_s);
	for (size_t i = 0; i < n; n_groups++) {
		uint16_t n_joins;
		size_t in_set = set_size(items + i, n - i, &n_joins);

		for (size_t j = i; j < i + in_set; j++) {
			if (items[j].sg.s.family != ADDR_V4 || items[j].sg.g.family != ADDR_V4)
				return -EINVAL;
		}
		if (n_groups == PIM_GROUPS_MAX)
			return -ENOSPC;
		write_set(&w, items + i, in_set, n_joins);
		i += in_set;
	}
	if (count)
		*count = (uint8_t)n_groups;
	return message_end(&w);
}
