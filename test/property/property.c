// SPDX-License-Identifier: BSD-3-Clause
// The property: whatever frames come in, what the fast path does with each of them is what the slow
// reading of the RFCs beside it (oracle.c) says: the octets out of every interface, what goes up to
// the control thread, the reason of a drop, and every counter. The frames are drawn at random, most
// of them good, the others with one or two things wrong or unusual (check_frame.c).
//
// usage: property [--packets N] [--seed N]
//   --packets  of all cases together, at least (300000)
//   --seed     of what is drawn (1); 0: by the clock
// Speaks TAP. The seed is said in each line: with it the same frames come again.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>

#include "bench/product.h"
#include "bench/updater.h"
#include "fastpath/process.h"
#include "property/check.h"

#define PAYLOAD 1400
#define ROUND	64 // bursts between two changes of the table
#define CHURN	500000

// What the worker is: its interfaces, and the frames that it knows.
struct property_case {
	const char *name;
	enum feed_family family;
	uint32_t channels, tunnels;
	struct product_cfg cfg;
	bool tagged;
	bool baseline; // process.c as it is built for every x86-64
	bool churn;    // a second thread changes the table meanwhile
};

static const struct property_case cases[] = {
	{"all families, 63 interfaces", FEED_MIXED, 4096, 64, {.mixed = true}, .tagged = false},
	{"the same on any x86-64", FEED_MIXED, 4096, 64, {.mixed = true}, .baseline = true},
	{"the same while the table changes", FEED_MIXED, 4096, 64, {.mixed = true}, .churn = true},
	{"IPv4 in IPv4, one interface", FEED_4IN4, 256, 16, {.fanout = 1}, .tagged = false},
	{"IPv6 in IPv4, one interface", FEED_6IN4, 256, 16, {.fanout = 1}, .tagged = false},
	{"IPv4 in IPv6, one interface", FEED_4IN6, 256, 16, {.fanout = 1}, .tagged = false},
	{"IPv6 in IPv6, one interface", FEED_6IN6, 256, 16, {.fanout = 1}, .tagged = false},
	{"the same on any x86-64", FEED_6IN6, 256, 16, {.fanout = 1}, .baseline = true},
	{"with a VLAN tag, shared frames", FEED_4IN4, 256, 16, {.fanout = 4}, .tagged = true},
	{"a copy an interface", FEED_4IN4, 1, 1, {.fanout = 3, .l2 = PRODUCT_OWN}, .tagged = false},
	{"chains", FEED_6IN4, 64, 4, {.fanout = 8, .l2 = PRODUCT_CHAIN}, .tagged = false},
};
#define N_CASES (sizeof(cases) / sizeof(cases[0]))

static struct crossing *crossing;

// For the updater's thread; the EAL has us on CPU 0.
unsigned int bench_cpu_other(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0;
}

// Frames through one worker; 0 if all is well with it.
static int run(const struct property_case *p, uint64_t packets, uint64_t seed, struct check *out)
{
	const struct feed_shape shape = {.channels = p->channels,
		.tunnels = p->tunnels,
		.payload = PAYLOAD,
		.family = p->family,
		.tagged = p->tagged};
	static const struct updater_cfg waves = {.rate = CHURN, .waves = true};
	struct lane lane = {
		.begin_cb = product_begin, .burst_cb = product_burst, .end_cb = product_end};
	struct product *product = product_create(&shape, &p->cfg, crossing);
	struct updater *updater = NULL;
	struct checker *checker = NULL;
	int rc = -ENOMEM;

	if (!product)
		return rc;
	if (p->baseline)
		product->worker->process_cb = process_burst;
	checker = checker_create(product, PAYLOAD, seed);
	lane.state = product;
	if (p->churn) {
		updater = updater_create(product, &waves);
		lane.state = updater;
		lane.begin_cb = updater_begin;
		lane.burst_cb = updater_burst;
		lane.end_cb = updater_end;
	}
	if (checker && (updater || !p->churn)) {
		while (out->checked < packets)
			checker_run(checker, &lane, ROUND, out);
		checker_counters(checker, out);
		rc = updater && updater_failed(updater) ? -ENOSPC : 0;
	}
	checker_destroy(checker);
	updater_destroy(updater);
	product_destroy(product);
	return rc;
}

static int eal_init(void)
{
	char *argv[] = {"property", "-l", "0", "--no-huge", "--no-shconf", "-m", "512", "--no-pci",
		"--no-telemetry", "--log-level=error", "--file-prefix=property"};

	return rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])), argv);
}

static bool number(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno == 0 && end != text && *end == '\0';
}

int main(int argc, char **argv)
{
	uint64_t packets = 300000, seed = 1;
	int failed = 0;

	for (int i = 1; i < argc; i += 2) {
		uint64_t *to = strcmp(argv[i], "--packets") == 0 ? &packets
			       : strcmp(argv[i], "--seed") == 0	 ? &seed
								 : NULL;

		if (!to || i + 1 == argc || !number(argv[i + 1], to)) {
			fprintf(stderr, "usage: property [--packets N] [--seed N]\n");
			return 2;
		}
	}
	if (seed == 0)
		seed = (uint64_t)time(NULL);
	if (eal_init() < 0)
		return 1;
	crossing = crossing_create(1, NULL, PRODUCT_IFS, 1024, 64, 1518);
	if (!crossing)
		return 1;
	printf("1..%zu\n", N_CASES);
	for (size_t i = 0; i < N_CASES; i++) {
		struct check check = {0};
		int rc = run(&cases[i], (packets + N_CASES - 1) / N_CASES, seed + i, &check);

		printf("%s %zu - %s: %" PRIu64 " packets, %" PRIu64 " wrong, seed %" PRIu64 "%s\n",
			rc == 0 && check.wrong == 0 ? "ok" : "not ok", i + 1, cases[i].name,
			check.checked, check.wrong, seed, rc ? ", no memory" : "");
		fflush(stdout);
		failed |= rc != 0 || check.wrong != 0;
	}
	crossing_destroy(crossing);
	rte_eal_cleanup();
	return failed;
}
