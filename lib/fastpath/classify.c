// SPDX-License-Identifier: BSD-3-Clause
#include "fastpath/classify.h"

#include <rte_ip.h>
#include <rte_mbuf.h>

#include "fastpath/cksum.h"
#include "fastpath/move.h"

#define PUNT_AS(k)	    ((struct class){.verdict = VERDICT_PUNT, .punt = (k)})
#define DROP_FOR(r)	    ((struct class){.verdict = VERDICT_DROP, .reason = DROP_##r})
#define ICMPV6_PAST_HOPOPTS 8 // a Hop-by-Hop header with Router Alert alone (RFC 3810 section 5)

// The frame, and the outer headers found so far.
struct frame {
	const struct rte_mbuf *m;
	const struct worker_port *port;
	const struct tables *t;
	const uint8_t *p;
	size_t len;	    // of the first segment
	size_t l3;	    // outer IP header
	size_t l4;	    // outer UDP header
	uint16_t type;	    // ethertype, past a VLAN tag
	uint16_t tag;	    // VLAN tag, or 0
	bool v6;	    // outer IP header
	unsigned int local; // index + 1 of the outer destination among the tunnels' local addresses
};

// UDP for the kernel or for AMT. AMT data may come at any rate from anybody.
static enum punt_class punt_udp(const struct frame *f)
{
	const uint8_t *udp = f->p + f->l4;

	if (f->len < f->l4 + UDP_LEN)
		return PUNT_OTHER;
	if (get_be16(udp) == DNS_PORT)
		return PUNT_DNS;
	if (get_be16(udp) != AMT_UDP_PORT && get_be16(udp + 2) != AMT_UDP_PORT)
		return PUNT_OTHER;
	return f->len == f->l4 + UDP_LEN || (udp[UDP_LEN] & 0xf) != AMT_TYPE_DATA ? PUNT_AMT
										  : PUNT_STRAY;
}

// An answer of DNS that is too long for UDP comes by TCP.
static bool tcp_is_dns(const struct frame *f)
{
	return f->len >= f->l4 + 2 && get_be16(f->p + f->l4) == DNS_PORT;
}

// Finds the outer IP header. False: no IP header that a worker reads.
static bool find_l3(struct frame *f)
{
	f->p = rte_pktmbuf_mtod(f->m, const uint8_t *);
	f->len = rte_pktmbuf_data_len(f->m);
	f->l3 = ETH_LEN;
	if (f->len < ETH_LEN)
		return false;
	f->type = get_be16(f->p + 12);
	if (f->type != ETHERTYPE_VLAN)
		return true;
	if (f->len < ETH_LEN + VLAN_LEN)
		return false;
	f->tag = get_be16(f->p + 14);
	f->type = get_be16(f->p + 16);
	f->l3 += VLAN_LEN;
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

// RFC 4291 section 2: not ::, ::1, mapped, link-local or multicast.
static bool source6_ok(const uint8_t *s)
{
	static const uint8_t low[12] = {0}, mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (s[0] == 0xff || (s[0] == 0xfe && (s[1] & 0xc0) == 0x80))
		return false;
	if (memcmp(s, mapped, sizeof(mapped)) == 0)
		return false;
	return memcmp(s, low, sizeof(low)) != 0 || get_be16(s + 12) != 0 || s[14] != 0 || s[15] > 1;
}

enum drop_reason classify_miss6(const uint8_t *ip)
{
	if (ip[24] != 0xff)
		return DROP_INNER_NOT_MULTICAST;
	if ((ip[25] & 0xf) <= 2)
		return DROP_INNER_LINK_LOCAL;
	return source6_ok(ip + 8) ? DROP_NOT_JOINED : DROP_INNER_SOURCE;
}

static uint64_t hash_end(const struct frame *f)
{
	// The last four octets of either family's destination end where its header does.
	return mfib_hash_end(
		get_raw32(f->p + f->l3 + (f->v6 ? 36 : 16)), get_raw16(f->p + f->l4 + 2));
}

// The oif set of an inner datagram's channel, whose S is not 0, and its counter; 0 for none.
static uint64_t lookup_wide(
	const struct frame *f, const struct mfib_wide_key *k, uint64_t hash, uint64_t **count)
{
	struct mfib_wide *e = mfib_wide_lookup(f->t->wide, k, mfib_wide_bucket(f->t->wide, hash));

	*count = e ? &e->count : NULL;
	return e ? mfib_oifs(&e->oifs) : 0;
}

static uint64_t lookup4(const struct frame *f, const uint8_t *ip, uint64_t **count)
{
	const uint8_t *outer = f->p + f->l3;
	uint16_t port = get_raw16(f->p + f->l4 + 2);
	uint64_t sg = get_raw64(ip + 12), end = hash_end(f);
	const struct mfib_buckets *t = f->t->narrow;
	struct mfib_narrow_key narrow;
	struct mfib_wide_key wide;
	struct mfib_narrow *e;

	if (f->v6) {
		wide = mfib_wide_key_make4in6(
			get_raw32(ip + 12), get_raw32(ip + 16), outer + 8, port, f->local);
		return lookup_wide(f, &wide, mfib_hash4(f->t->wide, sg, end), count);
	}
	narrow = mfib_narrow_key_make(ip + 12, get_raw32(outer + 12), port, f->local);
	e = mfib_narrow_lookup(t, &narrow, mfib_narrow_bucket(t, mfib_hash4(t, sg, end)));
	*count = e ? &e->count : NULL;
	return e ? mfib_oifs(&e->oifs) : 0;
}

static uint64_t lookup6(const struct frame *f, const uint8_t *ip, uint64_t **count)
{
	const uint8_t *outer = f->p + f->l3;
	uint16_t port = get_raw16(f->p + f->l4 + 2);
	uint64_t s[2], g[2];
	struct mfib_wide_key k;

	// Octets 2 and 3 have no place in the key: a group with any there is never joined.
	if (get_raw16(ip + 26) != 0)
		return 0;
	memcpy(s, ip + 8, sizeof(s));
	memcpy(g, ip + 24, sizeof(g));
	k = f->v6 ? mfib_wide_key_make(s, g, outer + 8, port, f->local)
		  : mfib_wide_key_make6in4(s, g, get_raw32(outer + 12), port, f->local);
	return lookup_wide(f, &k, mfib_hash6(f->t->wide, s, g, hash_end(f)), count);
}

static uint8_t outer_ecn(const struct frame *f)
{
	const uint8_t *ip = f->p + f->l3;

	return f->v6 ? ipv6_ecn(ip) : ip[1] & ECN_MASK;
}

// Data whose channel has an empty oif set, or is not there: false when that is the end of it, as
// *c says then. What is sent nowhere is counted all the same, as data_muted() does.
static bool rare(
	const struct worker *w, const struct frame *f, struct class *c, enum drop_reason miss)
{
	enum drop_reason reason = miss;

	if (c->count) {
		switch (move_look(w, c->count, f->v6 || c->v6, &c->move)) {
		case RARE_MOVE:
			c->oifs = __atomic_load_n(&c->move->oifs, __ATOMIC_RELAXED);
			return true;
		case RARE_AGAIN:
			c->oifs = mfib_entry_oifs(c->count);
			if (c->oifs)
				return true;
			break;
		case RARE_MUTED:
			break;
		}
		mfib_count(c->count, c->inner_len);
		reason = DROP_MUTED;
	}
	*c = (struct class){.verdict = VERDICT_DROP, .reason = reason};
	return false;
}

// Whether the options of a header say a route to take: loose or strict source routing (RFC 791
// section 3.1). IPv6 has none for a multicast destination (RFC 8200 section 4.4, RFC 5095).
static bool source_routed(const uint8_t *ip, size_t ihl)
{
	size_t at = IPV4_LEN;

	while (at < ihl && ip[at] != IPV4_OPTION_END) {
		if (ip[at] == IPV4_OPTION_LSRR || ip[at] == IPV4_OPTION_SSRR)
			return true;
		if (ip[at] == IPV4_OPTION_NOP) {
			at++;
			continue;
		}
		if (at + 1 >= ihl || ip[at + 1] < 2)
			return false;
		at += ip[at + 1];
	}
	return false;
}

// avail: octets after the AMT header.
static struct class classify_inner4(
	const struct worker *w, const struct frame *f, size_t inner, size_t avail)
{
	struct class c = {.verdict = VERDICT_FORWARD, .inner = (uint16_t)inner};
	const uint8_t *ip = f->p + inner;
	enum drop_reason miss;
	size_t ihl;

	ihl = (size_t)(ip[0] & 0xf) * 4;
	if (ihl < IPV4_LEN || ihl > avail)
		return DROP_FOR(INNER_HEADER);
	c.inner_len = get_be16(ip + 2);
	if (c.inner_len < ihl || c.inner_len > avail)
		return DROP_FOR(INNER_LENGTH);
	if (rte_raw_cksum(ip, ihl) != 0xffff)
		return DROP_FOR(INNER_CKSUM);
	if (source_routed(ip, ihl))
		return DROP_FOR(INNER_SOURCE_ROUTE);
	miss = classify_miss4(ip);
	if (miss == DROP_NOT_JOINED)
		c.oifs = lookup4(f, ip, &c.count);
	if (c.oifs == 0 && !rare(w, f, &c, miss))
		return c;
	if (ip[8] <= 1)
		return DROP_FOR(TTL);
	c.ecn = ecn_decap[outer_ecn(f)][ip[1] & ECN_MASK];
	c.ecn_odd = ecn_is_odd[outer_ecn(f)][ip[1] & ECN_MASK];
	return c.ecn == ECN_DROP ? DROP_FOR(ECN) : c;
}

static struct class classify_inner6(
	const struct worker *w, const struct frame *f, size_t inner, size_t avail)
{
	struct class c = {.verdict = VERDICT_FORWARD, .inner = (uint16_t)inner, .v6 = true};
	const uint8_t *ip = f->p + inner;
	enum drop_reason miss;
	size_t len;

	if (avail < IPV6_LEN)
		return DROP_FOR(INNER_LENGTH);
	len = IPV6_LEN + (size_t)get_be16(ip + 4);
	if (len > avail)
		return DROP_FOR(INNER_LENGTH);
	c.inner_len = (uint16_t)len;
	miss = classify_miss6(ip);
	if (miss == DROP_NOT_JOINED)
		c.oifs = lookup6(f, ip, &c.count);
	if (c.oifs == 0 && !rare(w, f, &c, miss))
		return c;
	if (ip[7] <= 1)
		return DROP_FOR(TTL);
	c.ecn = ecn_decap[outer_ecn(f)][ipv6_ecn(ip)];
	c.ecn_odd = ecn_is_odd[outer_ecn(f)][ipv6_ecn(ip)];
	return c.ecn == ECN_DROP ? DROP_FOR(ECN) : c;
}

// The inner datagram of data that came from the tunnel's relay.
static struct class classify_inner(const struct worker *w, const struct frame *f, size_t udp_len)
{
	size_t inner = f->l4 + UDP_LEN + AMT_LEN, avail = udp_len - UDP_LEN - AMT_LEN;

	switch (f->p[inner] >> 4) {
	case 4:
		return classify_inner4(w, f, inner, avail);
	case 6:
		return classify_inner6(w, f, inner, avail);
	default:
		return DROP_FOR(INNER_VERSION);
	}
}

// Whether data to the tunnel of this local port is from its relay. *none: there is no tunnel.
static bool from_relay(const struct frame *f, bool *none)
{
	const uint8_t *ip = f->p + f->l3, *udp = f->p + f->l4;
	uint16_t port = get_be16(udp + 2);
	const uint8_t *relay6;
	uint32_t relay;

	if (!f->v6) {
		relay = mfib_tunnel_relay4(f->t->ep, f->local, port);
		*none = relay == 0;
		return relay == get_raw32(ip + 12);
	}
	relay6 = mfib_tunnel_relay6(f->t->ep, f->local, port);
	*none = (get_raw64(relay6) | get_raw64(relay6 + 8)) == 0;
	return memcmp(relay6, ip + 8, 16) == 0;
}

// AMT data to a tunnel, not a fragment. ip_len: of the outer datagram.
static struct class classify_data(
	const struct worker *w, const struct frame *f, size_t ip_len, bool relay)
{
	const uint8_t *ip = f->p + f->l3, *udp = f->p + f->l4;
	uint16_t udp_len = get_be16(udp + 4);

	// A datagram over several segments is one that the port's mbufs are too small for.
	if (f->m->nb_segs != 1 || ip_len > f->len - f->l3 || udp_len + (f->l4 - f->l3) > ip_len)
		return DROP_FOR(OUTER_LENGTH);
	if (!udp_cksum_ok(f->m, ip, udp, udp_len, f->v6, f->port->l4_cksum_hw))
		return DROP_FOR(UDP_CKSUM);
	if (udp_len < UDP_LEN + AMT_LEN + IPV4_LEN)
		return DROP_FOR(AMT_SHORT);
	if (udp[UDP_LEN] != AMT_TYPE_DATA)
		return DROP_FOR(AMT_VERSION);
	if (!relay || get_be16(udp) != AMT_UDP_PORT)
		return DROP_FOR(NOT_RELAY);
	return classify_inner(w, f, udp_len);
}

// Anything but data is for the AMT engine or the kernel, which check it.
static bool is_data(const struct frame *f)
{
	const uint8_t *udp = f->p + f->l4;

	return f->len > f->l4 + UDP_LEN && get_be16(udp + 4) > UDP_LEN &&
	       (udp[UDP_LEN] & 0xf) == AMT_TYPE_DATA;
}

// IPv4 UDP to a local address of tunnels.
static struct class classify_tunnel4(const struct worker *w, const struct frame *f)
{
	const uint8_t *ip = f->p + f->l3;
	uint16_t frag = get_be16(ip + 6) & IPV4_FRAG_MASK;
	bool relay = false, none;

	if (frag & IPV4_OFFSET) {
		// No port to tell a tunnel by: it can be data when a relay sent it.
		if (!mfib_relay_possible(f->t->ep, get_raw32(ip + 12)))
			return PUNT_AS(PUNT_OTHER);
	} else {
		if (f->len < f->l4 + UDP_LEN)
			return PUNT_AS(PUNT_OTHER);
		relay = from_relay(f, &none);
		if (none)
			return PUNT_AS(punt_udp(f));
		if (!is_data(f))
			return (struct class){
				.verdict = VERDICT_PUNT, .punt = PUNT_AMT, .known = relay};
	}
	if (!outer_cksum_ok(f->m, ip, f->l4 - f->l3, f->port->ip_cksum_hw))
		return DROP_FOR(OUTER_CKSUM);
	if (frag && !w->reass)
		return DROP_FOR(OUTER_FRAGMENT);
	// A first one of somebody else must not take the place of one that is waited for.
	if (frag && !(frag & IPV4_OFFSET) && !relay)
		return DROP_FOR(NOT_RELAY);
	if (frag)
		return (struct class){.verdict = VERDICT_FRAGMENT};
	return classify_data(w, f, get_be16(ip + 2), relay);
}

static struct class classify_ipv4(const struct worker *w, struct frame *f, bool upstream)
{
	uint32_t dst;
	uint8_t proto;

	if (!find_ipv4_l4(f))
		return PUNT_AS(PUNT_OTHER);
	proto = f->p[f->l3 + 9];
	if (proto == PROTO_PIM)
		return PUNT_AS(PUNT_PIM);
	if (proto == PROTO_IGMP)
		return PUNT_AS(PUNT_MEMBERSHIP);
	if (proto != PROTO_UDP)
		return PUNT_AS(proto == PROTO_TCP && tcp_is_dns(f) ? PUNT_DNS : PUNT_OTHER);
	dst = get_raw32(f->p + f->l3 + 16);
	f->local = upstream && dst != 0 ? mfib_local_find4(f->t->ep, dst) : 0;
	if (f->local)
		return classify_tunnel4(w, f);
	if (get_be16(f->p + f->l3 + 6) & IPV4_OFFSET)
		return PUNT_AS(PUNT_OTHER);
	return PUNT_AS(punt_udp(f));
}

// Not UDP, or not for us.
static enum punt_class punt_ipv6(struct frame *f)
{
	uint8_t proto = f->p[f->l3 + 6];

	if (proto == PROTO_HOPOPTS) {
		if (f->len < f->l4 + ICMPV6_PAST_HOPOPTS)
			return PUNT_OTHER;
		proto = f->p[f->l4];
		f->l4 += ((size_t)f->p[f->l4 + 1] + 1) * 8;
	}
	if (proto == PROTO_PIM)
		return PUNT_PIM;
	if (proto == PROTO_UDP)
		return punt_udp(f);
	if (proto == PROTO_TCP && tcp_is_dns(f))
		return PUNT_DNS;
	if (proto == PROTO_ICMPV6 && f->len > f->l4) {
		uint8_t t = f->p[f->l4];

		// MLD (RFC 3810, 2710) and neighbour discovery (RFC 4861).
		if ((t >= 130 && t <= 132) || t == 143)
			return PUNT_MEMBERSHIP;
		return t >= 133 && t <= 137 ? PUNT_NEIGHBOR : PUNT_OTHER;
	}
	return PUNT_OTHER;
}

// IPv6 to a local address of tunnels. RFC 7450 section 5.3.3.6.3.2: a relay sends no fragments.
static struct class classify_tunnel6(const struct worker *w, struct frame *f)
{
	const uint8_t *ip = f->p + f->l3;
	bool relay = false, none;

	if (ip[6] == PROTO_FRAGMENT && f->len > f->l4 && f->p[f->l4] == PROTO_UDP &&
		mfib_relay_possible(f->t->ep, mfib_relay_fold6(ip + 8)))
		return DROP_FOR(OUTER_FRAGMENT);
	if (ip[6] != PROTO_UDP || f->len < f->l4 + UDP_LEN)
		return PUNT_AS(punt_ipv6(f));
	relay = from_relay(f, &none);
	if (none)
		return PUNT_AS(punt_udp(f));
	if (!is_data(f))
		return (struct class){.verdict = VERDICT_PUNT, .punt = PUNT_AMT, .known = relay};
	return classify_data(w, f, IPV6_LEN + (size_t)get_be16(ip + 4), relay);
}

static struct class classify_ipv6(const struct worker *w, struct frame *f, bool upstream)
{
	f->v6 = true;
	f->l4 = f->l3 + IPV6_LEN;
	if (f->len < f->l4 || f->p[f->l3] >> 4 != 6)
		return PUNT_AS(PUNT_OTHER);
	f->local = upstream ? mfib_local_find6(f->t->ep, f->p + f->l3 + 24) : 0;
	return f->local ? classify_tunnel6(w, f) : PUNT_AS(punt_ipv6(f));
}

// What is punted, when it is multicast from a downstream interface that is not for the kernel: not
// link-local, and no protocol that it or we speak.
static bool is_native(const struct frame *f, uint64_t *flow)
{
	const uint8_t *ip = f->p + f->l3;

	if (f->v6) {
		if (f->len < f->l3 + IPV6_LEN || ip[0] >> 4 != 6 || ip[24] != 0xff ||
			(ip[25] & 0xf) <= 2)
			return false;
		*flow = get_raw64(ip + 8) ^ get_raw64(ip + 16) ^ get_raw64(ip + 24) * 3 ^
			get_raw64(ip + 32) * 5;
		return true;
	}
	if (f->len < f->l3 + IPV4_LEN || ip[0] >> 4 != 4 || ip[16] >> 4 != 14 ||
		(ip[16] == 224 && ip[17] == 0 && ip[18] == 0))
		return false;
	*flow = get_raw64(ip + 12);
	return true;
}

struct class classify(const struct worker *w, const struct worker_port *port,
	const struct tables *t, const struct rte_mbuf *m)
{
	struct frame f = {.m = m, .port = port, .t = t};
	struct class c = PUNT_AS(PUNT_OTHER);
	bool ip = find_l3(&f);
	uint8_t ifindex = port_interface(port, f.tag);

	if (ifindex == WORKER_NO_IF)
		return DROP_FOR(VLAN);
	if (ip && f.type == ETHERTYPE_ARP)
		c.punt = PUNT_NEIGHBOR;
	else if (ip && f.type == ETHERTYPE_IPV4)
		c = classify_ipv4(w, &f, w->ifs[ifindex].upstream);
	else if (ip && f.type == ETHERTYPE_IPV6)
		c = classify_ipv6(w, &f, w->ifs[ifindex].upstream);
	if (c.verdict == VERDICT_PUNT && !punt_is_control(c.punt) && w->ifs[ifindex].downstream &&
		ip && (f.v6 || f.type == ETHERTYPE_IPV4) && is_native(&f, &c.flow)) {
		c.verdict = VERDICT_NATIVE;
		c.flow ^= (uint64_t)ifindex << 56;
	}
	c.ifindex = ifindex;
	c.l3 = (uint8_t)f.l3;
	return c;
}
