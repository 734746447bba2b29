// SPDX-License-Identifier: BSD-3-Clause
// The Request / Membership Query cycle of each side (RFC 7450 section 5.2.3.5), and Teardown
// (5.2.3.7).
#include <string.h>

#include "amt/amt_internal.h"
#include "base/log.h"

// A relay that does not answer and sends data all the same is asked again so much later: as long as
// its owner needs to notice (amt_tunnel_heard()) whether it still does.
#define STILL_HEARD_US (5 * USEC_PER_SEC)

static bool one_nonce(const struct amt_tunnel *t)
{
	return amt_quirks(t) & AMT_QUIRK_ONE_NONCE;
}

static void form_add(struct amt_side *s, bool p80, bool e)
{
	s->forms[s->n_forms++] = (struct amt_form){.p80 = p80, .e = e};
}

// The forms of a cycle's Requests, in the order in which they are tried: what the relay is known to
// take, and where it may be something else, the others.
static void forms_choose(struct amt_side *s)
{
	const struct amt_tunnel *t = s->t;
	unsigned int quirks = amt_quirks(t);
	bool open = amt_quirks_open(t), mld = s->family == ADDR_V6;
	bool p80 = mld && quirks & AMT_QUIRK_P80;

	s->n_forms = 0;
	// Linux relays, which have P at 0x80, drop what has E set.
	if (t->gw->cfg.ecn && !(quirks & (AMT_QUIRK_NO_E | AMT_QUIRK_P80)))
		form_add(s, false, true);
	if (p80)
		form_add(s, true, false);
	if (s->n_forms == 0 || open)
		form_add(s, false, false);
	if (open && mld && !p80)
		form_add(s, true, false);
}

// Requests that may go unanswered.
static uint32_t tries_of(const struct amt_side *s)
{
	uint32_t tries = s->t->gw->cfg.request_tries;

	return tries > s->n_forms ? tries : s->n_forms;
}

// Until the next Request, when this one is not answered.
static uint64_t pause_us(const struct amt_side *s)
{
	if (s->unanswered < tries_of(s))
		return amt_backoff_us(s->t->gw, s->unanswered);
	return STILL_HEARD_US;
}

// Each form has a nonce of its own, so that a Query tells which one it answers.
static void request_send(struct amt_side *s, uint64_t now_us)
{
	struct amt_tunnel *t = s->t;
	struct amt_form *f = &s->forms[s->unanswered % s->n_forms];
	struct amt_msg msg = {
		.type = AMT_REQUEST, .p = s->family == ADDR_V6, .e = f->e, .mirrored = f->p80};
	char relay[ADDR_STRLEN];
	uint8_t buf[8];
	int len;

	log_debug("amt", "request sent relay=%s family=%s try=%u", addr_format(&t->relay, relay),
		amt_family_name(s->family), s->unanswered + 1);
	if (!f->sent) {
		f->nonce = one_nonce(t) ? t->nonce : amt_nonce(t->gw);
		f->first_us = now_us;
	}
	f->sent = true;
	t->nonce = msg.nonce = f->nonce;
	len = amt_encode(&msg, buf, sizeof(buf));
	amt_arm(t->gw, &s->request_timer, now_us + pause_us(s));
	s->unanswered++;
	if (s->unanswered != tries_of(s))
		s->heard = false;
	s->last_request_us = now_us;
	amt_tunnel_send(t, buf, (size_t)len);
}

static void cycle_begin(struct amt_side *s, uint64_t now_us)
{
	forms_choose(s);
	s->waiting = true;
	request_send(s, now_us);
}

void amt_request_start(struct amt_side *s, uint64_t now_us)
{
	struct amt_side *other = amt_side_other(s);

	if (one_nonce(s->t)) {
		s->t->nonce = amt_nonce(s->t->gw);
		if (amt_side_active(other))
			cycle_begin(other, now_us);
	}
	cycle_begin(s, now_us);
}

void amt_request_again(struct amt_side *s, uint64_t now_us)
{
	uint64_t due = s->last_request_us + AMT_CYCLE_MIN_US;

	if (s->state != AMT_UP || s->waiting)
		return;
	if (due <= now_us)
		amt_request_start(s, now_us);
	else if (due < s->request_timer.due_us)
		amt_arm(s->t->gw, &s->request_timer, due);
}

void amt_side_fail(struct amt_side *s, uint64_t now_us)
{
	struct amt_tunnel *t = s->t;
	struct amt_side *other = amt_side_other(s);
	char relay[ADDR_STRLEN];
	bool was_up = s->state == AMT_UP;

	log_info("amt", "tunnel failed relay=%s family=%s was=%s unanswered=%u",
		addr_format(&t->relay, relay), amt_family_name(s->family),
		amt_tunnel_state_name(s->state), s->unanswered);
	s->waiting = false;
	s->state = AMT_FAILED;
	if (amt_side_active(other)) {
		amt_arm(t->gw, &s->request_timer, now_us + t->gw->cfg.retry_max_s * USEC_PER_SEC);
		// It may be all of the relay that is gone.
		if (was_up)
			amt_request_again(other, now_us);
		amt_tunnel_event(t, AMT_EV_SIDE_DOWN, now_us);
		return;
	}
	timer_cancel(t->gw->timers, &s->request_timer);
	timer_cancel(t->gw->timers, &other->request_timer);
	amt_tunnel_state(t, AMT_FAILED, now_us);
	amt_tunnel_event(t, AMT_EV_DOWN, now_us);
}

static void request_timer(struct timer *timer, void *arg, uint64_t now_us)
{
	struct amt_side *s = arg;

	(void)timer;
	if (!s->waiting && s->state == AMT_FAILED && s->joined == 0) {
		s->state = AMT_IDLE;
		return;
	}
	if (!s->waiting)
		amt_request_start(s, now_us);
	// Of one that data still comes from, what it serves would be gone at once: what does not
	// get through is our question, or its answer.
	else if (s->unanswered < tries_of(s) || (s->state == AMT_UP && s->heard))
		request_send(s, now_us);
	else if (s->state != AMT_FAILED)
		amt_side_fail(s, now_us);
	else {
		s->waiting = false;
		amt_arm(s->t->gw, &s->request_timer,
			now_us + s->t->gw->cfg.retry_max_s * USEC_PER_SEC);
	}
}

bool amt_teardown_send(struct amt_tunnel *t, const struct amt_query *q)
{
	char relay[ADDR_STRLEN];
	struct amt_msg msg = {
		.type = AMT_TEARDOWN,
		.nonce = q->nonce,
		.gateway_addr = q->gateway_addr,
		.gateway_port = q->gateway_port,
	};
	uint8_t buf[30];
	int len;

	log_debug("amt", "teardown sent relay=%s", addr_format(&t->relay, relay));
	memcpy(msg.mac, q->mac, sizeof(msg.mac));
	len = amt_encode(&msg, buf, sizeof(buf));
	return amt_tunnel_send(t, buf, (size_t)len);
}

static void teardown_next(struct amt_tunnel *t, uint64_t now_us)
{
	amt_teardown_send(t, &t->old);
	t->teardowns_left--;
	if (t->teardowns_left > 0)
		amt_arm(t->gw, &t->teardown_timer, now_us + AMT_TEARDOWN_INTERVAL_US);
}

void amt_teardown_timer(struct timer *timer, void *arg, uint64_t now_us)
{
	(void)timer;
	teardown_next(arg, now_us);
}

void amt_teardown_start(struct amt_tunnel *t, const struct amt_query *q, uint64_t now_us)
{
	t->old = *q;
	t->teardowns_left = t->sides[AMT_SIDE_V4].qrv;
	teardown_next(t, now_us);
}

void amt_request_init(struct amt_side *s)
{
	timer_init(&s->request_timer, request_timer, s);
}

void amt_request_fini(struct amt_side *s)
{
	timer_cancel(s->t->gw->timers, &s->request_timer);
}

static enum amt_drop drop_of(enum gm_err err)
{
	switch (err) {
	case GM_ERR_PROTOCOL:
	case GM_ERR_TYPE:
		return AMT_DROP_QUERY_PROTOCOL;
	case GM_ERR_LENGTH:
		return AMT_DROP_QUERY_LENGTH;
	case GM_ERR_CHECKSUM:
		return AMT_DROP_QUERY_CHECKSUM;
	default:
		return AMT_DROP_QUERY_IP;
	}
}

// The form of a Request that this side waits for the answer to; NULL: none has the nonce.
static const struct amt_form *form_of(const struct amt_side *s, uint32_t nonce)
{
	for (unsigned int i = 0; s->waiting && i < s->n_forms; i++) {
		if (s->forms[i].sent && s->forms[i].nonce == nonce)
			return &s->forms[i];
	}
	return NULL;
}

// Both sides may have the same nonce; then the inner datagram's version decides.
static struct amt_side *side_of(struct amt_tunnel *t, const struct amt_msg *msg)
{
	uint8_t version = msg->inner_len > 0 ? msg->inner[0] >> 4 : 0;
	struct amt_side *s = amt_side(t, version);

	if (!form_of(s, msg->nonce))
		s = amt_side_other(s);
	return form_of(s, msg->nonce) ? s : NULL;
}

// The inner datagram: a General Query of the protocol that was asked for, whatever its source,
// Router Alert, TOS and TTL (standards Q-08, Q-08b).
static enum amt_drop inner_check(
	const struct amt_side *s, const struct amt_msg *msg, struct gm_msg *gm)
{
	enum gm_err err;

	// Told apart from a broken header: a relay that answers in the other protocol.
	if (msg->inner_len > 0 && (msg->inner[0] >> 4 == 4 || msg->inner[0] >> 4 == 6) &&
		msg->inner[0] >> 4 != s->family)
		return AMT_DROP_QUERY_PROTOCOL;
	err = gm_decode(msg->inner, msg->inner_len, gm);
	if (err != GM_OK)
		return drop_of(err);
	if (gm->type == GM_OLD_QUERY)
		return AMT_DROP_QUERY_LENGTH;
	if (gm->type != GM_QUERY)
		return AMT_DROP_QUERY_PROTOCOL;
	if (!addr_is_none(&gm->group) || gm->sources.left > 0)
		return AMT_DROP_QUERY_NOT_GENERAL;
	return AMT_DROP_COUNT;
}

// Section 5.2.3.5.4. AMT_DROP_COUNT when there is nothing against it.
static enum amt_drop query_check(struct amt_tunnel *t, const struct addr *src, uint16_t src_port,
	const struct amt_msg *msg, struct amt_side **side)
{
	bool waiting = t->sides[AMT_SIDE_V4].waiting || t->sides[AMT_SIDE_V6].waiting;

	*side = NULL;
	if (msg->type != AMT_MEMBERSHIP_QUERY)
		return AMT_DROP_UNEXPECTED;
	*side = side_of(t, msg);
	if (!*side)
		return waiting ? AMT_DROP_NONCE : AMT_DROP_UNEXPECTED;
	if (!addr_eq(src, &t->relay) || src_port != AMT_PORT)
		return AMT_DROP_SOURCE;
	return AMT_DROP_COUNT;
}

static struct amt_query query_of(const struct amt_msg *msg)
{
	struct amt_query q = {
		.valid = true,
		.nonce = msg->nonce,
		.g = msg->g,
		.gateway_addr = msg->gateway_addr,
		.gateway_port = msg->gateway_port,
	};

	memcpy(q.mac, msg->mac, sizeof(q.mac));
	return q;
}

bool amt_behind_nat(const struct amt_side *s)
{
	const struct amt_ops *ops = &s->t->gw->ops;
	struct addr local;

	if (!s->query.g || !ops->local_addr)
		return false;
	local = ops->local_addr(s->t->gw->ctx, s->t);
	return !addr_is_none(&local) && !addr_eq(&local, &s->query.gateway_addr);
}

static uint64_t cycle_us(const struct amt_side *s)
{
	uint64_t us = s->qqi_s * USEC_PER_SEC;

	if (amt_behind_nat(s) && us > AMT_NAT_CYCLE_S * USEC_PER_SEC)
		us = AMT_NAT_CYCLE_S * USEC_PER_SEC;
	return us < AMT_CYCLE_MIN_US ? AMT_CYCLE_MIN_US : us;
}

static bool endpoint_differs(const struct amt_query *a, const struct amt_query *b)
{
	return a->valid && a->g && b->g &&
	       (!addr_eq(&a->gateway_addr, &b->gateway_addr) || a->gateway_port != b->gateway_port);
}

// The Updates of which side did the relay see from another address than it sees us at now? NULL:
// none.
static struct amt_side *endpoint_changed(struct amt_tunnel *t, const struct amt_query *now)
{
	for (int i = 0; i < AMT_SIDES; i++) {
		struct amt_side *s = &t->sides[i];

		if (s->announced > 0 && endpoint_differs(&s->update, now))
			return s;
	}
	return NULL;
}

// s has the Query from the new address. Teardown ends all that the relay has for the old one, of
// both families.
static bool endpoint_move(struct amt_side *s, const struct amt_query *was, uint64_t now_us)
{
	struct amt_tunnel *t = s->t;
	struct amt_side *other = amt_side_other(s);
	char relay[ADDR_STRLEN], from[ADDR_STRLEN], to[ADDR_STRLEN];

	log_info("amt", "endpoint changed relay=%s from=%s:%u to=%s:%u",
		addr_format(&t->relay, relay), addr_format(&was->gateway_addr, from),
		was->gateway_port, addr_format(&s->query.gateway_addr, to), s->query.gateway_port);
	amt_teardown_start(t, was, now_us);
	amt_report_forget(s);
	amt_report_forget(other);
	if (endpoint_differs(&other->query, &s->query)) {
		other->stale = true;
		amt_request_again(other, now_us);
	}
	return amt_tunnel_event(t, AMT_EV_ENDPOINT, now_us);
}

static bool side_up(struct amt_side *s, uint64_t now_us)
{
	struct amt_tunnel *t = s->t;
	bool first = t->state == AMT_REQUESTING;
	char relay[ADDR_STRLEN];
	struct amt_query owed;

	log_info("amt", "tunnel up relay=%s family=%s qqi=%u qrv=%u after_ms=%llu",
		addr_format(&t->relay, relay), amt_family_name(s->family), s->qqi_s, s->qrv,
		(unsigned long long)((now_us - t->opened_us) / USEC_PER_MSEC));
	s->state = AMT_UP;
	if (!first)
		return amt_tunnel_event(t, AMT_EV_SIDE_UP, now_us);
	// Of the tunnel before this one, whose address went before it could be said (section
	// 5.2.3.7.1).
	if (amt_relay_owed(t->gw, &t->relay, &owed) && endpoint_differs(&owed, &s->query))
		amt_teardown_start(t, &owed, now_us);
	amt_tunnel_state(t, AMT_UP, now_us);
	return amt_tunnel_event(t, AMT_EV_UP, now_us);
}

static void query_full(struct amt_tunnel *t, uint64_t now_us)
{
	char relay[ADDR_STRLEN];

	log_info("amt", "relay full relay=%s", addr_format(&t->relay, relay));
	for (int i = 0; i < AMT_SIDES; i++) {
		timer_cancel(t->gw->timers, &t->sides[i].request_timer);
		t->sides[i].waiting = false;
	}
	amt_tunnel_state(t, AMT_FAILED, now_us);
	amt_tunnel_event(t, AMT_EV_FULL, now_us);
}

// What the form says that was answered.
static void form_learn(struct amt_side *s, const struct amt_form *f, uint64_t now_us)
{
	struct amt_tunnel *t = s->t;

	if (f->p80)
		amt_quirk_learn(t->gw, &t->relay, AMT_QUIRK_P80);
	else if (s->family == ADDR_V6)
		amt_quirk_unlearn(t->gw, &t->relay, AMT_QUIRK_P80);
	s->ecn = f->e;
	if (!f->p80 && s->forms[0].e)
		amt_quirk_e(s, f->e, now_us);
}

static void query_accept(
	struct amt_side *s, const struct amt_msg *msg, const struct gm_msg *gm, uint64_t now_us)
{
	struct amt_tunnel *t = s->t;
	struct amt_query q = query_of(msg);
	const struct amt_side *moved = endpoint_changed(t, &q);
	const struct amt_query was = moved ? moved->update : (struct amt_query){0};
	char relay[ADDR_STRLEN];
	bool alive = true;

	log_debug("amt", "query received relay=%s family=%s limit=%d",
		addr_format(&t->relay, relay), amt_family_name(s->family), msg->l);
	t->gw->stats.query_rx++;
	s->waiting = false;
	s->stale = false;
	s->unanswered = 0;
	s->last_query_us = now_us;
	s->query = q;
	s->limit = msg->l;
	s->qrv = gm->qrv ? gm->qrv : AMT_DEFAULT_QRV;
	s->qqi_s = gm->qqi_s ? gm->qqi_s : AMT_DEFAULT_QQI;
	timer_cancel(t->gw->timers, &s->request_timer);
	// With memberships at the relay the flag is for others (section 5.1.4.4).
	if (s->limit && amt_announced(t) == 0) {
		query_full(t, now_us);
		return;
	}
	amt_arm(t->gw, &s->request_timer, now_us + cycle_us(s));
	// What the owner joins from its callback goes into the current-state report, not before it.
	t->batch++;
	if (moved)
		alive = endpoint_move(s, &was, now_us);
	if (alive && s->state != AMT_UP)
		alive = side_up(s, now_us);
	if (!alive)
		return;
	t->batch--;
	amt_report_current(s, now_us);
	if (s->limit)
		amt_tunnel_event(t, AMT_EV_LIMIT, now_us);
}

void amt_tunnel_input(struct amt_tunnel *t, const struct addr *src, uint16_t src_port,
	const uint8_t *buf, size_t len, uint64_t now_us)
{
	struct amt_side *s;
	struct amt_form form;
	struct gm_msg gm;
	struct amt_msg msg;
	enum amt_drop reason;

	// Who is not the relay is refused with little; what it says itself is read.
	if (addr_eq(src, &t->relay) && !bucket_take(&t->bucket, t->gw->cfg.relay_rate, 1, now_us)) {
		amt_drop(t->gw, AMT_DROP_RELAY_RATE, src, src_port);
		return;
	}
	if (!amt_receive(t->gw, src, src_port, buf, len, &msg))
		return;
	reason = query_check(t, src, src_port, &msg, &s);
	if (reason == AMT_DROP_COUNT) {
		form = *form_of(s, msg.nonce);
		if (form.p80 || amt_quirks(t) & AMT_QUIRK_P80)
			reason = amt_decode_mirrored(buf, len, &msg) == AMT_OK
					 ? AMT_DROP_COUNT
					 : AMT_DROP_QUERY_GATEWAY;
	}
	if (reason == AMT_DROP_COUNT)
		reason = inner_check(s, &msg, &gm);
	if (reason != AMT_DROP_COUNT) {
		amt_drop(t->gw, reason, src, src_port);
		if (msg.type == AMT_MEMBERSHIP_QUERY && !s && addr_eq(src, &t->relay) &&
			src_port == AMT_PORT)
			amt_stray_query(t, msg.nonce, now_us);
		return;
	}
	form_learn(s, &form, now_us);
	query_accept(s, &msg, &gm, now_us);
}

void amt_tunnel_refresh(struct amt_tunnel *t, uint64_t now_us)
{
	for (int i = 0; i < AMT_SIDES; i++)
		amt_request_again(&t->sides[i], now_us);
}
