// SPDX-License-Identifier: BSD-3-Clause
// lab-send: real UDP multicast from one or many local addresses, at a steady rate.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/ip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "labutil.h"

#define TICK_NS 1000000ull // packets due within one tick leave together

struct sender {
	struct lab_channels channels;
	int *fd;       // of channel i; channels of one source share it
	uint64_t *seq; // next of channel i
	unsigned int ifindex;
	uint16_t port;
	uint64_t rate, count; // packets a second and in all, over all channels; count 0: no end
	uint64_t seconds;
	size_t payload;
	int ttl, df, tos;
	bool json;
	uint64_t sent, errors;
	int last_errno;
};

static void help(void)
{
	puts("usage: lab-send --source S --group G[,COUNT] | --channels FILE  [OPTION...]\n"
	     "\n"
	     "Sends UDP multicast in turn to all channels until --count, --seconds or SIGTERM. "
	     "Each\n"
	     "packet carries a sequence number of its channel and the time of sending.\n"
	     "\n"
	     "  --channels FILE   lines \"SOURCE GROUP\"; sources are local addresses\n"
	     "  --if IF           interface to send on (default: that of the source address;\n"
	     "                    needed for IPv6)\n"
	     "  --port N          destination port (default 5001)\n"
	     "  --rate PPS        packets a second, all channels together (default 1000)\n"
	     "  --payload BYTES   of UDP, 24..65507 (default 1316)\n"
	     "  --count N         packets in all\n"
	     "  --seconds N       time to send\n"
	     "  --ttl N           default 32\n"
	     "  --df 0|1          don't-fragment flag (default 1)\n"
	     "  --tos N           TOS or traffic class, its last two bits the ECN field (default "
	     "0)\n"
	     "  --json            result as one line of JSON on stdout");
}

static bool set_options4(const struct sender *s, int fd, const struct addr *source)
{
	const int pmtu = s->df ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT, off = 0;
	const struct ip_mreqn out = {
		.imr_address.s_addr = addr_to_v4(source), .imr_ifindex = (int)s->ifindex};

	return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof(out)) == 0 &&
	       setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &s->ttl, sizeof(s->ttl)) == 0 &&
	       setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof(off)) == 0 &&
	       setsockopt(fd, IPPROTO_IP, IP_TOS, &s->tos, sizeof(s->tos)) == 0 &&
	       setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &pmtu, sizeof(pmtu)) == 0;
}

// There is no don't-fragment flag: without --df the sender itself may make fragments.
static bool set_options6(const struct sender *s, int fd)
{
	const int pmtu = s->df ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_DONT, off = 0;

	return setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &s->ifindex, sizeof(s->ifindex)) ==
		       0 &&
	       setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &s->ttl, sizeof(s->ttl)) == 0 &&
	       setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &off, sizeof(off)) == 0 &&
	       setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &s->tos, sizeof(s->tos)) == 0 &&
	       setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &pmtu, sizeof(pmtu)) == 0;
}

static int open_socket(const struct sender *s, const struct sg *sg)
{
	const int size = 4 << 20;
	bool v6 = sg->s.family == ADDR_V6;
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage from;
	socklen_t from_len = addr_to_sockaddr(&sg->s, 0, &from);
	char text[ADDR_STRLEN];

	if (fd < 0 || bind(fd, (const struct sockaddr *)&from, from_len) < 0)
		lab_fail("source %s: %s", addr_format(&sg->s, text), strerror(errno));
	if (!(v6 ? set_options6(s, fd) : set_options4(s, fd, &sg->s)))
		lab_fail("source %s: socket options: %s", addr_format(&sg->s, text),
			strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return fd;
}

static void open_sockets(struct sender *s)
{
	size_t n = s->channels.count;

	s->fd = calloc(n, sizeof(*s->fd));
	s->seq = calloc(n, sizeof(*s->seq));
	if (!s->fd || !s->seq)
		lab_fail("out of memory");
	// Sorted by source first.
	for (size_t i = 0; i < n; i++) {
		const struct sg *sg = &s->channels.sg[i];

		if (i > 0 && addr_eq(&sg->s, &s->channels.sg[i - 1].s))
			s->fd[i] = s->fd[i - 1];
		else
			s->fd[i] = open_socket(s, sg);
	}
}

static void send_one(struct sender *s, size_t i)
{
	static uint8_t buf[LAB_PAYLOAD_MAX];
	struct sockaddr_storage to;
	socklen_t to_len = addr_to_sockaddr(&s->channels.sg[i].g, s->port, &to);

	// A packet that the kernel refuses keeps its number: the receiver counts it as lost.
	lab_payload_write(buf, s->payload, s->seq[i]++, lab_realtime_ns());
	if (sendto(s->fd[i], buf, s->payload, 0, (const struct sockaddr *)&to, to_len) < 0) {
		s->errors++;
		s->last_errno = errno;
	} else {
		s->sent++;
	}
}

static void sleep_until(uint64_t mono_ns)
{
	const struct timespec ts = {
		.tv_sec = (time_t)(mono_ns / NS_PER_S), .tv_nsec = (long)(mono_ns % NS_PER_S)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static void run(struct sender *s)
{
	const uint64_t start = lab_mono_ns();
	const uint64_t end = s->seconds ? start + s->seconds * NS_PER_S : UINT64_MAX;
	uint64_t done = 0, now = start;
	size_t next = 0;

	while (!lab_stopped && now < end && (s->count == 0 || done < s->count)) {
		uint64_t elapsed = now - start, tick;
		uint64_t due =
			elapsed / NS_PER_S * s->rate + elapsed % NS_PER_S * s->rate / NS_PER_S + 1;

		if (s->count && due > s->count)
			due = s->count;
		for (; done < due && !lab_stopped; done++) {
			send_one(s, next);
			next = (next + 1) % s->channels.count;
		}
		// The next packet's time, but no more wake-ups than ticks.
		tick = start + (uint64_t)((double)done * NS_PER_S / (double)s->rate);
		sleep_until(tick > now + TICK_NS ? tick : now + TICK_NS);
		now = lab_mono_ns();
	}
}

static void parse(struct sender *s, int argc, char **argv)
{
	static const struct option opts[] = {{"source", 1, NULL, 's'}, {"group", 1, NULL, 'g'},
		{"channels", 1, NULL, 'c'}, {"if", 1, NULL, 'i'}, {"port", 1, NULL, 'p'},
		{"rate", 1, NULL, 'r'}, {"payload", 1, NULL, 'b'}, {"count", 1, NULL, 'n'},
		{"seconds", 1, NULL, 't'}, {"ttl", 1, NULL, 'l'}, {"df", 1, NULL, 'd'},
		{"tos", 1, NULL, 'e'}, {"json", 0, NULL, 'j'}, {"help", 0, NULL, 'h'}, {0}};
	const char *source = NULL, *group = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		switch (c) {
		case 's':
			source = optarg;
			break;
		case 'g':
			group = optarg;
			break;
		case 'c':
			lab_channels_read(&s->channels, optarg);
			break;
		case 'i':
			s->ifindex = lab_ifindex(optarg);
			break;
		case 'p':
			s->port = (uint16_t)lab_number("--port", optarg, 1, 65535);
			break;
		case 'r':
			s->rate = lab_number("--rate", optarg, 1, 1000000);
			break;
		case 'b':
			s->payload =
				lab_number("--payload", optarg, LAB_PAYLOAD_MIN, LAB_PAYLOAD_MAX);
			break;
		case 'n':
			s->count = lab_number("--count", optarg, 1, UINT32_MAX);
			break;
		case 't':
			s->seconds = lab_number("--seconds", optarg, 1, 1000000);
			break;
		case 'l':
			s->ttl = (int)lab_number("--ttl", optarg, 1, 255);
			break;
		case 'd':
			s->df = (int)lab_number("--df", optarg, 0, 1);
			break;
		case 'e':
			s->tos = (int)lab_number("--tos", optarg, 0, 255);
			break;
		case 'j':
			s->json = true;
			break;
		case 'h':
			help();
			exit(0);
		default:
			exit(2); // getopt has said why
		}
	}
	if (optind < argc)
		lab_usage("unexpected argument %s", argv[optind]);
	if (source || group)
		lab_channels_add(&s->channels, source, group);
	if (s->channels.count == 0)
		lab_usage("no channel given (--help says how)");
	lab_channels_sort(&s->channels);
}

int main(int argc, char **argv)
{
	struct sender s = {.port = 5001, .rate = 1000, .payload = 1316, .ttl = 32, .df = 1};
	uint64_t start;
	double took;

	lab_name = "lab-send";
	lab_catch_signals();
	lab_raise_files();
	parse(&s, argc, argv);
	open_sockets(&s);
	start = lab_mono_ns();
	run(&s);
	took = (double)(lab_mono_ns() - start) / NS_PER_S;
	printf(s.json ? "{\"sent\":%" PRIu64 ",\"errors\":%" PRIu64
			",\"channels\":%zu,\"seconds\":%.3f}\n"
		      : "sent=%" PRIu64 " errors=%" PRIu64 " channels=%zu seconds=%.3f\n",
		s.sent, s.errors, s.channels.count, took);
	if (s.errors)
		fprintf(stderr, "lab-send: last error: %s\n", strerror(s.last_errno));
	free(s.fd);
	free(s.seq);
	free(s.channels.sg);
	return s.errors || s.sent == 0 ? 1 : 0;
}
