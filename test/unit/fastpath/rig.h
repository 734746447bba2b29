// SPDX-License-Identifier: BSD-3-Clause
// A worker without ports: interface 0 is upstream, 1 and 2 are downstream; one tunnel with one
// channel, those of the golden vectors. Used by the unit tests and the fuzz target.
#ifndef TEST_UNIT_FASTPATH_RIG_H
#define TEST_UNIT_FASTPATH_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crossing/crossing.h"
#include "fastpath/worker.h"
#include "mfib/mfib.h"

struct rte_mbuf;
struct rte_mempool;

#define RIG_IFS	  3
#define RIG_PORT  32768 // local port of the tunnel
#define RIG_VLAN  10	// a tag of interface 0
#define RIG_MBUFS 1023
#define RIG_FRAME 2048

struct rig {
	struct rte_mempool *pool;
	struct crossing *crossing;
	struct crossing_worker *x;
	struct mfib *mfib;
	struct mfib_tunnel *tunnel;
	struct mfib_channel *channel;
	struct worker worker;
};

// By what the frame is for: our own protocols, or the kernel.
enum rig_punt { RIG_CONTROL, RIG_OTHER };

// What became of one frame.
struct outcome {
	unsigned int forwarded;	  // native copies
	unsigned int punted[2];	  // RIG_CONTROL, RIG_OTHER
	uint8_t punt;		  // class of the last one
	uint64_t drops;		  // of all reasons
	enum drop_reason reason;  // one that moved
	uint32_t oifs;		  // interfaces with a copy
	uint8_t frame[RIG_FRAME]; // the first copy
	size_t len;
};

// An address that is right.
struct addr rig_ip(const char *text);
// Once a process. prefix: of its EAL files.
void rig_eal_init(const char *prefix);
void rig_setup(struct rig *r, uint64_t oifs);
// Frees all; aborts when an mbuf is missing.
void rig_teardown(struct rig *r);
unsigned int rig_mbufs_in_use(const struct rig *r);
// An mbuf with the frame in a buffer of exactly its size, so that a sanitizer sees a read past it.
struct rte_mbuf *rig_mbuf(struct rig *r, const uint8_t *frame, size_t len);
// Through the worker as one burst; then everything that came out is counted and freed.
void rig_run_mbuf(struct rig *r, struct rte_mbuf *m, struct outcome *out);
void rig_run(struct rig *r, const uint8_t *frame, size_t len, struct outcome *out);

#endif
