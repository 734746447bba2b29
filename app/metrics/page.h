// SPDX-License-Identifier: BSD-3-Clause
// A page of metrics, made in slices of the control loop's time: first everything is looked at, some
// at a time, then it is written, some at a time.
#ifndef METRICS_PAGE_H
#define METRICS_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "observe/observe.h"
#include "observe/om.h"

struct page;

struct page_cfg {
	uint32_t channels, tunnels; // at most so many have rows of their own
};

// NULL when memory is short.
struct page *page_create(const struct observe *o, const struct page_cfg *cfg, enum om_format format,
	uint64_t now_us);
void page_free(struct page *p);
// Goes on until the clock (CLOCK_MONOTONIC) passes until_us or a good part of text is there, at
// least a little; false when the page is finished.
bool page_step(struct page *p, uint64_t until_us);
// Memory was short: the text is not complete, and has no end.
bool page_failed(const struct page *p);
// What is written and not taken (om_taken()).
struct om *page_text(struct page *p);

#endif
