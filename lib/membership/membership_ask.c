// SPDX-License-Identifier: BSD-3-Clause
// Group-and-Source-Specific Queries: who still wants these sources? (RFC 9776 section 6.6.3.2)
#include "membership/membership_internal.h"

void ask_begin(struct ask *a, const struct member_group *group, bool suppress)
{
	*a = (struct ask){.m = group->m, .group = group, .suppress = suppress};
}

static void flush(struct ask *a)
{
	struct membership *m = a->m;
	struct gm_query q = {
		.src = *membership_primary(m),
		.max_resp_ms = m->cfg.last_member_interval_ms,
		.suppress = a->suppress,
		.qrv = m->cfg.robustness,
		.qqi_s = m->cfg.query_interval_s,
		.group = a->group->addr,
		.sources = m->sources,
		.n_sources = a->n,
	};
	int len = gm_query_encode(&q, m->buf, m->cfg.mtu);

	a->n = 0;
	if (len < 0)
		return;
	m->stats.specific_tx++;
	m->ops->send(m->ctx, m->buf, (size_t)len);
}

void ask_add(struct ask *a, const struct addr *source)
{
	a->m->sources[a->n++] = *source;
	if (a->n == a->m->capacity)
		flush(a);
}

void ask_end(struct ask *a)
{
	if (a->n > 0)
		flush(a);
}

void ask_member(struct ask *a, struct member *e, uint64_t now_us)
{
	struct membership *m = e->m;
	struct member_group *group = e->group;
	uint64_t last = now_us + querier_last_member_us(m);

	if (e->timer.due_us <= last)
		return;
	e->leaving = true;
	timer_arm(m->timers, &e->timer, last);
	ask_add(a, &e->sg.s);
	if (e->retransmits == 0 && m->cfg.last_member_count > 1)
		LIST_INSERT_HEAD(&group->asked, e, asked);
	e->retransmits = (uint8_t)(m->cfg.last_member_count - 1);
	if (e->retransmits > 0 && group->timer.due_us == NEVER_US)
		timer_arm(m->timers, &group->timer,
			now_us + m->cfg.last_member_interval_ms * USEC_PER_MSEC);
}

void ask_forget(struct member *e)
{
	if (e->retransmits > 0)
		LIST_REMOVE(e, asked);
	e->retransmits = 0;
}

// Those with the S flag first: somebody has said by now that he wants them, and the routers beside
// us keep their timers.
static void ask_again(struct member_group *group, bool suppress, uint64_t now_us)
{
	uint64_t last = now_us + querier_last_member_us(group->m);
	struct member *e;
	struct ask a;

	ask_begin(&a, group, suppress);
	for (e = LIST_FIRST(&group->asked); e; e = LIST_NEXT(e, asked)) {
		if ((e->timer.due_us > last) == suppress)
			ask_add(&a, &e->sg.s);
	}
	ask_end(&a);
}

static void forget_all(struct member_group *group)
{
	while (!LIST_EMPTY(&group->asked))
		ask_forget(LIST_FIRST(&group->asked));
}

static void retransmit(struct timer *t, void *arg, uint64_t now_us)
{
	struct member_group *group = arg;
	struct membership *m = group->m;
	uint64_t next = now_us + m->cfg.last_member_interval_ms * USEC_PER_MSEC;
	struct member *e, *after;

	// Another router may have become the querier in between: it asks, then.
	if (!membership_is_querier(m))
		forget_all(group);
	ask_again(group, true, now_us);
	ask_again(group, false, now_us);
	for (e = LIST_FIRST(&group->asked); e; e = after) {
		after = LIST_NEXT(e, asked);
		if (--e->retransmits == 0)
			LIST_REMOVE(e, asked);
	}
	timer_arm(m->timers, t, LIST_EMPTY(&group->asked) ? NEVER_US : next);
}

void ask_setup(struct member_group *group)
{
	timer_init(&group->timer, retransmit, group);
}
