// SPDX-License-Identifier: BSD-3-Clause
// Lookups by a string of actions: some begin and are cancelled, their queries are answered in any
// order, well or not, and time passes. First octet: configuration. Answers are DNS messages to the
// question asked, whose records' data is the input's. Each lookup has one result, and nothing is
// left at the end.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/log.h"
#include "driad/driad.h"
#include "memory.h"
#include "unit/driad/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define QUERIES 32
#define LOOKUPS 8

static struct asked {
	bool open;
	char name[1024];
	uint16_t type;
	uint64_t token;
} queries[QUERIES];
static struct driad_lookup *lookups[LOOKUPS];
static bool refuse;
static struct timers timers;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static int query_cb(void *ctx, const char *name, uint16_t rrtype, uint64_t token)
{
	(void)ctx;
	require(strlen(name) < sizeof(queries[0].name));
	for (int i = 0; i < QUERIES && !refuse; i++) {
		if (queries[i].open)
			continue;
		queries[i] = (struct asked){.open = true, .type = rrtype, .token = token};
		memcpy(queries[i].name, name, strlen(name) + 1);
		return i + 1;
	}
	return -EAGAIN;
}

static void cancel_cb(void *ctx, int handle)
{
	(void)ctx;
	require(handle > 0 && handle <= QUERIES && queries[handle - 1].open);
	queries[handle - 1].open = false;
}

static void result_cb(void *arg, const struct driad_result *result, uint64_t now_us)
{
	struct driad_lookup **l = arg;

	(void)now_us;
	require(*l && result->n_relays <= DRIAD_MAX_RELAYS);
	require((result->status == DRIAD_OK) == (result->n_relays > 0));
	require(driad_status_name(result->status)[0]);
	require(driad_status_name((enum driad_status)99)[0]);
	for (unsigned int i = 1; i < result->n_relays; i++)
		require(result->relays[i - 1].precedence <= result->relays[i].precedence);
	*l = NULL;
}

static uint32_t last_rank;

static void note_cb(void *arg, const struct driad_note *note)
{
	(void)arg;
	require(driad_rank_why(last_rank, note->rank)[0] &&
		driad_rank_why(note->rank, 1u << 31)[0]);
	last_rank = note->rank;
}

static bool path_cb(void *ctx, const struct addr *relay, struct driad_path *out)
{
	(void)ctx;
	if (relay->bytes[3] & 1)
		return false;
	*out = (struct driad_path){.src = *relay,
		.src_len = relay->bytes[1] & 31,
		.deprecated = relay->bytes[addr_size(relay) - 1] & 4};
	out->src.bytes[addr_size(relay) - 1] ^= 1;
	return true;
}

static void begin(struct driad *d, uint8_t which, uint64_t now)
{
	static const char *const sources[] = {
		"192.0.2.12", "192.0.2.13", "2001:db8:a::a", "198.51.100.1"};
	static const char *const domains[] = {"example.net.", "example.org.", "a..bad"};
	struct driad_lookup **l = &lookups[which % LOOKUPS];
	struct addr a;

	if (*l)
		return;
	require(addr_parse(sources[which >> 3 & 3], &a) == 0);
	if ((which & 0xe0) == 0xe0)
		*l = driad_lookup_services(d, domains, 0, result_cb, l, now);
	else if (which & 0x80)
		*l = driad_lookup_services(d, domains, 1 + (which >> 5 & 1), result_cb, l, now);
	else if (which & 64)
		*l = driad_lookup_noted(d, &a, result_cb, note_cb, l, now);
	else
		*l = driad_lookup_start(d, &a, result_cb, l, now);
}

static void records(struct dns *m, uint16_t type, struct rd *r)
{
	static const uint16_t types[] = {260, 1, 28, 12, 33, 5, 16, 0};
	unsigned int n = rd_u8(r) % 70;

	while (n-- && rd_left(r) && m->len < sizeof(m->buf) - 600) {
		uint8_t how = rd_u8(r);
		size_t len = how & 0x1f ? how & 0x1f : rd_u8(r);
		const uint8_t *rdata;

		len = len < rd_left(r) ? len : rd_left(r);
		rdata = rd_bytes(r, len);
		dns_record(m, how & 0x80 ? types[how >> 5 & 3] : type, how * 20u, rdata, len);
	}
}

static void answer(struct driad *d, struct rd *r, uint64_t now)
{
	struct asked *q = &queries[rd_u8(r) % QUERIES];
	struct driad_answer a = {.why_bogus = "fuzz"};
	uint8_t how = rd_u8(r);
	struct dns *m;
	char name[1024];
	uint64_t token;

	if (!q->open) // the next one that is
		for (q = queries; q < &queries[QUERIES - 1] && !q->open;)
			q++;
	if (!q->open)
		return;
	memcpy(name, q->name, sizeof(name));
	token = q->token;
	q->open = false;
	m = malloc(sizeof(*m));
	require(m != NULL);
	dns_begin(m, how & 64 ? "other.example." : name, q->type, how & 3);
	records(m, q->type, r);
	if (how & 4)
		dns_soa(m, 100, 30);
	a.rcode = how & 32 ? -1 : (how & 131) == 130 ? 5 : how & 3;
	a.bogus = (how & 24) == 24;
	a.secure = how & 8;
	if (how & 128)
		a.why_bogus = NULL;
	// A copy of its own, so that a read past the end is seen.
	a.len = m->len;
	a.packet = realloc(m, m->len);
	if (a.rcode == -1 && how & 16) {
		free((void *)(uintptr_t)a.packet);
		a.packet = NULL;
		a.len = 0;
	}
	driad_answer_input(d, token, &a, now);
	free((void *)(uintptr_t)a.packet);
}

static struct driad_cfg configuration(uint8_t how)
{
	return (struct driad_cfg){.queries_per_100ms = how & 1	 ? 64
						       : how & 8 ? 0
								 : 2,
		.negative_ttl_max_s = how & 8 ? 0 : 300,
		.max_waiting = how & 2 ? 100 : 4,
		.use_ipv4 = !(how & 4),
		.use_ipv6 = !(how & 8),
		.require_secure = how & 16,
		.path = how & 32 ? path_cb : NULL};
}

static void configure(struct driad *d, uint8_t how, uint64_t now)
{
	static char transports[2];
	struct driad_cfg cfg = configuration(how);
	void *to = how & 64 ? &transports[how >> 7] : NULL;

	if (driad_configure(d, &cfg, to, now) != 0)
		return; // no memory, and all is as it was
	driad_families(d, cfg.use_ipv4, cfg.use_ipv6);
}

static void act(struct driad *d, struct rd *r, uint64_t *now)
{
	uint8_t what = rd_u8(r);
	struct driad_lookup **l;

	switch (what & 7) {
	case 0:
	case 1:
		begin(d, rd_u8(r), *now);
		break;
	case 2:
		l = &lookups[what >> 3 & 7];
		if (*l)
			driad_lookup_cancel(d, *l);
		*l = NULL;
		break;
	case 3:
		refuse = what & 8;
		if ((what & 56) == 40)
			memory_tight(&timers, 1 + (what >> 6));
		else if (what & 32)
			memory_fail(1 + (what >> 6));
		if (what & 16)
			configure(d, rd_u8(r), *now);
		break;
	case 4:
		*now += (what >> 3) * (what & 0x80 ? USEC_PER_SEC : 10 * USEC_PER_MSEC);
		timers_run(&timers, *now);
		break;
	default:
		answer(d, r, *now);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct driad_resolver_ops ops = {.query = query_cb, .cancel = cancel_cb};
	struct rd r = rd_init(data, size);
	struct driad_cfg cfg = configuration(rd_u8(&r));
	struct rng rng = rng_seeded(1);
	uint64_t now = 1;
	struct driad *d;

	log_threshold = LOG_LEVEL_ERROR;
	memset(queries, 0, sizeof(queries));
	memset(lookups, 0, sizeof(lookups));
	refuse = false;
	timers_init(&timers);
	d = driad_create(&cfg, &ops, NULL, &timers, &rng);
	require(d != NULL);
	while (rd_left(&r) > 0)
		act(d, &r, &now);
	memory_fail(0);
	memory_tight(&timers, 0);
	require(driad_stats(d) != NULL);
	driad_destroy(d);
	require(timers.count == 0);
	for (int i = 0; i < QUERIES; i++)
		require(!queries[i].open);
	timers_fini(&timers);
	return 0;
}
