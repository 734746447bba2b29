// SPDX-License-Identifier: BSD-3-Clause
// The objects of the engine, and what is done to every message received.
#include <errno.h>
#include <stdlib.h>

#include "amt/amt_internal.h"
#include "base/log.h"

// Buffers for an Update of this size. 0 or -ENOMEM.
static int buffers(struct amt_gateway *gw, uint16_t update_mtu)
{
	size_t size = (size_t)update_mtu - AMT_OUTER_IPV4 - AMT_UPDATE_HDR;
	uint8_t *inner = malloc(size), *msg = malloc(size + AMT_UPDATE_HDR);

	if (!inner || !msg) {
		free(inner);
		free(msg);
		return -ENOMEM;
	}
	free(gw->inner);
	free(gw->msg);
	gw->inner = inner;
	gw->msg = msg;
	gw->inner_size = size;
	return 0;
}

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
	};
	TAILQ_INIT(&gw->discoveries);
	TAILQ_INIT(&gw->tunnels);
	hmap_init(&gw->relays);
	if (buffers(gw, cfg->update_mtu) < 0) {
		amt_gateway_destroy(gw);
		return NULL;
	}
	return gw;
}

int amt_gateway_configure(struct amt_gateway *gw, const struct amt_cfg *cfg)
{
	if (cfg->update_mtu < AMT_UPDATE_MIN)
		return -EINVAL;
	if (cfg->update_mtu != gw->cfg.update_mtu && buffers(gw, cfg->update_mtu) < 0)
		return -ENOMEM;
	gw->cfg = *cfg;
	return 0;
}

void amt_gateway_destroy(struct amt_gateway *gw)
{
	amt_relays_fini(gw);
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

static void side_init(struct amt_tunnel *t, uint8_t family)
{
	struct amt_side *s = amt_side(t, family);

	s->t = t;
	s->family = family;
	s->state = AMT_IDLE;
	s->qrv = AMT_DEFAULT_QRV;
	s->qqi_s = AMT_DEFAULT_QQI;
	amt_request_init(s);
	amt_report_init(s);
	amt_silence_init(s);
}

struct amt_tunnel *amt_tunnel_open_for(struct amt_gateway *gw, const struct addr *relay,
	uint8_t family, void *owner, void *endpoint, uint64_t now_us)
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
	};
	timer_init(&t->teardown_timer, amt_teardown_timer, t);
	side_init(t, ADDR_V4);
	side_init(t, ADDR_V6);
	TAILQ_INSERT_TAIL(&gw->tunnels, t, link);
	amt_tunnel_want(t, family, now_us);
	return t;
}

struct amt_tunnel *amt_tunnel_open(struct amt_gateway *gw, const struct addr *relay, void *owner,
	void *endpoint, uint64_t now_us)
{
	return amt_tunnel_open_for(gw, relay, ADDR_V4, owner, endpoint, now_us);
}

void amt_tunnel_want(struct amt_tunnel *t, uint8_t family, uint64_t now_us)
{
	struct amt_side *s = amt_side(t, family);

	if (t->state == AMT_FAILED || amt_side_active(s))
		return;
	// One that had failed may fail again, after as many Requests, and is to be told again.
	if (s->state == AMT_FAILED && !s->waiting)
		s->unanswered = 0;
	s->state = AMT_REQUESTING;
	if (!s->waiting)
		amt_request_start(s, now_us);
}

enum amt_tunnel_state amt_tunnel_side(const struct amt_tunnel *t, uint8_t family)
{
	return t->sides[family == ADDR_V6 ? AMT_SIDE_V6 : AMT_SIDE_V4].state;
}

static void tunnel_free(struct amt_tunnel *t)
{
	if (t->closed && t->busy == 0)
		free(t);
}

// What was left a moment ago counts as well: it spares the relay the rest of the BLOCKs.
static void side_end(struct amt_side *s)
{
	struct amt_tunnel *t = s->t;

	if (s->announced == 0 || !s->update.valid)
		return;
	if (!s->update.g)
		amt_report_block_all(s);
	else if (!amt_teardown_send(t, &s->update))
		amt_relay_owe(t->gw, &t->relay, &s->update);
}

void amt_tunnel_close(struct amt_tunnel *t, uint64_t now_us)
{
	char relay[ADDR_STRLEN];

	log_info("amt", "tunnel closed relay=%s channels=%u open_s=%llu",
		addr_format(&t->relay, relay), t->sides[0].joined + t->sides[1].joined,
		(unsigned long long)((now_us - t->opened_us) / USEC_PER_SEC));
	for (int i = 0; i < AMT_SIDES; i++)
		side_end(&t->sides[i]);
	for (int i = 0; i < AMT_SIDES; i++) {
		amt_request_fini(&t->sides[i]);
		amt_report_fini(&t->sides[i]);
		timer_cancel(t->gw->timers, &t->sides[i].remedy_timer);
	}
	timer_cancel(t->gw->timers, &t->teardown_timer);
	TAILQ_REMOVE(&t->gw->tunnels, t, link);
	t->closed = true;
	tunnel_free(t);
}

bool amt_tunnel_send(struct amt_tunnel *t, const uint8_t *buf, size_t len)
{
	struct amt_stats *stats = &t->gw->stats;

	if (t->gw->ops.send(t->gw->ctx, t, &t->relay, buf, len) < 0) {
		stats->send_errors++;
		return false;
	}
	if (buf[0] == AMT_REQUEST)
		stats->request_tx++;
	else if (buf[0] == AMT_MEMBERSHIP_UPDATE)
		stats->update_tx++;
	else
		stats->teardown_tx++;
	return true;
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

const char *amt_family_name(uint8_t family)
{
	return family == ADDR_V6 ? "ipv6" : "ipv4";
}

static struct amt_side_view side_view(const struct amt_side *s)
{
	return (struct amt_side_view){
		.state = s->state,
		.channels = s->joined,
		.qrv = s->qrv,
		.query_interval_s = s->qqi_s,
		.limit_flag = s->limit,
		.gateway_flag = s->query.g,
		.last_query_us = s->last_query_us,
		.next_request_us = timer_armed(&s->request_timer) ? s->request_timer.due_us : 0,
		.unanswered = s->unanswered,
	};
}

// The one that stands for the tunnel.
static const struct amt_side *main_side(const struct amt_tunnel *t)
{
	const struct amt_side *a = &t->sides[AMT_SIDE_V4], *b = &t->sides[AMT_SIDE_V6];

	if (a->state == AMT_UP || b->state == AMT_UP)
		return a->state == AMT_UP ? a : b;
	return a->state == AMT_IDLE ? b : a;
}

void amt_tunnel_view(const struct amt_tunnel *t, struct amt_tunnel_view *out)
{
	const struct amt_side *s = main_side(t);
	const struct amt_side_view v = side_view(s);

	*out = (struct amt_tunnel_view){
		.relay = t->relay,
		.state = t->state,
		.channels = t->sides[0].joined + t->sides[1].joined,
		.qrv = v.qrv,
		.query_interval_s = v.query_interval_s,
		.limit_flag = v.limit_flag,
		.gateway_flag = v.gateway_flag,
		.gateway_addr = s->query.gateway_addr,
		.gateway_port = s->query.gateway_port,
		.since_us = t->since_us,
		.last_query_us = v.last_query_us,
		.next_request_us = v.next_request_us,
		.unanswered = v.unanswered,
		.ipv4 = side_view(&t->sides[AMT_SIDE_V4]),
		.ipv6 = side_view(&t->sides[AMT_SIDE_V6]),
		.quirks = amt_quirks(t),
		.nat = amt_behind_nat(s),
		.ecn = s->ecn,
	};
}

void amt_gateway_octets(const struct amt_gateway *gw, struct amt_octets *out)
{
	const struct amt_tunnel *t;

	*out = (struct amt_octets){0};
	TAILQ_FOREACH (t, &gw->tunnels, link) {
		out->tunnels += sizeof(*t);
		for (int i = 0; i < AMT_SIDES; i++) {
			const struct amt_side *s = &t->sides[i];

			out->sets += amt_set_octets(&s->channels);
			out->sets += (s->changed.room + (size_t)s->repeat.room) * sizeof(uint32_t);
		}
	}
}
