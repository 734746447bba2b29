// SPDX-License-Identifier: BSD-3-Clause
// Reports, and the members that they make: the INCLUDE rows of the tables in RFC 9776 section 6.4.
// Of several receivers of a channel nothing is known but that there is one.
#include <stdlib.h>

#include "base/log.h"
#include "membership/membership_internal.h"
#include "wire/igmp.h"

// One received report, while its records are applied.
struct report_rx {
	struct membership *m;
	const struct addr *src;
	uint64_t now_us;
};

static uint64_t member_hash(const struct sg *sg)
{
	return hmap_hash(sg, sizeof(*sg));
}

struct member *member_find(const struct membership *m, const struct sg *sg)
{
	for (struct hnode *n = hmap_find(&m->members, member_hash(sg)); n; n = hmap_find_next(n)) {
		struct member *e = container_of_node(n, struct member, node);

		if (sg_eq(&e->sg, sg))
			return e;
	}
	return NULL;
}

static struct member_group *group_find(const struct membership *m, const struct addr *g)
{
	for (struct hnode *n = hmap_find(&m->groups, hmap_hash(g, sizeof(*g))); n;
		n = hmap_find_next(n)) {
		struct member_group *group = container_of_node(n, struct member_group, node);

		if (addr_eq(&group->addr, g))
			return group;
	}
	return NULL;
}

static struct member_group *group_create(struct membership *m, const struct addr *g)
{
	struct member_group *group = calloc(1, sizeof(*group));

	if (!group)
		return NULL;
	group->m = m;
	group->addr = *g;
	LIST_INIT(&group->members);
	LIST_INIT(&group->asked);
	ask_setup(group);
	if (timer_arm(m->timers, &group->timer, NEVER_US) < 0)
		goto fail_timer;
	if (hmap_insert(&m->groups, &group->node, hmap_hash(g, sizeof(*g))) < 0)
		goto fail_insert;
	return group;

fail_insert:
	timer_cancel(m->timers, &group->timer);
fail_timer:
	free(group);
	return NULL;
}

static void group_release(struct member_group *group)
{
	if (!LIST_EMPTY(&group->members))
		return;
	timer_cancel(group->m->timers, &group->timer);
	hmap_remove(&group->m->groups, &group->node);
	free(group);
}

static void member_end(struct member *e, const char *what, uint64_t now_us)
{
	struct membership *m = e->m;
	struct sg sg = e->sg;
	char s[ADDR_STRLEN], g[ADDR_STRLEN];

	log_info("membership", "%s if=%s s=%s g=%s", what, m->cfg.name, addr_format(&sg.s, s),
		addr_format(&sg.g, g));
	timer_cancel(m->timers, &e->timer);
	ask_forget(e);
	share_give(&m->share, e->asker);
	LIST_REMOVE(e, link);
	hmap_remove(&m->members, &e->node);
	group_release(e->group);
	free(e);
	m->cfg.total->count--;
	m->ops->want_cb(m->ctx, &sg, false, now_us);
}

static void source_timer_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct member *e = arg;
	struct membership *m = e->m;

	(void)t;
	if (e->leaving)
		m->stats.leaves++;
	else
		m->stats.expired++;
	member_end(e, e->leaving ? "nobody wants it any more" : "membership expired", now_us);
}

void members_end(struct membership *m, uint64_t now_us)
{
	struct hnode *n, *tmp;

	HMAP_FOREACH (n, tmp, &m->members)
		member_end(container_of_node(n, struct member, node), "membership ends", now_us);
}

static struct member *member_create(struct membership *m, const struct sg *sg)
{
	struct member *e = calloc(1, sizeof(*e));
	struct member_group *group = group_find(m, &sg->g);

	if (!e)
		return NULL;
	if (!group)
		group = group_create(m, &sg->g);
	if (!group)
		goto fail_group;
	e->m = m;
	e->group = group;
	e->sg = *sg;
	timer_init(&e->timer, source_timer_cb, e);
	if (timer_arm(m->timers, &e->timer, NEVER_US) < 0)
		goto fail_timer;
	if (hmap_insert(&m->members, &e->node, member_hash(sg)) < 0)
		goto fail_insert;
	LIST_INSERT_HEAD(&group->members, e, link);
	m->cfg.total->count++;
	return e;

fail_insert:
	timer_cancel(m->timers, &e->timer);
fail_timer:
	group_release(group);
fail_group:
	free(e);
	return NULL;
}

// NULL when it is refused.
static struct member *member_new(const struct report_rx *rx, const struct sg *sg, const char *what)
{
	struct membership *m = rx->m;
	uint8_t asker = share_place(hmap_hash(rx->src, sizeof(*rx->src)));
	bool full = !share_ok(&m->share, asker, m->cfg.max_channels);
	bool all_full = m->cfg.total->count >= m->cfg.total->max;
	struct member *e = full || all_full ? NULL : member_create(m, sg);
	char s[ADDR_STRLEN], g[ADDR_STRLEN], from[ADDR_STRLEN];

	if (!e) {
		membership_drop(m,
			all_full && !full ? MEMBERSHIP_DROP_TOTAL_LIMIT : MEMBERSHIP_DROP_LIMIT,
			rx->src);
		return NULL;
	}
	e->asker = asker;
	share_take(&m->share, asker);
	e->since_us = rx->now_us;
	m->stats.joins++;
	log_info("membership", "%s if=%s s=%s g=%s host=%s", what, m->cfg.name,
		addr_format(&sg->s, s), addr_format(&sg->g, g), addr_format(rx->src, from));
	return e;
}

bool membership_restore(struct membership *m, const struct sg *sg, const struct addr *reporter,
	uint64_t expires_us, uint64_t now_us)
{
	struct report_rx rx = {.m = m, .src = reporter, .now_us = now_us};
	struct member *e;

	if (expires_us <= now_us || sg->s.family != m->cfg.family ||
		!membership_group_is_ssm(m, &sg->g) || !addr_is_unicast(&sg->s) ||
		member_find(m, sg))
		return false;
	e = member_new(&rx, sg, "join restored");
	if (!e)
		return false;
	e->reporter = *reporter;
	timer_arm(m->timers, &e->timer, expires_us);
	m->ops->want_cb(m->ctx, sg, true, now_us);
	return true;
}

// (A) of IS_IN, ALLOW, TO_IN: wanted for a membership interval from now.
static void wanted(const struct report_rx *rx, const struct sg *sg, uint32_t mark)
{
	struct membership *m = rx->m;
	struct member *e = member_find(m, sg);
	bool begins = !e;

	if (!addr_is_unicast(&sg->s)) {
		membership_drop(m, MEMBERSHIP_DROP_CHANNEL_SOURCE, rx->src);
		return;
	}
	if (begins)
		e = member_new(rx, sg, "join heard");
	if (!e)
		return;
	e->mark = mark;
	e->leaving = false;
	e->reporter = *rx->src;
	timer_arm(m->timers, &e->timer, rx->now_us + querier_membership_interval_us(m));
	if (begins)
		m->ops->want_cb(m->ctx, sg, true, rx->now_us);
}

// A host on the link does not want it any more: whether another does, only the querier asks.
static void unwanted(const struct report_rx *rx, struct ask *a, struct member *e)
{
	struct membership *m = rx->m;

	if (m->cfg.fast_leave) {
		m->stats.leaves++;
		member_end(e, "left", rx->now_us);
	} else if (membership_is_querier(m)) {
		ask_member(a, e, rx->now_us);
	}
}

// BLOCK (A): Q(G, A*B).
static void block(const struct report_rx *rx, struct gm_record *r)
{
	struct member_group *group = group_find(rx->m, &r->group);
	struct sg sg = {.g = r->group};
	struct ask a;

	if (!group)
		return;
	// The group lives as long as it is asked for: fast leave, which may end it, asks nothing.
	ask_begin(&a, group, false);
	while (gm_source_next(&r->sources, &sg.s)) {
		struct member *e = member_find(rx->m, &sg);

		if (e)
			unwanted(rx, &a, e);
	}
	ask_end(&a);
}

// The second half of TO_IN (A): Q(G, B-A).
static void block_others(const struct report_rx *rx, const struct addr *g, uint32_t mark)
{
	struct member_group *group = group_find(rx->m, g);
	struct member *e, *after;
	struct ask a;

	if (!group)
		return;
	ask_begin(&a, group, false);
	for (e = LIST_FIRST(&group->members); e; e = after) {
		after = LIST_NEXT(e, link);
		if (e->mark != mark)
			unwanted(rx, &a, e);
	}
	ask_end(&a);
}

static void record(const struct report_rx *rx, struct gm_record *r)
{
	struct sg sg = {.g = r->group};
	uint32_t mark = ++rx->m->mark;

	rx->m->stats.records_rx++;
	if (r->type < IGMP_IS_IN || r->type > IGMP_BLOCK) {
		membership_drop(rx->m, MEMBERSHIP_DROP_RECORD_TYPE, rx->src);
		return;
	}
	if (!membership_group_is_ssm(rx->m, &r->group)) {
		membership_drop(rx->m, MEMBERSHIP_DROP_NOT_SSM, rx->src);
		return;
	}
	switch (r->type) {
	case IGMP_IS_EX: // RFC 4604 section 3.1: as if it was not there
	case IGMP_TO_EX:
		membership_drop(rx->m, MEMBERSHIP_DROP_EXCLUDE, rx->src);
		break;
	case IGMP_BLOCK:
		block(rx, r);
		break;
	default:
		while (gm_source_next(&r->sources, &sg.s))
			wanted(rx, &sg, mark);
		if (r->type == IGMP_TO_IN)
			block_others(rx, &r->group, mark);
	}
}

void report_input(struct membership *m, const struct gm_msg *msg, uint64_t now_us)
{
	struct report_rx rx = {.m = m, .src = &msg->src, .now_us = now_us};
	struct gm_records it = msg->records;
	struct gm_record r;

	m->stats.reports_rx++;
	while (gm_record_next(&it, &r))
		record(&rx, &r);
}
