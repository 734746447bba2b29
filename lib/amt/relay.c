// SPDX-License-Identifier: BSD-3-Clause
// The control messages of a relay (RFC 7450 section 5.3.3).
#include "amt/relay.h"

#include <stdlib.h>
#include <string.h>

#include "amt/relay_internal.h"
#include "wire/amt.h"
#include "wire/igmp.h"
#include "wire/ip.h"

#define RELAY_QRV_DEFAULT 2
#define RELAY_QI_DEFAULT  125

const char *const relay_drop_names[RELAY_DROP_COUNT] = {
#define X(name, text) #name,
	RELAY_DROP_LIST(X)
#undef X
};

const char *const relay_drop_texts[RELAY_DROP_COUNT] = {
#define X(name, text) text,
	RELAY_DROP_LIST(X)
#undef X
};

struct relay_options relay_options_default(void)
{
	return (struct relay_options){
		.qrv = RELAY_QRV_DEFAULT,
		.query_interval_s = RELAY_QI_DEFAULT,
		.query_response_s = 10,
		.secret_s = 7200,
		.max_endpoints = 10000,
		.max_per_addr = 1000,
		.max_joins = 10000,
		.gateway = true,
		.discovery = true,
	};
}

static uint32_t interval_s(const struct relay_options *opt)
{
	return opt->query_interval_s ? opt->query_interval_s : RELAY_QI_DEFAULT;
}

uint32_t relay_membership_s(const struct relay_options *opt)
{
	uint32_t qrv = opt->qrv ? opt->qrv : RELAY_QRV_DEFAULT;

	return opt->membership_s ? opt->membership_s
				 : qrv * interval_s(opt) + opt->query_response_s;
}

static void drop(struct relay *r, enum relay_drop why)
{
	r->stats.drops[why]++;
}

void relay_secret_new(struct relay *r, bool forget, uint64_t now_us)
{
	if (forget) {
		r->old_until_us = 0;
	} else {
		memcpy(r->old_secret, r->secret, sizeof(r->old_secret));
		r->old_until_us = now_us + 2ull * interval_s(r->opt) * US_PER_S;
	}
	rng_bytes(r->rng, r->secret, sizeof(r->secret));
	if (r->opt->secret_s)
		timer_arm(r->timers, &r->rotation, now_us + r->opt->secret_s * US_PER_S);
	else
		timer_cancel(r->timers, &r->rotation);
}

static void rotation_cb(struct timer *t, void *arg, uint64_t now_us)
{
	(void)t;
	relay_secret_new(arg, false, now_us);
}

struct relay *relay_create(const struct addr *address, const struct relay_options *opt,
	const struct relay_ops *ops, void *ctx, struct timers *timers, struct rng *rng,
	uint64_t now_us)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->address = *address;
	r->opt = opt;
	r->ops = ops;
	r->ctx = ctx;
	r->timers = timers;
	r->rng = rng;
	hmap_init(&r->endpoints);
	hmap_init(&r->endpoints_by_addr);
	hmap_init(&r->channels);
	timer_init(&r->rotation, rotation_cb, r);
	relay_secret_new(r, true, now_us);
	return r;
}

void relay_destroy(struct relay *r)
{
	struct hnode *n;

	while ((n = hmap_first(&r->endpoints)))
		relay_endpoint_remove(r, container_of_node(n, struct relay_endpoint, node));
	timer_cancel(r->timers, &r->rotation);
	hmap_fini(&r->endpoints);
	hmap_fini(&r->endpoints_by_addr);
	hmap_fini(&r->channels);
	free(r);
}

const struct addr *relay_address(const struct relay *r)
{
	return &r->address;
}

const struct relay_stats *relay_stats(const struct relay *r)
{
	return &r->stats;
}

static bool mac_equal(const uint8_t *a, const uint8_t *b)
{
	uint8_t diff = 0;

	// In the same time for every wrong MAC, so that none can be found octet by octet.
	for (int i = 0; i < AMT_MAC_LEN; i++)
		diff |= a[i] ^ b[i];
	return diff == 0;
}

// Current secret first, then the one before it (section 5.3.3.4).
static bool mac_valid(const struct relay *r, const struct addr *addr, uint16_t port,
	const struct amt_msg *msg, uint64_t now_us)
{
	uint8_t mac[AMT_MAC_LEN];

	relay_mac(r->secret, addr, port, msg->nonce, mac);
	if (mac_equal(mac, msg->mac))
		return true;
	if (now_us >= r->old_until_us)
		return false;
	relay_mac(r->old_secret, addr, port, msg->nonce, mac);
	return mac_equal(mac, msg->mac);
}

// Who sent the message, and where to: answers go back the same way (section 5.3.3.2).
struct origin {
	const struct addr *local, *src;
	uint16_t port;
	uint64_t now_us;
};

static bool send_msg(struct relay *r, const struct origin *from, const struct amt_msg *msg)
{
	uint8_t buf[128];
	int n = amt_encode(msg, buf, sizeof(buf));

	if (n < 0)
		return false;
	r->ops->send(r->ctx, from->local, from->src, from->port, buf, (size_t)n);
	return true;
}

static void on_discovery(struct relay *r, const struct origin *from, const struct amt_msg *in)
{
	struct amt_msg out = {.type = AMT_RELAY_ADVERTISEMENT, .nonce = in->nonce};

	r->stats.discovery_rx++;
	if (!r->opt->discovery) {
		drop(r, RELAY_DROP_SWITCHED_OFF);
		return;
	}
	out.relay = addr_is_none(&r->opt->advertise) ? r->address : r->opt->advertise;
	if (send_msg(r, from, &out))
		r->stats.advertisement_tx++;
}

static void on_request(struct relay *r, const struct origin *from, const struct amt_msg *in)
{
	struct amt_msg out = {.type = AMT_MEMBERSHIP_QUERY, .nonce = in->nonce};
	uint8_t inner[64];
	int n;

	r->stats.request_rx++;
	if (r->opt->refuse) {
		drop(r, RELAY_DROP_SWITCHED_OFF);
		return;
	}
	if (in->p) {
		drop(r, RELAY_DROP_MLD);
		return;
	}
	// Max Resp Code 1: the gateway is the only one to answer (section 5.3.3.3).
	n = igmp_query_encode(&r->address, 1, r->opt->qrv,
		igmp_code_encode(r->opt->query_interval_s), inner, sizeof(inner));
	if (n < 0)
		return;
	out.inner = inner;
	out.inner_len = (size_t)n;
	out.l = r->opt->limit || r->endpoints.count >= r->opt->max_endpoints;
	out.g = r->opt->gateway;
	if (out.g) {
		out.gateway_addr = *from->src;
		out.gateway_port = from->port;
	}
	relay_mac(r->secret, from->src, from->port, in->nonce, out.mac);
	if (send_msg(r, from, &out))
		r->stats.query_tx++;
}

// What the records of one report need to be applied.
struct report_walk {
	struct relay *r;
	const struct origin *from;
	struct addr to_in; // group of the TO_IN record being read, none outside one
};

// TO_IN(B) says that B is all the endpoint wants of the group: the rest is left (section 6.4.2 of
// RFC 9776, with the leave done at once).
static void to_in_end(struct report_walk *w)
{
	if (!addr_is_none(&w->to_in))
		relay_member_keep_seen(w->r, w->from->src, w->from->port, &w->to_in);
	w->to_in = (struct addr){0};
}

static void record_cb(void *arg, uint8_t type, const struct addr *g, const struct addr *s)
{
	struct report_walk *w = arg;
	const struct sg sg = {.s = *s, .g = *g};

	if (type != IGMP_TO_IN || !addr_eq(g, &w->to_in))
		to_in_end(w);
	if (type == IGMP_IS_EX || type == IGMP_TO_EX) {
		drop(w->r, RELAY_DROP_RECORD_EXCLUDE); // RFC 4604 section 3.1
		return;
	}
	if (type < IGMP_IS_IN || type > IGMP_BLOCK) {
		drop(w->r, RELAY_DROP_RECORD_TYPE); // RFC 9776 section 4.2.13
		return;
	}
	if (type == IGMP_TO_IN)
		w->to_in = *g;
	if (addr_is_none(s))
		return;
	if (!relay_channel_valid(&sg)) {
		drop(w->r, RELAY_DROP_RECORD_ADDRESS);
		return;
	}
	if (type == IGMP_BLOCK)
		relay_member_leave(w->r, w->from->src, w->from->port, &sg);
	else
		relay_member_join(w->r, w->from->src, w->from->port, &sg, w->from->now_us);
}

// What RFC 9776 section 4 asks of the IP header of a report, the source excepted (RFC 7450 section
// 5.3.3.4): to 224.0.0.22, TTL 1, Router Alert (RFC 2113). The header has been decoded.
static bool report_header_valid(const uint8_t *ip, const struct ipv4_hdr *hdr)
{
	size_t at = 20;

	if (addr_to_v4(&hdr->dst) != htonl(0xe0000016) || hdr->ttl != 1)
		return false;
	while (at < hdr->hdr_len && ip[at] != 0) { // 0 ends the options
		if (ip[at] == 1) {		   // no-operation, a single octet
			at++;
			continue;
		}
		if (at + 2 > hdr->hdr_len || ip[at + 1] < 2)
			return false;
		if (ip[at] == 0x94)
			return true;
		at += ip[at + 1];
	}
	return false;
}

static enum relay_drop report_drop(enum igmp_err err)
{
	switch (err) {
	case IGMP_ERR_PROTOCOL:
		return RELAY_DROP_REPORT_PROTOCOL;
	case IGMP_ERR_LENGTH:
		return RELAY_DROP_REPORT_LENGTH;
	case IGMP_ERR_CHECKSUM:
		return RELAY_DROP_REPORT_CHECKSUM;
	default:
		return RELAY_DROP_REPORT_IP;
	}
}

static void on_update(struct relay *r, const struct origin *from, const struct amt_msg *in)
{
	struct report_walk walk = {.r = r, .from = from};
	struct ipv4_hdr hdr;
	enum igmp_err err;

	r->stats.update_rx++;
	if (r->opt->refuse || r->opt->drop_updates) {
		drop(r, RELAY_DROP_SWITCHED_OFF);
		return;
	}
	if (!mac_valid(r, from->src, from->port, in, from->now_us)) {
		drop(r, RELAY_DROP_MAC);
		return;
	}
	if (ipv4_decode(in->inner, in->inner_len, &hdr) == 0 && hdr.proto == IP_PROTO_IGMP &&
		!report_header_valid(in->inner, &hdr)) {
		drop(r, RELAY_DROP_REPORT_HEADER);
		return;
	}
	r->updates++;
	// It calls back only when the whole report is right.
	err = igmp_report_decode(in->inner, in->inner_len, record_cb, &walk);
	if (err != IGMP_OK)
		drop(r, report_drop(err));
	else
		to_in_end(&walk);
}

// The endpoint is the one that the message names, wherever it comes from: that is what it is for
// (section 5.3.3.5). The MAC proves that the sender was there.
static void on_teardown(struct relay *r, const struct origin *from, const struct amt_msg *in)
{
	struct relay_endpoint *ep;

	r->stats.teardown_rx++;
	if (!r->opt->gateway) {
		drop(r, RELAY_DROP_TEARDOWN);
		return;
	}
	if (!mac_valid(r, &in->gateway_addr, in->gateway_port, in, from->now_us)) {
		drop(r, RELAY_DROP_MAC);
		return;
	}
	ep = relay_endpoint_find(r, &in->gateway_addr, in->gateway_port);
	if (ep) {
		r->stats.leaves += ep->joins;
		relay_endpoint_remove(r, ep);
	}
}

static enum relay_drop decode_drop(enum amt_decode_err err)
{
	switch (err) {
	case AMT_ERR_VERSION:
		return RELAY_DROP_VERSION;
	case AMT_ERR_SHORT:
		return RELAY_DROP_SHORT;
	default: // messages of relays to gateways among them
		return RELAY_DROP_TYPE;
	}
}

void relay_input(struct relay *r, const struct addr *local, const struct addr *src,
	uint16_t src_port, const uint8_t *buf, size_t len, uint64_t now_us)
{
	const struct origin from = {.local = local, .src = src, .port = src_port, .now_us = now_us};
	enum amt_decode_err err;
	struct amt_msg msg;

	if (r->opt->silent) {
		drop(r, RELAY_DROP_SWITCHED_OFF);
		return;
	}
	err = amt_decode(buf, len, &msg);
	if (err != AMT_OK) {
		drop(r, decode_drop(err));
		return;
	}
	switch (msg.type) {
	case AMT_RELAY_DISCOVERY:
		on_discovery(r, &from, &msg);
		break;
	case AMT_REQUEST:
		on_request(r, &from, &msg);
		break;
	case AMT_MEMBERSHIP_UPDATE:
		on_update(r, &from, &msg);
		break;
	case AMT_TEARDOWN:
		on_teardown(r, &from, &msg);
		break;
	default:
		drop(r, RELAY_DROP_TYPE);
		break;
	}
}
