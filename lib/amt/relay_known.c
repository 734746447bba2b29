// SPDX-License-Identifier: BSD-3-Clause
// State that Requests leave at a relay which, as Linux's, keeps one (standards 6).
#include <stdlib.h>

#include "amt/relay_internal.h"

static uint64_t known_hash(const struct addr *addr)
{
	return hmap_hash(addr, sizeof(*addr));
}

struct relay_known *relay_known_find(struct relay *r, const struct addr *addr, uint16_t port)
{
	struct hnode *n = hmap_find(&r->known, known_hash(addr));

	if (!(r->opt->quirks & (AMT_QUIRK_ONE_NONCE | AMT_QUIRK_ONE_ENDPOINT)))
		return NULL;
	for (; n; n = hmap_find_next(n)) {
		struct relay_known *k = container_of_node(n, struct relay_known, node);

		if (addr_eq(&k->addr, addr) &&
			(r->opt->quirks & AMT_QUIRK_ONE_ENDPOINT || k->port == port))
			return k;
	}
	return NULL;
}

static void known_free(struct relay_known *k)
{
	timer_cancel(k->r->timers, &k->expiry);
	hmap_remove(&k->r->known, &k->node);
	free(k);
}

static void expiry_cb(struct timer *t, void *arg, uint64_t now_us)
{
	(void)t;
	(void)now_us;
	known_free(arg);
}

struct relay_known *relay_known_request(
	struct relay *r, const struct addr *addr, uint16_t port, uint32_t nonce, uint64_t now_us)
{
	struct relay_known *k = relay_known_find(r, addr, port);

	if (!(r->opt->quirks & (AMT_QUIRK_ONE_NONCE | AMT_QUIRK_ONE_ENDPOINT)))
		return NULL;
	if (!k) {
		k = calloc(1, sizeof(*k));
		if (!k)
			return NULL;
		*k = (struct relay_known){.addr = *addr, .port = port, .r = r};
		timer_init(&k->expiry, expiry_cb, k);
		if (hmap_insert(&r->known, &k->node, known_hash(addr)) < 0) {
			free(k);
			return NULL;
		}
	}
	k->nonce = nonce;
	if (timer_arm(r->timers, &k->expiry, now_us + relay_membership_s(r->opt) * US_PER_S) < 0) {
		known_free(k);
		return NULL;
	}
	return k;
}

void relay_known_fini(struct relay *r)
{
	struct hnode *n;

	while ((n = hmap_first(&r->known)))
		known_free(container_of_node(n, struct relay_known, node));
	hmap_fini(&r->known);
}
