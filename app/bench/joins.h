// SPDX-License-Identifier: BSD-3-Clause
// inlet-bench joins: what the control thread takes for channels that routers ask for. The product's
// own rooms from PIM to the forwarding table, with routers, DNS and relays played around them.
#ifndef BENCH_JOINS_H
#define BENCH_JOINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct joins_options {
	uint32_t channels, sources, relays; // of the full table
	uint32_t joins;			    // of a burst in one second
	bool quick, json, check, no_huge;
};

// The figures go through here, to be printed as they come.
struct joins_report {
	const struct joins_options *o;
	FILE *say; // stderr as it was: the log of the rooms has the descriptor
	unsigned int broken;
};
// What case `name` found: the figure in one word and for people. limit: what it is not to pass, 0:
// it has none.
void joins_say(struct joins_report *r, const char *name, const char *figure, const char *text,
	double value, const char *unit, double limit);
void joins_progress(struct joins_report *r, const char *what, uint64_t done, uint64_t of);
// Something that has to be there is not: as a limit that is broken.
void joins_wrong(struct joins_report *r, const char *name, const char *what);

// CPU time of this thread.
uint64_t joins_cpu_ns(void);

// Each 0, or -1 when memory is short.
int joins_cases(struct joins_report *r);  // on simulated time
int joins_timers(struct joins_report *r); // the heap of timers alone

#endif
