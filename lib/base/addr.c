// SPDX-License-Identifier: BSD-3-Clause
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct addr addr_from_v4(uint32_t ip_be)
{
	struct addr a = {.family = ADDR_V4};

	memcpy(a.bytes, &ip_be, 4);
	return a;
}

struct addr addr_from_v6(const uint8_t bytes[16])
{
	struct addr a = {.family = ADDR_V6};

	memcpy(a.bytes, bytes, 16);
	return a;
}

uint32_t addr_to_v4(const struct addr *a)
{
	uint32_t ip = 0;

	if (a->family == ADDR_V4)
		memcpy(&ip, a->bytes, 4);
	return ip;
}

size_t addr_size(const struct addr *a)
{
	return a->family == ADDR_V4 ? 4 : a->family == ADDR_V6 ? 16 : 0;
}

int addr_parse(const char *text, struct addr *out)
{
	struct addr a = {0};

	if (inet_pton(AF_INET, text, a.bytes) == 1) {
		a.family = ADDR_V4;
	} else if (inet_pton(AF_INET6, text, a.bytes) == 1) {
		a.family = ADDR_V6;
	} else {
		return -EINVAL;
	}
	*out = a;
	return 0;
}

// inet_ntop() takes ten times as long, which counts where a hundred thousand channels are written.
static void format_v4(const uint8_t bytes[4], char *p)
{
	for (int i = 0; i < 4; i++) {
		uint8_t v = bytes[i];

		if (v >= 100)
			*p++ = (char)('0' + v / 100);
		if (v >= 10)
			*p++ = (char)('0' + v / 10 % 10);
		*p++ = (char)('0' + v % 10);
		*p++ = i < 3 ? '.' : '\0';
	}
}

const char *addr_format(const struct addr *a, char buf[ADDR_STRLEN])
{
	if (a->family == ADDR_V4)
		format_v4(a->bytes, buf);
	else if (a->family == ADDR_NONE || !inet_ntop(AF_INET6, a->bytes, buf, ADDR_STRLEN))
		snprintf(buf, ADDR_STRLEN, "-");
	return buf;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

int addr_cmp(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool addr_is_none(const struct addr *a)
{
	return a->family == ADDR_NONE;
}

bool addr_is_multicast(const struct addr *a)
{
	if (a->family == ADDR_V4)
		return (a->bytes[0] & 0xf0) == 0xe0;
	return a->family == ADDR_V6 && a->bytes[0] == 0xff;
}

bool addr_is_unspecified(const struct addr *a)
{
	static const uint8_t zero[16];

	return a->family != ADDR_NONE && memcmp(a->bytes, zero, addr_size(a)) == 0;
}

bool addr_is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = {[15] = 1};

	if (a->family == ADDR_V4)
		return a->bytes[0] == 127;
	return a->family == ADDR_V6 && memcmp(a->bytes, one, 16) == 0;
}

bool addr_is_linklocal(const struct addr *a)
{
	if (a->family == ADDR_V4)
		return a->bytes[0] == 169 && a->bytes[1] == 254;
	return a->family == ADDR_V6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

bool addr_is_unicast(const struct addr *a)
{
	if (a->family == ADDR_NONE || addr_is_unspecified(a) || addr_is_loopback(a) ||
		addr_is_linklocal(a) || addr_is_multicast(a))
		return false;
	return a->family != ADDR_V4 || (a->bytes[0] != 0 && a->bytes[0] < 240);
}

bool addr_is_private(const struct addr *a)
{
	const uint8_t *b = a->bytes;

	if (a->family == ADDR_V6)
		return (b[0] & 0xfe) == 0xfc;
	return a->family == ADDR_V4 &&
	       (b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) ||
		       (b[0] == 192 && b[1] == 168) || (b[0] == 100 && (b[1] & 0xc0) == 64));
}

int prefix_parse(const char *text, struct prefix *out)
{
	char copy[PREFIX_STRLEN];
	struct prefix p;
	char *slash;
	unsigned long len;
	int ret;

	if ((size_t)snprintf(copy, sizeof(copy), "%s", text) >= sizeof(copy))
		return -EINVAL;
	slash = strchr(copy, '/');
	if (slash)
		*slash = '\0';
	ret = addr_parse(copy, &p.addr);
	if (ret < 0)
		return ret;
	len = 8 * addr_size(&p.addr);
	if (slash) {
		char *end;
		unsigned long max = len;

		if (slash[1] < '0' || slash[1] > '9')
			return -EINVAL;
		len = strtoul(slash + 1, &end, 10);
		if (*end != '\0' || len > max)
			return -EINVAL;
	}
	p.len = (uint8_t)len;
	for (size_t bit = len; bit < 128; bit++)
		p.addr.bytes[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
	*out = p;
	return 0;
}

const char *prefix_format(const struct prefix *p, char buf[PREFIX_STRLEN])
{
	char text[ADDR_STRLEN];

	snprintf(buf, PREFIX_STRLEN, "%s/%u", addr_format(&p->addr, text), p->len);
	return buf;
}

bool prefix_match(const struct prefix *p, const struct addr *a)
{
	unsigned int whole = p->len / 8, rest = p->len % 8;

	if (p->addr.family != a->family || memcmp(p->addr.bytes, a->bytes, whole) != 0)
		return false;
	if (rest == 0)
		return true;
	return ((p->addr.bytes[whole] ^ a->bytes[whole]) >> (8 - rest)) == 0;
}

bool prefix_match_any(const struct prefix *p, unsigned int n, const struct addr *a)
{
	for (unsigned int i = 0; i < n; i++)
		if (prefix_match(&p[i], a))
			return true;
	return false;
}

bool group_in_range(const struct prefix *range, const struct addr *g)
{
	struct addr any = *g;

	if (g->family == ADDR_V6 && (range->addr.bytes[1] & 0x0f) == 0)
		any.bytes[1] &= 0xf0;
	return prefix_match(range, &any);
}

bool group_is_never(const struct addr *g)
{
	static const uint8_t zero[10];
	uint32_t id;

	if (g->family == ADDR_V4)
		return g->bytes[0] == 232 && memcmp(g->bytes + 1, zero, 3) == 0;
	if ((g->bytes[1] & 0x0f) <= 2)
		return true;
	if ((g->bytes[1] & 0xf0) != 0x30 || memcmp(g->bytes + 2, zero, 10) != 0)
		return false;
	memcpy(&id, g->bytes + 12, sizeof(id));
	return ntohl(id) <= 0x40000000;
}

bool group_is_ssm(const struct prefix *ranges, unsigned int n, const struct addr *g)
{
	if (!addr_is_multicast(g) || group_is_never(g))
		return false;
	for (unsigned int i = 0; i < n; i++)
		if (group_in_range(&ranges[i], g))
			return true;
	return false;
}

bool sg_eq(const struct sg *a, const struct sg *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

int sg_cmp(const struct sg *a, const struct sg *b)
{
	int c = addr_cmp(&a->g, &b->g);

	return c ? c : addr_cmp(&a->s, &b->s);
}

const char *sg_format(const struct sg *sg, char buf[SG_STRLEN])
{
	char s[ADDR_STRLEN], g[ADDR_STRLEN];

	snprintf(buf, SG_STRLEN, "(%s,%s)", addr_format(&sg->s, s), addr_format(&sg->g, g));
	return buf;
}

socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (a->family == ADDR_V4) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;

		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, a->bytes, 4);
		return sizeof(*in);
	}
	if (a->family == ADDR_V6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, a->bytes, 16);
		return sizeof(*in6);
	}
	return 0;
}

int addr_from_sockaddr(const struct sockaddr *sa, struct addr *out, uint16_t *port)
{
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)sa;

		*out = addr_from_v4(in->sin_addr.s_addr);
		if (port)
			*port = ntohs(in->sin_port);
		return 0;
	}
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

		*out = addr_from_v6(in6->sin6_addr.s6_addr);
		if (port)
			*port = ntohs(in6->sin6_port);
		return 0;
	}
	return -EAFNOSUPPORT;
}
