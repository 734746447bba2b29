// SPDX-License-Identifier: BSD-3-Clause
// Memory for the arrays of a table: mapped whole, given pages and given back a piece at a time, so
// that no call waits for the kernel to clear or free all of it. Internal to mfib.
#ifndef MFIB_ARENA_H
#define MFIB_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena {
	uint8_t *base; // zeroes; to be touched up to `ready` only
	size_t size;   // octets still mapped
	size_t piece;  // octets of a step
	size_t ready;  // octets that have pages
};

// Address space for size octets; from `socket` (below 0: any) its pages will come if it has some.
// Free huge pages are reserved where they suffice for all of it, else the kernel is asked to make
// some. 0 or -ENOMEM.
int arena_reserve(struct arena *a, size_t size, int socket);
// Gives the next piece its pages; there must be one without. 0 or -ENOMEM.
int arena_populate(struct arena *a);
// Gives the last piece back.
void arena_shrink(struct arena *a);
// Gives all back at once.
void arena_free(struct arena *a);

#endif
