// SPDX-License-Identifier: BSD-3-Clause
// What is published about a source may change while its relay is in use. When the TTL has run out
// (RFC 8777 section 3.3.4.3), DNS is asked again in the background; a relay that is no longer
// named, or no longer the best by precedence, is left for another by make before break (move.c).
// Among equals nothing moves: which of them it is was decided once, at random.
//
// An answer that cannot be had, or that DNSSEC says is forged, leaves all as it was (RFC 8767).
#include "channel/channel_internal.h"

#include "base/log.h"

// A TTL below that counts as that; and the resolver's cache counts in whole seconds.
#define RENEW_MIN_US  (5 * USEC_PER_SEC)
#define RENEW_LATE_US (1 * USEC_PER_SEC)

static const char why_gone[] = "no longer named in DNS";
static const char why_better[] = "DNS names a better one";

static void arm(struct source *src, uint64_t due_us)
{
	timer_arm(src->cs->rooms.timers, &src->renew, due_us);
}

void renew_begin(struct source *src, uint64_t now_us)
{
	const struct candidate *c = source_in_use(src);
	uint64_t due_us = now_us + RENEW_MIN_US;

	// Whatever was to be asked for another relay.
	timer_cancel(src->cs->rooms.timers, &src->renew);
	if (src->cs->cfg.renew_per_s == 0 || src->state != SOURCE_ATTACHED)
		return;
	if (c)
		src->renew_rank = c->rank;
	// Nothing runs out of what was configured, or is the anycast address.
	if (src->renew_rank == 0 || src->expires_us == NEVER_US ||
		src->cs->cfg.methods[src->renew_rank - 1] == DISCOVERY_ANYCAST)
		return;
	if (due_us < src->expires_us + RENEW_LATE_US)
		due_us = src->expires_us + RENEW_LATE_US;
	arm(src, due_us);
}

// Background questions take a share of the DNS rate only: Joins go first. True when it is this
// source's turn; else the timer is armed for it.
static bool has_turn(struct source *src, uint64_t now_us)
{
	struct channels *cs = src->cs;
	uint64_t gap_us = USEC_PER_SEC / cs->cfg.renew_per_s;

	if (src->renew_turn || cs->renew_us <= now_us) {
		if (!src->renew_turn)
			cs->renew_us = now_us + gap_us;
		src->renew_turn = false;
		return true;
	}
	src->renew_turn = true;
	arm(src, cs->renew_us);
	cs->renew_us += gap_us;
	return false;
}

void renew_cb(struct timer *timer, void *arg, uint64_t now_us)
{
	struct source *src = arg;

	(void)timer;
	src->cs->now_us = now_us;
	if (src->state != SOURCE_ATTACHED)
		return; // begun again when it is
	if (discover_waits(src) || src->move)
		arm(src, now_us + RENEW_MIN_US);
	else if (has_turn(src, now_us))
		discover_renew(src, src->renew_rank, now_us);
}

void renew_failed(struct source *src, uint64_t now_us)
{
	const struct channel_cfg *cfg = &src->cs->cfg;
	uint64_t wait_us = rng_backoff(src->cs->rooms.rng, cfg->retry_initial_ms * USEC_PER_MSEC,
		cfg->retry_max_s * USEC_PER_SEC, src->renew_tries++);

	arm(src, now_us + (wait_us > RENEW_MIN_US ? wait_us : RENEW_MIN_US));
}

// Moves where the relay in use is not what it should be; false: it is.
static bool decide(struct source *src, uint64_t now_us)
{
	const struct candidate *have = source_in_use(src);
	int ret;

	if (have) {
		int i = source_other(src, have->rank, now_us);
		const struct candidate *best = i < 0 ? have : &src->candidates[i];

		// NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there is at least one
		if (have->relay.precedence <= best->relay.precedence)
			return false;
		ret = move_begin(src, &best->relay.addr, why_better, 0, now_us);
	} else {
		ret = move_begin(src, NULL, why_gone, 0, now_us);
	}
	if (ret < 0)
		log_debug("channel", "not moved now, errno=%d", -ret);
	return true;
}

void renew_answered(struct source *src, const struct driad_relay *relays, unsigned int n,
	const char *origin, uint64_t now_us)
{
	bool changed = source_candidates_replace(src, src->renew_rank, relays, n, origin);
	char s[ADDR_STRLEN];

	src->renew_tries = 0;
	if (changed)
		log_info("channel", "DNS names other relays source=%s relays=%u",
			addr_format(&src->addr, s), n);
	renew_begin(src, now_us);
	// A move that failed is tried again with the next answer, until it is not wanted any more.
	if (changed || src->renew_unsettled || !source_in_use(src))
		src->renew_unsettled = decide(src, now_us);
}
