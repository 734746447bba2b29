// SPDX-License-Identifier: BSD-3-Clause
// The Request / Membership Query cycle (RFC 7450 section 5.2.3.5), and Teardown (5.2.3.7).
#include <string.h>

#include "amt/amt_internal.h"
#include "base/log.h"

static void request_send(struct amt_tunnel *t, uint64_t now_us)
{
	struct amt_msg msg = {.type = AMT_REQUEST, .nonce = t->request_nonce};
	uint8_t buf[8];
	int len = amt_encode(&msg, buf, sizeof(buf));

	amt_arm(t->gw, &t->request_timer, now_us + amt_backoff_us(t->gw, t->unanswered));
	t->unanswered++;
	t->last_request_us = now_us;
	amt_tunnel_send(t, buf, (size_t)len);
}

void amt_request_start(struct amt_tunnel *t, uint64_t now_us)
{
	t->request_nonce = amt_nonce(t->gw);
	t->waiting = true;
	request_send(t, now_us);
}

static void request_timer(struct timer *timer, void *arg, uint64_t now_us)
{
	struct amt_tunnel *t = arg;
	char relay[ADDR_STRLEN];

	(void)timer;
	if (!t->waiting) {
		amt_request_start(t, now_us);
		return;
	}
	if (t->unanswered < t->gw->cfg.request_tries) {
		request_send(t, now_us);
		return;
	}
	t->waiting = false;
	log_info("amt", "tunnel failed relay=%s was=%s unanswered=%u",
		addr_format(&t->relay, relay), amt_tunnel_state_name(t->state), t->unanswered);
	amt_tunnel_state(t, AMT_FAILED, now_us);
	amt_tunnel_event(t, AMT_EV_DOWN, now_us);
}

void amt_teardown_send(struct amt_tunnel *t, const struct amt_query *q)
{
	struct amt_msg msg = {
		.type = AMT_TEARDOWN,
		.nonce = q->nonce,
		.gateway_addr = q->gateway_addr,
		.gateway_port = q->gateway_port,
	};
	uint8_t buf[30];
	int len;

	memcpy(msg.mac, q->mac, sizeof(msg.mac));
	len = amt_encode(&msg, buf, sizeof(buf));
	amt_tunnel_send(t, buf, (size_t)len);
}

static void teardown_next(struct amt_tunnel *t, uint64_t now_us)
{
	amt_teardown_send(t, &t->old);
	t->teardowns_left--;
	if (t->teardowns_left > 0)
		amt_arm(t->gw, &t->teardown_timer, now_us + AMT_TEARDOWN_INTERVAL_US);
}

static void teardown_timer(struct timer *timer, void *arg, uint64_t now_us)
{
	(void)timer;
	teardown_next(arg, now_us);
}

void amt_request_init(struct amt_tunnel *t)
{
	timer_init(&t->request_timer, request_timer, t);
	timer_init(&t->teardown_timer, teardown_timer, t);
}

void amt_request_fini(struct amt_tunnel *t)
{
	timer_cancel(t->gw->timers, &t->request_timer);
	timer_cancel(t->gw->timers, &t->teardown_timer);
}

static enum amt_drop drop_of(enum igmp_err err)
{
	switch (err) {
	case IGMP_ERR_PROTOCOL:
		return AMT_DROP_QUERY_PROTOCOL;
	case IGMP_ERR_LENGTH:
		return AMT_DROP_QUERY_LENGTH;
	case IGMP_ERR_CHECKSUM:
		return AMT_DROP_QUERY_CHECKSUM;
	default:
		return AMT_DROP_QUERY_IP;
	}
}

// Section 5.2.3.5.4. AMT_DROP_COUNT when there is nothing against it.
static enum amt_drop query_check(const struct amt_tunnel *t, const struct addr *src,
	uint16_t src_port, const struct amt_msg *msg, struct igmp_query *igmp)
{
	enum igmp_err err;

	if (msg->type != AMT_MEMBERSHIP_QUERY || !t->waiting)
		return AMT_DROP_UNEXPECTED;
	if (msg->nonce != t->request_nonce)
		return AMT_DROP_NONCE;
	if (!addr_eq(src, &t->relay) || src_port != AMT_PORT)
		return AMT_DROP_SOURCE;
	err = igmp_query_decode(msg->inner, msg->inner_len, igmp);
	if (err != IGMP_OK)
		return drop_of(err);
	if (!addr_is_none(&igmp->group) || igmp->n_sources > 0)
		return AMT_DROP_QUERY_NOT_GENERAL;
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

static bool behind_nat(const struct amt_tunnel *t)
{
	const struct amt_ops *ops = &t->gw->ops;
	struct addr local;

	if (!t->query.g || !ops->local_addr)
		return false;
	local = ops->local_addr(t->gw->ctx, t);
	return !addr_is_none(&local) && !addr_eq(&local, &t->query.gateway_addr);
}

static uint64_t cycle_us(const struct amt_tunnel *t)
{
	uint64_t us = t->qqi_s * USEC_PER_SEC;

	if (behind_nat(t) && us > AMT_NAT_CYCLE_S * USEC_PER_SEC)
		us = AMT_NAT_CYCLE_S * USEC_PER_SEC;
	return us < AMT_CYCLE_MIN_US ? AMT_CYCLE_MIN_US : us;
}

// Did the relay see our Updates from another address than it sees us at now?
static bool endpoint_changed(const struct amt_tunnel *t, const struct amt_query *q)
{
	const struct amt_query *was = &t->update;

	return t->announced > 0 && was->valid && was->g && q->g &&
	       (!addr_eq(&was->gateway_addr, &q->gateway_addr) ||
		       was->gateway_port != q->gateway_port);
}

static bool endpoint_move(struct amt_tunnel *t, uint64_t now_us)
{
	char relay[ADDR_STRLEN], from[ADDR_STRLEN], to[ADDR_STRLEN];

	log_info("amt", "endpoint changed relay=%s from=%s:%u to=%s:%u",
		addr_format(&t->relay, relay), addr_format(&t->update.gateway_addr, from),
		t->update.gateway_port, addr_format(&t->query.gateway_addr, to),
		t->query.gateway_port);
	t->old = t->update;
	t->teardowns_left = t->qrv;
	teardown_next(t, now_us);
	amt_report_forget(t);
	return amt_tunnel_event(t, AMT_EV_ENDPOINT, now_us);
}

static bool tunnel_up(struct amt_tunnel *t, uint64_t now_us)
{
	char relay[ADDR_STRLEN];

	log_info("amt", "tunnel up relay=%s qqi=%u qrv=%u after_ms=%llu",
		addr_format(&t->relay, relay), t->qqi_s, t->qrv,
		(unsigned long long)((now_us - t->opened_us) / USEC_PER_MSEC));
	amt_tunnel_state(t, AMT_UP, now_us);
	return amt_tunnel_event(t, AMT_EV_UP, now_us);
}

static void query_full(struct amt_tunnel *t, uint64_t now_us)
{
	char relay[ADDR_STRLEN];

	log_info("amt", "relay full relay=%s", addr_format(&t->relay, relay));
	amt_tunnel_state(t, AMT_FAILED, now_us);
	amt_tunnel_event(t, AMT_EV_FULL, now_us);
}

static void query_accept(struct amt_tunnel *t, const struct amt_msg *msg,
	const struct igmp_query *igmp, uint64_t now_us)
{
	struct amt_query q = query_of(msg);
	bool moved = endpoint_changed(t, &q), alive = true;

	t->gw->stats.query_rx++;
	t->waiting = false;
	t->unanswered = 0;
	t->last_query_us = now_us;
	t->query = q;
	t->limit = msg->l;
	t->qrv = igmp->qrv ? igmp->qrv : AMT_DEFAULT_QRV;
	t->qqi_s = igmp->qqi_s ? igmp->qqi_s : AMT_DEFAULT_QQI;
	timer_cancel(t->gw->timers, &t->request_timer);
	// With memberships at the relay the flag is for others (section 5.1.4.4).
	if (t->limit && t->announced == 0) {
		query_full(t, now_us);
		return;
	}
	amt_arm(t->gw, &t->request_timer, now_us + cycle_us(t));
	// What the owner joins from its callback goes into the current-state report, not before it.
	t->batch++;
	if (t->state == AMT_REQUESTING)
		alive = tunnel_up(t, now_us);
	else if (moved)
		alive = endpoint_move(t, now_us);
	if (!alive)
		return;
	t->batch--;
	amt_report_current(t, now_us);
	if (t->limit)
		amt_tunnel_event(t, AMT_EV_LIMIT, now_us);
}

void amt_tunnel_input(struct amt_tunnel *t, const struct addr *src, uint16_t src_port,
	const uint8_t *buf, size_t len, uint64_t now_us)
{
	struct igmp_query igmp;
	struct amt_msg msg;
	enum amt_drop reason;

	if (!amt_receive(t->gw, src, src_port, buf, len, &msg))
		return;
	reason = query_check(t, src, src_port, &msg, &igmp);
	if (reason != AMT_DROP_COUNT)
		amt_drop(t->gw, reason, src, src_port);
	else
		query_accept(t, &msg, &igmp, now_us);
}

void amt_tunnel_refresh(struct amt_tunnel *t, uint64_t now_us)
{
	uint64_t due = t->last_request_us + AMT_CYCLE_MIN_US;

	if (t->state == AMT_FAILED || t->waiting)
		return;
	if (due <= now_us)
		amt_request_start(t, now_us);
	else if (due < t->request_timer.due_us)
		amt_arm(t->gw, &t->request_timer, due);
}
