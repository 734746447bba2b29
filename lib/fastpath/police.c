// SPDX-License-Identifier: BSD-3-Clause
// A frame goes up when the bucket of its sender and that of its class on the interface let it. Who
// sends is the IP source where that is a known one; of a stranger the Ethernet source on a link,
// where many IP addresses cost nothing, and the IP source (of IPv6 its /64) where the frame may
// come from further away.
//
// A sender has two buckets by its hash, and either will do: one that shouts takes very few others
// with it, and who they are is another matter after each start.
#include "fastpath/police.h"

#include <assert.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "base/bucket.h"
#include "crossing/police.h"
#include "fastpath/headers.h"

// A ring holds less than a burst of a second: where it is half full, only senders pass that have
// sent no more than this part of theirs, and strangers while all of them have, so that who shouts
// leaves room for the rest.
#define CROWDED_LOG 6
// Where it is full by three quarters a frame costs its sender so many times more: who goes on at
// his rate, where that is more than the control thread gets done, does not fill the rest.
#define DEAR_LOG   4
#define OCTETS_LOG 8 // what has entries to be read costs a unit for each 256 octets begun

static_assert(DROP_POLICED_OTHER - DROP_POLICED_NEIGHBOR == PUNT_OTHER - PUNT_NEIGHBOR,
	"the reasons have the order of the classes");

struct sender {
	uint64_t upper, lower;
};

// The IP source, or of ARP the sender's protocol address.
static struct sender ip_sender(const uint8_t *p, size_t len, size_t l3)
{
	uint16_t type = len >= l3 ? get_be16(p + l3 - 2) : 0;
	struct sender s = {0};

	if (type == ETHERTYPE_IPV4 && len >= l3 + IPV4_LEN) {
		s.upper = get_raw32(p + l3 + 12);
	} else if (type == ETHERTYPE_ARP && len >= l3 + ARP_LEN) {
		s.upper = get_raw32(p + l3 + 14);
	} else if (type == ETHERTYPE_IPV6 && len >= l3 + IPV6_LEN) {
		s.upper = get_raw64(p + l3 + 8);
		s.lower = get_raw64(p + l3 + 16);
	}
	return s;
}

static uint64_t ether_source(const uint8_t *p, size_t len)
{
	uint64_t mac = 0;

	if (len >= ETH_LEN)
		memcpy(&mac, p + 6, 6);
	return mac;
}

// To tell the tunnels of a relay apart.
static uint16_t udp_to(const uint8_t *p, size_t len, size_t l3)
{
	size_t l4 = l3 + (p[l3] >> 4 == 6 ? IPV6_LEN : (size_t)(p[l3] & 0xf) * 4);

	return len >= l4 + UDP_LEN ? get_raw16(p + l4 + 2) : 0;
}

static bool of_link(uint8_t k)
{
	return k == PUNT_NEIGHBOR || k == PUNT_PIM || k == PUNT_MEMBERSHIP;
}

static uint64_t cost_of(uint8_t k, const struct rte_mbuf *m)
{
	return k == PUNT_PIM || k == PUNT_MEMBERSHIP ? 1 + (rte_pktmbuf_pkt_len(m) >> OCTETS_LOG)
						     : 1;
}

static bool crowded(const struct rte_ring *r)
{
	return rte_ring_count(r) > rte_ring_get_capacity(r) / 2;
}

static bool dear(const struct rte_ring *r)
{
	return rte_ring_count(r) > rte_ring_get_capacity(r) / 4 * 3;
}

// less: by how many powers of two the burst is smaller than usual.
static bool take(uint64_t *bucket, const struct police_rate *rate, uint64_t cost, uint64_t now,
	unsigned int less)
{
	return bucket_pass(bucket, __atomic_load_n(&rate->gap, __ATOMIC_RELAXED) * cost,
		__atomic_load_n(&rate->ahead, __ATOMIC_RELAXED) >> less, now);
}

bool police_pass(struct worker *w, const struct rte_mbuf *m, const struct class *c)
{
	const struct crossing_police *p = w->x->police;
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	size_t len = rte_pktmbuf_data_len(m);
	const struct rte_ring *ring = w->x->punt[c->punt];
	const struct police_rate *one;
	struct crossing_if_stats *s;
	unsigned int less;
	uint64_t hash, cost, price, now, *senders;
	struct sender from;
	bool known;

	if (!p || __atomic_load_n(&p->rates[c->punt][true].gap, __ATOMIC_RELAXED) == 0)
		return true;
	from = ip_sender(frame, len, c->l3);
	hash = police_hash(p, c->ifindex, from.upper, from.lower);
	known = c->known || police_known(p, hash);
	if (known && c->punt == PUNT_AMT)
		hash = police_mix(hash, udp_to(frame, len, c->l3));
	else if (!known && of_link(c->punt))
		hash = police_hash(p, c->ifindex, ether_source(frame, len), 0);
	else if (!known)
		hash = police_hash(p, c->ifindex, from.upper, 0);
	senders = w->police.senders[c->punt][known];
	cost = cost_of(c->punt, m);
	now = rte_rdtsc();
	s = &w->x->ifs[c->ifindex];
	less = crowded(ring) ? CROWDED_LOG : 0;
	price = dear(ring) ? cost << DEAR_LOG : cost;
	one = &p->sender[c->punt][known];
	if (!take(&senders[hash >> 16 & (WORKER_SENDERS - 1)], one, price, now, less) &&
		!take(&senders[hash >> 32 & (WORKER_SENDERS - 1)], one, price, now, less))
		crossing_count(&s->shouted[c->punt], 1);
	else if (!take(&w->police.ifs[c->ifindex][c->punt][known], &p->rates[c->punt][known], cost,
			 now, known ? 0 : less))
		crossing_count(&s->over[c->punt], 1);
	else
		return true;
	__atomic_store_n(&w->x->policed_from[c->punt],
		ether_source(frame, len) | (uint64_t)c->ifindex << 56, __ATOMIC_RELAXED);
	return false;
}
