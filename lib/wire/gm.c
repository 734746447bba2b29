// SPDX-License-Identifier: BSD-3-Clause
// What IGMPv3 and MLDv2 have in common: the same fields around addresses of 4 or 16 octets.
#include "wire/gm.h"

#include <errno.h>
#include <string.h>

#include "wire/igmp.h"
#include "wire/mld.h"

#define S_FLAG	 0x08
#define QRV_MASK 0x07

static size_t addr_len(uint8_t family)
{
	return family == ADDR_V4 ? 4 : 16;
}

enum gm_err gm_decode(const uint8_t *ip, size_t len, struct gm_msg *out)
{
	*out = (struct gm_msg){0};
	return len > 0 && ip[0] >> 4 == 6 ? mld_decode(ip, len, out) : igmp_decode(ip, len, out);
}

struct addr gm_rd_addr(struct rd *r, uint8_t family)
{
	uint8_t v6[16];
	uint32_t v4;

	if (family == ADDR_V4) {
		rd_copy(r, &v4, sizeof(v4));
		return addr_from_v4(v4);
	}
	rd_copy(r, v6, sizeof(v6));
	return addr_from_v6(v6);
}

bool gm_source_next(struct gm_sources *it, struct addr *out)
{
	if (it->left == 0)
		return false;
	it->left--;
	*out = gm_rd_addr(&it->rd, it->family);
	return true;
}

// False also when the record runs past the end, which gm_rd_records() has ruled out.
bool gm_record_next(struct gm_records *it, struct gm_record *out)
{
	size_t aux, size;
	uint16_t n;

	if (it->left == 0)
		return false;
	it->left--;
	out->type = rd_u8(&it->rd);
	aux = (size_t)rd_u8(&it->rd) * 4; // skipped (RFC 9776 section 4.2.6)
	n = rd_be16(&it->rd);
	out->group = gm_rd_addr(&it->rd, it->family);
	size = (size_t)n * addr_len(it->family);
	if (it->rd.bad || rd_left(&it->rd) < size + aux) {
		it->rd.bad = true;
		return false;
	}
	out->sources =
		(struct gm_sources){.rd = rd_init(it->rd.p, size), .family = it->family, .left = n};
	rd_bytes(&it->rd, size + aux);
	return true;
}

enum gm_err gm_rd_records(struct rd *r, uint8_t family, struct gm_records *out)
{
	struct gm_records check;
	struct gm_record record;

	*out = (struct gm_records){.family = family, .left = rd_be16(r)};
	out->rd = *r;
	check = *out;
	while (gm_record_next(&check, &record))
		;
	return check.rd.bad ? GM_ERR_LENGTH : GM_OK;
}

enum gm_err gm_rd_query(struct rd *r, uint8_t family, struct gm_msg *out)
{
	uint8_t flags = rd_u8(r), qqic = rd_u8(r);
	uint16_t n = rd_be16(r);

	if (r->bad || rd_left(r) < n * addr_len(family))
		return GM_ERR_LENGTH;
	out->suppress = flags & S_FLAG;
	out->qrv = flags & QRV_MASK;
	out->qqi_s = igmp_code_decode(qqic);
	out->sources = (struct gm_sources){
		.rd = rd_init(r->p, n * addr_len(family)), .family = family, .left = n};
	return GM_OK;
}

void gm_wr_query(struct wr *w, const struct gm_query *q)
{
	wr_u8(w, (uint8_t)((q->suppress ? S_FLAG : 0) | (q->qrv & QRV_MASK)));
	wr_u8(w, igmp_code_encode(q->qqi_s));
	wr_be16(w, q->n_sources);
	for (uint16_t i = 0; i < q->n_sources; i++)
		wr_copy(w, q->sources[i].bytes, addr_size(&q->sources[i]));
}

int gm_query_encode(const struct gm_query *q, uint8_t *buf, size_t size)
{
	if (q->src.family == ADDR_NONE ||
		(!addr_is_none(&q->group) && q->group.family != q->src.family))
		return -EINVAL;
	for (uint16_t i = 0; i < q->n_sources; i++) {
		if (q->sources[i].family != q->src.family)
			return -EINVAL;
	}
	// The lengths of both headers have 16 bits.
	if (size > UINT16_MAX)
		size = UINT16_MAX;
	return q->src.family == ADDR_V4 ? igmp_query_write(q, buf, size)
					: mld_query_write(q, buf, size);
}

size_t gm_query_capacity(uint8_t family, size_t octets)
{
	size_t head = family == ADDR_V4 ? IGMP_QUERY_OCTETS : MLD_QUERY_OCTETS;

	return octets > head ? (octets - head) / addr_len(family) : 0;
}

uint32_t gm_max_resp_ms(uint8_t family, uint32_t ms)
{
	if (family == ADDR_V4)
		return igmp_code_decode(igmp_code_encode(ms / 100)) * 100;
	return mld_code_decode(mld_code_encode(ms));
}

uint32_t gm_qqi_s(uint32_t s)
{
	return igmp_code_decode(igmp_code_encode(s));
}

#define RECORD_LEN 4 // without group and sources

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void gm_report_begin(struct gm_report *r, uint8_t family, uint8_t *buf, size_t size)
{
	struct wr w;

	if (size > UINT16_MAX)
		size = UINT16_MAX;
	*r = (struct gm_report){.family = family, .buf = buf, .size = size};
	w = wr_init(buf, size);
	if (family == ADDR_V4)
		igmp_report_head(&w);
	else
		mld_report_head(&w);
	r->len = w.bad ? 0 : wr_len(&w); // 0: too small for any report
}

int gm_report_add(struct gm_report *r, uint8_t type, const struct sg *sg)
{
	size_t n = addr_len(r->family);
	bool open = r->record && r->buf[r->record] == type &&
		    memcmp(r->buf + r->record + RECORD_LEN, sg->g.bytes, n) == 0;

	if (sg->s.family != r->family || sg->g.family != r->family)
		return -EINVAL;
	if (r->len == 0 || r->size - r->len < (open ? n : RECORD_LEN + 2 * n))
		return -ENOSPC;
	if (!open) {
		uint8_t *p = r->buf + r->len;

		r->record = r->len;
		r->len += RECORD_LEN + n;
		r->n_records++;
		r->n_sources = 0;
		p[0] = type;
		p[1] = 0; // Aux Data Len, always 0 (RFC 9776 section 4.2.6)
		memcpy(p + RECORD_LEN, sg->g.bytes, n);
	}
	memcpy(r->buf + r->len, sg->s.bytes, n);
	r->len += n;
	put16(r->buf + r->record + 2, ++r->n_sources);
	return 0;
}

int gm_report_end(struct gm_report *r)
{
	size_t head = r->family == ADDR_V4 ? IGMP_REPORT_HEAD : MLD_REPORT_HEAD;

	if (r->len == 0)
		return -ENOSPC;
	put16(r->buf + head + 6, r->n_records);
	if (r->family == ADDR_V4)
		igmp_report_finish(r->buf, r->len);
	else
		mld_report_finish(r->buf, r->len);
	return (int)r->len;
}
