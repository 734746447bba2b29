// SPDX-License-Identifier: BSD-3-Clause
// Discovery, tunnels and channels: what the configuration says to them, at the start and when
// another one is loaded.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "inlet.h"

static int out_of_memory(char err[BOOT_ERR_LEN])
{
	snprintf(err, BOOT_ERR_LEN, "out of memory");
	return -ENOMEM;
}

static void answer_cb(void *arg, uint64_t token, const struct driad_answer *a)
{
	struct inlet *in = arg;

	driad_answer_input(in->driad, token, a, clock_mono_us());
}

// What the resolver validates with, by the policy. 0, or -ENOENT with err filled.
static int dnssec_anchors(
	const struct config_dns *dns, struct resolver_cfg *rc, char err[BOOT_ERR_LEN])
{
	if (dns->dnssec == DNSSEC_OFF)
		return 0;
	rc->n_anchors = dns->n_trust_anchors;
	if (dns->trust_anchor_file[0])
		rc->anchor_file = dns->trust_anchor_file;
	else if (rc->n_anchors == 0 && access(CONFIG_ROOT_ANCHOR_FILE, R_OK) == 0)
		rc->anchor_file = CONFIG_ROOT_ANCHOR_FILE;
	rc->n_insecure = dns->n_insecure_domains;
	rc->may_be_stripped = dns->dnssec == DNSSEC_PERMISSIVE;
	if (rc->n_anchors > 0 || rc->anchor_file)
		return 0;
	if (dns->dnssec == DNSSEC_REQUIRE) {
		snprintf(err, BOOT_ERR_LEN,
			"dns: dnssec = \"require\" needs trust anchors, and %s is not there "
			"(package dns-root-data)",
			CONFIG_ROOT_ANCHOR_FILE);
		return -ENOENT;
	}
	log_warn("driad", "no DNSSEC: no trust anchors, file=%s is not there (dns-root-data)",
		CONFIG_ROOT_ANCHOR_FILE);
	return 0;
}

struct resolver *rooms_resolver(
	struct inlet *in, const struct config_dns *dns, char err[BOOT_ERR_LEN])
{
	const char *anchors[CONFIG_MAX_ANCHORS], *insecure[CONFIG_MAX_INSECURE];
	struct resolver_cfg rc = {
		.servers = dns->resolvers,
		.ports = dns->ports,
		.n_servers = dns->n_resolvers,
		.negative_ttl_max_s = dns->negative_ttl_max_s,
		.anchors = anchors,
		.insecure = insecure,
	};
	char why[RESOLVER_ERR_LEN];
	struct resolver *r;

	for (unsigned int i = 0; i < dns->n_trust_anchors; i++)
		anchors[i] = dns->trust_anchors[i];
	for (unsigned int i = 0; i < dns->n_insecure_domains; i++)
		insecure[i] = dns->insecure_domains[i];
	if (dnssec_anchors(dns, &rc, err) < 0)
		return NULL;
	r = resolver_create(&rc, in->base, answer_cb, in, why);
	if (!r)
		snprintf(err, BOOT_ERR_LEN, "dns: %s", why);
	return r;
}

static struct driad_cfg driad_cfg_of(struct inlet *in)
{
	const struct config_dns *dns = &in->cfg.dns;

	return (struct driad_cfg){
		.queries_per_100ms = dns->queries_per_100ms,
		.negative_ttl_max_s = dns->negative_ttl_max_s,
		.max_waiting = in->cfg.max_lookups,
		.use_ipv4 = true,
		.require_secure = dns->dnssec == DNSSEC_REQUIRE,
		.use_ipv6 = true,
		.path = upstream_path,
		.path_ctx = in,
	};
}

int rooms_discovery(struct inlet *in, char err[BOOT_ERR_LEN])
{
	const struct driad_cfg dc = driad_cfg_of(in);

	in->resolver = rooms_resolver(in, &in->cfg.dns, err);
	if (!in->resolver)
		return -EIO;
	in->driad = driad_create(&dc, &resolver_ops, in->resolver, &in->timers, &in->rng);
	return in->driad ? 0 : out_of_memory(err);
}

static void pin_quirks(struct inlet *in)
{
	for (unsigned int i = 0; i < in->cfg.n_relay_quirks; i++) {
		const struct config_relay_quirks *q = &in->cfg.relay_quirks[i];
		unsigned int quirks = 0;

		for (unsigned int k = 0; k < q->n_quirks; k++)
			quirks |= amt_quirk_parse(q->quirks[k]);
		amt_relay_pin(in->amt, &q->relay, quirks);
	}
}

static struct amt_cfg amt_cfg_of(const struct inlet *in)
{
	const struct config_amt *amt = &in->cfg.amt;

	return (struct amt_cfg){
		.retry_initial_ms = amt->retry_initial_ms,
		.retry_max_s = amt->retry_max_s,
		.request_tries = amt->request_tries,
		.update_mtu = amt->update_mtu,
		.relay_rate = amt->relay_rate,
		.ecn = amt->ecn,
	};
}

static struct channel_cfg channel_cfg_of(const struct inlet *in)
{
	const struct config_amt *amt = &in->cfg.amt;
	struct channel_cfg cc = {
		.static_relays = in->cfg.relays,
		.n_static_relays = in->cfg.n_relays,
		.max_channels = in->cfg.max_channels,
		.max_tunnels = in->cfg.max_tunnels,
		.retry_initial_ms = in->cfg.dns.retry_initial_ms,
		.retry_max_s = in->cfg.dns.retry_max_s,
		.hold_down_s = amt->hold_down_s,
		.full_hold_down_s = amt->full_hold_down_s,
		.linger_s = amt->linger_s,
		.traffic_timeout_ms = amt->traffic_timeout_ms,
		.traffic_timeout_max_s = amt->traffic_timeout_max_s,
		.race_delay_ms = amt->race_delay_ms,
		.private_sources = in->cfg.dns.private_sources,
		.race_next_ms = amt->race_next_ms,
		// A quarter of the rate: a lookup may be several queries.
		.renew_per_s = in->cfg.dns.queries_per_100ms * 10 / 4,
		.endpoints = amt->endpoints,
		.max_per_source = in->cfg.max_per_source,
		.acl = &in->cfg.acl,
	};

	for (; cc.n_methods < in->cfg.n_discovery; cc.n_methods++)
		cc.methods[cc.n_methods] = in->cfg.discovery[cc.n_methods];
	for (; cc.n_domains < in->cfg.dns.n_domains; cc.n_domains++)
		cc.domains[cc.n_domains] = in->cfg.dns.domains[cc.n_domains];
	return cc;
}

int rooms_channels(struct inlet *in, char err[BOOT_ERR_LEN])
{
	const struct amt_cfg ac = amt_cfg_of(in);
	const struct channel_cfg cc = channel_cfg_of(in);
	struct channel_env env = upstream_env;
	struct channel_rooms rooms;

	in->amt = amt_gateway_create(&ac, &upstream_amt_ops, in, &in->timers, &in->rng);
	if (!in->amt)
		return out_of_memory(err);
	pin_quirks(in);
	env.ctx = in;
	env.unwanted_cb = iface_unwanted_cb;
	rooms = (struct channel_rooms){
		.amt = in->amt,
		.driad = in->driad,
		.held = &in->held,
		.mfib = in->mfib,
		.timers = &in->timers,
		.rng = &in->rng,
	};
	in->channels = channels_create(&cc, &env, &rooms);
	return in->channels ? 0 : out_of_memory(err);
}

bool rooms_resolver_differs(const struct config_dns *a, const struct config_dns *b)
{
	bool differs = a->n_resolvers != b->n_resolvers || a->dnssec != b->dnssec ||
		       a->negative_ttl_max_s != b->negative_ttl_max_s ||
		       a->n_trust_anchors != b->n_trust_anchors ||
		       a->n_insecure_domains != b->n_insecure_domains ||
		       strcmp(a->trust_anchor_file, b->trust_anchor_file) != 0;

	for (unsigned int i = 0; !differs && i < a->n_resolvers; i++)
		differs =
			!addr_eq(&a->resolvers[i], &b->resolvers[i]) || a->ports[i] != b->ports[i];
	for (unsigned int i = 0; !differs && i < a->n_trust_anchors; i++)
		differs = strcmp(a->trust_anchors[i], b->trust_anchors[i]) != 0;
	for (unsigned int i = 0; !differs && i < a->n_insecure_domains; i++)
		differs = strcmp(a->insecure_domains[i], b->insecure_domains[i]) != 0;
	return differs;
}

static bool discovery_differs(const struct config *a, const struct config *b)
{
	bool differs = a->n_discovery != b->n_discovery || a->dns.n_domains != b->dns.n_domains ||
		       a->dns.private_sources != b->dns.private_sources;

	for (unsigned int i = 0; !differs && i < a->n_discovery; i++)
		differs = a->discovery[i] != b->discovery[i];
	for (unsigned int i = 0; !differs && i < a->dns.n_domains; i++)
		differs = strcmp(a->dns.domains[i], b->dns.domains[i]) != 0;
	return differs;
}

static bool relays_differ(const struct config *a, const struct config *b)
{
	bool differs = a->n_relays != b->n_relays;

	for (unsigned int i = 0; !differs && i < a->n_relays; i++) {
		const struct config_static_relay *x = &a->relays[i], *y = &b->relays[i];

		differs = x->sources.len != y->sources.len ||
			  !addr_eq(&x->sources.addr, &y->sources.addr) ||
			  !addr_eq(&x->relay, &y->relay) || x->discovery != y->discovery ||
			  x->precedence != y->precedence;
	}
	return differs;
}

static bool list_differs(
	const struct prefix *a, unsigned int n_a, const struct prefix *b, unsigned int n_b)
{
	bool differs = n_a != n_b;

	for (unsigned int i = 0; !differs && i < n_a; i++)
		differs = a[i].len != b[i].len || !addr_eq(&a[i].addr, &b[i].addr);
	return differs;
}

static bool acl_differs(const struct config *a, const struct config *b)
{
	const struct config_acl *x[] = {&a->acl.sources, &a->acl.groups, &a->acl.relays};
	const struct config_acl *y[] = {&b->acl.sources, &b->acl.groups, &b->acl.relays};
	bool differs = false;

	for (int i = 0; !differs && i < 3; i++)
		differs =
			list_differs(x[i]->permit, x[i]->n_permit, y[i]->permit, y[i]->n_permit) ||
			list_differs(x[i]->deny, x[i]->n_deny, y[i]->deny, y[i]->n_deny);
	return differs;
}

int rooms_reload(struct inlet *in, const struct config *was, struct resolver *resolver,
	char err[BOOT_ERR_LEN])
{
	const struct driad_cfg dc = driad_cfg_of(in);
	const struct amt_cfg ac = amt_cfg_of(in);
	const struct channel_cfg cc = channel_cfg_of(in);
	uint64_t now = clock_mono_us();
	unsigned int what = (relays_differ(was, &in->cfg) ? CHANNELS_RELAYS : 0) |
			    (discovery_differs(was, &in->cfg) ? CHANNELS_DISCOVERY : 0) |
			    (acl_differs(was, &in->cfg) ? CHANNELS_ACL : 0);
	struct resolver *old = in->resolver;
	bool differs = resolver || was->dns.queries_per_100ms != in->cfg.dns.queries_per_100ms ||
		       was->max_lookups != in->cfg.max_lookups;

	if (amt_gateway_configure(in->amt, &ac) < 0)
		return out_of_memory(err);
	if (differs) {
		if (driad_configure(in->driad, &dc, resolver ? resolver : old, now) < 0)
			return out_of_memory(err);
		if (resolver) {
			in->resolver = resolver;
			resolver_destroy(old);
		}
	}
	for (unsigned int i = 0; i < was->n_relay_quirks; i++)
		amt_relay_unpin(in->amt, &was->relay_quirks[i].relay);
	pin_quirks(in);
	channels_batch_begin(in->channels);
	channels_configure(in->channels, &cc, what, now);
	channels_batch_end(in->channels, now);
	again_begin(in);
	return 0;
}

// Where the file names no address and the usual one is not to be had (a second inletd has it, or
// there is no loopback), the appliance does without.
int rooms_metrics(struct inlet *in, char err[BOOT_ERR_LEN])
{
	const struct config_metrics *m = &in->cfg.metrics;
	const struct page_cfg cfg = {.channels = m->channels, .tunnels = m->tunnels};
	char why[METRICS_ERR_LEN];

	if (addr_is_none(&m->listen.addr))
		return 0;
	in->metrics =
		metrics_server_open(in->base, &m->listen, &cfg, &in->observe, &in->scrapes, why);
	if (in->metrics) {
		in->observe.scrapes = &in->scrapes;
		return 0;
	}
	if (!m->listen.named) {
		log_info("metrics", "none: %s", why);
		return 0;
	}
	snprintf(err, BOOT_ERR_LEN, "metrics: %s", why);
	return -EADDRNOTAVAIL;
}

static bool metrics_differ(const struct config_metrics *a, const struct config_metrics *b)
{
	return !addr_eq(&a->listen.addr, &b->listen.addr) || a->listen.port != b->listen.port ||
	       a->channels != b->channels || a->tunnels != b->tunnels;
}

int rooms_reload_metrics(struct inlet *in, const struct config *was, char err[BOOT_ERR_LEN])
{
	if (!metrics_differ(&was->metrics, &in->cfg.metrics))
		return 0;
	metrics_server_close(in->metrics);
	in->metrics = NULL;
	in->observe.scrapes = NULL;
	return rooms_metrics(in, err);
}
