// SPDX-License-Identifier: BSD-3-Clause
// The EAL of a child: a main lcore that sleeps and worker lcores that poll, no other device probed
// than those that will be opened.
#ifndef BENCH_FORWARD_EAL_H
#define BENCH_FORWARD_EAL_H

#include <stdbool.h>

struct forward_eal {
	const char *name; // of its run-time directory
	unsigned int cpu_control, cpu_worker;
	unsigned int n_workers; // lcore i + 1 is on CPU cpu_worker - i
	const char *devices[2]; // devargs, or NULL; they are not probed here
	const char *extra[4];	// arguments, up to a NULL
	bool no_huge;
};

// 0 or -errno.
int forward_eal_start(const struct forward_eal *e);
void forward_eal_stop(void);

unsigned int forward_eal_cpus(void);
// Whether there are huge pages for a child.
bool forward_eal_huge(void);

#endif
