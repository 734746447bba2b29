// SPDX-License-Identifier: BSD-3-Clause
#include "wire/pim.h"

#include <errno.h>

#include "base/cursor.h"
#include "wire/ip.h"
#include "wire/pim_encoded.h"

#define HOLDTIME_DEFAULT  105
#define OPT_HOLDTIME	  1
#define OPT_LAN_DELAY	  2
#define OPT_DR_PRIORITY	  19
#define OPT_GENID	  20
#define OPT_ADDRESS_LIST  24
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

// RFC 8200 section 8.1: addresses, upper-layer length and next header.
static uint32_t pseudo_header(const struct addr *src, const struct addr *dst, size_t len)
{
	uint8_t tail[8] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
		(uint8_t)len, 0, 0, 0, IP_PROTO_PIM};
	uint32_t sum = ip_cksum_add(0, src->bytes, 16);

	return ip_cksum_add(ip_cksum_add(sum, dst->bytes, 16), tail, sizeof(tail));
}

enum pim_err pim_header_decode6(const uint8_t *buf, size_t len, const struct addr *src,
	const struct addr *dst, uint8_t *type)
{
	if (len < PIM_HEADER_LEN)
		return PIM_ERR_SHORT;
	if (buf[0] >> 4 != PIM_VERSION)
		return PIM_ERR_VERSION;
	if (ip_cksum_fold(ip_cksum_add(pseudo_header(src, dst, len), buf, len)) != 0)
		return PIM_ERR_CHECKSUM;
	*type = buf[0] & 0xf;
	return PIM_OK;
}

void pim_cksum6(uint8_t *buf, size_t len, const struct addr *src, const struct addr *dst)
{
	uint16_t cksum;

	buf[2] = buf[3] = 0;
	cksum = ip_cksum_fold(ip_cksum_add(pseudo_header(src, dst, len), buf, len));
	buf[2] = (uint8_t)(cksum >> 8);
	buf[3] = (uint8_t)cksum;
}

static enum pim_err read_address_list(struct rd *value, struct pim_hello *out)
{
	struct addr a;

	out->n_secondaries = 0;
	while (rd_left(value) > 0) {
		if (pim_read_unicast(value, &a) != PIM_OK)
			return PIM_ERR_MALFORMED;
		if (out->n_secondaries < PIM_SECONDARIES_MAX)
			out->secondaries[out->n_secondaries++] = a;
	}
	return PIM_OK;
}

static enum pim_err hello_option(struct rd value, uint16_t type, struct pim_hello *out)
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
	case OPT_ADDRESS_LIST:
		return read_address_list(&value, out);
	default:
		break;
	}
	return PIM_OK;
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
		if (hello_option(rd_init(value, size), type, out) != PIM_OK)
			return PIM_ERR_MALFORMED;
	}
	return r.bad ? PIM_ERR_MALFORMED : PIM_OK;
}

static void write_address_list(struct wr *w, const struct pim_hello *hello)
{
	size_t len = 0;

	if (hello->n_secondaries == 0)
		return;
	for (unsigned int i = 0; i < hello->n_secondaries; i++)
		len += 2 + addr_size(&hello->secondaries[i]);
	wr_be16(w, OPT_ADDRESS_LIST);
	wr_be16(w, (uint16_t)len);
	for (unsigned int i = 0; i < hello->n_secondaries; i++)
		pim_write_unicast(w, &hello->secondaries[i]);
}

int pim_hello_encode(const struct pim_hello *hello, uint8_t *buf, size_t size)
{
	struct wr w = wr_init(buf, size);

	pim_begin(&w, PIM_HELLO);
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
	write_address_list(&w, hello);
	return pim_end(&w);
}
