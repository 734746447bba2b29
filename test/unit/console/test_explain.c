// SPDX-License-Identifier: BSD-3-Clause
// The sentence of explain, by what is known; and its table against fake views.
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "console/explain.h"
#include "console/verb.h"
#include "fakes.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

// A channel that flows from a relay to one interface.
static struct explain healthy(void)
{
	struct explain e = {
		.sg = {address("198.51.100.10"), address("232.1.1.1")},
		.group_ok = true,
		.n_down = 1,
		.n_asked = 1,
		.n_pim = 1,
		.neighbors = 2,
		.our_address = address("10.9.1.2"),
		.wanted = true,
		.n_relays = 1,
		.has_tunnel = true,
		.relay = {.addr = address("203.0.113.11"), .in_use = true},
		.tunnel = {.relay = address("203.0.113.11"), .amt = {.state = AMT_UP}},
		.channel = {.state = CHANNEL_FLOWING,
			.relay = address("203.0.113.11"),
			.oifs = 2,
			.packets = 1234},
	};

	return e;
}

static struct explain unwanted(void)
{
	struct explain e = healthy();

	e.wanted = false;
	return e;
}

static struct explain in_state(enum channel_state state, const char *reason)
{
	struct explain e = healthy();

	e.channel.state = state;
	snprintf(e.channel.reason, sizeof(e.channel.reason), "%s", reason);
	return e;
}

static void verdict_names(struct explain e, const char *what)
{
	char text[EXPLAIN_TEXT];

	explain_verdict(&e, text);
	if (!strstr(text, what))
		fail_msg("no \"%s\" in: %s", what, text);
	assert_int_equal(text[strlen(text) - 1], '.');
}

static void nobody_asks(void **state)
{
	struct explain e = unwanted();

	(void)state;
	verdict_names(e, "2 PIM routers are heard, none of them has joined");
	e.neighbors = 0;
	verdict_names(e, "No PIM router is heard");
	e.not_upstream = 3;
	strcpy(e.not_upstream_if, "lan");
	e.other_router = address("10.9.1.9");
	verdict_names(e, "3 of its Joins on lan were addressed to another router, 10.9.1.9");
	verdict_names(e, "RPF route for 198.51.100.10 at 10.9.1.2");
	e.not_upstream = 0;
	e.n_pim = 0; // receivers alone
	verdict_names(e, "no IGMPv3 report names the channel");
	e.sg.g = address("ff3e::8000:1");
	verdict_names(e, "no MLDv2 report names the channel");
	strcpy(e.link_down, "lan");
	verdict_names(e, "link of lan is down");
	e.n_asked = 0;
	verdict_names(e, "No downstream interface has PIM");
	e.group_ok = false;
	verdict_names(e, "outside the SSM ranges");
}

static void no_relay(void **state)
{
	struct explain e = in_state(CHANNEL_WAITING, "DNS: no-record");

	(void)state;
	e.has_tunnel = false;
	e.relay.in_use = false;
	e.n_relays = 0;
	verdict_names(e, "has to publish AMTRELAY records");
	e = in_state(CHANNEL_WAITING, "DNS: bogus");
	verdict_names(e, "DNSSEC");
	e = in_state(CHANNEL_WAITING, "relay 203.0.113.11: no answer");
	e.relay.held_reason = "no answer";
	verdict_names(e, "UDP port 2268");
	e = in_state(CHANNEL_WAITING, "relay 203.0.113.11: full");
	e.relay.held_reason = "full (L flag)";
	verdict_names(e, "relay is full");
	e = in_state(CHANNEL_CONNECTING, "no Query from 203.0.113.11 yet, 3 Requests sent");
	e.waited_us = 4000000;
	verdict_names(e, "does not answer (no Query from 203.0.113.11 yet");
	e.waited_us = 0;
	verdict_names(e, "being set up");
	verdict_names(in_state(CHANNEL_RESOLVING, ""), "a relay is looked for");
}

static void not_answered(void **state)
{
	struct explain e =
		in_state(CHANNEL_CONNECTING, "no Query from 203.0.113.11 yet, 3 Requests sent");

	(void)state;
	e.has_tunnel = false;
	e.relay.in_use = false;
	e.waited_us = 4000000;
	// What is known only weighs where there is no ICMP error.
	verdict_names(
		e, "a NAT or firewall on the way is closed for its answers, or the relay is dead");
	e.heard.answered = true;
	verdict_names(e, "it did before");
	e.n_silent = 2;
	verdict_names(e, "NAT or firewall on our side is closed");
	e.private_local = true;
	verdict_names(e, "our address is private, so a NAT is between us");
	e.other_answers = true;
	verdict_names(e, "other relays do answer, so this one is dead");
	e.heard.nat = true;
	verdict_names(e, "the NAT is closed");
	e.heard.icmp_error = ECONNREFUSED;
	verdict_names(e, "the relay is dead, and has to be started");
	e.heard.icmp_error = EHOSTUNREACH;
	verdict_names(e, "a router on the way cannot reach it");
	e.heard.icmp_error = EACCES;
	verdict_names(e, "a firewall on the way refuses");
	// The same when it is held down, and when a tunnel that was up is no longer answered.
	e.heard.icmp_error = 0;
	e.channel.state = CHANNEL_WAITING;
	e.relay.held_reason = "no answer";
	verdict_names(e, "No relay of 198.51.100.10 can be used");
	verdict_names(e, "the NAT is closed");
	e.channel.state = CHANNEL_STALLED;
	e.has_tunnel = true;
	e.tunnel.amt.unanswered = 2;
	verdict_names(e, "no longer answers (2 Requests): a NAT is between us");
	e.heard.nat = e.other_answers = e.private_local = false;
	e.heard.icmp_error = ECONNREFUSED;
	verdict_names(e, "no longer answers (2 Requests): nothing listens on UDP port 2268");
}

// Of a tunnel that is up by way of a NAT, that others come through it speaks for the NAT.
static void nat_and_no_data(void **state)
{
	struct explain e = in_state(CHANNEL_JOINED, "");

	(void)state;
	e.channel.packets = 0;
	verdict_names(e, "the relay sends nothing of it: see that 198.51.100.10 is sending");
	e.tunnel.amt.nat = true;
	e.tunnel.amt.gateway_addr = address("203.0.113.1");
	e.tunnel.amt.gateway_port = 40001;
	verdict_names(e, "through the NAT between us (it sees us as 203.0.113.1 port 40001)");
	e.tunnel.packets = 1000;
	verdict_names(e, "the relay sends nothing of it: see that 198.51.100.10 is sending");
}

// Whatever else looks wrong comes of it.
static void mbufs_spent(void **state)
{
	static const enum channel_state states[] = {CHANNEL_WAITING, CHANNEL_RESOLVING,
		CHANNEL_CONNECTING, CHANNEL_JOINED, CHANNEL_STALLED, CHANNEL_FLOWING};
	struct explain e = unwanted();

	(void)state;
	e.no_mbufs = true;
	e.mbufs_used = 2300;
	e.mbufs = 2304;
	strcpy(e.no_mbufs_if, "wan");
	verdict_names(e, "wan has no free mbufs (2300 of 2304 are in use)");
	for (size_t i = 0; i < N(states); i++) {
		e.wanted = true;
		e.channel.state = states[i];
		e.tunnel.amt.unanswered = 3;
		verdict_names(e, "wan has no free mbufs");
	}
}

static void dns_verdicts(void **state)
{
	struct explain e = in_state(CHANNEL_WAITING, "DNSSEC bogus: the signature of x. is wrong");

	(void)state;
	e.has_tunnel = false;
	e.n_relays = 0;
	verdict_names(e, "fails DNSSEC validation");
	strcpy(e.channel.reason, "DNSSEC insecure: x.");
	verdict_names(e, "is not signed");
	strcpy(e.channel.reason, "DNS: failed: no answer");
	verdict_names(e, "dns.resolvers");
	strcpy(e.channel.reason, "DNS: no-record");
	verdict_names(e, "has to publish AMTRELAY records");
	// Relays of the configuration, that cannot be used either.
	e.n_relays = 1;
	strcpy(e.channel.reason, "none can be used; DNSSEC bogus: x.");
	verdict_names(e, "fails DNSSEC validation");
}

static void no_packets(void **state)
{
	struct explain e = in_state(CHANNEL_JOINED, "joined 3 s ago");

	(void)state;
	verdict_names(e, "the relay sends nothing of it");
	verdict_names(in_state(CHANNEL_STALLED, ""), "see that 198.51.100.10 is sending");
	e.tunnel.amt.unanswered = 2;
	verdict_names(e, "no longer answers (2 Requests)");
	e.dropping[DROP_NO_MBUF] = true;
	verdict_names(e, "no free mbufs");
	e.dropping[DROP_FRAG_TIMEOUT] = true;
	verdict_names(e, "fragments");
	e.dropping[DROP_INNER_CKSUM] = true;
	verdict_names(e, "damaged");
	e.dropping[DROP_TTL] = true;
	verdict_names(e, "larger TTL");
}

static void packets_come(void **state)
{
	struct explain e = healthy();

	(void)state;
	verdict_names(e, "flows: 1234 packets so far, from relay 203.0.113.11");
	e.channel.muted = 2;
	verdict_names(e, "another router forwards");
	e.channel.oifs = 6;
	verdict_names(e, "flows");
	e.dropping[DROP_MTU] = true;
	verdict_names(e, "MTU");
	e.dropping[DROP_TX_FULL] = true;
	verdict_names(e, "TX_FULL");
	e.no_mbufs = true;
	verdict_names(e, "no free mbufs");
	strcpy(e.oif_down, "lan");
	verdict_names(e, "link of lan is down");
}

// The walk of a channel that flows, of one that waits, of one that nobody wants; and no channel.
static void table(void **state)
{
	struct observe o;
	struct {
		const char *source, *group;
		unsigned int channels;
		const char *has[6];
	} cases[] = {
		{"198.51.100.10", "232.1.1.1", 2,
			{"asked for    ok", "packets in   ok     1000, 1328000 octets",
				"packets out  bad    lan: link down",
				"verdict      bad    Packets come in"}},
		{"198.51.100.10", "232.1.1.2", 2, {"verdict      bad", "\"NXDOMAIN\"??[2J\\"}},
		{"198.51.100.10", "232.1.1.3", 2,
			{"asked for  bad    by nobody", "verdict    bad"}},
		{"198.51.100.10", "239.1.1.3", 2, {"is outside the SSM ranges"}},
	};

	(void)state;
	fake_observe(&o);
	for (size_t i = 0; i < N(cases); i++) {
		struct render r;
		struct verb_ctx v = {.o = &o, .r = &r, .now_us = FAKE_NOW_US};

		fake_channels = cases[i].channels;
		v.args[0] = cases[i].source;
		v.args[1] = cases[i].group;
		render_init(&r, false);
		verb_explain(&v);
		assert_int_equal(render_status(&r), 0);
		for (size_t k = 0; cases[i].has[k]; k++)
			if (!strstr(r.out.data, cases[i].has[k]))
				fail_msg("no \"%s\" in:\n%s", cases[i].has[k], r.out.data);
		render_fini(&r);
	}
}

static void refused_by_acl(void **state)
{
	struct explain e = unwanted();
	char text[EXPLAIN_TEXT];

	(void)state;
	e.refused = "the configuration refuses the source (acl.sources)";
	assert_string_equal(explain_verdict(&e, text), "bad");
	assert_non_null(strstr(text, "acl.sources"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_asks),
		cmocka_unit_test(no_relay),
		cmocka_unit_test(not_answered),
		cmocka_unit_test(dns_verdicts),
		cmocka_unit_test(nat_and_no_data),
		cmocka_unit_test(mbufs_spent),
		cmocka_unit_test(no_packets),
		cmocka_unit_test(packets_come),
		cmocka_unit_test(table),
		cmocka_unit_test(refused_by_acl),
	};

	return RUN_TESTS(tests);
}
