// SPDX-License-Identifier: BSD-3-Clause
#include "fastpath/classify.h"

#include <rte_ip.h>
#include <rte_mbuf.h>

#include "fastpath/cksum.h"
#include "fastpath/headers.h"

#define PUNT_AS(v)	    ((struct class){.verdict = (v)})
#define DROP_FOR(r)	    ((struct class){.verdict = VERDICT_DROP, .reason = DROP_##r})
#define ICMPV6_PAST_HOPOPTS 8 // a Hop-by-Hop header with Router Alert alone (RFC 3810 section 5)

// The frame, and the outer headers found so far.
struct frame {
	const uint8_t *p;
	size_t len;    // of the first segment
	size_t l3;     // outer IP header
	size_t l4;     // outer UDP header
	uint16_t type; // ethertype, past a VLAN tag
};

static enum verdict punt_if(bool control)
{
	return control ? VERDICT_PUNT_CONTROL : VERDICT_PUNT_OTHER;
}

// UDP to or from the AMT port, data apart: that may come at any rate from anybody.
static bool udp_is_control(const struct frame *f)
{
	const uint8_t *udp = f->p + f->l4;

	if (f->len < f->l4 + UDP_LEN)
		return false;
	if (get_be16(udp) != AMT_UDP_PORT && get_be16(udp + 2) != AMT_UDP_PORT)
		return false;
	return f->len == f->l4 + UDP_LEN || (udp[UDP_LEN] & 0xf) != AMT_TYPE_DATA;
}

static enum verdict punt_ipv6(struct frame *f)
{
	uint8_t proto;

	f->l4 = f->l3 + 40;
	if (f->len < f->l4)
		return VERDICT_PUNT_OTHER;
	proto = f->p[f->l3 + 6];
	if (proto == PROTO_HOPOPTS) {
		if (f->len < f->l4 + ICMPV6_PAST_HOPOPTS)
			return VERDICT_PUNT_OTHER;
		proto = f->p[f->l4];
		f->l4 += ((size_t)f->p[f->l4 + 1] + 1) * 8;
	}
	if (proto == PROTO_PIM)
		return VERDICT_PUNT_CONTROL;
	if (proto == PROTO_UDP)
		return punt_if(udp_is_control(f));
	if (proto == PROTO_ICMPV6 && f->len > f->l4) {
		uint8_t t = f->p[f->l4];

		// MLD (RFC 3810, 2710) and neighbour discovery (RFC 4861).
		return punt_if((t >= 130 && t <= 137) || t == 143);
	}
	return VERDICT_PUNT_OTHER;
}

// Finds the outer IP header. False: no IP header that a worker reads.
static bool find_l3(struct frame *f, const struct rte_mbuf *m)
{
	f->p = rte_pktmbuf_mtod(m, const uint8_t *);
	f->len = rte_pktmbuf_data_len(m);
	f->l3 = ETH_LEN;
	f->type = 0;
	if (f->len < ETH_LEN)
		return false;
	f->type = get_be16(f->p + 12);
	if (f->type != ETHERTYPE_VLAN)
		return true;
	if (f->len < ETH_LEN + 4)
		return false;
	f->type = get_be16(f->p + 16);
	f->l3 += 4;
	return true;
}

static bool find_ipv4_l4(struct frame *f)
{
	size_t ihl;

	if (f->len < f->l3 + IPV4_LEN || f->p[f->l3] >> 4 != 4)
		return false;
	ihl = (size_t)(f->p[f->l3] & 0xf) * 4;
	f->l4 = f->l3 + ihl;
	return ihl >= IPV4_LEN && f->len >= f->l4;
}

// RFC 1812 section 5.3.7: not 0/8, 127/8, 169.254/16, 224/4, 240/4.
static bool source_ok(const uint8_t *s)
{
	return s[0] != 0 && s[0] != 127 && s[0] < 224 && !(s[0] == 169 && s[1] == 254);
}

// The inner datagram of data that came from the tunnel's relay. avail: octets after the AMT header.
static struct class classify_inner(
	const struct frame *f, struct mfib_buckets *buckets, unsigned int local, size_t avail)
{
	size_t inner = f->l4 + UDP_LEN + AMT_LEN, ihl;
	const uint8_t *ip = f->p + inner;
	struct mfib_entry *e;
	struct mfib_key key;
	uint16_t len;
	uint8_t ecn;

	if (ip[0] >> 4 != 4)
		return DROP_FOR(INNER_VERSION);
	ihl = (size_t)(ip[0] & 0xf) * 4;
	if (ihl < IPV4_LEN || ihl > avail)
		return DROP_FOR(INNER_HEADER);
	len = get_be16(ip + 2);
	if (len < ihl || len > avail)
		return DROP_FOR(INNER_LENGTH);
	if (rte_raw_cksum(ip, ihl) != 0xffff)
		return DROP_FOR(INNER_CKSUM);
	if (ip[16] >> 4 != 14)
		return DROP_FOR(INNER_NOT_MULTICAST);
	if (ip[16] == 224 && ip[17] == 0 && ip[18] == 0)
		return DROP_FOR(INNER_LINK_LOCAL);
	if (!source_ok(ip + 12))
		return DROP_FOR(INNER_SOURCE);
	key = mfib_key_make(
		ip + 12, get_raw32(f->p + f->l3 + 12), get_raw16(f->p + f->l4 + 2), local);
	e = mfib_lookup(buckets, &key, mfib_hash(buckets, &key));
	if (!e || mfib_entry_oifs(e) == 0)
		return DROP_FOR(NOT_JOINED);
	if (ip[8] <= 1)
		return DROP_FOR(TTL);
	ecn = ecn_decap[f->p[f->l3 + 1] & ECN_MASK][ip[1] & ECN_MASK];
	if (ecn == ECN_DROP)
		return DROP_FOR(ECN);
	return (struct class){.verdict = VERDICT_FORWARD,
		.entry = e,
		.inner = (uint16_t)inner,
		.inner_len = len,
		.ecn = ecn};
}

// UDP to a local address of tunnels; local: its index + 1.
static struct class classify_tunnel(const struct worker *w, const struct worker_if *wif,
	const struct frame *f, const struct rte_mbuf *m, struct mfib_buckets *buckets,
	unsigned int local)
{
	const uint8_t *ip = f->p + f->l3, *udp = f->p + f->l4;
	uint16_t frag = get_be16(ip + 6), ip_len = get_be16(ip + 2), udp_len;
	uint32_t src = get_raw32(ip + 12), relay;

	if (frag & IPV4_OFFSET) {
		// No port to tell a tunnel by: it can be data when a relay sent it.
		if (!mfib_relay_possible(w->table->ep, src))
			return PUNT_AS(VERDICT_PUNT_OTHER);
		return outer_cksum_ok(m, ip, f->l4 - f->l3, wif->ip_cksum_hw)
			       ? DROP_FOR(OUTER_FRAGMENT)
			       : DROP_FOR(OUTER_CKSUM);
	}
	if (f->len < f->l4 + UDP_LEN)
		return PUNT_AS(VERDICT_PUNT_OTHER);
	relay = mfib_tunnel_relay(w->table->ep, local, get_be16(udp + 2));
	if (relay == 0)
		return PUNT_AS(punt_if(udp_is_control(f)));
	udp_len = get_be16(udp + 4);
	// Anything but data is for the AMT engine or the kernel, which check it.
	if (f->len == f->l4 + UDP_LEN || udp_len <= UDP_LEN ||
		(udp[UDP_LEN] & 0xf) != AMT_TYPE_DATA)
		return PUNT_AS(VERDICT_PUNT_CONTROL);
	if (!outer_cksum_ok(m, ip, f->l4 - f->l3, wif->ip_cksum_hw))
		return DROP_FOR(OUTER_CKSUM);
	if (frag & IPV4_FRAG_MASK)
		return DROP_FOR(OUTER_FRAGMENT);
	// A datagram over several segments is one that the port's mbufs are too small for.
	if (m->nb_segs != 1 || ip_len > f->len - f->l3 ||
		(size_t)udp_len + (f->l4 - f->l3) > ip_len)
		return DROP_FOR(OUTER_LENGTH);
	if (!udp_cksum_ok(m, ip, udp, udp_len, wif->l4_cksum_hw))
		return DROP_FOR(UDP_CKSUM);
	if (udp_len < UDP_LEN + AMT_LEN + IPV4_LEN)
		return DROP_FOR(AMT_SHORT);
	if (udp[UDP_LEN] != AMT_TYPE_DATA)
		return DROP_FOR(AMT_VERSION);
	if (src != relay || get_be16(udp) != AMT_UDP_PORT)
		return DROP_FOR(NOT_RELAY);
	return classify_inner(f, buckets, local, udp_len - UDP_LEN - AMT_LEN);
}

struct class classify(const struct worker *w, unsigned int ifindex, struct mfib_buckets *buckets,
	const struct rte_mbuf *m)
{
	const struct worker_if *wif = &w->ifs[ifindex];
	unsigned int local;
	struct frame f;
	uint32_t dst;
	uint8_t proto;

	if (!find_l3(&f, m))
		return PUNT_AS(VERDICT_PUNT_OTHER);
	if (f.type == ETHERTYPE_ARP)
		return PUNT_AS(VERDICT_PUNT_CONTROL);
	if (f.type == ETHERTYPE_IPV6)
		return PUNT_AS(punt_ipv6(&f));
	if (f.type != ETHERTYPE_IPV4 || !find_ipv4_l4(&f))
		return PUNT_AS(VERDICT_PUNT_OTHER);
	proto = f.p[f.l3 + 9];
	if (proto != PROTO_UDP)
		return PUNT_AS(punt_if(proto == PROTO_IGMP || proto == PROTO_PIM));
	dst = get_raw32(f.p + f.l3 + 16);
	local = wif->upstream && dst != 0 ? mfib_local_find(w->table->ep, dst) : 0;
	if (local)
		return classify_tunnel(w, wif, &f, m, buckets, local);
	if (get_be16(f.p + f.l3 + 6) & IPV4_OFFSET)
		return PUNT_AS(VERDICT_PUNT_OTHER);
	return PUNT_AS(punt_if(udp_is_control(&f)));
}
