// SPDX-License-Identifier: BSD-3-Clause
// The methods of discovery (RFC 8777 section 3.1.2), asked one after the other as long as no relay
// is found: DNS-SD and the anycast address name the relays of the network that we are in, whatever
// the source; DRIAD those that the source's own sender published.
#include "channel/channel_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

// What DNS-SD answered with nothing, or not at all, is asked again no sooner.
#define SERVICES_MIN_S 30

bool source_has_more(const struct source *src)
{
	return src->methods < src->cs->cfg.n_methods;
}

static void expires_by(struct source *src, uint64_t us)
{
	if (us < src->expires_us)
		src->expires_us = us;
}

static void add_found(
	struct source *src, const struct driad_relay *relays, unsigned int n, const char *origin)
{
	for (unsigned int i = 0; i < n; i++)
		source_candidate(src, &relays[i], origin, src->methods);
}

static void ask_further(struct source *src, uint64_t now_us)
{
	while (source_has_more(src)) {
		if (discover_ask(src, now_us) == ASK_WAIT)
			return;
		if (source_has_other(src, now_us)) {
			source_leave(src, now_us);
			source_search(src, now_us);
			return;
		}
	}
}

// The method that was asked has answered; ok: with relays.
static void answered(struct source *src, bool ok, uint64_t now_us)
{
	if (src->state != SOURCE_ATTACHED || move_seeks(src)) {
		race_next(src, now_us);
		return;
	}
	renew_begin(src, now_us);
	// Asked for want of traffic; packets may have come meanwhile.
	if (src->flowing)
		return;
	if (ok && source_has_other(src, now_us)) {
		source_leave(src, now_us);
		source_search(src, now_us);
	} else if (!discover_waits(src)) {
		// Not from the first method on, even if what they said holds no longer (a TTL of
		// 0): the next silence does that.
		ask_further(src, now_us);
	}
}

// Why DNS brought nothing, for the channel's reason.
static void say(struct source *src, const struct driad_result *result)
{
	const char *status = driad_status_name(result->status);

	source_say(&src->dns_said, "%s%s%s%.100s",
		strncmp(status, "DNSSEC", 6) == 0 ? "" : "DNS: ", status,
		result->detail[0] ? ": " : "", result->detail);
}

static void lookup_cb(void *arg, const struct driad_result *result, uint64_t now_us)
{
	struct source *src = arg;

	src->lookup = NULL;
	src->cs->now_us = now_us;
	src->wait_s = result->ttl_s;
	if (result->status == DRIAD_OK) {
		src->expires_us = NEVER_US;
		expires_by(src, now_us + result->ttl_s * USEC_PER_SEC);
		if (src->services_used)
			expires_by(src, src->cs->services.expires_us);
		add_found(src, result->relays, result->n_relays, "driad");
	} else {
		say(src, result);
	}
	answered(src, result->status == DRIAD_OK, now_us);
}

// A move that began meanwhile waits for an answer too.
static void renew_done(struct source *src, uint64_t now_us)
{
	if (move_seeks(src))
		race_next(src, now_us);
}

static void renew_services(struct source *src, uint64_t now_us)
{
	const struct services *sv = &src->cs->services;

	src->renewing = false;
	if (sv->failed) {
		renew_failed(src, now_us);
	} else {
		src->expires_us = sv->expires_us;
		renew_answered(src, sv->relays, sv->n, "dns-sd", now_us);
	}
	renew_done(src, now_us);
}

static void services_cb(void *arg, const struct driad_result *result, uint64_t now_us)
{
	struct channels *cs = arg;
	struct services *sv = &cs->services;
	struct source_list waiting = TAILQ_HEAD_INITIALIZER(waiting);
	bool unsafe = result->status == DRIAD_BOGUS || result->status == DRIAD_INSECURE;
	uint32_t ttl_s = result->ttl_s > SERVICES_MIN_S ? result->ttl_s : SERVICES_MIN_S;
	struct source *src;

	cs->now_us = now_us;
	sv->lookup = NULL;
	sv->expires_us = now_us + ttl_s * USEC_PER_SEC;
	sv->failed = result->ttl_s == 0;
	sv->n = 0;
	for (unsigned int i = 0; i < result->n_relays && i < SERVICES_MAX; i++)
		sv->relays[sv->n++] = result->relays[i];
	// One that goes on may come back to the line of a later lookup.
	TAILQ_CONCAT(&waiting, &sv->waiting, in_services);
	TAILQ_FOREACH (src, &waiting, in_services)
		src->services_list = &waiting;
	while ((src = TAILQ_FIRST(&waiting))) {
		TAILQ_REMOVE(&waiting, src, in_services);
		src->services_list = NULL;
		expires_by(src, sv->expires_us);
		if (src->renewing) {
			renew_services(src, now_us);
			continue;
		}
		if (unsafe)
			say(src, result);
		add_found(src, sv->relays, sv->n, "dns-sd");
		answered(src, sv->n > 0, now_us);
	}
}

// The services are those of all sources: one lookup, one answer, until its TTL runs out. ASK_ADDED:
// it is there.
static enum ask services_now(struct source *src, uint64_t now_us)
{
	struct channels *cs = src->cs;
	struct services *sv = &cs->services;

	if (cs->cfg.n_domains == 0)
		return ASK_NOTHING;
	src->services_used = true;
	if (!sv->lookup && now_us < sv->expires_us)
		return ASK_ADDED;
	driad_asker(cs->rooms.driad, 0);
	if (!sv->lookup)
		sv->lookup = driad_lookup_services(cs->rooms.driad, cs->cfg.domains,
			cs->cfg.n_domains, services_cb, cs, now_us);
	if (!sv->lookup)
		return ASK_NOTHING;
	TAILQ_INSERT_TAIL(&sv->waiting, src, in_services);
	src->services_list = &sv->waiting;
	return ASK_WAIT;
}

static enum ask ask_services(struct source *src, uint64_t now_us)
{
	const struct services *sv = &src->cs->services;
	enum ask ret = services_now(src, now_us);

	if (ret != ASK_ADDED)
		return ret;
	expires_by(src, sv->expires_us);
	add_found(src, sv->relays, sv->n, "dns-sd");
	return sv->n > 0 ? ASK_ADDED : ASK_NOTHING;
}

static enum ask ask_anycast(struct source *src)
{
	const struct channels *cs = src->cs;
	struct driad_relay relay = {0};
	bool v6 = source_has_family(cs, ADDR_V6);

	// In the order of RFC 6724, whose policy prefers IPv6. With no address at all, IPv4 stands
	// for both in what is shown.
	addr_parse(CHANNEL_ANYCAST6, &relay.addr);
	if (v6)
		source_candidate(src, &relay, "anycast", src->methods);
	addr_parse(CHANNEL_ANYCAST, &relay.addr);
	if (!v6 || source_has_family(cs, ADDR_V4))
		source_candidate(src, &relay, "anycast", src->methods);
	return ASK_ADDED;
}

// The reverse names of private addresses are nobody's, and not for others to read. (Our own are
// refused before: refuse.c.)
static const char *no_driad_for(const struct source *src)
{
	const struct channels *cs = src->cs;

	if (!addr_is_unicast(&src->addr))
		return "DNS: not asked: no host has the source's address";
	if (addr_is_private(&src->addr) && !cs->cfg.private_sources)
		return "DNS: not asked: the source's address is private (dns.private_sources)";
	return NULL;
}

static enum ask ask_driad(struct source *src, uint64_t now_us)
{
	const char *why = no_driad_for(src);

	if (why) {
		source_say(&src->dns_said, "%s", why);
		return ASK_NOTHING;
	}
	src->expires_us = now_us; // until an answer brings a TTL
	driad_asker(src->cs->rooms.driad, src->asker);
	src->lookup = driad_lookup_start(src->cs->rooms.driad, &src->addr, lookup_cb, src, now_us);
	if (src->lookup)
		return ASK_WAIT;
	source_say(&src->dns_said, "out of memory");
	return ASK_NOTHING;
}

enum ask discover_ask(struct source *src, uint64_t now_us)
{
	switch (src->cs->cfg.methods[src->methods++]) {
	case DISCOVERY_DNS_SD:
		return ask_services(src, now_us);
	case DISCOVERY_ANYCAST:
		return ask_anycast(src);
	case DISCOVERY_DRIAD:
		return ask_driad(src, now_us);
	}
	return ASK_NOTHING;
}

bool discover_waits(const struct source *src)
{
	return src->lookup || src->services_list;
}

void discover_cancel(struct source *src)
{
	if (src->lookup)
		driad_lookup_cancel(src->cs->rooms.driad, src->lookup);
	src->lookup = NULL;
	if (src->services_list)
		TAILQ_REMOVE(src->services_list, src, in_services);
	src->services_list = NULL;
	src->renewing = false;
}

static void renew_lookup_cb(void *arg, const struct driad_result *result, uint64_t now_us)
{
	struct source *src = arg;
	uint32_t ttl_s = result->ttl_s;

	src->lookup = NULL;
	src->renewing = false;
	src->cs->now_us = now_us;
	// Without a TTL it is no answer.
	if (ttl_s == 0) {
		renew_failed(src, now_us);
	} else {
		src->expires_us = now_us + ttl_s * USEC_PER_SEC;
		renew_answered(src, result->relays, result->n_relays, "driad", now_us);
	}
	renew_done(src, now_us);
}

void discover_renew(struct source *src, unsigned int rank, uint64_t now_us)
{
	struct channels *cs = src->cs;

	src->renewing = true;
	if (cs->cfg.methods[rank - 1] == DISCOVERY_DRIAD) {
		driad_asker(cs->rooms.driad, src->asker);
		src->lookup = driad_lookup_start(
			cs->rooms.driad, &src->addr, renew_lookup_cb, src, now_us);
		if (src->lookup)
			return;
	} else {
		switch (services_now(src, now_us)) {
		case ASK_WAIT:
			return;
		case ASK_ADDED:
			renew_services(src, now_us);
			return;
		case ASK_NOTHING:
			break;
		}
	}
	src->renewing = false;
	renew_failed(src, now_us);
}

void source_refresh(struct source *src, uint64_t now_us)
{
	if (discover_waits(src))
		return;
	if (now_us >= src->expires_us)
		source_candidates_begin(src);
	ask_further(src, now_us);
}

void discover_fini(struct channels *cs)
{
	if (cs->services.lookup)
		driad_lookup_cancel(cs->rooms.driad, cs->services.lookup);
	cs->services.lookup = NULL;
}
