// SPDX-License-Identifier: BSD-3-Clause
#include "gm_build.h"

#include <stdlib.h>
#include <string.h>

#include "wire/ip.h"

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static size_t build4(const struct datagram *d, const uint8_t *msg, size_t len, uint8_t *out)
{
	size_t head = d->no_alert ? 20 : 24;

	memset(out, 0, head);
	out[0] = (uint8_t)(0x40 | head / 4);
	out[1] = 0xc0;
	put16(out + 2, head + len);
	out[8] = d->ttl;
	out[9] = IP_PROTO_IGMP;
	memcpy(out + 12, d->src.bytes, 4);
	memcpy(out + 16, d->dst.bytes, 4);
	if (!d->no_alert)
		out[20] = 0x94, out[21] = 4;
	put16(out + 10, ip_cksum(out, head));
	memcpy(out + head, msg, len);
	put16(out + head + 2, 0);
	put16(out + head + 2, (size_t)(ip_cksum(out + head, len) ^ d->bad_checksum));
	return head + len;
}

static size_t build6(const struct datagram *d, const uint8_t *msg, size_t len, uint8_t *out)
{
	static const uint8_t alert[8] = {58, 0, 5, 2, 0, 0, 1, 0};
	size_t head = d->no_alert ? 40 : 48;
	uint8_t pseudo[8] = {0, 0, (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0, 58};
	uint32_t sum;

	memset(out, 0, head);
	out[0] = 0x60;
	put16(out + 4, head - 40 + len);
	out[6] = d->no_alert ? 58 : 0;
	out[7] = d->ttl;
	memcpy(out + 8, d->src.bytes, 16);
	memcpy(out + 24, d->dst.bytes, 16);
	if (!d->no_alert)
		memcpy(out + 40, alert, sizeof(alert));
	memcpy(out + head, msg, len);
	put16(out + head + 2, 0);
	sum = ip_cksum_add(ip_cksum_add(0, out + 8, 32), pseudo, sizeof(pseudo));
	sum = ip_cksum_add(sum, out + head, len);
	put16(out + head + 2, (size_t)(ip_cksum_fold(sum) ^ d->bad_checksum));
	return head + len;
}

size_t datagram_build(
	const struct datagram *d, const uint8_t *msg, size_t len, uint8_t out[DATAGRAM_MAX])
{
	if (len + 48 > DATAGRAM_MAX)
		abort();
	return d->src.family == ADDR_V4 ? build4(d, msg, len, out) : build6(d, msg, len, out);
}

static void put(struct message *m, const void *from, size_t len)
{
	if (m->len + len > sizeof(m->buf))
		abort();
	if (from)
		memcpy(m->buf + m->len, from, len);
	else
		memset(m->buf + m->len, 0xaa, len);
	m->len += len;
}

void message_report(struct message *m, uint8_t family)
{
	*m = (struct message){.family = family, .len = 8};
	m->buf[0] = family == ADDR_V4 ? 0x22 : 143;
}

void message_record(struct message *m, uint8_t type, const struct addr *group,
	const struct addr *sources, uint16_t n_sources, size_t aux)
{
	uint8_t head[4] = {type, (uint8_t)(aux / 4), (uint8_t)(n_sources >> 8), (uint8_t)n_sources};

	put(m, head, sizeof(head));
	put(m, group->bytes, m->family == ADDR_V4 ? 4 : 16);
	for (uint16_t i = 0; i < n_sources; i++)
		put(m, sources[i].bytes, m->family == ADDR_V4 ? 4 : 16);
	put(m, NULL, aux);
	put16(m->buf + 6, (size_t)(m->buf[6] << 8 | m->buf[7]) + 1);
}

void message_old(struct message *m, uint8_t family, uint8_t type, const struct addr *group)
{
	*m = (struct message){.family = family, .len = family == ADDR_V4 ? 8 : 24};
	m->buf[0] = type;
	memcpy(m->buf + (family == ADDR_V4 ? 4 : 8), group->bytes, family == ADDR_V4 ? 4 : 16);
}

struct addr ip(const char *text)
{
	struct addr a;

	if (addr_parse(text, &a) < 0)
		abort();
	return a;
}
