// SPDX-License-Identifier: BSD-3-Clause
// Channels: who wants what, and whether packets come.
#include "channel/channel_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

// How often the counters of channels are looked at: soon while a first packet is awaited, each one
// every two seconds after that.
#define SWEEP_BUSY_US  (5 * USEC_PER_MSEC)
#define SWEEP_IDLE_US  (50 * USEC_PER_MSEC)
#define SWEEP_MIN      64
#define SWEEP_AWAITING 1024

static void sweep_cb(struct timer *t, void *arg, uint64_t now_us);

struct sg channel_sg(const struct channel *ch)
{
	struct sg sg = {.s = channel_source(ch)->addr, .g.family = channel_family(ch)};

	memcpy(sg.g.bytes, ch->group, sizeof(ch->group));
	return sg;
}

static uint64_t hash_cb(const void *object)
{
	struct sg sg = channel_sg(object);

	return hmap_hash_sg(&sg);
}

struct channels *channels_create(const struct channel_cfg *cfg, const struct channel_env *env,
	const struct channel_rooms *rooms)
{
	struct channels *cs = calloc(1, sizeof(*cs));

	if (!cs)
		return NULL;
	channel_cfg_set(cs, cfg);
	cs->env = *env;
	cs->rooms = *rooms;
	TAILQ_INIT(&cs->batch);
	TAILQ_INIT(&cs->moves);
	TAILQ_INIT(&cs->services.waiting);
	slab_init(&cs->channel_slab, sizeof(struct channel));
	slab_init(&cs->source_slab, sizeof(struct source));
	slab_init(&cs->extra_slab, sizeof(struct channel_extra));
	slab_init(&cs->past_slab, sizeof(struct mfib_stats));
	imap_init(&cs->by_sg, &cs->channel_slab, offsetof(struct channel, chain), hash_cb);
	timer_init(&cs->sweep, sweep_cb, cs);
	return cs;
}

struct channel *channel_find(const struct channels *cs, const struct sg *sg, uint64_t hash)
{
	struct channel *ch = imap_find(&cs->by_sg, hash);

	while (ch && (memcmp(ch->group, sg->g.bytes, sizeof(ch->group)) != 0 ||
			     channel_family(ch) != sg->g.family ||
			     !addr_eq(&channel_source(ch)->addr, &sg->s)))
		ch = imap_find_next(&cs->by_sg, ch);
	return ch;
}

static struct ilist *sweep_list_of(struct channels *cs, const struct channel *ch)
{
	return ch->awaiting ? &cs->awaiting : &cs->seen;
}

static void sweep_take_out(struct channels *cs, struct channel *ch)
{
	ilist_remove(
		sweep_list_of(cs, ch), &cs->channel_slab, ch, offsetof(struct channel, in_sweep));
}

static void sweep_append(struct channels *cs, struct channel *ch)
{
	ilist_append(
		sweep_list_of(cs, ch), &cs->channel_slab, ch, offsetof(struct channel, in_sweep));
}

static void channel_await(struct channels *cs, struct channel *ch, bool awaiting)
{
	sweep_take_out(cs, ch);
	ch->awaiting = awaiting;
	sweep_append(cs, ch);
}

struct channel_extra *channel_extra_get(struct channel *ch)
{
	struct channel_extra *x = channel_extra(ch);

	if (x)
		return x;
	x = slab_get(&channels_of(ch)->extra_slab);
	ch->extra = x ? slab_number(x) : SLAB_NONE;
	return x;
}

void channel_keep(struct channel *ch, const struct mfib_stats *stats)
{
	struct slab *slab = &channels_of(ch)->past_slab;
	struct mfib_stats *past;

	if (stats->packets == 0)
		return;
	past = ch->past != SLAB_NONE ? slab_at(slab, ch->past) : slab_get(slab);
	if (!past)
		return; // what is shown is the less
	ch->past = slab_number(past);
	past->packets += stats->packets;
	past->bytes += stats->bytes;
}

void channel_past(const struct channel *ch, struct mfib_stats *out)
{
	*out = (struct mfib_stats){0};
	if (ch->past != SLAB_NONE)
		*out = *(const struct mfib_stats *)slab_at(&channels_of(ch)->past_slab, ch->past);
}

// The interfaces on which an origin wants it, from now on. False without memory.
static bool channel_want(struct channel *ch, enum channel_origin origin, uint64_t wanted)
{
	struct channel_extra *x;

	if (origin == ch->origin) {
		ch->wanted = wanted;
		return true;
	}
	x = channel_extra_get(ch);
	if (x)
		x->wanted_by[origin] = wanted;
	return x;
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
	if (imap_insert(&cs->by_sg, ch, hash) < 0)
		goto drop_source;
	memcpy(ch->group, sg->g.bytes, sizeof(ch->group));
	ch->source = slab_number(src);
	ch->wanted_us = now_us & (UINT64_MAX >> 8);
	ch->awaiting = true;
	ilist_append(&src->channels, &cs->channel_slab, ch, offsetof(struct channel, in_source));
	src->n_channels++;
	sweep_append(cs, ch);
	ch->asker = share_place(cs->asker);
	share_take(&cs->share, ch->asker);
	cs->wanted++;
	// A busy sweep comes at once, so that the first packet's time is right to some ms.
	timer_arm(cs->rooms.timers, &cs->sweep, now_us + SWEEP_BUSY_US);
	return ch;

drop_source:
	if (ilist_empty(&src->channels))
		source_destroy(src, now_us);
free_channel:
	slab_put(&cs->channel_slab, ch);
	return NULL;
}

void channel_apply(struct channels *cs, struct channel *ch)
{
	if (ch->mfib)
		mfib_channel_oifs(cs->rooms.mfib, ch->mfib, channel_sent_to(ch));
	if (channel_moving(ch))
		mfib_channel_oifs(cs->rooms.mfib, channel_moving(ch)->mfib, channel_sent_to(ch));
}

void channel_unforward(struct channels *cs, struct channel *ch)
{
	struct mfib_stats stats;

	if (!ch->mfib)
		return;
	mfib_channel_stats(ch->mfib, &stats);
	channel_keep(ch, &stats);
	channel_tunnel(ch)->n_channels--;
	mfib_channel_del(cs->rooms.mfib, ch->mfib);
	ch->mfib = NULL;
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
	struct source *src = channel_source(ch);
	struct channels *cs = src->cs;

	move_channel_gone(ch, now_us);
	if (ch->mfib)
		tunnel_leave(ch, now_us);
	sweep_take_out(cs, ch);
	imap_remove(&cs->by_sg, ch);
	share_give(&cs->share, ch->asker);
	src->n_channels--;
	ilist_remove(&src->channels, &cs->channel_slab, ch, offsetof(struct channel, in_source));
	if (ch->extra != SLAB_NONE)
		slab_put(&cs->extra_slab, channel_extra(ch));
	if (ch->past != SLAB_NONE)
		slab_put(&cs->past_slab, slab_at(&cs->past_slab, ch->past));
	slab_put(&cs->channel_slab, ch);
	if (ilist_empty(&src->channels))
		source_destroy(src, now_us);
}

static void out_of_memory(struct channels *cs, const struct sg *sg)
{
	char text[SG_STRLEN];

	cs->refused++;
	log_warn_limited("channel", "out of memory, refused %s", sg_format(sg, text));
}

static enum channel_drop want_refused(const struct channels *cs, const struct sg *sg)
{
	enum channel_drop why = sg_refused(cs, sg);
	const struct source *src;

	if (sg->s.family != sg->g.family)
		return CHANNEL_DROP_FAMILY;
	if (why != CHANNEL_DROP_COUNT)
		return why;
	if (!share_ok(&cs->share, share_place(cs->asker), cs->cfg.max_channels))
		return CHANNEL_DROP_CHANNELS_LIMIT;
	if (cs->cfg.max_per_source == 0)
		return CHANNEL_DROP_COUNT;
	src = source_find(cs, &sg->s);
	return src && src->n_channels >= cs->cfg.max_per_source ? CHANNEL_DROP_PER_SOURCE_LIMIT
								: CHANNEL_DROP_COUNT;
}

static void channel_wanted(struct channels *cs, const struct sg *sg, uint64_t hash, uint64_t bit,
	enum channel_origin origin, uint64_t now_us)
{
	struct channel *ch;

	if (channel_drop(cs, want_refused(cs, sg), &sg->s)) {
		cs->refused++;
		return;
	}
	ch = channel_create(cs, sg, hash, now_us);
	if (!ch) {
		out_of_memory(cs, sg);
		return;
	}
	ch->origin = origin;
	ch->wanted = bit;
	switch (channel_source(ch)->state) {
	case SOURCE_ATTACHED:
		tunnel_join(endpoint_for(move_join_at(channel_source(ch)), ch, now_us), ch, now_us);
		break;
	case SOURCE_WAITING:
		if (!timer_armed(&channel_source(ch)->retry)) // just created
			source_search(channel_source(ch), now_us);
		break;
	default: // the search under way serves this channel too
		break;
	}
}

static void want_change(struct channels *cs, const struct sg *sg, unsigned int ifindex,
	enum channel_origin origin, bool wanted, uint64_t now_us)
{
	uint64_t hash = hmap_hash_sg(sg), bit = 1ull << ifindex, before, by_origin, oifs;
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
	by_origin = channel_wanted_by(ch, origin);
	if (((by_origin & bit) != 0) == wanted)
		return;
	if (!channel_want(ch, origin, by_origin ^ bit)) {
		out_of_memory(cs, sg);
		return;
	}
	oifs = channel_oifs(ch);
	if (oifs == before)
		return;
	if (!oifs)
		channel_destroy(ch, now_us);
	else
		channel_apply(cs, ch);
}

void channels_asker(struct channels *cs, uint64_t who)
{
	cs->asker = who;
}

void channels_acl_review(struct channels *cs, uint64_t now_us)
{
	struct channel *ch, *next;

	IMAP_FOREACH (ch, next, &cs->by_sg) {
		struct sg sg = channel_sg(ch);

		if (channel_drop(cs, sg_refused(cs, &sg), &sg.s))
			channel_destroy(ch, now_us);
	}
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
	struct channel *ch = channel_find(cs, sg, hmap_hash_sg(sg));
	uint64_t bit = 1ull << ifindex, before;
	struct channel_extra *x;
	char text[SG_STRLEN];

	cs->now_us = now_us;
	if (!ch || ((channel_muted(ch) & bit) != 0) == muted)
		return;
	before = channel_sent_to(ch);
	x = channel_extra_get(ch);
	if (!x) {
		log_warn_limited("channel", "out of memory, not muted %s", sg_format(sg, text));
		return;
	}
	x->muted ^= bit;
	if (channel_sent_to(ch) != before)
		channel_apply(cs, ch);
}

bool channels_flows(const struct channels *cs, const struct sg *sg, uint64_t now_us)
{
	const struct channel *ch = channel_find(cs, sg, hmap_hash_sg(sg));

	return ch && ch->mfib && !ch->awaiting && now_us <= ch->moved_us + CHANNEL_STALL_US;
}

uint64_t channels_wanted_by(
	const struct channels *cs, const struct sg *sg, enum channel_origin origin)
{
	const struct channel *ch = channel_find(cs, sg, hmap_hash_sg(sg));

	return ch ? channel_wanted_by(ch, origin) : 0;
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

// Over the time since it last had packets.
static void channel_rate(struct channel *ch, uint64_t n, uint64_t now_us)
{
	uint64_t from = ch->awaiting ? ch->joined_us : ch->moved_us;
	uint64_t rate = now_us > from ? n * USEC_PER_SEC / (now_us - from) : 0;

	ch->packets_per_s = rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX;
}

void channel_look(struct channels *cs, struct channel *ch, uint64_t now_us)
{
	struct mfib_stats stats, other;
	char s[ADDR_STRLEN], g[ADDR_STRLEN], r[ADDR_STRLEN];
	uint64_t grown;
	struct sg sg;

	if (!ch->mfib)
		return;
	mfib_channel_stats(ch->mfib, &stats);
	if (channel_moving(ch)) {
		// Either may bring all that is new; the sum goes on growing when they change roles.
		mfib_channel_stats(channel_moving(ch)->mfib, &other);
		stats.packets += other.packets;
	}
	grown = (stats.packets - ch->packets) & CHANNEL_PACKETS;
	if (grown == 0)
		return;
	ch->packets = stats.packets & CHANNEL_PACKETS;
	channel_rate(ch, grown, now_us);
	ch->moved_us = now_us;
	health_moved(ch, now_us);
	if (!ch->awaiting)
		return;
	channel_await(cs, ch, false);
	if (ch->first_packet_us == 0)
		histogram_add(&cs->latency, now_us > ch->wanted_us ? now_us - ch->wanted_us : 0);
	ch->first_packet_us = now_us;
	channel_source(ch)->retries = 0;
	sg = channel_sg(ch);
	log_info("channel", "first packet s=%s g=%s relay=%s after_ms=%.1f", addr_format(&sg.s, s),
		addr_format(&sg.g, g), addr_format(&channel_source(ch)->tunnel->relay, r),
		(double)(now_us - ch->wanted_us) / USEC_PER_MSEC);
}

static void sweep_list(struct channels *cs, struct ilist *list, uint32_t n, uint64_t now_us)
{
	bool awaiting = list == &cs->awaiting;
	struct channel *first = NULL;

	// Walks in a circle: who was looked at goes to the end of the list.
	for (; n > 0; n--) {
		struct channel *ch = ilist_first(list, &cs->channel_slab);

		if (!ch || ch == first)
			return;
		if (!first)
			first = ch;
		sweep_take_out(cs, ch);
		sweep_append(cs, ch);
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
	if (!ilist_empty(&cs->awaiting))
		timer_arm(cs->rooms.timers, t, now_us + SWEEP_BUSY_US);
	else if (!ilist_empty(&cs->seen))
		timer_arm(cs->rooms.timers, t, now_us + SWEEP_IDLE_US);
}

void channels_destroy(struct channels *cs, uint64_t now_us)
{
	struct channel *ch, *next;
	struct hnode *n;

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
			CHANNEL_FOREACH (ch, src)
				channel_unforward(cs, ch);
			TAILQ_REMOVE(&t->sources, src, in_tunnel);
			health_end(src);
			src->tunnel = NULL;
			src->state = SOURCE_WAITING;
		}
		tunnel_close(t, now_us);
	}
	IMAP_FOREACH (ch, next, &cs->by_sg)
		channel_destroy(ch, now_us);
	discover_fini(cs);
	timer_cancel(cs->rooms.timers, &cs->sweep);
	imap_fini(&cs->by_sg);
	slab_fini(&cs->channel_slab);
	slab_fini(&cs->source_slab);
	slab_fini(&cs->extra_slab);
	slab_fini(&cs->past_slab);
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
