// SPDX-License-Identifier: BSD-3-Clause
#include "wire/amt.h"

#include <errno.h>
#include <string.h>

#include "base/cursor.h"

#define QUERY_L	  0x02 // RFC 7450 section 5.1.4
#define QUERY_G	  0x01
#define REQUEST_E 0x02 // RFC 9601 section 6.1.4.2
#define REQUEST_P 0x01
// Where Linux (drivers/net/amt.c) has them, which reads the octet's bits from the other end.
#define MIRRORED_P  0x80
#define MIRRORED_L  0x40
#define MIRRORED_G  0x80
#define GATEWAY_LEN 18 // port and 16-octet address

static const uint8_t zero[12];

// Always 16 octets; IPv4 is the IPv4-compatible form ::a.b.c.d (section 5.1.4.9.2), so twelve zero
// octets mean IPv4. Anything else, the IPv4-mapped form too, is kept as it is and echoed as it is.
static void rd_gateway(struct rd *r, struct amt_msg *m)
{
	uint8_t b[16];
	uint32_t v4;

	m->gateway_port = rd_be16(r);
	rd_copy(r, b, sizeof(b));
	if (memcmp(b, zero, sizeof(zero)) != 0) {
		m->gateway_addr = addr_from_v6(b);
		return;
	}
	memcpy(&v4, b + sizeof(zero), sizeof(v4));
	m->gateway_addr = addr_from_v4(v4);
}

static void wr_gateway(struct wr *w, const struct amt_msg *m)
{
	wr_be16(w, m->gateway_port);
	if (m->gateway_addr.family == ADDR_V4)
		wr_copy(w, zero, sizeof(zero));
	wr_copy(w, m->gateway_addr.bytes, addr_size(&m->gateway_addr));
}

static enum amt_decode_err rd_advertisement(struct rd *r, struct amt_msg *m)
{
	size_t n;

	m->nonce = rd_be32(r);
	if (r->bad)
		return AMT_ERR_SHORT;
	n = rd_left(r);
	if (n != 4 && n != 16)
		return AMT_ERR_ADV_LENGTH;
	m->relay.family = n == 4 ? ADDR_V4 : ADDR_V6;
	rd_copy(r, m->relay.bytes, n);
	return AMT_OK;
}

// What the encapsulated datagram says of its own length; 0 when it does not say.
static size_t inner_total(const uint8_t *ip, size_t len)
{
	if (len >= 4 && ip[0] >> 4 == 4)
		return (size_t)(ip[2] << 8 | ip[3]);
	if (len >= 6 && ip[0] >> 4 == 6)
		return 40 + (size_t)(ip[4] << 8 | ip[5]);
	return 0;
}

static enum amt_decode_err rd_query(struct rd *r, uint8_t flags, struct amt_msg *m)
{
	size_t field, total;
	struct rd tail;

	rd_copy(r, m->mac, sizeof(m->mac));
	m->nonce = rd_be32(r);
	if (r->bad)
		return AMT_ERR_SHORT;
	m->l = flags & (m->mirrored ? MIRRORED_L : QUERY_L);
	m->g = flags & (m->mirrored ? MIRRORED_G : QUERY_G);
	m->inner = r->p;
	m->inner_len = field = rd_left(r);
	if (!m->g)
		return AMT_OK;
	if (field < GATEWAY_LEN)
		return AMT_ERR_GATEWAY;
	m->inner_len = field - GATEWAY_LEN;
	// A datagram that ends inside the last 18 octets means that the gateway fields are absent,
	// not that the datagram is cut short.
	total = inner_total(m->inner, field);
	if (total > m->inner_len && total <= field)
		return AMT_ERR_GATEWAY;
	tail = rd_init(m->inner + m->inner_len, GATEWAY_LEN);
	rd_gateway(&tail, m);
	return AMT_OK;
}

static enum amt_decode_err rd_body(struct rd *r, uint8_t flags, struct amt_msg *m)
{
	switch (m->type) {
	case AMT_RELAY_ADVERTISEMENT:
		rd_bytes(r, 2);
		return rd_advertisement(r, m);
	case AMT_MEMBERSHIP_QUERY:
		return rd_query(r, flags, m);
	case AMT_RELAY_DISCOVERY:
	case AMT_REQUEST:
		rd_bytes(r, 2);
		m->nonce = rd_be32(r);
		if (m->type == AMT_RELAY_DISCOVERY)
			break;
		m->p = flags & (m->mirrored ? MIRRORED_P : REQUEST_P);
		m->e = !m->mirrored && flags & REQUEST_E;
		break;
	case AMT_MEMBERSHIP_UPDATE:
		rd_copy(r, m->mac, sizeof(m->mac));
		m->nonce = rd_be32(r);
		m->inner = r->p;
		m->inner_len = rd_left(r);
		break;
	case AMT_MULTICAST_DATA:
		m->inner = r->p;
		m->inner_len = rd_left(r);
		break;
	case AMT_TEARDOWN:
		rd_copy(r, m->mac, sizeof(m->mac));
		m->nonce = rd_be32(r);
		rd_gateway(r, m);
		break;
	default:
		return AMT_ERR_TYPE;
	}
	return r->bad ? AMT_ERR_SHORT : AMT_OK;
}

static enum amt_decode_err decode(
	const uint8_t *buf, size_t len, bool mirrored, struct amt_msg *out)
{
	struct rd r = rd_init(buf, len);
	uint8_t first, flags;

	if (len == 0)
		return AMT_ERR_SHORT;
	first = rd_u8(&r);
	if (first >> 4 != 0)
		return AMT_ERR_VERSION;
	if (first < AMT_RELAY_DISCOVERY || first > AMT_TEARDOWN)
		return AMT_ERR_TYPE;
	flags = rd_u8(&r);
	if (r.bad)
		return AMT_ERR_SHORT;
	*out = (struct amt_msg){.type = (enum amt_type)first, .mirrored = mirrored};
	return rd_body(&r, flags, out);
}

enum amt_decode_err amt_decode(const uint8_t *buf, size_t len, struct amt_msg *out)
{
	return decode(buf, len, false, out);
}

enum amt_decode_err amt_decode_mirrored(const uint8_t *buf, size_t len, struct amt_msg *out)
{
	return decode(buf, len, true, out);
}

static uint8_t flags_of(const struct amt_msg *m)
{
	if (m->type == AMT_REQUEST && m->mirrored)
		return m->p ? MIRRORED_P : 0;
	if (m->type == AMT_MEMBERSHIP_QUERY && m->mirrored)
		return (uint8_t)((m->l ? MIRRORED_L : 0) | (m->g ? MIRRORED_G : 0));
	if (m->type == AMT_REQUEST)
		return (uint8_t)((m->e ? REQUEST_E : 0) | (m->p ? REQUEST_P : 0));
	if (m->type == AMT_MEMBERSHIP_QUERY)
		return (uint8_t)((m->l ? QUERY_L : 0) | (m->g ? QUERY_G : 0));
	return 0;
}

int amt_encode(const struct amt_msg *msg, uint8_t *buf, size_t size)
{
	struct wr w = wr_init(buf, size);
	bool gateway = msg->type == AMT_TEARDOWN || (msg->type == AMT_MEMBERSHIP_QUERY && msg->g);

	if (gateway && addr_is_none(&msg->gateway_addr))
		return -EINVAL;
	wr_u8(&w, (uint8_t)msg->type);
	wr_u8(&w, flags_of(msg));
	switch (msg->type) {
	case AMT_RELAY_ADVERTISEMENT:
		if (addr_is_none(&msg->relay))
			return -EINVAL;
		wr_be16(&w, 0);
		wr_be32(&w, msg->nonce);
		wr_copy(&w, msg->relay.bytes, addr_size(&msg->relay));
		break;
	case AMT_RELAY_DISCOVERY:
	case AMT_REQUEST:
		wr_be16(&w, 0);
		wr_be32(&w, msg->nonce);
		break;
	case AMT_MEMBERSHIP_QUERY:
	case AMT_MEMBERSHIP_UPDATE:
	case AMT_TEARDOWN:
		wr_copy(&w, msg->mac, sizeof(msg->mac));
		wr_be32(&w, msg->nonce);
		if (msg->type != AMT_TEARDOWN)
			wr_copy(&w, msg->inner, msg->inner_len);
		if (gateway)
			wr_gateway(&w, msg);
		break;
	case AMT_MULTICAST_DATA:
		wr_copy(&w, msg->inner, msg->inner_len);
		break;
	default:
		return -EINVAL;
	}
	return w.bad ? -ENOSPC : (int)wr_len(&w);
}
