// SPDX-License-Identifier: BSD-3-Clause
// A reassembly table on its own, datagrams for it and fragments of them.
#ifndef TEST_UNIT_FASTPATH_FRAGMENTS_H
#define TEST_UNIT_FASTPATH_FRAGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "crossing/drops.h"
#include "fastpath/reass.h"

#define DATAGRAM_MAX 16384 // octets of a frame

struct datagram {
	unsigned int l3, ip_len; // 14 or 18; octets of the IP header
	unsigned int payload;	 // octets behind it
	uint8_t frame[DATAGRAM_MAX];
};

// Octets [begin, end) of a datagram's payload. What is not said is as in the datagram.
struct fragment_spec {
	unsigned int begin, end;
	bool last;
	uint8_t ecn;
	uint8_t proto;		 // 0: UDP
	uint16_t id;		 // 0: the datagram's
	unsigned int l3, ip_len; // 0: the datagram's
	unsigned int padding;	 // octets behind it in the frame
	int total_more;		 // the IP total length tells so much more than is there
	unsigned int damaged;	 // the octet of its payload that is changed, from 1; 0: none
};

struct fragments {
	struct rte_mempool *pool;
	struct reass *r;
	uint64_t now; // TSC
	uint64_t timeout;
	uint64_t drops[DROP_COUNT];
	uint64_t taken; // by reass_input()
};

// room: octets of an mbuf behind its headroom. Aborts when it cannot.
void fragments_setup(struct fragments *t, unsigned int datagrams, unsigned int room);
// Frees all; aborts when an mbuf is missing.
void fragments_teardown(struct fragments *t);
unsigned int fragments_mbufs(const struct fragments *t);
uint64_t fragments_dropped(const struct fragments *t);

// A frame with random payload behind a UDP header, all lengths and checksums right.
void datagram_make(struct datagram *d, struct rng *rng, unsigned int l3, unsigned int ip_len,
	unsigned int payload);
// Room for payload + 200 octets. Returns the length of the frame.
size_t fragment_frame(const struct datagram *d, const struct fragment_spec *f, uint8_t *frame);
// Into the table; what comes out, or NULL.
struct rte_mbuf *fragment_input(
	struct fragments *t, const struct datagram *d, const struct fragment_spec *f);
// Whether m is the datagram as it was made. Frees m.
bool datagram_same(const struct datagram *d, struct rte_mbuf *m);
// Whether a frame's UDP length and checksum are right, as a worker asks behind reassembly.
bool udp_right(const struct rte_mbuf *m, unsigned int l3);

#endif
