// SPDX-License-Identifier: BSD-3-Clause
// The channels of an interface: their life and their timers (RFC 7761 section 4.5.2).
#include <stdlib.h>
#include <string.h>

#include "pim/pim_internal.h"

#define PRUNE_ECHO_LEN 70 // of IPv6; of IPv4 34

static const struct addr nobody;

#define TURN_STEPS 8 // of the wheel, in one call of its timer

static size_t addr_len(const struct pim_if *pif)
{
	return pif->cfg.family == ADDR_V6 ? 16 : 4;
}

static uint64_t hash_cb(const void *object)
{
	const struct pim_channel *ch = object;

	return hmap_hash(ch->octets, 2 * addr_len(pim_channel_if(ch)));
}

struct sg pim_channel_sg(const struct pim_channel *ch)
{
	const struct pim_if *pif = pim_channel_if(ch);
	struct sg sg = {.s.family = pif->cfg.family, .g.family = pif->cfg.family};
	size_t len = addr_len(pif);

	memcpy(sg.s.bytes, ch->octets, len);
	memcpy(sg.g.bytes, ch->octets + len, len);
	return sg;
}

// Where the octets of the last neighbour are, and how many.
static uint8_t *last_of(const struct pim_channel *ch, size_t *len)
{
	size_t addr = addr_len(pim_channel_if(ch));

	*len = addr > 8 ? 8 : addr;
	return (uint8_t *)(uintptr_t)ch->octets + 2 * addr;
}

struct pim_channel *pim_channel_find_hashed(
	const struct pim_if *pif, const struct sg *sg, uint64_t hash)
{
	struct pim_channel *ch = imap_find(&pif->channels, hash);
	size_t len = addr_len(pif);

	while (ch && !pim_channel_is(ch, len, &sg->s, &sg->g))
		ch = imap_find_next(&pif->channels, ch);
	return ch;
}

struct pim_channel *pim_channel_find(const struct pim_if *pif, const struct sg *sg)
{
	if (sg->s.family != pif->cfg.family || sg->g.family != pif->cfg.family)
		return NULL;
	return pim_channel_find_hashed(pif, sg, hmap_hash_sg(sg));
}

static uint64_t channel_due(const void *object)
{
	const struct pim_channel *ch = object;
	uint64_t due = ch->expiry_us, ppt = pim_channel_ppt(ch), held = pim_channel_held(ch);

	if (ppt < due)
		due = ppt;
	return held < due ? held : due;
}

// The timer is always armed since pim_channels_setup(), so this cannot fail.
void pim_channel_rearm(struct pim_channel *ch)
{
	struct pim_if *pif = pim_channel_if(ch);
	uint64_t next;

	wheel_move(&pif->wheel, ch);
	next = wheel_next(&pif->wheel);
	if (next < pif->turn.due_us)
		timer_arm(pif->timers, &pif->turn, next);
}

// Tells routers whose Join was lost that the channel ends for them: they join again.
static void prune_echo(struct pim_if *pif, const struct sg *sg)
{
	struct pim_jp_item item = {.sg = *sg, .join = false};
	uint8_t buf[PRUNE_ECHO_LEN];
	int len;

	if (pif->cfg.watch) // the daemon does
		return;
	len = pim_jp_encode(&pif->primary, JP_HOLDTIME_DEFAULT_S, &item, 1, buf, sizeof(buf));
	if (len < 0)
		return;
	pim_hello_ensure(pif);
	pif->stats.prune_echo_tx++;
	pim_send(pif, buf, (size_t)len);
}

static void channel_log(const struct pim_channel *ch, const char *what)
{
	char s[ADDR_STRLEN], g[ADDR_STRLEN];
	struct sg sg = pim_channel_sg(ch);

	log_info("pim", "%s if=%s s=%s g=%s", what, pim_channel_if(ch)->cfg.name,
		addr_format(&sg.s, s), addr_format(&sg.g, g));
}

static void channel_is_due(struct pim_channel *ch, uint64_t now_us)
{
	struct pim_if *pif = pim_channel_if(ch);
	uint64_t ppt = pim_channel_ppt(ch);

	if (now_us >= ch->expiry_us && ch->expiry_us <= ppt) {
		channel_log(ch, "join expired");
		pif->stats.expired++;
		pim_channel_end(ch, &nobody, now_us);
	} else if (now_us >= ppt) {
		struct sg sg = pim_channel_sg(ch);

		channel_log(ch, "prune took effect");
		if (pif->n_alive > 1)
			prune_echo(pif, &sg);
		pim_channel_end(ch, &nobody, now_us);
	} else {
		if (now_us >= pim_channel_held(ch))
			pim_channel_release(ch, now_us);
		pim_channel_rearm(ch);
	}
}

// A few steps of the wheel, or one channel that is due: very many at one time do not keep the
// control loop from everything else.
static void turn_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct pim_channel *ch = NULL;
	struct pim_if *pif = arg;

	for (int i = 0; i < TURN_STEPS && !ch && wheel_next(&pif->wheel) <= now_us; i++)
		ch = wheel_turn(&pif->wheel, now_us);
	// The heap has room: this timer has just left it.
	timer_arm(pif->timers, t, wheel_next(&pif->wheel));
	if (ch)
		channel_is_due(ch, now_us);
}

int pim_channels_setup(struct pim_if *pif)
{
	slab_init(&pif->channel_slab,
		pif->cfg.family == ADDR_V6 ? PIM_CHANNEL_ROOM6 : PIM_CHANNEL_ROOM4);
	imap_init(&pif->channels, &pif->channel_slab, offsetof(struct pim_channel, chain), hash_cb);
	wheel_init(
		&pif->wheel, &pif->channel_slab, offsetof(struct pim_channel, turn), channel_due);
	timer_init(&pif->turn, turn_cb, pif);
	return timer_arm(pif->timers, &pif->turn, NEVER_US);
}

void pim_channels_fini(struct pim_if *pif)
{
	timer_cancel(pif->timers, &pif->turn);
	imap_fini(&pif->channels);
	slab_fini(&pif->channel_slab);
}

struct pim_channel *pim_channel_create(struct pim_if *pif, const struct sg *sg)
{
	struct pim_channel *ch = slab_get(&pif->channel_slab);
	size_t len = addr_len(pif);

	if (!ch)
		return NULL;
	memcpy(ch->octets, sg->s.bytes, len);
	memcpy(ch->octets + len, sg->g.bytes, len);
	ch->used = true;
	ch->expiry_us = NEVER_US;
	ch->moment_us = NEVER_US;
	if (imap_insert(&pif->channels, ch, hmap_hash_sg(sg)) < 0) {
		ch->used = false;
		slab_put(&pif->channel_slab, ch);
		return NULL;
	}
	return ch;
}

void pim_channel_put(struct pim_channel *ch)
{
	struct pim_if *pif = pim_channel_if(ch);

	if (ch->join != PIM_NOINFO || ch->assert)
		return;
	wheel_remove(&pif->wheel, ch);
	imap_remove(&pif->channels, ch);
	ch->used = false;
	if (pif->channels.count == 0)
		pif->guess = NULL;
	slab_put(&pif->channel_slab, ch);
}

void pim_channel_charge(struct pim_channel *ch, struct pim_neighbor *nbr)
{
	struct pim_neighbor *before = ch->charged;

	ch->charged = nbr;
	if (nbr)
		nbr->view.joins++;
	if (before) {
		before->view.joins--;
		pim_neighbor_put(before);
	}
}

void pim_channel_heard(
	struct pim_channel *ch, const struct pim_neighbor *nbr, const struct addr *neighbor)
{
	size_t len;
	uint8_t *last = last_of(ch, &len);

	ch->last_neighbor = nbr ? nbr->id : 0;
	memset(last, 0, len);
	if (!addr_is_none(neighbor))
		memcpy(last, neighbor->bytes + addr_size(neighbor) - len, len);
}

struct addr pim_channel_last_addr(const struct pim_channel *ch)
{
	static const uint8_t none[8];
	struct addr a = {.family = pim_channel_if(ch)->cfg.family};
	size_t len;
	const uint8_t *last = last_of(ch, &len);

	if (memcmp(last, none, len) == 0)
		return nobody;
	if (a.family == ADDR_V6) {
		a.bytes[0] = 0xfe;
		a.bytes[1] = 0x80;
	}
	memcpy(a.bytes + addr_size(&a) - len, last, len);
	return a;
}

void pim_channel_release(struct pim_channel *ch, uint64_t now_us)
{
	struct addr last = pim_channel_last_addr(ch);
	struct pim_if *pif = pim_channel_if(ch);
	struct sg sg = pim_channel_sg(ch);

	if (ch->wanted)
		return;
	if (ch->join == PIM_JOIN)
		ch->moment_us = 0;
	ch->wanted = true;
	pif->ops->want_cb(pif->ctx, &sg, true, &last, now_us);
}

void pim_channel_join(struct pim_channel *ch, struct pim_neighbor *nbr, const struct addr *neighbor,
	uint64_t held_us, uint64_t now_us)
{
	ch->join = PIM_JOIN;
	ch->moment_us = held_us > now_us ? held_us : NEVER_US;
	pim_channel_heard(ch, nbr, neighbor);
	pim_channel_if(ch)->n_joins++;
	pim_channel_charge(ch, nbr);
	pim_channel_rearm(ch);
	if (held_us > now_us)
		return;
	pim_channel_release(ch, now_us);
	ch->moment_us = now_us;
}

void pim_channel_end(struct pim_channel *ch, const struct addr *neighbor, uint64_t now_us)
{
	struct pim_if *pif = pim_channel_if(ch);
	struct sg sg = pim_channel_sg(ch);
	bool wanted = ch->wanted;

	ch->join = PIM_NOINFO;
	ch->wanted = false;
	ch->expiry_us = ch->moment_us = NEVER_US;
	pif->n_joins--;
	if (!wanted)
		pif->stats.held_flaps++;
	pim_channel_charge(ch, NULL);
	// Before an Assert is over: nothing is sent again for the moment in between.
	if (wanted)
		pif->ops->want_cb(pif->ctx, &sg, false, neighbor, now_us);
	if (ch->replaced) {
		ch->replaced = false;
		pif->n_replaced--;
		pif->ops->mute_cb(pif->ctx, &sg, false, now_us);
	}
	if (ch->assert)
		pim_assert_review(ch, now_us);
	else
		pim_channel_put(ch);
}

void pim_channels_end(struct pim_if *pif, uint64_t now_us)
{
	struct pim_channel *ch, *tmp;

	IMAP_FOREACH (ch, tmp, &pif->channels)
		if (ch->join != PIM_NOINFO)
			pim_channel_end(ch, &nobody, now_us);
}
