// SPDX-License-Identifier: BSD-3-Clause
// General Queries, the election of the querier, and what another querier's queries do to our timers
// (RFC 9776 section 6.6, RFC 9777 section 7.6).
#include "base/log.h"
#include "membership/membership_internal.h"

static struct querier_vars own_vars(const struct membership *m)
{
	return (struct querier_vars){
		.robustness = m->cfg.robustness,
		.query_interval_s = m->cfg.query_interval_s,
		.query_response_ms = m->cfg.query_response_ms,
	};
}

// RFC 9776 section 8.4, RFC 9777 section 9.4: with twice the response interval, where RFC 3376 and
// 3810 had it once.
uint64_t querier_membership_interval_us(const struct membership *m)
{
	return m->vars.robustness * m->vars.query_interval_s * USEC_PER_SEC +
	       2 * m->vars.query_response_ms * USEC_PER_MSEC;
}

uint64_t querier_last_member_us(const struct membership *m)
{
	return m->cfg.last_member_count * m->cfg.last_member_interval_ms * USEC_PER_MSEC;
}

// Section 8.5.
static uint64_t other_querier_us(const struct membership *m)
{
	return m->vars.robustness * m->vars.query_interval_s * USEC_PER_SEC +
	       m->vars.query_response_ms * USEC_PER_MSEC / 2;
}

static void general_query(struct membership *m, uint64_t now_us)
{
	struct gm_query q = {
		.src = *membership_primary(m),
		.max_resp_ms = m->cfg.query_response_ms,
		.qrv = m->cfg.robustness,
		.qqi_s = m->cfg.query_interval_s,
	};
	uint64_t interval = m->cfg.query_interval_s * USEC_PER_SEC;
	int len = gm_query_encode(&q, m->buf, m->cfg.mtu);

	if (m->startup_left > 0 && --m->startup_left > 0)
		interval /= 4; // section 8.6
	timer_arm(m->timers, &m->timer, now_us + interval);
	if (len < 0)
		return;
	m->stats.general_tx++;
	m->ops->send(m->ctx, m->buf, (size_t)len);
}

static void become_querier(struct membership *m, uint64_t now_us)
{
	char text[ADDR_STRLEN];

	m->vars = own_vars(m);
	m->querier = *membership_primary(m);
	m->stats.elections++;
	log_info("membership", "querier if=%s address=%s", m->cfg.name,
		addr_format(&m->querier, text));
	general_query(m, now_us);
}

static void timer_expired(struct timer *t, void *arg, uint64_t now_us)
{
	struct membership *m = arg;
	char text[ADDR_STRLEN];

	(void)t;
	if (membership_is_querier(m)) {
		general_query(m, now_us);
		return;
	}
	log_info("membership", "other querier gone if=%s address=%s", m->cfg.name,
		addr_format(&m->querier, text));
	m->startup_left = 0;
	become_querier(m, now_us);
}

void querier_setup(struct membership *m)
{
	m->vars = own_vars(m);
	timer_init(&m->timer, timer_expired, m);
}

void querier_start(struct membership *m, uint64_t now_us)
{
	m->startup_left = m->cfg.robustness; // section 8.7
	become_querier(m, now_us);
}

void querier_configured(struct membership *m, uint64_t now_us)
{
	if (m->n_addrs > 0 && !membership_is_querier(m))
		return; // the other's values count, until it is gone
	m->vars = own_vars(m);
	// What hosts have reported runs out by the old values: they are asked before that.
	if (m->n_addrs > 0)
		general_query(m, now_us);
}

void querier_stop(struct membership *m)
{
	m->querier = (struct addr){0};
	timer_arm(m->timers, &m->timer, NEVER_US);
}

// A General Query of a lower address than ours: it is the querier, with its own idea of the timers
// (sections 4.1.6 and 4.1.7: 0 is the default).
static void elect(struct membership *m, const struct gm_msg *msg, uint64_t now_us)
{
	char text[ADDR_STRLEN];

	if (!addr_eq(&m->querier, &msg->src)) {
		m->querier = msg->src;
		m->stats.elections++;
		log_info("membership", "other querier if=%s address=%s", m->cfg.name,
			addr_format(&msg->src, text));
	}
	m->vars = own_vars(m);
	if (msg->qrv != 0)
		m->vars.robustness = msg->qrv;
	if (msg->qqi_s != 0)
		m->vars.query_interval_s = msg->qqi_s;
	// A startup query may ask for quick answers; ours is then the safer guess.
	if (msg->max_resp_ms > m->vars.query_response_ms)
		m->vars.query_response_ms = msg->max_resp_ms;
	timer_arm(m->timers, &m->timer, now_us + other_querier_us(m));
}

// The querier asks who still wants these sources: who does answers within the query's response
// time, as often as the query is repeated (section 6.6.1). Never less than we would give them
// ourselves: a forger could ask for answers within no time.
static void lower_timers(struct membership *m, const struct gm_msg *msg, uint64_t now_us)
{
	uint64_t wait = m->vars.robustness * msg->max_resp_ms * USEC_PER_MSEC;
	struct gm_sources it = msg->sources;
	struct sg sg = {.g = msg->group};

	if (wait < querier_last_member_us(m))
		wait = querier_last_member_us(m);
	while (gm_source_next(&it, &sg.s)) {
		struct member *e = member_find(m, &sg);

		if (!e || e->timer.due_us <= now_us + wait)
			continue;
		e->leaving = true;
		timer_arm(m->timers, &e->timer, now_us + wait);
	}
}

void querier_query_input(struct membership *m, const struct gm_msg *msg, uint64_t now_us)
{
	m->stats.queries_rx++;
	// Only General Queries decide (RFC 9776 section 6.6.2).
	if (addr_is_none(&msg->group) && addr_cmp(&msg->src, membership_primary(m)) < 0)
		elect(m, msg, now_us);
	else if (!addr_eq(&msg->src, &m->querier))
		membership_drop(m, MEMBERSHIP_DROP_LOST_ELECTION, &msg->src);
	else if (!msg->suppress)
		lower_timers(m, msg, now_us);
}
