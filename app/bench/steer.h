// SPDX-License-Identifier: BSD-3-Clause
// inlet-bench steer: where tunnels land. No port is needed; what a port would read back is given.
#ifndef BENCH_STEER_H
#define BENCH_STEER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/rng.h"
#include "steer/steer.h"

#define STEER_MAX_LOCALS 64
#define STEER_LIST_UP_TO 32	  // relays whose ports are listed one by one
#define STEER_TOTAL_PPS	 10000000 // where the list gives no rates

struct steer_options {
	struct steer_rss rss;
	const char *key_name;
	const char *relay_file; // NULL: n_relays of our own making
	uint32_t n_relays;
	struct addr locals[STEER_MAX_LOCALS];
	unsigned int n_locals;
	double zipf; // exponent of the relays' popularity
	uint64_t seed;
	bool json;
	const char *plot_dir;
};

// A tunnel to be placed, and where it was.
struct steer_tunnel {
	struct steer_tuple t;
	unsigned int local; // of options' locals
	uint64_t pps;
	uint16_t queue;
	unsigned int tries;
};

// How one way of placing tunnels ends.
struct steer_row {
	const char *placement;
	uint64_t tunnels[STEER_MAX_QUEUES], load[STEER_MAX_QUEUES];
	double tries;		  // mean of a choice; 0: no port was chosen
	double ns;		  // of a choice
	unsigned int tries_worst; // of all choices
	unsigned int moves;
};

// 0, or -EINVAL after usage on stderr; 1: help was given.
int steer_options_parse(int argc, char **argv, struct steer_options *o);
// The tunnels of the options, in no order of load. NULL after a line on stderr.
struct steer_tunnel *steer_tunnels(const struct steer_options *o, uint32_t *n);

// With the ports of the tunnels, when they are few.
void steer_report_begin(const struct steer_options *o, const struct steer_tunnel *t, uint32_t n);
void steer_report_row(const struct steer_options *o, uint32_t n, const struct steer_row *r,
	const struct steer_row *random);
// steer.svg in o->plot_dir: load of each queue. 0 or -errno, said on stderr.
int steer_report_plot(const struct steer_options *o, const struct steer_row *rows, unsigned int n);

#endif
