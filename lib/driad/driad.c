// SPDX-License-Identifier: BSD-3-Clause
// Lookups in progress: the line of queries, the rate limit (RFC 8777 section 3.2.2: no more than 10
// queries in 100 ms), deadlines, and the one callback of each lookup.
//
// The transport may answer from within its query(), and a callback may start and cancel lookups. So
// queries leave in one place only (pump), which collects but never calls back, and callbacks are
// made in one place only (deliver), never under driad_lookup_start().
#include "driad/driad.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "driad/driad_internal.h"

// The resolver has retries of its own; this bounds what it may take with them.
#define QUERY_TIMEOUT_US (10 * US_PER_S)
// With a relay at hand, names that are slow to resolve are not worth more of the viewer's time (RFC
// 8305 section 3); shorter would often lose a better precedence to a cold cache.
#define NAMES_TIMEOUT_US (2 * US_PER_S)
// With one family of a name at hand the other one is waited for a moment only (the same section's
// Resolution Delay).
#define FAMILY_TIMEOUT_US (50 * US_PER_MS)

static uint64_t token_hash(uint64_t token)
{
	return hmap_hash(&token, sizeof(token));
}

static struct driad_query *query_find(const struct driad *d, uint64_t token)
{
	struct hnode *n = hmap_find(&d->in_flight, token_hash(token));

	for (; n; n = hmap_find_next(n)) {
		struct driad_query *q = container_of_node(n, struct driad_query, node);

		if (q->token == token)
			return q;
	}
	return NULL;
}

int driad_query_add(struct driad_lookup *l, char *name, uint16_t type,
	const struct amtrelay *record, uint64_t now_us)
{
	struct driad_query *q = calloc(1, sizeof(*q));

	if (!q) {
		free(name);
		return -ENOMEM;
	}
	q->lookup = l;
	q->name = name;
	q->type = type;
	q->queued_us = now_us;
	q->secure = l->note_secure;
	if (record) {
		q->precedence = record->precedence;
		q->discovery_optional = record->discovery_optional;
	}
	STAILQ_INSERT_TAIL(&l->queries, q, sibling);
	driad_turn_add(q, false);
	l->open++;
	return 0;
}

static void lookup_finish(struct driad_lookup *l)
{
	struct driad *d = l->driad;

	timer_cancel(d->timers, &l->deadline);
	l->is_finished = true;
	share_give(&d->share, l->asker);
	TAILQ_INSERT_TAIL(&d->finished, l, finished);
}

// Takes a query out of the line or the table; the transport is told when it still works on it.
static void query_close(struct driad_query *q, bool cancel)
{
	struct driad *d = q->lookup->driad;

	if (q->state == QUERY_WAITING) {
		driad_turn_remove(q);
	} else if (q->state == QUERY_IN_FLIGHT) {
		hmap_remove(&d->in_flight, &q->node);
		share_give(&d->asked, q->lookup->asker);
		if (cancel && q->handle > 0)
			d->ops->cancel(d->ctx, q->handle);
	} else {
		return;
	}
	q->state = QUERY_DONE;
	q->lookup->open--;
}

static void deadline_set(struct driad_lookup *l, uint64_t due_us)
{
	if (timer_arm(l->driad->timers, &l->deadline, due_us) < 0)
		log_warn_limited("driad", "no memory for a deadline");
}

static bool has_other_family(const struct driad_query *q)
{
	const struct driad_query *o;

	STAILQ_FOREACH (o, &q->lookup->queries, sibling)
		// cppcheck-suppress uninitvar ; calloc() set it, and the queue macros hide that
		if (o != q && o->found && strcmp(o->name, q->name) == 0)
			return true;
	return false;
}

// Are addresses on their way that only add a family to names that have one?
static bool families_only(const struct driad_lookup *l)
{
	const struct driad_query *q;

	if (l->order.n == 0)
		return false;
	STAILQ_FOREACH (q, &l->queries, sibling)
		// cppcheck-suppress uninitvar ; as above
		if (q->state != QUERY_DONE && (q->state == QUERY_WAITING || !has_other_family(q)))
			return false;
	return true;
}

static void last_call(struct driad_lookup *l, uint64_t now_us)
{
	if (l->last_call || !families_only(l))
		return;
	l->hurried = true;
	l->last_call = true;
	deadline_set(l, now_us + FAMILY_TIMEOUT_US);
}

static void query_answered(struct driad_query *q, const struct driad_answer *a, uint64_t now_us)
{
	struct driad_lookup *l = q->lookup;

	query_close(q, false);
	driad_collect(q, a, now_us);
	if (l->open == 0) {
		driad_conclude(l);
		lookup_finish(l);
	} else if (l->order.n > 0 && !l->hurried) {
		l->hurried = true;
		deadline_set(l, now_us + NAMES_TIMEOUT_US);
	} else if (q->type == AMTRELAY_RRTYPE) {
		// Waiting in the line is not the resolver's fault: the names' time starts when they
		// are sent.
		timer_cancel(l->driad->timers, &l->deadline);
	}
	if (l->open > 0)
		last_call(l, now_us);
}

static void query_send(struct driad_query *q, uint64_t now_us)
{
	struct driad_answer unsent = {.rcode = -1};
	struct driad_lookup *l = q->lookup;
	struct driad *d = l->driad;
	uint64_t token = ++d->last_token;
	char source[ADDR_STRLEN];
	int handle;

	driad_turn_take(q);
	q->token = token;
	q->state = QUERY_IN_FLIGHT;
	if (hmap_insert(&d->in_flight, &q->node, token_hash(token)) < 0) {
		q->state = QUERY_DONE;
		l->open--;
		driad_collect(q, &unsent, now_us);
		if (l->open == 0) {
			driad_conclude(l);
			lookup_finish(l);
		}
		return;
	}
	share_take(&d->asked, l->asker);
	d->sent[d->n_sent++ % d->cfg.queries_per_100ms] = now_us;
	d->stats.queries++;
	if (q->queued_us != now_us)
		d->stats.rate_delayed++;
	if (!l->hurried)
		deadline_set(l, now_us + QUERY_TIMEOUT_US);
	log_debug("driad", "asked source=%s name=%s type=%u",
		l->services ? "dns-sd" : addr_format(&l->source, source), q->name, q->type);
	handle = d->ops->query(d->ctx, q->name, q->type, token);
	// Lookups are freed in deliver() only, so q is still there even when it was answered.
	if (q->state == QUERY_DONE)
		d->stats.cache_hits++;
	else if (handle > 0)
		q->handle = handle;
	else
		query_answered(q, &unsent, now_us);
	if (q->state == QUERY_IN_FLIGHT)
		last_call(l, now_us);
}

static void pump(struct driad *d, uint64_t now_us)
{
	struct driad_query *q;

	d->pumping = true;
	while ((q = driad_turn_next(d)) && driad_window_open_us(d) <= now_us)
		query_send(q, now_us);
	d->pumping = false;
}

static void lookup_free(struct driad_lookup *l)
{
	struct driad *d = l->driad;
	struct driad_query *q;

	while ((q = STAILQ_FIRST(&l->queries))) {
		STAILQ_REMOVE_HEAD(&l->queries, sibling);
		query_close(q, true);
		free(q->name);
		free(q);
	}
	timer_cancel(d->timers, &l->deadline);
	TAILQ_REMOVE(&d->lookups, l, all);
	free(l);
}

// Ends a lookup whose callback shall not come.
static void lookup_drop(struct driad_lookup *l)
{
	struct driad *d = l->driad;

	if (l->is_finished)
		TAILQ_REMOVE(&d->finished, l, finished);
	else
		share_give(&d->share, l->asker);
	lookup_free(l);
}

static void result_log(const struct driad_lookup *l)
{
	const struct driad_result *r = &l->result;
	char source[ADDR_STRLEN], first[ADDR_STRLEN];

	addr_format(&l->source, source);
	if (l->services)
		snprintf(source, sizeof(source), "dns-sd");
	if (r->status != DRIAD_OK) {
		log_warn_limited("driad", "no relay source=%s status=\"%s\" detail=\"%s\" ttl=%u",
			source, driad_status_name(r->status), r->detail, r->ttl_s);
		return;
	}
	if (l->bogus || l->insecure)
		log_warn_limited("driad", "some answers not used source=%s detail=\"%s\"", source,
			r->detail);
	log_info("driad", "relay found source=%s relays=%u first=%s precedence=%u ttl=%u", source,
		r->n_relays, addr_format(&r->relays[0].addr, first), r->relays[0].precedence,
		r->ttl_s);
}

static void deliver(struct driad *d, uint64_t now_us)
{
	struct driad_lookup *l;

	while ((l = TAILQ_FIRST(&d->finished))) {
		// The analyzer does not follow the queue macros: what was freed is in no list.
		// NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
		struct driad_result result = l->result;
		driad_cb cb = l->cb;
		void *arg = l->arg;

		result_log(l);
		TAILQ_REMOVE(&d->finished, l, finished);
		// Gone before the callback: the caller's handle is void from there on.
		lookup_free(l);
		cb(arg, &result, now_us);
	}
}

// Wakes for what is due next: callbacks now, or the turn of the first query in the line.
static void wake_set(struct driad *d, uint64_t now_us)
{
	uint64_t due = NEVER_US;

	if (!TAILQ_EMPTY(&d->finished))
		due = now_us;
	else if (driad_turn_next(d))
		due = driad_window_open_us(d);
	if (due == NEVER_US)
		timer_cancel(d->timers, &d->wake);
	else if (timer_arm(d->timers, &d->wake, due) < 0)
		log_warn_limited("driad", "no memory for a timer");
}

static void settle(struct driad *d, uint64_t now_us)
{
	pump(d, now_us);
	deliver(d, now_us);
	wake_set(d, now_us);
}

static void on_wake(struct timer *t, void *arg, uint64_t now_us)
{
	(void)t;
	settle(arg, now_us);
}

static void on_deadline(struct timer *t, void *arg, uint64_t now_us)
{
	struct driad_answer none = {.rcode = -1};
	struct driad_lookup *l = arg;
	struct driad_query *q;

	(void)t;
	STAILQ_FOREACH (q, &l->queries, sibling) {
		// cppcheck-suppress uninitvar ; calloc() set it, and the queue macros hide that
		if (q->state == QUERY_DONE)
			continue;
		query_close(q, true);
		driad_collect(q, &none, now_us);
	}
	driad_conclude(l);
	lookup_finish(l);
	settle(l->driad, now_us);
}

static void cfg_at_least(struct driad_cfg *cfg)
{
	if (cfg->queries_per_100ms == 0)
		cfg->queries_per_100ms = 1;
	if (cfg->negative_ttl_max_s == 0)
		cfg->negative_ttl_max_s = 1;
}

// What is under way goes back into the line, in front.
static void ask_again(struct driad *d)
{
	struct hnode *n, *tmp;

	HMAP_FOREACH (n, tmp, &d->in_flight) {
		struct driad_query *q = container_of_node(n, struct driad_query, node);

		hmap_remove(&d->in_flight, n);
		share_give(&d->asked, q->lookup->asker);
		if (q->handle > 0)
			d->ops->cancel(d->ctx, q->handle);
		q->handle = 0;
		q->state = QUERY_WAITING;
		driad_turn_add(q, true);
	}
}

int driad_configure(struct driad *d, const struct driad_cfg *cfg, void *ctx, uint64_t now_us)
{
	struct driad_cfg now = *cfg;
	uint64_t *sent;

	cfg_at_least(&now);
	sent = calloc(now.queries_per_100ms, sizeof(d->sent[0]));
	if (!sent)
		return -ENOMEM;
	// The window begins anew; the worst is one burst more.
	free(d->sent);
	d->sent = sent;
	d->n_sent = 0;
	now.use_ipv4 = d->cfg.use_ipv4;
	now.use_ipv6 = d->cfg.use_ipv6;
	d->cfg = now;
	if (ctx != d->ctx) {
		ask_again(d);
		d->ctx = ctx;
	}
	settle(d, now_us);
	return 0;
}

struct driad *driad_create(const struct driad_cfg *cfg, const struct driad_resolver_ops *ops,
	void *ctx, struct timers *timers, struct rng *rng)
{
	struct driad *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->cfg = *cfg;
	cfg_at_least(&d->cfg);
	d->sent = calloc(d->cfg.queries_per_100ms, sizeof(d->sent[0]));
	if (!d->sent) {
		free(d);
		return NULL;
	}
	d->ops = ops;
	d->ctx = ctx;
	d->timers = timers;
	d->rng = rng;
	TAILQ_INIT(&d->lookups);
	TAILQ_INIT(&d->finished);
	for (unsigned int i = 0; i < DRIAD_LINES; i++)
		TAILQ_INIT(&d->lines[i]);
	hmap_init(&d->in_flight);
	timer_init(&d->wake, on_wake, d);
	return d;
}

void driad_families(struct driad *d, bool use_ipv4, bool use_ipv6)
{
	d->cfg.use_ipv4 = use_ipv4;
	d->cfg.use_ipv6 = use_ipv6;
}

void driad_destroy(struct driad *d)
{
	struct driad_lookup *l;

	if (!d)
		return;
	while ((l = TAILQ_FIRST(&d->lookups)))
		lookup_drop(l);
	timer_cancel(d->timers, &d->wake);
	hmap_fini(&d->in_flight);
	free(d->sent);
	free(d);
}

static struct driad_lookup *lookup_new(
	struct driad *d, const struct addr *source, driad_cb cb, void *arg)
{
	struct driad_lookup *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->driad = d;
	l->source = *source;
	l->cb = cb;
	l->arg = arg;
	l->ttl_s = UINT32_MAX;
	l->negative_s = UINT32_MAX;
	l->note_secure = true;
	l->order.relays = l->result.relays;
	STAILQ_INIT(&l->queries);
	timer_init(&l->deadline, on_deadline, l);
	TAILQ_INSERT_TAIL(&d->lookups, l, all);
	l->asker = share_place(d->asker);
	share_take(&d->share, l->asker);
	return l;
}

void driad_asker(struct driad *d, uint64_t who)
{
	d->asker = who;
}

struct driad_lookup *driad_lookup_noted(struct driad *d, const struct addr *source, driad_cb cb,
	driad_note_cb note_cb, void *arg, uint64_t now_us)
{
	bool room = share_ok(&d->share, share_place(d->asker), d->cfg.max_waiting);
	struct driad_lookup *l = lookup_new(d, source, cb, arg);
	char name[AMTRELAY_REVERSE_LEN], *copy;

	if (!l)
		return NULL;
	l->note_cb = note_cb;
	d->stats.lookups++;
	if (amtrelay_reverse_name(source, name) < 0) {
		l->result.status = DRIAD_FAILED;
		snprintf(l->result.detail, sizeof(l->result.detail), "not a source address");
		lookup_finish(l);
	} else if (!room) {
		d->stats.drops[DRIAD_DROP_LIMIT]++;
		l->result.status = DRIAD_LIMIT;
		snprintf(l->result.detail, sizeof(l->result.detail), "%u lookups open already",
			d->cfg.max_waiting);
		lookup_finish(l);
	} else {
		copy = strdup(name);
		if (!copy || driad_query_add(l, copy, AMTRELAY_RRTYPE, NULL, now_us) < 0) {
			lookup_drop(l);
			return NULL;
		}
		// Under pump() the query's turn comes in its loop.
		if (!d->pumping)
			pump(d, now_us);
	}
	wake_set(d, now_us);
	return l;
}

struct driad_lookup *driad_lookup_start(
	struct driad *d, const struct addr *source, driad_cb cb, void *arg, uint64_t now_us)
{
	return driad_lookup_noted(d, source, cb, NULL, arg, now_us);
}

static int services_ask(struct driad_lookup *l, const char *domain, uint64_t now_us)
{
	static const uint16_t types[] = {DNS_TYPE_PTR, DNS_TYPE_SRV};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		char *name;

		if (asprintf(&name, "_amt._udp.%s", domain) < 0 ||
			driad_query_add(l, name, types[i], NULL, now_us) < 0)
			return -ENOMEM;
	}
	return 0;
}

struct driad_lookup *driad_lookup_services(struct driad *d, const char *const *domains,
	unsigned int n_domains, driad_cb cb, void *arg, uint64_t now_us)
{
	static const struct addr none;
	struct driad_lookup *l = lookup_new(d, &none, cb, arg);

	if (!l)
		return NULL;
	l->services = true;
	d->stats.lookups++;
	for (unsigned int i = 0; i < n_domains; i++) {
		if (services_ask(l, domains[i], now_us) < 0) {
			lookup_drop(l);
			return NULL;
		}
	}
	if (n_domains == 0) {
		driad_conclude(l);
		lookup_finish(l);
	} else if (!d->pumping) {
		pump(d, now_us);
	}
	wake_set(d, now_us);
	return l;
}

void driad_lookup_cancel(struct driad *d, struct driad_lookup *l)
{
	(void)d;
	lookup_drop(l);
}

void driad_answer_input(
	struct driad *d, uint64_t token, const struct driad_answer *a, uint64_t now_us)
{
	struct driad_query *q = query_find(d, token);

	if (!q)
		return;
	query_answered(q, a, now_us);
	if (!d->pumping)
		settle(d, now_us);
}

const struct driad_stats *driad_stats(const struct driad *d)
{
	return &d->stats;
}

unsigned int driad_asking(const struct driad *d)
{
	return d->in_flight.count;
}
