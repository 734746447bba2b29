// SPDX-License-Identifier: BSD-3-Clause
// Make before break: a source's channels move to another relay, which they join before they leave
// the old one. While both deliver, a window in the forwarding table lets each packet through once,
// whichever copy comes first (mfib.h). In a move the source stays attached to the old relay until
// the new one has shown that it delivers; if it does not, nothing has happened.
//
//   QUEUED -> SEEKING     a race for a relay among the candidates, without the one in use
//   -> MEASURING          how many packets a second, for the size of the window
//   -> LEADING            the window remembers what comes by the old relay, so that copies by a
//                         slower way are known when they come
//   -> BOTH               joined at both
//   -> LEFT               left the old one, whose packets on their way are still taken
//   -> TAIL               the old entries are gone; the window still knows what came by them
//
// When to leave: once the relay that is behind brings nothing that did not come by the other. If
// the new one is behind, its packets are all copies: it has all that will come. If the old one is,
// what the new one never had, from before it was joined, has come by the old one.
#include "channel/channel_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

// Moves at one time, each with a window of up to 8 MiB; others wait in line.
#define MOVES_MAX 16

#define MEASURE_US (200 * USEC_PER_MSEC)
// How much later than by the old relay a packet may come by the new one.
#define SKEW_US	    (1000 * USEC_PER_MSEC)
#define TICK_US	    (100 * USEC_PER_MSEC)
#define BOTH_MAX_US (10 * USEC_PER_SEC)
#define QUIET_US    (2 * USEC_PER_SEC) // a channel without a packet by either relay does not hold up
#define LEFT_MIN_US (1 * USEC_PER_SEC)
#define LEFT_MAX_US (5 * USEC_PER_SEC)
// After a move that failed, doubling from the first to the second.
#define RETRY_MIN_US (30 * USEC_PER_SEC)
#define RETRY_MAX_US (1800 * USEC_PER_SEC)

static const char *const state_texts[] = {
	[MOVE_QUEUED] = "waits for other moves to end",
	[MOVE_SEEKING] = "waits for its Query",
	[MOVE_MEASURING] = "prepares to join there",
	[MOVE_LEADING] = "prepares to join there",
	[MOVE_BOTH] = "joined there too, waits until it delivers",
	[MOVE_LEFT] = "both deliver, the old one was left",
	[MOVE_TAIL] = "the old one was left",
};

const char *move_text(const struct move *mv)
{
	return state_texts[mv->state];
}

static void move_cb(struct timer *timer, void *arg, uint64_t now_us);

static struct tunnel *first_of(struct tunnel *t)
{
	return t->first ? t->first : t;
}

static void move_state(struct move *mv, enum move_state state, uint64_t after_us, uint64_t now_us)
{
	mv->state = state;
	mv->state_us = now_us;
	timer_arm(mv->src->cs->rooms.timers, &mv->timer, now_us + after_us);
}

// The entry of a channel's other tunnel, and what it was counted by.
static void second_drop(struct channels *cs, struct channel *ch, uint64_t now_us)
{
	struct moving *m = channel_moving(ch);
	struct tunnel *t = m->tunnel;
	struct mfib_stats stats;

	mfib_channel_stats(m->mfib, &stats);
	channel_keep(ch, &stats);
	// channel_look() has added both.
	ch->packets = (ch->packets - stats.packets) & CHANNEL_PACKETS;
	mfib_channel_del(cs->rooms.mfib, m->mfib);
	t->n_channels--;
	if (t->first && t->n_channels == 0)
		timer_arm(cs->rooms.timers, &t->linger, now_us + cs->cfg.linger_s * USEC_PER_SEC);
	free(m);
	channel_extra(ch)->moving = NULL;
}

// Joins a channel at the new relay too. False: it could not be.
static bool second_join(struct move *mv, struct channel *ch, uint64_t now_us)
{
	struct channels *cs = mv->src->cs;
	struct tunnel *t = endpoint_for(mv->to, ch, now_us);
	struct channel_extra *x = channel_extra_get(ch);
	struct moving *m = calloc(1, sizeof(*m));
	struct mfib *mfib = cs->rooms.mfib;
	struct sg sg = channel_sg(ch);

	if (!m || !x)
		goto fail;
	if (!mfib_channel_guarded(ch->mfib) &&
		mfib_channel_guard(mfib, ch->mfib, mv->window, 0) < 0)
		goto fail;
	m->mfib = mfib_channel_add(mfib, t->mfib, &sg, channel_sent_to(ch));
	if (!m->mfib)
		goto fail;
	if (mfib_channel_guard(mfib, m->mfib, mv->window, 1) < 0)
		goto drop;
	tunnel_batch(t);
	if (amt_tunnel_join(t->amt, &sg, now_us) < 0)
		goto drop;
	mfib_channel_guard_stats(ch->mfib, &m->old);
	m->tunnel = t;
	t->n_channels++;
	timer_cancel(cs->rooms.timers, &t->linger);
	x->moving = m;
	return true;
drop:
	mfib_channel_del(mfib, m->mfib);
fail:
	free(m);
	return false;
}

// The relay that is no longer joined, or not for good, is told.
static void second_leave(struct channel *ch, uint64_t now_us)
{
	struct tunnel *t = channel_moving(ch)->tunnel;
	struct sg sg = channel_sg(ch);

	tunnel_batch(t);
	amt_tunnel_leave(t->amt, &sg, now_us);
}

static bool batch_begin(struct channels *cs)
{
	if (cs->batching)
		return false;
	channels_batch_begin(cs);
	return true;
}

static void batch_end(struct channels *cs, bool begun, uint64_t now_us)
{
	if (begun)
		channels_batch_end(cs, now_us);
}

void move_channel_gone(struct channel *ch, uint64_t now_us)
{
	const struct move *mv = channel_source(ch)->move;

	if (!channel_moving(ch))
		return;
	if (mv->state == MOVE_BOTH)
		second_leave(ch, now_us);
	second_drop(channels_of(ch), ch, now_us);
}

// Its end, whatever became of it: no channel of the source has to do with it any more.
static void move_free(struct move *mv, uint64_t now_us)
{
	struct source *src = mv->src;
	struct channels *cs = src->cs;
	struct channel *ch;
	struct move *next;

	CHANNEL_FOREACH (ch, src)
		if (ch->mfib && mfib_channel_guarded(ch->mfib))
			mfib_channel_unguard(cs->rooms.mfib, ch->mfib);
	if (mv->window)
		mfib_window_destroy(cs->rooms.mfib, mv->window);
	timer_cancel(cs->rooms.timers, &mv->timer);
	src->move = NULL;
	TAILQ_REMOVE(&cs->moves, mv, link);
	if (mv->state != MOVE_QUEUED)
		cs->n_moves--;
	free(mv);
	TAILQ_FOREACH (next, &cs->moves, link) {
		if (next->state == MOVE_QUEUED && !timer_armed(&next->timer)) {
			timer_arm(cs->rooms.timers, &next->timer, now_us);
			break;
		}
	}
}

static void tunnel_unpin(struct tunnel *t, uint64_t now_us)
{
	t->pins--;
	tunnel_unused(t, now_us);
}

// The old entries go.
static void left_end(struct move *mv, uint64_t now_us)
{
	struct source *src = mv->src;
	struct tunnel *from = mv->from;
	struct channel *ch;

	CHANNEL_FOREACH (ch, src)
		if (channel_moving(ch))
			second_drop(src->cs, ch, now_us);
	mv->from = NULL;
	move_state(mv, MOVE_TAIL, SKEW_US, now_us);
	tunnel_unpin(from, now_us);
}

// Back to the old relay alone.
static void move_undo(struct move *mv, uint64_t now_us)
{
	struct source *src = mv->src;
	struct channels *cs = src->cs;
	bool begun = batch_begin(cs);
	struct tunnel *to = mv->to;
	struct channel *ch;

	if (mv->state == MOVE_SEEKING)
		race_end(src, now_us);
	CHANNEL_FOREACH (ch, src) {
		if (channel_moving(ch)) {
			second_leave(ch, now_us);
			second_drop(cs, ch, now_us);
		} else if (channel_tunnel(ch) &&
			   first_of(channel_tunnel(ch)) == to) { // it came meanwhile
			tunnel_leave(ch, now_us);
			tunnel_join(endpoint_for(src->tunnel, ch, now_us), ch, now_us);
		}
	}
	move_free(mv, now_us);
	batch_end(cs, begun, now_us);
	if (to)
		tunnel_unpin(to, now_us);
}

void move_stop(struct move *mv, uint64_t now_us)
{
	if (mv->state < MOVE_LEFT) {
		move_undo(mv, now_us);
		return;
	}
	if (mv->state == MOVE_LEFT)
		left_end(mv, now_us);
	move_free(mv, now_us);
}

void move_fail(struct move *mv, const char *reason, uint64_t now_us)
{
	struct source *src = mv->src;
	uint64_t wait_us = RETRY_MIN_US;
	char s[ADDR_STRLEN], from[ADDR_STRLEN], to[ADDR_STRLEN];

	for (unsigned int i = 0; i < src->moves_failed && wait_us < RETRY_MAX_US; i++)
		wait_us *= 2;
	src->moves_failed++;
	src->move_after_us = now_us + (wait_us < RETRY_MAX_US ? wait_us : RETRY_MAX_US);
	log_warn_limited("channel", "not moved source=%s why=\"%s\" from=%s to=%s reason=\"%s\"",
		addr_format(&src->addr, s), mv->why, addr_format(&src->tunnel->relay, from),
		mv->to ? addr_format(&mv->to->relay, to) : "-", reason);
	move_stop(mv, now_us);
}

static uint64_t packets_of(const struct source *src)
{
	const struct channel *ch;
	uint64_t sum = 0;

	CHANNEL_FOREACH (ch, src) {
		struct mfib_stats stats;

		if (!ch->mfib)
			continue;
		mfib_channel_stats(ch->mfib, &stats);
		sum += stats.packets;
	}
	return sum;
}

void move_found(struct move *mv, struct tunnel *to, uint64_t now_us)
{
	struct source *src = mv->src;
	struct channel *ch;

	mv->to = to;
	to->pins++;
	timer_cancel(src->cs->rooms.timers, &to->linger);
	CHANNEL_FOREACH (ch, src)
		endpoint_for(to, ch, now_us); // further endpoints are up when they are wanted
	mv->packets = packets_of(src);
	move_state(mv, MOVE_MEASURING, MEASURE_US, now_us);
}

static void measured(struct move *mv, uint64_t now_us)
{
	struct source *src = mv->src;
	struct mfib *mfib = src->cs->rooms.mfib;
	uint64_t now = packets_of(src), grown = now > mv->packets ? now - mv->packets : 0;
	uint64_t within_skew = grown * SKEW_US / MEASURE_US;
	struct channel *ch;

	mv->window = mfib_window_create(
		mfib, within_skew < UINT32_MAX ? (uint32_t)within_skew : UINT32_MAX);
	if (!mv->window) {
		move_fail(mv, "no memory for its window", now_us);
		return;
	}
	// One that cannot be guarded is tried again when it joins, and else moves by a break.
	CHANNEL_FOREACH (ch, src)
		if (ch->mfib)
			(void)mfib_channel_guard(mfib, ch->mfib, mv->window, 0);
	move_state(mv, MOVE_LEADING, SKEW_US, now_us);
}

static void both_begin(struct move *mv, uint64_t now_us)
{
	struct source *src = mv->src;
	bool begun = batch_begin(src->cs);
	struct channel *ch;

	move_state(mv, MOVE_BOTH, TICK_US, now_us);
	CHANNEL_FOREACH (ch, src)
		if (ch->mfib)
			second_join(mv, ch, now_us);
	batch_end(src->cs, begun, now_us);
}

// Looks at what came by either relay since the last time.
static void moving_look(struct channel *ch)
{
	struct moving *m = channel_moving(ch);
	struct mfib_guard_stats old, new;
	uint64_t copies, by_old, by_new, behind;

	mfib_channel_guard_stats(ch->mfib, &old);
	mfib_channel_guard_stats(m->mfib, &new);
	copies = old.duplicates - m->old.duplicates + new.duplicates - m->new.duplicates;
	by_old = old.first - m->old.first;
	by_new = new.first - m->new.first;
	behind = by_old < by_new ? by_old : by_new;
	// Of the one that is behind all were copies, but for a few that the other had lost.
	m->ready |= copies > 0 && behind <= copies / 8;
	m->old_flows |= by_old + old.duplicates - m->old.duplicates > 0;
	m->new_flows |= by_new + new.duplicates - m->new.duplicates > 0;
	m->old = old;
	m->new = new;
}

// The channel is the new relay's from now on.
static void channel_switch(struct move *mv, struct channel *ch, uint64_t now_us)
{
	struct moving *m = channel_moving(ch);
	struct mfib_channel *mfib = ch->mfib;
	struct tunnel *t = channel_tunnel(ch);

	if (!m) {
		// It came meanwhile, or there was no memory for both.
		if (t && first_of(t) == mv->to)
			return;
		if (ch->mfib)
			tunnel_leave(ch, now_us);
		tunnel_join(endpoint_for(mv->to, ch, now_us), ch, now_us);
		return;
	}
	ch->mfib = m->mfib;
	m->mfib = mfib;
	m->tunnel = t;
	ch->joined_us = mv->state_us;
}

// told: the old relay is to hear of it.
static void move_commit(struct move *mv, bool told, uint64_t now_us)
{
	struct source *src = mv->src;
	struct channels *cs = src->cs;
	bool begun = batch_begin(cs);
	struct tunnel *from = src->tunnel, *to = mv->to;
	char s[ADDR_STRLEN], a[ADDR_STRLEN], b[ADDR_STRLEN];
	struct channel *ch;

	from->pins++;
	mv->from = from;
	CHANNEL_FOREACH (ch, src) {
		channel_switch(mv, ch, now_us);
		if (channel_moving(ch) && told)
			second_leave(ch, now_us);
	}
	TAILQ_REMOVE(&from->sources, src, in_tunnel);
	TAILQ_INSERT_TAIL(&to->sources, src, in_tunnel);
	src->tunnel = to;
	src->moves_failed = 0;
	mv->to = NULL;
	to->pins--; // its source holds it
	batch_end(cs, begun, now_us);
	log_info("channel", "moved source=%s why=\"%s\" from=%s to=%s after_ms=%llu",
		addr_format(&src->addr, s), mv->why, addr_format(&from->relay, a),
		addr_format(&to->relay, b), (unsigned long long)((now_us - mv->began_us) / 1000));
	move_state(mv, MOVE_LEFT, LEFT_MIN_US, now_us);
}

static void both_tick(struct move *mv, uint64_t now_us)
{
	struct source *src = mv->src;
	uint64_t since_us = now_us - mv->state_us;
	bool wait = false, silent = false;
	struct channel *ch;

	CHANNEL_FOREACH (ch, src) {
		const struct moving *m = channel_moving(ch);

		if (!m)
			continue;
		moving_look(ch);
		if (m->ready || (!m->old_flows && since_us >= QUIET_US))
			continue;
		wait = true;
		silent |= m->old_flows && !m->new_flows;
	}
	if (!wait || (since_us >= BOTH_MAX_US && !silent)) {
		move_commit(mv, true, now_us);
	} else if (since_us >= BOTH_MAX_US) {
		holddown_add_for(src->cs->rooms.held, &mv->to->relay, &src->addr, hold_no_traffic,
			now_us + src->cs->cfg.hold_down_s * USEC_PER_SEC);
		move_fail(mv, hold_no_traffic, now_us);
	} else {
		timer_arm(src->cs->rooms.timers, &mv->timer, now_us + TICK_US);
	}
}

// The old relay may have missed the BLOCK, which is repeated.
static void left_tick(struct move *mv, uint64_t now_us)
{
	struct source *src = mv->src;
	struct channel *ch;
	bool late = false;

	CHANNEL_FOREACH (ch, src) {
		struct moving *m = channel_moving(ch);
		struct mfib_guard_stats old;

		if (!m)
			continue;
		mfib_channel_guard_stats(m->mfib, &old);
		late |= old.first + old.duplicates != m->old.first + m->old.duplicates;
		m->old = old;
	}
	if (late && now_us - mv->state_us < LEFT_MAX_US)
		timer_arm(src->cs->rooms.timers, &mv->timer, now_us + LEFT_MIN_US);
	else
		left_end(mv, now_us);
}

// The search begins, or its turn has not come.
static void move_start(struct move *mv, uint64_t now_us)
{
	struct source *src = mv->src;
	struct channels *cs = src->cs;
	struct tunnel *t = addr_is_none(&mv->wanted) ? NULL : tunnel_find(cs, &mv->wanted);

	if (cs->n_moves >= MOVES_MAX)
		return;
	cs->n_moves++;
	mv->state = MOVE_SEEKING;
	mv->state_us = now_us;
	if (move_forced(src) && !addr_is_none(&mv->wanted))
		holddown_release(cs->rooms.held, &mv->wanted);
	if (t && tunnel_serves(t, src->addr.family) && t != src->tunnel)
		move_found(mv, t, now_us);
	else
		source_seek(src, now_us);
}

static void move_cb(struct timer *timer, void *arg, uint64_t now_us)
{
	struct move *mv = arg;

	(void)timer;
	mv->src->cs->now_us = now_us;
	switch (mv->state) {
	case MOVE_QUEUED:
		move_start(mv, now_us);
		break;
	case MOVE_SEEKING: // the race has its own timers, and ends
		break;
	case MOVE_MEASURING:
		measured(mv, now_us);
		break;
	case MOVE_LEADING:
		both_begin(mv, now_us);
		break;
	case MOVE_BOTH:
		both_tick(mv, now_us);
		break;
	case MOVE_LEFT:
		left_tick(mv, now_us);
		break;
	case MOVE_TAIL:
		move_free(mv, now_us);
		break;
	}
}

void moves_tunnel_gone(struct tunnel *t, const char *reason, uint64_t now_us)
{
	struct channels *cs = t->cs;
	struct tunnel *first = first_of(t);
	struct move *mv, *next;

	for (mv = TAILQ_FIRST(&cs->moves); mv; mv = next) {
		next = TAILQ_NEXT(mv, link);
		if (mv->state == MOVE_BOTH && t == mv->src->tunnel) {
			// It was about to be left anyway.
			move_commit(mv, false, now_us);
			left_end(mv, now_us);
		} else if (mv->to == first) {
			move_fail(mv, reason, now_us);
		} else if (mv->src->tunnel == first || mv->from == first) {
			move_stop(mv, now_us);
		}
	}
}

struct tunnel *move_join_at(const struct source *src)
{
	return src->move && src->move->state == MOVE_BOTH ? src->move->to : src->tunnel;
}

int move_begin(struct source *src, const struct addr *relay, const char *why, unsigned int flags,
	uint64_t now_us)
{
	struct channels *cs = src->cs;
	struct move *mv;

	if (src->state != SOURCE_ATTACHED)
		return -EAGAIN;
	if (src->move || (relay && source_is_at(src, relay)))
		return -EALREADY;
	if (!(flags & CHANNEL_MOVE_FORCE) && now_us < src->move_after_us)
		return -EAGAIN;
	mv = calloc(1, sizeof(*mv));
	if (!mv)
		return -ENOMEM;
	mv->src = src;
	mv->why = why;
	mv->flags = flags;
	mv->began_us = mv->state_us = now_us;
	if (relay)
		mv->wanted = *relay;
	timer_init(&mv->timer, move_cb, mv);
	src->move = mv;
	if (!source_may_seek(src, now_us)) {
		src->move = NULL;
		free(mv);
		return -ENXIO;
	}
	TAILQ_INSERT_TAIL(&cs->moves, mv, link);
	move_start(mv, now_us);
	return 0;
}

int channels_move(struct channels *cs, const struct addr *source, const struct addr *relay,
	const char *why, unsigned int flags, uint64_t now_us)
{
	struct source *src = source_find(cs, source);

	cs->now_us = now_us;
	return src ? move_begin(src, relay, why, flags, now_us) : -ENOENT;
}
