// SPDX-License-Identifier: BSD-3-Clause
// The workers: their memory, which queues of which port are whose, and the rings between them.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "base/log.h"
#include "caps.h"
#include "fastpath/reass.h"
#include "inlet.h"

#define INJECT_RING    512
#define FRAME_OVERHEAD 18 // Ethernet header and a tag

static int worker_socket(unsigned int w)
{
	return (int)rte_lcore_to_socket_id(w + 1);
}

// A worker's queue of a port, of n; WORKER_NO_QUEUE when the port has none for it.
static uint16_t queue_of(
	const struct inlet *in, const struct inlet_port *p, unsigned int w, uint16_t n)
{
	unsigned int q = (w + in->n_workers - p->first_worker) % in->n_workers;

	return q < n ? (uint16_t)q : WORKER_NO_QUEUE;
}

// One that has a transmit queue, another one for each i.
static unsigned int tx_worker(const struct inlet *in, const struct inlet_port *p, unsigned int i)
{
	unsigned int n = RTE_MIN((unsigned int)p->port.n_tx_queues, in->n_workers);

	return n ? (p->first_worker + i % n) % in->n_workers : 0;
}

static enum spread_mode spread_of(const struct inlet *in, const struct inlet_port *p)
{
	static const enum spread_mode modes[] = {
		[CONFIG_SPREAD_OFF] = SPREAD_OFF,
		[CONFIG_SPREAD_TUNNEL] = SPREAD_TUNNEL,
		[CONFIG_SPREAD_CHANNEL] = SPREAD_CHANNEL,
	};

	if (in->n_workers == 1 || !p->upstream)
		return SPREAD_OFF;
	if (p->spread != CONFIG_SPREAD_AUTO)
		return modes[p->spread];
	return p->port.n_queues < in->n_workers && !p->port.rss ? SPREAD_TUNNEL : SPREAD_OFF;
}

// Ports with fewer queues than workers begin at different workers, on the port's socket if there
// is one, so that each worker gets its share of them.
static void deal_queues(struct inlet *in)
{
	unsigned int next = 0;

	for (unsigned int i = 0; i < in->n_ports; i++) {
		struct inlet_port *p = &in->ports[i];
		unsigned int k = 0;

		p->mode = spread_of(in, p);
		p->first_worker = 0;
		if (p->port.n_queues >= in->n_workers)
			continue;
		while (k < in->n_workers && p->port.socket >= 0 &&
			worker_socket((next + k) % in->n_workers) != p->port.socket)
			k++;
		p->first_worker = (next + (k < in->n_workers ? k : 0)) % in->n_workers;
		next = (p->first_worker + p->port.n_queues) % in->n_workers;
	}
	for (unsigned int i = 0; i < in->n_ports; i++) {
		struct inlet_port *p = &in->ports[i];

		p->steering = (struct steering_port){
			.port = &p->port, .mode = p->mode, .first_worker = p->first_worker};
	}
}

static void fill_worker(const struct inlet *in, struct worker *wk, unsigned int w)
{
	wk->n_ports = in->n_ports;
	wk->n_ifs = in->n_ifs;
	wk->table = mfib_worker_table(in->mfib, w);
	wk->x = in->crossing->workers[w];
	for (unsigned int i = 0; i < in->n_ports; i++) {
		const struct inlet_port *p = &in->ports[i];

		wk->ports[i] = (struct worker_port){
			.port_id = p->port.port_id,
			.rx_queue = queue_of(in, p, w, p->port.n_queues),
			.tx_queue = queue_of(in, p, w, p->port.n_tx_queues),
			.tx_worker = (uint8_t)tx_worker(in, p, w),
			.ip_cksum_hw = p->port.ip_cksum_hw,
			.l4_cksum_hw = p->port.l4_cksum_hw,
			.multi_segs = p->port.multi_segs,
			.spread = p->mode,
			.untagged = p->untagged,
			.by_vlan = p->by_vlan,
		};
	}
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		const struct iface *ifc = &in->ifs[i];

		wk->ifs[i] = (struct worker_if){
			.port = (uint16_t)(ifc->port - in->ports),
			.vlan = ifc->cfg->vlan,
			.mtu = ifc->mtu,
			.upstream = ifc->cfg->role & IF_UPSTREAM,
			.downstream = ifc->cfg->role & IF_DOWNSTREAM,
		};
		memcpy(wk->ifs[i].mac, ifc->port->port.mac, sizeof(wk->ifs[i].mac));
	}
	worker_prepare(wk);
}

// The rings between workers that the dealt queues ask for.
static int open_rings(struct inlet *in)
{
	int ret = 0;

	for (unsigned int w = 0; w < in->n_workers && ret == 0; w++) {
		for (unsigned int i = 0; i < in->n_ports && ret == 0; i++) {
			const struct inlet_port *p = &in->ports[i];

			if (p->mode != SPREAD_OFF &&
				queue_of(in, p, w, p->port.n_queues) != WORKER_NO_QUEUE)
				ret = crossing_spread_open(in->crossing, w, INLET_SPREAD_RING);
			if (ret == 0 && queue_of(in, p, w, p->port.n_tx_queues) == WORKER_NO_QUEUE)
				ret = crossing_tx_open(
					in->crossing, w, tx_worker(in, p, w), INLET_TX_RING);
		}
	}
	for (unsigned int i = 0; i < in->n_ifs && ret == 0; i++)
		ret = crossing_inject_owner(in->crossing, i, tx_worker(in, in->ifs[i].port, i));
	return ret;
}

static void warn_sockets(const struct inlet *in)
{
	for (unsigned int w = 0; w < in->n_workers; w++) {
		for (unsigned int i = 0; i < in->n_ports; i++) {
			const struct inlet_port *p = &in->ports[i];

			if (p->port.socket < 0 || p->port.socket == worker_socket(w) ||
				queue_of(in, p, w, p->port.n_queues) == WORKER_NO_QUEUE)
				continue;
			log_warn("inletd",
				"worker %u polls a port of another NUMA socket cpu=%d socket=%d "
				"if=%s port_socket=%d",
				w, in->worker_cpus[w], worker_socket(w), p->cfg->name,
				p->port.socket);
		}
	}
}

// Of outer fragments. False: out of memory.
static bool open_reass(const struct inlet *in, struct worker *wk, int socket)
{
	const struct config_amt *amt = &in->cfg.amt;
	const struct reass_cfg cfg = {.datagrams = amt->fragment_datagrams,
		.timeout_ms = amt->fragment_timeout_ms,
		.socket = socket};

	wk->reass = amt->reassemble ? reass_create(&cfg) : NULL;
	return wk->reass || !amt->reassemble;
}

static int out_of_memory(char err[BOOT_ERR_LEN])
{
	snprintf(err, BOOT_ERR_LEN, "DPDK memory is short (memory_mb, or more huge pages)");
	return -ENOMEM;
}

int workers_create(struct inlet *in, char err[BOOT_ERR_LEN])
{
	int sockets[INLET_MAX_LCORES] = {0};
	uint16_t frame = 0;

	// Without huge pages all of DPDK's memory is on one socket.
	for (unsigned int w = 0; w < in->n_workers; w++)
		sockets[w] = rte_eal_has_hugepages() ? worker_socket(w) : SOCKET_ID_ANY;
	for (unsigned int i = 0; i < in->n_ports; i++)
		if (in->ports[i].port.mtu > frame)
			frame = in->ports[i].port.mtu;
	in->crossing = crossing_create(in->n_workers, sockets, in->n_ifs, INLET_PUNT_RING,
		INJECT_RING, (uint16_t)(frame + FRAME_OVERHEAD));
	in->mfib = mfib_create(in->n_workers, sockets);
	if (!in->crossing || !in->mfib || police_set(in) < 0)
		return out_of_memory(err);
	deal_queues(in);
	in->steering = steering_create(in->crossing, in->n_workers, &in->rng, upstream_stats_cb);
	if (!in->steering)
		return out_of_memory(err);
	if (open_rings(in) < 0)
		return out_of_memory(err);
	for (unsigned int w = 0; w < in->n_workers; w++) {
		in->workers[w] = rte_zmalloc_socket(
			"worker", sizeof(struct worker), RTE_CACHE_LINE_SIZE, sockets[w]);
		if (!in->workers[w])
			return out_of_memory(err);
		fill_worker(in, in->workers[w], w);
		if (!open_reass(in, in->workers[w], sockets[w]))
			return out_of_memory(err);
	}
	if (idle_wanted(in) && !(in->idle = idle_create(in))) {
		snprintf(err, BOOT_ERR_LEN, "no descriptors for workers that sleep: %s",
			strerror(errno));
		return -EMFILE;
	}
	warn_sockets(in);
	return 0;
}

static int worker_main(void *arg)
{
	// It has its ports and its memory, and sends and receives without any. Where that is
	// refused, boot_capabilities() has the line for it.
	(void)caps_none();
	return worker_run(arg);
}

int workers_launch(struct inlet *in, char err[BOOT_ERR_LEN])
{
	for (unsigned int w = 0; w < in->n_workers; w++) {
		int ret = rte_eal_remote_launch(worker_main, in->workers[w], w + 1);

		if (ret < 0) {
			snprintf(err, BOOT_ERR_LEN, "worker %u does not start: %s", w,
				rte_strerror(-ret));
			return ret;
		}
		in->workers_run = true;
	}
	return 0;
}

void workers_stop(struct inlet *in)
{
	for (unsigned int w = 0; w < in->n_workers && in->crossing; w++)
		if (in->crossing->workers[w])
			atomic_store_explicit(
				&in->crossing->workers[w]->stop, true, memory_order_release);
	for (unsigned int w = 0; w < in->n_workers; w++)
		rte_eal_wait_lcore(w + 1);
	in->workers_run = false;
}

void workers_destroy(struct inlet *in)
{
	idle_destroy(in->idle);
	in->idle = NULL;
	steering_destroy(in->steering);
	if (in->crossing)
		crossing_destroy(in->crossing);
	if (in->mfib)
		mfib_destroy(in->mfib);
	for (unsigned int w = 0; w < in->n_workers; w++) {
		if (in->workers[w])
			reass_destroy(in->workers[w]->reass);
		rte_free(in->workers[w]);
	}
}
