// SPDX-License-Identifier: BSD-3-Clause
#include "property/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "bench/sink.h"
#include "property/check_frame.h"
#include "property/oracle.h"

#define POOL	    4095 // a burst on all interfaces, each with a copy, and what a cache holds
#define TELL	    5	 // of so many wrong outcomes it is said what they are
#define L2_MAX	    18
#define KEPT_FLAGS  (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL)
#define IP_FLAGS(g) ((g) ? RTE_MBUF_F_RX_IP_CKSUM_GOOD : RTE_MBUF_F_RX_IP_CKSUM_BAD)
#define L4_FLAGS(g) ((g) ? RTE_MBUF_F_RX_L4_CKSUM_GOOD : RTE_MBUF_F_RX_L4_CKSUM_BAD)

struct sent {
	uint64_t packets, bytes;
};

struct checker {
	struct product *product;
	struct rte_mempool *pool;
	struct rng rng;
	unsigned int payload, told;
	const struct lane *lane; // of this run
	struct check *result;
	struct sent *channels;	      // what each has forwarded
	struct sent ifs[PRODUCT_IFS]; // what was seen of each, in this run
	uint64_t fits[BENCH_BURST];   // the interfaces that a frame has to leave by
	uint64_t seen[BENCH_BURST];   // those where it was seen
	bool punted[BENCH_BURST];     // or in the control thread's hands
	struct check_frame burst[BENCH_BURST];
};

static void dump(const char *name, const uint8_t *p, size_t len)
{
	fprintf(stderr, "  %s, %zu octets:", name, len);
	for (size_t i = 0; i < len && i < 160; i++)
		fprintf(stderr, "%s%02x", i % 4 == 0 ? " " : "", p[i]);
	fprintf(stderr, "\n");
}

// f: the frame that is concerned, or NULL; what: what is wrong with it.
static void wrong(struct checker *c, const char *what, const struct check_frame *f)
{
	static const char *const verdicts[] = {[ORACLE_FORWARD] = "forwarded",
		[ORACLE_DROP] = "dropped",
		[ORACLE_PUNT_CONTROL] = "punted (control)",
		[ORACLE_PUNT_OTHER] = "punted (other)"};

	c->result->wrong++;
	if (c->told++ >= TELL)
		return;
	fprintf(stderr, "check: %s\n", what);
	if (!f)
		return;
	fprintf(stderr, "  has to be %s %s\n", verdicts[f->want.verdict],
		f->want.verdict == ORACLE_DROP ? drop_names[f->want.reason] : "");
	dump(f->split ? "the frame, in two mbufs" : "the frame", f->p, f->len);
}

static const struct worker_port *upstream_port(const struct checker *c)
{
	return &c->product->worker->ports[0];
}

// What a driver says, as far as it speaks at all; where it does not, what was in the mbuf before.
static uint64_t flags_of(struct checker *c, const struct check_frame *f)
{
	uint32_t r = rng_u32(&c->rng);
	uint64_t flags = 0;

	if (!upstream_port(c)->ip_cksum_hw)
		flags |= IP_FLAGS(r & 1);
	else if (r & 6)
		flags |= IP_FLAGS(f->want.ip_cksum_good);
	// Drivers call a checksum of 0 good, bad, or say nothing.
	if (!upstream_port(c)->l4_cksum_hw)
		flags |= L4_FLAGS(r & 8);
	else if (r & 48)
		flags |= L4_FLAGS(f->want.udp_cksum_good);
	return flags;
}

static struct rte_mbuf *segment(struct checker *c, const uint8_t *p, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(c->pool);

	if (!m)
		abort(); // the product has lost some
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), p, len);
	return m;
}

static struct rte_mbuf *mbuf_make(struct checker *c, const struct check_frame *f)
{
	struct rte_mbuf *m = segment(c, f->p, f->split ? f->split : f->len);

	if (f->split && rte_pktmbuf_chain(m, segment(c, f->p + f->split, f->len - f->split)) != 0)
		abort();
	m->ol_flags = flags_of(c, f);
	return m;
}

// Which interfaces a frame has to leave by; returns how many it is too large for.
static unsigned int split_by_mtu(struct checker *c, unsigned int i)
{
	const struct oracle *want = &c->burst[i].want;
	unsigned int too_large = 0;

	c->fits[i] = 0;
	for (unsigned int k = 0; want->verdict == ORACLE_FORWARD && k < 64; k++) {
		if (!(want->oifs & 1ull << k))
			continue;
		if (want->len > c->product->worker->ifs[k].mtu)
			too_large++;
		else
			c->fits[i] |= 1ull << k;
	}
	return too_large;
}

// Whether len octets at p are the datagram behind the Ethernet header of an interface.
static bool same(const uint8_t *p, size_t len, const struct oracle *want, const struct worker_if *f)
{
	uint8_t l2[L2_MAX] = {0};
	size_t n = 12;

	memcpy(l2, want->mac, 6);
	memcpy(l2 + 6, f->mac, 6);
	if (f->vlan) {
		l2[n++] = 0x81;
		l2[n++] = 0x00;
		l2[n++] = (uint8_t)(f->vlan / 256);
		l2[n++] = (uint8_t)(f->vlan % 256);
	}
	l2[n++] = want->inner6 ? 0x86 : 0x08;
	l2[n++] = want->inner6 ? 0xdd : 0x00;
	return len == n + want->len && memcmp(p, l2, n) == 0 &&
	       memcmp(p + n, want->datagram, want->len) == 0;
}

// A frame out of interface k.
static void look_at_frame(struct checker *c, unsigned int k, const uint8_t *p, size_t len)
{
	const struct worker_if *f = &c->product->worker->ifs[k];
	uint64_t bit = 1ull << k;
	unsigned int i;

	c->ifs[k].packets++;
	c->ifs[k].bytes += len;
	for (i = 0; i < BENCH_BURST; i++) {
		if ((c->fits[i] & ~c->seen[i] & bit) && same(p, len, &c->burst[i].want, f))
			break;
	}
	if (i == BENCH_BURST) {
		wrong(c, "a frame that must not leave, or not so", NULL);
		if (c->told <= TELL)
			dump("it", p, len);
		return;
	}
	c->seen[i] |= bit;
	for (unsigned int before = 0; before < i; before++) {
		if ((c->fits[before] & ~c->seen[before] & bit) &&
			c->burst[before].want.channel == c->burst[i].want.channel)
			wrong(c, "overtaken within its channel", &c->burst[before]);
	}
}

static void look_cb(void *arg, unsigned int port, struct rte_mbuf **m, unsigned int n)
{
	struct checker *c = arg;
	const struct worker_port *wp = &c->product->worker->ports[port];

	for (unsigned int i = 0; i < n; i++) {
		uint8_t room[FEED_MAX_FRAME];
		const uint8_t *p = rte_pktmbuf_read(m[i], 0, m[i]->pkt_len, room);
		unsigned int k = wp->untagged;

		if (p && p[12] == 0x81 && p[13] == 0x00)
			k = wp->by_vlan[oracle_get16(p + 14)];
		if (!p || k == WORKER_NO_IF || (m[i]->nb_segs > 1 && !wp->multi_segs) ||
			(m[i]->ol_flags & ~KEPT_FLAGS))
			wrong(c, "not a frame for this port", NULL);
		else
			look_at_frame(c, k, p, m[i]->pkt_len);
	}
	rte_pktmbuf_free_bulk(m, n);
}

static bool is_punt(const struct check_frame *f)
{
	return f->want.verdict == ORACLE_PUNT_CONTROL || f->want.verdict == ORACLE_PUNT_OTHER;
}

// Whether m is f as the control thread gets it: without a tag, and with its interface.
static bool same_punted(const struct checker *c, const struct check_frame *f, const uint8_t *p,
	const struct rte_mbuf *m)
{
	unsigned int vlans = c->product->worker->n_ifs - 2;
	unsigned int in = f->want.in == ORACLE_IF_UNTAGGED   ? 0
			  : f->want.in == ORACLE_IF_UPSTREAM ? vlans
							     : vlans + 1;
	size_t tag = f->want.tagged ? 4 : 0;

	return m->pkt_len == f->len - tag && m->port == in && memcmp(p, f->p, 12) == 0 &&
	       memcmp(p + 12, f->p + 12 + tag, f->len - 12 - tag) == 0;
}

static void look_at_punted(struct checker *c, const struct rte_mbuf *m, enum oracle_verdict class)
{
	uint8_t room[FEED_MAX_FRAME];
	const uint8_t *p = rte_pktmbuf_read(m, 0, m->pkt_len, room);

	for (unsigned int i = 0; p && i < BENCH_BURST; i++) {
		if (c->burst[i].want.verdict == class && !c->punted[i] &&
			same_punted(c, &c->burst[i], p, m)) {
			c->punted[i] = true;
			return;
		}
	}
	wrong(c, "punted, but must not be, or not so", NULL);
	if (p && c->told <= TELL)
		dump("it", p, m->pkt_len);
}

static void punts(struct checker *c)
{
	const struct crossing_worker *x = c->product->crossing->workers[0];
	void *m;

	for (unsigned int k = 0; k < PUNT_CLASSES; k++) {
		while (rte_ring_dequeue(x->punt[k], &m) == 0) {
			look_at_punted(
				c, m, punt_is_control(k) ? ORACLE_PUNT_CONTROL : ORACLE_PUNT_OTHER);
			rte_pktmbuf_free(m);
		}
	}
	for (unsigned int i = 0; i < BENCH_BURST; i++) {
		if (is_punt(&c->burst[i]) && !c->punted[i])
			wrong(c, "not punted, or not so", &c->burst[i]);
	}
}

static void forwards(struct checker *c)
{
	for (unsigned int i = 0; i < BENCH_BURST; i++) {
		const struct check_frame *f = &c->burst[i];

		if (c->seen[i] != c->fits[i])
			wrong(c, "not forwarded everywhere, or not so", f);
		if (f->want.verdict != ORACLE_FORWARD &&
			!(f->want.verdict == ORACLE_DROP && f->want.reason == DROP_MUTED))
			continue;
		c->channels[f->want.channel].packets++;
		c->channels[f->want.channel].bytes += f->want.len;
	}
}

static void drops(struct checker *c, const uint64_t before[DROP_COUNT], unsigned int too_large)
{
	for (int reason = 0; reason < DROP_COUNT; reason++) {
		uint64_t want = reason == DROP_MTU ? too_large : 0, is;
		const struct check_frame *f = NULL;
		char what[64];

		is = crossing_drop(c->product->crossing, (enum drop_reason)reason) - before[reason];
		for (unsigned int i = 0; i < BENCH_BURST; i++) {
			if (c->burst[i].want.verdict == ORACLE_DROP &&
				c->burst[i].want.reason == (enum drop_reason)reason) {
				f = &c->burst[i];
				want++;
			}
		}
		if (is == want)
			continue;
		snprintf(what, sizeof(what), "%s is %llu, not %llu", drop_names[reason],
			(unsigned long long)is, (unsigned long long)want);
		wrong(c, what, f);
	}
}

static void run_burst(struct checker *c)
{
	// Bursts that need nothing but the loops are seldom by chance.
	static const unsigned int odd[4] = {0, 1, 24, 24};
	struct rte_mbuf *m[BENCH_BURST];
	uint64_t before[DROP_COUNT];
	unsigned int too_large = 0, of_64 = odd[rng_below(&c->rng, 4)];

	for (unsigned int i = 0; i < BENCH_BURST; i++) {
		check_frame_make(&c->burst[i], &c->product->world, c->payload, of_64, &c->rng);
		too_large += split_by_mtu(c, i);
		c->seen[i] = 0;
		c->punted[i] = false;
		m[i] = mbuf_make(c, &c->burst[i]);
	}
	for (int i = 0; i < DROP_COUNT; i++)
		before[i] = crossing_drop(c->product->crossing, (enum drop_reason)i);
	c->lane->burst_cb(c->lane->state, m, BENCH_BURST);
	forwards(c);
	punts(c);
	drops(c, before, too_large);
	c->result->checked += BENCH_BURST;
}

static void if_counters(struct checker *c, const struct crossing_if_stats *before)
{
	for (unsigned int i = 0; i < c->product->worker->n_ifs; i++) {
		struct crossing_if_stats is;

		crossing_if_stats(c->product->crossing, i, &is);
		if (is.tx_packets - before[i].tx_packets != c->ifs[i].packets ||
			is.tx_bytes - before[i].tx_bytes != c->ifs[i].bytes)
			wrong(c, "counters of an interface", NULL);
	}
}

void checker_run(struct checker *c, const struct lane *l, unsigned int bursts, struct check *out)
{
	struct worker_port *up = &c->product->worker->ports[0], was = *up;
	struct crossing_if_stats before[PRODUCT_IFS] = {0};

	c->lane = l;
	c->result = out;
	memset(c->ifs, 0, sizeof(c->ifs));
	for (unsigned int i = 0; i < c->product->worker->n_ifs; i++)
		crossing_if_stats(c->product->crossing, i, &before[i]);
	sink_call(look_cb, c);
	if (c->lane->begin_cb)
		c->lane->begin_cb(c->lane->state);
	for (unsigned int i = 0; i < bursts; i++) {
		// The kinds of drivers; the worker looks once a burst.
		up->ip_cksum_hw = rng_below(&c->rng, 4) > 0;
		up->l4_cksum_hw = rng_below(&c->rng, 4) > 0;
		run_burst(c);
	}
	if (c->lane->end_cb)
		c->lane->end_cb(c->lane->state);
	*up = was;
	if_counters(c, before);
	if (rte_mempool_in_use_count(c->pool) != 0)
		wrong(c, "mbufs are lost", NULL);
}

void checker_counters(struct checker *c, struct check *out)
{
	struct product *p = c->product;

	c->result = out;
	mfib_reclaim(p->mfib);
	for (uint32_t i = 0; i < p->n_channels; i++) {
		struct mfib_stats is = {0};

		if (p->channels[i])
			mfib_channel_stats(p->channels[i], &is);
		if (is.packets != c->channels[i].packets || is.bytes != c->channels[i].bytes)
			wrong(c, "counters of a channel", NULL);
	}
}

struct checker *checker_create(struct product *p, unsigned int payload, uint64_t seed)
{
	struct checker *c = calloc(1, sizeof(*c));
	char name[32];

	if (!c)
		return NULL;
	c->product = p;
	c->payload = payload;
	c->rng = rng_seeded(seed);
	snprintf(name, sizeof(name), "check_%llx", (unsigned long long)seed);
	c->pool = rte_pktmbuf_pool_create(
		name, POOL, 64, 0, RTE_PKTMBUF_HEADROOM + FEED_MAX_FRAME, SOCKET_ID_ANY);
	c->channels = calloc(p->joined.channels, sizeof(*c->channels));
	if (c->pool && c->channels)
		return c;
	checker_destroy(c);
	return NULL;
}

void checker_destroy(struct checker *c)
{
	if (!c)
		return;
	rte_mempool_free(c->pool);
	free(c->channels);
	free(c);
}
