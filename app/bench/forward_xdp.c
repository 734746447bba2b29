// SPDX-License-Identifier: BSD-3-Clause
// On the kernel's network devices: generator and sink on packet sockets, and between two veths the
// product on AF_XDP, then the socket gateway, on the same core. The kernel's receive work of both
// runs on the generator's core, as veth has it; sending runs on the datapath's.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>

#include "bench/forward.h"
#include "bench/forward_eal.h"
#include "bench/forward_netns.h"

#define REPS	   7
#define REPS_QUICK 3
#define WINDOW_MS  700
#define SETTLE_MS  150
#define PACKET	   "framesz=2048,blocksz=4096,framecnt=4096,qdisc_bypass=1"

static int enter_cb(void *arg)
{
	return netns_enter(arg);
}

// libxdp and libbpf have much to say on stderr, all of it harmless (drivers-config/af_xdp.md); an
// error of the port comes back in words.
static int enter_quietly_cb(void *arg)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		dup2(fd, STDERR_FILENO);
		close(fd);
	}
	return netns_enter(arg);
}

static int contend(const struct bench_options *o, struct forward_result *r, struct netns *ns,
	struct gen *gen, char err[FORWARD_TEXT_LEN])
{
	const struct dut_cfg dc = {.in = "net_af_xdp0,iface=up0",
		.out = "net_af_xdp1,iface=down0",
		.shape = r->c.shape,
		.n_workers = 1,
		.out_polled = true,
		.cpu_control = forward_cpu_control(),
		.cpu_worker = forward_cpu_worker(),
		.no_huge = o->no_huge || !forward_eal_huge(),
		.before_cb = enter_quietly_cb,
		.arg = &ns->b};
	const struct gateway_cfg gc = {.out = "down0",
		.shape = r->c.shape,
		.cpu_control = forward_cpu_control(),
		.cpu = forward_cpu_worker(),
		.before_cb = enter_cb,
		.arg = &ns->b};
	struct dut dut = {0};
	struct gateway gateway = {0};
	struct contender c[] = {{.name = "product", .dut_cfg = &dc, .dut = &dut},
		{.name = "socket_gateway", .gateway_cfg = &gc, .gateway = &gateway}};
	struct turns t = {.c = c,
		.n = RTE_DIM(c),
		.reps = o->reps	   ? o->reps
			: o->quick ? REPS_QUICK
				   : REPS,
		.settle_ms = SETTLE_MS,
		.window_ms = WINDOW_MS,
		.exclusive = true, // one of them has the veth
		.what = "forward, af_xdp, turn",
		.gen = gen,
		.flood = true};

	return turns_run(&t, r, err);
}

int forward_xdp(const struct bench_options *o, struct forward_result *r, char *err)
{
	static const uint8_t up[6] = {2, 0, 0, 0, 0, 1}, from[6] = {2, 0, 0, 0, 0, 2};
	struct netns ns;
	struct gen gen = {0};
	struct gen_cfg gc = {.port = "net_af_packet0,iface=gen0," PACKET,
		.sink = "net_af_packet1,iface=sink0," PACKET,
		.zipf = r->c.zipf,
		.cpu_control = forward_cpu_control(),
		.cpu = forward_cpu_control(),
		.no_huge = o->no_huge || !forward_eal_huge(),
		.before_cb = enter_cb,
		.arg = &ns.a};
	int rc;

	r->c.workers = 1;
	r->c.shape.tunnels = 1; // the socket gateway has one socket
	r->median = true;
	if (geteuid() != 0) {
		snprintf(r->skipped, sizeof(r->skipped), "needs root: makes network namespaces");
		return 0;
	}
	if (forward_cpu_control() == forward_cpu_worker()) {
		snprintf(r->skipped, sizeof(r->skipped),
			"needs two CPUs: one for the generator, one for the datapath");
		return 0;
	}
	memcpy(r->c.shape.dst, up, sizeof(up));
	memcpy(r->c.shape.src, from, sizeof(from));
	gc.shape = r->c.shape;
	rc = netns_open(&ns, up, FRAME_LOCAL, err);
	if (rc == 0)
		rc = gen_open(&gen, &gc, err);
	if (rc == 0)
		rc = contend(o, r, &ns, &gen, err);
	gen_close(&gen);
	netns_close(&ns);
	return rc;
}
