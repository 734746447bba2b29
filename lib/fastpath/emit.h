// SPDX-License-Identifier: BSD-3-Clause
// The way out: outer headers off, a native Ethernet header on, a frame for every interface.
// Internal to fastpath.
#ifndef FASTPATH_EMIT_H
#define FASTPATH_EMIT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "fastpath/headers.h"
#include "fastpath/worker.h"

// Lowers the TTL, sets the ECN field and updates the checksum of an IPv4 header (RFC 1624, eqn. 3).
// The sum that is complemented is never 0, because the new TTL is not 255: so a computed 0xffff,
// which is not what a sum over the whole header gives, cannot come out.
static inline void ipv4_forward(uint8_t *ip, uint8_t ecn)
{
	uint32_t sum = (uint16_t)~get_raw16(ip + 10);

	sum += (uint16_t)~get_raw16(ip) + (uint32_t)(uint16_t)~get_raw16(ip + 8);
	ip[1] = (uint8_t)((ip[1] & ~ECN_MASK) | ecn);
	ip[8]--;
	sum += get_raw16(ip) + (uint32_t)get_raw16(ip + 8);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put_raw16(ip + 10, (uint16_t)~sum);
}

static inline void ipv6_forward(uint8_t *ip, uint8_t ecn)
{
	ip[1] = (uint8_t)((ip[1] & ~(ECN_MASK << IPV6_ECN_SHIFT)) | ecn << IPV6_ECN_SHIFT);
	ip[7]--;
}

// The Ethernet destination of a group as the low 48 bits of a word in memory order: RFC 1112
// section 6.4, RFC 2464 section 7. ip: the datagram's header.
static inline uint64_t group_mac(const uint8_t *ip, bool v6)
{
	if (v6)
		return 0x3333 | (uint64_t)get_raw32(ip + 36) << 16;
	return 0x5e0001 | ((uint64_t)get_raw32(ip + 16) & 0xffff7f00) << 16;
}

// What a frame to one interface is made of, apart from the datagram.
struct native {
	uint64_t mac; // group_mac()
	uint16_t len; // octets of the datagram
	bool v6;
};

// Writes an interface's Ethernet header in front of a datagram; there is room for l2_len octets.
static inline void l2_write(const struct worker_if *f, uint8_t *ip, const struct native *n)
{
	uint16_t type = n->v6 ? RTE_BE16(ETHERTYPE_IPV6) : RTE_BE16(ETHERTYPE_IPV4);
	uint8_t *eth = ip - f->l2_len;

	put_raw64(eth, get_raw64(f->l2) | n->mac);
	put_raw32(eth + 8, get_raw32(f->l2 + 8));
	if (unlikely(f->l2_len != ETH_LEN))
		put_raw32(eth + 12, get_raw32(f->l2 + 12));
	put_raw16(ip - 2, type);
}

// Makes m begin with the interface's Ethernet header in front of the datagram at ip.
static inline void frame_set(
	struct rte_mbuf *m, const struct worker_if *f, const uint8_t *ip, const struct native *n)
{
	uint32_t len = (uint32_t)n->len + f->l2_len;

	m->data_off = (uint16_t)(ip - f->l2_len - (const uint8_t *)m->buf_addr);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	// What the receive side said of the outer headers does not hold any more.
	m->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
}

static inline void tx_put(struct worker *w, unsigned int ifindex, struct rte_mbuf *m)
{
	struct worker_tx *tx = &w->tx[ifindex];

	tx->mbufs[tx->n++] = m;
	tx->bytes += m->pkt_len;
}

// All but the common case of emit(): several interfaces, or a datagram too large for one.
void emit_many(
	struct worker *w, struct rte_mbuf *m, uint8_t *ip, const struct native *n, uint64_t oifs);

// Queues the datagram at ip, in m, of one segment, on every interface of oifs; takes m over. In
// front of ip there is room for any l2_len. oifs is not empty.
static inline void emit(
	struct worker *w, struct rte_mbuf *m, uint8_t *ip, uint16_t len, bool v6, uint64_t oifs)
{
	struct native n = {.mac = group_mac(ip, v6), .len = len, .v6 = v6};
	unsigned int i = (unsigned int)__builtin_ctzll(oifs);
	const struct worker_if *f = &w->ifs[i];

	w->tx_pending |= oifs;
	if (unlikely(oifs & (oifs - 1)) ||
		unlikely(len > __atomic_load_n(&f->mtu, __ATOMIC_RELAXED))) {
		emit_many(w, m, ip, &n, oifs);
		return;
	}
	l2_write(f, ip, &n);
	frame_set(m, f, ip, &n);
	tx_put(w, i, m);
}

// Hands what is queued for an interface to its driver; what that does not take is dropped.
void emit_flush(struct worker *w, unsigned int ifindex);

#endif
