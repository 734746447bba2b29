// SPDX-License-Identifier: BSD-3-Clause
// From answers to candidates (RFC 8777 section 4.2), and from candidates to the result.
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "driad/driad_internal.h"

#define RCODE_NXDOMAIN 3

// Names asked for in one lookup at most; an answer may hold as many as it likes, each of them two
// queries of ours.
#define NAMES_MAX 16
// A TTL of 0 must not make a query a packet; and RFC 8767 section 4 finds a day of staleness
// enough.
#define TTL_MIN_S 1
#define TTL_MAX_S 86400
// Without an SOA record the answer does not say how long "no" holds.
#define NEGATIVE_DEFAULT_S 60
// A name that did not resolve may do so soon, and lead to a better relay than those at hand.
#define INCOMPLETE_MAX_S 60

struct name_pick {
	struct amtrelay record;
	uint32_t lot;
};

struct name_picks {
	struct name_pick picks[NAMES_MAX];
	unsigned int n;
};

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void ignore(struct driad_lookup *l, enum driad_drop reason)
{
	l->result.ignored++;
	l->driad->stats.drops[reason]++;
}

static uint32_t rank_of(const struct driad_cfg *cfg, const struct addr *addr)
{
	struct driad_path path = {0};

	if (!cfg->path)
		return 0;
	return driad_rank(addr, cfg->path(cfg->path_ctx, addr, &path) ? &path : NULL);
}

static void candidate_add(struct driad_lookup *l, const struct addr *addr, uint8_t precedence,
	bool discovery_optional)
{
	static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
	const struct driad_cfg *cfg = &l->driad->cfg;
	struct driad_relay relay = {
		.addr = *addr,
		.precedence = precedence,
		.discovery_optional = discovery_optional,
	};

	enum driad_drop dropped = DRIAD_DROP_COUNT;
	uint32_t rank = 0;

	if (!addr_is_unicast(addr) ||
		(addr->family == ADDR_V6 && !memcmp(addr->bytes, v4_mapped, 12))) {
		dropped = DRIAD_DROP_BOGON;
	} else if (!(addr->family == ADDR_V4 ? cfg->use_ipv4 : cfg->use_ipv6)) {
		dropped = DRIAD_DROP_FAMILY;
	} else {
		rank = rank_of(cfg, addr);
		if (driad_order_add(&l->order, &relay, rank, rng_u32(l->driad->rng)) != ORDER_TAKEN)
			dropped = DRIAD_DROP_SURPLUS;
	}
	if (dropped != DRIAD_DROP_COUNT)
		ignore(l, dropped);
	if (l->note_cb)
		l->note_cb(l->arg, &(struct driad_note){.name = l->note_name,
					   .relay = relay,
					   .rank = rank,
					   .dropped = dropped,
					   .secure = l->note_secure});
}

static bool same_name(const struct amtrelay *a, const struct amtrelay *b)
{
	if (a->name_len != b->name_len)
		return false;
	// Length octets are below 64, where no letter is.
	for (size_t i = 0; i < a->name_len; i++)
		if (tolower(a->name[i]) != tolower(b->name[i]))
			return false;
	return true;
}

static bool pick_before(const struct name_pick *a, const struct name_pick *b)
{
	if (a->record.precedence != b->record.precedence)
		return a->record.precedence < b->record.precedence;
	return a->lot < b->lot;
}

// Keeps the best NAMES_MAX names in their order, each once. False when one was lost by it.
static bool pick_add(struct name_picks *p, const struct name_pick *pick)
{
	bool kept_all = true;
	unsigned int i;

	for (i = 0; i < p->n; i++) {
		struct name_pick *have = &p->picks[i];

		if (!same_name(&have->record, &pick->record))
			continue;
		if (have->record.precedence == pick->record.precedence)
			have->record.discovery_optional &= pick->record.discovery_optional;
		if (have->record.precedence <= pick->record.precedence)
			return false;
		p->n--;
		memmove(have, have + 1, (p->n - i) * sizeof(*have));
		kept_all = false;
		break;
	}
	if (p->n == NAMES_MAX) {
		if (!pick_before(pick, &p->picks[p->n - 1]))
			return false;
		p->n--;
		kept_all = false;
	}
	for (i = p->n; i > 0 && pick_before(pick, &p->picks[i - 1]); i--)
		p->picks[i] = p->picks[i - 1];
	p->picks[i] = *pick;
	p->n++;
	return kept_all;
}

static void ask_for(
	struct driad_lookup *l, const struct amtrelay *record, uint16_t type, uint64_t now_us)
{
	char *name = driad_name_text(record->name, record->name_len);

	if (!name || driad_query_add(l, name, type, record, now_us) < 0) {
		l->failed = true;
		snprintf(l->result.detail, sizeof(l->result.detail), "out of memory");
	}
}

static void collect_record(
	struct driad_lookup *l, const uint8_t *rdata, size_t len, struct name_picks *names)
{
	struct name_pick pick = {.lot = rng_u32(l->driad->rng)};
	struct amtrelay *rr = &pick.record;
	enum amtrelay_err err = rdata ? amtrelay_decode(rdata, len, rr) : AMTRELAY_ERR_SHORT;

	if (err != AMTRELAY_OK) {
		ignore(l, err == AMTRELAY_ERR_TYPE ? DRIAD_DROP_TYPE : DRIAD_DROP_MALFORMED);
		return;
	}
	switch (rr->type) {
	case AMTRELAY_NONE:
		l->no_relay = true;
		return;
	case AMTRELAY_IPV4:
	case AMTRELAY_IPV6:
		candidate_add(l, &rr->addr, rr->precedence, rr->discovery_optional);
		return;
	case AMTRELAY_NAME:
		if (rr->rootless)
			log_debug("driad", "relay name without its root label accepted");
		// The root itself is no host.
		if (rr->name_len <= 1)
			ignore(l, DRIAD_DROP_MALFORMED);
		else if (!pick_add(names, &pick))
			ignore(l, DRIAD_DROP_SURPLUS);
		return;
	}
}

static void ask_for_addresses(
	struct driad_lookup *l, const struct name_picks *names, uint64_t now_us)
{
	const struct driad_cfg *cfg = &l->driad->cfg;

	for (unsigned int i = 0; i < names->n; i++) {
		if (cfg->use_ipv4)
			ask_for(l, &names->picks[i].record, DNS_TYPE_A, now_us);
		if (cfg->use_ipv6)
			ask_for(l, &names->picks[i].record, DNS_TYPE_AAAA, now_us);
	}
}

// The number of records of the type asked for.
static unsigned int collect_amtrelay(
	struct driad_query *q, struct driad_records *r, uint64_t now_us)
{
	struct driad_lookup *l = q->lookup;
	struct name_picks names = {.n = 0};
	unsigned int found = 0;
	const uint8_t *rdata;
	uint32_t ttl_s;
	size_t len;

	for (; driad_records_next(r, &rdata, &len, &ttl_s); found++) {
		l->records++;
		l->ttl_s = min_u32(l->ttl_s, ttl_s);
		collect_record(l, rdata, len, &names);
	}
	ask_for_addresses(l, &names, now_us);
	return found;
}

static unsigned int collect_addresses(struct driad_query *q, struct driad_records *r)
{
	struct driad_lookup *l = q->lookup;
	struct addr addr = {.family = q->type == DNS_TYPE_A ? ADDR_V4 : ADDR_V6};
	unsigned int found = 0;
	const uint8_t *rdata;
	uint32_t ttl_s;
	size_t len;

	for (; driad_records_next(r, &rdata, &len, &ttl_s); found++) {
		l->ttl_s = min_u32(l->ttl_s, ttl_s);
		if (!rdata || len != addr_size(&addr)) {
			ignore(l, DRIAD_DROP_MALFORMED);
			continue;
		}
		memcpy(addr.bytes, rdata, len);
		q->found = true;
		candidate_add(l, &addr, q->precedence, q->discovery_optional);
	}
	return found;
}

// A name that a PTR or SRV record gives; the root is none ("no such service", RFC 2782).
static void collect_name(struct driad_lookup *l, const uint8_t *name, size_t len, uint16_t priority,
	struct name_picks *names)
{
	struct name_pick pick = {.lot = rng_u32(l->driad->rng)};

	if (!name || len <= 1 || len > sizeof(pick.record.name)) {
		ignore(l, DRIAD_DROP_MALFORMED);
		return;
	}
	pick.record.precedence = priority > UINT8_MAX ? UINT8_MAX : (uint8_t)priority;
	pick.record.name_len = (uint8_t)len;
	memcpy(pick.record.name, name, len);
	if (!pick_add(names, &pick))
		ignore(l, DRIAD_DROP_SURPLUS);
}

// The instances of a service (RFC 6763 section 4.1).
static unsigned int collect_ptr(struct driad_query *q, struct driad_records *r, uint64_t now_us)
{
	struct driad_lookup *l = q->lookup;
	struct name_picks names = {.n = 0};
	unsigned int found = 0;
	const uint8_t *name;
	uint32_t ttl_s;
	size_t len;

	for (; driad_records_next(r, &name, &len, &ttl_s); found++) {
		l->records++;
		l->ttl_s = min_u32(l->ttl_s, ttl_s);
		collect_name(l, name, len, 0, &names);
	}
	for (unsigned int i = 0; i < names.n; i++)
		ask_for(l, &names.picks[i].record, DNS_TYPE_SRV, now_us);
	return found;
}

static unsigned int collect_srv(struct driad_query *q, struct driad_records *r, uint64_t now_us)
{
	struct driad_lookup *l = q->lookup;
	struct name_picks names = {.n = 0};
	unsigned int found = 0;
	const uint8_t *name;
	uint16_t priority = 0;
	uint32_t ttl_s;
	size_t len;

	for (; driad_records_next_srv(r, &priority, &name, &len, &ttl_s); found++) {
		l->records++;
		l->ttl_s = min_u32(l->ttl_s, ttl_s);
		collect_name(l, name, len, priority, &names);
	}
	ask_for_addresses(l, &names, now_us);
	return found;
}

static unsigned int collect_answer(struct driad_query *q, struct driad_records *r, uint64_t now_us)
{
	switch (q->type) {
	case AMTRELAY_RRTYPE:
		return collect_amtrelay(q, r, now_us);
	case DNS_TYPE_PTR:
		return collect_ptr(q, r, now_us);
	case DNS_TYPE_SRV:
		return collect_srv(q, r, now_us);
	default:
		return collect_addresses(q, r);
	}
}

static void collect_failure(struct driad_query *q, enum driad_drop reason, const char *what)
{
	struct driad_lookup *l = q->lookup;

	l->failed = true;
	l->driad->stats.drops[reason]++;
	if (!l->bogus)
		snprintf(l->result.detail, sizeof(l->result.detail), "%s for %s", what, q->name);
}

// Its data is there, and must not be looked at.
static void collect_bogus(struct driad_query *q, const char *why)
{
	struct driad_lookup *l = q->lookup;

	l->bogus = true;
	l->driad->stats.drops[DRIAD_DROP_BOGUS]++;
	snprintf(l->result.detail, sizeof(l->result.detail), "%s for %s",
		why ? why : "validation failed", q->name);
}

static void collect_insecure(struct driad_query *q)
{
	struct driad_lookup *l = q->lookup;

	l->insecure = true;
	l->driad->stats.drops[DRIAD_DROP_INSECURE]++;
	if (!l->bogus && !l->failed)
		snprintf(l->result.detail, sizeof(l->result.detail), "no signed answer for %s",
			q->name);
}

static void collect_negative(struct driad_query *q, const struct driad_records *r)
{
	struct driad_lookup *l = q->lookup;
	uint32_t ttl_s = NEGATIVE_DEFAULT_S;

	if (r)
		driad_records_negative_ttl(r, &ttl_s);
	l->negative_s = min_u32(l->negative_s, ttl_s);
	l->driad->stats.answers_negative++;
}

static void collect_packet(struct driad_query *q, const struct driad_answer *a, uint64_t now_us)
{
	struct driad_lookup *l = q->lookup;
	struct driad_records r;
	unsigned int found = 0;

	if (driad_records_open(&r, a->packet, a->len, q->name, q->type) < 0) {
		collect_failure(q, DRIAD_DROP_GARBLED, "malformed answer");
		return;
	}
	if (r.rcode == 0)
		found = collect_answer(q, &r, now_us);
	if (found > 0) {
		l->ttl_s = min_u32(l->ttl_s, driad_records_alias_ttl(&r));
		l->driad->stats.answers_ok++;
	} else if (r.rcode == 0 || r.rcode == RCODE_NXDOMAIN) {
		collect_negative(q, &r);
	} else {
		collect_failure(q, DRIAD_DROP_ERROR, driad_rcode_name(r.rcode));
	}
	driad_records_close(&r);
}

void driad_collect(struct driad_query *q, const struct driad_answer *a, uint64_t now_us)
{
	struct driad_lookup *l = q->lookup;
	bool names = q->type == DNS_TYPE_A || q->type == DNS_TYPE_AAAA;

	l->note_name = names ? q->name : NULL;
	l->note_secure = q->secure && a->secure;
	if (a->bogus) {
		collect_bogus(q, a->why_bogus);
	} else if (a->rcode < 0) {
		collect_failure(q, DRIAD_DROP_SILENT, "no answer");
	} else if (a->rcode != 0 && a->rcode != RCODE_NXDOMAIN) {
		collect_failure(q, DRIAD_DROP_ERROR, driad_rcode_name(a->rcode));
	} else if (l->driad->cfg.require_secure && !a->secure) {
		collect_insecure(q);
	} else if (a->packet) {
		collect_packet(q, a, now_us);
	} else if (a->rcode == RCODE_NXDOMAIN) {
		collect_negative(q, NULL);
	} else {
		collect_failure(q, DRIAD_DROP_GARBLED, "empty answer");
	}
}

static uint32_t clamp_u32(uint32_t v, uint32_t lo, uint32_t hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

void driad_conclude(struct driad_lookup *l)
{
	struct driad_result *res = &l->result;
	uint32_t negative_max = l->driad->cfg.negative_ttl_max_s;
	uint32_t ttl_s = l->ttl_s;

	driad_order_families(&l->order);
	res->n_relays = l->order.n;
	if (res->n_relays > 0) {
		bool incomplete = l->failed || l->bogus || l->insecure;

		res->status = DRIAD_OK;
		ttl_s = clamp_u32(ttl_s, TTL_MIN_S, incomplete ? INCOMPLETE_MAX_S : TTL_MAX_S);
		if (!incomplete)
			snprintf(res->detail, sizeof(res->detail), "%u relays", res->n_relays);
	} else if (l->bogus) {
		res->status = DRIAD_BOGUS;
		ttl_s = 0;
	} else if (l->failed || l->insecure) {
		res->status = l->failed ? DRIAD_FAILED : DRIAD_INSECURE;
		ttl_s = 0;
	} else if (l->no_relay) {
		res->status = DRIAD_NO_RELAY;
		ttl_s = clamp_u32(ttl_s, TTL_MIN_S, TTL_MAX_S);
		snprintf(res->detail, sizeof(res->detail), "the sender says to use no relay");
	} else if (l->records > 0) {
		res->status = DRIAD_UNUSABLE;
		ttl_s = clamp_u32(min_u32(ttl_s, l->negative_s), TTL_MIN_S, negative_max);
		snprintf(res->detail, sizeof(res->detail), "%u records, none with a usable relay",
			l->records);
	} else {
		res->status = DRIAD_NO_RECORD;
		ttl_s = clamp_u32(l->negative_s, TTL_MIN_S, negative_max);
		snprintf(res->detail, sizeof(res->detail), "no %s record",
			l->services ? "_amt._udp" : "AMTRELAY");
	}
	res->ttl_s = ttl_s;
}
