// SPDX-License-Identifier: BSD-3-Clause
// The greatest of very many, in room for a few: a heap that keeps at most so many, whatever it is
// offered and in whatever order.
#ifndef OBSERVE_TOP_H
#define OBSERVE_TOP_H

#include <stdbool.h>
#include <stdint.h>

struct top {
	uint32_t n, max;
	uint64_t offered;
	uint32_t size; // octets of an item
	struct top_row *rows;
	char *items;
};

// Room for max items of size octets, which are copied. 0 or -ENOMEM.
int top_init(struct top *t, uint32_t max, uint32_t size);
void top_fini(struct top *t);
// Keeps it where it is among the max greatest so far. Of equals the first ones stay.
void top_offer(struct top *t, uint64_t value, const void *item);
// Ends the offers: from now on top_item() gives them from the greatest on.
void top_sort(struct top *t);
const void *top_item(const struct top *t, uint32_t i, uint64_t *value);

#endif
