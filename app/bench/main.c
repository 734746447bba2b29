// SPDX-License-Identifier: BSD-3-Clause
// inlet-bench: what a worker core does here, as ratios to references measured in the same run.
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/lane.h"
#include "bench/product.h"

static void usage(FILE *f)
{
	fputs("usage: inlet-bench decap   [--channels LIST] [--tunnels LIST] [--payload LIST]\n"
	      "                           [--families LIST] [--fanout LIST] [--l2 LIST]\n"
	      "                           [--traffic LIST] [--while-updating N] [--zipf S]\n"
	      "                           [--locals N] [--tagged] [--software] [--pcap FILE]\n"
	      "                           [--reps N] [--quick] [--json] [--plot DIR] [--no-huge]\n"
	      "       inlet-bench forward [--vdev pcap|ring|memif|af_xdp|all] [--port IN --out "
	      "OUT]\n"
	      "                           [--channels LIST] [--tunnels N] [--payload LIST]\n"
	      "                           [--zipf S] [--workers N] [--reps N] [--quick] [--json]\n"
	      "                           [--plot DIR] [--no-huge]\n"
	      "       inlet-bench latency [--channels N] [--payload N] [--reps N] [--quick] "
	      "[--json]\n"
	      "                           [--plot DIR] [--no-huge]\n"
	      "       inlet-bench generate [--help for its options]\n"
	      "       inlet-bench memory  [--channels LIST] [--families LIST] [--json] "
	      "[--no-huge]\n"
	      "       inlet-bench steer   [--help for its options]\n"
	      "       inlet-bench joins   [--help for its options]\n"
	      "       inlet-bench compare A.json B.json\n"
	      "\n"
	      "decap    the product's worker code fed from memory, against io, macswap_lite,\n"
	      "         macswap, rte_hash_lf and memory_touch, in turn in the same run; its "
	      "output\n"
	      "         is checked octet by octet. Without a case option: all cases.\n"
	      "forward  the product's datapath between two ports, against dpdk-testpmd (af_xdp: "
	      "a\n"
	      "         gateway on plain sockets) on the same ports in turns. IN, OUT: DPDK\n"
	      "         devices that something else feeds, such as\n"
	      "generate AMT data for IN, and a look at what comes out of OUT: on another machine\n"
	      "latency  from due at the port to handed to a driver, at 10, 50, 90 % of capacity\n"
	      "         and at a trickle, against a loop that only receives and transmits\n"
	      "memory   octets a channel and a tunnel take, in the table and in the control "
	      "thread\n"
	      "steer    local ports for a list of relays, chosen by a NIC's RSS key and table, "
	      "and\n"
	      "         how even its queues are then loaded\n"
	      "joins    what the control thread takes for channels that routers join, against "
	      "limits\n"
	      "compare  the ratios of two --json outputs, case by case; 1 when B is worse\n"
	      "\n"
	      "families 4in4, 6in4 (IPv6 in IPv4), 4in6, 6in6, mixed\n"
	      "l2       of several ports: same MAC, own MACs, own MACs on drivers that take a "
	      "chain\n"
	      "traffic  hits, misses, unknown_port, spoofed\n"
	      "zipf     exponent of the channels' popularity; tagged: input has a VLAN tag;\n"
	      "locals   local addresses that the tunnels are on in turn (1; mixed: 4);\n"
	      "software: no checksum flags of a driver; pcap: its frames are the input\n"
	      "\n"
	      "LIST is comma-separated, with k and M: 1,1k,1M. A ratio is the speed relative to\n"
	      "the reference, by the fastest repetition of each; above 1 is faster than it.\n",
		f);
}

static int number(const char *text, char **end, uint32_t *out)
{
	unsigned long v;

	errno = 0;
	v = strtoul(text, end, 10);
	if (errno || *end == text || v > BENCH_MAX_CHANNELS)
		return -EINVAL;
	if (**end == 'k' || **end == 'M') {
		v *= **end == 'k' ? 1000 : 1000000;
		(*end)++;
	}
	if (v > BENCH_MAX_CHANNELS)
		return -EINVAL;
	*out = (uint32_t)v;
	return 0;
}

static int list(const char *text, uint32_t min, uint32_t max, struct bench_list *out)
{
	char *end;

	for (out->n = 0; out->n < BENCH_MAX_LIST; text = end + 1) {
		uint32_t *v = &out->v[out->n];

		if (number(text, &end, v) != 0 || *v < min || *v > max)
			return -EINVAL;
		out->n++;
		if (*end == '\0')
			return 0;
		if (*end != ',')
			return -EINVAL;
	}
	return -EINVAL;
}

// Comma-separated words, each by its place in names.
static int words(const char *text, const char *const *names, uint32_t n, struct bench_list *out)
{
	for (out->n = 0; out->n < BENCH_MAX_LIST; out->n++) {
		size_t len = strcspn(text, ",");
		uint32_t i = 0;

		while (i < n && (strlen(names[i]) != len || memcmp(names[i], text, len) != 0))
			i++;
		if (i == n)
			return -EINVAL;
		out->v[out->n] = i;
		text += len;
		if (*text++ == '\0') {
			out->n++;
			return 0;
		}
	}
	return -EINVAL;
}

static int exponent(const char *text, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return end != text && *end == '\0' && *out >= 0.1 && *out <= 3 ? 0 : -EINVAL;
}

static int one(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
	char *end;

	if (number(text, &end, out) != 0 || *end != '\0' || *out < min || *out > max)
		return -EINVAL;
	return 0;
}

static const struct option long_options[] = {{"channels", required_argument, NULL, 'c'},
	{"tunnels", required_argument, NULL, 't'}, {"payload", required_argument, NULL, 'l'},
	{"fanout", required_argument, NULL, 'f'}, {"families", required_argument, NULL, 'F'},
	{"l2", required_argument, NULL, 'L'}, {"traffic", required_argument, NULL, 'T'},
	{"zipf", required_argument, NULL, 'z'}, {"tagged", no_argument, NULL, 'g'},
	{"locals", required_argument, NULL, 'a'}, {"software", no_argument, NULL, 's'},
	{"pcap", required_argument, NULL, 'P'}, {"while-updating", required_argument, NULL, 'u'},
	{"reps", required_argument, NULL, 'r'}, {"quick", no_argument, NULL, 'q'},
	{"json", no_argument, NULL, 'j'}, {"plot", required_argument, NULL, 'p'},
	{"no-huge", no_argument, NULL, 'n'}, {"vdev", required_argument, NULL, 'v'},
	{"port", required_argument, NULL, 'i'}, {"out", required_argument, NULL, 'o'},
	{"workers", required_argument, NULL, 'w'}, {"help", no_argument, NULL, 'h'}, {0}};

static int option(int c, struct bench_options *o)
{
	switch (c) {
	case 'c':
		return list(optarg, 1, BENCH_MAX_CHANNELS, &o->channels);
	case 't':
		return list(optarg, 1, BENCH_MAX_TUNNELS, &o->tunnels);
	case 'l':
		return list(optarg, 0, 1400, &o->payloads);
	case 'f':
		return list(optarg, 1, BENCH_MAX_FANOUT, &o->fanouts);
	case 'u':
		return one(optarg, 1, 1000000, &o->updates);
	case 'r':
		return one(optarg, 1, LANES_MAX_REPS, &o->reps);
	case 'F':
		return words(optarg, feed_family_names, FEED_FAMILIES, &o->families);
	case 'L':
		return words(optarg, product_l2_names, PRODUCT_L2S, &o->l2s);
	case 'T':
		return words(optarg, feed_traffic_names, FEED_TRAFFICS, &o->traffics);
	case 'z':
		return exponent(optarg, &o->zipf);
	case 'a':
		return one(optarg, 1, BENCH_MAX_LOCALS, &o->locals);
	case 'g':
		o->tagged = true;
		return 0;
	case 's':
		o->software = true;
		return 0;
	case 'P':
		o->pcap = optarg;
		return 0;
	case 'q':
		o->quick = true;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case 'p':
		o->plot_dir = optarg;
		return 0;
	case 'n':
		o->no_huge = true;
		return 0;
	case 'v':
		o->vdev = optarg;
		return 0;
	case 'i':
		o->port = optarg;
		return 0;
	case 'o':
		o->out = optarg;
		return 0;
	case 'w':
		return one(optarg, 1, 16, &o->workers);
	default:
		return -EINVAL;
	}
}

int main(int argc, char **argv)
{
	struct bench_options o = {0};
	const char *verb;
	int c;

	if (argc > 1 && strcmp(argv[1], "steer") == 0) // its options are its own
		return steer_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "generate") == 0)
		return generate_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "joins") == 0)
		return joins_main(argc - 1, argv + 1);
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
	verb = optind < argc ? argv[optind] : "";
	argc -= optind + 1;
	if (strcmp(verb, "decap") == 0 && argc == 0)
		return decap_main(&o);
	if (strcmp(verb, "forward") == 0 && argc == 0)
		return forward_main(&o);
	if (strcmp(verb, "latency") == 0 && argc == 0)
		return latency_main(&o);
	if (strcmp(verb, "memory") == 0 && argc == 0)
		return memory_main(&o);
	if (strcmp(verb, "compare") == 0 && argc == 2)
		return compare_main(argv[optind + 1], argv[optind + 2]);
	usage(stderr);
	return 2;
}
