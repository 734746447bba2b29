// SPDX-License-Identifier: BSD-3-Clause
// lab-recv: joins channels as a host does (IGMPv3, by the kernel) and counts what lab-send sent.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "labutil.h"

#define WINDOW 65536 // sequence numbers back to which a duplicate is told from a late packet
#define BATCH  64

struct channel {
	struct sg sg;
	int fd;
	uint64_t join_ns, first_ns, first_sent_ns; // CLOCK_REALTIME; 0: not yet
	uint64_t packets, bad, duplicated, reordered, restarts;
	uint64_t unique, low, high, newest_sent_ns; // of this run of the sender
	uint64_t lost_before;			    // in runs before it
	uint64_t hole_ns; // longest of what is missing, by the sender's clock, since SIGUSR2
	uint64_t *seen;	  // WINDOW bits, by sequence number
};

struct receiver {
	struct lab_channels list;
	struct channel *ch;
	unsigned int ifindex;
	uint16_t port;
	uint64_t seconds, packets;
	bool first_only, json, quiet;
	int epoll;
	uint64_t total, flowing;
};

static void help(void)
{
	puts("usage: lab-recv --if IF --source S --group G[,COUNT] | --channels FILE  [OPTION...]\n"
	     "\n"
	     "Joins the channels with IGMPv3 or MLDv2 and counts packets of lab-send until "
	     "--seconds,\n"
	     "--packets, --first or SIGTERM. Exit code 0 only if every channel had packets.\n"
	     "\n"
	     "  --if IF           interface to join on\n"
	     "  --channels FILE   lines \"SOURCE GROUP\"\n"
	     "  --port N          destination port (default 5001)\n"
	     "  --seconds N       time to receive, from the last join\n"
	     "  --packets N       packets to receive, over all channels\n"
	     "  --first           until each channel has had one packet\n"
	     "  --json            result as one line of JSON on stdout; times are CLOCK_REALTIME "
	     "ns\n"
	     "  --quiet           no progress on stderr\n"
	     "\n"
	     "SIGUSR1: what was counted until now as a line of JSON on stdout, with the longest "
	     "hole\n"
	     "of each channel in ms (from the sending of the last packet before it to that of "
	     "the\n"
	     "first one after it). SIGUSR2 forgets the holes.\n"
	     "A socket a channel, so the kernel's limit of groups a socket\n"
	     "(net.ipv4.igmp_max_memberships) is not met; descriptors are the limit.");
}

static void join(struct receiver *r, struct channel *c)
{
	bool v6 = c->sg.g.family == ADDR_V6;
	int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	struct sockaddr_storage to;
	socklen_t to_len = addr_to_sockaddr(&c->sg.g, r->port, &to);
	struct group_source_req req = {.gsr_interface = r->ifindex};
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
	const int one = 1, zero = 0, size = 16 << 20;
	char text[SG_STRLEN];

	sg_format(&c->sg, text);
	c->fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		lab_fail("%s: socket: %s (ulimit -n)", text, strerror(errno));
	setsockopt(c->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	// Without it the socket would be given what others on this host joined.
	setsockopt(c->fd, level, v6 ? IPV6_MULTICAST_ALL : IP_MULTICAST_ALL, &zero, sizeof(zero));
	setsockopt(c->fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one));
	if (setsockopt(c->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(c->fd, (struct sockaddr *)&to, to_len) < 0)
		lab_fail("%s: bind: %s", text, strerror(errno));
	addr_to_sockaddr(&c->sg.g, 0, &req.gsr_group);
	addr_to_sockaddr(&c->sg.s, 0, &req.gsr_source);
	c->join_ns = lab_realtime_ns();
	if (setsockopt(c->fd, level, MCAST_JOIN_SOURCE_GROUP, &req, sizeof(req)) < 0)
		lab_fail("%s: join: %s%s", text, strerror(errno),
			errno == ENOBUFS ? " (sysctl net.ipv4.igmp_max_memberships, "
					   "net.ipv4.igmp_max_msf)"
					 : "");
	if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		lab_fail("epoll: %s", strerror(errno));
}

static uint64_t lost(const struct channel *c)
{
	return c->lost_before + (c->unique ? c->high - c->low + 1 - c->unique : 0);
}

static bool seen_test_set(struct channel *c, uint64_t seq)
{
	uint64_t *word = &c->seen[seq % WINDOW / 64], bit = 1ull << (seq % 64);
	bool was = *word & bit;

	*word |= bit;
	return was;
}

static void run_begins(struct channel *c, uint64_t seq)
{
	c->lost_before = lost(c);
	memset(c->seen, 0, WINDOW / 8);
	c->low = c->high = seq;
	c->unique = 1;
	seen_test_set(c, seq);
}

// Late packets fill holes that have been said: what counts is what is missing when it is seen.
static void hole(struct channel *c, uint64_t seq, uint64_t sent_ns)
{
	if (c->unique == 0 || sent_ns <= c->newest_sent_ns || seq == c->high + 1)
		return;
	if (sent_ns - c->newest_sent_ns > c->hole_ns)
		c->hole_ns = sent_ns - c->newest_sent_ns;
}

static void sequence(struct channel *c, uint64_t seq, uint64_t sent_ns)
{
	hole(c, seq, sent_ns);
	if (c->unique == 0) {
		run_begins(c, seq);
	} else if (seq > c->high) {
		// What lies between has not been seen.
		if (seq - c->high >= WINDOW)
			memset(c->seen, 0, WINDOW / 8);
		else
			for (uint64_t i = c->high + 1; i < seq; i++)
				c->seen[i % WINDOW / 64] &= ~(1ull << (i % 64));
		c->seen[seq % WINDOW / 64] &= ~(1ull << (seq % 64));
		seen_test_set(c, seq);
		c->high = seq;
		c->unique++;
	} else if (sent_ns > c->newest_sent_ns) {
		c->restarts++; // sent later under a lower number: another run of the sender
		run_begins(c, seq);
	} else if (c->high - seq >= WINDOW || !seen_test_set(c, seq)) {
		c->reordered++;
		c->unique++;
		if (seq < c->low)
			c->low = seq;
	} else {
		c->duplicated++;
	}
	if (sent_ns > c->newest_sent_ns)
		c->newest_sent_ns = sent_ns;
}

static uint64_t kernel_time(struct msghdr *msg)
{
	struct cmsghdr *cm = CMSG_FIRSTHDR(msg);
	struct timespec ts;

	if (!cm || cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_TIMESTAMPNS)
		return lab_realtime_ns();
	memcpy(&ts, CMSG_DATA(cm), sizeof(ts));
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void packet(
	struct receiver *r, struct channel *c, const uint8_t *buf, size_t len, struct msghdr *msg)
{
	uint64_t seq, sent_ns;

	if (!lab_payload_read(buf, len, &seq, &sent_ns)) {
		c->bad++;
		return;
	}
	if (c->packets++ == 0) {
		c->first_ns = kernel_time(msg);
		c->first_sent_ns = sent_ns;
		r->flowing++;
	}
	r->total++;
	sequence(c, seq, sent_ns);
}

static void receive(struct receiver *r, struct channel *c)
{
	static uint8_t bufs[BATCH][16384];
	static uint8_t control[BATCH][64];
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	int n;

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){.iov_base = bufs[i], .iov_len = sizeof(bufs[i])};
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i],
			.msg_iovlen = 1,
			.msg_control = control[i],
			.msg_controllen = sizeof(control[i])};
	}
	n = recvmmsg(c->fd, msgs, BATCH, 0, NULL);
	for (int i = 0; i < n; i++)
		packet(r, c, bufs[i], msgs[i].msg_len, &msgs[i].msg_hdr);
}

static void progress(const struct receiver *r)
{
	static uint64_t next_ns;
	uint64_t now = lab_mono_ns(), missing = 0;

	if (r->quiet || now < next_ns)
		return;
	next_ns = now + NS_PER_S;
	for (size_t i = 0; i < r->list.count; i++)
		missing += lost(&r->ch[i]);
	fprintf(stderr,
		"lab-recv: channels=%zu flowing=%" PRIu64 " packets=%" PRIu64 " lost=%" PRIu64 "\n",
		r->list.count, r->flowing, r->total, missing);
}

static volatile sig_atomic_t report_asked, holes_forgotten;

static void on_user_signal(int sig)
{
	if (sig == SIGUSR1)
		report_asked = 1;
	else
		holes_forgotten = 1;
}

static void catch_user_signals(void)
{
	struct sigaction sa = {.sa_handler = on_user_signal};

	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
}

static void report(struct receiver *r)
{
	uint64_t now = lab_realtime_ns();

	report_asked = 0;
	for (size_t i = 0; i < r->list.count; i++) {
		const struct channel *c = &r->ch[i];
		char src[ADDR_STRLEN], grp[ADDR_STRLEN];

		printf("%s{\"source\":\"%s\",\"group\":\"%s\",\"packets\":%" PRIu64
		       ",\"lost\":%" PRIu64 ",\"duplicated\":%" PRIu64 ",\"bad\":%" PRIu64
		       ",\"hole_ms\":%" PRIu64 ",\"silent_ms\":%" PRIu64 "}",
			i ? "," : "[", addr_format(&c->sg.s, src), addr_format(&c->sg.g, grp),
			c->packets, lost(c), c->duplicated, c->bad, c->hole_ns / 1000000,
			now > c->newest_sent_ns ? (now - c->newest_sent_ns) / 1000000 : 0);
	}
	puts("]");
	fflush(stdout);
}

static void user_signals(struct receiver *r)
{
	if (holes_forgotten) {
		holes_forgotten = 0;
		for (size_t i = 0; i < r->list.count; i++)
			r->ch[i].hole_ns = 0;
	}
	if (report_asked)
		report(r);
}

static bool enough(const struct receiver *r, uint64_t end)
{
	return lab_stopped || lab_mono_ns() >= end || (r->packets && r->total >= r->packets) ||
	       (r->first_only && r->flowing == r->list.count);
}

static void run(struct receiver *r)
{
	uint64_t end = r->seconds ? lab_mono_ns() + r->seconds * NS_PER_S : UINT64_MAX;

	while (!enough(r, end)) {
		struct epoll_event ev[BATCH];
		int n = epoll_wait(r->epoll, ev, BATCH, 50);

		for (int i = 0; i < n; i++)
			receive(r, ev[i].data.ptr);
		user_signals(r);
		progress(r);
	}
}

static void counters(const struct channel *c, const char *lead)
{
	printf("%s\"packets\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"duplicated\":%" PRIu64
	       ",\"reordered\":%" PRIu64 ",\"bad\":%" PRIu64 ",\"restarts\":%" PRIu64,
		lead, c->packets, c->lost_before, c->duplicated, c->reordered, c->bad, c->restarts);
}

// Sums, with the times that span all channels; lost is in lost_before.
static struct channel sum(const struct receiver *r, uint64_t *join_last, uint64_t *first_last)
{
	struct channel s = {0};

	*join_last = *first_last = 0;
	for (size_t i = 0; i < r->list.count; i++) {
		const struct channel *c = &r->ch[i];

		s.packets += c->packets;
		s.lost_before += lost(c);
		s.duplicated += c->duplicated;
		s.reordered += c->reordered;
		s.bad += c->bad;
		s.restarts += c->restarts;
		if (s.join_ns == 0 || c->join_ns < s.join_ns)
			s.join_ns = c->join_ns;
		if (c->join_ns > *join_last)
			*join_last = c->join_ns;
		if (c->first_ns && (s.first_ns == 0 || c->first_ns < s.first_ns))
			s.first_ns = c->first_ns;
		if (c->first_ns > *first_last)
			*first_last = c->first_ns;
	}
	return s;
}

static void result_json(const struct receiver *r)
{
	uint64_t join_last, first_last;
	struct channel s = sum(r, &join_last, &first_last);

	counters(&s, "{");
	printf(",\"channels\":%zu,\"flowing\":%" PRIu64 ",\"join_ns\":%" PRIu64
	       ",\"join_last_ns\":%" PRIu64 ",\"first_ns\":%" PRIu64 ",\"first_last_ns\":%" PRIu64,
		r->list.count, r->flowing, s.join_ns, join_last, s.first_ns, first_last);
	if (s.first_ns)
		printf(",\"join_to_first_ms\":%.3f",
			((double)s.first_ns - (double)s.join_ns) / 1e6);
	if (r->flowing == r->list.count)
		printf(",\"last_join_to_all_ms\":%.3f",
			((double)first_last - (double)join_last) / 1e6);
	fputs(",\"each\":[", stdout);
	for (size_t i = 0; i < r->list.count; i++) {
		struct channel c = r->ch[i];
		char src[ADDR_STRLEN], grp[ADDR_STRLEN];

		printf("%s{\"source\":\"%s\",\"group\":\"%s\",", i ? "," : "",
			addr_format(&c.sg.s, src), addr_format(&c.sg.g, grp));
		c.lost_before = lost(&c);
		counters(&c, "");
		printf(",\"join_ns\":%" PRIu64 ",\"first_ns\":%" PRIu64
		       ",\"first_sent_ns\":%" PRIu64 "}",
			c.join_ns, c.first_ns, c.first_sent_ns);
	}
	puts("]}");
}

static void result_text(const struct receiver *r)
{
	uint64_t join_last, first_last;
	struct channel s = sum(r, &join_last, &first_last);

	printf("channels=%zu flowing=%" PRIu64 " packets=%" PRIu64 " lost=%" PRIu64
	       " duplicated=%" PRIu64 " reordered=%" PRIu64 " bad=%" PRIu64,
		r->list.count, r->flowing, s.packets, s.lost_before, s.duplicated, s.reordered,
		s.bad);
	if (s.first_ns)
		printf(" join_to_first_ms=%.3f", ((double)s.first_ns - (double)s.join_ns) / 1e6);
	putchar('\n');
}

static void parse(struct receiver *r, int argc, char **argv)
{
	static const struct option opts[] = {{"if", 1, NULL, 'i'}, {"source", 1, NULL, 's'},
		{"group", 1, NULL, 'g'}, {"channels", 1, NULL, 'c'}, {"port", 1, NULL, 'p'},
		{"seconds", 1, NULL, 't'}, {"packets", 1, NULL, 'n'}, {"first", 0, NULL, 'f'},
		{"json", 0, NULL, 'j'}, {"quiet", 0, NULL, 'q'}, {"help", 0, NULL, 'h'}, {0}};
	const char *source = NULL, *group = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		switch (c) {
		case 'i':
			r->ifindex = lab_ifindex(optarg);
			break;
		case 's':
			source = optarg;
			break;
		case 'g':
			group = optarg;
			break;
		case 'c':
			lab_channels_read(&r->list, optarg);
			break;
		case 'p':
			r->port = (uint16_t)lab_number("--port", optarg, 1, 65535);
			break;
		case 't':
			r->seconds = lab_number("--seconds", optarg, 1, 1000000);
			break;
		case 'n':
			r->packets = lab_number("--packets", optarg, 1, UINT32_MAX);
			break;
		case 'f':
			r->first_only = true;
			break;
		case 'j':
			r->json = true;
			break;
		case 'q':
			r->quiet = true;
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
		lab_channels_add(&r->list, source, group);
	if (r->list.count == 0 || r->ifindex == 0)
		lab_usage("--if and a channel are needed (--help says how)");
	lab_channels_sort(&r->list);
}

static void release(struct receiver *r)
{
	for (size_t i = 0; i < r->list.count; i++) {
		close(r->ch[i].fd);
		free(r->ch[i].seen);
	}
	free(r->ch);
	free(r->list.sg);
	close(r->epoll);
}

int main(int argc, char **argv)
{
	struct receiver r = {.port = 5001};
	int ret;

	lab_name = "lab-recv";
	lab_catch_signals();
	catch_user_signals();
	lab_raise_files();
	parse(&r, argc, argv);
	r.epoll = epoll_create1(EPOLL_CLOEXEC);
	r.ch = calloc(r.list.count, sizeof(*r.ch));
	if (r.epoll < 0 || !r.ch)
		lab_fail("out of memory");
	for (size_t i = 0; i < r.list.count; i++) {
		r.ch[i].sg = r.list.sg[i];
		r.ch[i].seen = calloc(1, WINDOW / 8);
		if (!r.ch[i].seen)
			lab_fail("out of memory");
		join(&r, &r.ch[i]);
	}
	if (!r.quiet) // what scripts may wait for
		fprintf(stderr, "lab-recv: joined channels=%zu join_ns=%" PRIu64 "\n", r.list.count,
			r.ch[0].join_ns);
	run(&r);
	if (r.json)
		result_json(&r);
	else
		result_text(&r);
	ret = r.flowing == r.list.count ? 0 : 1;
	release(&r);
	return ret;
}
