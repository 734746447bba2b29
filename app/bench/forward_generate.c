// SPDX-License-Identifier: BSD-3-Clause
// `inlet-bench generate`: AMT data for a gateway on the other end of a cable, and a look at what
// comes back.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_ether.h>

#include "bench/bench.h"
#include "bench/forward_eal.h"
#include "bench/forward_gen.h"

#define DRAIN_MS 100
#define FRAMES	 4096

struct options {
	struct gen_cfg gen;
	struct gen_pace pace;
	double seconds;
	bool json;
	const char *file; // write a capture instead
};

static _Atomic bool interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = true;
}

static void usage(FILE *f)
{
	fputs("usage: inlet-bench generate --port DEVICE [--sink DEVICE] [--seconds S] "
	      "[--rate PPS]\n"
	      "                            [--channels N] [--tunnels N] [--payload N] [--zipf S]\n"
	      "                            [--dst MAC] [--src MAC] [--udp-cksum] [--raw]\n"
	      "                            [--window N] [--cpu N] [--no-huge] [--json]\n"
	      "       inlet-bench generate --write FILE [options of the frames]\n"
	      "\n"
	      "DEVICE is what DPDK takes: 0000:01:00.0, net_af_packet0,iface=eth1, ...\n"
	      "--port      sends AMT data of relays 100.64.0.0 + t to 192.0.2.1, port 4096 + t,\n"
	      "            as `inlet-bench forward --port` has them joined; t: one of --tunnels\n"
	      "--sink      receives; each frame's checksum, TTL, address and number are looked "
	      "at.\n"
	      "            May be the same device\n"
	      "--seconds   10; --rate: as fast as it goes; k and M are understood\n"
	      "--channels  1000, (S,G) with S from 198.18.0.0 and G from 232.1.0.0; at most 8192 "
	      "of\n"
	      "            them have traffic. --zipf: the exponent of their popularity\n"
	      "--dst       the MAC address of the gateway's port; without it a broadcast address\n"
	      "--udp-cksum with a checksum in the outer UDP header (0 otherwise, RFC 7450)\n"
	      "--raw       what comes back is expected to have its tunnel headers (testpmd)\n"
	      "--window    at most so many frames sent and not yet back\n"
	      "--write     a capture file of 4096 of these frames, for another generator\n",
		f);
}

static int number(const char *text, double min, double max, double *out)
{
	char *end;

	*out = strtod(text, &end);
	if (end == text)
		return -EINVAL;
	if (*end == 'k' || *end == 'M')
		*out *= *end++ == 'k' ? 1e3 : 1e6;
	return *end == '\0' && *out >= min && *out <= max ? 0 : -EINVAL;
}

static int mac(const char *text, uint8_t out[6])
{
	struct rte_ether_addr a;

	if (rte_ether_unformat_addr(text, &a) != 0)
		return -EINVAL;
	memcpy(out, a.addr_bytes, 6);
	return 0;
}

static const struct option long_options[] = {{"port", required_argument, NULL, 'i'},
	{"sink", required_argument, NULL, 'o'}, {"seconds", required_argument, NULL, 's'},
	{"rate", required_argument, NULL, 'r'}, {"channels", required_argument, NULL, 'c'},
	{"tunnels", required_argument, NULL, 't'}, {"payload", required_argument, NULL, 'l'},
	{"zipf", required_argument, NULL, 'z'}, {"dst", required_argument, NULL, 'D'},
	{"src", required_argument, NULL, 'S'}, {"udp-cksum", no_argument, NULL, 'u'},
	{"raw", no_argument, NULL, 'R'}, {"window", required_argument, NULL, 'w'},
	{"cpu", required_argument, NULL, 'C'}, {"no-huge", no_argument, NULL, 'n'},
	{"json", no_argument, NULL, 'j'}, {"write", required_argument, NULL, 'f'}, {0}};

static int option_number(int c, struct options *o)
{
	double v = 0;
	int rc = number(optarg, c == 'l' ? FRAME_MIN_PAYLOAD : 0,
		c == 'c'   ? BENCH_MAX_CHANNELS
		: c == 't' ? BENCH_MAX_TUNNELS
		: c == 'l' ? FRAME_MAX_PAYLOAD
			   : 1e9,
		&v);

	switch (c) {
	case 's':
		o->seconds = v;
		break;
	case 'r':
		o->pace.pps = v;
		break;
	case 'c':
		o->gen.shape.channels = (uint32_t)fmax(v, 1);
		break;
	case 't':
		o->gen.shape.tunnels = (uint32_t)fmax(v, 1);
		break;
	case 'l':
		o->gen.shape.payload = (uint16_t)v;
		break;
	case 'z':
		o->gen.zipf = v;
		break;
	case 'w':
		o->pace.window = (unsigned int)v;
		break;
	default: // 'C'
		o->gen.cpu = (unsigned int)v;
		break;
	}
	return rc;
}

static int option(int c, struct options *o)
{
	switch (c) {
	case 'i':
		o->gen.port = optarg;
		return 0;
	case 'o':
		o->gen.sink = optarg;
		return 0;
	case 'D':
		return mac(optarg, o->gen.shape.dst);
	case 'S':
		return mac(optarg, o->gen.shape.src);
	case 'u':
		o->gen.shape.udp_cksum = true;
		return 0;
	case 'R':
		o->pace.native = false;
		return 0;
	case 'n':
		o->gen.no_huge = true;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case 'f':
		o->file = optarg;
		return 0;
	case '?':
		return -EINVAL;
	default:
		return option_number(c, o);
	}
}

static void report(
	const struct options *o, const struct gen_counters *a, const struct gen_counters *b)
{
	double s = (double)(a->tsc) / (double)a->tsc_hz;
	uint64_t lost = b->sent - b->received;

	if (!o->gen.sink)
		lost = 0;
	if (o->json) {
		printf("{\"bench\":\"generate\",\"case\":{\"channels\":%u,\"tunnels\":%u,"
		       "\"payload\":%u,\"zipf\":%.2f,\"rate\":%.0f},\"seconds\":%.3f,"
		       "\"sent\":%llu,\"sent_mpps\":%.4f,\"received\":%llu,\"received_mpps\":%.4f,"
		       "\"lost\":%llu,\"missing\":%llu,\"reordered\":%llu,\"wrong\":%llu,"
		       "\"other\":%llu}\n",
			o->gen.shape.channels, o->gen.shape.tunnels, o->gen.shape.payload,
			o->gen.zipf, o->pace.pps, s, (unsigned long long)b->sent,
			(double)a->sent / s / 1e6, (unsigned long long)b->received,
			(double)a->received / s / 1e6, (unsigned long long)lost,
			(unsigned long long)b->missing, (unsigned long long)b->reordered,
			(unsigned long long)b->wrong, (unsigned long long)b->other);
		return;
	}
	printf("sent %llu (%.3f Mpps), received %llu (%.3f Mpps), lost %llu, reordered %llu, "
	       "wrong %llu, other frames %llu\n",
		(unsigned long long)b->sent, (double)a->sent / s / 1e6,
		(unsigned long long)b->received, (double)a->received / s / 1e6,
		(unsigned long long)lost, (unsigned long long)b->reordered,
		(unsigned long long)b->wrong, (unsigned long long)b->other);
}

static void nap_ms(unsigned int ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&ts, NULL); // a signal may end it
}

static int generate(const struct options *o)
{
	char err[GEN_ERR_LEN] = "short of memory";
	struct gen_inside *g = gen_inside_open(&o->gen, err);
	struct gen_counters begin, now, end;
	bool good;

	if (!g) {
		fprintf(stderr, "inlet-bench: %s\n", err);
		return 1;
	}
	gen_inside_start(g, &o->pace);
	gen_inside_counters(g, &begin);
	do {
		nap_ms(100);
		gen_inside_counters(g, &now);
	} while (!interrupted && (double)(now.tsc - begin.tsc) < o->seconds * (double)now.tsc_hz);
	now.tsc -= begin.tsc;
	gen_inside_stop(g);
	nap_ms(DRAIN_MS);
	gen_inside_counters(g, &end);
	gen_inside_close(g);
	report(o, &now, &end);
	good = end.sent > 0 && end.reordered + end.wrong == 0 &&
	       (!o->gen.sink || end.received == end.sent);
	return good ? 0 : 1;
}

static int write_file(const struct options *o)
{
	int fd = open(o->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int rc = fd < 0 ? -errno : frame_write(&o->gen.shape, FRAMES, fd);

	if (fd >= 0 && close(fd) != 0 && rc == 0)
		rc = -errno;
	if (rc != 0)
		fprintf(stderr, "inlet-bench: %s: %s\n", o->file, strerror(-rc));
	return rc != 0;
}

int generate_main(int argc, char **argv)
{
	long cpus = (long)forward_eal_cpus();
	struct options o = {.seconds = 10,
		.pace = {.native = true},
		.gen = {.cpu_control = 0,
			.cpu = cpus > 1 ? (unsigned int)cpus - 1 : 0,
			.no_huge = !forward_eal_huge(),
			.shape = {.channels = 1000,
				.payload = 64,
				.dst = {255, 255, 255, 255, 255, 255},
				.src = {2, 0, 0, 0, 0, 2}}}};
	int c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return 0;
		}
		if (option(c, &o) != 0) {
			usage(stderr);
			return 2;
		}
	}
	if (!o.gen.port == !o.file || optind != argc) {
		usage(stderr);
		return 2;
	}
	if (o.gen.shape.tunnels == 0)
		o.gen.shape.tunnels = 1000;
	o.gen.shape.tunnels = RTE_MIN(o.gen.shape.tunnels, o.gen.shape.channels);
	if (o.file)
		return write_file(&o);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	return generate(&o);
}
