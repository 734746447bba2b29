// SPDX-License-Identifier: BSD-3-Clause
#include "wire/amtrelay.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"

#define LABEL_MAX 63

static enum amtrelay_err name_decode(struct rd *r, struct amtrelay *out)
{
	struct wr w = wr_init(out->name, sizeof(out->name));
	uint8_t label = 1;

	if (rd_left(r) == 0)
		return AMTRELAY_ERR_LENGTH;
	while (rd_left(r) > 0 && label != 0) {
		const uint8_t *octets;

		label = rd_u8(r);
		// 0xc0 is a pointer, which could only point into a message that is not ours to
		// read; 0x40 and 0x80 are no label types any more (RFC 6891 section 5).
		if (label > LABEL_MAX)
			return AMTRELAY_ERR_NAME;
		octets = rd_bytes(r, label);
		if (!octets)
			return AMTRELAY_ERR_NAME;
		wr_u8(&w, label);
		wr_copy(&w, octets, label);
	}
	if (rd_left(r) > 0)
		return AMTRELAY_ERR_NAME;
	out->rootless = label != 0;
	if (out->rootless)
		wr_u8(&w, 0);
	out->name_len = wr_len(&w);
	return w.bad ? AMTRELAY_ERR_NAME : AMTRELAY_OK;
}

enum amtrelay_err amtrelay_decode(const uint8_t *rdata, size_t len, struct amtrelay *out)
{
	struct rd r = rd_init(rdata, len);
	uint8_t precedence = rd_u8(&r), type = rd_u8(&r);
	size_t size;

	if (r.bad)
		return AMTRELAY_ERR_SHORT;
	*out = (struct amtrelay){
		.precedence = precedence,
		.discovery_optional = type & 0x80,
		.type = type & 0x7f,
	};
	switch (out->type) {
	case AMTRELAY_NONE:
		return rd_left(&r) == 0 ? AMTRELAY_OK : AMTRELAY_ERR_LENGTH;
	case AMTRELAY_IPV4:
	case AMTRELAY_IPV6:
		out->addr.family = out->type == AMTRELAY_IPV4 ? ADDR_V4 : ADDR_V6;
		size = addr_size(&out->addr);
		if (rd_left(&r) != size)
			return AMTRELAY_ERR_LENGTH;
		rd_copy(&r, out->addr.bytes, size);
		return AMTRELAY_OK;
	case AMTRELAY_NAME:
		return name_decode(&r, out);
	}
	return AMTRELAY_ERR_TYPE;
}

size_t amtrelay_encode(const struct amtrelay *in, uint8_t rdata[AMTRELAY_RDATA_MAX])
{
	struct wr w = wr_init(rdata, AMTRELAY_RDATA_MAX);

	wr_u8(&w, in->precedence);
	wr_u8(&w, (uint8_t)(in->type | (in->discovery_optional ? 0x80 : 0)));
	if (in->type == AMTRELAY_NAME)
		wr_copy(&w, in->name, in->name_len);
	else if (in->type != AMTRELAY_NONE)
		wr_copy(&w, in->addr.bytes, addr_size(&in->addr));
	return wr_len(&w);
}

// Letters, digits, hyphens and underscores: what a host may be called, and no escapes.
static int name_parse(const char *text, struct amtrelay *out)
{
	struct wr w = wr_init(out->name, sizeof(out->name));

	while (*text) {
		size_t len = strcspn(text, ".");

		if (len == 0 || len > LABEL_MAX)
			return -EINVAL;
		for (size_t i = 0; i < len; i++)
			if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_')
				return -EINVAL;
		wr_u8(&w, (uint8_t)len);
		wr_copy(&w, (const uint8_t *)text, len);
		text += len;
		text += *text == '.';
	}
	wr_u8(&w, 0);
	out->name_len = wr_len(&w);
	return w.bad ? -EINVAL : 0;
}

int amtrelay_relay_parse(const char *text, struct amtrelay *out)
{
	if (strcmp(text, ".") == 0) {
		out->type = AMTRELAY_NONE;
		return 0;
	}
	if (addr_parse(text, &out->addr) == 0) {
		out->type = out->addr.family == ADDR_V4 ? AMTRELAY_IPV4 : AMTRELAY_IPV6;
		return 0;
	}
	// All digits and dots is an address that is none, and no name.
	if (text[0] == '\0' || text[strspn(text, "0123456789.")] == '\0')
		return -EINVAL;
	out->type = AMTRELAY_NAME;
	return name_parse(text, out);
}

const char *amtrelay_err_name(enum amtrelay_err err)
{
	switch (err) {
	case AMTRELAY_OK:
		return "ok";
	case AMTRELAY_ERR_SHORT:
		return "short";
	case AMTRELAY_ERR_TYPE:
		return "undefined-type";
	case AMTRELAY_ERR_LENGTH:
		return "length";
	case AMTRELAY_ERR_NAME:
		return "name";
	}
	return "?";
}

int amtrelay_reverse_name(const struct addr *source, char buf[AMTRELAY_REVERSE_LEN])
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *b = source->bytes;
	char *p = buf;

	switch (source->family) {
	case ADDR_V4:
		snprintf(buf, AMTRELAY_REVERSE_LEN, "%u.%u.%u.%u.in-addr.arpa.", b[3], b[2], b[1],
			b[0]);
		return 0;
	case ADDR_V6:
		for (int i = 15; i >= 0; i--) {
			*p++ = hex[b[i] & 0xf];
			*p++ = '.';
			*p++ = hex[b[i] >> 4];
			*p++ = '.';
		}
		memcpy(p, "ip6.arpa.", sizeof("ip6.arpa."));
		return 0;
	}
	return -EINVAL;
}
