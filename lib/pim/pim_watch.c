// SPDX-License-Identifier: BSD-3-Clause
// Watch mode: another daemon speaks PIM on the link, and we say nothing. The Joins and Prunes that
// it receives, or sends towards its own upstream neighbor, drive the downstream (S,G) machine as if
// they were for us (RFC 7761 section 4.5.2).
#include <string.h>

#include "pim/pim_internal.h"

// Section 4.3.2: of a neighbor that was not heard to say it.
#define HELLO_HOLDTIME_DEFAULT_S 105

void pim_if_watched(struct pim_if *pif, const struct addr *list, unsigned int n, uint64_t now_us)
{
	memset(pif->watched, 0, sizeof(pif->watched));
	pif->n_watched = 0;
	for (unsigned int i = 0; i < n && pif->n_watched < PIM_WATCHED_MAX; i++)
		if (list[i].family == pif->cfg.family)
			pif->watched[pif->n_watched++] = list[i];
	pim_neighbors_changed(pif, now_us); // the designated router may be the daemon now
}

bool pim_watch_is_daemon(const struct pim_if *pif, const struct addr *a)
{
	for (unsigned int i = 0; i < pif->n_watched; i++)
		if (addr_eq(&pif->watched[i], a))
			return true;
	return false;
}

bool pim_watch_counts(const struct pim_if *pif, const struct addr *src, const struct addr *upstream)
{
	for (unsigned int i = 0; i < pif->cfg.n_upstream; i++)
		if (prefix_match(&pif->cfg.upstream[i], upstream))
			return true;
	if (pif->cfg.n_upstream)
		return false;
	return pim_watch_is_daemon(pif, upstream) || pim_watch_is_daemon(pif, src);
}

// Whom the daemon takes Joins of is its own matter; and who begins to watch has heard no Hello for
// up to 30 s. So one that joins is a neighbor, whose Hello may say more later.
struct pim_neighbor *pim_watch_neighbor(struct pim_if *pif, const struct addr *src, uint64_t now_us)
{
	static const struct pim_hello hello = {.holdtime_s = HELLO_HOLDTIME_DEFAULT_S};
	struct pim_neighbor *nbr = pim_neighbor_find(pif, src);
	enum pim_drop why;

	if (nbr)
		return nbr;
	why = pim_neighbor_refuse(pif, src, &hello, now_us);
	if (why != PIM_DROP_COUNT) {
		pim_drop(pif, why, src);
		return NULL;
	}
	pim_neighbor_hello(pif, NULL, src, &hello, now_us);
	return pim_neighbor_find(pif, src);
}
