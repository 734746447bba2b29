// SPDX-License-Identifier: BSD-3-Clause
#include "observe/top.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct top_row {
	uint64_t value;
	uint64_t order; // when it was offered: the later of equals is the lesser
	uint32_t item;
};

int top_init(struct top *t, uint32_t max, uint32_t size)
{
	*t = (struct top){.max = max, .size = size};
	t->rows = calloc(max ? max : 1, sizeof(*t->rows));
	t->items = calloc(max ? max : 1, size);
	if (t->rows && t->items)
		return 0;
	top_fini(t);
	return -ENOMEM;
}

void top_fini(struct top *t)
{
	free(t->rows);
	free(t->items);
	*t = (struct top){0};
}

static bool is_less(const struct top_row *a, const struct top_row *b)
{
	return a->value != b->value ? a->value < b->value : a->order > b->order;
}

static void swap(struct top_row *a, struct top_row *b)
{
	struct top_row row = *a;

	*a = *b;
	*b = row;
}

// The least is at the root.
static void sift_down(struct top *t, uint32_t i, uint32_t n)
{
	for (;;) {
		uint32_t least = i, child = 2 * i + 1;

		for (uint32_t c = child; c < child + 2 && c < n; c++)
			if (is_less(&t->rows[c], &t->rows[least]))
				least = c;
		if (least == i)
			return;
		swap(&t->rows[i], &t->rows[least]);
		i = least;
	}
}

static void sift_up(struct top *t, uint32_t i)
{
	while (i > 0 && is_less(&t->rows[i], &t->rows[(i - 1) / 2])) {
		swap(&t->rows[i], &t->rows[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
}

void top_offer(struct top *t, uint64_t value, const void *item)
{
	struct top_row row = {.value = value, .order = t->offered++};

	if (t->n < t->max) {
		row.item = t->n;
		t->rows[t->n] = row;
		sift_up(t, t->n++);
	} else if (t->max > 0 && is_less(&t->rows[0], &row)) {
		row.item = t->rows[0].item;
		t->rows[0] = row;
		sift_down(t, 0, t->n);
	} else {
		return;
	}
	memcpy(t->items + (size_t)row.item * t->size, item, t->size);
}

void top_sort(struct top *t)
{
	for (uint32_t n = t->n; n > 1; n--) {
		swap(&t->rows[0], &t->rows[n - 1]);
		sift_down(t, 0, n - 1);
	}
}

const void *top_item(const struct top *t, uint32_t i, uint64_t *value)
{
	if (value)
		*value = t->rows[i].value;
	return t->items + (size_t)t->rows[i].item * t->size;
}
