// SPDX-License-Identifier: BSD-3-Clause
// A DNS message as the answer to a lookup, and again to each query that it leads to.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/log.h"
#include "driad/driad.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t tokens[64];
static unsigned int n_tokens, n_results;

static int query(void *ctx, const char *name, uint16_t rrtype, uint64_t token)
{
	(void)ctx;
	(void)name;
	(void)rrtype;
	if (n_tokens == 64)
		return -1;
	tokens[n_tokens++] = token;
	return (int)n_tokens;
}

static void cancel(void *ctx, int handle)
{
	(void)ctx;
	(void)handle;
}

static void on_result(void *arg, const struct driad_result *result, uint64_t now_us)
{
	(void)arg;
	(void)now_us;
	if (result->n_relays > DRIAD_MAX_RELAYS ||
		(result->status == DRIAD_OK) != (result->n_relays > 0))
		abort();
	n_results++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct driad_resolver_ops ops = {.query = query, .cancel = cancel};
	static const struct driad_cfg cfg = {.queries_per_100ms = 64,
		.negative_ttl_max_s = 300,
		.max_waiting = 4,
		.use_ipv4 = true,
		.use_ipv6 = true};
	const struct driad_answer answer = {.packet = data, .len = size};
	struct addr source;
	struct timers timers;
	struct rng rng = rng_seeded(1);
	struct driad *d;

	log_threshold = LOG_LEVEL_ERROR;
	n_tokens = n_results = 0;
	timers_init(&timers);
	d = driad_create(&cfg, &ops, NULL, &timers, &rng);
	// The source of the golden answers, so that their question fits.
	if (!d || addr_parse("192.0.2.12", &source) < 0 ||
		!driad_lookup_start(d, &source, on_result, NULL, 0))
		abort();
	for (unsigned int i = 0; i < n_tokens; i++)
		driad_answer_input(d, tokens[i], &answer, 1);
	timers_run(&timers, 60 * US_PER_S);
	if (n_results != 1)
		abort();
	driad_destroy(d);
	timers_fini(&timers);
	return 0;
}
