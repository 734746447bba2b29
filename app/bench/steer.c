// SPDX-License-Identifier: BSD-3-Clause
// Ports for a list of relays, chosen by lib/steer as inletd does, and the balance that gives,
// beside that of ports as the kernel chooses them.
#include "bench/steer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bench.h"

#define MAX_MOVES     4096
#define EPHEMERAL_MIN 32768 // net.ipv4.ip_local_port_range
#define EPHEMERAL_MAX 60999

struct placing {
	const struct steer_options *o;
	struct steer_tunnel *tunnels;
	uint32_t n;
	struct steer_ports *taken; // one a local address
	struct rng rng;
};

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void count(const struct placing *p, struct steer_row *r)
{
	memset(r->tunnels, 0, sizeof(r->tunnels));
	memset(r->load, 0, sizeof(r->load));
	for (uint32_t i = 0; i < p->n; i++) {
		uint16_t q = p->tunnels[i].queue;

		if (q >= STEER_MAX_QUEUES)
			continue;
		r->tunnels[q]++;
		r->load[q] += p->tunnels[i].pps;
	}
}

static void place_random(struct placing *p, struct steer_row *r)
{
	for (uint32_t i = 0; i < p->n; i++) {
		struct steer_tunnel *t = &p->tunnels[i];

		t->t.local_port = (uint16_t)rng_between(&p->rng, EPHEMERAL_MIN, EPHEMERAL_MAX);
		t->queue = steer_queue(&p->o->rss, &t->t);
	}
	count(p, r);
}

// One after the other, each where the load is lowest by then. known: the rates of those before are;
// else their number counts, as when all are opened at once.
static int place_chosen(struct placing *p, struct steer_row *r, bool known)
{
	const struct steer_rss *rss = &p->o->rss;
	struct steer_load loads[STEER_MAX_QUEUES] = {0};
	uint64_t weights[STEER_MAX_QUEUES];
	double begin = now_ns();

	memset(p->taken, 0, p->o->n_locals * sizeof(*p->taken));
	for (uint32_t i = 0; i < p->n; i++) {
		struct steer_tunnel *t = &p->tunnels[i];
		struct steer_search s;
		struct steer_choice c;

		steer_weights(loads, rss->n_queues, weights);
		steer_search_init(
			&s, rss, &t->t, weights, &p->taken[t->local], (uint16_t)rng_u32(&p->rng));
		if (!steer_search_next(&s, &c))
			return -1;
		steer_port_take(&p->taken[t->local], c.port);
		t->t.local_port = c.port;
		t->queue = c.queue;
		t->tries = s.tries;
		loads[c.queue].tunnels++;
		loads[c.queue].fresh += !known;
		loads[c.queue].pps += known ? t->pps : 0;
		r->tries += s.tries;
		if (s.tries > r->tries_worst)
			r->tries_worst = s.tries;
	}
	r->ns = (now_ns() - begin) / p->n;
	r->tries /= p->n;
	count(p, r);
	return 0;
}

// What `rebalance` makes of it by flow rules: tunnels move one by one.
static int rebalance_tunnels(struct placing *p, struct steer_row *r)
{
	struct steer_item *items = calloc(p->n + 1ul, sizeof(*items));
	struct steer_move *moves = calloc(MAX_MOVES, sizeof(*moves));
	uint64_t load[STEER_MAX_QUEUES];

	count(p, r);
	memcpy(load, r->load, sizeof(load));
	for (uint32_t i = 0; items && i < p->n; i++)
		items[i] = (struct steer_item){
			.load = p->tunnels[i].pps, .allowed = UINT64_MAX, p->tunnels[i].queue};
	if (items && moves)
		r->moves = steer_plan(items, p->n, load, p->o->rss.n_queues, moves, MAX_MOVES);
	for (uint32_t i = 0; items && i < p->n; i++)
		p->tunnels[i].queue = items[i].worker;
	count(p, r);
	free(moves);
	free(items);
	return items && moves ? 0 : -1;
}

// The same by the RETA: its entries move, each with all its tunnels.
static int rebalance_reta(struct placing *p, struct steer_row *r)
{
	struct steer_item items[STEER_MAX_RETA];
	struct steer_move *moves = calloc(MAX_MOVES, sizeof(*moves));
	struct steer_rss rss = p->o->rss;
	uint64_t load[STEER_MAX_QUEUES];

	if (!moves)
		return -1;
	for (unsigned int i = 0; i < rss.reta_size; i++)
		items[i] = (struct steer_item){.allowed = UINT64_MAX, .worker = rss.reta[i]};
	for (uint32_t i = 0; i < p->n; i++)
		items[steer_bucket(&rss, steer_hash(&rss, &p->tunnels[i].t))].load +=
			p->tunnels[i].pps;
	count(p, r);
	memcpy(load, r->load, sizeof(load));
	r->moves = steer_plan(items, rss.reta_size, load, rss.n_queues, moves, MAX_MOVES);
	free(moves);
	for (unsigned int i = 0; i < rss.reta_size; i++)
		rss.reta[i] = items[i].worker;
	for (uint32_t i = 0; i < p->n; i++)
		p->tunnels[i].queue = steer_queue(&rss, &p->tunnels[i].t);
	count(p, r);
	return 0;
}

static bool steerable(const struct steer_options *o)
{
	bool all = true;

	for (unsigned int i = 0; i < o->n_locals; i++) {
		const char *problem = steer_problem(&o->rss, o->locals[i].family);
		char text[ADDR_STRLEN];

		if (!problem)
			continue;
		all = false;
		fprintf(stderr, "inlet-bench: no steering for %s: %s\n",
			addr_format(&o->locals[i], text), problem);
	}
	return all;
}

static int run(struct placing *p)
{
	struct steer_row rows[5] = {{.placement = "random"}, {.placement = "steered"},
		{.placement = "at_once"}, {.placement = "at_once_reta"},
		{.placement = "at_once_flow"}};

	place_random(p, &rows[0]);
	if (!steerable(p->o)) {
		steer_report_begin(p->o, p->tunnels, 0);
		steer_report_row(p->o, p->n, &rows[0], NULL);
		return 1;
	}
	if (place_chosen(p, &rows[1], true) < 0)
		goto no_port;
	steer_report_begin(p->o, p->tunnels, p->n);
	steer_report_row(p->o, p->n, &rows[0], NULL);
	steer_report_row(p->o, p->n, &rows[1], &rows[0]);
	if (place_chosen(p, &rows[2], false) < 0)
		goto no_port;
	steer_report_row(p->o, p->n, &rows[2], &rows[0]);
	if (rebalance_reta(p, &rows[3]) < 0)
		goto no_memory;
	steer_report_row(p->o, p->n, &rows[3], &rows[0]);
	for (uint32_t i = 0; i < p->n; i++) // back to at_once
		p->tunnels[i].queue = steer_queue(&p->o->rss, &p->tunnels[i].t);
	if (rebalance_tunnels(p, &rows[4]) < 0)
		goto no_memory;
	steer_report_row(p->o, p->n, &rows[4], &rows[0]);
	return p->o->plot_dir && steer_report_plot(p->o, rows, sizeof(rows) / sizeof(rows[0])) < 0;
no_port:
	fprintf(stderr, "inlet-bench: no local port is left: more --local addresses\n");
	return 1;
no_memory:
	fprintf(stderr, "inlet-bench: out of memory\n");
	return 1;
}

int steer_main(int argc, char **argv)
{
	static struct steer_options o;
	struct placing p = {.o = &o};
	int ret = steer_options_parse(argc, argv, &o);

	if (ret != 0)
		return ret < 0 ? 2 : 0;
	p.tunnels = steer_tunnels(&o, &p.n);
	p.taken = calloc(o.n_locals, sizeof(*p.taken));
	p.rng = rng_seeded(o.seed);
	ret = 1;
	if (p.tunnels && p.taken)
		ret = run(&p);
	free(p.taken);
	free(p.tunnels);
	return ret;
}
