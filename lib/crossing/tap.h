// SPDX-License-Identifier: BSD-3-Clause
// Copies of frames, from workers to whoever writes them to a file: a ring of records a worker,
// which fills it, and one reader. The control thread makes taps and hands one to each worker
// (crossing_worker.tap); a worker that has none spends one predicted branch a burst.
#ifndef CROSSING_TAP_H
#define CROSSING_TAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

enum crossing_tap_what {
	TAP_ALL,
	TAP_TUNNEL,  // UDP with port 2268 of one relay
	TAP_CHANNEL, // data of one (S,G), inside of AMT and native
};

// What is copied. Addresses as they lie on the wire, IPv4's in the first four octets.
struct crossing_tap_filter {
	uint8_t what;	   // enum crossing_tap_what
	bool one_port;	   // of `port` alone
	bool v6;	   // family of the addresses
	uint16_t port;	   // index of struct worker's ports[]
	uint16_t vlan;	   // only frames with this tag; 0: whatever they have
	uint16_t our_port; // of a tunnel: our UDP port, host order; 0: any
	uint16_t snaplen;  // octets of a frame that are copied at most
	uint8_t relay[16];
	uint8_t s[16], g[16];
};

// What stands before the octets of a frame in the ring; 8-aligned, never cut by its end.
struct crossing_tap_record {
	uint64_t tsc;	 // when the burst was received, or given to the driver
	uint32_t len;	 // octets of the frame
	uint32_t caplen; // of them, those that follow; TAP_SKIP: the ring begins anew
	uint32_t size;	 // of the record with all of it
	uint16_t port;	 // index of struct worker's ports[]
	bool sent;	 // else received
};
#define TAP_SKIP UINT32_MAX

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): two threads, two cache lines
struct crossing_tap {
	// Set by the control thread before a worker sees it.
	struct crossing_tap_filter filter;
	uint8_t *ring;
	uint64_t mask; // octets of the ring, a power of two, less one
	// Written by the worker, read by the reader; positions only grow.
	_Alignas(RTE_CACHE_LINE_SIZE) _Atomic uint64_t head;
	uint64_t frames, dropped; // copied; not copied, for the ring was full
	uint64_t ahead;		  // the worker's own: what is written and not yet shown
	// Written by the reader, read by the worker.
	_Alignas(RTE_CACHE_LINE_SIZE) _Atomic uint64_t tail;
};

// room: octets, a power of two from 4096 on. All memory is touched. NULL: out of memory.
struct crossing_tap *crossing_tap_create(const struct crossing_tap_filter *filter, uint64_t room);
// No worker has it any more, and nobody reads it.
void crossing_tap_free(struct crossing_tap *t);
// The reader: the record that is next, NULL when there is none; it and the octets behind it are
// good until crossing_tap_next().
const struct crossing_tap_record *crossing_tap_peek(struct crossing_tap *t);
void crossing_tap_next(struct crossing_tap *t, const struct crossing_tap_record *r);

#endif
