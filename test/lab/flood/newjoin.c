// SPDX-License-Identifier: BSD-3-Clause
// lab-newjoin: a PIM router downstream, and a sender at the source, in one: joins one channel after
// the other and says how long each took from the Join to its first native packet.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "floodnet.h"
#include "labutil.h"
#include "wire/ip.h"

#define PORT	       5001
#define EVERY_NS       2000000ull // a packet of the channel's source
#define HOLDTIME       210
#define HELLO_HOLDTIME 3600 // it says Hello only when it is run

struct newjoin {
	const char *source_at, *pim_at;
	struct addr from, upstream;
	struct lab_channels channels;
	uint64_t limit_ms, pause_ms;
	bool keep, prune;
	int source_fd, pim_fd;
};

static void help(void)
{
	puts("usage: lab-newjoin --source NS:IF --pim NS:IF --from A --upstream A --channels FILE\n"
	     "                   [--limit-ms N] [--pause-ms N] [--keep]\n"
	     "\n"
	     "Says Hello, then joins each channel of FILE (\"SOURCE GROUP\" lines) with one Join,\n"
	     "and prunes all of them at the end. Only --keep does not wait for packets, nor "
	     "prune.\n"
	     "A line of JSON: the times in ms, -1 for a channel that did not come in time (5000).");
}

static void parse(struct newjoin *n, int argc, char **argv)
{
	static const struct option opts[] = {{"source", 1, NULL, 's'}, {"pim", 1, NULL, 'p'},
		{"from", 1, NULL, 'f'}, {"upstream", 1, NULL, 'u'}, {"channels", 1, NULL, 'c'},
		{"limit-ms", 1, NULL, 'l'}, {"pause-ms", 1, NULL, 'w'}, {"keep", 0, NULL, 'k'},
		{"prune", 0, NULL, 'x'}, {"help", 0, NULL, 'h'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		switch (c) {
		case 's':
			n->source_at = optarg;
			break;
		case 'p':
			n->pim_at = optarg;
			break;
		case 'f':
			n->from = net_parse_addr("--from", optarg);
			break;
		case 'u':
			n->upstream = net_parse_addr("--upstream", optarg);
			break;
		case 'c':
			lab_channels_read(&n->channels, optarg);
			break;
		case 'l':
			n->limit_ms = lab_number("--limit-ms", optarg, 1, 60000);
			break;
		case 'w':
			n->pause_ms = lab_number("--pause-ms", optarg, 0, 60000);
			break;
		case 'k':
			n->keep = true;
			break;
		case 'x':
			n->prune = true;
			break;
		case 'h':
			help();
			exit(0);
		default:
			exit(2); // getopt has said why
		}
	}
	if (!n->source_at || !n->pim_at || addr_is_none(&n->from) || addr_is_none(&n->upstream) ||
		n->channels.count == 0)
		lab_usage("something is missing (--help says what is needed)");
}

static void send_frame(int fd, const uint8_t *frame, size_t len)
{
	if (send(fd, frame, len, 0) < 0 && errno != ENOBUFS)
		lab_fail("cannot send: %s", strerror(errno));
}

static struct frame pim_begin(const struct newjoin *n, uint8_t buf[FRAME_MAX])
{
	const struct addr all = {.family = ADDR_V4, .bytes = {224, 0, 0, 13}};
	const uint8_t mac[6] = {0x06, 0xf1, 0, 0, 0, n->from.bytes[3]};
	uint8_t group[6];
	struct frame f;

	frame_mcast_mac(&all, group);
	f = frame_begin(buf, group, mac);
	frame_ip(&f, &n->from, &all, IP_PROTO_PIM, 1, 0);
	return f;
}

static void hello(const struct newjoin *n)
{
	uint8_t buf[FRAME_MAX];
	struct frame f = pim_begin(n, buf);

	frame_pim_hello(&f, HELLO_HOLDTIME, 0x5eed0a00 + n->from.bytes[3]);
	send_frame(n->pim_fd, buf, frame_end(&f));
}

static void join(const struct newjoin *n, const struct sg *sg, bool wanted)
{
	uint8_t buf[FRAME_MAX];
	struct frame f = pim_begin(n, buf);

	frame_pim_join(&f, &n->upstream, n->keep ? 0xffff : HOLDTIME, wanted, sg, 1);
	send_frame(n->pim_fd, buf, frame_end(&f));
}

static void from_source(const struct newjoin *n, const struct sg *sg, uint64_t seq)
{
	static const uint8_t mac[6] = {0x06, 0xf1, 0, 0, 1, 0};
	uint8_t buf[FRAME_MAX], group[6], payload[LAB_PAYLOAD_MIN];
	struct frame f;

	frame_mcast_mac(&sg->g, group);
	f = frame_begin(buf, group, mac);
	frame_ip(&f, &sg->s, &sg->g, IP_PROTO_UDP, 32, 0);
	frame_udp(&f, PORT, PORT);
	lab_payload_write(payload, sizeof(payload), seq, lab_realtime_ns());
	wr_copy(&f.w, payload, sizeof(payload));
	send_frame(n->source_fd, buf, frame_end(&f));
}

static bool is_native(const uint8_t *frame, ssize_t len, const struct sg *sg)
{
	const uint8_t *ip = frame + FRAME_ETH;

	return len >= FRAME_ETH + 28 && frame[12] == 0x08 && frame[13] == 0 &&
	       ip[9] == IP_PROTO_UDP && memcmp(ip + 12, sg->s.bytes, 4) == 0 &&
	       memcmp(ip + 16, sg->g.bytes, 4) == 0;
}

// What has come, without waiting.
static bool heard(const struct newjoin *n, const struct sg *sg)
{
	uint8_t buf[FRAME_MAX];
	ssize_t len;

	while ((len = recv(n->pim_fd, buf, sizeof(buf), MSG_DONTWAIT)) >= 0)
		if (is_native(buf, len, sg))
			return true;
	return false;
}

static void wait_ns(int fd, uint64_t ns)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	const struct timespec ts = {.tv_nsec = (long)ns};

	ppoll(&p, 1, &ts, NULL);
}

// The time in ms, or -1.
static double measure(const struct newjoin *n, const struct sg *sg)
{
	uint64_t start = lab_mono_ns(), now = start, next = start, seq = 0;

	join(n, sg, true);
	while (!lab_stopped && now - start < n->limit_ms * 1000000) {
		if (now >= next) {
			from_source(n, sg, seq++);
			next = now + EVERY_NS;
		}
		wait_ns(n->pim_fd, next - now);
		now = lab_mono_ns();
		if (heard(n, sg))
			return (double)(now - start) / 1e6;
		now = lab_mono_ns();
	}
	return -1;
}

static void pause_ms(uint64_t ms)
{
	const struct timespec ts = {
		.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

	nanosleep(&ts, NULL);
}

// The established channels' packets are not copied here: only those of sources between the lowest
// and the highest of the list.
static void attach_filter(const struct newjoin *n)
{
	uint32_t low = UINT32_MAX, high = 0;

	for (size_t i = 0; i < n->channels.count; i++) {
		uint32_t s = ntohl(addr_to_v4(&n->channels.sg[i].s));

		low = s < low ? s : low;
		high = s > high ? s : high;
	}
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FRAME_ETH + 12),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, low, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, high, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0x40000),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog prog = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (setsockopt(n->pim_fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		lab_fail("filter: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	struct newjoin n = {.limit_ms = 5000, .pause_ms = 100};

	lab_name = "lab-newjoin";
	lab_catch_signals();
	net_foreground();
	parse(&n, argc, argv);
	n.source_fd = net_packet_socket(n.source_at, false);
	n.pim_fd = net_packet_socket(n.pim_at, true);
	attach_filter(&n);
	net_realtime(12);
	hello(&n);
	pause_ms(n.pause_ms);
	printf("{\"ms\":[");
	for (size_t i = 0; i < n.channels.count && !lab_stopped; i++) {
		if (n.keep || n.prune)
			join(&n, &n.channels.sg[i], n.keep);
		else
			printf("%s%.1f", i ? "," : "", measure(&n, &n.channels.sg[i]));
		pause_ms(n.pause_ms);
	}
	printf("]}\n");
	free(n.channels.sg);
	return 0;
}
