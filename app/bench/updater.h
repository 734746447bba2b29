// SPDX-License-Identifier: BSD-3-Clause
// The control thread's part while a worker forwards: channels come and go at a steady rate, from a
// second thread on another CPU.
#ifndef BENCH_UPDATER_H
#define BENCH_UPDATER_H

#include <stdint.h>

#include "bench/product.h"

struct updater;

// rate: channels added a second, and as many deleted. NULL when it cannot be started.
struct updater *updater_create(struct product *p, uint32_t rate);
void updater_destroy(struct updater *u);
// It runs between these two; both wait until it does, or does not. product's too.
void updater_begin(void *state);
void updater_burst(void *state, struct rte_mbuf **m, unsigned int n);
void updater_end(void *state);
// Channels added a second over the time it ran; those that could not be added.
double updater_rate(const struct updater *u);
uint64_t updater_failed(const struct updater *u);

#endif
