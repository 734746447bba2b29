// SPDX-License-Identifier: BSD-3-Clause
// Ports that the command line names, which something else feeds: NICs with a generator behind the
// cable (`inlet-bench generate` on another machine, TRex, pktgen), or any vdev. One process at a
// time can have them, so each turn opens and closes.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "bench/forward.h"
#include "bench/forward_eal.h"

#define REPS	   5
#define REPS_QUICK 3
#define WINDOW_MS  2000
#define SETTLE_MS  500

int forward_port(const struct bench_options *o, struct forward_result *r, char *err)
{
	const struct dut_cfg dc = {.in = o->port,
		.out = o->out,
		.shape = r->c.shape,
		.n_workers = r->c.workers,
		.out_polled = true,
		.extra_mbufs = 4096 * r->c.workers, // a capture file's, if it is one
		.cpu_control = forward_cpu_control(),
		.cpu_worker = forward_cpu_worker(),
		.no_huge = o->no_huge || !forward_eal_huge()};
	const struct testpmd_cfg tc = {.devices = {o->port, o->out},
		.n_devices = 2,
		.n_workers = r->c.workers,
		.mbufs = 32768 * r->c.workers,
		.cpu_control = forward_cpu_control(),
		.cpu_worker = forward_cpu_worker(),
		.no_huge = dc.no_huge};
	struct dut dut = {0};
	struct testpmd pmd = {0};
	struct contender c[] = {{.name = "product", .dut_cfg = &dc, .dut = &dut},
		{.name = "testpmd_macswap", .pmd_cfg = &tc, .pmd = &pmd, .mode = "macswap"},
		{.name = "testpmd_io", .pmd_cfg = &tc, .pmd = &pmd, .mode = "io"}};
	struct turns t = {.c = c,
		.n = RTE_DIM(c),
		.reps = o->reps	   ? o->reps
			: o->quick ? REPS_QUICK
				   : REPS,
		.settle_ms = SETTLE_MS,
		.window_ms = WINDOW_MS,
		.exclusive = true,
		.what = "forward, ports, turn"};

	r->external = true;
	r->median = true;
	return turns_run(&t, r, err);
}
