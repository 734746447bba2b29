// SPDX-License-Identifier: BSD-3-Clause
// lab-tap: captures multicast on an interface, and compares two captures: did what was sent arrive,
// once each and octet for octet but for the TTL?
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hmap.h"
#include "labutil.h"
#include "wire/ip.h"

#define ETHER_LEN 14
#define SNAPLEN	  65535

struct tap {
	struct lab_channels channels; // empty: all multicast
	const char *ifname, *file;
	uint64_t seconds, packets;
	pcap_direction_t direction;
	pcap_t *pcap;
	pcap_dumper_t *dump;
	uint64_t count, octets, first_ns, last_ns;
};

static void help(void)
{
	puts("usage: lab-tap --if IF [--channels FILE | --source S --group G[,COUNT]] [OPTION...]\n"
	     "       lab-tap compare SENT.pcap GOT.pcap [--ttl-delta N]\n"
	     "\n"
	     "Captures UDP multicast until --seconds, --packets or SIGTERM. Prints one line of "
	     "JSON\n"
	     "at the first packet and one at the end; times are CLOCK_REALTIME ns.\n"
	     "\n"
	     "  --if IF            interface to listen on\n"
	     "  --channels FILE    lines \"SOURCE GROUP\" (default: any channel)\n"
	     "  --direction in|out as seen by the interface (default: both)\n"
	     "  --write FILE       pcap file\n"
	     "  --seconds N, --packets N\n"
	     "\n"
	     "compare: each datagram of SENT must be in GOT once, the same but for the TTL, which\n"
	     "must be less by exactly --ttl-delta (default 1), and the header checksum, which "
	     "must\n"
	     "be right. What was sent in a channel before the first and after the last datagram\n"
	     "found is counted apart: captures and joins have edges. Prints one line of JSON; "
	     "exit\n"
	     "code 0 only if something matched and nothing is missing, duplicated or different.");
}

// The IPv4 datagram in a captured frame that is UDP multicast, by the length of its own header.
// false for anything else.
static bool datagram_of(const struct pcap_pkthdr *h, const uint8_t *frame, const uint8_t **ip,
	size_t *len, struct sg *sg)
{
	uint32_t s, g;

	if (h->caplen < ETHER_LEN + 20 || frame[12] != 8 || frame[13] != 0)
		return false;
	*ip = frame + ETHER_LEN;
	*len = (size_t)((*ip)[2] << 8 | (*ip)[3]);
	if ((*ip)[0] >> 4 != 4 || *len > h->caplen - ETHER_LEN || *len < 20 ||
		(*ip)[9] != IP_PROTO_UDP)
		return false;
	memcpy(&s, *ip + 12, 4);
	memcpy(&g, *ip + 16, 4);
	*sg = (struct sg){.s = addr_from_v4(s), .g = addr_from_v4(g)};
	return addr_is_multicast(&sg->g);
}

static void captured_cb(uint8_t *arg, const struct pcap_pkthdr *h, const uint8_t *frame)
{
	struct tap *t = (struct tap *)(void *)arg;
	// tv_usec holds nanoseconds at this precision.
	uint64_t ns = (uint64_t)h->ts.tv_sec * NS_PER_S + (uint64_t)h->ts.tv_usec;
	const uint8_t *ip;
	struct sg sg;
	size_t len;

	if (!datagram_of(h, frame, &ip, &len, &sg) ||
		(t->channels.count && lab_channels_find(&t->channels, &sg) < 0))
		return;
	if (t->packets && t->count >= t->packets)
		return;
	if (t->count++ == 0) {
		char s[ADDR_STRLEN], g[ADDR_STRLEN];

		t->first_ns = ns;
		printf("{\"event\":\"first\",\"interface\":\"%s\",\"first_ns\":%" PRIu64
		       ",\"source\":\"%s\",\"group\":\"%s\"}\n",
			t->ifname, ns, addr_format(&sg.s, s), addr_format(&sg.g, g));
		fflush(stdout);
	}
	t->last_ns = ns;
	t->octets += len;
	if (t->dump)
		pcap_dump((uint8_t *)t->dump, h, frame);
}

static void tap_open(struct tap *t)
{
	char err[PCAP_ERRBUF_SIZE] = "";
	struct bpf_program prog;

	t->pcap = pcap_create(t->ifname, err);
	if (!t->pcap)
		lab_fail("%s: %s", t->ifname, err);
	pcap_set_snaplen(t->pcap, SNAPLEN);
	pcap_set_promisc(t->pcap, 1); // nothing here joins the groups
	pcap_set_immediate_mode(t->pcap, 1);
	pcap_set_buffer_size(t->pcap, 64 << 20);
	if (pcap_set_tstamp_precision(t->pcap, PCAP_TSTAMP_PRECISION_NANO) != 0)
		lab_fail("%s: no nanosecond timestamps", t->ifname);
	if (pcap_activate(t->pcap) < 0)
		lab_fail("%s: %s", t->ifname, pcap_geterr(t->pcap));
	if (pcap_datalink(t->pcap) != DLT_EN10MB)
		lab_fail("%s: not an Ethernet interface", t->ifname);
	if (pcap_compile(t->pcap, &prog, "ip multicast and udp", 1, PCAP_NETMASK_UNKNOWN) < 0 ||
		pcap_setfilter(t->pcap, &prog) < 0 ||
		pcap_setdirection(t->pcap, t->direction) < 0 ||
		pcap_setnonblock(t->pcap, 1, err) < 0)
		lab_fail("%s: %s", t->ifname, pcap_geterr(t->pcap));
	pcap_freecode(&prog);
	if (t->file) {
		t->dump = pcap_dump_open(t->pcap, t->file);
		if (!t->dump)
			lab_fail("%s", pcap_geterr(t->pcap));
	}
	fprintf(stderr, "lab-tap: listening if=%s\n", t->ifname); // what scripts may wait for
}

static int tap_run(struct tap *t)
{
	uint64_t end = t->seconds ? lab_mono_ns() + t->seconds * NS_PER_S : UINT64_MAX;
	struct pollfd p = {.fd = pcap_get_selectable_fd(t->pcap), .events = POLLIN};
	struct pcap_stat stat = {0};

	while (!lab_stopped && lab_mono_ns() < end && (t->packets == 0 || t->count < t->packets)) {
		poll(&p, 1, 50);
		if (pcap_dispatch(t->pcap, -1, captured_cb, (uint8_t *)t) < 0)
			lab_fail("%s: %s", t->ifname, pcap_geterr(t->pcap));
	}
	pcap_stats(t->pcap, &stat);
	if (t->dump) {
		if (pcap_dump_flush(t->dump) < 0)
			lab_fail("%s: %s", t->file, strerror(errno));
		pcap_dump_close(t->dump);
	}
	pcap_close(t->pcap);
	printf("{\"event\":\"end\",\"interface\":\"%s\",\"packets\":%" PRIu64 ",\"octets\":%" PRIu64
	       ",\"first_ns\":%" PRIu64 ",\"last_ns\":%" PRIu64 ",\"kernel_drops\":%u}\n",
		t->ifname, t->count, t->octets, t->first_ns, t->last_ns, stat.ps_drop);
	return t->count ? 0 : 1;
}

// One sent datagram: by the hash of its octets with TTL and header checksum as zeros, and by that
// of channel and payload sequence number, to know it again when something else of it changed.
struct sent {
	struct hnode by_octets, by_seq;
	uint8_t *ip;
	size_t len;
	struct sg sg;
	uint64_t seq;
	bool has_seq, found, differs;
};

// Per channel, places in the order of sending of the first and last datagram found.
struct span {
	struct hnode node;
	struct sg sg;
	size_t first, last;
	bool any;
};

struct compare {
	struct hmap by_octets, by_seq, spans;
	struct sent **sent;
	size_t n_sent, room;
	int ttl_delta;
	uint64_t got, matched, duplicated, ttl_wrong, checksum_wrong, content, unknown;
	uint64_t missing, before_first, after_last, channels_matched;
};

static uint64_t octets_hash(const uint8_t *ip, size_t len)
{
	static uint8_t copy[SNAPLEN];

	memcpy(copy, ip, len);
	copy[8] = copy[10] = copy[11] = 0;
	return hmap_hash(copy, len);
}

static bool octets_same(const uint8_t *a, const uint8_t *b, size_t len)
{
	return memcmp(a, b, 8) == 0 && a[9] == b[9] && memcmp(a + 12, b + 12, len - 12) == 0;
}

static bool payload_seq(const uint8_t *ip, size_t len, uint64_t *seq)
{
	size_t at = (size_t)(ip[0] & 0xf) * 4 + 8;
	uint64_t sent_ns;

	if (len < at + LAB_PAYLOAD_MIN)
		return false;
	// The head alone: the rest may be what differs.
	return lab_payload_read(ip + at, LAB_PAYLOAD_MIN, seq, &sent_ns);
}

static uint64_t seq_hash(const struct sg *sg, uint64_t seq)
{
	uint8_t key[sizeof(*sg) + sizeof(seq)];

	memcpy(key, sg, sizeof(*sg));
	memcpy(key + sizeof(*sg), &seq, sizeof(seq));
	return hmap_hash(key, sizeof(key));
}

static struct span *span_of(struct compare *c, const struct sg *sg)
{
	uint64_t hash = hmap_hash(sg, sizeof(*sg));
	struct span *sp;

	for (struct hnode *n = hmap_find(&c->spans, hash); n; n = hmap_find_next(n)) {
		sp = container_of_node(n, struct span, node);
		if (sg_eq(&sp->sg, sg))
			return sp;
	}
	sp = calloc(1, sizeof(*sp));
	if (!sp || hmap_insert(&c->spans, &sp->node, hash) < 0)
		lab_fail("out of memory");
	sp->sg = *sg;
	return sp;
}

static void sent_add(struct compare *c, const uint8_t *ip, size_t len, const struct sg *sg)
{
	struct sent *s = calloc(1, sizeof(*s));

	if (c->n_sent == c->room) {
		c->room = c->room ? 2 * c->room : 1024;
		c->sent = reallocarray(c->sent, c->room, sizeof(struct sent *));
	}
	if (s)
		s->ip = malloc(len);
	if (!s || !s->ip || !c->sent)
		lab_fail("out of memory");
	memcpy(s->ip, ip, len);
	s->len = len;
	s->sg = *sg;
	s->has_seq = payload_seq(ip, len, &s->seq);
	if (hmap_insert(&c->by_octets, &s->by_octets, octets_hash(ip, len)) < 0 ||
		(s->has_seq && hmap_insert(&c->by_seq, &s->by_seq, seq_hash(sg, s->seq)) < 0))
		lab_fail("out of memory");
	c->sent[c->n_sent++] = s;
	span_of(c, sg);
}

static struct sent *sent_find(const struct compare *c, const uint8_t *ip, size_t len)
{
	struct hnode *n = hmap_find(&c->by_octets, octets_hash(ip, len));
	struct sent *found = NULL;

	for (; n; n = hmap_find_next(n)) {
		struct sent *s = container_of_node(n, struct sent, by_octets);

		if (s->len != len || !octets_same(s->ip, ip, len))
			continue;
		found = s;
		if (!s->found) // the same octets may have been sent twice
			break;
	}
	return found;
}

static struct sent *sent_find_seq(const struct compare *c, const struct sg *sg, uint64_t seq)
{
	struct hnode *n = hmap_find(&c->by_seq, seq_hash(sg, seq));

	for (; n; n = hmap_find_next(n)) {
		struct sent *s = container_of_node(n, struct sent, by_seq);

		if (s->seq == seq && sg_eq(&s->sg, sg))
			return s;
	}
	return NULL;
}

static void got(struct compare *c, const uint8_t *ip, size_t len, const struct sg *sg)
{
	struct sent *s = sent_find(c, ip, len);
	uint64_t seq;

	c->got++;
	if (!s) {
		if (payload_seq(ip, len, &seq))
			s = sent_find_seq(c, sg, seq);
		if (s)
			c->content++;
		else
			c->unknown++;
		if (s)
			s->differs = true;
		return;
	}
	if (s->found) {
		c->duplicated++;
		return;
	}
	s->found = true;
	if (ip[8] != s->ip[8] - c->ttl_delta) {
		c->ttl_wrong++;
		s->differs = true;
	}
	if (ip_cksum(ip, (size_t)(ip[0] & 0xf) * 4) != 0) {
		c->checksum_wrong++;
		s->differs = true;
	}
	c->matched += !s->differs;
}

static void read_file(struct compare *c, const char *path,
	void (*each)(struct compare *, const uint8_t *, size_t, const struct sg *))
{
	char err[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_open_offline(path, err);
	struct pcap_pkthdr *h;
	const uint8_t *frame, *ip;
	struct sg sg;
	size_t len;
	int ret;

	if (!p)
		lab_fail("%s", err);
	if (pcap_datalink(p) != DLT_EN10MB)
		lab_fail("%s: not Ethernet", path);
	while ((ret = pcap_next_ex(p, &h, &frame)) == 1) {
		if (datagram_of(h, frame, &ip, &len, &sg))
			each(c, ip, len, &sg);
	}
	if (ret == PCAP_ERROR)
		lab_fail("%s: %s", path, pcap_geterr(p));
	pcap_close(p);
}

static void count_missing(struct compare *c)
{
	for (size_t i = 0; i < c->n_sent; i++) {
		struct span *sp = span_of(c, &c->sent[i]->sg);

		if (!c->sent[i]->found && !c->sent[i]->differs)
			continue;
		if (!sp->any)
			sp->first = i;
		c->channels_matched += !sp->any;
		sp->any = true;
		sp->last = i;
	}
	for (size_t i = 0; i < c->n_sent; i++) {
		const struct span *sp = span_of(c, &c->sent[i]->sg);

		if (c->sent[i]->found || c->sent[i]->differs)
			continue;
		if (!sp->any || i < sp->first)
			c->before_first++;
		else if (i > sp->last)
			c->after_last++;
		else
			c->missing++;
	}
}

static int compare(struct compare *c, const char *sent_path, const char *got_path)
{
	uint64_t different;

	hmap_init(&c->by_octets);
	hmap_init(&c->by_seq);
	hmap_init(&c->spans);
	read_file(c, sent_path, sent_add);
	read_file(c, got_path, got);
	count_missing(c);
	different = c->ttl_wrong + c->checksum_wrong + c->content;
	printf("{\"sent\":%zu,\"got\":%" PRIu64 ",\"matched\":%" PRIu64 ",\"missing\":%" PRIu64
	       ",\"duplicated\":%" PRIu64 ",\"different\":%" PRIu64 ",\"unknown\":%" PRIu64,
		c->n_sent, c->got, c->matched, c->missing, c->duplicated, different, c->unknown);
	printf(",\"ttl_wrong\":%" PRIu64 ",\"checksum_wrong\":%" PRIu64 ",\"content\":%" PRIu64
	       ",\"before_first\":%" PRIu64 ",\"after_last\":%" PRIu64 ",\"channels_sent\":%" PRIu32
	       ",\"channels_matched\":%" PRIu64 "}\n",
		c->ttl_wrong, c->checksum_wrong, c->content, c->before_first, c->after_last,
		c->spans.count, c->channels_matched);
	// What is allocated goes with the process.
	return c->matched && !c->missing && !c->duplicated && !different && !c->unknown ? 0 : 1;
}

static pcap_direction_t direction(const char *word)
{
	if (strcmp(word, "in") == 0)
		return PCAP_D_IN;
	if (strcmp(word, "out") == 0)
		return PCAP_D_OUT;
	lab_usage("--direction takes in or out, not \"%s\"", word);
}

static void parse(struct tap *t, struct compare *c, int argc, char **argv)
{
	static const struct option opts[] = {{"if", 1, NULL, 'i'}, {"source", 1, NULL, 's'},
		{"group", 1, NULL, 'g'}, {"channels", 1, NULL, 'c'}, {"write", 1, NULL, 'w'},
		{"seconds", 1, NULL, 't'}, {"packets", 1, NULL, 'n'}, {"direction", 1, NULL, 'd'},
		{"ttl-delta", 1, NULL, 'l'}, {"json", 0, NULL, 'j'}, {"help", 0, NULL, 'h'}, {0}};
	const char *source = NULL, *group = NULL;
	int o;

	while ((o = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		switch (o) {
		case 'i':
			t->ifname = optarg;
			break;
		case 's':
			source = optarg;
			break;
		case 'g':
			group = optarg;
			break;
		case 'c':
			lab_channels_read(&t->channels, optarg);
			break;
		case 'w':
			t->file = optarg;
			break;
		case 't':
			t->seconds = lab_number("--seconds", optarg, 1, 1000000);
			break;
		case 'n':
			t->packets = lab_number("--packets", optarg, 1, UINT32_MAX);
			break;
		case 'd':
			t->direction = direction(optarg);
			break;
		case 'l':
			c->ttl_delta = (int)lab_number("--ttl-delta", optarg, 0, 255);
			break;
		case 'j':
			break; // always
		case 'h':
			help();
			exit(0);
		default:
			exit(2); // getopt has said why
		}
	}
	if (source || group)
		lab_channels_add(&t->channels, source, group);
	lab_channels_sort(&t->channels);
}

int main(int argc, char **argv)
{
	struct compare c = {.ttl_delta = 1};
	struct tap t = {.direction = PCAP_D_INOUT};

	lab_name = "lab-tap";
	lab_catch_signals();
	parse(&t, &c, argc, argv);
	// getopt has moved the words that are no options to the end.
	if (argc - optind == 3 && strcmp(argv[optind], "compare") == 0)
		return compare(&c, argv[optind + 1], argv[optind + 2]);
	if (optind < argc || !t.ifname)
		lab_usage("--if, or compare with two files, is needed (--help says how)");
	tap_open(&t);
	return tap_run(&t);
}
