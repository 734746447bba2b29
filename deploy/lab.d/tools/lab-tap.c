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

#include "lab-tap.h"
#include "labutil.h"

#define ETHER_LEN   14
#define TAP_SNAPLEN 65535

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
	     "must be less by exactly --ttl-delta (default 1), and IPv4's header checksum, which "
	     "must\n"
	     "be right. What was sent in a channel before the first and after the last datagram\n"
	     "found is counted apart: captures and joins have edges. Prints one line of JSON; "
	     "exit\n"
	     "code 0 only if something matched and nothing is missing, duplicated or different.");
}

static void captured_cb(uint8_t *arg, const struct pcap_pkthdr *h, const uint8_t *frame)
{
	struct tap *t = (struct tap *)(void *)arg;
	// tv_usec holds nanoseconds at this precision.
	uint64_t ns = (uint64_t)h->ts.tv_sec * NS_PER_S + (uint64_t)h->ts.tv_usec;
	const uint8_t *ip;
	struct sg sg;
	size_t len;

	if (!tap_datagram(h, frame, &ip, &len, &sg) ||
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
	pcap_set_snaplen(t->pcap, TAP_SNAPLEN);
	pcap_set_promisc(t->pcap, 1); // nothing here joins the groups
	pcap_set_immediate_mode(t->pcap, 1);
	pcap_set_buffer_size(t->pcap, 64 << 20);
	if (pcap_set_tstamp_precision(t->pcap, PCAP_TSTAMP_PRECISION_NANO) != 0)
		lab_fail("%s: no nanosecond timestamps", t->ifname);
	if (pcap_activate(t->pcap) < 0)
		lab_fail("%s: %s", t->ifname, pcap_geterr(t->pcap));
	if (pcap_datalink(t->pcap) != DLT_EN10MB)
		lab_fail("%s: not an Ethernet interface", t->ifname);
	if (pcap_compile(t->pcap, &prog, "(ip multicast or ip6 multicast) and udp", 1,
		    PCAP_NETMASK_UNKNOWN) < 0 ||
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

static pcap_direction_t direction(const char *word)
{
	if (strcmp(word, "in") == 0)
		return PCAP_D_IN;
	if (strcmp(word, "out") == 0)
		return PCAP_D_OUT;
	lab_usage("--direction takes in or out, not \"%s\"", word);
}

static void parse(struct tap *t, int *ttl_delta, int argc, char **argv)
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
			*ttl_delta = (int)lab_number("--ttl-delta", optarg, 0, 255);
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
	struct tap t = {.direction = PCAP_D_INOUT};
	int ttl_delta = 1, ret;

	lab_name = "lab-tap";
	lab_catch_signals();
	parse(&t, &ttl_delta, argc, argv);
	// getopt has moved the words that are no options to the end.
	if (argc - optind == 3 && strcmp(argv[optind], "compare") == 0)
		return tap_compare(argv[optind + 1], argv[optind + 2], ttl_delta);
	if (optind < argc || !t.ifname)
		lab_usage("--if, or compare with two files, is needed (--help says how)");
	tap_open(&t);
	ret = tap_run(&t);
	free(t.channels.sg);
	return ret;
}
