// SPDX-License-Identifier: BSD-3-Clause
// Relay Discovery and Advertisement (RFC 7450 section 5.2.3.4).
#include <stdlib.h>

#include "amt/amt_internal.h"
#include "base/log.h"

static void discovery_send(struct amt_discovery *d, uint64_t now_us)
{
	struct amt_gateway *gw = d->gw;
	struct amt_msg msg = {.type = AMT_RELAY_DISCOVERY, .nonce = d->nonce};
	char to[ADDR_STRLEN];
	uint8_t buf[8];
	int len = amt_encode(&msg, buf, sizeof(buf));

	log_debug("amt", "discovery sent to=%s try=%u", addr_format(&d->to, to), d->sent + 1);
	amt_arm(gw, &d->timer, now_us + amt_backoff_us(gw, d->sent));
	d->sent++;
	if (gw->ops.send_discovery(gw->ctx, &d->to, buf, (size_t)len) < 0)
		gw->stats.send_errors++;
	else
		gw->stats.discovery_tx++;
}

static void discovery_end(struct amt_discovery *d, const struct addr *relay, uint64_t now_us)
{
	amt_discovery_cb cb = d->cb;
	void *arg = d->arg;

	amt_discovery_cancel(d->gw, d);
	cb(arg, relay, now_us);
}

static void discovery_timer(struct timer *timer, void *arg, uint64_t now_us)
{
	struct amt_discovery *d = arg;
	char to[ADDR_STRLEN];

	(void)timer;
	if (d->sent < d->gw->cfg.request_tries) {
		discovery_send(d, now_us);
		return;
	}
	log_info("amt", "discovery failed to=%s tries=%u", addr_format(&d->to, to), d->sent);
	discovery_end(d, &(struct addr){0}, now_us);
}

static struct amt_discovery *discovery_find(struct amt_gateway *gw, uint32_t nonce)
{
	struct amt_discovery *d;

	for (d = TAILQ_FIRST(&gw->discoveries); d; d = TAILQ_NEXT(d, link)) {
		if (d->nonce == nonce)
			return d;
	}
	return NULL;
}

struct amt_discovery *amt_discovery_start(struct amt_gateway *gw, const struct addr *to,
	amt_discovery_cb cb, void *arg, uint64_t now_us)
{
	struct amt_discovery *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	*d = (struct amt_discovery){.gw = gw, .to = *to, .cb = cb, .arg = arg};
	timer_init(&d->timer, discovery_timer, d);
	// Answers are told apart by the nonce, so no two may wait for the same one.
	do {
		d->nonce = amt_nonce(gw);
	} while (discovery_find(gw, d->nonce));
	TAILQ_INSERT_TAIL(&gw->discoveries, d, link);
	discovery_send(d, now_us);
	if (timer_armed(&d->timer))
		return d;
	// It would never end.
	amt_discovery_cancel(gw, d);
	return NULL;
}

void amt_discovery_cancel(struct amt_gateway *gw, struct amt_discovery *d)
{
	timer_cancel(gw->timers, &d->timer);
	TAILQ_REMOVE(&gw->discoveries, d, link);
	free(d);
}

void amt_discovery_input(struct amt_gateway *gw, const struct addr *src, uint16_t src_port,
	const uint8_t *buf, size_t len, uint64_t now_us)
{
	char to[ADDR_STRLEN], relay[ADDR_STRLEN];
	struct amt_discovery *d;
	struct amt_msg msg;

	if (!amt_receive(gw, src, src_port, buf, len, &msg))
		return;
	if (msg.type != AMT_RELAY_ADVERTISEMENT || TAILQ_EMPTY(&gw->discoveries)) {
		amt_drop(gw, AMT_DROP_UNEXPECTED, src, src_port);
		return;
	}
	d = discovery_find(gw, msg.nonce);
	if (!d) {
		amt_drop(gw, AMT_DROP_NONCE, src, src_port);
	} else if (!addr_eq(src, &d->to) || src_port != AMT_PORT) {
		// With anycast too: the answer comes from the address that was asked (D-04).
		amt_drop(gw, AMT_DROP_SOURCE, src, src_port);
	} else if (msg.relay.family != d->to.family) {
		amt_drop(gw, AMT_DROP_ADV_FAMILY, src, src_port);
	} else if (!addr_is_unicast(&msg.relay) ||
		   (gw->ops.is_ours && gw->ops.is_ours(gw->ctx, &msg.relay))) {
		amt_drop(gw, AMT_DROP_ADV_ADDRESS, src, src_port);
	} else {
		gw->stats.advertisement_rx++;
		log_info("amt", "relay advertised relay=%s by=%s", addr_format(&msg.relay, relay),
			addr_format(&d->to, to));
		discovery_end(d, &msg.relay, now_us);
	}
}
