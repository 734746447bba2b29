// SPDX-License-Identifier: BSD-3-Clause
// Assert (RFC 7761 section 4.9.6).
#include <errno.h>

#include "wire/pim_encoded.h"

#define RPT_BIT		0x80000000u
#define PREFERENCE_MASK 0x7fffffffu

enum pim_err pim_assert_decode(const uint8_t *buf, size_t len, struct pim_assert_msg *out)
{
	struct rd r = rd_init(buf, len);
	enum pim_err err;
	uint32_t word;

	*out = (struct pim_assert_msg){0};
	rd_bytes(&r, PIM_HEADER_LEN);
	err = pim_read_group(&r, &out->sg.g, &out->g_mask_len);
	if (err == PIM_OK)
		err = pim_read_unicast(&r, &out->sg.s);
	if (err != PIM_OK)
		return err;
	word = rd_be32(&r);
	out->rpt = word & RPT_BIT;
	out->preference = word & PREFERENCE_MASK;
	out->metric = rd_be32(&r);
	return r.bad ? PIM_ERR_MALFORMED : PIM_OK;
}

int pim_assert_encode(const struct pim_assert_msg *msg, uint8_t *buf, size_t size)
{
	struct wr w = wr_init(buf, size);

	if (msg->sg.s.family != msg->sg.g.family || addr_size(&msg->sg.g) == 0)
		return -EINVAL;
	pim_begin(&w, PIM_ASSERT);
	pim_write_group(&w, &msg->sg.g);
	pim_write_unicast(&w, &msg->sg.s);
	wr_be32(&w, (msg->rpt ? RPT_BIT : 0) | (msg->preference & PREFERENCE_MASK));
	wr_be32(&w, msg->metric);
	return pim_end(&w);
}
