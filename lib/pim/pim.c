// SPDX-License-Identifier: BSD-3-Clause
// The interface: its life, its address, and what becomes of a message that arrives.
#include "pim/pim.h"

#include <stdlib.h>

#include "pim/pim_internal.h"

static const struct addr all_pim_routers4 = {.family = ADDR_V4, .bytes = {224, 0, 0, 13}};
static const struct addr all_pim_routers6 = {.family = ADDR_V6, .bytes = {0xff, 0x02, [15] = 0x0d}};

static const struct addr *all_pim_routers(const struct pim_if *pif)
{
	return pif->cfg.family == ADDR_V6 ? &all_pim_routers6 : &all_pim_routers4;
}

struct pim_if *pim_if_create(const struct pim_cfg *cfg, const struct pim_ops *ops, void *ctx,
	struct timers *timers, struct rng *rng)
{
	struct pim_if *pif = calloc(1, sizeof(*pif));

	if (!pif)
		return NULL;
	pif->cfg = *cfg;
	pif->ops = ops;
	pif->ctx = ctx;
	pif->timers = timers;
	pif->rng = rng;
	pif->host_len = cfg->family == ADDR_V6 ? 128 : 32;
	hmap_init(&pif->neighbors);
	LIST_INIT(&pif->asserts);
	pif->was_dr = cfg->watch; // while nobody is heard, nobody else is
	if (pim_channels_setup(pif) < 0) {
		free(pif);
		return NULL;
	}
	pim_hello_setup(pif);
	pim_neighbors_changed(pif, 0); // nobody is there yet to be told of a change
	return pif;
}

// Nobody sends us a Prune after our Goodbye, so what was joined ends with it.
static void go_down(struct pim_if *pif, uint64_t now_us)
{
	if (!addr_is_none(&pif->primary) && !pif->leaving)
		pim_hello_stop(pif);
	pif->primary = (struct addr){0};
	pim_asserts_end(pif, now_us);
	pim_channels_end(pif, now_us);
	pif->leaving = false;
	pim_neighbors_forget(pif, now_us);
}

void pim_if_destroy(struct pim_if *pif, uint64_t now_us)
{
	if (!pif)
		return;
	go_down(pif, now_us);
	pim_channels_fini(pif);
	hmap_fini(&pif->neighbors);
	free(pif->elsewhere);
	free(pif);
}

void pim_if_configure(struct pim_if *pif, const struct pim_cfg *cfg, uint64_t now_us)
{
	const struct pim_cfg was = pif->cfg;
	bool says = was.hello_interval_s != cfg->hello_interval_s ||
		    was.hello_holdtime_s != cfg->hello_holdtime_s ||
		    was.dr_priority != cfg->dr_priority ||
		    was.propagation_delay_ms != cfg->propagation_delay_ms ||
		    was.override_interval_ms != cfg->override_interval_ms;

	pif->cfg = *cfg;
	if (says && !cfg->watch)
		pim_hello_anew(pif, now_us);
	if (was.assert_preference != cfg->assert_preference ||
		was.assert_metric != cfg->assert_metric)
		pim_asserts_anew(pif, now_us);
	pim_neighbors_review(pif, now_us);
	pim_neighbors_changed(pif, now_us);
}

void pim_if_goodbye(struct pim_if *pif, uint64_t now_us)
{
	(void)now_us;
	if (addr_is_none(&pif->primary) || pif->leaving)
		return;
	pim_hello_stop(pif);
	pif->leaving = true;
}

bool pim_if_replaced(const struct pim_if *pif)
{
	return pif->n_replaced + pif->n_lost >= pif->n_joins;
}

void pim_if_address(struct pim_if *pif, const struct addr *primary, uint64_t now_us)
{
	char text[ADDR_STRLEN];

	if (!primary || addr_is_none(primary)) {
		if (!addr_is_none(&pif->primary))
			log_info("pim", "interface down if=%s", pif->cfg.name);
		go_down(pif, now_us);
		return;
	}
	if (addr_eq(primary, &pif->primary))
		return;
	if (!addr_is_none(&pif->primary)) {
		if (!pif->leaving)
			pim_hello_stop(pif);
		pif->leaving = false;
		pim_asserts_forget_won(pif, now_us);
	}
	pif->primary = *primary;
	pim_hello_start(pif, now_us);
	log_info("pim", "interface up if=%s address=%s genid=%08x", pif->cfg.name,
		addr_format(primary, text), pif->genid);
	pim_neighbors_changed(pif, now_us);
}

void pim_if_secondaries(struct pim_if *pif, const struct addr *list, unsigned int n)
{
	unsigned int kept = 0;
	bool same;

	for (unsigned int i = 0; i < n && kept < PIM_SECONDARIES_MAX; i++)
		kept += list[i].family == pif->cfg.family;
	same = kept == pif->n_secondaries;
	kept = 0;
	for (unsigned int i = 0; i < n && kept < PIM_SECONDARIES_MAX; i++) {
		if (list[i].family != pif->cfg.family)
			continue;
		same = same && addr_eq(&pif->secondaries[kept], &list[i]);
		pif->secondaries[kept++] = list[i];
	}
	pif->n_secondaries = kept;
	if (!same)
		pim_hello_now(pif);
}

void pim_if_links(struct pim_if *pif, const struct prefix *list, unsigned int n)
{
	pif->n_links = 0;
	for (unsigned int i = 0; i < n && pif->n_links < PIM_LINKS_MAX; i++)
		if (list[i].addr.family == pif->cfg.family)
			pif->links[pif->n_links++] = list[i];
}

// Types that other kinds of PIM routers send (RFC 7761 section 4.9, RFC 9436).
static bool type_is_known(uint8_t type)
{
	return type <= 13;
}

void pim_drop(struct pim_if *pif, enum pim_drop why, const struct addr *src)
{
	char text[ADDR_STRLEN];
	uint32_t held;

	pif->stats.drops[why]++;
	// These belong to a healthy LAN: the counter says enough.
	if (why == PIM_DROP_OWN || why == PIM_DROP_NOT_UPSTREAM || why == PIM_DROP_NO_ADDRESS)
		return;
	// Each reason has a limit of its own: a flood of one does not hide another.
	if (log_limit_ok(&pif->drop_logs[why], &held))
		log_warn("pim", "dropped if=%s from=%s reason=%s (%s) held_back=%u", pif->cfg.name,
			addr_format(src, text), pim_drop_names[why], pim_drop_texts[why], held);
}

bool pim_group_is_ssm(const struct pim_if *pif, const struct addr *g)
{
	return group_is_ssm(pif->cfg.ssm_ranges, pif->cfg.n_ssm_ranges, g);
}

void pim_send(struct pim_if *pif, uint8_t *buf, size_t len)
{
	if (pif->cfg.family == ADDR_V6)
		pim_cksum6(buf, len, &pif->primary, &all_pim_routers6);
	pif->ops->send(pif->ctx, buf, len);
}

uint64_t pim_after_s(uint64_t now_us, uint16_t holdtime_s)
{
	return holdtime_s == PIM_HOLDTIME_FOREVER ? NEVER_US : now_us + holdtime_s * US_PER_S;
}

// PIM_DROP_COUNT when the message is one for us to look into.
static enum pim_drop refuse(const struct pim_if *pif, const struct addr *src,
	const struct addr *dst, const uint8_t *pim, size_t len, uint8_t *type)
{
	if (addr_is_none(&pif->primary) && !pif->cfg.watch)
		return PIM_DROP_NO_ADDRESS;
	if (addr_eq(src, &pif->primary))
		return PIM_DROP_OWN;
	if (!pim)
		return PIM_DROP_FRAGMENT;
	switch (pif->cfg.family == ADDR_V6 ? pim_header_decode6(pim, len, src, dst, type)
					   : pim_header_decode(pim, len, type)) {
	case PIM_OK:
		break;
	case PIM_ERR_VERSION:
		return PIM_DROP_VERSION;
	case PIM_ERR_CHECKSUM:
		return PIM_DROP_CHECKSUM;
	default:
		return PIM_DROP_SHORT;
	}
	if (*type != PIM_HELLO && *type != PIM_JOIN_PRUNE && *type != PIM_ASSERT)
		return PIM_DROP_TYPE;
	if (!addr_eq(dst, all_pim_routers(pif))) // section 4.9
		return PIM_DROP_DESTINATION;
	return PIM_DROP_COUNT;
}

// Before anything is read: whether it is within what its sender may send. Our own, or those of a
// daemon that is watched, are nobody's flood.
static enum pim_drop police(struct pim_if *pif, const struct addr *src, size_t len, uint64_t now_us)
{
	uint32_t rate = pif->cfg.neighbor_rate, cost = 1 + (uint32_t)(len >> 8);
	struct pim_neighbor *nbr;

	if (rate == 0 || addr_eq(src, &pif->primary) || pim_watch_is_daemon(pif, src))
		return PIM_DROP_COUNT;
	nbr = pim_neighbor_find(pif, src);
	if (!nbr)
		return bucket_take(&pif->strangers, rate < 8 ? 1 : rate / 8, cost, now_us)
			       ? PIM_DROP_COUNT
			       : PIM_DROP_STRANGER_RATE;
	if (bucket_take(&nbr->bucket, rate, cost, now_us))
		return PIM_DROP_COUNT;
	nbr->view.held_back++;
	return PIM_DROP_NEIGHBOR_RATE;
}

void pim_if_input(struct pim_if *pif, const struct addr *src, const struct addr *dst,
	const uint8_t *pim, size_t len, uint64_t now_us)
{
	uint8_t type = 0;
	enum pim_drop why = police(pif, src, len, now_us);

	if (why == PIM_DROP_COUNT)
		why = refuse(pif, src, dst, pim, len, &type);

	// Nobody speaks to us any more.
	if (pif->leaving)
		return;
	if (why == PIM_DROP_TYPE && type_is_known(type))
		pif->stats.drops[why]++; // of a healthy LAN too
	else if (why != PIM_DROP_COUNT)
		pim_drop(pif, why, src);
	else if (type == PIM_HELLO)
		pim_hello_input(pif, src, pim, len, now_us);
	else if (type == PIM_ASSERT && pif->cfg.watch)
		pif->stats.assert_rx++; // between the daemon and others
	else if (type == PIM_ASSERT)
		pim_assert_input(pif, src, pim, len, now_us);
	else
		pim_jp_input(pif, src, pim, len, now_us);
}

void pim_if_lost(struct pim_if *pif, uint32_t n)
{
	pif->stats.drops[PIM_DROP_NOT_READ] += n;
}

const struct pim_stats *pim_if_stats(const struct pim_if *pif)
{
	return &pif->stats;
}

struct addr pim_if_primary(const struct pim_if *pif)
{
	return pif->primary;
}

uint32_t pim_if_genid(const struct pim_if *pif)
{
	return pif->genid;
}
