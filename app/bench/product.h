// SPDX-License-Identifier: BSD-3-Clause
// The subject: a worker of the product with its replica of a table full of channels.
#ifndef BENCH_PRODUCT_H
#define BENCH_PRODUCT_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/feed.h"
#include "crossing/crossing.h"
#include "fastpath/worker.h"
#include "mfib/mfib.h"
#include "property/oracle.h"

// What further output ports cost depends on their Ethernet headers: with the same one they can
// share a frame; with one each, a copy is made, or where drivers take chains, a header mbuf.
enum product_l2 { PRODUCT_SAME, PRODUCT_OWN, PRODUCT_CHAIN, PRODUCT_L2S };
extern const char *const product_l2_names[PRODUCT_L2S];

// Interfaces of any product: 0 is port 0, upstream; then those downstream; then the VLANs
// ORACLE_VLAN_UPSTREAM and ORACLE_VLAN_OTHER of port 0.
#define PRODUCT_MIXED_OIFS 63 // so that the last bit of an oif set is used
#define PRODUCT_IFS	   (PRODUCT_MIXED_OIFS + 3)

struct product_cfg {
	unsigned int fanout; // downstream interfaces: 1 to fanout, each on the port of its number
	enum product_l2 l2;
	// Instead: PRODUCT_MIXED_OIFS interfaces, VLANs too, of all MTUs, some with the same
	// Ethernet header, and each channel to a few of them, to all or to none.
	bool mixed;
};

struct product {
	struct product_cfg cfg;
	struct feed_shape joined;  // as it was created
	struct oracle_world world; // the same for the oracle
	struct crossing *crossing;
	struct mfib *mfib;
	struct mfib_tunnel **tunnels;	// NULL where a capture has two at one port
	struct mfib_channel **channels; // NULL where their tunnel is
	uint32_t n_tunnels, n_channels;
	struct worker *worker;
	uint8_t *by_vlan;
};

// Joins shape's channels. crossing: for PRODUCT_IFS interfaces. NULL when memory is short.
struct product *product_create(
	const struct feed_shape *shape, const struct product_cfg *cfg, struct crossing *crossing);
void product_destroy(struct product *p);
// The interfaces that a channel is joined on. arg: struct product.
uint64_t product_oifs_cb(const void *arg, uint32_t channel);

// What worker_run() does once it runs and when it stops; a burst is a round of it behind the
// driver. state: struct product.
void product_begin(void *state);
void product_burst(void *state, struct rte_mbuf **m, unsigned int n);
void product_end(void *state);
// Frees what was punted, as the control thread would in time.
void product_drain(void *state);

#endif
