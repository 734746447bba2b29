// SPDX-License-Identifier: BSD-3-Clause
#include "driad/holddown.h"

#include <errno.h>
#include <stdlib.h>

struct holddown_entry {
	struct hnode node;
	struct timer expiry;
	struct holddown *owner;
	struct addr relay;
	const char *reason;
};

static uint64_t relay_hash(const struct addr *relay)
{
	return hmap_hash(relay, sizeof(*relay));
}

static struct holddown_entry *entry_find(const struct holddown *h, const struct addr *relay)
{
	struct hnode *n = hmap_find(&h->map, relay_hash(relay));

	for (; n; n = hmap_find_next(n)) {
		struct holddown_entry *e = container_of_node(n, struct holddown_entry, node);

		if (addr_eq(&e->relay, relay))
			return e;
	}
	return NULL;
}

static void entry_remove(struct holddown_entry *e)
{
	timer_cancel(e->owner->timers, &e->expiry);
	hmap_remove(&e->owner->map, &e->node);
	free(e);
}

static void on_expiry(struct timer *t, void *arg, uint64_t now_us)
{
	(void)t;
	(void)now_us;
	entry_remove(arg);
}

void holddown_init(struct holddown *h, struct timers *timers)
{
	hmap_init(&h->map);
	h->timers = timers;
}

void holddown_fini(struct holddown *h)
{
	struct hnode *n, *tmp;

	HMAP_FOREACH (n, tmp, &h->map)
		entry_remove(container_of_node(n, struct holddown_entry, node));
	hmap_fini(&h->map);
}

int holddown_add(
	struct holddown *h, const struct addr *relay, const char *reason, uint64_t until_us)
{
	struct holddown_entry *e = entry_find(h, relay);

	if (e) {
		if (until_us <= e->expiry.due_us)
			return 0;
		// The reason is that of the hold that counts. Moving an armed timer cannot fail.
		e->reason = reason;
		return timer_arm(h->timers, &e->expiry, until_us);
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->owner = h;
	e->relay = *relay;
	e->reason = reason;
	timer_init(&e->expiry, on_expiry, e);
	if (timer_arm(h->timers, &e->expiry, until_us) < 0)
		goto free_entry;
	if (hmap_insert(&h->map, &e->node, relay_hash(relay)) < 0)
		goto cancel_timer;
	return 0;

cancel_timer:
	timer_cancel(h->timers, &e->expiry);
free_entry:
	free(e);
	return -ENOMEM;
}

void holddown_release(struct holddown *h, const struct addr *relay)
{
	struct holddown_entry *e = entry_find(h, relay);

	if (e)
		entry_remove(e);
}

bool holddown_held(const struct holddown *h, const struct addr *relay, uint64_t now_us,
	uint64_t *until_us, const char **reason)
{
	const struct holddown_entry *e = entry_find(h, relay);

	// The timer may be due and not have run yet.
	if (!e || e->expiry.due_us <= now_us)
		return false;
	if (until_us)
		*until_us = e->expiry.due_us;
	if (reason)
		*reason = e->reason;
	return true;
}

void holddown_each(const struct holddown *h,
	void (*cb)(void *arg, const struct addr *relay, const char *reason, uint64_t until_us),
	void *arg)
{
	struct hnode *n, *tmp;

	HMAP_FOREACH (n, tmp, &h->map) {
		const struct holddown_entry *e = container_of_node(n, struct holddown_entry, node);

		cb(arg, &e->relay, e->reason, e->expiry.due_us);
	}
}
