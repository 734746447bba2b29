// SPDX-License-Identifier: BSD-3-Clause
#include "bench/check.h"

#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "bench/oracle.h"
#include "bench/sink.h"

struct checked {
	uint8_t p[FEED_MAX_FRAME];
	size_t len;
	struct oracle want;
};

struct checker {
	struct check *result;
	struct product *product;
	unsigned int next[SINK_PORTS]; // by port: the frame of the burst that is looked at next
	struct checked burst[BENCH_BURST];
};

static void put_cksum(uint8_t *at, uint16_t sum)
{
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
}

static void fix_ip(uint8_t *ip)
{
	put_cksum(ip + 10, 0);
	put_cksum(ip + 10, oracle_cksum(ip, (size_t)(ip[0] & 0xf) * 4, 0));
}

static void fix_udp(uint8_t *ip)
{
	size_t len = (size_t)ip[24] << 8 | ip[25];

	put_cksum(ip + 26, oracle_udp_cksum(ip, ip + 20, len));
}

// A VLAN tag in front, for frames that may have one.
static void tag(struct checked *c)
{
	memmove(c->p + 16, c->p + 12, c->len - 12);
	memcpy(c->p + 12, (uint8_t[]){0x81, 0x00, 0x00, 0x07}, 4);
	c->len += 4;
}

enum damage {
	D_NONE_FIRST, // three quarters are as the feed's
	D_MISS = 24,
	D_RELAY,
	D_PORT,
	D_VERSION,
	D_UDP_ZERO,
	D_UDP_BAD,
	D_IP_BAD,
	D_FRAGMENT,
	D_OUTER_LENGTH,
	D_OTHER_TUNNEL,
	D_INNER_BAD,
	D_INNER_SHORT,
	D_INNER_LONG,
	D_TTL,
	D_ECN,
	D_PAD,
	D_TAG,
	D_RANDOM, // any header octet
	D_COUNT
};

static void damage_outer(struct checked *c, enum damage d, uint32_t r)
{
	uint8_t *ip = c->p + 14, *udp = c->p + 34;

	switch (d) {
	case D_RELAY:
		ip[12 + r % 4]++;
		break;
	case D_PORT:
		udp[0] ^= 1;
		break;
	case D_VERSION:
		udp[8] |= 0x10;
		break;
	case D_OTHER_TUNNEL: // the right channel out of the wrong tunnel
		udp[3]++;
		break;
	case D_FRAGMENT:
		ip[6] = 0x20;
		break;
	case D_OUTER_LENGTH:
		ip[3]++;
		udp[5]++;
		break;
	default:
		return;
	}
	fix_ip(ip);
	if (d != D_OUTER_LENGTH)
		fix_udp(ip);
}

static void damage_inner(struct checked *c, enum damage d, uint32_t r)
{
	uint8_t *inner = c->p + 44;

	switch (d) {
	case D_MISS:
		inner[17] ^= 4;
		break;
	case D_INNER_SHORT:
		inner[2] = 0;
		inner[3] = 20;
		break;
	case D_INNER_LONG:
		inner[3]++;
		break;
	case D_TTL:
		inner[8] = r % 3;
		break;
	case D_ECN:
		c->p[15] = r % 4;
		inner[1] = (uint8_t)(r >> 8);
		fix_ip(c->p + 14);
		break;
	default:
		return;
	}
	fix_ip(inner);
	fix_udp(c->p + 14);
}

static void frame_make(struct checked *c, const struct feed_shape *s, struct rng *rng)
{
	uint32_t channel = (uint32_t)rng_below(rng, s->channels), r = rng_u32(rng);
	enum damage d = (enum damage)rng_below(rng, D_COUNT);
	uint8_t *udp = c->p + 64;

	feed_headers(c->p, s, channel);
	c->len = FEED_OVERHEAD + (size_t)s->payload;
	rng_bytes(rng, udp, c->len - FEED_HEADERS);
	fix_udp(c->p + 14);
	damage_outer(c, d, r);
	damage_inner(c, d, r);
	if (d == D_UDP_ZERO)
		put_cksum(c->p + 40, 0);
	else if (d == D_UDP_BAD)
		c->p[40]++;
	else if (d == D_IP_BAD)
		c->p[24]++;
	else if (d == D_INNER_BAD)
		c->p[54]++;
	else if (d == D_PAD)
		c->len += 1 + r % 40;
	else if (d == D_TAG)
		tag(c);
	else if (d == D_RANDOM)
		c->p[14 + r % 50] ^= (uint8_t)(1u << (r >> 8) % 8);
	oracle_read(c->p, c->len, s, &c->want);
}

static struct rte_mbuf *mbuf_make(struct feed *f, const struct checked *c, bool driver_speaks)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(f->pool);

	if (!m)
		abort();
	memcpy(rte_pktmbuf_append(m, (uint16_t)c->len), c->p, c->len);
	if (driver_speaks) {
		m->ol_flags = c->want.ip_cksum_good ? RTE_MBUF_F_RX_IP_CKSUM_GOOD
						    : RTE_MBUF_F_RX_IP_CKSUM_BAD;
		m->ol_flags |= c->want.udp_cksum_good ? RTE_MBUF_F_RX_L4_CKSUM_GOOD
						      : RTE_MBUF_F_RX_L4_CKSUM_BAD;
	}
	return m;
}

static bool same(const struct rte_mbuf *m, const struct oracle *want, const uint8_t *mac)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

	return m->nb_segs == 1 && m->data_len == want->len && m->pkt_len == want->len &&
	       memcmp(p, want->frame, 6) == 0 && memcmp(p + 6, mac, 6) == 0 &&
	       memcmp(p + 12, want->frame + 12, want->len - 12) == 0;
}

static void look_cb(void *arg, unsigned int port, struct rte_mbuf **m, unsigned int n)
{
	const uint8_t *mac;
	struct checker *c = arg;
	unsigned int *next = &c->next[port];

	mac = c->product->worker->ifs[port].mac;
	for (unsigned int i = 0; i < n; i++) {
		while (*next < BENCH_BURST && c->burst[*next].want.verdict != ORACLE_FORWARD)
			(*next)++;
		if (*next == BENCH_BURST || !same(m[i], &c->burst[(*next)++].want, mac))
			c->result->wrong++;
	}
	rte_pktmbuf_free_bulk(m, n);
}

// Punted frames come up unchanged.
static void look_at_punted(struct checker *c)
{
	unsigned int n, next = 0;
	struct rte_mbuf *m[BENCH_BURST];

	while ((n = crossing_punt_dequeue(c->product->crossing, m, BENCH_BURST)) > 0) {
		for (unsigned int i = 0; i < n; i++) {
			// Two classes, each in order: a frame is looked for from the start.
			for (next = 0; next < BENCH_BURST; next++) {
				struct checked *k = &c->burst[next];

				if (k->want.verdict == ORACLE_PUNT && k->len == m[i]->data_len &&
					memcmp(rte_pktmbuf_mtod(m[i], void *), k->p, k->len) == 0)
					break;
			}
			if (next == BENCH_BURST)
				c->result->wrong++;
			else
				c->burst[next].len = 0; // seen
		}
		rte_pktmbuf_free_bulk(m, n);
	}
	for (unsigned int i = 0; i < BENCH_BURST; i++) {
		if (c->burst[i].want.verdict == ORACLE_PUNT && c->burst[i].len != 0)
			c->result->wrong++;
	}
}

static void look_at_drops(struct checker *c, const uint64_t before[DROP_COUNT])
{
	for (int reason = 0; reason < DROP_COUNT; reason++) {
		uint64_t want = 0, is;

		is = crossing_drop(c->product->crossing, (enum drop_reason)reason) - before[reason];
		for (unsigned int i = 0; i < BENCH_BURST; i++)
			want += c->burst[i].want.verdict == ORACLE_DROP &&
				c->burst[i].want.reason == (enum drop_reason)reason;
		c->result->wrong += is > want ? is - want : want - is;
	}
}

static void check_burst(struct checker *c, const struct lane *l, const struct feed_shape *joined,
	unsigned int fanout, struct feed *f)
{
	bool driver_speaks = rng_below(&f->rng, 2);
	struct rte_mbuf *m[BENCH_BURST];
	uint64_t before[DROP_COUNT];

	for (unsigned int i = 0; i < BENCH_BURST; i++) {
		frame_make(&c->burst[i], joined, &f->rng);
		m[i] = mbuf_make(f, &c->burst[i], driver_speaks);
	}
	for (int i = 0; i < DROP_COUNT; i++)
		before[i] = crossing_drop(c->product->crossing, (enum drop_reason)i);
	memset(c->next, 0, sizeof(c->next));
	l->burst_cb(l->state, m, BENCH_BURST);
	for (unsigned int port = 1; port <= fanout; port++) {
		for (; c->next[port] < BENCH_BURST; c->next[port]++)
			c->result->wrong += c->burst[c->next[port]].want.verdict == ORACLE_FORWARD;
	}
	look_at_punted(c);
	look_at_drops(c, before);
	c->result->checked += BENCH_BURST;
}

void check_run(const struct lane *l, struct product *p, const struct feed_shape *joined,
	unsigned int fanout, struct feed *f, struct check *out)
{
	struct checker *c = calloc(1, sizeof(*c));

	*out = (struct check){0};
	if (!c)
		abort();
	c->result = out;
	c->product = p;
	sink_call(look_cb, c);
	if (l->begin_cb)
		l->begin_cb(l->state);
	for (unsigned int i = 0; i < CHECK_BURSTS; i++)
		check_burst(c, l, joined, fanout, f);
	if (l->end_cb)
		l->end_cb(l->state);
	free(c);
}
