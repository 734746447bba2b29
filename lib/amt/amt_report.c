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

static struct amt_channel *at(const struct amt_side *s, uint32_t i)
{
	return amt_set_at(&s->channels, i);
}

// The lists keep those that have left a queue: who walks them asks what queue they are in.
static void channel_queue(struct amt_side *s, uint32_t i, uint8_t queue)
{
	struct amt_channel *c = at(s, i);

	if (c->queue == queue)
		return;
	c->queue = queue & 3;
	if (queue == AMT_QUEUE_CHANGED)
		amt_list_push(&s->changed, i);
	else if (queue != AMT_QUEUE_NONE)
		amt_list_push(&s->repeat, i);
}

static void channel_free(struct amt_side *s, uint32_t i)
{
	s->joined -= at(s, i)->joined;
	s->announced -= at(s, i)->announced;
	amt_set_remove(&s->channels, i);
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
	struct amt_side *s, struct gm_report *r, enum igmp_record_type type, uint32_t i)
{
	struct amt_channel *c = at(s, i);
	struct sg sg = amt_set_sg(&s->channels, i);
	char src[ADDR_STRLEN], grp[ADDR_STRLEN], relay[ADDR_STRLEN];

	log_debug("amt", "update s=%s g=%s relay=%s record=%s", addr_format(&sg.s, src),
		addr_format(&sg.g, grp), addr_format(&s->t->relay, relay),
		type == IGMP_ALLOW   ? "allow"
		: type == IGMP_BLOCK ? "block"
				     : "is-in");
	s->announced += !c->announced;
	c->announced = true;
	if (gm_report_add(r, type, &sg) == 0)
		return;
	report_send(s, r);
	report_begin(s, r);
	gm_report_add(r, type, &sg);
}

static enum igmp_record_type change_type(const struct amt_channel *c)
{
	return c->joined ? IGMP_ALLOW : IGMP_BLOCK;
}

static void repeat_arm(struct amt_side *s, uint64_t now_us)
{
	if (!amt_list_empty(&s->repeat) && !timer_armed(&s->repeat_timer))
		amt_arm(s->t->gw, &s->repeat_timer,
			now_us + rng_between(s->t->gw->rng, 1, AMT_REPORT_INTERVAL_US));
}

// It was sent once more, or for the first time.
static void channel_sent(struct amt_side *s, uint32_t i)
{
	struct amt_channel *c = at(s, i);

	c->tx_left--;
	if (c->tx_left > 0)
		channel_queue(s, i, s->round);
	else if (c->joined)
		channel_queue(s, i, AMT_QUEUE_NONE);
	else
		channel_free(s, i);
}

static void changed_flush(struct amt_side *s, uint64_t now_us)
{
	uint32_t i, from = 0;
	struct gm_report r;

	if (s->t->batch > 0 || amt_list_empty(&s->changed) || !may_update(s, now_us))
		return;
	report_begin(s, &r);
	while ((i = amt_list_next(&s->changed, &s->channels, &from)) != AMT_SET_NONE) {
		if (at(s, i)->queue != AMT_QUEUE_CHANGED)
			continue;
		at(s, i)->tx_left = s->qrv;
		report_add(s, &r, change_type(at(s, i)), i);
		channel_sent(s, i);
	}
	amt_list_clear(&s->changed);
	report_send(s, &r);
	repeat_arm(s, now_us);
}

static void repeat_timer(struct timer *timer, void *arg, uint64_t now_us)
{
	struct amt_side *s = arg;
	struct amt_list due = s->repeat;
	uint8_t round = s->round;
	uint32_t i, from = 0;
	struct gm_report r;

	(void)timer;
	s->repeat = (struct amt_list){0};
	s->round = round == AMT_QUEUE_REPEAT ? AMT_QUEUE_REPEAT2 : AMT_QUEUE_REPEAT;
	report_begin(s, &r);
	while ((i = amt_list_next(&due, &s->channels, &from)) != AMT_SET_NONE) {
		if (at(s, i)->queue != round)
			continue;
		if (!may_update(s, now_us)) {
			// Said again in full when the relay has answered.
			channel_queue(s, i, AMT_QUEUE_CHANGED);
			continue;
		}
		report_add(s, &r, change_type(at(s, i)), i);
		channel_sent(s, i);
	}
	amt_list_fini(&due);
	report_send(s, &r);
	repeat_arm(s, now_us);
}

void amt_report_current(struct amt_side *s, uint64_t now_us)
{
	uint32_t *order = amt_set_by_group(&s->channels);
	uint32_t n = order ? s->channels.count : s->channels.n;
	struct gm_report r;

	report_begin(s, &r);
	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = order ? order[k] : k;
		struct amt_channel *c = at(s, i);
		bool news = !c->announced || c->queue == AMT_QUEUE_CHANGED;

		if (!c->used || !c->joined)
			continue;
		report_add(s, &r, IGMP_IS_IN, i);
		// The report stands for the ALLOW that was due, whose repeats follow: were this one
		// lost, the channel would wait for a whole query interval.
		if (news) {
			c->tx_left = s->qrv;
			channel_sent(s, i);
		}
	}
	free(order);
	report_send(s, &r);
	repeat_arm(s, now_us);
	changed_flush(s, now_us);
}

void amt_report_block_all(struct amt_side *s)
{
	uint32_t *order = amt_set_by_group(&s->channels);
	uint32_t n = order ? s->channels.count : s->channels.n;
	struct gm_report r;

	report_begin(s, &r);
	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = order ? order[k] : k;

		if (at(s, i)->used && at(s, i)->announced)
			report_add(s, &r, IGMP_BLOCK, i);
	}
	free(order);
	report_send(s, &r);
}

void amt_report_forget(struct amt_side *s)
{
	for (uint32_t i = 0; i < s->channels.n; i++) {
		struct amt_channel *c = at(s, i);

		if (!c->used)
			continue;
		if (!c->joined) {
			channel_free(s, i);
		} else {
			s->announced -= c->announced;
			c->announced = false;
		}
	}
}

void amt_report_init(struct amt_side *s)
{
	amt_set_init(&s->channels, s->family);
	s->round = AMT_QUEUE_REPEAT;
	timer_init(&s->repeat_timer, repeat_timer, s);
}

void amt_report_fini(struct amt_side *s)
{
	s->joined = s->announced = 0;
	amt_set_fini(&s->channels);
	amt_list_fini(&s->changed);
	amt_list_fini(&s->repeat);
	timer_cancel(s->t->gw->timers, &s->repeat_timer);
}

int amt_tunnel_join(struct amt_tunnel *t, const struct sg *sg, uint64_t now_us)
{
	struct amt_side *s = amt_side(t, sg->g.family);
	uint32_t i;

	if (addr_is_none(&sg->g) || sg->s.family != sg->g.family)
		return -EINVAL;
	i = amt_set_find(&s->channels, sg);
	if (i != AMT_SET_NONE && at(s, i)->joined)
		return -EEXIST;
	if (i == AMT_SET_NONE)
		i = amt_set_add(&s->channels, sg);
	if (i == AMT_SET_NONE)
		return -ENOMEM;
	at(s, i)->joined = true;
	s->joined++;
	channel_queue(s, i, AMT_QUEUE_CHANGED);
	if (s->state == AMT_IDLE)
		amt_tunnel_want(t, s->family, now_us);
	changed_flush(s, now_us);
	return 0;
}

int amt_tunnel_leave(struct amt_tunnel *t, const struct sg *sg, uint64_t now_us)
{
	struct amt_side *s = amt_side(t, sg->g.family);
	uint32_t i = amt_set_find(&s->channels, sg);

	if (i == AMT_SET_NONE || !at(s, i)->joined)
		return -ENOENT;
	if (!at(s, i)->announced) {
		channel_free(s, i);
		return 0;
	}
	at(s, i)->joined = false;
	s->joined--;
	channel_queue(s, i, AMT_QUEUE_CHANGED);
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
