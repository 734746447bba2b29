// SPDX-License-Identifier: BSD-3-Clause
// Two network namespaces joined by two veth pairs of one queue each. They have no names and live as
// long as a process of ours is in them, so that nothing stays behind, however the bench ends.
//
//    A: gen0 ------- up0 :B  the datapath that is measured
//    A: sink0 ----- down0 :B
#ifndef BENCH_FORWARD_NETNS_H
#define BENCH_FORWARD_NETNS_H

#include <stdint.h>

#include "bench/forward_child.h"

#define NETNS_ERR_LEN 256

struct netns {
	struct child a, b; // processes that only hold a namespace each
};

// up_mac: of up0, which has address local (host order) with a /24. 0, or -errno with a line in err.
int netns_open(struct netns *n, const uint8_t up_mac[6], uint32_t local, char err[NETNS_ERR_LEN]);
void netns_close(struct netns *n);
// Moves this process there; to be called by a child with one thread. 0 or -errno.
int netns_enter(const struct child *holder);

#endif
