// SPDX-License-Identifier: BSD-3-Clause
#include "wire/mld.h"

#include <errno.h>
#include <string.h>

#include "base/cursor.h"
#include "wire/ip.h"

#define IPV6_LEN	40
#define HOP_BY_HOP_LEN	8
#define NEXT_HOP_BY_HOP 0
#define NEXT_ICMPV6	58
#define OPTION_PAD1	0
#define OPTION_ALERT	5
#define MLD_QUERY	130
#define MLD_V1_REPORT	131
#define MLD_V1_DONE	132
#define MLD_V2_REPORT	143
#define V1_LEN		24
#define V2_QUERY_LEN	28
#define V2_REPORT_LEN	8 // without records

uint32_t mld_code_decode(uint16_t code)
{
	if (code < 0x8000)
		return code;
	return (uint32_t)((code & 0xfff) | 0x1000) << ((code >> 12 & 7) + 3);
}

uint16_t mld_code_encode(uint32_t value)
{
	unsigned int exp = 0;

	if (value < 0x8000)
		return (uint16_t)value;
	if (value >= mld_code_decode(0xffff))
		return 0xffff;
	while (value >> (exp + 3) > 0x1fff)
		exp++;
	return (uint16_t)(0x8000 | exp << 12 | (value >> (exp + 3) & 0xfff));
}

// A Hop-by-Hop header: whether it has the Router Alert for MLD (RFC 2711). False when it runs past
// the end.
static bool hop_by_hop(struct rd *r, uint8_t *next, bool *alert)
{
	size_t len;
	struct rd opt;

	*next = rd_u8(r);
	len = (size_t)rd_u8(r) * 8 + 6;
	if (r->bad || rd_left(r) < len)
		return false;
	opt = rd_init(rd_bytes(r, len), len);
	while (rd_left(&opt) > 0 && !opt.bad) {
		uint8_t type = rd_u8(&opt), n;

		if (type == OPTION_PAD1)
			continue;
		n = rd_u8(&opt);
		if (type == OPTION_ALERT && n == 2 && rd_left(&opt) >= 2 && !opt.p[0] && !opt.p[1])
			*alert = true;
		rd_bytes(&opt, n);
	}
	return !opt.bad;
}

static uint32_t pseudo_header(const uint8_t *ip, size_t len)
{
	uint8_t tail[8] = {0, 0, (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0, NEXT_ICMPV6};

	// Source and destination lie together.
	return ip_cksum_add(ip_cksum_add(0, ip + 8, 32), tail, sizeof(tail));
}

// The ICMPv6 message of an IPv6 datagram.
static enum gm_err icmp_of(const uint8_t *ip, size_t len, struct rd *icmp, struct gm_msg *out)
{
	struct rd r = rd_init(ip, len);
	uint8_t next;
	size_t payload;

	rd_bytes(&r, 4);
	payload = rd_be16(&r);
	next = rd_u8(&r);
	out->ttl = rd_u8(&r);
	out->src = gm_rd_addr(&r, ADDR_V6);
	out->dst = gm_rd_addr(&r, ADDR_V6);
	if (r.bad || rd_left(&r) < payload) {
		out->src = out->dst = (struct addr){0};
		return GM_ERR_IP;
	}
	r = rd_init(r.p, payload);
	if (next == NEXT_HOP_BY_HOP && !hop_by_hop(&r, &next, &out->router_alert))
		return GM_ERR_IP;
	if (next != NEXT_ICMPV6)
		return GM_ERR_PROTOCOL;
	*icmp = r;
	return GM_OK;
}

static enum gm_err type_of(const struct rd *r, struct gm_msg *out)
{
	size_t len = rd_left(r);

	if (len == 0)
		return GM_ERR_LENGTH;
	switch (r->p[0]) {
	case MLD_QUERY: // section 8.1 tells the versions apart by the length
		out->type = len == V1_LEN ? GM_OLD_QUERY : GM_QUERY;
		return len == V1_LEN || len >= V2_QUERY_LEN ? GM_OK : GM_ERR_LENGTH;
	case MLD_V1_REPORT:
		out->type = GM_OLD_REPORT;
		return len >= V1_LEN ? GM_OK : GM_ERR_LENGTH;
	case MLD_V1_DONE:
		out->type = GM_OLD_LEAVE;
		return len >= V1_LEN ? GM_OK : GM_ERR_LENGTH;
	case MLD_V2_REPORT:
		out->type = GM_REPORT;
		return len >= V2_REPORT_LEN ? GM_OK : GM_ERR_LENGTH;
	default:
		return GM_ERR_TYPE;
	}
}

enum gm_err mld_decode(const uint8_t *ip, size_t len, struct gm_msg *out)
{
	struct rd r;
	enum gm_err err = icmp_of(ip, len, &r, out);

	if (err == GM_OK)
		err = type_of(&r, out);
	if (err != GM_OK)
		return err;
	// Over all of the message, with the pseudo-header (RFC 8200 section 8.1).
	if (ip_cksum_fold(ip_cksum_add(pseudo_header(ip, rd_left(&r)), r.p, rd_left(&r))) != 0)
		return GM_ERR_CHECKSUM;
	rd_bytes(&r, 4);
	if (out->type == GM_REPORT) {
		rd_be16(&r);
		return gm_rd_records(&r, ADDR_V6, &out->records);
	}
	out->max_resp_ms = mld_code_decode(rd_be16(&r));
	rd_be16(&r);
	out->group = gm_rd_addr(&r, ADDR_V6);
	if (addr_is_unspecified(&out->group))
		out->group = (struct addr){0};
	return out->type == GM_QUERY ? gm_rd_query(&r, ADDR_V6, out) : GM_OK;
}

// IPv6 header and Router Alert. The length is filled in by ip_end().
static void wr_ip(struct wr *w, const uint8_t src[16], const uint8_t dst[16])
{
	static const uint8_t alert[HOP_BY_HOP_LEN] = {NEXT_ICMPV6, 0, OPTION_ALERT, 2, 0, 0, 1, 0};

	wr_be32(w, 0x60000000);
	wr_be16(w, 0);
	wr_u8(w, NEXT_HOP_BY_HOP);
	wr_u8(w, 1);
	wr_copy(w, src, 16);
	wr_copy(w, dst, 16);
	wr_copy(w, alert, sizeof(alert));
}

static void ip_end(uint8_t *buf, size_t total)
{
	uint8_t *icmp = buf + IPV6_LEN + HOP_BY_HOP_LEN;
	size_t len = total - IPV6_LEN - HOP_BY_HOP_LEN;
	uint16_t sum;

	buf[4] = (uint8_t)((len + HOP_BY_HOP_LEN) >> 8);
	buf[5] = (uint8_t)(len + HOP_BY_HOP_LEN);
	icmp[2] = icmp[3] = 0;
	sum = ip_cksum_fold(ip_cksum_add(pseudo_header(buf, len), icmp, len));
	icmp[2] = (uint8_t)(sum >> 8);
	icmp[3] = (uint8_t)sum;
}

int mld_query_write(const struct gm_query *q, uint8_t *buf, size_t size)
{
	static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
	static const uint8_t unspecified[16];
	const uint8_t *group = addr_is_none(&q->group) ? unspecified : q->group.bytes;
	struct wr w = wr_init(buf, size);

	wr_ip(&w, q->src.bytes, group == unspecified ? all_nodes : group);
	wr_u8(&w, MLD_QUERY);
	wr_u8(&w, 0);
	wr_be16(&w, 0);
	wr_be16(&w, mld_code_encode(q->max_resp_ms));
	wr_be16(&w, 0);
	wr_copy(&w, group, 16);
	gm_wr_query(&w, q);
	if (w.bad)
		return -ENOSPC;
	ip_end(buf, wr_len(&w));
	return (int)wr_len(&w);
}

void mld_report_head(struct wr *w)
{
	static const uint8_t source[16] = {0xfe, 0x80, [15] = 2}; // MLD_REPORT_SOURCE
	static const uint8_t routers[16] = {0xff, 0x02, [15] = 0x16};

	wr_ip(w, source, routers);
	wr_be32(w, (uint32_t)MLD_V2_REPORT << 24);
	wr_be32(w, 0);
}

void mld_report_finish(uint8_t *buf, size_t len)
{
	ip_end(buf, len);
}
