// SPDX-License-Identifier: BSD-3-Clause
#include "console/verb.h"

// One row for the state before, one a move, or one that says why there is none.
static const struct render_column columns[] = {
	{"moved", RENDER_LEFT}, {"from", RENDER_RIGHT}, {"to", RENDER_RIGHT},
	{"packets_per_s", RENDER_RIGHT},
	{"balance", RENDER_RIGHT}, // the most loaded worker relative to the mean; 1 is even
};

static void render_worker(struct render *r, int worker)
{
	if (worker >= 0)
		render_u64(r, (uint64_t)worker);
	else
		render_none(r);
}

static void show_row(void *arg, const struct observe_move *row)
{
	struct verb_ctx *v = arg;

	render_text(v->r, row->what);
	render_worker(v->r, row->from);
	render_worker(v->r, row->to);
	if (row->packets_per_s)
		render_u64(v->r, row->packets_per_s);
	else
		render_none(v->r);
	render_hundredths(v->r, (uint64_t)(row->balance * 100 + 0.5));
}

static void rebalance(struct verb_ctx *v, bool dry_run)
{
	render_table_begin(v->r, "moves", columns, RTE_DIM(columns));
	if (v->o->rebalance_cb)
		v->o->rebalance_cb(v->o->ctx, dry_run, show_row, v);
	render_table_end(v->r);
}

void verb_rebalance(struct verb_ctx *v)
{
	rebalance(v, false);
}

void verb_rebalance_dry_run(struct verb_ctx *v)
{
	rebalance(v, true);
}
