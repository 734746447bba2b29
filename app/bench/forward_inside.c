// SPDX-License-Identifier: BSD-3-Clause
#include "bench/forward_inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "bench/forward_eal.h"

#define PUNT_RING    512 // as inletd
#define INJECT_RING  64
#define DESCRIPTORS  1024
#define PUNT_BURST   64
#define LINK_MS	     9000
#define LINK_STEP_MS 10

static int open_port(const char *device, struct port *p, bool *is_open, const struct dut_cfg *cfg,
	char err[DUT_ERR_LEN])
{
	const struct port_cfg pc = {.device = device, .n_queues = (uint16_t)cfg->n_workers};
	// What inletd allows for: punt rings, and the transmit queues of both ports.
	unsigned int extra = cfg->n_workers * (CROSSING_PUNT_FRAMES(PUNT_RING) +
						      2 * (DESCRIPTORS + WORKER_TX_QUEUE));
	char why[PORT_ERR_LEN];
	int rc = port_open(&pc, extra + cfg->extra_mbufs, p, why);

	if (rc != 0)
		snprintf(err, DUT_ERR_LEN, "%s", why);
	*is_open = rc == 0;
	return rc;
}

static struct worker_port worker_port(
	const struct port *p, unsigned int queue, bool polled, uint8_t ifindex)
{
	return (struct worker_port){
		.port_id = p->port_id,
		.rx_queue = polled ? (uint16_t)queue : WORKER_NO_QUEUE,
		.tx_queue = (uint16_t)queue,
		.ip_cksum_hw = p->ip_cksum_hw,
		.l4_cksum_hw = p->l4_cksum_hw,
		.multi_segs = p->multi_segs,
		.untagged = ifindex,
	};
}

static void worker_fill(struct dut_inside *in, unsigned int i)
{
	struct worker *w = &in->workers[i];

	w->n_ports = 2;
	w->ports[0] = worker_port(&in->in, i, true, 0);
	w->ports[1] = worker_port(&in->out, i, in->cfg->out_polled, 1);
	w->n_ifs = 2;
	w->ifs[0] = (struct worker_if){.port = 0, .mtu = in->in.mtu, .upstream = true};
	w->ifs[1] = (struct worker_if){.port = 1, .mtu = in->out.mtu};
	memcpy(w->ifs[0].mac, in->in.mac, sizeof(w->ifs[0].mac));
	memcpy(w->ifs[1].mac, in->out.mac, sizeof(w->ifs[1].mac));
	w->table = mfib_worker_table(in->mfib, i);
	w->x = in->crossing->workers[i];
	worker_prepare(w);
}

static int join_all(struct dut_inside *in)
{
	const struct frame_shape *s = &in->cfg->shape;
	struct addr local = addr_from_v4(htonl(FRAME_LOCAL));
	struct mfib_tunnel **tunnels =
		rte_calloc("tunnels", s->tunnels, sizeof(struct mfib_tunnel *), 0);
	int rc = tunnels ? 0 : -ENOMEM;

	for (uint32_t t = 0; rc == 0 && t < s->tunnels; t++) {
		struct addr relay = addr_from_v4(htonl(frame_relay(t)));

		tunnels[t] = mfib_tunnel_add(in->mfib, &relay, &local, frame_port(t));
		rc = tunnels[t] ? 0 : -ENOMEM;
	}
	for (uint32_t c = 0; rc == 0 && c < s->channels; c++) {
		struct sg sg = frame_sg(c);

		if (!mfib_channel_add(in->mfib, tunnels[frame_tunnel(s, c)], &sg, 1u << 1))
			rc = -ENOMEM;
		if (c % 8192 == 0)
			mfib_reclaim(in->mfib);
	}
	rte_free(tunnels); // they belong to the mfib
	mfib_reclaim(in->mfib);
	return rc;
}

static int make_tables(struct dut_inside *in)
{
	unsigned int n = in->cfg->n_workers;
	int sockets[DUT_MAX_WORKERS];
	uint16_t mtu = RTE_MAX(in->in.mtu, in->out.mtu);

	for (unsigned int i = 0; i < n; i++)
		sockets[i] = (int)rte_lcore_to_socket_id(i + 1);
	in->crossing = crossing_create(n, sockets, 2, PUNT_RING, INJECT_RING, (uint16_t)(mtu + 18));
	in->mfib = mfib_create(n, sockets);
	in->workers = rte_zmalloc("workers", n * sizeof(*in->workers), RTE_CACHE_LINE_SIZE);
	if (!in->crossing || !in->mfib || !in->workers)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++)
		worker_fill(in, i);
	return join_all(in);
}

// A link that comes up later would cost the first frames. One that does not is for the turns to
// find.
static void wait_for_links(const struct dut_inside *in)
{
	for (unsigned int left = LINK_MS; left > 0; left -= LINK_STEP_MS) {
		if (port_link_up(&in->in) && port_link_up(&in->out))
			return;
		rte_delay_us_sleep(LINK_STEP_MS * 1000);
	}
}

int inside_open(struct dut_inside *in, const struct dut_cfg *cfg, char err[DUT_ERR_LEN])
{
	const struct forward_eal eal = {.name = "inlet-bench-dut",
		.cpu_control = cfg->cpu_control,
		.cpu_worker = cfg->cpu_worker,
		.n_workers = cfg->n_workers,
		.devices = {cfg->in, cfg->out},
		.extra = {cfg->eal[0], cfg->eal[1], cfg->eal[2], cfg->eal[3]},
		.no_huge = cfg->no_huge};
	int rc = 0;

	memset(in, 0, sizeof(*in));
	in->cfg = cfg;
	err[0] = '\0';
	if (cfg->before_cb && (rc = cfg->before_cb(cfg->arg)) != 0) {
		snprintf(err, DUT_ERR_LEN, "preparing the namespace: %s", strerror(-rc));
		return rc;
	}
	if ((rc = forward_eal_start(&eal)) != 0) {
		snprintf(err, DUT_ERR_LEN, "the EAL does not start: %s", strerror(-rc));
		return rc;
	}
	if ((rc = open_port(cfg->in, &in->in, &in->in_open, cfg, err)) != 0 ||
		(rc = open_port(cfg->out, &in->out, &in->out_open, cfg, err)) != 0)
		return rc;
	rc = make_tables(in);
	if (rc != 0)
		snprintf(err, DUT_ERR_LEN, "no memory for %u channels", cfg->shape.channels);
	else
		wait_for_links(in);
	return rc;
}

void inside_close(struct dut_inside *in)
{
	inside_stop(in);
	if (in->crossing)
		crossing_destroy(in->crossing);
	if (in->mfib)
		mfib_destroy(in->mfib);
	rte_free(in->workers);
	if (in->in_open)
		port_close(&in->in);
	if (in->out_open)
		port_close(&in->out);
	forward_eal_stop();
}

int inside_start(struct dut_inside *in)
{
	for (unsigned int i = 0; i < in->cfg->n_workers; i++) {
		int rc;

		atomic_store_explicit(&in->crossing->workers[i]->stop, false, memory_order_release);
		rc = rte_eal_remote_launch(worker_run, &in->workers[i], i + 1);
		if (rc != 0)
			return rc;
		in->running = true;
	}
	return 0;
}

void inside_stop(struct dut_inside *in)
{
	if (!in->running)
		return;
	for (unsigned int i = 0; i < in->cfg->n_workers; i++)
		atomic_store_explicit(&in->crossing->workers[i]->stop, true, memory_order_release);
	rte_eal_mp_wait_lcore();
	in->running = false;
	inside_housekeeping(in);
}

void inside_housekeeping(struct dut_inside *in)
{
	struct rte_mbuf *mbufs[PUNT_BURST];
	unsigned int n;

	do {
		n = crossing_punt_dequeue(in->crossing, PUNT_ALL, mbufs, PUNT_BURST);
		rte_pktmbuf_free_bulk(mbufs, n);
		in->punted += n;
	} while (n == PUNT_BURST);
	mfib_reclaim(in->mfib);
}

void inside_counters(struct dut_inside *in, struct dut_counters *out)
{
	struct crossing_if_stats stats;
	struct port_counters pc;

	memset(out, 0, sizeof(*out));
	port_counters(&in->in, &pc);
	out->received = pc.rx_packets;
	port_counters(&in->out, &pc);
	out->sent = pc.tx_packets;
	out->tsc = rte_rdtsc();
	out->tsc_hz = rte_get_tsc_hz();
	crossing_if_stats(in->crossing, 1, &stats);
	out->forwarded = stats.tx_packets;
	out->punted = in->punted;
	for (int i = 0; i < DROP_COUNT; i++)
		out->drops[i] = crossing_drop(in->crossing, (enum drop_reason)i);
	out->huge = rte_eal_has_hugepages() != 0;
}
