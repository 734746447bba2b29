// SPDX-License-Identifier: BSD-3-Clause
#include "port/port_pool.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

// The end of what the driver registers (its get_base_addr() and xsk_umem_info).
static uintptr_t umem_end(struct rte_mempool *mp)
{
	uintptr_t start = (uintptr_t)STAILQ_FIRST(&mp->mem_list)->addr;

	return start + (uintptr_t)mp->populated_size *
			       rte_mempool_calc_obj_size(mp->elt_size, mp->flags, NULL);
}

// Takes the mbufs out that are outside, for good.
static int hold_back(struct rte_mempool *mp)
{
	uintptr_t end = umem_end(mp);
	unsigned int n = mp->populated_size, kept = 0;
	void **all = calloc(n, sizeof(*all));

	if (all == NULL || rte_mempool_get_bulk(mp, all, n) != 0) {
		free(all);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < n; i++)
		if ((uintptr_t)all[i] + mp->elt_size <= end)
			all[kept++] = all[i];
	rte_mempool_put_bulk(mp, all, kept);
	free(all);
	return 0;
}

struct rte_mempool *port_pool_umem(const char *name, unsigned int n, unsigned int cache, int socket)
{
	struct rte_pktmbuf_pool_private priv = {
		.mbuf_data_room_size = PORT_UMEM_ROOM,
	};
	// No padding to an odd number of cache lines, or an object would be more than a page.
	struct rte_mempool *mp =
		rte_mempool_create_empty(name, n, sizeof(struct rte_mbuf) + PORT_UMEM_ROOM, cache,
			sizeof(priv), socket, RTE_MEMPOOL_F_NO_SPREAD);
	int rc;

	if (mp == NULL)
		return NULL;
	rc = rte_mempool_set_ops_byname(mp, rte_mbuf_best_mempool_ops(), NULL);
	if (rc == 0) {
		rte_pktmbuf_pool_init(mp, &priv);
		rc = rte_mempool_populate_default(mp);
	}
	if (rc >= 0) {
		rte_mempool_obj_iter(mp, rte_pktmbuf_init, NULL);
		rc = hold_back(mp);
	}
	if (rc >= 0)
		return mp;
	rte_mempool_free(mp);
	rte_errno = -rc;
	return NULL;
}
