// SPDX-License-Identifier: BSD-3-Clause
// Checks and rewrite of a frame as the references do them. Internal to the references. outer6 and
// inner6 are constants where these functions are called, so that each mix has code of its own.
#ifndef BENCH_REF_FRAME_H
#define BENCH_REF_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#define REF_IP		   14
#define REF_UDP(outer6)	   (REF_IP + ((outer6) ? 40 : 20))
#define REF_INNER(outer6)  (REF_UDP(outer6) + 10)
#define REF_S(outer6, in6) (REF_INNER(outer6) + ((in6) ? 8 : 12))
#define REF_G(outer6, in6) (REF_INNER(outer6) + ((in6) ? 24 : 16))

static inline uint16_t ref_be16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return __builtin_bswap16(v);
}

static inline uint32_t ref_be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return __builtin_bswap32(v);
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

// The lines that the headers are in.
static inline void ref_prefetch(const struct rte_mbuf *m, bool outer6, bool inner6)
{
	rte_prefetch0(rte_pktmbuf_mtod(m, void *));
	if (outer6 || inner6)
		rte_prefetch0(rte_pktmbuf_mtod_offset(m, void *, 64));
}

// 8 octets of the frame against a constant, where the mask says so (most significant: first octet).
static inline uint64_t ref_differs(const uint8_t *p, uint64_t want, uint64_t mask)
{
	return (ref_64(p) ^ __builtin_bswap64(want)) & __builtin_bswap64(mask);
}

// Ethertype, version, header length, no fragment, UDP.
static inline uint64_t ref_outer_differs(const uint8_t *p, bool outer6)
{
	if (outer6)
		return ref_differs(p + 12, 0x86dd600000000000, 0xfffff00000000000) |
		       ref_differs(p + 20, 0x1100000000000000, 0xff00000000000000);
	return ref_differs(p + 12, 0x0800450000000000, 0xffffff0000000000) |
	       ref_differs(p + 20, 0x0000001100000000, 0x3fff00ff00000000);
}

static inline bool ref_inner_cksum_ok(const uint8_t *inner)
{
	unsigned __int128 sum = (unsigned __int128)ref_64(inner) + ref_64(inner + 8);

	sum += ref_64(inner + 12) & 0xffffffff00000000;
	return ref_fold(ref_fold((uint64_t)sum) + ref_fold((uint64_t)(sum >> 64))) == 0xffff;
}

// Everything but the tunnel and the channel: ethertype, versions, header lengths, no fragment, UDP
// from port 2268, AMT data, the three lengths, TTL, the inner checksum; the outer ones by the
// driver's word.
static inline bool ref_frame_ok(
	const struct rte_mbuf *m, const uint8_t *p, bool outer6, bool inner6)
{
	const uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	const uint8_t *udp = p + REF_UDP(outer6), *inner = p + REF_INNER(outer6);
	unsigned int ip_len = ref_be16(p + REF_IP + (outer6 ? 4 : 2)) + (outer6 ? 40 : 0);
	unsigned int inner_len = ref_be16(inner + (inner6 ? 4 : 2)) + (inner6 ? 40 : 0);
	unsigned int udp_len = ref_be16(udp + 4);

	if (ref_outer_differs(p, outer6) |
		ref_differs(udp, 0x08dc000000000000, 0xffff000000000000) |
		(inner6 ? ref_differs(udp + 8, 0x0600600000000000, 0xfffff00000000000)
			: ref_differs(udp + 8, 0x0600450000000000, 0xffffff0000000000)))
		return false;
	if (ip_len + REF_IP > m->data_len || udp_len + (outer6 ? 40 : 20) > ip_len ||
		inner_len + 10 > udp_len || inner_len < 20 || inner[inner6 ? 7 : 8] <= 1)
		return false;
	if ((m->ol_flags & good) != good)
		return false;
	return inner6 || ref_inner_cksum_ok(inner);
}

static inline void ref_ttl_down(uint8_t *ip, bool inner6)
{
	uint16_t sum;
	uint32_t s;

	if (inner6) {
		ip[7]--;
		return;
	}
	memcpy(&sum, ip + 10, 2);
	s = (uint32_t)sum + rte_cpu_to_be_16(0x0100); // the TTL is the first octet of its word
	s = (s & 0xffff) + (s >> 16);
	sum = (uint16_t)s;
	memcpy(ip + 10, &sum, 2);
	ip[8]--;
}

// Octets of the inner datagram.
static inline uint32_t ref_inner_len(const uint8_t *p, bool outer6, bool inner6)
{
	return ref_be16(p + REF_INNER(outer6) + (inner6 ? 4 : 2)) + (inner6 ? 40u : 0u);
}

// Off with the outer headers, TTL down, the group's MAC on.
static inline void ref_frame_rewrite(struct rte_mbuf *m, uint8_t *p, bool outer6, bool inner6)
{
	static const uint8_t mac[6] = {2, 0, 0, 1, 0, 1};
	uint8_t *ip = p + REF_INNER(outer6), *eth = ip - 14;
	uint32_t inner_len = ref_inner_len(p, outer6, inner6);

	ref_ttl_down(ip, inner6);
	if (inner6) {
		eth[0] = 0x33;
		eth[1] = 0x33;
		memcpy(eth + 2, ip + 36, 4);
	} else {
		eth[0] = 0x01;
		eth[1] = 0x00;
		eth[2] = 0x5e;
		eth[3] = ip[17] & 0x7f;
		eth[4] = ip[18];
		eth[5] = ip[19];
	}
	memcpy(eth + 6, mac, 6);
	eth[12] = inner6 ? 0x86 : 0x08;
	eth[13] = inner6 ? 0xdd : 0x00;
	m->data_off = (uint16_t)(m->data_off + REF_INNER(outer6) - 14);
	m->data_len = (uint16_t)(inner_len + 14);
	m->pkt_len = m->data_len;
	m->ol_flags = 0;
}

#endif
