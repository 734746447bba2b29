// SPDX-License-Identifier: BSD-3-Clause
// Health: what the rooms say, ten times a second, and the relays that are asked.
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "inlet.h"

// Tunnels that are asked at one time; one that answers is enough.
#define ASK_TUNNELS 4

static void look_workers(struct inlet *in, uint64_t now_us)
{
	uint64_t timeout_us = in->cfg.health.worker_timeout_ms * USEC_PER_MSEC;
	uint64_t polls[INLET_MAX_LCORES];
	struct crossing_load load;
	char text[64];
	int stuck;

	for (unsigned int w = 0; w < in->n_workers; w++) {
		crossing_load(in->crossing, w, &load);
		polls[w] = load.polls;
	}
	stuck = health_workers_stuck(&in->health_workers, polls, in->n_workers, timeout_us, now_us);
	snprintf(text, sizeof(text), "worker %d has not polled for %u ms", stuck,
		in->cfg.health.worker_timeout_ms);
	health_see(&in->health, OBSERVE_HEALTH_WORKERS, stuck < 0 ? OBSERVE_GOOD : OBSERVE_BAD,
		stuck < 0 ? NULL : text, now_us);
}

// Why an interface carries nothing, or NULL.
static const char *if_says(const struct iface *ifc)
{
	if (ifc->port->stopped)
		return "port stopped";
	if (!ifc->port->link_up)
		return "no link";
	if (!ifc->netdev_up)
		return "netdev down";
	for (unsigned int k = 0; k < ifc->n_addrs; k++)
		if (addr_is_unicast(&ifc->addrs[k].addr))
			return NULL;
	return "no address";
}

static void look_side(
	struct inlet *in, enum observe_health_check c, enum if_role role, uint64_t now_us)
{
	char text[OBSERVE_HEALTH_REASON] = "there is none";
	const char *why;

	for (unsigned int i = 0; i < in->n_ifs; i++) {
		const struct iface *ifc = &in->ifs[i];

		if (!(ifc->cfg->role & role))
			continue;
		why = if_says(ifc);
		if (!why) {
			health_see(&in->health, c, OBSERVE_GOOD, NULL, now_us);
			return;
		}
		snprintf(text, sizeof(text), "%s: %s", ifc->cfg->name, why);
	}
	health_see(&in->health, c, OBSERVE_BAD, text, now_us);
}

static void packets_cb(void *arg, const struct tunnel_view *v)
{
	*(uint64_t *)arg += v->packets;
}

// A count that moves when packets come through tunnels. What is sent is free to look at; where
// nothing is (all is muted), the tunnels are asked.
static uint64_t packets_of(struct inlet *in)
{
	uint64_t sent = 0, through = 0;
	uint32_t cursor = 0;

	for (unsigned int w = 0; w < in->n_workers; w++)
		for (unsigned int i = 0; i < in->n_ifs; i++)
			sent += __atomic_load_n(
				&in->crossing->workers[w]->ifs[i].tx_packets, __ATOMIC_RELAXED);
	if (sent == in->health_sent) {
		while (channels_tunnels_some(
			in->channels, &cursor, UINT32_MAX, packets_cb, &through))
			;
		in->health_packets = through;
	}
	in->health_sent = sent;
	return sent + in->health_packets;
}

static void answered(void *arg, const struct addr *relay, uint64_t now_us)
{
	(void)relay; // the gateway's count of Advertisements has moved
	(void)now_us;
	*(struct amt_discovery **)arg = NULL;
}

static void ask(struct inlet *in, unsigned int slot, const struct addr *relay, uint64_t now_us)
{
	struct amt_discovery **d = &in->health_asked[slot];

	if (*d)
		amt_discovery_cancel(in->amt, *d);
	*d = amt_discovery_start(in->amt, relay, answered, d, now_us);
}

struct asking {
	unsigned int n;
	uint64_t now_us;
};

static void ask_tunnel_cb(void *arg, const struct tunnel_view *v)
{
	const struct endpoint *ep = v->endpoint;
	struct asking *a = arg;

	if (a->n >= ASK_TUNNELS || !ep || !ep->tunnel)
		return;
	a->n++;
	amt_tunnel_refresh(ep->tunnel, a->now_us);
}

static void ask_relays(struct inlet *in, uint64_t now_us)
{
	const struct config_health *c = &in->cfg.health;
	struct asking a = {.now_us = now_us};
	uint32_t cursor = 0;

	for (unsigned int i = 0; i < c->n_probe; i++)
		ask(in, i, &c->probe[i], now_us);
	if (c->n_probe > 0)
		return;
	channels_tunnels_some(in->channels, &cursor, ASK_TUNNELS, ask_tunnel_cb, &a);
	for (unsigned int i = 0; a.n == 0 && i < in->health_relays.n_served; i++)
		ask(in, i, &in->health_relays.served[i], now_us);
}

static void look_relays(struct inlet *in, uint64_t now_us)
{
	const struct amt_stats *s = amt_gateway_stats(in->amt);
	struct channel_totals totals;
	struct health_relays_seen seen;
	enum observe_health_is is;
	bool now_ask;

	channels_totals(in->channels, &totals);
	seen = (struct health_relays_seen){
		.packets = packets_of(in),
		.answers = s->advertisement_rx + s->query_rx,
		.wanted = totals.channels,
		.always = in->cfg.health.n_probe > 0,
	};
	is = health_relays_look(&in->health_relays, &seen,
		in->cfg.health.relay_timeout_ms * USEC_PER_MSEC, now_us, &now_ask);
	if (now_ask)
		ask_relays(in, now_us);
	health_see(&in->health, OBSERVE_HEALTH_RELAYS, is,
		is == OBSERVE_BAD	? "neither packets nor answers come"
		: is == OBSERVE_UNKNOWN ? "nothing is wanted, nobody is asked"
					: NULL,
		now_us);
}

void health_say(const struct observe_health *h)
{
	log_info("health", "state=%s%s%s%s", observe_health_state_word(h->state),
		h->reason[0] ? " reason=\"" : "", h->reason, h->reason[0] ? "\"" : "");
}

void health_start(struct inlet *in)
{
	health_init(&in->health, clock_mono_us());
}

void health_tick(struct inlet *in, uint64_t now_us)
{
	struct observe_health *h = &in->health;

	look_workers(in, now_us);
	look_side(in, OBSERVE_HEALTH_UPSTREAM, IF_UPSTREAM, now_us);
	look_side(in, OBSERVE_HEALTH_DOWNSTREAM, IF_DOWNSTREAM, now_us);
	look_relays(in, now_us);
	if (health_settle(h, in->cfg.health.up_after_s * USEC_PER_SEC, now_us)) {
		health_say(h);
		drain_review(in);
	}
	drain_tick(in, now_us);
}

void health_stop(struct inlet *in)
{
	for (unsigned int i = 0; i < HEALTH_RELAYS; i++)
		if (in->health_asked[i])
			amt_discovery_cancel(in->amt, in->health_asked[i]);
	memset(in->health_asked, 0, sizeof(in->health_asked));
}
