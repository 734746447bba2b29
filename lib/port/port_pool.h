// SPDX-License-Identifier: BSD-3-Clause
// Mempools of ports. Private to the room.
#ifndef PORT_PORT_POOL_H
#define PORT_PORT_POOL_H

#include <stdint.h>

struct rte_mempool;

// Octets of the data room of port_pool_umem(): with mbuf and object header, a page of 4 KiB.
#define PORT_UMEM_ROOM (4096 - 64 - 128)

// A pool of n mbufs for net_af_xdp, which registers the pool's memory with the kernel: from the
// page of its start, for n times the octets of an object. Where objects leave gaps (at the ends of
// pages, which they may not cross) the last of them lie outside: measured without huge pages, 42 %
// of a pool of 2304-octet mbufs, and the port receives nothing more once those have come into its
// fill ring. Objects of a page leave no gaps; one that is outside for all that is never given out.
// NULL with rte_errno.
struct rte_mempool *port_pool_umem(
	const char *name, unsigned int n, unsigned int cache, int socket);

#endif
