// SPDX-License-Identifier: BSD-3-Clause
// Frames of one datagram that are not all the same: for interfaces with different Ethernet headers,
// with a VLAN tag, or that it is too large for. Internal to fastpath.
#ifndef FASTPATH_FANOUT_H
#define FASTPATH_FANOUT_H

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct worker;

// As emit(). Interfaces with the same header share a frame; of those frames all but one are copies,
// or, where the drivers take chains and the datagram is large, all are a header of their own before
// the one datagram.
void fanout(
	struct worker *w, struct rte_mbuf *m, uint8_t *ip, uint16_t len, bool v6, uint64_t oifs);

// Gives back the mbufs that were got ahead for copies; to be called at the end of a burst.
void fanout_end(struct worker *w);

#endif
