// SPDX-License-Identifier: BSD-3-Clause
// The control side of struct mfib_endpoints: local addresses, and the relay of each local port.
// Internal to mfib.
#ifndef MFIB_ENDPOINTS_H
#define MFIB_ENDPOINTS_H

#include "base/addr.h"
#include "mfib/mfib_table.h"

struct endpoints {
	struct mfib_endpoints *shared; // what workers read
	struct rte_rcu_qsbr *qsbr;
	struct endpoint_local {
		struct addr addr;   // last
		uint32_t n_tunnels; // 0: free,
		uint64_t token;	    // since then
	} local[MFIB_MAX_LOCALS];
};

// 0 or -ENOMEM.
int endpoints_init(struct endpoints *ep, struct rte_rcu_qsbr *qsbr);
void endpoints_fini(struct endpoints *ep);
// Index + 1 of the local address, whose relay at port (host order) is now `relay`; or -EEXIST,
// -ENOSPC, -ENOMEM.
int endpoints_add(
	struct endpoints *ep, const struct addr *local, uint16_t port, const struct addr *relay);
void endpoints_del(
	struct endpoints *ep, unsigned int local, uint16_t port, const struct addr *relay);

#endif
