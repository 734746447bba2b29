// SPDX-License-Identifier: BSD-3-Clause
// The way out: outer headers off, a native Ethernet header on, a frame for every interface.
// Internal to fastpath.
#ifndef FASTPATH_EMIT_H
#define FASTPATH_EMIT_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>
#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

#include "crossing/crossing.h"
#include "fastpath/headers.h"
#include "fastpath/worker.h"

// Lowers the TTL, which is above 1, sets the ECN field and updates the checksum of an IPv4 header
// (RFC 1624, eqn. 3). The sum that is complemented is never 0, because the new TTL is not 255: so a
// computed 0xffff, which is not what a sum over the whole header gives, cannot come out. In words
// throughout: a load of a word whose octet was just stored would wait for the store.
static inline void ipv4_forward(uint8_t *ip, uint8_t ecn)
{
	uint32_t first = get_raw16(ip), ttl_cksum = get_raw32(ip + 8), sum;
	uint32_t with_ecn = (first & RTE_BE16(0xfffc)) | (uint32_t)RTE_BE16(0x0001) * ecn;

	// The word with the TTL: its complement and its new value, which is one octet less.
	sum = 0xffff - RTE_BE16(0x0100);
	sum += (uint16_t) ~(ttl_cksum >> 16);
	sum += (uint16_t)~first + with_ecn;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put_raw16(ip, (uint16_t)with_ecn);
	put_raw32(
		ip + 8, ((ttl_cksum - RTE_BE16(0x0100)) & 0xffff) | (uint32_t)(uint16_t)~sum << 16);
}

// The same where the ECN field stays. In memory order the TTL is the low octet of its word: the sum
// rises by what the TTL falls. 0xffff does not come out here either.
static inline void ipv4_lower_ttl(uint8_t *ip)
{
	uint32_t v = get_raw32(ip + 8);

#if RTE_BYTE_ORDER == RTE_LITTLE_ENDIAN
	// Minus one in the TTL, plus one in the checksum, of which 0xfffe becomes 0, 0xffff 1.
	v += 0xffff + (v >= 0xfffe0000 ? 0x10000 : 0);
	put_raw32(ip + 8, v);
#else
	(void)v;
	ipv4_forward(ip, ip[1] & ECN_MASK);
#endif
}

static inline void ipv6_forward(uint8_t *ip, uint8_t ecn)
{
	ip[1] = (uint8_t)((ip[1] & ~(ECN_MASK << IPV6_ECN_SHIFT)) | ecn << IPV6_ECN_SHIFT);
	ip[7]--;
}

static inline uint8_t ttl_of(const uint8_t *ip, bool v6)
{
	return ip[v6 ? 7 : 8];
}

// A hop less where the ECN field stays; the TTL is above 1.
static inline void ttl_lower(uint8_t *ip, bool v6)
{
	if (v6)
		ip[7]--;
	else
		ipv4_lower_ttl(ip);
}

// The Ethernet destination of a group as the low 48 bits of a word in memory order: RFC 1112
// section 6.4, RFC 2464 section 7. ip: the datagram's header.
static inline uint64_t group_mac(const uint8_t *ip, bool v6)
{
	if (v6)
		return 0x3333 | (uint64_t)get_raw32(ip + 36) << 16;
	return 0x5e0001 | ((uint64_t)get_raw32(ip + 16) & 0xffff7f00) << 16;
}

// Makes m a frame of len octets that begins `by` octets further. What the receive side said of the
// outer headers does not hold any more. Few stores: they are what a burst waits for in the end.
// more: users besides us, of an mbuf that we alone had.
static inline void frame_move(struct rte_mbuf *m, int by, unsigned int more, uint64_t len)
{
	const uint64_t keep = RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
	uint64_t lens = len | len << 32; // pkt_len, data_len, vlan_tci

#if defined(__SSE4_1__) && RTE_BYTE_ORDER == RTE_LITTLE_ENDIAN
	// data_off and what must stay; ol_flags.
	__m128i *rearm = (__m128i *)(void *)&m->rearm_data, v = _mm_load_si128(rearm);

	static_assert(
		offsetof(struct rte_mbuf, ol_flags) == offsetof(struct rte_mbuf, rearm_data) + 8 &&
			offsetof(struct rte_mbuf, data_off) ==
				offsetof(struct rte_mbuf, rearm_data) &&
			offsetof(struct rte_mbuf, refcnt) ==
				offsetof(struct rte_mbuf, rearm_data) + 2 &&
			offsetof(struct rte_mbuf, data_len) ==
				offsetof(struct rte_mbuf, pkt_len) + 4 &&
			offsetof(struct rte_mbuf, vlan_tci) ==
				offsetof(struct rte_mbuf, pkt_len) + 6,
		"fields that are stored together");
	v = _mm_add_epi16(v, _mm_set_epi64x(0, (uint32_t)(uint16_t)by | more << 16));
	_mm_store_si128(rearm, _mm_and_si128(v, _mm_set_epi64x((long long)keep, -1)));
	memcpy(&m->pkt_len, &lens, sizeof(lens));
#else
	m->data_off = (uint16_t)(m->data_off + by);
	if (more)
		rte_mbuf_refcnt_update(m, (int16_t)more);
	m->ol_flags &= keep;
	m->pkt_len = (uint32_t)len;
	m->data_len = (uint16_t)len;
	(void)lens;
#endif
}

// len: octets of the frame.
static inline void tx_put(struct worker_tx *tx, struct rte_mbuf *m, unsigned int len)
{
	tx->mbufs[tx->n++] = m;
	tx->bytes += len;
}

// emit() to several interfaces, to one with a VLAN tag, or of a datagram too large for one.
void emit_many(struct worker *w, struct rte_mbuf *m, uint8_t *ip, unsigned int len, bool v6,
	uint64_t oifs);

// The queue of the first interface of a set that is not empty.
static __rte_always_inline struct worker_tx *emit_tx(struct worker *w, uint64_t oifs)
{
	struct worker_tx *tx = &w->tx[(size_t)__builtin_ctzll(oifs)];

	// Else its address is computed again for each field.
	__asm__("" : "+r"(tx));
	return tx;
}

// Makes m the frame of a datagram to an interface without a tag, which it fits. tail: as
// worker_tx.l2_tail. more: users of the frame besides one.
static __rte_always_inline void emit_frame(struct rte_mbuf *m, uint8_t *ip, unsigned int offset,
	size_t len, bool v6, unsigned int more, uint64_t tail)
{
	put_raw64(ip - ETH_LEN, group_mac(ip, v6));
	put_raw64(ip - ETH_LEN + 6, tail);
	frame_move(m, (int)offset - ETH_LEN, more, len + ETH_LEN);
}

// Queues the datagram at ip, in m, of one segment and ours alone, on every interface of oifs; takes
// m over. In front of ip there is room for an Ethernet header with a tag. offset: of ip from the
// frame's begin. oifs is not empty. tx: emit_tx() of it.
static __rte_always_inline void emit(struct worker *w, struct rte_mbuf *m, uint8_t *ip,
	unsigned int offset, unsigned int len, bool v6, uint64_t oifs, struct worker_tx *tx)
{
	if (unlikely(oifs & (oifs - 1)) ||
		unlikely(len > __atomic_load_n(&tx->plain_mtu, __ATOMIC_RELAXED))) {
		emit_many(w, m, ip, len, v6, oifs);
		return;
	}
	emit_frame(m, ip, offset, len, v6, 0, tx->l2_tail[v6]);
	tx_put(tx, m, len + ETH_LEN);
}

// Hands what is queued for an interface to its driver; what that does not take is dropped.
void emit_flush(struct worker *w, unsigned int ifindex);

#endif
