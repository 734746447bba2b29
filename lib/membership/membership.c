// SPDX-License-Identifier: BSD-3-Clause
// The link: its life, its addresses, and what becomes of a datagram that arrives.
#include "membership/membership.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "membership/membership_internal.h"

struct protocol {
	struct addr all_nodes, all_routers;
};
static const struct protocol igmp = {
	.all_nodes = {.family = ADDR_V4, .bytes = {224, 0, 0, 1}},
	.all_routers = {.family = ADDR_V4, .bytes = {224, 0, 0, 22}},
};
static const struct protocol mld = {
	.all_nodes = {.family = ADDR_V6, .bytes = {0xff, 0x02, [15] = 0x01}},
	.all_routers = {.family = ADDR_V6, .bytes = {0xff, 0x02, [15] = 0x16}},
};

// What we do is what our queries say: others compute their timers from it.
static void round_to_wire(struct membership_cfg *cfg)
{
	cfg->query_interval_s = gm_qqi_s(cfg->query_interval_s);
	cfg->query_response_ms = gm_max_resp_ms(cfg->family, cfg->query_response_ms);
	cfg->last_member_interval_ms = gm_max_resp_ms(cfg->family, cfg->last_member_interval_ms);
}

struct membership *membership_create(const struct membership_cfg *cfg,
	const struct membership_ops *ops, void *ctx, struct timers *timers)
{
	struct membership *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->cfg = *cfg;
	round_to_wire(&m->cfg);
	m->ops = ops;
	m->ctx = ctx;
	m->timers = timers;
	hmap_init(&m->members);
	hmap_init(&m->groups);
	querier_setup(m);
	m->capacity = gm_query_capacity(cfg->family, cfg->mtu);
	m->buf = malloc(cfg->mtu);
	m->sources = calloc(m->capacity, sizeof(*m->sources));
	if (!m->buf || !m->sources || timer_arm(timers, &m->timer, NEVER_US) < 0) {
		free(m->sources);
		free(m->buf);
		free(m);
		return NULL;
	}
	return m;
}

void membership_destroy(struct membership *m, uint64_t now_us)
{
	if (!m)
		return;
	members_end(m, now_us);
	timer_cancel(m->timers, &m->timer);
	hmap_fini(&m->members);
	hmap_fini(&m->groups);
	free(m->sources);
	free(m->buf);
	free(m);
}

void membership_configure(struct membership *m, const struct membership_cfg *cfg, uint64_t now_us)
{
	const struct membership_cfg was = m->cfg;

	m->cfg = *cfg;
	round_to_wire(&m->cfg);
	m->cfg.mtu = was.mtu; // of the buffers
	if (was.robustness != m->cfg.robustness ||
		was.query_interval_s != m->cfg.query_interval_s ||
		was.query_response_ms != m->cfg.query_response_ms)
		querier_configured(m, now_us);
}

void membership_address(
	struct membership *m, const struct membership_addr *addrs, unsigned int n, uint64_t now_us)
{
	bool same = m->n_addrs > 0 && n > 0 && addr_eq(membership_primary(m), &addrs[0].addr);
	bool was_up = m->n_addrs > 0;

	if (n > MEMBERSHIP_MAX_ADDRS)
		n = MEMBERSHIP_MAX_ADDRS;
	if (n > 0)
		memcpy(m->addrs, addrs, n * sizeof(*addrs));
	m->n_addrs = n;
	if (n > 0 && !same) {
		querier_start(m, now_us);
	} else if (n == 0 && was_up) {
		log_info("membership", "interface down if=%s", m->cfg.name);
		querier_stop(m);
		members_end(m, now_us);
	}
}

void membership_drop(struct membership *m, enum membership_drop why, const struct addr *src)
{
	char text[ADDR_STRLEN];

	m->stats.drops[why]++;
	switch (why) {
	// These belong to a healthy link: the counter says enough.
	case MEMBERSHIP_DROP_NO_ADDRESS:
	case MEMBERSHIP_DROP_OWN:
	case MEMBERSHIP_DROP_TYPE:
	case MEMBERSHIP_DROP_NOT_SSM:
	case MEMBERSHIP_DROP_OLD_LEAVE:
	case MEMBERSHIP_DROP_LOST_ELECTION:
		return;
	default:
		log_warn_limited("membership", "dropped if=%s from=%s reason=%s (%s)", m->cfg.name,
			addr_format(src, text), membership_drop_names[why],
			membership_drop_texts[why]);
	}
}

bool membership_group_is_ssm(const struct membership *m, const struct addr *g)
{
	return g->family == m->cfg.family &&
	       group_is_ssm(m->cfg.ssm_ranges, m->cfg.n_ssm_ranges, g);
}

// Who may speak here: IPv4 hosts of our subnets (RFC 9776 section 9.2), 0.0.0.0 in reports of hosts
// that have no address yet (4.2.13); IPv6 link-local addresses and no others: a report from :: is
// one for switches, and said again when the host has an address (RFC 9777 5.2.13).
static bool source_ok(const struct membership *m, const struct gm_msg *msg)
{
	if (m->cfg.family == ADDR_V6)
		return addr_is_linklocal(&msg->src);
	if (addr_is_unspecified(&msg->src))
		return msg->type == GM_REPORT;
	for (unsigned int i = 0; i < m->n_addrs; i++) {
		struct prefix link = {.addr = m->addrs[i].addr, .len = m->addrs[i].prefix_len};

		if (prefix_match(&link, &msg->src))
			return true;
	}
	return false;
}

static bool destination_ok(const struct membership *m, const struct gm_msg *msg)
{
	const struct protocol *p = m->cfg.family == ADDR_V4 ? &igmp : &mld;

	if (msg->type == GM_REPORT)
		return addr_eq(&msg->dst, &p->all_routers);
	// A query may come to any address of ours (RFC 9776 section 4.1.12).
	return addr_eq(&msg->dst, addr_is_none(&msg->group) ? &p->all_nodes : &msg->group) ||
	       addr_eq(&msg->dst, membership_primary(m));
}

// RFC 4604 sections 3.1, 3.5: for SSM groups the older versions do not exist.
static enum membership_drop refuse_old(const struct membership *m, const struct gm_msg *msg)
{
	if (msg->type == GM_OLD_QUERY)
		return MEMBERSHIP_DROP_OLD_QUERY;
	if (!membership_group_is_ssm(m, &msg->group))
		return MEMBERSHIP_DROP_NOT_SSM;
	return msg->type == GM_OLD_REPORT ? MEMBERSHIP_DROP_OLD_REPORT : MEMBERSHIP_DROP_OLD_LEAVE;
}

// MEMBERSHIP_DROP_COUNT when the message is one for us to look into.
static enum membership_drop refuse(const struct membership *m, const struct gm_msg *msg)
{
	if (addr_eq(&msg->src, membership_primary(m)))
		return MEMBERSHIP_DROP_OWN;
	if (msg->ttl != 1)
		return MEMBERSHIP_DROP_TTL;
	if (msg->type != GM_QUERY && msg->type != GM_REPORT)
		return refuse_old(m, msg);
	if (!msg->router_alert)
		return MEMBERSHIP_DROP_ROUTER_ALERT;
	if (!source_ok(m, msg))
		return MEMBERSHIP_DROP_SOURCE_ADDRESS;
	if (!destination_ok(m, msg))
		return MEMBERSHIP_DROP_DESTINATION;
	return MEMBERSHIP_DROP_COUNT;
}

static enum membership_drop decode(
	const struct membership *m, const uint8_t *ip, size_t len, struct gm_msg *msg)
{
	enum gm_err err = gm_decode(ip, len, msg);

	if (m->n_addrs == 0)
		return MEMBERSHIP_DROP_NO_ADDRESS;
	if (!addr_is_none(&msg->src) && msg->src.family != m->cfg.family)
		return MEMBERSHIP_DROP_PROTOCOL;
	switch (err) {
	case GM_OK:
		return MEMBERSHIP_DROP_COUNT;
	case GM_ERR_IP:
		return MEMBERSHIP_DROP_IP;
	case GM_ERR_PROTOCOL:
		return MEMBERSHIP_DROP_PROTOCOL;
	case GM_ERR_TYPE:
		return MEMBERSHIP_DROP_TYPE;
	case GM_ERR_CHECKSUM:
		return MEMBERSHIP_DROP_CHECKSUM;
	default:
		return MEMBERSHIP_DROP_LENGTH;
	}
}

void membership_input(struct membership *m, const uint8_t *ip, size_t len, uint64_t now_us)
{
	struct gm_msg msg;
	enum membership_drop why = decode(m, ip, len, &msg);

	if (why == MEMBERSHIP_DROP_COUNT)
		why = refuse(m, &msg);
	if (why != MEMBERSHIP_DROP_COUNT)
		membership_drop(m, why, &msg.src);
	else if (msg.type == GM_QUERY)
		querier_query_input(m, &msg, now_us);
	else
		report_input(m, &msg, now_us);
}

bool membership_wants(const struct membership *m, const struct sg *sg)
{
	return member_find(m, sg) != NULL;
}

void membership_view(const struct membership *m, struct membership_view *out)
{
	*out = (struct membership_view){
		.family = m->cfg.family,
		.querier = membership_is_querier(m),
		.querier_addr = m->querier,
		.next_us = m->timer.due_us,
		.robustness = m->vars.robustness,
		.query_interval_s = m->vars.query_interval_s,
		.query_response_ms = m->vars.query_response_ms,
		.membership_interval_us = querier_membership_interval_us(m),
		.groups = m->groups.count,
		.channels = m->members.count,
	};
	if (m->n_addrs > 0)
		out->primary = *membership_primary(m);
}

struct walk {
	void (*cb)(void *arg, const struct membership_channel_view *c);
	void *arg;
	uint32_t left;
};

static struct membership_channel_view view_of(const struct member *e)
{
	return (struct membership_channel_view){
		.sg = e->sg,
		.reporter = e->reporter,
		.since_us = e->since_us,
		.expires_us = e->timer.due_us,
		.leaving = e->leaving,
	};
}

bool membership_channel(
	const struct membership *m, const struct sg *sg, struct membership_channel_view *out)
{
	const struct member *e = member_find(m, sg);

	if (e)
		*out = view_of(e);
	return e;
}

static void view_cb(void *arg, struct hnode *n)
{
	struct membership_channel_view view = view_of(container_of_node(n, struct member, node));
	struct walk *w = arg;

	w->cb(w->arg, &view);
	w->left -= w->left > 0;
}

void membership_channels(const struct membership *m,
	void (*cb)(void *arg, const struct membership_channel_view *c), void *arg)
{
	uint32_t cursor = 0;

	while (membership_channels_some(m, &cursor, UINT32_MAX, cb, arg))
		;
}

bool membership_channels_some(const struct membership *m, uint32_t *cursor, uint32_t n,
	void (*cb)(void *arg, const struct membership_channel_view *c), void *arg)
{
	struct walk w = {.cb = cb, .arg = arg, .left = n};

	while (w.left > 0)
		if (!hmap_scan(&m->members, cursor, view_cb, &w))
			return false;
	return true;
}

void membership_lost(struct membership *m, uint32_t n)
{
	m->stats.drops[MEMBERSHIP_DROP_NOT_READ] += n;
}

const struct membership_stats *membership_stats(const struct membership *m)
{
	return &m->stats;
}
