// SPDX-License-Identifier: BSD-3-Clause
// Another configuration while channels flow: what it does not speak of stays as it is.
#include "channel/channel_internal.h"

#include "base/log.h"

static const char why_relays[] = "relays of the configuration";

void channel_cfg_set(struct channels *cs, const struct channel_cfg *cfg)
{
	cs->cfg = *cfg;
	if (cs->cfg.endpoints > CHANNEL_MAX_ENDPOINTS)
		cs->cfg.endpoints = CHANNEL_MAX_ENDPOINTS;
}

// Of a source without a relay.
static void search_anew(struct source *src, uint64_t now_us)
{
	timer_cancel(src->cs->rooms.timers, &src->retry);
	discover_cancel(src);
	race_end(src, now_us);
	src->retries = 0;
	src->n_candidates = 0;
	source_search(src, now_us);
}

// The place of a method of discovery in the new order, as a rank; 0: it is not asked any more.
static unsigned int rank_of(const struct channel_cfg *cfg, enum config_discovery method)
{
	for (unsigned int i = 0; i < cfg->n_methods; i++)
		if (cfg->methods[i] == method)
			return i + 1;
	return 0;
}

static unsigned int rank_mapped(
	const struct channel_cfg *was, const struct channel_cfg *is, unsigned int rank)
{
	return rank ? rank_of(is, was->methods[rank - 1]) : 0;
}

// A source that has a relay keeps it, though no method may name it any more; its next search asks
// the methods as they are now.
static void keep_found(struct source *src, const struct channel_cfg *was, uint64_t now_us)
{
	const struct channel_cfg *is = &src->cs->cfg;
	bool renews = src->renewing || timer_armed(&src->renew);
	unsigned int kept = 0;

	if (src->move)
		move_stop(src->move, now_us);
	discover_cancel(src);
	for (unsigned int i = 0; i < src->n_candidates; i++) {
		struct candidate c = src->candidates[i];
		bool found = c.rank > 0;

		c.rank = rank_mapped(was, is, c.rank);
		if (!found || c.rank > 0)
			src->candidates[kept++] = c;
	}
	src->n_candidates = kept;
	src->renew_rank = rank_mapped(was, is, src->renew_rank);
	src->methods = is->n_methods;
	src->expires_us = now_us;
	timer_cancel(src->cs->rooms.timers, &src->renew);
	if (renews && src->renew_rank > 0)
		renew_begin(src, now_us);
}

// Which of its static relays a source should be at; -1: the one that it has will do.
static int better_static(const struct source *src)
{
	const struct candidate *have = source_in_use(src);
	int best = -1;

	for (unsigned int i = 0; i < src->n_candidates && best < 0; i++) {
		const struct candidate *c = &src->candidates[i];

		if (c->rank == 0 && relay_refused(src->cs, &c->relay.addr) == CHANNEL_DROP_COUNT &&
			source_has_family(src->cs, c->relay.addr.family))
			best = (int)i;
	}
	if (best < 0 || source_is_at(src, &src->candidates[best].relay.addr))
		return -1;
	if (have && have->rank == 0 &&
		have->relay.precedence <= src->candidates[best].relay.precedence)
		return -1;
	return best;
}

static void settle(struct source *src, uint64_t now_us)
{
	int best = better_static(src), ret = 0;
	char s[ADDR_STRLEN];

	if (best >= 0)
		ret = move_begin(src, &src->candidates[best].relay.addr, why_relays,
			CHANNEL_MOVE_FORCE, now_us);
	else if (!source_in_use(src))
		ret = move_begin(src, NULL, why_relays, CHANNEL_MOVE_FORCE, now_us);
	if (ret < 0)
		log_warn_limited("channel",
			"source stays at a relay that is no longer configured source=%s error=%d",
			addr_format(&src->addr, s), -ret);
}

static void review_static(struct source *src, uint64_t now_us)
{
	struct driad_relay relays[MAX_CANDIDATES];
	unsigned int n = source_static(src, relays, MAX_CANDIDATES);

	if (!source_candidates_replace(src, 0, relays, n, "static"))
		return;
	if (src->state != SOURCE_ATTACHED) {
		search_anew(src, now_us);
		return;
	}
	if (src->move)
		move_stop(src->move, now_us);
	// Where none is named any more, the methods have not been asked yet.
	if (n == 0 && src->methods == 0)
		src->expires_us = now_us;
	settle(src, now_us);
}

// A relay that is refused now is left at once, as is one of a source that lies downstream now, and
// one that no longer is may be what is waited for.
static void review_acl(struct source *src, uint64_t now_us)
{
	if (src->state != SOURCE_ATTACHED) {
		search_anew(src, now_us);
		return;
	}
	if (relay_refused(src->cs, &src->tunnel->relay) == CHANNEL_DROP_COUNT &&
		source_refused(src->cs, &src->addr) == CHANNEL_DROP_COUNT)
		return;
	source_leave(src, now_us);
	search_anew(src, now_us);
}

void channels_configure(
	struct channels *cs, const struct channel_cfg *cfg, unsigned int what, uint64_t now_us)
{
	const struct channel_cfg was = cs->cfg;
	struct hnode *n, *tmp;

	cs->now_us = now_us;
	channel_cfg_set(cs, cfg);
	if (!what)
		return;
	if (what & CHANNELS_DISCOVERY) {
		cs->services.expires_us = now_us;
		HMAP_FOREACH (n, tmp, &cs->by_source) {
			struct source *src = container_of_node(n, struct source, node);

			if (src->state == SOURCE_ATTACHED)
				keep_found(src, &was, now_us);
			else
				discover_cancel(src);
		}
		discover_fini(cs); // nobody waits for the services of the old domains
	}
	if (what & CHANNELS_ACL)
		channels_acl_review(cs, now_us);
	// A search does not touch the map of sources, so it may be walked meanwhile.
	HMAP_FOREACH (n, tmp, &cs->by_source) {
		struct source *src = container_of_node(n, struct source, node);

		if (what & CHANNELS_ACL)
			review_acl(src, now_us);
		if (what & CHANNELS_RELAYS)
			review_static(src, now_us);
		if ((what & CHANNELS_DISCOVERY) && src->state != SOURCE_ATTACHED)
			search_anew(src, now_us);
	}
}
