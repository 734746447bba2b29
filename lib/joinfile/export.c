// SPDX-License-Identifier: BSD-3-Clause
#include "joinfile/export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hmap.h"
#include "base/log.h"
#include "joinfile/import.h"
#include "joinfile/joinfile_io.h"

#define LOOK_US	    (100 * USEC_PER_MSEC)
#define INTERVAL_US (1 * USEC_PER_SEC)
// Writing takes a hundredth of the control thread at most.
#define COST_FACTOR 100

struct joinfile_export {
	struct joinfile_export_cfg cfg;
	const struct joinfile_export_ops *ops;
	void *ctx;
	struct timers *timers;
	struct timer look;
	uint64_t changes, import_changes; // that the file is of
	uint64_t earliest_us, written_us;
	uint64_t hash; // of what was written
	uint32_t channels;
	int error;
};

struct collect {
	struct joinfile_list list;
	uint32_t room;
};

static void collect_cb(void *arg, const struct sg *sg)
{
	struct collect *c = arg;

	if (c->list.n < c->room)
		c->list.e[c->list.n++] = (struct joinfile_entry){.sg = *sg};
}

// Both are sorted.
static void add_populations(struct joinfile_list *l, const struct joinfile_list *from)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < l->n; i++) {
		while (k < from->n && sg_cmp(&from->e[k].sg, &l->e[i].sg) < 0)
			k++;
		if (k == from->n || !sg_eq(&from->e[k].sg, &l->e[i].sg))
			continue;
		l->e[i].has_population = from->e[k].has_population;
		l->e[i].population = from->e[k].population;
	}
}

static int write_list(struct joinfile_export *ex, const struct joinfile_list *l, uint64_t now_us)
{
	char *text = malloc((size_t)l->n * JOINFILE_LINE_LEN + 1);
	size_t len = 0;
	uint64_t hash;
	int ret = 0;

	if (!text)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->n; i++)
		len += joinfile_format(&l->e[i], text + len);
	hash = hmap_hash(text, len);
	// What came and went again in between changes nothing.
	if (ex->written_us == 0 || ex->error < 0 || hash != ex->hash) {
		ret = joinfile_write(ex->cfg.path, text, len);
		if (ret == 0) {
			ex->hash = hash;
			ex->channels = l->n;
			ex->written_us = now_us;
			ex->cfg.stats->exported++;
		}
	}
	free(text);
	return ret;
}

static int export_write(struct joinfile_export *ex, uint64_t now_us)
{
	struct collect c = {.room = ex->ops->count_cb(ex->ctx)};
	int ret;

	c.list.e = calloc(c.room ? c.room : 1, sizeof(*c.list.e));
	if (!c.list.e)
		return -ENOMEM;
	ex->ops->each_cb(ex->ctx, collect_cb, &c);
	joinfile_sort(&c.list);
	if (ex->cfg.import)
		add_populations(&c.list, joinfile_import_list(ex->cfg.import));
	ret = write_list(ex, &c.list, now_us);
	free(c.list.e);
	return ret;
}

static void look_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct joinfile_export *ex = arg;
	uint64_t changes = ex->ops->changes_cb(ex->ctx);
	uint64_t import = ex->cfg.import ? joinfile_import_changes(ex->cfg.import) : 0;
	bool current = changes == ex->changes && import == ex->import_changes;
	uint64_t began_us, wait_us = INTERVAL_US, took_us;

	timer_arm(ex->timers, t, now_us + LOOK_US);
	if (now_us < ex->earliest_us || (current && ex->error == 0 && ex->written_us))
		return;
	began_us = clock_mono_us();
	ex->error = export_write(ex, now_us);
	if (ex->error < 0) {
		ex->cfg.stats->drops[JOINFILE_DROP_EXPORT]++;
		log_warn_limited("joinfile", "export not written file=%s error=\"%s\"",
			ex->cfg.path, strerror(-ex->error));
	}
	ex->changes = changes;
	ex->import_changes = import;
	took_us = clock_mono_us() - began_us;
	if (COST_FACTOR * took_us > wait_us)
		wait_us = COST_FACTOR * took_us;
	ex->earliest_us = now_us + wait_us;
}

struct joinfile_export *joinfile_export_create(const struct joinfile_export_cfg *cfg,
	const struct joinfile_export_ops *ops, void *ctx, struct timers *timers, uint64_t now_us)
{
	struct joinfile_export *ex = calloc(1, sizeof(*ex));

	if (!ex)
		return NULL;
	ex->cfg = *cfg;
	ex->ops = ops;
	ex->ctx = ctx;
	ex->timers = timers;
	ex->earliest_us = now_us + INTERVAL_US;
	timer_init(&ex->look, look_cb, ex);
	timer_arm(timers, &ex->look, ex->earliest_us);
	return ex;
}

void joinfile_export_destroy(struct joinfile_export *ex)
{
	if (!ex)
		return;
	timer_cancel(ex->timers, &ex->look);
	free(ex);
}

void joinfile_export_view(const struct joinfile_export *ex, struct joinfile_export_view *out)
{
	*out = (struct joinfile_export_view){
		.path = ex->cfg.path,
		.channels = ex->channels,
		.written_us = ex->written_us,
		.error = ex->error,
	};
}
