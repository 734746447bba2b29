// SPDX-License-Identifier: BSD-3-Clause
// Membership Updates: what each side of a tunnel has joined, and the reports that tell the relay
// (RFC 7450 section 5.2.3.6, RFC 9776 and 9777 sections 5.1 and 5.2 resp. 6.1 and 6.2). A change is
// sent at once by itself and repeated QRV-1 times; the repeats of all channels share one timer and
// one report.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "amt/amt_internal.h"
#include "base/log.h"

static struct amt_channel *channel_find(
	const struct amt_side *s, const struct sg *sg, uint64_t hash)
{
	for (struct hnode *n = hmap_find(&s->channels, hash); n; n = hmap_find_next(n)) {
		struct amt_channel *c = container_of_node(n, struct amt_channel, node);

		if (sg_eq(&c->sg, sg))
			return c;
	}
	return NULL;
}

static struct amt_group *group_get(struct amt_side *s, const struct addr *g)
{
	uint64_t hash = hmap_hash(g, sizeof(*g));
	struct amt_group *group;

	for (struct hnode *n = hmap_find(&s->groups, hash); n; n = hmap_find_next(n)) {
		group = container_of_node(n, struct amt_group, node);
		if (addr_eq(&group->g, g))
			return group;
	}
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	group->g = *g;
	TAILQ_INIT(&group->channels);
	if (hmap_insert(&s->groups, &group->node, hash) < 0) {
		free(group);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&s->group_list, group, link);
	return group;
}

static void group_put(struct amt_side *s, struct amt_group *group)
{
	if (!TAILQ_EMPTY(&group->channels))
		return;
	hmap_remove(&s->groups, &group->node);
	TAILQ_REMOVE(&s->group_list, group, link);
	free(group);
}

static void channel_queue(struct amt_side *s, struct amt_channel *c, enum amt_queue queue)
{
	if (c->queue == queue)
		return;
	if (c->queue == AMT_QUEUE_CHANGED)
		TAILQ_REMOVE(&s->changed, c, in_queue);
	else if (c->queue == AMT_QUEUE_REPEAT)
		TAILQ_REMOVE(&s->repeat, c, in_queue);
	if (queue == AMT_QUEUE_CHANGED)
		TAILQ_INSERT_TAIL(&s->changed, c, in_queue);
	else if (queue == AMT_QUEUE_REPEAT)
		TAILQ_INSERT_TAIL(&s->repeat, c, in_queue);
	c->queue = queue;
}

static struct amt_channel *channel_add(struct amt_side *s, const struct sg *sg, uint64_t hash)
{
	struct amt_channel *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->sg = *sg;
	c->group = group_get(s, &sg->g);
	if (!c->group)
		goto fail_group;
	if (hmap_insert(&s->channels, &c->node, hash) < 0)
		goto fail_insert;
	TAILQ_INSERT_TAIL(&c->group->channels, c, in_group);
	return c;
fail_insert:
	group_put(s, c->group);
fail_group:
	free(c);
	return NULL;
}

static void channel_free(struct amt_side *s, struct amt_channel *c)
{
	channel_queue(s, c, AMT_QUEUE_NONE);
	s->joined -= c->joined;
	s->announced -= c->announced;
	hmap_remove(&s->channels, &c->node);
	TAILQ_REMOVE(&c->group->channels, c, in_group);
	group_put(s, c->group);
	free(c);
}

// No Update with a MAC much older than the query interval: the relay honours it for two of them
// after its secret changed (standards Q-15), and expires what it does not hear of. None either with
// a MAC that the relay has forgotten over the other side's Request.
static bool may_update(const struct amt_side *s, uint64_t now_us)
{
	uint64_t life = s->qqi_s * USEC_PER_SEC * 5 / 4 + USEC_PER_SEC;

	if (amt_quirks(s->t) & AMT_QUIRK_ONE_NONCE && s->query.nonce != s->t->nonce)
		return false;
	return s->state == AMT_UP && !s->stale && now_us - s->last_query_us <= life;
}

static size_t outer_len(const struct amt_tunnel *t)
{
	return t->relay.family == ADDR_V6 ? AMT_OUTER_IPV6 : AMT_OUTER_IPV4;
}

static void report_send(struct amt_side *s, struct gm_report *r)
{
	struct amt_gateway *gw = s->t->gw;
	struct amt_msg msg = {.type = AMT_MEMBERSHIP_UPDATE, .nonce = s->query.nonce};
	size_t octets;
	int len;

	if (r->n_records == 0)
		return;
	memcpy(msg.mac, s->query.mac, sizeof(msg.mac));
	msg.inner_len = (size_t)gm_report_end(r);
	msg.inner = gw->inner;
	gw->stats.records_tx += r->n_records;
	len = amt_encode(&msg, gw->msg, gw->inner_size + AMT_UPDATE_HDR);
	s->update = s->query;
	octets = outer_len(s->t) + (size_t)len;
	if (octets > s->longest)
		s->longest = octets;
	amt_tunnel_send(s->t, gw->msg, (size_t)len);
}

static void report_begin(struct amt_side *s, struct gm_report *r)
{
	size_t mtu = s->t->gw->cfg.update_mtu;

	if (mtu > AMT_UPDATE_SHORT && amt_quirks(s->t) & AMT_QUIRK_SHORT_UPDATES)
		mtu = AMT_UPDATE_SHORT;
	gm_report_begin(r, s->family, s->t->gw->inner, mtu - outer_len(s->t) - AMT_UPDATE_HDR);
}

static void report_add(
	struct amt_side *s, struct gm_report *r, enum igmp_record_type type, struct amt_channel *c)
{
	s->announced += !c->announced;
	c->announced = true;
	if (gm_report_add(r, type, &c->sg) == 0)
		return;
	report_send(s, r);
	report_begin(s, r);
	gm_report_add(r, type, &c->sg);
}

static enum igmp_record_type change_type(const struct amt_channel *c)
{
	return c->joined ? IGMP_ALLOW : IGMP_BLOCK;
}

static void repeat_arm(struct amt_side *s, uint64_t now_us)
{
	if (!TAILQ_EMPTY(&s->repeat) && !timer_armed(&s->repeat_timer))
		amt_arm(s->t->gw, &s->repeat_timer,
			now_us + rng_between(s->t->gw->rng, 1, AMT_REPORT_INTERVAL_US));
}

// c was sent once more, or for the first time.
static void channel_sent(struct amt_side *s, struct amt_channel *c)
{
	c->tx_left--;
	if (c->tx_left > 0)
		channel_queue(s, c, AMT_QUEUE_REPEAT);
	else if (c->joined)
		channel_queue(s, c, AMT_QUEUE_NONE);
	else
		channel_free(s, c);
}

static void changed_flush(struct amt_side *s, uint64_t now_us)
{
	struct amt_channel *c;
	struct gm_report r;

	if (s->t->batch > 0 || TAILQ_EMPTY(&s->changed) || !may_update(s, now_us))
		return;
	report_begin(s, &r);
	while ((c = TAILQ_FIRST(&s->changed))) {
		c->tx_left = s->qrv;
		report_add(s, &r, change_type(c), c);
		channel_sent(s, c);
	}
	report_send(s, &r);
	repeat_arm(s, now_us);
}

static void repeat_timer(struct timer *timer, void *arg, uint64_t now_us)
{
	struct amt_side *s = arg;
	struct amt_channel *c, *next;
	struct gm_report r;

	(void)timer;
	if (!may_update(s, now_us)) {
		// Said again in full when the relay has answered.
		while ((c = TAILQ_FIRST(&s->repeat)))
			channel_queue(s, c, AMT_QUEUE_CHANGED);
		return;
	}
	report_begin(s, &r);
	for (c = TAILQ_FIRST(&s->repeat); c; c = next) {
		next = TAILQ_NEXT(c, in_queue);
		report_add(s, &r, change_type(c), c);
		channel_sent(s, c);
	}
	report_send(s, &r);
	repeat_arm(s, now_us);
}

void amt_report_current(struct amt_side *s, uint64_t now_us)
{
	struct amt_channel *c;
	struct amt_group *group;
	struct gm_report r;

	report_begin(s, &r);
	for (group = TAILQ_FIRST(&s->group_list); group; group = TAILQ_NEXT(group, link)) {
		for (c = TAILQ_FIRST(&group->channels); c; c = TAILQ_NEXT(c, in_group)) {
			bool news = !c->announced || c->queue == AMT_QUEUE_CHANGED;

			if (!c->joined)
				continue;
			report_add(s, &r, IGMP_IS_IN, c);
			// The report stands for the ALLOW that was due, whose repeats follow: were
			// this one lost, the channel would wait for a whole query interval.
			if (news) {
				c->tx_left = s->qrv;
				channel_sent(s, c);
			}
		}
	}
	report_send(s, &r);
	repeat_arm(s, now_us);
	changed_flush(s, now_us);
}

void amt_report_block_all(struct amt_side *s)
{
	struct amt_channel *c;
	struct amt_group *group;
	struct gm_report r;

	report_begin(s, &r);
	for (group = TAILQ_FIRST(&s->group_list); group; group = TAILQ_NEXT(group, link)) {
		for (c = TAILQ_FIRST(&group->channels); c; c = TAILQ_NEXT(c, in_group)) {
			if (c->announced)
				report_add(s, &r, IGMP_BLOCK, c);
		}
	}
	report_send(s, &r);
}

void amt_report_forget(struct amt_side *s)
{
	struct hnode *n, *tmp;

	HMAP_FOREACH (n, tmp, &s->channels) {
		struct amt_channel *c = container_of_node(n, struct amt_channel, node);

		if (!c->joined) {
			channel_free(s, c);
		} else {
			s->announced -= c->announced;
			c->announced = false;
		}
	}
}

void amt_report_init(struct amt_side *s)
{
	hmap_init(&s->channels);
	hmap_init(&s->groups);
	TAILQ_INIT(&s->group_list);
	TAILQ_INIT(&s->changed);
	TAILQ_INIT(&s->repeat);
	timer_init(&s->repeat_timer, repeat_timer, s);
}

void amt_report_fini(struct amt_side *s)
{
	struct hnode *n, *tmp;

	HMAP_FOREACH (n, tmp, &s->channels)
		channel_free(s, container_of_node(n, struct amt_channel, node));
	timer_cancel(s->t->gw->timers, &s->repeat_timer);
	hmap_fini(&s->channels);
	hmap_fini(&s->groups);
}

int amt_tunnel_join(struct amt_tunnel *t, const struct sg *sg, uint64_t now_us)
{
	struct amt_side *s = amt_side(t, sg->g.family);
	uint64_t hash = hmap_hash(sg, sizeof(*sg));
	struct amt_channel *c = channel_find(s, sg, hash);

	if (addr_is_none(&sg->g) || sg->s.family != sg->g.family)
		return -EINVAL;
	if (c && c->joined)
		return -EEXIST;
	if (!c)
		c = channel_add(s, sg, hash);
	if (!c)
		return -ENOMEM;
	c->joined = true;
	s->joined++;
	channel_queue(s, c, AMT_QUEUE_CHANGED);
	if (s->state == AMT_IDLE)
		amt_tunnel_want(t, s->family, now_us);
	changed_flush(s, now_us);
	return 0;
}

int amt_tunnel_leave(struct amt_tunnel *t, const struct sg *sg, uint64_t now_us)
{
	struct amt_side *s = amt_side(t, sg->g.family);
	struct amt_channel *c = channel_find(s, sg, hmap_hash(sg, sizeof(*sg)));

	if (!c || !c->joined)
		return -ENOENT;
	if (!c->announced) {
		channel_free(s, c);
		return 0;
	}
	c->joined = false;
	s->joined--;
	channel_queue(s, c, AMT_QUEUE_CHANGED);
	changed_flush(s, now_us);
	return 0;
}

void amt_tunnel_batch_begin(struct amt_tunnel *t)
{
	t->batch++;
}

void amt_tunnel_batch_end(struct amt_tunnel *t, uint64_t now_us)
{
	t->batch--;
	for (int i = 0; i < AMT_SIDES; i++)
		changed_flush(&t->sides[i], now_us);
}
