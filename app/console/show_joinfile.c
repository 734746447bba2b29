// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "console/verb.h"
#include "joinfile/export.h"
#include "joinfile/import.h"

// A row for the file that is read, and one for the file that is written.
static const struct render_column columns[] = {
	{"file", RENDER_LEFT},
	{"use", RENDER_LEFT},	       // "read", "written"
	{"state", RENDER_LEFT},	       // "good", "absent", "not used": what was before holds
	{"channels", RENDER_RIGHT},    // of the last good one
	{"passed_over", RENDER_RIGHT}, // lines that cannot be served
	{"refused", RENDER_RIGHT},     // channels past the limit, asked for again
	{"age", RENDER_RIGHT},	       // since it was last read or written
	{"error", RENDER_LEFT},
};

static void show_age(struct verb_ctx *v, uint64_t since_us)
{
	if (since_us)
		render_span_us(v->r, verb_age_us(v, since_us));
	else
		render_none(v->r);
}

static void show_import(struct verb_ctx *v)
{
	struct joinfile_import_view f;

	joinfile_import_view(v->o->joinfile_import, &f);
	render_text(v->r, f.path);
	render_text(v->r, "read");
	render_text(v->r, !f.present ? "absent" : f.error[0] ? "not used" : "good");
	render_u64(v->r, f.channels);
	render_u64(v->r, f.passed);
	render_u64(v->r, f.refused);
	show_age(v, f.read_us);
	render_text(v->r, f.error);
}

static void show_export(struct verb_ctx *v)
{
	struct joinfile_export_view f;

	joinfile_export_view(v->o->joinfile_export, &f);
	render_text(v->r, f.path);
	render_text(v->r, "written");
	render_text(v->r, f.error ? "not written" : f.written_us ? "good" : "absent");
	render_u64(v->r, f.channels);
	render_none(v->r);
	render_none(v->r);
	show_age(v, f.written_us);
	render_text(v->r, f.error ? strerror(-f.error) : "");
}

void verb_show_joinfile(struct verb_ctx *v)
{
	render_table_begin(v->r, "joinfiles", columns, RTE_DIM(columns));
	if (v->o->joinfile_import)
		show_import(v);
	if (v->o->joinfile_export)
		show_export(v);
	render_table_end(v->r);
}
