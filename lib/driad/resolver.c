// SPDX-License-Identifier: BSD-3-Clause
// The IO of this room. libunbound on the control loop's own event_base, no thread and no blocking:
// it does what a stub resolver of ours would have to (source ports, IDs, retries, TCP fallback, a
// cache by TTL, CNAME and DNAME). Its sockets are ordinary kernel sockets: they follow the kernel's
// routes, out through the kernel-interface port.
#include "driad/resolver.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>
#include <unistd.h>

#include <unbound-event.h>

#include "base/hmap.h"
#include "base/log.h"
#include "base/timer.h"

#define DNS_CLASS_IN   1
#define DNS_HEADER_LEN 12

// libunbound says SERVFAIL for a server that says so, and for servers that say nothing. The latter
// takes it four tries from 400 ms on; and for some time after that it says the same from its cache.
#define RCODE_SERVFAIL 2
#define SILENCE_US     (2 * USEC_PER_SEC)
#define SILENT_FOR_US  (12 * USEC_PER_SEC)
#define SILENT_SLOTS   256

struct resolver {
	struct ub_ctx *ub;
	resolver_answer_cb answer;
	void *arg;
	struct hmap queries; // by handle
	int last_handle;
	// When a query for a name last went unanswered; 0: not since there was an answer. By the
	// name's hash: where two meet, a failure is at worst told for the other kind.
	uint64_t silent_us[SILENT_SLOTS];
	bool closing;
};

struct resolver_query {
	struct hnode node;
	struct resolver *resolver;
	uint64_t token;
	int handle;
	int async_id; // libunbound's, 0 when it answered at once
	uint64_t asked_us;
	uint8_t slot; // in silent_us
	bool cancelled;
};

// What a lookup needs, and nothing that makes it wait.
static const struct {
	const char *name, *value;
} options[] = {
	// The reverse zones of private and documentation prefixes are answered by libunbound
	// itself otherwise, with NXDOMAIN.
	{"unblock-lan-zones:", "yes"},
	{"insecure-lan-zones:", "yes"},
	// A forged answer is asked for again when the caller's back-off says so, a zone that was
	// repaired is not to be waited for.
	{"val-bogus-ttl:", "1"},
	// A resolver on this very host is the usual thing.
	{"do-not-query-localhost:", "no"},
	{"qname-minimisation:", "no"},
	{"use-caps-for-id:", "no"},
	{"edns-buffer-size:", "1232"},
	{"cache-min-ttl:", "0"},
	// One socket a query in flight, DRIAD_ASKED and a sixteenth of it at most.
	{"outgoing-range:", "128"},
	{"num-queries-per-thread:", "1024"},
	{"outgoing-num-tcp:", "8"},
	// A near resolver answers most in a millisecond and a cold recursion in a second or two:
	// a few
	// tries from 400 ms on give it 6 s. infra-cache-max-rtt stays at its two minutes: a server
	// whose back-off reaches it is not even asked, and one that comes back is then found late.
	{"infra-keep-probing:", "yes"},
	{"infra-host-ttl:", "5"},
	{"infra-cache-min-rtt:", "400"},
	{"outbound-msg-retry:", "3"},
};

static struct resolver_query *query_find(const struct resolver *r, int handle)
{
	struct hnode *n = hmap_find(&r->queries, hmap_hash(&handle, sizeof(handle)));

	for (; n; n = hmap_find_next(n)) {
		struct resolver_query *q = container_of_node(n, struct resolver_query, node);

		if (q->handle == handle)
			return q;
	}
	return NULL;
}

static void query_free(struct resolver_query *q)
{
	hmap_remove(&q->resolver->queries, &q->node);
	free(q);
}

// libunbound puts the question in front, which the caller knows.
static const char *why_of(const char *why)
{
	const char *end = why && why[0] ? strstr(why, ">: ") : NULL;

	return end ? end + 3 : why;
}

// The rcode for a query, or -1 where no server answered it.
static int rcode_of(
	struct resolver *r, const struct resolver_query *q, int rcode, const uint8_t *packet)
{
	uint64_t now_us = clock_mono_us(), *last_us = &r->silent_us[q->slot];
	// From its cache a failure comes as a message that says so.
	int said = rcode == 0 && packet ? packet[3] & 0xf : rcode;

	if (said != RCODE_SERVFAIL) {
		*last_us = 0;
		return rcode;
	}
	if (now_us - q->asked_us >= SILENCE_US)
		*last_us = now_us;
	return *last_us && now_us - *last_us < SILENT_FOR_US ? -1 : rcode;
}

static void on_resolved(void *arg, int rcode, void *packet, int packet_len, int sec,
	char *why_bogus, int was_ratelimited)
{
	struct resolver_query *q = arg;
	struct resolver *r = q->resolver;
	uint64_t token = q->token;
	bool silent = q->cancelled || r->closing;
	// The packet is not to be looked at with an rcode; without, NXDOMAIN stands in its header.
	bool readable = rcode == 0 && packet && packet_len >= DNS_HEADER_LEN;
	struct driad_answer a = {
		.rcode = rcode_of(r, q, rcode, readable ? packet : NULL),
		.bogus = sec == 1,
		.secure = sec == 2,
		.why_bogus = why_of(why_bogus),
		.packet = readable ? packet : NULL,
		.len = readable ? (size_t)packet_len : 0,
	};

	(void)was_ratelimited;
	query_free(q);
	if (!silent)
		r->answer(r->arg, token, &a);
}

static int resolver_query(void *ctx, const char *name, uint16_t rrtype, uint64_t token)
{
	struct resolver *r = ctx;
	struct resolver_query *q = calloc(1, sizeof(*q));
	int handle, async_id = 0, err;

	if (!q)
		return -ENOMEM;
	handle = r->last_handle = r->last_handle == INT_MAX ? 1 : r->last_handle + 1;
	q->resolver = r;
	q->token = token;
	q->handle = handle;
	q->asked_us = clock_mono_us();
	q->slot = (uint8_t)hmap_hash(name, strlen(name));
	if (hmap_insert(&r->queries, &q->node, hmap_hash(&handle, sizeof(handle))) < 0) {
		free(q);
		return -ENOMEM;
	}
	err = ub_resolve_event(r->ub, name, rrtype, DNS_CLASS_IN, q, on_resolved, &async_id);
	if (err != 0) {
		log_warn_limited(
			"driad", "query not sent name=%s err=\"%s\"", name, ub_strerror(err));
		query_free(q);
		return err == UB_NOMEM ? -ENOMEM : -EIO;
	}
	// An answer from the cache has come already, and q is gone.
	q = query_find(r, handle);
	if (q)
		q->async_id = async_id;
	return handle;
}

static void resolver_cancel(void *ctx, int handle)
{
	struct resolver *r = ctx;
	struct resolver_query *q = query_find(r, handle);

	if (!q)
		return;
	// The caller's patience is shorter than libunbound's, which remembers its failure when that
	// comes.
	if (clock_mono_us() - q->asked_us >= SILENCE_US)
		r->silent_us[q->slot] = clock_mono_us();
	// Once libunbound knows, its callback does not come any more.
	if (ub_cancel(r->ub, q->async_id) == 0)
		query_free(q);
	else
		q->cancelled = true;
}

const struct driad_resolver_ops resolver_ops = {.query = resolver_query, .cancel = resolver_cancel};

static int option_set(
	struct resolver *r, const char *name, const char *value, char err[RESOLVER_ERR_LEN])
{
	int rc = ub_ctx_set_option(r->ub, name, value);

	if (rc == 0)
		return 0;
	snprintf(err, RESOLVER_ERR_LEN, "libunbound: option %s %s: %s", name, value,
		ub_strerror(rc));
	return -EINVAL;
}

static int options_set(
	struct resolver *r, const struct resolver_cfg *cfg, char err[RESOLVER_ERR_LEN])
{
	char negative[16];

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (option_set(r, options[i].name, options[i].value, err) < 0)
			return -EINVAL;
	}
	snprintf(negative, sizeof(negative), "%u",
		cfg->negative_ttl_max_s ? cfg->negative_ttl_max_s : 300);
	return option_set(r, "cache-max-negative-ttl:", negative, err);
}

// Without a trust anchor the resolver asked is trusted (RFC 8777 section 6.2).
static int anchors_set(
	struct resolver *r, const struct resolver_cfg *cfg, char err[RESOLVER_ERR_LEN])
{
	bool validate = cfg->n_anchors > 0 || cfg->anchor_file;
	int rc;

	for (unsigned int i = 0; i < cfg->n_anchors; i++) {
		rc = ub_ctx_add_ta(r->ub, cfg->anchors[i]);
		if (rc != 0) {
			snprintf(err, RESOLVER_ERR_LEN, "trust anchor \"%.100s\": %s",
				cfg->anchors[i], ub_strerror(rc));
			return -EINVAL;
		}
	}
	if (cfg->anchor_file) {
		rc = access(cfg->anchor_file, R_OK) < 0 ? -errno : 0;
		if (rc < 0 || (rc = ub_ctx_add_ta_file(r->ub, cfg->anchor_file)) != 0) {
			snprintf(err, RESOLVER_ERR_LEN, "trust anchors %.200s: %s",
				cfg->anchor_file, rc < 0 ? strerror(-rc) : ub_strerror(rc));
			return -EINVAL;
		}
	}
	for (unsigned int i = 0; i < cfg->n_insecure; i++)
		if (option_set(r, "domain-insecure:", cfg->insecure[i], err) < 0)
			return -EINVAL;
	if (option_set(r, "harden-dnssec-stripped:", cfg->may_be_stripped ? "no" : "yes", err) < 0)
		return -EINVAL;
	return option_set(r, "module-config:", validate ? "validator iterator" : "iterator", err);
}

static int servers_set(
	struct resolver *r, const struct resolver_cfg *cfg, char err[RESOLVER_ERR_LEN])
{
	int rc;

	for (unsigned int i = 0; i < cfg->n_servers; i++) {
		char addr[ADDR_STRLEN], server[ADDR_STRLEN + 8];

		snprintf(server, sizeof(server), "%s@%u", addr_format(&cfg->servers[i], addr),
			cfg->ports[i]);
		rc = ub_ctx_set_fwd(r->ub, server);
		if (rc != 0) {
			snprintf(err, RESOLVER_ERR_LEN, "resolver %s: %s", server, ub_strerror(rc));
			return -EINVAL;
		}
	}
	if (cfg->n_servers > 0)
		return 0;
	rc = ub_ctx_resolvconf(r->ub, NULL);
	if (rc != 0) {
		snprintf(err, RESOLVER_ERR_LEN, "/etc/resolv.conf: %s", ub_strerror(rc));
		return -EINVAL;
	}
	return 0;
}

static void on_warm(void *arg, int rcode, void *packet, int packet_len, int sec, char *why_bogus,
	int was_ratelimited)
{
	(void)arg;
	(void)rcode;
	(void)packet;
	(void)packet_len;
	(void)sec;
	(void)why_bogus;
	(void)was_ratelimited;
}

// libunbound sets itself up with its first query, which costs milliseconds that belong here and not
// to the first join; "localhost." it answers by itself. Of the names it would answer by itself with
// NXDOMAIN, "test." is left to the resolver: labs have their relays there.
static int warm_up(struct resolver *r, const struct resolver_cfg *cfg, char err[RESOLVER_ERR_LEN])
{
	int rc = ub_ctx_zone_remove(r->ub, "test.");

	if (rc != 0 && (cfg->n_anchors > 0 || cfg->anchor_file)) {
		// What it has read by now is the anchors.
		snprintf(err, RESOLVER_ERR_LEN, "trust anchors: %s", ub_strerror(rc));
		return -EINVAL;
	}
	if (rc == 0)
		rc = ub_resolve_event(r->ub, "localhost.", 1, DNS_CLASS_IN, NULL, on_warm, NULL);
	if (rc != 0) {
		snprintf(err, RESOLVER_ERR_LEN, "libunbound: %s", ub_strerror(rc));
		return -EIO;
	}
	return 0;
}

struct resolver *resolver_create(const struct resolver_cfg *cfg, struct event_base *base,
	resolver_answer_cb answer, void *arg, char err[RESOLVER_ERR_LEN])
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r) {
		snprintf(err, RESOLVER_ERR_LEN, "out of memory");
		return NULL;
	}
	r->answer = answer;
	r->arg = arg;
	hmap_init(&r->queries);
	r->ub = ub_ctx_create_event(base);
	if (!r->ub) {
		snprintf(err, RESOLVER_ERR_LEN, "libunbound: no context: out of memory or entropy");
		goto free_resolver;
	}
	if (options_set(r, cfg, err) < 0 || anchors_set(r, cfg, err) < 0 ||
		servers_set(r, cfg, err) < 0 || warm_up(r, cfg, err) < 0)
		goto delete_context;
	return r;

delete_context:
	ub_ctx_delete(r->ub);
free_resolver:
	free(r);
	return NULL;
}

void resolver_destroy(struct resolver *r)
{
	struct hnode *n, *tmp;

	if (!r)
		return;
	// It may call back for what is in flight.
	r->closing = true;
	ub_ctx_delete(r->ub);
	HMAP_FOREACH (n, tmp, &r->queries)
		query_free(container_of_node(n, struct resolver_query, node));
	hmap_fini(&r->queries);
	free(r);
}
