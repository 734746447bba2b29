// SPDX-License-Identifier: BSD-3-Clause
// The way out: outer headers off, the native Ethernet header on, a copy for every interface.
// Internal to fastpath.
#ifndef FASTPATH_EMIT_H
#define FASTPATH_EMIT_H

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

// Makes m the native frame of the datagram at offset `inner`, without a source MAC yet. m has one
// segment, and at least an Ethernet header's room in front of the datagram.
static inline void decap(struct rte_mbuf *m, uint16_t inner, uint16_t inner_len, uint8_t ecn)
{
	uint8_t *eth = rte_pktmbuf_mtod(m, uint8_t *) + inner - ETH_LEN;
	const uint8_t *g = eth + ETH_LEN + 16;

	ipv4_forward(eth + ETH_LEN, ecn);
	m->data_off = (uint16_t)(m->data_off + inner - ETH_LEN);
	m->data_len = (uint16_t)(inner_len + ETH_LEN);
	m->pkt_len = m->data_len;
	// What the receive side said of the outer headers does not hold any more.
	m->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
	// RFC 1112 section 6.4.
	eth[0] = 0x01;
	eth[1] = 0x00;
	eth[2] = 0x5e;
	eth[3] = g[1] & 0x7f;
	eth[4] = g[2];
	eth[5] = g[3];
	eth[12] = ETHERTYPE_IPV4 >> 8;
	eth[13] = ETHERTYPE_IPV4 & 0xff;
}

// Queues m, a frame that decap() made, on every interface of oifs; takes m over.
void emit(struct worker *w, struct rte_mbuf *m, uint32_t oifs);

// Hands what is queued for an interface to its driver; what that does not take is dropped.
void emit_flush(struct worker *w, unsigned int ifindex);

#endif
