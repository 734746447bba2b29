// SPDX-License-Identifier: BSD-3-Clause
// lab-flood: one kind of flood at one interface in a network namespace, for a time and at a rate.
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flood.h"
#include "labutil.h"

#define TICK_NS	   500000ull
#define GOODBYE_NS 200000ull

static void help(void)
{
	puts("usage: lab-flood KIND --at NAMESPACE:INTERFACE --seconds N [OPTION...]\n"
	     "\n"
	     "  --rate PPS      frames (or connections) a second; 0, the default: all it can\n"
	     "  --count N       of them at most\n"
	     "  --seconds N     1..120, always needed\n"
	     "  --mac MAC       of the appliance, where frames go to it alone\n"
	     "  --target A      its address\n"
	     "  --from A        the neighbor or relay in whose name they come\n"
	     "  --port N        of a tunnel, or of the metrics\n"
	     "  --entries N     channels in a Join (1)\n"
	     "  --held N        connections kept open (200)\n"
	     "  --path FILE     the console's socket\n"
	     "\n"
	     "Says \"flooding\" on stderr when it begins, and at the end what was sent as a line "
	     "of\n"
	     "JSON. Kinds:");
	flood_list();
}

static void parse(struct flood *f, int argc, char **argv)
{
	static const struct option opts[] = {{"at", 1, NULL, 'a'}, {"rate", 1, NULL, 'r'},
		{"count", 1, NULL, 'n'}, {"seconds", 1, NULL, 's'}, {"mac", 1, NULL, 'm'},
		{"target", 1, NULL, 't'}, {"from", 1, NULL, 'f'}, {"port", 1, NULL, 'p'},
		{"entries", 1, NULL, 'e'}, {"held", 1, NULL, 'o'}, {"path", 1, NULL, 'u'},
		{"help", 0, NULL, 'h'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		switch (c) {
		case 'a':
			f->at = optarg;
			break;
		case 'r':
			f->rate = lab_number("--rate", optarg, 0, 100000000);
			break;
		case 'n':
			f->count = lab_number("--count", optarg, 1, UINT64_MAX);
			break;
		case 's':
			f->seconds = lab_number("--seconds", optarg, 1, FLOOD_SECONDS_MAX);
			break;
		case 'm':
			net_parse_mac("--mac", optarg, f->mac);
			break;
		case 't':
			f->target = net_parse_addr("--target", optarg);
			break;
		case 'f':
			f->from = net_parse_addr("--from", optarg);
			break;
		case 'p':
			f->port = (uint16_t)lab_number("--port", optarg, 1, 65535);
			break;
		case 'e':
			f->entries = (unsigned int)lab_number("--entries", optarg, 1, 50);
			break;
		case 'o':
			f->held = (unsigned int)lab_number("--held", optarg, 1, 20000);
			break;
		case 'u':
			f->path = optarg;
			break;
		case 'h':
			help();
			exit(0);
		default:
			exit(2); // getopt has said why
		}
	}
	if (argc - optind != 1)
		lab_usage("one kind of flood is needed (--help lists them)");
	f->kind = argv[optind];
	if (!f->at || !f->seconds)
		lab_usage("--at and --seconds are needed");
}

static void pause_ns(uint64_t ns)
{
	const struct timespec ts = {.tv_nsec = (long)ns};

	nanosleep(&ts, NULL);
}

// Slowly, and twice: whoever polices the flood has to hear them.
static void goodbye(struct flood *f, int fd)
{
	static struct batch batch;
	uint64_t n = 1;
	flood_make_cb make = flood_goodbyes(f->kind, &n);

	for (uint64_t i = 0; make && n && i < 2 * n; i++) {
		batch.len[0] = make(f, i % n, batch.frame[0]);
		batch.n = 1;
		batch_send(fd, &batch);
		pause_ns(n > 1 ? GOODBYE_NS : NS_PER_S / 2);
	}
}

// Tokens come at the rate, and no more than a tick's and a batch are saved up: a generator that was
// not run for a while does not make up for it.
static void run(struct flood *f, flood_make_cb make)
{
	static struct batch batch;
	int fd = net_packet_socket(f->at, false);
	const double saved = (double)f->rate * TICK_NS / NS_PER_S + FRAME_BATCH;
	uint64_t last = lab_mono_ns(), made = 0;
	double tokens = FRAME_BATCH;

	fprintf(stderr, "lab-flood: flooding\n");
	while (!lab_stopped && (f->count == 0 || made < f->count)) {
		uint64_t now = lab_mono_ns();
		unsigned int n = FRAME_BATCH;

		if (now >= f->end_ns)
			break;
		if (f->rate) {
			tokens += (double)(now - last) * (double)f->rate / NS_PER_S;
			tokens = tokens > saved ? saved : tokens;
			n = tokens < n ? (unsigned int)tokens : n;
		}
		last = now;
		if (f->count && f->count - made < n)
			n = (unsigned int)(f->count - made);
		if (n == 0) {
			pause_ns(TICK_NS);
			continue;
		}
		for (batch.n = 0; batch.n < n; batch.n++)
			batch.len[batch.n] = make(f, made++, batch.frame[batch.n]);
		tokens -= n;
		f->sent += batch_send(fd, &batch);
	}
	f->refused = made - f->sent;
	goodbye(f, fd);
}

int main(int argc, char **argv)
{
	struct flood f = {.entries = 1, .held = 200};
	flood_make_cb make;
	uint64_t start;
	double took;

	lab_name = "lab-flood";
	lab_catch_signals();
	net_foreground();
	parse(&f, argc, argv);
	f.rng = rng_seeded(lab_realtime_ns());
	start = lab_mono_ns();
	f.end_ns = start + f.seconds * NS_PER_S;
	make = flood_frames(f.kind);
	if (make)
		run(&f, make);
	else if (flood_is_clients(f.kind))
		flood_clients(&f);
	else
		lab_usage("no kind of flood is called \"%s\" (--help lists them)", f.kind);
	took = (double)(lab_mono_ns() - start) / NS_PER_S;
	printf("{\"kind\":\"%s\",\"sent\":%" PRIu64 ",\"refused\":%" PRIu64
	       ",\"seconds\":%.3f,\"pps\":%.0f}\n",
		f.kind, f.sent, f.refused, took, (double)f.sent / took);
	return f.sent ? 0 : 1;
}
