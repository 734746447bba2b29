// SPDX-License-Identifier: BSD-3-Clause
// lab-stream: data of established channels as their relays send them, into the appliance's upstream
// side at a rate, and what comes out natively, downstream, by sequence numbers. In place of source,
// relay and receiver, which together would need more of the machine than the appliance does.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "labutil.h"
#include "stream.h"
#include "wire/amt.h"
#include "wire/ip.h"

#define TICK_NS	    250000ull
#define BEHIND_NS   20000000ull // what a sender that was not run makes up for, at most
#define DRAIN_MS    300
#define TTL	    16
#define RATE_MAX    2000000
#define SECONDS_MAX 120

struct stream {
	const char *send_at, *receive_at;
	uint8_t mac[6];
	uint64_t rate, seconds;
	size_t payload;
	struct stream_flow flows[STREAM_MAX];
	unsigned int n_flows;
	uint64_t sent, refused, late_ns;
	double took;
	// A frame of each flow, in which only the payload changes.
	uint8_t frame[STREAM_MAX][FRAME_MAX];
	size_t len[STREAM_MAX];
};

static void help(void)
{
	puts("usage: lab-stream --send NS:IF --receive NS:IF --mac MAC --flows FILE --rate PPS\n"
	     "                  --seconds N [--payload OCTETS]\n"
	     "\n"
	     "Sends AMT data of the flows in turn, and counts what comes out. FILE has lines\n"
	     "\"SOURCE GROUP RELAY LOCAL-ADDRESS LOCAL-PORT\". Ends with a line of JSON; the exit\n"
	     "status is 0 when anything came.");
}

static void read_flows(struct stream *s, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[256];

	if (!file)
		lab_fail("%s: %s", path, strerror(errno));
	while (file && fgets(line, sizeof(line), file)) {
		struct stream_flow *f = &s->flows[s->n_flows];
		char word[5][64];

		if (sscanf(line, "%63s %63s %63s %63s %63s", word[0], word[1], word[2], word[3],
			    word[4]) != 5 ||
			s->n_flows == STREAM_MAX)
			lab_fail("%s: not a flow, or too many: %s", path, line);
		f->sg.s = net_parse_addr("source", word[0]);
		f->sg.g = net_parse_addr("group", word[1]);
		f->relay = net_parse_addr("relay", word[2]);
		f->local = net_parse_addr("local", word[3]);
		f->port = (uint16_t)lab_number("port", word[4], 1, 65535);
		s->n_flows++;
	}
	if (file)
		fclose(file);
}

static void parse(struct stream *s, int argc, char **argv)
{
	static const struct option opts[] = {{"send", 1, NULL, 's'}, {"receive", 1, NULL, 'r'},
		{"mac", 1, NULL, 'm'}, {"flows", 1, NULL, 'f'}, {"rate", 1, NULL, 'p'},
		{"seconds", 1, NULL, 't'}, {"payload", 1, NULL, 'b'}, {"help", 0, NULL, 'h'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		switch (c) {
		case 's':
			s->send_at = optarg;
			break;
		case 'r':
			s->receive_at = optarg;
			break;
		case 'm':
			net_parse_mac("--mac", optarg, s->mac);
			break;
		case 'f':
			read_flows(s, optarg);
			break;
		case 'p':
			s->rate = lab_number("--rate", optarg, 1, RATE_MAX);
			break;
		case 't':
			s->seconds = lab_number("--seconds", optarg, 1, SECONDS_MAX);
			break;
		case 'b':
			s->payload = lab_number("--payload", optarg, LAB_PAYLOAD_MIN, 1316);
			break;
		case 'h':
			help();
			exit(0);
		default:
			exit(2); // getopt has said why
		}
	}
	if (!s->send_at || !s->receive_at || !s->n_flows || !s->rate || !s->seconds)
		lab_usage("something is missing (--help says what is needed)");
}

static void make(struct stream *s, unsigned int i)
{
	const struct stream_flow *fl = &s->flows[i];
	static const uint8_t from[6] = {0x06, 0xf1, 0, 0, 0, 1};
	uint8_t buf[FRAME_MAX];
	struct frame f = frame_begin(s->frame[i], s->mac, from);
	struct frame in = {.w = wr_init(buf, sizeof(buf))};

	frame_ip(&in, &fl->sg.s, &fl->sg.g, IP_PROTO_UDP, TTL, 0);
	frame_udp(&in, STREAM_PORT, STREAM_PORT);
	wr_take(&in.w, s->payload);
	frame_end(&in);
	frame_ip(&f, &fl->relay, &fl->local, IP_PROTO_UDP, 64, 0);
	frame_udp(&f, AMT_PORT, fl->port);
	wr_be16(&f.w, AMT_MULTICAST_DATA << 8);
	wr_copy(&f.w, buf + 2, wr_len(&in.w) - 2); // without the type that frame_ip() began with
	s->len[i] = frame_end(&f);
}

static void send_some(struct stream *s, int fd, uint64_t n)
{
	static struct batch batch;

	while (n > 0) {
		uint64_t now = lab_realtime_ns(), some = n < FRAME_BATCH ? n : FRAME_BATCH;
		unsigned int took;

		for (batch.n = 0; batch.n < some; batch.n++) {
			unsigned int i =
				(unsigned int)((s->sent + s->refused + batch.n) % s->n_flows);
			uint8_t *frame = batch.frame[batch.n];

			memcpy(frame, s->frame[i], s->len[i] - s->payload);
			lab_payload_write(frame + s->len[i] - s->payload, s->payload,
				s->flows[i].sent++, now);
			batch.len[batch.n] = s->len[i];
		}
		took = batch_send(fd, &batch);
		s->sent += took;
		s->refused += some - took;
		n -= some;
	}
}

static void sleep_until(uint64_t mono_ns)
{
	const struct timespec ts = {
		.tv_sec = (time_t)(mono_ns / NS_PER_S), .tv_nsec = (long)(mono_ns % NS_PER_S)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

// A sender that falls behind makes up for it in one go as long as that is no burst that no relay
// would send; what is beyond is not sent, and the rate is less.
static void run(struct stream *s, int fd)
{
	uint64_t start = lab_mono_ns(), now = start, shift = 0, made = 0;

	while (!lab_stopped && now - start < s->seconds * NS_PER_S) {
		uint64_t t = now - start - shift;
		uint64_t due = (uint64_t)((double)t * (double)s->rate / NS_PER_S) + 1;
		uint64_t behind = (uint64_t)((double)(due - made) * NS_PER_S / (double)s->rate);

		if (behind > s->late_ns)
			s->late_ns = behind;
		if (behind > BEHIND_NS) {
			shift += behind - BEHIND_NS;
			due -= (uint64_t)((double)(behind - BEHIND_NS) * (double)s->rate /
					  NS_PER_S);
		}
		send_some(s, fd, due - made);
		made = due;
		now = lab_mono_ns();
		sleep_until(start + (now - start) / TICK_NS * TICK_NS + TICK_NS);
		now = lab_mono_ns();
	}
	s->took = (double)(now - start) / NS_PER_S;
}

static void result(const struct stream *s, const struct sink *sink)
{
	uint64_t got = 0, twice = 0, late = 0, gap = 0, none = 0;

	for (unsigned int i = 0; i < s->n_flows; i++) {
		const struct stream_flow *f = &s->flows[i];

		got += f->got;
		twice += f->twice;
		late += f->late;
		gap = f->gap_ns > gap ? f->gap_ns : gap;
		none += f->got == 0;
	}
	printf("{\"rate\":%" PRIu64 ",\"pps\":%.0f,\"seconds\":%.3f,\"sent\":%" PRIu64
	       ",\"refused\":%" PRIu64 ",\"received\":%" PRIu64 ",\"lost\":%" PRIu64
	       ",\"duplicated\":%" PRIu64 ",\"reordered\":%" PRIu64 ",\"bad\":%" PRIu64
	       ",\"silent_flows\":%" PRIu64 ",\"sink_drops\":%" PRIu64
	       ",\"gap_ms\":%.1f,\"longest_ms\":%.1f,\"late_ms\":%.1f}\n",
		s->rate, (double)s->sent / s->took, s->took, s->sent, s->refused, got,
		s->sent > got ? s->sent - got : 0, twice, late, sink->bad, none, sink->kernel_drops,
		(double)gap / 1e6, (double)sink->longest_ns / 1e6, (double)s->late_ns / 1e6);
}

int main(int argc, char **argv)
{
	static struct stream s = {.payload = 64};
	struct sink sink = {.flows = s.flows};
	const struct timespec drain = {.tv_nsec = DRAIN_MS * 1000000l};
	pthread_t thread;
	int fd;

	lab_name = "lab-stream";
	lab_catch_signals();
	net_foreground();
	parse(&s, argc, argv);
	sink.n_flows = s.n_flows;
	if (s.n_flows == 0) // parse() has seen to it; for who only reads this
		return 2;
	sink.numbers = (s.rate * (s.seconds + 1) / s.n_flows + 63) / 64 * 64;
	for (unsigned int i = 0; i < s.n_flows; i++) {
		make(&s, i);
		s.flows[i].seen = calloc(sink.numbers / 64, sizeof(uint64_t));
		if (!s.flows[i].seen)
			lab_fail("out of memory");
	}
	sink.fd = net_packet_socket(s.receive_at, true);
	sink_open(&sink);
	fd = net_packet_socket(s.send_at, false);
	sink.since_ns = lab_realtime_ns();
	if (pthread_create(&thread, NULL, sink_run, &sink) != 0)
		lab_fail("no thread");
	net_realtime(10);
	fprintf(stderr, "lab-stream: streaming\n");
	run(&s, fd);
	nanosleep(&drain, NULL);
	atomic_store(&sink.stop, true);
	pthread_join(thread, NULL);
	result(&s, &sink);
	return s.flows[0].got ? 0 : 1;
}
