// SPDX-License-Identifier: BSD-3-Clause
// What the subcommands of inlet-bench share: options, the EAL, the result lines.
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_BURST	   32 // of all lanes: as a worker's
#define BENCH_MAX_CHANNELS 1000000
#define BENCH_MAX_TUNNELS  60000
#define BENCH_MAX_FANOUT   8
#define BENCH_MAX_LOCALS   32 // the odd traffic has some more
#define BENCH_MAX_LIST	   16

// A list of numbers from the command line; n == 0: not given.
struct bench_list {
	unsigned int n;
	uint32_t v[BENCH_MAX_LIST];
};

struct bench_options {
	unsigned int reps; // 0: the subcommand's default
	bool quick;
	bool json;	      // one object a line instead of the table
	const char *plot_dir; // NULL: no plots
	struct bench_list channels, tunnels, payloads, fanouts;
	struct bench_list families, l2s, traffics; // enum feed_family, product_l2, feed_traffic
	uint32_t updates;	// channels a second, added and removed while measured
	double zipf;		// exponent of the channels' popularity; 0: all alike
	uint32_t locals;	// local addresses of the tunnels; 0: not given
	bool tagged;		// input with a VLAN tag
	bool software;		// the driver says nothing of checksums
	const char *pcap;	// a capture as the feed; NULL: none
	bool no_huge;		// do not use huge pages where there are some
	const char *vdev;	// forward: which ports, NULL for the default
	const char *port, *out; // forward, generate: devargs of real ports
	unsigned int workers;	// forward: 0 for one
};

// Each subcommand: 0, or the exit status.
int decap_main(const struct bench_options *o);
int memory_main(const struct bench_options *o);
int forward_main(const struct bench_options *o);
int latency_main(const struct bench_options *o);
int compare_main(const char *a, const char *b);
int steer_main(int argc, char **argv);
int generate_main(int argc, char **argv);
int joins_main(int argc, char **argv);

// Starts the EAL with one lcore on the last CPU, no port and about `megabytes` of memory. 0 or
// -errno. bench_memory() says afterwards which pages it got: "huge", "thp" or "4k".
int bench_eal_init(const struct bench_options *o, unsigned int megabytes);
const char *bench_memory(void);
const char *bench_cpu(void);
// The CPU that the lcore runs on, and another one for a second thread (the same, if there is one).
unsigned int bench_cpu_main(void);
unsigned int bench_cpu_other(void);

// Octets that are allocated, by malloc() or of DPDK, without what an allocator keeps free.
size_t bench_heap(void);

// "what" and how far, on a terminal only. NULL wipes the line.
void bench_progress(const char *what, unsigned int done, unsigned int of);

#endif
