// SPDX-License-Identifier: BSD-3-Clause
#include "fastpath/tap.h"

#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "crossing/crossing.h"
#include "fastpath/headers.h"

// ---- Which frames

// Addresses of an IP header, and what it carries.
struct ip {
	const uint8_t *src, *dst;
	const uint8_t *udp; // NULL: no UDP, or cut off, or a fragment that is not the first
	const uint8_t *end;
	bool v6;
	bool is_udp; // also of a fragment
};

static bool ip_read(const uint8_t *p, const uint8_t *end, struct ip *out)
{
	size_t len;

	*out = (struct ip){.end = end};
	if (end - p >= IPV4_LEN && p[0] >> 4 == 4) {
		len = (size_t)(p[0] & 15) * 4;
		out->src = p + 12;
		out->dst = p + 16;
		out->is_udp = p[9] == PROTO_UDP;
		if (len < IPV4_LEN || get_be16(p + 6) & IPV4_OFFSET)
			return true;
	} else if (end - p >= IPV6_LEN && p[0] >> 4 == 6) {
		len = IPV6_LEN;
		out->v6 = true;
		out->src = p + 8;
		out->dst = p + 24;
		out->is_udp = p[6] == PROTO_UDP || p[6] == PROTO_FRAGMENT;
		if (p[6] == PROTO_FRAGMENT) {
			len += 8;
			if (end - p < (long)len || get_be16(p + IPV6_LEN + 2) & 0xfff8)
				return true;
		}
	} else {
		return false;
	}
	if (out->is_udp && end - p >= (long)(len + UDP_LEN))
		out->udp = p + len;
	return true;
}

static bool same(const uint8_t *a, const uint8_t *b, bool v6)
{
	return memcmp(a, b, v6 ? 16 : 4) == 0;
}

static bool is_tunnel(const struct crossing_tap_filter *f, const struct ip *ip)
{
	bool from, to;

	if (ip->v6 != f->v6 || !ip->is_udp)
		return false;
	from = same(ip->src, f->relay, f->v6);
	to = same(ip->dst, f->relay, f->v6);
	if (!from && !to)
		return false;
	// Of a later fragment only the addresses are known.
	if (!ip->udp)
		return true;
	if (get_be16(ip->udp + (from ? 0 : 2)) != AMT_UDP_PORT)
		return false;
	return !f->our_port || get_be16(ip->udp + (from ? 2 : 0)) == f->our_port;
}

static bool is_sg(const struct crossing_tap_filter *f, const struct ip *ip)
{
	return ip->v6 == f->v6 && same(ip->src, f->s, f->v6) && same(ip->dst, f->g, f->v6);
}

static bool is_channel(const struct crossing_tap_filter *f, const struct ip *ip)
{
	struct ip inner;
	const uint8_t *amt;

	if (is_sg(f, ip))
		return true;
	if (!ip->udp || get_be16(ip->udp) != AMT_UDP_PORT)
		return false;
	amt = ip->udp + UDP_LEN;
	return ip->end - amt >= AMT_LEN && amt[0] == AMT_TYPE_DATA &&
	       ip_read(amt + AMT_LEN, ip->end, &inner) && is_sg(f, &inner);
}

bool tap_matches(const struct crossing_tap_filter *f, const uint8_t *frame, uint32_t len)
{
	const uint8_t *end = frame + len, *p = frame + 12;
	uint16_t vlan = 0;
	struct ip ip;

	if (len < ETH_LEN)
		return f->what == TAP_ALL && !f->vlan;
	if (get_be16(p) == ETHERTYPE_VLAN && len >= ETH_LEN + VLAN_LEN) {
		vlan = get_be16(p + 2) & VLAN_ID_MASK;
		p += VLAN_LEN;
	}
	if (f->vlan && f->vlan != vlan)
		return false;
	if (f->what == TAP_ALL)
		return true;
	if (!ip_read(p + 2, end, &ip))
		return false;
	return f->what == TAP_TUNNEL ? is_tunnel(f, &ip) : is_channel(f, &ip);
}

// ---- The ring

// Room for a record of so many octets after t->ahead, in one piece. NULL: there is none.
static uint8_t *room_for(struct crossing_tap *t, uint32_t size)
{
	uint64_t at = t->ahead & t->mask, left = t->mask + 1 - at, need = size;
	// Acquire: the reader is done with what it has passed.
	uint64_t tail = atomic_load_explicit(&t->tail, memory_order_acquire);

	if (left < size)
		need += left;
	if (t->ahead + need - tail > t->mask + 1)
		return NULL;
	if (left < size) {
		struct crossing_tap_record *skip = (void *)(t->ring + at);

		if (left >= sizeof(*skip))
			skip->caplen = TAP_SKIP;
		t->ahead += left;
		at = 0;
	}
	return t->ring + at;
}

static void octets_copy(uint8_t *to, const struct rte_mbuf *m, uint32_t n)
{
	for (; m && n > 0; m = m->next) {
		uint32_t part = RTE_MIN(n, (uint32_t)m->data_len);

		memcpy(to, rte_pktmbuf_mtod(m, const void *), part);
		to += part;
		n -= part;
	}
}

// For what is cut over segments (a header of its own before the datagram): the headers in one
// piece.
#define LOOK 128

static bool matches(const struct crossing_tap_filter *f, const struct rte_mbuf *m)
{
	uint8_t head[LOOK];
	uint32_t n;

	if (f->what == TAP_ALL && !f->vlan)
		return true;
	if (m->nb_segs == 1)
		return tap_matches(f, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
	n = RTE_MIN(rte_pktmbuf_pkt_len(m), (uint32_t)LOOK);
	octets_copy(head, m, n);
	return tap_matches(f, head, n);
}

static void copy(struct crossing_tap *t, unsigned int port, const struct rte_mbuf *m, uint64_t tsc,
	bool sent)
{
	uint32_t len = rte_pktmbuf_pkt_len(m), caplen = RTE_MIN(len, (uint32_t)t->filter.snaplen);
	uint32_t size =
		RTE_ALIGN_CEIL((uint32_t)sizeof(struct crossing_tap_record) + caplen, (uint32_t)8);
	uint8_t *at = room_for(t, size);

	if (!at) {
		crossing_count(&t->dropped, 1);
		return;
	}
	*(struct crossing_tap_record *)(void *)at = (struct crossing_tap_record){
		.tsc = tsc,
		.len = len,
		.caplen = caplen,
		.size = size,
		.port = (uint16_t)port,
		.sent = sent,
	};
	octets_copy(at + sizeof(struct crossing_tap_record), m, caplen);
	t->ahead += size;
	crossing_count(&t->frames, 1);
}

static bool is_meant(const struct crossing_tap *t, unsigned int port)
{
	return !t->filter.one_port || t->filter.port == port;
}

void tap_sent(struct crossing_tap *t, uint64_t end)
{
	t->ahead = end;
	// Release: what is shown is there.
	atomic_store_explicit(&t->head, end, memory_order_release);
}

void tap_sends(struct crossing_tap *t, unsigned int port, struct rte_mbuf *const *mbufs,
	unsigned int n, uint64_t *ends)
{
	bool meant = is_meant(t, port);
	uint64_t tsc = rte_rdtsc();

	for (unsigned int i = 0; i < n; i++) {
		if (meant && matches(&t->filter, mbufs[i]))
			copy(t, port, mbufs[i], tsc, true);
		ends[i] = t->ahead;
	}
}

void tap_received(
	struct crossing_tap *t, unsigned int port, struct rte_mbuf *const *mbufs, unsigned int n)
{
	uint64_t tsc;

	if (!is_meant(t, port))
		return;
	tsc = rte_rdtsc();
	for (unsigned int i = 0; i < n; i++)
		if (matches(&t->filter, mbufs[i]))
			copy(t, port, mbufs[i], tsc, false);
	tap_sent(t, t->ahead);
}
