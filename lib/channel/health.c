// SPDX-License-Identifier: BSD-3-Clause
// Does what was joined arrive? A source none of whose channels brings a packet has a relay that
// does not serve it, or a sender that is silent; nothing tells the two apart (RFC 8777
// section 3.3.4.1). So the relay is first asked again, which repairs one that was restarted and
// forgot us, then another relay is tried; each time in vain doubles the patience.
#include "channel/channel_internal.h"

#include "base/log.h"

const char hold_no_traffic[] = "no traffic of this source";

// A source that was quiet is believed to be a steady one again after so long a flow.
#define CALM_US (60 * USEC_PER_SEC)
// Of many sources that fall silent at once, so many are sent to another relay without delay; the
// rest at random times within a span (RFC 8777 section 3.3.4.2; standards TH-04), so that what is
// left is not run over by all.
#define RESTART_BURST	32
#define RESTART_SPAN_US (10 * USEC_PER_SEC)
// Packets that come so soon after a Request come because of it.
#define ANSWER_US (2 * USEC_PER_SEC)
// RFC 8777 section 3.3.4.1: a relay without traffic is held for 3 to 10 minutes.
#define HOLD_MAX_S 600

static void health_arm(struct source *src, uint64_t due_us)
{
	timer_arm(src->cs->rooms.timers, &src->health, due_us);
}

void health_begin(struct source *src, uint64_t now_us)
{
	const struct channel_cfg *cfg = &src->cs->cfg;

	if (cfg->traffic_timeout_ms == 0)
		return;
	src->moved_us = now_us;
	src->flowing = false;
	src->window_us = rng_backoff(src->cs->rooms.rng, cfg->traffic_timeout_ms * USEC_PER_MSEC,
		cfg->traffic_timeout_max_s * USEC_PER_SEC, src->silences);
	health_arm(src, now_us + src->window_us / 2);
}

void health_end(struct source *src)
{
	timer_cancel(src->cs->rooms.timers, &src->health);
}

static struct flow *flow_of(const struct channel *ch)
{
	return &channel_tunnel(ch)->flow[channel_family(ch) == ADDR_V6];
}

void health_moved(struct channel *ch, uint64_t now_us)
{
	struct source *src = channel_source(ch);
	uint64_t gap_us = src->cs->cfg.traffic_timeout_ms * USEC_PER_MSEC;

	if (!src->flowing || now_us - src->moved_us >= gap_us) {
		src->flowing = true;
		src->flow_since_us = now_us;
	}
	src->moved_us = now_us;
	*flow_of(ch) = (struct flow){.moved_us = now_us};
	amt_tunnel_heard(channel_tunnel(ch)->amt, channel_family(ch));
	if (src->asked_us && now_us - src->asked_us < ANSWER_US)
		amt_tunnel_answered(channel_tunnel(ch)->amt);
	src->asked_us = 0;
}

// A new Request, when nothing at all of a family comes through the tunnel: a relay that was
// restarted has lost our memberships and takes no Update under its old secret; the Query brings a
// new MAC, and what is joined is said again. After that the engine tries what relays with quirks
// need.
static void tunnel_probe(const struct channel *ch, uint64_t now_us)
{
	const struct channels *cs = channel_tunnel(ch)->cs;
	uint64_t patience_us = cs->cfg.traffic_timeout_ms * USEC_PER_MSEC / 2;
	struct flow *f = flow_of(ch);

	if (now_us - f->moved_us < patience_us) {
		if (amt_tunnel_ask(channel_tunnel(ch)->amt, channel_family(ch), now_us))
			channel_source(ch)->asked_us = now_us;
		return;
	}
	if (now_us < f->probe_us)
		return;
	f->probe_us = now_us + rng_backoff(cs->rooms.rng, patience_us,
				       cs->cfg.traffic_timeout_max_s * USEC_PER_SEC, f->probes++);
	amt_tunnel_silent(channel_tunnel(ch)->amt, channel_family(ch), now_us);
}

static void health_probe(struct source *src, uint64_t now_us)
{
	struct channel *ch;

	CHANNEL_FOREACH (ch, src)
		if (channel_tunnel(ch))
			tunnel_probe(ch, now_us);
}

// True: not now.
static bool restart_delayed(struct source *src, uint64_t now_us)
{
	struct channels *cs = src->cs;

	if (src->spread_out) {
		src->spread_out = false;
		return false;
	}
	if (now_us - cs->restarts_us >= RESTART_SPAN_US) {
		cs->restarts_us = now_us;
		cs->restarts = 0;
	}
	if (cs->restarts++ < RESTART_BURST)
		return false;
	src->spread_out = true;
	health_arm(src, now_us + 1 + rng_below(cs->rooms.rng, RESTART_SPAN_US));
	return true;
}

static void health_silent(struct source *src, uint64_t now_us)
{
	struct channels *cs = src->cs;
	const struct addr *relay = &src->tunnel->relay;
	char s[ADDR_STRLEN], r[ADDR_STRLEN];
	uint64_t hold_s = (uint64_t)cs->cfg.hold_down_s << (src->moves < 4 ? src->moves : 4);
	unsigned int after_s = (unsigned int)((now_us - src->moved_us) / USEC_PER_SEC);

	if (source_has_other(src, now_us) && restart_delayed(src, now_us))
		return;
	src->silences++;
	if (!source_has_other(src, now_us)) {
		// The subscription stays: a silent sender may begin at any time.
		log_debug("channel", "no traffic source=%s relay=%s seconds=%u, no other relay",
			addr_format(&src->addr, s), addr_format(relay, r), after_s);
		health_begin(src, now_us);
		source_refresh(src, now_us);
		return;
	}
	if (hold_s > HOLD_MAX_S)
		hold_s = cs->cfg.hold_down_s > HOLD_MAX_S ? cs->cfg.hold_down_s : HOLD_MAX_S;
	src->moves++;
	log_warn_limited("channel",
		"no traffic source=%s relay=%s seconds=%u, another relay is tried; held "
		"seconds=%llu",
		addr_format(&src->addr, s), addr_format(relay, r), after_s,
		(unsigned long long)hold_s);
	holddown_add_for(
		cs->rooms.held, relay, &src->addr, hold_no_traffic, now_us + hold_s * USEC_PER_SEC);
	source_leave(src, now_us);
	source_search(src, now_us);
}

void health_cb(struct timer *timer, void *arg, uint64_t now_us)
{
	struct source *src = arg;
	struct channel *ch;
	uint64_t quiet_us;

	(void)timer;
	src->cs->now_us = now_us;
	// The sweep may not have come by for two seconds.
	if (now_us - src->moved_us >= src->window_us / 2)
		CHANNEL_FOREACH (ch, src)
			channel_look(src->cs, ch, now_us);
	quiet_us = now_us - src->moved_us;
	if (quiet_us >= src->window_us) {
		health_silent(src, now_us);
		return;
	}
	src->spread_out = false;
	if (quiet_us >= src->window_us / 2) {
		health_probe(src, now_us);
		health_arm(src, src->moved_us + src->window_us);
	} else {
		if (src->flowing && now_us - src->flow_since_us >= CALM_US && src->silences > 0) {
			src->silences = 0;
			src->moves = 0;
			src->window_us = src->cs->cfg.traffic_timeout_ms * USEC_PER_MSEC;
		}
		health_arm(src, src->moved_us + src->window_us / 2);
	}
}
