// SPDX-License-Identifier: BSD-3-Clause
// The control thread's part while a worker forwards: channels come and go, from a second thread on
// another CPU.
#ifndef BENCH_UPDATER_H
#define BENCH_UPDATER_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/product.h"

struct updater;

struct updater_cfg {
	uint32_t rate; // changes a second. A change is one channel added and another deleted, or
		       // with waves either.
	bool waves; // many are added, all deleted, and so on: the table grows and shrinks
};

// NULL when it cannot be started.
struct updater *updater_create(struct product *p, const struct updater_cfg *cfg);
void updater_destroy(struct updater *u);
// It runs between these two; both wait until it does, or does not. product's too.
void updater_begin(void *state);
void updater_burst(void *state, struct rte_mbuf **m, unsigned int n);
void updater_drain(void *state);
void updater_end(void *state);
// Channels added a second over the time it ran; those that could not be added.
double updater_rate(const struct updater *u);
uint64_t updater_failed(const struct updater *u);

#endif
