// SPDX-License-Identifier: BSD-3-Clause
#include "harness.h"

#include <pcap/pcap.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "unit/unit.h"
#include "wire/ip.h"

bool bench_is_v6(void)
{
	const char *family = getenv("PIM_FAMILY");

	return family && strcmp(family, "6") == 0;
}

struct addr bench_addr(const char *v4, const char *v6)
{
	return addr_of(bench_is_v6() ? v6 : v4);
}

static struct addr all_pim_routers(void)
{
	return bench_addr("224.0.0.13", "ff02::d");
}

struct addr addr_of(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

struct addr neighbor_addr(unsigned int n)
{
	if (bench_is_v6())
		return (struct addr){.family = ADDR_V6,
			.bytes = {0xfe, 0x80, [14] = (uint8_t)(n / 256), [15] = (uint8_t)n}};
	return (struct addr){
		.family = ADDR_V4, .bytes = {10, 1, (uint8_t)(1 + n / 256), (uint8_t)n}};
}

unsigned int neighbor_number(const struct addr *a)
{
	return a->bytes[a->family == ADDR_V6 ? 15 : 3];
}

struct sg channel_sg(unsigned int c)
{
	uint8_t hi = (uint8_t)(c >> 8), lo = (uint8_t)c;

	if (bench_is_v6())
		return (struct sg){.s = {.family = ADDR_V6,
					   .bytes = {0x20, 0x01, 0x0d, 0xb8, [14] = hi, [15] = lo}},
			.g = {.family = ADDR_V6,
				.bytes = {0xff, 0x3e, [12] = 0x80, [14] = hi, [15] = lo}}};
	return (struct sg){.s = {.family = ADDR_V4, .bytes = {192, 0, 2 + hi, lo}},
		.g = {.family = ADDR_V4, .bytes = {232, 252, hi, lo}}};
}

static void done(struct bench *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void done(struct bench *b, const char *fmt, ...)
{
	size_t len = strlen(b->done);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(b->done + len, sizeof(b->done) - len, fmt, ap);
	va_end(ap);
}

static unsigned int channel_of(const struct sg *sg)
{
	const uint8_t *low = sg->g.bytes + (sg->g.family == ADDR_V6 ? 14 : 2);

	return (unsigned int)(low[0] << 8 | low[1]);
}

static void echo_cb(void *arg, const struct pim_jp_entry *e)
{
	struct sg sg = {.s = e->s, .g = e->g};

	assert_false(e->join);
	done(arg, "echo-%u ", channel_of(&sg));
}

static void send_op(void *ctx, const uint8_t *pim, size_t len)
{
	struct bench *b = ctx;
	struct pim_hello hello;
	struct pim_jp jp;
	struct addr primary = pim_if_primary(b->pif), all = all_pim_routers();
	uint8_t type;

	assert_in_range(len, 1, sizeof(b->last));
	memcpy(b->last, pim, len);
	b->last_len = len;
	if (bench_is_v6())
		assert_int_equal(pim_header_decode6(pim, len, &primary, &all, &type), PIM_OK);
	else
		assert_int_equal(pim_header_decode(pim, len, &type), PIM_OK);
	if (type == PIM_HELLO) {
		assert_int_equal(pim_hello_decode(pim, len, &hello), PIM_OK);
		if (b->log_hellos)
			done(b, "hello-%u ", hello.holdtime_s);
		return;
	}
	if (type == PIM_ASSERT) {
		struct pim_assert_msg m;

		assert_int_equal(pim_assert_decode(pim, len, &m), PIM_OK);
		assert_int_equal(m.g_mask_len, bench_is_v6() ? 128 : 32);
		assert_int_equal(m.preference == PIM_PREFERENCE_INFINITE, m.rpt);
		assert_int_equal(m.metric == PIM_METRIC_INFINITE, m.rpt);
		done(b, "%s-%u ", m.rpt ? "cancel" : "assert", channel_of(&m.sg));
		return;
	}
	assert_int_equal(type, PIM_JOIN_PRUNE);
	assert_int_equal(pim_jp_decode(pim, len, &jp), PIM_OK);
	assert_true(addr_eq(&jp.upstream, &primary));
	pim_jp_walk(&jp, echo_cb, b);
}

static void want_op(
	void *ctx, const struct sg *sg, bool wanted, const struct addr *neighbor, uint64_t now_us)
{
	struct bench *b = ctx;

	assert_int_equal(now_us, b->now_us);
	if (wanted)
		b->wanted++;
	else
		b->wanted--;
	if (strlen(b->done) < sizeof(b->done) - 64)
		done(b, "%c%u/%u ", wanted ? '+' : '-', channel_of(sg), neighbor_number(neighbor));
}

static void mute_op(void *ctx, const struct sg *sg, bool muted, uint64_t now_us)
{
	struct bench *b = ctx;

	assert_int_equal(now_us, b->now_us);
	if (muted)
		b->muted++;
	else
		b->muted--;
	if (strlen(b->done) < sizeof(b->done) - 64)
		done(b, "%smute-%u ", muted ? "" : "un", channel_of(sg));
}

static bool flows_op(void *ctx, const struct sg *sg)
{
	const struct bench *b = ctx;

	(void)sg;
	return !b->dry;
}

static bool local_op(void *ctx, const struct sg *sg)
{
	const struct bench *b = ctx;

	return b->local && channel_of(sg) == b->local;
}

static void include_op(void *ctx, const struct sg *sg, uint64_t now_us)
{
	struct bench *b = ctx;

	assert_int_equal(now_us, b->now_us);
	if (!b->log_includes)
		return;
	if (!sg)
		done(b, "%sdr ", pim_if_is_dr(b->pif) ? "" : "not-");
	else
		done(b, "%s-%u ", pim_if_include(b->pif, sg) ? "serve" : "leave", channel_of(sg));
}

static const struct pim_ops ops = {.send = send_op,
	.want_cb = want_op,
	.mute_cb = mute_op,
	.flows = flows_op,
	.local = local_op,
	.include_cb = include_op};

struct pim_cfg bench_cfg(struct bench *b)
{
	bool v6 = bench_is_v6();

	assert_int_equal(prefix_parse(v6 ? "ff3e::/32" : "232.0.0.0/8", &b->ranges[0]), 0);
	assert_int_equal(prefix_parse(v6 ? "ff35::/32" : "233.0.0.0/8", &b->ranges[1]), 0);
	return (struct pim_cfg){.name = "down0",
		.family = v6 ? ADDR_V6 : ADDR_V4,
		.hello_interval_s = 30,
		.hello_holdtime_s = 105,
		.triggered_hello_delay_ms = 5000,
		.dr_priority = 1,
		.propagation_delay_ms = 500,
		.override_interval_ms = 2500,
		.ssm_ranges = b->ranges,
		.n_ssm_ranges = 2,
		.assert_preference = 110,
		.assert_metric = 10,
		.max_neighbors = 1024,
		.max_joins = 20000,
		.max_joins_neighbor = 20000};
}

void bench_begin_cfg(struct bench *b, const struct pim_cfg *cfg)
{
	struct addr primary = neighbor_addr(1);

	log_threshold = LOG_LEVEL_ERROR;
	timers_init(&b->timers);
	b->rng = rng_seeded(42);
	b->now_us = BENCH_START_US;
	b->done[0] = '\0';
	b->pif = pim_if_create(cfg, &ops, b, &b->timers, &b->rng);
	assert_non_null(b->pif);
	if (cfg->watch)
		pim_if_watched(b->pif, &primary, 1, b->now_us);
	else
		pim_if_address(b->pif, &primary, b->now_us);
}

void bench_begin(struct bench *b)
{
	struct pim_cfg cfg;

	memset(b, 0, sizeof(*b));
	cfg = bench_cfg(b);
	bench_begin_cfg(b, &cfg);
}

void bench_end(struct bench *b)
{
	pim_if_destroy(b->pif, b->now_us);
	assert_int_equal(b->wanted, 0);
	assert_int_equal(b->muted, 0);
	assert_int_equal(b->timers.count, 0);
	timers_fini(&b->timers);
}

void bench_until(struct bench *b, uint64_t ms)
{
	uint64_t end = BENCH_START_US + ms * US_PER_MS;

	while (timers_next(&b->timers) <= end) {
		b->now_us = timers_next(&b->timers);
		timers_run(&b->timers, b->now_us);
	}
	assert_true(end >= b->now_us);
	b->now_us = end;
}

void bench_expect_at(struct bench *b, const char *text, const char *file, int line)
{
	size_t len = strlen(b->done);

	if (len > 0 && b->done[len - 1] == ' ')
		b->done[len - 1] = '\0';
	if (strcmp(b->done, text) != 0) {
		print_error("at %llu ms: did \"%s\", expected \"%s\"\n",
			(unsigned long long)((b->now_us - BENCH_START_US) / US_PER_MS), b->done,
			text);
		_fail(file, line);
	}
	b->done[0] = '\0';
}

void bench_input(struct bench *b, unsigned int n, const uint8_t *pim, size_t len)
{
	struct addr src = neighbor_addr(n), dst = all_pim_routers();
	uint8_t *exact = malloc(len ? len : 1); // so that ASan sees a read past the end

	assert_non_null(exact);
	memcpy(exact, pim, len);
	// What was right for IPv4 is made right for IPv6.
	if (bench_is_v6() && len >= 4 && ip_cksum(exact, len) == 0)
		pim_cksum6(exact, len, &src, &dst);
	pim_if_input(b->pif, &src, &dst, exact, len, b->now_us);
	free(exact);
}

void bench_hello(struct bench *b, unsigned int n, uint16_t holdtime_s, uint32_t genid)
{
	struct pim_hello hello = {.holdtime_s = holdtime_s,
		.genid = genid,
		.dr_priority = 1,
		.propagation_delay_ms = 500,
		.override_interval_ms = 2500};
	uint8_t buf[PIM_HELLO_LEN];

	assert_int_equal(pim_hello_encode(&hello, buf, sizeof(buf)), PIM_HELLO_LEN);
	bench_input(b, n, buf, sizeof(buf));
}

void bench_bare_hello(struct bench *b, unsigned int n, uint16_t holdtime_s)
{
	uint8_t buf[10] = {
		0x20, 0, 0, 0, 0, 1, 0, 2, (uint8_t)(holdtime_s >> 8), (uint8_t)holdtime_s};

	pim_seal(buf, sizeof(buf));
	bench_input(b, n, buf, sizeof(buf));
}

void bench_jp(struct bench *b, unsigned int n, unsigned int upstream, unsigned int c, bool join,
	uint16_t holdtime_s)
{
	struct pim_jp_item item = {.sg = channel_sg(c), .join = join};
	struct addr to = neighbor_addr(upstream);
	uint8_t buf[128];
	int len = pim_jp_encode(&to, holdtime_s, &item, 1, buf, sizeof(buf));

	assert_int_equal(len, bench_is_v6() ? 70 : 34);
	bench_input(b, n, buf, (size_t)len);
}

void bench_join(struct bench *b, unsigned int n, unsigned int c, uint16_t holdtime_s)
{
	bench_jp(b, n, 1, c, true, holdtime_s);
}

void bench_prune(struct bench *b, unsigned int n, unsigned int c)
{
	bench_jp(b, n, 1, c, false, 210);
}

void bench_assert(
	struct bench *b, unsigned int n, unsigned int c, uint32_t preference, uint32_t metric)
{
	struct pim_assert_msg m = {.sg = channel_sg(c),
		.rpt = preference == PIM_PREFERENCE_INFINITE,
		.preference = preference,
		.metric = metric};
	uint8_t buf[PIM_ASSERT_MAX_LEN];
	int len = pim_assert_encode(&m, buf, sizeof(buf));

	assert_int_equal(len, bench_is_v6() ? 50 : 26);
	bench_input(b, n, buf, (size_t)len);
}

void bench_data(struct bench *b, unsigned int c)
{
	struct sg sg = channel_sg(c);

	pim_if_data(b->pif, &sg, b->now_us);
}

void bench_hello_priority(struct bench *b, unsigned int n, uint16_t holdtime_s, uint32_t priority)
{
	struct pim_hello hello = {.holdtime_s = holdtime_s,
		.genid = 1,
		.dr_priority = priority,
		.propagation_delay_ms = 500,
		.override_interval_ms = 2500};
	uint8_t buf[PIM_HELLO_LEN];

	assert_int_equal(pim_hello_encode(&hello, buf, sizeof(buf)), PIM_HELLO_LEN);
	bench_input(b, n, buf, sizeof(buf));
}

uint64_t bench_drops(const struct bench *b)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < PIM_DROP_COUNT; i++)
		sum += pim_if_stats(b->pif)->drops[i];
	return sum;
}

uint64_t bench_drop(const struct bench *b, enum pim_drop why)
{
	return pim_if_stats(b->pif)->drops[why];
}

void pim_seal(uint8_t *pim, size_t len)
{
	uint16_t cksum;

	if (len < 4)
		return;
	pim[0] = (uint8_t)(0x20 | (pim[0] & 0xf));
	pim[2] = pim[3] = 0;
	cksum = ip_cksum(pim, len);
	pim[2] = (uint8_t)(cksum >> 8);
	pim[3] = (uint8_t)cksum;
}

static bool frame_parse(const uint8_t *eth, size_t len, struct frame *f)
{
	struct ipv4_hdr ip;

	assert_true(len > 14);
	if (ipv4_decode(eth + 14, len - 14, &ip) == 0) {
		if (ip.proto != IP_PROTO_PIM)
			return false;
		f->src = ip.src;
		f->dst = ip.dst;
		f->len = (size_t)(ip.total_len - ip.hdr_len);
		memcpy(f->pim, eth + 14 + ip.hdr_len, f->len);
		return true;
	}
	if (eth[14] >> 4 != 6 || eth[20] != IP_PROTO_PIM)
		return false;
	f->src = addr_from_v6(eth + 22);
	f->dst = addr_from_v6(eth + 38);
	f->len = (size_t)(eth[18] << 8 | eth[19]);
	assert_in_range(f->len, 0, len - 54);
	memcpy(f->pim, eth + 54, f->len);
	return true;
}

size_t frames_load(const char *file, struct frame out[FRAMES_MAX])
{
	char path[512], err[PCAP_ERRBUF_SIZE];
	const char *dir = getenv("GOLDEN_DIR");
	struct pcap_pkthdr *hdr;
	const uint8_t *data;
	uint64_t first = 0;
	pcap_t *pcap;
	size_t n = 0;

	assert_non_null(dir);
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	pcap = pcap_open_offline(path, err);
	assert_non_null(pcap);
	while (pcap_next_ex(pcap, &hdr, &data) == 1) {
		uint64_t at = (uint64_t)hdr->ts.tv_sec * US_PER_S + (uint64_t)hdr->ts.tv_usec;

		assert_true(n < FRAMES_MAX);
		if (n == 0)
			first = at;
		out[n].at_us = at - first;
		if (frame_parse(data, hdr->caplen, &out[n]))
			n++;
	}
	pcap_close(pcap);
	return n;
}
