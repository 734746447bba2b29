// SPDX-License-Identifier: BSD-3-Clause
// What is different in two configurations, key by key, by the schema. Pure.
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_internal.h"

struct diff {
	const struct config *was, *is;
	config_change_cb cb;
	void *arg;
	int n; // or -ENOMEM
};

static void tell(struct diff *d, const char *was, const char *is, bool restart, const char *fmt,
	...) __attribute__((format(printf, 5, 6)));
static void tell(
	struct diff *d, const char *was, const char *is, bool restart, const char *fmt, ...)
{
	struct config_change c = {.restart = restart};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c.key, sizeof(c.key), fmt, ap);
	va_end(ap);
	snprintf(c.was, sizeof(c.was), "%s", was);
	snprintf(c.is, sizeof(c.is), "%s", is);
	d->n++;
	if (d->cb)
		d->cb(d->arg, &c);
}

static void list_add(char out[CONFIG_VALUE_LEN], const char *text)
{
	size_t n = strlen(out);

	snprintf(out + n, CONFIG_VALUE_LEN - n, "%s%s", n ? ", " : "", text);
}

// Values of one key.

static int64_t int_of(const struct schema *k, const char *field)
{
	uint32_t v32;
	uint16_t v16;

	switch (k->size) {
	case sizeof(uint8_t):
		return *(const uint8_t *)field;
	case sizeof(uint16_t):
		memcpy(&v16, field, sizeof(v16));
		return v16;
	default:
		memcpy(&v32, field, sizeof(v32));
		return v32;
	}
}

static unsigned int count_of(const struct schema *k, const char *base)
{
	unsigned int n;

	memcpy(&n, base + k->count_offset, sizeof(n));
	return n;
}

static void value_text(const struct schema *k, const char *base, char out[CONFIG_VALUE_LEN])
{
	const char *field = base + k->offset;
	char one[CONFIG_VALUE_LEN];
	unsigned int n;
	int64_t v;

	out[0] = '\0';
	switch (k->type) {
	case SCHEMA_INT:
		v = int_of(k, field);
		if (v >= k->min && v <= k->max)
			snprintf(out, CONFIG_VALUE_LEN, "%lld", (long long)v);
		else if (k->auto_ok) // what stands for the default is no value of the key
			snprintf(out, CONFIG_VALUE_LEN, "auto");
		break;
	case SCHEMA_BOOL:
		snprintf(out, CONFIG_VALUE_LEN, "%s", *(const bool *)field ? "true" : "false");
		break;
	case SCHEMA_TEXT:
		k->text(field, out);
		break;
	default:
		n = count_of(k, base);
		if (n == 0 && k->auto_ok)
			snprintf(out, CONFIG_VALUE_LEN, "auto");
		for (unsigned int i = 0; i < n; i++, field += k->size) {
			if (k->type == SCHEMA_INTS)
				snprintf(one, sizeof(one), "%lld", (long long)int_of(k, field));
			else
				k->text(field, one);
			list_add(out, one);
		}
	}
}

static bool same_elements(const struct schema *k, const char *was, const char *is)
{
	unsigned int n = count_of(k, was);

	return n == count_of(k, is) &&
	       memcmp(was + k->offset, is + k->offset, (size_t)n * k->size) == 0;
}

static void diff_value(
	struct diff *d, const char *path, const struct schema *k, const char *was, const char *is)
{
	bool list = k->type == SCHEMA_TEXTS || k->type == SCHEMA_INTS;
	char a[CONFIG_VALUE_LEN], b[CONFIG_VALUE_LEN];

	if (list && same_elements(k, was, is))
		return;
	value_text(k, was, a);
	value_text(k, is, b);
	if (list || strcmp(a, b) != 0)
		tell(d, a, b, k->restart, "%s%s", path, k->key);
}

// What is not told by place but by name: elements of lists.

static void diff_group(struct diff *d, const char *path, const struct schema *schema,
	const char *was, const char *is);

static void diff_interfaces(struct diff *d, const struct schema *k)
{
	char path[CONFIG_KEY_LEN];

	for (unsigned int i = 0; i < d->was->n_ifs; i++) {
		const struct config_if *w = &d->was->ifs[i], *n = config_if_named(d->is, w->name);

		if (!n) {
			tell(d, w->device, "", true, "interfaces.%s", w->name);
			continue;
		}
		snprintf(path, sizeof(path), "interfaces.%s.", w->name);
		diff_group(d, path, k->sub, (const char *)w, (const char *)n);
	}
	for (unsigned int i = 0; i < d->is->n_ifs; i++)
		if (!config_if_named(d->was, d->is->ifs[i].name))
			tell(d, "", d->is->ifs[i].device, true, "interfaces.%s",
				d->is->ifs[i].name);
}

static const struct config_route *route_to(const struct config_if *f, const struct prefix *to)
{
	for (unsigned int i = 0; i < f->n_routes; i++)
		if (f->routes[i].to.len == to->len && addr_eq(&f->routes[i].to.addr, &to->addr))
			return &f->routes[i];
	return NULL;
}

static void diff_routes(
	struct diff *d, const char *path, const struct config_if *was, const struct config_if *is)
{
	char to[PREFIX_STRLEN], a[ADDR_STRLEN], b[ADDR_STRLEN];

	for (unsigned int i = 0; i < was->n_routes; i++) {
		const struct config_route *w = &was->routes[i], *n = route_to(is, &w->to);

		if (!n || !addr_eq(&w->via, &n->via))
			tell(d, addr_format(&w->via, a), n ? addr_format(&n->via, b) : "", false,
				"%sroutes.%s", path, prefix_format(&w->to, to));
	}
	for (unsigned int i = 0; i < is->n_routes; i++)
		if (!route_to(was, &is->routes[i].to))
			tell(d, "", addr_format(&is->routes[i].via, b), false, "%sroutes.%s", path,
				prefix_format(&is->routes[i].to, to));
}

static int relay_find(const struct config *c, const struct config_static_relay *r)
{
	for (unsigned int i = 0; i < c->n_relays; i++) {
		const struct config_static_relay *x = &c->relays[i];

		if (x->sources.len == r->sources.len &&
			addr_eq(&x->sources.addr, &r->sources.addr) &&
			addr_eq(&x->relay, &r->relay))
			return (int)i;
	}
	return -1;
}

static const char *relay_text(const struct config *c, int i, char out[CONFIG_VALUE_LEN])
{
	out[0] = '\0';
	if (i >= 0)
		snprintf(out, CONFIG_VALUE_LEN, "precedence %u, discovery %s",
			c->relays[i].precedence, c->relays[i].discovery ? "true" : "false");
	return out;
}

static void tell_relay(struct diff *d, const struct config_static_relay *r, int was, int is)
{
	char a[CONFIG_VALUE_LEN], b[CONFIG_VALUE_LEN], p[PREFIX_STRLEN], t[ADDR_STRLEN];

	relay_text(d->was, was, a);
	relay_text(d->is, is, b);
	if (strcmp(a, b) != 0)
		tell(d, a, b, false, "relays.%s via %s", prefix_format(&r->sources, p),
			addr_format(&r->relay, t));
}

static void diff_relays(struct diff *d)
{
	bool turned = false;
	int last = -1;

	for (unsigned int i = 0; i < d->was->n_relays; i++)
		tell_relay(d, &d->was->relays[i], (int)i, relay_find(d->is, &d->was->relays[i]));
	for (unsigned int i = 0; i < d->is->n_relays; i++) {
		int was = relay_find(d->was, &d->is->relays[i]);

		if (was < 0)
			tell_relay(d, &d->is->relays[i], -1, (int)i);
		else if (was < last)
			turned = true;
		else
			last = was;
	}
	// Of equal precedence the first one is tried first.
	if (turned)
		tell(d, "in this order", "in another order", false, "relays");
}

static const struct config_relay_quirks *quirks_of(const struct config *c, const struct addr *relay)
{
	for (unsigned int i = 0; i < c->n_relay_quirks; i++)
		if (addr_eq(&c->relay_quirks[i].relay, relay))
			return &c->relay_quirks[i];
	return NULL;
}

static const char *quirks_text(const struct config_relay_quirks *q, char out[CONFIG_VALUE_LEN])
{
	out[0] = '\0';
	for (unsigned int i = 0; q && i < q->n_quirks; i++)
		list_add(out, q->quirks[i]);
	if (q && q->n_quirks == 0)
		snprintf(out, CONFIG_VALUE_LEN, "none");
	return out;
}

static void diff_quirks(struct diff *d)
{
	char a[CONFIG_VALUE_LEN], b[CONFIG_VALUE_LEN], t[ADDR_STRLEN];

	for (unsigned int i = 0; i < d->was->n_relay_quirks; i++) {
		const struct config_relay_quirks *w = &d->was->relay_quirks[i];

		quirks_text(w, a);
		quirks_text(quirks_of(d->is, &w->relay), b);
		if (strcmp(a, b) != 0)
			tell(d, a, b, false, "relay_quirks.%s", addr_format(&w->relay, t));
	}
	for (unsigned int i = 0; i < d->is->n_relay_quirks; i++) {
		const struct config_relay_quirks *n = &d->is->relay_quirks[i];

		if (!quirks_of(d->was, &n->relay))
			tell(d, "", quirks_text(n, b), false, "relay_quirks.%s",
				addr_format(&n->relay, t));
	}
}

static const char *down_text(
	const char *const names[CONFIG_MAX_DOWN], uint64_t down, char out[CONFIG_VALUE_LEN])
{
	out[0] = '\0';
	if (down == 0)
		snprintf(out, CONFIG_VALUE_LEN, "none");
	for (; down; down &= down - 1) {
		const char *name = names[__builtin_ctzll(down)];

		list_add(out, name ? name : "?");
	}
	return out;
}

int config_channel_cmp(const void *a, const void *b)
{
	const struct config_channel *x = *(const struct config_channel *const *)a;
	const struct config_channel *y = *(const struct config_channel *const *)b;

	return sg_cmp(&x->sg, &y->sg);
}

const struct config_channel **config_channels_sorted(const struct config *c)
{
	const struct config_channel **list = malloc((c->n_channels + 1) * sizeof(void *));

	for (unsigned int i = 0; list && i < c->n_channels; i++)
		list[i] = &c->channels[i];
	if (list)
		qsort(list, c->n_channels, sizeof(const struct config_channel *),
			config_channel_cmp);
	return list;
}

static void diff_channel(struct diff *d, const struct config_down_map *m,
	const struct config_channel *was, const struct config_channel *is)
{
	char a[CONFIG_VALUE_LEN] = "", b[CONFIG_VALUE_LEN] = "", text[SG_STRLEN];
	int how = was && is ? config_down_differ(m, was->down, is->down) : 1;

	if (how == 0)
		return;
	if (was)
		down_text(m->was, was->down, a);
	if (is)
		down_text(m->is, is->down, b);
	tell(d, a, b, how == 2, "channels.%s", sg_format(was ? &was->sg : &is->sg, text));
}

static void diff_channels(struct diff *d, const struct config_down_map *m)
{
	const struct config_channel **a = config_channels_sorted(d->was),
				    **b = config_channels_sorted(d->is);
	unsigned int i = 0, j = 0;

	while (a && b && (i < d->was->n_channels || j < d->is->n_channels)) {
		int c = i == d->was->n_channels	 ? 1
			: j == d->is->n_channels ? -1
						 : sg_cmp(&a[i]->sg, &b[j]->sg);

		diff_channel(d, m, c <= 0 ? a[i] : NULL, c >= 0 ? b[j] : NULL);
		i += c <= 0;
		j += c >= 0;
	}
	if (!a || !b)
		d->n = -ENOMEM;
	free(a);
	free(b);
}

static void diff_joinfile_interfaces(struct diff *d, const struct config_down_map *m)
{
	const struct config_joinfile *was = &d->was->joinfile, *is = &d->is->joinfile;
	char a[CONFIG_VALUE_LEN], b[CONFIG_VALUE_LEN];
	int how = was->path[0] && is->path[0] ? config_down_differ(m, was->down, is->down) : 0;

	if (how)
		tell(d, down_text(m->was, was->down, a), down_text(m->is, is->down, b), how == 2,
			"joinfile.interfaces");
}

static const char *resolvers_text(const struct config_dns *dns, char out[CONFIG_VALUE_LEN])
{
	char one[CONFIG_VALUE_LEN];

	out[0] = '\0';
	for (unsigned int i = 0; i < dns->n_resolvers; i++) {
		const struct config_resolver r = {.addr = dns->resolvers[i], .port = dns->ports[i]};

		text_resolver(&r, one);
		list_add(out, one);
	}
	return out;
}

static void diff_resolvers(struct diff *d)
{
	char a[CONFIG_VALUE_LEN], b[CONFIG_VALUE_LEN];

	resolvers_text(&d->was->dns, a);
	resolvers_text(&d->is->dns, b);
	if (strcmp(a, b) != 0)
		tell(d, a, b, false, "dns.resolvers");
}

static void diff_key(
	struct diff *d, const char *path, const struct schema *k, const char *was, const char *is)
{
	char sub[CONFIG_KEY_LEN];

	switch (k->type) {
	case SCHEMA_GROUP:
		snprintf(sub, sizeof(sub), "%s%s.", path, k->key);
		diff_group(d, sub, k->sub, was + k->offset, is + k->offset);
		break;
	case SCHEMA_GROUPS:
		if (strcmp(k->key, "interfaces") == 0)
			diff_interfaces(d, k);
		else if (strcmp(k->key, "routes") == 0)
			diff_routes(d, path, (const struct config_if *)was,
				(const struct config_if *)is);
		else if (strcmp(k->key, "relays") == 0)
			diff_relays(d);
		else if (strcmp(k->key, "relay_quirks") == 0)
			diff_quirks(d);
		break;
	default:
		diff_value(d, path, k, was, is);
	}
}

// "enabled" follows from the mode where that is another one: one change is told, not two.
static bool follows(const struct schema *k, const char *was, const char *is)
{
	const struct config_pim *a, *b;

	if (strcmp(k->key, "enabled") != 0)
		return false;
	a = (const struct config_pim *)was;
	b = (const struct config_pim *)is;
	return a->mode != b->mode;
}

static void diff_group(struct diff *d, const char *path, const struct schema *schema,
	const char *was, const char *is)
{
	for (const struct schema *k = schema; k->key; k++)
		if (!config_in_draft(k) &&
			!(schema->value == value_pim_mode && follows(k, was, is)))
			diff_key(d, path, k, was, is);
}

int config_diff(const struct config *was, const struct config *is, config_change_cb cb, void *arg)
{
	struct diff d = {.was = was, .is = is, .cb = cb, .arg = arg};
	struct config_down_map m;

	diff_group(&d, "", config_schema, (const char *)was, (const char *)is);
	diff_resolvers(&d);
	config_down_map_make(&m, was, is);
	diff_joinfile_interfaces(&d, &m);
	diff_channels(&d, &m);
	return d.n;
}
