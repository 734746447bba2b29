// SPDX-License-Identifier: BSD-3-Clause
#include "fragments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#define POOL_MBUFS 1023
#define TIMEOUT_MS 200
#define ID	   0x1234
// What a first fragment's mbuf says, and the others' do not.
#define PORT	5
#define VLAN	77
#define RX_VLAN (RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED)

static void require(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "fragments: %s\n", what);
		abort();
	}
}
#define REQUIRE(x) require((x), #x)

void fragments_setup(struct fragments *t, unsigned int datagrams, unsigned int room)
{
	const struct reass_cfg cfg = {
		.datagrams = datagrams, .timeout_ms = TIMEOUT_MS, .socket = SOCKET_ID_ANY};
	char name[32];

	memset(t, 0, sizeof(*t));
	snprintf(name, sizeof(name), "fragments%u", room);
	t->pool = rte_pktmbuf_pool_create(
		name, POOL_MBUFS, 0, 0, (uint16_t)(RTE_PKTMBUF_HEADROOM + room), SOCKET_ID_ANY);
	REQUIRE(t->pool);
	t->r = reass_create(&cfg);
	REQUIRE(t->r);
	t->now = 1000;
	t->timeout = rte_get_tsc_hz() / 1000 * TIMEOUT_MS;
}

unsigned int fragments_mbufs(const struct fragments *t)
{
	return rte_mempool_in_use_count(t->pool);
}

uint64_t fragments_dropped(const struct fragments *t)
{
	uint64_t sum = 0;

	for (int i = 0; i < DROP_COUNT; i++)
		sum += t->drops[i];
	return sum;
}

void fragments_teardown(struct fragments *t)
{
	reass_destroy(t->r);
	REQUIRE(fragments_mbufs(t) == 0);
	rte_mempool_free(t->pool);
}

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned int get16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

static void ip_checksum(uint8_t *ip, unsigned int ip_len)
{
	uint16_t sum;

	memset(ip + 10, 0, 2);
	sum = (uint16_t)~rte_raw_cksum(ip, ip_len);
	memcpy(ip + 10, &sum, 2);
}

// Ethernet, a tag when there is room for it, and an IP header with no-operation options.
static void headers(uint8_t *frame, unsigned int l3, unsigned int ip_len)
{
	static const uint8_t eth[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 7, 8, 0};
	static const uint8_t addrs[] = {203, 0, 113, 15, 198, 51, 100, 10};
	uint8_t *ip = frame + l3;

	memcpy(frame, eth, 18);
	put16(frame + l3 - 2, 0x0800);
	memset(ip, 0, 20);
	memset(ip + 20, 1, ip_len - 20);
	ip[0] = (uint8_t)(0x40 | ip_len / 4);
	put16(ip + 4, ID);
	ip[8] = 61;
	ip[9] = 17;
	memcpy(ip + 12, addrs, 8);
}

void datagram_make(struct datagram *d, struct rng *rng, unsigned int l3, unsigned int ip_len,
	unsigned int payload)
{
	uint8_t *ip = d->frame + l3, *udp = ip + ip_len;
	uint16_t sum;

	REQUIRE(l3 + ip_len + payload <= DATAGRAM_MAX);
	d->l3 = l3;
	d->ip_len = ip_len;
	d->payload = payload;
	headers(d->frame, l3, ip_len);
	put16(ip + 2, ip_len + payload);
	ip_checksum(ip, ip_len);
	rng_bytes(rng, udp, payload);
	if (payload < 8)
		return;
	put16(udp, 2268);
	put16(udp + 4, payload);
	memset(udp + 6, 0, 2);
	sum = rte_ipv4_udptcp_cksum((const struct rte_ipv4_hdr *)ip, udp);
	memcpy(udp + 6, &sum, 2);
}

size_t fragment_frame(const struct datagram *d, const struct fragment_spec *f, uint8_t *frame)
{
	unsigned int l3 = f->l3 ? f->l3 : d->l3, ip_len = f->ip_len ? f->ip_len : d->ip_len;
	unsigned int have = f->end < d->payload ? f->end : d->payload, len = f->end - f->begin;
	uint8_t *ip = frame + l3;

	headers(frame, l3, ip_len);
	put16(ip + 2, (unsigned int)((int)(ip_len + len) + f->total_more));
	if (f->id)
		put16(ip + 4, f->id);
	if (f->proto)
		ip[9] = f->proto;
	ip[1] |= f->ecn;
	put16(ip + 6, f->begin / 8 | (f->last ? 0 : 0x2000));
	ip_checksum(ip, ip_len);
	memset(ip + ip_len, 0xee, len + f->padding);
	if (f->begin < have)
		memcpy(ip + ip_len, d->frame + d->l3 + d->ip_len + f->begin, have - f->begin);
	if (f->damaged)
		ip[ip_len + f->damaged - 1] ^= 0xff;
	return l3 + ip_len + len + f->padding;
}

struct exact {
	struct rte_mbuf_ext_shared_info shared;
	uint8_t *buf;
};

static void exact_free_cb(void *addr, void *arg)
{
	(void)addr;
	free(((struct exact *)arg)->buf);
	free(arg);
}

// In a buffer of exactly its size, so that a sanitizer sees a read past it.
static struct rte_mbuf *exact_mbuf(struct rte_mempool *pool, const uint8_t *frame, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct exact *e = calloc(1, sizeof(*e));

	REQUIRE(m && e);
	e->buf = malloc(len);
	REQUIRE(e->buf);
	memcpy(e->buf, frame, len);
	e->shared.free_cb = exact_free_cb;
	e->shared.fcb_opaque = e;
	rte_mbuf_ext_refcnt_set(&e->shared, 1);
	rte_pktmbuf_attach_extbuf(m, e->buf, 0, (uint16_t)len, &e->shared);
	m->data_off = 0;
	m->data_len = (uint16_t)len;
	m->pkt_len = (uint32_t)len;
	return m;
}

struct rte_mbuf *fragment_input(
	struct fragments *t, const struct datagram *d, const struct fragment_spec *f)
{
	uint8_t frame[DATAGRAM_MAX + 200];
	size_t len = fragment_frame(d, f, frame);
	struct rte_mbuf *m = exact_mbuf(t->pool, frame, len);

	m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD | (f->begin ? 0 : RX_VLAN);
	m->port = f->begin ? PORT + 1 : PORT;
	m->vlan_tci = f->begin ? 0 : VLAN;
	t->taken++;
	return reass_input(t->r, m, f->l3 ? f->l3 : d->l3, t->now, t->drops);
}

bool datagram_same(const struct datagram *d, struct rte_mbuf *m)
{
	size_t len = d->l3 + d->ip_len + d->payload;
	bool same = m && m->nb_segs == 1 && m->data_len == len && m->pkt_len == len &&
		    m->refcnt == 1 && m->port == PORT && m->vlan_tci == VLAN &&
		    m->ol_flags == (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RX_VLAN) &&
		    memcmp(rte_pktmbuf_mtod(m, void *), d->frame, len) == 0;

	rte_pktmbuf_free(m);
	return same;
}

bool udp_right(const struct rte_mbuf *m, unsigned int l3)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, l3);
	unsigned int ip_len = (ip[0] & 0xfu) * 4, payload = m->data_len - l3 - ip_len, len;
	const uint8_t *udp = ip + ip_len;
	uint32_t sum = 17;

	if (payload < 8)
		return false;
	len = get16(udp + 4);
	if (len < 8 || len > payload)
		return false;
	sum += len;
	for (unsigned int i = 12; i < 20; i += 2)
		sum += get16(ip + i);
	for (unsigned int i = 0; i < len; i++)
		sum += i % 2 ? udp[i] : (uint32_t)udp[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}
