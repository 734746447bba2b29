// SPDX-License-Identifier: BSD-3-Clause
// The control messages of a relay (RFC 7450 section 5.3.3).
#include "amt/relay.h"

#include <stdlib.h>
#include <string.h>

#include "amt/relay_internal.h"
#include "wire/amt.h"
#include "wire/gm.h"
#include "wire/igmp.h"

#define RELAY_QRV_DEFAULT  2
#define RELAY_QI_DEFAULT   125
#define RELAY_SHORT_UPDATE 1400 // octets of an Update that AMT_QUIRK_SHORT_UPDATES still takes

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
		.igmp = true,
		.mld = true,
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
	hmap_init(&r->known);
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
	relay_known_fini(r);
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

// Current secret first, then the one before it (section 5.3.3.4). *e: whether the Request that the
// MAC answered had the E flag.
static bool mac_valid(const struct relay *r, const struct addr *addr, uint16_t port,
	const struct amt_msg *msg, uint64_t now_us, bool *e)
{
	const uint8_t *secrets[] = {r->secret, now_us < r->old_until_us ? r->old_secret : NULL};
	uint8_t mac[AMT_MAC_LEN];

	for (int i = 0; i < 2 && secrets[i]; i++) {
		for (int with_e = 0; with_e < 2; with_e++) {
			relay_mac(secrets[i], addr, port, msg->nonce, with_e, mac);
			*e = with_e;
			if (mac_equal(mac, msg->mac))
				return true;
		}
	}
	return false;
}

// Who sent the message, and where to: answers go back the same way (section 5.3.3.2).
struct origin {
	const struct addr *local, *src;
	uint16_t port;
	bool e; // of an Update whose MAC is right: its Request had the E flag
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

// The General Query that answers a Request. Max Resp Code 1: the gateway is the only one to answer
// (section 5.3.3.3).
static int query_write(const struct relay *r, bool mld, uint8_t *buf, size_t size)
{
	// Link-local, as MLD wants it (RFC 9777 section 5.1.14); the pseudo-interface has no other.
	static const struct addr link_local = {.family = ADDR_V6, .bytes = {0xfe, 0x80, [15] = 1}};
	const struct gm_query q = {.src = link_local,
		.max_resp_ms = 1,
		.qrv = r->opt->qrv,
		.qqi_s = r->opt->query_interval_s};

	if (mld)
		return gm_query_encode(&q, buf, size);
	return igmp_query_encode(
		&r->address, 1, r->opt->qrv, igmp_code_encode(r->opt->query_interval_s), buf, size);
}

// RELAY_DROP_COUNT when the Request is one to answer.
static enum relay_drop request_check(const struct relay *r, const struct amt_msg *in, uint8_t flags)
{
	if (r->opt->refuse)
		return RELAY_DROP_SWITCHED_OFF;
	if (r->opt->quirks & AMT_QUIRK_P80 && flags & 0x7f)
		return RELAY_DROP_QUIRK_BITS;
	if (r->opt->quirks & AMT_QUIRK_NO_E && in->e)
		return RELAY_DROP_QUIRK_E;
	if (in->p && !r->opt->mld)
		return RELAY_DROP_MLD;
	if (!in->p && !r->opt->igmp)
		return RELAY_DROP_IGMP;
	return RELAY_DROP_COUNT;
}

static void on_request(
	struct relay *r, struct origin *from, const struct amt_msg *in, uint8_t flags)
{
	struct amt_msg out = {
		.type = AMT_MEMBERSHIP_QUERY, .nonce = in->nonce, .mirrored = in->mirrored};
	enum relay_drop why = request_check(r, in, flags);
	const struct relay_known *known;
	uint8_t inner[128];
	int n;

	r->stats.request_rx++;
	if (why != RELAY_DROP_COUNT) {
		drop(r, why);
		return;
	}
	known = relay_known_request(r, from->src, from->port, in->nonce, from->now_us);
	if (known)
		from->port = known->port;
	n = query_write(r, in->p, inner, sizeof(inner));
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
	relay_mac(r->secret, from->src, from->port, in->nonce, in->e, out.mac);
	if (send_msg(r, from, &out))
		r->stats.query_tx++;
}

static void source_apply(
	struct relay *r, const struct origin *from, uint8_t type, const struct sg *sg)
{
	if (!relay_channel_valid(sg))
		drop(r, RELAY_DROP_RECORD_ADDRESS);
	else if (type == IGMP_BLOCK)
		relay_member_leave(r, from->src, from->port, sg);
	else
		relay_member_join(r, from->src, from->port, sg, from->now_us);
}

static void record_apply(struct relay *r, const struct origin *from, struct gm_record *record)
{
	struct sg sg = {.g = record->group};

	if (record->type == IGMP_IS_EX || record->type == IGMP_TO_EX) {
		drop(r, RELAY_DROP_RECORD_EXCLUDE); // RFC 4604 section 3.1
		return;
	}
	if (record->type < IGMP_IS_IN || record->type > IGMP_BLOCK) {
		drop(r, RELAY_DROP_RECORD_TYPE); // RFC 9776 section 4.2.13
		return;
	}
	while (gm_source_next(&record->sources, &sg.s))
		source_apply(r, from, record->type, &sg);
}

// Records of TO_IN(B) say that B is all the endpoint wants of the group: the rest is left (section
// 6.4.2 of RFC 9776, with the leave done at once). Of several for one group in a row the last one
// ends it, for they are one list cut in pieces.
static void records_apply(struct relay *r, const struct origin *from, struct gm_records *records)
{
	struct addr to_in = {0};
	struct gm_record record;

	while (gm_record_next(records, &record)) {
		if (!addr_is_none(&to_in) &&
			(record.type != IGMP_TO_IN || !addr_eq(&record.group, &to_in)))
			relay_member_keep_seen(r, from->src, from->port, &to_in);
		to_in = record.type == IGMP_TO_IN ? record.group : (struct addr){0};
		record_apply(r, from, &record);
	}
	if (!addr_is_none(&to_in))
		relay_member_keep_seen(r, from->src, from->port, &to_in);
}

// What RFC 9776 section 4 and RFC 9777 section 5 ask of the IP header of a report, the source
// excepted (RFC 7450 section 5.3.3.4): its destination, TTL 1, Router Alert.
static bool report_header_valid(const struct gm_msg *gm)
{
	static const struct addr v4 = {.family = ADDR_V4, .bytes = {224, 0, 0, 22}};
	static const struct addr v6 = {.family = ADDR_V6, .bytes = {0xff, 0x02, [15] = 0x16}};

	return (addr_eq(&gm->dst, &v4) || addr_eq(&gm->dst, &v6)) && gm->ttl == 1 &&
	       gm->router_alert;
}

static enum relay_drop report_check(enum gm_err err, const struct gm_msg *gm)
{
	if (err == GM_ERR_IP)
		return RELAY_DROP_REPORT_IP;
	if (err == GM_ERR_PROTOCOL)
		return RELAY_DROP_REPORT_PROTOCOL;
	if (!report_header_valid(gm))
		return RELAY_DROP_REPORT_HEADER;
	switch (err) {
	case GM_OK:
		return gm->type == GM_REPORT ? RELAY_DROP_COUNT : RELAY_DROP_REPORT_PROTOCOL;
	case GM_ERR_LENGTH:
		return RELAY_DROP_REPORT_LENGTH;
	case GM_ERR_CHECKSUM:
		return RELAY_DROP_REPORT_CHECKSUM;
	default:
		return RELAY_DROP_REPORT_PROTOCOL;
	}
}

static enum relay_drop update_check(
	struct relay *r, struct origin *from, const struct amt_msg *in, size_t len)
{
	const struct relay_known *known = relay_known_find(r, from->src, from->port);

	if (r->opt->refuse || r->opt->drop_updates)
		return RELAY_DROP_SWITCHED_OFF;
	if (r->opt->quirks & AMT_QUIRK_SHORT_UPDATES && len > RELAY_SHORT_UPDATE)
		return RELAY_DROP_QUIRK_LENGTH;
	if (known)
		from->port = known->port;
	if (r->opt->quirks & AMT_QUIRK_ONE_NONCE && (!known || known->nonce != in->nonce))
		return RELAY_DROP_QUIRK_NONCE;
	if (!mac_valid(r, from->src, from->port, in, from->now_us, &from->e))
		return RELAY_DROP_MAC;
	return RELAY_DROP_COUNT;
}

static void on_update(struct relay *r, struct origin *from, const struct amt_msg *in, size_t len)
{
	enum relay_drop why = update_check(r, from, in, len);
	struct relay_endpoint *ep;
	struct gm_msg gm;

	r->stats.update_rx++;
	if (why == RELAY_DROP_COUNT)
		why = report_check(gm_decode(in->inner, in->inner_len, &gm), &gm);
	if (why != RELAY_DROP_COUNT) {
		drop(r, why);
		return;
	}
	r->updates++;
	records_apply(r, from, &gm.records);
	ep = relay_endpoint_find(r, from->src, from->port);
	if (ep)
		ep->ecn = from->e;
}

// The endpoint is the one that the message names, wherever it comes from: that is what it is for
// (section 5.3.3.5). The MAC proves that the sender was there.
static void on_teardown(struct relay *r, const struct origin *from, const struct amt_msg *in)
{
	struct relay_endpoint *ep;
	bool e;

	r->stats.teardown_rx++;
	if (!r->opt->gateway) {
		drop(r, RELAY_DROP_TEARDOWN);
		return;
	}
	if (!mac_valid(r, &in->gateway_addr, in->gateway_port, in, from->now_us, &e)) {
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
	struct origin from = {.local = local, .src = src, .port = src_port, .now_us = now_us};
	enum amt_decode_err err;
	struct amt_msg msg;

	if (r->opt->silent) {
		drop(r, RELAY_DROP_SWITCHED_OFF);
		return;
	}
	err = r->opt->quirks & AMT_QUIRK_P80 ? amt_decode_mirrored(buf, len, &msg)
					     : amt_decode(buf, len, &msg);
	if (err != AMT_OK) {
		drop(r, decode_drop(err));
		return;
	}
	switch (msg.type) {
	case AMT_RELAY_DISCOVERY:
		on_discovery(r, &from, &msg);
		break;
	case AMT_REQUEST:
		on_request(r, &from, &msg, buf[1]);
		break;
	case AMT_MEMBERSHIP_UPDATE:
		on_update(r, &from, &msg, len);
		break;
	case AMT_TEARDOWN:
		on_teardown(r, &from, &msg);
		break;
	default:
		drop(r, RELAY_DROP_TYPE);
		break;
	}
}
