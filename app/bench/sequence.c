// SPDX-License-Identifier: BSD-3-Clause
#include "bench/sequence.h"

#include <stdlib.h>

#include "bench/sink.h"

struct sequence {
	const struct lane *lane;
	const struct product *product;
	struct sequence_count *out;
	uint32_t first;			      // number of this run
	unsigned int n;			      // frames of this run
	uint32_t *last[SINK_PORTS];	      // by port: of each channel, the last number seen
	uint8_t seen[SINK_PORTS][FEED_MBUFS]; // by port: of this run, the numbers seen
};

struct sequence *sequence_create(const struct lane *l, const struct product *p)
{
	struct sequence *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->lane = l;
	s->product = p;
	for (unsigned int i = 1; i <= p->cfg.fanout; i++) {
		s->last[i] = calloc(p->joined.channels, sizeof(uint32_t));
		if (!s->last[i]) {
			sequence_destroy(s);
			return NULL;
		}
	}
	return s;
}

void sequence_destroy(struct sequence *s)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < SINK_PORTS; i++)
		free(s->last[i]);
	free(s);
}

static void look(struct sequence *s, unsigned int port, const struct rte_mbuf *m)
{
	// Ethernet without a tag, IPv6, UDP, and the two words.
	uint8_t room[14 + 40 + 8 + FEED_NUMBERED];
	const uint8_t *p;
	uint32_t at = 14 + 8, channel, number;

	p = rte_pktmbuf_read(m, 0, 14, room);
	at += p && p[12] == 0x86 ? 40 : 20;
	p = rte_pktmbuf_read(m, at, FEED_NUMBERED, room);
	if (!p || !s->last[port]) {
		s->out->strange++;
		return;
	}
	memcpy(&channel, p, 4);
	memcpy(&number, p + 4, 4);
	if (channel >= s->product->joined.channels || number - s->first >= s->n) {
		s->out->strange++;
		return;
	}
	if (s->seen[port][number - s->first]++)
		s->out->duplicated++;
	else if (number < s->last[port][channel])
		s->out->reordered++;
	else
		s->last[port][channel] = number;
}

static void look_cb(void *arg, unsigned int port, struct rte_mbuf **m, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		look(arg, port, m[i]);
	rte_pktmbuf_free_bulk(m, n);
}

void sequence_run(struct sequence *s, struct feed *f, struct sequence_count *out)
{
	const struct lane *l = s->lane;

	s->out = out;
	s->first = f->number + 1;
	s->n = f->n;
	feed_prepare_numbered(f, &l->shape);
	for (unsigned int port = 0; port < SINK_PORTS; port++)
		memset(s->seen[port], 0, f->n);
	sink_call(look_cb, s);
	if (l->begin_cb)
		l->begin_cb(l->state);
	for (unsigned int i = 0; i < f->n; i += BENCH_BURST) {
		feed_receive(f, i);
		l->burst_cb(l->state, &f->mbufs[i], BENCH_BURST);
	}
	if (l->end_cb)
		l->end_cb(l->state);
	f->filled = false; // they are freed
	out->sent += f->n;
	for (unsigned int port = 1; port <= s->product->cfg.fanout; port++) {
		for (unsigned int i = 0; i < f->n; i++)
			out->lost += s->seen[port][i] == 0;
	}
}
