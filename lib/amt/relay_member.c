// SPDX-License-Identifier: BSD-3-Clause
// Who joined what (RFC 7450 section 5.3.3.4): endpoints, channels and the members between them.
// A gateway is one host that the relay hears every report of, so a BLOCK ends a membership at once,
// without the queries of RFC 9776 section 6.6.3.2 (section 5.3.1 lets a relay leave them out).
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "amt/relay_internal.h"

static uint64_t endpoint_hash(const struct addr *addr, uint16_t port)
{
	uint8_t key[18];

	memcpy(key, addr->bytes, 16);
	key[16] = (uint8_t)(port >> 8);
	key[17] = (uint8_t)port;
	return hmap_hash(key, sizeof(key));
}

static uint64_t addr_hash(const struct addr *addr)
{
	return hmap_hash(addr->bytes, sizeof(addr->bytes));
}

struct relay_endpoint *relay_endpoint_find(
	const struct relay *r, const struct addr *addr, uint16_t port)
{
	struct hnode *n = hmap_find(&r->endpoints, endpoint_hash(addr, port));

	for (; n; n = hmap_find_next(n)) {
		struct relay_endpoint *ep = container_of_node(n, struct relay_endpoint, node);

		if (ep->port == port && addr_eq(&ep->addr, addr))
			return ep;
	}
	return NULL;
}

static uint32_t endpoints_of_addr(const struct relay *r, const struct addr *addr)
{
	struct hnode *n = hmap_find(&r->endpoints_by_addr, addr_hash(addr));
	uint32_t count = 0;

	for (; n; n = hmap_find_next(n)) {
		if (addr_eq(&container_of_node(n, struct relay_endpoint, by_addr)->addr, addr))
			count++;
	}
	return count;
}

static struct relay_endpoint *endpoint_add(struct relay *r, const struct addr *addr, uint16_t port)
{
	struct relay_endpoint *ep;

	if (r->endpoints.count >= r->opt->max_endpoints) {
		r->stats.drops[RELAY_DROP_LIMIT_ENDPOINTS]++;
		return NULL;
	}
	if (endpoints_of_addr(r, addr) >= r->opt->max_per_addr) {
		r->stats.drops[RELAY_DROP_LIMIT_ADDR]++;
		return NULL;
	}
	ep = calloc(1, sizeof(*ep));
	if (!ep)
		goto no_memory;
	ep->addr = *addr;
	ep->port = port;
	LIST_INIT(&ep->members);
	if (hmap_insert(&r->endpoints, &ep->node, endpoint_hash(addr, port)) < 0)
		goto free_endpoint;
	if (hmap_insert(&r->endpoints_by_addr, &ep->by_addr, addr_hash(addr)) < 0)
		goto take_out;
	return ep;

take_out:
	hmap_remove(&r->endpoints, &ep->node);
free_endpoint:
	free(ep);
no_memory:
	r->stats.drops[RELAY_DROP_MEMORY]++;
	return NULL;
}

static void endpoint_free(struct relay *r, struct relay_endpoint *ep)
{
	hmap_remove(&r->endpoints, &ep->node);
	hmap_remove(&r->endpoints_by_addr, &ep->by_addr);
	free(ep);
}

static struct relay_channel *channel_find(const struct relay *r, const struct sg *sg)
{
	struct hnode *n = hmap_find(&r->channels, hmap_hash(sg, sizeof(*sg)));

	for (; n; n = hmap_find_next(n)) {
		struct relay_channel *ch = container_of_node(n, struct relay_channel, node);

		if (sg_eq(&ch->sg, sg))
			return ch;
	}
	return NULL;
}

static struct relay_channel *channel_add(struct relay *r, const struct sg *sg)
{
	struct relay_channel *ch = calloc(1, sizeof(*ch));

	if (!ch)
		goto no_memory;
	ch->sg = *sg;
	LIST_INIT(&ch->members);
	if (hmap_insert(&r->channels, &ch->node, hmap_hash(sg, sizeof(*sg))) < 0)
		goto free_channel;
	r->ops->want(r->ctx, sg, true);
	return ch;

free_channel:
	free(ch);
no_memory:
	r->stats.drops[RELAY_DROP_MEMORY]++;
	return NULL;
}

static void channel_free(struct relay *r, struct relay_channel *ch)
{
	r->ops->want(r->ctx, &ch->sg, false);
	hmap_remove(&r->channels, &ch->node);
	free(ch);
}

// The endpoint stays even when this was its last one.
static void member_free(struct relay *r, struct relay_member *m)
{
	struct relay_channel *ch = m->ch;

	timer_cancel(r->timers, &m->expiry);
	LIST_REMOVE(m, of_endpoint);
	LIST_REMOVE(m, of_channel);
	m->ep->joins--;
	free(m);
	if (LIST_EMPTY(&ch->members))
		channel_free(r, ch);
}

static void expiry_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct relay_member *m = container_of_node(t, struct relay_member, expiry);
	struct relay_endpoint *ep = m->ep;
	struct relay *r = arg;

	(void)now_us;
	r->stats.expired++;
	member_free(r, m);
	if (LIST_EMPTY(&ep->members))
		endpoint_free(r, ep);
}

static struct relay_member *member_find(
	const struct relay_endpoint *ep, const struct relay_channel *ch)
{
	struct relay_member *m;

	// A channel has few endpoints in a lab, an endpoint may have many channels.
	for (m = LIST_FIRST(&ch->members); m; m = LIST_NEXT(m, of_channel)) {
		if (m->ep == ep)
			return m;
	}
	return NULL;
}

static struct relay_member *member_add(
	struct relay *r, struct relay_endpoint *ep, const struct sg *sg, uint64_t now_us)
{
	struct relay_channel *ch = channel_find(r, sg);
	struct relay_member *m = ch ? member_find(ep, ch) : NULL;

	if (m)
		return m;
	if (ep->joins >= r->opt->max_joins) {
		r->stats.drops[RELAY_DROP_LIMIT_JOINS]++;
		return NULL;
	}
	if (!ch)
		ch = channel_add(r, sg);
	if (!ch)
		return NULL;
	m = calloc(1, sizeof(*m));
	if (m)
		timer_init(&m->expiry, expiry_cb, r);
	// Armed here so that the heap has the room: arming it again cannot fail.
	if (!m || timer_arm(r->timers, &m->expiry, now_us) < 0) {
		r->stats.drops[RELAY_DROP_MEMORY]++;
		free(m);
		if (LIST_EMPTY(&ch->members))
			channel_free(r, ch);
		return NULL;
	}
	m->ep = ep;
	m->ch = ch;
	LIST_INSERT_HEAD(&ep->members, m, of_endpoint);
	LIST_INSERT_HEAD(&ch->members, m, of_channel);
	ep->joins++;
	r->stats.joins++;
	return m;
}

void relay_member_join(struct relay *r, const struct addr *addr, uint16_t port, const struct sg *sg,
	uint64_t now_us)
{
	struct relay_endpoint *ep = relay_endpoint_find(r, addr, port);
	struct relay_member *m;

	if (!ep)
		ep = endpoint_add(r, addr, port);
	if (!ep)
		return;
	m = member_add(r, ep, sg, now_us);
	if (m) {
		m->seen_in = r->updates;
		timer_arm(r->timers, &m->expiry, now_us + relay_membership_s(r->opt) * US_PER_S);
	} else if (LIST_EMPTY(&ep->members)) {
		endpoint_free(r, ep);
	}
}

void relay_member_leave(
	struct relay *r, const struct addr *addr, uint16_t port, const struct sg *sg)
{
	struct relay_endpoint *ep = relay_endpoint_find(r, addr, port);
	struct relay_channel *ch = channel_find(r, sg);
	struct relay_member *m = ep && ch ? member_find(ep, ch) : NULL;

	if (!m)
		return;
	r->stats.leaves++;
	member_free(r, m);
	if (LIST_EMPTY(&ep->members))
		endpoint_free(r, ep);
}

void relay_member_keep_seen(
	struct relay *r, const struct addr *addr, uint16_t port, const struct addr *group)
{
	struct relay_endpoint *ep = relay_endpoint_find(r, addr, port);
	struct relay_member *m, *next;

	if (!ep)
		return;
	for (m = LIST_FIRST(&ep->members); m; m = next) {
		next = LIST_NEXT(m, of_endpoint);
		if (m->seen_in != r->updates && addr_eq(&m->ch->sg.g, group)) {
			r->stats.leaves++;
			member_free(r, m);
		}
	}
	if (LIST_EMPTY(&ep->members))
		endpoint_free(r, ep);
}

void relay_endpoint_remove(struct relay *r, struct relay_endpoint *ep)
{
	struct relay_member *m, *next;

	for (m = LIST_FIRST(&ep->members); m; m = next) {
		next = LIST_NEXT(m, of_endpoint);
		member_free(r, m);
	}
	endpoint_free(r, ep);
}

bool relay_has_channel(const struct relay *r, const struct sg *sg)
{
	return channel_find(r, sg) != NULL;
}

static uint8_t ecn_of(const uint8_t *ip)
{
	return ip[0] >> 4 == 6 ? ip[1] >> 4 & 3 : ip[1] & 3;
}

uint32_t relay_forward(struct relay *r, const struct sg *sg, uint8_t *buf, size_t len)
{
	struct relay_channel *ch = channel_find(r, sg);
	struct relay_member *m;
	uint32_t copies = 0;
	uint8_t ecn = ecn_of(buf + RELAY_HEADROOM);

	if (!ch || r->opt->silent || r->opt->mute)
		return 0;
	buf[0] = 6; // version 0, Multicast Data (section 5.1.6)
	buf[1] = 0;
	for (m = LIST_FIRST(&ch->members); m; m = LIST_NEXT(m, of_channel)) {
		r->ops->data(r->ctx, &m->ep->addr, m->ep->port, m->ep->ecn ? ecn : 0, buf, len);
		m->copies++;
		copies++;
	}
	r->stats.data_packets++;
	r->stats.data_copies += copies;
	r->stats.data_octets += (uint64_t)copies * (len - RELAY_HEADROOM);
	return copies;
}

void relay_membership_walk(const struct relay *r, relay_membership_cb cb, void *arg)
{
	struct hnode *n, *tmp;

	HMAP_FOREACH (n, tmp, &r->channels) {
		struct relay_channel *ch = container_of_node(n, struct relay_channel, node);
		struct relay_member *m;

		for (m = LIST_FIRST(&ch->members); m; m = LIST_NEXT(m, of_channel)) {
			const struct relay_membership view = {
				.endpoint = m->ep->addr,
				.port = m->ep->port,
				.sg = ch->sg,
				.expires_us = m->expiry.due_us,
				.copies = m->copies,
			};

			cb(arg, &view);
		}
	}
}

uint32_t relay_endpoint_count(const struct relay *r)
{
	return r->endpoints.count;
}

uint32_t relay_channel_count(const struct relay *r)
{
	return r->channels.count;
}
