// SPDX-License-Identifier: BSD-3-Clause
// Checks and rewrite of a frame as the references do them. Internal to the references.
#ifndef BENCH_REF_FRAME_H
#define BENCH_REF_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#define REF_IP	  14
#define REF_UDP	  34
#define REF_INNER 44

static inline uint16_t ref_be16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return __builtin_bswap16(v);
}

static inline uint64_t ref_64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

static inline uint16_t ref_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

// 8 octets of the frame against a constant, where the mask says so (most significant: first octet).
static inline uint64_t ref_differs(const uint8_t *p, uint64_t want, uint64_t mask)
{
	return (ref_64(p) ^ __builtin_bswap64(want)) & __builtin_bswap64(mask);
}

// Everything but the tunnel and the channel: ethertype, versions, header lengths, no fragment, UDP
// from port 2268, AMT data, the three lengths, TTL, the inner checksum; the outer ones by the
// driver's word.
static inline bool ref_frame_ok(const struct rte_mbuf *m, const uint8_t *p)
{
	const uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	uint16_t ip_len = ref_be16(p + REF_IP + 2), udp_len = ref_be16(p + REF_UDP + 4);
	uint16_t inner_len = ref_be16(p + REF_INNER + 2);
	unsigned __int128 sum;

	if (ref_differs(p + 12, 0x0800450000000000, 0xffffff0000000000) |
		ref_differs(p + 20, 0x0000001100000000, 0x3fff00ff00000000) |
		ref_differs(p + 34, 0x08dc000000000000, 0xffff000000000000) |
		ref_differs(p + 42, 0x0600450000000000, 0xffffff0000000000))
		return false;
	if (ip_len + REF_IP > m->data_len || udp_len + 20 > ip_len || inner_len + 10 > udp_len ||
		inner_len < 20 || p[REF_INNER + 8] <= 1)
		return false;
	if ((m->ol_flags & good) != good)
		return false;
	sum = (unsigned __int128)ref_64(p + REF_INNER) + ref_64(p + REF_INNER + 8);
	sum += ref_64(p + REF_INNER + 12) & 0xffffffff00000000;
	return ref_fold(ref_fold((uint64_t)sum) + ref_fold((uint64_t)(sum >> 64))) == 0xffff;
}

// Off with the outer headers, TTL down, the group's MAC on.
static inline void ref_frame_rewrite(struct rte_mbuf *m, uint8_t *p)
{
	static const uint8_t mac[6] = {2, 0, 0, 1, 0, 1};
	uint8_t *eth = p + REF_INNER - 14, *ip = p + REF_INNER;
	uint16_t inner_len = ref_be16(ip + 2), sum;
	uint32_t s;

	memcpy(&sum, ip + 10, 2);
	s = (uint32_t)sum + rte_cpu_to_be_16(0x0100); // the TTL is the first octet of its word
	s = (s & 0xffff) + (s >> 16);
	sum = (uint16_t)s;
	memcpy(ip + 10, &sum, 2);
	ip[8]--;
	eth[0] = 0x01;
	eth[1] = 0x00;
	eth[2] = 0x5e;
	eth[3] = ip[17] & 0x7f;
	eth[4] = ip[18];
	eth[5] = ip[19];
	memcpy(eth + 6, mac, 6);
	eth[12] = 0x08;
	eth[13] = 0x00;
	m->data_off = (uint16_t)(m->data_off + REF_INNER - 14);
	m->data_len = (uint16_t)(inner_len + 14);
	m->pkt_len = m->data_len;
	m->ol_flags = 0;
}

#endif
