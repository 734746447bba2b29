// SPDX-License-Identifier: BSD-3-Clause
// Native multicast that comes in on a downstream interface. It matters to PIM alone: when it is of
// a channel that we forward there, another router does too. A sample is shown to the control
// thread: each flow once a window, and so many flows at most, whatever the rate. Internal to
// fastpath.
#ifndef FASTPATH_NATIVE_H
#define FASTPATH_NATIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "fastpath/worker.h"

// Whether this packet is one for the control thread. flow: what tells flows apart, in all bits.
static inline bool native_sample(struct worker_native *n, uint64_t flow, uint64_t tsc)
{
	uint64_t *seen;

	flow = (flow | 1) * 0x9e3779b97f4a7c15ull; // never 0, which is an empty place
	seen = &n->seen[flow >> (64 - WORKER_NATIVE_BITS)];
	if (tsc - n->since >= n->window) {
		n->since = tsc;
		n->left = WORKER_NATIVE_FLOWS;
		memset(n->seen, 0, sizeof(n->seen));
	}
	// Two flows in one place only show more often than they should.
	if (*seen == flow || n->left == 0)
		return false;
	*seen = flow;
	n->left--;
	return true;
}

#endif
