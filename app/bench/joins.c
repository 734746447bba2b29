// SPDX-License-Identifier: BSD-3-Clause
// The command line of inlet-bench joins, and how its figures are said.
#include "bench/joins.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"

#define MEGABYTES 256

static void usage(FILE *f)
{
	fputs("usage: inlet-bench joins [--channels N] [--sources N] [--relays N] [--joins N]\n"
	      "                         [--quick] [--json] [--check] [--no-huge]\n"
	      "\n"
	      "What the control thread takes for channels that routers join: the product's rooms\n"
	      "from PIM to the forwarding table, with routers, DNS and relays played around them\n"
	      "on simulated time, in which the time that the rooms work passes as it is measured.\n"
	      "\n"
	      "--channels, --sources, --relays  of the full table (100000, 10000, 1000)\n"
	      "--joins   in one second (10000)\n"
	      "--quick   a tenth of all that\n"
	      "--json    one object a line instead of the table\n"
	      "--check   exit status 1 when a limit is broken\n",
		f);
}

uint64_t joins_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void joins_progress(struct joins_report *r, const char *what, uint64_t done, uint64_t of)
{
	if (!isatty(fileno(r->say)))
		return;
	fprintf(r->say, "\r\033[K");
	if (what)
		fprintf(r->say, "%s %llu/%llu", what, (unsigned long long)done,
			(unsigned long long)of);
	fflush(r->say);
}

void joins_say(struct joins_report *r, const char *name, const char *figure, const char *text,
	double value, const char *unit, double limit)
{
	const struct joins_options *o = r->o;
	bool ok = limit == 0 || value <= limit;

	joins_progress(r, NULL, 0, 0);
	r->broken += !ok;
	if (o->json) {
		printf("{\"bench\":\"joins\",\"case\":{\"name\":\"%s\",\"figure\":\"%s\","
		       "\"channels\":%u,\"sources\":%u,\"relays\":%u,\"joins\":%u},"
		       "\"value\":%.3f,\"unit\":\"%s\",",
			name, figure, o->channels, o->sources, o->relays, o->joins, value, unit);
		if (limit > 0)
			printf("\"limit\":%g,", limit);
		printf("\"ok\":%s,\"cpu\":\"%s\",\"memory\":\"%s\"}\n", ok ? "true" : "false",
			bench_cpu(), bench_memory());
	} else {
		printf("%-10s %-52s %12.*f %-9s", name, text, value < 1000 ? 2 : 0, value, unit);
		if (limit > 0)
			printf(" limit %-6g %s", limit, ok ? "ok" : "BROKEN");
		printf("\n");
	}
	fflush(stdout);
	if (!ok)
		fprintf(r->say, "inlet-bench: joins: %s, %s: %.3f %s, the limit is %g\n", name,
			text, value, unit, limit);
}

void joins_wrong(struct joins_report *r, const char *name, const char *what)
{
	joins_progress(r, NULL, 0, 0);
	r->broken++;
	fprintf(r->say, "inlet-bench: joins: %s: %s\n", name, what);
}

static const struct option long_options[] = {{"channels", required_argument, NULL, 'c'},
	{"sources", required_argument, NULL, 's'}, {"relays", required_argument, NULL, 'r'},
	{"joins", required_argument, NULL, 'n'}, {"quick", no_argument, NULL, 'q'},
	{"json", no_argument, NULL, 'j'}, {"check", no_argument, NULL, 'k'},
	{"no-huge", no_argument, NULL, 'H'}, {"help", no_argument, NULL, 'h'}, {0}};

static int number(const char *text, uint32_t max, uint32_t *out)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (*end == 'k') {
		v *= 1000;
		end++;
	}
	if (errno || end == text || *end || v == 0 || v > max)
		return -EINVAL;
	*out = (uint32_t)v;
	return 0;
}

static int option(int c, struct joins_options *o)
{
	switch (c) {
	case 'c':
		return number(optarg, 1000000, &o->channels);
	case 's':
		return number(optarg, 100000, &o->sources);
	case 'r':
		return number(optarg, 10000, &o->relays);
	case 'n':
		return number(optarg, 100000, &o->joins);
	case 'q':
		o->quick = true;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case 'k':
		o->check = true;
		return 0;
	case 'H':
		o->no_huge = true;
		return 0;
	default:
		return -EINVAL;
	}
}

static void defaults(struct joins_options *o)
{
	uint32_t part = o->quick ? 10 : 1;

	if (!o->channels)
		o->channels = 100000 / part;
	if (!o->sources)
		o->sources = 10000 / part;
	if (!o->relays)
		o->relays = 1000 / part;
	if (!o->joins)
		o->joins = 10000 / part;
}

// The rooms write their log as they do in service, but to nowhere. NULL with errno.
static FILE *log_aside(void)
{
	int say = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	FILE *f = say >= 0 ? fdopen(say, "w") : NULL;

	if (!f || null < 0 || dup2(null, STDERR_FILENO) < 0)
		return NULL;
	close(null);
	return f;
}

static int run(struct joins_report *r)
{
	const struct bench_options bo = {.no_huge = r->o->no_huge};
	int rc;

	if (bench_eal_init(&bo, MEGABYTES) != 0)
		return -1;
	r->say = log_aside();
	if (!r->say)
		return -1;
	rc = joins_cases(r);
	if (rc == 0)
		rc = joins_timers(r);
	if (rc != 0)
		fprintf(r->say, "inlet-bench: joins: short of memory\n");
	return rc;
}

int joins_main(int argc, char **argv)
{
	struct joins_options o = {0};
	struct joins_report r = {.o = &o};
	int c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return 0;
		}
		if (option(c, &o) != 0) {
			if (c != '?')
				fprintf(stderr, "inlet-bench: not a value: %s\n", optarg);
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return 2;
	}
	defaults(&o);
	if (run(&r) != 0)
		return 1;
	if (r.broken > 0)
		fprintf(r.say, "inlet-bench: joins: %u limits broken\n", r.broken);
	return o.check && r.broken > 0 ? 1 : 0;
}
