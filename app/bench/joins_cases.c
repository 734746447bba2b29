// SPDX-License-Identifier: BSD-3-Clause
// The cases on simulated time, one after the other in one world, and bursts of what nobody knew in
// worlds of their own.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/joins.h"
#include "bench/joins_world.h"

// RFC 8777 section 3.2.2.
#define QUERIES_PER_100MS 10
#define SETTLE_US	  (10 * USEC_PER_SEC)
#define SECOND_MS	  1000.0
#define LIMIT_JOIN_US	  10.0
#define LIMIT_BYTES	  512.0
#define LIMIT_REFRESH_MS  10.0
#define REFRESHES	  10
// A turn of the loop that keeps everything else waiting; what a Join may be late by, halved.
#define LIMIT_TURN_MS 5.0

struct bench {
	struct joins_report *r;
	struct jw *w;
	uint32_t channels; // of the full table
};

static double ms(uint64_t us)
{
	return (double)us / 1e3;
}

// The i-th of sorted times.
static double us_of(const uint64_t *ns, uint64_t i)
{
	return (double)ns[i] / 1e3;
}

static double us_each(uint64_t ns, uint32_t n)
{
	return (double)ns / 1e3 / n;
}

static void longest(const struct bench *b, const char *name)
{
	joins_say(b->r, name, "longest_turn", "longest turn of the control loop",
		(double)jw_cpu(b->w)->longest_ns / 1e6, "ms", LIMIT_TURN_MS);
}

// What goes wrong anywhere is a broken limit, whatever the figures.
static void sound(const struct bench *b, const char *name)
{
	struct jw_counts c;

	jw_counts(b->w, &c);
	if (c.bad > 0)
		joins_wrong(b->r, name, "messages or channels were refused");
}

// All channels, as after a start of router and appliance.
static int fill(struct bench *b, const char *name)
{
	const struct joins_options *o = b->r->o;
	const struct jw_say all = {.n = o->channels,
		.packed = JO_PACKED,
		.at_us = jw_now(b->w),
		.spread_us = USEC_PER_SEC};
	uint64_t began = jw_now(b->w), slice = 10 * USEC_PER_SEC, until;

	if (jw_say(b->w, &all) != 0)
		return -1;
	until = began + (o->sources / QUERIES_PER_100MS + 200) * 100 * USEC_PER_MSEC + slice;
	jw_cpu_reset(b->w);
	while (jw_now(b->w) < until && !jw_run_table(b->w, o->channels, jw_now(b->w) + slice))
		joins_progress(b->r, name, jw_table(b->w), o->channels);
	if (jw_table(b->w) != o->channels) {
		joins_wrong(b->r, name, "not all channels came to be in the table");
		return -1;
	}
	joins_say(b->r, name, "all_after", "all in the table, DNS at 100 queries a second, after",
		ms(jw_now(b->w) - began) / 1e3, "s", 0);
	jw_run(b->w, jw_now(b->w) + SETTLE_US);
	joins_say(b->r, name, "cpu_a_channel", "CPU a channel, tunnels and all",
		us_each(jw_cpu(b->w)->ns, o->channels), "us", 0);
	longest(b, name);
	sound(b, name);
	return 0;
}

static void memory(struct bench *b)
{
	struct jw_bytes m = jw_bytes(b->w);
	double n = b->channels;
	const struct part {
		const char *key, *text;
		size_t octets;
	} parts[] = {
		{"slots_bytes_a_channel", "whose each of its slots is", m.slots},
		{"records_bytes_a_channel", "the table's record, 48 and spare", m.records},
		{"pim_bytes_a_channel", "PIM's (S,G) of an interface", m.pim},
		{"channel_bytes_a_channel", "the channel", m.channels},
		{"sets_bytes_a_channel", "in what its tunnel reports", m.sets},
		{"sources_bytes_a_channel", "its share of a source and the relays found",
			m.sources},
		{"tunnels_bytes_a_channel", "its share of a tunnel", m.tunnels},
		{"timers_bytes_a_channel", "its share of the heap of timers", m.timers},
	};
	long long rest = (long long)m.all - (long long)m.table;

	joins_say(b->r, "memory", "bytes_a_channel", "a channel, with everything",
		(double)m.all / n, "octets", LIMIT_BYTES);
	joins_say(b->r, "memory", "table_bytes_a_channel", "of it the table that a worker reads",
		(double)m.table / n, "octets", 0);
	for (unsigned int i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		joins_say(b->r, "memory", parts[i].key, parts[i].text, (double)parts[i].octets / n,
			"octets", 0);
		rest -= (long long)parts[i].octets;
	}
	joins_say(b->r, "memory", "rest_bytes_a_channel", "the rest, and what malloc adds",
		(double)rest / n, "octets", 0);
}

// What it costs to have them.
static void idle(struct bench *b)
{
	const uint64_t for_us = 20 * USEC_PER_SEC;

	jw_cpu_reset(b->w);
	jw_run(b->w, jw_now(b->w) + for_us);
	joins_say(b->r, "idle", "cpu_share", "share of a CPU, packets flowing, no Join",
		(double)jw_cpu(b->w)->ns / 1e3 / (double)for_us * 100, "%", 0);
	longest(b, "idle");
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

// New channels of sources whose relay is known, one message each, then packed; and their end.
static int joins(struct bench *b)
{
	uint32_t n = b->r->o->joins;
	uint64_t *ns = calloc(n, sizeof(*ns)), sum = 0;
	struct jw_say s = {.i = 1, .first = b->channels, .n = 1, .packed = 1};

	if (!ns)
		return -1;
	jw_cpu_reset(b->w);
	for (uint32_t i = 0; i < n; i++, s.first++) {
		ns[i] = jw_message_ns(b->w, &s);
		sum += ns[i];
		jw_run(b->w, jw_now(b->w) + 100);
	}
	if (jw_table(b->w) != b->channels + n)
		joins_wrong(b->r, "join", "not all channels came to be in the table");
	qsort(ns, n, sizeof(*ns), by_value);
	joins_say(b->r, "join", "cpu_mean", "CPU of a Join, relay known, message to Update: mean",
		us_each(sum, n), "us", LIMIT_JOIN_US);
	joins_say(b->r, "join", "cpu_median", "median", us_of(ns, n / 2), "us", LIMIT_JOIN_US);
	joins_say(b->r, "join", "cpu_99", "99 of 100", us_of(ns, (uint64_t)n * 99 / 100), "us", 0);
	joins_say(b->r, "join", "cpu_longest", "the longest", us_of(ns, n - 1), "us", 0);
	jw_run(b->w, jw_now(b->w) + 3 * USEC_PER_SEC);
	joins_say(b->r, "join", "cpu_with_all",
		"with the reports said again, and what else goes on",
		us_each(sum + jw_cpu(b->w)->ns, n), "us", 0);
	for (uint32_t i = 0; i < n; i++) {
		s = (struct jw_say){
			.i = 1, .first = b->channels + i, .n = 1, .packed = 1, .prune = true};
		ns[i] = jw_message_ns(b->w, &s);
	}
	qsort(ns, n, sizeof(*ns), by_value);
	joins_say(b->r, "join", "prune_cpu_median", "CPU of a Prune, message to Update: median",
		us_of(ns, n / 2), "us", LIMIT_JOIN_US);
	free(ns);
	jw_run(b->w, jw_now(b->w) + SETTLE_US);
	for (sum = 0, s = (struct jw_say){.i = 1, .packed = JO_PACKED}; s.first < n;
		s.first += JO_PACKED) {
		struct jw_say m = s;

		m.first += b->channels;
		m.n = n - s.first < JO_PACKED ? n - s.first : JO_PACKED;
		sum += jw_message_ns(b->w, &m);
	}
	joins_say(b->r, "join", "packed_cpu_mean", "CPU of a Join, 70 a message: mean",
		us_each(sum, n), "us", LIMIT_JOIN_US);
	jw_run(b->w, jw_now(b->w) + SETTLE_US);
	sound(b, "join");
	return 0;
}

static int end_of(struct bench *b, unsigned int i, uint32_t n)
{
	struct jw_say s = {
		.i = i, .first = b->channels, .n = n, .packed = JO_PACKED, .prune = true};

	// A router that takes its Join back at once is not believed the next one.
	jw_run(b->w, jw_now(b->w) + USEC_PER_SEC);
	s.at_us = jw_now(b->w);
	if (jw_say(b->w, &s) != 0)
		return -1;
	jw_run_table(b->w, b->channels, jw_now(b->w) + SETTLE_US);
	jw_run(b->w, jw_now(b->w) + SETTLE_US);
	return 0;
}

static int burst_of(
	struct bench *b, uint64_t spread_us, const char *key, const char *figure, double limit_ms)
{
	uint32_t n = b->r->o->joins;
	const struct jw_say s = {.i = 1,
		.first = b->channels,
		.n = n,
		.packed = 1,
		.at_us = jw_now(b->w),
		.spread_us = spread_us};
	uint64_t began = jw_now(b->w);

	if (jw_say(b->w, &s) != 0)
		return -1;
	jw_cpu_reset(b->w);
	if (!jw_run_table(b->w, b->channels + n, began + SETTLE_US))
		joins_wrong(b->r, "burst", "not all channels came to be in the table");
	joins_say(b->r, "burst", key, figure, ms(jw_now(b->w) - began), "ms", limit_ms);
	longest(b, "burst");
	return 0;
}

// Nothing is known: neither source nor relay. RFC 8777 allows 100 queries a second, so that there
// are as many sources.
static int burst_unknown(struct joins_report *r)
{
	const uint32_t sources = 100;
	const struct jw_cfg cfg = {.plan = {.sources = sources, .relays = sources},
		.queries_per_100ms = QUERIES_PER_100MS,
		.members = true};
	struct bench b = {.r = r, .w = jw_create(&cfg)};
	struct jw_counts c;
	int rc;

	if (!b.w)
		return -1;
	rc = burst_of(&b, USEC_PER_SEC, "unknown_after", "the same from 100 sources never heard of",
		SECOND_MS + ms(JW_DNS_US + JW_RTT_US));
	jw_run(b.w, jw_now(b.w) + USEC_PER_SEC);
	jw_counts(b.w, &c);
	if (c.heard.channels != r->o->joins)
		joins_wrong(r, "burst", "the relays do not know all channels");
	sound(&b, "burst");
	jw_destroy(b.w);
	return rc;
}

static int bursts(struct bench *b)
{
	char figure[64];

	snprintf(figure, sizeof(figure), "%u Joins in a second, the last in the table after",
		b->r->o->joins);
	if (burst_of(b, USEC_PER_SEC, "last_after", figure, SECOND_MS) != 0 ||
		end_of(b, 1, b->r->o->joins) != 0)
		return -1;
	if (burst_of(b, 0, "at_once_after", "as many at one time", SECOND_MS) != 0 ||
		end_of(b, 1, b->r->o->joins) != 0)
		return -1;
	return burst_unknown(b->r);
}

// A new Join that arrives with the last octet of a full refresh, on interface i; how late it is in
// the table, at worst. spread_us: that the refresh takes to arrive.
static int late(struct bench *b, unsigned int i, uint64_t spread_us, uint64_t *worst_us)
{
	*worst_us = 0;
	for (unsigned int k = 0; k < REFRESHES; k++) {
		uint64_t now = jw_now(b->w), at = now + spread_us;
		const struct jw_say refresh = {.n = b->channels,
			.packed = JO_PACKED,
			.at_us = now,
			.spread_us = spread_us};
		const struct jw_say s = {
			.i = i, .first = b->channels, .n = 1, .packed = 1, .at_us = at};

		if (jw_say(b->w, &refresh) != 0 || jw_say(b->w, &s) != 0)
			return -1;
		if (!jw_run_table(b->w, b->channels + 1, at + SETTLE_US)) {
			joins_wrong(b->r, "refresh", "the new channel is not in the table");
			return 0;
		}
		now = jw_now(b->w) - at;
		*worst_us = now > *worst_us ? now : *worst_us;
		if (end_of(b, i, 1) != 0)
			return -1;
		joins_progress(b->r, "refresh", k, REFRESHES);
	}
	return 0;
}

static int refreshes(struct bench *b)
{
	// Octets of a message with its headers, on the wire.
	const uint64_t wire_us = (uint64_t)b->channels / JO_PACKED * 1490 * 8 / 1000;
	uint64_t other, same, wire;

	jw_cpu_reset(b->w);
	if (late(b, 1, 0, &other) != 0 || late(b, 0, 0, &same) != 0 ||
		late(b, 0, wire_us, &wire) != 0)
		return -1;
	joins_say(b->r, "refresh", "other_interface",
		"new Join, other interface, refresh all at one time", ms(other), "ms",
		LIMIT_REFRESH_MS);
	joins_say(b->r, "refresh", "same_interface",
		"same interface, behind the refresh all at one time", ms(same), "ms",
		LIMIT_REFRESH_MS);
	joins_say(b->r, "refresh", "same_interface_at_1g",
		"same interface, behind the refresh at 1 Gbit/s", ms(wire), "ms", LIMIT_REFRESH_MS);
	joins_say(b->r, "refresh", "cpu_a_channel", "CPU a channel",
		(double)jw_cpu(b->w)->pim_ns / (3.0 * REFRESHES) / b->channels, "ns", 0);
	longest(b, "refresh");
	sound(b, "refresh");
	return 0;
}

static int leave(struct bench *b)
{
	uint64_t began = jw_now(b->w);
	const struct jw_say s = {
		.n = b->channels, .packed = JO_PACKED, .prune = true, .at_us = began};
	struct jw_counts before, after;

	jw_counts(b->w, &before);
	if (jw_say(b->w, &s) != 0)
		return -1;
	jw_cpu_reset(b->w);
	if (!jw_run_table(b->w, 0, began + SETTLE_US))
		joins_wrong(b->r, "leave", "channels stay in the table");
	joins_say(b->r, "leave", "all_after",
		"all pruned at one time, the last out of the table after", ms(jw_now(b->w) - began),
		"ms", 0);
	joins_say(b->r, "leave", "cpu_a_channel", "CPU a channel",
		us_each(jw_cpu(b->w)->ns, b->channels), "us", LIMIT_JOIN_US);
	longest(b, "leave");
	jw_run(b->w, jw_now(b->w) + SETTLE_US);
	jw_counts(b->w, &after);
	if (after.heard.leaves - before.heard.leaves < b->channels)
		joins_wrong(b->r, "leave", "relays were not told");
	if (after.tunnels || after.sources || after.channels)
		joins_wrong(b->r, "leave", "tunnels, sources or channels stay");
	joins_say(b->r, "leave", "bytes_left", "octets left, of each channel that was",
		(double)jw_bytes(b->w).all / b->channels, "octets", 0);
	return 0;
}

// The router has died: all Joins run out in a second.
static void expire(struct bench *b)
{
	uint64_t until = jw_now(b->w) + (JO_HOLDTIME_S + 10) * USEC_PER_SEC;

	jw_cpu_reset(b->w);
	if (!jw_run_table(b->w, 0, until))
		joins_wrong(b->r, "expire", "channels stay in the table");
	longest(b, "expire");
	sound(b, "expire");
}

static int cases(struct bench *b)
{
	if (fill(b, "fill") != 0)
		return -1;
	memory(b);
	idle(b);
	if (joins(b) != 0 || end_of(b, 1, b->r->o->joins) != 0 || bursts(b) != 0 ||
		refreshes(b) != 0 || leave(b) != 0 || fill(b, "fill again") != 0)
		return -1;
	expire(b);
	return 0;
}

int joins_cases(struct joins_report *r)
{
	const struct joins_options *o = r->o;
	const struct jw_cfg cfg = {.plan = {.sources = o->sources, .relays = o->relays},
		.queries_per_100ms = QUERIES_PER_100MS};
	struct bench b = {.r = r, .w = jw_create(&cfg), .channels = o->channels};
	int rc = b.w ? cases(&b) : -1;

	jw_destroy(b.w);
	return rc;
}
