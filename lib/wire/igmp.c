// SPDX-License-Identifier: BSD-3-Clause
#include "wire/igmp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/cursor.h"
#include "wire/ip.h"

#define IGMP_QUERY     0x11
#define IGMP_V1_REPORT 0x12
#define IGMP_V2_REPORT 0x16
#define IGMP_V2_LEAVE  0x17
#define IGMP_V3_REPORT 0x22
#define IP_HDR_LEN     24 // with the Router Alert option
#define OPTION_NOP     1
#define OPTION_ALERT   0x94
#define V2_LEN	       8
#define QUERY_LEN      12
#define REPORT_LEN     8      // without records
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
	*out = (struct igmp_query){
		.max_resp_ds = igmp_code_decode(code), .group = gm_rd_addr(&r, ADDR_V4)};
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
	put16(buf + 10, 0);
	put16(buf + 10, ip_cksum(buf, IP_HDR_LEN));
	put16(buf + IP_HDR_LEN + 2, 0);
	put16(buf + IP_HDR_LEN + 2, ip_cksum(buf + IP_HDR_LEN, len - IP_HDR_LEN));
}

static int query_write(const struct gm_query *q, uint8_t max_resp_code, uint8_t *buf, size_t size)
{
	struct wr w = wr_init(buf, size);
	uint32_t group = addr_to_v4(&q->group);

	wr_ip(&w, addr_to_v4(&q->src), group ? ntohl(group) : 0xe0000001);
	wr_u8(&w, IGMP_QUERY);
	wr_u8(&w, max_resp_code);
	wr_be16(&w, 0);
	wr_copy(&w, &group, sizeof(group));
	gm_wr_query(&w, q);
	if (w.bad)
		return -ENOSPC;
	ip_end(buf, wr_len(&w));
	return (int)wr_len(&w);
}

int igmp_query_write(const struct gm_query *q, uint8_t *buf, size_t size)
{
	return query_write(q, igmp_code_encode(q->max_resp_ms / 100), buf, size);
}

int igmp_query_encode(const struct addr *src, uint8_t max_resp_code, uint8_t qrv, uint8_t qqic,
	uint8_t *buf, size_t size)
{
	struct gm_query q = {.src = *src, .qrv = qrv, .qqi_s = igmp_code_decode(qqic)};

	return query_write(&q, max_resp_code, buf, size);
}

void igmp_report_head(struct wr *w)
{
	wr_ip(w, 0, 0xe0000016);
	wr_be32(w, (uint32_t)IGMP_V3_REPORT << 24);
	wr_be32(w, 0);
}

void igmp_report_finish(uint8_t *buf, size_t len)
{
	ip_end(buf, len);
}

enum igmp_err igmp_report_decode(const uint8_t *ip, size_t len, igmp_record_cb cb, void *arg)
{
	struct rd r;
	enum igmp_err err = igmp_of(ip, len, &r);
	struct gm_records records;
	struct gm_record record;
	struct addr s;

	if (err == IGMP_OK)
		err = igmp_check(&r, IGMP_V3_REPORT, REPORT_LEN);
	if (err != IGMP_OK)
		return err;
	rd_bytes(&r, 6);
	if (gm_rd_records(&r, ADDR_V4, &records) != GM_OK)
		return IGMP_ERR_LENGTH;
	while (gm_record_next(&records, &record)) {
		if (record.sources.left == 0)
			cb(arg, record.type, &record.group, &none);
		while (gm_source_next(&record.sources, &s))
			cb(arg, record.type, &record.group, &s);
	}
	return IGMP_OK;
}

// Whether the options of an IPv4 header have a Router Alert (RFC 2113).
static bool has_alert(const uint8_t *ip, size_t hdr_len)
{
	struct rd r = rd_init(ip + 20, hdr_len - 20);

	while (rd_left(&r) > 0 && !r.bad) {
		uint8_t type = rd_u8(&r), len;

		if (type == OPTION_NOP)
			continue;
		len = rd_u8(&r);
		// 0 is the end of the options.
		if (type == 0 || len < 2 || rd_left(&r) < len - 2u)
			return false;
		if (type == OPTION_ALERT && len == 4 && !r.p[0] && !r.p[1])
			return true;
		rd_bytes(&r, len - 2u);
	}
	return false;
}

static enum gm_err message_of(const uint8_t *ip, size_t len, struct rd *r, struct gm_msg *out)
{
	struct ipv4_hdr hdr;

	if (ipv4_decode(ip, len, &hdr) != 0)
		return GM_ERR_IP;
	out->src = hdr.src;
	out->dst = hdr.dst;
	out->ttl = hdr.ttl;
	out->router_alert = has_alert(ip, hdr.hdr_len);
	if (hdr.frag & IP_FRAGMENT)
		return GM_ERR_IP;
	if (hdr.proto != IP_PROTO_IGMP)
		return GM_ERR_PROTOCOL;
	*r = rd_init(ip + hdr.hdr_len, (size_t)hdr.total_len - hdr.hdr_len);
	return GM_OK;
}

static enum gm_err type_of(const struct rd *r, struct gm_msg *out)
{
	size_t len = rd_left(r);

	if (len == 0)
		return GM_ERR_LENGTH;
	switch (r->p[0]) {
	case IGMP_QUERY: // section 7.1 tells the versions apart by the length
		out->type = len == V2_LEN ? GM_OLD_QUERY : GM_QUERY;
		return len == V2_LEN || len >= QUERY_LEN ? GM_OK : GM_ERR_LENGTH;
	case IGMP_V1_REPORT:
	case IGMP_V2_REPORT:
		out->type = GM_OLD_REPORT;
		break;
	case IGMP_V2_LEAVE:
		out->type = GM_OLD_LEAVE;
		break;
	case IGMP_V3_REPORT:
		out->type = GM_REPORT;
		break;
	default:
		return GM_ERR_TYPE;
	}
	return len >= V2_LEN ? GM_OK : GM_ERR_LENGTH; // REPORT_LEN is the same
}

enum gm_err igmp_decode(const uint8_t *ip, size_t len, struct gm_msg *out)
{
	struct rd r;
	enum gm_err err = message_of(ip, len, &r, out);
	uint8_t code;

	if (err == GM_OK)
		err = type_of(&r, out);
	if (err != GM_OK)
		return err;
	if (ip_cksum(r.p, rd_left(&r)) != 0)
		return GM_ERR_CHECKSUM;
	rd_u8(&r);
	code = rd_u8(&r);
	rd_be16(&r);
	if (out->type == GM_REPORT) {
		rd_be16(&r);
		return gm_rd_records(&r, ADDR_V4, &out->records);
	}
	out->group = gm_rd_addr(&r, ADDR_V4);
	if (addr_is_unspecified(&out->group))
		out->group = none;
	if (out->type != GM_QUERY)
		return GM_OK;
	out->max_resp_ms = igmp_code_decode(code) * 100;
	return gm_rd_query(&r, ADDR_V4, out);
}
