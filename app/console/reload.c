// SPDX-License-Identifier: BSD-3-Clause
// reload, reload check, show reload, save.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "console/verb.h"

// A row a key that is different.
static const struct render_column columns[] = {
	{"key", RENDER_LEFT}, {"was", RENDER_LEFT}, {"is", RENDER_LEFT},
	{"effect", RENDER_LEFT}, // "now", "restart"
};

static void render_value(struct render *r, const char *text)
{
	render_text(r, text[0] ? text : NULL);
}

#define ROWS 64 // of a piece

struct work {
	const struct observe *o;
	struct reload_job *job; // NULL: could not be had
	bool begun;		// the table
	unsigned int shown;
};

static void forget(void *arg)
{
	struct work *w = arg;

	if (w->job)
		w->o->reload_forget_cb(w->job);
	free(w);
}

static enum verb_turn more(struct verb_ctx *v)
{
	struct work *w = v->work;
	const struct config_change *rows;
	unsigned int n, until;
	int ret = v->o->reload_result_cb(w->job, &rows, &n, v->refused);

	if (ret == -EAGAIN)
		return VERB_WAIT;
	if (ret < 0)
		return VERB_DONE;
	if (!w->begun)
		render_table_begin(v->r, "changes", columns, RTE_DIM(columns));
	w->begun = true;
	for (until = w->shown + ROWS; w->shown < n && w->shown < until; w->shown++) {
		const struct config_change *c = &rows[w->shown];

		render_text(v->r, c->key);
		render_value(v->r, c->was);
		render_value(v->r, c->is);
		render_text(v->r, c->restart ? "restart" : "now");
	}
	if (w->shown < n)
		return VERB_MORE;
	render_table_end(v->r);
	return VERB_DONE;
}

static void reload(struct verb_ctx *v, bool check)
{
	struct work *w;

	if (!v->o->reload_cb) {
		snprintf(v->refused, sizeof(v->refused), "the configuration is not to be had");
		return;
	}
	w = verb_work(v, sizeof(*w));
	if (!w)
		return;
	v->work_free = forget;
	w->o = v->o;
	w->job = v->o->reload_cb(v->o->ctx, check, v->refused);
	if (w->job)
		v->more = more;
}

void verb_reload(struct verb_ctx *v)
{
	reload(v, false);
}

void verb_reload_check(struct verb_ctx *v)
{
	reload(v, true);
}

void verb_show_reload(struct verb_ctx *v)
{
	static const struct render_column status[] = {
		{"file", RENDER_LEFT},
		{"reloads", RENDER_RIGHT}, // that went well
		{"failures", RENDER_RIGHT},
		{"last_ago", RENDER_LEFT},
		{"last_good_ago", RENDER_LEFT},
		{"changes", RENDER_RIGHT}, // of the last good one
		{"restart_needed", RENDER_RIGHT},
		{"took_ms", RENDER_RIGHT},
		{"longest_turn_ms", RENDER_RIGHT},
		{"saves", RENDER_RIGHT},
		{"save_failures", RENDER_RIGHT},
		{"error", RENDER_LEFT},
	};
	const struct observe_reload *r = v->o->reload;

	render_table_begin(v->r, "reloads", status, RTE_DIM(status));
	if (r) {
		render_value(v->r, r->path);
		render_u64(v->r, r->loads);
		render_u64(v->r, r->failures);
		if (r->last_us)
			render_span_us(v->r, verb_age_us(v, r->last_us));
		else
			render_none(v->r);
		if (r->good_us)
			render_span_us(v->r, verb_age_us(v, r->good_us));
		else
			render_none(v->r);
		render_u64(v->r, r->changes);
		render_u64(v->r, r->restart);
		render_ms(v->r, r->took_us);
		render_ms(v->r, r->longest_us);
		render_u64(v->r, r->saves);
		render_u64(v->r, r->save_failures);
		render_value(v->r, r->error);
	}
	render_table_end(v->r);
}

void verb_save(struct verb_ctx *v)
{
	static const struct render_column saved[] = {
		{"file", RENDER_LEFT}, {"changes", RENDER_RIGHT}, // against what was read
		{"kept", RENDER_LEFT}, // where the file's own text is that was not read yet
	};
	struct observe_saved did = {0};

	if (!v->o->save_cb) {
		snprintf(v->refused, sizeof(v->refused), "the configuration is not to be had");
		return;
	}
	if (v->o->save_cb(v->o->ctx, v->args[0], &did, v->refused) < 0)
		return;
	v->refused[0] = '\0';
	render_table_begin(v->r, "files", saved, RTE_DIM(saved));
	render_text(v->r, did.path);
	render_u64(v->r, did.changes);
	render_value(v->r, did.kept);
	render_table_end(v->r);
}
