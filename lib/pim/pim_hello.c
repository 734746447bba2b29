// SPDX-License-Identifier: BSD-3-Clause
// Our Hellos, and those that arrive (RFC 7761 section 4.3).
#include "pim/pim_internal.h"

static uint64_t triggered_due(struct pim_if *pif, uint64_t now_us)
{
	return now_us + rng_between(pif->rng, 0, pif->cfg.triggered_hello_delay_ms * US_PER_MS);
}

static void hello_send(struct pim_if *pif, uint16_t holdtime_s)
{
	uint8_t buf[PIM_HELLO_MAX_LEN];
	struct pim_hello hello = {
		.holdtime_s = holdtime_s,
		.genid = pif->genid,
		.dr_priority = pif->cfg.dr_priority,
		.propagation_delay_ms = pif->cfg.propagation_delay_ms,
		.override_interval_ms = pif->cfg.override_interval_ms,
	};
	int len;

	// The primary of the moment is not among them (section 4.3.4).
	for (unsigned int i = 0; i < pif->n_secondaries; i++)
		if (!addr_eq(&pif->secondaries[i], &pif->primary))
			hello.secondaries[hello.n_secondaries++] = pif->secondaries[i];
	len = pim_hello_encode(&hello, buf, sizeof(buf));
	if (len < 0)
		return;
	pif->hello_sent = true;
	pif->stats.hello_tx++;
	// Whoever waited for a triggered Hello has this one.
	timer_cancel(pif->timers, &pif->triggered_timer);
	pim_send(pif, buf, (size_t)len);
}

static void hello_send_alive(struct pim_if *pif)
{
	uint32_t holdtime = pif->cfg.hello_holdtime_s;

	hello_send(
		pif, holdtime < PIM_HOLDTIME_FOREVER ? (uint16_t)holdtime : PIM_HOLDTIME_FOREVER);
}

void pim_hello_ensure(struct pim_if *pif)
{
	if (!pif->hello_sent || timer_armed(&pif->triggered_timer))
		hello_send_alive(pif);
}

static void hello_timer_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct pim_if *pif = arg;

	// It was armed a moment ago, so there is room for it.
	timer_arm(pif->timers, t, now_us + pif->cfg.hello_interval_s * US_PER_S);
	hello_send_alive(pif);
}

static void triggered_timer_cb(struct timer *t, void *arg, uint64_t now_us)
{
	(void)t;
	(void)now_us;
	hello_send_alive(arg);
}

void pim_hello_setup(struct pim_if *pif)
{
	timer_init(&pif->hello_timer, hello_timer_cb, pif);
	timer_init(&pif->triggered_timer, triggered_timer_cb, pif);
}

void pim_hello_start(struct pim_if *pif, uint64_t now_us)
{
	uint32_t old = pif->genid;

	do
		pif->genid = rng_u32(pif->rng);
	while (pif->genid == old);
	pif->hello_sent = false;
	// Without memory for a timer the Hello goes out at once, and again with the next trigger.
	if (timer_arm(pif->timers, &pif->hello_timer, triggered_due(pif, now_us)) < 0)
		hello_send_alive(pif);
}

void pim_hello_stop(struct pim_if *pif)
{
	hello_send(pif, 0);
	timer_cancel(pif->timers, &pif->hello_timer);
	timer_cancel(pif->timers, &pif->triggered_timer);
}

void pim_hello_trigger(struct pim_if *pif, uint64_t now_us)
{
	if (pif->cfg.watch || pif->leaving || timer_armed(&pif->triggered_timer))
		return;
	if (timer_arm(pif->timers, &pif->triggered_timer, triggered_due(pif, now_us)) < 0)
		hello_send_alive(pif);
}

void pim_hello_now(struct pim_if *pif)
{
	if (!addr_is_none(&pif->primary) && pif->hello_sent && !pif->leaving)
		hello_send_alive(pif);
}

void pim_hello_anew(struct pim_if *pif, uint64_t now_us)
{
	if (addr_is_none(&pif->primary) || !pif->hello_sent || pif->leaving)
		return; // the first one is still to come
	timer_arm(pif->timers, &pif->hello_timer, now_us + pif->cfg.hello_interval_s * US_PER_S);
	hello_send_alive(pif);
}

// Section 6.2; none named: everybody.
bool pim_neighbor_allowed(const struct pim_if *pif, const struct addr *src)
{
	for (unsigned int i = 0; i < pif->cfg.n_neighbors; i++)
		if (prefix_match(&pif->cfg.neighbors[i], src))
			return true;
	return pif->cfg.n_neighbors == 0;
}

// Whether a source can be one of the link's: link-local for IPv6 (section 4.3.1), else of one of
// its networks.
static bool on_link(const struct pim_if *pif, const struct addr *src)
{
	if (pif->cfg.family == ADDR_V6)
		return addr_is_linklocal(src);
	return pif->n_links == 0 || prefix_match_any(pif->links, pif->n_links, src);
}

enum pim_drop pim_neighbor_refuse(
	struct pim_if *pif, const struct addr *src, const struct pim_hello *hello, uint64_t now_us)
{
	if (pif->cfg.family == ADDR_V4 && !addr_is_unicast(src))
		return PIM_DROP_SOURCE;
	if (!on_link(pif, src))
		return PIM_DROP_OFF_LINK;
	if (!pim_neighbor_allowed(pif, src) && !pim_watch_is_daemon(pif, src))
		return PIM_DROP_NEIGHBOR_REFUSED;
	if (hello->holdtime_s != 0 && pif->n_alive >= pif->cfg.max_neighbors &&
		!pim_neighbor_make_room(pif, now_us))
		return PIM_DROP_NEIGHBOR_LIMIT;
	return PIM_DROP_COUNT;
}

void pim_hello_input(
	struct pim_if *pif, const struct addr *src, const uint8_t *buf, size_t len, uint64_t now_us)
{
	struct pim_neighbor *nbr = pim_neighbor_find(pif, src);
	struct pim_hello hello;
	enum pim_drop why;

	if (pim_hello_decode(buf, len, &hello) != PIM_OK) {
		pim_drop(pif, PIM_DROP_HELLO_MALFORMED, src);
		return;
	}
	why = nbr ? PIM_DROP_COUNT : pim_neighbor_refuse(pif, src, &hello, now_us);
	if (why != PIM_DROP_COUNT) {
		pim_drop(pif, why, src);
		return;
	}
	pif->stats.hello_rx++;
	if (hello.holdtime_s != 0)
		pim_neighbor_hello(pif, nbr, src, &hello, now_us);
	else if (nbr)
		pim_neighbor_down(nbr, "goodbye", now_us);
	if (hello.holdtime_s != 0 && pif->ops->hello_cb && pim_neighbor_find(pif, src))
		pif->ops->hello_cb(pif->ctx, src, pim_after_s(now_us, hello.holdtime_s), now_us);
}
