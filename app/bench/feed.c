// SPDX-License-Identifier: BSD-3-Clause
#include "bench/feed.h"

#include <assert.h>
#include <stdlib.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

static_assert(offsetof(struct rte_mbuf, ol_flags) == offsetof(struct rte_mbuf, rearm_data) + 8 &&
		      offsetof(struct rte_mbuf, rx_descriptor_fields1) ==
			      offsetof(struct rte_mbuf, rearm_data) + 16,
	"what a driver writes on receive lies together");

struct feed *feed_create(uint16_t payload)
{
	bool small = payload <= FEED_PAYLOAD_SMALL;
	struct feed *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->n = small ? FEED_MBUFS : FEED_MBUFS / 4;
	// Twice as many, because copies come from here too, and a cache holds some.
	f->pool = rte_pktmbuf_pool_create("feed", 2 * f->n - 1, 512, 0,
		RTE_PKTMBUF_HEADROOM + (small ? 256 : 2048), SOCKET_ID_ANY);
	if (!f->pool) {
		free(f);
		return NULL;
	}
	f->rng = rng_seeded(20261124);
	return f;
}

void feed_destroy(struct feed *f)
{
	if (!f)
		return;
	feed_empty(f);
	rte_mempool_free(f->pool);
	free(f);
}

void feed_empty(struct feed *f)
{
	if (f->filled)
		rte_pktmbuf_free_bulk(f->mbufs, f->n);
	f->filled = false;
}

uint32_t feed_tunnel(const struct feed_shape *s, uint32_t channel)
{
	return channel % s->tunnels;
}

struct sg feed_sg(uint32_t channel, uint32_t groups)
{
	return (struct sg){
		.s = addr_from_v4(rte_cpu_to_be_32(FEED_SOURCES + channel / FEED_PER_SOURCE)),
		.g = addr_from_v4(rte_cpu_to_be_32(groups + channel % FEED_PER_SOURCE))};
}

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static void put_ip(uint8_t *p, uint16_t len, uint8_t ttl, uint32_t src, uint32_t dst)
{
	memset(p, 0, 20);
	p[0] = 0x45;
	put16(p + 2, len);
	p[8] = ttl;
	p[9] = 17;
	put32(p + 12, src);
	put32(p + 16, dst);
	*(uint16_t *)(void *)(p + 10) = (uint16_t)~rte_raw_cksum(p, 20);
}

void feed_headers(uint8_t p[FEED_HEADERS], const struct feed_shape *s, uint32_t channel)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	uint32_t tunnel = feed_tunnel(s, channel);
	uint16_t inner = (uint16_t)(28 + s->payload);

	memcpy(p, macs, sizeof(macs));
	put16(p + 12, 0x0800);
	put_ip(p + 14, (uint16_t)(inner + 30), 60, FEED_RELAYS + tunnel, FEED_LOCAL);
	put16(p + 34, 2268);
	put16(p + 36, FEED_PORTS + tunnel);
	put16(p + 38, (unsigned int)inner + 10);
	put16(p + 40, 0x1234); // the driver has checked it
	p[42] = 6;
	p[43] = 0;
	put_ip(p + 44, inner, 30, FEED_SOURCES + channel / FEED_PER_SOURCE,
		(s->misses ? FEED_GROUPS_MISS : FEED_GROUPS) + channel % FEED_PER_SOURCE);
}

static void shuffle(struct feed *f)
{
	for (unsigned int i = f->n - 1; i > 0; i--) {
		unsigned int j = (unsigned int)rng_below(&f->rng, i + 1);
		struct rte_mbuf *m = f->mbufs[i];

		f->mbufs[i] = f->mbufs[j];
		f->mbufs[j] = m;
	}
}

static void image_make(struct feed *f, uint16_t len)
{
	struct rte_mbuf m = {.data_off = RTE_PKTMBUF_HEADROOM,
		.refcnt = 1,
		.nb_segs = 1,
		.ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD |
			    RTE_MBUF_F_RX_RSS_HASH,
		.packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_UDP,
		.pkt_len = len,
		.data_len = len};

	memcpy(f->image, &m.rearm_data, sizeof(f->image));
}

void feed_prepare(struct feed *f, const struct feed_shape *s)
{
	if (!f->filled) {
		if (rte_pktmbuf_alloc_bulk(f->pool, f->mbufs, f->n) != 0)
			abort(); // an mbuf was lost: no figure would be right
		shuffle(f);
		f->filled = true;
	}
	image_make(f, (uint16_t)(FEED_OVERHEAD + s->payload));
	for (unsigned int i = 0; i < f->n; i++) {
		uint8_t *p = (uint8_t *)f->mbufs[i]->buf_addr + RTE_PKTMBUF_HEADROOM;

		feed_headers(p, s, (uint32_t)rng_below(&f->rng, s->channels));
	}
}
