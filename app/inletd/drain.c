// SPDX-License-Identifier: BSD-3-Clause
// Out of service without loss, and how the end of inletd is told. Make before break, in this order:
//
// 1. health is no longer up: whoever announces our prefixes withdraws them, and routers join
//    elsewhere. Where another router shares the link, PIM makes it the Designated Router
//    (priority 0) and lets it win each Assert (the worst metric), each with its first packet;
//    meanwhile we forward on.
// 2. when nothing is joined any more, or after drain_timeout, PIM says Goodbye, and what is still
//    joined is forwarded for linger_ms.
// 3. PIM, IGMP and MLD are off.
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "inlet.h"

#define LOOK_US (20 * USEC_PER_MSEC)
// Who is told by health has so long before PIM says a word of it.
#define FIRST_US (500 * USEC_PER_MSEC)
// Who asked for it so lately follows it.
#define FOLLOWED_US (2 * USEC_PER_SEC)

static void claim_cb(void *arg, const struct sg *sg)
{
	const struct iface *ifc = arg;
	struct pim_if *pim = ifc->pim[iface_family(sg->g.family)].pim;
	const struct channels *cs = ifc->in->channels;

	if (pim && channels_wanted_by(cs, sg, CHANNEL_BY_MEMBERSHIP) >> ifc->index & 1)
		pim_if_claim(pim, sg, clock_mono_us());
}

bool drain_yields(const struct inlet *in)
{
	return in->drain.yielded || in->health.state == OBSERVE_DOWN;
}

void drain_review(struct inlet *in)
{
	channels_batch_begin(in->channels);
	for (unsigned int i = 0; i < in->n_ifs; i++)
		iface_pim_configure(&in->ifs[i]);
	channels_batch_end(in->channels, clock_mono_us());
}

static void yield(struct inlet *in)
{
	channels_batch_begin(in->channels);
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		if (in->ifs[i].membership[IFACE_V4].m || in->ifs[i].membership[IFACE_V6].m)
			channels_each_sg(in->channels, claim_cb, &in->ifs[i]);
		iface_pim_configure(&in->ifs[i]);
	}
	channels_batch_end(in->channels, clock_mono_us());
}

struct counted {
	const struct channels *cs;
	uint32_t n;
};

static void count_cb(void *arg, const struct sg *sg)
{
	struct counted *c = arg;

	c->n += channels_wanted_by(c->cs, sg, CHANNEL_BY_MEMBERSHIP) != 0;
}

// What is asked of us on any link.
static uint32_t joined(const struct inlet *in)
{
	struct counted c = {.cs = in->channels};
	bool receivers = false;
	struct pim_if_view v;

	for (unsigned int i = 0; i < in->n_ifs; i++) {
		for (int f = 0; f < IFACE_FAMILIES; f++) {
			receivers |= in->ifs[i].membership[f].m != NULL;
			if (!in->ifs[i].pim[f].pim)
				continue;
			pim_if_view(in->ifs[i].pim[f].pim, &v);
			c.n += v.joins;
		}
	}
	if (c.n == 0 && receivers)
		channels_each_sg(in->channels, count_cb, &c);
	return c.n;
}

// The next PIM that we speak ourselves, from *at on (0 to begin with); NULL: that was the last.
static struct pim_if *speaker_next(const struct inlet *in, unsigned int *at)
{
	while (*at < in->n_ifs * IFACE_FAMILIES) {
		const struct iface *ifc = &in->ifs[*at / IFACE_FAMILIES];
		struct pim_if *pim = ifc->pim[(*at)++ % IFACE_FAMILIES].pim;

		if (pim && !watch_on(ifc))
			return pim;
	}
	return NULL;
}

static void goodbye(struct inlet *in, uint64_t now_us)
{
	struct pim_if *pim;

	for (unsigned int at = 0; (pim = speaker_next(in, &at));)
		pim_if_goodbye(pim, now_us);
}

static void off(struct inlet *in)
{
	channels_batch_begin(in->channels);
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		iface_close_membership(&in->ifs[i]);
		iface_close_pim(&in->ifs[i]);
	}
	channels_batch_end(in->channels, clock_mono_us());
}

static void state(struct inlet *in, enum observe_health_state to, const char *reason, uint64_t now)
{
	health_set(&in->health, to, reason, now);
	health_say(&in->health);
}

static void drain_start(struct inlet *in, uint64_t now_us)
{
	in->drain = (struct drain){.on = true,
		.since_us = now_us,
		.until_us = now_us + in->cfg.health.drain_timeout_s * USEC_PER_SEC};
	state(in, OBSERVE_DRAINING, "by the operator", now_us);
}

static int drain_end(struct inlet *in, uint64_t now_us, char why[OBSERVE_WHY_LEN])
{
	bool was_off = in->drain.off;
	char err[BOOT_ERR_LEN];
	int ret = 0;

	in->drain = (struct drain){0};
	in->health.good_us = 0;
	state(in, OBSERVE_DOWN, "drained until now", now_us);
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		struct iface *ifc = &in->ifs[i];
		int bad = 0;

		if (!was_off)
			iface_pim_configure(ifc);
		else if (!ifc->port->stopped)
			bad = iface_serve(ifc, now_us, err);
		if (bad < 0) {
			snprintf(why, OBSERVE_WHY_LEN, "%s", err);
			ret = bad;
		}
	}
	observe_fill(in);
	return ret;
}

int drain_set(struct inlet *in, bool on, char why[OBSERVE_WHY_LEN])
{
	uint64_t now_us = clock_mono_us();

	if (in->drain.on == on) {
		snprintf(why, OBSERVE_WHY_LEN, "%s",
			on ? "it is drained already (show health)" : "it is not drained");
		return -EALREADY;
	}
	if (!on)
		return drain_end(in, now_us, why);
	drain_start(in, now_us);
	return 0;
}

void drain_tick(struct inlet *in, uint64_t now_us)
{
	struct drain *d = &in->drain;

	if (!d->on || d->off)
		return;
	if (!d->yielded && now_us - d->since_us >= FIRST_US) {
		d->yielded = true;
		yield(in);
		return;
	}
	if (!d->yielded)
		return;
	if (!d->bye_us && (now_us >= d->until_us || joined(in) == 0)) {
		d->bye_us = now_us;
		goodbye(in, now_us);
	} else if (d->bye_us && now_us - d->bye_us >= in->cfg.health.linger_ms * USEC_PER_MSEC) {
		d->off = true;
		off(in);
		state(in, OBSERVE_DRAINED, "by the operator", now_us);
		observe_fill(in);
	}
}

// Whether somebody else on the link may take over what is joined there.
static bool others(const struct pim_if *pim)
{
	struct pim_if_view v;

	pim_if_view(pim, &v);
	return v.neighbors > 1 && v.joins > v.asserts_lost;
}

static bool replaced(const struct inlet *in)
{
	const struct pim_if *pim;
	bool all = true;

	for (unsigned int at = 0; (pim = speaker_next(in, &at));)
		all &= pim_if_replaced(pim);
	return all;
}

static bool nobody_joins(const struct inlet *in)
{
	return joined(in) == 0;
}

static void turn_until(struct inlet *in, bool (*is)(const struct inlet *in), uint64_t us)
{
	uint64_t until_us = clock_mono_us() + us;

	while (clock_mono_us() < until_us && !is(in))
		loop_drain(in, LOOK_US);
}

void drain_before_end(struct inlet *in)
{
	uint64_t now_us = clock_mono_us(), linger_us = in->cfg.health.linger_ms * USEC_PER_MSEC;
	const struct pim_if *pim;
	bool any = false;

	if (!in->workers_run || !in->channels)
		return;
	state(in, OBSERVE_STOPPING, "inletd ends", now_us);
	// Whoever follows our health withdraws now, and routers leave by themselves.
	if (in->health_followed_us && now_us - in->health_followed_us < FOLLOWED_US)
		turn_until(in, nobody_joins, linger_us);
	for (unsigned int at = 0; (pim = speaker_next(in, &at));)
		any |= others(pim);
	if (!any)
		return;
	goodbye(in, clock_mono_us());
	turn_until(in, replaced, linger_us);
}
