// SPDX-License-Identifier: BSD-3-Clause
#include "unit/driad/dns.h"

#include <stdlib.h>
#include <string.h>

static void put16(struct dns *m, unsigned int v)
{
	m->buf[m->len++] = (uint8_t)(v >> 8);
	m->buf[m->len++] = (uint8_t)v;
}

static void put32(struct dns *m, uint32_t v)
{
	put16(m, v >> 16);
	put16(m, v & 0xffff);
}

static void count(struct dns *m, size_t at)
{
	unsigned int n = (unsigned int)(m->buf[at] << 8 | m->buf[at + 1]) + 1;

	m->buf[at] = (uint8_t)(n >> 8);
	m->buf[at + 1] = (uint8_t)n;
}

size_t dns_name(const char *text, uint8_t *out)
{
	size_t n = 0;

	while (*text) {
		size_t label = strcspn(text, ".");

		out[n++] = (uint8_t)label;
		memcpy(out + n, text, label);
		n += label;
		text += label + (text[label] == '.');
	}
	out[n++] = 0;
	return n;
}

void dns_begin(struct dns *m, const char *name, uint16_t type, int rcode)
{
	m->len = 0;
	put16(m, 0x4242);
	put16(m, 0x8180 | (unsigned int)rcode);
	put16(m, 1);
	put16(m, 0);
	put32(m, 0);
	m->len += dns_name(name, m->buf + m->len);
	put16(m, type);
	put16(m, 1);
}

void dns_record(struct dns *m, uint16_t type, uint32_t ttl_s, const void *rdata, size_t len)
{
	put16(m, 0xc00c);
	put16(m, type);
	put16(m, 1);
	put32(m, ttl_s);
	put16(m, (unsigned int)len);
	if (len)
		memcpy(m->buf + m->len, rdata, len);
	m->len += len;
	count(m, 6);
}

void dns_record_hex(struct dns *m, uint16_t type, uint32_t ttl_s, const char *hex)
{
	uint8_t rdata[256];
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		char octet[3] = {hex[2 * i], hex[2 * i + 1], 0};

		rdata[i] = (uint8_t)strtoul(octet, NULL, 16);
	}
	dns_record(m, type, ttl_s, rdata, n);
}

void dns_soa(struct dns *m, uint32_t ttl_s, uint32_t minimum_s)
{
	put16(m, 0xc00c);
	put16(m, 6);
	put16(m, 1);
	put32(m, ttl_s);
	put16(m, 22);
	put16(m, 0); // two root names
	for (int i = 0; i < 4; i++)
		put32(m, 60);
	put32(m, minimum_s);
	count(m, 8);
}
