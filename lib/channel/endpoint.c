// SPDX-License-Identifier: BSD-3-Clause
// Further endpoints of a relay that sends more than one worker can carry: each is a tunnel of its
// own from another local address (real relays know a gateway by its address), which a NIC or the
// spreader can lead to another worker. A channel has one endpoint, so its packets stay in order.
#include "channel/channel_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static unsigned int index_of(const struct channels *cs, const struct channel *ch)
{
	uint32_t n = cs->cfg.endpoints;

	struct sg sg = channel_sg(ch);

	return n > 1 ? (uint32_t)(hmap_hash_sg(&sg) >> 32) % n : 0;
}

static struct tunnel *further_open(
	struct tunnel *first, unsigned int i, uint8_t family, uint64_t now_us)
{
	struct channels *cs = first->cs;
	struct tunnel *t;

	if (!first->further)
		first->further = calloc(1, sizeof(*first->further));
	if (!first->further || now_us < first->further->retry_us[i])
		return NULL;
	t = tunnel_open_further(first, i, family, now_us);
	if (!t)
		first->further->retry_us[i] = now_us + cs->cfg.hold_down_s * USEC_PER_SEC;
	return t;
}

struct tunnel *endpoint_for(struct tunnel *first, const struct channel *ch, uint64_t now_us)
{
	unsigned int i = index_of(first->cs, ch);
	uint8_t family = channel_family(ch);
	struct tunnel *t;

	// To such a relay all our addresses may be one, behind a NAT.
	if (i == 0 || amt_relay_quirks(first->cs->rooms.amt, &first->relay, NULL) &
			      AMT_QUIRK_ONE_ENDPOINT)
		return first;
	t = first->further ? first->further->at[i] : NULL;
	if (!t)
		t = further_open(first, i, family, now_us);
	if (!t)
		return first;
	// Its channels come when it is up: until then it must not close for want of them.
	timer_cancel(first->cs->rooms.timers, &t->linger);
	if (tunnel_serves(t, family))
		return t;
	amt_tunnel_want(t->amt, family, now_us);
	return first;
}

// One whose source moves has found its endpoints.
static bool belongs(const struct channel *ch, const struct tunnel *from, const struct tunnel *to)
{
	return channel_tunnel(ch) == from && !channel_source(ch)->move &&
	       (!to->first || (index_of(to->cs, ch) == to->index &&
				      tunnel_serves(to, channel_family(ch))));
}

// Channels of the relay that are joined through `from` and belong to `to`, all of them when to is
// the first.
static void move_channels(struct tunnel *from, struct tunnel *to, uint64_t now_us)
{
	struct tunnel *first = to->first ? to->first : to;
	struct channels *cs = to->cs;
	bool outer = cs->batching;
	struct source *src;
	struct channel *ch;

	if (!outer)
		channels_batch_begin(cs);
	TAILQ_FOREACH (src, &first->sources, in_tunnel) {
		CHANNEL_FOREACH (ch, src) {
			if (!belongs(ch, from, to))
				continue;
			// Never both at once: nothing shall come twice.
			tunnel_leave(ch, now_us);
			tunnel_join(to, ch, now_us);
		}
	}
	if (!outer)
		channels_batch_end(cs, now_us);
}

void endpoint_up(struct tunnel *t, uint64_t now_us)
{
	t->icmp_error = 0;
	move_channels(t->first, t, now_us);
	if (t->n_channels == 0)
		timer_arm(t->cs->rooms.timers, &t->linger,
			now_us + t->cs->cfg.linger_s * USEC_PER_SEC);
}

void endpoint_fail(struct tunnel *t, const char *reason, uint64_t now_us)
{
	struct tunnel *first = t->first;
	char r[ADDR_STRLEN], l[ADDR_STRLEN];

	log_warn("channel", "further endpoint not used relay=%s local=%s reason=\"%s\"",
		addr_format(&t->relay, r), addr_format(&t->local, l), reason);
	first->further->retry_us[t->index] = now_us + t->cs->cfg.hold_down_s * USEC_PER_SEC;
	if (t->n_channels > 0)
		moves_tunnel_gone(t, reason, now_us);
	move_channels(t, first, now_us);
	tunnel_close(t, now_us);
}
