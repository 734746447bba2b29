// SPDX-License-Identifier: BSD-3-Clause
// explain SOURCE GROUP: the walk of a channel through the appliance, and what is wrong with it.
#include "console/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/timer.h"
#include "console/verb.h"
#include "membership/membership.h"
#include "pim/pim.h"
#include "port/port.h"

// A reason counts as at work for so long after it has counted.
#define DROPPING_US (10 * USEC_PER_SEC)

static const struct render_column columns[] = {
	{"step", RENDER_LEFT},
	{"state", RENDER_LEFT}, // ok, bad, wait, none
	{"detail", RENDER_LEFT},
};

__attribute__((format(printf, 4, 5))) static void row(
	struct verb_ctx *v, const char *step, const char *state, const char *fmt, ...)
{
	char text[EXPLAIN_TEXT];
	va_list ap;

	va_start(ap, fmt);
	// NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 does not see va_start
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	render_text(v->r, step);
	render_text(v->r, state);
	render_text(v->r, text);
}

// ---- What is known

static void note_down(char name[16], const struct observe_if *f)
{
	if (f->port && !port_link_up(f->port) && !name[0])
		snprintf(name, 16, "%s", f->name);
}

// Of the channel's family.
static const struct pim_if *pim_of(const struct explain *e, const struct observe_if *f)
{
	return f->pim[e->sg.g.family == ADDR_V6];
}

static const struct membership *membership_of(const struct explain *e, const struct observe_if *f)
{
	return f->membership[e->sg.g.family == ADDR_V6];
}

static void gather_pim(struct explain *e, const struct observe_if *f, uint64_t now_us)
{
	struct pim_if_view view;
	struct addr other;
	uint32_t joins = pim_if_elsewhere(pim_of(e, f), &e->sg, &other, now_us);

	pim_if_view(pim_of(e, f), &view);
	e->neighbors += view.neighbors;
	if (joins > e->not_upstream) {
		e->not_upstream = joins;
		e->other_router = other;
		snprintf(e->not_upstream_if, sizeof(e->not_upstream_if), "%s", f->name);
		e->our_address = view.primary;
	}
}

static void gather_mbufs(
	struct explain *e, const struct observe *o, unsigned int i, uint64_t now_us)
{
	const struct observe_if *f = &o->ifs[i];
	uint64_t moved = o->nombuf_moved_us[i];

	if (e->no_mbufs || !f->port || !f->first)
		return;
	if (!port_mbufs_spent(f->port) && (!moved || now_us >= moved + DROPPING_US))
		return;
	e->no_mbufs = true;
	port_mbufs(f->port, &e->mbufs_used, &e->mbufs);
	snprintf(e->no_mbufs_if, sizeof(e->no_mbufs_if), "%s", f->name);
}

static void gather_if(struct explain *e, const struct observe_if *f, uint64_t now_us)
{
	if (!(f->role & IF_DOWNSTREAM))
		return;
	e->n_down++;
	e->n_pim += pim_of(e, f) != NULL;
	e->n_asked += pim_of(e, f) || membership_of(e, f);
	note_down(e->link_down, f);
	if (pim_of(e, f))
		gather_pim(e, f, now_us);
}

static bool evidence(
	const struct observe *o, const struct addr *relay, struct observe_evidence *out)
{
	*out = (struct observe_evidence){0};
	return o->evidence_cb && !addr_is_none(relay) && o->evidence_cb(o->ctx, relay, out);
}

struct gathering {
	struct explain *e;
	const struct observe *o;
	uint64_t now_us;
};

static void gather_relay(void *arg, const struct relay_view *r)
{
	const struct gathering *g = arg;
	struct observe_evidence heard;

	if (g->e->n_relays++ == 0 || r->in_use)
		g->e->relay = *r;
	if (evidence(g->o, &r->addr, &heard))
		g->e->n_silent += !heard.answered && !heard.icmp_error;
}

// A relay that has answered within so long is one that answers.
#define ANSWERS_US (30 * USEC_PER_SEC)

static void gather_tunnel(void *arg, const struct tunnel_view *t)
{
	const struct gathering *g = arg;
	struct explain *e = g->e;
	const struct addr *ours =
		addr_is_none(&e->channel.relay) ? &e->relay.addr : &e->channel.relay;

	if (!addr_eq(&t->relay, ours)) {
		e->other_answers |= t->amt.state == AMT_UP && t->amt.unanswered == 0 &&
				    t->amt.last_query_us + ANSWERS_US > g->now_us;
		return;
	}
	if (e->has_tunnel || addr_is_none(&e->channel.relay))
		return;
	e->has_tunnel = true;
	e->tunnel = *t;
}

// Whether we talk from an address of our own house to a relay that is not in it.
static bool from_private(const struct observe *o, const struct addr *relay)
{
	for (unsigned int i = 0; i < o->n_ifs; i++)
		for (unsigned int k = 0; o->ifs[i].role & IF_UPSTREAM && k < o->ifs[i].n_addrs; k++)
			if (o->ifs[i].addrs[k].addr.family == relay->family &&
				addr_is_private(&o->ifs[i].addrs[k].addr))
				return !addr_is_private(relay);
	return false;
}

static void gather_upstream(struct explain *e, const struct observe *o, uint64_t now_us)
{
	struct gathering g = {.e = e, .o = o, .now_us = now_us};

	channels_source_relays(o->channels, &e->sg.s, gather_relay, &g);
	channels_each_tunnel(o->channels, gather_tunnel, &g);
	e->heard_known =
		evidence(o, &e->channel.relay, &e->heard) || evidence(o, &e->relay.addr, &e->heard);
	e->private_local = from_private(
		o, addr_is_none(&e->channel.relay) ? &e->relay.addr : &e->channel.relay);
	if (e->has_tunnel && e->tunnel.amt.nat)
		e->heard.nat = true;
}

static void gather(struct explain *e, const struct observe *o, uint64_t now_us)
{
	e->group_ok = group_is_ssm(o->ssm_ranges, o->n_ssm_ranges, &e->sg.g);
	e->refused = o->channels ? channels_sg_refused(o->channels, &e->sg) : NULL;
	for (unsigned int i = 0; i < o->n_ifs; i++) {
		gather_mbufs(e, o, i, now_us);
		gather_if(e, &o->ifs[i], now_us);
	}
	for (unsigned int i = 0; i < DROP_COUNT; i++)
		e->dropping[i] = o->drop_moved_us[i] && now_us < o->drop_moved_us[i] + DROPPING_US;
	e->wanted = o->channels && channels_find(o->channels, &e->sg, &e->channel);
	if (!e->wanted)
		return;
	e->waited_us = now_us > e->channel.wanted_us ? now_us - e->channel.wanted_us : 0;
	for (unsigned int i = 0; i < o->n_ifs && i < 64; i++)
		if (e->channel.oifs >> i & 1)
			note_down(e->oif_down, &o->ifs[i]);
	gather_upstream(e, o, now_us);
}

// ---- The walk

static void row_join(struct verb_ctx *v, const char *ifname, const struct pim_channel_view *c)
{
	char from[ADDR_STRLEN];

	row(v, "asked for", "ok", "on %s by PIM router %s: %s, %llu s left%s%s", ifname,
		addr_format(&c->last_neighbor, from), c->state,
		(unsigned long long)(verb_left_us(v, c->expires_us) / USEC_PER_SEC),
		addr_is_none(&c->winner) ? "" : "; Assert: ",
		addr_is_none(&c->winner) ? "" : c->assert_state);
}

static void row_member(
	struct verb_ctx *v, const char *ifname, const struct membership_channel_view *c)
{
	char from[ADDR_STRLEN];

	row(v, "asked for", "ok", "on %s by receiver %s, %llu s left%s", ifname,
		addr_format(&c->reporter, from),
		(unsigned long long)(verb_left_us(v, c->expires_us) / USEC_PER_SEC),
		c->leaving ? ", leaving" : "");
}

static void rows_asked(struct verb_ctx *v, struct explain *e)
{
	const struct observe *o = v->o;

	if (!e->wanted) {
		row(v, "asked for", "bad", "by nobody; %u PIM routers are heard downstream",
			e->neighbors);
		return;
	}
	for (unsigned int i = 0; i < o->n_ifs; i++) {
		const struct observe_if *f = &o->ifs[i];
		struct membership_channel_view member;
		struct pim_channel_view join;

		if (pim_of(e, f) && pim_if_channel(pim_of(e, f), &e->sg, &join))
			row_join(v, f->name, &join);
		if (membership_of(e, f) && membership_channel(membership_of(e, f), &e->sg, &member))
			row_member(v, f->name, &member);
		for (int by = CHANNEL_BY_STATIC; by < CHANNEL_ORIGINS; by++)
			if (i < 64 && e->channel.wanted_by[by] >> i & 1)
				row(v, "asked for", "ok", "on %s: %s", o->ifs[i].name,
					channel_origin_name(by));
	}
}

static void row_relay(void *arg, const struct relay_view *r)
{
	struct verb_ctx *v = arg;
	char addr[ADDR_STRLEN], held[96] = "";

	if (r->held_reason)
		snprintf(held, sizeof(held), "; held down for %llu s: %s",
			(unsigned long long)(verb_left_us(v, r->held_until_us) / USEC_PER_SEC),
			r->held_reason);
	row(v, "relay",
		r->in_use	 ? "ok"
		: r->held_reason ? "bad"
				 : "none",
		"%s by %s, precedence %u%s%s", addr_format(&r->addr, addr), r->origin,
		r->precedence, r->in_use ? ", in use" : "", held);
}

static void rows_relays(struct verb_ctx *v, const struct explain *e)
{
	if (e->n_relays == 0)
		row(v, "relay", e->channel.state == CHANNEL_RESOLVING ? "wait" : "bad", "%s",
			e->channel.reason[0] ? e->channel.reason : "none is known");
	else
		channels_source_relays(v->o->channels, &e->sg.s, row_relay, v);
}

static void row_tunnel(struct verb_ctx *v, const struct explain *e)
{
	const struct tunnel_view *t = &e->tunnel;
	char relay[ADDR_STRLEN], local[ADDR_STRLEN], query[64] = "no Query yet";
	char seen[ADDR_STRLEN], nat[96] = "";

	if (!e->has_tunnel) {
		row(v, "tunnel", "none", "%s", e->channel.reason);
		return;
	}
	if (t->amt.last_query_us)
		snprintf(query, sizeof(query), "last Query %llu s ago",
			(unsigned long long)(verb_age_us(v, t->amt.last_query_us) / USEC_PER_SEC));
	if (t->amt.nat)
		snprintf(nat, sizeof(nat), "; seen as %s port %u, by a NAT",
			addr_format(&t->amt.gateway_addr, seen), t->amt.gateway_port);
	row(v, "tunnel", t->amt.state == AMT_UP ? "ok" : "wait",
		"%s port %u to %s: %s, %s, %u Requests unanswered, %u channels%s",
		addr_format(&t->local, local), t->local_port, addr_format(&t->relay, relay),
		amt_tunnel_state_name(t->amt.state), query, t->amt.unanswered, t->amt.channels,
		nat);
}

static void row_packets(struct verb_ctx *v, const struct explain *e)
{
	const struct channel_view *c = &e->channel;
	bool flows = c->state == CHANNEL_FLOWING;

	row(v, "packets in",
		flows	       ? "ok"
		: c->joined_us ? "bad"
			       : "none",
		"%llu, %llu octets%s%s", (unsigned long long)c->packets,
		(unsigned long long)c->bytes, c->reason[0] ? "; " : "", c->reason);
}

static void rows_out(struct verb_ctx *v, const struct explain *e)
{
	for (unsigned int i = 0; i < v->o->n_ifs && i < 64; i++) {
		const struct observe_if *f = &v->o->ifs[i];
		bool up = !f->port || port_link_up(f->port);

		if (!(e->channel.oifs >> i & 1))
			continue;
		if (e->channel.muted >> i & 1)
			row(v, "packets out", "none",
				"%s: another router forwards it there (Assert)", f->name);
		else
			row(v, "packets out", up ? "ok" : "bad", "%s: link %s, MTU %u", f->name,
				up ? "up" : "down", f->mtu);
	}
}

static void rows_drops(struct verb_ctx *v, const struct explain *e)
{
	for (unsigned int i = 0; i < DROP_COUNT; i++)
		if (e->dropping[i])
			row(v, "drops", "bad", "%s in the last seconds, of whatever channel: %s",
				drop_names[i], drop_texts[i]);
	if (e->no_mbufs)
		row(v, "drops", "bad", "%s has no free mbufs, %u of %u are in use", e->no_mbufs_if,
			e->mbufs_used, e->mbufs);
}

void verb_explain(struct verb_ctx *v)
{
	struct explain e = {0};
	char text[EXPLAIN_TEXT], g[ADDR_STRLEN];
	const char *state;

	if (!verb_address(v, "source", v->args[0], &e.sg.s) ||
		!verb_address(v, "group", v->args[1], &e.sg.g))
		return;
	gather(&e, v->o, v->now_us);
	render_table_begin(v->r, "steps", columns, RTE_DIM(columns));
	row(v, "group", e.group_ok ? "ok" : "bad", "%s is %s the SSM ranges",
		addr_format(&e.sg.g, g), e.group_ok ? "in" : "outside");
	if (e.refused)
		row(v, "acl", "bad", "%s", e.refused);
	rows_asked(v, &e);
	if (e.wanted) {
		rows_relays(v, &e);
		row_tunnel(v, &e);
		row_packets(v, &e);
		rows_out(v, &e);
	}
	rows_drops(v, &e);
	state = explain_verdict(&e, text);
	row(v, "verdict", state, "%s", text);
	render_table_end(v->r);
}
