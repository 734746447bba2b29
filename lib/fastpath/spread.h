// SPDX-License-Identifier: BSD-3-Clause
// The software spreader on a worker: frames that another worker shall work on, and those that
// others have for us. crossing/spread.h has the rules. Internal to fastpath.
#ifndef FASTPATH_SPREAD_H
#define FASTPATH_SPREAD_H

#include "fastpath/worker.h"

// Takes n <= WORKER_BURST frames that came in on a port with a spread mode. What is ours stays in
// mbufs, in its order: how many. The rest goes to other workers, or is dropped as SPREAD_FULL.
unsigned int spread_burst(
	struct worker *w, unsigned int port, struct rte_mbuf **mbufs, unsigned int n);
// Works on what other workers spread to us, at most a burst of each; how many frames.
unsigned int spread_take(struct worker *w);

#endif
