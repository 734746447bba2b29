// SPDX-License-Identifier: BSD-3-Clause
#include "driad/holddown.h"

#include <errno.h>
#include <stdlib.h>

struct holddown_entry {
	struct hnode node;
	struct timer expiry;
	struct holddown *owner;
	struct key {
		struct addr relay, source; // source: none for all of them
	} key;
	const char *reason;
};

static const struct addr every_source;

static struct key key_of(const struct addr *relay, const struct addr *source)
{
	return (struct key){.relay = *relay, .source = *source};
}

static uint64_t key_hash(const struct key *key)
{
	return hmap_hash(key, sizeof(*key));
}

static struct holddown_entry *entry_find(
	const struct holddown *h, const struct addr *relay, const struct addr *source)
{
	const struct key key = key_of(relay, source);
	struct hnode *n = hmap_find(&h->map, key_hash(&key));

	for (; n; n = hmap_find_next(n)) {
		struct holddown_entry *e = container_of_node(n, struct holddown_entry, node);

		if (addr_eq(&e->key.relay, relay) && addr_eq(&e->key.source, source))
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

int holddown_add_for(struct holddown *h, const struct addr *relay, const struct addr *source,
	const char *reason, uint64_t until_us)
{
	struct holddown_entry *e = entry_find(h, relay, source);

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
	e->key = key_of(relay, source);
	e->reason = reason;
	timer_init(&e->expiry, on_expiry, e);
	if (timer_arm(h->timers, &e->expiry, until_us) < 0)
		goto free_entry;
	if (hmap_insert(&h->map, &e->node, key_hash(&e->key)) < 0)
		goto cancel_timer;
	return 0;

cancel_timer:
	timer_cancel(h->timers, &e->expiry);
free_entry:
	free(e);
	return -ENOMEM;
}

int holddown_add(
	struct holddown *h, const struct addr *relay, const char *reason, uint64_t until_us)
{
	return holddown_add_for(h, relay, &every_source, reason, until_us);
}

void holddown_release(struct holddown *h, const struct addr *relay)
{
	struct holddown_entry *e = entry_find(h, relay, &every_source);

	if (e)
		entry_remove(e);
}

static bool held(
	const struct holddown_entry *e, uint64_t now_us, uint64_t *until_us, const char **reason)
{
	// The timer may be due and not have run yet.
	if (!e || e->expiry.due_us <= now_us)
		return false;
	if (until_us)
		*until_us = e->expiry.due_us;
	if (reason)
		*reason = e->reason;
	return true;
}

bool holddown_held(const struct holddown *h, const struct addr *relay, uint64_t now_us,
	uint64_t *until_us, const char **reason)
{
	return held(entry_find(h, relay, &every_source), now_us, until_us, reason);
}

bool holddown_held_for(const struct holddown *h, const struct addr *relay,
	const struct addr *source, uint64_t now_us, uint64_t *until_us, const char **reason)
{
	return holddown_held(h, relay, now_us, until_us, reason) ||
	       held(entry_find(h, relay, source), now_us, until_us, reason);
}

void holddown_each(const struct holddown *h,
	void (*cb)(void *arg, const struct addr *relay, const char *reason, uint64_t until_us),
	void *arg)
{
	struct hnode *n, *tmp;

	HMAP_FOREACH (n, tmp, &h->map) {
		const struct holddown_entry *e = container_of_node(n, struct holddown_entry, node);

		cb(arg, &e->key.relay, e->reason, e->expiry.due_us);
	}
}
