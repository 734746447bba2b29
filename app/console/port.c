// SPDX-License-Identifier: BSD-3-Clause
// port stop, port start.
#include <stdio.h>
#include <string.h>

#include "console/verb.h"

static const struct render_column columns[] = {
	{"result", RENDER_LEFT}, // "stopping", "started"
	{"interfaces", RENDER_LEFT},
};

static void act(struct verb_ctx *v, bool start)
{
	const struct observe *o = v->o;
	const struct port *port = NULL;

	if (!o->port_cb) {
		snprintf(v->refused, sizeof(v->refused), "ports are not to be had");
		return;
	}
	if (o->port_cb(o->ctx, start, v->args[0], v->refused) < 0)
		return;
	v->refused[0] = '\0';
	for (unsigned int i = 0; i < o->n_ifs; i++)
		if (strcmp(o->ifs[i].name, v->args[0]) == 0)
			port = o->ifs[i].port;
	render_table_begin(v->r, "ports", columns, RTE_DIM(columns));
	render_text(v->r, start ? "started" : "stopping");
	render_list_begin(v->r);
	for (unsigned int i = 0; i < o->n_ifs; i++)
		if (o->ifs[i].port == port)
			render_list_item(v->r, o->ifs[i].name);
	render_list_end(v->r);
	render_table_end(v->r);
}

void verb_port_stop(struct verb_ctx *v)
{
	act(v, false);
}

void verb_port_start(struct verb_ctx *v)
{
	act(v, true);
}
