// SPDX-License-Identifier: BSD-3-Clause
// The table of incomplete datagrams, made and unmade by reass_create.c, used by reass.c.
#ifndef FASTPATH_REASS_INTERNAL_H
#define FASTPATH_REASS_INTERNAL_H

#include <assert.h>
#include <stdint.h>

#include <rte_common.h>

#include "fastpath/reass.h"

#define REASS_UNIT  8	// octets; offsets count these
#define REASS_WORDS 128 // of 64 units each: a datagram of 65,535 octets
#define REASS_NONE  UINT16_MAX

// What of 64 units is there, and at which of them a fragment begins.
struct reass_units {
	uint64_t there;
	uint64_t begins;
};

struct reass_slot {
	// The datagram, as it lies on the wire; it is UDP.
	uint32_t src, dst;
	uint16_t id;
	uint16_t next;	       // of its bucket, or of the free ones
	uint16_t older, newer; // all that are in use, by age
	uint64_t born;	       // TSC of its first fragment to come
	struct rte_mbuf *m;    // its fragments go here; NULL before the first and after the end
	uint32_t payload;     // where in the mbuf's buffer the octet 0 of the datagram's payload is
	uint32_t end;	      // octets up to the end of its farthest fragment
	uint32_t total;	      // octets of payload; 0: the last fragment has not come
	uint32_t n_units;     // that are there
	uint32_t n_fragments; // taken and not yet counted
	uint8_t l3, ip_len;   // of the first fragment; ip_len 0: it has not come
	uint8_t ecn_seen;     // bit e: a fragment with the ECN field e
	uint8_t ended;	      // the enum drop_reason for which it did, or DROP_COUNT
	_Alignas(RTE_CACHE_LINE_SIZE) struct reass_units units[REASS_WORDS];
};

static_assert(sizeof(struct reass_slot) == 64 + REASS_WORDS * 16, "as reass.h tells");
static_assert(DROP_COUNT < UINT8_MAX, "a reason fits struct reass_slot's ended");

struct reass {
	uint64_t seed[3];
	uint64_t timeout; // TSC
	struct reass_slot *slots;
	uint16_t *buckets; // bucket_mask + 1 chains of slots
	uint32_t bucket_mask;
	uint32_t n_slots;
	uint16_t oldest, newest, free; // slots, or REASS_NONE
};

#endif
