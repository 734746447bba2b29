// SPDX-License-Identifier: BSD-3-Clause
// Shared memory between two processes: a generator and sink of our own on another core, with as
// many frames under way as the rings hold at ease, so that none is lost and nobody waits. What the
// two cores share makes this bimodal on some machines; medians, and no floor.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "bench/forward.h"
#include "bench/forward_eal.h"

#define REPS	   7
#define REPS_QUICK 3
#define WINDOW_MS  300
#define SETTLE_MS  50
#define UNDER_WAY  512
// 2^11 slots a ring. The sockets are abstract ones: no file.
#define OPTIONS "rsize=11,socket-abstract=yes,socket=inlet-bench"

static int contend(const struct bench_options *o, struct forward_result *r, struct gen *gen,
	char err[FORWARD_TEXT_LEN])
{
	const char *in = "net_memif0,role=client,id=0," OPTIONS,
		   *out = "net_memif1,role=client,id=1," OPTIONS;
	const struct dut_cfg dc = {.in = in,
		.out = out,
		.shape = r->c.shape,
		.n_workers = 1,
		.out_polled = true,
		.cpu_control = forward_cpu_control(),
		.cpu_worker = forward_cpu_worker(),
		.no_huge = o->no_huge || !forward_eal_huge()};
	const struct testpmd_cfg tc = {.devices = {in, out},
		.n_devices = 2,
		.n_workers = 1,
		.mbufs = 16384,
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
		.exclusive = true, // a server's port takes one client
		.what = "forward, memif, turn",
		.gen = gen,
		.pace = {.window = UNDER_WAY}};

	return turns_run(&t, r, err);
}

int forward_memif(const struct bench_options *o, struct forward_result *r, char *err)
{
	const struct gen_cfg gc = {.port = "net_memif0,role=server,id=0," OPTIONS,
		.sink = "net_memif1,role=server,id=1," OPTIONS,
		.shape = r->c.shape,
		.zipf = r->c.zipf,
		.cpu_control = forward_cpu_control(),
		.cpu = forward_cpu_control(),
		.no_huge = o->no_huge || !forward_eal_huge()};
	struct gen gen = {0};
	int rc;

	r->c.workers = 1;
	r->median = true;
	if (forward_cpu_control() == forward_cpu_worker()) {
		snprintf(r->skipped, sizeof(r->skipped),
			"needs two CPUs: one for the generator, one for the worker");
		return 0;
	}
	rc = gen_open(&gen, &gc, err);
	if (rc == 0)
		rc = contend(o, r, &gen, err);
	gen_close(&gen);
	return rc;
}
