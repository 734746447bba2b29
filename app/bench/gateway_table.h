// SPDX-License-Identifier: BSD-3-Clause
// The channels of the socket gateway: open addressing, a quarter full at most.
#ifndef BENCH_GATEWAY_TABLE_H
#define BENCH_GATEWAY_TABLE_H

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bench/forward_frame.h"

struct gateway_entry {
	uint64_t sg;	// as in the header; 0: free
	uint32_t relay; // network order
	uint64_t packets, bytes;
};

struct gateway_table {
	uint64_t mask;
	struct gateway_entry entries[];
};

static inline uint64_t gateway_table_hash(uint64_t sg)
{
	return (sg * 0x9e3779b97f4a7c15ull) >> 32;
}

// sg: the 8 octets S, G of a header.
static inline struct gateway_entry *gateway_table_find(struct gateway_table *t, const uint8_t *sg)
{
	uint64_t key;

	memcpy(&key, sg, sizeof(key));
	for (uint64_t i = gateway_table_hash(key);; i++) {
		struct gateway_entry *e = &t->entries[i & t->mask];

		if (e->sg == key)
			return e;
		if (e->sg == 0)
			return NULL;
	}
}

static inline struct gateway_table *gateway_table_create(const struct frame_shape *s)
{
	uint64_t n = 64;
	struct gateway_table *t;

	while (n < 4ull * s->channels)
		n *= 2;
	t = calloc(1, sizeof(*t) + n * sizeof(t->entries[0]));
	if (!t)
		return NULL;
	t->mask = n - 1;
	for (uint32_t c = 0; c < s->channels; c++) {
		struct sg sg = frame_sg(c);
		uint64_t key, i;

		memcpy(&key, sg.s.bytes, 4);
		memcpy((uint8_t *)&key + 4, sg.g.bytes, 4);
		for (i = gateway_table_hash(key); t->entries[i & t->mask].sg; i++)
			;
		t->entries[i & t->mask] = (struct gateway_entry){
			.sg = key, .relay = htonl(frame_relay(frame_tunnel(s, c)))};
	}
	return t;
}

#endif
