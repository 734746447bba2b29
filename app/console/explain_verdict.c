// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/timer.h"
#include "console/explain.h"

// What answers does so sooner.
#define PATIENCE_US (3 * USEC_PER_SEC)

__attribute__((format(printf, 2, 3))) static const char *say(
	char out[EXPLAIN_TEXT], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	// NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 does not see va_start
	vsnprintf(out, EXPLAIN_TEXT, fmt, ap);
	va_end(ap);
	return "bad";
}

static const char *no_mbufs(const struct explain *e, char out[EXPLAIN_TEXT])
{
	return say(out,
		"%s has no free mbufs (%u of %u are in use), so that it receives little or "
		"nothing: see what holds them (show ports, show drops), and give it more (its "
		"mbufs, memory_mb, huge pages).",
		e->no_mbufs_if[0] ? e->no_mbufs_if : "A port", e->mbufs_used, e->mbufs);
}

static const char *nobody_asks(const struct explain *e, char out[EXPLAIN_TEXT])
{
	const char *protocol = e->sg.g.family == ADDR_V6 ? "MLDv2" : "IGMPv3";
	char us[ADDR_STRLEN], s[ADDR_STRLEN], other[ADDR_STRLEN];

	addr_format(&e->sg.s, s);
	if (e->n_down == 0 || e->n_asked == 0)
		return say(out,
			"No downstream interface has PIM, IGMP or MLD on, so nobody can ask "
			"for it: configure one, or add the channel by hand (add channel).");
	if (e->link_down[0])
		return say(out,
			"The link of %s is down, and nobody asks for the channel: look at the "
			"cable or the port at its other end.",
			e->link_down);
	if (e->not_upstream > 0)
		return say(out,
			"Nobody asks us for it, but %u of its Joins on %s were addressed to "
			"another router, %s: point the routers' unicast or multicast RPF route for "
			"%s at %s.",
			e->not_upstream, e->not_upstream_if, addr_format(&e->other_router, other),
			s, addr_format(&e->our_address, us));
	if (e->n_pim == 0)
		return say(out,
			"No receiver asks for it: PIM is off downstream, and no %s report names "
			"the channel; see that the receiver joins (S,G), source included, in the "
			"same VLAN as we are.",
			protocol);
	if (e->neighbors == 0)
		return say(out, "No PIM router is heard downstream and no receiver asks: turn PIM "
				"on at the routers' interfaces towards us, and see that they are "
				"in the same VLAN.");
	return say(out,
		"Nobody asks for it: %u PIM routers are heard, none of them has joined. See that a "
		"receiver has joined (S,G) at its router, and that this router's RPF route for %s "
		"leads to us.",
		e->neighbors, s);
}

// What follows a sentence that says that a relay does not answer: what the reason will be, and what
// to do. A host that refuses, or a router that does not find it, says so by ICMP; a NAT or firewall
// that is closed says nothing.
static const char *why_silent(const struct explain *e)
{
	switch (e->heard.icmp_error) {
	case 0:
		break;
	case ECONNREFUSED:
		return "nothing listens on UDP port 2268 there (ICMP says: port unreachable): the "
		       "relay is dead, and has to be started again; another one of the source is "
		       "tried by itself";
	case EACCES:
		return "a firewall on the way refuses what we send (so ICMP says): it has to let "
		       "UDP port 2268 through to the relay and back";
	default:
		return "a router on the way cannot reach it (so ICMP says): the relay is dead, or "
		       "no route leads to it; another one of the source is tried by itself";
	}
	if (e->heard.nat)
		return "a NAT is between us, and nothing comes back through it, not even an ICMP "
		       "error: the NAT is closed, for it has dropped the mapping or drops the "
		       "answers; see that UDP port 2268 gets through to the relay and back, and "
		       "that a mapping lives for 2 minutes";
	if (e->other_answers)
		return "other relays do answer, so this one is dead, or a firewall is in front of "
		       "it: see that UDP port 2268 gets through to it and back";
	if (e->private_local)
		return "our address is private, so a NAT is between us, and nothing comes back "
		       "through it, not even an ICMP error: the NAT is closed, or the relay is "
		       "dead; see that UDP port 2268 gets through to it and back";
	if (e->n_silent > 1)
		return "nothing comes back from any of its relays, not even an ICMP error: a NAT "
		       "or "
		       "firewall on our side is closed; see that UDP port 2268 gets through to "
		       "them and back";
	if (e->heard.answered)
		return "it did before, and no ICMP error says why it does not now: the relay is "
		       "dead, or a NAT or firewall on the way has closed; see that UDP port 2268 "
		       "gets through to it and back";
	return "nothing comes back, not even an ICMP error: a NAT or firewall on the way is closed "
	       "for its answers, or the relay is dead; see that UDP port 2268 gets through to it "
	       "and back";
}

static const char *no_answer_of_dns(const struct explain *e, char out[EXPLAIN_TEXT])
{
	const char *why = e->channel.reason;
	char s[ADDR_STRLEN];

	addr_format(&e->sg.s, s);
	if (strstr(why, "bogus"))
		return say(out,
			"The answer of DNS fails DNSSEC validation and is not used (%s): the "
			"operator of the zone has to mend its signatures.",
			why);
	if (strstr(why, "insecure"))
		return say(out,
			"The answer of DNS is not signed, and dns.dnssec requires that it is (%s): "
			"have the zone signed, or name it in dns.insecure_domains.",
			why);
	if (strstr(why, "DNS: failed"))
		return say(out,
			"DNS does not say which relay serves %s (%s): see that the servers in "
			"dns.resolvers answer, and the zone's own servers too.",
			s, why);
	return NULL;
}

static const char *nothing_to_try(const struct explain *e, char out[EXPLAIN_TEXT])
{
	const char *why = e->channel.reason;
	const char *held = e->relay.held_reason;
	char s[ADDR_STRLEN];

	addr_format(&e->sg.s, s);
	if (e->n_relays == 0) {
		if (no_answer_of_dns(e, out))
			return "bad";
		return say(out,
			"No relay is known for %s (%s): its operator has to publish AMTRELAY "
			"records, or name a relay in the configuration (relays).",
			s, why);
	}
	if (held && strstr(held, "full"))
		return say(out,
			"The relay is full (%s): it is tried again by itself; another relay would "
			"have to be published or configured.",
			why);
	if (held && strcmp(held, "no answer") == 0)
		return say(out, "No relay of %s can be used (%s): %s.", s, why, why_silent(e));
	if (no_answer_of_dns(e, out))
		return "bad";
	return say(out,
		"No relay of %s can be used (%s): see that UDP port 2268 gets through to it and "
		"back, and that the relay is up.",
		s, why);
}

// The tunnel is up, and no packet of the channel comes through it.
static const char *nothing_comes(const struct explain *e, char out[EXPLAIN_TEXT])
{
	const struct tunnel_view *t = &e->tunnel;
	char r[ADDR_STRLEN], s[ADDR_STRLEN], seen[ADDR_STRLEN];

	addr_format(&e->channel.relay, r);
	addr_format(&e->sg.s, s);
	// Others come through: so would it.
	if (e->has_tunnel && e->tunnel.amt.nat && t->packets <= e->channel.packets)
		return say(out,
			"The tunnel to %s is up and the channel is joined there, but the relay "
			"sends nothing of it that gets through the NAT between us (it sees us as "
			"%s port %u): see that %s is sending and that the relay has a multicast "
			"route to it, and that the NAT is not closed for its data.",
			r, addr_format(&t->amt.gateway_addr, seen), t->amt.gateway_port, s);
	return say(out,
		"The tunnel to %s is up and the channel is joined there, but the relay sends "
		"nothing of it: see that %s is sending, and that the relay has a multicast route "
		"to it.",
		r, s);
}

// Joined at a relay, and nothing comes.
static const char *no_data(const struct explain *e, char out[EXPLAIN_TEXT])
{
	char r[ADDR_STRLEN], s[ADDR_STRLEN];

	addr_format(&e->channel.relay, r);
	addr_format(&e->sg.s, s);
	if (e->dropping[DROP_TTL])
		return say(out,
			"Packets arrive from relays whose inner TTL is spent (drop reason TTL): "
			"the sender %s has to send with a larger TTL.",
			s);
	if (e->dropping[DROP_UDP_CKSUM] || e->dropping[DROP_INNER_CKSUM] ||
		e->dropping[DROP_OUTER_CKSUM])
		return say(out,
			"Packets arrive damaged (a checksum among show drops): something between "
			"%s and us alters them.",
			r);
	if (e->dropping[DROP_OUTER_FRAGMENT] || e->dropping[DROP_FRAG_TIMEOUT])
		return say(out,
			"Packets arrive in fragments that are not put together (show drops): the "
			"path from %s has too small an MTU; see amt.outer_fragments.",
			r);
	if (e->dropping[DROP_NO_MBUF])
		return no_mbufs(e, out);
	if (e->has_tunnel && e->tunnel.amt.unanswered > 0)
		return say(out, "The relay %s no longer answers (%u Requests): %s.", r,
			e->tunnel.amt.unanswered, why_silent(e));
	return nothing_comes(e, out);
}

static const char *data_comes(const struct explain *e, char out[EXPLAIN_TEXT])
{
	char r[ADDR_STRLEN];

	addr_format(&e->channel.relay, r);
	if (e->oif_down[0])
		return say(out,
			"Packets come in from %s, but the link of %s is down: look at the cable or "
			"the port at its other end.",
			r, e->oif_down);
	if (e->no_mbufs)
		return no_mbufs(e, out);
	if (e->dropping[DROP_NO_MBUF])
		return say(out,
			"Packets come in from %s, but there are no free mbufs for all their "
			"copies: give the ports more (mbufs, memory_mb, huge pages).",
			r);
	if (e->dropping[DROP_TX_FULL])
		return say(out,
			"Packets come in from %s, but a downstream port does not take all of them "
			"(drop reason TX_FULL): it is slower than what it is sent.",
			r);
	if (e->dropping[DROP_MTU])
		return say(out,
			"Packets come in from %s, but some are larger than the MTU of a downstream "
			"interface (drop reason MTU).",
			r);
	if (e->channel.oifs && (e->channel.oifs & ~e->channel.muted) == 0)
		say(out,
			"Packets come in from %s, and another router forwards the channel on the "
			"link (PIM Assert): nothing is to be done.",
			r);
	else
		say(out, "The channel flows: %llu packets so far, from relay %s.",
			(unsigned long long)e->channel.packets, r);
	return "ok";
}

// A relay is looked for, or asked.
static const char *under_way(const struct explain *e, char out[EXPLAIN_TEXT])
{
	if (e->channel.state != CHANNEL_RESOLVING && e->waited_us > PATIENCE_US)
		return say(out, "The relay does not answer (%s): %s.", e->channel.reason,
			why_silent(e));
	say(out, "It is being set up: %s.",
		e->channel.reason[0] ? e->channel.reason : "a relay is looked for");
	return "wait";
}

const char *explain_verdict(const struct explain *e, char out[EXPLAIN_TEXT])
{
	if (!e->group_ok)
		return say(out,
			"The group is outside the SSM ranges, so that Joins and reports for it are "
			"refused: use a group of 232.0.0.0/8 or ff3x::/32, or extend ssm_ranges.");
	if (e->refused)
		return say(out,
			"It is refused: %s. Change the lists and reload, where it is to be had.",
			e->refused);
	if (e->no_mbufs && !(e->wanted && e->channel.state == CHANNEL_FLOWING))
		return no_mbufs(e, out);
	if (!e->wanted)
		return nobody_asks(e, out);
	switch (e->channel.state) {
	case CHANNEL_WAITING:
		return nothing_to_try(e, out);
	case CHANNEL_RESOLVING:
	case CHANNEL_DISCOVERING:
	case CHANNEL_CONNECTING:
		return under_way(e, out);
	case CHANNEL_JOINED:
	case CHANNEL_STALLED:
		return no_data(e, out);
	case CHANNEL_FLOWING:
		return data_comes(e, out);
	}
	return "bad";
}
