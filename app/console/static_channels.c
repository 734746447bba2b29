// SPDX-License-Identifier: BSD-3-Clause
// add channel, del channel.
#include <stdio.h>

#include "console/verb.h"

// One row: the channel, and where it is wanted by hand afterwards.
static const struct render_column columns[] = {
	{"result", RENDER_LEFT}, // "added", "deleted"; "unchanged": it was there
	{"source_address", RENDER_LEFT},
	{"group_address", RENDER_LEFT},
	{"outgoing_interface", RENDER_LEFT},
};

static void change(struct verb_ctx *v, bool add)
{
	struct observe_static did = {0};
	const char *name = verb_option(v, "interface");
	struct sg sg;

	if (!verb_address(v, "source", v->args[0], &sg.s) ||
		!verb_address(v, "group", v->args[1], &sg.g))
		return;
	if (!v->o->static_cb) {
		snprintf(v->refused, sizeof(v->refused), "static channels are not to be had");
		return;
	}
	if (v->o->static_cb(v->o->ctx, add, &sg, name, &did, v->refused) < 0)
		return;
	v->refused[0] = '\0';
	render_table_begin(v->r, "changes", columns, RTE_DIM(columns));
	render_text(v->r, !did.changed ? "unchanged" : add ? "added" : "deleted");
	render_addr(v->r, &sg.s);
	render_addr(v->r, &sg.g);
	render_list_begin(v->r);
	for (unsigned int i = 0; i < v->o->n_ifs; i++) {
		if (i < 64 && did.oifs >> i & 1)
			render_list_item(v->r, v->o->ifs[i].name);
	}
	render_list_end(v->r);
	render_table_end(v->r);
}

void verb_add_channel(struct verb_ctx *v)
{
	change(v, true);
}

void verb_del_channel(struct verb_ctx *v)
{
	change(v, false);
}
