// SPDX-License-Identifier: BSD-3-Clause
#include "bench/feed.h"

#include <assert.h>
#include <stdlib.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "bench/replay.h"

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

static void shuffle(struct feed *f)
{
	for (unsigned int i = f->n - 1; i > 0; i--) {
		unsigned int j = (unsigned int)rng_below(&f->rng, i + 1);
		struct rte_mbuf *m = f->mbufs[i];

		f->mbufs[i] = f->mbufs[j];
		f->mbufs[j] = m;
	}
}

static void image_make(uint8_t image[32], bool software, bool outer6, size_t len)
{
	struct rte_mbuf m = {.data_off = RTE_PKTMBUF_HEADROOM,
		.refcnt = 1,
		.nb_segs = 1,
		.ol_flags = RTE_MBUF_F_RX_RSS_HASH,
		.packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L4_UDP |
			       (outer6 ? RTE_PTYPE_L3_IPV6 : RTE_PTYPE_L3_IPV4),
		.pkt_len = (uint32_t)len,
		.data_len = (uint16_t)len};

	if (!software)
		m.ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	memcpy(image, &m.rearm_data, 32);
}

// The outer UDP checksum of a frame whose octets all count.
static void udp_cksum(uint8_t *p, const struct feed_shape *s, bool outer6)
{
	uint8_t *ip = p + (s->tagged ? 18 : 14);
	uint16_t sum;

	memset(ip + feed_outer_len(outer6) + 6, 0, 2);
	sum = outer6 ? rte_ipv6_udptcp_cksum((struct rte_ipv6_hdr *)(void *)ip, ip + 40)
		     : rte_ipv4_udptcp_cksum((struct rte_ipv4_hdr *)(void *)ip, ip + 20);
	memcpy(ip + feed_outer_len(outer6) + 6, &sum, 2);
}

// One frame; returns its length. number: NULL, or the last one given out.
static size_t frame_make(
	uint8_t *p, const struct feed_shape *s, uint32_t channel, uint32_t random, uint32_t *number)
{
	size_t headers = feed_headers(p, s, channel, random);
	uint8_t *payload = p + headers + FEED_INNER_UDP;

	if (s->software || s->whole || number)
		memset(p + headers, 0, FEED_INNER_UDP + (size_t)s->payload);
	if (number) {
		++*number;
		memcpy(payload, &channel, 4);
		memcpy(payload + 4, number, 4);
	}
	if (s->software)
		udp_cksum(p, s, feed_outer6(s, feed_tunnel(s, channel)));
	return headers + FEED_INNER_UDP + s->payload;
}

static void fill(struct feed *f)
{
	if (f->filled)
		return;
	if (rte_pktmbuf_alloc_bulk(f->pool, f->mbufs, f->n) != 0)
		abort(); // an mbuf was lost: no figure would be right
	shuffle(f);
	f->filled = true;
}

static uint8_t *data_of(struct feed *f, unsigned int i)
{
	return (uint8_t *)f->mbufs[i]->buf_addr + RTE_PKTMBUF_HEADROOM;
}

static void prepare_replay(struct feed *f, const struct replay *r)
{
	f->varied = true;
	f->forwarded = 0;
	for (unsigned int i = 0; i < f->n; i++) {
		const struct replay_frame *frame = &r->frames[i % r->n_frames];

		memcpy(data_of(f, i), frame->p, frame->len);
		image_make(f->images[i], true, false, frame->len);
		f->forwarded += frame->forwarded;
	}
}

static void prepare(struct feed *f, const struct feed_shape *s, uint32_t *number)
{
	bool outer6;
	size_t len = 0;

	fill(f);
	if (s->replay) {
		prepare_replay(f, s->replay);
		return;
	}
	if (f->popularity.n != s->channels || f->popularity.s != s->zipf)
		popularity_init(&f->popularity, s->channels, s->zipf);
	f->varied = s->family == FEED_MIXED;
	f->forwarded = f->n;
	for (unsigned int i = 0; i < f->n; i++) {
		uint32_t channel = popularity_draw(&f->popularity, &f->rng);
		uint32_t random = s->traffic == FEED_HITS ? 0 : rng_u32(&f->rng);

		len = frame_make(data_of(f, i), s, channel, random, number);
		outer6 = feed_outer6(s, feed_tunnel(s, channel));
		if (f->varied)
			image_make(f->images[i], s->software, outer6, len);
		else if (i == 0)
			image_make(f->image, s->software, outer6, len);
	}
}

void feed_prepare(struct feed *f, const struct feed_shape *s)
{
	prepare(f, s, NULL);
}

void feed_prepare_numbered(struct feed *f, const struct feed_shape *s)
{
	prepare(f, s, &f->number);
}
