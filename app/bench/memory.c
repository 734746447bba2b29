// SPDX-License-Identifier: BSD-3-Clause
// What the table costs while it grows: the worker's replica by the table's own account, all else by
// the kernel's, and how long the control thread is away at most.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_common.h>

#include "bench/bench.h"
#include "bench/feed.h"
#include "mfib/mfib.h"

#define TUNNELS	   1000
#define TURN	   10000 // channels between two calls of the control loop: 100 ms of 100,000 a second
#define HUGEPAGE   (2u << 20)
#define CHURN	   100000 // channels that come and go at a size
#define SETTLED	   100000 // rounds after which growth has to be over
#define LIMIT_IPV4 160	  // octets a channel in the table a worker reads
#define LIMIT_IPV6 320

struct sizes {
	struct mfib_usage usage;
	uint32_t channels;
	enum mfib_kind kind;
	double table, peak, control; // octets a channel
	unsigned int pages, pages_peak;
	double longest_us, longest_wall_us; // one call of the control thread's, since the first
	uint64_t over_1ms;		    // calls
	double adds, churn;		    // a second; one more added and another deleted
};

// A table that grows; what it takes, above what was taken before.
struct growth {
	struct mfib *mfib;
	struct feed_shape shape;
	struct mfib_tunnel *tunnels[TUNNELS];
	size_t before;	   // taken
	size_t peak;	   // of usage.bytes
	size_t peak_taken; // of all, above `before`
	// Of calls, in ns of the thread's CPU time: other processes run here too.
	uint64_t longest, longest_wall, over_1ms, ns;
	uint32_t channels;
};

struct stopwatch {
	uint64_t cpu, wall;
};

// Octets that the process has of the kernel: huge pages and others.
static size_t taken(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long long kb, sum = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "RssAnon: %llu", &kb) == 1 ||
			sscanf(line, "HugetlbPages: %llu", &kb) == 1)
			sum += kb;
	}
	if (f)
		fclose(f);
	return sum * 1024;
}

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static struct stopwatch started(void)
{
	struct stopwatch w = {.wall = now(CLOCK_MONOTONIC)};

	w.cpu = now(CLOCK_THREAD_CPUTIME_ID);
	return w;
}

static void stopped(struct growth *g, struct stopwatch w)
{
	uint64_t cpu = now(CLOCK_THREAD_CPUTIME_ID) - w.cpu, wall = now(CLOCK_MONOTONIC) - w.wall;

	g->ns += cpu;
	g->longest = RTE_MAX(g->longest, cpu);
	g->longest_wall = RTE_MAX(g->longest_wall, wall);
	g->over_1ms += cpu > 1000000;
}

static void turn(struct growth *g)
{
	struct mfib_usage usage;
	struct stopwatch w = started();

	mfib_reclaim(g->mfib);
	stopped(g, w);
	mfib_usage(g->mfib, &usage);
	g->peak = RTE_MAX(g->peak, usage.bytes);
}

static size_t above(const struct growth *g)
{
	size_t is = taken();

	return is > g->before ? is - g->before : 0;
}

static int grow(struct growth *g, uint32_t channels)
{
	for (; g->channels < channels; g->channels++) {
		struct sg sg = feed_sg(&g->shape, g->channels);
		struct mfib_tunnel *t = g->tunnels[feed_tunnel(&g->shape, g->channels)];
		struct stopwatch w = started();

		if (!mfib_channel_add(g->mfib, t, &sg, 2))
			return -1;
		stopped(g, w);
		if (g->channels % TURN != 0)
			continue;
		turn(g);
		g->peak_taken = RTE_MAX(g->peak_taken, above(g));
	}
	return 0;
}

static void settle(struct growth *g, struct mfib_usage *usage)
{
	for (unsigned int i = 0; i < SETTLED; i++) {
		turn(g);
		mfib_usage(g->mfib, usage);
		if (!usage->table[MFIB_NARROW].growing && !usage->table[MFIB_WIDE].growing &&
			!usage->retired)
			break;
	}
}

static int tunnels_add(struct growth *g, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct addr relay = feed_relay(&g->shape, i), local = feed_local(&g->shape, i);
		struct mfib_tunnel *t =
			mfib_tunnel_add(g->mfib, &relay, &local, feed_port(&g->shape, i));

		if (!t)
			return -1;
		if (i < TUNNELS)
			g->tunnels[i] = t;
	}
	return 0;
}

static struct growth *growth_begin(enum feed_family family)
{
	struct growth *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->shape = (struct feed_shape){
		.channels = BENCH_MAX_CHANNELS, .tunnels = TUNNELS, .family = family};
	g->before = taken();
	g->mfib = mfib_create(1, NULL);
	if (g->mfib)
		return g;
	free(g);
	return NULL;
}

static void growth_end(struct growth *g)
{
	mfib_destroy(g->mfib);
	free(g);
}

// Channels come and go at this size; returns how many of each a second. 0: out of memory.
static double churn(struct growth *g)
{
	static struct mfib_channel *c[TURN];
	uint64_t start = now(CLOCK_THREAD_CPUTIME_ID);

	memset(c, 0, sizeof(c));
	for (uint32_t i = 0; i < CHURN + TURN; i++) {
		struct sg sg = feed_sg_more(&g->shape, i);

		if (c[i % TURN])
			mfib_channel_del(g->mfib, c[i % TURN]);
		c[i % TURN] = NULL;
		if (i < CHURN) {
			c[i % TURN] = mfib_channel_add(g->mfib, g->tunnels[i % TUNNELS], &sg, 2);
			if (!c[i % TURN])
				return 0;
		}
		if (i % TURN == 0)
			mfib_reclaim(g->mfib);
	}
	return CHURN * 1e9 / (double)(now(CLOCK_THREAD_CPUTIME_ID) - start);
}

static unsigned int pages(size_t bytes)
{
	return (unsigned int)((bytes + HUGEPAGE - 1) / HUGEPAGE);
}

static int measure(struct growth *g, uint32_t channels, struct sizes *s)
{
	struct mfib_usage after;
	size_t all;

	if (grow(g, channels) != 0)
		return -1;
	*s = (struct sizes){.channels = channels,
		.kind = g->shape.family == FEED_4IN4 ? MFIB_NARROW : MFIB_WIDE,
		.peak = (double)g->peak / channels};
	settle(g, &s->usage);
	all = above(g);
	s->table = (double)s->usage.table[s->kind].bytes / channels;
	if (all > s->usage.bytes)
		s->control = (double)(all - s->usage.bytes) / channels;
	s->pages = pages(all);
	s->pages_peak = pages(RTE_MAX(all, g->peak_taken));
	s->longest_us = (double)g->longest / 1e3;
	s->longest_wall_us = (double)g->longest_wall / 1e3;
	s->over_1ms = g->over_1ms;
	s->adds = channels * 1e9 / (double)g->ns;
	s->churn = churn(g);
	settle(g, &after);
	return s->churn > 0 ? 0 : -1;
}

static unsigned int limit(enum feed_family family)
{
	// Any address of either header that is IPv6 makes it an entry of the wide table.
	return family == FEED_4IN4 ? LIMIT_IPV4 : LIMIT_IPV6;
}

static void print(const struct sizes *s, enum feed_family family, bool json)
{
	const struct mfib_usage_table *t = &s->usage.table[s->kind];

	if (json)
		printf("{\"bench\":\"memory\",\"case\":{\"channels\":%u,\"tunnels\":%u,"
		       "\"family\":\"%s\"},\"table_bytes\":%zu,\"slots\":%u,"
		       "\"table_bytes_per_channel\":%.1f,\"limit\":%u,\"ratio\":{\"limit\":%.3f},"
		       "\"peak_bytes_per_channel\":%.1f,\"control_bytes_per_channel\":%.1f,"
		       "\"hugepages\":%u,\"hugepages_peak\":%u,\"longest_call_us\":%.0f,"
		       "\"longest_call_wall_us\":%.0f,\"calls_over_1ms\":%llu,\"adds_per_s\":%.0f,"
		       "\"churn_per_s\":%.0f,\"memory\":\"%s\"}\n",
			s->channels, s->usage.tunnels, feed_family_names[family], t->bytes,
			t->slots, s->table, limit(family), limit(family) / s->table, s->peak,
			s->control, s->pages, s->pages_peak, s->longest_us, s->longest_wall_us,
			(unsigned long long)s->over_1ms, s->adds, s->churn, bench_memory());
	else
		printf("%-6s %9u %11zu %9u %9.1f %6u %9.1f %9.1f %6u %6u %10.0f %6llu %9.0f "
		       "%9.0f\n",
			feed_family_names[family], s->channels, t->bytes, t->slots, s->table,
			limit(family), s->peak, s->control, s->pages, s->pages_peak, s->longest_us,
			(unsigned long long)s->over_1ms, s->adds, s->churn);
	fflush(stdout);
}

static int channels_of(enum feed_family family, const struct bench_options *o)
{
	static const uint32_t sizes[] = {1, 1000, 10000, 100000, 1000000};
	unsigned int n = o->channels.n ? o->channels.n : RTE_DIM(sizes);
	struct growth *g = growth_begin(family);
	int rc = 0;

	if (!g || tunnels_add(g, 0, TUNNELS) != 0)
		rc = -1;
	for (unsigned int i = 0; rc == 0 && i < n; i++) {
		struct sizes s;

		rc = measure(g, o->channels.n ? o->channels.v[i] : sizes[i], &s);
		if (rc == 0)
			print(&s, family, o->json);
	}
	if (g)
		growth_end(g);
	return rc;
}

// What a local address takes, and each tunnel of it.
static int tunnels_of(enum feed_family family, bool json)
{
	const uint32_t most = BENCH_MAX_TUNNELS;
	struct growth *g = growth_begin(family);
	size_t before, one, all;
	int rc;

	if (!g)
		return -1;
	before = bench_heap();
	rc = tunnels_add(g, 0, 1);
	one = bench_heap();
	if (rc == 0)
		rc = tunnels_add(g, 1, most);
	all = bench_heap();
	growth_end(g);
	if (rc != 0)
		return rc;
	if (json)
		printf("{\"bench\":\"memory\",\"case\":{\"tunnels\":%u,\"family\":\"%s\"},"
		       "\"bytes_per_tunnel\":%.1f,\"bytes_per_local_address\":%zu}\n",
			most, feed_family_names[family], (double)(all - one) / (most - 1),
			one - before);
	else
		printf("%-6s a tunnel %.1f octets, a local address %zu (%u tunnels)\n",
			feed_family_names[family], (double)(all - one) / (most - 1), one - before,
			most);
	return 0;
}

int memory_main(const struct bench_options *o)
{
	static const uint32_t both[] = {FEED_4IN4, FEED_6IN6};
	unsigned int n = o->families.n ? o->families.n : RTE_DIM(both);

	if (bench_eal_init(o, 768) != 0)
		return 1;
	if (!o->json)
		printf("Octets a channel in a worker's table, at rest and at the peak of growth, "
		       "and "
		       "in the\ncontrol thread; 2 MB pages of both; the longest call in us, and "
		       "those above 1 ms.\n\n"
		       "%-6s %9s %11s %9s %9s %6s %9s %9s %6s %6s %10s %6s %9s %9s\n",
			"family", "channels", "table", "slots", "octets", "limit", "peak",
			"control", "pages", "peak", "longest us", ">1 ms", "adds/s", "churn/s");
	for (unsigned int i = 0; i < n; i++) {
		enum feed_family family =
			(enum feed_family)(o->families.n ? o->families.v[i] : both[i]);

		if (family == FEED_MIXED)
			continue;
		if (channels_of(family, o) != 0 || tunnels_of(family, o->json) != 0) {
			fprintf(stderr, "inlet-bench: short of memory\n");
			return 1;
		}
	}
	return 0;
}
