// SPDX-License-Identifier: BSD-3-Clause
// Loads: the rates of tunnels and of the spreader's entries, the workers' busy share, and the
// tunnel that is too much for one worker.
#include "base/log.h"
#include "base/timer.h"
#include "inletd/steering_internal.h"
#include "port/port.h"

#define SAMPLE_US      (1 * USEC_PER_SEC)
#define SAMPLE_BUDGET  20000		   // channels a tick: some ms
#define SETTLED_US     (10 * USEC_PER_SEC) // a tunnel without packets is known to be idle
#define HANDED_COST    4		   // handing a frame on costs a fourth of working on it
#define HOT_PERCENT    90
#define HOT_LOOKS      3
#define ELEPHANT_SHARE 2 // half of what its worker carries

// Counts of a tunnel that has very many channels now are a little behind those from before.
static uint64_t grown(uint64_t now, uint64_t was)
{
	return now > was ? now - was : 0;
}

static uint64_t per_second(uint64_t n, uint64_t us)
{
	return us ? n * USEC_PER_SEC / us : 0;
}

// Returns how many channels were added up.
static uint32_t measure(struct steering_tunnel *t, uint64_t now_us)
{
	struct mfib_stats now = {0};
	uint32_t channels = t->s->stats_cb(t->owner, &now);
	uint64_t us = now_us - t->sampled_us;
	uint64_t pps = per_second(grown(now.packets, t->packets), us);

	steering_account(t, -1);
	// The first rate as it is, later ones as the mean with what was.
	t->pps = t->known ? (t->pps + pps) / 2 : pps;
	t->bytes_per_s = per_second(grown(now.bytes, t->bytes), us);
	t->known = t->known || now.packets > 0 || now_us - t->opened_us > SETTLED_US;
	steering_account(t, 1);
	t->packets = now.packets;
	t->bytes = now.bytes;
	t->sampled_us = now_us;
	return channels;
}

static void measure_some(struct steering *s, uint64_t now_us)
{
	uint32_t channels = 0;
	struct steering_tunnel *t;

	while (channels < SAMPLE_BUDGET && (t = TAILQ_FIRST(&s->tunnels)) &&
		now_us - t->sampled_us >= SAMPLE_US) {
		channels += 1 + measure(t, now_us);
		TAILQ_REMOVE(&s->tunnels, t, link);
		TAILQ_INSERT_TAIL(&s->tunnels, t, link);
	}
}

static void look_entry(struct steering_entry *e, uint64_t count, uint64_t us)
{
	e->pps = per_second(count - e->count, us);
	e->count = count;
}

static void look_entries(struct steering *s, uint64_t us)
{
	for (unsigned int i = 0; i < SPREAD_ENTRIES; i++) {
		int to = crossing_spread_get_channel(s->x, i);

		look_entry(&s->by_tunnel[i], crossing_spread_count_tunnel(s->x, i), us);
		look_entry(&s->by_channel[i], crossing_spread_count_channel(s->x, i), us);
		if (to >= 0 && (unsigned int)to < s->n_workers)
			s->workers[to].channel_pps += s->by_channel[i].pps;
	}
}

static void look_worker(struct steering *s, unsigned int w, uint64_t us)
{
	struct steering_worker *k = &s->workers[w];
	struct crossing_load l;
	uint64_t busy, idle;

	crossing_load(s->x, w, &l);
	k->channel_pps = 0;
	k->work_pps = per_second(l.spread - k->spread, us) / HANDED_COST;
	busy = l.busy_cycles - k->busy;
	idle = l.idle_cycles - k->idle;
	k->spread = l.spread;
	k->busy = l.busy_cycles;
	k->idle = l.idle_cycles;
	k->hot = busy * 100 > (busy + idle) * HOT_PERCENT ? k->hot + 1 : 0;
}

// The busiest entry of the spreader that leads to a worker; SPREAD_ENTRIES for none.
static unsigned int heaviest(const struct steering *s, unsigned int worker, uint64_t *all)
{
	unsigned int most = SPREAD_ENTRIES;

	*all = s->workers[worker].work_pps + s->workers[worker].channel_pps;
	for (unsigned int i = 0; i < SPREAD_ENTRIES; i++) {
		if (crossing_spread_get_tunnel(s->x, i) != (int)worker)
			continue;
		*all += s->by_tunnel[i].pps;
		if (most == SPREAD_ENTRIES || s->by_tunnel[i].pps > s->by_tunnel[most].pps)
			most = i;
	}
	return most;
}

void steering_refresh(struct steering *s)
{
	struct steering_tunnel *t;

	for (t = TAILQ_FIRST(&s->tunnels); t; t = TAILQ_NEXT(t, link)) {
		int to;

		if (t->how == STEERED_SOFTWARE && t->port->mode == SPREAD_TUNNEL) {
			to = crossing_spread_get_tunnel(s->x, steering_entry_of(t));
			steering_set_worker(t, to == SPREAD_BY_CHANNEL ? -1 : to);
		} else if (t->how == STEERED_RSS) {
			steering_set_worker(
				t, (int)steering_queue_worker(s, t->port,
					   steer_queue(&t->port->port->steer, &t->tuple)));
		}
	}
}

void steering_split(struct steering *s, unsigned int entry)
{
	crossing_spread_set_tunnel(s->x, entry, SPREAD_BY_CHANNEL);
	steering_refresh(s);
}

// A worker that has no time left, and most of it for one entry: no other worker could carry that
// alone either.
static void split_elephants(struct steering *s)
{
	for (unsigned int w = 0; w < s->n_workers; w++) {
		uint64_t all;
		unsigned int entry;

		if (s->workers[w].hot < HOT_LOOKS)
			continue;
		s->workers[w].hot = 0;
		entry = heaviest(s, w, &all);
		if (entry == SPREAD_ENTRIES || s->by_tunnel[entry].pps == 0 ||
			s->by_tunnel[entry].pps < all / ELEPHANT_SHARE)
			continue;
		steering_split(s, entry);
		log_info("steer", "too much for one worker, spread by channel worker=%u pps=%llu",
			w, (unsigned long long)s->by_tunnel[entry].pps);
	}
}

void steering_tick(struct steering *s, uint64_t now_us)
{
	uint64_t us = s->looked_us ? now_us - s->looked_us : 0;

	measure_some(s, now_us);
	if (s->looked_us && us < SAMPLE_US)
		return;
	for (unsigned int w = 0; w < s->n_workers; w++)
		look_worker(s, w, us);
	if (s->x->spread) {
		look_entries(s, us);
		split_elephants(s);
	}
	s->looked_us = now_us;
}
