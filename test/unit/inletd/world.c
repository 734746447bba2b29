// SPDX-License-Identifier: BSD-3-Clause
#include <rte_cycles.h> // before base/timer.h, which leaves its US_PER_S alone

#include "unit/inletd/world.h"

#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_flow.h>

#include "base/timer.h"
#include "unit/unit.h"

struct world_flow world_flow;
unsigned int world_taken, world_binds;
int world_bind_errno;

static char token; // any address that is no rule of DPDK's

int rte_flow_validate(uint16_t port_id, const struct rte_flow_attr *attr,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error)
{
	(void)port_id;
	(void)attr;
	(void)pattern;
	(void)actions;
	(void)error;
	return world_flow.have ? 0 : -ENOSYS;
}

struct rte_flow *rte_flow_create(uint16_t port_id, const struct rte_flow_attr *attr,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error)
{
	const struct rte_flow_item_udp *udp = pattern[2].spec;

	(void)port_id;
	(void)attr;
	(void)error;
	if (world_flow.fail) {
		rte_errno = world_flow.fail;
		return NULL;
	}
	world_flow.rules++;
	world_flow.last_queue = ((const struct rte_flow_action_queue *)actions[0].conf)->index;
	world_flow.last_dport = rte_be_to_cpu_16(udp->hdr.dst_port);
	return (struct rte_flow *)(void *)&token;
}

int rte_flow_destroy(uint16_t port_id, struct rte_flow *flow, struct rte_flow_error *error)
{
	(void)port_id;
	(void)error;
	assert_ptr_equal(flow, &token);
	world_flow.rules--;
	return 0;
}

int rte_flow_flush(uint16_t port_id, struct rte_flow_error *error)
{
	(void)port_id;
	(void)error;
	return 0;
}

static uint32_t stats_cb(void *owner, struct mfib_stats *out)
{
	const struct tunnel *t = owner;

	*out = (struct mfib_stats){.packets = t->packets, .bytes = t->packets * 1000};
	return 1;
}

static int bind_cb(void *owner, uint16_t *port)
{
	struct tunnel *t = owner;

	world_binds++;
	if (world_taken > 0 && *port != 0) {
		world_taken--;
		return -EADDRINUSE;
	}
	if (world_bind_errno)
		return -world_bind_errno;
	if (*port == 0)
		*port = (uint16_t)(50000 + world_binds);
	t->port = *port;
	return 0;
}

void world_up(struct world *w, unsigned int workers, uint16_t queues, enum spread_mode mode)
{
	const struct port_cfg cfg = {
		.device = "net_null0", .n_queues = queues, .rx_desc = 64, .tx_desc = 64};
	char err[PORT_ERR_LEN];

	memset(w, 0, sizeof(*w));
	world_flow.fail = 0;
	world_taken = world_binds = 0;
	world_bind_errno = 0;
	w->rng = rng_seeded(5);
	w->now_us = 1000 * USEC_PER_SEC;
	if (port_open(&cfg, 64, &w->port, err) != 0)
		fail_msg("%s", err);
	w->x = crossing_create(workers, NULL, 1, 64, 64, 1518);
	assert_non_null(w->x);
	if (mode != SPREAD_OFF)
		assert_int_equal(crossing_spread_open(w->x, 0, 64), 0);
	w->sp = (struct steering_port){.port = &w->port, .mode = mode};
	w->s = steering_create(w->x, workers, &w->rng, stats_cb);
	assert_non_null(w->s);
}

void world_down(struct world *w)
{
	for (unsigned int i = 0; i < w->n; i++)
		world_close(w, &w->tunnels[i]);
	assert_int_equal(world_flow.rules, 0);
	steering_destroy(w->s);
	crossing_destroy(w->x);
	port_close(&w->port);
}

struct tunnel *world_open_to(struct world *w, const struct addr *relay)
{
	struct tunnel *t = &w->tunnels[w->n];

	assert_true(w->n < MAX_TUNNELS);
	*t = (struct tunnel){.relay = *relay};
	assert_int_equal(addr_parse("192.0.2.2", &t->local), 0);
	t->st = steering_open(w->s, &w->sp, 0, relay, &t->local, bind_cb, t, w->now_us);
	if (!t->st)
		return NULL;
	w->n++;
	return t;
}

struct tunnel *world_open(struct world *w)
{
	struct addr relay = addr_from_v4(rte_cpu_to_be_32(0xcb007100u + w->n + 1));

	return world_open_to(w, &relay);
}

void world_close(struct world *w, struct tunnel *t)
{
	if (t->st)
		steering_close(t->st, w->now_us);
	t->st = NULL;
}

// As the worker that receives counts them.
static void count(struct world *w, const struct tunnel *t, uint64_t packets)
{
	unsigned int entry = crossing_spread_tunnel(&t->relay, t->port);
	struct crossing_spread_counts *c = w->x->workers[0]->spread_counts;

	if (!c)
		return;
	c->tunnel[entry] += packets;
	if (crossing_spread_get_tunnel(w->x, entry) == SPREAD_BY_CHANNEL)
		for (unsigned int i = 0; i < 64; i++) // of 64 channels
			c->channel[i * 16] += packets / 64;
}

void world_run(struct world *w, unsigned int seconds)
{
	for (unsigned int tick = 0; tick < seconds * 10; tick++) {
		w->now_us += USEC_PER_SEC / 10;
		for (unsigned int i = 0; i < w->n; i++) {
			struct tunnel *t = &w->tunnels[i];

			if (!t->st)
				continue;
			t->packets += t->pps / 10;
			count(w, t, t->pps / 10);
		}
		steering_tick(w->s, w->now_us);
	}
}

static void row_cb(void *arg, const struct observe_move *row)
{
	struct world *w = arg;

	if (w->rows++ == 0)
		w->first = *row;
	w->last = *row;
}

void world_rebalance(struct world *w, bool dry_run)
{
	w->rows = 0;
	steering_rebalance(w->s, dry_run, row_cb, w);
}

int world_worker(const struct tunnel *t)
{
	struct observe_steering v;

	steering_view(t->st, &v);
	return v.worker;
}

const char *world_how(const struct tunnel *t)
{
	struct observe_steering v;

	steering_view(t->st, &v);
	return v.how;
}
