// SPDX-License-Identifier: BSD-3-Clause
// What the metrics want of the rooms and the console does not (test/unit/console/fakes.c has the
// rest).
#include "channel/channel.h"
#include "crossing/crossing.h"
#include "driad/holddown.h"

const struct histogram *channels_latency(const struct channels *cs)
{
	static const struct histogram h = {.counts = {[3] = 2}, .count = 2, .sum_us = 15000};

	(void)cs;
	return &h;
}

void channels_totals(const struct channels *cs, struct channel_totals *out)
{
	(void)cs;
	*out = (struct channel_totals){.channels = 2, .sources = 2, .tunnels = 1, .wanted = 9};
}

uint64_t crossing_ecn_odd(const struct crossing *c)
{
	(void)c;
	return 5;
}

void crossing_load(const struct crossing *c, unsigned int worker, struct crossing_load *out)
{
	(void)c;
	*out = (struct crossing_load){.polls = 1000 + worker};
}

void holddown_each(const struct holddown *h,
	void (*cb)(void *arg, const struct addr *relay, const char *reason, uint64_t until_us),
	void *arg)
{
	struct addr a;

	(void)h;
	addr_parse("203.0.113.99", &a);
	// For two sources, once for another reason, and one that is over.
	cb(arg, &a, "no \"traffic\"", UINT64_MAX);
	cb(arg, &a, "no \"traffic\"", UINT64_MAX);
	cb(arg, &a, "full", UINT64_MAX);
	cb(arg, &a, "over", 0);
}
