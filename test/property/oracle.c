// SPDX-License-Identifier: BSD-3-Clause
// The outer headers.
#include "property/oracle.h"

#include <string.h>

#include "bench/replay.h"

#define get16 oracle_get16
#define get32 oracle_get32

// A frame while it is read.
struct reading {
	struct oracle *o;
	const struct oracle_world *w;
	const uint8_t *p;
	size_t len;
	bool chained;
	size_t l3, l4;
	bool v6;
	struct addr src, dst; // outer
};

uint16_t oracle_cksum(const uint8_t *p, size_t len, uint32_t start)
{
	uint32_t sum = start;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? p[i] * 256u : p[i];
	while (sum > 0xffff)
		sum = sum % 65536 + sum / 65536;
	return (uint16_t)(0xffff - sum);
}

uint16_t oracle_udp_cksum(const uint8_t *ip, const uint8_t *udp, size_t len)
{
	bool v6 = ip[0] / 16 == 6;
	uint32_t pseudo = 17 + (uint32_t)len;
	uint8_t header[8];
	uint16_t sum;

	if (len < 8)
		return 0;
	// RFC 768; RFC 8200 section 8.1.
	for (size_t i = v6 ? 8 : 12; i < (v6 ? 40 : 20); i += 2)
		pseudo += get16(ip + i);
	memcpy(header, udp, 8);
	header[6] = 0;
	header[7] = 0;
	sum = (uint16_t)(0xffff - oracle_cksum(header, 8, pseudo));
	sum = oracle_cksum(udp + 8, len - 8, sum);
	return sum == 0 ? 0xffff : sum;
}

static void drop(struct reading *r, enum drop_reason reason)
{
	r->o->verdict = ORACLE_DROP;
	r->o->reason = reason;
}

static void punt(struct reading *r, bool control)
{
	r->o->verdict = control ? ORACLE_PUNT_CONTROL : ORACLE_PUNT_OTHER;
}

static struct addr address(const uint8_t *p, bool v6)
{
	struct addr a = {.family = v6 ? ADDR_V6 : ADDR_V4};

	memcpy(a.bytes, p, v6 ? 16 : 4);
	return a;
}

static bool same(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, 16) == 0;
}

// Of synthetic tunnels the first have all local addresses.
static bool is_local(const struct feed_shape *s, const struct addr *a)
{
	uint32_t n = s->replay ? s->tunnels : RTE_MIN(s->tunnels, 2u * FEED_LOCALS);

	for (uint32_t t = 0; t < n; t++) {
		struct addr local = feed_local(s, t);

		if (same(&local, a))
			return true;
	}
	return false;
}

// The tunnels that can have a number are those from *from on, *to not included. first: the number
// of tunnel 0; each: how many tunnels have the same.
static void tunnels_with(const struct feed_shape *s, uint32_t number, uint32_t first, uint32_t each,
	uint32_t *from, uint32_t *to)
{
	*from = 0;
	*to = s->tunnels;
	if (s->replay)
		return;
	*from = *to;
	if (number >= first && number - first < s->tunnels)
		*from = RTE_MIN((number - first) * each, *to);
	*to = RTE_MIN(*from + each, *to);
}

static bool is_relay(const struct feed_shape *s, const struct addr *a)
{
	uint32_t from, to;

	tunnels_with(
		s, get32(a->bytes + (a->family == ADDR_V6 ? 12 : 0)), FEED_RELAYS, 1, &from, &to);
	for (uint32_t t = from; t < to; t++) {
		struct addr relay = feed_relay(s, t);

		if (same(&relay, a))
			return true;
	}
	return false;
}

// s->tunnels: there is none.
static uint32_t tunnel_at(const struct feed_shape *s, const struct addr *local, uint16_t port)
{
	uint32_t from, to;

	tunnels_with(
		s, port, FEED_PORTS, s->family == FEED_MIXED ? 2 * FEED_LOCALS : 1, &from, &to);
	for (uint32_t t = from; t < to; t++) {
		struct addr is = feed_local(s, t);

		if (feed_port(s, t) == port && same(&is, local))
			return t;
	}
	return s->tunnels;
}

// Not for a tunnel: the control class has what port 2268 is in, but for data.
static void punt_udp(struct reading *r)
{
	const uint8_t *udp = r->p + r->l4;

	if (r->len < r->l4 + 8 || (get16(udp) != 2268 && get16(udp + 2) != 2268))
		punt(r, false);
	else
		punt(r, r->len == r->l4 + 8 || udp[8] % 16 != 6);
}

// ip_len: of the outer datagram, its header included.
static void read_data(struct reading *r, size_t ip_len, uint32_t tunnel)
{
	const uint8_t *ip = r->p + r->l3, *udp = r->p + r->l4;
	struct addr relay = feed_relay(r->w->joined, tunnel);
	size_t udp_len = get16(udp + 4);
	unsigned int cksum = get16(udp + 6);

	if (r->chained || ip_len > r->len - r->l3 || udp_len + (r->l4 - r->l3) > ip_len) {
		drop(r, DROP_OUTER_LENGTH);
		return;
	}
	r->o->udp_cksum_good = cksum != 0 && cksum == oracle_udp_cksum(ip, udp, udp_len);
	if (cksum != 0 && !r->o->udp_cksum_good)
		drop(r, DROP_UDP_CKSUM);
	else if (udp_len < 8 + 2 + 20)
		drop(r, DROP_AMT_SHORT);
	else if (udp[8] / 16 != 0)
		drop(r, DROP_AMT_VERSION);
	else if (!same(&relay, &r->src) || get16(udp) != 2268)
		drop(r, DROP_NOT_RELAY);
	else
		oracle_inner(r->o, r->w, udp + 10, udp_len - 10, tunnel,
			r->v6 ? ip[1] / 16 % 4 : ip[1] % 4);
}

// UDP to a local address of tunnels. frag: the fragment bits of IPv4.
static void read_tunnel(struct reading *r, unsigned int frag, size_t ip_len)
{
	const struct feed_shape *s = r->w->joined;
	const uint8_t *udp = r->p + r->l4;
	uint32_t tunnel = s->tunnels;

	if (frag % 0x2000 != 0) {
		if (!is_relay(s, &r->src)) {
			r->o->unsettled = true;
			punt(r, false);
			return;
		}
	} else {
		if (r->len < r->l4 + 8) {
			punt(r, false);
			return;
		}
		tunnel = tunnel_at(s, &r->dst, (uint16_t)get16(udp + 2));
		if (tunnel == s->tunnels) {
			punt_udp(r);
			return;
		}
		if (r->len == r->l4 + 8 || get16(udp + 4) <= 8 || udp[8] % 16 != 6) {
			punt(r, true);
			return;
		}
	}
	if (!r->v6 && !r->o->ip_cksum_good)
		drop(r, DROP_OUTER_CKSUM);
	else if (frag % 0x4000 != 0)
		drop(r, DROP_OUTER_FRAGMENT);
	else
		read_data(r, ip_len, tunnel);
}

static void read_ipv4(struct reading *r, bool upstream)
{
	const uint8_t *ip = r->p + r->l3;
	size_t ihl = (size_t)(ip[0] % 16) * 4;

	r->l4 = r->l3 + ihl;
	if (r->len < r->l3 + 20 || ip[0] / 16 != 4 || ihl < 20 || r->len < r->l4) {
		punt(r, false);
		return;
	}
	r->src = address(ip + 12, false);
	r->dst = address(ip + 16, false);
	r->o->ip_cksum_good = oracle_cksum(ip, ihl, 0) == 0;
	if (ip[9] != 17)
		punt(r, ip[9] == 2 || ip[9] == 103);
	else if (upstream && is_local(r->w->joined, &r->dst))
		read_tunnel(r, get16(ip + 6), get16(ip + 2));
	else if (get16(ip + 6) % 0x2000 != 0)
		punt(r, false);
	else
		punt_udp(r);
}

static void punt_ipv6(struct reading *r)
{
	uint8_t proto = r->p[r->l3 + 6], type;

	// Router Alert comes in a Hop-by-Hop header of 8 octets (RFC 2711).
	if (proto == 0) {
		if (r->len < r->l4 + 8) {
			punt(r, false);
			return;
		}
		proto = r->p[r->l4];
		r->l4 += 8 + r->p[r->l4 + 1] * 8u;
	}
	type = r->len > r->l4 ? r->p[r->l4] : 0;
	if (proto == 17)
		punt_udp(r);
	else // PIM; MLD of both versions and neighbour discovery
		punt(r, proto == 103 ||
				(proto == 58 && ((type >= 130 && type <= 137) || type == 143)));
}

static void read_ipv6(struct reading *r, bool upstream)
{
	const uint8_t *ip = r->p + r->l3;
	bool ours, fragment;

	r->l4 = r->l3 + 40;
	r->v6 = true;
	if (r->len < r->l4 || ip[0] / 16 != 6) {
		punt(r, false);
		return;
	}
	r->src = address(ip + 8, true);
	r->dst = address(ip + 24, true);
	r->o->ip_cksum_good = true; // there is none
	ours = upstream && is_local(r->w->joined, &r->dst);
	fragment = ours && ip[6] == 44 && r->len > r->l4 && r->p[r->l4] == 17;
	if (fragment && is_relay(r->w->joined, &r->src)) {
		drop(r, DROP_OUTER_FRAGMENT); // RFC 7450 section 5.3.3.6.3.2
		return;
	}
	r->o->unsettled = fragment;
	if (ours && ip[6] == 17)
		read_tunnel(r, 0, 40 + (size_t)get16(ip + 4));
	else
		punt_ipv6(r);
}

// False: dropped, because no interface has the tag.
static bool read_tag(struct reading *r)
{
	unsigned int id;

	r->o->tagged = r->len >= 18 && get16(r->p + 12) == 0x8100;
	if (!r->o->tagged)
		return true;
	r->l3 = 18;
	id = get16(r->p + 14) % 4096;
	if (id == 0)
		return true; // a priority, no VLAN (IEEE 802.1Q)
	if (id == ORACLE_VLAN_UPSTREAM)
		r->o->in = ORACLE_IF_UPSTREAM;
	else if (id == ORACLE_VLAN_OTHER)
		r->o->in = ORACLE_IF_OTHER;
	else
		drop(r, DROP_VLAN);
	return id == ORACLE_VLAN_UPSTREAM || id == ORACLE_VLAN_OTHER;
}

void oracle_read(const uint8_t *frame, size_t len, bool chained, const struct oracle_world *w,
	struct oracle *out)
{
	struct reading r = {.o = out, .w = w, .p = frame, .len = len, .chained = chained, .l3 = 14};
	bool upstream;

	out->verdict = ORACLE_PUNT_OTHER;
	out->in = ORACLE_IF_UNTAGGED;
	out->ip_cksum_good = false;
	out->udp_cksum_good = false;
	out->unsettled = false;
	out->oifs = 0;
	if (!read_tag(&r))
		return;
	upstream = out->in != ORACLE_IF_OTHER;
	switch (get16(frame + r.l3 - 2)) {
	case 0x0800:
		read_ipv4(&r, upstream);
		break;
	case 0x86dd:
		read_ipv6(&r, upstream);
		break;
	default:
		punt(&r, get16(frame + r.l3 - 2) == 0x0806); // ARP
	}
}
