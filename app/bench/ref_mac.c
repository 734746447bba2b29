// SPDX-License-Identifier: BSD-3-Clause
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "bench/ref.h"

void ref_io_burst(void *state, struct rte_mbuf **m, unsigned int n)
{
	(void)state;
	rte_eth_tx_burst(REF_PORT, 0, m, (uint16_t)n);
}

void ref_io_ports_burst(void *state, struct rte_mbuf **m, unsigned int n)
{
	const unsigned int *ports = state;

	for (unsigned int i = 0; i < n; i++)
		rte_mbuf_refcnt_set(m[i], (uint16_t)*ports);
	for (unsigned int p = 0; p < *ports; p++)
		rte_eth_tx_burst((uint16_t)(REF_PORT + p), 0, m, (uint16_t)n);
}

static inline void swap(struct rte_mbuf *m)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	uint64_t d, s; // 8 octets each, of which 6 count

	memcpy(&d, p, 8);
	memcpy(&s, p + 4, 8);
	s >>= 16;
	memcpy(p, &s, 6);
	memcpy(p + 6, &d, 6);
}

void ref_macswap_lite_burst(void *state, struct rte_mbuf **m, unsigned int n)
{
	(void)state;
	for (unsigned int i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (unsigned int i = 0; i < n; i++)
		swap(m[i]);
	rte_eth_tx_burst(REF_PORT, 0, m, (uint16_t)n);
}

void ref_macswap_burst(void *state, struct rte_mbuf **m, unsigned int n)
{
	(void)state;
	for (unsigned int i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (unsigned int i = 0; i < n; i++) {
		swap(m[i]);
		m[i]->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
		m[i]->l2_len = sizeof(struct rte_ether_hdr);
		m[i]->l3_len = sizeof(struct rte_ipv4_hdr);
	}
	rte_eth_tx_burst(REF_PORT, 0, m, (uint16_t)n);
}
