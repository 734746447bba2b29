// SPDX-License-Identifier: BSD-3-Clause
// The neighbours of a link, and what follows from all of them together: DR and delays (RFC 7761
// sections 4.3.2, 4.3.3).
#include <stdlib.h>
#include <string.h>

#include "pim/pim_internal.h"

static uint64_t neighbor_hash(const struct addr *addr)
{
	return hmap_hash(addr, sizeof(*addr));
}

static struct pim_neighbor *find_any(const struct pim_if *pif, const struct addr *addr)
{
	for (struct hnode *n = hmap_find(&pif->neighbors, neighbor_hash(addr)); n;
		n = hmap_find_next(n)) {
		struct pim_neighbor *nbr = container_of_node(n, struct pim_neighbor, node);

		if (addr_eq(&nbr->view.addr, addr))
			return nbr;
	}
	return NULL;
}

struct pim_neighbor *pim_neighbor_find(const struct pim_if *pif, const struct addr *addr)
{
	struct pim_neighbor *nbr = find_any(pif, addr);

	return nbr && nbr->alive ? nbr : NULL;
}

static void neighbor_log(const struct pim_neighbor *nbr, const char *what, const char *reason)
{
	char text[ADDR_STRLEN];

	log_info("pim", "neighbor %s if=%s addr=%s%s%s", what, nbr->pif->cfg.name,
		addr_format(&nbr->view.addr, text), reason ? " reason=" : "", reason ? reason : "");
}

void pim_neighbor_put(struct pim_neighbor *nbr)
{
	struct pim_if *pif = nbr->pif;

	if (nbr->alive || nbr->draining || nbr->view.joins > 0 || !LIST_EMPTY(&nbr->won))
		return;
	timer_cancel(pif->timers, &nbr->nlt);
	timer_cancel(pif->timers, &nbr->drain);
	hmap_remove(&pif->neighbors, &nbr->node);
	free(nbr);
}

// Its Joins stay until they expire: they belong to the interface (section 4.5.2).
void pim_neighbor_down(struct pim_neighbor *nbr, const char *reason, uint64_t now_us)
{
	struct pim_if *pif = nbr->pif;

	neighbor_log(nbr, "down", reason);
	nbr->alive = false;
	pif->n_alive--;
	timer_arm(pif->timers, &nbr->nlt, NEVER_US);
	// A change of the DR can end Asserts that it won, and so the last that holds it.
	nbr->draining = true;
	pim_neighbors_changed(pif, now_us);
	pim_assert_winner_gone(nbr, now_us);
	pim_neighbor_put(nbr);
}

// Armed for as long as the neighbour exists, so that arming it again cannot fail.
static void nlt_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct pim_neighbor *nbr = arg;

	timer_arm(nbr->pif->timers, t, NEVER_US);
	pim_neighbor_down(nbr, "expired", now_us);
}

static void drain_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct pim_neighbor *nbr = arg;

	(void)t;
	pim_assert_winner_gone(nbr, now_us);
	pim_neighbor_put(nbr);
}

static struct pim_neighbor *neighbor_create(struct pim_if *pif, const struct addr *addr)
{
	struct pim_neighbor *nbr = calloc(1, sizeof(*nbr));

	if (!nbr)
		return NULL;
	nbr->pif = pif;
	nbr->view.addr = *addr;
	LIST_INIT(&nbr->won);
	timer_init(&nbr->nlt, nlt_cb, nbr);
	timer_init(&nbr->drain, drain_cb, nbr);
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

// Section 4.3.4: of an address that two neighbours claim, the later claim counts.
static void claim(struct pim_neighbor *nbr, const struct addr *a)
{
	struct pim_if *pif = nbr->pif;
	char text[ADDR_STRLEN];

	for (struct hnode *n = hmap_first(&pif->neighbors); n; n = hmap_next(&pif->neighbors, n)) {
		struct pim_neighbor *other = container_of_node(n, struct pim_neighbor, node);
		struct pim_neighbor_view *v = &other->view;

		for (unsigned int i = 0; other != nbr && i < v->n_secondaries; i++) {
			if (!addr_eq(&v->secondaries[i], a))
				continue;
			log_warn_limited("pim", "two neighbors have the address if=%s addr=%s",
				pif->cfg.name, addr_format(a, text));
			v->n_secondaries--;
			memmove(&v->secondaries[i], &v->secondaries[i + 1],
				(v->n_secondaries - i) * sizeof(*a));
			break;
		}
	}
}

static void secondaries_update(struct pim_neighbor *nbr, const struct pim_hello *hello)
{
	struct pim_neighbor_view *v = &nbr->view;
	struct addr list[PIM_VIEW_SECONDARIES] = {{0}};
	unsigned int n = 0;

	for (unsigned int i = 0; i < hello->n_secondaries && n < PIM_VIEW_SECONDARIES; i++) {
		const struct addr *a = &hello->secondaries[i];

		if (a->family == v->addr.family && !addr_eq(a, &v->addr))
			list[n++] = *a;
	}
	if (n == v->n_secondaries && memcmp(list, v->secondaries, n * sizeof(list[0])) == 0)
		return;
	v->n_secondaries = n;
	memcpy(v->secondaries, list, n * sizeof(list[0]));
	for (unsigned int i = 0; i < n; i++)
		claim(nbr, &list[i]);
}

// Whether something changed that the DR and the delays hang on.
static bool votes_change(const struct pim_neighbor_view *v, const struct pim_hello *hello)
{
	return v->has_dr_priority != hello->has_dr_priority ||
	       v->dr_priority != hello->dr_priority ||
	       v->has_lan_prune_delay != hello->has_lan_prune_delay ||
	       v->propagation_delay_ms != hello->propagation_delay_ms ||
	       v->override_interval_ms != hello->override_interval_ms;
}

// Each Hello says everything anew: what it leaves out is forgotten.
static void neighbor_update(
	struct pim_neighbor *nbr, const struct pim_hello *hello, uint64_t now_us)
{
	struct pim_neighbor_view *v = &nbr->view;

	v->heard_us = now_us;
	v->holdtime_s = hello->holdtime_s;
	v->expires_us = pim_after_s(now_us, hello->holdtime_s);
	v->has_genid = hello->has_genid;
	v->genid = hello->genid;
	v->has_dr_priority = hello->has_dr_priority;
	v->dr_priority = hello->dr_priority;
	v->has_lan_prune_delay = hello->has_lan_prune_delay;
	v->tracking = hello->tracking;
	v->propagation_delay_ms = hello->propagation_delay_ms;
	v->override_interval_ms = hello->override_interval_ms;
	secondaries_update(nbr, hello);
	timer_arm(nbr->pif->timers, &nbr->nlt, v->expires_us);
}

// New, or known from before it went.
static struct pim_neighbor *neighbor_up(struct pim_if *pif, const struct addr *src, uint64_t now_us)
{
	struct pim_neighbor *nbr = find_any(pif, src);

	if (!nbr)
		nbr = neighbor_create(pif, src);
	if (!nbr) {
		log_warn_limited("pim", "no memory for a neighbor if=%s", pif->cfg.name);
		return NULL;
	}
	nbr->alive = true;
	nbr->id = ++pif->last_id;
	nbr->view.since_us = now_us;
	pif->n_alive++;
	neighbor_log(nbr, "up", NULL);
	return nbr;
}

void pim_neighbor_hello(struct pim_if *pif, struct pim_neighbor *nbr, const struct addr *src,
	const struct pim_hello *hello, uint64_t now_us)
{
	bool changed;

	if (!nbr) {
		nbr = neighbor_up(pif, src, now_us);
		if (!nbr)
			return;
		changed = true;
		pim_hello_trigger(pif, now_us);
	} else {
		const struct pim_neighbor_view *v = &nbr->view;

		changed = votes_change(v, hello);
		if (v->has_genid && hello->has_genid && v->genid != hello->genid) {
			neighbor_log(nbr, "restarted", "genid");
			nbr->view.since_us = now_us;
			pim_hello_trigger(pif, now_us);
			pim_assert_winner_gone(nbr, now_us);
		}
	}
	neighbor_update(nbr, hello, now_us);
	if (changed)
		pim_neighbors_changed(pif, now_us);
}

void pim_neighbors_forget(struct pim_if *pif, uint64_t now_us)
{
	struct hnode *n, *tmp;

	HMAP_FOREACH (n, tmp, &pif->neighbors) {
		struct pim_neighbor *nbr = container_of_node(n, struct pim_neighbor, node);

		pif->n_alive -= nbr->alive;
		nbr->alive = false;
		pim_neighbor_put(nbr);
	}
	pim_neighbors_changed(pif, now_us);
}

// The default of RFC 7761 section 4.11 and how often all neighbors are looked through at most.
#define SILENT_US (105 * US_PER_S)
#define ROOM_US	  (1 * US_PER_S)

bool pim_neighbor_make_room(struct pim_if *pif, uint64_t now_us)
{
	struct pim_neighbor *oldest = NULL;

	if (now_us < pif->room_us)
		return false;
	for (struct hnode *n = hmap_first(&pif->neighbors); n; n = hmap_next(&pif->neighbors, n)) {
		struct pim_neighbor *nbr = container_of_node(n, struct pim_neighbor, node);

		if (!nbr->alive || nbr->view.joins > 0 || !LIST_EMPTY(&nbr->won) ||
			nbr->view.heard_us + SILENT_US > now_us)
			continue;
		if (!oldest || nbr->view.heard_us < oldest->view.heard_us)
			oldest = nbr;
	}
	if (!oldest) {
		pif->room_us = now_us + ROOM_US;
		return false;
	}
	pim_neighbor_down(oldest, "not heard, and its place is wanted", now_us);
	return true;
}

static struct pim_neighbor *not_allowed(const struct pim_if *pif)
{
	for (struct hnode *n = hmap_first(&pif->neighbors); n; n = hmap_next(&pif->neighbors, n)) {
		struct pim_neighbor *nbr = container_of_node(n, struct pim_neighbor, node);

		if (nbr->alive && !pim_neighbor_allowed(pif, &nbr->view.addr))
			return nbr;
	}
	return NULL;
}

void pim_neighbors_review(struct pim_if *pif, uint64_t now_us)
{
	struct pim_neighbor *nbr;

	// From the beginning each time: one that goes may take another one with it.
	while ((nbr = not_allowed(pif)))
		pim_neighbor_down(nbr, "not among pim.neighbors", now_us);
}

// Section 4.3.2: dr_is_better(a, b, I).
static bool dr_is_better(const struct pim_if *pif, bool by_priority, const struct pim_neighbor *nbr,
	const struct pim_neighbor *dr)
{
	uint32_t ours = pif->cfg.dr_priority;
	uint32_t a = nbr->view.dr_priority, b = dr ? dr->view.dr_priority : ours;

	if (!dr && pif->cfg.watch) // we do not stand for it
		return true;
	if (by_priority && a != b)
		return a > b;
	return addr_cmp(&nbr->view.addr, dr ? &dr->view.addr : &pif->primary) > 0;
}

static void dr_elect(struct pim_if *pif, bool by_priority)
{
	struct addr before = pif->dr;
	struct pim_neighbor *dr = NULL; // us
	char text[ADDR_STRLEN];

	for (struct hnode *n = hmap_first(&pif->neighbors); n; n = hmap_next(&pif->neighbors, n)) {
		struct pim_neighbor *nbr = container_of_node(n, struct pim_neighbor, node);

		nbr->view.is_dr = false;
		if (nbr->alive && dr_is_better(pif, by_priority, nbr, dr))
			dr = nbr;
	}
	if (dr)
		dr->view.is_dr = true;
	pif->dr = dr ? dr->view.addr : pif->primary;
	if (addr_eq(&before, &pif->dr) || addr_is_none(&pif->dr))
		return;
	pif->stats.dr_changes++;
	log_info("pim", "designated router if=%s addr=%s%s", pif->cfg.name,
		addr_format(&pif->dr, text), dr ? "" : " (this one)");
}

void pim_neighbors_changed(struct pim_if *pif, uint64_t now_us)
{
	// Who only watches has no part in it.
	uint32_t propagation = pif->cfg.watch ? 0 : pif->cfg.propagation_delay_ms;
	uint32_t override = pif->cfg.watch ? 0 : pif->cfg.override_interval_ms;
	bool delays = true, priorities = true;

	for (struct hnode *n = hmap_first(&pif->neighbors); n; n = hmap_next(&pif->neighbors, n)) {
		const struct pim_neighbor *nbr = container_of_node(n, struct pim_neighbor, node);
		const struct pim_neighbor_view *v = &nbr->view;

		if (!nbr->alive)
			continue;
		delays &= v->has_lan_prune_delay;
		priorities &= v->has_dr_priority;
		if (v->propagation_delay_ms > propagation)
			propagation = v->propagation_delay_ms;
		if (v->override_interval_ms > override)
			override = v->override_interval_ms;
	}
	// One router that does not take part makes all use the defaults.
	pif->propagation_ms = delays ? propagation : PROPAGATION_DELAY_DEFAULT_MS;
	pif->override_ms = delays ? override : OVERRIDE_INTERVAL_DEFAULT_MS;
	dr_elect(pif, priorities);
	if (pif->was_dr == pim_if_is_dr(pif))
		return;
	pif->was_dr = !pif->was_dr;
	if (pif->ops->include_cb)
		pif->ops->include_cb(pif->ctx, NULL, now_us);
}

uint64_t pim_override_interval_us(const struct pim_if *pif)
{
	return (uint64_t)(pif->propagation_ms + pif->override_ms) * US_PER_MS;
}
