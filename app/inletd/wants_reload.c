// SPDX-License-Identifier: BSD-3-Clause
// From one set of static channels to another, and from one joinfile to another: only what is
// different is told to the channels. Many of them are told some at a time, so that the control loop
// turns meanwhile.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "inlet.h"

#define SLICE	 128
#define SLICE_US (4 * USEC_PER_MSEC) // a relay has to do with each channel too

struct wants_change {
	struct sg sg;
	uint64_t add, del; // sets of downstream interfaces, as in config_channel
};

struct wants_changes {
	unsigned int n, at;
	bool adds; // what goes has gone, so that there is room under the limit
	struct wants_change list[];
};

static void note(
	struct wants_changes *w, const struct config_channel *was, const struct config_channel *is)
{
	uint64_t a = was ? was->down : 0, b = is ? is->down : 0;

	if (a != b)
		w->list[w->n++] = (struct wants_change){
			.sg = was ? was->sg : is->sg, .add = b & ~a, .del = a & ~b};
}

int wants_reload_prepare(struct inlet *in, const struct config *to, char err[BOOT_ERR_LEN])
{
	const struct config *from = &in->cfg;
	const struct config_channel **a = config_channels_sorted(from),
				    **b = config_channels_sorted(to);
	struct wants_changes *w = calloc(
		1, sizeof(*w) + (size_t)(from->n_channels + to->n_channels) * sizeof(w->list[0]));
	unsigned int i = 0, j = 0;

	if (!a || !b || !w) {
		free(w);
		free(a);
		free(b);
		snprintf(err, BOOT_ERR_LEN, "out of memory");
		return -ENOMEM;
	}
	while (i < from->n_channels || j < to->n_channels) {
		int c = i == from->n_channels ? 1
			: j == to->n_channels ? -1
					      : sg_cmp(&a[i]->sg, &b[j]->sg);

		note(w, c <= 0 ? a[i] : NULL, c >= 0 ? b[j] : NULL);
		i += c <= 0;
		j += c >= 0;
	}
	free(a);
	free(b);
	in->wants_changes = w;
	return 0;
}

static void change(struct inlet *in, const struct wants_change *c, bool add, uint64_t now_us)
{
	char text[SG_STRLEN];

	wants_on(in, &c->sg, wants_oifs(in, add ? c->add : c->del), CHANNEL_BY_STATIC, add, now_us);
	if (add && c->add && !channels_wanted_by(in->channels, &c->sg, CHANNEL_BY_STATIC))
		log_error("inletd", "static channel refused %s", sg_format(&c->sg, text));
}

static void changes_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct inlet *in = arg;
	struct wants_changes *w = in->wants_changes;
	uint64_t began_us = clock_mono_us(), took_us;

	channels_batch_begin(in->channels);
	for (unsigned int i = 0; i < SLICE && !(w->adds && w->at == w->n); i++) {
		if (w->at == w->n) {
			w->adds = true;
			w->at = 0;
			continue;
		}
		change(in, &w->list[w->at++], w->adds, now_us);
	}
	channels_batch_end(in->channels, now_us);
	took_us = clock_mono_us() - began_us;
	in->reload.took_us += took_us;
	if (took_us > in->reload.longest_us)
		in->reload.longest_us = took_us;
	if (w->adds && w->at == w->n)
		wants_reload_stop(in);
	else
		timer_arm(&in->timers, t, now_us + SLICE_US);
}

void wants_reload_stop(struct inlet *in)
{
	if (!in->wants_changes)
		return;
	timer_cancel(&in->timers, &in->wants_timer);
	free(in->wants_changes);
	in->wants_changes = NULL;
	in->reload.running = false;
}

bool wants_busy(const struct inlet *in)
{
	return in->wants_changes;
}

// What a joinfile said, beyond the life of who read it.
static int list_copy(const struct joinfile_import *im, struct sg **out, uint32_t *n)
{
	const struct joinfile_list *l = im ? joinfile_import_list(im) : NULL;

	*n = l ? l->n : 0;
	*out = malloc((*n + 1) * sizeof(**out));
	for (uint32_t i = 0; *out && i < *n; i++)
		(*out)[i] = l->e[i].sg;
	return *out ? 0 : -ENOMEM;
}

// Those of the old list that the new one does not have, and where it does not have them.
static void leave_old(
	struct inlet *in, const struct sg *old, uint32_t n, uint64_t old_oifs, uint64_t now_us)
{
	const struct joinfile_list none = {0};
	const struct joinfile_list *l =
		in->joinfile_import ? joinfile_import_list(in->joinfile_import) : &none;
	uint32_t j = 0;

	channels_batch_begin(in->channels);
	for (uint32_t i = 0; i < n; i++) { // both are sorted
		uint64_t oifs = old_oifs;

		while (j < l->n && sg_cmp(&l->e[j].sg, &old[i]) < 0)
			j++;
		if (j < l->n && sg_eq(&l->e[j].sg, &old[i]))
			oifs &= ~in->joinfile_oifs;
		wants_on(in, &old[i], oifs, CHANNEL_BY_JOINFILE, false, now_us);
	}
	channels_batch_end(in->channels, now_us);
}

static int joinfile_reload(struct inlet *in, const struct config *was, char err[BOOT_ERR_LEN])
{
	const struct config_joinfile *a = &was->joinfile, *b = &in->cfg.joinfile;
	uint64_t now = clock_mono_us(), old_oifs = in->joinfile_oifs;
	struct sg *old;
	uint32_t n;
	int ret = 0;

	if (strcmp(a->path, b->path) == 0 && strcmp(a->export, b->export) == 0 &&
		(!b->path[0] || (a->down == b->down && was->max_channels == in->cfg.max_channels)))
		return 0;
	if (list_copy(in->joinfile_import, &old, &n) < 0) {
		snprintf(err, BOOT_ERR_LEN, "out of memory");
		return -ENOMEM;
	}
	wants_joinfile_stop(in);
	if (b->path[0])
		ret = wants_import_start(in, now, err);
	leave_old(in, old, n, old_oifs, now);
	if (ret == 0 && b->export[0])
		ret = wants_export_start(in, now, err);
	free(old);
	return ret;
}

int wants_reload(struct inlet *in, const struct config *was, char err[BOOT_ERR_LEN])
{
	int ret = joinfile_reload(in, was, err);

	timer_init(&in->wants_timer, changes_cb, in);
	if (ret < 0)
		wants_reload_stop(in); // none has been told yet
	if (in->wants_changes) {
		in->reload.running = true;
		changes_cb(&in->wants_timer, in, clock_mono_us());
	}
	return ret;
}
