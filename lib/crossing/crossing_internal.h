// SPDX-License-Identifier: BSD-3-Clause
// What the files of the crossing share.
#ifndef CROSSING_CROSSING_INTERNAL_H
#define CROSSING_CROSSING_INTERNAL_H

struct rte_ring;

// A ring of pointers with one thread at each end; NULL when memory is short.
struct rte_ring *crossing_ring_create(unsigned int size, int socket);

#endif
