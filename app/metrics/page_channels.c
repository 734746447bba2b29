// SPDX-License-Identifier: BSD-3-Clause
// Tunnels, relays and channels, of which there may be very many: each is looked at in pieces, and
// the first ones have rows of their own.
#include <stdlib.h>
#include <string.h>

#include "driad/holddown.h"
#include "metrics/page_internal.h"

#define PIECE	   64 // looked at between two looks at the clock
#define ROWS_PIECE 16 // the same, of rows
#define HELD_MAX   256

#define TUNNEL_LIST(X)                                                                        \
	X(TUNNEL_UP, "inlet_tunnel_up", OM_GAUGE, NULL, "1 while the relay answers.")         \
	X(TUNNEL_CHANNELS, "inlet_tunnel_channels", OM_GAUGE, NULL, "Channels joined there.") \
	X(TUNNEL_PACKETS, "inlet_tunnel_packets", OM_COUNTER, NULL, "Packets that came.")     \
	X(TUNNEL_BYTES, "inlet_tunnel_bytes", OM_COUNTER, "bytes", "Octets of them.")         \
	X(TUNNEL_UNANSWERED, "inlet_tunnel_requests_unanswered", OM_GAUGE, NULL,              \
		"Requests sent since the last Query.")                                        \
	X(TUNNEL_LIMIT, "inlet_tunnel_limit", OM_GAUGE, NULL,                                 \
		"1 while the relay says that it is full (L flag).")                           \
	X(TUNNEL_NAT, "inlet_tunnel_nat", OM_GAUGE, NULL,                                     \
		"1 while the relay sees this box at another address.")

#define RELAY_LIST(X)                                                                       \
	X(RELAY_TUNNELS, "inlet_relay_tunnels", OM_GAUGE, NULL, "Tunnels to the relay.")    \
	X(RELAY_UP, "inlet_relay_up", OM_GAUGE, NULL, "1 while it answers in any of them.") \
	X(RELAY_CHANNELS, "inlet_relay_channels", OM_GAUGE, NULL, "Channels joined there.")

#define HELD_LIST(X)                                \
	X(HELD, "inlet_relay_held", OM_GAUGE, NULL, \
		"For how many sources, or for all (1), the relay is held down for the reason.")

#define STATE_LIST(X) \
	X(STATE, "inlet_channels", OM_GAUGE, NULL, "Channels that are wanted, by their state.")

#define CHANNEL_LIST(X)                                                                     \
	X(CH_RATE, "inlet_channel_packets_per_second", OM_GAUGE, NULL,                      \
		"Packets a second, by which those with rows here are chosen.")              \
	X(CH_PACKETS, "inlet_channel_packets", OM_COUNTER, NULL, "Packets of the channel.") \
	X(CH_BYTES, "inlet_channel_bytes", OM_COUNTER, "bytes", "Octets of them.")          \
	X(CH_FIRST, "inlet_channel_join_latency_seconds", OM_GAUGE, "seconds",              \
		"From when it was first wanted to its first packet.")

enum { TUNNEL_LIST(PAGE_ID) N_TUNNEL };
enum { RELAY_LIST(PAGE_ID) N_RELAY };
enum { HELD_LIST(PAGE_ID) N_HELD };
enum { STATE_LIST(PAGE_ID) N_STATE };
enum { CHANNEL_LIST(PAGE_ID) N_CHANNEL };
static const struct om_family tunnel_families[] = {TUNNEL_LIST(PAGE_FAMILY)};
static const struct om_family relay_families[] = {RELAY_LIST(PAGE_FAMILY)};
static const struct om_family held_families[] = {HELD_LIST(PAGE_FAMILY)};
static const struct om_family state_families[] = {STATE_LIST(PAGE_FAMILY)};
static const struct om_family channel_families[] = {CHANNEL_LIST(PAGE_FAMILY)};

static void tunnel_cb(void *arg, const struct tunnel_view *v)
{
	struct page *p = arg;

	top_offer(&p->tunnels, v->packets, v);
}

bool page_collect_tunnels(struct page *p)
{
	if (p->o->channels &&
		channels_tunnels_some(p->o->channels, &p->cursor, PIECE, tunnel_cb, p))
		return true;
	top_sort(&p->tunnels);
	return false;
}

static bool is_up(const struct tunnel_view *t)
{
	return t->amt.state == AMT_UP;
}

static void tunnel_row(struct page *p, const struct tunnel_view *t)
{
	struct set_row *row = set_add(&p->sets[SET_TUNNELS]);

	if (!row)
		return;
	page_label_addr(row, "relay_address", &t->relay);
	page_label_addr(row, "local_address", &t->local);
	om_label_u64(row->labels, sizeof(row->labels), "local_port", t->local_port);
	row->values[TUNNEL_UP] = is_up(t);
	row->values[TUNNEL_CHANNELS] = t->amt.channels;
	row->values[TUNNEL_PACKETS] = (double)t->packets;
	row->values[TUNNEL_BYTES] = (double)t->bytes;
	row->values[TUNNEL_UNANSWERED] = t->amt.unanswered;
	row->values[TUNNEL_LIMIT] = t->amt.limit_flag;
	row->values[TUNNEL_NAT] = t->amt.nat;
}

bool page_collect_tunnel_rows(struct page *p)
{
	if (p->cursor == 0)
		set_init(&p->sets[SET_TUNNELS], tunnel_families, N_TUNNEL);
	for (int i = 0; i < ROWS_PIECE && p->cursor < p->tunnels.n; i++)
		tunnel_row(p, top_item(&p->tunnels, p->cursor++, NULL));
	return p->cursor < p->tunnels.n;
}

static int compare_relays(const void *a, const void *b)
{
	const struct tunnel_view *const *x = a, *const *y = b;

	return memcmp(&(*x)->relay, &(*y)->relay, sizeof((*x)->relay));
}

static bool sort_relays(struct page *p)
{
	set_init(&p->sets[SET_RELAYS], relay_families, N_RELAY);
	p->by_relay = calloc(p->tunnels.n + 1, sizeof(struct tunnel_view *));
	if (!p->by_relay) {
		p->om.error = -1;
		return false;
	}
	for (uint32_t i = 0; i < p->tunnels.n; i++)
		p->by_relay[i] = top_item(&p->tunnels, i, NULL);
	qsort(p->by_relay, p->tunnels.n, sizeof(struct tunnel_view *), compare_relays);
	return true;
}

// From the tunnel at the cursor on, all those to one relay.
static void relay_row(struct page *p)
{
	const struct tunnel_view *first = p->by_relay[p->cursor], *t = first;
	struct set_row *row = set_add(&p->sets[SET_RELAYS]);
	uint32_t tunnels = 0, up = 0, channels = 0;

	for (; t && addr_eq(&t->relay, &first->relay); t = p->by_relay[++p->cursor]) {
		tunnels++;
		up |= is_up(t);
		channels += t->amt.channels;
	}
	if (!row)
		return;
	page_label_addr(row, "relay_address", &first->relay);
	row->values[RELAY_TUNNELS] = tunnels;
	row->values[RELAY_UP] = up;
	row->values[RELAY_CHANNELS] = channels;
}

bool page_collect_relays(struct page *p)
{
	if (p->cursor == 0 && !sort_relays(p))
		return false;
	for (int i = 0; i < ROWS_PIECE && p->cursor < p->tunnels.n; i++)
		relay_row(p);
	return p->cursor < p->tunnels.n;
}

// Those for one source come with the others: entries of the same relay and reason are one row.
static void held_cb(void *arg, const struct addr *relay, const char *reason, uint64_t until_us)
{
	struct page *p = arg;
	struct set *s = &p->sets[SET_HELD];
	struct set_row want = {.labels = ""};

	if (until_us <= p->now_us)
		return;
	page_label_addr(&want, "relay_address", relay);
	page_label(&want, "reason", reason);
	for (unsigned int i = 0; i < s->n; i++) {
		struct set_row *row = set_at(s, i);

		if (strcmp(row->labels, want.labels) == 0) {
			row->values[HELD]++;
			return;
		}
	}
	if (s->n < HELD_MAX) {
		struct set_row *row = set_add(s);

		if (!row)
			return;
		memcpy(row->labels, want.labels, sizeof(want.labels));
		row->values[HELD] = 1;
	}
}

bool page_collect_held(struct page *p)
{
	set_init(&p->sets[SET_HELD], held_families, N_HELD);
	if (p->o->held)
		holddown_each(p->o->held, held_cb, p);
	return false;
}

static void channel_cb(void *arg, const struct channel_brief *b)
{
	struct page *p = arg;
	struct page_channel c;

	p->by_state[b->state]++;
	// Of those without packets there is nothing to tell.
	if (b->packets_per_s == 0 || p->channels.max == 0)
		return;
	c.sg = *b->sg;
	c.packets_per_s = b->packets_per_s;
	top_offer(&p->channels, b->packets_per_s, &c);
}

bool page_collect_channels(struct page *p)
{
	if (p->o->channels &&
		channels_briefs_some(p->o->channels, &p->cursor, PIECE, channel_cb, p))
		return true;
	top_sort(&p->channels);
	return false;
}

static void channel_row(struct page *p, const struct page_channel *c)
{
	struct set_row *row;
	struct channel_view v;

	if (!channels_find(p->o->channels, &c->sg, &v)) // it went meanwhile
		return;
	row = set_add(&p->sets[SET_CHANNELS]);
	if (!row)
		return;
	page_label_addr(row, "source_address", &c->sg.s);
	page_label_addr(row, "group_address", &c->sg.g);
	page_label_addr(row, "relay_address", &v.relay);
	row->values[CH_RATE] = c->packets_per_s;
	row->values[CH_PACKETS] = (double)v.packets;
	row->values[CH_BYTES] = (double)v.bytes;
	if (v.first_packet_us > v.wanted_us)
		row->values[CH_FIRST] = (double)(v.first_packet_us - v.wanted_us) / 1e6;
}

static void state_rows(struct page *p)
{
	set_init(&p->sets[SET_STATES], state_families, N_STATE);
	for (int i = 0; i <= CHANNEL_WAITING; i++) {
		struct set_row *row = set_add(&p->sets[SET_STATES]);

		if (!row)
			return;
		page_label(row, "state", channel_state_name((enum channel_state)i));
		row->values[STATE] = p->by_state[i];
	}
}

bool page_collect_channel_rows(struct page *p)
{
	if (p->cursor == 0) {
		set_init(&p->sets[SET_CHANNELS], channel_families, N_CHANNEL);
		state_rows(p);
	}
	for (int i = 0; i < ROWS_PIECE && p->cursor < p->channels.n; i++)
		channel_row(p, top_item(&p->channels, p->cursor++, NULL));
	return p->cursor < p->channels.n;
}
