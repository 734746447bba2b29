// SPDX-License-Identifier: BSD-3-Clause
#include "metrics/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/timer.h"
#include "metrics/page_internal.h"

#define ROWS_AT_ONCE 32		 // written between two looks at the clock
#define TEXT_AT_ONCE (64u << 10) // octets; then they are to be taken

static const page_collect_fn collectors[] = {
	page_collect_appliance,
	page_collect_ifs,
	page_collect_workers,
	page_collect_drops,
	page_collect_tunnels,
	page_collect_tunnel_rows,
	page_collect_relays,
	page_collect_held,
	page_collect_channels,
	page_collect_channel_rows,
};
#define N_COLLECTORS (sizeof(collectors) / sizeof(collectors[0]))

struct page *page_create(
	const struct observe *o, const struct page_cfg *cfg, enum om_format format, uint64_t now_us)
{
	struct page *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->o = o;
	p->cfg = *cfg;
	p->now_us = now_us;
	om_init(&p->om, format);
	if (top_init(&p->channels, cfg->channels, sizeof(struct page_channel)) == 0 &&
		top_init(&p->tunnels, cfg->tunnels, sizeof(struct tunnel_view)) == 0)
		return p;
	page_free(p);
	return NULL;
}

void page_free(struct page *p)
{
	if (!p)
		return;
	for (unsigned int i = 0; i < SETS; i++)
		set_fini(&p->sets[i]);
	top_fini(&p->channels);
	top_fini(&p->tunnels);
	free(p->by_relay);
	om_fini(&p->om);
	free(p);
}

struct om *page_text(struct page *p)
{
	return &p->om;
}

static const struct om_family latency = {"inlet_join_latency_seconds", OM_HISTOGRAM, "seconds",
	"From when a channel was first wanted to its first packet."};
static const struct om_family late = {"inlet_loop_delay_seconds", OM_HISTOGRAM, "seconds",
	"By how much later than planned a turn of the control loop began."};

static void write_histograms(struct page *p)
{
	if (p->o->channels) {
		om_family(&p->om, &latency);
		om_histogram(&p->om, &latency, "", channels_latency(p->o->channels));
	}
	if (p->o->loop) {
		om_family(&p->om, &late);
		om_histogram(&p->om, &late, "", &p->o->loop->late);
	}
}

// Some of the text; false when it is complete.
static bool write_some(struct page *p)
{
	for (int i = 0; i < ROWS_AT_ONCE && p->write < SETS; i++)
		if (!set_write(&p->sets[p->write], &p->om))
			p->write++;
	if (p->write < SETS)
		return true;
	write_histograms(p);
	om_eof(&p->om);
	return false;
}

static bool is_broken(const struct page *p)
{
	for (unsigned int i = 0; i < SETS; i++)
		if (p->sets[i].error)
			return true;
	return p->om.error;
}

static bool step(struct page *p)
{
	if (p->look < N_COLLECTORS) {
		if (!collectors[p->look](p)) {
			p->look++;
			p->cursor = 0;
		}
		return true;
	}
	return write_some(p);
}

bool page_step(struct page *p, uint64_t until_us)
{
	while (!p->done) {
		p->done = !step(p) || is_broken(p);
		if (p->om.len >= TEXT_AT_ONCE || clock_mono_us() >= until_us)
			break;
	}
	return !p->done;
}

bool page_failed(const struct page *p)
{
	return is_broken(p);
}
