// SPDX-License-Identifier: BSD-3-Clause
// From a capture file that repeats for ever to a port that keeps nothing: one core, no other one
// involved, a copy of each frame by the driver as by a NIC's DMA.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>

#include "bench/forward.h"
#include "bench/forward_eal.h"

#define FRAMES	   4096
#define REPS	   21
#define REPS_QUICK 9
#define WINDOW_MS  150
#define DEVICE_LEN (DUT_MAX_QUEUES * (FRAME_PATH_LEN + 16))

#define DUT_MAX_QUEUES 16

static void device_name(char *dev, size_t size, const char *path, unsigned int queues)
{
	size_t len = (size_t)snprintf(dev, size, "net_pcap0,infinite_rx=1");

	for (unsigned int q = 0; q < queues && len < size; q++)
		len += (size_t)snprintf(dev + len, size - len, ",rx_pcap=%s", path);
	// As many queues to transmit, which drop.
	for (unsigned int q = 0; q < queues && queues > 1 && len < size; q++)
		len += (size_t)snprintf(dev + len, size - len, ",tx_pcap=/dev/null");
}

static int contend(const struct bench_options *o, struct forward_result *r, const char *in,
	char err[FORWARD_TEXT_LEN])
{
	const struct dut_cfg dc = {.in = in,
		.out = "net_null1,no-rx=1",
		.shape = r->c.shape,
		.n_workers = r->c.workers,
		.extra_mbufs = FRAMES * r->c.workers,
		.out_polled = true, // as testpmd does
		.cpu_control = forward_cpu_control(),
		.cpu_worker = forward_cpu_worker(),
		.no_huge = o->no_huge || !forward_eal_huge()};
	const struct testpmd_cfg tc = {.devices = {in, "net_null1,no-rx=1"},
		.n_devices = 2,
		.n_workers = r->c.workers,
		.mbufs = 16384 + FRAMES * r->c.workers,
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
		.settle_ms = 20,
		.window_ms = WINDOW_MS,
		.what = "forward, pcap to null, turn"};

	return turns_run(&t, r, err);
}

int forward_pcap(const struct bench_options *o, struct forward_result *r, char *err)
{
	char path[FRAME_PATH_LEN], in[DEVICE_LEN];
	int fd, rc;

	if (r->c.workers > DUT_MAX_QUEUES)
		return -ERANGE;
	fd = frame_capture(&r->c.shape, FRAMES, path);
	if (fd < 0) {
		snprintf(err, FORWARD_TEXT_LEN, "capture file: %s", strerror(-fd));
		return fd;
	}
	device_name(in, sizeof(in), path, r->c.workers);
	rc = contend(o, r, in, err);
	close(fd);
	return rc;
}
