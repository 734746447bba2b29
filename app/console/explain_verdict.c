// SPDX-License-Identifier: BSD-3-Clause
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

static const char *nobody_asks(const struct explain *e, char out[EXPLAIN_TEXT])
{
	char us[ADDR_STRLEN], s[ADDR_STRLEN];

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
			"Nobody asks us for it, but %llu Joins on %s were addressed to another "
			"router: point the routers' unicast or multicast RPF route for %s at %s.",
			(unsigned long long)e->not_upstream, e->not_upstream_if, s,
			addr_format(&e->our_address, us));
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

static const char *nothing_to_try(const struct explain *e, char out[EXPLAIN_TEXT])
{
	const char *why = e->channel.reason;
	char s[ADDR_STRLEN];

	addr_format(&e->sg.s, s);
	if (strstr(why, "bogus"))
		return say(out,
			"The answer of DNS fails DNSSEC validation and is not used (%s): the "
			"operator of the zone has to mend its signatures.",
			why);
	if (e->n_relays == 0)
		return say(out,
			"No relay is known for %s (%s): its operator has to publish AMTRELAY "
			"records, or name a relay in the configuration (relays).",
			s, why);
	if (e->relay.held_reason && strstr(e->relay.held_reason, "full"))
		return say(out,
			"The relay is full (%s): it is tried again by itself; another relay would "
			"have to be published or configured.",
			why);
	return say(out,
		"No relay of %s can be used (%s): see that UDP port 2268 gets through to it and "
		"back, and that the relay is up.",
		s, why);
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
	if (e->dropping[DROP_NO_MBUF] || e->no_mbufs)
		return say(out,
			"There are no free mbufs: give inlet more memory (memory_mb, huge pages).");
	if (e->has_tunnel && e->tunnel.amt.unanswered > 0)
		return say(out,
			"The relay %s no longer answers (%u Requests): if it does not come back, "
			"another one is tried by itself.",
			r, e->tunnel.amt.unanswered);
	return say(out,
		"The tunnel to %s is up and the channel is joined there, but the relay sends "
		"nothing of it: see that %s is sending, and that the relay has a multicast route "
		"to it.",
		r, s);
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
	if (e->dropping[DROP_NO_MBUF] || e->no_mbufs)
		return say(out,
			"Packets come in from %s, but there are no free mbufs: give inlet more "
			"memory (memory_mb, huge pages).",
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
		return say(out,
			"The relay does not answer (%s): see that UDP port 2268 gets through to it "
			"and back (NAT, firewall); the next relay is tried by itself.",
			e->channel.reason);
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
