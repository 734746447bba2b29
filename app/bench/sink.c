// SPDX-License-Identifier: BSD-3-Clause
#include "bench/sink.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "bench/bench.h"

#define RING 256 // descriptors

struct sink {
	unsigned int port, at;
	uint64_t count;
	struct {
		uint64_t addr;
		uint64_t len;
	} desc[RING];
	struct rte_mbuf *sw[RING];
};

static struct sink sinks[SINK_PORTS] __rte_cache_aligned;
static void *queue[SINK_PORTS][1], *no_callback[1];
static sink_cb call_cb;
static void *call_arg;

static inline void descriptors(struct sink *s, struct rte_mbuf **m, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		unsigned int at = (s->at + i) % RING;

		s->desc[at].addr = rte_mbuf_data_iova(m[i]);
		s->desc[at].len = m[i]->data_len;
		s->sw[at] = m[i];
	}
	s->at += n;
	s->count += n;
}

static uint16_t tx_keep_cb(void *q, struct rte_mbuf **m, uint16_t n)
{
	descriptors(q, m, n);
	return n;
}

static uint16_t tx_free_cb(void *q, struct rte_mbuf **m, uint16_t n)
{
	descriptors(q, m, n);
	rte_pktmbuf_free_bulk(m, n);
	return n;
}

// As rte_pktmbuf_free_bulk(), but for the locked instruction that takes a user off an mbuf that has
// several: right only where nobody else is at it, as here.
static uint16_t tx_free_unlocked_cb(void *q, struct rte_mbuf **m, uint16_t n)
{
	struct rte_mbuf *last[RING];
	unsigned int n_last = 0;

	descriptors(q, m, n);
	for (uint16_t i = 0; i < n; i++) {
		uint16_t users = rte_mbuf_refcnt_read(m[i]);

		if (users == 1)
			last[n_last++] = m[i];
		else
			rte_mbuf_refcnt_set(m[i], (uint16_t)(users - 1));
	}
	rte_pktmbuf_free_bulk(last, n_last);
	return n;
}

// Of chains each segment has a descriptor.
static uint16_t tx_free_chains_cb(void *q, struct rte_mbuf **m, uint16_t n)
{
	struct sink *s = q;

	for (uint16_t i = 0; i < n; i++) {
		for (const struct rte_mbuf *seg = m[i]; seg; seg = seg->next) {
			unsigned int at = s->at++ % RING;

			s->desc[at].addr = rte_mbuf_data_iova(seg);
			s->desc[at].len = seg->data_len;
			s->sw[at] = m[i];
		}
	}
	s->count += n;
	rte_pktmbuf_free_bulk(m, n);
	return n;
}

static uint16_t tx_call_cb(void *q, struct rte_mbuf **m, uint16_t n)
{
	struct sink *s = q;

	s->count += n;
	call_cb(call_arg, s->port, m, n);
	return n;
}

static void use(eth_tx_burst_t tx)
{
	for (unsigned int i = 0; i < SINK_PORTS; i++) {
		sinks[i].port = i;
		queue[i][0] = &sinks[i];
		rte_eth_fp_ops[i].txq.data = queue[i];
		rte_eth_fp_ops[i].txq.clbk = no_callback;
		rte_eth_fp_ops[i].tx_pkt_burst = tx;
	}
}

void sink_keep(void)
{
	use(tx_keep_cb);
}

void sink_free(void)
{
	use(tx_free_cb);
}

void sink_free_unlocked(void)
{
	use(tx_free_unlocked_cb);
}

void sink_free_chains(void)
{
	use(tx_free_chains_cb);
}

void sink_call(sink_cb cb, void *arg)
{
	call_cb = cb;
	call_arg = arg;
	use(tx_call_cb);
}

uint64_t sink_take_count(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < SINK_PORTS; i++) {
		sum += sinks[i].count;
		sinks[i].count = 0;
	}
	return sum;
}
