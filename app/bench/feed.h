// SPDX-License-Identifier: BSD-3-Clause
// Traffic from memory: mbufs whose header line is written before the clock runs, and what a driver
// does to an mbuf on receive, while it runs.
#ifndef BENCH_FEED_H
#define BENCH_FEED_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_mbuf.h>

#include "base/addr.h"
#include "base/rng.h"
#include "bench/bench.h"

#define FEED_LOCAL	 0xc0000201u // 192.0.2.1
#define FEED_RELAYS	 0x64400000u // 100.64/10: tunnel t is to FEED_RELAYS + t
#define FEED_PORTS	 4096	     // and from local port FEED_PORTS + t
#define FEED_SOURCES	 0xc6120000u // 198.18/15
#define FEED_GROUPS	 0xe8010000u // 232.1/16
#define FEED_GROUPS_MISS 0xe8020000u // 232.2/16: nobody joins these
#define FEED_GROUPS_MORE 0xe8030000u // 232.3/16: joined and left while measured
#define FEED_PER_SOURCE	 16	     // groups of a source

#define FEED_HEADERS	   64 // Ethernet, IPv4, UDP, AMT, inner IPv4: one cache line
#define FEED_OVERHEAD	   (FEED_HEADERS + 8)
#define FEED_MBUFS	   8192
#define FEED_PAYLOAD_SMALL 128
#define FEED_MAX_FRAME	   1600

// channels are spread over the tunnels; the channel of each packet is uniformly random.
struct feed_shape {
	uint32_t channels, tunnels;
	uint16_t payload; // octets inside the inner UDP datagram
	bool misses;	  // groups that nobody joined
};

struct feed {
	struct rte_mempool *pool;
	unsigned int n;
	struct rte_mbuf *mbufs[FEED_MBUFS];
	struct rng rng;
	uint8_t image[32]; // what a driver writes to an mbuf, from rearm_data on
	bool filled;	   // mbufs[] is ours; else all were freed since
};

// For frames of up to this payload. Small ones: 8192 mbufs, their first lines and headers 1 MiB
// together. Large ones: a quarter of that, so that the mbufs lie in no more pages than small ones:
// with 8192 of them the misses of the TLB, not of the table, were what was measured (io 29 cycles
// instead of 6).
struct feed *feed_create(uint16_t payload);
void feed_destroy(struct feed *f);
// Gives the mbufs back.
void feed_empty(struct feed *f);

// The tunnel of a channel, and its (S,G) with groups from FEED_GROUPS*.
uint32_t feed_tunnel(const struct feed_shape *s, uint32_t channel);
struct sg feed_sg(uint32_t channel, uint32_t groups);

// Gets mbufs where they were freed and writes the header line of a random channel to each. The
// headers are valid for the payload's size, the octets behind them are what they are.
void feed_prepare(struct feed *f, const struct feed_shape *s);
// The header line of a packet.
void feed_headers(uint8_t p[FEED_HEADERS], const struct feed_shape *s, uint32_t channel);

// The stores of a vector driver, to one burst.
static inline void feed_receive(const struct feed *f, struct rte_mbuf **m)
{
	for (unsigned int i = 0; i < BENCH_BURST; i++)
		memcpy(&m[i]->rearm_data, f->image, sizeof(f->image));
}

#endif
