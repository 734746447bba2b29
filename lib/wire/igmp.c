// SPDX-License-Identifier: BSD-3-Clause
#include "wire/igmp.h"

#include <errno.h>
#include <string.h>

#include "base/cursor.h"
#include "wire/ip.h"

#define IGMP_QUERY     0x11
#define IGMP_V3_REPORT 0x22
#define IP_HDR_LEN     24 // with the Router Alert option
#define QUERY_LEN      12
#define REPORT_LEN     8      // without records
#define RECORD_LEN     8      // without sources
#define IP_FRAGMENT    0x3fff // MF and the offset

static const struct addr none;

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

// The IGMP message of an IPv4 datagram.
static enum igmp_err igmp_of(const uint8_t *ip, size_t len, struct rd *out)
{
	struct ipv4_hdr hdr;

	// Told apart from a broken header: a relay that answers with MLD (standards Q-04).
	if (len > 0 && ip[0] >> 4 == 6)
		return IGMP_ERR_PROTOCOL;
	if (ipv4_decode(ip, len, &hdr) != 0)
		return IGMP_ERR_IP;
	if (hdr.proto != IP_PROTO_IGMP)
		return IGMP_ERR_PROTOCOL;
	if (hdr.frag & IP_FRAGMENT)
		return IGMP_ERR_IP;
	*out = rd_init(ip + hdr.hdr_len, (size_t)hdr.total_len - hdr.hdr_len);
	return IGMP_OK;
}

static enum igmp_err igmp_check(const struct rd *r, uint8_t type, size_t min_len)
{
	if (rd_left(r) == 0)
		return IGMP_ERR_LENGTH;
	if (r->p[0] != type)
		return IGMP_ERR_PROTOCOL;
	if (rd_left(r) < min_len)
		return IGMP_ERR_LENGTH;
	// Over all of it: extension TLVs (RFC 9279) count as well.
	return ip_cksum(r->p, rd_left(r)) == 0 ? IGMP_OK : IGMP_ERR_CHECKSUM;
}

static struct addr rd_addr4(struct rd *r)
{
	uint32_t ip;

	rd_copy(r, &ip, sizeof(ip));
	return addr_from_v4(ip);
}

uint32_t igmp_code_decode(uint8_t code)
{
	if (code < 128)
		return code;
	return (uint32_t)((code & 0xf) | 0x10) << ((code >> 4 & 7) + 3);
}

uint8_t igmp_code_encode(uint32_t value)
{
	unsigned int exp = 0;

	if (value < 128)
		return (uint8_t)value;
	if (value >= igmp_code_decode(0xff))
		return 0xff;
	while (value >> (exp + 3) > 0x1f)
		exp++;
	return (uint8_t)(0x80 | exp << 4 | (value >> (exp + 3) & 0xf));
}

enum igmp_err igmp_query_decode(const uint8_t *ip, size_t len, struct igmp_query *out)
{
	struct rd r;
	enum igmp_err err = igmp_of(ip, len, &r);
	uint8_t code, qqic, flags;

	if (err == IGMP_OK)
		err = igmp_check(&r, IGMP_QUERY, QUERY_LEN);
	if (err != IGMP_OK)
		return err;
	rd_u8(&r);
	code = rd_u8(&r);
	rd_be16(&r);
	*out = (struct igmp_query){.max_resp_ds = igmp_code_decode(code), .group = rd_addr4(&r)};
	if (addr_is_unspecified(&out->group))
		out->group = none;
	flags = rd_u8(&r);
	qqic = rd_u8(&r);
	out->qrv = flags & 7;
	out->qqi_s = igmp_code_decode(qqic);
	out->n_sources = rd_be16(&r);
	return rd_left(&r) / 4 < out->n_sources ? IGMP_ERR_LENGTH : IGMP_OK;
}

// Total length and checksum are filled in by ip_end().
static void wr_ip(struct wr *w, uint32_t src_be, uint32_t dst)
{
	wr_be16(w, 0x46c0); // version 4, IHL 6, TOS internetwork control (RFC 9776 section 4)
	wr_be16(w, 0);
	wr_be32(w, 0);
	wr_u8(w, 1);
	wr_u8(w, IP_PROTO_IGMP);
	wr_be16(w, 0);
	wr_copy(w, &src_be, sizeof(src_be));
	wr_be32(w, dst);
	wr_be32(w, 0x94040000); // Router Alert (RFC 2113)
}

static void ip_end(uint8_t *buf, size_t len)
{
	put16(buf + 2, len);
	put16(buf + 10, ip_cksum(buf, IP_HDR_LEN));
	put16(buf + IP_HDR_LEN + 2, ip_cksum(buf + IP_HDR_LEN, len - IP_HDR_LEN));
}

int igmp_query_encode(const struct addr *src, uint8_t max_resp_code, uint8_t qrv, uint8_t qqic,
	uint8_t *buf, size_t size)
{
	struct wr w = wr_init(buf, size);

	wr_ip(&w, addr_to_v4(src), 0xe0000001);
	wr_u8(&w, IGMP_QUERY);
	wr_u8(&w, max_resp_code);
	wr_be16(&w, 0);
	wr_be32(&w, 0);
	wr_u8(&w, qrv & 7);
	wr_u8(&w, qqic);
	wr_be16(&w, 0);
	if (w.bad)
		return -ENOSPC;
	ip_end(buf, wr_len(&w));
	return (int)wr_len(&w);
}

void igmp_report_begin(struct igmp_report *r, uint8_t *buf, size_t size)
{
	struct wr w = wr_init(buf, size < UINT16_MAX ? size : UINT16_MAX);

	*r = (struct igmp_report){.buf = buf, .size = size < UINT16_MAX ? size : UINT16_MAX};
	wr_ip(&w, 0, 0xe0000016);
	wr_be32(&w, (uint32_t)IGMP_V3_REPORT << 24);
	wr_be32(&w, 0);
	r->len = w.bad ? 0 : wr_len(&w); // 0: too small for any report
}

static bool record_fits(
	const struct igmp_report *r, enum igmp_record_type type, const struct addr *g)
{
	return r->record && r->buf[r->record] == type &&
	       memcmp(r->buf + r->record + 4, g->bytes, 4) == 0;
}

int igmp_report_add(struct igmp_report *r, enum igmp_record_type type, const struct sg *sg)
{
	bool open = record_fits(r, type, &sg->g);

	if (sg->s.family != ADDR_V4 || sg->g.family != ADDR_V4)
		return -EINVAL;
	if (r->len == 0 || r->size - r->len < (open ? 4 : RECORD_LEN + 4))
		return -ENOSPC;
	if (!open) {
		uint8_t *p = r->buf + r->len;

		r->record = r->len;
		r->len += RECORD_LEN;
		r->n_records++;
		r->n_sources = 0;
		p[0] = (uint8_t)type;
		p[1] = 0; // Aux Data Len, always 0 (RFC 9776 section 4.2.6)
		memcpy(p + 4, sg->g.bytes, 4);
	}
	memcpy(r->buf + r->len, sg->s.bytes, 4);
	r->len += 4;
	put16(r->buf + r->record + 2, ++r->n_sources);
	return 0;
}

int igmp_report_end(struct igmp_report *r)
{
	if (r->len == 0)
		return -ENOSPC;
	put16(r->buf + IP_HDR_LEN + 2, 0);
	put16(r->buf + IP_HDR_LEN + 6, r->n_records);
	put16(r->buf + 10, 0);
	ip_end(r->buf, r->len);
	return (int)r->len;
}

// One record; no callback: only checked. False when it runs past the end.
static bool rd_record(struct rd *r, igmp_record_cb cb, void *arg)
{
	uint8_t type = rd_u8(r);
	size_t aux = (size_t)rd_u8(r) * 4;
	uint16_t n = rd_be16(r);
	struct addr g = rd_addr4(r), s;

	if (r->bad || rd_left(r) < (size_t)n * 4 + aux)
		return false;
	if (n == 0 && cb)
		cb(arg, type, &g, &none);
	for (uint16_t i = 0; i < n; i++) {
		s = rd_addr4(r);
		if (cb)
			cb(arg, type, &g, &s);
	}
	rd_bytes(r, aux);
	return true;
}

enum igmp_err igmp_report_decode(const uint8_t *ip, size_t len, igmp_record_cb cb, void *arg)
{
	struct rd r, check;
	enum igmp_err err = igmp_of(ip, len, &r);
	uint16_t n;

	if (err == IGMP_OK)
		err = igmp_check(&r, IGMP_V3_REPORT, REPORT_LEN);
	if (err != IGMP_OK)
		return err;
	rd_bytes(&r, 6);
	n = rd_be16(&r);
	check = r;
	for (uint16_t i = 0; i < n; i++) {
		if (!rd_record(&check, NULL, NULL))
			return IGMP_ERR_LENGTH;
	}
	for (uint16_t i = 0; i < n; i++)
		rd_record(&r, cb, arg);
	return IGMP_OK;
}
