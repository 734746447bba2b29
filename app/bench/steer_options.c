// SPDX-License-Identifier: BSD-3-Clause
// The command line and the relay list of inlet-bench steer.
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/steer.h"

#define RELAYS_MAX 1000000
#define AMT_PORT   2268

// Windows driver documentation, "Verifying the RSS hash calculation"; the default of many drivers.
static const uint8_t microsoft_key[] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
	0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77,
	0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

static void usage(FILE *f)
{
	fputs("usage: inlet-bench steer [--key HEX|microsoft|symmetric] [--reta N|LIST]\n"
	      "                         [--queues N] [--relays FILE|N] [--local ADDR]...\n"
	      "                         [--zipf S] [--seed N] [--json] [--plot DIR]\n"
	      "\n"
	      "--key     RSS key as the port tells it (microsoft)\n"
	      "--reta    entries, queue i % queues each (128), or the queue of each entry: 0,1,0\n"
	      "--queues  receive queues of the port (8)\n"
	      "--relays  how many (2000), of the families of --local; or a file of addresses, one "
	      "a\n"
	      "          line, with the packets a second behind it where they are known\n"
	      "--local   our address towards them; repeat it (192.0.2.2 and 2001:db8::2)\n"
	      "--zipf    the relay with rank r carries 1/r^S of the most popular one (1.0)\n"
	      "\n"
	      "Placements: random, ports as the kernel chooses them; steered, one after the other\n"
	      "with rates measured in between; at_once, all in one second, so that none is known;\n"
	      "and what `rebalance` makes of that by RETA entries (at_once_reta) and by flow "
	      "rules\n"
	      "(at_once_flow).\n",
		f);
}

static int parse_key(const char *text, struct steer_options *o)
{
	struct steer_rss *rss = &o->rss;
	unsigned int digits = 0;

	memset(rss->key, 0, sizeof(rss->key));
	o->key_name = text;
	rss->key_len = STEER_KEY_LEN;
	if (strcmp(text, "microsoft") == 0) {
		memcpy(rss->key, microsoft_key, sizeof(microsoft_key));
		return 0;
	}
	if (strcmp(text, "symmetric") == 0) {
		for (unsigned int i = 0; i < STEER_KEY_LEN; i++)
			rss->key[i] = i % 2 ? 0x5a : 0x6d;
		return 0;
	}
	o->key_name = "hex";
	for (; *text; text++) {
		char hex[2] = {*text};

		if (*text == ':')
			continue;
		if (!isxdigit((unsigned char)*text) || digits == 2 * STEER_MAX_KEY)
			return -EINVAL;
		rss->key[digits / 2] |= (uint8_t)(strtoul(hex, NULL, 16) << (digits % 2 ? 0 : 4));
		digits++;
	}
	if (digits % 2 || digits < 2 * STEER_KEY_LEN)
		return -EINVAL;
	rss->key_len = (uint16_t)(digits / 2);
	return 0;
}

static int parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (end != text && *end == 'k') {
		*out *= 1000;
		end++;
	}
	return errno || end == text || *end || *out < min || *out > max ? -EINVAL : 0;
}

static int parse_reta(const char *text, struct steer_rss *rss)
{
	uint64_t v;
	char *end;

	memset(rss->reta, 0, sizeof(rss->reta));
	if (!strchr(text, ',')) {
		if (parse_number(text, 1, STEER_MAX_RETA, &v) < 0)
			return -EINVAL;
		rss->reta_size = (uint16_t)v;
		return 0;
	}
	for (rss->reta_size = 0; rss->reta_size < STEER_MAX_RETA; text = end + 1) {
		v = strtoul(text, &end, 10);
		if (end == text || v >= STEER_MAX_QUEUES)
			return -EINVAL;
		rss->reta[rss->reta_size++] = (uint16_t)v;
		if (*end == '\0')
			return 0;
		if (*end != ',')
			return -EINVAL;
	}
	return -EINVAL;
}

static int parse_relays(const char *text, struct steer_options *o)
{
	uint64_t v;

	if (!isdigit((unsigned char)text[0]) || strpbrk(text, "./")) {
		o->relay_file = text;
		return 0;
	}
	if (parse_number(text, 1, RELAYS_MAX, &v) < 0)
		return -EINVAL;
	o->n_relays = (uint32_t)v;
	return 0;
}

static int parse_local(const char *text, struct steer_options *o)
{
	if (o->n_locals == STEER_MAX_LOCALS)
		return -EINVAL;
	return addr_parse(text, &o->locals[o->n_locals++]);
}

static int option(int c, struct steer_options *o, const char **reta)
{
	uint64_t v = 0;
	char *end;
	int ret = 0;

	switch (c) {
	case 'k':
		return parse_key(optarg, o);
	case 'r':
		*reta = optarg;
		return parse_reta(optarg, &o->rss);
	case 'q':
		ret = parse_number(optarg, 1, STEER_MAX_QUEUES, &v);
		o->rss.n_queues = (uint16_t)v;
		return ret;
	case 'n':
		return parse_relays(optarg, o);
	case 'l':
		return parse_local(optarg, o);
	case 'z':
		o->zipf = strtod(optarg, &end);
		return end == optarg || *end || !(o->zipf >= 0 && o->zipf <= 10) ? -EINVAL : 0;
	case 's':
		return parse_number(optarg, 1, UINT64_MAX, &o->seed);
	case 'j':
		o->json = true;
		return 0;
	case 'p':
		o->plot_dir = optarg;
		return 0;
	default:
		return -EINVAL;
	}
}

int steer_options_parse(int argc, char **argv, struct steer_options *o)
{
	static const struct option longs[] = {{"key", required_argument, NULL, 'k'},
		{"reta", required_argument, NULL, 'r'}, {"queues", required_argument, NULL, 'q'},
		{"relays", required_argument, NULL, 'n'}, {"local", required_argument, NULL, 'l'},
		{"zipf", required_argument, NULL, 'z'}, {"seed", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'}, {"plot", required_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'}, {0}};
	const char *reta = "128";
	int c;

	*o = (struct steer_options){.rss = {.n_queues = 8, .ipv4_udp = true, .ipv6_udp = true},
		.n_relays = 2000,
		.zipf = 1,
		.seed = 1};
	parse_key("microsoft", o);
	parse_reta(reta, &o->rss);
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return 1;
		}
		if (option(c, o, &reta) < 0) {
			if (c != '?')
				fprintf(stderr, "inlet-bench: not a value: %s\n", optarg);
			usage(stderr);
			return -EINVAL;
		}
	}
	if (optind != argc) {
		usage(stderr);
		return -EINVAL;
	}
	for (unsigned int i = 0; !strchr(reta, ',') && i < o->rss.reta_size; i++)
		o->rss.reta[i] = (uint16_t)(i % o->rss.n_queues);
	if (o->n_locals == 0) {
		parse_local("192.0.2.2", o);
		parse_local("2001:db8::2", o);
	}
	return 0;
}

static struct addr random_relay(uint8_t family, struct rng *rng)
{
	struct addr a;
	uint8_t bytes[16];

	do {
		rng_bytes(rng, bytes, sizeof(bytes));
		bytes[0] = family == ADDR_V6 ? 0x20 : bytes[0];
		a = family == ADDR_V6 ? addr_from_v6(bytes) : addr_from_v4(rng_u32(rng));
	} while (!addr_is_unicast(&a));
	return a;
}

// Shares of the total by rank, in a random order.
static void zipf_rates(struct steer_tunnel *tunnels, uint32_t n, double s, struct rng *rng)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += pow(i + 1.0, -s);
	for (uint32_t i = 0; i < n; i++)
		tunnels[i].pps = (uint64_t)(pow(i + 1.0, -s) / sum * STEER_TOTAL_PPS);
	for (uint32_t i = n; i > 1; i--) {
		uint32_t k = (uint32_t)rng_below(rng, i);
		uint64_t pps = tunnels[k].pps;

		tunnels[k].pps = tunnels[i - 1].pps;
		tunnels[i - 1].pps = pps;
	}
}

// The k-th local address of the family, round and round; n_locals for none.
static unsigned int local_for(const struct steer_options *o, uint8_t family, uint32_t k)
{
	unsigned int found[STEER_MAX_LOCALS], n = 0;

	for (unsigned int i = 0; i < o->n_locals; i++)
		if (o->locals[i].family == family)
			found[n++] = i;
	return n ? found[k % n] : o->n_locals;
}

static void tunnel_fill(const struct steer_options *o, struct steer_tunnel *t,
	const struct addr *relay, unsigned int local)
{
	t->t = (struct steer_tuple){
		.relay = *relay, .local = o->locals[local], .relay_port = AMT_PORT};
	t->local = local;
}

// One line of the file: address, and packets a second or nothing. 1: a tunnel, 0: nothing there.
static int relay_line(
	char *line, const struct steer_options *o, uint32_t k, struct steer_tunnel *t, bool *rated)
{
	char *save = NULL, *word, *end;
	struct addr relay;
	unsigned int local;

	line[strcspn(line, "#\n")] = '\0';
	word = strtok_r(line, " \t", &save);
	if (!word)
		return 0;
	if (addr_parse(word, &relay) < 0)
		return -EINVAL;
	local = local_for(o, relay.family, k);
	if (local == o->n_locals)
		return -EAFNOSUPPORT;
	tunnel_fill(o, t, &relay, local);
	word = strtok_r(NULL, " \t", &save);
	if (word) {
		t->pps = strtoull(word, &end, 10);
		if (*end)
			return -EINVAL;
		*rated = true;
	}
	return 1;
}

static struct steer_tunnel *tunnels_read(const struct steer_options *o, uint32_t *n, bool *rated)
{
	FILE *f = fopen(o->relay_file, "r");
	struct steer_tunnel *all = NULL, *more;
	char line[256];
	int ret = 0, number = 0;

	*n = 0;
	while (f && ret >= 0 && *n < RELAYS_MAX && fgets(line, sizeof(line), f)) {
		if ((*n & (*n + 1)) == 0) {
			more = realloc(all, (2 * (size_t)*n + 2) * sizeof(*all));
			if (!more)
				break;
			all = more;
		}
		memset(&all[*n], 0, sizeof(*all));
		number++;
		ret = relay_line(line, o, *n, &all[*n], rated);
		*n += ret > 0;
	}
	if (!f)
		fprintf(stderr, "inlet-bench: %s: %s\n", o->relay_file, strerror(errno));
	else if (ret < 0)
		fprintf(stderr, "inlet-bench: %s:%d: %s\n", o->relay_file, number,
			ret == -EINVAL ? "not an address and a rate"
				       : "no --local address of this family");
	else if (*n == 0)
		fprintf(stderr, "inlet-bench: %s: no relay in it\n", o->relay_file);
	if (f)
		fclose(f);
	if (f && ret >= 0 && *n > 0)
		return all;
	free(all);
	return NULL;
}

struct steer_tunnel *steer_tunnels(const struct steer_options *o, uint32_t *n)
{
	struct rng rng = rng_seeded(o->seed);
	struct steer_tunnel *all;
	bool rated = false;

	if (o->relay_file) {
		all = tunnels_read(o, n, &rated);
	} else {
		*n = o->n_relays;
		all = calloc(*n, sizeof(*all));
		for (uint32_t i = 0; all && i < *n; i++) {
			unsigned int local = i % o->n_locals;
			struct addr relay = random_relay(o->locals[local].family, &rng);

			tunnel_fill(o, &all[i], &relay, local);
		}
	}
	if (all && !rated)
		zipf_rates(all, *n, o->zipf, &rng);
	return all;
}
