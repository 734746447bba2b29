// SPDX-License-Identifier: BSD-3-Clause
#include "wire/pim_encoded.h"

#include <errno.h>

#include "wire/ip.h"

void pim_begin(struct wr *w, enum pim_type type)
{
	wr_u8(w, (uint8_t)(PIM_VERSION << 4 | type));
	wr_u8(w, 0);
	wr_be16(w, 0);
}

int pim_end(struct wr *w)
{
	uint16_t cksum;

	if (w->bad)
		return -ENOSPC;
	cksum = ip_cksum(w->base, wr_len(w));
	w->base[2] = (uint8_t)(cksum >> 8);
	w->base[3] = (uint8_t)cksum;
	return (int)wr_len(w);
}

enum pim_err pim_read_addr(struct rd *r, uint8_t family, struct addr *out)
{
	uint8_t bytes[16] = {0};

	*out = (struct addr){0};
	switch (family) {
	case PIM_FAMILY_IPV4:
		rd_copy(r, out->bytes, 4);
		out->family = ADDR_V4;
		break;
	case PIM_FAMILY_IPV6:
		rd_copy(r, bytes, sizeof(bytes));
		*out = addr_from_v6(bytes);
		break;
	default:
		return PIM_ERR_FAMILY;
	}
	return r->bad ? PIM_ERR_MALFORMED : PIM_OK;
}

enum pim_err pim_read_unicast(struct rd *r, struct addr *out)
{
	uint8_t family = rd_u8(r);
	uint8_t encoding = rd_u8(r);

	if (r->bad)
		return PIM_ERR_MALFORMED;
	if (encoding != PIM_ENCODING_NATIVE)
		return PIM_ERR_ENCODING;
	return pim_read_addr(r, family, out);
}

enum pim_err pim_read_group(struct rd *r, struct addr *out, uint8_t *mask_len)
{
	uint8_t family = rd_u8(r);
	uint8_t encoding = rd_u8(r);

	rd_u8(r); // B, reserved, Z: of no meaning for an SSM entry
	*mask_len = rd_u8(r);
	if (r->bad)
		return PIM_ERR_MALFORMED;
	if (encoding != PIM_ENCODING_NATIVE)
		return PIM_ERR_ENCODING;
	return pim_read_addr(r, family, out);
}

static void write_family(struct wr *w, const struct addr *a)
{
	wr_u8(w, a->family == ADDR_V6 ? PIM_FAMILY_IPV6 : PIM_FAMILY_IPV4);
	wr_u8(w, PIM_ENCODING_NATIVE);
}

void pim_write_unicast(struct wr *w, const struct addr *a)
{
	write_family(w, a);
	wr_copy(w, a->bytes, addr_size(a));
}

static void write_masked(struct wr *w, const struct addr *a, uint8_t flags)
{
	write_family(w, a);
	wr_u8(w, flags);
	wr_u8(w, (uint8_t)(8 * addr_size(a)));
	wr_copy(w, a->bytes, addr_size(a));
}

void pim_write_group(struct wr *w, const struct addr *g)
{
	write_masked(w, g, 0);
}

void pim_write_source(struct wr *w, const struct addr *s, uint8_t flags)
{
	write_masked(w, s, flags);
}
