// SPDX-License-Identifier: BSD-3-Clause
// Traffic from memory: mbufs whose headers are written before the clock runs, and what a driver
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
#include "bench/popularity.h"

#define FEED_LOCAL	 0xc0000201u // 192.0.2.1
#define FEED_LOCALS	 4	     // and the next ones, of a mix of families
#define FEED_LOCAL_MORE	 0xc0000264u // comes and goes while measured
#define FEED_RELAYS	 0x64400000u // 100.64/10: tunnel t is to FEED_RELAYS + t
#define FEED_SPOOFED	 0x0b000000u // 11/8: no relay is here
#define FEED_PORTS	 4096	     // and from local port FEED_PORTS + t
#define FEED_PORTS_NONE	 64128	     // from here on there is no tunnel
#define FEED_SOURCES	 0xc6120000u // 198.18/15
#define FEED_GROUPS	 0xe8010000u // 232.1/16
#define FEED_GROUPS_MISS 0xe8020000u // 232.2/16: nobody joins these
#define FEED_GROUPS_MORE 0xe8030000u // 232.3/16: joined and left while measured
#define FEED_PER_SOURCE	 16	     // groups of a source
// The same in IPv6: 2001:db8:K::N with N the number above, ff3e::N for groups.

#define FEED_MAX_HEADERS   108 // a tag, IPv6 in IPv6
#define FEED_INNER_UDP	   8   // not in the headers: the feed does not write it
#define FEED_MBUFS	   8192
#define FEED_PAYLOAD_SMALL 128
#define FEED_MAX_FRAME	   2000
#define FEED_VLAN	   7 // the tag of tagged traffic

enum feed_traffic {
	FEED_HITS,
	FEED_MISSES,  // groups that nobody joined, in known tunnels
	FEED_UNKNOWN, // local ports without a tunnel
	FEED_SPOOFED_RELAYS,
	FEED_TRAFFICS
};
extern const char *const feed_traffic_names[FEED_TRAFFICS];

// The mixes of families, inner in outer.
enum feed_family { FEED_4IN4, FEED_6IN4, FEED_4IN6, FEED_6IN6, FEED_MIXED, FEED_FAMILIES };
extern const char *const feed_family_names[FEED_FAMILIES];

struct replay;

// channels are spread over the tunnels. Of FEED_MIXED every second tunnel is IPv6, and in each of
// them every second channel; FEED_LOCALS tunnels of a family have the same local port, but each a
// local address of its own.
struct feed_shape {
	uint32_t channels, tunnels;
	uint16_t payload; // octets inside the inner UDP datagram
	enum feed_family family;
	enum feed_traffic traffic;
	double zipf;	 // exponent of the channels' popularity; 0: all alike
	uint32_t locals; // local addresses that the tunnels are on in turn; 0: as the family has it
	bool tagged;
	bool software;		     // the driver says nothing of checksums; they are right
	bool whole;		     // the payload is written too, as DMA would: somebody reads it
	const struct replay *replay; // frames of a file instead; channels and tunnels are its own
};

struct feed {
	struct rte_mempool *pool;
	unsigned int n;
	struct rte_mbuf *mbufs[FEED_MBUFS];
	struct rng rng;
	struct popularity popularity;
	uint8_t image[32]; // what a driver writes to an mbuf, from rearm_data on
	bool varied;	   // one of its own for each mbuf instead:
	uint8_t images[FEED_MBUFS][32];
	unsigned int forwarded; // of n, how many the oracle would forward, if all is joined
	uint32_t number;	// the last one given out by feed_prepare_numbered()
	bool filled;		// mbufs[] is ours; else all were freed since
};

// For frames of up to this payload. Small ones: 8192 mbufs, their first lines and headers 1 MiB
// together. Large ones: a quarter of that, so that the mbufs lie in no more pages than small ones:
// with 8192 of them the misses of the TLB, not of the table, were what was measured (io 29 cycles
// instead of 6).
struct feed *feed_create(uint16_t payload);
void feed_destroy(struct feed *f);
// Gives the mbufs back.
void feed_empty(struct feed *f);

bool feed_outer6(const struct feed_shape *s, uint32_t tunnel);
bool feed_inner6(const struct feed_shape *s, uint32_t channel);
// A tunnel's ends; the tunnel of a channel, and its (S,G).
struct addr feed_relay(const struct feed_shape *s, uint32_t tunnel);
struct addr feed_local(const struct feed_shape *s, uint32_t tunnel);
uint16_t feed_port(const struct feed_shape *s, uint32_t tunnel);
uint32_t feed_tunnel(const struct feed_shape *s, uint32_t channel);
struct sg feed_sg(const struct feed_shape *s, uint32_t channel);
// A channel that is in none of the frames, of the family of `channel`.
struct sg feed_sg_more(const struct feed_shape *s, uint32_t channel);

// Gets mbufs where they were freed and writes the headers of a random channel to each. They are
// valid for the payload's size; the octets behind them are what they are.
void feed_prepare(struct feed *f, const struct feed_shape *s);
// The same, with the payload written too: all 0 but for the channel and a number that grows from
// frame to frame, each a word in this machine's order. The payload is of 8 octets at least.
#define FEED_NUMBERED 8
void feed_prepare_numbered(struct feed *f, const struct feed_shape *s);
// The headers of a packet, from Ethernet up to the inner IP header, and how many octets those are.
// random: chooses among the wrong ones where the traffic is not hits.
size_t feed_headers(
	uint8_t p[FEED_MAX_HEADERS], const struct feed_shape *s, uint32_t channel, uint32_t random);
// Offsets of headers in a frame.
static inline size_t feed_outer_len(bool outer6)
{
	return outer6 ? 40 : 20;
}

// The stores of a vector driver, to the burst at mbufs[i].
static inline void feed_receive(const struct feed *f, unsigned int i)
{
	struct rte_mbuf *const *m = &f->mbufs[i];

	if (unlikely(f->varied)) {
		for (unsigned int k = 0; k < BENCH_BURST; k++)
			memcpy(&m[k]->rearm_data, f->images[i + k], sizeof(f->image));
		return;
	}
	for (unsigned int k = 0; k < BENCH_BURST; k++)
		memcpy(&m[k]->rearm_data, f->image, sizeof(f->image));
}

#endif
