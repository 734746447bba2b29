// SPDX-License-Identifier: BSD-3-Clause
// Hellos, ours and the neighbours' (RFC 7761 section 4.3).
#include <stdlib.h>

#include "base/log.h"
#include "pim/pim_internal.h"
#include "wire/pim.h"

static uint64_t triggered_due(struct pim_if *pif, uint64_t now_us)
{
	return now_us + rng_between(pif->rng, 0, pif->cfg.triggered_hello_delay_ms * US_PER_MS);
}

static void hello_send(struct pim_if *pif, uint16_t holdtime_s)
{
	uint8_t buf[PIM_HELLO_LEN];
	struct pim_hello hello = {
		.holdtime_s = holdtime_s,
		.genid = pif->genid,
		.dr_priority = pif->cfg.dr_priority,
		.propagation_delay_ms = pif->cfg.propagation_delay_ms,
		.override_interval_ms = pif->cfg.override_interval_ms,
	};
	int len = pim_hello_encode(&hello, buf, sizeof(buf));

	if (len < 0)
		return;
	pif->hello_sent = true;
	pif->stats.hello_tx++;
	// Whoever waited for a triggered Hello has this one.
	timer_cancel(pif->timers, &pif->triggered_timer);
	pif->ops->send(pif->ctx, buf, (size_t)len);
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

static void trigger_hello(struct pim_if *pif, uint64_t now_us)
{
	if (timer_armed(&pif->triggered_timer))
		return;
	if (timer_arm(pif->timers, &pif->triggered_timer, triggered_due(pif, now_us)) < 0)
		hello_send_alive(pif);
}

static uint64_t neighbor_hash(const struct addr *addr)
{
	return hmap_hash(addr, sizeof(*addr));
}

struct pim_neighbor *pim_neighbor_find(const struct pim_if *pif, const struct addr *addr)
{
	for (struct hnode *n = hmap_find(&pif->neighbors, neighbor_hash(addr)); n;
		n = hmap_find_next(n)) {
		struct pim_neighbor *nbr = container_of_node(n, struct pim_neighbor, node);

		if (addr_eq(&nbr->view.addr, addr))
			return nbr;
	}
	return NULL;
}

static void neighbor_free(struct pim_neighbor *nbr)
{
	struct pim_if *pif = nbr->pif;

	timer_cancel(pif->timers, &nbr->nlt);
	hmap_remove(&pif->neighbors, &nbr->node);
	free(nbr);
}

static void neighbor_log(const struct pim_neighbor *nbr, const char *what, const char *reason)
{
	char text[ADDR_STRLEN];

	log_info("pim", "neighbor %s if=%s addr=%s%s", what, nbr->pif->cfg.name,
		addr_format(&nbr->view.addr, text), reason);
}

// Its Joins stay until they expire: they belong to the interface (section 4.5.2).
static void nlt_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct pim_neighbor *nbr = arg;

	(void)t;
	(void)now_us;
	neighbor_log(nbr, "down", " reason=expired");
	neighbor_free(nbr);
}

static struct pim_neighbor *neighbor_create(
	struct pim_if *pif, const struct addr *addr, uint64_t now_us)
{
	struct pim_neighbor *nbr = calloc(1, sizeof(*nbr));

	if (!nbr)
		return NULL;
	nbr->pif = pif;
	nbr->view.addr = *addr;
	nbr->view.since_us = now_us;
	timer_init(&nbr->nlt, nlt_cb, nbr);
	if (timer_arm(pif->timers, &nbr->nlt, NEVER_US) < 0)
		goto fail_timer;
	if (hmap_insert(&pif->neighbors, &nbr->node, neighbor_hash(addr)) < 0)
		goto fail_insert;
	return nbr;

fail_insert:
	timer_cancel(pif->timers, &nbr->nlt);
fail_timer:
	free(nbr);
	return NULL;
}

static bool genid_changed(const struct pim_neighbor *nbr, const struct pim_hello *hello)
{
	return nbr->view.has_genid && hello->has_genid && nbr->view.genid != hello->genid;
}

// Each Hello says everything anew: what it leaves out is forgotten.
static void neighbor_update(
	struct pim_neighbor *nbr, const struct pim_hello *hello, uint64_t now_us)
{
	struct pim_neighbor_view *v = &nbr->view;

	v->holdtime_s = hello->holdtime_s;
	v->expires_us = pim_after_s(now_us, hello->holdtime_s);
	v->has_genid = hello->has_genid;
	v->genid = hello->genid;
	v->has_dr_priority = hello->has_dr_priority;
	v->dr_priority = hello->dr_priority;
	v->has_lan_prune_delay = hello->has_lan_prune_delay;
	v->propagation_delay_ms = hello->propagation_delay_ms;
	v->override_interval_ms = hello->override_interval_ms;
	timer_arm(nbr->pif->timers, &nbr->nlt, v->expires_us);
}

void pim_hello_input(
	struct pim_if *pif, const struct addr *src, const uint8_t *buf, size_t len, uint64_t now_us)
{
	struct pim_neighbor *nbr = pim_neighbor_find(pif, src);
	struct pim_hello hello;
	bool is_new = !nbr;

	if (pim_hello_decode(buf, len, &hello) != PIM_OK) {
		pim_drop(pif, PIM_DROP_HELLO_MALFORMED, src);
		return;
	}
	if (is_new && !addr_is_unicast(src)) {
		pim_drop(pif, PIM_DROP_SOURCE, src);
		return;
	}
	if (is_new && hello.holdtime_s != 0 && pif->neighbors.count >= NEIGHBORS_MAX) {
		pim_drop(pif, PIM_DROP_NEIGHBOR_LIMIT, src);
		return;
	}
	pif->stats.hello_rx++;
	if (hello.holdtime_s == 0) { // Goodbye
		if (nbr) {
			neighbor_log(nbr, "down", " reason=goodbye");
			neighbor_free(nbr);
		}
		return;
	}
	if (is_new)
		nbr = neighbor_create(pif, src, now_us);
	if (!nbr) {
		log_warn_limited("pim", "no memory for a neighbor if=%s", pif->cfg.name);
		return;
	}
	if (is_new) {
		neighbor_log(nbr, "up", "");
		trigger_hello(pif, now_us);
	} else if (genid_changed(nbr, &hello)) {
		neighbor_log(nbr, "restarted", " reason=genid");
		nbr->view.since_us = now_us;
		trigger_hello(pif, now_us);
	}
	neighbor_update(nbr, &hello, now_us);
}

void pim_neighbors_forget(struct pim_if *pif)
{
	struct hnode *n, *tmp;

	HMAP_FOREACH (n, tmp, &pif->neighbors)
		neighbor_free(container_of_node(n, struct pim_neighbor, node));
}

uint64_t pim_override_interval_us(const struct pim_if *pif)
{
	uint64_t propagation = pif->cfg.propagation_delay_ms;
	uint64_t override = pif->cfg.override_interval_ms;

	for (struct hnode *n = hmap_first(&pif->neighbors); n; n = hmap_next(&pif->neighbors, n)) {
		const struct pim_neighbor_view *v =
			&container_of_node(n, struct pim_neighbor, node)->view;

		// One router that does not take part makes all use the defaults.
		if (!v->has_lan_prune_delay)
			return (PROPAGATION_DELAY_DEFAULT_MS + OVERRIDE_INTERVAL_DEFAULT_MS) *
			       US_PER_MS;
		if (v->propagation_delay_ms > propagation)
			propagation = v->propagation_delay_ms;
		if (v->override_interval_ms > override)
			override = v->override_interval_ms;
	}
	return (propagation + override) * US_PER_MS;
}
