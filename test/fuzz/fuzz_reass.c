// SPDX-License-Identifier: BSD-3-Clause
// Fragments to the reassembly of a worker, a few datagrams at once. The input is records: an octet
// of bits (1: VLAN tag, 2: half of the timeout passes first, 4: a look for what has waited too
// long), the length of what follows, and that much IP datagram. Whatever comes, each fragment is
// counted at most once, what comes out is a datagram, and every mbuf comes back.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "fastpath/reass.h"
#include "rig.h"

#define SLOTS	   3
#define TIMEOUT_MS 100
#define ROOM	   1600
#define IP_LEN	   20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct reass *reass;
static struct rte_mempool *pool;
static uint64_t drops[DROP_COUNT], now = 1000;

static void ready(void)
{
	const struct reass_cfg cfg = {
		.datagrams = SLOTS, .timeout_ms = TIMEOUT_MS, .socket = SOCKET_ID_ANY};

	if (reass)
		return;
	rig_eal_init("fuzz_reass");
	pool = rte_pktmbuf_pool_create(
		"fuzz", 63, 0, 0, RTE_PKTMBUF_HEADROOM + ROOM, SOCKET_ID_ANY);
	reass = reass_create(&cfg);
	if (!pool || !reass)
		abort();
}

static uint64_t dropped(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < DROP_COUNT; i++)
		sum += drops[i];
	return sum;
}

// What the caller has checked is made right: version, header length, addresses. Four
// identifications only, so that they meet.
static struct rte_mbuf *frame_of(const uint8_t *ip, size_t len, unsigned int l3)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *p;

	if (!m)
		abort();
	p = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(l3 + len));
	memset(p, 0, l3);
	p += l3;
	memcpy(p, ip, len);
	p[0] = (uint8_t)(0x40 | (p[0] & 0xf));
	if ((p[0] & 0xfu) * 4 < IP_LEN || (p[0] & 0xfu) * 4 > len)
		p[0] = 0x45;
	p[4] = 0;
	p[5] &= 3;
	memcpy(p + 12, "\xcb\x00\x71\x0f\xc6\x33\x64\x0a", 8);
	return m;
}

static void check_whole(struct rte_mbuf *m, unsigned int max_payload)
{
	const unsigned int l3 = 14;
	const uint8_t *ip;
	size_t ip_len;

	if (m->data_len < l3 + IP_LEN || m->nb_segs != 1 || m->pkt_len != m->data_len)
		abort();
	ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, l3);
	if (ip[0] >> 4 != 4)
		ip += 4; // the first fragment had a tag
	ip_len = (ip[0] & 0xfu) * 4;
	if (rte_raw_cksum(ip, ip_len) != 0xffff || ip[9] != 17 || (ip[6] & 0x3f) || ip[7])
		abort();
	if ((size_t)(ip[2] << 8 | ip[3]) !=
		m->data_len - (size_t)(ip - rte_pktmbuf_mtod(m, const uint8_t *)))
		abort();
	if (m->data_len > max_payload + 18 + 60)
		abort();
	rte_pktmbuf_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int octets = 0;
	uint64_t taken = 0, before;

	ready();
	before = dropped();
	while (size >= 2 + IP_LEN) {
		unsigned int l3 = data[0] & 1 ? 18 : 14, len = data[1];
		struct rte_mbuf *m;

		if (len < IP_LEN)
			len = IP_LEN;
		if (len > size - 2)
			len = (unsigned int)(size - 2);
		if (data[0] & 2)
			now += rte_get_tsc_hz() / 1000 * (TIMEOUT_MS / 2 + 1);
		if (data[0] & 4)
			reass_expire(reass, now, drops);
		octets += len;
		taken++;
		m = reass_input(reass, frame_of(data + 2, len, l3), l3, now, drops);
		if (m)
			check_whole(m, octets);
		data += 2 + len;
		size -= 2 + len;
	}
	now += rte_get_tsc_hz();
	for (int i = 0; i < SLOTS; i++)
		reass_expire(reass, now, drops);
	if (rte_mempool_in_use_count(pool) != 0 || dropped() - before > taken)
		abort();
	return 0;
}
