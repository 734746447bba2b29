// SPDX-License-Identifier: BSD-3-Clause
// Checks between keys, after each key by itself is known to be right.
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/config_internal.h"

struct check {
	const struct config *c;
	const config_t *config;
	const char *path;
	char *err;
};

#define at(k, ...)	    config_at((k)->config, __VA_ARGS__)
#define FAIL(k, where, ...) config_fail((k)->err, (k)->path, (where), __VA_ARGS__)

static void device_key(const char *device, char key[256])
{
	size_t len = strcspn(device, ",");
	bool short_pci = len == 7 && device[2] == ':' && device[5] == '.';
	int n = snprintf(key, 256, "%s%.*s", short_pci ? "0000:" : "", (int)len, device);

	for (int i = 0; i < n && i < 255; i++)
		key[i] = (char)tolower((unsigned char)key[i]);
}

bool config_same_device(const char *a, const char *b)
{
	char key_a[256], key_b[256];

	device_key(a, key_a);
	device_key(b, key_b);
	return strcmp(key_a, key_b) == 0;
}

static bool mac_given(const struct config_if *f)
{
	static const uint8_t none[6];

	return memcmp(f->mac, none, sizeof(none)) != 0;
}

// Of two interfaces of a port, a VLAN with larger datagrams than the port's untagged interface.
static int check_vlan_mtu(const struct check *k, unsigned int i, unsigned int j)
{
	unsigned int vlan = k->c->ifs[i].vlan ? i : j, port = vlan == i ? j : i;
	const struct config_if *v = &k->c->ifs[vlan], *p = &k->c->ifs[port];

	if (p->vlan || !p->mtu || v->mtu <= p->mtu)
		return 0;
	return FAIL(k, at(k, "interfaces.[%u].mtu", vlan),
		"mtu %u is more than that of interface \"%s\", %u, whose port it is on", v->mtu,
		p->name, p->mtu);
}

// What interfaces i and j, which name the same device, must agree on.
static int check_shared(const struct check *k, unsigned int i, unsigned int j)
{
	const struct config_if *a = &k->c->ifs[i], *b = &k->c->ifs[j];
	char key[256];

	device_key(a->device, key);
	if (a->vlan == b->vlan && a->vlan)
		return FAIL(k, at(k, "interfaces.[%u].vlan", i),
			"vlan %u of device \"%.100s\" is that of interface \"%s\"", a->vlan, key,
			b->name);
	if (a->vlan == b->vlan)
		return FAIL(k, at(k, "interfaces.[%u].device", i),
			"device \"%.100s\" is that of interface \"%s\"; one port with both "
			"roles has role = \"both\", its VLANs each have a vlan",
			key, b->name);
	if (strcmp(strchr(a->device, ',') ? strchr(a->device, ',') : "",
		    strchr(b->device, ',') ? strchr(b->device, ',') : "") != 0)
		return FAIL(k, at(k, "interfaces.[%u].device", i),
			"device \"%.100s\" has other arguments at interface \"%s\"", key, b->name);
	if (mac_given(a) && mac_given(b) && memcmp(a->mac, b->mac, sizeof(a->mac)) != 0)
		return FAIL(k, at(k, "interfaces.[%u].mac", i),
			"mac differs from that of interface \"%s\", which is on the same port",
			b->name);
	if (a->spread && b->spread && a->spread != b->spread)
		return FAIL(k, at(k, "interfaces.[%u].spread", i),
			"spread differs from that of interface \"%s\", which is on the same port",
			b->name);
	return check_vlan_mtu(k, i, j);
}

static int check_unique(const struct check *k, unsigned int i)
{
	const struct config_if *a = &k->c->ifs[i];

	for (unsigned int j = 0; j < i; j++) {
		const struct config_if *b = &k->c->ifs[j];
		int ret = 0;

		if (strcmp(a->name, b->name) == 0)
			return FAIL(k, at(k, "interfaces.[%u].name", i),
				"name \"%s\" is taken by another interface", a->name);
		if (config_same_device(a->device, b->device))
			ret = check_shared(k, i, j);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int check_addrs(const struct check *k, unsigned int i)
{
	const struct config_if *a = &k->c->ifs[i];
	char text[ADDR_STRLEN];

	for (unsigned int n = 0; n < a->n_addrs; n++) {
		for (unsigned int j = 0; j <= i; j++) {
			const struct config_if *b = &k->c->ifs[j];

			for (unsigned int m = 0; m < (j == i ? n : b->n_addrs); m++) {
				if (addr_eq(&a->addrs[n].addr, &b->addrs[m].addr))
					return FAIL(k,
						at(k, "interfaces.[%u].addresses.[%u]", i, n),
						"address %s appears twice",
						addr_format(&a->addrs[n].addr, text));
			}
		}
	}
	return 0;
}

static bool on_link(const struct config_if *f, const struct addr *a)
{
	if (addr_is_linklocal(a))
		return true;
	for (unsigned int i = 0; i < f->n_addrs; i++) {
		struct prefix net = {.addr = f->addrs[i].addr, .len = f->addrs[i].len};

		if (prefix_match(&net, a))
			return true;
	}
	return false;
}

static int check_routes(const struct check *k, unsigned int i)
{
	const struct config_if *f = &k->c->ifs[i];
	char text[PREFIX_STRLEN];

	for (unsigned int n = 0; n < f->n_routes; n++) {
		const struct config_route *r = &f->routes[n];

		if (addr_is_multicast(&r->to.addr))
			return FAIL(k, at(k, "interfaces.[%u].routes.[%u].to", i, n),
				"to %s is multicast", prefix_format(&r->to, text));
		if (r->to.addr.family != r->via.family)
			return FAIL(k, at(k, "interfaces.[%u].routes.[%u].via", i, n),
				"route to %s via an address of the other family",
				prefix_format(&r->to, text));
		// Without addresses here the operator sets them: nothing to compare with.
		if (f->n_addrs > 0 && !on_link(f, &r->via))
			return FAIL(k, at(k, "interfaces.[%u].routes.[%u].via", i, n),
				"via %s is in no network of interface \"%s\"",
				addr_format(&r->via, text), f->name);
		for (unsigned int j = 0; j <= i; j++) {
			const struct config_if *b = &k->c->ifs[j];

			for (unsigned int m = 0; m < (j == i ? n : b->n_routes); m++) {
				if (addr_eq(&r->to.addr, &b->routes[m].to.addr) &&
					r->to.len == b->routes[m].to.len)
					return FAIL(k,
						at(k, "interfaces.[%u].routes.[%u].to", i, n),
						"route to %s appears twice",
						prefix_format(&r->to, text));
			}
		}
	}
	return 0;
}

static int check_watch(const struct check *k, unsigned int i)
{
	const struct config_if *f = &k->c->ifs[i];
	const config_setting_t *watch;
	char where[64], text[PREFIX_STRLEN];

	snprintf(where, sizeof(where), "interfaces.[%u].pim.watch", i);
	watch = config_lookup(k->config, where);
	if (watch && f->pim.mode != CONFIG_PIM_WATCH)
		return FAIL(k, watch, "watch, but the mode of pim is not \"watch\"");
	if (f->pim.mode == CONFIG_PIM_WATCH && !f->pim.enabled)
		return FAIL(k, at(k, "interfaces.[%u].pim.enabled", i),
			"enabled is false, but the mode of pim is \"watch\"");
	for (unsigned int n = 0; n < f->pim.watch.n_upstream; n++)
		if (addr_is_multicast(&f->pim.watch.upstream[n].addr))
			return FAIL(k, at(k, "interfaces.[%u].pim.watch.upstream.[%u]", i, n),
				"upstream: %s is multicast",
				prefix_format(&f->pim.watch.upstream[n], text));
	return 0;
}

static int check_pim(const struct check *k, unsigned int i)
{
	const struct config_if *f = &k->c->ifs[i];
	const config_setting_t *pim;
	char where[64], text[PREFIX_STRLEN];

	snprintf(where, sizeof(where), "interfaces.[%u].pim", i);
	pim = config_lookup(k->config, where);
	if (!pim)
		return 0;
	if (!(f->role & IF_DOWNSTREAM))
		return FAIL(
			k, pim, "pim on interface \"%s\", whose role is not downstream", f->name);
	// A neighbour would lose us between two Hellos (RFC 7761 section 4.3.1 has 3.5 times).
	if (f->pim.hello_holdtime_s <= f->pim.hello_interval_s)
		return FAIL(k, at(k, "interfaces.[%u].pim.hello_holdtime", i),
			"hello_holdtime %u is not above hello_interval %u", f->pim.hello_holdtime_s,
			f->pim.hello_interval_s);
	for (unsigned int n = 0; n < f->pim.n_neighbors; n++)
		if (addr_is_multicast(&f->pim.neighbors[n].addr))
			return FAIL(k, at(k, "interfaces.[%u].pim.neighbors.[%u]", i, n),
				"neighbors: %s is multicast",
				prefix_format(&f->pim.neighbors[n], text));
	if (f->pim.max_joins && f->pim.max_joins_neighbor > f->pim.max_joins)
		return FAIL(k, at(k, "interfaces.[%u].pim.max_joins_neighbor", i),
			"max_joins_neighbor %u is above max_joins %u", f->pim.max_joins_neighbor,
			f->pim.max_joins);
	return check_watch(k, i);
}

static int check_membership(
	const struct check *k, unsigned int i, const char *key, const struct config_membership *m)
{
	const struct config_if *f = &k->c->ifs[i];
	const config_setting_t *group;
	char where[64];

	snprintf(where, sizeof(where), "interfaces.[%u].%s", i, key);
	group = config_lookup(k->config, where);
	if (!group)
		return 0;
	if (!(f->role & IF_DOWNSTREAM))
		return FAIL(k, group, "%s on interface \"%s\", whose role is not downstream", key,
			f->name);
	// RFC 9776 section 8.3.
	if (m->query_response_ms >= m->query_interval_s * 1000)
		return FAIL(k, at(k, "interfaces.[%u].%s.query_response_ms", i, key),
			"query_response_ms %u is not below query_interval %u s",
			m->query_response_ms, m->query_interval_s);
	return 0;
}

static int check_igmp(const struct check *k, unsigned int i)
{
	return check_membership(k, i, "igmp", &k->c->ifs[i].igmp);
}

static int check_mld(const struct check *k, unsigned int i)
{
	return check_membership(k, i, "mld", &k->c->ifs[i].mld);
}

static int check_interfaces(const struct check *k)
{
	static int (*const checks[])(const struct check *, unsigned int) = {
		check_unique,
		check_addrs,
		check_routes,
		check_pim,
		check_igmp,
		check_mld,
	};
	unsigned int roles = 0, n_down = 0;

	for (unsigned int i = 0; i < k->c->n_ifs; i++) {
		for (unsigned int n = 0; n < sizeof(checks) / sizeof(checks[0]); n++) {
			int ret = checks[n](k, i);

			if (ret < 0)
				return ret;
		}
		roles |= k->c->ifs[i].role;
		n_down += (k->c->ifs[i].role & IF_DOWNSTREAM) != 0;
		if (n_down > CONFIG_MAX_DOWN)
			return FAIL(k, at(k, "interfaces.[%u].role", i),
				"more than %d interfaces with role downstream or both",
				CONFIG_MAX_DOWN);
	}
	if (!(roles & IF_UPSTREAM))
		return FAIL(k, at(k, "interfaces"), "no interface has role upstream or both");
	if (!(roles & IF_DOWNSTREAM))
		return FAIL(k, at(k, "interfaces"), "no interface has role downstream or both");
	return 0;
}

static int check_cpus(const struct check *k)
{
	const struct config *c = k->c;

	for (unsigned int i = 0; i < c->n_workers; i++) {
		if (c->workers[i] > 1023)
			return FAIL(k, at(k, "workers.[%u]", i), "workers: %d is not in 0..1023",
				c->workers[i]);
		if (c->share_cpu)
			continue;
		if (c->workers[i] == c->control_cpu)
			return FAIL(k, at(k, "control_cpu"),
				"control_cpu %d is among the workers (share_cpu = true allows it)",
				c->control_cpu);
		for (unsigned int j = 0; j < i; j++) {
			if (c->workers[i] == c->workers[j])
				return FAIL(k, at(k, "workers.[%u]", i),
					"workers: CPU %d appears twice (share_cpu = true allows "
					"it)",
					c->workers[i]);
		}
	}
	return 0;
}

static int check_ranges(const struct check *k)
{
	const struct config *c = k->c;
	char a[PREFIX_STRLEN], b[PREFIX_STRLEN];

	for (unsigned int i = 0; i < c->n_ssm_ranges; i++) {
		for (unsigned int j = 0; j < i; j++) {
			const struct prefix *x = &c->ssm_ranges[i], *y = &c->ssm_ranges[j];

			if (group_in_range(x, &y->addr) || group_in_range(y, &x->addr))
				return FAIL(k, at(k, "ssm_ranges.[%u]", i),
					"ssm_ranges: %s overlaps %s", prefix_format(x, a),
					prefix_format(y, b));
		}
	}
	return 0;
}

static int check_relay_quirks(const struct check *k)
{
	const struct config *c = k->c;
	char a[ADDR_STRLEN];

	for (unsigned int i = 0; i < c->n_relay_quirks; i++) {
		for (unsigned int j = 0; j < i; j++) {
			if (addr_eq(&c->relay_quirks[i].relay, &c->relay_quirks[j].relay))
				return FAIL(k, at(k, "relay_quirks.[%u]", i),
					"relay_quirks: %s appears twice",
					addr_format(&c->relay_quirks[i].relay, a));
		}
	}
	return 0;
}

static int check_relays(const struct check *k)
{
	const struct config *c = k->c;
	char p[PREFIX_STRLEN], a[ADDR_STRLEN];

	for (unsigned int i = 0; i < c->n_relays; i++) {
		const struct config_static_relay *x = &c->relays[i];

		for (unsigned int j = 0; j < i; j++) {
			const struct config_static_relay *y = &c->relays[j];

			if (x->sources.len == y->sources.len &&
				addr_eq(&x->sources.addr, &y->sources.addr) &&
				addr_eq(&x->relay, &y->relay))
				return FAIL(k, at(k, "relays.[%u]", i),
					"relays: %s through %s appears twice",
					prefix_format(&x->sources, p), addr_format(&x->relay, a));
		}
		for (unsigned int n = 0; n < c->n_ifs; n++) {
			for (unsigned int m = 0; m < c->ifs[n].n_addrs; m++) {
				if (addr_eq(&x->relay, &c->ifs[n].addrs[m].addr))
					return FAIL(k, at(k, "relays.[%u].relay", i),
						"relay %s is our own address",
						addr_format(&x->relay, a));
			}
		}
	}
	return 0;
}

static int check_retry(
	const struct check *k, const char *group, uint32_t initial_ms, uint32_t max_s)
{
	if ((uint64_t)max_s * 1000 < initial_ms)
		return FAIL(k, at(k, "%s.retry_max", group),
			"%s: retry_max %u s is less than retry_initial_ms %u", group, max_s,
			initial_ms);
	return 0;
}

static int check_traffic(const struct check *k)
{
	const struct config_amt *a = &k->c->amt;

	if ((uint64_t)a->traffic_timeout_max_s * 1000 < a->traffic_timeout_ms)
		return FAIL(k, at(k, "amt.traffic_timeout_max"),
			"traffic_timeout_max %u s is less than traffic_timeout_ms %u",
			a->traffic_timeout_max_s, a->traffic_timeout_ms);
	return 0;
}

// RFC 8305 section 5: a delay below 10 ms must not be.
static int check_race(const struct check *k)
{
	const struct config_amt *a = &k->c->amt;

	if (a->race_delay_ms > 0 && a->race_delay_ms < 10)
		return FAIL(k, at(k, "amt.race_delay_ms"), "race_delay_ms %u is less than 10",
			a->race_delay_ms);
	if (a->race_next_ms > 0 && a->race_next_ms < 10)
		return FAIL(k, at(k, "amt.race_next_ms"), "race_next_ms %u is less than 10",
			a->race_next_ms);
	return 0;
}

static int check_discovery(const struct check *k)
{
	const struct config *c = k->c;

	for (unsigned int i = 0; i < c->n_discovery; i++)
		for (unsigned int j = 0; j < i; j++)
			if (c->discovery[i] == c->discovery[j])
				return FAIL(k, at(k, "discovery.[%u]", i),
					"discovery: a method appears twice");
	return 0;
}

static int check_resolvers(const struct check *k)
{
	const struct config_dns *d = &k->c->dns;
	char text[ADDR_STRLEN];

	for (unsigned int i = 0; i < d->n_resolvers; i++) {
		for (unsigned int j = 0; j < i; j++) {
			if (addr_eq(&d->resolvers[i], &d->resolvers[j]) &&
				d->ports[i] == d->ports[j])
				return FAIL(k, at(k, "dns.resolvers.[%u]", i),
					"resolvers: %s@%u appears twice",
					addr_format(&d->resolvers[i], text), d->ports[i]);
		}
	}
	return check_retry(k, "dns", d->retry_initial_ms, d->retry_max_s);
}

int config_check(
	const struct config *c, const config_t *config, const char *path, char err[CONFIG_ERR_LEN])
{
	struct check k = {.c = c, .config = config, .path = path, .err = err};
	static int (*const checks[])(const struct check *) = {
		check_interfaces,
		check_cpus,
		check_ranges,
		check_relays,
		check_relay_quirks,
		check_resolvers,
		check_traffic,
		check_race,
		check_discovery,
	};

	for (unsigned int i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int ret = checks[i](&k);

		if (ret < 0)
			return ret;
	}
	return check_retry(&k, "amt", c->amt.retry_initial_ms, c->amt.retry_max_s);
}
