// SPDX-License-Identifier: BSD-3-Clause
// The objects of the engine, and what is done to every message received.
#include <errno.h>
#include <stdlib.h>

#include "amt/amt_internal.h"
#include "base/log.h"

struct amt_gateway *amt_gateway_create(const struct amt_cfg *cfg, const struct amt_ops *ops,
	void *ctx, struct timers *timers, struct rng *rng)
{
	struct amt_gateway *gw;

	if (cfg->update_mtu < AMT_UPDATE_MIN) {
		errno = EINVAL;
		return NULL;
	}
	gw = calloc(1, sizeof(*gw));
	if (!gw)
		return NULL;
	*gw = (struct amt_gateway){
		.cfg = *cfg,
		.ops = *ops,
		.ctx = ctx,
		.timers = timers,
		.rng = rng,
		.inner_size = (size_t)cfg->update_mtu - AMT_OUTER_LEN - AMT_UPDATE_HDR,
	};
	TAILQ_INIT(&gw->discoveries);
	gw->inner = malloc(gw->inner_size);
	gw->msg = malloc(gw->inner_size + AMT_UPDATE_HDR);
	if (!gw->inner || !gw->msg) {
		amt_gateway_destroy(gw);
		return NULL;
	}
	return gw;
}

void amt_gateway_destroy(struct amt_gateway *gw)
{
	free(gw->inner);
	free(gw->msg);
	free(gw);
}

const struct amt_stats *amt_gateway_stats(const struct amt_gateway *gw)
{
	return &gw->stats;
}

void amt_drop(struct amt_gateway *gw, enum amt_drop reason, const struct addr *src, uint16_t port)
{
	char from[ADDR_STRLEN];

	gw->stats.drops[reason]++;
	addr_format(src, from);
	// Late data and repeated answers are normal on a network (RFC 7450 section 5.2.3.3).
	if (reason == AMT_DROP_DATA || reason == AMT_DROP_UNEXPECTED)
		log_debug("amt", "message ignored reason=%s src=%s port=%u", amt_drop_names[reason],
			from, port);
	else
		log_warn_limited("amt", "message dropped reason=%s src=%s port=%u",
			amt_drop_names[reason], from, port);
}

static enum amt_drop drop_of(enum amt_decode_err err)
{
	switch (err) {
	case AMT_ERR_VERSION:
		return AMT_DROP_VERSION;
	case AMT_ERR_TYPE:
		return AMT_DROP_TYPE;
	case AMT_ERR_ADV_LENGTH:
		return AMT_DROP_ADV_LENGTH;
	case AMT_ERR_GATEWAY:
		return AMT_DROP_QUERY_GATEWAY;
	default:
		return AMT_DROP_SHORT;
	}
}

bool amt_receive(struct amt_gateway *gw, const struct addr *src, uint16_t src_port,
	const uint8_t *buf, size_t len, struct amt_msg *out)
{
	enum amt_decode_err err = amt_decode(buf, len, out);

	if (err != AMT_OK) {
		amt_drop(gw, drop_of(err), src, src_port);
		return false;
	}
	switch (out->type) {
	case AMT_RELAY_ADVERTISEMENT:
	case AMT_MEMBERSHIP_QUERY:
		return true;
	case AMT_MULTICAST_DATA:
		amt_drop(gw, AMT_DROP_DATA, src, src_port);
		return false;
	default:
		amt_drop(gw, AMT_DROP_TYPE, src, src_port);
		return false;
	}
}

// Random and not zero: the RFC asks for it in Discovery only, but relays are known that refuse a
// Request with a nonce of zero.
uint32_t amt_nonce(struct amt_gateway *gw)
{
	uint32_t nonce;

	do {
		nonce = rng_u32(gw->rng);
	} while (nonce == 0);
	return nonce;
}

void amt_arm(struct amt_gateway *gw, struct timer *timer, uint64_t due_us)
{
	if (timer_arm(gw->timers, timer, due_us) < 0)
		log_error("amt", "timer lost: out of memory");
}

uint64_t amt_backoff_us(struct amt_gateway *gw, uint32_t retry)
{
	return rng_backoff(gw->rng, gw->cfg.retry_initial_ms * USEC_PER_MSEC,
		gw->cfg.retry_max_s * USEC_PER_SEC, retry);
}

struct amt_tunnel *amt_tunnel_open(struct amt_gateway *gw, const struct addr *relay, void *owner,
	void *endpoint, uint64_t now_us)
{
	struct amt_tunnel *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	*t = (struct amt_tunnel){
		.gw = gw,
		.relay = *relay,
		.owner = owner,
		.endpoint = endpoint,
		.state = AMT_REQUESTING,
		.opened_us = now_us,
		.since_us = now_us,
		.qrv = AMT_DEFAULT_QRV,
		.qqi_s = AMT_DEFAULT_QQI,
	};
	amt_request_init(t);
	amt_report_init(t);
	amt_request_start(t, now_us);
	return t;
}

static void tunnel_free(struct amt_tunnel *t)
{
	if (t->closed && t->busy == 0)
		free(t);
}

void amt_tunnel_close(struct amt_tunnel *t, uint64_t now_us)
{
	char relay[ADDR_STRLEN];

	// What was left a moment ago counts as well: it spares the relay the rest of the BLOCKs.
	if (t->announced > 0 && t->update.valid) {
		if (t->update.g)
			amt_teardown_send(t, &t->update);
		else
			amt_report_block_all(t);
	}
	log_info("amt", "tunnel closed relay=%s channels=%u open_s=%llu",
		addr_format(&t->relay, relay), t->joined,
		(unsigned long long)((now_us - t->opened_us) / USEC_PER_SEC));
	amt_request_fini(t);
	amt_report_fini(t);
	t->closed = true;
	tunnel_free(t);
}

void amt_tunnel_send(struct amt_tunnel *t, const uint8_t *buf, size_t len)
{
	struct amt_stats *stats = &t->gw->stats;

	if (t->gw->ops.send(t->gw->ctx, t, &t->relay, buf, len) < 0)
		stats->send_errors++;
	else if (buf[0] == AMT_REQUEST)
		stats->request_tx++;
	else if (buf[0] == AMT_MEMBERSHIP_UPDATE)
		stats->update_tx++;
	else
		stats->teardown_tx++;
}

void amt_tunnel_state(struct amt_tunnel *t, enum amt_tunnel_state state, uint64_t now_us)
{
	t->state = state;
	t->since_us = now_us;
}

bool amt_tunnel_event(struct amt_tunnel *t, enum amt_event ev, uint64_t now_us)
{
	bool alive;

	t->busy++;
	t->gw->ops.event_cb(t->gw->ctx, t, ev, now_us);
	t->busy--;
	alive = !t->closed;
	tunnel_free(t);
	return alive;
}

void *amt_tunnel_owner(const struct amt_tunnel *t)
{
	return t->owner;
}

void *amt_tunnel_endpoint(const struct amt_tunnel *t)
{
	return t->endpoint;
}

void amt_tunnel_view(const struct amt_tunnel *t, struct amt_tunnel_view *out)
{
	*out = (struct amt_tunnel_view){
		.relay = t->relay,
		.state = t->state,
		.channels = t->joined,
		.qrv = t->qrv,
		.query_interval_s = t->qqi_s,
		.limit_flag = t->limit,
		.gateway_flag = t->query.g,
		.gateway_addr = t->query.gateway_addr,
		.gateway_port = t->query.gateway_port,
		.since_us = t->since_us,
		.last_query_us = t->last_query_us,
		.next_request_us = timer_armed(&t->request_timer) ? t->request_timer.due_us : 0,
		.unanswered = t->unanswered,
	};
}

struct amt_tunnel *amt_tunnel_open_for(struct amt_gateway *gw, const struct addr *relay,
	uint8_t family, void *owner, void *endpoint, uint64_t now_us)
{
	(void)family;
	return amt_tunnel_open(gw, relay, owner, endpoint, now_us);
}

void amt_tunnel_want(struct amt_tunnel *t, uint8_t family, uint64_t now_us)
{
	(void)t;
	(void)family;
	(void)now_us;
}

enum amt_tunnel_state amt_tunnel_side(const struct amt_tunnel *t, uint8_t family)
{
	return family == ADDR_V4 ? t->state : AMT_IDLE;
}
