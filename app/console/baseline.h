// SPDX-License-Identifier: BSD-3-Clause
// What "clear counters" counts from. The rooms' counters only ever grow, and the telemetry and the
// metrics have them as they are: the console subtracts what they were when they were cleared.
#ifndef CONSOLE_BASELINE_H
#define CONSOLE_BASELINE_H

#include <stddef.h>
#include <stdint.h>

#include "console/verb.h"

struct channel_view;
struct tunnel_view;

// Counters in a struct of uint64_t alone, one or several of a kind.
enum baseline_kind {
	BASELINE_PORT,	     // struct port_counters, by interface
	BASELINE_IF,	     // struct crossing_if_stats
	BASELINE_KIF,	     // struct kif_stats
	BASELINE_PIM,	     // struct pim_stats, by OBSERVE_FAMILIES * interface + family
	BASELINE_MEMBERSHIP, // struct membership_stats, the same
	BASELINE_WORKER,     // verb_worker_counts(), by worker
	BASELINE_FASTPATH,   // drops
	BASELINE_AMT,	     // struct amt_stats
	BASELINE_DRIAD,	     // struct driad_stats
	BASELINE_CHANNELS,   // drops
	BASELINE_JOINFILE,   // struct joinfile_stats
	BASELINE_KINDS
};

// NULL: out of memory.
struct baseline *baseline_create(void);
void baseline_free(struct baseline *b);
// CLOCK_MONOTONIC of the last "clear counters"; 0: there was none, or b is NULL.
uint64_t baseline_at_us(const struct baseline *b);
// out, as large as now, becomes what has been counted since then.
void baseline_since(const struct verb_ctx *v, enum baseline_kind kind, unsigned int index,
	const void *now, void *out, size_t size);
// The same for packets and bytes of a view, in place.
void baseline_channel(const struct verb_ctx *v, struct channel_view *c);
void baseline_tunnel(const struct verb_ctx *v, struct tunnel_view *t);

// What show workers has of a worker's own counters.
#define VERB_WORKER_COUNTS 13
void verb_worker_counts(
	const struct observe *o, unsigned int worker, uint64_t counts[VERB_WORKER_COUNTS]);

#endif
