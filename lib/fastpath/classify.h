// SPDX-License-Identifier: BSD-3-Clause
// What a frame is, decided with every check in the order of drops.h. The common case is accepted by
// process.c without it; whatever that does not recognise comes here. Internal to fastpath.
#ifndef FASTPATH_CLASSIFY_H
#define FASTPATH_CLASSIFY_H

#include <stdint.h>

#include "crossing/drops.h"
#include "fastpath/worker.h"
#include "mfib/mfib_table.h"

struct rte_mbuf;

enum verdict { VERDICT_FORWARD, VERDICT_DROP, VERDICT_PUNT_CONTROL, VERDICT_PUNT_OTHER };

struct class
{
	enum verdict verdict;
	enum drop_reason reason; // VERDICT_DROP
	// VERDICT_FORWARD: the channel, where the inner header begins, its datagram's length, and
	// the ECN field that it leaves with.
	struct mfib_entry *entry;
	uint16_t inner;
	uint16_t inner_len;
	uint8_t ecn;
};

// buckets: of this burst. Reads nothing past the first segment.
struct class classify(const struct worker *w, unsigned int ifindex, struct mfib_buckets *buckets,
	const struct rte_mbuf *m);

#endif
