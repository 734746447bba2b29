// SPDX-License-Identifier: BSD-3-Clause
// The PIM speaker under messages of a peer's making. The input is a sequence of messages, each
// behind an octet (its sender in the two low bits, seconds that pass before it in the others) and a
// 16-bit length, or instead of that 0xff and what else happens (act()), which may be a message
// without fault. Version and checksum are made right: the walks behind them are what is tried. All
// of it goes to an interface of IPv4 and to one of IPv6.
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/log.h"
#include "memory.h"
#include "pim/pim.h"
#include "wire/ip.h"
#include "wire/pim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHANNELS_MAX 1200

static const struct addr all_pim_routers[2] = {
	{.family = ADDR_V4, .bytes = {224, 0, 0, 13}},
	{.family = ADDR_V6, .bytes = {0xff, 0x02, [15] = 0x0d}},
};
static bool v6;	   // the interface is of IPv6
static bool watch; // and says nothing
static struct pim_if *speaker;
static bool locals; // receivers are attached directly
static struct timers *clock_of;
static uint64_t clock_us;

static struct addr router(unsigned int n)
{
	if (v6)
		return (struct addr){
			.family = ADDR_V6, .bytes = {0xfe, 0x80, [15] = (uint8_t)(1 + n)}};
	return (struct addr){.family = ADDR_V4, .bytes = {10, 1, 1, (uint8_t)(1 + n)}};
}

static void send_cb(void *ctx, const uint8_t *pim, size_t len)
{
	struct addr us = pim_if_primary(speaker);
	uint8_t type;

	(void)ctx;
	if (watch)
		abort();
	if ((v6 ? pim_header_decode6(pim, len, &us, &all_pim_routers[1], &type)
		: pim_header_decode(pim, len, &type)) != PIM_OK)
		abort();
}

static void want_cb(
	void *ctx, const struct sg *sg, bool wanted, const struct addr *neighbor, uint64_t now_us)
{
	int *n = ctx;

	(void)neighbor;
	(void)now_us;
	*n += wanted ? 1 : -1;
	if (*n < 0 || *n > CHANNELS_MAX || !addr_is_multicast(&sg->g) || !addr_is_unicast(&sg->s))
		abort();
}

static void mute_cb(void *ctx, const struct sg *sg, bool muted, uint64_t now_us)
{
	int *n = ctx;

	(void)sg;
	(void)now_us;
	n[1] += muted ? 1 : -1;
	if (n[1] < 0)
		abort();
}

// By the group, so that both occur.
static bool flows(void *ctx, const struct sg *sg)
{
	(void)ctx;
	return sg->g.bytes[v6 ? 15 : 3] & 1;
}

// The codec alone, as PIMv6 uses it too: whatever decodes can be encoded and decodes to the same.
static void codec(const uint8_t *pim, size_t len)
{
	static const struct addr a = {.family = ADDR_V6, .bytes = {0xfe, 0x80, [15] = 1}};
	uint8_t buf[PIM_HELLO_MAX_LEN], type;
	struct pim_assert_msg m, again;
	struct pim_hello h, h2;
	int n;

	pim_header_decode6(pim, len, &a, &a, &type);
	if (pim_assert_decode(pim, len, &m) == PIM_OK && m.sg.s.family == m.sg.g.family) {
		n = pim_assert_encode(&m, buf, sizeof(buf));
		if (n < 0 || pim_assert_decode(buf, (size_t)n, &again) != PIM_OK ||
			!sg_eq(&m.sg, &again.sg) || m.preference != again.preference ||
			m.metric != again.metric || m.rpt != again.rpt)
			abort();
	}
	if (pim_hello_decode(pim, len, &h) == PIM_OK) {
		n = pim_hello_encode(&h, buf, sizeof(buf));
		if (n < 0 || pim_hello_decode(buf, (size_t)n, &h2) != PIM_OK ||
			h2.n_secondaries != h.n_secondaries)
			abort();
		pim_cksum6(buf, (size_t)n, &a, &a);
		if (pim_header_decode6(buf, (size_t)n, &a, &a, &type) != PIM_OK)
			abort();
	}
}

static void deliver(
	struct pim_if *pif, unsigned int sender, const uint8_t *msg, size_t len, uint64_t now_us)
{
	struct addr src = router(sender);
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, msg, len);
	if (len >= 4) {
		uint16_t sum;

		copy[0] = (uint8_t)(0x20 | (copy[0] & 0xf));
		copy[2] = copy[3] = 0;
		sum = ip_cksum(copy, len);
		copy[2] = (uint8_t)(sum >> 8);
		copy[3] = (uint8_t)sum;
	}
	codec(copy, len);
	if (v6 && len >= 4)
		pim_cksum6(copy, len, &src, &all_pim_routers[1]);
	pim_if_input(pif, &src, &all_pim_routers[v6], copy, len, now_us);
	free(copy);
}

static struct sg channel(unsigned int n)
{
	if (v6)
		return (struct sg){
			.s = {.family = ADDR_V6, .bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 10}},
			.g = {.family = ADDR_V6,
				.bytes = {0xff, 0x3e, [12] = 0x80, [14] = (uint8_t)(n >> 8),
					(uint8_t)n}}};
	return (struct sg){.s = {.family = ADDR_V4, .bytes = {192, 0, 2, 12}},
		.g = {.family = ADDR_V4, .bytes = {232, 252, (uint8_t)(n >> 8), (uint8_t)n}}};
}

static bool local_cb(void *ctx, const struct sg *sg)
{
	(void)ctx;
	return locals && sg->g.bytes[v6 ? 15 : 3] & 2;
}

static void include_cb(void *ctx, const struct sg *sg, uint64_t now_us)
{
	(void)ctx;
	(void)now_us;
	if (sg && !addr_is_multicast(&sg->g))
		abort();
}

static void neighbor_cb(void *arg, const struct pim_neighbor_view *n)
{
	unsigned int *left = arg;

	if (addr_is_none(&n->addr) || *left == 0)
		abort();
	--*left;
}

static void channel_cb(void *arg, const struct pim_channel_view *c)
{
	unsigned int *left = arg;

	if (!c->state[0] || !c->assert_state[0] || !addr_is_multicast(&c->sg.g))
		abort();
	*left -= c->joined;
}

static void look(const struct pim_if *pif)
{
	unsigned int neighbors, joins, again;
	struct pim_if_view v;
	uint32_t cursor = 0;

	pim_if_view(pif, &v);
	neighbors = v.neighbors;
	joins = again = v.joins;
	pim_if_neighbors(pif, neighbor_cb, &neighbors);
	pim_if_channels(pif, channel_cb, &joins);
	while (pim_if_channels_some(pif, &cursor, 1, channel_cb, &again))
		;
	if (neighbors || joins || again || (v.joins && !pim_if_octets(pif)) ||
		v.is_dr != pim_if_is_dr(pif) || v.genid != pim_if_genid(pif) || !pim_if_stats(pif))
		abort();
	for (unsigned int i = 0; i < 4; i++) {
		struct sg sg = channel(i);

		pim_if_include(pif, &sg);
	}
}

static void addresses(struct pim_if *pif, uint8_t how, uint64_t now_us)
{
	struct addr list[3] = {router(how & 3), router(7), router(8)};
	const struct prefix links[2] = {{router(0), v6 ? 64 : 24}, {list[1], 8}};

	list[2].family = how & 64 ? ADDR_V4 : ADDR_V6;
	if (how & 4)
		pim_if_secondaries(pif, list, how >> 4 & 3);
	if (how & 8)
		pim_if_watched(pif, list, how >> 4 & 3, now_us);
	if (how & 128)
		pim_if_links(pif, links, how >> 4 & 2);
}

static void wrong(struct pim_if *pif, uint8_t how, uint64_t now_us)
{
	struct addr a = router(how & 3), other = router(9);
	uint8_t hello[PIM_HELLO_MAX_LEN];
	int len = pim_hello_encode(&(struct pim_hello){.holdtime_s = 105}, hello, sizeof(hello));

	if (len < 0)
		abort();
	if (v6)
		pim_cksum6(hello, (size_t)len, &a, how & 16 ? &other : &all_pim_routers[1]);
	if (how & 4)
		hello[2] ^= 1;
	if (how & 8)
		hello[0] ^= 0x30;
	pim_if_input(pif, &a, how & 16 ? &other : &all_pim_routers[v6], hello, (size_t)len, now_us);
}

// Hellos, Joins, Prunes and Asserts as a router that knows its trade sends them.
static void right(struct pim_if *pif, uint8_t what, uint8_t how, uint64_t now_us)
{
	// Of so many channels; of the last, Asserts end in several turns.
	static const unsigned int counts[] = {1, 3, 70, 1100};
	unsigned int n = counts[what >> 6], from = how >> 5;
	struct addr us = pim_if_primary(pif);
	uint8_t buf[1400];
	int len = -1;

	if ((what & 15) == 8) {
		struct pim_hello h = {.holdtime_s = (uint16_t)(what & 16 ? 0 : 105),
			.genid = how >> 4,
			.dr_priority = how & 8,
			.tracking = how & 4,
			.propagation_delay_ms = 500,
			.override_interval_ms = 2500};

		len = pim_hello_encode(&h, buf, sizeof(buf));
		deliver(pif, how & 3, buf, (size_t)len, now_us);
		return;
	}
	if (watch)
		us = router(1);
	for (unsigned int i = 0; i < n; i++) {
		struct pim_jp_item item = {channel(from + i), !(what & 16)};
		struct pim_assert_msg m = {.sg = item.sg,
			.preference = how & 4	 ? 0
				      : how & 16 ? PIM_PREFERENCE_INFINITE
						 : 200,
			.metric = how & 8 ? 0 : PIM_METRIC_INFINITE,
			.rpt = what & 16};

		len = (what & 15) == 9
			      ? pim_jp_encode(&us, how & 4 ? 20 : 210, &item, 1, buf, sizeof(buf))
			      : pim_assert_encode(&m, buf, sizeof(buf));
		if (len > 0)
			deliver(pif, how & 3, buf, (size_t)len, now_us);
		if (what & 32)
			pim_if_data(pif, &item.sg, now_us);
	}
}

// A Join of more channels than are looked up at one time.
static void joins(struct pim_if *pif, uint8_t how, uint64_t now_us)
{
	struct pim_jp_item items[90];
	struct addr us = watch ? router(1) : pim_if_primary(pif);
	uint8_t buf[4096];
	int len;

	for (unsigned int i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		items[i] = (struct pim_jp_item){channel(7u * i % 97u), !(how & 8)};
		items[i].sg.g = channel(how & 16 ? 1 : i).g;
		items[i].sg.s.bytes[addr_size(&us) ? addr_size(&us) - 1 : 0] = (uint8_t)(10 + i);
	}
	len = pim_jp_encode(&us, 210, items, sizeof(items) / sizeof(items[0]), buf, sizeof(buf));
	if (len > 0)
		deliver(pif, how & 3, buf, (size_t)len, now_us);
	// One of two families is not one.
	items[0].sg.s.family = v6 ? ADDR_V4 : ADDR_V6;
	if (pim_jp_encode(&us, 210, items, 1, buf, sizeof(buf)) > 0 ||
		pim_assert_encode(&(struct pim_assert_msg){.sg = items[0].sg}, buf, sizeof(buf)) >
			0)
		abort();
}

// What but messages happens to an interface.
static void act(
	struct pim_if *pif, const struct pim_cfg *was, uint8_t what, uint8_t how, uint64_t now_us)
{
	static struct prefix allowed[2];
	struct addr a = router(how & 3);
	struct pim_cfg cfg = *was;
	struct sg sg = channel(how & 7u);

	switch (what & 15) {
	case 0:
		if (!watch) // which has no address of ours
			pim_if_address(pif, how & 128 ? NULL : &a, now_us);
		break;
	case 1:
		addresses(pif, how, now_us);
		break;
	case 2:
		pim_if_restore(pif, &sg, &a, now_us + how * USEC_PER_SEC, now_us);
		break;
	case 3:
		locals = how & 128;
		pim_if_local_changed(pif, &sg, now_us);
		break;
	case 4:
		cfg.hello_interval_s = (uint16_t)(how & 64 ? 10 : 30);
		cfg.dr_priority = how & 32;
		cfg.max_joins = how & 16 ? 1 : CHANNELS_MAX;
		cfg.max_neighbors = how & 8 ? 1 : 2;
		cfg.max_joins_neighbor = what & 16 ? 2 : CHANNELS_MAX;
		if (what & 32)
			cfg.assert_preference = cfg.assert_metric = 0;
		allowed[0] = (struct prefix){router(2), v6 ? 128 : 32};
		cfg.neighbors = allowed;
		cfg.n_neighbors = what >> 6 & 1;
		cfg.upstream = allowed;
		cfg.n_upstream = what >> 7;
		pim_if_configure(pif, &cfg, now_us);
		break;
	case 5:
		wrong(pif, how, now_us);
		break;
	case 6:
		memory_fail(how & 15);
		break;
	case 7:
		memory_tight(clock_of, how & 7);
		break;
	case 8:
	case 9:
	case 10:
		right(pif, what, how, now_us);
		break;
	case 11:
		joins(pif, how, now_us);
		break;
	case 12:
		clock_us += how * US_PER_S;
		timers_run(clock_of, clock_us);
		break;
	default:
		break;
	}
}

static void run(const uint8_t *data, size_t size)
{
	static const struct pim_ops ops = {.send = send_cb,
		.want_cb = want_cb,
		.mute_cb = mute_cb,
		.flows = flows,
		.local = local_cb,
		.include_cb = include_cb};
	static const struct prefix ranges[2] = {{{.family = ADDR_V4, .bytes = {232}}, 8},
		{{.family = ADDR_V6, .bytes = {0xff, 0x30}}, 32}};
	struct pim_cfg cfg = {.name = "fuzz",
		.family = v6 ? ADDR_V6 : ADDR_V4,
		.hello_interval_s = 30,
		.hello_holdtime_s = 105,
		.triggered_hello_delay_ms = 5000,
		.propagation_delay_ms = 500,
		.override_interval_ms = 2500,
		.ssm_ranges = ranges,
		.n_ssm_ranges = 2,
		.assert_preference = 110,
		.assert_metric = 10,
		.max_neighbors = 2,
		.max_joins = CHANNELS_MAX,
		.max_joins_neighbor = CHANNELS_MAX};
	struct addr primary = router(0);
	struct rd r = rd_init(data, size);
	struct rng rng = rng_seeded(1);
	struct timers timers;
	struct pim_if *pif;
	int wanted[2] = {0}; // and muted

	log_threshold = LOG_LEVEL_ERROR;
	locals = false;
	watch = cfg.watch = size % 4 == 3;
	timers_init(&timers);
	clock_of = &timers;
	clock_us = US_PER_S;
	pif = speaker = pim_if_create(&cfg, &ops, wanted, &timers, &rng);
	if (!pif)
		abort();
	if (!watch)
		pim_if_address(pif, &primary, clock_us);
	while (rd_left(&r) >= 3) {
		uint8_t how = rd_u8(&r);
		size_t len = rd_be16(&r);

		if (len >= 0xff00) {
			act(pif, &cfg, (uint8_t)len, how, clock_us);
			look(pif);
			continue;
		}
		len = len < rd_left(&r) ? len : rd_left(&r);
		clock_us += (how >> 2) * US_PER_S;
		timers_run(&timers, clock_us);
		// An empty message is data, of a channel that the frames before may have joined.
		if (len == 0) {
			struct sg sg = channel(how & 3);

			pim_if_data(pif, &sg, clock_us);
		} else {
			deliver(pif, how & 3, rd_bytes(&r, len), len, clock_us);
		}
	}
	memory_fail(0);
	memory_tight(&timers, 0);
	look(pif);
	pim_if_destroy(pif, clock_us);
	if (wanted[0] != 0 || wanted[1] != 0 || timers.count != 0)
		abort();
	timers_fini(&timers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int family = 0; family < 2; family++) {
		v6 = family;
		run(data, size);
	}
	return 0;
}
