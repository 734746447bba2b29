// SPDX-License-Identifier: BSD-3-Clause
// What the console and the metrics see: states, and the reason for each in words.
#include "channel/channel_internal.h"

#include <stdio.h>
#include <string.h>

static const char *const state_names[] = {
	[CHANNEL_RESOLVING] = "resolving",
	[CHANNEL_DISCOVERING] = "discovering",
	[CHANNEL_CONNECTING] = "connecting",
	[CHANNEL_JOINED] = "joined",
	[CHANNEL_FLOWING] = "flowing",
	[CHANNEL_STALLED] = "stalled",
	[CHANNEL_WAITING] = "waiting",
};

const char *channel_state_name(enum channel_state s)
{
	return state_names[s];
}

static const char *const origin_names[] = {
	[CHANNEL_BY_PIM] = "pim",
	[CHANNEL_BY_MEMBERSHIP] = "igmp",
	[CHANNEL_BY_STATIC] = "static",
	[CHANNEL_BY_JOINFILE] = "joinfile",
};

const char *channel_origin_name(enum channel_origin o)
{
	return origin_names[o];
}

static uint64_t seconds_since(const struct channels *cs, uint64_t then_us)
{
	return cs->now_us > then_us ? (cs->now_us - then_us) / USEC_PER_SEC : 0;
}

static void explain_move(const struct move *mv, struct channel_view *v)
{
	const struct addr *to = mv->to ? &mv->to->relay : &mv->wanted;
	char text[ADDR_STRLEN];

	if (mv->from)
		snprintf(v->reason, sizeof(v->reason), "moved from %s (%s): %s",
			addr_format(&mv->from->relay, text), mv->why, move_text(mv));
	else if (mv->state == MOVE_TAIL)
		snprintf(v->reason, sizeof(v->reason), "moved here (%s): %s", mv->why,
			move_text(mv));
	else
		snprintf(v->reason, sizeof(v->reason), "moves to %s (%s): %s",
			addr_is_none(to) ? "another relay" : addr_format(to, text), mv->why,
			move_text(mv));
}

// What is furthest: a tunnel that is asked for a Query, or else a Discovery. NULL between two.
static const struct attempt *attempt_furthest(const struct source *src)
{
	const struct attempt *a, *best = NULL;

	if (!src->race)
		return NULL;
	for (a = src->race->attempts; a < src->race->attempts + RACE_MAX; a++)
		if (a->src && (!best || (a->tunnel && !best->tunnel)))
			best = a;
	return best;
}

static enum channel_state racing_state(const struct source *src)
{
	const struct attempt *best = attempt_furthest(src);

	if (!best)
		return CHANNEL_RESOLVING;
	return best->tunnel ? CHANNEL_CONNECTING : CHANNEL_DISCOVERING;
}

static enum channel_state state_of(const struct channels *cs, const struct channel *ch)
{
	switch (channel_source(ch)->state) {
	case SOURCE_RESOLVING:
		return CHANNEL_RESOLVING;
	case SOURCE_RACING:
		return racing_state(channel_source(ch));
	case SOURCE_ATTACHED:
		break;
	case SOURCE_WAITING:
		return CHANNEL_WAITING;
	}
	if (!ch->mfib)
		return CHANNEL_WAITING;
	if (ch->awaiting)
		return CHANNEL_JOINED;
	return cs->now_us > ch->moved_us + CHANNEL_STALL_US ? CHANNEL_STALLED : CHANNEL_FLOWING;
}

static void explain_attached(
	const struct channels *cs, const struct channel *ch, struct channel_view *v)
{
	const struct tunnel *t = ch->mfib ? channel_tunnel(ch) : channel_source(ch)->tunnel;
	char r[ADDR_STRLEN];

	v->relay = t->relay;
	addr_format(&t->relay, r);
	if (v->state == CHANNEL_WAITING)
		snprintf(v->reason, sizeof(v->reason), "the forwarding table refused the entry");
	else if (v->state == CHANNEL_JOINED)
		snprintf(v->reason, sizeof(v->reason),
			"joined at %s %llu s ago, no packet of this channel yet", r,
			(unsigned long long)seconds_since(cs, ch->joined_us));
	else if (v->state == CHANNEL_STALLED)
		snprintf(v->reason, sizeof(v->reason), "no packet from %s for %llu s", r,
			(unsigned long long)seconds_since(cs, ch->moved_us));
	else if (channel_source(ch)->move)
		explain_move(channel_source(ch)->move, v);
}

static void explain_racing(
	const struct channels *cs, const struct source *src, struct channel_view *v)
{
	const struct attempt *best = attempt_furthest(src);
	struct amt_tunnel_view amt;
	char r[ADDR_STRLEN];

	if (!best)
		return;
	if (!best->tunnel) {
		snprintf(v->reason, sizeof(v->reason),
			"no Advertisement from %s yet, first Discovery sent %llu s ago",
			addr_format(&best->discovery->addr, r),
			(unsigned long long)seconds_since(cs, best->discovery->since_us));
		return;
	}
	v->relay = best->tunnel->relay;
	amt_tunnel_view(best->tunnel->amt, &amt);
	snprintf(v->reason, sizeof(v->reason), "no Query from %s yet, %u Requests sent%s%s",
		addr_format(&v->relay, r), amt.unanswered,
		best->tunnel->icmp_error ? "; ICMP says: " : "",
		best->tunnel->icmp_error ? strerror(best->tunnel->icmp_error) : "");
}

static void view_fill(const struct channels *cs, const struct channel *ch, struct channel_view *v)
{
	const struct source *src = channel_source(ch);
	struct mfib_stats stats = {0}, other = {0}, past;
	char text[ADDR_STRLEN];

	if (ch->mfib)
		mfib_channel_stats(ch->mfib, &stats);
	if (channel_moving(ch))
		mfib_channel_stats(channel_moving(ch)->mfib, &other);
	channel_past(ch, &past);
	*v = (struct channel_view){
		.sg = channel_sg(ch),
		.state = state_of(cs, ch),
		.oifs = channel_oifs(ch),
		.muted = channel_muted(ch) & channel_oifs(ch),
		.packets = past.packets + stats.packets + other.packets,
		.bytes = past.bytes + stats.bytes + other.bytes,
		.wanted_us = ch->wanted_us,
		.joined_us = ch->joined_us,
		.first_packet_us = ch->first_packet_us,
		.retry_us = timer_armed(&src->retry) ? src->retry.due_us : NEVER_US,
	};
	for (int o = 0; o < CHANNEL_ORIGINS; o++)
		v->wanted_by[o] = channel_wanted_by(ch, (enum channel_origin)o);
	switch (src->state) {
	case SOURCE_RESOLVING:
		snprintf(v->reason, sizeof(v->reason), "asking DNS for %s%s",
			src->lookup ? "the AMTRELAY records of " : "services _amt._udp",
			src->lookup ? addr_format(&src->addr, text) : "");
		break;
	case SOURCE_RACING:
		explain_racing(cs, src, v);
		break;
	case SOURCE_ATTACHED:
		explain_attached(cs, ch, v);
		break;
	case SOURCE_WAITING:
		snprintf(v->reason, sizeof(v->reason), "%s", source_said(src->reason));
		break;
	}
}

void channels_each_sg(
	const struct channels *cs, void (*cb)(void *arg, const struct sg *sg), void *arg)
{
	struct channel *ch, *tmp;

	IMAP_FOREACH (ch, tmp, &cs->by_sg) {
		struct sg sg = channel_sg(ch);

		cb(arg, &sg);
	}
}

bool channels_find(const struct channels *cs, const struct sg *sg, struct channel_view *out)
{
	const struct channel *ch = channel_find(cs, sg, hmap_hash_sg(sg));

	if (ch)
		view_fill(cs, ch, out);
	return ch;
}

static void view_tunnel(const struct tunnel *t,
	void (*stats)(const struct mfib_tunnel *t, struct mfib_stats *out),
	void (*cb)(void *arg, const struct tunnel_view *v), void *arg)
{
	struct mfib_stats counts;
	struct tunnel_view v = {
		.relay = t->relay,
		.local = t->local,
		.local_port = t->local_port,
		.endpoint = t->endpoint,
	};

	stats(t->mfib, &counts);
	v.packets = counts.packets;
	v.bytes = counts.bytes;
	amt_tunnel_view(t->amt, &v.amt);
	cb(arg, &v);
}

// One to a relay, and those beside it.
static void view_tunnels(const struct tunnel *t,
	void (*stats)(const struct mfib_tunnel *t, struct mfib_stats *out),
	void (*cb)(void *arg, const struct tunnel_view *v), void *arg)
{
	view_tunnel(t, stats, cb, arg);
	for (unsigned int i = 1; t->further && i < CHANNEL_MAX_ENDPOINTS; i++)
		if (t->further->at[i])
			view_tunnel(t->further->at[i], stats, cb, arg);
}

void channels_each_tunnel(
	const struct channels *cs, void (*cb)(void *arg, const struct tunnel_view *v), void *arg)
{
	struct hnode *n, *tmp;

	HMAP_FOREACH (n, tmp, &cs->by_relay)
		view_tunnels(
			container_of_node(n, struct tunnel, node), mfib_tunnel_folded, cb, arg);
}

// Of a tunnel with more channels they are not added up one by one.
#define ADD_UP_MAX 2048

uint32_t channels_tunnel_stats(const struct amt_tunnel *at, struct mfib_stats *out)
{
	const struct tunnel *t = amt_tunnel_owner(at);
	struct amt_tunnel_view v;

	amt_tunnel_view(at, &v);
	if (v.channels > ADD_UP_MAX) {
		mfib_tunnel_folded(t->mfib, out);
		return 0;
	}
	mfib_tunnel_stats(t->mfib, out);
	return v.channels;
}

static void source_relays(const struct channels *cs, const struct source *src,
	void (*cb)(void *arg, const struct relay_view *v), void *arg)
{
	for (unsigned int i = 0; i < src->n_candidates; i++) {
		const struct candidate *c = &src->candidates[i];
		enum channel_drop refused = relay_refused(cs, &c->relay.addr);
		struct relay_view v = {
			.source = src->addr,
			.addr = c->relay.addr,
			.origin = c->origin,
			.precedence = c->relay.precedence,
			.discovery_optional = c->relay.discovery_optional,
			.in_use =
				src->state == SOURCE_ATTACHED && source_is_at(src, &c->relay.addr),
			.expires_us = c->rank == 0 || strcmp(c->origin, "anycast") == 0
					      ? NEVER_US
					      : src->expires_us,
		};

		v.quirks = amt_relay_quirks(
			cs->rooms.amt, v.in_use ? &src->tunnel->relay : &v.addr, &v.pinned);
		if (!holddown_held_for(cs->rooms.held, &v.addr, &src->addr, cs->now_us,
			    &v.held_until_us, &v.held_reason))
			v.held_reason = NULL;
		if (refused != CHANNEL_DROP_COUNT) {
			v.held_reason = channel_drop_texts[refused];
			v.held_until_us = NEVER_US;
		}
		cb(arg, &v);
	}
}

const char *channels_relay_refused(const struct channels *cs, const struct addr *relay)
{
	enum channel_drop refused = relay_refused(cs, relay);

	return refused == CHANNEL_DROP_COUNT ? NULL : channel_drop_texts[refused];
}

void channels_source_relays(const struct channels *cs, const struct addr *source,
	void (*cb)(void *arg, const struct relay_view *v), void *arg)
{
	const struct source *src = source_find(cs, source);

	if (src)
		source_relays(cs, src, cb, arg);
}

#define FETCH_MAX 64 // channels that are fetched ahead

// A walk in pieces over one of the maps.
struct some {
	const struct channels *cs;
	uint32_t left;
	void (*view_cb)(void *arg, const struct channel_view *v);
	void (*brief_cb)(void *arg, const struct channel_brief *b);
	void (*tunnel_cb)(void *arg, const struct tunnel_view *v);
	void (*relay_cb)(void *arg, const struct relay_view *v);
	void *arg;
};

static bool some_nodes(const struct hmap *m, uint32_t *cursor,
	void (*cb)(void *arg, struct hnode *n), struct some *w)
{
	while (w->left > 0)
		if (!hmap_scan(m, cursor, cb, w))
			return false;
	return true;
}

static bool some_channels(const struct channels *cs, uint32_t *cursor,
	void (*cb)(void *arg, void *object), struct some *w)
{
	while (w->left > 0)
		if (!imap_scan(&cs->by_sg, cursor, cb, w))
			return false;
	return true;
}

static void some_count(struct some *w)
{
	if (w->left > 0)
		w->left--;
}

static void some_view_cb(void *arg, void *object)
{
	struct some *w = arg;
	struct channel_view v;

	view_fill(w->cs, object, &v);
	w->view_cb(w->arg, &v);
	some_count(w);
}

bool channels_some(const struct channels *cs, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct channel_view *v), void *arg)
{
	struct some w = {.cs = cs, .left = n, .view_cb = cb, .arg = arg};

	return some_channels(cs, cursor, some_view_cb, &w);
}

static void some_brief_cb(void *arg, void *object)
{
	const struct channel *ch = object;
	struct sg sg = channel_sg(ch);
	struct some *w = arg;
	struct channel_brief b = {.sg = &sg, .state = state_of(w->cs, ch)};

	if (b.state == CHANNEL_FLOWING)
		b.packets_per_s = ch->packets_per_s;
	w->brief_cb(w->arg, &b);
	some_count(w);
}

bool channels_briefs_some(const struct channels *cs, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct channel_brief *b), void *arg)
{
	struct some w = {.cs = cs, .left = n, .brief_cb = cb, .arg = arg};

	imap_scan_fetch(&cs->by_sg, *cursor, n < FETCH_MAX ? n : FETCH_MAX);
	return some_channels(cs, cursor, some_brief_cb, &w);
}

static void some_tunnel_cb(void *arg, struct hnode *n)
{
	struct some *w = arg;

	view_tunnels(container_of_node(n, struct tunnel, node), mfib_tunnel_folded, w->tunnel_cb,
		w->arg);
	some_count(w);
}

bool channels_tunnels_some(const struct channels *cs, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct tunnel_view *v), void *arg)
{
	struct some w = {.cs = cs, .left = n, .tunnel_cb = cb, .arg = arg};

	return some_nodes(&cs->by_relay, cursor, some_tunnel_cb, &w);
}

static void some_relay_cb(void *arg, struct hnode *n)
{
	struct some *w = arg;

	source_relays(w->cs, container_of_node(n, struct source, node), w->relay_cb, w->arg);
	some_count(w);
}

bool channels_relays_some(const struct channels *cs, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct relay_view *v), void *arg)
{
	struct some w = {.cs = cs, .left = n, .relay_cb = cb, .arg = arg};

	return some_nodes(&cs->by_source, cursor, some_relay_cb, &w);
}

const struct histogram *channels_latency(const struct channels *cs)
{
	return &cs->latency;
}

static size_t buckets_of(const struct hmap *m)
{
	// NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
	return m->buckets ? (m->mask + (size_t)1) * sizeof(*m->buckets) : 0;
}

void channels_octets(const struct channels *cs, struct channel_octets *out)
{
	const struct hnode *n;

	*out = (struct channel_octets){
		.channels = slab_octets(&cs->channel_slab) + slab_octets(&cs->extra_slab) +
			    slab_octets(&cs->past_slab) + imap_octets(&cs->by_sg),
		.sources = slab_octets(&cs->source_slab) + buckets_of(&cs->by_source),
		.tunnels = (cs->by_relay.count + (size_t)cs->n_further) * sizeof(struct tunnel) +
			   buckets_of(&cs->by_relay),
	};
	for (n = hmap_first(&cs->by_source); n; n = hmap_next(&cs->by_source, n)) {
		const struct source *src = container_of_node(n, const struct source, node);

		out->sources += src->candidates_room * sizeof(*src->candidates);
		out->sources += src->race ? sizeof(*src->race) : 0;
		out->sources += src->reason ? strlen(src->reason) + 1 : 0;
		out->sources += src->dns_said ? strlen(src->dns_said) + 1 : 0;
	}
}
