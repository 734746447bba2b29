// SPDX-License-Identifier: BSD-3-Clause
// Channels: who wants what, and whether packets come.
#include "channel/channel_internal.h"

#include <stdlib.h>

#include "base/log.h"

// How often the counters of channels are looked at: soon while a first packet is awaited, each one
// every two seconds after that.
#define SWEEP_BUSY_US  (5 * USEC_PER_MSEC)
#define SWEEP_IDLE_US  (50 * USEC_PER_MSEC)
#define SWEEP_MIN      64
#define SWEEP_AWAITING 1024

static void sweep_cb(struct timer *t, void *arg, uint64_t now_us);

struct channels *channels_create(const struct channel_cfg *cfg, const struct channel_env *env,
	const struct channel_rooms *rooms)
{
	struct channels *cs = calloc(1, sizeof(*cs));

	if (!cs)
		return NULL;
	channel_cfg_set(cs, cfg);
	cs->env = *env;
	cs->rooms = *rooms;
	TAILQ_INIT(&cs->awaiting);
	TAILQ_INIT(&cs->seen);
	TAILQ_INIT(&cs->batch);
	TAILQ_INIT(&cs->moves);
	TAILQ_INIT(&cs->services.waiting);
	slab_init(&cs->channel_slab, sizeof(struct channel));
	timer_init(&cs->sweep, sweep_cb, cs);
	return cs;
}

struct channel *channel_find(const struct channels *cs, const struct sg *sg, uint64_t hash)
{
	struct hnode *n = hmap_find(&cs->by_sg, hash);

	for (; n; n = hmap_find_next(n)) {
		struct channel *ch = container_of_node(n, struct channel, node);

		if (sg_eq(&ch->sg, sg))
			return ch;
	}
	return NULL;
}

static void channel_await(struct channels *cs, struct channel *ch, bool awaiting)
{
	if (ch->awaiting)
		TAILQ_REMOVE(&cs->awaiting, ch, in_sweep);
	else
		TAILQ_REMOVE(&cs->seen, ch, in_sweep);
	ch->awaiting = awaiting;
	if (awaiting)
		TAILQ_INSERT_TAIL(&cs->awaiting, ch, in_sweep);
	else
		TAILQ_INSERT_TAIL(&cs->seen, ch, in_sweep);
}

static struct channel *channel_create(
	struct channels *cs, const struct sg *sg, uint64_t hash, uint64_t now_us)
{
	struct channel *ch = slab_get(&cs->channel_slab);
	struct source *src;

	if (!ch)
		return NULL;
	src = source_find(cs, &sg->s);
	if (!src)
		src = source_create(cs, &sg->s);
	if (!src)
		goto free_channel;
	if (hmap_insert(&cs->by_sg, &ch->node, hash) < 0)
		goto drop_source;
	ch->sg = *sg;
	ch->source = src;
	ch->wanted_us = now_us;
	ch->awaiting = true;
	TAILQ_INSERT_TAIL(&src->channels, ch, in_source);
	TAILQ_INSERT_TAIL(&cs->awaiting, ch, in_sweep);
	cs->wanted++;
	// A busy sweep comes at once, so that the first packet's time is right to some ms.
	timer_arm(cs->rooms.timers, &cs->sweep, now_us + SWEEP_BUSY_US);
	return ch;

drop_source:
	if (TAILQ_EMPTY(&src->channels))
		source_destroy(src, now_us);
free_channel:
	slab_put(&cs->channel_slab, ch);
	return NULL;
}

void channel_apply(struct channels *cs, struct channel *ch)
{
	if (ch->mfib)
		mfib_channel_oifs(cs->rooms.mfib, ch->mfib, channel_sent_to(ch));
	if (ch->moving)
		mfib_channel_oifs(cs->rooms.mfib, ch->moving->mfib, channel_sent_to(ch));
}

void channel_unforward(struct channels *cs, struct channel *ch)
{
	struct mfib_stats stats;

	if (!ch->mfib)
		return;
	mfib_channel_stats(ch->mfib, &stats);
	ch->past.packets += stats.packets;
	ch->past.bytes += stats.bytes;
	mfib_channel_del(cs->rooms.mfib, ch->mfib);
	ch->mfib = NULL;
	ch->tunnel->n_channels--;
	ch->tunnel = NULL;
	ch->packets = 0;
	ch->joined_us = 0;
}

void channel_restart(struct channels *cs, struct channel *ch)
{
	channel_unforward(cs, ch);
	ch->first_packet_us = 0;
	channel_await(cs, ch, true);
	timer_arm(cs->rooms.timers, &cs->sweep, cs->now_us + SWEEP_BUSY_US);
}

// The last interface has gone: leave, then take the entry out.
static void channel_destroy(struct channel *ch, uint64_t now_us)
{
	struct source *src = ch->source;
	struct channels *cs = src->cs;

	move_channel_gone(ch, now_us);
	if (ch->mfib)
		tunnel_leave(ch, now_us);
	if (ch->awaiting)
		TAILQ_REMOVE(&cs->awaiting, ch, in_sweep);
	else
		TAILQ_REMOVE(&cs->seen, ch, in_sweep);
	TAILQ_REMOVE(&src->channels, ch, in_source);
	hmap_remove(&cs->by_sg, &ch->node);
	slab_put(&cs->channel_slab, ch);
	if (TAILQ_EMPTY(&src->channels))
		source_destroy(src, now_us);
}

static void channel_wanted(struct channels *cs, const struct sg *sg, uint64_t hash, uint64_t bit,
	enum channel_origin origin, uint64_t now_us)
{
	struct channel *ch;
	char text[SG_STRLEN];

	if (cs->by_sg.count >= cs->cfg.max_channels) {
		cs->refused++;
		log_warn_limited("channel", "limit of channels reached, refused %s limit=%u",
			sg_format(sg, text), cs->cfg.max_channels);
		return;
	}
	ch = channel_create(cs, sg, hash, now_us);
	if (!ch) {
		cs->refused++;
		log_warn_limited("channel", "out of memory, refused %s", sg_format(sg, text));
		return;
	}
	ch->wanted_by[origin] = bit;
	switch (ch->source->state) {
	case SOURCE_ATTACHED:
		tunnel_join(endpoint_for(move_join_at(ch->source), ch, now_us), ch, now_us);
		break;
	case SOURCE_WAITING:
		if (!timer_armed(&ch->source->retry)) // just created
			source_search(ch->source, now_us);
		break;
	default: // the search under way serves this channel too
		break;
	}
}

static void want_change(struct channels *cs, const struct sg *sg, unsigned int ifindex,
	enum channel_origin origin, bool wanted, uint64_t now_us)
{
	uint64_t hash = hmap_hash(sg, sizeof(*sg)), bit = 1ull << ifindex, before, oifs;
	struct channel *ch = channel_find(cs, sg, hash);
	char s[ADDR_STRLEN], g[ADDR_STRLEN];

	cs->now_us = now_us;
	log_debug("channel", "%s s=%s g=%s if=%u by=%s", wanted ? "wanted" : "not wanted",
		addr_format(&sg->s, s), addr_format(&sg->g, g), ifindex,
		channel_origin_name(origin));
	if (!ch) {
		if (wanted)
			channel_wanted(cs, sg, hash, bit, origin, now_us);
		return;
	}
	before = channel_oifs(ch);
	if (wanted)
		ch->wanted_by[origin] |= bit;
	else
		ch->wanted_by[origin] &= ~bit;
	oifs = channel_oifs(ch);
	if (oifs == before)
		return;
	if (!oifs)
		channel_destroy(ch, now_us);
	else
		channel_apply(cs, ch);
}

void channels_want(struct channels *cs, const struct sg *sg, unsigned int ifindex,
	enum channel_origin origin, bool wanted, uint64_t now_us)
{
	want_change(cs, sg, ifindex, origin, wanted, now_us);
	if (!wanted && origin != CHANNEL_BY_PIM && cs->env.unwanted_cb)
		cs->env.unwanted_cb(cs->env.ctx, sg, ifindex, now_us);
}

void channels_mute(
	struct channels *cs, const struct sg *sg, unsigned int ifindex, bool muted, uint64_t now_us)
{
	struct channel *ch = channel_find(cs, sg, hmap_hash(sg, sizeof(*sg)));
	uint64_t bit = 1ull << ifindex, before;

	cs->now_us = now_us;
	if (!ch)
		return;
	before = channel_sent_to(ch);
	ch->muted = muted ? ch->muted | bit : ch->muted & ~bit;
	if (channel_sent_to(ch) != before)
		channel_apply(cs, ch);
}

bool channels_flows(const struct channels *cs, const struct sg *sg, uint64_t now_us)
{
	const struct channel *ch = channel_find(cs, sg, hmap_hash(sg, sizeof(*sg)));

	return ch && ch->mfib && !ch->awaiting && now_us <= ch->moved_us + CHANNEL_STALL_US;
}

uint64_t channels_wanted_by(
	const struct channels *cs, const struct sg *sg, enum channel_origin origin)
{
	const struct channel *ch = channel_find(cs, sg, hmap_hash(sg, sizeof(*sg)));

	return ch ? ch->wanted_by[origin] : 0;
}

void channels_batch_begin(struct channels *cs)
{
	cs->batching = true;
}

void channels_batch_end(struct channels *cs, uint64_t now_us)
{
	struct tunnel *t;

	cs->batching = false;
	while ((t = TAILQ_FIRST(&cs->batch))) {
		TAILQ_REMOVE(&cs->batch, t, in_batch_list);
		t->in_batch = false;
		amt_tunnel_batch_end(t->amt, now_us);
	}
}

// Over the time since it last had packets; the counts of an entry begin anew with the entry.
static void channel_rate(struct channel *ch, uint64_t packets, uint64_t now_us)
{
	uint64_t from = ch->awaiting ? ch->joined_us : ch->moved_us;
	uint64_t n = packets > ch->packets ? packets - ch->packets : packets;
	uint64_t rate = now_us > from ? n * USEC_PER_SEC / (now_us - from) : 0;

	ch->packets_per_s = rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX;
}

void channel_look(struct channels *cs, struct channel *ch, uint64_t now_us)
{
	struct mfib_stats stats, other;
	char s[ADDR_STRLEN], g[ADDR_STRLEN], r[ADDR_STRLEN];

	if (!ch->mfib)
		return;
	mfib_channel_stats(ch->mfib, &stats);
	if (ch->moving) {
		// Either may bring all that is new; the sum goes on growing when they change roles.
		mfib_channel_stats(ch->moving->mfib, &other);
		stats.packets += other.packets;
	}
	if (stats.packets == ch->packets)
		return;
	channel_rate(ch, stats.packets, now_us);
	ch->packets = stats.packets;
	ch->moved_us = now_us;
	health_moved(ch, now_us);
	if (!ch->awaiting)
		return;
	channel_await(cs, ch, false);
	if (ch->first_packet_us == 0)
		histogram_add(&cs->latency, now_us > ch->wanted_us ? now_us - ch->wanted_us : 0);
	ch->first_packet_us = now_us;
	ch->source->retries = 0;
	log_info("channel", "first packet s=%s g=%s relay=%s after_ms=%.1f",
		addr_format(&ch->sg.s, s), addr_format(&ch->sg.g, g),
		addr_format(&ch->source->tunnel->relay, r),
		(double)(now_us - ch->wanted_us) / USEC_PER_MSEC);
}

static void sweep_list(struct channels *cs, struct channel_list *list, uint32_t n, uint64_t now_us)
{
	bool awaiting = list == &cs->awaiting;
	struct channel *first = NULL;

	// Walks in a circle: who was looked at goes to the end of the list.
	for (; n > 0; n--) {
		struct channel *ch = TAILQ_FIRST(list);

		if (!ch || ch == first)
			return;
		if (!first)
			first = ch;
		TAILQ_REMOVE(list, ch, in_sweep);
		TAILQ_INSERT_TAIL(list, ch, in_sweep);
		channel_look(cs, ch, now_us);
		if (ch->awaiting != awaiting && ch == first)
			first = NULL;
	}
}

static void sweep_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct channels *cs = arg;
	uint32_t share = cs->by_sg.count / (2 * USEC_PER_SEC / SWEEP_IDLE_US);

	cs->now_us = now_us;
	sweep_list(cs, &cs->awaiting, SWEEP_AWAITING, now_us);
	sweep_list(cs, &cs->seen, share > SWEEP_MIN ? share : SWEEP_MIN, now_us);
	if (!TAILQ_EMPTY(&cs->awaiting))
		timer_arm(cs->rooms.timers, t, now_us + SWEEP_BUSY_US);
	else if (!TAILQ_EMPTY(&cs->seen))
		timer_arm(cs->rooms.timers, t, now_us + SWEEP_IDLE_US);
}

void channels_destroy(struct channels *cs, uint64_t now_us)
{
	struct hnode *n, *tmp;

	if (!cs)
		return;
	while (!TAILQ_EMPTY(&cs->moves))
		move_stop(TAILQ_FIRST(&cs->moves), now_us);
	for (n = hmap_first(&cs->by_source); n; n = hmap_next(&cs->by_source, n))
		race_end(container_of_node(n, struct source, node), now_us);
	race_fini(cs);
	// One Teardown a tunnel says more, and costs less, than a BLOCK a channel: tunnels go
	// first.
	while ((n = hmap_first(&cs->by_relay))) {
		struct tunnel *t = container_of_node(n, struct tunnel, node);
		struct source *src;

		while ((src = TAILQ_FIRST(&t->sources))) {
			struct channel *ch;

			TAILQ_FOREACH (ch, &src->channels, in_source)
				channel_unforward(cs, ch);
			TAILQ_REMOVE(&t->sources, src, in_tunnel);
			health_end(src);
			src->tunnel = NULL;
			src->state = SOURCE_WAITING;
		}
		tunnel_close(t, now_us);
	}
	HMAP_FOREACH (n, tmp, &cs->by_sg)
		channel_destroy(container_of_node(n, struct channel, node), now_us);
	discover_fini(cs);
	timer_cancel(cs->rooms.timers, &cs->sweep);
	hmap_fini(&cs->by_sg);
	slab_fini(&cs->channel_slab);
	hmap_fini(&cs->by_source);
	hmap_fini(&cs->by_discovery);
	hmap_fini(&cs->by_relay);
	free(cs);
}

void channels_totals(const struct channels *cs, struct channel_totals *out)
{
	*out = (struct channel_totals){
		.channels = cs->by_sg.count,
		.sources = cs->by_source.count,
		.tunnels = cs->by_relay.count + cs->n_further,
		.wanted = cs->wanted,
		.refused = cs->refused,
		.changes = 2 * cs->wanted - cs->by_sg.count,
	};
}
