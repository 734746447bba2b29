// SPDX-License-Identifier: BSD-3-Clause
// What sender and sink of lab-stream share. The sink is a thread of its own.
#ifndef LAB_STREAM_H
#define LAB_STREAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "floodnet.h"

#define STREAM_PORT 5001
#define STREAM_MAX  64 // channels

// A channel, and the tunnel that its data come through.
struct stream_flow {
	struct sg sg;
	struct addr relay, local;
	uint16_t port;
	uint64_t sent;
	// The sink's: a bit for each number that came.
	uint64_t *seen;
	uint64_t high; // highest number that came, and one
	uint64_t got, twice, late;
	uint64_t last_ns, gap_ns; // the longest time between two packets
};

struct sink {
	int fd;
	struct stream_flow *flows;
	unsigned int n_flows;
	uint64_t numbers;  // of each flow's `seen`
	uint64_t since_ns; // CLOCK_REALTIME: what was sent before is of another run
	_Atomic bool stop;
	uint64_t bad, longest_ns;
	uint64_t kernel_drops; // the kernel had no room in the ring
};

// Sets up the ring on a packet socket that receives.
void sink_open(struct sink *s);
void *sink_run(void *sink);

#endif
