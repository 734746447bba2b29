// SPDX-License-Identifier: BSD-3-Clause
// Membership Updates: what is joined through the tunnel, and the reports that tell the relay
// (RFC 7450 section 5.2.3.6, RFC 9776 sections 5.1 and 5.2). A change is sent at once by itself and
// repeated QRV-1 times; the repeats of all channels share one timer and one report.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "amt/amt_internal.h"
#include "base/log.h"

static struct amt_channel *channel_find(
	const struct amt_tunnel *t, const struct sg *sg, uint64_t hash)
{
	for (struct hnode *n = hmap_find(&t->channels, hash); n; n = hmap_find_next(n)) {
		struct amt_channel *c = container_of_node(n, struct amt_channel, node);

		if (sg_eq(&c->sg, sg))
			return c;
	}
	return NULL;
}

static struct amt_group *group_get(struct amt_tunnel *t, const struct addr *g)
{
	uint64_t hash = hmap_hash(g, sizeof(*g));
	struct amt_group *group;

	for (struct hnode *n = hmap_find(&t->groups, hash); n; n = hmap_find_next(n)) {
		group = container_of_node(n, struct amt_group, node);
		if (addr_eq(&group->g, g))
			return group;
	}
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	group->g = *g;
	TAILQ_INIT(&group->channels);
	if (hmap_insert(&t->groups, &group->node, hash) < 0) {
		free(group);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&t->group_list, group, link);
	return group;
}

static void group_put(struct amt_tunnel *t, struct amt_group *group)
{
	if (!TAILQ_EMPTY(&group->channels))
		return;
	hmap_remove(&t->groups, &group->node);
	TAILQ_REMOVE(&t->group_list, group, link);
	free(group);
}

static void channel_queue(struct amt_tunnel *t, struct amt_channel *c, enum amt_queue queue)
{
	if (c->queue == queue)
		return;
	if (c->queue == AMT_QUEUE_CHANGED)
		TAILQ_REMOVE(&t->changed, c, in_queue);
	else if (c->queue == AMT_QUEUE_REPEAT)
		TAILQ_REMOVE(&t->repeat, c, in_queue);
	if (queue == AMT_QUEUE_CHANGED)
		TAILQ_INSERT_TAIL(&t->changed, c, in_queue);
	else if (queue == AMT_QUEUE_REPEAT)
		TAILQ_INSERT_TAIL(&t->repeat, c, in_queue);
	c->queue = queue;
}

static struct amt_channel *channel_add(struct amt_tunnel *t, const struct sg *sg, uint64_t hash)
{
	struct amt_channel *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->sg = *sg;
	c->group = group_get(t, &sg->g);
	if (!c->group)
		goto fail_group;
	if (hmap_insert(&t->channels, &c->node, hash) < 0)
		goto fail_insert;
	TAILQ_INSERT_TAIL(&c->group->channels, c, in_group);
	return c;
fail_insert:
	group_put(t, c->group);
fail_group:
	free(c);
	return NULL;
}

static void channel_free(struct amt_tunnel *t, struct amt_channel *c)
{
	channel_queue(t, c, AMT_QUEUE_NONE);
	t->joined -= c->joined;
	t->announced -= c->announced;
	hmap_remove(&t->channels, &c->node);
	TAILQ_REMOVE(&c->group->channels, c, in_group);
	group_put(t, c->group);
	free(c);
}

// No Update with a MAC much older than the query interval: the relay honours it for two of them
// after its secret changed (standards Q-15), and expires what it does not hear of.
static bool may_update(const struct amt_tunnel *t, uint64_t now_us)
{
	uint64_t life = t->qqi_s * USEC_PER_SEC * 5 / 4 + USEC_PER_SEC;

	return t->state == AMT_UP && now_us - t->last_query_us <= life;
}

static void report_send(struct amt_tunnel *t, struct igmp_report *r)
{
	struct amt_gateway *gw = t->gw;
	struct amt_msg msg = {.type = AMT_MEMBERSHIP_UPDATE, .nonce = t->query.nonce};
	int len;

	if (r->n_records == 0)
		return;
	memcpy(msg.mac, t->query.mac, sizeof(msg.mac));
	msg.inner_len = (size_t)igmp_report_end(r);
	msg.inner = gw->inner;
	gw->stats.records_tx += r->n_records;
	len = amt_encode(&msg, gw->msg, gw->inner_size + AMT_UPDATE_HDR);
	t->update = t->query;
	amt_tunnel_send(t, gw->msg, (size_t)len);
}

static void report_begin(struct amt_tunnel *t, struct igmp_report *r)
{
	igmp_report_begin(r, t->gw->inner, t->gw->inner_size);
}

static void report_add(struct amt_tunnel *t, struct igmp_report *r, enum igmp_record_type type,
	struct amt_channel *c)
{
	t->announced += !c->announced;
	c->announced = true;
	if (igmp_report_add(r, type, &c->sg) == 0)
		return;
	report_send(t, r);
	report_begin(t, r);
	igmp_report_add(r, type, &c->sg);
}

static enum igmp_record_type change_type(const struct amt_channel *c)
{
	return c->joined ? IGMP_ALLOW : IGMP_BLOCK;
}

static void repeat_arm(struct amt_tunnel *t, uint64_t now_us)
{
	if (!TAILQ_EMPTY(&t->repeat) && !timer_armed(&t->repeat_timer))
		amt_arm(t->gw, &t->repeat_timer,
			now_us + rng_between(t->gw->rng, 1, AMT_REPORT_INTERVAL_US));
}

// c was sent once more, or for the first time.
static void channel_sent(struct amt_tunnel *t, struct amt_channel *c)
{
	c->tx_left--;
	if (c->tx_left > 0)
		channel_queue(t, c, AMT_QUEUE_REPEAT);
	else if (c->joined)
		channel_queue(t, c, AMT_QUEUE_NONE);
	else
		channel_free(t, c);
}

static void changed_flush(struct amt_tunnel *t, uint64_t now_us)
{
	struct amt_channel *c;
	struct igmp_report r;

	if (t->batch > 0 || TAILQ_EMPTY(&t->changed) || !may_update(t, now_us))
		return;
	report_begin(t, &r);
	while ((c = TAILQ_FIRST(&t->changed))) {
		c->tx_left = t->qrv;
		report_add(t, &r, change_type(c), c);
		channel_sent(t, c);
	}
	report_send(t, &r);
	repeat_arm(t, now_us);
}

static void repeat_timer(struct timer *timer, void *arg, uint64_t now_us)
{
	struct amt_tunnel *t = arg;
	struct amt_channel *c, *next;
	struct igmp_report r;

	(void)timer;
	if (!may_update(t, now_us)) {
		// Said again in full when the relay has answered.
		while ((c = TAILQ_FIRST(&t->repeat)))
			channel_queue(t, c, AMT_QUEUE_CHANGED);
		return;
	}
	report_begin(t, &r);
	for (c = TAILQ_FIRST(&t->repeat); c; c = next) {
		next = TAILQ_NEXT(c, in_queue);
		report_add(t, &r, change_type(c), c);
		channel_sent(t, c);
	}
	report_send(t, &r);
	repeat_arm(t, now_us);
}

void amt_report_current(struct amt_tunnel *t, uint64_t now_us)
{
	struct amt_channel *c;
	struct amt_group *group;
	struct igmp_report r;

	report_begin(t, &r);
	for (group = TAILQ_FIRST(&t->group_list); group; group = TAILQ_NEXT(group, link)) {
		for (c = TAILQ_FIRST(&group->channels); c; c = TAILQ_NEXT(c, in_group)) {
			bool news = !c->announced || c->queue == AMT_QUEUE_CHANGED;

			if (!c->joined)
				continue;
			report_add(t, &r, IGMP_IS_IN, c);
			// The report stands for the ALLOW that was due, whose repeats follow: were
			// this one lost, the channel would wait for a whole query interval.
			if (news) {
				c->tx_left = t->qrv;
				channel_sent(t, c);
			}
		}
	}
	report_send(t, &r);
	repeat_arm(t, now_us);
	changed_flush(t, now_us);
}

void amt_report_block_all(struct amt_tunnel *t)
{
	struct amt_channel *c;
	struct amt_group *group;
	struct igmp_report r;

	report_begin(t, &r);
	for (group = TAILQ_FIRST(&t->group_list); group; group = TAILQ_NEXT(group, link)) {
		for (c = TAILQ_FIRST(&group->channels); c; c = TAILQ_NEXT(c, in_group)) {
			if (c->announced)
				report_add(t, &r, IGMP_BLOCK, c);
		}
	}
	report_send(t, &r);
}

void amt_report_forget(struct amt_tunnel *t)
{
	struct hnode *n, *tmp;

	HMAP_FOREACH (n, tmp, &t->channels) {
		struct amt_channel *c = container_of_node(n, struct amt_channel, node);

		if (!c->joined) {
			channel_free(t, c);
		} else {
			t->announced -= c->announced;
			c->announced = false;
		}
	}
}

void amt_report_init(struct amt_tunnel *t)
{
	hmap_init(&t->channels);
	hmap_init(&t->groups);
	TAILQ_INIT(&t->group_list);
	TAILQ_INIT(&t->changed);
	TAILQ_INIT(&t->repeat);
	timer_init(&t->repeat_timer, repeat_timer, t);
}

void amt_report_fini(struct amt_tunnel *t)
{
	struct hnode *n, *tmp;

	HMAP_FOREACH (n, tmp, &t->channels)
		channel_free(t, container_of_node(n, struct amt_channel, node));
	timer_cancel(t->gw->timers, &t->repeat_timer);
	hmap_fini(&t->channels);
	hmap_fini(&t->groups);
}

int amt_tunnel_join(struct amt_tunnel *t, const struct sg *sg, uint64_t now_us)
{
	uint64_t hash = hmap_hash(sg, sizeof(*sg));
	struct amt_channel *c = channel_find(t, sg, hash);

	if (sg->s.family != ADDR_V4 || sg->g.family != ADDR_V4)
		return -EINVAL;
	if (c && c->joined)
		return -EEXIST;
	if (!c)
		c = channel_add(t, sg, hash);
	if (!c)
		return -ENOMEM;
	c->joined = true;
	t->joined++;
	channel_queue(t, c, AMT_QUEUE_CHANGED);
	changed_flush(t, now_us);
	return 0;
}

int amt_tunnel_leave(struct amt_tunnel *t, const struct sg *sg, uint64_t now_us)
{
	struct amt_channel *c = channel_find(t, sg, hmap_hash(sg, sizeof(*sg)));

	if (!c || !c->joined)
		return -ENOENT;
	if (!c->announced) {
		channel_free(t, c);
		return 0;
	}
	c->joined = false;
	t->joined--;
	channel_queue(t, c, AMT_QUEUE_CHANGED);
	changed_flush(t, now_us);
	return 0;
}

void amt_tunnel_batch_begin(struct amt_tunnel *t)
{
	t->batch++;
}

void amt_tunnel_batch_end(struct amt_tunnel *t, uint64_t now_us)
{
	t->batch--;
	changed_flush(t, now_us);
}
